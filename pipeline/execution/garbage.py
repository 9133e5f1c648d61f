"""How often this process looks for garbage while runs go on."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collected_rarely"]

# New objects between two looks, instead of 700: of 20,000 small files, each of which leaves some dozens of objects that
# last, looking took a fifth of the time. What is large is given back when the last who needs it is through, without a look.
_OBJECTS = 10_000


class _Runs:
    """How many runs go on in this process, and how many objects there were between two looks before the first."""

    def __init__(self) -> None:
        self._lock, self._count, self._before = threading.Lock(), 0, 0

    def begin(self) -> None:
        with self._lock:
            self._count += 1
            before, *others = gc.get_threshold()
            if self._count == 1:
                self._before = before
            if 0 < before < _OBJECTS:
                gc.set_threshold(_OBJECTS, *others)

    def end(self) -> None:
        """The last run gives back what was there before the first, unless somebody has asked for something else since."""
        with self._lock:
            self._count -= 1
            now, *others = gc.get_threshold()
            if not self._count and now == _OBJECTS:
                gc.set_threshold(self._before, *others)


_RUNS = _Runs()


@contextmanager
def collected_rarely() -> Iterator[None]:
    """While the block runs, garbage is looked for after more objects than usual, unless it is looked for still more rarely.

    The setting is the process's: of several blocks, in threads, the last that ends puts back what was there before the first.

    >>> import gc
    >>> before = gc.get_threshold()
    >>> with collected_rarely():
    ...     gc.get_threshold()[0] >= before[0]
    True
    >>> gc.get_threshold() == before
    True
    """
    _RUNS.begin()
    try:
        yield
    finally:
        _RUNS.end()
