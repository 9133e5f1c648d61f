"""The whole path against its peers: python tests/bench/bench_run.py TEXT.jsonl [--vocabulary FILE] [--runs N].

`given` takes a vocabulary and ends with packed and shuffled rows, every check on; `learned` counts and learns first;
`gigatoken` is its bare `encode_files`: tokens in memory and nothing else. All of them on two processes or threads, in
turn, N times; figures are medians. Starting Ray and its workers, and compiling, is not counted: a small run comes first.
With `--datatrove PYTHON`, an interpreter that has datatrove, its tokenizer pipeline gets the first megabytes as well.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import ray

from pairloom.pipeline import parse_recipe, run
from pairloom.pipeline.execution.ray.cluster import connect
from pairloom.pipeline.flow.events import Event, UnitDone
from pairloom.pipeline.phases import Usage

GIGATOKEN = """
import sys, time, gigatoken
tokenizer = gigatoken.Tokenizer.from_json(open(sys.argv[1], "rb").read())
source = gigatoken.JsonlFileSource([sys.argv[2]], field="text")
start = time.perf_counter()
tokenizer.encode_files(source)
print(time.perf_counter() - start)
"""

DATATROVE = """
import sys, time
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer
pipeline = [
    JsonlReader(sys.argv[2]),
    DocumentTokenizer(output_folder=sys.argv[3] + "/out", tokenizer_name_or_path=sys.argv[1], eos_token="<|endoftext|>"),
]
start = time.perf_counter()
LocalPipelineExecutor(pipeline, tasks=2, workers=2, logging_dir=sys.argv[3] + "/log").run()
print("seconds", time.perf_counter() - start)
"""


def pairloom(text: Path, folder: Path, vocabulary: Path | None, unit: str) -> tuple[float, dict[str, Usage]]:
    """Seconds of a run from nothing, and what its steps took."""
    given = f"vocabulary: {{from: {vocabulary}}}" if vocabulary else "vocabulary: {size: 32768}"
    with tempfile.TemporaryDirectory(dir=folder) as root:
        recipe = parse_recipe(
            f"root: {root}\ncorpus: [{{name: all, paths: [{text}], id: id}}]\n{given}\nexecution: {{unit_bytes: {unit}}}\n"
        )
        steps: dict[str, Usage] = {}

        def observe(event: Event) -> None:
            if isinstance(event, UnitDone):
                steps[event.step] = steps.get(event.step, Usage()) + event.usage

        start = time.perf_counter()
        run(recipe, observe=observe)
        seconds = time.perf_counter() - start
        if vocabulary is None:
            (path,) = Path(root).glob("data/learn/*/*tokenizer.json")
            (folder / "tokenizer.json").write_bytes(path.read_bytes())
        return seconds, steps


def gigatoken(text: Path, vocabulary: Path) -> float:
    """Seconds of `encode_files`, in a process of its own."""
    command = [sys.executable, "-c", GIGATOKEN, str(vocabulary), str(text)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def datatrove(text: Path, vocabulary: Path, python: str, folder: Path, size: int) -> float:
    """Bytes a second of datatrove's tokenizer with two workers, on two files of `size` bytes in all, about."""
    parts = folder / "parts"
    parts.mkdir()
    done = 0
    with text.open("rb") as lines, (parts / "0.jsonl").open("wb") as a, (parts / "1.jsonl").open("wb") as b:
        for number, line in enumerate(lines):
            (a, b)[number % 2].write(line)
            done += len(line)
            if done >= size:
                break
    command = [python, "-c", DATATROVE, str(vocabulary), str(parts), str(folder)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return done / float(printed.rsplit("seconds", 1)[1])


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("text", type=Path)
    options.add_argument("--vocabulary", type=Path)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--unit", default="32MB")
    options.add_argument("--folder", type=Path, default=Path("build"))
    options.add_argument("--datatrove", metavar="PYTHON")
    chosen = options.parse_args()
    size = chosen.text.stat().st_size
    chosen.folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name).absolute()
        small = folder / "small.jsonl"
        small.write_text(
            "".join(json.dumps({"id": str(i), "text": "some words " * 99}) + "\n" for i in range(4000))
        )
        os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
        connect(None)
        pairloom(small, folder, None, "500kB")
        seconds: dict[str, list[float]] = {"learned": [], "given": [], "gigatoken": []}
        steps: dict[str, Usage] = {}
        vocabulary = chosen.vocabulary or folder / "tokenizer.json"
        for _ in range(chosen.runs):
            seconds["learned"].append(pairloom(chosen.text, folder, None, chosen.unit)[0])
            taken, steps = pairloom(chosen.text, folder, vocabulary, chosen.unit)
            seconds["given"].append(taken)
            seconds["gigatoken"].append(gigatoken(chosen.text, vocabulary))
        driver = psutil.Process().memory_info().rss
        ray.shutdown()
        rates = {name: size / statistics.median(times) for name, times in seconds.items()}
        if chosen.datatrove:
            rates["datatrove"] = datatrove(chosen.text, vocabulary, chosen.datatrove, folder, 20_000_000)
        for peer_name, rate in rates.items():
            ratio = ", ".join(
                f"{rate / rates[peer]:.2f} x {peer}" for peer in ("gigatoken", "datatrove") if peer in rates
            )
            print(
                f"{peer_name:10} {rate / 1e6:8.1f} MB/s   {ratio}   seconds {[round(s, 2) for s in seconds.get(peer_name, [])]}"
            )
        print(f"\nworker seconds of the last `given` run; the driver has {driver / 1e6:.0f} MB")
        for step, usage in steps.items():
            phases = ", ".join(f"{name} {s:.2f}" for name, s in sorted(usage.seconds.items()) if s >= 0.005)
            print(f"{step:10} {sum(usage.seconds.values()):6.2f}   {usage.memory / 1e6:6.0f} MB   {phases}")


if __name__ == "__main__":
    main()
