"""Fonts that characters are drawn with: GNU Unifont's `.hex`, which is text, and outlines (`.ttf`, `.otf`) by Pillow.

A line of `.hex` is a code point, a colon, and 16 rows of pixels, all in hexadecimal: 32 digits are 8 pixels a row, 64 are 16. Its
glyphs are made larger in whole numbers as often as they fit 32 by 32 pixels, and stand in the middle.
"""

import gzip
import io
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.embeddings.glyphs import SIDE
from pairloom.operators.errors import DataError, RecipeError

__all__ = ["font_of", "read_hex"]

_ROWS = 16
_DIGITS = {32, 64, 96, 128}

Glyph = Callable[[str], npt.NDArray[np.bool_] | None]


def font_of(name: str, data: bytes) -> Glyph:
    """What draws characters, by a file's name and content.

    Raises DataError for a file that is no font, RecipeError for one of another kind, and where Pillow is missing.
    """
    lower = name.lower()
    if lower.endswith((".hex", ".hex.gz")):
        glyphs = read_hex(name, _inflated(name, data) if lower.endswith(".gz") else data)
        return lambda character: glyphs.get(ord(character))
    if lower.endswith((".ttf", ".otf", ".ttc")):
        return _outlines(name, data)
    raise RecipeError(f"{name}: fonts are .hex (or .hex.gz), .ttf, .otf and .ttc: name one of these")


def read_hex(name: str, data: bytes) -> dict[int, npt.NDArray[np.bool_]]:
    """The glyphs of a `.hex` font by code points, bool[32, 32]; raises DataError, which names file and line.

    >>> read_hex("a.hex", b"0041:" + b"80" * 16)[0x41][0, 8:11].tolist()
    [True, True, False]
    """
    found: dict[int, npt.NDArray[np.bool_]] = {}
    for number, line in enumerate(data.removeprefix(BOM_UTF8).split(b"\n"), 1):
        point, _, spelled = line.strip().partition(b":")
        if not point:
            continue
        try:
            character, rows = int(point, 16), np.frombuffer(bytes.fromhex(spelled.decode("ascii")), np.uint8)
        except ValueError:
            rows = np.zeros(0, np.uint8)
            character = -1
        if not 0 <= character < 0x110000 or len(spelled) not in _DIGITS:
            raise DataError(
                f"{name}, line {number}: no code point with 32, 64, 96 or 128 hexadecimal digits behind a colon; take GNU "
                "Unifont's .hex"
            )
        found[character] = _placed(np.unpackbits(rows.reshape(_ROWS, -1), axis=1).astype(np.bool_))
    if not found:
        raise DataError(f"{name} has no glyph; take GNU Unifont's .hex")
    return found


def _placed(small: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels in the middle of 32 by 32, as many times larger as they fit."""
    times = min(SIDE // small.shape[0], SIDE // small.shape[1])
    large = small.repeat(times, axis=0).repeat(times, axis=1)
    out = np.zeros((SIDE, SIDE), np.bool_)
    down, right = ((SIDE - size) // 2 for size in large.shape)
    out[down : down + large.shape[0], right : right + large.shape[1]] = large
    return out


def _inflated(name: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name} is no gzip file, or a part of one: {error}") from error


def _outlines(name: str, data: bytes) -> Glyph:
    """Outlines in the size at which a line of the font is 32 pixels high at most, without shades of grey."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise RecipeError(
            "drawing with outlines needs Pillow: pip install 'pairloom[glyphs]', or take a .hex font"
        ) from error
    try:
        fonts = [ImageFont.truetype(io.BytesIO(data), size) for size in range(SIDE, 7, -1)]
    except OSError as error:
        raise DataError(f"{name} is no font that Pillow reads: {error}") from error
    font = next((one for one in fonts if sum(one.getmetrics()) <= SIDE), fonts[-1])
    ascent = font.getmetrics()[0]

    def drawn(character: str) -> npt.NDArray[np.bool_]:
        image = Image.new("1", (SIDE, SIDE))
        canvas: Any = ImageDraw.Draw(image)
        canvas.fontmode = "1"
        canvas.text(
            ((SIDE - round(font.getlength(character))) // 2, ascent),
            character,
            fill=1,
            font=font,
            anchor="ls",
        )
        return np.asarray(image, np.bool_)

    lacking = drawn("\U0010ffff")  # no character: what stands for those that a font has not

    def glyph(character: str) -> npt.NDArray[np.bool_] | None:
        found = drawn(character)
        return None if np.array_equal(found, lacking) and not character.isspace() else found

    return glyph
