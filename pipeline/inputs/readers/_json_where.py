"""A condition as the tests that the compiled reader makes of each record, as far as it can."""

from collections.abc import Sequence

import numpy as np

from pairloom.pipeline.inputs.readers.kernels.json_where import (
    BOTH,
    DEEPEST,
    EITHER,
    EQUAL,
    IS_NULL,
    IS_TRUE,
    LESS,
    LESS_EQUAL,
    MORE,
    MORE_EQUAL,
    NOT,
    SAME,
    Asked,
)
from pairloom.pipeline.inputs.shaping.conditions import (
    All,
    AnyOf,
    Compare,
    Condition,
    Field,
    IsNull,
    Literal,
    Member,
    Not,
    True_,
)
from pairloom.pipeline.inputs.shaping.paths import Path

__all__ = ["asked_of"]

_NUMBERS = {"==": EQUAL, "<": LESS, "<=": LESS_EQUAL, ">": MORE, ">=": MORE_EQUAL}


def asked_of(condition: Condition | None, paths: Sequence[Path]) -> Asked:
    r"""The tests of a condition on fields with these paths; none where there is more to it than such tests.

    >>> from pairloom.pipeline.inputs.shaping.where import condition_of
    >>> asked = asked_of(condition_of("a > 1.5 and b == 'x'"), [("a",), ("b",)])
    >>> asked.ops.tolist(), asked.fields.tolist(), asked.numbers.tolist(), bytes(asked.texts)
    ([3, 5, 9], [0, 1, 0], [1.5, 0.0, 0.0], b'x\x00')
    >>> len(asked_of(condition_of("length(a) > 1 and b == 'x'"), [("a",), ("b",)]).ops)
    0
    """
    tests = _Tests(paths)
    if condition is None or not tests.add(condition) or tests.deepest > DEEPEST:
        tests = _Tests(paths)
    return tests.asked()


class _Tests:
    """Tests, one after another, and how many answers wait at most."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._places = {path: k for k, path in enumerate(paths)}
        self._made: list[tuple[int, int, float, bytes]] = []
        self._waiting = self.deepest = 0

    def asked(self) -> Asked:
        ops, fields, numbers, texts = zip(*self._made, strict=True) if self._made else ((), (), (), ())
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        # A byte more, so that there is one.
        text = np.frombuffer(b"".join(texts) + b"\0", np.uint8)
        return Asked(
            np.array(ops, np.int64), np.array(fields, np.int64), np.array(numbers, np.float64), text, ends
        )

    def add(self, condition: Condition) -> bool:
        """Add a condition; False where there is no test for it, and what was added is of no use."""
        match condition:
            case Not(of):
                return self.add(of) and self._join(NOT)
            case All(one, other):
                return self.add(one) and self.add(other) and self._join(BOTH)
            case AnyOf(one, other):
                return self.add(one) and self.add(other) and self._join(EITHER)
            case IsNull(field):
                return self._test(IS_NULL, field)
            case True_(field):
                return self._test(IS_TRUE, field)
            case Compare(field, op, literal):
                if op == "!=":
                    return self._compare(field, "==", literal) and self._join(NOT)
                return self._compare(field, op, literal)
            case Member(field, literals):
                return self._member(field, literals)
        return False

    def _member(self, field: Field, literals: Sequence[Literal]) -> bool:
        """A field is one of some values where it is one or another; to a list, -0 is not 0."""
        if len(literals) > DEEPEST or 0 in literals or isinstance(literals[0], bool):
            return False
        for i, literal in enumerate(literals):
            if not self._compare(field, "==", literal) or (i and not self._join(EITHER)):
                return False
        return True

    def _compare(self, field: Field, op: str, literal: Literal) -> bool:
        if isinstance(literal, bool):
            return self._test(IS_TRUE, field) and (literal or self._join(NOT))
        if isinstance(literal, str):
            return op == "==" and self._test(SAME, field, text=literal.encode("utf-8", "surrogatepass"))
        return self._test(_NUMBERS[op], field, number=literal)

    def _test(self, op: int, field: Field, *, number: float = 0.0, text: bytes = b"") -> bool:
        self._made.append((op, self._places[field.path], number, text))
        self._waiting += 1
        self.deepest = max(self.deepest, self._waiting)
        return not field.length

    def _join(self, op: int) -> bool:
        self._made.append((op, 0, 0.0, b""))
        self._waiting -= op != NOT
        return True
