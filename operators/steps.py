"""What steps of every kind have in common: an identity, a seed, and how they write probabilities."""

import dataclasses
import hashlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["in_53rds", "step_identity", "step_seed"]


def step_identity(step: Any) -> dict[str, Any]:
    """The name, version and keys of a step, as JSON; of one that another distribution brings, its module's hash too.

    A key that is a number with a fraction is one however it was written: 1 is 1.0, as where it is read again from a recipe.
    """
    keys = {
        field.name: _plain(_number(field, getattr(step, field.name))) for field in dataclasses.fields(step)
    }
    identity = {"name": step.name, "version": step.version, "keys": keys}
    module = type(step).__module__
    if not module.startswith("pairloom."):
        file = getattr(sys.modules[module], "__file__", None)
        identity["module"] = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else module
    return identity


def step_seed(seed: int, place: int, name: str) -> int:
    """The seed of the step in a place of a recipe: 64 bits, others for each place and name.

    >>> step_seed(0, 0, "fim") != step_seed(0, 1, "fim")
    True
    """
    from pairloom.operators.kernels.hashing import hash_bytes

    return hash_bytes(f"pairloom: step {place} {name}".encode(), seed)


def in_53rds(share: float) -> np.uint64:
    """A probability as a kernel compares it with 53 random bits.

    >>> int(in_53rds(0.5)) == 1 << 52
    True
    """
    return np.uint64(min(1 << 53, math.ceil(share * (1 << 53))))


def _number(field: "dataclasses.Field[Any]", value: Any) -> Any:
    fraction = field.type in (float, float | None)
    return float(value) if fraction and isinstance(value, int) and not isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return list(map(_plain, value)) if isinstance(value, tuple | list) else value
