"""The step that says how likely documents are by a language model of n-grams, and leaves out what is too unlikely or too likely."""

from dataclasses import dataclass
from typing import Literal

from pairloom.operators.documents import DocumentBatch, DocumentStep, Entries, Wanted

__all__ = ["Perplexity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Perplexity(DocumentStep):
    """Gives each document its perplexity a token as a field, and leaves out those below `min` or above `max`.

    `model` is the root of a run with `statistics: [language_model]`, whose tokenizer and tokens around documents are used, or that
    table as an `.arrow` file, with its `tokenizer` (a tokenizer.json) beside. `kind` is how its counts become probabilities:
    interpolated Kneser-Ney, or stupid backoff, whose scores are no probabilities. The perplexity is exp of the mean of the negative
    logarithms; `field` names it for later steps, and where the recipe asks for a column of that name, its values are these. Each
    process holds the model, some 26 bytes an n-gram.
    """

    name = "perplexity"
    compiled = True
    source = "CCNet: Wenzek et al., 2019, arXiv:1911.00359 (a language model as a filter)"

    model: str
    tokenizer: str | None = None
    kind: Literal["kneser_ney", "stupid_backoff"] = "kneser_ney"
    min: float | None = None
    max: float | None = None
    field: str = "perplexity"

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("model must not be empty: it is a root, or the table of a language model")
        if (self.tokenizer is not None) != self.model.endswith(".arrow"):
            raise ValueError("tokenizer stands beside a model that is an .arrow file, and a root has its own")
        if self.kind not in ("kneser_ney", "stupid_backoff"):
            raise ValueError(f"kind is kneser_ney or stupid_backoff, not {self.kind!r}")
        if not self.field.isidentifier():
            raise ValueError(f"field must be a name, not {self.field!r}")
        for key in ("min", "max"):
            if (value := getattr(self, key)) is not None and not value > 0:
                raise ValueError(f"{key} must be above 0, got {value:g}")
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError(f"max leaves nothing: it is {self.max:g}, min {self.min:g}")

    @property
    def lists(self) -> tuple[Wanted, ...]:
        """The model."""
        return (Wanted(self.model, "", model=True, tokenizer=self.tokenizer),)

    def with_lists(self, lists: tuple[Entries, ...]) -> DocumentStep:
        """The step that has the model."""
        from pairloom.operators.documents._scored import Scored

        (found,) = lists
        assert found.model is not None
        return Scored(step=self, model=found.model)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """Nothing is done without the model: see `with_lists`."""
        raise TypeError("perplexity was called without its model: this is a bug")
