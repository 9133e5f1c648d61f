"""The step that rewrites text by rules, until none applies."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["Rewrite", "Rule", "rewritten"]


@dataclass(frozen=True, slots=True)
class Rule:
    r"""A regular expression of RE2, and what is written in its place, in which `\1` is its first group."""

    find: str
    write: str


Layers = tuple[tuple[Rule, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite(DocumentStep):
    r"""Rewrites text by layers of rules, from the first layer up, again and again until nothing changes any more.

    A rule is `{find: "...", write: "..."}`: a regular expression of RE2, which takes linear time, and what stands in its place. The
    field `rule_hits` says how often each rule was applied to a document. A document that still changes after `max_passes` over all
    layers is rejected (`no_fixed_point`). To rewrite twice changes nothing more.

    >>> step = Rewrite(layers=((Rule("colour", "color"),), (Rule("  +", " "),)))
    >>> made = step(DocumentBatch.of(["a    colour"]))
    >>> made.content.to_pylist(), made.fields["rule_hits"].to_pylist()
    (['a color'], [[1, 1]])
    """

    name = "rewrite"

    layers: Layers
    max_passes: int = 10

    def __post_init__(self) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not any(self.layers):
            raise ValueError("layers must have a rule: [[{find: ..., write: ...}]]")
        if self.max_passes < 2:
            raise ValueError(
                f"max_passes must be 2 or more, got {self.max_passes}: the last one changes nothing"
            )
        for rule in (rule for layer in self.layers for rule in layer):
            try:
                pc.replace_substring_regex(pa.array([""]), rule.find, rule.write)
            except pa.ArrowInvalid as error:
                said = str(error).splitlines()[0]
                raise ValueError(f"layers has a rule {rule.find!r} that RE2 does not take: {said}") from error

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents, rewritten."""
        import pyarrow as pa

        texts, hits, last = rewritten(batch.content, self.layers, self.max_passes)
        made = batch.with_content(texts).with_fields(rule_hits=pa.array(hits.tolist(), pa.list_(pa.int64())))
        said = f"still changes after {self.max_passes} passes: correct the rules of the step rewrite, or raise max_passes"
        return made.reject(last, "no_fixed_point", said)


def rewritten(
    texts: Any, layers: Layers, max_passes: int
) -> tuple[Any, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Texts, how often each rule was applied to each (int64[n, rules]), and which of them still changed in the last pass."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rules = [rule for layer in layers for rule in layer]
    hits = np.zeros((len(texts), len(rules)), np.int64)
    changing = np.arange(len(texts))
    for _ in range(max_passes):
        before = after = texts.take(pa.array(changing))
        for k, rule in enumerate(rules):
            found = pc.count_substring_regex(after, rule.find).to_numpy(zero_copy_only=False)
            if found.any():
                hits[changing, k] += found
                after = pc.replace_substring_regex(after, rule.find, rule.write)
        mask = np.zeros(len(texts), np.bool_)
        mask[changing] = pc.not_equal(after, before).to_numpy(zero_copy_only=False)
        texts = pc.replace_with_mask(texts, pa.array(mask), after.filter(pa.array(mask[changing])))
        changing = np.flatnonzero(mask)
        if not len(changing):
            break
    return texts, hits, mask
