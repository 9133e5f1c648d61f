"""Records of preferences as they are published: which prompt, which completions, and what cannot be used."""

import json
import pickle
from typing import Any

import pytest

from pairloom.operators.chat import TEMPLATES, Chat
from pairloom.operators.documents import DocumentBatch
from pairloom.operators.preferences import GroupError, Preferences, Sides, sides_of
from pairloom.operators.preferences.sides import rewards_of

ASKED = {"role": "user", "content": "What color is the sky?"}
BLUE, GREEN = (
    {"role": "assistant", "content": "It is blue."},
    {"role": "assistant", "content": "It is green."},
)
PAIR = ["chosen", "rejected"]


def sides(prompt: Any, chosen: Any, rejected: Any, **keys: Any) -> Sides:
    return sides_of(
        prompt, [chosen, rejected], PAIR, **{"implicit": prompt is None, "distinct": True, **keys}
    )


@pytest.mark.parametrize("written", [lambda one: one, json.dumps])
def test_messages_in_every_shape_are_one(written: Any) -> None:
    """The shapes of trl's documentation, of UltraFeedback (a prompt as text, whole conversations), and of ShareGPT."""
    wanted = Sides([ASKED], [[BLUE], [GREEN]])
    whole = written([ASKED, BLUE]), written([ASKED, GREEN])
    assert sides(written([ASKED]), written([BLUE]), written([GREEN])) == wanted
    assert sides(None, *whole) == wanted
    assert sides(written([ASKED]), *whole) == wanted
    assert sides("What color is the sky?", *whole) == wanted
    assert sides("What color is the sky?", written([BLUE]), written([GREEN])) == wanted
    shared = [{"from": "human", "value": ASKED["content"]}]
    answers = [[{"from": "gpt", "value": one["content"]}] for one in (BLUE, GREEN)]
    assert sides(None, *(written(shared + one) for one in answers)) == wanted


def test_a_conversation_is_shared_as_far_as_it_goes() -> None:
    system = {"role": "system", "content": "be brief"}
    before = [system, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, ASKED]
    assert sides(None, [*before, BLUE], [*before, GREEN]) == Sides(before, [[BLUE], [GREEN]])
    assert sides(ASKED["content"], [*before, BLUE], [*before, GREEN]).prompt == before
    called = [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]}, BLUE]
    assert sides([ASKED], called, [GREEN]).completions[0][0]["tool_calls"] == [{"function": {"name": "f"}}]


def test_texts_with_a_prompt_without_one_and_with_one_inside() -> None:
    assert sides("The sky is", " blue.", " green.") == Sides("The sky is", [" blue.", " green."])
    assert sides(None, "The sky is blue.", "The sky is green.") == Sides("The sky is", [" blue.", " green."])
    whole = sides("The sky is", "The sky is blue.", "The sky is green.", whole=True)
    assert whole == Sides("The sky is", [" blue.", " green."])


def test_a_prompt_may_end_where_an_answer_begins_with_the_same_words() -> None:
    """HH-RLHF: both answers begin with `No`, which is no part of the prompt."""
    before = "\n\nHuman: Is it red?\n\nAssistant: No.\n\nHuman: Sure?\n\nAssistant:"
    made = sides(None, before + " No, blue.", before + " No, green.", ends="\n\nAssistant:")
    assert made == Sides(before, [" No, blue.", " No, green."])
    assert sides(None, before + " No, blue.", before + " No, green.").prompt == before + " No,"


def test_a_text_that_looks_like_a_list_stays_a_text() -> None:
    assert sides("json?", '[{"a": 1}]', "[1]").completions == ['[{"a": 1}]', "[1]"]
    said = json.dumps([BLUE])
    assert sides("json?", said, "none", form="text").completions == [said, "none"]


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected", "keys", "reason"),
    [
        ("q", "a", "a", {}, "sides_identical"),
        ([ASKED], [BLUE], [BLUE], {}, "sides_identical"),
        ("q", None, "a", {}, "completion_missing"),
        (None, [ASKED, BLUE], None, {}, "completion_missing"),
        ("q", "", "a", {}, "completion_empty"),
        ("q", "a", " \n", {}, "completion_empty"),
        ([ASKED], [], [BLUE], {}, "completion_empty"),
        ([ASKED], [{"role": "assistant", "content": " "}], [BLUE], {}, "completion_empty"),
        (None, [ASKED, BLUE], [ASKED], {}, "completion_empty"),
        (None, "The sky", "The sky is", {}, "completion_empty"),
        ("q", "q a", "r b", {"whole": True}, "prompt_not_shared"),
        (None, "The sky", "A sea", {}, "prompt_not_shared"),
        (None, "Q: a\nA: b", "Q: c\nA: d", {"ends": "A:"}, "prompt_not_shared"),
        (None, "Q: a\nA: b", "Q: a", {"ends": "A:"}, "prompt_not_shared"),
        (None, [ASKED, BLUE], [{**ASKED, "content": "?"}, GREEN], {}, "prompt_not_shared"),
        (None, [BLUE], [GREEN], {}, "prompt_not_shared"),
        ([ASKED], [{**ASKED, "content": "?"}, BLUE], [ASKED, GREEN], {}, "prompt_not_shared"),
        ("another", [ASKED, BLUE], [ASKED, GREEN], {}, "prompt_not_shared"),
        (
            None,
            [ASKED, BLUE, ASKED, GREEN],
            [ASKED, BLUE, {**ASKED, "content": "?"}, GREEN],
            {},
            "prompt_not_shared",
        ),
        ([ASKED], "a", [BLUE], {}, "completions_invalid"),
        ([ASKED], "a", "b", {}, "completions_invalid"),
        (None, [7], [8], {}, "completions_invalid"),
        (None, [{"content": "a"}], [BLUE], {}, "completions_invalid"),
        ("q", "a", "b", {"form": "messages"}, "completions_invalid"),
        (None, "a", "b", {"implicit": False}, "completion_missing"),
    ],
)
def test_what_cannot_be_used(prompt: Any, chosen: Any, rejected: Any, keys: Any, reason: str) -> None:
    with pytest.raises(GroupError) as caught:
        sides(prompt, chosen, rejected, **keys)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "values",
    [
        [1],
        [1, 2, 3],
        None,
        "x",
        [1, None],
        [1, float("nan")],
        [1, float("-inf")],
        [1, "x"],
        [1, 1e39],
        [1, True],
        ["nan", 0],
    ],
)
def test_rewards_that_are_none(values: Any) -> None:
    with pytest.raises(GroupError) as caught:
        rewards_of(values, 2, "rewards")
    assert caught.value.reason == "reward_invalid"


def test_documents_of_a_record_have_its_columns_and_a_group_of_their_own() -> None:
    fields = {
        "prompt": ["The sky is", "x", "A rose is"],
        "chosen": [" blue.", "same", " a rose."],
        "rejected": [" green.", "same", " red."],
    }
    batch = DocumentBatch.of(["", "", ""], id=["a", "b", "c"], fields=fields, row=[0, 4, 5])
    made = Preferences(prompt="prompt").read(batch)
    assert made.content.to_pylist() == [
        "The sky is blue.",
        "The sky is green.",
        "A rose is a rose.",
        "A rose is red.",
    ]
    assert made.row.to_pylist() == [0, 0, 5, 5]
    assert made.columns["side"].to_pylist() == ["chosen", "rejected"] * 2
    assert made.columns["member"].to_pylist() == [0, 1, 0, 1]
    first, second, third, fourth = made.columns["group"].to_pylist()
    assert (first, third) == (second, fourth)
    assert first != third
    spans = made.spans["loss_mask"].to_pylist()
    assert [(one[0]["start"], one[0]["end"]) for one in spans] == [(10, 16), (10, 17), (9, 17), (9, 14)]
    (letter,) = made.rejected
    assert (letter.row, letter.position, letter.reason) == (4, "row 4", "sides_identical")
    assert '"chosen": "same"' in letter.excerpt
    alone = Preferences(prompt="prompt").read(
        DocumentBatch.of([""], fields={k: v[:1] for k, v in fields.items()})
    )
    assert alone.columns["group"][0] == alone.columns["group"][1]


def test_several_completions_as_objects_with_rewards() -> None:
    """UltraFeedback as it was first published: a list of objects, each with its text and its score."""
    several = [{"response": "blue", "overall_score": 7.5}, {"response": "green", "overall_score": "1"}]
    fields = {"instruction": ["color?"], "completions": [json.dumps(several)]}
    giver = Preferences(
        prompt="instruction", completions="completions", text="response", reward="overall_score"
    )
    made = giver.read(DocumentBatch.of([""], fields=fields))
    assert made.columns["reward"].to_pylist() == [7.5, 1.0]
    assert made.content.to_pylist() == ["color?blue", "color?green"]
    assert "side" not in made.columns
    for wrong in ([], "[]", [7], [{"response": "blue"}], [{"overall_score": 1}], None):
        fields["completions"] = [wrong if isinstance(wrong, str) else json.dumps(wrong)]
        assert len(giver.read(DocumentBatch.of([""], fields=fields)).rejected) == 1


def test_what_the_system_says_stands_before_the_prompt() -> None:
    """As in pairs of Orca's questions: texts, and a system that may say nothing."""
    fields = {
        "system": ["be brief", ""],
        "question": ["color?", "size?"],
        "chosen": ["blue", "small"],
        "rejected": ["green", "large"],
    }
    giver = Preferences(prompt="question", system="system", chat=Chat(template=TEMPLATES["chatml"].source))
    made = giver.read(DocumentBatch.of(["", ""], fields=fields))
    texts = made.content.to_pylist()
    assert texts[0].startswith("<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\ncolor?<|im_end|>")
    assert texts[2].startswith("<|im_start|>user\nsize?<|im_end|>")
    for text, spans, answer in zip(
        texts, made.spans["loss_mask"].to_pylist(), ("blue", "green"), strict=False
    ):
        assert [text[one["start"] : one["end"]] for one in spans] == [f"{answer}<|im_end|>"]
    assert pickle.loads(pickle.dumps(giver)) == giver


def test_completions_of_other_prompts_are_not_of_one_record() -> None:
    several = [[ASKED, BLUE], [ASKED, GREEN], [{**ASKED, "content": "?"}, BLUE]]
    giver = Preferences(completions="all", chat=Chat(template=TEMPLATES["chatml"].source))
    made = giver.read(
        DocumentBatch.of(["", ""], fields={"all": [json.dumps(several), json.dumps(several[:2])]})
    )
    assert [(one.row, one.reason) for one in made.rejected] == [(0, "prompt_not_shared")]
    assert made.columns["member"].to_pylist() == [0, 1]
