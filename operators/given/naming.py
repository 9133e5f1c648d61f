"""The names of the special tokens that are reserved for modalities."""

from collections.abc import Mapping

__all__ = ["code_token", "reserved_tokens", "tokens_around"]


def code_token(name: str, code: int) -> str:
    """The special token of a code."""
    return f"<|{name}:{code}|>"


def reserved_tokens(sizes: Mapping[str, int]) -> tuple[str, ...]:
    """The special tokens of modalities that have so many codes: of each what begins and ends it, and its codes in order.

    >>> reserved_tokens({"image": 2})
    ('<|image|>', '<|/image|>', '<|image:0|>', '<|image:1|>')
    """
    return tuple(
        token
        for name, size in sizes.items()
        for token in (*tokens_around(name), *(code_token(name, code) for code in range(size)))
    )


def tokens_around(name: str) -> tuple[str, str]:
    """What begins and what ends a span of a modality."""
    return f"<|{name}|>", f"<|/{name}|>"
