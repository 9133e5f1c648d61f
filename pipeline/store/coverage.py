"""How well a vocabulary covers text: bytes a token, and words that its memo does not know, as counts that add up."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

__all__ = ["Coverage"]


class Coverage(BaseModel):
    """Text that was tokenized: its UTF-8 bytes, the tokens made of it, the words that it was cut into.

    Tokens that are put around documents are not among `tokens`. `unknown_words` are those words that are not in the memo
    of the vocabulary, the most frequent words of the corpus that it was learned from; `memo` is the SHA-256 of that
    memo's file, None where there is none, or where counts against several are added up: then nothing is known of them.

    >>> (Coverage(bytes=8, tokens=2) + Coverage(bytes=4, tokens=1)).tokens
    3
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = 0
    tokens: int = 0
    words: int = 0
    unknown_words: int = 0
    memo: str | None = None

    def __add__(self, other: "Coverage") -> "Coverage":
        if not self.words or not other.words:
            memo, unknown = (other if not self.words else self).memo, self.unknown_words + other.unknown_words
        elif self.memo == other.memo:
            memo, unknown = self.memo, self.unknown_words + other.unknown_words
        else:
            memo, unknown = None, 0
        return Coverage(
            bytes=self.bytes + other.bytes,
            tokens=self.tokens + other.tokens,
            words=self.words + other.words,
            unknown_words=unknown,
            memo=memo,
        )

    @staticmethod
    def sum(parts: "Iterable[Coverage]") -> "Coverage":
        """Add up."""
        total = None
        for part in parts:
            total = part if total is None else total + part
        return Coverage() if total is None else total

    @property
    def bytes_per_token(self) -> float | None:
        """None where there are no tokens."""
        return self.bytes / self.tokens if self.tokens else None

    @property
    def unknown_share(self) -> float | None:
        """The share of words that the memo does not know; None where there is no memo or no word."""
        return self.unknown_words / self.words if self.words and self.memo else None
