"""Kernels of token steps."""

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Infill a few tokens of either width, and count the characters of a text."""
    import numpy as np

    from pairloom.operators.schema import INPUT_IDS
    from pairloom.operators.tokens import TokenBatch
    from pairloom.operators.transforms.fim import FillInTheMiddle, Tables
    from pairloom.operators.transforms.kernels.fim import count_places, find_places

    step = FillInTheMiddle(rate=1.0, split="token")
    tables = Tables(special=np.arange(9) < 3, sentinels=np.arange(3), tokenizer=None)
    for dtype in (np.uint16, np.uint32):
        ids = np.array([0, 5, 6, 7, 0], dtype)
        step(TokenBatch.from_lists({INPUT_IDS: [ids]}), 0, tables)
    data, edges, places = np.zeros(4, np.uint8), np.array([0, 4]), np.zeros((3, 1), np.int64)
    count_places(data, edges, np.zeros(0, np.int64), False, places[0])
    find_places(data, edges, np.zeros(0, np.int64), False, places[1], places[2])
