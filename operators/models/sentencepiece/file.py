"""The `.model` file of SentencePiece as a value."""

import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.sentencepiece.wire import fields

__all__ = [
    "BYTE",
    "CONTROL",
    "NORMAL",
    "UNKNOWN",
    "UNUSED",
    "USER",
    "ModelFile",
    "Piece",
    "is_model",
    "read_model",
]

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""Kinds of pieces."""

_FAMILIES = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}
# Most bytes of a piece, as the owner has it.
_LONGEST = 8000


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a model: what it spells, its score, as float32 has it, and its kind."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """What a `.model` says: its pieces, by id, the family, and what is done to text before."""

    pieces: tuple[Piece, ...]
    family: str
    byte_fallback: bool = False
    suffix: bool = False
    charsmap: bytes = field(default=b"", repr=False)
    dummy_prefix: bool = True
    remove_extra: bool = True
    escape: bool = True
    unk_surface: str = " \u2047 "

    @property
    def unknown(self) -> int:
        """The id of what is unknown."""
        return next(i for i, piece in enumerate(self.pieces) if piece.kind == UNKNOWN)

    @property
    def byte_ids(self) -> list[int]:
        """The ids of the 256 bytes, or none."""
        if not self.byte_fallback:
            return []
        ids = {piece.text: i for i, piece in enumerate(self.pieces) if piece.kind == BYTE}
        return [ids[f"<0x{byte:02X}>"] for byte in range(256)]

    def of_kind(self, *kinds: int) -> Iterator[tuple[int, Piece]]:
        """The pieces of some kinds, with their ids."""
        return ((i, piece) for i, piece in enumerate(self.pieces) if piece.kind in kinds)


def is_model(data: bytes) -> bool:
    """Whether a file is such a model rather than JSON, which has no such characters."""
    return data[:1] == b"\n" and re.search(rb"[\x00-\x08\x0e-\x1f]", data[:64]) is not None


def read_model(data: bytes) -> ModelFile:
    """What a `.model` file has; raises DataError for one that is cut or wrong, RecipeError for what is not encoded here."""
    pieces: list[Piece] = []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    try:
        for number, value, at in fields(data):
            if number == 1 and isinstance(value, bytes):
                pieces.append(_piece(value, len(pieces), at))
            elif number in (2, 3) and isinstance(value, bytes):
                into = trainer if number == 2 else normalizer
                into.update((key, one) for key, one, _ in fields(value))
    except DataError as error:
        raise DataError(f"this SentencePiece model is damaged: {error}") from error
    family = _FAMILIES.get(trainer.get(3, 1))
    if family is None:
        raise _damaged(f"its model_type is {trainer[3]}")
    found = ModelFile(
        pieces=tuple(pieces),
        family=family,
        byte_fallback=bool(trainer.get(35, False)),
        suffix=bool(trainer.get(24, False)),
        charsmap=_bytes(normalizer, 2),
        dummy_prefix=bool(normalizer.get(3, True)),
        remove_extra=bool(normalizer.get(4, True)),
        escape=bool(normalizer.get(5, True)),
        unk_surface=_bytes(trainer, 44).decode("utf-8", "replace") if 44 in trainer else " \u2047 ",
    )
    _check(found)
    return found


def _bytes(message: Mapping[int, Any], key: int) -> bytes:
    found = message.get(key, b"")
    if not isinstance(found, bytes):
        raise _damaged(f"field {key} of its options is no string")
    return found


def _piece(data: bytes, number: int, at: int) -> Piece:
    text, score, kind = b"", 0.0, NORMAL
    for key, value, _ in fields(data):
        if key == 1 and isinstance(value, bytes):
            text = value
        elif key == 2 and isinstance(value, float):
            score = value
        elif key == 3 and isinstance(value, int):
            kind = value
    try:
        spelled = text.decode()
    except UnicodeDecodeError:
        raise DataError(f"byte {at}: piece {number}, {text!r}, is not UTF-8") from None
    if not math.isfinite(score):
        raise DataError(f"byte {at}: the score of piece {number}, {spelled!r}, is {score}")
    if not 1 <= kind <= BYTE:
        raise DataError(f"byte {at}: piece {number}, {spelled!r}, is of kind {kind}")
    if not spelled or "\0" in spelled or len(text) >= _LONGEST:
        raise DataError(f"byte {at}: piece {number} is empty, has a NUL, or {_LONGEST} bytes or more")
    return Piece(spelled, score, kind)


def _check(model: ModelFile) -> None:
    """Raise DataError for what the owner refuses too, and RecipeError for what is not encoded here."""
    if not model.pieces:
        raise _damaged("it has no pieces")
    seen: dict[tuple[str, bool], int] = {}
    for i, piece in enumerate(model.pieces):
        key = (piece.text, piece.kind in (NORMAL, USER, UNUSED))
        if (other := seen.setdefault(key, i)) != i:
            raise _damaged(f"its pieces {other} and {i} are both {piece.text!r}")
    unknown = list(model.of_kind(UNKNOWN))
    if len(unknown) != 1:
        raise _damaged(f"it has {len(unknown)} pieces for what is unknown, and needs one")
    spelled = {piece.text for _, piece in model.of_kind(BYTE)}
    wanted = {f"<0x{byte:02X}>" for byte in range(256)} if model.byte_fallback else set()
    if spelled != wanted:
        raise _damaged(
            f"it has pieces for {len(spelled)} bytes, and byte_fallback={str(model.byte_fallback).lower()}"
        )
    if model.charsmap:
        size = struct.unpack("<I", model.charsmap[:4])[0] if len(model.charsmap) > 4 else 0
        if not 4 <= size <= len(model.charsmap) - 4 or size % 4:
            raise _damaged(
                f"its precompiled_charsmap of {len(model.charsmap)} bytes says that {size} are a table"
            )
    if model.family == "bpe" and (unused := next(model.of_kind(UNUSED), None)) is not None:
        raise RecipeError(
            f"this SentencePiece model has pieces that are not to be used, as {unused[1].text!r}"
        )
    if (
        model.escape
        and model.byte_fallback
        and all(one.text != "\u2581" for _, one in model.of_kind(NORMAL, USER))
    ):
        raise RecipeError(
            "this SentencePiece model falls back to bytes for U+2581, the space, which is no piece of it; add that piece"
        )
    if model.family == "bpe":
        _check_merges(model)


def _check_merges(model: ModelFile) -> None:
    """Raise RecipeError where merges need what is no piece."""
    there = {piece.text for _, piece in model.of_kind(NORMAL)}
    for i, piece in model.of_kind(NORMAL):
        if len(piece.text) < 2:
            continue
        if (lacks := next((one for one in piece.text if one not in there), None)) is not None:
            raise RecipeError(
                f"the piece {i} of this SentencePiece model, {piece.text!r}, has {lacks!r}, which is no piece"
            )


def _damaged(why: str) -> DataError:
    return DataError(f"this SentencePiece model is damaged: {why}")
