"""Encoding against its peers: python tests/bench/bench_encode.py [TEXT] [--vocabulary FILE] [--size N] [--megabytes N].

TEXT is a .jsonl file with a key "text", or any other file as one document a line; by default the Python standard
library. The vocabulary is learned from the text (32,768 tokens, scheme gpt2) unless a tokenizer.json is given.
Everything runs on one thread, in turn, `--repeat` times; figures are medians of processor time, so that a busy
machine disturbs them less.

First pass: a new encoder. Later passes: the same encoder, same text. "memo" has the words of the text encoded from the
start. Peers get the documents in the form that they are fastest in; converting their result is not counted.
"""

import argparse
import json
import os
import statistics
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pyarrow as pa

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.encode import Tokenizer
from pairloom.operators.text.arrays import text_of


def documents(path: Path | None, limit: int) -> list[str]:
    """The documents of a file, up to `limit` bytes of them."""
    if path is None:
        files = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))
        found = (file.read_text(encoding="utf-8", errors="ignore") for file in files)
    elif path.suffix == ".jsonl":
        found = (json.loads(line)["text"] for line in path.open(encoding="utf-8"))
    else:
        found = iter(path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True))
    texts, size = [], 0
    for text in found:
        texts.append(text.replace("\0", " "))
        size += len(text.encode())
        if size >= limit:
            break
    return texts


def gigatoken_passes(texts: list[str], data: bytes) -> Callable[[], Any]:
    import gigatoken

    source = gigatoken.BytesSource([b"\0".join(text.encode() for text in texts)], separator=b"\0")
    peer = gigatoken.Tokenizer.from_json(data)
    return lambda: peer.encode_batch(source, parallel=False)


def tokie_passes(texts: list[str], data: bytes) -> Callable[[], Any]:
    import tempfile

    import tokie

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokenizer.json"
        file.write_bytes(data)
        peer = tokie.Tokenizer.from_json(str(file))
    return lambda: peer.encode_batch_flat(texts)


def tiktoken_passes(texts: list[str], data: bytes) -> Callable[[], Any]:
    import tiktoken

    vocabulary = Vocabulary.from_json(data)
    special = set(vocabulary.special_ids)
    ranks = {token: i for i, token in enumerate(vocabulary.tokens) if i not in special and token}
    pattern = "|".join(vocabulary.pretokenizer.patterns)
    peer = tiktoken.Encoding("bench", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda: peer.encode_ordinary_batch(texts, num_threads=1)


def tokenizers_passes(texts: list[str], data: bytes) -> Callable[[], Any]:
    import tokenizers

    peer = tokenizers.Tokenizer.from_str(data.decode())
    return lambda: peer.encode_batch_fast(texts, add_special_tokens=False)


# Peers, and which share of the text they get: the slow ones would take minutes.
PEERS = {"gigatoken": (gigatoken_passes, 1), "tokie": (tokie_passes, 4), "tiktoken": (tiktoken_passes, 8)}
PEERS |= {"tokenizers": (tokenizers_passes, 16)}


def measure(make: Callable[[], Callable[[], Any]], passes: int = 3) -> list[float]:
    """Processor seconds of making and of each pass; the first pass is not charged with the making."""
    run = make()
    seconds = []
    for _ in range(passes):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return seconds


def ours(tokenizer: Tokenizer, column: pa.LargeStringArray) -> Callable[[], Callable[[], Any]]:
    """Makes an encoder that is new; a pass of it."""
    nothing = np.zeros(0, np.uint32)

    def make() -> Callable[[], Any]:
        encoder = tokenizer.encoder()
        return lambda: encoder.encode(text_of(column), prepend=nothing, append=nothing)

    return make


class Rate(NamedTuple):
    """MB a second of the first pass and of later ones: medians."""

    first: float
    later: float


def compared(
    texts: list[str], vocabulary: Vocabulary, peers: Sequence[str], repeat: int
) -> dict[str, Rate | str]:
    """The rates of ours, with and without memo, and of each peer, measured in turn; for a peer that cannot, why it cannot."""
    column = pa.array(texts, pa.large_string())
    tokenizer = Tokenizer(vocabulary)
    memo = tokenizer.with_memo(count_words(column, vocabulary.pretokenizer))
    data = vocabulary.to_json()
    vocabulary.encode(column.slice(0, 2))  # compile
    runs: dict[str, tuple[Callable[[], Callable[[], Any]], int]] = {
        "pairloom": (ours(tokenizer, column), text_of(column).bytes),
        "pairloom, memo": (ours(memo, column), text_of(column).bytes),
    }
    found: dict[str, Rate | str] = {}
    for name in peers:
        build, share = PEERS[name]
        part = texts[: max(1, len(texts) // share)]
        try:
            build(part[:1], data)()
        except Exception as error:  # noqa: BLE001 - a peer that is missing or cannot read the file is left out
            found[name] = (
                "not installed" if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
            )
            continue
        size = sum(len(text.encode()) for text in part)
        runs[name] = (lambda build=build, part=part: build(part, data), size)
    rates: dict[str, list[list[float]]] = {name: [] for name in runs}
    for _ in range(repeat):
        for name, (make, size) in runs.items():
            rates[name].append([size / 1e6 / seconds for seconds in measure(make)])
    for name, rows in rates.items():
        later = statistics.median(rate for row in rows for rate in row[1:])
        found[name] = Rate(statistics.median(row[0] for row in rows), later)
    return found


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("text", nargs="?", type=Path)
    options.add_argument("--vocabulary", type=Path)
    options.add_argument("--scheme", default="gpt2")
    options.add_argument("--size", type=int, default=32768)
    options.add_argument("--megabytes", type=int, default=64)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--peers", default=",".join(PEERS))
    chosen = options.parse_args()
    texts = documents(chosen.text, chosen.megabytes << 20)
    if chosen.vocabulary:
        vocabulary = Vocabulary.load(chosen.vocabulary)
    else:
        cut = Pretokenizer(scheme=chosen.scheme)
        counts = count_words(pa.array(texts, pa.large_string()), cut)
        vocabulary = learn_bpe(counts, chosen.size, special_tokens=["<|endoftext|>"], pretokenizer=cut)
    found = compared(texts, vocabulary, [name for name in chosen.peers.split(",") if name], chosen.repeat)
    rates = {name: rate for name, rate in found.items() if isinstance(rate, Rate)}
    for name, rate in found.items():
        if isinstance(rate, str):
            print(f"{name} left out: {rate}", file=sys.stderr)
    peers = [name for name in rates if name in PEERS]
    print(
        f"{sum(len(text.encode()) for text in texts) / 1e6:.0f} MB, {len(texts)} documents, {len(vocabulary)} tokens, "
        f"{vocabulary.pretokenizer.scheme}; one thread, medians of {chosen.repeat}"
    )
    print(
        f"{'':16}{'first MB/s':>12}{'later MB/s':>12}"
        + "".join(f"{'x ' + name:>14}" for name in peers)
        + "  (first, later)"
    )
    for name, (first, later) in rates.items():
        ratios = "".join(
            f"{first / rates[peer].first:>7.2f}{later / rates[peer].later:>7.2f}" for peer in peers
        )
        print(f"{name:16}{first:12.0f}{later:12.0f}{ratios}")


if __name__ == "__main__":
    main()
