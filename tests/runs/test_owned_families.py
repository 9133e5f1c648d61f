"""A run with a vocabulary of a family of the `tokenizers` library: packed, verified, and named in the plan."""

from pathlib import Path

import pytest

import pairloom as pl
from pairloom.jobs.show.care import show_proof
from pairloom.jobs.show.plan import show_plan
from pairloom.pipeline import open_dataset, parse_recipe, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.plan import make_plan
from tests.support.corpora import documents, write_jsonl
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
