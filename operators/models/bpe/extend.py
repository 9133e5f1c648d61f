"""Extending a vocabulary that exists: new tokens come after the old ones, which keep their ids.

Two ways lead there. `extend_bpe` goes on learning from other text where the vocabulary's merges end, as if it had been
interrupted. `append_tokens` takes over the tokens of another vocabulary in their order (as Cabrita did: Larcher et al.,
"Cabrita: closing the gap for foreign languages", 2023), each by new merges after all others, and tells which ones cannot be had.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.learner import Learner
from pairloom.operators.models.bpe.merges import ordinal_merges
from pairloom.operators.models.bpe.model import ByteLevelBPE, byte_level
from pairloom.operators.reference.models.bpe.word import encode_word
from pairloom.operators.text.arrays import Text
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable, ordinary_index

__all__ = ["Extension", "append_tokens", "appended", "extend_bpe", "old_pieces", "unreachable_tokens"]


CONTINUING = bytes(range(0x80, 0xC0))  # in UTF-8, of a character that began before


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A vocabulary with appended tokens, and the tokens that could not be appended because no text would reach them.

    `between` are the ids (int64, ascending) of new tokens that nobody asked for: they lead to one that was.
    """

    vocabulary: Vocabulary
    unreachable: tuple[bytes, ...]
    between: npt.NDArray[np.int64]


def extend_bpe(
    vocabulary: Vocabulary,
    counts: WordCounts,
    size: int,
    *,
    min_count: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Vocabulary:
    """Go on learning until the vocabulary has `size` tokens: its merges are made first, then the most frequent pairs.

    The words have to be cut by the vocabulary's own pretokenizer. Ids of `vocabulary` never move, and text in which no new
    merge applies is encoded as before. A merge that spells a token which the vocabulary has, but never reached, makes that
    token and takes no new id.

    Raises ValueError where the vocabulary is as large already or its merges cannot be gone on with (`ordinal_merges`), and
    DataError where a new token is not what its own bytes encode to.
    """
    if size < len(vocabulary):
        raise ValueError(f"size {size} is too small: the vocabulary has {len(vocabulary)} tokens already")
    given, ids = ordinal_merges(vocabulary)
    symbols = np.empty(256, np.int32)
    for place, token in enumerate(ids[:256].tolist()):
        symbols[vocabulary.tokens[token][0]] = place
    layout = Layout.of_bytes([counts], symbols)
    more = size - len(vocabulary)
    learner = Learner(layout, first=256, merges=len(given) + more)
    learned = learner.learn(min_count=min_count, given=given, progress=progress)[len(given) :]
    index = ordinary_index(vocabulary.tokens, vocabulary.added_ids)
    tokens, known = list(vocabulary.tokens), ids.tolist()
    merges = []
    for left, right in learned.tolist():
        spelled = tokens[known[left]] + tokens[known[right]]
        merges.append((known[left], known[right]))
        known.append(index.get(spelled, len(tokens)))
        if known[-1] == len(tokens):
            tokens.append(spelled)
    extended = _with(vocabulary, tokens, merges)
    lost = unreachable_tokens(extended, np.arange(len(vocabulary), len(tokens)))
    if len(lost):
        raise DataError(
            f"{len(lost)} new tokens would never be used, the first is {tokens[lost[0]]!r}: "
            "the vocabulary's merges contradict each other"
        )
    return extended


def appended(old: Vocabulary, new: Vocabulary, *, size: int | None = None, repair: bool = True) -> Extension:
    """`old` with the tokens of `new`, in the order of their ids; up to `size` tokens in all, otherwise as many as there are.

    Tokens that no text would reach are given the merges that lead to them, or without `repair` are left out. Raises
    RecipeError where nothing can be appended.
    """
    special = set(new.special_ids)
    wanted = [token for i, token in enumerate(new.tokens) if i not in special and token]
    most = len(old) + sum(len(token) for token in wanted) if size is None else size
    if most <= len(old):
        raise RecipeError(
            f"a size of {size:,} is asked for, but the vocabulary has {len(old):,} tokens already: choose a larger one"
        )
    try:
        return append_tokens(old, wanted, most, repair=repair)
    except ValueError as error:
        raise RecipeError(f"nothing can be appended to this vocabulary: {error}") from error


def append_tokens(
    vocabulary: Vocabulary, tokens: Sequence[bytes], size: int, *, repair: bool = False
) -> Extension:
    """Append `tokens`, best first, as long as the vocabulary has fewer than `size`; those that it has are passed over.

    A token that the merges so far leave in two parts gets the merge of these two, after all others. One that they leave
    in more parts is reported as unreachable and not appended; with `repair` it gets as many merges as lead to it, from the left,
    and the tokens between. One that the pretokenizer cuts, or whose bytes are not all tokens, is unreachable in any case.

    New merges come after all that there are, so that whatever was reachable stays so, and text in which no new token occurs
    is encoded as before.
    """
    model = vocabulary.model
    if not isinstance(model, ByteLevelBPE) or model.ties_share_rank:
        raise ValueError(
            "tokens can be appended to a vocabulary with a list of merges, and this one has none"
        )
    index = ordinary_index(vocabulary.tokens, vocabulary.added_ids)
    spelled = list(vocabulary.tokens)
    special = {name.encode() for name in vocabulary.special_tokens}
    ranks = {
        (left, right): (rank, index.get(spelled[left] + spelled[right], -1))
        for rank, (left, right) in enumerate(model.merges.tolist())
    }
    merges: list[tuple[int, int]] = []
    unreachable, wanted = [], set(tokens)
    for token in tokens:
        if len(spelled) >= size:
            break
        if not token or token in index or token in special:
            continue
        symbols = [index.get(bytes([byte]), -1) for byte in token]
        parts = encode_word(symbols, ranks)
        most = size - len(spelled) + 1 if repair else 2
        cut = -1 in parts or _pieces(vocabulary.pretokenizer, token) > 1
        if cut or not 2 <= len(parts) <= most:
            unreachable.append(token)
            continue
        while len(parts) > 1:
            joined = spelled[parts[0]] + spelled[parts[1]]
            ranks[parts[0], parts[1]] = (
                len(model.merges) + len(merges),
                index.setdefault(joined, len(spelled)),
            )
            merges.append((parts[0], parts[1]))
            if index[joined] == len(spelled):
                spelled.append(joined)
            parts = encode_word(symbols, ranks)
    extended = _with(vocabulary, spelled, merges)
    new = range(len(vocabulary), len(spelled))
    between = np.array([i for i in new if spelled[i] not in wanted], np.int64)
    return Extension(vocabulary=extended, unreachable=tuple(unreachable), between=between)


def old_pieces(
    vocabulary: Vocabulary, extended: Vocabulary
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """What each new token of an extended vocabulary was before: (offsets, ids), ids of the old vocabulary, token after token.

    An embedding's row for new token `len(vocabulary) + i` begins well as the mean of the rows `ids[offsets[i]:offsets[i + 1]]`.
    """
    table = TokenTable.of(extended.tokens[i] for i in range(len(vocabulary), len(extended)))
    none = np.zeros(0, np.uint32)
    ids, offsets = (
        Tokenizer(vocabulary)
        .word_encoder()
        .encode(Text(data=table.data, offsets=table.offsets), prepend=none, append=none, missing_bytes="drop")
    )
    return np.asarray(offsets, np.int64), np.asarray(ids, np.uint32)


def unreachable_tokens(
    vocabulary: Vocabulary, ids: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.int64]:
    """Which of the tokens `ids` (all ordinary ones by default) their own bytes, as one word, do not encode to; ascending."""
    if ids is None:
        special = set(vocabulary.added_ids)
        ids = np.array([i for i, t in enumerate(vocabulary.tokens) if t and i not in special], np.int64)
    model = vocabulary.model
    if isinstance(model, ByteLevelBPE):
        vocabulary = replace(vocabulary, model=replace(model, ignore_merges=False))
    words = TokenTable.of(vocabulary.tokens[int(i)] for i in ids)
    none = np.zeros(0, np.uint32)
    values, lists = (
        Tokenizer(vocabulary)
        .word_encoder()
        .encode(Text(data=words.data, offsets=words.offsets), prepend=none, append=none, missing_bytes="drop")
    )
    alone = np.diff(lists) == 1
    right = np.zeros(len(ids), np.bool_)
    right[alone] = values[lists[:-1][alone]] == ids[alone]
    return ids[~right]


def _pieces(pretokenizer: Pretokenizer, token: bytes) -> int:
    """In how many pieces the whole characters of a token are cut: those at its ends may begin before it, or go on after it."""
    token = token.lstrip(CONTINUING)
    try:
        token.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            token = token[: error.start]
    text = Text(data=np.frombuffer(token, np.uint8), offsets=np.array([0, len(token)], np.int64))
    return sum(len(ends) for _, ends in pretokenizer.blocks(text))


def _with(vocabulary: Vocabulary, tokens: list[bytes], merges: list[tuple[int, int]]) -> Vocabulary:
    added = np.array(merges, np.int32).reshape(-1, 2)
    return replace(
        vocabulary,
        tokens=TokenTable.of(tokens),
        model=replace(byte_level(vocabulary.model), merges=np.concatenate([vocabulary.model.merges, added])),
    )
