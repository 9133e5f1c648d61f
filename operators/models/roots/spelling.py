"""Words as roots, affixes and other text, and which text these are.

A word is cut into items: the number of a root or an affix, other text, or a mark (`CAPITAL`, `CAPITALS`, `LITERAL`) that says what
becomes of what follows. What a root or an affix is spelled as depends on the letters around it, and on nothing beyond the next
character that is no letter: so what is cut there can be read by itself.
"""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from pairloom.operators.models.roots.lexicon import RootLexicon

__all__ = ["CAPITAL", "CAPITALS", "LITERAL", "MARKS", "Item", "Speller"]

CAPITAL, CAPITALS, LITERAL = -1, -2, -3
MARKS = ("<uppercase>", "<capitals>", "<literal>")
"""How the marks are called, the first for -1."""

Item: TypeAlias = int | str

# No word of a language is as long, in characters; what is would be looked through again for each form that is not chosen.
_LONGEST_PART = 256


class _Piece(NamedTuple):
    """A part of a word: the mark of capitals, whether it begins there, its item (None: spelled out), and the text."""

    mark: int
    begins: bool
    item: Item | None
    text: str


class Speller:
    """A lexicon laid out for cutting words and for spelling them."""

    def __init__(self, lexicon: RootLexicon) -> None:
        self._forms = [lexicon.forms(line) for line in lexicon.lines]
        self._roots = self._surfaces(0, len(lexicon.roots))
        self._affixes = self._surfaces(len(lexicon.roots), len(self._forms))
        self._longest = max((len(one) for one in (*self._roots, *self._affixes)), default=0)
        self._vowels = frozenset(dict(lexicon.classes).get("vowel", ""))
        self._joiners = frozenset(lexicon.joiners)
        self._letters = frozenset(lexicon.letters) | self._joiners
        self._lower = dict(lexicon.case)
        self._upper = {small: capital for capital, small in lexicon.case}
        self._small = str.maketrans(self._lower)
        inside, capitals = _one_of(self._letters), _one_of(self._lower)
        small = _one_of(self._upper)
        self._parts = re.compile(f"({inside}+)|(?:(?!{inside}).)+", re.DOTALL)
        self._cases = re.compile(
            f"({capitals}{{2,}}(?!{small}))|({capitals})(?:(?!{capitals}).)*|(?:(?!{capitals}).)+"
        )

    def items(self, word: str) -> list[Item]:
        """The items of a word, no two texts side by side; `text` gives the word back."""
        out: list[Item] = []
        for part in self._parts.finditer(word):
            out += self._proved(part[1]) if part[1] else [part[0]]
        return _joined(out)

    def text(self, items: Sequence[Item]) -> str:
        """What items spell."""
        return "".join(self.texts(items))

    def texts(self, items: Sequence[Item]) -> list[str]:
        """What each item spells, a mark nothing."""
        out: list[str] = []
        behind, mode = "", 0
        for place, item in enumerate(items):
            if isinstance(item, int) and item < 0:
                mode = item
                out.append("")
                continue
            text = item if isinstance(item, str) else self._chosen(item, behind, items, place + 1)
            if mode in (0, LITERAL) and isinstance(item, int):  # small letters of the lexicon, as they are
                behind += text
                out.append(text)
                continue
            letters: list[str] = []
            for letter in text:
                if letter not in self._letters:
                    behind, mode = "", 0
                    letters.append(letter)
                    continue
                if mode == CAPITALS and letter in self._joiners:
                    mode = 0
                letters.append(self._upper.get(letter, letter) if mode in (CAPITAL, CAPITALS) else letter)
                mode = 0 if mode == CAPITAL else mode
                behind += self._lower.get(letter, letter)
            out.append("".join(letters))
        return out

    def _surfaces(self, low: int, high: int) -> dict[str, int]:
        return {form.text: number for number in range(low, high) for form in self._forms[number]}

    def _proved(self, part: str) -> list[Item]:
        """The items of letters; a form that is not the one that is chosen is spelled out, so that they give these back."""
        if len(part) > _LONGEST_PART:
            return [LITERAL, part]
        pieces = self._matched(part)
        while True:
            items, places = _with_marks(pieces)
            texts = self.texts(items)
            if "".join(texts) == part:
                return items
            wrong = next(
                (
                    i
                    for i, (piece, place) in enumerate(zip(pieces, places, strict=True))
                    if isinstance(piece.item, int) and texts[place] != piece.text
                ),
                None,
            )
            if wrong is None:
                return [LITERAL, part]
            pieces[wrong] = pieces[wrong]._replace(item=None)

    def _matched(self, part: str) -> list["_Piece"]:
        """The longest root at each place, else the longest affix, else a letter."""
        out: list[_Piece] = []
        for segment in self._cases.finditer(part):
            mark = CAPITALS if segment[1] else CAPITAL if segment[2] else 0
            small = segment[0].translate(self._small)
            at = 0
            while at < len(small):
                surfaces = self._roots
                end = _longest(surfaces, small, at, self._longest)
                if end == at:
                    surfaces = self._affixes
                    end = _longest(surfaces, small, at, self._longest)
                found: Item = small[at] if end == at else surfaces[small[at:end]]
                end = max(end, at + 1)
                out.append(_Piece(mark, at == 0, found, segment[0][at:end]))
                at = end
        return out

    def _chosen(self, number: int, behind: str, items: Sequence[Item], after: int) -> str:
        forms = self._forms[number]
        if len(forms) == 1:
            return forms[0].text
        seen = {
            "vowel": next((letter for letter in reversed(behind) if letter in self._vowels), ""),
            "after": next((letter for letter in reversed(behind) if letter not in self._joiners), ""),
            "before": self._ahead(items, after),
        }
        return next(form.text for form in forms if _holds(form.tests, seen))

    def _ahead(self, items: Sequence[Item], at: int) -> str:
        while at < len(items):
            item = items[at]
            if isinstance(item, str):
                return self._lower.get(item[0], item[0]) if item[0] in self._letters else ""
            if item >= 0:
                return self._forms[item][-1].text[0]
            at += 1
        return ""


def _holds(tests: Sequence[tuple[str, frozenset[str], bool]], seen: Mapping[str, str]) -> bool:
    return all((seen[key] in letters) == wanted for key, letters, wanted in tests)


def _longest(surfaces: Mapping[str, int], text: str, at: int, most: int) -> int:
    """Where the longest surface that begins at a place ends; there, if none does."""
    for end in range(min(len(text), at + most), at, -1):
        if text[at:end] in surfaces:
            return end
    return at


def _with_marks(pieces: Sequence[_Piece]) -> tuple[list[Item], list[int]]:
    """Pieces with the marks that they need, and where each of them is."""
    out: list[Item] = []
    places: list[int] = []
    literal = False
    for piece in pieces:
        if piece.item is None:
            out += [LITERAL, piece.text]
        else:
            if piece.mark and (piece.begins or (literal and piece.mark == CAPITALS)):
                out.append(piece.mark)
            out.append(piece.item)
        literal = piece.item is None
        places.append(len(out) - 1)
    return out, places


def _joined(items: Iterable[Item]) -> list[Item]:
    """Items with those texts put together that are side by side."""
    out: list[Item] = []
    for is_text, run in itertools.groupby(items, lambda item: isinstance(item, str)):
        found = [*run]
        out += ["".join(map(str, found))] if is_text else found
    return out


def _one_of(letters: Iterable[str]) -> str:
    """A pattern of one of these characters; of none, what matches nothing."""
    found = "".join(re.escape(one) for one in sorted(letters))
    return f"[{found}]" if found else "(?!)"
