"""Exports for tests: what they must hold, and readers of each format that are written from its description alone."""

import csv
import gzip
import io
import json
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairloom.operators import Vocabulary
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.selection.order import in_validation
from pairloom.pipeline import Dataset, open_dataset, run
from tests.support.corpora import documents, recipe_for, rows_of, write_jsonl

SHARE = 0.1
END = "<|endoftext|>"
Item = dict[str, Any]  # tokens, and what the format says besides
KNOWN: dict[tuple[str, str, str], list[Item]] = {}  # what was expected before, by root, split and unit


def made(folder: Path, *settings: str, count: int = 150) -> Dataset:
    """A small dataset of several shards and packed files, with both splits."""
    write_jsonl(folder / "in" / "a.jsonl", documents(count))
    recipe = recipe_for(folder, "execution.unit_bytes=6000", "pack.file_tokens=4000", *settings)
    run(recipe)
    return open_dataset(recipe.root)


def wide_vocabulary(path: Path, size: int) -> str:
    """The setting of a vocabulary of bytes whose special token has the last of `size` ids."""
    tokens = [bytes([byte]) for byte in range(256)] + [f"filler {i}".encode() for i in range(size - 257)]
    vocabulary = Vocabulary(
        tokens=[*tokens, END.encode()],
        model=ByteLevelBPE(merges=[]),
        special_tokens=(END,),
        special_ids=(size - 1,),
    )
    vocabulary.save(path)
    return f"vocabulary={{from: {path}}}"


def expected(dataset: Dataset, split: str, unit: str, count: int = 150) -> list[Item]:
    """What an export must hold, from the rows as stored or from the texts themselves."""
    key = (dataset.objects.root, split, unit)
    if key not in KNOWN:
        KNOWN[key] = _expected(dataset, split, unit, count)
    return KNOWN[key]


def _expected(dataset: Dataset, split: str, unit: str, count: int) -> list[Item]:
    if unit == "rows":
        return [{**row, "tokens": row["input_ids"]} for row in rows_of(dataset, split)]
    corpus = [(name, text) for name, text in documents(count) if text]
    held_out = in_validation(pa.array([name for name, _ in corpus], pa.large_string()), SHARE)
    vocabulary = dataset.vocabulary()
    append = dataset.manifest.recipe["tokenize"]["append"]
    end = [vocabulary.special_id(token) for token in append]
    return [
        {"id": name, "source": 0, "tokens": vocabulary.encode_one(text).tolist() + end}
        for (name, text), held in zip(corpus, held_out, strict=True)
        if held == (split == "validation")
    ]


def used(items: list[Item]) -> list[list[int]]:
    """The tokens of each item without padding."""
    return [item["tokens"][: sum(item.get("segment_lengths", [len(item["tokens"])]))] for item in items]


def read_megatron(folder: Path) -> tuple[str, list[list[int]]]:
    (index,) = folder.glob("*.idx")
    data = index.read_bytes()
    magic, version, code, sequences, edges = struct.unpack_from("<9sQBQQ", data)
    assert (magic, version, edges) == (b"MMIDIDX\0\0", 1, sequences + 1)
    lengths = np.frombuffer(data, "<i4", sequences, 34)
    places = np.frombuffer(data, "<i8", sequences, 34 + 4 * sequences)
    documents = np.frombuffer(data, "<i8", edges, 34 + 12 * sequences)
    assert len(data) == 34 + 12 * sequences + 8 * edges
    assert documents.tolist() == list(range(edges))
    dtype = {8: np.dtype("<u2"), 4: np.dtype("<i4")}[code]
    tokens = index.with_suffix(".bin").read_bytes()
    assert len(tokens) == int(lengths.sum()) * dtype.itemsize
    found = [
        np.frombuffer(tokens, dtype, length, place)
        for length, place in zip(lengths, places.tolist(), strict=True)
    ]
    return dtype.name, [sequence.tolist() for sequence in found]


def read_flat(tokens: Path, dtype: str) -> Any:
    return np.fromfile(tokens, dtype)


def read_parts(folder: Path, dtype: str) -> list[tuple[str, list[int]]]:
    """The documents of `.npy` parts by their `.csv.gz`: (id, tokens)."""
    out = []
    for part in sorted(folder.glob("part-*.npy")):
        tokens = read_flat(part, dtype)
        with gzip.open(part.with_suffix(".csv.gz"), "rt", newline="") as file:
            for start, end, name in csv.reader(file):
                out.append((name, tokens[int(start) : int(end)].tolist()))
    return out


def read_mds(folder: Path) -> list[Item]:
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 2
    out = []
    for shard in index["shards"]:
        data = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(data) == shard["raw_data"]["bytes"]
        (samples,) = struct.unpack_from("<I", data)
        assert samples == shard["samples"]
        edges = np.frombuffer(data, "<u4", samples + 1, 4)
        head = json.loads(data[8 + 4 * samples : edges[0]])
        assert head["column_names"] == shard["column_names"] == sorted(head["column_names"])
        assert edges[-1] == len(data)
        out += [_sample(data[a:b], shard) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    return out


def _sample(data: bytes, shard: dict[str, Any]) -> Item:
    at, sizes = 0, []
    for size in shard["column_sizes"]:
        sizes.append(size if size is not None else struct.unpack_from("<I", data, at)[0])
        at += 0 if size is not None else 4
    item: Item = {}
    for name, coding, size in zip(shard["column_names"], shard["column_encodings"], sizes, strict=True):
        value, at = data[at : at + size], at + size
        kind, *rest = coding.split(":")
        if kind == "str":
            item[name] = value.decode()
            continue
        if kind != "ndarray":
            (item[name],) = np.frombuffer(value, kind).tolist()
            continue
        if len(rest) == 2:
            assert len(value) == int(rest[1]) * np.dtype(rest[0]).itemsize
        else:
            assert value[0] >> 2 == 1  # one dimension
            width = 1 << (value[0] & 3)
            length, value = int.from_bytes(value[1 : 1 + width], "little"), value[1 + width :]
            assert len(value) == length * np.dtype(rest[0]).itemsize
        item[name] = np.frombuffer(value, rest[0]).tolist()
    assert at == len(data)
    return item


def read_parquet(folder: Path) -> list[Item]:
    tables = [pq.read_table(file) for file in sorted(folder.glob("*.parquet"))]
    return [{**row, "tokens": row["input_ids"]} for table in tables for row in table.to_pylist()]


def read_webdataset(folder: Path) -> list[Item]:
    out: list[Item] = []
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as tar:
            data = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        for name in sorted(data):
            number, _, suffix = name.partition(".")
            if suffix == "json":
                arrays = {
                    key.removeprefix(number)[1:].removesuffix("npy").removesuffix("."): np.load(
                        io.BytesIO(data[key])
                    )
                    for key in data
                    if key.startswith(number) and key != name
                }
                columns = {column or "tokens": values.tolist() for column, values in arrays.items()}
                out.append({**json.loads(data[name]), **columns})
    return out
