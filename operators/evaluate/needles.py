"""Needles in haystacks of keys and values: items whose context is as long as is asked for, always the same for a seed.

The tasks are those of needle threading: a haystack is a JSON object of random UUIDs, in which one value is asked for, or
several, or the keys of values with a mark, or the end of a thread in which each value is the next key. Wordings are our
own. Contexts are sized in characters, since tokens of two tokenizers are not the same length; what a tokenizer makes of
them, `content.characters_per_token` tells.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pairloom.operators.evaluate.content import random_uuid
from pairloom.operators.evaluate.items import drawn
from pairloom.operators.selection.order import permutation

__all__ = ["DIRECTIONS", "PAIR", "TASKS", "follow", "needle_item"]

TASKS = ("single", "multi", "conditional", "thread", "threads")
DIRECTIONS = ("forward", "backward", "random")
PAIR = 80  # characters of a pair in the JSON of a haystack: two UUIDs, their quotes, colon, comma and spaces
MARK = "*"


def needle_item(
    task: str,
    *,
    characters: int,
    number: int = 0,
    seed: int = 0,
    needles: int = 1,
    thread_length: int = 1,
    threads: int = 1,
    direction: str = "forward",
    depth: float | None = None,
) -> dict[str, Any]:
    """One item: a haystack of `characters`, to a pair, and what is asked of it.

    `needles` are asked for by `multi` and marked by `conditional`; a thread has `thread_length` steps, whose keys stand one
    behind the other (`forward`), one before the other or anywhere; `threads` asks for the ends of several. `depth` is where
    the needle of `single` stands, from 0 to 1, drawn if not given.

    Fields: `id`, `task`, `haystack` (JSON), `keys` that are asked for (of `conditional`: none), `values` that answer,
    `question`, `answer`, `context_length` in characters, `num_kv_pairs`, `needle_depth` of the first needle, `placement` of
    all of them (places among the pairs), `thread_length`, `direction`, `num_threads`. Raises ValueError where the haystack
    has no room, and for a task or direction that is none.
    """
    if task not in TASKS or direction not in DIRECTIONS:
        raise ValueError(f"tasks are {TASKS} and directions {DIRECTIONS}, not {task!r} and {direction!r}")
    count = max(1, round(characters / PAIR))
    steps = thread_length if task in ("thread", "threads") else 1
    chains = {"single": 1, "thread": 1, "threads": threads}.get(task, needles)
    if chains < 1 or steps < 1 or chains * steps > count:
        raise ValueError(f"{count} pairs have no room for {chains} needles of {steps} steps")
    what = (task, characters, number, needles, thread_length, threads, direction, depth)
    pairs = [[_uuid(seed, *what, i, side) for side in ("key", "value")] for i in range(count)]
    places = _places(count, chains, steps, direction, depth if task == "single" else None, seed, what)
    for chain in places:
        for here, after in zip(chain, chain[1:], strict=False):
            pairs[here][1] = pairs[after][0]
    if task == "conditional":
        for (here,) in places:
            at = drawn(36, seed, *what, here, "mark")
            pairs[here][1] = pairs[here][1][:at] + MARK + pairs[here][1][at + 1 :]
    haystack = json.dumps(dict(pairs))
    keys = [pairs[chain[0]][0] for chain in places]
    values = [pairs[chain[-1]][1] for chain in places]
    answer = [pairs[i][0] for i in sorted(chain[0] for chain in places)] if task == "conditional" else values
    return {
        "id": f"{task}-{characters}-{seed}-{number}",
        "task": task,
        "haystack": haystack,
        "keys": [] if task == "conditional" else keys,
        "values": values,
        "question": _question(task, keys),
        "answer": answer,
        "context_length": len(haystack),
        "num_kv_pairs": count,
        "needle_depth": places[0][0] / max(1, count - 1),
        "placement": places,
        "thread_length": steps,
        "direction": direction,
        "num_threads": chains if task in ("thread", "threads") else 0,
    }


def follow(haystack: Mapping[str, str], key: str) -> tuple[str, int]:
    """The end of the thread that begins with a key, and how many steps it has.

    >>> follow({"a": "b", "b": "c"}, "a")
    ('c', 2)
    """
    steps = 0
    while key in haystack:
        key, steps = haystack[key], steps + 1
    return key, steps


def _places(
    count: int,
    chains: int,
    steps: int,
    direction: str,
    depth: float | None,
    seed: int,
    what: tuple[object, ...],
) -> list[list[int]]:
    """Which pairs are the needles: a list for each chain, in the order of its steps."""
    if depth is not None:
        if not 0 <= depth <= 1:
            raise ValueError(f"a depth is from 0 to 1, not {depth}")
        return [[round(depth * (count - 1))]]
    order = permutation(count, drawn(1 << 63, seed, *what, "places")).tolist()
    places = [order[i * steps : (i + 1) * steps] for i in range(chains)]
    if direction == "random":
        return places
    return [sorted(chain, reverse=direction == "backward") for chain in places]


def _uuid(seed: int, *what: object) -> str:
    return random_uuid(hashlib.sha256(" ".join(map(str, (seed, *what))).encode()).digest())


def _question(task: str, keys: list[str]) -> str:
    named = ", ".join(f'"{key}"' for key in keys)
    return {
        "single": f"What is the value of the key {named}?",
        "multi": f"What are the values of the keys {named}, in this order?",
        "conditional": f'Which keys have a value with the character "{MARK}" in it?',
        "thread": f"Each value may be a key again. Where does the thread from the key {named} end?",
        "threads": f"Each value may be a key again. Where do the threads from the keys {named} end, in this order?",
    }[task]
