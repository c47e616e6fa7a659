"""The lines of every event along every parameter: what sensitivity reads its answers from.

All of it is arrays aligned with `theta`; words and frames are made one floor up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.functions import (
    Covariation,
    Lines,
    Rows,
    covaried,
    free_lines,
    nearest_root,
    quotient,
    rest_of,
    row_distance,
    row_lines,
    rows_at,
)
from buttpain.inference.case import Case
from buttpain.model.network import Network, Table

__all__ = ["Bundle", "Event", "Grid2", "bundled"]

Array = NDArray[np.float64]

Event = tuple[str, str]
"""A node and a state of it."""

Grid2 = tuple[tuple[Array, Array], Array]
"""Knots along two parameters, and every channel at each pair, shape (knots, knots, channels)."""


_moves: WeakKeyDictionary[Network, dict[Covariation, Mapping[str, Rows]]] = WeakKeyDictionary()


def _moves_of(net: Network, covariation: Covariation) -> Mapping[str, Rows]:
    """Return how the rows of each table move, made once for a network."""
    by_scheme = _moves.setdefault(net, {})
    if covariation not in by_scheme:
        tables = [node for node in net.nodes if isinstance(net.families[node], Table)]
        by_scheme[covariation] = {node: covaried(_rows(net, node, net.theta), covariation) for node in tables}
    return by_scheme[covariation]


def bundled(case: Case, target: Event, contenders: list[Event], covariation: Covariation) -> Bundle:
    """Return the lines of P(evidence), of the target and of each contender, the likeliest of them first.

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex
    """
    net = case.net
    posterior, evidence_slope, event_slopes = case.slopes([target, *contenders])
    order = np.argsort(-posterior[1:], kind="stable")
    channels = np.concatenate([[0, 1], 2 + order])
    slopes = np.column_stack([evidence_slope, event_slopes])[:, channels]
    totals = np.concatenate([[1.0], posterior])[channels]
    moves = _moves_of(net, covariation)
    events = (target, *(contenders[i] for i in order))
    lines = Lines.joined([_lines(net, node, net.theta, moves, (slopes, totals)) for node in net.nodes])
    return Bundle(case, events, float(posterior[0]), lines, moves)


@dataclass(frozen=True, eq=False)
class Bundle:
    """Lines along every parameter.

    Parameters
    ----------
    case
        The case.
    events
        The target, then the contenders, today's leader first.
    posterior
        Of the target, today.
    lines
        Channels: P(evidence), then those of `events`.
    moves
        How the rows of each table move.
    """

    case: Case
    events: tuple[Event, ...]
    posterior: float
    lines: Lines
    moves: Mapping[str, Rows]

    @property
    def theta(self) -> Array:
        """The numbers of the network."""
        return self.case.net.theta

    # -- one number ----------------------------------------------------------------------

    def at(self, x: Array) -> Array:
        """Return the posterior with each parameter in turn at x; NaN where x is, or where there is none."""
        channels = self.lines.at(np.where(np.isnan(x), -1.0, x))
        return quotient(channels[:, 1], channels[:, 0])

    @cached_property
    def derivative(self) -> Array:
        """Slope of the posterior at today's values."""
        values, slopes = self.lines.at(self.theta), self.lines.slope_at(self.theta)
        rise = slopes[:, 1] * values[:, 0] - values[:, 1] * slopes[:, 0]
        return quotient(rise, values[:, 0] ** 2)

    def reaching(self, p: float) -> Array:
        """Return the nearest values at which the posterior is p; NaN where there is none."""
        weights = np.zeros(len(self.events) + 1)
        weights[:2] = -p, 1.0
        return nearest_root(self.lines, weights, self.theta, touching=True)

    @cached_property
    def overtaking(self) -> tuple[Array, NDArray[np.intp]]:
        """Nearest values at which the leader is overtaken, NaN where it is not, and by which event."""
        return self._overtaking(self.lines)

    def deviation(self, *, upwards: bool) -> Array:
        """Return how far each parameter can go one way with the leader in front; infinite if all the way."""
        found = np.abs(self._overtaking(self._one_side(upwards=upwards))[0] - self.theta)
        return np.where(np.isnan(found), np.inf, found)

    def _overtaking(self, lines: Lines) -> tuple[Array, NDArray[np.intp]]:
        best, by = np.full(lines.size, np.nan), np.zeros(lines.size, dtype=np.intp)
        for rival in range(2, len(self.events)):
            weights = np.zeros(len(self.events) + 1)
            weights[2], weights[1 + rival] = 1.0, -1.0
            root = nearest_root(lines, weights, self.theta, touching=False)
            nearer = ~(np.abs(best - self.theta) <= np.abs(root - self.theta)) & ~np.isnan(root)
            best, by = np.where(nearer, root, best), np.where(nearer, rival, by)
        return best, by

    def _one_side(self, *, upwards: bool) -> Lines:
        """Return the pieces cut off at today's values."""
        lines = self.lines
        lo = np.clip(lines.lo, self.theta, None) if upwards else lines.lo
        hi = lines.hi if upwards else np.clip(lines.hi, None, self.theta)
        hi = np.maximum(hi, lo)
        at_lo, at_hi = (lines.at_lo + lines.slope * (end - lines.lo)[..., None] for end in (lo, hi))
        at_lo = np.where((lo == lines.lo)[..., None], lines.at_lo, at_lo)
        at_hi = np.where((hi == lines.hi)[..., None], lines.at_hi, at_hi)
        return Lines(lo, hi, at_lo, at_hi, lines.slope)

    def row(self, i: int, x: float) -> Array:
        """Return the distribution that a parameter belongs to, with the parameter at x; NaN where undefined.

        A link and a leak have their own: of not acting, and of acting.
        """
        place = self.place(i)
        if place is None:
            return np.array([1.0 - x, x])
        node, row, k = place
        rows = _rows(self.case.net, node, self.theta)
        wanted = np.full(rows.shape, -1.0)
        wanted[row, k] = x
        return np.asarray(rows_at(self.moves[node], wanted)[row, k])

    def distances(self, x: Array) -> Array:
        """Return the distance of Chan and Darwiche of each change; NaN where x is."""
        net, found = self.case.net, np.full(x.size, np.nan)
        asked = np.where(np.isnan(x), -1.0, x)
        for node, span in net.spans.items():
            if node in self.moves:
                rows = _rows(net, node, self.theta)
                new = rows_at(self.moves[node], asked[span].reshape(rows.shape))
                found[span] = row_distance(rows[:, None, :], new).ravel()
            else:
                acts = [np.stack([1.0 - part, part], axis=-1) for part in (self.theta[span], x[span])]
                found[span] = row_distance(*acts)
        return np.where(np.isnan(x), np.nan, found)

    def place(self, i: int) -> tuple[str, int, int] | None:
        """Return node, row and position in the row of a table's entry; None for what varies alone."""
        node = self.node(i)
        if node not in self.moves:
            return None
        row, k = divmod(i - self.case.net.spans[node].start, len(self.case.net.states(node)))
        return node, row, k

    def node(self, i: int) -> str:
        """Return the node whose parameter this is."""
        return next(node for node, span in self.case.net.spans.items() if span.start <= i < span.stop)

    # -- two numbers ---------------------------------------------------------------------

    def grid(self, i: int, j: int) -> Grid2:
        """Return the channels at each pair of knots of two parameters that are not of one row.

        P(evidence) is of degree 1 in each of two, so the lines along one, taken at every
        knot of the other, say all.
        """
        net, node = self.case.net, self.node(i)
        along, across = self.lines.take(i), self.lines.take(j)
        knots = _knots(along), _knots(across)
        columns = []
        for y in knots[1]:
            theta, totals = self._theta_with(j, float(y)), across.at(np.array([y]))[0]
            known = self._slopes(theta), totals
            part = _lines(net, node, theta, self.moves, known).take(i - net.spans[node].start)
            columns.append([part.at(np.array([x]))[0] for x in knots[0]])
        return knots, np.swapaxes(np.array(columns), 0, 1)

    def triangle(self, i: int, j: int, *, even: bool) -> Grid2:
        """Return the channels at the corners of the triangle in which two of one row vary.

        The fourth corner is what makes the whole a plane.

        Parameters
        ----------
        i, j
            Two of a row of three or more.
        even
            Whether the others share evenly, or as they stand.
        """
        node, r, a = self.place(i) or ("", 0, 0)
        b = a + j - i
        rows = _rows(self.case.net, node, self.theta)
        free = np.ones(rows.shape[1])
        free[[a, b]] = 0.0
        share = free * rows[r] if not even and (free * rows[r]).any() else free
        slopes = self._slopes(self.theta)[self.case.net.spans[node]].reshape(*rows.shape, -1)
        totals = np.concatenate([[1.0], self._probabilities])
        rest, slopes = rest_of(rows, slopes, totals)[r], slopes[r]
        corner, one, other = rest + share @ slopes / share.sum(), rest + slopes[a], rest + slopes[b]
        unit = np.array([0.0, 1.0])
        return (unit, unit), np.array([[corner, other], [one, one + other - corner]])

    @cached_property
    def _probabilities(self) -> Array:
        return self.case.slopes(self.events)[0]

    def _slopes(self, theta: Array) -> Array:
        _, evidence_slope, event_slopes = self.case.slopes(self.events, theta)
        return np.column_stack([evidence_slope, event_slopes])

    def _theta_with(self, j: int, y: float) -> Array:
        """Return all numbers with one changed, and its row with it."""
        theta, place = self.theta.copy(), self.place(j)
        if place is None:
            theta[j] = y
        else:
            start = j - place[2]
            row = self.row(j, y)
            theta[start : start + row.size] = row
        return theta


def _rows(net: Network, node: str, theta: Array) -> Array:
    return theta[net.spans[node]].reshape(-1, len(net.states(node)))


def _lines(
    net: Network, node: str, theta: Array, moves: Mapping[str, Rows], known: tuple[Array, Array]
) -> Lines:
    """Return the lines along one node's parameters.

    Parameters
    ----------
    net
        The network.
    node
        Whose parameters.
    theta
        Where the slopes hold.
    moves
        How the rows of each table move.
    known
        Slopes by all parameters, shape (parameters, channels), and the channels themselves.
    """
    slopes, totals = known
    span = net.spans[node]
    if node not in moves:
        return free_lines(theta[span], slopes[span], totals)
    rows = _rows(net, node, theta)
    return row_lines(moves[node], rows, slopes[span].reshape(*rows.shape, -1), totals)


def _knots(lines: Lines) -> Array:
    """Return the ends of one parameter's pieces, each once."""
    return np.unique(np.concatenate([lines.lo[:, 0], lines.hi[:, 0]]))
