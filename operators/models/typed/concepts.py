"""Concepts with their semantic types, read from a file: on each line what spells one, a tab, and its type.

    aspirin	drug
    cold	disease
    cold	sensation

What spells a concept of several types has a line for each. Empty lines and those that begin with `#` are left out.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pairloom.operators.errors import RecipeError

__all__ = ["LONGEST", "Concept", "read_concepts", "types_of"]

LONGEST = 1024
"""Bytes that spell a concept, at most."""


class Concept(NamedTuple):
    """What spells it, and its semantic type."""

    text: str
    type: str


def read_concepts(path: str) -> tuple[Concept, ...]:
    """The concepts of a file, each once, ascending; raises RecipeError, which names file and line."""
    found: set[Concept] = set()
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        text, tab, kind = line.removesuffix("\r").partition("\t")
        if wrong := _wrong(text, tab, kind):
            raise RecipeError(f"{path}, line {number}: {wrong}")
        found.add(Concept(text, kind))
    if not found:
        raise RecipeError(f"{path}: no line has a concept; write what spells it, a tab, and its type")
    return tuple(sorted(found))


def types_of(concepts: Iterable[Concept]) -> tuple[str, ...]:
    """The types that there are, ascending.

    >>> types_of([Concept("cold", "sensation"), Concept("cold", "disease")])
    ('disease', 'sensation')
    """
    return tuple(sorted({concept.type for concept in concepts}))


def _wrong(text: str, tab: str, kind: str) -> str:
    if not tab:
        return f"{text!r} has no type; write what spells a concept, a tab, and its type"
    if not text or text != text.strip() or "\n" in text:
        return f"{text!r} spells no concept: it is empty, or has white space around it; remove that"
    if len(text.encode()) > LONGEST:
        return f"a concept of {len(text.encode())} bytes; {LONGEST} are the most"
    if not kind or kind != kind.strip() or "\t" in kind:
        return f"{kind!r} is no type: a name without tabs, and without white space around it"
    return ""


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}; name a file that is there") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from error
