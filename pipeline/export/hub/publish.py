"""Publishing an export: its files go up one by one, and one commit makes all of them visible.

    look at the branch ─▶ upload what is not there ─▶ card, croissant.json, export.json ─▶ commit on what was looked at

What is interrupted is repeated by the same command: content that is there already is not sent again, and nobody has seen any of
it. Files of an earlier export that the new one has not are removed by the same commit.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairloom.operators.errors import ConflictError, RecipeError
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.export.hub.card import card_of, merged
from pairloom.pipeline.export.hub.croissant import croissant_of
from pairloom.pipeline.export.target import DONE, digest
from pairloom.pipeline.flow.events import Doing, Event
from pairloom.pipeline.hub.patience import endpoint, library, patiently, token
from pairloom.pipeline.hub.place import Place, place_of
from pairloom.pipeline.hub.repository import Repositories, api
from pairloom.pipeline.stages.tokenize.by_source import ledgers_by_source
from pairloom.pipeline.store.files import read_stored
from pairloom.pipeline.store.remote.faults import http_status

__all__ = ["Published", "check_place", "publish"]

CARD, METADATA, VOCABULARY = "README.md", "croissant.json", "tokenizer.json"
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_KEYS = ("format", "unit", "split", "root", "generation", "vocabulary", "without", "seq_len")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where an export is now: the commit, files that were sent, and those whose content was there."""

    url: str
    commit: str
    sent: int
    there: int
    removed: int


def publish(
    dataset: Dataset,
    made: Mapping[str, Any],
    folder: Path,
    to: str,
    *,
    licence: str | None = None,
    observe: Callable[[Event], None] = lambda _: None,
) -> Published:
    """Bring a complete export in a local folder, of which `made` is its `export.json`, to a repository of datasets.

    A repository that is not there is made, a private one. Raises RecipeError for a place that is none, a repository that holds
    files of these names and no export, and one that may not be written; ConflictError where somebody else commits meanwhile.
    """
    place = check_place(to, licence)
    library().utils.disable_progress_bars()  # `observe` is told, and shows it in its own way
    observe(Doing(step="publish", what=f"looking at {place.asked}"))
    head = _head(place)
    there = {one.path: one.hash for one in Repositories({place.asked: head}).folder(place, deep=True)[0]}
    files = _files(dataset, made, folder)
    before = _before(place, head, there, files)
    small = _about(dataset, made, folder, files, place, head, there, licence)
    new = [one for one in files if there.get(one["path"]) not in (one["sha256"], one["git"])]
    additions = []
    for k, one in enumerate(new):
        observe(Doing(step="publish", what="files sent", done=k, of=len(new)))
        additions.append(_sent(place, one))
    gone = sorted(before - {one["path"] for one in files} - set(small))
    small = {name: data for name, data in small.items() if there.get(name) not in _hashes(data)}
    if new or gone or small:
        observe(Doing(step="publish", what="making it visible by a commit"))
        head = _commit(place, head, additions, small, gone)
    return Published(
        url=_url(place), commit=head, sent=len(new), there=len(files) - len(new), removed=len(gone)
    )


def check_place(to: str, licence: str | None) -> Place:
    """The repository that an export is to go to; raises RecipeError for what cannot be written to, before anything is."""
    place = place_of(to)
    if place.kind != "dataset" or place.path:
        raise RecipeError(
            f"{to}: an export goes to a repository of datasets as a whole: write hf://datasets/OWNER/NAME"
        )
    if licence is not None and not _LICENSE.fullmatch(licence):
        raise RecipeError(
            f"--license {licence!r} is no identifier of a licence: write for example apache-2.0 or cc-by-4.0"
        )
    if token() is None:
        raise RecipeError(
            f"{to}: whoever writes to the Hub needs a token: set HF_TOKEN to one that may write there"
        )
    return place


def _head(place: Place) -> str:
    """The commit that a branch is at, of a repository that is made where there is none."""
    known = library().errors

    def look() -> str:
        try:
            found = api().repo_info(place.repo, repo_type=place.kind, revision=place.revision or "main")
        except known.RepositoryNotFoundError:
            api().create_repo(place.repo, repo_type=place.kind, private=True, exist_ok=True)
            found = api().repo_info(place.repo, repo_type=place.kind, revision=place.revision or "main")
        return str(found.sha)

    return patiently(place, look)


def _files(dataset: Dataset, made: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The files of the export, and the vocabulary: where each is or what it holds, its size and hashes."""
    assert dataset.manifest.vocabulary is not None
    data = read_stored(dataset.objects, dataset.manifest.vocabulary)
    found: list[dict[str, Any]] = [{**one, "from": str(folder / one["path"])} for one in made["files"]]
    sha256, git = _hashes(data)
    found.append({"path": VOCABULARY, "bytes": len(data), "sha256": sha256, "git": git, "from": data})
    for one in found:
        one.setdefault("git", "")
    for one in found:
        if not one["git"] and one["bytes"] < 10 << 20:  # what is small may be kept by git, under another hash
            one["git"] = _hashes(Path(one["from"]).read_bytes())[1]
    return found


def _hashes(data: bytes) -> tuple[str, str]:
    """SHA-256 of the content, and the hash that git has for it."""
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return hashlib.sha256(data).hexdigest(), git


def _before(
    place: Place, head: str, there: Mapping[str, str], files: Sequence[Mapping[str, Any]]
) -> set[str]:
    """The files of the export that the repository holds; raises RecipeError where it holds files of these names without one."""
    if DONE in there:
        found = json.loads(Repositories({place.asked: head}).read(replace(place, path=DONE)))
        return {str(one["path"]) for one in found.get("files", [])} & set(there)
    mine = {str(one["path"]) for one in files}
    if foreign := sorted(mine & set(there)):
        raise RecipeError(
            f"{place.uri()} holds {foreign[0]}, and no {DONE} that says it is of an export; choose another repository, or remove it"
        )
    return set()


def _about(
    dataset: Dataset,
    made: Mapping[str, Any],
    folder: Path,
    files: Sequence[Mapping[str, Any]],
    place: Place,
    head: str,
    there: Mapping[str, str],
    licence: str | None,
) -> dict[str, bytes]:
    """What is written about the export: card, metadata, and `export.json` without the path of the root on this machine."""
    name = place.repo.partition("/")[2]
    plain = [{key: one[key] for key in ("path", "bytes", "sha256")} for one in files]
    identity = digest({key: made[key] for key in _KEYS if key in made})
    said = {key: value for key, value in made.items() if key != "root"} | {
        "files": plain,
        "identity": identity,
    }
    card = Repositories({place.asked: head}).read(replace(place, path=CARD)) if CARD in there else None
    header, text = card_of(
        dataset.manifest, ledgers_by_source(dataset.manifest, dataset.objects), made, name, licence
    )
    tables = [folder / one["path"] for one in plain if one["path"].endswith(".parquet")]
    return {
        CARD: merged(None if card is None else card.decode("utf-8", "replace"), header, text).encode(),
        METADATA: croissant_of(
            name, _url(place), made, plain, licence=licence, table=tables[0] if tables else None
        ),
        DONE: (json.dumps(said, indent=1) + "\n").encode(),
    }


def _sent(place: Place, one: Mapping[str, Any]) -> Any:
    """Upload the content of a file, unless the Hub says that it has it; what a commit takes of it."""
    addition = library().CommitOperationAdd(path_in_repo=one["path"], path_or_fileobj=one["from"])

    def send() -> None:
        api().preupload_lfs_files(
            place.repo,
            additions=[addition],
            repo_type=place.kind,
            revision=place.revision or "main",
            free_memory=False,
        )

    patiently(replace(place, path=one["path"]), send)
    return addition


def _commit(
    place: Place, head: str, additions: Sequence[Any], small: Mapping[str, bytes], gone: Sequence[str]
) -> str:
    """Commit on top of `head`; the new commit. A commit whose answer was lost is found by what it made."""
    hub = library()

    def commit() -> str:
        added = list(additions)
        added += [
            hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=data) for name, data in small.items()
        ]
        try:
            made = api().create_commit(
                place.repo,
                [*added, *(hub.CommitOperationDelete(path_in_repo=name) for name in gone)],
                commit_message="Export by Pairloom",
                repo_type=place.kind,
                revision=place.revision or "main",
                parent_commit=head,
            )
        except Exception as error:
            if http_status(error) not in (409, 412):
                raise
            now = _head(place)
            listed = Repositories({place.asked: now}).folder(place, deep=True)[0]
            there = {one.path: one.hash for one in listed}
            if DONE in small and there.get(DONE) in _hashes(small[DONE]):
                return now
            raise ConflictError(
                f"somebody else has committed to {place.asked} meanwhile; run the same command again, which sends no content twice"
            ) from error
        return str(made.oid)

    return patiently(place, commit)


def _url(place: Place) -> str:
    return f"{endpoint()}/datasets/{place.repo}"
