"""Steps of several kinds share a group of entry points; each is found where it belongs, and nowhere else."""

import dataclasses
import json
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest

from pairloom.operators.documents import DOCUMENT_STEPS
from pairloom.operators.documents.typos import Typos
from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts import LAYOUTS
from pairloom.operators.registry import Registry
from pairloom.operators.steps import step_identity, step_seed
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TRANSFORMS, TokenStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Shout(TokenStep):
    """Tokens as they are."""

    name: ClassVar[str] = "shout"
    times: int = 2

    def __call__(self, batch: TokenBatch, seed: int, tables: Any) -> TokenBatch:
        return batch


def with_point(registry: Registry[Any], name: str, value: str) -> Registry[Any]:
    """The same registry where another distribution brings a step."""
    made = Registry(**{field: getattr(registry, field) for field in registry.__dataclass_fields__})
    made.__dict__["_points"] = {name: EntryPoint(name=name, value=value, group=registry.group)}
    return made


def test_a_step_of_another_kind_is_told_its_place() -> None:
    with pytest.raises(
        RecipeError, match=r"'masked_lm' is not a token step, it is a row step: put it under pack.rows"
    ):
        TRANSFORMS.get("masked_lm")
    with pytest.raises(
        RecipeError, match=r"'fim' is not a row step, it is a token step: put it under pack.steps"
    ):
        LAYOUTS.get("fim")
    with pytest.raises(RecipeError, match="did you mean 'fim'"):
        TRANSFORMS.get("fin")


def test_what_others_bring_is_listed_where_it_belongs() -> None:
    steps, rows = (with_point(r, "shout", f"{__name__}:Shout") for r in (TRANSFORMS, LAYOUTS))
    assert steps.get("shout") is Shout
    assert "shout" in steps.names()
    assert "shout" not in rows.names()
    assert "shout" not in rows.all()
    with pytest.raises(
        RecipeError, match=r"'shout' is not a row step, it is a token step: put it under pack.steps"
    ):
        rows.get("shout")


def test_what_cannot_be_loaded_is_listed_and_says_so() -> None:
    steps = with_point(TRANSFORMS, "gone", "no_such_module:Gone")
    assert "gone" in steps.names()
    with pytest.raises(RecipeError, match="cannot be loaded"):
        steps.get("gone")


def test_the_identity_of_a_step_from_elsewhere_has_its_module() -> None:
    found = step_identity(Shout(times=3))
    assert found["keys"] == {"times": 3}
    assert len(found["module"]) == 64
    assert "module" not in step_identity(TRANSFORMS.get("fim")())


def test_seeds_of_steps_differ_by_place_and_name() -> None:
    seeds = {step_seed(seed, place, name) for seed in (0, 1) for place in (0, 1) for name in ("fim", "other")}
    assert len(seeds) == 8


@pytest.mark.parametrize("registry", [DOCUMENT_STEPS, TRANSFORMS, LAYOUTS], ids=lambda one: one.kind)
def test_a_number_in_the_identity_of_a_step_is_the_same_however_it_is_written(
    registry: Registry[Any],
) -> None:
    """1 in Python, 1.0 from a recipe that was stored: else nothing could be read again as it was."""
    for name, step in registry.all().items():
        for field in dataclasses.fields(step):
            if field.type in (float, float | None) and field.default not in (dataclasses.MISSING, None):
                assert isinstance(field.default, float), (name, field.name)
    assert json.dumps(Typos(rate=1).identity()) == json.dumps(Typos(rate=1.0).identity())
