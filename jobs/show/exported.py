"""What people read of an export."""

import json
import sys
from typing import TYPE_CHECKING

from pairloom.jobs.show.amounts import size_text

if TYPE_CHECKING:
    from pairloom import Exported

__all__ = ["show_exported"]


def show_exported(made: "Exported", *, fresh: bool, as_json: bool) -> None:
    """Print what was written; `fresh` says whether it was now, or was there already."""
    said = made.facts
    if as_json:
        sys.stdout.write(json.dumps(said) + "\n")
        return
    lines = _of_vocabulary(made) if "n_vocab" in made.facts else _of_dataset(made, fresh)
    for label, text in lines:
        sys.stdout.write(f"{label:<14}{text}\n")


def _of_dataset(made: "Exported", fresh: bool) -> list[tuple[str, str]]:
    said, files = made.facts, made.facts["files"]
    size = size_text(sum(file["bytes"] for file in files))
    state = "written" if fresh else "there already, and whole"
    lines = [
        (
            "exported",
            f"{said[said['unit']]:,} {said['unit']} of {said['split']}, {said['tokens']:,} tokens of {said['dtype']}",
        ),
        ("files", f"{len(files):,} with {size}, {state}: {made.out}"),
    ]
    if said.get("padding"):
        lines.append(("padding", f"{said['padding']:,} tokens of id {said['pad_id']}"))
    if "hub" in said:
        hub = said["hub"]
        removed = f", {hub['removed']:,} of an earlier export removed" if hub["removed"] else ""
        lines.append(
            (
                "published",
                f"{hub['sent']:,} files sent, {hub['there']:,} there already{removed}: {hub['url']}, commit {hub['commit']}",
            )
        )
    if said.get("empty_documents"):
        lines.append(("left out", f"{said['empty_documents']:,} documents without tokens"))
    return lines


def _of_vocabulary(made: "Exported") -> list[tuple[str, str]]:
    said = made.facts
    proof = (
        f"{said['proved_documents']:,} documents, {size_text(said['proved_bytes'])}, have the same ids by "
        f"{said['proved_by']}"
    )
    lines = [("exported", f"{said['n_vocab']:,} ids to {made.out}"), ("proved", proof)]
    if "pre" in said:
        lines.append(("llama.cpp", f"model {said['model']}, pre {said['pre']}"))
    if "roles" in said:
        lines.append(
            ("roles", ", ".join(f"{role} {token}" for role, token in said["roles"].items()) or "none")
        )
    return lines
