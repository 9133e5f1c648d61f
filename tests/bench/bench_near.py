"""Near-duplicates: signatures on one core beside datatrove's, and whole runs, from nothing and after a change of one hundredth.

    python tests/bench/bench_near.py [--megabytes 16] [--rounds 5] [--peer PYTHON]
    python tests/bench/bench_near.py --documents 1000000 [--words 60] [--folder FOLDER]

Texts are drawn from a vocabulary of 20,000 words. Signatures are 14 bands of 8 rows over runs of 5 words, in seconds of processor time,
compiled before, medians of rounds in which the two take turns; datatrove runs in a process of PYTHON, which has it installed, on a
sixty-fourth of the texts, and is given words that are split at white space, since a library for words would take most of its time.

Of the documents of a run a tenth are copies of others in which up to three words differ. Its seconds are those of the wall in all, and of processor time of each step.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PEER = """
import json, sys, time
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig

class Words:
    def word_tokenize(self, text):
        return text.split()

signing = MinhashDedupSignature.__new__(MinhashDedupSignature)
signing.config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)
signing.num_hashes, signing._parameters, signing.word_tokenizer = 112, None, Words()
from datatrove.utils.hashing import create_hash_func
signing._hash_func = create_hash_func(signing.config.hash_config)
for line in sys.stdin:
    texts = json.loads(line)
    began = time.process_time()
    for text in texts:
        signing.get_signature(signing.get_shingles(text))
    print(time.process_time() - began, flush=True)
"""
WORDS = 20_000
FILES = 40


def words_of(rng: random.Random) -> list[str]:
    """Words of two to nine letters."""
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(WORDS)]


def signatures(megabytes: int, rounds: int, peer: str | None) -> None:
    """Print megabytes of text a second and core."""
    import pyarrow as pa

    from pairloom.operators.near import Hashes, word_shingles

    rng = random.Random(1)
    words = words_of(rng)
    texts: list[str] = []
    size = 0
    while size < megabytes * 1_000_000:
        texts.append(" ".join(rng.choices(words, k=rng.randint(50, 800))))
        size += len(texts[-1])
    column, some = pa.array(texts, pa.large_string()), texts[::64]
    ours, theirs = [], []
    command = None if peer is None else [peer, "-c", PEER]
    process = command and subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for _ in range(rounds + 1):
        began = time.process_time()
        Hashes().keys(word_shingles(column, 5))
        ours.append(size / 1e6 / (time.process_time() - began))
        if process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(some) + "\n")
            process.stdin.flush()
            theirs.append(sum(map(len, some)) / 1e6 / float(process.stdout.readline()))
    print(f"signatures: {statistics.median(ours[1:]):.0f} MB/s a core")
    if process:
        process.communicate()
        middle = statistics.median(theirs[1:])
        print(
            f"datatrove: {middle:.2f} MB/s a core, we are {statistics.median(ours[1:]) / middle:.0f} times as fast"
        )


def documents(count: int, each: int, seed: int) -> Iterator[str]:
    """Texts, a tenth of which are nearly those before them."""
    rng = random.Random(seed)
    words = words_of(random.Random(1))
    last = rng.choices(words, k=each)
    for _ in range(count):
        if rng.random() < 0.1:
            last = list(last)
            for _ in range(rng.randint(0, 3)):
                last[rng.randrange(each)] = rng.choice(words)
        else:
            last = rng.choices(words, k=each)
        yield " ".join(last)


def whole(count: int, each: int, folder: Path) -> None:
    """Print the seconds of every step, from nothing and after a change of one hundredth."""
    from pairloom.pipeline import run
    from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted
    from pairloom.pipeline.generations.retokenize import retokenize
    from pairloom.pipeline.recipe import parse_recipe

    (folder / "in").mkdir(parents=True)

    def write(name: str, some: int, seed: int) -> None:
        with (folder / "in" / name).open("w", encoding="utf-8") as file:
            for text in documents(some, each, seed):
                file.write(json.dumps({"text": text}) + "\n")

    for number in range(FILES):
        write(f"{number:03}.jsonl", count // FILES, number)
    recipe = parse_recipe(
        f"""
root: {folder / "out"}
corpus: [{{name: web, paths: ["{folder}/in/*"]}}]
vocabulary: {{size: 16384}}
pack: {{deduplicate: near}}
execution: {{engine: local, unit_bytes: 8000000}}
"""
    )
    for label in ("from nothing", "a hundredth more"):
        took: dict[str, float] = {}
        since: dict[str, float] = {}

        def observe(event: Event, took: dict[str, float] = took, since: dict[str, float] = since) -> None:
            if isinstance(event, StepStarted):
                since[event.step] = time.process_time()
            elif isinstance(event, StepFinished):
                took[event.step] = took.get(event.step, 0) + time.process_time() - since[event.step]

        began, used = time.perf_counter(), time.process_time()
        manifest = (
            run(recipe, observe=observe)
            if not since and label == "from nothing"
            else retokenize(recipe, observe=observe)[0]
        )
        seconds, used = time.perf_counter() - began, time.process_time() - used
        near = sum(took.get(name, 0) for name in ("sign", "band", "join", "answer", "select"))
        ledger = manifest.stages["select"].ledger
        print(
            f"{label}: {seconds:.1f} s ({used:.1f} s of processor time), of which near-duplicates {near:.1f} s"
        )
        print(f"  {ledger.documents_in:,} documents, {ledger.deduplicated:,} left out")
        print("  " + "  ".join(f"{name} {value:.1f}" for name, value in took.items()))
        sys.stdout.flush()
        write("more.jsonl", count // 100, FILES)


def main() -> None:
    """One of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer")
    parser.add_argument("--documents", type=int)
    parser.add_argument("--words", type=int, default=60)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.documents is None:
        signatures(options.megabytes, options.rounds, options.peer)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        whole(options.documents, options.words, Path(folder) / "near")


if __name__ == "__main__":
    main()
