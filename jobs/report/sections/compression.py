"""How well the vocabulary compresses, by group, beside other tokenizers."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import details, figure, pair, section
from pairloom.jobs.report.naming import of
from pairloom.jobs.report.tables import Column, change, compact, share, table

__all__ = ["compression"]

MOST_BARS = 24
SOURCE: dict[str, Column] = {
    "documents": ("documents", compact),
    "bytes": ("bytes", compact),
    "tokens": ("tokens", compact),
    "bytes_per_token": "bytes per token",
    "characters_per_token": "characters per token",
    "fertility": "tokens per word of letters",
    "single_token_words": ("one-token words", share),
    "words_per_token": "words per token",
    "rejected": "rejected",
    "filtered": "left out by steps",
}
DUPLICATES: dict[str, Column] = {"duplicates": "left out as duplicates"}
KINDS: dict[str, Column] = {
    "kind": "kind of word",
    "words": ("words", compact),
    "tokens": ("tokens", compact),
    "share_of_tokens": ("share of tokens", share),
    "bytes_per_token": "bytes per token",
    "tokens_per_word": "tokens per word",
    "single_token_words": ("one-token words", share),
}


def compression(report: dict[str, Any]) -> str:
    """Bytes per token of each group by every tokenizer, of each source, and of kinds of words."""
    groups, by = report["groups"], report.get("grouped_by", "source")
    duplicates = DUPLICATES if any("duplicates" in row for row in report["sources"]) else {}
    sources = table(
        report["sources"],
        {"source": report.get("sources_by", "source")} | SOURCE | duplicates,
        f"By {report.get('sources_by', 'source')}, on {report['basis']}",
    )
    kinds = table(report["kinds"], KINDS, "By kind of word") if report["summary"]["tokens"] else ""
    if not groups:
        return section("Compression", "How many bytes of text does a token hold?", sources, kinds)
    names = list(groups[0]["tokenizers"])
    rows = sorted((_row(group, names) for group in groups), key=lambda row: -row[f"bpt {names[0]}"])
    columns = {"group": by} | {f"bpt {name}": of("bytes per token", name) for name in names}
    columns |= {f"more {name}": (f"tokens beside {name}", change) for name in names[1:]}
    columns |= {"documents": ("documents", compact), "bytes": ("bytes", compact)}
    columns |= {f"cpt {name}": of("characters per token", name) for name in names}
    least = sorted((row["bytes"] for row in rows), reverse=True)[:MOST_BARS][-1]
    largest = [row for row in rows if row["bytes"] >= least][:MOST_BARS]
    svg = plots.bars(
        [row["group"] for row in largest],
        {name: [row[f"bpt {name}"] for row in largest] for name in names},
        label=f"bytes per token by {by}",
        x="bytes per token",
    )
    left = report.get("groups_left_out", 0)
    few = f" The {MOST_BARS} largest of {len(rows)}." if len(rows) > MOST_BARS else ""
    more = f" {left} smaller ones are left out." if left else ""
    unequal = ", ".join(
        f"{value:.4f} ({name})" if name else f"{value:.4f}" for name, value in report.get("gini", {}).items()
    )
    alike = (
        f" Gini coefficient of the groups' tokens a byte, 0 where all are alike: {unequal}."
        if unequal
        else ""
    )
    return section(
        f"Compression by {by}",
        "How many bytes of text does a token hold? Longer bars are cheaper text.",
        pair(
            figure(svg, f"{report['sample'].capitalize()}.{few}{more}{alike}"),
            table(rows, columns, label=f"compression by {by}"),
        ),
        details("By source" if by != "source" else "More figures", sources),
        details("By kind of word: letters, digits, white space, symbols", kinds),
    )


def _row(group: dict[str, Any], names: list[str]) -> dict[str, Any]:
    row = {key: group[key] for key in ("group", "documents", "bytes")}
    for name in names:
        row[f"bpt {name}"] = group["tokenizers"][name]["bytes_per_token"]
        row[f"cpt {name}"] = group["tokenizers"][name]["characters_per_token"]
    for name in names[1:]:
        row[f"more {name}"] = row[f"bpt {name}"] / max(1e-12, row[f"bpt {names[0]}"]) - 1
    return row
