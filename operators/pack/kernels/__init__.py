"""Packing: pieces of documents, the rows that they go into, the tokens of these, and what follows from their segments."""

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Pack two documents by every strategy, with ids of either width, and say where their segments are."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.pack import STRATEGIES, gather
    from pairloom.operators.pack.derive import labels, position_ids, segment_ids
    from pairloom.operators.pack.tally import tally_tokens, tally_values
    from pairloom.operators.schema import INPUT_IDS, SOURCE
    from pairloom.operators.tokens import TokenBatch

    lengths, first = np.array([3, 1]), np.zeros(2, np.int64)
    for dtype in (pa.uint16(), pa.uint32()):
        tokens = pa.array([[1, 2, 3], [4]], pa.large_list(dtype))
        batch = TokenBatch.of({INPUT_IDS: tokens}, documents={SOURCE: np.zeros(2, np.uint16)})
        batch.gathered(INPUT_IDS)
        batch.fingerprints(np.zeros(2, np.uint64))
        for strategy in STRATEGIES.all().values():
            for plan in strategy().plans(lengths, 2, least=1):
                gather(plan.reordered(np.arange(len(plan))).part(0, len(plan)), batch, pad=0)
        tally_tokens(np.zeros(2, np.uint64), tokens.values.to_numpy(), first, lengths, first, first)
    tally_values(np.zeros(2, np.uint64), np.zeros(2, np.uint16), lengths, first, SOURCE)
    segment_ids([[2, 1]], 4)
    position_ids([[2, 1]], 4)
    labels([[1, 2, 3, 0]], [[2, 1]], shifted=True)
