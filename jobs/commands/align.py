"""`pairloom align`: where two tokenizers cut one text otherwise."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairloom.jobs.commands.options import AsJson, read_text

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
    as_json: AsJson = False,
) -> None:
    """Show where two tokenizers cut a text otherwise: chunks between the places where a token of both ends.

    With --json a line for each text, with the tokens of both and the chunks as [i0, i1, j0, j1]: tokens i0 to i1 of A are
    tokens j0 to j1 of B.

    pairloom align english.json both.json --text "unrelatedly so"
    pairloom align a.json o200k:ranks.tiktoken --text @lines.txt --json
    """
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.operators.errors import RecipeError
    from pairloom.operators.shown import printable

    texts = [one for given in text or () for one in _texts(given)]
    if not texts:
        raise typer.BadParameter("give a text, or @FILE", param_hint="--text")
    vocabularies = [load_tokenizer(name) for name in (first, second)]
    for name, vocabulary in zip((first, second), vocabularies, strict=True):
        if not vocabulary.model.spells:
            raise RecipeError(
                f"{name} is of the model {vocabulary.model.name!r}, whose tokens are not the bytes of a text: only tokenizers "
                "whose tokens are (bpe, lzw) can be aligned"
            )
        if vocabulary.normalizer != "none":
            raise RecipeError(
                f"{name} normalizes text ({vocabulary.normalizer}): its tokens are of other bytes than those given"
            )
    totals = [0, 0, 0, 0]
    for found in _aligned(texts, vocabularies, "space" if space else "unconstrained"):
        if as_json:
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
            continue
        for chunk in found["chunks"]:
            one, other = found["a"][slice(*chunk[:2])], found["b"][slice(*chunk[2:])]
            same = one == other
            totals[2] += 1
            totals[3] += same
            if not same:
                sys.stdout.write(
                    printable(f"{'|'.join(one)}   ~   {'|'.join(other)}").replace("\n", "\\n") + "\n"
                )
        totals[0] += len(found["a"])
        totals[1] += len(found["b"])
    if not as_json:
        a, b, chunks, same = totals
        sys.stdout.write(
            f"{a:,} tokens by A, {b:,} by B; {chunks:,} chunks, {same:,} of them the same tokens\n"
        )


def _aligned(texts: list[str], vocabularies: "list[Vocabulary]", mode: Any) -> Iterator[dict[str, Any]]:
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.evaluate.chunks import chunks_between

    column = pa.array(texts, pa.large_string())
    both = [vocabulary.encode(column, offsets=True) for vocabulary in vocabularies]
    for place, text in enumerate(texts):
        data = text.encode()
        ends = [np.array(found[1][place].as_py(), np.int64) for found in both]
        chunks = chunks_between(*ends, mode=mode, text=data)
        tokens = [
            [
                data[a:b].decode("utf-8", "backslashreplace")
                for a, b in zip([0, *cuts[:-1]], cuts, strict=True)
            ]
            for cuts in (one.tolist() for one in ends)
        ]
        yield {"text": text, "a": tokens[0], "b": tokens[1], "chunks": chunks.tolist()}


def _texts(given: str) -> list[str]:
    return read_text(Path(given[1:])).splitlines() if given.startswith("@") else [given]
