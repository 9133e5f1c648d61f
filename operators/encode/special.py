"""Finding special tokens in text: leftmost first, the longest of those that start at the same place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.kernels.special import cut_segments, find_tokens
from pairloom.operators.text.arrays import Text

__all__ = ["Matches", "SpecialFinder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Special tokens found in text, in order: of each the document, the first byte in `text.data`, length and id."""

    document: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    token: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    def segments(
        self, text: Text, valid: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Documents cut at the matches: int64 offsets of the segments and their kinds (see `open_documents`)."""
        most = len(text) + 2 * len(self)
        offsets = np.empty(most + 1, np.int64)
        kinds = np.empty(most, np.int32)
        used = cut_segments(
            np.array(text.offsets), valid, self.document, self.start, self.length, self.token, offsets, kinds
        )
        return offsets[: used + 1], kinds[:used]


class SpecialFinder:
    """Finds any of a set of strings in documents, as `tokenizers` does with its added tokens."""

    def __init__(self, tokens: Sequence[str], ids: Sequence[int]) -> None:
        items = sorted(
            zip([token.encode() for token in tokens], ids, strict=True), key=lambda t: (t[0][:1], -len(t[0]))
        )
        self._data = np.frombuffer(b"".join(token for token, _ in items) + b"\0", np.uint8).copy()
        self._offsets = np.cumsum([0] + [len(token) for token, _ in items], dtype=np.int64)
        self._ids = np.array([id_ for _, id_ in items], dtype=np.int64)
        firsts = np.array([token[0] for token, _ in items], dtype=np.int64)
        self._first = np.searchsorted(firsts, np.arange(257)).astype(np.int64)

    def find(self, text: Text) -> Matches:
        """Every special token in every document, without overlap."""
        room = 64
        while True:
            found = np.empty((4, room), np.int64)
            count = find_tokens(
                text.data,
                np.array(text.offsets),
                self._data,
                self._offsets,
                self._ids,
                self._first,
                found,
            )
            if count <= room:
                document, start, length, token = (row[:count] for row in found)
                return Matches(document=document, start=start, length=length, token=token)
            room = count
