"""What every store must do, run by every store that there is."""

import io
import pickle
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.store.files import attempt_path, open_arrow, read_batches, write_arrow, write_bytes
from pairloom.pipeline.store.location import check_writable, open_objects
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt, claim
from pairloom.pipeline.store.remote import files as remote_files
from pairloom.pipeline.store.remote.files import RangeReader

# aiohttp would rather not be given large bodies as bytes, which is how gcsfs sends them.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
STORES = ("local", "s3", "gcs", "azure")
MIB = 1 << 20


@pytest.fixture(params=STORES)
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    root = str(tmp_path) if request.param == "local" else request.getfixturevalue(f"{request.param}_root")
    return open_objects(root)


def test_put_if_absent_has_one_winner(objects: Objects) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda i: objects.put_if_absent("a/b", b"%d" % i), range(24)))
    assert won.count(True) == 1
    assert objects.read("a/b") == b"%d" % won.index(True)
    assert objects.list("") == ["a/b"]


def test_equal_bytes_do_not_make_a_winner(objects: Objects) -> None:
    assert objects.put_if_absent("a", b"same")
    assert not objects.put_if_absent("a", b"same")
    objects.put("b", b"same")
    assert not objects.put_if_absent("b", b"different")


def test_a_store_is_a_value(objects: Objects) -> None:
    objects.put("x", b"1")
    again: Objects = pickle.loads(pickle.dumps(objects))
    assert again == objects
    assert hash(again) == hash(objects)
    assert again.read("x") == b"1"
    assert open_objects(objects.root) == objects


def test_put_replaces_and_delete_forgives(objects: Objects) -> None:
    assert not objects.exists("x")
    objects.put("x", b"1")
    objects.put("x", b"2")
    assert objects.read("x") == b"2"
    assert objects.exists("x")
    objects.delete("x")
    objects.delete("x")
    assert not objects.exists("x")
    for read in (objects.read, objects.open):
        with pytest.raises(FileNotFoundError):
            read("x")


def test_a_store_says_when_an_object_was_written(objects: Objects, request: pytest.FixtureRequest) -> None:
    objects.put("a/b", b"1")
    stands_in = any(name in request.node.name for name in ("gcs", "azure"))  # whose clocks stand still
    expected = datetime(2026, 1, 1, tzinfo=UTC).timestamp() if stands_in else time.time()
    assert objects.modified("a/b") == pytest.approx(expected, abs=0 if stands_in else 60)
    with pytest.raises(FileNotFoundError):
        objects.modified("a/c")


def test_listings_are_never_stale(objects: Objects) -> None:
    assert objects.list("") == objects.list("data") == []
    for path in ("data/b/2", "data/a/1", "database", "other/c"):
        assert objects.put_if_absent(path, b"x")
        assert path in objects.list("")
    assert objects.list("data") == ["data/a/1", "data/b/2"]
    assert objects.list("data/a") == ["data/a/1"]
    assert objects.list("data/a/1") == []
    assert not objects.exists("data/a")
    objects.delete("data/a/1")
    assert objects.list("data") == ["data/b/2"]


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\0b"])
def test_no_path_leads_out_of_the_root(objects: Objects, path: str) -> None:
    for use in (objects.read, objects.uri, objects.exists, objects.delete, lambda p: objects.put(p, b"")):
        with pytest.raises(ValueError, match="no path below the root"):
            use(path)


def test_names_of_any_kind(objects: Objects) -> None:
    for path in ("a b/ü+%20&=;é", "x/日本語.arrow", "x/~[a]*.json"):
        assert objects.put_if_absent(path, path.encode())
        assert objects.read(path) == path.encode()
        assert objects.open(path).read() == path.encode()
        assert objects.list(path.partition("/")[0]).count(path) == 1
        objects.delete(path)
        assert not objects.exists(path)


def test_a_file_is_written_piece_by_piece(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "PART", 5 * MIB)
    for size in (0, 1, 5 * MIB, 5 * MIB + 1, 13 * MIB):
        data = random.Random(size).randbytes(size)
        with objects.create(f"data/{size}") as file:
            for start in range(0, size, 700_001):
                file.write(memoryview(data)[start : start + 700_001])
        assert objects.read(f"data/{size}") == data
        if size:
            with objects.open(f"data/{size}") as file:
                assert file.size() == size
                assert file.read() == data
        else:
            with pytest.raises(CorruptionError, match="is empty"):
                objects.open(f"data/{size}")


@pytest.mark.parametrize("size", [10, 12 * MIB])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_write_leaves_nothing(
    objects: Objects, size: int, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "PART", 5 * MIB)

    def fail() -> None:
        with objects.create("data/x") as file:
            file.write(bytes(size))
            raise error("power cut")

    with pytest.raises(error, match="power cut"):
        fail()
    assert objects.list("") == []


def test_arrow_files_come_back(objects: Objects) -> None:
    schema = pa.schema([("n", pa.int64()), ("s", pa.large_string())])
    batches = [
        pa.record_batch(
            [pa.array([i] * 1000), pa.array([f"{i}" * 50] * 1000, pa.large_string())], schema=schema
        )
        for i in range(7)
    ]
    with write_arrow(objects, attempt_path("s", "ab", "x.arrow"), schema, role="data") as writer:
        for batch in batches:
            writer.write(batch)
    assert writer.stored is not None
    assert list(read_batches(objects, writer.stored)) == batches
    with open_arrow(objects, writer.stored) as reader:
        assert reader.get_batch(5) == batches[5]
        assert reader.read_all() == pa.Table.from_batches(batches)


def test_a_receipt_claimed_again_keeps_its_files(objects: Objects) -> None:
    stored = write_bytes(objects, "data/x", b"same", role="data")
    receipt = Receipt(stage="count", unit=unit_id("count", {"a": 1}), files=(stored,))
    assert claim(objects, receipt) == claim(objects, receipt) == receipt
    assert objects.read("data/x") == b"same"


def test_a_store_is_checked_and_left_clean(objects: Objects) -> None:
    check_writable(objects)
    assert objects.list("") == []


@given(
    size=st.integers(1, 400),
    moves=st.lists(st.tuples(st.integers(0, 420), st.integers(0, 200), st.booleans()), max_size=30),
)
def test_ranged_reads_are_those_of_a_file(size: int, moves: list[tuple[int, int, bool]]) -> None:
    data = bytes(i % 251 for i in range(size))
    asked: list[tuple[int, int]] = []

    def fetch(start: int, stop: int) -> bytes:
        assert 0 <= start < stop <= size
        assert stop - start <= 16
        asked.append((start, stop))
        return data[start:stop]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote_files, "REQUEST", 16)
        patch.setattr(remote_files, "WINDOW", 48)
        patch.setattr(remote_files, "FIRST_WINDOW", 8)
        reader, model = RangeReader(fetch, size), io.BytesIO(data)
        for at, count, jump in moves:
            if jump:
                assert reader.seek(at) == model.seek(at)
            assert reader.read(count) == model.read(count)
            assert reader.tell() == model.tell()
        reader.seek(0)
        assert reader.read() == data


def test_one_batch_of_many_costs_few_requests() -> None:
    schema = pa.schema([("n", pa.int64())])
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, schema) as writer:
        for i in range(50):
            writer.write(pa.record_batch([pa.array([i] * 100_000)], schema=schema))
    data = sink.getvalue()
    asked: list[int] = []

    def fetch(start: int, stop: int) -> bytes:
        asked.append(stop - start)
        return data[start:stop]

    reader = pa.ipc.open_file(pa.PythonFile(RangeReader(fetch, len(data)), mode="r"))
    assert reader.get_batch(25).column(0)[0].as_py() == 25
    assert len(asked) <= 4  # the head, the footer, the batch's header, its body
    assert sum(asked) < 1_200_000  # of 40 MB; the batch has 0.8
