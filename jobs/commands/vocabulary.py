"""Vocabularies as files: appending the tokens of one to another."""

import json
import sys
from typing import Annotated

import typer

from pairloom.jobs.commands.help import with_examples
from pairloom.jobs.commands.options import AsJson

__all__ = ["vocabulary_app"]

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
