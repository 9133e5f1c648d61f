"""A tokenizer that the `tokenizers` library runs, asked by several threads at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.encode import Tokenizer
from pairloom.operators.models.foreign import Foreign

pytest.importorskip("tokenizers")


def test_threads_that_want_special_tokens_and_threads_that_do_not_are_both_served() -> None:
    """The library's flag for special tokens is one for all of its threads."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    document = {
        "version": "1.0",
        "added_tokens": [{"id": 0, "content": "<s>", **flags}],
        "normalizer": None,
        "pre_tokenizer": {"type": "Digits", "individual_digits": True},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"<s>": 0, "ab": 1, "?": 2, "ab<s>ab": 3}, "unk_token": "?"},
    }
    vocabulary = Vocabulary.from_json(json.dumps(document).encode())
    assert isinstance(vocabulary.model, Foreign)
    tokenizer, texts = Tokenizer(vocabulary), pa.array(["ab<s>ab"] * 50)
    expected = {"parse": [1, 0, 1], "text": [3]}

    def encoded(policy: str) -> bool:
        return all(
            row == expected[policy]
            for row in tokenizer.encode(texts, special_tokens_in_text=policy).to_pylist()
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(encoded, ["parse", "text"] * 200))
