"""A row step as a stranger would write it: how many tokens of each row are no padding."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.schema import SEGMENT_LENGTHS, Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled(RowStep):
    """The share of each row that documents fill, in each of its places."""

    name = "filled"
    columns = (Column(name="filled", dtype=np.dtype(np.float32), doc="share of the row that is no padding"),)

    def __call__(self, rows, seed, epoch, first_row, tables):
        width = rows.column("input_ids").type.list_size
        used = [sum(lengths) / width for lengths in rows.column(SEGMENT_LENGTHS).to_pylist()]
        values = pa.array(np.repeat(np.array(used, np.float32), width))
        return rows.append_column("filled", pa.FixedSizeListArray.from_arrays(values, width))
