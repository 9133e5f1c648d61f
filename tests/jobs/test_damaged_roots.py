"""Commands that only look at a root, one file of which is anything: a message and a code, and no bug."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pairloom.jobs.boundary import ending
from pairloom.jobs.cli import run as command_line
from tests.support.corpora import documents, write_jsonl

COMMANDS = (
    ["status"],
    ["generations"],
    ["inspect"],
    ["rejected"],
    ["files", "pack"],
    ["verify", "--sample", "0"],
    ["repair", "--dry-run"],
    ["gc"],
)
HARM: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "an object": lambda path: path.write_bytes(b"{}"),
    "deep": lambda path: path.write_bytes(b"[" * 100_000),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "gone": Path.unlink,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_jsonl(folder / "in" / "a.jsonl", documents(40))
    recipe = {"root": str(folder / "out"), "corpus": [{"name": "a", "paths": [str(folder / "in" / "*")]}]}
    recipe |= {"vocabulary": {"size": 300}, "pack": {"seq_len": 32}, "execution": {"engine": "local"}}
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["pairloom", "run", str(folder / "recipe.yaml")])
        assert ending(command_line, sys.argv[1:]) == 0
    return folder / "out"


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize(
    "kind", ["log/*", "manifests/0*", "manifests/latest", "receipts/*/*/*", "data/*/*/*"]
)
def test_no_file_of_a_root_is_a_bug(
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    harm: str,
) -> None:
    """(R3, R8, F15) logs of runs, receipts, manifests, kept tables, rows."""
    one_of_each = {path.relative_to(whole).parts[:2]: path for path in sorted(whole.glob(kind))}
    assert one_of_each
    for name in one_of_each.values():
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(whole, root)
        HARM[harm](root / name.relative_to(whole))
        for first, *rest in COMMANDS:
            words = [first, str(root), *rest]
            monkeypatch.setattr(sys, "argv", ["pairloom", *words])
            code = ending(command_line, words)
            said = capsys.readouterr().err
            assert code in (0, 1, 2), f"{first}, {name}: {said}"
            assert "Traceback" not in said
