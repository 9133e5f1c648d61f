"""What people read of a trial: what the whole run will give, by source, what it will take, and how sure that is."""

import sys
from dataclasses import asdict
from typing import Any

from rich.table import Table

from pairloom.jobs.show.amounts import size_text, time_text
from pairloom.jobs.show.console import wide_console
from pairloom.pipeline.forecast.trial import Foretold

__all__ = ["show_trial", "trial_facts"]


def trial_facts(foretold: Foretold) -> dict[str, Any]:
    """What a trial foretells, as JSON."""
    sources = [
        asdict(one) | {"error": round(one.error), "width": _rounded(one.width)} for one in foretold.sources
    ]
    seconds = None if foretold.seconds is None else round(foretold.seconds, 1)
    return asdict(foretold) | {
        "share": str(foretold.share),
        "rows": dict(foretold.rows),
        "width": _rounded(foretold.width),
        "seconds": seconds,
        "sources": sources,
        "says": foretold.says,
    }


def show_trial(foretold: Foretold, workers: int) -> None:
    """Print what a trial foretells."""
    sys.stdout.write(f"\nthe whole run, by this trial of {float(foretold.share):.4g} of the documents\n")
    table = Table(
        "source", "documents", "kept, about", "tokens, about", "±", "into rows", box=None, pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for one in foretold.sources:
        table.add_row(
            one.name,
            f"{one.documents:,}",
            f"{one.kept:,}",
            f"{one.tokens:,}",
            "?" if one.width is None else f"{one.width:,.0f}",
            f"{one.delivered_tokens:,}",
        )
    wide_console(110).print(table)
    for one in foretold.sources:
        for what, counts in (("rejected", one.rejected), ("filtered", one.filtered)):
            if counts:
                reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
                sys.stdout.write(f"  {what} of {one.name}: {reasons}\n")
    rows = ", ".join(f"{count:,} {split}" for split, count in foretold.rows.items())
    lines = [
        ("rows", f"about {rows or 'none'}"),
        ("time", _time(foretold, workers)),
        ("disk", f"about {size_text(foretold.disk)} below the root"),
        ("memory", f"{size_text(foretold.memory)} for the largest task"),
        *(("", line) for line in foretold.says),
    ]
    for label, text in lines:
        sys.stdout.write(f"{label:<8}{text}\n")


def _time(foretold: Foretold, workers: int) -> str:
    if foretold.seconds is None:
        return "not known, since the trial was done before"
    about = "at most" if foretold.short else "about"
    why = "; the trial was too short to tell more" if foretold.short else ""
    return f"{about} {time_text(foretold.seconds)} on {workers} processors as these{why}"


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
