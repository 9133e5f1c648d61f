"""A vocabulary of typed entries laid out: the tables of its base, a trie of what spells concepts, and their ids by type."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.decode import decode_lists
from pairloom.operators.encode.encoder import TABLE_BYTES
from pairloom.operators.models import Compiled, TextEncoder
from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.typed.kernels import BEGINS_WORD, ENDS, ENDS_WORD, MAY_END, WALL, retype
from pairloom.operators.models.typed.model import Typed, cut_words
from pairloom.operators.models.typed.spelling import least_entropy
from pairloom.operators.schema import dtype_for
from pairloom.operators.text.pretokenize.classes import DIGIT, LETTER, classes
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["TypedEncoder", "TypedTables", "letters_of_words", "spellings_of"]

_MARKS = (b".", b"!", b"?")
_WIDE_MARKS = ("\u3002".encode(), "\uff01".encode(), "\uff1f".encode())  # no space follows them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TypedTables:
    """What the kernel `retype` reads (`Compiled`), by the names that it has there, and the tables of the base."""

    tokens: TokenTable
    base: Compiled
    base_tokens: TokenTable
    flags: npt.NDArray[np.uint8]
    slots: npt.NDArray[np.uint64]
    kinds: npt.NDArray[np.uint8]
    first: npt.NDArray[np.int64]
    types: npt.NDArray[np.int32]
    ids: npt.NDArray[np.uint32]
    edges: npt.NDArray[np.int64]

    @classmethod
    def of(cls, model: Typed, tokens: Sequence[bytes]) -> "TypedTables":
        """The tables of a model with all tokens of its vocabulary; ten microseconds for each distinct word and type."""
        spellings = spellings_of(model)
        letters = letters_of_words()
        choices = [choice for one in spellings.values() for choice in one]
        texts = TokenTable.of(spellings)
        base_tokens = TokenTable.of(model.base.tokens)
        return cls(
            tokens=TokenTable.of(tokens),
            base=model.base.model.compiled(model.base),
            base_tokens=base_tokens,
            flags=_flags(base_tokens, model.base.special_ids),
            slots=build_trie(texts, np.arange(len(texts), dtype=np.int64)),
            kinds=np.array([_kind(text.decode(), letters) for text in spellings], np.uint8),
            first=np.cumsum([0, *map(len, spellings.values())], dtype=np.int64),
            types=np.array([kind for kind, _ in choices], np.int32),
            ids=np.array([i for _, ids in choices for i in ids], np.uint32),
            edges=np.cumsum([0, *(len(ids) for _, ids in choices)], dtype=np.int64),
        )

    def encoder(self, *, memo: Any = None, table_bytes: int = TABLE_BYTES) -> "TypedEncoder":
        """A new encoder, which has a table of words for its base."""
        return TypedEncoder(self, self.base.encoder(table_bytes=table_bytes))

    def memorized(self, words: Sequence[bytes]) -> None:
        """Nothing: the base's encoder remembers words as they come."""

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The bytes of the tokens of each list, put together."""
        return decode_lists(self.tokens, values, offsets)


class TypedEncoder:
    """Encodes texts, for one thread at a time."""

    def __init__(self, tables: TypedTables, base: TextEncoder) -> None:
        self._tables, self._base = tables, base
        self._letters = letters_of_words()
        self._dtype = dtype_for(len(tables.tokens))

    @property
    def statistics(self) -> Mapping[str, int]:
        """See `TextEncoder`; the words are those that the base has encoded."""
        return self._base.statistics

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
        **cut: Any,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """See `TextEncoder`; `cut` is as of `Encoder`."""
        # What is put around texts may be entries, which the base does not know: its first id stands for them.
        around = [np.zeros(len(one), np.uint32) for one in (prepend, append)]
        plain, lists = self._base.encode_texts(
            texts, wanted=wanted, prepend=around[0], append=around[1], missing_bytes=missing_bytes, **cut
        )
        values, tables = plain.astype(np.uint32), self._tables
        spelled = decode_lists(tables.base_tokens, values, np.array([0, len(values)], np.int64))
        data = np.frombuffer(spelled.buffers()[2] or b"", np.uint8)
        out, places = np.empty(len(values), np.uint32), np.empty(len(lists), np.int64)
        written = retype(
            values,
            lists,
            np.array([len(prepend), len(append)], np.int64),
            data,
            np.cumsum(tables.base_tokens.lengths[values]),
            tables.flags,
            self._letters,
            tables.slots,
            tables.kinds,
            tables.first,
            tables.types,
            tables.ids,
            tables.edges,
            out,
            places,
        )
        out = out[:written]
        full = np.flatnonzero(np.diff(places))
        out[places[full][:, None] + np.arange(len(prepend))] = prepend
        out[places[full + 1][:, None] - len(append) + np.arange(len(append))] = append
        return out.astype(self._dtype), places


def spellings_of(model: Typed) -> dict[bytes, list[tuple[int, list[int]]]]:
    """What spells each concept, with a space before it and without, and its types with their ids, that of least entropy first.

    Of types of equal entropy, the first comes first.
    """
    base, starts = model.base, model.starts
    byte_ids = {bytes([byte]): base.token_to_id(bytes([byte])) for byte in range(256)}
    found: dict[bytes, list[tuple[int, int, list[int]]]] = {}
    for number in range(len(model.kinds)):
        texts = [text for text, kind in model.concepts if kind == number]
        places = {entry: starts[number] + i for i, entry in enumerate(model.entries[number])}
        costs = dict(zip(model.entries[number], model.costs[number], strict=True))
        longest = max(map(len, costs), default=0)
        known: dict[bytes, tuple[int, list[int]]] = {}
        spaced = [f" {text}" for text in texts]
        for text, words in zip(
            [*texts, *spaced], cut_words([*texts, *spaced], base.pretokenizer), strict=True
        ):
            for word in words:
                if word not in known:
                    cost, tokens = least_entropy(word, costs, model.others[number], longest)
                    known[word] = cost, [places[one] if one in places else byte_ids[one] for one in tokens]
            spelled = [known[word] for word in words]
            ids = [i for _, one in spelled for i in one]
            found.setdefault(text.encode(), []).append((sum(cost for cost, _ in spelled), number, ids))
    return {text: [(kind, ids) for _, kind, ids in sorted(found[text])] for text in sorted(found)}


@lru_cache(maxsize=1)
def letters_of_words() -> npt.NDArray[np.uint8]:
    """Of each code point, 1 where it is a letter, a digit or a mark, by the tables that pretokenizers have."""
    return (classes("marked").expand() & (LETTER | DIGIT) != 0).astype(np.uint8)


def _kind(text: str, letters: npt.NDArray[np.uint8]) -> int:
    return BEGINS_WORD * int(letters[ord(text[0])]) + ENDS_WORD * int(letters[ord(text[-1])])


def _flags(tokens: TokenTable, special: Sequence[int]) -> npt.NDArray[np.uint8]:
    found = np.zeros(len(tokens), np.uint8)
    for i, token in enumerate(tokens):
        if b"\n" in token or b"\r" in token or token.endswith(_WIDE_MARKS):
            found[i] |= ENDS
        if token.endswith(_MARKS):
            found[i] |= MAY_END
    found[list(special)] |= WALL
    return found
