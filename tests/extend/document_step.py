"""A document step as a stranger would write it: words in small letters, and a list of documents to leave out."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import DocumentBatch, DocumentStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisper(DocumentStep):
    """Text in small letters, without the documents that are named."""

    name = "whisper"

    leave_out: tuple[str, ...] = ()

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        if batch.id is not None:
            named = pc.is_in(batch.id, pa.array(self.leave_out, pa.large_string()))
            batch = batch.drop(named, "on the list")
        return batch.with_content(pc.utf8_lower(batch.content))
