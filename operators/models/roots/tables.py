"""A vocabulary of roots laid out: each distinct word is cut once, and remembered."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.encode.kernels import state as k
from pairloom.operators.encode.special import AddedFinder, kinds_of
from pairloom.operators.encode.tokenizer import Tokenizer
from pairloom.operators.errors import DataError
from pairloom.operators.models import Entries
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.operators.models.roots.model import Roots
from pairloom.operators.models.roots.spelling import Item, Speller
from pairloom.operators.text.arrays import Text
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["RootEncoder", "RootTables"]

_TABLE_BYTES = 64 << 20
_WORD_BYTES = 400  # of memory for a word that is remembered, with its ids
_SPANS = 1 << 17  # spans between blanks whose text is remembered
_NO_IDS = np.zeros(0, np.uint32)


class RootTables:
    """The forms, the merges and what cuts words (`Compiled`); pickled, it is the vocabulary that travels."""

    def __init__(self, model: Roots, entries: Entries) -> None:
        self.model, self.entries = model, entries
        self.speller = Speller(model.lexicon)
        self.finder = AddedFinder(entries)
        self._tokens = TokenTable.of(entries.tokens)
        fallback = Vocabulary(
            tokens=self._tokens[model.spelled : model.end], model=ByteLevelBPE(merges=model.fallback)
        )
        self._fallback = Tokenizer(fallback)
        # Before what begins with a blank, and around special tokens, spans are read by themselves.
        special = np.zeros(len(self._tokens), np.bool_)
        special[list(entries.special_ids)] = True
        blank = np.array([self._is_blank(i) for i in range(len(self._tokens))], np.bool_)
        self._before, self._behind = special | blank, special
        self._spans: dict[bytes, bytes] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return RootTables, (self.model, self.entries)

    def encoder(self, *, memo: Any = None, table_bytes: int = _TABLE_BYTES) -> "RootEncoder":
        """A new encoder; what it remembers begins empty."""
        return RootEncoder(self, table_bytes)

    def memorized(self, words: Sequence[bytes]) -> None:
        """Nothing: encoders remember words as they come."""

    def word_ids(self, words: Sequence[bytes]) -> list[npt.NDArray[np.uint32]]:
        """The ids of words."""
        cut = [self.speller.items(word.decode()) for word in words]
        texts = list(dict.fromkeys(item for items in cut for item in items if isinstance(item, str)))
        encoder = self._fallback.word_encoder()  # each is one word, whatever a pretokenizer would cut
        rows = self._fallback.encode(pa.array(texts, pa.large_string()), encoder=encoder)
        found = dict(zip(texts, rows.to_pylist(), strict=True))
        model = self.model
        out = []
        for items in cut:
            ids: list[int] = []
            for item in items:
                if isinstance(item, str):
                    ids += [model.spelled + one for one in found[item]]
                else:
                    ids.append(model.lexical + item if item >= 0 else model.start - 1 - item)
            out.append(np.array(ids, np.uint32))
        return out

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text of each list of ids; raises DataError for an id outside the vocabulary."""
        if len(values) and int(values.max()) >= len(self._tokens):
            raise DataError(f"id {int(values.max())} is outside a vocabulary of {len(self._tokens)} tokens")
        return pa.array(
            [self._decoded(values[low:high]) for low, high in itertools.pairwise(offsets.tolist())],
            pa.large_binary(),
        )

    def _decoded(self, ids: npt.NDArray[np.uint32]) -> bytes:
        cuts = self._before[ids]
        cuts[1:] |= self._behind[ids[:-1]]
        data = np.ascontiguousarray(ids).tobytes()
        bounds = [0, *(4 * np.flatnonzero(cuts)).tolist(), len(data)]
        out = []
        for low, high in itertools.pairwise(bounds):
            span = data[low:high]
            text = self._spans.get(span)
            if text is None:
                text = self._spelled(np.frombuffer(span, np.uint32).tolist())
                if len(self._spans) >= _SPANS:
                    self._spans = {}
                if len(span) < _WORD_BYTES:
                    self._spans[span] = text
            out.append(text)
        return b"".join(out)

    def _spelled(self, ids: Sequence[int]) -> bytes:
        model = self.model
        if len(ids) == 1 and not model.start <= ids[0] < model.end:
            return self._tokens[ids[0]]  # a special token, which is alone
        items: list[Item] = []
        for text, run in itertools.groupby(ids, lambda i: i >= model.spelled):
            if not text:
                items += [i - model.lexical if i >= model.lexical else model.start - 1 - i for i in run]
                continue
            items.append(b"".join([self._tokens[i] for i in run]).decode(errors="surrogateescape"))
        return self.speller.text(items).encode(errors="surrogateescape")

    def _is_blank(self, i: int) -> bool:
        return self.model.spelled <= i < self.model.end and self._tokens[i][:1] in (b" ", b"\n", b"\t", b"\r")


class RootEncoder:
    """Encodes texts, for one thread at a time; it remembers words in about `table_bytes`."""

    def __init__(self, tables: RootTables, table_bytes: int) -> None:
        self._tables = tables
        self._most = table_bytes // _WORD_BYTES
        self._known: dict[bytes, npt.NDArray[np.uint32]] = {}
        self._statistics = {"lookups": 0, "unknown": 0}

    @property
    def statistics(self) -> Mapping[str, int]:
        """See `TextEncoder`."""
        return self._statistics

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """See `TextEncoder`."""
        text, kinds = self._tables.finder.segments(texts, kinds_of(texts), wanted)
        if not len(kinds):
            kinds = np.full(len(text), k.TEXT_ENDS, np.int32)
        values, edges = self._segments(text, kinds)
        out: list[npt.NDArray[np.uint32]] = [_NO_IDS]
        lists = [0]
        total, begins = 0, True
        for segment, kind in enumerate(kinds.tolist()):
            ends = kind < k.TEXT or (kind >= 0 and kind & 1 == 1)
            if kind != k.NULL:
                middle = (
                    np.array([kind >> 1], np.uint32)
                    if kind >= 0
                    else values[edges[segment] : edges[segment + 1]]
                )
                found = [prepend if begins else _NO_IDS, middle, append if ends else _NO_IDS]
                out += found
                total += sum(map(len, found))
            if ends:
                lists.append(total)
            begins = ends
        return np.concatenate(out).astype(self._tables.entries.dtype), np.array(lists, np.int64)

    def _segments(
        self, text: Text, kinds: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        """The ids of the segments that are text, one after another, and where those of each begin."""
        ends = [block.copy() for _, block in self._tables.entries.pretokenizer.blocks(text)]
        edges = np.concatenate([text.offsets[:1], *ends]).astype(np.int64)
        owner = np.searchsorted(text.offsets, edges[1:], side="left") - 1
        words = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(edges) - 1, [None, pa.py_buffer(edges), pa.py_buffer(text.data)]
        )
        plain = kinds[owner] < 0
        if not plain.all():
            words, owner = words.filter(pa.array(plain)), owner[plain]
        coded = pc.dictionary_encode(words)
        rows = self._ids_of(coded.dictionary.to_pylist())
        codes = coded.indices.to_numpy(zero_copy_only=False)
        lengths = np.array([len(row) for row in rows], np.int64)
        starts = np.cumsum(lengths) - lengths
        counts = lengths[codes]
        places = np.cumsum(counts) - counts
        at = np.repeat(starts[codes] - places, counts) + np.arange(int(counts.sum()))
        values = np.concatenate([_NO_IDS, *rows])[at]
        sums = np.bincount(owner, weights=counts, minlength=len(kinds)).astype(np.int64)
        self._statistics["lookups"] = len(codes)
        return values, np.concatenate([[0], np.cumsum(sums)])

    def _ids_of(self, words: Sequence[bytes]) -> list[npt.NDArray[np.uint32]]:
        new = [word for word in words if word not in self._known]
        self._statistics["unknown"] = len(new)
        found = dict(zip(new, self._tables.word_ids(new), strict=True))
        rows = [found[word] if word in found else self._known[word] for word in words]
        if len(self._known) + len(found) > self._most:
            self._known = {}
        if len(found) <= self._most:
            self._known |= found
        return rows
