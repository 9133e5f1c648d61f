"""The command line: `pairloom run RECIPE` and what goes with it.

Exit codes: 0 done, 1 the run failed, 2 the recipe or a path is wrong, 130 Ctrl-C, 143 SIGTERM. Results go to standard
output, progress and errors to standard error.
"""

import json
import os
import signal
import sys
import time
from typing import Annotated

import typer

from pairloom.jobs.commands.export import export_dataset, export_vocabulary
from pairloom.jobs.commands.generations import generations_command, retokenize_command, rollback_command
from pairloom.jobs.commands.options import (
    AsJson,
    Engine,
    Overrides,
    Profile,
    RecipeArgument,
    RootArgument,
    find_recipe,
)
from pairloom.jobs.commands.report import register as register_report
from pairloom.jobs.show.care import seconds_of, show_collection, show_proof, show_rejected
from pairloom.jobs.show.forecast import cluster_of, show_forecast
from pairloom.jobs.show.status import show_status
from pairloom.jobs.show.summary import show_plan, show_profile, show_rows, show_summary, summary
from pairloom.jobs.show.watch import watched
from pairloom.operators.errors import PairloomError, RecipeError
from pairloom.operators.kernels.cache import cache_folders
from pairloom.operators.text.pretokenize.schemes import SCHEMES
from pairloom.pipeline import make_plan, open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.execution.base import PreemptedError
from pairloom.pipeline.flow.prepare import PrepareTask
from pairloom.pipeline.store.gc import collect

__all__ = ["app", "main"]

app = typer.Typer(
    help="Raw text in, an exact vocabulary and a packed Arrow dataset out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("retokenize")(retokenize_command)
app.command("generations")(generations_command)
app.command("rollback")(rollback_command)


def main() -> None:
    """Run the command line; turns the errors that people can act on into one message and an exit code."""
    try:
        app()
    except RecipeError as error:
        _fail(str(error), 2)
    except PreemptedError as error:
        _fail(str(error), 128 + signal.SIGTERM)
    except PairloomError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("interrupted; what is finished is kept, and the same command goes on from there", 130)


def _fail(message: str, code: int) -> None:
    if os.environ.get("PAIRLOOM_LOG") == "json":
        sys.stderr.write(
            json.dumps({"time": round(time.time(), 3), "event": "error", "message": message}) + "\n"
        )
    else:
        sys.stderr.write(f"pairloom: error: {message}\n")
    raise SystemExit(code)


def _run(
    name: str, overrides: list[str] | None, engine: str | None, as_json: bool, profile: bool, until: str
) -> None:
    recipe = find_recipe(name, overrides, engine)
    plan = make_plan(recipe)
    with watched(plan) as watch:
        manifest = watch.log.committed(
            run(recipe, until=until, observe=watch.observe, plan=plan, stop=watch.stop)
        )
    result = summary(manifest, recipe.root, watch.progress)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    show_summary(result)
    if profile:
        show_profile(result)


@app.command("run")
def run_command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    engine: Engine = None,
    as_json: AsJson = False,
    profile: Profile = False,
) -> None:
    """Run every stage that is not committed yet."""
    _run(recipe, overrides, engine, as_json, profile, "pack")


@app.command()
def count(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    engine: Engine = None,
    as_json: AsJson = False,
    profile: Profile = False,
) -> None:
    """Count the words of the corpus."""
    _run(recipe, overrides, engine, as_json, profile, "count")


@app.command()
def learn(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    engine: Engine = None,
    as_json: AsJson = False,
    profile: Profile = False,
) -> None:
    """Learn the vocabulary, counting first if need be."""
    _run(recipe, overrides, engine, as_json, profile, "learn")


@app.command()
def tokenize(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    engine: Engine = None,
    as_json: AsJson = False,
    profile: Profile = False,
) -> None:
    """Tokenize the corpus, learning first if need be."""
    _run(recipe, overrides, engine, as_json, profile, "tokenize")


@app.command()
def pack(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    engine: Engine = None,
    as_json: AsJson = False,
    profile: Profile = False,
) -> None:
    """Pack the tokens into rows, tokenizing first if need be."""
    _run(recipe, overrides, engine, as_json, profile, "pack")


@app.command("plan")
def plan_command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    engine: Engine = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processors to plan for")] = None,
    machine_memory: Annotated[
        str | None, typer.Option(help="plan for machines with this much, as 64GB")
    ] = None,
    machine_processors: Annotated[int, typer.Option(min=1, help="processors of a machine")] = 16,
    network: Annotated[str, typer.Option(help="of a machine, in bits a second, as 10Gb or 800Mb")] = "10Gb",
    as_json: AsJson = False,
) -> None:
    """Show what would run, with memory, disk and time; run nothing.

    With --machine-memory also the requests to the store, and what limits each stage on such a cluster.
    """
    plan = make_plan(find_recipe(recipe, overrides, engine))
    if machine_memory is None:
        show_plan(plan, workers, as_json)
    else:
        cluster = cluster_of(workers or os.cpu_count() or 1, machine_processors, machine_memory, network)
        show_forecast(plan, cluster, as_json)


@app.command("warmup")
def warmup_command(
    scheme: Annotated[list[str] | None, typer.Option(help="a pretokenizer; all of them otherwise")] = None,
) -> None:
    """Compile every kernel for this machine, so that no run has to: for images and for nodes that come and go."""
    started = time.monotonic()
    unknown = sorted(set(scheme or []) - set(SCHEMES))
    if unknown:
        raise RecipeError(f"unknown pretokenizer {', '.join(unknown)}; known: {', '.join(SCHEMES)}")
    PrepareTask(schemes=tuple(scheme) if scheme else tuple(SCHEMES)).run()
    sys.stdout.write(
        f"kernels are ready after {time.monotonic() - started:.1f} s, in {next(cache_folders())}\n"
    )


@app.command("inspect")
def inspect_command(
    root: RootArgument,
    split: Annotated[str, typer.Option(help="train or validation")] = "train",
    rows: Annotated[int, typer.Option(min=1, help="how many rows")] = 3,
    start: Annotated[int, typer.Option(min=0, help="the first row")] = 0,
    width: Annotated[int, typer.Option(min=8, help="characters of each document")] = 160,
    generation: Annotated[int | None, typer.Option(help="instead of the newest")] = None,
) -> None:
    """Print packed rows, decoded, with the boundaries of their documents."""
    show_rows(open_dataset(root, generation), split, start, rows, width)


@app.command("files")
def files_command(
    root: RootArgument,
    stage: Annotated[str, typer.Option(help="count, learn, tokenize or pack")] = "pack",
    split: Annotated[str | None, typer.Option(help="train or validation")] = None,
    seq_len: Annotated[int | None, typer.Option(help="rows of this length, of several")] = None,
    generation: Annotated[int | None, typer.Option(help="instead of the newest")] = None,
) -> None:
    """Print the committed files of a stage, one a line, in order."""
    for uri in open_dataset(root, generation).files(stage, split, seq_len=seq_len):
        sys.stdout.write(uri + "\n")


@app.command("gc")
def gc_command(
    root: RootArgument,
    keep: Annotated[int | None, typer.Option(min=1, help="newest generations to keep; otherwise all")] = None,
    grace: Annotated[
        str, typer.Option(help="age of what may go, as 90s, 30m, 24h or 7d: longer than any run")
    ] = "24h",
    delete: Annotated[bool, typer.Option("--delete/--dry-run", help="really remove it")] = False,
    as_json: AsJson = False,
) -> None:
    """Find what no kept generation references; remove it with --delete."""
    objects = open_dataset(root).objects
    found = collect(objects, now=time.time(), grace=seconds_of(grace), keep=keep, delete=delete)
    show_collection(found, objects, as_json)


@app.command("status")
def status_command(
    root: RootArgument,
    run_name: Annotated[str | None, typer.Option("--run", help="instead of the newest")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far a run is, or how it ended, from any machine that can read its root."""
    show_status(root, run_name, as_json)


@app.command("rejected")
def rejected_command(
    root: RootArgument,
    reason: Annotated[str | None, typer.Option(help="only those with this reason")] = None,
    limit: Annotated[int, typer.Option(min=0, help="how many to print; 0 for counts alone")] = 20,
    generation: Annotated[int | None, typer.Option(help="instead of the newest")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON lines instead")] = False,
) -> None:
    """Print the records that could not be used: where each is, and why."""
    show_rejected(open_dataset(root, generation), reason, limit, as_json)


@app.command("verify")
def verify_command(
    root: RootArgument,
    sample: Annotated[int, typer.Option(min=0, help="units to compare with their sources; 0 for none")] = 4,
    everything: Annotated[bool, typer.Option("--all", help="compare every unit with its source")] = False,
    seed: Annotated[int, typer.Option(min=0, help="another seed is another sample")] = 0,
    generation: Annotated[int | None, typer.Option(help="instead of the newest")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that what is committed is whole, agrees with itself, and is what the sources say."""

    def say(what: str) -> None:
        sys.stderr.write(f"verify: {what}\n")

    dataset = open_dataset(root, generation)
    proof = verify(dataset, say)
    if (sample or everything) and "tokenize" in dataset.manifest.stages:
        round_trip(dataset, proof, sample=sample, seed=seed, everything=everything, say=say)
    show_proof(proof, as_json)


@app.command("export")
def export_command(
    source: Annotated[
        str, typer.Argument(metavar="DATASET|VOCABULARY", help="the root of a run, or a tokenizer.json")
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format", help="megatron, npy, bin, mds, hf, parquet, webdataset; of a vocabulary: tiktoken"
        ),
    ],
    out: Annotated[
        str, typer.Option(help="an empty folder, local or in a bucket; for tiktoken a local file")
    ],
    split: Annotated[str, typer.Option(help="train or validation")] = "train",
    unit: Annotated[str | None, typer.Option(help="rows or documents, instead of the format's own")] = None,
    seq_len: Annotated[
        int | None, typer.Option(min=1, help="which rows, where they have several lengths")
    ] = None,
    generation: Annotated[int | None, typer.Option(help="instead of the newest")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a dataset, or its vocabulary, in the files of another trainer."""
    if form == "tiktoken":
        export_vocabulary(source, out, generation, as_json)
    else:
        export_dataset(open_dataset(source, generation), form, out, split, unit, seq_len, as_json)


register_report(app)
