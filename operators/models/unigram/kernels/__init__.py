"""Encoding by a Unigram: the best way to spell a word, the second best, and the loop over words and parts of words."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Encode the sample by a small vocabulary."""
    from pairloom.operators.encode.warm import encode_words
    from pairloom.operators.models.unigram.tables import UnigramTable

    pieces = [(b"<unk>", 0.0), (b"a", -1.0), (b"ab", -1.5), (b"word", -2.0)]
    encode_words(UnigramTable.of(pieces, unknown=0).kernel(), SAMPLE)
