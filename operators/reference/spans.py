"""What becomes of spans of texts, in plain Python."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "byte_of", "token_values"]


def byte_of(text: str, character: int) -> int:
    """The byte of UTF-8 at which a character of a text begins.

    >>> byte_of("éa", 1), byte_of("éa", 2)
    (2, 3)
    """
    return len(text[:character].encode())


def token_values(
    tokens: Sequence[bytes],
    spans: Sequence[tuple[int, int, float]],
    outside: float,
    rule: str,
    before: int = 0,
    behind: int = 0,
) -> list[float]:
    """The value of each token of a text, of which spans (first byte, the one behind the last, value) have values.

    >>> token_values([b"ab", b"cd"], [(1, 4, 1.0)], 0.0, "all"), token_values([b"ab", b"cd"], [(1, 4, 1.0)], 0.0, "any")
    ([0.0, 1.0], [1.0, 1.0])
    """
    out, at = [outside] * before, 0
    last = outside
    for token in tokens[before : len(tokens) - behind]:
        held = [
            next((value for begin, end, value in spans if begin <= byte < end), outside)
            for byte in range(at, at + len(token))
        ]
        at += len(token)
        if rule == "all":
            last = min(held)
        elif rule == "any":
            last = max(held)
        else:
            counts = Counter(held)
            last = min(value for value in counts if counts[value] == max(counts.values()))
        out.append(last)
    return out + [last] * behind


TWINS: Mapping[str, Callable[..., object]] = {
    "encode.kernels.spans:find_bytes": byte_of,
    "encode.kernels.spans:mark_tokens": token_values,
}
