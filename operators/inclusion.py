"""Proofs that a document with just these tokens is in a dataset, of which its root hash is all that has to be known.

    block ── leaf ──┐
    block ── leaf ──┴─ node ──┐
    block ── leaf ── node ────┴─ hash of a shard ──┐
                                 hash of a shard ──┴─ node ── with the vocabulary ── root hash

A block is up to `BLOCK` tokens of a document, with the document's id and where in it they stand. Trees are those of RFC 6962
(Laurie et al., 2013, "Certificate Transparency"): a leaf and a node are hashed apart, and where nodes are odd the last goes up
as it is. So a proof has at most ceil(log2 blocks of the shard) + ceil(log2 shards) hashes for each block of the document. Only the
shards that change are hashed again; of the others their hash is kept.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CorruptionError, DataError

__all__ = [
    "BLOCK",
    "FORMAT",
    "block_hashes",
    "check_proof",
    "climbed",
    "dataset_hash",
    "path_of",
    "shard_leaf",
    "tree_hash",
]

BLOCK = 1 << 16
"""Tokens of a block, at most."""
FORMAT = "pairloom inclusion proof 1"
"""What the field `format` of a proof says."""

LEAF, NODE, SHARD, DATASET = (bytes([kind]) for kind in range(4))


def block_hashes(document: str, ids: npt.NDArray[Any]) -> list[bytes]:
    """The leaves of a document: one for each `BLOCK` of its tokens, and one of a document without any.

    >>> len(block_hashes("a", np.arange(3))), len(block_hashes("a", np.zeros(BLOCK + 1, np.uint16)))
    (1, 2)
    """
    name = document.encode()
    ids = np.ascontiguousarray(ids, "<u4")
    found = []
    for first in range(0, max(1, len(ids)), BLOCK):
        block = hashlib.sha256(LEAF + struct.pack("<QQQ", len(name), first, len(ids)) + name)
        block.update(ids[first : first + BLOCK].data)
        found.append(block.digest())
    return found


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """The hash over leaves in their order; of none, that of nothing.

    >>> tree_hash([b"a" * 32]) == b"a" * 32, tree_hash([]) == hashlib.sha256().digest()
    (True, True)
    """
    if not leaves:
        return hashlib.sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path_of(leaves: Sequence[bytes], place: int) -> list[bytes]:
    """The hashes beside the way from a leaf to the top, lowest first: at most ceil(log2 leaves) of them."""
    level, found = list(leaves), []
    while len(level) > 1:
        if place ^ 1 < len(level):
            found.append(level[place ^ 1])
        level, place = _above(level), place >> 1
    return found


def climbed(leaf: bytes, place: int, count: int, path: Sequence[bytes]) -> bytes:
    """The hash at the top of a tree of `count` leaves, from one of them and the path beside it; DataError for no such path.

    >>> leaves = [bytes([k]) * 32 for k in range(5)]
    >>> all(climbed(leaves[k], k, 5, path_of(leaves, k)) == tree_hash(leaves) for k in range(5))
    True
    """
    if not 0 <= place < count:
        raise DataError(f"there is no place {place} among {count}")
    left: Iterator[bytes] = iter(path)
    try:
        while count > 1:
            if place ^ 1 < count:
                beside = next(left)
                leaf = _node(beside, leaf) if place & 1 else _node(leaf, beside)
            place, count = place >> 1, (count + 1) >> 1
    except StopIteration:
        raise DataError("its path is too short") from None
    if next(left, None) is not None:
        raise DataError("its path is too long")
    return leaf


def shard_leaf(top: bytes, blocks: int) -> bytes:
    """A shard among shards: the hash over its blocks, and how many these are."""
    return hashlib.sha256(SHARD + struct.pack("<Q", blocks) + top).digest()


def dataset_hash(shards: Sequence[bytes], vocabulary: str) -> str:
    """The root hash of a dataset, in hexadecimal: over the leaves of its shards, and the vocabulary that its ids are of."""
    return _dataset(tree_hash(shards), len(shards), vocabulary)


def check_proof(proof: Any, root: str | None = None) -> dict[str, Any]:
    """What a proof proves: `document`, `tokens` (its ids), `vocabulary`, `root`.

    `root` is the root hash that is trusted; without it that of the proof is taken, and the proof only holds together.
    Raises DataError for what is no proof, CorruptionError for one that does not prove what it says.
    """
    try:
        return _checked(proof, root)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
        raise DataError(
            f"this is no proof of inclusion ({type(error).__name__}: {error}); write one with `pairloom prove ROOT DOCUMENT`"
        ) from error


def _checked(proof: Any, root: str | None) -> dict[str, Any]:
    if proof["format"] != FORMAT:
        raise ValueError(f"its format is {proof['format']!r}, not {FORMAT!r}")
    claimed, name, shard = proof["root"], proof["document"], proof["shard"]
    if root is not None and claimed != root:
        raise CorruptionError(f"the proof is for the root hash {claimed}, not for {root}")
    blocks = proof["blocks"]
    for number, block in enumerate(blocks):
        if block["first"] != number * BLOCK or block["place"] != blocks[0]["place"] + number:
            raise CorruptionError(
                f"block {number} of {name!r} is not the one that follows: tokens are left out"
            )
    ids = np.array([one for block in blocks for one in block["ids"]], np.int64)
    if len(ids) and not 0 <= ids.min() <= ids.max() < 1 << 32:
        raise ValueError("an id is below 0 or beyond 32 bits")
    leaves = block_hashes(name, ids)
    if len(leaves) != len(blocks) or len(ids) != proof["tokens"]:
        raise CorruptionError(
            f"{len(blocks)} blocks have {len(ids)} tokens, not the {proof['tokens']} of {name!r}"
        )
    for leaf, block in zip(leaves, blocks, strict=True):
        top = climbed(leaf, block["place"], shard["blocks"], list(map(bytes.fromhex, block["path"])))
        among = shard_leaf(top, shard["blocks"])
        above = climbed(among, shard["place"], shard["shards"], list(map(bytes.fromhex, shard["path"])))
        if _dataset(above, shard["shards"], proof["vocabulary"]) != claimed:
            raise CorruptionError(
                f"the tokens of {name!r} from {block['first']} on are not in the dataset with the root hash {claimed}"
            )
    return {"document": name, "tokens": ids.tolist(), "vocabulary": proof["vocabulary"], "root": claimed}


def _dataset(top: bytes, shards: int, vocabulary: str) -> str:
    return hashlib.sha256(DATASET + struct.pack("<Q", shards) + vocabulary.encode() + top).hexdigest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = [_node(level[k], level[k + 1]) for k in range(0, len(level) - 1, 2)]
    return pairs if len(level) % 2 == 0 else [*pairs, level[-1]]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()
