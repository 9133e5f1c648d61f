"""One flat file of ids, for nanoGPT and its like.

Beside it an `.idx.npy` (int64) has the place where each document begins and the end of the last. Documents stand end to end,
each with the tokens that the recipe puts around it; rows with their padding.
"""

import numpy as np

from pairloom.pipeline.export.formats import Exporter
from pairloom.pipeline.export.lengths import Lengths
from pairloom.pipeline.export.source import Source
from pairloom.pipeline.export.target import Target

__all__ = ["Bin"]


class Bin(Exporter):
    """`train.bin` (`val.bin` for validation), then its index."""

    name = "bin"
    unit = "documents"
    owned = r"(train|val)\.(bin|idx\.npy)"

    def write(self, source: Source, target: Target) -> str:
        """Write `train.bin` (`val.bin` for validation), then its index; returns the dtype."""
        name = "train" if source.split == "train" else "val"
        with Lengths() as lengths:
            with target.data(f"{name}.bin") as file:
                for part in source.parts():
                    for batch in part:
                        file.write(batch.tokens.data)
                        lengths.append(batch.lengths)
            with target.index(f"{name}.idx.npy") as file:
                header = {"descr": "<i8", "fortran_order": False, "shape": (lengths.count + 1,)}
                np.lib.format.write_array_header_1_0(file, header)
                for block in lengths.starts():
                    file.write(block.data)
                file.write(np.array([lengths.total], "<i8").data)
        return str(source.dtype)
