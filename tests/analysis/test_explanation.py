"""Weights of evidence: against enumeration, against laws, and in words."""

import json
import math
from itertools import combinations
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.text import Text

import buttpain as bp
from buttpain.analysis.explanation import Explanation, explain
from buttpain.analysis.subsets import subsets
from buttpain.model.network import NoisyOr, Table, Variable
from buttpain.model.priors import beta_interval
from reference import Evidence, joint
from strategies import documented_networks, evidence, networks_with_evidence

PHT, LRP = "proximal_hamstring_tendinopathy", "lumbar_radicular_pain"
Event = tuple[str, str]
Drawn = tuple[bp.Network, dict[str, Any]]


# -- the slow way ------------------------------------------------------------------------------


def mass(net: bp.Network, seen: Evidence, event: Event | None = None) -> float:
    """Return P(event, evidence, given) by enumeration."""
    weights = joint(net, seen)
    if event is None:
        return float(weights.sum())
    place, axis = net.states(event[0]).index(event[1]), net.nodes.index(event[0])
    return float(weights.take(place, axis=axis).sum())


def odds(net: bp.Network, seen: Evidence, event: Event, rival: Event | None) -> float:
    """Return the log-odds of an event against its absence, or against another event, in bits."""
    for_it = mass(net, seen, event)
    others = [(event[0], state) for state in net.states(event[0]) if state != event[1]]
    against = sum(mass(net, seen, one) for one in ([rival] if rival else others))
    if not for_it or not against:
        return math.inf if for_it else -math.inf
    return math.log2(for_it) - math.log2(against)


def step(after: float, before: float) -> float:
    """Return by how much log-odds moved; from certainty they do not."""
    return 0.0 if math.isinf(before) else after - before


def kept(seen: Evidence, *names: str) -> Evidence:
    """Return some of the findings."""
    return {node: value for node, value in seen.items() if node in names}


def dropped(seen: Evidence, name: str) -> Evidence:
    """Return all findings but one."""
    return {node: value for node, value in seen.items() if node != name}


def bits(net: bp.Network, seen: Evidence) -> float:
    """Return log2 P(findings | selection)."""
    return math.log2(mass(net, seen)) - math.log2(mass(net, {}))


def close(found: float, wanted: float) -> bool:
    """Return whether two numbers of bits, perhaps infinite, are the same."""
    return found == wanted or abs(found - wanted) <= 1e-9 * max(1.0, abs(wanted))


def possible(drawn: Drawn) -> bp.Case:
    """Return the case that was drawn, unless it is impossible."""
    net, seen = drawn
    clash = any(isinstance(seen.get(n), str) and seen[n] != s for n, s in net.given.items())
    assume(not clash and joint(net, seen).sum() > 0)
    return bp.observe(net, seen)


def event_of(net: bp.Network, data: st.DataObject) -> Event:
    """Draw a node and a state of it."""
    node = data.draw(st.sampled_from(net.nodes))
    return node, data.draw(st.sampled_from(net.states(node)))


def explained(
    case: bp.Case, data: st.DataObject, *, contrast: bool
) -> tuple[Explanation, Event, Event | None]:
    """Explain an event that was drawn, by itself or against another."""
    event, rival = event_of(case.net, data), None
    if contrast:
        rival = event_of(case.net, data)
        seen = case.evidence
        assume(event != rival and mass(case.net, seen, event) + mass(case.net, seen, rival) > 0)
    return explain(case, event[0], state=event[1], against=rival), event, rival


def chance() -> bp.Network:
    """Return a condition, its certain sign, and a rival that excludes neither."""
    families: dict[str, Table | NoisyOr] = {
        "c": Table((), np.array([0.9, 0.1])),
        "d": Table((), np.array([0.8, 0.2])),
        "sure": Table(("c",), np.array([[1.0, 0.0], [0.4, 0.6]])),
        "sign": Table(("d",), np.array([[0.7, 0.3], [0.0, 1.0]])),
        "never": Table((), np.array([1.0, 0.0])),
    }
    roles = {"c": "condition", "d": "condition", "never": "condition"}
    variables = (Variable(name, role=roles.get(name, ""), label=name.upper()) for name in families)
    return bp.Network("chance", tuple(variables), families)


# -- against enumeration -----------------------------------------------------------------------


@pytest.mark.parametrize("contrast", [False, True], ids=["alone", "against another"])
@given(drawn=networks_with_evidence(max_nodes=5), data=st.data())
@settings(max_examples=40)
def test_weights_are_those_of_enumeration(contrast: bool, drawn: Drawn, data: st.DataObject) -> None:
    """With and without each finding and with it alone, walking through all states gives the same odds."""
    case = possible(drawn)
    net, seen = case.net, case.evidence
    why, event, rival = explained(case, data, contrast=contrast)
    whole, nothing = (odds(net, some, event, rival) for some in (seen, {}))
    assert why.posterior == pytest.approx(mass(net, seen, event) / mass(net, seen), rel=1e-9)
    assert why.prior == pytest.approx(mass(net, {}, event) / mass(net, {}), rel=1e-9)
    frame = why.to_frame().set_index("finding")
    assert set(frame.index) == set(seen)
    for node, row in frame.iterrows():
        rest = dropped(seen, str(node))
        before, alone = odds(net, rest, event, rival), odds(net, kept(seen, str(node)), event, rival)
        assert close(row["weight"], step(whole, before))
        assert close(row["alone"], step(alone, nothing))
        assert row["without"] == pytest.approx(mass(net, rest, event) / mass(net, rest), rel=1e-9)
        assert (row["verdict"] == "decided without it") == math.isinf(before)
        assert row["verdict"].startswith("decides") == math.isinf(row["weight"])
        if rival:
            assert row["against_without"] == pytest.approx(mass(net, rest, rival) / mass(net, rest), rel=1e-9)


@given(drawn=networks_with_evidence(max_nodes=5), data=st.data())
@settings(max_examples=40)
def test_conflicts_are_those_of_enumeration(drawn: Drawn, data: st.DataObject) -> None:
    """The conflict of all, of each with the rest and of each pair is the logarithm that defines it."""
    case = possible(drawn)
    net, seen = case.net, case.evidence
    why, _, _ = explained(case, data, contrast=False)
    alone = {node: bits(net, kept(seen, node)) for node in seen}
    assert close(why.conflict, sum(alone.values()) - bits(net, seen))
    for _, row in why.to_frame().iterrows():
        node = row["finding"]
        assert close(row["conflict"], alone[node] + bits(net, dropped(seen, node)) - bits(net, seen))
    pairs = why.conflicts()
    assert pairs["conflict"].is_monotonic_decreasing or pairs["conflict"].diff().max() < 1e-9
    found = {frozenset(row[:2]): row[2] for row in pairs.itertuples(index=False, name=None)}
    assert set(found) == set(map(frozenset, combinations(seen, 2)))
    for pair, value in found.items():
        assert close(value, sum(alone[node] for node in pair) - bits(net, kept(seen, *pair)))


@given(drawn=networks_with_evidence(max_nodes=5), data=st.data())
@settings(max_examples=40)
def test_rare_cases_are_those_of_enumeration(drawn: Drawn, data: st.DataObject) -> None:
    """A condition resolves a conflict if, taken as one more finding, it leaves none."""
    case = possible(drawn)
    net, seen = case.net, case.evidence
    why, _, _ = explained(case, data, contrast=False)
    for _, row in why.rare_cases().iterrows():
        event = row["node"], row["state"]
        before, after = (mass(net, some, event) / mass(net, some) for some in ({}, seen))
        assert row["prior"] == pytest.approx(before, rel=1e-9)
        assert row["posterior"] == pytest.approx(after, rel=1e-9)
        if not after:
            assert row["gain"] == -math.inf
            assert not row["resolves"]
            continue
        assert close(row["gain"], math.log2(after) - math.log2(before))
        # P(h) P(e1) ... P(en) / P(h, e), all within the selection.
        together = sum(bits(net, kept(seen, node)) for node in seen) + math.log2(before)
        left = together - bits(net, seen) - math.log2(after)
        assert close(row["conflict"], left)
        if abs(left) > 1e-9 and abs(why.conflict) > 1e-9:
            assert row["resolves"] == (why.conflict > 0 >= left)


@pytest.mark.parametrize("contrast", [False, True], ids=["alone", "against another"])
@given(drawn=networks_with_evidence(max_nodes=5), data=st.data())
@settings(max_examples=40)
def test_steps_lead_from_the_prior_to_the_posterior(
    contrast: bool, drawn: Drawn, data: st.DataObject
) -> None:
    """Findings enter by weight; each step is enumeration's, begins where the last ended, and all add up."""
    case = possible(drawn)
    net = case.net
    why, event, rival = explained(case, data, contrast=contrast)
    entered: dict[str, Any] = {}
    here = odds(net, {}, event, rival)
    rows = why.steps()
    assert rows["finding"].tolist() == why.to_frame()["finding"].tolist()
    assert why.to_frame()["weight"].abs().is_monotonic_decreasing
    for _, row in rows.iterrows():
        entered[row["finding"]] = case.evidence[row["finding"]]
        there = odds(net, entered, event, rival)
        assert close(row["log_odds_before"], here)
        assert close(row["log_odds_after"], there)
        assert close(row["weight"], step(there, here))
        assert row["posterior"] == pytest.approx(mass(net, entered, event) / mass(net, entered), rel=1e-9)
        here = there
    if len(rows) and np.isfinite(rows["log_odds_before"]).all() and np.isfinite(here):
        assert rows["weight"].sum() == pytest.approx(here - odds(net, {}, event, rival), abs=1e-9)


# -- laws --------------------------------------------------------------------------------------


@given(
    prior=st.floats(0.01, 0.99),
    rates=st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)), min_size=1, max_size=5),
    data=st.data(),
)
@settings(max_examples=40)
def test_independent_findings_add_up(
    prior: float, rates: list[tuple[float, float]], data: st.DataObject
) -> None:
    """Independent given the target, findings weigh what their likelihood ratios say, without overlap."""
    families: dict[str, Table | NoisyOr] = {"c": Table((), np.array([1 - prior, prior]))}
    for i, (with_it, without) in enumerate(rates):
        families[f"f{i}"] = Table(("c",), np.array([[1 - without, without], [1 - with_it, with_it]]))
    net = bp.Network("naive Bayes", tuple(map(Variable, families)), families)
    seen = {f"f{i}": data.draw(st.booleans()) for i in range(len(rates))}
    why = explain(bp.observe(net, seen), "c")
    frame = why.to_frame().set_index("finding")
    for i, (with_it, without) in enumerate(rates):
        ratio = with_it / without if seen[f"f{i}"] else (1 - with_it) / (1 - without)
        assert frame.loc[f"f{i}", "weight"] == pytest.approx(math.log2(ratio), abs=1e-9)
        assert frame.loc[f"f{i}", "overlap"] == pytest.approx(0, abs=1e-9)
    total = math.log2(why.posterior / (1 - why.posterior)) - math.log2(prior / (1 - prior))
    assert frame["weight"].sum() == pytest.approx(total, abs=1e-8)


@given(drawn=networks_with_evidence(max_nodes=5), data=st.data())
@settings(max_examples=40)
def test_the_order_of_observing_does_not_matter(drawn: Drawn, data: st.DataObject) -> None:
    """Findings said in another order give the same explanation to the last digit."""
    case = possible(drawn)
    event = event_of(case.net, data)
    turned = bp.observe(case.net, dict(list(case.evidence.items())[::-1]))
    one, other = (explain(item, event[0], state=event[1]).to_dict() for item in (case, turned))
    assert one == {**other, "evidence": dict(case.evidence)}


@given(drawn=networks_with_evidence(max_nodes=5), data=st.data())
@settings(max_examples=40)
def test_nothing_is_ever_nan(drawn: Drawn, data: st.DataObject) -> None:
    """Whatever is certain or impossible, no number is NaN, and JSON holds all of it."""
    case = possible(drawn)
    why, _, _ = explained(case, data, contrast=data.draw(st.booleans()))
    for frame in (why.to_frame(), why.steps(), why.conflicts(), why.rare_cases()):
        assert not frame.isna().any(axis=None)
    told = why.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert max(map(len, repr(why).splitlines())) <= 80
    assert "nan" not in repr(why)


@given(drawn=networks_with_evidence(max_nodes=4), data=st.data())
@settings(max_examples=30)
def test_only_ratios_of_likelihoods_count(drawn: Drawn, data: st.DataObject) -> None:
    """Likelihoods times seven explain the same."""
    case = possible(drawn)
    event = event_of(case.net, data)
    scaled = {
        node: seen if isinstance(seen, str) else {state: 7 * weight for state, weight in seen.items()}
        for node, seen in case.evidence.items()
    }
    one, other = (
        explain(item, event[0], state=event[1]).to_frame().drop(columns="observed").set_index("finding")
        for item in (case, bp.observe(case.net, scaled))
    )
    for column in ("weight", "alone", "overlap", "without", "conflict"):
        pairs = zip(one[column], other.loc[one.index, column], strict=True)
        assert all(close(a, b) for a, b in pairs)


def test_likelihoods_of_one_state_are_that_state() -> None:
    """A finding said by likelihoods 0 and 1 weighs what the state weighs."""
    net = bp.load_network("five_findings")
    hard = explain(bp.observe(net, hop_test_pain=True, sit_bone_tenderness=True), LRP).to_frame()
    soft = explain(
        bp.observe(net, {"hop_test_pain": {"present": 0.3, "absent": 0}, "sit_bone_tenderness": True}), LRP
    ).to_frame()
    assert soft["weight"].tolist() == pytest.approx(hard["weight"].tolist(), abs=1e-12)


def test_what_bears_on_nothing_weighs_nothing() -> None:
    """A finding that no open path ties to the target has weight exactly 0, and the path says so."""
    frame = explain(bp.observe(chance(), sign=True, sure=False), "c").to_frame().set_index("finding")
    row = frame.loc["sign"]
    assert (row["weight"], row["verdict"], row["path"]) == (0.0, "neither", "not at all")


# -- what is asked -----------------------------------------------------------------------------


def test_the_leader_is_explained_unless_something_else_is() -> None:
    """Without a target it is the one at the top of the ranking."""
    net = bp.load_network("five_findings")
    for seen in ({}, {"burning_pain_past_knee": True}, {"sit_bone_tenderness": True}):
        case = bp.observe(net, seen)
        assert explain(case).target == case.posterior().ranked().index[0]


def test_an_observed_condition_does_not_lead() -> None:
    """The leader is among the conditions that are in question."""
    net = bp.load_network("five_findings")
    assert explain(bp.observe(net, {LRP: True, "burning_pain_past_knee": True})).target == PHT


def without_roles() -> bp.Network:
    """Return the network of chance, with nodes that are nothing in particular."""
    net = chance()
    return bp.Network("plain", tuple(map(Variable, net.nodes)), net.families)


def test_in_a_network_without_roles_any_node_may_lead() -> None:
    """There the leader is the likeliest node that was not observed and can be present."""
    for seen in ({}, {"sign": True}, {"d": True, "c": False}):
        case = bp.observe(without_roles(), seen)
        assert explain(case).target == case.posterior().ranked().index[0]


def test_a_target_that_was_observed() -> None:
    """What was observed of the target itself decides."""
    net = bp.load_network("five_findings")
    why = explain(bp.observe(net, {PHT: True, "sit_bone_tenderness": True}), PHT)
    rows = why.to_frame().set_index("finding")
    assert rows.loc[PHT, "weight"] == math.inf
    assert rows.loc[PHT, "verdict"] == "decides for"
    assert rows.loc[PHT, "path"] == "the target itself"
    assert rows.loc["sit_bone_tenderness", "verdict"] == "decided without it"
    assert rows.loc["sit_bone_tenderness", "weight"] == 0
    told = why.to_dict()["findings"][0]
    assert (told["weight"], told["alone"], told["overlap"]) == ("inf", "inf", 0.0)


def graded() -> bp.Network:
    """Return a disease of three kinds, and a sign of it."""
    values = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    families: dict[str, Table | NoisyOr] = {
        "kind": Table((), np.array([0.5, 0.3, 0.2])),
        "sign": Table(("kind",), values),
    }
    return bp.Network("graded", (Variable("kind", ("A", "B", "C")), Variable("sign")), families)


def test_against_a_pair_of_node_and_state() -> None:
    """Two states of one node can be compared, and a node alone means that it is present."""
    why = explain(bp.observe(graded(), sign=True), "kind", state="B", against=("kind", "C"))
    assert why.against == ("kind", "C")
    assert why.to_frame()["weight"].tolist() == pytest.approx([math.log2(0.5 / 0.8)])
    net = bp.load_network("five_findings")
    assert explain(bp.observe(net, hop_test_pain=True), PHT, against=LRP).against == (LRP, "present")


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"target": "hamstring"}, bp.UnknownNode, "'hamstring' is no node"),
        ({"target": PHT, "state": "maybe"}, bp.UnknownState, "'maybe' is no state of"),
        ({"target": PHT, "against": "lumbar"}, bp.UnknownNode, "'lumbar' is no node"),
        ({"target": PHT, "against": (LRP, "maybe")}, bp.UnknownState, "'maybe' is no state of"),
        ({"target": PHT, "against": (LRP,)}, ValueError, "takes a node, or a pair of node and state; not"),
        ({"target": PHT, "against": 5}, TypeError, "takes a node, or a pair of node and state; not 5"),
        ({"target": PHT, "against": PHT}, ValueError, "tendinopathy=present is compared with itself; name"),
        ({"against": PHT}, ValueError, "is compared with itself"),
        ({"state": "absent"}, ValueError, "'absent' belongs to a target; name the target too"),
    ],
)
def test_what_cannot_be_asked(asked: dict[str, Any], error: type[Exception], words: str) -> None:
    """Unknown names and comparisons with itself are refused, with what to do."""
    case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
    with pytest.raises(error, match=words):
        explain(case, **asked)


@pytest.mark.parametrize("given", [bp.load_network("five_findings"), {"hop_test_pain": True}])
def test_what_is_no_case_is_not_explained(given: Any) -> None:
    """A network or findings by themselves are no case, and the error says how to make one."""
    kind = type(given).__name__
    with pytest.raises(TypeError, match=rf"case must be a Case, not {kind}; make one with bp\.observe\("):
        explain(given, PHT)


def test_overlap_has_the_sign_of_the_weight_where_others_say_it() -> None:
    """Against a target as for it: what others say already leaves less, what supports it leaves more."""
    net = bp.load_network("five_findings")
    case = bp.observe(net, pain_running_uphill=True, burning_pain_past_knee=True, sit_bone_tenderness=True)
    frame = explain(case, PHT).to_frame().set_index("finding")
    said = frame.loc["burning_pain_past_knee"]
    assert said["alone"] < said["weight"] < 0
    assert said["overlap"] < 0
    more = frame.loc["pain_running_uphill"]
    assert 0 < more["alone"] < more["weight"]
    assert more["overlap"] < 0


def test_a_node_that_cannot_be_present_needs_a_state() -> None:
    """Where no state is the present one, the states to choose from are named."""
    with pytest.raises(bp.UnknownState, match="Name one of its states: 'A', 'B', 'C'"):
        explain(bp.observe(graded()), "kind")


def test_no_leader_no_explanation() -> None:
    """Where nothing that is in question can be present, a target must be named."""
    net = bp.load_network("five_findings")
    case = bp.observe(net, dict.fromkeys(net.conditions, False))
    with pytest.raises(ValueError, match="leads a ranking here; name a target"):
        explain(case)


def test_impossible_evidence_is_named() -> None:
    """Findings that cannot hold together are no explanation."""
    case = bp.observe(chance(), never=True, sign=True)
    with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together: never=present"):
        explain(case, "c")


def test_two_that_are_both_impossible() -> None:
    """Of two that are compared one must be possible."""
    case = bp.observe(chance(), sign=False)
    with pytest.raises(ValueError, match="neither d=present nor never=present is possible"):
        explain(case, "d", against="never")


def test_what_proves_and_what_excludes() -> None:
    """A sign that nothing else brings about decides for a condition, the lack of a sure one against it."""
    case = bp.observe(chance(), sure=True, sign=False)
    row = explain(case, "c").to_frame().set_index("finding").loc["sure"]
    assert (row["weight"], row["alone"], row["verdict"]) == (math.inf, math.inf, "decides for")
    row = explain(case, "d").to_frame().set_index("finding").loc["sign"]
    assert (row["weight"], row["verdict"], row["without"]) == (
        -math.inf,
        "decides against",
        pytest.approx(0.2),
    )
    versus = explain(case, "c", against="d")
    assert versus.to_frame()[["finding", "verdict"]].to_numpy().tolist() == [
        ["sign", "decides for"],
        ["sure", "decided without it"],
    ]
    assert "C is possible, unlike D (100 % against 0 %)" in versus.summary


# -- sources -----------------------------------------------------------------------------------


def influence_by_hand(case: bp.Case, event: Event, rival: Event | None = None) -> dict[str, float]:
    """Return the share of each source by setting every number a little off, and inferring again."""
    net = case.net
    sizes = np.where((net.theta <= 0) | (net.theta >= 1), math.inf, net.ess)
    low, high = beta_interval(net.theta, sizes, 0.90)

    def share(theta: Any) -> float:
        changed = bp.observe(net.with_theta(theta), case.evidence)
        a, b = (changed.probability(*one) for one in (event, rival or event))
        return a / (a + b) if rival else a

    found: dict[str, float] = {}
    for i, (_, row) in enumerate(net.parameters.iterrows()):
        node, size = row["node"], 1e-5
        if not 0 < net.theta[i] < 1:
            continue
        ends = np.tile(net.theta, (2, 1))
        half = 1.0
        if row["kind"] == "table":
            width, start = len(net.states(node)), net.spans[node].start
            own = slice(i - (i - start) % width, i - (i - start) % width + width)
            ends[:, own] *= (1 - net.theta[i] + size * np.array([[1], [-1]])) / (1 - net.theta[i])
            half = 0.5
        ends[:, i] = net.theta[i] + size * np.array([-1, 1])
        change = abs(share(ends[1]) - share(ends[0])) / (2 * size) * half * (high[i] - low[i])
        found[row["source"]] = found.get(row["source"], 0.0) + change
    total = sum(found.values())
    # Below that it is the rounding of the differences.
    return (
        {source: value / total for source, value in found.items() if value > 1e-6 * total}
        if total > 1e-7
        else {}
    )


@pytest.mark.parametrize("rival", [None, (LRP, "present")], ids=["alone", "against another"])
def test_shares_of_sources_are_what_inferring_again_gives(rival: Event | None) -> None:
    """Every number moved by a little, its distribution with it, and inferred again: the same shares."""
    net = bp.load_network("five_findings")
    case = bp.observe(
        net, isometric_hamstring_pain=True, burning_pain_past_knee=False, sit_bone_tenderness=True
    )
    found = explain(case, PHT, against=rival).sources().set_index("source")
    wanted = influence_by_hand(case, (PHT, "present"), rival)
    assert found["share"].to_dict() == pytest.approx(wanted, rel=1e-4)
    assert found["share"].sum() == pytest.approx(1)
    assert found["share"].is_monotonic_decreasing


@given(net=documented_networks(max_nodes=4), data=st.data())
@settings(max_examples=30)
def test_shares_of_sources_on_other_networks(net: bp.Network, data: st.DataObject) -> None:
    """The same with multi-state tables and noisy-ORs, numbers that are certain among them."""
    case = possible((net, data.draw(evidence(net))))
    event = event_of(net, data)
    found = explain(case, event[0], state=event[1]).sources()
    assert not found.isna().any(axis=None)
    assert len(found) == 0 or found["share"].sum() == pytest.approx(1)
    share = mass(net, case.evidence, event) / mass(net, case.evidence)
    if 0.01 < share < 0.99 and all(p in (0, 1) or 1e-3 < p < 0.999 for p in net.theta):
        wanted = influence_by_hand(case, event)
        shares = dict(zip(found["source"], found["share"], strict=True))
        assert wanted == pytest.approx(
            {source: shares.get(source, 0.0) for source in wanted}, rel=1e-2, abs=1e-3
        )


def test_numbers_add_up_to_their_sources_and_carry_what_was_published() -> None:
    """Each number has its source's words and the results about the target, below a mechanism too."""
    net = bp.load_network("runner")
    case = bp.observe(net, sit_bone_tenderness=True, hop_test_pain=False)
    why = explain(case, PHT)
    found, sources = why.numbers(), why.sources().set_index("source")
    assert found["share"].groupby(found["source"]).sum().to_dict() == pytest.approx(
        sources["share"].to_dict()
    )
    assert found["share"].is_monotonic_decreasing
    row = found.loc[f"ischial_compression_pain <- {PHT}"]
    assert row["results"] == "frequency 0.41 (benazzo2013)"
    assert "Benazzo 2013" in row["note"]
    assert row["cite"] == net.sources[str(row["source"])].cite
    assert row["low"] < row["value"] < row["high"]
    quiet = explain(case.observe(sit_bone_tenderness=None, pain_with_sitting=True), PHT).numbers()
    assert quiet.loc[f"ischial_compression_pain <- {PHT}", "results"] == ""


def test_a_source_is_told_in_full() -> None:
    """Each source comes with its citation, where to read it, its grade and its foremost number."""
    net = bp.load_network("five_findings")
    found = explain(bp.observe(net, isometric_hamstring_pain=True), PHT).sources().set_index("source")
    row, source = found.loc["benazzo2013"], net.sources["benazzo2013"]
    assert row["cite"] == source.cite
    assert row["doi_or_url"] == f"https://doi.org/{source.doi}"
    assert (row["grade"], row["parameters"]) == ("C", 1)
    assert row["foremost"] == f"isometric_hamstring_pain <- {PHT}"
    # The base rates, the links of the selection and its leak, and the leak of the finding; a row counts once.
    assert found.loc["elicited2026", "parameters"] == 5 + 6 + 1


def test_numbers_without_a_sample_size_need_one() -> None:
    """Where nobody said how sure the numbers are, that must be said; the sources are then unnamed."""
    why = explain(bp.observe(chance(), sure=False), "c")
    with pytest.raises(bp.UnknownUncertainty, match="Say how many cases each is worth with ess="):
        why.sources()
    with pytest.raises(ValueError, match="ess must be positive; it is 0"):
        why.sources(ess=0)
    found = why.sources(ess=50)
    assert found[["source", "cite", "doi_or_url", "grade"]].to_numpy().tolist() == [["", "", "", ""]]
    assert found["share"].tolist() == [1.0]


def test_an_answer_that_owes_nothing_to_unsure_numbers() -> None:
    """If no unsure number matters, no source is listed."""
    net = bp.load_network("five_findings")
    assert len(explain(bp.observe(net, {PHT: True}), PHT).sources()) == 0


# -- in words ----------------------------------------------------------------------------------


def runner(**seen: Any) -> bp.Case:
    """Return a case of the five findings."""
    return bp.observe(bp.load_network("five_findings"), seen)


def plain(text: str) -> str:
    """Return a text on one line."""
    return " ".join(text.split())


def test_what_a_clinician_would_say() -> None:
    """Where the answer stands, what speaks for it and against it, and what weighs most, by label."""
    case = runner(
        sit_bone_tenderness=True, pain_running_uphill=True, burning_pain_past_knee=True, hop_test_pain=False
    )
    assert explain(case).summary == plain("""
        Proximal hamstring tendinopathy is at 71.1 %, up from 34.7 %. Sit-bone tenderness and Pain on running
        uphill speak for it; Burning pain past the knee speaks against it. Sit-bone tenderness weighs most:
        given the others, it multiplies the odds by 3.7; without it the probability would be 39.8 %.
    """)
    assert explain(case, LRP).summary == plain("""
        Lumbar radicular pain is at 33.4 %, up from 12.8 %. Burning pain past the knee speaks for it;
        Sit-bone tenderness, Pain on running uphill and the absence of Pain on the hop test speak against it.
        Burning pain past the knee weighs most: given the others, it multiplies the odds by 6.1; without it
        the probability would be 7.6 %.
    """)


def test_why_one_rather_than_the_other() -> None:
    """A comparison names both, how they stand, and for which of them each finding speaks."""
    case = runner(sit_bone_tenderness=True, burning_pain_past_knee=True)
    assert explain(case, PHT, against=LRP).summary == plain("""
        Proximal hamstring tendinopathy is 1.4 times as probable as Lumbar radicular pain (55.0 % against
        39.0 %); before the findings the ratio was 2.7 : 1. Sit-bone tenderness speaks for Proximal hamstring
        tendinopathy; Burning pain past the knee speaks for Lumbar radicular pain. Burning pain past the knee
        weighs most: given the others, it is 4.8 times as probable with Lumbar radicular pain as with
        Proximal hamstring tendinopathy.
    """)
    assert explain(case, LRP, against=PHT).summary.startswith(
        "Proximal hamstring tendinopathy is 1.4 times as probable as Lumbar radicular pain"
    )


def test_findings_that_disagree() -> None:
    """Two signs of rare diseases of which either is enough: who disagrees, and who would explain it."""
    families: dict[str, Table | NoisyOr] = {
        "c": Table((), np.array([0.98, 0.02])),
        "d": Table((), np.array([0.98, 0.02])),
        "ill": NoisyOr(("c", "d"), 0.0, ((None, 1.0), (None, 1.0))),
        "p": NoisyOr(("c",), 0.01, ((None, 0.9),)),
        "q": NoisyOr(("d",), 0.01, ((None, 0.9),)),
    }
    variables = [Variable(name, role="condition" if name in "cd" else "") for name in families]
    net = bp.Network("rare", tuple(variables), families, {"ill": "present"})
    why = explain(bp.observe(net, p=True, q=True), "c")
    assert why.conflict > 1
    assert why.summary.endswith(
        plain(f"""
            The findings fit badly together: they would be {2**why.conflict:.0f} times as probable had they
            nothing to do with one another. P and q disagree most.
        """)
    )
    assert not why.rare_cases()["resolves"].any()


def test_the_rival_that_a_finding_moves_most_is_named_first() -> None:
    """Of two rivals that compete for the same complaint, the one that the finding moves more leads."""
    for links, first in (((0.3, 0.8), "e"), ((0.8, 0.3), "d")):
        families: dict[str, Table | NoisyOr] = {name: Table((), np.array([0.9, 0.1])) for name in "cde"}
        families["ill"] = NoisyOr(("c", "d", "e"), 0.1, ((None, 0.9),) * 3)
        families["sign"] = NoisyOr(("d", "e"), 0.05, tuple((None, link) for link in links))
        variables = [Variable(name, role="condition" if len(name) == 1 else "") for name in families]
        net = bp.Network("rivals", tuple(variables), families, {"ill": "present"})
        path = explain(bp.observe(net, sign=True), "c").to_frame().loc[0, "path"]
        assert path == f"through {first} and {'ed'[first == 'e']}, which compete with it"


def test_a_sign_that_speaks_against_what_brings_it_about() -> None:
    """A sign more typical of a competitor speaks against the target, and the competitor is named."""
    families: dict[str, Table | NoisyOr] = {name: Table((), np.array([0.7, 0.3])) for name in "cd"}
    families["ill"] = NoisyOr(("c", "d"), 0.0, ((None, 1.0), (None, 1.0)))
    families["sign"] = NoisyOr(("c", "d"), 0.0, ((None, 0.1), (None, 0.9)))
    variables = [Variable(name, role="condition" if len(name) == 1 else "") for name in families]
    net = bp.Network("mimics", tuple(variables), families, {"ill": "present"})
    row = explain(bp.observe(net, sign=True), "c").to_frame().loc[0]
    assert (row["verdict"], row["path"]) == ("against", "directly; more a sign of d")
    assert explain(bp.observe(net, sign=False), "c").to_frame().loc[0, "path"] == "directly"
    assert explain(bp.observe(net, sign=True), "c", against="d").to_frame().loc[0, "path"] == "directly"


def test_in_a_network_without_roles_only_the_target_is_inferred() -> None:
    """With a target named, nobody asks for the other nodes, of which there may be very many."""
    with patch("buttpain.analysis.explanation.subsets", wraps=subsets) as asked:
        explain(bp.observe(without_roles(), sign=True), "c")
    assert asked.call_args.args[2] == ["c"]


def test_nothing_observed_explains_nothing() -> None:
    """Without findings there are no rows, and the sentence says so."""
    for why in (explain(runner()), explain(runner(), PHT, against=LRP)):
        assert len(why.to_frame()) == len(why.steps()) == len(why.conflicts()) == 0
        assert "weight" in why.to_frame()
        assert why.summary.startswith("Nothing was observed, so nothing speaks for or against it.")
        assert why.conflict == 0
        assert repr(why).splitlines()[-1].startswith("  ")
    assert why.prior == why.posterior


def test_findings_are_called_by_what_was_seen_of_them() -> None:
    """Absence, other states and likelihoods are said; presence goes without saying."""
    states = ("none", "some", "much")
    families: dict[str, Table | NoisyOr] = {
        "c": Table((), np.array([0.5, 0.5])),
        "a": Table(("c",), np.array([[0.9, 0.1], [0.2, 0.8]])),
        "b": Table(("c",), np.array([[0.9, 0.1], [0.2, 0.8]])),
        "d": Table(("c",), np.array([[0.9, 0.1], [0.2, 0.8]])),
        "e": Table(("c",), np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])),
    }
    variables = [Variable(name, label=name.upper()) for name in "cabd"]
    net = bp.Network("words", (*variables, Variable("e", states, label="E")), families)
    seen = {"a": True, "b": False, "d": {"absent": 1.0, "present": 3.0}, "e": "much"}
    assert "A, E (much) and D (uncertain) speak for it; the absence of B speaks against it." in (
        explain(bp.observe(net, seen), "c").summary
    )
    observed = explain(bp.observe(net, seen), "c").to_frame().set_index("finding")["observed"]
    assert observed[["e", "b", "d"]].tolist() == ["much", "absent", "absent 1, present 3"]
    assert "E much is at" in explain(bp.observe(net, a=True), "e", state="much").summary


def test_the_table() -> None:
    """A terminal shows the sentences, each finding with weights and path, and what the numbers mean."""
    text = repr(explain(runner(sit_bone_tenderness=True, burning_pain_past_knee=True), PHT))
    assert text.splitlines()[0] == "five_findings | why Proximal hamstring tendinopathy present"
    assert "Sit-bone tenderness         +1.90  +1.90      24.6 %  directly" in text
    assert "through Lumbar radicular" in text
    assert "how strongly a finding speaks for the target" in text
    assert "Conflict of the findings: +0.22 bits." in text


def test_the_page() -> None:
    """A notebook shows the same."""
    why = explain(runner(sit_bone_tenderness=True, burning_pain_past_knee=True), PHT, against=LRP)
    page = why._repr_html_()
    assert why.summary.replace(" %", "&nbsp;%") in page or why.summary in page
    assert "ratio without it" in page
    assert page.count("<tr>") == 3


def test_a_long_table_says_what_it_leaves_out() -> None:
    """Only the heaviest dozen findings are shown, and the rest is counted."""
    families: dict[str, Table | NoisyOr] = {"c": Table((), np.array([0.9, 0.1]))}
    families |= {f"f{i}": NoisyOr(("c",), 0.1, ((None, 0.02 * i),)) for i in range(1, 21)}
    net = bp.Network("many", tuple(map(Variable, families)), families)
    why = explain(bp.observe(net, {name: True for name in families if name != "c"}), "c")
    assert "12 of 20 findings; all of them: .to_frame()" in repr(why)
    assert len(why.to_frame()) == 20
    labels = [text.get_text() for text in why.plot().get_yticklabels()]
    assert labels[0] == "before the findings"
    assert labels[-2:] == ["8 more", "with all findings"]
    assert len(why.plot(n=3).get_yticks()) == 3 + 3


# -- the picture -------------------------------------------------------------------------------


def bars(axes: Axes) -> list[tuple[float, float]]:
    """Return where each bar begins and ends, from the top down."""
    found = sorted(axes.patches, key=lambda bar: -bar.get_xy()[1])  # type: ignore[attr-defined]
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in found]  # type: ignore[attr-defined]


def written(axes: Axes) -> list[str]:
    """Return the texts beside the picture."""
    texts: list[Any] = axes.findobj(Text)
    return [text.get_text() for text in texts]


@pytest.mark.parametrize("against", [None, LRP])
def test_the_waterfall_ends_in_the_posterior(against: str | None) -> None:
    """Bars are the steps, from the log-odds before all findings to those after the last."""
    case = runner(sit_bone_tenderness=True, pain_running_uphill=False, burning_pain_past_knee=True)
    why = explain(case, PHT, against=against)
    axes, steps = why.plot(), why.steps()
    rival = (LRP, "present") if against else None
    for (start, end), (_, row) in zip(bars(axes), steps.iterrows(), strict=True):
        assert (start, end) == pytest.approx((row["log_odds_before"], row["log_odds_after"]))
    assert bars(axes)[0][0] == pytest.approx(odds(case.net, {}, (PHT, "present"), rival))
    assert bars(axes)[-1][1] == pytest.approx(odds(case.net, case.evidence, (PHT, "present"), rival))
    (marks,) = axes.lines
    ends = [bars(axes)[0][0], bars(axes)[-1][1]]
    assert np.asarray(marks.get_xdata()).tolist() == pytest.approx(ends)
    beside = f"{100 * why.posterior:.1f} %" if against is None else "1 : 1.2"
    assert written(axes).count(beside) == 2
    hatched = [bool(bar.get_hatch()) for bar in sorted(axes.patches, key=lambda bar: -bar.get_xy()[1])]  # type: ignore[attr-defined]
    assert hatched == (steps["weight"] < 0).tolist()


def test_the_marks_of_the_axis_are_probabilities() -> None:
    """A tick that says 50 % stands at log-odds 0, and every other where its probability has them."""
    axes = explain(runner(sit_bone_tenderness=True, burning_pain_past_knee=True), PHT).plot()
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    labels = {text.get_text(): place for place, text in ticks}
    assert len(labels) >= 3
    for label, place in labels.items():
        share = float(label.removesuffix(" %")) / 100
        assert place == pytest.approx(math.log2(share / (1 - share)))


def test_the_marks_of_a_comparison_are_ratios() -> None:
    """Against another event the ticks say how many times as probable the target is."""
    axes = explain(runner(sit_bone_tenderness=True, burning_pain_past_knee=True), PHT, against=LRP).plot()
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert "1 : 1" in labels
    for place, label in zip(axes.get_xticks(), labels, strict=True):
        one, other = (float(part) for part in label.split(" : "))
        assert place == math.log2(one / other)


def test_what_is_certain_goes_to_the_edge() -> None:
    """An infinite step is drawn to the edge of the picture and marked there."""
    axes = explain(bp.observe(chance(), sure=True, sign=True), "c").plot()
    low, high = axes.get_xlim()
    assert max(end for _, end in bars(axes)) == high
    assert max(end - start for start, end in bars(axes)) > 0.2 * (high - low)
    arrows = [line for line in axes.lines if line.get_marker() == ">"]
    assert [np.asarray(line.get_xdata()).tolist() for line in arrows] == [[high] * 3]
    assert np.isfinite([low, high]).all()
    assert "+inf" in written(axes)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_picture_of_what_was_certain_from_the_start(state: str) -> None:
    """Nothing moves, and the picture still stands."""
    axes = explain(bp.observe(chance(), sign=True), "never", state=state).plot()
    assert bars(axes) == []
    assert np.isfinite(axes.get_xlim()).all()


def test_a_picture_without_findings() -> None:
    """With nothing observed there is the probability it starts from, and no bar."""
    axes = explain(runner()).plot()
    assert bars(axes) == []
    assert [text.get_text() for text in axes.get_yticklabels()] == ["before the findings"]
