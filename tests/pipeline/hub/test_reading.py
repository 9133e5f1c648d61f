"""The Hub as an input: revisions, listings, ranges, and everything that it answers badly."""

import json
import threading
import time

import pytest

from pairloom.operators.errors import PairloomError, RecipeError, StorageError
from pairloom.pipeline.hub import patience
from pairloom.pipeline.hub.place import place_of
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.listing import list_inputs, list_source
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.storage import open_input
from pairloom.pipeline.recipe import CorpusSource
from tests.support.hub import Hub

TEXT = b'{"text": "a moor is wet"}\n' * 20
FILES = {
    "README.md": b"# small",
    "data/a.jsonl": TEXT,
    "data/b.jsonl": b'{"text": "x"}\n',
    "data/deep/c.jsonl": b'{"text": "y"}\n',
    "data/.hidden.jsonl": b"no",
}


def source(*paths: str, **keys: object) -> CorpusSource:
    return CorpusSource.model_validate({"name": "some", "paths": paths, **keys})


def named(files: list[InputFile]) -> list[str]:
    return [file.uri.removeprefix("hf://datasets/org/wiki/") for file in files]


def test_one_commit_one_listing(hub: Hub) -> None:
    """A revision is asked for once, a folder listed once, whatever the paths; URIs have no revision, versions are hashes."""
    commit = hub.repo("datasets/org/wiki", FILES).branches["main"]
    known = Repositories()
    paths = ("hf://datasets/org/wiki@main/data/**/*.jsonl", "hf://datasets/org/wiki/data/a.jsonl")
    files = list_source(source(*paths), hub=known).files
    assert named(files) == ["data/a.jsonl", "data/b.jsonl", "data/deep/c.jsonl"]
    assert known.commits == {"hf://datasets/org/wiki@main": commit}
    assert {file.commit for file in files} == {commit}
    assert [len(file.version) for file in files] == [64, 40, 40]
    assert (hub.count("/revision/"), hub.count("/tree/")) == (1, 2)  # the listing has two pages


def test_files_are_read_by_ranges_at_their_commit(hub: Hub) -> None:
    """What is committed meanwhile changes nothing, and nobody asks again."""
    repo = hub.repo("datasets/org/wiki", FILES)
    files = list_inputs(source("hf://datasets/org/wiki/data/*.jsonl"))
    assert named(files) == ["data/a.jsonl", "data/b.jsonl"]
    repo.commit({"data/a.jsonl": b"other"})
    before = len(hub.asked)
    with open_input(files[0]) as handle:
        assert handle.read(26) == TEXT[:26]
        handle.seek(52)
        assert handle.read() == TEXT[52:]
    assert all("/resolve/" in one or "/large/" in one for one in hub.asked[before:])
    assert hub.ranges == [f"bytes=0-{len(TEXT) - 1}"]  # it is smaller than a window


def test_a_token_is_for_the_hub_alone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repo("datasets/org/wiki", FILES).private = True
    with pytest.raises(
        RecipeError,
        match=r"no access: the Hub shows no dataset org/wiki to this user, who has no token .*set HF_TOKEN",
    ):
        list_inputs(source("hf://datasets/org/wiki/data/*.jsonl"))
    monkeypatch.setenv("HF_TOKEN", hub.token)
    files = list_inputs(source("hf://datasets/org/wiki/data/*.jsonl"))
    with open_input(files[0]) as handle:
        assert handle.read() == TEXT
    assert not hub.tokens_elsewhere
    assert hub.token not in repr(files)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("hf://datasets/org/wiki/data/no.jsonl", "data/no.jsonl: there is no such file"),
        ("hf://datasets/org/wiki/no/*.jsonl", "there is no folder no in it"),
        (
            "hf://datasets/org/wiki/data",
            r"a folder; name the files in it, for example hf://datasets/org/wiki/data/\*\*",
        ),
        ("hf://datasets/org/wiki", "a folder; name the files in it"),
        ("hf://datasets/org/wiki@v9/data/*.jsonl", "has no revision 'v9'; correct what stands behind the @"),
        ("hf://datasets/org/none/*.jsonl", "shows no dataset org/none to this user, who has no token"),
        ("hf://datasets/wiki/*.jsonl", "nothing can be read there: write hf://datasets/OWNER/NAME/PATH"),
        ("hf://datasets/org/wiki@/x", "nothing can be read there: write"),
        ("hf://datasets/org/wiki/../x", "has no . and .. in it"),
        ("hf://hf_" + "x" * 30 + "/wiki/a.jsonl", r"hf_\*\*\*/wiki/a.jsonl has a token in it"),
    ],
)
def test_wrong_paths(hub: Hub, path: str, said: str) -> None:
    hub.repo("datasets/org/wiki", FILES)
    with pytest.raises(RecipeError, match=said):
        list_inputs(source(path))


def test_back_pressure_is_no_failure(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """429 with `Retry-After` is waited for, more often than anything may fail."""
    waited: list[float] = []
    mine, sleep = threading.get_ident(), time.sleep

    def waits(seconds: float) -> None:  # other threads of the process sleep too
        if threading.get_ident() == mine:
            waited.append(seconds)
        else:
            sleep(seconds)

    monkeypatch.setattr(patience.time, "sleep", waits)
    hub.repo("datasets/org/wiki", FILES)
    hub.moody("/revision/", 429, 30, Retry_After="7")
    files = list_inputs(source("hf://datasets/org/wiki/data/*.jsonl"))
    assert waited == [7.0] * 30
    waited.clear()
    hub.moody("/large/", 429, 12, RateLimit='"resolvers";r=0;t=41')
    with open_input(files[0]) as handle:
        assert handle.read() == TEXT
    assert waited == [41.0] * 12


def test_patience_ends(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, sleep = threading.get_ident(), time.sleep
    monkeypatch.setattr(
        patience.time, "sleep", lambda seconds: None if threading.get_ident() == mine else sleep(seconds)
    )
    hub.repo("datasets/org/wiki", FILES)
    hub.moody("/revision/", 429, 10_000, Retry_After="600")
    with pytest.raises(
        StorageError, match="busy and says to wait, which it has now done for 3,600 s; run again later"
    ):
        list_inputs(source("hf://datasets/org/wiki/data/*.jsonl"))
    assert hub.count("/revision/") == 7


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, RecipeError, "no access: the Hub shows no dataset org/wiki to this user, who has no token"),
        (
            403,
            RecipeError,
            "no access: .*403.*accept the terms on the page of org/wiki",
        ),
        (404, RecipeError, "there is no such file: the Hub shows no dataset org/wiki"),
        (400, RecipeError, "refuses the request"),
        (500, StorageError, "the server failed: asked [38] times, the last time .*500.*try again later"),
        (503, StorageError, "the server failed: .*503"),
    ],
)
@pytest.mark.parametrize("part", ["/revision/", "/resolve/"])
def test_bad_answers(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[PairloomError], said: str, part: str
) -> None:
    """One line that names the file and what to do, where files are listed as where they are read."""
    hub.repo("datasets/org/wiki", FILES)
    files = list_inputs(source("hf://datasets/org/wiki/data/*.jsonl"))
    hub.moody(part, status, 1000)

    def read() -> None:
        with open_input(files[0]) as handle:
            handle.read(1)

    with pytest.raises(kind, match=said) as raised:
        read() if part == "/resolve/" else list_inputs(source("hf://datasets/org/wiki/data/*.jsonl"))
    assert str(raised.value).startswith("hf://datasets/org/wiki/data/")
    assert "\n" not in str(raised.value)


def test_what_fails_now_and_then_is_asked_again(hub: Hub) -> None:
    hub.repo("datasets/org/wiki", FILES)
    hub.moody("/revision/", 500, 2)
    files = list_inputs(source("hf://datasets/org/wiki/data/*.jsonl"))
    hub.moody("/large/", 502, 7)
    with open_input(files[0]) as handle:
        assert handle.read() == TEXT


def test_one_repository_at_two_commits(hub: Hub) -> None:
    repo = hub.repo("datasets/org/wiki", FILES)
    repo.branches["same"] = repo.branches["main"]
    repo.commit({"z.jsonl": b""}, "other")
    assert list_inputs(
        source("hf://datasets/org/wiki/data/a.jsonl", "hf://datasets/org/wiki@same/data/b.jsonl")
    )
    with pytest.raises(RecipeError, match="is asked for at main and at other, which are different commits"):
        list_inputs(source("hf://datasets/org/wiki/data/a.jsonl", "hf://datasets/org/wiki@other/z.jsonl"))


def test_exclusions(hub: Hub) -> None:
    hub.repo("datasets/org/wiki", FILES)
    for pattern in ("b.jsonl", "hf://datasets/org/wiki/data/b.*", "hf://datasets/org/wiki@main/data/b.*"):
        kept = list_inputs(source("hf://datasets/org/wiki@main/data/*.jsonl", exclude=[pattern]))
        assert named(kept) == ["data/a.jsonl"]


def test_a_saved_folder_on_the_hub(hub: Hub) -> None:
    state = json.dumps({"_data_files": [{"filename": "data-0.arrow"}]}).encode()
    hub.repo("datasets/org/wiki", {"s/state.json": state, "s/data-0.arrow": b"x", "s/cache-1.arrow": b"y"})
    assert named(list_inputs(source("hf://datasets/org/wiki/s"))) == ["s/data-0.arrow"]
    hub.repo("datasets/org/odd", {"s/state.json": state, "s/cache-1.arrow": b"y"})
    with pytest.raises(RecipeError, match=r"names s/data-0.arrow, which is not there"):
        list_inputs(source("hf://datasets/org/odd/s"))


def test_places() -> None:
    """A branch may have a slash that is escaped, and special ones have slashes."""
    assert place_of("hf://datasets/o/n@refs/convert/parquet/x/y").revision == "refs/convert/parquet"
    assert place_of("hf://datasets/o/n@a%2Fb/x").revision == "a/b"
    assert place_of("hf://models/o/n/x").uri() == "hf://o/n/x"
    assert place_of("hf://spaces/o/n/x").kind == "space"
