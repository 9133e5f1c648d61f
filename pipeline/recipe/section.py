"""What every part of a recipe is, and the hash of what it means."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict

__all__ = ["Section", "fingerprint"]


class Section(BaseModel):
    """A part of a recipe: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def fingerprint(value: object) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal; raises TypeError for a value without one.

    >>> fingerprint({"b": 1, "a": [2]}) == fingerprint({"a": [2], "b": 1})
    True
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
