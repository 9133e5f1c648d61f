"""Superwords, supertokens and no pretokenizer at all, on one text: bytes a token, speed and memory, beside `tokenizers`.

    python tests/bench/bench_superwords.py shape TEXT SIZE         what each way of learning makes of text that it has not seen
    python tests/bench/bench_superwords.py memory TEXT... SIZE     peak memory and time of learning, each in a process of its own
    python tests/bench/bench_superwords.py encode TEXT SIZE        MB of unseen text a second, held against peers

A .jsonl file is one document a record (keys "id" and "text"); another text is cut into documents of a hundred lines. One in
twenty, by a hash of its id or number, is held out. `--mb N` takes the first N MB, `--peer-mb N` that much of it for `tokenizers` without a pretokenizer, which is ended
at 16 GB. With `--deduplicate`, a line that has been there before is left out, wherever it was; with `--prose`, documents
of which less than 92 % is words of ASCII letters and one space after each are. Times are processor time of one thread.

Ways of learning: `words`; `superwords T`, with the transition at T; `free T`, the same without limits on what is made;
`uncut T`, without these and without the weaker cut (lines are one piece each); `none`, no first stage at all, uncut and
free; `none limited`, the same with the limits of superwords; `supertokens`.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from bench_encode import PEERS
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
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.kernels.warmup import warm_up
from pairloom.operators.models.bpe.sharded import learn_sharded, learn_superwords_sharded
from pairloom.operators.reference.models.bpe.superwords import passed_over
from pairloom.operators.text.pretokenize.chunks import RandomChunks

FIRST = Pretokenizer(scheme="superbpe", lines=True)
WEAKER = Pretokenizer(scheme="superwords", lines=True)
WHOLE = Pretokenizer(scheme="none", lines=True)
LIMIT = 16 << 30


def records(path: str, mb: int | None) -> Iterator[tuple[str, str]]:
    """The documents of a file and their ids."""
    most = -1 if mb is None else mb * 1_000_000
    with Path(path).open("rb") as file:
        lines = file.read(most).decode(errors="replace").splitlines(True)
    if path.endswith(".jsonl"):
        for line in lines:
            if line.endswith("\n"):
                record = json.loads(line)
                yield record["id"], record["text"]
        return
    for start in range(0, len(lines), 100):
        yield str(start), "".join(lines[start : start + 100])


def documents(
    paths: list[str], mb: int | None, *, deduplicate: bool = False, prose: bool = False
) -> tuple[list[str], list[str]]:
    """Documents to learn from, and those held out."""
    learned, held = [], []
    seen: set[str] = set()
    for path in paths:
        for name, text in records(path, mb):
            if prose and sum(map(len, re.findall("[A-Za-z]+ ?", text))) <= 0.92 * len(text):
                continue
            lines = text.splitlines(True)
            if deduplicate:
                lines = [line for line in lines if not (line.strip() in seen or seen.add(line.strip()))]
            out = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 20 == 0
            (held if out else learned).append("".join(lines))
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


def pieces(texts: list[str], cut: Pretokenizer, parts: int) -> list[WordCounts]:
    return counted(texts, cut).partition(parts)


def superwords(
    texts: list[str], size: int, transition: float, *, cut: Pretokenizer = WEAKER, **limits: Any
) -> Vocabulary:
    base = learn_bpe(counted(texts, FIRST), max(256, int(transition * size)))
    given, parts = pieces(texts, cut, 4), []
    while given:
        parts.append(segment_words(base, given.pop()))
    return learn_superwords(base, parts, size, pretokenizer=cut, **limits)


def in_rounds(texts: list[str], size: int, transition: float, members: int) -> Vocabulary:
    """Both stages in rounds, all members in this process."""
    base = learn_sharded(pieces(texts, FIRST, members), int(transition * size))
    given, parts = pieces(texts, WEAKER, members), []
    while given:
        parts.append([segment_words(base, given.pop())])
    return learn_superwords_sharded(base, parts, size, pretokenizer=WEAKER)


def from_nothing(texts: list[str], size: int) -> Vocabulary:
    base = learn_bpe(counted([], FIRST), 256)
    return learn_superwords(base, [segment_words(base, counted(texts, WHOLE))], size, pretokenizer=WHOLE)


FREE: dict[str, Any] = {"max_words": None, "forbid": ()}
WAYS: dict[str, Callable[[list[str], int], Vocabulary]] = {
    "words": lambda texts, size: learn_bpe(counted(texts, FIRST), size, pretokenizer=FIRST),
    **{
        f"superwords {t}": lambda texts, size, t=t: superwords(texts, size, t)
        for t in (0.9, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1)
    },
    **{f"free {t}": lambda texts, size, t=t: superwords(texts, size, t, **FREE) for t in (0.9, 0.4)},
    **{
        f"uncut {t}": lambda texts, size, t=t: superwords(texts, size, t, cut=WHOLE, **FREE)
        for t in (0.9, 0.8, 0.6, 0.4, 0.2)
    },
    "none": lambda texts, size: learn_bpe(counted(texts, WHOLE), size, pretokenizer=WHOLE),
    "none limited": from_nothing,
    "supertokens": lambda texts, size: learn_bpe(
        counted(texts, RandomChunks()), size, pretokenizer=Pretokenizer(scheme="none"), max_token_length=31
    ),
}
TASKS = {**WAYS, "in rounds 0.8": lambda texts, size: in_rounds(texts, size, 0.8, 4)}


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
        first = int(float(name.split()[-1]) * size) if name[-1].isdigit() else 256
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
    warm_up(("superbpe", "superwords", "none"))
    before = psutil.Process().memory_info().rss
    start, cpu = time.perf_counter(), time.process_time()
    if task == "tokenizers none":
        train_peer(texts, size, None)
    else:
        TASKS[task](texts, size)
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


def seconds_of(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def encode(texts: list[str], held: list[str], size: int) -> None:
    """Each vocabulary with the memo of the words that it was learned from: at first, later, in one step, and by peers."""
    total = sum(len(text.encode()) for text in held)
    columns = list(batches(held))
    words = counted(texts, FIRST)
    for name in ("words", "superwords 0.8", "none"):
        vocabulary = WAYS[name](texts, size)
        tokenizer = tokenizer_of(vocabulary).with_memo(words)
        # Every piece is looked up, and merged, as a whole.
        plain = type(tokenizer)(vocabulary, tables=replace(tokenizer.tables, joins=None))
        times = []
        for encoding in (tokenizer, tokenizer, plain):
            encoding.encode(columns[0].slice(0, 1))
            spent, encoded = seconds_of(lambda e=encoding: [e.encode(column) for column in columns])
            times.append(total / spent / 1e6)
        tokens = sum(len(column.values) for column in encoded)
        print(
            f"{name:<16}{times[0]:7.1f} MB/s, later {times[1]:.1f}, in one step {times[2]:.1f}; "
            f"{total / tokens:.3f} bytes a token",
            flush=True,
        )
        expected = [row for column in encoded for row in column.to_pylist()]
        for peer, (make, share) in PEERS.items():
            some = held[: max(1, len(held) // share)]
            try:
                spent, rows = seconds_of(make(some, vocabulary.to_json()))
                ids = [list(getattr(row, "ids", row)) for row in rows]
            except Exception as error:  # noqa: BLE001  (whatever a peer says against the file is its answer)
                print(f"    {peer:<12} refuses it: {str(error).splitlines()[0][:90]}", flush=True)
                continue
            same = "the same ids" if ids == expected[: len(some)] else "OTHER IDS"
            rate = sum(len(text.encode()) for text in some) / spent / 1e6
            print(f"    {peer:<12}{rate:7.2f} MB/s, {same}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["shape", "memory", "encode", "child"])
    parser.add_argument("texts", nargs="+")
    parser.add_argument("size", type=int)
    parser.add_argument("--mb", type=int)
    parser.add_argument("--peer-mb", type=int, default=20)
    parser.add_argument("--deduplicate", action="store_true")
    parser.add_argument("--prose", action="store_true")
    parser.add_argument("--task")
    given = parser.parse_args()
    if given.what == "memory":
        size = str(given.size)
        limit = [] if given.mb is None else ["--mb", str(given.mb)]
        for task in ("superwords 0.8", "in rounds 0.8", "none"):
            print(measured(task, [*given.texts, size, *limit]), flush=True)
        print(measured("tokenizers none", [*given.texts, size, "--mb", str(given.peer_mb)]), flush=True)
        return
    texts, held = documents(given.texts, given.mb, deduplicate=given.deduplicate, prose=given.prose)
    if given.what == "child":
        print(json.dumps(child(given.task, texts, given.size)))
    elif given.what == "shape":
        warm_up(("superbpe", "superwords", "none"))
        shape(texts, held, given.size)
    else:
        warm_up(("superbpe", "superwords", "none"))
        encode(texts, held, given.size)


if __name__ == "__main__":
    main()
