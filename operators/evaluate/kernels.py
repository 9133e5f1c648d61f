"""The measures of a tokenizer: merges replayed and their rivals found, runs of digits, sums over words, merges undone."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.kernels.warmup import SAMPLE

__all__ = [
    "BYTES",
    "CHARACTERS",
    "DISTINCT",
    "LONGEST",
    "TOKENS",
    "WHOLE",
    "WORDS",
    "add_words",
    "digit_runs",
    "find_rivals",
    "lay_out_words",
    "list_adjacent",
    "merge_everywhere",
    "unmake_merges",
    "warm_up",
]

# The columns of `sums` of `add_words`.
WORDS, BYTES, CHARACTERS, TOKENS, WHOLE, DISTINCT = range(6)
# Its rows: the kinds of words.
TEXT, DIGITS, WHITESPACE, SYMBOLS, MIXED = range(5)
# Words of this many tokens or more share the last bin.
LONGEST = 16
# What a word has been seen to hold, a bit each.
_TEXT, _DIGITS, _SPACE, _SYMBOLS = 1, 2, 4, 8


@kernel
def lay_out_words(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    ids: npt.NDArray[np.int32],
    symbols: npt.NDArray[np.int32],
) -> int:
    """Write each word's symbols, then -1; a byte without a token (`ids` is int32[256]) is left out. How many are written."""
    n = 0
    for i in range(len(offsets) - 1):
        for j in range(offsets[i], offsets[i + 1]):
            symbol = ids[data[j]]
            if symbol >= 0:
                symbols[n] = symbol
                n += 1
        symbols[n] = -1
        n += 1
    return n


@kernel
def list_adjacent(
    symbols: npt.NDArray[np.int32],
    filled: int,
    weights: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    amounts: npt.NDArray[np.int64],
) -> int:
    """Write every pair of neighbours (left << 32 | right) and its word's weight; how many there are."""
    word = 0
    n = 0
    for i in range(filled - 1):
        if symbols[i] < 0:
            word += 1
        elif symbols[i + 1] >= 0:
            keys[n] = (np.int64(symbols[i]) << 32) | np.int64(symbols[i + 1])
            amounts[n] = weights[word]
            n += 1
    return n


@kernel
def merge_everywhere(
    symbols: npt.NDArray[np.int32],
    filled: int,
    weights: npt.NDArray[np.int64],
    left: int,
    right: int,
    product: int,
    keys: npt.NDArray[np.int64],
    amounts: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Make one merge in all words, in place, and note how it changes the counts of pairs; (symbols left, changes).

    One edit after another: what stands before an edit is as the one before left it. An edit takes two symbols and notes at
    most five changes.
    """
    word = 0
    n = 0
    out = 0
    i = 0
    while i < filled:
        symbol = symbols[i]
        if symbol == left and symbols[i + 1] == right:
            weight = weights[word]
            before = symbols[out - 1] if out > 0 else np.int32(-1)
            after = symbols[i + 2]
            keys[n] = (np.int64(left) << 32) | np.int64(right)
            amounts[n] = -weight
            n += 1
            if before >= 0:
                keys[n] = (np.int64(before) << 32) | np.int64(left)
                amounts[n] = -weight
                keys[n + 1] = (np.int64(before) << 32) | np.int64(product)
                amounts[n + 1] = weight
                n += 2
            if after >= 0:
                keys[n] = (np.int64(right) << 32) | np.int64(after)
                amounts[n] = -weight
                keys[n + 1] = (np.int64(product) << 32) | np.int64(after)
                amounts[n + 1] = weight
                n += 2
            symbols[out] = product
            out += 1
            i += 2
        else:
            if symbol < 0:
                word += 1
            symbols[out] = symbol
            out += 1
            i += 1
    return out, n


@kernel
def find_rivals(
    values: npt.NDArray[np.float64],
    order: npt.NDArray[np.int64],
    merged: npt.NDArray[np.int64],
    allowed: npt.NDArray[np.float64],
    begins: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    changes: npt.NDArray[np.float64],
    most: int,
    steps_out: npt.NDArray[np.int64],
    pairs_out: npt.NDArray[np.int64],
) -> int:
    """Walk the merges, and list the pairs whose value passes that of the pair merged next; how many are listed.

    `values` (float64[P]) are changed from step to step: step t adds `changes[i]` to `values[places[i]]` for i from
    `begins[t]` to `begins[t + 1]`. Before that, up to `most` pairs, those of the greatest values, are listed for t if they
    are above `values[merged[t]] + allowed[t]`. `order` is an
    arrangement of the pairs with values that do not rise.

    Pairs lie in a heap by a bound that is no less than their value: a value that rises above it moves up at once, one that
    falls is only looked at when its pair comes to the top.
    """
    heap = order.copy()
    spots = np.empty(len(order), np.int64)
    for spot in range(len(heap)):
        spots[heap[spot]] = spot
    bounds = values.copy()
    taken = np.empty(most, np.int64)
    n = 0
    for t in range(len(merged)):
        least = values[merged[t]] + allowed[t]
        held = 0
        while held < most and bounds[heap[0]] > least:
            top = heap[0]
            if values[top] < bounds[top]:
                bounds[top] = values[top]
            else:
                steps_out[n] = t
                pairs_out[n] = top
                n += 1
                taken[held] = top
                held += 1
                bounds[top] = -np.inf
            _sink(heap, spots, bounds, 0)
        for i in range(held):
            bounds[taken[i]] = values[taken[i]]
            _rise(heap, spots, bounds, spots[taken[i]])
        for i in range(begins[t], begins[t + 1]):
            pair = places[i]
            values[pair] += changes[i]
            if values[pair] > bounds[pair]:
                bounds[pair] = values[pair]
                _rise(heap, spots, bounds, spots[pair])
    return n


@inner
def _rise(
    heap: npt.NDArray[np.int64], spots: npt.NDArray[np.int64], bounds: npt.NDArray[np.float64], spot: int
) -> None:
    """Move a pair up to where no bound above it is less."""
    pair = heap[spot]
    while spot > 0:
        above = (spot - 1) >> 1
        if bounds[heap[above]] >= bounds[pair]:
            break
        heap[spot] = heap[above]
        spots[heap[spot]] = spot
        spot = above
    heap[spot] = pair
    spots[pair] = spot


@inner
def _sink(
    heap: npt.NDArray[np.int64], spots: npt.NDArray[np.int64], bounds: npt.NDArray[np.float64], spot: int
) -> None:
    """Move a pair down to where no bound below it is greater."""
    pair = heap[spot]
    while True:
        below = 2 * spot + 1
        if below >= len(heap):
            break
        if below + 1 < len(heap) and bounds[heap[below + 1]] > bounds[heap[below]]:
            below += 1
        if bounds[heap[below]] <= bounds[pair]:
            break
        heap[spot] = heap[below]
        spots[heap[spot]] = spot
        spot = below
    heap[spot] = pair
    spots[pair] = spot


@kernel
def digit_runs(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    digits: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Write the longest runs of digits one after another, and where each ends among them; (digits, runs)."""
    size = 0
    runs = 0
    for i in range(len(offsets) - 1):
        inside = False
        for j in range(offsets[i], offsets[i + 1]):
            if 0x30 <= data[j] <= 0x39:
                digits[size] = data[j]
                size += 1
                inside = True
            elif inside:
                ends[runs] = size
                runs += 1
                inside = False
        if inside:
            ends[runs] = size
            runs += 1
    return size, runs


@kernel
def add_words(
    data: npt.NDArray[np.uint8],
    words: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    ids: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    token_counts: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    tokens_per_word: npt.NDArray[np.int64],
) -> None:
    """Add up words (`data[words[i]:words[i + 1]]`, `counts[i]` times) and their tokens (`ids[offsets[i]:offsets[i + 1]]`).

    `token_counts`, `sums` and `tokens_per_word` are those of a `WordTally`.
    """
    for i in range(len(words) - 1):
        start = words[i]
        stop = words[i + 1]
        characters = 0
        seen = 0
        body = start
        while body < stop and data[body] == 0x20:
            body += 1
            characters += 1
        for j in range(body, stop):
            byte = data[j]
            if byte & 0xC0 != 0x80:
                characters += 1
            if byte >= 0x80 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A:
                seen |= _TEXT
            elif 0x30 <= byte <= 0x39:
                seen |= _DIGITS
            elif byte == 0x20 or 0x09 <= byte <= 0x0D:
                seen |= _SPACE
            else:
                seen |= _SYMBOLS
        kind = MIXED
        if seen == _TEXT:
            kind = TEXT
        elif seen == _DIGITS:
            kind = DIGITS
        elif seen == _SPACE or seen == 0:
            kind = WHITESPACE
        elif seen == _SYMBOLS:
            kind = SYMBOLS
        count = counts[i]
        tokens = offsets[i + 1] - offsets[i]
        for j in range(offsets[i], offsets[i + 1]):
            token_counts[ids[j]] += count
        sums[kind, WORDS] += count
        sums[kind, BYTES] += (stop - start) * count
        sums[kind, CHARACTERS] += characters * count
        sums[kind, TOKENS] += tokens * count
        if tokens == 1:
            sums[kind, WHOLE] += count
        sums[kind, DISTINCT] += 1
        tokens_per_word[min(tokens, LONGEST)] += count


@kernel
def unmake_merges(
    merges: npt.NDArray[np.int64],
    products: npt.NDArray[np.int64],
    used: npt.NDArray[np.int64],
    steps: npt.NDArray[np.int64],
) -> None:
    """Take tokens apart from the last merge to the first; `used` (int64[V]) becomes how often each was made in all.

    How often a merge's token was made is known once all that is built with it is taken apart.
    """
    for rank in range(len(products) - 1, -1, -1):
        count = used[products[rank]]
        steps[rank] = count
        used[merges[2 * rank]] += count
        used[merges[2 * rank + 1]] += count


def warm_up(schemes: tuple[str, ...]) -> None:
    """Tally, trace and take apart the words of the sample, and count its numbers."""
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.evaluate.curve import merge_steps
    from pairloom.operators.evaluate.mixture_inference import list_rivals
    from pairloom.operators.evaluate.numbers import count_numbers
    from pairloom.operators.evaluate.trace import merge_trace
    from pairloom.operators.evaluate.word_tally import tally_words
    from pairloom.operators.models.bpe import learn_bpe
    from pairloom.operators.text.pretokenize import Pretokenizer

    column = pa.array(SAMPLE)
    counts = count_words(column, Pretokenizer())
    vocabulary = learn_bpe(counts, 270)
    merge_steps(vocabulary, tally_words(vocabulary, counts).token_counts)
    merge_trace(vocabulary, counts, 2)
    nothing = np.zeros(1, np.int64)
    list_rivals(np.ones(2), nothing, np.zeros(1), np.zeros(2, np.int64), nothing, np.zeros(1))
    count_numbers(column)
