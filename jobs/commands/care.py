"""Looking after roots and machines: proofs, garbage, and kernels that are compiled beforehand."""

import json
import sys
import time
from typing import Annotated

import typer

from pairloom.jobs.commands.options import AsJson, Engine, Generation, RootArgument

__all__ = ["gc_command", "repair_command", "verify_command", "warmup_command"]


def verify_command(
    root: RootArgument,
    sample: Annotated[int, typer.Option(min=0, help="units to compare with their sources; 0 for none")] = 4,
    everything: Annotated[bool, typer.Option("--all", help="compare every unit with its source")] = False,
    seed: Annotated[int, typer.Option(min=0, help="another seed is another sample")] = 0,
    generation: Generation = None,
    as_json: AsJson = False,
) -> None:
    """Prove that what is committed is whole, agrees with itself, and is what the sources say.

    pairloom verify out
    pairloom verify out --all --json
    """
    from pairloom.jobs.show.watch import STARTING, watching

    with watching() as watch:
        watch(STARTING)
        import pairloom
        from pairloom.jobs.show.care import show_proof

        proof = pairloom.verify(
            root, sample=sample, everything=everything, seed=seed, generation=generation, observe=watch
        )
    show_proof(proof, as_json)


def repair_command(
    root: RootArgument,
    generation: Generation = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what is lost, and change nothing")] = False,
    engine: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Make lost or damaged files of a generation anew, byte for byte, from what is there.

    Every file is compared with what was written, made again by the task that made it, and put in its place if its
    checksum is right. Exit code 1 if anything cannot be made; the reason is said.

    pairloom repair out --dry-run
    pairloom repair s3://bucket/run --generation 3 --json
    """
    from pairloom.jobs.show.signals import stop_on_sigterm
    from pairloom.jobs.show.watch import STARTING, watching

    with stop_on_sigterm() as stop, watching() as watch:
        watch(STARTING)
        from pairloom.jobs.show.care import show_repaired
        from pairloom.pipeline.repair.repair import repair

        found = repair(root, generation=generation, dry_run=dry_run, engine=engine, observe=watch, stop=stop)
    show_repaired(found, as_json)
    if not found.whole:
        raise typer.Exit(1)


def gc_command(
    root: RootArgument,
    keep: Annotated[int | None, typer.Option(min=1, help="newest generations to keep; otherwise all")] = None,
    grace: Annotated[
        str, typer.Option(help="age of what may go, as 90s, 30m, 24h or 7d: longer than any run")
    ] = "24h",
    delete: Annotated[bool, typer.Option("--delete/--dry-run", help="really remove it")] = False,
    as_json: AsJson = False,
) -> None:
    """Find what no kept generation references; remove it with --delete.

    pairloom gc out
    pairloom gc out --keep 2 --delete
    """
    from pairloom.jobs.show.care import seconds_of, show_collection
    from pairloom.pipeline import open_dataset
    from pairloom.pipeline.store.gc import collect

    objects = open_dataset(root).objects
    found = collect(objects, now=time.time(), grace=seconds_of(grace), keep=keep, delete=delete)
    show_collection(found, objects, as_json)


def warmup_command(
    scheme: Annotated[list[str] | None, typer.Option(help="a pretokenizer; all of them otherwise")] = None,
    as_json: AsJson = False,
) -> None:
    """Compile every kernel for this machine, so that no run has to: for images and for nodes that come and go.

    pairloom warmup
    pairloom warmup --scheme llama3
    """
    from pairloom.operators.errors import RecipeError
    from pairloom.operators.text.pretokenize.schemes import SCHEMES

    started = time.monotonic()
    if unknown := sorted(set(scheme or []) - set(SCHEMES)):
        raise RecipeError(f"unknown pretokenizer {', '.join(unknown)}; known: {', '.join(SCHEMES)}")
    from pairloom.operators.kernels.cache import cache_folders
    from pairloom.pipeline.flow.prepare import PrepareTask

    PrepareTask(schemes=tuple(scheme) if scheme else tuple(SCHEMES)).run()
    seconds, folder = time.monotonic() - started, str(next(cache_folders()))
    if as_json:
        sys.stdout.write(json.dumps({"seconds": round(seconds, 3), "folder": folder}) + "\n")
    else:
        sys.stdout.write(f"kernels are ready after {seconds:.1f} s, in {folder}\n")
