"""What `import pairloom` gives: exactly these names, found when they are used, with results that say what they are."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import pairloom as pl

NAMES = [
    "CapacityError",
    "ConflictError",
    "CorruptionError",
    "DataError",
    "Dataset",
    "Exported",
    "Group",
    "PairloomError",
    "Plan",
    "PreemptedError",
    "Pretokenizer",
    "Proof",
    "Recipe",
    "RecipeError",
    "Repaired",
    "Report",
    "StorageError",
    "Tokenizer",
    "Vocabulary",
    "WordCounts",
    "__version__",
    "count",
    "export",
    "groups",
    "learn",
    "open",
    "plan",
    "repair",
    "report",
    "run",
    "verify",
]

ROSES = "a rose is a rose is a rose"


@pytest.fixture
def recipe(tmp_path: Path) -> dict:
    (tmp_path / "roses.txt").write_text(ROSES)
    return {
        "root": str(tmp_path / "out"),
        "corpus": [{"name": "roses", "paths": [str(tmp_path / "*.txt")]}],
        "vocabulary": {"size": 266},
        "pack": {"seq_len": 16},
        "execution": {"engine": "local"},
    }


def test_the_public_names_are_these() -> None:
    assert pl.__all__ == NAMES
    assert {name for name in dir(pl) if not name.startswith("__")} == {
        name for name in NAMES if name[0] != "_"
    }
    assert all(getattr(pl, name) is not None for name in NAMES)
    with pytest.raises(AttributeError, match="'pairloom' has no attribute 'tokenise'"):
        _ = pl.tokenise


def test_every_function_and_class_says_what_it_is() -> None:
    assert all(getattr(pl, name).__doc__ for name in NAMES if name != "__version__")


def test_importing_it_imports_nothing_else() -> None:
    code = "import pairloom, sys; print(*sys.modules)"
    known = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    ours = {name for name in known if name.startswith("pairloom")}
    assert ours == {"pairloom", "pairloom.operators", "pairloom.operators.lazy"}
    assert not {"numpy", "pyarrow", "numba", "ray", "typer", "pydantic", "yaml"} & set(known)


def test_a_run_is_opened_verified_and_exported(recipe: dict, tmp_path: Path) -> None:
    assert pl.plan(recipe).stages == ("count", "learn", "tokenize", "pack")
    dataset = pl.run(recipe)
    assert dataset.table().num_rows == 1
    assert pl.open(recipe["root"]).manifest == pl.open(recipe["root"], 1).manifest == dataset.manifest
    proof = pl.verify(dataset)
    assert (proof.source_units, proof.row_bytes) == (1, len(ROSES))
    assert pl.verify(recipe["root"], sample=0).source_units == 0
    made = pl.export(dataset, str(tmp_path / "npy"), format="npy")
    assert made.facts["tokens"] == proof.tokens
    assert (tmp_path / "npy" / "part-00000.npy").is_file()
    ranks = str(tmp_path / "roses.tiktoken")
    assert pl.export(dataset.vocabulary(), ranks, format="tiktoken").facts["n_vocab"] == len(
        dataset.vocabulary()
    )
    with pytest.raises(pl.RecipeError, match="is of datasets"):
        pl.export(dataset.vocabulary(), str(tmp_path / "mds"), format="mds")


def test_a_recipe_is_a_file_a_name_a_text_a_mapping_or_a_recipe(recipe: dict, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    text = f"corpus: [{{name: roses, paths: ['{tmp_path}/*.txt']}}]\npack: {{seq_len: 64}}"
    path.write_text(text)
    parsed = pl.plan(text).recipe
    assert pl.plan(path).recipe == pl.plan(str(path)).recipe == pl.plan(parsed).recipe == parsed
    changed = pl.plan(parsed, set=["pack.seq_len=32"], engine="local").recipe
    assert (changed.pack.seq_len, changed.execution.engine) == (32, "local")
    assert parsed.pack.seq_len == 64
    assert pl.plan("stdlib", set=[f"corpus.0.paths=['{tmp_path}/*.txt']"]).recipe.max_rejected == 0.01
    before = repr(recipe)
    assert pl.plan(recipe, set=["pack.seq_len=8"]).recipe.pack.seq_len == 8
    assert repr(recipe) == before
    with pytest.raises(pl.RecipeError, match="unknown key 'packs'; did you mean 'pack'"):
        pl.plan(recipe | {"packs": {}})
    with pytest.raises(pl.RecipeError, match="neither a file"):
        pl.plan("missing.yaml")


def test_texts_and_files_give_the_same_words_and_the_same_vocabulary(recipe: dict, tmp_path: Path) -> None:
    file = tmp_path / "roses.txt"
    texts = [
        [ROSES],
        iter([ROSES]),
        [ROSES.encode()],
        pa.array([ROSES]),
        pa.chunked_array([[ROSES]]),
        file,
        [file],
    ]
    wanted = pl.count([ROSES])
    assert wanted.total == 8
    for one in (*texts[2:], str(tmp_path / "*.txt")):
        found = pl.count(one)
        assert found.words.equals(wanted.words)
        assert found.counts.tolist() == wanted.counts.tolist()
    vocabulary = pl.run(recipe, until="learn").vocabulary()
    for one in (*texts, wanted):
        assert pl.learn(one, 266).fingerprint == vocabulary.fingerprint
    single = pl.learn(file, 266, pretokenizer=pl.Pretokenizer(scheme="llama3"), special_tokens=())
    assert single.pretokenizer.scheme == "llama3"
    assert single.fingerprint == pl.learn([ROSES], 266, pretokenizer="llama3", special_tokens=()).fingerprint


def test_names_of_files_are_not_taken_for_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(pl.RecipeError, match="the name of a file"):
        pl.learn([str(tmp_path / "a.txt")], 300)


def test_a_report_is_measured_and_compared(recipe: dict, tmp_path: Path) -> None:
    dataset = pl.run(recipe)
    dataset.vocabulary().save(tmp_path / "tokenizer.json")
    one = pl.report(str(tmp_path / "tokenizer.json"), texts=[str(tmp_path / "roses.txt")], seq_lens=[16])
    two = pl.report(recipe["root"], str(tmp_path / "tokenizer.json"))
    assert one.figures["summary"]["words"] == 8
    assert not one.compares
    assert two.compares
    assert two.figures["comparison"]["tokens"]["common"] == len(dataset.vocabulary()) - 1
    with pytest.raises(pl.RecipeError, match="ray or local"):
        pl.report(recipe["root"], engine="dask")


def test_results_say_what_they_are(recipe: dict) -> None:
    plan, dataset = pl.plan(recipe), pl.run(recipe)
    root = recipe["root"]
    assert repr(plan) == (
        f"<Plan for {root} (count, learn, tokenize, pack); sources 1; files 1; bytes 26; units 1>"
    )
    tokens = dataset.manifest.stage("tokenize").ledger.tokens
    stages = "generation 1 (count, learn, tokenize, pack)"
    facts = f"documents 1; tokens {tokens}; vocabulary {dataset.vocabulary().fingerprint[:12]}; train 1 rows"
    assert repr(dataset) == f"<Dataset {dataset.objects.root}, {stages}; {facts}>"
    assert str(dataset.manifest) == f"<Manifest, {stages}; {facts}>"
    vocabulary = dataset.vocabulary()
    assert repr(vocabulary) == (
        f"<Vocabulary of {len(vocabulary)} tokens; model bpe; pretokenizer gpt2 keep; normalizer none; special tokens 1; "
        f"fingerprint {vocabulary.fingerprint[:12]}>"
    )
    assert repr(pl.count([ROSES])) == "<WordCounts; words 4; counted 8>"
    assert repr(pl.verify(dataset)).startswith("<Proof of generation 1; files ")
    for one in (plan, dataset, dataset.manifest, pl.verify(dataset), vocabulary, pl.count(["<b>"])):
        html = one._repr_html_()
        assert html.startswith("<table><caption>")
        assert html.count("<tr>") == html.count("</tr>") == repr(one).count(";")


def test_what_takes_a_root_takes_a_path(tmp_path: Path) -> None:
    """F16."""
    (tmp_path / "text.txt").write_text("a rose is a rose is a rose")
    recipe = {
        "root": str(tmp_path / "out"),
        "corpus": [{"name": "roses", "paths": [str(tmp_path / "text.txt")]}],
        "vocabulary": {"size": 266},
        "pack": {"seq_len": 16},
    }
    root = tmp_path / "out"
    made = pl.run(recipe, engine="local")
    assert pl.open(root).manifest == made.manifest
    assert pl.verify(root).generation == 1
    assert pl.export(root, tmp_path / "rows", format="parquet").out == str(tmp_path / "rows")
    with pytest.raises(pl.RecipeError, match="give a string"):
        pl.open(Path("s3://bucket/folder"))
