"""Recipes whose records bring tokens: checked, carried through every stage, and proved to be what was given."""

import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.pipeline import Dataset, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.recipe import Recipe
from tests.support.corpora import rows_of

BASE = {
    "tokenize": {"append": ["<|endoftext|>"]},
    "pack": {"seq_len": 64},
    "execution": {"engine": "local", "unit_bytes": 4000},
}


def recipe(folder: Path, *sources: dict[str, Any], **keys: Any) -> Recipe:
    """A recipe of sources, with other keys."""
    return Recipe.model_validate({**BASE, "root": str(folder / "root"), "corpus": list(sources), **keys})


def documents(count: int, size: int, seed: int = 0) -> list[list[int]]:
    """Lists of ids below `size`."""
    draw = random.Random(seed)
    return [[draw.randrange(size) for _ in range(draw.randint(1, 90))] for _ in range(count)]


def write_parquet(path: Path, **columns: Any) -> None:
    """A file with several row groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=16)


def proved(dataset: Dataset) -> None:
    """Verify everything, every unit's round trip included."""
    round_trip(dataset, verify(dataset), sample=100)


def segments(dataset: Dataset, *columns: str) -> list[dict[str, list[Any]]]:
    """Each segment of the rows: its values in some columns."""
    found = []
    for row in rows_of(dataset):
        start = 0
        for length in row["segment_lengths"]:
            found.append({name: row[name][start : start + length] for name in columns})
            start += length
    return found


@pytest.mark.parametrize("form", ["parquet", "jsonl", "arrow"])
def test_ids_alone_are_packed_as_they_were_given(tmp_path: Path, form: str) -> None:
    given = documents(100, 1024)
    path = tmp_path / "in" / f"codes.{form}"
    path.parent.mkdir()
    if form == "jsonl":
        path.write_text("".join(json.dumps({"codes": ids}) + "\n" for ids in given))
    elif form == "arrow":
        table = pa.table({"codes": pa.array(given, pa.list_(pa.int16()))})
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=30)
    else:
        write_parquet(path, codes=given)
    source = {"name": "speech", "paths": [str(path)], "tokens": "codes"}
    made = recipe(tmp_path, source, vocabulary={"size": 1024}, pack={"seq_len": 128, "shuffle": "none"})
    run(made)
    dataset = open_dataset(made.root)
    assert sorted(one["input_ids"] for one in segments(dataset, "input_ids")) == sorted(
        [*ids, 1024] for ids in given
    )
    proved(dataset)


def test_the_short_form_and_the_long_one_are_one_recipe() -> None:
    short = parse_recipe("corpus: {name: a, paths: a.parquet, tokens: codes}\nvocabulary: {size: 16}")
    long = parse_recipe("corpus: {name: a, paths: a.parquet, given: {tokens: codes}}\nvocabulary: {size: 16}")
    assert short == long
    assert Recipe.model_validate(short.model_dump(mode="json", by_alias=True)) == short


def test_columns_beside_ids_travel_with_them(tmp_path: Path) -> None:
    """(D4)"""
    given = documents(60, 300)
    mask = [[i % 2 for i in ids] for ids in given]
    score = [[i / 7 for i in ids] for ids in given]
    write_parquet(tmp_path / "in.parquet", ids=given, mask=mask, score=score)
    source = {
        "name": "routed",
        "paths": [str(tmp_path / "in.parquet")],
        "given": {"tokens": "ids", "columns": {"loss_mask": {"field": "mask"}, "score": "float32"}},
    }
    made = recipe(
        tmp_path, source, vocabulary={"size": 300}, pack={"seq_len": 50, "predict_every_token": True}
    )
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    for one in segments(dataset, "input_ids", "loss_mask", "score"):
        for token, mask_of, score_of in zip(*one.values(), strict=True):
            appended = token == 300
            assert mask_of == (1 if appended else token % 2)
            assert score_of == (0 if appended else np.float32(token / 7))


def test_texts_and_tokens_are_mixed_in_one_vocabulary(tmp_path: Path) -> None:
    texts = [" ".join(random.Random(i).choices(["the", "of", "and", "to"], k=20)) for i in range(40)]
    (tmp_path / "web.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    given = [[1 + i for i in ids] for ids in documents(30, 256)]
    write_parquet(tmp_path / "in.parquet", ids=given, loss_mask=[[0] * len(ids) for ids in given])
    made = recipe(
        tmp_path,
        {"name": "web", "paths": [str(tmp_path / "web.jsonl")], "weight": "1/2"},
        {
            "name": "sft",
            "paths": [str(tmp_path / "in.parquet")],
            "given": {"tokens": "ids", "columns": ["loss_mask"]},
            "weight": "1/2",
        },
        vocabulary={"size": 260},
        pack={"seq_len": 64, "deduplicate": "exact", "validation": 0.1},
    )
    run(made)
    dataset = open_dataset(made.root)
    proved(dataset)
    for row in rows_of(dataset):
        start = 0
        for length, source in zip(row["segment_lengths"], row["source"], strict=True):
            mask = row["loss_mask"][start : start + length]
            whole = row["input_ids"][start + length - 1] == 0
            assert mask == ([1] * length if source == 0 else [0] * (length - whole) + [1] * whole)
            start += length


@pytest.mark.parametrize(
    ("bad", "reason", "detail"),
    [
        ([3, -1], "negative", "value 1 is -1"),
        ([3, 4, 1025], "id_out_of_range", "value 2 is 1025, and the vocabulary has 1,025 ids"),
        ([3, 1 << 33], "too_large", "value 1 is 8589934592"),
        (None, "null_tokens", "is null or missing"),
        ([3, None], "null_value", "value 1 is null"),
        ([3, 1.5], "not_a_list", "'[3, 1.5]', and a list of whole numbers is wanted"),
        ("text", "not_a_list", "a list of numbers is wanted"),
    ],
)
def test_what_is_no_id_is_a_dead_letter_with_its_place(
    tmp_path: Path, bad: Any, reason: str, detail: str
) -> None:
    lines = [{"ids": [1, 2]}, {"ids": bad}, {"ids": [5]}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = {"name": "codes", "paths": [str(tmp_path / "in.jsonl")], "tokens": "ids"}
    made = recipe(tmp_path, source, vocabulary={"size": 1024}, max_rejected=0.5)
    run(made)
    (letter,) = list(open_dataset(made.root).rejected())
    assert (letter["row"], letter["reason"]) == (1, reason)
    assert detail in letter["detail"]


def test_values_that_do_not_stand_beside_tokens_are_a_dead_letter(tmp_path: Path) -> None:
    write_parquet(tmp_path / "in.parquet", ids=[[1, 2], [3, 4]], loss_mask=[[1, 1], [1]])
    source = {
        "name": "codes",
        "paths": [str(tmp_path / "in.parquet")],
        "given": {"tokens": "ids", "columns": ["loss_mask"]},
    }
    with pytest.raises(
        DataError, match=r"not_aligned: field 'ids' has 2 tokens and field 'loss_mask' 1 values"
    ):
        run(recipe(tmp_path, source, vocabulary={"size": 16}))


def test_a_weight_in_a_mask_is_refused_and_never_rounded(tmp_path: Path) -> None:
    write_parquet(tmp_path / "in.parquet", ids=[[1, 2]], loss_mask=[[0.5, 1.0]])
    source = {
        "name": "codes",
        "paths": [str(tmp_path / "in.parquet")],
        "given": {"tokens": "ids", "columns": ["loss_mask"]},
    }
    with pytest.raises(DataError, match=r"not_an_integer: field 'loss_mask': value 0 is 0.5"):
        run(recipe(tmp_path, source, vocabulary={"size": 16}))


def test_special_ids_among_tokens_are_refused_where_the_recipe_says_so(tmp_path: Path) -> None:
    write_parquet(tmp_path / "in.parquet", ids=[[1, 2], [3, 16], [4]])
    source = {"name": "codes", "paths": [str(tmp_path / "in.parquet")], "tokens": "ids"}
    keep = recipe(tmp_path, source, vocabulary={"size": 16})
    run(keep)
    assert sorted(one["input_ids"] for one in segments(open_dataset(keep.root), "input_ids")) == [
        [1, 2, 16],
        [3, 16, 16],
        [4, 16],
    ]
    refuse = recipe(
        tmp_path / "other",
        source,
        vocabulary={"size": 16},
        tokenize={"special_tokens_in_text": "error"},
        max_rejected=0.5,
    )
    run(refuse)
    (letter,) = list(open_dataset(refuse.root).rejected())
    assert letter["reason"] == "special_token_in_text"
    assert letter["excerpt"] == "[3, 16]"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"vocabulary": {}}, "size is how many ids may be given"),
        ({"vocabulary": {"size": 16, "min_count": 2}}, "not learned from text: remove min_count"),
        ({"source": {"text": "body"}}, "text is for one with text: remove it"),
        ({"source": {"steps": [{"min_bytes": {"bytes": 3}}]}}, "reads text"),
        ({"source": {"given": {"tokens": "x"}}}, "keep one of them"),
        ({"source": {"tokens": 0, "given": {"tokens": "x", "columns": ["score"]}}}, "say its dtype"),
        (
            {
                "source": {"tokens": 5, "given": {"tokens": "x", "columns": ["loss_mask"]}},
                "pack": {"steps": [{"fim": {}}]},
            },
            "encodes text anew, and loss_mask would stand beside other tokens",
        ),
        (
            {"source": {"tokens": 5, "given": {"tokens": "x", "columns": {"row": "uint8"}}}},
            "cannot be named 'row'",
        ),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    source = {"name": "a", "paths": ["a.parquet"], "tokens": "ids", **keys.pop("source", {})}
    with pytest.raises(ValueError, match=said):
        recipe(tmp_path, source, **{"vocabulary": {"size": 16}, **keys})


def test_a_changed_input_is_noticed(tmp_path: Path) -> None:
    given = documents(20, 16)
    write_parquet(tmp_path / "in.parquet", ids=given)
    source = {"name": "codes", "paths": [str(tmp_path / "in.parquet")], "tokens": "ids"}
    made = recipe(tmp_path, source, vocabulary={"size": 16}, execution={"engine": "local"})
    run(made)
    dataset = open_dataset(made.root)
    changed = [list(ids) for ids in given]
    changed[7][0] = (changed[7][0] + 1) % 16
    before = (tmp_path / "in.parquet").stat()
    write_parquet(tmp_path / "in.parquet", ids=changed)
    os.utime(tmp_path / "in.parquet", ns=(before.st_atime_ns, before.st_mtime_ns))
    if (tmp_path / "in.parquet").stat().st_size == before.st_size:
        with pytest.raises(CorruptionError, match="has not the tokens that its record brings"):
            proved(dataset)
    else:
        with pytest.raises(RecipeError, match="cannot be read again"):
            proved(dataset)


def test_a_format_without_fields_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("1 2 3")
    source = {"name": "codes", "paths": [str(tmp_path / "in.txt")], "tokens": "ids"}
    with pytest.raises(DataError, match="a text file has no field with tokens"):
        run(recipe(tmp_path, source, vocabulary={"size": 16}))


def test_csv_holds_lists_as_json(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('ids,n\n"[1, 2]",a\n"[3]",b\n')
    source = {"name": "codes", "paths": [str(tmp_path / "in.csv")], "tokens": "ids"}
    made = recipe(tmp_path, source, vocabulary={"size": 16})
    run(made)
    assert sorted(one["input_ids"] for one in segments(open_dataset(made.root), "input_ids")) == [
        [1, 2, 16],
        [3, 16],
    ]
