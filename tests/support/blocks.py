"""The Python of documents, block by block."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+?) -->\n+)?^```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)


class Block(NamedTuple):
    line: int
    code: str
    why: str | None


def blocks(name: str) -> list[Block]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, match.start("code")), match["code"], match["why"])
        for match in BLOCK.finditer(text)
    ]
