"""WebDataset: tar files in which `<number>.npy` are the tokens of a row or document and `<number>.json` says the rest.

One tar file for each file that is read. Nothing in this format says that it is complete but `export.json`.
"""

import io
import json
import tarfile

import numpy as np

from pairloom.pipeline.export.source import Source
from pairloom.pipeline.export.target import Target

__all__ = ["write_webdataset"]


def write_webdataset(source: Source, target: Target) -> str:
    """Write the tar files; returns the dtype."""
    number = 0
    others = [name for name in source.schema.names if name != "input_ids"]
    for i, part in enumerate(source.parts()):
        with (
            target.data(f"shard-{i:05d}.tar") as file,
            tarfile.open(fileobj=file, mode="w|", format=tarfile.USTAR_FORMAT) as tar,  # type: ignore[call-overload]
        ):
            for batch in part:
                at = 0
                about = batch.table.select(others).to_pylist()
                for length, rest in zip(batch.lengths.tolist(), about, strict=True):
                    values = io.BytesIO()
                    np.save(values, batch.tokens[at : at + length])
                    at += length
                    _add(tar, f"{number:012d}.npy", values.getvalue())
                    _add(tar, f"{number:012d}.json", json.dumps(rest).encode())
                    number += 1
    return str(source.dtype)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
