"""What people ask of a tokenizer for themselves: rows of one text or of several, text again, and text as ids come in."""

import codecs
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pairloom.operators.text.arrays import TextArray

if TYPE_CHECKING:
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Asked", "TextStream"]


class Asked:
    """The part of a Tokenizer that people ask; what it is made of are `encode` and `decode`."""

    if TYPE_CHECKING:

        @property
        def vocabulary(self) -> "Vocabulary":
            """The vocabulary."""

        def encode(self, texts: TextArray, *, offsets: bool | str = False, **options: Any) -> Any:
            """The ids of columns."""

        def encode_column(self, *args: Any, **options: Any) -> Any:
            """The ids of a column, and what is known of them."""

        def decode(self, ids: Any, *, skip_special_tokens: bool = False) -> Any:
            """The bytes of ids."""

    def __call__(  # noqa: PLR0913  (everything that people ask of a tokenizer)
        self,
        texts: str | Sequence[str] | TextArray,
        *,
        prepend: Sequence[int | str] = (),
        append: Sequence[int | str] = (),
        max_length: int | None = None,
        stride: int = 0,
        overflow: bool = False,
        truncation_side: str = "right",
        padding: str | None = None,
        pad: int | str | None = None,
        pad_to_multiple_of: int = 1,
        padding_side: str = "right",
        offsets: bool | str = False,
        words: bool = False,
        special_tokens_in_text: str = "text",
        allowed_special: Collection[str] = (),
    ) -> dict[str, Any]:
        """Rows of one text or of several, as models take them: `input_ids`, `attention_mask`, `special_tokens_mask`.

        `prepend` and `append`, ids or special tokens, stand around every row. A row has at most `max_length` tokens; the rest of
        its text is left out, or with `overflow` in more rows, each of which begins with the last `stride` tokens of the text
        that the row before has: then `overflow_to_sample_mapping` says of which text each row is. `padding` ("longest",
        "max_length") fills rows up with `pad`. With `offsets` ("characters", which True means, or "bytes") `offset_mapping` has
        where each token begins and ends in its text: a token that has only a part of a character has all of it. With `words`,
        `word_ids` has the number of the word that a token is in, from 0 on; tokens of the text that are special are words of
        their own. Both are of the text as it was given, whatever was made of it (of models that are not byte-level, by the owner's
        rules); around it they are (0, 0) and -1.

        All arrays are int64: of one text, arrays, else lists of them, and with `padding` arrays of all rows. Raises ValueError
        for what does not fit together, and for offsets of a model that does not know them (`roots`).

        >>> import pairloom as pl
        >>> tokenizer = pl.Tokenizer(pl.learn(["a rose is a rose"], 262))
        >>> found = tokenizer("a rosé", append=["<|endoftext|>"], offsets=True, words=True)
        >>> found["offset_mapping"].tolist()
        [[0, 1], [1, 5], [5, 6], [5, 6], [0, 0]]
        >>> found["word_ids"].tolist()
        [0, 1, 1, 1, -1]
        """
        # Imported here: what encodes columns needs none of it.
        from pairloom.operators.encode.columns import join_arrays, text_arrays
        from pairloom.operators.encode.encodings import Shape, encodings

        if offsets not in (False, True, "characters", "bytes"):
            raise ValueError(f"offsets must be a truth value, characters or bytes, got {offsets!r}")
        for name, side in (("prepend", prepend), ("append", append)):
            if isinstance(side, str | int):
                raise TypeError(
                    f"{name} is a sequence of ids or special tokens, got {side!r}: pass [{side!r}]"
                )
        if texts is None or isinstance(texts, bytes | int | float):
            raise TypeError(
                f"a text or several are encoded, got {texts!r}: pass a string, or a list or column of them"
            )
        single = isinstance(texts, str)
        given = [texts] if single else texts
        if not isinstance(given, pa.Array | pa.ChunkedArray):
            given = pa.array(given, pa.large_string())
        shape = Shape(
            max_length=max_length,
            stride=stride,
            overflow=overflow,
            truncation_side=truncation_side,
            padding=padding,
            pad=None if pad is None else self._known_id(pad),
            multiple=pad_to_multiple_of,
            padding_side=padding_side,
        )
        found = encodings(
            self,
            join_arrays(text_arrays(given)),
            shape,
            prepend=[self._known_id(token) for token in prepend],
            append=[self._known_id(token) for token in append],
            offsets="characters" if offsets is True else offsets or None,
            words=words,
            special_tokens_in_text=special_tokens_in_text,
            allowed_special=allowed_special,
        )
        return {name: rows[0] for name, rows in found.items()} if single and not overflow else found

    def decode_text(self, ids: Any, *, skip_special_tokens: bool = False) -> Any:
        """The text that ids stand for, of a sequence a string, of a column of lists or of rows as they are given by a call a list.

        Bytes that are no UTF-8 become U+FFFD, as everywhere; `decode` gives the bytes.

        >>> import pairloom as pl
        >>> tokenizer = pl.Tokenizer(pl.learn(["a rose is a rose"], 262))
        >>> rows = tokenizer(["a rose", "a"], padding="longest", pad="<|endoftext|>")
        >>> tokenizer.decode_text(rows["input_ids"], skip_special_tokens=True)
        ['a rose', 'a']
        """
        if _are_rows(ids):
            return [self.decode_text(row, skip_special_tokens=skip_special_tokens) for row in ids]
        found = self.decode(ids, skip_special_tokens=skip_special_tokens)
        if isinstance(found, bytes):
            return found.decode("utf-8", "replace")
        return [None if one is None else one.decode("utf-8", "replace") for one in found.to_pylist()]

    def stream(self, *, skip_special_tokens: bool = False) -> "TextStream":
        """What decodes ids as they come, a token at a time; raises ValueError for tokens that are not the bytes of a text."""
        return TextStream(self, skip_special_tokens=skip_special_tokens)

    def _known_id(self, token: int | str) -> int:
        if isinstance(token, str):
            return self.vocabulary.special_id(token)
        if not 0 <= token < len(self.vocabulary):
            raise ValueError(f"id {token} is outside a vocabulary of {len(self.vocabulary)} tokens")
        return int(token)


def _are_rows(ids: Any) -> bool:
    """Whether it is no sequence of ids but several, as a list or an array of two dimensions."""
    if isinstance(ids, np.ndarray):
        return ids.ndim == 2
    return isinstance(ids, list | tuple) and len(ids) > 0 and all(np.ndim(row) == 1 for row in ids)


class TextStream:
    """Decodes ids as they come, and never gives a part of a character: all that it gives together is `decode_text` of all ids.

    >>> import pairloom as pl
    >>> tokenizer = pl.Tokenizer(pl.learn(["é"], 257))
    >>> stream = tokenizer.stream()
    >>> [stream.push(i) for i in tokenizer.encode_one("né!").tolist()], stream.finish()
    (['n', '', 'é', '!'], '')
    """

    def __init__(self, tokenizer: Asked, *, skip_special_tokens: bool = False) -> None:
        vocabulary = tokenizer.vocabulary
        if not vocabulary.model.spells:
            why = vocabulary.slow_path or f"of the model {vocabulary.model.name!r}"
            raise ValueError(
                f"a tokenizer that is {why} decodes a token by those around it, which are not known yet: decode all of them"
            )
        self._tokenizer, self._skip = tokenizer, skip_special_tokens
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, ids: int | Iterable[int]) -> str:
        """The characters that are whole with one more id, or several."""
        wanted = [ids] if isinstance(ids, int | np.integer) else list(ids)
        return self._decoder.decode(self._tokenizer.decode(wanted, skip_special_tokens=self._skip))

    def finish(self) -> str:
        """What is left, which is U+FFFD for a character that never was whole; the stream begins anew."""
        left = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return left
