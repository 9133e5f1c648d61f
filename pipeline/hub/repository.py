"""Repositories at a commit: a revision is resolved once, a folder listed once, and bytes are asked for by ranges.

A branch may move while a run goes on, its commits do not. So whoever lists keeps the commit beside each file, and nobody asks
again what a file is. The version of a file is the hash of its content, so that a new commit changes no file that it left alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairloom.operators.errors import RecipeError, StorageError
from pairloom.pipeline.hub.patience import LOOKING, endpoint, library, patiently, token
from pairloom.pipeline.hub.place import Place, place_of
from pairloom.pipeline.inputs.asking import exactly
from pairloom.pipeline.store.remote.files import RangeReader

__all__ = ["HubFile", "Repositories", "api", "open_at"]

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a repository: `hash` is the SHA-256 of its content where it is large, else that of git."""

    path: str
    size: int
    hash: str


class Repositories:
    """What the Hub has said, for one listing of a recipe. `commits` are those of the revisions that were asked for.

    Revisions that are `known`, by `Place.asked`, are at these commits, whatever the Hub says by now.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known = dict(known or {})
        self.commits: dict[str, str] = {}
        self._folders: dict[tuple[str, str, str, bool], tuple[list[HubFile], list[str]]] = {}

    def commit(self, place: Place) -> str:
        """The commit of a place's revision. Raises RecipeError for another commit than the recipe names elsewhere."""
        if place.asked not in self.commits:
            found = self._known.get(place.asked) or self._resolve(place)
            for other, commit in self.commits.items():
                if other.startswith(f"{place.repository}@") and commit != found:
                    raise RecipeError(
                        f"{place.repository} is asked for at {other.rpartition('@')[2]} and at {place.revision or 'main'}, which "
                        "are different commits: name one revision of a repository in a recipe"
                    )
            self.commits[place.asked] = found
        return self.commits[place.asked]

    def _resolve(self, place: Place) -> str:
        info = patiently(
            place,
            lambda: api().repo_info(place.repo, repo_type=place.kind, revision=place.revision or "main"),
            LOOKING,
        )
        if not info.sha:
            raise StorageError(
                f"{place.uri()}: the Hub does not say which commit {place.asked} is; try again later"
            )
        return str(info.sha)

    def folder(self, place: Place, *, deep: bool) -> tuple[list[HubFile], list[str]]:
        """The files of a folder and its folders, or if `deep` all below it. Raises FileNotFoundError where there is none."""
        commit = self.commit(place)
        key = (place.repository, commit, place.path, deep)
        if key not in self._folders:
            above = self._above(place, commit)
            self._folders[key] = _below(above, place.path, deep) if above else _list(place, commit, deep)
        return self._folders[key]

    def _above(self, place: Place, commit: str) -> tuple[list[HubFile], list[str]] | None:
        """What was listed of a folder that this one is in, or is, and of all below."""
        parts = place.path.split("/") if place.path else []
        for k in range(len(parts) + 1):
            found = self._folders.get((place.repository, commit, "/".join(parts[:k]), True))
            if found is not None:
                return found
        return None

    def read(self, place: Place) -> bytes:
        """A whole file, small enough for memory. Raises FileNotFoundError."""
        commit = self.commit(place)
        return patiently(place, lambda: _get(place, commit, None))


def open_at(uri: str, commit: str, size: int) -> RangeReader:
    """A file at a commit, for reads anywhere, each of one request or, where it is long, of some at a time."""
    place = place_of(uri)
    fetch = exactly(uri, lambda start, stop: patiently(place, lambda: _get(place, commit, (start, stop))))
    return RangeReader(fetch, size)


def api() -> Any:
    """The library's questions, to the Hub that is meant, with the token of this machine."""
    return library().HfApi(endpoint=endpoint(), token=token(), library_name="pairloom")


def _get(place: Place, commit: str, span: tuple[int, int] | None) -> bytes:
    """A range of a file's bytes, or all; the token goes to the Hub and no further, when that sends on to where bytes are."""
    hub = library()
    url = hub.hf_hub_url(place.repo, place.path, repo_type=place.kind, revision=commit, endpoint=endpoint())
    headers = hub.utils.build_hf_headers(token=token(), library_name="pairloom")
    if span is not None:
        headers["Range"] = f"bytes={span[0]}-{span[1] - 1}"
    answer = hub.utils.get_session().get(url, headers=headers, timeout=READ_SECONDS)
    hub.utils.hf_raise_for_status(answer)
    data: bytes = answer.content
    if span is not None and answer.status_code != 206 and len(data) != span[1] - span[0]:
        raise RecipeError(f"{place.uri()}: the Hub does not give ranges of bytes; copy the file")
    return data


def _list(place: Place, commit: str, deep: bool) -> tuple[list[HubFile], list[str]]:
    def listed() -> list[Any]:
        return list(
            api().list_repo_tree(
                place.repo, place.path or None, recursive=deep, revision=commit, repo_type=place.kind
            )
        )

    files, folders = [], []
    for one in patiently(place, listed, LOOKING):
        if not hasattr(one, "size"):
            folders.append(str(one.path))
            continue
        large = getattr(one, "lfs", None)
        sha256 = None if large is None else getattr(large, "sha256", None) or large["sha256"]
        files.append(HubFile(path=str(one.path), size=int(one.size), hash=str(sha256 or one.blob_id)))
    return files, folders


def _below(
    all_below: tuple[list[HubFile], list[str]], path: str, deep: bool
) -> tuple[list[HubFile], list[str]]:
    """What of a deep listing is in a folder; raises FileNotFoundError where that is none."""
    head = f"{path}/" if path else ""

    def inside(name: str) -> bool:
        return name.startswith(head) and (deep or "/" not in name[len(head) :])

    files = [one for one in all_below[0] if inside(one.path)]
    folders = [name for name in all_below[1] if inside(name)]
    if path and not files and not folders:
        raise FileNotFoundError(path)
    return files, folders
