"""Learning typed entries: for each semantic type, byte-pair merges of the words of its concepts propose them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Progress, Target
from pairloom.operators.models.bpe.learning import learn_bpe
from pairloom.operators.models.typed.concepts import Concept, types_of
from pairloom.operators.models.typed.model import Typed, cut_words
from pairloom.operators.models.typed.spelling import byte_cost, cost, least_entropy
from pairloom.operators.text.normalize import normalize
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["learn_typed"]


def learn_typed(
    counts: WordCounts,
    target: Target,
    base: Vocabulary,
    concepts: Iterable[Concept],
    sizes: Mapping[str, int],
    *,
    progress: Progress | None = None,
) -> Vocabulary:
    """A base vocabulary, the special tokens that it lacks, and at most `sizes[type]` entries of each type, types ascending.

    A word of concepts counts once, and once more each time that it occurs in `counts`. What no concept is spelled with is no
    entry. Raises RecipeError where the base does not do for this, or all of that is more than the target's size.

    >>> from pairloom.operators.counts import count_words
    >>> words = count_words(pa.array(["take aspirin"]), Pretokenizer())
    >>> base = learn_bpe(words, 260)
    >>> made = learn_typed(words, Target(size=300), base, [Concept("aspirin", "drug")], {"drug": 20})
    >>> [made.tokens[i] for i in made.encode_one("an aspirin")][-1], made.tokens[260:]
    (b' aspirin', (b'aspirin', b' aspirin'))
    """
    base = with_special_tokens(base, target.special_tokens)
    if target.normalizer not in ("none", base.normalizer):
        raise RecipeError(
            f"normalizer is {target.normalizer}, and that of the base is {base.normalizer}: remove it, the base's is used"
        )
    formed = normalized(concepts, base.normalizer)
    kinds = types_of(formed)
    if len(base) + sum(sizes[kind] for kind in kinds) > target.size:
        raise RecipeError(
            f"size must be at least {len(base) + sum(sizes[kind] for kind in kinds)}: {len(base)} tokens of the base with special "
            f"tokens, and the entries of {len(kinds)} types"
        )
    seen = dict(zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True))
    entries, costs, others = [], [], []
    for done, kind in enumerate(kinds):
        if progress is not None:
            progress(done, len(kinds))
        weights = _weighted([one.text for one in formed if one.type == kind], base.pretokenizer, seen)
        used, total = _proposed(weights, sizes[kind], target.min_count)
        own = {entry: cost(count, total) for entry, count in used.items()}
        kept = _needed(weights, own, byte_cost(total))
        entries.append(tuple(kept))
        costs.append(tuple(own[entry] for entry in kept))
        others.append(byte_cost(total))
    numbers = {kind: number for number, kind in enumerate(kinds)}
    model = Typed(
        base=base,
        kinds=kinds,
        entries=tuple(entries),
        costs=tuple(costs),
        others=tuple(others),
        concepts=tuple((one.text, numbers[one.type]) for one in formed),
    )
    return model.vocabulary()


def with_special_tokens(base: Vocabulary, special_tokens: Sequence[str]) -> Vocabulary:
    """A base with the special tokens that it lacks behind its own; raises RecipeError for one that does not do as a base."""
    if not (base.model.spells and base.model.by_words and base.model.takes_text and base.model.opened):
        raise RecipeError(
            f"the base is of the family {base.model.name}, whose tokens do not spell text word by word: take byte-level BPE"
        )
    added = set(base.added_ids)
    ordinary = {token for i, token in enumerate(base.tokens) if i not in added}
    if missing := [byte for byte in range(256) if bytes([byte]) not in ordinary]:
        raise RecipeError(f"the base has no token for the byte {missing[0]:#04x}: take one that has all 256")
    new = [token for token in special_tokens if token not in base.special_tokens]
    return replace(
        base,
        tokens=[*base.tokens, *(token.encode() for token in new)],
        special_tokens=(*base.special_tokens, *new),
        special_ids=(*base.special_ids, *range(len(base), len(base) + len(new))),
    )


def normalized(concepts: Iterable[Concept], normalizer: str) -> tuple[Concept, ...]:
    """Concepts as text is when it is encoded, each once, ascending."""
    given = tuple(concepts)
    texts = normalize(pa.array([one.text for one in given], pa.large_string()), normalizer).to_pylist()
    return tuple(sorted({Concept(text, one.type) for text, one in zip(texts, given, strict=True)}))


def _weighted(
    texts: Sequence[str], pretokenizer: Pretokenizer, seen: Mapping[bytes, int]
) -> dict[bytes, int]:
    """The words of concepts, with a space before the first and without, and how much each counts."""
    found: Counter[bytes] = Counter()
    for words in (*cut_words(texts, pretokenizer), *cut_words([f" {text}" for text in texts], pretokenizer)):
        found.update(words)
    return {word: found[word] + seen.get(word, 0) for word in sorted(found)}


def _proposed(weights: Mapping[bytes, int], size: int, least: int) -> tuple[dict[bytes, int], int]:
    """The tokens of byte-pair merges of words that are used, but for bytes, and how often; and how often any token is."""
    words = pa.array([*weights], pa.large_binary())
    counts = WordCounts(words=words, counts=np.array([*weights.values()], np.int64))
    merged = learn_bpe(counts, 256 + size, min_count=least, pretokenizer=Pretokenizer(scheme="none"))
    rows = merged.encode(words.cast(pa.large_string()))
    shares = np.repeat(counts.counts, np.diff(rows.offsets.to_numpy()))
    used: Counter[int] = Counter()
    for i, share in zip(rows.values.to_pylist(), shares.tolist(), strict=True):
        used[i] += share
    return {merged.tokens[i]: used[i] for i in sorted(used) if i >= 256}, max(1, sum(used.values()))


def _needed(weights: Iterable[bytes], costs: Mapping[bytes, int], other: int) -> list[bytes]:
    """The entries that some word is spelled with, in their order."""
    longest = max(map(len, costs), default=0)
    needed = {token for word in weights for token in least_entropy(word, costs, other, longest)[1]}
    return [entry for entry in costs if entry in needed]
