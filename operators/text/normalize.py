"""Unicode normalization of text columns, done only where it can change something."""

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["NORMALIZERS", "normalize"]

NORMALIZERS = ("none", "nfc", "nfkc")


def normalize(texts: pa.Array, form: str) -> pa.Array:
    r"""The column in Unicode normalization form `form`: none, nfc or nfkc.

    ASCII is its own normal form in both, so a column of nothing else is returned as it is; nulls stay null. The
    tables are those of utf8proc in the installed Arrow. Raises ValueError for an unknown form or text that is not
    UTF-8.

    >>> normalize(pa.array(["e\u0301"]), "nfc").to_pylist()
    ['é']
    """
    if form not in NORMALIZERS:
        raise ValueError(f"unknown normalizer {form!r}; known: {', '.join(NORMALIZERS)}")
    if form == "none":
        return texts
    ascii_only = pc.string_is_ascii(texts)
    if pc.all(ascii_only, skip_nulls=True, min_count=0).as_py():
        return texts
    if pc.sum(ascii_only).as_py():
        # Documents that are not ASCII are taken out, normalized, and put back where they stood.
        changed = pc.utf8_normalize(texts.filter(pc.invert(ascii_only)), form.upper())
        return pc.replace_with_mask(texts, pc.fill_null(pc.invert(ascii_only), False), changed)
    return pc.utf8_normalize(texts, form.upper())
