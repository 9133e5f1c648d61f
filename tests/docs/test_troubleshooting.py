"""The messages that the page on troubleshooting explains are those of the program."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def said() -> str:
    """Every text in the code, joined as Python joins them; what is filled in is left out."""
    found = []
    for folder in ("operators", "pipeline", "jobs"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    found.append(
                        "".join(one.value if isinstance(one, ast.Constant) else "…" for one in node.values)
                    )
    return "\n".join(found)


def test_messages_are_those_that_are_said() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)`[^|]*\|", text, re.MULTILINE)
    everything = said()
    assert len(messages) >= 20
    missing = [
        message
        for message in messages
        if not re.search(re.escape(message).replace("…", ".*?"), everything, re.DOTALL)
    ]
    assert not missing
