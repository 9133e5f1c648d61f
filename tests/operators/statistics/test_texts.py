"""Statistics of texts: equal to plain Python, however the corpus is cut."""

import re
import unicodedata
from collections import Counter
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.counts import merge_counts
from pairloom.operators.counts.groups import groups_of, name_of, prefix_of, stripped
from pairloom.operators.documents import DocumentBatch
from pairloom.operators.statistics.characters import Characters
from pairloom.operators.statistics.domains import Domains
from pairloom.operators.statistics.duplicates import Duplicates
from pairloom.operators.statistics.repetition import Repetition
from pairloom.operators.statistics.scripts import Scripts
from pairloom.operators.statistics.text_lengths import TextLengths
from tests.operators.statistics.support import TEXTS, rows, table

CUTS = st.integers(1, 4)
SCRIPT = {"a": "Latin", "b": "Latin", "\u03b1": "Greek", "\u65e5": "Han"}


def cut(texts: list[str], units: int) -> list[list[str]]:
    return [texts[i::units] for i in range(units)]


@given(TEXTS, CUTS, CUTS)
def test_characters(texts: list[str], units: int, parts: int) -> None:
    found = Counter("".join(texts))
    wanted = [
        (ord(one), one, unicodedata.category(one), SCRIPT.get(one, "Common"), count)
        for one, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    assert rows(table(Characters(), cut(texts, units), parts)) == wanted


@given(TEXTS, CUTS, CUTS)
def test_scripts(texts: list[str], units: int, parts: int) -> None:
    characters, documents, mainly = Counter(), Counter(), Counter()
    for text in texts:
        here = Counter(SCRIPT.get(one, "Common") for one in text)
        characters += here
        documents.update(here.keys())
        told = {name: count for name, count in here.items() if name != "Common"} or here
        mainly[max(sorted(told, key=["Common", "Latin", "Greek", "Han"].index), key=told.__getitem__)] += 1
    wanted = [
        (name, count, documents[name], mainly[name])
        for name, count in sorted(characters.items(), key=lambda item: (-item[1], item[0]))
    ]
    assert rows(table(Scripts(), cut(texts, units), parts)) == wanted


@given(TEXTS, CUTS, CUTS)
def test_lengths(texts: list[str], units: int, parts: int) -> None:
    measures = {
        "bytes": lambda text: len(text.encode()),
        "characters": len,
        "words": lambda text: len(text.split()),
        "lines": lambda text: text.count("\n") + 1,
    }
    wanted = []
    for of, measure in measures.items():
        found = Counter(map(measure, texts))
        wanted += [(of, length, count, length * count) for length, count in sorted(found.items())]
    assert rows(table(TextLengths(), cut(texts, units), parts)) == wanted


def pieces(texts: list[str], of: str) -> Counter[str]:
    separator = r"\n" if of == "line" else r"\n[ \t\r]*\n[ \t\r\n]*"
    found = (piece.strip() for text in texts for piece in re.split(separator, text))
    return Counter(piece for piece in found if piece)


@given(
    TEXTS, CUTS, CUTS, st.sampled_from([None, 1, 2]), st.integers(1, 2), st.sampled_from([0.0, 0.1, 0.3, 0.9])
)
def test_duplicates_and_how_many_there_are(
    texts: list[str], units: int, parts: int, top: int | None, least: int, share: float
) -> None:
    """What is rare is left out exactly, however the corpus is cut: of two passes, the second counts all that the first has kept."""
    statistic = Duplicates(top=top, min_count=least, least_share=share)
    found = table(statistic, cut(texts, units), parts)
    assert found.equals(table(statistic, [texts], 1))
    totals = []
    for of in ("line", "paragraph"):
        there = pieces(texts, of)
        kept = {
            text: count
            for text, count in there.items()
            if count >= least and count > Fraction(repr(share)) * there.total()
        }
        here = [row for row in rows(found) if row[0] == of]
        ranks = sorted(((-count, -len(text.encode())) for text, count in kept.items()))[:top]
        assert [(-count, -size) for _, _, size, count, _ in here] == ranks
        assert all(kept[text] == count for _, text, _, count, _ in here)
        assert all(copied == size * (count - 1) for _, _, size, count, copied in here)
        size = {text: len(text.encode()) for text in there}
        if there:
            more = sum(count > 1 for count in there.values())
            copied = sum(size[text] * (count - 1) for text, count in there.items())
            whole = sum(size[text] * count for text, count in there.items())
            copies = there.total() - len(there)
            totals.append((of, there.total(), len(there), more, copies, whole, copied))
    assert rows(table(Repetition(), cut(texts, units), parts)) == totals


def test_a_long_line_is_shown_to_a_whole_character_and_compared_to_its_end() -> None:
    one, other = "x" * 159 + "\u00e9 one", "x" * 159 + "\u00e9 other"
    found = rows(table(Duplicates(), [[one, one], [other, f" {other} "]], 2))
    assert [(text, size) for of, text, size, _, _ in found if of == "line"] == [
        ("x" * 159, 167),
        ("x" * 159, 165),
    ]


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("http://www.Example.com:8080/a?b", "example.com"),
        ("https://user:x@b.example.com", "b.example.com"),
        ("//c.example/", "c.example"),
        ("https://[::1]:80/", "[::1]"),
        ("ftp://d.example.", "d.example"),
        ("https://www./x", None),
        ("no url", None),
        (None, None),
    ],
)
def test_the_domain_of_a_url(url: str | None, domain: str | None) -> None:
    batch = DocumentBatch.of(["abc"], fields={"url": pa.array([url], pa.string())})
    counters = Domains().counters()
    for part, counter in counters.parts(batch, None):
        Domains().add_text(part, counter)
    counts = counters.finish(sifted=False)
    (made,) = Domains().finish(lambda: iter([counts]))
    assert made.to_pylist() == [{"domain": domain, "urls": 1, "documents": 1, "bytes": 3}]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["a.de", "www.b.com", "c.org"]), max_size=5), max_size=6), CUTS, CUTS
)
def test_the_domains_of_links(linked: list[list[str]], units: int, parts: int) -> None:
    texts = [
        "go: " + " and ".join(f"(HTTPS://{one}/x, http://user@{one}:80)." for one in some) for some in linked
    ]
    urls, documents, size = Counter(), Counter(), Counter()
    for text, some in zip(texts, linked, strict=True):
        names = Counter(2 * [one.removeprefix("www.") for one in some])
        urls += names
        documents.update(names.keys())
        size.update(dict.fromkeys(names, len(text)))
    wanted = [
        (name, urls[name], documents[name], size[name])
        for name in sorted(urls, key=lambda name: (-documents[name], -urls[name], name))
    ]
    assert rows(table(Domains(column=None), cut(texts, units), parts)) == wanted
    assert rows(table(Domains(column=None, top=1), cut(texts, units), parts)) == wanted[:1]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "", "a", "a\0", "\0\0", "ab", "\u00e9"]),
            st.text("xy", min_size=1, max_size=3),
        )
    )
)
def test_groups_are_told_apart_by_any_name(found: list[tuple[str | None, str]]) -> None:
    counters = Characters(per="lang").counters()
    for name, text in found:
        counters.of(name).add_pieces(memoryview(text.encode()), 0, [len(text)])  # type: ignore[arg-type]
    merged = merge_counts(counters.finish(sifted=False).partition(3))
    there: dict[str | None, dict[bytes, int]] = {}
    for prefix, start, stop in groups_of(merged.words):
        one = stripped(merged, prefix, start, stop)
        assert name_of(prefix) not in there
        there[name_of(prefix)] = dict(zip(one.words.to_pylist(), one.counts.tolist(), strict=True))
    wanted: dict[str | None, Counter[bytes]] = {}
    for name, text in found:
        wanted.setdefault(name, Counter())[text.encode()] += 1
    assert there == wanted
    assert list(there) == sorted(wanted, key=prefix_of)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Duplicates(top=0), "top"),
        (lambda: Duplicates(min_count=0), "min_count"),
        (lambda: Duplicates(least_share=1), "least_share"),
        (lambda: Domains(top=0), "top"),
        (lambda: Domains(column=""), "column"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key} must"):
        make()  # type: ignore[operator]
