"""Plots as inline SVG: drawn by Matplotlib, coloured by the page's style sheet.

Matplotlib and not a library that draws in the browser: a plot is some 20 KB instead of megabytes of script, it is there
with scripts switched off and in print, text stays text, and dark mode is a matter of colours, which are replaced here by
variables of CSS. What a drawing in the browser would add, values under the pointer, the tables beside the plots have.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pairloom.operators.errors import RecipeError

__all__ = ["bars", "histogram", "line", "need_matplotlib", "steps"]

# What Matplotlib is told, and what stands there in the end.
INK, FAINT, PAPER = "#010203", "#a1a2a3", "#fafbfc"
SERIES = ("#110001", "#110002", "#110003", "#110004", "#110005", "#110006")
_COLOURS = {INK: "currentColor", FAINT: "var(--faint)", PAPER: "var(--card)"} | {
    colour: f"var(--c{i})" for i, colour in enumerate(SERIES, 1)
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pairloom",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


def need_matplotlib() -> None:
    """Raise RecipeError, which names the extra, where Matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise RecipeError(
            "the page's plots need Matplotlib: pip install 'pairloom[report]', or ask for --json, which needs nothing"
        ) from error


@contextmanager
def _axes(height: float = 2.9) -> Iterator[tuple[Any, Callable[[str], str]]]:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.8, height), layout="constrained")
        FigureCanvasSVG(figure)

        def svg(label: str) -> str:
            out = io.StringIO()
            figure.savefig(
                out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
            )
            return _inline(out.getvalue(), label)

        yield figure.subplots(), svg


def _inline(svg: str, label: str) -> str:
    """The `<svg>` element alone, as wide as its place, in the page's colours and font."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(
        r'(<svg[^>]*?) width="[^"]*"',
        r"\1",
        re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", body, count=1),
        count=1,
    )
    body = re.sub(r'(<svg[^>]*?) xmlns(:xlink)?="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'(<svg[^>]*?) xmlns(:xlink)?="[^"]*"', r"\1", body, count=1)
    body = re.sub(r"font: ([0-9.]+)px [^;\"]*", r"font-size: \1px", body)
    for told, meant in _COLOURS.items():
        body = body.replace(told, meant)
    return body.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def line(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    label: str,
    x: str,
    y: str,
    log: tuple[bool, bool] = (True, False),
    marks: Sequence[float] = (),
) -> str:
    """Lines through points, one a series, with vertical lines at `marks`; axes are logarithmic as `log` says."""
    with _axes() as (axes, svg):
        for (name, points), colour in zip(series.items(), _endless(), strict=False):
            xs, ys = zip(*points, strict=True) if points else ((), ())
            dense = len(points) > 40
            axes.plot(xs, ys, color=colour, label=name, marker="" if dense else "o", markersize=4)
        for mark in marks:
            axes.axvline(mark, color=FAINT, linestyle="--", linewidth=1)
        _scale(axes, log, x, y)
        if len(series) > 1:
            axes.legend(fontsize=9)
        return svg(label)


def bars(rows: Sequence[str], series: Mapping[str, Sequence[float]], *, label: str, x: str) -> str:
    """Horizontal bars, one a row and a series, in the order given, from the top."""
    with _axes(max(1.8, 0.5 + len(rows) * (0.1 + 0.14 * len(series)))) as (axes, svg):
        thick = 0.8 / max(1, len(series))
        for place, ((name, values), colour) in enumerate(zip(series.items(), _endless(), strict=False)):
            at = [i - 0.4 + thick * (place + 0.5) for i in range(len(rows))]
            axes.barh(at, values, height=thick * 0.92, color=colour, label=name)
        axes.set_yticks(range(len(rows)), [_plain(row) for row in rows])
        axes.invert_yaxis()
        axes.set_xlabel(x)
        axes.grid(visible=False, axis="y")
        if len(series) > 1:
            axes.legend(fontsize=9, loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
        return svg(label)


def histogram(
    edges: Sequence[float],
    values: Sequence[float],
    *,
    label: str,
    x: str,
    y: str,
    marks: Sequence[float] = (),
) -> str:
    """Bars from each edge to the next, which is twice as far, with vertical lines at `marks`."""
    with _axes() as (axes, svg):
        shown = [(edge, value) for edge, value in zip(edges, values, strict=True) if edge > 0]
        axes.bar(
            [edge for edge, _ in shown],
            [value for _, value in shown],
            width=[edge for edge, _ in shown],
            align="edge",
            color=SERIES[0],
            edgecolor=PAPER,
        )
        for mark in marks:
            axes.axvline(mark, color=SERIES[1], linestyle="--", linewidth=1)
        _scale(axes, (True, False), x, y)
        return svg(label)


def steps(
    places: Sequence[float], series: Mapping[str, Sequence[float]], *, label: str, x: str, y: str
) -> str:
    """Bars side by side at whole numbers, one a series."""
    with _axes() as (axes, svg):
        thick = 0.8 / max(1, len(series))
        for at, ((name, values), colour) in enumerate(zip(series.items(), _endless(), strict=False)):
            shifted = [place - 0.4 + thick * (at + 0.5) for place in places]
            axes.bar(shifted, values, width=thick * 0.95, color=colour, label=name)
        _scale(axes, (False, False), x, y)
        if len(series) > 1:
            axes.legend(fontsize=9)
        return svg(label)


def _endless() -> Iterator[str]:
    while True:
        yield from SERIES


def _plain(name: str) -> str:
    # Matplotlib reads $...$ as mathematics; its fonts do not matter, the page's are used.
    return name.replace("$", r"\$")[:28]


def _scale(axes: Any, log: tuple[bool, bool], x: str, y: str) -> None:
    from matplotlib.ticker import EngFormatter, FuncFormatter, NullLocator

    axes.set_xlabel(x)
    axes.set_ylabel(y)
    thousands = EngFormatter(sep="")
    if log[0]:
        binary = "size" in x or "tokens" in x
        axes.set_xscale("log", base=2 if binary else 10)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: _binary(value)) if binary else thousands
        )
    if log[1]:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
    if log[1] or axes.get_ylim()[1] >= 10_000:
        axes.yaxis.set_major_formatter(thousands)


def _binary(value: float) -> str:
    """A power of two as sizes of vocabularies are called: 32k is 32,768."""
    return f"{value / 1024:.4g}k" if value >= 1024 else f"{value:.4g}"
