"""Pruning a vocabulary: the tokens that a corpus misses least are left out, and every token that stays can still be made."""

import heapq
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import RecipeError
from pairloom.operators.models.bpe.model import ByteLevelBPE, byte_level
from pairloom.operators.vocabulary import Vocabulary
from pairloom.operators.vocabulary.tokens import TokenTable, ordinary_index

__all__ = ["Pruned", "prune"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pruned:
    """A smaller vocabulary, and what became of each old token: `new_ids[offsets[i]:offsets[i + 1]]`.

    One id of a token that stays, those of its parts of one that is left out. `added` is how many tokens more the corpus takes
    where these parts stay as they are; they may also be merged with what stands beside them.
    """

    vocabulary: Vocabulary
    offsets: npt.NDArray[np.int64]
    new_ids: npt.NDArray[np.int64]
    added: int


def prune(vocabulary: Vocabulary, counts: npt.NDArray[np.int64], size: int) -> Pruned:
    """A vocabulary of `size` tokens: one after another, that is left out which occurs least and which no other is made of.

    `counts` (int64) are how often each id occurs in a corpus. A token that is left out is its two parts from then on, which occur
    so much more often; of equals the one with the larger id goes. Special tokens and bytes stay, and ids keep their order.
    Raises RecipeError where nothing can be left out, or not so many.

    >>> import pyarrow as pa
    >>> from pairloom.operators import Pretokenizer, count_words, learn_bpe
    >>> found = learn_bpe(count_words(pa.array(["aaab aaab ab"]), Pretokenizer(scheme="whitespace")), 260)
    >>> found.tokens[256:]
    (b'aa', b'ab', b'aaab', b' ab')
    >>> prune(found, np.array([0] * 256 + [1, 0, 1, 1]), 259).vocabulary.tokens[256:]
    (b'aa', b'ab', b'aaab')
    """
    model = vocabulary.model
    if not isinstance(model, ByteLevelBPE):
        raise RecipeError(
            f"tokens are left out of byte-level BPE, and this vocabulary is of the family {model.name}: learn a smaller one"
        )
    if model.ties_share_rank:
        raise RecipeError("this vocabulary has no list of merges: save it as a tokenizer.json first")
    if len(counts) != len(vocabulary):
        raise ValueError(f"{len(counts)} counts are given for {len(vocabulary)} tokens")
    if size >= len(vocabulary):
        raise RecipeError(
            f"size {size:,} is not below the {len(vocabulary):,} tokens that there are: say fewer"
        )
    products, parts, uses = _made_of(vocabulary)
    weights = [int(count) for count in counts.tolist()]
    heap = [(weights[i], -i) for i in parts if not uses[i]]
    heapq.heapify(heap)
    left_out: set[int] = set()
    added = 0
    while len(vocabulary) - len(left_out) > size:
        if not heap:
            raise RecipeError(
                f"{len(vocabulary) - len(left_out):,} tokens have to stay, special ones and bytes: size {size:,} is too small"
            )
        weight, token = heapq.heappop(heap)
        token = -token
        if weight != weights[token] or token in left_out:
            continue
        left_out.add(token)
        added += weight
        for part in parts[token]:
            weights[part] += weight
        for pair in products[token]:
            for part in {*pair}:
                uses[part] -= 1
                if not uses[part] and part in parts:
                    heapq.heappush(heap, (weights[part], -part))
    return _smaller(vocabulary, left_out, parts, added)


def _made_of(
    vocabulary: Vocabulary,
) -> tuple[dict[int, list[tuple[int, int]]], dict[int, tuple[int, int]], dict[int, int]]:
    """The merges that make each token, the parts of each (those of the first merge), and how many merges use each."""
    index = ordinary_index(vocabulary.tokens, vocabulary.added_ids)
    products: dict[int, list[tuple[int, int]]] = defaultdict(list)
    uses: dict[int, int] = defaultdict(int)
    for left, right in byte_level(vocabulary.model).merges.tolist():
        token = index[vocabulary.tokens[left] + vocabulary.tokens[right]]
        products[token].append((left, right))
        for part in {left, right}:
            uses[part] += 1
    special = {*vocabulary.special_ids}
    parts = {token: pairs[0] for token, pairs in products.items() if token not in special}
    return products, parts, uses


def _smaller(
    vocabulary: Vocabulary, left_out: set[int], parts: dict[int, tuple[int, int]], added: int
) -> Pruned:
    stays = np.ones(len(vocabulary), np.bool_)
    stays[list(left_out)] = False
    new = np.cumsum(stays) - 1
    model = byte_level(vocabulary.model)
    index = ordinary_index(vocabulary.tokens, vocabulary.added_ids)
    tokens = vocabulary.tokens
    products = [index[tokens[left] + tokens[right]] for left, right in model.merges.tolist()]
    merges = new[model.merges[stays[np.array(products, np.int64)]]].astype(np.int32).reshape(-1, 2)
    made = replace(
        vocabulary,
        tokens=TokenTable.of(token for token, kept in zip(tokens, stays.tolist(), strict=True) if kept),
        model=replace(model, merges=merges),
        special_ids=tuple(int(new[i]) for i in vocabulary.special_ids),
        text_ids=tuple(int(new[i]) for i in vocabulary.text_ids),
        post_processor=_renumbered(vocabulary.post_processor, new),
    )
    became: list[list[int]] = []
    for token in range(len(vocabulary)):
        waiting, ids = [token], []
        while waiting:
            one = waiting.pop()
            if stays[one]:
                ids.append(int(new[one]))
            else:
                waiting += reversed(parts[one])
        became.append(ids)
    offsets = np.cumsum([0, *map(len, became)]).astype(np.int64)
    return Pruned(
        vocabulary=made,
        offsets=offsets,
        new_ids=np.array([i for ids in became for i in ids], np.int64),
        added=added,
    )


def _renumbered(post_processor: str, new: npt.NDArray[np.int64]) -> str:
    """A post-processor whose special tokens have their new ids."""
    if not post_processor:
        return post_processor
    return json.dumps(_walked(json.loads(post_processor), new), ensure_ascii=False, separators=(",", ":"))


def _walked(node: Any, new: npt.NDArray[np.int64]) -> Any:
    if isinstance(node, list):
        return [_walked(one, new) for one in node]
    if not isinstance(node, dict):
        return node
    found = {}
    for key, value in node.items():
        if key == "ids" and isinstance(value, list):
            found[key] = [int(new[i]) for i in value]
        elif key in ("sep", "cls") and isinstance(value, list):
            found[key] = [value[0], int(new[value[1]])]
        else:
            found[key] = _walked(value, new)
    return found
