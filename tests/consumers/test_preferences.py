"""Pairs beside `transformers` and `trl`: the prompt's, the chosen and the rejected ids, and a step of training by them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from pairloom.operators.chat import TEMPLATES
from pairloom.pipeline import open_dataset, parse_recipe, run
from pairloom.pipeline.export.groups import Group, groups
from tests.support.corpora import WORDS, documents, write_jsonl

SPECIAL = [
    *(
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|begin_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
    ),
    *("<|eot_id|>", "<s>", "</s>", "[INST]", "[/INST]", "<bos>", "<start_of_turn>", "<end_of_turn>"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pairs")
    write_jsonl(made / "in" / "a.jsonl", documents(150))
    text = f"""
root: {made / "learned"}
corpus: {{name: lines, paths: "{made}/in/*", id: id}}
vocabulary: {{size: 700, special_tokens: {json.dumps(SPECIAL)}}}
execution: {{engine: local}}
"""
    run(parse_recipe(text), until="learn")
    open_dataset(made / "learned").vocabulary().save(made / "tokenizer.json")
    return made


@pytest.fixture(scope="module")
def theirs(folder: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="<|endoftext|>", eos_token="<|endoftext|>"
    )


def said(rng: random.Random, most: int = 20) -> str:
    words = [word for word in WORDS if not word.startswith("<|")]
    return " ".join(rng.choice(words) for _ in range(rng.randint(1, most))).strip() or "yes"


def pairs(count: int, *, system: bool = True) -> list[dict[str, Any]]:
    rng, made = random.Random(5), []
    for i in range(count):
        prompt = [{"role": "system", "content": said(rng)}] if system and rng.random() < 0.4 else []
        for _ in range(rng.randint(0, 2)):
            prompt += [{"role": "user", "content": said(rng)}, {"role": "assistant", "content": said(rng)}]
        prompt.append({"role": "user", "content": said(rng)})
        chosen, rejected = (
            [{"role": "assistant", "content": f"{word} {said(rng)}"}] for word in ("the", "of")
        )
        made.append({"id": f"p{i}", "prompt": prompt, "chosen": chosen, "rejected": rejected})
    return made


def ours(folder: Path, name: str, rows: list[dict[str, Any]], keys: Any, **more: Any) -> list[Group]:
    place = folder / name
    (place / "in").mkdir(parents=True)
    (place / "in" / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    recipe = {
        "root": str(place / "out"),
        "corpus": {"name": "pairs", "paths": f"{place}/in/*", "id": "id", "preferences": keys, **more},
        "vocabulary": {"from": str(folder / "tokenizer.json")},
        "pack": {"seq_len": 512},
        "execution": {"engine": "local"},
    }
    run(parse_recipe(json.dumps(recipe)))
    return list(groups(open_dataset(place / "out")))


@pytest.mark.parametrize("name", sorted(set(TEMPLATES) - {"plain"}))
def test_ids_are_those_of_the_template_alone(folder: Path, theirs: Any, name: str) -> None:
    """What `transformers` gives for the prompt, and for the prompt with each side; the masks end where an answer does."""
    named = TEMPLATES[name]
    rows, exact = pairs(25, system=name not in ("gemma", "mistral")), 0
    for shape in ("apart", "whole"):
        given = rows
        if shape == "whole":
            given = [
                {"id": row["id"], **{side: row["prompt"] + row[side] for side in ("chosen", "rejected")}}
                for row in rows
            ]
        keys = {"prompt": "prompt"} if shape == "apart" else {}
        made = ours(folder, f"{name}-{shape}", given, keys, template=name)
        assert len(made) == len(rows)
        for group, row in zip(made, rows, strict=True):

            def ids(messages: Any, **more: Any) -> list[int]:
                text = theirs.apply_chat_template(
                    messages, chat_template=named.source, tokenize=False, **named.variables, **more
                )
                found: list[int] = theirs(text, add_special_tokens=False)["input_ids"]
                return found

            pair, prompt = group.pair, ids(row["prompt"], add_generation_prompt=True)
            if prompt == ids(row["prompt"] + row["chosen"])[: len(prompt)]:
                assert pair["prompt_ids"] == prompt
                exact += 1
            else:  # alone its last blanks are other tokens than before an answer
                assert theirs.decode(pair["prompt_ids"]) == theirs.decode(prompt)
                prompt = pair["prompt_ids"]
            for side, completion in zip(("chosen", "rejected"), group.completions, strict=True):
                whole = ids(row["prompt"] + row[side])
                assert pair["prompt_ids"] + pair[f"{side}_ids"] == whole == completion.ids.tolist()
                end = completion.begins + int(completion.mask.sum())
                assert completion.mask.tolist() == [0] * len(prompt) + [1] * (end - len(prompt)) + [0] * (
                    len(whole) - end
                )
                assert theirs.decode(completion.ids[end - 1]) in SPECIAL
                assert not theirs.decode(completion.ids[end:]).strip()
    assert exact == 50 or name == "llama3"


def test_texts_are_encoded_with_their_prompt(folder: Path, theirs: Any) -> None:
    rng = random.Random(8)
    rows = [
        {"id": str(i), "prompt": said(rng), "chosen": f" {said(rng)} yes", "rejected": f" {said(rng)} no"}
        for i in range(25)
    ]
    end = theirs.convert_tokens_to_ids("<|endoftext|>")
    for group, row in zip(ours(folder, "texts", rows, "prompt"), rows, strict=True):
        pair = group.pair
        assert pair["prompt_ids"] == theirs(row["prompt"])["input_ids"]
        for side in ("chosen", "rejected"):
            assert pair["prompt_ids"] + pair[f"{side}_ids"] == theirs(row["prompt"] + row[side])[
                "input_ids"
            ] + [end]


def test_trl_takes_them_as_its_own(folder: Path, theirs: Any, tmp_path: Path) -> None:
    """Its trainer makes the same columns of the records, and its collator the same batch; a step changes the model."""
    trl = pytest.importorskip("trl")
    torch, datasets = pytest.importorskip("torch"), pytest.importorskip("datasets")
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    named, rows = TEMPLATES["chatml"], pairs(12)
    theirs.chat_template = named.source
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(theirs), **shape)).save_pretrained(tmp_path / "model")
    settings = trl.DPOConfig(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=4,
        use_cpu=True,
        report_to=[],
        max_length=None,
        bf16=False,
    )
    raw = datasets.Dataset.from_list(
        [{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in rows]
    )
    trainer = trl.DPOTrainer(
        str(tmp_path / "model"), args=settings, train_dataset=raw, processing_class=theirs
    )
    made = [group.pair for group in ours(folder, "trl", rows, "prompt", template="chatml")]
    names = ("prompt_ids", "chosen_ids", "rejected_ids")
    assert made == [{name: list(row[name]) for name in names} for row in trainer.train_dataset]
    collate = DataCollatorForPreference(pad_token_id=theirs.pad_token_id)
    for mine, other in zip(
        collate(made[:4]).values(), collate(list(trainer.train_dataset)[:4]).values(), strict=True
    ):
        assert torch.equal(mine, other)
    model = trainer.model
    before = model.lm_head.weight.detach().clone()
    trainer.train_dataset = datasets.Dataset.from_list(made)
    trainer.train()
    assert not torch.equal(before, model.lm_head.weight)
