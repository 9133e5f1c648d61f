"""The step that looks for the watermark of a language model in texts, without the model."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted

__all__ = ["Watermark"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark(DocumentStep):
    """Gives each document the p-value of a watermark as a field, and leaves out those at or below `below`.

    A model that samples its tokens by exponential minimum from a secret sequence of `rows` rows of numbers u leaves texts whose
    tokens follow that sequence. `key` makes the sequence, `tokenizer` (a tokenizer.json) is the model's. The statistic is the
    best mean of log(1 - u) over `block` tokens that follow one another, at any place and shift, among the first `tokens`. Its
    p-value is (1 + other keys that do as well) / (1 + `keys`), uniform on texts without the watermark. `field` names it for later
    steps, and a column of that name that the recipe asks for gets it too.
    """

    name = "watermark"
    compiled = True
    source = "Kuditipudi et al., Robust Distortion-free Watermarks for Language Models (arXiv 2307.15593)"

    key: int
    tokenizer: str
    below: float | None = None
    rows: int = 256
    block: int = 64
    tokens: int = 256
    keys: int = 100
    field: str = "watermark"

    def __post_init__(self) -> None:
        if not self.tokenizer:
            raise ValueError("tokenizer must not be empty: it is the tokenizer.json of the model")
        if not 0 <= self.key < 1 << 63:
            raise ValueError(f"key must be from 0 to 2^63 - 1, got {self.key}")
        for name, most in (("rows", 1 << 16), ("block", 1 << 16), ("tokens", 1 << 20), ("keys", 100_000)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 1 to {most:,}, got {getattr(self, name)}")
        if self.below is not None and not 0 < self.below < 1:
            raise ValueError(f"below must be above 0 and below 1, got {self.below:g}")
        if self.below is not None and self.below * (1 + self.keys) < 1:
            raise ValueError(
                f"no p-value is as low as below={self.below:g} with {self.keys} keys: ask for more keys"
            )
        if not self.field.isidentifier():
            raise ValueError(f"field must be a name, not {self.field!r}")

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The tokenizer."""
        return (Wanted("", "", tokenizer=self.tokenizer),)

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that has the tokenizer."""
        from pairloom.operators.documents._marked import Marked

        (found,) = lists
        assert found.tokenizer is not None
        return Marked(step=self, tokenizer=found.tokenizer)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """Nothing is done without the tokenizer: see `with_lists`."""
        raise TypeError("watermark was called without its tokenizer: this is a bug")
