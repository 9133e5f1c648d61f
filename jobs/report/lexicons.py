"""Lexicons and segmentations as files: lines of UTF-8 with fields between tabs."""

from collections.abc import Iterator
from pathlib import Path

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.expected import unreadable
from pairloom.pipeline.report import Lexicon

__all__ = ["read_lexicons", "read_segmentations"]

_KINDS = ("word", "root", "affix")


def read_lexicons(named: list[str]) -> dict[str, Lexicon]:
    """Of each LANGUAGE=FILE: a form a line, and after a tab what it is: `word` (also where nothing is said), `root`, `affix`."""
    made = {}
    for language, path in _files(named, "--lexicon"):
        forms: dict[str, set[str]] = {kind: set() for kind in _KINDS}
        for number, (form, *rest) in _lines(path):
            kind = rest[0] if rest else "word"
            if kind not in forms:
                raise DataError(
                    f"{path}, line {number}: {form!r} is a {kind!r}, but forms are {', '.join(_KINDS)}"
                )
            forms[kind].add(form)
        made[language] = Lexicon(
            words=frozenset(forms["word"]), roots=frozenset(forms["root"]), affixes=frozenset(forms["affix"])
        )
    return made


def read_segmentations(named: list[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Of each LANGUAGE=FILE: a word a line, and after a tab its morphemes, with spaces or `|` between; `@@` is taken off.

    What the morphemes do not spell is an error: a segmentation has to be of the surface form.
    """
    made = {}
    for language, path in _files(named, "--segmentation"):
        words = {}
        for number, (word, *rest) in _lines(path):
            morphemes = tuple(rest[0].replace("@@", "").replace("|", " ").split()) if rest else (word,)
            if "".join(morphemes) != word:
                raise DataError(
                    f"{path}, line {number}: {' '.join(morphemes)!r} does not spell {word!r}; give the morphemes as they "
                    "stand in the word, or leave the line out"
                )
            words[word] = morphemes
        made[language] = words
    return made


def _files(named: list[str], option: str) -> Iterator[tuple[str, Path]]:
    seen = set()
    for one in named:
        language, equals, path = one.partition("=")
        if not equals or not language or language in seen:
            raise RecipeError(
                f"{option} {one}: name a language and a file, each language once, as tr=forms.tsv"
            )
        seen.add(language)
        yield language, Path(path)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise unreadable(str(path), error) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8: {error}") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, [one.strip() for one in line.split("\t")]
