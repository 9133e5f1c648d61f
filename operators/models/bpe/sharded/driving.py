"""Coordinator and partitions in one process."""

from collections.abc import Callable, Sequence

from pairloom.operators.models.bpe.sharded.coordinator import Coordinator
from pairloom.operators.models.bpe.sharded.partition import Partition

__all__ = ["drive"]


def drive(
    coordinator: Coordinator,
    partitions: Sequence[Partition],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Ask the partitions what the coordinator wants to know until it has all merges.

    `progress` is called after each round with (merges learned, merges wanted).
    """
    while (message := coordinator.next()) is not None:
        coordinator.take([partition.answer(message) for partition in partitions])
        if progress is not None:
            progress(len(coordinator.merges), coordinator.wanted)
