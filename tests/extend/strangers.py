"""Distributions that are not installed: a folder that says which entry points they bring."""

from pathlib import Path


def distribution(folder: Path, group: str, **points: str) -> Path:
    """A folder for `sys.path` or PYTHONPATH, with a distribution that brings `points`, as name="module:Class"."""
    about = folder / "stranger-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder
