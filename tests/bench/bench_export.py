"""Megabytes of tokens per second of every export, beside a plain copy of the same bytes, in one process.

Run it as `python tests/bench/bench_export.py [FILE.jsonl] [REPEATS]`: it packs the file (or 100 MB of generated text) once, then
exports it. Each figure is the median of processor time, after a warm run; the copy writes the tokens, syncs, and does no more.
Exports hash what they read, hash what they write and read it again.
"""

import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from pairloom.pipeline import open_dataset, parse_recipe, run
from pairloom.pipeline.export import EXPORTERS, export

RECIPE = """
root: {folder}/out
corpus: [{{name: bench, paths: ["{text}"]}}]
vocabulary: {{size: 32000}}
execution: {{engine: local}}
"""


def generated(path, size=100_000_000):
    rng = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(50_000)]
    with path.open("w") as file:
        while file.tell() < size:
            text = " ".join(
                words[int(rng.paretovariate(0.8)) % len(words)] for _ in range(rng.randint(5, 3000))
            )
            file.write(json.dumps({"text": text}) + "\n")
    return path


def copy(dataset, unit, out):
    stage = "pack" if unit == "rows" else "tokenize"
    out.mkdir()
    batches = (
        batch for file in dataset.manifest.stage(stage).files for batch in dataset_batches(dataset, file)
    )
    with (out / "tokens").open("wb") as file:
        for batch in batches:
            file.write(batch.column("input_ids").flatten().to_numpy().data)
        file.flush()
        os.fsync(file.fileno())
    return (out / "tokens").stat().st_size


def dataset_batches(dataset, file):
    from pairloom.pipeline.store.files import read_batches

    return read_batches(dataset.objects, file)


def measured(work, out, repeats):
    seconds = []
    for _ in range(repeats + 1):
        shutil.rmtree(out, ignore_errors=True)
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[1:])


def main():
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else generated(folder / "text.jsonl")
        recipe = parse_recipe(RECIPE.format(folder=folder, text=text))
        run(recipe)
        dataset, out = open_dataset(recipe.root), folder / "x"
        for unit in ("documents", "rows"):
            size = copy(dataset, unit, folder / f"copy-{unit}")
            base = measured(lambda unit=unit: copy(dataset, unit, out), out, repeats)
            print(f"{unit}: {size / 1e6:.0f} MB of tokens; a copy {size / base / 1e6:.0f} MB/s")
            for kind in EXPORTERS.names():
                seconds = measured(
                    lambda kind=kind, unit=unit: export(dataset, kind, str(out), unit=unit), out, repeats
                )
                stored = sum(path.stat().st_size for path in out.iterdir()) / size
                print(
                    f"  {kind:11}{size / seconds / 1e6:7.0f} MB/s   takes {seconds / base:5.1f} times as long as the copy, "
                    f"and {stored:.2f} of its bytes"
                )


if __name__ == "__main__":
    main()
