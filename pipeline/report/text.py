"""A seeded sample of a corpus's documents, as word counts by group: what a report cannot know from what is committed.

The words are counted once for each pretokenizer among the tokenizers to be compared; every tokenizer then encodes the
same documents, as distinct words. What cannot count words (a tokenizer that another library runs) is given the first
documents of each group as text.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators import Pretokenizer, Vocabulary, WordCounter, WordCounts
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.evaluate.numbers import count_numbers
from pairloom.operators.hashing import hash_bytes
from pairloom.operators.normalize import normalize
from pairloom.operators.order import document_ids, document_keys
from pairloom.pipeline.corpus import Unit
from pairloom.pipeline.readers import read
from pairloom.pipeline.stages.reading import slice_identity

__all__ = ["Group", "TextSample", "Words", "read_sample"]

Words = tuple[Pretokenizer, str]
"""How words are cut: a pretokenizer after a normalizer."""

KEPT_BYTES = 1 << 20  # of each group, as text
NUMBER_BYTES = 16 << 20  # of the whole sample, searched for numbers
_NO_GROUP = ("missing_id", "null_id", "id_not_a_string")
OVERREAD = 4  # units are read until they hold this many times the sample


@dataclass(slots=True, kw_only=True)
class Group:
    """The sampled documents of one group: how many, their bytes and characters, their words, and the first as text."""

    documents: int = 0
    bytes: int = 0
    characters: int = 0
    counters: dict[Words, WordCounter] = field(default_factory=dict)
    texts: list[pa.Array] = field(default_factory=list)
    kept: int = 0

    def words(self, cut: Words) -> WordCounts:
        """The word counts of the group's documents."""
        return self.counters[cut].finish()

    def text(self) -> pa.LargeStringArray:
        """The first documents."""
        return pa.concat_arrays(self.texts) if self.texts else pa.array([], pa.large_string())


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSample:
    """What was read: groups by name, numbers with their counts, and whether these are all the documents there are.

    `without_group` records have no value, or none that is a text, in the field that groups are of; they are left out.
    """

    groups: dict[str, Group]
    numbers: Counter[bytes]
    complete: bool
    units: int
    of_units: int
    without_group: int

    @property
    def bytes(self) -> int:
        """Bytes of text."""
        return sum(group.bytes for group in self.groups.values())

    @property
    def documents(self) -> int:
        """Documents."""
        return sum(group.documents for group in self.groups.values())


def words_of(vocabulary: Vocabulary) -> Words:
    """How a vocabulary's words are cut."""
    return vocabulary.pretokenizer, vocabulary.normalizer


def read_sample(
    units: Sequence[Unit],
    cuts: Sequence[Words],
    *,
    by: str | None = None,
    limit: int = 256_000_000,
    seed: int = 0,
    max_record_bytes: int = 1 << 30,
    say: Callable[[str], None] = lambda _: None,
) -> TextSample:
    """Read documents until about `limit` stored bytes are taken; all of them where there are no more.

    Otherwise units are read in an order by `seed`, until there are four times as many bytes, and of their documents
    those are taken that a hash of (seed, URI, row) chooses. `by` names a field whose values are the groups; otherwise
    they are the sources. Records that cannot be used are left out, as they are everywhere. Raises DataError for a broken
    file and for plain text, which has no fields, RecipeError where no document has the field.
    """
    total = sum(unit.bytes for unit in units)
    order = sorted(units, key=lambda unit: hash_bytes(repr(_identity(unit)).encode(), seed))
    chosen: list[Unit] = []
    for unit in order:
        if sum(one.bytes for one in chosen) < max(1, limit) * OVERREAD:
            chosen.append(unit)
    share = min(1.0, limit / max(1, sum(unit.bytes for unit in chosen)))
    groups: dict[str, Group] = {}
    numbers: Counter[bytes] = Counter()
    searched, without = 0, [0]
    for unit in chosen:
        say(unit.slices[0].file.uri)
        for name, texts in _documents(replace(unit, id=by), share, seed, max_record_bytes, without):
            group = groups.setdefault(name, Group())
            _add(group, texts, cuts)
            if searched < NUMBER_BYTES:
                numbers.update(count_numbers(texts))
                searched += pc.sum(pc.binary_length(texts)).as_py() or 0
    if by is not None and not groups and without[0]:
        raise RecipeError(f"no document that was read has the field {by!r}: correct --by")
    return TextSample(
        groups=dict(sorted(groups.items())),
        numbers=numbers,
        complete=share >= 1.0 and sum(unit.bytes for unit in chosen) == total,
        units=len(chosen),
        of_units=len(units),
        without_group=without[0],
    )


def _identity(unit: Unit) -> list[object]:
    return [unit.source, *(slice_identity(piece) for piece in unit.slices)]


def _documents(
    unit: Unit, share: float, seed: int, max_record_bytes: int, without: list[int]
) -> Iterator[tuple[str, pa.LargeStringArray]]:
    """(group, documents), of each batch that is read; adds to `without` the records that have no group."""
    for piece in unit.slices:
        for batch in read(piece, text=unit.text, id=unit.id, max_record_bytes=max_record_bytes):
            texts, groups = batch.texts, batch.ids
            without[0] += sum(letter.reason in _NO_GROUP for letter in batch.rejected)
            keep = pc.greater(pc.binary_length(texts), 0)
            if share < 1.0 and len(texts):
                uris = pa.array([piece.file.uri] * len(texts), pa.large_string())
                names = document_ids(pa.nulls(len(texts), pa.large_string()), uris, piece.start + batch.rows)
                drawn = document_keys(names, seed) >> np.uint64(32) < np.uint64(int(share * 2.0**32))
                keep = pc.and_(keep, pa.array(drawn))
            texts = texts.filter(keep)
            if groups is None:
                if unit.id is not None and len(texts):
                    raise DataError(f"{piece.file.uri}: plain text has no field {unit.id!r} to group by")
                if len(texts):
                    yield unit.source, texts
                continue
            groups = groups.filter(keep)
            for name in pc.unique(groups).to_pylist():
                yield name, texts.filter(pc.equal(groups, name))


def _add(group: Group, texts: pa.LargeStringArray, cuts: Sequence[Words]) -> None:
    size = pc.sum(pc.binary_length(texts)).as_py() or 0
    group.documents += len(texts)
    group.bytes += size
    group.characters += pc.sum(pc.utf8_length(texts)).as_py() or 0
    for cut in cuts:
        pretokenizer, normalizer = cut
        group.counters.setdefault(cut, WordCounter(pretokenizer)).add(normalize(texts, normalizer))
    if group.kept < KEPT_BYTES:
        ends = np.cumsum(pc.binary_length(texts).to_numpy())
        take = int(np.searchsorted(ends, KEPT_BYTES - group.kept)) + 1
        group.texts.append(texts.slice(0, take))
        group.kept += int(ends[min(take, len(ends)) - 1])
