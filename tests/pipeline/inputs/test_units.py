"""How the files of a source are cut into units."""

import pickle
import random
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, InputFile
from pairloom.pipeline.inputs.units import plan_units, usual_bytes
from pairloom.pipeline.recipe import CorpusSource


def touch(path, data=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def names(source, root):
    return [file.uri.removeprefix(f"file://{root}/") for file in list_inputs(source)]


def source(root, *paths, exclude=(), **rest):
    return CorpusSource(name="s", paths=tuple(f"{root}/{path}" for path in paths), exclude=exclude, **rest)


def sized(sizes: dict[int, int]) -> list[InputFile]:
    """Files that are never cut, by number."""
    common = {"source": "s", "version": "v", "format": "text", "compression": "none"}
    return [InputFile(uri=f"file:///in/{i:05}.txt", size=size, **common) for i, size in sorted(sizes.items())]


def cut(sizes: dict[int, int], unit_bytes: int) -> list[tuple[str, ...]]:
    units = plan_units(CorpusSource(name="s", paths=("/in/*",)), sized(sizes), unit_bytes)
    return [tuple(f"{piece.file.uri} {piece.file.size}" for piece in unit.slices) for unit in units]


def cut_slowly(files: list[InputFile], unit_bytes: int, most: int) -> list[list[InputFile]]:
    """What is too much is cut before the file with the least hash, but for the first."""
    if len(files) < 2 or (sum(file.size for file in files) <= unit_bytes and len(files) <= most):
        return [files] if files else []
    at = min(
        range(1, len(files)), key=lambda i: blake2b(f"{files[i].uri} 0".encode(), digest_size=8).digest()
    )
    return cut_slowly(files[:at], unit_bytes, most) + cut_slowly(files[at:], unit_bytes, most)


@given(
    st.dictionaries(st.integers(0, 99), st.integers(0, 60), max_size=60),
    st.integers(1, 300),
    st.sampled_from([1, 3, 4096]),
)
def test_units_are_cut_at_the_files_with_the_least_hashes(sizes, unit_bytes, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pairloom.pipeline.inputs.units._FILES_IN_UNIT", most)
        found = cut(sizes, unit_bytes)
    slow = cut_slowly(sized(sizes), unit_bytes, most)
    assert found == [tuple(f"{file.uri} {file.size}" for file in files) for files in slow]


def test_an_input_that_changes_moves_few_edges():
    rng = random.Random(5)
    sizes = {i: rng.randint(1, 60) for i in range(0, 2000, 2)}
    before = cut(sizes, 200)
    assert all(sum(int(one.split()[1]) for one in unit) <= 200 for unit in before)
    assert sum(sizes.values()) / len(before) > 90  # about half of what a unit may have
    new = {"changed": 0, "removed": 0, "added": 0}
    for i in rng.sample(sorted(sizes), 50):
        for what, after in (
            ("changed", sizes | {i: rng.randint(1, 60)}),
            ("removed", {k: size for k, size in sizes.items() if k != i}),
            ("added", sizes | {i + 1: rng.randint(1, 60)}),
        ):
            new[what] += len(set(cut(after, 200)) - set(before))
    assert all(count <= 2 * 50 for count in new.values()), new


def test_units_cut_jsonl_at_multiples_and_group_small_files(tmp_path):
    touch(tmp_path / "a.jsonl", b"\n" * 250)
    for k in range(5):
        touch(tmp_path / f"b{k}.txt", b"x" * 40)
    touch(tmp_path / "c.jsonl.gz", b"x" * 300)
    touch(tmp_path / "d.txt", b"")
    everything = source(tmp_path, "*", text="body", id="key")
    files = list_inputs(everything)
    units = plan_units(everything, files, 100)
    slices = [(Path(p.file.uri).name, p.start, p.stop) for unit in units for p in unit.slices]
    assert slices == [
        ("a.jsonl", 0, 100),
        ("a.jsonl", 100, 200),
        ("a.jsonl", 200, 250),
        *((f"b{k}.txt", 0, 1) for k in range(5)),
        ("c.jsonl.gz", 0, 1),
        ("d.txt", 0, 1),
    ]
    sizes = [unit.bytes for unit in units]
    assert sum(sizes) == 750
    assert sizes[:2] == [100, 100]
    assert max(sizes) == 300
    assert len(units) <= 9
    assert [[Path(p.file.uri).name for p in unit.slices] for unit in units if unit.bytes > 100] == [
        ["c.jsonl.gz"]
    ]
    assert {(unit.source, unit.fields.text, unit.fields.id) for unit in units} == {("s", "body", "key")}
    assert pickle.loads(pickle.dumps(units)) == units
    assert plan_units(everything, [], 100) == []
    with pytest.raises(RecipeError):
        plan_units(everything, files, 0)


def test_units_cut_parquet_and_arrow_between_groups(tmp_path):
    table = pa.table({"text": [f"{k:0200}" for k in range(100)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10, compression="none", use_dictionary=False)
    with pa.ipc.new_file(tmp_path / "b.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=25)
    with pa.ipc.new_stream(tmp_path / "c.arrows", table.schema) as writer:
        writer.write_table(table, max_chunksize=25)
    every = source(tmp_path, "*")
    files = list_inputs(every)
    for unit_bytes in (1, 3000, 9000, 1 << 30):
        slices = [piece for unit in plan_units(every, files, unit_bytes) for piece in unit.slices]
        for file in files:
            own = [piece for piece in slices if piece.file == file]
            groups = {"a.parquet": 10, "b.arrow": 4, "c.arrows": 1}[Path(file.uri).name]
            assert [piece.start for piece in own] == [0, *(piece.stop for piece in own[:-1])]
            assert own[-1].stop == groups
            assert sum(piece.bytes for piece in own) == file.size
            if unit_bytes == 1:
                assert len(own) == groups
            got = [t for piece in own for batch in read(piece, Fields()) for t in batch.content.to_pylist()]
            assert got == table["text"].to_pylist()
            for piece in own:
                assert sum(batch.bytes_read for batch in read(piece, Fields())) == piece.bytes


def test_files_are_values():
    file = InputFile(source="s", uri="file:///x", size=1, version="v", format="text", compression="none")
    assert pickle.loads(pickle.dumps(file)) == file
    with pytest.raises(AttributeError):
        file.size = 2


@pytest.mark.parametrize("size", [119_000_000, 938_000_000, 20_000_000_000])
@pytest.mark.parametrize("workers", [2, 4])
def test_units_of_the_usual_size_leave_no_worker_idle_for_long(size: int, workers: int) -> None:
    """The largest first, as steps begin them: less than a tenth of the workers' time is left over at the end."""
    file = InputFile(
        source="s", uri="file:///x.jsonl", size=size, version="1", format="jsonl", compression="none"
    )
    units = plan_units(CorpusSource(name="s", paths=("/x.jsonl",)), [file], None)
    assert sum(unit.bytes for unit in units) == size
    assert max(unit.bytes for unit in units) <= usual_bytes(size)
    busy = [0] * workers
    for unit in sorted(units, key=lambda unit: -unit.bytes):
        busy[busy.index(min(busy))] += unit.bytes
    assert sum(busy) >= 0.9 * workers * max(busy)


def test_units_of_the_usual_size_stay_what_they_are_while_a_source_grows_a_little() -> None:
    """What was tokenized is known again: only what is new, and what is beside it, is in other units."""
    sizes = [7_000_000 + 1000 * number for number in range(40)]
    files = [
        InputFile(
            source="s",
            uri=f"file:///{n:02}.jsonl",
            size=size,
            version="1",
            format="jsonl",
            compression="none",
        )
        for n, size in enumerate(sizes)
    ]
    source = CorpusSource(name="s", paths=("/x.jsonl",))
    before, after = (plan_units(source, some, None) for some in (files[:-1], files))
    kept = {unit.slices for unit in before} & {unit.slices for unit in after}
    assert len(kept) >= len(before) - 2
