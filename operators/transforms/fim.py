"""Fill-in-the-middle (Bavarian et al., 2022, arXiv:2207.14255): documents in three parts, with the middle at the end.

    PSM   <prefix> prefix <suffix> suffix <middle> middle
    SPM   <prefix> <suffix> suffix <middle> prefix middle

A document of which `rate` makes an infill is cut at two places, each drawn uniformly. SPM is the form of the paper's
"variant 2", which StarCoder, Code Llama and Megatron-LM use: no other order has to be told apart from PSM by its sentinels.
"""

import sys
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.steps import in_53rds, step_identity
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams
from pairloom.operators.transforms._fim_cuts import (
    Infills,
    character_cuts,
    chunks_of,
    segments_of,
    token_cuts,
)
from pairloom.operators.transforms._pieces import beside, pieced
from pairloom.operators.transforms.kernels.fim import (
    PLAIN,
    Chunks,
    Parts,
    arrange,
    choose_modes,
    find_infilled,
)

__all__ = ["PRESETS", "FillInTheMiddle", "Sentinels", "Tables"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinels:
    """Special tokens by what they stand before; `eot`, where there is one, stands behind the middle."""

    prefix: str
    suffix: str
    middle: str
    eot: str | None = None


PRESETS = {
    "starcoder": Sentinels(prefix="<fim_prefix>", suffix="<fim_suffix>", middle="<fim_middle>"),
    "codellama": Sentinels(prefix="▁<PRE>", suffix="▁<SUF>", middle="▁<MID>", eot="▁<EOT>"),
    "deepseek": Sentinels(prefix="<｜fim▁begin｜>", suffix="<｜fim▁hole｜>", middle="<｜fim▁end｜>"),  # noqa: RUF001
    "qwen": Sentinels(prefix="<|fim_prefix|>", suffix="<|fim_suffix|>", middle="<|fim_middle|>"),
    "granite": Sentinels(prefix="<fim_prefix>", suffix="<fim_suffix>", middle="<fim_middle>"),
    "santacoder": Sentinels(prefix="<fim-prefix>", suffix="<fim-suffix>", middle="<fim-middle>"),
    "codegemma": Sentinels(
        prefix="<|fim_prefix|>", suffix="<|fim_suffix|>", middle="<|fim_middle|>", eot="<|file_separator|>"
    ),
}


class Tables(NamedTuple):
    """What is known of the vocabulary: which ids are special, and the ids of prefix, suffix, middle and perhaps eot.

    `tokenizer` decodes and encodes where documents are cut between characters; None where they are cut between tokens.
    """

    special: npt.NDArray[np.bool_]
    sentinels: npt.NDArray[np.int64]
    tokenizer: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FillInTheMiddle(TokenStep):
    """Some documents as prefix, suffix, middle, so that a model learns to fill in what is missing.

    `rate` is the share of documents, `spm_rate` that of them which put the suffix first. With level `document` a document is
    one infill; with `chunk` every `chunk_tokens` of it are drawn and cut by themselves. With `segment` each piece that a row
    will have of a document is an infill of just as many tokens: it takes `truncate: middle`, rows that cut documents at
    multiples of their length (strategies best_fit, first_fit and padded, without predict_every_token), and to be the last step.

    `split` says where text is cut: before any `character` (the parts are encoded each by itself, so that no token straddles
    a cut, as in StarCoder and Code Llama), before any `token`, at the beginning of a `line`, or around a `syntax` node of
    Python, any expression or statement being as likely (a text that is no Python is cut at characters). The special tokens that a
    document begins and ends with stay there, no cut is inside of a special token, and a document that holds a sentinel
    already stays as it is. With `truncate: middle` the middle
    loses as many tokens at its end as the infill would else be longer than its text; a middle without so many leaves the
    text as it is.

    `tokens` are a family's special tokens (starcoder, santacoder, codellama, codegemma, deepseek, qwen, granite) or their
    names: `prefix`, `suffix`, `middle` and, where one is to stand behind the middle, `eot`. Rows bring their own padding.
    """

    name: ClassVar[str] = "fim"
    source: ClassVar[str] = "Bavarian et al., 2022, arXiv:2207.14255"

    rate: float = 0.5
    spm_rate: float = 0.5
    level: Literal["document", "segment", "chunk"] = "document"
    chunk_tokens: int = 2048
    split: Literal["character", "token", "line", "syntax"] = "character"
    truncate: Literal["none", "middle"] = "none"
    tokens: str | Sentinels = "starcoder"

    def __post_init__(self) -> None:
        for name in ("rate", "spm_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {getattr(self, name):g}")
        if not 1 <= self.chunk_tokens < 1 << 31:
            raise ValueError(f"chunk_tokens must be from 1 to 2^31 - 1, not {self.chunk_tokens}")
        if isinstance(self.tokens, str) and self.tokens not in PRESETS:
            raise ValueError(
                f"tokens must be one of {', '.join(PRESETS)}, or names for prefix, suffix and middle, not {self.tokens!r}"
            )
        if self.level == "segment" and self.truncate != "middle":
            raise ValueError(
                "truncate must be middle where level is segment: a piece of a row keeps its number of tokens"
            )
        if len(set(self.special_tokens)) != len(self.special_tokens):
            raise ValueError(
                f"tokens must be different from each other, not {', '.join(self.special_tokens)}"
            )

    @property
    def sentinels(self) -> Sentinels:
        """The special tokens by their roles."""
        return self.tokens if isinstance(self.tokens, Sentinels) else PRESETS[self.tokens]

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Prefix, suffix, middle, and eot where there is one."""
        names = self.sentinels
        return tuple(n for n in (names.prefix, names.suffix, names.middle, names.eot) if n is not None)

    @property
    def moves_columns(self) -> bool:
        """Where it cuts between tokens, which keep what stands beside them."""
        return self.split == "token"

    def identity(self) -> object:
        """Every key; what is a syntax node is for the version of Python to say."""
        found = step_identity(self)
        return found | {"python": list(sys.version_info[:2])} if self.split == "syntax" else found

    def in_rows(self, seq_len: int, *, aligned: bool) -> "FillInTheMiddle":
        """With level segment, chunks are as long as rows; raises ValueError where documents are not cut there."""
        if self.level != "segment":
            return self
        if not aligned:
            raise ValueError(
                "level must not be segment where rows do not cut documents at multiples of seq_len: with strategies concat and "
                "buckets, with predict_every_token or overflow turn, and before another step"
            )
        return replace(self, chunk_tokens=seq_len)

    def prepare(self, tokenizer: Any) -> Tables:
        """Which ids are special, and what cuts text; raises ValueError for a tokenizer whose decoding loses text."""
        special = np.zeros(len(tokenizer), np.bool_)
        special[list(tokenizer.reserved_ids)] = True
        if self.split != "token" and not tokenizer.model.spells:
            raise ValueError(
                f"split must be token: {self.split} decodes documents and encodes their parts, and decoding this vocabulary "
                "need not give back the text"
            )
        ids = np.array([tokenizer.special_id(token) for token in self.special_tokens], np.int64)
        special[ids] = True
        if self.split == "token":
            return Tables(special=special, sentinels=ids, tokenizer=None)
        from pairloom.operators.encode import tokenizer_of

        return Tables(special=special, sentinels=ids, tokenizer=tokenizer_of(tokenizer).prepared())

    def need(self, tokens: int, width: int) -> int:
        """The documents and, where they are cut between characters, the text of those that are and its encoding."""
        # About four bytes of text a token, decoded and copied, and the tokens of the parts beside those of the documents.
        text = 0 if self.split == "token" else int(self.rate * tokens * (12 + 2 * width))
        return 2 * tokens * width + text

    def __call__(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents, some of them as infills.

        Raises ValueError for documents with columns of tokens beside the ids, unless they are cut between tokens: encoding
        text anew leaves nothing for these to stand beside.
        """
        beside_ids = [name for name in batch.columns if name != INPUT_IDS]
        if self.split != "token" and beside_ids:
            raise ValueError(
                f"split must be token: {self.split} encodes text anew, and {', '.join(beside_ids)} would stand beside other "
                "tokens"
            )
        if self.level == "segment":
            chunks = segments_of(batch, tables.special, self.chunk_tokens)
        else:
            chunks = chunks_of(batch, tables.special, self.chunk_tokens if self.level == "chunk" else None)
        streams = document_streams(seed, batch)[chunks.document]
        mode = np.zeros(len(chunks.document), np.int8)
        choose_modes(streams, chunks.number, in_53rds(self.rate), in_53rds(self.spm_rate), mode)
        mode[(chunks.length == 0) | _infilled(batch, tables)[chunks.document]] = PLAIN
        if self.split == "token":
            infills = token_cuts(chunks, streams)
        else:
            infills = character_cuts(
                batch, chunks, streams, mode, tables.tokenizer, tables.special, split=self.split
            )
        if self.truncate == "middle":
            _truncate(infills, mode, chunks, len(tables.sentinels))
        if self.level == "segment":
            mode[_sizes(infills, len(tables.sentinels)) != chunks.length] = PLAIN
        return _written(batch, chunks, mode, infills, tables.sentinels)

    def undo(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch | None:
        """Each document with its parts in their order: the same tokens where it was cut between tokens, else the same text.

        None where a middle may have lost tokens, and where a document may have several infills.
        """
        if self.truncate != "none" or self.level != "document":
            return None
        ids = batch.flat(INPUT_IDS)
        first = np.cumsum(batch.length) - batch.length
        # Where each sentinel stands in its document, or the document's end.
        places = []
        for token in tables.sentinels:
            found = np.append(np.flatnonzero(ids == token), len(ids))
            places.append(np.minimum(found[np.searchsorted(found, first)] - first, batch.length))
        prefix, suffix, middle = places[:3]
        infill = (prefix < suffix) & (suffix < middle) & (middle < batch.length)
        behind = np.maximum(batch.length - chunks_of(batch, tables.special, None).tail, middle + 1)
        end, behind = (places[3], places[3] + 1) if len(places) > 3 else (behind, behind)
        zero = np.zeros_like(prefix)
        # What stands before the prefix, the prefix, (in SPM both prefix and) middle, the suffix, what stands behind.
        start = np.stack([zero, prefix + 1, middle + 1, suffix + 1, behind], 1)
        stop = np.stack([prefix, suffix, end, middle, batch.length], 1)
        start[~infill], stop[~infill] = 0, 0
        stop[~infill, 0] = batch.length[~infill]
        owner = np.repeat(np.arange(len(batch)), 5)
        return pieced(batch, batch, owner, owner, start.reshape(-1), (stop - start).reshape(-1))


def _infilled(batch: TokenBatch, tables: Tables) -> npt.NDArray[np.bool_]:
    """Which documents hold a sentinel already."""
    sentinel, found = np.zeros(len(tables.special), np.bool_), np.zeros(len(batch), np.bool_)
    sentinel[tables.sentinels] = True
    ids = batch.columns[INPUT_IDS]
    find_infilled(ids.start, batch.length, ids.dtype.itemsize, sentinel, found)
    return found


def _sizes(infills: Infills, sentinels: int) -> npt.NDArray[np.int64]:
    """The tokens of each infill."""
    size: npt.NDArray[np.int64] = (
        infills.prefix.length + infills.middle.length + infills.suffix.length + sentinels
    )
    return size


def _truncate(infills: Infills, mode: npt.NDArray[np.int8], chunks: Chunks, sentinels: int) -> None:
    """Shorten middles so that no infill is longer than its chunk; chunks whose middles are too short become PLAIN."""
    total = _sizes(infills, sentinels)
    extra = np.maximum(total - chunks.length, 0)
    mode[(extra > 0) & (infills.middle.length <= extra)] = PLAIN
    infills.middle.length[:] -= np.where(mode == PLAIN, 0, extra)


def _written(
    batch: TokenBatch,
    chunks: Chunks,
    mode: npt.NDArray[np.int8],
    infills: Infills,
    sentinels: npt.NDArray[np.int64],
) -> TokenBatch:
    """The documents put together of the pieces of their chunks."""
    of = beside(batch, [*infills.further, {INPUT_IDS: sentinels.astype(batch.dtype)}])
    owner, *columns = np.zeros((4, 9 * len(mode)), np.int64)
    pieces = Parts(*columns)
    parts = infills.prefix, infills.middle, infills.suffix
    count = arrange(chunks, mode, *parts, len(of) - 1, len(sentinels) - 3, owner, pieces)
    return pieced(batch, of, owner[:count], *(column[:count] for column in pieces))
