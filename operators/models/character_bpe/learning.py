"""Learning BPE over characters, as SentencePiece's files have it: U+2581 for spaces, and bytes for what has no token."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Allocate, Progress, Target
from pairloom.operators.models.bpe.character_families import CharacterFamily, Merges, learn_characters
from pairloom.operators.models.bpe.characters import (
    Alphabet,
    CharacterWords,
    Letters,
    chosen_characters,
    counted_texts,
)
from pairloom.operators.models.bpe.shaping import check_required
from pairloom.operators.text.front.reading import MARKER
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["UNKNOWN", "CharacterBPEFamily", "added_tokens", "learn_character_bpe"]

UNKNOWN = "<unk>"


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterBPEFamily(CharacterFamily):
    """Special tokens and `<unk>`, 256 bytes with `byte_fallback`, characters ascending, merges."""

    byte_fallback: bool = True
    prefix: bool = True

    @property
    def _named(self) -> dict[str, None]:
        return dict.fromkeys((*self.target.special_tokens, UNKNOWN))

    @property
    def specials(self) -> list[str]:
        """Special tokens, `<unk>` and bytes."""
        return [*self._named, *(f"<0x{byte:02X}>" for byte in range(256) if self.byte_fallback)]

    @property
    def reserved(self) -> list[str]:
        """The same: what they are spelled as is no token of the text."""
        return [_plain(token) for token in self.specials]

    def words(self, counts: WordCounts, empty: Allocate = np.empty) -> CharacterWords:
        """The words with U+2581 for spaces."""
        words = (word.replace(" ", MARKER) for word, _ in counted_texts(counts))
        return CharacterWords.of(words, counts.counts, empty)

    def alphabet(self, letters: Letters) -> Alphabet:
        """The characters; RecipeError where a special token is one."""
        kept = MARKER + "".join(token for tokens in self.wanted for token in tokens)
        characters = chosen_characters(letters.weights, self.target.shape, kept)
        if same := sorted({*self.specials} & {*characters}):
            raise RecipeError(
                f"special token {same[0]!r} is also a character of the text: choose one that is not"
            )
        return Alphabet(characters=tuple(characters))

    def first(self, alphabet: Alphabet) -> list[str]:
        """All tokens before merges."""
        return [*self.specials, *alphabet.characters]

    def spelled(self, alphabet: Alphabet) -> list[str]:
        """The same, with spaces."""
        return [_plain(token) for token in self.first(alphabet)]

    def asked(self, token: str, key: str = "required") -> str:
        """With U+2581 for spaces; it is in one word."""
        check_required([token], Pretokenizer(scheme="whitespace"), key)
        return super(CharacterBPEFamily, self).asked(token, key).replace(" ", MARKER)

    def units(self, token: str) -> list[str]:
        """The characters."""
        return [*token]

    def joined(self, left: str, right: str) -> str:
        """One after the other."""
        return left + right

    def vocabulary(self, alphabet: Alphabet, merges: Merges) -> Vocabulary:
        """The file, as those of Llama 2 are."""
        tokens = self.tokens(alphabet, merges)
        vocab = {token: i for i, token in enumerate(tokens)}
        named = [[tokens[left], tokens[right]] for left, right in merges]
        model = {
            "type": "BPE",
            "dropout": None,
            "unk_token": UNKNOWN,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": self.byte_fallback,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": named,
        }
        return Vocabulary.from_json(_file(self.target.normalizer, [*self._named], model, prefix=self.prefix))


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
    family = CharacterBPEFamily(target=target, byte_fallback=byte_fallback, prefix=prefix)
    return learn_characters(family, counts, progress=progress)


def _plain(token: str) -> str:
    return token.replace(MARKER, " ")


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
