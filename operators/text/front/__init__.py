"""What tokenizers of the `tokenizers` library do to text before words are encoded: normalizers and pretokenizers, by kernels.

`read_front` reads both from a `tokenizer.json`. A `Normal` normalizes: each character by itself, by a table that is filled by
asking the library once for each character that is met, so that it is the library's own whatever its version of Unicode. A
character that may depend on its neighbours is marked, and the library normalizes the whole text that has one. `Pieces` cuts
normalized text into words by classes of neighbouring characters.

Where spaces are spelled as U+2581, normalized text has a space (one byte for three) in its place; of U+2581 in the text nothing
else is known afterwards, as in the library.
"""

from pairloom.operators.text.front.reading import Front, UnknownFrontError, read_front

__all__ = ["Front", "UnknownFrontError", "read_front"]
