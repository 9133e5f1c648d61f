"""Which files a source has, and how they are cut."""

import os
import pickle
import random
import sysconfig
from hashlib import blake2b
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.patterns import matcher
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


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/a/*.py", ["/a/b.py", "/a/.py"], ["/a/b/c.py", "/a/b.pyc", "a/b.py"]),
        ("/a/**/*.py", ["/a/b.py", "/a/b/c/d.py"], ["/b/a/b.py"]),
        (
            "**/site-packages/**",
            ["/x/site-packages/y/z", "site-packages/y"],
            ["/x/site-packages2/y", "/site-packages"],
        ),
        ("/a?[b-d][!e].x", ["/aXbf.x", "/aYdg.x"], ["/aXbe.x", "/a/bf.x", "/aXb/.x"]),
        ("/a[[]1].x", ["/a[1].x"], ["/a1.x"]),
        ("/a[.x", ["/a[.x"], ["/a.x"]),
        ("/a/**", ["/a/b", "/a/b/c"], ["/ab"]),
        ("/a+(b).x", ["/a+(b).x"], ["/aab.x"]),
    ],
)
def test_patterns(pattern, yes, no):
    assert [path for path in yes + no if matcher(pattern).fullmatch(path)] == yes


def test_listing_is_sorted_without_duplicates_folders_and_hidden_files(tmp_path):
    for name in ("b.txt", "a.txt", "d/c.txt", "d/e/f.txt", ".hidden.txt", ".d/g.txt", "d/.h.txt", "x.md"):
        touch(tmp_path / name)
    (tmp_path / "folder.txt").mkdir()
    assert names(source(tmp_path, "**/*.txt", "*.txt", "a.txt"), tmp_path) == [
        "a.txt",
        "b.txt",
        "d/c.txt",
        "d/e/f.txt",
    ]
    assert names(source(tmp_path, "**/.*.txt"), tmp_path) == [".hidden.txt", "d/.h.txt"]
    assert names(source(tmp_path, ".d/*", ".hidden.txt"), tmp_path) == [".d/g.txt", ".hidden.txt"]
    assert names(source(tmp_path, "*/*.txt"), tmp_path) == ["d/c.txt"]
    assert names(source(tmp_path, "**"), tmp_path) == ["a.txt", "b.txt", "d/c.txt", "d/e/f.txt", "x.md"]


def test_a_uri_and_a_path_are_one_file(tmp_path, monkeypatch):
    touch(tmp_path / "a.txt")
    monkeypatch.chdir(tmp_path)
    found = list_inputs(
        CorpusSource(
            name="s", paths=("a.txt", f"file://{tmp_path}/a.txt", f"{tmp_path}/../{tmp_path.name}/*.txt")
        )
    )
    assert [file.uri for file in found] == [f"file://{tmp_path}/a.txt"]
    assert found[0].size == 1
    assert found[0].version == str((tmp_path / "a.txt").stat().st_mtime_ns)


def test_exclusion_is_matched_on_the_whole_path(tmp_path):
    for name in ("a.txt", "b.txt", "site-packages/c.txt", "x/site-packages/y/d.txt", "x/test_e.txt"):
        touch(tmp_path / name)
    everything = "**/*.txt"
    assert names(source(tmp_path, everything, exclude=("**/site-packages/**",)), tmp_path) == [
        "a.txt",
        "b.txt",
        "x/test_e.txt",
    ]
    assert names(source(tmp_path, everything, exclude=("site-packages/**", "test_*")), tmp_path) == [
        "a.txt",
        "b.txt",
    ]
    assert "b.txt" not in names(source(tmp_path, everything, exclude=(f"{tmp_path}/b.txt",)), tmp_path)
    assert "b.txt" in names(source(tmp_path, everything, exclude=("/b.txt",)), tmp_path)
    with pytest.raises(RecipeError, match="matches no file that is not excluded"):
        list_inputs(source(tmp_path, "b.txt", exclude=("b.*",)))


def test_links_are_followed_once_and_loops_end(tmp_path):
    touch(tmp_path / "real/a.txt")
    touch(tmp_path / "outside/b.txt")
    touch(tmp_path / "blobs/0123", b"{}")
    (tmp_path / "real/loop").symlink_to(tmp_path / "real")
    (tmp_path / "real/up").symlink_to(tmp_path)
    (tmp_path / "real/out").symlink_to(tmp_path / "outside")
    (tmp_path / "real/again.txt").symlink_to(tmp_path / "real/a.txt")
    (tmp_path / "real/data.jsonl").symlink_to(tmp_path / "blobs/0123")
    for k in range(12):
        for other in range(12):
            (tmp_path / f"maze{k}").mkdir(exist_ok=True)
            (tmp_path / f"maze{k}/to{other}").symlink_to(tmp_path / f"maze{other}")
    touch(tmp_path / "maze5/deep.txt")
    assert names(source(tmp_path, "real/**/*.txt", "real/*.jsonl", exclude=("maze*/**",)), tmp_path) == [
        "real/a.txt",
        "real/data.jsonl",
        "real/out/b.txt",
    ]
    assert names(source(tmp_path, "maze*/**/*.txt"), tmp_path) == ["maze5/deep.txt"]
    assert names(source(tmp_path, "real/*/b.txt"), tmp_path) == ["real/out/b.txt"]
    assert names(source(tmp_path, "**/*.txt"), tmp_path) == ["maze5/deep.txt", "outside/b.txt", "real/a.txt"]


def test_broken_links_name_themselves_and_their_target(tmp_path):
    touch(tmp_path / "a.txt")
    (tmp_path / "b.txt").symlink_to("gone.txt")
    with pytest.raises(RecipeError, match=r"b\.txt: a broken link to gone\.txt"):
        list_inputs(source(tmp_path, "*.txt"))
    assert names(source(tmp_path, "*.txt", exclude=("b.txt",)), tmp_path) == ["a.txt"]
    (tmp_path / "c.txt").symlink_to("c.txt")
    with pytest.raises(RecipeError, match="leads nowhere"):
        list_inputs(source(tmp_path, "c.txt"))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing.txt", "no such file"),
        ("*.nothing", "matches no file"),
        ("nowhere/**/*.txt", "matches no file"),
        ("folder", r"a folder; name the files in it, for example .*folder/\*\*/\*\.jsonl"),
        ("pipe", "not a regular file"),
        ("a.7z", "archives"),
        ("a.txt.br", "archives"),
        ("a.parquet.gz", "compress inside"),
    ],
)
def test_paths_without_a_usable_file(tmp_path, path, says):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("a.7z", "a.txt.br", "a.parquet.gz"):
        touch(tmp_path / name)
    with pytest.raises(RecipeError, match=says):
        list_inputs(source(tmp_path, path))


@pytest.mark.parametrize(
    "uri", ["nosuchscheme://x/y", "zip://a.txt::file:///b.zip", "memory://none/x.txt", "memory://none/*.txt"]
)
def test_uris_without_a_usable_file(uri):
    with pytest.raises(RecipeError):
        list_inputs(CorpusSource(name="s", paths=(uri,)))


def test_literal_names_with_special_characters(tmp_path):
    for name in ("a[1].txt", "b?.txt", "c d%20.txt", "é.txt", "#x.txt"):
        touch(tmp_path / name)
    assert names(source(tmp_path, "a[1].txt", "b?.txt", "c d%20.txt", "é.txt", "#x.txt"), tmp_path) == sorted(
        ["a[1].txt", "b?.txt", "c d%20.txt", "é.txt", "#x.txt"]
    )
    for file in list_inputs(source(tmp_path, "*.txt")):
        (unit,) = plan_units(source(tmp_path, "*.txt"), [file], 10)
        (batch,) = read(unit.slices[0], Fields())
        assert batch.content.to_pylist() == ["x"]


def test_names_that_are_not_utf8_are_refused(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_bytes(b"x")
    with pytest.raises(RecipeError, match="not UTF-8"):
        list_inputs(source(tmp_path, "*.txt"))


def test_the_library_and_the_home_folder(tmp_path, monkeypatch):
    found = list_inputs(CorpusSource(name="s", paths=("{stdlib}/json/*.py",)))
    assert {Path(file.uri).name for file in found} >= {"__init__.py", "decoder.py"}
    assert found[0].uri.startswith(f"file://{sysconfig.get_path('stdlib')}/json/")
    monkeypatch.setenv("HOME", str(tmp_path))
    touch(tmp_path / "a.txt")
    assert [file.uri for file in list_inputs(CorpusSource(name="s", paths=("~/*.txt",)))] == [
        f"file://{tmp_path}/a.txt"
    ]


@pytest.mark.parametrize(
    ("name", "form", "compression"),
    [
        ("a.jsonl", "jsonl", "none"),
        ("a.ndjson.gz", "jsonl", "gzip"),
        ("a.JSON.ZST", "jsonl", "zstd"),
        ("a.parquet", "parquet", "none"),
        ("a.feather", "arrow", "none"),
        ("a.ipc", "arrow", "none"),
        ("a.arrows", "arrow", "none"),
        ("a.csv.gz", "csv", "gzip"),
        ("a.tsv", "csv", "none"),
        ("a.txt.gz", "text", "gzip"),
        ("a.py", "text", "none"),
        ("README", "text", "none"),
        ("a.", "text", "none"),
        (".zst", "text", "none"),
    ],
)
def test_formats(tmp_path, name, form, compression):
    touch(tmp_path / name)
    (file,) = list_inputs(source(tmp_path, name))
    assert (file.format, file.compression) == (form, compression)


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


def test_remote_listing_follows_the_same_rules():
    fs = fsspec.filesystem("memory")
    for name in ("a.txt", "d/b.txt", "d/e/c.txt", ".h.txt", "d/.h.txt", "folder.txt/x.md"):
        fs.pipe(f"/corpus/{name}", b"x")
    try:

        def found(*paths, exclude=()):
            files = list_inputs(CorpusSource(name="s", paths=paths, exclude=exclude))
            return [file.uri.rpartition("corpus/")[2] for file in files]

        assert found("memory://corpus/**/*.txt", "memory://corpus/a.txt") == ["a.txt", "d/b.txt", "d/e/c.txt"]
        assert found("memory://corpus/*.txt") == ["a.txt"]
        assert found("memory://corpus/.*.txt") == [".h.txt"]
        assert found("memory://corpus/**/*.txt", exclude=("d/**",)) == ["a.txt"]
        with pytest.raises(RecipeError, match="a folder"):
            found("memory://corpus/d")
        with pytest.raises(RecipeError, match="no such file"):
            found("memory://corpus/missing.txt")
        (file,) = list_inputs(CorpusSource(name="s", paths=("memory://corpus/a.txt",)))
        assert file.version
        fs.pipe("/corpus/a.txt", b"y")
        (unit,) = plan_units(CorpusSource(name="s", paths=("memory://corpus/a.txt",)), [file], 10)
        with pytest.raises(DataError, match="changed during the run"):
            list(read(unit.slices[0], Fields()))
    finally:
        fs.rm("/corpus", recursive=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"paths": ()},
        {"name": ""},
        {"text": ""},
        {"id": ""},
        {"paths": ("",)},
        {"exclude": ("",)},
    ],
)
def test_sources_are_checked(wrong):
    with pytest.raises(ValidationError):
        CorpusSource(**({"name": "s", "paths": ("x",)} | wrong))


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
