"""Dynamic tokenization (Feher, Vulić and Minixhofer, 2024, arXiv:2411.18553): a batch gets tokens of its own.

input_ids       un happi ness . un happi ly      pieces of a batch
dynamic_ids     900 ness . 900 ly                900 = un happi, the pair that the batch has most often
dynamic_spans   [[un, happi]]                    what an embedding of the new token is made of
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.evaluate.surfaces import surface
from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import given_rows
from pairloom.operators.layouts._vocabulary import sentence_ends
from pairloom.operators.layouts.kernels import dynamic_bpe as kernels
from pairloom.operators.layouts.kernels.dynamic_bpe import merge_batch
from pairloom.operators.pack.derive import segment_ids
from pairloom.operators.schema import SEGMENT_LENGTHS
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["DynamicBPE", "Merged", "Tables"]

PAD = -1
BLANKS = frozenset(b" \t\n\v\f\r")
# White space of several bytes.
WIDE = re.compile(rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80")


class Tables(NamedTuple):
    """What is known of the vocabulary: which tokens are special, end a sentence, have marks, are a hyphen.

    `kinds` are those of the kernel; token i is `data[offsets[i]:offsets[i + 1]]` in a text, which `cut` cuts, where it is cut.
    """

    special: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]
    marks: npt.NDArray[np.bool_]
    hyphen: npt.NDArray[np.bool_]
    kinds: npt.NDArray[np.uint8]
    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    cut: Pretokenizer | None

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return len(self.kinds)


class Merged(NamedTuple):
    """A batch after its merges: `ids` [b, n], -1 behind each row, and `spans`, the old ids of each new one.

    `tokens` is how many tokens the batch has after no merge, one, and so on.
    """

    ids: npt.NDArray[np.int32]
    spans: list[list[int]]
    tokens: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicBPE(RowStep):
    """Fewer tokens by merging what a batch has most often: new ids for its most frequent pairs, `merges` of them at most.

    A pair is merged where both tokens are of one `boundary`: a pretoken of the vocabulary (`pretokens`); a `word` between white
    space; the same without punctuation behind letters, but for hyphens (`word_hyphen`); a `sentence`; a `document`. Special
    tokens never are. A new token has a blank (of ASCII) only in front, or is blanks alone, but not two ends of lines, unless
    `inner_spaces`. Of equally frequent pairs the one of smaller ids is merged, and none that occurs less than `least` times.
    Made late, for all rows of a batch: `dynamic_ids`, int32 [b, n], -1 behind a row, new tokens numbered from the vocabulary's
    size on in the order of their merges; `dynamic_spans`, int32 [new tokens, longest], the tokens of the vocabulary that each
    stands for, -1 behind them, of whose embeddings a model makes its own.
    """

    name: ClassVar[str] = "dynamic_bpe"
    version: ClassVar[int] = 2
    source: ClassVar[str] = "Feher, Vulić and Minixhofer, 2024, arXiv:2411.18553"
    late: ClassVar[tuple[str, ...]] = ("dynamic_ids", "dynamic_spans")

    merges: int = 10
    boundary: Literal["pretokens", "word", "word_hyphen", "sentence", "document"] = "word"
    inner_spaces: bool = False
    least: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.merges < 1 << 20:
            raise ValueError(f"merges must be from 0 to 1048575, not {self.merges}")
        if self.least < 1:
            raise ValueError(f"least must be at least 1, not {self.least}")

    def prepare(self, tokenizer: Any) -> Tables:
        """What tokens are and how they are spelled; raises ValueError for `pretokens` of a vocabulary that is not cut by bytes."""
        if self.boundary == "pretokens" and not tokenizer.model.spells:
            raise ValueError(
                "boundary must be word, word_hyphen, sentence or document, not pretokens: tokens of the model "
                f"{tokenizer.model.name!r} are not the bytes of a text, which its pretokenizer could cut"
            )
        special = np.zeros(len(tokenizer), np.bool_)
        special[list(tokenizer.reserved_ids)] = True
        texts = [b"" if gone else one for one, gone in zip(_texts(tokenizer), special.tolist(), strict=True)]
        marks = [_is_mark(text.decode("utf-8", "replace")) for text in texts]
        kinds = [kernels.ANY if self.inner_spaces else _kind(text) for text in texts]
        table = TokenTable.of(texts)
        cut = {"pretokens": tokenizer.pretokenizer} if self.boundary == "pretokens" else {}
        if self.boundary in ("word", "word_hyphen"):
            cut = {self.boundary: Pretokenizer(scheme="whitespace")}
        return Tables(
            special=special,
            ends=sentence_ends(tokenizer),
            marks=np.array(marks, np.bool_),
            hyphen=np.array([text == b"-" for text in texts], np.bool_),
            kinds=np.array(kinds, np.uint8),
            data=table.data,
            offsets=table.offsets,
            cut=cut.get(self.boundary),
        )

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows as they are: what is merged is another matter in every batch."""
        return rows

    def built(self, name: str, rows: pa.RecordBatch, tables: Tables) -> npt.NDArray[np.int32]:
        """`dynamic_ids` or `dynamic_spans` of the rows."""
        merged = self.merged(rows, tables)
        if name == "dynamic_ids":
            return merged.ids
        out = np.full((len(merged.spans), max(map(len, merged.spans), default=0)), PAD, np.int32)
        for line, span in zip(out, merged.spans, strict=True):
            line[: len(span)] = span
        return out

    def merged(self, rows: pa.RecordBatch, tables: Tables) -> Merged:
        """The rows with the tokens of their own."""
        ids, joins, lengths = self._joins(rows, tables)
        room = 1 << max(4, (2 * ids.size).bit_length())
        pairs = np.zeros((self.merges, 2), np.int64)
        tokens = np.zeros(self.merges + 1, np.int64)
        keys, counts = np.empty(room, np.int64), np.empty(room, np.int64)
        kinds = np.concatenate([tables.kinds, np.zeros(self.merges, np.uint8)])
        made = merge_batch(ids, joins, lengths, tables.size, keys, counts, kinds, self.least, pairs, tokens)
        width = int(lengths.max(initial=0))
        out = np.where(np.arange(width) < lengths[:, None], ids[:, :width], PAD).astype(np.int32)
        spans: list[list[int]] = []
        for pair in pairs[:made].tolist():
            spans.append([old for one in pair for old in _spelled(one, spans, tables.size)])
        return Merged(out, spans, tokens[: made + 1])

    def _joins(
        self, rows: pa.RecordBatch, tables: Tables
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """The tokens of rows, whether each may be merged with the one before it, and how many each row has."""
        given = given_rows(rows, 0, 0, 0)
        segments = segment_ids(rows.column(SEGMENT_LENGTHS), given.ids.shape[1])
        lengths = (segments >= 0).sum(axis=1).astype(np.int64)
        ids = given.ids.astype(np.int64)
        plain = ~tables.special[ids] & (segments >= 0)
        joins = np.zeros(ids.shape, np.bool_)
        joins[:, 1:] = plain[:, 1:] & plain[:, :-1] & (segments[:, 1:] == segments[:, :-1])
        if tables.cut is not None:
            words = self.boundary in ("word", "word_hyphen")
            joins[plain] &= _uncut(ids[plain], joins[plain], tables, tables.cut, words=words)
        left, right = ids[:, :-1], ids[:, 1:]
        if self.boundary == "word_hyphen":
            joins[:, 1:] &= ~tables.marks[right] | tables.marks[left] | tables.hyphen[right]
        if self.boundary == "sentence":
            joins[:, 1:] &= ~tables.ends[left] | tables.ends[right]
        return ids, joins, lengths


def _uncut(
    ids: npt.NDArray[np.int64],
    joins: npt.NDArray[np.bool_],
    tables: Tables,
    cut: Pretokenizer,
    *,
    words: bool,
) -> npt.NDArray[np.bool_]:
    """Of tokens one after another, whether no cut of their text is before each; where none is joined, a text begins.

    Of `words`, what begins inside of white space, or with it, is of none.
    """
    sizes = tables.offsets[ids + 1] - tables.offsets[ids]
    begins = np.concatenate([[0], np.cumsum(sizes)])
    places = np.arange(begins[-1]) + np.repeat(tables.offsets[ids] - begins[:-1], sizes)
    cuts = np.zeros(begins[-1] + 1, np.bool_)
    edges = np.concatenate([begins[:-1][~joins], begins[-1:]])
    data = tables.data[places]
    for _, ends in cut.blocks(Text(data=data, offsets=edges)):
        cuts[ends] = True
    if words:
        cuts[:-1] |= np.isin(data, [*BLANKS])
        whole = np.ones(len(cuts), np.bool_)
        whole[edges] = False
        for wide in WIDE.finditer(data.tobytes()):
            if whole[wide.start() + 1 : wide.end()].all():  # and not of two texts
                cuts[wide.start() : wide.end()] = True
    return ~cuts[begins[:-1]]


def _texts(tokenizer: Any) -> list[bytes]:
    """What each token is in a text; where tokens have no spaces of their own, one is before those that begin a word."""
    texts = [surface(tokenizer, i) for i in range(len(tokenizer))]
    if tokenizer.model.spells or any(text.startswith(b" ") for text in texts):
        return texts
    return [
        text if token.startswith(b"##") else b" " + text
        for text, token in zip(texts, tokenizer.tokens, strict=True)
    ]


def _kind(text: bytes) -> np.uint8:
    blank = [byte in BLANKS for byte in text]
    if not any(blank):
        return kernels.PLAIN
    if len(text) == 1:
        return kernels.LINE if text == b"\n" else kernels.BLANK
    if all(blank):
        return kernels.BLANKS
    return kernels.LED if not any(blank[1:]) else kernels.MIXED


def _is_mark(text: str) -> bool:
    """Whether there are punctuation or symbols in a token, and no digit."""
    kinds = {unicodedata.category(character)[0] for character in text if character != "\ufffd"}
    return bool(kinds & {"P", "S"}) and not any(character.isdigit() for character in text)


def _spelled(token: int, spans: list[list[int]], size: int) -> list[int]:
    return [token] if token < size else spans[token - size]
