"""`pairloom report`: the page, or its figures as JSON."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pairloom.jobs.commands.options import Engine
from pairloom.jobs.report.compare import compare_page
from pairloom.jobs.report.lexicons import read_lexicons, read_segmentations
from pairloom.jobs.report.page import page
from pairloom.jobs.report.plots import need_matplotlib
from pairloom.jobs.show.progress import watching
from pairloom.operators import Vocabulary
from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline import Dataset, open_dataset
from pairloom.pipeline.report import (
    SEQ_LENS,
    Measured,
    Options,
    measure_root,
    measure_vocabulary,
    report_on_root,
    report_on_vocabulary,
)
from pairloom.pipeline.report import compare as difference

__all__ = ["load_tokenizer", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("report")(report_command)


def report_command(
    what: Annotated[
        str | None,
        typer.Argument(metavar="ROOT|VOCABULARY", help="a run's root, a tokenizer.json or a .tiktoken"),
    ] = None,
    out: Annotated[Path, typer.Option(help="where the page goes")] = Path("report.html"),
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON instead")] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]FILE", help="another tokenizer.json, or scheme:FILE.tiktoken"),
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="FIELD", help="report each value of a field, as lang")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="files to measure a vocabulary on")] = None,
    field: Annotated[str, typer.Option(help="the field or column with the text, with --text")] = "text",
    parallel: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="field that translations share: token premiums, with --by"),
    ] = None,
    reference: Annotated[str, typer.Option(help="the language that premiums are relative to")] = "en",
    lexicon: Annotated[
        list[str] | None,
        typer.Option(metavar="LANGUAGE=FILE", help="words, roots and affixes: which tokens are such"),
    ] = None,
    segmentation: Annotated[
        list[str] | None,
        typer.Option(metavar="LANGUAGE=FILE", help="words and their morphemes: whether tokens end with them"),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="bytes of text to read, about, instead of all")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="another seed is another sample")] = 0,
    alpha: Annotated[float, typer.Option(min=0, help="the order of the Rényi efficiency")] = 2.5,
    rare: Annotated[int | None, typer.Option(min=1, help="a token used less often is rare")] = None,
    seq_len: Annotated[list[int] | None, typer.Option(min=1, help="candidate sequence lengths")] = None,
    engine: Engine = None,
    generation: Annotated[int | None, typer.Option(help="instead of the newest")] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(help="two roots (ROOT@2 is generation 2), vocabularies, or reports that --json printed"),
    ] = None,
) -> None:
    """Show how good a vocabulary is, on one page that needs no network."""
    if (what is None) == (compare is None):
        raise RecipeError("name a root or a vocabulary to report on, or two of them with --compare A B")
    if not as_json:
        need_matplotlib()
    options = Options(
        against=_named(against or []),
        by=by,
        parallel=parallel,
        reference=reference,
        sample_bytes=sample,
        seed=seed,
        alpha=alpha,
        threshold=rare,
        seq_lens=tuple(sorted(set(seq_len))) if seq_len else SEQ_LENS,
        lexicons=read_lexicons(lexicon or []),
        segmentations=read_segmentations(segmentation or []),
        engine=_engine(engine),
    )
    with watching() as watch:
        options = replace(options, observe=watch)
        if compare is not None:
            made = _compared(compare, options, tuple(text or ()), field)
        else:
            made = _report(str(what), options, tuple(text or ()), field, generation)
    if as_json:
        sys.stdout.write(json.dumps(made, ensure_ascii=False) + "\n")
        return
    content = page(made) if compare is None else compare_page(made)
    try:
        out.write_text(content, encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"cannot write {out}: {error}") from error
    sys.stdout.write(f"{out}: {len(content.encode()):,} bytes\n")


def _engine(name: str | None) -> Literal["ray", "local"] | None:
    if name not in (None, "ray", "local"):
        raise RecipeError(f"--engine is ray or local, not {name!r}")
    return name  # type: ignore[return-value]


def _report(
    what: str, options: Options, texts: tuple[str, ...], field: str, generation: int | None
) -> dict[str, Any]:
    if Path(what).is_file():
        return report_on_vocabulary(what, load_tokenizer(what), texts, field, options)
    if texts:
        raise RecipeError(
            f"--text goes with a vocabulary; {what} is a root, or no file, and brings its own text"
        )
    return report_on_root(open_dataset(what, generation), options)


def _compared(
    compare: tuple[str, str], options: Options, texts: tuple[str, ...], field: str
) -> dict[str, Any]:
    """Both reports, each with the other vocabulary beside its own where neither is stored, and what is different."""
    names = _distinct(compare)
    stored = [_stored(one) for one in compare]
    made = []
    for i, (name, what) in enumerate(zip(names, compare, strict=True)):
        if (report := stored[i]) is not None:
            made.append(Measured(name=name, report=report))
            continue
        known = stored[1 - i] is not None
        other = {} if known else {names[1 - i]: _vocabulary(compare[1 - i])}
        one = replace(options, against={**options.against, **other})
        if Path(what).is_file():
            made.append(measure_vocabulary(name, load_tokenizer(what), texts, field, one))
        else:
            made.append(measure_root(name, _root(what), one))
    reports = {one.name: one.report for one in made}
    return {"reports": reports, "comparison": difference(*made)}


def _vocabulary(what: str) -> Vocabulary:
    return load_tokenizer(what) if Path(what).is_file() else _root(what).vocabulary()


def _root(what: str) -> Dataset:
    """A root, or one of its generations: `out`, `out@2`."""
    root, _, generation = what.rpartition("@")
    if root and generation.isdigit() and not Path(what).exists():
        return open_dataset(root, int(generation))
    return open_dataset(what)


def _stored(what: str) -> dict[str, Any] | None:
    """A report that `--json` wrote; None for a root or a vocabulary."""
    if not Path(what).is_file() or what.endswith(".tiktoken"):
        return None
    try:
        found = json.loads(Path(what).read_bytes())
    except ValueError as error:
        raise DataError(f"{what} is no JSON: {error}") from error
    if isinstance(found, dict) and "model" in found:
        return None
    if not isinstance(found, dict) or found.get("format") != 1 or "summary" not in found:
        raise RecipeError(
            f"{what} is no report that `pairloom report --json` printed, and no tokenizer.json; name one, or a root"
        )
    return found


def _distinct(names: tuple[str, str]) -> tuple[str, str]:
    one, two = names
    return (one, two) if one != two else (one, f"{two} again")


def load_tokenizer(path: str) -> Vocabulary:
    """A vocabulary from a `tokenizer.json`, or from a `.tiktoken` file, whose scheme may stand before a colon.

    `cl100k:ranks.tiktoken` is cut as cl100k does; without a scheme the file's name tells it, else it is cl100k.
    """
    scheme, colon, rest = path.partition(":")
    if path.endswith(".tiktoken"):
        name = rest if colon and not Path(path).exists() else path
        guessed = "o200k" if "o200k" in Path(name).name else "cl100k"
        try:
            return Vocabulary.from_tiktoken(name, scheme=scheme if name == rest else guessed)
        except (OSError, ValueError) as error:
            raise RecipeError(f"cannot read {path}: {error}") from error
    try:
        return Vocabulary.load(path)
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror}") from error


def _named(against: list[str]) -> dict[str, Vocabulary]:
    found: dict[str, Vocabulary] = {}
    for one in against:
        name, equals, path = one.partition("=")
        if not equals:
            name, path = (
                Path(one).stem if Path(one).stem != "tokenizer" else Path(one).parent.name or one,
                one,
            )
        if name in found or name == "this":
            raise RecipeError(f"two tokenizers are called {name!r}; name them apart: --against NAME=FILE")
        found[name] = load_tokenizer(path)
    return found
