"""The packed rows of a split, as they are stored."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.schema import INPUT_IDS, SEGMENT_LENGTHS, seq_len_of
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.export.source import Batch, StoredSource
from pairloom.pipeline.flow.events import Event
from pairloom.pipeline.store.files import StoredFile, open_arrow

__all__ = ["Rows"]


class Rows(StoredSource):
    """The packed rows of a split, in their order.

    Raises RecipeError for a split without any, and for rows of several lengths where `seq_len` names none of them.
    """

    unit = "rows"

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        observe: Callable[[Event], None] = lambda _: None,
        seq_len: int | None = None,
        without: Sequence[str] = (),
    ) -> None:
        super().__init__(dataset, split, observe, without)
        manifest = dataset.manifest
        stored = [file for file in manifest.stage("pack").files if file.role == split and file.rows]
        if not stored:
            raise RecipeError(
                f"generation {manifest.generation} of {dataset.objects.root} has no rows in {split!r}"
            )
        lengths = sorted({file.facts["seq_len"] for file in stored})
        if (seq_len is None and len(lengths) > 1) or (seq_len is not None and seq_len not in lengths):
            raise RecipeError(
                f"the rows of {split!r} have {' or '.join(map(str, lengths))} tokens: export those of one length (--seq-len), "
                "each into a folder of its own, or documents"
            )
        self._files = [file for file in stored if file.facts["seq_len"] == (seq_len or lengths[0])]
        with open_arrow(dataset.objects, self._files[0]) as reader:
            self._stored_schema = reader.schema
        self.schema = self._without(self._stored_schema)

    @property
    def seq_len(self) -> int:
        """Tokens in a row."""
        return seq_len_of(self.schema)

    @property
    def files(self) -> int:
        """How many packed files are read."""
        return len(self._files)

    def parts(self) -> Iterator[Iterator[Batch]]:
        """The rows of each packed file."""
        self._start(self._files)
        for stored in self._files:
            yield self._read(stored)
        self._finished()

    def _read(self, stored: StoredFile) -> Iterator[Batch]:
        rows = total = 0
        with open_arrow(self.dataset.objects, stored) as reader:
            self._check_schema(stored, reader.schema)
            for i in range(reader.num_record_batches):
                table = reader.get_batch(i).select(self.schema.names)
                tokens = table.column(INPUT_IDS).flatten().to_numpy()
                self._check_ids(stored, tokens)
                used = _sums(table.column(SEGMENT_LENGTHS))
                lengths = np.full(len(table), self.seq_len, np.int64)
                if len(used) and not 0 < used.min() <= used.max() <= self.seq_len:
                    raise CorruptionError(
                        f"{self.dataset.objects.uri(stored.path)}: the segments of a row have {used.max()} tokens, the row "
                        f"{self.seq_len}"
                    )
                rows, total = rows + len(table), total + int(used.sum())
                self.counts.items += len(table)
                self.counts.tokens += int(used.sum())
                self.counts.padding += len(tokens) - int(used.sum())
                yield Batch(table=table, tokens=tokens, lengths=lengths, used=used)
                self._part(stored, rows)
        self._done(stored, rows, total)

    def _check_schema(self, stored: StoredFile, found: pa.Schema) -> None:
        if found.equals(self._stored_schema):
            return
        raise CorruptionError(
            f"{self.dataset.objects.uri(stored.path)} has other columns than the files before it: {found}"
        )

    def check(self) -> None:
        """Raise CorruptionError unless every row and token that the manifest names has passed."""
        rows = sum(file.rows for file in self._files)
        tokens = sum(file.facts["tokens"] for file in self._files)
        if (self.counts.items, self.counts.tokens) != (rows, tokens):
            raise CorruptionError(
                f"{self.counts.items} rows with {self.counts.tokens} tokens were exported, the manifest says {rows} with {tokens}"
            )


def _sums(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    """The sum of each list; lists may be empty."""
    edges = np.concatenate([np.zeros(1, np.int64), pc.list_value_length(lists).to_numpy()]).cumsum()
    total = np.concatenate([np.zeros(1, np.int64), lists.flatten().to_numpy().astype(np.int64)]).cumsum()
    sums: npt.NDArray[np.int64] = np.diff(total[edges])
    return sums
