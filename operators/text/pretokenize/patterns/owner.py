"""Running a pattern by its owner: Oniguruma, as the `tokenizers` library has it."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import DataError

__all__ = ["Owner"]

# Stands for a byte that is no UTF-8, which Oniguruma cannot be given: no character, of no category but "unassigned".
_STAND_IN = "\U0010ffff"
_BYTES = dict.fromkeys(range(56448, 56576), _STAND_IN)


class Owner:
    """A pattern that Oniguruma itself runs.

    Raises ImportError where `tokenizers` is not installed, and ValueError, with Oniguruma's words, for what it refuses.
    """

    def __init__(self, pattern: str) -> None:
        from tokenizers import Regex, pre_tokenizers

        try:
            compiled = Regex(pattern)
        except Exception as error:
            raise ValueError(str(error).removeprefix("Oniguruma error: ")) from error
        self._pattern = pattern
        self._split = pre_tokenizers.Split(compiled, "isolated")

    def cuts(self, text: str) -> npt.NDArray[np.int64]:
        """The starts and ends of all matches, in characters; raises DataError past Oniguruma's limit."""
        try:
            pieces = self._split.pre_tokenize_str(text.translate(_BYTES) if not text.isascii() else text)
        except BaseException as error:
            # Rust code that gives up raises what Python does not count as an Exception, of a class that has no module.
            if type(error).__name__ != "PanicException":
                raise
            raise DataError(
                f"pattern {self._pattern!r} is given up by Oniguruma ({error}) in a document of {len(text):,} characters that "
                f"begins {text[:40]!r}: write it so that no run of characters can be matched in many ways"
            ) from error
        return np.cumsum([len(piece) for piece, _ in pieces], dtype=np.int64)
