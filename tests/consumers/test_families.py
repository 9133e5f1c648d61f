"""Models that `sentencepiece` learns, encoded and decoded as it does, whatever their options and the text."""

import io
import random
from typing import Any

import pyarrow as pa
import pytest
import sentencepiece

from pairloom.operators import Vocabulary
from pairloom.operators.encode.tokenizer import Tokenizer
from tests.golden.families.texts import texts
from tests.support.owners import corpus

_ODD = (
    "a",
    "the",
    " ",
    "  ",
    "\u2581",
    "\u2581\u2581",
    "\t",
    "\n",
    "<x>",
    "ab",
    "e\u0301",
    "\u65e5",
    "<s>",
    "</s>",
    "\u200b",
    "\ufdfa",
)
_KEPT = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "bytes": {"byte_fallback": True, **_KEPT},
    "symbols": {"user_defined_symbols": ["<x>", "\t"], "control_symbols": ["<c>"]},
    "suffix": {"treat_whitespace_as_suffix": True},
    "folded": {"add_dummy_prefix": False, "normalization_rule_name": "nfkc_cf"},
    "across": {"split_by_whitespace": False, "byte_fallback": True, "remove_extra_whitespaces": False},
}


def learned(family: str, options: dict[str, Any]) -> bytes:
    lines = [line for text in corpus() for line in text.split("\n") if line.strip()]
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=out,
        model_type=family,
        vocab_size=1000,
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    return out.getvalue()


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("family", ["bpe", "unigram", "char"])
def test_ids_and_texts_are_those_of_sentencepiece(family: str, name: str) -> None:
    data = learned(family, OPTIONS[name])
    theirs = sentencepiece.SentencePieceProcessor(model_proto=data)
    drawn = random.Random(name)
    rows = [
        *texts(),
        *corpus()[:2],
        *("".join(drawn.choices(_ODD, k=drawn.randint(0, 40))) for _ in range(300)),
    ]
    vocabulary = Vocabulary.from_json(data)
    expected = theirs.encode(rows)
    found = vocabulary.encode(pa.array(rows, pa.large_string())).to_pylist()
    assert (
        next(((text, a, b) for text, a, b in zip(rows, found, expected, strict=True) if a != b), None) is None
    )
    tokenizer = Tokenizer(vocabulary)
    in_bytes, in_characters = (tokenizer(rows, offsets=unit)["offset_mapping"] for unit in ("bytes", True))
    for row, places, own in zip(rows, in_bytes, in_characters, strict=True):
        pieces = theirs.encode(row, return_type="proto").pieces
        assert places.tolist() == [[piece.begin, piece.end] for piece in pieces], row
        data = row.encode()
        assert own.tolist() == [[len(data[:one].decode()) for one in place] for place in places.tolist()]
    lists = [
        *expected,
        *([drawn.randrange(len(vocabulary)) for _ in range(drawn.randint(0, 6))] for _ in range(500)),
    ]
    decoded = vocabulary.decode(pa.array(lists, pa.large_list(pa.uint32()))).to_pylist()
    assert [text.decode() for text in decoded] == [theirs.decode(one) for one in lists]
