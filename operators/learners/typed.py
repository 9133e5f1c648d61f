"""Learning typed entries over a base vocabulary, from concepts with their semantic types."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Learner, Progress, Target
from pairloom.operators.speeds import Encoding
from pairloom.operators.steps import step_identity
from pairloom.operators.text.pretokenize import Pretokenizer

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.models.typed.concepts import Concept
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["TypedLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedLearner(Learner):
    """Entries of semantic types over a base vocabulary: what spells a concept has ids of its type, all else those of the base.

    `base` is a file that `vocabulary.from` takes, of a family whose tokens spell text word by word, and `concepts` a file that
    has on each line what spells a concept, a tab, and its type. Each type has at most so many `entries`, or what `sizes` says for
    it, learned by byte-pair merges of the words of its concepts. Text without a concept is encoded as by the base.
    """

    name = "typed"
    kernels = ("models.lzw.kernels", "models.typed.kernels")
    encoding = Encoding(first=75, later=91, bytes_per_token=3.2)
    cuts = True
    makes = "types"
    first_tokens = 256

    base: str
    concepts: str
    entries: int = 1000
    sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.base or not self.concepts:
            raise ValueError("base and concepts must be files")
        if wrong := [one for one in (self.entries, *self.sizes.values()) if one < 1]:
            raise ValueError(f"a type has 1 entry at least, not {wrong[0]}")

    @property
    def identity(self) -> Any:
        """The keys, and what the files hold; raises RecipeError for what has no concepts."""
        self._concepts()
        hashes = [hashlib.sha256(_bytes(path)).hexdigest() for path in (self.base, self.concepts)]
        return step_identity(self) | {"keys": {"entries": self.entries, "sizes": self.sizes}, "files": hashes}

    def check(self, target: Target) -> None:
        """Raise ValueError where the entries alone are more than the size; of files that are not there, a plan says so."""
        Learner.check(self, target)
        try:
            sizes = self._sizes(self._concepts())
        except RecipeError:
            return
        least = 256 + len(target.special_tokens) + sum(sizes.values())
        if target.size < least:
            raise ValueError(
                f"size must be at least {least}, and more for a base of more than 256 tokens: the entries of {len(sizes)} types "
                "are among them; let `entries` be fewer, or size be more"
            )

    def cutter(self, target: Target) -> Pretokenizer:
        """Words are counted as the usual pretokenizer cuts them, and those of concepts among them."""
        return Pretokenizer()

    def need(self, words: int) -> int:
        """The words, as texts."""
        return 600_000_000 + 60 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_typed`."""
        from pairloom.operators.models.typed.learning import learn_typed
        from pairloom.operators.vocabulary import Vocabulary

        if not Path(self.base).exists():
            raise RecipeError(f"{self.base} cannot be read: name a file that is there")
        concepts = self._concepts()
        base = Vocabulary.load(self.base)
        return learn_typed(counts, target, base, concepts, self._sizes(concepts), progress=progress)

    def _concepts(self) -> "tuple[Concept, ...]":
        from pairloom.operators.models.typed.concepts import read_concepts

        return read_concepts(self.concepts)

    def _sizes(self, concepts: "tuple[Concept, ...]") -> dict[str, int]:
        from pairloom.operators.models.typed.concepts import types_of

        kinds = types_of(concepts)
        if wrong := sorted(set(self.sizes) - set(kinds)):
            raise ValueError(
                f"sizes names {wrong[0]!r}, and the types of {self.concepts} are {', '.join(kinds)}"
            )
        return {kind: self.sizes.get(kind, self.entries) for kind in kinds}


def _bytes(path: str) -> bytes:
    file = Path(path)
    try:
        found = file / "tokenizer.json" if file.is_dir() else file
        return found.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}; name a file that is there") from error
