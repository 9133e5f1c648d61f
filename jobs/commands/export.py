"""`pairloom export`: a dataset, or its vocabulary, in the files of another trainer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pairloom.jobs.commands.completion import export_formats, export_units
from pairloom.jobs.commands.options import AsJson, Generation, Split, known, read_text, spread
from pairloom.pipeline.export import OF_VOCABULARIES
from pairloom.pipeline.export.formats import EXPORTERS

__all__ = ["ExportOptions", "export_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What an export is asked."""

    source: Annotated[
        str, typer.Argument(metavar="DATASET|VOCABULARY", help="the root of a run, or a tokenizer.json")
    ]
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help=f"{', '.join(EXPORTERS.names())}; of a vocabulary: {', '.join(OF_VOCABULARIES)}",
            autocompletion=export_formats,
        ),
    ]
    out: Annotated[
        str | None,
        typer.Option(
            help="an empty folder, local or in a bucket; for tiktoken, gguf and sentencepiece a file"
        ),
    ] = None
    to: Annotated[
        str | None,
        typer.Option(metavar="hf://datasets/OWNER/NAME", help="a repository of the Hub, instead of a folder"),
    ] = None
    license: Annotated[
        str | None, typer.Option(metavar="ID", help="with --to: that of the dataset, as apache-2.0")
    ] = None
    split: Split = "train"
    unit: Annotated[
        str | None,
        typer.Option(help="rows or documents, instead of the format's own", autocompletion=export_units),
    ] = None
    seq_len: Annotated[
        int | None, typer.Option(min=1, help="which rows, where they have several lengths")
    ] = None
    without: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="a column to leave out; may be given again")
    ] = None
    generation: Generation = None
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=TOKEN",
            help="for tokenizer, gguf and sentencepiece: bos, eos, pad, unk, sep, cls or mask",
        ),
    ] = None
    chat_template: Annotated[
        Path | None, typer.Option(metavar="FILE", help="for tokenizer and gguf: a Jinja template")
    ] = None
    max_length: Annotated[
        int | None, typer.Option(min=1, help="for tokenizer and gguf: tokens of the longest input")
    ] = None
    as_json: AsJson = False


@spread
def export_command(asked: ExportOptions) -> None:
    """Write a dataset, or its vocabulary, in the files of another trainer.

    pairloom export out --format megatron --out megatron/
    pairloom export out --format tokenizer --out tokenizer/ --role pad='<|pad|>'
    pairloom export out --format gguf --out vocabulary.gguf
    pairloom export out --format sentencepiece --out tokenizer.model
    pairloom export out --format parquet --to hf://datasets/OWNER/NAME --license apache-2.0
    """
    if (asked.out is None) == (asked.to is None):
        raise typer.BadParameter("say where it goes, by one of --out and --to", param_hint="--out")
    if asked.to is not None and not asked.to.startswith("hf://"):
        raise typer.BadParameter(
            f"is a repository of the Hub, as hf://datasets/OWNER/NAME, not {asked.to!r}", param_hint="--to"
        )
    known(asked.form, (*EXPORTERS.names(), *OF_VOCABULARIES), "--format")
    given = _roles(asked.role or ())
    from pairloom.jobs.show.watch import STARTING, watching

    with watching() as watch:
        watch(STARTING)
        import pairloom
        from pairloom.jobs.show.exported import show_exported

        made = pairloom.export(
            asked.source,
            asked.out or str(asked.to),
            format=asked.form,
            split=asked.split,
            unit=asked.unit,
            seq_len=asked.seq_len,
            without=asked.without or (),
            generation=asked.generation,
            roles=given,
            chat_template=None if asked.chat_template is None else read_text(asked.chat_template),
            max_length=asked.max_length,
            license=asked.license,
            observe=watch,
        )
    show_exported(made, fresh=watch.ran, as_json=asked.as_json)


def _roles(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        role, equals, token = one.partition("=")
        if not equals or not token:
            raise typer.BadParameter(f"is written ROLE=TOKEN, not {one!r}", param_hint="--role")
        found[role] = token
    return found
