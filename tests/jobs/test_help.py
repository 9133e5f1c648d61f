"""Help has every command in a group, and examples of each that are commands."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.jobs.commands.help import GROUPS

ROOT: Any = typer.main.get_command(app)


def commands(group: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def examples(command: Any) -> list[str]:
    return [
        line.strip() for line in (command.help or "").splitlines() if line.strip().startswith("pairloom ")
    ]


@pytest.mark.parametrize(
    ("path", "command"), list(commands()), ids=lambda one: " ".join(one) if isinstance(one, tuple) else ""
)
def test_every_command_has_two_examples_that_are_commands(path: tuple[str, ...], command: Any) -> None:
    found = examples(command)
    assert len(found) >= 2
    for line in found:
        words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])[1:]
        at: Any = ROOT
        taken = []
        while hasattr(at, "commands"):
            taken.append(words.pop(0))
            at = at.commands[taken[-1]]
        assert tuple(taken) == path
        at.make_context(taken[-1], words)


def test_help_has_every_command_below_its_group() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    parts = {part.split(":")[0]: part for part in shown.split("\n\n")}
    named = [name for names in GROUPS.values() for name in names]
    assert sorted(named) == sorted(ROOT.commands)
    for group, names in GROUPS.items():
        assert all(f"\n  {name} " in parts[group] for name in names), group


def test_examples_stand_on_lines_of_their_own() -> None:
    shown = CliRunner().invoke(app, ["gc", "--help"]).stdout
    assert "Examples:\n    pairloom gc out\n    pairloom gc out --keep 2 --delete\n" in shown
