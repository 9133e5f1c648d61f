"""Learning which characters are tokens: a vocabulary of characters alone, with bytes or one token for all others."""

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Allocate, Target
from pairloom.operators.models.bpe.character_families import Merges
from pairloom.operators.models.bpe.characters import Alphabet, CharacterWords, Letters, counted_texts
from pairloom.operators.models.character_bpe.learning import UNKNOWN, CharacterBPEFamily, added_tokens
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["CharactersFamily", "learn_single_characters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CharactersFamily(CharacterBPEFamily):
    """Special tokens and `<unk>`, 256 bytes with `byte_fallback`, characters ascending: those that are `coverage` of the text."""

    coverage: Fraction = Fraction(1)

    @property
    def reserved(self) -> list[str]:
        """Nothing: there are no merges."""
        return []

    def words(self, counts: WordCounts, empty: Allocate = np.empty) -> CharacterWords:
        """The words as they are."""
        return CharacterWords.of((word for word, _ in counted_texts(counts)), counts.counts, empty)

    def alphabet(self, letters: Letters) -> Alphabet:
        """The most frequent characters, of equals the lower ones, as many as there is room for; `initial_alphabet` in any case."""
        kept = {*"".join(self.target.shape.initial_alphabet)}
        weights = letters.weights
        ranked = sorted(weights, key=lambda char: (char not in kept, -weights[char], char))
        room = self.target.size - len(self.specials)
        limit = self.target.shape.limit_alphabet
        room = room if limit is None else min(room, max(limit, len(kept)))
        wanted, there = self.coverage * sum(weights.values()), sum(weights.get(char, 0) for char in kept)
        chosen = set(kept)
        for char in ranked[:room]:
            if char in kept:
                continue
            if there >= wanted:
                break
            chosen.add(char)
            there += weights[char]
        if len(chosen) > room:
            raise RecipeError(
                f"initial_alphabet has {len(chosen)} characters, and there is room for {room}: raise size"
            )
        if same := sorted({*self.specials} & chosen):
            raise RecipeError(
                f"special token {same[0]!r} is also a character of the text: choose one that is not"
            )
        return Alphabet(characters=tuple(sorted(chosen)))

    def room(self, alphabet: Alphabet) -> int:
        """No merges."""
        return 0

    def spelled(self, alphabet: Alphabet) -> list[str]:
        """All tokens."""
        return self.first(alphabet)

    def vocabulary(self, alphabet: Alphabet, merges: Merges) -> Vocabulary:
        """The file: a BPE over characters without merges, which does nothing to text."""
        model: dict[str, Any] = {
            "type": "BPE",
            "dropout": None,
            "unk_token": UNKNOWN,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": self.byte_fallback,
            "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(self.first(alphabet))},
            "merges": [],
        }
        normalizer = self.target.normalizer
        special = list(dict.fromkeys((*self.target.special_tokens, UNKNOWN)))
        document = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added_tokens(special),
            "normalizer": None if normalizer == "none" else {"type": normalizer.upper()},
            "pre_tokenizer": None,
            "post_processor": None,
            "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
            "model": model,
        }
        return Vocabulary.from_json(json.dumps(document, ensure_ascii=False).encode())


def learn_single_characters(
    counts: WordCounts, target: Target, *, coverage: float = 1.0, byte_fallback: bool = True
) -> Vocabulary:
    r"""A vocabulary of characters: the most frequent ones that together are `coverage` of the text, up to the size of the target.

    >>> import pyarrow as pa
    >>> from pairloom.operators.counts import count_words
    >>> from pairloom.operators.text.pretokenize import Pretokenizer
    >>> words = count_words(pa.array(["abba c"]), Pretokenizer(scheme="whitespace"))
    >>> found = learn_single_characters(words, Target(size=4), byte_fallback=False)
    >>> found.tokens[:], found.encode_one("ab cc").tolist()
    ((b'<unk>', b' ', b'a', b'b'), [2, 3, 1, 0])
    """
    family = CharactersFamily(target=target, byte_fallback=byte_fallback, coverage=Fraction(str(coverage)))
    return family.vocabulary(family.alphabet(family.words(counts).letters()), ())
