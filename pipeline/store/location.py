"""From the root that a recipe names to the objects below it."""

import os
import re
import uuid
from contextlib import suppress
from pathlib import Path

from fsspec.core import split_protocol

from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.pipeline.store.objects import LocalObjects, Objects
from pairloom.pipeline.store.remote.objects import EXTRAS, RemoteObjects

__all__ = ["check_writable", "open_objects"]

_FLATTENED = re.compile(r"[a-z][a-z0-9]+:/[^/]")  # what pathlib makes of s3://bucket
_USER_INFO = re.compile(r"://[^/]*@")
_CONTAINER = re.compile(
    r"://[^/:@]+@[^/:@]+(?::\d+)?(?:/|$)"
)  # abfs://container@account.dfs.core.windows.net/folder


def open_objects(root: str | os.PathLike[str]) -> Objects:
    """The store below a root: a local path or a `file://` URI, or one in a bucket of S3, GCS or Azure.

    Raises RecipeError for a store that cannot create an object only if it is absent, and for a URI with credentials.
    """
    given, root = root, os.fspath(root)
    if "\0" in root:
        raise RecipeError(f"the root {root!r} has a null byte in it, which no file system takes: correct it")
    if given is not root and _FLATTENED.match(root):
        raise RecipeError(
            f"the root {root} is a URI in a path object, which leaves out a slash: give a string"
        )
    if "::" in root and "://" in root:
        raise RecipeError("the root is a chain of URLs (with `::`): name the folder or bucket itself")
    protocol, path = split_protocol(root)
    if protocol in EXTRAS:
        return RemoteObjects(_checked(root, azure=EXTRAS[protocol] == "azure"))
    if protocol not in (None, "file", "local"):
        raise RecipeError(
            f"cannot write to {protocol}://: a root must be on a local or shared file system, or in a bucket (s3://, "
            "gs://, az://), because a commit needs a store in which an object is created only if it is absent; what "
            "other protocols serve can be read as a corpus"
        )
    try:
        folder = Path(path).expanduser().absolute()
    except RuntimeError as error:  # there is no such user
        raise RecipeError(f"the root {path}: {error}; write the folder out") from error
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
        with suppress(OSError, PairloomError):
            objects.delete(probe)


def _checked(root: str, *, azure: bool) -> str:
    """The URI of a root in a bucket, without a slash at its end. What may be a secret is not repeated in errors."""
    shown = _USER_INFO.sub("://***@", root.partition("?")[0])
    if _USER_INFO.search(root) and not (azure and _CONTAINER.search(root)):
        raise RecipeError(
            f"the root {shown} has credentials in it, and a root is written to manifests and logs: leave them to the "
            "environment, a profile or the machine's role"
        )
    if "?" in root or "#" in root:
        raise RecipeError(f"the root {shown} must not have a query or fragment (? or #)")
    bucket, _, folder = root.partition("://")[2].partition("/")
    if not bucket or {"..", "."} & set(folder.split("/")):
        raise RecipeError(f"the root {shown} must name a bucket and a folder in it, as s3://bucket/folder")
    parts = [part for part in folder.split("/") if part]
    return "/".join([f"{root.partition('://')[0]}://{bucket}", *parts])
