"""The words of text that is named: for how often tokens occur, and how many a word has."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Vocabulary, WordCounts, count_words, merge_counts
from pairloom.operators.errors import DataError
from pairloom.operators.evaluate.word_tally import tally_words
from pairloom.operators.text.normalize import normalize
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

__all__ = ["texts_of", "token_counts", "words_of_text"]

_MOST_BYTES = 1 << 30  # of a record
_HELD = 64  # counts that are merged at a time


def texts_of(paths: Sequence[str], text: str) -> Iterator[pa.LargeStringArray]:
    """The documents of files, batch by batch; `text` is the field of records that has them.

    Raises DataError where a record cannot be used.
    """
    source = CorpusSource(name="text", paths=tuple(paths), text=text)
    for unit in plan_units(source, list_inputs(source), None):
        intake = Intake(unit, _MOST_BYTES)
        for batch in intake.documents():
            yield batch.content
        if letters := intake.examples(1):
            one = letters[0]
            raise DataError(
                f"{one.uri}, {one.position}: {one.reason}: {one.detail}; correct it, or leave the file out"
            )


def words_of_text(paths: Sequence[str], text: str, vocabulary: Vocabulary) -> WordCounts:
    """How often each word of text occurs, cut as a vocabulary cuts it; `text` is the field of records that has it.

    Raises DataError where a record cannot be used, or where there is no text at all.
    """
    found: list[WordCounts] = []
    for batch in texts_of(paths, text):
        found.append(count_words(normalize(batch, vocabulary.normalizer), vocabulary.pretokenizer))
        if len(found) == _HELD:
            found = [merge_counts(found)]
    merged = merge_counts(found)
    if not len(merged):
        raise DataError(f"there is no text in {', '.join(paths)}; name files that have some")
    return merged


def token_counts(vocabulary: Vocabulary, words: WordCounts) -> npt.NDArray[np.int64]:
    """How often each token occurs in words that are cut as the vocabulary cuts them."""
    return tally_words(vocabulary, words).token_counts
