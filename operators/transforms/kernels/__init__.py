"""Kernels of token steps."""

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Apply each step that has a kernel to a few tokens of either width, and count the characters of a text."""
    import numpy as np

    from pairloom.operators.schema import INPUT_IDS
    from pairloom.operators.tokens import TokenBatch
    from pairloom.operators.transforms.extensible import Extensible
    from pairloom.operators.transforms.fim import FillInTheMiddle, Tables
    from pairloom.operators.transforms.kernels.bpe_dropout import EMPTY, Merges, lay_merges, merge_words
    from pairloom.operators.transforms.kernels.fim import count_places, find_places
    from pairloom.operators.transforms.landmark import Landmark
    from pairloom.operators.transforms.lexinvariant import Lexinvariant
    from pairloom.operators.transforms.lexinvariant import Tables as Places
    from pairloom.operators.transforms.stochastok import StochasTok, splits_of

    fim = Tables(special=np.arange(9) < 3, sentinels=np.arange(3), tokenizer=None)
    places = Places(ordinary=np.arange(9, dtype=np.uint32), place=np.arange(9))
    for dtype in (np.uint16, np.uint32):
        batch = TokenBatch.from_lists({INPUT_IDS: [np.array([0, 5, 6, 7, 0], dtype)]})
        FillInTheMiddle(rate=1.0, split="token")(batch, 0, fim)
        Landmark(every=2)(batch, 0, np.zeros(1, np.int64))
        StochasTok(rate=1.0)(batch, 0, splits_of([b"a", b"aa"] * 4, set()))
        Lexinvariant()(batch, 0, places)
        Extensible()(batch, 0, None)
    data, edges, found = np.zeros(4, np.uint8), np.array([0, 4]), np.zeros((3, 1), np.int64)
    count_places(data, edges, np.zeros(0, np.int64), False, found[0])
    find_places(data, edges, np.zeros(0, np.int64), False, found[1], found[2])
    slots, ranks, ids, one = (
        np.full(4, EMPTY),
        np.zeros(4, np.int64),
        np.zeros(4, np.uint32),
        np.ones(1, np.int64),
    )
    lay_merges(np.ones(1, np.uint64), one, np.zeros(1, np.uint32), slots, ranks, ids)
    merges, stays = (
        Merges(slots=slots, rank=ranks, product=ids, bytes=np.zeros(256, np.int64)),
        np.zeros(4, np.bool_),
    )
    streams = np.zeros(1, np.uint64)
    merge_words(
        ids[:1],
        one,
        streams,
        ranks + 1,
        stays,
        data[:1],
        one,
        merges,
        streams[0],
        ids.copy(),
        ranks,
        one.copy(),
    )
