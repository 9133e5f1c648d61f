"""Documents that are left out, or kept, by a list of ids: of any format, proved by `verify`, and again when the list changes."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairloom.operators.documents.exclude_ids import ExcludeIds
from pairloom.operators.errors import CorruptionError, DataError, RecipeError
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.inputs.lists import entries_of, find_lists
from pairloom.pipeline.recipe import CorpusSource
from pairloom.pipeline.stages.tokenize.shards import placed_shards
from pairloom.pipeline.store.files import read_batches
from tests.support.command import Command
from tests.support.corpora import recipe_for

OUT = ["d3", "d17", "d3", "not-there", "d40"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    lines = [
        json.dumps({"id": f"d{i}", "text": f"document {i} of several words", "url": f"https://x.org/{i}"})
        for i in range(50)
    ]
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "gone.txt").write_text("\r\n".join(OUT) + "\r\n\n  \n")
    return tmp_path


def of(folder: Path, step: object, *settings: str) -> Recipe:
    return recipe_for(folder, f"corpus.0.steps={json.dumps([step])}", "vocabulary.size=270", *settings)


def ids_in(recipe: Recipe) -> list[str]:
    dataset = open_dataset(recipe.root)
    found = []
    for shard in placed_shards(dataset.objects, dataset.manifest.stage("tokenize")):
        for batch in read_batches(dataset.objects, shard.stored):
            found += shard.documents(batch)[0].to_pylist()
    return found


LEFT = [f"d{i}" for i in range(50) if i not in (3, 17, 40)]


@pytest.mark.parametrize("kind", ["txt", "parquet", "jsonl", "csv", "arrow", "txt.gz", "two files"])
def test_a_list_of_any_format_is_left_out_and_verify_proves_it(corpus: Path, kind: str) -> None:
    table, path = pa.table({"key": OUT}), corpus / f"list.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=2)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps({"key": one}) + "\n" for one in OUT))
    elif kind == "csv":
        path.write_text("key,why\n" + "".join(f"{one},asked\n" for one in OUT))
    elif kind == "arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    elif kind == "txt.gz":
        import gzip

        path.write_bytes(gzip.compress("\n".join(OUT).encode()))
    elif kind == "two files":
        (corpus / "list-1.txt").write_text("\n".join(OUT[:2]))
        (corpus / "list-2.txt").write_text("\n".join(OUT[2:]))
        path = corpus / "list-*.txt"
    else:
        path = corpus / "gone.txt"
    recipe = of(corpus, {"exclude_ids": {"ids": str(path), "column": "key"}})
    manifest = run(recipe)
    assert ids_in(recipe) == LEFT
    for stage in ("count", "tokenize"):
        assert manifest.stages[stage].ledger.filtered == {"exclude_ids: listed": 3}
    dataset = open_dataset(recipe.root)
    proof = verify(dataset)
    assert proof.looked_up == 47
    round_trip(dataset, proof, sample=5)


def test_a_list_to_keep(corpus: Path) -> None:
    recipe = of(corpus, {"keep_ids": {"ids": str(corpus / "gone.txt")}})
    assert run(recipe).stages["tokenize"].ledger.filtered == {"keep_ids: not listed": 47}
    assert ids_in(recipe) == ["d3", "d17", "d40"]
    assert verify(open_dataset(recipe.root)).looked_up == 3


def test_another_field_is_looked_up_and_numbers_are_what_they_are_called(corpus: Path) -> None:
    (corpus / "urls.txt").write_text("https://x.org/3\nhttps://x.org/17\n")
    recipe = of(corpus, {"exclude_ids": {"ids": str(corpus / "urls.txt"), "field": "url"}})
    assert run(recipe).stages["tokenize"].ledger.filtered == {"exclude_ids: listed": 2}
    assert not {"d3", "d17"} & set(ids_in(recipe))
    pq.write_table(pa.table({"id": pa.array([3, 17])}), corpus / "n.parquet")
    source = CorpusSource(
        name="a", paths=("x",), steps=(ExcludeIds(ids=str(corpus / "n.parquet"), field="n"),)
    )
    other = CorpusSource(name="a", paths=("x",), steps=(ExcludeIds(ids=str(corpus / "n.txt"), field="n"),))
    (corpus / "n.txt").write_text("17\n3\n")
    assert np.array_equal(*(entries_of(find_lists(one)[0][0]).numbers for one in (source, other)))


def test_a_list_that_has_grown_is_followed_and_verify_sees_that_it_was_not(corpus: Path) -> None:
    recipe = of(corpus, {"exclude_ids": {"ids": str(corpus / "gone.txt")}})
    first = run(recipe)
    assert retokenize(recipe)[0].generation == first.generation
    (corpus / "gone.txt").write_text("\n".join([*OUT, "d21"]))
    with pytest.raises(
        CorruptionError,
        match=r"document 'd21' of source 'lines' is on the list .*gone.txt of its step exclude_ids",
    ):
        verify(open_dataset(recipe.root))
    assert retokenize(recipe)[0].generation == first.generation + 1
    assert "d21" not in ids_in(recipe)
    assert verify(open_dataset(recipe.root)).looked_up == 46


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        (
            "none.txt",
            None,
            RecipeError,
            "source 'lines': the list of the step exclude_ids: .*none.txt: there is no such file",
        ),
        ("bad.txt", b"d3\n\xff\xfe\n", DataError, "source 'lines': .*bad.txt: a list of text is UTF-8"),
        (
            "bad.jsonl",
            b'{"id": "d3"}\n{"id": null}\n',
            DataError,
            "exclude_ids: .*bad.jsonl.*a list must be whole",
        ),
        (
            "bad.list",
            b'{"id": "d3"}\n{"id": "d4"}\n',
            DataError,
            "first line is a JSON object; give the file the ending",
        ),
        ("bad.ids", b'["d3", "d4"]', DataError, "first line is in brackets or quotes"),
        ("quoted.txt", b'"d3"\r\n"d4"\r\n', DataError, "first line is in brackets or quotes"),
        ("zipped.txt", b"PAR1\x15\x04", DataError, "first bytes are those of Parquet"),
        (
            "wide.txt",
            "d3\r\nd4\r\nd5\r\nd6\r\n".encode("utf-16"),
            DataError,
            "first bytes are those of UTF-16",
        ),
        ("bad.csv", b"name\nd3\n", DataError, "'id'"),
    ],
)
def test_lists_that_are_none(
    corpus: Path, name: str, content: bytes | None, error: type[Exception], message: str
) -> None:
    if content is not None:
        (corpus / name).write_bytes(content)
    with pytest.raises(error, match=message):
        run(of(corpus, {"exclude_ids": {"ids": str(corpus / name)}}))


def test_sources_without_ids(corpus: Path) -> None:
    step = {"exclude_ids": {"ids": str(corpus / "gone.txt")}}
    with pytest.raises(
        RecipeError, match="the step exclude_ids looks documents up by their ids: say with id which field"
    ):
        of(corpus, step, "corpus.0.id=null")
    (corpus / "in" / "a.jsonl").unlink()
    (corpus / "in" / "a.txt").write_text("plain text")
    with pytest.raises(
        RecipeError,
        match=r"a.txt: the step exclude_ids looks documents up by their ids, and plain text has none",
    ):
        run(of(corpus, step))


def test_the_command_says_what_was_looked_up(corpus: Path, pairloom: Command) -> None:
    recipe = of(corpus, {"exclude_ids": {"ids": str(corpus / "gone.txt")}})
    run(recipe)
    left = ids_in(recipe)
    code, out, _ = pairloom("verify", corpus / "out", "--sample", "0")
    assert code == 0
    assert (
        f"{len(left)} documents were looked up in the lists of steps: none is there that should not be" in out
    )
    (corpus / "gone.txt").write_text(f"{left[0]}\n")
    code, _, err = pairloom("verify", corpus / "out", "--sample", "0")
    assert code == 1
    assert f"document {left[0]!r} of source 'lines' is on the list" in err


def test_a_list_of_words_is_one_of_files_too(corpus: Path) -> None:
    (corpus / "bad.txt").write_text("document 7\nDocument 9\n")
    recipe = of(corpus, {"bad_words": {"words": str(corpus / "bad.txt")}}, "corpus.0.id=null")
    assert run(recipe).stages["tokenize"].ledger.filtered == {"bad_words: has a word of the list": 2}
    table = pa.table({"word": ["document", "of", "several"], "idf": [0.5, 0.1, 0.2]})
    pq.write_table(table, corpus / "idf.parquet")
    recipe = of(
        corpus, {"drop_words": {"keep": 0.6, "impact": str(corpus / "idf.parquet")}}, f"root={corpus}/dropped"
    )
    run(recipe)
    dataset = open_dataset(recipe.root)
    proof = verify(dataset)
    round_trip(dataset, proof, sample=5)
    assert proof.looked_up == 0
    ids = dataset.table("train").column("input_ids").to_pylist()[0]
    assert b" several" not in dataset.vocabulary().decode(ids)


def test_a_byte_order_mark_is_no_part_of_an_id(corpus: Path) -> None:
    (corpus / "gone.txt").write_text("\ufeffd3\n")
    recipe = of(corpus, {"exclude_ids": {"ids": str(corpus / "gone.txt")}})
    assert run(recipe).stages["tokenize"].ledger.filtered == {"exclude_ids: listed": 1}


def test_an_empty_list_and_its_memory(corpus: Path) -> None:
    (corpus / "gone.txt").write_text("")
    recipe = of(corpus, {"exclude_ids": {"ids": str(corpus / "gone.txt")}})
    assert run(recipe).stages["tokenize"].ledger.filtered == {}
    assert verify(open_dataset(recipe.root)).looked_up == 50
