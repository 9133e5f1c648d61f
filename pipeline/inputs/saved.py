"""Folders that `datasets` has saved (`save_to_disk`): their Arrow files, as `state.json` names them, in its order.

    saved/state.json, dataset_info.json, data-00000-of-00002.arrow ...     a Dataset
    saved/dataset_dict.json, train/..., test/...                           a DatasetDict: a folder for each split

What else lies there, such as caches of `map`, is no part of the dataset.
"""

import json
from collections.abc import Callable
from typing import Any

from pairloom.operators.errors import DataError

__all__ = ["saved_files"]

_STATE, _SPLITS = "state.json", "dataset_dict.json"
_AGAIN = "save it again with save_to_disk"


def saved_files(folder: str, read: Callable[[str], bytes | None]) -> list[str] | None:
    """The data files of a saved dataset, by their paths, of all splits where it has some; None for any other folder.

    `read` gives the content of a small file, None where there is none. Raises DataError for one that is not whole.
    """
    folder = folder.rstrip("/")
    splits = _object(f"{folder}/{_SPLITS}", read)
    if splits is None:
        return _files(folder, read)
    names = splits.get("splits")
    if not isinstance(names, list) or not names or not all(map(_is_name, names)):
        raise DataError(f"{folder}/{_SPLITS} names no splits; {_AGAIN}")
    found = []
    for name in names:
        files = _files(f"{folder}/{name}", read)
        if files is None:
            raise DataError(
                f"{folder}/{_SPLITS} names the split {name}, and {folder}/{name}/{_STATE} is not there; {_AGAIN}"
            )
        found += files
    return found


def _files(folder: str, read: Callable[[str], bytes | None]) -> list[str] | None:
    """The files of one dataset; None for a folder that is none."""
    path = f"{folder}/{_STATE}"
    state = _object(path, read)
    if state is None or "_data_files" not in state:
        return None
    for key in ("_indices_files", "_indices_data_files"):
        if state.get(key):
            raise DataError(
                f"{path}: the dataset is a selection of rows ({key}), which its files do not show; save what its "
                "flatten_indices() gives"
            )
    files = state["_data_files"]
    names = (
        [one.get("filename") if isinstance(one, dict) else None for one in files]
        if isinstance(files, list)
        else []
    )
    if not names or not all(map(_is_name, names)):
        raise DataError(f"{path}: _data_files names no files of this folder; {_AGAIN}")
    return [f"{folder}/{name}" for name in names]


def _object(path: str, read: Callable[[str], bytes | None]) -> dict[str, Any] | None:
    data = read(path)
    if data is None:
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON ({error}); {_AGAIN}") from error
    return found if isinstance(found, dict) else None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and "/" not in name and "\\" not in name
