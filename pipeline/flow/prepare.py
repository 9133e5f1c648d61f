"""prepare: the first step of a run, in which a worker starts and its kernels are loaded, or compiled once a machine."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from pairloom.operators.kernels.warmup import warm_up
from pairloom.operators.text.pretokenize.schemes import SCHEMES

__all__ = ["PrepareTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareTask:
    """Run every kernel once on a few words, so that no later step compiles. There is nothing to keep of it."""

    schemes: tuple[str, ...] = tuple(SCHEMES)
    step = "prepare"

    @property
    def unit(self) -> str:
        """There is one."""
        return "kernels"

    @property
    def label(self) -> str:
        """The schemes."""
        return ", ".join(self.schemes)

    def need(self) -> int:
        """What compiling takes."""
        return 600_000_000

    def run(self, shared: Any = None) -> None:
        """Run them on next to nothing."""
        _run_kernels(self.schemes)


@cache
def _run_kernels(schemes: tuple[str, ...]) -> None:
    """Run them; once in each process, in which what is compiled stays."""
    warm_up(schemes, ("pairloom.operators", "pairloom.pipeline"))
