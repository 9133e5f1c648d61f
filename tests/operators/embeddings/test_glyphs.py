"""Glyphs of tokens as rows (C27): drawn as a font has them, in one order, reduced the same way every time."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.embeddings.fonts import font_of, read_hex
from pairloom.operators.embeddings.glyphs import (
    PIXELS,
    SIDE,
    draw_tokens,
    mean_rows,
    principal_rows,
    snake_order,
)
from pairloom.operators.errors import DataError, RecipeError

TEXT = "aba ab b\u00e9 abab \u65e5\u672c"


def hex_font() -> bytes:
    """Letters of 8 pixels a row, each another pattern, and a few of 16."""
    random = np.random.default_rng(5)
    lines = [f"{point:04X}:{random.bytes(16).hex().upper()}" for point in range(0x21, 0x7F)]
    lines += [f"0020:{'00' * 16}", f"00E9:{'F0' * 16}", f"65E5:{random.bytes(32).hex()}"]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return learn_bpe(count_words(pa.array([TEXT] * 3), Pretokenizer()), 275, special_tokens=("<|e|>",))


def rows_of(found: object, size: int, dimensions: int) -> np.ndarray:
    out = np.zeros((size, dimensions), np.float32)
    for numbers, rows in found:  # type: ignore[attr-defined]
        out[numbers] = rows
    return out


def test_each_pixel_is_once_in_the_order_and_near_those_beside_it() -> None:
    order = snake_order()
    assert sorted(order.tolist()) == list(range(PIXELS))
    down, right = np.divmod(order, SIDE)
    radius = np.hypot(2 * down - SIDE + 1, 2 * right - SIDE + 1) // 2
    assert (np.diff(radius) >= 0).all()
    steps = np.hypot(np.diff(down), np.diff(right))
    assert np.median(steps) <= np.sqrt(2)


def test_glyphs_of_text_fonts_are_doubled_in_the_middle() -> None:
    glyphs = read_hex("x.hex", f"41:{'81' * 16}\r\n1F600:{'8001' * 16}\n\n".encode())
    assert sorted(glyphs) == [0x41, 0x1F600]
    narrow, wide = glyphs[0x41], glyphs[0x1F600]
    assert np.flatnonzero(narrow[0]).tolist() == [8, 9, 22, 23]
    assert np.flatnonzero(wide[31]).tolist() == [0, 1, 30, 31]
    assert list(read_hex("x.hex", b"\xef\xbb\xbf41:" + b"81" * 16)) == [0x41]
    packed = font_of("x.hex.gz", gzip.compress(b"41:" + b"81" * 16))("A")
    assert packed is not None
    assert np.array_equal(packed, narrow)


def test_which_tokens_are_drawn_is_said_exactly(vocabulary: Vocabulary) -> None:
    drawn = draw_tokens(vocabulary, font_of("x.hex", hex_font()))
    for i, token in enumerate(vocabulary.tokens):
        text = token.decode(errors="ignore") if token.isascii() or token == "é".encode() else ""
        known = any(0x20 <= ord(one) < 0x7F or one in "é日" for one in text)
        if i not in vocabulary.special_ids and token not in ("日本".encode(), " 日本".encode()):
            assert bool(drawn.drawn[i]) == known or b"\xe6" in token or b"\xc3" in token, token
    assert not drawn.drawn[vocabulary.special_id("<|e|>")]
    assert not drawn.drawn[vocabulary.token_to_id(b"\xe9")]
    assert not drawn.drawn[vocabulary.token_to_id(b"\n")]
    assert {"\n", "\x7f"} <= set(drawn.missing)


def test_characters_stand_side_by_side_and_lie_over_each_other(vocabulary: Vocabulary) -> None:
    font = font_of("x.hex", hex_font())
    one, two = draw_tokens(vocabulary, font, 1), draw_tokens(vocabulary, font, 2)
    a, b, ab = (vocabulary.token_to_id(token) for token in (b"a", b"b", b"ab"))
    assert np.array_equal(one.pixels[ab], one.pixels[a] | one.pixels[b])
    half = two.width // 16
    assert np.array_equal(two.pixels[ab], np.concatenate([one.pixels[a], one.pixels[b]]))
    assert not two.pixels[a, half:].any()


def test_principal_components_are_those_of_numpy_and_always_the_same(vocabulary: Vocabulary) -> None:
    drawn = draw_tokens(vocabulary, font_of("x.hex", hex_font()), 1)
    found = rows_of(principal_rows(drawn, 512), len(vocabulary), 512)
    assert np.array_equal(found, rows_of(principal_rows(drawn, 512), len(vocabulary), 512))
    data = np.unpackbits(drawn.pixels[drawn.drawn], axis=1).astype(np.float64)
    data -= data.mean(axis=0)
    left, sizes, _ = np.linalg.svd(data, full_matrices=False)
    rank = int((sizes > 1e-6).sum())
    expected = (left * sizes)[:, :rank]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(np.abs(found[drawn.drawn, :rank]), np.abs(expected), atol=1e-5)
    assert not found[:, rank:].any()  # no rounding is a component
    assert np.allclose(np.linalg.norm(found[drawn.drawn], axis=1), 1, atol=1e-6)
    assert not found[~drawn.drawn].any()
    ab, aba = (vocabulary.token_to_id(token) for token in (b"ab", b"aba"))
    assert np.array_equal(found[ab], found[aba])  # of one slot: the same letters


def test_means_are_of_runs_of_the_order(vocabulary: Vocabulary) -> None:
    drawn = draw_tokens(vocabulary, font_of("x.hex", hex_font()))
    found = rows_of(mean_rows(drawn, 1024), len(vocabulary), 1024)
    i = vocabulary.token_to_id(b"a")
    bits = np.unpackbits(drawn.pixels[i]).reshape(1024, 3).sum(axis=1).astype(np.float64)
    assert np.allclose(found[i], bits / np.linalg.norm(bits))
    assert not found[vocabulary.token_to_id(b" ")].any()  # a blank is nothing
    with pytest.raises(ValueError, match="must divide the 3072 pixels"):
        next(mean_rows(drawn, 1000))
    with pytest.raises(ValueError, match="from 1 to 3072"):
        next(principal_rows(drawn, 3073))


@pytest.mark.parametrize(
    "line",
    ["0041", "zz:" + "00" * 16, "0041:00", "110000:" + "00" * 16, "0041:" + "0g" * 16, "-1:" + "00" * 16],
)
def test_a_line_that_is_no_glyph_is_named(line: str) -> None:
    with pytest.raises(DataError, match=r"x\.hex, line 2: no code point"):
        read_hex("x.hex", f"0042:{'00' * 16}\n{line}\n".encode())


def test_files_that_are_no_fonts_say_so() -> None:
    with pytest.raises(DataError, match="has no glyph"):
        font_of("x.hex", b"\n")
    with pytest.raises(DataError, match="no gzip file"):
        font_of("x.hex.gz", b"\x1f\x8bxx")
    with pytest.raises(RecipeError, match=r"fonts are \.hex"):
        font_of("x.bdf", b"")


def test_outlines_are_drawn_by_pillow() -> None:
    pytest.importorskip("PIL")
    matplotlib = pytest.importorskip("matplotlib")
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    glyph = font_of(file.name, file.read_bytes())
    pixels = glyph("H")
    assert pixels is not None
    assert 60 < pixels.sum() < 400
    assert np.array_equal(pixels, glyph("H"))
    assert glyph("\U0001f999") is None
    blank = glyph(" ")
    assert blank is not None
    assert not blank.any()
    with pytest.raises(DataError, match="no font that Pillow reads"):
        font_of("x.ttf", b"nothing")
