"""Tokens must differ, and be spelled differently in a `tokenizer.json`, where special tokens are spelled as they are."""

from collections.abc import Sequence

from pairloom.operators.errors import RecipeError

__all__ = ["check_special_token", "check_special_tokens", "check_unique"]


def _letters() -> dict[str, int]:
    """The character that stands for each byte in a `tokenizer.json` (GPT-2's byte-level alphabet)."""
    visible = {*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    letters = {chr(byte): byte for byte in sorted(visible)}
    hidden = [byte for byte in range(256) if byte not in visible]
    return letters | {chr(256 + i): byte for i, byte in enumerate(hidden)}


def check_special_token(token: str) -> None:
    """Raise ValueError for a special token that no vocabulary can have: an empty one, or one that is not text."""
    if not token:
        raise ValueError("a special token is empty; remove it")
    try:
        token.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"special token {token!a} holds a lone surrogate, which is no character: correct or remove it"
        ) from error


def check_special_tokens(specials: Sequence[str]) -> None:
    """Raise ValueError for a special token that is empty, or how a `tokenizer.json` writes a byte."""
    letters = _letters()
    for token in specials:
        check_special_token(token)
        if token in letters:
            raise ValueError(
                f"special token {token!r} is how a tokenizer.json writes the byte {letters[token]:#04x}: "
                "both would have one id; choose a special token of several characters"
            )


def check_unique(tokens: Sequence[bytes], specials: Sequence[str]) -> None:
    """Raise ValueError where two of `tokens`, the special ones first, are one; RecipeError where a special one is one of them."""
    letters = _letters()
    spelled = {
        bytes(letters[c] for c in token): token for token in specials if all(c in letters for c in token)
    }
    seen: dict[bytes, int] = {}
    for i, token in enumerate(tokens[len(specials) :], len(specials)):
        if token in spelled:
            raise RecipeError(
                f"special token {spelled[token]!r} is also what merge {i - len(specials) - 256} makes of the text: "
                "both would have one id; choose a special token that does not occur"
            )
        if seen.setdefault(token, i) != i:
            raise ValueError(
                f"merges {seen[token] - len(specials) - 256} and {i - len(specials) - 256} make the same token {token!r}"
            )
