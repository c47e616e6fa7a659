"""Pictures of results with matplotlib; functions of frames, one style in one place.

A picture says nothing by colour alone: bars and marks differ in shape and in grey too.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from buttpain.display.tables import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["plot_ranking"]

BLUE = "#0072b2"
"""Of Okabe and Ito's palette, which colour-blind readers tell apart."""

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
    labels = ["\n".join(wrap(str(label), _LABEL)) for label in frame["label"]]
    text = sum(1 + label.count("\n") for label in labels)
    room = max(20, int(_PER_INCH * _inches(ax))) if ax else _TITLE
    heading = wrap(title, room)
    ax = new_axes(ax, 0.9 + _ROW * (1 + len(labels)) + _LINE * (text + len(heading)))
    places = list(range(len(labels)))[::-1]
    shown, *before = [name for name in ("posterior", "prior") if name in frame]
    bars = ax.barh(places, frame[shown], **{"height": 0.62, "color": BLUE, "label": shown, **style})
    _column(ax, places, frame[shown].tolist(), shown, 56, weight="bold")
    for name in before:
        mark = _mark(ax, places, frame[name].tolist(), name)
        _column(ax, places, frame[name].tolist(), name, 100)
        ax.legend(
            handles=[bars, mark],
            frameon=False,
            loc="upper left",
            ncols=2,
            borderaxespad=0,
            fontsize="small",
            markerscale=0.7,
        )
    ax.set_yticks(places, labels)
    # The row above the bars is for the legend and the heads of the columns.
    ax.set_ylim(-0.5, len(labels) + 0.1)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.set_xlabel("probability under this model")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title("\n".join(heading), loc="left", fontsize=10)
    return ax


def _inches(ax: Axes) -> float:
    figure = ax.get_figure(root=True)
    return ax.get_window_extent().width / figure.dpi if figure else 0.0


def _mark(ax: Axes, places: list[int], values: list[float], name: str) -> Line2D:
    """Draw black lines with a white edge, which stand out on a bar as beside it."""
    import matplotlib.patheffects as effects

    edge = [effects.withStroke(linewidth=4.5, foreground="white")]
    look: dict[str, Any] = {"ls": "none", "marker": "|", "ms": 15, "mew": 2, "color": "black"}
    return ax.plot(values, places, label=name, path_effects=edge, **look)[0]


def _column(ax: Axes, places: list[int], values: list[float], name: str, end: int, **style: Any) -> None:
    """Write numbers to the right of the axes, ending so many points from them."""
    rows = [(len(places) - 0.2, name), *zip(places, map(percent, values), strict=True)]
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
