"""Exports from the command line: which function, and what is said afterwards."""

import json
import sys
from pathlib import Path
from typing import Any

from pairloom.jobs.show.progress import size_text, watching
from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Dataset, open_dataset
from pairloom.pipeline.export import export, export_tiktoken, sample_texts

__all__ = ["export_dataset", "export_vocabulary"]


def export_dataset(
    dataset: Dataset, form: str, out: str, split: str, unit: str | None, seq_len: int | None, as_json: bool
) -> None:
    """Export a split of a dataset and say what was written."""
    with watching() as watch:
        said = export(dataset, form, out, split=split, unit=unit, seq_len=seq_len, observe=watch)
    if as_json:
        sys.stdout.write(json.dumps(said) + "\n")
        return
    files = said["files"]
    size = size_text(sum(file["bytes"] for file in files))
    state = "written" if watch.steps else "there already, and whole"
    lines = [
        (
            "exported",
            f"{said[said['unit']]:,} {said['unit']} of {split}, {said['tokens']:,} tokens of {said['dtype']}",
        ),
        ("files", f"{len(files):,} with {size}, {state}: {out}"),
    ]
    if said.get("padding"):
        lines.append(("padding", f"{said['padding']:,} tokens of id {said['pad_id']}"))
    if said.get("empty_documents"):
        lines.append(("left out", f"{said['empty_documents']:,} documents without tokens"))
    _show(lines)


def export_vocabulary(source: str, out: str, generation: int | None, as_json: bool) -> None:
    """Export the vocabulary of a root, or of a `tokenizer.json`, for tiktoken."""
    if Path(source).is_file():
        if generation is not None:
            raise RecipeError(f"{source} is a file, which has no generations; leave --generation out")
        said = export_tiktoken(Vocabulary.load(source), out)
    else:
        dataset = open_dataset(source, generation)
        said = export_tiktoken(dataset.vocabulary(), out, list(sample_texts(dataset)))
    if as_json:
        sys.stdout.write(json.dumps(said) + "\n")
        return
    proof = f"{said['proved_documents']:,} documents, {size_text(said['proved_bytes'])}, have the same ids by {said['proved_by']}"
    _show([("exported", f"{said['n_vocab']:,} ids to {out}"), ("proved", proof)])


def _show(lines: list[tuple[str, Any]]) -> None:
    for label, text in lines:
        sys.stdout.write(f"{label:<14}{text}\n")
