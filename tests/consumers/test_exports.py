"""Exports are opened by the libraries that they are for, and hold what the dataset holds."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from transformers import AutoTokenizer

import pairloom as pl
from pairloom.pipeline import Dataset
from pairloom.pipeline.export import EXPORTERS, export
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.exports import expected, made, used, wide_vocabulary

BOTH = ("rows", "documents")
SIZES = (400, 65510, 70000)  # uint16 everywhere, int32 in Megatron alone, int32 or uint32 everywhere


@pytest.fixture(scope="module", params=SIZES)
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("consumers")
    if request.param == SIZES[0]:
        return made(folder)
    return made(folder, wide_vocabulary(folder / "wide.json", request.param))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "x"


@pytest.mark.parametrize("unit", BOTH)
def test_megatron_core(dataset: Dataset, out: Path, unit: str) -> None:
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    said = export(dataset, "megatron", str(out), unit=unit)
    wanted = used(expected(dataset, "train", unit))
    for mmap in (True, False):
        found = IndexedDataset(str(out / "train_text_document"), mmap=mmap)
        assert [found[i].tolist() for i in range(len(found))] == wanted
        assert found.index.dtype == np.dtype(said["dtype"])
        assert found.document_indices.tolist() == list(range(len(wanted) + 1))
        assert found.sequence_lengths.tolist() == [len(tokens) for tokens in wanted]
        longest = max(range(len(wanted)), key=lambda i: len(wanted[i]))
        assert found.get(longest, offset=5, length=7).tolist() == wanted[longest][5:12]


def test_megatron_core_trains_on_samples_of_documents(dataset: Dataset, out: Path) -> None:
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.utils import Split

    export(dataset, "megatron", str(out))
    wanted = expected(dataset, "train", "documents")
    end = dataset.vocabulary().special_ids[0]

    class Tokenizer:
        eod = pad = end
        vocab_size = len(dataset.vocabulary())
        unique_identifiers: ClassVar[dict[str, str]] = {"class": "Tokenizer"}

    config = GPTDatasetConfig(
        random_seed=1,
        sequence_length=32,
        blend=None,
        split="1",
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=True,
        path_to_cache=str(out.parent / "cache"),
        tokenizer=Tokenizer(),
        mid_level_dataset_surplus=0.005,
    )
    low = GPTDataset.build_low_level_dataset(str(out / "train_text_document"), config)
    indices = np.arange(len(low), dtype=np.int32)
    dataset_ = GPTDataset(low, str(out / "train_text_document"), indices, None, Split.train, config)
    tokens = sum(len(item["tokens"]) for item in wanted)
    assert len(dataset_) == (tokens - 1) // 32
    seen = sum(int(dataset_[i]["tokens"].sum()) for i in range(len(dataset_)))
    assert 0 < seen <= sum(sum(item["tokens"]) for item in wanted)


@pytest.mark.parametrize("unit", BOTH)
def test_mosaicml_streaming(dataset: Dataset, out: Path, unit: str) -> None:
    import torch
    from streaming import StreamingDataset

    said = export(dataset, "mds", str(out), unit=unit)
    wanted = expected(dataset, "train", unit)
    found = StreamingDataset(
        remote=str(out), local=str(out.parent / "local"), shuffle=False, batch_size=1, validate_hash="sha256"
    )
    assert len(found) == len(wanted)
    for sample, item in zip((found[i] for i in range(len(found))), wanted, strict=True):
        assert sample["tokens"].dtype == np.dtype(said["dtype"])
        assert torch.from_numpy(sample["tokens"].copy()).to(torch.int64).tolist() == item["tokens"]
        for name in set(sample) - {"tokens"}:
            assert np.asarray(sample[name]).tolist() == item[name]


def test_olmo_core(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    from olmo_core.data import NumpyFSLDataset, NumpyPackedFSLDataset
    from olmo_core.data.utils import iter_document_indices

    end, size = dataset.vocabulary().special_ids[0], len(dataset.vocabulary())
    said = export(dataset, "npy", str(out), unit="rows")
    rows = expected(dataset, "train", "rows")
    dtype = {"uint16": np.uint16, "uint32": np.uint32}[said["dtype"]]
    settings: dict[str, Any] = {"pad_token_id": said["pad_id"], "eos_token_id": end, "vocab_size": size}
    found = NumpyFSLDataset(
        *sorted(out.glob("*.npy")), sequence_length=said["seq_len"], dtype=dtype, **settings
    )
    found.prepare()
    assert [found[i]["input_ids"].tolist() for i in range(len(found))] == [item["tokens"] for item in rows]
    whole = tmp_path / "documents"
    export(dataset, "npy", str(whole))
    wanted = [item["tokens"] for item in expected(dataset, "train", "documents")]
    (part,) = whole.glob("*.npy")
    tokens = np.fromfile(part, dtype)
    for by_array in (True, False):  # by the end-of-text token, and by the `.csv.gz`
        edges = iter_document_indices(part, use_array_if_local=by_array, eos_token_id=end, dtype=dtype)
        assert [tokens[a:b].tolist() for a, b in edges] == wanted
    # Longer documents would be cut: it truncates by default.
    packed = NumpyPackedFSLDataset(part, sequence_length=4096, dtype=dtype, **settings)
    packed.work_dir = tmp_path / "work"
    packed.prepare()
    seen = sorted(token for i in range(len(packed)) for token in packed[i]["input_ids"].tolist())
    assert [token for token in seen if token != end] == sorted(
        token for tokens in wanted for token in tokens if token != end
    )


@pytest.mark.parametrize("unit", BOTH)
def test_hugging_face_datasets_and_torch(dataset: Dataset, out: Path, unit: str) -> None:
    import torch
    from datasets import load_from_disk

    export(dataset, "hf", str(out), unit=unit)
    found = load_from_disk(str(out))
    wanted = expected(dataset, "train", unit)
    assert found["input_ids"][:] == [item["tokens"] for item in wanted]
    for row, item in zip(found.with_format("torch"), wanted, strict=True):
        assert row["input_ids"].to(torch.int64).tolist() == item["tokens"]


@pytest.mark.parametrize("unit", BOTH)
def test_polars(dataset: Dataset, out: Path, unit: str) -> None:
    import polars

    export(dataset, "parquet", str(out), unit=unit)
    frame = polars.scan_parquet(out / "*.parquet").collect()
    assert frame["input_ids"].to_list() == [item["tokens"] for item in expected(dataset, "train", unit)]


@pytest.mark.parametrize("unit", BOTH)
def test_webdataset(dataset: Dataset, out: Path, unit: str) -> None:
    import webdataset

    export(dataset, "webdataset", str(out), unit=unit)
    shards = sorted(map(str, out.glob("*.tar")))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode().to_tuple("npy", "json"))
    wanted = expected(dataset, "train", unit)
    assert [tokens.tolist() for tokens, _ in samples] == [item["tokens"] for item in wanted]
    for (_, rest), item in zip(samples, wanted, strict=True):
        assert rest == {name: item[name] for name in rest}


def test_flat_tokens_as_nanogpt_maps_them(dataset: Dataset, out: Path) -> None:
    import torch

    said = export(dataset, "bin", str(out), split="validation")
    data = np.memmap(out / "val.bin", dtype=said["dtype"], mode="r")
    wanted = [token for item in expected(dataset, "validation", "documents") for token in item["tokens"]]
    block = torch.from_numpy(data[5 : 5 + 64].astype(np.int64))
    assert block.tolist() == wanted[5:69]
    assert len(data) == len(wanted)


def test_every_format_is_opened_here() -> None:
    opened = {"megatron", "mds", "npy", "hf", "parquet", "webdataset", "bin"}
    assert set(EXPORTERS.names()) == opened


def test_transformers_opens_the_folder_of_a_tokenizer(tmp_path: Path) -> None:
    """Equal ids with and without special tokens, roles that models find, a template that renders."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(80))
    settings = ["vocabulary.special_tokens=['<s>', '<|endoftext|>']", "tokenize.prepend=['<s>']"]
    recipe = recipe_for(tmp_path, *settings)
    pl.run(recipe)
    template = "{% for m in messages %}{{ bos_token }}{{ m['content'] }}{% endfor %}"
    made = pl.export(recipe.root, tmp_path / "t", format="tokenizer", chat_template=template, max_length=77)
    assert "transformers" in made.facts["proved_by"]
    opened = AutoTokenizer.from_pretrained(str(tmp_path / "t"))
    vocabulary = pl.open(recipe.root).vocabulary()
    assert (opened.bos_token, opened.eos_token, opened.pad_token) == ("<s>", "<|endoftext|>", "<|endoftext|>")
    assert opened.model_max_length == 77
    for text in ("hello there", "naïve 日本\n\n  x", ""):
        plain = vocabulary.encode_one(text).tolist()
        assert opened.encode(text, add_special_tokens=False) == plain
        assert opened.encode(text) == [vocabulary.special_id("<s>"), *plain]
        assert opened.decode(plain) == text
    said = opened.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert said == "<s>hi"
