"""Whether tokens are words and morphemes of a language, by a lexicon that is given.

%TR and %Pure are those of Bayram et al., "Tokenization Standards for Linguistic Integrity: Turkish as a Benchmark" (2025).
"""

import re
from collections.abc import Collection, Mapping

__all__ = ["lower", "morphology_facts"]

MARK = "\u2581"  # what SentencePiece writes for the space before a word
_DOTTED = {"tr", "az"}


def lower(text: str, language: str = "") -> str:
    r"""Lower case as the language has it: Turkish and Azerbaijani tell a dotted from a dotless I.

    The language is a tag as `tr` or `tr-TR`. An I with a combining dot above is a dotted one.

    >>> lower("IRMAK", "tr-TR") == "\u0131rmak", lower("IRMAK")
    (True, 'irmak')
    """
    if re.split("[-_]", language.lower())[0] in _DOTTED:
        text = text.replace("I\u0307", "i").replace("I", "\u0131").replace("\u0130", "i")
    return text.lower()


def morphology_facts(
    tokens: Mapping[bytes, int],
    *,
    words: Collection[str],
    roots: Collection[str],
    affixes: Collection[str],
    language: str = "",
) -> dict[str, float]:
    """Shares of a text's tokens, which are given with their counts, that the lexicon knows.

    `tr`: words, roots or affixes of the language; `pure`: a root or an affix, complete and not both. Each over all tokens
    and, as `tr_unique` and `pure_unique`, over distinct ones. White space at the ends and the mark of a word's beginning are
    taken off, and case is folded as the language has it; tokens of white space alone and tokens that are not whole UTF-8
    are counted, and known to no lexicon. `statistics.correlations` tells how such measures go with a score downstream.
    """
    known_roots = {lower(one, language) for one in roots}
    known_affixes = {lower(one, language) for one in affixes}
    known = {lower(one, language) for one in words} | known_roots | known_affixes
    pure_ones = known_roots ^ known_affixes
    total = valid = pure = valid_unique = pure_unique = unique = 0
    for token, count in tokens.items():
        if count <= 0:
            continue
        total += count
        unique += 1
        try:
            text = lower(token.decode().strip().lstrip(MARK), language)
        except UnicodeDecodeError:
            continue
        if text and text in known:
            valid += count
            valid_unique += 1
        if text and text in pure_ones:
            pure += count
            pure_unique += 1
    return {
        "tokens": total,
        "unique": unique,
        "tr": valid / max(1, total),
        "pure": pure / max(1, total),
        "tr_unique": valid_unique / max(1, unique),
        "pure_unique": pure_unique / max(1, unique),
    }
