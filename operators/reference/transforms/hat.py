"""The words of HAT, in plain Python and rule by rule: the twin of its kernel."""

from collections.abc import Callable

__all__ = ["BREAKS", "TWINS", "mark_words"]

BREAKS = (
    "",
    "CR",
    "LF",
    "Newline",
    "Extend",
    "Format",
    "ZWJ",
    "WSegSpace",
    "ALetter",
    "Hebrew_Letter",
    "Numeric",
    "Katakana",
    "ExtendNumLet",
    "MidLetter",
    "MidNum",
    "MidNumLet",
    "Single_Quote",
    "Double_Quote",
    "Regional_Indicator",
)
LETTERS = {"ALetter", "Hebrew_Letter"}
LINES = {"CR", "LF", "Newline"}
IGNORED = {"Extend", "Format", "ZWJ"}
BETWEEN_LETTERS = {"MidLetter", "MidNumLet", "Single_Quote"}
BETWEEN_DIGITS = {"MidNum", "MidNumLet", "Single_Quote"}
JOINED = {*LETTERS, "Numeric", "Katakana", "ExtendNumLet"}


def mark_words(text: str, most: int, value: Callable[[str], int]) -> list[bytes]:
    """The words of a text, none of more than `most` bytes, by what is known of each character, as the table has it.

    >>> letters = {"a": 8 | 128, "B": 8 | 256, " ": 7 | 512, ",": 14 | 64}
    >>> mark_words("aB, a", 9, letters.__getitem__)
    [b'a', b'B,', b' a']
    """
    kinds = [BREAKS[value(character) & 31] for character in text]
    words: list[list[str]] = []
    before = ""
    for piece in _pieces(text, kinds, value):
        kind = _kind(piece, value)
        if (before, kind) in {("space", "word"), ("space", "mark"), ("word", "mark"), ("mark", "mark")}:
            words[-1].append(piece)
        else:
            words.append([piece])
        before = kind
    return [part for word in words for part in _cut("".join(word).encode(), most)]


def _pieces(text: str, kinds: list[str], value: Callable[[str], int]) -> list[str]:
    """Text cut at the boundaries of words, behind punctuation, and between a small and a capital letter."""
    out: list[str] = []
    for i, character in enumerate(text):
        cased = i > 0 and value(text[i - 1]) & 128 and value(character) & 256
        forced = i > 0 and (value(text[i - 1]) & 64 or cased)
        at_line = i > 0 and (kinds[i - 1] in LINES or kinds[i] in LINES)
        pair = i > 0 and kinds[i - 1 : i + 1] == ["CR", "LF"]
        if i == 0 or (not pair and (at_line or forced or _boundary(kinds, i, bool(value(character) & 32)))):
            out.append("")
        out[-1] += character
    return out


def _boundary(kinds: list[str], i: int, picture: bool) -> bool:
    """WB3c to WB999 between characters of which none ends a line."""
    kind = kinds[i]
    if kinds[i - 1] == "ZWJ" and picture:  # WB3c
        return False
    if kinds[i - 1] == kind == "WSegSpace":  # WB3d
        return False
    if kind in IGNORED:  # WB4
        return False
    own = [k for j, k in enumerate(kinds[:i]) if k not in IGNORED or j == 0 or kinds[j - 1] in LINES]
    # What begins a line and would belong to something before it is nothing in particular.
    last, before = (own[::-1] + ["", ""])[:2]
    behind = next((k for k in kinds[i + 1 :] if k not in IGNORED), "")
    run = next((n for n, k in enumerate(own[::-1]) if k != "Regional_Indicator"), len(own))
    hebrew, digits = "Hebrew_Letter", "Numeric"
    return not (
        {last, kind} <= {*LETTERS, digits}  # WB5, WB8 to WB10
        or (last in LETTERS and kind in BETWEEN_LETTERS and behind in LETTERS)  # WB6
        or (before in LETTERS and last in BETWEEN_LETTERS and kind in LETTERS)  # WB7
        or (last == hebrew and kind == "Single_Quote")  # WB7a
        or (last == behind == hebrew and kind == "Double_Quote")  # WB7b
        or (before == kind == hebrew and last == "Double_Quote")  # WB7c
        or (before == kind == digits and last in BETWEEN_DIGITS)  # WB11
        or (last == behind == digits and kind in BETWEEN_DIGITS)  # WB12
        or last == kind == "Katakana"  # WB13
        or (last in JOINED and kind == "ExtendNumLet")  # WB13a
        or (last == "ExtendNumLet" and kind in JOINED)  # WB13b
        or (last == kind == "Regional_Indicator" and run % 2 == 1)  # WB15, WB16
    )


def _kind(piece: str, value: Callable[[str], int]) -> str:
    if piece == " ":
        return "space"
    if all(value(character) & 512 for character in piece):
        return "white space"
    return "mark" if len(piece) == 1 and value(piece) & 64 else "word"


def _cut(word: bytes, most: int) -> list[bytes]:
    out = []
    while len(word) > most:
        cut = next((at for at in range(most, 0, -1) if word[at] & 0xC0 != 0x80), most)
        out.append(word[:cut])
        word = word[cut:]
    return [*out, word]


TWINS = {"transforms.kernels.hat:mark_words": mark_words}
