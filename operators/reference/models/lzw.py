"""LZW: the dictionary of one pass over the text, and the greedy parse by it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["TWINS", "lzw_dictionary", "lzw_encode"]


def lzw_dictionary(words: Iterable[bytes], size: int) -> list[bytes]:
    """The bytes, then what each phrase of LZW grows by, until there are `size` entries or the words end.

    >>> lzw_dictionary([b"ababab", b"aba"], 260)[256:]
    [b'ab', b'ba', b'aba']
    """
    entries = [bytes([byte]) for byte in range(256)]
    known = set(entries)
    for word in words:
        start = 0
        while start < len(word) and len(entries) < size:
            end = start + 1
            while end < len(word) and word[start : end + 1] in known:
                end += 1
            if end < len(word):
                found = word[start : end + 1]
                known.add(found)
                entries.append(found)
            start = end
    return entries


def lzw_encode(data: bytes, dictionary: Sequence[bytes]) -> list[int]:
    """At each place the longest entry of the dictionary, which has every byte."""
    index = {entry: i for i, entry in enumerate(dictionary)}
    longest = max(map(len, dictionary))
    out = []
    start = 0
    while start < len(data):
        end = min(len(data), start + longest)
        while data[start:end] not in index:
            end -= 1
        out.append(index[data[start:end]])
        start = end
    return out


TWINS: Mapping[str, Callable[..., object]] = {
    "models.lzw.kernels:encode_block": lzw_encode,
    "models.lzw.kernels:grow_entries": lzw_dictionary,
    "models.lzw.kernels:parse_longest": lzw_encode,
}
