"""The command line: `pairloom run RECIPE` and what goes with it.

Results go to standard output, progress and errors to standard error, as JSON lines with `--json` or `PAIRLOOM_LOG=json`.
`boundary.py` has the exit codes, `entry.py` the process.
"""

import os
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from pairloom.jobs.boundary import ending
from pairloom.jobs.commands.align import align_command
from pairloom.jobs.commands.care import gc_command, repair_command, verify_command, warmup_command
from pairloom.jobs.commands.covers import cover_command, never_command
from pairloom.jobs.commands.doctor import doctor_command
from pairloom.jobs.commands.export import export_command
from pairloom.jobs.commands.generations import generations_command, retokenize_command, rollback_command
from pairloom.jobs.commands.help import Grouped, with_examples
from pairloom.jobs.commands.init import init_command
from pairloom.jobs.commands.items import items_commands
from pairloom.jobs.commands.lineage import lineage_command
from pairloom.jobs.commands.look import files_command, inspect_command, rejected_command, status_command
from pairloom.jobs.commands.prove import check_command, prove_command
from pairloom.jobs.commands.report import report_command
from pairloom.jobs.commands.run import plan_command, stage_commands
from pairloom.jobs.commands.schema import schema_command
from pairloom.jobs.commands.steps import steps_command
from pairloom.jobs.commands.trace import trace_command, where_command
from pairloom.jobs.commands.transplant import adapt_command, transplant_command
from pairloom.jobs.commands.vocabulary import vocabulary_app

__all__ = ["app", "main", "run"]

app = typer.Typer(
    cls=Grouped,
    help="Raw text in, an exact vocabulary and a packed Arrow dataset out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: dict[str, Callable[..., None]] = {
    **stage_commands(),
    "init": init_command,
    "plan": plan_command,
    "retokenize": retokenize_command,
    "generations": generations_command,
    "rollback": rollback_command,
    "inspect": inspect_command,
    "trace": trace_command,
    "where": where_command,
    "files": files_command,
    "status": status_command,
    "rejected": rejected_command,
    "verify": verify_command,
    "prove": prove_command,
    "check": check_command,
    "repair": repair_command,
    "gc": gc_command,
    "export": export_command,
    "transplant": transplant_command,
    "adapt": adapt_command,
    "lineage": lineage_command,
    "report": report_command,
    "align": align_command,
    "steps": steps_command,
    "schema": schema_command,
    "warmup": warmup_command,
    "doctor": doctor_command,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(with_examples(_command))
vocabulary_app.command("cover")(with_examples(cover_command))
vocabulary_app.command("never")(with_examples(never_command))
app.add_typer(items_commands, name="items")
app.add_typer(vocabulary_app, name="vocabulary")


def _say_version(wanted: bool) -> None:
    if wanted:
        import pairloom

        sys.stdout.write(f"pairloom {pairloom.__version__}\n")
        raise typer.Exit


@app.callback()
def pairloom_command(
    version: Annotated[
        bool, typer.Option("--version", help="print the version", is_eager=True, callback=_say_version)
    ] = False,
    traceback: Annotated[  # taken from anywhere on the command line, before it is read
        bool, typer.Option("--traceback", help="print the frames of an error too")
    ] = False,
) -> None:
    """Raw text in, an exact vocabulary and a packed Arrow dataset out."""


def _said(error: Exception) -> str:
    formatted = getattr(error, "format_message", None)
    return str(error if formatted is None else formatted())


# What typer raises where a command line is wrong, whichever of its options, arguments and commands that is about.
_Misused: type[Exception] = typer.BadParameter.__mro__[1]


def run() -> object:
    """Run the command that the command line names; raises whatever it raises.

    Where errors are wanted as JSON, one of the command line itself is a RecipeError like all others.
    """
    words = [word for word in sys.argv[1:] if word != "--traceback"]
    if "--json" not in words and os.environ.get("PAIRLOOM_LOG") != "json":
        return app(args=words)
    try:
        code = app(args=words, prog_name="pairloom", standalone_mode=False)
    except _Misused as error:
        from pairloom.operators.errors import RecipeError

        context = getattr(error, "ctx", None)
        path = getattr(context, "command_path", "pairloom")
        said = " ".join(_said(error).split()).rstrip(".")
        raise RecipeError(f"{said}; `{path} --help` lists what there is") from error
    raise SystemExit(code if isinstance(code, int) else 0)


def main() -> NoReturn:
    """Run the command line in this process; ends with SystemExit, whose code `boundary.py` explains."""
    raise SystemExit(ending(run, sys.argv[1:]))
