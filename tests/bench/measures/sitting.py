"""A sitting: where figures are taken, and what its measures share."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import texts
from tests.bench.machine import version

__all__ = ["HERE", "MeasureError", "Sitting", "Table", "printed", "ratio"]

HERE = Path(__file__).parents[1]
PAIRLOOM = [sys.executable, "-c", "from pairloom.jobs.entry import main; main()"]


class MeasureError(Exception):
    """Something that was to be measured has failed; what else there is to be measured goes on."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A heading, how it was measured, and the figures."""

    title: str
    says: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(kw_only=True)
class Sitting:
    """Where it is held, how often each figure is taken, how much text there is, and what other texts were given."""

    folder: Path
    repeat: int
    bytes: int
    texts: Mapping[str, Path] = field(default_factory=dict)
    text: Path = field(init=False)
    small: Path = field(init=False)
    vocabulary: Path = field(init=False)

    def __post_init__(self) -> None:
        self.text, self.small = self.folder / "text.jsonl", self.folder / "small.jsonl"
        self.vocabulary = self.folder / "tokenizer.json"
        texts.write_jsonl(self.text, texts.installed(), self.bytes)
        texts.write_jsonl(self.small, texts.installed(), 1_200_000)
        learned = self.folder / "learned.jsonl"
        texts.write_jsonl(learned, texts.library())
        recipe = self.recipe(learned, {"size": 32768}, special_tokens=True)
        self.command("learn", recipe)
        (found,) = Path(recipe.parent, "root").glob("data/learn/**/*tokenizer.json")
        shutil.copy(found, self.vocabulary)

    def recipe(
        self,
        text: object,
        vocabulary: Mapping[str, object] | None = None,
        *,
        engine: str = "auto",
        special_tokens: bool = False,
        **more: object,
    ) -> Path:
        """A recipe in a folder of its own, in which its root will be; by default with the vocabulary that is there."""
        place = Path(tempfile.mkdtemp(dir=self.folder))
        corpus: dict[str, object] = {"name": "all", "paths": [str(text)]}
        if str(text).endswith(".jsonl"):
            corpus["id"] = "id"
        recipe = {
            "root": f"{place}/root",
            "corpus": [corpus],
            "vocabulary": vocabulary or {"from": str(self.vocabulary)},
            "execution": {"engine": engine},
            **more,
        }
        path = place / "recipe.json"
        path.write_text(json.dumps(recipe))
        return path

    def command(self, *arguments: object, environment: Mapping[str, str] | None = None) -> float:
        """Seconds of a command of Pairloom's, from its start to its end."""
        start = time.perf_counter()
        run = [*PAIRLOOM, *map(str, arguments)]
        done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, **(environment or {})})
        seconds = time.perf_counter() - start
        if done.returncode:
            raise MeasureError(f"pairloom {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
        return seconds

    def one_run(self, recipe: Path, *options: str) -> dict:
        """What a run takes in a process that is warm; its root is removed."""
        made = printed([HERE / "one_run.py", recipe, *options])
        shutil.rmtree(recipe.parent)
        return json.loads(made)

    def peer(self, name: str, text: Path) -> float | None:
        """Seconds of a peer; None where it is not installed."""
        if version(name) is None:
            return None
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            said = printed([HERE / "peers.py", name, self.vocabulary, text, place])
        if said.strip() == "not installed":
            return None
        return float(said.rsplit("seconds", 1)[1])


def printed(command: Sequence[object]) -> str:
    """What a program of these benchmarks prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TOKENIZERS_PARALLELISM": "true"}
    environment.pop("RAYON_NUM_THREADS", None)  # which `bench_encode` has set for what runs in this process
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise MeasureError(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
    return done.stdout


def ratio(mine: float, other: float | None) -> str:
    """How many times the other; nothing where there is none."""
    return "" if other is None else f"{mine / other:.2f}"
