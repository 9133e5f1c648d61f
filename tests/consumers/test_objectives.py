"""A small model learns from the rows of each row step."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForTokenClassification,
    ElectraConfig,
    ElectraForPreTraining,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.layouts import LAYOUTS, RowStep
from pairloom.operators.layouts.aligned_rows import AlignedRows
from pairloom.operators.layouts.any_subset import AnySubset
from pairloom.operators.layouts.byte2word import Byte2Word
from pairloom.operators.layouts.caft import Caft
from pairloom.operators.layouts.dupmae import DupMAE
from pairloom.operators.layouts.dynamic_bpe import DynamicBPE
from pairloom.operators.layouts.electra import Electra
from pairloom.operators.layouts.entity_masks import EntityMasks
from pairloom.operators.layouts.ernie_gram import ErnieGram
from pairloom.operators.layouts.hashed_features import HashedFeatures
from pairloom.operators.layouts.landmark_rows import LandmarkRows
from pairloom.operators.layouts.lexinvariant_rows import LexinvariantRows
from pairloom.operators.layouts.masked_lm import MaskedLM
from pairloom.operators.layouts.ponet import PoNet
from pairloom.operators.layouts.span_corruption import SpanCorruption
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.dataset.torch import TorchRows
from tests.support.corpora import documents, recipe_for, write_jsonl

WIDTH = 64
SENTINELS = [f"<extra_id_{i}>" for i in range(24)]
SPECIAL = ["<|endoftext|>", "[MASK]", "[CLS]", "[SEP]", "</s>", "[R]", "[S]", "[X]", *SENTINELS]
SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("objectives")
    write_jsonl(folder / "in" / "a.jsonl", documents(200))
    settings = [f"vocabulary.special_tokens={SPECIAL!r}", f"pack.seq_len={WIDTH}", "pack.validation=0"]
    run(recipe_for(folder, *settings))
    return open_dataset(folder / "out")


def batches(dataset: Dataset, step: RowStep, *columns: str) -> TorchRows:
    return TorchRows(dataset.loader(8, steps=[step]), columns=columns)


def learns(model: torch.nn.Module, losses: Sequence[Any]) -> None:
    """A step on each of some losses, which must be finite and move every weight that it can."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [p.detach().clone() for p in model.parameters()]
    for loss in losses:
        value = loss()
        assert math.isfinite(value.item())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


class Seeing(torch.nn.Module):
    """One block of attention under any mask; a place knows where it is, not what is there, unless the mask says so."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.token = torch.nn.Embedding(tokens, 8)
        self.place = torch.nn.Embedding(WIDTH, 8)
        self.query, self.key = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)

    def forward(self, ids: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        places = self.place(torch.arange(WIDTH)).expand(len(ids), -1, -1)
        there = self.token(ids)
        scores = self.query(places) @ self.key(there + places).transpose(1, 2)
        found = scores.masked_fill(~seen, -torch.inf).softmax(-1) @ there
        return (found + places) @ self.token.weight.T

    def loss(self, ids: torch.Tensor, labels: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self(ids, seen).flatten(0, 1), labels.flatten())


def bert(tokens: int) -> BertForMaskedLM:
    torch.manual_seed(0)
    return BertForMaskedLM(BertConfig(vocab_size=tokens, max_position_embeddings=WIDTH, **SMALL))


@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_bert_learns_from_masked_rows(dataset: Dataset, unit: str) -> None:
    model = bert(len(dataset.vocabulary()))
    rows = list(batches(dataset, MaskedLM(unit=unit), "input_ids", "labels"))[:3]
    learns(model, [lambda b=b: model(input_ids=b["input_ids"], labels=b["labels"]).loss for b in rows])


@pytest.mark.parametrize("keys", [{}, {"denoisers": "ul2"}])
def test_t5_learns_from_corrupted_rows(dataset: Dataset, keys: dict[str, Any]) -> None:
    torch.manual_seed(0)
    sizes = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}
    model = T5ForConditionalGeneration(
        T5Config(vocab_size=len(dataset.vocabulary()), decoder_start_token_id=0, **sizes)
    )
    step = SpanCorruption(sentinels=24, **keys)
    rows = list(batches(dataset, step, "inputs", "labels"))[:3]
    assert tuple(rows[0][name].shape[1] for name in ("inputs", "labels")) == step.widths(WIDTH)
    learns(model, [lambda b=b: model(input_ids=b["inputs"], labels=b["labels"]).loss for b in rows])


@pytest.mark.parametrize("pairs", [False, True])
def test_electra_learns_what_was_replaced(dataset: Dataset, pairs: bool) -> None:
    torch.manual_seed(0)
    config = ElectraConfig(vocab_size=len(dataset.vocabulary()), embedding_size=8, **SMALL)
    model = ElectraForPreTraining(config)
    rows = list(batches(dataset, Electra(pairs=pairs), "replaced_ids", "replaced"))[:3]
    learns(model, [lambda b=b: model(b["replaced_ids"], labels=b["replaced"].float()).loss for b in rows])


@pytest.mark.parametrize("mode", ["contiguous", "explicit", "comprehensive"])
def test_bert_learns_from_masked_ngrams(dataset: Dataset, tmp_path: Path, mode: str) -> None:
    """Labels go beyond the vocabulary: its size and that of the lexicon are what the head predicts."""
    row = dataset.table().column("input_ids").to_pylist()[0]
    ngrams = sorted({tuple(row[i : i + 2]) for i in range(20)})
    pq.write_table(pa.table({"ngram": [list(n) for n in ngrams], "count": [1] * len(ngrams)}), tmp_path / "l")
    model = bert(len(dataset.vocabulary()) + len(ngrams))
    step = ErnieGram(lexicon=str(tmp_path / "l"), mode=mode)
    ids = "input_ids" if mode == "contiguous" else "inputs"
    rows = list(batches(dataset, step, *dict.fromkeys((ids, *(c.name for c in step.columns)))))[:3]
    assert mode == "contiguous" or max(int(b["labels"].max()) for b in rows) >= len(dataset.vocabulary())
    learns(model, [lambda b=b: model(b[ids], labels=b["labels"]).loss for b in rows])


def test_a_model_of_any_subset_learns_and_sees_only_what_it_may(dataset: Dataset) -> None:
    """The matrix is made late, and a token that is predicted changes no logit of what ranks before it or is given."""
    model = Seeing(len(dataset.vocabulary()))
    names = ("input_ids", "labels", "prompt", "rank", "attention")
    rows = list(batches(dataset, AnySubset(rate=(0.5, 0.7)), *names))[:3]
    assert rows[0]["attention"].shape == (8, WIDTH, WIDTH)
    assert rows[0]["attention"].dtype == torch.bool
    learns(model, [lambda b=b: model.loss(b["input_ids"], b["labels"], b["attention"]) for b in rows])
    ids, seen = rows[0]["input_ids"], rows[0]["attention"]
    at = int((rows[0]["labels"][0] != -100).nonzero()[-1])
    other = ids.clone()
    other[0, at] = (other[0, at] + 1) % len(dataset.vocabulary())
    before, after = model(ids, seen), model(other, seen)
    same = (before == after).all(dim=-1)[0]
    assert same[at]
    assert same[~seen[0, :, at]].all()


def test_heads_learn_what_comes_later(dataset: Dataset) -> None:
    model = Seeing(len(dataset.vocabulary()))
    causal = torch.ones(WIDTH, WIDTH, dtype=torch.bool).tril().expand(8, -1, -1)
    step = Caft(ahead=2)
    heads = [column.name for column in step.columns]
    rows = list(batches(dataset, step, "input_ids", *heads))[:3]
    for batch in rows:
        nexts = batch["labels_0"][:, :-1]
        assert (
            (batch["labels_1"][:, :-1] == batch["labels_0"][:, 1:]) | (batch["labels_1"][:, :-1] == -100)
        ).all()
        assert ((nexts == batch["input_ids"][:, 1:]) | (nexts == -100)).all()
    learns(
        model,
        [lambda b=b: sum(model.loss(b["input_ids"], b[name].long(), causal) for name in heads) for b in rows],
    )


def test_bert_learns_from_masked_entities(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    settings = [f"vocabulary.special_tokens={SPECIAL!r}", "pack.validation=0", "pack.steps=[identifiers]"]
    run(recipe_for(tmp_path, *settings))
    there = open_dataset(tmp_path / "out")
    model = bert(len(there.vocabulary()))
    rows = list(batches(there, EntityMasks(column="lexeme"), "input_ids", "labels"))[:3]
    learns(model, [lambda b=b: model(b["input_ids"], labels=b["labels"]).loss for b in rows])


def test_an_encoder_and_a_decoder_learn_from_duplex_masks(dataset: Dataset) -> None:
    """The encoder fills in its masks; the decoder predicts each token from others, and the bag from the first vector."""
    tokens = len(dataset.vocabulary())
    encoder, decoder = bert(tokens), Seeing(tokens)
    names = (
        "input_ids",
        "labels",
        "decoder_labels",
        "decoder_visible",
        "bag_of_words",
        "segment_lengths",
        "decoder_seed",
    )
    rows = list(batches(dataset, DupMAE(), *names))[:3]
    assert rows[0]["decoder_visible"].shape == (8, WIDTH, WIDTH)
    assert rows[0]["bag_of_words"].shape == (len(rows[0]["segment_lengths"]), tokens)
    assert rows[0]["decoder_seed"].shape == (8, 1)

    def loss(b: dict[str, Any]) -> torch.Tensor:
        filled = encoder(b["input_ids"], labels=b["labels"])
        whole = torch.where(b["labels"] != -100, b["labels"], b["input_ids"])
        decoded = decoder.loss(whole, b["decoder_labels"].long(), b["decoder_visible"])
        firsts = b["segments_per_row"].cumsum(0) - b["segments_per_row"]
        bag = -(filled.logits[:, 0].log_softmax(-1) * b["bag_of_words"][firsts]).sum(-1).mean()
        return filled.loss + decoded + bag

    learns(torch.nn.ModuleList([encoder, decoder]), [lambda b=b: loss(b) for b in rows])


def test_bert_learns_the_order_of_sentences(tmp_path: Path) -> None:
    write_jsonl(
        tmp_path / "in" / "a.jsonl", [(str(i), "One two. Three! Four five six? " * 6) for i in range(60)]
    )
    run(recipe_for(tmp_path, f"vocabulary.special_tokens={SPECIAL!r}", "pack.validation=0"))
    there = open_dataset(tmp_path / "out")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(there.vocabulary()), max_position_embeddings=WIDTH, num_labels=3, **SMALL
    )
    model = BertForTokenClassification(config)
    rows = list(batches(there, PoNet(length=24), "structure_ids", "sentence_ids", "order_labels"))[:3]
    cls = there.vocabulary().special_id("[CLS]")
    for b in rows:
        assert (b["structure_ids"][b["order_labels"] != -100] == cls).all()
        assert (b["order_labels"] != -100).any()
    learns(model, [lambda b=b: model(b["structure_ids"], labels=b["order_labels"].long()).loss for b in rows])


def gpt(tokens: int, places: int) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=tokens, n_positions=places, n_embd=8, n_layer=1, n_head=2))


def test_a_decoder_learns_between_landmarks(dataset: Dataset) -> None:
    """What a landmark is to be is not learned; it stands behind every block of every row."""
    step, words = LandmarkRows(every=15, token="[CLS]"), dataset.vocabulary()
    width, mark = WIDTH + step.landmarks(WIDTH), words.special_id("[CLS]")
    rows = [batch["inputs"] for batch in batches(dataset, step, "inputs")][:3]
    for inputs in rows:
        assert (inputs[:, 15::16] == mark).all()
        assert inputs.shape[1] == width
    model = gpt(len(words), width)
    learns(
        model,
        [lambda x=x: model(x, labels=torch.where(x == mark, torch.tensor(-100), x)).loss for x in rows],
    )


def test_a_decoder_learns_in_permuted_tokens(dataset: Dataset) -> None:
    model = gpt(len(dataset.vocabulary()), WIDTH)
    rows = list(batches(dataset, LexinvariantRows(rate=0.5), "input_ids", "labels"))[:3]
    learns(model, [lambda b=b: model(b["input_ids"], labels=b["labels"]).loss for b in rows])


def test_words_of_bytes_predict_the_first_token_of_the_next(dataset: Dataset) -> None:
    class Reading(torch.nn.Module):
        def __init__(self, tokens: int) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.byte = torch.nn.Embedding(257, 8, padding_idx=0)
            self.word = torch.nn.GRU(8, 8, batch_first=True)
            self.head = torch.nn.Linear(8, tokens)

        def loss(self, spelled: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
            found, _ = self.word(self.byte(spelled.long() + 1).mean(1)[None])
            return torch.nn.functional.cross_entropy(self.head(found[0, :-1]), wanted[1:].long())

    step = Byte2Word(max_bytes=40)
    model = Reading(len(dataset.vocabulary()))
    rows = list(batches(dataset, step, "word_bytes", "word_tokens", "word_rows"))[:3]
    assert all(int(b["word_rows"].max()) == 7 for b in rows)
    learns(model, [lambda b=b: model.loss(b["word_bytes"], b["word_tokens"][:, 0]) for b in rows])


def test_one_table_learns_from_hashed_columns(dataset: Dataset) -> None:
    torch.manual_seed(0)
    table = torch.nn.EmbeddingBag(100, 4)
    step = HashedFeatures(columns_of_documents=("source",), size=100)
    rows = list(batches(dataset, step, "feature_ids", "segment_lengths"))[:3]
    assert all(len(b["feature_ids"]) == len(b["segment_lengths"]) for b in rows)
    learns(table, [lambda b=b: table(b["feature_ids"].long()).pow(2).mean() for b in rows])


def test_a_model_reads_tokens_that_a_batch_has_of_its_own(dataset: Dataset) -> None:
    class Reading(torch.nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.size, self.table, self.head = size, torch.nn.Embedding(size, 8), torch.nn.Linear(8, size)

        def loss(self, ids: torch.Tensor, spans: torch.Tensor) -> torch.Tensor:
            there = (spans >= 0)[..., None]
            own = (self.table(spans.clamp(min=0).long()) * there).sum(1) / there.sum(1)
            seen = torch.cat([self.table.weight, own])[ids.clamp(min=0).long()][:, :-1]
            wanted = torch.where((ids >= 0) & (ids < self.size), ids, -100).long()
            return torch.nn.functional.cross_entropy(self.head(seen).flatten(0, 1), wanted[:, 1:].flatten())

    torch.manual_seed(0)
    rows = list(batches(dataset, DynamicBPE(merges=20), "dynamic_ids", "dynamic_spans"))[:3]
    assert all(
        int(b["dynamic_ids"].max()) == len(dataset.vocabulary()) + len(b["dynamic_spans"]) - 1 for b in rows
    )
    model = Reading(len(dataset.vocabulary()))
    learns(model, [lambda b=b: model.loss(b["dynamic_ids"], b["dynamic_spans"]) for b in rows])


def chunk_sums(model: Any, ids: torch.Tensor, chunk: torch.Tensor, many: int) -> torch.Tensor:
    """What a model says of each chunk of each row, but for the first, of which it says nothing: [rows, many], 0 for none."""
    said = model(ids.long()).logits.log_softmax(-1)[:, :-1].gather(2, ids.long()[:, 1:, None])[..., 0]
    sums = torch.zeros(len(ids), many + 1).scatter_add(
        1, torch.where(chunk < 1, many, chunk).long()[:, 1:], said
    )
    return sums[:, :many]


def test_a_student_learns_what_a_teacher_with_another_vocabulary_says_of_chunks(
    dataset: Dataset, tmp_path: Path
) -> None:
    other = learn_bpe(
        count_words(pa.array([text for _, text in documents(20, seed=9)]), Pretokenizer()),
        320,
        special_tokens=["<|endoftext|>"],
    )
    other.save(tmp_path / "tokenizer.json")
    step = AlignedRows(tokenizer=str(tmp_path / "tokenizer.json"), width=96)
    rows = list(batches(dataset, step, "input_ids", "chunk", "other_ids", "other_chunk"))[:3]
    student, teacher = gpt(len(dataset.vocabulary()), WIDTH), gpt(len(other), 96)

    def loss(b: Any) -> torch.Tensor:
        many = int(b["chunk"].max()) + 1
        assert many == int(b["other_chunk"].max()) + 1 > 4
        with torch.no_grad():
            wanted = chunk_sums(teacher, b["other_ids"], b["other_chunk"], many)
        return (chunk_sums(student, b["input_ids"], b["chunk"], many) - wanted).abs().mean()

    learns(student, [lambda b=b: loss(b) for b in rows])


def test_every_row_step_has_a_consumer() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert not [name for name, step in LAYOUTS.all().items() if f"{step.__name__}(" not in here]
