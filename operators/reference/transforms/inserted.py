"""What putting something between the bytes of documents means: the twin of the kernel."""

from collections.abc import Sequence

__all__ = ["TWINS", "insert_runs"]


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


TWINS = {"transforms.kernels.inserted:insert_runs": insert_runs}
