"""Unigram as a model: files of T5, XLM-R, mT5, Albert and what is like them, by kernels with the library's ids."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import Cuts, WordKernel
from pairloom.operators.encode.fronted import FrontedTables
from pairloom.operators.encode.fronted_model import Fronted
from pairloom.operators.encode.placing import Segments, Side
from pairloom.operators.learners.unigram import UnigramLearner
from pairloom.operators.models import Entries, Located, ScoredPieces, TokenizerFile
from pairloom.operators.models.unigram.tables import UnigramTable
from pairloom.operators.speeds import Encoding
from pairloom.operators.text.front import Front
from pairloom.operators.text.front.reading import MARKER
from pairloom.operators.text.front.spaces import Spaces

__all__ = ["Unigram", "UnigramTables"]

# Words begin with each space; without a pretokenizer, a text is one word.
_CUTS = {"marker": "each", "none": "none"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unigram(Fronted):
    """The pieces of a word whose scores have the greatest sum."""

    name: ClassVar[str] = "unigram"
    encoding: ClassVar[Encoding] = UnigramLearner.encoding
    types: ClassVar[tuple[str, ...]] = ("Unigram",)
    kernels: ClassVar[tuple[str, ...]] = (
        "encode.kernels:places",
        "encode.kernels:runs",
        "models.unigram.kernels",
        "text.front.kernels",
    )
    as_pieces: ClassVar[bool] = True
    nearest_gguf: ClassVar[tuple[str, str]] = ("t5", "another normalizer")

    @classmethod
    def refuses(cls, file: TokenizerFile, front: Front) -> str | None:
        """What has no piece for what is unknown or for spaces, or draws pieces at random."""
        model = file.document["model"]
        pieces: Sequence[tuple[str, float]] = model["vocab"]
        if not isinstance(model.get("unk_id"), int):
            return "its model has no unk_id"
        if front.cut not in _CUTS:
            return "its pre_tokenizer makes no U+2581 of spaces"
        if front.marker and all(piece != MARKER for piece, _ in pieces):
            return f"its spaces become {MARKER!r}, which is no token"
        known = set(model) - {"type", "unk_id", "vocab", "byte_fallback", "pairloom"}
        if set_there := sorted(name for name in known if model[name] is not None):
            return f"its model has {', '.join(set_there)}"
        if model.get("byte_fallback") and len(found := _byte_ids(pieces)) not in (0, 256):
            return f"its model has byte_fallback, and tokens for {len(found)} of 256 bytes"
        return None

    def scored_pieces(self, entries: Entries) -> ScoredPieces:
        """Those of the file but special tokens, the one for what is unknown, and with `byte_fallback` those of bytes."""
        model = json.loads(self.data)["model"]
        pieces: list[tuple[str, float]] = [(text, float(score)) for text, score in model["vocab"]]
        stays = {*entries.special_ids, model["unk_id"]}
        if model.get("byte_fallback"):
            stays |= {
                i for i, (text, _) in enumerate(pieces) if text in {f"<0x{byte:02X}>" for byte in range(256)}
            }
        pieces += [("", 0.0)] * (len(entries) - len(pieces))
        texts = [None if i in stays else text for i, (text, _) in enumerate(pieces)]
        return ScoredPieces(texts, [score for _, score in pieces])

    def compiled(self, entries: Entries) -> "UnigramTables":
        """Time and room are linear in the bytes of the pieces."""
        return UnigramTables(self, entries.dtype)


class UnigramTables(FrontedTables):
    """The pieces of a file laid out; pickled, it is the file that travels."""

    def __init__(self, model: Unigram, dtype: "np.dtype[Any]") -> None:
        super().__init__(model.library(dtype), model.front)
        self._model, self._dtype = model, dtype
        # Scores are the library's: one that it reads a bit off decides between ways to spell a word that are nearly equal.
        found = self.library.model
        pieces: list[tuple[str, float]] = found["vocab"]
        byte_ids = _byte_ids(pieces) if found.get("byte_fallback") else []
        if model.front.marker:
            # A space stands for the mark, and no text has a space.
            pieces = [("" if " " in piece else piece.replace(MARKER, " "), score) for piece, score in pieces]
        spelled = [piece.encode() for piece, _ in pieces]
        self._lengths = np.array([len(piece) for piece in spelled], np.uint32)
        self._table = UnigramTable.of(
            [(piece, score) for piece, (_, score) in zip(spelled, pieces, strict=True)],
            unknown=found["unk_id"],
            byte_ids=byte_ids if len(byte_ids) == 256 else (),
        )
        # What is unknown in a row is one token, also beside the piece of that id.
        apart = pieces if pieces[found["unk_id"]][0].isascii() else []
        self._cuts = Spaces([piece for piece, _ in apart], before=_CUTS[model.front.cut])

    def __reduce__(self) -> tuple[Any, ...]:
        return UnigramTables, (self._model, self._dtype)

    def kernel(self) -> WordKernel:
        """See `FrontedTables`."""
        return self._table.kernel(spaced=self.front.cut == "marker")

    def apart_kernel(self) -> WordKernel:
        """See `FrontedTables`."""
        ids = len(self._lengths) + np.arange(256, dtype=np.uint32)
        return replace(self._table, falls_back=True, byte_ids=ids).kernel(spaced=self.front.cut == "marker")

    def place(self, values: npt.NDArray[np.uint32], segments: Segments, cuts: Cuts) -> Located:
        """See `FrontedTables`: what no piece spells is one in a row."""
        table = self._table
        side = Side(
            lengths=self._lengths,
            unknown=table.unknown,
            byte_ids=table.byte_ids.tolist() if table.falls_back else (),
            whole=True,
            spaced=self.front.cut == "marker",
        )
        return side.place(values, segments)

    def pieces(self) -> tuple[Cuts, Callable[[str], None]]:
        """Cuts before each space, and where no piece goes over."""
        return self._cuts, lambda _: None


def _byte_ids(pieces: Sequence[tuple[str, float]]) -> list[int]:
    """The ids of the pieces that stand for bytes, 256 or fewer."""
    ids = {piece: i for i, (piece, _) in enumerate(pieces) if piece.startswith("<0x")}
    return [ids[name] for byte in range(256) if (name := f"<0x{byte:02X}>") in ids]
