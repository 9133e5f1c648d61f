"""One document that is larger than everything else: how often it is in memory while it is read, and when it is handed on."""

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource

SIZE = 48 << 20
TEXT = "word é " * (SIZE // 8)
LINE = b'{"text": "%s"}\n' % TEXT.encode()
SHORT = b'{"text": "short"}\n'


def measured(path: Path) -> tuple[list[tuple[int, int]], int]:
    """The batches of a file, each with its text's bytes and what is in memory when it is handed on; and the most there is."""
    source = CorpusSource(name="s", paths=(str(path),))
    ((piece,),) = (unit.slices for unit in plan_units(source, list_inputs(source), 1 << 40))
    tracemalloc.start()
    try:
        seen = [
            (batch.bytes, tracemalloc.get_traced_memory()[0])
            for batch in read(piece, Fields(), Limits(max_record_bytes=1 << 30))
        ]
        return seen, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "body", "documents", "shorts", "most"),
    [
        ("x.txt", TEXT.encode, 1, 0, 1.4),
        ("x.jsonl", lambda: LINE, 1, 0, 2.4),
        ("x.jsonl", lambda: SHORT + LINE + SHORT * 3 + LINE + SHORT, 2, 5, 3.4),
        ("x.jsonl.gz", lambda: gzip.compress(SHORT + LINE + SHORT, 1), 1, 2, 2.8),
    ],
)
def test_a_long_document_is_in_memory_once_when_it_is_handed_on(
    tmp_path: Path, name: str, body: Callable[[], bytes], documents: int, shorts: int, most: float
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(SHORT) if name.endswith(".gz") else SHORT if "json" in name else b"short")
    measured(path)  # what is imported and loaded by then is no document's
    path.write_bytes(body())
    seen, peak = measured(path)
    size = len(TEXT.encode())
    assert all(held < size * 1.2 + (16 << 20) for bytes_, held in seen if bytes_ >= size)
    assert peak < most * size + (16 << 20)
    assert sum(bytes_ for bytes_, _ in seen) == documents * size + shorts * len("short")


@pytest.mark.parametrize("at", [0, 5, (1 << 20) - 1, 1 << 20, (2 << 20) - 2, (3 << 20) - 3])
@pytest.mark.parametrize("bad", [b"\xff", b"\xe9c", b"\xf0\x9f\x98"])
def test_the_first_byte_that_is_not_utf_8_is_told(tmp_path: Path, at: int, bad: bytes) -> None:
    """Wherever it is, also around the pieces that are looked at one after another; what Python says of the whole is right."""
    data = ("é" * (2 << 20)).encode()[: at - at % 2] + b"a" * (at % 2) + bad
    data += b"" if at % 3 == 0 else b"tail \xff"
    path = tmp_path / "x.txt"
    path.write_bytes(data)
    source = CorpusSource(name="s", paths=(str(path),), format="text")
    ((piece,),) = (unit.slices for unit in plan_units(source, list_inputs(source), 1 << 40))
    ((letter,),) = (batch.rejected for batch in read(piece, Fields(), Limits()))
    with pytest.raises(UnicodeDecodeError) as info:
        data.decode()
    start, reason = info.value.start, info.value.reason
    assert letter.position == f"byte {start}"
    assert letter.detail == f"byte {start} is 0x{data[start]:02x}: {reason}"
