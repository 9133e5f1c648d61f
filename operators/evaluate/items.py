"""Items of tasks that tokens make hard or easy: spelling, counting letters, adding numbers; always the same for a seed.

The tasks and their sizes are those of CharBench (spelling), of studies of counting by format, and of Singh and Strouse,
"Tokenization counts" (addition); wordings are our own. Every item has its `answer`, so that whoever asks can mark it, and
what an audit of the tokens needs (`content.covariates`, `content.atomicity`, `misaligned`).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pairloom.operators.evaluate.content import counting_forms
from pairloom.operators.evaluate.numbers import chunk_digits
from pairloom.operators.evaluate.placed import places_of
from pairloom.operators.selection.order import permutation
from pairloom.operators.vocabulary import Vocabulary

__all__ = [
    "DELETIONS",
    "SPELLING",
    "addition_items",
    "counting_items",
    "deletion_items",
    "drawn",
    "misaligned",
    "spelling_items",
]

SPELLING = {
    "unique": 'How many different characters are in the word "{word}"?',
    "frequency": 'How often does the character "{letter}" occur in the word "{word}"?',
    "first": 'At which place, counted from 0, does the character "{letter}" first occur in the word "{word}"?',
    "last": 'At which place, counted from 0, does the character "{letter}" last occur in the word "{word}"?',
}
"""The spelling tasks and how they are asked."""
DELETIONS = {
    "vowels": re.compile("[aeiouAEIOU]"),
    "vowels_in_context": re.compile("[aeiouAEIOU](?=[b-df-hj-np-tv-z])"),
    "merge": re.compile("(?<=A)BC"),
}
"""What is deleted in each diagnostic task: vowels, those that a small consonant follows, and what makes a D of ABC."""
_WORD = re.compile(r"[a-zA-Z]+")


def drawn(most: int, seed: int, *what: object) -> int:
    """A whole number below `most` that depends on the seed and on what it is for, and on nothing else."""
    digest = hashlib.sha256(" ".join(map(str, (seed, *what))).encode()).digest()
    return int.from_bytes(digest[:16], "big") % most


def spelling_items(
    words: Iterable[str],
    *,
    seed: int = 42,
    lengths: Sequence[int] = range(4, 11),
    per_length: int = 25_000,
) -> Iterator[dict[str, Any]]:
    """Items about the letters of words: of each length up to `per_length` words, a quarter for each task, none twice.

    Words are the distinct ones of ASCII letters alone; which are taken, and for what, depends on the seed and on the set of
    them. Letters are told by case. `index` is the place that the answer is about, 0 for `unique`.
    """
    by_length: dict[int, list[str]] = {}
    for word in sorted({word for word in words if _WORD.fullmatch(word)}):
        by_length.setdefault(len(word), []).append(word)
    for length in lengths:
        found = by_length.get(length, [])
        order = np.argsort(permutation(len(found), seed)).tolist() if found else []
        share = min(per_length, len(found)) // len(SPELLING)
        for place, i in enumerate(order[: share * len(SPELLING)]):
            task, word = list(SPELLING)[place // share], found[i]
            letter = word[drawn(length, seed, task, word)]
            answers = {
                "unique": len(set(word)),
                "frequency": word.count(letter),
                "first": word.index(letter),
                "last": word.rindex(letter),
            }
            yield {
                "task": task,
                "word": word,
                "letter": "" if task == "unique" else letter,
                "question": SPELLING[task].format(word=word, letter=letter),
                "answer": answers[task],
                "index": 0 if task == "unique" else answers["last" if task == "last" else "first"],
            }


def counting_items(
    count: int,
    *,
    letters: str = "ab",
    lengths: Sequence[tuple[int, int]] = ((10, 20), (20, 30), (30, 40)),
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """For each range of lengths, `count` random strings over the letters, each in every form, asked for one of the letters.

    A range is from the first length up to and without the second. Digits are letters too: `letters="0123456789"`.
    """
    for low, high in lengths:
        for number in range(count):
            what = ("counting", letters, low, high, number)
            length = low + drawn(high - low, seed, *what, "length")
            text = "".join(letters[drawn(len(letters), seed, *what, i)] for i in range(length))
            target = letters[drawn(len(letters), seed, *what, "target")]
            for form, shown in counting_forms(text).items():
                yield {
                    "form": form,
                    "letters": text,
                    "text": shown,
                    "target": target,
                    "question": f'How many times does "{target}" occur in: {shown}',
                    "answer": text.count(target),
                }


def addition_items(
    count: int,
    *,
    digits: Sequence[int] = (7, 8, 9),
    shots: int = 8,
    separator: str = "",
    direction: str = "r2l3",
    reverse: bool = False,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Additions: `count` for each pair of numbers of digits, after `shots` solved ones of the same kind.

    With a separator, digits are written in threes from the right (`r2l3`) or from the left (`l2r3`). `answer` is written as
    the numbers are, `sum` is the number. With `reverse` sums are written from their last digit on, and a line is `$a+b=sum$`,
    as where models learn to add (Lee et al., 2023, arXiv:2307.03381).
    """

    def written(number: int) -> str:
        return separator.join(chunk_digits(str(number), direction)) if separator else str(number)

    def result(number: int) -> str:
        return written(number)[::-1] + "$" if reverse else written(number)

    def asked(left: int, right: int) -> str:
        return f"{'$' if reverse else ''}{written(left)}+{written(right)}="

    def pair(one: int, two: int, *what: object) -> tuple[int, int]:
        left, right = (
            10 ** (n - 1) + drawn(9 * 10 ** (n - 1), seed, "addition", one, two, *what, side)
            for side, n in enumerate((one, two))
        )
        return left, right

    for one in digits:
        for two in digits:
            for number in range(count):
                solved = [pair(one, two, number, shot) for shot in range(shots)]
                left, right = pair(one, two, number, "asked")
                lines = [asked(a, b) + result(a + b) for a, b in solved]
                yield {
                    "left": left,
                    "right": right,
                    "sum": left + right,
                    "prompt": "\n".join([*lines, asked(left, right)]),
                    "answer": result(left + right),
                }


def deletion_items(count: int, *, length: int = 64, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Strings of letters in which some can be deleted by a rule: of each of `DELETIONS`, `count` strings of `length` letters.

    They show whether a model that deletes tokens finds out which it can do without (Kallini et al., 2024, "MrT5",
    arXiv:2410.20771). `answer` is what is left, `keep` has a 1 for each letter that is, a 0 for each that is not. Where ABC
    becomes D, the A stands for it, and a tenth of the places are where an ABC begins.
    """
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for task, rule in DELETIONS.items():
        for number in range(count):
            what = ("deletion", task, number)
            text = "".join(letters[drawn(len(letters), seed, *what, i)] for i in range(length))
            if task == "merge":
                places = [i for i in range(0, length - 2, 3) if drawn(10, seed, *what, "planted", i) < 3]
                for place in places:
                    text = f"{text[:place]}ABC{text[place + 3 :]}"
            keep = [1] * length
            for found in rule.finditer(text):
                keep[found.start() : found.end()] = [0] * len(found[0])
            left = text.replace("ABC", "D") if task == "merge" else rule.sub("", text)
            yield {"task": task, "text": text, "answer": left, "keep": keep}


def misaligned(vocabulary: Vocabulary, items: Iterable[dict[str, Any]]) -> float:
    """The share of additions whose numbers are cut, counted from their last digits, in other places than their sum is.

    An addend that is shorter than the sum is compared as far as it goes. Numbers are encoded alone, without separators.
    """
    rows = [[str(item[key]) for key in ("left", "right", "sum")] for item in items]
    if not rows:
        return 0.0
    numbers = [number for row in rows for number in row]
    cuts = [
        {len(number) - end for _, end in found[:-1]} - {0, len(number)}
        for number, found in zip(numbers, places_of(vocabulary, numbers), strict=True)
    ]
    wrong = 0
    for place, row in enumerate(rows):
        *addends, total = cuts[3 * place : 3 * place + 3]
        wrong += any(
            cut != {at for at in total if at < len(number)} for cut, number in zip(addends, row, strict=False)
        )
    return wrong / len(rows)
