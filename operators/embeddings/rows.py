"""Which old rows each token of a new vocabulary begins from.

A token that both vocabularies have keeps its row, a special token that the new one calls otherwise has the row of the old one in
its role (end of text, padding). Any other begins as the mean of the rows of its pieces, what the old vocabulary made of its bytes
(as in Cabrita: Larcher et al., 2023), and where there are none, as the mean of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode import Tokenizer
from pairloom.operators.text.arrays import Text
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["ORIGINS", "RowMap", "ordinary_ids", "padded", "row_map"]

ORIGINS = ("same", "role", "pieces", "all", "padding", "method")
"""Where a row comes from: the same token, the token in its role, the mean of its pieces, the mean of all rows; or it is no
token's (padding), or what a method says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowMap:
    """Row i is the sum of `weights[j]` times old row `ids[j]` for j in `offsets[i]` to `offsets[i + 1]`; of none, the mean of all.

    `origin` (uint8) is the place in ORIGINS. Rows whose origin is `same` or `role` have one old row of weight 1, bit for bit.
    """

    old_tokens: int
    origin: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    weights: npt.NDArray[np.floating[Any]]

    def __len__(self) -> int:
        return len(self.origin)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each origin."""
        found = np.bincount(self.origin, minlength=len(ORIGINS))
        return {name: int(count) for name, count in zip(ORIGINS, found, strict=True)}

    def copied(self) -> dict[int, int]:
        """The new id of each old token whose row is that of a token now; of several the one that is the same token."""
        found: dict[int, int] = {}
        for kind in (ORIGINS.index("role"), ORIGINS.index("same")):
            for i in np.flatnonzero(self.origin == kind).tolist():
                found[int(self.ids[self.offsets[i]])] = i
        return found


def row_map(
    old: Vocabulary,
    new: Vocabulary,
    *,
    old_roles: Mapping[str, str] | None = None,
    new_roles: Mapping[str, str] | None = None,
) -> RowMap:
    """Where the row of each token of `new` comes from. Roles are special tokens by what they are for, such as `eos`.

    >>> from pairloom.operators import Pretokenizer, count_words, learn_bpe
    >>> import pyarrow as pa
    >>> counts = count_words(pa.array(["a rose is a rose"]), Pretokenizer())
    >>> old, new = learn_bpe(counts, 258), learn_bpe(counts, 260)
    >>> found = row_map(old, new)
    >>> found.counts["same"], found.counts["pieces"]
    (258, 2)
    """
    known = _by_bytes(old)
    ours = dict(zip(old.special_tokens, old.special_ids, strict=True))
    special = dict(zip(new.special_ids, new.special_tokens, strict=True))
    roles = {token: role for role, token in (new_roles or {}).items()}
    origin = np.full(len(new), ORIGINS.index("pieces"), np.uint8)
    source = np.full(len(new), -1, np.int64)
    for i, token in enumerate(new.tokens):
        name = special.get(i)
        if name is not None and name in ours:
            origin[i], source[i] = ORIGINS.index("same"), ours[name]
        elif name is not None and (theirs := (old_roles or {}).get(roles.get(name, ""))) is not None:
            origin[i], source[i] = ORIGINS.index("role"), ours[theirs]
        elif not token or (name is not None and name not in new.plain_tokens):
            origin[i] = ORIGINS.index("all")
        elif name is None and token in known:
            origin[i], source[i] = ORIGINS.index("same"), known[token]
    return _with_pieces(old, new, origin, source)


def padded(rows: RowMap, multiple: int) -> RowMap:
    """The rows, and as many behind them as make their number a multiple of another; those are the mean of all.

    >>> one = RowMap(old_tokens=1, origin=np.zeros(3, np.uint8), offsets=np.arange(4), ids=np.zeros(3, np.int64),
    ...              weights=np.ones(3, np.float32))
    >>> len(padded(one, 8)), padded(one, 8).counts["padding"]
    (8, 5)
    """
    more = -len(rows) % multiple
    return RowMap(
        old_tokens=rows.old_tokens,
        origin=np.append(rows.origin, np.full(more, ORIGINS.index("padding"), np.uint8)),
        offsets=np.append(rows.offsets, np.full(more, rows.offsets[-1])),
        ids=rows.ids,
        weights=rows.weights,
    )


def ordinary_ids(vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """The tokens that text may have: no special ones, and none without bytes.

    >>> from pairloom.operators import Pretokenizer, count_words, learn_bpe
    >>> import pyarrow as pa
    >>> counts = count_words(pa.array(["a rose"]), Pretokenizer())
    >>> ordinary_ids(learn_bpe(counts, 257, special_tokens=("<s>",)))[:2].tolist()
    [1, 2]
    """
    reserved = set(vocabulary.added_ids) - {vocabulary.special_id(token) for token in vocabulary.plain_tokens}
    return np.array([i for i, token in enumerate(vocabulary.tokens) if token and i not in reserved], np.int64)


def _by_bytes(vocabulary: Vocabulary) -> dict[bytes, int]:
    """The id of each token that text may have, by its bytes; of tokens that are equal, the first."""
    found: dict[bytes, int] = {}
    for i in ordinary_ids(vocabulary).tolist():
        found.setdefault(vocabulary.tokens[i], i)
    return found


def _with_pieces(
    old: Vocabulary, new: Vocabulary, origin: npt.NDArray[np.uint8], source: npt.NDArray[np.int64]
) -> RowMap:
    """The whole map, once it is known which rows are others': the pieces of all other tokens are found at once."""
    cut = np.flatnonzero(origin == ORIGINS.index("pieces"))
    lengths = (source >= 0).astype(np.int64)
    pieces, ends = np.zeros(0, np.int64), np.zeros(1, np.int64)
    if len(cut):
        table, none = TokenTable.of(new.tokens[int(i)] for i in cut), np.zeros(0, np.uint32)
        text = Text(data=table.data, offsets=table.offsets)
        encoder = Tokenizer(old).word_encoder()
        ids, lists = encoder.encode(text, prepend=none, append=none, missing_bytes="drop")
        pieces, ends = np.asarray(ids, np.int64), np.asarray(lists, np.int64)
        lengths[cut] = np.diff(ends)
        origin[cut[lengths[cut] == 0]] = ORIGINS.index("all")
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    found = np.empty(int(offsets[-1]), np.int64)
    kept = source >= 0
    found[offsets[:-1][kept]] = source[kept]
    for place, i in enumerate(cut.tolist()):
        found[offsets[i] : offsets[i + 1]] = pieces[ends[place] : ends[place + 1]]
    weights = np.repeat((1.0 / np.maximum(lengths, 1)).astype(np.float32), lengths)
    return RowMap(old_tokens=len(old), origin=origin, offsets=offsets, ids=found, weights=weights)
