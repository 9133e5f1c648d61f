"""A model's files for another vocabulary, read by the library `safetensors`, whole, in shards, and damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.transplant import transplant, transplanting
from pairloom.pipeline.transplant.safetensors import open_tensors

safetensors = pytest.importorskip("safetensors.numpy")


def learned(text: str, size: int, special: tuple[str, ...] = ("<|endoftext|>",)) -> Vocabulary:
    return learn_bpe(count_words(pa.array([text]), Pretokenizer()), size, special_tokens=special)


OLD = learned("the threads of the loom are the threads of the needle " * 20, 300)
NEW = learned("die Fäden des Webstuhls sind die Fäden der Nadel " * 20, 310, ("</s>",))
WIDTH = 6


def arrays(rows: int = 304, *, tied: bool = False) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(1)
    found = {
        "model.embed_tokens.weight": rng.normal(size=(rows, WIDTH)).astype(np.float32),
        "model.layers.0.mlp.weight": rng.normal(size=(WIDTH, rows)).astype(np.float16),
        "model.norm.weight": rng.normal(size=(rows,)).astype(np.float32),
    }
    return found if tied else found | {"lm_head.weight": rng.normal(size=(rows, WIDTH)).astype(np.float16)}


def shards(folder: Path, *, tied: bool = False) -> dict[str, np.ndarray[Any, Any]]:
    """A model in two shards, with its index and its configuration."""
    folder.mkdir()
    whole = arrays(tied=tied)
    names = sorted(whole)
    parts = {"model-00001-of-00002.safetensors": names[:2], "model-00002-of-00002.safetensors": names[2:]}
    for file, held in parts.items():
        safetensors.save_file({name: whole[name] for name in held}, folder / file, metadata={"format": "pt"})
    index = {
        "metadata": {"total_size": 1},
        "weight_map": {name: file for file, held in parts.items() for name in held},
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    config = {
        "vocab_size": 304,
        "hidden_size": WIDTH,
        "tie_word_embeddings": tied,
        "eos_token_id": 0,
        "pad_token_id": 303,
        "text_config": {"vocab_size": 304, "eos_token_id": [0]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return whole


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_in_shards_gets_another_vocabulary(tmp_path: Path, tied: bool) -> None:
    before = shards(tmp_path / "old", tied=tied)
    told = transplant(OLD, NEW, str(tmp_path / "old"), str(tmp_path / "new"), pad_to=64)
    after = {}
    for file in sorted((tmp_path / "new").glob("*.safetensors")):
        after |= safetensors.load_file(file)
    assert after.keys() == before.keys()
    rows = pa.ipc.open_file(tmp_path / "new" / "transplant.rows.arrow").read_all().to_pylist()
    assert len(rows) == told["rows"] == 320
    for name, old in before.items():
        if name not in ("model.embed_tokens.weight", "lm_head.weight"):
            assert after[name].tobytes() == old.tobytes()
            continue
        assert after[name].shape == (320, WIDTH)
        assert after[name].dtype == old.dtype
        for row, made in zip(rows, after[name], strict=True):
            if row["origin"] in ("same", "role"):
                assert made.tobytes() == old[row["old_ids"][0]].tobytes()
            else:
                of = old[row["old_ids"]] if row["old_ids"] else old[: len(OLD)]
                assert made == pytest.approx(of.astype(np.float64).mean(axis=0), abs=2e-3)
    assert rows[0]["origin"] == "role"  # both end texts, by another name
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    assert (config["vocab_size"], config["text_config"]) == (320, {"vocab_size": 320, "eos_token_id": [0]})
    assert (config["eos_token_id"], "pad_token_id" in config) == (0, False)
    assert told["lost"] == ["config.json: pad_token_id"]
    index = json.loads((tmp_path / "new" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(one.nbytes for one in after.values())
    assert json.loads((tmp_path / "new" / "transplant.json").read_text()) == told


def test_one_file_is_a_model_too_and_a_name_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.save_file({"words": arrays()["lm_head.weight"], "bias": np.ones(304, np.float32)}, path)
    with pytest.raises(RecipeError, match=r"name it with --tensor; it has bias, words"):
        transplant(OLD, NEW, str(path), str(tmp_path / "out"))
    told = transplant(OLD, NEW, str(path), str(tmp_path / "out"), tensors=("words", "bias"))
    made = safetensors.load_file(tmp_path / "out" / "model.safetensors")
    assert made["words"].shape == (len(NEW), WIDTH)
    assert made["bias"].tolist() == [1.0] * len(NEW)
    assert {one["name"] for one in told["tensors"]} == {"words", "bias"}


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.save_file(arrays(rows=len(OLD) - 1), path)
    with pytest.raises(RecipeError, match=f"the old vocabulary has {len(OLD)} tokens"):
        transplant(OLD, NEW, str(path), str(tmp_path / "out"))
    with pytest.raises(RecipeError, match=r"nothing\.safetensors"):
        transplant(OLD, NEW, str(tmp_path / "nothing.safetensors"), str(tmp_path / "out"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"has no \.safetensors file"):
        transplant(OLD, NEW, str(tmp_path / "empty"), str(tmp_path / "out"))
    safetensors.save_file(arrays(), path)
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(RecipeError, match="is not empty: choose another folder"):
        transplant(OLD, NEW, str(path), str(tmp_path / "out"))


def test_what_was_killed_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every write: afterwards the same command makes what it would have made, and leaves nothing else."""
    path, out = tmp_path / "old" / "model.safetensors", tmp_path / "out"
    path.parent.mkdir()
    safetensors.save_file(arrays(), path)
    (path.parent / "config.json").write_text(json.dumps({"vocab_size": 304}))
    transplant(OLD, NEW, str(path.parent), str(tmp_path / "whole"))
    whole = {file.name: file.read_bytes() for file in (tmp_path / "whole").iterdir()}

    class Killed(BaseException):
        pass

    def killed(at: int, calls: list[str], name: str, call):  # type: ignore[no-untyped-def]
        def instead(*args, **kwargs):  # type: ignore[no-untyped-def]
            calls.append(name)
            if len(calls) == at:
                raise Killed
            return call(*args, **kwargs)

        return instead

    at, done = 1, False
    while not done:
        with monkeypatch.context() as patched:
            calls: list[str] = []
            for name in ("write_text", "replace", "unlink"):
                patched.setattr(Path, name, killed(at, calls, name, getattr(Path, name)))
            patched.setattr(
                transplanting, "_write_rows", killed(at, calls, "rows", transplanting._write_rows)
            )
            try:
                transplant(OLD, NEW, str(path.parent), str(out))
                done = True
            except Killed:
                pass
        if not done:
            transplant(OLD, NEW, str(path.parent), str(out))
        found = {file.name: file.read_bytes() for file in out.iterdir()}
        assert found.keys() == whole.keys()
        same = whole.keys() - {"transplant.json"}  # which names the folder
        assert all(found[name] == whole[name] for name in same)
        shutil.rmtree(out)
        at += 1
    assert at > 6
    # What is not of a transplant stays, and is said.
    out.mkdir()
    for wrong in ('["../old/model.safetensors"]', '[".."]', '[""]', f'["{path}"]', '{"a": 1}', "[1]", "["):
        (out / "transplant.begun.json").write_text(wrong)
        with pytest.raises(RecipeError, match=r"begun\.json is no list of files"):
            transplant(OLD, NEW, str(path), str(out))
    assert path.exists()
    (out / "transplant.begun.json").write_text('["model.safetensors"]')
    (out / "mine").write_text("")
    (out / "model.safetensors").write_text("")
    with pytest.raises(RecipeError, match="is not empty: choose another folder"):
        transplant(OLD, NEW, str(path), str(out))
    assert (out / "model.safetensors").exists()


def test_an_end_of_text_that_stands_in_for_padding_stays_an_end_of_text(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    safetensors.save_file(arrays(), tmp_path / "old" / "model.safetensors")
    (tmp_path / "old" / "config.json").write_text(json.dumps({"eos_token_id": 0, "pad_token_id": 0}))
    new = learned("a rose is a rose " * 9, 262, ("</s>", "<pad>"))
    transplant(OLD, new, str(tmp_path / "old"), str(tmp_path / "new"))
    assert json.loads((tmp_path / "new" / "config.json").read_text()) == {
        "eos_token_id": 0,
        "pad_token_id": 0,
    }
    rows = pa.ipc.open_file(tmp_path / "new" / "transplant.rows.arrow").read_all()["origin"].to_pylist()
    assert rows[:2] == ["role", "all"]


@pytest.mark.parametrize("name", ["wordpiece", "unigram"])
def test_families_whose_tokens_are_no_bytes_are_refused(tmp_path: Path, name: str) -> None:
    made = {
        "wordpiece": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {"[UNK]": 0, "a": 1, "##b": 2},
        },
        "unigram": {
            "type": "Unigram",
            "unk_id": 0,
            "vocab": [["<unk>", 0.0], ["\u2581a", -1.0], ["b", -2.0]],
        },
    }
    file = tokenizers.Tokenizer.from_str(
        json.dumps({"version": "1.0", "added_tokens": [], "model": made[name]})
    )
    file.save(str(tmp_path / "other.json"))
    other = Vocabulary.load(tmp_path / "other.json")
    safetensors.save_file(arrays(), tmp_path / "model.safetensors")
    for which, pair in (("old", (other, NEW)), ("new", (OLD, other))):
        with pytest.raises(
            RecipeError, match=f"the {which} vocabulary is of the model .* not the bytes of words"
        ):
            transplant(*pair, str(tmp_path / "model.safetensors"), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_quantized_model_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.save_file({"lm_head.weight": np.zeros((304, 2), np.int8)}, path)
    with pytest.raises(RecipeError, match=r"lm_head\.weight is stored as I8"):
        transplant(OLD, NEW, str(path), str(tmp_path / "out"))


def test_files_that_are_damaged_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.save_file(arrays(), path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    gap = json.dumps(header | {"more": {"dtype": "F32", "shape": [1], "data_offsets": [1, 5]}}).encode()
    for damaged in (
        b"",
        b"\x00" * 7,
        data[:100],
        data[:-1],
        (1 << 60).to_bytes(8, "little") + data[8:],
        data[:8] + b"\xff" * length + data[8 + length :],
        data[:8] + b"[" + b" " * (length - 2) + b"]" + data[8 + length :],
        len(gap).to_bytes(8, "little") + gap + data[8 + length :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"model\.safetensors: "):
            open_tensors(path)


def test_the_command_says_what_became_of_the_rows(tmp_path: Path) -> None:
    shards(tmp_path / "old")
    OLD.save(tmp_path / "old.json")
    NEW.save(tmp_path / "new.json")
    asked = [
        "transplant",
        str(tmp_path / "old.json"),
        str(tmp_path / "new.json"),
        "--embeddings",
        str(tmp_path / "old"),
    ]
    said = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "a")])
    assert said.exit_code == 0, said.output
    assert f"model.embed_tokens.weight: F32 [304, 6] is [{len(NEW)}, 6] now" in said.output
    assert "1 of the same role" in said.output
    assert "config.json: pad_token_id named a token that the new vocabulary has not" in said.output
    said = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "b"), "--json"])
    assert json.loads(said.stdout)["origins"]["role"] == 1


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ("backbone.embeddings.weight", ()),
        ("final_logits_bias", ()),
        ("lm_head.weight", ("model.embed_tokens.weight",)),
    ],
)
def test_no_tensor_keeps_the_rows_of_the_old_vocabulary(
    tmp_path: Path, extra: str, names: tuple[str, ...]
) -> None:
    """What looks like an embedding, a head or its bias and is none of those that follow is no model of either vocabulary."""
    held = arrays(tied=True)
    held[extra] = np.ones((1, 304) if extra.endswith("bias") else (304, WIDTH), np.float32)
    safetensors.save_file(held, tmp_path / "m.safetensors")
    with pytest.raises(RecipeError, match=rf"{extra} has a row for each token, too, .* --tensor"):
        transplant(OLD, NEW, str(tmp_path / "m.safetensors"), str(tmp_path / "new"), tensors=names)
    assert not (tmp_path / "new").exists()
    if extra.endswith("weight"):
        names = ("model.embed_tokens.weight", extra)
        told = transplant(OLD, NEW, str(tmp_path / "m.safetensors"), str(tmp_path / "new"), tensors=names)
        assert [one["after"][0] for one in told["tensors"]] == [len(NEW)] * 2


def test_all_ids_of_a_configuration_are_those_of_the_new_vocabulary(tmp_path: Path) -> None:
    """Tokens that are never to be written, words as lists of ids, and keys that are called otherwise."""
    shards(tmp_path / "old")
    shared, gone = OLD.tokens.index(b"a"), OLD.tokens.index(b" threads")
    said = {
        "suppress_tokens": [shared, gone],
        "begin_suppress_tokens": [shared],
        "bad_words_ids": [[shared, shared], [gone]],
        "image_token_index": shared,
        "eos_token_ids": [shared],
        "max_length": shared,
    }
    (tmp_path / "old" / "generation_config.json").write_text(json.dumps(said))
    told = transplant(OLD, NEW, str(tmp_path / "old"), str(tmp_path / "new"))
    new = NEW.tokens.index(b"a")
    assert json.loads((tmp_path / "new" / "generation_config.json").read_text()) == {
        "suppress_tokens": [new],
        "begin_suppress_tokens": [new],
        "bad_words_ids": [[new, new]],
        "image_token_index": new,
        "eos_token_ids": [new],
        "max_length": shared,
    }
    lost = [one for one in told["lost"] if one.startswith("generation_config.json")]
    assert lost == ["generation_config.json: suppress_tokens", "generation_config.json: bad_words_ids"]


def test_an_index_counts_the_parameters_that_there_are(tmp_path: Path) -> None:
    before = shards(tmp_path / "old")
    index = tmp_path / "old" / "model.safetensors.index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"metadata": {"total_parameters": 1}}))
    transplant(OLD, NEW, str(tmp_path / "old"), str(tmp_path / "new"))
    more = 2 * (len(NEW) - 304) * WIDTH
    found = json.loads((tmp_path / "new" / index.name).read_text())["metadata"]
    assert found["total_parameters"] == sum(one.size for one in before.values()) + more


def test_the_command_writes_no_folder_that_is_called_as_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shards(tmp_path / "old")
    (tmp_path / "a.json").write_bytes(OLD.to_json())
    asked = ["transplant", "a.json", "a.json", "--embeddings", "old", "--out", "s3://bucket/new"]
    result = CliRunner().invoke(app, asked)
    assert isinstance(result.exception, RecipeError)
    assert "s3://bucket/new: it has to be on this machine" in str(result.exception)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.json", "old"]
