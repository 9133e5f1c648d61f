"""Tokenizers of any other family, run by the `tokenizers` library behind the same interface."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.models import Entries, Model, Read, TokenizerFile
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Foreign", "ForeignTables"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foreign(Model):
    """A `tokenizer.json` that no model here reads: `data` are its bytes, `reason` says why."""

    name: ClassVar[str] = "foreign"
    by_words: ClassVar[bool] = False
    spells: ClassVar[bool] = False

    data: bytes
    reason: str

    @property
    def identity(self) -> bytes:
        """The file."""
        return self.data

    @property
    def facts(self) -> dict[str, Any]:
        """Those of the first version of the format, which knew no models."""
        return {"ignore_merges": False, "ties_share_rank": False, "merges": 0}

    @property
    def slow(self) -> str:
        """By whom it is run, and why."""
        return f"run by the `tokenizers` library, because {self.reason}"

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """Any file that the library reads; raises RecipeError for another, and where the library is not installed.

        Tokens are spelled in UTF-8 as the file spells them; ids that are missing are empty tokens.
        """
        tokenizer = open_tokenizer(file.data, file.why)
        words = tokenizer.get_vocab(with_added_tokens=True)
        tokens = [b""] * (max(words.values(), default=-1) + 1)
        for word, token in words.items():
            tokens[token] = word.encode()
        added = {token: item.content for token, item in sorted(tokenizer.get_added_tokens_decoder().items())}
        for token, content in added.items():
            tokens[token] = content.encode()
        return Read(
            {
                "tokens": TokenTable.of(tokens),
                "special_tokens": tuple(added.values()),
                "special_ids": tuple(added),
                "model": cls(data=file.data, reason=file.why),
            }
        )

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """The file, as it was read."""
        return self.data

    def compiled(self, entries: Entries) -> "ForeignTables":
        """The library's tokenizer; raises RecipeError where the library is not installed."""
        return ForeignTables(self, entries.dtype)


class ForeignTables:
    """A tokenizer of the library; pickled, it is the file that travels."""

    def __init__(self, model: Foreign, dtype: np.dtype[Any]) -> None:
        self._model, self._dtype = model, dtype
        self._tokenizer = open_tokenizer(model.data, model.reason)

    def __reduce__(self) -> tuple[Any, ...]:
        return ForeignTables, (self._model, self._dtype)

    def encoder(self, *, memo: Any = None, table_bytes: int = 0) -> "ForeignTables":
        """Itself: the library's tokenizer remembers what it will, and serves all threads."""
        return self

    def memorized(self, words: Sequence[bytes]) -> None:
        """Nothing: see `encoder`."""

    @property
    def statistics(self) -> Mapping[str, int]:
        """Words are not known of."""
        return {"lookups": 0, "unknown": 0}

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        parse: bool,
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """See `TextEncoder`; added tokens are found in text anyway, special ones only with `parse`."""
        strings = texts.to_pylist()
        self._tokenizer.encode_special_tokens = not parse
        found = self._tokenizer.encode_batch_fast([text or "" for text in strings], add_special_tokens=False)
        nothing = np.zeros(0, np.uint32)
        rows = [
            nothing if text is None else np.concatenate([prepend, np.array(row.ids, np.uint32), append])
            for text, row in zip(strings, found, strict=True)
        ]
        lists = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return np.concatenate([nothing, *rows]).astype(self._dtype), lists

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text that ids stand for, in UTF-8, special tokens included; it need not be the text that was encoded."""
        bounds = itertools.pairwise(offsets.tolist())
        texts = [self._tokenizer.decode(values[a:b].tolist(), skip_special_tokens=False) for a, b in bounds]
        return pa.array([text.encode() for text in texts], pa.large_binary())


def open_tokenizer(data: bytes, why: str) -> Any:
    """A `tokenizers.Tokenizer` of a `tokenizer.json`; raises RecipeError where the library is not installed."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise RecipeError(
            f"this tokenizer.json needs the `tokenizers` library, because {why}; pip install 'pairloom[hf]'"
        ) from error
    try:
        tokenizer = Tokenizer.from_str(data.decode())
    except Exception as error:
        raise RecipeError(f"`tokenizers` cannot read this tokenizer.json: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
