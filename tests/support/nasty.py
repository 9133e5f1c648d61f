"""Text that goes wrong: many scripts, marks, controls, spaces of all kinds, long words, what spells tokens."""

import random

__all__ = ["nasty_texts"]

_RANGES = (
    (0x00, 0x7F),
    (0x80, 0x24F),
    (0x250, 0x36F),
    (0x370, 0x5FF),
    (0x600, 0x7FF),
    (0x900, 0xDFF),
    (0xE00, 0x10FF),
    (0x1100, 0x11FF),
    (0x1200, 0x1FFF),
    (0x2000, 0x2BFF),
    (0x2E80, 0x33FF),
    (0x4E00, 0x4FFF),
    (0xA000, 0xABFF),
    (0xAC00, 0xACFF),
    (0xE000, 0xE010),
    (0xF900, 0xFFFF),
    (0x10000, 0x11FFF),
    (0x1D100, 0x1D7FF),
    (0x1F1E6, 0x1F9FF),
    (0xE0000, 0xE01EF),
    (0x10FFF0, 0x10FFFF),
)
_GIVEN = (
    "",
    " ",
    "   ",
    "a",
    " a",
    "a ",
    "  a  b  ",
    "\u2581",
    "\u2581a \u2581 \u2581\u2581b",
    "a\u2581b",
    "Hello, world! it's 12345.",
    "na\u00efve cafe\u0301 e\u0301\u0327\u302a \u302a\u0301",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8 \u4e2d\u6587",
    "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab\uac00\u11a8",
    "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u0e19\u0e49\u0e33",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0915\u094d\u0937",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629\u200c\u200d",
    "a\r\nb\rc\nd\n\n\n e\t\tf\u00a0g\u3000h\u2028i\u0085j\u200bk\ufeffl",
    "\x00\x01\x07\x1b\x1c\x1f\x7f\x80\x9f\ufffd\ufffe\uffff",
    "\U0001f926\U0001f3fd\u200d\u2642\ufe0f \U0001f1e9\U0001f1ea\U0001f1e9",
    "\u00df\u1e9e\u0130\u0131\u01c5\u03a3\u03b1\u03c2 \ufb03 \u2460 \uff21\uff42 \u00bd\u2122 \u212b",
    "x" * 99,
    "x" * 100,
    "x" * 101,
    "\u00e9" * 101,
    "ab" * 900,
    "\u6f22" * 700,
    "<unk> [UNK] <s></s> <0x0A> [MASK]x [mask] <extra_id_0>",
    "``quoted'' \"x\" --- ... $%&",
)


def nasty_texts(count: int = 400, seed: int = 0) -> list[str]:
    """The same texts for the same seed."""
    draw = random.Random(seed)
    found = list(_GIVEN)
    common = "abcdefghij ABC  .,'\n\u2581\u0301"
    for _ in range(count):
        low, high = draw.choice(_RANGES)
        chars = [
            chr(point)
            for point in (draw.randint(low, high) for _ in range(8))
            if not 0xD800 <= point < 0xE000
        ]
        chars += draw.choices(common, k=12)
        parts = draw.choices(chars, k=draw.randrange(40))
        if draw.random() < 0.3:
            parts.insert(draw.randrange(len(parts) + 1), draw.choice(_GIVEN)[:40])
        found.append("".join(parts))
    return found
