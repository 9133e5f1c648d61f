"""Receipts of an unfinished run whose files are gone or damaged: void, set aside, and done again by the next run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline import run
from pairloom.pipeline.flow.events import Event, Notice, StepFinished, StepStarted
from pairloom.pipeline.store.gc import collect
from tests.support.corpora import contents, documents, open_objects_of, recipe_for, write_jsonl

UNITS = "execution.unit_bytes=4000"


def unfinished(folder: Path, after: str) -> None:
    """A run that is stopped after a step."""

    def stop(event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == after:
            raise KeyboardInterrupt

    write_jsonl(folder / "in" / "a.jsonl", documents(200))
    with pytest.raises(KeyboardInterrupt):
        run(recipe_for(folder, UNITS), observe=stop)


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def blank(path: Path) -> None:
    """What some file systems leave after a power cut: the length, and zeros."""
    path.write_bytes(bytes(path.stat().st_size))


def bare(path: Path) -> None:
    """What others leave: the last pages only are zeros, the file's footer too."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


@pytest.mark.parametrize("how", [lose, cut, empty, flip])
@pytest.mark.parametrize(
    ("after", "what"), [("count", "count"), ("merge", "merge"), ("learn", "learn"), ("tokenize", "tokenize")]
)
def test_a_file_of_an_unfinished_run_is_made_again(
    tmp_path: Path, after: str, what: str, how: Callable[[Path], None]
) -> None:
    """R3."""
    unfinished(tmp_path, after)
    lost = min((tmp_path / "out" / "data" / what).rglob("*.arrow"))
    how(lost)
    events: list[Event] = []
    manifest = run(recipe_for(tmp_path, UNITS), observe=events.append)
    said = [event.text for event in events if isinstance(event, Notice)]
    assert len(said) == 1
    assert str(lost) in said[0]
    assert len(list((tmp_path / "out" / "aside").rglob("*.json.*"))) == 1
    if how is flip:
        return  # which is found where it is read, so that steps after it have begun
    begun = [event for event in events if isinstance(event, StepStarted) and event.step == after]
    assert begun[-1].units - begun[-1].reused <= 1
    whole = run(recipe_for(tmp_path, UNITS, root=tmp_path / "whole"))
    assert contents(manifest) == contents(whole)


@pytest.mark.parametrize(
    ("after", "what"), [("count", "count"), ("tokenize", "tokenize"), ("learn", "learn")]
)
def test_a_file_that_goes_while_the_run_needs_it_is_made_again_by_the_run(
    tmp_path: Path, after: str, what: str
) -> None:
    """R3."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    gone: list[Path] = []

    def careless(event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == after and not gone:
            gone.append(min((tmp_path / "out" / "data" / what).rglob("*.arrow")))
            gone[0].unlink()

    manifest = run(recipe_for(tmp_path, UNITS), observe=careless)
    assert gone
    assert contents(manifest) == contents(run(recipe_for(tmp_path, UNITS, root=tmp_path / "whole")))


@pytest.mark.parametrize("how", [lose, cut, empty, blank, bare, flip])
@pytest.mark.parametrize("mode", ["document", "none"])
@pytest.mark.parametrize("later", [False, True])
def test_exchange_files_that_a_power_cut_took_are_made_again(
    tmp_path: Path, how: Callable[[Path], None], mode: str, later: bool
) -> None:
    """They are not synced: receipts outlive them. By the run that finds it, or by the one `later`."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(200))
    gone: list[Path] = []
    settings = (UNITS, f"pack.shuffle.mode={mode}", "pack.file_tokens=2000")

    def power_cut(event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == "exchange" and not gone:
            gone.extend(sorted((tmp_path / "out" / "data" / "exchange").rglob("*.exchange.arrow"))[:2])
            for path in gone:
                how(path)
            if later:
                raise KeyboardInterrupt

    if later:
        with pytest.raises(KeyboardInterrupt):
            run(recipe_for(tmp_path, *settings), observe=power_cut)
    events: list[Event] = []

    def observe(event: Event) -> None:
        events.append(event)
        power_cut(event)

    manifest = run(recipe_for(tmp_path, *settings), observe=observe)
    said = " ".join(event.text for event in events if isinstance(event, Notice))
    assert len(gone) == 2
    assert all(str(path) in said for path in gone)
    whole = run(recipe_for(tmp_path, *settings, root=tmp_path / "whole"))
    assert contents(manifest) == contents(whole)


@pytest.mark.parametrize(
    ("how", "files_too"), [(lose, True), (cut, False), (empty, True), (blank, False), (blank, True)]
)
def test_receipts_of_scratch_that_a_power_cut_took_are_made_again(
    tmp_path: Path, how: Callable[[Path], None], files_too: bool
) -> None:
    """Nor are they synced: with their files or without, whatever is left of them is void."""
    unfinished(tmp_path, "exchange")
    receipts = sorted((tmp_path / "out" / "receipts" / "exchange").rglob("*.json"))
    files = sorted((tmp_path / "out" / "data" / "exchange").rglob("*.exchange.arrow"))
    assert receipts
    assert files
    for path in [*receipts[::2], *(files[::3] if files_too else [])]:
        how(path)
    manifest = run(recipe_for(tmp_path, UNITS))
    whole = run(recipe_for(tmp_path, UNITS, root=tmp_path / "whole"))
    assert contents(manifest) == contents(whole)
    assert not list((tmp_path / "out" / "receipts" / "exchange").rglob("*.json"))


def test_a_run_whose_files_are_damaged_again_and_again_ends(tmp_path: Path) -> None:
    """R3: it says what is damaged, and does not begin anew for ever."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(50))
    times: list[Path] = []

    def failing_disk(event: Event) -> None:
        if isinstance(event, StepFinished) and event.step == "tokenize":
            times.append(max((tmp_path / "out" / "data" / "tokenize").rglob("*.arrow"), key=_written))
            flip(times[-1])

    with pytest.raises(CorruptionError, match="is not what was written"):
        run(recipe_for(tmp_path), observe=failing_disk)
    assert 1 < len(times) < 10


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b"\xff\xfe"])
def test_a_receipt_that_cannot_be_read_is_set_aside(tmp_path: Path, damage: bytes) -> None:
    """R3."""
    unfinished(tmp_path, "tokenize")
    receipt = min((tmp_path / "out" / "receipts" / "tokenize").rglob("*.json"))
    receipt.write_bytes(damage)
    manifest = run(recipe_for(tmp_path, UNITS))
    assert contents(manifest) == contents(run(recipe_for(tmp_path, UNITS, root=tmp_path / "whole")))
    (kept,) = (tmp_path / "out" / "aside").rglob("*.json.*")
    assert kept.read_bytes() == damage


def test_garbage_that_was_collected_too_early_is_made_again(tmp_path: Path) -> None:
    """R3."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100))
    run(recipe_for(tmp_path))
    write_jsonl(tmp_path / "in" / "b.jsonl", documents(100, seed=1))
    objects = open_objects_of(tmp_path / "out")
    collected: list[str] = []

    def careless(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "pack" and not collected:
            collected.extend(collect(objects, now=4e9, grace=0.0, delete=True).garbage)

    with pytest.raises(Exception, match=r"missing|gone"):
        run(recipe_for(tmp_path), observe=careless)
    assert collected
    manifest = run(recipe_for(tmp_path))
    assert contents(manifest)["pack"] == contents(run(recipe_for(tmp_path, root=tmp_path / "w")))["pack"]


def test_a_committed_file_that_is_gone_is_named_with_what_makes_it_again(tmp_path: Path) -> None:
    """R3."""
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100))
    manifest = run(recipe_for(tmp_path))
    objects = open_objects_of(tmp_path / "out")
    run(recipe_for(tmp_path, "vocabulary.size=500"))
    lost = manifest.stages["tokenize"].files[0].path
    objects.delete(lost)
    with pytest.raises(CorruptionError, match=rf"{lost}.*pairloom repair .*out"):
        run(recipe_for(tmp_path, "pack.seq_len=32"))
