"""Drift: whether the text of a generation is still what its vocabulary was learned for.

Two figures, by source and in all, of a generation and of its new and changed inputs alone, against the generation that
the vocabulary was learned in (or, if it was brought, that it came with):

    bytes per token    bytes of text for each token, those around documents aside; falls where merges fit less
    unknown words      share of the words (pretokens) that are not among the most frequent of those it was learned from

Both are quotients of counts that receipts hold slice by slice, so they do not depend on units, workers, or on what was
taken over from earlier generations.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pairloom.pipeline.recipe import DriftLimits
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.manifest import Manifest, read_manifest
from pairloom.pipeline.store.objects import Objects

__all__ = ["ALL", "Drift", "Drifted", "drift", "learned_in"]

ALL = ""  # stands for all sources together


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """One row of the watch: the text of a source (`ALL` for all of them) as it was and as it is.

    With `fresh`, `now` is that of the new and changed inputs alone. A source that is new is compared with all that was.
    """

    source: str
    fresh: bool
    before: Coverage
    now: Coverage

    @property
    def lost(self) -> Fraction | None:
        """The share of its bytes a token that the vocabulary has lost, negative where it has gained; None if not known."""
        if not self.before.tokens or not self.now.tokens or not self.before.bytes:
            return None
        ratio = Fraction(self.now.bytes * self.before.tokens, self.now.tokens * self.before.bytes)
        return 1 - ratio

    @property
    def grown(self) -> Fraction | None:
        """How much larger the share of unknown words is than it was; None where there is no memo to tell."""
        before, now = self.before, self.now
        if not before.memo or before.memo != now.memo or not before.words or not now.words:
            return None
        return Fraction(now.unknown_words, now.words) - Fraction(before.unknown_words, before.words)

    def complaints(self, limits: DriftLimits) -> list[str]:
        """What is past the limits."""
        if self.now.tokens < limits.min_tokens:
            return []
        name = f"the new and changed inputs of {self._name}" if self.fresh else self._name
        said = []
        if (
            limits.bytes_per_token is not None
            and self.lost is not None
            and self.lost > limits.bytes_per_token
        ):
            said.append(
                f"{name}: {self.now.bytes_per_token:.3f} bytes a token instead of {self.before.bytes_per_token:.3f}, "
                f"{float(self.lost):.1%} fewer (retokenize.drift.bytes_per_token allows {float(limits.bytes_per_token):g})"
            )
        if limits.unknown_words is not None and self.grown is not None and self.grown > limits.unknown_words:
            said.append(
                f"{name}: {self.now.unknown_share:.2%} of the words are unknown instead of {self.before.unknown_share:.2%} "
                f"(retokenize.drift.unknown_words allows a growth of {float(limits.unknown_words):g})"
            )
        return said

    @property
    def _name(self) -> str:
        return "all sources" if self.source == ALL else f"source {self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The watch of a generation: `rows`, compared with generation `since`, and what to say about them."""

    since: int
    rows: tuple[Drifted, ...]
    warnings: tuple[str, ...]


def learned_in(objects: Objects, manifest: Manifest) -> Manifest | None:
    """The generation that the vocabulary of another was learned in, or came with; None where that is the same one."""
    since = manifest.learned_in or manifest.given_in
    return None if since is None else read_manifest(objects, since)


def drift(
    before: Manifest, after: Manifest, fresh: Mapping[str, Coverage], limits: DriftLimits
) -> Drift | None:
    """Compare a generation with the one its vocabulary was learned in.

    `fresh` is the text of the inputs that are new or changed, by source. None where the figures are not known of both,
    as they are of every generation since they were first counted.
    """
    was, now = before.stage("tokenize").coverage, after.stage("tokenize").coverage
    if not was or set(now) != set(after.stage("tokenize").unit_sources):
        return None
    rows = (*_rows(was, now, fresh=False), *_rows(was, fresh, fresh=True))
    said = [line for row in rows for line in row.complaints(limits)]
    return Drift(since=before.generation, rows=rows, warnings=_advice(said, before, after))


def _rows(was: Mapping[str, Coverage], now: Mapping[str, Coverage], *, fresh: bool) -> Iterator[Drifted]:
    whole = Coverage.sum(was.values())
    if len(now) > 1:
        yield Drifted(source=ALL, fresh=fresh, before=whole, now=Coverage.sum(now.values()))
    for source, coverage in now.items():
        yield Drifted(source=source, fresh=fresh, before=was.get(source, whole), now=coverage)


def _advice(said: Sequence[str], before: Manifest, after: Manifest) -> tuple[str, ...]:
    """The complaints, with what to do about them."""
    if not said:
        return ()
    todo = (
        "learn it anew with `pairloom retokenize --relearn`"
        if after.learned_in is not None
        else "bring another with vocabulary.from, or remove that key to learn one"
    )
    which = f"the vocabulary of generation {before.generation} no longer fits the corpus"
    return tuple(f"{which}: {line}; {todo}" for line in said)
