"""How often this process looks for garbage while a run goes on."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collected_rarely"]

# New objects between two looks, instead of 700: of 20,000 small files, each of which leaves some dozens of objects that
# last, looking took a fifth of the time. What is large is given back when the last who needs it is through, without a look.
_OBJECTS = 10_000


@contextmanager
def collected_rarely() -> Iterator[None]:
    """While the block runs, garbage is looked for after more objects than usual, unless it is looked for still more rarely.

    >>> import gc
    >>> before = gc.get_threshold()
    >>> with collected_rarely():
    ...     gc.get_threshold()[0] >= before[0]
    True
    >>> gc.get_threshold() == before
    True
    """
    before = gc.get_threshold()
    if 0 < before[0] < _OBJECTS:
        gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
