"""Google Cloud Storage and Azure: the conditional requests that a commit rests on, as their references spell them.

Against stand-ins: no emulator of either is needed, and none is proof of the service.
"""

from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError, StorageError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.store.location import check_writable, open_objects
from pairloom.pipeline.store.remote import files as remote_files
from pairloom.pipeline.store.remote.faults import http_status, is_transient, persist, scrub
from tests.support import stand_ins
from tests.support.corpora import contents, documents, recipe_for, write_jsonl

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")


@pytest.fixture(params=["gcs", "azure"])
def store(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, request.getfixturevalue(f"{request.param}_root")


def test_the_condition_is_sent(store: tuple[str, str]) -> None:
    kind, root = store
    objects = open_objects(root)
    stand_ins.SEEN.clear()
    objects.put_if_absent("a", b"1")
    objects.put("b", b"1")
    puts = [(path, headers) for method, path, headers in stand_ins.SEEN if method in {"PUT", "POST"}]
    assert len(puts) == 2
    if kind == "gcs":
        assert ["ifGenerationMatch=0" in path for path, _ in puts] == [True, False]
    else:
        assert [headers.get("If-None-Match") for _, headers in puts] == ["*", None]


def test_an_upload_in_parts(store: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "PART", 2 << 20)
    objects = open_objects(store[1])
    data = bytes(range(256)) * (5 << 12)
    with objects.create("x") as file:
        file.write(data)
    assert objects.read("x") == data
    with objects.open("x") as opened:
        opened.seek(3_000_001)
        assert opened.read(999) == data[3_000_001:3_001_000]


def test_a_whole_run(store: tuple[str, str], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(30))
    here = run(recipe_for(tmp_path))
    there = run(recipe_for(tmp_path, f"root={store[1]}"))
    assert contents(there) == contents(here)
    assert open_dataset(store[1]).table().equals(open_dataset(str(tmp_path / "out")).table())


def test_a_store_that_ignores_the_condition_is_refused(
    store: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_ins, "CONDITIONS", False)
    with pytest.raises(RecipeError, match="only if it is absent"):
        check_writable(open_objects(store[1]))


class Http(Exception):  # noqa: N818
    def __init__(self, status: int, code: str = "x") -> None:
        super().__init__(f"{status} of https://me:SECRET@host/x?sig=SECRET&a=1")
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code}}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairloom.pipeline.store.remote.faults.FIRST_PAUSE", 0.0)
    tries = iter([Http(status), ConnectionResetError(), TimeoutError(), None])

    def request() -> str:
        if (error := next(tries)) is not None:
            raise error
        return "answer"

    assert persist("reading x", request, attempts=4) == "answer"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 501])
def test_what_stays_is_not(status: int) -> None:
    assert http_status(Http(status)) == status
    assert not is_transient(Http(status))
    assert is_transient(Http(status, "SlowDown"))


def test_bugs_are_no_faults() -> None:
    def request() -> None:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        persist("reading x", request, attempts=4)


def test_messages_hold_no_secrets() -> None:
    def request() -> None:
        raise OSError(5, str(Http(500)))

    with pytest.raises(StorageError, match=r"^reading x failed: OSError: ") as caught:
        persist("reading x", request, attempts=4)
    assert "SECRET" not in str(caught.value)
    assert scrub("?X-Amz-Signature=SECRET&upload_id=SECRET;") == "?X-Amz-Signature=***&upload_id=***;"
