"""Encoding, beside peers."""

from tests.bench import texts
from tests.bench.measures.sitting import Sitting, Table

__all__ = ["encoding"]


def encoding(sitting: Sitting) -> Table:
    """Encoding on one thread, beside peers."""
    from pairloom.operators import Vocabulary
    from tests.bench.bench_encode import PEERS, Rate, compared  # which bounds the threads of this process

    held = texts.some(texts.installed(), min(32_000_000, sitting.bytes))
    size = sum(len(text.encode()) for text in held)
    peers = [name for name in PEERS if name != "tokie"]
    found = compared(held, Vocabulary.load(sitting.vocabulary), peers, sitting.repeat)
    rows = []
    for name, rate in found.items():
        if isinstance(rate, str):
            rows.append((name, rate, *[""] * (1 + len(peers))))
            continue
        others = [found[peer] for peer in peers]
        ratios = [
            f"{rate.first / other.first:.2f}, {rate.later / other.later:.2f}"
            if isinstance(other, Rate)
            else ""
            for other in others
        ]
        rows.append((name, f"{rate.first:.0f}", f"{rate.later:.0f}", *ratios))
    rows.sort(key=lambda row: not row[0].startswith("pairloom"))
    return Table(
        title="Encoding",
        says=f"{size / 1e6:.0f} MB that the vocabulary was not learned from, one thread, processor time. The first pass is a new "
        "encoder's, later ones meet the same text; with the memo, the words of the text are known before. Ratios are of first "
        "and later passes.",
        head=("", "first pass, MB/s", "later, MB/s", *(f"x {peer}" for peer in peers)),
        rows=rows,
    )
