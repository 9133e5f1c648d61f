"""Write what the documents have from the code: recipe keys, steps and other names, commands, errors, the Python API, files.

    python infra/make_reference.py            # after anything in them has changed; tests hold the pages to be as it writes them
    python infra/make_reference.py --check    # says which are not, and changes nothing

A page is prose with regions, between `<!-- made: NAME [ARGUMENT] -->` and `<!-- end -->`, that are made anew.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import headlines

import pairloom
from pairloom.jobs.show.steps import described_steps
from pairloom.operators import errors
from pairloom.operators.embeddings.methods import METHODS
from pairloom.operators.learners import LEARNERS
from pairloom.operators.models import MODELS
from pairloom.operators.pack.strategies import STRATEGIES
from pairloom.operators.statistics import STATISTICS
from pairloom.pipeline.export.formats import EXPORTERS
from pairloom.pipeline.inputs.readers import READERS
from pairloom.pipeline.recipe.schema import recipe_schema
from pairloom.pipeline.stages.exchange.orders import ORDERS

ROOT = Path(__file__).parents[1]
REGION = re.compile(r"(<!-- made: (\w+)(?: (\S+))? -->\n).*?(<!-- end -->)", re.DOTALL)
Schema = Mapping[str, Any]


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table in Markdown, whose bars in cells are escaped."""
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell.replace("\n", " ").replace("|", "\\|") for cell in row) + " |"


def recipe() -> Iterator[str]:
    """Every section of a recipe with its keys, in the order in which a recipe is usually written."""
    schema = recipe_schema()
    yield from _section("", schema, schema)


def _section(path: str, section: Schema, schema: Schema) -> Iterator[str]:
    plain: dict[str, Schema] = {}
    inner: dict[str, tuple[Schema, bool]] = {}
    for key, said in section["properties"].items():
        found = _section_in(said, schema)
        if found is None:
            plain[key] = said
        else:
            inner[key] = found
    if path:
        yield from ("", f"## `{path}`", "")
        yield _sentence(section)
        yield ""
    needed = section.get("required", ())
    yield from table(
        ("key", "default", "for example", "values", "what it is"),
        (
            (
                f"`{key}`",
                _default(said, key in needed),
                _example(key, said),
                _values(said, schema),
                said.get("description", "").replace("<", "&lt;"),
            )
            for key, said in plain.items()
        ),
    )
    for key, (found, many) in inner.items():
        yield from _section(f"{path}{'.' if path else ''}{key}{'[]' if many else ''}", found, schema)


def _section_in(said: Schema, schema: Schema) -> "tuple[Schema, bool] | None":
    """The section that a key holds, if it does, and whether it holds a list of them."""
    for form in _forms(said):
        reference, many = form.get("$ref"), False
        if reference is None and form.get("type") == "array":
            items = (one.get("$ref") for one in _forms(form.get("items", {})))
            reference, many = next((one for one in items if one is not None), None), True
        if reference is not None and "properties" in (found := _named(reference, schema)):
            return found, many
    return None


def _forms(said: Schema) -> list[Schema]:
    found = []
    for form in said.get("anyOf", said.get("allOf", [said])):
        found += _forms(form) if form is not said and ("anyOf" in form or "allOf" in form) else [form]
    return found


def _named(reference: str, schema: Schema) -> Schema:
    found: Schema = schema["$defs"][reference.rpartition("/")[2]]
    return found


def _sentence(section: Schema) -> str:
    first: str = section.get("description", "").strip().split("\n\n")[0]
    return " ".join(first.split())


def _default(said: Schema, needed: bool) -> str:
    if needed:
        return "required"
    value = said.get("default")
    return "none" if value in (None, [], {}, ()) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _example(key: str, said: Schema) -> str:
    """How the key may be written; every key has such an example, which a test reads as a recipe."""
    (value,) = said["examples"]
    return f"`{key}: {value if _plain(value) else json.dumps(value, ensure_ascii=False)}`"


def _plain(value: object) -> bool:
    """Whether a text needs no quotes in YAML."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_./-]+", value) is not None


def _values(said: Schema, schema: Schema) -> str:
    """What may stand there, in words."""
    if any("const" in form for form in _forms(said)) and any(
        "maxProperties" in form for form in _forms(said)
    ):
        others = ", ".join(f"`{form['const']}`" for form in _forms(said) if "const" in form)
        return f"one of the [families that are learned](names.md), alone or with its keys; {others}"
    if any(form.get("maxProperties") == 1 for form in _forms(said)):
        return "a list of [steps](steps.md), or of [names](names.md), each alone or with its keys"
    words: list[str] = []
    for form in _forms(said):
        if "enum" in form:
            words += [f"`{one}`" for one in form["enum"]]
        elif "const" in form:
            words.append(f"`{form['const']}`")
        elif "$ref" in form:
            words.append(_values(_named(form["$ref"], schema), schema))
        elif form.get("type") == "array":
            words.append(_list(form.get("items", {}), schema))
        elif form.get("type") == "object":
            words.append("a mapping")
        elif form.get("type") == "string" and "description" in form and form is not said:
            words.append(form["description"])
        else:
            words.append(_TYPES.get(form.get("type", ""), ""))
    found = list(dict.fromkeys(word for word in words if word))
    for many in [word for word in found if word.startswith("a list of ")]:
        if (one := many.removeprefix("a list of ").removesuffix("s")) in found:
            found[found.index(many)] += ", or one"
            found.remove(one)
    return ", ".join(word for word in found if word != "a number, with or without a unit: 32k, 64MB, 1/3")


def _list(items: Schema, schema: Schema) -> str:
    if not items or "prefixItems" in items:
        return "a list"
    inner = _values(items, schema)
    return f"a list of {inner}s" if inner == "text" else f"a list of {inner}"


_TYPES = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "`true`, `false`"}


def steps() -> Iterator[str]:
    """A table of each kind of step."""
    for kind, found in described_steps().items():
        yield from (f"## {kind.capitalize()}s, under `{found['place']}`", "")
        yield from table(
            ("name", "what it does", "keys", "source"),
            (
                (f"`{name}`", step["says"], ", ".join(_keys(step["keys"])), step["source"] or "")
                for name, step in found["steps"].items()
            ),
        )
        yield ""


def _keys(keys: Mapping[str, Any]) -> Iterator[str]:
    for key, value in keys.items():
        said = "required" if value == "?" else json.dumps(value, ensure_ascii=False, default=str)
        yield f"`{key}: {said}`" if said != "required" else f"`{key}` (required)"


def names() -> Iterator[str]:
    """What recipes and commands call by name beside steps: readers, statistics, families, strategies, exports."""
    for title, registry in (
        ("Formats that are read, under `corpus[].format`", READERS),
        ("Families of vocabularies that are read", MODELS),
        ("Families that are learned, under `vocabulary.family`", LEARNERS),
        ("Strategies, under `pack.strategy`", STRATEGIES),
        ("Orders, under `pack.shuffle.mode`", ORDERS),
        ("Statistics, under `statistics`", STATISTICS),
        ("Exports, by `pairloom export --format`", EXPORTERS),
        ("Ways to make rows of embeddings, by `pairloom transplant --method`", METHODS),
    ):
        yield from (f"## {title}", "")
        rows = ((f"`{name}`", _first_sentence(found)) for name, found in registry.all().items())
        yield from table(("name", "what it is"), rows)
        yield ""


def _first_sentence(found: object) -> str:
    return " ".join((getattr(found, "__doc__", None) or "").strip().split("\n\n")[0].split())


def commands() -> Iterator[str]:
    """The help of every command, as Typer writes it in Markdown."""
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from pairloom.jobs.cli import app

    command = get_command(app)
    with_context = get_docs_for_click(
        obj=command, ctx=command.make_context("pairloom", ["--help"], resilient_parsing=True), name="pairloom"
    )
    yield re.sub(r"```console\n\$ (.*)\n```", r"`\1`", with_context.partition("\n")[2].strip())


def failures() -> Iterator[str]:
    """The tree of errors."""
    kinds = [getattr(errors, name) for name in errors.__all__]
    codes = {errors.RecipeError: "2", errors.PreemptedError: "143"}
    yield from table(
        ("error", "what it means", "exit code"),
        (
            (f"`pairloom.{kind.__name__}`", _first_sentence(kind), codes.get(kind, "1"))
            for kind in kinds
            if isinstance(kind, type) and issubclass(kind, errors.PairloomError)
        ),
    )


def api() -> Iterator[str]:
    """What `pairloom.__all__` names: a table, and a place for the docstring of each, which the site fills."""
    public = [name for name in pairloom.__all__ if not name.startswith("_") and not name.endswith("Error")]
    public.sort(key=lambda name: (name[0].isupper(), name))
    yield from table(
        ("name", "what it is"),
        ((f"[`{name}`](#pairloom.{name})", _first_sentence(getattr(pairloom, name))) for name in public),
    )
    for name in public:
        found = getattr(pairloom, name)
        module = import_module(found.__module__)
        yield from (
            "",
            f"## `{name}` {{ #pairloom.{name} }}",
            "",
            f"::: {module.__name__}.{found.__qualname__}",
        )
    yield ""


def code(path: str) -> Iterator[str]:
    """A file of Python, whole."""
    yield "<!-- not run: tests/extend/test_strangers.py runs it, as a distribution of its own -->"
    yield from ("```python", (ROOT / path).read_text(encoding="utf-8").strip(), "```")


MADE: Mapping[str, Callable[..., Iterator[str]]] = {
    "recipe": recipe,
    "steps": steps,
    "names": names,
    "commands": commands,
    "errors": failures,
    "api": api,
    "code": code,
    "headlines": headlines.headlines,
}


def made(text: str) -> str:
    """A page with its regions made anew."""

    def anew(found: re.Match[str]) -> str:
        lines = MADE[found[2]](*filter(None, [found[3]]))
        return f"{found[1]}\n{chr(10).join(lines).strip()}\n\n{found[4]}"

    return REGION.sub(anew, text)


def main() -> None:
    """Make every page anew, or say which would change."""
    old = []
    for page in [*ROOT.glob("README.md"), *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        if (new := made(text)) != text:
            old.append(page.relative_to(ROOT).as_posix())
            if "--check" not in sys.argv:
                page.write_text(new, encoding="utf-8")
    if old and "--check" in sys.argv:
        sys.exit(f"{', '.join(old)}: not as the code says; run python infra/make_reference.py")


if __name__ == "__main__":
    main()
