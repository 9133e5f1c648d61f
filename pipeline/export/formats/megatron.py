"""Megatron: `.bin` with the tokens of all sequences, `.idx` with their lengths and places.

The layout is that of `megatron.core.datasets.indexed_dataset` (version 1), little-endian:

    magic "MMIDIDX" and two zero bytes, version u64, dtype code u8, sequences u64, document edges u64
    lengths i32[sequences], byte offsets i64[sequences], document edges i64[sequences + 1]

A sequence is a document of its own: a whole document, or a row without its padding. Where documents have a loss mask, there is
another pair of files for it, of as many sequences, with a byte for each token: 1 where it is to be predicted.
"""

import struct
from contextlib import ExitStack
from typing import Any

import numpy as np

from pairloom.operators.documents import LOSS_MASK
from pairloom.operators.errors import CapacityError
from pairloom.pipeline.export.formats import Exporter
from pairloom.pipeline.export.lengths import Lengths
from pairloom.pipeline.export.source import Source
from pairloom.pipeline.export.target import Target

__all__ = ["Megatron", "megatron_dtype", "write_megatron"]

MAGIC = b"MMIDIDX\x00\x00"
CODES = {np.dtype(np.uint8): 1, np.dtype(np.uint16): 8, np.dtype(np.int32): 4}
# From this many ids on, Megatron's own writer takes int32; some of its readers guess the width by the same rule.
WIDE = 65500
LONGEST = 2**31 - 1


def megatron_dtype(size: int) -> np.dtype[np.uint16] | np.dtype[np.int32]:
    """The width that Megatron uses for a vocabulary of this size: uint16 below 65,500 ids, int32 from there on."""
    return np.dtype(np.uint16) if size < WIDE else np.dtype(np.int32)


class Megatron(Exporter):
    """Megatron's indexed datasets."""

    name = "megatron"
    unit = "documents"
    owned = r"(train|validation)_(text|loss_mask)_document\.(bin|idx)"
    holds = (LOSS_MASK,)

    def write(self, source: Source, target: Target) -> str:
        """Both files."""
        return write_megatron(source, target)


def write_megatron(source: Source, target: Target) -> str:
    """Write both files, and the pair of the loss mask; returns the dtype. Raises CapacityError for a document of 2^31 tokens."""
    dtype = megatron_dtype(source.vocabulary_size)
    names: dict[str, np.dtype[Any]] = {"text": dtype}
    if any(column.name == LOSS_MASK for column in source.columns):
        names["loss_mask"] = np.dtype(np.uint8)
    with Lengths() as lengths:
        with ExitStack() as opened:
            files = [
                opened.enter_context(target.data(f"{source.split}_{name}_document.bin")) for name in names
            ]
            for part in source.parts():
                for batch in part:
                    if int(batch.used.max(initial=0)) > LONGEST:
                        raise CapacityError(
                            f"a document has {batch.used.max()} tokens, and an .idx file holds lengths up to {LONGEST}"
                        )
                    files[0].write(batch.unpadded().astype(dtype, copy=False).data)
                    for file in files[1:]:
                        file.write(np.ascontiguousarray(batch.unpadded(batch.beside(LOSS_MASK))).data)
                    lengths.append(batch.used)
        for name, kind in names.items():
            with target.index(f"{source.split}_{name}_document.idx") as file:
                _write_index(file, lengths, kind)
    return str(dtype)


def _write_index(file: Any, lengths: Lengths, dtype: np.dtype[Any]) -> None:
    """Where each sequence of a `.bin` is."""
    file.write(struct.pack("<9sQBQQ", MAGIC, 1, CODES[dtype], lengths.count, lengths.count + 1))
    for block in lengths.blocks():
        file.write(block.astype("<i4").data)
    for block in lengths.starts():
        file.write((block * dtype.itemsize).astype("<i8").data)
    step = 1 << 17
    for first in range(0, lengths.count + 1, step):
        file.write(np.arange(first, min(first + step, lengths.count + 1), dtype="<i8").data)
