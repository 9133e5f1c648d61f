"""What `verify` asks of statistics besides their ledgers: that a table says of documents what became of them."""

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.dataset.dataset import Dataset

__all__ = ["check_left_out"]


def check_left_out(dataset: Dataset) -> None:
    """Raise CorruptionError unless as many documents were left out for an evaluation as the table `contamination` names."""
    record = dataset.manifest.stage("statistics")
    if all(file.role != "contamination" for file in record.files):
        return
    table = dataset.statistic("contamination").select(["source", "uri", "row", "action"]).to_pylist()
    named = {(row["source"], row["uri"], row["row"]) for row in table if row["action"] == "drop"}
    ledger = dataset.manifest.stage("tokenize").ledger.filtered
    lost = sum(count for reason, count in ledger.items() if reason.startswith("decontaminate: overlaps "))
    if len(named) != lost:
        raise CorruptionError(
            f"{dataset.objects.root}: the table contamination names {len(named):,} documents that were left out, and "
            f"tokenize has left out {lost:,}: the table is of other documents, or this is a bug"
        )
