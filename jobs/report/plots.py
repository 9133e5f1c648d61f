"""Plots as inline SVG: drawn by Matplotlib, coloured by the page's style sheet.

Matplotlib and not a library that draws in the browser: a plot is some 20 KB instead of megabytes of script, it is there
with scripts switched off and in print, text stays text, and dark mode is a matter of colours, which are replaced here by
variables of CSS. What a drawing in the browser would add, values under the pointer, the tables beside the plots have.
"""

import html
import io
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from pairloom.operators.errors import RecipeError
from pairloom.operators.kernels.hashing import hash_bytes

__all__ = ["bars", "columns", "histogram", "line", "need_matplotlib"]

WIDTH = 4.4  # inches: some 317 units of the drawing, about as many pixels as a phone gives it

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
    "font.size": 10.5,
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
def _axes(names: Iterable[str], height: float = 2.6) -> Iterator[tuple[Any, Callable[[str], str]]]:
    """Axes of a height in inches, below a legend of the series if these are several, and what makes the drawing of them."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The page's fonts draw the letters that Matplotlib's own does not have; here they are only measured.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        several = [len(name) for name in names]
        columns = min(len(several), max(1, 58 // (7 + min(24, max(several, default=0)))))
        lines = -(-len(several) // columns) if len(several) > 1 else 0
        figure = Figure(figsize=(WIDTH, height + 0.2 * lines), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()

        def svg(label: str) -> str:
            if lines:
                figure.legend(loc="outside upper center", ncols=columns, fontsize=9.5)
            out = io.StringIO()
            figure.savefig(
                out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
            )
            return _inline(out.getvalue(), label)

        yield axes, svg


def _inline(svg: str, label: str) -> str:
    """The `<svg>` element alone, as wide as its place, in the page's colours and font."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    start, rest = body.split(">", 1)
    start = re.sub(r' (width|height|xmlns|xmlns:xlink)="[^"]*"', "", start)
    body = re.sub(r"font: ([0-9.]+)px [^;\"]*", r"font-size: \1px", f"{start}>{rest}")
    for told, meant in _COLOURS.items():
        body = body.replace(told, meant)
    body = _own_ids(body, hash_bytes(label.encode()))
    return body.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)


def _own_ids(body: str, salt: int) -> str:
    """Ids that no other drawing on the page has, where something refers to them; the others are taken away."""
    known = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', body))

    def own(found: re.Match[str]) -> str:
        return f' id="{found[1]}-{salt:x}"' if found[1] in known else ""

    body = re.sub(r' id="([^"]*)"', own, body)
    return re.sub(r'(url\(#|href="#)([^)"]+)', rf"\1\2-{salt:x}", body)


def line(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    label: str,
    x: str,
    y: str,
    log: tuple[bool, bool] = (True, False),
) -> str:
    """Lines through points, one a series; axes are logarithmic as `log` says."""
    with _axes(series) as (axes, svg):
        for (name, points), colour, marker in zip(series.items(), cycle(SERIES), cycle("osD^vP")):
            xs, ys = zip(*points, strict=True) if points else ((), ())
            marked = marker if len(points) <= 40 else ""
            axes.plot(xs, ys, color=colour, label=_plain(name), marker=marked, markersize=4)
        _scale(axes, log, x, y)
        return svg(label)


def bars(
    rows: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    label: str,
    x: str,
    stacked: bool = False,
    mark: float | None = None,
) -> str:
    """Horizontal bars, one a row and a series, in the order given, from the top, with a vertical line at `mark`.

    Stacked, those of a row stand end to end.
    """
    each = 1 if stacked else len(series)
    with _axes(series, max(1.2, 0.6 + len(rows) * (0.1 + 0.14 * each))) as (axes, svg):
        thick, ends = 0.8 / max(1, each), [0.0] * len(rows)
        for place, ((name, values), colour) in enumerate(zip(series.items(), cycle(SERIES))):
            at = [i if stacked else i - 0.4 + thick * (place + 0.5) for i in range(len(rows))]
            axes.barh(at, values, height=thick * 0.9, left=ends, color=colour, label=_plain(name))
            if stacked:
                ends = [end + value for end, value in zip(ends, values, strict=True)]
        if mark is not None:
            axes.axvline(mark, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(rows)), [_plain(row) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(x)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        _ticks(axes.xaxis, x, axes.get_xlim()[1])
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
    with _axes(()) as (axes, svg):
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


def columns(
    places: Sequence[str], series: Mapping[str, Sequence[float]], *, label: str, x: str, y: str
) -> str:
    """Columns side by side, one a series, at places with these names; where there are many places, some are named."""
    with _axes(series) as (axes, svg):
        thick = 0.8 / max(1, len(series))
        for at, ((name, values), colour) in enumerate(zip(series.items(), cycle(SERIES))):
            shifted = [i - 0.4 + thick * (at + 0.5) for i in range(len(places))]
            axes.bar(shifted, values, width=thick * 0.95, color=colour, label=_plain(name))
        _scale(axes, (False, False), x, y)
        every = -(-len(places) // 12)
        axes.set_xticks(range(0, len(places), every), places[::every])
        axes.grid(visible=False, axis="x")
        return svg(label)


def _plain(name: str) -> str:
    # Matplotlib reads $...$ as mathematics and hides what begins with an underscore; the page's fonts are used anyway.
    text = name.replace("$", r"\$").replace("\n", " ")
    return f"\u200a{text[:24]}" if text.startswith("_") else text[:24]


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
        axes.yaxis.set_major_formatter(thousands)
    else:
        axes.set_ylim(bottom=0)
        _ticks(axes.yaxis, y, axes.get_ylim()[1])


def _ticks(axis: Any, what: str, most: float) -> None:
    """Names of ticks as the tables show such numbers."""
    from matplotlib.ticker import EngFormatter, FuncFormatter

    if what.startswith("share"):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}%"))
    elif most >= 10_000:
        axis.set_major_formatter(EngFormatter(sep=""))


def _binary(value: float) -> str:
    """A power of two as sizes of vocabularies are called: 32k is 32,768."""
    return f"{value / 1024:.4g}k" if value >= 1024 else f"{value:.4g}"
