"""Hostile input costs bounded memory: records of any length, streams that unpack to a thousand times their size, YAML."""

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Fields, Limits
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import CorpusSource, parse_recipe

LIMIT = 1 << 20
UNPACKED = 256 << 20


@pytest.mark.parametrize("compression", ["gz", "zst"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.txt", "x.csv"])
def test_a_bomb_of_one_record_is_stopped_at_the_limit(tmp_path: Path, name: str, compression: str) -> None:
    head = {"x.jsonl": b'{"text":"', "x.txt": b"", "x.csv": b'text\n"'}[name]
    pack = gzip.compress if compression == "gz" else zstandard.ZstdCompressor().compress
    path = tmp_path / f"{name}.{compression}"
    path.write_bytes(pack(head + b"a" * UNPACKED))
    assert path.stat().st_size < UNPACKED // 500
    source = CorpusSource(name="s", paths=(str(path),))
    (unit,) = plan_units(source, list_inputs(source), 1 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=rf"longer than {LIMIT} bytes \(max_record_bytes\)"):
            list(read(unit.slices[0], Fields(), Limits(max_record_bytes=LIMIT)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < UNPACKED // 2


@pytest.mark.parametrize(
    "value", ["!!python/object/apply:os.getcwd []", "!!python/name:os.system", "!evil x"]
)
def test_overrides_cannot_load_objects(value: str) -> None:
    text = 'corpus: [{name: a, paths: ["x"]}]\n'
    for recipe, overrides in ((text, [f"root={value}"]), (f"{text}root: {value}\n", [])):
        with pytest.raises(RecipeError):
            parse_recipe(recipe, overrides=overrides)


def test_a_cluster_of_our_own_is_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    from pairloom.pipeline.execution.ray.cluster import connect

    asked: dict[str, Any] = {}
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: asked.update(options))
    connect(None)
    assert asked["include_dashboard"] is False
    assert asked["dashboard_host"] == "127.0.0.1"
