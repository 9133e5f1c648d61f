"""What a report says of the tables of a recipe's statistics: the first rows of each, as people read them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Vocabulary
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.statistics.stage import by_source
from pairloom.pipeline.store.files import StoredFile, read_batches

__all__ = ["about_statistics"]

ROWS = 50
GROUPS = 20
SHOWN = (
    "ngrams",
    "duplicates",
    "repetition",
    "scripts",
    "characters",
    "domains",
    "contamination",
    "cooccurrence",
)
_IDS = {"ngrams": ("ngram",), "cooccurrence": ("left", "right")}


def about_statistics(dataset: Dataset, vocabulary: Vocabulary) -> dict[str, Any]:
    """The tables that people look at: `name`, `per`, how many `rows_in_all`, and the first `rows` of each group.

    Tokens have their text beside them (`text`); lengths are in powers of two. Contamination has `by_source` too.
    """
    files = {file.role: file for file in dataset.manifest.stage("statistics").files}
    found = []
    for statistic in Recipe.model_validate(dataset.manifest.recipe).tables:
        stored = files[statistic.title]
        per = None if statistic.name == "contamination" else statistic.per
        table: dict[str, Any] = {"name": statistic.name, "per": per, "rows_in_all": stored.rows}
        if statistic.name == "text_lengths":
            found.append(table | {"rows": _lengths(dataset, stored, per)})
        elif statistic.name in SHOWN:
            rows = [_read(row, statistic.name, vocabulary) for row in _first(dataset, stored, per)]
            found.append(table | {"rows": rows})
        if statistic.name == "contamination":
            found[-1]["by_source"] = by_source(stored.facts)
    return {"statistics": found} if found else {}


def _first(dataset: Dataset, stored: StoredFile, per: str | None) -> Iterator[dict[str, Any]]:
    """The first rows of a table, or of each of its first groups."""
    seen: Counter[Any] = Counter()
    for batch in read_batches(dataset.objects, stored):
        table = pa.Table.from_batches([batch])
        parts = [table] if per is None else _groups(table, per)
        for part in parts:
            group = None if per is None else part.column(per)[0].as_py()
            if group in seen or len(seen) < GROUPS:
                rows = part.slice(0, max(0, ROWS - seen[group])).to_pylist()
                seen[group] += len(rows)
                yield from rows
        if per is None and seen[None] >= ROWS:
            return


def _groups(table: pa.Table, per: str) -> Iterator[pa.Table]:
    """The parts of a table that are of one group each, which stand together."""
    runs = pc.run_end_encode(table.column(per).combine_chunks())
    start = 0
    for end in runs.run_ends.to_pylist():
        yield table.slice(start, end - start)
        start = end


def _read(row: dict[str, Any], name: str, vocabulary: Vocabulary) -> dict[str, Any]:
    """A row with the text of its tokens."""
    if name not in _IDS:
        return row
    ids = [row[column] for column in _IDS[name]]
    flat = ids[0] if name == "ngrams" else ids
    texts = [vocabulary.decode([one]).decode("utf-8", "backslashreplace") for one in flat]
    kept = {column: value for column, value in row.items() if column not in _IDS[name]}
    return {"text": "".join(texts) if name == "ngrams" else " \u2026 ".join(texts)} | kept


def _lengths(dataset: Dataset, stored: StoredFile, per: str | None) -> list[dict[str, Any]]:
    """How many documents, and how much of them, from each power of two to the next."""
    sums: dict[tuple[Any, str, int], list[int]] = {}
    for batch in read_batches(dataset.objects, stored):
        for row in batch.to_pylist():
            low = 1 << max(0, row["length"].bit_length() - 1) if row["length"] else 0
            both = sums.setdefault((row[per] if per else None, row["of"], low), [0, 0])
            both[0] += row["documents"]
            both[1] += row["total"]
    return [
        ({per: group} if per else {}) | {"of": of, "from": low, "documents": documents, "total": total}
        for (group, of, low), (documents, total) in sums.items()
    ]
