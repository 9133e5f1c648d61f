"""`pairloom report`: the page, or its figures as JSON."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pairloom.jobs.commands.options import Engine, Generation, spread

__all__ = ["Measures", "Subject", "report_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the report is on, and the text that it is measured on."""

    what: Annotated[
        str | None,
        typer.Argument(metavar="ROOT|VOCABULARY", help="a run's root, a tokenizer.json or a .tiktoken"),
    ] = None
    generation: Generation = None
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(help="two roots (ROOT@2 is generation 2), vocabularies, or reports that --json printed"),
    ] = None
    text: Annotated[list[str] | None, typer.Option(help="files to measure a vocabulary on")] = None
    field: Annotated[str, typer.Option(help="the field or column with the text, with --text")] = "text"
    max_rejected: Annotated[
        float, typer.Option(min=0, max=1, help="share of the records of --text that may be unusable")
    ] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is measured besides, and where."""

    against: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]FILE", help="another tokenizer.json, or scheme:FILE.tiktoken"),
    ] = None
    against_text: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATHS", help="kinds of text: of which the vocabulary was learned, and how much"
        ),
    ] = None
    merges: Annotated[int, typer.Option(min=1, help="merges that --against-text looks at")] = 3000
    by: Annotated[str | None, typer.Option(metavar="FIELD", help="report each value of a field, as lang")] = (
        None
    )
    parallel: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="field that translations share: token premiums, with --by"),
    ] = None
    reference: Annotated[str, typer.Option(help="the language that premiums are relative to")] = "en"
    own: Annotated[
        int | None,
        typer.Option(
            min=512, metavar="SIZE", help="with --parallel: learn a vocabulary for each language too"
        ),
    ] = None
    lexicon: Annotated[
        list[str] | None,
        typer.Option(metavar="LANGUAGE=FILE", help="words, roots and affixes: which tokens are such"),
    ] = None
    segmentation: Annotated[
        list[str] | None,
        typer.Option(metavar="LANGUAGE=FILE", help="words and their morphemes: whether tokens end with them"),
    ] = None
    sample: Annotated[
        int | None, typer.Option(min=1, help="bytes of text to read, about, instead of all")
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="another seed is another sample")] = 0
    alpha: Annotated[float, typer.Option(min=0, help="the order of the Rényi efficiency")] = 2.5
    rare: Annotated[int | None, typer.Option(min=1, help="a token used less often is rare")] = None
    seq_len: Annotated[list[int] | None, typer.Option(min=1, help="candidate sequence lengths")] = None
    engine: Engine = None


@spread
def report_command(
    subject: Subject,
    measures: Measures,
    out: Annotated[Path, typer.Option(help="where the page goes")] = Path("report.html"),
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON instead")] = False,
) -> None:
    """Show how good a vocabulary is, on one page that needs no network.

    pairloom report out --against llama3=tokenizer.json --out report.html
    pairloom report tokenizer.json --text 'docs/**/*.txt' --json
    """
    from pairloom.operators.errors import RecipeError

    if (subject.what is None) == (subject.compare is None):
        raise RecipeError("name a root or a vocabulary to report on, or two of them with --compare A B")
    if measures.engine not in (None, "auto", "ray", "local"):
        raise RecipeError(f"--engine is auto, ray or local, not {measures.engine!r}")
    from pairloom.jobs.report.lexicons import read_lexicons, read_segmentations
    from pairloom.jobs.report.plots import need_matplotlib
    from pairloom.jobs.show.watch import STARTING, watching
    from pairloom.pipeline.flow.events import Doing

    if not as_json:
        need_matplotlib()
    lexicons, segmentations = (
        read_lexicons(measures.lexicon or []),
        read_segmentations(measures.segmentation or []),
    )
    first, second = subject.compare or (str(subject.what), None)
    with watching() as watch:
        watch(STARTING)
        import pairloom

        made = pairloom.report(
            first,
            second,
            texts=subject.text or (),
            field=subject.field,
            generation=subject.generation,
            against=measures.against or (),
            against_text=measures.against_text or (),
            merges=measures.merges,
            by=measures.by,
            parallel=measures.parallel,
            reference=measures.reference,
            own=measures.own,
            lexicons=lexicons,
            segmentations=segmentations,
            sample_bytes=measures.sample,
            seed=measures.seed,
            alpha=measures.alpha,
            threshold=measures.rare,
            seq_lens=measures.seq_len,
            engine=measures.engine,
            max_rejected=subject.max_rejected,
            observe=watch,
        )
        if not as_json:
            watch(Doing(stage="report", step="page", what="drawing"))
            size = made.save(out)
    if as_json:
        sys.stdout.write(json.dumps(made.figures, ensure_ascii=False) + "\n")
        return
    sys.stdout.write(f"{out}: {size:,} bytes\n")
