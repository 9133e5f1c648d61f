"""Documents as they were tokenized: their lengths by source, and those that the vocabulary does worst on."""

from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.distribution import Documents
from pairloom.operators.hashing import hash_bytes
from pairloom.operators.vocabulary.tokens import TokenTable
from pairloom.pipeline.segments import flat, shards
from pairloom.pipeline.stages.shards import PlacedShard
from pairloom.pipeline.store.dataset import Dataset
from pairloom.pipeline.store.files import read_batches

__all__ = ["document_facts", "spelled"]

READ_TOKENS = 200_000_000  # in whole shards, of which at least one is read
WORST = 8
SHORTEST = 32  # documents of fewer tokens say little
SHOWN = 240  # tokens shown of a document


def document_facts(dataset: Dataset, vocabulary: Vocabulary, seq_lens: tuple[int, ...]) -> dict[str, Any]:
    """The lengths of all documents, a row a source, and the worst-tokenized of the shards that are read.

    Lengths include the tokens that the recipe puts around a document. Shards are read in a fixed order until they hold 200
    million tokens.
    """
    by_source: dict[str, Documents] = {}
    worst: list[tuple[float, dict[str, Any]]] = []
    lengths = TokenTable.of(vocabulary.tokens).lengths.astype(np.int32)
    lengths[list(vocabulary.special_ids)] = 0
    made = list(shards(dataset))
    read = 0
    for shard in sorted(made, key=lambda one: hash_bytes(one.receipt.unit.encode())):
        source = shard.source
        values = read < READ_TOKENS
        for batch in read_batches(dataset.objects, shard.stored):
            ids, starts, sizes = flat(batch.column("input_ids"))
            by_source[source] = by_source.get(source, Documents.of(np.zeros(0, np.int64))) + Documents.of(
                sizes
            )
            if values and len(sizes):
                read += len(ids)
                worst = _worst(worst, vocabulary, batch, (ids, starts, sizes), lengths, shard)
    whole = sum(by_source.values(), Documents.of(np.zeros(0, np.int64)))
    rows = [{"source": "all"} | _facts(whole, seq_lens)]
    if len(by_source) > 1:
        rows += [{"source": name} | _facts(one, seq_lens) for name, one in sorted(by_source.items())]
    return {"documents": rows, "worst": [row for _, row in worst]}


def _facts(documents: Documents, seq_lens: tuple[int, ...]) -> dict[str, Any]:
    return {
        "documents": len(documents),
        "tokens": documents.tokens,
        "quantiles": documents.quantiles(),
        "histogram": documents.histogram(),
        "at_lengths": documents.at_lengths(seq_lens),
    }


def _worst(
    worst: list[tuple[float, dict[str, Any]]],
    vocabulary: Vocabulary,
    batch: pa.RecordBatch,
    tokens: tuple[Any, Any, Any],
    lengths: np.ndarray[Any, np.dtype[np.int32]],
    shard: PlacedShard,
) -> list[tuple[float, dict[str, Any]]]:
    """The documents of fewest bytes a token among those so far and those of a batch, the worst first."""
    ids, starts, sizes = tokens
    long = np.flatnonzero(sizes >= SHORTEST)
    if not len(long):
        return worst
    ends = np.concatenate([[0], np.cumsum(lengths[ids], dtype=np.int64)])
    ratio = (ends[starts[long] + sizes[long]] - ends[starts[long]]) / sizes[long]
    names = shard.documents(batch)[0]
    for at in np.argsort(ratio, kind="stable")[:WORST]:
        row = int(long[at])
        head = ids[starts[row] : starts[row] + min(SHOWN, int(sizes[row]))].tolist()
        found = {
            "source": shard.source,
            "document": names[row].as_py(),
            "tokens": int(sizes[row]),
            "bytes_per_token": float(ratio[at]),
            "pieces": spelled(vocabulary, head),
        }
        worst = [*worst, (float(ratio[at]), found)]
    return sorted(worst, key=lambda one: (one[0], one[1]["document"]))[:WORST]


def spelled(vocabulary: Vocabulary, ids: list[int]) -> list[tuple[str, int]]:
    """Tokens as text with how many tokens each piece is: those that end inside a character are shown together.

    What is no UTF-8 even together is shown as replacement characters.
    """
    pieces: list[tuple[str, int]] = []
    held, count = b"", 0
    for i in ids:
        held, count = held + vocabulary.tokens[i], count + 1
        try:
            pieces.append((held.decode(), count))
        except UnicodeDecodeError:
            if count < 4:
                continue
            pieces.append((held.decode("utf-8", "replace"), count))
        held, count = b"", 0
    if count:
        pieces.append((held.decode("utf-8", "replace"), count))
    return pieces
