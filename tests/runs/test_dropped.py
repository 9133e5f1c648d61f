"""Examples of what steps left out: which documents, why, and as they were."""

import json
from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.dropped import find_dropped
from tests.support.command import Command
from tests.support.corpora import recipe_for, write_jsonl

STEPS = [
    {"length": {"min_words": 2, "max_characters": 30}},
    {"python": {"call": "tests.support.steps:upper", "version": "1"}},
    {"python": {"call": "tests.support.steps:english", "version": "1", "fields": ["lang"]}},
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dropped")
    for name in "ab":
        (folder / "in").mkdir(exist_ok=True)
        rows = [
            {"id": f"{name}{i}", "text": text, "lang": lang, "score": i / 10}
            for i, (text, lang) in enumerate(
                [
                    ("short", "en"),
                    ("two words", "en"),
                    ("drop this", "en"),
                    ("zwei W\u00f6rter", "de"),
                    ("long " * 9, "en"),
                    ("bad luck", "en"),
                ]
            )
        ]
        (folder / "in" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = [
        f"corpus.0.steps={json.dumps(STEPS)}",
        "corpus.0.where=score != 0.5",
        "execution.unit_bytes=400",
    ]
    run(recipe_for(folder, *settings, "vocabulary.size=270"))
    return folder / "out"


def found(root: Path, step: str, count: int = 9) -> list[tuple[str | None, str, str]]:
    return [(one.id, one.reason, one.text) for one in find_dropped(open_dataset(root), step, count)]


def test_a_step_has_its_documents_with_reasons(root: Path) -> None:
    short, long = ("too few words", "short"), ("too many characters", "long " * 9)
    assert found(root, "length") == [("a0", *short), ("a4", *long), ("b0", *short), ("b4", *long)]
    assert found(root, "length", 3) == [("a0", *short), ("a4", *long), ("b0", *short)]
    assert found(root, "length: too few words") == [("a0", *short), ("b0", *short)]


def test_later_steps_have_what_the_earlier_ones_made(root: Path) -> None:
    assert found(root, "python tests.support.steps:upper") == [
        ("a2", "says drop", "drop this"),
        ("b2", "says drop", "drop this"),
    ]
    assert found(root, "python tests.support.steps:english")[0] == ("a3", "not English", "ZWEI W\u00d6RTER")
    assert len(found(root, "python")) == 4


def test_conditions_have_examples_too(root: Path) -> None:
    assert found(root, "where") == [
        ("a5", "the condition is false", "bad luck"),
        ("b5", "the condition is false", "bad luck"),
    ]


def test_what_left_nothing_out(root: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"left out nothing by 'lenght'; what was: length: too few words \(2\), "
    ):
        found(root, "lenght")


def test_sources_that_have_changed(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [("a", "one"), ("b", "one two")])
    run(recipe_for(tmp_path, "corpus.0.steps=[{length: {min_words: 2}}]", "vocabulary.size=260"))
    write_jsonl(tmp_path / "in" / "a.jsonl", [("a", "one"), ("b", "one two three")])
    with pytest.raises(RecipeError, match=r"cannot be read again: .* Run the recipe again, and look then"):
        found(tmp_path / "out", "length")


def test_the_command_shows_them(root: Path, pairloom: Command) -> None:
    code, out, err = pairloom("inspect", root, "--dropped", "length", "--rows", "2", "--width", "8")
    assert (code, err) == (0, "")
    assert "a.jsonl, row 0 (a0), source lines, by length: too few words\n    'short' (5 characters)\n" in out
    assert "    'long lon …' (45 characters)\n2 shown; left out in all: length: too few words 2, " in out
    code, out, _ = pairloom("inspect", root, "--dropped", "length", "--json")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["a0", "a4", "b0"]
    code, _, err = pairloom("inspect", root, "--dropped", "nothing")
    assert code == 2
    assert "left out nothing by 'nothing'" in err
