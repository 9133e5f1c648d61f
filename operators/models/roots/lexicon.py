"""Roots and affixes with their forms, and by what a form is chosen: data of a language, read from files.

A line of roots or affixes is one token: its forms, with blanks between them. A form may say where it is the one, after `@`, by
conditions with commas between them; the first form whose conditions all hold is chosen, and the last form, which has none, where
no other is:

    kitab@before=vowel kitap
    ta@vowel=back,after=hard da@vowel=back te@after=hard de

`vowel=back` is that the last vowel before it is of the class `back`, `after=hard` that the letter before it is of the class
`hard`, and `before=vowel` that the last form of the token behind it begins with a letter of the class `vowel`; `!=` is that it is
not. Classes are those of the rules, a file in JSON (here of a language with few letters):

    {"classes": {"vowel": "aeou", "back": "aou", "hard": "fkpst"}, "case": {"I": "y"}, "joiners": "'"}

`case` are capitals whose small letters are others than usual; a letter among `joiners` ends neither a word nor what forms are
chosen by; `letters` are those of words which no form has.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pairloom.operators.errors import RecipeError

__all__ = ["Form", "RootLexicon", "read_lexicon"]

_KEYS = ("vowel", "after", "before")


class Form(NamedTuple):
    """A form: its text, and its conditions, each what is looked at, the letters, and whether it has to be one of them."""

    text: str
    tests: tuple[tuple[str, frozenset[str], bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RootLexicon:
    """The lines of `roots` and `affixes`, and the rules: classes, joiners, capitals with their small letters, and letters.

    `case` has the capitals of all letters, and `letters` all of them, so that nothing depends on a version of Unicode.
    """

    roots: tuple[str, ...]
    affixes: tuple[str, ...] = ()
    classes: tuple[tuple[str, str], ...] = ()
    joiners: str = ""
    case: tuple[tuple[str, str], ...] = ()
    letters: str = ""

    @classmethod
    def of(
        cls, roots: Iterable[str], affixes: Iterable[str] = (), rules: Mapping[str, Any] | None = None
    ) -> "RootLexicon":
        """A lexicon of lines and rules; raises ValueError for what is none.

        >>> RootLexicon.of(["ev"], ["lar@vowel=back ler"], {"classes": {"vowel": "ae", "back": "a"}}).letters
        'aelrvAELRV'
        """
        given = dict(rules or {})
        classes, case = given.pop("classes", {}), given.pop("case", {})
        joiners, more = given.pop("joiners", ""), given.pop("letters", "")
        if given:
            raise ValueError(
                f"rules have classes, case, joiners and letters, and no {', '.join(sorted(given))}"
            )
        _check_rules(classes, case, joiners, more)
        found = cls(roots=tuple(roots), affixes=tuple(affixes), classes=tuple(sorted(classes.items())))
        small = {letter for line in found.lines for form in found.forms(line) for letter in form.text}
        small |= {*more, *case.values()}
        pairs = dict(case)
        for letter in sorted(small - set(case.values())):
            capital = letter.upper()
            if (
                len(capital) == 1
                and capital != letter == capital.lower()
                and capital not in small | pairs.keys()
            ):
                pairs[capital] = letter
        if both := sorted(one for one in small if one in pairs or one.lower() != one):
            raise ValueError(f"{both[0]!r} is a capital: forms are of small letters")
        return cls(
            roots=found.roots,
            affixes=found.affixes,
            classes=found.classes,
            joiners="".join(sorted({*joiners})),
            case=tuple(sorted(pairs.items())),
            letters="".join(sorted(small)) + "".join(sorted(pairs)),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of roots and of affixes."""
        return self.roots + self.affixes

    def forms(self, line: str) -> tuple[Form, ...]:
        """The forms of a line; raises ValueError where it has none, or the last one has conditions."""
        forms = tuple(self._form(one) for one in line.split())
        if not forms:
            raise ValueError("a token has a form at least")
        if forms[-1].tests:
            raise ValueError(
                f"the last form, {forms[-1].text!r}, is taken where no other is: it has no conditions"
            )
        return forms

    def _form(self, spelled: str) -> Form:
        text, at, conditions = spelled.partition("@")
        if not text:
            raise ValueError(f"{spelled!r} has no form before @")
        return Form(text, tuple(self._test(one) for one in conditions.split(",")) if at else ())

    def _test(self, spelled: str) -> tuple[str, frozenset[str], bool]:
        key, equal, name = spelled.partition("=")
        other = key.endswith("!")
        key = key.removesuffix("!")
        classes = dict(self.classes)
        if not equal or key not in _KEYS:
            raise ValueError(
                f"{spelled!r} is no condition: say vowel=, after= or before= and the name of a class"
            )
        missing = next(
            (one for one in (name, "vowel" if key == "vowel" else name) if one not in classes), None
        )
        if missing is not None:
            raise ValueError(f"{spelled!r} needs the class {missing!r}, which the rules do not have")
        return key, frozenset(classes[name]), not other

    def document(self) -> dict[str, Any]:
        """Everything of it, as JSON."""
        return {
            "roots": list(self.roots),
            "affixes": list(self.affixes),
            "classes": dict(self.classes),
            "joiners": self.joiners,
            "case": dict(self.case),
            "letters": self.letters,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "RootLexicon":
        """What `document` gave; raises ValueError for what it did not give."""
        _check_rules(document["classes"], dict(document["case"]), document["joiners"], document["letters"])
        return cls(
            roots=tuple(document["roots"]),
            affixes=tuple(document["affixes"]),
            classes=tuple(sorted(document["classes"].items())),
            joiners=document["joiners"],
            case=tuple(sorted(document["case"].items())),
            letters=document["letters"],
        )


def read_lexicon(roots: str, affixes: str = "", rules: str = "") -> RootLexicon:
    """The lexicon of files, of which the last two may be none; raises RecipeError, which names file and line.

    Lines that are blank or begin with # are left out.
    """
    given = _read_rules(rules) if rules else {}
    try:
        bare = RootLexicon.of((), (), given)
    except (ValueError, TypeError, AttributeError) as error:
        raise RecipeError(f"{rules}: {error}") from error
    lists: list[list[str]] = [_read_lines(path, bare) if path else [] for path in (roots, affixes)]
    try:
        return RootLexicon.of(lists[0], lists[1], given)
    except ValueError as error:
        raise RecipeError(f"{roots}: {error}") from error


def _read_rules(path: str) -> dict[str, Any]:
    try:
        found = json.loads(_text(path))
    except ValueError as error:
        raise RecipeError(f"{path}: no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RecipeError(f"{path}: rules are an object with classes, case, joiners and letters")
    return found


def _read_lines(path: str, rules: RootLexicon) -> list[str]:
    lines: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            forms = rules.forms(line)
        except ValueError as error:
            raise RecipeError(f"{path}, line {number}: {error}") from error
        for form in forms:
            if seen.setdefault(form.text, number) != number:
                raise RecipeError(
                    f"{path}, line {number}: {form.text!r} is a form of line {seen[form.text]} too: it can stand for one token; "
                    "remove it from one of them"
                )
        lines.append(" ".join(line.split()))
    return lines


def _text(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}; name a file that is there") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from error


def _check_rules(classes: Mapping[str, Any], case: Mapping[str, Any], joiners: str, letters: str) -> None:
    strings: Sequence[Any] = [*classes.values(), *case.values(), joiners, letters]
    if not all(isinstance(one, str) for one in strings):
        raise ValueError("classes, joiners and letters are strings of letters")
    if any(len(one) != 1 for pair in case.items() for one in pair):
        raise ValueError("case has a capital and its small letter, each one character")
    if len(set(case.values())) < len(case):
        raise ValueError("case has one capital for a small letter")
    if any(one.isspace() for one in (*joiners, *letters, *case, *case.values())):
        raise ValueError("a blank is no letter")
