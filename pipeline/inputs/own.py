"""What Pairloom itself has written is no input: the folders of a root, and exports, are never read by a pattern over them.

Of a root these are the `FOLDERS` of a store; whatever else lies beside them is somebody's. A path that names
a place within one of them is taken at its word.
"""

import json
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from pairloom.pipeline.inputs.storage import local_path, resolve
from pairloom.pipeline.store.objects import FOLDERS

__all__ = ["Own"]

_MARKS = ("manifests/latest", "receipts/count", "receipts/tokenize")
_EXPORTS = ("export.json", "export.started.json")
_EXPORT_KEYS = {"format", "unit", "root", "generation"}


class Own:
    """What is Pairloom's own below a pattern, where `root` is the root of the run, or ""; `met` are folders that were passed by."""

    def __init__(self, root: str = "") -> None:
        self.met: set[str] = set()
        remote = "://" in root and not root.startswith("file://")
        self._local = os.path.realpath(local_path(root) or root) if root and not remote else ""
        self._remote = resolve(root)[1].rstrip("/") if remote else ""

    def folders(self, pattern: str) -> Callable[[str], bool]:
        """Whether a local folder that a pattern leads into is passed by; its path comes with "/" behind it."""
        named = pattern.split("*", 1)[0].split("?", 1)[0].split("[", 1)[0]

        def own(folder: str) -> bool:
            if not folder.endswith("/") or named.startswith(folder):
                return False
            parent, name = os.path.split(folder.rstrip("/"))
            if (name in FOLDERS and self._is_root(parent)) or _is_export(folder):
                self.met.add(parent if name in FOLDERS and not _is_export(folder) else folder.rstrip("/"))
                return True
            return False

        return own

    def names(self, pattern: str, exists: Callable[[str], bool]) -> Callable[[str], bool]:
        """Whether a file elsewhere, by its name in its file system, is passed by; `exists` asks that file system."""
        named = pattern.split("*", 1)[0].split("?", 1)[0].split("[", 1)[0]
        asked = lru_cache(maxsize=None)(lambda root: any(exists(f"{root}/{mark}") for mark in _MARKS[:1]))

        def own(name: str) -> bool:
            parts = name.split("/")
            for k in range(1, len(parts) - 1):
                root = "/".join(parts[:k])
                if parts[k] not in FOLDERS or named.startswith(f"{root}/{parts[k]}/"):
                    continue
                if root == self._remote or asked(root):
                    self.met.add(root)
                    return True
            return False

        return own

    def _is_root(self, folder: str) -> bool:
        if self._local and os.path.realpath(folder) == self._local:
            return True
        return any(Path(folder, mark).exists() for mark in _MARKS)


def _is_export(folder: str) -> bool:
    """Whether a folder is an export, complete or begun, by what the file says that makes it one."""
    for name in _EXPORTS:
        path = Path(folder, name)
        if not path.is_file():
            continue
        try:
            said = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(said, dict) and said.keys() >= _EXPORT_KEYS:
            return True
    return False
