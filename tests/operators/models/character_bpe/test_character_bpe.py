"""BPE over characters as the library encodes it, whatever its options and the text."""

import json
import pickle
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.encode.warm import encode_words
from pairloom.operators.models.character_bpe.tables import CharacterTable
from pairloom.operators.reference.models.character_bpe import encode_word
from tests.support.nasty import nasty_texts
from tests.support.owners import check_equal, corpus, library

WORDS = st.lists(st.text("abcé日 \U0001f926", max_size=90), max_size=6)


@given(
    WORDS,
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12),
    st.sampled_from([{}, {"fuses": True}, {"falls_back": True}]),
)
def test_a_word_is_encoded_as_by_its_twin(
    texts: list[str], drawn: list[tuple[int, int]], options: dict[str, bool]
) -> None:
    words = {"?": 0, "a": 1, "b": 2, "é": 3, " ": 4}
    if "falls_back" in options:
        words |= {f"<0x{byte:02X}>": len(words) + byte for byte in range(256)}
    parts, merges = ["a", "b", "é", " "], []
    for left, right in drawn:
        merges.append((parts[left % len(parts)], parts[right % len(parts)]))
        parts.append("".join(merges[-1]))
        words.setdefault(parts[-1], len(words))
    table = CharacterTable.of(words, merges, **options)
    merges = list(dict.fromkeys(reversed(merges)))[::-1]  # of two that are one the last counts
    assert encode_words(table.kernel(), texts) == [
        encode_word(text, words, merges, **options) for text in texts
    ]


def learned(**options: Any) -> Any:
    """A tokenizer with tokens of bytes."""
    return library().Tokenizer.from_str(_learned(tuple(sorted(options.items()))))


@cache
def _learned(options: tuple[tuple[str, bool], ...]) -> str:
    tokenizers = library()
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", **dict(options)))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always")
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1500, special_tokens=special, limit_alphabet=200, show_progress=False
    )
    theirs.train_from_iterator(corpus(), trainer)
    theirs.decoder = tokenizers.decoders.Sequence(
        [
            tokenizers.decoders.Replace("\u2581", " "),
            tokenizers.decoders.ByteFallback(),
            tokenizers.decoders.Fuse(),
            tokenizers.decoders.Strip(" ", 1, 0),
        ]
    )
    # Without the added tokens that spell bytes, of which published files have none.
    document = json.loads(theirs.to_str())
    document["added_tokens"] = [
        token for token in document["added_tokens"] if not token["content"].startswith("<0x")
    ]
    return json.dumps(document)


def llama(tokenizers: Any) -> Any:
    steps = tokenizers.normalizers
    return steps.Sequence([steps.Prepend("\u2581"), steps.Replace(" ", "\u2581")]), None


def gemma(tokenizers: Any) -> Any:
    split = tokenizers.pre_tokenizers.Split(" ", "merged_with_previous")
    return tokenizers.normalizers.Replace(" ", "\u2581"), split


def metaspace(scheme: str, split: bool) -> Any:
    def made(tokenizers: Any) -> Any:
        return None, tokenizers.pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)

    return made


def composed(tokenizers: Any) -> Any:
    steps = tokenizers.normalizers
    parts = [steps.NFKC(), steps.Strip(left=False), steps.Replace(tokenizers.Regex(" {2,}"), "\u2581")]
    return steps.Sequence(parts), tokenizers.pre_tokenizers.Metaspace(split=False)


def whole(tokenizers: Any) -> Any:
    steps = tokenizers.normalizers
    return steps.Sequence([steps.Replace("ab", "ba"), steps.Replace(" ", "\u2581")]), None


SHAPES = {
    "llama": llama,
    "gemma": gemma,
    "always": metaspace("always", True),
    "first": metaspace("first", False),
    "first, split": metaspace("first", True),
    "never": metaspace("never", False),
    "composed": composed,
    "whole": whole,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "options", [{"byte_fallback": True}, {"fuse_unk": True}, {}], ids=["bytes", "fuse", "unk"]
)
def test_text_is_encoded_as_by_the_library(shape: str, options: dict[str, bool]) -> None:
    tokenizers = library()
    theirs = learned(**options)
    normalizer, pretokenizer = SHAPES[shape](tokenizers)
    theirs.normalizer = normalizer or tokenizers.normalizers.Sequence([])
    theirs.pre_tokenizer = pretokenizer or tokenizers.pre_tokenizers.Sequence([])
    vocabulary = check_equal(theirs, [*nasty_texts(250), *corpus()[:6]], model="character_bpe")
    assert (vocabulary.slow_path is None) == (shape != "whole")
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize("seed", range(6))
def test_merges_that_join_words_and_all_else_are_cut_where_none_reaches(seed: int) -> None:
    draw = random.Random(seed)
    parts = list("abc.,\u2581\n\u00e9\u65e5")
    words = {"<unk>": 0} | {part: i + 1 for i, part in enumerate(parts)}
    merges = []
    while len(merges) < 60:
        left, right = draw.choice(parts), draw.choice(parts)
        if len(left + right) < 6 and left + right not in words:
            merges.append([left, right])
            words[left + right] = len(words)
            parts.append(left + right)
    tokenizers = library()
    theirs = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            words, [tuple(merge) for merge in merges], unk_token="<unk>", fuse_unk=seed % 2 == 0
        )
    )
    normalizer, pretokenizer = (llama, gemma, metaspace("always", False))[seed % 3](tokenizers)
    theirs.normalizer = normalizer or tokenizers.normalizers.Sequence([])
    theirs.pre_tokenizer = pretokenizer or tokenizers.pre_tokenizers.Sequence([])
    texts = ["".join(draw.choices("abc.,  \n\u00e9\u65e5?!", k=draw.randrange(80))) for _ in range(400)]
    check_equal(theirs, [*texts, *nasty_texts(20)], model="character_bpe")
    assert json.loads(theirs.to_str())["model"]["merges"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ignore_merges": True}, "ignore_merges"),
        ({"unk_token": None, "byte_fallback": False}, "leaves out"),
        ({"end_of_word_suffix": "</w>"}, "end_of_word_suffix"),
    ],
)
def test_what_cannot_be_cut_is_left_to_the_library_and_says_why(change: dict[str, Any], why: str) -> None:
    document = json.loads(learned().to_str())
    document["model"].update(change)
    vocabulary = Vocabulary.from_json(json.dumps(document).encode())
    assert vocabulary.model.name == "foreign"
    assert why in str(vocabulary.slow_path)


def test_added_tokens_part_text() -> None:
    tokenizers = library()
    theirs = learned(byte_fallback=True)
    added = tokenizers.AddedToken
    theirs.add_tokens([added("\n\n", normalized=False), added("\u2581\u2581", normalized=False)])
    theirs.add_tokens([added("the tool", normalized=True), added("<x>", lstrip=True, normalized=False)])
    theirs.normalizer, _ = llama(tokenizers)
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([])
    texts = ["a\n\nb\n\n\n", "a  the tool", "the tool b", "a <x> b", "\u2581\u2581a \u2581\u2581", "x\n\n"]
    check_equal(theirs, [*texts, *nasty_texts(100)], model="character_bpe")
    theirs.normalizer = tokenizers.normalizers.Sequence([])
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="first")
    check_equal(theirs, [*texts, *nasty_texts(100)], model="character_bpe")


def test_a_byte_whose_character_is_a_token_needs_none_of_its_own() -> None:
    """As in the files of Gemma, which have no token for the byte of a tab."""
    document = json.loads(_learned((("byte_fallback", True),)))
    words = document["model"]["vocab"]
    words["\t"] = words.pop("<0x09>")
    theirs = library().Tokenizer.from_str(json.dumps(document))
    check_equal(theirs, [*nasty_texts(100), "\ta\t\t b", "\u07ff\t"], model="character_bpe")
    words["\x0b"] = words.pop("\t")
    reason = Vocabulary.from_json(json.dumps(document).encode()).slow_path
    assert "tokens for 255 of 256 bytes" in (reason or "")
