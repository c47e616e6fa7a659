"""Posteriors as functions of one number of the network, and of two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from buttpain.analysis.functions import Lines, nearest_root, quotient
from buttpain.display.tables import Grid, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SensitivityFunction", "TwoWay"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class SensitivityFunction:
    """A posterior as a function of one parameter: (a x + b) / (c x + d), exactly.

    Called with a number or an array in [0, 1].  Where the evidence would be impossible
    there is no posterior, and outside `domain` the covariation is not defined: NaN.
    Made by `Sensitivity.function`.

    Parameters
    ----------
    parameter
        Its id.
    value
        What it is in the network.
    interval
        Its 95 % interval; NaN where unknown.
    target
        The probability in words.
    log_scale
        0.0 where `coefficients` are on the natural scale.  Where P(evidence) is too small
        for that, they are to be multiplied by exp(log_scale).
    """

    parameter: str
    value: float
    interval: tuple[float, float]
    target: str
    log_scale: float
    _lines: Lines
    _scale: float
    _overtaken: tuple[float, str] = (math.nan, "")
    _label: str = ""
    """What people call the parameter."""

    @overload
    def __call__(self, x: float) -> float: ...
    @overload
    def __call__(self, x: ArrayLike) -> float | Array: ...
    def __call__(self, x: ArrayLike) -> float | Array:
        """Return the posterior were the parameter x: a float for a number, else an array of its shape."""
        evidence, event = self._channels(_checked(x))
        return _as_given(quotient(event, evidence))

    def derivative(self, x: ArrayLike) -> float | Array:
        """Return the slope of the posterior at x: (a d - b c) / (c x + d) ** 2.

        Where two pieces of an order-preserving function meet, it is that of the upper one.
        """
        points = _checked(x)
        evidence, event = self._channels(points)
        flat = self._spread(points.size)
        slopes = flat.slope_at(points.ravel()).reshape(*points.shape, -1)
        rise = slopes[..., 1] * evidence - event * slopes[..., 0]
        return _as_given(quotient(rise, evidence * evidence))

    def solve(self, p: float) -> float | None:
        """Return the x in [0, 1] at which the posterior is p; None if there is none.

        If there are several, the one nearest to today's value.

        Raises
        ------
        ValueError
            If p is no probability.
        """
        if not 0 <= p <= 1:
            raise ValueError(f"{p!r} is no probability; it must lie in [0, 1]")
        weights = np.zeros(self._lines.at_lo.shape[-1])
        weights[:2] = -p, 1.0
        root = float(nearest_root(self._lines, weights, np.array([self.value]), touching=True)[0])
        return None if math.isnan(root) else root

    @property
    def domain(self) -> tuple[float, float]:
        """Where the function is defined: [0, 1], or less of it under order-preserving covariation."""
        return float(self._lines.lo[0, 0]), float(self._lines.hi[-1, 0])

    @property
    def coefficients(self) -> tuple[float, float, float, float]:
        """(a, b, c, d), with P(target, evidence)(x) = a x + b and P(evidence)(x) = c x + d.

        The evidence includes the selection of the network's population.  Under
        order-preserving covariation they hold on the piece at today's value, the upper one
        unless it is empty; `pieces` has all.
        """
        return self._of_piece(int(self._lines.piece(np.array([self.value]))[0]))

    @property
    def pieces(self) -> tuple[tuple[float, float, float, float, float, float], ...]:
        """Every piece as (lo, hi, a, b, c, d); one, unless the covariation is order-preserving."""
        ends = zip(self._lines.lo[:, 0].tolist(), self._lines.hi[:, 0].tolist(), strict=True)
        return tuple((lo, hi, *self._of_piece(k)) for k, (lo, hi) in enumerate(ends) if hi > lo)

    @property
    def vertex(self) -> tuple[float, float] | None:
        """Where the hyperbola turns: the point (x, y) at which its slope is 1 or -1; None for a line.

        A parameter near it matters more than the slope at its value tells (van der Gaag,
        Renooij and Coupe, 2007).  It is the vertex of the branch that the function is part
        of, and may lie outside [0, 1].
        """
        a, b, c, d = self.coefficients
        if c == 0 or a * d == b * c:
            return None
        centre, level = -d / c, a / c
        bend = math.sqrt(abs((b * c - a * d) / c / c))
        x = centre + bend if centre < self.value else centre - bend
        return x, level + (b * c - a * d) / c / c / (x - centre)

    @property
    def sensitivity_value(self) -> float:
        """Absolute slope at today's value (Laskey 1995)."""
        return abs(float(self.derivative(self.value)))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the function, with today's point, the 95 % interval and where the answer flips.

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        """
        from buttpain.display.plots import plot_curve

        x = np.unique(np.concatenate([np.linspace(*self.domain, 401), [self.value]]))
        flips = self.solve(0.5)
        marks = [] if flips is None or not 0 < flips < 1 else [(flips, "50 %")]
        at, by = self._overtaken
        if not math.isnan(at):
            marks.append((at, f"{by} leads"))
        here = (self.value, float(self(self.value)), *self.interval)
        names = (self._label or self.parameter, self.target)
        return plot_curve((x, np.asarray(self(x))), here, marks, names, ax)

    def _of_piece(self, k: int) -> tuple[float, float, float, float]:
        lo, scale = float(self._lines.lo[k, 0]), self._scale
        (c, a), (d, b) = self._lines.slope[k, 0, :2], self._lines.at_lo[k, 0, :2]
        return (
            float(a) * scale,
            float(b - a * lo) * scale,
            float(c) * scale,
            float(d - c * lo) * scale,
        )

    def _spread(self, size: int) -> Lines:
        parts = (self._lines.lo, self._lines.hi, self._lines.at_lo, self._lines.at_hi, self._lines.slope)
        return Lines(*(np.repeat(part, size, axis=1) for part in parts))

    def _channels(self, x: Array) -> tuple[Array, Array]:
        values = self._spread(x.size).at(x.ravel()).reshape(*x.shape, -1)
        return values[..., 0], values[..., 1]

    def _shown(self) -> Grid:
        """Return the table that a terminal and a notebook show: today, and where the answer flips."""
        at, by = self._overtaken
        flips = self.solve(0.5)
        rows = [("today", f"{self.value:.4g}", percent(float(self(self.value))))]
        rows += [] if flips is None else [("flips at 50 %", f"{flips:.4g}", percent(0.5))]
        if not math.isnan(at):
            rows.append((f"{by} leads", f"{at:.4g}", percent(float(self(at)))))
        return _table(self.target, [(self.parameter, self._label)], ("", ">number", ">answer"), rows)

    def __repr__(self) -> str:
        """Return what depends on what, and today's point, as text of at most 80 columns."""
        return self._shown().text()

    def _repr_html_(self) -> str:
        return self._shown().html()


@dataclass(frozen=True, eq=False, repr=False)
class TwoWay:
    """A posterior as a function of two parameters: bilinear over bilinear, exactly.

    Called with two numbers, or arrays that broadcast.  Between parameters of one
    distribution the sum of both is at most 1; beyond, and wherever else there is no
    posterior, the answer is NaN.  Made by `Sensitivity.two_way`.

    Parameters
    ----------
    parameters
        The two ids.
    values
        What they are in the network.
    intervals
        Their 95 % intervals; NaN where unknown.
    target
        The probability in words.
    leader
        Who leads today.
    """

    parameters: tuple[str, str]
    values: tuple[float, float]
    intervals: tuple[tuple[float, float], tuple[float, float]]
    target: str
    leader: str
    _knots: tuple[Array, Array]
    _grid: Array = field()
    """At each pair of knots: P(evidence), P(target, evidence), P(leader, evidence), P(rival, evidence)..."""
    _bounded: bool = False
    _labels: tuple[str, str] = ("", "")
    """What people call the parameters."""

    @overload
    def __call__(self, x: float, y: float) -> float: ...
    @overload
    def __call__(self, x: ArrayLike, y: ArrayLike) -> float | Array: ...
    def __call__(self, x: ArrayLike, y: ArrayLike) -> float | Array:
        """Return the posterior were the first parameter x and the second y."""
        values = self._at(x, y)
        return _as_given(quotient(values[..., 1], values[..., 0]))

    def margin(self, x: ArrayLike, y: ArrayLike) -> float | Array:
        """Return by how much today's leader leads its best rival; negative where it is dethroned."""
        values = self._at(x, y)
        if values.shape[-1] < 4:
            return _as_given(np.full(values.shape[:-1], np.nan))
        return _as_given(quotient(values[..., 2] - values[..., 3:].max(axis=-1), values[..., 0]))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw contours, with today's point, the box of both 95 % intervals and the lines of decision.

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        """
        from buttpain.display.plots import plot_two_way

        x, y = (
            np.linspace(*_window(k, ends), 201) for k, ends in zip(self._knots, self.intervals, strict=True)
        )
        across, up = np.meshgrid(x, y)
        heights = np.asarray(self(across, up)), np.asarray(self.margin(across, up))
        return plot_two_way(
            (across, up, *heights),
            self.values,
            self.intervals,
            (*self._called, self.target, self.leader),
            ax,
        )

    def _at(self, x: ArrayLike, y: ArrayLike) -> Array:
        across, up = np.broadcast_arrays(_checked(x), _checked(y))
        (i, s), (j, t) = (_place(k, v) for k, v in zip(self._knots, (across, up), strict=True))
        s, t, grid = s[..., None], t[..., None], self._grid
        lower = grid[i, j] * (1 - s) + grid[i + 1, j] * s
        upper = grid[i, j + 1] * (1 - s) + grid[i + 1, j + 1] * s
        values = lower * (1 - t) + upper * t
        if self._bounded:
            # Both in one distribution: linear, and defined where they leave something to the others.
            values = grid[0, 0] * (1 - s - t) + grid[1, 0] * s + grid[0, 1] * t
            values = np.where((across + up > 1 + 1e-12)[..., None], np.nan, values)
        return np.asarray(values)

    @property
    def _called(self) -> tuple[str, str]:
        p, q = (label or name for label, name in zip(self._labels, self.parameters, strict=True))
        return p, q

    def _shown(self) -> Grid:
        """Return the table that a terminal and a notebook show: today's point."""
        x, y = self.values
        row = ("today", f"{x:.4g}", f"{y:.4g}", percent(self(x, y)))
        both = [*zip(self.parameters, self._labels, strict=True)]
        return _table(self.target, both, ("", ">first", ">second", ">answer"), [row])

    def __repr__(self) -> str:
        """Return what depends on what, and today's point, as text of at most 80 columns."""
        return self._shown().text()

    def _repr_html_(self) -> str:
        return self._shown().html()


def _table(
    target: str, parameters: Sequence[tuple[str, str]], headers: Sequence[str], rows: Sequence[Sequence[str]]
) -> Grid:
    """Return a table of points of a function; parameters are ids and labels."""
    said = [f"{label}  [{name}]" if label else name for name, label in parameters]
    return Grid(f"{target} as a function of", headers, rows, lead=said)


def _window(knots: Array, interval: tuple[float, float]) -> tuple[float, float]:
    """Return what to show of a parameter's range: as much again on either side of its interval."""
    low, high = interval
    if math.isnan(low):
        return float(knots[0]), float(knots[-1])
    width = max(high - low, 0.02)
    return max(float(knots[0]), low - width), min(float(knots[-1]), high + width)


def _place(knots: Array, x: Array) -> tuple[NDArray[np.intp], Array]:
    """Return the cell of each x, and how far along it lies; NaN outside."""
    i = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    part = (x - knots[i]) / (knots[i + 1] - knots[i])
    return i, np.where((x < knots[0]) | (x > knots[-1]), np.nan, part)


def _checked(x: ArrayLike) -> Array:
    points = np.asarray(x, dtype=np.float64)
    if ((points < 0) | (points > 1)).any():
        raise ValueError(f"a parameter is a probability, in [0, 1]; given was {x!r}")
    return points


def _as_given(values: Array) -> float | Array:
    return values if values.ndim else float(values)
