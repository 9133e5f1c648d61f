"""BPE over characters."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "encode_word"]


def encode_word(
    word: str,
    words: Mapping[str, int],
    merges: Sequence[tuple[str, str]],
    *,
    unknown: int = 0,
    fuses: bool = False,
    falls_back: bool = False,
) -> list[int]:
    """The ids of a word: its characters, then the pair of the lowest rank merged, leftmost first, until no pair has one.

    >>> encode_word("abc!!", {"?": 0, "a": 1, "b": 2, "ab": 3, "c": 4}, [("a", "b")], fuses=True)
    [3, 4, 0]
    """
    symbols: list[str | int] = []
    for char in word:
        if char in words:
            symbols.append(char)
        elif falls_back:
            symbols += [words[f"<0x{byte:02X}>"] for byte in char.encode()]
        elif not (fuses and symbols and symbols[-1] == unknown):
            symbols.append(unknown)
    ranks: dict[tuple[str | int, str | int], int] = {pair: rank for rank, pair in enumerate(merges)}
    while True:
        pairs = list(zip(symbols, symbols[1:], strict=False))
        rank, at = min(
            ((ranks.get(pair, len(ranks)), i) for i, pair in enumerate(pairs)), default=(len(ranks), 0)
        )
        if rank == len(ranks):
            return [one if isinstance(one, int) else words[one] for one in symbols]
        symbols[at : at + 2] = ["".join(map(str, symbols[at : at + 2]))]


TWINS: Mapping[str, Callable[..., object]] = {"models.character_bpe.kernels:encode_block": encode_word}
