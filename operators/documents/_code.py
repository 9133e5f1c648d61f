"""A function of somebody's module, and the SHA-256 of the file that it is from."""

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from pairloom.operators.errors import RecipeError

__all__ = ["function_of", "load"]

_SHA256 = "__pairloom_sha256__"


def load(call: str) -> str:
    """Import the module of "package.module:function" as its file is now; its SHA-256.

    What runs is exactly what was hashed: the file is read once, and a module that is loaded already is run again in its
    place if it is from another file or an earlier content. Raises RecipeError where there is no such module or function.
    """
    name = call.partition(":")[0]
    try:
        spec = importlib.util.find_spec(name)
    except (Exception, SystemExit) as error:  # whatever the packages around it do when they are imported
        raise _missing(name, repr(error)) from error
    if spec is None:
        raise _missing(name, "there is no such module")
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise RecipeError(
            f"{name} is no file of Python ({spec.origin}): name the module that has the function"
        )
    data = Path(spec.origin).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    known = sys.modules.get(name)
    if getattr(known, _SHA256, None) != digest:
        module = known or importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            exec(compile(data, spec.origin, "exec"), vars(module))  # noqa: S102  (as an import does)
        except (Exception, SystemExit) as error:
            if known is None:
                del sys.modules[name]
            raise _missing(name, repr(error)) from error
        setattr(module, _SHA256, digest)
    function_of(call)
    return digest


def function_of(call: str) -> Callable[..., Any]:
    """The function, of its module as it was loaded last."""
    name, _, attribute = call.partition(":")
    if not hasattr(sys.modules.get(name), _SHA256):
        load(call)
    module: ModuleType = sys.modules[name]
    function = getattr(module, attribute, None)
    if not callable(function):
        raise RecipeError(f"{name} ({module.__file__}) has no function {attribute!r}")
    if getattr(function, "__name__", "") == "<lambda>":
        raise RecipeError(f"{call} is a lambda: give it a name with def")
    result: Callable[..., Any] = function
    return result


def _missing(name: str, why: object) -> RecipeError:
    return RecipeError(
        f"the module {name} cannot be imported on this machine: {why}. Install it on every machine that works, or put its "
        "folder into PYTHONPATH there"
    )
