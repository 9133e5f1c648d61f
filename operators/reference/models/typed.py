"""Typed entries: what becomes of the tokens that a base has made of a text, word for word as the rules have it."""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "retype_tokens"]

Choice = tuple[int, Sequence[int]]


def retype_tokens(
    tokens: Sequence[tuple[int, bytes | None]],
    spellings: Mapping[bytes, Sequence[Choice]],
    in_word: Callable[[str], bool],
) -> list[int]:
    """The ids of a text: `tokens` are ids of the base with their bytes, of special tokens with None.

    `spellings` has what spells concepts, and its types with their ids, that of least entropy first.

    >>> retype_tokens([(1, b"a"), (2, b" co"), (3, b"ld")], {b" cold": [(0, [9])]}, str.isalnum)
    [1, 9]
    """
    out: list[int] = []
    run: list[tuple[int, bytes]] = []
    for i, spelled in [*tokens, (-1, None)]:
        if spelled is not None:
            run.append((i, spelled))
            continue
        out += _retyped(run, spellings, in_word)
        out += [i] * (i >= 0)
        run = []
    return out


def _retyped(
    run: list[tuple[int, bytes]],
    spellings: Mapping[bytes, Sequence[Choice]],
    in_word: Callable[[str], bool],
) -> list[int]:
    out: list[int] = []
    at = 0
    sentence: list[int | tuple[bytes, list[int]]] = []
    while at < len(run):
        before = b"".join(text for _, text in run[:at])
        behind = next(
            (
                end
                for end in range(len(run), at, -1)
                if _is_concept(before, run[at:end], run[end:], spellings, in_word)
            ),
            at,
        )
        if behind > at:
            sentence.append((b"".join(text for _, text in run[at:behind]), [i for i, _ in run[at:behind]]))
            at = behind
            continue
        i, text = run[at]
        sentence.append(i)
        at += 1
        rest = b"".join(one for _, one in run[at:])
        wide = text.endswith(("\u3002".encode(), "\uff01".encode(), "\uff1f".encode()))
        marked = text.endswith((b".", b"!", b"?"))
        if b"\n" in text or b"\r" in text or wide or (marked and (not rest or rest[:1] in b" \t\n\v\f\r")):
            out += _chosen(sentence, spellings)
            sentence = []
    return out + _chosen(sentence, spellings)


def _is_concept(
    before: bytes,
    tokens: Sequence[tuple[int, bytes]],
    behind: Sequence[tuple[int, bytes]],
    spellings: Mapping[bytes, Sequence[Choice]],
    in_word: Callable[[str], bool],
) -> bool:
    spelled = b"".join(text for _, text in tokens)
    if spelled not in spellings:
        return False
    text = spelled.decode()
    left, right = (
        before.decode(errors="replace")[-1:],
        b"".join(one for _, one in behind).decode(errors="replace")[:1],
    )
    inside = bool(left) and in_word(left) and in_word(text[0])
    return not inside and not (bool(right) and in_word(right) and in_word(text[-1]))


def _chosen(
    sentence: Sequence[int | tuple[bytes, list[int]]], spellings: Mapping[bytes, Sequence[Choice]]
) -> list[int]:
    concepts = [one[0] for one in sentence if not isinstance(one, int)]
    alone = [spellings[text][0][0] for text in concepts if len(spellings[text]) == 1]
    now = alone[0] if alone else None
    plain: list[int] = []
    typed: list[int] = []
    for one in sentence:
        if isinstance(one, int):
            plain.append(one)
            typed.append(one)
            continue
        choices = spellings[one[0]]
        now, ids = next((choice for choice in choices if choice[0] == now), choices[0])
        plain += one[1]
        typed += ids
    return typed if len(typed) < len(plain) else plain


TWINS: Mapping[str, Callable[..., object]] = {"models.typed.kernels:retype": retype_tokens}
