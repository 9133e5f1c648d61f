"""SentencePiece: normalizing by rules, cutting before spaces, and words of its Unigram with the sum that goes through a text."""

from pairloom.operators.kernels.warmup import SAMPLE

__all__ = ["warm_up"]


def warm_up(schemes: tuple[str, ...]) -> None:
    """Normalize the sample without rules, and encode it by a few pieces, with ids of both widths."""
    import numpy as np

    from pairloom.operators.encode.encoder import Encoder
    from pairloom.operators.models.sentencepiece.kernels.normalize import DUMMY, REMOVE
    from pairloom.operators.models.sentencepiece.normal import Rules
    from pairloom.operators.models.sentencepiece.words import SumTable
    from pairloom.operators.models.unigram.tables import UnigramTable
    from pairloom.operators.text.arrays import Text
    from pairloom.operators.text.front.spaces import Spaces

    data = "".join(SAMPLE).encode()
    text = Text(data=np.frombuffer(data, np.uint8), offsets=np.array([0, len(data)], np.int64))
    rules = Rules.of(b"", ["<x>"], does=REMOVE | DUMMY)
    rules.locate(text, np.zeros(1, np.bool_))
    normal = rules.normalize(text, np.zeros(1, np.bool_))
    pieces = [(b"<unk>", 0.0), (b" ", -2.0), (b" a", -1.0), (b"word", -3.0)]
    table = SumTable(UnigramTable.of(pieces, unknown=0, narrow=True))
    nothing = np.zeros(0, np.uint32)
    encoder = Encoder(table.kernel(), pretokenizer=Spaces(), dtype=np.dtype(np.uint16))
    encoder.encode(normal, prepend=nothing, append=nothing)
