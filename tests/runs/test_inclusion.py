"""`stages: [merkle]`, `pairloom prove` and `check`: a document is in a dataset of which only the root hash is known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.operators.inclusion import BLOCK, block_hashes, check_proof, climbed, path_of, tree_hash
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.proving import proof_of
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.recipe import Recipe, parse_recipe
from tests.support.command import Command
from tests.support.corpora import documents, write_jsonl


def recipe(
    folder: Path, *, stages: str = "[merkle]", unit_bytes: int = 3000, vocabulary: str = "{size: 300}"
) -> Recipe:
    return parse_recipe(
        f"""
root: {folder / "out"}
corpus: [{{name: web, paths: ["{folder}/in/*.jsonl"], id: id}}]
vocabulary: {vocabulary}
stages: {stages}
execution: {{engine: local, unit_bytes: {unit_bytes}}}
"""
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(4):
        write_jsonl(tmp_path / "in" / f"{number}.jsonl", documents(25, seed=number))
    return tmp_path


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_a_path_leads_to_the_top_and_has_no_more_hashes_than_the_tree_is_high(count: int) -> None:
    """(N30) The length of a proof is at most ceil(log2 blocks), and no other leaf leads to the top."""
    leaves = [bytes([k]) * 32 for k in range(count)]
    for place in range(count):
        path = path_of(leaves, place)
        assert len(path) <= int(np.ceil(np.log2(count)))
        assert climbed(leaves[place], place, count, path) == tree_hash(leaves)
        assert climbed(b"x" * 32, place, count, path) != tree_hash(leaves)
        for wrong in (path[:-1], [*path, b"y" * 32]):
            if wrong != path:
                with pytest.raises(DataError, match=r"too short|too long"):
                    climbed(leaves[place], place, count, wrong)


def test_long_documents_have_several_blocks_and_every_token_counts() -> None:
    ids = np.arange(2 * BLOCK + 5, dtype=np.uint32)
    blocks = block_hashes("a", ids)
    assert len(blocks) == 3
    for changed, where in ((0, 0), (BLOCK, 1), (len(ids) - 1, 2)):
        other = ids.copy()
        other[changed] += 1
        assert [a != b for a, b in zip(blocks, block_hashes("a", other), strict=True)] == [
            k == where for k in range(3)
        ]
    assert not set(blocks) & set(block_hashes("b", ids))
    assert not set(blocks) & set(block_hashes("a", ids[:-1]))


def test_every_document_is_proved_by_the_root_hash_alone(folder: Path) -> None:
    """(N30) Whatever the workers, and no shard that has not changed is hashed again."""
    run(recipe(folder), until="merkle")
    dataset = open_dataset(str(folder / "out"))
    root = dataset.manifest.stages["merkle"].merkle
    for name, _ in documents(25, seed=2)[::6]:
        try:
            proof = json.loads(json.dumps(proof_of(dataset, name)))
        except RecipeError:
            continue  # a document without text
        assert check_proof(proof, root)["document"] == name
    verify(dataset, lambda _: None)
    dataset.vocabulary().save(folder / "tokenizer.json")
    given = f"{{from: {folder / 'tokenizer.json'}}}"
    run(recipe(folder, vocabulary=given), until="merkle")
    write_jsonl(folder / "in" / "9.jsonl", documents(10, seed=9))
    steps: dict[str, StepStarted] = {}

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            steps[event.step] = event

    run(recipe(folder, vocabulary=given), until="merkle", observe=observe)
    assert 0 < steps["merkle"].reused < steps["merkle"].units
    assert open_dataset(str(folder / "out")).manifest.stages["merkle"].merkle != root


def changed_token(proof: Any) -> None:
    proof["blocks"][0]["ids"][0] ^= 1


def cut(proof: Any) -> None:
    proof["blocks"][0]["ids"].pop()


def cut_and_recounted(proof: Any) -> None:
    proof["blocks"][0]["ids"].pop()
    proof["tokens"] -= 1


def renamed(proof: Any) -> None:
    proof["document"] += "x"


def of_another_vocabulary(proof: Any) -> None:
    proof["vocabulary"] = "0" * 64


def elsewhere(proof: Any) -> None:
    proof["blocks"][0]["place"] ^= 1


def of_another_path(proof: Any) -> None:
    proof["shard"]["path"][0] = "00" * 32


def of_another_root(proof: Any) -> None:
    proof["root"] = "0" * 64


def of_fewer_shards(proof: Any) -> None:
    proof["shard"]["shards"] -= 1


def unfinished(proof: Any) -> None:
    del proof["shard"]


def of_words(proof: Any) -> None:
    proof["blocks"][0]["ids"][0] = "one"


def negative(proof: Any) -> None:
    proof["blocks"][0]["ids"][0] = -1


def test_commands_refuse_whatever_was_tampered_with(folder: Path, pairloom: Command) -> None:
    """(N30) Any one changed id, name, place, path or hash."""
    run(recipe(folder), until="merkle")
    dataset = open_dataset(str(folder / "out"))
    root = dataset.manifest.stages["merkle"].merkle
    proofs = (folder / "one.json", folder / "other.json")
    name = documents(25, seed=1)[3][0]
    assert (
        "tokens are in the dataset"
        in pairloom("prove", str(folder / "out"), name, "--out", str(proofs[0]))[1]
    )
    assert root in pairloom("check", str(proofs[0]), "--root", root)[1]
    assert "compare this hash" in pairloom("check", str(proofs[0]))[1]
    tampering: tuple[Callable[[Any], None], ...] = (
        *(changed_token, cut, cut_and_recounted, renamed, of_another_vocabulary, elsewhere, of_another_path),
        *(of_another_root, of_fewer_shards, unfinished, of_words, negative),
    )
    whole = proofs[0].read_text()
    for tamper in tampering:
        proof = json.loads(whole)
        tamper(proof)
        with pytest.raises((CorruptionError, DataError)):
            check_proof(proof, root)
        proofs[1].write_text(json.dumps(proof))
        assert pairloom("check", str(proofs[1]), "--root", root)[0] != 0, tamper.__name__
    for text in ("", "[]", "{}", "7", whole[:100], "[" * 100_000):
        proofs[1].write_text(text)
        said = pairloom("check", str(proofs[1]))[2]
        assert str(proofs[1]) in said
        assert "write one with `pairloom prove ROOT DOCUMENT`" in said
    assert "no document of" in pairloom("prove", str(folder / "out"), "nobody")[2]


def test_a_generation_without_a_root_hash_says_how_to_get_one(folder: Path) -> None:
    run(recipe(folder, stages="[]"), until="tokenize")
    with pytest.raises(RecipeError, match=r"add `stages: \[merkle\]`"):
        proof_of(open_dataset(str(folder / "out")), "a")
