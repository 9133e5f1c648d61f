"""Paths of this machine: what is mapped into memory, or written part by part, is no object of a store."""

from pathlib import Path

from pairloom.operators.errors import RecipeError

__all__ = ["local_path"]


def local_path(path: str, what: str) -> Path:
    """A path that is one; raises RecipeError for a URI, which would else be a folder with an odd name.

    >>> local_path("s3://bucket/model", "the model")
    Traceback (most recent call last):
        ...
    pairloom.operators.errors.RecipeError: the model is s3://bucket/model: it has to be on this machine; copy it there first
    """
    if path.startswith("file://"):
        return Path(path.removeprefix("file://"))
    if "://" in path:
        raise RecipeError(f"{what} is {path}: it has to be on this machine; copy it there first")
    return Path(path)
