"""Kernels on disk: whatever is wrong with a file or a folder is as good as nothing being there."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from pairloom.operators.kernels import cache
from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.kernels.warmup import find_kernels, missing_kernels, on_compiled

KERNEL = """
from pairloom.operators.kernels.jit import kernel

@kernel
def double(number):
    return 2 * number
"""
CALL = "import doubling; print(doubling.double(21), sum(doubling.double.stats.cache_hits.values()))"


class Machine:
    """A folder with a kernel of its own in it, and processes that call it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"
        (folder / "doubling.py").write_text(KERNEL)

    def begin(self, **how: object) -> subprocess.Popen[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
        }
        environment |= {"PAIRLOOM_CACHE_DIR": str(self.cache), "PYTHONPATH": str(self.folder)}
        environment["HOME"] = str(self.folder / "home")
        return subprocess.Popen(
            [sys.executable, "-c", CALL],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            **how,  # type: ignore[call-overload]
        )

    def call(self, **how: object) -> tuple[int, int]:
        """What the kernel gives, and how many kernels were found on disk."""
        process = self.begin(**how)
        said, complaint = process.communicate()
        assert process.returncode == 0, complaint
        assert not complaint
        result, hits = said.split()
        return int(result), int(hits)

    def file(self) -> Path:
        (found,) = (self.cache / "kernels").glob("doubling.*")
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut in the seal": lambda file: os.truncate(file, 10),
    "cut": lambda file: os.truncate(file, file.stat().st_size // 2),
    "garbage": lambda file: file.write_bytes(os.urandom(5000)),
    "a flipped bit": _flip,
}


def test_a_damaged_file_is_compiled_anew_and_written_anew(machine: Machine) -> None:
    """F19."""
    assert machine.call() == (42, 0)
    for name, damage in DAMAGE.items():
        damage(machine.file())
        assert machine.call() == (42, 0), name
    assert machine.call() == (42, 1)


def test_a_folder_in_place_of_a_file_is_no_kernel(machine: Machine) -> None:
    """F19."""
    machine.call()
    place = machine.file()
    place.unlink()
    place.mkdir()
    assert machine.call()[0] == 42


def test_a_cache_that_is_a_file_takes_nothing_and_harms_nobody(machine: Machine) -> None:
    """F19."""
    machine.cache.write_text("not a folder")
    assert machine.call()[0] == 42


def test_a_cache_that_nobody_may_write_is_read(machine: Machine) -> None:
    """F19: what is in it is used; what is not is compiled, and nothing is said."""
    assert machine.call() == (42, 0)
    folder = machine.cache / "kernels"
    (folder / ".lock").unlink(missing_ok=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    folder.chmod(0o555)
    machine.cache.chmod(0o555)
    try:
        assert machine.call() == (42, 1)
    finally:
        folder.chmod(0o755)
        machine.cache.chmod(0o755)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a file system that takes no files, whoever asks")
def test_a_cache_that_cannot_be_made_is_none(machine: Machine) -> None:
    """F19."""
    for place in ("/proc/pairloom", "/proc/self/fd"):
        machine.cache = Path(place)
        assert machine.call()[0] == 42


def test_what_does_not_fit_on_the_disk_is_left_out_whole(machine: Machine) -> None:
    """F19: a limit on the size of files stands for a disk that is full."""

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    assert machine.call(preexec_fn=little)[0] == 42
    assert list((machine.cache / "kernels").iterdir()) == []


def test_processes_that_compile_at_once_leave_one_whole_file(machine: Machine) -> None:
    """F19."""
    processes = [machine.begin() for _ in range(3)]
    assert [process.communicate()[0].split()[0] for process in processes] == ["42"] * 3
    assert machine.call() == (42, 1)
    assert len(list((machine.cache / "kernels").iterdir())) == 1


def test_what_is_missing_on_disk_is_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairloom.operators.kernels.warmup.cache_folders", lambda: iter([tmp_path]))
    place = "pairloom.operators.selection.kernels"
    missing = missing_kernels((place,))
    assert missing == {name for name in find_kernels() if name.startswith(f"{place}:")}
    one = min(missing)
    kept = find_kernels()[one]._cache.file_stem  # type: ignore[attr-defined]
    (tmp_path / f"{kept}.0123456789abcdef.kernel").touch()
    assert missing_kernels((place,)) == missing - {one}


def test_of_what_is_compiled_kernels_are_told_and_helpers_are_not() -> None:
    @inner
    def doubled(number: int) -> int:
        return 2 * number

    @kernel
    def double(number: int) -> int:
        return doubled(number)

    double._cache.disable()  # type: ignore[attr-defined]
    told: list[str] = []
    with on_compiled(told.append):
        assert [double(21), double(4)] == [42, 8]
    assert told == [f"{__name__}:double"]
    assert double(2.5) == 5.0
    assert len(told) == 1


def compiled_with(kernel: object) -> Iterator[FunctionType]:
    """The functions that a kernel is made of: its own, those that it calls, and so on."""
    seen: set[int] = set()
    todo = [kernel]
    while todo:
        function = getattr(todo.pop(), "py_func", None)
        if function is None or id(function) in seen:
            continue
        seen.add(id(function))
        yield function
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        known = function.__globals__ | {name: cell.cell_contents for name, cell in cells}
        todo += [known.get(name) for name in (*function.__code__.co_names, *function.__code__.co_freevars)]


def clashing(kernels: Iterable[object]) -> set[str]:
    """The names that stand for several functions: of those, a process that loads two kernels from disk may run one for both."""
    made: dict[str, Any] = {}
    found = set()
    for function in (one for whole in kernels for one in compiled_with(whole)):
        name = f"{function.__module__}.{function.__qualname__}"
        closure = tuple(id(cell.cell_contents) for cell in function.__closure__ or ())
        what = function.__code__, closure, id(function.__globals__)
        if made.setdefault(name, what) != what:
            found.add(name)
    return found


def test_no_two_functions_have_one_name_on_disk() -> None:
    kernels = find_kernels() | find_kernels("pairloom.pipeline")
    assert len(kernels) > 150
    assert clashing(kernels.values()) == set()


def test_what_is_called_through_a_module_is_part_of_what_a_kernel_is_compiled_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`module.helper` calls a function of another file, which changes."""
    begin = "from pairloom.operators.kernels.jit import inner\n"
    deep, between = tmp_path / "deep.py", tmp_path / "between.py"
    deep.write_text(f"{begin}\n\n@inner\ndef deepest(number):\n    return number + 1\n")
    between.write_text(
        f"{begin}from pairloom.deep import deepest\n\n\n@inner\ndef helper(number):\n    return deepest(number)\n"
    )
    for path in (deep, between):
        spec = spec_from_file_location(f"pairloom.{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)

    @kernel
    def asked(number: int) -> Any:
        return module.helper(number)

    before = cache.stamp(asked)
    assert cache.stamp(asked) == before
    deep.write_text(deep.read_text().replace("+ 1", "+ 2"))
    cache._hash_of.cache_clear()
    assert cache.stamp(asked) != before


def test_two_functions_of_one_name_are_told() -> None:
    def made(step: int) -> Any:
        @inner
        def stepped(number: int) -> int:
            return number + step

        return stepped

    one, other = made(1), made(2)

    @kernel
    def first(number: int) -> Any:
        return one(number)

    @kernel
    def second(number: int) -> Any:
        return other(number)

    assert clashing([first]) == clashing([second]) == set()
    (name,) = clashing([first, second])
    assert name.endswith("made.<locals>.stepped")


def test_without_compilation_there_is_one_message() -> None:
    """F16."""
    command = [sys.executable, "-m", "pairloom.jobs", "warmup"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("pairloom: error: NUMBA_DISABLE_JIT is set")
    assert len(done.stderr.splitlines()) == 1
