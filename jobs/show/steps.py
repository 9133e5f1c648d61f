"""Steps of all kinds in words: what each does, its keys, and what these are where a recipe does not say."""

import dataclasses
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pairloom.operators.documents import DOCUMENT_STEPS
from pairloom.operators.layouts import LAYOUTS
from pairloom.operators.registry import Registry
from pairloom.operators.transforms import TRANSFORMS

__all__ = ["described_steps", "steps_in_words"]

Described = Mapping[str, Mapping[str, Any]]


def described_steps() -> dict[str, dict[str, Any]]:
    """Every kind of step and, by its name, each step: a sentence, its keys with their defaults, its source, its module."""
    registries: tuple[Registry[Any], ...] = (DOCUMENT_STEPS, TRANSFORMS, LAYOUTS)
    return {
        registry.kind: {
            "place": registry.place,
            "steps": {name: _described(step) for name, step in registry.all().items()},
        }
        for registry in registries
    }


def steps_in_words(kinds: Described) -> Iterator[str]:
    """A paragraph for each step, below what kind it is of and where a recipe has it."""
    for kind, found in kinds.items():
        yield f"{kind}s, under {found['place']}"
        for name, step in found["steps"].items():
            keys = ", ".join(f"{key}: {_short(value)}" for key, value in step["keys"].items())
            yield f"  {name}"
            yield from textwrap.wrap(step["says"], 100, initial_indent="    ", subsequent_indent="    ")
            if keys:
                yield from textwrap.wrap(keys, 100, initial_indent="    ", subsequent_indent="      ")
            if step["source"]:
                yield from textwrap.wrap(
                    step["source"], 100, initial_indent="    ", subsequent_indent="      "
                )


def _described(step: type[Any]) -> dict[str, Any]:
    keys = {field.name: _default(field) for field in dataclasses.fields(step)}
    lines = (step.__doc__ or "").strip().splitlines()
    return {"says": lines[0] if lines else "", "keys": keys, "source": step.source, "module": step.__module__}


def _default(field: "dataclasses.Field[Any]") -> Any:
    """What a key is where a recipe does not say; a question mark where it has to."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return "?" if field.default is dataclasses.MISSING else field.default


def _short(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_short, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
