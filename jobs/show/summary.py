"""What people read of a run when it is over, and where its time went."""

import shlex
import sys
import time
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from rich.table import Table

from pairloom.jobs.show.amounts import size_text, time_text
from pairloom.jobs.show.console import wide_console
from pairloom.jobs.show.progress import Progress
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.flow.engine import Engine
from pairloom.pipeline.phases import PHASES
from pairloom.pipeline.stages import STAGES
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest, StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.obtained import obtained
from pairloom.pipeline.store.receipts import Ledger, committed_receipts

__all__ = ["show_profile", "show_summary", "summary"]


def summary(manifest: Manifest, root: str, watch: Progress, engine: Engine | None = None) -> dict[str, Any]:
    """A run in numbers: documents, bytes, tokens, rows, and the throughput of each step, which `engine` did."""
    ledgers = [manifest.stages[stage].ledger for stage in ("tokenize", "count") if stage in manifest.stages]
    ledger = ledgers[0]
    out: dict[str, Any] = {
        "root": open_objects(root).root,
        "generation": manifest.generation,
        "nothing_to_do": not watch.ran,
        "seconds": round(time.monotonic() - watch.began, 3) if watch.ran else 0.0,
        "documents": ledger.documents_in,
        "documents_out": ledger.documents_out,
        "empty": ledger.empty,
        "rejected": ledger.rejected,
        "filtered": ledger.filtered,
        "text_bytes": ledger.text_bytes,
        "vocabulary": manifest.fingerprint,
        "stages": list(manifest.stages),
        "engine": None if engine is None else asdict(engine),
    }
    out["obtained"] = [asdict(one) | {"says": one.text} for one in obtained(manifest)]
    if manifest.vocabulary is not None:
        out["slow_path"] = Dataset(objects=open_objects(root), manifest=manifest).vocabulary().slow_path
    if ledger.filtered and "tokenize" in manifest.stages:
        out["filtered_of"] = _filtered_of(open_objects(root), manifest.stages["tokenize"])
    if ledger.trained and "tokenize" in manifest.stages:
        out["trained_of"] = _trained_of(open_objects(root), manifest.stages["tokenize"])
    for name, record in manifest.stages.items():
        if name in STAGES.names():
            out |= STAGES.get(name)().summary(record)
    out["steps"] = {
        name: {
            "seconds": round(step.seconds, 3),
            "bytes_per_second": round(step.rate),
            "reused_units": step.reused,
            "phases": {name: round(seconds, 3) for name, seconds in sorted(step.usage.seconds.items())},
            "memory": step.usage.memory,
            "stage": step.stage or name,
            "called": step.called,
            "in_rounds": step.in_rounds,
        }
        | ({"rounds": step.rounds, "merges": step.merges, "what": step.what} if step.wanted else {})
        for name, step in watch.steps.items()
    }
    return out


def _filtered_of(objects: Objects, tokenized: StageRecord) -> dict[str, dict[str, int]]:
    """How many documents each step left out of each source, of sources that lost none too."""
    found: dict[str, Ledger] = {}
    receipts = committed_receipts(objects, "tokenize", tokenized.units)
    for source, receipt in zip(tokenized.unit_sources, receipts, strict=True):
        found[source] = found.get(source, Ledger()) + Ledger(filtered=receipt.ledger.filtered)
    return {source: ledger.filtered for source, ledger in found.items()}


def _trained_of(objects: Objects, tokenized: StageRecord) -> dict[str, int]:
    """How many tokens of each source are to be predicted."""
    found: dict[str, int] = {}
    receipts = committed_receipts(objects, "tokenize", tokenized.units)
    for source, receipt in zip(tokenized.unit_sources, receipts, strict=True):
        found[source] = found.get(source, 0) + receipt.ledger.trained
    return found


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
    if result["filtered"]:
        steps = ", ".join(f"{step} {count:,}" for step, count in result["filtered"].items())
        lines.append(("filtered", f"{sum(result['filtered'].values()):,} left out by steps ({steps})"))
    for source, filtered in result.get("filtered_of", {}).items():
        if len(result["filtered_of"]) > 1:
            steps = ", ".join(f"{step} {count:,}" for step, count in filtered.items())
            lines.append((f"  of {source}", steps or "none"))
    lines.append(("text", size_text(result["text_bytes"])))
    if result.get("slow_path"):
        lines.append(("slow path", f"text is {result['slow_path']}"))
    for name in result["stages"]:
        if name in STAGES.names():
            lines += STAGES.get(name)().lines(result)
    lines += [("vocabulary" if not one["why"] else "less", one["says"]) for one in result["obtained"]]
    for step in result["steps"].values():
        rate = f", {size_text(step['bytes_per_second'])}/s" if step["bytes_per_second"] else ""
        if not rate and step["reused_units"]:
            rate = ", done before"
        if "rounds" in step:
            rate = f", {step['merges']:,} {step['what']} after {step['rounds']:,} rounds"
        elif step["in_rounds"]:
            rate = ", no merge was left to learn"
        lines.append((step["called"], time_text(step["seconds"]) + rate))
    lines.append(("committed", f"generation {result['generation']} of {result['root']}"))
    if result["seconds"]:
        if result["engine"] is not None:
            lines.append(("engine", Engine(**result["engine"]).says))
        lines.append(("in all", time_text(result["seconds"])))
    lines.append(("next", _next(result)))
    width = max(14, *(len(label) + 2 for label, _ in lines))
    for label, text in lines:
        sys.stdout.write(f"{label:<{width}}{text}\n")
    if "sources" in result:
        _show_sources(result["sources"])


def _next(result: dict[str, Any]) -> str:
    """What people do with what there is now."""
    root = shlex.quote(result["root"].removeprefix("file://"))
    if "pack" in result["stages"]:
        return f"look at rows with `pairloom inspect {root}`, prove them with `pairloom verify {root}`"
    if "tokenize" in result["stages"]:
        return "pack the tokens with `pairloom run` and the same recipe"
    if "learn" in result["stages"]:
        return f"look at the vocabulary with `pairloom report {root}`, or go on with `pairloom run` and the same recipe"
    return "go on with `pairloom run` and the same recipe"


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
    wide_console(120).print(table)


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
    for step in steps.values():
        seconds = [step["phases"].get(phase, 0.0) for phase in names]
        cells = [f"{value:.2f}" if value >= 0.005 else "-" for value in seconds]
        table.add_row(step["called"], *cells, f"{sum(seconds):.2f}", size_text(step["memory"]))
    wide_console(100).print(table)
