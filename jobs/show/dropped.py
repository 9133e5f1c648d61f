"""What people read of documents that steps have left out."""

import json
import sys
from dataclasses import asdict

from pairloom.operators.shown import printable
from pairloom.pipeline import Dataset
from pairloom.pipeline.audit.dropped import find_dropped

__all__ = ["show_dropped"]


def show_dropped(dataset: Dataset, step: str, count: int, width: int, *, as_json: bool = False) -> None:
    """Print examples of what a step left out, and how many there are; as JSON a line each, with whole texts."""
    shown = 0
    for found in find_dropped(dataset, step, count):
        shown += 1
        if as_json:
            sys.stdout.write(json.dumps(asdict(found)) + "\n")
            continue
        name = "" if found.id is None else f" ({printable(found.id)})"
        reason = f": {found.reason}" if found.reason else ""
        sys.stdout.write(
            f"{printable(found.uri)}, row {found.row}{name}, source {found.source}, by {found.step}{reason}\n"
        )
        text = found.text if len(found.text) <= width else f"{found.text[:width]} …"
        sys.stdout.write(f"    {text!r} ({len(found.text):,} characters)\n")
    if as_json:
        return
    sys.stdout.write(f"{shown:,} shown; left out in all: ")
    filtered = dataset.manifest.stage("tokenize").ledger.filtered
    sys.stdout.write(", ".join(f"{key} {found:,}" for key, found in sorted(filtered.items())) + "\n")
