"""Bytes as tokens: nothing is learned."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Target
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["BytesLearner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesLearner(Learner):
    """One token a byte: its id is the byte and `offset`, by default the number of special tokens, which come first.

    With a smaller `offset`, only so many of the special tokens are before the bytes, and the others behind them, as the
    `<extra_id_0>` of ByT5, whose `offset` is 3.
    """

    name = "bytes"
    makes = "bytes"
    encoding = Encoding(first=220, later=305, bytes_per_token=1)
    counts_least = False

    offset: int | None = None

    def __post_init__(self) -> None:
        if self.offset is not None and self.offset < 0:
            raise ValueError(f"offset must be at least 0, not {self.offset}")

    def check(self, target: Target) -> None:
        """Raise ValueError where there are fewer special tokens than ids before the bytes."""
        least = 256 + len(target.special_tokens)
        if target.size < least:
            raise ValueError(
                f"size must be at least {least}: 256 bytes and {len(target.special_tokens)} special tokens"
            )
        if self.offset is not None and self.offset > len(target.special_tokens):
            raise ValueError(
                f"family.bytes.offset is {self.offset}, and there are {len(target.special_tokens)} special tokens for the ids "
                "before the bytes: name as many in special_tokens"
            )

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """The vocabulary, whatever the words."""
        import numpy as np

        from pairloom.operators.errors import RecipeError
        from pairloom.operators.models.bpe.model import ByteLevelBPE
        from pairloom.operators.vocabulary import Vocabulary

        self.check(target)
        if short := [token for token in target.special_tokens if len(token.encode()) == 1]:
            raise RecipeError(
                f"special token {short[0]!r} is also a token of the text: both would have one id"
            )
        offset = len(target.special_tokens) if self.offset is None else self.offset
        special = [token.encode() for token in target.special_tokens]
        return Vocabulary(
            tokens=[*special[:offset], *(bytes([byte]) for byte in range(256)), *special[offset:]],
            model=ByteLevelBPE(merges=np.zeros((0, 2), np.int32)),
            special_tokens=target.special_tokens,
            special_ids=tuple(i if i < offset else 256 + i for i in range(len(special))),
            pretokenizer=target.pretokenizer,
            normalizer=target.normalizer,
        )
