"""Normal forms equal their specification and `tokenizers`, whatever the text and wherever it stands in a column."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from pairloom.operators.reference.text.normalize import in_form, normalized
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.normalize import NORMALIZERS, normalize
from pairloom.operators.text.normalize.kernels.quick import find_first
from pairloom.operators.text.normalize.tables import normal_form

FORMS = NORMALIZERS[1:]
PEERS = {form: getattr(normalizers, form.upper())() for form in FORMS}

# Marks of many classes, letters that take them, Hangul in parts, singletons, exclusions, what was assigned after Unicode 9.
nasty = st.one_of(
    st.characters(exclude_categories=("Cs",)),
    st.sampled_from(
        "aeoAn<>=\u0301\u0300\u0316\u0323\u0334\u0338\u0345\u035c\u0327\u0302\u093c\u09be\u09d7\u0f71\u0f72\u0f74\u0f80\u3099"
        "\u1100\u1112\u1161\u1175\u11a7\u11a8\u11c2\uac00\uac01\u212b\u2126\u0344\u0340\u0374\u0958\u09dc\u2adc\ufb1d\ufb2c"
        "\u1e9b\u1e69\u01d5\u1f82\ufdfa\u32ff\u2026\u00bd\u1df6\u07fd\U00011938\U00011935\U00011930\U0001d15f\U0001d1c0\U0002f800"
    ),
)
texts = st.lists(
    st.one_of(
        st.text(nasty, max_size=12),
        st.builds(lambda text, n: text * n, st.text(nasty, max_size=3), st.integers(9, 60)),
    ),
    max_size=5,
).map("".join)


@pytest.mark.parametrize("form", FORMS)
@given(documents=st.lists(st.one_of(st.none(), texts), max_size=5), data=st.data())
@settings(max_examples=80)
def test_equals_the_specification_and_tokenizers(form, documents, data):
    """(F7)"""
    kind = data.draw(st.sampled_from([pa.string(), pa.large_string(), pa.binary(), pa.string_view()]))
    low = data.draw(st.integers(0, len(documents)))
    column = pa.array(documents, pa.string()).cast(kind).slice(low, data.draw(st.integers(0, len(documents))))
    part = documents[low:][: len(column)]
    got = normalize(column, form)
    assert got.is_valid().to_pylist() == [text is not None for text in part]
    given_back = [None if text is None else bytes(text) for text in got.cast(pa.binary()).to_pylist()]
    tables = normal_form(form)
    assert given_back == [None if text is None else normalized(text, tables).encode() for text in part]
    assert given_back == [None if text is None else PEERS[form].normalize_str(text).encode() for text in part]
    assert normalize(got, form).equals(got)


@pytest.mark.parametrize("form", FORMS)
@given(documents=st.lists(texts, max_size=5))
@settings(max_examples=80)
def test_a_look_at_each_character_never_misses_one_that_changes(form, documents):
    text, tables = text_of(pa.array(documents, pa.string())), normal_form(form)
    told = [in_form(document, tables) for document in documents]
    assert find_first(text.data, text.offsets, tables) == (told.index(False) if False in told else -1)
    for document, same in zip(documents, told, strict=True):
        assert not same or PEERS[form].normalize_str(document) == document


@given(raw=st.binary(max_size=12))
@settings(max_examples=200)
def test_bytes_that_are_no_text_are_refused(raw):
    column = pa.array([raw, "e\u0301".encode()], pa.binary())
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        with pytest.raises(ValueError, match="document 0 is not UTF-8"):
            normalize(column, "nfc")
    else:
        assert normalize(column, "nfc").to_pylist() == [
            PEERS["nfc"].normalize_str(text).encode(),
            "\u00e9".encode(),
        ]


@pytest.mark.parametrize("form", FORMS)
def test_runs_of_marks_of_any_length_are_sorted(form):
    """(F7)"""
    marks = np.array(list(map(ord, "\u0301\u0316\u0334\u0345\u0323\u1df5")), np.uint32)
    drawn = np.random.default_rng(1).choice(marks, 5000)
    documents = [
        "a" + "".join(map(chr, drawn[:n])) + "b" for n in (1, 29, 30, 31, 32, 33, 34, 100, 1023, 1024, 5000)
    ]
    documents.append("\ufdfa" * 3000)
    assert normalize(pa.array(documents), form).to_pylist() == [
        PEERS[form].normalize_str(d) for d in documents
    ]
