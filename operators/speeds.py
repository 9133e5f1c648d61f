"""What encoding by a family of vocabularies takes, as the family itself says it."""

from dataclasses import dataclass

__all__ = ["BYTE_LEVEL", "LIBRARY", "Encoding"]

# Bytes of text that `Encoding.first` was measured with, and how words that are new, which take longer, grow with a text.
FIRST_BYTES, HEAPS = 4e6, 0.62
# MB a second that are cut by a pattern which is translated, 5 to 10, and by one that `tokenizers` runs, a quarter of that.
TRANSLATED, CUT_BY_LIBRARY = 5.0, 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What text takes on one processor: MB a second by an encoder that met no word yet, and by one that met them all.

    `bytes_per_token` are those of text that a token of some 32,000 stands for. Figures of families are those that
    `tests/bench/bench_families.py --learned --megabytes 4` prints; bytes a token are of English prose (`--text`), scaled to what
    projections have for byte-level BPE, 3.5.
    """

    first: float
    later: float
    bytes_per_token: float = 3.5

    def seconds(self, size: float) -> float:
        """Processor time for one encoder and so many bytes of text.

        >>> round(Encoding(first=50, later=100).seconds(4e6), 3)
        0.08
        >>> round(Encoding(first=50, later=100).seconds(4e9), 1)
        42.9
        """
        new = min(size, FIRST_BYTES * (max(size, FIRST_BYTES) / FIRST_BYTES) ** HEAPS)
        return size / (self.later * 1e6) + new * max(0.0, 1 / self.first - 1 / self.later) / 1e6

    def by_library(self) -> "Encoding":
        """The same tokens where the `tokenizers` library makes them, or normalizes text."""
        return Encoding(first=LIBRARY.first, later=LIBRARY.later, bytes_per_token=self.bytes_per_token)

    def cut_by(self, pattern: str | None) -> "Encoding":
        """The same tokens of text that a pattern of one's own cuts first, if there is one; which library does, decides.

        >>> round(Encoding(first=50, later=100).cut_by("[a-z]+").later, 1)
        4.8
        """
        if pattern is None:
            return self
        from pairloom.operators.text.pretokenize.patterns import is_translated

        cut = TRANSLATED if is_translated(pattern) else CUT_BY_LIBRARY
        first, later = (1 / (1 / own + 1 / cut) for own in (self.first, self.later))
        return Encoding(first=first, later=later, bytes_per_token=self.bytes_per_token)


# Measured as `Encoding` says. The library makes 1.8 to 8 MB/s, by family: a forecast has less, as the normalizer that sends
# text there takes its time as well.
BYTE_LEVEL = Encoding(first=160, later=575)
LIBRARY = Encoding(first=1.5, later=1.5)
