"""From the root that a recipe names to the objects below it."""

import uuid
from contextlib import suppress
from pathlib import Path

from fsspec.core import split_protocol

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.store.objects import LocalObjects, Objects

__all__ = ["check_writable", "open_objects"]


def open_objects(root: str) -> Objects:
    """The store below a root, a local path or a `file://` URI.

    Raises RecipeError for a store that cannot create an object only if it is absent.
    """
    protocol, path = split_protocol(root)
    if protocol not in (None, "file", "local"):
        raise RecipeError(
            f"cannot write to {root}: a root must be on a local or shared file system ({protocol}:// can be read as a "
            "corpus, but a commit needs a store in which an object is created only if it is absent)"
        )
    folder = Path(path).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise RecipeError(f"the root {folder} is a file; name a folder")
    return LocalObjects(str(folder))


def check_writable(objects: Objects) -> None:
    """Prove that the store does what commits need, before any work; raises RecipeError if not."""
    probe = f"probe/{uuid.uuid4().hex}"
    try:
        if not objects.put_if_absent(probe, b"1") or objects.put_if_absent(probe, b"2"):
            raise RecipeError(
                f"{objects.root} cannot create a file only if it is absent: choose another root"
            )
    except OSError as error:
        raise RecipeError(f"cannot write below the root {objects.root}: {error}") from error
    finally:
        with suppress(OSError):
            objects.delete(probe)
