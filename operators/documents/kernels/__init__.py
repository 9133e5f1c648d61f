"""Kernels of document steps: what rules look at, of each document."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Measure the sample by every rule."""
    from pairloom.operators.documents import DocumentBatch
    from pairloom.operators.documents.c4_quality import C4Quality
    from pairloom.operators.documents.fineweb_quality import FineWebQuality
    from pairloom.operators.documents.gopher_quality import GopherQuality
    from pairloom.operators.documents.gopher_repetition import GopherRepetition
    from pairloom.operators.documents.script import Script

    batch = DocumentBatch.of(list(SAMPLE))
    for step in (
        C4Quality(),
        FineWebQuality(),
        GopherQuality(),
        GopherRepetition(),
        Script(scripts=("Latin",)),
    ):
        step(batch)
