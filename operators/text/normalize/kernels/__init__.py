"""Normalizing text: a look whether there is anything to do, and doing it."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Normalize the sample, and text that is not normal."""
    import pyarrow as pa

    from pairloom.operators.text.normalize import normalize

    normalize(pa.array([*SAMPLE, "e\u0301"]), "nfc")
