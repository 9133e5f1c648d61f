"""The fields that are asked for, as the tree of names that the compiled reader follows."""

from collections.abc import Sequence

import numpy as np

from pairloom.pipeline.inputs.readers.kernels.json_lines import Scratch, Wanted
from pairloom.pipeline.inputs.readers.kernels.json_values import DEEPEST

__all__ = ["scratch_for", "tree_of"]


class _Node(dict[str, "_Node"]):
    """The names that lead on from a place, and the field that ends there, if one does."""

    field: int = -1


def tree_of(paths: Sequence[tuple[str, ...]], must: Sequence[int]) -> Wanted:
    """The tree of some paths, all different; the fields below any edge must stand together, which sorted paths do.

    >>> tree = tree_of([("a", "b"), ("a", "c"), ("d",)], [0, 0, 1])
    >>> tree.nodes.tolist(), tree.below.tolist(), tree.leaf.tolist(), tree.low.tolist(), tree.high.tolist()
    ([0, 2, 4], [1, -1, -1, -1], [-1, 2, 0, 1], [0, 2, 0, 1], [2, 3, 1, 2])
    """
    root = _Node()
    for field, path in enumerate(paths):
        node = root
        for name in path:
            node = node.setdefault(name, _Node())
        node.field = field
    nodes, names, edges = [root], [], []
    starts = [0]
    for node in nodes:  # which grows
        for name, child in node.items():
            names.append(name.encode("utf-8", "surrogatepass"))
            fields = sorted(_fields(child))
            edges.append((len(nodes) if child else -1, child.field, fields[0], fields[-1] + 1))
            if child:
                nodes.append(child)
        starts.append(len(edges))
    below, leaf, low, high = np.array(edges, np.int64).reshape(-1, 4).T.copy()
    ends = np.cumsum([0, *map(len, names)], dtype=np.int64)
    # One byte more: no name at all has no address.
    text = np.frombuffer(b"".join(names) + b"\0", np.uint8)
    return Wanted(text, ends, np.array(starts), below, leaf, low, high, np.array(must, np.int64))


def scratch_for(wanted: Wanted) -> Scratch:
    """Room for reading the fields of a tree."""
    found = np.empty((len(wanted.must), 2), np.int64)
    return Scratch(found, np.empty((len(wanted.nodes), 2), np.int64), np.empty(DEEPEST, np.uint8))


def _fields(node: _Node) -> list[int]:
    own = [] if node.field < 0 else [node.field]
    return own + [field for child in node.values() for field in _fields(child)]
