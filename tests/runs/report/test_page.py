"""The page of a report is whole, and nothing in it is taken for markup."""

import json
import re
import sys
from typing import Any

import pytest

from pairloom.jobs.report.compare import compare_page
from pairloom.jobs.report.page import page
from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Dataset
from pairloom.pipeline.report import Measured, Options, compare, report_on_root
from tests.runs.report.checks import check_page


def test_the_page_is_whole_and_takes_no_text_for_markup(report: dict[str, Any]) -> None:
    made = page(report)
    found = check_page(made)
    assert "<script>alert" not in made
    assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", made)
    assert "\x00" not in made
    assert "\u202e" not in made
    assert found.tags.count("svg") == 12
    assert made == page(json.loads(json.dumps(report))), "the same report is the same page"
    one, two = Measured(name="a<b", report=report), Measured(name='c"d', report=report)
    both = {"reports": {one.name: report, two.name: report}, "comparison": compare(one, two)}
    check_page(compare_page(both))


def test_libraries_that_are_missing_are_named_with_their_extra(
    root: Dataset, report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RecipeError, match=r"pip install 'pairloom\[report\]'"):
        page(report)
    monkeypatch.setitem(sys.modules, "highspy", None)
    left = report_on_root(root, Options(against={}))
    assert "mixture" not in left
    assert any("pairloom[report]" in note for note in left["notes"])
