"""The bytes that a plan says are moved for a token are those that a run moves, counted where they go through the store."""

import io
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest

from pairloom.jobs.cli import main
from pairloom.pipeline import make_plan, run
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.forecast.cluster import Cluster, forecast
from pairloom.pipeline.forecast.sizes import Sizes
from pairloom.pipeline.store.objects import LocalObjects
from tests.support.corpora import WORDS, recipe_for, write_jsonl

STAGES = {"exchange": "pack", "carry": "pack", "index": "pack"}


class Counted(io.RawIOBase):
    """A file to read, whose bytes are counted as they are asked for."""

    def __init__(self, file: pa.NativeFile, moved: Counter[tuple[str, str]], stage: str) -> None:
        super().__init__()
        self._file, self._moved, self._stage = file, moved, stage

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def read(self, size: int | None = -1) -> bytes:
        data: bytes = self._file.read(None if size is None or size < 0 else size)
        self._moved[self._stage, "read"] += len(data)
        return data


@contextmanager
def counting(moved: Counter[tuple[str, str]], stage: list[str]) -> Iterator[None]:
    """Count what every stage moves; `stage` holds the one that runs."""
    create, opened = LocalObjects.create, LocalObjects.open

    def creating(self: LocalObjects, path: str, **how: Any) -> AbstractContextManager[BinaryIO]:
        @contextmanager
        def counted() -> Iterator[BinaryIO]:
            with create(self, path, **how) as file:
                yield file
                moved[stage[0], "written"] += file.tell()

        return counted()

    def opening(self: LocalObjects, path: str) -> pa.NativeFile:
        return pa.PythonFile(Counted(opened(self, path), moved, stage[0]), mode="r")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalObjects, "create", creating)
        patch.setattr(LocalObjects, "open", opening)
        yield


@pytest.mark.parametrize("mode", ["document", "none"])
def test_bytes_a_token_are_those_that_a_run_moves(tmp_path: Path, mode: str) -> None:
    rng = random.Random(1)
    texts = [(f"{i}", " ".join(rng.choices(WORDS, k=4000))) for i in range(60)]
    write_jsonl(tmp_path / "in" / "a.jsonl", texts)
    settings = (
        "execution.unit_bytes=300kB",
        "pack.seq_len=1024",
        "pack.file_tokens=200000",
        "pack.validation=0",
    )
    recipe = recipe_for(tmp_path, *settings, f"pack.shuffle.mode={mode}")
    plan = make_plan(recipe)
    stated = {one.stage: one for one in forecast(plan, Cluster.of(2))}
    sizes = Sizes.of(plan)
    moved: Counter[tuple[str, str]] = Counter()
    stage = [""]

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            stage[0] = STAGES.get(event.step, event.step)

    with counting(moved, stage):
        manifest = run(recipe, observe=observe, plan=plan)
    tokens = manifest.stages["tokenize"].ledger.tokens
    assert tokens > 200_000
    corpus = {"tokenize": sizes.bytes}  # which is not in the store
    for name in ("tokenize", "pack"):
        read = (stated[name].read - corpus.get(name, 0)) / sizes.tokens
        written = stated[name].written / sizes.tokens
        assert (read, written) == pytest.approx({"tokenize": (2, 2), "pack": (6, 4)}[name], rel=0.001)
        assert read <= moved[name, "read"] / tokens < 1.1 * read
        assert written <= moved[name, "written"] / tokens < 1.1 * written


def test_a_plan_says_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [("a", "some text " * 2000)])
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f'root: {tmp_path}/out\ncorpus: [{{name: a, paths: ["{tmp_path}/in/*"], id: id}}]\n')
    monkeypatch.setattr(sys, "argv", ["pairloom", "plan", str(recipe), "--json"])
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    found = {one["stage"]: one for one in json.loads(capsys.readouterr().out)["stages"]}
    assert found["pack"]["written_per_token"] == pytest.approx(4, abs=0.01)
    assert found["pack"]["read_per_token"] == pytest.approx(6, abs=0.01)
    sys.argv.pop()
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    printed = capsys.readouterr().out
    assert "written a token" in printed
    assert "6.0 B" in printed
