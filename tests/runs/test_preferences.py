"""Preferences through whole runs: what comes out for each record, and that no completion comes without the others."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline import Recipe, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.export.groups import groups
from tests.support.corpora import contents, documents, rows_of
from tests.support.kills import killed_runs

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def pairs(count: int) -> list[dict[str, Any]]:
    texts = [text[:60].strip() or "nothing" for _, text in documents(3 * count)]
    return [
        {
            "id": f"p{i}",
            "prompt": [{"role": "user", "content": asked + (" <|im_end|>" if i % 3 == 0 else "")}],
            "chosen": [{"role": "assistant", "content": f"yes {good}"}],
            "rejected": [{"role": "assistant", "content": f"no {bad}"}],
            "scores": {"good": i / 7, "bad": -i / 7},
        }
        for i, (asked, good, bad) in enumerate(zip(texts[::3], texts[1::3], texts[2::3], strict=True))
    ]


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "in").mkdir(parents=True, exist_ok=True)
    (folder / "in" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def recipe(folder: Path, *settings: str, **keys: Any) -> Recipe:
    source = {
        "name": "pairs",
        "paths": [f"{folder}/in/*"],
        "id": "id",
        "preferences": {"prompt": "prompt", "rewards": ["scores.good", "scores.bad"]},
        "template": "chatml",
        **keys,
    }
    text = {
        "root": str(folder / "out"),
        "corpus": [{key: one for key, one in source.items() if one is not None}],
        "vocabulary": {"size": 400, "special_tokens": SPECIAL},
        "pack": {"seq_len": 256},
        "execution": {"engine": "local"},
    }
    return parse_recipe(json.dumps(text), overrides=settings)


def said(vocabulary: Any, ids: Any) -> str:
    return b"".join(bytes(vocabulary.tokens[i]) for i in ids).decode()


def test_a_record_becomes_two_documents_of_one_row(tmp_path: Path) -> None:
    rows = pairs(60)
    write(tmp_path, rows)
    manifest = run(recipe(tmp_path, "pack.seq_len=2048"))
    dataset = open_dataset(tmp_path / "out")
    found: dict[int, list[tuple[int, Any, int, int]]] = {}
    for number, row in enumerate(rows_of(dataset)):
        for i, group in enumerate(row["group"]):
            found.setdefault(group, []).append((row["member"][i], row["reward"][i], number, i))
    assert len(found) == 60
    assert all([one[0] for one in members] == [0, 1] for members in found.values())
    assert all(
        members[0][2] == members[1][2] and members[0][3] + 1 == members[1][3] for members in found.values()
    )
    assert Counter(round(members[0][1], 3) for members in found.values()) == Counter(
        round(row["scores"]["good"], 3) for row in rows
    )
    assert manifest.stages["tokenize"].ledger.documents_out == 120
    round_trip(dataset, verify(dataset), sample=9)


def test_groups_are_the_records(tmp_path: Path) -> None:
    rows = pairs(40)
    write(tmp_path, rows)
    run(recipe(tmp_path))
    dataset = open_dataset(tmp_path / "out")
    vocabulary = dataset.vocabulary()
    made = list(groups(dataset))
    assert len(made) == 40
    for group, row in zip(made, rows, strict=True):
        pair = group.pair
        asked = f"<|im_start|>user\n{row['prompt'][0]['content']}<|im_end|>\n<|im_start|>assistant\n"
        assert said(vocabulary, pair["prompt_ids"]) == asked
        for side, completion in zip(("chosen", "rejected"), group.completions, strict=True):
            content = row[side][0]["content"]
            assert said(vocabulary, pair[f"{side}_ids"]) == f"{content}<|im_end|>\n"
            assert said(vocabulary, completion.ids[completion.mask == 1]) == f"{content}<|im_end|>"
            assert completion.values["side"] == side
        assert [one.id for one in group.completions] == [f"{row['id']}/0", f"{row['id']}/1"]


def test_units_formats_and_shapes_change_nothing(tmp_path: Path) -> None:
    rows = pairs(60)
    whole = [
        {**row, "chosen": row["prompt"] + row["chosen"], "rejected": row["prompt"] + row["rejected"]}
        for row in rows
    ]
    write(tmp_path / "a", rows)
    write(tmp_path / "b", rows)
    write(tmp_path / "d", whole)
    (tmp_path / "c" / "in").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c" / "in" / "a.parquet", row_group_size=7)
    implicit = {"rewards": ["scores.good", "scores.bad"]}
    tables = []
    for name, setting, keys in (
        ("a", "execution.unit_bytes=4000", {}),
        ("b", "execution.unit_bytes=1000000", {}),
        ("c", "execution.unit_bytes=4000", {}),
        ("d", "execution.unit_bytes=4000", {"preferences": implicit}),
    ):
        run(recipe(tmp_path / name, setting, **keys))
        tables.append(open_dataset(tmp_path / name / "out").table())
    assert all(table.equals(tables[0]) for table in tables)


def test_without_ids_and_across_units_documents_have_numbers_of_their_own(tmp_path: Path) -> None:
    rows = [{key: one for key, one in row.items() if key != "id"} for row in pairs(60)]
    rows[5] = rows[4]
    rows[7]["rejected"] = rows[7]["chosen"]
    write(tmp_path, rows)
    manifest = run(recipe(tmp_path, "execution.unit_bytes=3000", "max_rejected=0.1", id=None))
    assert len(manifest.stages["tokenize"].files) > 3
    dataset = open_dataset(tmp_path / "out")
    made = list(groups(dataset))
    assert len(made) == 59
    assert len({one.number for one in made}) == 58
    numbers = Counter(number for row in rows_of(dataset) for number in row["document"])
    assert len(numbers) == 118
    (letter,) = dataset.rejected()
    assert letter["reason"] == "sides_identical"
    round_trip(dataset, verify(dataset), sample=9)


@pytest.mark.parametrize("setting", ["pack.validation=0.3", "corpus.0.epochs=1.5", "corpus.0.epochs=0.4"])
def test_no_choice_parts_a_group(tmp_path: Path, setting: str) -> None:
    write(tmp_path, pairs(80))
    made = recipe(tmp_path, setting, "execution.unit_bytes=4000")
    run(made)
    dataset = open_dataset(tmp_path / "out")
    seen = 0
    for split in ("train", "validation") if "validation" in setting else ("train",):
        count: Counter[tuple[int, int]] = Counter()
        for batch in dataset.batches(split):
            for row in batch.to_pylist():
                for i, offset in enumerate(row["offset"]):
                    count[row["group"][i], row["member"][i]] += offset == 0
        assert count
        assert all(count[group, 0] == count[group, 1] > 0 for group, _ in count)
        whole = list(groups(dataset, split))
        assert 2 * len(whole) == sum(count.values())
        assert all(len(one.completions) == 2 for one in whole)
        seen += len({group for group, _ in count})
    assert seen == 80 if "0.4" not in setting else 0 < seen < 80
    round_trip(dataset, verify(dataset), sample=9)


def test_a_step_that_leaves_out_one_side_leaves_out_both(tmp_path: Path) -> None:
    rows = pairs(30)
    rows[3]["chosen"][0]["content"] = "long " * 200
    write(tmp_path, rows)
    manifest = run(recipe(tmp_path, steps=[{"max_bytes": {"bytes": 600}}]))
    ledger = manifest.stages["tokenize"].ledger
    assert ledger.filtered == {"incomplete_group": 1, "max_bytes": 1}
    assert (ledger.documents_in, ledger.documents_out) == (60, 58)
    dataset = open_dataset(tmp_path / "out")
    assert len(list(groups(dataset))) == 29
    round_trip(dataset, verify(dataset), sample=9)


def test_lists_of_ids_are_of_records(tmp_path: Path) -> None:
    """What is kept by the id of a record are all of its completions, and `verify` looks that up."""
    write(tmp_path, pairs(30))
    (tmp_path / "ids.txt").write_text("p3\np17\n")
    for name, count in (("keep_ids", 2), ("exclude_ids", 28)):
        made = recipe(tmp_path, f"root={tmp_path / name}", steps=[{name: {"ids": str(tmp_path / "ids.txt")}}])
        run(made)
        dataset = open_dataset(made.root)
        assert len(list(groups(dataset))) == count
        assert verify(dataset).looked_up == 2 * count


def test_what_is_known_by_tokens_alone_rejects_both(tmp_path: Path) -> None:
    rows = pairs(30)
    for i, row in enumerate(rows):
        for key in ("prompt", "chosen", "rejected"):
            row[key][0]["content"] = f"{key} {i}"
    rows[3]["chosen"][0]["content"] = "a <|endoftext|> in it"
    write(tmp_path, rows)
    made = recipe(tmp_path, "tokenize.special_tokens_in_text=error", "max_rejected=0.2")
    manifest = run(made)
    assert manifest.stages["tokenize"].ledger.rejected == {"special_token_in_text": 1, "incomplete_group": 1}
    dataset = open_dataset(tmp_path / "out")
    assert {one["position"] for one in dataset.rejected()} == {
        "row 3, 1 of its 2 completions",
        "row 3, 2 of its 2 completions",
    }
    round_trip(dataset, verify(dataset), sample=9)


def test_records_that_cannot_be_used_are_dead_letters(tmp_path: Path) -> None:
    rows = pairs(6)
    rows[1]["rejected"] = rows[1]["chosen"]
    rows[2]["chosen"] = None
    rows[3]["rejected"] = [{"role": "assistant", "content": "  "}]
    rows[4]["scores"]["bad"] = float("inf")
    write(tmp_path, rows)
    with pytest.raises(DataError, match="sides_identical"):
        run(recipe(tmp_path))
    run(recipe(tmp_path, "max_rejected=0.8"))
    letters = list(open_dataset(tmp_path / "out").rejected())
    assert [(one["position"], one["reason"]) for one in letters] == [
        ("row 1", "sides_identical"),
        ("row 2", "completion_missing"),
        ("row 3", "completion_empty"),
        ("row 4", "reward_invalid"),
    ]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"messages": "prompt"}, "keep one of them"),
        ({"train": "all"}, "train is about them"),
        ({"text": "body"}, "remove text"),
        ({"columns": [{"name": "group"}]}, "have a column group"),
        ({"preferences": {"rewards": ["a"]}}, "that of chosen and that of rejected are two"),
        ({"preferences": {"text": "response"}}, "is a key of completions"),
        ({"preferences": {"completions": "c", "chosen": "d"}}, "instead of chosen and rejected"),
        ({"preferences": {"prompt": "p", "prompt_ends": "A:"}}, "prompt names one"),
        ({"preferences": {"whole_texts": True}}, "name its field"),
        ({"template": None, "tools": "tools"}, "a template writes"),
        ({"template": "gemma"}, "is used in template of source pairs"),
        (
            {"columns": [{"name": "quality", "type": "float32"}], "keep": {"by": "quality", "share": 0.5}},
            "some without the others",
        ),
    ],
)
def test_recipes_that_cannot_be(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(tmp_path, **keys)


def test_nothing_of_a_recipe_may_part_groups(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="deduplicate would take some"):
        recipe(tmp_path, "pack.deduplicate=exact")
    with pytest.raises(RecipeError, match="overflow drop would leave some"):
        recipe(tmp_path, "pack.overflow=drop")
    pack = recipe(tmp_path).pack
    assert (pack.shuffle.mode, pack.shuffle.by, pack.shuffle.then, pack.related) == (
        "group",
        "group",
        "member",
        True,
    )
    assert recipe(tmp_path, "pack.strategy=concat").pack.related is False
    assert recipe(tmp_path, "pack.shuffle=none").pack.shuffle.mode == "none"
    text = json.loads(recipe(tmp_path).model_dump_json(by_alias=True))
    assert Recipe.model_validate(text) == recipe(tmp_path)


def test_texts_beside_a_corpus_of_others(tmp_path: Path) -> None:
    rows = [{"chosen": f"The sky {i} is blue.", "rejected": f"The sky {i} is green."} for i in range(20)]
    write(tmp_path, rows)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.jsonl").write_text(
        "".join(json.dumps({"text": f"text {i}"}) + "\n" for i in range(20))
    )
    made = recipe(tmp_path, id=None, template=None, preferences={})
    corpus = [
        json.loads(made.corpus[0].model_dump_json(exclude_none=True)),
        {"name": "text", "paths": [f"{tmp_path}/more/*"]},
    ]
    made = recipe(tmp_path, f"corpus={json.dumps(corpus)}")
    run(made)
    dataset = open_dataset(tmp_path / "out")
    vocabulary = dataset.vocabulary()
    pairs = [one.pair for one in groups(dataset)]
    assert [said(vocabulary, one["prompt_ids"]) for one in pairs] == [f"The sky {i} is" for i in range(20)]
    assert {said(vocabulary, one["chosen_ids"]) for one in pairs} == {" blue.<|endoftext|>"}
    sides = Counter(dataset.columns["side"].said(one) for row in rows_of(dataset) for one in row["side"])
    assert sides == {"chosen": 20, "rejected": 20, None: 20}
    round_trip(dataset, verify(dataset), sample=9)


CODE = "import sys; from pathlib import Path; from tests.runs.test_preferences import job; job(Path(sys.argv[1]))"


def job(folder: Path) -> None:
    run(recipe(folder, "execution.unit_bytes=4000", f"root={folder / 'killed'}"))


def test_a_killed_run_goes_on_to_the_same_pairs(tmp_path: Path) -> None:
    write(tmp_path, pairs(120))
    whole = run(recipe(tmp_path, "execution.unit_bytes=4000"))
    assert killed_runs(CODE, tmp_path, (0.0, 0.05, 0.15, 0.3)) > 0
    last = run(recipe(tmp_path, "execution.unit_bytes=4000", f"root={tmp_path / 'killed'}"))
    assert contents(last) == contents(whole)
    assert open_dataset(tmp_path / "killed").table().equals(open_dataset(tmp_path / "out").table())
