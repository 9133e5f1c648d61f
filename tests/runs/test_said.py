"""What people and programs are told on the way: JSON everywhere, whole paths, the time it took, what to do next."""

import json
import re
import subprocess
import sys

import pytest

import pairloom as pl
from pairloom.pipeline import open_dataset
from tests.support.command import Command


def test_everything_has_json_and_errors_are_json_under_it(pairloom: Command) -> None:
    """(U7)"""
    assert pairloom("run", pairloom.recipe)[0] == 0
    root = pairloom.folder / "out"
    code, out, err = pairloom("inspect", root, "--rows", "2", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["row"] for row in rows] == [0, 1]
    assert all(row["tokens"] == sum(one["tokens"] for one in row["segments"]) for row in rows)
    assert json.loads(pairloom("files", root, "--json")[1]) == open_dataset(str(root)).files()
    assert json.loads(pairloom("warmup", "--scheme", "gpt2", "--json")[1])["folder"]
    found = json.loads(pairloom("generations", root, "--json")[1])[0]
    assert list(found["corpus"]) == ["lines"]
    out = pairloom("generations", root)[1]
    assert found["recipe"][:12] in out
    assert f"lines ({pairloom.folder}/in/*)" in out
    code, out, err = pairloom("plan", pairloom.folder / "none.yaml", "--json")
    assert (code, json.loads(err)["event"], json.loads(err)["code"]) == (2, "error", 2)
    assert json.loads(pairloom("rollback", root, "1", "--json")[1])["again"] == 1


def test_a_place_without_generations_is_an_error(pairloom: Command) -> None:
    """(U7)"""
    code, out, err = pairloom("generations", pairloom.folder / "nowhere")
    assert (code, out) == (2, "")
    assert "nothing is committed below" in err


def test_fewer_rows_than_asked_are_said(pairloom: Command) -> None:
    """(U1)"""
    assert pairloom("run", pairloom.recipe)[0] == 0
    assert (
        "of 100,000 rows: split 'train' ends here"
        in pairloom("inspect", pairloom.folder / "out", "--rows", "100000")[1]
    )


def test_paths_of_rejected_records_are_whole(pairloom: Command) -> None:
    """(U7)"""
    long = pairloom.folder / "in" / f"{'long' * 40}.jsonl"
    long.write_text('{"text": null}\n')
    assert pairloom("run", pairloom.recipe, "--set", "max_rejected=0.5")[0] == 0
    assert str(long) in pairloom("rejected", pairloom.folder / "out")[1]


def test_a_summary_ends_with_the_time_and_what_to_do_next(pairloom: Command) -> None:
    """(U6) And no label touches what it is of."""
    out = pairloom("run", pairloom.recipe)[1]
    assert re.search(r"^in all +[0-9]", out, re.MULTILINE)
    assert f"pairloom inspect {pairloom.folder}/out" in out
    starts = {re.match(r"[a-z: -]+?  +", line).end() for line in out.splitlines()}  # type: ignore[union-attr]
    assert len(starts) == 1
    assert (
        "pack the tokens" in pairloom("tokenize", pairloom.recipe, f"--set=root={pairloom.folder}/other")[1]
    )


def test_a_run_in_python_shows_its_steps_where_wanted(
    pairloom: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """(U9) And what it gives says in a line what it is."""
    dataset = pl.run(pairloom.recipe, progress=True)
    assert " pack: done in" in capsys.readouterr().err
    assert repr(dataset).startswith(f"<Dataset file://{pairloom.folder}/out, generation 1 (count, learn")
    assert len(repr(dataset)) < 400 + len(str(pairloom.folder))
    pl.run(pairloom.recipe, set=["pack.seq_len=32"])
    assert capsys.readouterr().err == ""


def test_nothing_of_rays_is_on_the_terminal(pairloom: Command) -> None:
    """(U6) Every line is one of ours: the corpus, where the run goes, and the steps."""
    command = [sys.executable, "-m", "pairloom", "run", str(pairloom.recipe), "--engine", "ray"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d [a-z ]+: ", line) for line in lines), done.stderr
    began = list(dict.fromkeys(line[9:].partition(":")[0] for line in lines))
    assert began[:5] == ["start", "plan", "corpus", "engine", "prepare"]
    assert "start: starting Ray on this machine" in done.stderr
