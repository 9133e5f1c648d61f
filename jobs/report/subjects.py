"""What a report is on: a root or one of its generations, a vocabulary's file, a report that was stored."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pairloom.operators import Vocabulary
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.bpe import load_tiktoken
from pairloom.pipeline import Dataset, open_dataset
from pairloom.pipeline.expected import unreadable
from pairloom.pipeline.export.given_vocabulary import roles_of
from pairloom.pipeline.recipe import CorpusSource
from pairloom.pipeline.report import (
    Measured,
    Options,
    measure_root,
    measure_vocabulary,
    report_on_root,
    report_on_vocabulary,
)
from pairloom.pipeline.report import compare as difference

__all__ = [
    "load_tokenizer",
    "named_texts",
    "named_tokenizers",
    "report_of",
    "reports_of_two",
    "tokenizer_and_roles",
]


def report_of(
    what: str, options: Options, texts: tuple[str, ...], field: str, generation: int | None
) -> dict[str, Any]:
    """The report on a root, or on a vocabulary's file, measured on `texts`; raises RecipeError where they do not fit."""
    if Path(what).is_file():
        return report_on_vocabulary(what, load_tokenizer(what), texts, field, options)
    if texts:
        raise RecipeError(
            f"--text goes with a vocabulary; {what} is a root, or no file, and brings its own text"
        )
    return report_on_root(open_dataset(what, generation), options)


def reports_of_two(
    compare: tuple[str, str], options: Options, texts: tuple[str, ...], field: str
) -> dict[str, Any]:
    """Both reports, each with the other vocabulary beside its own where neither is stored, and what is different."""
    names = _distinct(compare)
    stored = [_stored(one) for one in compare]
    made = []
    for i, (name, what) in enumerate(zip(names, compare, strict=True)):
        if (report := stored[i]) is not None:
            made.append(Measured(name=name, report=report))
            continue
        known = stored[1 - i] is not None
        other = {} if known else {names[1 - i]: _vocabulary(compare[1 - i])}
        one = replace(options, against={**options.against, **other})
        if Path(what).is_file():
            made.append(measure_vocabulary(name, load_tokenizer(what), texts, field, one))
        else:
            made.append(measure_root(name, _root(what), one))
    reports = {one.name: one.report for one in made}
    return {"reports": reports, "comparison": difference(*made)}


def load_tokenizer(path: str) -> Vocabulary:
    """A vocabulary from a `tokenizer.json`, a folder that has one, a root, or a `.tiktoken` file, its scheme before a colon.

    `cl100k:ranks.tiktoken` is cut as cl100k does; without a scheme the file's name tells it, else it is cl100k.
    """
    scheme, colon, rest = path.partition(":")
    if path.endswith(".tiktoken"):
        name = rest if colon and not Path(path).exists() else path
        guessed = "o200k" if "o200k" in Path(name).name else "cl100k"
        try:
            return load_tiktoken(name, scheme=scheme if name == rest else guessed)
        except OSError as error:
            raise unreadable(name, error) from error
        except ValueError as error:
            raise RecipeError(f"cannot read {path}: {error}") from error
    if (Path(path) / "tokenizer.json").is_file():
        path = str(Path(path) / "tokenizer.json")
    elif _is_root(path):
        return _root(path).vocabulary()
    try:
        return Vocabulary.load(path)
    except OSError as error:
        raise unreadable(path, error) from error


def tokenizer_and_roles(path: str) -> tuple[Vocabulary, dict[str, str]]:
    """What `load_tokenizer` gives, and of a root the special tokens by what its recipe says they are for."""
    vocabulary = load_tokenizer(path)
    if not _is_root(path):
        return vocabulary, {}
    roles = roles_of(_root(path))
    # What only stands in for padding is not padding.
    return vocabulary, {
        role: token for role, token in roles.items() if role != "pad" or token != roles.get("eos")
    }


def named_tokenizers(against: Sequence[str] | Mapping[str, Vocabulary]) -> dict[str, Vocabulary]:
    """Tokenizers by name, of `[NAME=]FILE` each; raises RecipeError where two have one name."""
    if isinstance(against, Mapping):
        return dict(against)
    found: dict[str, Vocabulary] = {}
    for one in against:
        name, equals, path = one.partition("=")
        if not equals:
            name, path = (
                Path(one).stem if Path(one).stem != "tokenizer" else Path(one).parent.name or one,
                one,
            )
        if name in found or name == "this":
            raise RecipeError(f"two tokenizers are called {name!r}; name them apart: --against NAME=FILE")
        found[name] = load_tokenizer(path)
    return found


def named_texts(against: Sequence[str] | Mapping[str, Sequence[str]], text: str) -> dict[str, CorpusSource]:
    """Kinds of text by name, of `NAME=PATHS` each; a name that occurs again adds paths. `text` is the field with the text."""
    found: dict[str, list[str]] = {}
    if isinstance(against, Mapping):
        found = {name: list(paths) for name, paths in against.items()}
    else:
        for one in against:
            name, equals, path = one.partition("=")
            if not equals or not name or not path:
                raise RecipeError(
                    f"name each kind of text and its files, as --against-text code='src/*.py', not {one!r}"
                )
            found.setdefault(name, []).append(path)
    return {name: CorpusSource(name=name, paths=tuple(paths), text=text) for name, paths in found.items()}


def _vocabulary(what: str) -> Vocabulary:
    return load_tokenizer(what) if Path(what).is_file() else _root(what).vocabulary()


def _root(what: str) -> Dataset:
    """A root, or one of its generations: `out`, `out@2`."""
    root, _, generation = what.rpartition("@")
    if root and generation.isdigit() and not Path(what).exists():
        return open_dataset(root, int(generation))
    return open_dataset(what)


def _is_root(what: str) -> bool:
    """Whether it is, by its looks, a root, or a generation of one, and no file."""
    if Path(what).exists():
        return Path(what).is_dir() and not (Path(what) / "tokenizer.json").is_file()
    root, _, generation = what.rpartition("@")
    return generation.isdigit() and Path(root).is_dir()


def _stored(what: str) -> dict[str, Any] | None:
    """A report that `--json` wrote; None for a root or a vocabulary."""
    if not Path(what).is_file() or what.endswith(".tiktoken"):
        return None
    try:
        found = json.loads(Path(what).read_bytes())
    except ValueError as error:
        raise DataError(f"{what} is no JSON: {error}") from error
    if isinstance(found, dict) and "model" in found:
        return None
    if not isinstance(found, dict) or found.get("format") != 1 or "summary" not in found:
        raise RecipeError(
            f"{what} is no report that `pairloom report --json` printed, and no tokenizer.json; name one, or a root"
        )
    return found


def _distinct(names: tuple[str, str]) -> tuple[str, str]:
    one, two = names
    return (one, two) if one != two else (one, f"{two} again")
