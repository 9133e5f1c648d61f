"""A run that dies at any storage call, or is failed by it, goes on to the same bytes: on a local folder and on S3."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pytest

from pairloom.operators.errors import StorageError
from pairloom.pipeline import Recipe, run
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.execution.retries import RETRIES
from pairloom.pipeline.store.files import check_stored
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import LocalObjects
from pairloom.pipeline.store.remote.objects import RemoteObjects
from tests.support.corpora import contents, documents, mixed_recipe_for, write_jsonl

When = Literal["before", "after", "within"]
CALLS = ("read", "exists", "open", "put", "put_if_absent", "list", "delete")


class Killed(BaseException):
    """The end of a process."""


class Fate:
    """Strikes before or after storage call number `at` of a process.

    After `Killed`, every call strikes: a process that is dead does not clean up. A failure strikes once.
    """

    def __init__(self, at: int, when: When, error: type[BaseException]) -> None:
        self.at, self.when, self.error = at, when, error
        self.calls = 0
        self.names: list[str] = []
        self.dead = False
        self.left: list[Any] = []  # files that the dead process had open

    def strike(self, call: int, when: When) -> None:
        if self.dead or (call == self.at and when == self.when):
            self.dead = self.error is Killed
            raise self.error(f"{when} storage call {call}")

    def begin(self, name: str) -> int:
        self.calls += 1
        self.names.append(name)
        self.strike(self.calls, "before")
        return self.calls


@contextmanager
def fated(kind: type, fate: Fate) -> Iterator[None]:
    """Every storage call of a kind of store passes by a fate."""

    def plain(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *args: Any) -> Any:
            number = fate.begin(real.__name__)
            try:
                return real(self, *args)
            finally:
                fate.strike(number, "after")

        return call

    def create(real: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def call(self: Any, path: str) -> Iterator[BinaryIO]:
            number = fate.begin("create")
            manager = real(self, path)
            try:
                yield manager.__enter__()
            except BaseException as error:
                if fate.dead:
                    fate.left.append(manager)
                    raise
                manager.__exit__(type(error), error, error.__traceback__)
                raise
            if (fate.at, fate.when) == (number, "within"):  # all is written, nothing is closed
                fate.left.append(manager)
                fate.strike(number, "within")
            manager.__exit__(None, None, None)
            fate.strike(number, "after")

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(kind, name, plain(getattr(kind, name)))
        patch.setattr(kind, "create", create(kind.create))
        yield


# Every failure ends the run: that tasks are tried again is tested by itself.
ONCE = LocalExecutor(retries=replace(RETRIES, storage_failures=0))


def small(folder: Path, root: str) -> Recipe:
    settings = ["vocabulary.size=264", "execution.unit_bytes=700", f"root={root}"]
    return mixed_recipe_for(folder, {"in": {"epochs": 1.5}}, "pack.deduplicate=exact", *settings)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)  # no power is cut here
    texts = documents(6, seed=3)
    write_jsonl(tmp_path / "in" / "a.jsonl", [*texts, ("again", max(text for _, text in texts))])
    return tmp_path


def check(manifest: Manifest, root: str, whole: Manifest) -> None:
    assert contents(manifest) == contents(whole)
    for stage in manifest.stages.values():
        for file in stage.files:
            check_stored(open_objects(root), file)


# Killed after a call leaves what killed before the next one does.
@pytest.mark.parametrize(
    ("error", "when"),
    [(Killed, "after"), (Killed, "within"), (StorageError, "before"), (StorageError, "after")],
)
def test_a_run_may_die_at_every_storage_call(corpus: Path, error: type[BaseException], when: When) -> None:
    plain = Fate(0, when, error)
    with fated(LocalObjects, plain):
        whole = run(small(corpus, str(corpus / "whole")))
    assert len(whole.stages["count"].units) > 1
    assert whole.stages["select"].ledger.deduplicated == 1
    assert plain.calls > 100
    for at, name in enumerate(plain.names, 1):
        if when == "within" and name != "create":
            continue
        root = str(corpus / str(at))
        fate = Fate(at, when, error)
        with fated(LocalObjects, fate):
            if name == "delete" and error is StorageError:
                with suppress(StorageError):  # what cannot be tidied up need not fail a run
                    run(small(corpus, root), executor=ONCE)
            else:
                with pytest.raises(error):
                    run(small(corpus, root), executor=ONCE)
        check(run(small(corpus, root)), root, whole)
        fate.left.clear()


@pytest.mark.parametrize("error", [Killed, StorageError])
def test_a_run_on_s3_may_die_again_and_again(corpus: Path, s3_root: str, error: type[BaseException]) -> None:
    whole = run(small(corpus, str(corpus / "whole")))
    struck = 0
    for turn in range(1000):
        # Each attempt goes some calls further into what the ones before have left to do.
        fate = Fate(8 + 19 * turn, "before" if turn % 2 else "after", error)
        try:
            with fated(RemoteObjects, fate):
                last = run(small(corpus, s3_root), executor=ONCE)
        except error:
            struck += 1
            continue
        break
    assert struck > 2
    check(last, s3_root, whole)
    check(run(small(corpus, s3_root)), s3_root, whole)
