"""Word counts that are stored, as tasks: what every word costs in tokens, and what the merges do to each source's words.

Counts stand in partitions by a hash of the word, of the whole corpus and of each unit. So a task a partition encodes each
distinct word of the corpus once, and of each source once, and what the partitions give adds up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pairloom.operators import Vocabulary, WordCounts, merge_counts
from pairloom.operators.encode import Tokenizer, tokenizer_of
from pairloom.operators.evaluate.trace import Trace, add_traces, merge_trace
from pairloom.operators.evaluate.word_tally import WordTally, tally_words
from pairloom.pipeline.audit.expected import receipt_of
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.phases import phase
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.tasks import Found, results
from pairloom.pipeline.stages.count.files import read_words, words_of
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import Objects

__all__ = ["Counted", "CountsTask", "counted_role", "read_counts"]

MIXTURE_MERGES = 300


@dataclass(slots=True, kw_only=True)
class Counted:
    """What the words of a corpus are: tallies of all and of each source, and traces of the first merges over each source's.

    `traces` is empty where there is one source, and where the merges were learned from something else.
    """

    tally: WordTally
    sources: dict[str, WordTally] = field(default_factory=dict)
    traces: dict[str, Trace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """What the tasks share: the files of each source's units by role, and the tokenizer."""

    tokenizer: Tokenizer
    units: Mapping[str, tuple[Mapping[str, StoredFile], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsTask:
    """Encode the words of one partition: those of `merged` if given, and those of each source.

    Without `merged`, the words of all sources together are those of the corpus. `merges` are traced.
    """

    root: str
    part: int
    role: str
    merged: StoredFile | None
    merges: int
    expected_bytes: int
    step = "report"

    @property
    def unit(self) -> str:
        """The partition's number."""
        return f"counts {self.part}"

    @property
    def label(self) -> str:
        """The partition."""
        return f"partition {self.part} of the {self.role}"

    def need(self) -> int:
        """The partition's words, twice, and their symbols."""
        return 300_000_000 + 12 * self.expected_bytes

    def run(self, shared: _Files) -> Found:
        """Read, merge by source, encode, trace."""
        objects = open_objects(self.root)
        sources: dict[str, WordTally] = {}
        traces: dict[str, Trace] = {}
        everything: list[WordCounts] = []
        vocabulary, encoder = shared.tokenizer.vocabulary, shared.tokenizer.word_encoder()
        for name, units in shared.units.items():
            counts = self._read(objects, [files[self.role] for files in units])
            if self.merged is None:
                everything.append(counts)
            with phase("encode"):
                tally = tally_words(vocabulary, counts, encoder)
            sources[name] = tally
            if self.merges:
                words = (
                    counts
                    if self.role == "words"
                    else self._read(objects, [files["words"] for files in units])
                )
                with phase("count"):
                    traces[name] = merge_trace(vocabulary, words, self.merges)
        whole = merge_counts(everything) if self.merged is None else read_words(objects, self.merged)
        with phase("encode"):
            tally = tally_words(vocabulary, whole, encoder)
        return Found(value=Counted(tally=tally, sources=sources, traces=traces))

    def _read(self, objects: Objects, files: list[StoredFile]) -> WordCounts:
        with phase("read"):
            return merge_counts(_part(objects, file, self.part) for file in files)


def read_counts(
    dataset: Dataset,
    recipe: Recipe,
    vocabulary: Vocabulary,
    owners: Mapping[str, str] | None,
    options: Options,
    executor: Executor,
) -> Counted:
    """The whole corpus's tally, and each source's if there are several and `owners` knows whose each input is.

    The tally of all is of every word as often as it occurs, whatever the weights of the sources in learning.
    """
    record = dataset.manifest.stage("count")
    role = counted_role(recipe) or "words"
    merged = [file for file in record.files if file.role == role]
    weighted = len(set(recipe.count_weights().values())) > 1
    several = len(recipe.corpus) > 1
    units = _units_of_sources(dataset, record.units, owners or {}) if several else {}
    known = bool(units)
    if weighted and not known:
        files = [receipt_of(dataset, "count", unit).files for unit in record.units]
        units = {"": tuple({file.role: file for file in one} for one in files)}
    learned = "learn" in dataset.manifest.stages and recipe.vocabulary.extend is None
    out = Counted(tally=WordTally.empty(len(vocabulary)))
    tasks = [
        CountsTask(
            root=dataset.objects.root,
            part=part,
            role=role,
            merged=None if weighted else file,
            merges=min(MIXTURE_MERGES, len(vocabulary.model.merges)) if learned and known else 0,
            expected_bytes=file.bytes,
        )
        for part, file in enumerate(merged)
    ]
    traces: dict[str, list[Trace]] = {}
    for _, one in results(
        "counts",
        tasks,
        sizes=[file.bytes for file in merged],
        executor=executor,
        observe=options.observe,
        shared=_Files(tokenizer=tokenizer_of(vocabulary).prepared(), units=units),
    ):
        out.tally = out.tally + one.tally
        for name, tally in one.sources.items() if known else ():
            out.sources[name] = out.sources[name] + tally if name in out.sources else tally
        for name, trace in one.traces.items():
            traces.setdefault(name, []).append(trace)
    if not several:
        out.sources = {recipe.corpus[0].name: out.tally}
    out.sources = dict(sorted(out.sources.items()))
    out.traces = {name: add_traces(parts) for name, parts in sorted(traces.items())}
    return out


def counted_role(recipe: Recipe) -> str | None:
    """Which of the stored counts are of words as the vocabulary cuts them; None where none are."""
    choice = recipe.vocabulary
    if choice.extend is not None:
        return "words"
    if choice.supertokens is not None:
        return None  # chunks of random lengths, which encoding does not cut
    return "words" if choice.superwords is None else "pieces"


def _part(objects: Objects, file: StoredFile, part: int) -> WordCounts:
    with open_arrow(objects, file) as reader:
        return words_of(reader.get_batch(part))


def _units_of_sources(
    dataset: Dataset, units: tuple[str, ...], owners: Mapping[str, str]
) -> dict[str, tuple[Mapping[str, StoredFile], ...]]:
    """The files of the counted units of each source, by role; {} where that cannot be known any more."""
    made: dict[str, list[Mapping[str, StoredFile]]] = {}
    for unit in units:
        receipt = receipt_of(dataset, "count", unit)
        if not receipt.slices or receipt.slices[0][0] not in owners:
            return {}
        files = {file.role: file for file in receipt.files}
        made.setdefault(owners[receipt.slices[0][0]], []).append(files)
    return {name: tuple(files) for name, files in sorted(made.items())}
