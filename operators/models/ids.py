"""Ids without texts: the vocabulary of tokens that are given, of which only their number is known.

A token is spelled as its number, and a text is numbers with blanks between them, so that such documents can be shown and read.
In a `tokenizer.json` that is a WordLevel of numbers, which `tokenizers` encodes and decodes in the same way.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models import Entries, Model, OtherModelError, Read, TokenizerFile
from pairloom.operators.models._unremembering import Unremembering
from pairloom.operators.speeds import BYTE_LEVEL, Encoding
from pairloom.operators.vocabulary.tokens import TokenTable

if TYPE_CHECKING:
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Ids", "IdsTables", "vocabulary_of_ids"]

MOST_IDS = 1 << 22
_MARK = "pairloom"  # what says in a file's model that its words are numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ids(Model):
    """Every id from 0 on is a token that is spelled as its number; special tokens come behind them."""

    name: ClassVar[str] = "ids"
    encoding: ClassVar[Encoding] = BYTE_LEVEL  # ids are given: nothing is faster
    types: ClassVar[tuple[str, ...]] = ("WordLevel",)
    by_words: ClassVar[bool] = False
    spells: ClassVar[bool] = False
    kernels: ClassVar[tuple[str, ...]] = ("encode.kernels:runs",)
    takes_text: ClassVar[bool] = False

    @property
    def identity(self) -> bytes:
        """Nothing: how many there are is told by the tokens."""
        return b""

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """A WordLevel that says that its words are numbers; any other is somebody else's."""
        if not (file.document["model"].get(_MARK) or {}).get("ids"):
            raise OtherModelError("its model is WordLevel of words, not of numbers")
        words = file.document["model"]["vocab"]
        added = {item["id"]: item["content"] for item in file.document["added_tokens"]}
        size = len(words) - len(added)
        if any(words.get(str(i)) != i for i in range(size)) or any(words[t] != i for i, t in added.items()):
            raise DataError("this tokenizer.json is damaged: its words are not the numbers of their ids")
        return Read(_fields(size, {added[i]: i for i in sorted(added)}))

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """A WordLevel with a word for each id."""
        special = dict(zip(entries.special_tokens, entries.special_ids, strict=True))
        size = len(entries) - len(special)
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        document = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [{"id": i, "content": token, **flags} for token, i in special.items()],
            "normalizer": None,
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor": None,
            "decoder": None,
            "model": {
                "type": "WordLevel",
                _MARK: {"ids": True},
                "vocab": {str(i): i for i in range(size)} | special,
                "unk_token": "[UNK]",
            },
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def compiled(self, entries: Entries) -> "IdsTables":
        """How many ids there are, and the special ones."""
        return IdsTables(
            len(entries), dict(zip(entries.special_tokens, entries.special_ids, strict=True)), entries.dtype
        )


class IdsTables(Unremembering):
    """Reads and writes numbers."""

    def __init__(self, size: int, special: Mapping[str, int], dtype: np.dtype[Any]) -> None:
        self._size, self._special, self._dtype = size, dict(special), dtype
        self._names = {i: token for token, i in special.items()}

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """See `TextEncoder`; raises DataError for a word that is no id."""
        rows = [
            np.zeros(0, np.int64)
            if text is None
            else np.concatenate([prepend, [self._id(word, wanted) for word in text.split()], append])
            for text in texts.to_pylist()
        ]
        values = np.concatenate([np.zeros(0, np.int64), *rows])
        lists = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return values.astype(self._dtype), lists

    def _id(self, word: str, wanted: Collection[str]) -> int:
        if word in wanted:
            return self._special[word]
        number = int(word) if word.isascii() and word.isdigit() and len(word) < 11 else -1
        if 0 <= number < self._size - len(self._special) and str(number) == word:
            return number
        raise DataError(
            f"{word[:40]!r} is no id of this vocabulary, which has no words but the numbers from 0 to "
            f"{self._size - len(self._special) - 1:,}"
        )

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The numbers of each list with blanks between them; raises DataError for an id outside the vocabulary."""
        if len(values) and int(values.max()) >= self._size:
            raise DataError(f"id {int(values.max())} is outside a vocabulary of {self._size} tokens")
        words = [self._names.get(i, str(i)) for i in values.tolist()]
        bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        return pa.array([" ".join(words[a:b]).encode() for a, b in bounds], pa.large_binary())


def vocabulary_of_ids(size: int, special_tokens: Sequence[str] = ()) -> "Vocabulary":
    """The vocabulary of ids below `size`, behind which special tokens come.

    >>> vocabulary = vocabulary_of_ids(1024, ["<|endoftext|>"])
    >>> len(vocabulary), vocabulary.special_id("<|endoftext|>"), vocabulary.encode_one("7 1023").tolist()
    (1025, 1024, [7, 1023])

    Raises RecipeError for more ids than a file should hold, and for a special token that is a number or no word.
    """
    from pairloom.operators.vocabulary import Vocabulary

    if size > MOST_IDS:
        raise RecipeError(f"a vocabulary of ids has at most {MOST_IDS:,}, and {size:,} are asked for")
    if both := [token for token in special_tokens if token.isdecimal() or len(token.split()) != 1]:
        raise RecipeError(
            f"the special token {both[0]!r} is no word beside numbers: a vocabulary of ids has it in no file; spell it otherwise"
        )
    return Vocabulary(**_fields(size, {token: size + i for i, token in enumerate(special_tokens)}))


def _fields(size: int, special: Mapping[str, int]) -> dict[str, Any]:
    tokens = [str(i).encode() for i in range(size)] + [token.encode() for token in special]
    return {
        "tokens": TokenTable.of(tokens),
        "special_tokens": tuple(special),
        "special_ids": tuple(special.values()),
        "model": Ids(),
    }
