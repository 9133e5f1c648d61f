"""What a page calls the vocabulary that it is on, which the figures call `this`."""

from pathlib import PurePosixPath
from typing import Any

__all__ = ["beside", "named", "of"]

THIS = "this"
BY_TOKENIZER = ("content", "letters", "digits", "probes", "additions", "gini")
"""Parts of a report that are by the names of tokenizers."""


def named(report: dict[str, Any]) -> dict[str, Any]:
    """The report with the vocabulary's name for `this`; "" where no other tokenizer stands beside it.

    >>> about = {"name": "runs/out"}
    >>> named({"provenance": about, "probes": {"this": [], "gpt2": []}})["probes"]
    {'out': [], 'gpt2': []}
    >>> named({"provenance": about, "probes": {"this": []}})["probes"]
    {'': []}
    """
    groups, morphology = report.get("groups", []), report.get("morphology", {})
    names = {name for group in groups for name in group["tokenizers"]}
    names |= {name for part in BY_TOKENIZER for name in report.get(part, {})}
    path = PurePosixPath(str(report["provenance"]["name"]))
    own = path.parent.name if path.name == "tokenizer.json" and path.parent.name else path.name
    label = "" if names <= {THIS} else f"{own} (this)" if own in names else own

    def by_name(values: dict[str, Any]) -> dict[str, Any]:
        return {label if name == THIS else name: value for name, value in values.items()}

    def rows(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row | {"tokenizer": label} if row["tokenizer"] == THIS else row for row in values]

    out = report | {part: by_name(report[part]) for part in BY_TOKENIZER if part in report}
    if groups:
        out["groups"] = [group | {"tokenizers": by_name(group["tokenizers"])} for group in groups]
    if "numbers" in report:
        out["numbers"] = rows(report["numbers"])
    if morphology:
        out["morphology"] = {kind: rows(values) for kind, values in morphology.items()}
    if "simple" in report:  # others stand beside it there, whatever the rest of the page has
        models = [row | {"model": own} if row["model"] == THIS else row for row in report["simple"]["rows"]]
        out["simple"] = report["simple"] | {"rows": models}
    return out


def of(what: str, name: str) -> str:
    """A heading for a tokenizer, which is not named where there is only one.

    >>> of("bytes per token", "gpt2"), of("bytes per token", "")
    ('bytes per token, gpt2', 'bytes per token')
    """
    return f"{what}, {name}" if name else what


def beside(columns: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The columns of a table without that of the tokenizer, where the rows name none."""
    alone = not any(row["tokenizer"] for row in rows)
    return {key: column for key, column in columns.items() if key != "tokenizer" or not alone}
