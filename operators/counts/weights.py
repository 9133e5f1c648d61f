"""Weights of sources as whole numbers, so that weighted counts stay exact."""

import math
from collections.abc import Mapping
from fractions import Fraction

__all__ = ["whole_weights"]


def whole_weights(weights: Mapping[str, Fraction]) -> dict[str, int]:
    """The smallest whole numbers in the same ratios; raises ValueError for a negative weight and where all are zero.

    >>> whole_weights({"web": Fraction(1), "code": Fraction(1, 2), "logs": Fraction(0)})
    {'web': 2, 'code': 1, 'logs': 0}
    """
    for name, weight in weights.items():
        if weight < 0:
            raise ValueError(f"the weight of {name} is {weight}, and must not be negative")
    if not any(weights.values()):
        raise ValueError("every weight is zero: nothing is left to learn from")
    common = math.lcm(*(weight.denominator for weight in weights.values()))
    whole = {name: int(weight * common) for name, weight in weights.items()}
    shared = math.gcd(*whole.values())
    return {name: number // shared for name, number in whole.items()}
