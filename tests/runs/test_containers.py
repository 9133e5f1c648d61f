"""Whole runs over containers: they are read, proved, cut, and read again only where they have changed."""

import gzip
import json
import lzma
import os
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.inputs import intake as reading
from pairloom.pipeline.repair.repair import repair
from tests.support.corpora import contents, documents
from tests.support.warc import record, warc_file

Pairs = Sequence[tuple[str, str]]


def write(path: Path, data: bytes, time: int) -> None:
    path.write_bytes(data)
    os.utime(path, ns=(1, time))


def nested(path: Path, made: Pairs) -> None:
    records = [
        {"data": {"content": text}, "meta": {"id": name, "score": k / 100}}
        for k, (name, text) in enumerate(made)
    ]
    write(path, lzma.compress("".join(json.dumps(one) + "\n" for one in records).encode()), len(made))


def structs(path: Path, made: Pairs) -> None:
    records = [
        {"doc": {"title": name, "body": text}, "score": k / 100} for k, (name, text) in enumerate(made)
    ]
    pq.write_table(pa.Table.from_pylist(records), path, row_group_size=10)
    os.utime(path, ns=(1, len(made)))


def web(path: Path, made: Pairs) -> None:
    records = [
        record("conversion", text.encode(), "text/plain", number=k) for k, (_, text) in enumerate(made)
    ]
    write(path, warc_file(records), len(made))


def zipped(path: Path, made: Pairs) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logo.png", b"\x89PNG\r\n\x1a\n")
        for name, text in made:
            archive.writestr(f"notes/{name}.md", text)
    os.utime(path, ns=(1, len(made)))


def tarred(path: Path, made: Pairs) -> None:
    plain = path.with_suffix(".plain")
    with tarfile.open(plain, "w") as archive:
        for part in (0, 1):
            data = json.dumps([{"text": text} for _, text in made[part::2]], indent=1).encode()
            held = path.with_suffix(".json")
            held.write_bytes(data)
            archive.add(held, f"part-{part}.json")
            held.unlink()
    write(path, gzip.compress(plain.read_bytes()), len(made))
    plain.unlink()


MAKE = {
    "xz.jsonl.xz": nested,
    "structs.parquet": structs,
    "web.warc.wet.gz": web,
    "notes.zip": zipped,
    "more.tar.gz": tarred,
}
SOURCES = [
    {"name": "nested", "paths": "in/*.jsonl.xz", "text": "data.content", "id": "meta.id", "where": "meta.score < 0.25"},
    {"name": "structs", "paths": "in/*.parquet", "text": "# {doc.title}\n\n{doc.body}", "where": "score >= 0.05"},
    {"name": "web", "paths": "in/*.wet.gz", "id": "id"},
    {"name": "notes", "paths": "in/*.zip", "members": "*.md"},
    {"name": "more", "paths": "in/*.tar.gz", "format": "json"},
]  # fmt: skip


def recipe(root: str, unit_bytes: str = "1GB", **more: object) -> Recipe:
    return Recipe.model_validate(
        {
            "root": root,
            "corpus": SOURCES,
            "vocabulary": {"size": 300, "special_tokens": ["<|endoftext|>"]},
            "tokenize": {"append": ["<|endoftext|>"]},
            "pack": {"seq_len": 64},
            "execution": {"engine": "local", "unit_bytes": unit_bytes},
            **more,
        }
    )


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for seed, (name, make) in enumerate(MAKE.items()):
        make(tmp_path / "in" / name, documents(30, seed))
    return tmp_path


@pytest.mark.parametrize("unit_bytes", ["1GB", "1kB"])
def test_containers_run_are_proved_and_read_again_where_they_have_changed(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, unit_bytes: str
) -> None:
    asked = recipe("out", unit_bytes)
    first = run(asked)
    ledger = first.stages["tokenize"].ledger
    assert (ledger.documents_in, dict(ledger.filtered), dict(ledger.rejected)) == (150, {"where": 10}, {})
    proof = verify(open_dataset("out"))
    round_trip(open_dataset("out"), proof, sample=200)

    read: list[str] = []
    real = reading.read

    def watched(piece, *wanted):
        read.append(Path(piece.file.uri).name)
        return real(piece, *wanted)

    monkeypatch.setattr(reading, "read", watched)
    for name in ("notes.zip", "more.tar.gz"):
        MAKE[name](corpus / "in" / name, documents(34, 7))
    second, found = retokenize(asked)
    assert set(read) == {"notes.zip", "more.tar.gz"}
    assert (found.changed.inputs, found.same.inputs) == (2, 3)
    assert second.stages["tokenize"].ledger.documents_in == 158
    proof = verify(open_dataset("out"))
    round_trip(open_dataset("out"), proof, sample=200)

    Path("tokenizer.json").write_bytes(open_dataset("out").vocabulary().to_json())
    fresh = run(recipe("fresh", vocabulary={"from": "tokenizer.json"}))
    assert contents(fresh)["pack"] == contents(second)["pack"]


def test_units_change_no_byte(corpus: Path) -> None:
    large, small = run(recipe("large")), run(recipe("small", "1kB"))
    assert contents(large)["pack"] == contents(small)["pack"]


def test_how_files_are_read_decides_what_is_done_again(corpus: Path) -> None:
    run(recipe("out"))
    changed = recipe("out").model_dump(mode="json", by_alias=True)
    changed["corpus"][3]["members"] = ["notes/*1.md"]
    again, _ = retokenize(Recipe.model_validate(changed))
    assert again.stages["tokenize"].ledger.documents_in < 150


def test_what_is_lost_is_made_again_from_containers(corpus: Path) -> None:
    manifest = run(recipe("out", "1kB"))
    lost = [file for file in manifest.stages["tokenize"].files if file.role == "tokens"]
    before = {file.path: (corpus / "out" / file.path).read_bytes() for file in lost}
    for path in before:
        (corpus / "out" / path).unlink()
    assert repair("out").whole
    assert {path: (corpus / "out" / path).read_bytes() for path in before} == before
