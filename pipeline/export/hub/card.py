"""The card of a dataset (`README.md`): what is in it, where that came from, and what became of the rest.

What Pairloom says stands between two marks. Whatever else somebody has written into a card stays, and so does its header.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["card_of", "merged"]

BEGIN, END = (
    "<!-- pairloom: from here on, and up to the other mark, rewritten by every export -->",
    "<!-- pairloom: the end -->",
)


def merged(before: str | None, header: Sequence[str], said: str) -> str:
    """A card with what is said in it: in the place of what was said before, or behind what somebody has written."""
    block = f"{BEGIN}\n\n{said.strip()}\n\n{END}\n"
    if before is None or not before.strip():
        return "\n".join(["---", *header, "---", "", block])
    start, stop = before.find(BEGIN), before.find(END)
    if 0 <= start < stop:
        return before[:start] + block + before[stop + len(END) :].lstrip("\n")
    if before.startswith("---\n"):
        return before.rstrip("\n") + "\n\n" + block
    return "\n".join(["---", *header, "---", "", before.rstrip("\n"), "", block])


def card_of(
    manifest: Manifest,
    ledgers: Mapping[str, Ledger],
    made: Mapping[str, Any],
    name: str,
    licence: str | None,
) -> tuple[list[str], str]:
    """The header of a card, as lines of YAML, and its text; `ledgers` are those of the sources."""
    header = [] if licence is None else [f"license: {licence}"]
    header += [f"pretty_name: {json.dumps(name)}", "tags:", "- pairloom", "- tokenized"]
    if made["format"] == "parquet":
        header += ["configs:", "- config_name: default", "  data_files:"]
        header += [f"  - split: {made['split']}", '    path: "*.parquet"']
    parts = [
        f"# {name}",
        _first(made),
        _sources(manifest, ledgers),
        _ledger(manifest),
        _vocabulary(manifest, made),
        _origin(manifest),
        _licence(licence),
    ]
    return header, "\n\n".join(part for part in parts if part)


def _first(made: Mapping[str, Any]) -> str:
    unit = made["unit"]
    said = f"{made[unit]:,} {unit} of the split `{made['split']}`, {made['tokens']:,} tokens of {made['dtype']}, "
    said += f"as `{made['format']}`"
    if "seq_len" in made:
        said += f"; a row has {made['seq_len']:,} tokens, {made.get('padding', 0):,} of all are padding (id {made.get('pad_id')})"
    return f"{said}. Made by Pairloom; `export.json` has the SHA-256 of every file, `croissant.json` the metadata."


def _sources(manifest: Manifest, ledgers: Mapping[str, Ledger]) -> str:
    lines = [
        "## Sources",
        "",
        "| source | documents | tokens | rejected | left out by steps |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name or 'all'} | {one.documents_out:,} | {one.tokens:,} | {one.rejects:,} | {sum(one.filtered.values()):,} |"
        for name, one in ledgers.items()
    ]
    packed = manifest.stages.get("pack")
    if packed is None or not packed.sources:
        return "\n".join(lines)
    lines += [
        "",
        "| source | duplicates left out | validation tokens | epochs | tokens in rows for training |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.name} | {one.duplicate_documents:,} | {one.validation_tokens:,} | {one.epochs} | {one.delivered_tokens:,} |"
        for one in packed.sources
    ]
    return "\n".join(lines)


def _ledger(manifest: Manifest) -> str:
    ledger = manifest.stages["tokenize"].ledger
    rows = [("read", ledger.documents_in), ("empty", ledger.empty)]
    rows += [(f"rejected: {reason}", count) for reason, count in ledger.rejected.items()]
    rows += [(f"left out by {step}", count) for step, count in ledger.filtered.items()]
    rows += [("kept", ledger.documents_out)]
    table = "\n".join(f"| {what} | {count:,} |" for what, count in rows)
    return f"## What became of every record\n\n| records | |\n|---|---:|\n{table}"


def _vocabulary(manifest: Manifest, made: Mapping[str, Any]) -> str:
    recipe = Recipe.model_validate(manifest.recipe)
    append = ", ".join(f"`{token}`" for token in made.get("append", [])) or "nothing"
    taken = recipe.vocabulary.from_
    how = "learned from these documents" if taken is None else "taken from elsewhere"
    if taken is not None and taken.startswith("hf://"):
        how = f"taken from {taken}"
    return (
        f"## Vocabulary\n\nFingerprint `{manifest.fingerprint}`, {how}; after each document stands {append}. `tokenizer.json` is "
        "the vocabulary, as `tokenizers` and `transformers` read it."
    )


def _origin(manifest: Manifest) -> str:
    if not manifest.revisions:
        return ""
    lines = "\n".join(
        f"- {asked} at commit `{commit}`" for asked, commit in sorted(manifest.revisions.items())
    )
    return f"## Read from the Hub\n\n{lines}"


def _licence(licence: str | None) -> str:
    if licence is None:
        return "## Licence\n\nNone was named when this was exported: ask whoever made it, and see those of the sources."
    return f"## Licence\n\n{licence}"
