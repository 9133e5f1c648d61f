"""The report's page as people meet it: on a phone, a tablet and a desktop, in light and in dark, by pointer and by keyboard."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from pairloom.jobs.report.compare import compare_page
from pairloom.jobs.report.page import page
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.report import (
    Lexicon,
    Options,
    compare,
    measure_root,
    measure_vocabulary,
    report_on_vocabulary,
)
from tests.browser.conftest import WIDTHS, Opened, open_page
from tests.support.corpora import WORDS, documents, recipe_for

PAGES = ("root", "sources", "bare", "compared")
NASTY = '</code><script>alert("x")</script><img src=x onerror=alert(1)> \x00\u202e$x_1$ & '
RARE = "".join(chr(0x4E00 + 97 * i) for i in range(60))  # characters that no merge has made
LANGUAGES = [
    "en",
    "de",
    "a language with a very long name indeed",
    "日本語",
    "العربية",
    "_$x_1$",
    "<b>",
    "ไทย",
]

# What is cut off or lies on something else in the plots, which are all to be seen.
PLOTS = """() => [...document.querySelectorAll("svg")].flatMap((svg) => {
  const frame = svg.getBoundingClientRect(), name = svg.getAttribute("aria-label") ?? "no name";
  const texts = [...svg.querySelectorAll("text")].map((one) => [one.textContent, one.getBoundingClientRect(),
    parseFloat(getComputedStyle(one).fontSize) * svg.getScreenCTM().a]);
  const faults = [];
  if (frame.width < 250 || frame.height < 80) faults.push(`${name}: ${frame.width} by ${frame.height}`);
  if (frame.right > innerWidth) faults.push(`${name} is cut by the window`);
  if (texts.length < 2) faults.push(`${name} has no text`);
  texts.forEach(([text, box, size], i) => {
    if (size < 8) faults.push(`${name}: the letters of "${text}" are ${size} pixels`);
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      faults.push(`${name}: "${text}" is cut`);
    for (const [other, next] of texts.slice(i + 1)) {
      const wide = Math.min(box.right, next.right) - Math.max(box.left, next.left);
      const high = Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top);
      if (wide > 1 && high > 3) faults.push(`${name}: "${text}" lies on "${other}"`);
    }
  });
  return faults;
})"""
# Every column of every table, sorted by its button: [table, column, aria-sort, values as the cells say them].
SORTED = """() => [...document.querySelectorAll("table.sortable")].flatMap((table) =>
  [...table.tHead.rows[0].cells].flatMap((head, column) => [0, 1].map(() => {
    head.querySelector("button").click();
    return [table.closest("section").id, head.textContent, head.getAttribute("aria-sort"),
      [...table.tBodies[0].rows].map((row) => [row.cells[column].dataset.v ?? null, row.cells[column].textContent])];
  })))"""


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of a root with everything there is on it, one with its sources, one of a vocabulary alone, a comparison."""
    folder = tmp_path_factory.mktemp("pages")
    for name, seed in (("a", 1), ("b", 2)):
        path = folder / "in" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for i, (_, text) in enumerate([*documents(200, seed), ("", NASTY * 30), ("", RARE)]):
                row = {
                    "id": f"{name}-{i}",
                    "text": f"{text} {i}{i}777",
                    "lang": LANGUAGES[i % len(LANGUAGES)],
                }
                file.write(json.dumps(row | {"same": f"{name}-{i // len(LANGUAGES)}"}) + "\n")
    recipe = recipe_for(folder, "execution.unit_bytes=20KB", "vocabulary.size=700")
    sources = recipe.model_dump(mode="json", by_alias=True)["corpus"][0]
    both = [sources | {"name": n, "paths": [f"{folder}/in/{n}.jsonl"]} for n in ("a", "b")]
    run(recipe.model_validate(recipe.model_dump(mode="json", by_alias=True) | {"corpus": both}))
    root = open_dataset(str(folder / "out"))
    cut = Pretokenizer(scheme="llama3")
    other = learn_bpe(count_words(pa.array([text for _, text in documents(20)]), cut), 400, pretokenizer=cut)
    asked = Options(
        against={"other": other, "a tokenizer with a long name": other},
        by="lang",
        parallel="same",
        lexicons={"en": Lexicon(words=frozenset(WORDS), roots=frozenset({"return"}))},
        segmentations={"en": {"naïve": ("na", "ïve"), "return": ("re", "turn")}},
    )
    everything = measure_root("everything", root, asked)
    by_source = measure_root("by source", root, Options(against={"other": other}))
    bare = report_on_vocabulary("bare", other, (), "text", Options(against={}))
    texts = (f"{folder}/in/*.jsonl",)
    beside = measure_vocabulary(
        "other", other, texts, "text", Options(against={"by source": root.vocabulary()})
    )
    reports = {one.name: one.report for one in (by_source, beside)}
    made = {
        "root": page(everything.report),
        "sources": page(by_source.report),
        "bare": page(bare),
        "compared": compare_page({"reports": reports, "comparison": compare(by_source, beside)}),
    }
    for name, content in made.items():
        (folder / f"{name}.html").write_text(content, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture(
    params=[(name, width, scheme) for name in PAGES for width in WIDTHS for scheme in ("light", "dark")],
    ids="-".join,
)
def opened(request: pytest.FixtureRequest, browser: Browser, pages: dict[str, Path]) -> Iterator[Opened]:
    name, width, scheme = request.param
    opened = open_page(browser, pages[name], WIDTHS[width], scheme)
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    yield opened
    opened.page.context.close()


@pytest.fixture
def whole(browser: Browser, pages: dict[str, Path]) -> Iterator[Opened]:
    """The page with everything on it, on a desktop."""
    opened = open_page(browser, pages["root"], WIDTHS["desktop"], "light")
    yield opened
    opened.page.context.close()


def test_a_page_fits_its_window_loads_nothing_and_shows_its_plots(opened: Opened) -> None:
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(PLOTS) == []
    repeated = "() => { const ids = [...document.querySelectorAll('[id]')].map((one) => one.id); return ids.length - new Set(ids).size }"
    assert page.evaluate(repeated) == 0
    assert opened.console == []
    assert opened.errors == []
    assert opened.requests == [page.url]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [("phone", "dark"), ("desktop", "light")])
def test_a_page_passes_what_axe_checks_of_accessibility(
    browser: Browser, pages: dict[str, Path], name: str, width: str, scheme: str
) -> None:
    opened = open_page(browser, pages[name], WIDTHS[width], scheme)
    found = Axe().run(opened.page)
    assert [
        (one["id"], node["html"][:200]) for one in found.response["violations"] for node in one["nodes"]
    ] == []
    assert found.response["passes"], "something was checked"
    opened.page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_table_sorts_by_every_column(browser: Browser, pages: dict[str, Path], name: str) -> None:
    opened = open_page(browser, pages[name], WIDTHS["desktop"], "light")
    found = opened.page.evaluate(SORTED)
    assert len(found) > 10
    for place, column, said, cells in found:
        filled = [cell for cell in cells if cell[1]]
        assert cells[: len(filled)] == filled, f"{place}, {column}: what is empty comes last"
        assert said in ("ascending", "descending")
        up = said == "ascending"
        if all(value is not None for value, _ in filled):
            values = [float(value) for value, _ in filled]
            assert values == sorted(values, reverse=not up), f"{place}, {column}"
        elif len(filled) > 1:
            first, last = filled[0][1], filled[-1][1]
            before = opened.page.evaluate("([a, b]) => a.localeCompare(b)", [first, last])
            assert before <= 0 if up else before >= 0, f"{place}, {column}"
    assert opened.errors == []
    opened.page.context.close()


def test_a_click_sorts_and_another_turns_it_round(whole: Opened) -> None:
    table = whole.page.locator("section#compression-by-lang table").first
    head = table.locator("thead th", has_text="documents")
    column = whole.page.evaluate("(head) => head.cellIndex", head.element_handle())

    def values() -> list[float]:
        cells = table.locator(f"tbody tr td:nth-child({column + 1})")
        return [float(cell.get_attribute("data-v") or "nan") for cell in cells.all()]

    head.get_by_role("button").click()
    assert values() == sorted(values(), reverse=True)
    assert len(set(values())) > 1
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert values() == sorted(values())


def test_tokens_are_told_apart_by_their_colours(whole: Opened) -> None:
    documents = whole.page.locator("section#worst-tokenized-documents .doc")
    assert documents.count() == 8
    for scheme in ("light", "dark"):
        whole.page.emulate_media(color_scheme=scheme)
        for document in documents.all():
            colours = document.locator("bdi").evaluate_all(
                "(all) => all.map((one) => getComputedStyle(one).backgroundColor)"
            )
            assert len(colours) > 8
            assert all(one != other for one, other in zip(colours, colours[1:], strict=False))
            assert not {"transparent", "rgba(0, 0, 0, 0)"} & set(colours)
    assert whole.page.locator(".doc bdi.many").count() > 0, "some characters are several tokens"


def test_everything_is_reached_by_keyboard_and_shows_where_it_is(whole: Opened) -> None:
    reached: list[dict[str, Any]] = []
    for _ in range(600):
        whole.page.keyboard.press("Tab")
        here = whole.page.evaluate(
            """() => { const one = document.activeElement, style = getComputedStyle(one);
            return { tag: one.tagName, name: one.getAttribute("aria-label") ?? one.textContent,
            outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 } }"""
        )
        if here["tag"] == "BODY":
            break
        reached.append(here)
    tags = [one["tag"] for one in reached]
    visible = "(all) => all.filter((one) => one.checkVisibility()).length"
    for tag, selector in (("A", "nav a"), ("BUTTON", "th button"), ("SUMMARY", "summary")):
        count = whole.page.locator(selector).evaluate_all(visible)
        assert count > 0
        assert tags.count(tag) == count
    assert tags.count("DIV") == whole.page.locator("div[tabindex]").evaluate_all(visible)
    assert all(one["name"].strip() for one in reached)
    assert all(one["outlined"] for one in reached)


def test_links_lead_to_the_sections(whole: Opened) -> None:
    links = whole.page.locator("nav a").all()
    assert len(links) == whole.page.locator("section").count()
    for link in links:
        link.click()
        section = whole.page.locator(f"section{link.get_attribute('href')}")
        heading = section.locator("h2")
        assert heading.inner_text() == link.inner_text()
        box = heading.bounding_box()
        assert box is not None
        assert 0 <= box["y"] < 900


def test_the_plots_follow_the_colours_of_the_page(whole: Opened) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        whole.page.emulate_media(color_scheme=scheme)
        colours[scheme] = whole.page.locator("svg text").first.evaluate("(one) => getComputedStyle(one).fill")
    assert colours["light"] != colours["dark"]


def test_without_scripts_everything_but_sorting_is_there(browser: Browser, pages: dict[str, Path]) -> None:
    with_scripts = open_page(browser, pages["root"], WIDTHS["phone"], "light")
    without = open_page(browser, pages["root"], WIDTHS["phone"], "light", script=False)
    for selector in ("svg", "section", "table tbody tr", ".doc bdi", "th"):
        assert without.page.locator(selector).count() == with_scripts.page.locator(selector).count() > 0
    assert without.page.locator("th button").count() == 0
    assert without.page.locator("th").all_inner_texts() == with_scripts.page.locator("th").all_inner_texts()
    for opened in (with_scripts, without):
        opened.page.context.close()


def test_text_of_documents_stays_text(whole: Opened) -> None:
    assert whole.page.locator("main img, main script, main b b").count() == 0
    assert whole.page.locator("th, td", has_text="<b>").count() > 0
    assert "alert(" in whole.page.locator("main").inner_text()
