"""Encoding equals its specification, `tokenizers` and `tiktoken`, whatever the text, the table and the cuts."""

import base64
import functools
import sysconfig
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.encode import Tokenizer, tokenizer_of
from pairloom.operators.models.bpe import load_tiktoken
from pairloom.operators.reference.encode import find_special, unknown_words
from pairloom.operators.reference.models.bpe.word import encode_word

SCHEMES = [
    "gpt2",
    "llama3",
    "o200k",
    "qwen2",
    "qwen35",
    "cl100k",
    "cl100k_2023",
    "deepseek_v3",
    "superwords",
    "whitespace",
    "none",
]
SPECIAL = ("<|endoftext|>", "<|end|>", "<|e", "日本")

# Any character, weighted towards those that schemes treat apart; then words the vocabulary knows, and runs.
letters = st.one_of(
    st.characters(exclude_categories=("Cs",)),
    st.sampled_from("ab12 \t\n\r'\u00a0\u3000eéÉßſ'.<|>日本語ไทย한글नि\U0001f600\u200d\U0001d7d8"),
)
texts = st.lists(
    st.one_of(
        st.text(letters, max_size=12),
        st.sampled_from(
            ["import ", "return", " self", "it's", " the", "  " * 9, "<|endoftext|>", "<|end", "日本語"]
        ),
        st.builds(lambda c, n: c * n, letters, st.integers(14, 70)),
    ),
    max_size=12,
).map("".join)


@functools.cache
def sample() -> pa.Array:
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(root.glob("*.py"))[:40]
    extra = "日本語のテキスト、한국어 텍스트, кириллица и Ελληνικά. नमस्ते दुनिया 1234567 ½ 👩‍👩‍👧‍👦 " * 8
    return pa.array([path.read_text(encoding="utf-8") for path in files] + [extra])


@functools.cache
def vocabulary(scheme: str, normalizer: str = "none", special: tuple[str, ...] = SPECIAL) -> Vocabulary:
    cut = Pretokenizer(scheme=scheme)
    trained = count_words(sample(), Pretokenizer(scheme="whitespace") if scheme == "none" else cut)
    return learn_bpe(trained, 3000, special_tokens=special, pretokenizer=cut, normalizer=normalizer)


@functools.cache
def peer(scheme: str, normalizer: str = "none", special: tuple[str, ...] = SPECIAL) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_str(vocabulary(scheme, normalizer, special).to_json().decode())


def specified(vocab: Vocabulary, text: str) -> list[int]:
    index = {token: i for i, token in enumerate(vocab.tokens) if i >= len(vocab.special_tokens)}
    ranks = {
        (left, right): (rank, index[vocab.tokens[left] + vocab.tokens[right]])
        for rank, (left, right) in enumerate(vocab.model.merges.tolist())
    }
    ids: list[int] = []
    for piece in vocab.pretokenizer.split_text(text):
        ids += encode_word([index[bytes([byte])] for byte in piece.encode()], ranks)
    return ids


@pytest.mark.parametrize("scheme", SCHEMES)
@given(documents=st.lists(texts, max_size=4))
@settings(max_examples=60)
def test_equals_tokenizers(scheme, documents):
    vocab = vocabulary(scheme)
    got = vocab.encode(pa.array(documents, pa.string()), special_tokens_in_text="parse")
    assert got.to_pylist() == [peer(scheme).encode(document).ids for document in documents]
    assert vocab.decode(got).to_pylist() == [document.encode() for document in documents]


@pytest.mark.parametrize("form", ["nfc", "nfd", "nfkc", "nfkd"])
@given(
    document=texts.flatmap(
        lambda t: st.sampled_from(
            [t, t + "e\u0301", "ﬁ" + t, t + "<|end|>\u0338", "\u32ff" + t, "\uff1c|end|>" + t]
        )
    )
)
@settings(max_examples=60)
def test_normalizes_as_tokenizers_does(form, document):
    """(F7)"""
    got = vocabulary("qwen2", form).encode(pa.array([document]), special_tokens_in_text="parse")
    assert got.to_pylist() == [peer("qwen2", form).encode(document).ids]


@given(documents=st.lists(st.one_of(st.none(), texts), max_size=6), data=st.data())
@settings(max_examples=60)
def test_equals_the_specification_for_any_table_cut_and_memo(documents, data):
    vocab = vocabulary("gpt2")
    column = pa.array(
        documents,
        data.draw(st.sampled_from([pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])),
    )
    low = data.draw(st.integers(0, len(documents)))
    sliced = column.slice(low, data.draw(st.integers(0, len(documents))))
    prepend = data.draw(st.lists(st.integers(0, len(vocab) - 1), max_size=3))
    append = data.draw(st.lists(st.integers(0, len(vocab) - 1), max_size=3))
    wanted = [
        None if text is None else prepend + specified(vocab, text) + append
        for text in documents[low:][: len(sliced)]
    ]
    tokenizer = Tokenizer(vocab)
    if data.draw(st.booleans()):
        tokenizer = tokenizer.with_memo(
            count_words(column, vocab.pretokenizer), data.draw(st.integers(0, 20))
        )
    encoder = tokenizer.encoder(table_bytes=data.draw(st.sampled_from([0, 1 << 14, 1 << 17, 1 << 22])))
    for _ in range(2):  # the second time from the table
        ids, ends, *_ = tokenizer.encode_column(
            sliced, prepend=prepend, append=append, offsets=True, encoder=encoder
        )
        ids.validate(full=True)
        assert ids.to_pylist() == wanted
        for text, row, places in zip(documents[low:], ids.to_pylist(), ends.to_pylist(), strict=False):
            if text is not None:
                inner = row[len(prepend) : len(row) - len(append)]
                edges = np.cumsum([len(vocab.tokens[i]) for i in inner]).tolist()
                size = len(text.encode())
                assert places == [0] * len(prepend) + [int(e) for e in edges] + [size] * len(append)


@functools.cache
def ranks_of(scheme: str, extra: tuple[bytes, ...]) -> dict[bytes, int]:
    tokens = [*vocabulary(scheme, "none", ()).tokens, *extra]
    return {token: rank for rank, token in enumerate(dict.fromkeys(tokens))}


@pytest.mark.parametrize("scheme", ["cl100k", "o200k", "gpt2", "whitespace"])
@given(document=texts)
@settings(max_examples=60)
def test_equals_tiktoken(scheme, document, tmp_path_factory):
    # Tokens that no merge reaches, and one that is reached through tokens of a higher rank only.
    ranks = ranks_of(
        scheme,
        (b" unreachable", b"aaaaaaaaaaaaaaaaaaaaaaa", b"\xe6\x97\xa5\xe6\x9c\xac", b"xqz", b"xqzw", b"qz"),
    )
    file = b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
    special = {"<|endoftext|>": len(ranks), "<|end|>": len(ranks) + 3}
    path = tmp_path_factory.mktemp("ranks") / "x.tiktoken"
    path.write_bytes(file)
    vocab = read_once(scheme, file, path, tuple(special.items()))
    theirs = tiktoken.Encoding(
        scheme, pat_str=vocab.pretokenizer.patterns[0], mergeable_ranks=ranks, special_tokens=special
    )
    for text in (document, document + " unreachable xqzw" + "a" * 46):
        assert vocab.encode_one(text).tolist() == theirs.encode(text, disallowed_special=())
        parsed = vocab.encode_one(text, special_tokens_in_text="parse").tolist()
        assert parsed == theirs.encode(text, allowed_special="all")


_read: dict[str, Vocabulary] = {}


def read_once(scheme: str, file: bytes, path: Path, special: tuple[tuple[str, int], ...]) -> Vocabulary:
    if scheme not in _read:
        _read[scheme] = load_tiktoken(path, scheme=scheme, special_tokens=dict(special))
    return _read[scheme]


@given(
    tokens=st.lists(
        st.binary(min_size=2, max_size=6).map(lambda b: bytes(97 + x % 3 for x in b)),
        max_size=24,
        unique=True,
    ),
    word=st.text("abc", max_size=80),
)
@settings(max_examples=300)
def test_equals_tiktoken_for_any_set_of_tokens(tokens, word):
    ranks = {token: rank for rank, token in enumerate([*(bytes([b]) for b in range(256)), *tokens])}
    file = b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
    from pairloom.operators.models.bpe.tiktoken_file import read_tiktoken

    vocab = Vocabulary(**read_tiktoken(file, {}), pretokenizer=Pretokenizer(scheme="none"))
    theirs = tiktoken.Encoding("any", pat_str=r"(?s:.+)", mergeable_ranks=ranks, special_tokens={})
    ids = (
        tokenizer_of(vocab)
        .encode_column(pa.array([word]), encoder=tokenizer_of(vocab).encoder(table_bytes=0))
        .ids
    )
    assert ids.to_pylist() == [theirs.encode(word)]


@given(document=texts)
@settings(max_examples=100)
def test_special_tokens_are_found_leftmost_and_longest(document):
    vocab = vocabulary("gpt2")
    found = find_special(document, SPECIAL)
    assert tokenizer_of(vocab).find_special_tokens(pa.array([document])).to_pylist() == [bool(found)]
    ids: list[int] = []
    end = 0
    for start, token in found:
        ids += [*specified(vocab, document[end:start]), vocab.special_id(token)]
        end = start + len(token)
    ids += specified(vocab, document[end:])
    assert vocab.encode_one(document, special_tokens_in_text="parse").tolist() == ids
    assert not set(vocab.encode_one(document).tolist()) & set(vocab.special_ids)
    if found:
        with pytest.raises(ValueError, match="document 0 spells the special token"):
            vocab.encode_one(document, special_tokens_in_text="error")


@functools.cache
def with_few_known(scheme: str, limit: int) -> tuple[Tokenizer, frozenset[bytes]]:
    """A tokenizer that knows its `limit` most frequent words, and these words."""
    vocab = vocabulary(scheme)
    counts = count_words(sample(), vocab.pretokenizer)
    best = np.argsort(-counts.counts, kind="stable")[:limit]
    return Tokenizer(vocab).with_memo(counts, limit), frozenset(counts.words.take(pa.array(best)).to_pylist())


@given(
    scheme=st.sampled_from(["gpt2", "superwords"]),
    limit=st.sampled_from([10, 200, 1 << 20]),
    columns=st.lists(st.lists(texts, max_size=4), min_size=1, max_size=4),
    crowd=st.sampled_from([0, 30, 6000]),
    parse=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_words_that_the_memo_does_not_know_are_counted_however_often_they_came_by(
    scheme: str, limit: int, columns: list[list[str]], crowd: int, parse: bool
) -> None:
    tokenizer, known = with_few_known(scheme, limit)
    small = 1 << 19 if limit <= 10 else 1 << 24  # the smaller one is emptied by a crowd of words
    encoder = tokenizer.encoder(table_bytes=small)
    columns = [*columns, [" ".join(f"w{i}" + "y" * (i % 30) for i in range(crowd)), "y" * 1500]]
    for column in [*columns, *columns]:
        encoded = tokenizer.encode_column(
            pa.array(column, pa.large_string()),
            encoder=encoder,
            special_tokens_in_text="parse" if parse else "text",
        )
        words: list[bytes] = []
        seen = [(0, 0)]
        for text in column:
            at = 0
            for start, token in [*(find_special(text, SPECIAL) if parse else []), (len(text), "")]:
                words += [
                    word.encode() for word in tokenizer.vocabulary.pretokenizer.split_text(text[at:start])
                ]
                at = start + len(token)
            seen.append((len(words), unknown_words(words, known)))
        assert encoded.seen is not None
        assert encoded.seen.tolist() == [list(both) for both in seen]
        assert (encoded.words, encoded.unknown_words) == (len(words), unknown_words(words, known))
    assert encoder.statistics["generations"] > 0 or crowd < 6000 or limit > 10 or scheme == "superwords"
