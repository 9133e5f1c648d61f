"""What a report is asked to look at, and where the work is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pairloom.operators import Vocabulary
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.flow.events import Event
from pairloom.pipeline.flow.run import executor_of
from pairloom.pipeline.recipe import CorpusSource, Execution

__all__ = ["SEQ_LENS", "Lexicon", "Options"]

SEQ_LENS = (512, 1024, 2048, 4096, 8192, 16384, 32768)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """Forms of a language: whole words, roots, and affixes; a form may be several of these."""

    words: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()
    affixes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to look at besides what is there anyway.

    `against` are other tokenizers by name, `by` a field whose values are reported apart; where they are languages,
    `parallel` is a field that the translations of a document share, and `reference` the language that token premiums are
    relative to; `own` is the size up to which each of these languages gets a vocabulary of its own. `sample_bytes` and
    `seed` choose a sample of the text; without the first, all of it is read. `alpha` is the order of Rényi's entropy,
    `threshold` the count below which a token is rare. `lexicons` are forms by language, and `segmentations` words by language
    with their morphemes, which tokens are looked up in and aligned with. `categories` are kinds of text by name, whose
    mixture the order of the first `merges` merges betrays.

    Tasks run in `executor`, if there is one, or else where the root's recipe says, and for a vocabulary in this process;
    `engine` (auto, ray or local) says otherwise. `max_rejected` is the share of the records of a text that may be unusable; of a
    root the recipe says it. `observe` is told how far they are.
    """

    against: Mapping[str, Vocabulary]
    by: str | None = None
    parallel: str | None = None
    reference: str = "en"
    own: int | None = None
    sample_bytes: int | None = None
    seed: int = 0
    alpha: float = 2.5
    threshold: int | None = None
    seq_lens: tuple[int, ...] = SEQ_LENS
    lexicons: Mapping[str, Lexicon] = field(default_factory=dict)
    segmentations: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    categories: Mapping[str, CorpusSource] = field(default_factory=dict)
    merges: int = 3000
    max_rejected: float = 0.0
    engine: Literal["auto", "ray", "local"] | None = None
    executor: Executor | None = None
    observe: Callable[[Event], None] = lambda _: None

    def place(self, execution: Execution) -> Executor:
        """Where the tasks run, if `execution` is what a recipe says."""
        engine = self.engine or execution.engine
        return self.executor or executor_of(
            execution.model_copy(update={"engine": engine}), observe=self.observe
        )
