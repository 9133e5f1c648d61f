"""Whether tokens end where morphemes end, by a segmentation of words that is given.

Arnett and Bergen, "Why do language models perform worse for morphologically complex languages?" (2025), score boundaries in
words that are several tokens; here that is `score`, besides recall and precision over all words.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from pairloom.operators.evaluate.placed import places_of
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["morpheme_alignment"]


def morpheme_alignment(vocabulary: Vocabulary, words: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Boundaries of tokens beside those of morphemes inside words, each word after a space, as in running text.

    `words` are the morphemes of each word, which together spell it; words of one morpheme count too. `recall`: the share
    of the morphemes' boundaries that are the tokens'; `precision`: of the tokens' that are the morphemes'; `aligned`: of
    the words all of whose morphemes' boundaries are the tokens'; `whole`: of the words that are one token. `score`: over
    words of several tokens and several morphemes (`scored`), the mean share of their boundaries that are found. Raises
    ValueError where morphemes do not spell their word.
    """
    for word, morphemes in words.items():
        if "".join(morphemes) != word or not all(morphemes):
            raise ValueError(f"{' '.join(morphemes)!r} does not spell {word!r}")
    found_places = places_of(vocabulary, [f" {word}" for word in words])
    wanted_all = found_all = common_all = aligned = whole = 0
    scores = []
    for morphemes, found in zip(words.values(), found_places, strict=True):
        sizes = [len(morpheme.encode()) for morpheme in morphemes]
        wanted = set(accumulate(sizes[:-1]))
        # The space is one byte, and no part of the word.
        cuts = {end - 1 for _, end in found[:-1]} - {-1, 0, sum(sizes)}
        common = len(wanted & cuts)
        wanted_all, found_all, common_all = (
            wanted_all + len(wanted),
            found_all + len(cuts),
            common_all + common,
        )
        aligned += common == len(wanted)
        whole += not cuts
        if wanted and cuts:
            scores.append(common / len(wanted))
    return {
        "words": len(words),
        "recall": common_all / max(1, wanted_all),
        "precision": common_all / max(1, found_all),
        "aligned": aligned / max(1, len(words)),
        "whole": whole / max(1, len(words)),
        "score": sum(scores) / max(1, len(scores)),
        "scored": len(scores),
    }
