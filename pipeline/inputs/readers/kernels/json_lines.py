"""A compiled reader of JSON lines that is exact or says nothing.

It walks a line by the grammar of RFC 8259, checks every byte of it for UTF-8, and copies out the fields that are asked for,
also from objects within objects. It takes a line only when `_json_line.read_line` would accept it with the same result, and
stops at any other: errors, missing fields, escaped keys, NaN, lone surrogates. Those lines go to `read_line`, one by one, so
that a bad line costs its own time and no more.

(`pyarrow.json` was tried for this. It reads two objects on one line as two records, and version 26 ends the process
with a segmentation fault at a block whose lines are all `null`.)
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, copy_bytes, inner, kernel, load_u8
from pairloom.pipeline.inputs.readers.kernels.json_strings import WINDOW, decode_string, skip_string
from pairloom.pipeline.inputs.readers.kernels.json_values import (
    after_blanks,
    skip_container,
    skip_literal,
    skip_number,
)
from pairloom.pipeline.inputs.readers.kernels.json_where import NOT, UNSURE, YES, Asked, joined, tested
from pairloom.pipeline.inputs.shaping.kinds import (
    ARRAY,
    BLOCKED,
    BOOLEAN,
    INTEGER,
    NOTHING,
    NULL,
    NUMBER,
    OBJECT,
    STEPS,
    STRING,
)

__all__ = [
    "DONE",
    "EXPLAIN",
    "LEFT_OUT",
    "OPEN",
    "PADDING",
    "POSITION",
    "SEEN",
    "TAKEN",
    "TOO_LONG",
    "Scratch",
    "Taken",
    "Wanted",
    "scan_lines",
]

# How `scan_lines` ends.
DONE, EXPLAIN, TOO_LONG = 0, 1, 2
# What `state` holds: the position in the data, records seen, records taken, those that are left out because of what is asked, and
# those among the taken of which it is not known.
POSITION, SEEN, TAKEN, LEFT_OUT, OPEN = 0, 1, 2, 3, 4
PADDING = 2 * WINDOW
"""So many newlines must follow the text."""


class Wanted(NamedTuple):
    """The fields to take, as a tree of names.

    Node `n` (0 is the record) has the edges `nodes[n]` up to `nodes[n + 1]`. Edge `e` is named `names[ends[e]:ends[e + 1]]`;
    `below[e]` is the node that it leads to, or -1, and `leaf[e]` the field that ends there, or -1. The fields below an edge
    are those from `low[e]` up to `high[e]`. Field `k` must be a string where `must[k]` is 1, a string or an integer where it is
    2, and may be anything where it is 0.
    """

    names: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int64]
    nodes: npt.NDArray[np.int64]
    below: npt.NDArray[np.int64]
    leaf: npt.NDArray[np.int64]
    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    must: npt.NDArray[np.int64]


class Taken(NamedTuple):
    """What was taken: of record `i`, field `k` is at `values[k] + offsets[k, i]`, up to the next offset.

    `values` are addresses, each of as many bytes as there are in the data and `WINDOW` more: buffers of their own, since the
    allocator gives back one of 32 MB and more, and every block would pay for its pages. `kinds[k, i]` says what it is, `rows[i]`
    is the record's number, `starts[i]` where its line begins in the data. All have an entry more than there are lines.
    """

    values: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint16]
    rows: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]


class Scratch(NamedTuple):
    """Room to work in: what is found, two numbers a field; the objects that are entered, two a node; `DEEPEST` brackets."""

    found: npt.NDArray[np.int64]
    entered: npt.NDArray[np.int64]
    brackets: npt.NDArray[np.uint8]


@inner
def _same(p: int, q: int, length: int) -> bool:
    for k in range(length):
        if load_u8(p + k) != load_u8(q + k):
            return False
    return True


@kernel
def scan_lines(
    data: npt.NDArray[np.uint8],
    stop: int,
    longest: int,
    wanted: Wanted,
    asked: Asked,
    taken_to: Taken,
    state: npt.NDArray[np.int64],
    scratch: Scratch,
) -> int:
    """Read the lines of `data[state[POSITION]:stop]`; at least `PADDING` newlines follow in `data`.

    `state` is int64[5] and is moved on. A string is unescaped, any other value is copied as it is written. A record for which
    what is `asked` is not true is not taken: its place is that of the next one.

    Returns DONE at `stop`; EXPLAIN at a line (which begins at the position) that is not taken; TOO_LONG at one of more than
    `longest` bytes.
    """
    names, ends, nodes = address(wanted.names), wanted.ends, wanted.nodes
    below, leaf, low, high, must = wanted.below, wanted.leaf, wanted.low, wanted.high, wanted.must
    values, offsets, kinds = taken_to.values, taken_to.offsets, taken_to.kinds
    rows, starts = taken_to.rows, taken_to.starts
    found, entered, stack = scratch.found, scratch.entered, address(scratch.brackets)
    base, fields = address(data), len(must)
    line = base + state[POSITION]
    seen, taken, left_out, unsure = state[SEEN], state[TAKEN], state[LEFT_OUT], state[OPEN]
    ops, asked_of, numbers = asked.ops, asked.fields, asked.numbers
    texts, text_ends, tests = address(asked.texts), asked.ends, len(asked.ops)
    status = DONE
    while line < base + stop:
        p = after_blanks(line)
        if load_u8(p) == 10:
            if p - line > longest:
                status = TOO_LONG
                break
            line = p + 1
            continue
        status = EXPLAIN
        if load_u8(p) != 0x7B:
            break
        for k in range(fields):
            found[k, 0] = NOTHING
            found[k, 1] = values[k] + offsets[k, taken]
        good, empty = False, True
        depth = node = 0
        p = after_blanks(p + 1)
        c = load_u8(p)
        while True:
            if c == 0x22:
                r = skip_string(p + 1)
                if r == 0 or r & 1 == 1:
                    break
                edge = -1
                size = (r >> 1) - 2 - p
                for e in range(nodes[node], nodes[node + 1]):
                    if ends[e + 1] - ends[e] == size and _same(p + 1, names + ends[e], size):
                        edge = e
                p = after_blanks(r >> 1)
                if load_u8(p) != 0x3A:
                    break
                p = after_blanks(p + 1)
                field, first = -1, p
                c = load_u8(p)
                if edge >= 0:
                    field = leaf[edge]
                    if below[edge] >= 0:
                        # Of duplicate keys the last one counts, with what is below it.
                        for k in range(low[edge], high[edge]):
                            found[k, 0] = NOTHING
                            found[k, 1] = values[k] + offsets[k, taken]
                        if c == 0x7B:
                            entered[depth, 0], entered[depth, 1] = edge, p
                            depth, node, empty = depth + 1, below[edge], True
                            p = after_blanks(p + 1)
                            c = load_u8(p)
                            continue
                if c == 0x22 and field >= 0:
                    kind = STRING
                    p, found[field, 1] = decode_string(p + 1, values[field] + offsets[field, taken])
                elif c == 0x22:
                    kind = STRING
                    p = skip_string(p + 1) >> 1
                elif c == 0x7B or c == 0x5B:
                    kind = OBJECT if c == 0x7B else ARRAY
                    p = skip_container(p, stack, depth + 1)
                elif c == 45 or 48 <= c <= 57:
                    r = skip_number(p)
                    kind = INTEGER if r & 1 == 1 else NUMBER
                    p = r >> 1
                else:
                    kind = NULL if c == 110 else BOOLEAN
                    p = skip_literal(p)
                if p == 0:
                    break
                if edge >= 0:
                    for k in range(low[edge], high[edge]):
                        if k != field and kind != ARRAY:
                            found[k, 0] = NULL if kind == NULL else BLOCKED
                            continue
                        found[k, 0] = kind + STEPS * (depth + 1)
                        if kind != STRING and kind != NULL:
                            to = values[k] + offsets[k, taken]
                            copy_bytes(first, to, p - first)
                            found[k, 1] = to + p - first
                p = after_blanks(p)
                c = load_u8(p)
            elif c != 0x7D or not empty:
                break
            # Here a value has ended, or an object that has none.
            while c == 0x7D and depth > 0:
                depth -= 1
                edge, first = entered[depth, 0], entered[depth, 1]
                node = below[entered[depth - 1, 0]] if depth > 0 else 0
                field = leaf[edge]
                if field >= 0:
                    to = values[field] + offsets[field, taken]
                    copy_bytes(first, to, p + 1 - first)
                    found[field, 0], found[field, 1] = OBJECT + STEPS * (depth + 1), to + p + 1 - first
                p = after_blanks(p + 1)
                c = load_u8(p)
            if c == 0x7D:
                p = after_blanks(p + 1)
                good = load_u8(p) == 10
                break
            if c != 0x2C:
                break
            empty = False
            p = after_blanks(p + 1)
            c = load_u8(p)
        for k in range(fields):
            kind = found[k, 0] % STEPS
            if must[k] > 0 and kind != STRING:
                # An id may be an integer, but -0 is not written as it is meant.
                at = values[k] + offsets[k, taken]
                good = (
                    good
                    and must[k] == 2
                    and kind == INTEGER
                    and not (load_u8(at) == 45 and load_u8(at + 1) == 48)
                )
        if not good:
            break
        if p - line > longest:
            status = TOO_LONG
            break
        status = DONE
        rows[taken], starts[taken] = seen, line - base
        seen += 1
        line = p + 1
        answers = YES
        for t in range(tests):
            if ops[t] >= NOT:
                answers = joined(ops[t], answers)
                continue
            k, size = asked_of[t], text_ends[t + 1] - text_ends[t]
            at, end, kind = values[k] + offsets[k, taken], found[k, 1], found[k, 0] % STEPS
            answer = tested(ops[t], kind, at, end, numbers[t], texts + text_ends[t], size)
            if answer == UNSURE:
                answers = UNSURE
                break
            answers = (answers << 2) | answer
        if answers & 3 < YES:
            left_out += 1
            continue
        unsure += answers & 3 == UNSURE
        for k in range(fields):
            kinds[k, taken] = found[k, 0]
            offsets[k, taken + 1] = found[k, 1] - values[k]
        taken += 1
    state[POSITION] = line - base
    state[SEEN] = seen
    state[TAKEN], state[LEFT_OUT], state[OPEN] = taken, left_out, unsure
    return status
