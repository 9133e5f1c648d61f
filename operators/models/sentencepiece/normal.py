"""The rules of a SentencePiece model, laid out."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.sentencepiece.kernels import normalize as k
from pairloom.operators.text.arrays import Text
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Normalized", "Rules"]


class Normalized(NamedTuple):
    """Normalized texts, and in bytes of what they were (int64) where what each byte was made of begins, where each text ends."""

    text: Text
    places: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """What `normalize` of the kernels reads."""

    units: npt.NDArray[np.uint32]
    pool: npt.NDArray[np.uint8]
    trie: npt.NDArray[np.uint64]
    lengths: npt.NDArray[np.uint32]
    plain: npt.NDArray[np.uint64]
    does: int
    longest: int

    @classmethod
    def of(cls, charsmap: bytes, symbols: Sequence[str], *, does: int) -> "Rules":
        """The rules of a `precompiled_charsmap`, with the `symbols` that no rule touches."""
        size = struct.unpack("<I", charsmap[:4])[0] if charsmap else 0
        pool = charsmap[4 + size :] + b"\0"
        table = TokenTable.of([symbol.encode() for symbol in symbols])
        longest = max(map(len, pool.split(b"\0")))
        units = np.frombuffer(charsmap[4 : 4 + size], "<u4").astype(np.uint32)
        return cls(
            units=units,
            pool=np.frombuffer(pool, np.uint8).copy(),
            trie=build_trie(table, np.arange(len(table), dtype=np.int64)),
            lengths=table.lengths.astype(np.uint32),
            plain=_plain(units, symbols),
            does=does,
            longest=max(longest, int(table.lengths.max(initial=0)), 8),
        )

    def normalize(self, text: Text, skipped: npt.NDArray[np.bool_]) -> Text:
        """The normal forms of texts; of those that are `skipped`, nothing."""
        out = np.empty(text.bytes + (text.bytes >> 3) + len(skipped) + 4 * self.longest + 256, np.uint8)
        ends = np.zeros(len(skipped) + 1, np.int64)
        first = 0
        offsets = np.array(text.offsets)
        while (
            first := k.normalize(
                text.data,
                offsets,
                skipped,
                self.units,
                self.pool,
                self.trie,
                self.lengths,
                self.does,
                self.longest,
                self.plain,
                out,
                ends,
                first,
            )
        ) < len(skipped):
            larger = np.empty(2 * len(out), np.uint8)
            larger[: ends[first]] = out[: ends[first]]
            out = larger
        return Text(data=out[: ends[-1]], offsets=ends)

    def locate(self, text: Text, skipped: npt.NDArray[np.bool_]) -> Normalized:
        """As `normalize`, and where all of it is from."""
        size = text.bytes + (text.bytes >> 3) + len(skipped) + 4 * self.longest + 256
        out, places = np.empty(size, np.uint8), np.empty(size, np.int64)
        ends, stops = np.zeros(len(skipped) + 1, np.int64), np.zeros(len(skipped), np.int64)
        offsets = np.array(text.offsets)
        first = 0
        while True:
            rules = self.units, self.pool, self.trie, self.lengths, self.does, self.longest, self.plain
            first = k.normalize_located(text.data, offsets, skipped, *rules, out, ends, first, places, stops)
            if first >= len(skipped):
                used = int(ends[-1])
                return Normalized(Text(data=out[:used], offsets=ends), places[:used], stops)
            out, places = (np.concatenate([one, np.zeros_like(one)]) for one in (out, places))


def _plain(units: npt.NDArray[np.uint32], symbols: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Which of ASCII, as bits of two uint64, are no rule or symbol and begin none with more of ASCII; whether nothing else does."""
    found = np.ones(128, np.bool_)
    root = _offset(int(units[0])) if len(units) else 0
    for byte in range(128) if len(units) else ():
        node = root ^ byte
        if node >= len(units) or int(units[node]) & 0x800000FF != byte:
            continue
        unit = int(units[node])
        behind = (node ^ _offset(unit)) ^ np.arange(1, 128)
        behind, labels = behind[behind < len(units)], np.arange(1, 128)[behind < len(units)]
        found[byte] = unit & 256 == 0 and not (units[behind] & 0x800000FF == labels).any()
    found[[ord(symbol[0]) for symbol in symbols if ord(symbol[0]) < 128]] = False
    rest = not len(units) and all(ord(symbol[0]) < 128 for symbol in symbols)
    return np.append(np.packbits(found, bitorder="little").view(np.uint64), np.uint64(rest))


def _offset(unit: int) -> int:
    return (unit >> 10) << ((unit & 512) >> 6)
