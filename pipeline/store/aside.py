"""What does not hold: files that are gone or not what was written, and what is set aside because of them.

    receipts/count/ab/abcd.json ──▶ aside/receipts/count/ab/abcd.json.3f9a1c2b

Nothing is deleted here. What is below `aside/` is read by nobody, and stays until garbage is collected.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.store.files import NOT_THERE, StoredFile, check_stored
from pairloom.pipeline.store.objects import Objects

__all__ = ["compared", "looked_at", "set_aside", "side_by_side"]

LOOKS_AT_ONCE = 16

T = TypeVar("T")
R = TypeVar("R")


def set_aside(objects: Objects, path: str) -> str:
    """Move a small object out of the way; where it is now."""
    there = f"aside/{path}.{uuid.uuid4().hex[:8]}"
    objects.put(there, objects.read(path))
    objects.delete(path)
    return there


def looked_at(objects: Objects, stored: StoredFile) -> str | None:
    """What a look at a file says is wrong with it, None if nothing: that it is there, and how long it is."""
    try:
        with objects.open(stored.path) as file:
            size = file.size()
    except NOT_THERE:
        return "is missing"
    except CorruptionError:  # an empty one
        size = 0
    return None if size == stored.bytes else f"has {size} bytes instead of {stored.bytes}"


def compared(objects: Objects, stored: StoredFile) -> str | None:
    """What is wrong with a file, None if nothing: all of it is read."""
    wrong = looked_at(objects, stored)
    if wrong is None:
        try:
            check_stored(objects, stored)
        except CorruptionError:
            return "is not what was written"
        except NOT_THERE:
            return "is missing"
    return wrong


def side_by_side(ask: Callable[[T], R], of: Iterable[T]) -> Iterator[R]:
    """The answers for each, in their order; several are waited for at a time."""
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        yield from pool.map(ask, of)
