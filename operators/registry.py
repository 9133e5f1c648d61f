"""Where things of one kind are found by name: a file of a package each, or an entry point of another distribution.

A kind (a reader, a document step, a model …) is a base class with a folder of its own. `fim` is the class in
`operators/transforms/fim.py` that names itself `fim`; whoever adds a file has added the thing. From outside, an entry point
of the kind's group names the class:

    [project.entry-points."pairloom.steps"]
    shout = "my_package.shout:Shout"

Names are known without importing anything, so that a recipe is checked, and help is shown, before any kernel is loaded.
"""

import difflib
import functools
import pkgutil
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from pairloom.operators.errors import RecipeError

__all__ = ["Registry", "listed", "offered"]

T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The things of one kind, by name.

    `kind` is what people call one ("token step"), `package` the folder whose modules define them, one each, `base` the path
    "module:Class" of what they all are, `group` the entry points that bring others. A module that starts with an underscore
    is none of them, nor is the folder `kernels`. With `module`, each is a folder of the package that has a file of this name,
    which defines it; without, one that takes several files may be a folder, in which it is the file with the last word of
    `kind` for its name (the model `bpe` is in `models/bpe/model.py`).

    Several kinds may share a group: `siblings` are the others' registries ("module:NAME"), and `place` is where a recipe
    has the things of this kind, so that whoever puts one in another kind's place is told where it belongs.
    """

    kind: str
    package: str
    base: str
    group: str
    siblings: tuple[str, ...] = ()
    place: str = ""
    module: str | None = None

    def names(self) -> tuple[str, ...]:
        """Every name, ascending: those of the package and those that other distributions bring.

        Where kinds share a group, what others bring is loaded to see what it is.
        """
        ours = (name for name, point in self._points.items() if not self.siblings or self._takes(point))
        return tuple(sorted({*self._modules, *ours}))

    def get(self, name: str) -> type[T]:
        """The class of a name.

        Raises RecipeError for a name that nobody has, with the nearest one, and for one that cannot be loaded.
        """
        point = self._points.get(name)
        if name in self._modules:
            if point is not None:
                raise RecipeError(
                    f"the {self.kind} {name!r} is Pairloom's own, and {_owner(point)} brings another: rename that one"
                )
            if name not in self._loaded:
                self._loaded[name] = self._own(name)
            return self._loaded[name]
        if point is None:
            for sibling in self._others():
                if name in sibling._modules:
                    raise RecipeError(self._misplaced(name, sibling))
            near = difflib.get_close_matches(name, self.names(), n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}? (there are: {', '.join(self.names())})" if near else ""
            raise RecipeError(f"there is no {self.kind} {name!r}{hint}")
        try:
            found = point.load()
        except Exception as error:
            raise RecipeError(
                f"the {self.kind} {name!r} of {_owner(point)} ({point.value}) cannot be loaded: {error!r}"
            ) from error
        for sibling in self._others():
            if isinstance(found, type) and issubclass(found, sibling._base()):
                raise RecipeError(self._misplaced(name, sibling))
        return self._checked(found, name, f"{point.value} of {_owner(point)}")

    def all(self) -> dict[str, type[T]]:
        """Every class, by name; imports them all."""
        return {name: self.get(name) for name in self.names()}

    @functools.cached_property
    def _modules(self) -> frozenset[str]:
        path = list(import_module(self.package).__path__)
        names = _things(path)
        if self.module is None:
            return names
        file = f"{self.module}.py"
        return frozenset(name for name in names if any((Path(p) / name / file).is_file() for p in path))

    @functools.cached_property
    def _loaded(self) -> dict[str, type[T]]:
        """Those of the package's own that somebody asked for: files that are read by the thousand ask for each."""
        return {}

    @functools.cached_property
    def _points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def _others(self) -> "list[Registry[Any]]":
        paths = (path.partition(":") for path in self.siblings)
        return [getattr(import_module(module), name) for module, _, name in paths]

    def _takes(self, point: EntryPoint) -> bool:
        """Whether an entry point is of this kind; one that cannot be loaded may be, and says so when it is asked for."""
        try:
            found = point.load()
        except Exception:  # noqa: BLE001  (whatever somebody else's module raises)
            return True
        return isinstance(found, type) and issubclass(found, self._base())

    def _misplaced(self, name: str, sibling: "Registry[Any]") -> str:
        where = f": put it under {sibling.place}" if sibling.place else ""
        return f"{name!r} is not a {self.kind}, it is a {sibling.kind}{where}"

    def _own(self, name: str) -> type[T]:
        module = import_module(".".join(part for part in (self.package, name, self.module) if part))
        if self.module is None and hasattr(module, "__path__"):
            module = import_module(f"{module.__name__}.{self.kind.split()[-1]}")
        base = self._base()
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, base) and getattr(value, "name", None) == name:
                return value
        raise TypeError(f"{module.__name__} defines no {self.kind} with name = {name!r}: this is a bug")

    def _checked(self, found: Any, name: str, where: str) -> type[T]:
        base = self._base()
        if not (isinstance(found, type) and issubclass(found, base)):
            raise RecipeError(f"{where} is no {self.kind}: it must be a subclass of {base.__name__}")
        if getattr(found, "name", None) != name:
            raise RecipeError(
                f"{where} is the {self.kind} {name!r} by its entry point, and {getattr(found, 'name', None)!r} by itself: give "
                "both one name"
            )
        return found

    def _base(self) -> type[T]:
        module, _, name = self.base.partition(":")
        base: type[T] = getattr(import_module(module), name)
        return base


def listed(package: str) -> frozenset[str]:
    """The names that a folder gives to a registry, without importing it.

    >>> "fim" in listed("pairloom.operators.transforms")
    True
    """
    spec = find_spec(package)
    return _things(list(spec.submodule_search_locations or ()) if spec is not None else [])


def offered(group: str) -> tuple[str, ...]:
    """The names that other distributions give to a group, without loading them."""
    return tuple(sorted(point.name for point in entry_points(group=group)))


def _things(path: list[str]) -> frozenset[str]:
    """The modules of a folder that are things of its kind."""
    found = (info.name for info in pkgutil.iter_modules(path))
    return frozenset(name for name in found if not name.startswith("_") and name != "kernels")


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "another distribution"
