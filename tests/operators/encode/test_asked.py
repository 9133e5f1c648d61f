"""What people ask of a tokenizer: rows as `tokenizers` gives them, text without special tokens, and text as ids come in."""

import itertools
import random
import unicodedata
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.encode.tokenizer import Tokenizer
from pairloom.operators.vocabulary.golden import GOLDEN
from tests.support.corpora import documents
from tests.support.owners import library

TEXTS = [*GOLDEN, *(text[:300] for _, text in documents(8)), "", "e\u0301a <s>b<|x|> 각"]
SPECIAL = ["<s>", "</s>", "<|x|>"]


def learned(scheme: str = "gpt2", normalizer: str = "none") -> Vocabulary:
    cut = Pretokenizer(scheme=scheme)
    words = count_words(pa.array(TEXTS), cut)
    return learn_bpe(words, 420, special_tokens=SPECIAL, pretokenizer=cut, normalizer=normalizer)


def theirs(vocabulary: Vocabulary) -> Any:
    return library().Tokenizer.from_str(vocabulary.to_json().decode())


def words_of(encoding: Any) -> list[int]:
    return [-1 if word is None else word for word in encoding.word_ids]


@pytest.mark.parametrize("scheme", ["gpt2", "llama3", "o200k", "deepseek_v3", "superwords", "none"])
@pytest.mark.parametrize("policy", ["text", "parse"])
def test_offsets_and_words_are_those_of_tokenizers(scheme: str, policy: str) -> None:
    vocabulary = learned(scheme)
    oracle = theirs(vocabulary)
    oracle.encode_special_tokens = policy == "text"
    found = Tokenizer(vocabulary)(TEXTS, offsets=True, words=True, special_tokens_in_text=policy)
    for i, one in enumerate(oracle.encode_batch(TEXTS)):
        assert found["input_ids"][i].tolist() == one.ids
        assert [tuple(pair) for pair in found["offset_mapping"][i].tolist()] == one.offsets
        assert found["word_ids"][i].tolist() == words_of(one)


def test_offsets_in_bytes_cut_the_text_into_what_its_tokens_spell() -> None:
    vocabulary = learned()
    found = Tokenizer(vocabulary)(TEXTS, offsets="bytes")
    for text, ids, places in zip(TEXTS, found["input_ids"], found["offset_mapping"], strict=True):
        cut = [text.encode()[a:b] for a, b in places.tolist()]
        assert cut == [vocabulary.tokens[i] for i in ids.tolist()]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_rows_are_those_of_tokenizers_whatever_is_cut_and_filled(data: Any) -> None:
    vocabulary = LEARNED
    texts = data.draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4))
    around = data.draw(st.integers(0, 2))
    room = data.draw(st.integers(1, 40))
    stride = data.draw(st.integers(0, room - 1))
    sides = [data.draw(st.sampled_from(["right", "left"])) for _ in range(2)]
    padding = data.draw(st.sampled_from([None, "longest", "max_length"]))
    multiple = data.draw(st.sampled_from([1, 8]))
    oracle = theirs(vocabulary)
    oracle.enable_truncation(room + around, stride=stride, direction=sides[0])
    if padding:
        length = room + around if padding == "max_length" else None
        oracle.enable_padding(
            direction=sides[1],
            pad_id=2,
            pad_token="<|x|>",
            length=length,
            pad_to_multiple_of=multiple if multiple > 1 else None,
        )
    if around:
        oracle.post_processor = library().processors.TemplateProcessing(
            single="<s> $A" if around == 1 else "<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
        )
    found = Tokenizer(vocabulary)(
        texts,
        prepend=["<s>"] if around else [],
        append=["</s>"] if around == 2 else [],
        max_length=room + around,
        stride=stride,
        overflow=True,
        truncation_side=sides[0],
        padding=padding,
        pad="<|x|>" if padding else None,
        pad_to_multiple_of=multiple,
        padding_side=sides[1],
        offsets=True,
        words=True,
        special_tokens_in_text="parse",
    )
    rows = [(i, row) for i, one in enumerate(oracle.encode_batch(texts)) for row in (one, *one.overflowing)]
    assert found["overflow_to_sample_mapping"].tolist() == [i for i, _ in rows]
    for i, (_, row) in enumerate(rows):
        assert found["input_ids"][i].tolist() == row.ids
        assert found["attention_mask"][i].tolist() == row.attention_mask
        assert [tuple(pair) for pair in found["offset_mapping"][i].tolist()] == row.offsets
        assert found["word_ids"][i].tolist() == words_of(row)
        special = found["special_tokens_mask"][i] == 1
        assert (special >= (np.array(row.special_tokens_mask) == 1)).all()
        assert set(found["input_ids"][i][special].tolist()) <= {0, 1, 2}


LEARNED = learned()


def test_one_text_is_one_row_and_without_overflow_the_rest_is_left_out() -> None:
    tokenizer = Tokenizer(LEARNED)
    whole = tokenizer("the cat sat")
    assert set(whole) == {"input_ids", "attention_mask", "special_tokens_mask"}
    assert whole["input_ids"].dtype == np.int64
    cut = tokenizer("the cat sat", max_length=3, append=["</s>"])
    assert cut["input_ids"].tolist() == [*whole["input_ids"][:2].tolist(), 1]
    assert cut["special_tokens_mask"].tolist() == [0, 0, 1]
    rows = tokenizer("the cat sat", max_length=3, overflow=True)
    assert np.concatenate(rows["input_ids"]).tolist() == whole["input_ids"].tolist()
    batch = tokenizer(pa.array(["a", "the cat sat"]), padding="longest", pad=2)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, len(whole["input_ids"]))
    assert batch["attention_mask"][0].sum() == 1
    assert tokenizer([])["input_ids"] == []


@pytest.mark.parametrize("form", ["nfc", "nfd", "nfkc", "nfkd"])
def test_offsets_are_of_the_text_as_it_was_given(form: str) -> None:
    """What a normal form has not changed is where it was, and what it has is all of what it was made of."""
    chance = random.Random(form)
    alphabet = [
        "e\u0301",
        "é",
        "\u1112\u1161\u11ab",
        "각",
        "ﬁ",
        "a",
        " ",
        "日",
        "\u0344",
        "q\u0323\u0307",
        "½",
        "<s>",
        "क\u093c",
    ]
    texts = ["".join(chance.choices(alphabet, k=chance.randint(0, 9))) for _ in range(60)]
    vocabulary = learned(normalizer=form)
    tokenizer = Tokenizer(vocabulary)
    for unit in ("characters", "bytes"):
        found = tokenizer(texts, offsets=unit, special_tokens_in_text="parse")
        for text, ids, places in zip(texts, found["input_ids"], found["offset_mapping"], strict=True):
            whole = text.encode() if unit == "bytes" else text
            spelled = [vocabulary.tokens[i] for i in ids.tolist()]
            between = [at for at in range(1, len(ids)) if places[at, 0] >= places[:at, 1].max()]
            if unit == "bytes":  # not inside a character
                between = [at for at in between if text.encode()[places[at, 0]] & 0xC0 != 0x80]
            edges = [0, *between, len(ids)]
            for low, high in itertools.pairwise(edges if len(ids) else []):
                part = whole[places[low, 0] : places[low:high, 1].max()]
                part = part.decode() if isinstance(part, bytes) else part
                assert unicodedata.normalize(form.upper(), part).encode() == b"".join(spelled[low:high])
            ends = np.maximum.accumulate(places[:, 1])
            assert (places[1:, 0] <= ends[:-1]).all()  # no part of the text is nobody's
            assert not len(ids) or (places[0, 0], ends[-1]) == (0, len(whole))


def test_options_that_do_not_fit_are_refused() -> None:
    tokenizer = Tokenizer(LEARNED)
    for options, said in (
        ({"padding": "longest"}, "give pad"),
        ({"padding": "always", "pad": 2}, "None, longest or max_length"),
        ({"padding": "max_length", "pad": 2}, "needs max_length"),
        ({"stride": 2, "max_length": 4}, "pass overflow=True"),
        ({"stride": 4, "max_length": 4, "overflow": True}, "no row would go on"),
        ({"max_length": 1, "append": ["</s>"]}, "no row would go on"),
        ({"truncation_side": "top"}, "must be right or left"),
        ({"pad": 4096}, "outside a vocabulary"),
        ({"pad_to_multiple_of": 0}, "at least 1"),
        ({"offsets": "lines"}, "characters or bytes"),
    ):
        with pytest.raises(ValueError, match=said):
            tokenizer("a", **options)
    with pytest.raises(KeyError, match="no special token"):
        tokenizer("a", append=["<e>"])
    with pytest.raises(ValueError, match="a text is null"):
        tokenizer(pa.array(["a", None]))


def test_special_tokens_are_left_out_of_text() -> None:
    tokenizer = Tokenizer(LEARNED)
    ids = tokenizer("né", prepend=["<s>"], append=["</s>"])["input_ids"]
    assert tokenizer.decode(ids) == "<s>né</s>".encode()
    assert tokenizer.decode(ids, skip_special_tokens=True) == "né".encode()
    assert tokenizer.decode_text(ids[:-2], skip_special_tokens=True) == "n\ufffd"
    column = pa.array([ids.tolist(), [0], [], None], pa.large_list(pa.int64()))
    assert LEARNED.decode(column, skip_special_tokens=True).to_pylist() == ["né".encode(), b"", b"", None]
    assert tokenizer.decode_text(pa.chunked_array([column]), skip_special_tokens=True) == ["né", "", "", None]


@given(st.lists(st.integers(0, len(LEARNED) - 1)), st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_stream_gives_the_text_of_all_ids_and_never_a_part_of_a_character(
    ids: list[int], skip: bool
) -> None:
    tokenizer = Tokenizer(LEARNED)
    stream = tokenizer.stream(skip_special_tokens=skip)
    given_out = [stream.push(i) for i in ids]
    assert "".join([*given_out, stream.finish()]) == tokenizer.decode_text(ids, skip_special_tokens=skip)
    assert stream.push(ids) + stream.finish() == tokenizer.decode_text(ids, skip_special_tokens=skip)


def test_a_character_comes_with_the_token_that_completes_it() -> None:
    tokenizer = Tokenizer(LEARNED)
    stream = tokenizer.stream()
    ids = tokenizer.encode_one("🦄\u200d🦜 x").tolist()
    assert len(ids) > 6
    parts = [stream.push(i) for i in ids]
    assert "".join(parts) == "🦄\u200d🦜 x"
    assert "" in parts
    assert "\ufffd" not in "".join(parts)
    stream.push(ids[0])
    assert stream.finish() == "\ufffd"


def test_families_whose_tokens_are_no_bytes_are_told_apart() -> None:
    model = library().models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2, "[SEP]": 3}, unk_token="[UNK]")
    made = library().Tokenizer(model)
    made.pre_tokenizer = library().pre_tokenizers.Whitespace()
    made.add_special_tokens(["[SEP]"])
    tokenizer = Tokenizer(Vocabulary.from_json(made.to_str().encode()))
    found = tokenizer(["ab a", "a"], append=["[SEP]"], padding="longest", pad="[SEP]")
    assert found["input_ids"].tolist() == [[1, 2, 1, 3], [1, 3, 3, 3]]
    assert tokenizer.decode_text([1, 2, 3], skip_special_tokens=True).replace(" ", "") in ("ab", "a##b")
    with pytest.raises(ValueError, match="decode all of them"):
        tokenizer.stream()


@pytest.mark.parametrize("padding", [None, "longest"])
def test_rows_of_a_call_are_text_again(padding: str | None) -> None:
    tokenizer = Tokenizer(LEARNED)
    texts = ["naïve 日本", "", "a"]
    rows = tokenizer(texts, append=["</s>"], padding=padding, pad="<|x|>")["input_ids"]
    assert tokenizer.decode_text(rows, skip_special_tokens=True) == texts
    assert tokenizer.decode_text([row.tolist() for row in rows], skip_special_tokens=True) == texts
    assert tokenizer.decode_text(tokenizer([])["input_ids"]) == ""


def test_what_is_no_sequence_is_said() -> None:
    tokenizer = Tokenizer(LEARNED)
    with pytest.raises(TypeError, match=r"append is a sequence .* pass \['</s>'\]"):
        tokenizer("a", append="</s>")
    with pytest.raises(TypeError, match="prepend is a sequence"):
        tokenizer("a", prepend=0)  # type: ignore[arg-type]
    for wrong in (None, b"a", 5):
        with pytest.raises(TypeError, match="a text or several are encoded, got"):
            tokenizer(wrong)  # type: ignore[arg-type]
