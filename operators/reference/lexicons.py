"""Reading sentences by a lexicon, over Python strings: the twin of its kernel."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "read_sentences"]


def read_sentences(
    sentences: Sequence[str], chunks: Sequence[str], proposed: Callable[[int, int], bool], most: int
) -> tuple[list[str], list[tuple[str, str]]]:
    """What sentences propose, and which of two chunks was better, which worse.

    `proposed` says of a place of a sentence whether the chunk there is put together with the one before it.
    """
    ranks = {chunk: rank for rank, chunk in enumerate(chunks)}

    def longest(text: str, at: int, bound: int = most) -> str:
        return next(
            (
                text[at : at + n]
                for n in range(min(bound, len(text) - at), 0, -1)
                if text[at : at + n] in ranks
            ),
            "",
        )

    found, moves = [], []
    for number, text in enumerate(sentences):
        at, before = 0, -1
        while at < len(text):
            chunk = longest(text, at)
            end = at + len(chunk)
            if before >= 0 and end - before <= most and proposed(number, at):
                found.append(text[before:end])
            shorter = longest(text, at, len(chunk) - 1)
            if shorter:
                ways = [[chunk], [shorter]]
                ends = [end, at + len(shorter)]
                while ends[0] != ends[1]:
                    behind = ends.index(min(ends))
                    ways[behind].append(longest(text, ends[behind]))
                    ends[behind] += len(ways[behind][-1])
                costs = [(len(way), sum(ranks[one] for one in way)) for way in ways]
                moves.append((shorter, chunk) if costs[1] < costs[0] else (chunk, shorter))
            before, at = at, end
    return found, moves


TWINS: Mapping[str, Callable[..., object]] = {"lexicons.kernels:read_sentences": read_sentences}
