"""WebDataset: tar files in which `<number>.npy` are the tokens of a row or document and `<number>.json` says the rest.

A further column of tokens is in `<number>.<column>.npy`; what documents have is in the JSON, a missing number as null.
One tar file for each file that is read. Nothing in this format says that it is complete but `export.json`.
"""

import io
import json
import math
import tarfile
from typing import Any

import numpy as np

from pairloom.operators.schema import INPUT_IDS, token_columns
from pairloom.pipeline.export.formats import Exporter
from pairloom.pipeline.export.source import Source
from pairloom.pipeline.export.target import Target

__all__ = ["Webdataset", "write_webdataset"]


class Webdataset(Exporter):
    """Tar files of WebDataset."""

    name = "webdataset"
    unit = "rows"
    owned = r"shard-\d{5,}\.tar"
    columns = True

    def write(self, source: Source, target: Target) -> str:
        """The tar files."""
        return write_webdataset(source, target)


def write_webdataset(source: Source, target: Target) -> str:
    """Write the tar files; returns the dtype."""
    number = 0
    arrays = [INPUT_IDS, *(column.name for column in token_columns(source.columns))]
    suffixes = ["npy", *(f"{name}.npy" for name in arrays[1:])]
    floats = [c.name for c in source.columns if c.of == "document" and c.dtype.kind == "f"]
    others = [name for name in source.schema.names if name not in arrays]
    for i, part in enumerate(source.parts()):
        with (
            target.data(f"shard-{i:05d}.tar") as file,
            tarfile.open(fileobj=file, mode="w|", format=tarfile.USTAR_FORMAT) as tar,  # type: ignore[call-overload]
        ):
            for batch in part:
                about = _without_nan(batch.table.select(others).to_pylist(), floats)
                columns = zip(*(batch.arrays(name) for name in arrays), strict=True)
                for values, rest in zip(columns, about, strict=True):
                    for suffix, array in zip(suffixes, values, strict=True):
                        data = io.BytesIO()
                        np.save(data, array)
                        _add(tar, f"{number:012d}.{suffix}", data.getvalue())
                    _add(tar, f"{number:012d}.json", json.dumps(rest).encode())
                    number += 1
    return str(source.dtype)


def _without_nan(rows: list[dict[str, Any]], floats: list[str]) -> list[dict[str, Any]]:
    """JSON has no number that is none: null stands there."""
    for name in floats:
        for row in rows:
            value = row[name]
            row[name] = [_number(one) for one in value] if isinstance(value, list) else _number(value)
    return rows


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
