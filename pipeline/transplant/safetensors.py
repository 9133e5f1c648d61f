"""Files of tensors in the format safetensors, read where they lie and written one tensor after another.

u64 length of the header │ header, JSON: name → {dtype, shape, data_offsets} │ the tensors' bytes, without gaps
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pairloom.operators.embeddings import FLOATS
from pairloom.operators.errors import DataError
from pairloom.pipeline.expected import unreadable

__all__ = ["Tensor", "TensorFile", "open_tensors", "write_tensors"]

MOST_HEADER = 100_000_000  # bytes, by the format
COPY = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One tensor of a file: what it holds, and where its bytes are from the end of the header on."""

    name: str
    kind: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFile:
    """A file of tensors, in the order of their bytes."""

    path: Path
    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    base: int

    def rows(self, tensor: Tensor) -> npt.NDArray[Any]:
        """A tensor of floats as [rows, width], mapped; of one dimension, each number is a row."""
        array = np.memmap(
            self.path, FLOATS[tensor.kind], "r", self.base + tensor.start, (math.prod(tensor.shape),)
        )
        return array.reshape(tensor.shape[0], -1)

    def copy(self, tensor: Tensor, into: BinaryIO) -> None:
        """Write a tensor's bytes as they are."""
        with self.path.open("rb") as file:
            file.seek(self.base + tensor.start)
            left = tensor.end - tensor.start
            while left:
                part = file.read(min(COPY, left))
                if not part:
                    raise DataError(f"{self.path}: ends within {tensor.name}; copy the file anew")
                into.write(part)
                left -= len(part)


def open_tensors(path: Path) -> TensorFile:
    """What a file holds; raises RecipeError where it cannot be opened, DataError where it is no such file, or cut short."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(MOST_HEADER, size - 8):
                raise DataError(
                    f"{path}: byte 0: a header of {length:,} bytes, in a file of {size:,}: no safetensors file; name one, or "
                    "fetch it anew"
                )
            head = file.read(length)
    except OSError as error:
        raise unreadable(str(path), error) from error
    try:
        header = json.loads(head)
        metadata = dict(header.pop("__metadata__", None) or {})
        tensors = sorted(
            (_tensor(name, said) for name, said in header.items()), key=lambda one: (one.start, one.end)
        )
    except (ValueError, TypeError, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: byte 8: the header says nothing that a safetensors file says ({error}): copy the file anew"
        ) from error
    at = 0
    for one in tensors:
        width = FLOATS[one.kind].itemsize if one.kind in FLOATS else None
        if one.start != at or one.end < at or 8 + length + one.end > size:
            raise DataError(
                f"{path}: {one.name} is said to be at bytes {one.start:,} to {one.end:,}, where it cannot be: "
                "copy the file anew"
            )
        if width is not None and one.end - one.start != width * math.prod(one.shape):
            raise DataError(
                f"{path}: {one.name} has {one.end - one.start:,} bytes, not those of {one.kind}{list(one.shape)}: "
                "copy the file anew"
            )
        at = one.end
    return TensorFile(path=path, tensors=tuple(tensors), metadata=metadata, base=8 + length)


def write_tensors(
    path: Path,
    source: TensorFile,
    shapes: Mapping[str, tuple[int, ...]],
    written: Callable[[Tensor], Iterator[npt.NDArray[Any]]],
) -> int:
    """Write the tensors of a file, those in `shapes` as `written` gives them, all others as they are; their bytes in all.

    The file has its name only when it is whole and on the disk.
    """
    header: dict[str, Any] = {"__metadata__": dict(source.metadata)} if source.metadata else {}
    at = 0
    for one in source.tensors:
        shape = shapes.get(one.name, one.shape)
        size = FLOATS[one.kind].itemsize * math.prod(shape) if one.name in shapes else one.end - one.start
        header[one.name] = {"dtype": one.kind, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for one in source.tensors:
            if one.name not in shapes:
                source.copy(one, file)
                continue
            for rows in written(one):
                file.write(np.ascontiguousarray(rows).tobytes())
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if size != 8 + len(head) + at:
        raise AssertionError(f"{path} has {size} bytes, not {8 + len(head) + at}: this is a bug")
    part.replace(path)
    return at


def _tensor(name: str, said: Mapping[str, Any]) -> Tensor:
    start, end = said["data_offsets"]
    shape = tuple(said["shape"])
    if not all(isinstance(one, int) and one >= 0 for one in (start, end, *shape)):
        raise ValueError(f"{name} has the shape {said['shape']} at {said['data_offsets']}")
    return Tensor(name=name, kind=str(said["dtype"]), shape=shape, start=start, end=end)
