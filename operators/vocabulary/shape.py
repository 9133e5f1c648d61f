"""What a `tokenizer.json` has to look like before anything is read from it: strict JSON, and the right kind of value at each key.

Only what some family reads is looked at. Whatever is not as it should be is a DataError that names the key, so that a file that was
cut, edited or made up never ends in a traceback.
"""

import gc
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from pairloom.operators.errors import DataError
from pairloom.operators.vocabulary.file_merges import NO_MERGES, FileMerges, file_merges

__all__ = ["MOST_ADDED_BYTES", "parse_tokenizer_json"]

# An added token is looked for at every place of a text: longer ones are a mistake, or meant to take time.
MOST_ADDED_BYTES = 4096
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
# Models of `tokenizers`, whose files have these keys; what a file of another family has, that family says.
_OF_THE_LIBRARY = (None, "BPE", "WordPiece", "WordLevel", "Unigram")
_ZEROS = bytes(ord("0") if chr(byte) in "123456789" else byte for byte in range(256))
_LONG = re.compile(rb"(?:^|[\s:,\[-])[0-9]{21}")
_Check: TypeAlias = Callable[[str, Any], None]


def parse_tokenizer_json(data: bytes) -> dict[str, Any]:
    """The document, its merges as `FileMerges` where it has a `vocab` that they are of.

    Raises DataError, which names the key, for anything that is no `tokenizer.json`.

    >>> parse_tokenizer_json(b'{"model": {"vocab": {"a": "0"}}}')
    Traceback (most recent call last):
    ...
    pairloom.operators.errors.DataError: this tokenizer.json is damaged: model.vocab: the id of 'a' is '0', not a number from 0 on
    """
    try:
        # Numbers too long are few files' fault: a function called for every one takes as long as all the rest.
        long = b"0" * 21 in data.translate(_ZEROS) and _LONG.search(data)  # in a word as many may stand
        whole = _whole if long else None
        with _nothing_collected():
            document = json.loads(
                data.decode(), object_pairs_hook=_distinct, parse_constant=_no_number, parse_int=whole
            )
    except RecursionError:
        raise _damaged("", "it is nested too deeply") from None
    except ValueError as error:
        raise DataError(f"not a tokenizer.json: {error}") from error
    if b"\\ud" in data.lower() and re.search(rb"\\u[dD][89a-fA-F]", data):
        _no_surrogates("", document)
    if not isinstance(document, dict) or not isinstance(document.get("model"), dict):
        raise DataError("not a tokenizer.json: it has no section `model`; a list of tokens alone is none")
    _object(_TOP)("", document)
    _object(_OPTIONS)("model", document["model"])
    if document["model"].get("type") in _OF_THE_LIBRARY:
        _check_added(document.get("added_tokens") or [])
        _check_model(document["model"])
    return document


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Without the search for garbage, which goes through all merges again and again and finds none."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _damaged(key: str, why: str) -> DataError:
    return DataError(f"this tokenizer.json is damaged: {key}{': ' if key else ''}{why}")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {_shown(key)} stands twice in one object")
            seen.add(key)
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _whole(digits: str) -> int:
    # Which of a million digits takes seconds; there is nothing past 64 bits.
    if len(digits) > 20:
        raise ValueError(f"the number {digits[:20]}… has {len(digits)} digits")
    return int(digits)


def _no_surrogates(key: str, value: Any) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _damaged(key, f"{_shown(value)} holds a lone surrogate, which is no character") from None
    elif isinstance(value, dict):
        for name, one in value.items():
            _no_surrogates(f"{key}.{name[:20]}".strip("."), name)
            _no_surrogates(f"{key}.{name[:20]}".strip("."), one)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            _no_surrogates(f"{key}[{i}]", one)


def _shown(value: Any) -> str:
    text = ascii(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _of(kind: type | tuple[type, ...], what: str, *, none: bool = True) -> _Check:
    def check(key: str, value: Any) -> None:
        if value is None and none:
            return
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not right:
            raise _damaged(key, f"{_shown(value)} is not {what}")

    return check


def _list(item: _Check, *, none: bool = True) -> _Check:
    whole = _of(list, "a list", none=none)

    def check(key: str, value: Any) -> None:
        whole(key, value)
        for i, one in enumerate(value or ()):
            item(f"{key}[{i}]", one)

    return check


def _object(keys: Mapping[str, _Check], *, needed: tuple[str, ...] = (), none: bool = False) -> _Check:
    whole = _of(dict, "an object", none=none)

    def check(key: str, value: Any) -> None:
        whole(key, value)
        for name in needed:
            if value is not None and name not in value:
                raise _damaged(key, f"it has no {name!r}")
        for name, one in keys.items():
            if value is not None and name in value:
                one(f"{key}.{name}".strip("."), value[name])

    return check


def _id(key: str, value: Any) -> None:
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise _damaged(key, f"{_shown(value)} is not a number from 0 on, below 2^32")


def _content(key: str, value: Any) -> None:
    _text(key, value)
    if not value:
        raise _damaged(key, "an added token is empty")
    if len(value.encode()) > MOST_ADDED_BYTES:
        raise _damaged(
            key, f"an added token has {len(value.encode())} bytes; at most {MOST_ADDED_BYTES} are read"
        )


def _nodes(key: str, value: Any) -> None:
    # A step of the normalizer or of the pre-tokenizer, which may be a sequence of steps.
    _NODE(key, value)
    for name in ("normalizers", "pretokenizers"):
        for i, one in enumerate((value or {}).get(name) or ()):
            if one is None:
                raise _damaged(f"{key}.{name}[{i}]", "null is no step")
            _nodes(f"{key}.{name}[{i}]", one)


_switch, _text = _of(bool, "true or false", none=False), _of(str, "text", none=False)
_words, _some = _of(str, "text"), _of(dict, "an object")
_NODE = _object(
    {
        "type": _text,
        "normalizers": _of(list, "a list", none=False),
        "pretokenizers": _of(list, "a list", none=False),
        "pattern": _of((str, dict), "a pattern", none=False),
        "behavior": _text,
        "invert": _switch,
        "add_prefix_space": _switch,
        "trim_offsets": _switch,
        "use_regex": _switch,
    },
    needed=("type",),
    none=True,
)
_TOP = {
    "version": _words,
    "truncation": _some,
    "padding": _some,
    "added_tokens": _list(
        _object(
            {"id": _id, "content": _content, **dict.fromkeys(_FLAGS, _switch)},
            needed=("id", "content"),
        )
    ),
    "normalizer": _nodes,
    "pre_tokenizer": _nodes,
    "post_processor": _some,
    "decoder": _nodes,
}
_OPTIONS = {
    "type": _words,
    "unk_token": _words,
    "dropout": _of((int, float), "a number"),
    "continuing_subword_prefix": _words,
    "end_of_word_suffix": _words,
    "fuse_unk": _of(bool, "true or false"),
    "byte_fallback": _of(bool, "true or false"),
    "ignore_merges": _of(bool, "true or false"),
    "pairloom": _object(
        {
            "format": _of(int, "a number", none=False),
            "unicode": _text,
            "scheme": _text,
            "digits": _text,
            "pattern": _words,
            "lines": _switch,
            "ties_share_rank": _switch,
            "golden": _of(list, "a list"),
        },
        none=True,
    ),
}


def _check_added(added: list[dict[str, Any]]) -> None:
    for place, token in enumerate(added):
        for flag in _FLAGS:
            if flag not in token:
                raise _damaged(f"added_tokens[{place}]", f"it has no {flag!r}")


def _check_model(model: dict[str, Any]) -> None:
    vocab = model.get("vocab")
    if isinstance(vocab, dict):
        for token, i in () if _all_ids(vocab.values()) else vocab.items():
            if type(i) is not int or not 0 <= i < 1 << 32:
                raise _damaged(
                    "model.vocab", f"the id of {_shown(token)} is {_shown(i)}, not a number from 0 on"
                )
    elif not isinstance(vocab, list):
        raise _damaged("model.vocab", "there is none" if vocab is None else f"{_shown(vocab)} is no object")
    merges = model.get("merges")
    if "merges" in model and not isinstance(merges, list):
        raise _damaged("model.merges", f"{_shown(merges)} is not a list")
    if merges:
        model["merges"] = _merges(merges, None if model.get("continuing_subword_prefix") else vocab)
    for i, (text, ids) in enumerate(_golden(model)):
        if not isinstance(text, str) or not isinstance(ids, list) or not all(type(one) is int for one in ids):
            raise _damaged(f"model.pairloom.golden[{i}]", "it is not a text with its ids")


def _merges(merges: list[Any], vocab: Any) -> FileMerges | list[list[str]]:
    """The merges, which with their products are words of the `vocab` where that is an object.

    The library takes a line that begins with #version for the head of a file of merges.
    """
    if isinstance(vocab, dict) and (found := file_merges(merges, vocab)) is not None:
        if (cyclic := np.flatnonzero((found.sides == found.products[:, None]).any(axis=1))).size:
            rank = int(cyclic[0])
            raise _damaged(
                f"model.merges[{rank}]", f"{_shown(merges[rank])} makes a token that it is made of"
            )
        return found
    heads = [isinstance(merge, str) and merge.startswith("#version") for merge in merges]
    split = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    for rank, (merge, pair) in enumerate(zip(merges, split, strict=True)):
        if heads[rank]:
            continue
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(one, str) for one in pair):
            raise _damaged(f"model.merges[{rank}]", f"{_shown(merge)} is not a pair of tokens")
        for token in (*pair, "".join(pair)) if isinstance(vocab, dict) else ():
            if token not in vocab:
                raise _damaged(
                    f"model.merges[{rank}]", f"{_shown(merge)}: {_shown(token)} is no token of model.vocab"
                )
    pairs = [pair for pair, head in zip(split, heads, strict=True) if not head]
    return (file_merges(pairs, vocab) or NO_MERGES) if isinstance(vocab, dict) else pairs


def _all_ids(values: Collection[Any]) -> bool:
    return set(map(type, values)) <= {int} and 0 <= min(values, default=0) <= max(values, default=0) < 1 << 32


def _golden(model: dict[str, Any]) -> list[Any]:
    golden = (model.get("pairloom") or {}).get("golden") or []
    for i, one in enumerate(golden):
        if not isinstance(one, list) or len(one) != 2:
            raise _damaged(f"model.pairloom.golden[{i}]", "it is not a text with its ids")
    return list(golden)
