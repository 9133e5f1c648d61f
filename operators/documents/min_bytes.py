"""The step that leaves out short documents."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["MinBytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MinBytes(DocumentStep):
    """Leaves out documents of fewer than `bytes` bytes of UTF-8."""

    name = "min_bytes"

    bytes: int

    def __post_init__(self) -> None:
        if self.bytes < 1:
            raise ValueError(f"bytes must be positive, got {self.bytes}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that are long enough."""
        import pyarrow.compute as pc

        return batch.drop(pc.less(pc.binary_length(batch.content), self.bytes))
