"""Conversations through whole runs: dead letters, units, what recipes may not say."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline import Recipe, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from tests.support.corpora import contents, documents, rows_of
from tests.support.kills import killed_runs

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def conversations(count: int) -> list[dict[str, Any]]:
    texts = [text[:80].strip() or "nothing" for _, text in documents(4 * count)]
    return [
        {
            "id": f"c{i}",
            "messages": [
                {"role": role, "content": text + ("<|im_end|>" if k == 0 and i % 3 == 0 else "")}
                for k, (role, text) in enumerate(zip(["user", "assistant"] * 2, texts[4 * i :], strict=False))
            ],
        }
        for i in range(count)
    ]


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "in").mkdir(parents=True, exist_ok=True)
    (folder / "in" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def recipe(folder: Path, *settings: str, **keys: Any) -> Recipe:
    source = {
        "name": "chat",
        "paths": [f"{folder}/in/*"],
        "id": "id",
        "messages": "messages",
        "template": "chatml",
        **keys,
    }
    text = {
        "root": str(folder / "out"),
        "corpus": [source],
        "vocabulary": {"size": 400, "special_tokens": SPECIAL},
        "pack": {"seq_len": 128},
        "execution": {"engine": "local"},
    }
    return parse_recipe(json.dumps(text), overrides=settings)


def test_rows_have_their_masks(tmp_path: Path) -> None:
    """A learned vocabulary, which has counted no word of a special token; nothing is put around conversations."""
    rows = conversations(60)
    write(tmp_path, rows)
    manifest = run(recipe(tmp_path, "pack.seq_len=1024"))
    dataset = open_dataset(tmp_path / "out")
    vocabulary = dataset.vocabulary()
    end, start = (vocabulary.special_id(token) for token in ("<|im_end|>", "<|im_start|>"))
    found = {}
    for row in rows_of(dataset):
        at = 0
        for length, document in zip(row["segment_lengths"], row["document"], strict=True):
            part = slice(at, at + length)
            ids, mask = found.setdefault(document, ([], []))
            ids += row["input_ids"][part]
            mask += row["loss_mask"][part]
            at += length
    assert len(found) == 60
    words = [bytes(token) for token in vocabulary.tokens]
    texts = []
    for ids, mask in found.values():
        assert ids.count(start) == ids.count(end) == 4
        said = b"".join(words[i] for i, one in zip(ids, mask, strict=True) if one).decode()
        texts.append(said)
    wanted = ["".join(one["content"] + "<|im_end|>" for one in row["messages"][1::2]) for row in rows]
    assert sorted(texts) == sorted(wanted)
    assert manifest.stages["tokenize"].ledger.trained == sum(sum(mask) for _, mask in found.values())
    round_trip(dataset, verify(dataset), sample=9)


def test_units_and_formats_change_nothing(tmp_path: Path) -> None:
    rows = conversations(60)
    write(tmp_path / "a", rows)
    write(tmp_path / "b", rows)
    (tmp_path / "c" / "in").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c" / "in" / "a.parquet")
    one, other, third = (
        contents(run(recipe(tmp_path / name, setting)))
        for name, setting in (
            ("a", "execution.unit_bytes=4000"),
            ("b", "execution.unit_bytes=1000000"),
            ("c", "execution.unit_bytes=1000000"),
        )
    )
    assert one["pack"] == other["pack"] == third["pack"]


def test_conversations_of_which_nothing_is_trained(tmp_path: Path) -> None:
    rows = [*conversations(4), {"id": "x", "messages": [{"role": "user", "content": "hello?"}]}]
    write(tmp_path, rows)
    with pytest.raises(DataError, match="nothing_trained"):
        run(recipe(tmp_path))
    ledger = run(recipe(tmp_path, "max_rejected=0.5")).stages["tokenize"].ledger
    assert ledger.rejected == {"nothing_trained": 1}
    kept = run(recipe(tmp_path, keep_untrained=True)).stages["tokenize"].ledger
    assert (kept.documents_out, kept.trained) == (5, ledger.trained)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"template": None}, "say with template how they are written"),
        ({"template": "chatlm"}, "did you mean 'chatml'"),
        ({"messages": None}, "template is about them|has no messages"),
        ({"text": "body"}, "remove text"),
        ({"template": "{% for m in messages %}{{ m.content }}{% endfor %}"}, "by no special token"),
        ({"template": "gemma"}, "<end_of_turn> is used in template of source chat"),
        ({"reasoning": "some"}, "reasoning"),
    ],
)
def test_recipes_that_cannot_be(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(tmp_path, **keys)


def test_a_step_that_changes_texts_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [{"id": "a", "messages": [{"role": "assistant", "content": "1234567"}]}])
    with pytest.raises(RecipeError, match="gives other text to documents that have spans"):
        run(recipe(tmp_path, steps=[{"separate_digits": {}}]))


@pytest.mark.parametrize("strategy", ["best_fit", "first_fit", "padded"])
def test_no_row_begins_inside_a_turn(tmp_path: Path, strategy: str) -> None:
    """Long conversations are cut between turns; one with a turn longer than a row is left out, and counted."""
    long = [{"role": "user", "content": "long " * 400}, {"role": "assistant", "content": "no"}]
    write(tmp_path, [*conversations(60), {"id": "long", "messages": long}])
    text = tmp_path / "more" / "b.jsonl"
    text.parent.mkdir()
    text.write_text(json.dumps({"id": "t", "text": "plain " * 300}) + "\n")
    made = recipe(tmp_path, f"pack.strategy={strategy}", "pack.seq_len=100")
    assert made.pack.overflow == "turn"
    corpus = [
        made.corpus[0].model_dump(exclude_none=True),
        {"name": "text", "paths": [str(text)], "id": "id"},
    ]
    made = parse_recipe(
        made.model_dump_json(by_alias=True), overrides=[f"corpus={json.dumps(corpus, default=str)}"]
    )
    manifest = run(made)
    dataset = open_dataset(tmp_path / "out")
    start = dataset.vocabulary().special_id("<|im_start|>")
    cut, plain = 0, 0
    for row in rows_of(dataset):
        at = 0
        for length, offset, source in zip(row["segment_lengths"], row["offset"], row["source"], strict=True):
            turns = row["turn"][at : at + length]
            if source == 0:
                assert row["input_ids"][at] == start
                assert turns == sorted(turns)
                assert min(turns) >= 1
                cut += offset > 0
            else:
                plain += 1
                assert set(turns) == {0}
            at += length
    facts = manifest.stages["pack"].facts
    assert cut > 5
    assert plain > 2
    assert facts["dropped_documents"] > 0
    assert manifest.stages["pack"].ledger.rejected == {"dropped_by_overflow": facts["dropped_documents"]}
    round_trip(dataset, verify(dataset), sample=9)


def test_conversations_longer_than_a_row_may_be_dropped_or_cut_anywhere(tmp_path: Path) -> None:
    rows = conversations(40)
    rows[0]["messages"][0]["content"] = "long " * 400
    write(tmp_path, rows)
    dropped = run(recipe(tmp_path, "pack.overflow=drop")).stages["pack"].facts
    assert dropped["splits"] == 0
    assert dropped["dropped_documents"] > 0
    anywhere = run(recipe(tmp_path, "pack.overflow=split")).stages["pack"].facts
    assert anywhere["splits"] > 0
    assert anywhere["dropped_documents"] == 0
    assert recipe(tmp_path, "pack.strategy=concat").pack.overflow == "split"
    with pytest.raises(RecipeError, match="cuts documents anywhere"):
        recipe(tmp_path, "pack.strategy=concat", "pack.overflow=turn")
    with pytest.raises(RecipeError, match="predict_every_token repeats"):
        recipe(tmp_path, "pack.predict_every_token=true")
    with pytest.raises(RecipeError, match="no source has conversations with turns"):
        recipe(tmp_path, "pack.overflow=turn", turns=False)


CODE = "import sys; from pathlib import Path; from tests.runs.test_chat import job; job(Path(sys.argv[1]))"


def job(folder: Path) -> None:
    run(recipe(folder, "execution.unit_bytes=4000", f"root={folder / 'killed'}"))


def test_a_killed_run_goes_on_to_the_same_masks(tmp_path: Path) -> None:
    write(tmp_path, conversations(120))
    whole = run(recipe(tmp_path, "execution.unit_bytes=4000"))
    assert killed_runs(CODE, tmp_path, (0.05, 0.15, 0.3)) > 0
    last = run(recipe(tmp_path, "execution.unit_bytes=4000", f"root={tmp_path / 'killed'}"))
    assert contents(last) == contents(whole)
    assert open_dataset(tmp_path / "killed").table().equals(open_dataset(tmp_path / "out").table())
