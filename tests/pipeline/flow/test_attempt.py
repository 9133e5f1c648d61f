"""A unit's task: what decides its id, what an attempt at it leaves, and which of two attempts wins."""

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.execution.base import Task
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.store.files import read_batches
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.receipts import Ledger, Receipt, find_receipt

NUMBERS = pa.schema([pa.field("n", pa.int64(), nullable=False)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Squares(UnitTask):
    """Squares of the numbers up to `count`, `times` as large."""

    count: int
    note: str = "none"
    step = "squares"

    @property
    def label(self) -> str:
        return f"{self.count} numbers"

    def identity(self) -> object:
        return {"count": self.count}

    def need(self) -> int:
        return 8 * self.count

    def work(self, attempt: Attempt, shared: Any) -> None:
        with attempt.arrow("squares", NUMBERS) as writer:
            column = pa.array([n * n * (shared or 1) for n in range(self.count)])
            writer.write(pa.RecordBatch.from_arrays([column], schema=NUMBERS))
            writer.facts.update(numbers=self.count)
        attempt.file("note.txt", self.note.encode(), role="note")
        with attempt.arrow("kept", NUMBERS, name="apart.arrow", folder="apart", scratch=True):
            pass
        attempt.ledger = Ledger(documents_in=self.count, documents_out=self.count)
        attempt.facts = {"largest": self.count}
        attempt.payload = b"\x00\xff"


def test_a_unit_is_its_step_and_what_decides_its_bytes(tmp_path: Path) -> None:
    task = Squares(root=str(tmp_path), count=3)
    assert task.unit == unit_id("squares", {"count": 3})
    assert task.unit == Squares(root="elsewhere", count=3, note="other").unit
    assert task.unit != Squares(root=str(tmp_path), count=4).unit
    assert isinstance(task, Task)
    assert pickle.loads(pickle.dumps(task)) == task


def test_an_attempt_leaves_its_files_and_a_receipt_that_names_them(tmp_path: Path) -> None:
    task, objects = Squares(root=str(tmp_path), count=3, note="hello"), open_objects(str(tmp_path))
    receipt = task.run(2)
    assert receipt == find_receipt(objects, "squares", task.unit)
    assert [file.role for file in receipt.files] == ["squares", "note", "kept"]
    squares, note, kept = receipt.files
    assert squares.path.startswith(f"data/squares/{task.unit[:2]}/{task.unit}-")
    assert squares.path.endswith(".squares.arrow")
    assert squares.facts == {"numbers": 3}
    assert kept.path.startswith("data/apart/")
    assert kept.path.endswith(".apart.arrow")
    assert objects.read(note.path) == b"hello"
    (batch,) = read_batches(objects, squares)
    assert batch.column("n").to_pylist() == [0, 2, 8]
    assert (receipt.ledger.documents_out, receipt.facts, receipt.payload) == (3, {"largest": 3}, b"\x00\xff")


def test_of_two_attempts_the_first_wins_and_the_other_leaves_nothing(tmp_path: Path) -> None:
    task, objects = Squares(root=str(tmp_path), count=3), open_objects(str(tmp_path))
    first = task.run()
    there = sorted(objects.list("data"))
    assert task.run() == first
    assert sorted(objects.list("data")) == there


def test_attempts_with_other_bytes_are_told_apart(tmp_path: Path) -> None:
    Squares(root=str(tmp_path), count=3).run()
    with pytest.raises(CorruptionError, match=r"two attempts at squares .* gave different bytes"):
        Squares(root=str(tmp_path), count=3, note="other").run()


def test_a_task_without_what_it_needs_to_say_cannot_be_made() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Mute(UnitTask):
        step = "mute"

    with pytest.raises(TypeError, match=r"abstract methods? .*identity.*label.*need.*work"):
        Mute(root="x")  # type: ignore[abstract]


def test_receipts_from_before_the_payload_was_called_so_are_read() -> None:
    made = Receipt(stage="exchange", unit="e" * 32, files=(), payload=b"abc")
    fields = json.loads(made.model_dump_json())
    fields["parts"] = fields.pop("payload")
    assert Receipt.model_validate_json(json.dumps(fields)) == made
