"""Lines of documents, measured."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._rules import letters, table_for, texts_of
from pairloom.operators.documents.kernels.lines import LINE_MEASURES, measure_lines

__all__ = ["SENTENCE_ENDS", "lines_of"]

# Sentence_Terminal of Unicode 16, in scripts that are much written today.
SENTENCE_ENDS = tuple(
    ".?!\u203c\u203d\u2047\u2048\u2049\u3002\uff0e\uff01\uff1f\uff61\u0964\u0965\u061f"
    "\u06d4\u0589\u1362\u1367\u104a\u104b\u17d4\u17d5\u1803\u1809\ufe52\ufe56\ufe57"
)


def lines_of(
    batch: DocumentBatch, newlines: npt.NDArray[np.int64], ends: tuple[str, ...] = (), short: int = 0
) -> npt.NDArray[np.int64]:
    """What `measure_lines` says of each document, of which `newlines` says how many newlines it has."""
    text, table = texts_of(batch), letters()
    keys, stamps = table_for(int(newlines.max(initial=0)) + 1)
    out = np.zeros((len(batch), LINE_MEASURES), np.int64)
    numbers = np.array([int.from_bytes(end.encode()) for end in ends], np.uint32)
    counts = np.ascontiguousarray(newlines)
    measure_lines(
        text.data, text.offsets, table.block_of, table.blocks, numbers, short, counts, keys, stamps, out
    )
    return out
