"""Document columns of a recipe reach rows, loader, exports, `inspect` and the report, whatever the way that documents take."""

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.attributes import MOST_VALUES
from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.export import export
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.repair.repair import repair
from tests.runs.test_verify import Rows, forged
from tests.support.command import Command
from tests.support.corpora import documents
from tests.support.exports import read_mds, read_parquet, read_webdataset

COLUMNS: list[Any] = [
    {"name": "lang", "field": "meta.lang"},
    {"name": "quality", "field": "meta.score", "type": "float32"},
    {"name": "stars", "type": "int64"},
    {"name": "ok", "type": "bool"},
]
TYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64", "float64")


def records(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "id": f"doc {i}",
            "text": text,
            "meta": {"lang": (None, "de", "en", "fr")[i % 4], "score": None if i % 7 == 0 else i % 10 / 8},
            "stars": None if i % 5 == 0 else (-1) ** i * i * 10**15,
            "ok": (True, None, False)[i % 3],
        }
        for i, (_, text) in enumerate(documents(count, seed=first), first)
    ]


def wanted(record: dict[str, Any]) -> dict[str, Any]:
    meta = record["meta"]
    return {"lang": meta["lang"], "quality": meta["score"], "stars": record["stars"], "ok": record["ok"]}


def store(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=20)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


SPECIAL = ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "[MASK]")


def recipe(folder: Path, *, root: str = "out", corpus: Any = None, **pack: Any) -> Recipe:
    source = {"name": "web", "paths": [str(folder / "in" / "*")], "id": "id", "columns": COLUMNS}
    return Recipe.model_validate(
        {
            "root": str(folder / root),
            "corpus": corpus or [source],
            "vocabulary": {"size": 300, "special_tokens": SPECIAL},
            "pack": {"seq_len": 48, "file_tokens": 1500, "validation": 0.2, **pack},
            "execution": {"engine": "local", "unit_bytes": 6000},
        }
    )


def said(dataset: Dataset) -> list[tuple[int, dict[str, Any]]]:
    """Of each segment of all rows, the number of its document and what its columns say."""
    columns = [dataset.columns[name] for name in wanted(records(1)[0])]
    found = []
    for split in ("train", "validation"):
        for batch in dataset.batches(split):
            for row in batch.to_pylist():
                for i, number in enumerate(row["document"]):
                    found.append((number, {c.name: c.said(row[c.name][i]) for c in columns}))
    return found


def checked(asked: Recipe, rows: list[dict[str, Any]]) -> Dataset:
    """Every segment has what its record says, and `verify` and the sources agree."""
    from pairloom.operators.selection.order import document_numbers

    dataset = open_dataset(asked.root)
    by_number = dict(
        zip(document_numbers(pa.array([row["id"] for row in rows])).tolist(), map(wanted, rows), strict=True)
    )
    found = said(dataset)
    assert len(found) > 50
    for number, values in found:
        assert values == by_number[number]
    assert {number for number, _ in found} <= by_number.keys()
    round_trip(dataset, verify(dataset), sample=3, everything=True)
    return dataset


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_columns_are_those_of_the_records(tmp_path: Path, kind: str) -> None:
    rows = records(150)
    store(tmp_path / "in" / f"a.{kind}", rows)
    run(recipe(tmp_path))
    dataset = checked(recipe(tmp_path), rows)
    columns = dataset.columns
    assert columns["lang"].meanings == ("de", "en", "fr")
    assert columns["ok"].meanings == ("false", "true")
    assert [columns[name].dtype.name for name in ("lang", "quality", "stars", "ok")] == [
        *("int32", "float32", "int64", "int8")
    ]


@pytest.mark.parametrize(
    "pack",
    [
        {"shuffle": {"mode": "block", "groups": 4}},
        {"shuffle": "none", "strategy": "concat"},
        {"shuffle": "none", "predict_every_token": True},
        {"strategy": "padded", "overflow": "truncate"},
        {"deduplicate": "exact"},
        {"steps": [{"fim": {"rate": 0.5}}]},
        {"rows": [{"masked_lm": {}}]},
    ],
)
def test_columns_take_every_way(tmp_path: Path, pack: dict[str, Any]) -> None:
    rows = records(150)
    store(tmp_path / "in" / "a.jsonl", rows)
    run(asked := recipe(tmp_path, **pack))
    checked(asked, rows)


def test_sources_may_have_different_columns_and_copies(tmp_path: Path) -> None:
    rows = records(150)
    store(tmp_path / "in" / "a.jsonl", rows)
    store(tmp_path / "more" / "b.jsonl", plain := records(40, first=1000))
    corpus = [
        {"name": "more", "paths": [str(tmp_path / "more" / "*")], "id": "id", "epochs": 2.5},
        {"name": "web", "paths": [str(tmp_path / "in" / "*")], "id": "id", "columns": COLUMNS, "epochs": 1},
    ]
    asked = recipe(tmp_path, corpus=corpus)
    run(asked)
    without = [one | {"meta": {"lang": None, "score": None}, "stars": None, "ok": None} for one in plain]
    checked(asked, rows + without)


def test_the_bytes_do_not_depend_on_units(tmp_path: Path) -> None:
    store(tmp_path / "in" / "a.jsonl", records(150))
    tables = []
    for size in (3000, 10**6):
        asked = recipe(tmp_path, root=f"out{size}")
        data = asked.model_dump(by_alias=True)
        run(Recipe.model_validate(data | {"execution": {"engine": "local", "unit_bytes": size}}))
        tables.append(open_dataset(asked.root).table().drop_columns(["quality"]))
    assert tables[0].equals(tables[1])
    assert tables[0].schema.equals(tables[1].schema, check_metadata=True)


@pytest.mark.parametrize("pack", [{}, {"shuffle": {"mode": "block", "groups": 4}}])
def test_a_new_value_is_retokenized_to_what_a_new_run_makes(tmp_path: Path, pack: dict[str, Any]) -> None:
    rows = records(150)
    store(tmp_path / "in" / "a.jsonl", rows)
    asked = recipe(tmp_path, **pack)
    run(asked)
    more = [one | {"meta": {"lang": "cs", "score": 0.5}} for one in records(30, first=500)]
    store(tmp_path / "in" / "b.jsonl", more)
    retokenize(asked)
    dataset = checked(asked, rows + more)
    assert dataset.columns["lang"].meanings == ("cs", "de", "en", "fr")
    again = recipe(tmp_path, root="again", **pack)
    data = again.model_dump(by_alias=True)
    dataset.vocabulary().save(tmp_path / "tokenizer.json")
    run(Recipe.model_validate(data | {"vocabulary": {"from": str(tmp_path / "tokenizer.json")}}))
    one, other = (open_dataset(root).table().drop_columns(["quality"]) for root in (asked.root, again.root))
    assert one.equals(other)


def test_repair_makes_lost_rows_anew_with_their_columns(tmp_path: Path) -> None:
    rows = records(150)
    store(tmp_path / "in" / "a.jsonl", rows)
    run(recipe(tmp_path))
    dataset = open_dataset(recipe(tmp_path).root)
    for stage in ("pack", "tokenize"):
        for file in dataset.manifest.stages[stage].files[:2]:
            (tmp_path / "out" / file.path).unlink()
    repair(dataset.objects.root)
    checked(recipe(tmp_path), rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("metadata")
    store(folder / "in" / "a.jsonl", records(150))
    run(recipe(folder))
    return open_dataset(recipe(folder).root)


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose missing floats are equal to each other."""
    return json.loads(json.dumps(rows).replace("NaN", "null"))  # type: ignore[no-any-return]


def test_exports_carry_columns_and_say_what_their_numbers_stand_for(made: Dataset, tmp_path: Path) -> None:
    readers = {
        "hf": lambda folder: datasets.load_from_disk(str(folder)).to_list(),
        "parquet": read_parquet,
        "mds": read_mds,
        "webdataset": read_webdataset,
    }
    names = ["lang", "quality", "stars", "ok"]
    rows = plain([{name: row[name] for name in names} for row in made.table().to_pylist()])
    for name, read in readers.items():
        facts = export(made, name, str(tmp_path / name))
        assert facts["meanings"] == {"lang": ["de", "en", "fr"], "ok": ["false", "true"]}
        assert plain([{name: row[name] for name in names} for row in read(tmp_path / name)]) == rows
    for name, read in itertools.islice(readers.items(), 1, None):
        export(made, name, str(tmp_path / f"{name}-documents"), unit="documents")
        found = read(tmp_path / f"{name}-documents")
        by_id = {row["id"]: wanted(row) for row in records(150)}
        for row in found:
            assert {n: made.columns[n].said(math.nan if row[n] is None else row[n]) for n in names} == by_id[
                row["id"]
            ]


@pytest.mark.parametrize("name", ["bin", "npy", "megatron"])
def test_formats_without_a_place_say_so(made: Dataset, tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError, match=r"no place for the column lang .*--without lang\), or choose"):
        export(made, name, str(tmp_path / "x"))
    facts = export(made, name, str(tmp_path / "x"), without=["lang", "quality", "stars", "ok"])
    assert "meanings" not in facts


def test_inspect_shows_columns(tmp_path: Path, pairloom: Command) -> None:
    root = str(tmp_path / "out")
    store(tmp_path / "in" / "a.jsonl", records(60))
    run(recipe(tmp_path, validation=0.0))
    _, out, _ = pairloom("inspect", root, "--rows", "40")
    assert re.search(
        r", from its start, lang fr, quality 0\.\d+, stars -?\d+, ok (true|false|unknown)\n", out
    )
    assert ", lang unknown, quality " in out
    assert "quality unknown, stars " in out
    _, lines, _ = pairloom("inspect", root, "--rows", "40", "--json")
    rows = [json.loads(line) for line in lines.splitlines()]
    by_id = {row["id"]: wanted(row) for row in records(60)}
    for row in rows:
        for segment in row["segments"]:
            assert segment["columns"] == by_id[segment["id"]]


def test_the_report_goes_by_a_column(made: Dataset) -> None:
    import pairloom as pl

    figures = pl.report(made.objects.root, by="lang").figures
    assert {row["group"] for row in figures["groups"]} == {"de", "en", "fr"}
    figures = pl.report(made.objects.root, by="ok").figures
    assert {row["group"] for row in figures["groups"]} == {"true", "false"}


@pytest.mark.parametrize("name", ["lang", "quality", "stars", "ok"])
def test_another_value_in_a_row_is_found(tmp_path: Path, name: str) -> None:
    store(tmp_path / "in" / "a.jsonl", records(60))
    run(recipe(tmp_path))
    made = open_dataset(recipe(tmp_path).root)

    def change(rows: Rows) -> Rows:
        rows[1][name][0] = 1 - rows[1][name][0] if rows[1][name][0] == rows[1][name][0] else 0.0
        return rows

    with pytest.raises(CorruptionError, match=r"row 1: the tokens of document -?\d+ are not exactly those"):
        verify(forged(made, "pack", change))


@pytest.mark.parametrize(
    ("column", "values", "detail"),
    [
        ("string", [{"a": 1}, [1], True, 1.5], "a text is wanted"),
        ("bool", [1, "yes", [True]], "the column x is bool"),
        ("int8", [128, -128, 1.5, "a", "200", True, [1]], "the column x is int8"),
        ("uint64", [-1, 2**64 - 1, "1e3"], "the column x is uint64 from 0 to 18446744073709551614"),
        ("float32", ["high", 1e300, {"a": 1}], "the column x is float32"),
    ],
)
def test_something_else_in_a_record_is_a_dead_letter(
    tmp_path: Path, column: str, values: list[Any], detail: str
) -> None:
    rows = [{"id": f"{i}", "text": f"some words {i}"} for i in range(40)]
    rows += [{"id": f"bad {i}", "text": "words", "x": value} for i, value in enumerate(values)]
    store(tmp_path / "in" / "a.jsonl", rows)
    source = {"name": "web", "paths": [str(tmp_path / "in" / "*")], "id": "id"}
    asked = recipe(tmp_path, corpus=[source | {"columns": [{"name": "x", "type": column}]}])
    with pytest.raises(DataError, match="column_type"):
        run(asked)
    asked = asked.model_copy(update={"max_rejected": 0.5})
    run(asked)
    dataset = open_dataset(asked.root)
    letters = list(dataset.rejected())
    assert [letter["reason"] for letter in letters] == ["column_type"] * len(values)
    assert all(detail in letter["detail"] for letter in letters)
    round_trip(dataset, verify(dataset), sample=3)


@pytest.mark.parametrize("column", TYPES)
def test_every_type_keeps_its_values(tmp_path: Path, column: str) -> None:
    values: list[Any] = [0, 1, 100, None, "7", 3.0]
    rows = [{"id": f"{i}", "text": f"some words {i}", "x": values[i % 6]} for i in range(60)]
    store(tmp_path / "in" / "a.jsonl", rows)
    source = {"name": "web", "paths": [str(tmp_path / "in" / "*")], "id": "id"}
    run(asked := recipe(tmp_path, corpus=[source | {"columns": [{"name": "x", "type": column}]}]))
    dataset = open_dataset(asked.root)
    found = [
        v
        for split in ("train", "validation")
        for b in dataset.batches(split)
        for v in b["x"].flatten().to_pylist()
    ]
    assert {dataset.columns["x"].said(value) for value in found} == {0, 1, 100, None, 7, 3}
    assert dataset.columns["x"].dtype.name == column
    round_trip(dataset, verify(dataset), sample=3)


def test_a_type_that_changes_between_files_is_named(tmp_path: Path) -> None:
    source = {
        "name": "web",
        "paths": [str(tmp_path / "in" / "*")],
        "columns": [{"name": "x", "type": "int32"}],
    }
    store(tmp_path / "in" / "a.parquet", [{"text": "some words", "x": 7}])
    store(tmp_path / "in" / "b.parquet", [{"text": "more words", "x": "8"}])  # a text that is a number is one
    store(tmp_path / "in" / "c.parquet", [{"text": "and words", "x": 9.0}])
    run(asked := recipe(tmp_path, corpus=[source], validation=0.0))
    assert sorted(open_dataset(asked.root).table()["x"].combine_chunks().flatten().to_pylist()) == [7, 8, 9]
    for value, said_of in (({"y": 1}, "struct<y: int64>"), ([1], "of type list"), (True, "of type bool")):
        store(tmp_path / "in" / "d.parquet", [{"text": "some words", "x": value}])
        with pytest.raises(DataError, match=rf"d\.parquet: .*x.*{said_of}"):
            run(asked)


def test_ids_are_no_column(tmp_path: Path) -> None:
    rows = [{"text": "a", "x": f"{i:x}"} for i in range(MOST_VALUES + 1)]
    store(tmp_path / "in" / "a.jsonl", rows)
    source = {"name": "web", "paths": [str(tmp_path / "in" / "*")], "columns": ["x"]}
    with pytest.raises(DataError, match=r"the column x has more than 65,536 different strings.*leave it out"):
        run(recipe(tmp_path, corpus=[source]))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([["meta.lang"]], r"cannot be named 'meta.lang'; write \{name: lang, field: 'meta.lang'\}"),
        ([["source"]], "rows have a column source already"),
        ([["labels"]], "rows have a column labels already"),
        ([["a", "a"]], "columns has a twice"),
        ([[{"name": "a", "field": "b..c"}]], "empty name between its dots"),
        ([[{"name": "a", "type": "float"}]], "type"),
        (
            [["a"], [{"name": "a", "type": "int8"}]],
            r"the column a is int8 in source s1 and string in another",
        ),
    ],
)
def test_columns_that_cannot_be_are_refused(columns: list[Any], message: str) -> None:
    corpus = [{"name": f"s{i}", "paths": ["x"], "columns": some} for i, some in enumerate(columns)]
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate({"corpus": corpus, "vocabulary": {"size": 300}})


def test_a_column_that_a_step_gives_is_refused() -> None:
    with pytest.raises(ValueError, match=r"masked_lm gives the column labels|rows have a column labels"):
        Recipe.model_validate(
            {
                "corpus": [{"name": "s", "paths": ["x"], "columns": ["labels"]}],
                "pack": {"rows": [{"masked_lm": {}}]},
            }
        )


def test_plain_text_has_no_columns(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    source = {"name": "s", "paths": [str(tmp_path / "a.txt")], "columns": ["lang"]}
    with pytest.raises(DataError, match="plain text has no field 'lang'"):
        run(recipe(tmp_path, corpus=[source]))
