"""An export is compared with what it must hold, by readers that are written from each format's description."""

import hashlib
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from pairloom.pipeline import Dataset
from pairloom.pipeline.export import export
from pairloom.pipeline.export.target import DONE
from tests.support.exports import (
    expected,
    read_flat,
    read_mds,
    read_megatron,
    read_parquet,
    read_parts,
    read_webdataset,
    used,
)


def check(dataset: Dataset, format_: str, unit: str, split: str, out: Path) -> dict[str, Any]:
    """Export, read back by a reader of the format, compare."""
    said = export(dataset, format_, str(out), split=split, unit=unit)
    wanted = expected(dataset, split, unit)
    tokens = used(wanted)
    assert len(wanted) == said[unit] > 0
    assert sum(map(len, tokens)) == said["tokens"]
    assert {file["path"] for file in said["files"]} | {DONE} == {path.name for path in out.iterdir()}
    for file in said["files"]:
        data = (out / file["path"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    flat = [token for item in wanted for token in item["tokens"]]
    if format_ == "megatron":
        assert read_megatron(out) == (said["dtype"], tokens)
    elif format_ == "npy":
        parts = [read_flat(part, said["dtype"]) for part in sorted(out.glob("*.npy"))]
        assert np.concatenate(parts).tolist() == flat
        assert read_parts(out, said["dtype"]) == item_documents(wanted)
    elif format_ == "bin":
        name = "train" if split == "train" else "val"
        assert read_flat(out / f"{name}.bin", said["dtype"]).tolist() == flat
        edges = np.load(out / f"{name}.idx.npy")
        assert edges.dtype == np.int64
        assert edges.tolist() == np.cumsum([0, *(len(item["tokens"]) for item in wanted)]).tolist()
    elif format_ == "mds":
        keys = ("tokens", "source", "segment_lengths" if unit == "rows" else "id")
        assert read_mds(out) == [{key: item[key] for key in keys} for item in wanted]
    else:
        reader = {"hf": _read_hf, "parquet": read_parquet, "webdataset": read_webdataset}[format_]
        keys = ("segment_lengths", "document", "offset", "source") if unit == "rows" else ("id", "source")
        assert [{key: item[key] for key in (*keys, "tokens")} for item in reader(out)] == [
            {key: item[key] for key in (*keys, "tokens")} for item in wanted
        ]
    return said


def item_documents(items: list[dict[str, Any]]) -> list[tuple[str, list[int]]]:
    out = []
    for item in items:
        if "id" in item:
            out.append((item["id"], item["tokens"]))
            continue
        ends = np.cumsum(item["segment_lengths"]).tolist()
        for length, end, number in zip(item["segment_lengths"], ends, item["document"], strict=True):
            out.append((str(number), item["tokens"][end - length : end]))
    return out


def _read_hf(out: Path) -> list[dict[str, Any]]:
    return [{**row, "tokens": row["input_ids"]} for row in datasets.load_from_disk(str(out)).to_list()]
