"""A trial: the whole path on a share of the documents, and what the whole corpus will give and take.

    recipe ── the step `sample` first in every source, a root beside its own ──▶ run ──▶ ledgers, lengths, seconds ──▶ foretold

Every record is read, so that what is wrong with records, what `where` leaves out and how many documents there are is known
exactly. What is made of documents is estimated from those that were chosen.

The estimate of a source's tokens is a ratio: bytes of text there are, times tokens of a chosen byte. Documents are chosen one by
one with the same chance p, equal ones together, so that its variance is that of Poisson sampling, linearized (Särndal, Swensson
and Wretman, "Model Assisted Survey Sampling", 1992, section 5.7): the sum, over the distinct documents chosen, of (1 - p) / p^2
times the square of what their tokens differ by from what is usual for so many bytes.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import sqrt
from typing import TYPE_CHECKING

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.flow.events import Event, UnitDone
from pairloom.pipeline.recipe.amounts import RATIO

if TYPE_CHECKING:
    from pairloom.pipeline.recipe import CorpusSource, Recipe
    from pairloom.pipeline.store.manifest import Manifest, SourceRecord
    from pairloom.pipeline.store.objects import Objects
    from pairloom.pipeline.store.receipts import Ledger

__all__ = ["Foretold", "Spent", "foretell", "read_share", "trial_recipe"]

STEP = "sample"
NORMAL = 1.96  # standard errors on either side, in which an estimate lies in 95 of 100 trials
WORKED = 20.0  # seconds of workers from which on their time says something
FEW = 30  # distinct documents, below which that is not to be relied on
# Reasons for which documents are rejected when they were chosen already, and no longer when they are read.
_AFTER = ("spans_invalid", "nothing_trained", "special_token_in_text", "step_failed")
# What is done for every record, chosen or not, so that the whole run takes no longer for it; and what is done once a task.
_ALREADY = {"count": ("read", "parse", "other"), "tokenize": ("read", "parse", "other")}
HEAPS = 0.62  # the words of a text grow with this power of its length
_WORDS = ("merge", "combine", "learn")


def read_share(text: str) -> Fraction:
    """A share as people write it; raises RecipeError for any other text.

    >>> read_share("0.1%"), read_share("1/50"), read_share("0.25")
    (Fraction(1, 1000), Fraction(1, 50), Fraction(1, 4))
    """
    number = text.strip().removesuffix("%").strip()
    try:
        share = Fraction(number.replace(" ", "")) if RATIO.match(number) else Fraction(0)
    except ZeroDivisionError:
        share = Fraction(0)
    share /= 100 if text.strip().endswith("%") else 1
    if not 0 < share <= 1:
        raise RecipeError(
            f"--sample {text!r} is no share of the documents: write for example 0.1%, 0.001 or 1/1000"
        )
    return share


def trial_recipe(recipe: "Recipe", share: Fraction) -> "Recipe":
    """The recipe of a trial: of each source a share of its documents, and of tokens that are asked for; a root of its own."""
    from pairloom.operators.documents.sample import Sample
    from pairloom.pipeline.recipe import check_recipe

    def less(tokens: int | None) -> int | None:
        return None if tokens is None else max(1, int(tokens * share))

    given = recipe.model_dump(by_alias=True)
    given["root"] = f"{recipe.root.rstrip('/')}-{STEP}-{float(share):g}"
    for source, one in zip(recipe.corpus, given["corpus"], strict=True):
        one["steps"] = [Sample(share=float(share)), *source.steps]
        one["tokens"] = less(source.tokens)
        one["allow_empty"] = True  # nothing may be chosen of it; `foretell` says what there is
    given["mixture"]["tokens"] = less(recipe.mixture.tokens)
    return check_recipe(given)


@dataclass(slots=True)
class Spent:
    """Seconds of workers, by step and phase, as the events of a run say."""

    seconds: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def worked(self) -> float:
        """Seconds of workers in all, what comes before the work left out."""
        return sum(sum(phases.values()) for step, phases in self.seconds.items() if step != "prepare")

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, UnitDone):
            self.seconds[event.step.split(" ")[0]].update(event.usage.seconds)

    def whole(self, times: float) -> float:
        """Seconds of workers for a corpus of which so many times the documents that were chosen are taken."""
        found = 0.0
        for step, phases in self.seconds.items():
            for phase, seconds in phases.items():
                if step == "prepare" or phase in _ALREADY.get(step, ()):
                    found += seconds
                else:
                    found += seconds * (times**HEAPS if step in _WORDS else times)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceForetold:
    """What the whole of a source will give. `documents`, `read`-time rejections and `where` are counted, the rest estimated.

    `chosen` documents were tokenized; `error` is the standard error of `tokens`, `distinct` how many documents it rests on.
    """

    name: str
    documents: int
    kept: int
    chosen: int
    chosen_from: int
    distinct: int
    tokens: int
    error: float
    delivered_tokens: int
    duplicate_tokens: int
    rejected: dict[str, int]
    filtered: dict[str, int]

    @property
    def width(self) -> float | None:
        """What the tokens differ by at most in 95 of 100 trials, the sample alone considered; None where it is too small."""
        return NORMAL * self.error if self.distinct >= FEW or not self.chosen_from else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What the whole run will give and take, by a trial.

    `seconds` are None where the trial itself had nothing to do, and `short` where its workers had too little to do to tell:
    what every task takes, however small, counts for too much then.
    """

    share: Fraction
    root: str
    sources: tuple[SourceForetold, ...]
    rows: Mapping[str, int]
    tokens: int
    seconds: float | None
    short: bool
    disk: int
    memory: int
    learned: bool

    @property
    def width(self) -> float | None:
        """What the tokens of all sources differ by at most in 95 of 100 trials; None where a source says too little."""
        widths = [one.width for one in self.sources]
        if None in widths:
            return None
        return sqrt(sum(one**2 for one in widths if one is not None))

    @property
    def says(self) -> list[str]:
        """How far all that is to be relied on, in words."""
        said = [f"{self.tokens:,} tokens in all"]
        if self.width is not None:
            said[0] += f", ± {self.width:,.0f} in 95 of 100 such trials, by what the sample leaves open"
        if self.learned:
            said.append(
                "the vocabulary was learned from the sample, and one of the whole corpus will differ: the smaller the sample, the "
                "more, some per cent of the tokens, which are no part of the ±"
            )
        few = [one.name for one in self.sources if one.width is None]
        if few:
            said.append(
                f"fewer than {FEW} different documents were chosen of {', '.join(few)}: take a larger --sample"
            )
        said.append(
            "exact are documents, what is wrong with records, and `where`; what steps leave out is less sure than tokens; time is "
            "what workers took here"
        )
        return said


def foretell(
    recipe: "Recipe",
    share: Fraction,
    manifest: "Manifest",
    objects: "Objects",
    *,
    spent: Spent | None,
    workers: int,
    memory: int,
) -> Foretold:
    """What a recipe will give and take, by the generation of its trial; `memory` is what the largest task of a plan needs."""
    from pairloom.pipeline.stages.tokenize.by_source import ledgers_by_source

    ledgers, made = ledgers_by_source(manifest, objects), _made(manifest, objects, recipe)
    packed = manifest.stages["pack"]
    records = {one.name: one for one in packed.sources}
    sources = [
        _source(one, ledgers[one.name], made[one.name], records.get(one.name), share) for one in recipe.corpus
    ]
    _check(recipe, sources)
    tokens, had = sum(one.tokens for one in sources), manifest.stages["tokenize"].ledger.tokens
    times = tokens / max(1, had)
    rows = {split: round(facts["rows"] * times) for split, facts in packed.splits.items()}
    return Foretold(
        share=share,
        root=objects.root,
        sources=tuple(sources),
        rows=rows,
        tokens=tokens,
        seconds=None if spent is None else spent.whole(times) / workers,
        short=spent is not None and spent.worked < WORKED,
        disk=_disk(manifest, times),
        memory=memory,
        learned="learn" in manifest.stages,
    )


def _check(recipe: "Recipe", sources: list[SourceForetold]) -> None:
    """Raise RecipeError where nothing can be foretold, or that the whole run ends with one."""
    for source, one in zip(recipe.corpus, sources, strict=True):
        if not one.chosen_from and not source.allow_empty:
            raise RecipeError(
                f"source {one.name!r} gives no text: of {one.documents:,} records {sum(one.rejected.values()):,} are rejected and "
                f"{sum(one.filtered.values()):,} left out, the others empty; correct the source, or set its allow_empty: true"
            )
    if not any(one.chosen for one in sources):
        there = sum(one.chosen_from for one in sources)
        raise RecipeError(f"none of the {there:,} documents was chosen: take a larger --sample")


def _source(
    source: "CorpusSource",
    ledger: "Ledger",
    made: "Mapping[bytes, _Made]",
    record: "SourceRecord | None",
    share: Fraction,
) -> SourceForetold:
    """What a source will give, by what became of its documents, and of those that were chosen."""
    there = Counter(ledger.sampled)
    chosen, of = there["documents"], there["of_documents"]
    filtered = Counter(ledger.filtered)
    filtered[STEP] -= of - chosen
    labels = tuple(step.label for step in source.steps)
    by_steps = {
        reason for reason in filtered if any(reason == one or reason.startswith(f"{one}: ") for one in labels)
    }
    documents, size = of / max(1, chosen), there["of_bytes"] / max(1, there["bytes"])
    tokens = round(ledger.tokens * size)
    distinct, error = _error(made, there, ledger, share)
    return SourceForetold(
        name=source.name,
        documents=ledger.documents_in,
        kept=round(ledger.documents_out * documents),
        chosen=chosen,
        chosen_from=of,
        distinct=distinct,
        tokens=tokens,
        error=error,
        delivered_tokens=tokens if record is None else round(record.delivered_tokens * size),
        duplicate_tokens=0 if record is None else round(record.duplicate_tokens * size),
        rejected={
            reason: round(count * documents) if reason in _AFTER else count
            for reason, count in ledger.rejected.items()
        },
        filtered={
            reason: round(count * documents) if reason in by_steps else count
            for reason, count in filtered.items()
            if count
        },
    )


@dataclass(slots=True)
class _Made:
    """Documents that are the same: how many, and the tokens and bytes of one."""

    copies: int
    tokens: int
    bytes: int


def _error(
    made: "Mapping[bytes, _Made]", there: Mapping[str, int], ledger: "Ledger", share: Fraction
) -> tuple[int, float]:
    """How many different documents were tokenized, and the standard error of the tokens of all there are.

    Of those that steps have left out only the bytes are known, all together: their lengths are taken to be spread as those of an
    exponential distribution, whose mean square is twice the square of its mean.
    """
    rate = ledger.tokens / max(1, there["bytes"])
    squares = sum((one.copies * (one.tokens - rate * one.bytes)) ** 2 for one in made.values())
    lost = there["documents"] - sum(one.copies for one in made.values())
    if lost > 0:
        gone = max(0, there["bytes"] - sum(one.copies * one.bytes for one in made.values()))
        squares += 2 * (rate * gone) ** 2 / lost
    p = float(share)
    return len(made), sqrt((1 - p) * squares) / p


def _made(manifest: "Manifest", objects: "Objects", recipe: "Recipe") -> dict[str, dict[bytes, _Made]]:
    """The documents that were tokenized, by source and digest. The size of given tokens is their number."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.schema import INPUT_IDS
    from pairloom.operators.selection.duplicates import digests
    from pairloom.operators.vocabulary import Vocabulary
    from pairloom.pipeline.store.files import read_batches, read_stored

    assert manifest.vocabulary is not None
    vocabulary = Vocabulary.from_json(read_stored(objects, manifest.vocabulary))
    special = set(vocabulary.special_ids)
    lengths = np.array([0 if i in special else len(token) for i, token in enumerate(vocabulary.tokens)])
    given = {source.name for source in recipe.corpus if source.giver is not None}
    tokenized = manifest.stages["tokenize"]
    found: dict[str, dict[bytes, _Made]] = defaultdict(dict)
    for source, stored in zip(tokenized.unit_sources, tokenized.files, strict=True):
        sizes = np.minimum(lengths, 1) if source in given else lengths
        for batch in read_batches(objects, stored):
            column = batch.column(INPUT_IDS)
            lists = column.cast(pa.large_list(column.type.value_type))
            edges = lists.offsets.to_numpy()
            before = np.concatenate([[0], np.cumsum(sizes[lists.values.to_numpy()])])
            whole = zip(digests(lists), np.diff(edges).tolist(), np.diff(before[edges]).tolist(), strict=True)
            for digest, tokens, size in whole:
                one = found[source].setdefault(digest.tobytes(), _Made(0, tokens, size))
                one.copies += 1
    return found


def _disk(manifest: "Manifest", times: float) -> int:
    """Bytes below the root of the whole run."""
    found = float(0 if manifest.vocabulary is None else manifest.vocabulary.bytes)
    for name, record in manifest.stages.items():
        size = sum(file.bytes for file in record.stored)
        found += size * (1 if name == "learn" else times**HEAPS if name == "count" else times)
    return round(found)
