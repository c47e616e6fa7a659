"""Pictures of results with matplotlib; functions of frames, one style in one place.

A picture says nothing by colour alone: bars and marks differ in shape and in grey too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.display.tables import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["plot_curve", "plot_intervals", "plot_ranking", "plot_tornado", "plot_two_way"]

Array = NDArray[np.float64]

BLUE = "#0072b2"
"""Of Okabe and Ito's palette, which colour-blind readers tell apart."""
PALE = "#b3d4e8"
"""A light tint of it; the two stay apart in grey."""

_LABEL = 34
"""Characters of a label on one line."""
_ROW, _LINE = 0.24, 0.17
"""Inches: what a row takes besides its text, and a line of text."""
_TITLE, _PER_INCH = 68, 10
"""Characters on a line of the title: of a new picture, and by the inch of axes given, which may narrow."""


def new_axes(ax: Axes | None, height: float) -> Axes:
    """Return the axes given, or new ones of this height in inches.

    Raises
    ------
    ImportError
        If matplotlib, an extra, is not installed.
    """
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('pictures need matplotlib: python -m pip install "buttpain[plots]"') from error
    _, made = plt.subplots(figsize=(8.0, height), layout="constrained")
    return made


def plot_ranking(frame: pd.DataFrame, title: str, ax: Axes | None = None, **style: Any) -> Axes:
    """Draw probabilities as bars, the first row on top, with what they were before as marks.

    Parameters
    ----------
    frame
        Columns label, prior and, unless nothing was observed, posterior; one row a bar.
    title
        Above the picture; wrapped to its width.
    ax
        Where to draw; a new figure unless given.
    **style
        Passed on to `Axes.barh`.
    """
    ax, places = _rows(frame, title, ax)
    shown, *before = [name for name in ("posterior", "prior") if name in frame]
    bars = ax.barh(places, frame[shown], **{"height": 0.62, "color": BLUE, "label": shown, **style})
    _column(ax, places, map(percent, frame[shown]), shown, 56, weight="bold")
    for name in before:
        mark = _mark(ax, places, frame[name].tolist(), name)
        _column(ax, places, map(percent, frame[name]), name, 100)
        _legend(ax, [bars, mark])
    return ax


def plot_intervals(frame: pd.DataFrame, title: str, ax: Axes | None = None, **style: Any) -> Axes:
    """Draw a forest plot: an interval a row, the first on top, with a mark at the point estimate.

    Parameters
    ----------
    frame
        Columns label, posterior, q2.5, q25, q75 and q97.5; one row an interval.
    title
        Above the picture; wrapped to its width.
    ax
        Where to draw; a new figure unless given.
    **style
        Passed on to `Axes.hlines`, for both intervals.
    """
    ax, places = _rows(frame, title, ax)
    look = {"color": BLUE, **style}
    # Flat ends, so that a line is as long as its interval.
    thin = ax.hlines(places, frame["q2.5"], frame["q97.5"], lw=1.8, label="95 % interval", **look)
    thick = ax.hlines(places, frame["q25"], frame["q75"], lw=8, label="50 % interval", **look)
    for lines in (thin, thick):
        lines.set_capstyle("butt")
    # A wider edge would hide a short interval.
    mark = _mark(ax, places, frame["posterior"].tolist(), "posterior", 3.0)
    ends = zip(frame["q2.5"], frame["q97.5"], strict=True)
    between = [f"{percent(low).removesuffix(' %')}–{percent(high)}" for low, high in ends]
    _column(ax, places, map(percent, frame["posterior"]), "posterior", 56, weight="bold")
    _column(ax, places, between, "95 % interval", 132)
    _legend(ax, [mark, thick, thin])
    return ax


def _rows(frame: pd.DataFrame, title: str, ax: Axes | None) -> tuple[Axes, list[int]]:
    """Return axes with a label a row, as high as they need, and the place of each row from the top down."""
    labels = ["\n".join(wrap(str(label), _LABEL)) for label in frame["label"]]
    text = sum(1 + label.count("\n") for label in labels)
    room = max(20, int(_PER_INCH * _inches(ax))) if ax else _TITLE
    heading = wrap(title, room)
    ax = new_axes(ax, 0.9 + _ROW * (1 + len(labels)) + _LINE * (text + len(heading)))
    places = list(range(len(labels)))[::-1]
    ax.set_yticks(places, labels)
    # The row above the others is for the legend and the heads of the columns.
    ax.set_ylim(-0.5, len(labels) + 0.1)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.set_xlabel("probability under this model")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title("\n".join(heading), loc="left", fontsize=10)
    return ax, places


def _legend(ax: Axes, handles: list[Any]) -> None:
    ax.legend(
        handles=handles,
        frameon=False,
        loc="upper left",
        ncols=len(handles),
        borderaxespad=0,
        fontsize="small",
        markerscale=0.7,
    )


def _inches(ax: Axes) -> float:
    figure = ax.get_figure(root=True)
    return ax.get_window_extent().width / figure.dpi if figure else 0.0


def _mark(ax: Axes, places: list[int], values: list[float], name: str, edge_width: float = 4.5) -> Line2D:
    """Draw black lines with a white edge, which stand out on a bar as beside it."""
    import matplotlib.patheffects as effects

    edge = [effects.withStroke(linewidth=edge_width, foreground="white")]
    look: dict[str, Any] = {"ls": "none", "marker": "|", "ms": 15, "mew": 2, "color": "black"}
    return ax.plot(values, places, label=name, path_effects=edge, **look)[0]


def _column(ax: Axes, places: list[int], texts: Iterable[str], name: str, end: int, **style: Any) -> None:
    """Write texts to the right of the axes, ending so many points from them."""
    rows = [(len(places) - 0.2, name), *zip(places, texts, strict=True)]
    for place, text in rows:
        ax.annotate(
            text,
            (1, place),
            (end, 0),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize="small",
            annotation_clip=False,
            **style,
        )


def plot_tornado(frame: pd.DataFrame, today: float, titles: tuple[str, str], ax: Axes | None = None) -> Axes:
    """Draw how far each parameter's interval moves a posterior, the largest on top.

    Parameters
    ----------
    frame
        Columns label, low, high, posterior_low, posterior_high and grade; one row a bar.
    today
        The posterior, drawn as the line from which the bars go.
    titles
        What was observed, above the picture; what the posterior is of, below it.
    ax
        Where to draw; a new figure unless given.

    Raises
    ------
    ValueError
        If no parameter has an interval.
    """
    if frame.empty:
        raise ValueError("no parameter has an interval, so there is nothing to draw; see to_frame()")
    ax, places = _rows(frame, titles[0], ax)
    ends = [frame[name].to_numpy() for name in ("posterior_low", "posterior_high")]
    looks: list[dict[str, Any]] = [{"color": PALE, "hatch": "////"}, {"color": BLUE}]
    names = ["number at its low end", "at its high end"]
    bars = [
        ax.barh(places, end - today, left=today, height=0.62, label=name, edgecolor=BLUE, **look)
        for end, name, look in zip(ends, names, looks, strict=True)
    ]
    # Only as high as the bars, so that it does not cross the legend.
    line = ax.vlines(today, -0.5, len(places) - 0.45, color="black", lw=1.5, label=f"today, {percent(today)}")
    least, most = min(today, *map(np.min, ends)), max(today, *map(np.max, ends))
    room = 0.17 * max(most - least, 1e-6)
    ax.set_xlim(least - room, most + room)
    for place, number, end, other in _ends(frame, places):
        left = end < other or (end == other and number == "low")
        _beside(ax, (end, place), short(frame[number].iloc[len(places) - 1 - place]), left=left)
    digits = 0 if most - least > 0.05 else 1 if most - least > 0.005 else 2
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.{digits}f} %")
    ax.set_xlabel(titles[1])
    _column(ax, places, frame["grade"].astype(str), "grade", 36)
    _legend(ax, [line, *bars])
    return ax


def short(number: float) -> str:
    """Write a probability with two digits, or as many as keep it apart from 1.

    Examples
    --------
    >>> [short(p) for p in (0, 0.0123, 0.5, 0.9984, 1)]
    ['0', '0.012', '0.5', '0.998', '1']
    """
    written = f"{number:.2g}"
    return f"{number:.3g}" if written == "1" and number < 1 else written


def _ends(frame: pd.DataFrame, places: Sequence[int]) -> Iterable[tuple[int, str, float, float]]:
    """Yield (place, which end, posterior there, posterior at the other end)."""
    for place, low, high in zip(places, frame["posterior_low"], frame["posterior_high"], strict=True):
        yield place, "low", float(low), float(high)
        yield place, "high", float(high), float(low)


def _beside(ax: Axes, at: tuple[float, float], text: str, *, left: bool) -> None:
    """Write a text to the left or the right of a point."""
    ax.annotate(
        text,
        at,
        (-4 if left else 4, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize="x-small",
    )


def plot_curve(
    curve: tuple[Array, Array],
    here: tuple[float, float, float, float],
    marks: Sequence[tuple[float, str]],
    names: tuple[str, str],
    ax: Axes | None = None,
) -> Axes:
    """Draw a posterior as a function of one parameter.

    Parameters
    ----------
    curve
        Values of the parameter, and the posterior at each.
    here
        Where the network stands: value and posterior; then the ends of the parameter's 95 %
        interval, NaN if unknown.
    marks
        Values at which something flips, with what does.
    names
        Of the parameter and of the posterior.
    ax
        Where to draw; a new figure unless given.
    """
    ax = new_axes(ax, 4.2)
    value, today, *interval = here
    if not np.isnan(interval).any():
        ax.axvspan(interval[0], interval[1], color=PALE, alpha=0.6, lw=0, label="95 % interval")
    ax.plot(*curve, color=BLUE, lw=2)
    look: dict[str, Any] = {"ls": "none", "marker": "o", "color": "black", "mec": "white", "clip_on": False}
    ax.plot(value, today, ms=7, label=f"today, {percent(today)}", **look)
    for (x, said), style in zip(marks, ("--", ":", "-."), strict=False):
        ax.axvline(x, color="black", lw=1.2, ls=style, label=f"{said} at {x:.3g}")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    _plain_axes(ax, names[0])
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.set_title("\n".join(wrap(names[1], _TITLE)), loc="left", fontsize=10)
    _legend_below(ax)
    return ax


def plot_two_way(
    heights: tuple[Array, Array, Array, Array],
    today: tuple[float, float],
    intervals: tuple[tuple[float, float], tuple[float, float]],
    names: tuple[str, str, str, str],
    ax: Axes | None = None,
) -> Axes:
    """Draw a posterior as a function of two parameters.

    Parameters
    ----------
    heights
        Both parameters, the posterior and the leader's margin on a grid; NaN where there is none.
    today
        Where the network stands.
    intervals
        Their 95 % intervals; NaN if unknown.
    names
        Of the parameters, of the posterior and of today's leader.
    ax
        Where to draw; a new figure unless given.
    """
    across, up, posterior, margin = heights
    ax = new_axes(ax, 6.4)
    levels = np.linspace(0, 1, 11)
    ax.contourf(across, up, posterior, levels=levels, cmap="Blues", alpha=0.75, vmin=0, vmax=1.15)
    thin = np.delete(levels, [0, 5, 10])  # the line of 50 % is a heavy one
    lines = ax.contour(across, up, posterior, levels=thin, colors="black", linewidths=0.5)
    ax.clabel(lines, fmt=lambda value: f"{100 * value:.0f} %", fontsize="x-small")
    _decision(ax, (across, up, posterior - 0.5), "--", "50 %")
    _decision(ax, (across, up, margin), "-", f"{names[3]} no longer leads")
    ends = np.array(intervals)
    if not np.isnan(ends).any():
        (left, right), (bottom, top) = ends
        box = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        ax.plot(*zip(*box, strict=True), color="black", lw=1.4, ls=":", label="both 95 % intervals")
    ax.plot(*today, ls="none", marker="o", ms=8, color="black", mec="white", mew=1.5, label="today")
    _plain_axes(ax, names[0])
    ax.set_ylabel("\n".join(wrap(names[1], 52)))
    ax.set_title("\n".join(wrap(names[2], _TITLE)), loc="left", fontsize=10)
    _legend_below(ax)
    return ax


def _decision(ax: Axes, surface: tuple[Array, Array, Array], style: str, name: str) -> None:
    """Draw where a surface is 0 as a heavy line, if it is anywhere."""
    across, up, height = surface
    known = height[np.isfinite(height)]
    if known.size and known.min() < 0 < known.max():
        ax.contour(across, up, height, levels=[0.0], colors="black", linewidths=2.4, linestyles=style)
        ax.plot([], [], color="black", lw=2.4, ls=style, label=name)


def _plain_axes(ax: Axes, name: str) -> None:
    ax.set_xlabel("\n".join(wrap(name, _TITLE)))
    ax.spines[["top", "right"]].set_visible(False)


def _legend_below(ax: Axes) -> None:
    from matplotlib.transforms import ScaledTranslation

    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101 - what is drawn on is part of one
    under = ScaledTranslation(0, -0.5, figure.dpi_scale_trans)
    look: dict[str, Any] = {"frameon": False, "ncols": 2, "borderaxespad": 0, "fontsize": "small"}
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=ax.transAxes + under, **look)
