"""Normal forms of all code points, the data they come from, and where a special token stands."""

import dataclasses
import json
import runpy
from pathlib import Path

import pyarrow as pa
import pytest
from tokenizers import Tokenizer as Peer
from tokenizers import normalizers

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.text.normalize import NORMALIZERS, normalize, normalizer_identity
from pairloom.operators.text.normalize.tables import NORMAL_FORMS_VERSION, normal_form

FORMS = NORMALIZERS[1:]
POINTS = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
CUT = Pretokenizer(scheme="gpt2")


def learned(form="none", special=("<|end|>",)):
    counts = count_words(pa.array([" cat the caf\u00e9 12345 if  x"] * 9), CUT)
    return learn_bpe(counts, 300, special_tokens=special, pretokenizer=CUT, normalizer=form)


# A mark of each kind of class is moved before it or not; letters and vowels go together with what stands before them.
@pytest.mark.parametrize(
    "around", ["{}", "a\u0345{}", "a{}\u0334", "{}\u0301", "{}\u0338", "{}\u1161", "{}\u11a8"]
)
@pytest.mark.parametrize("form", FORMS)
def test_every_code_point_is_normalized_as_by_tokenizers(form, around):
    """(F7)"""
    # Past the second plane and its compatibility ideographs nothing is done to any.
    points = (
        POINTS
        if around == "{}"
        else [point for point in POINTS if point < "\U0001f300" or "\U0002f800" <= point < "\U00030000"]
    )
    text = "\n".join(map(around.format, points))
    (got,) = normalize(pa.array([text], pa.large_string()), form).to_pylist()
    wanted = getattr(normalizers, form.upper())().normalize_str(text)
    assert got == wanted


def test_every_pair_composes_as_in_tokenizers():
    """(F7)"""
    pairs = normal_form("nfc").pairs.tolist()
    firsts, seconds = ({chr(pair >> shift & 0xFFFFFFFF) for pair in pairs} for shift in (32, 0))
    text = "\n".join(a + b for a in sorted(firsts) for b in sorted(seconds))
    (got,) = normalize(pa.array([text], pa.large_string()), "nfc").to_pylist()
    assert got == normalizers.NFC().normalize_str(text)


@pytest.mark.rare("operators/text", "infra/make_normal_forms.py")
def test_the_tables_are_what_tokenizers_answers():
    built = runpy.run_path(str(Path(__file__).parents[4] / "infra" / "make_normal_forms.py"))
    assert built["opened"](built["TARGET"].read_bytes()) == built["opened"](built["build"]())
    assert built["VERSION"] == NORMAL_FORMS_VERSION


def test_what_was_assigned_after_the_tables_stays():
    """(F7)"""
    column = pa.array(["\u32ff", "a\u1df6\u0316"])
    for form in FORMS:
        assert normalize(column, form) is column


def test_the_version_is_in_the_fingerprint():
    """(F7)"""
    prints = [learned(form).fingerprint for form in NORMALIZERS]
    assert len(set(prints)) == len(NORMALIZERS)
    assert normalizer_identity("none") == "none"
    assert normalizer_identity("nfkc") == f"nfkc {NORMAL_FORMS_VERSION}"


def test_a_file_says_by_which_tables_it_normalizes():
    """(F7)"""
    file = json.loads(learned("nfc").to_json())
    assert file["model"]["pairloom"]["normal_forms"] == NORMAL_FORMS_VERSION
    assert "normal_forms" not in json.loads(learned().to_json())["model"]["pairloom"]
    file["model"]["pairloom"]["normal_forms"] = "17.0"
    with pytest.raises(RecipeError, match=r"normalizes by Unicode 17\.0, this version by 9\.0"):
        Vocabulary.from_json(json.dumps(file).encode())


NORMALIZING = [
    {"type": "NFC"},
    {"type": "NFKD"},
    {"type": "Sequence", "normalizers": []},
    {"type": "Sequence", "normalizers": [{"type": "NFKC"}]},
    {
        "type": "Sequence",
        "normalizers": [{"type": "NFC"}, {"type": "Sequence", "normalizers": [{"type": "NFC"}]}],
    },
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]},
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]},
    {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "NFC"}]},
    {
        "type": "Sequence",
        "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": " +"}, "content": "_"}],
    },
    {"type": "Lowercase"},
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Prepend", "prepend": " "},
    {"type": "Replace", "pattern": {"String": "x"}, "content": "\u00e9"},
]


@pytest.mark.parametrize("node", NORMALIZING, ids=json.dumps)
def test_whatever_a_file_does_to_text_its_ids_are_the_owners(node):
    """(F7, T1)"""
    file = json.loads(learned().to_json())
    file["model"].pop("pairloom")
    file["normalizer"] = node
    data = json.dumps(file).encode()
    ours, owner = Vocabulary.from_json(data), Peer.from_str(data.decode())
    documents = [
        " The CAT x  e\u0301 caf\u00e9\u0316\u0301 \u32ff \ufb01 \u212b \u1112\u1161\u11ab\u2026 ",
        "\u0338<|end|>\u0338 <|end|>",
        "\uff1c|end|>",
    ]
    for policy, spelled in (("text", True), ("parse", False)):
        owner.encode_special_tokens = spelled
        got = ours.encode(pa.array(documents), special_tokens_in_text=policy).to_pylist()
        assert got == [owner.encode(document, add_special_tokens=False).ids for document in documents]


@pytest.mark.parametrize("form", FORMS)
def test_special_tokens_are_found_as_they_are_written(form):
    special = ("<\uff5cend\u2026\uff5c>", "<|end|>")
    vocabulary = learned(form, special)
    documents = [
        None,
        "",
        "e\u0301<\uff5cend\u2026\uff5c>\u0338\ufb01",
        "<|end|>",
        "<|end|>\u0338",
        "e\u0301",
        special[0] * 2,
    ]
    column = pa.array(documents)
    ids = vocabulary.encode(column, special_tokens_in_text="parse")
    assert ids[3].as_py() == [1]
    assert ids[2].as_py().count(0) == 1
    assert ids[4].as_py()[0] == 1
    assert ids[6].as_py() == [0, 0]


def test_a_vocabulary_keeps_its_fields():
    vocabulary = learned("nfkd")
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again == vocabulary
    assert dataclasses.replace(vocabulary, normalizer="nfkc") != vocabulary
