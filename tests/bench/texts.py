"""Text that every machine with Python has: the standard library's sources, and those of the packages that are installed.

The vocabulary is learned from the former, and the latter is what is encoded: no word of it was seen for being in the text.
"""

import json
import sys
import sysconfig
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

__all__ = ["installed", "library", "some", "write_jsonl", "write_text"]


def library() -> Iterator[str]:
    """The sources of the standard library, file by file."""
    return _sources(Path(sysconfig.get_path("stdlib")))


def installed() -> Iterator[str]:
    """The sources of the packages that are installed, file by file; once these are through, again, with other words in between."""
    folders = dict.fromkeys(Path(place) for place in sys.path if place.endswith("site-packages"))
    for round_ in range(1000):
        there = False
        for text in chain.from_iterable(_sources(folder, inside=True) for folder in folders):
            there = True
            yield text if not round_ else f"# {round_:x}\n{text}"
        if not there:
            raise SystemExit("no package is installed, so that there is no text to measure with")


def some(texts: Iterator[str], size: int) -> list[str]:
    """The first texts, up to about `size` bytes."""
    found, there = [], 0
    for text in texts:
        found.append(text)
        there += len(text.encode())
        if there >= size:
            break
    return found


def write_jsonl(path: Path, texts: Iterator[str], size: int | None = None) -> int:
    """A document a line, up to about `size` bytes; how many bytes it became."""
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
            if size is not None and file.tell() >= size:
                break
    return path.stat().st_size


def write_text(path: Path, texts: Iterator[str], size: int) -> int:
    """All of it as one text, up to about `size` bytes; how many bytes it became."""
    with path.open("w", encoding="utf-8") as file:
        for text in texts:
            file.write(text)
            if file.tell() >= size:
                break
    return path.stat().st_size


def _sources(folder: Path, *, inside: bool = False) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        if path.is_file() and (inside or "site-packages" not in path.parts):
            yield path.read_bytes().decode("utf-8", "ignore").replace("\0", " ")
