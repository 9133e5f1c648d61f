"""The step that writes Python as two streams: its tokens, and beside them what kind of token each is."""

import ast
import io
import re
import token as names
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pairloom.operators.documents import DocumentBatch, DocumentStep, Spanned, spans_of
from pairloom.operators.documents._python_roles import roles_of
from pairloom.operators.schema import Column

__all__ = ["COMPLETES", "TYPES", "CodeFill", "Typed", "streams"]

_KEYWORDS = """
    False None True and as assert async await break class continue def del elif else except finally for from global if
    import in is lambda nonlocal not or pass raise return try while with yield
"""
_OPERATORS = """
    ! != % %= & &= ( ) * ** **= *= + += , - -= -> . ... / // //= /= : := ; < << <<= <= = == > >= >> >>= @ @= [ ] ^ ^= { | |= } ~
"""
TYPES = (
    "",
    "NEWLINE",
    "NAME",
    "NUMBER",
    "STRING",
    "MODULE",
    "LIBRARY",
    "LIB",
    "ALIAS",
    "GLOBAL_VARIABLE",
    *_KEYWORDS.upper().split(),
    *_OPERATORS.split(),
)
"""What each value of `code_type` means, by its number; operators mean themselves."""

COMPLETES = tuple(TYPES.index(name) for name in (".", "(", "[", "=", ",", "RETURN", "IMPORT"))
"""Behind tokens of these types somebody who writes code wants to be told what comes next."""

CODE_TYPE = Column(
    name="code_type",
    dtype=np.dtype(np.uint8),
    doc="what kind of token of Python a token is a part of: the place of its name in codefill.TYPES; 0 in padding",
)
_RESERVED = frozenset(_KEYWORDS.split())
_NUMBERS = {name: number for number, name in enumerate(TYPES)}
_LINE_END = re.compile(r"\r\n?")
_OPENS = {"FSTRING_START", "TSTRING_START"}
_CLOSES = {"FSTRING_END", "TSTRING_END"}


class Typed(NamedTuple):
    """A token of Python and its type, a name of `TYPES`."""

    value: str
    type: str


class Place(NamedTuple):
    """A token where it stands: line (from 1 on) and column, in characters."""

    value: str
    kind: str
    at: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFill(DocumentStep):
    """Writes Python as its tokens, a space between each, and says beside each token of the vocabulary what it is a part of.

    Comments, blank lines and docstrings are left out; lines begin with a tab for each level. `code_type` is the type of the token
    of Python that most of a token's bytes belong to, by its number in `TYPES`: a keyword or operator itself, a number, a
    string, the end of a line with the tabs behind it, a module that is imported (`import numpy`) or imported from (`from numpy`),
    what is imported from one, an alias, a variable of the module, and any other name; what a name stands for is found by scopes.
    Documents that are no Python are left out.
    """

    name = "codefill"
    version = 2
    source = "Izadi, Gismondi and Gousios, 2022: CodeFill (arXiv 2202.06689)"

    @property
    def spanned(self) -> tuple[Spanned, ...]:
        """The column of types."""
        return (Spanned(column=CODE_TYPE, outside=0, rule="majority", without=0),)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents as tokens, and what these are."""
        read = [streams(text) for text in batch.content.to_pylist()]
        texts, spans = [], []
        for tokens in read:
            text, span = written(tokens or ())
            texts.append(text)
            spans.append(span)
        out = batch.with_content(texts).with_spans(**{CODE_TYPE.name: spans_of(spans)})
        return out.drop([tokens is None for tokens in read], "is no Python")


def streams(text: str) -> list[Typed] | None:
    r"""The tokens of a text of Python with their types, or None where it is none; those of type NEWLINE have the tabs that follow.

    >>> streams("import os  # files\nif x:\n  y = os.sep\n")[1:3]
    [Typed(value='os', type='MODULE'), Typed(value='\n', type='NEWLINE')]
    """
    # The mark of byte order that editors put first is no part of a program.
    text = _LINE_END.sub("\n", text.removeprefix("\ufeff"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        found = list(_tokens(text))
        roles = _in_characters(roles_of(tree), text)
        dropped = _docstrings(tree, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    out: list[Typed] = []
    depth, line = 0, list[Place]()
    for one in found:
        if one.kind in ("INDENT", "DEDENT"):
            depth += 1 if one.kind == "INDENT" else -1
        elif one.kind != "NEWLINE":
            line.append(one)
        elif line:
            if not (len(line) == 1 and line[0].at in dropped):
                if out:
                    out[-1] = Typed("\n" + "\t" * depth, "NEWLINE")
                out += [*_typed(line, roles), Typed("\n", "NEWLINE")]
            line = []
    return out


def written(tokens: Iterable[Typed]) -> tuple[str, list[tuple[int, int, float]]]:
    r"""The text of tokens with a space between each, and the spans of their types; the space before a token is its own.

    >>> written([Typed("a", "NAME"), Typed("=", "="), Typed("\n", "NEWLINE")])[0]
    'a =\n'
    """
    parts: list[str] = []
    spans: list[tuple[int, int, float]] = []
    at, fresh = 0, True
    for value, kind in tokens:
        part = value if fresh or kind == "NEWLINE" else f" {value}"
        parts.append(part)
        spans.append((at, at + len(part), float(_NUMBERS[kind])))
        at += len(part)
        fresh = kind == "NEWLINE"
    return "".join(parts), spans


def _tokens(text: str) -> Iterator[Place]:
    """The tokens of a text that mean something; a string with expressions is one, as before Python 3.12."""
    lines = text.split("\n")  # not splitlines, which knows more ends of lines than Python has
    inside, start = 0, (1, 0)
    for one in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = names.tok_name[one.type]
        if kind in _OPENS:
            start = start if inside else one.start
            inside += 1
        elif kind in _CLOSES:
            inside -= 1
            if not inside:
                yield Place(_between(lines, start, one.end), "STRING", start)
        elif not inside and kind not in ("COMMENT", "NL", "ENDMARKER", "ENCODING"):
            yield Place(one.string, kind, one.start)


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    middle = lines[start[0] : end[0] - 1]
    return "\n".join([lines[start[0] - 1][start[1] :], *middle, lines[end[0] - 1][: end[1]]])


def _in_characters(roles: dict[tuple[int, int], str], text: str) -> dict[tuple[int, int], str]:
    """Roles by columns in characters."""
    lines = text.split("\n")
    return {
        (line, len(lines[line - 1].encode()[:column].decode())): role
        for (line, column), role in roles.items()
    }


def _docstrings(tree: ast.Module, text: str) -> frozenset[tuple[int, int]]:
    """Where docstrings begin, but those that are all that a body has."""
    found = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and len(node.body) > 1
        ):
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                found[first.lineno, first.col_offset] = ""
    return frozenset(_in_characters(found, text))


def _typed(line: list[Place], roles: dict[tuple[int, int], str]) -> Iterator[Typed]:
    """The tokens of a line of logic with their types."""
    statement = previous = ""
    for place, one in enumerate(line):
        if place == 0 or (previous in (";", ":") and one.value in ("import", "from", "global")):
            statement = one.value
        if previous == ";":
            statement = one.value
        if one.kind == "NAME":
            yield Typed(one.value, _of_name(one, statement, previous, roles))
        else:
            yield Typed(one.value, one.value if one.kind == "OP" else one.kind)
        if statement == "from" and one.value == "import":
            statement = "imported"
        previous = one.value


def _of_name(one: Place, statement: str, previous: str, roles: dict[tuple[int, int], str]) -> str:
    if one.value in _RESERVED:
        return one.value.upper()
    if statement in ("import", "from", "imported"):
        if previous == "as":
            return "ALIAS"
        return {"import": "MODULE", "from": "LIBRARY", "imported": "LIB"}[statement]
    if statement == "global":
        return "GLOBAL_VARIABLE"
    return roles.get(one.at, "NAME")
