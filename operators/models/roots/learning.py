"""The merges of a vocabulary of roots, learned from what roots and affixes leave of the words."""

from collections import Counter

import numpy as np
import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Progress, Target
from pairloom.operators.models.bpe.assembling import check_options
from pairloom.operators.models.bpe.learning import learn_bpe
from pairloom.operators.models.roots.lexicon import RootLexicon
from pairloom.operators.models.roots.model import Roots, layout_tokens
from pairloom.operators.models.roots.spelling import MARKS, Speller
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["learn_roots", "residues"]


def learn_roots(
    counts: WordCounts, target: Target, lexicon: RootLexicon, *, progress: Progress | None = None
) -> Vocabulary:
    """A vocabulary of a lexicon: special tokens, marks, roots, affixes, the 256 bytes, and merges of the rest of the words.

    Raises RecipeError where the lexicon does not fit, or a special token is a mark.

    >>> from pairloom.operators.counts import count_words
    >>> lexicon = RootLexicon.of(["ev"], ["lar@vowel=back ler"], {"classes": {"vowel": "ae", "back": "a"}})
    >>> words = count_words(pa.array(["ev Evler"]), Pretokenizer(scheme="whitespace"))
    >>> vocabulary = learn_roots(words, Target(size=300), lexicon)
    >>> [vocabulary.tokens[i] for i in vocabulary.encode_one("Evler")]
    [b'<uppercase>', b'ev', b'ler']
    >>> vocabulary.decode(vocabulary.encode_one("evler Evlar"))
    b'evler Evlar'
    """
    specials = check_options(target.size, target.special_tokens)
    room = target.size - len(specials) - len(MARKS) - len(lexicon.lines)
    if room < 256:
        raise RecipeError(
            f"size must be at least {target.size - room + 256}: {len(lexicon.lines)} roots and affixes, {len(MARKS)} marks, 256 "
            f"bytes and {len(specials)} special tokens"
        )
    if both := [token for token in specials if token in MARKS]:
        raise RecipeError(f"the special token {both[0]!r} is a mark of this family too: choose another name")
    merges = learn_bpe(
        residues(counts, lexicon), room, min_count=target.min_count, progress=progress
    ).model.merges
    model = Roots(lexicon=lexicon, fallback=merges, start=len(specials))
    return Vocabulary(
        tokens=[*(token.encode() for token in specials), *layout_tokens(lexicon, merges)],
        model=model,
        special_tokens=specials,
        special_ids=tuple(range(len(specials))),
        pretokenizer=Pretokenizer(scheme="whitespace"),
        normalizer=target.normalizer,
    )


def residues(counts: WordCounts, lexicon: RootLexicon) -> WordCounts:
    """The texts of words that are neither root nor affix, and how often each occurs."""
    speller = Speller(lexicon)
    found: Counter[bytes] = Counter()
    for word, count in zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True):
        for item in speller.items(word.decode()):
            if isinstance(item, str):
                found[item.encode()] += count
    ordered = sorted(found)
    return WordCounts(
        words=pa.array(ordered, pa.large_binary()), counts=np.array([found[one] for one in ordered], np.int64)
    )
