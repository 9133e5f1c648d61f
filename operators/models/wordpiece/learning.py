"""Learning WordPiece, as `tokenizers`' WordPieceTrainer does: BPE over characters that know whether they begin a word."""

import json
from collections import Counter
from collections.abc import Sequence
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
from pairloom.operators.models.character_bpe.learning import added_tokens
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["PREFIX", "UNKNOWN", "WordPieceFamily", "bert_words", "learn_wordpiece"]

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
    for word, count in counted_texts(counts):
        for part, _ in cut(normal(word)):
            found[part] += count
    return {word: found[word] for word in sorted(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPieceFamily(CharacterFamily):
    """Special tokens and `[UNK]`, characters ascending, characters that go on (`##`) ascending, pieces."""

    lowercase: bool = True
    longest_word: int = 100

    @property
    def specials(self) -> list[str]:
        """Special tokens and `[UNK]`."""
        return [*dict.fromkeys((*self.target.special_tokens, UNKNOWN))]

    def words(self, counts: WordCounts, empty: Allocate = np.empty) -> CharacterWords:
        """What BERT makes of them."""
        found = bert_words(counts, lowercase=self.lowercase)
        return CharacterWords.of(found, found.values(), empty)

    def alphabet(self, letters: Letters) -> Alphabet:
        """The characters, and those that go on somewhere."""
        units = [unit for tokens in self.wanted for token in tokens for unit in self.units(token)]
        kept = "".join(unit.removeprefix(PREFIX) if len(unit) > 1 else unit for unit in units)
        characters = chosen_characters(letters.weights, self.target.shape, kept)
        inside = {*characters} & {*letters.going_on} | {unit[-1] for unit in units if len(unit) > 1}
        return Alphabet(characters=tuple(characters), going_on=tuple(sorted(inside)))

    def asked(self, token: str, key: str = "required") -> str:
        """A word, or with `##` what goes on a word, as BERT makes such."""
        from tokenizers import normalizers, pre_tokenizers

        text = token.removeprefix(PREFIX)
        normal = normalizers.BertNormalizer(lowercase=self.lowercase).normalize_str(text)
        parts = [part for part, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normal)]
        if parts != [text]:
            raise RecipeError(
                f"vocabulary.{key} has {token!r}, of which BERT makes {', '.join(map(repr, parts)) or 'nothing'}: no text would "
                "become it; write it so, without spaces, or leave it out"
            )
        return super(WordPieceFamily, self).asked(token, key)

    def units(self, token: str) -> list[str]:
        """The first character, if a word begins so, and others with `##`."""
        text = token.removeprefix(PREFIX)
        first = [] if text != token else [text[0]]
        return [*first, *(PREFIX + char for char in text[len(first) :])]

    def spelled(self, alphabet: Alphabet) -> list[str]:
        """With a space before what begins a word, and nothing before what goes on."""
        begins = (" " + char for char in alphabet.characters)
        return [*self.specials, *begins, *alphabet.going_on]

    def barred(self, blocked: str) -> str:
        """A word that is blocked begins; one with `##` goes on."""
        if len(blocked) > 2 and blocked[0] == blocked[-1] == "*":
            return blocked
        return blocked[2:] if len(blocked) > 2 and blocked.startswith(PREFIX) else " " + blocked

    def first(self, alphabet: Alphabet) -> list[str]:
        """All tokens before pieces."""
        return [*self.specials, *alphabet.characters, *(PREFIX + char for char in alphabet.going_on)]

    def joined(self, left: str, right: str) -> str:
        """What goes on has its prefix once."""
        return left + right.removeprefix(PREFIX)

    def vocabulary(self, alphabet: Alphabet, merges: Merges) -> Vocabulary:
        """The file of BERT; RecipeError where a special token is a token of the text."""
        tokens = self.tokens(alphabet, merges)
        vocab = {token: i for i, token in enumerate(tokens)}
        if len(vocab) < len(tokens):
            raise RecipeError("a special token is also a token of the text: choose one that does not occur")
        document: dict[str, Any] = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added_tokens(self.specials),
            "normalizer": {
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                "strip_accents": None,
                "lowercase": self.lowercase,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": None,
            "decoder": {"type": "WordPiece", "prefix": PREFIX, "cleanup": True},
            "model": {
                "type": "WordPiece",
                "unk_token": UNKNOWN,
                "continuing_subword_prefix": PREFIX,
                "max_input_chars_per_word": self.longest_word,
                "vocab": vocab,
            },
        }
        return Vocabulary.from_json(json.dumps(document, ensure_ascii=False).encode())


def learn_wordpiece(
    counts: WordCounts,
    target: Target,
    *,
    lowercase: bool = True,
    longest_word: int = 100,
    continuing: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Vocabulary:
    """Learn a vocabulary, of the tokens that `WordPieceFamily` says.

    Pieces are made in the order of WordPieceTrainer: the most frequent pair of them is the next one, of equals the one of
    smaller ids. Its ids of `##` characters are in no certain order; `continuing` is another order of these, for comparison.
    Raises RecipeError where the characters do not fit, or a special token is a token of the text.

    >>> import pyarrow as pa
    >>> words = WordCounts(words=pa.array([b"low", b" lower"], pa.large_binary()), counts=np.array([3, 2]))
    >>> learn_wordpiece(words, Target(size=12)).tokens[6:]
    (b'##e', b'##o', b'##r', b'##w', b'lo', b'low')
    """
    family = WordPieceFamily(target=target, lowercase=lowercase, longest_word=longest_word)
    alphabet = None
    if continuing is not None:
        found = family.alphabet(family.words(counts).letters())
        alphabet = Alphabet(characters=found.characters, going_on=tuple(continuing))
    return learn_characters(family, counts, alphabet=alphabet, progress=progress)
