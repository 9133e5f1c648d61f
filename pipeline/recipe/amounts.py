"""Amounts as people write them in recipes, read exactly: bytes (128MB), tokens (10B), ratios (0.3, 1/3)."""

import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from pairloom.pipeline.recipe.core_yaml import Written

__all__ = ["Exact", "Ratio", "Size", "TokenCount", "whole_number"]

SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b?)\s*$", re.IGNORECASE)
UNITS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
COUNT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*((?:[kmgt]i?|b)?)\s*$", re.IGNORECASE)
COUNT_UNITS = UNITS | {"b": 10**9}
GROUPED = re.compile(r"(?<=\d)_(?=\d)")
TOKENS = re.compile(r"^\s*(\d+(?:\.\d+)?(?:e\+?\d{1,2})?)\s*([kmbt]?)\s*$", re.IGNORECASE)
TOKEN_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
RATIO = re.compile(r"^\s*\d+(?:\.\d+)?(?:e[+-]?\d{1,2})?\s*$|^\s*\d+\s*/\s*\d+\s*$", re.IGNORECASE)
MOST_TOKENS = 10**18  # the sums of tokens stay within 64 bits


def _text(value: object) -> str:
    """A number as its decimal digits, which may be grouped by underscores."""
    if isinstance(value, Written):
        return value.text
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return GROUPED.sub("", value) if isinstance(value, str) else ""


def _size(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no size; write a number of bytes, or for example 128MB")
    if not isinstance(value, str):
        return value
    match = SIZE.match(_text(value))
    if not match:
        raise ValueError(f"{value!r} is no size; write a number of bytes, or for example 128MB or 64MiB")
    return int(Fraction(match[1]) * UNITS[match[2].lower().removesuffix("b")])


def whole_number(value: object) -> object:
    """A whole number with a unit, as `32k`, `1.5M` or `64Ki`, as an integer; anything else as it is.

    >>> whole_number("32k"), whole_number("64Ki"), whole_number("2_000"), whole_number("many")
    (32000, 65536, 2000, 'many')
    """
    match = COUNT.match(_text(value)) if isinstance(value, str) else None
    if match is None:
        return value
    number = Fraction(match[1]) * COUNT_UNITS[match[2].lower()]
    return int(number) if number.denominator == 1 else value


def _token_count(value: object) -> object:
    match = TOKENS.match(_text(value))
    tokens = Fraction(match[1]) * TOKEN_UNITS[match[2].lower()] if match else Fraction(0)
    if tokens.denominator != 1 or not 1 <= tokens <= MOST_TOKENS:
        raise ValueError(
            f"{value!r} is no number of tokens; write a whole number up to 10^18, or for example 500M, 10B or 1.5T"
        )
    return int(tokens)


def _ratio(value: object) -> str:
    text = _text(value)
    try:
        ratio = Fraction(text.replace(" ", "")) if RATIO.match(text) else Fraction(0)
    except ZeroDivisionError:
        ratio = Fraction(0)
    if ratio <= 0:
        raise ValueError(f"{value!r} is no positive number; write for example 2, 0.3 or 1/3")
    return str(ratio)


def _fraction(value: object) -> object:
    if isinstance(value, Fraction):
        return value
    try:
        return Fraction(_text(value).replace(" ", ""))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{value!r} is no number; write for example 2, 0.5 or 1/3") from error


Size = Annotated[int, BeforeValidator(_size), Field(gt=0)]
TokenCount = Annotated[int, BeforeValidator(_token_count)]
Ratio = Annotated[
    str,
    BeforeValidator(_ratio),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0}]}),
]
"""A positive rational number in lowest terms, as text: "3/10"; two ways to write one number are one recipe."""
Exact = Annotated[Fraction, BeforeValidator(_fraction), PlainSerializer(str)]
"""A rational number, as it is written: 0.1 is a tenth."""
