"""How sure a number is: its Beta or Dirichlet, its interval, its source and grade.

A published number is a proportion with a sample behind it, or a judgement with
a range around it.  Either becomes a Beta distribution (a Dirichlet for a
distribution over several states) whose mean is the value that inference uses:

- *events of trials*: Jeffreys' prior updated by the counts, Beta(e + 1/2, n - e + 1/2),
  so a zero cell stays possible and the interval covers well (Brown, Cai and
  DasGupta, Statistical Science 2001);
- *value and ess*: Beta(value * ess, (1 - value) * ess), `ess` being the effective
  sample size; an infinite `ess` says that the number holds by definition;
- *value and range*: the Beta with that mean whose central 90 % interval is as wide
  as the range (O'Hagan et al., Uncertain Judgements, 2006, elicit in this way).

What studies say of a cause, P(finding | this cause and no other), includes the leak of
a noisy-OR.  Such a number becomes its Beta in the same way, and the leak is then taken
out of that (`without_leak`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GRADES",
    "Provenance",
    "Source",
    "WithLeak",
    "beta_interval",
    "certain_enough",
    "ess_from_range",
    "jeffreys_mean",
    "wilson_interval",
    "without_leak",
]

RANGE_MASS = 0.90
"""Probability that a stated range is meant to hold."""

GRADES = {
    "accuracy_study": "A",
    "cohort": "B",
    "case_series": "C",
    "review": "D",
    "guideline": "D",
    "seed_document": "E",
    "elicited": "F",
}
"""Grade of a number by the kind of its source, best first."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where numbers come from.

    Parameters
    ----------
    key
        The name by which numbers refer to it.
    cite
        The citation, in full.
    kind
        One of the keys of `GRADES`.
    doi, url
        Where it can be read.
    """

    key: str
    cite: str
    kind: str
    doi: str = ""
    url: str = ""

    @property
    def grade(self) -> str:
        """Grade of the numbers that rest on this source, A (best) to F."""
        return GRADES[self.kind]


@dataclass(frozen=True, slots=True)
class WithLeak:
    """A link of a noisy-OR as its author stated it: with the leak in it.

    Parameters
    ----------
    value
        P(present | this cause and no other).
    leak
        The leak that was taken out of it.
    ess, range, counts
        How sure `value` is, as in `Provenance`.
    """

    value: float
    leak: float
    ess: float = math.nan
    range: tuple[float, float] | None = None
    counts: tuple[float, ...] = ()

    @property
    def link(self) -> tuple[float, float]:
        """Mean and effective sample size of the link; the latter NaN where it follows from `range`."""
        mean, ess = without_leak(self.value, self.ess, self.leak)
        return mean, math.nan if self.range else ess  # always the one NaN, so that records compare equal


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known about how sure one distribution is, as its author stated it.

    Parameters
    ----------
    source
        Key of the source; empty for a number that came without one (a BIF file, say).
    note
        Why this number, in the author's words.
    ess
        Effective sample size; NaN where it follows from `range` or is unknown.
    range
        Central 90 % interval of the value, if that is how it was stated.
    counts
        The counts as published, one a state; empty if it was not stated so.
    with_leak
        Of a link that was stated with the leak in it: the number as stated, in place of
        `range` and `counts`.  `ess` is then that of the link, NaN where it follows from
        the range in here.
    """

    source: str = ""
    note: str = ""
    ess: float = math.nan
    range: tuple[float, float] | None = None
    counts: tuple[float, ...] = ()
    with_leak: WithLeak | None = None


def without_leak(value: float, ess: float, leak: float) -> tuple[float, float]:
    """Return the mean and the effective sample size of a link, from a Beta that includes the leak.

    With the leak fixed at its mean, link = (p - leak) / (1 - leak) is linear in p, so its
    mean and variance follow from those of p.  The Beta that has both stands for it
    (moment matching): ess + 1 = mean (1 - mean) / variance = (1 - leak / p) (ess of p + 1).

    Parameters
    ----------
    value, ess
        Of p, P(present | this cause and no other).
    leak
        Below `value`.

    Returns
    -------
    mean, ess
        Where `ess` is not positive, no Beta has this mean and this variance.

    Examples
    --------
    >>> from buttpain.model.priors import without_leak
    >>> mean, ess = without_leak(0.67, 19.0, 0.18)
    >>> f"{mean:.3f} {ess:.1f}"
    '0.598 13.6'
    """
    return (value - leak) / (1 - leak), (1 - leak / value) * (ess + 1) - 1


def certain_enough(stated: WithLeak) -> bool:
    """Return whether a number that includes the leak leaves its link a Beta."""
    low, high = stated.range or (math.nan, math.nan)
    if stated.range is None:
        return stated.link[1] > 0
    # A central 90 % interval of width w belongs to a normal distribution of this variance.  For the Betas
    # of `ess_from_range` the estimate is at most 3.64 times too large: a quarter of it spares the fit.
    value, sd = stated.value, (high - low) / 3.29
    if without_leak(value, value * (1 - value) / sd**2 / 4 - 1, stated.leak)[1] > 0:
        return True
    ess = ess_from_range(np.array([value]), np.array([low]), np.array([high]))
    return without_leak(value, float(ess[0]), stated.leak)[1] > 0


def jeffreys_mean(counts: Sequence[float]) -> tuple[NDArray[np.float64], float]:
    """Return the mean and the effective sample size of Jeffreys' prior updated by counts.

    Parameters
    ----------
    counts
        Times that each state was seen, shape (states,).

    Returns
    -------
    mean, ess
        Shape (states,), and one number: the counts plus 1/2 a state, added up.
    """
    updated = np.asarray(counts, dtype=np.float64) + 0.5
    ess = float(updated.sum())
    return updated / ess, ess


def wilson_interval(value: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a proportion seen in a sample.

    Of the intervals that need no more than a square root it covers best in small samples,
    and unlike value plus or minus two standard errors it has a width at 0 and at 1
    (Wilson, JASA 1927; Brown, Cai and DasGupta, Statistical Science 2001).

    Parameters
    ----------
    value
        The proportion.
    n
        Size of the sample.

    Examples
    --------
    >>> from buttpain.model.priors import wilson_interval
    >>> [round(end, 3) for end in wilson_interval(7 / 17, 17)]
    [0.216, 0.64]
    """
    z = 1.959963984540054  # quantile 0.975 of the normal distribution
    middle = value + z**2 / (2 * n)
    reach = z * math.sqrt(value * (1 - value) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    # Exact arithmetic stays within [0, 1] and holds the value; rounding may miss either by a hair.
    low, high = max((middle - reach) / scale, 0.0), min((middle + reach) / scale, 1.0)
    return min(low, value), max(high, value)


def beta_interval(
    value: NDArray[np.float64], ess: NDArray[np.float64], mass: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the central interval of Beta(value * ess, (1 - value) * ess).

    Parameters
    ----------
    value, ess
        Means and effective sample sizes, shape (n,).  An infinite `ess` gives an
        interval of no width, a NaN one gives NaN; so does a value of exactly 0 or 1,
        which no Beta has as its mean, unless `ess` is infinite.
    mass
        Probability inside the interval.
    """
    # scipy.special takes longer to import than a posterior to compute, and only intervals need it.
    from scipy.special import betaincinv

    low, high = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    sure = np.isposinf(ess)
    low[sure] = high[sure] = value[sure]
    open_ = np.isfinite(ess) & (value > 0) & (value < 1)
    a, b = value[open_] * ess[open_], (1 - value[open_]) * ess[open_]
    low[open_] = betaincinv(a, b, (1 - mass) / 2)
    high[open_] = betaincinv(a, b, (1 + mass) / 2)
    return low, high


def ess_from_range(
    value: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    mass: float = RANGE_MASS,
) -> NDArray[np.float64]:
    """Return the effective sample size at which a Beta's central interval is as wide as a range.

    The mean is fixed at `value`; the width falls as `ess` grows, so bisection on
    log(ess) finds it.  A range too wide for any Beta of this mean gets the widest.
    All numbers are solved at once.

    Parameters
    ----------
    value, low, high
        Means and ranges, shape (n,), each with ``0 <= low < high <= 1``.
    mass
        Probability that the ranges are meant to hold.

    Returns
    -------
    ess
        Shape (n,), at least 0.5; NaN where `value` is 0 or 1, which no Beta has as its mean.

    Examples
    --------
    >>> from buttpain.model.priors import beta_interval, ess_from_range
    >>> import numpy as np
    >>> value = np.array([0.7])
    >>> ess = ess_from_range(value, np.array([0.6]), np.array([0.8]))
    >>> low, high = beta_interval(value, ess, 0.90)
    >>> f"{ess[0]:.1f} {high[0] - low[0]:.3f}"
    '55.8 0.200'
    """
    inside = (value > 0) & (value < 1)
    rarer = np.where(inside, np.minimum(value, 1 - value), 0.5)
    # With fewer than about 0.08 events in the sample the Beta piles up on 0 (or 1) and its interval
    # narrows again; the place of the widest 90 % interval was found numerically, for means from 1e-6.
    small = np.log(np.maximum(0.5, 0.0877 / rarer - 1.35))
    large = np.maximum(small, math.log(1e9))
    for _ in range(45):  # leaves log(ess) an error below 1e-12
        middle = (small + large) / 2
        inner_low, inner_high = beta_interval(value, np.exp(middle), mass)
        too_wide = inner_high - inner_low > high - low
        small, large = np.where(too_wide, middle, small), np.where(too_wide, large, middle)
    return np.where(inside, np.exp((small + large) / 2), np.nan)
