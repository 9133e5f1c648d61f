"""The table of words that an encoder has met: word -> ids, one cache line a look-up.

Words of up to 15 bytes live in `short`, 32 bytes an entry, two entries to a 64-byte bucket:

    uint64 low     bytes 0..7 of the word, little-endian, zero-padded
    uint64 high    bit 63 set if the table did not begin with the word, 62..60 how many ids (0: they are spilled),
                   59..56 the length, 55..0 bytes 8..14
    16 bytes       the ids as they are written to the output (7 of uint16 or 4 of uint32),
                   or of a spilled entry: uint64 offset into the arena, uint64 how many

An entry whose `high` is 0 is free, since no word is empty. Buckets are probed linearly, at most `PROBES` of them,
so that no text can make a look-up slow: a word that finds no room is merged anew each time.

Longer words live in `slots`, (uint64 hash, uint64 offset), which point into `arena` at

    uint64 length, the bytes (padded to 8)

and are compared byte for byte. Before it is an entry as above, whose `low` is the hash and whose `high` has the length only, so
that a word that has been found is written like any other.

All of it is memory of one worker and of a fixed greatest size; a full table is emptied and filled again from the memo.
"""

import mmap
from contextlib import suppress

import numpy as np
import numpy.typing as npt

__all__ = ["allocate"]

_HUGE = 2 << 20


def allocate(size: int) -> npt.NDArray[np.uint64]:
    """`size` zero bytes as uint64, on huge pages where they are allowed and worth it.

    The advice has to come before the first touch; it saves most of the address translation in tables past the cache.
    """
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if size < _HUGE or advice is None:
        return np.zeros((size + 7) // 8, np.uint64)
    # Private, unlike what `mmap` maps by itself: shared memory has a setting of its own, by which it is never on huge pages.
    region = mmap.mmap(-1, size + _HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # A kernel without transparent huge pages: ordinary pages do as well.
    with suppress(OSError):
        region.madvise(advice)
    raw = np.frombuffer(region, np.uint8)
    skip = -raw.ctypes.data % _HUGE
    return raw[skip : skip + (size + 7) // 8 * 8].view(np.uint64)
