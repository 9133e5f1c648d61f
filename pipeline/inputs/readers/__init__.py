"""Reading a corpus: stored bytes in, clean Arrow text and dead letters out.

Every record of a slice is either in `Batch.texts` or, with the reason, in `Batch.rejected`. A file that is broken as a
whole (cut short, changed since planning, without the column) raises DataError instead: nothing is lost in silence.
"""

from collections.abc import Iterator

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.inputs.readers.batch import Batch, DeadLetter
from pairloom.pipeline.inputs.readers.delimited import read_delimited
from pairloom.pipeline.inputs.readers.ipc import read_ipc
from pairloom.pipeline.inputs.readers.jsonl import read_jsonl
from pairloom.pipeline.inputs.readers.parquet import read_parquet
from pairloom.pipeline.inputs.readers.whole import read_whole
from pairloom.pipeline.inputs.slices import Slice

__all__ = ["Batch", "DeadLetter", "read"]


def read(
    piece: Slice,
    *,
    text: str,
    id: str | None,  # noqa: A002
    batch_bytes: int = 16 << 20,
    max_record_bytes: int = 1 << 30,
) -> Iterator[Batch]:
    """Read the records of a slice, in order, in batches of about `batch_bytes`.

    `text` and `id` name fields or columns; of a text file, the text is all of it and `Batch.ids` is None. Batches may be
    empty, and `bytes_read` over all of them is `piece.bytes`. Memory is a few times `batch_bytes` or the longest
    record, for Arrow also one record batch, which can only be read whole.

    Raises DataError for a file that is broken, changed or lacks the columns, and for a record of more than
    `max_record_bytes`; StorageError when storage fails; RecipeError when a name or a limit makes no sense.
    """
    if not text or id == "":
        raise RecipeError(f"the names of the text and id fields must not be empty, got {text!r} and {id!r}")
    if batch_bytes < 1 or max_record_bytes < 1:
        raise RecipeError(
            f"batch_bytes={batch_bytes} and max_record_bytes={max_record_bytes} must be positive"
        )
    match piece.file.format:
        case "jsonl":
            return read_jsonl(piece, text, id, batch_bytes, max_record_bytes)
        case "parquet":
            return read_parquet(piece, text, id, batch_bytes, max_record_bytes)
        case "arrow":
            return read_ipc(piece, text, id, batch_bytes, max_record_bytes)
        case "csv":
            return read_delimited(piece, text, id, batch_bytes, max_record_bytes)
        case "text":
            return read_whole(piece, max_record_bytes)
        case other:
            raise RecipeError(
                f"{piece.file.uri}: format {other!r} is none of jsonl, parquet, arrow, csv, text"
            )
