"""Exports of any size take little memory: measured on a dataset many times larger than the bound."""

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.pipeline import Dataset, open_dataset
from pairloom.pipeline.export import EXPORTERS, export
from pairloom.pipeline.export.formats.mds import write_mds
from pairloom.pipeline.export.packed_rows import Rows
from pairloom.pipeline.export.target import Target
from pairloom.pipeline.store.files import attempt_path, open_arrow, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest, commit
from tests.support.exports import made

SEQ_LEN = 2048
BATCHES, ROWS = 400, 16
DATA = BATCHES * ROWS * SEQ_LEN * 2  # 26 MB
BOUND = 5_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset with one large packed file, whose rows are written here and not packed."""
    dataset = made(tmp_path_factory.mktemp("large"), f"pack.seq_len={SEQ_LEN}", count=20)
    record = dataset.manifest.stages["pack"]
    with open_arrow(dataset.objects, record.files[0]) as reader:
        schema = reader.schema
    ids = np.arange(ROWS * SEQ_LEN, dtype=np.uint16) % 400
    lists = [pa.array([[value]] * ROWS) for value in (SEQ_LEN, 7, 0, 0)]
    columns = [pa.FixedSizeListArray.from_arrays(pa.array(ids), SEQ_LEN), *lists]
    arrays = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    path = attempt_path("pack", "f" * 32, "rows.arrow")
    with write_arrow(dataset.objects, path, schema, role="train") as writer:
        for _ in range(BATCHES):
            writer.write(batch)
        writer.facts.update(tokens=DATA // 2, padding=0, segments=BATCHES * ROWS, seq_len=SEQ_LEN)
    stages = {**dataset.manifest.stages, "pack": record.model_copy(update={"files": (writer.stored,)})}
    commit(dataset.objects, Manifest(**{**dict(dataset.manifest), "generation": 2, "stages": stages}))
    return open_dataset(dataset.objects.root)


def peak(work: Any) -> int:
    """The most bytes that Python, numpy and Arrow hold at a time. What is mapped into memory is the system's to drop."""
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    gc.collect()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


@pytest.mark.parametrize(
    "format_", sorted({*EXPORTERS.names()} - {"webdataset"})
)  # which takes 20 s under tracemalloc
def test_memory_does_not_grow_with_the_dataset(
    large: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    assert DATA > 5 * BOUND
    monkeypatch.setattr("pairloom.pipeline.export.formats.parquet.ROW_GROUP_BYTES", 1 << 20)
    if format_ == "mds":
        source = Rows(large, "train")
        target = Target(open_objects(str(tmp_path / "x")), {}, owned=".*", agree=source.check)
        assert peak(lambda: write_mds(source, target, shard_bytes=1 << 20)) < BOUND
        assert source.counts.tokens == DATA // 2
        return
    assert peak(lambda: export(large, format_, str(tmp_path / "x"), unit="rows")) < BOUND
    written = sum(path.stat().st_size for path in (tmp_path / "x").iterdir())
    assert written > (DATA if format_ != "parquet" else 0)
