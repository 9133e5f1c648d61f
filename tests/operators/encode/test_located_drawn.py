"""Where the tokens of drawn tokenizers are from in drawn texts, as the library says that reads the same file."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.models.foreign import ForeignTables
from tests.support.charsmaps import precompiled
from tests.support.nasty import nasty_texts
from tests.support.owners import check_offsets, library

# What depends on its neighbours, or becomes nothing, or more, or a space, by some normalizer.
CHARACTERS = (
    "abcA  \t\n\r.,\u2581 \u00a0\u3000\u200b\u200d\x01\u00ad\ufeff\u0301\u0327\u0308\u302a\u0345\u0344\u0f73"
    "\u00e9e\u00c5\u0130\u00df\u03a3\ufb03\u00bd\ufdfa\u2460\u212b\u1e9b\u4e2d\u6587\u65e5\uac00\u1100\u1161\u11a8\u0915\u094d\u0937"
    "\u093f\u0e33\u0e19\u0600\u0661\u05d0\u05b7\U0001f1e9\U0001f1ea\U0001f468\U0001f3fd\ufe0f\u2642\U0001d15e\U0001f926"
)
RULES = {
    "\u00e9": "e\u0301",
    "e\u0301": "\u00e9",
    "\u200b": "",
    "\x01": "",
    "\ufb03": "ffi",
    "\n": " ",
    "\t": " ",
    "\u00a0": " ",
    "\u00bd": "1\u20442",
    "\u3000": " ",
    "\u0e33": "\u0e4d\u0e32",
    "\u1100\u1161": "\uac00",
    "\u0308": "",
    "A": "a",
    "\u200d": "",
}


def normalizers(draw: random.Random, *, bare: bool) -> Any:
    steps: list[dict[str, Any]] = [
        {"type": "NFC"},
        {"type": "NFD"},
        {"type": "NFKC"},
        {"type": "NFKD"},
        {"type": "Lowercase"},
        {"type": "StripAccents"},
        {"type": "Nmt"},
        {
            "type": "BertNormalizer",
            "clean_text": draw.random() < 0.5,
            "handle_chinese_chars": draw.random() < 0.5,
            "strip_accents": draw.choice([None, True, False]),
            "lowercase": draw.random() < 0.5,
        },
        precompiled(RULES),
        {"type": "Replace", "pattern": {"String": draw.choice("ae\u00e9 \u0301.\u2581")}, "content": draw.choice(["", "b", "\u0301", "xy", " "])},
    ]  # fmt: skip
    found = draw.sample(steps, draw.choice([0, 1, 1, 2, 3]))
    sides = {"strip_left": draw.random() < 0.6, "strip_right": draw.random() < 0.6}
    found += [{"type": "Strip", **sides}] if draw.random() < 0.25 else []
    content = draw.choice([" ", " ", "\u2581"])
    runs = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": content}
    found += [runs] if draw.random() < 0.3 else []
    if bare and draw.random() < 0.7:
        found += [{"type": "Prepend", "prepend": "\u2581"}] if draw.random() < 0.5 else []
        found.append({"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"})
    return {"type": "Sequence", "normalizers": found} if found else None


def pretokenizer(draw: random.Random, kind: str) -> Any:
    scheme = draw.choice(["always", "always", "never", "first"])
    marks = {
        "type": "Metaspace",
        "replacement": "\u2581",
        "prepend_scheme": scheme,
        "split": draw.random() < 0.7,
    }
    if kind in ("WordPiece", "WordLevel"):
        return {"type": draw.choice(["BertPreTokenizer", "Whitespace", "WhitespaceSplit"])}
    if draw.random() < 0.3:
        marks |= {"prepend_scheme": "always", "split": True}
        return {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, marks]}
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    return draw.choice([marks, marks, None, split if kind == "BPE" else marks])


def model(draw: random.Random, kind: str) -> dict[str, Any]:
    letters = sorted({*draw.sample(CHARACTERS, 25), *"abe"} - {" "})
    words = ["<unk>", "\u2581", *letters]
    if kind == "BPE":
        merges = []
        for _ in range(25):
            parts = [draw.choice(words[1:]), draw.choice(words[1:])]
            if len("".join(parts)) < 6 and "".join(parts) not in words:
                merges.append(parts)
                words.append("".join(parts))
        falls = draw.random() < 0.4
        words += [f"<0x{byte:02X}>" for byte in range(256)] if falls else []
        vocabulary = {word: i for i, word in enumerate(words)}
        options = {"unk_token": "<unk>", "fuse_unk": draw.random() < 0.5, "byte_fallback": falls}
        return {"type": kind, "vocab": vocabulary, "merges": merges, **options}
    for _ in range(40):
        word = "".join(draw.choices(["\u2581", *letters], k=draw.randrange(2, 5)))
        words.append(draw.choice(["", "##"]) + word if kind == "WordPiece" else word)
    words = list(
        dict.fromkeys([*words, *("##" + one for one in letters[::2])] if kind == "WordPiece" else words)
    )
    if kind == "Unigram":
        pieces = [(word, 0.0 if word == "<unk>" else -draw.randrange(1, 9) / 2) for word in words]
        falls = draw.random() < 0.4
        pieces += [(f"<0x{byte:02X}>", 0.0) for byte in range(256)] if falls else []
        return {"type": kind, "unk_id": 0, "vocab": pieces, "byte_fallback": falls}
    found: dict[str, Any] = {
        "type": kind,
        "vocab": {word: i for i, word in enumerate(words)},
        "unk_token": "<unk>",
    }
    more = {"continuing_subword_prefix": "##", "max_input_chars_per_word": draw.choice([4, 100])}
    return found | (more if kind == "WordPiece" else {})


def added(draw: random.Random, size: int) -> list[dict[str, Any]]:
    found = []
    for content in draw.sample(
        ["<s>", "[M]", "ab", "a b", "\u00e9A", "e\u0301", "\n\n", "."], draw.randrange(4)
    ):
        flags = {name: draw.random() < 0.12 for name in ("single_word", "lstrip", "rstrip")}
        special = draw.random() < 0.5
        more = {"special": special, "normalized": draw.random() < 0.25, "id": size + len(found)}
        found.append({"content": content, **flags, **more})
    return found


def drawn(draw: random.Random) -> dict[str, Any]:
    kind = draw.choice(["WordPiece", "WordLevel", "Unigram", "Unigram", "BPE", "BPE"])
    made = model(draw, kind)
    cut = pretokenizer(draw, kind)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added(draw, len(made["vocab"])),
        "normalizer": normalizers(draw, bare=(kind == "BPE" and cut is None) or draw.random() < 0.1),
        "pre_tokenizer": cut,
        "post_processor": None,
        "decoder": None,
        "model": made,
    }


def texts_of(draw: random.Random, count: int) -> list[str]:
    parts = ["<s>", "[M]", "ab", "a b", "\u00e9A", "e\u0301", "<unk>", "\n\n", *CHARACTERS, *"aaabbbeee    "]
    return ["".join(draw.choices(parts, k=draw.choice([0, 1, 2, 3, 5, 9, 30]))) for _ in range(count)]


def check(seed: int, counted: Callable[[], int]) -> tuple[int, int]:
    """How many texts a drawn tokenizer was asked for, and how many of them the library was; none where it knows no such file."""
    draw = random.Random(seed)
    document = drawn(draw)
    try:
        theirs = library().Tokenizer.from_str(json.dumps(document))
    except Exception:  # noqa: BLE001  (the library knows no other error)
        return 0, 0
    try:
        vocabulary = Vocabulary.from_json(json.dumps(document).encode())
    except Exception as error:
        if type(error).__name__ in ("DataError", "RecipeError"):
            return 0, 0
        raise
    if vocabulary.model.name == "foreign":
        return 0, 0
    texts = [*texts_of(draw, 24), *nasty_texts(6, seed)[-6:]]
    before = counted()
    for policy in ("text", "parse"):
        theirs.encode_special_tokens = policy == "text"
        check_offsets(vocabulary, theirs, texts, policy)
    return 4 * len(texts), counted() - before


@pytest.mark.parametrize("part", range(6))
def test_offsets_of_drawn_tokenizers_are_those_of_the_library(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = [0]
    theirs = ForeignTables.locate_texts

    def asked(tables: ForeignTables, texts: Any, **options: Any) -> Any:
        counted[0] += len(texts)
        return theirs(tables, texts, **options)

    monkeypatch.setattr(ForeignTables, "locate_texts", asked)
    total = sent = 0
    for seed in range(40 * part, 40 * part + 40):
        both = check(seed, lambda: counted[0])
        total, sent = total + both[0], sent + both[1]
    assert total > 1000
    assert sent < total / 2  # else nothing is said of the kernels
