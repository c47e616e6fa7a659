"""Counts, sample sizes and ranges become the Betas they should, judged by scipy's own distributions."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from buttpain.model.priors import GRADES, Source, beta_interval, ess_from_range, jeffreys_mean


def interval(value: float, ess: float, mass: float = 0.95) -> tuple[float, float]:
    """Return the interval of one number."""
    low, high = beta_interval(np.array([value]), np.array([ess]), mass)
    return float(low[0]), float(high[0])


def ess_of(value: float, low: float, high: float) -> float:
    """Return the effective sample size of one range."""
    return float(ess_from_range(np.array([value]), np.array([low]), np.array([high]))[0])


@pytest.mark.parametrize(("events", "trials"), [(0, 10), (10, 10), (3, 10), (59, 64), (1, 1)])
def test_counts_become_the_jeffreys_interval(events: int, trials: int) -> None:
    """Counts give Beta(events + 1/2, others + 1/2), whose interval Brown, Cai and DasGupta recommend."""
    mean, ess = jeffreys_mean((trials - events, events))
    posterior = stats.beta(events + 0.5, trials - events + 0.5)
    assert float(mean[1]) == pytest.approx(posterior.mean(), rel=1e-14)
    assert mean.sum() == pytest.approx(1, abs=1e-15)
    assert ess == trials + 1
    assert interval(float(mean[1]), ess) == pytest.approx(posterior.interval(0.95), rel=1e-9)


def test_counts_of_several_states_become_a_dirichlet() -> None:
    """Each state gets half an event more, and no state is left at zero."""
    mean, ess = jeffreys_mean((0, 7, 21.5))
    assert ess == 30
    assert mean.tolist() == pytest.approx([0.5 / 30, 7.5 / 30, 22 / 30], rel=1e-15)


@given(
    value=st.floats(0.001, 0.999),
    ess=st.floats(0.5, 1e6),
    mass=st.sampled_from([0.5, 0.9, 0.95]),
)
def test_an_interval_is_that_of_the_beta(value: float, ess: float, mass: float) -> None:
    """The interval holds the stated probability with equal tails outside."""
    low, high = interval(value, ess, mass)
    beta = stats.beta(value * ess, (1 - value) * ess)
    assert low == pytest.approx(beta.ppf((1 - mass) / 2), rel=1e-6, abs=1e-12)
    assert high == pytest.approx(beta.ppf((1 + mass) / 2), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_number_that_holds_by_definition_has_an_interval_of_no_width(value: float) -> None:
    """An infinite sample size leaves no doubt, not even at 0 and 1."""
    assert interval(value, math.inf) == (value, value)


@pytest.mark.parametrize(("value", "ess"), [(0.3, math.nan), (0.0, 20.0), (1.0, 20.0)])
def test_a_number_of_unknown_certainty_has_no_interval(value: float, ess: float) -> None:
    """No sample size, or a mean that no Beta has, gives NaN rather than a guess."""
    low, high = interval(value, ess)
    assert math.isnan(low)
    assert math.isnan(high)


@given(value=st.floats(0.001, 0.999), ess=st.floats(1.0, 1e7))
def test_the_sample_size_behind_a_range_is_found_again(value: float, ess: float) -> None:
    """A range read off a Beta gives that Beta's sample size back."""
    # Rarer than this the Beta piles up on the edge, where two sample sizes have the same width.
    assume(ess * min(value, 1 - value) > 0.2)
    low, high = interval(value, ess, 0.90)
    assert ess_of(value, low, high) == pytest.approx(ess, rel=1e-5)


@given(
    value=st.floats(0.0001, 0.9999),
    below=st.floats(0, 1, exclude_min=True),
    above=st.floats(0, 1, exclude_min=True),
)
def test_the_beta_of_a_range_is_as_wide_as_the_range(value: float, below: float, above: float) -> None:
    """The 90 % interval has the range's width wherever a Beta of that mean can be so wide."""
    low, high = value * (1 - below), value + (1 - value) * above
    assume(high - low > 1e-3)
    ess = ess_of(value, low, high)
    found = interval(value, ess, 0.90)
    sizes = np.geomspace(0.5, 1e5 / min(value, 1 - value), 60)
    lows, highs = beta_interval(np.full(60, value), sizes, 0.90)
    widest = float((highs - lows).max())
    assert found[1] - found[0] == pytest.approx(min(high - low, widest), rel=0.02)
    if high - low < 0.95 * widest:
        assert found[1] - found[0] == pytest.approx(high - low, rel=1e-6)


@pytest.mark.parametrize(("value", "low", "high"), [(0.01, 0.0, 0.2), (0.002, 0.0, 0.5), (0.99, 0.8, 1.0)])
def test_a_range_too_wide_for_a_beta_leaves_much_doubt(value: float, low: float, high: float) -> None:
    """A wide range around a rare event means little knowledge, not a Beta of no width at the edge."""
    found = interval(value, ess_of(value, low, high), 0.90)
    assert found[1] - found[0] > 5.7 * min(value, 1 - value)


def test_a_range_narrower_than_any_study_stops_at_a_large_sample_size() -> None:
    """The sample size stays finite."""
    assert ess_of(0.3, 0.3, np.nextafter(0.3, 1)) == pytest.approx(1e9)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mean_at_the_edge_has_no_sample_size(value: float) -> None:
    """No Beta has 0 or 1 as its mean, whatever range is put around it."""
    assert math.isnan(ess_of(value, 0.0, 1.0))


def test_many_ranges_are_solved_as_if_each_were_alone() -> None:
    """Solving all numbers at once mixes none of them up."""
    value, low, high = (
        np.array([0.7, 0.02, 0.5, 0.0]),
        np.array([0.6, 0.0, 0.1, 0.0]),
        np.array([0.8, 0.1, 0.9, 1.0]),
    )
    alone = [ess_of(*number) for number in zip(value, low, high, strict=True)]
    assert ess_from_range(value, low, high).tolist() == pytest.approx(alone, rel=1e-12, nan_ok=True)


def test_grades_run_from_accuracy_studies_to_judgement() -> None:
    """A is a diagnostic accuracy study, F a judgement, and a kind further down is never better."""
    assert list(GRADES) == [
        "accuracy_study",
        "cohort",
        "case_series",
        "review",
        "guideline",
        "seed_document",
        "elicited",
    ]
    assert list(GRADES.values()) == sorted(GRADES.values())
    assert (GRADES["accuracy_study"], GRADES["elicited"]) == ("A", "F")


@pytest.mark.parametrize(("kind", "grade"), [("cohort", "B"), ("guideline", "D"), ("elicited", "F")])
def test_a_source_grades_what_rests_on_it(kind: str, grade: str) -> None:
    """The grade follows the kind of the source."""
    assert Source("key", "A citation", kind).grade == grade
