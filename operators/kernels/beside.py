"""Compiling in several processes at once, since numba compiles one kernel at a time in a process.

Whoever needs kernels hands out places to helpers, longest first; what a helper compiles it keeps on disk (`cache.py`), where
whoever asked finds it. A helper that fails is no matter: what it has not compiled is compiled by whoever needs it, who says why
that fails.
"""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import TextIO

from pairloom.operators.kernels.warmup import on_compiled, warm_up

__all__ = ["Piece", "compile_beside", "serve"]

Piece = tuple[tuple[str, ...], str]
"""Pretokenizers, and the place whose kernels are run for them: what `warm_up` takes."""

_SERVE = "from pairloom.operators.kernels.beside import serve; serve()"


def compile_beside(pieces: Sequence[Piece], processes: int, tell: Callable[[str], None]) -> None:
    """Compile the kernels of all pieces in so many processes; `tell` the "module:name" of each once it is compiled."""
    todo, said = deque(pieces), SimpleQueue[str | None]()
    threads = [Thread(target=_lead, args=(todo, said), daemon=True) for _ in range(processes)]
    for thread in threads:
        thread.start()
    left = len(threads)
    while left:
        name = said.get()
        if name is None:
            left -= 1
        else:
            tell(name)


def _lead(todo: "deque[Piece]", said: "SimpleQueue[str | None]") -> None:
    """Give one helper after another piece, until there is none left or the helper is gone."""
    command = [sys.executable, "-P", "-c", _SERVE]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    try:
        with subprocess.Popen(  # noqa: S603  (this interpreter, with code that is a constant)
            command, stdin=pipe, stdout=pipe, stderr=nowhere, text=True, env=environment
        ) as helper:
            assert helper.stdin is not None
            assert helper.stdout is not None
            while todo and _lead_through(todo.popleft(), helper.stdin, helper.stdout, said):
                pass
    except (OSError, IndexError):  # it could not be started, or has ended; another has taken the last piece
        pass
    finally:
        said.put(None)


def _lead_through(piece: Piece, ask: TextIO, answers: TextIO, said: "SimpleQueue[str | None]") -> bool:
    ask.write(json.dumps(piece) + "\n")
    ask.flush()
    for line in answers:
        if line == "\n":
            return True
        said.put(line.strip())
    return False


def serve() -> None:
    """A helper's life: a piece a line from standard input, the names of what is compiled to standard output, then a blank."""
    answers, sys.stdout = sys.stdout, sys.stderr

    def say(line: str) -> None:
        answers.write(line + "\n")
        answers.flush()

    with on_compiled(say):
        for line in sys.stdin:
            schemes, place = json.loads(line)
            warm_up(tuple(schemes), (place,))
            say("")
