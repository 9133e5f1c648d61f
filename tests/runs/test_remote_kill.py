"""A run that dies at any storage call, or is failed by it, goes on to the same bytes: on a local folder and on S3."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from pairloom.operators.errors import StorageError
from pairloom.pipeline import Recipe, run
from pairloom.pipeline.store.files import check_stored
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import LocalObjects
from pairloom.pipeline.store.remote.objects import RemoteObjects
from tests.support.corpora import contents, documents, mixed_recipe_for, write_jsonl
from tests.support.fates import ONCE, Fate, Killed, When, fated


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
        whole = run(small(corpus, str(corpus / "whole")), executor=ONCE)
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
