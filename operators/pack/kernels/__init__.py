"""Packing: pieces of documents, the rows that they go into, the tokens of these, and what follows from their segments."""

from pairloom.operators.kernels.warmup import Part

__all__ = ["PARTS", "warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Pack two documents by every strategy, with ids of either width, and say where their segments are."""
    for part in PARTS.values():
        part.run(schemes)


def _pack(dtype: str) -> None:
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.pack import STRATEGIES, gather
    from pairloom.operators.pack.tally import tally_tokens, tally_values
    from pairloom.operators.schema import INPUT_IDS, SOURCE
    from pairloom.operators.tokens import TokenBatch

    lengths, first = np.array([3, 1]), np.zeros(2, np.int64)
    tokens = pa.array([[1, 2, 3], [4]], pa.large_list(pa.type_for_alias(dtype)))
    batch = TokenBatch.of({INPUT_IDS: tokens}, documents={SOURCE: np.zeros(2, np.uint16)})
    batch.gathered(INPUT_IDS)
    batch.fingerprints(np.zeros(2, np.uint64))
    for strategy in STRATEGIES.all().values():
        for plan in strategy().plans(lengths, 2, least=1):
            gather(plan.reordered(np.arange(len(plan))).part(0, len(plan)), batch, pad=0)
    tally_tokens(np.zeros(2, np.uint64), tokens.values.to_numpy(), first, lengths, first, first)
    tally_values(np.zeros(2, np.uint64), np.zeros(2, np.uint16), lengths, first, SOURCE)


def _narrow(_: tuple[str, ...]) -> None:
    """Pack ids of two bytes."""
    _pack("uint16")


def _wide(_: tuple[str, ...]) -> None:
    """Pack ids of four bytes, and what stands beside ids, which may have one byte each."""
    _pack("uint32")
    _gather_bytes()


def _gather_bytes() -> None:
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.pack import STRATEGIES, gather_column
    from pairloom.operators.schema import INPUT_IDS, Column
    from pairloom.operators.tokens import TokenBatch

    beside = Column(name="beside", dtype=np.dtype(np.uint8))
    ids, values = (pa.array([[1, 2]], pa.large_list(kind)) for kind in (pa.uint32(), pa.uint8()))
    (plan,) = STRATEGIES.get("concat")().plans(np.array([2]), 2, least=1)
    gather_column(plan, TokenBatch.of({INPUT_IDS: ids, beside.name: values}), beside)


def _derive(_: tuple[str, ...]) -> None:
    """Say where segments are, which readers of rows do."""
    from pairloom.operators.pack.derive import labels, position_ids, segment_ids

    segment_ids([[2, 1]], 4)
    position_ids([[2, 1]], 4)
    labels([[1, 2, 3, 0]], [[2, 1]], shifted=True)


_PACKING = ("best_fit", "first_fit", "gather", "pieces", "tally")
PARTS = {
    "narrow": Part(_narrow, _PACKING),
    "wide": Part(_wide, _PACKING),
    "derive": Part(_derive, ("derive",)),
}
