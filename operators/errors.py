"""Every error that Pairloom raises on purpose, arranged by what the reader does next.

    PairloomError
    ├── RecipeError        the recipe, an option or a path is wrong: correct it and run again (exit code 2)
    ├── DataError          the input is bad: the message names file, position and reason (exit code 1)
    ├── StorageError       the world failed: worth trying again (exit code 1)
    ├── ConflictError      someone else committed first: plan again (exit code 1)
    ├── CorruptionError    something stored is not what was written: stop (exit code 1)
    ├── CapacityError      an exact result does not fit (a count past int64, an id past its dtype; exit code 1)
    └── PreemptedError     the run was asked to stop and has: the same command goes on (exit code 143)

Messages carry the values. Every error takes one string, so that it survives pickling on its way from a worker.
"""

__all__ = [
    "CapacityError",
    "ConflictError",
    "CorruptionError",
    "DataError",
    "PairloomError",
    "PreemptedError",
    "RecipeError",
    "StorageError",
]


class PairloomError(Exception):
    """The root of the tree: catch it to catch everything that Pairloom raises on purpose."""


class RecipeError(PairloomError):
    """The recipe, an option or a path is wrong: correct it and run again."""


class DataError(PairloomError):
    """The input is bad; the message names file, position and reason."""


class StorageError(PairloomError):
    """Storage or a worker failed in a way that another attempt may survive."""


class ConflictError(PairloomError):
    """Another run committed first; plan again against what it committed."""


class CorruptionError(PairloomError):
    """Something stored is not what was written; the message names file and offset."""


class CapacityError(PairloomError):
    """An exact result does not fit where it must go, such as a count past 2^63 - 1."""


class PreemptedError(PairloomError):
    """The run was asked to stop (SIGTERM) and has stopped; what is finished is kept."""
