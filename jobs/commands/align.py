"""`pairloom align`: where two tokenizers cut one text otherwise."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairloom.jobs.commands.options import AsJson, read_text
from pairloom.jobs.show.aligned import show_aligned

if TYPE_CHECKING:
    from pairloom.operators import Vocabulary

__all__ = ["align_command"]


def align_command(
    first: Annotated[str, typer.Argument(metavar="A", help="a tokenizer.json or .tiktoken file")],
    second: Annotated[str, typer.Argument(metavar="B", help="another")],
    text: Annotated[
        list[str] | None,
        typer.Option(help="a text to cut, or @FILE for the lines of one; may be given again"),
    ] = None,
    space: Annotated[bool, typer.Option("--space", help="let chunks end only before spaces")] = False,
    biases: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="write the biases of pairs of tokens, counted on the texts, as Parquet"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show where two tokenizers cut a text otherwise: chunks between the places where a token of both ends.

    With --json a line for each text, with the tokens of both and the chunks as [i0, i1, j0, j1]: tokens i0 to i1 of A are
    tokens j0 to j1 of B. With --biases a table of all pairs of tokens that may end a chunk, with how much differs in what may
    follow them: the row step aligned_rows leaves out chunks by it.

    pairloom align english.json both.json --text "unrelatedly so"
    pairloom align a.json o200k:ranks.tiktoken --text @lines.txt --json
    pairloom align student.json teacher.json --text @corpus.txt --biases biases.parquet
    """
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.operators.errors import RecipeError
    from pairloom.operators.evaluate.differences import alignable, aligned

    texts = [one for given in text or () for one in _texts(given)]
    if not texts:
        raise typer.BadParameter("give a text, or @FILE", param_hint="--text")
    one, other = load_tokenizer(first), load_tokenizer(second)
    for name, vocabulary in ((first, one), (second, other)):
        if (why := alignable(vocabulary)) is not None:
            raise RecipeError(f"{name} {why}")
    if biases is not None:
        _write_biases(one, other, texts, biases)
    found = aligned(one, other, texts, "space" if space else "unconstrained")
    if as_json:
        for each in found:
            said = {"text": each.text, "a": each.first, "b": each.second, "chunks": each.chunks.tolist()}
            sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
        return
    if biases is not None:
        sys.stdout.write(f"{biases}: the biases of pairs, counted on {len(texts):,} texts\n")
        return
    show_aligned(found)


def _write_biases(first: "Vocabulary", second: "Vocabulary", texts: list[str], path: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pairloom.operators.errors import RecipeError
    from pairloom.operators.evaluate.biases import biases_between, token_shares
    from pairloom.pipeline.local import local_path

    at = local_path(path, "the file of biases")
    column = pa.array(texts, pa.large_string())
    shares = (token_shares([one.encode(column)], len(one)) for one in (first, second))
    try:
        pq.write_table(biases_between(first, second, *shares).table(), at)
    except OSError as error:
        raise RecipeError(f"cannot write {path}: {error.strerror or error}; choose another file") from error


def _texts(given: str) -> list[str]:
    return read_text(Path(given[1:])).splitlines() if given.startswith("@") else [given]
