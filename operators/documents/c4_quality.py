"""The rules of C4, which clean pages and leave some out."""

from dataclasses import dataclass

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["C4Quality"]

_POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class C4Quality(DocumentStep):
    r"""Takes lines that are no prose out of pages, and leaves out pages that have too little of it, by the rules of C4.

    Lines go that do not end with ".", "?", "!" or a quote or that end with an ellipsis (`line_ends`), that have fewer than
    `min_words` words, a word of more than `max_word_length` characters, "javascript" (`javascript`) or words about cookies and
    terms of use (`policies`); of the others, citations as in Wikipedia (`citations`) and white space around them. Pages go that
    have "lorem ipsum" (`lorem_ipsum`) or a curly bracket (`brackets`) in a line that would stay, or fewer than `min_sentences`.

    The words are those of the paper's code. Sentences are counted by their ends before white space, where that code asks NLTK.
    The list of bad words is `bad_words`. A bound that is null is not asked for.

    >>> C4Quality(min_sentences=1)(DocumentBatch.of(["Home\nThe moor is wet.[1]\nuse cookies"])).content.to_pylist()
    ['The moor is wet.']
    """

    name = "c4_quality"
    compiled = True
    source = (
        "Raffel et al., Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer (JMLR 21, 2020), 2.2, "
        "and c4_utils.py of TensorFlow Datasets"
    )

    line_ends: bool = True
    min_words: int | None = 3
    max_word_length: int | None = 1000
    min_sentences: int | None = 5
    citations: bool = True
    javascript: bool = True
    policies: bool = True
    lorem_ipsum: bool = True
    brackets: bool = True

    def __post_init__(self) -> None:
        for key in ("min_words", "max_word_length", "min_sentences"):
            if (value := getattr(self, key)) is not None and value < 0:
                raise ValueError(f"{key} must not be negative, got {value}")

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The pages that are left, of the lines that are left."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        from pairloom.operators.documents._rules import letters, texts_of, without
        from pairloom.operators.documents.kernels.web_lines import keep_lines

        phrases = [b"[edit]", b"[citation needed]", b"lorem ipsum", b"javascript"]
        phrases += [policy.encode() for policy in _POLICIES]
        first = np.zeros(256, np.uint8)
        for byte in {phrase[0] for phrase in phrases[2:]}:
            first[[byte, byte - 32]] = 1
        first[ord("{")] = 1
        text, table = texts_of(batch), letters()
        made, offsets = np.empty(text.bytes, np.uint8), np.zeros(len(batch) + 1, np.int64)
        broken = np.zeros(len(batch), np.int64)
        keep_lines(
            text.data,
            text.offsets,
            table.block_of,
            table.blocks,
            np.frombuffer(b"".join(phrases), np.uint8),
            np.cumsum([0, *map(len, phrases)], dtype=np.int64),
            first,
            np.array(self._asked(), np.int64),
            made,
            offsets,
            broken,
        )
        texts = pa.Array.from_buffers(
            pa.large_string(), len(batch), [None, pa.py_buffer(offsets), pa.py_buffer(made[: offsets[-1]])]
        )
        cleaned = batch.with_content(pc.utf8_trim_whitespace(texts))
        return without(cleaned, broken, ("lorem ipsum", "curly bracket", "too few sentences"))

    def _asked(self) -> list[int]:
        """In the order of `ASKED`."""
        return [
            self.citations,
            self.line_ends,
            -1 if self.min_words is None else self.min_words,
            -1 if self.max_word_length is None else self.max_word_length,
            self.lorem_ipsum,
            self.javascript,
            self.brackets,
            self.policies,
            -1 if self.min_sentences is None else self.min_sentences,
        ]
