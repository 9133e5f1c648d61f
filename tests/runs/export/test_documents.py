"""Which documents an export holds: those that were tokenized, as often as a mixture takes them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.operators.selection.order import document_ids
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.export import export
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.exports import (
    read_megatron,
    read_parts,
)


def test_documents_need_no_packing_and_ids_need_not_be_given(tmp_path: Path) -> None:
    texts = [("", f"text {i}, with\na line") for i in range(40)]
    write_jsonl(tmp_path / "in" / "a.jsonl", texts)
    recipe = recipe_for(tmp_path, "corpus.0.id=null", "vocabulary.size=300")
    run(recipe, until="tokenize")
    dataset = open_dataset(recipe.root)
    export(dataset, "npy", str(tmp_path / "x"))
    found = read_parts(tmp_path / "x", "uint16")
    uri = (tmp_path / "in" / "a.jsonl").as_uri()
    every = document_ids(
        pa.nulls(40, pa.large_string()), pa.array([uri] * 40, pa.large_string()), np.arange(40)
    )
    assert set(dict(found)) < set(every.to_pylist())
    vocabulary = dataset.vocabulary()
    for name, ids in found:
        row = int(name.rpartition("#")[2])
        assert vocabulary.decode(ids[:-1]).decode() == texts[row][1]
    with pytest.raises(RecipeError, match="has no stage 'pack'"):
        export(dataset, "mds", str(tmp_path / "y"))


def test_documents_are_exported_as_often_as_a_mixture_takes_them(tmp_path: Path) -> None:
    write_jsonl(
        tmp_path / "in" / "a.jsonl", documents(120) + [(f"again-{i}", text) for i, text in documents(30)]
    )
    recipe = recipe_for(tmp_path, "corpus.0.epochs=2.5", "pack.deduplicate=exact", "pack.strategy=concat")
    packed = run(recipe).stages["pack"]
    (source,) = packed.sources
    said = export(open_dataset(recipe.root), "megatron", str(tmp_path / "x"))
    _, sequences = read_megatron(tmp_path / "x")
    assert said["documents"] == len(sequences) == source.delivered_documents > 2 * source.train_documents
    assert sum(map(len, sequences)) == source.delivered_tokens == packed.splits["train"]["tokens"]
    times = Counter(map(tuple, sequences))
    assert set(times.values()) == {2, 3}
    assert source.duplicate_documents > 10


def test_documents_without_tokens_are_left_out_and_counted(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", [("a", "\x00x"), ("b", "y"), ("c", "\x00"), ("d", "yy")])
    vocabulary = tmp_path / "v.json"
    from pairloom.operators import Vocabulary

    Vocabulary(tokens=[bytes([b]) for b in range(256)], model=ByteLevelBPE(merges=[])).save(vocabulary)
    settings = [f"vocabulary={{from: {vocabulary}}}", "tokenize.append=[]", "pack.validation=0"]
    recipe = recipe_for(tmp_path, *settings)
    run(recipe)
    dataset = open_dataset(recipe.root)
    said = export(dataset, "megatron", str(tmp_path / "x"))
    dtype, sequences = read_megatron(tmp_path / "x")
    assert all(sequences)
    assert (
        said["documents"] + said["empty_documents"]
        == dataset.manifest.stages["tokenize"].ledger.documents_out
    )
    assert dtype == "uint16"
