"""Learning byte-pair merges from word counts, id for id as Hugging Face's `BpeTrainer` in byte-level mode."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts, merge_counts
from pairloom.operators.errors import CapacityError, CorruptionError
from pairloom.operators.learners import Parity, Progress, Shape, Target
from pairloom.operators.models.bpe.assembling import alphabet, assemble, check_options, first_tokens
from pairloom.operators.models.bpe.kernels.pairs import count_byte_pairs
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.learner import Learner, memory
from pairloom.operators.models.bpe.merges import checked_merges
from pairloom.operators.models.bpe.parity import Group, GroupLearner, group_amounts, group_sizes, text_size
from pairloom.operators.models.bpe.shaping import initial_bytes, merge_options, with_required
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["count_pairs", "learn_bpe", "learn_bpe_groups", "learn_memory"]


def count_pairs(counts: WordCounts) -> npt.NDArray[np.int64]:
    """How often each pair of adjacent bytes occurs: int64[256, 256], weighted by the words' counts.

    Raises CapacityError where a count would pass 2^63 - 1.
    """
    text = text_of(counts.words)
    pairs = np.zeros(1 << 16, np.int64)
    word = count_byte_pairs(text.data, text.offsets, counts.counts, pairs)
    if word >= 0:
        raise CapacityError(
            f"the count of a pair of bytes passes 2^63 - 1 at word {word}, {counts.words[word].as_py()!r}"
        )
    return pairs.reshape(256, 256)


def learn_bpe(
    counts: WordCounts,
    size: int,
    *,
    special_tokens: Sequence[str] = (),
    pretokenizer: Pretokenizer | None = None,
    normalizer: str = "none",
    min_count: int = 1,
    max_token_length: int | None = None,
    limit_alphabet: int | None = None,
    shape: Shape | None = None,
    merges: npt.NDArray[np.int32] | None = None,
    pairs: npt.NDArray[np.int64] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Vocabulary:
    """Learn a vocabulary of at most `size` tokens: the special tokens, the 256 bytes, then merges.

    The most frequent pair is merged first, among equal counts the one of smaller ids; a pair is counted at every position
    ("aaa" holds (a, a) twice). Learning ends early, without an error, when no pair occurs `min_count` times.

    `max_token_length`: merges make tokens of fewer bytes than this, except that two bytes are always merged (as Hugging
    Face has it). `limit_alphabet`: of the bytes that occur, only this many of the most frequent take part (of equally
    frequent ones those of smaller id); the others are taken out of the words, which makes their neighbours adjacent, but
    stay in the vocabulary, so that every text can be encoded. `shape` says both and more: see
    `Shape`; what is required takes the room of the last merges.
    `merges`, int32[m, 2] in final ids, are made first, without being questioned; learning goes on from there, so that
    what was interrupted after any number of merges ends in the same vocabulary.
    `pairs`, if given, must equal `count_pairs(counts)`; a difference means that words were lost on the way.
    `progress` is called now and then with (merges learned, merges wanted).

    Raises ValueError where an option is wrong or a special token spells a token of the vocabulary (they would share an id),
    CapacityError where a pair's count passes 2^63 - 1 or the words pass what 32 bits address, CorruptionError where
    `pairs` disagree, RecipeError for a required token that no text becomes.
    """
    shape = shape or Shape(max_token_length=max_token_length, limit_alphabet=limit_alphabet)
    specials = check_options(size, special_tokens, min_count=min_count)
    tokens = first_tokens(specials)
    first, options = len(tokens), merge_options(shape, tokens, size, pretokenizer or Pretokenizer())
    if pairs is not None and not np.array_equal(pairs, count_pairs(counts)):
        raise CorruptionError(
            "the given pair counts are not those of the words: words were lost or added on the way"
        )
    ids = alphabet([counts], len(specials), shape.limit_alphabet, initial_bytes(shape))
    given = None if merges is None else checked_merges(merges, first, size)
    learner = Learner(Layout.of_bytes([counts], ids), merges=size - first, **options)
    learned = learner.learn(min_count=min_count, given=given, progress=progress)
    if shape.required or shape.fillers:
        learned = with_required(learned, tokens, size, shape)
    return assemble(learned, specials, pretokenizer=pretokenizer, normalizer=normalizer)


def learn_bpe_groups(
    groups: Mapping[str | None, WordCounts], target: Target, *, progress: Progress | None = None
) -> Vocabulary:
    r"""Learn a vocabulary that treats groups alike: each merge is the most frequent pair of the group that is worst off.

    A pair must occur `min_count` times in that group. The first merges of `target.parity.first` are those of `learn_bpe` from all
    words; one group is all words, and has the same vocabulary. See `Parity`.

    >>> import pyarrow as pa
    >>> from pairloom.operators.counts import count_words
    >>> texts = ("the cat and the dog and the bird", "猫")
    >>> en, ja = (count_words(pa.array([text]), Pretokenizer()) for text in texts)
    >>> made = learn_bpe_groups({"en": en, "ja": ja}, Target(size=258, parity=Parity(unit="characters")))
    >>> made.tokens[256:]
    (b'\xe7\x8c', b'\xe7\x8c\xab')
    """
    shape, parity = target.shape, target.parity or Parity()
    specials = check_options(target.size, target.special_tokens, min_count=target.min_count)
    tokens = first_tokens(specials)
    options = merge_options(shape, tokens, target.size, target.pretokenizer)
    merges, counts = target.size - len(tokens), merge_counts(groups.values())
    ids = alphabet([counts], len(specials), shape.limit_alphabet, initial_bytes(shape))
    given = None
    if parity.first:
        learner = Learner(Layout.of_bytes([counts], ids), merges=min(parity.first, merges), **options)
        given = learner.learn(min_count=target.min_count, progress=progress)
        del learner
    laid_out = [
        Group(layout=Layout.of_bytes([one], ids), tokens=text_size(one), units=units)
        for one, units in zip(
            groups.values(), group_amounts(group_sizes(groups, parity), parity), strict=True
        )
    ]
    fair = GroupLearner(laid_out, merges=merges, window=parity.window, **options)
    learned = fair.learn(min_count=target.min_count, given=given, progress=progress)
    if shape.required or shape.fillers:
        learned = with_required(learned, tokens, target.size, shape)
    return assemble(learned, specials, pretokenizer=target.pretokenizer, normalizer=target.normalizer)


def learn_memory(words: int, symbols: int, merges: int) -> int:
    """How many bytes learning allocates at most, besides the word counts it is given.

    `words` and `symbols` are the distinct words and the bytes that they hold together, `merges` how many are wanted.
    A word takes 8 bytes, a symbol 4 for itself and up to 12 for the lists of positions (typically 6), a merge 256, and
    the tables of pairs 384 for each pair that is listed at a time, of which there are at most 2^18 + 2 * merges (more
    only where more pairs than that tie for the next merge).
    """
    return memory(words, symbols, merges)
