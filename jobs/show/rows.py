"""What people read of packed rows: their documents, decoded."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.schema import DOCUMENT, INPUT_IDS, OFFSET, SEGMENT_LENGTHS, SOURCE, Column
from pairloom.operators.selection.order import document_numbers
from pairloom.operators.shown import printable
from pairloom.pipeline import Dataset
from pairloom.pipeline.stages.tokenize.shards import placed_shards
from pairloom.pipeline.store.files import read_batches

__all__ = ["document_of", "show_rows", "show_stored"]


def show_rows(
    dataset: Dataset, split: str, start: int, count: int, width: int, *, as_json: bool = False
) -> None:
    """Print packed rows, decoded, with the boundaries of their documents; as JSON a line each, with whole texts."""
    rows = _rows(dataset, split, start, count)
    if not rows:
        raise RecipeError(f"there is no row {start} in split {split!r}")
    numbers = list(range(start, start + len(rows)))
    _show(dataset, dict(zip(numbers, rows, strict=True)), numbers, [{} for _ in rows], width, as_json=as_json)
    if len(rows) < count and not as_json:
        sys.stdout.write(f"{len(rows):,} of {count:,} rows: split {split!r} ends here\n")


def show_stored(
    dataset: Dataset,
    split: str,
    numbers: list[int],
    said: list[dict[str, Any]],
    width: int,
    *,
    seq_len: int | None = None,
    as_json: bool = False,
) -> None:
    """Print the rows of these numbers, in this order, each with what is `said` of it: `step` and `epoch`, say."""
    wanted = np.unique(numbers)
    found: dict[int, dict[str, Any]] = {}
    at = 0
    for batch in dataset.batches(split, seq_len=seq_len):
        inside = wanted[(wanted >= at) & (wanted < at + batch.num_rows)]
        if len(inside):
            rows = batch.take(pa.array(inside - at)).to_pylist()
            found |= dict(zip(inside.tolist(), rows, strict=True))
        at += batch.num_rows
        if len(found) == len(wanted):
            break
    _show(dataset, found, numbers, said, width, as_json=as_json)


def document_of(dataset: Dataset, name: str) -> int:
    """The number of a document that is named by its id; raises RecipeError where no shard of tokens has it."""
    number = int(document_numbers(pa.array([name], pa.large_string()))[0])
    if not _ids_of(dataset, {number}):
        raise RecipeError(
            f"no document of {dataset.objects.root} has the id {name!r}: `pairloom inspect` shows what ids look like"
        )
    return number


def _show(
    dataset: Dataset,
    rows: dict[int, dict[str, Any]],
    numbers: list[int],
    said: list[dict[str, Any]],
    width: int,
    *,
    as_json: bool,
) -> None:
    ids = _ids_of(dataset, {number for row in rows.values() for number in row[DOCUMENT]})
    columns = [one for one in dataset.columns.values() if one.of == "document" and one.name != SOURCE]
    for number, more in zip(numbers, said, strict=True):
        facts = more | _facts(dataset, columns, number, rows[number], ids)
        sys.stdout.write(json.dumps(facts) + "\n" if as_json else _in_words(facts, more, width))


def _in_words(facts: dict[str, Any], more: dict[str, Any], width: int) -> str:
    """A row as people read it: a line, and two for each of its documents."""
    before = "".join(f"{name} {value}, " for name, value in more.items())
    lines = [
        f"{before}row {facts['row']}: {len(facts['segments'])} segments, {facts['tokens']} tokens, {facts['padding']} padding"
    ]
    for one in facts["segments"]:
        where = f"from its token {one['offset']}" if one["offset"] else "from its start"
        # Rows of early versions do not say of which source a document is.
        of = f" ({one['source']})" if one["source"] is not None else ""
        where += "".join(f", {key} {_shown(value)}" for key, value in one.get("columns", {}).items())
        name = printable(str(one["document"] if one["id"] is None else one["id"]))
        text = one["text"]
        short = text if len(text) <= width else f"{text[: width // 2]} … {text[-width // 2 :]}"
        lines += [f"  {one['tokens']:>6} tokens of {name}{of}, {where}", f"         {short!r}"]
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "unknown" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _facts(
    dataset: Dataset, columns: Sequence[Column], number: int, row: dict[str, Any], ids: dict[int, str]
) -> dict[str, Any]:
    """A row with the text of its segments."""
    vocabulary, at = dataset.vocabulary(), 0
    segments = []
    lists = (row[name] for name in (SEGMENT_LENGTHS, DOCUMENT, OFFSET))
    for i, (length, document, offset) in enumerate(zip(*lists, strict=True)):
        text = vocabulary.decode(row[INPUT_IDS][at : at + length]).decode("utf-8", "replace")
        source = dataset.sources[row[SOURCE][i]] if SOURCE in row else None
        facts = {"id": ids.get(document), "document": document, "source": source}
        if columns:
            facts["columns"] = {column.name: column.said(row[column.name][i]) for column in columns}
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
