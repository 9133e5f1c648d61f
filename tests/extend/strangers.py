"""Distributions that are not installed: a folder that says which entry points they bring."""

from collections.abc import Mapping
from pathlib import Path

EVERYTHING = {
    "pairloom.readers": {"lines": "tests.extend.reader:Lines"},
    "pairloom.steps": {
        "whisper": "tests.extend.document_step:Whisper",
        "stutter": "tests.extend.token_step:Stutter",
        "filled": "tests.extend.row_step:Filled",
    },
    "pairloom.models": {"bytes": "tests.extend.model:Bytes"},
    "pairloom.statistics": {"sizes": "tests.extend.statistic:Sizes"},
    "pairloom.stages": {"tally": "tests.extend.stage:Tally"},
    "pairloom.orders": {"short": "tests.extend.order:Short"},
    "pairloom.exports": {"jsonl": "tests.extend.exporter:Jsonl"},
}


def distribution(folder: Path, groups: Mapping[str, Mapping[str, str]]) -> Path:
    """A folder for `sys.path` or PYTHONPATH, with a distribution that brings names, as "module:Class", by group."""
    about = folder / "stranger-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder
