"""Learning in rounds beside one learner: seconds, where they go, rounds, and bytes between coordinator and partitions.

Run it as `python tests/bench/bench_sharded.py FILE.txt[,FILE.txt …] SIZE [PARTITIONS[,PARTITIONS …]] [RUNS]`. The words of
all files, each line a document, are counted first and not timed. `here` is processor time in one process, which does all
partitions' work; `Ray` is wall time with a member for each partition, on this machine, without starting Ray. Every result
is compared with that of the one learner, which learns anew before each run, so that what else the machine does weighs on
both. Figures are medians; ratios are to the one learner's time of the same kind. What a round takes is the longest that a
member works, what the coordinator decides in, and the rest, which is the way there and back.
"""

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import ray

from pairloom.operators import Pretokenizer, WordCounts, count_words, learn_bpe, merge_counts
from pairloom.operators.models.bpe.sharded import ByteWords, Coordinator, Partition, byte_ids, learn_sharded
from pairloom.pipeline.execution.ray.actors import RayWorkers
from pairloom.pipeline.execution.workers import LocalWorkers


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePost:
    """A member with the words of one file."""

    path: str
    memory: int = 0

    @property
    def label(self):
        return self.path

    def start(self):
        with pa.ipc.open_file(self.path) as reader:
            table = reader.read_all().combine_chunks()
        counts = WordCounts(words=table.column("word").chunk(0), counts=table.column("count").to_numpy())
        return Timed(Partition(ByteWords([counts], byte_ids(0), 256)))


@dataclass(slots=True)
class Timed:
    """A partition that says how long it worked, in seconds of wall."""

    partition: Partition

    def answer(self, message):
        start = time.perf_counter()
        reply = self.partition.answer(message)
        return reply, time.perf_counter() - start


def words_of(path):
    data = np.fromfile(path, np.uint8)
    ends = np.flatnonzero(data == ord("\n")) + 1
    offsets = np.unique(np.concatenate([[0], ends, [len(data)]])).astype(np.int64)
    lines = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return count_words(lines, Pretokenizer(scheme="gpt2"))


def posts_of(counts, parts, folder):
    specs = []
    for number, part in enumerate(counts.partition(parts)):
        path = str(Path(folder) / f"{parts}-{number}.arrow")
        table = pa.table({"word": part.words, "count": pa.array(part.counts)})
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        specs.append(FilePost(path=path))
    return specs


def learn(workers, size):
    """Merges, and figures: seconds from the first message on, what they went for, what was said and what was held."""
    coordinator = Coordinator(first=256, merges=size - 256)
    wall, busy = time.perf_counter(), time.process_time()
    asked, answered, working, away, pairs, held = [], [], 0.0, 0.0, 0, 0
    while (message := coordinator.next()) is not None:
        start = time.perf_counter()
        replies = workers.ask(message, coordinator.anew)
        away += time.perf_counter() - start
        working += max(seconds for _, seconds in replies)
        asked.append(message.nbytes)
        answered.append(sum(reply.nbytes for reply, _ in replies))
        coordinator.take([reply for reply, _ in replies])
        pairs, held = max(pairs, coordinator.pairs), max(held, coordinator.nbytes)
    wall = time.perf_counter() - wall
    facts = {
        "wall": wall,
        "busy": time.process_time() - busy,
        "rounds": coordinator.rounds,
        "working": 1000 * working / coordinator.rounds,
        "deciding": 1000 * (wall - away) / coordinator.rounds,
        "underway": 1000 * (away - working) / coordinator.rounds,
        "asked": sum(asked) / coordinator.rounds,
        "most asked": max(asked),
        "answered": sum(answered) / coordinator.rounds,
        "most answered": max(answered),
        "pairs": pairs,
        "held": held,
    }
    return coordinator.merges, facts


def one_learner(counts, size):
    """Its merges, seconds of wall and of processor."""
    wall, busy = time.perf_counter(), time.process_time()
    merges = learn_bpe(counts, size).model.merges
    return merges, time.perf_counter() - wall, time.process_time() - busy


def median(runs, name):
    return statistics.median(run[name] for run in runs)


def main():
    files, size = sys.argv[1].split(","), int(sys.argv[2])
    partitions = [int(n) for n in (sys.argv[3] if len(sys.argv) > 3 else "1,2,8").split(",")]
    runs = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    counts = merge_counts(words_of(path) for path in files)
    learn_sharded([WordCounts(words=counts.words[:99], counts=counts.counts[:99])], 300)  # loads the kernels
    learn_bpe(counts, size)
    total = sum(Path(path).stat().st_size for path in files)
    print(f"{total / 1e6:.0f} MB, {len(counts):,} words, {len(counts.words.buffers()[2]):,} symbols")
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as folder:
        for parts in partitions:
            specs = posts_of(counts, parts, folder)
            here, there = [], []
            for _ in range(runs):
                for results, make in (
                    (here, LocalWorkers),
                    (there, lambda specs: RayWorkers(specs, room=None)),
                ):
                    workers = make(specs)
                    learn(workers, 300)  # starts the members and loads their kernels
                    expected, wall, busy = one_learner(counts, size)
                    merges, facts = learn(workers, size)
                    workers.close()
                    assert np.array_equal(merges, expected), "the merges differ"
                    results.append(facts | {"one wall": wall, "one busy": busy})
            busy, one_busy = median(here, "busy"), median(here, "one busy")
            wall, one_wall = median(there, "wall"), median(there, "one wall")
            facts = here[0]
            print(
                f"{parts:4} partitions: {facts['rounds']} rounds; here {busy:.2f} s, one learner {one_busy:.2f} s "
                f"({busy / one_busy:.2f}x); Ray {wall:.2f} s, one learner {one_wall:.2f} s ({wall / one_wall:.2f}x)\n"
                f"     a round on Ray: {median(there, 'working'):.1f} ms of the slowest member, "
                f"{median(there, 'deciding'):.1f} ms of the coordinator, {median(there, 'underway'):.1f} ms on the way\n"
                f"     a round asks {facts['asked'] / 1e3:.1f} kB (most {facts['most asked'] / 1e3:.0f}) of each partition, "
                f"and all answer {facts['answered'] / 1e3:.0f} kB (most {facts['most answered'] / 1e3:.0f}); the coordinator "
                f"knows {facts['pairs']:,} pairs and holds {facts['held'] / 1e6:.1f} MB"
            )


if __name__ == "__main__":
    main()
