"""Reading and writing `.tiktoken` files: one token a line, in base64, and its rank, which is its id.

tiktoken has no list of merges: it merges the neighbours whose bytes together are the token of the lowest rank, the
leftmost first, after looking whether the whole word is a token. `recover_merges` finds the list that does the same.
Merging the bytes of a token by the tokens of lower rank alone either leaves two parts, and then no other split of
the token ever comes up: what stands between two places that no merge has crossed is merged as if it stood alone. Or
it leaves more, and then the token is reached through a token of a higher rank, if at all, and every split of it is
listed.
"""

import base64
import heapq
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.operators.room import needing_room
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.spelling import check_special_token
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable, check_ids

__all__ = ["load_tiktoken", "of_ranks", "read_tiktoken", "recover_merges", "save_tiktoken", "write_tiktoken"]

# The merges of a token are found in a time that grows with the square of its length.
MOST_BYTES = 1 << 15


def load_tiktoken(
    path: str | Path,
    *,
    scheme: str = "cl100k",
    digits: str = "keep",
    pattern: str | None = None,
    special_tokens: Mapping[str, int] | None = None,
    offset: int = 0,
) -> Vocabulary:
    """Read a local `.tiktoken` file of ranks, with the special tokens' ids; encodes exactly as tiktoken does.

    `digits` and `pattern` are those of `Pretokenizer`; the id of a token is its rank and `offset`.
    """
    cut = Pretokenizer(scheme=scheme, digits=digits, pattern=pattern)
    try:
        return of_ranks(Path(path).read_bytes(), cut, special_tokens or {}, offset)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def of_ranks(
    data: bytes, pretokenizer: Pretokenizer, special_tokens: Mapping[str, int], offset: int = 0
) -> Vocabulary:
    """The vocabulary of a `.tiktoken` file; raises DataError for a damaged one, RecipeError for a special token that cannot be."""
    return Vocabulary(**read_tiktoken(data, special_tokens, offset), pretokenizer=pretokenizer)


def save_tiktoken(vocabulary: Vocabulary, path: str | Path) -> None:
    """Write the tokens as a `.tiktoken` file; raises RecipeError where tiktoken would give other ids."""
    with needing_room(Path(path).parent):
        Path(path).write_bytes(write_tiktoken(vocabulary))


def read_tiktoken(data: bytes, special_tokens: Mapping[str, int], offset: int = 0) -> dict[str, Any]:
    """The fields of the Vocabulary that a `.tiktoken` file and its special tokens define; ids are ranks and `offset`.

    Ids that neither has become empty tokens, and so does an empty token, which some files have and no text encodes to. Raises
    DataError for a damaged line, for a token of more than `MOST_BYTES` bytes and for an id that is given twice.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            coded, number_of = line.split()
            token = base64.b64decode(coded.strip(b"=") and coded, validate=True)
            if token in ranks:
                raise ValueError("the token occurs twice")
            if len(token) > MOST_BYTES:
                raise ValueError(f"the token has {len(token)} bytes; at most {MOST_BYTES} are read")
            if not number_of.isdigit() or len(number_of) > 10:
                raise ValueError("the rank is no number from 0 on, below 2^32")
            ranks[token] = int(number_of) + offset
        except ValueError as error:
            raise DataError(f"line {number} of this .tiktoken file, {line[:80]!r}: {error}") from error
    _check_distinct(ranks, special_tokens)
    taken = [*ranks.values(), *special_tokens.values()]
    check_ids(max(taken, default=-1) + 1, len(taken))
    for text in special_tokens:
        check_special_token(text)
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


def _check_distinct(ranks: Mapping[bytes, int], special_tokens: Mapping[str, int]) -> None:
    """Raise DataError where an id is given twice, or is negative, naming the tokens."""
    first: dict[int, bytes | str] = {}
    entries: list[tuple[bytes | str, int]] = [*ranks.items(), *special_tokens.items()]
    for token, i in entries:
        if i < 0:
            raise DataError(f"the id of {token!r} is {i}, which is negative")
        if i in first:
            raise DataError(
                f"{first[i]!r} and {token!r} both have the id {i}: the ids of a .tiktoken file, its special tokens' included, are "
                "distinct"
            )
        first[i] = token


def recover_merges(tokens: list[bytes]) -> npt.NDArray[np.int32]:
    """The merges by which tiktoken makes these tokens, int32[m, 2] by rank; an empty token is none."""
    ranks = {token: rank for rank, token in enumerate(tokens) if token}
    merges: list[tuple[int, int]] = []
    lengths = sorted({len(token) for token in ranks})
    for rank, token in enumerate(tokens):
        if len(token) < 2:
            continue
        parts = _merge_below(token, ranks, rank)
        if len(parts) == 2:
            merges.append(
                (ranks[parts[0]], ranks[parts[1]]) if all(part in ranks for part in parts) else (-1, -1)
            )
            continue
        splits = ((token[:i], token[i:]) for i in lengths if i < len(token))
        merges += [(ranks[left], ranks[right]) for left, right in splits if left in ranks and right in ranks]
    found = [merge for merge in merges if merge[0] >= 0]
    return np.array(found, dtype=np.int32).reshape(-1, 2)


def _merge_below(token: bytes, ranks: dict[bytes, int], limit: int) -> list[bytes]:
    # By a heap of the pairs that may be merged, (rank, place, end): one that is not there any more is passed over.
    ends = list(range(1, len(token) + 1))  # of the part that begins at each place, 0 where none does
    before = [-1, *range(len(token) - 1)]
    heap: list[tuple[int, int, int]] = []

    def offer(place: int) -> None:
        middle = ends[place]
        if place >= 0 and middle < len(token):
            rank = ranks.get(token[place : ends[middle]], limit)
            if rank < limit:
                heapq.heappush(heap, (rank, place, ends[middle]))

    for place in range(len(token)):
        offer(place)
    while heap:
        _, place, end = heapq.heappop(heap)
        middle = ends[place]
        if not middle or middle >= len(token) or ends[middle] != end:
            continue
        ends[place], ends[middle] = end, 0
        if end < len(token):
            before[end] = place
            offer(place)
        if before[place] >= 0:
            offer(before[place])
    return [token[place:end] for place, end in enumerate(ends) if end]


def _difference(tokens: list[bytes], model: ByteLevelBPE) -> str | None:
    """Why the merges of a model are not what tiktoken does with its tokens, None where they are the same.

    Let the list make tokens in the order of their ids. If it and tiktoken have left every text in the same parts before a token,
    and the token's own bytes are two parts by then, then these two are the only pair that ever makes it, in either: other splits
    that are listed never come up, and where the pair comes up both merge it, leftmost first. So the texts are in the same parts
    after it too. A token of which the tokens before it leave more than two parts has to have the same splits in both, in one
    order and of one rank; and a word that is one has to be taken as a whole.
    """
    wanted: dict[bytes, list[tuple[int, int]]] = {}
    for left, right in recover_merges(tokens).tolist():
        wanted.setdefault(tokens[left] + tokens[right], []).append((left, right))
    ranks = {token: rank for rank, token in enumerate(tokens) if token}
    listed: dict[bytes, list[tuple[int, int]]] = {}
    last = -1
    for left, right in model.merges.tolist():
        product = tokens[left] + tokens[right]
        rank = ranks.get(product, -1)
        if rank < last:
            return f"the merge that makes {product!r} comes after that of a token with a higher id"
        listed.setdefault(product, []).append((left, right))
        last = rank
    for token, rank in ranks.items():
        if len(token) < 2:
            continue
        parts = _merge_below(token, ranks, rank)
        ours, theirs = listed.get(token, []), wanted.get(token, [])
        if len(parts) == 2:
            if not set(theirs) <= set(ours):
                return (
                    f"tiktoken makes the token {token!r} of {parts[0]!r} and {parts[1]!r}, and no merge does"
                )
        elif ours != theirs or (len(ours) > 1 and not model.ties_share_rank):
            return f"the token {token!r} is made by other merges than tiktoken finds"
        elif not model.ignore_merges:
            return f"tiktoken takes the word {token!r} as a whole, and the merges of this vocabulary do not make it"
    return None


def write_tiktoken(vocabulary: "Vocabulary") -> bytes:
    """The `.tiktoken` file of a vocabulary.

    Every ordinary token is written with its id as its rank; special tokens are not in such a file, wherever their ids are:
    tiktoken is given them beside it. Raises RecipeError unless every byte is a token and the merges are those that
    tiktoken would find, a token's merge never being of a later one. Text is to be cut by one pattern, that of a
    named scheme. A reader that numbers special tokens by itself, from the last rank on, needs a vocabulary learned without them.
    """
    if not isinstance(vocabulary.model, ByteLevelBPE) or vocabulary.normalizer != "none":
        raise RecipeError(
            "a .tiktoken file holds byte-level BPE without a normalizer, and this vocabulary is not that"
        )
    cut = vocabulary.pretokenizer
    if cut.pattern is not None:
        raise RecipeError(
            f"tiktoken reads patterns in another dialect than Oniguruma, and drops what they do not match: {cut.pattern!r} "
            "cannot be proved to cut the same there; a vocabulary of a named scheme can be written"
        )
    if len(cut.patterns) != 1:
        also = ", that of lines included" if cut.lines else ""
        raise RecipeError(
            f"tiktoken cuts text by one pattern, and scheme {cut.scheme!r} has {len(cut.patterns)}{also}"
        )
    if vocabulary.plain_tokens:
        raise RecipeError(
            f"tiktoken finds no added token in a text unless it is asked to, and {vocabulary.plain_tokens[0]!r} of this "
            "vocabulary, which is not special, is found in any text"
        )
    special = set(vocabulary.added_ids)
    tokens = [b"" if i in special else token for i, token in enumerate(vocabulary.tokens)]
    if any(bytes([byte]) not in set(tokens) for byte in range(256)):
        raise RecipeError(
            "tiktoken needs a token for each of the 256 bytes, and this vocabulary has not all of them"
        )
    if (why := _difference(tokens, vocabulary.model)) is not None:
        raise RecipeError(f"tiktoken would merge in another order: {why}")
    lines = [base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens) if token]
    return b"".join(lines)
