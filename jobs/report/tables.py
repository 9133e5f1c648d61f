"""Tables and the numbers in them, as people read them; what they sort by is the exact value."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pairloom.jobs.report.html import shown

__all__ = ["Column", "change", "compact", "number", "points", "share", "table"]

Column: TypeAlias = str | tuple[str, Callable[[Any], str]]
"""A heading, and how the values below it are shown."""
_TEXT = ' class="text"'


def number(value: float | str | None) -> str:
    """A number for people: integers with commas, others with four figures.

    >>> number(1234567), number(0.123456), number(4.50819)
    ('1,234,567', '0.1235', '4.508')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def compact(value: float) -> str:
    """A large number in three figures.

    >>> compact(950), compact(19_612_390), compact(2.5e9)
    ('950', '19.6M', '2.5G')
    """
    for power, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= max(power, 10_000):
            return f"{value / power:.3g}{unit}"
    return number(value)


def share(value: float) -> str:
    """A share as a percentage, small ones with as many figures as they need.

    >>> share(0.1256), share(0.00049), share(1.0), share(0)
    ('12.6%', '0.05%', '100%', '0%')
    """
    if value in (0, 1):
        return f"{value:.0%}"
    return f"{value:.1%}" if abs(value) >= 0.01 else f"{value:.2%}"


def change(value: float) -> str:
    """A relative change, with its sign.

    >>> change(0.125), change(-0.5), change(0.0)
    ('+12.5%', '\u221250.0%', '0%')
    """
    if not value:
        return "0%"
    return f"{'+' if value > 0 else chr(0x2212)}{abs(value):.1%}"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign.

    >>> points(0.0123), points(-0.5), points(1e-9)
    ('+1.2', '\u221250.0', '0.0')
    """
    said = f"{100 * abs(value):.1f}"
    return said if said == "0.0" else f"{'+' if value > 0 else chr(0x2212)}{said}"


def table(
    rows: Sequence[dict[str, Any]], columns: Mapping[str, Column], caption: str = "", *, label: str = ""
) -> str:
    """A sortable table; `columns` maps keys of the rows to headings, with how their values are shown where not as numbers.

    `label` names the table to those who cannot see it, where there is no caption.
    """
    if not rows:
        return ""
    ways = {key: column if isinstance(column, tuple) else (column, None) for key, column in columns.items()}
    heads = "".join(
        f'<th scope="col"{_TEXT if any(isinstance(row.get(key), str) for row in rows) else ""}>{shown(head)}</th>'
        for key, (head, _) in ways.items()
    )
    body = "".join(
        f"<tr>{''.join(_cell(row.get(key), way) for key, (_, way) in ways.items())}</tr>" for row in rows
    )
    title = f'<p class="caption">{shown(caption)}</p>' if caption else ""
    name = shown(caption or label or next(iter(ways.values()))[0])
    return (
        f'{title}<div class="wide" tabindex="0" role="group" aria-label="{name}"><table class="sortable">'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any, way: Callable[[Any], str] | None) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, int | float):
        return f'<td data-v="{value!r}">{(way or number)(value)}</td>'
    return f"<td{_TEXT}>{(way or shown)(value)}</td>"
