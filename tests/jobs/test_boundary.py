"""Every error is one line and a code: of every command, whatever the streams, and at every moment of a process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pairloom.jobs.boundary import BUG, ending, reported
from pairloom.jobs.cli import COMMANDS
from tests.support.corpora import documents, write_jsonl

COMMAND = [sys.executable, "-m", "pairloom.jobs"]
STOPPED = "pairloom: stopped; what is finished is kept, and the same command goes on from there\n"
RECIPE = """
root: {folder}/out
corpus: [{{name: lines, paths: ["{folder}/in/*"], id: id}}]
vocabulary: {{size: 400}}
pack: {{seq_len: 64}}
execution: {{engine: {engine}, unit_bytes: 500}}
"""


def begin(folder: Path, engine: str = "local") -> subprocess.Popen[str]:
    """A run of several hundred units in a session of its own, as a terminal gives it one."""
    write_jsonl(folder / "in" / "a.jsonl", documents(800))
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(folder=folder, engine=engine))
    return subprocess.Popen(
        [*COMMAND, "run", str(recipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def receipts(folder: Path) -> Iterator[Path]:
    return (folder / "out").glob("receipts/count/*/*")


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=300)
    return process.returncode, said


@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_ctrl_c_in_a_run_is_one_line_and_130(tmp_path: Path, engine: str) -> None:
    """U5."""
    process = begin(tmp_path, engine)
    while process.poll() is None and not any(receipts(tmp_path)):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    code, said = finish(process)
    assert (code, said.count(STOPPED)) == (130, 1), said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_signals_while_it_starts_are_one_line_and_a_code(
    tmp_path: Path, number: signal.Signals, seconds: float
) -> None:
    """U5: wherever it is by then, importing or planning."""
    process = begin(tmp_path)
    time.sleep(seconds)
    os.killpg(process.pid, number)
    code, said = finish(process)
    assert code == 128 + number
    assert said.count("pairloom: ") == 1 or "asked to stop" in said, said
    assert "Traceback" not in said


def test_ctrl_c_twice_is_130_too(tmp_path: Path) -> None:
    """U5."""
    process = begin(tmp_path)
    while process.poll() is None and not any(receipts(tmp_path)):
        time.sleep(0.01)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
    code, said = finish(process)
    assert (code, said.count(STOPPED)) == (130, 1), said


def test_ctrl_c_while_a_kernel_compiles_is_one_line_and_130(tmp_path: Path) -> None:
    """U5: the compiler hears nothing, and whoever asked waits for seconds, not for its end."""
    cache = tmp_path / "cache"
    process = subprocess.Popen(
        [*COMMAND, "warmup"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # With every index checked, kernels are others than any that are kept beside the package.
        env=os.environ | {"PAIRLOOM_CACHE_DIR": str(cache), "NUMBA_BOUNDSCHECK": "1"},
    )
    while process.poll() is None and not any(
        cache.glob("**/*.*")
    ):  # the first is written, the next being compiled
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    code, said = finish(process)
    assert (code, said.count(STOPPED)) == (130, 1), said
    assert "Traceback" not in said


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_ctrl_c_after_the_summary_is_silent_or_one_line(tmp_path: Path, engine: str, times: int) -> None:
    """U5: whatever is torn down by then has no more to say, and what was committed is."""
    process = begin(tmp_path, engine)
    assert process.stdout is not None
    for line in process.stdout:
        if "next" in line.lower() or "total" in line.lower():
            break
    for _ in range(times):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    code, said = finish(process)
    assert code in (0, 130), said
    assert said.count(STOPPED) == (code == 130), said
    assert "Traceback" not in said
    assert any((tmp_path / "out" / "manifests").glob("0*"))


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = f'pairloom() {{ {" ".join(COMMAND)} "$@"; }}; {line}'
    return subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, text=True, env=os.environ | environment
    )


@pytest.mark.parametrize("redirection", [">&-", "> /dev/full"])
@pytest.mark.parametrize("words", ["--version", "plan recipe.yaml"])
def test_output_that_nobody_takes_is_a_word_and_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, redirection: str
) -> None:
    """F15."""
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(3))
    Path("recipe.yaml").write_text(RECIPE.format(folder=tmp_path, engine="local"))
    done = shell(f"pairloom {words} {redirection}")
    assert done.returncode == 141, done.stderr
    assert done.stderr.startswith("pairloom: not everything was printed"), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_goes_away_is_a_word_and_a_code() -> None:
    """F15."""
    done = shell("pairloom --help | true; exit ${PIPESTATUS[0]}")
    assert done.returncode in (0, 141)  # whether it was read before the reader went away
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_closed_errors_and_input_change_nothing() -> None:
    """F15."""
    done = shell("pairloom --version 2>&- <&-")
    assert (done.returncode, done.stdout[:8]) == (0, "pairloom")
    assert shell("pairloom generations '' 2>&-").returncode in (0, 2)
    assert shell("pairloom run nowhere.yaml 2>&-").returncode == 2


def test_what_the_terminal_cannot_show_is_escaped() -> None:
    """F15."""
    done = shell("pairloom run café", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert "caf\\xe9" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_answers_a_wrong_path_with_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """F15: each command, given a file that it cannot use, too long a name, or the home of nobody."""
    from pairloom.jobs.cli import run

    monkeypatch.chdir(tmp_path)
    # Whether Ray starts is looked at whatever the path: ten seconds each time, and the subject of other tests.
    more = ["--no-ray"] if name == "doctor" else []
    for given in ("x" * 5000, "a\0b", "~nobody-is-called-so/x"):
        monkeypatch.setattr(sys, "argv", ["pairloom", name, given, *more])
        code = ending(run, sys.argv[1:])
        said = capsys.readouterr().err
        # Of a root that cannot be, a checkup finds that there is something wrong: 1.
        expected = {"steps": (0, 2), "warmup": (0, 2), "doctor": (1, 2)}
        assert code in expected.get(name, (2,)), said
        assert "Traceback" not in said


def test_a_bug_says_that_it_is_one_and_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    def wrong() -> None:
        raise KeyError("key")

    assert ending(wrong, []) == BUG
    said = capsys.readouterr().err
    assert said.startswith("pairloom: error: a bug in Pairloom: KeyError: 'key'")
    assert "report it" in said
    assert len(said.splitlines()) == 1
    assert ending(wrong, ["--json"]) == BUG
    assert json.loads(capsys.readouterr().err)["code"] == BUG
    assert ending(wrong, ["--traceback"]) == BUG
    assert "Traceback" in capsys.readouterr().err


def test_bytes_that_are_no_text_are_the_fault_of_whoever_typed_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wrong() -> None:
        "caf\udcc3".encode()

    assert ending(wrong, ["where", "out", "caf\udcc3"]) == 2
    said = capsys.readouterr().err
    assert "is no UTF-8, as text and ids are: correct it" in said
    assert len(said.splitlines()) == 1
    assert ending(wrong, ["where", "out", "doc"]) == BUG


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (OSError(28, "No space left on device", "/tmp"), 1, "bytes are free there"),
        (OSError(24, "Too many open files", "a"), 1, "ulimit -n"),
        (OSError(27, "File too large", "a"), 1, "ulimit -f"),
        (PermissionError(13, "Permission denied", "a"), 2, "get access"),
        (FileNotFoundError(2, "No such file or directory", "a"), 2, "correct the path"),
        (MemoryError(), 1, "out of memory"),
        (KeyboardInterrupt(), 130, "stopped"),
        (BrokenPipeError(32, "Broken pipe"), 141, "nobody reads"),
        (OSError(5, "Input/output error", "a"), 1, "try again"),
    ],
)
def test_what_the_world_does_is_one_line_with_what_to_do(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, word: str
) -> None:
    def fails() -> None:
        raise error

    assert ending(fails, []) == code
    said = capsys.readouterr().err
    assert word in said
    assert len(said.splitlines()) == 1


def test_a_server_that_is_not_there_is_no_file_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """F10."""
    from pairloom.jobs.cli import run

    (tmp_path / "recipe.yaml").write_text(RECIPE.format(folder=tmp_path, engine="local"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}/a.jsonl"
    words = ["plan", str(tmp_path / "recipe.yaml"), "--set", f"corpus.0.paths=['{address}']"]
    monkeypatch.setattr(sys, "argv", ["pairloom", *words])
    assert ending(run, words) == 2
    said = capsys.readouterr().err
    assert f"{address}: nobody answers there" in said
    assert len(said.splitlines()) == 1


def test_a_bug_is_reported_where_the_package_says() -> None:
    """U7: no place is invented where its metadata names none."""
    assert "https://a/issues" in reported(["Homepage, https://a", "Issues, https://a/issues"])
    assert "whoever maintains" in reported(["Homepage, https://a"])


@pytest.mark.parametrize("name", [*COMMANDS, "items spelling", "vocabulary extend"])
def test_a_wrong_command_line_is_json_where_json_is_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """U7: an unknown option, by every command, is one object with the exit code 2."""
    from pairloom.jobs.cli import run

    for words in (
        [*name.split(), "--no-such-option", "--json"],
        [*name.split(), "x", "--seed", "few", "--json"],
    ):
        monkeypatch.setattr(sys, "argv", ["pairloom", *words])
        assert ending(run, words) == 2
        said = capsys.readouterr()
        found = json.loads(said.err)
        assert (found["event"], found["code"], said.out) == ("error", 2, "")
        assert f"`pairloom {name}" in found["message"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["files", "out", "--stage", "pac"], "did you mean 'pack'?"),
        (["export", "out", "--format", "megatro", "--out", "x"], "did you mean 'megatron'?"),
        (["nothing"], "No such command"),
        (["verify"], "Missing argument"),
        (["verify", "out", "--sample", "-1"], "--sample"),
    ],
)
def test_what_is_wrong_of_a_command_line_is_said_in_both_forms(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """U7: the same words, as text and as JSON."""
    from pairloom.jobs.cli import run

    for form in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["pairloom", *words, *form])
        assert ending(run, [*words, *form]) == 2
        err = capsys.readouterr().err
        assert said in (json.loads(err)["message"] if form else err)


def test_a_name_that_is_mistyped_is_answered_before_anything_is_loaded() -> None:
    """U7: no kernels and no engine for a wrong word."""
    for words in ("files out --stage pac", "export out --format megatro --out x"):
        code = f"import sys; sys.argv = 'pairloom {words}'.split()\nfrom pairloom.jobs.cli import main\n"
        code += "try: main()\nexcept SystemExit as ended: print(ended.code, 'numba' in sys.modules, 'ray' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stdout == "2 False False\n", done.stderr
