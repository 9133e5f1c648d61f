"""What people ask is answered, on a page that they find in three clicks."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?P<question>[^|]+\?) \| (?P<page>\S+) \| (?P<words>[^|]+) \|$", re.MULTILINE)
QUESTIONS = [
    match.groupdict()
    for match in ROW.finditer((ROOT / "tests/docs/questions.md").read_text(encoding="utf-8"))
]


def links(page: str) -> set[str]:
    """The pages that a page links to, as paths from the root of the repository."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    found = (link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link)
    paths = (((ROOT / page).parent / link).resolve() for link in found)
    return {str(path.relative_to(ROOT)) for path in paths if path.suffix == ".md" and path.exists()}


def clicks() -> dict[str, int]:
    """How many clicks each page is from the README."""
    found, at = {"README.md": 0}, ["README.md"]
    while at:
        page = at.pop(0)
        for other in sorted(links(page) - found.keys()):
            found[other] = found[page] + 1
            at.append(other)
    return found


CLICKS = clicks()


def test_there_are_twenty_questions() -> None:
    assert len(QUESTIONS) >= 20


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda one: one["question"])
def test_a_question_is_answered_in_three_clicks(asked: dict[str, str]) -> None:
    assert CLICKS[asked["page"]] <= 3
    assert asked["words"].strip("`") in (ROOT / asked["page"]).read_text(encoding="utf-8")


def test_every_page_is_found_in_three_clicks() -> None:
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")}
    assert not sorted(page for page in pages if CLICKS.get(page, 9) > 3)


def test_the_readme_is_read_in_a_minute() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 160
