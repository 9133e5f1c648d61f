"""What docs/explain/scale.md says of a plan is what the plan says."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pairloom.jobs.cli import main
from pairloom.operators import count_words, learn_bpe
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.pipeline.store.files import SPREAD, attempt_path
from pairloom.pipeline.store.receipts import receipt_path
from tests.support.simulation import count_tasks, simulated_plan

PAGE = Path(__file__).parents[1] / "docs" / "explain" / "scale.md"
FILES, BYTES = 50, 1_050_000_000_000


def test_the_plan_of_fifteen_trillion_tokens_is_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    recipe = page.partition("```yaml\n")[2].partition("```")[0]
    command, *printed = page.partition("```console\n$ ")[2].partition("```")[0].splitlines()
    for number in range(FILES):
        with (tmp_path / f"{number:02}.jsonl").open("wb") as file:
            file.truncate(BYTES)
    learn_bpe(count_words(pa.array(["ab"]), Pretokenizer()), 257, special_tokens=["<|endoftext|>"]).save(
        tmp_path / "tokenizer.json"
    )
    recipe = recipe.replace("s3://bucket/web", str(tmp_path)).replace(
        "tokenizer.json", str(tmp_path / "tokenizer.json")
    )
    (tmp_path / "recipe.yaml").write_text(recipe)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setattr(sys, "argv", command.replace("recipe.yaml", str(tmp_path / "recipe.yaml")).split())
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in printed:
        assert " ".join(line.split()) in said


def test_names_of_a_step_are_spread_evenly_over_the_prefixes_that_a_store_may_split(tmp_path: Path) -> None:
    """Of 20,000 units each prefix has 78 on average, and none twice as many: names are by a hash."""
    units = [task.unit for task in count_tasks(simulated_plan(tmp_path, 20_000))]
    for paths in (
        [attempt_path("count", unit, "words.arrow") for unit in units],
        [receipt_path("count", unit) for unit in units],
    ):
        held: dict[str, int] = {}
        for path in paths:
            prefix = path.rpartition("/")[0]
            held[prefix] = held.get(prefix, 0) + 1
        assert len(held) == SPREAD
        assert 30 < min(held.values()) <= max(held.values()) < 156
