"""Which files a source has."""

import os
import sysconfig
from pathlib import Path

import fsspec
import pytest
from pydantic import ValidationError

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.patterns import matcher
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields
from pairloom.pipeline.inputs.units import plan_units
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
