"""What a report costs: python tests/bench/bench_report.py CORPUS.jsonl [--vocabulary 131072] [--folder build/bench-report]

The corpus (a field `text`) is counted, learned from and tokenized once, below the folder. Prints the seconds of a report on
that root and of one on the vocabulary alone with the text, with processor time, the seconds of each step, and the most memory
of the process; then what one encoding pass over the words takes, and what the tokens at every size from 1,024 up take besides
it: the pass is all that the curve needs.
"""

import argparse
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from pairloom.operators import merge_counts
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.evaluate import merge_steps, tally_words, tokens_at
from pairloom.operators.kernels.warmup import warm_up
from pairloom.pipeline import Dataset, open_dataset, parse_recipe, run
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted
from pairloom.pipeline.report import Options, report_on_root, report_on_vocabulary
from pairloom.pipeline.stages.count.files import read_words

ROUNDS = 5


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds by the clock, seconds of the processor, and the result."""
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - clock, time.process_time() - processor, result


def made(corpus: Path, size: int, folder: Path) -> str:
    """The root; made in a process of its own, so that its memory is not taken for the report's."""
    recipe = parse_recipe(
        f"root: {folder / f'{corpus.stem}-{size}'}\ncorpus: [{{name: text, paths: [{corpus}]}}]\n"
        f"vocabulary: {{size: {size}}}\nexecution: {{engine: local}}\n"
    )
    run(recipe, until="tokenize")
    return recipe.root


def show_report(name: str, work: Callable[[Options], Any]) -> None:
    begun: dict[str, float] = {}
    steps: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            begun[event.step] = time.process_time()
        elif isinstance(event, StepFinished):
            steps.append(
                f"{event.step.removeprefix('report ')} {time.process_time() - begun[event.step]:.1f} s"
            )

    clock, processor, _ = timed(lambda: work(Options(against={}, observe=observe)))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        f"{name}: {clock:.1f} s, {processor:.1f} s of one processor ({', '.join(steps)}); at most {memory / 1e6:.0f} MB"
    )


def show_curve(dataset: Dataset) -> None:
    vocabulary = dataset.vocabulary()
    tokenizer_of(vocabulary).word_encoder()
    files = [file for file in dataset.manifest.stage("count").files if file.role == "words"]
    counts = merge_counts(read_words(dataset.objects, file) for file in files)
    passes, curves = [], []
    for _ in range(ROUNDS):
        _, seconds, tally = timed(lambda: tally_words(vocabulary, counts))
        passes.append(seconds)
        _, seconds, steps = timed(partial(merge_steps, vocabulary, tally.token_counts))
        curves.append(seconds)
    sizes = int((steps.sizes >= 1024).sum())
    one, more = median(passes), median(curves)
    print(
        f"curve: one encoding pass over {len(counts):,} distinct words {one:.2f} s; the tokens at {sizes:,} sizes {more:.2f} s "
        f"more: {(one + more) / one:.2f} passes"
    )
    _, seconds, tokens = timed(lambda: tokens_at(vocabulary, counts, len(vocabulary.model.merges) // 2))
    assert tokens == steps.tokens[len(vocabulary.model.merges) // 2]
    print(f"       one size by encoding anew {seconds:.2f} s, the same {tokens:,} tokens")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--vocabulary", type=int, default=131_072)
    parser.add_argument("--folder", type=Path, default=Path("build/bench-report"))
    options = parser.parse_args()
    corpus = options.corpus.absolute()
    warm_up(("gpt2",))
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        root = other.submit(made, corpus, options.vocabulary, options.folder.absolute()).result()
    dataset = open_dataset(root)
    print(f"{corpus.stat().st_size / 1e6:.0f} MB, a vocabulary of {options.vocabulary:,}")
    show_report("on the root", lambda with_: report_on_root(dataset, with_))
    vocabulary = dataset.vocabulary()
    show_report(
        "on the vocabulary and the text",
        lambda with_: report_on_vocabulary("v", vocabulary, (str(corpus),), "text", with_),
    )
    show_curve(dataset)


if __name__ == "__main__":
    main()
