"""Megabytes of given ids per processor second, from Parquet to packed rows, to shards, and read by pyarrow alone.

Run it as `python tests/bench/bench_given.py [MILLION_TOKENS]`. Ids are int32 in Parquet, four bytes each, uncompressed, in
documents of about 2,000; one process does all. Kernels are compiled, and the vocabulary is made, before the clock runs.
"""

import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pairloom.pipeline import run
from pairloom.pipeline.recipe import Recipe


def write(path, tokens):
    draw = np.random.default_rng(0)
    lengths = draw.integers(1000, 3000, tokens // 2000)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.array(draw.integers(0, 30000, offsets[-1], np.int32))
    )
    pq.write_table(
        pa.table({"ids": ids}), path, compression="none", use_dictionary=False, row_group_size=4096
    )
    return int(offsets[-1])


def recipe(folder, name, path):
    return Recipe.model_validate(
        {
            "root": str(folder / name),
            "corpus": [{"name": "codes", "paths": [str(path)], "tokens": "ids"}],
            "vocabulary": {"size": 30000},
            "pack": {"seq_len": 4096},
            "execution": {"engine": "local"},
        }
    )


def spent():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main():
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        few, many = folder / "few.parquet", folder / "many.parquet"
        write(few, 100_000)
        tokens = write(many, millions * 1_000_000)
        run(recipe(folder, "warm", few))
        before = spent()
        for batch in pq.ParquetFile(many).iter_batches(1024, use_threads=False):
            batch.column(0).flatten()
        took = spent() - before
        print(f"{'pyarrow reads':12} {4 * tokens / took / 1e6:8.0f} MB/s of processor time, {took:.2f} s")
        for until in ("tokenize", None):
            before = spent()
            run(recipe(folder, f"root-{until}", many), **({"until": until} if until else {}))
            took = spent() - before
            print(
                f"{until or 'packed rows':12} {4 * tokens / took / 1e6:8.0f} MB/s of processor time, {took:.2f} s"
            )


if __name__ == "__main__":
    main()
