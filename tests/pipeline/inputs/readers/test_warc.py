"""Web archives: WET gives its texts, WARC pages for a step to extract from, WAT what is said of pages."""

import gzip
import json
import random
import zlib

import pytest

from pairloom.operators.documents import DocumentBatch, apply_step
from pairloom.operators.documents.extract import Extract
from pairloom.operators.errors import DataError, PairloomError, RecipeError
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Limits
from pairloom.pipeline.inputs.units import fields_of, plan_units
from pairloom.pipeline.recipe import CorpusSource
from tests.support.warc import PAGE, answer, record, warc_file


def batches(path, batch_bytes=1 << 20, checked=False, **keys):
    source = CorpusSource(name="s", paths=(str(path),), **keys)
    files = list_inputs(source)
    if checked:
        check_sources([(source, files)], max_rejected=0.0, max_record_bytes=1 << 30)
    (unit,) = plan_units(source, files, 10)
    (piece,) = unit.slices  # it stays whole
    found = list(read(piece, fields_of(source), Limits(batch_bytes=batch_bytes, max_record_bytes=1 << 20)))
    assert sum(batch.bytes_read for batch in found) == path.stat().st_size
    return found


def texts(path, **keys):
    found = batches(path, checked=True, **keys)
    assert not any(batch.rejected for batch in found)
    return [one for batch in found for one in batch.content.to_pylist()]


WET = [
    record("warcinfo", b"Software-Info: x\r\n", "application/warc-fields"),
    record("conversion", "Erster Text.\nÜber Moore.".encode(), "text/plain", {"WARC-Identified-Content-Language": "deu"}),
    record("conversion", b"Second text.\r\n\r\nWARC/1.0\r\n", "text/plain", {"WARC-Identified-Content-Language": "eng,deu"}, number=2),
    record("conversion", b"", "text/plain"),
    record("conversion", b"x" * 3000, "text/plain", number=4),
]  # fmt: skip
WET_TEXTS = ["Erster Text.\nÜber Moore.", "Second text.\r\n\r\nWARC/1.0\r\n", "", "x" * 3000]


@pytest.mark.parametrize("batch_bytes", [1, 1 << 20])
@pytest.mark.parametrize("name", ["x.warc.wet.gz", "x.wet", "x.warc"])
def test_wet_gives_its_texts(tmp_path, name, batch_bytes):
    """U1: headers are no text."""
    (tmp_path / name).write_bytes(warc_file(WET, packed=name.endswith("gz")))
    assert texts(tmp_path / name, batch_bytes=batch_bytes) == WET_TEXTS


def test_fields_of_records(tmp_path):
    path = tmp_path / "x.warc.wet.gz"
    path.write_bytes(warc_file(WET))
    assert texts(path, where="languages matches 'deu'") == WET_TEXTS[:2]
    assert texts(path, text="{url}: {languages?}: {type}")[1] == "http://site.example/2: eng,deu: conversion"
    assert texts(path, text=r"headers.warc-date")[0] == "2026-01-02T03:04:05Z"
    found = batches(path, id="id")
    assert found[0].id.to_pylist()[0] == "urn:uuid:00000000-0000-0000-0000-000000000001"


PAGES = [
    record("request", b"GET / HTTP/1.1\r\n\r\n", "application/http;msgtype=request"),
    record("response", answer(PAGE.encode(), "text/html; charset=utf-8"), "application/http; msgtype=response"),
    record("response", answer(PAGE.encode("cp1252"), "text/html; charset=ISO-8859-1"), "application/http"),
    record("response", answer(PAGE.encode("latin-1"), "text/html"), "application/http"),
    record("response", answer(PAGE.replace("<title>", '<meta charset="cp1250"><title>').encode("cp1250"), "text/html"), "application/http"),
    record("response", answer(PAGE.encode("utf-16"), "text/html"), "application/http"),
    record("response", answer(gzip.compress(PAGE.encode()), "text/html", {"Content-Encoding": "gzip"}), "application/http"),
    record("response", answer(zlib.compress(PAGE.encode()), "text/html", {"Content-Encoding": "deflate"}), "application/http"),
    record("response", answer(PAGE.encode(), "text/html", {"Content-Encoding": "br", "Transfer-Encoding": "chunked"}), "application/http"),
    record("response", answer(b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE.encode()), PAGE.encode()), "text/html", {"Transfer-Encoding": "chunked"}), "application/http"),
    record("resource", PAGE.encode(), "text/html"),
    record("response", answer(b"\x89PNG", "image/png"), "application/http"),
    record("revisit", b"", "application/http"),
]  # fmt: skip


def test_pages_are_read_as_a_browser_would(tmp_path):
    path = tmp_path / "x.warc.gz"
    path.write_bytes(warc_file(PAGES))
    found = texts(path, text="html", where="html is not null")
    assert [one.replace('<meta charset="cp1250">', "") for one in found] == [PAGE] * 10


def test_text_of_pages_is_asked_for_with_what_to_write(tmp_path):
    """U1: a page is never a document by mistake."""
    path = tmp_path / "x.warc.gz"
    path.write_bytes(warc_file(PAGES))
    with pytest.raises(DataError, match=r"set the source's text: html, .*extract: \{by: trafilatura\}"):
        texts(path)


@pytest.mark.parametrize("by", ["trafilatura", "resiliparse"])
def test_pages_are_extracted_by_a_step(tmp_path, by):
    pytest.importorskip(by)
    path = tmp_path / "x.warc.gz"
    path.write_bytes(
        warc_file([*PAGES[:3], record("response", answer(b"<html></html>", "text/html"), "application/http")])
    )
    source = CorpusSource(
        name="s", paths=(str(path),), text="html", where="status == 200", steps=({"extract": {"by": by}},)
    )
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    intake = Intake(unit, 1 << 30)
    found = [one for batch in intake.documents() for one in batch.content.to_pylist()]
    assert len(found) == 2
    assert found[0] == found[1]
    assert "Über Moore" in found[0]
    assert "<" not in found[0]
    assert "var x" not in found[0]
    assert dict(intake.ledger().filtered) == {"extract: no text": 1}
    assert unit.shaping[0]["library"]


def test_the_libraries_are_named_where_they_are_missing(monkeypatch):
    monkeypatch.setattr("pairloom.operators.documents.extract.version", _missing)
    with pytest.raises(
        RecipeError, match=r"needs resiliparse on every machine: pip install 'pairloom\[resiliparse\]'"
    ):
        Extract(by="resiliparse").identity()


def _missing(name):
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(name)


def test_what_a_library_cannot_read_is_rejected(monkeypatch):
    def extract(page):
        if page == "bad":
            raise ValueError("it is bad")
        return page.upper()

    monkeypatch.setattr("pairloom.operators.documents.extract._extractor", lambda _: extract)
    batch = DocumentBatch.of(["a", "bad", "", "b"], uri="file:///x", row=[0, 2, 4, 6])
    made = apply_step(Extract(by="trafilatura"), batch)
    assert made.content.to_pylist() == ["A", "B"]
    assert dict(made.dropped) == {"no text": 1}
    assert [(one.row, one.reason, one.detail) for one in made.rejected] == [
        (2, "not_extracted", "trafilatura raised ValueError: it is bad")
    ]


def test_wat_gives_what_is_said_of_pages(tmp_path):
    said = [{"Envelope": {"WARC-Header-Metadata": {"x": k}, "title": f"Title {k}"}} for k in range(3)]
    records = [record("metadata", json.dumps(one, indent=1).encode(), "application/json") for one in said]
    path = tmp_path / "x.warc.wat.gz"
    path.write_bytes(warc_file([WET[0], *records]))
    assert texts(path, text="json.Envelope.title") == ["Title 0", "Title 1", "Title 2"]
    assert json.loads(texts(path, text="json")[1]) == said[1]
    assert texts(path, text="{json.Envelope.title}!", where=r"json.Envelope.WARC-Header-Metadata.x > 1") == [
        "Title 2!"
    ]


def test_a_record_that_cannot_be_used_is_a_letter(tmp_path):
    parts = [WET[1], record("conversion", b"ab\xff", "text/plain"), WET[4]]
    path = tmp_path / "x.wet"
    path.write_bytes(b"".join(parts))
    (batch,) = batches(path)
    assert batch.row.to_pylist() == [0, 2]
    assert [(one.uri, one.position, one.row, one.reason) for one in batch.rejected] == [
        (f"file://{path}", f"byte {len(WET[1])}", 1, "invalid_utf8")
    ]
    bad = answer(gzip.compress(PAGE.encode())[:-9], "text/html", {"Content-Encoding": "gzip"})
    path.write_bytes(record("response", bad, "application/http"))
    (batch,) = batches(path, text="html")
    assert [one.reason for one in batch.rejected] == ["invalid_page"]


WHOLE = b"".join(WET)
DAMAGED = {
    "cut in a block": (WHOLE[:-900], rf"cut short in the record that begins at byte {len(WHOLE) - len(WET[4])}: .* bytes of 3000 are missing"),
    "cut in headers": (WHOLE[: len(WET[0]) + 40], rf"cut short in the record that begins at byte {len(WET[0])}: within its headers"),
    "no length": (WET[0].replace(b"Content-Length", b"Content-Lenght"), "the record at byte 0 says no length"),
    "a wrong length": (WET[1].replace(b"Content-Length: 2", b"Content-Length: 1") + WET[1], r"byte \d+ is no record of WARC, it begins with b'"),
    "no WARC": (b"something else\r\n\r\n" * 20, "byte 0 is no record of WARC"),
    "headers without an end": (b"WARC/1.0\r\n" + b"x" * (3 << 20), "the headers of the record at byte 0 do not end"),
    "a record that is too long": (record("conversion", b"x" * (2 << 20), "text/plain"), "the record at byte 0 is longer than 1048576"),
}  # fmt: skip


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_names_the_record(tmp_path, data):
    path = tmp_path / "x.wet"
    path.write_bytes(data[0])
    with pytest.raises(DataError, match=data[1]) as caught:
        batches(path)
    assert str(path) in str(caught.value)


def test_a_compressed_file_that_is_cut_is_an_error(tmp_path):
    path = tmp_path / "x.warc.wet.gz"
    path.write_bytes(warc_file(WET)[:-20])
    with pytest.raises(DataError, match="the gzip stream is cut short"):
        batches(path)


def test_a_page_that_is_a_bomb_is_a_letter(tmp_path):
    """R9: what a page unpacks to is bounded too."""
    bomb = answer(gzip.compress(bytes(100 << 20)), "text/html", {"Content-Encoding": "gzip"})
    path = tmp_path / "x.warc"
    path.write_bytes(record("response", bomb, "application/http"))
    (batch,) = batches(path, text="html")
    assert [one.reason for one in batch.rejected] == ["invalid_page"]


@pytest.mark.parametrize("seed", range(3))
def test_damage_is_letters_or_one_error(tmp_path, seed):
    """R6: flipped, cut and added bytes are documents, dead letters or one DataError, and nothing else."""
    dice = random.Random(seed)
    wholes = [WHOLE, b"".join(PAGES)]
    for number in range(150):
        data = bytearray(dice.choice(wholes))
        for _ in range(dice.choice([1, 1, 3])):
            at = dice.randrange(len(data))
            if dice.random() < 0.7:
                data[at] ^= 1 << dice.randrange(8)
            else:
                del data[at : at + dice.randrange(1, 300)]
        path = tmp_path / f"{number}.warc"
        path.write_bytes(gzip.compress(bytes(data)) if number % 2 else bytes(data))
        try:
            batches(
                path, format="warc.gz" if number % 2 else "warc", text=dice.choice(["html", "text", "json.a"])
            )
        except PairloomError as error:
            assert str(path) in str(error), error  # noqa: PT017
