"""A map of characters as SentencePiece keeps it: a double array of what is replaced, and what by."""

import base64
import struct
from collections.abc import Mapping

__all__ = ["charsmap", "precompiled"]


def charsmap(rules: Mapping[str, str]) -> bytes:
    """The bytes of such a map.

    A unit of the array is 32 bits: a node has the byte that leads to it, whether a value follows, and the offset of its children,
    each of which is at `place ^ offset ^ byte`; the value is at byte 0, with the highest bit set.
    """
    texts, places = bytearray(), {}
    for to in dict.fromkeys(rules.values()):
        places[to] = len(texts)
        texts += to.encode() + b"\0"
    tree: dict[int, object] = {}
    for source, to in rules.items():
        node = tree
        for byte in source.encode():
            node = node.setdefault(byte, {})  # type: ignore[assignment]
        node[-1] = places[to]
    units = [0] * 256
    taken = [False] * 256
    taken[0] = True
    bases: set[int] = set()

    def fill(place: int, node: dict[int, object]) -> None:
        children = sorted(byte for byte in node if byte >= 0)
        labels = ([0] if -1 in node else []) + children
        base = 1
        # No two nodes have one base: a unit says by which byte it is reached, and not from where.
        while base in bases or any((base ^ label) < len(taken) and taken[base ^ label] for label in labels):
            base += 1
        bases.add(base)
        while len(units) <= base | 255:
            units.extend([0] * 256)
            taken.extend([False] * 256)
        offset = base ^ place
        units[place] |= offset << 10 if offset < 1 << 21 else (offset >> 8) << 10 | 1 << 9
        for label in labels:
            taken[base ^ label] = True
        if -1 in node:
            units[place] |= 1 << 8
            units[base] = int(node[-1]) | 1 << 31  # type: ignore[call-overload]
        for byte in children:
            units[base ^ byte] |= byte
        for byte in children:
            fill(base ^ byte, node[byte])  # type: ignore[arg-type]

    fill(0, tree)
    blob = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(blob)) + blob + bytes(texts)


def precompiled(rules: Mapping[str, str]) -> dict[str, str]:
    """The normalizer of a `tokenizer.json` that does so."""
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap(rules)).decode()}
