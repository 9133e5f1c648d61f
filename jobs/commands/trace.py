"""`pairloom trace` and `where`: which documents a training run saw at a step, and at which steps it sees a document."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairloom.jobs.commands.options import AsJson, Generation, RootArgument, Split, read_text

if TYPE_CHECKING:
    from pairloom.pipeline import Dataset
    from pairloom.pipeline.dataset.loader import Loader

__all__ = ["trace_command", "where_command"]

State = Annotated[
    Path | None,
    typer.Option(help="what loader.state_dict() gave, as JSON; it says generation, split, seed and place"),
]
Batch = Annotated[int, typer.Option(min=1, help="rows of a step, over all ranks")]
Seed = Annotated[int | None, typer.Option(help="the loader's seed, where no state says it")]
SeqLen = Annotated[int | None, typer.Option(help="rows of this length, of several")]


def trace_command(
    root: RootArgument,
    batch: Batch,
    steps: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="from step A, counted from 0, up to B, which is left out"),
    ] = None,
    state: State = None,
    seed: Seed = None,
    split: Split = "train",
    seq_len: SeqLen = None,
    generation: Generation = None,
    width: Annotated[int, typer.Option(min=8, help="characters of each document")] = 160,
    as_json: AsJson = False,
) -> None:
    """Print what a training run saw: the documents of the rows of its steps, with their sources and texts.

    Without --steps it is the step that ended where the state is. Steps are counted from the start of the first epoch, each
    of so many rows as --batch says. With --json a line for each row.

    pairloom trace out --batch 512 --seed 0 --steps 1000:1002
    pairloom trace out --batch 512 --state state.json --json
    """
    from pairloom.jobs.show.rows import show_stored
    from pairloom.pipeline.dataset.tracing import rows_at

    dataset, loader = _opened(root, state, seed, split, seq_len, generation)
    first, last = _steps(steps, loader, batch, given=state is not None)
    for step in range(first, last):
        found = rows_at(loader, step * batch, (step + 1) * batch).tolist()
        epochs = [place // loader.rows for place in range(step * batch, (step + 1) * batch)]
        said = [{"step": step, "epoch": epoch} for epoch in epochs]
        show_stored(dataset, loader.split, found, said, width, seq_len=loader.seq_len, as_json=as_json)


def where_command(
    root: RootArgument,
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="its id, as `pairloom inspect` shows")],
    batch: Annotated[int | None, typer.Option(min=1, help="also at which steps of so many rows")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="with --batch: in the first so many epochs")] = 1,
    state: State = None,
    seed: Seed = None,
    split: Split = "train",
    seq_len: SeqLen = None,
    generation: Generation = None,
    as_json: AsJson = False,
) -> None:
    """Print in which rows a document is, and with --batch at which steps a training run sees it.

    pairloom where out file:///data/a.jsonl#17
    pairloom where out doc-17 --batch 512 --seed 0 --epochs 2
    """
    from pairloom.jobs.show.rows import document_of
    from pairloom.operators.shown import printable
    from pairloom.pipeline.dataset.tracing import places_of, rows_with

    dataset, loader = _opened(root, state, seed, split, seq_len, generation)
    number = document_of(dataset, document)
    segments = rows_with(dataset, number, loader.split, loader.seq_len)
    seen: list[list[int]] = [[] for _ in segments]
    if batch is not None and segments:
        for epoch in range(epochs):
            places = places_of(loader, [row for row, _, _ in segments], epoch)
            for steps, place in zip(seen, places.tolist(), strict=True):
                steps.append(place // batch)
    if as_json:
        facts = [
            {"row": row, "offset": offset, "tokens": tokens} | ({} if batch is None else {"steps": steps})
            for (row, offset, tokens), steps in zip(segments, seen, strict=True)
        ]
        whole = {"id": document, "document": number, "split": loader.split, "segments": facts}
        sys.stdout.write(json.dumps(whole) + "\n")
        return
    if not segments:
        sys.stdout.write(
            f"{printable(document)} is in no row of split {loader.split}: it is in another split, a duplicate, not taken by the "
            "mixture, or was dropped as too long\n"
        )
    for (row, offset, tokens), steps in zip(segments, seen, strict=True):
        at = f", seen in step {', '.join(map(str, steps))}" if steps else ""
        sys.stdout.write(f"row {row} of {loader.split}: {tokens} tokens from its token {offset} on{at}\n")


def _opened(
    root: str,
    state: Path | None,
    seed: int | None,
    split: str,
    seq_len: int | None,
    generation: int | None,
) -> "tuple[Dataset, Loader]":
    """The rows, and a loader that stands where the state is."""
    from pairloom.operators.errors import RecipeError
    from pairloom.pipeline import open_dataset

    if state is None:
        dataset = open_dataset(root, generation)
        return dataset, dataset.loader(1, seed=seed, split=split, seq_len=seq_len, epochs=None)
    try:
        found: Any = json.loads(read_text(state))
        where = {name: found[name] for name in ("generation", "split", "seq_len", "seed")}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecipeError(
            f"{state} is no state of a loader: write json.dump(loader.state_dict(), file)"
        ) from error
    dataset = open_dataset(root, where["generation"])
    loader = dataset.loader(
        1, seed=where["seed"], split=where["split"], seq_len=where["seq_len"], epochs=None
    )
    loader.load_state_dict(found)
    return dataset, loader


def _steps(asked: str | None, loader: "Loader", batch: int, *, given: bool) -> tuple[int, int]:
    """The first step, and the one after the last."""
    if asked is None and not given:
        raise typer.BadParameter("say which, as 100:102, or give --state", param_hint="--steps")
    if asked is None:
        done = loader.place // batch
        if not done:
            raise typer.BadParameter("the state is before the end of the first step", param_hint="--state")
        return done - 1, done
    first, colon, last = asked.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise typer.BadParameter(f"{asked!r} is no range of steps, as 100:102", param_hint="--steps")
    return int(first), int(last)
