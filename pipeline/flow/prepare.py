"""prepare: the first step of a run, in which a worker starts and its kernels are loaded, or compiled once a machine."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pairloom.operators import Pretokenizer
from pairloom.operators.kernels.warmup import kernel_places, missing_kernels, on_compiled, warm_up
from pairloom.operators.text.pretokenize.schemes import SCHEMES
from pairloom.pipeline.notes import note

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["PrepareTask", "needed_kernels", "needed_schemes"]

PACKAGES = ("pairloom.operators", "pairloom.pipeline")
SHARDED_FROM = 1_000_000_000  # stored bytes of a corpus; the words of a smaller one are learned by one worker


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareTask:
    """Run kernels once on a few words, so that no later step compiles. There is nothing to keep of it.

    `places` are the folders and files `kernels` that are wanted, all of them if it is None.
    """

    schemes: tuple[str, ...] = tuple(SCHEMES)
    places: tuple[str, ...] | None = None
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
        _run_kernels(self.schemes, self.places)


@cache
def _run_kernels(schemes: tuple[str, ...], places: tuple[str, ...] | None) -> None:
    """Run them; once in each process, in which what is compiled stays. Notes how many are compiled by then."""
    places = (
        tuple(place for package in PACKAGES for place in kernel_places(package)) if places is None else places
    )
    missing = missing_kernels(places)
    compiled: set[str] = set()

    def tell(name: str) -> None:
        compiled.add(name)
        note(len(compiled), max(len(missing), len(compiled)), "kernels compiled")

    with on_compiled(tell):
        warm_up(schemes, places)


def needed_schemes(plan: "Plan") -> tuple[str, ...]:
    """The pretokenizers that a plan's kernels are compiled for."""
    if plan.vocabulary is not None:
        return (plan.vocabulary.pretokenizer.scheme,)
    cut = plan.cut
    used = (cut.first, cut.weaker, cut.last)
    return tuple(dict.fromkeys(one.scheme for one in used if isinstance(one, Pretokenizer)))


def needed_kernels(plan: "Plan") -> tuple[str, ...]:
    """The folders and files `kernels` that the stages of a plan run: all but those that are known to be of no use to it."""
    return tuple(
        place
        for package in PACKAGES
        for place in kernel_places(package)
        if place not in _NEEDED_WHERE or _NEEDED_WHERE[place](plan)
    )


def _never(_: "Plan") -> bool:
    return False


def _has_rules(plan: "Plan") -> bool:
    return any(step.compiled for source in plan.recipe.corpus for step in source.steps)


def _has_row_steps(plan: "Plan") -> bool:
    return bool(plan.recipe.pack.rows)


def _has_token_steps(plan: "Plan") -> bool:
    return bool(plan.recipe.pack.steps)


def _normalizes(plan: "Plan") -> bool:
    known = plan.vocabulary if plan.vocabulary is not None else plan.base
    asked = plan.recipe.vocabulary.normalizer if known is None else known.normalizer
    return asked != "none" or any(source.steps for source in plan.recipe.corpus)


def _shards(plan: "Plan") -> bool:
    mode = plan.recipe.vocabulary.learn.mode
    return plan.vocabulary is None and (mode == "sharded" or (mode == "auto" and plan.bytes >= SHARDED_FROM))


def _other_family(plan: "Plan") -> bool:
    if plan.vocabulary is not None:
        return plan.vocabulary.model.name != "bpe"
    return plan.recipe.vocabulary.family != "bpe"


# What is compiled only where a plan has a use for it.
_NEEDED_WHERE = {
    "pairloom.operators.evaluate.kernels": _never,  # reports are runs of their own
    "pairloom.operators.documents.kernels": _has_rules,
    "pairloom.operators.layouts.kernels": _has_row_steps,
    "pairloom.operators.transforms.kernels": _has_token_steps,
    "pairloom.operators.text.normalize.kernels": _normalizes,
    "pairloom.operators.models.bpe.sharded.kernels": _shards,
    "pairloom.operators.models.lzw.kernels": _other_family,
}
