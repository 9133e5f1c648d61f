"""What a text is about, as weights of its tokens: by how often it has them, and in how few documents of a corpus they are.

    weight of a token in a text = how often the text has it · ln(documents of the corpus / documents with the token)
    its probability             = weight / sum of the weights of the text

A model that learns to give this distribution for a text learns an embedding of it (Text2Token); as weights beside tokens they
say which of them matter (LexSemBridge). The papers leave the formula open; this one is ours.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["target_distributions"]

_COLUMNS = ("token", "documents", "idf")


def target_distributions(documents: Any, frequencies: pa.Table, *, leave_out: Sequence[int] = ()) -> pa.Table:
    """The weights and the distribution over the vocabulary of each document, sparse.

    `documents` are lists of ids (an Arrow array of lists, as `input_ids` of shards), `frequencies` the table of the statistic
    `document_frequency`. The table has a row for each document: `tokens` (large_list of uint32, ascending), `weights` and
    `probabilities` (large_lists of float64). Tokens that the statistic or this call leaves out have none, nor have those that all
    documents have, which say nothing; a document of nothing else has empty lists. A token that the corpus has not weighs as
    one that a single document has.

    Raises ValueError for another table, and for documents that are null.

    >>> frequencies = pa.table({"token": [5, 6, 7], "documents": [4, 1, 1], "idf": [0.0, np.log(4), np.log(4)]})
    >>> found = target_distributions(pa.array([[5, 6, 7, 6, 7, 7], [5]]), frequencies, leave_out=[9])
    >>> found["tokens"].to_pylist(), found["probabilities"].to_pylist()
    ([[6, 7], []], [[0.4, 0.6], []])
    """
    missing = [name for name in _COLUMNS if name not in frequencies.column_names]
    if missing:
        raise ValueError(
            f"frequencies must be the table of the statistic document_frequency, and has no column {', '.join(missing)}: "
            f"it has {', '.join(frequencies.column_names)}"
        )
    known = frequencies.column("token").to_numpy().astype(np.uint64)
    if (known[1:] <= known[:-1]).any():
        raise ValueError(
            "frequencies must have each token once, ascending: take one group of `per` at a time"
        )
    idf = frequencies.column("idf").to_numpy()
    left_out = [*leave_out, *json.loads((frequencies.schema.metadata or {}).get(b"leave_out", b"[]"))]
    lists = documents.combine_chunks() if isinstance(documents, pa.ChunkedArray) else documents
    if lists.null_count:
        raise ValueError(
            "documents must be lists of ids, without nulls: take out what has none, or give it an empty list"
        )
    lengths = np.asarray(lists.value_lengths().to_numpy(zero_copy_only=False), np.int64)
    ids = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), np.uint64)
    document, tokens, times = _terms(ids, lengths)
    weights = times * _of_tokens(tokens, known, idf, _single(frequencies))
    kept = (weights > 0) & ~np.isin(tokens, np.array(left_out, np.uint64))
    document, tokens, weights = document[kept], tokens[kept], weights[kept]
    first = np.searchsorted(document, np.arange(len(lengths) + 1))
    sums = np.bincount(document, weights, len(lengths))
    columns = {
        "tokens": tokens.astype(np.uint32),
        "weights": weights,
        "probabilities": weights / sums[document],
    }
    return pa.table(
        {
            name: pa.LargeListArray.from_arrays(pa.array(first, pa.int64()), pa.array(values))
            for name, values in columns.items()
        }
    )


def _terms(
    ids: npt.NDArray[np.uint64], lengths: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Which document has which token how often, by document and then by token."""
    low = np.uint64(0xFFFFFFFF)
    document = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    found, times = np.unique(document << np.uint64(32) | ids, return_counts=True)
    return (found >> np.uint64(32)).astype(np.int64), found & low, times


def _of_tokens(
    tokens: npt.NDArray[np.uint64],
    known: npt.NDArray[np.uint64],
    idf: npt.NDArray[np.float64],
    single: float,
) -> npt.NDArray[np.float64]:
    """The inverse document frequency of each token."""
    if not len(known):
        return np.full(len(tokens), single)
    place = np.minimum(np.searchsorted(known, tokens), len(known) - 1)
    return np.where(known[place] == tokens, idf[place], single)


def _single(frequencies: pa.Table) -> float:
    """That of a token of a single document: ln(documents of the corpus), as any row says it."""
    if not frequencies.num_rows:
        return 0.0
    return float(frequencies["idf"][0].as_py() + np.log(frequencies["documents"][0].as_py()))
