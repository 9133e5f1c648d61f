"""Added tokens of a byte-level `tokenizer.json`: what `tokenizers` makes of them, or why it is left to that library.

The library gives an added token the id that its text has in `model.vocab`, else the next one; what the file says beside it is not
asked. One that is a token of the model too is both: text comes to it by merges, and it is found as it is written.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import DataError
from pairloom.operators.models import OtherModelError
from pairloom.operators.text.normalize import normalize
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary.file_merges import FileMerges
from pairloom.operators.vocabulary.tokens import check_distinct, from_alphabet

__all__ = ["Added", "is_one_word", "library_ids", "read_added"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """Added tokens by id; `plain`, `late` and `both` as `plain_tokens`, `late_tokens` and `text_ids` of a Vocabulary."""

    tokens: Mapping[int, str]
    plain: tuple[str, ...]
    late: tuple[str, ...]
    both: tuple[int, ...]


def library_ids(added: Sequence[str], words: Mapping[str, int]) -> dict[str, int]:
    """The ids that `tokenizers` gives added tokens beside the words of a model.

    >>> library_ids(["<a>", "x", "<b>"], {"x": 0, "y": 5})
    {'<a>': 2, 'x': 0, '<b>': 3}
    """
    found: dict[str, int] = {}
    highest = -1
    for content in added:
        taken = words.get(content)
        found[content] = max(highest + 1, len(words)) if taken is None else taken
        highest = max(highest, found[content])
    return found


def is_one_word(content: str, pretokenizer: Pretokenizer) -> bool:
    """Whether a text that is cut may have a word that spells `content`."""
    return len(pretokenizer.split_text(content)) == 1


def read_added(
    items: Sequence[Mapping[str, Any]],
    words: Mapping[str, int],
    merges: FileMerges,
    *,
    whole: bool,
    pretokenizer: Pretokenizer,
    normalizer: str,
) -> Added:
    """The added tokens of a file, whose model has `words` and `merges`, and takes `whole` words that are tokens.

    Raises OtherModelError for what the library does otherwise than it can be done here, DataError where two are one.
    """
    for item in items:
        if flags := [flag for flag in ("lstrip", "rstrip", "single_word") if item.get(flag)]:
            raise OtherModelError(f"its added token {item['content']!r} has {', '.join(flags)}")
    contents = [item["content"] for item in items]
    tokens = {item["id"]: item["content"] for item in items}
    if len(tokens) != len(items) or len(set(contents)) != len(items):
        raise DataError("two added_tokens of this tokenizer.json share an id or a spelling")
    if not tokens.keys().isdisjoint(words.values()):
        for word, i in words.items():
            if i in tokens and word != tokens[i]:
                raise DataError(
                    f"this tokenizer.json is damaged: id {i} is both {word!r} and the added token {tokens[i]!r}"
                )
    for content, number in library_ids(contents, words).items():
        if tokens.get(number) != content:
            said = next(i for i, one in tokens.items() if one == content)
            raise OtherModelError(
                f"its added token {content!r} has id {said} in the file, and `tokenizers` gives it {number}"
            )
    late = tuple(item["content"] for item in items if item["normalized"])
    check_distinct(
        dict(zip(late, normalize(pa.array(late, pa.large_string()), normalizer).to_pylist(), strict=True))
    )
    if normalizer == "none" and len(late) == len(items):
        late = ()  # all at one time, whichever
    shared = {i: content for i, content in tokens.items() if content in words}
    made, used = (_words_at(places, words if shared else {}) for places in merges[::-1])
    both = []
    for i, content in shared.items():
        reached = len(content) == 1 or content in made or (whole and is_one_word(content, pretokenizer))
        raw = from_alphabet(content)
        if reached and raw is not None:
            if raw != content.encode():
                raise OtherModelError(
                    f"its added token {content!r} is how its model spells the bytes {raw!r}: id {i} is both"
                )
            both.append(i)
        elif content in used:
            raise OtherModelError(f"its added token {content!r} is in a merge, and nothing makes it")
    plain = tuple(item["content"] for item in items if not item["special"])
    return Added(tokens=tokens, plain=plain, late=late, both=tuple(sorted(both)))


def _words_at(places: npt.NDArray[np.int32], words: Collection[str]) -> set[str]:
    """The words at some places."""
    there = np.zeros(len(words), np.bool_)
    there[places if words else []] = True
    return set(itertools.compress(words, there.tolist()))
