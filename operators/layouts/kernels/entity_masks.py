"""The kernel of entity masks: which spans of a row are drawn, and which token of each is masked."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel, signed
from pairloom.operators.layouts.kernels.draws import Rows, below, draw, share

__all__ = ["Masking", "mask_entities", "warm_up"]

CHOICE = np.uint64(0x24A19947B3916CF7)
PLACE = np.uint64(0x0801F2E2858EFC16)
FATE = np.uint64(0x636920D871574E69)
RANDOM = np.uint64(0xA458FEA3F4933D7E)


class Masking(NamedTuple):
    """The share of ordinary tokens to mask; in 2^53rds, that a token becomes `mask`, and that or one of `ordinary`."""

    rate: float
    masked: np.uint64
    changed: np.uint64
    mask: int
    ordinary: npt.NDArray[np.uint32]


@kernel
def mask_entities(
    rows: Rows,
    special: npt.NDArray[np.bool_],
    entity: npt.NDArray[np.int64],
    masking: Masking,
    spans: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint32],
    labels: npt.NDArray[np.int32],
) -> None:
    """Mask one token, drawn uniformly, of each of some spans, drawn uniformly until the budget of the row is spent.

    A span is a run of one value of `entity` [b, seq_len] that is not 0, within a segment and without special tokens. `spans`
    [seq_len, 2] is room for where spans begin and end.
    """
    for r in range(len(rows.ids)):
        ids, stream = rows.ids[r], rows.streams[r]
        stop = ordinary = count = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, stop = stop, stop + rows.lengths[s]
            before = np.int64(0)
            for i in range(first, stop):
                here = np.int64(0) if special[ids[i]] else entity[r, i]
                ordinary += not special[ids[i]]
                if here != 0 and here != before:
                    spans[count, 0] = i
                    count += 1
                if here != 0:
                    spans[count - 1, 1] = i + 1
                before = here
        left = min(count, signed(np.rint(ordinary * masking.rate)))
        for k in range(count):
            if below(draw(stream, CHOICE, k), count - k) >= left:
                continue
            left -= 1
            at = spans[k, 0] + below(draw(stream, PLACE, k), spans[k, 1] - spans[k, 0])
            labels[r, at] = np.int32(ids[at])
            fate = share(draw(stream, FATE, k))
            if fate < masking.masked:
                out[r, at] = masking.mask
            elif fate < masking.changed:
                out[r, at] = masking.ordinary[below(draw(stream, RANDOM, k), len(masking.ordinary))]


def warm_up(rows: Any) -> None:
    """Mask spans of rows."""
    from pairloom.operators.layouts.entity_masks import EntityMasks, Tables
    from pairloom.operators.schema import INPUT_IDS

    tables = Tables(np.zeros(9, np.bool_), 0, np.arange(9, dtype=np.uint32))
    EntityMasks(column=INPUT_IDS)(rows, 0, 0, 0, tables)
