"""The text of a corpus, read as tasks: sums by group that no stored figure has, and a little of the text itself.

    unit ──read──▶ documents ──by group──▶ distinct words ──every tokenizer──▶ sums ──▶ added up
                            └──those of the least hashes──▶ kept as text

Every sum is one of integers over documents, and what is kept depends on the documents alone: the figures are the same
whatever the units, their order, and the machines. Each tokenizer encodes the distinct words of some 32 MB at a time, cut
as it cuts them; a tokenizer that takes texts as a whole has no words, and is given the kept text, or all of it if it is the
first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Pretokenizer, Vocabulary, count_words
from pairloom.operators.documents import DocumentBatch
from pairloom.operators.encode import Encoder, Tokenizer, tokenizer_of
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.numbers import count_numbers, tally_numbers
from pairloom.operators.evaluate.text_tally import tally_texts
from pairloom.operators.evaluate.word_tally import WordTally, tally_words
from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.selection.order import document_keys
from pairloom.operators.text.normalize import normalize
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.inputs.intake import Intake, slice_identity
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.phases import phase
from pairloom.pipeline.report.options import Options
from pairloom.pipeline.report.sums import KEPT_BYTES, Group, Records, TextSums
from pairloom.pipeline.report.tasks import Found, InputTask, results

__all__ = ["UNIT_BYTES", "TextTask", "as_strings", "below", "read_text"]

UNIT_BYTES = 32 << 20  # stored, of a task
HELD_BYTES = 32 << 20  # of text whose distinct words are encoded at a time
KEPT_IN_ALL = 64 << 20  # of the stored bytes that this is chosen from
OVERREAD = 4  # for a sample, units are read until they hold this many times as much
MOST_GROUPS = 4096

Cut: TypeAlias = tuple[Pretokenizer, str]
"""How words are cut: a pretokenizer after a normalizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTask(InputTask):
    """Read one unit and add up; the shared value is the tokenizers by name, the first of which is the vocabulary.

    `by` names the field that groups are of, if they are not the sources. Documents are taken where the upper half of their
    hash is below `share` of all hashes, and may be kept where it is below `kept` of them. Words are only looked at where
    `words` says so.
    """

    what: ClassVar[str] = "text"

    by: str | None
    share: float
    kept: float
    seed: int
    words: bool
    max_record_bytes: int

    def need(self) -> int:
        """Text, its distinct words, and what they are encoded to; a few tables."""
        return 300_000_000 + 8 * HELD_BYTES

    def run(self, shared: Mapping[str, Tokenizer]) -> Found:
        """Read, group, count, encode, add up."""
        sums = _Sums(shared, words=self.words)
        for name, texts in self._documents(sums.found):
            sums.take(name, texts, document_keys(texts, self.seed), self.kept)
        sums.flush()
        return Found(value=sums.found, documents=sums.found.documents)

    def _documents(self, out: TextSums) -> Iterator[tuple[str, pa.LargeStringArray]]:
        """(group, documents), of each batch that is read; adds to `out` the records that have no group."""
        unit = self.input.bare() if self.by is None else self.input.also(self.by)
        intake = Intake(unit, self.max_record_bytes)
        for batch in intake.documents():
            groups = None if self.by is None else as_strings(batch, self.by)
            keep = np.ones(len(batch), np.bool_)
            if groups is not None:
                keep &= groups.is_valid().to_numpy(zero_copy_only=False)
                out.without_group += len(batch) - int(np.count_nonzero(keep))
            if self.share < 1.0:
                keep &= below(document_keys(batch.content, self.seed), self.share)
            texts = batch.content.filter(pa.array(keep))
            if groups is None:
                yield unit.source, texts
                continue
            groups = groups.filter(pa.array(keep))
            for name in pc.unique(groups).to_pylist():
                yield name, texts.filter(pc.equal(groups, name))
        out.records.add(Records.of(intake))


class _Sums:
    """The sums of a unit, and the text that is not in them yet."""

    def __init__(self, tokenizers: Mapping[str, Tokenizer], *, words: bool) -> None:
        self._tokenizers = tokenizers
        by_words = {name: one for name, one in tokenizers.items() if one.vocabulary.model.by_words}
        self._looks = words
        self._words: dict[str, Encoder] = (
            {name: one.word_encoder() for name, one in by_words.items()} if words else {}
        )
        self._held: dict[str, list[pa.LargeStringArray]] = {}
        self._size = 0
        first = next(iter(tokenizers.values()))
        self.found = TextSums(tally=WordTally.empty(len(first.vocabulary)))

    def take(
        self, name: str, texts: pa.LargeStringArray, hashes: npt.NDArray[np.uint64], kept: float
    ) -> None:
        """Documents of a group, with their hashes."""
        if not len(texts):
            return
        groups = self.found.groups
        if name not in groups and len(groups) == MOST_GROUPS:
            raise RecipeError(
                f"the field of --by has more than {MOST_GROUPS:,} values in one unit: name one with fewer, as a language"
            )
        group, size = groups.setdefault(name, Group()), pc.sum(pc.binary_length(texts)).as_py()
        group.documents += len(texts)
        group.bytes += size
        group.characters += pc.sum(pc.utf8_length(texts)).as_py()
        chosen = np.flatnonzero(below(hashes, kept))
        group.keep(hashes[chosen], _beginnings(texts.take(pa.array(chosen))))
        self._held.setdefault(name, []).append(texts)
        self._size += size
        if self._size >= HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Add up what is held."""
        for name, arrays in self._held.items():
            texts = pa.chunked_array(arrays)
            with phase("count"):
                numbers = count_numbers(texts)
            for key, one in self._tokenizers.items():
                with phase("encode"):
                    sums = tally_numbers(one.vocabulary, numbers, one)
                self.found.numbers[key] = (
                    self.found.numbers[key] + sums if key in self.found.numbers else sums
                )
            if self._looks:
                self._add_texts(self.found.groups[name], texts)
                self._add_words(self.found.groups[name], arrays)
        self._held.clear()
        self._size = 0

    def _add_texts(self, group: Group, texts: pa.ChunkedArray) -> None:
        """The first tokenizer over whole texts, where it has no words."""
        key, one = next(iter(self._tokenizers.items()))
        if not one.vocabulary.model.by_words:
            with phase("encode"):
                self._add(group, key, tally_texts(one, texts))

    def _add(self, group: Group, key: str, tally: WordTally) -> None:
        group.sums[key] = group.sums[key] + tally.sums if key in group.sums else tally.sums
        if key == next(iter(self._tokenizers)):
            self.found.tally = self.found.tally + tally
            used = np.packbits(tally.token_counts > 0)
            group.used = group.used | used if len(group.used) else used

    def _add_words(self, group: Group, arrays: Sequence[pa.LargeStringArray]) -> None:
        """Every tokenizer over the distinct words of a group, which are counted once for each way to cut them."""
        alike: dict[Cut, list[str]] = {}
        for key in self._words:
            one = self._tokenizers[key]
            cut = one.vocabulary.pretokenizer, one.vocabulary.normalizer
            alike.setdefault(cut, []).append(key)
        for (pretokenizer, normalizer), keys in alike.items():
            with phase("count"):
                counts = count_words(
                    pa.chunked_array([normalize(texts, normalizer) for texts in arrays]), pretokenizer
                )
            for key in keys:
                with phase("encode"):
                    tally = tally_words(self._tokenizers[key].vocabulary, counts, self._words[key])
                self._add(group, key, tally)


def read_text(
    units: Sequence[Unit],
    tokenizers: Mapping[str, Vocabulary],
    options: Options,
    executor: Executor,
    *,
    words: bool = True,
    max_record_bytes: int = 1 << 30,
    max_rejected: float = 0.0,
) -> TextSums:
    """Read the documents of all units, or about `options.sample_bytes` stored bytes of them.

    For a sample, units are read in an order by the seed until they hold four times as many bytes, and of their documents
    those are taken that a hash of (seed, text) chooses: of equal ones all or none. `options.by` names a field whose
    values are the groups; otherwise they are the sources. Records that cannot be used are left out
    and counted. Raises DataError for a broken file, for plain text, which has no fields, and where a larger share of the
    records than `max_rejected` cannot be used; RecipeError where no document has the field.
    """
    total = sum(unit.bytes for unit in units)
    limit = total if options.sample_bytes is None else options.sample_bytes
    chosen: list[Unit] = []
    size = 0
    for unit in sorted(units, key=lambda unit: hash_bytes(repr(_identity(unit)).encode(), options.seed)):
        if size < limit * OVERREAD:
            chosen.append(unit)
            size += unit.bytes
    share = min(1.0, limit / max(1, size))
    tasks = [
        TextTask(
            input=unit,
            by=options.by,
            number=number,
            share=share,
            kept=min(1.0, share * KEPT_IN_ALL / max(1, min(limit, total))),
            seed=options.seed,
            words=words,
            max_record_bytes=max_record_bytes,
        )
        for number, unit in enumerate(chosen)
    ]
    first = next(iter(tokenizers))
    own = {name: one for name, one in tokenizers.items() if one.model.by_words or name == first}
    out = TextSums(tally=WordTally.empty(len(next(iter(own.values())))), of_units=len(units))
    for _, sums in results(
        "text",
        tasks,
        sizes=[unit.bytes for unit in chosen],
        executor=executor,
        observe=options.observe,
        shared={name: tokenizer_of(one).prepared() for name, one in own.items()},
    ):
        out.add(sums)
    out.records.check(max_rejected)
    if options.by is not None and not out.groups and out.without_group:
        raise RecipeError(f"no document that was read has the field {options.by!r}: correct --by")
    out.groups = dict(sorted(out.groups.items()))
    out.units, out.complete = len(chosen), share >= 1.0 and size == total
    return out


def _identity(unit: Unit) -> list[object]:
    return [unit.source, *(slice_identity(piece) for piece in unit.slices)]


def below(hashes: npt.NDArray[np.uint64], share: float) -> npt.NDArray[np.bool_]:
    """Which hashes are among a share of all that there can be, by their upper halves."""
    return hashes >> np.uint64(32) < np.uint64(int(share * 2.0**32))


def as_strings(batch: DocumentBatch, name: str) -> pa.LargeStringArray:
    """A column or field of documents as text; raises RecipeError for one whose values are no single ones."""
    values = batch.columns[name] if name in batch.columns else batch.fields[name]
    try:
        return values.cast(pa.large_string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise RecipeError(
            f"{batch.uri}: column {name!r} is of type {values.type}, and documents cannot be grouped by it"
        ) from error


def _beginnings(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """The texts, those of more than a megabyte cut there or a little before, between characters."""
    if not pc.any(pc.greater(pc.binary_length(texts), KEPT_BYTES)).as_py():
        return texts
    cut = [text.encode()[:KEPT_BYTES].decode("utf-8", "ignore") for text in texts.to_pylist()]
    return pa.array(cut, pa.large_string())
