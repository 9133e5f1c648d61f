"""Encoding and decoding: the loop over blocks, the table of words, special tokens in text, bytes of ids."""

from pairloom.operators.kernels.warmup import SAMPLE, Part

__all__ = ["PARTS", "warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Encode and decode in every way that there is."""
    for part in PARTS.values():
        part.run(schemes)


def _words(schemes: tuple[str, ...]) -> None:
    """Encode the sample by each scheme, special tokens as text and as tokens, with a memo and with offsets; decode it.

    Words enough that the table grows, and a vocabulary whose tokens are looked up whole.
    """
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.encode import Tokenizer
    from pairloom.operators.models.bpe import ByteLevelBPE
    from pairloom.operators.text.pretokenize import Pretokenizer
    from pairloom.operators.vocabulary import Vocabulary

    column = pa.array([*SAMPLE, None])
    # No vocabulary is learned: that takes kernels that a run with a given one has no use for.
    tokens = [b"<|x|>", *(bytes([byte]) for byte in range(256)), b"ab", b"abab", b"abababab", b" a", b"de"]
    merges = [[tokens.index(part) for part in pair] for pair in _PAIRS]
    for scheme in schemes:
        cut = Pretokenizer(scheme=scheme)
        counts = count_words(column.fill_null(""), cut)
        vocabulary = Vocabulary(
            tokens=tokens,
            model=ByteLevelBPE(merges=np.array(merges, np.int32)),
            special_tokens=("<|x|>",),
            pretokenizer=cut,
        )
        tokenizer = Tokenizer(vocabulary).with_memo(counts)
        for policy in ("text", "parse"):
            ids = tokenizer.encode(column, append=[0], special_tokens_in_text=policy)
        tokenizer.decode(ids)
    tokenizer.encode(column, offsets=True)
    crowd = pa.array([" ".join(f"{i:05}" for i in range(9000)) + " ".join(f"{i:020}" for i in range(9000))])
    Vocabulary(
        tokens=vocabulary.tokens,
        model=ByteLevelBPE(merges=vocabulary.model.merges, ignore_merges=True),
        special_tokens=vocabulary.special_tokens,
        pretokenizer=Pretokenizer(scheme="whitespace"),
    ).encode(pa.concat_arrays([crowd, column.slice(0, 1)]))


def _spans(_: tuple[str, ...]) -> None:
    """Say which tokens a span of characters is of; no text is encoded for that."""
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.encode.spans import SPAN, token_values
    from pairloom.operators.vocabulary.tokens import TokenTable

    spans = pa.array([[{"start": 1, "end": 6, "value": 1.0}]], pa.large_list(SPAN))
    texts = pa.array(["a<|x|>b"], pa.large_string())
    for dtype in (np.uint16, np.uint32):
        ids = pa.LargeListArray.from_arrays(
            pa.array([0, 3], pa.int64()), pa.array(np.array([1, 0, 2], dtype))
        )
        token_values(ids, TokenTable.of([b"<|x|>", b"a", b"b"]), texts, spans, outside=0.0, rule="all")


def _runs(_: tuple[str, ...]) -> None:
    """Find bytes that are no characters."""
    import numpy as np

    from pairloom.operators.encode.kernels.runs import spoil_runs

    kinds = np.array([0xC3, 0xA9, 256, 257], np.uint16)
    values, offsets = np.array([0, 1, 2, 0, 3, 1, 0], np.uint32), np.array([0, 7], np.int64)
    for whole in (True, False):
        spoil_runs(values, offsets, kinds, whole, np.zeros(7, np.bool_))


def _places(_: tuple[str, ...]) -> None:
    """Say where tokens are from whose text was normalized."""
    import numpy as np

    from pairloom.operators.encode.placing import Segments, Side, Words
    from pairloom.operators.text.arrays import Text
    from pairloom.operators.text.front.located import LocatedText
    from pairloom.operators.text.front.pieces import Pieces

    offsets = np.array([0, 2], np.int64)
    # Arrow's memory may not be written to.
    given, made = Text(data=np.frombuffer(b"ab", np.uint8), offsets=offsets), np.array([97, 98], np.uint8)
    normal = LocatedText(Text(data=made, offsets=offsets), np.arange(2), np.zeros(0, np.int64))
    segments = Segments(text=given, kinds=np.array([-2], np.int32), normal=normal, documents=1)
    values, lengths = np.array([0, 1], np.uint32), np.ones(2, np.uint32)
    Side(lengths=lengths, unknown=0).place(values, segments)
    cuts = Pieces(np.zeros(0x110000, np.uint8), np.zeros(1 << 16, np.uint8))
    Words(first=lengths, later=lengths, unknown=0).place(values, segments, cuts)


PARTS = {
    "places": Part(_places, ("places",)),
    "words": Part(_words, ("batch", "block", "decode", "special", "state", "table")),
    "spans": Part(_spans, ("spans",)),
    "runs": Part(_runs, ("runs",)),
}
_PAIRS = ((b"a", b"b"), (b"ab", b"ab"), (b"abab", b"abab"), (b" ", b"a"), (b"d", b"e"))
