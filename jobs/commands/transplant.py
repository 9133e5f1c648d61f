"""`pairloom transplant`: a model's embeddings for another vocabulary."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairloom.jobs.commands.completion import methods
from pairloom.jobs.commands.options import AsJson, keyed, spread

if TYPE_CHECKING:
    from pairloom.operators.embeddings import Method
    from pairloom.pipeline.transplant import Sources

__all__ = ["MethodOptions", "transplant_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOptions:
    """How the rows of new tokens are made, and of what."""

    method: Annotated[str, typer.Option(help="how rows of new tokens are made", autocompletion=methods)] = (
        "pieces"
    )
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="what the method is told, as k=32; may be given again"
        ),
    ] = None
    vectors: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="vectors of tokens, `old` and `new`, a row for each id: .npz or .safetensors, for tokenadapt, focus, wechsel",
        ),
    ] = None
    donor: Annotated[
        str | None, typer.Option(metavar="MODEL", help="a model of the new vocabulary, for omp")
    ] = None
    text: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATHS", help="text in which old tokens are counted, for frequency; may be given again"
        ),
    ] = None
    field: Annotated[str, typer.Option(help="the field of its records that has the text")] = "text"

    def method_and_sources(self) -> "tuple[Method, Sources]":
        """What `transplant` takes; raises RecipeError for a method or a setting that there is not."""
        from pairloom.operators.embeddings import method_of
        from pairloom.pipeline.transplant import Sources

        sources = Sources(
            vectors=self.vectors, donor=self.donor, text=tuple(self.text or ()), field=self.field
        )
        return method_of(self.method, keyed(self.settings or ())), sources


@spread
def transplant_command(
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD",
            help="the model's vocabulary: a tokenizer.json or .tiktoken file, a folder that has one, or a root",
        ),
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="the vocabulary that it gets")],
    embeddings: Annotated[
        Path, typer.Option(metavar="MODEL", help="a .safetensors file, or a folder with all of a model's")
    ],
    out: Annotated[Path, typer.Option(help="an empty folder")],
    by: MethodOptions,
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

    Tokens that both have keep their rows bit for bit, special tokens by their roles; others begin as the mean of their pieces, or
    as the method makes them: `frequency`, `tokenadapt`, `focus`, `wechsel`, `omp`.

    pairloom transplant old/tokenizer.json new.json --embeddings old/ --out model/ --pad-to 64
    pairloom transplant base.json both.json --embeddings model.safetensors --out both/ --json
    pairloom transplant a.json b.json --embeddings a/ --out ab/ --method omp --donor b/ --set k=64
    pairloom transplant a.json b.json --embeddings a/ --out ab/ --method tokenadapt --vectors vectors.npz
    """
    from pairloom.jobs.report.subjects import tokenizer_and_roles
    from pairloom.pipeline.transplant import transplant

    method, sources = by.method_and_sources()
    (before, old_roles), (after, new_roles) = tokenizer_and_roles(old), tokenizer_and_roles(new)
    found = transplant(
        before,
        after,
        str(embeddings),
        str(out),
        pad_to=pad_to,
        tensors=tuple(tensor or ()),
        old_roles=old_roles,
        new_roles=new_roles,
        method=method,
        sources=sources,
    )
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    rows = found["origins"]
    for one in found["tensors"]:
        sys.stdout.write(f"{one['name']}: {one['kind']} {one['before']} is {one['after']} now\n")
    sys.stdout.write(
        f"{found['rows']:,} rows: {rows['same']:,} of the same token, {rows['role']:,} of the same role, {rows['pieces']:,} the "
        f"mean of their pieces, {rows['method']:,} by {method.name}, {rows['all']:,} of all rows, {rows['padding']:,} padding\n"
    )
    numbers = found["numbers"]
    if numbers["old"] != numbers["new"]:
        sys.stdout.write(
            f"numbers are cut {numbers['old']} by the old vocabulary and {numbers['new']} by the new one: expect worse arithmetic\n"
        )
    for key in found["lost"]:
        sys.stdout.write(f"{key} named a token that the new vocabulary has not: say it anew\n")
