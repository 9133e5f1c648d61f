"""Documents with words of a list, found by one regular expression of all of them, in linear time."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._step import Entries
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.documents._words import draws
from pairloom.operators.documents.bad_words import BadWords
from pairloom.operators.errors import RecipeError
from pairloom.operators.steps import in_53rds

__all__ = ["FoundWords"]

_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundWords(StepWithLists):
    """The step `bad_words`, and the expression of its words."""

    name = "found_words"

    step: BadWords
    pattern: str

    @staticmethod
    def of(step: BadWords, entries: Entries) -> "FoundWords":
        """The step with what is in its list. Raises RecipeError for more words than one expression takes."""
        words = sorted(
            {word for word in ([] if entries.names is None else entries.names.to_pylist()) if word}
        )
        some = "|".join(_SPECIAL.sub(r"\\\1", word) for word in words)
        beside = r"[^\p{L}\p{N}_]"
        pattern = f"(?i)(?:^|{beside})(?:{some})(?:{beside}|$)" if step.whole else f"(?i)(?:{some})"
        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except pa.ArrowInvalid as error:
            raise RecipeError(
                f"the step {step.label}: {len(words):,} words are more than one regular expression takes "
                f"({str(error).splitlines()[0][:200]}); use a shorter list"
            ) from error
        return FoundWords(step=step, pattern=pattern if words else "")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents without such words, and the share of the others that stays."""
        if not self.pattern:
            return batch
        found = pc.match_substring_regex(batch.content, self.pattern).to_numpy(zero_copy_only=False).copy()
        if self.step.keep:
            for i in map(int, np.flatnonzero(found)):
                (drawn,) = draws(self.step.seed, self.step.name, batch.content[i].as_py(), 1)
                found[i] = drawn >> np.uint64(11) >= in_53rds(self.step.keep)
        return batch.drop(found, "has a word of the list")
