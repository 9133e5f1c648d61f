"""Megabytes of given ids per processor second, from Parquet to packed rows, to shards, and as little as there is to do for them.

Run it as `python tests/bench/bench_given.py [MILLION_TOKENS]`. Ids are int32 in Parquet, four bytes each, uncompressed, in
documents of about 2,000; one process does all. Kernels are compiled, and the vocabulary is made, before the clock runs.

The least is reading by pyarrow alone; and that with the ids as uint16, hashed by SHA-256 and written with fsync twice, as a run
does with shards and rows, without a look at any id, at their order or at what was written.
"""

import hashlib
import os
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


def reads(path):
    for batch in pq.ParquetFile(path).iter_batches(1024, use_threads=False):
        yield batch.column(0).flatten().to_numpy()


def writes(path, folder):
    """Read, and write twice what is durable of a run."""
    with (folder / "shards").open("wb") as shards, (folder / "rows").open("wb") as rows:
        hashes = {shards: hashlib.sha256(), rows: hashlib.sha256()}
        for ids in reads(path):
            narrow = ids.astype(np.uint16)
            for file, digest in hashes.items():
                file.write(narrow)
                digest.update(narrow)
        for file in hashes:
            file.flush()
            os.fsync(file.fileno())


def measured(name, tokens, work):
    before = spent()
    work()
    took = spent() - before
    print(f"{name:34} {4 * tokens / took / 1e6:5.0f} MB/s of processor time, {took:.2f} s", flush=True)


def main():
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        few, many = folder / "few.parquet", folder / "many.parquet"
        write(few, 100_000)
        tokens = write(many, millions * 1_000_000)
        run(recipe(folder, "warm", few))
        list(reads(few))
        measured("pyarrow reads", tokens, lambda: [None for _ in reads(many)])
        measured("reads, hashes and writes twice", tokens, lambda: writes(many, folder))
        for until in ("tokenize", None):
            asked, root = ({"until": until}, "to-shards") if until else ({}, "to-rows")
            measured(root, tokens, lambda asked=asked, root=root: run(recipe(folder, root, many), **asked))


if __name__ == "__main__":
    main()
