"""Learning merges of characters in one task: what learners of BPE over characters and of WordPiece have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Allocate, Parity, Progress, Target
from pairloom.operators.models.bpe.characters import Alphabet, CharacterWords, Letters
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.learner import Learner
from pairloom.operators.models.bpe.limits import PairLimits
from pairloom.operators.models.bpe.parity import Group, GroupLearner, group_amounts, group_sizes
from pairloom.operators.models.bpe.shaping import shape_limits, with_tokens
from pairloom.operators.vocabulary import Vocabulary

__all__ = [
    "CharacterFamily",
    "learn_character_groups",
    "learn_characters",
    "longest_merge",
    "merge_limits",
]

Merges = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterFamily(ABC):
    """How a family makes words of what was counted, first tokens of their characters, and a vocabulary of merges."""

    target: Target

    @property
    @abstractmethod
    def specials(self) -> list[str]:
        """The tokens before those of characters."""

    @property
    def reserved(self) -> list[str]:
        """Texts that merges must not make, as `spelled` has them."""
        return []

    @abstractmethod
    def words(self, counts: WordCounts, empty: Allocate = np.empty) -> CharacterWords:
        """The words of characters that counted words become; one may be there again in other counts."""

    @abstractmethod
    def alphabet(self, letters: Letters) -> Alphabet:
        """What is learned from, of the characters of all words."""

    @abstractmethod
    def first(self, alphabet: Alphabet) -> list[str]:
        """All tokens that there are before the first merge."""

    def spelled(self, alphabet: Alphabet) -> list[str]:
        """The same, as they are compared with tokens that are blocked."""
        return self.first(alphabet)

    @abstractmethod
    def joined(self, left: str, right: str) -> str:
        """The token that a merge makes."""

    @abstractmethod
    def vocabulary(self, alphabet: Alphabet, merges: Merges) -> Vocabulary:
        """The vocabulary of all merges."""

    def asked(self, token: str, key: str = "required") -> str:
        """A token of a `key` (`required` or `fillers`), as this family writes it; RecipeError where no text becomes it."""
        if token in self.specials:
            raise RecipeError(
                f"vocabulary.{key} has {token!r}, which is a special token: remove it from one of them"
            )
        return token

    @property
    def wanted(self) -> tuple[list[str], list[str]]:
        """The tokens that are required, and those that fill, as this family writes them."""
        shape = self.target.shape
        required = [self.asked(token) for token in shape.required]
        return required, [self.asked(token, "fillers") for token in shape.fillers]

    @abstractmethod
    def units(self, token: str) -> list[str]:
        """The first tokens that spell one, character by character."""

    def barred(self, blocked: str) -> str:
        """A token that is blocked, as it is compared with what is `spelled`."""
        return blocked

    def finished(self, alphabet: Alphabet, merges: Merges) -> Vocabulary:
        """The vocabulary of all merges, of what is required, and of what fills."""
        required, fillers = self.wanted
        if required or fillers:
            pairs = np.array(merges, np.int32).reshape(-1, 2)
            first = self.first(alphabet)
            more = with_tokens(pairs, first, self.target.size, required, fillers, self.units, self.joined)
            merges = [(left, right) for left, right in more.tolist()]
        return self.vocabulary(alphabet, merges)

    def tokens(self, alphabet: Alphabet, merges: Iterable[tuple[int, int]]) -> list[str]:
        """All tokens, those of merges last."""
        tokens = self.first(alphabet)
        for left, right in merges:
            tokens.append(self.joined(tokens[left], tokens[right]))
        return tokens

    def room(self, alphabet: Alphabet) -> int:
        """How many merges there may be; RecipeError where the first tokens are more than all."""
        first = len(self.first(alphabet))
        if first > self.target.size:
            raise RecipeError(
                f"the special tokens and characters alone are {first} tokens, and size is {self.target.size}: raise it, or say "
                "limit_alphabet"
            )
        return self.target.size - first


def longest_merge(target: Target) -> int | None:
    """The characters that a merge must stay below."""
    longest = target.shape.max_token_length
    return None if longest is None else longest + 1


def merge_limits(family: CharacterFamily, alphabet: Alphabet, reserved: Sequence[str]) -> PairLimits | None:
    """What merges may not make: what is blocked, and these texts; None where that is nothing."""
    tokens = [token.encode() for token in family.spelled(alphabet)]
    shape = family.target.shape
    if shape.blocked:
        shape = replace(shape, blocked=tuple(map(family.barred, shape.blocked)))
    return shape_limits(shape, tokens, family.target.size, reserved)


def learn_characters(
    family: CharacterFamily,
    counts: WordCounts,
    *,
    alphabet: Alphabet | None = None,
    progress: Progress | None = None,
) -> Vocabulary:
    """Learn from all words: the most frequent pair first, of equals the one of smaller ids; from `alphabet`, if it is given.

    No merge makes what is reserved: whatever one did, all are made again without it, since looking out for everything that is
    takes longer. Raises RecipeError where the first tokens do not fit.
    """
    words = family.words(counts)
    alphabet = alphabet or family.alphabet(words.letters())
    family.room(alphabet)
    symbols = words.symbols(alphabet.symbols(len(family.specials)))

    def made(limits: PairLimits | None) -> npt.NDArray[np.int32]:
        learner = Learner(Layout.of_tokens([symbols]), **_options(family, alphabet, limits))
        return learner.learn(min_count=family.target.min_count, progress=progress)

    return _without_reserved(family, alphabet, made)


def learn_character_groups(
    family: CharacterFamily, groups: Mapping[str | None, WordCounts], *, progress: Progress | None = None
) -> Vocabulary:
    """Learn from the words of groups: each merge is the most frequent pair of the group that is worst off; see `Parity`."""
    parity, least = family.target.parity or Parity(), family.target.min_count
    words = [family.words(counts) for counts in groups.values()]
    alphabet = family.alphabet(Letters.together(one.letters() for one in words))
    family.room(alphabet)
    amounts, tokens = group_amounts(group_sizes(groups, parity), parity), [one.weight for one in words]
    symbols = [one.symbols(alphabet.symbols(len(family.specials))) for one in words]

    def made(limits: PairLimits | None) -> npt.NDArray[np.int32]:
        options, given = _options(family, alphabet, limits), None
        if parity.first:
            first = options | {"merges": min(parity.first, options["merges"])}
            given = Learner(Layout.of_tokens(symbols), **first).learn(min_count=least, progress=progress)
        laid_out = [
            Group(layout=Layout.of_tokens([one]), tokens=many, units=units)
            for one, many, units in zip(symbols, tokens, amounts, strict=True)
        ]
        learner = GroupLearner(laid_out, window=parity.window, **options)
        return learner.learn(min_count=least, given=given, progress=progress)

    return _without_reserved(family, alphabet, made)


def _options(family: CharacterFamily, alphabet: Alphabet, limits: PairLimits | None) -> dict[str, Any]:
    return {
        "first": len(family.first(alphabet)),
        "merges": family.room(alphabet),
        "max_token_length": longest_merge(family.target),
        "limits": limits,
    }


def _without_reserved(
    family: CharacterFamily,
    alphabet: Alphabet,
    learned: Callable[[PairLimits | None], npt.NDArray[np.int32]],
) -> Vocabulary:
    """The vocabulary of the merges that are `learned` within limits, none of which makes what is reserved."""
    reserved: list[str] = []
    first = len(family.first(alphabet))
    while True:
        found = learned(merge_limits(family, alphabet, reserved))
        merges = [(left, right) for left, right in found.tolist()]
        made: set[str] = set()
        if family.reserved:
            spelled = family.spelled(alphabet)
            for left, right in merges:
                spelled.append(spelled[left] + spelled[right])
            made = {*family.reserved} & {*spelled[first:]}
        if not made:
            return family.finished(alphabet, merges)
        reserved += sorted(made)
