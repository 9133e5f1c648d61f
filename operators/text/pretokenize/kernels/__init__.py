"""Cutting text: characters, ends of pieces, windows of 64 bytes, the scan over documents, random chunks and lines."""

from typing import Any

from pairloom.operators.kernels.warmup import SAMPLE, Part

__all__ = ["PARTS", "warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Cut the sample by each scheme, into random chunks, and into lines."""
    for part in PARTS.values():
        part.run(schemes)


def _cut(*cutters: Any) -> None:
    import pyarrow as pa

    from pairloom.operators.text.arrays import text_of

    text = text_of(pa.array(SAMPLE))
    for cutter in cutters:
        for _ in cutter.blocks(text):
            pass


def _schemes(schemes: tuple[str, ...]) -> None:
    """Cut by each scheme."""
    from pairloom.operators.text.pretokenize import Pretokenizer

    _cut(*(Pretokenizer(scheme=scheme) for scheme in schemes))


def _chunks(_: tuple[str, ...]) -> None:
    """Cut into random chunks."""
    from pairloom.operators.text.pretokenize.chunks import RandomChunks

    _cut(RandomChunks())


def _lines(_: tuple[str, ...]) -> None:
    """Cut into lines."""
    from pairloom.operators.text.pretokenize import Pretokenizer

    _cut(Pretokenizer(scheme="none", lines=True))


PARTS = {
    "schemes": Part(_schemes, ("characters", "ends", "masks", "windows")),
    "chunks": Part(_chunks, ("chunks",)),
    "lines": Part(_lines, ("lines",)),
}
