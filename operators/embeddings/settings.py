"""Methods by their names, and what they are told as text."""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pairloom.operators.embeddings.method import Method
from pairloom.operators.embeddings.methods import METHODS
from pairloom.operators.errors import RecipeError

__all__ = ["method_of", "settings_of"]


def method_of(name: str, settings: Mapping[str, str] | None = None) -> Method:
    """A method by its name, and what it is told instead of what is usual.

    Raises RecipeError for a method or a setting that there is not, and for a value that is none.

    >>> method_of("omp", {"k": "8"})
    OMP(k=8)
    """
    kind = METHODS.get(name)
    known = get_type_hints(kind)
    own = {field.name: known[field.name] for field in fields(kind)}  # type: ignore[arg-type]
    told = {}
    for key, text in (settings or {}).items():
        if key not in own:
            near = difflib.get_close_matches(key, own, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RecipeError(
                f"the method {name} is told {', '.join(own) or 'nothing'}, and not {key!r}{hint}"
            )
        told[key] = _value(name, key, text, own[key])
    return kind(**told)


def settings_of(method: Method) -> dict[str, Any]:
    """Its name and what it was told.

    >>> settings_of(method_of("omp"))
    {'name': 'omp', 'k': 64}
    """
    own = {field.name: getattr(method, field.name) for field in fields(method)}  # type: ignore[arg-type]
    return {"name": method.name} | own


def _value(name: str, key: str, text: str, kind: Any) -> Any:
    said = f"the method {name}: {key} is {text!r}"
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise RecipeError(f"{said}: choose one of {', '.join(get_args(kind))}")
        return text
    try:
        return kind(text)
    except ValueError as error:
        raise RecipeError(f"{said}, and no {kind.__name__}") from error
