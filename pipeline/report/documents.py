"""Documents as they were tokenized: their lengths by source, and those that the vocabulary does worst on.

A task a token shard: lengths add up, and of the worst documents of all shards the worst are the worst of all.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.distribution import Documents
from pairloom.operators.evaluate.surfaces import surface, surfaces
from pairloom.operators.kernels.hashing import hash_bytes, hash_text
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.text.arrays import Text
from pairloom.pipeline.audit.expected import flat, shards
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.tasks import Found, results
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import read_batches
from pairloom.pipeline.store.location import open_objects

__all__ = ["ShardTask", "document_facts", "spelled"]

WORST = 8
SHORTEST = 32  # documents of fewer tokens say little
SHOWN = 240  # tokens shown of a document
Bad: TypeAlias = tuple[float, int, dict[str, Any]]
"""Bytes per token of a document, a hash of how it begins, and what the report shows of it."""
TOKEN_BYTES = 4  # of text, about: how many tokens a sample of text is worth


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask:
    """The lengths of the documents of one token shard, and, where its `values` are read, the worst-tokenized of them."""

    root: str
    shard: PlacedShard
    values: bool
    step = "report"

    @property
    def unit(self) -> str:
        """The unit that the shard is of."""
        return f"tokens {self.shard.receipt.unit}"

    @property
    def label(self) -> str:
        """The shard."""
        return self.shard.stored.path

    def need(self) -> int:
        """A record batch, and the ends of its tokens."""
        return 500_000_000

    def run(self, shared: Vocabulary) -> Found:
        """Read, look at lengths, look at tokens."""
        documents = Documents.of(np.zeros(0, np.int64))
        worst: list[Bad] = []
        lengths = surfaces(shared).lengths.astype(np.int32)
        lengths[list(shared.reserved_ids)] = 0
        for batch in read_batches(open_objects(self.root), self.shard.stored):
            ids, starts, sizes = flat(batch.column(INPUT_IDS))
            documents += Documents.of(sizes)
            if self.values:
                ratio = _bytes_per_token(ids, starts, sizes, lengths)
                worst = _worst([*worst, *self._of_batch(shared, batch, ratio)])
        return Found(value=(documents, worst), documents=len(documents))

    def _of_batch(
        self, vocabulary: Vocabulary, batch: pa.RecordBatch, ratio: npt.NDArray[np.float64]
    ) -> list[Bad]:
        """The worst documents of a batch that begin differently; of those as bad as each other their names decide."""
        ids, starts, sizes = flat(batch.column(INPUT_IDS))
        long = np.flatnonzero(np.isfinite(ratio))
        if not len(long):
            return []
        begins = _beginnings(ids, starts[long])
        _, group, alike = np.unique(begins, return_inverse=True, return_counts=True)
        lowest = np.full(len(alike), np.inf)
        np.minimum.at(lowest, group, ratio[long])
        limit = np.partition(lowest, WORST - 1)[WORST - 1] if len(lowest) >= WORST else np.inf
        some = np.flatnonzero((ratio[long] == lowest[group]) & (lowest[group] <= limit))
        names = self.shard.documents(batch.take(pa.array(long[some])))[0].to_pylist()
        rows: dict[int, Bad] = {}
        for i in sorted(range(len(some)), key=lambda i: (ratio[long[some[i]]], names[i])):
            row, begin = int(long[some[i]]), int(begins[some[i]])
            if begin in rows:
                continue
            if len(rows) == WORST:
                break
            head = ids[starts[row] : starts[row] + min(SHOWN, int(sizes[row]))].tolist()
            about = {
                "source": self.shard.source,
                "document": names[i],
                "tokens": int(sizes[row]),
                "bytes_per_token": float(ratio[row]),
                "alike": int(alike[group[some[i]]]),
                "pieces": spelled(vocabulary, head),
            }
            rows[begin] = (float(ratio[row]), begin, about)
        return list(rows.values())


def document_facts(
    dataset: Dataset, vocabulary: Vocabulary, options: Options, executor: Executor
) -> dict[str, Any]:
    """The lengths of all documents, a row a source, and the worst-tokenized of all, or of some shards for a sample.

    Lengths include the tokens that the recipe puts around a document. For a sample, the values of shards are read in a
    fixed order until they hold as many tokens as its text may have. Documents that begin with the same tokens are one of the
    worst, the first by name of those with the fewest bytes a token, and `alike` says how many there are: at least so many,
    since a part of the corpus that has enough worse ones does not name its own.
    """
    made = list(shards(dataset))
    order = sorted(made, key=lambda one: hash_bytes(one.receipt.unit.encode(), options.seed))
    limit = np.inf if options.sample_bytes is None else options.sample_bytes / TOKEN_BYTES
    before = np.cumsum([0, *(one.stored.facts["tokens"] for one in order)])
    read = {one.receipt.unit for one, tokens in zip(order, before, strict=False) if tokens < limit}
    tasks = [ShardTask(root=dataset.objects.root, shard=one, values=one.receipt.unit in read) for one in made]
    by_source: dict[str, Documents] = {}
    worst: list[Bad] = []
    for place, (documents, some) in results(
        "tokens",
        tasks,
        sizes=[one.stored.bytes for one in made],
        executor=executor,
        observe=options.observe,
        shared=vocabulary,
    ):
        source = made[place].source
        by_source[source] = by_source[source] + documents if source in by_source else documents
        worst = _worst([*worst, *some])
    whole = sum(by_source.values(), Documents.of(np.zeros(0, np.int64)))
    rows = [{"source": "all"} | _facts(whole, options.seq_lens)]
    if len(by_source) > 1:
        rows += [{"source": name} | _facts(one, options.seq_lens) for name, one in sorted(by_source.items())]
    return {"documents": rows, "worst": [row for _, _, row in worst]}


def _facts(documents: Documents, seq_lens: tuple[int, ...]) -> dict[str, Any]:
    return {
        "documents": len(documents),
        "tokens": documents.tokens,
        "quantiles": documents.quantiles(),
        "histogram": documents.histogram(),
        "at_lengths": documents.at_lengths(seq_lens),
    }


def _bytes_per_token(
    ids: npt.NDArray[Any],
    starts: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int32],
) -> npt.NDArray[np.float64]:
    """Of each document; infinite for a short one."""
    ends = np.concatenate([[0], np.cumsum(lengths[ids], dtype=np.int64)])
    return np.where(sizes >= SHORTEST, (ends[starts + sizes] - ends[starts]) / np.maximum(sizes, 1), np.inf)


def _beginnings(ids: npt.NDArray[Any], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A hash of the first `SHORTEST` tokens of each document; those that begin the same have the same."""
    heads = np.ascontiguousarray(ids[starts[:, None] + np.arange(SHORTEST)], np.uint32)
    ends = np.arange(len(heads) + 1, dtype=np.int64) * SHORTEST * heads.itemsize
    return hash_text(Text(data=heads.view(np.uint8).reshape(-1), offsets=ends))


def _worst(rows: list[Bad]) -> list[Bad]:
    """The worst, each beginning once, with `alike`, how many of the documents looked at begin so."""
    kept: dict[int, Bad] = {}
    for ratio, begin, about in sorted(rows, key=lambda one: (one[0], one[2]["document"])):
        worse, _, first = kept.get(begin, (ratio, begin, about | {"alike": 0}))
        kept[begin] = (worse, begin, first | {"alike": first["alike"] + about["alike"]})
    return list(kept.values())[:WORST]


def spelled(vocabulary: Vocabulary, ids: list[int]) -> list[tuple[str, int]]:
    """Tokens as text with how many tokens each piece is: those that end inside a character are shown together.

    What is no UTF-8 even together is shown as replacement characters.
    """
    pieces: list[tuple[str, int]] = []
    held, count = b"", 0
    for i in ids:
        held, count = held + surface(vocabulary, i), count + 1
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
