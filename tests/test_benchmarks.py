"""The page of benchmarks is what its program writes, and has every measure."""

import re
from pathlib import Path

from tests.bench.machine import PEERS
from tests.bench.measures import MEASURES, Table
from tests.bench.page import page, table

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def test_a_table_is_markdown() -> None:
    assert table(("", "MB/s"), [("ours", "12.0")]) == "|  | MB/s |\n|---|---|\n| ours | 12.0 |\n"


def test_programs_find_the_tests_that_they_take_parts_of() -> None:
    """`python tests/bench/NAME.py` has `tests/bench` in its path, and not what `tests` is in."""
    for path in (Path(__file__).parent / "bench").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "\nfrom tests" in text and "__main__" in text:
            assert (
                "\nsys.path.insert(0, str(Path(__file__).parents[2]))\n" in text.partition("\nfrom tests")[0]
            ), path


def test_a_page_says_what_machine_and_has_every_table() -> None:
    one = Table(
        title="Encoding",
        says="Ten bytes.",
        head=("", "MB/s"),
        rows=[("ours", "1"), ("a peer", "not installed")],
    )
    written = page([("processors", "2 of a kind")], [one], 3)
    assert "medians of\n3" in written
    assert "| processors | 2 of a kind |\n\n## Encoding\n\nTen bytes.\n\n|  | MB/s |" in written
    assert written.endswith("| a peer | not installed |\n")


def test_the_page_that_is_here_has_every_measure_and_says_of_every_peer_what_it_was() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written.count("\n## ") == len(MEASURES)
    assert all(peer in written for peer in PEERS)
    for about in ("processors", "memory", "disk", "system", "libraries", "peers", "load before it began"):
        assert f"| {about} | " in written


def test_the_first_page_takes_its_figures_from_the_page_that_is_here() -> None:
    """That it is up to date is held by tests/docs/test_reference.py; here, that nothing in its table is from elsewhere."""
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    part = readme.partition("<!-- made: headlines -->")[2].partition("<!-- end -->")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| ")][1:]
    written = PAGE.read_text(encoding="utf-8")
    assert len(rows) >= 4
    for _, ours, beside in rows:
        figures = re.findall(r"\d+\.?\d*", f"{ours} {beside}")
        assert figures
        assert all(figure in written for figure in figures), figures
