"""What it costs to follow a corpus that changes: python tests/bench/bench_retokenize.py [TEXT.jsonl] [--bytes N] ...

Makes a corpus of 1,000 files, runs it, changes 1 % of the files (six are written anew, two added, two removed), and
re-tokenizes. A run from nothing over the same files with the same vocabulary in another root is what the time is compared
with, and every byte. Then ticks: `retokenize --if-changed` where nothing has changed, on 10,000 files, as a process.

Without a text it is the standard library's. Starting Ray and its workers, and compiling, is not counted: a small run comes
first. Processor seconds are those of this process and of all that Ray has started.
"""

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil
import ray

sys.path.insert(0, str(Path(__file__).parents[2]))

from pairloom.pipeline import Recipe, open_dataset, parse_recipe, run
from pairloom.pipeline.execution.ray.cluster import connect
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.store.manifest import Manifest

T = TypeVar("T")


def documents_of(path: Path | None) -> list[str]:
    """The texts that the corpus is made of."""
    if path is not None:
        with path.open() as lines:
            return [json.loads(line)["text"] for line in lines]
    library = Path(json.__file__).parents[1]
    sources = [p for p in sorted(library.rglob("*.py")) if "site-packages" not in p.parts]
    return [p.read_text(encoding="utf-8", errors="replace") for p in sources]


def write(path: Path, texts: Sequence[str], size: int, seed: int) -> None:
    """A file of about `size` bytes, of texts of which no two are the same."""
    rng, written = random.Random(seed), 0
    with path.open("w", encoding="utf-8") as file:
        while written < size:
            text = f"{rng.getrandbits(64):x} {rng.choice(texts)}"
            written += file.write(json.dumps({"text": text}) + "\n")


def processor_seconds() -> float:
    """What this process and those that it has started have used; of those that have ended, if they were waited for."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = ended.ru_utime + ended.ru_stime
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system
    return total


class Watch:
    """Prints what each step of a run does."""

    def __init__(self) -> None:
        self.started = 0.0
        self.begun: StepStarted | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, StepStarted):
            self.started, self.begun = time.perf_counter(), event
        if isinstance(event, StepFinished) and self.begun is not None:
            fresh = self.begun.units - self.begun.reused
            seconds = time.perf_counter() - self.started
            print(
                f"    {event.step:10} {fresh:6,} of {self.begun.units:6,} units {seconds:8.2f} s", flush=True
            )


def timed(what: str, work: Callable[[], T]) -> tuple[T, float, float]:
    """Do something, and say what it took: seconds, and seconds of processors."""
    used, started = processor_seconds(), time.perf_counter()
    result = work()
    seconds, used = time.perf_counter() - started, processor_seconds() - used
    print(f"{what:24} {seconds:8.2f} s   {used:8.2f} s of processors", flush=True)
    return result, seconds, used


def recipe_of(folder: Path, root: str, options: argparse.Namespace, vocabulary: Path | None) -> Recipe:
    """The recipe of a root."""
    return parse_recipe(f"""
root: {folder / root}
corpus: [{{name: all, paths: ["{folder}/in/*.jsonl"]}}]
vocabulary: {{{f"from: {vocabulary}" if vocabulary else "size: 32768"}}}
pack:
  validation: {options.validation}
  shuffle: {{mode: {options.mode}{f", groups: {options.groups}" if options.mode == "block" else ""}}}
  file_tokens: {options.file_tokens}
execution: {{unit_bytes: {options.unit}}}
""")


def same_bytes(folder: Path, roots: tuple[str, str], made: tuple[Manifest, Manifest]) -> tuple[int, int]:
    """How many files two runs have made, and their bytes; fails unless each has the bytes of the other's."""
    count = size = 0
    for stage in ("tokenize", "pack"):
        for one, other in zip(*(m.stage(stage).files for m in made), strict=True):
            a, b = (
                (folder / root / file.path).read_bytes()
                for root, file in zip(roots, (one, other), strict=True)
            )
            if a != b:
                raise SystemExit(f"{one.path} of {roots[0]} is not {other.path} of {roots[1]}")
            count, size = count + 1, size + len(a)
    return count, size


def incremental(folder: Path, texts: Sequence[str], options: argparse.Namespace) -> None:
    """Run, change, re-tokenize, run from nothing, compare."""
    inputs = folder / "in"
    inputs.mkdir()
    size = options.bytes // options.files
    for i in range(options.files):
        write(inputs / f"{i:05}.jsonl", texts, size, i)
    stored = sum(path.stat().st_size for path in inputs.iterdir())
    print(f"{options.files} files, {stored / 1e6:,.0f} MB; mode {options.mode}, {vars(options)}\n")
    recipe = recipe_of(folder, "out", options, None)
    first, _, _ = timed("first run", lambda: run(recipe, observe=Watch()))
    vocabulary = folder / "tokenizer.json"
    vocabulary.write_bytes(open_dataset(recipe.root).vocabulary().to_json())
    change(inputs, texts, size, max(1, options.files // 100))
    (second, found), seconds, used = timed("retokenize", lambda: retokenize(recipe, observe=Watch()))
    fresh = recipe_of(folder, "fresh", options, vocabulary)
    whole, whole_seconds, whole_used = timed("run from nothing", lambda: run(fresh, observe=Watch()))
    files, compared = same_bytes(folder, ("out", "fresh"), (second, whole))
    had = {file.path for file in first.stage("pack").files}
    kept = [file for file in second.stage("pack").files if file.path in had]
    print(
        f"\n{files:,} files with {compared:,} bytes are the same as from nothing; {len(kept):,} of "
        f"{len(second.stage('pack').files):,} packed files were kept, and {found.units_reused:,} of {found.units:,} shards\n"
        f"re-tokenizing took {seconds / whole_seconds:.1%} of the time and {used / whole_used:.1%} of the processor time of a "
        "run from nothing with the vocabulary given"
    )


def change(inputs: Path, texts: Sequence[str], size: int, count: int) -> None:
    """Change so many files of a folder: write most of them anew, add a fifth of them, remove another fifth."""
    names = random.Random(0).sample(sorted(inputs.iterdir()), count)
    apart = count // 5
    for number, path in enumerate(names):
        if number < apart:
            path.unlink()
        else:
            written = path.with_stem(path.stem + "-new") if number < 2 * apart else path
            write(written, texts, size, 10**6 + number)


def ticks(folder: Path, texts: Sequence[str], count: int) -> None:
    """A tick where nothing has changed."""
    inputs = folder / "in"
    inputs.mkdir()
    for i in range(count):
        write(inputs / f"{i:06}.jsonl", [text[:1000] for text in texts], 500, i)
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f'root: {folder}/out\ncorpus: [{{name: all, paths: ["{inputs}/*.jsonl"]}}]\n'
        "vocabulary: {size: 1000}\npack: {shuffle: {mode: block, groups: 256}}\n"
        "execution: {engine: local, unit_bytes: 50kB}\n"
    )
    command = [sys.executable, "-c", "from pairloom.jobs.cli import main; main()"]
    subprocess.run([*command, "run", str(recipe)], check=True, capture_output=True)
    tick = [*command, "retokenize", str(recipe)]
    for options in (["--if-changed"], []):
        work = partial(subprocess.run, [*tick, *options], check=True, capture_output=True)
        timed(" ".join(["tick", *options]), work)


@contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    parent.mkdir(exist_ok=True, parents=True)
    folder = Path(tempfile.mkdtemp(dir=parent)).absolute()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Print what each takes."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("text", type=Path, nargs="?")
    options.add_argument("--bytes", type=int, default=3_000_000_000)
    options.add_argument("--files", type=int, default=1000)
    options.add_argument("--ticks", type=int, default=10_000)
    options.add_argument("--mode", default="block")
    options.add_argument("--groups", type=int, default=1024)
    options.add_argument("--unit", help="execution.unit_bytes; by default a little more than a file")
    options.add_argument("--file-tokens", type=int, default=1 << 20)
    options.add_argument("--validation", type=float, default=0.001)
    options.add_argument("--folder", type=Path, default=Path("build"))
    chosen = options.parse_args()
    chosen.unit = chosen.unit or str(chosen.bytes // chosen.files * 5 // 4)
    texts = documents_of(chosen.text)
    if chosen.bytes:
        connect(None)
        small = argparse.Namespace(**(vars(chosen) | {"unit": "100kB", "groups": 4, "file_tokens": 1 << 16}))
        with _folder(chosen.folder) as folder:
            (folder / "in").mkdir()
            for i in range(10):
                write(folder / "in" / f"{i}.jsonl", texts, 1_000_000, i)
            run(recipe_of(folder, "out", small, None))
        with _folder(chosen.folder) as folder:
            incremental(folder, texts, chosen)
        ray.shutdown()
    if chosen.ticks:
        with _folder(chosen.folder) as folder:
            ticks(folder, texts, chosen.ticks)


if __name__ == "__main__":
    main()
