"""What surrounds the merges of a vocabulary: special tokens and bytes before them, one spelling for each token."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary, byte_order

__all__ = ["assemble", "check_options", "spell_tokens"]


def check_options(size: int, special_tokens: Sequence[str], **limits: int | None) -> tuple[str, ...]:
    """The special tokens without repetitions; ValueError where these, the size or one of the limits are wrong."""
    specials = tuple(dict.fromkeys(special_tokens))
    first = len(specials) + 256
    if size < first:
        raise ValueError(
            f"size {size} is too small: {len(specials)} special tokens and 256 bytes make {first} tokens before any merge"
        )
    for name, value in limits.items():
        if value is not None and value < 0:
            raise ValueError(f"{name} must not be negative, got {value}")
    _check_special_tokens(specials)
    return specials


def spell_tokens(merges: npt.NDArray[np.int32], specials: Sequence[str]) -> list[bytes]:
    """The tokens that `merges` (int32[m, 2], ids) make after special tokens and bytes; ValueError where two are the same."""
    tokens = [token.encode() for token in specials] + [bytes([byte]) for byte in byte_order()]
    for left, right in merges.tolist():
        tokens.append(tokens[left] + tokens[right])
    _check_unique(tokens, specials)
    return tokens


def assemble(
    merges: npt.NDArray[np.int32],
    specials: tuple[str, ...],
    *,
    pretokenizer: Pretokenizer | None,
    normalizer: str,
) -> Vocabulary:
    """The vocabulary of `merges` (int32[m, 2], ids)."""
    return Vocabulary(
        tokens=tuple(spell_tokens(merges, specials)),
        merges=merges,
        special_tokens=specials,
        pretokenizer=pretokenizer or Pretokenizer(),
        normalizer=normalizer,
    )


def _letters() -> dict[str, int]:
    """The character that stands for each byte in a `tokenizer.json` (GPT-2's byte-level alphabet)."""
    visible = {*range(33, 127), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    letters = {chr(byte): byte for byte in sorted(visible)}
    hidden = [byte for byte in range(256) if byte not in visible]
    return letters | {chr(256 + i): byte for i, byte in enumerate(hidden)}


def _check_special_tokens(specials: Sequence[str]) -> None:
    letters = _letters()
    for token in specials:
        if not token:
            raise ValueError("a special token is empty")
        if token in letters:
            raise ValueError(
                f"special token {token!r} is how a tokenizer.json writes the byte {letters[token]:#04x}: "
                "both would have one id; choose a special token of several characters"
            )


def _check_unique(tokens: Sequence[bytes], specials: Sequence[str]) -> None:
    letters = _letters()
    spelled = {
        bytes(letters[c] for c in token): token for token in specials if all(c in letters for c in token)
    }
    seen: dict[bytes, int] = {}
    for i, token in enumerate(tokens[len(specials) :], len(specials)):
        if token in spelled:
            raise ValueError(
                f"special token {spelled[token]!r} is also what merge {i - len(specials) - 256} makes of the text: "
                "both would have one id; choose a special token that does not occur"
            )
        if seen.setdefault(token, i) != i:
            raise ValueError(
                f"merges {seen[token] - len(specials) - 256} and {i - len(specials) - 256} make the same token {token!r}"
            )
