"""`pairloom report`, alone and comparing two of anything."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.jobs.cli import main
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.evaluate.differences import aligned, differences
from pairloom.pipeline import Dataset
from pairloom.pipeline.report import Options, report_on_root
from tests.runs.report.checks import check_page


def test_the_command(
    root: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["pairloom", "report", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    where, out = root.objects.root, tmp_path / "page.html"
    code, said, _ = call(where, "--out", str(out), "--seq-len", "64", "--seq-len", "128")
    assert code == 0
    assert f"{out.stat().st_size:,} bytes" in said
    check_page(out.read_text(encoding="utf-8"))
    code, said, _ = call(where, "--json")
    assert code == 0
    (tmp_path / "one.json").write_text(said)
    assert json.loads(said)["summary"]["vocabulary"] == len(root.vocabulary())
    code, said, _ = call("--compare", str(tmp_path / "one.json"), where, "--out", str(out))
    assert code == 0
    check_page(out.read_text(encoding="utf-8"))
    for wrong, message in (
        ((), "name a root or a vocabulary"),
        ((str(tmp_path / "nothing"),), "nothing is committed below"),
        ((where, "--against", "nowhere.json"), "cannot read nowhere.json"),
        ((where, "--by", "nofield"), "nofield"),
        (("--compare", str(out), where), "is no JSON"),
    ):
        code, _, said = call(*wrong)
        assert code in (1, 2)
        assert message in said


def test_two_vocabularies_are_compared_token_by_token(
    root: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = Pretokenizer(scheme="gpt2")
    words = count_words(pa.array(["ab ab abc xyz xyz xyz"]), cut)
    one = learn_bpe(words, 262, special_tokens=["<s>"], pretokenizer=cut)
    two = learn_bpe(count_words(pa.array(["ab ab ab abc xq xq"]), cut), 262, pretokenizer=cut)
    for name, made in (("one", one), ("two", two)):
        made.save(tmp_path / f"{name}.json")
    (tmp_path / "text.jsonl").write_text(json.dumps({"text": "abc ab xyz"}) + "\n")
    paths = [str(tmp_path / f"{name}.json") for name in ("one", "two")]
    monkeypatch.setattr(
        "sys.argv",
        ["pairloom", "report", "--compare", *paths, "--text", str(tmp_path / "text.jsonl"), "--json"],
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    found = json.loads(capsys.readouterr().out)["comparison"]
    assert found["names"] == paths
    tokens = [{made.tokens[i] for i in range(len(made)) if made.tokens[i]} - {b"<s>"} for made in (one, two)]
    both = tokens[0] & tokens[1]
    assert found["tokens"]["common"] == len(both)
    only = [
        {row["token"].encode() for row in found["tokens"][f"only_{side}"]} for side in ("first", "second")
    ]
    assert only == [tokens[0] - both, tokens[1] - both]
    encoded = one.encode_one("abc ab xyz").tolist()
    assert {row["token"]: row["count"] for row in found["tokens"]["only_first"]} == {
        one.tokens[i].decode(): encoded.count(i) for i in range(len(one)) if one.tokens[i] in tokens[0] - both
    }
    ranks = [sorted(both, key=made.token_to_id) for made in (one, two)]
    assert {row["token"].encode(): row["by"] for row in found["tokens"]["moved"]} == {
        token: ranks[1].index(token) - ranks[0].index(token)
        for token in both
        if ranks[0].index(token) != ranks[1].index(token)
    }
    merges = [[(m.tokens[a], m.tokens[b]) for a, b in m.model.merges.tolist()] for m in (one, two)]
    agree = next(i for i, (a, b) in enumerate(zip(*merges, strict=False)) if a != b)
    assert found["merges"]["agree"] == agree
    assert found["merges"]["common"] == len(set(merges[0]) & set(merges[1]))
    for name, made in (("first", one), ("second", two)):
        left, right = (made.tokens[i].decode() for i in made.model.merges[agree].tolist())
        assert found["merges"][name] == {"left": left, "right": right, "token": left + right}
    sizes = {"first": len(encoded), "second": len(two.encode_one("abc ab xyz"))}
    about = {"source": "text", "bytes": 10, "change": sizes["second"] / sizes["first"] - 1}
    assert found["compression"] == [about | sizes | {"text": paths[0]}]
    assert found["cuts"] == differences(aligned(one, two, ["abc ab xyz"]))
    assert {"first": [" xyz"], "second": [" ", "x", "y", "z"], "count": 1} in found["cuts"]


def test_generations_are_compared_with_what_was_stored(
    root: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "stored.json"
    stored.write_text(json.dumps(report_on_root(root, Options(against={}))))

    def compared(*what: str) -> dict[str, Any]:
        monkeypatch.setattr("sys.argv", ["pairloom", "report", "--compare", *what, "--json"])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)["comparison"]
        return found

    where = root.objects.root.removeprefix("file://")
    same = compared(where, f"{where}@1")
    assert same["tokens"]["common"] == len(root.vocabulary()) - len(root.vocabulary().special_ids)
    assert [same["tokens"][name] for name in ("only_first", "only_second", "moved")] == [[], [], []]
    assert same["merges"] == {
        "common": len(root.vocabulary().model.merges),
        "agree": len(root.vocabulary().model.merges),
        "first": None,
        "second": None,
    }
    assert {row["change"] for row in same["compression"]} == {0}
    half = compared(str(stored), where)
    assert half["tokens"] == half["merges"] == {}
    assert [row["source"] for row in half["compression"]] == ["a", "b"]
    assert all(row["first"] == row["second"] and row["change"] == 0 for row in half["compression"])


def test_what_a_foreign_vocabulary_was_learned_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kinds of text are found from other documents of these kinds, whatever their sizes."""
    cut = Pretokenizer(scheme="gpt2")
    learned_from = []
    for letters, share in (("etaoinsh", 600), ("xzqkvwet", 300), ("bcdfghja", 100)):
        rng = random.Random(letters)
        words = ["".join(rng.choices(letters, k=rng.randint(2, 7))) for _ in range(300)]
        weights = [1 / (i + 3) for i in range(len(words))]
        made = [" ".join(rng.choices(words, weights, k=80)) for _ in range(share + 400)]
        learned_from += made[:share]
        lines = "".join(json.dumps({"body": text}) + "\n" for text in made[share:])
        (tmp_path / f"{letters}.jsonl").write_text(lines)
    model = tmp_path / "tokenizer.json"
    learn_bpe(count_words(pa.array(learned_from), cut), 456, pretokenizer=cut).save(model)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["pairloom", "report", str(model), "--field", "body", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    kinds = [
        f"--against-text={name}={tmp_path / name}.jsonl" for name in ("etaoinsh", "xzqkvwet", "bcdfghja")
    ]
    code, said, _ = call(*kinds, "--merges", "150", "--json")
    assert code == 0
    found = json.loads(said)["categories"]
    assert found["merges"] == 150
    assert found["settled"]
    for row, share in zip(found["rows"], (0.6, 0.3, 0.1), strict=True):
        assert (row["records"], row["rejected"]) == (400, 0)
        assert row["share"] == pytest.approx(share, abs=0.03)
    out = tmp_path / "page.html"
    code, _, _ = call(*kinds, "--out", str(out))
    assert code == 0
    assert "Which kinds of text was the vocabulary learned from?" in out.read_text(encoding="utf-8")
    for wrong, message in (
        (kinds[:1], "at least two kinds of text"),
        ((kinds[0], "--against-text=code"), "--against-text code='src/*.py'"),
        ((kinds[0], f"--against-text=none={tmp_path}/none*.jsonl"), "none"),
    ):
        code, _, said = call(*wrong)
        assert code == 2
        assert message in said
