"""Native rows against the circuit, where the drawn networks of `test_cohort.py` are too small to tell."""

from typing import Any

import numpy as np
import pytest

import buttpain as bp
from benchmarks.synthetic import cohort, network
from buttpain.inference.kernel import IMPOSSIBLE, OK, TOO_COMPLEX, posteriors_of_rows
from buttpain.inference.structure import structure_of
from buttpain.model.network import NoisyOr, Table, Variable
from checks import assert_same_distribution


def states_of(net: bp.Network, cases: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return the observed states by position, the selection among them, -1 elsewhere."""
    hard = np.full((len(cases), len(net.nodes)), -1, dtype=np.int32)
    for row, case in zip(hard, cases, strict=True):
        for node, state in {**net.given, **case}.items():
            row[net.nodes.index(node)] = net.states(node).index(state)
    return hard


@pytest.mark.parametrize("findings", [0, 3, 8, 20])
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_of_a_network_of_full_size_get_what_the_circuit_gives(findings: int, threads: int) -> None:
    """On 134 nodes every condition's posterior and ln P(e) agree to 1e-12, whatever the threads."""
    net = network()
    made = structure_of(net)
    cases = cohort(net, 12, findings)
    targets = [made.position[name] for name in net.conditions]
    log_evidence, found, status = posteriors_of_rows(
        made, states_of(net, cases), None, targets, threads=threads
    )
    assert (status == OK).all()
    nothing = posteriors_of_rows(made, states_of(net, [{}]), None, targets)[0][0]
    for row, case in enumerate(cases):
        alone = bp.observe(net, case)
        assert log_evidence[row] - nothing == pytest.approx(alone.log_evidence, rel=1e-12, abs=1e-12)
        for k, name in enumerate(net.conditions):
            assert_same_distribution(found[row, 2 * k : 2 * k + 2], alone.posterior([name])[name])


def test_all_nodes_can_be_targets_and_observed_ones_are_certain() -> None:
    """Findings, mechanisms, risk factors, and what was observed itself, on more than 64 variables."""
    net = network(risks=30, conditions=15, mechanisms=0, findings=25, parents=2)
    made = structure_of(net)
    case = cohort(net, 1, 4)[0]
    _, found, _ = posteriors_of_rows(made, states_of(net, [case]), None, range(made.size))
    alone = bp.observe(net, case)
    for i, name in enumerate(net.nodes):
        assert_same_distribution(found[0, 2 * i : 2 * i + 2], alone.posterior([name])[name])


def test_rare_causes_of_a_wide_noisy_or_keep_their_digits() -> None:
    """Twenty-two parents with links of 1e-12: nothing is lost to a subtraction."""
    causes = [f"c{i}" for i in range(22)]
    families: dict[str, Table | NoisyOr] = {c: Table((), np.array([1 - 1e-6, 1e-6])) for c in causes}
    links = tuple((None, 1e-12 * (i + 1)) for i in range(22))
    families |= {f"f{i}": NoisyOr(tuple(causes), 1e-15, links) for i in range(3)}
    net = bp.Network("rare", tuple(map(Variable, families)), families)
    case = {f"f{i}": "present" for i in range(3)}
    made = structure_of(net)
    log_evidence, found, _ = posteriors_of_rows(made, states_of(net, [case]), None, range(22))
    alone = bp.observe(net, case)
    assert log_evidence[0] == pytest.approx(alone.log_evidence, rel=1e-13)
    for i, name in enumerate(causes):
        assert found[0, 2 * i + 1] == pytest.approx(alone.probability(name), rel=1e-11)


def test_a_thousand_findings_do_not_underflow() -> None:
    """P(e) far below the smallest float has the circuit's logarithm and posterior."""
    families: dict[str, Table | NoisyOr] = {"c": Table((), np.array([0.9, 0.1]))}
    families |= {f"f{i}": NoisyOr(("c",), 0.01, ((None, 0.0001),)) for i in range(1000)}
    net = bp.Network("fan", tuple(map(Variable, families)), families)
    case = {f"f{i}": ("absent", "present")[i % 2] for i in range(1000)}
    made = structure_of(net)
    log_evidence, found, _ = posteriors_of_rows(made, states_of(net, [case]), None, [0])
    alone = bp.observe(net, case)
    assert log_evidence[0] == pytest.approx(alone.log_evidence, rel=1e-13)
    assert found[0, 1] == pytest.approx(alone.probability("c"), rel=1e-10)


def test_impossible_and_too_large_rows_are_told_apart() -> None:
    """A contradiction has one status, a row beyond the memory allowed another; both answers are NaN."""
    families: dict[str, Table | NoisyOr] = {
        "a": Table((), np.array([0.5, 0.5])),
        "b": NoisyOr(("a",), 0.0, ((None, 1.0),)),
    }
    net = bp.Network("tight", tuple(map(Variable, families)), families)
    made = structure_of(net)
    cases = [{"a": "present", "b": "absent"}, {"a": "present"}]
    _, found, status = posteriors_of_rows(made, states_of(net, cases), None, [0])
    assert status.tolist() == [IMPOSSIBLE, OK]
    assert np.isnan(found[0]).all()
    wide = network()
    made = structure_of(wide)
    _, found, status = posteriors_of_rows(made, states_of(wide, cohort(wide, 2, 40)), None, [0], memory=2000)
    assert status.tolist() == [TOO_COMPLEX, TOO_COMPLEX]
    assert np.isnan(found).all()
