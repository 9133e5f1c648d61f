"""What statistics cost, and following a change: python tests/bench/bench_statistics.py TEXT.jsonl [--bytes N] [--files N].

Makes a corpus of files, tokenizes it, makes tables of it, writes 1 % of the files anew, tokenizes, and makes the tables again.
Printed are processor seconds of this process of each step of statistics, first and after the change, and what the second comes
to beside the first. Everything is in this process; a small run comes first, so that no kernel is compiled while time is taken.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from pairloom.pipeline import Recipe, open_dataset, parse_recipe, run
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted
from tests.bench.bench_retokenize import write

TOKENS = ["{ngrams: {n: [3], top: 300000}}", "{cooccurrence: {top: 300000}}", "document_frequency"]
TEXTS = ["scripts", "duplicates", "repetition", "text_lengths"]


def recipe_of(folder: Path, asked: Sequence[str], unit: int, vocabulary: str) -> Recipe:
    """The recipe of the corpus of a folder."""
    return parse_recipe(f"""
root: {folder / "out"}
corpus: [{{name: all, paths: ["{folder}/in/*.jsonl"]}}]
vocabulary: {vocabulary}
statistics: [{", ".join(asked)}]
execution: {{engine: local, unit_bytes: {unit}}}
""")


def measured(recipe: Recipe) -> dict[str, float]:
    """Processor seconds of each step of statistics, the tokens made before, and `driver`, what is of no step."""
    run(recipe, until="tokenize")
    steps: dict[str, float] = {}
    began: dict[str, float] = {}

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            began[event.step] = time.process_time()
        elif isinstance(event, StepFinished):
            steps[event.step] = time.process_time() - began[event.step]

    start = time.process_time()
    run(recipe, until="statistics", observe=observe)
    whole = time.process_time() - start
    return steps | {"driver": whole - sum(steps.values())}


def followed(
    folder: Path, texts: Sequence[str], size: int, files: int, asked: Sequence[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """What the tables of a corpus take, and what they take when 1 % of its files have changed."""
    inputs = folder / "in"
    inputs.mkdir(parents=True)
    for number in range(files):
        write(inputs / f"{number:05}.jsonl", texts, size // files, number)
    unit = size // files + size // files // 4
    first = measured(recipe_of(folder, asked, unit, "{size: 32768}"))
    vocabulary = folder / "tokenizer.json"
    vocabulary.write_bytes(open_dataset(folder / "out").vocabulary().to_json())
    for number in range(max(1, files // 100)):
        write(inputs / f"{number * 7:05}.jsonl", texts, size // files, 10**6 + number)
    return first, measured(recipe_of(folder, asked, unit, f"{{from: {vocabulary}}}"))


def main() -> None:
    """Print the seconds of each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--bytes", type=int, default=100_000_000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--statistics", nargs="+", default=[*TOKENS, *TEXTS])
    options = parser.parse_args()
    with options.text.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    with tempfile.TemporaryDirectory() as folder:
        followed(Path(folder) / "small", texts[:50], 100_000, 2, options.statistics)
        first, second = followed(
            Path(folder) / "all", texts, options.bytes, options.files, options.statistics
        )
    for step, seconds in first.items():
        print(f"{step:32} {seconds:8.2f} s {second.get(step, 0.0):8.2f} s")
    whole, again = sum(first.values()), sum(second.values())
    print(f"{'all':32} {whole:8.2f} s {again:8.2f} s, {again / whole:.1%} of the first")


if __name__ == "__main__":
    main()
