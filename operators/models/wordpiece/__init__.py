"""WordPiece: the longest piece at each place of a word, those inside of words spelled with a prefix."""

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.operators.models.wordpiece.model import WordPiece

__all__ = ["WordPiece"]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(__name__, {"pairloom.operators.models.wordpiece.model": ("WordPiece",)})
