"""Scores of cases against expected counts over all joint states, by the circuit and by native code."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import NDArray

import buttpain as bp
from benchmarks.synthetic import cohort, network
from buttpain.inference import counts as module
from buttpain.inference import kernel, kernel_scores, structure
from buttpain.inference.counts import Distributions, Tally
from buttpain.inference.frames import Columns, Rows
from buttpain.inference.structure import structure_of
from buttpain.model.network import NoisyOr, Table, Variable
from checks import assert_same_derivative, assert_same_number, slope
from reference import Evidence, probability_of
from strategies import evidence, networks

Array = NDArray[np.float64]

CIRCUIT, NATIVE = 10**9, 0
"""Patterns from which on native code is used."""


@contextmanager
def engine(native: int, parents: int = 3) -> Iterator[None]:
    """Use one engine, and tables for noisy-ORs of up to so many parents."""
    with (
        patch.object(module, "NATIVE_WORTH", native),
        patch.object(structure, "MOST_PARENTS", parents),
        patch.object(kernel, "MOST_PARENTS", parents),
    ):
        yield


def tally(net: bp.Network, cases: list[Evidence], memory: int = structure.MEMORY) -> Tally:
    """Return the tally of some cases, each as evidence."""
    frame = pd.DataFrame([flat(case) for case in cases], index=range(len(cases)), dtype=object)
    columns = Columns(net, frame.columns, (), "error", memory)
    return Tally(columns, Rows(columns, frame), np.arange(len(cases)))


def flat(case: Evidence) -> dict[str, str | float]:
    """Return evidence as a row: likelihoods in columns of their own."""
    row: dict[str, str | float] = {}
    for node, seen in case.items():
        row |= {node: seen} if isinstance(seen, str) else {f"{node}:{s}": w for s, w in seen.items()}
    return row


def found_by(made: Tally, theta: Array, cases: int) -> tuple[Array, Array]:
    """Return ln P(case) and the scores, each case once."""
    log_evidence, scores = np.full(cases, np.nan), np.full((theta.size, cases), np.nan)
    for item in made.scores(theta):
        assert np.isnan(log_evidence[item.cases]).all()
        log_evidence[item.cases], scores[:, item.cases] = item.log_evidence, item.by_number
    return log_evidence, scores


def expected_scores(net: bp.Network, case: Evidence) -> Array:
    """Return the scores by the definition: slopes of a polynomial of degree 1, divided by its value."""
    found, p = np.empty(net.theta.size), probability_of(net, case)
    for node, span in net.spans.items():
        family = net.families[node]
        slopes = np.array([slope(net, case, i) / p for i in range(span.start, span.stop)])
        values = net.theta[span]
        if isinstance(family, Table):
            rows = family.values.reshape(-1, family.values.shape[-1])
            by_row = slopes.reshape(rows.shape)
            found[span] = (rows * (by_row - (rows * by_row).sum(axis=1, keepdims=True))).ravel()
        else:
            found[span] = values * (1 - values) * slopes
    return found


@st.composite
def cohorts(draw: DrawFn) -> tuple[bp.Network, list[Evidence]]:
    """Draw a network and up to four cases on it."""
    net = draw(networks(max_nodes=5))
    cases: list[Evidence] = [
        {node: seen for node, seen in draw(evidence(net)).items() if node not in net.given}
        for _ in range(draw(st.integers(1, 4)))
    ]
    return net, cases


@pytest.mark.parametrize("parents", [3, 0])
@pytest.mark.parametrize("native", [CIRCUIT, NATIVE], ids=["circuit", "native"])
@given(drawn=cohorts())
@settings(max_examples=60)
def test_scores_are_those_of_all_joint_states(
    native: int, parents: int, drawn: tuple[bp.Network, list[Evidence]]
) -> None:
    """Tables of any size, noisy-ORs small and in parts, zeros and ones, likelihoods, gaps, a selection."""
    net, cases = drawn
    with engine(native, parents):
        log_evidence, scores = found_by(tally(net, cases), net.theta, len(cases))
    for i, case in enumerate(cases):
        p = probability_of(net, case)
        if p == 0:
            assert log_evidence[i] == -np.inf
            continue
        assert_same_number(float(np.exp(log_evidence[i])), p, 1e-9)
        assert_same_derivative(scores[:, i], expected_scores(net, case), 1e-9)


@pytest.mark.parametrize("native", [CIRCUIT, NATIVE], ids=["circuit", "native"])
def test_the_numbers_may_be_others_than_the_networks_own(native: int) -> None:
    """One tally serves any numbers: those of another network of the same structure give its scores."""
    net = bp.load_network("five_findings")
    other = net.with_theta(np.where(net.theta < 0.5, net.theta * 0.8, 1 - (1 - net.theta) * 0.8))
    cases: list[Evidence] = [{"hop_test_pain": "present"}, {"hop_test_pain": "absent"}, {}]
    with engine(native):
        made = tally(net, cases)
        before = found_by(made, net.theta, 3)
        _, scores = found_by(made, other.theta, 3)
        again = found_by(made, net.theta, 3)
    assert all((one == two).all() for one, two in zip(before, again, strict=True))
    for i, case in enumerate(cases):
        assert_same_derivative(scores[:, i], expected_scores(other, case), 1e-11)


def test_both_engines_agree_on_a_network_of_full_size() -> None:
    """On 134 nodes with 3 and 12 findings each and conditions now and then, to 1e-11."""
    net = network()
    cases: list[Evidence] = [*cohort(net, 5, 3), *cohort(net, 5, 12)]
    cases += [{**case, "c1": "present", "r3": "absent", "c4": "absent"} for case in cohort(net, 3, 6, seed=2)]
    with engine(CIRCUIT):
        circuit = found_by(tally(net, cases), net.theta, len(cases))
    with engine(NATIVE):
        native = found_by(tally(net, cases), net.theta, len(cases))
    for one, two in zip(circuit, native, strict=True):
        assert np.isfinite(one).all()
        assert_same_derivative(two, one, 1e-11)


def test_cases_that_are_too_large_for_native_code_go_to_the_circuit() -> None:
    """Every case is scored once, whichever engine takes it, also when asked again."""
    net = bp.load_network("five_findings")
    cases: list[Evidence] = [{name: "present"} for name in net.findings[:4]]
    real = kernel_scores.scores_of_rows

    def reluctant(*args: Any) -> tuple[Array, Array, NDArray[np.int8]]:
        log_evidence, scores, status = real(*args)
        status[::2] = kernel.TOO_COMPLEX
        return log_evidence, np.where(status == kernel.OK, scores.T, np.nan).T, status

    with engine(NATIVE):
        wanted = found_by(tally(net, cases), net.theta, 4)
        with patch.object(kernel_scores, "scores_of_rows", reluctant):
            made = tally(net, cases)
            first = found_by(made, net.theta, 4)
            second = found_by(made, net.theta, 4)
    for one, two, three in zip(wanted, first, second, strict=True):
        assert_same_derivative(two, one, 1e-12)
        assert_same_derivative(three, one, 1e-12)


def test_what_is_too_large_for_both_is_refused() -> None:
    """The bound on memory holds for native code and for the circuit."""
    net = network()
    with engine(NATIVE), pytest.raises(bp.NetworkTooComplex, match="more than the"):
        found_by(tally(net, list(cohort(net, 2, 40)), memory=2000), net.theta, 2)


@pytest.mark.parametrize("native", [CIRCUIT, NATIVE], ids=["circuit", "native"])
def test_small_blocks_say_the_same(native: int) -> None:
    """Cases run one by one have the scores that they have together."""
    net = bp.load_network("five_findings")
    cases: list[Evidence] = [
        dict(zip(net.findings[:3], states, strict=True))
        for states in product(("absent", "present"), repeat=3)
    ]
    with engine(native):
        together = found_by(tally(net, cases), net.theta, 8)
        with patch.object(module, "SCORES", 1):
            alone = found_by(tally(net, cases), net.theta, 8)
    for one, two in zip(together, alone, strict=True):
        assert_same_derivative(two, one, 1e-13)


def test_nodes_that_matter_are_the_ancestors_of_what_was_seen() -> None:
    """The selection's and the findings', of whichever case."""
    net = bp.load_network("five_findings")
    position = structure_of(net).position
    names = {
        node for node, i in position.items() if tally(net, [{"hop_test_pain": "absent"}]).relevant >> i & 1
    }
    assert names == {"hop_test_pain", "buttock_pain", *net.conditions}


def test_a_row_of_a_table_is_one_distribution_and_a_link_another() -> None:
    """Entries are added up by row; a number of a noisy-OR stays by itself."""
    net = bp.Network(
        "made",
        (Variable("level", ("low", "middle", "high")), Variable("sign"), Variable("other")),
        {
            "level": Table((), np.array([0.2, 0.3, 0.5])),
            "sign": Table(("level",), np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])),
            "other": NoisyOr(("level", "sign"), 0.1, ((None, 0.2, 0.3), (None, 0.4))),
        },
    )
    made = Distributions(structure_of(net))
    assert made.starts.tolist() == [0, 3, 5, 7, 9, 10, 11, 12]
    assert made.alone.tolist() == [False] * 9 + [True] * 4
    assert made.sums(net.theta).round(12).tolist() == [1.0] * 9 + [0.1, 0.2, 0.3, 0.4]
