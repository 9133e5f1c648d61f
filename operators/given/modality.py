"""Ranges of ids that a vocabulary reserves for what is no text: the codes of images, speech, proteins.

<|image|>  <|image:5|> <|image:0|> <|image:7|>  <|/image|>      three codes of an image, with what begins and ends them
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from pairloom.operators.errors import RecipeError
from pairloom.operators.given.naming import code_token, tokens_around

if TYPE_CHECKING:
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Modality", "Range", "with_modalities"]

_FIRST = re.compile(r"<\|([A-Za-z0-9_-]+):0\|>")


class Range(NamedTuple):
    """Where the ids of a modality are in a vocabulary, and the ids that begin and end each of its spans."""

    number: int
    first: int
    size: int
    begin: tuple[int, ...]
    end: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modality:
    """A modality by name, whose ids the vocabulary reserves (`reserved_tokens`), or that has a range of its own.

    With `first` and `size` its ids are these, and `begin` and `end` are special tokens around its spans, none where they are
    not named. `number` is what the column `modality` says of its tokens; by default its place among those that the vocabulary
    reserves ids for, from 1 on.
    """

    name: str
    first: int | None = None
    size: int | None = None
    begin: str | None = None
    end: str | None = None
    number: int | None = None

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens that the vocabulary must have."""
        if self.first is not None:
            return tuple(token for token in (self.begin, self.end) if token is not None)
        return (*tokens_around(self.name), code_token(self.name, 0))

    def identity(self) -> list[object]:
        """Everything that it says."""
        return [self.name, self.first, self.size, self.begin, self.end, self.number]

    def found(self, vocabulary: "Vocabulary") -> Range:
        """Where its ids are; raises RecipeError where they are not in the vocabulary."""
        ids = dict(zip(vocabulary.special_tokens, vocabulary.special_ids, strict=True))
        begin, end = (self.begin, self.end) if self.first is not None else tokens_around(self.name)
        around = [None if token is None else ids.get(token) for token in (begin, end)]
        for token, there in zip((begin, end), around, strict=True):
            if token is not None and there is None:
                raise RecipeError(f"modality {self.name}: the vocabulary has no special token {token!r}")
        if self.first is not None:
            first, size = self.first, self.size or 0
            if (end_of := first + size) > len(vocabulary):
                raise RecipeError(
                    f"modality {self.name}: its ids run to {end_of - 1:,}, and the vocabulary has {len(vocabulary):,}"
                )
        else:
            first, size = _reserved(self.name, ids)
        begins, ends = (() if one is None else (one,) for one in around)
        return Range(self._numbered(vocabulary), first, size, begins, ends)

    def _numbered(self, vocabulary: "Vocabulary") -> int:
        if self.number is not None:
            return self.number
        names = [match[1] for token in vocabulary.special_tokens if (match := _FIRST.fullmatch(token))]
        return names.index(self.name) + 1 if self.name in names else 1


def with_modalities(vocabulary: "Vocabulary", tokens: Sequence[str]) -> "Vocabulary":
    """A vocabulary with further special tokens behind all that it has; raises RecipeError where one is a token already."""
    if both := sorted(set(tokens) & set(vocabulary.special_tokens)):
        raise RecipeError(f"the vocabulary has the special token {both[0]!r} already")
    if not vocabulary.model.name or vocabulary.model.name == "foreign":
        raise RecipeError(
            "no ids can be reserved in a tokenizer that another library runs; name those that it has by `first`"
        )
    size = len(vocabulary)
    return replace(
        vocabulary,
        tokens=[*vocabulary.tokens, *(token.encode() for token in tokens)],
        special_tokens=(*vocabulary.special_tokens, *tokens),
        special_ids=(*vocabulary.special_ids, *range(size, size + len(tokens))),
    )


def _reserved(name: str, ids: Mapping[str, int]) -> tuple[int, int]:
    """The first id of a modality, and how many it has."""
    first = ids.get(code_token(name, 0))
    if first is None:
        raise RecipeError(
            f"modality {name}: the vocabulary has no ids for it; reserve them with vocabulary.modalities, or name the first"
        )
    size = 1
    while ids.get(code_token(name, size)) == first + size:
        size += 1
    return first, size
