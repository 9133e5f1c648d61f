"""The language of `where`: conditions on the fields of a record.

    condition   = and-condition { "or" and-condition }
    and-cond.   = term { "and" term }
    term        = "not" term | "(" condition ")" | operand test | field
    test        = ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) ( literal | operand )
                | [ "not" ] "in" "(" literal { "," literal } ")"
                | "is" [ "not" ] "null"
                | "matches" text
    operand     = product { ( "+" | "-" ) product }
    product     = value { ( "*" | "/" ) value }
    value       = field | "length" "(" field ")" | "(" operand ")"; behind the first, also a number
    literal     = number | text in single or double quotes | "true" | "false"
    field       = a path; in backquotes where a name has other characters than letters, digits, "_" and "-"

What a field is compared with says how it is read: as a number, a text, or true or false; what is calculated with is a
number. Two fields that are compared are both numbers, or both texts, or both true or false, as they are in the record. A
comparison with null is neither true nor false, so that only `is null` sees it, and a record is kept only where the whole is
true.
"""

import re

from pairloom.pipeline.inputs.shaping.conditions import (
    All,
    AnyOf,
    Beside,
    Calculated,
    Compare,
    Condition,
    Field,
    IsNull,
    Literal,
    Matches,
    Member,
    Not,
    Operand,
    True_,
)
from pairloom.pipeline.inputs.shaping.paths import Path, path_of

__all__ = ["condition_of"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<quoted>`[^`]*`)
    |(?P<name>(?:[^\W\d]|_)[\w\-]*(?:\.(?:[^\W]|_)[\w\-]*)*)
    |(?P<sign>==|!=|<=|>=|<|>|\(|\)|,|\+|-|\*|/))""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"and", "or", "not", "in", "is", "null", "matches", "length", "true", "false"}
_SIGNS = ("==", "!=", "<", "<=", ">", ">=")
_CALCULATED = ("+", "-", "*", "/")
_EXACT = 1 << 53
_DEEPEST = 100


def condition_of(text: str) -> Condition:
    """The condition that a text says. Raises ValueError, which shows the position.

    >>> condition_of("quality > 0.7")
    Compare(field=Field(path=('quality',), length=False), op='>', literal=0.7)
    >>> condition_of("lang = 'de'")
    Traceback (most recent call last):
    ValueError: character 6: equal is written ==, found '=': lang  <-here-> = 'de'
    """
    return _Parser(text).whole()


class _Parser:
    """Recursive descent over the tokens of a text."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth, self._back = text, 0, 0, 0
        self._kind, self._said, self._start = "", "", 0
        self._next()

    def whole(self) -> Condition:
        found = self._any()
        if self._kind:
            raise self._wrong("expected `and`, `or` or the end")
        return found

    def _next(self) -> None:
        rest = self._text[self._at :]
        if not rest.strip():
            self._kind, self._said, self._start = "", "", len(self._text)
            return
        match = _TOKEN.match(self._text, self._at)
        blanks = len(rest) - len(rest.lstrip())
        if match is None:
            self._start, self._said = self._at + blanks, rest.strip()[:1]
            if self._said == "=":
                raise self._wrong("equal is written ==")
            raise self._wrong(
                "this cannot be read" if self._said not in "'\"`" else "the quote is never closed"
            )
        self._kind = str(match.lastgroup)
        self._said, self._start, self._at = match[self._kind], match.start(self._kind), match.end()

    def _wrong(self, what: str) -> ValueError:
        found = f"found {self._said!r}" if self._said else "found the end"
        shown = f"{self._text[: self._start]} <-here-> {self._text[self._start :]}".strip()
        return ValueError(f"character {self._start + 1}: {what}, {found}: {shown}")

    def _word(self, *words: str) -> bool:
        """Go over one of some words or signs, if it is there."""
        if self._kind in ("name", "sign") and self._said in words:
            self._next()
            return True
        return False

    def _any(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong("parentheses are too deep")
        found = self._all()
        while self._word("or"):
            found = AnyOf(found, self._all())
        self._depth -= 1
        return found

    def _all(self) -> Condition:
        found = self._term()
        while self._word("and"):
            found = All(found, self._term())
        return found

    def _term(self) -> Condition:
        negated = False
        while self._word("not"):
            negated = not negated
        if self._said == "(" and self._kind == "sign" and not self._is_calculated():
            self._next()
            found = self._any()
            self._must(")")
        else:
            found = self._test(self._sum(first=True))
        return Not(found) if negated else found

    def _must(self, sign: str) -> None:
        if not self._word(sign):
            raise self._wrong(f"expected {sign}")

    def _is_calculated(self) -> bool:
        """Whether the parenthesis at hand is closed before a sign, and so is around numbers."""
        depth, at = 0, self._start
        while match := _TOKEN.match(self._text, at):
            at = match.end()
            depth += (match["sign"] == "(") - (match["sign"] == ")")
            if depth == 0:
                after = _TOKEN.match(self._text, at)
                return after is not None and after["sign"] in (*_SIGNS, *_CALCULATED)
        return False

    def _sum(self, *, first: bool) -> Operand:
        """What is calculated, or a field; the `first` of a test begins with a field."""
        found = self._product(first=first)
        while True:
            if self._kind == "number" and self._said.startswith("-"):  # a -1
                found = Calculated("+", found, self._number())
            elif self._kind == "sign" and self._said in ("+", "-"):
                op = self._said
                self._next()
                found = Calculated(op, found, self._product(first=False))
            else:
                return found

    def _product(self, *, first: bool) -> Operand:
        found = self._value(first=first)
        while self._kind == "sign" and self._said in ("*", "/"):
            op = self._said
            self._next()
            found = Calculated(op, found, self._value(first=False))
        return found

    def _value(self, *, first: bool) -> Operand:
        if self._kind == "number" and not first:
            return self._number()
        if self._kind == "sign" and self._said == "(":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise self._wrong("parentheses are too deep")
            self._next()
            found = self._sum(first=False)
            self._must(")")
            self._depth -= 1
            return found
        return self._field()

    def _number(self) -> float:
        value = float(self._said)
        self._next()
        return value

    def _field(self) -> Field:
        if self._word("length"):
            self._must("(")
            found = Field(self._path(), length=True)
            self._must(")")
            return found
        return Field(self._path())

    def _path(self) -> Path:
        if self._kind not in ("name", "quoted") or self._said in _WORDS:
            raise self._wrong("expected a field")
        try:
            found = path_of(self._said.strip("`"))
        except ValueError as error:
            raise self._wrong(str(error)) from error
        self._next()
        return found

    def _test(self, field: Operand) -> Condition:
        sign = self._said
        if self._kind == "sign" and sign in _SIGNS:
            self._next()
            if not isinstance(field, Field) or self._is_operand():
                return Beside(field, sign, self._sum(first=False))
            literal = self._literal(field)
            if type(literal) is float and self._kind in ("sign", "number") and self._said[:1] in _CALCULATED:
                self._at, self._start = self._back, self._back
                self._next()
                return Beside(field, sign, self._sum(first=False))
            if isinstance(literal, bool) and sign not in ("==", "!="):
                raise self._wrong("true and false are only equal or not (==, !=)")
            return Compare(field, sign, literal)
        if not isinstance(field, Field):
            raise self._wrong("expected a comparison")
        if self._word("is"):
            negated = self._word("not")
            if not self._word("null"):
                raise self._wrong("expected null")
            return Not(IsNull(field)) if negated else IsNull(field)
        negated = self._word("not")
        if self._word("in"):
            found = Member(field, self._literals(field))
            return Not(found) if negated else found
        if negated:
            raise self._wrong("expected in")
        if self._word("matches"):
            return Matches(field, self._pattern(field))
        if field.length:
            raise self._wrong("expected a comparison with a number")
        if self._kind == "name" and sign not in ("and", "or"):
            raise self._wrong("expected a comparison, `in`, `is`, `matches`, `and` or `or`")
        return True_(field)

    def _is_operand(self) -> bool:
        """Whether a field or a parenthesis follows."""
        name = self._kind == "name" and (self._said not in _WORDS or self._said == "length")
        return name or self._kind == "quoted" or (self._kind == "sign" and self._said == "(")

    def _literal(self, field: Field) -> Literal:
        kind, said = self._kind, self._said
        self._back = self._start
        value: Literal
        if kind == "number":
            value = float(said)
            if value == int(value) and abs(value) >= _EXACT and "e" not in said.lower():
                raise self._wrong("whole numbers are compared exactly below 2^53")
        elif kind == "text":
            value = re.sub(r"\\(.)", r"\1", said[1:-1], flags=re.DOTALL)
        elif kind == "name" and said in ("true", "false"):
            value = said == "true"
        else:
            raise self._wrong("expected a number, a text in quotes, true or false")
        if field.length and (isinstance(value, str | bool)):
            raise self._wrong("a length is compared with a number")
        self._next()
        return value

    def _literals(self, field: Field) -> tuple[Literal, ...]:
        self._must("(")
        found = [self._literal(field)]
        while self._word(","):
            if type(one := self._literal(field)) is not type(found[0]):
                raise self._wrong("values of one list are of one kind")
            found.append(one)
        self._must(")")
        return tuple(found)

    def _pattern(self, field: Field) -> str:
        if self._kind != "text" or field.length:
            raise self._wrong("expected a regular expression in quotes")
        quote = self._said[0]
        pattern = self._said[1:-1].replace(f"\\{quote}", quote)
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except pa.ArrowInvalid as error:
            raise self._wrong(
                f"not a regular expression that RE2 knows ({str(error).splitlines()[0]})"
            ) from error
        self._next()
        return pattern
