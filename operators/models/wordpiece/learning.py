"""Learning WordPiece, as `tokenizers`' WordPieceTrainer does: BPE over characters that know whether they begin a word."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Progress, Target
from pairloom.operators.models.bpe.characters import CharacterWords, chosen_characters, learn_merges
from pairloom.operators.models.character_bpe.learning import added_tokens
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["PREFIX", "UNKNOWN", "bert_words", "learn_wordpiece"]

PREFIX, UNKNOWN = "##", "[UNK]"


def bert_words(counts: WordCounts, *, lowercase: bool = True) -> dict[str, int]:
    """The words that BERT's normalizer and pretokenizer make of words, ascending, and how often each occurs.

    >>> import pyarrow as pa
    >>> bert_words(WordCounts(words=pa.array([b" Don't", b" a"], pa.large_binary()), counts=np.array([2, 1])))
    {"'": 2, 'a': 1, 'don': 2, 't': 2}
    """
    from tokenizers import normalizers, pre_tokenizers

    normal = normalizers.BertNormalizer(lowercase=lowercase).normalize_str
    cut = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    found: Counter[str] = Counter()
    for word, count in zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True):
        for part, _ in cut(normal(word.decode())):
            found[part] += count
    return {word: found[word] for word in sorted(found)}


def learn_wordpiece(
    counts: WordCounts,
    target: Target,
    *,
    lowercase: bool = True,
    longest_word: int = 100,
    continuing: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Vocabulary:
    """Learn a vocabulary: special tokens and `[UNK]`, characters ascending, characters that go on (`##`) ascending, pieces.

    Pieces are made in the order of WordPieceTrainer: the most frequent pair of them is the next one, of equals the one of
    smaller ids. Its ids of `##` characters are in no certain order; `continuing` is another order of these, for comparison.
    Raises RecipeError where the characters do not fit, or a special token is a token of the text.

    >>> import pyarrow as pa
    >>> words = WordCounts(words=pa.array([b"low", b" lower"], pa.large_binary()), counts=np.array([3, 2]))
    >>> learn_wordpiece(words, Target(size=12)).tokens[6:]
    (b'##e', b'##o', b'##r', b'##w', b'lo', b'low')
    """
    spelled = bert_words(counts, lowercase=lowercase)
    words = CharacterWords.of([*spelled], np.array([*spelled.values()], np.int64))
    first = [*dict.fromkeys((*target.special_tokens, UNKNOWN))]
    characters = chosen_characters(words.weights(), target.shape)
    inside = np.unique(words.codes[~words.begins]).tolist()
    going_on = [char for char in map(chr, inside) if char in {*characters}]
    if continuing is not None:
        going_on = list(continuing)
    ids = np.full((2, 0x110000), -1, np.int64)
    tokens = [*first, *characters]
    ids[0, [ord(char) for char in characters]] = np.arange(len(first), len(tokens))
    ids[1, [ord(char) for char in going_on]] = np.arange(len(tokens), len(tokens) + len(going_on))
    tokens += [PREFIX + char for char in going_on]
    merges = learn_merges(
        words.symbols(ids[np.where(words.begins, 0, 1), words.codes]),
        tokens,
        target.size,
        target.shape,
        min_count=target.min_count,
        progress=progress,
    )
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right].removeprefix(PREFIX))
    vocab = {token: i for i, token in enumerate(tokens)}
    if len(vocab) < len(tokens):
        raise RecipeError("a special token is also a token of the text: choose one that does not occur")
    document: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens(first),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": PREFIX, "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": UNKNOWN,
            "continuing_subword_prefix": PREFIX,
            "max_input_chars_per_word": longest_word,
            "vocab": vocab,
        },
    }
    return Vocabulary.from_json(json.dumps(document, ensure_ascii=False).encode())
