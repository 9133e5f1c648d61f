"""Raw text in, an exact vocabulary and a packed Arrow dataset out.

    import pairloom as pl

    dataset = pl.run("corpus.yaml")            # every stage that is not committed yet
    dataset.table(), dataset.loader(32)        # packed rows
    pl.verify(dataset)                         # proved against its sources
    vocabulary = pl.learn(texts, 32_000)       # without a recipe

What is in `__all__` is public, and imported when it is first used. Public as well are the base classes that extensions
derive from; `docs/explain/architecture.md` lists them.
"""

if __name__ != "pairloom":
    raise ImportError("import this package as pairloom (install the project with `pip install -e .`)")

from typing import TYPE_CHECKING, Any

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom._datasets import Exported, export, groups, open, repair, verify  # noqa: A004
    from pairloom._reports import Report, report
    from pairloom._runs import plan, run
    from pairloom._words import count, learn
    from pairloom.operators.counts import WordCounts
    from pairloom.operators.encode.tokenizer import Tokenizer
    from pairloom.operators.errors import (
        CapacityError,
        ConflictError,
        CorruptionError,
        DataError,
        PairloomError,
        PreemptedError,
        RecipeError,
        StorageError,
    )
    from pairloom.operators.text.pretokenize import Pretokenizer
    from pairloom.operators.vocabulary import Vocabulary
    from pairloom.pipeline.audit.verify import Proof
    from pairloom.pipeline.dataset.dataset import Dataset
    from pairloom.pipeline.export.groups import Group
    from pairloom.pipeline.flow.plan import Plan
    from pairloom.pipeline.recipe import Recipe
    from pairloom.pipeline.repair.repair import Repaired

    __version__: str

__all__ = [
    "CapacityError",
    "ConflictError",
    "CorruptionError",
    "DataError",
    "Dataset",
    "Exported",
    "Group",
    "PairloomError",
    "Plan",
    "PreemptedError",
    "Pretokenizer",
    "Proof",
    "Recipe",
    "RecipeError",
    "Repaired",
    "Report",
    "StorageError",
    "Tokenizer",
    "Vocabulary",
    "WordCounts",
    "__version__",
    "count",
    "export",
    "groups",
    "learn",
    "open",
    "plan",
    "repair",
    "report",
    "run",
    "verify",
]

_found, _names = lazily(
    __name__,
    {
        "pairloom._datasets": ("Exported", "export", "groups", "open", "repair", "verify"),
        "pairloom._reports": ("Report", "report"),
        "pairloom._runs": ("plan", "run"),
        "pairloom._words": ("count", "learn"),
        "pairloom.operators.counts": ("WordCounts",),
        "pairloom.operators.encode.tokenizer": ("Tokenizer",),
        "pairloom.operators.errors": (
            "CapacityError",
            "ConflictError",
            "CorruptionError",
            "DataError",
            "PairloomError",
            "PreemptedError",
            "RecipeError",
            "StorageError",
        ),
        "pairloom.operators.text.pretokenize": ("Pretokenizer",),
        "pairloom.operators.vocabulary": ("Vocabulary",),
        "pairloom.pipeline.audit.verify": ("Proof",),
        "pairloom.pipeline.dataset.dataset": ("Dataset",),
        "pairloom.pipeline.export.groups": ("Group",),
        "pairloom.pipeline.flow.plan": ("Plan",),
        "pairloom.pipeline.recipe": ("Recipe",),
        "pairloom.pipeline.repair.repair": ("Repaired",),
    },
)


if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("pairloom")
        return _found(name)


def __dir__() -> list[str]:
    return sorted({*_names(), "__version__"})
