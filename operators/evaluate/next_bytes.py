"""What byte comes after a text by a model of tokens, and which tokens never follow a token.

    P(x) = sum of P(t) over the covers t of x        P(byte | x) = P(x byte) / sum over all bytes

This is exact where a model gives nothing to sequences that the tokenizer does not make (Vieira et al., 2024, "From Language Models
over Tokens to Language Models over Characters", arXiv 2412.03719; Phan et al., 2024, arXiv 2410.09303); what another gives to those
is shared out. So it says what comes after a prompt, also after one that ends inside a token.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators import Vocabulary
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.covers import covers, encoded_bytes

__all__ = ["AROUND", "Cover", "Covers", "NextToken"]

NextToken = Callable[[Sequence[int]], npt.NDArray[np.float64]]
"""The probability of every id after some ids, float64[vocabulary]."""

AROUND = ("", "a", "1", " ", "\n", ".")
"""What pairs of tokens are looked for between: beginnings and ends of texts, letters, digits, white space, punctuation."""

_TAIL = 256  # characters of a text of which what comes before is encoded once
_LEADS = (b"", b"\xc3", b"\xe3", b"\xe3\x81", b"\xf0", b"\xf0\x9f", b"\xf0\x9f\x98")


class Cover(NamedTuple):
    """A sequence of `cover(x)`, and what its last token has beyond x."""

    ids: tuple[int, ...]
    beyond: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Covers:
    """The covers of texts by a vocabulary of byte-level BPE.

    Raises RecipeError for another family, and for one that normalizes: its tokens are not the bytes of the text.
    """

    tokenizer: Tokenizer
    tokens: tuple[bytes, ...]
    spelled: tuple[bytes, ...]
    ids: tuple[int, ...]

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary."""
        return self.tokenizer.vocabulary

    @staticmethod
    def of(vocabulary: Vocabulary) -> "Covers":
        """Ready to be asked."""
        if vocabulary.model.name != "bpe" or vocabulary.normalizer != "none":
            raise RecipeError(
                f"covers are of the bytes of a text, and this vocabulary is {vocabulary.model.name} with the normalizer "
                f"{vocabulary.normalizer}: name one of byte-level BPE that normalizes nothing"
            )
        tokens = tuple(bytes(one) for one in vocabulary.tokens)
        special = set(vocabulary.reserved_ids)
        ordered = sorted((token, k) for k, token in enumerate(tokens) if k not in special and token)
        return Covers(
            Tokenizer(vocabulary), tokens, tuple(token for token, _ in ordered), tuple(k for _, k in ordered)
        )

    def valid(self, ids: Sequence[int]) -> bool:
        """Whether the tokenizer makes these tokens of what they spell."""
        (made,) = encoded_bytes(self.tokenizer, [b"".join(self.tokens[k] for k in ids)])
        return made == list(ids)

    def cover(self, text: str) -> list[Cover]:
        """The covers of a text, the sequence that ends where the text does first, then by what is beyond."""
        before, rest = self._stable(text)
        found = []
        for ids in covers(self.tokenizer, rest):
            spelled = b"".join(self.tokens[k] for k in ids)
            found.append(Cover((*before, *ids), spelled[len(rest.encode()) :]))
        return sorted(found, key=lambda one: (one.beyond, one.ids))

    def following(self, text: str) -> list[Cover]:
        """The valid sequences that are those of the text and one token more; what is beyond is that token."""
        before, rest = self._stable(text)
        own, data = self._ids(rest), rest.encode()
        made = encoded_bytes(self.tokenizer, [data + token for token in self.spelled])
        return [
            Cover((*before, *own, k), token)
            for token, k, one in zip(self.spelled, self.ids, made, strict=True)
            if one == [*own, k]
        ]

    def next_bytes(
        self, text: str, model: NextToken, before: Sequence[int] = ()
    ) -> tuple[npt.NDArray[np.float64], float]:
        """The probability of each byte after a text (float64[256], adding up to 1), and of the text itself, P(x).

        Both are over valid sequences; of a model that gives something to others the former is what is left of it, as a share.
        `before` are ids that stand before the text. Raises RecipeError where the model gives nothing to any.
        """
        found = self.cover(text)
        weights = _Chain(model, tuple(before))
        out, whole = np.zeros(256), 0.0
        for one in found:
            p = weights.of(one.ids)
            whole += p
            if one.beyond:
                out[one.beyond[0]] += p
        if found and not found[0].beyond:
            p = weights.of(found[0].ids)
            after = weights.after(found[0].ids)
            for one in self.following(text):
                out[one.beyond[0]] += p * float(after[one.ids[-1]])
        if not out.sum() > 0:
            raise RecipeError("the model gives no probability to any text that goes on from this")
        return out / out.sum(), whole

    def probability(self, ids: Sequence[int], model: NextToken, before: Sequence[int] = ()) -> float:
        """P(t), the product of the probabilities of its tokens."""
        return _Chain(model, tuple(before)).of(tuple(ids))

    def probability_of_all(
        self, text: bytes, model: NextToken, order: int, before: Sequence[int] = ()
    ) -> float:
        """P(x) over all sequences of tokens that spell the text or go beyond it with their last token, valid or not.

        For a model that looks at the last `order - 1` ids: sums over these, from the start of the text to its end.
        """
        states: list[dict[tuple[int, ...], float]] = [{} for _ in range(len(text) + 1)]
        states[0][tuple(before)[max(0, len(before) - order + 1) :] if order > 1 else ()] = 1.0
        chain = _Chain(model, ())
        for i in range(len(text)):
            for history, weight in states[i].items():
                after = chain.after(history)
                for token, k in self._along(text[i:]):
                    end = min(len(text), i + len(token))
                    kept = (*history, k)[-(order - 1) :] if order > 1 else ()
                    states[end][kept] = states[end].get(kept, 0.0) + weight * float(after[k])
        return sum(states[-1].values())

    def never_after(self, token: int) -> list[int]:
        """The ids that never follow a token, wherever the two are looked for in texts; special tokens are not among them.

        A pair is looked for between all of `AROUND`, and where the two are parts of characters, in characters that have them.
        """
        first, left = self.tokens[token], set(self.ids)
        for before in AROUND:
            for after in AROUND:
                texts: list[str] = []
                pairs: list[tuple[int, int]] = []
                for k in sorted(left):
                    for start, text in _surrounded(first + self.tokens[k], before, after):
                        texts.append(text)
                        pairs.append((k, start))
                for (k, start), made in zip(
                    pairs, encoded_bytes(self.tokenizer, [one.encode() for one in texts]), strict=True
                ):
                    if k in left and self._stand(made, start, token, k):
                        left.discard(k)
        return sorted(left)

    def _stand(self, made: list[int], start: int, first: int, second: int) -> bool:
        at = 0
        for place, k in enumerate(made):
            if at == start:
                return k == first and place + 1 < len(made) and made[place + 1] == second
            at += len(self.tokens[k])
        return False

    def _stable(self, text: str) -> tuple[tuple[int, ...], str]:
        """The ids of what no continuation changes, and the text after it: the last few words."""
        if len(text) <= _TAIL:
            return (), text
        head = "".join(self.tokenizer.vocabulary.pretokenizer.split_text(text)[:-4])
        return self._ids(head), text[len(head) :]

    def _ids(self, text: str) -> tuple[int, ...]:
        (found,) = encoded_bytes(self.tokenizer, [text.encode()])
        return tuple(found)

    def _beginning(self, prefix: bytes) -> Iterator[tuple[bytes, int]]:
        """The tokens that begin with some bytes."""
        for place in range(bisect_left(self.spelled, prefix), len(self.spelled)):
            if not self.spelled[place].startswith(prefix):
                return
            yield self.spelled[place], self.ids[place]

    def _along(self, rest: bytes) -> Iterator[tuple[bytes, int]]:
        """The tokens that a text begins with, or that begin with the text."""
        yield from self._beginning(rest)
        for size in range(1, len(rest)):
            for place in range(bisect_left(self.spelled, rest[:size]), len(self.spelled)):
                if self.spelled[place] != rest[:size]:
                    break
                yield self.spelled[place], self.ids[place]


class _Chain:
    """Probabilities of sequences, of which many begin alike."""

    def __init__(self, model: NextToken, before: tuple[int, ...]) -> None:
        self._model, self._before = model, before
        self._after: dict[tuple[int, ...], npt.NDArray[np.float64]] = {}
        self._known: dict[tuple[int, ...], float] = {(): 1.0}

    def after(self, ids: tuple[int, ...]) -> npt.NDArray[np.float64]:
        if ids not in self._after:
            self._after[ids] = self._model((*self._before, *ids))
        return self._after[ids]

    def of(self, ids: tuple[int, ...]) -> float:
        known = max((k for k in range(len(ids) + 1) if ids[:k] in self._known), default=0)
        found = self._known[ids[:known]]
        for k in range(known, len(ids)):
            found *= float(self.after(ids[:k])[ids[k]])
            self._known[ids[: k + 1]] = found
        return found


def _completed(data: bytes) -> Iterator[str]:
    r"""Texts that begin with some bytes: the text that they are, or where they cut a character, those with such a character.

    >>> list(_completed(b"a")), next(_completed(b"\xe6\x97"))[0].encode()[:2]
    (['a'], b'\xe6\x97')
    """
    try:
        yield data.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return
        for byte in range(0x80, 0xC0):
            for more in range(3):
                try:
                    yield (data + bytes([byte]) + b"\x80" * more).decode()
                except UnicodeDecodeError:
                    continue
                break


def _surrounded(data: bytes, before: str, after: str) -> Iterator[tuple[int, str]]:
    """Texts that have some bytes between others, and where they begin."""
    for lead in _LEADS:
        head = before.encode() + lead
        try:
            yield len(head), (head + data + after.encode()).decode()
        except UnicodeDecodeError:
            if after:
                continue
            texts = list(_completed(head + data))
            yield from ((len(head), text) for text in texts)
            if texts:
                return
            continue
        return
