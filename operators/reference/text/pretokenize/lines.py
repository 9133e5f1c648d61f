"""Where lines begin and end."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "edges"]


def edges(data: bytes, offsets: Sequence[int]) -> list[int]:
    r"""Where the documents between `offsets` and their lines begin and end, each place once.

    >>> edges(b"a\nb", [0, 0, 3])
    [0, 2, 3]
    """
    newlines = (i + 1 for i in range(offsets[0], offsets[-1]) if data[i] == ord("\n"))
    return sorted({*offsets, *newlines})


TWINS: Mapping[str, Callable[..., object]] = {"text.pretokenize.kernels.lines:cut_lines": edges}
