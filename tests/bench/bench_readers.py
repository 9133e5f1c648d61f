"""Megabytes of stored JSON lines per second: ours beside `pyarrow.json` and the standard library, in one process.

Run it as `python tests/bench/bench_readers.py FILE.jsonl`; each figure is the median of five runs after a warm one. The
peers are given the bytes in memory and stop at an Arrow column; ours opens the file, checks it and makes dead letters.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.json

from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

BLOCK = 16 << 20


def ours(path):
    source = CorpusSource(name="bench", paths=(str(path),))
    for unit in plan_units(source, list_inputs(source), 1 << 40):
        for piece in unit.slices:
            yield from (batch.content for batch in read(piece, Fields(), Limits(batch_bytes=BLOCK)))


def blocks(data):
    start = 0
    while start < len(data):
        stop = data.rfind(b"\n", start, start + BLOCK) + 1 or len(data)
        yield data[start:stop]
        start = stop


def by_pyarrow(data):
    schema = pa.schema([("text", pa.large_string())])
    parsing = pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    for block in blocks(data):
        reading = pa.json.ReadOptions(use_threads=False, block_size=len(block) + 1)
        table = pa.json.read_json(pa.BufferReader(block), read_options=reading, parse_options=parsing)
        yield table["text"].combine_chunks()


def by_the_library(data):
    for block in blocks(data):
        yield pa.array([json.loads(line)["text"] for line in block.split(b"\n") if line], pa.large_string())


def main():
    path = Path(sys.argv[1])
    data = path.read_bytes()
    peers = {
        "pairloom": lambda: ours(path),
        "pyarrow.json": lambda: by_pyarrow(data),
        "json": lambda: by_the_library(data),
    }
    expected = [text for array in by_the_library(data) for text in array.to_pylist()]
    seconds = {name: [] for name in peers}
    for name, run in peers.items():
        assert [text for array in run() for text in array.to_pylist()] == expected, name
    del expected
    for _ in range(5):
        for name, run in peers.items():
            start = time.perf_counter()
            for _array in run():
                pass
            seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds["pairloom"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(
            f"{name:14}{len(data) / median / 1e6:8.0f} MB/s   takes {median / base:5.2f} times as long as pairloom"
        )


if __name__ == "__main__":
    main()
