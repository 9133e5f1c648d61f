"""What the tokens of a vocabulary may look like, whatever the family."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

__all__ = ["Shape"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What tokens there may be, and which there must be.

    `max_token_length`: merges make tokens of fewer bytes than this, except that two bytes are always merged, as `tokenizers`
    has it; of families over characters, tokens of at most so many characters. `limit_alphabet`: of the bytes or characters of
    the words only this many of the most frequent take part, and those of `initial_alphabet` anyway. `required` are tokens that
    there must be; `blocked` those that merges must not make, and where one is written `*x*`, all that contain x. `fillers` are
    tokens that fill the vocabulary up to the next power of two, the first ones first, as many as it takes. `script_caps` are
    scripts and how many tokens of each may be learned, or, below 1, which share of all tokens. A token is of the script of its
    first whole character that is of one; the rest of a character is of none, as what all scripts share is.

    >>> Shape(blocked=("the", "*qu*")).blocked_tokens, Shape(blocked=("the", "*qu*")).blocked_strings
    ((b'the',), (b'qu',))
    """

    max_token_length: int | None = None
    limit_alphabet: int | None = None
    initial_alphabet: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()
    script_caps: tuple[tuple[str, Fraction], ...] = ()

    def __post_init__(self) -> None:
        for name in ("max_token_length", "limit_alphabet"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        for name in ("initial_alphabet", "required", "blocked", "fillers"):
            if "" in getattr(self, name):
                raise ValueError(f"{name} has an empty text: remove it")
        if self.initial_alphabet and self.limit_alphabet is None:
            raise ValueError(
                "initial_alphabet says what limit_alphabet keeps: say that too, or leave both out"
            )
        if self.script_caps:
            self._check_caps()
        for name in ("required", "fillers"):
            for token in getattr(self, name):
                self._check(name, token)

    def _check(self, name: str, token: str) -> None:
        spelled = token.encode()
        if spelled in self.blocked_tokens or any(string in spelled for string in self.blocked_strings):
            raise ValueError(f"{name} has {token!r}, which is blocked: remove it from one of them")

    def _check_caps(self) -> None:
        from pairloom.operators.text.pretokenize.patterns.properties import SCRIPTS

        known = [name for name in SCRIPTS if name not in ("Common", "Inherited")]
        for name, cap in self.script_caps:
            if name not in known:
                raise ValueError(f"script_caps has {name!r}; there are: {', '.join(known)}")
            if cap < 0 or (cap > 1 and cap.denominator > 1):
                raise ValueError(
                    f"script_caps has {cap} for {name}: write a whole number of tokens, or a share below 1"
                )

    def caps(self, size: int) -> dict[str, int]:
        """How many tokens of each script may be learned for a vocabulary of `size`.

        >>> Shape(script_caps=(("Han", Fraction(40)), ("Thai", Fraction(1, 8)))).caps(1000)
        {'Han': 40, 'Thai': 125}
        """
        return {name: int(cap * size if cap < 1 else cap) for name, cap in self.script_caps}

    @property
    def blocked_tokens(self) -> tuple[bytes, ...]:
        """The tokens that merges must not make."""
        return tuple(one.encode() for one in self.blocked if not _is_inside(one))

    @property
    def blocked_strings(self) -> tuple[bytes, ...]:
        """What no token that a merge makes may contain."""
        return tuple(one[1:-1].encode() for one in self.blocked if _is_inside(one))

    @property
    def named(self) -> dict[str, Any]:
        """The keys that say something, as JSON: nothing, of a shape that leaves tokens as they come."""
        default = Shape()
        values = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        values["script_caps"] = tuple((name, str(cap)) for name, cap in self.script_caps)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != getattr(default, name)
        }


def _is_inside(one: str) -> bool:
    return len(one) > 2 and one[0] == one[-1] == "*"
