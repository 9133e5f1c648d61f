"""Cutting text: characters, ends of pieces, windows of 64 bytes, the scan over documents, random chunks and lines."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Cut the sample by each scheme, into random chunks, and into lines."""
    import pyarrow as pa

    from pairloom.operators.text.arrays import text_of
    from pairloom.operators.text.pretokenize import Pretokenizer
    from pairloom.operators.text.pretokenize.chunks import RandomChunks

    text = text_of(pa.array(SAMPLE))
    cuts: list[Pretokenizer | RandomChunks] = [Pretokenizer(scheme=scheme) for scheme in schemes]
    for cut in (*cuts, RandomChunks(), Pretokenizer(scheme="none", lines=True)):
        for _ in cut.blocks(text):
            pass
