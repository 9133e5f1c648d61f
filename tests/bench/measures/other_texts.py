"""Encoding text that is not Python: what `--text NAME=FILE.jsonl` names."""

import pyarrow as pa

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from tests.bench.measures.sitting import Sitting, Table

__all__ = ["other_texts"]

_MOST = 32_000_000


def other_texts(sitting: Sitting) -> Table:
    """The rates of each text, of which every second document is learned from and the others are encoded."""
    from tests.bench.bench_encode import (  # which bounds the threads of this process
        PEERS,
        Rate,
        compared,
        documents,
    )

    peer = next(iter(PEERS))
    rows = []
    for name, path in sitting.texts.items():
        found = documents(path, 1 << 40)
        learned, held = _some(found[::2]), _some(found[1::2])
        cut = Pretokenizer()
        counts = count_words(pa.array(learned, pa.large_string()), cut)
        vocabulary = learn_bpe(counts, 32768, pretokenizer=cut)
        rates = compared(held, vocabulary, [peer], max(5, sitting.repeat))
        other = rates[peer]
        for way, rate in rates.items():
            if isinstance(rate, Rate):
                ratios = (
                    f"{rate.first / other.first:.2f}, {rate.later / other.later:.2f}"
                    if isinstance(other, Rate)
                    else ""
                )
                rows.append((name, way, f"{rate.first:.0f}", f"{rate.later:.0f}", ratios))
    return Table(
        title="Encoding other text",
        says="Texts that were given, one thread, processor time: of each, 32,768 tokens are learned from every second document, and up to "
        f"{_MOST / 1e6:.0f} MB of the others are encoded. Where none was given, there is nothing here.",
        head=("", "", "first pass, MB/s", "later, MB/s", f"x {peer}"),
        rows=rows,
    )


def _some(texts: list[str]) -> list[str]:
    """From all of it, as much as is wanted."""
    size = sum(len(text.encode()) for text in texts)
    return texts[:: max(1, -(-size // _MOST))]
