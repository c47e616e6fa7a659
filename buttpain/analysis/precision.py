"""How sure each number is at the mode of the posterior."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.ascent import Prior
from buttpain.analysis.cases import Cases

__all__ = ["Information"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

MANY = 20
"""Cases for each number from which on the products of all scores are known well enough."""

TOGETHER = 2.0
"""Standard errors beyond which a correlation of two scores counts where there are fewer cases."""

_NOTHING = 1e-9
"""Share of a score that counts as none."""


class Information:
    """How sure each number is at the mode, by what the scores of the cases do there.

    Attributes
    ----------
    total
        Sum of the scores, shape (coordinates,).
    squares, fourths
        Sum of the products of two scores, and of the squares of these, shape (coordinates, coordinates).
    decided
        Whether every case either shows the outcome of a coordinate or says nothing of it.
    """

    def __init__(self, prior: Prior, cases: Cases, theta: Array) -> None:
        self._prior, self._count = prior, cases.count
        self._value, n = theta[prior.places], prior.places.size
        self.total, self.squares, self.fourths = np.zeros(n), np.zeros((n, n)), np.zeros((n, n))
        self.decided = np.ones(n, dtype=bool)
        self._before, self._selection = prior.bend(theta), cases.selection(theta, prior.places)
        for told in cases.told(theta, prior.places):
            scores, weights = told.scores, told.weights
            self.total += scores @ weights
            self.squares += (scores * weights) @ scores.T
            self.fourths += (scores**2 * weights) @ (scores**2).T
            self.decided &= _is_decided(scores, self._value[:, None]).all(axis=1)

    def sizes(self) -> Array:
        """Return the effective sample sizes after the cases, shape (parameters,)."""
        prior, found = self._prior, self._prior.size.copy()
        together, joint = self._together(), self._joint()
        for row in prior.rows:
            if self.decided[row].all():
                information = self._alone(row)
            else:
                others = np.setdiff1d(np.flatnonzero(together[row].any(axis=0)), row)
                information = joint[np.ix_(row, row)] - _shared(joint, row, others)
            own = prior.distributions.of == prior.distributions.of[prior.places[row[0]]]
            found[own] = np.maximum(found[own], _size(self._value[row], information))
        return found

    def _together(self) -> NDArray[np.bool_]:
        """Return which coordinates are learned together: those whose scores are correlated.

        With few cases chance correlates all of them a little, and taken together that would
        leave no information; then only correlations that are certain count.
        """
        own = np.diag(self.squares)
        both = np.outer(own, own)
        possible = (both > 0) & ~np.logical_or.outer(self.decided, self.decided)
        if self._count >= MANY * (~self.decided).sum():
            return np.asarray(possible)
        both = np.where(possible, both, 1.0)
        squared = self.squares**2 / both
        variance = np.maximum(self.fourths / both - squared / self._count, 0.0)
        return np.asarray(possible & (squared > TOGETHER**2 * variance))

    def _joint(self) -> Array:
        """Return the information about all coordinates: exact on the diagonal, beside it by the scores."""
        own = np.diag(self.squares)
        exact = np.maximum(own - (1 - 2 * (self._value + self._selection)) * self.total, 0.0)
        ratio = np.sqrt(exact / np.where(own > 0, own, 1.0))
        return np.asarray(self.squares * np.outer(ratio, ratio) + self._before)

    def _alone(self, row: Places) -> Array:
        """Return the information about a row when all other numbers are known; exact."""
        crossed = np.outer((self._value + self._selection)[row], self.total[row])
        cases = self.squares[np.ix_(row, row)] + crossed + crossed.T - np.diag(self.total[row])
        return self._before[np.ix_(row, row)] + np.asarray(cases)


def _is_decided(scores: Array, value: Array) -> NDArray[np.bool_]:
    """Return whether a score is that of an outcome seen to come or not, or of no news at all."""
    came, stayed = scores - (1 - value), scores + value
    return np.asarray(
        np.where(
            scores > 0,
            np.minimum(scores, np.abs(came)) <= _NOTHING * (1 - value),
            np.minimum(-scores, np.abs(stayed)) <= _NOTHING * value,
        )
    )


def _shared(joint: Array, row: Places, others: Places) -> Array:
    """Return how much of the information about a row goes to others that are as little known."""
    crossed = joint[np.ix_(others, row)]
    return np.asarray(crossed.T @ np.linalg.solve(joint[np.ix_(others, others)], crossed))


def _size(value: Array, information: Array) -> float:
    """Return the size of the Dirichlet with the summed variance of a row.

    Parameters
    ----------
    value
        Of all outcomes but the reference, shape (outcomes - 1,).
    information
        About their coordinates.
    """
    rest = 1 - value.sum()
    # d theta / d x, the reference last.
    slopes = np.vstack([np.diag(value) - np.outer(value, value), -rest * value])
    variance = np.trace(slopes @ np.linalg.solve(information, slopes.T))
    return float((value @ (1 - value) + rest * (1 - rest)) / variance)
