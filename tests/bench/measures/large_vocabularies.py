"""What a large vocabulary costs before its first token: its file, and the tables for encoding."""

import time
from statistics import median

import pyarrow as pa

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.encode import Tokenizer
from tests.bench import texts
from tests.bench.measures.sitting import Sitting, Table

__all__ = ["large_vocabularies"]

_SIZES = (32_000, 64_000, 128_000, 200_000)


def large_vocabularies(sitting: Sitting) -> Table:
    """Processor seconds of learning from counts, of reading the file, and of what encoding begins with."""
    cut = Pretokenizer()
    counts = count_words(pa.array(texts.some(texts.installed(), sitting.bytes), pa.large_string()), cut)
    rows = []
    for size in _SIZES:
        learned: list[float] = []
        loaded: list[float] = []
        built: list[float] = []
        for _ in range(sitting.repeat):
            start = time.process_time()
            made = learn_bpe(counts, size, pretokenizer=cut)
            learned.append(time.process_time() - start)
            made.save(sitting.vocabulary.with_name("large.json"))
            start = time.process_time()
            read = Vocabulary.load(sitting.vocabulary.with_name("large.json"))
            loaded.append(time.process_time() - start)
            start = time.process_time()
            Tokenizer(read).prepared()
            built.append(time.process_time() - start)
        rows.append((f"{len(made):,}", *(f"{median(took):.2f}" for took in (learned, loaded, built))))
    return Table(
        title="Large vocabularies",
        says=f"Learned from {sitting.bytes / 1e6:.0f} MB, which are counted before; seconds of processor time. The last is what is made "
        "of a vocabulary before its first token: its tables, and the memo of its own tokens.",
        head=("tokens", "learn, s", "read the file, s", "tables and memo, s"),
        rows=rows,
    )
