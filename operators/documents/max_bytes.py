"""The step that leaves out long documents."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["MaxBytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxBytes(DocumentStep):
    """Leaves out documents of more than `bytes` bytes of UTF-8."""

    name = "max_bytes"

    bytes: int

    def __post_init__(self) -> None:
        if self.bytes < 1:
            raise ValueError(f"bytes must be positive, got {self.bytes}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that are short enough."""
        import pyarrow.compute as pc

        return batch.drop(pc.greater(pc.binary_length(batch.content), self.bytes))
