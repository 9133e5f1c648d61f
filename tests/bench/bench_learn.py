"""Seconds and memory from a text file to merges: ours beside gigabpe and gigatoken, each in a process of its own.

Run it as `python tests/bench/bench_learn.py FILE.txt SIZE [RUNS]`. The processes take turns; figures are medians. Kernels
are loaded before the clock starts. Every line, ending included, is a document, as gigabpe has it (gigatoken takes the
file as one); ours reads the file in units of 8 MB; "together", a thread for each processor counts, as workers do. A peer's time to count is that of learning hardly any
merge, its time to learn what the rest takes; the peers use as many threads as there are processors, ours one. Memory is
the growth of the resident set at its peak, the text included where it is held. The merges of gigabpe are compared with
ours, as text.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.machine import peak

UNIT = 8 << 20
PEERS = ("pairloom", "pairloom together", "gigabpe", "gigatoken")


def resident():
    return peak() / 1e6


def count_parts(file, lock, pretokenizer):
    """The words of the parts of a file that nobody else has taken."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators import WordCounter

    counter = WordCounter(pretokenizer)
    while True:
        with lock:
            part = file.read(UNIT)
            part += file.readline()
        if not part:
            return counter.finish()
        ends = pa.py_buffer(np.array([0, len(part)], np.int64))
        counter.add(pa.LargeBinaryArray.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(part)]))


def ours(path, size, threads=1):
    import pyarrow as pa

    from pairloom.operators import Pretokenizer, count_words, learn_bpe, merge_counts

    pretokenizer = Pretokenizer(scheme="gpt2", lines=True)
    few = count_words(pa.array(["some words to load the kernels, ünd łetters\n"]), pretokenizer)
    learn_bpe(merge_counts([few, few]), 300)
    before = resident()
    start = time.perf_counter()
    with path.open("rb") as file, ThreadPoolExecutor(threads) as pool:
        lock = threading.Lock()
        counted = [pool.submit(count_parts, file, lock, pretokenizer) for _ in range(threads)]
        counts = merge_counts([one.result() for one in counted])
    done_counting = time.perf_counter()
    vocabulary = learn_bpe(counts, size)
    done = time.perf_counter()
    peak = resident() - before
    letters = byte_letters()
    tokens = ["".join(letters[b] for b in token) for token in vocabulary.tokens]
    merges = [[tokens[left], tokens[right]] for left, right in vocabulary.model.merges.tolist()]
    return {
        "count": done_counting - start,
        "learn": done - done_counting,
        "both": done - start,
        "memory": peak,
        "merges": merges,
    }


def by_gigabpe(path, size):
    import gigabpe

    before = resident()
    start = time.perf_counter()
    _, merges = gigabpe.train_bpe([str(path)], size, pretokenizer="bytelevel")
    both = time.perf_counter() - start
    peak = resident() - before
    start = time.perf_counter()
    gigabpe.train_bpe([str(path)], 257, pretokenizer="bytelevel")
    count = time.perf_counter() - start
    return {
        "count": count,
        "learn": both - count,
        "both": both,
        "memory": peak,
        "merges": [list(m) for m in merges],
    }


def by_gigatoken(path, size):
    import gigatoken

    before = resident()
    start = time.perf_counter()
    gigatoken.train_bpe(path.read_bytes(), size, [])
    both = time.perf_counter() - start
    peak = resident() - before
    start = time.perf_counter()
    gigatoken.train_bpe(path.read_bytes(), 257, [])
    count = time.perf_counter() - start
    return {"count": count, "learn": both - count, "both": both, "memory": peak, "merges": None}


def byte_letters():
    from pairloom.operators.vocabulary import byte_order

    visible = {*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [int(b) for b in byte_order() if int(b) not in visible]
    return {b: chr(b) for b in visible} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def main():
    path, size = Path(sys.argv[1]), int(sys.argv[2])
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    results = {peer: [] for peer in PEERS}
    for _ in range(runs):
        for peer in PEERS:
            command = [sys.executable, __file__, "--one", peer, str(path), str(size)]
            out = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
            ).stdout
            results[peer].append(json.loads(out.splitlines()[-1]))
    theirs, mine = results["gigabpe"][0]["merges"], results["pairloom"][0]["merges"]
    common = min(len(theirs), len(mine))
    assert theirs[:common] == mine[:common], "gigabpe learned other merges"
    print(
        f"{path.stat().st_size / 1e6:.0f} MB, {size} tokens, {os.cpu_count()} processors, {runs} runs; x = ours"
    )
    print(f"{common} merges are gigabpe's, one for one")
    print(f"{'':18}{'count':>16}{'learn':>16}{'both':>16}{'memory':>18}")
    base = {}
    for peer in PEERS:
        row = f"{peer:18}"
        for what, unit in [("count", "s"), ("learn", "s"), ("both", "s"), ("memory", "MB")]:
            value = statistics.median(run[what] for run in results[peer])
            base.setdefault(what, value)
            figure = f"{value:.2f} {unit}" if unit == "s" else f"{value:.0f} {unit}"
            row += f"{figure:>{10 if unit == 's' else 12}}{value / base[what]:5.2f}x"
        print(row)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        function = {
            "pairloom": ours,
            "pairloom together": lambda path, size: ours(path, size, os.cpu_count()),
            "gigabpe": by_gigabpe,
            "gigatoken": by_gigatoken,
        }[sys.argv[2]]
        print(json.dumps(function(Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        main()
