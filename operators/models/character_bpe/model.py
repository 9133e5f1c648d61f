"""BPE over characters as a model: files of Llama 2, Mistral, Gemma, Phi-3 by kernels with the library's ids."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import Cuts, WordKernel
from pairloom.operators.encode.fronted import FrontedTables
from pairloom.operators.encode.fronted_model import Fronted
from pairloom.operators.encode.placing import Segments, Side
from pairloom.operators.learners.character_bpe import CharacterBPELearner
from pairloom.operators.models import Entries, Located, TokenizerFile
from pairloom.operators.models.bpe.word import MOST_IDS
from pairloom.operators.models.character_bpe.tables import CharacterTable, byte_tokens
from pairloom.operators.speeds import Encoding
from pairloom.operators.text.front import Front
from pairloom.operators.text.front.pieces import Pieces
from pairloom.operators.text.front.reading import MARKER
from pairloom.operators.vocabulary.file_merges import NO_MERGES, FileMerges
from pairloom.operators.vocabulary.shape import parse_tokenizer_json

__all__ = ["CharacterBPE", "CharacterTables"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CharacterBPE(Fronted):
    """Merges of pairs of tokens, from the characters of a text on, with U+2581 for spaces."""

    name: ClassVar[str] = "character_bpe"
    encoding: ClassVar[Encoding] = CharacterBPELearner.encoding
    types: ClassVar[tuple[str, ...]] = ("BPE",)
    kernels: ClassVar[tuple[str, ...]] = (
        "encode.kernels:places",
        "encode.kernels:runs",
        "models.character_bpe.kernels",
        "text.front.kernels",
    )
    as_pieces: ClassVar[bool] = True
    nearest_gguf: ClassVar[tuple[str, str]] = ("llama", "scores instead of ranks")

    @classmethod
    def refuses(cls, file: TokenizerFile, front: Front) -> str | None:
        """What is BPE over bytes, and options by which a text may not be cut where no merge reaches."""
        model = file.document["model"]
        words: Mapping[str, int] = model["vocab"]
        if front.parted:
            return file.why
        for key in ("continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"):
            if model.get(key):
                return f"its model has {key}={model[key]!r}"
        falls = bool(model.get("byte_fallback"))
        named = [words[name] for byte in range(256) if falls and (name := f"<0x{byte:02X}>") in words]
        whole = falls and len(byte_tokens(words)) == 256
        if named and not whole:
            return f"its model has byte_fallback, and tokens for {len(named)} of 256 bytes"
        if front.marker and MARKER not in words:
            return f"its spaces become {MARKER!r}, which is no token"
        if not whole and model.get("unk_token") is None:
            return "its model leaves out what it has no token for"
        if max(words.values()) >= MOST_IDS:
            return f"it has ids past {MOST_IDS}"
        merges = model.get("merges") or NO_MERGES
        if not isinstance(merges, FileMerges):
            return "its merges are not pairs of tokens"
        special = {*named, *(words[one] for one in (model.get("unk_token"),) if one in words)}
        ids = np.fromiter(words.values(), np.int64, len(words))
        if np.isin(ids[merges.sides], list(special)).any():
            return "it has merges of tokens of bytes, or of the unknown token"
        return None

    def compiled(self, entries: Entries) -> "CharacterTables":
        """Takes some seconds for half a million merges."""
        return CharacterTables(self, entries.dtype)


class CharacterTables(FrontedTables):
    """The merges of a file laid out; pickled, it is the file that travels."""

    def __init__(self, model: CharacterBPE, dtype: "np.dtype[Any]") -> None:
        super().__init__(model.library(dtype), model.front)
        self._model, self._dtype = model, dtype
        found = parse_tokenizer_json(model.data)["model"]
        words: dict[str, int] = found["vocab"]
        spelled = list(words)
        if model.front.marker:
            # A space stands for the mark, and no text has a space.
            words = {word.replace(MARKER, " "): i for word, i in words.items() if " " not in word}
            words[MARKER] = words[" "]
            spelled = [word.replace(MARKER, " ") for word in spelled]
        sides = (found.get("merges") or NO_MERGES).sides
        self._table = CharacterTable.of(
            words,
            [
                (spelled[left], spelled[right])
                for left, right in sides.tolist()
                if spelled[left] in words and spelled[right] in words
            ],
            unknown=words.get(found.get("unk_token") or "", 0),
            fuses=bool(found.get("fuse_unk")),
            falls_back=bool(found.get("byte_fallback")) and len(byte_tokens(words)) == 256,
            parted=model.front.cut == "marker",
        )
        self._lengths = np.zeros(max(words.values()) + 1, np.uint32)
        for word, i in words.items():
            if not model.front.marker or word != MARKER:  # which the space stands for
                self._lengths[i] = len(word.encode())

    def __reduce__(self) -> tuple[Any, ...]:
        return CharacterTables, (self._model, self._dtype)

    def kernel(self) -> WordKernel:
        """See `FrontedTables`."""
        return self._table.kernel()

    def apart_kernel(self) -> WordKernel:
        """See `FrontedTables`."""
        return self._table.with_bytes(len(self._lengths) + np.arange(256, dtype=np.uint32)).kernel()

    def place(self, values: npt.NDArray[np.uint32], segments: Segments, cuts: Cuts) -> Located:
        """See `FrontedTables`."""
        table = self._table
        side = Side(
            lengths=self._lengths,
            unknown=table.unknown,
            byte_ids=table.byte_ids.tolist() if table.falls_back else (),
            fuses=table.fuses,
            spaced=self.front.cut == "marker",
        )
        return side.place(values, segments)

    def pieces(self) -> tuple[Pieces, Callable[[str], None]]:
        """Cuts where no merge reaches."""
        return Pieces(self._table.classes, self._table.apart), lambda _: None
