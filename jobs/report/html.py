"""HTML from values: every text is escaped here, whatever it came from."""

import html
from collections.abc import Sequence
from typing import Any

__all__ = ["number", "section", "shown", "spans", "table", "tiles", "token"]


def shown(text: object) -> str:
    r"""Text for a page: escaped, with what cannot be seen made visible.

    >>> shown("<b>\x00\n")
    '&lt;b&gt;␀␊'
    """
    out = []
    for letter in str(text):
        code = ord(letter)
        if code < 0x20 or code == 0x7F:
            out.append(chr(0x2400 + code) if code < 0x20 else "\u2421")
        elif (
            0x80 <= code < 0xA0
            or 0x200B <= code <= 0x200F
            or 0x2028 <= code <= 0x202F
            or 0x2066 <= code <= 0x2069
        ):
            out.append(f"\\u{code:04x}")
        elif 0xD800 <= code < 0xE000:
            out.append("\ufffd")
        else:
            out.append(letter)
    return html.escape("".join(out))


def token(text: str) -> str:
    """A token for a list of them: escaped, its spaces visible."""
    return f"<code>{shown(text).replace(' ', chr(0x2423))}</code>"


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


def table(rows: Sequence[dict[str, Any]], columns: dict[str, str], caption: str = "") -> str:
    """A sortable table; `columns` maps keys of the rows to headings; a key that ends in `%` is shown as a percentage."""
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{shown(head)}</th>' for head in columns.values())
    body = []
    for row in rows:
        cells = []
        for key in columns:
            value = row.get(key.removesuffix("%"))
            if isinstance(value, int | float) and not isinstance(value, bool):
                text = f"{value:.2%}" if key.endswith("%") else number(value)
                cells.append(f'<td data-v="{value!r}">{text}</td>')
            else:
                cells.append(f'<td class="text">{shown("" if value is None else value)}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<caption>{shown(caption)}</caption>" if caption else ""
    return (
        f'<div class="wide" tabindex="0"><table class="sortable">{title}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def section(title: str, *parts: str) -> str:
    """A card of the page; nothing where it would be empty."""
    filled = [part for part in parts if part]
    return f"<section><h2>{shown(title)}</h2>{''.join(filled)}</section>" if filled else ""


def tiles(values: dict[str, str]) -> str:
    """The figures at the top."""
    made = (
        f'<div class="tile"><b>{shown(value)}</b><span class="soft">{shown(name)}</span></div>'
        for name, value in values.items()
    )
    return f'<div class="tiles">{"".join(made)}</div>'


def spans(pieces: Sequence[tuple[str, int]]) -> str:
    """A document's tokens in four colours by turns; pieces of several tokens, cut inside a character, have a border."""
    made = []
    for i, (text, count) in enumerate(pieces):
        mark = " many" if count > 1 else ""
        title = f' title="{count} tokens"' if count > 1 else ""
        visible = shown(text).replace("\u240a", "\u21b5\n").replace("\u2409", "\u21e5")
        made.append(f'<bdi class="t{i % 4}{mark}"{title}>{visible}</bdi>')
    return f'<div class="doc" tabindex="0">{"".join(made)}</div>'
