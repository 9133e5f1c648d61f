"""The same bytes on Ray as in this process, with any number of workers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import ray

from pairloom.operators.errors import DataError
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.report import Options, report_on_root
from tests.support.corpora import contents, documents, recipe_for, write_jsonl

pytestmark = [
    pytest.mark.ray,
    # Ray's own processes and sockets outlive what Python considers their owners.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]


@pytest.fixture(params=[1, 3])
def cluster(request: pytest.FixtureRequest) -> Iterator[None]:
    ray.init(num_cpus=request.param, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_ray_gives_the_same_bytes(tmp_path: Path, cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    settings = ["execution.unit_bytes=5000", "pack.file_tokens=2000"]
    superwords = ["vocabulary={size: 400, superwords: {transition: 0.8}}"]
    for more in (
        [],
        superwords,
        ["pack={strategy: concat, seq_len: 50, file_tokens: 2000, shuffle: {mode: block}}"],
    ):
        here = run(recipe_for(tmp_path, *settings, *more, root=tmp_path / "here"))
        there = run(recipe_for(tmp_path, *settings, *more, "execution.engine=ray", root=tmp_path / "there"))
        assert contents(here) == contents(there)
    monkeypatch.setattr("pairloom.pipeline.report.root.UNIT_BYTES", 5000)
    engines: tuple[Literal["local", "ray"], ...] = ("local", "ray")
    options = [Options(against={}, by="id", engine=engine) for engine in engines]
    dataset = open_dataset(str(tmp_path / "here"))
    one, other = (report_on_root(dataset, option) for option in options)
    assert one == other, "a report has the same figures"
    mix = ["corpus.0.epochs=1.5", "pack.deduplicate=exact", *settings]
    write_jsonl(tmp_path / "in" / "a.jsonl", [*documents(200), *documents(20)])
    here = run(recipe_for(tmp_path, *mix, root=tmp_path / "here"))
    there = run(recipe_for(tmp_path, *mix, "execution.engine=ray", root=tmp_path / "there"))
    assert contents(here) == contents(there)
    assert here.stages["pack"].sources == there.stages["pack"].sources
    assert here.stages["select"].ledger.deduplicated > 10
    (tmp_path / "in" / "b.jsonl").write_text("nonsense\n")
    with pytest.raises(DataError, match=r"1 of \d records were rejected"):
        run(recipe_for(tmp_path, *settings, "execution.engine=ray", root=tmp_path / "there"))
