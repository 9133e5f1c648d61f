"""How much of a text's structure tokens carry by themselves: unigram cross-entropy beside entropies of the text.

Rajaraman, Jiao and Ramchandran, "Toward a Theory of Tokenization in LLMs" (2024): the best unigram model over the tokens
of a good dictionary comes near the entropy rate of the text, which over its symbols it does not. Everything is in bits
per symbol of the text, that is per byte where the text is bytes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["lzw_dictionary", "lzw_encode", "order_entropy", "sequential_bpe", "unigram_bits"]


def unigram_bits(
    train: npt.NDArray[np.int64], test: npt.NDArray[np.int64], symbols: int, *, prior: float = 0.0
) -> float:
    """The cross-entropy of tokens under their frequencies in other text, in bits per symbol of the text.

    `train` and `test` are int64[V], the counts of the tokens; `symbols` the length of the test text. `prior` is added to
    every count of `train`. Raises ValueError where a token of the test then has no probability.
    """
    model = train.astype(np.float64) + prior
    seen = test > 0
    if (model[seen] <= 0).any():
        missing = int((model[seen] <= 0).sum())
        raise ValueError(
            f"{missing} tokens of the test text are not in the training text; give a prior above 0"
        )
    if symbols <= 0:
        return 0.0
    return float(-(test[seen] * np.log2(model[seen] / model.sum())).sum() / symbols)


def order_entropy(data: bytes, order: int) -> float:
    """The empirical entropy of a byte given the `order` before it, in bits; orders up to 7.

    An estimate of the entropy rate from above, until contexts become so many that most occur once.
    """
    if not 0 <= order <= 7:
        raise ValueError(f"orders from 0 to 7 can be counted, got {order}")
    array = np.frombuffer(data, np.uint8).astype(np.uint64)
    count = len(array) - order
    if count <= 0:
        return 0.0
    contexts = np.zeros(count, np.uint64)
    for i in range(order):
        contexts = (contexts << np.uint64(8)) | array[i : i + count]
    blocks = (contexts << np.uint64(8)) | array[order:]
    return _bits(np.unique(blocks, return_counts=True)[1]) - _bits(np.unique(contexts, return_counts=True)[1])


def _bits(counts: npt.NDArray[np.int64]) -> float:
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def lzw_dictionary(data: bytes, size: int) -> list[bytes]:
    """The dictionary that LZW (Welch, 1984) grows to `size` entries in one pass: the 256 bytes, then what it met.

    >>> lzw_dictionary(b"ababab", 258)[256:]
    [b'ab', b'ba']
    """
    known = {bytes([byte]) for byte in range(256)}
    entries = sorted(known)
    start = 0
    while start < len(data) and len(entries) < size:
        end = start + 1
        while end < len(data) and data[start : end + 1] in known:
            end += 1
        if end < len(data):
            found = data[start : end + 1]
            known.add(found)
            entries.append(found)
        start = end
    return entries


def lzw_encode(data: bytes, dictionary: Sequence[bytes]) -> list[int]:
    """The greedy parse: at each place the longest entry of the dictionary. Every byte must be one.

    >>> lzw_encode(b"ababa", lzw_dictionary(b"ababab", 258))
    [256, 256, 97]
    """
    index = {entry: i for i, entry in enumerate(dictionary)}
    longest = max(map(len, dictionary))
    out = []
    start = 0
    while start < len(data):
        end = min(len(data), start + longest)
        while data[start:end] not in index:
            end -= 1
        out.append(index[data[start:end]])
        start = end
    return out


def sequential_bpe(
    sequence: npt.NDArray[np.int64], symbols: int, merges: int, *, threshold: int = 2
) -> tuple[list[tuple[int, int]], npt.NDArray[np.int64]]:
    """BPE that counts each merge's pairs on a part of the text that no other merge has seen.

    The sequence (ids below `symbols`) is cut into `merges` equal parts; in part k, after the merges found so far, the most
    frequent pair (of equals the smaller ids) is the next merge, until none occurs `threshold` times. Returns the merges,
    whose products are `symbols`, `symbols + 1`, ..., and the whole sequence encoded with them.
    """
    found: list[tuple[int, int]] = []
    for part in np.array_split(sequence, max(1, merges)):
        if len(found) >= merges:
            break
        own = _merged(part, found, symbols)
        if len(own) < 2:
            break
        width = np.int64(symbols + merges)
        keys, counts = np.unique(own[:-1] * width + own[1:], return_counts=True)
        best = int(np.argmax(counts))
        if counts[best] < threshold:
            break
        found.append((int(keys[best] // width), int(keys[best] % width)))
    return found, _merged(sequence, found, symbols)


def _merged(
    sequence: npt.NDArray[np.int64], merges: Sequence[tuple[int, int]], symbols: int
) -> npt.NDArray[np.int64]:
    out = sequence.astype(np.int64)
    for rank, (left, right) in enumerate(merges):
        hits = np.flatnonzero((out[:-1] == left) & (out[1:] == right))
        if left == right and len(hits):
            # Of a run of hits that follow each other, every second one stands, from the first.
            breaks = np.concatenate([[True], np.diff(hits) > 1])
            run_starts = np.maximum.accumulate(np.where(breaks, np.arange(len(hits)), 0))
            hits = hits[(np.arange(len(hits)) - run_starts) % 2 == 0]
        out[hits] = symbols + rank
        out = np.delete(out, hits + 1)
    return out
