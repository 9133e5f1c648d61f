"""After the first step of a run, whoever works compiles nothing: no step has to wait for numba."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.corpora import documents, write_jsonl
from tests.support.piece_models import PLAIN, bytes_pieces, piece_model

# A process of its own, in which nothing ran before: the plan is made in another, as making it may encode a few texts. Whatever
# a kernel is asked for that it did not have is looked for on disk first, and compiled where it is not there: what is looked for
# depends on no disk.
SCRIPT = """
import json, os, pickle, sys
from pathlib import Path

from pairloom.operators.kernels.cache import KernelCache
from pairloom.pipeline import make_plan, run
from pairloom.pipeline.flow.prepare import PrepareTask, needed_kernels, needed_schemes
from tests.support.corpora import recipe_for

folder, scheme, *settings = sys.argv[1:]
cut = [f"vocabulary.pretokenizer.scheme={scheme}"] if scheme else []
recipe = recipe_for(Path(folder), *cut, *settings)
if not os.fork():
    Path(folder, "plan").write_bytes(pickle.dumps(make_plan(recipe)))
    os._exit(0)
os.wait()
plan = pickle.loads(Path(folder, "plan").read_bytes())
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
        (
            "gpt2",
            [
                "pack.strategy=concat",
                "pack.shuffle.mode=none",
                "pack.deduplicate=near",
                "pack.near.verify=0.9",
                "statistics=[{duplicates: {}}, {ngrams: {n: [2]}}, {characters: {}}, {text_lengths: {}}]",
            ],
        ),
        ("cl100k", ["pack.deduplicate=exact", "pack.shuffle.mode=block", "pack.file_tokens=900"]),
        (
            "o200k",
            [
                "vocabulary.learn.mode=sharded",
                "pack.strategy=first_fit",
                "pack.predict_every_token=true",
                "pack.steps=[{bpe_dropout: {rate: 0.2}}]",
            ],
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
        (
            "",
            [
                "vocabulary.family=wordpiece",
                "vocabulary.learn.mode=sharded",
                "corpus.0.steps=[{spans: {field: spans, keep_untrained: true}}]",
            ],
        ),
        (
            "",
            [
                "vocabulary.family=character_bpe",
                "vocabulary.size=500",
                "corpus.0.steps=[{spans: {field: spans, keep_untrained: true}}]",
            ],
        ),
        (
            "",
            [
                "vocabulary.family=unigram",
                "vocabulary.size=500",
                "corpus.0.steps=[{spans: {field: spans, keep_untrained: true}}]",
            ],
        ),
        (
            "gpt2",
            [
                "vocabulary.special_tokens=['<|endoftext|>', '<landmark>']",
                "corpus.0.steps=[{spans: {field: spans, keep_untrained: true}}]",
                "pack.steps=[identifiers, {landmark: {every: 7}}]",
                "pack.rows=[lexinvariant_rows]",
                "statistics=[{successors: {context: 2}}, {language_model: {order: 3}}, scripts]",
            ],
        ),
    ],
)
def test_a_run_compiles_nothing_after_its_first_step(
    tmp_path: Path, scheme: str, settings: list[str]
) -> None:
    (tmp_path / "in").mkdir()
    for seed in range(2):
        lines = [
            {"id": name, "text": text, "spans": [[0, len(text) // 2]]} for name, text in documents(60, seed)
        ]
        (tmp_path / "in" / f"{seed}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), scheme, *settings]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_a_run_with_a_model_of_sentencepiece_compiles_nothing_after_its_first_step(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(20))
    pieces = [
        *PLAIN,
        ("<|endoftext|>", 0.0, 3),
        *bytes_pieces(),
        *((text, -1.0, 1) for text in ("th", "\u2581", "t", "h")),
    ]
    (tmp_path / "bpe.model").write_bytes(piece_model(pieces, byte_fallback=True))
    settings = [f"vocabulary={{from: '{tmp_path}/bpe.model'}}"]
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), "", *settings]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize(
    ("name", "text", "settings", "spared"),
    [
        (
            "{}.txt",
            "{}",
            ["corpus.0.id=null"],
            ["pipeline.inputs.readers.kernels:lines", "encode.kernels:spans"],
        ),
        (
            "{}.jsonl",
            '{{"id": "x", "text": {}, "score": 1.5}}',
            ["corpus.0.steps=[{weight: {field: score}}]"],
            [],
        ),
    ],
)
def test_what_is_spared_is_not_missed(
    tmp_path: Path, name: str, text: str, settings: list[str], spared: list[str]
) -> None:
    """Where no JSON is read, or nothing is said of parts of texts, kernels for that are not compiled."""
    (tmp_path / "in").mkdir()
    for number, (_, content) in enumerate(documents(30)):
        (tmp_path / "in" / name.format(number)).write_text(text.format(json.dumps(content)))
    script = SCRIPT + "print(json.dumps(needed_kernels(plan)))"
    command = [sys.executable, "-c", script, str(tmp_path), "gpt2", *settings]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    missing, needed = map(json.loads, done.stdout.splitlines()[-2:])
    assert missing == []
    every = (
        "pipeline.inputs.readers.kernels:lines",
        "operators.encode.kernels:words",
        "encode.kernels:spans",
    )
    found = [one for one in every if any(place.endswith(one) for place in needed)]
    assert found == [one for one in every if one not in spared]


def test_rounds_that_nobody_foresaw_are_prepared(tmp_path: Path) -> None:
    """Words that turn out to fit no machine are learned from in rounds, whose kernels are loaded before the first."""
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    script = SCRIPT.replace("run(recipe, plan=plan)", SMALL_MACHINE)
    command = [sys.executable, "-c", script, str(tmp_path), "gpt2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    steps, missing = map(json.loads, done.stdout.splitlines()[-2:])
    assert steps.index("rounds") == steps.index("prepare", 1) + 1
    assert missing == []


# What is looked for while kernels are prepared is not missed.
SMALL_MACHINE = """
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.flow.events import StepFinished, StepStarted

LocalExecutor.room = lambda self, workers=1: 1_000_000
steps, before = [], set()

def observe(event):
    if isinstance(event, StepStarted):
        steps.append(event.step)
        before.clear()
        before.update(missing)
    if isinstance(event, StepFinished) and event.step == "prepare":
        missing.clear()
        missing.update(before)

run(recipe, plan=plan, observe=observe)
print(json.dumps(steps))
"""


# The same of Ray's workers, processes in which this one can change nothing: they write down what they look for, and whether they
# prepare. What one of them looks for while it works must be what some worker has looked for, and so compiled, as it prepared.
ON_RAY = """
import os, sys
from pathlib import Path

import ray

from pairloom.pipeline import run
from tests.support.corpora import recipe_for

folder, scheme, *settings = sys.argv[1:]

def watched():
    import os
    from pathlib import Path
    from pairloom.operators.kernels.cache import KernelCache
    from pairloom.pipeline.flow.prepare import PrepareTask

    preparing, load, work = [], KernelCache.load_overload, PrepareTask.run

    def looked_for(self, sig, context):
        with Path(os.environ["LOOKED_FOR"], str(os.getpid())).open("a") as file:
            file.write(f"{len(preparing)} {self._function.__module__}.{self._function.__name__}{sig}\\n")
        return load(self, sig, context)

    def prepare(self, shared=None):
        preparing.append(self)
        try:
            work(self, shared)
        finally:
            preparing.clear()

    KernelCache.load_overload, PrepareTask.run = looked_for, prepare

os.environ["LOOKED_FOR"] = f"{folder}/looked"
Path(os.environ["LOOKED_FOR"]).mkdir()
ray.init(
    num_cpus=2,
    include_dashboard=False,
    log_to_driver=False,
    runtime_env={"worker_process_setup_hook": watched, "env_vars": {"LOOKED_FOR": os.environ["LOOKED_FOR"]}},
)
run(recipe_for(Path(folder), "execution.engine=ray", f"vocabulary.pretokenizer.scheme={scheme}", *settings))
"""


def test_workers_of_ray_compile_nothing_after_the_first_step(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    write_jsonl(tmp_path / "in" / "b.jsonl", documents(60, seed=1))
    settings = ["vocabulary.learn.mode=sharded", "vocabulary.learn.members=2", "pack.deduplicate=exact"]
    command = [sys.executable, "-c", ON_RAY, str(tmp_path), "cl100k", *settings]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, set[str]] = {"0": set(), "1": set()}
    for file in (tmp_path / "looked").iterdir():
        for line in file.read_text().splitlines():
            when, _, kernel = line.partition(" ")
            seen[when].add(kernel)
    assert seen["1"], "nobody has prepared"
    assert seen["0"], "nobody has worked elsewhere"
    assert sorted(seen["0"] - seen["1"]) == []
