"""A vocabulary for each language, learned from its own text, and the sizes at which the same content costs the same.

    units ──by language──▶ word counts, of all text and of what is parallel ──a task a language──▶ a vocabulary and its costs

The first merges of a vocabulary are those of any smaller one, so that one is learned for each language, of the largest size,
and what its parallel text takes is known at every size.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Pretokenizer, Vocabulary, WordCounts, count_words, learn_bpe, merge_counts
from pairloom.operators.evaluate.curve import merge_steps
from pairloom.operators.evaluate.premium import STEP, equal_costs, fit_sizes
from pairloom.operators.evaluate.word_tally import tally_words
from pairloom.operators.selection.order import document_keys
from pairloom.operators.text.normalize import normalize
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.phases import phase
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.sizes import spaced_sizes
from pairloom.pipeline.report.tasks import Found, InputTask, results
from pairloom.pipeline.report.text import as_strings, below

__all__ = ["LanguageTask", "OwnTask", "own_vocabularies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageTask(InputTask):
    """Count the words of one unit by language: of all its text, and of the documents that have a key.

    Documents are taken where the upper half of a hash of the text is below `share` of all hashes.
    """

    what: ClassVar[str] = "language"

    share: float
    seed: int
    languages: tuple[str, ...]
    language: str
    key: str
    pretokenizer: Pretokenizer
    normalizer: str
    max_record_bytes: int

    def need(self) -> int:
        """The text of a batch and the distinct words."""
        return 300_000_000 + 8 * self.input.bytes

    def run(self, shared: object) -> Found:
        """Read, group, count: {language: (words of all text, words of parallel text)}."""
        found: dict[str, tuple[list[WordCounts], list[WordCounts]]] = {}
        documents = 0
        for name, texts, parallel in self._documents():
            documents += len(texts)
            everything, of_parallel = found.setdefault(name, ([], []))
            with phase("count"):
                counted, rest = (self._count(texts.filter(mask)) for mask in (parallel, pc.invert(parallel)))
            everything += [counted, rest]
            of_parallel.append(counted)
        value = {name: tuple(merge_counts(parts) for parts in both) for name, both in found.items()}
        return Found(value=value, documents=documents)

    def _documents(self) -> Iterator[tuple[str, pa.LargeStringArray, pa.BooleanArray]]:
        for batch in Intake(self.input.also(self.language, self.key), self.max_record_bytes).documents():
            names, keys = as_strings(batch, self.language), as_strings(batch, self.key)
            taken = pa.array(below(document_keys(batch.content, self.seed), self.share))
            for name in self.languages:
                mask = pc.and_(pc.fill_null(pc.equal(names, name), False), taken)
                if pc.any(mask).as_py():
                    yield name, batch.content.filter(mask), keys.filter(mask).is_valid()

    def _count(self, texts: pa.LargeStringArray) -> WordCounts:
        return count_words(normalize(texts, self.normalizer), self.pretokenizer)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTask:
    """Learn one language's vocabulary, and what its parallel words take at sizes up to the whole."""

    language: str
    words: WordCounts
    parallel: WordCounts
    size: int
    pretokenizer: Pretokenizer
    normalizer: str
    step = "report"

    @property
    def unit(self) -> str:
        """The language."""
        return f"own {self.language}"

    @property
    def label(self) -> str:
        """The language."""
        return self.language

    def need(self) -> int:
        """The words while they are learned from."""
        return 300_000_000 + 40 * int(self.words.words.nbytes)

    def run(self, shared: object) -> Found:
        """Learn, encode: [(size, tokens), ...], none where a size is asked for that no merges are left for."""
        with phase("learn"):
            vocabulary = learn_bpe(
                self.words, self.size, pretokenizer=self.pretokenizer, normalizer=self.normalizer
            )
        with phase("encode"):
            steps = merge_steps(vocabulary, tally_words(vocabulary, self.parallel).token_counts)
        if steps is None:
            return Found(value=[])
        first = int(steps.sizes[0])
        sizes = spaced_sizes(first, int(steps.sizes[-1]), STEP)
        return Found(value=list(zip(sizes.tolist(), steps.tokens[sizes - first].tolist(), strict=True)))


def own_vocabularies(
    units: Sequence[Unit],
    vocabulary: Vocabulary,
    premiums: Mapping[str, Any],
    options: Options,
    executor: Executor,
    max_record_bytes: int,
) -> dict[str, Any]:
    """A row for each language of the premiums: its costs with vocabularies of its own, and the size that makes them equal.

    `premium` is what its own vocabulary of the largest size costs, relative to the reference's. Languages whose text has
    merges for fewer than 4 sizes are left out; nothing where there are not two. `test` is whether costs at the sizes chosen
    vary less than at the largest size for all.
    """
    assert options.by is not None
    assert options.parallel is not None
    assert options.own is not None
    sizes_of = {str(row["language"]): row for row in premiums["rows"]}
    pretokenizer, normalizer = vocabulary.pretokenizer, vocabulary.normalizer
    total = max(1, sum(unit.bytes for unit in units))
    tasks = [
        LanguageTask(
            input=unit,
            number=number,
            share=1.0 if options.sample_bytes is None else min(1.0, options.sample_bytes / total),
            seed=options.seed,
            languages=tuple(sizes_of),
            language=options.by,
            key=options.parallel,
            max_record_bytes=max_record_bytes,
            pretokenizer=pretokenizer,
            normalizer=normalizer,
        )
        for number, unit in enumerate(units)
    ]
    parts: dict[str, tuple[list[WordCounts], list[WordCounts]]] = {name: ([], []) for name in sizes_of}
    for _, found in results(
        "languages",
        tasks,
        sizes=[unit.bytes for unit in units],
        executor=executor,
        observe=options.observe,
    ):
        for name, both in found.items():
            for part, counts in zip(parts[name], both, strict=True):
                part.append(counts)
    learned = [
        OwnTask(
            language=name,
            words=merge_counts(everything),
            parallel=merge_counts(of_parallel),
            size=options.own,
            pretokenizer=pretokenizer,
            normalizer=normalizer,
        )
        for name, (everything, of_parallel) in parts.items()
    ]
    curves: dict[str, list[tuple[int, float]]] = {}
    for place, points in results(
        "own",
        learned,
        sizes=[int(task.words.words.nbytes) for task in learned],
        executor=executor,
        observe=options.observe,
    ):
        if len(points) < 4:
            continue
        task = learned[place]
        # Costs are those of the content that every language has.
        row = sizes_of[task.language]
        scale = row["tokens"] * row["bytes_per_token"] / max(1, task.parallel.bytes)
        curves[task.language] = [(size, tokens * scale) for size, tokens in points]
    return _compared(dict(sorted(curves.items())), str(premiums["reference"]))


def _compared(curves: Mapping[str, list[tuple[int, float]]], reference: str) -> dict[str, Any]:
    if len(curves) < 2:
        return {}
    fits = {name: fit_sizes(*zip(*points, strict=True)) for name, points in curves.items()}
    largest = {name: points[-1][1] for name, points in curves.items()}
    found = equal_costs(fits, largest, lambda name, size: fits[name].tokens(size))
    base = largest.get(reference)
    rows = [
        {
            "language": name,
            "largest": points[-1][0],
            "tokens": points[-1][1],
            "premium": None if base is None else points[-1][1] / base,
            "equal": found["sizes"][name],
            "points": points,
            "rmse": fits[name].rmse / float(np.mean([tokens for _, tokens in points])),
        }
        for name, points in curves.items()
    ]
    return {"own": {"rows": rows, "target": found["tokens"], "test": found["test"]}}
