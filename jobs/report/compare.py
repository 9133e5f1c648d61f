"""Two reports side by side, as a page like that of one."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import document, figure, section, shown
from pairloom.jobs.report.tables import table

__all__ = ["compare_page"]


def compare_page(reports: dict[str, dict[str, Any]]) -> str:
    """Reports side by side: figures, curves of sizes, the tokens' ranks. The same bytes for the same reports."""
    plots.need_matplotlib()
    names = {name: name for name in reports}
    title = " against ".join(reports)
    basis = "".join(
        f'<p class="soft">{shown(name)}: {shown(one["basis"])}, vocabulary {shown(one["provenance"]["fingerprint"][:16])}</p>'
        for name, one in reports.items()
    )
    curves = {
        name: [(p["size"], p["bytes_per_token"]) for p in one["curve"]] for name, one in reports.items()
    }
    ranks = {name: one["rank_frequency"] for name, one in reports.items()}
    size = plots.line(curves, label="bytes per token by size", x="vocabulary size", y="bytes per token")
    rank = plots.line(ranks, label="counts by rank", x="rank", y="count", log=(True, True))
    sections = [
        section(
            "Figures",
            "What has changed?",
            table(
                _facts(reports), {"figure": "figure"} | names | {"change\u00b1": "change"}, label="figures"
            ),
        ),
        section(
            "Vocabulary size",
            "How many bytes does a token hold, by the size of the vocabulary?",
            figure(size, "Exact at every size: the same text with the first merges only.")
            if any(curves.values())
            else "",
        ),
        section(
            "By source",
            "How many bytes does a token hold?",
            table(_sources(reports), {"source": "source"} | names, label="bytes per token by source"),
        ),
        section(
            "Use of the vocabulary",
            "How many tokens are wasted or dangerous?",
            table(_uses(reports), {"figure": "figure"} | names, label="use of the tokens"),
        ),
        section(
            "Ranks",
            "How often do the tokens occur?",
            figure(rank, "Counts by rank.") if any(ranks.values()) else "",
        ),
    ]
    head = f"<header><h1>{shown(title)}</h1>{basis}</header>"
    return document(f"{title}: tokenizer report", head, sections)


def _facts(reports: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    first = next(iter(reports.values()))["summary"]
    rows = []
    for key in [key for key, value in first.items() if isinstance(value, int | float)]:
        values = {name: one["summary"].get(key) for name, one in reports.items()}
        rows.append({"figure": key.replace("_", " ")} | values | {"change": _change(list(values.values()))})
    return rows


def _uses(reports: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"figure": key.replace("_", " ")} | {name: one["use"].get(key) for name, one in reports.items()}
        for key in next(iter(reports.values()))["use"]
    ]


def _sources(reports: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, one in reports.items():
        for row in one["sources"]:
            if "bytes_per_token" in row:
                found.setdefault(row["source"], {"source": row["source"]})[name] = row["bytes_per_token"]
    return list(found.values())


def _change(values: list[float | None]) -> float | None:
    before, after = values[0], values[-1]
    return (after - before) / before if before and after is not None else None
