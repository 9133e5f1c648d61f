"""Document steps on workers: the function is imported there, and does what it does in this process."""

from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import run
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.receipts import committed_receipts
from tests.support.corpora import contents, documents, open_objects_of, recipe_for, write_jsonl

STEPS = """[
    {min_bytes: {bytes: 20}},
    {python: {call: "tests.support.steps:mask", version: "1"}},
    {python: {call: "tests.support.steps:raises", version: "1", on_error: reject}},
]"""


def of(folder: Path, *settings: str, root: str, steps: str = STEPS) -> Recipe:
    settings = (f"corpus.0.steps={steps}", "max_rejected=0.5", "execution.unit_bytes=3000", *settings)
    return recipe_for(folder, *settings, root=folder / root)


def test_workers_do_what_this_process_does(tmp_path: Path, cluster: str) -> None:
    odd = [("x", "something bad, and long enough for it"), ("y", "1234 5678 9012 3456 7890")]
    write_jsonl(tmp_path / "in" / "a.jsonl", [*documents(100), *odd])
    here = run(of(tmp_path, root="here"))
    there = run(of(tmp_path, "execution.engine=ray", root="there"))
    assert contents(here) == contents(there)
    assert here.stages["tokenize"].ledger.filtered.keys() == {"min_bytes", "python tests.support.steps:mask"}
    assert here.stages["tokenize"].ledger.rejected == {"step_failed": 1}
    one, other = (
        [
            (receipt.unit, receipt.ledger, [(file.role, file.sha256) for file in receipt.files])
            for receipt in committed_receipts(open_objects_of(tmp_path / name), "tokenize", units)
        ]
        for name, units in (
            ("here", here.stages["tokenize"].units),
            ("there", there.stages["tokenize"].units),
        )
    )
    assert one == other, "ledgers and dead letters are the same, letter by letter"


def test_rules_and_lists_on_workers(tmp_path: Path, cluster: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100))
    (tmp_path / "gone.txt").write_text("doc-3\ndoc-30\n")
    steps = (
        f"[{{exclude_ids: {{ids: {tmp_path}/gone.txt}}}}, {{gopher_quality: {{min_words: 5, min_stop_words: 1}}}}, "
        "gopher_repetition, typos]"
    )
    here = run(of(tmp_path, root="here", steps=steps))
    there = run(of(tmp_path, "execution.engine=ray", root="there", steps=steps))
    assert contents(here) == contents(there)
    assert here.stages["tokenize"].ledger.filtered["exclude_ids: listed"] == 2


def test_a_module_that_workers_do_not_have(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(10))
    (tmp_path / "only_here_steps.py").write_text("def f(batch):\n    return batch\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    steps = '[{python: {call: "only_here_steps:f", version: "1"}}]'
    with pytest.raises(RecipeError, match="only_here_steps cannot be imported on this machine"):
        run(of(tmp_path, "execution.engine=ray", root="out", steps=steps))
