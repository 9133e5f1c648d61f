"""Where fill-in-the-middle cuts documents, and the three parts that each chunk becomes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms._fim_syntax import around_nodes
from pairloom.operators.transforms._pieces import pieced
from pairloom.operators.transforms.kernels.fim import (
    PLAIN,
    Chunks,
    Parts,
    choose_places,
    count_places,
    find_places,
    own_tokens,
)
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Infills", "character_cuts", "chunks_of", "segments_of", "token_cuts"]


class Infills(NamedTuple):
    """The parts of each chunk, as pieces of documents: those of the batch, and behind them those of `further` tokens."""

    prefix: Parts
    middle: Parts
    suffix: Parts
    further: tuple[Mapping[str, npt.NDArray[Any]], ...] = ()


def chunks_of(batch: TokenBatch, special: npt.NDArray[np.bool_], size: int | None) -> Chunks:
    """Each document's own tokens, whole or in chunks of `size` tokens; one chunk without tokens where there are none.

    Own tokens are those between the special tokens that a document begins and ends with.
    """
    head, tail = np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64)
    ids = batch.columns[INPUT_IDS]
    own_tokens(ids.start, batch.length, ids.dtype.itemsize, special, head, tail)
    own = batch.length - head - tail
    count = np.ones(len(batch), np.int64) if size is None else np.maximum(1, -(-own // size))
    document = np.repeat(np.arange(len(batch)), count)
    number = np.arange(len(document)) - np.repeat(np.cumsum(count) - count, count)
    step = own[document] if size is None else np.full(len(document), size)
    start = number * step
    return Chunks(
        document=document,
        number=number,
        offset=head[document] + start,
        length=np.minimum(step, own[document] - start),
        head=np.where(number == 0, head[document], 0),
        tail=np.where(number == count[document] - 1, tail[document], 0),
    )


def segments_of(batch: TokenBatch, special: npt.NDArray[np.bool_], size: int) -> Chunks:
    """Each document in pieces of `size` tokens, as rows will have them; of each the own tokens of the document in it.

    What else is in a piece stands before these and behind them, as in `chunks_of`.
    """
    whole = chunks_of(batch, special, None)
    count = np.maximum(1, -(-batch.length // size))
    document = np.repeat(np.arange(len(batch)), count)
    number = np.arange(len(document)) - np.repeat(np.cumsum(count) - count, count)
    start = number * size
    stop = np.minimum(start + size, batch.length[document])
    first = whole.head[document]
    last = np.maximum(first, batch.length[document] - whole.tail[document])
    offset = np.clip(first, start, stop)
    end = np.clip(last, offset, stop)
    return Chunks(
        document=document,
        number=number,
        offset=offset,
        length=end - offset,
        head=offset - start,
        tail=stop - end,
    )


def token_cuts(chunks: Chunks, streams: npt.NDArray[np.uint64]) -> Infills:
    """Chunks cut between tokens: the parts are pieces of the documents as they are."""
    first, second = np.zeros((2, len(streams)), np.int64)
    choose_places(streams, chunks.number, chunks.length + 1, first, second)
    document, start = chunks.document, chunks.offset
    return Infills(
        prefix=Parts(document, start, first),
        middle=Parts(document, start + first, second - first),
        suffix=Parts(document, start + second, chunks.length - second),
    )


def character_cuts(
    batch: TokenBatch,
    chunks: Chunks,
    streams: npt.NDArray[np.uint64],
    mode: npt.NDArray[np.int8],
    tokenizer: Any,
    special: npt.NDArray[np.bool_],
    *,
    split: str,
) -> Infills:
    """Chunks cut between characters or lines, or around nodes of syntax, every part encoded by itself.

    Those that are no text become PLAIN in `mode`. Special tokens inside a chunk stay what they are.
    """
    chosen = np.flatnonzero(mode != PLAIN)
    texts = batch.cut(chunks.document[chosen], chunks.offset[chosen], chunks.length[chosen])
    decoded = tokenizer.decode(texts.gathered(INPUT_IDS))
    if len(bad := _no_text(decoded)):
        mode[chosen[bad]] = PLAIN
        return character_cuts(batch, chunks, streams, mode, tokenizer, special, split=split)
    offsets, data = _bytes(decoded)
    where, ids = _special_bytes(texts, tokenizer, special)
    first, second, places = np.zeros((3, len(chosen)), np.int64)
    lines = split == "line"
    count_places(data, offsets, where, lines, places)
    choose_places(streams[chosen], chunks.number[chosen], places, first, second)
    find_places(data, offsets, where, lines, first, second)
    if split == "syntax":
        around_nodes(data, offsets, where, streams[chosen], chunks.number[chosen], first, second)
    edges = np.stack([offsets[:-1], first, second], 1).reshape(-1)
    parts = _encoded(tokenizer, data, np.append(edges, offsets[-1:]), where, ids, batch.dtype)
    length = np.zeros((3, len(mode)), np.int64)
    length[:, chosen] = parts.length.reshape(-1, 3).T
    offset = np.zeros((3, len(mode)), np.int64)
    offset[:, chosen] = (np.cumsum(parts.length) - parts.length).reshape(-1, 3).T
    document = np.full(len(mode), len(batch))
    prefix, middle, suffix = (Parts(document, offset[k], length[k]) for k in range(3))
    return Infills(prefix, middle, suffix, ({INPUT_IDS: parts.flat(INPUT_IDS)},))


def _encoded(
    tokenizer: Any,
    data: npt.NDArray[np.uint8],
    edges: npt.NDArray[np.int64],
    where: npt.NDArray[np.int64],
    ids: npt.NDArray[np.int64],
    dtype: np.dtype[Any],
) -> TokenBatch:
    """The tokens of each part, data[edges[p]:edges[p + 1]], with the special tokens `ids` at the byte ranges `where`."""
    cuts = np.sort(np.concatenate([edges, where]), kind="stable")
    texts = pa.LargeStringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), pa.py_buffer(data))
    rows = TokenBatch.of({INPUT_IDS: tokenizer.encode(texts)})
    # What lies between the ends of a range is one special token, whatever its text would encode to.
    begin, stop = where[::2], where[1::2]
    at = np.searchsorted(cuts, begin, side="right") - 1
    document, length = np.arange(len(rows)), rows.length.copy()
    assert (cuts[at + 1] == stop).all()
    document[at], length[at] = len(rows) + np.arange(len(at)), 1
    owner = np.clip(np.searchsorted(edges, cuts[:-1], side="right") - 1, 0, max(0, len(edges) - 2))
    empty = TokenBatch.from_lists({INPUT_IDS: [np.zeros(0, dtype)] * (len(edges) - 1)})
    marks = TokenBatch.from_lists({INPUT_IDS: [np.array([one], rows.dtype) for one in ids.tolist()]})
    return pieced(empty, _both(rows, marks), owner, document, np.zeros_like(document), length)


def _both(first: TokenBatch, second: TokenBatch) -> TokenBatch:
    if not len(second):
        return first
    lists = pa.chunked_array([first.gathered(INPUT_IDS), second.gathered(INPUT_IDS)])
    return TokenBatch.of({INPUT_IDS: lists})


def _special_bytes(
    texts: TokenBatch, tokenizer: Any, special: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The byte ranges of special tokens in decoded texts, begins and ends by turns, and their ids."""
    ids = texts.flat(INPUT_IDS).astype(np.int64)
    found = special[ids]
    if not found.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    sizes = TokenTable.of(tokenizer.vocabulary.tokens).lengths
    ends = np.cumsum(sizes[ids])
    return np.stack([(ends - sizes[ids])[found], ends[found]], 1).reshape(-1), ids[found]


def _no_text(decoded: pa.LargeBinaryArray) -> list[int]:
    """Which documents are not UTF-8."""
    try:
        decoded.cast(pa.large_string())
    except pa.ArrowInvalid:
        return [i for i, text in enumerate(decoded) if not _is_text(text.as_py())]
    return []


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bytes(decoded: pa.LargeBinaryArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The offsets and bytes of a column, copied: kernels take arrays that they could write to."""
    _, offsets, data = decoded.buffers()
    found = np.frombuffer(offsets, np.int64)[decoded.offset : decoded.offset + len(decoded) + 1].copy()
    return found, np.frombuffer(data or b"", np.uint8).copy()
