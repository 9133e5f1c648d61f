"""The text that ids of a SentencePiece model stand for, as its owner decodes them."""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.decode import decode_lists
from pairloom.operators.models.sentencepiece import file as f
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Decoding", "spelled_bytes"]

_MARKER = "\u2581"


class Decoding:
    """What each id stands for: a control piece for nothing, and U+2581 for a space, but for the one before a text."""

    def __init__(self, model: f.ModelFile) -> None:
        surfaces = [self._surface(piece, model.unk_surface) for piece in model.pieces]
        self._table = TokenTable.of(surfaces)
        self._kinds = np.array([piece.kind for piece in model.pieces], np.uint8)
        self._marked = np.array([piece.text[0] == _MARKER for piece in model.pieces], np.bool_)
        self._all = model.remove_extra
        self._bare = model.dummy_prefix or model.remove_extra

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text of each list of ids, in UTF-8; raises DataError for an id outside the vocabulary."""
        found = decode_lists(self._table, values, offsets)
        ends = np.frombuffer(found.buffers()[1], np.int64)
        data = np.frombuffer(found.buffers()[2] or b"", np.uint8)
        kinds = self._kinds[values]
        keep = np.ones(len(data), np.bool_)
        cut = np.concatenate([[0], np.cumsum(kinds == f.BYTE)])[offsets]
        odd: dict[int, bytes] = {}
        for row, (low, high) in enumerate(itertools.pairwise(offsets.tolist())):
            spaces = self._spaces(values[low:high], kinds[low:high]) if self._bare else 0
            keep[ends[row] : ends[row] + spaces] = False
            if cut[row] < cut[row + 1]:
                text = data[ends[row] : ends[row + 1]].tobytes()
                made = self._spelled(values[low:high], kinds[low:high])
                if made != text:
                    odd[row] = made[spaces:]
        kept = np.concatenate([[0], np.cumsum(keep)])[ends]
        whole = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(kept), pa.py_buffer(data[keep])]
        )
        if not odd:
            return whole
        return pa.array([odd.get(i, one) for i, one in enumerate(whole.to_pylist())], pa.large_binary())

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

    def _spelled(self, ids: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8]) -> bytes:
        # Bytes one after another are characters, and those that are none each U+FFFD.
        parts: list[bytes] = []
        for is_byte, run in itertools.groupby(
            zip(ids.tolist(), (kinds == f.BYTE).tolist(), strict=True), lambda one: one[1]
        ):
            text = [self._table[i] for i, _ in run]
            parts += spelled_bytes(b"".join(text)) if is_byte else text
        return b"".join(parts)

    @staticmethod
    def _surface(piece: f.Piece, unknown: str) -> bytes:
        if piece.kind == f.BYTE:
            return bytes([int(piece.text[3:5], 16)])
        if piece.kind == f.UNKNOWN:
            return unknown.encode()
        return b"" if piece.kind == f.CONTROL else piece.text.replace(_MARKER, " ").encode()


def spelled_bytes(data: bytes) -> Iterator[bytes]:
    r"""Bytes as text, each that is part of no character as U+FFFD.

    >>> b"".join(spelled_bytes(b"\xc3\xa9\xe6\x97")).decode()
    'é\ufffd\ufffd'
    """
    at = 0
    while at < len(data):
        for size in range(1, 5):
            try:
                data[at : at + size].decode()
            except UnicodeDecodeError:
                continue
            break
        else:
            yield "\ufffd".encode()
            at += 1
            continue
        yield data[at : at + size]
        at += size
