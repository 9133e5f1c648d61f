"""The command line: what it prints, and with which exit code it ends."""

import json
import re
from pathlib import Path

import pytest
import tiktoken
import tiktoken.load

from pairloom.pipeline import open_dataset
from tests.support.command import Command
from tests.support.corpora import documents, write_jsonl


def test_run_then_nothing_to_do(pairloom: Command) -> None:
    code, out, err = pairloom("run", pairloom.recipe)
    assert code == 0, err
    for word in ("documents", "tokens", "rows", "padding", "generation 1"):
        assert word in out
    assert "tokenize: done" in err
    code, out, err = pairloom("run", pairloom.recipe)
    assert code == 0
    assert "nothing to do" in out


def test_less_than_was_asked_for_is_said(pairloom: Command) -> None:
    """(U1) In the summary, in JSON, and from the manifest."""
    settings = ["vocabulary.size=10M", "pack.validation=0.000001", "vocabulary.superwords={transition: 1}"]
    code, out, err = pairloom("run", pairloom.recipe, *(f"--set={one}" for one in settings))
    assert code == 0, err
    assert re.search(r"less +[\d,]+ of 10,000,000 tokens asked for \(vocabulary.size\): nothing else", out)
    assert re.search(r"less +0 of 1e-06 of the documents asked for \(pack.validation\)", out)
    assert "(vocabulary.superwords): the vocabulary ends before its second stage" in out
    result = json.loads(pairloom("run", pairloom.recipe, "--json", *(f"--set={one}" for one in settings))[1])
    size = result["obtained"][0]
    assert size["asked"] == 10_000_000
    assert size["obtained"] == len(open_dataset(str(pairloom.folder / "out")).vocabulary())
    code, out, err = pairloom("run", pairloom.recipe)
    assert "400 tokens, as asked (vocabulary.size)" in out
    assert not re.search("^less", out, re.MULTILINE)


def test_json_is_json(pairloom: Command) -> None:
    code, out, _ = pairloom("run", pairloom.recipe, "--json", "--set", "pack.seq_len=32")
    result = json.loads(out)
    assert code == 0
    assert result["documents"] == 100 == result["documents_out"] + result["empty"]
    assert result["pack"]["seq_len"] == 32
    work = {"prepare", "count", "merge", "learn", "tokenize", "exchange", "pack"}
    assert set(result["steps"]) == {"start", "plan", *work, "commit"}


def test_the_summary_says_when_a_slow_path_is_in_use(pairloom: Command) -> None:
    pattern = 'vocabulary.pretokenizer.pattern="[a-z]+"'
    code, out, err = pairloom("run", pairloom.recipe, "--set", pattern)
    assert code == 0, err
    assert "pretokenized by the `regex` library" in out
    assert "slow path" not in pairloom("run", pairloom.recipe, "--set", f"root={pairloom.folder}/fast")[1]


def test_stages_one_by_one(pairloom: Command) -> None:
    for generation, stage in enumerate(("count", "learn", "tokenize", "pack"), start=1):
        code, out, err = pairloom(stage, pairloom.recipe)
        assert code == 0, err
        assert f"generation {generation}" in out
        assert f"{stage}" in err or stage == "learn"
    assert pairloom("run", pairloom.recipe)[1].startswith("nothing to do")


def test_plan_runs_nothing(pairloom: Command) -> None:
    code, out, _ = pairloom("plan", pairloom.recipe)
    assert code == 0
    assert "to run" in out
    assert "committed" not in out
    assert not (pairloom.folder / "out").exists()
    pairloom("count", pairloom.recipe)
    code, out, _ = pairloom("plan", pairloom.recipe, "--json")
    assert [row["state"] for row in json.loads(out)["stages"]] == ["committed", "to run", "to run", "to run"]


def test_inspect_shows_documents_and_their_boundaries(pairloom: Command) -> None:
    pairloom("run", pairloom.recipe)
    code, out, err = pairloom("inspect", pairloom.folder / "out", "--rows", 2)
    assert code == 0, err
    assert "row 0:" in out
    assert "row 1:" in out
    assert re.search(r" tokens of doc-\d+ \(lines\), from its ", out)
    assert pairloom("inspect", pairloom.folder / "out", "--start", 10**9)[0] == 2


def test_files_are_listed_in_order(pairloom: Command) -> None:
    pairloom("run", pairloom.recipe)
    code, out, _ = pairloom("files", pairloom.folder / "out", "--stage", "pack", "--split", "train")
    assert code == 0
    assert all(Path(line).is_file() for line in out.splitlines())
    assert pairloom("files", pairloom.folder / "out", "--stage", "shuffle")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "no-such-recipe"], "neither a file, nor one of the shipped stdlib"),
        (["run", "{recipe}", "--set", "pack.seqlen=3"], "did you mean 'seq_len'"),
        (["run", "{recipe}", "--set", "corpus.0.paths=[/no/such/file.txt]"], "/no/such/file.txt"),
        (["run", "{recipe}", "--set", "corpus.0.paths=['/no/such/*.txt']"], "/no/such/"),
        (["run", "{recipe}", "--set", "root=/proc/nowhere"], "cannot write below the root"),
        (
            ["run", "{recipe}", "--set", "vocabulary={{from: /no/tokenizer.json}}"],
            "cannot read /no/tokenizer.json",
        ),
        (
            ["run", "{recipe}", "--set", "corpus.0.paths=['s3://key:secret@b/*.jsonl']"],
            "s3://***@b/*.jsonl has cred",
        ),
        (
            ["run", "{recipe}", "--set", "vocabulary={{from: 's3://key:secret@b/t.json'}}"],
            "s3://***@b/t.json has cred",
        ),
        (["inspect", "/no/such/root"], "nothing is committed"),
        (["files", "/no/such/root"], "nothing is committed"),
    ],
)
def test_what_is_wrong_is_one_message_and_exit_code_2(
    pairloom: Command, arguments: list[str], message: str
) -> None:
    code, _, err = pairloom(*(a.format(recipe=pairloom.recipe) for a in arguments))
    assert code == 2
    assert message in err
    assert "secret" not in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if "error" in line]) == 1


def test_warmup_compiles_and_says_where(pairloom: Command) -> None:
    code, out, err = pairloom("warmup", "--scheme", "gpt2")
    assert code == 0, err
    assert "kernels are ready" in out
    assert pairloom("warmup", "--scheme", "gpt9")[0] == 2


def test_bad_input_is_exit_code_1(pairloom: Command) -> None:
    (pairloom.folder / "in" / "b.jsonl").write_text("nonsense\n")
    code, _, err = pairloom("run", pairloom.recipe)
    assert code == 1
    assert "b.jsonl, byte 0: invalid_json" in err
    assert "Traceback" not in err


def test_gc_lists_and_only_deletes_when_told(pairloom: Command) -> None:
    pairloom("run", pairloom.recipe)
    orphan = pairloom.folder / "out" / "data" / "count" / "ab" / "ab-1.words.arrow"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"half")
    root = pairloom.folder / "out"
    code, out, err = pairloom("gc", root)
    assert code == 0, err
    assert out.startswith("0 files are garbage")
    assert " 1 is kept" in out
    code, out, _ = pairloom("gc", root, "--grace", "0s")
    assert str(orphan) in out.splitlines()
    assert "--delete" in out
    assert orphan.exists()
    code, out, _ = pairloom("gc", root, "--grace", "0s", "--delete", "--json")
    assert str(orphan) in json.loads(out)["garbage"]
    assert not orphan.exists()
    assert pairloom("run", pairloom.recipe)[1].startswith("nothing to do")
    code, _, err = pairloom("gc", root, "--grace", "soon")
    assert code == 2
    assert "'soon' is no age" in err


def test_rejected_shows_where_and_why(pairloom: Command) -> None:
    (pairloom.folder / "in" / "b.jsonl").write_text('nonsense\n{"id": 1}\n[bold]\n')
    root = pairloom.folder / "out"
    pairloom("count", pairloom.recipe, "--set", "max_rejected=1")
    code, counted, err = pairloom("rejected", root)
    assert code == 0, err
    pairloom("run", pairloom.recipe, "--set", "max_rejected=1")
    code, out, err = pairloom("rejected", root)
    assert out == counted
    assert "byte 0" in out
    assert "[bold]" in out
    assert "2 invalid_json" in out
    assert "3 rejected records" in out
    code, out, _ = pairloom("rejected", root, "--reason", "missing_text", "--json")
    (letter,) = map(json.loads, out.splitlines())
    assert (letter["position"], letter["reason"], letter["excerpt"]) == (
        "byte 9",
        "missing_text",
        '{"id": 1}',
    )
    assert letter["uri"].endswith("/in/b.jsonl")
    assert "3 rejected records, 1 shown" in pairloom("rejected", root, "--limit", 1)[1]


def test_verify_says_what_it_proved_or_what_is_wrong(pairloom: Command) -> None:
    pairloom("run", pairloom.recipe)
    root = pairloom.folder / "out"
    code, out, err = pairloom("verify", root, "--all")
    assert code == 0, err
    for words in (
        "are what was written",
        "each exactly once",
        "units were read again",
        "from the packed rows",
    ):
        assert words in out
    code, out, _ = pairloom("verify", root, "--json", "--sample", 0)
    assert code == 0
    assert json.loads(out)["documents"] > 0 == json.loads(out)["source_units"]
    place = Path(pairloom("files", root)[1].splitlines()[0])
    place.write_bytes(place.read_bytes()[:-1])
    code, _, err = pairloom("verify", root)
    assert code == 1
    assert place.name in err
    assert "Traceback" not in err


def test_a_mixture_is_planned_and_summed_up(pairloom: Command) -> None:
    write_jsonl(pairloom.folder / "more" / "a.jsonl", documents(80, seed=1)[::-1] + documents(30))
    more = f"corpus.1={{name: more, paths: ['{pairloom.folder}/more/*'], id: id, weight: 2}}"
    pairloom.recipe.write_text(
        pairloom.recipe.read_text().replace("id: id}]", "id: id, weight: 1}, {name: more, paths: [x]}]")
    )
    settings = ["--set", more, "--set", "mixture.tokens=3k", "--set", "pack.deduplicate=exact"]
    code, out, err = pairloom("plan", pairloom.recipe, *settings)
    assert code == 0, err
    assert "select" in out
    assert "more" in out
    stages = {
        row["stage"]: row
        for row in json.loads(pairloom("plan", pairloom.recipe, *settings, "--json")[1])["stages"]
    }
    assert stages["select"]["tasks"] == 3
    code, out, err = pairloom("run", pairloom.recipe, *settings)
    assert code == 0, err
    assert "duplicates " in out
    for word in ("epochs", "asked", "delivered", "share", "lines", "more"):
        assert word in out
    result = json.loads(pairloom("run", pairloom.recipe, *settings, "--json")[1])
    assert [source["asked_tokens"] for source in result["sources"]] == [1000, 2000]
    assert result["deduplicated"] == sum(source["duplicate_documents"] for source in result["sources"]) > 0
    code, out, err = pairloom("verify", pairloom.folder / "out")
    assert code == 0, err
    assert "each exactly as often as the recipe takes it" in out


def test_a_dataset_is_exported(pairloom: Command) -> None:
    pairloom("run", pairloom.recipe)
    out = pairloom.folder / "export"
    command = ("export", pairloom.folder / "out", "--format", "megatron", "--out", out)
    code, said, err = pairloom(*command)
    assert code == 0, err
    assert "documents of train" in said
    assert "written" in said
    assert "export: done" in err
    code, said, _ = pairloom(*command)
    assert code == 0
    assert "there already, and whole" in said
    facts = json.loads(pairloom(*command, "--json")[1])
    assert facts == json.loads((out / "export.json").read_text())
    for wrong in (["--format", "zip"], ["--split", "test"], ["--unit", "rows"], ["--seq-len", "64"]):
        assert pairloom(*command, *wrong)[0] == 2
    (out / "train_text_document.bin").write_bytes(b"")
    assert pairloom(*command)[0] == 1


def test_a_vocabulary_is_exported_for_tiktoken(pairloom: Command) -> None:
    pairloom("run", pairloom.recipe)
    root, out = pairloom.folder / "out", pairloom.folder / "x.tiktoken"
    code, said, err = pairloom("export", root, "--format", "tiktoken", "--out", out)
    assert code == 0, err
    assert "have the same ids by tiktoken" in said
    about = json.loads(Path(f"{out}.json").read_text())
    assert about["proved_documents"] > 50
    encoding = tiktoken.Encoding(
        "x",
        pat_str=about["pat_str"],
        mergeable_ranks=tiktoken.load.load_tiktoken_bpe(str(out)),
        special_tokens=about["special_tokens"],
    )
    dataset = open_dataset(str(root))
    text = "the naïve façade, 1234567 日本語 👩\u200d👩\u200d👧"
    assert encoding.encode(text) == dataset.vocabulary().encode_one(text).tolist()
    file = dataset.files("learn")[0]
    assert pairloom("export", file, "--format", "tiktoken", "--out", out, "--json")[0] == 0
    for wrong in ([root, "--out", f"{pairloom.folder}/"], [file, "--out", out, "--generation", 1]):
        assert pairloom("export", *wrong, "--format", "tiktoken")[0] == 2
    out.write_text("other")
    code, _, err = pairloom("export", root, "--format", "tiktoken", "--out", out)
    assert code == 2
    assert "is there with other content" in err
    pairloom("run", pairloom.recipe, "--set", "vocabulary.pretokenizer.scheme=deepseek_v3")
    code, _, err = pairloom("export", root, "--format", "tiktoken", "--out", pairloom.folder / "y")
    assert code == 2
    assert "cuts text by one pattern" in err
    assert not (pairloom.folder / "y").exists()
