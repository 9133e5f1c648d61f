"""What people read of one file: Arrow or Parquet of anybody's, or a tokenizer."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.shown import printable

__all__ = ["is_file", "show_file"]

_TOKENIZERS = (".json", ".tiktoken")


def is_file(name: str) -> bool:
    """Whether this names a file of this machine, and no root."""
    return Path(name.removeprefix("file://")).is_file()


def show_file(name: str, start: int, count: int, width: int, *, as_json: bool = False) -> None:
    """Print what a file holds: its columns, how many rows, and some of these; or what a tokenizer does.

    Raises DataError for a file that is damaged, RecipeError for one of another kind.
    """
    path = Path(name.removeprefix("file://"))
    if path.suffix in _TOKENIZERS:
        facts, lines = _tokenizer(str(path))
    else:
        facts, lines = _table(path, start, count, width)
    sys.stdout.write(json.dumps(facts) + "\n" if as_json else "\n".join(lines) + "\n")


def _tokenizer(name: str) -> tuple[dict[str, Any], list[str]]:
    from pairloom.jobs.report.subjects import load_tokenizer

    found = load_tokenizer(name)
    longest = max(found.tokens, key=len)
    spells = found.model.spells  # else pretokenizer and normalizer are the library's, in the file
    facts = {
        "tokens": len(found),
        "family": found.model.name,
        "pretokenizer": str(found.pretokenizer) if spells else "of the file",
        "normalizer": found.normalizer if spells else "of the file",
        "special_tokens": list(found.special_tokens),
        "longest_token": longest.decode("utf-8", "replace"),
        "fingerprint": found.fingerprint,
    }
    return facts, [f"{key.replace('_', ' '):<16}{_short(value, 160)}" for key, value in facts.items()]


def _table(path: Path, start: int, count: int, width: int) -> tuple[dict[str, Any], list[str]]:
    schema, rows, taken = _read(path, start, count)
    told = json.loads((schema.metadata or {}).get(b"pairloom", b"null"))
    columns = {field.name: str(field.type) for field in schema}
    facts = {"rows": rows, "columns": columns, "pairloom": told, "first": taken.to_pylist()}
    lines = [f"{rows:,} rows, {len(columns)} columns"]
    lines += [f"  {printable(name):<20}{kind}" for name, kind in columns.items()]
    if told is not None:
        lines.append(f"pairloom: {_short(told, 4 * width)}")
    for number, row in enumerate(taken.to_pylist(), start):
        lines.append(f"row {number}")
        lines += [f"  {printable(name):<20}{_short(value, width)}" for name, value in row.items()]
    return facts, lines


def _read(path: Path, start: int, count: int) -> tuple[pa.Schema, int, pa.Table]:
    """The schema, the number of rows, and some of them."""
    with path.open("rb") as file:
        head = file.read(8)
    try:
        if head.startswith(b"PAR1"):
            with pq.ParquetFile(path) as parquet:
                return (
                    parquet.schema_arrow,
                    parquet.metadata.num_rows,
                    _some(parquet.iter_batches(), start, count, parquet.schema_arrow),
                )
        if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
            with pa.memory_map(str(path)) as source:
                if head.startswith(b"ARROW1"):
                    reader = pa.ipc.open_file(source)
                    batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
                else:
                    batches = list(pa.ipc.open_stream(source))
                    reader = pa.ipc.open_stream(pa.memory_map(str(path)))
                total = sum(batch.num_rows for batch in batches)
                return reader.schema, total, _some(batches, start, count, reader.schema)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    raise RecipeError(
        f"{path} is neither Arrow, Parquet, tokenizer.json nor .tiktoken: `pairloom init {path}` tells what a recipe "
        "would read of it"
    )


def _some(batches: Any, start: int, count: int, schema: pa.Schema) -> pa.Table:
    found, at = [], 0
    for batch in batches:
        low, high = max(start - at, 0), min(start + count - at, batch.num_rows)
        if low < high:
            found.append(batch.slice(low, high - low))
        at += batch.num_rows
        if at >= start + count:
            break
    return pa.Table.from_batches(found, schema)


def _short(value: Any, width: int) -> str:
    text = (
        json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)
    )
    text = printable(text)
    return text if len(text) <= width else f"{text[: width // 2]} … {text[-width // 2 :]}"
