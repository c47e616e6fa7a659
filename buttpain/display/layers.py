"""Nodes and arrows as plain data, and an order of them in columns.

Arrows run between columns; one that skips a column passes it in a lane, which it shares with
the other arrows of the node at its left end.  The order within columns is that of the barycentre
method (Sugiyama, Tagawa and Toda, IEEE Trans. Systems, Man, and Cybernetics 1981), bettered by
switching neighbours.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise, product

__all__ = ["Arrow", "Diagram", "Item", "Layers", "Node", "arranged", "by_depth", "placed", "settled"]

_SWEEPS, _SWITCHES = 64, 6
"""Of the barycentre method alone, and with neighbours switched after each; more were not seen to help."""
_MOST_LABELS = 5
"""Of a focus, in the title; the rest are counted."""
_ROUNDS = 6
"""Of placing columns beside their neighbours; places hardly move after three."""


@dataclass(frozen=True, slots=True)
class Node:
    """What is shown of a node.

    Parameters
    ----------
    name, label
        Identifier, and what people read.
    column
        Where it stands, from 0 on the left.
    value
        What is said beside the label.
    shade
        A probability, if there is one to show.
    mark
        Empty, or "observed", "likelihood" or "given".
    """

    name: str
    label: str
    column: int
    value: str = ""
    shade: float | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """What is shown of an arrow.

    Parameters
    ----------
    source, target
        Names of parent and child.
    strength
        The most that the parent can change the child, from 0 to 1.
    move
        What it carries in a case: by how much its source is more probable than without it,
        or, if that was observed, its target; None where there is no case.
    """

    source: str
    target: str
    strength: float = 1.0
    move: float | None = None


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes in columns, and arrows.

    Parameters
    ----------
    title
        What it shows; one line or more.
    headings
        One a column; empty where there is nothing to say.
    nodes, arrows
        In the order of the network.
    alerts
        What must be seen before all else; one a line.
    """

    title: str
    headings: tuple[str, ...]
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    alerts: tuple[str, ...] = ()

    @property
    def of_case(self) -> bool:
        """Whether it shows what arrows carry in a case."""
        return any(arrow.move is not None for arrow in self.arrows)

    def around(self, focus: Iterable[str]) -> Diagram:
        """Return only these nodes with their ancestors and descendants; all of it if these are all."""
        names = set(focus)
        if len(names) == len(self.nodes):
            return self
        labels = [node.label for node in self.nodes if node.name in names]
        more = [f"{len(labels) - _MOST_LABELS} more"] if len(labels) > _MOST_LABELS else []
        around = ", ".join(labels[:_MOST_LABELS] + more)
        kept = self.only(self._reached(names, up=True) | self._reached(names, up=False))
        return replace(kept, title=f"{self.title}\nAround: {around}")

    def only(self, names: Collection[str]) -> Diagram:
        """Return only these nodes and the arrows between them; columns left empty go."""
        nodes = [node for node in self.nodes if node.name in names]
        columns = sorted({node.column for node in nodes})
        return replace(
            self,
            headings=tuple(self.headings[column] for column in columns),
            nodes=tuple(replace(node, column=columns.index(node.column)) for node in nodes),
            arrows=tuple(arrow for arrow in self.arrows if arrow.source in names and arrow.target in names),
        )

    def _reached(self, names: set[str], *, up: bool) -> set[str]:
        steps = defaultdict(set)
        for arrow in self.arrows:
            start, end = (arrow.target, arrow.source) if up else (arrow.source, arrow.target)
            steps[start].add(end)
        found, waiting = set(names), list(names)
        while waiting:
            new = steps[waiting.pop()] - found
            found |= new
            waiting += new
        return found


def by_depth(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return a column for each node, to the right of all its parents.

    Parameters
    ----------
    parents
        Of each node; parents stand before their children.

    Examples
    --------
    >>> by_depth({"a": [], "b": ["a"], "late": [], "c": ["b", "late"]})
    {'a': 0, 'b': 1, 'late': 1, 'c': 2}
    """
    column: dict[str, int] = {}
    for node, causes in parents.items():
        column[node] = max((column[cause] + 1 for cause in causes), default=0)
    # A root stands just before the first of its children.
    first: dict[str, int] = {}
    for node, causes in parents.items():
        for cause in causes:
            first[cause] = min(first.get(cause, column[node]), column[node])
    return {node: at if parents[node] else first.get(node, 1) - 1 for node, at in column.items()}


Item = tuple[int, str, str]
"""What has a place in a column: (column, name, which); `which` is empty for the node itself,
"out" or "in" for a lane of the arrows that leave or reach its right side."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Columns in order, and the lines between neighbouring columns.

    Parameters
    ----------
    columns
        Their items from the top down.
    lines
        For each two items that are joined, the left one first, the arrows that run there.
    """

    columns: tuple[tuple[Item, ...], ...]
    lines: Mapping[tuple[Item, Item], tuple[Arrow, ...]]

    def crossings(self) -> int:
        """Return how many pairs of lines cross."""
        place = {item: k for column in self.columns for k, item in enumerate(column)}
        gaps = defaultdict(list)
        for left, right in self.lines:
            gaps[left[0]].append((place[left], place[right]))
        return sum(map(_inversions, gaps.values()))


def _inversions(ends: Iterable[tuple[int, int]]) -> int:
    """Return how many pairs stand in one order on the left and in the other on the right."""
    count, above = 0, list[int]()
    for _, right in sorted(ends):
        count += len(above) - bisect_right(above, right)
        insort(above, right)
    return count


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def arranged(diagram: Diagram) -> Layers:
    """Return the columns in an order in which few lines cross; the same one each time."""
    lines = _lines(diagram)
    columns: list[dict[Item, None]] = [{} for _ in diagram.headings]
    for node in diagram.nodes:
        columns[node.column][node.column, node.name, ""] = None
    for item in (item for pair in lines for item in pair):
        columns[item[0]][item] = None
    beside = _neighbours(lines)
    starts = [Layers(order, lines) for order in _starts([list(column) for column in columns])]
    starts.append(_tried(starts[0], beside, _SWEEPS, switch=False))
    tries = (_tried(_switched(start, beside), beside, _SWITCHES, switch=True) for start in starts)
    return min(tries, key=Layers.crossings)


def _starts(columns: Sequence[list[Item]]) -> Iterator[tuple[tuple[Item, ...], ...]]:
    """Yield unlike orders to start from: every other column dealt out in two, turned over, or both."""
    for hands, step in product((1, 2), (1, -1)):
        yield tuple(
            tuple([item for k in range(hands) for item in column[k::hands]][::step] if i % 2 else column)
            for i, column in enumerate(columns)
        )


def _tried(layers: Layers, beside: _Beside, sweeps: int, *, switch: bool) -> Layers:
    """Return the best of some sweeps to and fro, neighbours switched after each if wanted."""
    tries = [layers]
    for sweep in range(sweeps):
        layers = _swept(layers, beside, rightward=sweep % 2 == 0)
        layers = _switched(layers, beside) if switch else layers
        tries.append(layers)
    return min(tries, key=Layers.crossings)


def _lines(diagram: Diagram) -> dict[tuple[Item, Item], tuple[Arrow, ...]]:
    """Return the lines that arrows run along; an arrow within a column has none."""
    column = {node.name: node.column for node in diagram.nodes}
    lines = defaultdict(list)
    for arrow in diagram.arrows:
        start, end = column[arrow.source], column[arrow.target]
        (low, left), (high, right) = sorted([(start, arrow.source), (end, arrow.target)])
        which = "out" if start < end else "in"
        items = [(low, left, ""), *((i, left, which) for i in range(low + 1, high)), (high, right, "")]
        for pair in pairwise(items) if low < high else ():
            lines[pair].append(arrow)
    return {pair: tuple(arrows) for pair, arrows in lines.items()}


_Beside = Mapping[Item, tuple[Sequence[Item], Sequence[Item]]]
"""For each item, those that it is joined to in the column on its left and on its right."""


def _neighbours(lines: Iterable[tuple[Item, Item]]) -> _Beside:
    beside: dict[Item, tuple[list[Item], list[Item]]] = defaultdict(lambda: ([], []))
    for left, right in lines:
        beside[left][1].append(right)
        beside[right][0].append(left)
    return beside


def _swept(layers: Layers, beside: _Beside, *, rightward: bool) -> Layers:
    """Sort each column by the mean place of what its items are joined to in the column before it."""
    columns = list(layers.columns)
    order = range(1, len(columns)) if rightward else range(len(columns) - 2, -1, -1)
    for i in order:
        before = columns[i - 1 if rightward else i + 1]
        place = {item: k / len(before) for k, item in enumerate(before)}
        mean = {
            item: _mean([place[other] for other in beside[item][not rightward]] or [k / len(columns[i])])
            for k, item in enumerate(columns[i])
        }
        columns[i] = tuple(sorted(columns[i], key=mean.__getitem__))
    return Layers(tuple(columns), layers.lines)


def _switched(layers: Layers, beside: _Beside) -> Layers:
    """Switch neighbours in a column for as long as fewer lines cross."""
    columns = [list(column) for column in layers.columns]
    place = {item: k for column in columns for k, item in enumerate(column)}

    def crossings(upper: Item, lower: Item) -> int:
        sides = zip(beside[upper], beside[lower], strict=True)
        return sum(place[a] > place[b] for above, below in sides for a in above for b in below)

    better = True
    while better:
        better = False
        for column in columns:
            for k in range(len(column) - 1):
                upper, lower = column[k : k + 2]
                if crossings(upper, lower) > crossings(lower, upper):
                    column[k : k + 2] = lower, upper
                    place[upper], place[lower] = k + 1, k
                    better = True
    return Layers(tuple(map(tuple, columns)), layers.lines)


def placed(layers: Layers, sizes: Mapping[Item, float], room: float) -> dict[Item, float]:
    """Return the height of each item's centre: the fullest column evenly, the others near what they join.

    Parameters
    ----------
    layers
        The order.
    sizes
        How high each item is; no column may need more than there is room.
    room
        From the top, at 0, to the bottom.
    """
    needs = [sum(sizes[item] for item in column) for column in layers.columns]
    fullest = needs.index(max(needs))
    place: dict[Item, float] = {}
    beside = _neighbours(layers.lines)
    for _ in range(_ROUNDS):
        for i in sorted(range(len(needs)), key=lambda i: abs(i - fullest)):
            column = layers.columns[i]
            spare = (room - needs[i]) / len(column)
            even = settled([0.0] * len(column), [sizes[item] + spare for item in column], room)
            wanted = [
                _mean([place[o] for side in beside[item] for o in side if o in place] or [middle])
                for item, middle in zip(column, even, strict=True)
            ]
            found = even if i == fullest else settled(wanted, [sizes[item] for item in column], room)
            place.update(zip(column, found, strict=True))
    return place


def settled(wanted: Sequence[float], sizes: Sequence[float], room: float) -> list[float]:
    """Return centres as near as can be to those wanted, in order, without overlap, within 0 and `room`.

    The sum of squared distances is the least there is: what would overlap is pooled, as in
    isotonic regression (Ayer et al., Annals of Mathematical Statistics 1955).

    Examples
    --------
    >>> settled([4.0, 4.0, 9.0], [2.0, 2.0, 2.0], 10.0)
    [3.0, 5.0, 9.0]
    """
    starts = [end - size / 2 for end, size in zip(accumulate(sizes), sizes, strict=True)]
    pools: list[list[float]] = []
    for centre, start in zip(wanted, starts, strict=True):
        pools.append([centre - start])
        while len(pools) > 1 and _mean(pools[-2]) > _mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    shifts = [_mean(pool) for pool in pools for _ in pool]
    spare = room - sum(sizes)
    return [start + min(max(shift, 0.0), spare) for start, shift in zip(starts, shifts, strict=True)]
