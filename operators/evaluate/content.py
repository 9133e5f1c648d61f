"""What tokens hold of letters, digits and identifiers: atomicity, covariates of spelling tasks, characters per token.

The forms of counting tasks and the covariates of spelling tasks (CharBench) are those of the benchmarks that use them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pairloom.operators.evaluate.placed import places_of
from pairloom.operators.vocabulary import Vocabulary

__all__ = [
    "atomicity",
    "characters_per_token",
    "counting_forms",
    "covariates",
    "generated_content",
    "random_uuid",
]


def counting_forms(letters: str) -> dict[str, str]:
    """A string of letters or digits in the forms of counting tasks: the four of the studies, and three more in use.

    >>> counting_forms("ab")["commas"], counting_forms("ab")["list"]
    ('a, b', '["a", "b"]')
    """
    quoted = ", ".join(f'"{letter}"' for letter in letters)
    return {
        "plain": letters,
        "spaced": " ".join(letters),
        "commas": ", ".join(letters),
        "quoted": quoted,
        "list": f"[{quoted}]",
        "lines": "\n".join(letters),
        "hyphens": "-".join(letters),
    }


def atomicity(vocabulary: Vocabulary, letters: str) -> list[dict[str, Any]]:
    """For each form of the letters: characters, tokens, and whether a letter has a token that holds no other letter.

    `own` says so of each letter in turn, `atomic` is the share of those that have one, `all` whether every one has, and
    `delimited` the share of letters whose token holds a delimiter besides, as ` b` does: that is a token of its own. A
    letter that shares its token with another letter of the string has none, nor has one that several tokens spell.
    """
    rows: list[dict[str, Any]] = []
    for form, text in counting_forms(letters).items():
        places = _places(text, set(letters))
        (found,) = places_of(vocabulary, [text])
        tokens = [(_token_at(found, start), _token_at(found, stop - 1)) for start, stop in places]
        holds = Counter(first for first, _ in tokens)
        own = [first == last >= 0 and holds[first] == 1 for first, last in tokens]
        sizes = [end - begin for begin, end in found]
        delimited = [
            mine and sizes[first] > stop - start
            for mine, (first, _), (start, stop) in zip(own, tokens, places, strict=True)
        ]
        rows.append(
            {
                "form": form,
                "characters": len(text),
                "tokens": len(found),
                "atomic": sum(own) / max(1, len(own)),
                "delimited": sum(delimited) / max(1, len(own)),
                "all": all(own),
                "own": own,
            }
        )
    return rows


def _places(text: str, letters: set[str]) -> list[tuple[int, int]]:
    places, at = [], 0
    for letter in text:
        size = len(letter.encode())
        if letter in letters:
            places.append((at, at + size))
        at += size
    return places


def _token_at(places: list[tuple[int, int]], byte: int) -> int:
    """The token that has a byte, -1 where none has."""
    return next((i for i, (begin, end) in enumerate(places) if begin <= byte < end), -1)


def covariates(vocabulary: Vocabulary, word: str, index: int) -> dict[str, float]:
    """What may explain how well a model spells: of a word and the 0-based place of the letter that is asked for.

    `tokens`, `compression` (letters per token), `target_length` (letters that begin in the token that holds the place),
    `gold_per_length` (the place over the length). Raises ValueError for a place outside of the word.
    """
    if not 0 <= index < len(word):
        raise ValueError(f"letter {index} is outside of {word!r}")
    (found,) = places_of(vocabulary, [word])
    starts = [len(word[:i].encode()) for i in range(len(word))]
    inside = [_token_at(found, start) for start in starts]
    return {
        "tokens": len(found),
        "compression": len(word) / max(1, len(found)),
        "target_length": inside.count(inside[index]),
        "gold_per_length": index / len(word),
    }


def random_uuid(digest: bytes) -> str:
    """A UUID of version 4 from 16 bytes or more.

    >>> random_uuid(bytes(16))
    '00000000-0000-4000-8000-000000000000'
    """
    text = digest[:16].hex()
    variant = "89ab"[int(text[16], 16) % 4]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def generated_content(characters: int = 20_000, seed: int = 0) -> dict[str, str]:
    """Text of kinds that corpora have little of, always the same for a seed, of at least so many characters each.

    Integers, decimals, hexadecimal digits, UUIDs, and UUIDs as keys and values of JSON, which needle tests are made of.
    """

    def digest(kind: str, number: int) -> bytes:
        return hashlib.sha256(f"{seed} {kind} {number}".encode()).digest()

    def integer(i: int) -> str:
        raw = digest("integer", i)
        return str(int.from_bytes(raw[:8], "big") % 10 ** (1 + raw[8] % 9))

    def decimal(i: int) -> str:
        raw = digest("decimal", i)
        return f"{int.from_bytes(raw[:4], 'big') % 10_000}.{raw[4] % 100:02}"

    def uuid(kind: str, i: int) -> str:
        return random_uuid(digest(kind, i))

    count = characters // 2 + 1
    made = {
        "integers": (integer(i) for i in range(count)),
        "decimals": (decimal(i) for i in range(count)),
        "hexadecimal": (digest("hex", i)[:16].hex() for i in range(count)),
        "UUIDs": (uuid("uuid", i) for i in range(count)),
    }
    out = {}
    for name, items in made.items():
        kept: list[str] = []
        size = 0
        while size < characters:
            kept.append(next(items))
            size += len(kept[-1]) + 1
        out[name] = " ".join(kept)
    pairs: dict[str, str] = {}
    while 80 * len(pairs) < characters:
        pairs[uuid("key", len(pairs))] = uuid("value", len(pairs))
    return out | {"UUIDs in JSON": json.dumps(pairs)}


def characters_per_token(vocabulary: Vocabulary, texts: Mapping[str, str]) -> list[dict[str, float | str]]:
    """Characters and tokens of each text, and their ratio: what a context of so many tokens holds of this content."""
    names = list(texts)
    encoded = vocabulary.encode(pa.array([texts[name] for name in names], pa.large_string()))
    lengths = encoded.value_lengths().to_pylist()
    return [
        {
            "content": name,
            "characters": len(texts[name]),
            "tokens": tokens,
            "characters_per_token": len(texts[name]) / max(1, tokens),
        }
        for name, tokens in zip(names, lengths, strict=True)
    ]
