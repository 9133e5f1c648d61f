"""A corpus of any number of units without any text: the real planner and real receipts, and tasks that only return."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from pairloom.pipeline import Plan, make_plan, parse_recipe
from pairloom.pipeline.execution.base import Done, Task
from pairloom.pipeline.phases import Usage
from pairloom.pipeline.stages.count.tasks import CountTask
from pairloom.pipeline.stages.tokenize.task import TokenizeTask
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.receipts import Ledger, Receipt, claim

UNIT_BYTES = 1_000_000
ZEROS = np.zeros(UNIT_BYTES // 2, np.uint8)  # what the file of a simulated unit holds
UNITS_A_FILE = 100
DOCUMENTS = 200  # of a unit
TOKENS = 250_000


def simulated_plan(folder: Path, units: int) -> Plan:
    """The plan of a corpus of files with a size and no blocks, cut into so many units."""
    (folder / "in").mkdir(parents=True, exist_ok=True)
    for number in range(0, units, UNITS_A_FILE):
        with (folder / "in" / f"{number:08}.jsonl").open("wb") as file:
            file.truncate(min(UNITS_A_FILE, units - number) * UNIT_BYTES)
    text = f"""
root: {folder / "out"}
corpus: [{{name: lines, paths: ["{folder}/in/*"]}}]
execution: {{engine: local, unit_bytes: {UNIT_BYTES}}}
"""
    return make_plan(parse_recipe(text))


def count_tasks(plan: Plan) -> list[Task]:
    """The tasks that count a plan's units."""
    choice = plan.recipe.vocabulary
    return [
        CountTask(
            root=plan.recipe.root,
            input=unit,
            cut=choice.cut(),
            normalizer=choice.normalizer,
            parts=plan.partitions,
            max_record_bytes=plan.recipe.max_record_bytes,
        )
        for unit in plan.units
    ]


@dataclass(slots=True, eq=False)
class MemoryObjects:
    """Objects in this process, and how often each operation was asked for."""

    root: str = "memory://"
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def uri(self, path: str) -> str:
        return f"memory://{path}"

    def read(self, path: str) -> bytes:
        with self.lock:
            self.asked["read"] += 1
        if path not in self.objects:
            raise FileNotFoundError(path)
        return self.objects[path]

    def exists(self, path: str) -> bool:
        with self.lock:
            self.asked["exists"] += 1
        return path in self.objects

    def open(self, path: str) -> pa.NativeFile:
        return pa.BufferReader(pa.py_buffer(ZEROS) if self.exists(path) else self.read(path))

    def create(self, path: str, *, durable: bool = True) -> AbstractContextManager[BinaryIO]:
        raise NotImplementedError("nothing writes data in a simulation")

    def put(self, path: str, data: bytes) -> None:
        with self.lock:
            self.asked["put"] += 1
            self.objects[path] = data

    def replace(self, path: str, source: str) -> None:
        self.objects[path] = self.objects.pop(source)

    def put_if_absent(self, path: str, data: bytes, *, durable: bool = True) -> bool:
        with self.lock:
            self.asked["put"] += 1
            return self.objects.setdefault(path, data) is data

    def list(self, prefix: str) -> list[str]:
        with self.lock:
            self.asked["list"] += 1
        return sorted(path for path in self.objects if path.startswith(prefix))

    def delete(self, path: str) -> None:
        self.objects.pop(path, None)

    def modified(self, path: str) -> float:
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """An executor whose tasks do nothing but publish a receipt such as real ones make."""

    objects: MemoryObjects
    fail_after: int | None = None

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        for number, task in enumerate(tasks):
            if number == self.fail_after:
                raise KeyboardInterrupt
            usage = Usage(seconds={"read": 0.1, "count": 1.0, "write": 0.2}, memory=1 << 29)
            made = simulated_receipt(task)
            self.objects.objects.update((file.path, b"") for file in made.files)  # of ZEROS
            receipt = claim(self.objects, made)
            yield Done(step=task.step, unit=task.unit, result=receipt, usage=usage)


def simulated_receipt(task: Task) -> Receipt:
    """The receipt of a task over text of which every unit has as much."""
    slices = getattr(task, "input").slices if isinstance(task, (CountTask, TokenizeTask)) else ()  # noqa: B009
    role = {"count": "words", "tokenize": "tokens"}.get(task.step, task.step)
    stored = StoredFile(
        role=role,
        path=f"data/{task.step}/{task.unit[:2]}/{task.unit}-{'0' * 12}.arrow",
        bytes=UNIT_BYTES // 2,
        sha256=task.unit * 2,
        rows=DOCUMENTS,
        facts={"tokens": TOKENS, "words": 30_000, "pretokens": 200_000},
    )
    return Receipt(
        stage=task.step,
        unit=task.unit,
        files=(stored,),
        ledger=Ledger(
            documents_in=DOCUMENTS,
            documents_out=DOCUMENTS,
            bytes_in=UNIT_BYTES,
            text_bytes=UNIT_BYTES - 100,
            tokens=TOKENS,
        ),
        slices=tuple((piece.file.uri, DOCUMENTS) for piece in slices),
    )
