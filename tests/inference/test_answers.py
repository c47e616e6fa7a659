"""What each answer would make of the posteriors: against enumeration, and against asking one by one."""

import math
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import buttpain as bp
from buttpain.inference import case as case_module
from buttpain.inference import terms as module
from buttpain.inference.answers import NOISE, Answers, answers_of, joint_answers
from buttpain.model.network import NoisyOr, Table, Variable
from checks import assert_same_distribution, assert_same_number
from reference import Evidence, joint_posterior, posterior
from strategies import networks_with_evidence


def possible(net: bp.Network, evidence: Evidence) -> bp.Case:
    """Return a case, if its evidence can be."""
    try:
        case = bp.observe(net, dict(evidence))
        case.marginals(net.nodes)
    except bp.ImpossibleEvidence:
        assume(False)
    return case


def unobserved(case: bp.Case) -> list[str]:
    """Return the nodes that may still be asked."""
    return [node for node in case.net.nodes if node not in {*case.evidence, *case.net.given}]


def assert_as_enumerated(case: bp.Case, found: Answers, targets: Sequence[str]) -> None:
    """Demand probability and posteriors of every answer as the referee gives them."""
    net, evidence = case.net, case.evidence
    for target, before in zip(targets, found.before, strict=True):
        assert_same_distribution(before, posterior(net, evidence, target))
    for place, (owner, state) in enumerate(zip(found.owner, found.state, strict=True)):
        finding = found.findings[owner]
        probability = posterior(net, evidence, finding)[state]
        assert_same_number(float(found.probability[place]), float(probability), 1e-11)
        for target, marginal in zip(targets, found.marginals, strict=True):
            if probability == 0:
                assert np.isnan(marginal[:, place]).all()
                continue
            if target == finding:
                wanted = np.eye(len(net.states(finding)))[state]
            else:
                wanted = joint_posterior(net, evidence, [finding, target])[state] / probability
            assert np.abs(marginal[:, place] - wanted).max() <= 1e-11


def assert_same_answers(one: Answers, other: Answers, tolerance: float = 1e-13) -> None:
    """Demand the same answers to the same questions."""
    assert one.findings == other.findings
    pairs = [(one.probability, other.probability), *zip(one.marginals, other.marginals, strict=True)]
    pairs += zip(one.before, other.before, strict=True)
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def made(families: dict[str, Table | NoisyOr], **states: tuple[str, ...]) -> bp.Network:
    """Return a network of these families, binary unless told otherwise."""
    variables = tuple(Variable(name, states.get(name, ("absent", "present"))) for name in families)
    return bp.Network("made", variables, families)


def root(present: float) -> Table:
    """Return a table without parents."""
    return Table((), np.array([1 - present, present]))


def crowd(conditions: int, findings: int) -> bp.Network:
    """Return findings that all hang on all conditions."""
    causes = tuple(f"c{i}" for i in range(conditions))
    rng = np.random.default_rng(5)
    families: dict[str, Table | NoisyOr] = {name: root(0.1) for name in causes}
    for i in range(findings):
        families[f"f{i}"] = NoisyOr(
            causes, 0.1, tuple((None, float(x)) for x in rng.uniform(0, 0.9, conditions))
        )
    return made(families)


# -- answers -------------------------------------------------------------------------------------


@settings(max_examples=120)
@given(networks_with_evidence(), st.data())
def test_every_answer_is_as_enumerated(drawn: tuple[bp.Network, Evidence], data: st.DataObject) -> None:
    """Probabilities and posteriors agree with the referee, whatever the families and the evidence."""
    case = possible(*drawn)
    targets = data.draw(st.lists(st.sampled_from(case.net.nodes), unique=True, min_size=1))
    assert_as_enumerated(case, answers_of(case, unobserved(case), targets), targets)


@settings(max_examples=40)
@given(networks_with_evidence())
def test_a_node_whose_sum_is_too_long_is_weighed_where_it_stands(drawn: tuple[bp.Network, Evidence]) -> None:
    """Without room for terms every node gets a plan of its own, and the answers are the same."""
    case = possible(*drawn)
    targets = case.net.nodes[:2]
    with patch.object(module, "MOST_TERMS", 0):
        found = answers_of(case, unobserved(case), targets)
    assert_as_enumerated(case, found, targets)


@settings(max_examples=40)
@given(networks_with_evidence())
def test_the_order_of_questions_does_not_matter(drawn: tuple[bp.Network, Evidence]) -> None:
    """Each question has the same answers wherever it stands among the others, and alone."""
    case = possible(*drawn)
    asked = unobserved(case)
    assume(asked)
    whole = answers_of(case, asked, case.net.nodes)
    for finding in asked:
        alone = answers_of(case, [finding], case.net.nodes)
        part = np.flatnonzero(whole.owner == asked.index(finding))
        cut = Answers(
            (finding,),
            whole.before,
            whole.owner[part],
            whole.state[part],
            whole.probability[part],
            tuple(marginal[:, part] for marginal in whole.marginals),
        )
        assert_same_answers(cut, alone, 1e-12)


def test_answers_come_by_finding_and_state() -> None:
    """The answers stand in the order of the questions, those of one question in the order of its states."""
    colours = ("red", "green", "blue")
    net = made({"a": root(0.5), "b": Table((), np.array([0.2, 0.3, 0.5]))}, b=colours)
    found = answers_of(bp.observe(net), ["b", "a"], ["a"])
    assert found.findings == ("b", "a")
    assert found.owner.tolist() == [0, 0, 0, 1, 1]
    assert found.state.tolist() == [0, 1, 2, 0, 1]
    assert found.probability.tolist() == pytest.approx([0.2, 0.3, 0.5, 0.5, 0.5])


def test_a_rare_present_finding_keeps_its_digits() -> None:
    """P(present) of 1e-12 and the posterior under it are right to twelve digits: nothing is subtracted."""
    links = ((None, 1e-9), (None, 2e-9))
    net = made({"a": root(1e-3), "b": root(2e-3), "f": NoisyOr(("a", "b"), 1e-14, links)})
    found = answers_of(bp.observe(net), ["f"], ["a"])
    exact = posterior(net, {}, "f")[1]
    assert exact < 1e-11
    assert_same_number(float(found.probability[1]), float(exact), 1e-13)
    wanted = joint_posterior(net, {}, ["f", "a"])[1] / exact
    assert_same_number(float(found.marginals[0][1, 1]), float(wanted[1]), 1e-13)


def test_a_rare_finding_with_a_long_sum_is_weighed_where_it_stands() -> None:
    """Where present has too many terms it is not left as a difference either."""
    causes = tuple(f"c{i}" for i in range(5))
    families: dict[str, Table | NoisyOr] = {name: root(1e-4) for name in causes}
    families["f"] = NoisyOr(causes, 1e-13, ((None, 1e-8),) * 5)
    net = made(families)
    with patch.object(module, "MOST_TERMS", 3):
        found = answers_of(bp.observe(net), ["f"], ["c0"])
    wanted = joint_posterior(net, {}, ["f", "c0"])[1]
    assert_same_number(float(found.probability[1]), float(wanted.sum()), 1e-13)
    assert_same_number(float(found.marginals[0][1, 1]), float(wanted[1] / wanted.sum()), 1e-13)


def test_a_rare_finding_below_another_keeps_its_digits() -> None:
    """The same through a mechanism that nothing else asks about."""
    net = made(
        {
            "a": root(1e-3),
            "m": NoisyOr(("a",), 1e-13, ((None, 1e-8),)),
            "f": NoisyOr(("m",), 0.0, ((None, 0.5),)),
        }
    )
    found = answers_of(bp.observe(net), ["f"], ["a"])
    wanted = joint_posterior(net, {}, ["f", "a"])[1]
    assert_same_number(float(found.probability[1]), float(wanted.sum()), 1e-13)
    assert_same_number(float(found.marginals[0][1, 1]), float(wanted[1] / wanted.sum()), 1e-13)


def test_a_rare_absent_finding_keeps_its_digits() -> None:
    """P(absent) of a nearly certain finding is a product too, with an observed cause in it."""
    net = made(
        {"a": root(0.3), "b": root(0.5), "f": NoisyOr(("a", "b"), 1 - 1e-9, ((None, 0.5), (None, 0.9)))}
    )
    found = answers_of(bp.observe(net, b="present"), ["f"], ["a"])
    wanted = joint_posterior(net, {"b": "present"}, ["f", "a"])[0]
    assert wanted.sum() < 1e-9
    assert_same_number(float(found.probability[0]), float(wanted.sum()), 1e-13)
    assert_same_number(float(found.marginals[0][1, 0]), float(wanted[1] / wanted.sum()), 1e-13)


def test_a_mechanism_that_acts_through_another() -> None:
    """Of two mechanisms of a finding, one of them the other's cause, the later is carried up first."""
    net = made(
        {
            "c": root(0.3),
            "late": NoisyOr(("early",), 0.1, ((None, 0.8),)),
            "early": NoisyOr(("c",), 0.2, ((None, 0.7),)),
            "f": NoisyOr(("early", "late"), 0.05, ((None, 0.6), (None, 0.9))),
        }
    )
    case = bp.observe(net)
    assert_as_enumerated(case, answers_of(case, ["f"], ["c"]), ["c"])


def test_questions_couple_nothing() -> None:
    """Findings that share all conditions fit where weighing them as they stand does not."""
    net = crowd(16, 9)
    case = bp.observe(net, f0="absent", memory=2**15)
    asked = [f"f{i}" for i in range(1, 9)]
    found = answers_of(case, asked, ["c0", "c1"])
    one = case.observe(f7="present")
    place = 2 * asked.index("f7") + 1
    assert found.marginals[1][:, place] == pytest.approx(bp.observe(net, one.evidence).marginals(["c1"])[0])
    with pytest.raises(bp.NetworkTooComplex, match="more than the 0 MiB allowed"):
        case.under(["c0"], {finding: np.eye(2) for finding in asked})


def test_questions_share_columns() -> None:
    """Findings of one cause differ in their numbers alone, so that one column serves them all."""
    families: dict[str, Table | NoisyOr] = {"a": root(0.2)}
    families |= {f"f{i}": NoisyOr(("a",), 0.01 * i, ((None, 0.1 * i),)) for i in range(1, 5)}
    families |= {f"t{i}": Table(("a",), np.array([[0.5, 0.5], [0.1 * i, 1 - 0.1 * i]])) for i in (1, 2)}
    case, columns = bp.observe(made(families)), []
    whole = case_module.Case.under

    def counted(self: bp.Case, names: Sequence[str], weights: dict[str, np.ndarray]) -> object:
        columns.append({rows.shape[1] for rows in weights.values()})
        return whole(self, names, weights)

    with patch.object(case_module.Case, "under", counted):
        found = answers_of(case, [node for node in families if node != "a"], ["a"])
    assert columns == [{2}]
    assert_as_enumerated(case, found, ["a"])


def test_impossible_evidence_is_an_error() -> None:
    """A case that cannot be has no next question; the clash is named."""
    net = made({"a": root(0.5), "b": Table(("a",), np.eye(2)), "f": NoisyOr(("b",), 0.1, ((None, 0.5),))})
    case = bp.observe(net, a="absent", b="present")
    with pytest.raises(bp.ImpossibleEvidence, match="a=absent, b=present"):
        answers_of(case, ["f"], ["a"])


def test_long_evidence_does_not_underflow() -> None:
    """A case of probability below the smallest number still has its answers."""
    families: dict[str, Table | NoisyOr] = {"a": root(0.5), "g": NoisyOr(("a",), 0.1, ((None, 0.5),))}
    families |= {f"f{i}": Table(("a",), np.array([[1 - 1e-9, 1e-9], [1 - 2e-9, 2e-9]])) for i in range(60)}
    case = bp.observe(made(families), {f"f{i}": "present" for i in range(60)})
    assert case.log_evidence < math.log(5e-324)
    found = answers_of(case, ["g"], ["a"])
    odds = 2.0**60
    assert found.probability[1] == pytest.approx((0.1 + odds * 0.55) / (1 + odds))
    assert found.marginals[0][0, 0] == pytest.approx(0.9 / (0.9 + odds * 0.45))


# -- joint answers ---------------------------------------------------------------------------------


@settings(max_examples=100)
@given(networks_with_evidence(), st.data())
def test_joint_answers_are_as_enumerated(drawn: tuple[bp.Network, Evidence], data: st.DataObject) -> None:
    """Every joint answer is as probable as the referee says, alone and with a target, asked or not."""
    case = possible(*drawn)
    free = unobserved(case)
    assume(free)
    findings = data.draw(st.lists(st.sampled_from(free), unique=True, min_size=1))
    target = data.draw(st.sampled_from(case.net.nodes))
    probability, (joint,) = joint_answers(case, findings, [target])
    wanted = joint_posterior(case.net, case.evidence, findings)
    assert np.abs(probability - wanted).max() <= NOISE / 100
    assert np.abs(joint.sum(axis=0) - wanted).max() <= NOISE / 100
    if target not in findings:
        both = joint_posterior(case.net, case.evidence, [target, *findings])
        assert np.abs(joint - both).max() <= NOISE / 100


def test_a_finding_that_acts_on_another_is_asked_as_it_stands() -> None:
    """Of two findings, one of them the other's cause, both answers together are as enumerated."""
    families: dict[str, Table | NoisyOr] = {"c": root(0.3)}
    families["f"] = NoisyOr(("c",), 0.1, ((None, 0.7),))
    families["g"] = NoisyOr(("c", "f"), 0.05, ((None, 0.3), (None, 0.6)))
    net = made(families)
    _, (joint,) = joint_answers(bp.observe(net), ["g", "f"], ["c"])
    np.testing.assert_allclose(joint, joint_posterior(net, {}, ["c", "g", "f"]), atol=1e-14)


def test_joint_answers_couple_nothing() -> None:
    """The same for all joint answers to them."""
    case = bp.observe(crowd(16, 8), memory=2**15)
    findings = [f"f{i}" for i in range(8)]
    probability, joint = joint_answers(case, findings, ["c0", "c1"])
    assert probability.shape == (2,) * 8
    assert probability.sum() == pytest.approx(1, abs=1e-13)
    answers = (0, 1, 0, 0, 1, 1, 0, 1)
    known = bp.observe(
        case.net, {f: ("absent", "present")[i] for f, i in zip(findings, answers, strict=True)}
    )
    assert probability[answers] == pytest.approx(math.exp(known.log_evidence), rel=1e-9)
    after = joint[1][(1, *answers)] / probability[answers]
    assert after == pytest.approx(known.probability("c1"), rel=1e-9)
    with pytest.raises(bp.NetworkTooComplex, match="more than the 0 MiB allowed"):
        case.under(["c0"], {finding: np.eye(2) for finding in findings})


# -- many likelihoods at once ----------------------------------------------------------------------


@settings(max_examples=50)
@given(networks_with_evidence(), st.integers(0, 99))
def test_columns_are_cases(drawn: tuple[bp.Network, Evidence], seed: int) -> None:
    """A column of likelihoods gives what the case with these likelihoods gives."""
    case = possible(*drawn)
    free, rng = unobserved(case), np.random.default_rng(seed)
    assume(free)
    weights = {node: rng.integers(0, 3, (len(case.net.states(node)), 4)) / 2 for node in free[:2]}
    marginals, ratio = case.under(case.net.nodes, weights)
    assert ratio[0] == 1
    for column in range(4):
        stated = {
            node: dict(zip(case.net.states(node), rows[:, column].tolist(), strict=True))
            for node, rows in weights.items()
        }
        try:
            one = case.observe(stated)
            wanted = one.marginals(case.net.nodes)
        except bp.ImpossibleEvidence:
            assert ratio[1 + column] == 0
            assert all(np.isnan(found[:, 1 + column]).all() for found in marginals)
            continue
        assert ratio[1 + column] == pytest.approx(math.exp(one.log_joint - case.log_joint), rel=1e-11)
        for found, expected in zip(marginals, wanted, strict=True):
            np.testing.assert_allclose(found[:, 1 + column], expected, atol=1e-11)


def test_likelihoods_add_to_those_observed() -> None:
    """A column multiplies the likelihoods observed, and a node observed for certain can be weighed."""
    net = made({"a": root(0.3), "b": Table(("a",), np.array([[0.9, 0.1], [0.2, 0.8]]))})
    case = bp.observe(net, b={"absent": 0.5, "present": 1.0})
    (after,), ratio = case.under(["a"], {"b": np.array([[0.2], [0.6]]), "a": np.array([[1.0], [0.5]])})
    joint = np.array([[0.7 * 0.9, 0.7 * 0.1], [0.3 * 0.2, 0.3 * 0.8]]) * [0.5, 1.0]
    weighed = joint * [0.2, 0.6] * [[1.0], [0.5]]
    assert after[:, 1] == pytest.approx(weighed.sum(axis=1) / weighed.sum())
    assert ratio[1] == pytest.approx(weighed.sum() / joint.sum())
    hard = bp.observe(net, b="present")
    (after, seen), ratio = hard.under(["a", "b"], {"b": np.array([[0.2, 0.0], [0.6, 0.0]])})
    assert seen[:, 1].tolist() == [0.0, 1.0]
    assert ratio.tolist() == pytest.approx([1.0, 0.6, 0.0])
    assert after[:, 1] == pytest.approx(hard.marginals(["a"])[0])


def test_blocks_make_no_difference() -> None:
    """Columns that are run a few at a time give the same."""
    case = bp.observe(bp.load_network("five_findings"), hop_test_pain=True)
    rng = np.random.default_rng(1)
    weights = {node: rng.random((2, 41)) for node in case.net.conditions}
    whole, ratio = case.under(case.net.conditions, weights)
    with patch.object(case_module, "BLOCK", 1), patch.object(case_module, "COLUMNS", 4):
        parts, other = case.under(case.net.conditions, weights)
    np.testing.assert_allclose(ratio, other, rtol=1e-13)
    np.testing.assert_allclose(np.array(whole), np.array(parts), rtol=1e-13)


def test_under_asks_for_known_names() -> None:
    """An unknown node is refused, as a target and as what is weighed."""
    case = bp.observe(bp.load_network("five_findings"))
    with pytest.raises(bp.UnknownNode, match="'sit_bone' is no node"):
        case.under(["sit_bone"], {})
    assert len(case.under(["hop_test_pain"] * 2, {})[0]) == 2
    with pytest.raises(bp.UnknownNode, match="'hop' is no node"):
        case.under([], {"hop": np.ones((2, 1))})
