"""Learning in rounds beside one learner: seconds, rounds, and bytes between coordinator and partitions.

Run it as `python tests/bench/bench_sharded.py FILE.txt[,FILE.txt …] SIZE [PARTITIONS[,PARTITIONS …]] [RUNS]`. The words of
all files, each line a document, are counted first and not timed. `here` is processor time in one process, which does all
partitions' work; `Ray` is wall time with a member for each partition, on this machine, without starting Ray. Every result
is compared with that of the one learner. Figures are medians; ratios are to the one learner's in the same run.
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
from pairloom.operators.bpe.sharded import ByteWords, Coordinator, Partition, byte_ids, learn_sharded
from pairloom.pipeline.execution.crew import LocalCrew
from pairloom.pipeline.execution.ray_crew import RayCrew


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
        return Partition(ByteWords([counts], byte_ids(0), 256))


def words_of(path):
    data = np.fromfile(path, np.uint8)
    ends = np.flatnonzero(data == ord("\n")) + 1
    offsets = np.unique(np.concatenate([[0], ends, [len(data)]])).astype(np.int64)
    lines = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return count_words(lines, Pretokenizer(scheme="gpt2"))


def posts_of(counts, parts, folder):
    posts = []
    for number, part in enumerate(counts.partition(parts)):
        path = str(Path(folder) / f"{parts}-{number}.arrow")
        table = pa.table({"word": part.words, "count": pa.array(part.counts)})
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        posts.append(FilePost(path=path))
    return posts


def learn(crew, size):
    """Merges, seconds of wall and of this process's processor from the first round on, and what was said."""
    coordinator = Coordinator(first=256, merges=size - 256)
    wall, busy = time.perf_counter(), time.process_time()
    asked, answered, longest = [], [], 0
    while (message := coordinator.next()) is not None:
        replies = crew.ask(message, coordinator.anew)
        asked.append(message.nbytes)
        answered.append(sum(reply.nbytes for reply in replies))
        longest = max(longest, coordinator.pairs)
        coordinator.take(replies)
    facts = {
        "wall": time.perf_counter() - wall,
        "busy": time.process_time() - busy,
        "rounds": coordinator.rounds,
        "asked": sum(asked) / coordinator.rounds,
        "most asked": max(asked),
        "answered": sum(answered) / coordinator.rounds,
        "most answered": max(answered),
        "pairs": longest,
        "bytes a pair": coordinator.nbytes / longest,
    }
    return coordinator.merges, facts


def main():
    files, size = sys.argv[1].split(","), int(sys.argv[2])
    partitions = [int(n) for n in (sys.argv[3] if len(sys.argv) > 3 else "1,2,8").split(",")]
    runs = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    counts = merge_counts(words_of(path) for path in files)
    learn_sharded([WordCounts(words=counts.words[:99], counts=counts.counts[:99])], 300)  # loads the kernels
    single = []
    for _ in range(runs):
        start = time.process_time()
        expected = learn_bpe(counts, size).merges
        single.append(time.process_time() - start)
    one = statistics.median(single)
    total = sum(Path(path).stat().st_size for path in files)
    print(
        f"{total / 1e6:.0f} MB, {len(counts):,} words, {len(expected):,} merges; one learner {one:.2f} s of processor"
    )
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as folder:
        for parts in partitions:
            posts = posts_of(counts, parts, folder)
            here, there = [], []
            for _ in range(runs):
                for results, crew in ((here, LocalCrew(posts)), (there, RayCrew(posts, room=None))):
                    warm = Coordinator(first=256, merges=9).next()
                    crew.ask(warm, lambda warm=warm: (warm,))
                    merges, facts = learn(crew, size)
                    crew.close()
                    assert np.array_equal(merges, expected), "the merges differ"
                    results.append(facts)
            facts = here[0]
            seconds = statistics.median(run["busy"] for run in here)
            wall = statistics.median(run["wall"] for run in there)
            print(
                f"{parts:4} partitions: {facts['rounds']} rounds; here {seconds:.2f} s ({seconds / one:.2f}x), "
                f"Ray {wall:.2f} s ({wall / one:.2f}x), {1000 * wall / facts['rounds']:.1f} ms a round; a round asks "
                f"{facts['asked'] / 1e3:.1f} kB (most {facts['most asked'] / 1e3:.0f}) of each partition, and all answer "
                f"{facts['answered'] / 1e3:.0f} kB (most {facts['most answered'] / 1e3:.0f}); {facts['pairs']:,} pairs, "
                f"{facts['bytes a pair']:.0f} bytes each"
            )


if __name__ == "__main__":
    main()
