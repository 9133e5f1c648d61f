"""Reading and writing `.tiktoken` files: one token a line, in base64, and its rank, which is its id.

tiktoken has no list of merges: it merges the neighbours whose bytes together are the token of the lowest rank, the
leftmost first, after looking whether the whole word is a token. `recover_merges` finds the list that does the same.
Merging the bytes of a token by the tokens of lower rank alone either leaves two parts, and then no other split of
the token ever comes up: what stands between two places that no merge has crossed is merged as if it stood alone. Or
it leaves more, and then the token is reached through a token of a higher rank, if at all, and every split of it is
listed.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["load_tiktoken", "read_tiktoken", "recover_merges", "save_tiktoken", "write_tiktoken"]


def load_tiktoken(
    path: str | Path, *, scheme: str = "cl100k", special_tokens: Mapping[str, int] | None = None
) -> Vocabulary:
    """Read a local `.tiktoken` file of ranks, with the special tokens' ids; encodes exactly as tiktoken does."""
    fields = read_tiktoken(Path(path).read_bytes(), special_tokens or {})
    return Vocabulary(**fields, pretokenizer=Pretokenizer(scheme=scheme))


def save_tiktoken(vocabulary: Vocabulary, path: str | Path) -> None:
    """Write the tokens as a `.tiktoken` file; raises RecipeError where tiktoken would give other ids."""
    Path(path).write_bytes(write_tiktoken(vocabulary))


def read_tiktoken(data: bytes, special_tokens: Mapping[str, int]) -> dict[str, Any]:
    """The fields of the Vocabulary that a `.tiktoken` file and its special tokens define.

    Ids that neither has become empty tokens. Raises DataError for a damaged line and for an id that is given twice.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            coded, number_of = line.split()
            token = base64.b64decode(coded, validate=True)
            if token in ranks or not token:
                raise ValueError("the token is empty or occurs twice")
            ranks[token] = int(number_of)
        except ValueError as error:
            raise DataError(f"line {number} of this .tiktoken file, {line[:80]!r}: {error}") from error
    taken = [*ranks.values(), *special_tokens.values()]
    if (
        len(set(taken)) != len(taken)
        or min(taken, default=0) < 0
        or max(taken, default=0) > len(taken) + (1 << 20)
    ):
        raise DataError(
            "the ids of this .tiktoken file and its special tokens are not distinct, negative or far apart"
        )
    tokens = [b""] * (max(taken, default=-1) + 1)
    for word, rank in ranks.items():
        tokens[rank] = word
    merges = recover_merges(tokens)
    for text, rank in special_tokens.items():
        tokens[rank] = text.encode()
    ordered = sorted(special_tokens.items(), key=lambda item: item[1])
    return {
        "tokens": TokenTable.of(tokens),
        "model": ByteLevelBPE(merges=merges, ignore_merges=True, ties_share_rank=True),
        "special_tokens": tuple(text for text, _ in ordered),
        "special_ids": tuple(rank for _, rank in ordered),
    }


def recover_merges(tokens: list[bytes]) -> npt.NDArray[np.int32]:
    """The merges by which tiktoken makes these tokens, int32[m, 2] by rank; an empty token is none."""
    ranks = {token: rank for rank, token in enumerate(tokens) if token}
    merges: list[tuple[int, int]] = []
    for rank, token in enumerate(tokens):
        if len(token) < 2:
            continue
        parts = _merge_below(token, ranks, rank)
        if len(parts) == 2:
            merges.append(
                (ranks[parts[0]], ranks[parts[1]]) if all(part in ranks for part in parts) else (-1, -1)
            )
            continue
        splits = ((token[:i], token[i:]) for i in range(1, len(token)))
        merges += [(ranks[left], ranks[right]) for left, right in splits if left in ranks and right in ranks]
    found = [merge for merge in merges if merge[0] >= 0]
    return np.array(found, dtype=np.int32).reshape(-1, 2)


def _merge_below(token: bytes, ranks: dict[bytes, int], limit: int) -> list[bytes]:
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 1:
        best, place = limit, -1
        for i in range(len(parts) - 1):
            rank = ranks.get(parts[i] + parts[i + 1], limit)
            if rank < best:
                best, place = rank, i
        if place < 0:
            break
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts


def write_tiktoken(vocabulary: "Vocabulary") -> bytes:
    """The `.tiktoken` file of a vocabulary.

    Every ordinary token is written with its id as its rank; special tokens are not in such a file, wherever their ids are:
    tiktoken is given them beside it. Raises RecipeError unless every byte is a token and the merges are those that
    tiktoken would find, a token's merge never being of a later one. A reader that numbers special tokens by itself, from
    the last rank on, needs a vocabulary learned without them.
    """
    if not isinstance(vocabulary.model, ByteLevelBPE) or vocabulary.normalizer != "none":
        raise RecipeError(
            "a .tiktoken file holds byte-level BPE without a normalizer, and this vocabulary is not that"
        )
    special = set(vocabulary.special_ids)
    tokens = [b"" if i in special else token for i, token in enumerate(vocabulary.tokens)]
    if any(bytes([byte]) not in set(tokens) for byte in range(256)):
        raise RecipeError(
            "tiktoken needs a token for each of the 256 bytes, and this vocabulary has not all of them"
        )
    if not np.array_equal(recover_merges(tokens), vocabulary.model.merges):
        raise RecipeError(
            "tiktoken would merge in another order: the ids of this vocabulary are not the ranks of its merges"
        )
    lines = [base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens) if token]
    return b"".join(lines)
