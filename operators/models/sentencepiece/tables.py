"""A SentencePiece model laid out for encoding and decoding."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.encoder import TABLE_BYTES, Cuts, Encoder, WordKernel
from pairloom.operators.encode.kernels import state as k
from pairloom.operators.encode.located import surrounded
from pairloom.operators.encode.spans import opened
from pairloom.operators.encode.special import Strings
from pairloom.operators.models import Located
from pairloom.operators.models.character_bpe.tables import CharacterTable
from pairloom.operators.models.sentencepiece import file as f
from pairloom.operators.models.sentencepiece.decoding import Decoding
from pairloom.operators.models.sentencepiece.kernels.normalize import DUMMY, ESCAPE, REMOVE, SUFFIX
from pairloom.operators.models.sentencepiece.locating import Origin, located_pieces
from pairloom.operators.models.sentencepiece.normal import Rules
from pairloom.operators.models.sentencepiece.words import SumTable, cuts_of
from pairloom.operators.models.unigram.tables import UnigramTable
from pairloom.operators.schema import dtype_for
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.front.pieces import Pieces

__all__ = ["MARKER", "PieceEncoder", "PieceTables"]

MARKER = "\u2581"
# By how much a character without a piece is worse than the worst piece, as the owner has it.
_PENALTY = np.float32(10.0)
_APART_BYTES = 16 << 20  # for the words of texts whose tokens are asked for with their places


class PieceTables:
    """The tables of a `.model` (`Compiled`); pickled, it is the file that travels."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.model = model = f.read_model(data)
        self.dtype = dtype_for(len(model.pieces))
        flags = ((REMOVE, model.remove_extra), (DUMMY, model.dummy_prefix), (SUFFIX, model.suffix))
        user = [piece.text for _, piece in model.of_kind(f.USER)]
        self.rules = Rules.of(
            model.charsmap,
            user,
            does=sum(bit for bit, there in (*flags, (ESCAPE, model.escape)) if there),
        )
        self._decoding = Decoding(model)
        self._table = self._bpe() if model.family != "unigram" else SumTable(self._unigram())

    def __reduce__(self) -> tuple[Any, ...]:
        return PieceTables, (self._data,)

    def kernel(self) -> WordKernel:
        """How a text, or a part of one, is encoded."""
        return self._table.kernel()

    def apart_kernel(self) -> WordKernel:
        """As `kernel`, but that each byte of what no piece spells is a token, from `len(pieces)` on."""
        ids = len(self.model.pieces) + np.arange(256, dtype=np.uint32)
        return self._table.with_bytes(ids).kernel()

    def pieces(self) -> Cuts:
        """Cuts where no piece reaches, so that merges or ways to spell a text are put together of those of its parts."""
        if isinstance(self._table, CharacterTable):
            return Pieces(self._table.classes, self._table.apart)
        spelled = [self.spelled(piece) for _, piece in self.model.of_kind(f.NORMAL, f.USER)]
        return cuts_of(spelled, falls_back=self.model.byte_fallback)

    def encoder(self, *, memo: Any = None, table_bytes: int = TABLE_BYTES) -> "PieceEncoder":
        """A new encoder; its table of words begins empty."""
        return PieceEncoder(self, table_bytes)

    def memorized(self, words: Any) -> Any:
        """Nothing: parts are cut from normalized text, which is not counted."""
        return None

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text that the owner makes of ids."""
        return self._decoding.decode(values, offsets)

    def spelled(self, piece: f.Piece) -> str:
        """How a piece is spelled in normalized text; empty where no normalized text has it."""
        if not self.model.escape:
            return piece.text
        return "" if " " in piece.text else piece.text.replace(MARKER, " ")

    def _unigram(self) -> UnigramTable:
        model = self.model
        scores = np.array([piece.score for _, piece in model.of_kind(f.NORMAL)], np.float32)
        least = scores.min(initial=np.finfo(np.float32).max)

        def score(piece: f.Piece) -> float:
            # Symbols of the user are better than most pieces, the longer the better.
            return (
                float(np.float32(0.1 * (len(piece.text.encode()) - 1)))
                if piece.kind == f.USER
                else piece.score
            )

        there = (f.NORMAL, f.USER)
        return UnigramTable.of(
            [
                (self.spelled(piece).encode() if piece.kind in there else b"", score(piece))
                for piece in model.pieces
            ],
            unknown=model.unknown,
            byte_ids=model.byte_ids,
            narrow=True,
            penalty=float(least - _PENALTY),
        )

    def _bpe(self) -> CharacterTable:
        model = self.model
        words: dict[str, int] = {}
        order: list[tuple[float, str]] = []
        for i, piece in model.of_kind(f.NORMAL):
            if spelled := self.spelled(piece):
                words[spelled] = i
                order.append((-piece.score, spelled))
        for i, piece in enumerate(model.pieces):
            # The owner looks for what is no piece of text first.
            spelled = self.spelled(piece)
            if piece.kind not in (f.NORMAL, f.USER) and (len(spelled) == 1 or spelled in words):
                words[spelled] = i
        order.sort(key=lambda one: one[0])
        merges = [
            (score, word[:i], word[i:])
            for score, word in (order if model.family == "bpe" else ())
            for i in range(1, len(word))
            if word[:i] in words and word[i:] in words
        ]
        at = {score: i for i, score in enumerate(sorted({score for score, _, _ in merges}))}
        return CharacterTable.of(
            words,
            [(left, right) for _, left, right in merges],
            unknown=model.unknown,
            fuses=True,
            falls_back=model.byte_fallback,
            byte_ids=model.byte_ids,
            ranks=[at[score] for score, _, _ in merges],
        )


class PieceEncoder:
    """Encodes texts, for one thread at a time; memory as of `Encoder`."""

    def __init__(self, tables: PieceTables, table_bytes: int) -> None:
        self._tables = tables
        model = tables.model
        bpe = model.family != "unigram"
        self._encoder = Encoder(
            tables.kernel(), pretokenizer=tables.pieces(), dtype=tables.dtype, table_bytes=table_bytes
        )
        control = [(piece.text, i, piece.text) for i, piece in model.of_kind(f.CONTROL)]
        self._control = Strings(control)
        self._names = frozenset(name for name, _, _ in control)
        # Of a Unigram, they are pieces as the others, with a score that all but outdoes these.
        user = [(tables.spelled(piece), i, "") for i, piece in model.of_kind(f.USER)] if bpe else []
        self._user = Strings(user)
        self._apart: Encoder | None = None  # made when it is asked for
        self._apart_bytes = min(table_bytes, _APART_BYTES) if bpe else 0

    @property
    def statistics(self) -> Mapping[str, int]:
        """As of `Encoder`."""
        return self._encoder.statistics

    def encode_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """See `TextEncoder`: what stands between special tokens is encoded as a text by itself."""
        text, kinds = opened(texts)
        if wanted:
            text, kinds = self._control.cut(text, kinds, self._names - set(wanted))
        text = self._tables.rules.normalize(text, (kinds >= 0) | (kinds == k.NULL))
        if self._user:
            text, kinds = self._user.cut(text, kinds, ())
        return self._encoder.encode(
            text,
            kinds=kinds,
            documents=len(texts),
            prepend=prepend,
            append=append,
            missing_bytes=missing_bytes,
        )

    def locate_texts(
        self,
        texts: pa.Array,
        *,
        wanted: Collection[str],
        prepend: npt.NDArray[np.uint32],
        append: npt.NDArray[np.uint32],
        missing_bytes: str,
        special: pa.LargeListArray | None = None,
        special_ids: Mapping[str, int] = {},
    ) -> Located:
        """See `LocatingEncoder`: as SentencePiece says, of which a token of a byte has no text but for the last of a character."""
        tables, model = self._tables, self._tables.model
        text, kinds = opened(texts, special, special_ids)
        if wanted:
            text, kinds = self._control.cut(text, kinds, self._names - set(wanted))
        normal = tables.rules.locate(text, (kinds >= 0) | (kinds == k.NULL))
        size = len(model.pieces)
        # Of all tokens that are encoded here, those in the places of special ones have numbers of their own.
        inside = np.where(kinds >= 0, kinds + 2 * (size + 256), kinds).astype(np.int32)
        made = normal.text
        if self._user:
            made, inside = self._user.cut(made, inside, ())
        if self._apart is None:
            self._apart = Encoder(
                tables.apart_kernel(),
                pretokenizer=tables.pieces(),
                dtype=np.dtype(np.uint32),
                table_bytes=self._apart_bytes,
            )
        nothing = np.zeros(0, np.uint32)
        values, lists = self._apart.encode(
            made, kinds=inside, documents=len(texts), prepend=nothing, append=nothing
        )
        lengths = [len(tables.spelled(piece).encode()) for piece in model.pieces]
        origin = Origin(
            first=text_of(texts).offsets[:-1],
            text=text,
            kinds=kinds,
            normal=normal,
            lengths=np.array([*lengths, *[1] * 256, *[0] * size], np.int64),
        )
        byte_ids = np.array(model.byte_ids, np.uint32)
        found = located_pieces(values, lists, origin, byte_ids, model.unknown, size)
        return surrounded(found, kinds, prepend, append, tables.dtype)
