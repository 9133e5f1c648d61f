"""Completion, asked as a shell asks: by the variables that its script sets, and by bash with that script."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pairloom.operators.documents import DOCUMENT_STEPS
from pairloom.operators.layouts import LAYOUTS
from pairloom.operators.transforms import TRANSFORMS
from pairloom.pipeline.export.formats import EXPORTERS
from tests.jobs.test_first_contact import HEAVY, KERNELS, called

SHELLS = {
    "complete_bash": lambda words: {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
    "complete_zsh": lambda words: {"_TYPER_COMPLETE_ARGS": words},
    "complete_fish": lambda words: {
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    },
}


def completed(words: str, shell: str = "complete_bash") -> set[str]:
    """What a shell is told for a command line; nothing heavy may have been loaded."""
    code, said, modules = called(env={"_PAIRLOOM_COMPLETE": shell, **SHELLS[shell](words)})
    assert code == 0, said
    assert modules & {*HEAVY, KERNELS} == set()
    return set(said.replace('"', " ").replace(":", " ").split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("web.yaml", "words.yml", "web.jsonl", "examples/web-and-code.yaml", "examples/data.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_is_told_the_recipes_that_are_here(folder: Path, shell: str) -> None:
    assert {"web.yaml", "words.yml"} <= completed("pairloom run w", shell)
    assert "web.jsonl" not in completed("pairloom run w", shell)


@pytest.mark.parametrize("command", ["run", "plan", "count", "pack", "retokenize", "doctor"])
def test_commands_that_take_a_recipe_are_completed(folder: Path, command: str) -> None:
    assert completed(f"pairloom {command} ") == {
        "web.yaml",
        "words.yml",
        "examples/web-and-code.yaml",
        "stdlib",
    }


def test_a_recipe_is_found_below_the_folder_that_is_typed(folder: Path) -> None:
    assert (
        completed("pairloom plan ex")
        == completed("pairloom plan examples/")
        == {"examples/web-and-code.yaml"}
    )
    assert completed(f"pairloom plan {folder}/we") == {f"{folder}/web.yaml"}
    assert completed("pairloom plan nowhere/") == set()


def test_steps_are_completed_without_loading_any() -> None:
    names = {*DOCUMENT_STEPS.names(), *TRANSFORMS.names(), *LAYOUTS.names()}
    assert completed("pairloom steps ") == names
    assert completed("pairloom steps fi") == {name for name in names if name.startswith("fi")}
    assert completed("pairloom inspect out --dropped ") == set(DOCUMENT_STEPS.names())


def test_formats_stages_splits_and_engines_are_completed() -> None:
    assert completed("pairloom export out --format ") == {
        *EXPORTERS.names(),
        "tokenizer",
        "tiktoken",
        "gguf",
        "sentencepiece",
    }
    assert completed("pairloom files out --stage t") == {"tokenize"}
    assert completed("pairloom files out --split v") == {"validation"}
    assert completed("pairloom run stdlib --engine l") == {"local"}


def test_keys_of_recipes_are_completed_after_set() -> None:
    assert {"pack.seq_len=", "pack.shuffle.mode="} <= completed("pairloom run stdlib --set pack.s")
    assert completed("pairloom run stdlib --set vocabulary.si") == {"vocabulary.size="}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_by_the_script_that_it_is_given(folder: Path) -> None:
    script = subprocess.run(
        ["pairloom", "--show-completion", "bash"],
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ask = (
        f"{script}\nCOMP_WORDS=(pairloom run we); COMP_CWORD=2; _pairloom_completion pairloom we run; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", ask],
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["web.yaml"], done.stderr


def test_steps_are_shown_by_name() -> None:
    code, said, _ = called("steps", "fim")
    assert (code, "fim" in said, "masked_lm" in said) == (0, True, False)
    code, said, _ = called("steps", "fimm")
    assert (code, "did you mean 'fim'?" in said) == (2, True)
