"""What the shell is told when somebody presses Tab: names that are known without reading any data or loading any kernel.

Each function here is given what is typed so far and gives what it may become.
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

__all__ = [
    "document_steps",
    "engines",
    "export_formats",
    "export_units",
    "methods",
    "recipe_keys",
    "recipes",
    "splits",
    "stage_names",
    "step_names",
]


def recipes(incomplete: str) -> list[str]:
    """YAML files in the folder that is typed and in folders of it, and shipped recipes."""
    typed, _, _ = incomplete.rpartition("/")
    folder = Path(f"{typed}/" if incomplete.startswith("/") else typed or ".")
    lead = f"{typed}/" if "/" in incomplete else ""
    found = [lead + path for path in _yaml_files(folder)]
    entries = resources.files("pairloom.jobs.recipes").iterdir()
    found += sorted(one.name.removesuffix(".yaml") for one in entries if one.name.endswith(".yaml"))
    return [name for name in found if name.startswith(incomplete)]


def _yaml_files(folder: Path) -> Iterator[str]:
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    yield from (path.name for path in inside if path.suffix in (".yaml", ".yml") and path.is_file())
    for path in inside:
        if path.is_dir() and not path.name.startswith("."):
            try:
                below = sorted(path.glob("*.y*ml"))
            except OSError:
                continue
            yield from (f"{path.name}/{one.name}" for one in below if one.suffix in (".yaml", ".yml"))


def recipe_keys(incomplete: str) -> list[str]:
    """Keys of a recipe as `--set` takes them.

    >>> recipe_keys("pack.seq")
    ['pack.seq_len=']
    """
    from pairloom.pipeline.recipe import Recipe
    from pairloom.pipeline.recipe.section import Section, section_of

    def keys(section: type[Section], path: str) -> Iterator[str]:
        for name, field in section.model_fields.items():
            inner = section_of(field.annotation)
            key = f"{path}{field.alias or name}"
            if inner is None:
                yield f"{key}="
            elif key != "corpus":  # a list, whose places have numbers
                yield from keys(inner, f"{key}.")

    return [key for key in keys(Recipe, "") if key.startswith(incomplete)]


def step_names(incomplete: str) -> list[str]:
    """Steps of documents, of tokens and of rows, those of other distributions too.

    >>> step_names("fim")
    ['fim']
    """
    from pairloom.operators.registry import listed, offered

    folders = ("documents", "transforms", "layouts")
    names = {name for folder in folders for name in listed(f"pairloom.operators.{folder}")}
    return sorted(name for name in names | set(offered("pairloom.steps")) if name.startswith(incomplete))


def document_steps(incomplete: str) -> list[str]:
    """Steps of documents, which may have left some out."""
    from pairloom.operators.registry import listed

    return sorted(name for name in listed("pairloom.operators.documents") if name.startswith(incomplete))


def export_formats(incomplete: str) -> list[str]:
    """What `pairloom export` writes."""
    from pairloom.pipeline.export import OF_VOCABULARIES
    from pairloom.pipeline.export.formats import EXPORTERS

    return [name for name in (*EXPORTERS.names(), *OF_VOCABULARIES) if name.startswith(incomplete)]


def stage_names(incomplete: str) -> list[str]:
    """The stages of a run."""
    from pairloom.pipeline.stages import stages

    return [stage.name for stage in stages() if stage.name.startswith(incomplete)]


def engines(incomplete: str) -> list[str]:
    """Where tasks run."""
    return [name for name in ("auto", "ray", "local") if name.startswith(incomplete)]


def methods(incomplete: str) -> list[str]:
    """How rows of embeddings are made.

    >>> methods("om")
    ['omp']
    """
    from pairloom.operators.registry import listed, offered

    names = listed("pairloom.operators.embeddings.methods") | set(offered("pairloom.embeddings"))
    return sorted(name for name in names if name.startswith(incomplete))


def splits(incomplete: str) -> list[str]:
    """Which rows."""
    return [name for name in ("train", "validation") if name.startswith(incomplete)]


def export_units(incomplete: str) -> list[str]:
    """What an export writes one after another."""
    return [name for name in ("rows", "documents") if name.startswith(incomplete)]
