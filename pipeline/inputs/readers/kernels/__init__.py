"""Reading JSON lines."""

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Read no line: nothing is written to the address of the values, which is none."""
    import numpy as np

    from pairloom.operators.text.arrays import frozen
    from pairloom.pipeline.inputs.readers.kernels.json_lines import Names, Taken, scan_lines

    nothing = np.zeros(0, np.int64)
    names = Names(bytes=frozen(np.zeros(0, np.uint8)), ends=np.zeros(2, np.int64), ids=0)
    taken = Taken(
        values=np.zeros(1, np.int64),
        offsets=np.zeros((1, 2), np.int64),
        there=np.zeros((1, 0), np.uint8),
        rows=nothing,
    )
    data, state = frozen(np.zeros(16, np.uint8)), np.zeros(3, np.int64)
    scan_lines(data, 0, 1, names, taken, state, np.zeros((1, 3), np.int64), np.zeros(512, np.uint8))
