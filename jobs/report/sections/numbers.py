"""Numbers and letters: whether what has to be calculated or counted is cut regularly."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import coloured, figure, pair, section, shown
from pairloom.jobs.report.naming import beside
from pairloom.jobs.report.tables import Column, compact, share, table

__all__ = ["numbers_and_letters"]

CUTS = {
    "single": "single digits",
    "l2r3": "threes from the left",
    "r2l3": "threes from the right",
    "whole": "one token",
    "other": "otherwise",
}
NUMBERS: dict[str, Column] = {
    "tokenizer": "tokenizer",
    "numbers": ("numbers", compact),
    "tokens_per_number": "tokens per number",
    "digits_per_token": "digits per token",
    "direction_matters": ("direction matters", share),
}


def numbers_and_letters(report: dict[str, Any]) -> str:
    """How each tokenizer cuts the numbers of the text, and letters as counting tasks have them."""
    additions = report.get("additions", {})
    found = [row | {"additions": additions.get(row["tokenizer"])} for row in report.get("numbers", [])]
    letters, digits = (_forms(report.get(key, {})) for key in ("letters", "digits"))
    if not found and not letters:
        return ""
    plot = ""
    if found:
        svg = plots.bars(
            [row["tokenizer"] for row in found],
            {text: [row[key] for row in found] for key, text in CUTS.items()},
            label="how numbers are cut",
            x="share of such numbers",
            stacked=True,
        )
        plot = figure(
            svg,
            "Numbers of more than three digits, not a multiple of three, are cut at other places from the left than from the "
            "right. Cut irregularly, they are hard to calculate with.",
        )
    columns: dict[str, Column] = NUMBERS | {key: (text, share) for key, text in CUTS.items()}
    columns["additions"] = ("sums cut elsewhere than their addends", share)
    forms: dict[str, Column] = {"form": "written"} | {
        name: (name or "share", share) for name in report.get("letters", {})
    }
    what = "Share of the {0} that have a token of their own, as counting tasks write them"
    return section(
        "Numbers and letters",
        "Can a model calculate, spell and count with these tokens?",
        pair(plot, _probes(report.get("probes", {}))),
        table(found, beside(columns, found), label="how numbers are cut"),
        pair(table(letters, forms, what.format("letters")), table(digits, forms, what.format("digits"))),
    )


def _forms(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A row for each form: the share that is atomic, by tokenizer."""
    rows: dict[str, dict[str, Any]] = {}
    for name, forms in found.items():
        for one in forms:
            rows.setdefault(one["form"], {"form": one["form"]})[name] = one["atomic"]
    return list(rows.values())


def _probes(probes: dict[str, list[list[tuple[str, int]]]]) -> str:
    """The same short texts by each tokenizer, with the boundaries of the tokens."""
    rows = "".join(
        (f"<dt>{shown(name)}</dt>" if name else "")
        + '<dd class="doc">'
        + "".join(f"<div>{coloured([(t, n) for t, n in pieces])}</div>" for pieces in texts)
        + "</dd>"
        for name, texts in probes.items()
    )
    return f'<dl class="probes">{rows}</dl>' if rows else ""
