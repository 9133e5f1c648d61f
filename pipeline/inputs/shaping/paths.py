"""How a recipe names what is in a record: paths, and templates over paths.

A path is names with dots between them: `meta.score` is the field `score` of the field `meta`. A dot, a brace or a backslash
that belongs to a name is written behind a backslash. A text with `{path}` in it is a template, `{path?}` is a field that may be
missing, and `{{` and `}}` are braces.
"""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

__all__ = ["Part", "Path", "nearest", "parts_of", "path_of", "written"]

Path: TypeAlias = tuple[str, ...]

_SPECIAL = "\\.{}"


class Part(NamedTuple):
    """A part of a template: what stands before a field, and the field, if one follows."""

    before: str
    path: Path | None = None
    optional: bool = False


def path_of(text: str) -> Path:
    r"""The names of a path. Raises ValueError.

    >>> path_of("meta.score"), path_of(r"a\.b")
    (('meta', 'score'), ('a.b',))
    """
    names, name, at = [], "", 0
    while at < len(text):
        if text[at] == "\\":
            if text[at + 1 : at + 2] not in tuple(_SPECIAL):
                raise ValueError(
                    f"a backslash stands before a dot, a brace or a backslash, not at character {at + 1} of {text!r}"
                )
            name, at = name + text[at + 1], at + 1
        elif text[at] == ".":
            names.append(name)
            name = ""
        else:
            name += text[at]
        at += 1
    names.append(name)
    if not all(names):
        raise ValueError(
            f"{text!r} has an empty name between its dots; write \\. for a dot that is part of a name"
        )
    if len(names) > 64:
        raise ValueError(f"a path has at most 64 names, this has {len(names)}")
    return tuple(names)


def parts_of(text: str) -> tuple[Part, ...]:
    r"""The parts of a template; of a text without braces, the one path. Raises ValueError.

    >>> [(part.before, part.path, part.optional) for part in parts_of("{title}\n{meta.body?}!")]
    [('', ('title',), False), ('\n', ('meta', 'body'), True), ('!', None, False)]
    """
    if not _is_template(text):
        return (Part("", path_of(text)),)
    parts, before, at = [], "", 0
    while at < len(text):
        c = text[at]
        if text[at : at + 2] in ("{{", "}}"):
            before, at = before + c, at + 2
        elif c == "}":
            raise ValueError(
                f"a brace is closed at character {at + 1} of {text!r} and none is open; write }}}} for a brace"
            )
        elif c == "{":
            end = _closing(text, at)
            name = text[at + 1 : end]
            optional = name.endswith("?")
            parts.append(Part(before, path_of(name.removesuffix("?")), optional))
            before, at = "", end + 1
        else:
            before, at = before + c, at + 1
    if not parts:
        raise ValueError(f"{text!r} has braces and no field in them; write {{name}}")
    return (*parts, Part(before)) if before else tuple(parts)


def written(path: Path) -> str:
    r"""A path as a recipe writes it.

    >>> written(("a.b", "c"))
    'a\\.b.c'
    """
    return ".".join("".join("\\" + c if c in _SPECIAL else c for c in name) for name in path)


def nearest(path: Path, known: Iterable[Path]) -> str:
    """Words about the paths that are most like one that is not there; empty if none is."""
    return _nearest(path, tuple(known))


@lru_cache(256)
def _nearest(path: Path, known: tuple[Path, ...]) -> str:
    names = {written(one): None for one in known}
    near = difflib.get_close_matches(written(path), names, n=3, cutoff=0.6)
    inside = [name for name in names if name.endswith("." + written(path)) and name not in near]
    found = [*near, *inside][:3]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def _is_template(text: str) -> bool:
    at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] in "{}":
            return True
        at += 1
    return False


def _closing(text: str, start: int) -> int:
    at = start + 1
    while at < len(text) and text[at] not in "{}":
        at += 2 if text[at] == "\\" else 1
    if at >= len(text) or text[at] != "}":
        raise ValueError(
            f"the brace at character {start + 1} of {text!r} is never closed; write {{{{ for a brace"
        )
    return at
