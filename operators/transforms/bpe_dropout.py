"""BPE-dropout (Provilkov, Emelianenko and Voita, 2020, arXiv:1910.13267): words in other pieces in every copy of a document.

    unrelated   ─ rate 0.1 ─▶   un|related   unre|lat|ed   unrelat|ed   u|n|related ...

In each step of encoding a word every merge that could be made is left out with the probability `rate`; the best of the others
is made, until none is left.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.steps import in_53rds
from pairloom.operators.text.arrays import Text
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams
from pairloom.operators.transforms.kernels.bpe_dropout import EMPTY, LONGEST, Merges, lay_merges, merge_words

__all__ = ["LONGEST", "BPEDropout", "Tables"]


class Tables(NamedTuple):
    """What is known of the vocabulary: the merges, which ids stay as they are, and what decodes and cuts text."""

    merges: Merges
    stays: npt.NDArray[np.bool_]
    lengths: npt.NDArray[np.int64]
    tokenizer: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BPEDropout(TokenStep):
    """Words in other pieces, by merges that are left out at random (BPE-dropout: Provilkov et al., 2020).

    Each document, and each copy of it, is cut anew; `rate` 0 gives the tokens of encoding, 1 single bytes. Special and added
    tokens stay, and so do words of more than 1,024 bytes. Other columns repeat what they have for the token that a piece
    begins in. As in `tokenizers`, words that are tokens are merged like all others, whatever `ignore_merges` says. Needs a
    byte-level BPE vocabulary without superwords. Decoding gives the text as before.
    """

    name: ClassVar[str] = "bpe_dropout"
    source: ClassVar[str] = "Provilkov, Emelianenko and Voita, 2020, arXiv:1910.13267"

    rate: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must be from 0 to 1, not {self.rate:g}")

    def prepare(self, tokenizer: Any) -> Tables:
        """The merges, ranked; raises ValueError for a vocabulary that has none, or that merges words."""
        from pairloom.operators.encode import tokenizer_of
        from pairloom.operators.models.bpe.model import byte_level

        try:
            model = byte_level(tokenizer.model)
        except ValueError as error:
            raise ValueError(f"bpe_dropout leaves out merges: {error}") from None
        if tokenizer.pretokenizer.scheme == "superwords":
            raise ValueError(
                "bpe_dropout cuts words, and the merges of superwords join them: use it with ordinary words"
            )
        tokens, added = list(tokenizer.tokens), {*tokenizer.added_ids, *tokenizer.reserved_ids}
        ids = {token: i for i, token in enumerate(tokens) if i not in added and token}
        stays = np.zeros(len(tokens), np.bool_)
        stays[list(added)] = True
        return Tables(
            merges=_merges(tokens, ids, model.merges, model.ties_share_rank),
            stays=stays,
            lengths=np.array([0 if i in added else len(token) for i, token in enumerate(tokens)], np.int64),
            tokenizer=tokenizer_of(tokenizer).prepared(),
        )

    def need(self, tokens: int, width: int) -> int:
        """The documents, their text of about four bytes a token, and at most a token for each byte with where it is from."""
        return tokens * (2 * width + 4 + 4 * 12)

    def __call__(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents, with words in other pieces."""
        ids = batch.flat(INPUT_IDS).astype(np.uint32)
        text = _text(ids, batch.length, tables)
        found = [ends.copy() for _, ends in tables.tokenizer.vocabulary.pretokenizer.blocks(text)]
        ends = np.concatenate([np.zeros(0, np.int64), *found])
        room = len(text.data) + int(tables.stays[ids].sum()) + int((tables.lengths[ids] == 0).sum())
        out, origin, made = (
            np.empty(room, np.uint32),
            np.empty(room, np.int64),
            np.empty(len(batch), np.int64),
        )
        used = merge_words(
            ids,
            batch.length,
            document_streams(seed, batch),
            tables.lengths,
            tables.stays,
            text.data,
            ends,
            tables.merges,
            in_53rds(self.rate),
            out,
            origin,
            made,
        )
        columns = {name: batch.flat(name)[origin[:used]] for name in batch.columns if name != INPUT_IDS}
        return batch.with_tokens(made, {INPUT_IDS: out[:used].astype(batch.dtype), **columns})

    def undo(self, batch: TokenBatch, seed: int, tables: Tables) -> TokenBatch:
        """The documents as they are, which decode to the same text."""
        return batch


def _text(ids: npt.NDArray[np.uint32], length: npt.NDArray[np.int64], tables: Tables) -> Text:
    """The text of documents, cut where tokens stay as they are, so that no word goes on behind one."""
    stays = tables.stays[ids]
    begins = np.zeros(len(ids) + 1, np.bool_)
    begins[np.cumsum(length)] = True
    begins[:-1] |= stays
    begins[1:] |= stays
    kept = np.append(0, np.cumsum(~stays))
    edges = np.unique(np.append(0, kept[np.flatnonzero(begins)]))
    lists = pa.LargeListArray.from_arrays(pa.array(edges), pa.array(ids[~stays]))
    decoded = tables.tokenizer.decode(lists)
    _, offsets, data = decoded.buffers()
    places = np.frombuffer(offsets, np.int64)[decoded.offset : decoded.offset + len(decoded) + 1]
    flat = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    return Text(data=flat[places[0] : places[-1]].copy(), offsets=places - places[0])


def _merges(
    tokens: list[bytes], ids: dict[bytes, int], merges: npt.NDArray[np.int32], ties_share_rank: bool
) -> Merges:
    """The merges in a table by their pairs; one that makes no token is none, and a pair that is listed twice keeps the last."""
    ranks: dict[tuple[int, int], tuple[int, int]] = {}
    rank, before = 0, -1
    for place, (left, right) in enumerate(merges.tolist()):
        product = ids.get(tokens[left] + tokens[right], -1)
        if not (ties_share_rank and product == before):
            rank = place
        before = product
        if product >= 0:
            ranks[left, right] = (rank, product)
    keys = np.array([left << 32 | right for left, right in ranks], np.uint64)
    values = np.array(list(ranks.values()), np.int64).reshape(-1, 2)
    size = 1 << max(4, (2 * len(keys)).bit_length())
    slots, rank_of, product_of = (
        np.full(size, EMPTY, np.uint64),
        np.zeros(size, np.int64),
        np.zeros(size, np.uint32),
    )
    lay_merges(keys, values[:, 0].copy(), values[:, 1].astype(np.uint32), slots, rank_of, product_of)
    bytes_of = np.array([ids.get(bytes([byte]), -1) for byte in range(256)], np.int64)
    return Merges(slots=slots, rank=rank_of, product=product_of, bytes=bytes_of)
