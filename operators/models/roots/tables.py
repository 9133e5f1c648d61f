"""A vocabulary of roots laid out: its forms for words, and what its ids spell."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.encoder import WordKernel
from pairloom.operators.encode.words import WordTables
from pairloom.operators.errors import DataError
from pairloom.operators.models import Entries
from pairloom.operators.models.roots.forms import FormTables
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
                if len(span) < _SPAN_BYTES:
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
