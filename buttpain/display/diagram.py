"""The picture of a network: causes on the left, what they bring about on the right.

Arrows are lines between columns.  Where too many run into the last column to be followed, they are
dots in a table instead: a row for each node of that column, a column for each parent (such hybrids
come from NodeTrix: Henry, Fekete and McGuffin, IEEE Trans. Visualization and Computer Graphics 2007).

Lengths are in points, rightward and down from the top left corner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import accumulate, pairwise
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

from buttpain.display.layers import Arrow, Diagram, Item, Node, arranged, placed
from buttpain.display.use import flagged
from buttpain.errors import which_comes_with

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_diagram"]

MOST_LINES = 110
"""Arrows into the last column that are still lines; among more, none can be followed by eye."""
MOST_HEADS = 60
"""Arrows in all up to which each has a head; with more, only those do that do not run to the right."""
LEAST_MOVE = 0.01
"""What an arrow must carry to be more than a pale line: one percentage point."""

BLUE, VERMILION, GREY, PALE, DARK = "#0072b2", "#d55e00", "#757575", "#80808059", "#00507d"
HUES = (BLUE, VERMILION, "#007a5a", "#8c4a7d", "#946000", "#3d3d3d")
"""Of arrows from different nodes: Okabe and Ito's, the light ones darkened for the sake of thin lines."""
_BAND = "#80808028"
"""Behind a row; like what is pale, it lets the page through, and so is faint on a dark one too."""

_SIZE, _HEADING, _TITLE = 7.5, 9.0, 10.0
"""Of letters: in boxes, of headings, of the title."""
_LABEL = 36
"""Characters of a label on one line."""
_LINE, _PAD, _APART, _LANE, _SIDE = 9.6, 2.0, 3.0, 4.0, 4.0
"""Of boxes: a line of text, the space above and below it, between boxes, for a lane, beside the text."""
_ROW, _CELL, _DOT = 12.0, 12.0, 5.2
"""Of the table: the height of a row, the width of a column, the radius of the largest dot."""
_GAP, _BETWEEN, _ARC = (56.0, 130.0), 24.0, 44.0
"""Between columns, least and most; before the table; and how far an arrow within a column bends out."""
_TOP, _KEY, _MARGIN, _LEAST = 20.0, 15.0, 10.0, 300.0
"""For headings, for a line of the key, around all; and the least width, for the sake of title and key."""

Point = tuple[float, float]


def plot_diagram(diagram: Diagram, ax: Axes | None = None) -> Axes:
    """Draw a network, or what its arrows carry in a case.

    Parameters
    ----------
    diagram
        Nodes and arrows.
    ax
        Where to draw, shrunk to fit; a new figure of the size that is needed unless given.

    Raises
    ------
    ImportError
        If matplotlib, an extra, is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ImportError(f"pictures need matplotlib, {which_comes_with('plots')}")
    joined, tabled = _divided(diagram)
    table = _Table(tabled) if tabled else None
    columns = _Columns(joined, table.height if table else 0.0)
    width = max(_LEAST, columns.width + (_BETWEEN + table.width if table else 0.0))
    key, below = _flowed(_key(diagram, dots=tabled is not None), width), _TOP + columns.height
    title = "\n".join(filter(None, (flagged(diagram.alerts), diagram.title)))
    pen = _Pen(title, (width, below + _KEY * (1.5 + max(line for _, line, _ in key))), ax)
    columns.draw(pen)
    if table:
        table.draw(pen, columns.width + _BETWEEN)
    for x, line, sign in key:
        sign.draw(pen, (x, below + _KEY * (line + 1)))
    return pen.ax


def _divided(diagram: Diagram) -> tuple[Diagram, Diagram | None]:
    """Return what is drawn with lines, and what as a table: its heads in one column, its rows in the next."""
    last = len(diagram.headings) - 1
    rows = {node.name for node in diagram.nodes if node.column == last}
    into = tuple(arrow for arrow in diagram.arrows if arrow.target in rows)
    parents = {arrow.source for arrow in into}
    if len(into) <= MOST_LINES or any(arrow.source in rows for arrow in diagram.arrows):
        return diagram, None
    heads = tuple(replace(node, column=0) for node in diagram.nodes if node.name in parents)
    body = tuple(replace(node, column=1) for node in diagram.nodes if node.name in rows)
    others = tuple(node for node in diagram.nodes if node.name not in rows)
    rest = tuple(arrow for arrow in diagram.arrows if arrow.target not in rows)
    tabled = replace(diagram, headings=("", diagram.headings[last]), nodes=heads + body, arrows=into)
    return replace(diagram, headings=diagram.headings[:last], nodes=others, arrows=rest), tabled


# -- looks -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Look:
    """How an arrow looks: its colour, its size from 0 to 1 (None if pale), and whether it says "less"."""

    colour: str
    size: float | None
    less: bool = False

    @property
    def width(self) -> float:
        """Of a line."""
        return 0.5 if self.size is None else 0.6 + 3.4 * self.size

    @property
    def radius(self) -> float:
        """Of a dot."""
        return 1.1 if self.size is None else 1.4 + (_DOT - 1.4) * self.size

    @property
    def above(self) -> float:
        """Which is drawn over which: the larger ones are."""
        return 1.0 if self.size is None else 2.0 + self.size


def _look(arrows: Iterable[Arrow], hue: str) -> _Look:
    """Return the look of the one that counts most."""
    moves, strength = [], 0.0
    for arrow in arrows:
        strength = max(strength, arrow.strength)
        moves += [] if arrow.move is None else [arrow.move]
    if not moves:
        return _Look(hue, strength)
    move = max(moves, key=abs)
    if abs(move) < LEAST_MOVE:
        return _Look(PALE, None)
    # A root, for what matters lies between 0.01 and 0.3.
    return _Look(VERMILION if move < 0 else BLUE, abs(move) ** 0.5, less=move < 0)


_FRAMES: dict[str, tuple[float, str, Any]] = {
    "": (0.5, GREY, "-"),
    "observed": (1.7, "black", "-"),
    "likelihood": (1.5, "black", (0, (2, 1))),
    "given": (1.7, GREY, "-"),
}
"""Width, colour and style by what is known of the node."""


def _faced(node: Node) -> tuple[tuple[float, ...], str]:
    """Return the colours of a box and of what stands in it: the likelier, the darker."""
    share = node.shade or 0.0
    face = tuple(1 - share * (1 - int(DARK[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return face, "white" if share > 0.74 else "black"


# -- sizes -------------------------------------------------------------------------------


def _lines(node: Node) -> list[str]:
    return wrap(node.label, _LABEL) or [node.name]


def _width(text: str, *, size: float = _SIZE, bold: bool = False) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    # Letters are set on whole pixels, which takes up to a fourteenth more room on a coarse screen.
    return 1.07 * float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def _room(nodes: Sequence[Node], heading: str = "") -> float:
    """Return the width of boxes that hold the label and the value of each of these nodes."""
    least = _width(heading, size=_HEADING, bold=True)
    labels = max(_width(line, bold=bool(node.mark)) for node in nodes for line in _lines(node))
    values = max(_width(node.value, bold=bool(node.mark)) for node in nodes)
    return max(least, 2 * _SIDE + labels + (2 * _SIDE + values if values else 0.0))


# -- what is drawn -----------------------------------------------------------------------


class _Columns:
    """Columns of boxes with lines between them."""

    def __init__(self, diagram: Diagram, least: float) -> None:
        """Find where everything stands; `least` is the least height."""
        self.diagram = diagram
        self.layers = arranged(diagram)
        self.nodes = {node.name: node for node in diagram.nodes}
        self.boxes = [[self.nodes[n] for _, n, lane in column if not lane] for column in self.layers.columns]
        sizes = {item: self._size(item) for column in self.layers.columns for item in column}
        self.height = max(least, *(sum(map(sizes.__getitem__, column)) for column in self.layers.columns))
        self.middle = placed(self.layers, sizes, self.height)
        self.hue = {node.name: HUES[k % len(HUES)] for column in self.boxes for k, node in enumerate(column)}
        self.within = [a for a in diagram.arrows if self._column(a.source) == self._column(a.target)]
        self.ends = self._ends()
        bent = any(self._column(arrow.source) == len(self.ends) - 1 for arrow in self.within)
        self.width = self.ends[-1][1] + bent * _ARC

    def _column(self, name: str) -> int:
        return self.nodes[name].column

    def _size(self, item: Item) -> float:
        return _LANE if item[2] else self._box_height(self.nodes[item[1]]) + _APART

    def _box_height(self, node: Node) -> float:
        return _LINE * len(_lines(node)) + 2 * _PAD

    def _ends(self) -> list[Point]:
        """Return where each column begins and ends; the more lines leave it, the more room follows."""
        lines = Counter(left[0] for left, _ in self.layers.lines)
        ends, start = [], 0.0
        for i, (column, heading) in enumerate(zip(self.boxes, self.diagram.headings, strict=True)):
            ends.append((start, start + _room(column, heading)))
            start = ends[-1][1] + min(_GAP[0] + 0.6 * lines[i], _GAP[1])
        return ends

    def draw(self, pen: _Pen) -> None:
        """Draw lines, and boxes over them."""
        for (left, right), arrows in self.layers.lines.items():
            self._draw_line(pen, left, right, arrows)
        for arrow in self.within:
            self._draw_arc(pen, arrow)
        for (start, _), heading in zip(self.ends, self.diagram.headings, strict=True):
            pen.text((start, _TOP / 2), heading, size=_HEADING, weight="bold")
        for node in self.diagram.nodes:
            start, end = self.ends[node.column]
            middle = _TOP + self.middle[self._item(node.name)]
            pen.node(node, (start, middle), end - start, self._box_height(node))

    def _item(self, name: str) -> Item:
        return self._column(name), name, ""

    def _side(self, item: Item, side: Literal[0, 1]) -> Point:
        """Return the middle of the left or the right side of an item."""
        return self.ends[item[0]][side], _TOP + self.middle[item]

    def _draw_line(self, pen: _Pen, left: Item, right: Item, arrows: Sequence[Arrow]) -> None:
        look = _look(arrows, self.hue[left[1]])
        start, end = self._side(left, 1), self._side(right, 0)
        pen.line(start, end, look)
        if right[2]:
            pen.line(end, self._side(right, 1), look)
        elif len(self.diagram.arrows) <= MOST_HEADS and any(a.target == right[1] for a in arrows):
            pen.head(end, look, leftward=False)
        if not left[2] and any(arrow.target == left[1] for arrow in arrows):
            pen.head(start, look, leftward=True)

    def _draw_arc(self, pen: _Pen, arrow: Arrow) -> None:
        look, end = _look([arrow], self.hue[arrow.source]), self._side(self._item(arrow.target), 1)
        pen.arc(self._side(self._item(arrow.source), 1), end, look)
        pen.head(end, look, leftward=True)


class _Table:
    """A dot for each arrow: in the row of the child, under the head of the parent."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        nodes = {node.name: node for node in diagram.nodes}
        self.heads, self.rows = (
            [nodes[name] for _, name, _ in column] for column in arranged(diagram).columns
        )
        widths = [max(_CELL, _LINE * len(_lines(node)) + _PAD) for node in self.heads]
        self.sides = [0.0, *accumulate(widths)]
        self.heights = [max(_ROW, _LINE * len(_lines(node)) + _PAD) for node in self.rows]
        self.top = _room(self.heads)
        self.height = self.top + _APART + sum(self.heights)
        self.width = self.sides[-1] + _SIDE + _room(self.rows, diagram.headings[1])

    def draw(self, pen: _Pen, left: float) -> None:
        """Draw it with its left end there: heads on end, dots, and the names of the rows on the right."""
        foot, right = _TOP + self.top, left + self.sides[-1] + _SIDE
        pen.text((right, foot - _HEADING / 2), self.diagram.headings[1], size=_HEADING, weight="bold")
        across: dict[str, float] = {}
        down: dict[str, float] = {}
        for node, (start, end) in zip(self.heads, pairwise(self.sides), strict=True):
            across[node.name] = x = left + (start + end) / 2
            pen.node_on_end(node, (x, _TOP), self.top, end - start - 1.5)
            pen.rule((x, foot), (x, _TOP + self.height))
        ends = accumulate(self.heights, initial=foot + _APART)
        for node, (start, end) in zip(self.rows, pairwise(ends), strict=True):
            down[node.name] = y = (start + end) / 2
            if node.mark:
                pen.band((left, y), right - left, end - start)
            pen.rule((left, y), (right, y))
            pen.node(node, (right, y), left + self.width - right, end - start - 1.5)
        hue = {node.name: HUES[k % len(HUES)] for k, node in enumerate(self.heads)}
        for arrow in self.diagram.arrows:
            pen.dot((across[arrow.source], down[arrow.target]), _look([arrow], hue[arrow.source]))


# -- the key -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sign:
    """A part of the key: what is shown at a place, how wide it is, and what it means."""

    show: Callable[[_Pen, Point], None]
    room: float
    words: str

    @property
    def width(self) -> float:
        """Of all of it, and the space behind it."""
        return self.room + _SIDE + _width(self.words) + 14

    def draw(self, pen: _Pen, at: Point) -> None:
        """Draw it with its left end there."""
        self.show(pen, at)
        pen.text((at[0] + self.room + _SIDE, at[1]), self.words)


def _key(diagram: Diagram, *, dots: bool) -> Iterator[_Sign]:
    """Yield what explains the picture."""
    if not diagram.of_case:
        for strength, words in (
            (0.1, "can change what it leads to by 10 points"),
            (0.5, "by 50"),
            (0.9, "by 90"),
        ):
            yield _arrow_sign(Arrow("", "", strength), words, dots=dots)
        return
    for move, words in (
        (0.3, "makes its cause (its effect, if the cause was observed) likelier by 30 points"),
        (0.03, "by 3"),
        (-0.3, "less likely by 30 points"),
        (-0.03, "by 3"),
        (0.0, "changes less than 1"),
    ):
        yield _arrow_sign(Arrow("", "", move=move), words, dots=dots)
    for shade in (0.0, 0.5, 1.0):
        yield _box_sign(Node("", "", 0, shade=shade), f"probability {100 * shade:.0f} %")
    marks = {node.mark for node in diagram.nodes}
    for mark, words in (
        ("observed", "observed"),
        ("likelihood", "observed as likelihoods"),
        ("given", "so in every case"),
    ):
        if mark in marks:
            yield _box_sign(Node("", "", 0, mark=mark), words)


def _arrow_sign(arrow: Arrow, words: str, *, dots: bool) -> _Sign:
    look = _look([arrow], GREY)

    def show(pen: _Pen, at: Point) -> None:
        pen.line(at, (at[0] + 20, at[1]), look)
        if dots:
            pen.dot((at[0] + 28, at[1]), look)

    return _Sign(show, 34.0 if dots else 20.0, words)


def _box_sign(node: Node, words: str) -> _Sign:
    def show(pen: _Pen, at: Point) -> None:
        pen.node(node, at, 18, 9)

    return _Sign(show, 18.0, words)


def _flowed(signs: Iterable[_Sign], width: float) -> list[tuple[float, int, _Sign]]:
    """Return each sign with its place: how far to the right, and on which line."""
    found, x, line = [], 0.0, 0
    for sign in signs:
        if x and x + sign.width > width:
            x, line = 0.0, line + 1
        found.append((x, line, sign))
        x += sign.width
    return found


class _Pen:
    """Draws on axes, everything larger or smaller by one factor."""

    def __init__(self, title: str, size: Point, ax: Axes | None) -> None:
        """Take axes of this size, or new ones, and give them a title."""
        across = _inches(ax) * 72 if ax else size[0]
        lines = [line for part in title.split("\n") for line in wrap(part, max(24, int(across / 5.2)))]
        self.ax = ax or _new_axes(size, 1.25 * _TITLE * len(lines))
        self.ax.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="equal", anchor="NW")
        self.ax.set_axis_off()
        self.ax.set_title("\n".join(lines), loc="left", fontsize=_TITLE, parse_math=False)
        self.scale = 1.0
        if ax:
            # The title may take room from the axes; then they are as large as they stay.
            ax.get_figure(root=True).draw_without_rendering()  # type: ignore[union-attr]
            self.scale = _inches(ax) * 72 / size[0]

    def _add(self, patch: Any) -> None:
        patch.set_clip_on(False)
        self.ax.add_artist(patch)  # as add_patch, but without measuring what the limits do not follow

    def text(
        self,
        at: Point,
        words: str,
        *,
        size: float = _SIZE,
        upright: bool = False,
        end: bool = False,
        **style: Any,
    ) -> None:
        """Write rightward, or upward, from a point on or up to it; lines stand evenly about it."""
        if upright:
            style |= {"ha": "center", "va": "top" if end else "bottom", "rotation": 90, "ma": "left"}
        else:
            style |= {"ha": "right" if end else "left", "va": "center"}
        self.ax.text(*at, words, fontsize=size * self.scale, zorder=6, parse_math=False, **style)

    def node(self, node: Node, at: Point, width: float, height: float) -> None:
        """Draw a node, the middle of its left side there."""
        ink = self._frame(node, (at[0], at[1] - height / 2), width, height)
        if node.name:
            self.text((at[0] + _SIDE, at[1]), "\n".join(_lines(node)), **ink)
            self.text((at[0] + width - _SIDE, at[1]), node.value, end=True, **ink)

    def node_on_end(self, node: Node, at: Point, width: float, height: float) -> None:
        """Draw a node that reads upward, the middle of its right side there."""
        ink = self._frame(node, (at[0] - height / 2, at[1]), height, width)
        self.text((at[0], at[1] + width - _SIDE), "\n".join(_lines(node)), upright=True, **ink)
        self.text((at[0], at[1] + _SIDE), node.value, upright=True, end=True, **ink)

    def _frame(self, node: Node, corner: Point, width: float, height: float) -> dict[str, Any]:
        """Draw a box; return how to write in it."""
        from matplotlib.patches import FancyBboxPatch
        from matplotlib.patheffects import withStroke

        face, ink = _faced(node)
        weight, edge, style = _FRAMES[node.mark]
        look = {"fc": face, "ec": edge, "lw": weight * self.scale, "ls": style, "zorder": 5}
        box = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=2", **look)
        if node.mark:
            # A black frame would vanish on a dark page.
            box.set_path_effects([withStroke(linewidth=2.2 * weight * self.scale, foreground="white")])
        self._add(box)
        return {"color": ink, "weight": "bold" if node.mark else "normal"}

    def line(self, start: Point, end: Point, look: _Look) -> None:
        """Draw a line that leaves and arrives level."""
        middle = (start[0] + end[0]) / 2
        self._curve([start, (middle, start[1]), (middle, end[1]), end], look)

    def arc(self, start: Point, end: Point, look: _Look) -> None:
        """Draw a line between two points above each other, bending to the right."""
        bend = min(10 + 0.15 * abs(end[1] - start[1]), _ARC)
        self._curve([start, (start[0] + bend, start[1]), (end[0] + bend, end[1]), end], look)

    def _curve(self, points: Sequence[Point], look: _Look) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        style: Any = (0, (3, 1.2)) if look.less else "-"
        path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
        width = look.width * self.scale
        self._add(PathPatch(path, fc="none", ec=look.colour, lw=width, ls=style, zorder=look.above))

    def head(self, at: Point, look: _Look, *, leftward: bool) -> None:
        """Draw the head of an arrow that ends there."""
        from matplotlib.patches import Polygon

        back = (3.5 + look.width) * (1 if leftward else -1)
        half = 1.6 + 0.6 * look.width
        corners = [at, (at[0] + back, at[1] - half), (at[0] + back, at[1] + half)]
        self._add(Polygon(corners, fc=look.colour, ec="none", zorder=look.above + 0.5))

    def dot(self, at: Point, look: _Look) -> None:
        """Draw a dot; an open one says "less"."""
        from matplotlib.patches import Circle

        line = 1.4 if look.less else 0.0
        face = "white" if look.less else look.colour
        shape = Circle(at, look.radius - line / 2, fc=face, ec=look.colour, lw=line * self.scale, zorder=4)
        self._add(shape)

    def rule(self, start: Point, end: Point) -> None:
        """Draw a line that guides the eye."""
        across, down = zip(start, end, strict=True)
        self.ax.plot(across, down, color=PALE, lw=0.4 * self.scale, zorder=1, clip_on=False)

    def band(self, at: Point, width: float, height: float) -> None:
        """Draw a band behind a row, the middle of its left side there."""
        from matplotlib.patches import Rectangle

        corner = at[0], at[1] - height / 2
        self._add(Rectangle(corner, width, height, fc=_BAND, ec="none", zorder=0.5))


def _inches(ax: Axes) -> float:
    figure = ax.get_figure(root=True)
    return ax.get_window_extent().width / figure.dpi if figure else 0.0


def _new_axes(size: Point, title: float) -> Axes:
    """Return axes of a size in points on a figure of their own, with room for a title."""
    import matplotlib.pyplot as plt

    width, height = size[0] + 2 * _MARGIN, size[1] + title + 2.4 * _MARGIN
    figure = plt.figure(figsize=(width / 72, height / 72))
    return figure.add_axes((_MARGIN / width, _MARGIN / height, size[0] / width, size[1] / height))
