"""Pictures of results with matplotlib; functions of frames, one style in one place.

A picture says nothing by colour alone: bars and marks differ in shape and in grey too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.display.sheet import LINE, Sheet, beside, blank, sheet, short_labels, tick
from buttpain.display.tables import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = [
    "plot_calibration",
    "plot_curve",
    "plot_decision",
    "plot_information",
    "plot_intervals",
    "plot_literature",
    "plot_ranking",
    "plot_same_decision",
    "plot_tornado",
    "plot_two_way",
    "plot_waterfall",
]

Array = NDArray[np.float64]

BLUE = "#0072b2"
"""Of Okabe and Ito's palette, which colour-blind readers tell apart."""
PALE = "#b3d4e8"
"""A light tint of it; the two stay apart in grey."""
VERMILION = "#d55e00"
"""Of the same palette: what wants a second look."""

_DENSE_LABEL, _DENSE_ROW, _DENSE_LINE = 44, 0.1, 0.14
"""Where there may be a hundred rows: characters of a label, inches besides its text, and of a line of it."""


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
    made = _rows(frame, title, ax, side=0.8)
    ax, places = made.ax, made.places
    shown, *before = [name for name in ("posterior", "prior") if name in frame]
    bars = ax.barh(places, frame[shown], **{"height": 0.62, "color": BLUE, "label": shown, **style})
    made.column(map(percent, frame[shown]), shown, 56, narrow=56, weight="bold")
    for name in before:
        mark = _mark(ax, places, frame[name].tolist(), name)
        made.column(map(percent, frame[name]), name, 100)
        made.legend([bars, mark])
    made.fit()
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
    made = _rows(frame, title, ax, side=0.8)
    ax, places = made.ax, made.places
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
    made.column(map(percent, frame["posterior"]), "posterior", 56, narrow=56, weight="bold")
    made.column(between, "95 % interval", 132)
    made.legend([mark, thick, thin])
    made.fit()
    return ax


def _rows(frame: pd.DataFrame, title: str, ax: Axes | None, *, side: float = 0.0) -> Sheet:
    return sheet(map(str, frame["label"]), title, ax, side=side)


def _mark(ax: Axes, places: list[int], values: list[float], name: str, edge_width: float = 4.5) -> Line2D:
    """Draw black lines with a white edge, which stand out on a bar as beside it."""
    import matplotlib.patheffects as effects

    edge = [effects.withStroke(linewidth=edge_width, foreground="white")]
    look: dict[str, Any] = {"ls": "none", "marker": "|", "ms": 15, "mew": 2, "color": "black"}
    return ax.plot(values, places, label=name, path_effects=edge, **look)[0]


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
    made = _rows(frame, titles[0], ax)
    ax, places = made.ax, made.places
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
    room = _room_for_numbers(made) * max(most - least, 1e-6)
    ax.set_xlim(least - room, most + room)
    for place, number, end, other in _ends(frame, places):
        left = end < other or (end == other and number == "low")
        _beside(ax, (end, place), short(frame[number].iloc[len(places) - 1 - place]), left=left)
    made.name_across(titles[1])
    made.column(frame["grade"].astype(str), "grade", 36)
    made.legend([line, *bars])
    made.fit()
    return ax


def _room_for_numbers(made: Sheet) -> float:
    """Return what numbers beside the longest bars take, as a part of what the bars span."""
    least = 0.17
    if made.width is None:
        return least
    number = 0.45  # inches
    return max(least, number / max(made.width - 2 * number, number))


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


def plot_waterfall(frame: pd.DataFrame, title: str, ax: Axes | None = None, *, ratio: bool = False) -> Axes:
    """Draw how log-odds go from one value to another step by step, from the top down.

    Parameters
    ----------
    frame
        Columns label, before and after (log-odds in bits, which may be infinite), bits and
        then (what is written beside a step); one row a step.  A row without bits is a mark.
    title
        Above the picture; wrapped to its width.
    ax
        Where to draw; a new figure unless given.
    ratio
        Whether the axis is marked with ratios; otherwise with probabilities.
    """
    made = _rows(frame, title, ax, side=0.8)
    ax, places = made.ax, made.places
    ends = frame[["before", "after"]].to_numpy(dtype=np.float64)
    low, high = _limits(ends)
    drawn = np.clip(ends, low, high)
    steps, marks = (np.flatnonzero((frame["bits"] != "") == is_step) for is_step in (True, False))
    handles: list[Any] = []
    sides: list[tuple[str, list[int], dict[str, Any]]] = [
        ("for", [int(i) for i in steps if ends[i, 1] > ends[i, 0]], {"color": BLUE}),
        ("against", [int(i) for i in steps if ends[i, 1] < ends[i, 0]], {"color": PALE, "hatch": "////"}),
    ]
    for side, rows, look in sides:
        left, width, at = drawn[rows, 0], drawn[rows, 1] - drawn[rows, 0], [places[i] for i in rows]
        if rows:
            handles.append(ax.barh(at, width, left=left, height=0.62, label=side, edgecolor=BLUE, **look))
    # From each row to the next, at the value that it hands on.
    for upper, lower, value in zip(places[:-1], places[1:], drawn[:-1, 1], strict=True):
        ax.vlines(value, lower - 0.31, upper + 0.31, color="black", lw=0.8, zorder=1.5)
    name = "ratio" if ratio else "probability"
    _mark(ax, [places[i] for i in marks], drawn[marks, 1].tolist(), name)
    for infinity, edge, shape in ((-np.inf, low, "<"), (np.inf, high, ">")):
        beyond = [place for place, value in zip(places, ends[:, 1], strict=True) if value == infinity]
        if beyond:  # a line without points would count as standing in the corner of the page
            ax.plot([edge] * len(beyond), beyond, ls="none", marker=shape, ms=9, color="black", clip_on=False)
    ax.set_xlim(low, high)
    most = _MOST_TICKS if made.width is None else max(2, min(_MOST_TICKS, int(made.width / 0.7)))
    ax.set_xticks(*(_ratio_ticks if ratio else _probability_ticks)(low, high, most))
    made.name_across(f"{name}, on a {'logarithmic scale' if ratio else 'scale of log-odds'}")
    # The table beside it says what a finding weighs given all others, which is another number.
    ax.set_ylim(top=len(places) + 0.3)
    made.column(frame["bits"], "bits, after\nthose above", 68, head=len(places) - 0.1)
    made.column(frame["then"], "then", 122, narrow=52, head=len(places) - 0.1, weight="bold")
    made.legend(handles)
    made.fit()
    return ax


def plot_information(frame: pd.DataFrame, title: str, name: str, ax: Axes | None = None) -> Axes:
    """Draw what each finding is expected to tell as a bar, the first row on top.

    Parameters
    ----------
    frame
        Columns label, information (bits), cost, per_cost and changes_leader; where there is a
        second step, information_2, drawn as the paler rest of the bar, cost_2 and per_cost_2.
    title
        Above the picture; wrapped to its width.
    name
        What the information is, below it.
    ax
        Where to draw; a new figure unless given.

    Raises
    ------
    ValueError
        If there is no finding.
    """
    if frame.empty:
        raise ValueError("nothing is left to ask, so there is nothing to draw")
    made = _rows(frame, title, ax, side=0.6)
    ax, places = made.ax, made.places
    bits = frame["information"].to_numpy(dtype=np.float64)
    bars = [ax.barh(places, bits, height=0.62, color=BLUE, edgecolor=BLUE, label="by itself")]
    whole = bits
    if "information_2" in frame:
        whole = frame["information_2"].to_numpy(dtype=np.float64)
        look: dict[str, Any] = {"color": PALE, "hatch": "////", "edgecolor": BLUE}
        bars.append(
            ax.barh(places, whole - bits, left=bits, height=0.62, label="best follow-up besides", **look)
        )
    ax.set_xlim(0, 1.05 * float(whole.max(initial=0.0)) or 1.0)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    made.name_across(f"{name} (bits)")
    if "information_2" in frame:
        made.legend(bars)
    step = "_2" if "information_2" in frame else ""
    columns = [("bits", 42, [f"{value:.3f}" for value in whole])]
    if len(set(frame["cost"])) > 1:
        per_cost = ["free" if np.isinf(value) else f"{value:.3f}" for value in frame[f"per_cost{step}"]]
        columns += [("cost", 76, [f"{value:.3g}" for value in frame[f"cost{step}"]])]
        columns += [("bits/cost", 128, per_cost)]
    columns.append(("new leader", columns[-1][1] + 64, [percent(value) for value in frame["changes_leader"]]))
    for head, end, texts in columns:
        made.column(texts, head, end, narrow=end if head == "bits" else None)
    made.fit()
    return ax


def plot_same_decision(frame: pd.DataFrame, title: str, name: str, ax: Axes | None = None) -> Axes:
    """Draw how probable each decision is as a bar, the first row on top, with its interval.

    Parameters
    ----------
    frame
        Columns label, today, probability, low and high; one row a decision.
    title
        Above the picture; wrapped to its width.
    name
        What the probability is, below it.
    ax
        Where to draw; a new figure unless given.
    """
    made = _rows(frame, title, ax, side=0.9)
    ax, places = made.ax, made.places
    today = frame["today"].to_numpy(dtype=bool)
    looks: list[dict[str, Any]] = [{"color": BLUE}, {"color": PALE, "hatch": "////"}]
    bars: list[Any] = []
    for rows, said, look in zip((today, ~today), ("today's decision", "another"), looks, strict=True):
        at = [place for place, is_one in zip(places, rows, strict=True) if is_one]
        if at:
            length = frame["probability"][rows]
            bars.append(ax.barh(at, length, height=0.62, label=said, edgecolor=BLUE, **look))
    if (frame["high"] > frame["low"]).any():
        import matplotlib.patheffects as effects

        edge: list[Any] = [effects.withStroke(linewidth=5, foreground="white")]
        lines = ax.hlines(places, frame["low"], frame["high"], color="black", lw=2, label="95 % interval")
        lines.set_path_effects(edge)
        bars.append(lines)
    made.column(map(percent, frame["probability"]), "probability", 66, narrow=66, weight="bold")
    made.name_across(name)
    made.legend(bars)
    made.fit()
    return ax


def _limits(odds: Array) -> tuple[float, float]:
    """Return where an axis of log-odds ends: with room on both sides, and more where there is an infinity."""
    known = odds[np.isfinite(odds)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    span = max(high - low, 2.0)
    reach = [0.35 if (odds == side).any() else 0.1 for side in (-np.inf, np.inf)]
    return low - reach[0] * span, high + reach[1] * span


_MOST_TICKS = 6
"""Of an axis that is not narrow."""


def _probability_ticks(low: float, high: float, most: int) -> tuple[list[float], list[str]]:
    """Return places and labels for an axis of log-odds in bits, at round probabilities."""
    tiny = [10.0**-k for k in range(3, 16)]
    tens = [0.01, 0.1, 0.5]
    coarse = [tens, [*tens, 0.03, 0.3], [*tens, 0.02, 0.05, 0.2, 0.3, 0.4]]
    fine = [[k / parts for k in range(1, parts // 2 + 1)] for parts in (100, 1000)]
    for steps in (*coarse, *fine):
        lower = sorted({*tiny, *steps})
        odds = [float(np.log2(p) - np.log2(1 - p)) for p in lower]
        pairs = [*zip(odds, (f"{100 * p:g} %" for p in lower), strict=True)]
        pairs += [(-x, f"{100 - 100 * p:.12g} %") for x, p in zip(odds, lower, strict=True) if p < 0.5]
        inside = sorted(pair for pair in pairs if low <= pair[0] <= high)
        if len(inside) >= 4:
            break
    kept: list[tuple[float, str]] = []
    for pair in inside:
        if not kept or pair[0] - kept[-1][0] >= (high - low) / most:
            kept.append(pair)
    return [x for x, _ in kept], [said for _, said in kept]


def _ratio_ticks(low: float, high: float, most: int) -> tuple[list[float], list[str]]:
    """Return places and labels for an axis of log-odds in bits, at powers of two."""
    step = max(1, -int(-(high - low) // most))
    places = [k for k in range(int(np.ceil(low)), int(np.floor(high)) + 1) if k % step == 0]
    return [float(k) for k in places], [f"{2**k:,} : 1" if k >= 0 else f"1 : {2**-k:,}" for k in places]


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
    made = blank(names[1], ax, 4.2)
    ax = made.ax
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
    ax.yaxis.set_major_formatter(tick)
    return _finished(made, names[0])


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
    made = blank(names[2], ax, 6.4)
    ax = made.ax
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
    ax.set_ylabel("\n".join(wrap(names[1], 30 if made.narrow else 52)))
    return _finished(made, names[0])


def plot_calibration(frame: pd.DataFrame, title: str, level: float, ax: Axes | None = None) -> Axes:
    """Draw how often what was said came true.

    Parameters
    ----------
    frame
        Columns least, most, posterior, observed, low, high and n; one row a group of cases.
    title
        Above the picture.
    level
        Of the intervals from low to high.
    ax
        Where to draw; a new figure unless given.
    """
    made = blank(title, ax, 6.4)
    ax = made.ax
    end = min(1.0, 1.05 * float(frame[["most", "high"]].to_numpy().max()))
    ax.plot([0, end], [0, end], color="black", lw=1, ls="--", label="ideal: as often as said")
    across = (frame["posterior"] - frame["least"], frame["most"] - frame["posterior"])
    up = (frame["observed"] - frame["low"], frame["high"] - frame["observed"])
    place = (frame["posterior"], frame["observed"])
    # Rounding may leave a reach a little below 0.
    spread = np.clip(np.array(across), 0, None)
    reach = np.clip(np.array(up), 0, None)
    ax.errorbar(*place, xerr=spread, fmt="none", ecolor=PALE, elinewidth=5, label="posteriors in the group")
    least, most = frame["n"].min(), frame["n"].max()
    size = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    look: dict[str, Any] = {"color": BLUE, "ms": 6, "elinewidth": 1.6, "capsize": 3, "clip_on": False}
    ax.errorbar(*place, yerr=reach, fmt="o", label=f"groups of {size}, {100 * level:g} % interval", **look)
    ax.set_xlim(0, end)
    ax.set_ylim(0, end)
    ax.set_ylabel("share of the group with the condition")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(tick)
    return _finished(made, "posterior, mean of the group")


def plot_decision(frame: pd.DataFrame, title: str, level: float, ax: Axes | None = None) -> Axes:
    """Draw a decision curve: the net benefit of following the posterior, of treating all and none.

    Parameters
    ----------
    frame
        Columns threshold, net_benefit, low, high and treat_all.
    title
        Above the picture.
    level
        Of the interval from low to high.
    ax
        Where to draw; a new figure unless given.
    """
    made = blank(title, ax, 4.8)
    ax = made.ax
    across = frame["threshold"]
    ax.fill_between(
        across, frame["low"], frame["high"], color=PALE, alpha=0.6, lw=0, label=f"{100 * level:g} % interval"
    )
    ax.plot(across, frame["net_benefit"], color=BLUE, lw=2, label="treat above the threshold")
    ax.plot(across, frame["treat_all"], color="black", lw=1.4, ls="--", label="treat all")
    ax.axhline(0, color="black", lw=1.4, ls=":", label="treat none")
    top = max(float(frame[["high", "treat_all"]].to_numpy().max()), 0.01)
    # Treating all falls without end; what matters is where it is above 0.
    ax.set_ylim(-0.25 * top, 1.05 * top)
    ax.set_xlim(0, 1)
    ax.set_ylabel("net benefit, true positives a case")
    ax.xaxis.set_major_formatter(tick)
    return _finished(made, "threshold: the posterior from which one would treat")


def _decision(ax: Axes, surface: tuple[Array, Array, Array], style: str, name: str) -> None:
    """Draw where a surface is 0 as a heavy line, if it is anywhere."""
    across, up, height = surface
    known = height[np.isfinite(height)]
    if known.size and known.min() < 0 < known.max():
        ax.contour(across, up, height, levels=[0.0], colors="black", linewidths=2.4, linestyles=style)
        ax.plot([], [], color="black", lw=2.4, ls=style, label=name)


def _finished(made: Sheet, name: str) -> Axes:
    """Return the axes with a name across, a legend below, and no more lines around than they need."""
    made.name_across(name)
    made.ax.spines[["top", "right"]].set_visible(False)
    made.legend_below()
    made.fit()
    return made.ax


def plot_literature(frame: pd.DataFrame, title: str, ax: Axes | None = None) -> Axes:
    """Draw a forest plot of published figures with what a network implies, by group.

    Probabilities come first.  A ratio r stands at r / (1 + r), so that 1 is in the middle
    and 2 as far from it as 1/2; ratios come last, and the scale below belongs to them.

    Parameters
    ----------
    frame
        Columns label, group, published, low, high, implied, inside, ratio and judged; one
        row a figure.
    title
        Above the picture; wrapped to its width.
    ax
        Where to draw; a new figure, as high as its rows need, unless given.
    """
    rows = _grouped(frame)
    made, top = _dense_rows(rows, title, ax)
    ax = made.ax
    figures = rows[rows["published"].notna()].copy()
    ratio = figures["ratio"].astype(bool)
    for name in ("published", "low", "high", "implied"):
        figures[f"{name}_at"] = figures[name].where(~ratio, 1 - 1 / (1 + figures[name]))
    handles = [_published(ax, figures, judged=judged) for judged in (False, True)]
    handles += [_implied(ax, figures, inside=inside) for inside in (True, False)]
    if ratio.any():
        upper = float(figures["place"][ratio].max())
        _ratio_scale(ax, upper, only=bool(ratio.all()), roomy=not made.narrow)
    at = figures["place"].tolist()
    reported = [_reported(row) for row in figures.to_dict("records")]
    implied = [written(*pair) for pair in zip(figures["implied"], ratio, strict=True)]
    made.column(reported, "published or judged", 108, places=at, head=top)
    made.column(implied, "network", 156, narrow=52, places=at, head=top, weight="bold")
    made.legend_above([handle for handle in handles if handle is not None])
    made.fit()
    return ax


def _grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows under a heading for each group, ratios apart from probabilities."""
    import pandas as pd

    parts = []
    for words, some in (("", frame[~frame["ratio"]]), (", ratios", frame[frame["ratio"]])):
        for group in some["group"].unique():
            parts += [pd.DataFrame({"label": [f"{group}{words}"]}), some[some["group"] == group]]
    rows: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return rows


def _dense_rows(rows: pd.DataFrame, title: str, ax: Axes | None) -> tuple[Sheet, float]:
    """Return axes with many rows, and the height of their head; a row takes the room that its label needs.

    Adds the place of each row to the frame.  Places are inches from the bottom.
    """
    labels = short_labels(map(str, rows["label"]), ax, _DENSE_LABEL)
    is_heading = rows["published"].isna().to_numpy()
    heights = np.array([_DENSE_ROW + _DENSE_LINE * len(lines) for lines in labels])
    tops = np.cumsum((heights + _DENSE_ROW * is_heading)[::-1])[::-1]
    rows["place"] = tops - heights / 2 - _DENSE_ROW * is_heading
    made = beside(blank(title, ax, 1.9 + float(tops[0]) + LINE * len(title) / _DENSE_LABEL), labels)
    ax = made.ax
    ax.set_yticks(rows["place"], ["\n".join(lines) for lines in labels], fontsize="small")
    for label, bold, top in zip(ax.get_yticklabels(), is_heading, tops, strict=True):
        if bold:
            label.set_fontweight("bold")
            ax.axhline(top, color="0.85", lw=0.8, zorder=0)
    ax.set_ylim(0, tops[0] + _DENSE_ROW + _DENSE_LINE)
    ax.set_xlim(0, 1)
    # On top, where those who look for the worst begin to read.
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.xaxis.set_major_formatter(tick)
    ax.set_xlabel("probability")
    ax.spines[["bottom", "right"]].set_visible(False)
    return made, float(tops[0]) + heights[0] / 2


def _published(ax: Axes, figures: pd.DataFrame, *, judged: bool) -> Any:
    """Draw intervals with their figures, or judged ranges; return what stands for them in the legend."""
    from matplotlib.lines import Line2D

    some = figures[figures["judged"].astype(bool) == judged]
    if some.empty:
        return None
    name, width = ("judged range", 1.0) if judged else ("published, 95 % interval", 1.8)
    lines = ax.hlines(some["place"], some["low_at"], some["high_at"], color="black", lw=width)
    lines.set_capstyle("butt")
    look: dict[str, Any] = {"color": "black", "mfc": "white", "clip_on": False}
    look |= {"marker": "|", "ms": 7} if judged else {"marker": "o", "ms": 6}
    marked = ("low_at", "high_at") if judged else ("published_at",)
    for column in marked:
        ax.plot(some[column], some["place"], ls="none", **look)
    # Not drawn: a line without points would count as standing in the corner of the page.
    return Line2D([], [], label=name, lw=width, **look)


def _implied(ax: Axes, figures: pd.DataFrame, *, inside: bool) -> Any:
    """Draw what the network implies, inside or outside of the intervals."""
    some = figures[figures["inside"].astype(bool) == inside]
    if some.empty:
        return None
    look: dict[str, Any] = {"marker": "D", "ms": 6, "color": BLUE}
    if not inside:
        look = {"marker": "X", "ms": 9, "color": VERMILION}
    name = f"network, {'inside' if inside else 'outside'}"
    look |= {"ls": "none", "mec": "white", "mew": 0.8, "clip_on": False, "zorder": 5}
    return ax.plot(some["implied_at"], some["place"], label=name, **look)[0]


def _ratio_scale(ax: Axes, upper: float, *, only: bool, roomy: bool) -> None:
    """Write ratios below their rows, which end so high; on top nothing, if there are only ratios."""
    scale = ax.secondary_xaxis("bottom")
    ticks = (0.1, 0.3, 1, 3, 10) if roomy else (0.1, 1, 10)
    scale.set_xticks([tick / (1 + tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    scale.set_xlabel("likelihood ratio or odds ratio")
    ax.vlines(0.5, 0, upper + _DENSE_LINE, color="0.85", lw=0.8, zorder=0)
    if only:
        ax.set_xticks([])
        ax.set_xlabel("")


def _reported(row: dict[Any, Any]) -> str:
    """Write a published figure with its interval, or a judged range."""
    figure, low, high = (written(row[name], row["ratio"]) for name in ("published", "low", "high"))
    between = f"{low.removesuffix(' %')}–{high}"
    return between if row["judged"] else f"{figure} ({between.removesuffix(' %')})"


def written(figure: float, ratio: bool) -> str:
    """Write a probability as a percentage, or a ratio with two digits.

    Examples
    --------
    >>> written(0.412, False), written(0.791, True), written(123.4, True)
    ('41.2 %', '0.79', '123')
    """
    if not ratio:
        return percent(figure)
    return f"{figure:.2g}" if figure < 99.5 else f"{figure:,.0f}"
