"""A family of another distribution, of which nobody knows where in a text its tokens are."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.models import MODELS, Entries, Model, OtherModelError, Read, TokenizerFile
from pairloom.operators.models.ids import IdsTables
from tests.extend.strangers import distribution

__all__ = ["Unplaced", "unplaced"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unplaced(Model):
    """Every byte is a token."""

    name: ClassVar[str] = "unplaced"
    types: ClassVar[tuple[str, ...]] = ("Unplaced",)
    by_words: ClassVar[bool] = False
    spells: ClassVar[bool] = False
    opened: ClassVar[bool] = False

    @property
    def identity(self) -> bytes:
        return b""

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        if file.document["model"].get("type") != "Unplaced":
            raise OtherModelError("its model is another")
        return Read({"tokens": [bytes([byte]) for byte in range(256)], "model": cls()})

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        return json.dumps({"added_tokens": [], "model": {"type": "Unplaced"}}).encode()

    def compiled(self, entries: Entries) -> "_Tables":
        return _Tables(len(entries), {}, entries.dtype)


class _Tables(IdsTables):
    """Remembers nothing, as they do; reads and writes bytes instead of numbers."""

    def encode_texts(
        self, texts: pa.Array, *, prepend: npt.NDArray[np.uint32], append: npt.NDArray[np.uint32], **_: Any
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        rows = [
            [] if text is None else [*prepend.tolist(), *text.encode(), *append.tolist()]
            for text in texts.to_pylist()
        ]
        lists = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return np.array([i for row in rows for i in row], self._dtype), lists

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        rows = [values[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
        return pa.array([bytes(row) for row in rows], pa.large_binary())


def unplaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> Vocabulary:
    """Its vocabulary, saved as a file; until the test ends, the family is there by an entry point."""
    points = {"pairloom.models": {"unplaced": "tests.support.unplaced:Unplaced"}}
    monkeypatch.syspath_prepend(distribution(path.parent / "stranger", points))
    monkeypatch.setattr("pairloom.operators.vocabulary.tokenizer_json.MODELS", replace(MODELS))
    path.write_text(json.dumps({"added_tokens": [], "model": {"type": "Unplaced"}}))
    return Vocabulary.from_json(path.read_bytes())
