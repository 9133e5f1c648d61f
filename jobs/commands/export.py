"""`pairloom export`: a dataset, or its vocabulary, in the files of another trainer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pairloom.jobs.commands.options import AsJson, Generation, Split, known, read_text
from pairloom.pipeline.export.formats import EXPORTERS

__all__ = ["export_command"]


def export_command(
    source: Annotated[
        str, typer.Argument(metavar="DATASET|VOCABULARY", help="the root of a run, or a tokenizer.json")
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format", help=f"{', '.join(EXPORTERS.names())}; of a vocabulary: tokenizer, tiktoken"
        ),
    ],
    out: Annotated[
        str, typer.Option(help="an empty folder, local or in a bucket; for tiktoken a local file")
    ],
    split: Split = "train",
    unit: Annotated[str | None, typer.Option(help="rows or documents, instead of the format's own")] = None,
    seq_len: Annotated[
        int | None, typer.Option(min=1, help="which rows, where they have several lengths")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="a column to leave out; may be given again")
    ] = None,
    generation: Generation = None,
    role: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=TOKEN", help="for tokenizer: bos, eos, pad, unk, sep, cls or mask"),
    ] = None,
    chat_template: Annotated[
        Path | None, typer.Option(metavar="FILE", help="for tokenizer: a Jinja template")
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(min=1, help="for tokenizer: tokens of the longest input")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a dataset, or its vocabulary, in the files of another trainer.

    pairloom export out --format megatron --out megatron/
    pairloom export out --format tokenizer --out tokenizer/ --role pad='<|pad|>'
    """
    known(form, (*EXPORTERS.names(), "tokenizer", "tiktoken"), "--format")
    given = _roles(role or ())
    from pairloom.jobs.show.watch import STARTING, watching

    with watching() as watch:
        watch(STARTING)
        import pairloom
        from pairloom.jobs.show.exported import show_exported

        made = pairloom.export(
            source,
            out,
            format=form,
            split=split,
            unit=unit,
            seq_len=seq_len,
            without=without or (),
            generation=generation,
            roles=given,
            chat_template=None if chat_template is None else read_text(chat_template),
            max_length=max_length,
            observe=watch,
        )
    show_exported(made, fresh=watch.ran, as_json=as_json)


def _roles(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        role, equals, token = one.partition("=")
        if not equals or not token:
            raise typer.BadParameter(f"is written ROLE=TOKEN, not {one!r}", param_hint="--role")
        found[role] = token
    return found
