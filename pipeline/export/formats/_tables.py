"""What the formats that hold Arrow tables share: types that everybody reads."""

import pyarrow as pa

__all__ = ["cast", "portable"]


def portable(schema: pa.Schema) -> pa.Schema:
    """The schema with offsets of 32 bits, which everybody reads, and without `not null`, which few expect."""

    def narrow(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_large_list(kind):
            return pa.list_(kind.value_field)
        return pa.string() if pa.types.is_large_string(kind) else kind

    fields = [pa.field(field.name, narrow(field.type), metadata=field.metadata) for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
