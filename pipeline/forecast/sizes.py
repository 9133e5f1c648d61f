"""What is expected of a corpus of which only the stored bytes are known."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pairloom.operators.schema import dtype_for

if TYPE_CHECKING:
    from pairloom.operators.speeds import Encoding
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["BYTES_PER_DOCUMENT", "Sizes", "SourceProjection", "encoding_of", "project_sources"]

# Stored bytes of a document where nothing is known yet.
BYTES_PER_DOCUMENT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the stages of a plan work on: stored bytes, units, documents and tokens of the corpus, as far as can be told.

    `unit` are the stored bytes of the largest unit, `taken` the tokens that go into rows, `width` the bytes of one.
    """

    bytes: int
    units: int
    unit: int
    documents: int
    tokens: int
    taken: int
    width: int

    @staticmethod
    def of(plan: "Plan") -> "Sizes":
        """The sizes of a plan; raises RecipeError where its mixture cannot be had of so much text."""
        recipe, tokens = plan.recipe, int(plan.bytes / encoding_of(plan).bytes_per_token)
        taken = tokens
        if recipe.mixes:
            taken = int(sum(source.epochs * source.tokens for source in project_sources(plan)))
        vocabulary = recipe.vocabulary.size if plan.vocabulary is None else len(plan.vocabulary)
        return Sizes(
            bytes=plan.bytes,
            units=max(1, len(plan.units)),
            unit=max((unit.bytes for unit in plan.units), default=0),
            documents=plan.bytes // BYTES_PER_DOCUMENT,
            tokens=tokens,
            taken=taken,
            width=dtype_for(vocabulary).itemsize,
        )


def encoding_of(plan: "Plan") -> "Encoding":
    """What text takes by the vocabulary that there is, or by those of the family that is learned."""
    if plan.vocabulary is not None:
        return plan.vocabulary.encoding
    choice = plan.recipe.vocabulary
    return choice.learner.encoding.cut_by(choice.pretokenizer.pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProjection:
    """What a source is expected to have, in training tokens before duplicates are dropped, and how often it is taken."""

    name: str
    tokens: int
    epochs: Fraction


def project_sources(plan: "Plan") -> list[SourceProjection]:
    """Project how often each source is taken; raises RecipeError where its mixture cannot be had of so much text."""
    from pairloom.operators.selection.shares import source_epochs

    sizes = {source.name: 0 for source in plan.recipe.corpus}
    for file in plan.inputs:
        sizes[file.source] += file.size
    train, bytes_per_token = 1 - plan.recipe.pack.validation, encoding_of(plan).bytes_per_token
    tokens = [int(size / bytes_per_token * train) for size in sizes.values()]
    # As many tokens as documents are kept, where a share is; where epochs go by a column, one, since nobody knows yet.
    kept = [Fraction(1) if one.keep is None else Fraction(one.keep.share) for one in plan.recipe.corpus]
    tokens = [int(there * share) for there, share in zip(tokens, kept, strict=True)]
    epochs = source_epochs([one.asked for one in plan.recipe.corpus], tokens, plan.recipe.mixture.tokens)
    return [
        SourceProjection(name=name, tokens=there, epochs=e)
        for name, there, e in zip(sizes, tokens, epochs, strict=True)
    ]
