"""The command line: `pairloom run RECIPE` and what goes with it.

Exit codes: 0 done, 1 the run failed, 2 the recipe or a path is wrong, 130 Ctrl-C, 143 SIGTERM. Results go to standard
output, progress and errors to standard error.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from pairloom.jobs.commands.care import gc_command, verify_command, warmup_command
from pairloom.jobs.commands.export import export_command
from pairloom.jobs.commands.generations import generations_command, retokenize_command, rollback_command
from pairloom.jobs.commands.items import items_commands
from pairloom.jobs.commands.look import files_command, inspect_command, rejected_command, status_command
from pairloom.jobs.commands.report import report_command
from pairloom.jobs.commands.run import plan_command, stage_commands
from pairloom.jobs.commands.steps import steps_command
from pairloom.operators.errors import PairloomError, PreemptedError, RecipeError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Raw text in, an exact vocabulary and a packed Arrow dataset out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

COMMANDS: dict[str, Callable[..., None]] = {
    **stage_commands(),
    "plan": plan_command,
    "retokenize": retokenize_command,
    "generations": generations_command,
    "rollback": rollback_command,
    "inspect": inspect_command,
    "files": files_command,
    "status": status_command,
    "rejected": rejected_command,
    "verify": verify_command,
    "gc": gc_command,
    "export": export_command,
    "report": report_command,
    "steps": steps_command,
    "warmup": warmup_command,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(items_commands, name="items")


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
) -> None:
    """Raw text in, an exact vocabulary and a packed Arrow dataset out."""


def main() -> None:
    """Run the command line; turns the errors that people can act on into one message and an exit code."""
    try:
        app()
    except RecipeError as error:
        _fail(str(error), 2)
    except PreemptedError as error:
        _fail(str(error), 128 + signal.SIGTERM)
    except PairloomError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("interrupted; what is finished is kept, and the same command goes on from there", 130)


def _fail(message: str, code: int) -> None:
    if os.environ.get("PAIRLOOM_LOG") == "json":
        sys.stderr.write(
            json.dumps({"time": round(time.time(), 3), "event": "error", "message": message}) + "\n"
        )
    else:
        sys.stderr.write(f"pairloom: error: {message}\n")
    raise SystemExit(code)
