"""The stages of a run, each in a folder of its own, and those that other distributions bring.

    count ─▶ learn ─▶ tokenize ─▶ select ─▶ pack

A folder with a file `stage.py` is a stage. `exchange` is no stage: it is the first pass of `pack`. Importing this package
imports none of them.
"""

from collections.abc import Iterable

from pairloom.operators.errors import RecipeError
from pairloom.operators.registry import Registry
from pairloom.pipeline.flow.stage import Stage

__all__ = ["STAGES", "in_order", "leading_to", "stage", "stages"]

STAGES: Registry[Stage] = Registry(
    kind="stage",
    package="pairloom.pipeline.stages",
    base="pairloom.pipeline.flow.stage:Stage",
    group="pairloom.stages",
    module="stage",
)


def stages() -> tuple[Stage, ...]:
    """Every stage, in the order in which a run does them."""
    return in_order([STAGES.get(name)() for name in STAGES.names()])


def stage(name: str) -> Stage:
    """The stage of a name; raises RecipeError where there is none."""
    return STAGES.get(name)()


def leading_to(name: str) -> tuple[str, ...]:
    """A stage and all that lead to it, in order."""
    known = {one.name: one for one in stages()}
    if name not in known:
        raise RecipeError(f"there is no stage {name!r} (there are: {', '.join(known)})")
    chain: list[str] = []
    at: str | None = name
    while at is not None:
        chain.append(at)
        at = known[at].after
    return tuple(reversed(chain))


def in_order(found: Iterable[Stage]) -> tuple[Stage, ...]:
    """Stages in order: each after the one that it follows, and what follows one stage by name.

    The built-in ones come first: whoever waits for packed rows does not wait for what others add. Raises RecipeError for a
    stage that follows none of them.
    """
    left = sorted(found, key=lambda one: (not type(one).__module__.startswith(f"{__name__}."), one.name))
    done: list[Stage] = []
    while left:
        names = {one.name for one in done}
        ready = next((one for one in left if one.after is None or one.after in names), None)
        if ready is None:
            wrong = ", ".join(f"{one.name} follows {one.after}" for one in left)
            raise RecipeError(f"these stages follow none that there is: {wrong}")
        done.append(ready)
        left.remove(ready)
    return tuple(done)
