"""Measures of posteriors: each against plain loops over rows, and against scikit-learn."""

import math
from functools import partial
from itertools import permutations
from statistics import fmean, quantiles
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import binom, binomtest
from sklearn.calibration import calibration_curve  # type: ignore[import-untyped]
from sklearn.metrics import confusion_matrix  # type: ignore[import-untyped]

from buttpain.analysis import scores
from buttpain.analysis.scores import ALL, Cases, Groups, Resampling

EPS = float(np.finfo(float).eps)
LEVELS = (0.0, 1e-14, 0.1, 0.25, 0.5, 0.5 + 1e-15, 0.7, 0.9, 1.0)
"""Posteriors: few, so that they meet, and two that differ by rounding alone."""

Row = tuple[list[float], list[bool]]
"""Posterior and truth of each target."""


@st.composite
def rows_of_cases(draw: st.DrawFn, *, most: int = 12) -> list[Row]:
    """Draw rows of posteriors and truths."""
    targets = draw(st.integers(1, 4))
    posterior = st.lists(st.sampled_from(LEVELS), min_size=targets, max_size=targets)
    truth = st.lists(st.booleans(), min_size=targets, max_size=targets)
    return draw(st.lists(st.tuples(posterior, truth), min_size=1, max_size=most))


def cases_of(rows: list[Row], k: tuple[int, ...] = (1, 2, 3)) -> Cases:
    """Return rows as arrays."""
    posterior, truth = (np.array(part) for part in zip(*rows, strict=True))
    names = tuple("abcd"[: posterior.shape[1]])
    return Cases(names, truth, posterior, np.zeros(len(rows), dtype=np.intp), k)


def random_cases(rows: int, targets: int = 2, *, seed: int = 0, spread: float = 1.0) -> Cases:
    """Return cases that come true as often as is said; `spread` away from 1, they do not."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.5, size=(rows, targets))
    truth = rng.random((rows, targets)) < 1 / (1 + np.exp(-logit))
    posterior = 1 / (1 + np.exp(-spread * logit))
    return Cases(tuple("abcd"[:targets]), truth, posterior, np.zeros(rows, dtype=np.intp), (1,))


def everything(cases: Cases) -> NDArray[np.intp]:
    """Return the resample that draws each row once."""
    return np.arange(len(cases.truth))[None]


# -- plain loops ---------------------------------------------------------------------------------


def slow_auc(pairs: list[tuple[float, bool]]) -> float:
    """Compare every case with every other row."""
    wins = [
        1.0 if said > other else 0.5 if said == other else 0.0
        for said, true in pairs
        if true
        for other, rival in pairs
        if not rival
    ]
    return fmean(wins) if wins else math.nan


def slow_precision(pairs: list[tuple[float, bool]]) -> float:
    """For every case, look at all that stand no lower."""
    if all(true for _, true in pairs) or not any(true for _, true in pairs):
        return math.nan
    shares = []
    for said, true in pairs:
        if true:
            taken = [rival for other, rival in pairs if other >= said]
            shares.append(sum(taken) / len(taken))
    return fmean(shares)


def slow_places(row: Row) -> list[int]:
    """Return the place of the first true target in every order that the posteriors allow."""
    posterior, truth = row
    found = []
    for order in permutations(range(len(truth))):
        said = [round(posterior[i], 12) for i in order]
        if said == sorted(said, reverse=True):
            found.append(1 + [truth[i] for i in order].index(True))
    return found


def slow_loss(said: float, true: bool) -> float:
    """Return minus the logarithm of what was said of the truth."""
    return -math.log(min(max(said if true else 1 - said, EPS), 1 - EPS))


def slow_slope(pairs: list[tuple[float, bool]]) -> float:
    """Climb the likelihood with an optimizer that knows nothing of it."""
    truth = np.array([true for _, true in pairs])
    x = np.array([math.log(max(p, EPS) / max(1 - p, EPS)) for p, _ in pairs])
    sign = np.where(truth, -1.0, 1.0)

    def loss(at: NDArray[np.float64]) -> float:
        return float(np.logaddexp(0, sign * (at[0] + at[1] * (x - x.mean()))).sum())

    return float(minimize(loss, [0.0, 0.5], method="BFGS").x[1])


def slow_group(said: float, among: list[float]) -> int:
    """Return the group of ten that a posterior is in."""
    edges = quantiles(among, n=10, method="inclusive") if len(among) > 1 else [said] * 9
    return sum(edge < said for edge in edges)


def slow_ece(pairs: list[tuple[float, bool]], among: list[float]) -> float:
    """Return the weighted mean over groups of the distance of two means."""
    total = 0.0
    for group in range(10):
        inside = [pair for pair in pairs if slow_group(pair[0], among) == group]
        if inside:
            gap = fmean(true for _, true in inside) - fmean(said for said, _ in inside)
            total += len(inside) / len(pairs) * abs(gap)
    return total


def slow(drawn: list[Row], rows: list[Row]) -> dict[tuple[str, str], float]:
    """Return every measure of drawn rows except the slopes; the groups are those of all rows."""
    targets = range(len(rows[0][0]))
    found: dict[tuple[str, str], float] = {}
    for k in (1, 2, 3):
        hits = [fmean(place <= k for place in slow_places(row)) for row in drawn if any(row[1])]
        found[f"top_{k}", ALL] = fmean(hits) if hits and k < len(targets) else math.nan
    places = [fmean(slow_places(row)) for row in drawn if any(row[1])]
    found["mean_rank", ALL] = fmean(places) if places and len(targets) > 1 else math.nan
    bases = []
    for i in targets:
        pairs = [(round(row[0][i], 12), row[1][i]) for row in drawn]
        among = [round(row[0][i], 12) for row in rows]
        name = "abcd"[i]
        found["auc", name] = slow_auc(pairs)
        found["average_precision", name] = slow_precision(pairs)
        found["brier", name] = fmean((row[0][i] - row[1][i]) ** 2 for row in drawn)
        base = fmean(true for _, true in pairs)
        bases.append(fmean((base - true) ** 2 for _, true in pairs))
        found["brier_skill", name] = 1 - found["brier", name] / bases[-1] if bases[-1] else math.nan
        found["log_loss", name] = fmean(slow_loss(row[0][i], row[1][i]) for row in drawn)
        found["ece", name] = slow_ece(pairs, among)
        found["calibration_in_the_large", name] = fmean(row[1][i] - row[0][i] for row in drawn)
    for metric in ("auc", "average_precision", "brier", "log_loss", "ece", "calibration_in_the_large"):
        each = [found[metric, "abcd"[i]] for i in targets if not math.isnan(found[metric, "abcd"[i]])]
        found[metric, ALL] = fmean(each) if each else math.nan
    found["brier_skill", ALL] = (
        1 - found["brier", ALL] * len(targets) / sum(bases) if sum(bases) else math.nan
    )
    return found


# -- against them --------------------------------------------------------------------------------


@given(rows=rows_of_cases(), data=st.data())
def test_each_measure_of_a_resample_is_that_of_its_rows(rows: list[Row], data: st.DataObject) -> None:
    """Counting how often a row was drawn gives what listing the drawn rows gives."""
    cases = cases_of(rows)
    size = len(rows)
    places = st.lists(st.integers(0, size - 1), min_size=size, max_size=size)
    drawn = np.array([range(size), data.draw(places), data.draw(places)])
    found = scores.measures(cases, drawn)
    for i, resample in enumerate(drawn):
        wanted = slow([rows[place] for place in resample], rows)
        assert wanted.keys() == {key for key in found if key[0] != "calibration_slope"}
        for key, value in wanted.items():
            assert found[key][i] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), key


@given(rows=rows_of_cases())
def test_scikit_learn_measures_the_same(rows: list[Row]) -> None:
    """What is told is scikit-learn's, and what is resampled agrees with it; it tells no AUC without cases."""
    cases = cases_of(rows)
    ours = scores.measures(cases, everything(cases))
    theirs = scores.by_sklearn(cases)
    for name in ("auc", "average_precision", "brier", "log_loss"):
        for target in cases.targets:
            if (name, target) in theirs:
                assert ours[name, target][0] == pytest.approx(theirs[name, target], rel=1e-9, abs=1e-12)
            else:
                assert name in ("auc", "average_precision")
                assert math.isnan(ours[name, target][0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
def test_the_slope_is_that_of_a_logistic_regression(seed: int, spread: float) -> None:
    """Newton's steps end where a general optimizer does, for each resample and for all targets pooled."""
    cases = random_cases(40, seed=seed, spread=spread)
    drawn = np.random.default_rng(seed).integers(40, size=(3, 40))
    found = scores.measures(cases, drawn)
    for i, rows in enumerate(drawn):
        each = [
            list(zip(cases.posterior[rows, j].tolist(), cases.truth[rows, j].tolist(), strict=True))
            for j in range(2)
        ]
        for name, pairs in (("a", each[0]), ("b", each[1]), (ALL, each[0] + each[1])):
            assert found["calibration_slope", name][i] == pytest.approx(slow_slope(pairs), rel=1e-4, abs=1e-5)


def test_the_slope_stands_up_to_posteriors_of_0_and_1() -> None:
    """Certain answers, right or wrong, count as the least that a float can tell from certain."""
    rows: list[Row] = [([0.0], [False])] * 5 + [([1.0], [True])] * 5 + [([0.3], [True]), ([0.6], [False])]
    pairs = [(row[0][0], row[1][0]) for row in rows]
    for wrong in ([], [([1.0], [False])]):
        cases = cases_of([*rows, *wrong])
        (found,) = scores.measures(cases, everything(cases))["calibration_slope", "a"]
        both = [*pairs, *((row[0][0], row[1][0]) for row in wrong)]
        assert found == pytest.approx(slow_slope(both), rel=1e-4)


@pytest.mark.parametrize(
    ("absent", "present", "slope"),
    [
        ([2, 1, 0], [0, 0, 3], math.inf),
        ([2, 1, 0], [0, 1, 3], math.inf),
        ([0, 0, 3], [2, 1, 0], -math.inf),
        ([0, 2, 0], [0, 3, 0], math.nan),
        ([2, 1, 1], [0, 0, 0], math.nan),
        ([0, 0, 0], [2, 1, 1], math.nan),
    ],
    ids=["apart", "apart but for one value", "the wrong way round", "one posterior", "no cases", "all cases"],
)
def test_where_no_curve_fits_there_is_no_slope(absent: list[int], present: list[int], slope: float) -> None:
    """A slope without end is infinite, one of nothing is none."""
    posterior = [0.2, 0.5, 0.7]
    rows: list[Row] = []
    for counts, true in ((absent, False), (present, True)):
        rows += [([p], [true]) for p, count in zip(posterior, counts, strict=True) for _ in range(count)]
    cases = cases_of(rows)
    (found,) = scores.measures(cases, everything(cases))["calibration_slope", "a"]
    assert found == pytest.approx(slope, nan_ok=True)


@given(rows=rows_of_cases(), thresholds=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4))
def test_net_benefit_counts_true_and_false_positives(rows: list[Row], thresholds: list[float]) -> None:
    """Net benefit is what the confusion matrix at each threshold says, of the model and of treating all."""
    cases = cases_of(rows)
    at = np.searchsorted(cases.groups[0].values, thresholds)
    odds = np.array([t / (1 - t) for t in thresholds])
    counts = cases.groups[0].count(everything(cases))
    model, everybody = scores.net_benefit(*counts, at, odds)
    for i, threshold in enumerate(thresholds):
        truth = cases.truth[:, 0]
        for found, treated in (
            (model, cases.compared[:, 0] >= threshold),
            (everybody, np.ones_like(truth)),
        ):
            _, false, _, true = confusion_matrix(truth, treated, labels=[False, True]).ravel().tolist()
            wanted = (true - false * threshold / (1 - threshold)) / len(rows)
            assert found[0, i] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
@pytest.mark.parametrize("bins", [1, 3, 10])
def test_groups_are_those_of_scikit_learn(strategy: str, bins: int) -> None:
    """Means of the groups are the points of scikit-learn's calibration curve."""
    cases = random_cases(137, 1)
    posterior, truth = np.round(cases.posterior[:, 0], 2), cases.truth[:, 0]
    group = scores.binned(posterior, bins, strategy)
    found = [(truth[group == i].mean(), posterior[group == i].mean()) for i in np.unique(group)]
    share, said = calibration_curve(truth, posterior, n_bins=bins, strategy=strategy)
    assert np.array(found) == pytest.approx(np.column_stack([share, said]))


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize(("true", "n"), [(0, 1), (1, 1), (0, 30), (30, 30), (3, 30), (499, 1000)])
def test_the_interval_of_a_share_is_wilsons(true: int, n: int, level: float) -> None:
    """It agrees with scipy's, and never leaves [0, 1]."""
    wanted = binomtest(true, n).proportion_ci(level, method="wilson")
    low, high = scores.wilson(true, n, level)
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert 0 <= low <= true / n <= high <= 1


# -- resampling ----------------------------------------------------------------------------------


def test_blocks_do_not_matter() -> None:
    """The same rows are drawn however many resamples are made at a time."""
    cases = random_cases(23)
    resampling = Resampling(150, 4, 0.95)
    measured = partial(scores.measures, cases)
    whole = resampling.of(cases, measured), resampling.chance(cases)
    with patch.object(scores, "_PAIRS", 7 * cases.truth.size):
        parts = resampling.of(cases, measured), resampling.chance(cases)
    for one, other in zip(whole, parts, strict=True):
        assert one.keys() == other.keys()
        for key, values in one.items():
            assert values.shape == (150,)
            assert other[key] == pytest.approx(values, nan_ok=True, rel=1e-7)


def test_rows_are_drawn_with_replacement() -> None:
    """Each resample has as many rows as there are, and each row is drawn once on average."""
    cases = random_cases(50)
    found = Resampling(4000, 0, 0.95).of(cases, lambda drawn: {"times": scores.times_drawn(drawn)})["times"]
    assert found.shape == (4000, 50)
    assert (found.sum(axis=1) == 50).all()
    assert found.mean(axis=0) == pytest.approx(np.ones(50), abs=5 * math.sqrt(0.98 / 4000))
    assert (found == 0).mean() == pytest.approx(0.98**50, abs=0.01)


def test_ends_are_percentiles_of_what_is_defined() -> None:
    """Resamples without the measure are left out; an end among infinite ones is no number."""
    ends = Resampling(100, 0, 0.8).ends
    values = np.arange(101.0)
    assert ends(values) == pytest.approx((10, 90))
    assert ends(np.r_[values, [math.nan] * 50]) == pytest.approx((10, 90))
    few, many = values.copy(), values.copy()
    few[-5:] = many[-20:] = math.inf
    assert ends(few) == pytest.approx((10, 90))
    assert not math.isfinite(ends(many)[1])
    assert all(map(math.isnan, ends(np.array([math.nan]))))


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_chance_alone_leaves_what_a_binomial_leaves(p: float) -> None:
    """Of one group, the error by chance is the distance of a binomial share from its mean."""
    n, count = 25, 4000
    cases = Cases(("a",), np.zeros((n, 1), dtype=bool), np.full((n, 1), p), np.zeros(n, dtype=np.intp), (1,))
    found = Resampling(count, 0, 0.95).chance(cases)["ece_by_chance", "a"]
    distances = np.abs(np.arange(n + 1) / n - p)
    chances = binom.pmf(np.arange(n + 1), n, p)
    wanted = float(distances @ chances)
    deviation = math.sqrt(float(distances**2 @ chances) - wanted**2)
    assert found.mean() == pytest.approx(wanted, abs=4 * deviation / math.sqrt(count))


def test_chance_is_drawn_anew_for_each_target() -> None:
    """Two targets with the same posteriors do not share their luck; all is their mean."""
    one = random_cases(30, 1)
    cases = Cases(
        ("a", "b"), np.repeat(one.truth, 2, axis=1), np.repeat(one.posterior, 2, axis=1), one.findings, (1,)
    )
    found = Resampling(400, 0, 0.95).chance(cases)
    first, second = found["ece_by_chance", "a"], found["ece_by_chance", "b"]
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    assert found["ece_by_chance", ALL] == pytest.approx((first + second) / 2)


def test_the_order_of_rows_is_forgotten() -> None:
    """Rows in any order are brought into one, and what belongs to a row stays together."""
    cases = random_cases(40, 3)
    findings = np.arange(40)
    shuffle = np.random.default_rng(1).permutation(40)
    one = Cases(cases.targets, cases.truth, cases.posterior, findings, (1,)).in_order()
    other = Cases(
        cases.targets, cases.truth[shuffle], cases.posterior[shuffle], findings[shuffle], (1,)
    ).in_order()
    assert np.array_equal(one.posterior, other.posterior)
    assert np.array_equal(one.truth, other.truth)
    assert np.array_equal(one.findings, other.findings)
    assert np.array_equal(one.posterior, cases.posterior[one.findings])
    assert np.array_equal(one.truth, cases.truth[one.findings])


def test_counts_add_up() -> None:
    """Every drawn row is counted once, with its posterior and its truth."""
    cases = random_cases(30, 1)
    drawn = np.random.default_rng(0).integers(30, size=(5, 30))
    groups = Groups(np.round(cases.posterior, 1), cases.truth)
    absent, present = groups.count(drawn)
    for i, rows in enumerate(drawn):
        for j, value in enumerate(groups.values):
            here = np.round(cases.posterior[rows, 0], 1) == value
            assert present[i, j] == (here & cases.truth[rows, 0]).sum()
            assert absent[i, j] == (here & ~cases.truth[rows, 0]).sum()


def test_intervals_cover() -> None:
    """Over many samples of cases nine in ten 90 % intervals hold the truth of the population."""
    population = random_cases(4000, 1, seed=9)
    truth = scores.by_sklearn(population)
    large = scores.measures(population, everything(population))
    names = ("auc", "brier", "log_loss")
    values = {name: truth[name, "a"] for name in names} | {
        "calibration_slope": float(large["calibration_slope", "a"][0]),
        "brier_skill": float(large["brier_skill", "a"][0]),
    }
    rng = np.random.default_rng(2)
    inside = dict.fromkeys(values, 0)
    samples = 200
    for i in range(samples):
        rows = rng.integers(4000, size=150)
        cases = Cases(
            ("a",), population.truth[rows], population.posterior[rows], np.zeros(150, np.intp), (1,)
        )
        drawn = Resampling(200, i, 0.9)
        found = drawn.of(cases, partial(scores.measures, cases))
        for name, value in values.items():
            low, high = drawn.ends(found[name, "a"])
            inside[name] += low <= value <= high
    for name, count in inside.items():
        assert binom.sf(count - 1, samples, 0.9) > 1e-3, (name, count)
        assert binom.cdf(count, samples, 0.9) > 1e-3, (name, count)
