"""What follows from the counts of a vocabulary's tokens: compression, use, sizes, merges."""

from typing import Any

import numpy as np

from pairloom.operators import Vocabulary
from pairloom.operators.evaluate.curve import merge_products, merge_steps, ordinary_ids
from pairloom.operators.evaluate.distribution import rank_frequency, renyi_efficiency, token_lengths
from pairloom.operators.evaluate.surfaces import surfaces
from pairloom.operators.evaluate.usage import token_use
from pairloom.operators.evaluate.word_tally import WordTally
from pairloom.pipeline.report.options import Options

__all__ = ["about_tokens"]

SIZES = (1024, 2048, 4096, 8192, 16384, 24576, 32768, 49152, 65536, 98304, 131072, 196608, 262144)
EXAMPLES = 40


def about_tokens(vocabulary: Vocabulary, tally: WordTally, options: Options) -> dict[str, Any]:
    """What follows from the tokens' counts alone."""
    counts, tokens = tally.token_counts, surfaces(vocabulary)
    ordinary = ordinary_ids(vocabulary)
    use = token_use(vocabulary, counts, threshold=options.threshold)
    alpha = options.alpha
    return {
        "format": 1,
        "summary": tally.facts()
        | {
            "vocabulary": len(vocabulary),
            "merges": len(vocabulary.model.merges),
            "alpha": alpha,
            "renyi_efficiency": renyi_efficiency(counts[ordinary], len(ordinary), alpha),
            "shannon_efficiency": renyi_efficiency(counts[ordinary], len(ordinary), 1.0),
            "mean_token_bytes": float(tokens.lengths[ordinary].mean()) if len(ordinary) else 0.0,
        },
        "kinds": tally.by_kind(),
        "tokens_per_word": tally.tokens_per_word.tolist() if tally.words or not tally.tokens else [],
        "use": {
            "threshold": use.threshold,
            "ordinary": len(ordinary),
            "never": len(use.never),
            "rare": len(use.rare),
            # What a word becomes depends on its place, where texts are taken as a whole.
            **({"unreachable": len(use.unreachable)} if vocabulary.model.by_words else {}),
            "partial_utf8": len(use.partial),
            "duplicate_groups": len(use.duplicates),
            "duplicate_tokens": sum(len(group) - 1 for group in use.duplicates),
            "glitch_candidates": len(use.glitches),
        },
        "examples": {
            "never": _shown(vocabulary, counts, use.never[::-1]),
            "glitch_candidates": _shown(vocabulary, counts, use.glitches),
            "unreachable": _shown(vocabulary, counts, use.unreachable),
            "longest": _shown(
                vocabulary, counts, ordinary[np.argsort(-tokens.lengths[ordinary], kind="stable")]
            ),
            "duplicates": [
                _shown(vocabulary, counts, np.array(group)) for group in use.duplicates[:EXAMPLES]
            ],
        },
        "token_lengths": token_lengths(tokens, ordinary, counts),
        "rank_frequency": rank_frequency(counts),
        "curve": _curve(vocabulary, tally),
        "merges": _merges(vocabulary, counts),
    }


def _shown(vocabulary: Vocabulary, counts: Any, ids: Any) -> list[dict[str, Any]]:
    return [
        {"id": int(i), "token": readable(vocabulary.tokens[int(i)]), "count": int(counts[int(i)])}
        for i in ids[:EXAMPLES]
    ]


def readable(token: bytes) -> str:
    r"""A token as text, bytes that are no UTF-8 as `\xNN`.

    >>> readable(b"caf\xc3")
    'caf\\xc3'
    """
    return token.decode("utf-8", "backslashreplace")


def _curve(vocabulary: Vocabulary, tally: WordTally) -> list[dict[str, float]]:
    """The tokens of the text at sizes of the vocabulary up to its own; [] where prefixes of its merges do not nest."""
    steps = merge_steps(vocabulary, tally.token_counts)
    if steps is None or not tally.tokens:
        return []
    sizes = steps.sizes
    wanted = {size for size in SIZES if sizes[0] <= size < sizes[-1]} | {int(sizes[0]), int(sizes[-1])}
    size_of = int(sizes[0])
    return [
        {
            "size": size,
            "tokens": int(steps.tokens[size - size_of]),
            "bytes_per_token": tally.bytes / max(1, int(steps.tokens[size - size_of])),
        }
        for size in sorted(wanted)
    ]


def _merges(vocabulary: Vocabulary, counts: Any) -> list[dict[str, Any]]:
    """Merges at ranks that double: what was learned when, and how much of it is left as a token of its own."""
    steps = merge_steps(vocabulary, counts)
    if steps is None:
        return []
    products = merge_products(vocabulary)
    spread = np.geomspace(1, max(1, len(products)), 60).astype(np.int64) - 1
    rows = []
    for rank in sorted({*range(16), *spread.tolist()} & set(range(len(products)))):
        left, right = (readable(vocabulary.tokens[i]) for i in vocabulary.model.merges[rank].tolist())
        token = int(products[rank])
        rows.append(
            {
                "rank": rank,
                "left": left,
                "right": right,
                "token": readable(vocabulary.tokens[token]),
                "steps": int(steps.steps[rank]),
                "count": int(counts[token]),
            }
        )
    return rows
