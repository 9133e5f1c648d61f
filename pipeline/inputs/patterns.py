"""Patterns of paths, and the files that match them: locally by a walk of our own, elsewhere by fsspec.

`*`, `?` and `[...]` match within a name, `**` any number of folders. Names that start with a dot are matched only by a
pattern that starts with one. The local walk follows symbolic links and visits every folder once, real names first, so a
loop of links ends; a link that leads nowhere is an error, because a file that was meant is not there.
"""

import os
import re
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pairloom.operators.errors import DataError, RecipeError, StorageError
from pairloom.pipeline.inputs.asking import asking, true_cause
from pairloom.pipeline.inputs.own import Own
from pairloom.pipeline.inputs.saved import saved_files
from pairloom.pipeline.inputs.storage import resolve, version_of

__all__ = ["Found", "almost", "find", "has_magic", "matcher", "shown"]

_MAGIC = re.compile(r"[*?\[]")
_LOOKED_AT = 1000  # files of a folder, to say which there are


class Found(NamedTuple):
    """A file that a pattern matches. Files with equal `same` are one file under two names; of the Hub it is that of a `commit`."""

    uri: str
    same: str
    size: int
    version: str
    commit: str = ""


class _Place(NamedTuple):
    """A folder on the walk, by name and by real path, and how many parts of the pattern are behind it."""

    path: str
    real: str
    part: int


def has_magic(path: str) -> bool:
    """Whether a path is a pattern."""
    return _MAGIC.search(path) is not None


def matcher(pattern: str) -> re.Pattern[str]:
    """The pattern as an expression for a whole path.

    >>> bool(matcher("/a/**/*.py").fullmatch("/a/b/c.py")), bool(matcher("/a/*.py").fullmatch("/a/b/c.py"))
    (True, False)
    """
    *folders, name = pattern.split("/")
    out = ["(?:[^/]*/)*" if part == "**" else _name(part) + "/" for part in folders]
    return re.compile("".join(out) + (".*" if name == "**" else _name(name)), re.DOTALL)


def _name(part: str) -> str:
    """One name of a pattern as a regular expression."""
    out, k = "", 0
    while k < len(part):
        c = part[k]
        k += 1
        close = part.find("]", k + (2 if part[k : k + 1] == "!" else 1)) if c == "[" else -1
        if c == "*":
            out += "[^/]*"
        elif c == "?":
            out += "[^/]"
        elif close > 0:
            negated = part[k] == "!"
            body = re.sub(r"([\\\[\]^&~|])", r"\\\1", part[k + negated : close])
            out += f"[{'^/' if negated else ''}{body}]"
            k = close + 1
        else:
            out += re.escape(c)
    return out


def find(path: str, excluded: Callable[[str], bool], own: Own) -> list[Found]:
    """The files that a path or pattern names, in no particular order, without excluded ones and Pairloom's own.

    `excluded` is asked with a whole path; with that of a folder and "/" behind it, it says whether all within is.
    Raises RecipeError for a path that names no file, StorageError when storage does not answer.
    """
    try:
        if "://" in path and not path.startswith("file://"):
            try:
                with asking(path):
                    return list(_find_remote(path, excluded, own))
            except FileNotFoundError:
                raise RecipeError(f"{path}: there is no such file; correct the path") from None
        absolute = os.path.abspath(path.removeprefix("file://"))  # noqa: PTH100  (a link keeps its name)
        written = own.folders(absolute)
        return list(_find_local(absolute, lambda name: excluded(name) or written(name)))
    except PermissionError as error:
        raise RecipeError(
            f"{path}: not allowed to read {error.filename or 'it'}; get access or exclude it"
        ) from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be listed: {error}") from error


def _find_local(pattern: str, excluded: Callable[[str], bool]) -> Iterator[Found]:
    if not _MAGIC.search(pattern) or os.path.lexists(pattern):
        if not os.path.lexists(pattern):
            raise RecipeError(f"{pattern}: there is no such file{almost(pattern, Own())}; correct the path")
        if not excluded(pattern):
            yield from _named(pattern, excluded)
        return
    parts = pattern.split("/")
    tests = [_name_test(part) for part in parts]
    todo: deque[_Place] = deque([_Place("/", "/", 1)])
    links: deque[_Place] = deque()  # looked at last, so that real names win
    visited: set[tuple[str, int]] = set()
    while todo or links:
        place = (todo or links).popleft()
        if (place.real, place.part) in visited:
            continue
        visited.add((place.real, place.part))
        part = parts[place.part]
        last = place.part == len(parts) - 1
        if part == "**" and not last:
            todo.append(place._replace(part=place.part + 1))
        try:
            entries = sorted(_entries(place.path, part), key=lambda entry: entry[0])
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name, linked, folder in entries:
            if not tests[place.part](name):
                continue
            path = place.path.rstrip("/") + "/" + name
            real = os.path.realpath(path) if linked else place.real.rstrip("/") + "/" + name
            if folder:
                if excluded(path + "/"):
                    continue
                if part == "**":
                    (links if linked else todo).append(_Place(path, real, place.part))
                elif not last:
                    (links if linked else todo).append(_Place(path, real, place.part + 1))
            elif last and not excluded(path):
                found = _local_file(path, real, named=False)
                if found is not None:
                    yield found


def _named(path: str, excluded: Callable[[str], bool]) -> Iterator[Found]:
    """The file of a name, or those of a folder that `datasets` has saved."""
    for one in (Path(path).is_dir() and saved_files(path, _content)) or [path]:
        if not os.path.lexists(one):
            raise DataError(f"{one}: a saved dataset names this file, and it is not there; save it again")
        if not excluded(one):
            found = _local_file(one, os.path.realpath(one), named=True)
            assert found is not None
            yield found


def _content(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _entries(path: str, part: str) -> Iterator[tuple[str, bool, bool]]:
    """Name, whether it is a link and whether it is a folder, of what is in a folder; just one if the part is a name."""
    if _MAGIC.search(part):
        with os.scandir(path) as entries:
            for entry in entries:
                yield entry.name, entry.is_symlink(), entry.is_dir()
    else:
        child = Path(path, part)
        if os.path.lexists(child):
            yield part, child.is_symlink(), child.is_dir()


def _name_test(part: str) -> Callable[[str], bool]:
    expression = re.compile(".*" if part == "**" else _name(part), re.DOTALL)
    dotted = part.startswith(".")
    return lambda name: (dotted or not name.startswith(".")) and expression.fullmatch(name) is not None


def _local_file(path: str, real: str, *, named: bool) -> Found | None:
    """The file at a path; None if it is neither a file nor a folder, as a socket, and only a pattern names it."""
    try:
        about = Path(path).stat()
    except FileNotFoundError as error:
        target = str(Path(path).readlink()) if Path(path).is_symlink() else "nothing"
        raise RecipeError(
            f"{path}: a broken link to {target}; restore the file, or remove or exclude the link"
        ) from error
    except OSError as error:
        if Path(path).is_symlink():
            raise RecipeError(
                f"{path}: a link that leads nowhere ({error.strerror}); remove or exclude it"
            ) from error
        raise
    if stat.S_ISDIR(about.st_mode):
        raise RecipeError(f"{path}: a folder; name the files in it, {_files_in(path)}")
    if not stat.S_ISREG(about.st_mode):
        if named:
            raise RecipeError(f"{path}: not a regular file; name files")
        return None
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        raise RecipeError(f"{path!r}: the name is not UTF-8; rename or exclude the file") from None
    return Found("file://" + path, real, about.st_size, str(about.st_mtime_ns))


def _files_in(folder: str) -> str:
    """What a pattern for the files of a folder may be, by the endings that most of the first of them have."""
    endings: Counter[str] = Counter()
    pattern = folder.replace("[", "[[]") + "/**/*"
    for _, _, names in os.walk(folder):
        endings.update(Path(name).suffix for name in names if not name.startswith("."))
        if endings.total() > _LOOKED_AT:
            break
    if not endings:
        return f"for example {pattern}.jsonl (there is no file in it now)"
    return f"for example {pattern}{endings.most_common(1)[0][0]}"


def almost(pattern: str, own: Own) -> str:
    """Why a local pattern may match no file: how its letters are written, or brackets in it; "" if neither."""
    head, _, name = os.path.abspath(pattern.removeprefix("file://")).rpartition("/")  # noqa: PTH100
    if "[" in pattern:
        literal = next(
            (p for p in (pattern, *map(str, Path(pattern).parents)) if "[" in p and os.path.lexists(p)), None
        )
        if literal is not None:
            return f"; brackets stand for one of the characters in them: for {literal} write {literal.replace('[', '[[]')}"
        return "; brackets in it stand for one of the characters in them, and [[] for a bracket"
    either = "".join(f"[{c.lower()}{c.upper()}]" if c.isascii() and c.isalpha() else c for c in name)
    found = list(_find_local(f"{head}/{either}", own.folders(pattern))) if either != name else []
    return f"; there is {found[0].uri}: patterns tell capital letters from small ones" if found else ""


def _find_remote(path: str, excluded: Callable[[str], bool], own: Own) -> Iterator[Found]:
    fs, pattern = resolve(path)
    fs.invalidate_cache()
    web = path.startswith(("http://", "https://"))
    magic = re.compile(r"\*") if web else _MAGIC  # a question mark starts the query of a web address
    if not magic.search(pattern):
        try:
            about = {pattern: fs.info(pattern)}
        except FileNotFoundError as error:
            if not isinstance(true_cause(error), FileNotFoundError):
                raise  # nobody has answered
            raise RecipeError(f"{path}: there is no such file; correct the path") from None
        if about[pattern]["type"] == "directory":
            saved = saved_files(pattern, partial(_remote_content, fs))
            if saved is None:
                raise RecipeError(
                    f"{path}: a folder; name the files in it, for example {path.rstrip('/')}/**/*.jsonl"
                )
            about = {name: fs.info(name) for name in saved}
    else:
        about = fs.glob(pattern, detail=True)
    tests = pattern.split("/")
    wanted = matcher(pattern)
    written = own.names(pattern, fs.exists)
    for name, info in about.items():
        if info["type"] != "file" or excluded(name) or (magic.search(pattern) and not wanted.fullmatch(name)):
            continue
        if magic.search(pattern) and not shown(name.split("/"), tests):
            continue
        if magic.search(pattern) and written(name):
            continue
        if info.get("size") is None:
            raise RecipeError(
                f"{fs.unstrip_protocol(name)}: its size is not known to the server; copy it to storage that knows"
            )
        uri = str(fs.unstrip_protocol(name))
        yield Found(uri, uri, int(info["size"]), version_of(info, partial(fs.info, name)))


def _remote_content(fs: Any, path: str) -> bytes | None:
    try:
        data: bytes = fs.cat_file(path)
    except FileNotFoundError:
        return None
    return data


def shown(names: list[str], parts: list[str]) -> bool:
    """Whether every hidden name of a path is matched by a part of the pattern that starts with a dot too."""
    dotted = sum(part.startswith(".") for part in parts)
    return sum(name.startswith(".") for name in names) <= dotted
