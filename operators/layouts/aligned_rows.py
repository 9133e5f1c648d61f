"""Rows beside another vocabulary's tokens of the same text, in chunks: cross-tokenizer distillation (Minixhofer et al., 2025).

input_ids    un   related  ly   ␣words  <eos>       chunk         0 0 0 1 2
other_ids    unrel  atedly      ␣words  </s>        other_chunk   0 0   1 2

Tokens of one chunk are the same bytes on both sides, and no smaller chunks are: what a teacher and a student say of them can be
compared, whatever their vocabularies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.evaluate.biases import Biases
from pairloom.operators.evaluate.chunks import chunk_edges, chunk_numbers
from pairloom.operators.evaluate.placed import is_placed
from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._counts import file_hash
from pairloom.operators.layouts._rows import matrix_of, segment_edges, with_columns
from pairloom.operators.schema import INPUT_IDS, Column
from pairloom.operators.steps import step_identity

__all__ = ["AlignedRows", "chunks_of"]

INT = np.dtype(np.int32)
CHUNK = Column(
    name="chunk", dtype=INT, pad=-1, doc="which chunk of its row a token is of, from 0 on; -1 for one of none"
)
OTHER_IDS = Column(
    name="other_ids",
    dtype=np.dtype(np.uint32),
    of="row",
    doc="the row's text in tokens of the other vocabulary, then 0",
)
OTHER_CHUNK = Column(
    name="other_chunk",
    dtype=INT,
    pad=-1,
    of="row",
    doc="which chunk each of other_ids is of, -1 for none and behind them",
)
OTHER_LEFT_OUT = Column(
    name="other_left_out",
    dtype=np.dtype(np.uint32),
    of="row",
    doc="how many tokens of other_ids had no room, one number a row",
)


class Tables(NamedTuple):
    """Both vocabularies, what special tokens become, and the biases of pairs."""

    tokens: Any
    special: dict[int, int]
    other: Any
    biases: Biases | None


_NONE = np.zeros(0, np.int64)


class _Piece(NamedTuple):
    """A part of a row from place `begin` on: a special token that becomes `mapped`, or a run of ordinary ones.

    `edges` are where the tokens of a run begin and end in `text`, which is without the characters that are cut at its edges.
    """

    row: int
    begin: int
    edges: npt.NDArray[np.int64]
    text: str | None
    mapped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedRows(RowStep):
    """Tokens of another vocabulary beside those of each row, and which of both are the same text: chunks (ALM).

    `tokenizer` is the path of the other `tokenizer.json`. Adds `chunk` beside tokens, and of `width` values each `other_ids`
    and `other_chunk`; what has no room in `width` is of no chunk, and `other_left_out` counts it. A chunk ends where a token of
    both ends, with `mode: space` only before a space or where text ends. Special tokens become those of the other vocabulary
    of the same name, or the one that `special` says ("<|endoftext|>=</s>"), one to one; others have none. So have characters
    that a row has only a part of. With `biases`, a table that `pairloom align --biases` writes, chunks whose last tokens have
    a larger bias than `threshold` are none.
    """

    name: ClassVar[str] = "aligned_rows"
    source: ClassVar[str] = "Minixhofer et al., 2025, arXiv:2503.20083"
    columns: ClassVar[tuple[Column, ...]] = (CHUNK, OTHER_IDS, OTHER_CHUNK, OTHER_LEFT_OUT)

    tokenizer: str
    width: int = 2048
    mode: str = "unconstrained"
    special: tuple[str, ...] = ()
    biases: str | None = None
    threshold: float = 0.1

    def __post_init__(self) -> None:
        if not self.tokenizer:
            raise ValueError("tokenizer must be the path of a tokenizer.json")
        if not 1 <= self.width < 1 << 20:
            raise ValueError(f"width must be from 1 to 2^20 - 1 tokens, not {self.width}")
        if self.mode not in ("unconstrained", "space"):
            raise ValueError(f"mode must be unconstrained or space, not {self.mode!r}")
        if wrong := [pair for pair in self.special if not all(pair.partition("="))]:
            raise ValueError(f"special must be pairs as <|endoftext|>=</s>, not {wrong[0]!r}")
        if self.threshold < 0:
            raise ValueError(f"threshold must not be negative, and is {self.threshold:g}")

    @property
    def files(self) -> Mapping[str, str]:
        """The other vocabulary, and the biases."""
        return {"tokenizer": self.tokenizer} | ({"biases": self.biases} if self.biases is not None else {})

    def identity(self) -> object:
        """Its keys, and what the files hold that it names."""
        return {**step_identity(self), "files": [file_hash(path) for path in self.files.values()]}

    def prepare(self, tokenizer: Any) -> Tables:
        """Both vocabularies; raises ValueError for a file that there is not, and for tokens that are not the bytes of a text."""
        from pairloom.operators.encode.tokenizer import Tokenizer
        from pairloom.operators.vocabulary import Vocabulary

        for key, path in self.files.items():
            if not Path(path).is_file():  # of a folder, nobody would see that what it holds has changed
                raise ValueError(f"{key} must be a file, and there is no {path}")
        other = Vocabulary.load(self.tokenizer)
        if not tokenizer.model.spells:
            raise ValueError(
                "tokens of rows must be the bytes of their texts, which are encoded once more: this vocabulary is of the model "
                f"{tokenizer.model.name!r}"
            )
        if not is_placed(other):
            raise ValueError(
                f"tokenizer must know where in a text its tokens are: {self.tokenizer} is of the model {other.model.name!r}"
            )
        if other.normalizer != "none":
            raise ValueError(
                f"tokenizer must take text as it is: {self.tokenizer} normalizes it ({other.normalizer}), and has other bytes"
            )
        names = {token: token for token in tokenizer.reserved_tokens if token in other.special_tokens}
        names |= dict(pair.split("=", 1) for pair in self.special)
        special = {tokenizer.special_id(one): other.special_id(two) for one, two in names.items()}
        special |= {i: -1 for i in tokenizer.reserved_ids if i not in special}
        biases = None
        if self.biases is not None:
            import pyarrow.parquet as pq

            biases = Biases.read(pq.read_table(self.biases))
        return Tables(tokenizer.tokens, special, Tokenizer(other).prepared(), biases)

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with the tokens of the other vocabulary."""
        ids = matrix_of(rows, INPUT_IDS)
        pieces = _pieces(rows, ids, tables)
        texts = pa.array([piece.text for piece in pieces if piece.text is not None], pa.large_string())
        encoded = zip(*(column for column in tables.other.encode(texts, offsets=True)), strict=True)
        made: list[list[_Both]] = [[] for _ in range(len(ids))]
        for piece in pieces:
            if piece.text is None:
                theirs, one = np.array([piece.mapped]), np.zeros(1, np.int64)
                made[piece.row].append(_Both(piece.begin, one, theirs, one))
            else:
                theirs, ends = (np.array(column.values, np.int64) for column in next(encoded))
                made[piece.row].append(self._chunks(piece, ids[piece.row], theirs, ends, tables.biases))
        return with_columns(rows, self.columns, self._columns(made, ids.shape[1]))

    def _chunks(
        self,
        piece: "_Piece",
        ids: npt.NDArray[Any],
        theirs: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        biases: Biases | None,
    ) -> "_Both":
        """The chunks of a piece by both tokenizations, without those that are biased."""
        text = (piece.text or "").encode()
        edges = np.concatenate([[0], np.maximum.accumulate(ends)])
        if len(ends):  # white space at the end may be in no token
            edges[-1] = len(text)
        common = chunk_edges(piece.edges, edges, mode=self.mode, text=text)
        ours, beside = chunk_numbers(piece.edges, common), chunk_numbers(edges, common)
        if biases is not None and len(common) > 1:
            last = [np.searchsorted(of, common[1:], "right") - 2 for of in (piece.edges, edges)]
            pair = ids[piece.begin + last[0]].astype(np.int64), theirs[last[1]]
            kept = biases.of(*pair) <= self.threshold
            ours, beside = (_without(of, kept) for of in (ours, beside))
        return _Both(piece.begin, ours, theirs, beside)

    def _columns(
        self, made: "list[list[_Both]]", seq_len: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """The columns of rows of pieces; chunks are numbered by row, and those that have no room are none."""
        chunk, other_chunk = (np.full((len(made), wide), -1, INT) for wide in (seq_len, self.width))
        other = np.zeros((len(made), self.width), np.uint32)
        left_out = np.zeros((len(made), 1), np.uint32)
        for row, pieces in enumerate(made):
            used = count = 0
            whole = []
            for piece in pieces:
                whole.append(np.where(piece.beside < 0, -1, piece.beside + count))
                chunk[row, piece.begin : piece.begin + len(piece.ours)] = np.where(
                    piece.ours < 0, -1, piece.ours + count
                )
                room = max(0, self.width - used)
                other[row, used : used + len(piece.theirs)] = piece.theirs[:room]
                used += len(piece.theirs)
                count += int(piece.ours.max(initial=-1)) + 1
            beside = np.concatenate([np.zeros(0, np.int64), *whole])
            if used > self.width:
                lost = np.unique(beside[self.width :])
                beside[np.isin(beside, lost)] = -1
                chunk[row, np.isin(chunk[row], lost)] = -1
                left_out[row] = used - self.width
            other_chunk[row, : min(used, self.width)] = beside[: self.width]
        return chunk, other, other_chunk, left_out


def chunks_of(chunk: npt.NDArray[np.int32], other_chunk: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The chunks of a row as `chunks_between` has them: int32[m, 4], tokens i0 to i1 and j0 to j1 of the other.

    >>> chunks_of(np.array([0, 0, -1, 1, -1]), np.array([0, 1, 1, -1])).tolist()
    [[0, 2, 0, 1], [3, 4, 1, 3]]
    """
    many = np.arange(1 + int(chunk.max(initial=-1)))
    edges = []
    for one in (chunk, other_chunk):
        place = np.flatnonzero(one >= 0)
        first, last = (np.searchsorted(one[place], many, side) for side in ("left", "right"))
        edges += [place[first], place[last - 1] + 1]
    return np.stack(edges, 1).astype(np.int32).reshape(-1, 4)


class _Both(NamedTuple):
    """A piece from place `begin` of its row on: the chunk of each of its tokens, the other's tokens, and the chunks of those."""

    begin: int
    ours: npt.NDArray[np.int64]
    theirs: npt.NDArray[np.int64]
    beside: npt.NDArray[np.int64]


def _pieces(rows: pa.RecordBatch, ids: npt.NDArray[Any], tables: Tables) -> list[_Piece]:
    """The special tokens of rows that have another beside them, and the runs of tokens between special ones."""
    segments, lengths = segment_edges(rows)
    special = np.isin(ids, list(tables.special))
    found = []
    for row in range(len(ids)):
        ends = np.cumsum(lengths[segments[row] : segments[row + 1]]).tolist()
        for low, high in zip([0, *ends[:-1]], ends, strict=True) if ends else ():
            cuts = np.flatnonzero(special[row, low:high]) + low
            begin = low
            for cut in [*cuts.tolist(), high]:
                if begin < cut:
                    found.append(_run(row, begin, ids[row, begin:cut], tables.tokens))
                if cut < high and (mapped := tables.special[int(ids[row, cut])]) >= 0:
                    found.append(_Piece(row=row, begin=cut, edges=_NONE, text=None, mapped=mapped))
                begin = cut + 1
    return [piece for piece in found if piece is not None]


def _run(row: int, begin: int, ids: npt.NDArray[Any], tokens: Any) -> _Piece | None:
    """A run of ordinary tokens; None where their bytes are no text even without the characters that are cut."""
    spelled = [tokens[i] for i in ids.tolist()]
    data = b"".join(spelled)
    first = next((at for at in range(min(4, len(data))) if data[at] & 0xC0 != 0x80), 0)
    for last in range(len(data), max(first, len(data) - 4), -1):
        try:
            text = data[first:last].decode()
        except UnicodeDecodeError:
            continue
        edges = np.cumsum([0, *map(len, spelled)], dtype=np.int64) - first
        return _Piece(row=row, begin=begin, edges=edges, text=text, mapped=-1)
    return None


def _without(chunks: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Chunks numbered anew without some of them, whose tokens are of none."""
    number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # the last is for tokens of none
    return number[chunks]
