"""The files that a path or pattern on the Hub names: by one listing of a folder at one commit."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.hub.place import Place, place_of
from pairloom.pipeline.hub.repository import HubFile, Repositories
from pairloom.pipeline.inputs.patterns import Found, has_magic, matcher, shown
from pairloom.pipeline.inputs.saved import saved_files

__all__ = ["find_on_hub"]


def find_on_hub(path: str, excluded: Callable[[str], bool], hub: Repositories) -> list[Found]:
    """The files that a path or pattern names, in no particular order, without excluded ones, each with its commit.

    Their URIs have no revision, so that a document keeps its id whatever is committed beside it. Raises RecipeError for a path
    that names no file.
    """
    place = place_of(path)
    commit = hub.commit(place)
    files = (_matching if has_magic(place.path) else _named)(place, hub)

    def left_out(file: HubFile) -> bool:
        names = (place.uri(file.path), f"{place.repository}@{place.revision or 'main'}/{file.path}")
        return any(excluded(name.removeprefix("hf://")) for name in names)

    return [
        Found(place.uri(one.path), place.uri(one.path), one.size, one.hash, commit)
        for one in files
        if not left_out(one)
    ]


def _matching(place: Place, hub: Repositories) -> Iterable[HubFile]:
    parts = place.path.split("/")
    fixed = next(k for k, part in enumerate(parts) if has_magic(part))
    folder = replace(place, path="/".join(parts[:fixed]))
    wanted = matcher(place.path)
    try:
        files, _ = hub.folder(folder, deep=fixed + 1 < len(parts) or parts[-1] == "**")
    except FileNotFoundError:
        raise RecipeError(
            f"{place.uri()}: there is no folder {folder.path} in it; correct the path"
        ) from None
    return [one for one in files if wanted.fullmatch(one.path) and shown(one.path.split("/"), parts)]


def _named(place: Place, hub: Repositories) -> Iterable[HubFile]:
    """The file of a name, or those of a folder that `datasets` has saved."""
    above = replace(place, path=place.path.rpartition("/")[0])
    try:
        files, folders = hub.folder(above, deep=False)
    except FileNotFoundError:
        files, folders = [], []
    there = {one.path: one for one in files}
    if place.path in there:
        return [there[place.path]]
    if place.path and place.path not in folders:
        raise RecipeError(f"{place.uri()}: there is no such file; correct the path")
    inside, _ = hub.folder(place, deep=True)
    below = {one.path: one for one in inside}

    def read(path: str) -> bytes | None:
        path = path.removeprefix("/")
        return hub.read(replace(place, path=path)) if path in below else None

    saved = saved_files(place.path, read)
    if saved is None:
        raise RecipeError(
            f"{place.uri()}: a folder; name the files in it, for example {place.uri()}/**/*.parquet"
        )
    missing = [path for path in saved if path.removeprefix("/") not in below]
    if missing:
        raise RecipeError(
            f"{place.uri()}: its state.json names {missing[0]}, which is not there; upload the folder again"
        )
    return [below[path.removeprefix("/")] for path in saved]
