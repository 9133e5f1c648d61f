"""Logarithm, exponential and digamma of additions, multiplications and divisions alone.

Those of a system's library differ in their last bits from machine to machine; these do not, and so neither does what is learned.
"""

import math
from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["digammas", "exponential", "logarithm", "logarithms", "probabilities"]

_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # the first has 32 bits
_SQRT_HALF = 0.7071067811865476


@inner
def logarithm(x: Any) -> Any:
    """The natural logarithm of a finite number above 0, within 2 units of the last place."""
    part, power = math.frexp(x)
    if part < _SQRT_HALF:
        part *= 2.0
        power -= 1
    s = (part - 1.0) / (part + 1.0)
    z = s * s
    total = 0.0
    for k in range(12, 0, -1):
        total = (total + 1.0 / (2.0 * k + 1.0)) * z
    return power * _LN2_HIGH + (power * _LN2_LOW + (2.0 * s + 2.0 * s * total))


@inner
def exponential(x: Any) -> Any:
    """E to a power between -700 and 700, within 2 units of the last place; 0.0 below."""
    if x < -700.0:
        return 0.0
    power = math.floor(x / (_LN2_HIGH + _LN2_LOW) + 0.5)
    rest = (x - power * _LN2_HIGH) - power * _LN2_LOW
    total = 1.0
    for k in range(18, 0, -1):
        total = 1.0 + total * rest / k
    return math.ldexp(total, int(power))


@kernel
def digammas(values: Any, out: Any) -> None:
    """Digamma of numbers above 0 (float64), by the recurrence up to 7 and the asymptotic series from there."""
    for i in range(len(values)):
        x = values[i]
        total = 0.0
        while x < 7.0:
            total -= 1.0 / x
            x += 1.0
        x -= 0.5
        y = 1.0 / (x * x)
        series = ((-127.0 / 30720.0 * y + 31.0 / 8064.0) * y - 7.0 / 960.0) * y + 1.0 / 24.0
        out[i] = total + (logarithm(x) + series * y)


@kernel
def logarithms(values: Any, out: Any) -> None:
    """Natural logarithms of numbers above 0 (float64)."""
    for i in range(len(values)):
        out[i] = logarithm(values[i])


@kernel
def probabilities(scores: Any, out: Any) -> None:
    """E to the power of each score (float64)."""
    for i in range(len(scores)):
        out[i] = exponential(np.float64(scores[i]))
