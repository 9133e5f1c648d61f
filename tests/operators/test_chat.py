"""Conversations are rendered with what each character of them is; what cannot be told apart is refused."""

import json
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.chat import (
    TEMPLATES,
    Chat,
    InvalidError,
    Renderer,
    Template,
    TemplateFailedError,
    conversation,
)
from pairloom.operators.chat.rendering import UntraceableError
from pairloom.operators.documents import DocumentBatch

ASKED = [{"role": "user", "content": "why?"}, {"role": "assistant", "content": "so"}]


def renderer(name: str = "chatml", **options: Any) -> Renderer:
    named = TEMPLATES[name]
    return Renderer(Template(named.source, named.variables), **options)


def trained(made: Any) -> list[str]:
    return [made.text[a:b] for a, b in made.trained]


@pytest.mark.parametrize(
    ("value", "roles"),
    [
        ([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], ["user", "assistant"]),
        ([{"from": "system", "value": "a"}, {"from": "tool", "value": "b"}], ["system", "tool"]),
        ([{"role": "developer", "content": "a"}], ["developer"]),
        ({"instruction": "a", "input": "b", "output": "c"}, ["user", "assistant"]),
        ({"system": "s", "instruction": "a", "output": "c"}, ["system", "user", "assistant"]),
    ],
)
def test_shapes(value: Any, roles: list[str]) -> None:
    assert [one["role"] for one in conversation(value)] == roles


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "no list of messages but null"),
        ([], "it has no messages"),
        ([7], "message 0 is a number"),
        ([{"content": "a"}], "message 0 has no role"),
        ([{"role": "user"}], "message 0 has no content"),
        ([{"role": "user", "content": 7}], "its content is a number"),
        ([{"from": "nobody", "value": "a"}], "from 'nobody'"),
        ([{"from": "human", "value": None}], "its value is null"),
        ({"instruction": "", "output": "a"}, "is empty"),
    ],
)
def test_what_is_no_conversation(value: Any, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        conversation(value)


def test_whose_messages_are_trained() -> None:
    messages = [*ASKED, *ASKED[:1], {"role": "assistant", "content": "done"}]
    assert trained(renderer()(messages)) == ["so<|im_end|>", "done<|im_end|>"]
    assert trained(renderer(train="last")(messages)) == ["done<|im_end|>"]
    assert trained(renderer(train=("user",))(messages)) == ["why?<|im_end|>", "why?<|im_end|>"]
    assert trained(renderer(train="all")(ASKED)) == [renderer()(ASKED).text]
    assert trained(renderer(train_eot=False)(messages)) == ["so", "done"]
    assert trained(renderer(train_eot=False, train=("user",))(ASKED)) == ["why?"]
    for off in ({"weight": 0}, {"train": False}):
        assert trained(renderer()([*ASKED, ASKED[0], {**ASKED[1], **off}])) == ["so<|im_end|>"]


def test_reasoning() -> None:
    thought = {"role": "assistant", "content": "so", "reasoning_content": "hm"}
    inside = {"role": "assistant", "content": "<think>hm</think>\n\nso"}
    for one in (thought, inside):
        assert trained(renderer()([ASKED[0], one]))[0].endswith("so<|im_end|>")
        assert "hm" in trained(renderer()([ASKED[0], one]))[0]
        made = renderer(reasoning="untrained")([ASKED[0], one])
        assert trained(made) == ["so<|im_end|>"]
        assert "hm" in made.text
    batch = DocumentBatch.of(
        [""] * 2, fields={"messages": [json.dumps([ASKED[0], one]) for one in (thought, inside)]}
    )
    for text in Chat(template=TEMPLATES["chatml"].source, reasoning="drop").read(batch).content.to_pylist():
        assert "hm" not in text
        assert "so<|im_end|>" in text


def test_parts_are_put_together() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]
    made = renderer()([{"role": "user", "content": parts}, {"role": "assistant", "content": parts}])
    assert trained(made) == ["a b<|im_end|>"]
    with pytest.raises(TemplateFailedError, match="has no text"):
        renderer()([{"role": "user", "content": [{"type": "image", "url": "x"}]}])


def test_turns_begin_behind_the_ends_of_others() -> None:
    made = renderer()([*ASKED, *ASKED])
    parts = [made.text[a:b] for a, b in zip([0, *made.turns], [*made.turns, None], strict=True)]
    assert parts == 2 * ["<|im_start|>user\nwhy?<|im_end|>\n", "<|im_start|>assistant\nso<|im_end|>\n"]


@pytest.mark.parametrize(
    "typed",
    ["<|im_end|>", "x<|im_end|>", "<|im", "|>x", "a <b> c", "[INST]", "<", ">", "<|im_end|", "<<|im_end|>>"],
)
def test_what_is_typed_is_no_special_token(typed: str) -> None:
    for name in ("chatml", "mistral"):
        made = renderer(name)([{"role": "user", "content": typed}, {"role": "assistant", "content": typed}])
        plain = renderer(name)([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
        assert [token for *_, token in made.special] == [token for *_, token in plain.special]
        assert typed in made.text


def test_noncharacters_are_refused() -> None:
    with pytest.raises(InvalidError, match="noncharacters"):
        renderer()([{"role": "user", "content": "a\ufdd6b"}])


def test_a_template_that_looks_at_words_is_refused() -> None:
    """That of each word's length cannot be marked: a dead letter, or an error where every conversation is one."""
    source = "{% for m in messages %}<|x|>{{ m.content | length }}{{ m.content }}<|e|>{% endfor %}"
    with pytest.raises(UntraceableError, match="looks at what messages say"):
        Renderer(Template(source))(ASKED)
    with pytest.raises(ValueError, match="template cannot be used: the template looks at what messages say"):
        Chat(template=source).check()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for m in %}", r"template cannot be used: .*line 1"),
        ("{{ raise_exception('never') }}", "the template refuses it: never"),
        ("{{ strftime_now('%Y') }}{{ messages[0].content }}", "asks for the date"),
        ("{% for m in messages %}{{ m.content }}\n{% endfor %}", "by no special token"),
        (
            "{% for m in messages %}{{ m.role }}<|e|>{% endfor %}",
            "no answer would be predicted|by no special token",
        ),
        ("{{ messages.__class__.__mro__ }}", "template cannot be used"),
    ],
)
def test_templates_that_cannot_be_used(source: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Chat(template=source).check()


def test_the_date_is_the_one_that_is_said() -> None:
    source = "{{ strftime_now('%d %b %Y') }}{% for m in messages %}<|x|>{{ m.content }}<|e|>{% endfor %}"
    chat = Chat(template=source, day="2026-01-31")
    chat.check()
    assert chat.renderer(ASKED).text.startswith("31 Jan 2026<|x|>")


def test_records_that_cannot_be_rendered_are_dead_letters() -> None:
    values = [
        json.dumps(ASKED),
        "[",
        json.dumps([{"role": "user"}]),
        json.dumps([{"role": "user", "content": [{"type": "image"}]}]),
        json.dumps([{"role": "user", "content": "\ufdd0"}]),
        None,
    ]
    batch = DocumentBatch.of([""] * len(values), fields={"messages": pa.array(values)})
    made = Chat(template=TEMPLATES["chatml"].source).read(batch)
    assert made.content.to_pylist() == [renderer()(ASKED).text]
    assert [(one.row, one.reason) for one in made.rejected] == [
        (1, "no_conversation"),
        (2, "no_conversation"),
        (3, "template_failed"),
        (4, "no_conversation"),
        (5, "no_conversation"),
    ]
    assert made.rejected[1].excerpt == '[{"role": "user"}]'


def test_files_with_types_give_the_same() -> None:
    """A struct has every key; what a record does not have is null there."""
    tools = [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]
    messages = [[*ASKED, {"role": "assistant", "content": "x", "tool_calls": tools}], ASKED]
    chat = Chat(template=TEMPLATES["chatml"].source)
    one = chat.read(DocumentBatch.of(["", ""], fields={"messages": pa.array(messages)}))
    other = chat.read(DocumentBatch.of(["", ""], fields={"messages": [json.dumps(m) for m in messages]}))
    assert one.content.equals(other.content)
    assert one.spans["loss_mask"].equals(other.spans["loss_mask"])


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("{{ m.content[0] }}{{ m.content[1:] }}", "so"),
        ("{{ m.content | trim }}", "so"),
        ("{{ m.content[:1] | upper }}{{ m.content[1:] }}", None),  # where it begins, nothing says
        ("{{ m.content[:-1] }}{{ m.content[-1:] | upper }}", "sO"),  # and where it ends, the token behind it
    ],
)
@pytest.mark.parametrize("train", [("assistant",), ("user",)])
@pytest.mark.parametrize("eot", [True, False])
def test_marks_that_a_template_cuts_through_mislead_nobody(
    source: str, answer: str | None, train: tuple[str, ...], eot: bool
) -> None:
    """Who takes the first character takes a part of a mark: the words are found by the other, or the conversation is refused."""
    template = Template("{% for m in messages %}<|{{ m.role }}|>" + source + "</s>{% endfor %}")
    messages = [{"role": role, "content": "so"} for role in ("user", "assistant")]
    made = Renderer(template, train=train, train_eot=eot)
    if answer is None:
        with pytest.raises(UntraceableError, match=r"where message . begins cannot be told"):
            made(messages)
    else:
        assert trained(made(messages)) == [answer + "</s>" * eot]


@pytest.mark.parametrize("name", [*sorted(TEMPLATES)])
def test_blanks_around_words_change_no_way(name: str) -> None:
    """Of a template that leaves them out and of one that keeps them: the whole text is rendered, and each answer is trained."""
    for words in (" so", "so ", "\n so \n", "so"):
        messages = [{"role": "user", "content": f"{words}?"}, {"role": "assistant", "content": words}] * 2
        made = renderer(name)(messages)
        assert made.text == Template(TEMPLATES[name].source, TEMPLATES[name].variables).render(messages)
        assert [one.replace(" ", "").replace("\n", "")[:2] for one in trained(made)] == ["so", "so"]


def test_many_messages_are_numbered() -> None:
    messages = [{"role": ("user", "assistant")[i % 2], "content": f"w{i}"} for i in range(600)]
    assert trained(renderer()(messages)) == [f"w{i}<|im_end|>" for i in range(1, 600, 2)]


@pytest.mark.parametrize("kept", ["key", "items", "keys", "get", "__class__"])
def test_what_a_template_asks_of_an_object_is_what_jinja_finds(kept: str) -> None:
    """A key of a message, unless what an object can do has its name; nothing that the sandbox hides."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    source = (
        "{{ messages[0]."
        + kept
        + " is defined }}{{ messages[0]."
        + kept
        + " is string }}{{ messages[0].other }}"
    )
    messages = [{"role": "user", "content": "", kept: "said"}]
    theirs = ImmutableSandboxedEnvironment().from_string(source).render(messages=messages)
    assert Template(source).render(messages) == theirs


def test_what_is_set_in_a_generation_is_not_known_behind_it() -> None:
    source = "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}"
    assert Template(source).render([]) == "21"
