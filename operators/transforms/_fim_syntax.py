"""Where Python is cut around a node of its syntax, so that a middle is a whole expression or statement.

Structured fill-in-the-middle, as aiXcoder was trained by (Jiang et al., 2024, arXiv:2410.13187): the middle is a node of the tree.
"""

import ast
import re
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.transforms import draws

__all__ = ["around_nodes", "node_spans"]

_LINE_END = re.compile(rb"\r\n|\r|\n")
_NODE_DRAW = 2  # the draw of a chunk that chooses its node, of those that `choose_places` has
_DRAWS = 4
# Whose children have no places of their own in every version of Python: parts of strings.
_STRINGS = ("JoinedStr", "TemplateStr")


def node_spans(text: bytes) -> list[tuple[int, int]]:
    """The bytes [start, end) of every node of a text of Python, ascending, each once; none where it is no Python.

    >>> node_spans(b"x = f(1)")
    [(0, 1), (0, 8), (4, 5), (4, 8), (6, 7)]
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.decode())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    lines = [0, *(match.end() for match in _LINE_END.finditer(text))]
    found, todo = set(), [tree]
    while todo:
        node: Any = todo.pop()
        if getattr(node, "end_lineno", None) is not None:
            start = lines[node.lineno - 1] + node.col_offset
            end = lines[node.end_lineno - 1] + node.end_col_offset
            if start < end <= len(text):
                found.add((start, end))
        if type(node).__name__ not in _STRINGS:
            todo += ast.iter_child_nodes(node)  # type: ignore[arg-type]
    return sorted(found)


def around_nodes(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    where: npt.NDArray[np.int64],
    streams: npt.NDArray[np.uint64],
    numbers: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
) -> None:
    """Move the places where texts are cut to both ends of a node, of texts that have any, each of them as likely.

    Text `i` is data[offsets[i]:offsets[i + 1]]; `where` are the bytes of special tokens, begins and ends by turns, in which no
    text is cut.
    """
    drawn = draws(streams, _DRAWS * numbers + _NODE_DRAW) >> np.uint64(32)
    begins, ends = where[::2], where[1::2]
    for i, draw in enumerate(drawn.tolist()):
        base = int(offsets[i])
        spans = node_spans(data[base : int(offsets[i + 1])].tobytes())
        spans = [span for span in spans if not any(_inside(base + edge, begins, ends) for edge in span)]
        if spans:
            start, end = spans[draw * len(spans) >> 32]
            first[i], second[i] = base + start, base + end


def _inside(place: int, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> bool:
    at = int(np.searchsorted(begins, place)) - 1
    return at >= 0 and place < ends[at]
