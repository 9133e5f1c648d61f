"""A page is whole and takes no text for markup; the documents that a report is of."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from pairloom.pipeline import Dataset

VOID = {"meta", "br", "use", "path", "rect", "line", "circle"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order; ids of what is referred to exist."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        self.handlers += [k for k, _ in attrs if k.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def check_page(text: str) -> Balanced:
    found = Balanced()
    found.feed(text)
    found.close()
    assert found.open == []
    assert all(link.startswith("#") for link in found.links), "nothing is loaded from anywhere"
    assert found.handlers == []
    assert found.tags.count("script") == 1
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    return found


def texts(root: Dataset) -> list[dict[str, str]]:
    folder = Path(root.objects.root.removeprefix("file://")).parent / "in"
    lines = [
        (p.stem, line) for p in sorted(folder.iterdir()) for line in p.read_text("utf-8").split("\n") if line
    ]
    return [json.loads(line) | {"source": stem} for stem, line in lines]
