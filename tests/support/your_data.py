"""The kinds of data that people bring, each with what is known of its documents: written, and as a source of a recipe."""

import io
import json
import lzma
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.hub import Hub
from tests.support.warc import record, warc_file

LANGUAGES = ("de", "en", "fi")


@dataclass(frozen=True)
class Doc:
    """A document, whose text says its number, and what is known of it."""

    number: int

    @property
    def text(self) -> str:
        return f"doc {self.number} " + "says some words " * (1 + self.number % 5)

    @property
    def known(self) -> dict[str, Any]:
        """What its columns say."""
        return {"score": self.number / 64, "lang": LANGUAGES[self.number % 3]}


def saved(folder: Path, hub: Hub, some: Sequence[Doc]) -> None:
    table = {
        "text": [one.text for one in some],
        **{key: [one.known[key] for one in some] for key in ("score", "lang")},
    }
    shutil.rmtree(folder / "saved", ignore_errors=True)
    datasets.Dataset.from_dict(table).save_to_disk(folder / "saved")


def nested(folder: Path, hub: Hub, some: Sequence[Doc]) -> None:
    lines = [json.dumps({"data": {"content": one.text}, "meta": one.known}) for one in some]
    (folder / "a.jsonl.xz").write_bytes(lzma.compress("\n".join(lines).encode()))


def structs(folder: Path, hub: Hub, some: Sequence[Doc]) -> None:
    rows = [
        {"doc": {"body": one.text}, "lang": one.known["lang"], "quality": {"score": one.known["score"]}}
        for one in some
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", row_group_size=7)


def web(folder: Path, hub: Hub, some: Sequence[Doc]) -> None:
    languages = [{"WARC-Identified-Content-Language": one.known["lang"]} for one in some]
    records = [
        record("conversion", one.text.encode(), "text/plain", more, number=one.number)
        for one, more in zip(some, languages, strict=True)
    ]
    (folder / "a.warc.wet.gz").write_bytes(warc_file(records))


def notes(folder: Path, hub: Hub, some: Sequence[Doc]) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logo.png", b"\x89PNG\r\n\x1a\n")
        for one in some:
            archive.writestr(f"notes/{one.number}.md", one.text)
    (folder / "notes.zip").write_bytes(held.getvalue())


def committed(folder: Path, hub: Hub, some: Sequence[Doc]) -> None:
    lines = "".join(json.dumps({"text": one.text, **one.known}) + "\n" for one in some)
    if "datasets/org/bogs" in hub.repos:
        hub.repos["datasets/org/bogs"].commit({"data/a.jsonl": lines.encode()})
    else:
        hub.repo("datasets/org/bogs", {"data/a.jsonl": lines.encode()})


def _columns(score: str, lang: str) -> list[dict[str, str]]:
    return [{"name": "score", "field": score, "type": "float32"}, {"name": "lang", "field": lang}]


Write = Callable[[Path, Hub, Sequence[Doc]], None]
KINDS: dict[str, tuple[Write, dict[str, Any]]] = {
    "a saved datasets folder": (saved, {"paths": "{}/saved", "columns": _columns("score", "lang")}),
    "nested jsonl.xz": (
        nested,
        {"paths": "{}/*.jsonl.xz", "text": "data.content", "columns": _columns("meta.score", "meta.lang")},
    ),
    "Parquet with struct text": (
        structs,
        {"paths": "{}/*.parquet", "text": "doc.body", "columns": _columns("quality.score", "lang")},
    ),
    "a WET file": (web, {"paths": "{}/*.wet.gz", "columns": ["url", {"name": "lang", "field": "languages"}]}),
    "a zip of Markdown": (notes, {"paths": "{}/notes.zip", "members": "*.md"}),
    "the Hub": (
        committed,
        {"paths": "hf://datasets/org/bogs/data/*.jsonl", "columns": _columns("score", "lang")},
    ),
}


def write(kind: str, folder: Path, hub: Hub, numbers: Sequence[int]) -> None:
    """The data of a kind, in a folder or on the Hub, with the documents of these numbers."""
    KINDS[kind][0](folder, hub, [Doc(number) for number in numbers])
    stamp = sum(numbers) + len(numbers)
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, ns=(1, 1_000_000_000 + stamp))


def recipe_of(kind: str, folder: Path, root: Path) -> dict[str, Any]:
    """A recipe over the data of a kind."""
    source = {"name": "bogs", **KINDS[kind][1]}
    source["paths"] = [source["paths"].format(folder)]
    return {
        "root": str(root),
        "corpus": [source],
        "vocabulary": {"size": 300},
        "pack": {"seq_len": 64},
        "execution": {"engine": "local"},
    }
