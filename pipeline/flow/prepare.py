"""prepare: the first step of a run, in which a worker starts and its kernels are loaded, or compiled once a machine."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators.kernels.warmup import warmup
from pairloom.operators.pack import STRATEGIES, decompose, gather, pack
from pairloom.operators.schema import INPUT_IDS, SOURCE
from pairloom.operators.selection.order import document_numbers, permutation
from pairloom.operators.text.pretokenize.schemes import SCHEMES
from pairloom.operators.tokens import TokenBatch

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
        """Count, learn, encode, decode, order and pack next to nothing."""
        _run_kernels(self.schemes)


@cache
def _run_kernels(schemes: tuple[str, ...]) -> None:
    """Run them; once in each process, in which what is compiled stays."""
    warmup(schemes)
    document_numbers(pa.array(["a"]))
    for dtype in (pa.uint16(), pa.uint32()):
        tokens = pa.array([[1, 2, 3], [4]], pa.large_list(dtype))
        documents = TokenBatch.of({INPUT_IDS: tokens}, documents={SOURCE: np.zeros(2, np.uint16)})
        documents.gathered(INPUT_IDS)
        documents.fingerprints(np.zeros(2, np.uint64))
        for strategy in STRATEGIES:
            plan = pack(np.array([3, 1]), 2, strategy=strategy)
            gather(plan.reordered(permutation(len(plan), 0)), documents, pad=0)
        for plan in decompose(np.array([3, 1]), 2, 1):
            gather(plan.part(0, len(plan)), documents, pad=0)
