"""What token steps add to packing: python tests/bench/bench_token_steps.py FILE.jsonl [--repeat N] [--steps NAME ...].

Processor seconds of the stage `pack` in one process, with each step and without any, in turn; medians of `--repeat`. The text
is tokenized once, by 8,000 tokens that are learned of it (`hat` and `word_pooled` by bytes); everything is compiled before.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from pairloom.operators.transforms import TRANSFORMS
from pairloom.pipeline import Recipe, run
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted

SPECIAL = ["<|endoftext|>", "<landmark>", "<|startthought|>", "<|endthought|>", "<pool>", "<pad>"]
SPECIAL += ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
KEYS: dict[str, dict[str, Any]] = {
    "fim": {
        "rate": 0.5,
        "tokens": {"prefix": SPECIAL[6], "suffix": SPECIAL[7], "middle": SPECIAL[8], "eot": SPECIAL[0]},
    },
    "prefix": {"keep": [64, 256]},
    "word_pooled": {"prefix_token": "<pool>", "pad_token": "<pad>"},
}
BY_COLUMNS = ("atomic", "reorder", "select_tokens")  # which take columns that sources bring
BYTES = 256 + len(SPECIAL)


def packed(recipe: dict[str, Any], steps: list[object]) -> float:
    """The processor seconds of packing."""
    began = took = 0.0

    def observe(event: Event) -> None:
        nonlocal began, took
        if isinstance(event, StepStarted) and event.step == "pack":
            began = time.process_time()
        elif isinstance(event, StepFinished) and event.step == "pack":
            took = time.process_time() - began

    run(Recipe.model_validate(recipe | {"pack": recipe["pack"] | {"steps": steps}}), observe=observe)
    return took


def main() -> None:
    """Print a line for each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--steps", nargs="*", default=[n for n in TRANSFORMS.names() if n not in BY_COLUMNS])
    options = parser.parse_args()
    seed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ["", *options.steps]:
            size = BYTES if name == "hat" else 8000
            recipe = {
                "root": f"{folder}/{size}",
                "corpus": [{"name": "all", "paths": [str(Path(options.file).resolve())]}],
                "vocabulary": {"size": size, "special_tokens": SPECIAL},
                "execution": {"engine": "local"},
                "pack": {"seq_len": 2048},
            }
            steps: list[object] = [{name: KEYS.get(name, {})}] if name else []
            times: tuple[list[float], list[float]] = ([], [])
            packed(recipe, steps)
            for kind, some in [*enumerate(([], steps))] * options.repeat:
                seed += 1  # nothing is taken over
                again = recipe | {"pack": recipe["pack"] | {"shuffle": {"seed": seed}}}
                times[kind].append(packed(again, some))
            without, with_it = map(statistics.median, times)
            print(
                f"{without:7.3f} s without {with_it:7.3f} s with {with_it / without - 1:+7.0%}  {name or 'none'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
