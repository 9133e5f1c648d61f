"""Which tokens of a vocabulary are worth their row of the embedding, and which are trouble."""

import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.evaluate.curve import merge_products, merge_steps, ordinary_ids, unreachable
from pairloom.operators.evaluate.surfaces import surfaces
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["TokenUse", "duplicates", "partial_utf8", "token_use"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenUse:
    """Ids of ordinary tokens, int64 and ascending unless said.

    `never` do not occur in the text; `rare` occur, fewer than `threshold` times; `unreachable` no text is encoded to;
    `partial` are not whole UTF-8; `duplicates` are groups of tokens that NFKC, case folding and trimming make equal,
    the most wasteful first (the group's second most frequent token occurs the least); `glitches` are candidates for
    glitch tokens, the most suspicious first: whole, reachable, several bytes, below the threshold, while the learner
    has made the token so often as a part of longer ones that it got into the vocabulary. A model sees them too rarely
    to learn what they are (Land and Bartolo, "Fishing for Magikarp", 2024).
    """

    threshold: int
    never: npt.NDArray[np.int64]
    rare: npt.NDArray[np.int64]
    unreachable: npt.NDArray[np.int64]
    partial: npt.NDArray[np.int64]
    duplicates: tuple[tuple[int, ...], ...]
    glitches: npt.NDArray[np.int64]


def token_use(
    vocabulary: Vocabulary, token_counts: npt.NDArray[np.int64], *, threshold: int | None = None
) -> TokenUse:
    """Look at every ordinary token; see `TokenUse`.

    `threshold` is, where not given, a hundredth of the mean count of an ordinary token, at least 2.
    """
    ordinary = ordinary_ids(vocabulary)
    counts = token_counts[ordinary]
    if threshold is None:
        threshold = max(2, int(counts.sum()) // (100 * max(1, len(ordinary))))
    never, rare = ordinary[counts == 0], ordinary[(counts > 0) & (counts < threshold)]
    lost, partial = unreachable(vocabulary), partial_utf8(vocabulary)
    low = np.concatenate([never, rare])
    spelled = surfaces(vocabulary)
    several = np.array([len(spelled[int(i)]) > 1 for i in low], np.bool_)
    suspects = np.setdiff1d(low[several], np.concatenate([lost, partial]))
    steps = merge_steps(vocabulary, token_counts)
    if steps is not None:
        made = np.zeros(len(vocabulary), np.int64)
        made[merge_products(vocabulary)] = steps.steps
        suspects = suspects[np.lexsort((suspects, -(made[suspects] - token_counts[suspects])))]
    return TokenUse(
        threshold=threshold,
        never=never,
        rare=rare,
        unreachable=lost,
        partial=partial,
        duplicates=duplicates(vocabulary, token_counts),
        glitches=suspects,
    )


def partial_utf8(vocabulary: Vocabulary) -> npt.NDArray[np.int64]:
    """Ids of ordinary tokens whose bytes are not whole UTF-8, ascending; single bytes from 0x80 on are among them."""
    found, tokens = [], surfaces(vocabulary)
    for i in ordinary_ids(vocabulary).tolist():
        try:
            tokens[i].decode()
        except UnicodeDecodeError:
            found.append(i)
    return np.array(found, np.int64)


def duplicates(vocabulary: Vocabulary, token_counts: npt.NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    """Groups of ids whose tokens NFKC, case folding and trimming of spaces make equal, as `The`, ` the`, `THE`.

    In each group the most frequent comes first; the groups with the least frequent second tokens come first.
    """
    groups: dict[str, list[int]] = {}
    tokens = surfaces(vocabulary)
    for i in ordinary_ids(vocabulary).tolist():
        token = tokens[i]
        try:
            text = token.decode()
        except UnicodeDecodeError:
            continue
        key = (text if token.isascii() else unicodedata.normalize("NFKC", text)).casefold().strip()
        if key:
            groups.setdefault(key, []).append(i)
    several = [
        tuple(sorted(group, key=lambda i: (-int(token_counts[i]), i)))
        for group in groups.values()
        if len(group) > 1
    ]
    return tuple(sorted(several, key=lambda group: (int(token_counts[group[1]]), group)))
