"""Kernels of document steps: what rules look at, of each document."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Measure the sample by every rule."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.documents import DocumentBatch, Entries
    from pairloom.operators.documents.c4_quality import C4Quality
    from pairloom.operators.documents.decontaminate import Decontaminate
    from pairloom.operators.documents.fineweb_quality import FineWebQuality
    from pairloom.operators.documents.gopher_quality import GopherQuality
    from pairloom.operators.documents.gopher_repetition import GopherRepetition
    from pairloom.operators.documents.script import Script

    batch = DocumentBatch.of(list(SAMPLE))
    texts = Entries(np.zeros(0, np.int64), names=pa.array(SAMPLE, pa.large_string()))
    for step in (
        C4Quality(),
        Decontaminate(against=("sample",), ngram=1).with_lists((texts,)),
        FineWebQuality(),
        GopherQuality(),
        GopherRepetition(),
        Script(scripts=("Latin",)),
    ):
        step(batch)
    from pairloom.operators.documents._marked import p_values
    from pairloom.operators.documents.watermark import Watermark

    step = Watermark(key=0, tokenizer="sample", rows=2, keys=1)
    p_values(step, np.array([0, 1]), np.array([0, 2]))
