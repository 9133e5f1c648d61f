"""Compiling in helpers: what they compile is on disk for whoever asked, and whatever becomes of them is no matter."""

import gc
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pairloom.operators.kernels.beside import compile_beside
from pairloom.operators.kernels.cache import takes_kernels
from pairloom.operators.kernels.warmup import find_kernels, kernel_places, missing_kernels, warm_up

PLACE = "pairloom.operators.selection.kernels"


@pytest.fixture
def cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for kernels that are compiled otherwise than those beside the package, so that none is there."""
    monkeypatch.setenv("PAIRLOOM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    monkeypatch.setenv("NUMBA_OPT", "0")
    return tmp_path / "cache" / "kernels"


def test_helpers_compile_and_say_what(cold: Path) -> None:
    told: list[str] = []
    compile_beside([(("gpt2",), PLACE), (("gpt2",), PLACE), ((), PLACE)], 2, told.append)
    assert f"{PLACE}:permute" in told
    assert set(told) <= set(find_kernels())
    assert f"{PLACE}.permute" in {file.name.split("-")[0] for file in cold.iterdir()}


def test_a_helper_that_fails_takes_nothing_along(cold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    compile_beside([((), "pairloom.operators.selection.nothing"), ((), PLACE)], 2, told.append)
    assert set(told) <= set(find_kernels())
    monkeypatch.setattr(sys, "executable", str(cold / "nothing"))
    compile_beside([((), PLACE)], 2, told.append)


def test_a_folder_that_can_be_made_takes_kernels(
    cold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert takes_kernels()
    monkeypatch.setattr(
        "pairloom.operators.kernels.cache.cache_folders", lambda: iter([Path("/proc/kernels")])
    )
    assert not takes_kernels()


def test_garbage_is_collected_again_after_warming_up() -> None:
    warm_up((), (PLACE,))
    assert gc.isenabled()
    with pytest.raises(KeyError):
        warm_up((), ("pairloom.operators.models.bpe.kernels:nothing",))
    assert gc.isenabled()


def test_parts_run_all_kernels_that_are_said_to_be_theirs() -> None:
    """None is missing on disk after the parts have run."""
    for place in kernel_places():
        parts = getattr(import_module(place), "PARTS", {})
        warm_up(("gpt2",), tuple(f"{place}:{part}" for part in parts))
        for part in parts:
            assert not missing_kernels((f"{place}:{part}",)), part
