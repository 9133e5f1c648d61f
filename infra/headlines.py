"""The table of speed on the first page, taken from `docs/benchmarks.md`, so that no figure is typed by hand."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
Row = Mapping[str, str]
TIMES = "\N{MULTIPLICATION SIGN}"

# What is said of a row of the page: its table, its first cell, the column of its figure, and which ratio of several.
RATES = {
    "text to packed rows, vocabulary given, every check on": (
        "The whole path",
        "Pairloom, vocabulary given",
        "MB/s",
        0,
    ),
    "the same, a vocabulary learned first": (
        "The whole path",
        "Pairloom, learns 32,768 tokens first",
        "MB/s",
        0,
    ),
    "encode new text, one thread, first pass": ("Encoding", "pairloom", "first pass, MB/s", 0),
    "the same, later passes": ("Encoding", "pairloom", "later, MB/s", 1),
}


def headlines(page: Path = PAGE) -> Iterator[str]:
    """Where and when it was measured, and a row for each of what people ask first; what is not on the page is left out."""
    tables = tables_of(page.read_text(encoding="utf-8"))
    facts = {about: row[""] for about, row in tables[""].items()}
    when, where = facts["measured"].partition(",")[0], facts["processors"]
    yield f"`make bench` measured it on {where} on {when}, beside its peers in one sitting:"
    yield "how, and much more, is on the page of [benchmarks](docs/benchmarks.md). Beside the whole path, datatrove"
    yield "writes tokens to files; gigatoken and tokenizers only encode, and leave them in memory."
    yield from ("", "| work | Pairloom | beside |", "|---|---|---|")
    for work, (table, name, figure, place) in RATES.items():
        if (row := tables.get(table, {}).get(name)) is not None:
            yield f"| {work} | {row[figure]} MB/s | {', '.join(_ratios(row, place))} |"
    if "pairloom" in (learned := tables.get("Learning a vocabulary", {})):
        took = {peer: row["of Pairloom's time"] for peer, row in learned.items() if "pairloom" not in peer}
        beside = (f"{took[peer]} {TIMES} {peer}" for peer in took if _is_number(took[peer]))
        seconds = learned["pairloom"]["both, s"]
        yield f"| count and learn 32,000 tokens, one thread | {seconds} s | {', '.join(beside)}, on all processors |"
    if (row := tables.get("Following a corpus", {}).get("`pairloom retokenize`")) is not None:
        share = row["of a run from nothing"]
        yield f"| re-tokenize where 1 % of the files changed | {row['seconds']} s | {share} of a run from nothing |"


def tables_of(text: str) -> dict[str, dict[str, Row]]:
    """By heading and by the first cell, each row's other cells by the heads of their columns; "" is before all headings."""
    found: dict[str, dict[str, Row]] = {}
    heading = ""
    for part in re.split(r"^## (.*)$", text, flags=re.MULTILINE):
        lines = [line for line in part.splitlines() if line.startswith("|")]
        if "\n" not in part:
            heading = part.strip()
        elif lines:
            head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
            found[heading] = {row[0]: dict(zip(head[1:], row[1:], strict=False)) for row in rows}
    return found


def _ratios(row: Row, place: int) -> Iterator[str]:
    """What a row is to each peer; of several ratios in a cell that in this place."""
    for head, cell in row.items():
        values = cell.split(", ")
        if head.startswith("x ") and _is_number(values[0]):
            yield f"{values[min(place, len(values) - 1)]} {TIMES} {head.removeprefix('x ')}"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[\d.]+", text) is not None
