"""What sections on statistics share: the tables of a report by the name of their statistic."""

from collections.abc import Iterator, Mapping
from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair
from pairloom.jobs.report.tables import Column, table

__all__ = ["beside_bars", "named_tables", "rows_of"]


def named_tables(report: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The tables of a statistic that have rows: of everything, and per source or column."""
    return (one for one in report.get("statistics", ()) if one["name"] == name and one["rows"])


def rows_of(one: Mapping[str, Any], columns: Mapping[str, Column], caption: str = "") -> str:
    """A table as the report has it, with the column of its groups first, and how much of it is shown."""
    per, shown = one["per"], len(one["rows"])
    heads = ({per: per} if per else {}) | dict(columns)
    rows = (
        [row | {per: "none" if row[per] is None else row[per]} for row in one["rows"]] if per else one["rows"]
    )
    some = "" if shown >= one["rows_in_all"] else f"the first {shown:,} of {one['rows_in_all']:,}"
    said = ", ".join(part for part in (caption, f"per {per}" if per else "", some) if part)
    return table(rows, heads, said, label=one["name"])


def beside_bars(shown: str, rows: list[dict[str, Any]], of: str, count: str, *, label: str, says: str) -> str:
    """A table as it is `shown`, beside bars of some rows: how long `count` is for each `of`."""
    svg = plots.bars([row[of] for row in rows], {count: [row[count] for row in rows]}, label=label, x=count)
    return pair(figure(svg, says), shown)
