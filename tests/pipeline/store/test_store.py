"""The store keeps its promises: absent means absent, what is published is whole, damage is seen."""

import gc
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from pairloom.operators.errors import ConflictError, CorruptionError, RecipeError
from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.store.files import (
    StoredFile,
    attempt_path,
    check_stored,
    open_arrow,
    write_arrow,
    write_bytes,
)
from pairloom.pipeline.store.location import check_writable, open_objects
from pairloom.pipeline.store.manifest import Manifest, StageRecord, commit, latest_manifest, read_manifest
from pairloom.pipeline.store.objects import LocalObjects
from pairloom.pipeline.store.receipts import Ledger, Receipt, claim, discard, find_receipt

SCHEMA = pa.schema([("n", pa.int64())])


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(str(tmp_path))


def test_put_if_absent_has_one_winner(objects: LocalObjects) -> None:
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda i: objects.put_if_absent("a/b", b"%d" % i), range(64)))
    assert won.count(True) == 1
    assert objects.read("a/b") == b"%d" % won.index(True)
    assert objects.list("") == ["a/b"]


def test_put_replaces_and_delete_forgives(objects: LocalObjects) -> None:
    objects.put("x", b"1")
    objects.put("x", b"2")
    assert objects.read("x") == b"2"
    objects.delete("x")
    objects.delete("x")
    assert not objects.exists("x")
    with pytest.raises(FileNotFoundError):
        objects.read("x")


def test_a_failed_write_leaves_nothing(objects: LocalObjects) -> None:
    def fail() -> None:
        with objects.create("data/x") as file:
            file.write(b"half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power"):
        fail()
    assert objects.list("") == []


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\0b"])
def test_no_path_leads_out_of_the_root(objects: LocalObjects, path: str) -> None:
    with pytest.raises(ValueError, match="no path below the root"):
        objects.read(path)


def test_arrow_says_nothing_of_a_file_that_was_left(
    objects: LocalObjects, capfd: pytest.CaptureFixture[str]
) -> None:
    """What Arrow holds of a file that nobody wants is thrown away in silence, whenever it is."""

    def fail() -> None:
        with write_arrow(objects, "data/x", SCHEMA, role="data"):
            raise RuntimeError("no batch")

    with pytest.raises(RuntimeError, match="no batch"):
        fail()
    gc.collect()
    assert capfd.readouterr() == ("", "")
    assert objects.list("") == []


def test_arrow_files_are_read_again(objects: LocalObjects) -> None:
    with write_arrow(objects, attempt_path("s", "ab", "x.arrow"), SCHEMA, role="data") as writer:
        writer.write(pa.record_batch([pa.array([1, 2])], schema=SCHEMA))
        writer.facts["n"] = 3
    assert writer.stored is not None
    assert (writer.stored.rows, writer.stored.facts) == (2, {"n": 3})
    with open_arrow(objects, writer.stored) as reader:
        assert reader.read_all().column("n").to_pylist() == [1, 2]


@pytest.mark.parametrize("at", [0.1, 0.5, 0.99])
def test_damage_between_writing_and_reading_again_is_seen(
    objects: LocalObjects, monkeypatch: pytest.MonkeyPatch, at: float
) -> None:
    """A file that is not what was written is never handed on."""

    place = Path(objects.uri("data/x.arrow"))

    def damaging(_handle: int) -> None:
        data = bytearray(place.read_bytes())
        data[int(at * len(data))] ^= 1
        place.write_bytes(data)
        monkeypatch.undo()

    def write() -> None:
        with write_arrow(objects, "data/x.arrow", SCHEMA, role="data") as writer:
            for _ in range(2):
                writer.write(pa.record_batch([pa.array(range(500))], schema=SCHEMA))
            monkeypatch.setattr(os, "fsync", damaging)

    with pytest.raises(CorruptionError, match=r"x\.arrow"):
        write()


def test_scratch_has_sums_alone_and_is_not_synced(
    objects: LocalObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads it compares it; two attempts at it are compared by their sums."""

    def unexpected(_handle: int) -> None:
        raise AssertionError("scratch was synced")

    unit, receipts = unit_id("exchange", 1), []
    monkeypatch.setattr(os, "fsync", unexpected)
    for n in (1, 1, 2):
        path = attempt_path("exchange", unit, "exchange.arrow")
        with write_arrow(objects, path, SCHEMA, role="exchange", scratch=True) as writer:
            writer.write(pa.record_batch([pa.array([n, 2])], schema=SCHEMA))
        assert writer.stored is not None
        assert not writer.stored.sha256
        check_stored(objects, writer.stored)
        receipts.append(Receipt(stage="exchange", unit=unit, files=(writer.stored,)))
    assert claim(objects, receipts[0]) == receipts[0]  # its receipt is no more than it
    monkeypatch.undo()
    assert claim(objects, receipts[0]) == claim(objects, receipts[1]) == receipts[0]
    with pytest.raises(CorruptionError, match="different bytes"):
        claim(objects, receipts[2])
    place = Path(objects.uri(receipts[0].files[0].path))
    whole = place.read_bytes()
    for damaged in (whole[:-1], bytes(len(whole)), whole[:300] + b"?" + whole[301:], b""):
        place.write_bytes(damaged)
        with pytest.raises(CorruptionError, match="exchange"):
            check_stored(objects, receipts[0].files[0])


def test_files_are_known_by_sha_256_where_both_have_it_else_by_sums() -> None:
    """Attempts of two versions at scratch agree, of which one wrote a SHA-256."""
    here, there = (
        StoredFile(role="x", path=name, bytes=3, sha256=sha, rows=0, sums="c3Vt")
        for name, sha in (("a", ""), ("b", "0" * 64))
    )
    assert here.same(there)
    assert there.same(there.model_copy(update={"sums": ""}))
    assert not there.same(there.model_copy(update={"sha256": "1" * 64}))
    assert not here.same(here.model_copy(update={"sums": "c3Vu"}))
    assert (here.content, there.content) == ("c3Vt", "0" * 64)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-1], lambda b: b[:50] + bytes([b[50] ^ 1]) + b[51:], lambda b: b + b"\0", lambda _: b""],
)
def test_damage_is_seen(objects: LocalObjects, damage: Callable[[bytes], bytes]) -> None:
    stored = write_bytes(objects, "data/x", bytes(range(256)), role="data")
    check_stored(objects, stored)
    place = Path(objects.uri("data/x"))
    place.write_bytes(damage(place.read_bytes()))
    with pytest.raises(CorruptionError, match="data/x"):
        check_stored(objects, stored)


def test_the_first_receipt_wins_and_the_other_attempt_is_removed(objects: LocalObjects) -> None:
    unit = unit_id("count", {"a": 1})
    receipts = []
    for _ in range(2):
        stored = write_bytes(objects, attempt_path("count", unit, "x"), b"same", role="data")
        receipts.append(Receipt(stage="count", unit=unit, files=(stored,)))
    assert claim(objects, receipts[0]) == receipts[0]
    assert claim(objects, receipts[1]) == receipts[0]
    assert find_receipt(objects, "count", unit) == receipts[0]
    assert not objects.exists(receipts[1].files[0].path)
    other = write_bytes(objects, attempt_path("count", unit, "x"), b"other", role="data")
    with pytest.raises(CorruptionError, match="different bytes"):
        claim(objects, Receipt(stage="count", unit=unit, files=(other,)))
    discard(objects, receipts[0])
    assert find_receipt(objects, "count", unit) is None


def test_an_unbalanced_ledger_is_no_receipt(objects: LocalObjects) -> None:
    ledger = Ledger(documents_in=3, documents_out=1, empty=1)
    with pytest.raises(CorruptionError, match="does not balance: 3 documents in, 1 out, 1 empty, 0 rejected"):
        claim(objects, Receipt(stage="count", unit="ab", files=(), ledger=ledger))


def test_ledgers_add_up() -> None:
    a = Ledger(documents_in=3, documents_out=2, rejected={"x": 1})
    b = Ledger(documents_in=2, documents_out=0, empty=1, rejected={"y": 1})
    total = Ledger.sum([a, b])
    assert (total.documents_in, total.empty, total.rejected) == (5, 1, {"x": 1, "y": 1})
    total.check("the sum")


def test_unit_ids_are_content() -> None:
    assert unit_id("count", {"a": 1, "b": 2}) == unit_id("count", {"b": 2, "a": 1})
    assert len({unit_id("count", {"a": 1}), unit_id("count", {"a": 2}), unit_id("tokenize", {"a": 1})}) == 3


def manifest(generation: int) -> Manifest:
    record = StageRecord(key="k", units=("u",), files=())
    return Manifest(generation=generation, recipe={"root": "x"}, stages={"count": record})


def test_generations_follow_each_other(objects: LocalObjects) -> None:
    assert latest_manifest(objects) is None
    commit(objects, manifest(1))
    commit(objects, manifest(2))
    with pytest.raises(ConflictError, match="generation 2"):
        commit(objects, manifest(2))
    assert latest_manifest(objects) == manifest(2)
    assert read_manifest(objects, 1) == manifest(1)
    for hint in (b"1", b"9", b"nonsense"):
        objects.put("manifests/latest", hint)
        assert latest_manifest(objects) == manifest(2)


def test_a_damaged_manifest_is_seen(objects: LocalObjects) -> None:
    commit(objects, manifest(1))
    place = Path(objects.uri("manifests/00000001.json"))
    good = place.read_bytes()
    for bad in (good[:-5], good.replace(b'"k"', b'"j"'), b"", b"\xff\xfe", good[: len(good) // 2]):
        place.write_bytes(bad)
        with pytest.raises(CorruptionError, match=r"00000001\.json"):
            latest_manifest(objects)


def test_roots_that_cannot_hold_a_commit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="created only if it is absent"):
        open_objects("memory://bucket/out")
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(RecipeError, match="is a file"):
        open_objects(str(file))
    with pytest.raises(RecipeError, match="cannot write"):
        check_writable(LocalObjects(str(file / "below")))
