"""Whole Arrow columns: nulls, slices, chunks, special tokens and normalization around the kernel."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode import Encoder
from pairloom.operators.encode.decode import decode_lists, flat_lists, token_ends
from pairloom.operators.encode.kernel import NULL, TEXT_ENDS
from pairloom.operators.models.foreign import decode_foreign, encode_foreign
from pairloom.operators.text.arrays import Text, TextArray, text_of
from pairloom.operators.text.normalize import normalize
from pairloom.operators.vocabulary.tokens import TokenTable

if TYPE_CHECKING:
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Encoded", "decode_column", "encode_column", "find_special"]

_POLICIES = ("text", "parse", "error")


class Encoded(NamedTuple):
    """A column as ids (LargeList<uint16 | uint32>) and, where they were asked for, the ends of its tokens.

    `words` are the pretokens of its text, `unknown_words` those that are none of the words of the encoder's memo. Both
    are 0 where another library encodes.
    """

    ids: pa.LargeListArray
    ends: pa.LargeListArray | None
    words: int
    unknown_words: int


def encode_column(
    vocabulary: "Vocabulary",
    texts: TextArray,
    *,
    prepend: Sequence[int] = (),
    append: Sequence[int] = (),
    special_tokens_in_text: str = "text",
    missing_bytes: str = "error",
    offsets: bool = False,
    encoder: Encoder | None = None,
) -> Encoded:
    """Encode a column; see `Vocabulary.encode`. `encoder` is used instead of one of the vocabulary's own."""
    if special_tokens_in_text not in _POLICIES:
        raise ValueError(
            f"special_tokens_in_text must be one of {', '.join(_POLICIES)}, got {special_tokens_in_text!r}"
        )
    if missing_bytes not in ("error", "drop"):
        raise ValueError(f"missing_bytes must be error or drop, got {missing_bytes!r}")
    before, after = _ids(vocabulary, prepend), _ids(vocabulary, append)
    arrays = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    if special_tokens_in_text == "error":
        _refuse_special(vocabulary, arrays)
    if vocabulary.foreign is not None:
        if offsets:
            raise ValueError("offsets are not known of a tokenizer that the `tokenizers` library runs")
        foreign = _encode_foreign(vocabulary, arrays, before, after, special_tokens_in_text)
        return Encoded(foreign, None, 0, 0)
    pool = vocabulary._encoders
    try:
        used = encoder or pool.pop()
    except IndexError:
        used = vocabulary.encoder()
    rows, ends = [], []
    words = unknown = 0
    try:
        for array in arrays or [pa.array([], pa.large_string())]:
            values, lists, valid = _encode_array(
                vocabulary, used, array, before, after, special_tokens_in_text == "parse", missing_bytes
            )
            rows.append(_list_array(values, lists, valid))
            seen = used.statistics
            words, unknown = words + seen["lookups"], unknown + seen["unknown"]
            if offsets:
                places = token_ends(TokenTable.of(vocabulary.tokens), values, lists, len(before), len(after))
                ends.append(_list_array(places, lists, valid))
    finally:
        if encoder is None:
            pool.append(used)
    return Encoded(_joined(rows), _joined(ends) if offsets else None, words, unknown)


def _encode_array(
    vocabulary: "Vocabulary",
    encoder: Encoder,
    array: pa.Array,
    before: npt.NDArray[np.uint32],
    after: npt.NDArray[np.uint32],
    parse: bool,
    missing_bytes: str,
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.bool_] | None]:
    array = _as_text(array)
    valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
    text = text_of(array)
    documents = len(text)
    kinds = np.zeros(0, np.int32) if valid is None else np.where(valid, TEXT_ENDS, NULL).astype(np.int32)
    if parse and vocabulary.special_tokens:
        matches = vocabulary._special_finder.find(text)
        if len(matches):
            cuts, kinds = matches.segments(text, np.ones(documents, np.bool_) if valid is None else valid)
            text = Text(data=text.data, offsets=cuts)
            array = _view(text)
    if vocabulary.normalizer != "none":
        text = text_of(normalize(array, vocabulary.normalizer))
    values, lists = encoder.encode(
        text, kinds=kinds, documents=documents, prepend=before, append=after, missing_bytes=missing_bytes
    )
    return values, lists, valid


def _as_text(array: pa.Array) -> pa.Array:
    # Strings as they are; bytes once they are known to be UTF-8; anything else is refused by `text_of`.
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _as_text(array.cast(kind.value_type))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            return array.cast(pa.string() if pa.types.is_binary(kind) else pa.large_string())
        except pa.ArrowInvalid as error:
            raise ValueError(f"document {_first_invalid(array)} is not UTF-8: {error}") from error
    if pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return _as_text(array.cast(pa.large_binary()))
    return array.cast(pa.large_string()) if pa.types.is_string_view(kind) else array


def _first_invalid(array: pa.Array) -> int:
    for i, item in enumerate(array.to_pylist()):
        try:
            (item or b"").decode()
        except UnicodeDecodeError:
            return i
    return -1


def _view(text: Text) -> pa.Array:
    return pa.LargeStringArray.from_buffers(len(text), pa.py_buffer(text.offsets), pa.py_buffer(text.data))


def _ids(vocabulary: "Vocabulary", ids: Sequence[int]) -> npt.NDArray[np.uint32]:
    for i in ids:
        if not 0 <= int(i) < len(vocabulary):
            raise ValueError(f"id {i} is outside a vocabulary of {len(vocabulary)} tokens")
    return np.array(ids, dtype=np.uint32)


def _list_array(
    values: npt.NDArray[Any], lists: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_] | None
) -> pa.LargeListArray:
    kind = pa.from_numpy_dtype(values.dtype)
    items = pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(
        pa.large_list(kind), len(lists) - 1, [bitmap, pa.py_buffer(lists)], null_count=-1, children=[items]
    )


def _joined(arrays: list[pa.LargeListArray]) -> pa.LargeListArray:
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def find_special(vocabulary: "Vocabulary", texts: TextArray) -> pa.BooleanArray:
    """Which documents spell a special token; null for a null document."""
    arrays = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    parts = [pa.array([], pa.bool_())]
    for array in map(_as_text, arrays):
        found = np.zeros(len(array), np.bool_)
        if vocabulary.special_tokens:
            found[vocabulary._special_finder.find(text_of(array)).document] = True
        parts.append(pa.array(found, mask=np.logical_not(array.is_valid().to_numpy(zero_copy_only=False))))
    return pa.concat_arrays(parts)


def _refuse_special(vocabulary: "Vocabulary", arrays: list[pa.Array]) -> None:
    first = 0
    for array in map(_as_text, arrays):
        if vocabulary.special_tokens:
            matches = vocabulary._special_finder.find(text_of(array))
            if len(matches):
                token = vocabulary.tokens[int(matches.token[0])].decode()
                raise ValueError(
                    f"document {first + int(matches.document[0])} spells the special token {token!r}; remove "
                    "such documents (`find_special_tokens`), or pass special_tokens_in_text='text' or 'parse'"
                )
        first += len(array)


def _encode_foreign(
    vocabulary: "Vocabulary",
    arrays: list[pa.Array],
    before: npt.NDArray[np.uint32],
    after: npt.NDArray[np.uint32],
    policy: str,
) -> pa.LargeListArray:
    kind = pa.large_list(pa.from_numpy_dtype(vocabulary.dtype))
    parts = [pa.array([], kind)]
    for array in map(_as_text, arrays):
        texts = array.to_pylist()
        rows = encode_foreign(
            vocabulary._tokenizer,
            [text or "" for text in texts],
            parse=policy == "parse",
            prepend=before.tolist(),
            append=after.tolist(),
        )
        parts.append(
            pa.array([None if text is None else row for text, row in zip(texts, rows, strict=True)], kind)
        )
    return pa.concat_arrays(parts)


def decode_column(vocabulary: "Vocabulary", ids: Any) -> Any:
    """Bytes of a sequence of ids, or a LargeBinaryArray of a column of lists; see `Vocabulary.decode`."""
    if isinstance(ids, pa.Array | pa.ChunkedArray) and pa.types.is_integer(ids.type):
        if ids.null_count:
            raise TypeError(f"expected ids without nulls, got {ids.null_count}")
        return decode_column(vocabulary, np.asarray(ids))
    if isinstance(ids, pa.ChunkedArray):
        parts = [decode_column(vocabulary, chunk) for chunk in ids.chunks]
        return pa.concat_arrays([pa.array([], pa.large_binary()), *parts])
    if not isinstance(ids, pa.Array):
        ids = np.asarray(ids)
        if ids.size and ids.dtype.kind not in "iu":
            raise TypeError(f"expected integer ids, got {ids.dtype}")
        rows = pa.array([ids.astype(np.int64)], pa.large_list(pa.int64()))
        return decode_column(vocabulary, rows)[0].as_py()
    values, offsets = flat_lists(ids)
    if vocabulary.foreign is not None:
        bounds = offsets.tolist()
        found = [
            decode_foreign(vocabulary._tokenizer, values[a:b].tolist()) for a, b in itertools.pairwise(bounds)
        ]
        decoded = pa.array(found, pa.large_binary())
    else:
        decoded = decode_lists(TokenTable.of(vocabulary.tokens), values, offsets)
    if not ids.null_count:
        return decoded
    bitmap = np.packbits(ids.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
    _, lists, data = decoded.buffers()
    return pa.Array.from_buffers(pa.large_binary(), len(decoded), [pa.py_buffer(bitmap), lists, data])
