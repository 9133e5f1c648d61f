"""`pairloom transplant` and `pairloom adapt`: a model's embeddings for another vocabulary."""

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from pairloom.jobs.commands.completion import methods
from pairloom.jobs.commands.options import AsJson, RecipeOptions, keyed, spread

if TYPE_CHECKING:
    from pairloom.operators.embeddings import Method
    from pairloom.pipeline.transplant import Sources

__all__ = ["AdaptOptions", "MethodOptions", "adapt_command", "transplant_command"]


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
        str, typer.Option(metavar="MODEL", help="a .safetensors file, or a folder with all of a model's")
    ],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="an empty folder")],
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
        embeddings,
        out,
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
    from pairloom.jobs.show.transplanted import show_transplanted

    show_transplanted(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptOptions(RecipeOptions):
    """What adapting is asked."""

    embeddings: Annotated[
        str, typer.Option(metavar="MODEL", help="a .safetensors file, or a folder with all of a model's")
    ]
    out: Annotated[
        str, typer.Option(metavar="FOLDER", help="an empty folder, for model/, tokenizer/ and adapt.json")
    ]
    method: Annotated[
        str, typer.Option(help="how rows of new tokens are made: pieces or frequency", autocompletion=methods)
    ] = "pieces"
    pad_to: Annotated[
        int, typer.Option(min=1, help="make the number of rows a multiple of this, as 64 or 128")
    ] = 1
    as_json: AsJson = False


@spread
def adapt_command(asked: AdaptOptions) -> None:
    """Extend a model's vocabulary by what the text of a recipe needs, and let its embeddings follow.

    The recipe's `vocabulary.extend` is the model's. Learns, proves that each new token is reached, and says how many tokens a word
    has before and after.

    pairloom adapt recipe.yaml --embeddings model/ --out adapted/
    pairloom adapt recipe.yaml --set vocabulary.extend_by=tokens --embeddings model/ --out adapted/ --pad-to 64 --json
    """
    recipe = asked.load()
    from pairloom.jobs.show.watch import STARTING, watched, watching

    with watching() as progress:
        progress(STARTING)
        from pairloom.jobs.show.transplanted import show_adapted
        from pairloom.operators.embeddings import method_of
        from pairloom.pipeline import Dataset, make_plan, run
        from pairloom.pipeline.store.location import open_objects
        from pairloom.pipeline.transplant import adapt, check_adaptable

        method = method_of(asked.method)
        plan = make_plan(recipe, observe=progress)
        check_adaptable(plan.base, method, asked.embeddings, asked.out)
        with watched(plan, progress) as watch:
            manifest = watch.log.committed(
                run(recipe, until="learn", observe=watch.observe, plan=plan, stop=watch.stop)
            )
    assert plan.base is not None
    found = adapt(
        plan.base,
        Dataset(objects=open_objects(recipe.root), manifest=manifest),
        asked.embeddings,
        asked.out,
        pad_to=asked.pad_to,
        method=method,
    )
    if asked.as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    show_adapted(found)
