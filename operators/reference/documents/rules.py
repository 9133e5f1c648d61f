"""What rules ask of a document, in plain Python: its words, its lines, what it repeats, and which of its lines are prose."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache

from pairloom.operators.text.pretokenize.classes import DIGIT, LETTER, PUNCTUATION, SPACE, classes
from pairloom.operators.text.pretokenize.patterns.properties import property_named

__all__ = ["TWINS", "count_letters", "keep_lines", "measure_lines", "measure_words", "repetition", "words_of"]

_ELLIPSES = ("...", "\u2026")


@lru_cache
def _kinds() -> bytes:
    return classes("segmented").expand().tobytes()


def _kind(character: str) -> int:
    return _kinds()[ord(character)]


def words_of(text: str) -> list[str]:
    """What stands between white space."""
    words = [""]
    for c in text:
        if _kind(c) & SPACE:
            words.append("")
        else:
            words[-1] += c
    return [word for word in words if word]


def _bare(text: str) -> str:
    """A text without white space around it."""
    places = [i for i, c in enumerate(text) if not _kind(c) & SPACE]
    return text[places[0] : places[-1] + 1] if places else ""


def _lines_of(text: str) -> list[str]:
    """Lines end with a newline; behind the last there is none."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def measure_words(text: str, stops: Collection[str] = ()) -> list[int]:
    """Characters, words, proper words and their characters, alphabetic words, hashes, ellipses, stop words, newlines."""
    words = words_of(text)
    proper = [w for w in words if any(_kind(c) & (LETTER | DIGIT) or not _kind(c) & PUNCTUATION for c in w)]
    alphabetic = [w for w in words if any(_kind(c) & LETTER for c in w)]
    ellipses = sum(text.count(one) for one in _ELLIPSES)
    return [
        len(text),
        len(words),
        len(proper),
        sum(map(len, proper)),
        len(alphabetic),
        text.count("#"),
        ellipses,
        len(set(stops) & set(words)),
        text.count("\n"),
    ]


def measure_lines(text: str, ends: Sequence[str], short: int) -> list[int]:
    """Lines, those with bullets and with ellipses, those with text, and of these the ended, the short, and what is repeated."""
    lines = _lines_of(text)
    filled = [line for line in lines if _bare(line)]
    repeated = [line for i, line in enumerate(filled) if line in filled[:i]]
    return [
        len(lines),
        sum(_bare(line).startswith(("-", "\u2022")) for line in lines),
        sum(_bare(line).endswith(_ELLIPSES) for line in lines),
        len(filled),
        sum(line.endswith(tuple(ends)) for line in filled),
        sum(len(line) <= short for line in filled),
        sum(map(len, repeated)),
    ]


def repetition(
    text: str,
    parts: Sequence[float],
    top: Sequence[tuple[int, float]],
    repeated: Sequence[tuple[int, float]],
) -> int:
    """The first rule that a document breaks, as `judge_repetition` numbers them; 0 for none."""
    if not text:
        return 0
    shares: list[float] = []
    for pieces in (re.split(r"\n{2,}", _bare(text)), re.split(r"\n+", text)):
        again = [piece for i, piece in enumerate(pieces) if piece in pieces[:i]]
        shares += [len(again) / len(pieces), sum(map(len, again)) / len(text)]
    bounds = list(parts)
    words = words_of(text)
    for n, bound in top:
        runs = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
        run, count = runs.most_common(1)[0] if runs else ((), 0)
        shares.append(len(" ".join(run)) * count / len(text))
        bounds.append(bound)
    for n, bound in repeated:
        met: set[tuple[str, ...]] = set()
        i = characters = 0
        while i <= len(words) - n:
            here = tuple(words[i : i + n])
            if here in met:
                characters += len("".join(here))
                i += n
            else:
                met.add(here)
                i += 1
        shares.append(characters / len(text))
        bounds.append(bound)
    return next(
        (i for i, (share, bound) in enumerate(zip(shares, bounds, strict=True), 1) if share > bound), 0
    )


def count_letters(text: str, scripts: Sequence[str]) -> list[int]:
    """Letters, and those of some scripts."""
    points = [ord(c) for c in text]
    letter = property_named("L")
    wanted = [property_named(script) for script in scripts]
    assert letter is not None
    letters = [p for p in points if letter[p]]
    return [len(letters), sum(any(one[p] for one in wanted if one is not None) for p in letters)]


def keep_lines(text: str, phrases: Sequence[str], asked: Sequence[int]) -> tuple[str, int]:
    """The lines of a page that are prose, and why it is left out, as the kernel says; before white space is taken off its ends.

    `phrases` are those from the third on, `asked` is as the kernel has it.
    """
    kept, sentences = [], 0
    for line in map(_bare, _lines_of(text)):
        words = words_of(line)
        if asked[3] >= 0 and any(len(word) > asked[3] for word in words):
            continue
        if asked[0]:
            line = re.sub(r"\[[0-9]*]|\[edit]|\[citation needed]", "", line)  # noqa: PLW2901
        if asked[1] and (not line.endswith((".", "?", "!", '"', "'")) or line.endswith("...")):
            continue
        if len(words) < asked[2]:
            continue
        small = re.sub("[A-Z]", lambda c: c[0].lower(), line)
        if asked[4] and phrases[0] in small:
            return "", 1
        if asked[5] and phrases[1] in small:
            continue
        if asked[6] and "{" in line:
            return "", 2
        if asked[7] and any(phrase in small for phrase in phrases[2:]):
            continue
        ends = re.finditer(r"[.?!][.?!\"')\]]*(?P<next>.)", line, re.DOTALL)
        sentences += 1 + sum(bool(_kind(end["next"]) & SPACE) for end in ends)
        kept.append(line)
    return ("", 3) if sentences < asked[8] else ("\n".join(kept), 0)


TWINS = {
    "documents.kernels.lines:measure_lines": measure_lines,
    "documents.kernels.repetition:judge_repetition": repetition,
    "documents.kernels.scripts:count_letters": count_letters,
    "documents.kernels.web_lines:keep_lines": keep_lines,
    "documents.kernels.words:measure_words": measure_words,
}
