"""The text that ids of a SentencePiece model stand for, as its owner decodes them."""

import itertools

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.decode import check_known, decode_lists
from pairloom.operators.encode.decoding import NO_BYTE
from pairloom.operators.encode.kernels.runs import spoil_runs
from pairloom.operators.models.sentencepiece import file as f
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Decoding"]

_MARKER = "\u2581"


class Decoding:
    """What each id stands for: a control piece for nothing, and U+2581 for a space, but for the one before a text."""

    def __init__(self, model: f.ModelFile) -> None:
        surfaces = [self._surface(piece, model.unk_surface) for piece in model.pieces]
        self._table = TokenTable.of([*surfaces, "\ufffd".encode()])
        spelled = [
            text[0] if piece.kind == f.BYTE else NO_BYTE
            for piece, text in zip(model.pieces, surfaces, strict=True)
        ]
        self._bytes = np.array(spelled, np.uint16)
        self._kinds = np.array([piece.kind for piece in model.pieces], np.uint8)
        self._marked = np.array([piece.text[0] == _MARKER for piece in model.pieces], np.bool_)
        self._all = model.remove_extra
        self._bare = model.dummy_prefix or model.remove_extra

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text of each list of ids, in UTF-8; raises DataError for an id outside the vocabulary."""
        check_known(values, len(self._kinds))
        spoiled = np.zeros(len(values), np.bool_)
        spoil_runs(values, offsets, self._bytes, False, spoiled)
        spelled = np.where(spoiled, np.uint32(len(self._kinds)), values)
        found = decode_lists(self._table, spelled, offsets)
        if not self._bare:
            return found
        ends = np.frombuffer(found.buffers()[1], np.int64)
        data = np.frombuffer(found.buffers()[2] or b"", np.uint8)
        kinds = self._kinds[values]
        keep = np.ones(len(data), np.bool_)
        for row, (low, high) in enumerate(itertools.pairwise(offsets.tolist())):
            keep[ends[row] : ends[row] + self._spaces(values[low:high], kinds[low:high])] = False
        kept = np.concatenate([[0], np.cumsum(keep)])[ends]
        return pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(kept), pa.py_buffer(data[keep])]
        )

    def _spaces(self, ids: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8]) -> int:
        """How many spaces before a text are none: one, or that of each piece, up to the first with anything else."""
        count = 0
        for i, kind in zip(ids.tolist(), kinds.tolist(), strict=True):
            if kind == f.CONTROL:
                continue
            if kind in (f.BYTE, f.UNKNOWN) or not self._marked[i]:
                break
            count += 1
            if not self._all or len(self._table[i]) > 1:
                break
        return count

    @staticmethod
    def _surface(piece: f.Piece, unknown: str) -> bytes:
        if piece.kind == f.BYTE:
            return bytes([int(piece.text[3:5], 16)])
        if piece.kind == f.UNKNOWN:
            return unknown.encode()
        return b"" if piece.kind == f.CONTROL else piece.text.replace(_MARKER, " ").encode()
