"""Learning what roots and affixes of a language leave."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Learner, Progress, Target
from pairloom.operators.speeds import Encoding
from pairloom.operators.steps import step_identity
from pairloom.operators.text.pretokenize import Pretokenizer

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.models.roots.lexicon import RootLexicon
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["RootsLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RootsLearner(Learner):
    """Roots and affixes of files as tokens, each with all its forms, and byte-level BPE for what these leave.

    `roots` and `affixes` have a token on each line, as its forms; `rules` is JSON with the classes of letters by which a form is
    chosen (`pairloom.operators.models.roots.lexicon` says how). A word of which a form is another than the rules choose is
    spelled by bytes and merges, so that decoding gives every text back.
    """

    name = "roots"
    kernels = ("encode.kernels:runs", "models.roots.kernels")
    encoding = Encoding(first=75, later=550, bytes_per_token=2.2)
    cuts = True
    first_tokens = 256 + 3
    first_words = "256 bytes, 3 marks"

    roots: str
    affixes: str = ""
    rules: str = ""

    def __post_init__(self) -> None:
        if not self.roots:
            raise ValueError("roots must be a file with a root on each line")

    @property
    def identity(self) -> Any:
        """The keys, and what the files hold; raises RecipeError for what is no lexicon."""
        self._lexicon()
        files = (self.roots, self.affixes, self.rules)
        hashes = [hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else "" for path in files]
        return step_identity(self) | {"keys": {}, "files": hashes}

    def check(self, target: Target) -> None:
        """Raise ValueError where roots and affixes do not fit; of files that are not there, a plan says so."""
        Learner.check(self, target)
        try:
            count = len(self._lexicon().lines)
        except RecipeError:
            return
        least = self.first_tokens + count + len(target.special_tokens)
        if target.size < least:
            raise ValueError(
                f"size must be at least {least}: {count} roots and affixes, {self.first_words} and "
                f"{len(target.special_tokens)} special tokens"
            )

    def cutter(self, target: Target) -> Pretokenizer:
        """Words begin with a space, if with any."""
        return Pretokenizer(scheme="whitespace")

    def need(self, words: int) -> int:
        """The words, as texts, and what is left of them."""
        return 600_000_000 + 60 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_roots`."""
        from pairloom.operators.models.roots.learning import learn_roots

        return learn_roots(counts, target, self._lexicon(), progress=progress)

    def _lexicon(self) -> "RootLexicon":
        from pairloom.operators.models.roots.lexicon import read_lexicon

        return read_lexicon(self.roots, self.affixes, self.rules)
