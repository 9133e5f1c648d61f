"""The merges of a BPE over characters, laid out, and where text may be cut without changing what they make of it.

No merge joins two characters unless its product has them side by side, so that a text may be cut between all others: each part
is encoded as it would be within the text, since merges elsewhere never touch it. ASCII is looked at pair by pair; of any
other character is known whether some product goes on after it, whether one goes on with it, and whether one goes on with a space.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.encoder import WordKernel
from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.kernels.word import NO_RANK, fill_ranks
from pairloom.operators.models.bpe.word import MOST_IDS
from pairloom.operators.models.character_bpe.kernels import encode_block
from pairloom.operators.text.front.kernels.cut import CLASSES

__all__ = ["CharacterTable", "byte_tokens", "neighbours"]

_POINTS = 0x110000
_MOST_RANKS = (1 << 22) - 2
# Bits of the classes of characters that are not ASCII, from 128 on.
_AFTER, _BEFORE, _SPACE, _FUSED = 1, 2, 4, 8


def byte_tokens(words: Mapping[str, int]) -> list[int]:
    """The ids of the tokens of bytes, or of the character where ASCII has no other; fewer than 256 where some lack."""
    names = ((f"<0x{byte:02X}>", chr(byte) if byte < 128 else "") for byte in range(256))
    return [
        words[name] if name in words else words[char]
        for name, char in names
        if name in words or char in words
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CharacterTable:
    """Symbols and merges, laid out.

    `characters` (uint32[0x110000]) and `byte_ids` (uint32[256]) are symbols; `slots` and `products` as of PairTable, but that a
    product is NO_RANK where `tied`, which `tied_at` says the place of, has those of pairs. `classes` and `apart` cut text
    (`Pieces`) where no merge reaches.
    """

    characters: npt.NDArray[np.uint32]
    byte_ids: npt.NDArray[np.uint32]
    falls_back: bool
    unknown: int
    fuses: bool
    slots: npt.NDArray[np.uint64]
    products: npt.NDArray[np.uint32]
    tied: npt.NDArray[np.uint64]
    tied_at: npt.NDArray[np.uint64]
    classes: npt.NDArray[np.uint8]
    apart: npt.NDArray[np.uint8]

    @classmethod
    def of(
        cls,
        words: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        *,
        unknown: int = 0,
        fuses: bool = False,
        falls_back: bool = False,
        parted: bool = False,
        ranks: Sequence[int] | None = None,
        byte_ids: Sequence[int] = (),
    ) -> "CharacterTable":
        """The table of the tokens `words`, with ids, and of `merges`, in the order of their ranks.

        Of two merges that are one the last counts. `ranks`, ascending, are others than the places of merges: of those of one rank,
        the leftmost comes first, as in SentencePiece. Where it `falls_back`, all bytes have tokens, `byte_ids` if they are given;
        else what has none is `unknown`, and `fuses`. With `parted`, text is cut before each space as well. Raises CapacityError for
        more than the encoder takes.
        """
        if max(words.values()) >= MOST_IDS or len(merges) > _MOST_RANKS:
            raise CapacityError(
                f"the encoder takes ids up to {MOST_IDS - 1} and {_MOST_RANKS} merges, got {max(words.values())} and {len(merges)}"
            )
        characters = np.full(_POINTS, NO_RANK, np.uint32)
        for word, i in words.items():
            if len(word) == 1:
                characters[ord(word)] = i
        pairs = np.array([(words[left], words[right]) for left, right in merges], np.int32).reshape(-1, 2)
        joined = [left + right for left, right in merges]
        slots = np.zeros(1 << max(4, (3 * len(merges)).bit_length()), np.uint64)
        products = np.array([words[word] for word in joined], np.uint32)
        given = np.arange(len(merges)) if ranks is None else np.array(ranks, np.int64).reshape(-1)
        first = np.searchsorted(given, given).astype(np.uint32)
        fill_ranks(slots, pairs, first)
        # Pairs of ranks whose products differ.
        differ = np.isin(first, first[products != products[first]])
        tied = np.zeros(1 << max(4, (3 * int(differ.sum())).bit_length()), np.uint64)
        fill_ranks(tied, pairs[differ], products[differ])
        products[differ] = NO_RANK
        of_bytes = np.array(byte_ids or (byte_tokens(words) if falls_back else []), np.uint32)
        classes, apart = neighbours(joined, characters == NO_RANK, fuses=fuses and not falls_back)
        if parted:
            apart.reshape(CLASSES, CLASSES)[:, ord(" ")] = 1
        return cls(
            characters=characters,
            byte_ids=of_bytes if len(of_bytes) == 256 else np.zeros(256, np.uint32),
            falls_back=falls_back,
            unknown=unknown,
            fuses=fuses,
            slots=slots,
            products=products,
            tied=tied,
            tied_at=np.array([tied.ctypes.data, len(tied) - 1, 65 - len(tied).bit_length()], np.uint64),
            classes=classes,
            apart=apart,
        )

    def with_bytes(self, byte_ids: npt.NDArray[np.uint32]) -> "CharacterTable":
        """The same, but that what is no symbol falls back to bytes of these ids."""
        return replace(self, falls_back=True, byte_ids=byte_ids)

    def kernel(self) -> WordKernel:
        """How a word is encoded."""
        bits = len(self.slots).bit_length() - 1
        return WordKernel(
            block=encode_block,
            tables=(
                self.characters.ctypes.data,
                self.byte_ids.ctypes.data,
                int(self.falls_back),
                self.unknown,
                int(self.fuses),
                self.slots.ctypes.data,
                self.products.ctypes.data,
                len(self.slots) - 1,
                64 - bits,
                self.tied_at.ctypes.data,
            ),
            held=self,
            scratch_bytes=lambda length: max(512, 64 + 40 * (length + 1)),
        )


def neighbours(
    joined: Sequence[str], unknown: npt.NDArray[np.bool_], *, fuses: bool
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Classes of characters, and which of them are apart (see `Pieces`), so that no string of `joined` has neighbours that are.

    Where what is `unknown` (bool[0x110000]) `fuses`, two such characters are never apart.
    """
    text = np.frombuffer("".join(joined).encode("utf-32-le"), np.uint32)
    starts = np.zeros(len(text) + 1, np.bool_)
    starts[np.cumsum([0, *map(len, joined)])] = True
    inside = ~starts[1:-1] if len(text) else np.zeros(0, np.bool_)
    left, right = text[:-1][inside], text[1:][inside]
    flags = np.zeros(_POINTS, np.uint8)
    flags[np.unique(left)] |= _AFTER
    flags[np.unique(right)] |= _BEFORE
    flags[np.unique(left[right == ord(" ")])] |= _SPACE
    if fuses:
        flags[unknown] |= _FUSED
    classes = 128 + flags
    classes[:128] = np.arange(128)
    of_class = np.concatenate([flags[:128], np.arange(128, dtype=np.uint8) & 15])
    a, b = of_class[:, None], of_class[None, :]
    together = (a & _AFTER != 0) & (b & _BEFORE != 0)
    together[:, ord(" ")] = of_class & _SPACE != 0
    seen = np.zeros((128, 128), np.bool_)
    plain = (left < 128) & (right < 128)
    seen[left[plain], right[plain]] = True
    together[:128, :128] = seen
    together |= (a & _FUSED != 0) & (b & _FUSED != 0)
    return classes, np.ascontiguousarray(~together).astype(np.uint8).reshape(-1)
