"""Sensitivity: against the slow way, which is to change the numbers and infer again, and against print."""

import json
import math
from itertools import combinations
from typing import Any, get_args
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

import buttpain as bp
from buttpain.analysis.functions import Covariation
from buttpain.display.tables import percent
from buttpain.model.network import NoisyOr, Table, Variable
from checks import assert_same_derivative, assert_same_number
from examples import example_path
from reference import Evidence, joint
from strategies import networks_with_evidence

Array = NDArray[np.float64]
TGA, FALLOT = (f"Disease={name} | BirthAsphyxia=no" for name in ("TGA", "Fallot"))
SCHEMES: tuple[Covariation, ...] = get_args(Covariation)
PHT = "proximal_hamstring_tendinopathy"


# -- the slow way ------------------------------------------------------------------------------


def moved(row: list[float], i: int, x: float, scheme: Covariation) -> list[float] | None:
    """Return a row with one number changed, written out from the definitions; None where undefined."""
    n, others = len(row), [j for j in range(len(row)) if j != i]
    if n == 1:
        return [1.0]
    if scheme == "order_preserving":
        return ordered(row, i, x)
    weight = [0.0 if j == i else row[j] for j in range(n)]
    if scheme == "uniform" or not any(weight):
        weight = [float(j in others) for j in range(n)]
    return [x if j == i else (1 - x) * weight[j] / sum(weight) for j in range(n)]


def ordered(row: list[float], i: int, x: float) -> list[float] | None:
    """Return the row by order-preserving covariation, number by number (Renooij 2014; `moved`)."""
    n, v = len(row), row[i]
    lower = [j for j in range(n) if (row[j], j) < (v, i)]
    higher = [j for j in range(n) if (row[j], j) > (v, i)]
    top = 1 / (1 + len(higher))
    if x > top or (not higher and x < 1 / n):
        return None
    new = list(row)
    new[i] = x
    for j in lower + higher:
        if x >= v:
            end = top if j in higher else 0.0
            new[j] = end + (row[j] - end) * ((top - x) / (top - v) if top > v else 1.0)
        elif not higher:
            new[j] = 1 / n + (row[j] - 1 / n) * (x - 1 / n) / (v - 1 / n)
        elif j in lower:
            new[j] = row[j] * x / v
        else:
            above = math.fsum(row[k] for k in higher)
            new[j] = row[j] / above * (1 - x * (v + math.fsum(row[k] for k in lower)) / v)
    return new


def changed(net: bp.Network, i: int, x: float, scheme: Covariation) -> Array | None:
    """Return the numbers of a network with one of them changed, and its row with it."""
    theta = net.theta.copy()
    node = next(name for name, span in net.spans.items() if span.start <= i < span.stop)
    theta[i] = x
    if isinstance(net.families[node], Table):
        n = len(net.states(node))
        start = i - (i - net.spans[node].start) % n
        row = moved(net.theta[start : start + n].tolist(), i - start, x, scheme)
        if row is None:
            return None
        theta[start : start + n] = row
    return theta


def inferred(
    net: bp.Network, evidence: Evidence, event: tuple[str, str], theta: Array
) -> tuple[float, float]:
    """Return P(event, evidence) and P(evidence) by enumeration under other numbers."""
    weights = joint(net, evidence, theta)
    axis = net.nodes.index(event[0])
    taken = weights.take(net.states(event[0]).index(event[1]), axis=axis)
    return float(taken.sum()), float(weights.sum())


def position(net: bp.Network, parameter: str) -> int:
    """Return the place of a parameter in `theta`."""
    return list(net.parameters.index).index(parameter)


Drawn = tuple[bp.Network, dict[str, Any]]


def possible(drawn: Drawn) -> bp.Case:
    """Return the case that was drawn, unless it is impossible."""
    net, seen = drawn
    clash = any(isinstance(seen.get(n), str) and seen[n] != s for n, s in net.given.items())
    assume(not clash and joint(net, seen).sum() > 0)
    return bp.observe(net, seen)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(drawn=networks_with_evidence(max_nodes=4), data=st.data())
@settings(max_examples=40)
def test_every_function_is_what_inferring_again_gives(
    scheme: Covariation, drawn: Drawn, data: st.DataObject
) -> None:
    """Each parameter set to 0, 1, its value and between, its row with it: enumeration finds the same."""
    case = possible(drawn)
    net = case.net
    target = data.draw(st.sampled_from(net.nodes))
    event = (target, data.draw(st.sampled_from(net.states(target))))
    s = bp.sensitivity(case, target, state=event[1], covariation=scheme)
    whole = joint(net, case.evidence).sum()
    for i in data.draw(st.lists(st.integers(0, net.theta.size - 1), min_size=1, max_size=6, unique=True)):
        f = s.function(net.parameters.index[i])
        a, b, c, d = f.coefficients
        for x in (0.0, 0.3, float(net.theta[i]), 0.9, 1.0):
            theta = changed(net, i, x, scheme)
            if theta is None:
                assert math.isnan(f(x))
                continue
            part, evidence = inferred(net, case.evidence, event, theta)
            if evidence <= 1e-5 * whole:
                # So much less probable that what a link or a leak would leave is lost in rounding.
                assert evidence > 0 or math.isnan(f(x))
                continue
            assert f(x) == pytest.approx(part / evidence, abs=1e-9)
            if scheme != "order_preserving":
                assert a * x + b == pytest.approx(part, abs=1e-12)
                assert c * x + d == pytest.approx(evidence, abs=1e-12)


@given(drawn=networks_with_evidence(max_nodes=5), data=st.data())
def test_the_frame_says_what_the_functions_say(drawn: Drawn, data: st.DataObject) -> None:
    """Values, slopes and crossings of all parameters at once are those of the functions one by one."""
    case = possible(drawn)
    target = data.draw(st.sampled_from(case.net.nodes))
    state = data.draw(st.sampled_from(case.net.states(target)))
    scheme = data.draw(st.sampled_from(SCHEMES))
    s = bp.sensitivity(case, target, state=state, covariation=scheme)
    frame = s.to_frame()
    assert sorted(frame.index) == sorted(case.net.parameters.index)
    for name in frame.index[:8]:
        f, row = s.function(name), frame.loc[name]
        np.testing.assert_allclose(f.derivative(f.value), row["derivative"], rtol=1e-12, atol=1e-14)
        flips = f.solve(0.5)
        assert (flips is None) == math.isnan(row["flips_at"])
        if flips is not None:
            # As near as a number of double precision comes, where the curve is steep.
            assert f(flips) == pytest.approx(0.5, abs=1e-9 + 4e-16 * abs(float(f.derivative(flips))))
        if scheme == "proportional":
            assert f(f.value) == pytest.approx(s.posterior, abs=1e-11)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(drawn=networks_with_evidence(max_nodes=4), data=st.data())
@settings(max_examples=25)
def test_two_at_once_are_what_inferring_again_gives(
    scheme: Covariation, drawn: Drawn, data: st.DataObject
) -> None:
    """Both parameters changed, each with its row: enumeration finds the same posterior."""
    case = possible(drawn)
    net = case.net
    assume(net.theta.size > 1)
    i, j = data.draw(st.lists(st.integers(0, net.theta.size - 1), min_size=2, max_size=2, unique=True))
    target = data.draw(st.sampled_from(net.nodes))
    event = (target, data.draw(st.sampled_from(net.states(target))))
    s = bp.sensitivity(case, target, state=event[1], covariation=scheme)
    names = net.parameters.index
    try:
        f = s.two_way(names[i], names[j])
    except ValueError:
        assume(False)
    v, w = (float(net.theta[k]) for k in (i, j))
    for x, y in ((0.0, 0.4), (0.25, 0.5), (1.0, 0.0), (v, w)):
        theta = both_changed(net, (i, x), (j, y), scheme)
        if theta is None:
            assert math.isnan(f(x, y))
            continue
        part, evidence = inferred(net, case.evidence, event, theta)
        near = [both_changed(net, (i, k), (j, m), scheme) for k in (v, x) for m in (w, y)]
        whole = max(inferred(net, case.evidence, event, k)[1] for k in near if k is not None)
        # What is a tiny part of what it would be with one number changed is lost in rounding.
        if evidence > 1e-4 * whole:
            assert f(x, y) == pytest.approx(part / evidence, abs=1e-8)


def both_changed(
    net: bp.Network, one: tuple[int, float], other: tuple[int, float], scheme: Covariation
) -> Array | None:
    """Return the numbers of a network with two of them changed."""
    (i, x), (j, y) = one, other
    node = next(name for name, span in net.spans.items() if span.start <= i < span.stop)
    n, start = len(net.states(node)), net.spans[node].start
    together = (i - start) // n == (j - start) // n and j >= start
    if not (isinstance(net.families[node], Table) and together and j < net.spans[node].stop):
        first = changed(net, i, x, scheme)
        second = changed(net, j, y, scheme)
        if first is None or second is None:
            return None
        return np.where(second != net.theta, second, first)
    if x + y > 1:
        return None
    theta, row = net.theta.copy(), start + (i - start) // n * n
    others = [k for k in range(row, row + n) if k not in (i, j)]
    weights = [1.0 if scheme == "uniform" else float(theta[k]) for k in others]
    weights = weights if any(weights) else [1.0] * len(others)
    theta[[i, j]] = x, y
    theta[others] = [(1 - x - y) * weight / sum(weights) for weight in weights]
    return theta


# -- derivatives -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["asia", "cancer", "child"])
def test_derivatives_are_the_limits_of_differences(name: str) -> None:
    """On pgmpy's example networks the derivative is what a small step gives, at the value and elsewhere."""
    net = bp.load_network(example_path(name))
    likely = bp.observe(net).most_probable_explanation()[0]
    seen = {node: likely[node] for node in net.nodes[-2:]}
    s = bp.sensitivity(bp.observe(net, seen), net.nodes[0], state=net.states(net.nodes[0])[0])
    h = 1e-6
    for parameter in net.parameters.index[::7]:
        f = s.function(parameter)
        for x in (0.2, min(max(f.value, 2 * h), 1 - 2 * h)):
            step = (f(x + h) - f(x - h)) / (2 * h)
            assert_same_derivative(f.derivative(x), step, 1e-4, scale=1e-3)


def test_a_wrong_slope_is_caught() -> None:
    """With slopes off by one part in a thousand, the check of the functions fails."""
    net = either_of_two()
    case = bp.observe(net, sign=True)
    right = case.slopes

    def wrong(_: bp.Case, events: Any, theta: Any = None) -> Any:
        probability, evidence, event = right(events, theta)
        return probability, evidence * 1.001, event

    def check() -> None:
        f = bp.sensitivity(case, "a").function("sign <- leak")
        theta = changed(net, position(net, "sign <- leak"), 0.5, "proportional")
        assert theta is not None
        part, evidence = inferred(net, case.evidence, ("a", "present"), theta)
        assert_same_number(f(0.5), part / evidence, 1e-9)

    check()
    with patch.object(bp.Case, "slopes", wrong), pytest.raises(AssertionError, match="expected"):
        check()


# -- pgmpy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["asia", "alarm"])
def test_functions_agree_with_pgmpy_on_the_changed_network(name: str) -> None:
    """pgmpy, asked anew with the covaried table, gives what the function gives."""
    from pgmpy.inference import VariableElimination

    net = bp.load_network(example_path(name))
    rng = np.random.default_rng(5)
    likely = bp.observe(net).most_probable_explanation()[0]
    seen = {str(node): likely[str(node)] for node in rng.choice(net.nodes, 3, replace=False)}
    target = next(node for node in net.nodes if node not in seen)
    state = net.states(target)[0]
    s = bp.sensitivity(bp.observe(net, seen), target, state=state)
    for parameter in s.to_frame().index[:6]:
        theta = changed(net, position(net, parameter), 0.35, "proportional")
        assert theta is not None
        engine = VariableElimination(bp.to_pgmpy(net.with_theta(theta)))  # fresh: it alters itself
        factor = engine.query([target], evidence=seen, show_progress=False)
        assert s.function(parameter)(0.35) == pytest.approx(factor.get_value(**{target: state}), abs=1e-9)


# -- print -------------------------------------------------------------------------------------
#
# The fire alarm of Poole, as extended by a third state of the alarm in the R package bnmonitor.
# What bnmonitor prints stands in its README (Leonelli, Ramanathan and Wilkerson, Knowledge-Based
# Systems 278, 2023, 110882; github.com/manueleleonelli/bnmonitor), and so do the tables of Alarm
# and the values 0.73, 0.75, 0.02 and 0.01.  The other tables are those of Poole's network
# (Computational Intelligence, 1998, as in his file bnet_t.pl), whose story it is.

YES_NO = ("TRUE", "FALSE")


@pytest.fixture(scope="module")
def alarm() -> bp.Network:
    """Return the fire alarm of bnmonitor."""
    by_fire = [
        [[0.6, 0.2, 0.2], [0.92, 0.07, 0.01]],
        [[0.65, 0.2, 0.15], [0.0001, 0.65, 0.3499]],
    ]
    states = {"Alarm": ("TRUE", "MALFUNCTION", "FALSE")}
    tables = {
        "Fire": Table((), np.array([0.01, 0.99])),
        "Tampering": Table((), np.array([0.02, 0.98])),
        "Alarm": Table(("Fire", "Tampering"), np.array(by_fire)),
        "Smoke": Table(("Fire",), np.array([[0.9, 0.1], [0.01, 0.99]])),
        "Leaving": Table(("Alarm",), np.array([[0.88, 0.12], [0.73, 0.27], [0.001, 0.999]])),
        "Report": Table(("Leaving",), np.array([[0.75, 0.25], [0.01, 0.99]])),
    }
    return bp.Network("fire_alarm", tuple(Variable(n, states.get(n, YES_NO)) for n in tables), dict(tables))


SILENCE = "Alarm=FALSE | Fire=TRUE, Tampering=FALSE"

PRINTED: dict[Covariation, dict[float, float]] = {
    "uniform": {0.01: 0.3673824, 0.05: 0.3671492, 0.1: 0.3668576, 0.5: 0.3645254, 0.95: 0.3619016},
    "proportional": {0.01: 0.3678447, 0.05: 0.3675928, 0.1: 0.3672779, 0.5: 0.3647589, 0.95: 0.3619250},
    "order_preserving": {0.01: 0.3678447, 0.05: 0.3675543, 0.1: 0.3671913, 0.3: 0.3657392, 0.35: math.nan},
}
"""Of the table that ``sensitivity(fire_alarm, "Report", "TRUE", ...)`` prints; NA is NaN."""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bnmonitor_readme_sensitivity_of_report_to_silence(alarm: bp.Network, scheme: Covariation) -> None:
    """P(Report) as a function of P(no alarm | fire), by each covariation, as printed."""
    f = bp.sensitivity(bp.observe(alarm), "Report", state="TRUE", covariation=scheme).function(SILENCE)
    for x, printed in PRINTED[scheme].items():
        assert f(x) == pytest.approx(printed, abs=6e-8, nan_ok=True)


DISTANCES: dict[Covariation, dict[float, float]] = {
    "uniform": {0.05: 4.521789, 0.07: 4.521789, 0.75: 4.521789, 0.8: 4.655320, 0.95: 6.213465},
    "proportional": {0.05: 0.3577496, 0.07: 0.0, 0.1: 0.3894648, 0.5: 2.5866893, 0.95: 5.5311283},
    "order_preserving": {0.05: 0.3610133, 0.07: 0.0, 0.1: 0.4289956, 0.45: 4.0125145, 0.5: math.inf},
}
"""Of the table that ``CD(fire_alarm, "Alarm", "MALFUNCTION", ...)`` prints."""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bnmonitor_readme_distance_of_a_malfunction(alarm: bp.Network, scheme: Covariation) -> None:
    """Chan and Darwiche's distance of each P(malfunction | fire), by each covariation, as printed."""
    s = bp.sensitivity(bp.observe(alarm), "Report", state="TRUE", covariation=scheme)
    malfunction = "Alarm=MALFUNCTION | Fire=TRUE, Tampering=FALSE"
    for x, printed in DISTANCES[scheme].items():
        assert s.distance(malfunction, x) == pytest.approx(printed, abs=6e-7)


QUERY = {
    "Leaving=TRUE | Alarm=MALFUNCTION": (0.7983961, 0.3816771),
    "Report=TRUE | Leaving=TRUE": (0.8164951, 0.3941673),
    "Tampering=TRUE": (0.2018769, 2.5172158),
    "Fire=TRUE": (0.1252059, 2.6510913),
    "Alarm=TRUE | Fire=FALSE, Tampering=FALSE": (0.1106591, 7.1262142),
}
"""What ``sensquery(fire_alarm, "Report", "TRUE", 0.4)`` prints: the value, and its distance."""


def test_bnmonitor_readme_query_for_changes_that_make_report_0_4(alarm: bp.Network) -> None:
    """The single changes that bring P(Report) to 0.4, with their distances, as bnmonitor prints them."""
    changes = bp.sensitivity(bp.observe(alarm), "Report", state="TRUE").changes_to(0.4)
    for name, (value, distance) in QUERY.items():
        assert changes.loc[name, "change_to"] == pytest.approx(value, abs=6e-8)
        assert changes.loc[name, "distance"] == pytest.approx(distance, abs=6e-7)
    order = [name for name in changes.index if name in QUERY]
    assert order == list(QUERY)


def test_bnmonitor_readme_order_preserving_row_of_the_alarm(alarm: bp.Network) -> None:
    """With P(no alarm | fire) at 0.1 the rest of the row is 0.756701 and 0.143299."""
    s = bp.sensitivity(bp.observe(alarm), "Report", state="TRUE", covariation="order_preserving")
    np.testing.assert_allclose(s.row(SILENCE, 0.1), [0.756701, 0.143299, 0.1], atol=6e-7)


def test_bnmonitor_vignette_proportional_row_of_the_alarm(alarm: bp.Network) -> None:
    """The same by proportional covariation: 0.83636364 and 0.06363636 (vignette, version 0.1.2)."""
    s = bp.sensitivity(bp.observe(alarm), "Report", state="TRUE")
    np.testing.assert_allclose(s.row(SILENCE, 0.1), [0.83636364, 0.06363636, 0.1], atol=6e-9)


def test_bnmonitor_tests_query_given_an_alarm(alarm: bp.Network) -> None:
    """Given the alarm, P(Report) is 0.3 at 0.339545 or 0.391892 (tests/testthat/test-Sensitivity.R)."""
    changes = bp.sensitivity(bp.observe(alarm, Alarm="TRUE"), "Report", state="TRUE").changes_to(0.3)
    expected = {"Report=TRUE | Leaving=TRUE": 0.339545, "Leaving=TRUE | Alarm=TRUE": 0.391892}
    for name, printed in expected.items():
        assert changes.loc[name, "change_to"] == pytest.approx(printed, abs=6e-7)


def test_bnmonitor_tests_age_in_the_travel_survey_given_self_employment() -> None:
    """P(high school | self-employed) is 0.7 when P(old) is 0.6383142 (tests/testthat/test-Sensitivity.R).

    The network is that of Scutari and Denis, Bayesian Networks: With Examples in R, 2014.
    """
    case = bp.observe(bp.load_network(example_path("survey")), O="self")
    f = bp.sensitivity(case, "E", state="high").function("A=old")
    assert f(0.6383142) == pytest.approx(0.7, abs=1e-3)  # the tolerance there
    assert f.solve(0.7) == pytest.approx(0.6383142, abs=1e-6)


def test_bnmonitor_tests_distance_and_domain_in_the_travel_survey() -> None:
    """Trains at 0.3 by order-preserving covariation are 0.486 away; at 0.6 there is no such row."""
    survey = bp.observe(bp.load_network(example_path("survey")))
    s = bp.sensitivity(survey, "T", state="car", covariation="order_preserving")
    trains = "T=train | O=emp, R=big"
    assert s.distance(trains, 0.3) == pytest.approx(0.486, abs=5e-4)
    assert math.isnan(s.distance(trains, 0.6))


# -- by hand -----------------------------------------------------------------------------------


def either_of_two(**given: str) -> bp.Network:
    """Return two causes of one sign: the prior odds and a likelihood ratio are all there is."""
    variables = (
        Variable("a", role="condition", label="Cause A"),
        Variable("b", role="condition"),
        Variable("sign", role="finding"),
    )
    families: dict[str, Table | NoisyOr] = {
        "a": Table((), np.array([0.8, 0.2])),
        "b": Table((), np.array([0.9, 0.1])),
        "sign": NoisyOr(("a", "b"), 0.1, ((None, 0.5), (None, 0.7))),
    }
    return bp.Network("two", variables, families, given=given)


def test_bayes_rule_on_paper() -> None:
    """For one disease and one test the coefficients are sensitivity, false positives and prior."""
    net = bp.Network(
        "test",
        (Variable("d"), Variable("t")),
        {"d": Table((), np.array([0.9, 0.1])), "t": Table(("d",), np.array([[0.8, 0.2], [0.3, 0.7]]))},
    )
    s = bp.sensitivity(bp.observe(net, t=True), "d")
    prior = s.function("d=present")
    assert prior.coefficients == pytest.approx((0.7, 0.0, 0.5, 0.2))
    assert prior(0.1) == pytest.approx(0.07 / 0.25)
    assert prior.derivative(0.1) == pytest.approx(0.7 * 0.2 / 0.25**2)
    assert prior.solve(0.5) == pytest.approx(0.2 / 0.9)
    assert prior.sensitivity_value == prior.derivative(0.1)
    sensitivity = s.function(node="t", given={"d": "present"})
    assert sensitivity.coefficients == pytest.approx((0.1, 0.0, 0.1, 0.18))
    # f = x / (x + 1.8) = 1 - 1.8 / (x + 1.8): the slope is 1 at sqrt(1.8) - 1.8.
    x, y = sensitivity.vertex or (math.nan, math.nan)
    assert x == pytest.approx(math.sqrt(1.8) - 1.8)
    assert y == pytest.approx(1 - math.sqrt(1.8))
    assert s.function("d=present").vertex is not None


def test_a_function_without_evidence_is_a_line() -> None:
    """When nothing was observed P(evidence) is 1 whatever the numbers, and there is no vertex."""
    f = bp.sensitivity(bp.observe(either_of_two()), "sign").function("sign <- leak")
    assert f.coefficients[2:] == pytest.approx((0.0, 1.0))
    assert f.vertex is None
    assert f(1.0) == pytest.approx(1.0)


def test_a_number_below_what_was_asked_does_not_matter() -> None:
    """Without an observation below it, a family leaves the posterior as it is, slope 0, whatever it says."""
    s = bp.sensitivity(bp.observe(either_of_two()), "a")
    f = s.function("sign <- b")
    assert f.coefficients == pytest.approx((0.0, 0.2, 0.0, 1.0))
    assert f(np.array([0.0, 1.0])).tolist() == pytest.approx([0.2, 0.2])  # type: ignore[union-attr]
    assert f.solve(0.5) is None
    assert s.to_frame().loc["sign <- b", "derivative"] == 0


def test_where_all_siblings_are_0_they_share_evenly() -> None:
    """A state that is certain gives way to the others in equal parts, by every covariation that lets it."""
    net = bp.Network(
        "sure",
        (Variable("a", ("x", "y", "z")), Variable("t")),
        {
            "a": Table((), np.array([1.0, 0.0, 0.0])),
            "t": Table(("a",), np.array([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]])),
        },
    )
    case = bp.observe(net, t=True)
    for scheme in SCHEMES:
        f = bp.sensitivity(case, "a", state="x", covariation=scheme).function("a=x")
        assert f(1.0) == pytest.approx(1.0)
        assert f(0.4) == pytest.approx(0.4 * 0.5 / (0.4 * 0.5 + 0.3 * 0.2 + 0.3 * 0.9))


def test_uniform_covariation_need_not_pass_through_today() -> None:
    """Siblings that were unequal are made equal at once, so today's posterior is not on the curve."""
    net = bp.load_network(example_path("child"))
    case = bp.observe(net, Disease="TGA")
    f = bp.sensitivity(case, "LungParench", state="Normal", covariation="uniform").function(
        "LungParench=Normal | Disease=TGA"
    )
    assert f(f.value) == pytest.approx(case.probability("LungParench", "Normal"))
    g = bp.sensitivity(case, "LungParench", state="Congested", covariation="uniform").function(
        "LungParench=Normal | Disease=TGA"
    )
    assert g(g.value) == pytest.approx((1 - g.value) / 2)


def test_order_preserving_pieces_meet_at_today() -> None:
    """The two pieces agree at the value, coefficients are those of the upper one, and beyond it is NaN."""
    net = bp.load_network(example_path("child"))
    case = bp.observe(net, LungParench="Congested")
    f = bp.sensitivity(case, "Disease", state="TGA", covariation="order_preserving").function(FALLOT)
    (lo, middle, *left), (again, hi, *right) = f.pieces
    assert (lo, middle, again) == (0.0, f.value, f.value)
    assert f.coefficients == tuple(right)
    assert f.domain == (0.0, hi)
    a, b, c, d = left
    assert (a * middle + b) / (c * middle + d) == pytest.approx(case.probability("Disease", "TGA"))
    assert math.isnan(f(min(1.0, hi + 0.01)))


def test_a_posterior_under_evidence_that_becomes_impossible_is_nan() -> None:
    """Where the numbers would forbid what was seen there is no posterior; solve does not invent one."""
    net = bp.Network(
        "test",
        (Variable("d"), Variable("t")),
        {"d": Table((), np.array([0.9, 0.1])), "t": Table(("d",), np.array([[1.0, 0.0], [0.3, 0.7]]))},
    )
    f = bp.sensitivity(bp.observe(net, t=True), "d").function("d=present")
    assert math.isnan(f(0.0))
    assert f(0.001) == pytest.approx(1.0)
    assert f.solve(0.5) is None


def test_evidence_too_rare_for_the_natural_scale_is_scaled_and_says_so() -> None:
    """400 findings of probability 0.1: P(evidence) is no number; the coefficients say by what to multiply."""
    signs = [f"s{i}" for i in range(400)]
    net = bp.Network(
        "long",
        (Variable("d"), *map(Variable, signs)),
        {
            "d": Table((), np.array([0.5, 0.5])),
            **{name: Table(("d",), np.array([[0.9, 0.1], [0.9, 0.1]])) for name in signs},
        },
    )
    case = bp.observe(net, dict.fromkeys(signs, True))
    f = bp.sensitivity(case, "d").function("d=present")
    assert f.log_scale == pytest.approx(400 * math.log(0.1))
    assert f.coefficients == pytest.approx((1.0, 0.0, 0.0, 1.0))
    assert bp.sensitivity(bp.observe(net), "d").function("d=present").log_scale == 0.0


# -- changes -----------------------------------------------------------------------------------


def test_changes_bring_the_posterior_where_they_say() -> None:
    """Every change does what it promises, the nearest first; inside says whether the interval allows it."""
    case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
    s = bp.sensitivity(case, PHT)
    for p in (0.5, 0.6, 0.8):
        changes = s.changes_to(p)
        assert len(changes) >= 2
        assert changes["distance"].is_monotonic_increasing
        for name, row in changes.iterrows():
            assert s.function(str(name))(row["change_to"]) == pytest.approx(p, abs=1e-9)
            assert row["inside"] == (row["low"] <= row["change_to"] <= row["high"])
    first = s.changes_to(0.6).filter(like=f"{PHT}=present", axis="index")
    x, v, distance = (float(first[name].iloc[0]) for name in ("change_to", "value", "distance"))
    assert distance == pytest.approx(abs(math.log(x / v) - math.log((1 - x) / (1 - v))))


def test_inside_is_unknown_without_an_interval() -> None:
    """A number of unknown certainty has no interval to lie in."""
    changes = bp.sensitivity(bp.observe(either_of_two(), sign=True), "a").changes_to(0.5)
    assert changes["inside"].isna().all()


@given(drawn=networks_with_evidence(max_nodes=5, roles=True), data=st.data())
def test_beyond_the_change_of_rank_another_leads(drawn: Drawn, data: st.DataObject) -> None:
    """On this side of the value the leader leads, a step beyond it does not, and the one named does."""
    case = possible(drawn)
    target = data.draw(st.sampled_from(case.net.nodes))
    s = bp.sensitivity(case, target, state=case.net.states(target)[0])
    room = s.admissible_deviation()
    for name, row in s.changes_to_rank().iterrows():
        v, x = row["value"], row["change_to"]
        assert min(room.loc[str(name), ["down", "up"]]) == pytest.approx(abs(x - v), abs=1e-9)
        assert row["overtaken_by"] not in {"", s.leader}
        beyond = x + 1e-3 * (1 if x >= v else -1)
        theta = changed(case.net, position(case.net, str(name)), beyond, "proportional")
        if not 0 <= beyond <= 1 or theta is None or abs(x - v) < 1e-9:
            continue
        before, after = (margin(s, case, numbers) for numbers in (case.net.theta, theta))
        assert before >= -1e-12
        assert after <= 1e-12


def margin(s: bp.Sensitivity, case: bp.Case, theta: Array) -> float:
    """Return by how much the leader leads its best rival, by enumeration."""
    events = {name: event for event, name in zip(s._bundle.events[1:], s._names, strict=True)}
    parts = {name: inferred(case.net, case.evidence, event, theta)[0] for name, event in events.items()}
    return parts[s.leader] - max(part for name, part in parts.items() if name != s.leader)


def test_who_is_compared() -> None:
    """Conditions not yet observed if the target is one of them; the states of the target otherwise."""
    net = bp.load_network("five_findings")
    s = bp.sensitivity(bp.observe(net, burning_pain_past_knee=True), PHT)
    assert s.leader == bp.observe(net, burning_pain_past_knee=True).posterior().ranked().index[0]
    assert bp.sensitivity(bp.observe(net), "hop_test_pain").leader == "absent"
    without = bp.sensitivity(bp.observe(net, {PHT: False}), "lumbar_radicular_pain")
    assert PHT not in set(without.changes_to_rank()["overtaken_by"])


# -- two at once -------------------------------------------------------------------------------


def test_two_numbers_of_one_row_share_what_is_left() -> None:
    """Two states of three vary, the third takes the rest; their sum is at most 1."""
    net = bp.Network(
        "three",
        (Variable("a", ("x", "y", "z")), Variable("t")),
        {
            "a": Table((), np.array([0.5, 0.3, 0.2])),
            "t": Table(("a",), np.array([[0.5, 0.5], [0.8, 0.2], [0.1, 0.9]])),
        },
    )
    s = bp.sensitivity(bp.observe(net, t=True), "a", state="x")
    f = s.two_way("a=x", "a=y")
    assert f(0.5, 0.3) == pytest.approx(s.posterior)
    assert f(0.2, 0.2) == pytest.approx(0.2 * 0.5 / (0.2 * 0.5 + 0.2 * 0.2 + 0.6 * 0.9))
    assert math.isnan(f(0.7, 0.7))
    grid = f(np.linspace(0, 1, 5)[:, None], np.linspace(0, 1, 4))
    assert isinstance(grid, np.ndarray)
    assert grid.shape == (5, 4)


def test_pairs_that_cannot_vary_are_refused() -> None:
    """The same one twice, two sides of one number, and a row whose order is to be kept."""
    case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
    s = bp.sensitivity(case, PHT)
    with pytest.raises(ValueError, match="named twice"):
        s.two_way(f"{PHT}=present", f"{PHT}=present")
    with pytest.raises(ValueError, match="two sides of one number"):
        s.two_way(f"{PHT}=present", f"{PHT}=absent")
    child = bp.observe(bp.load_network(example_path("child")))
    ordered_s = bp.sensitivity(child, "Disease", state="TGA", covariation="order_preserving")
    with pytest.raises(ValueError, match="cannot both vary and keep its order"):
        ordered_s.two_way(TGA, FALLOT)


def test_the_margin_of_two_is_that_of_the_posteriors() -> None:
    """Where the margin is 0 the leader is caught up with."""
    case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
    f = bp.sensitivity(case, PHT).two_way("sit_bone_tenderness <- leak", f"{PHT}=present")
    ranked = case.posterior().ranked()
    assert f.margin(*f.values) == pytest.approx(ranked.iloc[0] - ranked.iloc[1])
    assert f.margin(0.9, 0.01) < 0


# -- findings ----------------------------------------------------------------------------------


def test_findings_one_by_one_are_inferences_without_them() -> None:
    """Each row is what a case without the finding, or with another state of it, says."""
    net = bp.load_network("five_findings")
    seen = {"sit_bone_tenderness": True, "hop_test_pain": {"present": 0.7, "absent": 0.2}}
    case = bp.observe(net, seen)
    frame = bp.sensitivity(case, PHT).evidence().to_frame()
    assert frame.shape == (3, 6)
    for _, row in frame.iterrows():
        other = case.observe({row["finding"]: row["instead"] or None})
        assert row["posterior"] == pytest.approx(other.probability(PHT))
        assert row["change"] == pytest.approx(row["posterior"] - case.probability(PHT))
        assert row["leader"] == other.posterior().ranked().index[0]
    assert frame["change"].abs().is_monotonic_decreasing


def test_the_smallest_set_that_dethrones_is_found() -> None:
    """By all subsets of the findings: none smaller, and none of its size that does it better."""
    net = bp.load_network("five_findings")
    seen = dict.fromkeys(net.findings[:5], True) | {"isometric_hamstring_pain": False}
    case = bp.observe(net, seen)
    found = bp.sensitivity(case, PHT).evidence()
    leader = case.posterior().ranked().index[0]
    falls = {
        some
        for size in range(1, 6)
        for some in combinations(seen, size)
        if case.observe(dict.fromkeys(some)).posterior().ranked().index[0] != leader
    }
    if found.dethroning is None:
        assert not falls
    else:
        assert found.dethroning in falls
        assert len(found.dethroning) == min(map(len, falls))


def test_the_dethroning_finding_is_named() -> None:
    """Where one finding is all that the leader has, that is said; where nothing dethrones, that."""
    net = bp.load_network("five_findings")
    found = bp.sensitivity(bp.observe(net, burning_pain_past_knee=True), PHT).evidence()
    assert found.dethroning == ("burning_pain_past_knee",)
    assert found.successor == PHT
    assert "Without Burning pain past the knee, Proximal hamstring" in " ".join(repr(found).split())
    steady = bp.sensitivity(bp.observe(net, sit_bone_tenderness=True), PHT).evidence()
    assert steady.dethroning is None
    assert "leads whichever findings are taken back" in " ".join(repr(steady).split())
    short = bp.sensitivity(bp.observe(net, sit_bone_tenderness=True), PHT).evidence(most=0)
    assert (short.dethroning, short.tried) == (None, 0)
    assert "larger sets were not tried" in " ".join(repr(short).split())


def test_a_finding_that_could_not_be_otherwise_is_marked() -> None:
    """With the other state impossible, there is no posterior and no leader to name."""
    families: dict[str, Table | NoisyOr] = {
        "a": Table((), np.array([0.0, 1.0])),
        "b": Table((), np.array([0.5, 0.5])),
        "sign": NoisyOr(("a", "b"), 0.0, ((None, 1.0), (None, 0.2))),
    }
    net = bp.Network("sure", either_of_two().variables, families)
    found = bp.sensitivity(bp.observe(net, sign=True), "b").evidence()
    frame = found.to_frame()
    assert frame["instead"].tolist()[-1] == "absent"
    assert frame["posterior"].isna().tolist()[-1]
    assert frame["leader"].tolist()[-1] == ""
    assert "impossible" in repr(found)
    assert json.loads(json.dumps(found.to_dict()))["changes"][-1]["posterior"] is None


# -- asking ------------------------------------------------------------------------------------


def test_a_parameter_can_be_named_in_two_ways() -> None:
    """By its id, or by node, state and the states of the parents; both give the same function."""
    net = bp.load_network("five_findings")
    s = bp.sensitivity(bp.observe(net, sit_bone_tenderness=True), PHT)
    by = {
        "sit_bone_tenderness <- leak": {"node": "sit_bone_tenderness"},
        f"sit_bone_tenderness <- {PHT}": {"node": "sit_bone_tenderness", "given": {PHT: "present"}},
        f"{PHT}=present": {"node": PHT},
        f"{PHT}=absent": {"node": PHT, "state": "absent"},
    }
    for name, how in by.items():
        assert s.function(**how).parameter == s.function(name).parameter == name  # type: ignore[arg-type]
    child = bp.sensitivity(bp.observe(bp.load_network(example_path("asia"))), "dysp")
    f = child.function(node="dysp", state="yes", given={"either": "yes", "bronc": "no"})
    assert f.parameter == "dysp=yes | bronc=no, either=yes"


WRONG = {
    "an unknown id": ({"parameter": f"{PHT}=presnt"}, bp.UnknownParameter, f"Did you mean '{PHT}=present'"),
    "an unknown node": ({"node": "sit_bone"}, bp.UnknownNode, "'sit_bone' is no node"),
    "an unknown state": ({"node": PHT, "state": "maybe"}, bp.UnknownState, "'maybe' is no state"),
    "an unknown parent": ({"node": PHT, "given": {"x": "y"}}, bp.UnknownNode, "'x' is no node"),
    "a parent it does not have": (
        {"node": PHT, "given": {"hop_test_pain": "present"}},
        bp.UnknownParameter,
        "is no parameter of network 'five_findings'",
    ),
    "the absence of a noisy-OR": (
        {"node": "hop_test_pain", "state": "absent"},
        bp.UnknownParameter,
        "is no parameter",
    ),
    "a state that does not act": (
        {"node": "hop_test_pain", "given": {PHT: "absent"}},
        bp.UnknownParameter,
        "is no parameter",
    ),
    "nothing": ({}, TypeError, "name one parameter"),
    "both ways": ({"parameter": "x", "node": PHT}, TypeError, "name one parameter"),
    "what is no name": ({"parameter": ["x"]}, bp.UnknownParameter, "is no parameter"),
}


@pytest.mark.parametrize(("how", "kind", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_parameter_that_does_not_exist_is_refused(
    how: dict[str, Any], kind: type[Exception], words: str
) -> None:
    """Each part of the name is checked, and the close matches are named."""
    s = bp.sensitivity(bp.observe(bp.load_network("five_findings")), PHT)
    with pytest.raises(kind, match=words):
        s.function(**how)


def test_wrong_questions_are_refused() -> None:
    """An unknown covariation, a target without a state to ask for, percentages for probabilities."""
    net = bp.load_network(example_path("child"))
    case = bp.observe(net)
    with pytest.raises(ValueError, match="'linear' is no covariation; choose from 'proportional'"):
        bp.sensitivity(case, "Disease", state="TGA", covariation="linear")  # type: ignore[arg-type]
    with pytest.raises(bp.UnknownState, match="Say state=, one of 'PFC'"):
        bp.sensitivity(case, "Disease")
    with pytest.raises(bp.UnknownNode, match="Did you mean 'Disease'"):
        bp.sensitivity(case, "Desease")
    s = bp.sensitivity(case, "Disease", state="TGA")
    f = s.function(TGA)
    with pytest.raises(ValueError, match="50 is no probability"):
        f.solve(50)
    with pytest.raises(ValueError, match="50 is no probability"):
        s.changes_to(50)
    with pytest.raises(ValueError, match=r"in \[0, 1\]; given was 1.5"):
        f(1.5)


def test_impossible_evidence_is_an_error() -> None:
    """What cannot hold together has no sensitivity, and the error names it."""
    net = bp.load_network(example_path("asia"))
    with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together: lung=yes, either=no"):
        bp.sensitivity(bp.observe(net, lung="yes", either="no"), "smoke")


def test_an_observed_target_does_not_move() -> None:
    """The posterior of what was seen is 1 whatever the numbers, wherever the evidence is possible."""
    case = bp.observe(either_of_two(), sign=True, a=True)
    frame = bp.sensitivity(case, "a").to_frame()
    assert (frame["derivative"].abs() < 1e-12).all()


# -- how it shows ------------------------------------------------------------------------------


def flagship() -> bp.Sensitivity:
    """Return a case of the small network with all that a result can show."""
    net = bp.load_network("five_findings")
    return bp.sensitivity(bp.observe(net, sit_bone_tenderness=True, burning_pain_past_knee=True), PHT)


def test_the_frame_is_sorted_and_complete() -> None:
    """Columns as agreed; the largest swing first, parameters without interval after it."""
    frame = flagship().to_frame()
    assert frame.index.name == "parameter"
    assert " ".join(frame.columns) == (
        "node kind state given value low high derivative posterior_low posterior_high swing flips_at "
        "overtaken_at overtaken_by source grade"
    )
    assert frame["swing"].round(9).is_monotonic_decreasing
    asia = bp.sensitivity(bp.observe(bp.load_network(example_path("asia")), dysp="yes"), "lung").to_frame()
    assert asia["swing"].isna().all()
    assert asia["derivative"].abs().round(9).is_monotonic_decreasing


def test_it_prints_within_80_columns_and_shows_in_html() -> None:
    """The table fits a terminal, says target, leader and numbers, and each binary distribution once."""
    s = flagship()
    lines = repr(s).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("P(Proximal hamstring tendinopathy present) =")
    assert "10 of 30 numbers" in lines[-1]
    assert "tendinopathy absent" not in repr(s)
    assert "Sit-bone tenderness: leak" in s._repr_html_()
    impact = s.evidence()
    assert max(map(len, repr(impact).splitlines())) <= 80
    assert "taken back" in impact._repr_html_()
    today = repr(s.function("sit_bone_tenderness <- leak")).splitlines()[3]
    assert today.split() == ["today", "0.18", "55.0", "%"]
    both = repr(s.two_way("sit_bone_tenderness <- leak", f"{PHT}=present")).splitlines()
    assert both[-1].split() == ["today", "0.18", "0.155", "55.0", "%"]


def test_without_intervals_it_prints_slopes() -> None:
    """A network of unknown certainty has no swings to show, so its table has slopes and flips."""
    case = bp.observe(bp.load_network(example_path("child")), LungParench="Congested")
    lines = repr(bp.sensitivity(case, "Disease", state="TGA")).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[3].split() == ["number", "value", "slope", "50", "%", "at", "overtaken"]
    assert lines[2] == "TAPVD leads"


def test_it_is_ready_for_json() -> None:
    """`to_dict` holds only what JSON holds, and every parameter."""
    s = flagship()
    data = json.loads(json.dumps(s.to_dict(), allow_nan=False))
    assert len(data["parameters"]) == 30
    assert data["posterior"] == s.posterior
    assert data["parameters"][0]["parameter"] == s.to_frame().index[0]


def test_order_of_nodes_and_evidence_does_not_matter() -> None:
    """A network written the other way round has the same frame."""
    s = flagship()
    net = s.case.net
    turned = bp.Network("turned", net.variables[::-1], net.families, given=net.given, sources=net.sources)
    case = bp.observe(turned, burning_pain_past_knee=True, sit_bone_tenderness=True)
    other = bp.sensitivity(case, PHT).to_frame().loc[s.to_frame().index]
    pd.testing.assert_frame_equal(other, s.to_frame(), rtol=1e-9, atol=1e-12)


# -- pictures ----------------------------------------------------------------------------------


def texts(axes: Axes) -> list[tuple[str, Bbox]]:
    """Return every visible text of a picture, with the room it takes on the page."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    found: list[Any] = axes.findobj(Text)
    ticks = [(axis.get_ticklabels(), axis.get_view_interval()) for axis in (axes.xaxis, axes.yaxis)]
    # Matplotlib keeps labels beyond the ends of an axis, and does not draw them.
    beyond = {
        id(label)
        for place, (labels, (low, high)) in enumerate(ticks)
        for label in labels
        if not low <= label.get_position()[place] <= high
    }
    visible = [text for text in found if text.get_text() and text.get_visible() and id(text) not in beyond]
    return [(text.get_text(), text.get_window_extent()) for text in visible]


def assert_room_for_all(axes: Axes) -> None:
    """Demand that no text leaves the page or covers another."""
    shown = texts(axes)
    figure = axes.get_figure(root=True)
    assert figure is not None
    for text, box in shown:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
    for (one, first), (other, second) in combinations(shown, 2):
        assert not first.overlaps(second), (one, other)


def test_the_tornado_shows_the_largest_swings() -> None:
    """Bars go from today's posterior to those at the ends of the interval, which are written beside them."""
    s = flagship()
    axes = s.plot(n=6)
    frame = s.to_frame()
    shown = frame[~frame.index.str.endswith("=absent")].head(6)
    low, high = ([bar.get_x() + bar.get_width() for bar in bars] for bars in axes.containers[:2])
    assert low == pytest.approx(shown["posterior_low"].tolist())
    assert high == pytest.approx(shown["posterior_high"].tolist())
    written = [text for text, _ in texts(axes)]
    assert {f"{x:.2g}" for x in shown["low"]} <= set(written)
    assert shown["grade"].tolist() == [text for text in written if text in set("ABCDEF")]
    assert any(text.startswith("today, ") for text in written)
    assert_room_for_all(axes)
    assert_room_for_all(s.plot(n=24))
    assert_room_for_all(s.plot(n=1))


def test_a_tornado_goes_on_axes_given_and_needs_intervals() -> None:
    """On somebody's own axes the picture goes there; with no interval there is nothing to draw."""
    _, axes = plt.subplots(figsize=(9, 7), layout="constrained")
    assert flagship().plot(axes, n=5) is axes
    with pytest.raises(ValueError, match="no parameter has an interval"):
        bp.sensitivity(bp.observe(either_of_two(), sign=True), "a").plot()


def test_a_curve_shows_today_the_interval_and_the_flips() -> None:
    """The line is the function; the point lies on it; what flips is said, and where."""
    net = bp.load_network("five_findings")
    s = bp.sensitivity(bp.observe(net, sit_bone_tenderness=True), PHT)
    f = s.function(f"{PHT}=present")
    axes = f.plot()
    x, y = (np.asarray(data, dtype=float) for data in axes.lines[0].get_data())
    np.testing.assert_allclose(y, f(x))
    legend = axes.get_legend()
    assert legend is not None
    said = [text.get_text() for text in legend.get_texts()]
    assert said[0] == "95 % interval"
    assert said[1].startswith("today, 66.5 %")
    assert said[2].startswith("50 % at 0.08")
    assert "leads at" in said[3]
    assert axes.get_xlabel() == "Proximal hamstring tendinopathy present"
    assert_room_for_all(axes)
    assert_room_for_all(bp.sensitivity(bp.observe(either_of_two()), "a").function("sign <- b").plot())


def test_functions_show_themselves_in_80_columns() -> None:
    """What depends on what is said by label and by id, with today's point, however long the names are."""
    net = bp.load_network("runner")
    s = bp.sensitivity(bp.observe(net, sit_bone_tenderness=True, pain_running_uphill=True), PHT)
    p, q = "pain_running_uphill <- hamstring_contraction_pain", f"{PHT} <- recent_training_increase"
    for function in (s.function(p), s.two_way(p, q)):
        text, page = repr(function), function._repr_html_()
        assert max(map(len, text.splitlines())) <= 80
        for said in (" ".join(text.split()), page):
            assert "Pain on running uphill from" in said
            assert percent(s.posterior).removesuffix(" %") in said
        assert p in " ".join(text.split())
        assert "<table>" in page
    assert q in " ".join(repr(s.two_way(p, q)).split())


def test_a_two_way_picture_shows_the_box_and_the_decisions() -> None:
    """Contours, today's point, both intervals, and the lines on which the answer flips."""
    net = bp.load_network("five_findings")
    s = bp.sensitivity(bp.observe(net, sit_bone_tenderness=True), PHT)
    axes = s.two_way("sit_bone_tenderness <- leak", f"{PHT}=present").plot()
    legend = axes.get_legend()
    assert legend is not None
    said = [text.get_text() for text in legend.get_texts()]
    assert said == [
        "50 %",
        "Proximal hamstring tendinopathy no longer leads",
        "both 95 % intervals",
        "today",
    ]
    outside = [text for text, _ in texts(axes)]
    assert {"Sit-bone tenderness: leak", "Proximal hamstring tendinopathy present"} <= set(outside)
    child = bp.sensitivity(bp.observe(bp.load_network(example_path("child"))), "Disease", state="TGA")
    triangle = child.two_way(TGA, FALLOT)
    assert triangle.plot().get_title(loc="left") == "P(Disease TGA)"
