"""Byte-level BPE as a model: its value, and its tables for encoding."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.encode.encoder import WordKernel
from pairloom.operators.encode.words import WordTables
from pairloom.operators.learners.bpe import BPELearner
from pairloom.operators.models import Entries, Model, Read, TokenizerFile
from pairloom.operators.models.bpe.joins import JoinCutter, JoinTable
from pairloom.operators.models.bpe.kernels.block import encode_block
from pairloom.operators.models.bpe.kernels.joined import encode_joined
from pairloom.operators.models.bpe.kernels.linear import MEMO_BYTES
from pairloom.operators.models.bpe.kernels.word import SHORT
from pairloom.operators.models.bpe.tokenizer_json import read_byte_level, write_byte_level
from pairloom.operators.models.bpe.trie import token_column
from pairloom.operators.models.bpe.word import PairTable, scratch_bytes
from pairloom.operators.speeds import Encoding
from pairloom.operators.vocabulary.tokens import TokenTable, ordinary_index

__all__ = ["BPETables", "ByteLevelBPE", "byte_ids", "byte_level", "merge_products"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BPETables(WordTables):
    """The merges of a vocabulary, laid out; `joins` where later merges join words."""

    pairs: PairTable
    joins: JoinTable | None

    def kernel(self, *, cut: bool = True) -> WordKernel:
        """See `WordTables`."""
        words = WordKernel(
            block=encode_block,
            tables=self.pairs.addresses,
            held=self,
            scratch_bytes=scratch_bytes,
            before=MEMO_BYTES,
            shortest=SHORT,
        )
        joins = self.joins if cut else None
        if joins is None:
            return words
        return replace(
            words,
            block=encode_joined,
            tables=joins.early.addresses,
            joins=joins.addresses,
            cut_pieces=lambda: JoinCutter(joins.cuts, joins.kinds),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByteLevelBPE(Model):
    """Merges of pairs of tokens, from the bytes of a word on: the pair of the lowest rank first, leftmost first.

    `merges` is int32[m, 2], the ids of left and right in the order of their ranks; the product of a merge is the
    token that spells both. With `ignore_merges`, a word that is a token takes its id whatever the merges say. With
    `ties_share_rank`, merges that follow each other and make the same token are applied leftmost first, as tiktoken
    does.
    """

    name: ClassVar[str] = "bpe"
    encoding: ClassVar[Encoding] = BPELearner.encoding
    types: ClassVar[tuple[str, ...]] = ("BPE",)

    merges: npt.NDArray[np.int32] = field()
    ignore_merges: bool = False
    ties_share_rank: bool = False

    def __post_init__(self) -> None:
        merges = np.ascontiguousarray(self.merges, dtype=np.int32).reshape(-1, 2).view()
        merges.flags.writeable = False
        object.__setattr__(self, "merges", merges)

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew, so that the merges are read-only wherever they are.
        made = functools.partial(
            ByteLevelBPE,
            merges=self.merges,
            ignore_merges=self.ignore_merges,
            ties_share_rank=self.ties_share_rank,
        )
        return made, ()

    @property
    def identity(self) -> bytes:
        """The merges."""
        return self.merges.astype("<i4").tobytes()

    @property
    def facts(self) -> dict[str, Any]:
        """The options, and how many merges there are."""
        return {
            "ignore_merges": self.ignore_merges,
            "ties_share_rank": self.ties_share_rank,
            "merges": len(self.merges),
        }

    def check(self, entries: Entries) -> None:
        """ValueError where a merge names an id that there is not."""
        merges = self.merges
        if len(merges) and not 0 <= int(merges.min()) <= int(merges.max()) < len(entries):
            raise ValueError(f"a merge names an id outside 0..{len(entries) - 1}")

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """See `tokenizer_json.py` for which files."""
        fields, own, golden = read_byte_level(file.document)
        return Read(fields | {"model": cls(**own)}, golden)

    @classmethod
    def is_own(cls, data: bytes) -> bool:
        """A `tekken.json`."""
        return b'"token_bytes"' in data[: 1 << 16]

    @classmethod
    def read_own(cls, data: bytes) -> Read:
        """See `tekken.py`."""
        from pairloom.operators.models.bpe.tekken import read_tekken

        return Read(read_tekken(data))

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """See `write_byte_level`."""
        options = {"ignore_merges": self.ignore_merges, "ties_share_rank": self.ties_share_rank}
        return write_byte_level(entries, options, self.merges, golden())

    def compiled(self, entries: Entries) -> BPETables:
        """See `PairTable` and `JoinTable`; ValueError where a merge makes no token or two tokens are the same."""
        tokens = TokenTable.of(entries.tokens)
        whole_words = None
        if self.ignore_merges:
            whole_words = np.ones(len(tokens), np.bool_)
            whole_words[list(entries.added_ids)] = False
        pairs = PairTable.of(
            byte_ids(entries),
            self.merges,
            merge_products(entries, self.merges),
            ties_share_rank=self.ties_share_rank,
            tokens=tokens,
            whole_words=whole_words,
        )
        cut = entries.pretokenizer
        whole = cut.scheme in ("none", "superwords") and cut.pattern is None
        return BPETables(entries=entries, pairs=pairs, joins=JoinTable.of(pairs, self.merges, whole=whole))


def byte_level(model: Model) -> ByteLevelBPE:
    """The model of a vocabulary, if it is byte-level BPE; raises ValueError for any other."""
    if not isinstance(model, ByteLevelBPE):
        why = model.slow or f"of the model {model.name!r}"
        raise ValueError(f"this vocabulary has no list of merges in the order of their ranks: it is {why}")
    return model


def byte_ids(entries: Entries) -> npt.NDArray[np.int64]:
    """The id of each of the 256 bytes, -1 for one without a token."""
    tokens = TokenTable.of(entries.tokens)
    found = np.full(256, -1, np.int64)
    ids = np.flatnonzero(tokens.lengths == 1)
    ids = ids[~np.isin(ids, list(entries.added_ids))]
    found[tokens.data[tokens.offsets[ids]]] = ids
    return found


def merge_products(entries: Entries, merges: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """The id that each merge makes, int64[m]; -1 for a merge into a special token, which is never made.

    Raises ValueError for a merge that makes no token at all, and where two tokens are the same.
    """
    tokens = TokenTable.of(entries.tokens)
    column = token_column(tokens)
    ordinary = tokens.lengths > 0
    ordinary[list(entries.added_ids)] = False
    chosen = np.flatnonzero(ordinary)
    words = column.take(pa.array(chosen))
    if pc.count_distinct(words).as_py() < len(words):
        ordinary_index(entries.tokens, entries.added_ids)  # names them
    left, right = (column.take(pa.array(merges[:, side])) for side in range(2))
    spelled = pc.binary_join_element_wise(left, right, pa.scalar(b"", pa.large_binary()))
    places = pc.index_in(spelled, value_set=words)
    products = np.full(len(merges), -1, np.int64)
    made = places.is_valid().to_numpy(zero_copy_only=False)
    products[made] = chosen[places.drop_null().to_numpy()]
    special = {token.encode() for token in entries.special_tokens}
    for rank in np.flatnonzero(~made).tolist():
        token = spelled[rank].as_py()
        if token not in special:
            raise ValueError(f"merge {rank} makes {token!r}, which is no token")
    return products
