"""Identity is content: ids are hashes of everything that decides what they stand for."""

import hashlib
import json
from collections.abc import Iterable

__all__ = ["FORMAT_VERSION", "fingerprint", "unit_id", "unit_ids"]

FORMAT_VERSION = 1  # of what is stored; part of every id


def fingerprint(value: object) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal; raises TypeError for a value without one.

    >>> fingerprint({"b": 1, "a": [2]}) == fingerprint({"a": [2], "b": 1})
    True
    """
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def unit_id(stage: str, identity: object) -> str:
    """The id of a unit of work: 32 hexadecimal digits of a hash of everything that changes its bytes."""
    return fingerprint({"format": FORMAT_VERSION, "stage": stage, "identity": identity})[:32]


def unit_ids(stage: str, firsts: Iterable[object], rest: object) -> list[str]:
    """The ids of units whose identities are [first, rest], of which there may be thousands with the same rest.

    >>> unit_ids("slice", ["a", "b"], {"c": 1}) == [unit_id("slice", [first, {"c": 1}]) for first in "ab"]
    True
    """
    before, _, after = _canonical(
        {"format": FORMAT_VERSION, "stage": stage, "identity": [None, rest]}
    ).partition("[null,")
    texts = (f"{before}[{_canonical(first)},{after}" for first in firsts)
    return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]


_canonical = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode
