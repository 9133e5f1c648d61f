"""Learning byte-level BPE from the parts of compounds: CompoundPiece."""

import re
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from pairloom.operators.learners import Learner, Progress, Shape, Target
from pairloom.operators.speeds import Encoding

if TYPE_CHECKING:
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.text.compounds import Splitter
    from pairloom.operators.vocabulary import Vocabulary

__all__ = ["CompoundBPELearner", "constituents"]

_CORE = re.compile(r"(\W*)([^\W\d_]+(?:-[^\W\d_]+)*)(\W*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompoundBPELearner(Learner):
    """Byte-pair merges learned from the parts of compounds instead of whole words, so that tokens end where parts do.

    Which words are compounds is found in the counts: those that also occur with a hyphen (take a pretokenizer that keeps hyphens
    in words, as `whitespace` does), and those whose parts are more frequent words. Words that occur fewer than `least_count`
    times say nothing; parts have at least `least_letters` letters, and `links` are what may stand between two (German: s, es, n,
    en). Encoding knows of merges alone (Minixhofer et al., 2023).
    """

    name = "compound_bpe"
    encoding = Encoding(first=205, later=580, bytes_per_token=3.5)
    shapes = frozenset(one.name for one in fields(Shape))

    least_count: int = 16
    least_letters: int = 3
    links: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.least_count < 1:
            raise ValueError(f"least_count must be at least 1, not {self.least_count}")
        if self.least_letters < 2:
            raise ValueError(f"least_letters must be at least 2, not {self.least_letters}")
        if not all(link and link == link.lower() for link in self.links):
            raise ValueError("links must be lower-case letters")

    def need(self, words: int) -> int:
        """The words, as texts, and their parts."""
        return 300_000_000 + 60 * words

    def learn(
        self, counts: "WordCounts", target: Target, *, progress: Progress | None = None
    ) -> "Vocabulary":
        """See `learn_bpe`, of the words' parts."""
        from pairloom.operators.models.bpe.learning import learn_bpe

        return learn_bpe(
            constituents(counts, self),
            target.size,
            special_tokens=target.special_tokens,
            pretokenizer=target.pretokenizer,
            normalizer=target.normalizer,
            min_count=target.min_count,
            progress=progress,
            shape=target.shape,
        )


def constituents(counts: "WordCounts", choice: CompoundBPELearner) -> "WordCounts":
    r"""Words cut into the parts that `choice` finds: what stands before the letters goes with the first, what is behind is apart.

    >>> import pyarrow as pa
    >>> from pairloom.operators.counts import count_words
    >>> from pairloom.operators.text.pretokenize import Pretokenizer
    >>> text = pa.array(["Haus Haus Tür Tür Haustür, und und"])
    >>> words = count_words(text, Pretokenizer(scheme="whitespace"))
    >>> constituents(words, CompoundBPELearner(least_count=1)).words.to_pylist()[-4:]
    [b' und', b',', b'Haus', b't\xc3\xbcr']
    """
    import numpy as np
    import pyarrow as pa

    from pairloom.operators.counts import WordCounts
    from pairloom.operators.text.compounds import Splitter, mine

    cut = [_cut(word) for word in counts.words.to_pylist()]
    spelled: Counter[str] = Counter()
    for found, count in zip(cut, counts.counts.tolist(), strict=True):
        if found is not None:
            spelled[found[1].lower()] += count
    known = {word: count for word, count in spelled.items() if count >= choice.least_count}
    splitter = Splitter(known, mine(known), choice.links, choice.least_letters)
    parts: Counter[bytes] = Counter()
    for word, found, count in zip(counts.words.to_pylist(), cut, counts.counts.tolist(), strict=True):
        for part in [word] if found is None else _parted(*found, splitter):
            parts[part] += count
    ordered = sorted(parts)
    return WordCounts(
        words=pa.array(ordered, pa.large_binary()),
        counts=np.array([parts[part] for part in ordered], np.int64),
    )


def _cut(word: bytes) -> tuple[str, str, str] | None:
    """What is before the letters of a word, these, and what is behind; of a word that has none, or several, nothing."""
    try:
        found = _CORE.fullmatch(word.decode())
    except UnicodeDecodeError:
        return None
    return None if found is None else (found[1], found[2], found[3])


def _parted(before: str, letters: str, behind: str, splitter: "Splitter") -> list[bytes]:
    lower = letters.lower()
    parts = splitter.parts(lower) if len(lower) == len(letters) and "-" not in lower else (lower,)
    out, at = [], 0
    for part in parts:
        out.append(letters[at : at + len(part)])
        at += len(part)
    out[-1] += letters[at:]
    out[0] = before + out[0]
    return [part.encode() for part in [*out, behind] if part]
