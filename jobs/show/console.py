"""Where tables are printed: as wide as they are, unless a terminal is narrower."""

from rich.console import Console

__all__ = ["wide_console"]

WIDEST = 100_000  # off a terminal nothing is cut: what reads it there wants whole paths


def wide_console(least: int = 120) -> Console:
    """Standard output for tables, at least so wide, without markup or colours of numbers."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.width = max(least, console.width) if console.is_terminal else WIDEST
    return console
