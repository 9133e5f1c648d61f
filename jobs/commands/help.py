"""Help as people read it: commands in groups, and the examples of each as lines of their own.

The last paragraph of a command's docstring has its examples, one a line, each beginning with `pairloom`.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from typer.core import TyperGroup

__all__ = ["GROUPS", "Grouped", "examples_of", "with_examples"]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Make": (
        "init",
        "plan",
        "run",
        "count",
        "learn",
        "tokenize",
        "select",
        "pack",
        "statistics",
        "merkle",
        "retokenize",
        "export",
        "vocabulary",
        "transplant",
        "adapt",
        "items",
    ),
    "Look": (
        "status",
        "inspect",
        "trace",
        "where",
        "files",
        "rejected",
        "generations",
        "report",
        "lineage",
        "align",
        "steps",
        "schema",
    ),
    "Prove": ("verify", "prove", "check", "doctor"),
    "Tend": ("repair", "gc", "rollback", "warmup"),
}
"""The commands by what they are for; what is in none of them, such as a stage that is installed, makes something."""


class Grouped(TyperGroup):
    """A command with commands below it, whose help has them by group."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, a group after another, each with its first sentence."""
        named = {
            name: command for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))
        }
        width = max(map(len, named))
        for group, names in _grouped(named).items():
            with formatter.section(group):
                formatter.write_dl(
                    [(f"{name:{width}}", named[name].get_short_help_str(240)) for name in names]
                )


def _grouped(named: Mapping[str, Any]) -> dict[str, list[str]]:
    known = {name for names in GROUPS.values() for name in names}
    found = {group: [name for name in names if name in named] for group, names in GROUPS.items()}
    found["Make"] += [name for name in named if name not in known]
    return found


def examples_of(doc: str) -> list[str]:
    r"""The examples of a docstring.

    >>> examples_of("Do it.\n\n    pairloom do this\n    pairloom do that --now\n    ")
    ['pairloom do this', 'pairloom do that --now']
    """
    last = doc.rstrip().rpartition("\n\n")[2]
    lines = [line.strip() for line in last.splitlines()]
    return lines if all(line.startswith("pairloom ") for line in lines) else []


def with_examples(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose help keeps the lines of its examples."""
    doc = command.__doc__ or ""
    if found := examples_of(doc):
        said = inspect.cleandoc(doc).rpartition("\n\n")[0]
        command.__doc__ = said + "\n\n\b\nExamples:\n" + "\n".join(f"  {line}" for line in found)
    return command
