"""What Pairloom has written is no input of a later run."""

from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import make_plan, open_dataset, parse_recipe, run
from pairloom.pipeline.export.exporting import export
from pairloom.pipeline.inputs.listing import list_inputs, list_source
from pairloom.pipeline.recipe import CorpusSource
from pairloom.pipeline.store.objects import FOLDERS


def recipe(folder: Path, root: str, pattern: str = "**/*"):
    return parse_recipe(
        f"""
root: {folder}/{root}
corpus: [{{name: web, paths: ["{folder}/{pattern}"]}}]
vocabulary: {{size: 260}}
pack: {{seq_len: 8}}
execution: {{engine: local}}
"""
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a rose is a rose " * 20)
    return tmp_path


def test_a_root_inside_the_corpus_is_passed_by(corpus: Path) -> None:
    """U3: its own root, that of another run, and an export, each of which is said."""
    first = run(recipe(corpus, "out"))
    for name in FOLDERS:  # whatever a run may have left in any of them
        (corpus / "out" / name / "left").mkdir(parents=True)
        (corpus / "out" / name / "left" / "it.txt").write_text("no text of the corpus")
    again = make_plan(recipe(corpus, "out"))
    assert [file.uri for file in again.inputs] == [f"file://{corpus}/data/a.txt"]
    assert again.left_out == (f"{corpus}/out",)
    assert run(recipe(corpus, "out")).generation == first.generation
    export(open_dataset(str(corpus / "out")), "parquet", str(corpus / "exported"))
    other = make_plan(recipe(corpus, "elsewhere"))
    assert [file.uri for file in other.inputs] == [f"file://{corpus}/data/a.txt"]
    assert other.left_out == (f"{corpus}/exported", f"{corpus}/out")


def test_a_root_around_the_corpus_keeps_it(corpus: Path) -> None:
    """U3: of a root only what it holds of Pairloom's is left out, and a path that leads into it is meant."""
    run(recipe(corpus, ".", "data/*.txt"))
    found = list_source(CorpusSource(name="web", paths=(f"{corpus}/data/**/*.txt",)), str(corpus))
    assert [file.uri for file in found.files] == [f"file://{corpus}/data/a.txt"]
    (corpus / "data" / "mine").mkdir()
    (corpus / "data" / "mine" / "b.txt").write_text("b")
    (corpus / "c.txt").write_text("c")
    assert [
        Path(one.uri).name
        for one in list_inputs(CorpusSource(name="s", paths=(f"{corpus}/*.txt",)), str(corpus))
    ] == ["c.txt"]


def test_nothing_but_a_root_is_nothing(corpus: Path) -> None:
    """U3: the error says that there was something, and what."""
    run(recipe(corpus, "out"))
    (corpus / "data" / "a.txt").rename(corpus.parent / f"{corpus.name}.txt")
    with pytest.raises(RecipeError, match=r"matches no file, but for what Pairloom has written below .*/out"):
        list_inputs(CorpusSource(name="web", paths=(f"{corpus}/**/*",)))


def test_a_folder_called_data_is_no_root(tmp_path: Path) -> None:
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("a")
    assert len(list_inputs(CorpusSource(name="web", paths=(f"{tmp_path}/**/*.txt",)))) == len(FOLDERS)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("[x]/*.jsonl", r"for .*/\[x\] write .*/\[\[\]x\]"),
        ("b.jsonl", r"there is file://.*/B\.JSONL: patterns tell capital"),
        ("*.jsonl", r"there is file://.*/B\.JSONL: patterns tell capital"),
        ("[x]", r"a folder; .* \S*/\[\[\]x\]/\*\*/\*\.txt"),
        ("bare", r"a folder; .*\(there is no file in it now\)"),
    ],
)
def test_a_path_that_misses_says_why(tmp_path: Path, pattern: str, said: str) -> None:
    """F17: brackets, capital letters, folders."""
    (tmp_path / "[x]").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "[x]" / "a.txt").write_text("a")
    (tmp_path / "B.JSONL").write_text('{"text": "a"}')
    with pytest.raises(RecipeError, match=said):
        list_inputs(CorpusSource(name="web", paths=(f"{tmp_path}/{pattern}",)))
