"""Packing: every strategy as a few obvious lines over Python lists."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "best_fit", "buckets", "concat", "first_fit", "layout", "padded", "pieces_of"]

Segment = tuple[int, int, int]  # document, offset of its first token, tokens


def pieces_of(lengths: Sequence[int], seq_len: int, overflow: str, overlap: int = 0) -> list[Segment]:
    """Cut documents into pieces of at most `seq_len` tokens, in order; each repeats `overlap` tokens of the one before.

    >>> pieces_of([5, 2], 3, "split")
    [(0, 0, 3), (0, 3, 2), (1, 0, 2)]
    >>> pieces_of([5], 3, "split", overlap=1)
    [(0, 0, 3), (0, 2, 3)]
    """
    pieces: list[Segment] = []
    for document, length in enumerate(lengths):
        if length > seq_len and overflow == "drop":
            continue
        stop = min(length, seq_len) if overflow == "truncate" else length
        at = 0
        while at < stop:
            taken = min(seq_len, stop - at)
            pieces.append((document, at, taken))
            if at + taken == stop:
                break
            at += taken - overlap
    return pieces


def best_fit(lengths: Sequence[int], seq_len: int, overflow: str, overlap: int = 0) -> list[list[Segment]]:
    """Best-fit decreasing: the longest piece first, into the fullest row that takes it.

    Among equal pieces the earlier goes first; among rows with equal room the one that got its room last is taken.
    Rows come in the order of their first piece, and hold their pieces in order.
    """
    rows: list[list[Segment]] = []
    rooms: dict[int, list[int]] = {}
    for piece in sorted(pieces_of(lengths, seq_len, overflow, overlap), key=lambda piece: -piece[2]):
        room = min((r for r, stack in rooms.items() if stack and r >= piece[2]), default=None)
        if room is None:
            row = len(rows)
            rows.append([])
            room = seq_len
        else:
            row = rooms[room].pop()
        rows[row].append(piece)
        if room > piece[2]:
            rooms.setdefault(room - piece[2], []).append(row)
    return sorted(sorted(row) for row in rows)


def first_fit(
    lengths: Sequence[int], seq_len: int, overflow: str, overlap: int = 0, open_rows: int = 1024
) -> list[list[Segment]]:
    """Each piece in turn into the first of the last `open_rows` rows that has room, else into a new row."""
    rows: list[list[Segment]] = []
    for piece in pieces_of(lengths, seq_len, overflow, overlap):
        for row in rows[-open_rows:]:
            if sum(length for _, _, length in row) + piece[2] <= seq_len:
                row.append(piece)
                break
        else:
            rows.append([piece])
    return rows


def padded(lengths: Sequence[int], seq_len: int, overflow: str, overlap: int = 0) -> list[list[Segment]]:
    """One piece a row."""
    return [[piece] for piece in pieces_of(lengths, seq_len, overflow, overlap)]


def concat(lengths: Sequence[int], seq_len: int, overlap: int = 0) -> list[list[Segment]]:
    """Documents end to end, cut at the end of every row; a row that goes on repeats `overlap` tokens."""
    rows: list[list[Segment]] = []
    room = 0
    for document, length in enumerate(lengths):
        at = 0
        while at < length:
            if room == 0:
                rows.append([])
                room = seq_len
                at -= min(at, overlap)
            taken = min(room, length - at)
            rows[-1].append((document, at, taken))
            at += taken
            room -= taken
    return rows


def buckets(
    lengths: Sequence[int], seq_len: int, least: int, overflow: str, overlap: int = 0
) -> dict[int, list[Segment]]:
    """Pieces by the length of their row: the largest power of two that fits, never below `least`, over and over.

    >>> buckets([13], 8, 2, "split")
    {2: [(0, 12, 1)], 4: [(0, 8, 4)], 8: [(0, 0, 8)]}
    """
    rows: dict[int, list[Segment]] = {
        1 << bit: [] for bit in range(least.bit_length() - 1, seq_len.bit_length())
    }
    for document, length in enumerate(lengths):
        if length > seq_len and overflow == "drop":
            continue
        stop = min(length, seq_len) if overflow == "truncate" else length
        at = 0
        while at < stop:
            width = max((width for width in rows if width <= stop - at), default=least)
            taken = min(width, stop - at)
            rows[width].append((document, at, taken))
            if at + taken == stop:
                break
            at += taken - overlap
    return rows


def layout(row: Sequence[int]) -> list[list[int]]:
    """The pieces of each row, rows in the order of their first piece."""
    rows: dict[int, list[int]] = {}
    for piece, number in enumerate(row):
        rows.setdefault(number, []).append(piece)
    return list(rows.values())


TWINS: Mapping[str, Callable[..., object]] = {
    "pack.kernels.first_fit:assign_first": first_fit,
    "pack.kernels.best_fit:longest_first": best_fit,
    "pack.kernels.best_fit:assign_best": best_fit,
    "pack.kernels.pieces:find_rooms": concat,
    "pack.kernels.pieces:cut_in_buckets": buckets,
    "pack.kernels.pieces:sort_by_row": layout,
}
