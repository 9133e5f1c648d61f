"""`pairloom export`: a dataset, or its vocabulary, in the files of another trainer."""

from typing import Annotated

import typer

from pairloom.jobs.commands.options import AsJson, Generation, Split
from pairloom.pipeline.export.formats import EXPORTERS

__all__ = ["export_command"]


def export_command(
    source: Annotated[
        str, typer.Argument(metavar="DATASET|VOCABULARY", help="the root of a run, or a tokenizer.json")
    ],
    form: Annotated[
        str,
        typer.Option("--format", help=f"{', '.join(EXPORTERS.names())}; of a vocabulary: tiktoken"),
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
    as_json: AsJson = False,
) -> None:
    """Write a dataset, or its vocabulary, in the files of another trainer."""
    import pairloom
    from pairloom.jobs.show.exported import show_exported
    from pairloom.jobs.show.progress import watching

    with watching() as watch:
        made = pairloom.export(
            source,
            out,
            format=form,
            split=split,
            unit=unit,
            seq_len=seq_len,
            without=without or (),
            generation=generation,
            observe=watch,
        )
    show_exported(made, fresh=bool(watch.steps), as_json=as_json)
