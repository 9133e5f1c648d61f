"""Published laws of how the loss of a language model falls with parameters and training tokens, and what they advise.

    L(N, D) = E + A / N'^alpha + B / D'^beta        N parameters, D training tokens, C = 6 N D floating-point operations

N' = N and D' = D where no text is seen twice. Of U different tokens that are repeated R = D / U - 1 times,
D' = U + U r (1 - exp(-R / r)), and likewise for parameters beyond those that are best for U tokens (Muennighoff et al., 2023).
`OverTrained` is the law of Gadre et al. for models that see more tokens than are best for the compute, fitted to a table of runs.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import DataError, RecipeError

__all__ = ["LAWS", "Law", "OverTrained", "Planned", "Run", "fit_over_trained", "planned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A law with its constants; `tokens_decay` and `parameters_decay` are r of repeated tokens and of excess parameters.

    >>> law = LAWS["repeated"]
    >>> law.loss(1e9, 20e9) < law.loss(1e9, 20e9, unique=1e9)
    True
    """

    name: str
    source: str
    floor: float
    a: float
    b: float
    alpha: float
    beta: float
    tokens_decay: float | None = None
    parameters_decay: float | None = None

    def loss(self, parameters: float, tokens: float, unique: float | None = None) -> float:
        """The loss in nats a token after `tokens`, of which `unique` are different; None means all."""
        if unique is not None and self.tokens_decay is not None and self.parameters_decay is not None:
            unique = min(unique, tokens)
            enough = min(parameters, self.best_parameters_for(unique))
            parameters = _decayed(enough, parameters, self.parameters_decay)
            tokens = _decayed(unique, tokens, self.tokens_decay)
        return self.floor + self.a / parameters**self.alpha + self.b / tokens**self.beta

    def best_parameters(self, flops: float, unique: float | None = None) -> float:
        """The parameters with the lowest loss for a budget, of which the tokens follow."""
        if unique is None or self.tokens_decay is None:
            return self._ratio * (flops / 6) ** (self.beta / (self.alpha + self.beta))
        return math.exp(
            _lowest(
                lambda log: self.loss(math.exp(log), flops / 6 / math.exp(log), unique),
                math.log(1e3),
                math.log(1e16),
            )
        )

    def best_parameters_for(self, tokens: float) -> float:
        """The parameters for which so many tokens, all different, are the best budget."""
        product = (self._ratio * tokens) ** ((self.alpha + self.beta) / self.alpha)
        return self._ratio * product ** (self.beta / (self.alpha + self.beta))

    def best_tokens_for(self, parameters: float) -> float:
        """The tokens, all different, for which so many parameters are the best budget; the inverse of `best_parameters_for`."""
        product = (parameters / self._ratio) ** ((self.alpha + self.beta) / self.beta)
        return product / parameters

    @property
    def _ratio(self) -> float:
        return ((self.alpha * self.a) / (self.beta * self.b)) ** (1 / (self.alpha + self.beta))


LAWS = {
    "chinchilla": Law(
        name="chinchilla",
        source="Hoffmann et al., Training Compute-Optimal Large Language Models (arXiv 2203.15556), approach 3",
        floor=1.69,
        a=406.4,
        b=410.7,
        alpha=0.34,
        beta=0.28,
    ),
    "replication": Law(
        name="replication",
        source="Besiroglu et al., Chinchilla Scaling: A Replication Attempt (arXiv 2404.10102)",
        floor=1.8172,
        a=482.01,
        b=2085.43,
        alpha=0.3478,
        beta=0.3658,
    ),
    "repeated": Law(
        name="repeated",
        source="Muennighoff et al., Scaling Data-Constrained Language Models (arXiv 2305.16264), appendix A",
        floor=math.exp(0.6254804),
        a=math.exp(6.255414),
        b=math.exp(7.3049974),
        alpha=0.3526596,
        beta=0.3526596,
        tokens_decay=15.387756,
        parameters_decay=5.309743,
    ),
}
"""The laws by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training run that was made: parameters, training tokens, loss."""

    parameters: float
    tokens: float
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTrained:
    """L(N, M) = a N^-b + c (6^(1/2) M N)^-b + E with M tokens a parameter, fitted to runs.

    Gadre et al., Language models scale reliably with over-training and on downstream tasks (arXiv 2403.08540).
    """

    name: str = "over-trained"
    source: str = "the law of Gadre et al. (arXiv 2403.08540), fitted to these runs"
    floor: float
    a: float
    c: float
    b: float

    def loss(self, parameters: float, tokens: float, unique: float | None = None) -> float:
        """The loss after `tokens`; of repeated ones the law says nothing."""
        return self.floor + self.a * parameters**-self.b + self.c * (math.sqrt(6) * tokens) ** -self.b

    def best_parameters(self, flops: float, unique: float | None = None) -> float:
        """The parameters with the lowest loss for a budget."""
        return math.sqrt(flops / 6) * (self.a / (self.c * 6 ** (-self.b / 2))) ** (1 / (2 * self.b))

    def best_parameters_for(self, tokens: float) -> float:
        """The parameters for which so many tokens are the best budget."""
        return tokens * (self.a / (self.c * 6 ** (-self.b / 2))) ** (1 / self.b)

    def best_tokens_for(self, parameters: float) -> float:
        """The tokens for which so many parameters are the best budget."""
        return parameters / self.best_parameters_for(1.0)


def fit_over_trained(runs: Sequence[Run]) -> OverTrained:
    """The law of Gadre et al. with the least squared error of the losses of some runs, of at least four.

    For a given exponent the other constants are linear. Raises DataError where runs do not say what they are.
    """
    if len(runs) < 4:
        raise DataError(f"a law of four constants is fitted to at least four runs, not to {len(runs)}")
    size, tokens, loss = (
        np.array([getattr(run, name) for run in runs], float) for name in ("parameters", "tokens", "loss")
    )
    if not all(np.isfinite(one).all() and (one > 0).all() for one in (size, tokens, loss)):
        raise DataError("runs have parameters, tokens and losses above 0")

    def solved(b: float) -> tuple[npt.NDArray[np.float64], float]:
        columns = np.stack([size**-b, (math.sqrt(6) * tokens) ** -b, np.ones(len(runs))], axis=1)
        scale = np.abs(columns).max(axis=0)
        found = np.linalg.lstsq(columns / scale, loss, rcond=None)[0] / scale
        return found, float(((columns @ found - loss) ** 2).sum())

    if np.ptp(np.log(tokens / size)) < 1e-3:
        raise DataError("these runs have all as many tokens a parameter: give some with more than others")
    grid = np.linspace(0.02, 1.0, 99)
    near = float(grid[int(np.argmin([solved(float(b))[1] for b in grid]))])
    b = _lowest(lambda one: solved(one)[1], max(1e-3, near - 0.01), near + 0.01)
    (a, c, floor), _ = solved(b)
    if a > 0 and c > 0 and (floor < 0 or not grid[0] < b < grid[-1]):
        raise DataError(
            f"these runs do not say how far a loss can fall: the law would end at {floor:.3g} with the exponent {b:.3g}; give more "
            "runs, of other sizes and of more tokens a parameter"
        )
    if a <= 0 or c <= 0:
        raise DataError(
            "these runs do not get better with parameters and tokens: the law does not hold for them"
        )
    return OverTrained(floor=float(floor), a=float(a), c=float(c), b=b)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a law advises, or says of what was asked: `unique` different tokens, seen `epochs` times."""

    law: str
    source: str
    parameters: float
    tokens: float
    unique: float
    epochs: float
    flops: float
    loss: float


def planned(
    law: Law | OverTrained,
    *,
    flops: float | None = None,
    parameters: float | None = None,
    tokens: float | None = None,
    unique: float | None = None,
) -> Planned:
    """What is not given, by a law: of a budget, its parameters and tokens; of one of these, the other that is best with it.

    `unique` are the different tokens that there are; more than these are epochs. Raises RecipeError where nothing is given, or all
    three.

    >>> found = planned(LAWS["replication"], flops=5.76e23)
    >>> 15 < found.tokens / found.parameters < 30
    True
    """
    given = {"a budget": flops, "parameters": parameters, "tokens": tokens, "different tokens": unique}
    for name, value in given.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise RecipeError(f"{name} must be above 0, not {value:g}")
    if flops is not None and parameters is not None and tokens is not None:
        raise RecipeError("two of budget, parameters and tokens say the third: leave one out")
    if flops is None and parameters is None and tokens is None:
        raise RecipeError("say the budget in floating-point operations, the parameters, or the tokens")
    if flops is not None and tokens is not None:
        parameters = flops / 6 / tokens
    elif flops is not None and parameters is None:
        parameters = law.best_parameters(flops, unique)
    if parameters is None:
        assert tokens is not None
        parameters = law.best_parameters_for(tokens)
    if tokens is None:
        tokens = law.best_tokens_for(parameters) if flops is None else flops / 6 / parameters
    there = tokens if unique is None else min(unique, tokens)
    return Planned(
        law=law.name,
        source=law.source,
        parameters=parameters,
        tokens=tokens,
        unique=there,
        epochs=tokens / there,
        flops=6 * parameters * tokens,
        loss=law.loss(parameters, tokens, unique),
    )


def _decayed(base: float, whole: float, decay: float) -> float:
    """What `whole` is worth of which all beyond `base` is worth less and less."""
    return base + base * decay * (1 - math.exp(-(whole / base - 1) / decay))


def _lowest(value: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is lowest, by golden sections."""
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(200):
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        if value(first) <= value(second):
            high = second
        else:
            low = first
    return (low + high) / 2
