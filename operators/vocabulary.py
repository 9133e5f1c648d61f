"""The vocabulary: the value that every stage agrees on."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.pretokenize import Pretokenizer
from pairloom.operators.reference.encode import encode_word
from pairloom.operators.text import TextArray
from pairloom.operators.words import WordCounts

__all__ = ["Vocabulary", "byte_order"]


def byte_order() -> npt.NDArray[np.uint8]:
    """The 256 bytes in the order of their ids: by the code point that GPT-2's byte-level alphabet gives each."""
    visible = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return np.array(visible + [b for b in range(256) if b not in visible], dtype=np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vocabulary:
    """Tokens, merges, pretokenizer, normalizer and special tokens, with the encoder that they define.

    `tokens[id]` is the token's bytes (of a special token, its text); `merges` is int32[m, 2], the ids of left and right
    in the order of their ranks.
    """

    tokens: tuple[bytes, ...]
    merges: npt.NDArray[np.int32]
    special_tokens: tuple[str, ...] = ()
    pretokenizer: Pretokenizer = field(default_factory=Pretokenizer)
    normalizer: str = "none"
    ignore_merges: bool = False

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The narrowest of uint16 and uint32 that holds every id."""
        return np.dtype(np.uint16 if len(self.tokens) <= 1 << 16 else np.uint32)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides an id, in hexadecimal."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def special_id(self, token: str) -> int:
        """The id of a special token; raises KeyError for any other."""
        return self.special_tokens.index(token)

    def to_json(self) -> bytes:
        """The `tokenizer.json` of this vocabulary, canonical bytes."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: bytes) -> "Vocabulary":
        """Read a `tokenizer.json`."""
        raise NotImplementedError

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Read a `tokenizer.json` from a local file."""
        return cls.from_json(Path(path).read_bytes())

    def save(self, path: str | Path) -> None:
        """Write a `tokenizer.json` that `tokenizers` and `transformers` load."""
        Path(path).write_bytes(self.to_json())

    def with_memo(self, counts: WordCounts, limit: int = 1 << 16) -> "Vocabulary":
        """The same vocabulary with the most frequent words encoded already."""
        return self

    def encode(
        self,
        texts: TextArray,
        *,
        prepend: Sequence[int] = (),
        append: Sequence[int] = (),
        special_tokens_in_text: str = "text",
    ) -> pa.LargeListArray:
        """The ids of every document, `prepend` before and `append` after each, as LargeList<uint16 | uint32>."""
        ids = {token[0]: i for i, token in enumerate(self.tokens) if len(token) == 1 and i >= len(self.special_tokens)}
        first = len(self.special_tokens) + 256
        ranks = {(int(a), int(b)): (k, first + k) for k, (a, b) in enumerate(self.merges)}
        rows = []
        for text in texts.to_pylist():
            row = list(prepend)
            for piece in self.pretokenizer.split_text(text or ""):
                row += encode_word([ids[b] for b in piece.encode()], ranks)
            rows.append(row + list(append))
        return pa.array(rows, pa.large_list(pa.from_numpy_dtype(self.dtype)))

    def decode(self, ids: npt.NDArray[Any] | Sequence[int]) -> bytes:
        """The bytes that a sequence of ids stands for."""
        return b"".join(self.tokens[int(i)] for i in ids)


_ = json
