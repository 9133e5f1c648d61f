"""What a report is asked to look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pairloom.operators import Vocabulary

__all__ = ["SEQ_LENS", "Options"]

SEQ_LENS = (512, 1024, 2048, 4096, 8192, 16384, 32768)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to look at besides what is there anyway.

    `against` are other tokenizers by name, `by` a field whose values are reported apart; where they are languages,
    `parallel` is a field that the translations of a document share, and `reference` the language that token premiums are
    relative to. `sample_bytes` and `seed` choose the sample of text, `alpha` is the order of Rényi's entropy,
    `threshold` the count below which a token is rare.
    """

    against: Mapping[str, Vocabulary]
    by: str | None = None
    parallel: str | None = None
    reference: str = "en"
    sample_bytes: int = 256_000_000
    seed: int = 0
    alpha: float = 2.5
    threshold: int | None = None
    seq_lens: tuple[int, ...] = SEQ_LENS
    say: Callable[[str], None] = lambda _: None
