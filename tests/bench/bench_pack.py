"""Shuffling and packing beside a plain copy of the same bytes; planning rows beside TRL and OLMo-core, if installed.

Run it as `python tests/bench/bench_pack.py [MEGABYTES] [PROCESSES] [FOLDER]`; the defaults are 1000, all processors and a
temporary folder. Documents have log-normal lengths and random tokens. The copy reads, writes and syncs the token shards;
ours reads them, spreads them over partitions, orders, packs, writes, syncs, hashes, and reads what it wrote again.
"""

import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from pairloom.operators import Pretokenizer, Vocabulary
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.pack import gather, pack
from pairloom.operators.schema import shard_schema
from pairloom.pipeline import parse_recipe
from pairloom.pipeline.execution.base import Done
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.flow.prepare import PrepareTask
from pairloom.pipeline.stages.pack.tasks import pack_rows
from pairloom.pipeline.store.files import attempt_path, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Ledger, Receipt, claim

SHARD_BYTES = 64_000_000
BLOCK = 8 << 20
VOCABULARY = Vocabulary(
    tokens=(b"<|endoftext|>", *(bytes([i]) for i in range(256))),
    model=ByteLevelBPE(merges=np.zeros((0, 2), np.int64)),
    special_tokens=("<|endoftext|>",),
    pretokenizer=Pretokenizer(scheme="gpt2"),
)


def lengths_of(tokens, rng):
    lengths = np.maximum(1, rng.lognormal(6.2, 1.2, 2 + tokens // 300)).astype(np.int64)
    return lengths[np.cumsum(lengths) <= tokens]


class Processes:
    """An executor over processes of this machine."""

    def __init__(self, pool):
        self.pool = pool
        self.peaks = []
        self.seconds = 0.0

    def run(self, tasks, shared=None):
        for future in as_completed([self.pool.submit(measured, task, shared) for task in tasks]):
            receipt, peak, seconds = future.result()
            self.peaks.append(peak)
            self.seconds += seconds
            yield Done(step=receipt.stage, unit=receipt.unit, result=receipt)


def measured(task, shared):
    start = time.process_time()
    receipt = task.run(shared)
    return receipt, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, time.process_time() - start


def make_shards(root, megabytes):
    objects, rng = open_objects(root), np.random.default_rng(0)
    receipts = []
    for number in range(max(1, round(megabytes * 1e6 / SHARD_BYTES))):
        lengths = lengths_of(SHARD_BYTES // 2, rng)
        values = rng.integers(0, 257, lengths.sum(), np.uint16)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        schema = shard_schema(VOCABULARY.dtype, VOCABULARY.fingerprint)
        columns = [
            pa.array(np.zeros(len(lengths), np.int32)),
            pa.array(np.arange(len(lengths))),
            pa.nulls(len(lengths), pa.large_string()),
            pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values)).cast(
                schema.field("input_ids").type
            ),
        ]
        unit = f"{number:032d}"
        path = attempt_path("tokenize", unit, "tokens.arrow")
        with write_arrow(objects, path, schema, role="tokens") as writer:
            writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
            writer.facts.update(tokens=len(values))
        made = len(lengths)
        ledger = Ledger(documents_in=made, documents_out=made, tokens=len(values))
        receipt = Receipt(
            stage="tokenize",
            unit=unit,
            files=(writer.stored,),
            ledger=ledger,
            slices=((f"memory://{number}", made),),
        )
        receipts.append(claim(objects, receipt))
    return StageRecord(
        key="tokens",
        units=tuple(receipt.unit for receipt in receipts),
        files=tuple(receipt.file("tokens") for receipt in receipts),
        ledger=Ledger.sum(receipt.ledger for receipt in receipts),
    )


def copy(source, target):
    start = time.process_time()
    with source.open("rb", 0) as old, target.open("xb", 0) as new:
        while block := old.read(BLOCK):
            new.write(block)
        os.fsync(new.fileno())
    return time.process_time() - start


def copied(pool, files, folder):
    folder.mkdir()
    start = time.perf_counter()
    busy = sum(pool.map(copy, files, [folder / file.name for file in files]))
    seconds = time.perf_counter() - start
    shutil.rmtree(folder)
    return seconds, busy


def packed(executor, tokenized, root, settings):
    recipe = parse_recipe(f"root: {root}\ncorpus: [{{name: a, paths: [x]}}]", overrides=settings)
    plan = Plan(
        recipe=recipe,
        inputs=(),
        units=(),
        keys={"pack": "bench"},
        partitions=1,
        vocabulary=VOCABULARY,
        vocabulary_json=b"",
    )
    objects = open_objects(str(root))
    job = Job(
        plan=plan,
        objects=objects,
        observe=lambda _: None,
        executor=executor,
        records={"tokenize": tokenized},
    )
    start = time.perf_counter()
    record = pack_rows(job)
    seconds = time.perf_counter() - start
    for stage in ("exchange", "regroup", "pack"):
        for kind in ("data", "receipts"):
            shutil.rmtree(Path(root) / kind / stage, ignore_errors=True)
    return seconds, record


def whole(megabytes, processes, folder):
    context = get_context("spawn")
    with (
        tempfile.TemporaryDirectory(dir=folder) as name,
        ProcessPoolExecutor(processes, mp_context=context) as pool,
    ):
        tokenized = make_shards(name, megabytes)
        size = 2 * tokenized.ledger.tokens
        files = [Path(name) / file.path for file in tokenized.files]
        print(f"{size / 1e6:,.0f} MB of tokens in {len(files)} shards, {processes} processes, medians of 3")
        warm = [pool.submit(PrepareTask(schemes=("gpt2",)).run) for _ in range(2 * processes)]
        [future.result() for future in warm]
        ways = {
            "best_fit": [],
            "concat": ["pack.strategy=concat"],
            "best_fit, blocks": ["pack.shuffle.mode=block"],
            "buckets": ["pack.strategy=buckets"],
        }
        seconds = {name: [] for name in ("copy", *ways)}
        for _ in range(3):
            seconds["copy"].append(copied(pool, files, Path(name) / "copy"))
            for way, settings in ways.items():
                executor = Processes(pool)
                spent, record = packed(executor, tokenized, name, settings)
                seconds[way].append((spent, executor.seconds))
                facts = record.facts
                assert facts["tokens"] == tokenized.ledger.tokens
        medians = {
            way: [statistics.median(column) for column in zip(*values, strict=True)]
            for way, values in seconds.items()
        }
        for way, (spent, busy) in medians.items():
            print(
                f"{way:18}{size / spent / 1e9:7.2f} GB/s   takes {spent / medians['copy'][0]:5.2f} times as long as a copy, "
                f"and {busy / medians['copy'][1]:5.2f} times its processor time ({busy:.1f} s)"
            )
        print(f"peak resident memory of a process {max(executor.peaks) / 1e6:,.0f} MB")


def timed(run, repeats=3):
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        out = run()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), out


def planning(seq_len, documents):
    rng = np.random.default_rng(1)
    lengths = np.minimum(seq_len, np.maximum(1, rng.lognormal(6.2, 1.2, documents)).astype(np.int64))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = pa.LargeListArray.from_arrays(
        pa.array(offsets), pa.array(rng.integers(0, 50000, offsets[-1], np.uint16))
    )
    pack(lengths[:10], seq_len)
    gather(pack(lengths[:10], seq_len), tokens, 0)
    seconds, plan = timed(lambda: pack(lengths, seq_len))
    ideal = -(-int(lengths.sum()) // seq_len)
    print(f"{documents:,} documents of up to {seq_len:,} tokens into rows; at least {ideal:,} are needed")
    print(f"  pairloom, plan              {seconds:9.3f} s  {len(plan):9,} rows")
    base = seconds
    whole, _ = timed(lambda: gather(pack(lengths, seq_len), tokens, 0))
    print(f"  pairloom, plan and rows     {whole:9.3f} s  {len(plan):9,} rows")
    try:
        from olmo_core.data.utils import InstancePacker
    except ImportError:
        print("  OLMo-core is not installed")
    else:
        indices = np.stack([offsets[:-1], offsets[1:]], axis=1).astype(np.uint64)
        seconds, (rows, _, _) = timed(lambda: InstancePacker(seq_len).pack_documents(indices), 1)
        print(
            f"  OLMo-core, plan             {seconds:9.3f} s  {len(rows):9,} rows, {seconds / base:7.0f} × ours"
        )
    try:
        from datasets import Dataset
        from trl import pack_dataset
    except ImportError:
        print("  TRL is not installed")
    else:
        table = pa.table({"input_ids": tokens})
        dataset = Dataset(table).with_format("arrow")
        seconds, made = timed(
            lambda: pack_dataset(
                dataset,
                seq_len,
                strategy="bfd",
                map_kwargs={"batch_size": documents, "keep_in_memory": True, "load_from_cache_file": False},
            ),
            1,
        )
        print(
            f"  TRL, plan and rows          {seconds:9.3f} s  {made.num_rows:9,} rows, {seconds / whole:7.0f} × ours"
        )


def main():
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 1000
    processes = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1
    if megabytes:
        whole(megabytes, processes, sys.argv[3] if len(sys.argv) > 3 else None)
    for seq_len in (2048, 8192):
        planning(seq_len, 100_000)


if __name__ == "__main__":
    main()
