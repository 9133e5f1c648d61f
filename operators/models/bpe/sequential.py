"""Sequential BPE: each merge is found in a part of the text that no other merge has seen.

Rajaraman, Jiao and Ramchandran, "Toward a Theory of Tokenization in LLMs" (2024), prove for it what they cannot for BPE itself:
the counts that decide on a merge do not depend on the merges before it. Text is what it costs: a part for each merge.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.counts.drawing import drawn_words
from pairloom.operators.kernels.slots import empty_slots
from pairloom.operators.models.bpe.assembling import assemble, byte_ids, check_options
from pairloom.operators.models.bpe.kernels.sequential import NO_PAIR, add_merge, find_next, make_merges
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

__all__ = [
    "PART_WORDS",
    "apply_merges",
    "checked_sequence",
    "equal_parts",
    "find_merges",
    "learn_sequential",
]

PART_WORDS = (
    1 << 14
)  # of a part at most: the pair that is then the most frequent occurs hundreds of times at first, tens at last
LONGEST = 1 << 29  # ids of a sequence whose places, three for each, the kernels can number
BETWEEN = (1 << 31) - 1  # stands between words, and is in no pair


def learn_sequential(
    counts: WordCounts,
    size: int,
    *,
    special_tokens: Sequence[str] = (),
    pretokenizer: Pretokenizer | None = None,
    normalizer: str = "none",
    min_count: int = 1,
) -> Vocabulary:
    """Learn a byte-level BPE vocabulary of at most `size` tokens, each merge from words of its own.

    The words are gone through once, in the order of `drawn_words`: as many equal parts as there are merges, of `PART_WORDS` at
    most. In its part, after the merges so far, the most frequent pair is the next merge (of equals the one of smaller ids), until
    none occurs `min_count` times. Raises ValueError and RecipeError as `learn_bpe` does.

    >>> import pyarrow as pa
    >>> from pairloom.operators.counts import count_words
    >>> words = count_words(pa.array(["aab aab aab aab"]), Pretokenizer(scheme="whitespace"))
    >>> learn_sequential(words, 258).tokens[256:]
    (b'aa', b' aa')
    """
    specials = check_options(size, special_tokens, min_count=min_count)
    wanted = size - 256 - len(specials)
    of_part = min(PART_WORDS, max(1, counts.total // max(1, wanted)))
    text = text_of(counts.words)
    parts = (_symbols(text, places) for places in drawn_words(counts, of_part))
    found = find_merges(parts, 256, wanted, threshold=min_count)
    merges = np.array(found, np.int32).reshape(-1, 2) + np.int32(len(specials))
    return assemble(merges, specials, pretokenizer=pretokenizer, normalizer=normalizer)


def find_merges(
    parts: Iterable[npt.NDArray[np.int64]], symbols: int, most: int, *, threshold: int
) -> list[tuple[int, int]]:
    """A merge for each of the parts (ids below `symbols`, words apart by BETWEEN), up to `most`; merge k makes `symbols + k`.

    It is the most frequent pair of its part after the merges before it, of equals the one of smaller ids. There are no more
    where that does not occur `threshold` times.
    """
    pairs = np.empty((max(0, most), 2), np.int64)
    keys = empty_slots(len(pairs))
    ranks = np.empty(len(keys), np.int64)
    found = 0
    for part in parts if most > 0 else ():
        best = int(find_next(part, symbols, BETWEEN, threshold, pairs, found, keys, ranks))
        if best == NO_PAIR:
            break
        pairs[found] = best >> 32, best & 0xFFFFFFFF
        add_merge(keys, ranks, pairs, found)
        found += 1
        if found == most:
            break
    return [(left, right) for left, right in pairs[:found].tolist()]


def apply_merges(
    sequence: npt.NDArray[np.int64], merges: Sequence[tuple[int, int]], symbols: int
) -> npt.NDArray[np.int64]:
    """A sequence of ids below `symbols` with each merge made wherever it can be, one merge after another.

    Merge k makes `symbols + k` of two ids below that, each merge of another pair, as `find_merges` finds them.

    >>> apply_merges(np.array([2, 2, 2, 0, 1]), [(0, 1), (2, 2), (2, 3)], 3).tolist()
    [4, 5]
    """
    pairs = np.array(merges, np.int64).reshape(-1, 2)
    own = checked_sequence(sequence, symbols)
    if ((pairs < 0) | (pairs >= symbols + np.arange(len(pairs))[:, None])).any():
        raise ValueError("a merge is of ids that are below its own; these are not")
    if len(np.unique(pairs, axis=0)) < len(pairs):
        raise ValueError("each merge is of another pair; of these two are of the same")
    keys = empty_slots(len(pairs))
    out = np.empty(len(own), np.int64)
    left = make_merges(own, symbols, pairs, keys, np.empty(len(keys), np.int64), out)
    made: npt.NDArray[np.int64] = out[:left]
    return made


def equal_parts(sequence: npt.NDArray[np.int64], parts: int) -> Iterator[npt.NDArray[np.int64]]:
    """A sequence in so many parts, the first of which are longer by one where it does not come out even."""
    size, longer = divmod(len(sequence), max(1, parts))
    begin = 0
    for part in range(parts):
        end = begin + size + (part < longer)
        yield sequence[begin:end]
        begin = end


def checked_sequence(sequence: npt.NDArray[np.int64], symbols: int) -> npt.NDArray[np.int64]:
    """A sequence as int64; ValueError where it is too long, or has other ids than those below `symbols`."""
    own = np.array(sequence, np.int64)
    if len(own) > LONGEST:
        raise ValueError(f"{len(own):,} ids are too many, {LONGEST:,} at most; take a part of the text")
    if len(own) and not 0 <= int(own.min()) <= int(own.max()) < symbols:
        raise ValueError(
            f"the sequence has ids from {own.min()} to {own.max()}; they must be 0 to {symbols - 1}"
        )
    return own


def _symbols(text: Text, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The ids of the bytes of words, and BETWEEN after each."""
    starts, stops = text.offsets[places], text.offsets[places + 1]
    ends = np.cumsum(stops - starts + 1)
    out = np.full(int(ends[-1]), BETWEEN, np.int64)
    inside = np.ones(len(out), np.bool_)
    inside[ends - 1] = False
    at = np.arange(len(out)) + np.repeat(starts - (ends - (stops - starts + 1)), stops - starts + 1)
    out[inside] = byte_ids(0)[text.data[at[inside]]]
    return out
