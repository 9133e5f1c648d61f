"""The tokenizer: what encodes and decodes with a vocabulary."""

import threading
from collections.abc import Collection, Sequence
from copy import copy
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.encode.asked import Asked
from pairloom.operators.encode.columns import join_arrays, list_array, text_arrays, with_nulls_of
from pairloom.operators.encode.decode import begun_characters, flat_lists, token_ends
from pairloom.operators.encode.encoder import TABLE_BYTES, Encoder
from pairloom.operators.encode.kernels.state import TEXT
from pairloom.operators.encode.located import characters_of, join
from pairloom.operators.encode.memo import Memo
from pairloom.operators.encode.spans import cut_at
from pairloom.operators.encode.special import AddedFinder
from pairloom.operators.encode.words import WordTables
from pairloom.operators.errors import RecipeError
from pairloom.operators.models import Compiled, Located, TextEncoder
from pairloom.operators.text.arrays import TextArray, text_of
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Encoded", "Tokenizer", "tokenizer_of"]

_POLICIES = ("text", "parse", "error")


class Encoded(NamedTuple):
    """A column as ids (LargeList<uint16 | uint32>) and, where they were asked for, the ends of its tokens.

    `words` are the pretokens of its text, `unknown_words` those that are none of the words of the encoder's memo. Both
    are 0 where the model does not encode by words. `seen`, int64[documents + 1, 2], has how many of both there are before each
    document; None where the model's encoder does not know. Of a model whose tokens do not spell their texts, `located` says where
    each is from, in bytes, where ends or special spans were asked for; else it is None.
    """

    ids: pa.LargeListArray
    ends: pa.LargeListArray | None
    words: int
    unknown_words: int
    seen: npt.NDArray[np.int64] | None = None
    located: Located | None = None


class Tokenizer(Asked):
    """Encodes and decodes with one vocabulary; may be used by several threads at the same time.

    What encoding takes is made when it is first asked for: the model's tables, a memo of the vocabulary's own tokens where none
    is given, and an encoder for each thread that encodes at the same time, all of which stay. Pickled, the tables and the memo
    that it has travel with it, as they are or mapped: see `prepared`. Ids never depend on any of this.
    """

    def __init__(
        self, vocabulary: Vocabulary, *, memo: Memo | None = None, tables: Compiled | None = None
    ) -> None:
        self._vocabulary = vocabulary
        self._memo = memo
        self._tables = tables
        self._added: AddedFinder | None = None
        # Encoders at rest. Taking one out and putting it back are atomic, so that threads never share one.
        self._encoders: list[TextEncoder] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._vocabulary, self._memo, self._tables)

    def __repr__(self) -> str:
        return f"Tokenizer({self._vocabulary!r})"

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary."""
        return self._vocabulary

    @property
    def memo(self) -> Memo | None:
        """Words that are encoded already: those it was given, or the vocabulary's own tokens; None where there is no memo."""
        if self._memo is None and self._vocabulary.model.by_words:
            # Without counts, the vocabulary's own tokens are the words to expect.
            tokens = TokenTable.of(self._vocabulary.tokens)
            words = tokens.lengths > 0
            words[list(self._vocabulary.added_ids)] = False
            self._memo = self.tables.memorized(tokens.take(np.flatnonzero(words)))
        return self._memo

    @property
    def counts_each(self) -> bool:
        """Whether it counts the words of each document, so that of several that are encoded at once all is known of each."""
        return isinstance(self.tables, WordTables)

    @property
    def tables(self) -> Compiled:
        """The model's tables for encoding."""
        if self._tables is None:
            self._tables = self._vocabulary.model.compiled(self._vocabulary)
        return self._tables

    def with_memo(self, counts: WordCounts, limit: int = 1 << 20) -> "Tokenizer":
        """The same tokenizer with its `limit` most frequent words (equal counts by bytes) encoded already.

        Takes about half a microsecond a word. One whose model does not encode by words stays as it is.
        """
        if not self._vocabulary.model.by_words:
            return self
        order = np.argsort(-counts.counts, kind="stable")[:limit]
        words = text_of(counts.words.take(pa.array(order)))
        low, high = int(words.offsets[0]), int(words.offsets[-1])
        memo = self.tables.memorized(TokenTable(words.data[low:high], words.offsets - low))
        return Tokenizer(self._vocabulary, memo=memo, tables=self.tables)

    def prepared(self) -> "Tokenizer":
        """The same tokenizer with its tables and its memo built, so that they travel with it when it is pickled.

        Building takes half a second for 32,000 tokens; whoever unpickles it has them as they are, or mapped.
        """
        return Tokenizer(self._vocabulary, memo=self.memo, tables=self.tables)

    def encoder(self, *, remembering: bool = True, table_bytes: int = TABLE_BYTES) -> TextEncoder:
        """A new encoder with tables of words of its own, which begin with the memo if it is to be `remembering`."""
        return self.tables.encoder(memo=self.memo if remembering else None, table_bytes=table_bytes)

    def word_encoder(self, *, cut: bool = False, remembering: bool = False) -> Encoder:
        """An encoder that takes every document for one word.

        Distinct words never come again, so that it keeps none, unless it is to be `remembering`. With `cut`, long words are
        encoded by parts, where the model knows how to put these together; ids are the same.

        Raises RecipeError for a model that does not encode by words.
        """
        if not isinstance(self.tables, WordTables):
            why = self._vocabulary.slow_path or f"of the model {self._vocabulary.model.name!r}"
            raise RecipeError(
                f"this tokenizer has no words to count: it is {why}; measure it on documents instead"
            )
        if not remembering:
            return self.tables.word_encoder(cut=cut)
        return self.tables.word_encoder(cut=cut, memo=self.memo, table_bytes=TABLE_BYTES)

    def encode(self, texts: TextArray, *, offsets: bool | str = False, **options: Any) -> Any:
        """The ids of every document, or (ids, ends); see `Vocabulary.encode`."""
        encoded = self.encode_column(texts, offsets=offsets, **options)
        return (encoded.ids, encoded.ends) if offsets else encoded.ids

    def encode_column(
        self,
        texts: TextArray,
        *,
        prepend: Sequence[int] = (),
        append: Sequence[int] = (),
        special_tokens_in_text: str = "text",
        allowed_special: Collection[str] = (),
        missing_bytes: str = "error",
        offsets: bool | str = False,
        encoder: TextEncoder | None = None,
        special: pa.LargeListArray | None = None,
    ) -> Encoded:
        """Encode a column; see `Vocabulary.encode`. `encoder` is used instead of one of the tokenizer's own.

        `special` are spans of the texts, none of which is empty, that are special tokens (`special_spans_of`), whatever is to
        become of those that the rest of the texts spells.
        """
        _check_said(special_tokens_in_text, missing_bytes, offsets)
        before, after = self._ids(prepend), self._ids(append)
        arrays = text_arrays(texts) if special is None else [join_arrays(text_arrays(texts))]
        wanted = self._wanted(allowed_special)
        if special_tokens_in_text == "parse":
            wanted = frozenset(self._vocabulary.reserved_tokens)
        elif special_tokens_in_text == "error":
            self._refuse_special(arrays, wanted)
        apart = (offsets or special is not None) and not self._vocabulary.model.spells
        if apart and not self._vocabulary.model.located:
            why = self._vocabulary.slow_path or f"of the model {self._vocabulary.model.name!r}"
            raise ValueError(f"offsets are not known of a tokenizer that is {why}")
        try:
            used = encoder or self._encoders.pop()
        except IndexError:
            used = self.encoder()
        if apart:
            options = {"wanted": wanted, "prepend": before, "append": after, "missing_bytes": missing_bytes}
            return self._located(used, arrays, offsets, special=special, keep=encoder is None, **options)
        rows, ends = [], []
        counts: list[npt.NDArray[np.int64] | None] = []
        words = unknown = 0
        try:
            for array in arrays:
                valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
                more: dict[str, Any] = {}
                if special is not None:
                    cut = cut_at(array, special, self._special_ids)
                    more = {"kinds": cut.kinds, "documents": len(array)}
                values, lists = used.encode_texts(
                    array if special is None else cut.segments,
                    wanted=wanted,
                    prepend=before,
                    append=after,
                    missing_bytes=missing_bytes,
                    **more,
                )
                rows.append(list_array(values, lists, valid))
                seen = used.statistics
                counts.append(used.seen if isinstance(used, Encoder) else None)
                words, unknown = words + seen["lookups"], unknown + seen["unknown"]
                if offsets:
                    tokens = TokenTable.of(self._vocabulary.tokens)
                    if offsets == "characters":
                        tokens = begun_characters(tokens)
                    places = token_ends(tokens, values, lists, len(before), len(after))
                    ends.append(list_array(places, lists, valid))
        finally:
            if encoder is None:
                self._encoders.append(used)
        return Encoded(
            join_arrays(rows), join_arrays(ends) if offsets else None, words, unknown, _joined(counts)
        )

    def _located(
        self, used: Any, arrays: list[pa.Array], offsets: bool | str, *, keep: bool, **options: Any
    ) -> Encoded:
        """A column by an encoder that says where its tokens are from, and that is to `keep`."""
        try:
            found = [used.locate_texts(array, special_ids=self._special_ids, **options) for array in arrays]
        finally:
            if keep:
                self._encoders.append(used)
        rows, ends = [], []
        for array, one in zip(arrays, found, strict=True):
            valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
            rows.append(list_array(one.values, one.lists, valid))
            places = characters_of(text_of(array), one) if offsets == "characters" else one
            ends.append(list_array(places.end, one.lists, valid))
        return Encoded(join_arrays(rows), join_arrays(ends) if offsets else None, 0, 0, located=join(found))

    def encode_one(
        self, text: str, *, special_tokens_in_text: str = "text", allowed_special: Collection[str] = ()
    ) -> npt.NDArray[Any]:
        """The ids of one string."""
        rows = self.encode(
            pa.array([text], pa.large_string()),
            special_tokens_in_text=special_tokens_in_text,
            allowed_special=allowed_special,
        )
        ids: npt.NDArray[Any] = rows.values.to_numpy(zero_copy_only=False)
        return ids

    def decode(self, ids: Any, *, skip_special_tokens: bool = False) -> Any:
        """The bytes that ids stand for: of a sequence or column of ids, bytes; of a column of lists, a LargeBinaryArray.

        With `skip_special_tokens`, special tokens are left out, but for those that are plain.
        """
        if isinstance(ids, pa.Array | pa.ChunkedArray) and pa.types.is_integer(ids.type):
            if ids.null_count:
                raise TypeError(f"expected ids without nulls, got {ids.null_count}")
            return self.decode(np.asarray(ids), skip_special_tokens=skip_special_tokens)
        if isinstance(ids, pa.ChunkedArray):
            parts = [self.decode(chunk, skip_special_tokens=skip_special_tokens) for chunk in ids.chunks]
            return pa.concat_arrays([pa.array([], pa.large_binary()), *parts])
        if not isinstance(ids, pa.Array):
            ids = np.asarray(ids)
            if ids.size and ids.dtype.kind not in "iu":
                raise TypeError(f"expected integer ids, got {ids.dtype}")
            rows = pa.array([ids.astype(np.int64)], pa.large_list(pa.int64()))
            return self.decode(rows, skip_special_tokens=skip_special_tokens)[0].as_py()
        values, lists = flat_lists(ids)
        if skip_special_tokens:
            kept = ~np.isin(values, list(self._special_ids.values()))
            values, lists = values[kept], np.concatenate([[0], np.cumsum(kept)])[lists]
        return with_nulls_of(ids, self.tables.decode(values, lists))

    def find_special_tokens(
        self, texts: TextArray, special: pa.LargeListArray | None = None
    ) -> pa.BooleanArray:
        """Which documents spell a special token that is not plain; null for a null document.

        What stands in `special` spans is none that a text spells; see `encode_column`.
        """
        if special is not None:
            array = join_arrays(text_arrays(texts))
            cut = cut_at(array, special, self._special_ids)
            ends, marked = cut.kinds != TEXT, cut.kinds >= 0
            ends[marked] = cut.kinds[marked] & 1 == 1
            owner = np.cumsum(ends) - ends
            wanted = self._vocabulary.reserved_tokens
            there = self._finder.found(cut.segments, wanted, cut.kinds)[0] if wanted else owner[:0]
            count = [np.bincount(one, minlength=len(array)) for one in (there, owner[marked])]
            return pa.array(count[0] > count[1])
        parts = [pa.array([], pa.bool_())]
        for array in text_arrays(texts):
            found = np.zeros(len(array), np.bool_)
            if wanted := self._vocabulary.reserved_tokens:
                found[self._finder.found(array, wanted)[0]] = True
            valid = array.is_valid().to_numpy(zero_copy_only=False)
            parts.append(pa.array(found, mask=np.logical_not(valid)))
        return pa.concat_arrays(parts)

    def _wanted(self, allowed: Collection[str]) -> frozenset[str]:
        if isinstance(allowed, str):
            raise ValueError(f"allowed_special must be a set of special tokens, got the string {allowed!r}")
        if unknown := sorted(set(allowed) - set(self._vocabulary.special_tokens)):
            raise ValueError(
                f"allowed_special names {', '.join(map(repr, unknown))}, and the special tokens are: "
                f"{', '.join(self._vocabulary.special_tokens) or 'none'}"
            )
        return frozenset(allowed) - set(self._vocabulary.plain_tokens)

    def _refuse_special(self, arrays: list[pa.Array], allowed: frozenset[str]) -> None:
        first = 0
        refused = set(self._vocabulary.reserved_tokens) - allowed
        for array in arrays if refused else ():
            documents, ids = self._finder.found(array, refused)
            if len(ids):
                token = self._vocabulary.tokens[int(ids[0])].decode()
                raise ValueError(
                    f"document {first + int(documents[0])} spells the special token {token!r}; remove such documents "
                    "(`find_special_tokens`), or pass special_tokens_in_text='text' or 'parse', or allowed_special"
                )
            first += len(array)

    @property
    def _special_ids(self) -> dict[str, int]:
        """The ids of special tokens that are not plain."""
        vocabulary = self._vocabulary
        ids = dict(zip(vocabulary.special_tokens, vocabulary.special_ids, strict=True))
        return {token: ids[token] for token in vocabulary.reserved_tokens}

    @property
    def _finder(self) -> AddedFinder:
        if self._added is None:
            self._added = AddedFinder(self._vocabulary)
        return self._added

    def _ids(self, ids: Sequence[int]) -> npt.NDArray[np.uint32]:
        size = len(self._vocabulary)
        for i in ids:
            if not 0 <= int(i) < size:
                raise ValueError(f"id {i} is outside a vocabulary of {size} tokens")
        return np.array(ids, dtype=np.uint32)


def _check_said(special_tokens_in_text: str, missing_bytes: str, offsets: bool | str) -> None:
    if special_tokens_in_text not in _POLICIES:
        raise ValueError(
            f"special_tokens_in_text must be one of {', '.join(_POLICIES)}, got {special_tokens_in_text!r}"
        )
    if missing_bytes not in ("error", "drop"):
        raise ValueError(f"missing_bytes must be error or drop, got {missing_bytes!r}")
    if offsets not in (False, True, "bytes", "characters"):
        raise ValueError(f"offsets must be a truth value, bytes or characters, got {offsets!r}")


def _joined(counts: Sequence[npt.NDArray[np.int64] | None]) -> npt.NDArray[np.int64] | None:
    """`Encoded.seen` of columns one after another."""
    known = [one for one in counts if one is not None]
    if len(known) < len(counts):
        return None
    if len(known) == 1:
        return known[0]
    each = np.concatenate([np.diff(one, axis=0) for one in known])
    return np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(each, axis=0)])


def _rebuild(vocabulary: Vocabulary, memo: Memo | None, tables: Compiled | None) -> Tokenizer:
    return Tokenizer(vocabulary, memo=memo, tables=tables)


# Kept for as long as the vocabulary is. A tokenizer holds its vocabulary, so that of a tokenizer in here is a copy.
_TOKENIZERS: WeakKeyDictionary[Vocabulary, Tokenizer] = WeakKeyDictionary()
_LOCK = threading.Lock()


def tokenizer_of(vocabulary: Vocabulary) -> Tokenizer:
    """The tokenizer that `vocabulary.encode` uses: made once, and kept for as long as the vocabulary is."""
    with _LOCK:
        found = _TOKENIZERS.get(vocabulary)
        if found is None:
            found = _TOKENIZERS[vocabulary] = Tokenizer(copy(vocabulary))
        return found
