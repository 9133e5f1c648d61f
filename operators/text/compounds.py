"""Compound words and what they are made of, found in word counts alone (CompoundPiece: Minixhofer et al., 2023, arXiv:2305.14214).

Kinder-Garten 20, Kindergarten 900      mined: a word that people also write with a hyphen
Haustür 40, Haus 9000, Tür 7000         split: its parts are words that are more frequent, by their geometric mean
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Mined", "Splitter", "mine", "spans"]

_HYPHENATED = re.compile(r"[^\W\d_]{2,}(?:-[^\W\d_]{2,})+")
_RAREST = -6.0  # logarithm of how rare a spelling with hyphens may be beside the one without
MOST_PARTS = 4


@dataclass(frozen=True)
class Mined:
    """What hyphens say: `compounds`, the parts of words by the words, and as many words that are none (`whole`)."""

    compounds: Mapping[str, tuple[str, ...]]
    whole: frozenset[str]


def mine(counts: Mapping[str, int]) -> Mined:
    """The compounds among words of lower-case letters and hyphens, by how often each occurs.

    A word with hyphens counts if each part has two letters, and it is not rarer than e^-6 of the word without; of several for one
    word the most frequent, of equal ones the first by spelling. The words that are none are the most frequent without hyphens.

    >>> found = mine({"kinder-garten": 20, "kindergarten": 900, "und": 9000, "re-port": 1, "report": 9000})
    >>> found.compounds, sorted(found.whole)
    ({'kindergarten': ('kinder', 'garten')}, ['report'])
    """
    best: dict[str, tuple[int, str]] = {}
    for word, count in counts.items():
        if not _HYPHENATED.fullmatch(word):
            continue
        joined = word.replace("-", "")
        if joined in counts and math.log(count / counts[joined]) < _RAREST:
            continue
        best[joined] = min(best.get(joined, (0, "")), (-count, word))
    compounds = {joined: tuple(best[joined][1].split("-")) for joined in sorted(best)}
    others = (word for word in counts if "-" not in word and word not in compounds)
    frequent = sorted(others, key=lambda word: (-counts[word], word))
    return Mined(compounds, frozenset(frequent[: len(compounds)]))


@dataclass(frozen=True)
class Splitter:
    """Says of a word what it is made of.

    `counts` are words and how often each occurs, `mined` what hyphens say of them. A part has at least `least` letters and is one
    of the words; one of `links` may stand behind it, and belongs to it.
    """

    counts: Mapping[str, int]
    mined: Mined = field(default_factory=lambda: Mined({}, frozenset()))
    links: tuple[str, ...] = ()
    least: int = 3

    def parts(self, word: str) -> tuple[str, ...]:
        """The parts of a word, which put together are the word; of one that is no compound, the word.

        Of all ways the one whose parts have the highest geometric mean of counts, if that is higher than the word's own count
        (Koehn and Knight, 2003); of equal ones that of fewer parts, then the one that cuts first.

        >>> counts = {"haus": 90, "haustür": 4, "tür": 70, "arbeit": 60, "zimmer": 50, "report": 9, "rep": 1, "ort": 20}
        >>> split = Splitter(counts, links=("s",))
        >>> split.parts("haustür"), split.parts("arbeitszimmer"), split.parts("report")
        (('haus', 'tür'), ('arbeits', 'zimmer'), ('report',))
        """
        if word in self.mined.compounds:
            return self.mined.compounds[word]
        if word in self.mined.whole or len(word) < 2 * self.least:
            return (word,)
        # By end and number of parts: minus the sum of logarithms, and where the parts end.
        best: list[dict[int, tuple[float, tuple[int, ...]]]] = [{} for _ in range(len(word) + 1)]
        best[0][0] = (0.0, ())
        for start in range(len(word)):
            if not best[start]:
                continue
            for end, count in self._from(word, start):
                for many, (cost, cuts) in best[start].items():
                    made = (cost - math.log(count), (*cuts, end))
                    if many < MOST_PARTS and made < best[end].get(many + 1, (math.inf, ())):
                        best[end][many + 1] = made
        whole = -math.log(self.counts.get(word, 0.5))
        ways = [(cost / many, many, cuts) for many, (cost, cuts) in best[-1].items() if many > 1]
        mean, _, cuts = min(ways, default=(math.inf, 0, ()))
        if not cuts or mean >= whole:
            return (word,)
        return tuple(word[a:b] for a, b in zip((0, *cuts), cuts, strict=False))

    def _from(self, word: str, start: int) -> list[tuple[int, int]]:
        """Where parts that begin at a place end, their links with them, and how often each occurs."""
        found: dict[int, int] = {}
        for end in range(start + self.least, len(word) + 1):
            count = 0 if end - start == len(word) else self.counts.get(word[start:end], 0)
            if count == 0:
                continue
            for link in ("", *self.links):
                if word.startswith(link, end) and (not link or end + len(link) < len(word)):
                    found[end + len(link)] = max(found.get(end + len(link), 0), count)
        return sorted(found.items())


def spans(word: str, parts: Sequence[str]) -> list[str]:
    """Where the parts of a word, each in its own normal form, are in it: the spans with the least edits in all.

    Every part has at least one letter of the word; of equal ways the one that cuts last. Raises ValueError for more parts than
    letters.

    >>> spans("kinderwagens", ["kind", "wagen"])
    ['kinder', 'wagens']
    >>> spans("wälderrand", ["wald", "rand"])
    ['wälder', 'rand']
    """
    if not 0 < len(parts) <= len(word):
        raise ValueError(f"{word!r} cannot have {len(parts)} parts")
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
    for number, part in enumerate(parts):
        last = len(word) - (len(parts) - 1 - number)
        after: dict[int, tuple[int, tuple[int, ...]]] = {}
        for start, (cost, cuts) in best.items():
            for end, edits in enumerate(_edits(part, word[start:last]), start):
                if end == start or (number == len(parts) - 1 and end < len(word)):
                    continue
                made = (cost + edits, (*cuts, -end))
                after[end] = min(after.get(end, made), made)
        best = after
    cuts = tuple(-cut for cut in best[len(word)][1])
    return [word[a:b] for a, b in zip((0, *cuts), cuts, strict=False)]


def _edits(part: str, text: str) -> list[int]:
    """The distance (Levenshtein) of a part from each prefix of a text."""
    line = list(range(len(text) + 1))
    for letter in part:
        above, line = line, [line[0] + 1]
        for place, other in enumerate(text):
            line.append(min(above[place] + (letter != other), above[place + 1] + 1, line[place] + 1))
    return line
