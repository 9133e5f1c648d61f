"""Looking at a root: its rows, its files, its runs, and what was rejected on the way to it."""

import json
import sys
from typing import Annotated

import typer

from pairloom.jobs.commands.completion import document_steps, splits, stage_names
from pairloom.jobs.commands.options import AsJson, Generation, RootArgument, Split, known
from pairloom.pipeline.stages import stages

__all__ = ["files_command", "inspect_command", "rejected_command", "status_command"]


def inspect_command(
    root: Annotated[str, typer.Argument(metavar="ROOT|FILE", help="the root of a run, or one file")],
    split: Split = "train",
    rows: Annotated[int, typer.Option(min=1, help="how many rows")] = 3,
    start: Annotated[int, typer.Option(min=0, help="the first row")] = 0,
    width: Annotated[int, typer.Option(min=8, help="characters of each document")] = 160,
    dropped: Annotated[
        str | None,
        typer.Option(
            metavar="STEP",
            help="documents that this step left out instead, --rows of them",
            autocompletion=document_steps,
        ),
    ] = None,
    generation: Generation = None,
    as_json: AsJson = False,
) -> None:
    """Print packed rows, decoded, with the boundaries of their documents; or what a file holds.

    A file may be Arrow or Parquet of anybody's, a shard or rows of a root, a tokenizer.json or a .tiktoken file.

    pairloom inspect out --rows 2
    pairloom inspect data/part-0.parquet
    pairloom inspect out --dropped gopher_quality --rows 10
    """
    from pairloom.jobs.show.files import is_file, show_file

    if is_file(root):
        show_file(root, start, rows, width, as_json=as_json)
        return
    from pairloom.pipeline import open_dataset

    if dropped is not None:
        from pairloom.jobs.show.dropped import show_dropped

        show_dropped(open_dataset(root, generation), dropped, rows, width, as_json=as_json)
        return
    from pairloom.jobs.show.rows import show_rows

    show_rows(open_dataset(root, generation), split, start, rows, width, as_json=as_json)


def files_command(
    root: RootArgument,
    stage: Annotated[
        str, typer.Option(help=", ".join(stage.name for stage in stages()), autocompletion=stage_names)
    ] = "pack",
    split: Annotated[str | None, typer.Option(help="train or validation", autocompletion=splits)] = None,
    seq_len: Annotated[int | None, typer.Option(help="rows of this length, of several")] = None,
    generation: Generation = None,
    as_json: AsJson = False,
) -> None:
    """Print the committed files of a stage, one a line, in order.

    pairloom files out --split train
    pairloom files out --stage learn
    """
    known(stage, (one.name for one in stages()), "--stage")
    from pairloom.pipeline import open_dataset

    files = open_dataset(root, generation).files(stage, split, seq_len=seq_len)
    if as_json:
        sys.stdout.write(json.dumps(files) + "\n")
        return
    for uri in files:
        sys.stdout.write(uri + "\n")


def status_command(
    root: RootArgument,
    run_name: Annotated[str | None, typer.Option("--run", help="instead of the newest")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far a run is, or how it ended, from any machine that can read its root.

    pairloom status out
    pairloom status s3://bucket/out --json
    """
    from pairloom.jobs.show.status import show_status

    show_status(root, run_name, as_json)


def rejected_command(
    root: RootArgument,
    reason: Annotated[str | None, typer.Option(help="only those with this reason")] = None,
    limit: Annotated[int, typer.Option(min=0, help="how many to print; 0 for counts alone")] = 20,
    generation: Generation = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON lines instead")] = False,
) -> None:
    """Print the records that could not be used: where each is, and why.

    pairloom rejected out
    pairloom rejected out --reason null_text --json --limit 1000
    """
    from pairloom.jobs.show.care import show_rejected
    from pairloom.pipeline import open_dataset

    show_rejected(open_dataset(root, generation), reason, limit, as_json)
