"""Learners: how a vocabulary of a family is made of the words of a corpus and how often each occurs.

    WordCounts ──▶ Learner ──▶ Vocabulary

A learner is a class in a file of this folder that is named as it is, which is what a recipe has for `vocabulary.family`; another
distribution brings one by an entry point of the group `pairloom.learners`. Its fields are the keys that a recipe may give it
(`family: {mine: {rate: 0.5}}`). Nothing heavy is imported until words are there, so that a recipe is checked at once.

What is learned depends on the words and their counts alone, never on how they are spread over files. One task has all words
(`learn`). A learner that is `by_rounds` says how members that hold a share of the words each come to the same (`rounds`).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pairloom.operators.errors import RecipeError
from pairloom.operators.learners._parity import Parity
from pairloom.operators.learners._shape import Shape
from pairloom.operators.registry import Registry
from pairloom.operators.speeds import BYTE_LEVEL, Encoding
from pairloom.operators.text.pretokenize import Pretokenizer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = [
    "LEARNERS",
    "Allocate",
    "Decider",
    "Learner",
    "Member",
    "Parity",
    "Progress",
    "Rounds",
    "Shape",
    "Target",
]

Allocate = Callable[[int, Any], "npt.NDArray[Any]"]
"""Makes an array of so many elements of a dtype, whatever they hold."""

Progress = Callable[[int, int], None]
"""Is told now and then how much is made, and how much is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be learned, whatever the family: `size` tokens at most, special tokens included.

    Words were cut by `pretokenizer` from text that `normalizer` was applied to. What occurs less than `min_count` times is not
    worth a token of its own, where a family counts such things. `shape` says what tokens may look like, `parity` which groups of
    documents are to be treated alike.
    """

    size: int
    special_tokens: tuple[str, ...] = ()
    pretokenizer: Pretokenizer = field(default_factory=Pretokenizer)
    normalizer: str = "none"
    min_count: int = 1
    shape: Shape = field(default_factory=Shape)
    parity: Parity | None = None


class Member(Protocol):
    """One of those that learn in rounds: it holds words, and answers what it is asked."""

    def answer(self, message: Any) -> Any:
        """The answer to a message of the decider's; both are plain values that can be sent."""


class Decider(Protocol):
    """What decides where members learn in rounds; it holds no words."""

    rounds: int
    """How many rounds are done."""

    @property
    def merges(self) -> npt.NDArray[np.int32]:
        """What is learned so far, int32[m, 2], to which rounds only append: it is stored, and a decider goes on from it."""

    @property
    def wanted(self) -> int:
        """How long `merges` may become."""

    def next(self) -> Any:
        """What all members are asked now; None where everything is learned."""

    def take(self, replies: Sequence[Any]) -> None:
        """The answers of all members, in their order."""

    def anew(self) -> Sequence[Any]:
        """What a member that has just begun is told instead of the last message: its answer to the last of these is taken."""


class Rounds(ABC):
    """How a target is learned in rounds: the same vocabulary as in one task."""

    @abstractmethod
    def decider(self, given: npt.NDArray[np.int32]) -> Decider:
        """What decides, where `given` (int32[m, 2]) is learned already."""

    @abstractmethod
    def member(self, words: Iterable[Any], empty: Allocate) -> Member:
        """One that holds some words, which may be gone through again and again; `empty` makes what grows with them.

        `words` are `WordCounts`; where the target has a parity, pairs of a group's name and `WordCounts` of that group.
        """

    @abstractmethod
    def finish(self, merges: npt.NDArray[np.int32], words: Iterable[WordCounts]) -> Vocabulary:
        """The vocabulary, when all is learned; `words` are those of all members."""

    def member_memory(self, words: int, symbols: int) -> int:
        """Bytes that a member of so many distinct words, of so many bytes together, allocates at most."""
        from pairloom.operators.models.bpe.sharded import partition_memory

        return partition_memory(words, symbols)


class Learner(ABC):
    """A family's way to learn: a frozen, picklable value whose fields are keys of a recipe.

    `name` is the file or entry point that defines it, and `version` another number where the same words now give other bytes.
    `makes` is what people call that which it makes more and more of. `by_rounds`: it can learn in rounds. `merges_bytes`: it
    makes byte-level merges, which superwords, supertokens and `vocabulary.extend` go on from. `cuts`: it has a `cutter` of its
    own, and no use for `vocabulary.pretokenizer`. `counts_least`: it has a use for `min_count`. `shapes` are the keys of `Shape`
    that it knows. `by_groups`: it can treat groups alike (`learn_groups`). `first_tokens` are those that every vocabulary of it has
    besides special tokens, and `first_words` says what they are.
    `work` is the processor time of learning in one task, beside that of byte-level BPE from the same text; `encoding` is what text
    takes by what is learned. `kernels` are those
    of its vocabularies (`Model.kernels`) and what else below `pairloom.operators` runs only where it learns. With `by_library`, the
    `tokenizers` library reads and normalizes for its vocabularies, and has to be installed.
    """

    __slots__ = ()

    name: ClassVar[str]
    version: ClassVar[int] = 1
    makes: ClassVar[str] = "merges"
    by_rounds: ClassVar[bool] = False
    merges_bytes: ClassVar[bool] = False
    cuts: ClassVar[bool] = False
    counts_least: ClassVar[bool] = True
    by_groups: ClassVar[bool] = False
    by_library: ClassVar[bool] = False
    shapes: ClassVar[frozenset[str]] = frozenset()
    first_tokens: ClassVar[int] = 256
    first_words: ClassVar[str] = "256 bytes"
    work: ClassVar[float] = 1.0
    encoding: ClassVar[Encoding] = BYTE_LEVEL
    kernels: ClassVar[tuple[str, ...]] = ()

    @property
    def identity(self) -> Any:
        """What decides the bytes besides the words and the target, as JSON."""
        own = self.version != 1 or dataclasses.fields(self)  # type: ignore[arg-type]
        if not own and type(self).__module__.startswith("pairloom."):
            return self.name
        from pairloom.operators.steps import step_identity

        return step_identity(self)

    def check(self, target: Target) -> None:
        """Raise ValueError where this family cannot make the target; the message begins with the key that is wrong."""
        least = self.first_tokens + len(target.special_tokens)
        if target.size < least:
            raise ValueError(
                f"size must be at least {least}: {self.first_words} and {len(target.special_tokens)} special tokens"
            )

    def check_installed(self) -> None:
        """Raise RecipeError where a library is missing that its vocabularies need."""
        if self.by_library and find_spec("tokenizers") is None:
            raise RecipeError(
                f"vocabulary.family: {self.name} needs the `tokenizers` library on every machine: pip install 'pairloom[hf]'"
            )

    def cutter(self, target: Target) -> Any:
        """What text is cut by into the words that are counted: what the target has, unless the family cuts its own way."""
        return target.pretokenizer

    def need(self, words: int) -> int:
        """Bytes of memory for learning in one task, from stored counts of so many bytes."""
        return 300_000_000 + 12 * words

    @abstractmethod
    def learn(self, counts: WordCounts, target: Target, *, progress: Progress | None = None) -> Vocabulary:
        """The vocabulary of all words."""

    def learn_groups(
        self,
        groups: Mapping[str | None, WordCounts],
        target: Target,
        *,
        progress: Progress | None = None,
    ) -> Vocabulary:
        """The vocabulary of the words of groups by their names, of a family that is `by_groups`; `target.parity` says more."""
        raise NotImplementedError(f"{self.name} knows no groups")

    def need_groups(self, words: int) -> int:
        """Bytes of memory for that, from stored counts of so many bytes."""
        return 600_000_000 + 20 * words

    def rounds(self, target: Target) -> Rounds:
        """How it is learned in rounds, of a family that is `by_rounds`."""
        raise NotImplementedError(f"{self.name} is not learned in rounds")


LEARNERS = Registry[Learner](
    kind="family",
    package="pairloom.operators.learners",
    base="pairloom.operators.learners:Learner",
    group="pairloom.learners",
    place="vocabulary.family",
)
