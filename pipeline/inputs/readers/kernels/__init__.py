"""Reading JSON."""

from pairloom.operators.kernels.warmup import Part

__all__ = ["PARTS", "warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Read no line, and make lines of nothing."""
    for part in PARTS.values():
        part.run(schemes)


def _lines(_: tuple[str, ...]) -> None:
    """Read no line: nothing is written to the address of the values, which is none."""
    import numpy as np

    from pairloom.operators.text.arrays import frozen
    from pairloom.pipeline.inputs.readers._json_tree import scratch_for, tree_of
    from pairloom.pipeline.inputs.readers._json_where import asked_of
    from pairloom.pipeline.inputs.readers.kernels.json_lines import PADDING, Taken, scan_lines

    nothing = np.zeros(0, np.int64)
    wanted = tree_of([("text",)], [1])
    taken = Taken(
        values=np.zeros(1, np.int64),
        offsets=np.zeros((1, 2), np.int64),
        kinds=np.zeros((1, 0), np.uint16),
        rows=nothing,
        starts=nothing,
    )
    data, state = frozen(np.zeros(PADDING, np.uint8)), np.zeros(5, np.int64)
    scan_lines(data, 0, 1, wanted, asked_of(None, ()), taken, state, scratch_for(wanted))


def _layout(_: tuple[str, ...]) -> None:
    """Make lines of a document of JSON."""
    import numpy as np

    from pairloom.pipeline.inputs.readers.kernels.json_layout import put_in_lines

    put_in_lines(np.zeros(1, np.uint8), np.zeros(5, np.int64), 0)


PARTS = {
    "lines": Part(_lines, ("json_lines", "json_strings", "json_values", "json_where")),
    "layout": Part(_layout, ("json_layout",)),
}
