"""Learning BPE over characters, as SentencePiece's files have it: U+2581 for spaces, and bytes for what has no token."""

import json
from typing import Any

import numpy as np

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Progress, Target
from pairloom.operators.models.bpe.characters import CharacterWords, chosen_characters, learn_merges
from pairloom.operators.text.front.reading import MARKER
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["UNKNOWN", "learn_character_bpe"]

UNKNOWN = "<unk>"


def learn_character_bpe(
    counts: WordCounts,
    target: Target,
    *,
    byte_fallback: bool = True,
    prefix: bool = True,
    progress: Progress | None = None,
) -> Vocabulary:
    r"""Learn a vocabulary: special tokens and `<unk>`, 256 bytes with `byte_fallback`, characters ascending, merges.

    Merges are those of `tokenizers`' BpeTrainer from the same words, whose spaces are U+2581: the most frequent pair first, of
    equals the one of smaller ids. The file has no pretokenizer: text is one word, with a space before it where there is a
    `prefix`. What a special token or that of a byte is spelled as is no token of the text. Raises RecipeError where the
    characters do not fit.

    >>> import pyarrow as pa
    >>> from pairloom.operators.counts import count_words
    >>> from pairloom.operators.text.pretokenize import Pretokenizer
    >>> words = count_words(pa.array([" abc abc ab"]), Pretokenizer(scheme="whitespace"))
    >>> found = learn_character_bpe(words, Target(size=8), byte_fallback=False)
    >>> found.tokens[5:], found.encode_one("abc").tolist()
    ((b'ab', b'\xe2\x96\x81ab', b'\xe2\x96\x81abc'), [7])
    """
    spelled = [word.decode().replace(" ", MARKER) for word in counts.words.to_pylist()]
    words = CharacterWords.of(spelled, counts.counts)
    first = [*dict.fromkeys((*target.special_tokens, UNKNOWN))]
    specials = len(first)
    if byte_fallback:
        first += [f"<0x{byte:02X}>" for byte in range(256)]
    characters = chosen_characters(words.weights(), target.shape, MARKER)
    ids = np.full(0x110000, -1, np.int64)
    ids[[ord(char) for char in characters]] = np.arange(len(first), len(first) + len(characters))
    if same := sorted({*first} & {*characters}):
        raise RecipeError(
            f"special token {same[0]!r} is also a character of the text: choose one that is not"
        )
    begun = [token.replace(MARKER, " ") for token in (*first, *characters)]
    taken: list[str] = []
    while True:
        merges = learn_merges(
            words.symbols(ids[words.codes]),
            begun,
            target.size,
            target.shape,
            taken=taken,
            min_count=target.min_count,
            progress=progress,
        )
        tokens, named = [*first, *characters], []
        for left, right in merges:
            named.append([tokens[left], tokens[right]])
            tokens.append(tokens[left] + tokens[right])
        vocab = {token: i for i, token in enumerate(tokens)}
        if len(vocab) == len(tokens):
            break
        taken += {*first} & {*tokens[len(begun) :]}
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": UNKNOWN,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": byte_fallback,
        "ignore_merges": False,
        "vocab": vocab,
        "merges": named,
    }
    return Vocabulary.from_json(_file(target.normalizer, tokens[:specials], model, prefix=prefix))


def _file(normalizer: str, specials: list[str], model: dict[str, Any], *, prefix: bool) -> bytes:
    """The `tokenizer.json`."""
    steps: list[dict[str, Any]] = [] if normalizer == "none" else [{"type": normalizer.upper()}]
    if prefix:
        steps.append({"type": "Prepend", "prepend": MARKER})
    steps.append({"type": "Replace", "pattern": {"String": " "}, "content": MARKER})
    back: list[dict[str, Any]] = [{"type": "Replace", "pattern": {"String": MARKER}, "content": " "}]
    back += [{"type": "ByteFallback"}, {"type": "Fuse"}]
    if prefix:
        back.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added_tokens(specials),
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": back},
        "model": model,
    }
    return json.dumps(document, ensure_ascii=False).encode()


def added_tokens(specials: list[str]) -> list[dict[str, Any]]:
    """Special tokens as a `tokenizer.json` lists them, with the first ids."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [{"id": i, "content": token, **flags} for i, token in enumerate(specials)]
