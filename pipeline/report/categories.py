"""What a vocabulary was learned from, by text of kinds that it may have been: for vocabularies whose corpus is not at hand.

text of each kind ──cut as the vocabulary cuts──▶ word counts ──the first merges──▶ traces ──▶ a mixture of the kinds
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from pairloom.operators import Vocabulary, WordCounts, count_words, merge_counts
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.evaluate.mixture_inference import infer_mixture
from pairloom.operators.selection.order import document_keys
from pairloom.operators.text.normalize import normalize
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.phases import phase
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.sums import Records
from pairloom.pipeline.report.tasks import Found, InputTask, results
from pairloom.pipeline.report.text import UNIT_BYTES, below

__all__ = ["CategoryTask", "about_categories"]

MAX_RECORD_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryTask(InputTask):
    """Count the words of one unit of text; the shared value is the vocabulary, which says how they are cut.

    Documents are taken where the upper half of their hash is below `share` of all hashes.
    """

    what: ClassVar[str] = "category"

    share: float
    seed: int

    def need(self) -> int:
        """The text of a batch and the distinct words."""
        return 300_000_000 + 8 * self.input.bytes

    def run(self, vocabulary: Vocabulary) -> Found:
        """Read, cut, count."""
        counts: list[WordCounts] = []
        intake = Intake(self.input, MAX_RECORD_BYTES)
        for batch in intake.documents():
            texts = batch.content.filter(pa.array(below(document_keys(batch.content, self.seed), self.share)))
            with phase("count"):
                counts.append(count_words(normalize(texts, vocabulary.normalizer), vocabulary.pretokenizer))
        records = Records.of(intake)
        return Found(value=(merge_counts(counts), records), documents=records.read)


def about_categories(vocabulary: Vocabulary, options: Options, executor: Executor) -> dict[str, Any]:
    """The mixture of `options.categories` that the order of the vocabulary's first `options.merges` merges betrays.

    Raises RecipeError for a single category, for one without text, and for a vocabulary without merges; DataError where more
    records than `options.max_rejected` allows cannot be used.
    """
    if not options.categories:
        return {}
    if not len(vocabulary.model.merges):
        raise RecipeError(
            f"--against-text needs merges, and a vocabulary of the model {vocabulary.model.name!r} has none"
        )
    if len(options.categories) < 2:
        raise RecipeError(
            f"a mixture has at least two kinds of text, and --against-text names only {next(iter(options.categories))!r}"
        )
    counts = _count(vocabulary, options, executor)
    for name, (words, _) in counts.items():
        if not len(words):
            raise RecipeError(
                f"the text of {name!r} (--against-text) has no words: correct its paths or --field"
            )
    merges = min(options.merges, len(vocabulary.model.merges))
    with phase("learn"):
        found = infer_mixture(vocabulary, {name: words for name, (words, _) in counts.items()}, merges=merges)
    rows = [
        {
            "category": name,
            "share": found.shares[name],
            "records": records.read,
            "rejected": records.rejected.total(),
            "bytes": words.bytes,
        }
        for name, (words, records) in counts.items()
    ]
    return {
        "categories": {
            "rows": rows,
            "merges": merges,
            "loss": found.loss,
            "settled": found.settled,
            "constraints": found.constraints,
        }
    }


def _count(
    vocabulary: Vocabulary, options: Options, executor: Executor
) -> Mapping[str, tuple[WordCounts, Records]]:
    """The words of each category, and the records that were read for them."""
    tasks: list[CategoryTask] = []
    for source in options.categories.values():
        units = list(plan_units(source, list_inputs(source), UNIT_BYTES))
        total = sum(unit.bytes for unit in units)
        share = 1.0 if options.sample_bytes is None else min(1.0, options.sample_bytes / max(1, total))
        tasks += [
            CategoryTask(input=unit, number=len(tasks) + i, share=share, seed=options.seed)
            for i, unit in enumerate(units)
        ]
    parts: dict[str, list[WordCounts]] = {name: [] for name in options.categories}
    records = {name: Records() for name in options.categories}
    for place, (counts, read) in results(
        "categories",
        tasks,
        sizes=[task.input.bytes for task in tasks],
        executor=executor,
        observe=options.observe,
        shared=vocabulary,
    ):
        parts[tasks[place].input.source].append(counts)
        records[tasks[place].input.source].add(read)
    for name, of_kind in records.items():
        try:
            of_kind.check(options.max_rejected)
        except DataError as error:
            raise DataError(f"--against-text {name}: {error}") from error
    return {name: (merge_counts(parts[name]), records[name]) for name in options.categories}
