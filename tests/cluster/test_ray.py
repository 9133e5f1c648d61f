"""The same bytes on Ray as in this process, whether tasks run one at a time or as many as the cluster takes."""

from pathlib import Path

import pytest

from pairloom.operators.errors import DataError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.execution.ray.tasks import RayExecutor
from pairloom.pipeline.report import Options, report_on_root
from tests.support.corpora import contents, documents, recipe_for, write_jsonl


@pytest.mark.parametrize("in_flight", [1, None])
def test_ray_gives_the_same_bytes(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch, in_flight: int | None
) -> None:
    # Else it is the recipe that says where.
    executor = RayExecutor(max_in_flight=in_flight) if in_flight else None
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    settings = ["execution.unit_bytes=5000", "pack.file_tokens=2000"]
    superwords = ["vocabulary={size: 400, superwords: {transition: 0.8}}"]
    for more in (
        [],
        superwords,
        ["pack={strategy: concat, seq_len: 50, file_tokens: 2000, shuffle: {mode: block}}"],
    ):
        here = run(recipe_for(tmp_path, *settings, *more, root=tmp_path / "here"))
        there = run(
            recipe_for(tmp_path, *settings, *more, "execution.engine=ray", root=tmp_path / "there"),
            executor=executor,
        )
        assert contents(here) == contents(there)
    monkeypatch.setattr("pairloom.pipeline.report.root.UNIT_BYTES", 5000)
    options = [
        Options(against={}, by="id", engine="local"),
        Options(against={}, by="id", engine="ray", executor=executor),
    ]
    dataset = open_dataset(str(tmp_path / "here"))
    one, other = (report_on_root(dataset, option) for option in options)
    assert one == other, "a report has the same figures"
    write_jsonl(tmp_path / "in" / "a.jsonl", [*documents(200), *documents(20)])
    for which in (
        ["pack.deduplicate=exact"],
        ["pack.deduplicate=near", "pack.near={verify: 0.8, keep: longest}"],
    ):
        mix = ["corpus.0.epochs=1.5", *which, *settings]
        here = run(recipe_for(tmp_path, *mix, root=tmp_path / "here"))
        there = run(
            recipe_for(tmp_path, *mix, "execution.engine=ray", root=tmp_path / "there"), executor=executor
        )
        assert contents(here) == contents(there)
        assert here.stages["pack"].sources == there.stages["pack"].sources
        assert here.stages["select"].ledger.deduplicated > 10
    (tmp_path / "in" / "b.jsonl").write_text("nonsense\n")
    with pytest.raises(DataError, match=r"1 of \d records were rejected"):
        run(
            recipe_for(tmp_path, *settings, "execution.engine=ray", root=tmp_path / "there"),
            executor=executor,
        )
