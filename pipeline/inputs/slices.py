"""What a reader is given: a part of one input file, as it was when the run was planned."""

from dataclasses import dataclass

__all__ = ["InputFile", "Slice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One stored file.

    `uri` is canonical ("file:///data/x.jsonl", "s3://bucket/key"), `size` in stored bytes. `version` changes when the
    content does, as far as the file system can tell: an etag, a generation, a time of modification; "" if it tells
    nothing. `format` is one of jsonl, parquet, arrow, csv, text; `compression` one of none, gzip, zstd.
    """

    source: str
    uri: str
    size: int
    version: str
    format: str
    compression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a file, from `start` up to `stop`, of about `bytes` stored bytes.

    Plain jsonl: a range of bytes, meaning the lines that start in it. Parquet: row groups. Arrow files: record batches.
    Everything else is whole, [0, 1). The slices of a file have `bytes` that sum to its size.
    """

    file: InputFile
    start: int
    stop: int
    bytes: int
