"""A run with a vocabulary of a family of the `tokenizers` library: packed, verified, and named in the plan."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import pairloom as pl
from pairloom.jobs.show.care import show_proof
from pairloom.jobs.show.plan import show_plan
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline import open_dataset, parse_recipe, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.plan import make_plan
from tests.support.corpora import documents, rows_of, write_jsonl
from tests.support.owners import library


def test_a_wordpiece_file_is_taken_by_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizers = library()
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    theirs.normalizer = tokenizers.normalizers.BertNormalizer()
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=400, special_tokens=["[UNK]", "<|endoftext|>"], show_progress=False
    )
    texts = [text for _, text in documents(120, 1)]
    theirs.train_from_iterator(texts, trainer)
    theirs.save(str(tmp_path / "tokenizer.json"))
    write_jsonl(tmp_path / "web" / "a.jsonl", documents(120, 1))
    recipe = parse_recipe(f"""
root: {tmp_path}/out
corpus: [{{name: web, paths: ["{tmp_path}/web/*"], id: id}}]
vocabulary: {{from: "{tmp_path}/tokenizer.json"}}
pack: {{seq_len: 64}}
execution: {{engine: local, unit_bytes: 3000}}
""")
    show_plan(make_plan(recipe), 2, as_json=False)
    assert "vocabulary: model wordpiece, encoded by kernels" in capsys.readouterr().out
    run(recipe)
    dataset = open_dataset(recipe.root)
    theirs.encode_special_tokens = True
    expected = sum(len(theirs.encode(text, add_special_tokens=False).ids) for text in texts if text)
    assert verify(dataset).tokens >= expected
    show_proof(pl.verify(recipe.root, sample=1), as_json=False)
    assert "have the same tokens once more" in capsys.readouterr().out


def owned(path: Path, model: str) -> Any:
    """A Unigram or a BPE of the library, saved."""
    tokenizers = library()
    options = {"unk_token": "<unk>", "show_progress": False, "vocab_size": 400}
    options["special_tokens"] = ["<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    if model == "unigram":
        theirs = tokenizers.Tokenizer(tokenizers.models.Unigram())
        trainer = tokenizers.trainers.UnigramTrainer(**options)
    else:
        theirs = tokenizers.Tokenizer(
            tokenizers.models.BPE(unk_token=options.pop("unk_token"), fuse_unk=True)
        )
        trainer = tokenizers.trainers.BpeTrainer(**options)
    theirs.normalizer = tokenizers.normalizers.NFKC()
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="first")
    theirs.train_from_iterator([text for _, text in documents(120, 1)], trainer)
    theirs.save(str(path))
    return theirs


def test_spans_are_masks_and_weights_of_tokens_that_do_not_spell_their_texts(tmp_path: Path) -> None:
    theirs = owned(tmp_path / "tokenizer.json", "unigram")
    theirs.encode_special_tokens = True
    drawn, expected = random.Random(7), {}
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "a.jsonl").open("w", encoding="utf-8") as file:
        for name, plain in documents(60, 1):
            text = f"  \ufb01n {plain} \u00bd "
            a, b = sorted(drawn.sample(range(len(text)), 2))
            file.write(json.dumps({"id": name, "text": text, "spans": [[a, b]]}) + "\n")
            found = theirs.encode(text, add_special_tokens=False)
            inside = [a <= low and high <= b and low < high for low, high in found.offsets]
            expected[name] = found.ids, [int(one) for one in inside]
    recipe = parse_recipe(f"""
root: {tmp_path}/out
corpus:
  - {{name: web, paths: ["{tmp_path}/in/*"], id: id, steps: [{{spans: {{field: spans, keep_untrained: true}}}}]}}
vocabulary: {{from: "{tmp_path}/tokenizer.json"}}
tokenize: {{append: "<|endoftext|>"}}
pack: {{seq_len: 8192}}
execution: {{engine: local, unit_bytes: 3000}}
""")
    run(recipe)
    dataset = open_dataset(recipe.root)
    numbers = document_numbers(pa.array(list(expected), pa.large_string())).tolist()
    by_number = dict(zip(numbers, expected.values(), strict=True))
    for row in rows_of(dataset):
        at = 0
        for length, number in zip(row["segment_lengths"], row["document"], strict=True):
            ids, mask = (row[name][at : at + length - 1] for name in ("input_ids", "loss_mask"))
            assert ([*ids], [*mask]) == by_number.pop(number)
            at += length
    assert not by_number
    round_trip(dataset, verify(dataset), sample=9)


def test_conversations_become_the_tokens_of_the_library(tmp_path: Path) -> None:
    """Special tokens of the template are tokens, and what a user types that spells one is text."""
    theirs = owned(tmp_path / "tokenizer.json", "bpe")
    theirs.encode_special_tokens = False
    (tmp_path / "in").mkdir()
    texts = [text.replace("<|", "")[:60].strip() or "nothing" for _, text in documents(40, 1)]
    with (tmp_path / "in" / "a.jsonl").open("w", encoding="utf-8") as file:
        for i in range(0, 40, 2):
            typed = "<|im_end|>" if i == 0 else ""
            said = [
                {"role": "user", "content": texts[i] + typed},
                {"role": "assistant", "content": texts[i + 1]},
            ]
            file.write(json.dumps({"id": f"c{i}", "messages": said}) + "\n")
    recipe = parse_recipe(f"""
root: {tmp_path}/out
corpus: [{{name: chat, paths: ["{tmp_path}/in/*"], id: id, messages: messages, template: chatml}}]
vocabulary: {{from: "{tmp_path}/tokenizer.json"}}
pack: {{seq_len: 4096}}
execution: {{engine: local}}
""")
    run(recipe)
    dataset = open_dataset(recipe.root)
    start, end = (theirs.token_to_id(token) for token in ("<|im_start|>", "<|im_end|>"))
    found = []
    for row in rows_of(dataset):
        at = 0
        for length in row["segment_lengths"]:
            ids, mask = (row[name][at : at + length] for name in ("input_ids", "loss_mask"))
            found.append((list(ids), list(mask)))
            at += length
    wanted = []
    for i in range(2, 40, 2):
        head = f"<|im_start|>user\n{texts[i]}<|im_end|>\n<|im_start|>assistant\n"
        whole = f"{head}{texts[i + 1]}<|im_end|>"
        made = theirs.encode(f"{whole}\n", add_special_tokens=False)
        low, high = len(head), len(whole)
        wanted.append((made.ids, [int(low <= a and b <= high) for a, b in made.offsets]))
    assert sorted(wanted) == sorted(one for one in found if one in wanted)
    (typed,) = (one for one in found if one not in wanted)
    assert typed[0].count(start) == typed[0].count(end) == 2
    assert len(found) == 20
    round_trip(dataset, verify(dataset), sample=9)
