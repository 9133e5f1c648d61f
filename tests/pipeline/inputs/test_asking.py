"""File systems elsewhere: one line with the true cause."""

import io
import socket

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import DataError, PairloomError, RecipeError, StorageError
from pairloom.pipeline.inputs import storage
from pairloom.pipeline.inputs.asking import asking, true_cause
from pairloom.pipeline.inputs.checking import check_sources
from pairloom.pipeline.inputs.intake import Intake
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource
from tests.support.websites import WAYS, website


class NoCredentialsError(Exception):
    """As cloud libraries raise it: no error of the operating system."""


def test_no_credentials_is_a_matter_of_the_recipe() -> None:
    """F10: one line, and exit code 2."""
    with (
        pytest.raises(
            RecipeError, match=r"^s3://b/x: no access: NoCredentialsError: Unable to locate credentials; give"
        ),
        asking("s3://b/x"),
    ):
        raise NoCredentialsError("Unable to locate credentials")


def test_a_missing_file_hides_nothing() -> None:
    """F10: a library that says that there is no file where nobody has answered."""
    hiding = FileNotFoundError("http://x")
    hiding.__cause__ = ConnectionRefusedError("refused")
    with pytest.raises(RecipeError, match="nobody answers there: ConnectionRefusedError"), asking("http://x"):
        raise hiding
    with pytest.raises(FileNotFoundError), asking("http://x"):
        raise FileNotFoundError("http://x")
    assert str(true_cause(ValueError("a"))) == "a"


# What is said, and of which kind it is, of a file that is listed, looked at and read.
SAID = {
    "no-size": (RecipeError, "its size is not known to the server"),
    "401": (RecipeError, "no access: .*401.*give credentials"),
    "403": (RecipeError, "no access: .*403"),
    "404": (RecipeError, "there is no such file"),
    "500": (StorageError, "the server failed: .*500.*try again"),
    "503": (StorageError, "the server failed: .*503"),
    "401-later": (RecipeError, "no access: .*401"),
    "500-later": (StorageError, "the server failed: .*500"),
    "404-later": (DataError, "changed during the run: it is gone"),
    "cut": (StorageError, "the server hung up before all was there: .*received [0-9]+ of [0-9]+"),
    "long": (StorageError, "asked for bytes 0 to [0-9]+, the server sent [0-9]+ instead of"),
    "page": (DataError, "its first bytes are those of HTML"),
    "loop": (RecipeError, "nothing can be read there: TooManyRedirects.*correct the address"),
    "garbage": (
        RecipeError,
        "nothing can be read there: BadStatusLine.*220 mail.example.*correct the address",
    ),
    "silent": (StorageError, "the server has stopped answering"),
}


def corpus(form: str) -> tuple[list[str], bytes]:
    texts = [f"some words, number {k}" for k in range(2000)]
    if form == "jsonl":
        return texts, b"".join(b'{"text": "%s"}\n' % text.encode() for text in texts)
    pq.write_table(pa.table({"text": texts}), sink := io.BytesIO(), row_group_size=500)
    return texts, sink.getvalue()


def documents(address: str) -> list[str]:
    """Everything that a run does with a file: listed, looked at, cut, read."""
    source = CorpusSource(name="s", paths=(address,))
    files = list_inputs(source)
    check_sources([(source, files)], max_rejected=0.0, max_record_bytes=1 << 30)
    units = plan_units(source, files, 1 << 30)
    return [
        t for unit in units for batch in Intake(unit, 1 << 30).documents() for t in batch.content.to_pylist()
    ]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("way", WAYS)
def test_whatever_a_server_does_is_said_or_read_whole(
    monkeypatch: pytest.MonkeyPatch, way: str, form: str
) -> None:
    """F10, R8: the true cause in one line, of the kind that says whether to correct the recipe or to try again.

    The address has words and numbers in it that would be causes elsewhere.
    """
    pytest.importorskip("aiohttp")
    monkeypatch.setattr(storage, "READ_SECONDS", 0.3)
    fsspec.AbstractFileSystem.clear_instance_cache()
    texts, body = corpus(form)
    with website(body) as url:
        address = f"{url}/{way}/oranges-401-offline.{form}"
        if way not in SAID:
            assert documents(address) == texts
            return
        kind, said = SAID[way]
        with pytest.raises(kind, match=said) as failed:
            documents(address)
        assert address in str(failed.value)
        assert len(str(failed.value).splitlines()) == 1


def test_a_large_file_needs_a_server_that_gives_ranges() -> None:
    """F10: what cannot be read in pieces is refused, and no piece is taken for the whole."""
    pytest.importorskip("aiohttp")
    body = b'{"text": "%s"}\n' % (b"a" * 1000) * 30_000
    with website(body) as url:
        with pytest.raises(RecipeError, match=r"the server does not give ranges of bytes.*copy the file"):
            documents(f"{url}/no-ranges/a.jsonl")
        assert len(documents(f"{url}/short/a.jsonl")) == 30_000


def test_nobody_is_there() -> None:
    """F10: a server that is not there is no file that is not there."""
    pytest.importorskip("aiohttp")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RecipeError, match="nobody answers there"):
        list_inputs(CorpusSource(name="s", paths=(f"http://127.0.0.1:{port}/x.jsonl",)))


@pytest.mark.parametrize("name", ["a.jsonl", "*.jsonl"])
@pytest.mark.parametrize(
    ("way", "kind", "said"),
    [
        ("401", RecipeError, "no access: .*401"),
        ("403", RecipeError, "no access: .*403"),
        ("404", RecipeError, "there is no such file"),
        ("500", StorageError, "the server failed: .*500.*try again"),
        ("page", RecipeError, "nothing can be read there"),
        ("loop", RecipeError, "nothing can be read there: TooManyRedirects"),
        ("garbage", RecipeError, "nothing can be read there: .*220 mail"),
        ("offline", RecipeError, "nobody answers there: .*offline mode is enabled"),
        ("", RecipeError, "nobody answers there: .*refused"),
    ],
)
def test_a_hub_that_does_not_answer_well(
    monkeypatch: pytest.MonkeyPatch, name: str, way: str, kind: type[PairloomError], said: str
) -> None:
    """F10: `hf://` without a network, without rights, and where there is no such repository."""
    hub = pytest.importorskip("huggingface_hub")
    if way == "offline":
        monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    fsspec.AbstractFileSystem.clear_instance_cache()
    with website(b"") as url:
        monkeypatch.setitem(
            fsspec.config.conf, "hf", {"endpoint": f"{url}/{way}" if way else "http://127.0.0.1:9"}
        )
        with pytest.raises(kind, match=said) as failed:
            list_inputs(CorpusSource(name="s", paths=(f"hf://datasets/some/repository/{name}",)))
    assert len(str(failed.value).splitlines()) == 1
    fsspec.AbstractFileSystem.clear_instance_cache()


def test_a_wrong_address_is_a_matter_of_the_recipe() -> None:
    """F10: an address that its library refuses to read."""
    pytest.importorskip("huggingface_hub")
    for wrong in ("hf://a.jsonl", "hf://datasets/x y/z?/a.jsonl"):
        with pytest.raises(RecipeError, match="nothing can be read there"):
            list_inputs(CorpusSource(name="s", paths=(wrong,)))


def test_signatures_are_not_printed() -> None:
    with pytest.raises(StorageError) as failed, asking("s3://b/x"):
        raise OSError("GET https://host/x?X-Amz-Signature=secret failed")
    assert "secret" not in str(failed.value)
