"""What is summed up of the text of a corpus: by group, over numbers, and the records that could not be used."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.errors import DataError
from pairloom.operators.evaluate.word_tally import WordTally
from pairloom.pipeline.inputs.intake import Intake

__all__ = ["KEPT_BYTES", "Group", "Records", "TextSums"]

KEPT_BYTES = 1 << 20  # of each group, as text
_EXAMPLES = 3  # of records that cannot be used


@dataclass(slots=True, kw_only=True)
class Group:
    """The documents of one group: how many, their bytes and characters, sums for each tokenizer, and some of the text.

    `sums` are those of `WordTally`; what they say of distinct words is no sum and means nothing here. `used` are the tokens of
    the first tokenizer that occur, a bit each (`used_tokens`); empty where no word was looked at. `hashes` (uint64,
    ascending) and `texts` are the documents with the least hashes, until they hold a megabyte; longer ones only begin.
    """

    documents: int = 0
    bytes: int = 0
    characters: int = 0
    sums: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    used: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    hashes: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    texts: pa.LargeStringArray = field(default_factory=lambda: pa.array([], pa.large_string()))

    def add(self, other: "Group") -> None:
        """Take in the sums of other documents of the group."""
        self.documents += other.documents
        self.bytes += other.bytes
        self.characters += other.characters
        for name, sums in other.sums.items():
            self.sums[name] = self.sums[name] + sums if name in self.sums else sums
        if len(other.used):
            self.used = self.used | other.used if len(self.used) else other.used
        self.keep(other.hashes, other.texts)

    def used_tokens(self, size: int) -> npt.NDArray[np.bool_]:
        """bool[V]: which tokens of the first tokenizer occur in the group."""
        bits = self.used if len(self.used) else np.zeros(-(-size // 8), np.uint8)
        return np.unpackbits(bits, count=size).astype(np.bool_)

    def keep(self, hashes: npt.NDArray[np.uint64], texts: pa.LargeStringArray) -> None:
        """Keep those of the least hashes, of these and of what is kept."""
        if not len(hashes):
            return
        hashes = np.concatenate([self.hashes, hashes])
        order = np.argsort(hashes, kind="stable")
        texts = pa.concat_arrays([self.texts, texts]).take(pa.array(order))
        before = np.cumsum(pc.binary_length(texts).to_numpy()) - pc.binary_length(texts).to_numpy()
        take = int(np.searchsorted(before, KEPT_BYTES))
        self.hashes, self.texts = hashes[order][:take], texts.take(pa.array(np.arange(take)))

    @property
    def kept(self) -> int:
        """Bytes of the text that is kept."""
        return pc.sum(pc.binary_length(self.texts)).as_py() or 0


@dataclass(slots=True, kw_only=True)
class Records:
    """How many records were `read`; those that could not be used are `rejected` by reason, and `examples` name some."""

    read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: tuple[str, ...] = ()

    @classmethod
    def of(cls, intake: Intake) -> "Records":
        """Those of a unit that was read to its end."""
        ledger = intake.ledger()
        examples = tuple(
            f"{letter.uri}, {letter.position}: {letter.reason}: {letter.detail}"
            for letter in intake.examples(_EXAMPLES)
        )
        return cls(read=ledger.documents_in, rejected=Counter(ledger.rejected), examples=examples)

    def add(self, other: "Records") -> None:
        """Take in those of other units."""
        self.read += other.read
        self.rejected += other.rejected
        self.examples = tuple(sorted({*self.examples, *other.examples})[:_EXAMPLES])

    def check(self, most: float) -> None:
        """Raise DataError where a larger share than `most` could not be used."""
        if (bad := self.rejected.total()) > most * self.read:
            raise DataError(
                f"{bad:,} of {self.read:,} records cannot be used, more than max_rejected = {most:g} allows:\n"
                + "\n".join(f"  {example}" for example in self.examples)
                + "\nCorrect the text, or set max_rejected to the share to leave out"
            )


@dataclass(slots=True, kw_only=True)
class TextSums:
    """What was read: groups by name, sums over numbers by tokenizer, and the tokens of the first tokenizer.

    `numbers` are those of `tally_numbers`. `tally` is of all groups together; what it says of distinct words means
    nothing. `records` are those that were read.
    `without_group` documents have no value in the field that groups are of; they are left out. `complete` says
    that these are all the documents there are.
    """

    tally: WordTally
    groups: dict[str, Group] = field(default_factory=dict)
    numbers: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    without_group: int = 0
    records: Records = field(default_factory=Records)
    complete: bool = True
    units: int = 0
    of_units: int = 0

    def add(self, other: "TextSums") -> None:
        """Take in the sums of other documents."""
        self.tally = self.tally + other.tally
        for name, group in other.groups.items():
            self.groups.setdefault(name, Group()).add(group)
        for name, sums in other.numbers.items():
            self.numbers[name] = self.numbers[name] + sums if name in self.numbers else sums
        self.without_group += other.without_group
        self.records.add(other.records)

    def sample(self, size: int) -> tuple[str, ...]:
        """Beginnings of the kept text of all groups, as much of each, about `size` bytes together; the same for the same text."""
        each = size // max(1, len(self.groups))
        found = []
        for _, group in sorted(self.groups.items()):
            left = each
            for text in group.texts.to_pylist():
                if left <= 0:
                    break
                part = text.encode()[:left].decode("utf-8", "ignore")
                found.append(part)
                left -= len(part.encode()) or 1
        return tuple(found)

    @property
    def bytes(self) -> int:
        """Bytes of text."""
        return sum(group.bytes for group in self.groups.values())

    @property
    def documents(self) -> int:
        """Documents."""
        return sum(group.documents for group in self.groups.values())
