"""`pairloom.run` and `pairloom.plan`."""

from collections.abc import Callable, Sequence

from pairloom.jobs.recipes import RecipeLike, recipe_of
from pairloom.pipeline import Dataset, Plan, make_plan
from pairloom.pipeline import run as run_recipe
from pairloom.pipeline.execution.base import Executor
from pairloom.pipeline.expected import told
from pairloom.pipeline.flow.events import Event
from pairloom.pipeline.store.location import open_objects

__all__ = ["plan", "run"]


@told
def run(
    recipe: RecipeLike,
    *,
    until: str | None = None,
    set: Sequence[str] = (),  # noqa: A002  (what the command line calls it)
    engine: str | None = None,
    executor: Executor | None = None,
    observe: Callable[[Event], None] = lambda _: None,
    progress: bool = False,
) -> Dataset:
    """Run a recipe, or its stages up to and with `until`, commit a generation, and open it.

    `recipe` is a path, a shipped recipe's name, YAML text, a mapping or a Recipe; `set` are settings instead of its own, as
    `["pack.seq_len=512"]`, and `engine` is "auto", "ray" or "local" (this process). Stages that the last generation holds
    already are not run; where nothing is left to do, that generation is opened. What a run that was killed has finished is not done
    again. `observe` is told of every step and unit; with `progress` the steps are shown on standard error as well, as the
    command does.

    Raises RecipeError (correct it), DataError (bad input), ConflictError (another run committed first), StorageError (try
    again).

    >>> import tempfile, pairloom as pl
    >>> from pathlib import Path
    >>> folder = tempfile.mkdtemp()
    >>> _ = Path(folder, "text.txt").write_text("a rose is a rose is a rose")
    >>> dataset = pl.run(
    ...     {
    ...         "root": f"{folder}/out",
    ...         "corpus": [{"name": "roses", "paths": [f"{folder}/text.txt"]}],
    ...         "vocabulary": {"size": 266},
    ...         "pack": {"seq_len": 16},
    ...     },
    ...     engine="local",
    ... )
    >>> dataset.vocabulary().decode(dataset.table()["input_ids"][0].values.to_numpy()[:6]).decode()
    'a rose is a rose is'
    """
    asked = recipe_of(recipe, set, engine)
    if not progress:
        manifest = run_recipe(asked, until=until, executor=executor, observe=observe)
        return Dataset(objects=open_objects(asked.root), manifest=manifest)
    from pairloom.jobs.show.watch import watching

    with watching() as watch:

        def both(event: Event) -> None:
            watch(event)
            observe(event)

        manifest = run_recipe(asked, until=until, executor=executor, observe=both)
    return Dataset(objects=open_objects(asked.root), manifest=manifest)


@told
def plan(
    recipe: RecipeLike,
    *,
    set: Sequence[str] = (),  # noqa: A002  (what the command line calls it)
    engine: str | None = None,
) -> Plan:
    """What `run` would do: the inputs, cut into units, and the stages with the hash of what decides each.

    `recipe`, `set` and `engine` are as for `run`; nothing is run or written. Raises RecipeError.

    >>> import pairloom as pl
    >>> pl.plan("stdlib", set=["corpus.0.paths=[README.md]"]).stages
    ('count', 'learn', 'tokenize', 'pack')
    """
    return make_plan(recipe_of(recipe, set, engine))
