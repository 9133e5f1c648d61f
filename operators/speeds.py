"""What encoding by a family of vocabularies takes, as the family itself says it."""

from dataclasses import dataclass

__all__ = ["BYTE_LEVEL", "LIBRARY", "Encoding"]

# Bytes of text that `Encoding.first` was measured with, and how words that are new, which take longer, grow with a text.
FIRST_BYTES, HEAPS = 4e6, 0.62


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
        """The same tokens where the `tokenizers` library makes them, or does to text what comes before."""
        return Encoding(first=LIBRARY.first, later=LIBRARY.later, bytes_per_token=self.bytes_per_token)


# Measured as `Encoding` says. The library makes 1.8 to 8 MB/s, by family: a forecast has less, as what sends text there, a
# normalizer or a pattern, takes its time as well.
BYTE_LEVEL = Encoding(first=160, later=575)
LIBRARY = Encoding(first=1.5, later=1.5)
