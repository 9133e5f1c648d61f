"""Superwords: a vocabulary whose later merges may join words (Liu et al., "SuperBPE: Space Travel for Language Models", 2025).

Learning has two stages. The first is ordinary BPE. For the second, text is cut by a weaker pretokenizer, which leaves
words and the spaces between them together; the first stage's merges are made in these longer pieces, and learning goes on
there. What the first stage leaves of a piece is all the second needs to know of it: a sequence of tokens, some four times
shorter than its bytes, so that pieces are handed on as that.

    base = learn_bpe(count_words(texts, Pretokenizer(scheme="superbpe")), 160_000)
    weaker = Pretokenizer(scheme="superwords")
    parts = [segment_words(base, count_words(part, weaker)) for part in texts]
    vocabulary = learn_superwords(base, parts, 200_000, pretokenizer=weaker)
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.encode import Tokenizer
from pairloom.operators.models.bpe.layout import Layout, TokenSequences
from pairloom.operators.models.bpe.learner import Learner, memory
from pairloom.operators.models.bpe.limits import PairLimits
from pairloom.operators.models.bpe.model import ByteLevelBPE, byte_level
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.spelling import check_unique
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = [
    "FORBID",
    "MAX_WORDS",
    "assemble_superwords",
    "checked_base",
    "learn_superwords",
    "segment_words",
    "superword_limits",
    "superwords_memory",
]

MAX_WORDS = 4
FORBID = (": ",)

_BATCH = 64 << 20  # bytes of pieces that are encoded at a time


def segment_words(base: Vocabulary, counts: WordCounts) -> TokenSequences:
    """The merges of `base` made in each word, whatever its pretokenizer would cut: the words as sequences of tokens.

    The words take 2 bytes a token where `base` has at most 65,536 tokens, else 4, and 16 a word.
    """
    whole = replace(base, pretokenizer=Pretokenizer(scheme="none"), normalizer="none")
    encoder = Tokenizer(whole).word_encoder(cut=True, remembering=True)
    text, none = text_of(counts.words), np.zeros(0, np.uint32)
    ids, offsets = [np.zeros(0, base.dtype)], [np.zeros(1, np.int64)]
    start = 0
    while start < len(text):
        stop = int(np.searchsorted(text.offsets, text.offsets[start] + _BATCH, "right")) - 1
        stop = min(max(stop, start + 1), len(text))
        part = Text(data=text.data, offsets=text.offsets[start : stop + 1])
        values, lists = encoder.encode(part, prepend=none, append=none)
        ids.append(values.copy())
        offsets.append(lists[1:] + offsets[-1][-1])
        start = stop
    return TokenSequences(ids=np.concatenate(ids), offsets=np.concatenate(offsets), counts=counts.counts)


def learn_superwords(
    base: Vocabulary,
    parts: list[TokenSequences],
    size: int,
    *,
    pretokenizer: Pretokenizer,
    max_words: int | None = MAX_WORDS,
    forbid: Sequence[str] = FORBID,
    min_count: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Vocabulary:
    """Go on learning from `base` in longer pieces, until the vocabulary has `size` tokens.

    `parts` are the pieces that `pretokenizer` cuts, segmented by `base`; they are taken out of the list as they are read.
    The most frequent pair is merged first, ties to the smaller ids, as in `learn_bpe`. A pair that would make a token of
    more than `max_words` words (parts between spaces that are not empty) or with one of `forbid` inside is passed over for
    good; None and () lift these limits, which the tokens of `base` need not keep. Learning ends early where no pair occurs
    `min_count` times.

    The vocabulary's pretokenizer is `pretokenizer`: text is encoded in one go, by all merges in the order of their ranks.
    Raises ValueError where `size` is below that of `base` or a token has the spelling of a special one, CapacityError where
    a pair's count passes 2^63 - 1 or the tokens of the pieces pass what 32 bits address.
    """
    checked_base(base, size)
    limits = superword_limits(base, max_words, forbid)
    learner = Learner(Layout.consuming_tokens(parts), first=len(base), merges=size - len(base), limits=limits)
    learned = learner.learn(min_count=min_count, progress=progress)
    return assemble_superwords(base, learned, pretokenizer)


def checked_base(base: Vocabulary, size: int) -> None:
    """ValueError where `size` is below that of `base`, or its merges cannot be gone on with."""
    if size < len(base):
        raise ValueError(f"size {size} is too small: the first stage has {len(base)} tokens already")
    model = base.model
    if not isinstance(model, ByteLevelBPE) or model.ignore_merges or model.ties_share_rank:
        raise ValueError(
            "superwords go on from merges that are made in the order of their ranks, and base has none"
        )


def superword_limits(base: Vocabulary, max_words: int | None, forbid: Sequence[str]) -> PairLimits | None:
    """The limits on what merges of the second stage make, if there are any."""
    if max_words is None and not forbid:
        return None
    strings = tuple(string.encode() for string in forbid)
    return PairLimits(tokens=base.tokens, max_words=max_words, forbid=strings)


def assemble_superwords(
    base: Vocabulary, learned: npt.NDArray[np.int32], pretokenizer: Pretokenizer
) -> Vocabulary:
    """`base` with the merges of the second stage (int32[m, 2], ids); RecipeError where one spells a special token."""
    tokens = list(base.tokens)
    for left, right in learned.tolist():
        tokens.append(tokens[left] + tokens[right])
    if base.special_ids == tuple(range(len(base.special_ids))):
        check_unique(tokens, base.special_tokens)
    return replace(
        base,
        tokens=TokenTable.of(tokens),
        model=replace(byte_level(base.model), merges=np.concatenate([base.model.merges, learned])),
        pretokenizer=pretokenizer,
    )


def superwords_memory(words: int, symbols: int, size: int, *, forbid: Sequence[str] = FORBID) -> int:
    """How many bytes `learn_superwords` allocates at most, besides the parts it is given.

    `words` and `symbols` are the pieces and the tokens that they hold together, `size` is that of the vocabulary. A piece
    takes 8 bytes, a token of it 4 for itself, 1 for the counting of pairs and up to 12 for the lists of positions.
    """
    reach = max((len(string.encode()) for string in forbid), default=1) - 1
    facts = (size + 1) * (9 + 2 * reach)
    spelled = 400 * size  # the tokens as Python's bytes, before and after
    return memory(words, symbols, size) + facts + spelled
