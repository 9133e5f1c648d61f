"""WordPiece as a model: files of BERT and what is like it, encoded by kernels with the ids of the `tokenizers` library."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import Cuts, WordKernel
from pairloom.operators.encode.fronted import FrontedTables
from pairloom.operators.encode.fronted_model import Fronted
from pairloom.operators.encode.placing import Segments, Words
from pairloom.operators.learners.wordpiece import WordPieceLearner
from pairloom.operators.models import Entries, Located, TokenizerFile
from pairloom.operators.models.wordpiece.tables import WordPieceTable
from pairloom.operators.speeds import Encoding
from pairloom.operators.text.front import Front
from pairloom.operators.text.front.pieces import Pieces, apart_by

__all__ = ["WordPiece", "WordPieceTables"]

# Classes of characters, and which neighbours are parted: what is after a space is put to it.
_OTHER, _SPACE, _SYMBOL = range(3)
_APART = {
    "space": {(a, _SPACE): True for a in range(3)},
    "bert": {(a, b): b != _OTHER or a == _SYMBOL for a in range(3) for b in range(3)}
    | {(_SPACE, _SYMBOL): False},
    "whitespace": {(a, b): b == _SPACE or a not in (_SPACE, b) for a in range(3) for b in range(3)},
}
_CUTS = {cut: apart_by(pairs) for cut, pairs in _APART.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordPiece(Fronted):
    """The longest piece at each place of a word, as BERT has it; a word that has none somewhere is unknown.

    Of a WordLevel, the only piece is the whole word.
    """

    name: ClassVar[str] = "wordpiece"
    encoding: ClassVar[Encoding] = WordPieceLearner.encoding
    types: ClassVar[tuple[str, ...]] = ("WordLevel", "WordPiece")
    kernels: ClassVar[tuple[str, ...]] = (
        "encode.kernels:places",
        "encode.kernels:runs",
        "models.wordpiece.kernels",
        "text.front.kernels",
    )
    nearest_gguf: ClassVar[tuple[str, str]] = ("bert", "a normalizer of its own")

    @classmethod
    def refuses(cls, file: TokenizerFile, front: Front) -> str | None:
        """What has no pretokenizer that parts words by white space, or no token for what is unknown."""
        model = file.document["model"]
        if _unknown(model) not in model["vocab"]:
            return "its unk_token is no token"
        return None if front.cut in _CUTS else "its words are not parted by white space"

    def compiled(self, entries: Entries) -> "WordPieceTables":
        """Time and room are linear in the bytes of the pieces."""
        return WordPieceTables(self, entries.dtype)


class WordPieceTables(FrontedTables):
    """The pieces of a file laid out; pickled, it is the file that travels."""

    def __init__(self, model: WordPiece, dtype: "np.dtype[Any]") -> None:
        super().__init__(model.library(dtype), model.front)
        self._model, self._dtype = model, dtype
        found: Mapping[str, Any] = json.loads(model.data)["model"]
        words: dict[str, int] = found["vocab"]
        whole = found.get("type") == "WordLevel"
        pieces = [b""] * (max(words.values()) + 1)
        for word, i in words.items():
            pieces[i] = word.encode()
        self._table = WordPieceTable.of(
            pieces,
            unknown=words[_unknown(found)],
            prefix=None if whole else found.get("continuing_subword_prefix", "##"),
            longest=1 << 60 if whole else found.get("max_input_chars_per_word", 100),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return WordPieceTables, (self._model, self._dtype)

    def kernel(self) -> WordKernel:
        """See `FrontedTables`."""
        return self._table.kernel()

    def apart_kernel(self) -> WordKernel:
        """See `FrontedTables`."""
        return replace(self._table, unknown=len(self._table.first_lengths)).kernel()

    def place(self, values: npt.NDArray[np.uint32], segments: Segments, cuts: Cuts) -> Located:
        """See `FrontedTables`."""
        table = self._table
        words = Words(first=table.first_lengths, later=table.later_lengths, unknown=table.unknown)
        return words.place(values, segments, cuts)

    def pieces(self) -> tuple[Pieces, Callable[[str], None]]:
        """Cuts by classes that the library is asked for, a character at a time."""
        classes = np.zeros(0x110000, np.uint8)
        split = self.library.pretokenizer.pre_tokenize_str

        def seen(char: str) -> None:
            parts = [part for part, _ in split(f"a{char}a")]
            classes[ord(char)] = _SPACE if char == " " else _OTHER if len(parts) == 1 else _SYMBOL

        return Pieces(classes, _CUTS[self.front.cut]), seen


def _unknown(model: Mapping[str, Any]) -> str:
    """The token for what is unknown."""
    found: str = model.get("unk_token", "<unk>" if model.get("type") == "WordLevel" else "[UNK]")
    return found
