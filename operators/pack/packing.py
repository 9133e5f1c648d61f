"""Packing: document lengths to rows (a plan of integers), then one gather of the tokens.

Every token of every document is in exactly one row, or is counted as truncated, dropped or repeated because the recipe
asked for that. Rows are padded at their end only. Nothing here looks at a token to find a boundary.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.counting_sort import layout
from pairloom.operators.pack.kernels.pieces import find_rooms
from pairloom.operators.pack.overflow import OVERFLOWS, kept_lengths
from pairloom.operators.pack.plan import PackPlan
from pairloom.operators.pack.strategies import STRATEGIES
from pairloom.operators.pack.strategy import Strategy

__all__ = ["end_to_end", "in_pieces", "pack"]


def pack(
    lengths: npt.NDArray[np.int64],
    seq_len: int,
    *,
    strategy: str | Strategy = "best_fit",
    overflow: str = "split",
    predict_every_token: bool = False,
) -> PackPlan:
    """Plan rows of `seq_len` tokens for documents of the given lengths (int64, in order; zero is allowed).

    `best_fit`: best-fit decreasing over pieces of at most `seq_len` tokens; few rows. `first_fit`: into the first
    of a bounded number of open rows; keeps about the order. `concat`: end to end, cut at the end of every row; no
    padding. `padded`: one piece a row. A document longer than a row is split, truncated or dropped as `overflow` says
    (`concat` only splits). With `predict_every_token`, where a document goes on in another piece, that piece begins with
    the last token of the one before, so that no label is lost at a cut.
    A strategy with keys is given itself. Raises ValueError for any other word.
    """
    if seq_len < 1 + predict_every_token:
        raise ValueError(f"seq_len must be at least {1 + predict_every_token}, not {seq_len}")
    if overflow not in OVERFLOWS or (isinstance(strategy, str) and strategy not in STRATEGIES.names()):
        raise ValueError(f"cannot pack by {strategy!r} with overflow {overflow!r}")
    chosen = STRATEGIES.get(strategy)() if isinstance(strategy, str) else strategy
    if overflow not in chosen.overflows:
        raise ValueError(
            f"strategy {chosen.name} splits every document that passes a row's end: overflow must be split"
        )
    (plan,) = chosen.plans(
        lengths, seq_len, least=seq_len, overflow=overflow, predict_every_token=predict_every_token
    )
    return plan


def in_pieces(
    lengths: npt.NDArray[np.int64],
    seq_len: int,
    overflow: str,
    overlap: int,
    rows_of: Callable[[npt.NDArray[np.int32], int], npt.NDArray[np.int64]],
) -> PackPlan:
    """Documents cut into pieces of at most a row; `rows_of` says in which row each piece is, by their lengths.

    A piece that goes on with a document repeats `overlap` tokens.
    """
    lengths = np.ascontiguousarray(lengths, np.int64)
    kept = kept_lengths(lengths, seq_len, overflow)
    lost = int((lengths - kept).sum())
    document, offset, length = _cut(kept, np.full(len(kept), seq_len, np.int64), seq_len, overlap)
    # Rows come in the order of their first piece: best fit makes them by the length of their longest.
    rows, order = layout(rows_of(length, seq_len))
    return PackPlan(
        seq_len=seq_len,
        rows=rows,
        document=document[order],
        offset=offset[order],
        length=length[order],
        truncated_tokens=lost if overflow == "truncate" else 0,
        dropped_tokens=lost if overflow == "drop" else 0,
        dropped_documents=int(np.count_nonzero(lengths > seq_len)) if overflow == "drop" else 0,
        repeated_tokens=overlap * (len(length) - int(np.count_nonzero(kept))),
    )


def end_to_end(lengths: npt.NDArray[np.int64], seq_len: int, overlap: int) -> PackPlan:
    """End to end. A row that begins inside a document repeats `overlap` tokens, which leaves less room in it."""
    lengths = np.ascontiguousarray(lengths, np.int64)
    first = np.empty(len(lengths), np.int64)
    find_rooms(lengths, seq_len, overlap, first)
    document, offset, length = _cut(lengths, first, seq_len, overlap)
    at = np.cumsum(length, dtype=np.int64) - length
    total = int(length.sum(dtype=np.int64))
    return PackPlan(
        seq_len=seq_len,
        rows=np.append(np.searchsorted(at, np.arange(0, total, seq_len)), len(length)).astype(np.int64),
        document=document,
        offset=offset,
        length=length,
        repeated_tokens=overlap * (len(length) - int(np.count_nonzero(lengths))),
    )


def _cut(
    lengths: npt.NDArray[np.int64], first: npt.NDArray[np.int64], seq_len: int, overlap: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Cut documents after `first` tokens and then every `seq_len - overlap`: (document, offset, length) of the pieces."""
    step = seq_len - overlap
    pieces = np.where(lengths > 0, 1 + np.maximum(lengths - first + step - 1, 0) // step, 0)
    document = np.repeat(np.arange(len(lengths)), pieces)
    number = np.arange(len(document)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    offset = np.where(number > 0, first[document] - overlap + (number - 1) * step, 0)
    room = np.where(number > 0, seq_len, first[document])
    return document, offset, np.minimum(room, lengths[document] - offset).astype(np.int32)
