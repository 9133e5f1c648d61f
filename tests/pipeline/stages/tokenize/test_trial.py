"""Conversations are tried before the run: what they teach is what their template means, or there is no run."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.chat import TEMPLATES, Chat
from pairloom.operators.chat.trial import try_conversations
from pairloom.operators.documents import LOSS_MASK, DocumentBatch
from pairloom.operators.encode import Tokenizer, tokenizer_of
from pairloom.operators.errors import RecipeError
from pairloom.operators.schema import INPUT_IDS
from pairloom.pipeline import open_dataset, parse_recipe, run
from pairloom.pipeline.checkup import examine_recipe
from pairloom.pipeline.flow.events import Notice
from pairloom.pipeline.recipe.reading import check_recipe
from tests.support.corpora import documents, write_jsonl

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "#TURN#"]
PUT = "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\n' ~ m.content ~ '<|im_end|>\n' }}{% endfor %}"
ENDS_SHORT = PUT.replace("'<|im_end|>\n'", "('<|im_end|>' if m.content | length < 30) ~ '\n'")
OTHER_SHAPE = PUT.replace("'<|im_start|>'", "'#TURN#'")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial")
    write_jsonl(folder / "in.jsonl", documents(100))
    text = {
        "root": str(folder / "out"),
        "corpus": [{"name": "lines", "paths": [str(folder / "in.jsonl")]}],
        "vocabulary": {"size": 400, "special_tokens": SPECIAL},
        "execution": {"engine": "local"},
    }
    run(parse_recipe(json.dumps(text)), until="learn")
    open_dataset(folder / "out").vocabulary().save(folder / "tokenizer.json")
    return folder / "tokenizer.json"


def write(folder: Path, *answers: str) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": answer}]}
        for i, answer in enumerate(answers)
    ]
    (folder / "chat.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def text_of(folder: Path, vocabulary: Path, **keys: Any) -> str:
    source = {"name": "chat", "paths": [str(folder / "chat.jsonl")], "messages": "messages"}
    text = {
        "root": str(folder / "out"),
        "corpus": [source | {"template": "chatml"} | keys],
        "vocabulary": {"from": str(vocabulary)},
        "tokenize": {"append": []},
        "execution": {"engine": "local"},
    }
    return json.dumps(text)


def said(text: str) -> list[str]:
    lines = []
    run(
        parse_recipe(text),
        until="tokenize",
        observe=lambda event: lines.append(event.text) if isinstance(event, Notice) else None,
    )
    return lines


def test_what_was_tried_is_said(tmp_path: Path, vocabulary: Path) -> None:
    """Once for each source, before anything is tokenized; where all is tokenized, nothing is tried."""
    transformers = pytest.importorskip("transformers")
    write(tmp_path, *(f"yes, {i}" for i in range(20)), "no <|im_end|>")
    text = text_of(tmp_path, vocabulary)
    (line,) = said(text)
    assert line == (
        "source 'chat': 8 conversations tried: tokens give the text back, and what ends turns is as asked; ids of 8 are those "
        f"of transformers {transformers.__version__}, masks of 8"
    )
    assert said(text) == []


def test_without_transformers_the_rest_is_tried(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    write(tmp_path, "yes")
    (line,) = said(text_of(tmp_path, vocabulary))
    assert line.endswith("not compared with transformers: it is not installed (pip install transformers)")
    write(tmp_path, "a sentence with so many words that the template ends it by nothing")
    with pytest.raises(
        RecipeError, match=r"no <\|im_end\|> is to be predicted, so that a model would learn no end"
    ):
        said(text_of(tmp_path, vocabulary, template=ENDS_SHORT))


def test_a_turn_that_nothing_ends_is_refused(tmp_path: Path, vocabulary: Path) -> None:
    """The template is well for the words that it was tried with when the recipe was read, and not for what is there."""
    write(tmp_path, "yes", "a sentence with so many words that the template ends it by nothing")
    text = text_of(tmp_path, vocabulary, template=ENDS_SHORT)
    with pytest.raises(
        RecipeError, match=r"source 'chat', .*chat\.jsonl, record 1: no <\|im_end\|> is to be"
    ):
        said(text)
    assert not list((tmp_path / "out").glob("**/tokens*"))
    assert len(said(text_of(tmp_path, vocabulary, template=ENDS_SHORT, train_eot=False))) == 1


def test_ids_that_transformers_makes_otherwise_are_refused(tmp_path: Path, vocabulary: Path) -> None:
    """A special token that is in no brackets is text here."""
    pytest.importorskip("transformers")
    write(tmp_path, "yes")
    with pytest.raises(
        RecipeError, match=r"record 0, by transformers .*: ids: token 0 is \d+ here and \d+ there"
    ):
        said(text_of(tmp_path, vocabulary, template=OTHER_SHAPE))
    (line,) = said(text_of(tmp_path, vocabulary, template=OTHER_SHAPE, compared=False))
    assert line.endswith("not compared with transformers: compared is false")


def test_what_cannot_be_compared_is_said(tmp_path: Path, vocabulary: Path) -> None:
    pytest.importorskip("transformers")
    write(tmp_path, "<|im_end|>")
    (line,) = said(text_of(tmp_path, vocabulary))
    assert line.endswith("all that were tried spell special tokens, which stay text here")
    write(tmp_path, "yes")
    (line,) = said(text_of(tmp_path, vocabulary, template=PUT))
    assert "ids of 1 are those of transformers" in line
    assert line.endswith("which says no mask by this template")
    dated = "{{ strftime_now('%Y') }}" + PUT
    (line,) = said(text_of(tmp_path, vocabulary, template=dated, template_date="2026-01-31"))
    assert line.endswith("the template asks for the date, which is today's there")


def test_records_that_hold_no_conversation_are_left_to_the_run(tmp_path: Path, vocabulary: Path) -> None:
    (tmp_path / "chat.jsonl").write_text(
        '{"messages": []}\n' * 9 + '{"messages": [{"role": "assistant", "content": "a"}]}\n'
    )
    text = json.loads(text_of(tmp_path, vocabulary)) | {"max_rejected": 0.95}
    (line,) = said(json.dumps(text))
    assert line.startswith("source 'chat': 1 conversation tried: ")


def test_doctor_tries_them_too(tmp_path: Path, vocabulary: Path) -> None:
    def found(text: str) -> tuple[str, str]:
        (tmp_path / "recipe.yaml").write_text(text)
        recipe = check_recipe(parse_recipe(text))
        (one,) = (one for one in examine_recipe(recipe) if one.check == "conversations")
        return one.state, one.said

    write(tmp_path, "yes")
    assert found(text_of(tmp_path, vocabulary)) == ("ok", found(text_of(tmp_path, vocabulary))[1])
    learned = json.loads(text_of(tmp_path, vocabulary)) | {
        "vocabulary": {"size": 400, "special_tokens": SPECIAL}
    }
    assert "as soon as the vocabulary is learned" in found(json.dumps(learned))[1]
    write(tmp_path, "a sentence with so many words that the template ends it by nothing")
    state, what = found(text_of(tmp_path, vocabulary, template=ENDS_SHORT))
    assert state == "wrong"
    assert "no <|im_end|> is to be predicted" in what


CHAT = Chat(template=TEMPLATES["chatml"].source)


def changed(tokenizer: Tokenizer, change: Any) -> Any:
    """What gives documents their ids and masks, and changes those of the first."""

    def tokens(batch: DocumentBatch) -> dict[str, pa.LargeListArray]:
        ids = tokenizer.encode_column(batch.content, special=batch.spans["special"]).ids.to_pylist()
        end = tokenizer.vocabulary.special_id("<|im_end|>")
        masks = [[int(token == end) for token in row] for row in ids]
        masks[0] = [0] * (len(ids[0]) - 3) + [1, 1, 0]
        ids, masks = change(ids, masks)
        return {
            INPUT_IDS: pa.array(ids, pa.large_list(pa.uint16())),
            LOSS_MASK: pa.array(masks, pa.large_list(pa.uint8())),
        }

    return tokens


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ids, masks: ([ids[0][:-1]], [masks[0][:-1]]), "do not give back the text"),
        (lambda ids, masks: (ids, [[1, *masks[0][1:-2], 0, 0]]), "no <|im_end|> is to be predicted"),
        (lambda ids, masks: (ids, [[1, *masks[0][1:]]]), "loss_mask: token 0 is 1 here and 0 there"),
    ],
)
def test_tokens_that_are_wrong_are_found(vocabulary: Path, change: Any, said: str) -> None:
    from pairloom.operators.vocabulary import Vocabulary

    pytest.importorskip("transformers")
    tokenizer = tokenizer_of(Vocabulary.load(vocabulary))
    messages = json.dumps([{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b"}])
    batch = DocumentBatch.of([""], fields={"messages": pa.array([messages])})
    right = try_conversations(CHAT, batch, changed(tokenizer, lambda *both: both), tokenizer)
    assert (right.conversations, right.compared, right.masks) == (1, 1, 1)
    with pytest.raises(ValueError, match=f"record 0.*{said.replace('|', '.')}"):
        try_conversations(CHAT, batch, changed(tokenizer, change), tokenizer)
