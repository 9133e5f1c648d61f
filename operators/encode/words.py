"""What a family that encodes word by word lays out, and everything that it has from there."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.decode import decode_lists
from pairloom.operators.encode.encoder import TABLE_BYTES, Encoder, WordKernel
from pairloom.operators.encode.memo import Memo
from pairloom.operators.encode.special import AddedFinder
from pairloom.operators.models import Entries
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["WordTables"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordTables(ABC):
    """The tables of a family that encodes word by word (`Compiled`), for one vocabulary.

    A family derives from it, adds its arrays as fields, and says how a word is encoded (`kernel`). Pickled, arrays travel as
    they are, out of band where the protocol allows it, so that workers map them and build nothing.
    """

    entries: Entries

    @abstractmethod
    def kernel(self, *, cut: bool = True) -> WordKernel:
        """How a word is encoded; without `cut`, as one word, however long, and not by parts that are put together after."""

    def encoder(self, *, memo: Any = None, table_bytes: int = TABLE_BYTES) -> Encoder:
        """A new encoder; see `Encoder` for the memory that it takes."""
        return Encoder(
            self.kernel(),
            pretokenizer=self.entries.pretokenizer,
            dtype=self.entries.dtype,
            normalizer=self.entries.normalizer,
            added=AddedFinder(self.entries) if self.entries.special_tokens else None,
            memo=memo,
            table_bytes=table_bytes,
        )

    def word_encoder(self, *, cut: bool = False, memo: Memo | None = None, table_bytes: int = 0) -> Encoder:
        """An encoder that takes every document for one word; `cut` as of `kernel`."""
        return Encoder(
            self.kernel(cut=cut),
            pretokenizer=Pretokenizer(scheme="none"),
            dtype=self.entries.dtype,
            memo=memo,
            table_bytes=table_bytes,
        )

    def memorized(self, words: Any) -> Memo:
        """The memo of words, best first; see `Encoder.remember` for how many."""
        encoder = self.encoder()
        encoder.remember(TokenTable.of(words))
        return encoder.memo()

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The bytes of the tokens of each list, put together."""
        return decode_lists(TokenTable.of(self.entries.tokens), values, offsets)
