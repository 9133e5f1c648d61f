"""The same bytes in a bucket as in a folder, written by the workers of a cluster."""

from pathlib import Path

from pairloom.pipeline import run
from tests.support.corpora import contents, documents, recipe_for, write_jsonl


def test_ray_writes_the_same_bytes_to_a_bucket(tmp_path: Path, s3_root: str, cluster: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(16))
    here = run(recipe_for(tmp_path, "execution.unit_bytes=3000"))
    there = run(recipe_for(tmp_path, "execution.unit_bytes=3000", "execution.engine=ray", f"root={s3_root}"))
    assert contents(there) == contents(here)
