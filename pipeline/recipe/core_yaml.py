"""YAML as its version 1.2 has it (the core schema), and JSON, which is a part of that: every value is what it looks like.

What is neither null, true, false nor a decimal, octal (0o) or hexadecimal (0x) number is text: `no`, `1:30`, `2024-02-30`. A
key twice in a mapping is an error wherever it is, as are merge keys, tags of other schemas and aliases that have no end.
"""

import json
import re
from collections.abc import Hashable
from typing import Any

import yaml

from pairloom.operators.errors import RecipeError

__all__ = ["Written", "read_yaml"]

NAMES = "tag:yaml.org,2002:"
INT = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
MOST_DIGITS = 100  # no number of a recipe has more; Python itself refuses 4,301
MOST_VALUES = 1_000_000  # aliases counted as often as they are used


class Written(float):
    """A number, and how it was written: 0.1 is a tenth, which no float is."""

    __slots__ = ("text",)
    text: str


class _CoreLoader(yaml.SafeLoader):
    """The core schema of YAML 1.2 and nothing else."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  (of PyYAML, which fills it by `add_implicit_resolver`)
    yaml_constructors = {  # noqa: RUF012
        f"{NAMES}{name}": yaml.SafeLoader.yaml_constructors[f"{NAMES}{name}"] for name in ("map", "seq")
    }

    def stale_possible_simple_keys(self) -> None:
        """Keys between braces may be of any length, as in JSON; PyYAML gives up those of more than 1,024 characters."""
        for level, key in self.possible_simple_keys.items():
            if level:
                key.index = self.index
        super().stale_possible_simple_keys()


def _scalar(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    return str(loader.construct_scalar(node))  # type: ignore[arg-type]


def _refuse(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _null(loader: yaml.SafeLoader, node: yaml.Node) -> None:
    _scalar(loader, node)


def _bool(loader: yaml.SafeLoader, node: yaml.Node) -> bool:
    text = _scalar(loader, node).lower()
    if text not in ("true", "false"):
        raise _refuse(node, f"{text!r} is neither true nor false")
    return text == "true"


def _int(loader: yaml.SafeLoader, node: yaml.Node) -> int:
    text = _scalar(loader, node)
    if not INT.match(text) or len(text) > MOST_DIGITS:
        raise _refuse(node, f"{text[:20]!r} is no whole number of up to {MOST_DIGITS} digits")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(loader: yaml.SafeLoader, node: yaml.Node) -> float:
    text = _scalar(loader, node)
    if not FLOAT.match(text) or len(text) > MOST_DIGITS:
        raise _refuse(node, f"{text[:20]!r} is no number of up to {MOST_DIGITS} digits")
    value = Written(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    value.text = text
    return value


def _str(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    """Text; JSON writes characters above U+FFFF as two halves, which belong together."""
    text = _scalar(loader, node)
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _refuse(node, "half of a surrogate pair is no character; write the character itself") from None


def _undefined(_: yaml.SafeLoader, node: yaml.Node) -> None:
    raise _refuse(
        node, f"the tag {node.tag.replace(NAMES, '!!')} is not of YAML 1.2's core schema; remove it"
    )


_CoreLoader.add_implicit_resolver(f"{NAMES}null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_CoreLoader.add_implicit_resolver(
    f"{NAMES}bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_CoreLoader.add_implicit_resolver(f"{NAMES}int", INT, list("-+0123456789"))
_CoreLoader.add_implicit_resolver(f"{NAMES}float", FLOAT, list("-+.0123456789"))
for _name, _made in {"null": _null, "bool": _bool, "int": _int, "float": _float, "str": _str}.items():
    _CoreLoader.add_constructor(NAMES + _name, _made)
_CoreLoader.add_constructor(None, _undefined)


def read_yaml(text: str, name: str) -> tuple[Any, yaml.Node | None]:
    """The value of a YAML or JSON text, and its nodes, which know their lines; None and None of nothing.

    Raises RecipeError, which begins with `name` and says the line.

    >>> read_yaml("{size: 032000, when: 1:30, lines: no}", "recipe")[0]
    {'size': 32000, 'when': '1:30', 'lines': 'no'}
    """
    loader = None
    try:
        loader = _CoreLoader(_without_tabs(text.removeprefix("\ufeff")))
        node = loader.get_single_node()
        if node is None:
            return None, None
        _check(loader, node, name)
        return loader.construct_document(node), node
    except yaml.YAMLError as error:
        raise RecipeError(f"{name} is not YAML: {_in_words(error, text)}") from error
    except RecursionError as error:
        raise RecipeError(f"{name} has lists in lists a thousand deep: no recipe needs that") from error
    finally:
        if loader is not None:
            loader.dispose()


def _without_tabs(text: str) -> str:
    """JSON may be indented with tabs, which its strings cannot contain."""
    if "\t" in text and text.lstrip()[:1] in ("{", "["):
        try:
            json.loads(text)
        except ValueError:
            return text
        return text.replace("\t", " ")
    return text


def _check(loader: yaml.SafeLoader, node: yaml.Node, name: str) -> None:
    """Every mapping's keys differ, and the whole is no larger than it looks."""
    sizes: dict[int, int | None] = {}

    def size(one: yaml.Node) -> int:
        if id(one) in sizes:
            known = sizes[id(one)]
            if known is None:
                raise RecipeError(f"{name}, line {_line(one)}: this holds an alias of itself: write it out")
            return known
        sizes[id(one)] = None
        total = 1
        if isinstance(one, yaml.MappingNode):
            _check_keys(loader, one, name)
            total += sum(size(value) for _, value in one.value)
        elif isinstance(one, yaml.SequenceNode):
            total += sum(size(value) for value in one.value)
        if total > MOST_VALUES:
            raise RecipeError(f"{name}, line {_line(one)}: aliases make more than {MOST_VALUES:,} values")
        sizes[id(one)] = total
        return total

    size(node)


def _check_keys(loader: yaml.SafeLoader, mapping: yaml.MappingNode, name: str) -> None:
    lines: dict[Hashable, int] = {}
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise RecipeError(f"{name}, line {_line(key)}: a key is a name, not a list or a mapping")
        if key.value == "<<" and key.style is None:
            raise RecipeError(
                f"{name}, line {_line(key)}: merge keys (<<) are not of YAML 1.2: write the keys themselves"
            )
        found = loader.construct_object(key)
        if found in lines:
            both = f"lines {lines[found]} and {_line(key)}"
            raise RecipeError(f"{name}, {both}: the key {key.value!r} is there twice: keep one of them")
        lines[found] = _line(key)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _in_words(error: yaml.YAMLError, text: str) -> str:
    """Where the mistake is, what it is, and what to write, on one line."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: the character U+{int(error.character):04X} cannot be in it: remove it"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    context = getattr(error, "context", None)
    where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    if "'\\t'" in problem:
        return f"{where}a tab; indent with spaces"
    if "another document" in problem:
        return f"{where}a second document begins; a recipe is one: remove the `---` and what is not meant"
    return f"{where}{problem}" + (f" ({context})" if context else "")
