"""Superwords, supertokens and no pretokenizer at all, on one text: bytes a token, speed and memory, beside `tokenizers`.

    python tests/bench/bench_superwords.py shape TEXT SIZE         what each way of learning makes of text that it has not seen
    python tests/bench/bench_superwords.py memory TEXT... SIZE     peak memory and time of learning, each in a process of its own
    python tests/bench/bench_superwords.py encode TEXT SIZE        MB of text a second, held against `tokenizers`

A text is cut into documents of a hundred lines; every twentieth is held out. `--mb N` takes the first N MB, `--peer-mb N` that
much of it for `tokenizers` without a pretokenizer, which is ended at 16 GB. Times are processor time of one thread.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pairloom.operators import (
    Pretokenizer,
    Vocabulary,
    WordCounter,
    WordCounts,
    learn_bpe,
    learn_superwords,
    merge_counts,
    segment_words,
)
from pairloom.operators.pretokenize.chunks import RandomChunks
from pairloom.operators.reference.superwords import passed_over
from pairloom.operators.warmup import warmup

FIRST = Pretokenizer(scheme="superbpe", lines=True)
WEAKER = Pretokenizer(scheme="superwords", lines=True)
WHOLE = Pretokenizer(scheme="none", lines=True)
LIMIT = 16 << 30


def documents(paths: list[str], mb: int | None) -> tuple[list[str], list[str]]:
    """Documents to learn from, and those held out."""
    learned, held = [], []
    for path in paths:
        with Path(path).open("rb") as file:
            lines = file.read(-1 if mb is None else mb * 1_000_000).decode(errors="replace").splitlines(True)
        for number, start in enumerate(range(0, len(lines), 100)):
            (held if number % 20 == 0 else learned).append("".join(lines[start : start + 100]))
    return learned, held


def batches(texts: list[str]) -> Iterator[pa.Array]:
    for start in range(0, len(texts), 2000):
        yield pa.array(texts[start : start + 2000], pa.large_string())


def counted(texts: list[str], cut: Pretokenizer | RandomChunks) -> WordCounts:
    """Counted in units of some 32 MB and merged, as a run does."""
    parts, counter, size = [], WordCounter(cut), 0
    for batch in batches(texts):
        counter.add(batch)
        size += batch.nbytes
        if size > 32_000_000:
            parts.append(counter.finish())
            counter, size = WordCounter(cut), 0
    return merge_counts([*parts, counter.finish()])


def superwords(texts: list[str], size: int, transition: float) -> Vocabulary:
    base = learn_bpe(counted(texts, FIRST), int(transition * size))
    pieces = counted(texts, WEAKER).partition(4)
    parts = []
    while pieces:
        parts.append(segment_words(base, pieces.pop()))
    return learn_superwords(base, parts, size, pretokenizer=WEAKER)


WAYS: dict[str, Callable[[list[str], int], Vocabulary]] = {
    "words": lambda texts, size: learn_bpe(counted(texts, FIRST), size, pretokenizer=FIRST),
    **{
        f"superwords {t}": lambda texts, size, t=t: superwords(texts, size, t)
        for t in (0.9, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1)
    },
    "none": lambda texts, size: learn_bpe(counted(texts, WHOLE), size, pretokenizer=WHOLE),
    "supertokens": lambda texts, size: learn_bpe(
        counted(texts, RandomChunks()), size, pretokenizer=Pretokenizer(scheme="none"), max_token_length=31
    ),
}


def shape(texts: list[str], held: list[str], size: int) -> None:
    total = sum(len(text.encode()) for text in held)
    print(f"{'way':<16}{'bytes a token':>14}{'of words':>10}{'rejected forms':>16}{'seconds':>9}")
    words = 0
    for name, way in WAYS.items():
        start = time.process_time()
        vocabulary = way(texts, size)
        seconds = time.process_time() - start
        tokens = sum(len(vocabulary.encode(batch).values) for batch in batches(held))
        words = words or tokens
        first = int(float(name.split()[1]) * size) if name.startswith("superwords") else 256
        rejected = sum(passed_over(token, 4, [b": "]) for token in vocabulary.tokens[first:])
        print(
            f"{name:<16}{total / tokens:>14.3f}{tokens / words:>10.3f}{rejected:>16}{seconds:>9.1f}",
            flush=True,
        )


def train_peer(texts: list[str], size: int, cut: Pretokenizer | None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=cut is not None)
    trainer = trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(
        texts if cut else (line for text in texts for line in text.splitlines(True)), trainer
    )
    return tokenizer


def child(task: str, texts: list[str], size: int) -> dict[str, Any]:
    """One measurement, in this process; the memory that the texts take is told apart."""
    warmup(("superbpe", "superwords", "none"))
    before = psutil.Process().memory_info().rss
    start, cpu = time.perf_counter(), time.process_time()
    if task == "tokenizers none":
        train_peer(texts, size, None)
    else:
        WAYS[task](texts, size)
    return {"before": before, "seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}


def measured(task: str, arguments: list[str]) -> str:
    """Run `child` in a process, watched; its report in a line."""
    process = subprocess.Popen(
        [sys.executable, __file__, "child", *arguments, "--task", task], stdout=subprocess.PIPE, text=True
    )
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            try:
                peak = max(peak, psutil.Process(process.pid).memory_info().rss)
            except psutil.Error:
                return
            if peak > LIMIT:
                process.kill()
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    out, _ = process.communicate()
    thread.join()
    if process.returncode:
        return f"{task:<18} ended at {peak / 1e9:.2f} GB"
    facts = json.loads(out.splitlines()[-1])
    return (
        f"{task:<18} peak {peak / 1e9:6.2f} GB, {(peak - facts['before']) / 1e9:6.2f} GB more than the texts, "
        f"{facts['seconds']:7.1f} s, {facts['cpu']:7.1f} s of processor time"
    )


def encode(texts: list[str], held: list[str], size: int) -> None:
    total = sum(len(text.encode()) for text in held)
    for name in ("words", "superwords 0.8", "none"):
        vocabulary = WAYS[name](texts, size)
        columns = list(batches(held))
        vocabulary.encode(columns[0].slice(0, 1))
        start = time.process_time()
        encoded = [vocabulary.encode(column) for column in columns]
        ours = time.process_time() - start
        peer = Tokenizer.from_str(vocabulary.to_json().decode())
        some = held[: max(1, len(held) // 20)]
        size_of_some = sum(len(text.encode()) for text in some)
        start = time.process_time()
        rows = [peer.encode(text, add_special_tokens=False).ids for text in some]
        theirs = time.process_time() - start
        same = encoded[0].slice(0, len(some)).to_pylist() == rows[: len(encoded[0])]
        tokens = sum(len(column.values) for column in encoded)
        print(
            f"{name:<16}{total / ours / 1e6:8.1f} MB/s, tokenizers {size_of_some / theirs / 1e6:6.2f} MB/s, "
            f"{'the same ids' if same else 'OTHER IDS'}, {total / tokens:.3f} bytes a token",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["shape", "memory", "encode", "child"])
    parser.add_argument("texts", nargs="+")
    parser.add_argument("size", type=int)
    parser.add_argument("--mb", type=int)
    parser.add_argument("--peer-mb", type=int, default=20)
    parser.add_argument("--task")
    given = parser.parse_args()
    if given.what == "memory":
        size = str(given.size)
        limit = [] if given.mb is None else ["--mb", str(given.mb)]
        for task in ("superwords 0.8", "none"):
            print(measured(task, [*given.texts, size, *limit]), flush=True)
        print(measured("tokenizers none", [*given.texts, size, "--mb", str(given.peer_mb)]), flush=True)
        return
    texts, held = documents(given.texts, given.mb)
    if given.what == "child":
        print(json.dumps(child(given.task, texts, given.size)))
    elif given.what == "shape":
        warmup(("superbpe", "superwords", "none"))
        shape(texts, held, given.size)
    else:
        warmup(("superbpe", "superwords", "none"))
        encode(texts, held, given.size)


if __name__ == "__main__":
    main()
