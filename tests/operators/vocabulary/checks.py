"""Texts, a vocabulary that is learned of them, and its ids."""

import functools

import pyarrow as pa

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe

TEXTS = [
    "hello world hello it's 42, 1234567!",
    "日本語のテキスト\r\n\n  café CAFÉ e\u0301 x",
    "the the the  \t end",
    "",
] * 3


@functools.cache
def learned(scheme="gpt2", digits="keep", normalizer="none", special=("<|end|>",)) -> Vocabulary:
    cut = Pretokenizer(scheme=scheme, digits=digits)
    counts = count_words(pa.array(TEXTS), cut)
    return learn_bpe(counts, 330, special_tokens=special, pretokenizer=cut, normalizer=normalizer)


def ids_of(vocab: Vocabulary) -> list[list[int]]:
    return vocab.encode(pa.array(TEXTS), special_tokens_in_text="parse").to_pylist()
