"""Two reports side by side: what differs between their vocabularies, and what each takes for the same text."""

from collections.abc import Iterator
from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import chips, details, document, figure, pair, section, shown, token
from pairloom.jobs.report.tables import Column, change, compact, share, table

__all__ = ["compare_page"]

EXAMPLES = 60
MOVED = 60
MOST_BARS = 24


def compare_page(compared: dict[str, Any]) -> str:
    """The page of two `reports` and their `comparison`, as `--compare --json` prints them; the same bytes for the same."""
    plots.need_matplotlib()
    reports, comparison = compared["reports"], compared["comparison"]
    title = " against ".join(reports)
    basis = "".join(
        f'<p class="soft">{shown(name)}: vocabulary {shown(one["provenance"]["fingerprint"][:16])}, measured on '
        f"{shown(one['basis'])}</p>"
        for name, one in reports.items()
    )
    found = "".join(f'<li class="plain">{shown(text)}</li>' for text in _findings(comparison))
    findings = f'<ul class="findings" aria-label="what differs">{found}</ul>' if found else ""
    sections = [
        _figures(reports),
        _compression(comparison),
        _tokens(comparison),
        _cuts(comparison),
        _merges(comparison),
        _size(reports),
        _use(reports),
        _ranks(reports),
    ]
    head = f"<header><h1>{shown(title)}</h1>{basis}</header>{findings}"
    return document(f"{title}: tokenizer report", head, sections)


def _findings(comparison: dict[str, Any]) -> Iterator[str]:
    one, two = comparison["names"]
    by_text: dict[str, list[dict[str, Any]]] = {}
    for row in comparison["compression"]:
        by_text.setdefault(row.get("text", ""), []).append(row)
    for text, rows in by_text.items():
        if text:
            before, after = (sum(row[side] for row in rows) for side in ("first", "second"))
            more = "more" if after > before else "fewer"
            yield f"On the text of {text}, {two} takes {share(abs(after / max(1, before) - 1))} {more} tokens than {one}."
    if tokens := comparison["tokens"]:
        only = [len(tokens[side]) for side in ("only_first", "only_second")]
        yield f"They share {tokens['common']:,} tokens; {only[0]:,} are only in {one}, {only[1]:,} only in {two}."
    if merges := comparison["merges"]:
        yield f"The first {merges['agree']:,} merges are the same, and {merges['common']:,} in all are in both."


def _figures(reports: dict[str, dict[str, Any]]) -> str:
    first = next(iter(reports.values()))["summary"]
    rows = []
    for key in [key for key, value in first.items() if isinstance(value, int | float)]:
        values = {name: one["summary"].get(key) for name, one in reports.items()}
        rows.append({"figure": key.replace("_", " ")} | values | {"change": _change(list(values.values()))})
    columns = {"figure": "figure"} | {name: name for name in reports} | {"change": ("change", change)}
    return section("Figures", "What has changed?", table(rows, columns, label="figures"))


def _change(values: list[float | None]) -> float | None:
    before, after = values[0], values[-1]
    return (after - before) / before if before and after is not None else None


def _compression(comparison: dict[str, Any]) -> str:
    rows = comparison["compression"]
    if not rows:
        return ""
    one, two = comparison["names"]
    same = "text" in rows[0]
    texts = {row["text"] for row in rows} if same else set()
    named = [row | {"name": f"{row['source']} of {row['text']}"} if len(texts) > 1 else row for row in rows]
    ordered = sorted((row for row in named if row["change"] is not None), key=lambda row: row["change"])
    most = sorted(ordered, key=lambda row: -abs(row["change"]))[:MOST_BARS]
    drawn = [row for row in ordered if row in most]
    what = "tokens" if same else "bytes per token"
    svg = plots.bars(
        [row.get("name", row["source"]) for row in drawn],
        {"change": [row["change"] for row in drawn]},
        label=f"change of {what} by source",
        x=f"share of the {what} more in {two}"[:48],
        mark=0.0,
    )
    columns: dict[str, Column] = {"text": "text"} if len(texts) > 1 else {}
    columns |= {"source": "source", "first": f"{what}, {one}", "second": f"{what}, {two}"}
    columns |= {"change": ("change", change)} | ({"bytes": ("bytes", compact)} if same else {})
    note = "Both encoded the same text." if same else "Each was measured on text of its own."
    return section(
        "Compression",
        "What does each take?",
        pair(figure(svg, note) if drawn else "", table(rows, columns, label="compression by source")),
    )


def _tokens(comparison: dict[str, Any]) -> str:
    tokens = comparison["tokens"]
    if not tokens:
        return ""
    lists = [
        chips(
            f"Only in {name}, the most frequent first",
            [[(row["token"], row["count"])] for row in tokens[side][:EXAMPLES]],
        )
        for name, side in zip(comparison["names"], ("only_first", "only_second"), strict=True)
    ]
    one, two = comparison["names"]
    columns: dict[str, Column] = {
        "token": ("token", token),
        "first": f"id in {one}",
        "second": f"id in {two}",
        "by": "places",
    }
    moved = table(tokens["moved"][:MOVED], columns, label="tokens that moved")
    return section(
        "Tokens",
        "Which tokens does only one have, and which have moved?",
        *lists,
        details("Tokens of both whose rank differs most", moved),
    )


def _cuts(comparison: dict[str, Any]) -> str:
    """Pieces of text that both cut otherwise, side by side; of stored reports there are none."""
    cuts = comparison.get("cuts", [])
    one, two = comparison["names"]
    rows = [
        {"first": " | ".join(row["first"]), "second": " | ".join(row["second"]), "count": row["count"]}
        for row in cuts[:MOVED]
    ]
    columns: dict[str, Column] = {"first": (one, token), "second": (two, token), "count": "times"}
    return section(
        "Cuts",
        "Where does one end a token and the other not? In some of the text, the most frequent first.",
        table(rows, columns, label="pieces of text in the tokens of both") if rows else "",
    )


def _merges(comparison: dict[str, Any]) -> str:
    merges = comparison["merges"]
    if not merges:
        return ""
    rows = [
        {"vocabulary": name} | merges[side]
        for name, side in zip(comparison["names"], ("first", "second"), strict=True)
        if merges[side] is not None
    ]
    what = f"The first {merges['agree']:,} merges are the same; what each merges next:"
    columns: dict[str, Column] = {
        "vocabulary": "vocabulary",
        "left": ("left", token),
        "right": ("right", token),
        "token": ("token", token),
    }
    return section(
        "Merges", "Where do they part?", f"<p>{shown(what)}</p>", table(rows, columns, label="merges")
    )


def _size(reports: dict[str, dict[str, Any]]) -> str:
    curves = {
        name: [(p["size"], p["bytes_per_token"]) for p in one["curve"]] for name, one in reports.items()
    }
    if not any(curves.values()):
        return ""
    svg = plots.line(curves, label="bytes per token by size", x="vocabulary size", y="bytes per token")
    what = "Exact at every size: the same text with the first merges only."
    return section(
        "Vocabulary size",
        "How many bytes does a token hold, by the size of the vocabulary?",
        figure(svg, what),
    )


def _use(reports: dict[str, dict[str, Any]]) -> str:
    rows = [
        {"figure": key.replace("_", " ")} | {name: one["use"].get(key) for name, one in reports.items()}
        for key in next(iter(reports.values()))["use"]
    ]
    columns = {"figure": "figure"} | {name: name for name in reports}
    return section(
        "Use of the vocabulary",
        "How many tokens are wasted or dangerous?",
        table(rows, columns, label="use of the tokens"),
    )


def _ranks(reports: dict[str, dict[str, Any]]) -> str:
    ranks = {name: one["rank_frequency"] for name, one in reports.items()}
    if not any(ranks.values()):
        return ""
    svg = plots.line(ranks, label="counts by rank", x="rank", y="count", log=(True, True))
    return section("Ranks", "How often do the tokens occur?", figure(svg, "Counts by rank."))
