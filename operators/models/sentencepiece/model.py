"""Models of SentencePiece as a family: `.model` files by kernels with their owner's ids."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models import (
    Compiled,
    Entries,
    Model,
    OtherModelError,
    Read,
    ScoredPieces,
    TokenizerFile,
)
from pairloom.operators.models.sentencepiece import file as f
from pairloom.operators.models.sentencepiece.document import document_of
from pairloom.operators.speeds import Encoding
from pairloom.operators.text.spelling import check_special_token
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["SentencePiece"]

_KEY = "sentencepiece"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SentencePiece(Model):
    """The `.model` file whose bytes are `data`; in a `tokenizer.json`, it is kept under `model.pairloom`."""

    name: ClassVar[str] = "sentencepiece"
    encoding: ClassVar[Encoding] = Encoding(
        first=81, later=220
    )  # measured: a BPE of 32,768 pieces, English prose
    types: ClassVar[tuple[str, ...]] = ("BPE", "Unigram")
    kernels: ClassVar[tuple[str, ...]] = (
        "encode.kernels:runs",
        "models.character_bpe.kernels",  # of a file that is a BPE
        "models.sentencepiece.kernels",
        "text.front.kernels",
    )
    by_words: ClassVar[bool] = False
    spells: ClassVar[bool] = False
    located: ClassVar[bool] = True
    nearest_gguf: ClassVar[tuple[str, str]] = ("llama", "scores instead of ranks")

    data: bytes

    @property
    def identity(self) -> bytes:
        """The file."""
        return self.data

    @property
    def piece_file(self) -> bytes:
        """The file."""
        return self.data

    def scored_pieces(self, entries: Entries) -> ScoredPieces | None:
        """Those of a Unigram that are normal, and not special."""
        model = f.read_model(self.data)
        if model.family != "unigram":
            return None
        stays = {i for i, piece in enumerate(model.pieces) if piece.kind != f.NORMAL} | {*entries.special_ids}
        texts = [None if i in stays else piece.text for i, piece in enumerate(model.pieces)]
        return ScoredPieces(texts, [piece.score for piece in model.pieces])

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """A file that this wrote; raises DataError where its parts differ."""
        extras = file.document["model"].get("pairloom") or {}
        if not isinstance(extras, dict) or _KEY not in extras:
            raise OtherModelError(file.why)
        try:
            data = base64.b64decode(extras[_KEY], validate=True)
        except (TypeError, binascii.Error) as error:
            raise DataError(f"model.pairloom.{_KEY} of this tokenizer.json is no base64: {error}") from error
        found = cls.read_model(data, extras.get("golden") or [])
        wanted = document_of(f.read_model(data))["model"]
        there = json.loads(file.data)["model"]
        if (
            changed := next((key for key, value in wanted.items() if there.get(key) != value), None)
        ) is not None:
            raise DataError(
                f"model.{changed} of this tokenizer.json is not that of the SentencePiece model in model.pairloom; remove "
                "model.pairloom to read the file as `tokenizers` does"
            )
        return found

    @classmethod
    def is_own(cls, data: bytes) -> bool:
        """A `.model` file: it begins as no JSON does."""
        return f.is_model(data)

    @classmethod
    def read_own(cls, data: bytes) -> Read:
        """See `read_model`."""
        return cls.read_model(data)

    @classmethod
    def read_model(cls, data: bytes, golden: Any = ()) -> Read:
        """What a `.model` file holds; raises DataError for a damaged one, RecipeError for one that is not encoded here."""
        model = f.read_model(data)
        if model.family == "word":
            raise RecipeError(
                "this SentencePiece model is of the type word, which is not encoded here: train it as unigram, bpe or char"
            )
        special = list(model.of_kind(f.UNKNOWN, f.CONTROL))
        for _, piece in special:
            check_special_token(piece.text)
        return Read(
            {
                "tokens": TokenTable.of([piece.text.encode() for piece in model.pieces]),
                "special_tokens": tuple(piece.text for _, piece in special),
                "special_ids": tuple(i for i, _ in special),
                "model": cls(data=data),
            },
            golden,
        )

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """A `tokenizer.json` that `tokenizers` opens too, with ids that may differ where it does other than SentencePiece."""
        document = document_of(f.read_model(self.data))
        document["model"]["pairloom"] = {
            "family": self.name,
            _KEY: base64.b64encode(self.data).decode(),
            "golden": golden(),
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def compiled(self, entries: Entries) -> Compiled:
        """Takes some seconds for half a million merges."""
        from pairloom.operators.models.sentencepiece.tables import PieceTables

        return PieceTables(self.data)
