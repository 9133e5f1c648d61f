"""The loader against bare Arrow: python tests/bench/bench_loader.py [--rows N] [--seq-len N] [--batch N] [--workers N].

Random packed rows are written to a folder (kept in `--folder`, by default a temporary one) and read: bare, each file
mapped and every byte of each record batch touched; by the loader, in the stored and in a seeded order, every byte of
each batch touched; and as tensors, where torch is installed. Everything takes turns, `--repeat` times. Figures are rows
a second of processor time over all threads, and of wall time with workers; medians, from files that the system caches.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators.schema import ids_column, row_schema
from pairloom.pipeline.dataset.loader import Loader
from pairloom.pipeline.dataset.stream import rows_a_block
from pairloom.pipeline.store.files import StoredFile, open_arrow, write_arrow
from pairloom.pipeline.store.objects import LocalObjects

FILE_TOKENS = 16 << 20
SEGMENTS = 3  # documents in a row


def made(objects: LocalObjects, rows: int, seq_len: int) -> list[StoredFile]:
    """Packed rows of random ids, as the pack stage writes them: in record batches of 1,024 rows."""
    schema = row_schema([ids_column(np.dtype(np.uint16))], seq_len, {"split": "train"})
    rng, usual, files = np.random.default_rng(0), rows_a_block(seq_len), []
    while rows:
        count = min(rows, FILE_TOKENS // seq_len)
        with write_arrow(objects, f"{len(files)}.arrow", schema, role="train") as writer:
            for start in range(0, count, usual):
                size = min(usual, count - start)
                ids = pa.array(rng.integers(0, 50_000, size * seq_len, dtype=np.uint16))
                edges = pa.array(np.arange(size + 1, dtype=np.int32) * SEGMENTS)
                lengths = np.full(size * SEGMENTS, seq_len // SEGMENTS, np.int32)
                lengths[::SEGMENTS] += seq_len % SEGMENTS
                numbers = pa.array(rng.integers(0, 1 << 60, size * SEGMENTS))
                columns = [
                    pa.FixedSizeListArray.from_arrays(ids, seq_len),
                    pa.ListArray.from_arrays(edges, pa.array(lengths)),
                    pa.ListArray.from_arrays(edges, numbers),
                    pa.ListArray.from_arrays(edges, numbers),
                ]
                arrays = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
                writer.write(pa.RecordBatch.from_arrays(arrays, schema=schema))
            writer.facts["seq_len"] = seq_len
        assert writer.stored is not None
        files.append(writer.stored)
        rows -= count
    return files


def touch(batch: Any) -> int:
    """Read every byte of the tokens, and say how many rows there were."""
    column = batch.column("input_ids")
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        chunk.flatten().to_numpy().max()
    return int(batch.num_rows)


def bare(objects: LocalObjects, files: list[StoredFile]) -> Iterator[pa.RecordBatch]:
    for stored in files:
        with open_arrow(objects, stored) as reader:
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i)


def cases(
    objects: LocalObjects, files: list[StoredFile], batch: int, workers: int
) -> dict[str, Callable[[], int]]:
    """What is measured: each call reads all rows and says how many."""

    def loader(seed: int | None, size: int = batch, prefetch: int = 2) -> Loader:
        return Loader(
            objects=objects,
            files=tuple(files),
            identity={"split": "train"},
            batch_size=size,
            rank=0,
            world_size=1,
            seed=seed,
            epoch=0,
            epochs=1,
            prefetch=prefetch,
        )

    out: dict[str, Callable[[], int]] = {
        "bare Arrow, a record batch at a time": lambda: sum(map(touch, bare(objects, files))),
        "bare Arrow, cut into batches": lambda: sum(
            touch(rows.slice(at, batch)) for rows in bare(objects, files) for at in range(0, len(rows), batch)
        ),
        "loader, stored order": lambda: sum(map(touch, loader(None))),
        "loader, seeded order": lambda: sum(map(touch, loader(1))),
        "loader, seeded order, nothing ahead": lambda: sum(map(touch, loader(1, prefetch=0))),
        "loader, seeded order, batches of 256": lambda: sum(map(touch, loader(1, 256))),
    }
    try:
        from torch.utils.data import DataLoader

        from pairloom.pipeline.dataset.torch import TorchRows
    except ImportError:
        return out

    def tensors(rows: Any) -> int:
        total = 0
        for one in rows:
            one["input_ids"].max()
            total += len(one["input_ids"])
        return total

    plain = ("input_ids",)
    full = ("input_ids", "labels", "position_ids")
    varlen = ("input_ids", "labels", "position_ids", "cu_seqlens", "max_seqlen")
    for name, columns in (("input_ids", plain), ("labels, positions", full), ("and cu_seqlens", varlen)):
        out[f"torch, seeded: {name}"] = lambda columns=columns: tensors(TorchRows(loader(1), columns=columns))
    out[f"torch, seeded: labels, positions, {workers} workers (wall)"] = lambda: tensors(
        DataLoader(TorchRows(loader(1), columns=full), batch_size=None, num_workers=workers)
    )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--seq-len", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    choice = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=choice.folder) as folder:
        objects = LocalObjects(folder)
        files = made(objects, choice.rows, choice.seq_len)
        todo = cases(objects, files, choice.batch, choice.workers)
        times: dict[str, list[float]] = {name: [] for name in todo}
        for turn in range(choice.repeat + 1):
            for name, call in todo.items():
                clock = time.perf_counter if "wall" in name else time.process_time
                start = clock()
                rows = call()
                if turn:  # the first turn compiles, and fills the caches
                    times[name].append(clock() - start)
                assert choice.rows - 256 < rows <= choice.rows  # a last batch that is short is left out
    size = sum(file.bytes for file in files)
    print(f"{choice.rows} rows of {choice.seq_len} tokens, {size / 1e6:.0f} MB, batches of {choice.batch}")
    rate = {name: choice.rows / statistics.median(found) for name, found in times.items()}
    reference = rate["bare Arrow, cut into batches"]
    for name, found in rate.items():
        megabytes = found * size / choice.rows / 1e6
        print(f"{name:48} {found:10,.0f} rows/s {megabytes:8,.0f} MB/s {found / reference:6.2f}")


if __name__ == "__main__":
    main()
