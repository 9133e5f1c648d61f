"""Cutting text where a property would rarely look: window edges, ends of buffers, long runs, real sources."""

import itertools
import os
import pickle
import runpy
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Regex, pre_tokenizers

from pairloom.operators.reference.text.pretokenize.patterns import split, split_bytes
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.pretokenize import UNICODE_VERSION, Pretokenizer
from pairloom.operators.text.pretokenize.classes import (
    BLANK,
    DIGIT,
    LETTER,
    MARK,
    NEWLINE,
    PROFILES,
    SPACE,
    classes,
)
from pairloom.operators.text.pretokenize.schemes import DIGITS, SCHEMES

RULES = [(scheme, digits) for scheme in SCHEMES for digits in ("keep", *DIGITS)]

# Each meets a rule that looks ahead or behind; slid through a window, each is cut by its edge in every place.
SLID = [
    "don't you'LL we'ſo 'tis ''s x's's 'sabc",
    "a \n \n\n  b\t\tc \r\n\r\n d\u3000\u3000e\u00a0f \u2028 g",
    "x!!\n\n  y ?/\n//\n/z ,\r\n/ a;\n\n",
    "1 12 123 1234 12345 １２３４５६७ Ⅷ9x1234567",
    "fooBarHTTPServer ABCdefG ÀÉîo中文ABC中Ab ʰAʰb ǅA aʰA x中A's x's中Ab y't中A",
    "e\u0301E\u0301x !\u0301a !!\u0301b  \u0301\u0301 A\u0301B\u0301 \u0301A",
    "東京・タワー\u3099は、3000 mカ!カ \u3040あ 中 文\n",
    "\x00\x01a\u200bb \u200b\u200bc\ue000\ue000 \x1c",
    "😀😀 a😀b \U00020000\U00020001c d\U0010ffffe",
    "naïve café: señor, “quoted” — ¿qué?  Привет, мир!  नमस्ते दुनिया",
]


@pytest.mark.parametrize(
    ("scheme", "digits"), [*((s, "keep") for s in SCHEMES), ("gpt2", "r2l3"), ("o200k", "r2l3")]
)
def test_the_place_in_a_window_does_not_matter(scheme, digits):
    pretokenizer = Pretokenizer(scheme=scheme, digits=digits)
    for slid in SLID:
        for shift, fill in itertools.product(range(131), ("x", " ")):
            text = fill * shift + slid + fill * (130 - shift)
            assert pretokenizer.split_text(text) == split(text, pretokenizer.patterns), (shift, fill)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_runs_longer_than_a_window_and_what_ends_them(scheme):
    pretokenizer = Pretokenizer(scheme=scheme)
    fills = [
        "a",
        "A",
        "中",
        "ʰ",
        "ß",
        "!",
        "/",
        " ",
        "\n",
        "\t",
        "\u0301",
        "\x01",
        "カ",
        "・",
        "\u3000",
        "aA",
        "中A",
        "!\u0301",
    ]
    ends = [
        "",
        "A",
        "AB",
        "b",
        "Ab",
        "'s",
        "'Sx",
        "!",
        "!!\u0301a",
        "\n",
        "\n/",
        "/\n/",
        "\u0301",
        "中",
        "中A!",
        "1",
        " ",
        " x",
    ]
    for start, fill, end in itertools.product(("", "x", " ", "!", "中"), fills, ends):
        text = start + fill * 70 + end
        assert pretokenizer.split_text(text) == split(text, pretokenizer.patterns), (start, fill, end)


@pytest.mark.parametrize(("scheme", "digits"), RULES)
def test_broken_bytes_in_and_around_long_runs(scheme, digits):
    pretokenizer = Pretokenizer(scheme=scheme, digits=digits)
    for broken in (b"\xff", b"\xe4\xb8", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc3", b"\x80\x80"):
        for fill, shift in itertools.product(("a", ".", " ", "中", "7"), (0, 1, 30, 61, 62, 63, 64, 65, 100)):
            data = fill.encode() * shift + broken + fill.encode() * 70
            text = Text(data=np.frombuffer(data, np.uint8), offsets=np.array([0, len(data)]))
            ends = [end for _, ends in pretokenizer.blocks(text) for end in ends.tolist()]
            assert ends == [*itertools.accumulate(map(len, split_bytes(data, pretokenizer.patterns)))], data


@pytest.mark.parametrize("digits", ["keep", *DIGITS])
@pytest.mark.parametrize("scheme", ["gpt2", "llama3", "qwen2", "o200k", "deepseek_v3", "whitespace", "none"])
def test_runs_of_digits_of_every_length(scheme, digits):
    pretokenizer = Pretokenizer(scheme=scheme, digits=digits)
    for length, digit in itertools.product([*range(1, 21), 62, 63, 64, 65, 66, 127, 128, 129, 200], "7९"):
        text = f"a {digit * length} b{digit * length}"
        assert pretokenizer.split_text(text) == split(text, pretokenizer.patterns)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_spaces_at_the_end_of_a_document(scheme):
    pretokenizer = Pretokenizer(scheme=scheme)
    for run in map("".join, itertools.product(" \n\t\u00a0", repeat=4)):
        for text in (f"a{run}", f"{run}", f"a!{run}", "a" * 60 + run, f"1{run}"):
            assert pretokenizer.split_text(text) == split(text, pretokenizer.patterns)


def test_digits_in_threes_from_the_right_stay_linear_and_aligned_over_blocks():
    data = b"1" * 100_000
    text = Text(data=np.frombuffer(data, np.uint8), offsets=np.array([0, len(data)]))
    pretokenizer = Pretokenizer(scheme="gpt2", digits="r2l3")
    ends = np.concatenate([ends.copy() for _, ends in pretokenizer.blocks(text, block_bytes=100)])
    assert ends.tolist() == [1, *range(4, 100_001, 3)]


def documents_of(pretokenizer, array):
    text = text_of(array)
    cuts = [int(text.offsets[0])]
    for _, ends in pretokenizer.blocks(text):
        cuts += ends.tolist()
    raw = text.data.tobytes()
    return [raw[low:high] for low, high in itertools.pairwise(cuts)]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_documents_of_no_or_one_byte_slices_and_nulls(kind):
    values = ["skipped", "a", "", "'", None, " ", "\n", "", "a  b", "the end"]
    array = pa.array(values, pa.string()).cast(kind)[1:9]
    pretokenizer = Pretokenizer(scheme="llama3")
    assert documents_of(pretokenizer, array) == [b"a", b"'", b" ", b"\n", b"a", b" ", b" b"]
    assert documents_of(pretokenizer, array[2:2]) == []
    assert documents_of(pretokenizer, pa.array([], kind)) == []


def test_blocks_are_of_the_size_asked_for_and_reuse_one_buffer():
    data = np.frombuffer(b"seven.. " * 10_000, np.uint8)
    text = Text(data=data, offsets=np.arange(0, len(data) + 1, 1000))
    blocks = [
        (start, ends[-1], ends.ctypes.data) for start, ends in Pretokenizer().blocks(text, block_bytes=4096)
    ]
    assert all(4096 <= stop - start < 4096 + 130 for start, stop, _ in blocks[:-1])
    assert len({address for _, _, address in blocks}) == 1


@pytest.mark.parametrize("offsets", [[0, 5], [-1, 3], [0, 3, 2, 4]])
def test_offsets_outside_of_the_data_are_refused(offsets):
    text = Text(data=np.zeros(4, np.uint8), offsets=np.array(offsets))
    for pretokenizer in (Pretokenizer(), Pretokenizer(scheme="none"), Pretokenizer(pattern=".")):
        with pytest.raises(ValueError, match="do not ascend within 4 bytes"):
            pretokenizer.blocks(text)


def test_blocks_of_nothing_are_refused():
    text = Text(data=np.zeros(4, np.uint8), offsets=np.array([0, 4]))
    with pytest.raises(ValueError, match="block_bytes=0"):
        Pretokenizer().blocks(text, block_bytes=0)


def test_arrays_of_any_owner_share_one_compiled_kernel():
    from pairloom.operators.text.pretokenize.kernels.scan import SCANS

    for data in (b"a b", bytearray(b"a b")):
        owned = np.frombuffer(data, np.uint8)
        list(Pretokenizer().blocks(Text(data=owned, offsets=np.array([0, 3]))))
    assert len(SCANS["spaced"].signatures) == 1


GUARDED = """
    import ctypes, mmap, sys
    import numpy as np
    from pairloom.operators.text.pretokenize import Pretokenizer
    from pairloom.operators.text.pretokenize.schemes import SCHEMES
    from pairloom.operators.text.arrays import Text

    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 3 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for guard in (start, start + 2 * page):
        assert protect(guard, page, 0) == 0
    middle = np.frombuffer((ctypes.c_uint8 * page).from_address(start + page), np.uint8)
    if sys.argv[1] == "break":
        print(np.frombuffer((ctypes.c_uint8 * (page + 1)).from_address(start + page), np.uint8)[page])
    whole = ("it's 1234 \\n\\n Zürich, 東京 \\U0001f600! " * 20).encode()
    for scheme in SCHEMES:
        for digits in ("keep", "r2l3"):
            pretokenizer = Pretokenizer(scheme=scheme, digits=digits)
            for length in range(140):
                ends_mid_symbol = b"x" * (length - 1) + b"\\xf0"
                for content in (whole[:length], whole[-length:], b" " * length, b"7" * length, ends_mid_symbol):
                    for low in (0, page - len(content)):
                        middle[low : low + len(content)] = np.frombuffer(content, np.uint8)
                        text = Text(data=middle[low : low + len(content)], offsets=np.array([0, len(content)]))
                        ends = [end for _, ends in pretokenizer.blocks(text) for end in ends.tolist()]
                        assert (ends[-1:] or [0]) == [len(content)]
    print("done")
"""


@pytest.mark.skipif(os.name != "posix", reason="needs mprotect")
def test_nothing_is_read_before_or_past_the_text():
    """The text lies at either end of a page between two that may not be read: the process would die of it."""

    def run(mode):
        command = [sys.executable, "-c", textwrap.dedent(GUARDED), mode]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert run("break").returncode < 0
    done = run("scan")
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr


ELSEWHERE = """
    import sys
    from pairloom.operators.text.pretokenize import Pretokenizer
    for scheme in ("gpt2", "o200k"):
        print(ascii(Pretokenizer(scheme=scheme).split_text(sys.argv[1])))
"""


@pytest.mark.rare("operators/kernels", "operators/text")
def test_processors_without_wide_vectors_cut_alike(tmp_path):
    text = " ".join(SLID) * 3
    environment = os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-c", textwrap.dedent(ELSEWHERE), text.replace("\0", "")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    expected = [ascii(Pretokenizer(scheme=s).split_text(text.replace("\0", ""))) for s in ("gpt2", "o200k")]
    assert done.stdout.splitlines() == expected, done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_planes_and_bytes_of_a_class_table_agree(profile):
    table = classes(profile)
    points = table.expand()
    planes = table.bits[24:].reshape(-1, 8)[table.block_of]
    for bit in range(8):
        plane = np.unpackbits(np.ascontiguousarray(planes[:, bit]).view(np.uint8), bitorder="little")
        assert np.array_equal(plane, points >> bit & 1)
    assert np.array_equal(points[:128], table.blocks[:128])
    for lead, word in enumerate(table.bits[:16].tolist()):
        for second in range(64):
            if word >> second & 1:
                low = (lead << 6 | second) << 6
                assert 0x800 <= low < 0xD800 or low >= 0xE000
                assert set(points[low : low + 64].tolist()) == {points[0x4E00]} == {table.bits[16]}


def test_what_is_a_letter_a_number_and_a_space():
    points = classes("cased").expand()
    assert {f"U+{p:04X}" for p in np.flatnonzero(points & SPACE) if p < 0x2000} == {
        *(f"U+{p:04X}" for p in range(9, 14)), "U+0020", "U+0085", "U+00A0", "U+1680",
    }  # fmt: skip
    assert [int((points & bit != 0).sum()) for bit in (SPACE, NEWLINE, BLANK, DIGIT)] == [25, 2, 1, 1911]
    assert int((points & LETTER != 0).sum() - (points & MARK != 0).sum()) == 141_028


@pytest.mark.rare("operators/text", "infra/make_unicode_classes.py")
def test_the_class_table_is_what_tokenizers_answers():
    built = runpy.run_path(str(Path(__file__).parents[4] / "infra" / "make_unicode_classes.py"))
    assert built["TARGET"].read_bytes() == built["build"]()
    assert built["VERSION"] == UNICODE_VERSION


def sources(size):
    """Python's own standard library, tests with odd characters in front, one document a file."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = [*sorted(root.glob("encodings/*.py")), *sorted(root.glob("*.py"))]
    taken, total = [], 0
    for path in paths:
        content = path.read_text(encoding="utf-8", errors="replace")
        taken.append(content)
        total += len(content)
        if total > size:
            break
    return taken


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "none"])
def test_real_sources_are_cut_as_by_tokenizers(scheme):
    pretokenizer = Pretokenizer(scheme=scheme)
    peer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(p), "isolated") for p in pretokenizer.patterns]
    )
    documents = sources(400_000)
    expected = [piece for document in documents for piece, _ in peer.pre_tokenize_str(document)]
    array = pa.array(documents, pa.large_string())
    assert [piece.decode() for piece in documents_of(pretokenizer, array)] == expected


def test_a_pretokenizer_is_a_value():
    one, same, other = (
        Pretokenizer(scheme="o200k"),
        Pretokenizer(scheme="o200k"),
        Pretokenizer(pattern=r"\w+"),
    )
    assert one == same
    assert len({one, same, other}) == 2
    assert pickle.loads(pickle.dumps(other)) == other
    assert pickle.loads(pickle.dumps(one)).split_text("aB") == ["a", "B"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "gpt3"}, "unknown pretokenizer scheme 'gpt3'; known: gpt2, "),
        ({"digits": "4"}, "unknown digits rule '4'; known: keep, single"),
        (
            {"pattern": "(a"},
            r"pattern .\(a. is not one for Oniguruma: end pattern with unmatched parenthesis, at or after position 0",
        ),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Pretokenizer(**options)


@pytest.mark.parametrize(("scheme", "digits"), RULES)
def test_no_text_has_no_pieces(scheme, digits):
    assert Pretokenizer(scheme=scheme, digits=digits).split_text("") == []


def test_a_byte_that_is_not_text_is_a_symbol_of_its_own():
    assert split_bytes(b"caf\xe9 \xe4\xb8x", Pretokenizer().patterns) == [b"caf", b"\xe9", b" \xe4\xb8", b"x"]
