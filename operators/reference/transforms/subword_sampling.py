"""What subword sampling does to a word, in plain Python: the twin of its kernels."""

from collections.abc import Mapping, Sequence

from pairloom.operators.reference.hashing import draw

__all__ = ["TWINS", "draw_word", "spellings", "words_of"]


def words_of(tokens: Sequence[str | None]) -> list[list[int]]:
    """Places of tokens, those of a word together: one goes on to the next that begins with a space or stays (None).

    >>> words_of([" a", "b", None, "c", " d"])
    [[0, 1], [2], [3], [4]]
    """
    found: list[list[int]] = []
    for i, token in enumerate(tokens):
        if token is not None and not token.startswith(" ") and i and tokens[i - 1] is not None:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def draw_word(word: str, number: int, stream: int, chances: Mapping[str, float]) -> list[str]:
    """Word `number` of a document, spelled by pieces that are drawn from its end on.

    >>> draw_word("ab", 0, 5, {"ab": 1.0})
    ['ab']
    """
    own = draw(stream, number)
    front = [1.0] + [0.0] * len(word)
    edges: list[list[tuple[int, str]]] = [[] for _ in range(len(word) + 1)]
    for begin in range(len(word)):
        for end in range(begin + 1, len(word) + 1):
            piece = word[begin:end]
            if piece in chances and (begin == 0 or edges[begin]):
                front[end] += front[begin] * chances[piece]
                edges[end].insert(0, (begin, piece))
    found: list[str] = []
    end = len(word)
    while end:
        weights = [front[begin] * chances[piece] for begin, piece in edges[end]]
        wanted = sum(weights) * ((draw(own, len(found)) >> 11) * 2.0**-53)
        reached, chosen = weights[0], 0
        while reached <= wanted and chosen + 1 < len(weights):
            chosen += 1
            reached += weights[chosen]
        end, piece = edges[end][chosen]
        found.append(piece)
    return found[::-1]


def spellings(word: str, chances: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    """Every spelling of a word and how likely it is drawn.

    >>> spellings("ab", {"a": 0.5, "b": 0.5, "ab": 0.25})
    {('a', 'b'): 0.5, ('ab',): 0.5}
    """
    found: dict[tuple[str, ...], float] = {(): 1.0}
    whole: dict[tuple[str, ...], float] = {}
    while found:
        further = {}
        for spelled, weight in found.items():
            at = len("".join(spelled))
            if at == len(word):
                whole[spelled] = weight
                continue
            for end in range(at + 1, len(word) + 1):
                if word[at:end] in chances:
                    further[*spelled, word[at:end]] = weight * chances[word[at:end]]
        found = further
    total = sum(whole.values())
    return {spelled: whole[spelled] / total for spelled in sorted(whole)}


TWINS = {
    "transforms.kernels.subword_sampling:draw_words": draw_word,
    "transforms.kernels.subword_sampling:longest_word": words_of,
}
