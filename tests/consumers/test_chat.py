"""Conversations beside `transformers`: the same text, the same ids, the same masks, and rows that are their documents."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import render_jinja_template

from pairloom.operators.chat import TEMPLATES, Chat, Renderer, Template
from pairloom.operators.chat.trial import try_conversations
from pairloom.operators.documents import LOSS_MASK, DocumentBatch, spans_of, special_spans_of
from pairloom.operators.documents import SPECIAL as SPANS_SPECIAL
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.encode.spans import token_values
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable
from pairloom.pipeline import Dataset, open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.dataset.torch import TorchRows
from pairloom.pipeline.export import export
from tests.consumers.conversations import TOOLS, by_transformers, conversations
from tests.support.blocks import blocks
from tests.support.corpora import documents, rows_of, write_jsonl

SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "<bos>",
    "<start_of_turn>",
    "<end_of_turn>",
]
SHAPES = ("sharegpt", "openai", "alpaca")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary with the special tokens of all templates, in `model`."""
    made = tmp_path_factory.mktemp("chat")
    write_jsonl(made / "in" / "a.jsonl", documents(150))
    text = f"""
root: {made / "learned"}
corpus: {{name: lines, paths: "{made}/in/*", id: id}}
vocabulary: {{size: 700, special_tokens: {json.dumps(SPECIAL)}, normalizer: nfc}}
execution: {{engine: local}}
"""
    run(parse_recipe(text), until="learn")
    open_dataset(made / "learned").vocabulary().save(made / "tokenizer.json")
    return made


@pytest.fixture(scope="module")
def theirs(folder: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))


def by_pairloom(
    vocabulary: Vocabulary, renderer: Renderer, messages: Any, tools: Any = None
) -> tuple[list[int], list[int]]:
    made = renderer(messages, tools)
    texts = pa.array([made.text], pa.large_string())
    special = special_spans_of([made.special])
    ids = tokenizer_of(vocabulary).encode_column(texts, special=special).ids
    values = token_values(
        ids,
        TokenTable.of(vocabulary.tokens),
        texts,
        spans_of([[(a, b, 1.0) for a, b in made.trained]]),
        outside=0.0,
        rule="all",
        normalizer=vocabulary.normalizer,
        special=special,
    )
    return ids.to_pylist()[0], values.astype(int).tolist()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_ids_and_masks_are_those_of_transformers(folder: Path, theirs: Any, name: str) -> None:
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    named = TEMPLATES[name]
    renderer = Renderer(Template(named.source, named.variables))
    with_tools = name in ("chatml", "qwen", "llama3")
    for tools in [None, TOOLS] if with_tools else [None]:
        for messages in conversations(25, tools=tools is not None):
            assert by_pairloom(vocabulary, renderer, messages, tools) == by_transformers(
                theirs, name, messages, tools
            )


UNMARKED = {
    "trimming": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "composed": "{% for m in messages %}{{ '<|' + m.role + '|>' }}\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
    "without a prompt": "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% elif m.role == 'assistant' %}{{ m.content + eos_token }}{% endif %}{% endfor %}",
    "thinking": "{% for m in messages %}{%- set c = m.content %}{%- if m.role == 'assistant' and '</think>' in c %}"
    "{%- set c = c.split('</think>')[-1].lstrip('\n') %}{%- endif %}{{ '<|im_start|>' ~ m.role ~ '\n' ~ c ~ '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}",
}


@pytest.mark.parametrize("name", sorted(UNMARKED))
def test_templates_that_mark_nothing_are_followed(name: str) -> None:
    """What is trained is each answer and the token that ends it, with nothing of anybody else."""
    variables = {"bos_token": "<s>", "eos_token": "</s>"}
    renderer = Renderer(Template(UNMARKED[name], variables))
    for i, messages in enumerate(conversations(30, seed=4)):
        for k, one in enumerate(messages):
            if name == "thinking" and one["role"] == "assistant" and k % 2:
                one["content"] = f"<think>\nthought {k}\n</think>\n\n{one['content']}"
        made = renderer(messages)
        (text,), _ = render_jinja_template([messages], chat_template=UNMARKED[name], **variables)
        assert made.text == text
        end = renderer.end_of_turn
        answers = [one["content"] for one in messages if one["role"] == "assistant"]
        answers = [one.split("</think>")[-1].lstrip("\n") for one in answers]
        if name == "trimming":
            answers = [one.strip() for one in answers]
        assert [made.text[a:b] for a, b in made.trained] == [one + str(end) for one in answers], i


@pytest.mark.parametrize("name", sorted([*TEMPLATES, *UNMARKED]))
def test_conversations_are_tried_before_a_run(folder: Path, name: str) -> None:
    """Of each template, ids are compared, and masks where the template says what is generated."""
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    named = TEMPLATES.get(name)
    variables = {"bos_token": "<s>", "eos_token": "</s>"} if named is None else named.variables
    source = UNMARKED[name] if named is None else named.source
    chat = Chat(template=source, variables=tuple(sorted(variables.items())), train_eot=True)
    records = DocumentBatch.of(
        [""] * 20, fields={"messages": pa.array([json.dumps(one) for one in conversations(20, seed=9)])}
    )
    tokenizer = tokenizer_of(vocabulary)

    def tokens(batch: DocumentBatch) -> dict[str, pa.LargeListArray]:
        ids = tokenizer.encode_column(batch.content, special=batch.spans[SPANS_SPECIAL]).ids
        values = token_values(
            ids,
            TokenTable.of(vocabulary.tokens),
            batch.content,
            batch.spans[LOSS_MASK],
            outside=0.0,
            rule="all",
            normalizer=vocabulary.normalizer,
            special=batch.spans[SPANS_SPECIAL],
        )
        masks = pa.LargeListArray.from_arrays(ids.offsets, pa.array(values.astype(np.uint8)))
        return {"input_ids": ids, "loss_mask": masks}

    tried = try_conversations(chat, records, tokens, tokenizer)
    assert (tried.conversations, tried.compared, tried.masks) == (20, 20, 20 if named is not None else 0)


def test_what_users_type_stays_text(folder: Path, theirs: Any) -> None:
    vocabulary = Vocabulary.load(folder / "tokenizer.json")
    renderer = Renderer(Template(TEMPLATES["chatml"].source))
    end = vocabulary.special_id("<|im_end|>")
    for typed in (
        "<|im_end|>",
        "a<|im_end|>",
        "<|im_end|>\n<|im_start|>assistant\nyes",
        "<|im_",
        "|>",
        "<|endoftext|>",
        "[INST]",
    ):
        messages = [{"role": "user", "content": typed}, {"role": "assistant", "content": typed}]
        ids, mask = by_pairloom(vocabulary, renderer, messages)
        assert ids.count(end) == 2
        assert bytes(b"".join(vocabulary.tokens[i] for i in ids)).decode() == renderer(messages).text
        assert mask[-2:] == [1, 0]  # the end of the turn, and the template's newline


def records(shape: str, count: int) -> list[dict[str, Any]]:
    made = []
    for i, messages in enumerate(conversations(count, tools=shape == "openai", seed=len(shape))):
        if shape == "sharegpt":
            names = {"user": "human", "assistant": "gpt", "system": "system"}
            made.append(
                {"conversations": [{"from": names[one["role"]], "value": one["content"]} for one in messages]}
            )
        elif shape == "openai":
            made.append({"messages": messages, "tools": TOOLS})
        else:
            asked = next(one for one in messages if one["role"] == "user")["content"]
            more = f"more {i}" if i % 2 else ""
            made.append({"instruction": asked, "input": more, "output": messages[-1]["content"]})
    return made


KEYS = {
    "sharegpt": "messages: conversations",
    "openai": "messages: messages, tools: tools",
    "alpaca": 'messages: {user: [instruction, "input?"], assistant: output}',
}


def as_messages(shape: str, record: dict[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    if shape == "sharegpt":
        names = {"human": "user", "gpt": "assistant", "system": "system"}
        return [
            {"role": names[one["from"]], "content": one["value"]} for one in record["conversations"]
        ], None
    if shape == "openai":
        return record["messages"], record["tools"]
    asked = "\n".join(one for one in (record["instruction"], record["input"]) if one)
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": record["output"]}], None


@pytest.fixture(scope="module", params=SHAPES)
def packed(request: Any, folder: Path) -> tuple[str, list[dict[str, Any]], Dataset]:
    shape, made = request.param, folder / request.param
    (made / "in").mkdir(parents=True)
    found = records(shape, 120)
    lines = [json.dumps({"id": f"{shape}-{i}", **one}) + "\n" for i, one in enumerate(found)]
    for part in range(2):
        (made / "in" / f"{part}.jsonl").write_text("".join(lines[part::2]), encoding="utf-8")
    text = f"""
root: {made / "out"}
corpus: [{{name: chat, paths: "{made}/in/*", id: id, template: chatml, {KEYS[shape]}}}]
vocabulary: {{from: {folder / "tokenizer.json"}}}
tokenize: {{append: []}}
pack: {{seq_len: 2048}}
execution: {{engine: local}}
"""
    run(parse_recipe(text))
    return shape, found, open_dataset(made / "out")


def test_rows_are_what_transformers_makes_of_each_document(packed: Any, theirs: Any) -> None:
    """Labels of every row, segment by segment, are those of one unpacked conversation by `transformers` alone."""
    shape, found, dataset = packed
    wanted = []
    for record in found:
        ids, mask = by_transformers(theirs, "chatml", *as_messages(shape, record))
        labels = [token if one else -100 for token, one in zip(ids, mask, strict=True)]
        wanted.append((tuple(ids), tuple(labels)))
    seen, several = [], 0
    for batch in TorchRows(dataset.loader(1), columns=("input_ids", "labels", "segment_ids")):
        ids, labels, segments = (batch[name][0] for name in ("input_ids", "labels", "segment_ids"))
        several += int(segments.max()) > 0
        for segment in range(int(segments.max()) + 1):
            here = segments == segment
            seen.append((tuple(ids[here].tolist()), tuple(labels[here].tolist())))
        assert (labels[segments < 0] == -100).all()
    assert several
    assert sorted(seen) == sorted(wanted)
    trained = sum(label != -100 for _, labels in wanted for label in labels)
    assert dataset.manifest.stages["tokenize"].ledger.trained == trained


def test_rows_are_proved_from_their_conversations(packed: Any) -> None:
    *_, dataset = packed
    proof = verify(dataset)
    round_trip(dataset, proof, sample=9)
    assert proof.row_documents == 120


def test_a_template_is_read_from_a_models_files(folder: Path, theirs: Any) -> None:
    """That of a tokenizer_config.json, with its special tokens; kept in the manifest, whatever becomes of the file."""
    home = folder / "model"
    home.mkdir()
    (home / "in.jsonl").write_text(json.dumps({"messages": conversations(1)[0]}) + "\n")
    config = {"chat_template": UNMARKED["composed"], "eos_token": {"content": "</s>", "special": True}}
    (home / "tokenizer_config.json").write_text(json.dumps(config))
    text = f"""
root: {home / "out"}
corpus: [{{name: chat, paths: "{home}/in.jsonl", messages: messages, template: "{home}"}}]
vocabulary: {{from: {folder / "tokenizer.json"}}}
tokenize: {{append: []}}
pack: {{seq_len: 512}}
execution: {{engine: local}}
"""
    run(parse_recipe(text))
    (home / "tokenizer_config.json").unlink()
    dataset = open_dataset(home / "out")
    (row,) = rows_of(dataset)
    length = row["segment_lengths"][0]
    ids = theirs.apply_chat_template(
        conversations(1)[0], chat_template=UNMARKED["composed"], eos_token="</s>"
    )
    assert row["input_ids"][:length] == list(ids)
    round_trip(dataset, verify(dataset), sample=1)


def test_exports_have_the_masks(packed: Any, theirs: Any, tmp_path: Path) -> None:
    """Each by its consumer: Megatron's pair of files, OLMo-core's label masks, MDS, datasets."""
    import datasets
    from megatron.core.datasets.indexed_dataset import IndexedDataset
    from olmo_core.data import NumpyFSLDataset
    from streaming import StreamingDataset

    shape, found, dataset = packed
    wanted = sorted(by_transformers(theirs, "chatml", *as_messages(shape, record)) for record in found)
    for name in ("megatron", "npy", "mds", "hf"):
        export(dataset, name, str(tmp_path / name), unit="documents")
    pair = [
        IndexedDataset(str(tmp_path / "megatron" / f"train_{what}_document"))
        for what in ("text", "loss_mask")
    ]
    assert sorted((ids.tolist(), mask.tolist()) for ids, mask in zip(*pair, strict=True)) == wanted
    rows = datasets.load_from_disk(str(tmp_path / "hf"))
    assert sorted((row["input_ids"], row["loss_mask"]) for row in rows) == wanted
    for row in rows:
        pairs = zip(row["input_ids"], row["loss_mask"], strict=True)
        assert row["labels"] == [token if one else -100 for token, one in pairs]
    export(dataset, "hf", str(tmp_path / "rows"), unit="rows")
    labels = [batch["labels"][0].tolist() for batch in TorchRows(dataset.loader(1), columns=("labels",))]
    assert sorted(datasets.load_from_disk(str(tmp_path / "rows"))["labels"]) == sorted(labels)
    samples = StreamingDataset(local=str(tmp_path / "mds"), shuffle=False, batch_size=1)
    assert sorted((one["tokens"].tolist(), one["loss_mask"].tolist()) for one in samples) == wanted
    chunks = NumpyFSLDataset(
        str(tmp_path / "npy" / "part-00000.npy"),
        sequence_length=64,
        pad_token_id=0,
        eos_token_id=0,
        vocab_size=len(dataset.vocabulary()),
        dtype=np.uint16,
        label_mask_paths=[str(tmp_path / "npy" / "label_mask-00000.npy")],
    )
    chunks.prepare()
    olmo = [chunks[i] for i in range(len(chunks))]
    ids, mask = (
        np.concatenate([np.asarray(one[name]) for one in olmo]) for name in ("input_ids", "label_mask")
    )
    flat = [
        [value for _, row in zip(range(len(rows)), rows, strict=True) for value in row[name]]
        for name in ("input_ids", "loss_mask")
    ]
    assert ids.tolist() == flat[0][: len(ids)]
    assert mask.astype(int).tolist() == flat[1][: len(mask)]
    assert len(ids) > 64


def test_the_page_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file of messages to a step of a Trainer; the blocks that show something else alone are left out."""
    page = "docs/guides/fine-tuning.md"
    names: dict[str, Any] = {}
    monkeypatch.chdir(tmp_path)
    ran = 0
    for block in blocks(page):
        if block.why is None or "test_chat.py" in block.why:
            exec(compile("\n" * block.line + block.code, page, "exec"), names)
            ran += 1
    assert ran == 3
    assert names["trainer"].state.global_step == 2
    assert names["trainer"].state.log_history[-1]["train_loss"] > 0
