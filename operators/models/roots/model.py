"""Roots, affixes and byte-level BPE for the rest as a model, and its file.

`model.pairloom` of its `tokenizer.json` has all of it; `tokenizers` has no such model and does not open the file. Ids are, in this
order: special tokens that it was learned with, marks, roots, affixes, bytes, what merges make, and special tokens that came later.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.learners.roots import RootsLearner
from pairloom.operators.models import Compiled, Entries, Model, OtherModelError, Read, TokenizerFile
from pairloom.operators.models.roots.lexicon import RootLexicon
from pairloom.operators.models.roots.spelling import MARKS
from pairloom.operators.speeds import Encoding
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary.tokens import TokenTable, byte_order

__all__ = ["Roots", "layout_tokens", "merged_tokens"]

_TYPE = "Roots"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roots(Model):
    """The tokens of `lexicon`, whose ids begin behind the marks at `start`, and merges for the text between them.

    `fallback` is int32[m, 2], merges in numbers of its own: the 256 bytes, in the order that vocabularies have them in, then what
    each merge makes. A text is cut into words at white space; see `spelling.py` for the rest.
    """

    name: ClassVar[str] = "roots"
    encoding: ClassVar[Encoding] = RootsLearner.encoding
    types: ClassVar[tuple[str, ...]] = (_TYPE,)
    kernels: ClassVar[tuple[str, ...]] = ("encode.kernels:runs", "models.roots.kernels")
    by_words: ClassVar[bool] = False
    spells: ClassVar[bool] = False
    located: ClassVar[bool] = True
    opened: ClassVar[bool] = False

    lexicon: RootLexicon
    fallback: npt.NDArray[np.int32] = field()
    start: int = 0

    @property
    def lexical(self) -> int:
        """The id of the first root; those of roots and affixes have no gap."""
        return self.start + len(MARKS)

    @property
    def spelled(self) -> int:
        """The id of the first byte; those of bytes and merges have no gap."""
        return self.lexical + len(self.lexicon.roots) + len(self.lexicon.affixes)

    @property
    def end(self) -> int:
        """Behind the id of the last merge."""
        return self.spelled + 256 + len(self.fallback)

    @property
    def identity(self) -> bytes:
        """The lexicon with its rules, and the merges."""
        return json.dumps(self._document(), sort_keys=True).encode()

    def check(self, entries: Entries) -> None:
        """ValueError where the tokens are not those of the model, or text is cut elsewhere than at white space."""
        if entries.pretokenizer != Pretokenizer(scheme="whitespace"):
            raise ValueError("roots and affixes are found in words that the pretokenizer whitespace cuts")
        if len(entries) < self.end or self.start < 0:
            raise ValueError(f"there are {len(entries)} tokens, and the model has ids up to {self.end - 1}")
        if wrong := [i for i in entries.special_ids if self.start <= i < self.end]:
            raise ValueError(f"id {wrong[0]} is that of a special token, and of the model")
        if entries.late_tokens or entries.text_ids:
            raise ValueError(
                "special tokens are none of the model's, and are found before text is normalized"
            )
        if TokenTable.of(entries.tokens)[self.start : self.end] != tuple(
            layout_tokens(self.lexicon, self.fallback)
        ):
            raise ValueError("the tokens are not those of the lexicon and the merges")

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """A file that this wrote."""
        own = file.document["model"].get("pairloom")
        if not isinstance(own, dict) or own.get("family") != cls.name:
            raise OtherModelError("its model is Roots of another program")
        lexicon = RootLexicon.from_document(own["lexicon"])
        merges = np.array(own["merges"], np.int32).reshape(-1, 2)
        _check_merges(merges)
        model = cls(lexicon=lexicon, fallback=merges, start=int(own["start"]))
        added = {int(i): str(token) for i, token in own["special"]}
        size = model.end - model.start + len(added)
        made = iter(layout_tokens(lexicon, merges))
        tokens = [added[i].encode() if i in added else next(made) for i in range(size)]
        return Read(
            {
                "tokens": TokenTable.of(tokens),
                "special_tokens": tuple(added.values()),
                "special_ids": tuple(added),
                "plain_tokens": tuple(own["plain"]),
                "pretokenizer": Pretokenizer(scheme="whitespace"),
                "normalizer": own["normalizer"],
                "post_processor": own["post_processor"],
                "model": model,
            },
            own["golden"],
        )

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """A `tokenizer.json` of this program alone."""
        own = {
            "family": self.name,
            **self._document(),
            "special": [list(pair) for pair in zip(entries.special_ids, entries.special_tokens, strict=True)],
            "plain": list(entries.plain_tokens),
            "normalizer": entries.normalizer,
            "post_processor": entries.post_processor,
            "golden": golden(),
        }
        document = {"version": "1.0", "added_tokens": [], "model": {"type": _TYPE, "pairloom": own}}
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def compiled(self, entries: Entries) -> Compiled:
        """The forms and the merges, laid out."""
        from pairloom.operators.models.roots.tables import RootTables

        return RootTables.of(self, entries)

    def _document(self) -> dict[str, Any]:
        return {"lexicon": self.lexicon.document(), "merges": self.fallback.tolist(), "start": self.start}


def layout_tokens(lexicon: RootLexicon, merges: npt.NDArray[np.int32]) -> list[bytes]:
    """What is shown as each token: the marks, the last form of each root and affix, and the bytes of the others."""
    return [
        *(mark.encode() for mark in MARKS),
        *(lexicon.forms(line)[-1].text.encode() for line in lexicon.lines),
        *merged_tokens(merges),
    ]


def merged_tokens(merges: npt.NDArray[np.int32]) -> Sequence[bytes]:
    """The bytes, in the order that vocabularies have them in, and what merges make of them.

    >>> merged_tokens(np.array([[64, 65]], np.int32))[256:]
    [b'ab']
    """
    tokens = [bytes([byte]) for byte in byte_order().tolist()]
    for left, right in merges.tolist():
        tokens.append(tokens[left] + tokens[right])
    return tokens


def _check_merges(merges: npt.NDArray[np.int32]) -> None:
    """Raise ValueError for a merge of what is not made before it, and for one whose token would be huge."""
    lengths = [1] * 256
    for rank, (left, right) in enumerate(merges.tolist()):
        if not 0 <= min(left, right) <= max(left, right) < 256 + rank:
            raise ValueError(f"merge {rank} is of what no merge before it makes")
        lengths.append(lengths[left] + lengths[right])
        if lengths[-1] > 1 << 16:
            raise ValueError(f"merge {rank} makes a token of {lengths[-1]} bytes")
