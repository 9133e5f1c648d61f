"""A small model of transformers, trained here, learns on with another vocabulary from rows that followed it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
import transformers

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.pipeline.transplant import transplant
from tests.support.corpora import documents

torch.set_num_threads(1)  # a model so small is not worth two
TEXTS = [text for _, text in documents(120, seed=3)]


def learned(size: int, texts: list[str], special: str) -> Vocabulary:
    return learn_bpe(count_words(pa.array(texts), Pretokenizer()), size, special_tokens=(special,))


def batch(vocabulary: Vocabulary) -> Any:
    ids = vocabulary.encode(pa.array(TEXTS, pa.large_string())).flatten().to_numpy().astype("int64")
    return torch.tensor(ids[: len(ids) // 64 * 64]).view(-1, 64)


def loss_per_byte(model: Any, ids: Any, vocabulary: Vocabulary) -> float:
    """In nats a byte of text, so that vocabularies can be compared."""
    with torch.no_grad():
        loss = model(input_ids=ids, labels=ids).loss.item() * ids[:, 1:].numel()
    return float(loss / sum(len(vocabulary.tokens[i]) for i in ids.flatten().tolist()))


def model_of(tokens: int, *, tied: bool) -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=tokens,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=0,
    )
    return transformers.LlamaForCausalLM(config)


def trained(vocabulary: Vocabulary, *, tied: bool) -> Any:
    """A model that has learned something of the texts."""
    ids = batch(vocabulary)
    model = model_of(len(vocabulary), tied=tied)
    steps = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(60):
        part = ids[torch.arange(step * 8, step * 8 + 8) % len(ids)]
        loss = model(input_ids=part, labels=part).loss
        loss.backward()
        steps.step()
        steps.zero_grad()
    return model.eval()


def loss_with_rows(path: Path, cut: Any, new: Vocabulary, made: Any, fill: Any) -> float:
    """Of the model in a folder, in which the rows that were made are something else: what `fill` makes of the others."""
    other = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    with torch.no_grad():
        for weight in {other.get_input_embeddings().weight, other.get_output_embeddings().weight}:
            weight[made] = fill(weight[~made], int(made.sum()))
    return loss_per_byte(other, cut, new)


def drawn_rows(known: Any, n: int) -> Any:
    """Rows with the mean and the spread of others."""
    return (
        torch.randn(n, known.shape[1], generator=torch.Generator().manual_seed(1)) * known.std()
        + known.mean()
    )


def rows_made(path: Path, origin: str) -> Any:
    """Which rows come from there."""
    origins = pa.ipc.open_file(path / "transplant.rows.arrow").read_all()["origin"].to_pylist()
    return torch.tensor([one == origin for one in origins])


def starts_better(folder: Path, *, tied: bool) -> None:
    old, new = learned(320, TEXTS, "<|endoftext|>"), learned(420, TEXTS, "</s>")
    trained(old, tied=tied).save_pretrained(folder / "old", max_shard_size="20KB")
    told = transplant(old, new, str(folder / "old"), str(folder / "new"))
    followed = transformers.AutoModelForCausalLM.from_pretrained(folder / "new").eval()
    assert followed.get_input_embeddings().weight.shape == (len(new), 32)
    assert {one["name"] for one in told["tensors"]} == {"model.embed_tokens.weight"} | (
        set() if tied else {"lm_head.weight"}
    )
    assert followed.config.eos_token_id == 0
    cut = batch(new)
    started = loss_per_byte(followed, cut, new)

    assert started < loss_with_rows(folder / "new", cut, new, rows_made(folder / "new", "pieces"), drawn_rows)
    # The rows that both share are the very same.
    names = json.loads((folder / "new" / "transplant.json").read_text())["origins"]
    assert names["same"] >= len(old) - 1


def test_a_model_with_a_head_of_its_own_starts_better_than_from_drawn_rows(tmp_path: Path) -> None:
    """(C17)"""
    starts_better(tmp_path, tied=False)


def test_a_model_whose_head_is_its_embedding_does_too(tmp_path: Path) -> None:
    """(C17)"""
    starts_better(tmp_path, tied=True)
