"""The step that leaves out documents that are too short or too long."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["Length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Length(DocumentStep):
    r"""Leaves out documents of fewer or more characters, words or lines than asked for.

    Bounds are inclusive. A word is what stands between white space, a line what ends with a newline or with the text.

    >>> Length(min_words=2, max_lines=1)(DocumentBatch.of(["one", "one two", "one\ntwo"])).content.to_pylist()
    ['one two']
    """

    name = "length"
    compiled = True

    min_characters: int | None = None
    max_characters: int | None = None
    min_words: int | None = None
    max_words: int | None = None
    min_lines: int | None = None
    max_lines: int | None = None

    def __post_init__(self) -> None:
        bounds = [(of, getattr(self, f"min_{of}"), getattr(self, f"max_{of}")) for of in _MEASURED]
        if all(bound is None for _, *both in bounds for bound in both):
            raise ValueError("length needs a bound: min_words, max_characters, ...")
        for of, low, high in bounds:
            if low is not None and low < 0:
                raise ValueError(f"min_{of} must not be negative, got {low}")
            if high is not None and high < (low or 0):
                raise ValueError(f"max_{of} leaves nothing: it is {high}, min_{of} {low or 0}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents within all bounds."""
        import pyarrow.compute as pc

        from pairloom.operators.documents._rules import Rule, measured, without_broken
        from pairloom.operators.documents.kernels.words import CHARACTERS, NEWLINES, WORDS

        found = measured(batch)
        unended = ~pc.ends_with(batch.content, "\n").to_numpy(zero_copy_only=False) & (
            found[:, CHARACTERS] > 0
        )
        lines = found[:, NEWLINES] + unended
        rules: list[Rule] = []
        for of, sizes in zip(_MEASURED, (found[:, CHARACTERS], found[:, WORDS], lines), strict=True):
            low, high = getattr(self, f"min_{of}"), getattr(self, f"max_{of}")
            rules.append((f"too few {of}", None if low is None else sizes < low))
            rules.append((f"too many {of}", None if high is None else sizes > high))
        return without_broken(batch, rules)


_MEASURED = ("characters", "words", "lines")
