"""HTML from values: every text is escaped here, whatever it came from, and the frame of a page that loads nothing."""

import html
import re
from collections.abc import Iterable, Sequence
from importlib import resources

__all__ = ["chips", "details", "document", "figure", "pair", "section", "shown", "spans", "tiles", "token"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
LONGEST = 28  # characters shown of a token in a list


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
    """A token for a list of them: escaped, its spaces visible; of a long one the beginning, with how long it is."""
    visible = shown(text[:LONGEST]).replace(" ", "\u2423")
    if len(text) <= LONGEST:
        return f"<code>{visible}</code>"
    return f"<code>{visible}\u2026</code> <small>({len(text):,} characters)</small>"


def section(title: str, question: str, *parts: str) -> str:
    """A card of the page, with the question that it answers; nothing where it would be empty."""
    filled = [part for part in parts if part]
    if not filled:
        return ""
    at = anchor(title)
    asked = f'<p class="question">{shown(question)}</p>' if question else ""
    return (
        f'<section id="{at}" aria-labelledby="{at}-title"><h2 id="{at}-title">{shown(title)}</h2>'
        f"{asked}{''.join(filled)}</section>"
    )


def anchor(title: str) -> str:
    """What a section is linked by.

    >>> anchor("Numbers and letters")
    'numbers-and-letters'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def figure(svg: str, caption: str) -> str:
    """A plot and what it shows."""
    return f"<figure>{svg}<figcaption>{shown(caption)}</figcaption></figure>"


def pair(one: str, other: str) -> str:
    """Two things side by side where there is room, such as a plot and its table."""
    return f'<div class="pair"><div>{one}</div><div>{other}</div></div>' if one and other else one or other


def details(summary: str, content: str) -> str:
    """What only some readers want, folded."""
    return f"<details><summary>{shown(summary)}</summary>{content}</details>" if content else ""


def tiles(values: dict[str, str]) -> str:
    """The figures at the top."""
    made = (
        f'<div class="tile"><b>{shown(value)}</b><span class="soft">{shown(name)}</span></div>'
        for name, value in values.items()
    )
    return f'<div class="tiles">{"".join(made)}</div>'


def chips(title: str, tokens: Sequence[Sequence[tuple[str, int | None]]]) -> str:
    """Groups of tokens with their counts, as a list under a heading."""
    items = (
        "<li>"
        + " ".join(token(text) + ("" if n is None else f" <span>{n:,}</span>") for text, n in group)
        + "</li>"
        for group in tokens
    )
    return f'<h3>{shown(title)}</h3><ul class="chips">{"".join(items)}</ul>' if tokens else ""


def spans(pieces: Sequence[tuple[str, int]], label: str = "tokens of a document") -> str:
    """A document's tokens in four colours by turns; pieces of several tokens, cut inside a character, have a border."""
    return f'<div class="doc" tabindex="0" role="group" aria-label="{shown(label)}">{coloured(pieces)}</div>'


def coloured(pieces: Sequence[tuple[str, int]]) -> str:
    """Tokens in four colours by turns, for a place of their own."""
    made = []
    for i, (text, count) in enumerate(pieces):
        mark = " many" if count > 1 else ""
        title = f' title="{count} tokens"' if count > 1 else ""
        visible = shown(text).replace("\u240a", "\u21b5\n").replace("\u2409", "\u21e5")
        made.append(f'<bdi class="t{i % 4}{mark}"{title}>{visible}</bdi>')
    return "".join(made)


def document(title: str, head: str, sections: Iterable[str]) -> str:
    """The whole file: the head of the page, links to its sections, the sections; style and script are in it."""
    folder = resources.files("pairloom.jobs.report")
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = (folder / "page.js").read_text(encoding="utf-8")
    filled = [part for part in sections if part]
    links = "".join(
        f'<a href="#{at}">{name}</a>'
        for part in filled
        for at, name in re.findall(r'^<section id="([^"]+)" [^>]*><h2 [^>]*>(.*?)</h2>', part)
    )
    body = "\n".join([head, f'<nav aria-label="sections">{links}</nav>', *filled])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{shown(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )
