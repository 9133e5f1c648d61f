"""A vocabulary of which nobody knows where in a text its tokens are."""

from pathlib import Path

import pyarrow as pa

from pairloom.operators import Vocabulary, count_words
from pairloom.operators.learners import LEARNERS, Target

__all__ = ["unplaced"]


def unplaced(path: Path) -> Vocabulary:
    """Roots, saved as a file."""
    roots = path.with_suffix(".txt")
    roots.write_text("a\nb\n", encoding="utf-8")
    learner = LEARNERS.get("roots")(roots=str(roots))
    target = Target(size=300, special_tokens=("<|endoftext|>",))
    made: Vocabulary = learner.learn(count_words(pa.array(["a b ab"]), learner.cutter(target)), target)
    made.save(path)
    return made
