"""Which inputs the lost units of a generation were made of, as far as they are there."""

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass

from pairloom.operators.errors import PairloomError
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.listing import list_source
from pairloom.pipeline.inputs.units import Unit, plan_units
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Inputs", "list_units"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The corpus of a recipe as it is now, in units; `missing` says of sources why they cannot be read."""

    units: tuple[Unit, ...]
    missing: tuple[str, ...]

    def of(
        self, record: StageRecord, receipts: Mapping[str, Receipt], lost: Set[str]
    ) -> tuple[dict[str, Unit], dict[str, str]]:
        """The inputs of the lost units of a stage, and of those that have none, why; `receipts` are those that can be read.

        A corpus in as many units as it was is taken unit by unit, in order; of another one those units are found that hold what
        the receipts say was read. Whether they are what they were is for checksums to say.
        """
        if not self.missing and len(self.units) == len(record.units):
            paired = dict(zip(record.units, self.units, strict=True))
            return {unit: paired[unit] for unit in record.units if unit in lost}, {}
        there = defaultdict(list)
        for one in self.units:
            there[tuple(piece.file.uri for piece in one.slices)].append(one)
        found: dict[str, Unit] = {}
        without: dict[str, str] = {}
        for unit in record.units:
            receipt = receipts.get(unit)
            if receipt is None:
                if unit in lost:
                    without[unit] = self._why(
                        "its receipt is lost as well, and the corpus is not what it was"
                    )
                continue
            same = there[tuple(uri for uri, _ in receipt.slices)]
            if same:
                found[unit] = same.pop(0)
            elif unit in lost:
                uris = sorted({uri for uri, _ in receipt.slices})
                more = f" and {len(uris) - 1:,} more" if len(uris) > 1 else ""
                without[unit] = self._why(f"its input {uris[0]}{more} is gone or cut into other units")
        return {unit: one for unit, one in found.items() if unit in lost}, without

    def _why(self, reason: str) -> str:
        return "; ".join((reason, *self.missing))


def list_units(recipe: Recipe, revisions: Mapping[str, str]) -> Inputs:
    """List the corpus of a recipe, at these commits of the Hub; sources that cannot be read are said, and no error."""
    hub = Repositories(revisions)
    units: list[Unit] = []
    missing = []
    for source in recipe.corpus:
        try:
            files = list_source(source, recipe.root, hub).files
            units += plan_units(source, files, recipe.execution.unit_bytes, hub)
        except (PairloomError, OSError) as error:
            missing.append(f"source {source.name}: {error}")
    return Inputs(units=tuple(units), missing=tuple(missing))
