"""A folder that is written file by file, by a run that may be killed: a note in it says first which files these are.

    transplant.begun.json   ["model.safetensors", "config.json", …]   there while they are written, and where a run was killed

The next run takes away what the note names, and nothing else, and begins anew.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath

from pairloom.operators.errors import RecipeError, StorageError

__all__ = ["check_free", "writing"]


def check_free(folder: Path, note: str) -> list[Path]:
    """What a killed run left in a folder; raises RecipeError where it has anything else, or is none."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise RecipeError(f"{folder} is a file: choose another folder")
    ours = {folder / name for name in [*_noted(folder / note), note, f"{note}.part"]}
    there = [file for file in folder.rglob("*") if file.is_symlink() or not file.is_dir()]
    if not all(file in ours or _named(file) in ours for file in there):
        raise RecipeError(f"{folder} is not empty: choose another folder")
    return [file for file in there if file != folder / note]


@contextmanager
def writing(folder: Path, note: str, names: Sequence[str]) -> Iterator[None]:
    """A folder without what a killed run left in it, and with a note, until all is written, of the files that this one writes.

    `names` are paths below the folder. Raises RecipeError where it has other files, StorageError where it cannot be written.
    """
    left, part = check_free(folder, note), folder / f"{note}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(f"{folder} cannot be made: {error.strerror}; choose another folder") from error
    try:
        for file in left:
            file.unlink(missing_ok=True)
        part.write_text(json.dumps([*names], indent=1) + "\n", encoding="utf-8")
        part.replace(folder / note)
        yield
        (folder / note).unlink()
    except OSError as error:
        raise StorageError(f"cannot write {error.filename or folder}: {error.strerror}") from error


def _noted(note: Path) -> list[str]:
    """The names in a note, if there is one; raises RecipeError for one that is none."""
    try:
        names = json.loads(note.read_bytes())
    except FileNotFoundError:
        return []
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(one, str) and _below(one) for one in names):
        raise RecipeError(f"{note} is no list of files: choose another folder, or delete this one")
    return names


def _below(name: str) -> bool:
    path = PurePath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _named(temporary: Path) -> Path:
    """The file that a temporary one is to become, as stores name them: `.NAME.….tmp`."""
    name = temporary.name
    named = name.startswith(".") and name.endswith(".tmp") and name.count(".") > 2
    return temporary.with_name(name[1:].rsplit(".", 2)[0]) if named else temporary
