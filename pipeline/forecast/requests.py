"""How often files are asked of a store: what reading and writing one of a size takes, as `store.remote` does it."""

from dataclasses import dataclass

from pairloom.pipeline.store.receipts import FEW

__all__ = [
    "Requests",
    "committed",
    "looked_up",
    "reads_of_batches",
    "reads_of_piece",
    "reads_of_whole",
    "written",
]

# Bytes of an uploaded part, a ranged read, the first of them.
PART, WINDOW, FIRST_WINDOW = 16 << 20, 8 << 20, 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests to the store of a root: `reads` are GET and HEAD, `writes` are PUT, POST and LIST. DELETE costs nothing."""

    reads: int = 0
    writes: int = 0

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(reads=self.reads + other.reads, writes=self.writes + other.writes)


def committed(units: int) -> Requests:
    """Receipts that are known to be there."""
    return Requests(reads=units, writes=1 if units > FEW else 0)


def looked_up(units: int) -> Requests:
    """A step asks which of its units are done before: none are, and a listing of nothing is asked for twice."""
    return Requests(reads=units) if units <= FEW else Requests(reads=1, writes=2)


def written(size: int, files: int, *, receipts: bool = True, checked: bool = True) -> Requests:
    """Files of a size, each read again if it is `checked`, and a receipt for each."""
    puts = 1 if size <= PART else 2 + -(-size // PART)
    return Requests(reads=files * reads_of_batches(size) * checked, writes=files * (puts + receipts))


def reads_of_whole(size: int) -> int:
    """Requests for a whole file, from its start to its end, its size asked for first: windows double up to a limit."""
    reads, window, at = 1, FIRST_WINDOW, 0
    while at < size and window < WINDOW:
        at, window, reads = at + window, 2 * window, reads + 1
    return max(2, reads + -(-max(0, size - at) // WINDOW))


def reads_of_batches(size: int) -> int:
    """Requests for all record batches of a file in order: its size, its footer, and windows from its start."""
    return 2 if size <= FIRST_WINDOW else 1 + reads_of_whole(size)


def reads_of_piece(piece: int, size: int) -> int:
    """Requests for one record batch of a file: its size, its footer, and the batch where the footer's window has it not."""
    return 2 if size <= FIRST_WINDOW else 1 + reads_of_whole(piece)
