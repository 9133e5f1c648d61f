"""Encoding and decoding: the loop over blocks, the table of words, special tokens in text, bytes of ids."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Encode the sample by each scheme, special tokens as text and as tokens, with a memo and with offsets; decode it.

    Words enough that the table grows, and a vocabulary whose tokens are looked up whole.
    """
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import count_words
    from pairloom.operators.encode import Tokenizer
    from pairloom.operators.encode.spans import SPAN, token_values
    from pairloom.operators.models.bpe import ByteLevelBPE
    from pairloom.operators.text.pretokenize import Pretokenizer
    from pairloom.operators.vocabulary import Vocabulary
    from pairloom.operators.vocabulary.tokens import TokenTable

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
    texts = pa.array(["a<|x|>b"], pa.large_string())
    spans = pa.array([[{"start": 1, "end": 6, "value": 1.0}]], pa.large_list(SPAN))
    ids = tokenizer.encode(texts)
    token_values(ids, TokenTable.of(vocabulary.tokens), texts, spans, outside=0.0, rule="all")
    crowd = pa.array([" ".join(f"{i:05}" for i in range(9000)) + " ".join(f"{i:020}" for i in range(9000))])
    Vocabulary(
        tokens=vocabulary.tokens,
        model=ByteLevelBPE(merges=vocabulary.model.merges, ignore_merges=True),
        special_tokens=vocabulary.special_tokens,
        pretokenizer=Pretokenizer(scheme="whitespace"),
    ).encode(pa.concat_arrays([crowd, column.slice(0, 1)]))


_PAIRS = ((b"a", b"b"), (b"ab", b"ab"), (b"abab", b"abab"), (b" ", b"a"), (b"d", b"e"))
