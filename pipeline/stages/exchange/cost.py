"""What the exchange takes: memory of its tasks."""

__all__ = ["REGROUP_BYTES", "exchange_memory", "regroup_memory"]

REGROUP_BYTES = 512_000_000  # of exchange files in a task that spreads a batch of theirs again


def exchange_memory(size: int, copies: int = 0) -> int:
    """Bytes for a shard of a size: the shard, a partition of it, and what is known of each of so many copies."""
    return 300_000_000 + 2 * size + 120 * copies


def regroup_memory(size: int) -> int:
    """Bytes for files that have a size of a batch: the documents of the batch, and a partition of them."""
    return 300_000_000 + 2 * size
