"""Identity is content: ids are hashes of everything that decides what they stand for."""

import hashlib
import json

__all__ = ["FORMAT_VERSION", "fingerprint", "unit_id"]

FORMAT_VERSION = 1  # of what is stored; part of every id


def fingerprint(value: object) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal; raises TypeError for a value without one.

    >>> fingerprint({"b": 1, "a": [2]}) == fingerprint({"a": [2], "b": 1})
    True
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def unit_id(stage: str, identity: object) -> str:
    """The id of a unit of work: 32 hexadecimal digits of a hash of everything that changes its bytes."""
    return fingerprint({"format": FORMAT_VERSION, "stage": stage, "identity": identity})[:32]
