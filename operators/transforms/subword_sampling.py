"""Subword sampling (Kudo, 2018, arXiv:1804.10959): words by other pieces of a Unigram in every copy of a document.

    ▁unrelated   ─ alpha 0.2 ─▶   ▁un|related   ▁|un|relat|ed   ▁unrelated   ▁u|n|related ...

A spelling is drawn by its probability to the power of `alpha`, out of all that there are (forward filtering, backward sampling).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pairloom.operators.models.bpe.trie import build_trie
from pairloom.operators.models.unigram.learning.kernels.arithmetic import probabilities
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep, document_streams
from pairloom.operators.transforms.kernels.subword_sampling import Pieces, draw_words, longest_word
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["SubwordSampling", "scored_pieces"]

_MARK = "\u2581"


class _Scored(NamedTuple):
    """The pieces of a vocabulary by id, spelled with spaces, None for what stays as it is, and their scores."""

    pieces: list[str | None]
    scores: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubwordSampling(TokenStep):
    """Words in other pieces, each spelling as often as its probability to the power of `alpha` says (Kudo, 2018).

    With `alpha` 0 all spellings of a word are as likely as each other, with 1 as the model has them; the larger, the more often
    the best one is drawn, which is that of encoding. Each document, and each copy of it, is spelled anew. Special tokens, those
    of bytes and of what is unknown stay. Other columns repeat what they have for the token that a piece begins in. Needs a Unigram
    vocabulary. Decoding gives the text as before.
    """

    name: ClassVar[str] = "subword_sampling"
    source: ClassVar[str] = "Kudo, 2018, arXiv:1804.10959"
    respells: ClassVar[bool] = True

    alpha: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 100:
            raise ValueError(f"alpha must be from 0 to 100, not {self.alpha:g}")

    def prepare(self, tokenizer: Any) -> Pieces:
        """The pieces and what each weighs; raises ValueError for a vocabulary of another family."""
        found = scored_pieces(tokenizer)
        tokens = TokenTable.of([(piece or "").encode() for piece in found.pieces])
        chances = np.empty(len(tokens))
        best = max((s for s, p in zip(found.scores, found.pieces, strict=True) if p), default=0.0)
        # Of all spellings of a word the same power is taken, by its bytes, so that they weigh no more than 1 together.
        scores = np.minimum(np.array(found.scores, np.float64) - max(0.0, best), 0.0)
        probabilities(self.alpha * scores, chances)
        chances = np.ldexp(chances, -np.minimum(tokens.lengths, 1000).astype(np.int32))
        known = [piece for piece in found.pieces if piece]
        parted = not any(" " in piece[1:] for piece in known)
        numbers = np.full(len(tokens), -1, np.int64)
        places = list({piece: i for i, piece in enumerate(found.pieces) if piece}.values())
        numbers[places] = places
        return Pieces(
            slots=build_trie(tokens, numbers),
            chances=chances,
            data=tokens.data,
            offsets=tokens.offsets,
            first=np.array([parted and (piece or "").startswith(" ") for piece in found.pieces], np.bool_),
            deepest=int(tokens.lengths.max(initial=1)),
        )

    def need(self, tokens: int, width: int) -> int:
        """The documents, and at most a token for each byte, of about four a token, with where it is from."""
        return tokens * (2 * width + 4 + 4 * 12)

    def __call__(self, batch: TokenBatch, seed: int, tables: Pieces) -> TokenBatch:
        """The documents, with words in other pieces."""
        ids = batch.flat(INPUT_IDS).astype(np.uint32)
        lengths = np.diff(tables.offsets)[ids]
        room = int(lengths.sum() + (lengths == 0).sum())
        out, origin = np.empty(room, np.uint32), np.empty(room, np.int64)
        made = np.empty(len(batch), np.int64)
        longest = int(longest_word(ids, batch.length, tables))
        used = draw_words(
            ids, batch.length, document_streams(seed, batch), tables, longest, out, origin, made
        )
        columns = {name: batch.flat(name)[origin[:used]] for name in batch.columns if name != INPUT_IDS}
        return batch.with_tokens(made, {INPUT_IDS: out[:used].astype(batch.dtype), **columns})

    def undo(self, batch: TokenBatch, seed: int, tables: Pieces) -> TokenBatch:
        """The documents as they are, which decode to the same text."""
        return batch


def scored_pieces(vocabulary: Any) -> _Scored:
    """The pieces of a Unigram and their scores; raises ValueError for a vocabulary of another family."""
    found = vocabulary.model.scored_pieces(vocabulary)
    if found is None:
        raise ValueError(
            f"subword_sampling draws pieces by their scores, and a vocabulary of the family {vocabulary.model.name} has none: use "
            "it with a Unigram"
        )
    texts = [None if not text or " " in text else text.replace(_MARK, " ") for text in found.texts]
    return _Scored(pieces=texts, scores=found.scores)
