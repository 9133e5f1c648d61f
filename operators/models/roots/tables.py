"""A vocabulary of roots laid out: its forms for words, and what its ids spell."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.encoder import TABLE_BYTES, WordKernel
from pairloom.operators.encode.words import WordTables
from pairloom.operators.errors import DataError
from pairloom.operators.models import Entries
from pairloom.operators.models.roots.forms import FormTables
from pairloom.operators.models.roots.locating import RootEncoder
from pairloom.operators.models.roots.model import Roots
from pairloom.operators.models.roots.spelling import Item, Speller
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["RootTables"]

_SPANS = 1 << 17  # spans between blanks whose text is remembered
_SPAN_BYTES = 400  # longer ones are not


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RootTables(WordTables):
    """The forms and the merges, laid out for words, and what spells items; pickled, it is the vocabulary that travels."""

    model: Roots
    forms: FormTables
    spelling: "_Spelling"

    @classmethod
    def of(cls, model: Roots, entries: Entries) -> "RootTables":
        """The tables of a model with its vocabulary."""
        tokens = TokenTable.of(entries.tokens)
        forms = FormTables.of(model.lexicon, model.fallback, model.start)
        return cls(entries=entries, model=model, forms=forms, spelling=_Spelling(model, entries, tokens))

    def __reduce__(self) -> tuple[Any, ...]:
        return RootTables.of, (self.model, self.entries)

    def kernel(self, *, cut: bool = True) -> WordKernel:
        """See `WordTables`; no word is cut."""
        return self.forms.kernel()

    def encoder(self, *, memo: Any = None, table_bytes: int = TABLE_BYTES) -> RootEncoder:
        """A new encoder; see `Encoder` for the memory that it takes."""
        return RootEncoder(self, memo=memo, table_bytes=table_bytes)

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text of each list of ids; raises DataError for an id outside the vocabulary."""
        return self.spelling.decode(values, offsets)


class _Spelling:
    """What ids spell; it remembers spans between blanks."""

    def __init__(self, model: Roots, entries: Entries, tokens: TokenTable) -> None:
        self.model = model
        self.speller = Speller(model.lexicon)
        self._tokens = tokens
        # Before what begins with a blank, and around special tokens, spans are read by themselves.
        special = np.zeros(len(tokens), np.bool_)
        special[list(entries.special_ids)] = True
        blank = np.array([self._is_blank(i) for i in range(len(tokens))], np.bool_)
        self._before, self._behind = special | blank, special
        self._spans: dict[bytes, bytes] = {}
        self._sizes: dict[bytes, bytes] = {}

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text of each list of ids; raises DataError for an id outside the vocabulary."""
        if len(values) and int(values.max()) >= len(self._tokens):
            raise DataError(f"id {int(values.max())} is outside a vocabulary of {len(self._tokens)} tokens")
        return pa.array(
            [self._decoded(values[low:high]) for low, high in itertools.pairwise(offsets.tolist())],
            pa.large_binary(),
        )

    def lengths(
        self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Of how many bytes of the text of its list each token is."""
        lists = itertools.pairwise(offsets.tolist())
        found = [
            self._read(
                values[low:high], self._sizes, lambda ids: np.array(self._lengths(ids), np.int64).tobytes()
            )
            for low, high in lists
        ]
        return np.frombuffer(b"".join(found), np.int64).copy()

    def _decoded(self, ids: npt.NDArray[np.uint32]) -> bytes:
        return self._read(ids, self._spans, self._spelled)

    def _read(
        self,
        ids: npt.NDArray[np.uint32],
        known: dict[bytes, bytes],
        made: Callable[[Sequence[int]], bytes],
    ) -> bytes:
        """What is `made` of each span between blanks, one after another; `known` is what is remembered of it."""
        cuts = self._before[ids]
        cuts[1:] |= self._behind[ids[:-1]]
        data = np.ascontiguousarray(ids).tobytes()
        bounds = [0, *(4 * np.flatnonzero(cuts)).tolist(), len(data)]
        out = []
        for low, high in itertools.pairwise(bounds):
            span = data[low:high]
            found = known.get(span)
            if found is None:
                found = made(np.frombuffer(span, np.uint32).tolist())
                if len(known) >= _SPANS:
                    known.clear()
                if len(span) < _SPAN_BYTES:
                    known[span] = found
            out.append(found)
        return b"".join(out)

    def _spelled(self, ids: Sequence[int]) -> bytes:
        if self._is_special(ids):
            return self._tokens[ids[0]]
        return self.speller.text(self._items(ids)).encode(errors="surrogateescape")

    def _lengths(self, ids: Sequence[int]) -> list[int]:
        """Of how many bytes of what a span spells each token is."""
        if self._is_special(ids):
            return [len(self._tokens[ids[0]])]
        items = self._items(ids)
        out: list[int] = []
        for item, text in zip(items, self.speller.texts(items), strict=True):
            if isinstance(item, int):
                out.append(len(text.encode()))
                continue
            sizes: list[int] = []
            left = len(item.encode(errors="surrogateescape"))
            while left:
                sizes.append(len(self._tokens[ids[len(out) + len(sizes)]]))
                left -= sizes[-1]
            out += sizes if item == text else _respelled(item, text, sizes)
        return out

    def _items(self, ids: Sequence[int]) -> list[Item]:
        model = self.model
        items: list[Item] = []
        for text, run in itertools.groupby(ids, lambda i: i >= model.spelled):
            if not text:
                items += [i - model.lexical if i >= model.lexical else model.start - 1 - i for i in run]
                continue
            items.append(b"".join([self._tokens[i] for i in run]).decode(errors="surrogateescape"))
        return items

    def _is_special(self, ids: Sequence[int]) -> bool:
        """Whether a span is a special token, which is alone."""
        return len(ids) == 1 and not self.model.start <= ids[0] < self.model.end

    def _is_blank(self, i: int) -> bool:
        return self.model.spelled <= i < self.model.end and self._tokens[i][:1] in (b" ", b"\n", b"\t", b"\r")


def _respelled(item: str, text: str, sizes: Sequence[int]) -> list[int]:
    """The bytes of each token where capitals take other bytes than the small letters that tokens are of.

    >>> _respelled("ix", "\u0130X", [1, 1])
    [2, 1]
    """
    places = [0]
    for small, letter in zip(item, text, strict=True):
        size, most = (len(one.encode(errors="surrogateescape")) for one in (small, letter))
        at = places[-1]
        places += [at + min(i, most) for i in range(1, size)] + [at + most]
    ends = [places[end] for end in itertools.accumulate(sizes, initial=0)]
    return [high - low for low, high in itertools.pairwise(ends)]
