"""What people read: the plan, the closing summary, decoded rows."""

import json
import os
import sys
from fractions import Fraction
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from pairloom.jobs.show.progress import ROUNDS, SAYS, Progress, size_text, time_text
from pairloom.operators.errors import RecipeError
from pairloom.operators.selection.order import document_numbers
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.flow.plan import Plan, project, project_sources
from pairloom.pipeline.phases import PHASES
from pairloom.pipeline.stages.tokenize.shards import placed_shards
from pairloom.pipeline.store.files import read_batches
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest, latest_manifest

__all__ = ["show_plan", "show_profile", "show_rows", "show_summary", "summary"]


def summary(manifest: Manifest, root: str, watch: Progress) -> dict[str, Any]:
    """A run in numbers: documents, bytes, tokens, rows, and the throughput of each step that ran."""
    ledgers = [manifest.stages[stage].ledger for stage in ("tokenize", "count") if stage in manifest.stages]
    ledger = ledgers[0]
    out: dict[str, Any] = {
        "root": open_objects(root).root,
        "generation": manifest.generation,
        "nothing_to_do": not watch.steps,
        "documents": ledger.documents_in,
        "documents_out": ledger.documents_out,
        "empty": ledger.empty,
        "rejected": ledger.rejected,
        "text_bytes": ledger.text_bytes,
        "vocabulary": manifest.fingerprint,
    }
    if manifest.vocabulary is not None:
        out["slow_path"] = Dataset(objects=open_objects(root), manifest=manifest).vocabulary().slow_path
    if "count" in manifest.stages:
        out |= manifest.stages["count"].facts
    if "tokenize" in manifest.stages:
        out |= {"tokens": ledger.tokens, "bytes_per_token": ledger.text_bytes / max(1, ledger.tokens)}
    if "select" in manifest.stages:
        selected = manifest.stages["select"].ledger
        out |= {"deduplicated": selected.deduplicated, "deduplicated_tokens": selected.deduplicated_tokens}
    if "pack" in manifest.stages:
        record = manifest.stages["pack"]
        if record.sources:
            out["sources"] = [source.model_dump() for source in record.sources]
        facts = record.facts
        splits: dict[str, int] = {}
        for file in record.files:
            splits[file.role] = splits.get(file.role, 0) + file.rows
        out["pack"] = facts | {
            "files": len(record.files),
            "rows_of": splits,
            "by_buckets": len({file.facts["seq_len"] for file in record.files}) > 1,
            "padding_share": _share(facts),
            "splits_of": {
                split: fact
                | {"padding_share": _share(fact), "documents_per_row": fact["segments"] / fact["rows"]}
                for split, fact in record.splits.items()
            },
        }
    out["steps"] = {
        name: {
            "seconds": round(step.seconds, 3),
            "bytes_per_second": round(step.rate),
            "reused_units": step.reused,
            "phases": {name: round(seconds, 3) for name, seconds in sorted(step.usage.seconds.items())},
            "memory": step.usage.memory,
        }
        | ({"rounds": step.rounds, "merges": step.merges} if step.wanted else {})
        for name, step in watch.steps.items()
    }
    return out


def _share(facts: dict[str, int]) -> float:
    """Padding, of all positions of rows."""
    return facts["padding"] / max(1, facts["padding"] + facts["tokens"])


def show_summary(result: dict[str, Any]) -> None:
    """Print a summary for people."""
    lines: list[tuple[str, str]] = []
    if result["nothing_to_do"]:
        lines.append(("nothing to do", f"generation {result['generation']} holds all of this recipe"))
    rejected = sum(result["rejected"].values())
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in result["rejected"].items())
    documents = (
        f"{result['documents']:,} read, {result['documents_out']:,} kept, {result['empty']:,} empty, "
        f"{rejected:,} rejected"
    )
    lines.append(("documents", documents + (f" ({reasons})" if reasons else "")))
    lines.append(("text", size_text(result["text_bytes"])))
    if result.get("slow_path"):
        lines.append(("slow path", f"text is {result['slow_path']}"))
    if "words" in result:
        lines.append(("words", f"{result['words']:,} distinct of {result['pretokens']:,}"))
    if "tokens" in result:
        lines.append(("tokens", f"{result['tokens']:,}, {result['bytes_per_token']:.3f} bytes each"))
    if result.get("deduplicated"):
        dropped = f"{result['deduplicated']:,} documents, {result['deduplicated_tokens']:,} tokens, left out"
        lines.append(("duplicates", dropped))
    if "pack" in result:
        pack = result["pack"]
        splits = ", ".join(f"{rows:,} {split}" for split, rows in pack["rows_of"].items())
        files = f"{pack['files']:,} file{'' if pack['files'] == 1 else 's'}"
        upto = "up to " if pack["by_buckets"] else ""
        lines.append(("rows", f"{pack['rows']:,} of {upto}{pack['seq_len']:,} tokens ({splits}) in {files}"))
        for split, fact in pack["splits_of"].items():
            packed = (
                f"{fact['padding_share']:.3%} padding, {fact['documents_per_row']:.2f} documents a row, "
                f"{fact['splits']:,} cuts inside documents"
            )
            if fact["truncated_tokens"] + fact["dropped_tokens"]:
                packed += (
                    f", {fact['truncated_tokens']:,} tokens truncated, {fact['dropped_tokens']:,} dropped with "
                    f"{fact['dropped_documents']:,} documents"
                )
            lines.append((split, packed))
    for name, step in result["steps"].items():
        if name == "prepare":
            continue
        rate = f", {size_text(step['bytes_per_second'])}/s" if step["bytes_per_second"] else ", done before"
        if "rounds" in step:
            rate = f", {step['merges']:,} merges after {step['rounds']:,} rounds"
        elif name in ROUNDS:
            rate = ", no merge was left to learn"
        lines.append((SAYS[name], time_text(step["seconds"]) + rate))
    lines.append(("committed", f"generation {result['generation']} of {result['root']}"))
    for label, text in lines:
        sys.stdout.write(f"{label:<14}{text}\n")
    if "sources" in result:
        _show_sources(result["sources"])


def _show_sources(sources: list[dict[str, Any]]) -> None:
    """What each source has, and what the rows have of it."""
    names = ("source", "documents", "tokens", "duplicates", "validation", "train", "epochs")
    table = Table(*names, "asked", "delivered", "share", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    total = sum(source["delivered_tokens"] for source in sources)
    for source in sources:
        counts = [source["documents"]] + [
            source[name] for name in ("tokens", "duplicate_tokens", "validation_tokens", "train_tokens")
        ]
        table.add_row(
            source["name"],
            *(f"{count:,}" for count in counts),
            f"{float(Fraction(source['epochs'])):.4g}",
            f"{source['asked_tokens']:,}",
            f"{source['delivered_tokens']:,}",
            f"{source['delivered_tokens'] / max(1, total):.2%}",
        )
    Console(soft_wrap=True, highlight=False, width=max(120, Console().width)).print(table)


def show_profile(result: dict[str, Any]) -> None:
    """Print where the workers' seconds went, step by step, and the most memory that a worker has had."""
    steps = {name: step for name, step in result["steps"].items() if step["phases"]}
    if not steps:
        sys.stdout.write("nothing ran, so there is no profile\n")
        return
    names = [name for name in PHASES if any(name in step["phases"] for step in steps.values())]
    table = Table("worker seconds", *names, "sum", "memory", box=None, pad_edge=False)
    for column in table.columns:
        column.justify, column.no_wrap = "right", True
    for name, step in steps.items():
        seconds = [step["phases"].get(phase, 0.0) for phase in names]
        cells = [f"{value:.2f}" if value >= 0.005 else "-" for value in seconds]
        table.add_row(SAYS[name], *cells, f"{sum(seconds):.2f}", size_text(step["memory"]))
    Console(soft_wrap=True, highlight=False, width=max(100, Console().width)).print(table)


def show_plan(plan: Plan, workers: int | None, as_json: bool) -> None:
    """Print what would run."""
    workers = workers or os.cpu_count() or 1
    done = plan.done(latest_manifest(open_objects(plan.recipe.root)))
    rows: list[dict[str, Any]] = [
        {
            "stage": p.stage,
            "state": "committed" if p.stage in done else "to run",
            "tasks": p.tasks,
            "memory_per_task": p.memory,
            "disk": p.disk,
            "seconds": round(p.seconds, 1),
        }
        for p in project(plan, workers)
    ]
    sources = project_sources(plan) if plan.recipe.mixes else []
    facts = {"files": len(plan.inputs), "bytes": plan.bytes, "units": len(plan.units), "workers": workers}
    mixed: list[dict[str, Any]] = [
        {
            "name": one.name,
            "tokens": one.tokens,
            "epochs": str(one.epochs),
            "taken": int(one.epochs * one.tokens),
        }
        for one in sources
    ]
    if as_json:
        sys.stdout.write(
            json.dumps(facts | {"keys": dict(plan.keys), "stages": rows, "sources": mixed}) + "\n"
        )
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{facts['files']:,} files, {size_text(plan.bytes)}, {facts['units']:,} units, on {workers} workers; "
        f"root {open_objects(plan.recipe.root).root}"
    )
    table = Table("stage", "state", "tasks", "memory a task", "disk", "time", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            row["stage"],
            row["state"],
            f"{row['tasks']:,}",
            size_text(row["memory_per_task"]),
            size_text(row["disk"]),
            "-" if row["state"] == "committed" else time_text(row["seconds"]),
        )
    console.print(table)
    if mixed:
        table = Table("source", "tokens, about", "epochs, about", "taken", box=None, pad_edge=False)
        for one in mixed:
            epochs = f"{float(Fraction(one['epochs'])):.3g}"
            table.add_row(one["name"], f"{one['tokens']:,}", epochs, f"{one['taken']:,}")
        console.print(table)


def show_rows(dataset: Dataset, split: str, start: int, count: int, width: int) -> None:
    """Print packed rows, decoded, with the boundaries of their documents."""
    vocabulary = dataset.vocabulary()
    rows = _rows(dataset, split, start, count)
    if not rows:
        raise RecipeError(f"there is no row {start} in split {split!r}")
    ids = _ids_of(dataset, {number for row in rows for number in row["document"]})
    for number, row in enumerate(rows, start):
        used = sum(row["segment_lengths"])
        sys.stdout.write(
            f"row {number}: {len(row['segment_lengths'])} segments, {used} tokens, "
            f"{len(row['input_ids']) - used} padding\n"
        )
        at = 0
        for length, document, offset in zip(
            row["segment_lengths"], row["document"], row["offset"], strict=True
        ):
            text = vocabulary.decode(row["input_ids"][at : at + length]).decode("utf-8", "replace")
            where = f"from its token {offset}" if offset else "from its start"
            sys.stdout.write(f"  {length:>6} tokens of {ids.get(document, document)}, {where}\n")
            short = text if len(text) <= width else f"{text[: width // 2]} … {text[-width // 2 :]}"
            sys.stdout.write(f"         {short!r}\n")
            at += length


def _rows(dataset: Dataset, split: str, start: int, count: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    at = 0
    for batch in dataset.batches(split):
        low, high = max(start - at, 0), min(start + count - at, batch.num_rows)
        if low < high:
            rows += batch.slice(low, high - low).to_pylist()
        at += batch.num_rows
        if at >= start + count:
            break
    return rows


def _ids_of(dataset: Dataset, wanted: set[int]) -> dict[int, str]:
    """The ids of documents by their numbers, looked up in the token shards."""
    found: dict[int, str] = {}
    for shard in placed_shards(dataset.objects, dataset.manifest.stage("tokenize")):
        for batch in read_batches(dataset.objects, shard.stored):
            ids, _ = shard.documents(batch)
            numbers = document_numbers(ids)
            for index in np.flatnonzero(np.isin(numbers, list(wanted))):
                found[int(numbers[index])] = ids[int(index)].as_py()
        if len(found) == len(wanted):
            break
    return found
