"""Span corruption (Raffel et al., 2020, arXiv:1910.10683): spans of a row become sentinels, and are to be written out.

    input_ids   thank you for inviting me to your party last week
    inputs      thank you <extra_id_0> me to your party <extra_id_1> week </s>
    labels      <extra_id_0> for inviting <extra_id_1> last </s>

UL2 (Tay et al., 2022, arXiv:2205.05131) draws one of several denoisers for each row, ByT5 (Xue et al., 2022,
arXiv:2105.13626) takes the last ids of its vocabulary for sentinels, whatever these stand for.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import (
    given_rows,
    ids_of,
    matrix_of,
    segment_edges,
    with_columns,
    with_ids,
)
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.layouts.kernels.span_corruption import Denoisers, Marks, corrupt_spans, splice_spans
from pairloom.operators.schema import PAD_ID, Column, file_facts
from pairloom.operators.steps import in_53rds

__all__ = ["UL2", "Denoiser", "SpanCorruption", "Tables", "raw_length", "span_lengths"]

INPUTS = Column(
    name="inputs",
    dtype=np.dtype(np.uint32),
    of="row",
    doc="the row with a sentinel for each span that is to be predicted",
)
LABELS = Column(
    name="labels",
    dtype=np.dtype(np.int32),
    pad=int(IGNORED),
    of="row",
    doc="each sentinel with the span that it stands for, -100 behind them",
)
LONGEST = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Denoiser:
    """One way to corrupt rows: a share `rate` of them in spans of `mean_span` tokens, or one span at the end where that is None.

    `mode` is a special token that stands before inputs of this kind; rows are drawn by `weight`.
    """

    rate: float
    mean_span: float | None = 3.0
    mode: str | None = None
    weight: float = 1.0


UL2 = (
    Denoiser(rate=0.15, mean_span=3, mode="[R]"),
    Denoiser(rate=0.15, mean_span=8, mode="[R]"),
    Denoiser(rate=0.25, mean_span=None, mode="[S]"),
    Denoiser(rate=0.5, mean_span=3, mode="[X]"),
    Denoiser(rate=0.5, mean_span=8, mode="[X]"),
    Denoiser(rate=0.15, mean_span=64, mode="[X]"),
    Denoiser(rate=0.5, mean_span=64, mode="[X]"),
)
"""The seven denoisers of UL2: regular, sequential and extreme."""


def span_lengths(tokens: int, rate: float, mean_span: float, *, end: bool = True) -> tuple[int, int]:
    """The tokens of inputs and of targets that span corruption makes of a row of so many tokens.

    >>> span_lengths(568, 0.15, 3.0)
    (512, 114)
    """
    noise, spans = _noise_and_spans(tokens, rate, mean_span)
    return tokens - noise + spans + end, noise + spans + end


def raw_length(inputs: int, rate: float = 0.15, mean_span: float = 3.0, *, end: bool = True) -> int:
    """The longest rows (`pack.seq_len`) of which span corruption makes inputs of no more than so many tokens.

    As in T5, where half of the tokens are noise the row is one shorter if targets would be longer than inputs.

    >>> raw_length(512), raw_length(1024, mean_span=20)
    (568, 1193)
    """
    tokens = 1
    while span_lengths(tokens + 1, rate, mean_span, end=end)[0] <= inputs:
        tokens += 1
    if rate == 0.5 and span_lengths(tokens, rate, mean_span, end=end)[1] > inputs:
        tokens -= 1
    return tokens


class Tables(NamedTuple):
    """What is known of the vocabulary: the ids of sentinels, of what ends inputs and targets, of what stands before inputs."""

    marks: Marks
    denoisers: Denoisers


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanCorruption(RowStep):
    """Spans of a row to be written out by a decoder, from what is around them: T5, ByT5, UL2.

    Adds `inputs` (uint32) and `labels` (int32, -100 on padding), of as many tokens as `span_lengths` says for full rows; rows
    with padding have fewer. `input_ids` stay as they are. All tokens of a row are one text, whatever its documents, as in T5;
    with the strategy `concat` every row is full. For inputs of 512 tokens rows have `pack.seq_len: 568` (`raw_length`).

    `rate` of the tokens, in spans of `mean_span` on average, are noise; all ways to cut a row so are alike. `denoisers` are
    several such ways, one of which is drawn for each row: a list, or `ul2` for those of that paper, by the tokens [R], [S] and
    [X]. `sentinel` is how the special tokens are spelled that stand for spans, with {} for a number, of which there are
    `sentinels`; null takes as many of the last ids of the vocabulary, the last first, as ByT5 does. `end_token` ends both.
    """

    name: ClassVar[str] = "span_corruption"
    source: ClassVar[str] = (
        "Raffel et al., 2020, arXiv:1910.10683; "
        "Xue et al., 2022, arXiv:2105.13626; "
        "Tay et al., 2022, arXiv:2205.05131"
    )
    columns: ClassVar[tuple[Column, ...]] = (INPUTS, LABELS)

    rate: float = 0.15
    mean_span: float = 3.0
    denoisers: str | tuple[Denoiser, ...] = ()
    sentinel: str | None = "<extra_id_{}>"
    sentinels: int = 100
    end_token: str | None = "</s>"  # noqa: S105  (a token of text)

    def __post_init__(self) -> None:
        _check_share("rate", self.rate)
        _check_span("mean_span", self.mean_span)
        if isinstance(self.denoisers, str) and self.denoisers != "ul2":
            raise ValueError(
                f"denoisers must be ul2, or a list of {{rate, mean_span, mode, weight}}, not {self.denoisers!r}"
            )
        for way in self.ways:
            _check_share("denoisers must have rates: rate", way.rate)
            if way.mean_span is None:
                if way.rate > 0.5:
                    raise ValueError(
                        f"denoisers must have a rate of at most 0.5 for a span at the end, not {way.rate:g}"
                    )
            else:
                _check_span("denoisers must have lengths: mean_span", way.mean_span)
            if not way.weight > 0:
                raise ValueError(f"denoisers must have weights above 0, not {way.weight:g}")
        if self.sentinel is not None and self.sentinel.count("{}") != 1:
            raise ValueError(f"sentinel must have one {{}} for a number, or be null, not {self.sentinel!r}")
        if not 1 <= self.sentinels <= 1 << 16:
            raise ValueError(f"sentinels must be from 1 to 65536, not {self.sentinels}")

    @property
    def ways(self) -> tuple[Denoiser, ...]:
        """The denoisers that rows are drawn by."""
        if self.denoisers == "ul2":
            return UL2
        assert not isinstance(self.denoisers, str)
        return self.denoisers or (Denoiser(rate=self.rate, mean_span=self.mean_span),)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The sentinels, the end, and what stands before inputs."""
        named = () if self.sentinel is None else tuple(self.sentinel.format(i) for i in range(self.sentinels))
        before = dict.fromkeys(way.mode for way in self.ways if way.mode is not None)
        return (*named, *([self.end_token] if self.end_token is not None else []), *before)

    def fits(self, seq_len: int) -> None:
        """There are sentinels enough."""
        most = max(self._spans(way, seq_len) for way in self.ways)
        if most > self.sentinels:
            raise ValueError(
                f"sentinels must be at least {most} for rows of {seq_len} tokens, not {self.sentinels}"
            )
        if seq_len < 2:
            raise ValueError("rate must leave text and noise: rows of one token cannot have both")

    def prepare(self, tokenizer: Any) -> Tables:
        """The ids of all tokens that it puts anywhere."""
        named = [] if self.sentinel is None else [self.sentinel.format(i) for i in range(self.sentinels)]
        if self.sentinel is None and self.sentinels > len(tokenizer):
            raise ValueError(f"sentinels must be at most the {len(tokenizer)} tokens of the vocabulary")
        last = len(tokenizer) - 1
        ids = [tokenizer.special_id(name) for name in named] or [last - i for i in range(self.sentinels)]
        end = -1 if self.end_token is None else tokenizer.special_id(self.end_token)
        ways = self.ways
        weights = np.cumsum([way.weight for way in ways])
        edges = [in_53rds(part) for part in (weights / weights[-1]).tolist()]
        before = [-1 if way.mode is None else tokenizer.special_id(way.mode) for way in ways]
        denoisers = Denoisers(
            edges=np.array(edges, np.uint64),
            rate=np.array([way.rate for way in ways]),
            mean_span=np.array([way.mean_span or 0.0 for way in ways]),
            token=np.array(before, np.int64),
        )
        return Tables(marks=Marks(sentinels=np.array(ids, np.uint32), end=end), denoisers=denoisers)

    def widths(self, seq_len: int) -> tuple[int, int]:
        """The tokens of `inputs` and of `labels` of rows of so many tokens: the most of any denoiser."""
        end = self.end_token is not None
        sizes = [self._lengths(way, seq_len, end=end) for way in self.ways]
        return max(size[0] for size in sizes), max(size[1] for size in sizes)

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with `inputs` and `labels`."""
        given = given_rows(rows, seed, epoch, first_row)
        widths = self.widths(given.ids.shape[1])
        pad = file_facts(rows.schema).get(PAD_ID, 0)
        inputs = np.full((len(rows), widths[0]), pad, np.uint32)
        labels = np.full((len(rows), widths[1]), IGNORED, np.int32)
        cuts = np.zeros((2, len(tables.marks.sentinels) + 1), np.int64)
        wrong = corrupt_spans(given, tables.denoisers, tables.marks, cuts, inputs, labels)
        if wrong >= 0:
            raise ValueError(
                f"sentinels must be more than {self.sentinels} for rows of {given.ids.shape[1]} tokens"
            )
        return with_columns(rows, self.columns, (inputs, labels))

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows spliced from inputs and labels; those that hold a sentinel of their own are as they stand."""
        ids = ids_of(rows)
        edges, lengths = segment_edges(rows)
        used = np.diff(np.concatenate([[0], np.cumsum(lengths)])[edges])
        inputs, labels = (matrix_of(rows, column.name).copy() for column in self.columns)
        own = np.isin(ids, tables.marks.sentinels).any(axis=1)
        before = tables.denoisers.token
        spliced = ids[~own]
        wrong = splice_spans(
            inputs[~own], labels[~own], used[~own], before[before >= 0], tables.marks, spliced
        )
        if wrong < 0:
            ids[~own] = spliced
        else:  # What does not fit together is no inverse of anything: applying the step again finds the row.
            ids[np.flatnonzero(~own)[wrong]] = 0
        return with_ids(rows.drop_columns([column.name for column in self.columns]), ids)

    def _spans(self, way: Denoiser, seq_len: int) -> int:
        return 1 if way.mean_span is None else _noise_and_spans(seq_len, way.rate, way.mean_span)[1]

    def _lengths(self, way: Denoiser, seq_len: int, *, end: bool) -> tuple[int, int]:
        if way.mean_span is not None:
            inputs, targets = span_lengths(seq_len, way.rate, way.mean_span, end=end)
        else:
            most = max(1, min(seq_len - 1, round(2 * way.rate * seq_len) - 1))
            inputs, targets = seq_len - 1 + 1 + end, most + 1 + end
        return inputs + (way.mode is not None), targets


def _noise_and_spans(tokens: int, rate: float, mean_span: float) -> tuple[int, int]:
    noise = min(max(round(tokens * rate), 1), tokens - 1)
    return (noise, max(round(min(noise, tokens - noise) / mean_span), 1)) if noise > 0 else (0, 0)


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must be above 0 and below 1, not {value:g}")


def _check_span(name: str, value: float) -> None:
    if not 1 <= value <= LONGEST:
        raise ValueError(f"{name} must be from 1 to {LONGEST}, not {value:g}")
