"""Tokens as bytes, held flat, and the byte-level alphabet in which `tokenizer.json` spells them."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import DataError

__all__ = [
    "MOST_HOLES",
    "TokenTable",
    "alphabet_bytes",
    "byte_order",
    "check_distinct",
    "check_ids",
    "from_alphabet",
    "ordinary_index",
    "to_alphabet",
]


# A file may leave out so many ids.
MOST_HOLES = 1 << 20


def byte_order() -> npt.NDArray[np.uint8]:
    """The 256 bytes in the order of their ids: by the code point that GPT-2's byte-level alphabet gives each."""
    visible = [*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return np.array(visible + [b for b in range(256) if b not in visible], dtype=np.uint8)


# Bytes that are visible in Latin-1 stand for themselves, the other 68 for U+0100 and up.
_ALPHABET = [""] * 256
for _rank, _byte in enumerate(byte_order().tolist()):
    _ALPHABET[_byte] = chr(_byte) if _rank < 188 else chr(0x100 + _rank - 188)
_TO_ALPHABET = dict(enumerate(_ALPHABET))
# What is no letter of the alphabet becomes what Latin-1 does not have.
_FROM_ALPHABET = dict.fromkeys(range(256), "\uffff") | {
    ord(letter): chr(byte) for byte, letter in enumerate(_ALPHABET)
}
# The byte of each letter, by its code point; -1 for what is none.
_BYTES_OF = np.full(max(map(ord, _ALPHABET)) + 1, -1, np.int16)
_BYTES_OF[list(map(ord, _ALPHABET))] = np.arange(256)


def to_alphabet(token: bytes) -> str:
    r"""Spell bytes in the byte-level alphabet.

    >>> to_alphabet(b" caf\xc3\xa9")
    'ĠcafÃ©'
    """
    return token.decode("latin-1").translate(_TO_ALPHABET)


def from_alphabet(spelling: str) -> bytes | None:
    r"""The bytes that a spelling stands for; None where a letter is not of the byte-level alphabet.

    >>> from_alphabet("ĠcafÃ©"), from_alphabet("日")
    (b' caf\xc3\xa9', None)
    """
    try:
        return spelling.translate(_FROM_ALPHABET).encode("latin-1")
    except UnicodeEncodeError:
        return None


def alphabet_bytes(spelling: str) -> npt.NDArray[np.uint8] | None:
    """What `from_alphabet` gives, of a text of any length, a byte for each letter."""
    letters = np.frombuffer(spelling.encode("utf-32-le", "surrogatepass"), np.uint32)
    if letters.max(initial=0) >= len(_BYTES_OF):
        return None
    found = _BYTES_OF[letters]
    return found.astype(np.uint8) if found.min(initial=0) >= 0 else None


class TokenTable(Sequence[bytes]):
    """An immutable sequence of byte strings: token `i` is `data[offsets[i]:offsets[i + 1]]`.

    `data` is uint8, `offsets` int64 with one entry more than there are tokens and 0 first; both are read-only. Two
    arrays pickle in a millisecond where 100,000 Python objects take a hundred.

    >>> TokenTable.of([b"a", b"bc"])[1]
    b'bc'
    """

    __slots__ = ("_view", "data", "offsets")

    def __init__(self, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> None:
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(data) or np.any(np.diff(offsets) < 0):
            raise ValueError("token offsets must rise from 0 to the length of the data")
        self.data = _frozen(data, np.uint8)
        self.offsets = _frozen(offsets, np.int64)
        self._view = self.data.data

    @classmethod
    def of(cls, tokens: Iterable[bytes]) -> "TokenTable":
        """Lay byte strings out flat; a TokenTable is returned as it is."""
        if isinstance(tokens, TokenTable):
            return tokens
        items = list(tokens)
        offsets = np.zeros(len(items) + 1, np.int64)
        np.cumsum([len(item) for item in items], out=offsets[1:])
        return cls(np.frombuffer(b"".join(items), np.uint8), offsets)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The number of bytes of each token."""
        return np.diff(self.offsets)

    def take(self, chosen: npt.NDArray[np.int64]) -> "TokenTable":
        """The tokens at some places, in that order."""
        lengths = self.lengths[chosen]
        offsets = np.zeros(len(chosen) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return TokenTable(
            self.data[np.repeat(self.offsets[chosen] - offsets[:-1], lengths) + np.arange(offsets[-1])],
            offsets,
        )

    def places(self, token: bytes) -> list[int]:
        """Where a byte string is, ascending; looks at all of them."""
        found = np.flatnonzero(self.lengths == len(token))
        if len(token):
            spelled = self.data[self.offsets[found][:, None] + np.arange(len(token))]
            found = found[(spelled == np.frombuffer(token, np.uint8)).all(axis=1)]
        places: list[int] = found.tolist()
        return places

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[bytes, ...]: ...
    def __getitem__(self, index: int | slice) -> bytes | tuple[bytes, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"token id {index} is outside a vocabulary of {len(self)} tokens")
        index %= len(self)
        return bytes(self._view[self.offsets[index] : self.offsets[index + 1]])

    def __iter__(self) -> Iterator[bytes]:
        ends = self.offsets.tolist()
        for low, high in itertools.pairwise(ends):
            yield bytes(self._view[low:high])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TokenTable):
            return np.array_equal(self.data, other.data) and np.array_equal(self.offsets, other.offsets)
        return (
            isinstance(other, tuple | list)
            and len(self) == len(other)
            and all(map(bytes.__eq__, self, other))
        )

    def __hash__(self) -> int:
        return hash((self.data.tobytes(), len(self)))

    def __repr__(self) -> str:
        return f"TokenTable({len(self)} tokens, {len(self.data)} bytes)"

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenTable, (self.data, self.offsets)


def ordinary_index(tokens: Iterable[bytes], special_ids: Collection[int]) -> dict[bytes, int]:
    """The id of each ordinary token: no text may reach a special token by its bytes. Raises ValueError for two that are equal.

    >>> ordinary_index([b"<s>", b"a", b"", b"b"], {0})
    {b'a': 1, b'b': 3}
    """
    special = set(special_ids)
    index: dict[bytes, int] = {}
    for i, token in enumerate(tokens):
        if token and i not in special and index.setdefault(token, i) != i:
            raise ValueError(f"tokens {index[token]} and {i} are both {token!r}")
    return index


def check_ids(size: int, tokens: int) -> None:
    """Raise DataError for more ids than so many tokens may have: a wrong one must not cost gigabytes."""
    if size > tokens + MOST_HOLES:
        raise DataError(
            f"ids run to {size - 1} for {tokens} tokens; at most {MOST_HOLES} ids may be left out, so that one of them is "
            "wrong"
        )


def check_distinct(added: Mapping[str, str]) -> None:
    """Raise DataError where two added tokens are one text after normalization: `added` has that of each that is normalized.

    `tokenizers` finds either of them, another one every time that it reads the file.
    """
    first: dict[str, str] = {}
    for content, normalized in added.items():
        if (other := first.setdefault(normalized, content)) != content:
            raise DataError(
                f"this tokenizer.json has two ids for one text: its added tokens {other!a} and {content!a} are both "
                f"{normalized!a} after its normalizer; remove one, or set normalized to false in one"
            )


def _frozen(array: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view
