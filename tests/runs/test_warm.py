"""After the first step of a run, whoever works compiles nothing: no step has to wait for numba."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.corpora import documents, write_jsonl

# A process of its own, in which nothing ran before. Whatever a kernel is asked for that it did not have is looked for on disk
# first, and compiled where it is not there: what is looked for depends on no disk.
SCRIPT = """
import json, sys
from pathlib import Path

from pairloom.operators.kernels.cache import KernelCache
from pairloom.pipeline import make_plan, run
from pairloom.pipeline.flow.prepare import PrepareTask, needed_kernels, needed_schemes
from tests.support.corpora import recipe_for

folder, scheme, *settings = sys.argv[1:]
recipe = recipe_for(Path(folder), f"vocabulary.pretokenizer.scheme={scheme}", *settings)
plan = make_plan(recipe)
PrepareTask(schemes=needed_schemes(plan), places=needed_kernels(plan)).run()
missing, load = set(), KernelCache.load_overload

def looked_for(self, sig, context):
    missing.add(f"{self._function.__module__}.{self._function.__name__}{sig}")
    return load(self, sig, context)

KernelCache.load_overload = looked_for
run(recipe, plan=plan)
print(json.dumps(sorted(missing)))
"""


@pytest.mark.parametrize(
    ("scheme", "settings"),
    [
        ("gpt2", ["pack.strategy=concat", "pack.shuffle.mode=none"]),
        ("cl100k", ["pack.deduplicate=exact", "pack.shuffle.mode=block", "pack.file_tokens=900"]),
        (
            "o200k",
            ["vocabulary.learn.mode=sharded", "pack.strategy=first_fit", "pack.predict_every_token=true"],
        ),
        (
            "llama3",
            [
                "vocabulary.normalizer=nfc",
                "vocabulary.special_tokens=['<|endoftext|>', '<|p|>', '<|s|>', '<|m|>', '<|mask|>']",
                "pack.steps=[{fim: {rate: 0.5, tokens: {prefix: '<|p|>', suffix: '<|s|>', middle: '<|m|>'}}}]",
                "pack.rows=[{masked_lm: {mask_token: '<|mask|>'}}]",
                "pack.strategy=buckets",
            ],
        ),
        ("qwen2", ["vocabulary.family=lzw", "pack.strategy=padded", "corpus.0.epochs=1.5"]),
    ],
)
def test_a_run_compiles_nothing_after_its_first_step(
    tmp_path: Path, scheme: str, settings: list[str]
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    write_jsonl(tmp_path / "in" / "b.jsonl", documents(60, seed=1))
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), scheme, *settings]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []
