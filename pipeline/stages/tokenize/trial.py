"""Before conversations are tokenized: a few of each source are tried, by the process that drives the run."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.readers import read
from pairloom.pipeline.inputs.slices import Limits

if TYPE_CHECKING:
    from pairloom.operators.documents import DocumentBatch
    from pairloom.operators.encode import Tokenizer
    from pairloom.pipeline.recipe import Recipe
    from pairloom.pipeline.stages.tokenize.task import TokenizeTask

__all__ = ["CONVERSATIONS", "try_sources"]

CONVERSATIONS = 8
"""How many of a source are tried."""
_LOOKED_AT = 4  # times so many records, where the first have none that can be rendered
_BATCH = 1 << 20


def try_sources(
    recipe: "Recipe", tasks: "Sequence[TokenizeTask]", tokenizer: "Tokenizer", known: Collection[str] = ()
) -> Iterator[str]:
    """Try the first conversations of each source that has such, of the first unit that is none of those that are `known`.

    Yields a line for each source. Raises RecipeError where they are not what their template means.
    """
    if not any(source.messages is not None for source in recipe.corpus):
        return
    from pairloom.operators.chat import Chat
    from pairloom.operators.chat.trial import Tried, try_conversations

    compare = {source.name: source.compared for source in recipe.corpus}
    done = set()
    for task in tasks:
        unit, chat = task.input, task.input.giver
        if not isinstance(chat, Chat) or unit.source in done or task.unit in known:
            continue
        done.add(unit.source)
        tried = Tried(conversations=0)
        try:
            for records in _records(task):
                tried = try_conversations(
                    chat,
                    records,
                    partial(task.tokens, tokenizer=tokenizer),
                    tokenizer,
                    compare=compare[unit.source],
                )
                if tried.conversations:
                    break
        except DataError:  # what cannot be read is for the task to say
            pass
        except ValueError as error:
            raise RecipeError(f"source {unit.source!r}, {unit.slices[0].file.uri}, {error}") from error
        yield f"source {unit.source!r}: {tried}"


def _records(task: "TokenizeTask") -> "Iterator[DocumentBatch]":
    """The first records of a unit, a few at a time."""
    limits = Limits(batch_bytes=_BATCH, max_record_bytes=task.max_record_bytes)
    batches = read(task.input.slices[0], task.input.fields, limits)
    few = (
        batch.part(first, first + CONVERSATIONS)
        for batch in batches
        for first in range(0, len(batch), CONVERSATIONS)
    )
    yield from islice(few, _LOOKED_AT)
