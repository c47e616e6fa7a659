"""Measures of how good posteriors are, for many resamples of the rows at a time; arrays only.

What scikit-learn has is told as scikit-learn computes it.  For the intervals rows are
drawn anew a thousand times, for which a call a resample would be slow; so the measures
stand here once more as functions of counts, and the tests hold the two together.

Notation
--------
truth, posterior
    Of each target in each row, shape (rows, targets).
drawn
    Rows drawn with replacement, by position, shape (resamples, rows).
absent, present
    How many of the drawn rows with one posterior are without and with the condition, the
    posteriors rising, shape (resamples, posteriors).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from buttpain.display.progress import progress_bar

__all__ = [
    "ALL",
    "BINS",
    "DECIMALS",
    "Cases",
    "Groups",
    "Key",
    "Resampling",
    "auc",
    "average_precision",
    "binned",
    "by_sklearn",
    "mean_score",
    "measures",
    "net_benefit",
    "times_drawn",
    "wilson",
]

Array = NDArray[np.float64]
Places = NDArray[np.intp]
Truths = NDArray[np.bool_]

ALL = "all"
"""Stands for the condition where a number is about all of them."""

BINS = 10
"""Groups of the calibration curve and of the expected calibration error."""

DECIMALS = 12
"""To which posteriors are compared; what differs beyond is rounding."""

_EPS = float(np.finfo(np.float64).eps)
"""How far from 0 and 1 posteriors stay where a logarithm is taken, as in scikit-learn's log loss."""

_PAIRS = 2**21
"""Rows times targets times resamples that are in memory at once."""

_STEPS = 60
"""Most Newton steps of a calibration slope; from where they start, a handful suffices."""

Key = tuple[str, str]
"""Measure and condition."""


@dataclass(frozen=True)
class Cases:
    """What is scored.

    Parameters
    ----------
    targets
        Which posteriors.
    truth, posterior
        Shape (rows, targets).
    findings
        Observed in each row, shape (rows,).
    k
        As asked for.
    """

    targets: tuple[str, ...]
    truth: Truths
    posterior: Array
    findings: Places
    k: tuple[int, ...]

    @cached_property
    def compared(self) -> Array:
        """Posteriors without their rounding errors, shape (rows, targets)."""
        return np.round(self.posterior, DECIMALS)

    def in_order(self) -> Cases:
        """Return the same in an order of rows that does not depend on the frame's."""
        by = np.column_stack([self.compared, self.truth, self.findings])
        order = np.lexsort(by.T[::-1])
        return Cases(self.targets, self.truth[order], self.posterior[order], self.findings[order], self.k)

    @cached_property
    def of_rows(self) -> dict[str, Array]:
        """What each row scores, shape (rows,); NaN where it does not take part."""
        scores = {}
        above, tied, true = self._places
        ranked = len(self.targets)
        for k in self.k:
            scores[f"top_{k}"] = _among_first(k, above, tied, true) if k < ranked else above + math.nan
        scores["mean_rank"] = above + (tied + 1) / (true + 1) if ranked > 1 else above + math.nan
        return scores | {"brier": self.squares.mean(axis=1), "log_loss": self.losses.mean(axis=1)}

    @cached_property
    def _places(self) -> tuple[Array, Array, Array]:
        """Return how many targets stand above the highest true one, level with it, and are true among these.

        Shape (rows,) each; NaN where no target is true.
        """
        highest = np.where(self.truth, self.compared, -1.0).max(axis=1, keepdims=True)
        level = self.compared == highest
        some = np.where(self.truth.any(axis=1), 0.0, math.nan)
        counts = (self.compared > highest, level, level & self.truth)
        above, tied, true = (some + count.sum(axis=1) for count in counts)
        return above, tied, true

    @cached_property
    def squares(self) -> Array:
        """Squared errors, shape (rows, targets)."""
        return np.asarray((self.posterior - self.truth) ** 2)

    @cached_property
    def losses(self) -> Array:
        """Minus the logarithms of what was said of the truth, shape (rows, targets)."""
        said = np.where(self.truth, self.posterior, 1 - self.posterior)
        return np.asarray(-np.log(np.clip(said, _EPS, 1 - _EPS)))

    @cached_property
    def groups(self) -> list[Groups]:
        """The rows of each target by posterior."""
        return [Groups(self.compared[:, [i]], self.truth[:, [i]]) for i in range(len(self.targets))]

    @cached_property
    def pooled(self) -> Groups:
        """The rows of all targets together by posterior."""
        return Groups(self.compared, self.truth)

    @cached_property
    def bins(self) -> list[Array]:
        """To which group of its calibration curve each row belongs, for each target, shape (rows, bins)."""
        return [np.eye(BINS)[binned(column, BINS, "quantile")] for column in self.compared.T]


def _among_first(k: int, above: Array, tied: Array, true: Array) -> Array:
    """Return how probable it is that a true one is among the first k, the tied ones in random order."""
    none = np.ones_like(above)
    for i in range(k):
        missed = np.maximum(tied - true - i, 0) / np.maximum(tied - i, 1)
        none = np.where(i < k - above, none * missed, none)
    return 1 - none + 0 * above  # NaN stays NaN


def binned(posterior: Array, bins: int, strategy: str) -> Places:
    """Return the group of each posterior, by scikit-learn's rule for its calibration curve."""
    shares = np.linspace(0, 1, bins + 1)
    edges = np.quantile(posterior, shares) if strategy == "quantile" else shares
    return np.searchsorted(edges[1:-1], posterior)


class Groups:
    """Rows of one or more targets, grouped by posterior.

    Attributes
    ----------
    values
        Posteriors that occur, rising, shape (posteriors,).
    """

    def __init__(self, posterior: Array, truth: Truths) -> None:
        self.values, places = np.unique(posterior, return_inverse=True)
        self._codes = places.reshape(truth.shape) + self.values.size * truth
        inside = np.clip(self.values, _EPS, 1 - _EPS)
        logit = np.log(inside / (1 - inside))
        self._middle = float(logit.mean())
        self._logit = logit - self._middle

    def count(self, drawn: Places) -> tuple[Array, Array]:
        """Return `absent` and `present` of resamples."""
        codes = self._codes[drawn].reshape(len(drawn), -1)
        size = 2 * self.values.size
        codes = codes + size * np.arange(len(drawn))[:, None]
        counts = np.bincount(codes.ravel(), minlength=size * len(drawn)).astype(np.float64)
        absent, present = np.moveaxis(counts.reshape(len(drawn), 2, -1), 1, 0)
        return absent, present

    @cached_property
    def _start(self) -> tuple[float, float]:
        """Intercept and slope over all rows, where the steps for a resample begin."""
        absent, present = self.count(np.arange(len(self._codes))[None])
        if not np.isfinite(_separation(absent, present))[0]:
            return self._middle, 1.0
        intercept, slope = _logistic(self._logit, absent, present, (self._middle, 1.0))
        return float(intercept[0]), float(slope[0])

    def slope(self, absent: Array, present: Array) -> Array:
        """Return the slope of the truth's log odds on the posterior's, shape (resamples,)."""
        slope = _separation(absent, present)
        some = np.isfinite(slope)
        slope[some] = _logistic(self._logit, absent[some], present[some], self._start)[1]
        return slope


# -- measures of resamples ---------------------------------------------------------------------


def _ratio(part: Array, whole: Array) -> Array:
    """Return part / whole, NaN where the whole is 0."""
    return np.asarray(np.where(whole > 0, part, math.nan) / np.where(whole > 0, whole, 1.0))


def auc(absent: Array, present: Array) -> Array:
    """Return how probable it is that a case has the higher posterior of a case and a non-case."""
    below = absent.cumsum(axis=-1) - absent / 2  # a tie is half a win
    return _ratio((present * below).sum(axis=-1), absent.sum(axis=-1) * present.sum(axis=-1))


def average_precision(absent: Array, present: Array) -> Array:
    """Return the mean over the cases of the share of cases among what stands no lower; NaN without others."""
    found = present[..., ::-1].cumsum(axis=-1)
    taken = found + absent[..., ::-1].cumsum(axis=-1)
    precision = found / np.maximum(taken, 1.0)
    return _ratio((present[..., ::-1] * precision).sum(axis=-1), present.sum(axis=-1) * absent.any(axis=-1))


def _separation(absent: Array, present: Array) -> Array:
    """Return 0 where a logistic curve can be fitted, the slope it would run to where the two lie apart.

    NaN where there is nothing to fit: no case, no non-case, or one posterior alone.
    """
    last = absent.shape[-1] - 1
    lowest = [(counts > 0).argmax(axis=-1) for counts in (absent, present)]
    highest = [last - (counts[..., ::-1] > 0).argmax(axis=-1) for counts in (absent, present)]
    above, below = highest[0] <= lowest[1], highest[1] <= lowest[0]
    slope = np.where(above, math.inf, np.where(below, -math.inf, 0.0))
    nothing = ~absent.any(axis=-1) | ~present.any(axis=-1) | (above & below)
    return np.where(nothing, math.nan, slope)


def _logistic(x: Array, absent: Array, present: Array, start: tuple[float, float]) -> tuple[Array, Array]:
    """Return intercept and slope of the logistic regression on x, shape (resamples,) each."""
    total = absent + present
    intercept, slope = (np.full(len(total), value) for value in start)
    left = np.arange(len(total))
    for _ in range(_STEPS):
        count, cases = total[left], present[left]
        fitted = (1 + np.tanh((intercept[left, None] + slope[left, None] * x) / 2)) / 2
        error = cases - count * fitted
        weight = count * fitted * (1 - fitted)
        whole = np.maximum(weight.sum(axis=1), _EPS)
        # About the mean of x the two equations come apart.
        mean = weight @ x / whole
        spread = np.maximum(weight @ x**2 - whole * mean**2, _EPS)
        pull = error.sum(axis=1)
        turn = (error @ x - mean * pull) / spread
        shift = pull / whole - mean * turn
        short = np.minimum(1.0, 1.0 / np.maximum(np.maximum(np.abs(turn), np.abs(shift)), _EPS))
        slope[left] += short * turn
        intercept[left] += short * shift
        left = left[np.abs(turn) + np.abs(shift) > 1e-8]
        if not left.size:
            break
    slope[left] = np.copysign(math.inf, slope[left])  # so nearly apart that the steps do not end
    return intercept, slope


def net_benefit(absent: Array, present: Array, at: Places, odds: Array) -> tuple[Array, Array]:
    """Return the net benefit of the posterior and of treating all at each threshold.

    Shape (resamples, thresholds) each.  `at` is where the posteriors begin that reach a
    threshold, `odds` what a needless treatment costs against a useful one.
    """

    def treated(counts: Array) -> Array:
        reached = counts[..., ::-1].cumsum(axis=-1)[..., ::-1]
        return np.pad(reached, [(0, 0), (0, 1)])[:, at]

    rows = (absent + present).sum(axis=-1, keepdims=True)
    model = (treated(present) - odds * treated(absent)) / rows
    everybody = (present.sum(axis=-1, keepdims=True) - odds * absent.sum(axis=-1, keepdims=True)) / rows
    return model, everybody


def measures(cases: Cases, drawn: Places) -> dict[Key, Array]:
    """Return every measure of resamples, shape (resamples,); NaN where there is none."""
    rows = drawn.shape[1]
    times = times_drawn(drawn)
    found: dict[Key, Array] = {}
    for name, score in cases.of_rows.items():
        found[name, ALL] = mean_score(times, score)
    brier, loss, base = (times @ array / rows for array in (cases.squares, cases.losses, cases.truth))
    large = times @ (cases.truth - cases.posterior) / rows
    found["brier_skill", ALL] = _skill(brier.sum(axis=1), (base * (1 - base)).sum(axis=1))
    found["calibration_in_the_large", ALL] = large.mean(axis=1)
    found["calibration_slope", ALL] = cases.pooled.slope(*cases.pooled.count(drawn))
    for i, target in enumerate(cases.targets):
        absent, present = cases.groups[i].count(drawn)
        gaps = times @ (cases.bins[i] * (cases.truth[:, i] - cases.posterior[:, i])[:, None])
        found["auc", target] = auc(absent, present)
        found["average_precision", target] = average_precision(absent, present)
        found["brier", target] = brier[:, i]
        found["brier_skill", target] = _skill(brier[:, i], base[:, i] * (1 - base[:, i]))
        found["log_loss", target] = loss[:, i]
        found["ece", target] = np.abs(gaps).sum(axis=1) / rows
        found["calibration_in_the_large", target] = large[:, i]
        found["calibration_slope", target] = cases.groups[i].slope(absent, present)
    return found | _means_over_targets(found, cases.targets, ("auc", "average_precision", "ece"))


def times_drawn(drawn: Places) -> Array:
    """Return how often each row was drawn, shape (resamples, rows)."""
    codes = drawn + drawn.shape[1] * np.arange(len(drawn))[:, None]
    return np.bincount(codes.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)


def mean_score(times: Array, score: Array) -> Array:
    """Return the mean score of the rows that take part, each as often as it was drawn, shape (resamples,)."""
    some = np.isfinite(score)
    return _ratio(times[:, some] @ score[some], times[:, some].sum(axis=1))


def _skill(brier: Array, base: Array) -> Array:
    """Return by which share a Brier score lies below that of always saying the base rate."""
    return 1 - _ratio(brier, base)


def _means_over_targets(
    found: Mapping[Key, Array], targets: Sequence[str], names: Sequence[str]
) -> dict[Key, Array]:
    """Return the mean of each measure over the targets that have it."""
    means = {}
    for name in names:
        each = np.array([found[name, target] for target in targets])
        some = np.isfinite(each)
        means[name, ALL] = _ratio(np.where(some, each, 0.0).sum(axis=0), some.sum(axis=0).astype(np.float64))
    return means


def by_sklearn(cases: Cases) -> dict[Key, float]:
    """Return the measures that scikit-learn has, where they are defined."""
    from sklearn.metrics import (  # type: ignore[import-untyped]
        average_precision_score,
        brier_score_loss,
        log_loss,
        roc_auc_score,
    )

    found: dict[Key, float] = {}
    for i, target in enumerate(cases.targets):
        truth, posterior, compared = cases.truth[:, i], cases.posterior[:, i], cases.compared[:, i]
        found["brier", target] = float(brier_score_loss(truth, posterior, pos_label=True))
        found["log_loss", target] = float(log_loss(truth, posterior, labels=[False, True]))
        if truth.any() and not truth.all():
            found["auc", target] = float(roc_auc_score(truth, compared))
            found["average_precision", target] = float(average_precision_score(truth, compared))
    return found


# -- intervals ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Resampling:
    """How rows are drawn anew."""

    count: int
    seed: int
    level: float
    progress: bool | None = None

    def of(self, cases: Cases, measured: Callable[[Places], dict[Any, Array]]) -> dict[Any, Array]:
        """Return what is measured of each resample of the rows, shape (resamples, ...)."""
        rng = np.random.default_rng(self.seed)
        rows = len(cases.truth)
        with self._bar() as bar:
            blocks = []
            for size in self._sizes(cases):
                blocks.append(measured(rng.integers(rows, size=(size, rows))))
                bar.update(size)
        return {key: np.concatenate([block[key] for block in blocks]) for key in blocks[0]}

    def ends(self, values: Array) -> tuple[float, float]:
        """Return the percentile interval of those that are defined; infinite where there is no end."""
        known = values[~np.isnan(values)]
        tail = (1 - self.level) / 2
        with np.errstate(invalid="ignore"):  # between two infinite ones
            low, high = np.quantile(known, [tail, 1 - tail]) if known.size else (math.nan, math.nan)
        return float(low), float(high)

    def chance(self, cases: Cases) -> dict[Key, Array]:
        """Return expected calibration errors of truths drawn from the posteriors, shape (resamples,)."""
        found: dict[Key, Array] = {}
        for i, target in enumerate(cases.targets):
            rng = np.random.default_rng([self.seed, i])
            posterior, bins = cases.posterior[:, i], cases.bins[i]
            gaps = [
                ((rng.random((size, len(posterior))) < posterior) - posterior) @ bins
                for size in self._sizes(cases)
            ]
            found["ece_by_chance", target] = np.abs(np.concatenate(gaps)).sum(axis=1) / len(posterior)
        return found | _means_over_targets(found, cases.targets, ["ece_by_chance"])

    def _sizes(self, cases: Cases) -> list[int]:
        """Return how many resamples are made at a time."""
        block = max(1, _PAIRS // cases.truth.size)
        return [min(block, self.count - start) for start in range(0, self.count, block)]

    def _bar(self) -> Any:
        silent = None if self.progress is None else not self.progress
        return progress_bar(self.count, "resample", hidden=silent)


def wilson(true: int, n: int, level: float) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle, share = (true + z * z / 2) / (n + z * z), true / n
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    # Rounding may put an end that is 0 or 1 a little beyond.
    return (0.0 if true == 0 else middle - reach), (1.0 if true == n else middle + reach)
