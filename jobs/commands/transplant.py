"""`pairloom transplant`: a model's embeddings for another vocabulary."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pairloom.jobs.commands.options import AsJson

__all__ = ["transplant_command"]


def transplant_command(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="the model's vocabulary: a tokenizer.json or .tiktoken file")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="the vocabulary that it gets")],
    embeddings: Annotated[
        Path, typer.Option(metavar="MODEL", help="a .safetensors file, or a folder with all of a model's")
    ],
    out: Annotated[Path, typer.Option(help="an empty folder")],
    pad_to: Annotated[
        int, typer.Option(min=1, help="make the number of rows a multiple of this, as 64 or 128")
    ] = 1,
    tensor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="a tensor with a row for each token, if none is called as usual; may be given again",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a model another vocabulary: the rows of its embeddings and of its head follow.

    Tokens that both have keep their rows bit for bit, special tokens by their roles; others begin as the mean of their pieces.

    pairloom transplant old/tokenizer.json new.json --embeddings old/ --out model/ --pad-to 64
    pairloom transplant base.json both.json --embeddings model.safetensors --out both/ --json
    """
    from pairloom.jobs.report.subjects import load_tokenizer
    from pairloom.pipeline.transplant import transplant

    found = transplant(
        load_tokenizer(old),
        load_tokenizer(new),
        str(embeddings),
        str(out),
        pad_to=pad_to,
        tensors=tuple(tensor or ()),
    )
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    rows = found["origins"]
    for one in found["tensors"]:
        sys.stdout.write(f"{one['name']}: {one['kind']} {one['before']} is {one['after']} now\n")
    sys.stdout.write(
        f"{found['rows']:,} rows: {rows['same']:,} of the same token, {rows['role']:,} of the same role, {rows['pieces']:,} the "
        f"mean of their pieces, {rows['all']:,} of all rows, {rows['padding']:,} padding\n"
    )
    for key in found["lost"]:
        sys.stdout.write(f"{key} named a token that the new vocabulary has not: say it anew\n")
