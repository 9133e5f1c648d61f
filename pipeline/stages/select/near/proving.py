"""Proof that of documents that are nearly the same one was kept."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects

__all__ = ["check_kept"]


def check_kept(objects: Objects, files: Sequence[StoredFile]) -> None:
    """Raise CorruptionError unless what is named as kept is left out nowhere, and nothing is left out twice."""
    named = np.unique(
        np.concatenate([np.zeros(0, np.int64), *(kept for _, _, kept in _read(objects, files))])
    )
    if not len(named):
        return
    last = -1
    for stored, left_out, _ in _read(objects, files):
        wrong = left_out[np.isin(left_out, named, assume_unique=False)]
        if len(wrong):
            raise CorruptionError(
                f"{objects.uri(stored.path)} leaves out the document at place {wrong[0]} of the corpus, which another was left "
                "out for: this is a bug, or the file was changed"
            )
        if len(left_out) and (left_out[0] <= last or (np.diff(left_out) <= 0).any()):
            raise CorruptionError(
                f"{objects.uri(stored.path)} leaves out a document twice: this is a bug, or the file was changed"
            )
        last = int(left_out[-1]) if len(left_out) else last


def _read(
    objects: Objects, files: Sequence[StoredFile]
) -> Iterator[tuple[StoredFile, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Of each file that says what was kept, the documents that are left out and those that were kept for them."""
    for stored in files:
        with open_arrow(objects, stored) as reader:
            table = reader.read_all()
        if "kept" in table.schema.names:
            yield stored, table.column("ordinal").to_numpy(), table.column("kept").to_numpy()
