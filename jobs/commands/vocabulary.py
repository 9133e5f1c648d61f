"""Vocabularies as files: appending the tokens of one to another, drawing many, what the tokens of one are to another."""

import json
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from pairloom.jobs.commands.help import with_examples
from pairloom.jobs.commands.options import AsJson, spread

__all__ = ["DrawOptions", "vocabulary_app"]

vocabulary_app = typer.Typer(
    help="Work on the files of vocabularies.", no_args_is_help=True, rich_markup_mode=None
)


@vocabulary_app.callback()
def vocabulary_command() -> None:
    """Work on the files of vocabularies."""


@vocabulary_app.command("extend")
@with_examples
def extend_command(
    old: Annotated[str, typer.Argument(metavar="OLD", help="a tokenizer.json; its ids never move")],
    new: Annotated[
        str,
        typer.Argument(metavar="NEW", help="a tokenizer.json or .tiktoken file, whose tokens are appended"),
    ],
    out: Annotated[str, typer.Option(help="the tokenizer.json to write; OUT.rows.arrow goes beside it")],
    size: Annotated[int | None, typer.Option(help="tokens in all; otherwise as many as there are")] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair/--drop",
            help="give tokens that no text would reach the merges that lead to them, or leave them out",
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Append the tokens of another vocabulary, in the order of their ids, and say where each new token comes from.

    Beside OUT a file says, for each new token, the old ids whose rows an embedding's new row is the mean of.

    pairloom vocabulary extend english.json portuguese.json --out both.json --size 52000
    pairloom vocabulary extend a.json b.json --out both.json --drop --json
    """
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.pipeline.export.extension import append_vocabulary

    found = append_vocabulary(load_tokenizer(old), load_tokenizer(new), out, size=size, repair=repair)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(
        f"{found['out']}: {found['tokens']:,} tokens, {found['base_tokens']:,} of them as before, {found['appended']:,} "
        f"appended and {found['between']:,} between that lead to them; {found['left_out']:,} were left out\n"
        f"{found['rows']}: the old ids that each new token was\n"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawOptions:
    """How vocabularies are drawn, and which."""

    steps: Annotated[int, typer.Option(min=1, help="how many to draw")]
    first: Annotated[
        int, typer.Option(min=0, help="the number of the first, where others draw those before")
    ] = 0
    seed: Annotated[int, typer.Option(min=0, help="what all draws depend on")] = 0
    documents: Annotated[int, typer.Option(help="of a batch")] = 2048
    size: Annotated[int, typer.Option(help="tokens at most, and the mean before that is cut off")] = 32_768
    size_spread: Annotated[float, typer.Option(help="standard deviation of sizes")] = 8192.0
    least: Annotated[int, typer.Option(help="tokens at least, if the batch has them")] = 16_384
    noise: Annotated[float, typer.Option(help="median of the noise's spread")] = 1e-5
    noise_spread: Annotated[float, typer.Option(help="standard deviation of its logarithm")] = 4.0
    longest: Annotated[int, typer.Option(help="characters of a token at most")] = 16


@vocabulary_app.command("draw")
@with_examples
@spread
def draw_command(
    base: Annotated[
        str, typer.Argument(metavar="BASE", help="a tokenizer.json, or a root, in whose ids tokens are told")
    ],
    text: Annotated[list[str], typer.Option(metavar="PATHS", help="text to draw from; may be given again")],
    out: Annotated[str, typer.Option(help="a folder")],
    asked: DrawOptions,
    width: Annotated[
        int | None, typer.Option(min=1, help="ids of a row of surface forms; otherwise those of the longest")
    ] = None,
    field: Annotated[str, typer.Option(help="the field of records that has the text")] = "text",
    as_json: AsJson = False,
) -> None:
    """Draw vocabularies from text, with the surface forms of their tokens: inputs for training a model that makes embeddings.

    A step depends on text, seed and its number alone, whoever draws the others.

    pairloom vocabulary draw base.json --text 'in/*.jsonl' --out drawn/ --steps 1000
    pairloom vocabulary draw base.json --text 'in/*.jsonl' --out drawn/ --steps 500 --first 500 --width 7 --json
    """
    from dataclasses import asdict

    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.operators.sampled import Draw
    from pairloom.pipeline.sampled import draw_steps

    settings = asdict(asked)
    first, steps, seed = (settings.pop(name) for name in ("first", "steps", "seed"))
    found = draw_steps(
        load_tokenizer(base),
        text,
        out,
        steps=range(first, first + steps),
        seed=seed,
        draw=Draw(**settings),
        width=width,
        field=field,
    )
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sizes = [one["tokens"] for one in found["steps"]]
    cut = sum(one["cut"] for one in found["steps"])
    sys.stdout.write(
        f"{out}: {len(sizes):,} vocabularies of {min(sizes):,} to {max(sizes):,} tokens, drawn from {found['documents']:,} "
        f"documents; {cut:,} surface forms were cut short\n"
    )


@vocabulary_app.command("surface")
@with_examples
def surface_command(
    base: Annotated[
        str, typer.Argument(metavar="BASE", help="a tokenizer.json, or a root, in whose ids tokens are told")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="the vocabulary whose tokens are told")],
    out: Annotated[str, typer.Option(help="the .npy file to write: int32, a row for each token")],
    width: Annotated[
        int | None, typer.Option(min=1, help="ids of a row; otherwise those of the longest")
    ] = None,
    pad: Annotated[int, typer.Option(help="what stands behind the ids of a row")] = -1,
    as_json: AsJson = False,
) -> None:
    """Write each token of a vocabulary as a row of another's ids: its surface form.

    A row of one id is a token that both have; the mean of the rows of an embedding that a row names begins a new one well.

    pairloom vocabulary surface base.json new.json --out forms.npy
    pairloom vocabulary surface base.json new.json --out forms.npy --width 7 --pad 0 --json
    """
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.pipeline.sampled import write_forms

    found = write_forms(load_tokenizer(base), load_tokenizer(new), out, width=width, pad=pad)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(
        f"{out}: {found['tokens']:,} tokens, {found['width']} ids each; {found['cut']:,} were cut short\n"
    )


@vocabulary_app.command("prune")
@with_examples
def prune_command(
    base: Annotated[str, typer.Argument(metavar="FILE", help="a tokenizer.json of byte-level BPE")],
    corpus: Annotated[str, typer.Option(metavar="ROOT", help="a root whose rows are in its ids")],
    size: Annotated[int, typer.Option(min=1, help="how many tokens stay")],
    out: Annotated[
        str, typer.Option(help="the tokenizer.json to write; OUT.rows.arrow and OUT.map.arrow go beside it")
    ],
    as_json: AsJson = False,
) -> None:
    """Leave out the tokens that a corpus misses least, so that all others can still be made.

    Beside OUT a file says which old row each new token has in an embedding, another which new tokens each old one is now.
    `pairloom transplant FILE OUT` makes the model follow.

    pairloom vocabulary prune base.json --corpus out/ --size 32000 --out small.json
    pairloom vocabulary prune base.json --corpus out/ --size 32000 --out small.json --json
    """
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.pipeline import open_dataset
    from pairloom.pipeline.export.pruned import prune_vocabulary

    found = prune_vocabulary(load_tokenizer(base), open_dataset(corpus), size, out)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(
        f"{found['out']}: {found['tokens']:,} tokens, {found['left_out']:,} were left out; the "
        f"{found['corpus_tokens']:,} tokens of the corpus become about {found['more_tokens']:,} more\n"
        f"{found['rows']}: the old row of each new token\n{found['map']}: what each old token is now\n"
    )


@vocabulary_app.command("rows")
@with_examples
def rows_command(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="a model's vocabulary: a tokenizer.json, or a root")
    ],
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="the vocabulary that it is to get, or a root that has it")
    ],
    out: Annotated[str, typer.Option(help="the Arrow file to write")],
    as_json: AsJson = False,
) -> None:
    """Say from which rows of an embedding each token of another vocabulary begins, without a model.

    The file is what `pairloom transplant` writes beside a model: id, token, origin, and the old ids with the weight of each.

    pairloom vocabulary rows base.json typed.json --out rows.arrow
    pairloom vocabulary rows base.json out/ --out rows.arrow --json
    """
    from pairloom.jobs.report.subjects import tokenizer_and_roles
    from pairloom.pipeline.transplant import write_rows

    (before, old_roles), (after, new_roles) = tokenizer_and_roles(old), tokenizer_and_roles(new)
    found = write_rows(before, after, out, old_roles=old_roles, new_roles=new_roles)
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    origins = ", ".join(f"{count:,} {name}" for name, count in found["origins"].items() if count)
    sys.stdout.write(f"{found['out']}: {found['rows']:,} rows ({origins})\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class GlyphOptions:
    """How tokens become rows of numbers."""

    dimensions: Annotated[int, typer.Option(min=1, help="numbers of a row")] = 1024
    slots: Annotated[
        int, typer.Option(min=1, max=16, help="characters side by side; further ones lie over these")
    ] = 3
    reduce: Annotated[
        str, typer.Option(help="pca: principal components; mean: shares of black in equal runs of pixels")
    ] = "pca"


@vocabulary_app.command("glyphs")
@with_examples
@spread
def glyphs_command(
    base: Annotated[str, typer.Argument(metavar="FILE", help="a tokenizer.json, or a root")],
    font: Annotated[
        str, typer.Option(metavar="FONT", help="GNU Unifont's .hex, or with Pillow a .ttf, .otf or .ttc")
    ],
    out: Annotated[
        str, typer.Option(help="the .npy or .safetensors file to write: float32, a row for each id")
    ],
    asked: GlyphOptions,
    as_json: AsJson = False,
) -> None:
    """Write what each token looks like as a row of numbers of length 1, to be an embedding that is not trained.

    Special tokens, bytes that are no whole characters, unused ids, and tokens without any glyph in the font have rows of zeros.

    pairloom vocabulary glyphs tokenizer.json --font unifont.hex --out glyphs.npy
    pairloom vocabulary glyphs out/ --font font.ttf --out glyphs.safetensors --dimensions 768 --json
    """
    from dataclasses import asdict

    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.pipeline.export.glyphs import write_glyphs

    found = write_glyphs(load_tokenizer(base), font, out, **asdict(asked))
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(
        f"{found['out']}: {found['rows']:,} rows of {found['dimensions']:,} numbers, {found['zero']:,} of them zero\n"
    )
    if found["missing"]:
        sys.stdout.write(
            f"{found['missing']:,} characters have no glyph, such as {', '.join(found['missing_first'])}\n"
        )
