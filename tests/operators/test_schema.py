"""Columns say what they are in every file that holds them."""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators.schema import (
    INPUT_IDS,
    SOURCE_COLUMN,
    STRUCTURE,
    Column,
    columns_of,
    exchange_schema,
    export_schema,
    file_facts,
    ids_column,
    ids_dtype,
    leftover_schema,
    row_schema,
    seq_len_of,
    shard_schema,
)

IDS = ids_column(np.dtype(np.uint32), pad=9)
MASK = Column(name="loss_mask", dtype=np.dtype(np.uint8), pad=1, doc="what is to be predicted")
QUALITY = Column(name="quality", dtype=np.dtype(np.float32), of="document")
COLUMNS = (IDS, SOURCE_COLUMN, MASK, QUALITY)


def by_name(columns: tuple[Column, ...]) -> dict[str, Column]:
    return {column.name: column for column in columns}


@pytest.mark.parametrize(
    "schema",
    [
        shard_schema(IDS.dtype, "0" * 64, [MASK, QUALITY, SOURCE_COLUMN]),
        exchange_schema(COLUMNS),
        leftover_schema(COLUMNS, {"pad_id": 9}),
        row_schema(COLUMNS, 8, {"pad_id": 9}),
        export_schema(IDS.dtype, [MASK, QUALITY, SOURCE_COLUMN], {}),
    ],
)
def test_a_file_says_which_columns_it_has(schema: pa.Schema) -> None:
    found = by_name(columns_of(schema))
    assert set(found) == set(by_name(COLUMNS))
    for column in (MASK, QUALITY, SOURCE_COLUMN):
        assert found[column.name] == column
    assert ids_dtype(schema) == np.uint32
    assert found[INPUT_IDS].pad == file_facts(schema).get("pad_id", 0)
    again = pa.ipc.read_schema(schema.serialize())
    assert again.equals(schema, check_metadata=True)


def test_rows_of_the_first_format_have_the_columns_that_they_had() -> None:
    kind = pa.list_(pa.field("item", pa.uint16()), 4)
    old = pa.schema([pa.field("input_ids", kind), pa.field("document", pa.list_(pa.int64()))])
    assert [column.name for column in columns_of(old)] == [INPUT_IDS]
    assert seq_len_of(old) == 4


def test_shards_and_rows_without_further_columns_are_those_of_the_first_format() -> None:
    ids = pa.large_list(pa.field("item", pa.uint32()))
    assert shard_schema(IDS.dtype, "ab").equals(
        pa.schema(
            [
                pa.field("slice", pa.int32(), nullable=False),
                pa.field("row", pa.int64(), nullable=False),
                pa.field("id", pa.large_string()),
                pa.field("input_ids", ids, nullable=False),
            ],
            metadata={"pairloom.vocabulary": "ab"},
        ),
        check_metadata=True,
    )
    rows = row_schema([IDS], 8, {})
    assert rows.names == ["input_ids", "segment_lengths", "document", "offset"]
    assert all(field.metadata is None and not field.nullable for field in rows)


@pytest.mark.parametrize("name", [*sorted(STRUCTURE), "loss mask", "1st", ""])
def test_a_name_that_is_taken_or_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        Column(name=name, dtype=np.dtype(np.uint8))


@pytest.mark.parametrize(
    ("of", "dtype"), [("token", "int64"), ("token", "float64"), ("document", "bool"), ("document", "U4")]
)
def test_a_dtype_that_not_everybody_reads_is_refused(of: Any, dtype: str) -> None:
    with pytest.raises(ValueError, match="it can have"):
        Column(name="weight", dtype=np.dtype(dtype), of=of)


def test_names_of_columns_are_spelled_in_one_file() -> None:
    root, found = Path(__file__).parents[2], []
    for folder in ("operators", "pipeline", "jobs"):
        for file in (root / folder).rglob("*.py"):
            if file == root / "operators" / "schema.py":
                continue
            found += [
                f"{file.relative_to(root)}:{node.lineno}"
                for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
                if isinstance(node, ast.Constant) and node.value in {"input_ids", "segment_lengths"}
            ]
    assert not found
