"""A model of the store: whatever the order of attempts, crashes, retries, commits and collections, what is kept is whole."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from pairloom.operators.errors import ConflictError
from pairloom.pipeline.identity import unit_id
from pairloom.pipeline.store.files import attempt_path, check_stored, write_bytes
from pairloom.pipeline.store.gc import check_present, collect, first_kept
from pairloom.pipeline.store.manifest import Manifest, StageRecord, commit, latest_manifest, read_manifest
from pairloom.pipeline.store.objects import LocalObjects
from pairloom.pipeline.store.receipts import Receipt, claim, discard, find_receipt, receipt_path

GRACE = 1_000.0
START = 1_000_000_000.0
UNITS = [unit_id("count", number) for number in range(5)]


class Store(RuleBasedStateMachine):
    """A clock that only rules move; `committed` is what each generation that is kept must hold."""

    attempts: Bundle[Receipt] = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="store-"))
        self.objects = LocalObjects(str(self.folder))
        self.now = START
        self.committed: dict[int, Manifest] = {}
        self.written: dict[str, float] = {}
        self.kept_from = 1

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def stamp(self) -> None:
        """What was written since the last rule was written now."""
        for path in self.objects.list(""):
            if path not in self.written:
                self.written[path] = self.now
                os.utime(self.objects.uri(path), (self.now, self.now))

    @rule(target=attempts, unit=st.sampled_from(UNITS))
    def attempt(self, unit: str) -> Receipt:
        """A worker writes the data of a unit, and may die before it says so."""
        stored = write_bytes(self.objects, attempt_path("count", unit, "x"), unit.encode(), role="words")
        self.stamp()
        return Receipt(stage="count", unit=unit, files=(stored,))

    @rule(unit=st.sampled_from(UNITS))
    def die_half_way(self, unit: str) -> None:
        """A worker dies in the middle of a file, of a receipt, of a manifest."""
        for path in (
            attempt_path("count", unit, "half"),
            f"receipts/count/{unit[:2]}/.{unit}.json.0.tmp",
            "manifests/.latest.0.tmp",
        ):
            place = Path(self.objects.uri(path))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"half")
            self.written.pop(path, None)
        self.stamp()

    @rule(receipt=consumes(attempts))
    def say_so(self, receipt: Receipt) -> None:
        """A worker publishes its receipt, unless its data is so old that it was collected under its hands."""
        if all(self.objects.exists(file.path) for file in receipt.files):
            winner = claim(self.objects, receipt)
            self.stamp()
            assert find_receipt(self.objects, "count", receipt.unit) == winner

    @rule(units=st.sets(st.sampled_from(UNITS), min_size=1), behind=st.integers(0, 1))
    def commit_units(self, units: set[str], behind: int) -> None:
        """A run commits what has receipts; one that is a generation behind must not."""
        found = [find_receipt(self.objects, "count", unit) for unit in sorted(units)]
        receipts = [receipt for receipt in found if receipt is not None]
        last = latest_manifest(self.objects)
        assert (last.generation if last else 0) == max(self.committed, default=0)
        files = tuple(file for receipt in receipts for file in receipt.files)
        record = StageRecord(key=str(sorted(units)), units=tuple(r.unit for r in receipts), files=files)
        generation = (last.generation if last else 0) + 1 - behind
        manifest = Manifest(generation=generation, recipe={}, stages={"count": record})
        check_present(self.objects, [record], last)
        if generation == 0:
            return
        try:
            commit(self.objects, manifest)
        except ConflictError:
            assert behind
        else:
            assert not behind
            self.committed[generation] = manifest
        self.written.pop("manifests/latest", None)
        self.stamp()

    @rule()
    def lose_the_hint(self) -> None:
        """The pointer to the newest generation is only a hint."""
        self.objects.delete("manifests/latest")
        self.written.pop("manifests/latest", None)

    @rule(unit=st.sampled_from(UNITS))
    def forget(self, unit: str) -> None:
        """A run discards its scratch, which no generation holds."""
        receipt = find_receipt(self.objects, "count", unit)
        held = {u for g in self.kept() for u in self.committed[g].stages["count"].units}
        if receipt is not None and unit not in held:
            discard(self.objects, receipt)
            self.written.pop(receipt_path("count", unit), None)

    @rule(seconds=st.sampled_from([1.0, 600.0, 5_000.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.committed)
    @rule(keep=st.none() | st.integers(1, 3), delete=st.booleans())
    def collect_garbage(self, keep: int | None, delete: bool) -> None:
        before = set(self.objects.list("")) - {"manifests/kept"}
        found = collect(self.objects, now=self.now, grace=GRACE, keep=keep, delete=delete)
        after = set(self.objects.list("")) - {"manifests/kept"}
        assert before - after == (set(found.garbage) if delete else set())
        for path in found.garbage:
            assert self.written[path] < self.now - GRACE
            assert not path.startswith("manifests/0")
        if delete:
            for path in before - after:
                del self.written[path]
            if keep is not None:
                self.kept_from = max(self.kept_from, max(self.committed) - keep + 1)
            assert first_kept(self.objects) == self.kept_from
            assert found.kept == tuple(self.kept())
            assert collect(self.objects, now=self.now, grace=GRACE).garbage == ()
            self.written["manifests/kept"] = self.now

    def kept(self) -> range:
        return range(self.kept_from, max(self.committed, default=0) + 1)

    @invariant()
    def kept_generations_are_whole(self) -> None:
        for generation in self.kept():
            manifest = read_manifest(self.objects, generation)
            assert manifest == self.committed[generation]
            for file in manifest.stages["count"].files:
                check_stored(self.objects, file)

    @invariant()
    def receipts_name_files_that_are_there(self) -> None:
        for unit in UNITS:
            receipt = find_receipt(self.objects, "count", unit)
            if receipt is not None:
                for file in receipt.files:
                    check_stored(self.objects, file)


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
