"""Entropies of a text, and the cross-entropy of its tokens under their frequencies."""

import numpy as np
import numpy.typing as npt

__all__ = ["order_entropy", "unigram_bits"]


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
