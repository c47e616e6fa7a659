"""The mathematics of one number at a time, and of two: arrays in, arrays out.

Any probability that a network gives is a polynomial of degree 1 in each of its numbers
(Castillo, Gutierrez and Hadi, IEEE Trans. SMC 1997), so that two values and a slope say
how it depends on one of them.  The numbers of one distribution sum to 1 and move together;
how, is the covariation.  Every value here is reached by sums of what is not negative, so
that a probability that vanishes at 0 or at 1 does so to the last bit.

Notation
--------
row
    One distribution of a table: n numbers that sum to 1.
piece
    A stretch lo to hi of a number's range on which all of its row moves in straight lines.
    Proportional and uniform covariation have one, [0, 1]; order-preserving has two, which
    meet at the number's own value.  A piece may be empty (lo = hi).
channel
    What is followed: P(evidence) first, then P(event, evidence) of each event; all are
    divided by P(evidence) under the network's own numbers, which keeps them in range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SCHEMES",
    "Covariation",
    "Lines",
    "Rows",
    "covaried",
    "free_lines",
    "nearest_root",
    "quotient",
    "rest_of",
    "row_distance",
    "row_lines",
    "rows_at",
]

Array = NDArray[np.float64]

Covariation = Literal["proportional", "uniform", "order_preserving"]
SCHEMES: tuple[Covariation, ...] = get_args(Covariation)
"""How the other numbers of a row make room for one that changes."""

_LOST = 1e-13
"""Share of a difference's terms below which rounding has eaten it."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What becomes of each row as each of its numbers moves, piece by piece.

    Parameters
    ----------
    lo, hi
        Ends of the pieces, shape (pieces, rows, n): one for each number of each row.
    at_lo, at_hi
        The whole row at those ends, shape (pieces, rows, n, n); the last axis is the row.
    rate
        Change of the row by one unit of the number, of the same shape.
    """

    lo: Array
    hi: Array
    at_lo: Array
    at_hi: Array
    rate: Array


def covaried(rows: Array, scheme: Covariation) -> Rows:
    """Return how rows move, for each of their numbers in turn.

    Parameters
    ----------
    rows
        Shape (rows, n), each summing to 1.
    scheme
        *proportional* keeps the ratios of the others (Laskey, IEEE Trans. SMC 1995).  Where
        all the others are 0 there is no ratio to keep, and they share evenly.
        *uniform* lets the others share evenly whatever they were.
        *order_preserving* keeps the order of the row by size, equal numbers in the order
        in which they stand (Renooij, IJAR 2014).  A number then goes no higher than where
        all that are larger meet it, at 1 / (1 + how many they are).  For the largest
        number, which the R package bnmonitor leaves out, the mirror image is used: upwards
        the others shrink in proportion, downwards all meet at 1 / n.
    """
    n = rows.shape[1]
    if n == 1:  # The only state there is: nothing can move.
        whole = np.ones((1, len(rows), 1, 1))
        ends = np.ones((1, len(rows), 1))
        return Rows(0.0 * ends, ends, whole, whole, 0.0 * whole)
    if scheme == "order_preserving":
        return _order_preserving(rows)
    others = 1.0 - np.eye(n)
    weights = np.broadcast_to(others, (len(rows), n, n))
    if scheme == "proportional":
        kept = rows[:, None, :] * others
        weights = np.where(kept.sum(axis=-1, keepdims=True) > 0, kept, weights)
    share = weights / weights.sum(axis=-1, keepdims=True)
    full = np.broadcast_to(np.eye(n), share.shape)
    ends = np.zeros((1, len(rows), n))
    return Rows(ends, ends + 1.0, share[None], full[None], (full - share)[None])


def _order_preserving(rows: Array) -> Rows:
    """Return the two pieces, below and above each number's own value (Renooij 2014).

    With x the number, v its value, b the sum of those ranked below it and a of those above:
    below v the lower ones move as x / v and the higher ones share what is left in
    proportion; above v all move linearly so as to be 0 (lower) or equal to x (higher) at
    the highest x there is.
    """
    count, n = rows.shape
    rank = np.argsort(np.argsort(rows, axis=1, kind="stable"), axis=1)
    own = np.broadcast_to(np.eye(n), (count, n, n))
    lower = (rank[:, None, :] < rank[:, :, None]).astype(float)
    higher = (rank[:, None, :] > rank[:, :, None]).astype(float)
    largest = higher.sum(axis=-1) == 0
    top = _unless_at(rows, 1.0 / (1.0 + higher.sum(axis=-1)))
    bottom = np.where(largest, _unless_at(rows, np.full((count, n), 1.0 / n)), 0.0)
    here = np.broadcast_to(rows[:, None, :], (count, n, n))
    value = rows[..., None]
    lo_end = own * 0.0 + higher * _safe(here, (here * higher).sum(axis=-1, keepdims=True))
    hi_end = (own + higher) * top[..., None]
    down = np.where(own > 0, 1.0, np.where(lower > 0, _safe(here, value), 0.0))
    left = (here * (lower + own)).sum(axis=-1, keepdims=True)
    down = np.where(higher > 0, -_safe(lo_end * left, value), down)
    room = top[..., None] - value
    up = np.where(own > 0, 1.0, _safe(hi_end - here, room))
    # The largest of a row: downwards all meet at 1 / n, upwards the others vanish in proportion.
    even = np.full((count, n, n), 1.0 / n)
    lo_end = np.where(largest[..., None], even, lo_end)
    down_all = np.where(own > 0, 1.0, _safe(here - even, value - even))
    down = np.where(largest[..., None], down_all, down)
    return Rows(
        np.stack([bottom, rows]),
        np.stack([rows, top]),
        np.stack([lo_end, here]),
        np.stack([here, hi_end]),
        np.stack([down, up]),
    )


def _unless_at(rows: Array, end: Array) -> Array:
    """Return the ends, and the numbers themselves where rounding alone lies between."""
    return np.where((np.abs(end - rows) < 4 * np.finfo(float).eps) & (end < 1), rows, end)


def _safe(a: Array, b: Array) -> Array:
    """Divide; 0 where the divisor is 0 or less, which is where a piece is empty."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.zeros(a.shape), where=b > 0)


@dataclass(frozen=True, eq=False)
class Lines:
    """Straight lines, piece by piece, of every channel along every parameter.

    Parameters
    ----------
    lo, hi
        Ends of the pieces, shape (pieces, parameters).
    at_lo, at_hi, slope
        Of each channel, shape (pieces, parameters, channels).
    """

    lo: Array
    hi: Array
    at_lo: Array
    at_hi: Array
    slope: Array

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(self.lo.shape[1])

    def take(self, i: int) -> Lines:
        """Return the lines along one parameter."""
        return Lines(*(part[:, i : i + 1] for part in (self.lo, self.hi, self.at_lo, self.at_hi, self.slope)))

    def start(self) -> Array:
        """Return where each parameter's range begins, shape (parameters,)."""
        return np.asarray(self.lo[0])

    def stop(self) -> Array:
        """Return where each parameter's range ends, shape (parameters,)."""
        return np.asarray(self.hi[-1])

    def piece(self, x: Array) -> NDArray[np.intp]:
        """Return the piece that holds each x: the upper one where two meet, unless it is empty."""
        upper = (x >= self.lo[-1]) & (self.hi[-1] > self.lo[-1])
        return np.where(upper, len(self.lo) - 1, 0)

    def at(self, x: Array) -> Array:
        """Return every channel at x, shape (parameters, channels); NaN outside the range.

        Parameters
        ----------
        x
            Shape (parameters,).
        """
        k, i = self.piece(x), np.arange(self.size)
        lo, hi = self.lo[k, i], self.hi[k, i]
        outside = ~((x >= self.start()) & (x <= self.stop()))
        part = _safe(x - lo, hi - lo)[:, None]
        values = self.at_lo[k, i] * (1.0 - part) + self.at_hi[k, i] * part
        return np.where(outside[:, None], np.nan, values)

    def slope_at(self, x: Array) -> Array:
        """Return the slope of every channel at x, shape (parameters, channels)."""
        return np.asarray(self.slope[self.piece(x), np.arange(self.size)])

    @staticmethod
    def joined(parts: Sequence[Lines]) -> Lines:
        """Return the lines of several families as one."""
        pieces = max(len(part.lo) for part in parts)
        padded = [part.padded(pieces) for part in parts]
        names = ("lo", "hi", "at_lo", "at_hi", "slope")
        return Lines(*(np.concatenate([getattr(part, name) for part in padded], axis=1) for name in names))

    def padded(self, pieces: int) -> Lines:
        """Return the same with empty pieces at the end."""
        if len(self.lo) == pieces:
            return self
        return Lines(
            np.concatenate([self.lo, self.hi[-1:]]),
            np.concatenate([self.hi, self.hi[-1:]]),
            np.concatenate([self.at_lo, self.at_hi[-1:]]),
            np.concatenate([self.at_hi, self.at_hi[-1:]]),
            np.concatenate([self.slope, self.slope[-1:]]),
        )


def row_lines(moves: Rows, rows: Array, slopes: Array, totals: Array) -> Lines:
    """Return the lines along every number of one table.

    At most one number of a table enters a term of a channel, so the terms of a row are
    its numbers times their slopes, and those of the other rows stay.

    Parameters
    ----------
    moves
        How the rows move.
    rows
        The numbers at which the slopes hold, shape (rows, n).
    slopes
        Of each channel by each number, shape (rows, n, channels).
    totals
        The channels themselves, shape (channels,).
    """
    if not slopes.any():
        # What says nothing about any channel leaves all of them as they are.
        shape = (len(moves.lo), rows.size, len(totals))
        constant = np.broadcast_to(totals, shape)
        lo, hi = moves.lo.reshape(shape[:2]), moves.hi.reshape(shape[:2])
        return Lines(lo, hi, constant, constant, np.zeros(shape))
    rest = rest_of(rows, slopes, totals)[:, None, :]
    values = [rest + np.einsum("krij,rjc->kric", end, slopes) for end in (moves.at_lo, moves.at_hi)]
    slope = np.einsum("krij,rjc->kric", moves.rate, slopes)
    pieces, channels = len(moves.lo), len(totals)
    flat = [part.reshape(pieces, -1, channels) for part in (*values, slope)]
    return Lines(moves.lo.reshape(pieces, -1), moves.hi.reshape(pieces, -1), *flat)


def rest_of(rows: Array, slopes: Array, totals: Array) -> Array:
    """Return what of each channel does not depend on a row, shape (rows, channels).

    It is the sum over the other rows of the table, added rather than subtracted from the
    whole, so that nothing is lost.
    """
    mass = np.einsum("rn,rnc->rc", rows, slopes)
    none = np.zeros((1, mass.shape[1]))
    before = np.concatenate([none, np.cumsum(mass, axis=0)[:-1]])
    after = np.concatenate([np.cumsum(mass[::-1], axis=0)[-2::-1], none])
    # No row of a table that says nothing about the channel has a slope; all of it stays.
    return np.where(mass.sum(axis=0) > 0, before + after, totals)


def free_lines(values: Array, slopes: Array, totals: Array) -> Lines:
    """Return the lines along numbers that move alone: the links and the leak of a noisy-OR.

    Parameters
    ----------
    values
        Shape (numbers,).
    slopes
        Shape (numbers, channels).
    totals
        Shape (channels,).
    """
    ends = [_sum(totals, slopes * (x - values)[:, None]) for x in (0.0, 1.0)]
    lo = np.zeros((1, len(values)))
    return Lines(lo, lo + 1.0, ends[0][None], ends[1][None], slopes[None])


def _sum(total: Array, change: Array) -> Array:
    """Add; what rounding leaves of two equal and opposite terms is 0."""
    value = total + change
    return np.where(value <= _LOST * np.maximum(total, np.abs(change)), 0.0, value)


def nearest_root(lines: Lines, weights: Array, value: Array, *, touching: bool) -> Array:
    """Return where a weighted sum of the channels is 0, nearest to a value; NaN where nowhere.

    Parameters
    ----------
    lines
        Of each parameter.
    weights
        Shape (channels,).
    value
        Shape (parameters,).
    touching
        Whether it is enough to reach 0; otherwise the sum, positive today, must become
        negative beyond.
    """
    best = np.full(lines.size, np.nan)
    for k in range(len(lines.lo)):
        ends = lines.lo[k], lines.hi[k]
        heights = _weighed(lines.at_lo[k], weights), _weighed(lines.at_hi[k], weights)
        roots = _touches(ends, heights, value) if touching else _dips(ends, heights, value)
        for root in roots:
            possible = lines.at(np.where(np.isnan(root), ends[0], root))[:, 0] > 0
            nearer = ~(np.abs(best - value) <= np.abs(root - value)) & ~np.isnan(root)
            best = np.where(nearer & (ends[1] > ends[0]) & (possible | (not touching)), root, best)
    return best


def _weighed(channels: Array, weights: Array) -> Array:
    """Return a weighted sum of the channels; 0 where rounding is all there is to it."""
    terms = channels * weights
    total = terms.sum(axis=-1)
    return np.where(np.abs(total) <= 8 * np.finfo(float).eps * np.abs(terms).sum(axis=-1), 0.0, total)


def _touches(ends: tuple[Array, Array], heights: tuple[Array, Array], value: Array) -> list[Array]:
    """Return where on one piece a line is 0, as candidates: between the ends, at either, or all along."""
    (lo, hi), (first, last) = ends, heights
    everywhere = np.where((first == 0) & (last == 0), np.clip(value, lo, hi), np.nan)
    at_ends = [np.where(height == 0, end, np.nan) for height, end in zip(heights, ends, strict=True)]
    return [everywhere, _crossing(ends, heights), *at_ends]


def _dips(ends: tuple[Array, Array], heights: tuple[Array, Array], value: Array) -> list[Array]:
    """Return the point nearest to a value at which a line is negative, or about to be; NaN if none is."""
    (lo, hi), (first, last) = ends, heights
    crossing = _crossing(ends, heights)
    start = np.where(first < 0, lo, np.where(first == 0, lo, crossing))
    stop = np.where(last <= 0, hi, crossing)
    start = np.where((first >= 0) & (last >= 0), np.nan, start)
    return [np.where(np.isnan(start), np.nan, np.minimum(np.maximum(value, start), stop))]


def _crossing(ends: tuple[Array, Array], heights: tuple[Array, Array]) -> Array:
    """Return where a line crosses 0 between the ends of a piece; NaN if it does not."""
    (lo, hi), (first, last) = ends, heights
    change = first - last
    part = np.divide(first, change, out=np.zeros(change.shape), where=change != 0)
    return np.where(first * last < 0, lo + (hi - lo) * part, np.nan)


def rows_at(moves: Rows, x: Array) -> Array:
    """Return each row with each of its numbers moved to x, shape (rows, n, n); NaN outside the range.

    Parameters
    ----------
    moves
        How the rows move.
    x
        Shape (rows, n).
    """
    flat = Lines(
        *(part.reshape(len(moves.lo), -1) for part in (moves.lo, moves.hi)),
        *(part.reshape(len(moves.lo), x.size, -1) for part in (moves.at_lo, moves.at_hi, moves.rate)),
    )
    return flat.at(x.ravel()).reshape(*x.shape, -1)


def quotient(a: Array, b: Array) -> Array:
    """Divide; NaN where the divisor is not positive."""
    a, b = np.broadcast_arrays(a, b)
    divided: Array = np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)
    return divided


def row_distance(old: Array, new: Array) -> Array:
    """Return the distance of Chan and Darwiche between rows.

    ln max(new / old) - ln min(new / old) over the row, 0 / 0 counting as 1; infinite where
    something possible becomes impossible or the reverse.  It is the distance between the
    two whole joint distributions, and bounds how far the log-odds of any event, given any
    evidence, can move (Chan and Darwiche, IJAR 2005, theorems 2.2 and 4.1).

    Parameters
    ----------
    old, new
        Shape (..., n).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(new) - np.log(old)
    ratio = np.where((old == 0) & (new == 0), 0.0, ratio)
    return np.asarray(ratio.max(axis=-1) - ratio.min(axis=-1))
