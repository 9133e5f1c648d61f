"""Results as people see them: a line in a terminal, a table in a notebook."""

from collections.abc import Mapping
from html import escape

__all__ = ["Shown", "printable", "size_text"]

# What a terminal obeys, and what makes it show characters in another order than they are in. Lines may end, and have tabs.
_OBEYED = [
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
]
_ESCAPES = {c: f"\\x{c:02x}" if c < 0x100 else f"\\u{c:04x}" for c in _OBEYED if chr(c) not in "\n\t"}


def printable(text: str) -> str:
    r"""Text from elsewhere as it may go to a terminal: what a terminal would obey is written as an escape.

    >>> printable("id-\x1b[31m1")
    'id-\\x1b[31m1'
    """
    return text.translate(_ESCAPES)


def size_text(count: float) -> str:
    """A number of bytes for people: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


class Shown:
    """A value that says what it is in a line, and in a notebook in a table."""

    __slots__ = ()

    def _shown(self) -> tuple[str, Mapping[str, str]]:
        """A title, and facts by name, all as text; nothing is read for them."""
        raise NotImplementedError

    def __repr__(self) -> str:
        title, facts = self._shown()
        return f"<{title}{''.join(f'; {name} {text}' for name, text in facts.items())}>"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        title, facts = self._shown()
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts.items()
        )
        return f"<table><caption>{escape(title)}</caption>{rows}</table>"
