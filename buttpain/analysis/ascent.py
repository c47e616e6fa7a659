"""The posterior density of a network's numbers, and the way up to its mode."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.cases import Cases
from buttpain.display.progress import progress_bar
from buttpain.errors import UnknownUncertainty
from buttpain.inference.counts import Distributions
from buttpain.inference.structure import structure_of
from buttpain.model.network import Network

__all__ = ["NotConverged", "Posterior", "Prior"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

STRIDE = 1.5
"""Farthest that a coordinate goes in one step."""

ENOUGH = 1e-4
"""Share of the rise that the slope promises with which a step is content (Armijo)."""

ROUNDING = 1e-12
"""Share of the log density that may be rounding."""

REMEMBERED = 10
"""Steps that correct the curvature."""


class NotConverged(UserWarning):
    """Learning stopped before its numbers had settled."""


# -- the prior ---------------------------------------------------------------------------------


def _sample_sizes(net: Network, distributions: Distributions, ess: float | None) -> Array:
    """Return the effective sample size of each parameter, infinite where it cannot change."""
    # In a row of a table a 0 is a state ruled out; a 1 leaves nothing to learn of the others either.
    ruled_out = distributions.alone & (net.theta <= 0)
    certain = ruled_out | (distributions.sums((net.theta >= 1).astype(np.float64)) > 0)
    sizes = np.where(certain, math.inf, net.ess)
    missing = np.isnan(sizes)
    if missing.any() and ess is None:
        raise UnknownUncertainty(int(missing.sum()), sizes.size, net.name)
    sizes[missing] = ess
    return sizes


class Prior:
    """Numbers as functions of the coordinates, and their density before the cases.

    Attributes
    ----------
    size, mean
        Of all parameters; `size` is infinite where nothing can be learned.
    places
        The parameter that each coordinate raises or lowers, shape (coordinates,).
    learned
        Whether a parameter can change, shape (parameters,).
    rows
        The coordinates of each distribution that can.
    """

    def __init__(self, net: Network, ess: float | None, relevant: int) -> None:
        structure = structure_of(net)
        self.distributions = Distributions(structure)
        self.mean, self.size = net.theta, _sample_sizes(net, self.distributions, ess)
        concerned = np.zeros(net.theta.size, dtype=bool)
        for node, span in net.spans.items():
            concerned[span] = relevant >> structure.position[node] & 1
        self.learned = concerned & np.isfinite(self.distributions.sums(self.size))
        self.places = np.flatnonzero(self.learned & (self.mean > 0) & ~self._references())
        self.rows = np.split(
            np.arange(self.places.size), np.flatnonzero(np.diff(self.distributions.of[self.places])) + 1
        )

    def _references(self) -> NDArray[np.bool_]:
        """Return whether a parameter is the first most probable of its row."""
        found = np.zeros(self.mean.size, dtype=bool)
        for row in np.split(np.arange(self.mean.size), self.distributions.starts[1:]):
            if not self.distributions.alone[row[0]]:
                found[row[np.argmax(self.mean[row])]] = True
        return found

    def _raised(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinates of all parameters, and what each row sums to when they have been applied."""
        full = np.zeros(self.mean.size)
        full[self.places] = x
        raised = self.mean * np.exp(full)
        alone = self.distributions.alone
        return full, np.where(alone, raised + (1 - self.mean), self.distributions.sums(raised))

    def theta(self, x: Array) -> Array:
        """Return the numbers, shape (parameters,)."""
        full, total = self._raised(x)
        return np.where(self.learned, self.mean * np.exp(full) / total, self.mean)

    def log_density(self, x: Array) -> float:
        """Return the logarithm of the prior's density over that of its mode."""
        full, total = self._raised(x)
        size = np.where(self.learned, self.size, 0.0)
        firsts = self.distributions.starts
        return float((size * self.mean * full).sum() - (size * np.log(total))[firsts].sum())

    def slope(self, theta: Array) -> Array:
        """Return the derivative of the log density, shape (coordinates,)."""
        return np.asarray(self.size[self.places] * (self.mean - theta)[self.places])

    def bend(self, theta: Array) -> Array:
        """Return how fast the slope falls, shape (coordinates, coordinates)."""
        found = np.zeros((self.places.size, self.places.size))
        for row in self.rows:
            value = theta[self.places[row]]
            block = np.diag(value) - np.outer(value, value)
            found[np.ix_(row, row)] = self.size[self.places[row[0]]] * block
        return found


# -- the posterior -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The logarithm of the posterior density at some coordinates.

    Parameters
    ----------
    x
        The coordinates.
    value
        Up to a constant; minus infinity where a case has become impossible.
    slope
        Its derivative.
    bend
        About how fast the slope falls: positive definite, shape (coordinates, coordinates).
    """

    x: Array
    value: float
    slope: Array
    bend: Array

    @property
    def unsettled(self) -> float:
        """How far the farthest coordinate would move, in standard deviations, the others staying."""
        return float((np.abs(self.slope) / np.sqrt(np.diag(self.bend))).max())


class Posterior:
    """The density of the coordinates after the cases."""

    def __init__(self, prior: Prior, cases: Cases) -> None:
        self._prior, self._cases = prior, cases

    def at(self, x: Array) -> Point:
        """Return the density at some coordinates."""
        prior, theta = self._prior, self._prior.theta(x)
        value, total = prior.log_density(x), np.zeros(x.size)
        squares = np.zeros((x.size, x.size))
        for told in self._cases.told(theta, prior.places):
            if not np.isfinite(told.log_evidence).all():
                return Point(x, -math.inf, total, squares)
            value += float(told.weights @ told.log_evidence)
            total += told.scores @ told.weights
            squares += (told.scores * told.weights) @ told.scores.T
        # The products of scores are right on average; the diagonal is raised to what it is for certain.
        exact = (2 * theta[prior.places] - 1 + 2 * self._cases.selection(theta, prior.places)) * total
        bend = squares + np.diag(np.maximum(exact, 0.0)) + prior.bend(theta)
        return Point(x, value, prior.slope(theta) + total, bend)

    def climb(self, iterations: int, tolerance: float, progress: bool | None) -> Array:
        """Return the coordinates of the mode; the density never falls on the way.

        Parameters
        ----------
        iterations, tolerance, progress
            As in `learn`.

        Raises
        ------
        ImpossibleEvidence

        Warns
        -----
        NotConverged
        """
        point, past, steps = self.at(np.zeros(self._prior.places.size)), deque[_Secant](maxlen=REMEMBERED), 0
        if not math.isfinite(point.value):
            self._cases.refuse_impossible(self._prior.mean)
        hidden = None if progress is None else not progress
        with progress_bar(iterations, "step", hidden=hidden) as bar:
            while point.unsettled > tolerance and steps < iterations:
                further = self._further(point, past)
                if further is None:
                    break
                past.append(_Secant(further.x - point.x, point.slope - further.slope))
                point, steps = further, steps + 1
                bar.update()
        if point.unsettled > tolerance:
            warnings.warn(_said(point.unsettled, tolerance, steps), NotConverged, stacklevel=3)
        return point.x

    def _further(self, point: Point, past: deque[_Secant]) -> Point | None:
        """Return a point that is no lower; None if rounding is all that is left to gain."""
        direction = _quasi_newton(point, past)
        if not direction @ point.slope > 0:
            direction = np.clip(point.slope / np.diag(point.bend), -STRIDE, STRIDE)
        length = 1.0
        rounding = ROUNDING * (1 + abs(point.value))
        while length > ROUNDING:
            further = self.at(point.x + length * direction)
            enough = point.value + ENOUGH * length * float(direction @ point.slope) - rounding
            if further.value >= enough:
                return further
            length /= 2
        return None


@dataclass(frozen=True, slots=True, eq=False)
class _Secant:
    """A step, and by how much the slope fell on it."""

    step: Array
    fall: Array

    @property
    def curvature(self) -> float:
        return float(self.step @ self.fall)


def _quasi_newton(point: Point, past: Iterable[_Secant]) -> Array:
    """Return where to go by the bend, as the last steps correct it (L-BFGS: Nocedal, Math. Comp. 1980)."""
    useful = [item for item in past if item.curvature > 0]
    direction, shares = point.slope.copy(), list[float]()
    for item in reversed(useful):
        shares.append(float(item.step @ direction) / item.curvature)
        direction -= shares[-1] * item.fall
    direction = np.asarray(np.linalg.solve(point.bend, direction), dtype=np.float64)
    for item, share in zip(useful, reversed(shares), strict=True):
        direction += (share - float(item.fall @ direction) / item.curvature) * item.step
    return np.clip(direction, -STRIDE, STRIDE)


def _said(left: float, tolerance: float, steps: int) -> str:
    return (
        f"learning stopped after {steps:,} step{'' if steps == 1 else 's'} while a number would still move "
        f"by {left:.2g} of its standard deviation, more than the tolerance of {tolerance:g}; allow more "
        f"iterations, or a larger tolerance"
    )
