"""What to ask next: against entropies by enumeration, and against trying each answer."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

import buttpain as bp
from buttpain.analysis import information as module
from buttpain.analysis.information import NextFindings, next_findings
from buttpain.analysis.outlook import Contest
from buttpain.display.tables import percent
from buttpain.model.network import URGENCIES, NoisyOr, RedFlag, Table, Variable
from reference import Evidence, joint_posterior, posterior
from strategies import networks_with_evidence

FIVE = bp.load_network("five_findings")


def entropy(distribution: Any) -> float:
    """Return bits."""
    return -sum(float(p) * math.log2(p) for p in np.ravel(distribution) if p > 0)


def information(net: bp.Network, evidence: Evidence, target: str, finding: str) -> float:
    """Return how much knowing the finding is expected to take off the entropy of the target."""
    if target == finding:
        return entropy(posterior(net, evidence, target))
    joint = joint_posterior(net, evidence, [finding, target])
    after = sum(row.sum() * entropy(row / row.sum()) for row in joint if row.sum() > 0)
    return entropy(joint.sum(axis=0)) - float(after)


def possible(net: bp.Network, evidence: Evidence) -> bp.Case:
    """Return a case, if its evidence can be."""
    try:
        case = bp.observe(net, dict(evidence))
        case.marginals(net.nodes)
    except bp.ImpossibleEvidence:
        assume(False)
    return case


def everything(case: bp.Case, target: str | None = None) -> NextFindings | None:
    """Return the analysis of all that may be asked in any network, if there is anything."""
    asked = [node for node in case.net.nodes if node not in {*case.evidence, *case.net.given, target}]
    assume(asked)
    assume(target is not None or case.net.conditions)
    return next_findings(case, None, target, cost=1, among=asked)


def table(*present: float, parents: Sequence[str] = ()) -> Table:
    """Return a table of two states from P(present), one number a row."""
    values = np.array([[1 - p, p] for p in present]).reshape(*(2,) * len(parents), 2)
    return Table(tuple(parents), values)


def network(*flags: RedFlag, **costs: float) -> bp.Network:
    """Return a disease with an accurate test, a poor one and one of something else, and a fever."""
    families = {
        "disease": table(0.2),
        "other": table(0.3),
        "good": table(0.05, 0.9, parents=["disease"]),
        "poor": table(0.4, 0.6, parents=["disease"]),
        "apart": table(0.1, 0.8, parents=["other"]),
        "fever": table(0.01, 0.1, parents=["disease"]),
        "job": table(0.4),
    }
    roles = {"disease": "condition", "other": "", "job": "risk_factor"}
    variables = tuple(
        Variable(
            name,
            role=roles.get(name, "finding"),
            label=name.capitalize(),
            question=f"Is there {name}?" if name != "apart" else "",
            cost=costs.get(name, math.nan),
        )
        for name in families
    )
    return bp.Network("clinic", variables, families, red_flags=flags)


def present(variable: Variable) -> dict[str, tuple[str, str]]:
    """Return how a condition may be present, by name: its present state, or all but absent or the first."""
    if variable.positive:
        return {variable.name: (variable.name, variable.positive)}
    absent = variable.negative or variable.states[0]
    return {f"{variable.name}={s}": (variable.name, s) for s in variable.states if s != absent}


def graded(*states: str) -> bp.Case:
    """Return a disease of three grades, with a finding that tells the third from the others."""
    families = {
        "grade": Table((), np.array([0.5, 0.3, 0.2])),
        "f": Table(("grade",), np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9]])),
    }
    variables = (Variable("grade", states, role="condition", label="Grade"), Variable("f", role="finding"))
    return bp.observe(bp.Network("graded", variables, families))


def flag(name: str, urgency: str, **rule: Any) -> RedFlag:
    """Return a red flag."""
    return RedFlag(name, f"The flag {name}", urgency, "It is rare.", "book", **rule)


FEVER = flag("fever", "emergency", any=(("fever", "present"),))
LIKELY = flag("likely", "prompt", condition="disease", above=0.5)


# -- information -----------------------------------------------------------------------------------


@settings(max_examples=40)
@given(networks_with_evidence(max_nodes=5, roles=True))
def test_about_the_conditions(drawn: tuple[bp.Network, Evidence]) -> None:
    """Information is the expected fall of the sum of the conditions' entropies, never negative."""
    case = possible(*drawn)
    result = everything(case)
    assert result is not None
    net, evidence = case.net, case.evidence
    assert result.entropy == pytest.approx(sum(entropy(posterior(net, evidence, c)) for c in net.conditions))
    for row in result.to_frame().to_dict("records"):
        wanted = [information(net, evidence, c, row["finding"]) for c in net.conditions]
        assert row["information"] == pytest.approx(sum(wanted), abs=1e-9)
        assert row["information"] >= 0
        if row["about"]:
            assert wanted[net.conditions.index(row["about"])] == pytest.approx(max(wanted), abs=1e-9)


@settings(max_examples=40)
@given(networks_with_evidence(max_nodes=5), st.data())
def test_about_one_target(drawn: tuple[bp.Network, Evidence], data: st.DataObject) -> None:
    """Information about one node is its mutual information, within the entropies of both."""
    case = possible(*drawn)
    hard = {*case.net.given, *(node for node, seen in case.evidence.items() if isinstance(seen, str))}
    free = [node for node in case.net.nodes if node not in hard]
    assume(free)
    target = data.draw(st.sampled_from(free))
    result = everything(case, target)
    assert result is not None
    assert result.entropy == pytest.approx(entropy(posterior(case.net, case.evidence, target)), abs=1e-12)
    for row in result.to_frame().to_dict("records"):
        finding = row["finding"]
        wanted = information(case.net, case.evidence, target, finding)
        assert row["information"] == pytest.approx(wanted, abs=1e-9)
        assert 0 <= row["information"] <= result.entropy + 1e-12
        assert row["information"] <= entropy(posterior(case.net, case.evidence, finding)) + 1e-9


def test_by_hand() -> None:
    """A test of sensitivity 0.9 and specificity 0.95 for a disease of 0.2, worked out."""
    positive = 0.2 * 0.9 + 0.8 * 0.05
    after = positive * entropy([0.18 / positive, 0.04 / positive])
    after += (1 - positive) * entropy([0.02 / (1 - positive), 0.76 / (1 - positive)])
    row = next_findings(bp.observe(network()), 1).to_frame().iloc[0]
    assert row["finding"] == "good"
    assert row["information"] == pytest.approx(entropy([0.2, 0.8]) - after, rel=1e-13)


def test_what_is_apart_tells_nothing() -> None:
    """A finding of another cause, or one blocked by what was seen, is worth exactly 0, and says so."""
    net = network()
    result = next_findings(bp.observe(net), None)
    worth = result.to_frame().set_index("finding")["information"]
    assert worth["apart"] == worth["job"] == 0
    assert (worth[["good", "poor", "fever"]] > 0).all()
    assert result.to_frame().set_index("finding")["about"].to_dict()["apart"] == ""
    assert "Apart (tells nothing here)" in repr(result)
    assert repr(result).count("tells nothing here") == result._repr_html_().count("tells nothing here") == 2
    blocked = next_findings(bp.observe(net, disease="present"), None).to_frame()
    assert blocked["information"].tolist() == [0] * 5


@settings(max_examples=40)
@given(networks_with_evidence(max_nodes=5, soft=False), st.data())
def test_the_chain_rule(drawn: tuple[bp.Network, Evidence], data: st.DataObject) -> None:
    """I(T; F, G) = I(T; F) + the expectation of I(T; G) once F is known."""
    case = possible(*drawn)
    free = [node for node in case.net.nodes if node not in {*case.evidence, *case.net.given}]
    assume(len(free) >= 3)
    target, one, other = data.draw(st.permutations(free))[:3]

    def told(known: bp.Case, finding: str) -> float:
        return float(next_findings(known, 1, target, among=[finding]).to_frame()["information"].iloc[0])

    joint = joint_posterior(case.net, case.evidence, [one, other, target])
    pairs = joint.reshape(-1, joint.shape[-1])
    after = sum(row.sum() * entropy(row / row.sum()) for row in pairs if row.sum() > 0)
    by_chain = told(case, one)
    for state, p in zip(case.net.states(one), posterior(case.net, case.evidence, one), strict=True):
        by_chain += p * told(case.observe({one: state}), other) if p > 0 else 0.0
    assert by_chain == pytest.approx(entropy(pairs.sum(axis=0)) - float(after), abs=1e-9)


@settings(max_examples=20)
@given(networks_with_evidence(max_nodes=5, roles=True), st.data())
def test_the_order_of_nodes_does_not_matter(drawn: tuple[bp.Network, Evidence], data: st.DataObject) -> None:
    """A network that lists its nodes in another order tells the same."""
    case = possible(*drawn)
    other = replace(case.net, variables=tuple(data.draw(st.permutations(case.net.variables))))
    results = [everything(case), everything(bp.observe(other, dict(case.evidence)))]
    numbers = ["information", "changes_urgency"]
    one, two = (item.to_frame().set_index("finding")[numbers].sort_index() for item in results if item)
    assert one.index.tolist() == two.index.tolist()
    np.testing.assert_allclose(one.to_numpy(), two.to_numpy(), atol=1e-12)


# -- what the answers do ---------------------------------------------------------------------------


@settings(max_examples=40)
@given(networks_with_evidence(max_nodes=5, roles=True))
def test_answers_are_those_of_asking(drawn: tuple[bp.Network, Evidence]) -> None:
    """Probability, posteriors and leader of each answer are what the case with that answer has."""
    case = possible(*drawn)
    result = everything(case)
    assert result is not None
    net = case.net
    certain = {node for node, seen in case.evidence.items() if isinstance(seen, str)} | {*net.given}
    free = [c for c in net.conditions if c not in certain]
    rivals = {name: event for c in free for name, event in present(net.variable(c)).items()}
    names = list(rivals)
    for finding in result.findings:
        told = result.answers(finding, top=99)
        assert set(told.columns[6:]) == set(names)
        assert told["probability"].sum() == pytest.approx(1)
        changes = 0.0
        for answer, row in told.iterrows():
            place = net.states(finding).index(str(answer))
            assert row["probability"] == pytest.approx(
                posterior(net, case.evidence, finding)[place], abs=1e-12
            )
            if row["probability"] == 0:
                assert row["leader"] == "" or not rivals
                assert row[names].isna().all()
                continue
            after = case.observe({finding: answer})
            for rival, event in rivals.items():
                assert row[rival] == pytest.approx(after.probability(*event), abs=1e-10)
            if rivals:
                best = max(after.probability(*event) for event in rivals.values())
                assert after.probability(*rivals[row["leader"]]) == pytest.approx(best, rel=1e-8)
            changes += row["probability"] * row["changes_leader"]
        line = result.to_frame().set_index("finding").loc[finding]
        assert line["changes_leader"] == pytest.approx(changes, abs=1e-12)


def test_a_change_of_leader() -> None:
    """A new leader is as probable as the answers that bring one; a tie leaves the leader in front."""
    families = {"a": table(0.5), "b": table(0.5), "f": table(0.2, 0.8, parents=["b"]), "g": table(0.5)}
    roles = {"a": "condition", "b": "condition"}
    variables = tuple(Variable(name, role=roles.get(name, "finding")) for name in families)
    frame = next_findings(bp.observe(bp.Network("tie", variables, families)), None).to_frame()
    changes = frame.set_index("finding")["changes_leader"]
    assert changes["f"] == pytest.approx(0.5)
    assert changes["g"] == 0


def test_rounding_brings_no_leader() -> None:
    """Another leads only if it is ahead by more than rounding could make it."""
    contest = Contest((("a", "present"), ("b", "present")), ("a", "b"))
    after = np.array([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5 + 1e-15, 0.5 + 1e-8, 0.4]])
    assert contest.after(0, after).tolist() == [0, 0, 1, 0]
    assert contest.after(1, after).tolist() == [1, 1, 1, 0]
    assert contest.leader(np.array([0.5, 0.5 + 1e-15])) == 0
    assert contest.leader(np.array([0.5, 0.5 + 1e-8])) == 1


def test_a_condition_observed_does_not_lead() -> None:
    """Who is known to be there takes no part, and where nobody is left nobody leads."""
    case = bp.observe(FIVE, proximal_hamstring_tendinopathy=True)
    result = next_findings(case)
    assert "proximal_hamstring_tendinopathy" not in result.answers("hop_test_pain", top=9).columns
    assert "Leads now: Gluteal myofascial pain" in repr(result)
    alone = next_findings(bp.observe(network(), disease="present"))
    assert alone.to_dict()["leader"] is None
    assert "Leads now" not in repr(alone)
    assert alone.answers("good")["leader"].tolist() == ["", ""]


def test_a_condition_without_a_present_state() -> None:
    """It takes part with every state but the first, so that an answer may change the leader, and says so."""
    result = next_findings(graded("none", "mild", "severe"))
    assert result.to_dict()["leader"] == "grade=mild"
    told = result.answers("f")
    assert told["leader"].to_dict() == {"absent": "grade=mild", "present": "grade=severe"}
    assert told.columns[6:].tolist() == ["grade=mild", "grade=severe"]
    assert told.loc["present", "grade=severe"] == pytest.approx(0.18 / 0.35)
    assert result.to_frame()["changes_leader"].tolist() == pytest.approx([0.35])
    said = " ".join(repr(result).split())
    assert "Leads now: Grade = mild, 30.0 %" in said
    assert "f present (35.0 %): Grade = mild 34.3 %, Grade = severe 51.4 %." in said


def test_the_absent_state_does_not_lead() -> None:
    """If one of the states is called absent, it is that one that takes no part, wherever it stands."""
    result = next_findings(graded("much", "some", "absent"))
    assert [name for name, _, _ in result.followed] == ["grade=much", "grade=some"]


def test_nobody_is_left_to_lead() -> None:
    """Where every condition was observed the lines of the answers end where the names would begin."""
    result = next_findings(bp.observe(network(), disease="present"))
    assert " present (" in repr(result)
    assert ":" not in repr(result)[repr(result).index("are open.") :]
    assert "0.00 are open" in repr(result)
    assert math.copysign(1, result.entropy) == 1


def test_the_target_comes_first() -> None:
    """What an answer does to the target stands before what it does to the leaders, everywhere."""
    case = bp.observe(FIVE)
    for target, leader in (
        ("sacral_stress_fracture", "proximal_hamstring_tendinopathy"),
        ("hop_test_pain", "proximal_hamstring_tendinopathy"),
        ("proximal_hamstring_tendinopathy", "gluteal_myofascial_pain"),
    ):
        result = next_findings(case, None, target)
        finding = result.findings[0]
        told = result.answers(finding, top=1)
        assert told.columns[6:].tolist() == [target, leader]
        for answer, row in told.iterrows():
            then = case.observe({finding: answer})
            assert row[target] == pytest.approx(then.probability(target))
        item = result.to_dict()["findings"][0]["answers"][0]
        assert next(iter(item["posterior"])) == target
        assert item["posterior"].keys() == {target, *FIVE.conditions}
        said = " ".join(repr(result).split())
        assert f"{percent(told['probability'].iloc[0])}): {FIVE.label(target)} " in said


def test_a_target_without_a_present_state() -> None:
    """A target of grades has a column for each grade, before the leaders."""
    net = graded("none", "mild", "severe").net
    variables = (*(replace(item, role="mechanism") for item in net.variables[:1]), net.variables[1])
    variables = (*variables, Variable("other", role="condition"))
    case = bp.observe(bp.Network("two", variables, {**net.families, "other": table(0.4)}))
    result = next_findings(case, target="grade")
    assert result.answers("f", top=1).columns[6:].tolist() == ["grade=mild", "grade=severe", "other"]
    assert result.answers("f", top=1).loc["present", "grade=severe"] == pytest.approx(0.18 / 0.35)
    assert result.followed[0][:2] == ("grade=mild", "Grade = mild")
    assert result.followed[0][2] == pytest.approx(0.3)


def test_an_impossible_answer() -> None:
    """An answer that cannot come has probability 0, no leader, no urgency and no posterior."""
    families = {"a": table(0.5), "f": table(0.0, 0.0, parents=["a"]), "g": table(0.0, 1.0, parents=["a"])}
    roles = {"a": "condition"}
    variables = tuple(Variable(name, role=roles.get(name, "finding")) for name in families)
    result = next_findings(bp.observe(bp.Network("sure", variables, families)))
    (told,) = result.answers("f").iloc[1:].to_dict("records")
    assert told["probability"] == 0
    assert math.isnan(told["a"])
    assert told["leader"] == told["urgency"] == ""
    assert not told["changes_leader"]
    assert result.findings == ("g", "f")
    assert result.to_frame()["information"].tolist() == [1.0, 0.0]
    (f,) = [item for item in result.to_dict()["findings"] if item["finding"] == "f"]
    assert f["answers"][1]["posterior"] == {"a": None}


def assert_urgencies_as_by_triage(case: bp.Case, result: NextFindings, findings: Sequence[str]) -> None:
    """Demand the urgency and the new flags of each answer as triage gives them once it is known."""
    today = bp.triage(case)
    names = {item.flag.name for item in today.red_flags}
    for finding in findings:
        changes, highest = 0.0, today.urgency
        for answer, row in result.answers(finding).iterrows():
            then = bp.triage(case.observe({finding: answer}))
            assert row["urgency"] == then.urgency
            assert row["red_flags"] == [
                item.flag.name for item in then.red_flags if item.flag.name not in names
            ]
            assert row["changes_urgency"] == (then.urgency != today.urgency)
            changes += row["probability"] * row["changes_urgency"]
            highest = max(highest, then.urgency, key=URGENCIES.index)
        line = result._row(finding)
        assert line["changes_urgency"] == pytest.approx(changes, abs=1e-12)
        assert line["raises_to"] == (highest if highest != today.urgency else "")


@pytest.mark.parametrize(
    "flags",
    [
        (),
        (FEVER,),
        (LIKELY,),
        (LIKELY, FEVER),
        (flag("both", "same_day", any=(("good", "present"), ("fever", "present")), at_least=2),),
        (flag("quiet", "prompt", all=(("good", "absent"), ("fever", "absent"))),),
        (flag("mixed", "same_day", any=(("poor", "present"),), condition="disease", above=0.25),),
        (flag("never_mind", "routine", any=(("poor", "present"),)),),
    ],
    ids=lambda flags: "+".join(item.name for item in flags) or "none",
)
@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"good": "present"},
        {"fever": "present"},
        {"fever": "absent"},
        {"poor": {"present": 3, "absent": 1}},
    ],
    ids=str,
)
def test_urgency_is_that_of_asking(flags: tuple[RedFlag, ...], evidence: dict[str, Any]) -> None:
    """Flags on findings, on several, on what is absent and on posteriors; also where they fall silent."""
    case = bp.observe(network(*flags), evidence)
    result = next_findings(case, None)
    assert_urgencies_as_by_triage(case, result, result.findings)


def test_an_answer_may_lower_the_urgency() -> None:
    """A posterior that falls below its bound is a change too, but raises nothing."""
    case = bp.observe(network(LIKELY), good=True)
    assert bp.triage(case).urgency == "prompt"
    line = next_findings(case, None).to_frame().set_index("finding").loc["poor"]
    assert line["changes_urgency"] == 0
    case = bp.observe(network(replace(LIKELY, above=0.8)), good=True)
    line = next_findings(case, None).to_frame().set_index("finding").loc["poor"]
    assert line["changes_urgency"] == pytest.approx(
        next_findings(case).answers("poor")["probability"]["absent"]
    )
    assert line["raises_to"] == ""


def test_the_urgencies_of_the_shipped_network() -> None:
    """Each answer in the shipped network of five findings fires what triage says it fires."""
    case = bp.observe(FIVE, sit_bone_tenderness=False)
    result = next_findings(case, None)
    assert_urgencies_as_by_triage(case, result, result.findings)
    assert result.to_frame()["changes_urgency"].max() > 0


def test_what_may_raise_the_urgency_is_named() -> None:
    """Findings that are not among the best are named if they can raise the urgency, the most urgent first."""
    flags = [FEVER, flag("poor", "prompt", any=(("poor", "present"),))]
    said = " ".join(repr(next_findings(bp.observe(network(*flags)), 1)).split())
    assert "Not listed, but may raise the urgency: Fever (emergency, 2.8 %), Poor (prompt, 44.0 %)." in said
    assert "Not listed" not in repr(next_findings(bp.observe(network(*flags)), None))
    with patch.object(module, "_UNLISTED", 1):
        said = repr(next_findings(bp.observe(network(*flags)), 1))
    assert "Fever (emergency, 2.8 %) and 1 more." in " ".join(said.split())


# -- cost ------------------------------------------------------------------------------------------


def test_order_by_information_per_cost() -> None:
    """A dear accurate test stands behind a cheap poor one; were all as dear, it would stand before it."""
    case = bp.observe(network(good=30, poor=0.5, fever=1, apart=1, job=1))
    assert next_findings(case).findings[:3] == ("poor", "fever", "good")
    assert next_findings(case, cost=1).findings[:3] == ("good", "fever", "poor")
    frame = next_findings(case).to_frame()
    np.testing.assert_allclose(frame["per_cost"], frame["information"] / frame["cost"])
    assert frame["per_cost"].is_monotonic_decreasing
    assert frame["cost_known"].all()


def test_a_mapping_replaces_the_costs_of_the_file() -> None:
    """What the caller says counts; what is left out keeps the cost of the file."""
    case = bp.observe(network(good=30, poor=0.5, fever=1, apart=1), job=True)
    result = next_findings(case, cost={"good": 0.1, "job": 7})
    assert result.findings[0] == "good"
    cost = result.to_frame().set_index("finding")["cost"]
    assert cost.to_dict() == {"good": 0.1, "poor": 0.5, "fever": 1, "apart": 1}


def test_an_unknown_cost_is_that_of_the_dearest() -> None:
    """Nobody gains by having no cost; where none is known, all cost 1."""
    frame = next_findings(bp.observe(network(good=30, poor=0.5))).to_frame().set_index("finding")
    assert frame["cost"].to_dict() == {"good": 30, "poor": 0.5, "fever": 30, "apart": 30, "job": 30}
    assert frame["cost_known"].to_dict()["fever"] is False
    said = " ".join(repr(next_findings(bp.observe(network(good=30, poor=0.5)), 3)).split())
    assert "Nobody stated a cost for Fever; taken as 30." in said
    free = next_findings(bp.observe(network()))
    assert set(free.to_frame()["cost"]) == {1.0}
    assert "cost" not in repr(free)


def test_what_costs_nothing_comes_first() -> None:
    """It has an infinite worth, which JSON cannot say; but not if it tells nothing either."""
    case = bp.observe(network(good=1, poor=1, fever=0, apart=0, job=1))
    result = next_findings(case)
    frame = result.to_frame().set_index("finding")
    assert result.findings[0] == "fever"
    assert frame["per_cost"].to_dict()["fever"] == math.inf
    assert frame["per_cost"].to_dict()["apart"] == 0
    assert "free" in repr(result)
    assert result.to_dict()["findings"][0]["per_cost"] is None
    result.plot()


@pytest.mark.parametrize("price", [-1, math.nan, math.inf, "2", None, True])
def test_a_cost_must_be_a_number(price: Any) -> None:
    """A cost that is none, or is negative, is refused with its finding."""
    with pytest.raises(ValueError, match="the cost of 'good' must be a finite number, 0 or more; it is"):
        next_findings(bp.observe(network()), cost={"good": price})


@pytest.mark.parametrize("number", [np.float32, np.int8, np.int64, np.float64, Fraction])
def test_a_cost_may_be_any_real_number(number: Any) -> None:
    """NumPy's numbers and others do, one for all and one a finding, also in a Series."""
    case = bp.observe(network(poor=2))
    costs: list[Any] = [
        {"good": number(7)},
        pd.Series([number(7)], ["good"]),
        pd.Series({"good": number(7)}, dtype=object),
    ]
    for cost in costs:
        priced = next_findings(case, None, cost=cost).to_frame().set_index("finding")["cost"]
        assert priced[["good", "poor"]].tolist() == [7.0, 2.0]
    alike = next_findings(case, None, cost=number(3)).to_frame()["cost"]
    assert alike.tolist() == [3.0] * 5


def test_costs_that_cannot_be_used() -> None:
    """An unknown finding, a cost of 0 for all and something else altogether are refused."""
    case = bp.observe(network())
    with pytest.raises(bp.UnknownNode, match="'gud' is no node of network 'clinic'"):
        next_findings(case, cost={"gud": 1})
    with pytest.raises(ValueError, match="one cost for all must be positive and finite; it is 0"):
        next_findings(case, cost=0)
    with pytest.raises(
        TypeError, match="cost is a mapping from findings to numbers, or one number; it is True"
    ):
        next_findings(case, cost=True)
    with pytest.raises(TypeError, match=r"or one number; it is array\(\[1.\]\)"):
        next_findings(case, cost=np.array([1.0]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cost names 'good' more than once; give each finding one cost"):
        next_findings(case, cost=pd.Series([1, 2], ["good", "good"]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one cost for all must be positive and finite; it is nan"):
        next_findings(case, cost=np.float32("nan"))  # type: ignore[arg-type]


# -- what may be asked -----------------------------------------------------------------------------


def test_candidates() -> None:
    """Findings not observed and risk factors with a question; conditions and the selection are not asked."""
    net = network()
    assert set(next_findings(bp.observe(net), None).findings) == {"good", "poor", "apart", "fever", "job"}
    mute = tuple(replace(item, question="") for item in net.variables)
    assert "job" not in next_findings(bp.observe(replace(net, variables=mute)), None).findings
    seen = bp.observe(net, good=True, poor={"present": 0.5, "absent": 0.4})
    assert set(next_findings(seen, None).findings) == {"apart", "fever", "job"}
    chosen = replace(net, given={"job": "present"})
    assert "job" not in next_findings(bp.observe(chosen), None).findings
    assert "fever" not in next_findings(bp.observe(net), None, "fever").findings


def test_among() -> None:
    """The choice may be narrowed, and widened to any node that was not observed."""
    case = bp.observe(network())
    assert next_findings(case, among=["poor", "fever"]).findings == ("fever", "poor")
    widened = next_findings(case, among=["other", "disease"])
    assert widened.to_frame()["information"].tolist() == pytest.approx([entropy([0.2, 0.8]), 0])
    assert widened.answers("disease")["disease"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("among", "kind", "words"),
    [
        (["god"], bp.UnknownNode, "'god' is no node of network 'clinic'. Did you mean 'good'"),
        (["good", "good"], ValueError, "name each node once; given were good, good"),
        ([], ValueError, "among names no finding; name one, or leave it out"),
        ("good", TypeError, r"among is a list of names; give \['good'\]"),
        (["poor"], ValueError, r"'poor' was observed; take it back first with case.observe\(poor=None\)"),
        (["job"], ValueError, "'job' is the network's selection and known in every case"),
        (["disease"], ValueError, "'disease' is the target; it tells all about itself"),
    ],
)
def test_among_is_checked(among: Any, kind: type[Exception], words: str) -> None:
    """Names that are unknown, repeated, observed or the target are refused with what to do."""
    case = bp.observe(replace(network(), given={"job": "present"}), poor=True)
    with pytest.raises(kind, match=words):
        next_findings(case, target="disease", among=among)


def test_a_network_without_roles() -> None:
    """Every node but the target may be asked, and its states compete; the target must be named."""
    families = {"a": Table((), np.array([0.2, 0.3, 0.5])), "c": table(0.5)}
    families["b"] = Table(("a",), np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]))
    states = ("red", "green", "blue")
    variables = (Variable("a", states, label="A"), Variable("b"), Variable("c"))
    case = bp.observe(bp.Network("plain", variables, families))
    with pytest.raises(
        ValueError, match="network 'plain' has no conditions; name what to find out with target="
    ):
        next_findings(case)
    result = next_findings(case, target="a")
    assert result.findings == ("b", "c")
    told = result.answers("b")
    assert told["leader"].to_dict() == {"absent": "red", "present": "blue"}
    assert told.columns[6:].tolist() == ["blue", "green", "red"]
    assert told.loc["present", "blue"] == pytest.approx(0.45 / 0.62)
    assert "Leads now: A = blue, 50.0 %" in repr(result)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"n": 0}, ValueError, "n, .* how many .* to return, or None for all, must be at least 1; it is 0"),
        ({"n": "3"}, TypeError, "n, .* or None for all, must be a whole number, 1 or more; it is '3'"),
        ({"n": 2.5}, TypeError, "n, .* must be a whole number, 1 or more; it is 2.5"),
        ({"n": True}, TypeError, "n, .* must be a whole number, 1 or more; it is True"),
        ({"steps": 3}, ValueError, "steps is 1 or 2; it is 3"),
        ({"target": "diseas"}, bp.UnknownNode, "'diseas' is no node"),
        (
            {"target": "poor"},
            ValueError,
            "the target 'poor' was observed; nothing is left to find out about it",
        ),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], kind: type[Exception], words: str) -> None:
    """What is out of range, unknown or observed is refused."""
    with pytest.raises(kind, match=words):
        next_findings(bp.observe(network(), poor=True), **options)


def test_impossible_evidence() -> None:
    """A case that cannot be has no next question."""
    families = {"a": table(0.5), "f": table(0.0, 1.0, parents=["a"]), "g": table(0.5)}
    roles = {"a": "condition"}
    variables = tuple(Variable(name, role=roles.get(name, "finding")) for name in families)
    case = bp.observe(bp.Network("sure", variables, families), a="absent", f="present")
    with pytest.raises(bp.ImpossibleEvidence, match="a=absent, f=present"):
        next_findings(case)


def test_how_many() -> None:
    """The best n come, all if None, and those left if there are fewer."""
    case = bp.observe(network())
    whole = next_findings(case, None)
    assert len(whole.findings) == len(whole.to_frame()) == 5
    assert next_findings(case, 2).findings == whole.findings[:2]
    assert next_findings(case, 99).findings == whole.findings
    assert whole.to_frame()["information"].is_monotonic_decreasing


# -- two steps -------------------------------------------------------------------------------------


def two_steps(
    case: bp.Case, finding: str, findings: Sequence[str], target: str
) -> tuple[float, dict[str, str]]:
    """Return what a finding tells with the best follow-up, and that follow-up, by enumeration."""
    net, evidence, left = case.net, dict(case.evidence), [node for node in findings if node != finding]
    total, then = information(net, evidence, target, finding), dict.fromkeys(net.states(finding), "")
    for state, p in zip(net.states(finding), posterior(net, evidence, finding), strict=True):
        if p > 0 and left:
            told = {node: information(net, {**evidence, finding: state}, target, node) for node in left}
            best = max(told, key=told.__getitem__)
            total += float(p) * told[best]
            then[state] = best if told[best] > 1e-12 else ""
    return total, then


def test_two_steps_are_the_best_pairs() -> None:
    """What two findings tell that tell nothing one by one, and who follows whom, as enumerated."""
    parity = np.array([[[0.95, 0.05], [0.05, 0.95]], [[0.05, 0.95], [0.95, 0.05]]])
    families = {
        "d": Table(("x", "y"), parity),
        "x": table(0.5),
        "y": table(0.5),
        "z": table(0.3, 0.5, parents=["d"]),
    }
    roles = {"d": "condition"}
    variables = tuple(Variable(name, role=roles.get(name, "finding")) for name in families)
    case = bp.observe(bp.Network("parity", variables, families))
    assert next_findings(case, None).to_frame().set_index("finding")["information"].to_dict()["x"] == 0
    result = next_findings(case, None, steps=2)
    assert result.findings == ("x", "y", "z")
    for row in result.to_frame().to_dict("records"):
        total, then = two_steps(case, row["finding"], ("x", "y", "z"), "d")
        assert row["information_2"] == pytest.approx(total, abs=1e-12)
        assert row["then"] == then
        assert row["cost_2"] == (2.0 if any(then.values()) else 1.0)
        assert row["per_cost_2"] == pytest.approx(total / row["cost_2"])
    assert result.to_frame()["per_cost_2"].is_monotonic_decreasing


@settings(max_examples=20)
@given(networks_with_evidence(max_nodes=5, soft=False), st.data())
def test_two_steps_anywhere(drawn: tuple[bp.Network, Evidence], data: st.DataObject) -> None:
    """The same in any network: expected information of the greedy pair, never less than the first alone."""
    case = possible(*drawn)
    free = [node for node in case.net.nodes if node not in {*case.evidence, *case.net.given}]
    assume(len(free) >= 2)
    target = data.draw(st.sampled_from(free))
    asked = [node for node in free if node != target]
    for row in next_findings(case, None, target, 1, steps=2, among=asked).to_frame().to_dict("records"):
        total, _ = two_steps(case, row["finding"], asked, target)
        assert row["information_2"] == pytest.approx(total, abs=1e-9)
        assert row["information_2"] >= row["information"]


def test_two_steps_count_costs() -> None:
    """The follow-up is chosen by its information per cost, and the pair is worth its bits per its cost."""
    case = bp.observe(network(good=30, poor=1, fever=1, apart=1, job=1))
    result = next_findings(case, None, steps=2)
    row = next(item for item in result.to_frame().to_dict("records") if item["finding"] == "fever")
    assert set(row["then"].values()) == {"poor"}
    assert row["cost_2"] == 2
    row = next(item for item in result.to_frame().to_dict("records") if item["finding"] == "apart")
    assert set(row["then"].values()) == {"fever"}
    assert row["per_cost_2"] == pytest.approx(row["information_2"] / 2)
    assert result.findings[:2] == ("fever", "poor")
    assert result.findings.index("good") > 1


def test_equals_keep_their_order() -> None:
    """Two findings that make the same pair are worth the same: the better first step stays first."""
    result = next_findings(bp.observe(FIVE, pain_running_uphill=True), 2, cost=1, steps=2)
    told = result.to_frame()["information_2"].tolist()
    assert told[0] == pytest.approx(told[1], rel=1e-13)
    assert result.findings == ("sit_bone_tenderness", "burning_pain_past_knee")


def test_two_steps_when_one_is_left() -> None:
    """Without anything to follow, two steps are one."""
    case = bp.observe(network())
    row = next_findings(case, steps=2, among=["good"]).to_frame().iloc[0]
    assert row["information_2"] == row["information"]
    assert row["then"] == {"absent": "", "present": ""}


# -- how it looks ----------------------------------------------------------------------------------


@pytest.fixture
def five() -> NextFindings:
    """Return what to ask a runner with burning pain past the knee."""
    return next_findings(bp.observe(FIVE, burning_pain_past_knee=True))


def test_as_plain_data(five: NextFindings) -> None:
    """JSON takes it as it is, with every answer, and it says what the frame says."""
    told = five.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["network"] == "five_findings"
    assert told["evidence"] == {"burning_pain_past_knee": "present"}
    assert told["leader"] == "lumbar_radicular_pain"
    assert told["urgency"] == "routine"
    assert told["target"] is None
    assert [item["finding"] for item in told["findings"]] == list(five.findings)
    first = told["findings"][0]
    assert first["information"] == five.to_frame()["information"].iloc[0]
    frame = five.answers(first["finding"], top=9)
    assert [item["answer"] for item in first["answers"]] == frame.index.tolist()
    for item, row in zip(first["answers"], frame.to_dict("records"), strict=True):
        assert item["probability"] == row["probability"]
        assert all(item["posterior"][c] == row[c] for c in FIVE.conditions)
    two = next_findings(five.case, 1, steps=2).to_dict()
    assert json.loads(json.dumps(two, allow_nan=False)) == two
    assert set(two["findings"][0]["then"]) == {"absent", "present"}


def test_answers_need_a_finding_that_was_looked_at(five: NextFindings) -> None:
    """Any candidate has its answers, also beyond the best n; other nodes have none."""
    one = next_findings(five.case, 1)
    assert one.answers("hop_test_pain").equals(five.answers("hop_test_pain"))
    with pytest.raises(bp.UnknownNode, match="'burning_pain_past_knee' is no node of this comparison"):
        five.answers("burning_pain_past_knee")
    with pytest.raises(ValueError, match="top is how many of the likeliest to follow, 0 or more; it is -1"):
        five.answers("hop_test_pain", top=-1)
    assert five.answers("hop_test_pain", top=0).shape == (2, 6)


def test_as_text(five: NextFindings) -> None:
    """The text fits a terminal, and says the question, the numbers and what the first answers would do."""
    for result in (five, next_findings(five.case, steps=2), next_findings(bp.observe(FIVE), cost=1)):
        assert max(map(len, repr(result).splitlines())) <= 80
    said = " ".join(repr(five).split())
    assert "Leads now: Lumbar radicular pain, 43.7 %" in said
    assert "ask or examine cost bits bits/cost new leader urgency" in said
    assert "Does running uphill bring the pain 0.5 0.079 0.158 0 % 0 %" in said
    assert "each by itself; 3.33 are open." in said
    assert "Pain on running uphill absent (57.3 %): Lumbar radicular pain 45.9 %" in said
    page = five._repr_html_()
    assert "Does running uphill bring the pain on" in page
    assert "<script" not in page


def test_a_new_leader_is_named() -> None:
    """If an answer brings a leader from outside the leading three, the line of that answer names it."""
    families: dict[str, Table | NoisyOr] = {
        name: table(p) for name, p in zip("abcd", (0.5, 0.4, 0.3, 0.2), strict=True)
    }
    families["f"] = table(0.01, 0.9, parents=["d"])
    variables = tuple(Variable(name, role="condition" if name in "abcd" else "finding") for name in families)
    said = " ".join(repr(next_findings(bp.observe(bp.Network("late", variables, families)))).split())
    assert "f present (18.8 %): a 50.0 %, b 40.0 %, c 30.0 %, d 95.7 %." in said
    assert "f absent (81.2 %): a 50.0 %, b 40.0 %, c 30.0 %." in said


def test_two_steps_as_text() -> None:
    """The table has a column for both together, and the first line says what follows each answer."""
    said = " ".join(repr(next_findings(bp.observe(FIVE), steps=2)).split())
    assert "cost bits in two bits/cost" in said
    assert "Then: Burning pain past the knee." in said


def test_red_flags_come_first() -> None:
    """What fires today heads the answer."""
    result = next_findings(bp.observe(network(FEVER), fever=True))
    assert repr(result).startswith("! EMERGENCY: The flag fever (Fever present).")
    assert result._repr_html_().index("EMERGENCY") < result._repr_html_().index("<table")
    assert result.to_dict()["urgency"] == "emergency"


def test_nothing_left() -> None:
    """Where all was asked the answer is empty, and says so; the picture is an empty one."""
    case = bp.observe(FIVE, {f: False for f in FIVE.findings if f not in FIVE.given})
    for steps in (1, 2):
        result = next_findings(case, steps=steps)
        assert result.findings == ()
        assert "Nothing is left to ask." in repr(result)
        assert len(result.to_frame()) == 0
        assert {"finding", "information", "raises_to"} <= set(result.to_frame().columns)
        assert result.to_dict()["findings"] == []
    with pytest.raises(ValueError, match="nothing is left to ask, so there is nothing to draw"):
        result.plot()


def test_as_a_picture(five: NextFindings) -> None:
    """Bars are as long as the information, in the order of the result, with cost and leader beside them."""
    axes = five.plot()
    frame = five.to_frame()
    bars = sorted(axes.patches, key=lambda bar: -bar.get_xy()[1])  # type: ignore[attr-defined]
    assert [bar.get_width() for bar in bars] == frame["information"].tolist()  # type: ignore[attr-defined]
    assert axes.get_yticklabels()[0].get_text() == "Pain on running uphill"
    texts = [text.get_text() for text in axes.texts]
    assert {"bits", "cost", "bits/cost", "new leader", "0.158", "30.1 %"} <= set(texts)
    assert axes.get_xlabel() == "expected information about the conditions, each by itself (bits)"
    _, own = plt.subplots()
    assert next_findings(five.case, cost=1).plot(own) is own
    assert "cost" not in [text.get_text() for text in own.texts]


def test_two_steps_as_a_picture() -> None:
    """The paler part of a bar ends at what both tell together."""
    result = next_findings(bp.observe(FIVE), steps=2, target="lumbar_radicular_pain")
    axes, frame = result.plot(), result.to_frame()
    ends = [bar.get_xy()[0] + bar.get_width() for bar in axes.patches]  # type: ignore[attr-defined]
    assert ends == pytest.approx([*frame["information"], *frame["information_2"]])
    assert axes.get_legend() is not None
    assert axes.get_xlabel() == "expected information about Lumbar radicular pain (bits)"
