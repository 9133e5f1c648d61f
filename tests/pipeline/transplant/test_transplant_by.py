"""A model's files by each method: what it goes by as files, tied and not, in every type of number; what does not fit is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.embeddings import FLOATS, METHODS, as_float32, as_stored, method_of
from pairloom.operators.errors import DataError, PairloomError, RecipeError
from pairloom.pipeline.transplant import Sources, transplant
from pairloom.pipeline.transplant.safetensors import open_tensors
from tests.extend.strangers import distribution

TEXT = "the threads of the loom are the threads of the needle "
WIDTH = 6


def learned(text: str, size: int, special: str = "<|endoftext|>", digits: str = "keep") -> Vocabulary:
    cut = Pretokenizer(digits=digits)
    return learn_bpe(count_words(pa.array([text]), cut), size, special_tokens=(special,), pretokenizer=cut)


OLD, NEW = learned(TEXT * 20, 280), learned("threads on threads of gold, and bold needles " * 20, 295, "</s>")


def write(path: Path, tensors: dict[str, tuple[str, npt.NDArray[Any]]]) -> None:
    """A file of tensors, of bfloat16 too, for which numpy has no type."""
    header, at = {}, 0
    for name, (kind, values) in tensors.items():
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    head = json.dumps(header).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(
        len(head).to_bytes(8, "little") + head + b"".join(v.tobytes() for _, v in tensors.values())
    )


def read(path: Path) -> dict[str, npt.NDArray[Any]]:
    file = open_tensors(path)
    return {one.name: np.array(file.rows(one)) for one in file.tensors}


def model(path: Path, rows: int, seed: int, kind: str = "F32", *, tied: bool = False) -> dict[str, Any]:
    draws = np.random.default_rng(seed)
    names = ["model.embed_tokens.weight"] + ([] if tied else ["lm_head.weight"])
    held = {name: (kind, as_stored(draws.normal(size=(rows, WIDTH)), kind)) for name in names}
    if not tied:
        held["lm_head.bias"] = (kind, as_stored(draws.normal(size=rows), kind))
    write(path, held)
    return {name: values for name, (_, values) in held.items()}


def rows_of(out: Path, told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    file = next(one["rows"] for one in told["tensors"] if one["name"] == name)
    found: list[dict[str, Any]] = pa.ipc.open_file(out / file).read_all().to_pylist()
    return found


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Sources]:
    """What each method goes by."""
    draws = np.random.default_rng(7)
    np.savez(
        tmp_path / "vectors.npz",
        old=draws.normal(size=(len(OLD), 5)).astype(np.float16),
        new=draws.normal(size=(len(NEW), 5)),
    )
    model(tmp_path / "donor.safetensors", len(NEW) + 3, 8)
    (tmp_path / "text.txt").write_text(TEXT * 3)
    vectors = Sources(vectors=str(tmp_path / "vectors.npz"))
    return {
        "pieces": Sources(),
        "frequency": Sources(text=(str(tmp_path / "text.txt"),)),
        "tokenadapt": vectors,
        "focus": vectors,
        "wechsel": vectors,
        "omp": Sources(donor=str(tmp_path / "donor.safetensors")),
    }


@pytest.mark.parametrize("kind", sorted(FLOATS))
@pytest.mark.parametrize("name", METHODS.names())
def test_rows_are_what_their_table_says(
    tmp_path: Path, sources: dict[str, Sources], name: str, kind: str
) -> None:
    """(N01, N02, C16) Shared rows bit for bit, the others as sums of old ones, numbers in the type that they had."""
    before = model(tmp_path / "model.safetensors", len(OLD) + 4, 1, kind)
    out = tmp_path / "out"
    told = transplant(
        OLD,
        NEW,
        str(tmp_path / "model.safetensors"),
        str(out),
        pad_to=64,
        method=method_of(name, {"k": "5"} if name == "omp" else {}),
        sources=sources[name],
    )
    after = read(out / "model.safetensors")
    assert told["rows"] == 320
    assert told["method"]["name"] == name
    assert {one["kind"] for one in told["tensors"]} == {kind}
    assert told["origins"]["method"] > 0 or name == "pieces"
    close = {"F64": 1e-6, "F32": 1e-5, "F16": 1e-2, "BF16": 8e-2}[kind]
    for tensor, old in before.items():
        known = as_float32(old, kind).reshape(len(old), -1).astype(np.float64)
        for row, made in zip(rows_of(out, told, tensor), after[tensor], strict=True):
            assert (row["token"] is None) == (row["origin"] == "padding")
            if row["origin"] in ("same", "role"):
                assert made.tobytes() == old[row["old_ids"][0]].tobytes()
                continue
            of = known[row["old_ids"]] if row["old_ids"] else known[: len(OLD)]
            by = row["weights"] or [1 / len(OLD)] * len(OLD)
            assert as_float32(made, kind) == pytest.approx(
                np.array(by) @ of, abs=close * max(1, np.abs(by).sum())
            )
            if row["origin"] == "method" and name != "omp":
                assert sum(row["weights"]) == pytest.approx(1, abs=1e-5)


def test_a_head_follows_the_donors_head_and_its_bias_with_it(
    tmp_path: Path, sources: dict[str, Sources]
) -> None:
    """(N02)"""
    model(tmp_path / "model.safetensors", len(OLD), 1)
    told = transplant(
        OLD,
        NEW,
        str(tmp_path / "model.safetensors"),
        str(tmp_path / "out"),
        method=method_of("omp", {"k": "4"}),
        sources=sources["omp"],
    )
    files = {one["name"]: one["rows"] for one in told["tensors"]}
    assert files == {
        "model.embed_tokens.weight": "transplant.rows.arrow",
        "lm_head.weight": "transplant.rows.2.arrow",
        "lm_head.bias": "transplant.rows.2.arrow",
    }
    donor = read(tmp_path / "donor.safetensors")
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        table = rows_of(tmp_path / "out", told, name)
        shared = {row["old_ids"][0]: i for i, row in enumerate(table) if row["origin"] == "same"}
        for i, row in enumerate(table):
            if row["origin"] == "method":
                assert len(row["old_ids"]) == 4
                anchors = donor[name][[shared[one] for one in row["old_ids"]]].astype(np.float64)
                wanted, *_ = np.linalg.lstsq(anchors.T, donor[name][i].astype(np.float64), rcond=None)
                assert row["weights"] == pytest.approx(wanted, abs=1e-5)


def test_a_tied_donor_serves_both_and_a_tied_model_takes_the_embedding(
    tmp_path: Path, sources: dict[str, Sources]
) -> None:
    """(N02)"""
    for which in ("model", "donor"):
        folder = tmp_path / which
        model(folder / "model.safetensors", len(OLD), 1, tied=which == "model")
        donor = model(folder / "donor.safetensors", len(NEW), 2, tied=which == "donor")
        told = transplant(
            OLD,
            NEW,
            str(folder / "model.safetensors"),
            str(folder / "out"),
            method=method_of("omp"),
            sources=Sources(donor=str(folder / "donor.safetensors")),
        )
        assert {one["rows"] for one in told["tensors"]} == {"transplant.rows.arrow"}
        assert "lm_head.weight" in donor or which == "donor"


def test_what_a_method_needs_and_is_not_given_is_said(tmp_path: Path, sources: dict[str, Sources]) -> None:
    model(tmp_path / "model.safetensors", len(OLD), 1)
    file, out = str(tmp_path / "model.safetensors"), str(tmp_path / "out")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no")
    (tmp_path / "text.npz").write_text("nothing")
    np.savez(tmp_path / "few.npz", old=np.zeros((3, 5)), new=np.zeros((len(NEW), 5)))
    np.savez(tmp_path / "widths.npz", old=np.zeros((len(OLD), 4)), new=np.zeros((len(NEW), 5)))
    np.savez(tmp_path / "whole.npz", old=np.zeros((len(OLD), 4), np.int64), new=np.zeros((len(NEW), 4)))
    write(tmp_path / "one.safetensors", {"new": ("F32", np.zeros((len(NEW), 4), np.float32))})
    write(tmp_path / "flat.safetensors", {"new": ("I64", np.zeros((len(NEW), 4), np.int64))})
    model(tmp_path / "short.safetensors", len(NEW) - 1, 1)
    (tmp_path / "nothing.txt").write_text("")
    for name, given, error, says in (
        ("tokenadapt", Sources(), RecipeError, "goes by a file of vectors of tokens: name it with --vectors"),
        ("omp", Sources(vectors="x.npz"), RecipeError, "leave --vectors out"),
        ("omp", Sources(), RecipeError, "a model of the new vocabulary: name it with --donor"),
        ("frequency", Sources(), RecipeError, "name it with --text"),
        ("pieces", sources["frequency"], RecipeError, "leave --text out"),
        ("focus", replace(sources["focus"], donor="d"), RecipeError, "leave --donor out"),
        ("wechsel", Sources(vectors=str(tmp_path / "none.npz")), RecipeError, r"none\.npz"),
        ("wechsel", Sources(vectors=str(tmp_path / "broken.npz")), DataError, r"broken\.npz: is no \.npz"),
        ("wechsel", Sources(vectors=str(tmp_path / "text.npz")), DataError, r"text\.npz: is no \.npz"),
        ("wechsel", Sources(vectors=str(tmp_path / "few.npz")), RecipeError, r"old is \[3, 5\]"),
        ("wechsel", Sources(vectors=str(tmp_path / "widths.npz")), RecipeError, "both must be of one space"),
        ("wechsel", Sources(vectors=str(tmp_path / "whole.npz")), RecipeError, "store float16"),
        (
            "wechsel",
            Sources(vectors=str(tmp_path / "one.safetensors")),
            RecipeError,
            "has no 'old', only new",
        ),
        ("focus", Sources(vectors=str(tmp_path / "flat.safetensors")), RecipeError, "new is I64"),
        (
            "omp",
            Sources(donor=str(tmp_path / "short.safetensors")),
            RecipeError,
            f"the new vocabulary has {len(NEW)} tokens",
        ),
        ("frequency", Sources(text=(str(tmp_path / "nothing.txt"),)), PairloomError, r"nothing\.txt"),
        ("omp", Sources(donor="s3://b/model"), RecipeError, "has to be on this machine"),
        ("focus", Sources(vectors="hf://a/b.npz"), RecipeError, "has to be on this machine"),
    ):
        with pytest.raises(error, match=says):
            transplant(OLD, NEW, file, out, method=method_of(name), sources=given)
    for paths in (("gs://b/model", out), (file, "s3://b/out")):
        with pytest.raises(RecipeError, match="has to be on this machine; copy it there first"):
            transplant(OLD, NEW, *paths)
    assert not (tmp_path / "out").exists()
    told = transplant(
        OLD,
        NEW,
        file,
        out,
        method=method_of("focus"),
        sources=Sources(vectors=str(tmp_path / "one.safetensors")),
    )
    assert told["origins"]["method"] == 0  # of vectors that are all zeros nothing follows


def test_numbers_that_are_cut_otherwise_are_said(tmp_path: Path, sources: dict[str, Sources]) -> None:
    """(N02, C09) By the command."""
    text = (
        " ".join(str(one) for one in range(1000, 3000)) + " " + " ".join(f"{one:03}" for one in range(1000))
    )
    learned(text, 1500, digits="r2l3").save(tmp_path / "old.json")
    learned(text, 300, digits="single").save(tmp_path / "new.json")
    model(tmp_path / "model.safetensors", 1500, 1)
    asked = [
        str(tmp_path / "old.json"),
        str(tmp_path / "new.json"),
        "--embeddings",
        str(tmp_path / "model.safetensors"),
    ]
    said = CliRunner().invoke(app, ["transplant", *asked, "--out", str(tmp_path / "out")])
    assert said.exit_code == 0, said.output
    assert (
        "numbers are cut r2l3 by the old vocabulary and single by the new one: expect worse arithmetic"
        in said.output
    )
    told = json.loads((tmp_path / "out" / "transplant.json").read_text())
    assert told["numbers"] == {"old": "r2l3", "new": "single"}


def test_a_method_comes_from_another_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"pairloom.embeddings": {"first": "tests.extend.embedding_method:First"}}
    monkeypatch.syspath_prepend(distribution(tmp_path / "stranger", points))
    monkeypatch.setattr("pairloom.operators.embeddings.settings.METHODS", replace(METHODS))
    old = model(tmp_path / "model.safetensors", len(OLD), 1)["model.embed_tokens.weight"]
    OLD.save(tmp_path / "old.json")
    NEW.save(tmp_path / "new.json")
    asked = [
        str(tmp_path / "old.json"),
        str(tmp_path / "new.json"),
        "--embeddings",
        str(tmp_path / "model.safetensors"),
    ]
    asked += ["--out", str(tmp_path / "out"), "--method", "first", "--set", "scale=2", "--json"]
    said = CliRunner().invoke(app, ["transplant", *asked])
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert told["method"] == {"name": "first", "scale": 2.0}
    made = read(tmp_path / "out" / "model.safetensors")["model.embed_tokens.weight"]
    for i, row in enumerate(rows_of(tmp_path / "out", told, "model.embed_tokens.weight")):
        if row["origin"] == "method":
            assert made[i] == pytest.approx(2 * old[row["old_ids"][0]])
