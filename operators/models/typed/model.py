"""Typed entries over a base vocabulary as a model, and its file.

`model.pairloom` of its `tokenizer.json` has the base's own file and all that is typed; `tokenizers` has no such model and does not
open it. Ids are those of the base, then the entries, type after type.

    text       … took  cold  aspirin     the base encodes the text, as if there were no concepts
    concepts           cold  aspirin     what begins and ends with a token and a word, from the left, the longest
    types              ?     drug        that of the concept before it in its sentence, if it has it; else that of least entropy
    sentence   7 tokens for 9            typed where that takes fewer tokens a word, else all of the base
"""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from pairloom.operators.learners.typed import TypedLearner
from pairloom.operators.models import Compiled, Entries, Model, OtherModelError, Read, TokenizerFile
from pairloom.operators.speeds import Encoding
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["Typed", "cut_words"]

_TYPE = "Typed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Typed(Model):
    """The entries of each type of `kinds` behind the tokens of `base`, and the concepts that they spell.

    `entries[t]` are bytes, `costs[t]` what each costs in 65,536ths of a bit, and `others[t]` what a byte costs that they do not
    cover. `concepts` are texts with the number of a type, ascending. The same bytes may be an entry of several types, and a token
    of the base.
    """

    name: ClassVar[str] = "typed"
    encoding: ClassVar[Encoding] = TypedLearner.encoding
    types: ClassVar[tuple[str, ...]] = (_TYPE,)
    kernels: ClassVar[tuple[str, ...]] = ("models.lzw.kernels", "models.typed.kernels")  # of its base, too
    by_words: ClassVar[bool] = False
    opened: ClassVar[bool] = False

    base: Vocabulary
    kinds: tuple[str, ...]
    entries: tuple[tuple[bytes, ...], ...]
    costs: tuple[tuple[int, ...], ...]
    others: tuple[int, ...]
    concepts: tuple[tuple[str, int], ...]

    @property
    def identity(self) -> bytes:
        """The base, the entries with what they cost, and the concepts."""
        own = self._document() | {"base": self.base.fingerprint}
        return json.dumps(own, sort_keys=True).encode()

    @property
    def starts(self) -> tuple[int, ...]:
        """The id of the first entry of each type, and behind the last of all."""
        return tuple(itertools.accumulate(map(len, self.entries), initial=len(self.base)))

    def vocabulary(self) -> Vocabulary:
        """The vocabulary of this model."""
        return Vocabulary(model=self, **self._fields())

    def check(self, entries: Entries) -> None:
        """ValueError where the tokens are not the base's and the entries, or anything else is not the base's."""
        for name, value in self._fields().items():
            found = getattr(entries, name)
            same = TokenTable.of(found)[:] == tuple(value) if name == "tokens" else found == value
            if not same and name != "post_processor":
                raise ValueError(f"its {name} are not those of its base, with typed entries behind")
        sizes = {len(self.kinds), len(self.entries), len(self.costs), len(self.others)}
        if len(sizes) > 1 or any(len(a) != len(b) for a, b in zip(self.entries, self.costs, strict=True)):
            raise ValueError("each type has entries, and each entry a cost")
        if any(not entry for one in self.entries for entry in one) or any(
            len(set(one)) < len(one) for one in self.entries
        ):
            raise ValueError("an entry is empty, or twice of one type")
        if min((*itertools.chain(*self.costs), *self.others), default=0) < 0:
            raise ValueError("a cost is negative")
        for text, kind in self.concepts:
            if not text or text != text.strip() or not 0 <= kind < len(self.kinds):
                raise ValueError(f"{text!r} of type {kind} is no concept")

    @classmethod
    def read(cls, file: TokenizerFile) -> Read:
        """A file that this wrote."""
        own = file.document["model"].get("pairloom")
        if not isinstance(own, dict) or own.get("family") != cls.name:
            raise OtherModelError("its model is Typed of another program")
        base = Vocabulary.from_json(json.dumps(own["base"]).encode())
        types = own["types"]
        model = cls(
            base=base,
            kinds=tuple(str(one["name"]) for one in types),
            entries=tuple(tuple(map(bytes.fromhex, one["entries"])) for one in types),
            costs=tuple(tuple(map(int, one["costs"])) for one in types),
            others=tuple(int(one["other"]) for one in types),
            concepts=tuple((str(text), int(kind)) for text, kind in own["concepts"]),
        )
        return Read(model._fields() | {"model": model}, own["golden"])

    def write(self, entries: Entries, golden: Callable[[], list[list[Any]]]) -> bytes:
        """A `tokenizer.json` of this program alone."""
        own = {
            "family": self.name,
            **self._document(),
            "base": json.loads(self.base.to_json()),
            "golden": golden(),
        }
        document = {"version": "1.0", "added_tokens": [], "model": {"type": _TYPE, "pairloom": own}}
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def compiled(self, entries: Entries) -> Compiled:
        """What spells concepts, by each type that they have, and the tables of the base."""
        from pairloom.operators.models.typed.tables import TypedTables

        return TypedTables.of(self, entries.tokens)

    def _document(self) -> dict[str, Any]:
        parts = zip(self.kinds, self.entries, self.costs, self.others, strict=True)
        return {
            "types": [
                {"name": kind, "entries": [one.hex() for one in own], "costs": list(costs), "other": other}
                for kind, own, costs, other in parts
            ],
            "concepts": [list(one) for one in self.concepts],
        }

    def _fields(self) -> dict[str, Any]:
        base = self.base
        return {
            "tokens": TokenTable.of([*base.tokens, *itertools.chain(*self.entries)]),
            "special_tokens": base.special_tokens,
            "special_ids": base.special_ids,
            "plain_tokens": base.plain_tokens,
            "late_tokens": base.late_tokens,
            "text_ids": base.text_ids,
            "pretokenizer": base.pretokenizer,
            "normalizer": base.normalizer,
            "post_processor": base.post_processor,
        }


def cut_words(texts: Sequence[str], pretokenizer: Pretokenizer) -> list[list[bytes]]:
    """The words of each text.

    >>> cut_words(["a cold", " aspirin"], Pretokenizer())
    [[b'a', b' cold'], [b' aspirin']]
    """
    text = text_of(pa.array(texts, pa.large_string()))
    ends = [block.copy() for _, block in pretokenizer.blocks(text)]
    edges = np.concatenate([text.offsets[:1], *ends]).astype(np.int64)
    owner = np.searchsorted(text.offsets, edges[1:], side="left") - 1
    found: list[list[bytes]] = [[] for _ in texts]
    data = text.data.tobytes()
    for number, (low, high) in zip(owner.tolist(), itertools.pairwise(edges.tolist()), strict=True):
        found[number].append(data[low:high])
    return found
