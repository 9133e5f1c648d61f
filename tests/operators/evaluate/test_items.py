"""Items of spelling, counting, addition and needles: their answers are right, and they are always the same for a seed."""

import json
import random
import re
import uuid
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pairloom.operators import Pretokenizer, Vocabulary
from pairloom.operators.evaluate.content import atomicity, characters_per_token, counting_forms, covariates
from pairloom.operators.evaluate.items import (
    DELETIONS,
    addition_items,
    counting_items,
    deletion_items,
    misaligned,
    spelling_items,
)
from pairloom.operators.evaluate.needles import DIRECTIONS, PAIR, TASKS, follow, needle_item
from pairloom.operators.models.bpe import ByteLevelBPE


def vocabulary_of(*tokens: bytes, digits: str = "keep", whole: bool = False) -> Vocabulary:
    table = [bytes([b]) for b in range(256)]
    merges = []
    for token in tokens:
        table.append(token)
        merges.append([table.index(token[:-1]), table.index(token[-1:])])
    cut = Pretokenizer(scheme="gpt2", digits=digits)
    pairs = np.array(merges, np.int32).reshape(-1, 2)
    return Vocabulary(tokens=table, model=ByteLevelBPE(merges=pairs, ignore_merges=whole), pretokenizer=cut)


def words() -> list[str]:
    rng = random.Random(1)
    made = ["".join(rng.choices("abcdeXY", k=rng.randint(2, 12))) for _ in range(2000)]
    return [*made, *made[:50], "it's", "naïve", "x1", "four"]


def test_spelling_items_ask_each_word_once_and_know_the_answer() -> None:
    made = list(spelling_items(words(), per_length=80))
    assert made == list(spelling_items(reversed(words()), per_length=80))
    assert made != list(spelling_items(words(), per_length=80, seed=43))
    assert len({item["word"] for item in made}) == len(made)
    assert Counter((len(item["word"]), item["task"]) for item in made) == {
        (length, task): 20 for length in range(4, 11) for task in ("unique", "frequency", "first", "last")
    }
    for item in made:
        word, letter = re.fullmatch(r"[a-zA-Z]{4,10}", item["word"])[0], item["letter"]  # type: ignore[index]
        places = [i for i, one in enumerate(word) if one == letter]
        known = {"unique": len(set(word)), "frequency": len(places)}
        if item["task"] != "unique":
            known |= {"first": places[0], "last": places[-1]}
            assert f'"{letter}"' in item["question"]
        assert item["answer"] == known[item["task"]]
        assert word in item["question"]
        found = covariates(vocabulary_of(b"ab", b"abc"), word, item["index"])
        assert found["gold_per_length"] == item["index"] / len(word)
    full = Counter(item["task"] for item in spelling_items(f"w{'abcdefghij'[i % 10]}" for i in range(9)))
    assert not full, "words of other lengths are not asked"


@pytest.mark.parametrize("letters", ["ab", "0123456789"])
def test_counting_items_have_every_form_of_the_same_string(letters: str) -> None:
    ranges = ((10, 20), (20, 30))
    made = list(counting_items(15, letters=letters, lengths=ranges, seed=2))
    assert made == list(counting_items(15, letters=letters, lengths=ranges, seed=2))
    assert len(made) == 2 * 15 * len(counting_forms("a"))
    assert len({item["letters"] for item in made}) == 30
    for place, item in enumerate(made):
        low, high = ranges[place // (len(made) // 2)]
        assert low <= len(item["letters"]) < high
        assert item["text"] == counting_forms(item["letters"])[item["form"]]
        assert "".join(c for c in item["text"] if c in letters) == item["letters"]
        assert item["answer"] == item["text"].count(item["target"])
        assert item["question"].endswith(item["text"])
    assert json.loads(counting_forms("ab")["list"]) == ["a", "b"]


def test_the_audit_says_of_each_letter_whether_it_has_a_token() -> None:
    made = vocabulary_of(b"12", b", ", b" 3", b"-1")
    rows = {row["form"]: row for row in atomicity(made, "123")}
    assert rows["plain"]["own"] == [False, False, True]
    assert rows["plain"]["atomic"] == 1 / 3
    assert not rows["plain"]["all"]
    assert rows["spaced"]["own"] == [True, True, True]
    assert rows["spaced"]["delimited"] == 1 / 3, "' 3' is one token"
    assert rows["lines"]["all"]
    assert rows["lines"]["delimited"] == 0
    for row in rows.values():
        assert row["all"] == all(row["own"])
        assert row["tokens"] == len(made.encode_one(counting_forms("123")[row["form"]]))
    assert atomicity(vocabulary_of(digits="single"), "123")[0]["all"]


def test_additions_are_right_and_written_as_asked() -> None:
    made = list(addition_items(6, digits=(7, 9), shots=2, separator=",", direction="r2l3", seed=1))
    assert made == list(addition_items(6, digits=(7, 9), shots=2, separator=",", direction="r2l3", seed=1))
    assert Counter((len(str(item["left"])), len(str(item["right"]))) for item in made) == {
        (a, b): 6 for a in (7, 9) for b in (7, 9)
    }
    for item in made:
        assert item["sum"] == item["left"] + item["right"]
        assert item["answer"] == f"{item['sum']:,}"
        *solved, asked = item["prompt"].split("\n")
        assert len(solved) == 2
        assert asked == f"{item['left']:,}+{item['right']:,}="
        for line in solved:
            left, right, total = (int(one.replace(",", "")) for one in re.split("[+=]", line))
            assert left + right == total
    (forced,) = addition_items(1, digits=(7,), shots=0, separator=" ", direction="l2r3")
    assert forced["prompt"].split("+")[0] == re.sub(r"(\d{3})(?=\d)", r"\1 ", str(forced["left"]))


def test_numbers_that_are_cut_from_the_left_stand_across_their_sums() -> None:
    threes = [f"{i:03}".encode() for i in range(1000)]
    pairs = [f"{i:02}".encode() for i in range(100)]
    items = list(addition_items(20, digits=(7, 9), shots=0))
    assert misaligned(vocabulary_of(*pairs, *threes, digits="r2l3", whole=True), items) == 0
    assert misaligned(vocabulary_of(digits="single"), items) == 0

    def differs(item: dict[str, Any]) -> bool:
        sizes = [len(str(item[key])) for key in ("left", "right", "sum")]
        cuts = [{size - i for i in range(3, size, 3)} for size in sizes]
        return any(
            cut != {at for at in cuts[2] if at < size} for cut, size in zip(cuts[:2], sizes[:2], strict=True)
        )

    expected = sum(map(differs, items)) / len(items)
    assert 0.4 < expected < 1
    assert misaligned(vocabulary_of(*pairs, *threes, digits="l2r3", whole=True), items) == expected


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("characters", [2000, 12_345])
def test_needles_are_where_the_item_says(task: str, characters: int) -> None:
    for number, direction in enumerate(DIRECTIONS):
        asked: dict[str, Any] = {
            "direction": direction,
            "number": number,
            "seed": 9,
            "characters": characters,
        }
        asked |= {"needles": 3, "thread_length": 4, "threads": 2}
        item = needle_item(task, **asked)
        assert item == needle_item(task, **asked)
        assert item["haystack"] != needle_item(task, **asked | {"seed": 10})["haystack"]
        pairs: dict[str, str] = json.loads(item["haystack"])
        assert item["context_length"] == len(item["haystack"])
        assert abs(item["context_length"] - characters) <= PAIR
        assert item["num_kv_pairs"] == len(pairs)
        assert all(uuid.UUID(key).version == 4 for key in pairs)
        order = list(pairs)
        if task == "conditional":
            assert item["answer"] == [key for key in order if "*" in pairs[key]]
            assert len(item["answer"]) == 3
            continue
        assert item["values"] == item["answer"]
        for key, value, chain in zip(item["keys"], item["values"], item["placement"], strict=True):
            assert f'"{key}"' in item["question"]
            assert order[chain[0]] == key
            assert follow(pairs, key) == (value, len(chain))
            assert len(chain) == item["thread_length"]
            ascending = all(a < b for a, b in pairwise(chain))
            assert ascending or (direction == "random" and len(chain) > 1) or direction == "backward"
            assert direction != "backward" or all(a > b for a, b in pairwise(chain))
        assert item["num_threads"] == {"thread": 1, "threads": 2}.get(task, 0)
        assert len(item["keys"]) == {"single": 1, "multi": 3, "thread": 1, "threads": 2}[task]


def test_a_needle_is_as_deep_as_is_asked_and_2000_characters_are_25_pairs() -> None:
    for depth in (0.0, 0.5, 1.0):
        item = needle_item("single", characters=2000, depth=depth)
        assert item["num_kv_pairs"] == 25
        assert item["needle_depth"] == depth
        assert list(json.loads(item["haystack"])).index(item["keys"][0]) == round(24 * depth)
    (row,) = characters_per_token(vocabulary_of(), {"haystack": item["haystack"]})
    assert row["characters_per_token"] == 1
    for wrong, message in (
        ({"task": "none"}, "tasks are"),
        ({"task": "single", "direction": "up"}, "directions"),
        ({"task": "single", "depth": 2.0}, "from 0 to 1"),
        ({"task": "threads", "threads": 9, "thread_length": 3}, "no room"),
    ):
        with pytest.raises(ValueError, match=message):
            needle_item(**{"characters": 2000, **wrong})  # type: ignore[arg-type]


def test_what_is_deleted_is_what_the_rule_says() -> None:
    """(C24) MrT5's diagnostic tasks, told again letter by letter."""
    items = list(deletion_items(20, length=60, seed=3))
    assert items == list(deletion_items(20, length=60, seed=3))
    assert items != list(deletion_items(20, length=60, seed=4))
    assert Counter(item["task"] for item in items) == dict.fromkeys(DELETIONS, 20)
    deleted = Counter[str]()
    for item in items:
        text, keep = item["text"], item["keep"]
        assert len(text) == len(keep) == 60
        for i, letter in enumerate(text):
            behind = text[i + 1 : i + 2]
            vowel = letter in "aeiouAEIOU"
            wanted = {
                "vowels": not vowel,
                "vowels_in_context": not (vowel and behind.islower() and behind not in "aeiou"),
                "merge": "ABC" not in (text[max(0, i - 1) : i + 2], text[max(0, i - 2) : i + 1]),
            }[item["task"]]
            assert keep[i] == wanted
        left = "".join(letter for letter, kept in zip(text, keep, strict=True) if kept)
        if item["task"] == "merge":
            assert item["answer"] == "D".join(text.split("ABC"))
            assert len(left) == len(item["answer"])
        else:
            assert item["answer"] == left
        deleted[item["task"]] += keep.count(0)
    assert min(deleted.values()) > 20
