"""The one place where an error becomes a message and an exit code, and where output that nobody takes is noticed.

    0    done
    1    the run failed: the data, a store or a machine; the message says what to do
    2    the recipe, an option or a path is wrong: correct it
    70   a bug in Pairloom: the message says where to report it
    130  Ctrl-C, at any time
    141  whoever read the output stopped reading (`| head -1`), or it is closed
    143  SIGTERM, at any time

What is no bug is one line. `--traceback`, anywhere on the command line, prints the frames as well.
"""

import io
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pairloom.jobs.entry import STOPPED
from pairloom.operators.errors import PairloomError, PreemptedError, RecipeError
from pairloom.operators.shown import printable

__all__ = ["BUG", "INTERRUPTED", "TERMINATED", "UNREAD", "ending", "output", "reported"]

BUG, INTERRUPTED, UNREAD, TERMINATED = 70, 130, 141, 143
REPORT = "report it to whoever maintains your Pairloom (`pip show pairloom`), with this line and the command"


class UnreadError(Exception):
    """Standard output does not take what is printed."""


class _Output(io.TextIOWrapper):
    """Standard output that tells its own failures from those of files."""

    def write(self, text: str) -> int:
        """Print."""
        with _unread():
            return super().write(text)

    def flush(self) -> None:
        """Print what is held back."""
        with _unread():
            super().flush()


class _Closed(io.RawIOBase):
    """Standard output that was closed before the command began."""

    def writable(self) -> bool:
        """In name only."""
        return True

    def write(self, data: Any) -> int:
        """Never succeeds."""
        raise OSError("it is closed")


def output() -> None:
    """Make the standard streams take every character, as an escape where need be, and say so where they take nothing.

    What libraries would log for want of anybody else who listens, pages of frames among it, is no message of ours.
    """
    if "--traceback" not in sys.argv:
        logging.lastResort = logging.NullHandler()  # with none at all, logging itself says so on the terminal
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _occupy(number)  # or the next file that is opened would be taken for it
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  (as long as the process)
    encoding = "utf-8" if sys.stdout is None else sys.stdout.encoding
    raw: Any = (
        sys.stdout.detach() if isinstance(sys.stdout, io.TextIOWrapper) else io.BufferedWriter(_Closed())
    )
    sys.stdout = _Output(raw, encoding, errors="backslashreplace", line_buffering=raw.isatty())


def ending(command: Callable[[], object], words: list[str], said: Callable[[], bool] = lambda: False) -> int:
    """Run a command and print what people should know of how it failed; the exit code.

    `words` are those of the command line, and `said` tells whether it was said already that the command was stopped.
    """
    try:
        code = _code(command)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  (the one place where that is right)
        if said():
            return INTERRUPTED
        if "--traceback" in words and not isinstance(error, KeyboardInterrupt):
            traceback.print_exception(error)
        code, message = _undecoded(error, words) or _told(error)
        _say(message, code, "--json" in words)
    return code


def _code(command: Callable[[], object]) -> int:
    """The exit code of a command that ends by itself."""
    try:
        command()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # what typer makes of Ctrl-C
            raise KeyboardInterrupt from ended
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _undecoded(error: BaseException, words: list[str]) -> tuple[int, str] | None:
    """What is said where a word of the command line is bytes that are no UTF-8, and was taken for text.

    A path may be such bytes, so that nobody else can tell before the word is used.
    """
    if not isinstance(error, UnicodeEncodeError):
        return None
    wrong = next((word for word in words if any("\ud800" <= one <= "\udfff" for one in word)), None)
    return (
        None if wrong is None else (2, f"the argument {wrong!r} is no UTF-8, as text and ids are: correct it")
    )


def _told(error: BaseException) -> tuple[int, str]:
    """The exit code and the message of what a command has raised."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, STOPPED
    if isinstance(error, UnreadError):
        return UNREAD, f"not everything was printed: standard output cannot be written: {error}"
    if isinstance(error, BrokenPipeError):
        return UNREAD, "nobody reads what is printed"
    from pairloom.pipeline.expected import expected

    known = expected(error)
    if known is None:
        return BUG, _bug(error)
    codes: dict[type[PairloomError], int] = {RecipeError: 2, PreemptedError: TERMINATED}
    return next((code for kind, code in codes.items() if isinstance(known, kind)), 1), str(known)


def reported(urls: Iterable[str]) -> str:
    """Where a bug is reported: at the tracker that the package's metadata names, else by whoever maintains it.

    >>> reported(["Issues, https://example.org/issues"])
    'report it at https://example.org/issues, with this line and the command'
    """
    for entry in urls:
        name, _, url = entry.partition(", ")
        if name.lower() in {"issues", "issue tracker", "bug tracker", "tracker", "bugs"}:
            return f"report it at {url}, with this line and the command"
    return REPORT


def _bug(error: BaseException) -> str:
    """What is said of an error that nobody expected: what and where, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    folder = str(Path(__file__).parents[1])
    ours = [frame for frame in frames if frame.filename.startswith(folder)] or list(frames)
    where = f" ({os.path.relpath(ours[-1].filename, folder)}, line {ours[-1].lineno})" if ours else ""
    notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return f"a bug in Pairloom: {said}{notes}{where}; {reported(_urls())}; --traceback prints the frames"


def _urls() -> list[str]:
    from importlib.metadata import PackageNotFoundError, metadata

    with suppress(PackageNotFoundError):
        return metadata("pairloom").get_all("Project-URL") or []
    return []


def _say(message: str, code: int, as_json: bool) -> None:
    """One line on standard error; nothing where that is closed."""
    if as_json or os.environ.get("PAIRLOOM_LOG") == "json":
        line = json.dumps({"time": round(time.time(), 3), "event": "error", "message": message, "code": code})
    elif code in (INTERRUPTED, UNREAD):
        line = f"pairloom: {message}"
    else:
        line = f"pairloom: error: {message}"
    with suppress(OSError, ValueError):
        sys.stderr.write(printable(line) + "\n")
        sys.stderr.flush()


def _occupy(number: int) -> None:
    with suppress(OSError):
        os.fstat(number)
        return
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)


@contextmanager
def _unread() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadError((error.strerror or str(error)).lower()) from error
