"""One vocabulary after another, each drawn from a batch of text: many ways to cut text, all of them sensible.

Of all substrings of the words of a batch those with the best scores are kept, the logarithm of their share and noise, how many and
how much noise being drawn as well (Minixhofer, Ponti and Vulić, "Zero-Shot Tokenizer Transfer", 2024). What is drawn depends on
(seed, step) and on the text alone.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.sampled.substrings import substrings
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["MARKER", "WORDS", "Draw", "Drawn", "draw_documents", "draw_vocabulary"]

MARKER = "\u2581"  # what stands for a space in the pieces of a Unigram
WORDS = Pretokenizer(pattern=r" [^ ]*|[^ ]+")
"""How text is cut: before each space, as a Unigram with a marker for spaces cuts it."""
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_DOCUMENTS, _VOCABULARY = 0, 1  # draws of a step that do not depend on each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """How vocabularies are drawn.

    Their sizes are normal with a mean and a spread, but no less than `least` and no more than `size`; the spread of the noise is
    log-normal, `noise` being its median and `noise_spread` that of its logarithm. Substrings have up to `longest` characters.
    """

    documents: int = 2048
    size: int = 32_768
    size_spread: float = 8192.0
    least: int = 16_384
    noise: float = 1e-5
    noise_spread: float = 4.0
    longest: int = 16

    def __post_init__(self) -> None:
        wrong = [
            f"{name} is {getattr(self, name)}, and must be at least {bound}"
            for name, bound in (
                ("documents", 1),
                ("size", 300),
                ("size_spread", 0),
                ("least", 300),
                ("noise", 1e-300),
                ("noise_spread", 0),
                ("longest", 1),
            )
            if not getattr(self, name) >= bound
        ]
        if self.least > self.size:
            wrong.append(f"least is {self.least}, more than the size {self.size}")
        if wrong:
            raise RecipeError(f"vocabularies cannot be drawn so: {'; '.join(wrong)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """A vocabulary, the size and the noise that were drawn for it, and how many different substrings there were."""

    vocabulary: Vocabulary
    size: int
    noise: float
    substrings: int


def draw_documents(documents: int, seed: int, step: int, draw: Draw) -> npt.NDArray[np.int64]:
    """Which of so many documents the batch of a step is, in ascending order; all where there are no more than it takes.

    >>> draw_documents(1000, 0, 3, Draw(documents=3)).tolist() == draw_documents(1000, 0, 3, Draw(documents=3)).tolist()
    True
    """
    if documents <= draw.documents:
        return np.arange(documents)
    generator = np.random.default_rng([seed, step, _DOCUMENTS])
    return np.sort(generator.choice(documents, draw.documents, replace=False)).astype(np.int64)


def draw_vocabulary(
    words: WordCounts, seed: int, step: int, draw: Draw, special_tokens: Sequence[str] = ()
) -> Drawn:
    """The vocabulary of a step: special tokens, one for what is unknown, the bytes, and the best of the substrings of words.

    Words are cut by `WORDS`. Where there are fewer substrings than were drawn, it is smaller. Substrings that spell a special
    token or one of the bytes' are passed over, and those that hold the marker of spaces.

    >>> from pairloom.operators import count_words
    >>> import pyarrow as pa
    >>> drawn = draw_vocabulary(count_words(pa.array(["a rose is a rose"]), WORDS), 0, 0, Draw(least=300, size=300))
    >>> drawn.vocabulary.model.name, len(drawn.vocabulary) <= 300
    ('unigram', True)
    """
    generator = np.random.default_rng([seed, step, _VOCABULARY])
    drawn = generator.normal(draw.size, draw.size_spread)
    size = int(min(max(round(drawn), draw.least), draw.size))
    noise = math.exp(generator.normal(math.log(draw.noise), draw.noise_spread))
    found = substrings(
        [word.decode() for word in words.words.to_pylist()], words.counts.astype(np.int64), draw.longest
    )
    shares = np.log(found.counts / max(1, found.counts.sum()))
    scores = shares + generator.normal(0.0, noise, len(found))
    taken = {*special_tokens, "<unk>", *_BYTES}
    pieces: list[tuple[str, float]] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if len(pieces) + len(taken) >= size:
            break
        text = found.text(i)
        piece = text.replace(" ", MARKER)
        if MARKER not in text and piece not in taken:
            pieces.append((piece, float(scores[i])))
    vocabulary = Vocabulary.from_json(_file(pieces, special_tokens))
    return Drawn(vocabulary=vocabulary, size=size, noise=noise, substrings=len(found))


def _file(pieces: Sequence[tuple[str, float]], special_tokens: Sequence[str]) -> bytes:
    lowest = min((score for _, score in pieces), default=0.0) - 1.0
    special = [*(name for name in special_tokens if name != "<unk>"), "<unk>"]
    added = [
        {"id": i, "content": name, "special": True, "normalized": False}
        | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
        for i, name in enumerate(special)
    ]
    vocab = [*((name, 0.0) for name in special), *((name, lowest) for name in _BYTES), *pieces]
    spaces = {"type": "Replace", "pattern": {"String": MARKER}, "content": " "}
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": MARKER,
            "prepend_scheme": "never",
            "split": True,
        },
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [spaces, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "Unigram", "unk_id": len(special) - 1, "vocab": vocab, "byte_fallback": True},
    }
    return json.dumps(document, ensure_ascii=False).encode()
