"""What near-duplicates take: a key for each band of each document, compared partition by partition."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.forecast.requests import (
    Requests,
    looked_up,
    reads_of_batches,
    reads_of_piece,
    written,
)
from pairloom.pipeline.forecast.sizes import Sizes

if TYPE_CHECKING:
    from pairloom.pipeline.recipe.near import Near

__all__ = [
    "BYTES_A_KEY",
    "RATE",
    "band_memory",
    "join_memory",
    "key_splits",
    "near_cost",
    "settle_memory",
    "sign_memory",
    "text_memory",
]

# Bytes of text a second of one worker, tokens decoded and 112 hashes taken of each run of words (`tests/bench/bench_near.py`).
RATE = 80e6
HASHES = 112
BYTES_A_KEY = 12
BYTES_A_DOCUMENT = 21
BYTES_A_PAIR = 16
ROUNDS = 4  # of joining, where there are several ranges; documents that are nearly the same seldom make long chains


def key_splits(documents: int, most: int) -> int:
    """Into how many ranges the keys of a band go, at about `most` documents each: a power of two, so that it seldom changes.

    >>> key_splits(100, 100), key_splits(101, 100), key_splits(399, 100)
    (1, 2, 4)
    """
    splits = 1
    while splits * most < documents:
        splits *= 2
    return splits


def sign_memory(size: int, documents: int, keys: int) -> int:
    """Bytes for a shard of a size: batches of its tokens, their text and shingles, and the keys of all documents."""
    return 500_000_000 + size + documents * (24 * keys + 64)


def band_memory(documents: int) -> int:
    """Bytes for the keys of so many documents, as read and as sorted, and the pairs that they make."""
    return 200_000_000 + 120 * documents


def join_memory(size: int) -> int:
    """Bytes for pairs that take so many in storage: as read, as sorted, as joined."""
    return 200_000_000 + 8 * size


def settle_memory(documents: int, size: int) -> int:
    """Bytes for what is known of the documents of a range, and the pairs in it."""
    return 200_000_000 + 120 * documents + 8 * size


def text_memory(size: int) -> int:
    """Bytes for the shingles of documents whose shards are of this size."""
    return 500_000_000 + 6 * size


def near_cost(sizes: Sizes, near: "Near", units: int, partitions: Callable[[int], int]) -> Cost:
    """What finding near-duplicates asks: every shard is read and signed, every key sorted; pairs are few beside that.

    Where pairs are compared, every shard is expected to be read twice more.
    """
    ranges = partitions(sizes.documents)
    splits = key_splits(sizes.documents, -(-sizes.documents // ranges))
    tokens, keys = sizes.tokens * sizes.width, BYTES_A_KEY * near.keys * sizes.documents
    known, pairs = BYTES_A_DOCUMENT * sizes.documents, BYTES_A_PAIR * sizes.documents
    again = 2 if near.verify is not None else 0
    rounds = 1 if ranges == 1 else ROUNDS
    parts = near.keys * splits
    asked = Requests(reads=sizes.units * reads_of_batches(tokens // sizes.units)) + looked_up(units)
    asked += written(keys // sizes.units, sizes.units) + written(known // sizes.units, sizes.units)
    asked += Requests(reads=sizes.units * parts * reads_of_piece(keys // (sizes.units * parts), keys))
    asked += written(pairs // parts, parts) + looked_up(parts)
    for _ in range(2 * rounds):
        asked += Requests(reads=ranges * max(parts, ranges) * reads_of_piece(0, 0))
        asked += written(pairs // ranges, ranges) + looked_up(ranges)
    asked += Requests(reads=sizes.units * reads_of_batches(known // sizes.units)) + written(0, ranges)
    share = sizes.unit / max(1, sizes.bytes)  # of the largest unit
    each = sizes.documents // ranges
    return Cost(
        tasks=units + parts + (2 * rounds + 1 + again) * ranges,
        memory=max(
            sign_memory(int(share * tokens), int(share * sizes.documents), near.keys),
            band_memory(sizes.documents // splits),
            settle_memory(each, BYTES_A_PAIR * each),
            text_memory(tokens // ranges) if again else 0,
        ),
        work=(max(1.0, near.bands * near.rows / HASHES) + again) * sizes.bytes / RATE,
        disk=keys + known + 2 * pairs,
        read=(1 + again) * tokens + keys + known + 2 * rounds * pairs,
        written=keys + known + 2 * rounds * pairs,
        requests=asked,
    )
