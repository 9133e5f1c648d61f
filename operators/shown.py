"""Results as people see them: a line in a terminal, a table in a notebook."""

from collections.abc import Mapping
from html import escape

__all__ = ["Shown"]


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
