"""Tokens beside the words and morphemes of languages, by lexicons and segmentations that the options bring."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.alignment import morpheme_alignment
from pairloom.operators.evaluate.morphology import morphology_facts
from pairloom.operators.evaluate.placed import is_placed
from pairloom.operators.evaluate.surfaces import surface
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.sums import TextSums

__all__ = ["about_morphology"]


def about_morphology(
    tokenizers: Mapping[str, Vocabulary], text: TextSums | None, options: Options
) -> dict[str, Any]:
    """%TR and %Pure of the kept text of each lexicon's language, and boundaries inside the words of each segmentation.

    The language of a lexicon is a group of that name where there are groups by a field; otherwise all the text is taken
    for text of it. Raises RecipeError where there is no such group, or no text.
    """
    lexicons = []
    for language, lexicon in options.lexicons.items():
        texts = _texts(text, language, options)
        for name, one in tokenizers.items():
            counts = np.bincount(one.encode(texts).values.to_numpy(), minlength=len(one))
            tokens: dict[bytes, int] = {}
            for i in np.flatnonzero(counts).tolist():
                token = surface(one, i)
                tokens[token] = tokens.get(token, 0) + int(counts[i])
            facts = morphology_facts(
                tokens, words=lexicon.words, roots=lexicon.roots, affixes=lexicon.affixes, language=language
            )
            lexicons.append({"language": language, "tokenizer": name, "bytes": texts.nbytes} | facts)
    segmentations = [
        {"language": language, "tokenizer": name} | morpheme_alignment(one, words)
        for language, words in options.segmentations.items()
        for name, one in tokenizers.items()
        if is_placed(one)
    ]
    if not lexicons and not segmentations:
        return {}
    return {"morphology": {"lexicons": lexicons, "segmentations": segmentations}}


def _texts(text: TextSums | None, language: str, options: Options) -> pa.LargeStringArray:
    groups = {} if text is None else text.groups
    if options.by is None:
        kept = [group.texts for group in groups.values()]
    else:
        kept = [groups[language].texts] if language in groups else []
    texts = pa.concat_arrays([pa.array([], pa.large_string()), *kept])
    if not len(texts):
        known = f"; --by {options.by} has {', '.join(groups)}" if options.by is not None else ""
        raise RecipeError(f"there is no text to look for the lexicon {language!r} in{known}")
    return texts
