"""What a recipe asked for, and what of it there is: a generation never has less without saying so.

Whatever a recipe names as an amount, and the corpus may not suffice for, is compared here: the size of the vocabulary, where
its second stage begins, the tokens of each source of a mixture, the share of documents that is held out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.manifest import Manifest

__all__ = ["Obtained", "obtained"]

LEAST_SHARE = 0.95  # of a source's tokens: whole documents are taken, so that a little is always missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Obtained:
    """An amount that a recipe asks for under `key`; `why` there is less of it, nothing where there is as much."""

    key: str
    what: str
    asked: float
    obtained: float
    why: str = ""

    @property
    def text(self) -> str:
        """One line of words.

        >>> Obtained(key="vocabulary.size", what="tokens", asked=500, obtained=500).text
        '500 tokens, as asked (vocabulary.size)'
        """
        if not self.why:
            return f"{self.obtained:,} {self.what}, as asked ({self.key})"
        return f"{self.obtained:,} of {self.asked:,} {self.what} asked for ({self.key}): {self.why}"


def obtained(manifest: Manifest) -> tuple[Obtained, ...]:
    """The amounts that the recipe of a generation asks for and that its corpus decides."""
    recipe = Recipe.model_validate(manifest.recipe)
    return (*_vocabulary(recipe, manifest), *_sources(manifest), *_validation(recipe, manifest))


def _vocabulary(recipe: Recipe, manifest: Manifest) -> Iterator[Obtained]:
    choice, learned = recipe.vocabulary, manifest.stages.get("learn")
    tokens = None if learned is None else learned.facts.get("tokens")
    if choice.from_ is not None or tokens is None or manifest.learned_in is not None:
        return
    often = "" if choice.min_count == 1 else f" at least {choice.min_count} times"
    limits = "".join(f", or another {key}" for key in choice.shape.named)
    why = f"nothing else that occurs{often} may become a token; it takes more text{limits}"
    fewer = why if tokens < choice.size else ""
    yield Obtained(key="vocabulary.size", what="tokens", asked=choice.size, obtained=tokens, why=fewer)
    if choice.superwords is not None and choice.extend is None and tokens <= choice.transition:
        missing = "the vocabulary ends before its second stage, so that no token joins words"
        yield Obtained(
            key="vocabulary.superwords",
            what="tokens of the second stage",
            asked=choice.size - choice.transition,
            obtained=0,
            why=missing,
        )


def _sources(manifest: Manifest) -> Iterator[Obtained]:
    for source in manifest.stages["pack"].sources if "pack" in manifest.stages else ():
        if source.delivered_tokens < LEAST_SHARE * source.asked_tokens:
            yield Obtained(
                key=f"corpus of {source.name}",
                what="tokens",
                asked=source.asked_tokens,
                obtained=source.delivered_tokens,
                why="whole documents are taken, and a few hold many of the tokens"
                if source.train_tokens
                else "no document of it is for training",
            )


def _validation(recipe: Recipe, manifest: Manifest) -> Iterator[Obtained]:
    packed = manifest.stages.get("pack")
    if packed is None or not recipe.pack.validation:
        return
    held = packed.splits.get("validation", {}).get("documents", 0)
    if not held:
        yield Obtained(
            key="pack.validation",
            what="of the documents",
            asked=recipe.pack.validation,
            obtained=0,
            why="documents are held out by the hash of their ids, which takes none of so few; ask for a larger share",
        )
