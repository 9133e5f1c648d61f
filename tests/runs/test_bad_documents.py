"""Bad input of every kind that a source may have, in whole runs: one line that names file, position, reason and next step."""

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.hub import patience
from pairloom.pipeline.inputs.lists import entries_of, find_lists
from pairloom.pipeline.recipe.reading import load_recipe
from tests.support.hub import Hub
from tests.support.warc import record, warc_file

RECORDS = [{"id": f"d{i}", "text": f"words {i}", "tags": ["a", "b"], "meta": {"n": i}} for i in range(30)]


def jsonl(path: Path, records: list[Any] = RECORDS) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))


def parquet(path: Path, records: list[Any] = RECORDS) -> None:
    pq.write_table(pa.Table.from_pylist(records), path)


def zipped(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def types_change(folder: Path) -> None:
    jsonl(folder / "a.jsonl")
    jsonl(folder / "b.jsonl", [*RECORDS[:3], {"text": "x", "meta": {"n": "many"}}])


def tables_change(folder: Path) -> None:
    parquet(folder / "a.parquet")
    parquet(folder / "b.parquet", [{"text": "x", "meta": {"n": ["many"]}}])


def nested_archives(folder: Path) -> None:
    (folder / "a.zip").write_bytes(zipped({"one.md": b"one", "more/in.zip": zipped({"x.md": b"x"})}))


WHOLE = [record("conversion", b"words " * 50, "text/plain", number=k) for k in range(9)]


def cut_warc(folder: Path) -> None:
    (folder / "a.warc.wet").write_bytes(b"".join(WHOLE)[:-100])


def cut_packed_warc(folder: Path) -> None:
    (folder / "a.warc.wet.gz").write_bytes(warc_file(WHOLE)[:-30])


def lines(folder: Path) -> None:
    jsonl(folder / "a.jsonl")


def table(folder: Path) -> None:
    parquet(folder / "a.parquet")


def calling(function: str, **keys: Any) -> dict[str, Any]:
    return {"steps": [{"python": {"call": f"tests.support.steps:{function}", "version": "1", **keys}}]}


N = [{"name": "n", "field": "meta.n", "type": "int32"}]

OTHER = "name another column, or read such files as a source of their own"
AGAIN = "correct the source's text"
# What makes the files, what the source says of them, and what must be said: file, position, reason, next step.
CASES: dict[str, tuple[Callable[[Path], None], dict[str, Any], tuple[str, str, str, str]]] = {
    "a path into a list, of JSON": (lines, {"text": "tags"}, ("a.jsonl", "byte 0", "'tags' is an array", "list_separator says")),
    "a path into a list, of a table": (table, {"text": "tags"}, ("a.parquet", "column 'tags'", "of type list", "list_separator says")),
    "a path through a list": (lines, {"text": "tags.first"}, ("a.jsonl", "byte 0", "'tags.first' is an array", "list_separator says")),
    "a template with an unknown field, of JSON": (lines, {"text": "{txet} {id}"}, ("a.jsonl", "byte 0", "no field 'txet'", "did you mean 'text'")),
    "a template with an unknown field, of a table": (table, {"text": "{txet} {id}"}, ("a.parquet", "'txet'", "no column named", "did you mean 'text'")),
    "a field that is called like nothing": (lines, {"text": "{zzzz} {id}"}, ("a.jsonl", "byte 0", "no field 'zzzz'. The record has ['id', 'text'", "correct the source's text")),
    "a type that changes between files, of JSON": (types_change, {"columns": N}, ("b.jsonl", "row 3", "'meta.n' is 'many', and the column n is int32", "Correct the input, or set max_rejected")),
    "a type that changes between files, of tables": (tables_change, {"columns": N}, ("b.parquet", "column 'meta.n'", "list<element: string>, and the column n is int32", OTHER)),
    "a type that changes, in a condition": (types_change, {"where": "meta.n >= 0"}, ("b.jsonl", "byte ", "'meta.n' is 'many', and it is compared with a number", "Correct the input, or set max_rejected")),
    "a type that changes, in a condition on tables": (tables_change, {"where": "meta.n >= 0"}, ("b.parquet", "column 'meta.n'", "compares it with a number", OTHER)),
    "a struct where text was promised, of JSON": (lines, {"text": "meta"}, ("a.jsonl", "byte 0", "'meta' is an object", "name a field of it, as 'meta.n'")),
    "a struct where text was promised, of a table": (table, {"text": "meta"}, ("a.parquet", "column 'meta'", "of type struct", "name a field of it, as 'meta.n'")),
    "a struct in a template": (table, {"text": "{id}: {meta}"}, ("a.parquet", "column 'meta'", "of type struct", "name a field of it, as 'meta.n'")),
    "an expression with an unknown field, of JSON": (lines, {"where": "meta.m > 3"}, ("a.jsonl", "first 16 records", "has the field 'meta.m'", "did you mean 'meta.n'")),
    "an expression with an unknown field, of a table": (table, {"where": "meta.m > 3"}, ("a.parquet", "'meta.m'", "has no field 'm'", "did you mean 'meta.n'")),
    "a function that raises": (lines, calling("english"), ("a.jsonl", "row 0", "KeyError: 'lang'", "Correct the function, or set on_error: reject")),
    "a function with too short a mask": (lines, calling("short_mask"), ("a.jsonl", "short_mask", "a mask of 29 for 30 documents", "of true (keep) and false for each of the 30")),
    "a function that loses documents": (lines, calling("drops_in_silence"), ("a.jsonl", "drops_in_silence", "gave 29 documents for 30", "use batch.drop(mask, reason)")),
    "a function that changes ids": (lines, {"id": "id", **calling("renames")}, ("a.jsonl", "renames", "changed the ids of documents", "give back those that it got")),
    "an archive in an archive": (nested_archives, {}, ("a.zip", "!/more/in.zip", "an archive in an archive is not read", "unpack the archive, or choose other members")),
    "a WARC file that is cut": (cut_warc, {}, ("a.warc.wet", "the record that begins at byte 4192", "96 bytes of 300 are missing", "fetch it again")),
    "a packed WARC file that is cut": (cut_packed_warc, {}, ("a.warc.wet.gz", "at byte 1661", "the gzip stream is cut short", "fetch or compress it again")),
}  # fmt: skip


def recipe(folder: Path, keys: dict[str, Any]) -> Recipe:
    source = {"name": "some", "paths": [str(folder / "in" / "*")], **keys}
    made = {
        "root": str(folder / "out"),
        "corpus": [source],
        "vocabulary": {"size": 260},
        "execution": {"engine": "local"},
    }
    return Recipe.model_validate(made)


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_said(tmp_path: Path, case: str) -> None:
    make, keys, said = CASES[case]
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    with pytest.raises(PairloomError) as caught:
        run(recipe(tmp_path, keys))
    said_of = [line for line in str(caught.value).splitlines() if said[0] in line]
    assert said_of, str(caught.value)
    for part in said[:3]:
        assert part in said_of[0]
    assert said[3] in str(caught.value)


def test_a_typo_in_an_expression_is_shown_in_the_recipe(tmp_path: Path) -> None:
    """The file is the recipe, and the position the line and the character."""
    path = tmp_path / "recipe.yaml"
    path.write_text("corpus:\n  - name: some\n    paths: in/*\n    where: meta.n >> 3\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    for part in (str(path), "line 4", "where: character 9: expected a number", "meta.n > <-here-> > 3"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("status", "reason", "step"),
    [
        (404, "the Hub shows no dataset org/wiki", "correct"),
        (401, "no access: the Hub shows no dataset org/wiki to this user, who has no token", "HF_TOKEN"),
        (429, "busy and says to wait", "run again later"),
        (500, "the server failed", "try again later"),
    ],
)
def test_a_hub_that_refuses(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, reason: str, step: str
) -> None:
    mine, sleep = threading.get_ident(), time.sleep
    monkeypatch.setattr(
        patience.time, "sleep", lambda seconds: None if threading.get_ident() == mine else sleep(seconds)
    )
    hub.repo("datasets/org/wiki", {"data/a.jsonl": b'{"text": "a"}\n'})
    hub.moody("/revision/", status, 100_000, Retry_After="600")
    with pytest.raises(PairloomError) as caught:
        run(recipe(tmp_path, {"paths": ["hf://datasets/org/wiki/data/*.jsonl"]}))
    text = str(caught.value)
    assert "\n" not in text
    for part in ("hf://datasets/org/wiki/data/", reason, step):
        assert part in text


@pytest.mark.rare("pipeline/inputs", "operators/documents", "operators/selection")
def test_a_list_of_ten_million_ids(tmp_path: Path) -> None:
    """It is read once, in the memory that is foretold for it, and leaves out what is on it."""
    (tmp_path / "in").mkdir()
    lines(tmp_path / "in")
    count = 10_000_000
    numbers = pa.array(np.arange(count) + 25)
    ids = pc.binary_join_element_wise("d", numbers.cast(pa.string()), "")
    pq.write_table(pa.table({"id": ids}), tmp_path / "gone.parquet")
    step = {"exclude_ids": {"ids": str(tmp_path / "gone.parquet")}}
    asked = recipe(tmp_path, {"id": "id", "steps": [step]})
    made = run(asked)
    assert made.stages["tokenize"].ledger.filtered == {"exclude_ids: listed": 5}
    assert verify(open_dataset(asked.root)).looked_up == 25
    ((found,),) = find_lists(asked.corpus[0])
    assert entries_of(found).numbers.nbytes == 8 * count
