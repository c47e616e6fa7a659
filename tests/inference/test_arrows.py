"""What arrows carry: each arrow is really cut, and the two answers compared."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from numpy.typing import NDArray

import buttpain as bp
from buttpain.model.network import NoisyOr, Table, Variable
from examples import example_path
from reference import posterior, probability_of
from strategies import networks, networks_with_evidence

Array = NDArray[np.float64]


def without(net: bp.Network, parent: str, node: str) -> bp.Network:
    """Return the network with an arrow cut: the node's whole table averaged over the parent's prior."""
    axis = net.parents(node).index(parent)
    mean = np.average(net.table(node), axis=axis, weights=posterior(net, {}, parent))
    table = np.repeat(np.expand_dims(mean, axis), len(net.states(parent)), axis=axis)
    table /= table.sum(axis=-1, keepdims=True)  # it may have drifted from 1 by rounding
    return replace(net, families={**net.families, node: Table(net.parents(node), table)})


def gained(net: bp.Network, end: str, change: Array, arrow: tuple[str, str]) -> float:
    """Return the change of an end's present state, or where there is none the largest gain."""
    groups = [[s] for s in range(len(net.states(end)))]
    family = net.families[arrow[1]]
    if end == arrow[0] and isinstance(family, NoisyOr):
        links = family.links[family.parents.index(end)]
        quiet = [s for s, link in enumerate(links) if link is None]
        groups = [[s] for s in range(len(links)) if s not in quiet] + ([quiet] if quiet else [])
    by_name = {tuple(net.states(end)[s] for s in group): float(change[group].sum()) for group in groups}
    return by_name.get((net.variable(end).positive or "",), max(by_name.values()))


@settings(max_examples=40)
@given(drawn=networks_with_evidence(max_nodes=5))
def test_an_arrow_carries_what_goes_when_it_is_cut(drawn: tuple[bp.Network, dict[str, Any]]) -> None:
    """Each arrow that can bear on the targets makes its parent, or its child, by so much likelier."""
    net, evidence = drawn
    assume(not any(isinstance(evidence.get(n), str) and evidence[n] != s for n, s in net.given.items()))
    assume(probability_of(net, evidence) > 1e-6)
    carried = bp.observe(net, evidence).carried
    known = {**{n: s for n, s in evidence.items() if isinstance(s, str)}, **net.given}
    for (parent, node), move in carried.items():
        cut = without(net, parent, node)
        end = node if parent in known else parent
        change = posterior(net, evidence, end) - posterior(cut, evidence, end)
        assert move == pytest.approx(gained(net, end, change, (parent, node)), abs=1e-9)


def mixed() -> bp.Network:
    """Return noisy-ORs and tables, two and three states, with and without a present one."""
    rng = np.random.default_rng(2)
    variables = (
        Variable("level", ("low", "middle", "high")),
        Variable("cause"),
        Variable("either"),
        Variable("grade", ("mild", "moderate", "severe")),
        Variable("sign"),
    )
    return bp.Network(
        "mixed",
        variables,
        {
            "level": Table((), np.array([0.5, 0.3, 0.2])),
            "cause": Table((), np.array([0.7, 0.3])),
            "either": NoisyOr(("level", "cause"), 0.1, ((None, 0.2, 0.7), (None, 0.6))),
            "grade": Table(("cause", "either"), rng.dirichlet(np.ones(3), (2, 2))),
            "sign": NoisyOr(("grade", "either"), 0.05, ((0.1, None, 0.8), (None, 0.5))),
        },
    )


@pytest.mark.parametrize(
    "seen", list(product((None, "high"), (None, True, False), (None, True), (None, "severe")))
)
@pytest.mark.parametrize("sign", [None, True, False])
def test_arrows_of_each_kind(seen: tuple[Any, ...], sign: bool | None) -> None:
    """In any mixture of what is observed, each arrow carries what goes when it is cut."""
    net = mixed()
    case = bp.observe(net, dict(zip(net.nodes, (*seen, sign), strict=True)))
    evidence = dict(case.evidence)
    for (parent, node), move in case.carried.items():
        end = node if parent in evidence else parent
        change = posterior(net, evidence, end) - posterior(without(net, parent, node), evidence, end)
        assert move == pytest.approx(gained(net, end, change, (parent, node)), abs=1e-12), (parent, node)


@settings(max_examples=30)
@given(drawn=networks_with_evidence(max_nodes=5))
def test_arrows_left_out_bear_on_no_target(drawn: tuple[bp.Network, dict[str, Any]]) -> None:
    """To cut an arrow that is not told of moves no target's posterior, unless it is part of every case."""
    net, evidence = drawn
    assume(not any(isinstance(evidence.get(n), str) and evidence[n] != s for n, s in net.given.items()))
    assume(probability_of(net, evidence) > 1e-6)
    carried = bp.observe(net, evidence).carried
    targets = net.conditions or [n for n in net.nodes if n not in evidence and n not in net.given]
    for parent, node in net.graph.edges - carried.keys():
        if node not in net.given:
            cut = without(net, parent, node)
            for target in targets:
                expected = posterior(net, evidence, target)
                np.testing.assert_allclose(posterior(cut, evidence, target), expected, atol=1e-9)


@pytest.mark.parametrize("seen", ["yes", "no"])
def test_an_observed_cause_speaks_of_its_effect(seen: str) -> None:
    """From a parent that was observed an arrow carries what it says of the child."""
    net = bp.load_network(example_path("asia"))
    carried = bp.observe(net, smoke=seen).carried
    prior = posterior(net, {}, "bronc")[0]
    assert carried["smoke", "bronc"] == pytest.approx(posterior(net, {"smoke": seen}, "bronc")[0] - prior)


def test_a_certain_effect_of_an_observed_cause() -> None:
    """A link of 1 leaves no world without the effect, and what the arrow carries is found all the same."""
    links = ((None, 1.0), (None, 0.3))
    net = bp.Network(
        "certain",
        (Variable("cause"), Variable("other"), Variable("effect"), Variable("sign")),
        {
            "cause": Table((), np.array([0.6, 0.4])),
            "other": Table((), np.array([0.7, 0.3])),
            "effect": NoisyOr(("cause", "other"), 0.1, links),
            "sign": NoisyOr(("effect",), 0.2, ((None, 0.5),)),
        },
    )
    evidence = {"cause": "present", "sign": "absent"}
    cut = without(net, "cause", "effect")
    expected = 1.0 - posterior(cut, evidence, "effect")[1]
    assert bp.observe(net, evidence).carried["cause", "effect"] == pytest.approx(expected)


def test_an_arrow_by_hand() -> None:
    """One cause, one sign: without the arrow the cause keeps its prior."""
    net = bp.Network(
        "pair",
        (Variable("cause", role="condition"), Variable("sign", role="finding")),
        {"cause": Table((), np.array([0.8, 0.2])), "sign": NoisyOr(("cause",), 0.1, ((None, 0.5),))},
    )
    present = 0.2 * 0.55 / (0.2 * 0.55 + 0.8 * 0.1)
    absent = 0.2 * 0.45 / (0.2 * 0.45 + 0.8 * 0.9)
    assert bp.observe(net, sign=True).carried == {("cause", "sign"): pytest.approx(present - 0.2)}
    assert bp.observe(net, sign=False).carried == {("cause", "sign"): pytest.approx(absent - 0.2)}
    assert bp.observe(net).carried == {}


def test_what_holds_in_every_case_is_left_out() -> None:
    """Arrows into the population's own selection are part of every case, and nothing is said of them."""
    net = bp.load_network("five_findings")
    carried = bp.observe(net, sit_bone_tenderness=True).carried
    assert list(carried) == [("proximal_hamstring_tendinopathy", "sit_bone_tenderness")]
    diagram = bp.observe(net, sit_bone_tenderness=True).diagram
    assert {arrow.move for arrow in diagram.arrows if arrow.target == "buttock_pain"} == {0.0}


def test_both_ends_known_carry_nothing() -> None:
    """Between two observed nodes there is nothing left to learn."""
    net = bp.load_network(example_path("asia"))
    carried = bp.observe(net, smoke="yes", bronc="yes").carried
    assert carried["smoke", "bronc"] == pytest.approx(0.0, abs=1e-12)


def test_impossible_evidence_is_an_error() -> None:
    """There is no picture of what cannot be."""
    net = bp.load_network(example_path("asia"))
    case = bp.observe(net, lung="yes", either="no")
    with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together"):
        _ = case.carried


@given(networks(max_nodes=4))
def test_strengths_are_the_largest_changes(net: bp.Network) -> None:
    """A parent's strength is the largest total variation between two rows that differ in it alone."""
    for node in net.nodes:
        table = net.table(node)
        for axis, strength in enumerate(net.families[node].strengths()):
            rows = np.moveaxis(table, axis, 0)
            apart = [float(abs(a - b).sum(axis=-1).max()) / 2 for a in rows for b in rows]
            assert strength == pytest.approx(max(apart), abs=1e-12)
