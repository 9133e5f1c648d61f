"""Where the figures come from."""

import json
from typing import Any

from pairloom.jobs.report.html import details, section, shown
from pairloom.jobs.report.tables import Column, compact, table

__all__ = ["provenance"]

STAGES: dict[str, Column] = {
    "stage": "stage",
    "units": "units",
    "files": "files",
    "documents": ("documents", compact),
    "rejected": "rejected",
    "key": "key",
}


def provenance(report: dict[str, Any]) -> str:
    """The vocabulary, the generation, its stages and its recipe."""
    about = report["provenance"]
    facts = {
        "of": about["name"],
        "generation": about.get("generation"),
        "vocabulary": about["fingerprint"],
        "pretokenizer": f"{about['pretokenizer']}, digits {about['digits']}",
        "normalizer": about["normalizer"] or "none",
        "special tokens": " ".join(about["special_tokens"]) or "none",
        "text": " ".join(about.get("texts", [])) or None,
        "Python": about["python"],
    }
    listed = "".join(
        f"<dt>{shown(name)}</dt><dd>{shown(value)}</dd>" for name, value in facts.items() if value is not None
    )
    stages = [
        {"stage": name} | one | {"key": one["key"][:16]} for name, one in about.get("stages", {}).items()
    ]
    text = json.dumps(about, indent=1, ensure_ascii=True, sort_keys=True)
    lines = "\n".join(shown(one) for one in text.split("\n"))
    return section(
        "Where this comes from",
        "",
        f'<dl class="facts">{listed}</dl>',
        table(stages, STAGES, label="stages"),
        details("Everything, with the recipe", f"<pre>{lines}</pre>"),
    )
