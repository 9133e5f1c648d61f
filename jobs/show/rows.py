"""What people read of packed rows: their documents, decoded."""

import json
import sys
from typing import Any

import numpy as np

from pairloom.operators.errors import RecipeError
from pairloom.operators.schema import DOCUMENT, INPUT_IDS, OFFSET, SEGMENT_LENGTHS, SOURCE
from pairloom.operators.selection.order import document_numbers
from pairloom.operators.shown import printable
from pairloom.pipeline import Dataset
from pairloom.pipeline.stages.tokenize.shards import placed_shards
from pairloom.pipeline.store.files import read_batches

__all__ = ["show_rows"]


def show_rows(
    dataset: Dataset, split: str, start: int, count: int, width: int, *, as_json: bool = False
) -> None:
    """Print packed rows, decoded, with the boundaries of their documents; as JSON a line each, with whole texts."""
    vocabulary = dataset.vocabulary()
    rows = _rows(dataset, split, start, count)
    if not rows:
        raise RecipeError(f"there is no row {start} in split {split!r}")
    ids = _ids_of(dataset, {number for row in rows for number in row[DOCUMENT]})
    for number, row in enumerate(rows, start):
        if as_json:
            sys.stdout.write(json.dumps(_facts(dataset, number, row, ids)) + "\n")
            continue
        used = sum(row[SEGMENT_LENGTHS])
        sys.stdout.write(
            f"row {number}: {len(row[SEGMENT_LENGTHS])} segments, {used} tokens, "
            f"{len(row[INPUT_IDS]) - used} padding\n"
        )
        at = 0
        lists = (row[name] for name in (SEGMENT_LENGTHS, DOCUMENT, OFFSET))
        for i, (length, document, offset) in enumerate(zip(*lists, strict=True)):
            text = vocabulary.decode(row[INPUT_IDS][at : at + length]).decode("utf-8", "replace")
            where = f"from its token {offset}" if offset else "from its start"
            # Rows of early versions do not say of which source a document is.
            of = f" ({dataset.sources[row[SOURCE][i]]})" if SOURCE in row else ""
            sys.stdout.write(
                f"  {length:>6} tokens of {printable(str(ids.get(document, document)))}{of}, {where}\n"
            )
            short = text if len(text) <= width else f"{text[: width // 2]} … {text[-width // 2 :]}"
            sys.stdout.write(f"         {short!r}\n")
            at += length
    if len(rows) < count and not as_json:
        sys.stdout.write(f"{len(rows):,} of {count:,} rows: split {split!r} ends here\n")


def _facts(dataset: Dataset, number: int, row: dict[str, Any], ids: dict[int, str]) -> dict[str, Any]:
    """A row with the text of its segments."""
    vocabulary, at = dataset.vocabulary(), 0
    segments = []
    lists = (row[name] for name in (SEGMENT_LENGTHS, DOCUMENT, OFFSET))
    for i, (length, document, offset) in enumerate(zip(*lists, strict=True)):
        text = vocabulary.decode(row[INPUT_IDS][at : at + length]).decode("utf-8", "replace")
        source = dataset.sources[row[SOURCE][i]] if SOURCE in row else None
        facts = {"id": ids.get(document), "document": document, "source": source}
        segments.append(facts | {"offset": offset, "tokens": length, "text": text})
        at += length
    return {"row": number, "tokens": at, "padding": len(row[INPUT_IDS]) - at, "segments": segments}


def _rows(dataset: Dataset, split: str, start: int, count: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    at = 0
    for batch in dataset.batches(split):
        low, high = max(start - at, 0), min(start + count - at, batch.num_rows)
        if low < high:
            rows += batch.slice(low, high - low).to_pylist()
        at += batch.num_rows
        if at >= start + count:
            break
    return rows


def _ids_of(dataset: Dataset, wanted: set[int]) -> dict[int, str]:
    """The ids of documents by their numbers, looked up in the token shards."""
    found: dict[int, str] = {}
    for shard in placed_shards(dataset.objects, dataset.manifest.stage("tokenize")):
        for batch in read_batches(dataset.objects, shard.stored):
            ids, _ = shard.documents(batch)
            numbers = document_numbers(ids)
            for index in np.flatnonzero(np.isin(numbers, list(wanted))):
                found[int(numbers[index])] = ids[int(index)].as_py()
        if len(found) == len(wanted):
            break
    return found
