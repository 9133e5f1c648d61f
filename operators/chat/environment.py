"""Chat templates in Jinja's sandbox, with what `transformers` gives them (`transformers.utils.chat_template_utils`)."""

import json
import threading
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["GENERATED", "SIGN", "Template", "TemplateFailedError"]

SIGN = "\ufdd4"
"""What a mark in a rendering begins with: a noncharacter of Unicode, which no text has."""
GENERATED = (f"{SIGN}\ufdd5", f"{SIGN}\ufdd6")
"""What stands around a generation in a rendering that is marked."""

_NAMES = ("generated", "generated_end")
_OF_DICTS = frozenset(dir(dict))
_READERS = (
    "split",
    "rsplit",
    "startswith",
    "endswith",
    "replace",
    "find",
    "rfind",
    "index",
    "partition",
    "strip",
    "count",
)


class TemplateFailedError(Exception):
    """A template cannot be read, or refuses a conversation; the message says why."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, which asks a message for its keys first where no attribute can have their names: this costs a tenth."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """See `ImmutableSandboxedEnvironment`: the same of everything."""
        if type(obj) is dict and attribute not in _OF_DICTS:
            found = obj.get(attribute, _Sandbox)
            return self.undefined(obj=obj, name=attribute) if found is _Sandbox else found
        return super().getattr(obj, attribute)


class _Mark:
    """A character that is there in the renderings of threads that are marking."""

    def __init__(self, sign: str, here: threading.local) -> None:
        self._sign, self._here = sign, here

    def __str__(self) -> str:
        return self._sign if self._here.marking else ""


class _Generation(Extension):
    """`{% generation %}`: what it holds is what a model generates. What is set there is not known behind it."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja names it

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.here = threading.local()  # whether this thread is marking
        environment.generated, environment.generated_end = (_Mark(sign, self.here) for sign in GENERATED)

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        if any(map(_leaves, body)):
            parser.fail("a loop cannot be left from within {% generation %}", line)
        first, last = (nodes.Output([nodes.EnvironmentAttribute(name)]) for name in _NAMES)
        return [one.set_lineno(line) for one in (first, nodes.Scope(body), last)]


def _leaves(node: nodes.Node) -> bool:
    """Whether a loop around a node is left in it."""
    if isinstance(node, nodes.Break | nodes.Continue):
        return True
    return not isinstance(node, nodes.For) and any(map(_leaves, node.iter_child_nodes()))


class Template:
    """A compiled template; `generates` says whether it marks what a model generates, `dated` whether it asks for the date.

    `reads` are the strings that it looks for in what it is given.

    >>> Template("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}").render([{"role": "user", "content": "hi"}])
    '<user>hi'
    """

    def __init__(
        self, source: str, variables: Mapping[str, Any] | None = None, day: date | None = None
    ) -> None:
        environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        environment.filters["tojson"] = _tojson
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = self._now
        self._day, self._variables = day, dict(variables or {})
        try:
            tree = environment.parse(source)
            self._template = environment.from_string(source)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise TemplateFailedError(f"{error.message}" + (f" (line {line})" if line else "")) from error
        (self._extension,) = (one for one in environment.extensions.values() if isinstance(one, _Generation))
        calls = list(tree.find_all(nodes.Call))
        self.generates = any(one.name in _NAMES for one in tree.find_all(nodes.EnvironmentAttribute))
        self.dated = any(one.name == "strftime_now" for one in tree.find_all(nodes.Name))
        self.reads = frozenset(_read_by(tree, calls))

    def render(
        self, messages: Sequence[Any], tools: Any = None, *, marking: bool = False, **more: Any
    ) -> str:
        """The text of a conversation; raises TemplateFailedError. With `marking`, GENERATED stands around generations."""
        self._extension.here.marking = marking
        given = {"messages": messages, "tools": tools, "documents": None, "add_generation_prompt": False}
        try:
            return self._template.render(**(given | self._variables | more))
        except TemplateFailedError:
            raise
        except Exception as error:  # whatever a template makes of a conversation
            said = " ".join(str(error).split())
            raise TemplateFailedError(
                said if isinstance(error, TemplateError) else f"{type(error).__name__}: {said}"
            ) from error

    def _now(self, form: str) -> str:
        if self._day is None:
            raise TemplateFailedError(
                "the template asks for the date: say which with template_date, so that it stays the same"
            )
        return datetime(self._day.year, self._day.month, self._day.day).strftime(form)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _refuse(message: str) -> None:
    raise TemplateFailedError(f"the template refuses it: {message}")


def _read_by(tree: nodes.Template, calls: Sequence[nodes.Call]) -> set[str]:
    """The constants that a template looks for in others."""
    found = [
        inner
        for one in calls
        if isinstance(one.node, nodes.Getattr) and one.node.attr in _READERS
        for inner in one.args
    ]
    found += [one.expr for one in tree.find_all(nodes.Compare) if one.ops[0].op in ("in", "notin")]
    return {one.value for one in found if isinstance(one, nodes.Const) and isinstance(one.value, str)}
