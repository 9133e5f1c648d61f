"""What became of the documents of each source, by the receipts of its units."""

from collections import defaultdict
from collections.abc import Mapping

from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, committed_receipts

__all__ = ["ledgers_by_source"]


def ledgers_by_source(manifest: Manifest, objects: Objects) -> Mapping[str, Ledger]:
    """The ledger of each source of a generation; of one without files, an empty one."""
    tokenized = manifest.stage("tokenize")
    receipts = committed_receipts(objects, "tokenize", tokenized.units)
    sources = tokenized.unit_sources or ("",) * len(tokenized.units)
    found: dict[str, list[Ledger]] = defaultdict(list)
    for source, receipt in zip(sources, receipts, strict=True):
        found[source].append(receipt.ledger)
    return defaultdict(Ledger, {source: Ledger.sum(ledgers) for source, ledgers in found.items()})
