"""Exports to the Hub: one commit with all files, a card and metadata, and the same again after whatever went wrong."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pairloom as pl
from pairloom.operators.errors import ConflictError, RecipeError, StorageError
from pairloom.pipeline import run
from pairloom.pipeline.export.hub.card import BEGIN, END, merged
from pairloom.pipeline.hub import patience
from tests.support.command import Command
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.hub import Hub, Repo

# The library of the Hub sends bytes in a way that the one below it has given up.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

TO = "hf://datasets/org/packed"


@pytest.fixture
def root(tmp_path: Path) -> str:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(120))
    run(recipe_for(tmp_path, "pack.file_tokens=2000", "pack.seq_len=32"))
    return str(tmp_path / "out")


@pytest.fixture
def allowed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A Hub that this machine has a token for, where every wait is short."""
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setattr(patience.time, "sleep", lambda _: None)
    return hub


def files(repo: Repo) -> dict[str, bytes]:
    return repo.commits[repo.branches["main"]]


def publish(root: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = pl.export(root, TO, format="parquet", **more).facts
    return found


def test_one_commit_with_everything(allowed: Hub, root: str, tmp_path: Path) -> None:
    said = publish(root, license="cc-by-4.0")
    repo = allowed.repos["datasets/org/packed"]
    assert repo.private
    assert len(repo.commits) == 2  # the first is that of a new repository
    there = files(repo)
    assert {"README.md", "croissant.json", "export.json", "tokenizer.json"} < set(there)

    # The files are those of an export into a folder, and open as such.
    pl.export(root, tmp_path / "plain", format="parquet")
    tables = {path.name: path.read_bytes() for path in (tmp_path / "plain").glob("*.parquet")}
    assert len(tables) > 1
    assert {name: data for name, data in there.items() if name.endswith(".parquet")} == tables
    assert there["tokenizer.json"] == pl.open(root).vocabulary().to_json()

    stated = json.loads(there["export.json"])
    assert {one["path"]: one["sha256"] for one in stated["files"]} == {
        name: hashlib.sha256(there[name]).hexdigest() for name in (*tables, "tokenizer.json")
    }
    assert str(tmp_path) not in "".join(data.decode("utf-8", "replace") for data in there.values())
    assert (said["hub"]["sent"], said["hub"]["there"]) == (len(tables) + 1, 0)
    assert said["hub"]["commit"] == repo.branches["main"]


def test_the_card_says_what_there_is(allowed: Hub, root: str) -> None:
    publish(root, license="cc-by-4.0")
    card = files(allowed.repos["datasets/org/packed"])["README.md"].decode()
    manifest = pl.open(root).manifest
    header, _, text = card.removeprefix("---\n").partition("---\n")
    assert "license: cc-by-4.0\n" in header
    assert '    path: "*.parquet"\n' in header
    ledger = manifest.stages["tokenize"].ledger
    for words in (
        f"| lines | {ledger.documents_out:,} | {ledger.tokens:,} | 0 | 0 |",
        f"| read | {ledger.documents_in:,} |",
        f"| empty | {ledger.empty:,} |",
        f"| kept | {ledger.documents_out:,} |",
        f"Fingerprint `{manifest.fingerprint}`, learned from these documents; after each document stands `<|endoftext|>`",
        "## Licence\n\ncc-by-4.0",
    ):
        assert words in text


def test_the_metadata_names_files_and_columns(allowed: Hub, root: str, tmp_path: Path) -> None:
    publish(root)
    there = files(allowed.repos["datasets/org/packed"])
    said = json.loads(there["croissant.json"])
    assert (said["@type"], said["conformsTo"]) == ("sc:Dataset", "http://mlcommons.org/croissant/1.0")
    sums = {one["@id"]: one["sha256"] for one in said["distribution"] if one["@type"] == "cr:FileObject"}
    parts = [name for name in there if name.endswith(".parquet")]
    assert {name: sums[name] for name in parts} == {
        name: hashlib.sha256(there[name]).hexdigest() for name in parts
    }
    (tmp_path / "one.parquet").write_bytes(there[parts[0]])
    (records,) = said["recordSet"]
    columns = [field["source"]["extract"]["column"] for field in records["field"]]
    assert columns == pq.read_schema(tmp_path / "one.parquet").names
    kinds = {field["name"]: (field["dataType"], field.get("repeated", False)) for field in records["field"]}
    assert kinds["input_ids"] == ("sc:Integer", True)
    named = {one["@id"] for one in said["distribution"]}
    assert all(field["source"]["fileSet"]["@id"] in named for field in records["field"])
    assert "license" not in said


@pytest.mark.parametrize("part", ["/large/", "/commit/", "/objects/batch", "/preupload/"])
def test_what_is_interrupted_is_repeated(allowed: Hub, root: str, part: str) -> None:
    """Nobody sees a part of it, and content that had arrived is not sent again."""
    left = [2]

    def mood(method: str, path: str) -> tuple[int, dict[str, str]] | None:
        if part not in path or method not in ("PUT", "POST"):
            return None
        left[0] -= 1
        return None if left[0] >= 0 and part == "/large/" else (403, {})

    allowed.mood = mood
    with pytest.raises((RecipeError, StorageError)):
        publish(root)
    repo = allowed.repos["datasets/org/packed"]
    assert set(files(repo)) == {".gitattributes"}
    had = set(allowed.large)
    assert part != "/large/" or len(had) == 2
    allowed.mood = lambda _method, _path: None
    allowed.asked.clear()
    publish(root)
    assert "export.json" in files(repo)
    sent = {one.rpartition("/")[2] for one in allowed.asked if one.startswith("PUT /large/")}
    assert not sent & had
    assert len(repo.commits) == 2


def test_the_same_again_is_nothing(allowed: Hub, root: str) -> None:
    publish(root)
    repo, before = allowed.repos["datasets/org/packed"], len(allowed.asked)
    again = publish(root)
    assert (again["hub"]["sent"], len(repo.commits)) == (0, 2)
    assert not any(one.startswith(("PUT", "POST")) for one in allowed.asked[before:])


def test_a_new_generation_takes_the_place_of_the_old(allowed: Hub, root: str, tmp_path: Path) -> None:
    """Files that it has not are removed, what somebody has written into the card and beside stays."""
    publish(root)
    repo = allowed.repos["datasets/org/packed"]
    first = files(repo)
    card = first["README.md"].decode()
    mine = (
        card.replace("tags:", "language: en\ntags:").replace(BEGIN, "My words.\n\n" + BEGIN) + "More words.\n"
    )
    repo.commit(first | {"README.md": mine.encode(), "notes.md": b"mine"})
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(30))
    run(recipe_for(tmp_path, "pack.file_tokens=2000", "pack.seq_len=32"))
    said = publish(root)
    second = files(repo)
    assert said["hub"]["removed"] > 0
    tables = {name for name in second if name.endswith(".parquet")}
    assert tables
    assert not tables & set(first)
    assert second["notes.md"] == b"mine"
    new = second["README.md"].decode()
    assert "language: en\n" in new
    assert "My words.\n\n" + BEGIN in new
    assert new.endswith(END + "\nMore words.\n")
    assert new.count(BEGIN) == 1
    assert new != mine


def test_somebody_else_commits_meanwhile(allowed: Hub, root: str) -> None:
    repo = allowed.repo("datasets/org/packed", {"x.md": b"x"})

    def mood(method: str, path: str) -> None:
        if "/preupload/" in path and "y.md" not in files(repo):
            repo.commit(files(repo) | {"y.md": b"y"})

    allowed.mood = mood
    with pytest.raises(ConflictError, match=r"somebody else has committed to .*; run the same command again"):
        publish(root)
    publish(root)
    assert {"x.md", "y.md", "export.json"} <= set(files(repo))


def test_a_commit_whose_answer_is_lost_is_found(
    allowed: Hub, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support import hub as stand_in

    whole, lost = stand_in.Repo.commit, []

    def commit(self: Repo, *given: Any) -> str:
        made = whole(self, *given)
        if given[0].get("export.json") and not lost:
            lost.append(made)
            raise ConnectionResetError
        return made

    monkeypatch.setattr(stand_in.Repo, "commit", commit)
    said = publish(root)
    assert said["hub"]["commit"] == lost[0]


@pytest.mark.parametrize(
    ("to", "more", "said"),
    [
        ("hf://org/packed", {}, "write hf://datasets/OWNER/NAME"),
        ("hf://datasets/org/packed/folder", {}, "as a whole: write hf://datasets/OWNER/NAME"),
        (TO, {"license": "my own"}, "'my own' is no identifier of a licence"),
        (TO, {"format": "tokenizer"}, "only datasets are published"),
    ],
)
def test_refusals(allowed: Hub, root: str, to: str, more: dict[str, str], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        pl.export(root, to, **({"format": "parquet"} | more))
    assert not allowed.asked


def test_who_may_not_write(hub: Hub, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="whoever writes to the Hub needs a token: set HF_TOKEN"):
        publish(root)
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    with pytest.raises(RecipeError, match="no access"):
        publish(root)


def test_files_of_others_are_left_alone(allowed: Hub, root: str) -> None:
    repo = allowed.repo("datasets/org/packed", {"tokenizer.json": b"{}"})
    with pytest.raises(
        RecipeError, match=r"holds tokenizer.json, and no export.json that says it is of an export"
    ):
        publish(root)
    assert files(repo) == {"tokenizer.json": b"{}"}


def test_cards() -> None:
    assert merged("Words.", ["license: mit"], "said").startswith(
        "---\nlicense: mit\n---\n\nWords.\n\n" + BEGIN
    )
    assert merged("---\na: b\n---\nWords.", ["license: mit"], "said").startswith(
        "---\na: b\n---\nWords.\n\n" + BEGIN
    )
    once = merged(None, [], "said")
    assert merged(once, [], "said") == once


def test_a_published_dataset_is_read_again(allowed: Hub, root: str, tmp_path: Path) -> None:
    """What goes out comes in: the rows as a corpus of tokens."""
    publish(root)
    recipe = {
        "root": f"{tmp_path}/again",
        "corpus": [{"name": "packed", "paths": [f"{TO}/*.parquet"], "tokens": "input_ids"}],
        "vocabulary": {"family": "ids", "size": 400, "special_tokens": []},
        "tokenize": {"append": []},
        "pack": {"seq_len": 32},
    }
    made = pl.run(recipe, engine="local")
    assert made.manifest.stages["tokenize"].ledger.documents_out == len(pl.open(root).table("train"))


def test_the_command(allowed: Hub, root: str, pairloom: Command) -> None:
    asked = ("export", root, "--format", "parquet")
    code, out, err = pairloom(*asked, "--to", TO, "--license", "mit")
    assert code == 0
    assert "published" in out
    assert f"files sent, 0 there already: {allowed.url}/datasets/org/packed, commit" in out
    assert "100%" not in err
    code, out, _ = pairloom(*asked, "--to", TO, "--license", "mit")
    assert (code, "0 files sent" in out) == (0, True)
    for wrong, said in (
        ((), "say where it goes, by one of --out and --to"),
        (("--out", "x", "--to", TO), "say where it goes, by one of --out and --to"),
        (("--to", "s3://b/x"), "is a repository of the Hub, as hf://datasets/OWNER/NAME"),
    ):
        code, _, err = pairloom(*asked, *wrong)
        assert code == 2
        assert said in " ".join(err.split())
