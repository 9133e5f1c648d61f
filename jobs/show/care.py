"""Looking after a root: what is garbage in it, what was rejected on the way to it."""

import json
import re
import sys
from collections import Counter

from rich.table import Table

from pairloom.jobs.show.amounts import many
from pairloom.jobs.show.console import wide_console
from pairloom.operators.errors import RecipeError
from pairloom.operators.shown import printable
from pairloom.pipeline import Dataset
from pairloom.pipeline.audit.verify import Proof
from pairloom.pipeline.repair.repair import Repaired
from pairloom.pipeline.store.gc import Collection
from pairloom.pipeline.store.objects import Objects

__all__ = ["seconds_of", "show_collection", "show_proof", "show_rejected", "show_repaired"]

AGE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([smhd])\s*$")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(age: str) -> float:
    """Seconds of an age such as `90s`, `30m`, `24h`, `7d`; raises RecipeError for anything else.

    >>> seconds_of("1.5h")
    5400.0
    """
    match = AGE.match(age)
    if not match:
        raise RecipeError(f"{age!r} is no age; write for example 90s, 30m, 24h or 7d")
    return float(match[1]) * SECONDS[match[2]]


def show_collection(found: Collection, objects: Objects, as_json: bool) -> None:
    """Print what garbage collection found or removed."""
    if as_json:
        result = {
            "deleted": found.deleted,
            "garbage": [objects.uri(path) for path in found.garbage],
            "young": found.young,
            "referenced": found.referenced,
            "generations": list(found.kept),
        }
        sys.stdout.write(json.dumps(result) + "\n")
        return
    for path in found.garbage:
        sys.stdout.write(objects.uri(path) + "\n")
    first, last = found.kept[0], found.kept[-1]
    kept = f"generation {last} is" if first == last else f"generations {first} to {last} are"
    sys.stdout.write(
        f"{len(found.garbage):,} files {'removed' if found.deleted else 'are garbage; remove them with --delete'}; "
        f"{found.young:,} more are unreferenced but within the grace period; {kept} kept, with {many(found.referenced, 'file')}\n"
    )


def show_rejected(dataset: Dataset, reason: str | None, limit: int, as_json: bool) -> None:
    """Print dead letters and how many there are of each reason."""
    counts: Counter[str] = Counter()
    table = Table("uri", "position", "reason", "detail", "excerpt", box=None, pad_edge=False)
    shown = 0
    for letter in dataset.rejected():
        counts[letter["reason"]] += 1
        if shown >= limit or reason not in (None, letter["reason"]):
            continue
        shown += 1
        if as_json:
            sys.stdout.write(json.dumps(letter, ensure_ascii=False) + "\n")
        else:
            table.add_row(
                *(printable(letter[name]) for name in ("uri", "position", "reason", "detail", "excerpt"))
            )
    if as_json:
        return
    console = wide_console()
    if shown:
        console.print(table)
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        console.print(f"{count:,} {name}")
    total = sum(counts.values())
    console.print(f"{total:,} rejected records{f', {shown:,} shown' if shown < total else ''}")


def show_repaired(found: Repaired, as_json: bool) -> None:
    """Print what was lost, and what became of it."""
    if as_json:
        sys.stdout.write(json.dumps(found.facts()) + "\n")
        return
    for one in found.mended:
        of = " ".join(filter(None, [one.stage, one.role]))
        sys.stdout.write(f"{one.result}: {one.uri} ({of}) {one.how}{f': {one.why}' if one.why else ''}\n")
    what = (
        f"generation {found.generation}: {many(found.files, 'file')} with {found.bytes:,} bytes were compared"
    )
    results = Counter(one.result for one in found.mended)
    told = ", ".join(f"{count:,} {name}" for name, count in results.items()) or "all are what was written"
    sys.stdout.write(f"{what}; {told}\n")


def show_proof(proof: Proof, as_json: bool) -> None:
    """Print what was proved."""
    if as_json:
        sys.stdout.write(json.dumps(proof.facts()) + "\n")
        return
    whole = f"{many(proof.files, 'file')} with {proof.bytes:,} bytes are what was written; {proof.units:,} units balance"
    lines = [f"generation {proof.generation}: {whole}"]
    if proof.rows:
        left = (
            f", {proof.left_out_tokens:,} were left out as the recipe says" if proof.left_out_tokens else ""
        )
        what = f"{proof.rows:,} rows hold the {proof.taken_tokens - proof.left_out_tokens:,} tokens of"
        if proof.selected:
            lines.append(
                f"{what} {proof.taken_documents:,} documents, taken from {proof.documents:,}, each exactly as often as the "
                f"recipe takes it{left}"
            )
        else:
            lines.append(f"{what} {proof.documents:,} documents, each exactly once{left}")
    if proof.looked_up:
        lines.append(
            f"{proof.looked_up:,} documents were looked up in the lists of steps: none is there that should not be"
        )
    if proof.source_units:
        lines.append(
            f"{proof.source_units:,} units were read again: {proof.source_documents:,} documents, {proof.source_bytes:,} bytes, "
            + ("are what their tokens decode to" if proof.decoded else "have the same tokens once more")
        )
    if proof.row_documents:
        lines.append(
            f"{proof.row_documents:,} of these documents, {proof.row_bytes:,} bytes, were put together again from the packed rows"
        )
    sys.stdout.write("\n".join(lines) + "\n")
