"""Axes with what stands around them: a title, a label a row, columns of numbers, a legend.

A new figure is as large as the picture needs.  Somebody's own axes are as large as they are, so there
the picture gives way: smaller and shorter labels, only the column that matters most, the legend in as
many columns as there is room for.  Lengths are in inches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from buttpain.errors import which_comes_with

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.transforms import Bbox
    from numpy.typing import NDArray

__all__ = ["Sheet", "beside", "blank", "new_axes", "sheet", "short_labels", "tick"]

LABEL = 34
"""Characters of a label on one line."""
ROW, LINE = 0.24, 0.17
"""What a row takes besides its text, and a line of text."""
TITLE, PER_INCH = 68, 10
"""Characters on a line of the title: of a new picture, and by the inch, with some to spare."""
WIDE = 7.5
"""The least that labels, axes and all columns take together."""

_SIZES = (10.0, 8.33, 7.0)
"""Of labels, in points, from the best to the least that can be read."""
_LABELS = 0.4
"""The share of the width that labels may take."""
_EM = 0.62
"""The width of a letter, to its size, of the usual font and on average; a little much."""
_LEFT, _RIGHT, _BELOW, _ABOVE = 0.4, 0.05, 0.42, 0.2
"""What may stand out from axes that nobody lays out: what numbers on both axes and a title take."""
_LEAST = 0.5
"""What is left of axes that are too small for all this."""


def tick(value: float, _: object = None) -> str:
    """Write a probability at a tick with all the digits that the tick has.

    Examples
    --------
    >>> [tick(p) for p in (0.275, 0.3, 0.30000000000000004, 0.00125, -0.0, 1)]
    ['27.5 %', '30 %', '30 %', '0.125 %', '0 %', '100 %']
    """
    return f"{round(100 * value, 9) + 0.0:.12g} %"


def new_axes(ax: Axes | None, height: float) -> Axes:
    """Return the axes given, or new ones of this height.

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
        raise ImportError(f"pictures need matplotlib, {which_comes_with('plots')}") from error
    _, made = plt.subplots(figsize=(8.0, height), layout="constrained")
    return made


@dataclass(frozen=True, slots=True)
class Sheet:
    """Axes to draw on, and how much room there is around them.

    Parameters
    ----------
    ax
        The axes.
    places
        Of the rows, from the top down.
    width
        Of the axes as they will be, about; None if they are new and need not be sparing.
    left
        What the labels of the rows take to the left of them.
    whole
        The width of all of it.
    """

    ax: Axes
    places: list[int]
    width: float | None = None
    left: float = 0.0
    whole: float = 8.0

    @property
    def narrow(self) -> bool:
        """Whether there is no room for everything."""
        return self.width is not None and self.whole < WIDE

    def column(  # noqa: PLR0913 -- where, what, and how it looks
        self,
        texts: Iterable[str],
        name: str,
        end: float,
        *,
        narrow: float | None = None,
        places: Sequence[float] | None = None,
        head: float | None = None,
        **style: Any,
    ) -> None:
        """Write texts to the right of the axes, under a name.

        Parameters
        ----------
        texts, name
            One a row, and the head above them.
        end
            How many points from the axes they end.
        narrow
            The same where there is little room; unless given, they are left out there.
        places, head
            Where the rows and the head stand, unless where they do in the axes.
        **style
            Passed on to `Axes.annotate`.
        """
        if self.narrow:
            if narrow is None:
                return
            end = narrow
        at: Sequence[float] = self.places if places is None else places
        for place, text in [(len(at) - 0.2 if head is None else head, name), *zip(at, texts, strict=True)]:
            self.ax.annotate(
                text,
                (1, place),
                (end, 0),
                xycoords=self.ax.get_yaxis_transform(),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize="small",
                annotation_clip=False,
                **style,
            )

    def name_across(self, name: str) -> None:
        """Write what the axis across counts."""
        room = TITLE if self.width is None else max(16, int(1.2 * PER_INCH * self.width))
        label = self.ax.xaxis.label
        label.set_text("\n".join(wrap(name, room)))
        if self.narrow:
            label.set_fontsize("small")

    def legend(self, handles: list[Any]) -> None:
        """Explain what is drawn in the row above the others or, where it is too narrow, below the axes."""
        if self.narrow:
            self.legend_below(handles)
            return
        self.ax.legend(
            handles=handles,
            frameon=False,
            loc="upper left",
            ncols=len(handles),
            borderaxespad=0,
            fontsize="small",
            markerscale=0.7,
        )

    def legend_below(self, handles: list[Any] | None = None) -> None:
        """Explain what is drawn below the axes, in as many columns as there is room for."""
        lines = self.ax.get_xlabel().count("\n")
        self._legend_at(handles or self.ax.get_legend_handles_labels()[0], "upper left", -0.5 - LINE * lines)

    def legend_above(self, handles: list[Any]) -> None:
        """Explain what is drawn above the axes, between the numbers on top of them and the title."""
        lines = -(-len(handles) // self._legend_at(handles, "lower left", 0.5))
        self.head(self.ax.get_title(loc="left").split("\n"), 44 + 15 * lines)

    def _legend_at(self, handles: list[Any], loc: str, up: float) -> int:
        """Explain what is drawn, so far above the axes' bottom or top; return in how many columns."""
        from matplotlib.transforms import ScaledTranslation

        names = [str(handle.get_label()) for handle in handles]
        columns = min(2, len(names)) if self.width is None else _columns(names, self.whole)
        look: dict[str, Any] = {"frameon": False, "borderaxespad": 0, "fontsize": "small", "loc": loc}
        if self.narrow:
            look |= {"markerscale": 0.7, "columnspacing": 1.2}
        where = self.ax.transAxes + ScaledTranslation(-self.left, up, self._scale)
        anchor = (0, 0 if up < 0 else 1)
        self.ax.legend(handles=handles, ncols=columns, bbox_to_anchor=anchor, bbox_transform=where, **look)
        return columns

    def head(self, lines: Sequence[str], pad: float | None = None) -> None:
        """Write the title, so many points up, and from the left end of the labels where it has to fit."""
        from matplotlib.transforms import ScaledTranslation

        title = self.ax.set_title("\n".join(lines), loc="left", fontsize=10, pad=pad)
        if self.left:
            title.set_transform(title.get_transform() + ScaledTranslation(-self.left, 0, self._scale))

    def fit(self) -> None:
        """Shrink axes that were given and that nobody lays out, until nothing stands out of their place."""
        figure = self.ax.get_figure(root=True)
        if self.width is None or figure is None or figure.get_layout_engine() is not None:
            return
        taken = np.zeros(4)
        for _ in range(3):  # what stands around them may move when they shrink
            self.ax.set_axes_locator(partial(_inset, taken.copy()))
            taken += _excess(self.ax, figure.dpi)
        self.ax.set_axes_locator(partial(_inset, taken))

    @property
    def _scale(self) -> Any:
        figure = self.ax.get_figure(root=True)
        assert figure is not None  # noqa: S101 - what is drawn on is part of one
        return figure.dpi_scale_trans


def _place(ax: Axes) -> Bbox:
    """Return the place that axes were given, in dots."""
    figure = ax.get_figure(root=False)
    assert figure is not None  # noqa: S101 - what is drawn on is part of one
    return ax.get_position(original=True).transformed(figure.transSubfigure)


def _excess(ax: Axes, dpi: float) -> NDArray[np.float64]:
    """Return how far what is drawn stands out of its place: left, below, right, above."""
    shown, place = ax.get_tightbbox(), _place(ax)
    if shown is None:
        return np.zeros(4)
    out = np.array([place.x0 - shown.x0, place.y0 - shown.y0, shown.x1 - place.x1, shown.y1 - place.y1]) / dpi
    return np.maximum(0.0, out - (_LEFT, _BELOW, _RIGHT, _ABOVE))


def _inset(taken: NDArray[np.float64], ax: Axes, _: object) -> Bbox:
    """Return the place of axes, in parts of the figure, less so many inches on each side."""
    from matplotlib.transforms import Bbox

    figure = ax.get_figure(root=False)
    assert figure is not None  # noqa: S101 - what is drawn on is part of one
    place, dots = _place(ax), taken * figure.dpi
    start, end, least = np.array(place.p0), np.array(place.p1), _LEAST * figure.dpi
    low = np.minimum(start + dots[:2], end - least)
    box = Bbox([low, np.maximum(end - dots[2:], low + least)])
    return box.transformed(figure.transSubfigure.inverted())


def sheet(labels: Iterable[str], title: str, ax: Axes | None, *, side: float = 0.0) -> Sheet:
    """Return axes with a label a row, the first on top, and a title.

    Parameters
    ----------
    labels
        One a row; wrapped, and where there is too little room cut short.
    title
        One line or more, each wrapped.
    ax
        The axes; new ones, as high as the rows need, unless given.
    side
        What the column on the right takes that is never left out.
    """
    made = _new(list(labels), title) if ax is None else _given(list(labels), title, ax, side)
    ax = made.ax
    # The row above the others is for the legend and the heads of the columns.
    ax.set_ylim(-0.5, len(made.places) + 0.1)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(tick)
    made.name_across("probability under this model")
    ax.spines[["top", "right"]].set_visible(False)
    return made


def _new(labels: list[str], title: str) -> Sheet:
    texts = ["\n".join(wrap(label, LABEL)) for label in labels]
    heading = _wrapped(title, TITLE)
    lines = sum(1 + text.count("\n") for text in texts) + len(heading)
    made = Sheet(new_axes(None, 0.9 + ROW * (1 + len(texts)) + LINE * lines), _places(texts))
    made.ax.set_yticks(made.places, texts)
    made.head(heading)
    return made


def _given(labels: list[str], title: str, ax: Axes, side: float) -> Sheet:
    whole, high = _cell(ax)
    heading = _wrapped(title, max(20, int(PER_INCH * whole)))
    legend = 0.1 + 2 * LINE if whole < WIDE else 0.0
    row = (high - LINE * len(heading) - legend - 0.7) / (len(labels) + 0.6)
    texts, size = _fitted(labels, _LABELS * whole, row)
    left = 0.1 + max((_width(line, size) for text in texts for line in text.split("\n")), default=0.0)
    made = Sheet(ax, _places(texts), max(_LEAST, whole - left - side - 0.1), left, whole)
    ax.set_yticks(made.places, texts, fontsize=size)
    made.head(heading)
    if made.narrow:
        ax.tick_params(axis="x", labelsize="small")
        ax.xaxis.set_major_locator(_locator(made))
    return made


def _width(text: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    found = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(found[0]) / 72


def _locator(made: Sheet) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(max(2, int((made.width or 0.0) / 0.65)), steps=[1, 2, 2.5, 5, 10])


def _fitted(labels: list[str], width: float, height: float) -> tuple[list[str], float]:
    """Return labels that fit a width and a height each, and the size of their letters."""
    for size in _SIZES:
        line = max(8, min(LABEL, int(width * 72 / (_EM * size))))
        lines = max(1, int(height * 72 / (1.2 * size)))
        texts = [wrap(label, line) for label in labels]
        if all(len(text) <= lines for text in texts):
            break
    else:
        texts = [text if len(text) <= lines else _shortened(text, line, lines) for text in texts]
    return ["\n".join(text) for text in texts], size


def _shortened(lines: list[str], line: int, most: int) -> list[str]:
    """Return the first and the last words of a text, for labels that begin alike may end otherwise."""
    words = " ".join(lines).split()
    for kept in range(len(words) - 1, 0, -1):
        ends = words[: kept - kept // 2], words[len(words) - kept // 2 :]
        found = wrap(" ".join([*ends[0], "…", *ends[1]]), line)
        if len(found) <= most:
            return found
    return wrap(" ".join(words), line, max_lines=most, placeholder=" …")


def blank(title: str, ax: Axes | None, height: float) -> Sheet:
    """Return axes without rows, and with a title; new ones of this height unless given."""
    if ax is None:
        made = Sheet(new_axes(None, height), [])
        made.head(_wrapped(title, TITLE))
        return made
    whole, _ = _cell(ax)
    made = Sheet(ax, [], max(_LEAST, whole - 0.6), 0.0, whole)
    made.head(_wrapped(title, max(20, int(PER_INCH * (whole - 0.6)))))
    return made


def beside(made: Sheet, labels: Iterable[Sequence[str]]) -> Sheet:
    """Return the same axes with small labels on the left of them."""
    if made.width is None:
        return made
    left = 0.1 + max((_width(line, _SIZES[1]) for label in labels for line in label), default=0.0)
    return replace(made, left=left, width=max(_LEAST, made.width - left))


def short_labels(labels: Iterable[str], ax: Axes | None, most: int) -> list[list[str]]:
    """Return labels in lines of so many small letters at most; on axes that were given, in one short line."""
    if ax is None:
        return [wrap(label, most) for label in labels]
    room = max(12, min(most, int(_LABELS * _cell(ax)[0] * 72 / (_EM * _SIZES[1]))))
    return [_shortened([label], room, 1) if len(label) > room else [label] for label in labels]


def _places(rows: Sequence[object]) -> list[int]:
    return list(range(len(rows)))[::-1]


def _wrapped(title: str, room: int) -> list[str]:
    return [line for part in title.split("\n") for line in wrap(part, room)]


def _columns(names: Sequence[str], width: float) -> int:
    """Return the most columns in which a legend is no wider than this."""
    sizes = [0.55 + _EM * 8.33 / 72 * len(name) for name in names]
    for count in range(len(sizes), 1, -1):
        # One column is filled before the next; the first ones are the longer.
        each, longer = divmod(len(sizes), count)
        starts = [0, *accumulate(each + (j < longer) for j in range(count))]
        if sum(max(sizes[start:end]) for start, end in pairwise(starts)) <= width:
            return count
    return 1


def _cell(ax: Axes) -> tuple[float, float]:
    """Return the width and the height of what axes that were given have for all that belongs to them."""
    root, figure = ax.get_figure(root=True), ax.get_figure(root=False)
    assert root is not None  # noqa: S101 - what is drawn on is part of one
    assert figure is not None  # noqa: S101
    box = _place(ax)
    width, height = box.width / root.dpi, box.height / root.dpi
    spec = ax.get_subplotspec()
    if root.get_layout_engine() is None or spec is None:
        return width + _LEFT + _RIGHT, height + _BELOW + _ABOVE
    across, up = _share(spec, figure, root.dpi)
    # Within a grid in a grid it is the axes that tell the size.
    return min(across, 1.5 * width), min(up, 1.5 * height)


def _share(spec: Any, figure: Figure | SubFigure, dpi: float) -> tuple[float, float]:
    """Return the part of a figure that a place in its grid has."""
    grid = spec.get_gridspec()
    rows, columns = grid.get_height_ratios(), grid.get_width_ratios()
    across = sum(columns[i] for i in spec.colspan) / sum(columns)
    up = sum(rows[i] for i in spec.rowspan) / sum(rows)
    return figure.bbox.width / dpi * across, figure.bbox.height / dpi * up
