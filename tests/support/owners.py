"""Tokenizers that the `tokenizers` library learns in a test, and the ids and texts that it makes."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.encode.tokenizer import Tokenizer

__all__ = ["check_equal", "check_offsets", "corpus", "library"]

_DOCS = Path(__file__).parents[2] / "docs"


def library() -> Any:
    """The module `tokenizers`; a test is left out without it."""
    return pytest.importorskip("tokenizers")


def corpus() -> list[str]:
    """English prose, and some words of other scripts."""
    texts = [path.read_text() for path in sorted((_DOCS / "guides").glob("*.md"))]
    return [
        *texts,
        "\u65e5\u672c\u8a9e\u306e\u6587 na\u00efve caf\u00e9 \u0440\u0443\u0441\u0441\u043a\u0438\u0439 "
        * 20,
    ]


def check_equal(theirs: Any, texts: Sequence[str], *, model: str, **changes: Any) -> Vocabulary:
    """Ids of texts, their decoding, offsets and words are the library's, in one call and one by one; which model it is."""
    document = json.loads(theirs.to_str())
    document["model"].update(changes)
    data = json.dumps(document).encode()
    theirs = library().Tokenizer.from_str(data.decode())
    vocabulary = Vocabulary.from_json(data)
    assert (vocabulary.model.name, vocabulary.slow_path and vocabulary.slow_path.split()[0]) in (
        (model, None),
        (model, "normalized"),
    )
    column = pa.array([*texts, None], pa.large_string())
    for policy in ("text", "parse"):
        theirs.encode_special_tokens = policy == "text"
        expected = [theirs.encode(text, add_special_tokens=False).ids for text in texts]
        for _ in range(2):  # words are remembered the second time
            found = vocabulary.encode(column, special_tokens_in_text=policy).to_pylist()
            assert found.pop() is None
            wrong = [(text, a, b) for text, a, b in zip(texts, found, expected, strict=True) if a != b]
            assert not wrong, (policy, len(wrong), wrong[:3])
        check_offsets(vocabulary, theirs, texts, policy)
        ids = pa.array(expected, pa.large_list(pa.uint32()))
        assert vocabulary.decode(ids).to_pylist() == [
            theirs.decode(one, skip_special_tokens=False).encode() for one in expected
        ]
    around = vocabulary.encode(column.slice(0, 9), prepend=[1], append=[0]).to_pylist()
    theirs.encode_special_tokens = True
    assert around == [[1, *theirs.encode(text, add_special_tokens=False).ids, 0] for text in texts[:9]]
    return vocabulary


def check_offsets(vocabulary: Vocabulary, theirs: Any, texts: Sequence[str], policy: str) -> None:
    """Offsets in characters and in bytes, and the numbers of words, are those of the library."""
    tokenizer = Tokenizer(vocabulary)
    asked = {"words": True, "special_tokens_in_text": policy}
    found = tokenizer(list(texts), offsets=True, **asked)
    in_bytes = tokenizer(list(texts), offsets="bytes", **asked)["offset_mapping"]
    for i, (text, one) in enumerate(
        zip(texts, theirs.encode_batch(texts, add_special_tokens=False), strict=True)
    ):
        assert found["input_ids"][i].tolist() == one.ids, text
        places = [tuple(pair) for pair in found["offset_mapping"][i].tolist()]
        wrong = [each for each in zip(one.tokens, places, one.offsets, strict=True) if each[1] != each[2]]
        assert not wrong, (text, policy, wrong[:5])
        assert found["word_ids"][i].tolist() == one.word_ids, text
        edges = [0, *itertools.accumulate(len(character.encode()) for character in text)]
        assert in_bytes[i].tolist() == [[edges[a], edges[b]] for a, b in places]
