"""Normalizing character by character, and cutting between neighbours."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Normalize the sample by a table that keeps all but spaces, and cut it there, by classes and by pieces."""
    import numpy as np

    from pairloom.operators.text.arrays import Text
    from pairloom.operators.text.front.located import found_windows, located_by_table
    from pairloom.operators.text.front.normal import Table, by_table
    from pairloom.operators.text.front.pieces import Pieces
    from pairloom.operators.text.front.spaces import Spaces

    data = "".join(SAMPLE).encode()
    text = Text(data=np.frombuffer(data, np.uint8), offsets=np.array([0, len(data)], np.int64))
    does, table = np.zeros(1, np.int16), Table(lambda char: char)
    found = by_table(text, does, table)
    windows = np.concatenate([found_windows(text, does, table), np.zeros((1, 0), np.int64)])
    nothing = np.zeros(1, np.uint8), np.zeros(1, np.int32), np.zeros(2, np.int64)
    located_by_table(text, does, table, windows, nothing)
    apart = np.eye(256, dtype=np.uint8).reshape(-1)
    for cuts in (Pieces(np.zeros(0x110000, np.uint8), apart), Spaces(["a"])):
        for _ in cuts.blocks(found[0]):
            pass
