"""Tokens that a vocabulary must have: merges after those that were learned, and in place of the last of them."""

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Shape
from pairloom.operators.models.bpe.added import is_one_word
from pairloom.operators.models.bpe.limits import PairLimits
from pairloom.operators.text.pretokenize import Pretokenizer

__all__ = [
    "MergeOptions",
    "check_required",
    "initial_bytes",
    "merge_options",
    "shape_limits",
    "with_required",
    "with_tokens",
]

Pair = tuple[int, int]
Token = TypeVar("Token", str, bytes)


def shape_limits(
    shape: Shape, tokens: Sequence[bytes], size: int, reserved: Sequence[str] = ()
) -> PairLimits | None:
    """What merges may not make of `tokens`, which are there before the first one, up to `size`; None where that is nothing.

    They make none of the texts that are `reserved` either.
    """
    if not shape.blocked and not shape.script_caps and not reserved:
        return None
    return PairLimits(
        tokens=tokens,
        forbid=shape.blocked_strings,
        blocked=(*shape.blocked_tokens, *(token.encode() for token in reserved)),
        caps=shape.caps(size),
    )


class MergeOptions(TypedDict):
    """How merges of bytes are made, by whatever makes them: the id of the first one, and what tokens may look like."""

    first: int
    max_token_length: int | None
    limits: PairLimits | None


def merge_options(
    shape: Shape, tokens: Sequence[bytes], size: int, pretokenizer: Pretokenizer
) -> MergeOptions:
    """What `shape` says of merges that go on from `tokens`, up to `size`.

    Raises RecipeError for a required token that no text becomes, before anything is learned.
    """
    check_required(shape.required, pretokenizer)
    return {
        "first": len(tokens),
        "max_token_length": shape.max_token_length,
        "limits": shape_limits(shape, tokens, size),
    }


def check_required(required: Sequence[str], pretokenizer: Pretokenizer, key: str = "required") -> None:
    """Raise RecipeError for a token of a `key` that no text becomes, because it is never one word."""
    for token in required:
        if not is_one_word(token, pretokenizer):
            words = ", ".join(map(repr, pretokenizer.split_text(token)))
            raise RecipeError(
                f"vocabulary.{key} has {token!r}, which the pretokenizer cuts into {words}: no text would become it; "
                "leave it out, require its parts, or make it a special token"
            )


def initial_bytes(shape: Shape) -> bytes:
    """The bytes that take part whatever `limit_alphabet` says."""
    return "".join(shape.initial_alphabet).encode()


def with_required(
    merges: npt.NDArray[np.int32], tokens: Sequence[bytes], size: int, shape: Shape
) -> npt.NDArray[np.int32]:
    """The merges (int32[m, 2], ids from `len(tokens)` on) of bytes with those that make what is required, and the fillers.

    See `with_tokens`.
    """
    required, fillers = ([token.encode() for token in asked] for asked in (shape.required, shape.fillers))
    return with_tokens(merges, tokens, size, required, fillers, _bytes_of, operator.add)


def with_tokens(
    merges: npt.NDArray[np.int32],
    tokens: Sequence[Token],
    size: int,
    required: Sequence[Token],
    fillers: Sequence[Token],
    units: Callable[[Token], list[Token]],
    joined: Callable[[Token, Token], Token],
) -> npt.NDArray[np.int32]:
    """The merges with those that make tokens that are `required`, and fill up what there is with `fillers`.

    `units` are the tokens before all merges that spell one, `joined` what a merge makes. As many of the last merges are left out
    as that takes. A token that is not there is made of what the merges so far make of it, from the left. With fillers, there
    are as many tokens as the power of two from `size` on; RecipeError where they do not suffice, or what is required does not fit.
    """
    room = size - len(tokens)
    left_out = 0
    while True:
        kept = merges[: max(0, min(len(merges), room - left_out))]
        made = _Made(tokens, kept.tolist(), units, joined)
        for token in required:
            made.add(token)
        over = len(made.merges) - room
        if over <= 0:
            break
        if not len(kept):
            raise RecipeError(
                f"required tokens take {len(made.merges)} merges, and there is room for {room}: raise size"
            )
        left_out = room - len(kept) + over
    if fillers:
        _fill(made, fillers, 1 << (size - 1).bit_length())
    return np.array(made.merges, np.int32).reshape(-1, 2)


def _bytes_of(token: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in token]


def _fill(made: "_Made[Token]", fillers: Iterable[Token], size: int) -> None:
    for filler in fillers:
        if len(made.tokens) == size:
            return
        if len(made.tokens) + made.cost(filler) <= size:
            made.add(filler)
    if len(made.tokens) < size:
        raise RecipeError(
            f"the fillers end at {len(made.tokens)} tokens, and the next power of two is {size}: name more of them"
        )


class _Made(Generic[Token]):
    """Tokens and the merges that make them, to which more are added."""

    def __init__(
        self,
        tokens: Sequence[Token],
        merges: Sequence[Sequence[int]],
        units: Callable[[Token], list[Token]],
        joined: Callable[[Token, Token], Token],
    ) -> None:
        self.first = len(tokens)
        self.tokens: list[Token] = list(tokens)
        self.merges: list[Pair] = []
        self._units: Callable[[Token], list[Token]] = units
        self._joined: Callable[[Token, Token], Token] = joined
        # Of equals the last: bytes are after special tokens.
        self._ids: dict[Token, int] = {token: i for i, token in enumerate(tokens)}
        self._ranks: dict[Pair, int] = {}
        for left, right in merges:
            self._append((left, right))

    def cost(self, token: Token) -> int:
        """How many merges it takes to make a token, at most."""
        return 0 if token in self._ids else len(self._pieces(token)) - 1

    def add(self, token: Token) -> None:
        """Make a token of what the merges so far make of it."""
        if token in self._ids:
            return
        while len(pieces := self._pieces(token)) > 1:
            self._append((pieces[0], pieces[1]))

    def _append(self, pair: Pair) -> None:
        self._ranks[pair] = len(self.merges)
        self.merges.append(pair)
        self.tokens.append(self._joined(self.tokens[pair[0]], self.tokens[pair[1]]))
        self._ids[self.tokens[-1]] = len(self.tokens) - 1

    def _pieces(self, token: Token) -> list[int]:
        pieces = [self._ids[unit] for unit in self._units(token)]
        none = len(self.merges)
        while len(pieces) > 1:
            ranks = [self._ranks.get(pair, none) for pair in zip(pieces, pieces[1:], strict=False)]
            best = min(ranks)
            if best == none:
                break
            at = ranks.index(best)
            pieces[at : at + 2] = [self.first + best]
        return pieces
