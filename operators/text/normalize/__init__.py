"""Unicode normalization of text columns, done only where it can change something, by tables that the package ships.

They are of Unicode 9.0, as those of `tokenizers`, so that a `tokenizer.json` gives the same ids there and here; a character that
was assigned later stays as it is. `normalizer_identity` is what fingerprints hold of a normalizer: its name and that version.
"""

import numpy as np
import pyarrow as pa

from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.normalize.tables import NORMAL_FORMS_VERSION, normal_form

__all__ = ["NORMALIZERS", "NORMAL_FORMS_VERSION", "normalize", "normalizer_identity"]

NORMALIZERS = ("none", "nfc", "nfd", "nfkc", "nfkd")
_SCRATCH = 1 << 10


def normalizer_identity(form: str) -> str:
    """Everything that decides what a normalizer does, for hashes of what was normalized.

    >>> normalizer_identity("none"), normalizer_identity("nfc")
    ('none', 'nfc 9.0')
    """
    return form if form == "none" else f"{form} {NORMAL_FORMS_VERSION}"


def normalize(texts: pa.Array, form: str) -> pa.Array:
    r"""The column in Unicode normalization form `form`: none, nfc, nfd, nfkc or nfkd; nulls stay null.

    A column that is in the form already is returned as it is. Memory: a copy of the column from the first document on that is
    not. Raises ValueError for an unknown form, and for text that is not UTF-8 in such a copy.

    >>> normalize(pa.array(["e\u0301"]), "nfc").to_pylist()
    ['é']
    """
    if form not in NORMALIZERS:
        raise ValueError(f"unknown normalizer {form!r}; known: {', '.join(NORMALIZERS)}")
    if form == "none":
        return texts
    from pairloom.operators.text.normalize.kernels.quick import find_first

    text = text_of(texts)
    first = find_first(text.data, text.offsets, normal_form(form))
    if first < 0:
        return texts
    changed = _rewritten(text, first, form)
    kind = texts.type
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    wide = pa.Array.from_buffers(
        pa.large_binary() if binary else pa.large_string(),
        len(texts),
        [_validity(texts), pa.py_buffer(changed.offsets), pa.py_buffer(changed.data)],
    )
    narrow = (pa.types.is_string(kind) or pa.types.is_binary(kind)) and changed.bytes < 1 << 31
    return wide.cast(kind) if narrow else wide


def _validity(texts: pa.Array) -> pa.Buffer | None:
    if not texts.null_count:
        return None
    bits = np.packbits(texts.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
    return pa.py_buffer(bits)


def _rewritten(text: Text, first: int, form: str) -> Text:
    """The documents in the form; those before `first` are known to be."""
    from pairloom.operators.text.normalize.kernels import rewrite as k

    low, known = int(text.offsets[0]), int(text.offsets[first])
    ends = np.empty(len(text.offsets), np.int64)
    ends[: first + 1] = text.offsets[: first + 1] - low
    out = np.empty(text.bytes + (text.bytes >> 4) + 64, np.uint8)
    out[: known - low] = text.data[low:known]
    points = _SCRATCH
    scratch = k.Scratch(np.empty(2 * points, np.uint32), np.empty(2 * points, np.uint8))
    tables = normal_form(form)
    while True:
        status, first = k.rewrite(text.data, text.offsets, tables, scratch, out, ends, first)
        if status == k.DONE:
            return Text(data=out[: ends[-1]], offsets=ends)
        if status == k.NOT_UTF8:
            raise ValueError(f"document {first} is not UTF-8 and has no normal form; read it as text first")
        if status == k.NEED_SCRATCH:
            points *= 2
            scratch = k.Scratch(np.empty(2 * points, np.uint32), np.empty(2 * points, np.uint8))
            continue
        used = int(ends[first])
        larger = np.empty(2 * len(out) + 64, np.uint8)
        larger[:used] = out[:used]
        out = larger
