"""What stands between the tokens of documents, and which numbers these have: the twins of the kernels."""

from collections.abc import Sequence

__all__ = ["TWINS", "insert_runs", "number_places", "number_slots"]


def insert_runs(documents: Sequence[bytes], every: int, count: Sequence[int], run: bytes) -> bytes:
    """Documents one after another, with `run` behind every `every` bytes, so often in each.

    >>> insert_runs([b"abcde", b"xy"], 2, [2, 0], b"-")
    b'ab-cd-exy'
    """
    out = b""
    for document, times in zip(documents, count, strict=True):
        for block in range(times):
            out += document[block * every : (block + 1) * every] + run
        out += document[times * every :]
    return out


def number_places(length: int, period: int) -> list[tuple[int, int]]:
    """The block and the place in it of each token of a document.

    >>> number_places(3, 2)
    [(0, 0), (0, 1), (1, 0)]
    """
    return [divmod(at, period) for at in range(length)]


def number_slots(length: int, scale: int, first: int) -> list[int]:
    """The slot of each token of a chunk.

    >>> number_slots(3, 2, 5)
    [5, 5, 6]
    """
    return [first + at // scale for at in range(length)]


TWINS = {
    "transforms.kernels.inserted:insert_runs": insert_runs,
    "transforms.kernels.inserted:number_places": number_places,
    "transforms.kernels.inserted:number_slots": number_slots,
}
