"""Cases: what users ask and get."""

import json
import math
import pickle
import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import buttpain as bp
from buttpain.inference import case as case_module
from buttpain.inference import maximum, plan
from buttpain.model.network import NoisyOr, Table, Variable
from checks import assert_same_derivative, assert_same_distribution, assert_same_number, slope
from examples import SMALL, example_path
from reference import joint_posterior, most_probable, posterior, probability_of
from strategies import networks_with_evidence

DRAWN = networks_with_evidence()


def either() -> bp.Network:
    """Return two causes and the sign that is there just when one of them is."""
    links = ((None, 1.0), (None, 1.0))
    return bp.Network(
        "either",
        (
            Variable("a", role="condition", label="Cause A"),
            Variable("b", role="condition"),
            Variable("sign", role="finding"),
            Variable("level", ("low", "high"), role="risk_factor"),
        ),
        {
            "a": Table((), np.array([0.9, 0.1])),
            "b": Table((), np.array([0.8, 0.2])),
            "sign": NoisyOr(("a", "b"), 0.0, links),
            "level": Table((), np.array([0.25, 0.75])),
        },
    )


@given(drawn=DRAWN)
def test_posteriors_and_evidence_are_those_of_enumeration(drawn: tuple[bp.Network, dict[str, Any]]) -> None:
    """Every node, observed or not, has enumeration's posterior; impossible evidence is an error for each."""
    net, evidence = drawn
    whole = probability_of(net, {})
    assume(whole > 0)
    if any(isinstance(evidence.get(n), str) and evidence[n] != s for n, s in net.given.items()):
        with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together"):
            bp.observe(net, evidence)
        return
    case = bp.observe(net, evidence)
    probability = probability_of(net, evidence)
    if probability == 0:
        for targets in (None, [], *([node] for node in net.nodes)):
            with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together"):
                case.posterior(targets)
        with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together"):
            _ = case.log_evidence
        return
    assert_same_number(math.exp(case.log_evidence), probability / whole, 1e-11)
    for node in net.nodes:
        found = case.posterior([node])[node]
        assert found.index.tolist() == list(net.states(node))
        assert_same_distribution(found, posterior(net, evidence, node))
        assert case.probability(node, net.states(node)[0]) == found.iloc[0]


@given(drawn=DRAWN, data=st.data())
def test_joint_is_that_of_enumeration_in_the_order_asked(
    drawn: tuple[bp.Network, dict[str, Any]], data: st.DataObject
) -> None:
    """The joint of any nodes, observed ones among them, has a level a node in the order given."""
    net, evidence = drawn
    consistent = all(
        isinstance(evidence.get(n, s), dict) or evidence.get(n, s) == s for n, s in net.given.items()
    )
    assume(consistent and probability_of(net, evidence) > 0)
    nodes = data.draw(st.lists(st.sampled_from(net.nodes), min_size=1, max_size=3, unique=True))
    found = bp.observe(net, evidence).joint(nodes)
    assert list(found.index.names) == nodes
    assert_same_distribution(found, joint_posterior(net, evidence, nodes).ravel())


@pytest.mark.parametrize("most", [2, 2**12])
@given(drawn=DRAWN)
def test_most_probable_explanation_is_as_probable_as_enumeration_finds(
    most: int, drawn: tuple[bp.Network, dict[str, Any]]
) -> None:
    """The explanation's own probability is the highest there is, by tables and by bounded search."""
    net, evidence = drawn
    consistent = all(
        isinstance(evidence.get(n, s), dict) or evidence.get(n, s) == s for n, s in net.given.items()
    )
    assume(consistent and probability_of(net, evidence) > 0)
    _, best = most_probable(net, evidence)
    with patch.object(maximum, "MOST_ENTRIES", most):
        found, log_probability = bp.observe(net, evidence).most_probable_explanation()
    assert list(found) == list(net.nodes)
    assert math.exp(log_probability) == pytest.approx(best, rel=1e-9)
    weights = joint_posterior(net, evidence, net.nodes)
    place = tuple(net.states(node).index(state) for node, state in found.items())
    assert float(weights[place]) == pytest.approx(best, rel=1e-9)


# -- observing ---------------------------------------------------------------------------------


def test_a_repeated_name_replaces_and_none_retracts() -> None:
    """A later observation replaces the earlier one; None takes it back; the first case stays as it was."""
    first = bp.observe(either(), sign=True, level="low")
    second = first.observe({"sign": "absent"}, level=None)
    assert dict(second.evidence) == {"sign": "absent"}
    assert dict(first.evidence) == {"sign": "present", "level": "low"}
    assert first.probability("a") != second.probability("a")


def test_a_name_that_does_not_exist_is_refused_at_once() -> None:
    """A misspelt finding is an error when observed, also when retracted, and names the close matches."""
    with pytest.raises(bp.UnknownNode, match=r"Did you mean 'sign'\?"):
        bp.observe(either(), sing=True)
    with pytest.raises(bp.UnknownNode, match=r"Did you mean 'sign'\?"):
        bp.observe(either()).observe(sing=None)


def test_one_hot_likelihoods_are_hard_evidence() -> None:
    """Likelihoods of 1 and 0 give what the state itself gives, whatever their scale."""
    hard = bp.observe(either(), sign=True)
    soft = bp.observe(either(), sign={"present": 5.0, "absent": 0.0})
    assert soft.probability("a") == pytest.approx(hard.probability("a"), rel=1e-14)
    assert soft.log_evidence == pytest.approx(hard.log_evidence + math.log(5), rel=1e-14)


def test_equal_likelihoods_say_nothing() -> None:
    """Likelihoods that are all 1 leave every posterior and P(evidence) as they were."""
    case = bp.observe(either(), sign={"present": 1, "absent": 1})
    assert case.log_evidence == pytest.approx(0.0, abs=1e-15)
    assert case.probability("a") == pytest.approx(0.1, rel=1e-15)


def test_log_evidence_is_zero_without_evidence_whatever_the_selection() -> None:
    """The selection of the population is not evidence."""
    net = bp.load_network("five_findings")
    assert bp.observe(net).log_evidence == 0.0
    assert bp.observe(net, buttock_pain=True).log_evidence == pytest.approx(0.0, abs=1e-14)


def test_impossible_evidence_names_only_what_clashes() -> None:
    """Of three observations the two that contradict each other are named, and attributes hold them."""
    case = bp.observe(either(), a=True, level="low", sign=False)
    with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together: a=present, sign=absent") as caught:
        case.posterior()
    assert caught.value.evidence == {"a": "present", "sign": "absent"}


def test_the_selection_is_named_only_if_it_belongs_to_the_clash() -> None:
    """A selection that has nothing to do with a contradiction stays out of it; one that makes it is in."""
    net = either()
    beside = bp.Network("beside", net.variables, net.families, given={"level": "low"})
    with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together: a=present, sign=absent") as caught:
        bp.observe(beside, a=True, sign=False).posterior()
    assert caught.value.evidence == {"a": "present", "sign": "absent"}
    within = bp.Network("within", net.variables, net.families, given={"sign": "absent"})
    with pytest.raises(bp.ImpossibleEvidence, match=r"a=present, sign \(given\)=absent") as caught:
        bp.observe(within, a=True, level="low").posterior()
    assert caught.value.evidence == {"a": "present", "sign (given)": "absent"}


@pytest.mark.parametrize("target", ["a", "b", "level", "sign"])
def test_impossible_evidence_is_an_error_for_every_target(target: str) -> None:
    """No target hides a contradiction, though pruning for it would."""
    case = bp.observe(either(), a=True, sign=False)
    with pytest.raises(bp.ImpossibleEvidence, match="a=present, sign=absent"):
        case.probability(target, either().states(target)[0])
    with pytest.raises(bp.ImpossibleEvidence, match="a=present, sign=absent"):
        case.joint([target])
    with pytest.raises(bp.ImpossibleEvidence, match="a=present, sign=absent"):
        case.most_probable_explanation()


def test_impossible_evidence_is_an_error_where_nothing_is_left_to_ask() -> None:
    """A network without roles whose every node was observed has no target, and refuses all the same."""
    net = either()
    bare = bp.Network("bare", tuple(Variable(v.name, v.states) for v in net.variables), net.families)
    case = bp.observe(bare, a=True, b=True, sign=False, level="low")
    with pytest.raises(bp.ImpossibleEvidence, match="b=present, sign=absent"):
        case.posterior()
    assert len(bp.observe(bare, a=True, b=True, sign=True, level="low").posterior()) == 0


def test_probability_takes_states_and_booleans_and_refuses_others() -> None:
    """A node without a present state needs a state by name."""
    case = bp.observe(either(), sign=True)
    assert case.probability("a") == case.probability("a", "present")
    assert case.probability("a", False) == pytest.approx(1 - case.probability("a"))
    assert case.probability("sign") == 1.0
    with pytest.raises(bp.UnknownState, match="True and False need states such as present and absent"):
        case.probability("level")
    with pytest.raises(bp.UnknownState, match=r"Did you mean 'low'\?"):
        case.probability("level", "loww")


def test_too_large_a_query_is_refused_with_the_settable_bound() -> None:
    """The bound given to observe holds for the case and its successors."""
    case = bp.observe(either(), memory=10, sign=True)
    with pytest.raises(bp.NetworkTooComplex, match="raise the bound with memory="):
        case.posterior()
    with pytest.raises(bp.NetworkTooComplex, match="raise the bound with memory="):
        case.observe(level="low").log_evidence  # noqa: B018 -- the property is the query


# -- posteriors --------------------------------------------------------------------------------


def test_posterior_is_about_the_conditions_unless_told() -> None:
    """With roles the conditions, without them every node that was not observed."""
    net = either()
    assert list(bp.observe(net, sign=True).posterior()) == ["a", "b"]
    bare = bp.Network("bare", tuple(Variable(v.name, v.states) for v in net.variables), net.families)
    assert list(bp.observe(bare, sign=True).posterior()) == ["a", "b", "level"]
    assert list(bp.observe(net).posterior(["level", "a"])) == ["level", "a"]


def test_posterior_refuses_wrong_targets() -> None:
    """An unknown target, one named twice and a bare string each get their own words."""
    case = bp.observe(either())
    with pytest.raises(bp.UnknownNode, match="'c' is no node"):
        case.posterior(["c"])
    with pytest.raises(ValueError, match="name each node once"):
        case.posterior(["a", "a"])
    with pytest.raises(TypeError, match=r"give \['a'\]"):
        case.posterior("a")
    with pytest.raises(bp.UnknownNode, match="'c' is no node of this posterior"):
        case.posterior()["c"]


def test_ranked_sorts_by_presence_and_leaves_out_what_cannot_be_present() -> None:
    """Highest first; nodes without a present state are not ranked."""
    ranked = bp.observe(either(), sign=True).posterior(["a", "level", "b"]).ranked()
    assert ranked.index.tolist() == ["b", "a"]
    assert ranked.to_list() == pytest.approx([0.2 / 0.28, 0.1 / 0.28])


def test_frame_is_tidy_and_holds_the_prior() -> None:
    """One row a state, likeliest node first, with what it was without the evidence."""
    frame = bp.observe(either(), sign=True).posterior(["a", "level", "b"]).to_frame()
    assert frame.columns.tolist() == ["node", "state", "label", "prior", "posterior"]
    assert frame["node"].tolist() == ["b", "b", "a", "a", "level", "level"]
    assert frame.iloc[3].tolist()[1:4] == ["present", "Cause A", pytest.approx(0.1)]
    assert frame.groupby("node")["posterior"].sum().tolist() == pytest.approx([1, 1, 1])


def test_posterior_as_plain_data_is_json() -> None:
    """`to_dict` holds only what JSON holds, evidence by likelihoods too."""
    case = bp.observe(either(), sign={"present": 0.7, "absent": 0.2})
    data = json.loads(json.dumps(case.posterior().to_dict()))
    assert data["evidence"] == {"sign": {"absent": 0.2, "present": 0.7}}
    assert data["posterior"]["a"]["present"] == case.probability("a")
    assert data["prior"]["a"]["present"] == pytest.approx(0.1)


def test_posterior_of_kept_passes_cannot_be_written_into() -> None:
    """What a case keeps is read-only: a caller who changes an answer does not change the next."""
    case = bp.observe(either(), sign=True)
    series = case.posterior()["a"]
    series.iloc[0] = 5.0
    assert case.posterior()["a"].iloc[0] == pytest.approx(1 - 0.1 / 0.28)


# -- sharing -----------------------------------------------------------------------------------


def stated_at_random(rng: np.random.Generator) -> bool | dict[str, float]:
    """Return a state or likelihoods."""
    if rng.random() < 0.5:
        return bool(rng.random() < 0.5)
    return {"present": rng.random(), "absent": rng.random()}


def test_threads_share_a_network_without_disturbing_each_other() -> None:
    """Eight threads with mixed hard and likelihood evidence give, bit for bit, the serial answers."""
    net = bp.load_network("five_findings")
    rng = np.random.default_rng(0)
    stated: list[dict[str, Any]] = [
        {name: stated_at_random(rng) for name in net.findings[:5] if rng.random() < 0.7} for _ in range(200)
    ]

    def answer(evidence: dict[str, Any]) -> list[float]:
        return bp.observe(net, evidence).posterior().ranked().sort_index().tolist()

    serial = [answer(evidence) for evidence in stated]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, stated)) == serial


def test_cases_pickle() -> None:
    """A case goes to another process and gives the same answers there."""
    case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
    again = pickle.loads(pickle.dumps(case))  # noqa: S301 -- our own bytes
    assert dict(again.evidence) == dict(case.evidence)
    assert again.posterior().ranked().equals(case.posterior().ranked())


def test_order_of_nodes_and_evidence_does_not_matter() -> None:
    """A network written the other way round, observed in another order, gives the same posteriors."""
    net = bp.load_network("five_findings")
    turned = bp.Network("turned", net.variables[::-1], net.families, given=net.given)
    evidence = {name: i % 2 == 0 for i, name in enumerate(net.findings[:5])}
    backward = dict(reversed(evidence.items()))
    first = bp.observe(net, evidence).posterior().ranked()
    second = bp.observe(turned, backward).posterior().ranked()
    pd.testing.assert_series_equal(first, second, check_exact=False, rtol=1e-13)


def test_case_says_what_was_observed() -> None:
    """The repr names the network and the observations."""
    assert repr(bp.observe(either(), sign=True)) == "<Case in either: sign=present>"
    assert repr(bp.observe(either())) == "<Case in either: nothing observed>"


def test_red_flags_that_findings_fire_head_a_case() -> None:
    """A terminal shows them without any inference; a flag on a posterior waits for a result."""
    case = bp.observe(bp.load_network("runner"), saddle_anaesthesia=True)
    with patch.object(case_module, "run", side_effect=AssertionError("nothing is computed")):
        lines = repr(case).splitlines()
    assert lines[0].startswith("! EMERGENCY: ")
    assert lines[-1] == "<Case in runner: saddle_anaesthesia=present>"
    assert max(map(len, lines)) <= 80
    assert len(repr(case).split("! ")) - 1 < len(case.alerts())


# -- pgmpy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_posteriors_agree_with_pgmpy(name: str) -> None:
    """On pgmpy's example networks every posterior is that of its variable elimination, to 1e-12."""
    from pgmpy.inference import VariableElimination

    net = bp.load_network(example_path(name))
    model = bp.to_pgmpy(net)
    rng = np.random.default_rng(3)
    likely = bp.observe(net).most_probable_explanation()[0]
    for _ in range(3):
        seen = {str(node): likely[str(node)] for node in rng.choice(net.nodes, 2, replace=False)}
        case = bp.observe(net, seen)
        free = [node for node in net.nodes if node not in seen]
        for node in rng.choice(free, min(6, len(free)), replace=False).tolist():
            # A fresh engine each time: it alters itself.
            factor = VariableElimination(model).query([node], evidence=seen, show_progress=False)
            wanted = [factor.get_value(**{node: state}) for state in net.states(node)]
            assert_same_distribution(case.posterior([node])[node], wanted)


# -- slopes ------------------------------------------------------------------------------------


@given(drawn=networks_with_evidence(max_nodes=4))
def test_slopes_are_those_of_the_polynomials(drawn: tuple[bp.Network, dict[str, Any]]) -> None:
    """P(evidence) and P(event, evidence) of every event, impossible ones too, have enumeration's slopes."""
    net, evidence = drawn
    assume(all(isinstance(evidence.get(n, s), dict) or evidence.get(n, s) == s for n, s in net.given.items()))
    probability = probability_of(net, evidence)
    assume(probability > 0)
    events = [(node, state) for node in net.nodes if node not in evidence for state in net.states(node)]
    events = [(node, state) for node, state in events if node not in net.given]
    assume(events)
    found, evidence_slope, event_slopes = bp.observe(net, evidence).slopes(events)
    assert event_slopes.shape == (net.theta.size, len(events))
    seen = bp.observe(net, evidence)
    for k, (node, state) in enumerate(events):
        assert found[k] == pytest.approx(seen.probability(node, state), abs=1e-12)
        wanted = [slope(net, {**evidence, node: state}, i) / probability for i in range(net.theta.size)]
        assert_same_derivative(event_slopes[:, k], wanted, tolerance=1e-10)
    relevant = [node for node in net.nodes if evidence_slope[net.spans[node]].any()]
    for node in relevant:
        places = range(net.spans[node].start, net.spans[node].stop)
        wanted = [slope(net, evidence, i) / probability for i in places]
        assert_same_derivative(evidence_slope[net.spans[node]], wanted, tolerance=1e-10)


@given(drawn=DRAWN)
def test_targets_that_couple_nothing_are_those_of_enumeration(
    drawn: tuple[bp.Network, dict[str, Any]],
) -> None:
    """Carried upwards, or answered in groups, each node has enumeration's posterior."""
    net, evidence = drawn
    assume(probability_of(net, {}) > 0)
    assume(not any(isinstance(evidence.get(n), str) and evidence[n] != s for n, s in net.given.items()))
    assume(probability_of(net, evidence) > 0)
    with patch.object(plan, "ONE_PLAN", 0):
        found = bp.observe(net, evidence).posterior(net.nodes)
    for node in net.nodes:
        assert_same_distribution(found[node].to_numpy(), posterior(net, evidence, node))


def test_many_findings_asked_for_at_once_are_answered_as_one_by_one() -> None:
    """Targets that would couple everything are answered apart, with the same result."""
    net = bp.load_network("runner")
    case = bp.observe(net, sit_bone_tenderness=True, hop_test_pain=False)
    targets = [name for name in net.findings if name not in {*case.evidence, *net.given}]
    together = case.posterior(targets)
    for name in targets[::7]:
        alone = bp.observe(net, case.evidence).posterior([name])
        np.testing.assert_allclose(together[name], alone[name], rtol=1e-12)


def woven(link: float, leak: float) -> bp.Case:
    """Return a case of nine causes that share twelve findings, and of four absent causes of another."""
    rng = np.random.default_rng(7)
    causes = tuple(f"c{i}" for i in range(9))
    families: dict[str, Table | NoisyOr] = {c: Table((), np.array([0.8, 0.2])) for c in causes}
    others = tuple(f"other{i}" for i in range(4))
    families |= dict.fromkeys(others, Table((), np.array([0.5, 0.5])))
    families["never"] = NoisyOr(others, 1e-15, ((None, 0.5),) * 4)
    for i in range(12):
        links = tuple((None, link * float(x)) for x in rng.uniform(0.2, 1.0, 5))
        families[f"f{i}"] = NoisyOr(tuple(rng.permutation(causes)[:5].tolist()), leak, links)
    roles = dict.fromkeys(causes, "condition") | {f"f{i}": "finding" for i in range(12)}
    variables = tuple(Variable(name, role=roles.get(name, "mechanism")) for name in families)
    seen = {f"f{i}": i % 2 == 0 for i in range(8)} | dict.fromkeys(others, False)
    return bp.observe(bp.Network("woven", variables, families), seen)


def test_draws_by_differences_are_those_of_the_longer_way() -> None:
    """Where much less work loses nothing, draws and answers go by differences, and come out the same."""
    case = woven(0.8, 0.05)
    names = case.net.conditions
    rng = np.random.default_rng(1)
    theta = case.net.theta[:, None] * rng.uniform(0.9, 1.0, (case.net.theta.size, 40))
    pattern = case._pattern([case._position(name) for name in names])
    assert case._short(pattern, plan.plan_for(case._structure, pattern), case_module.DRAWN) is not None
    weights = {"c3": np.array([[1.0, 0.5], [1.0, 0.0]])}
    drawn, answered = case.across(names, lambda n: theta[:, :n], 40), case.under(names, weights)
    with patch.object(case_module, "DRAWN", -1.0), patch.object(case_module, "ANSWERED", -1.0):
        longer = case.across(names, lambda n: theta[:, :n], 40), case.under(names, weights)
    for found, wanted in zip((drawn, answered), longer, strict=True):
        np.testing.assert_allclose(found[1], wanted[1], rtol=1e-10)
        for one, other in zip(found[0], wanted[0], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-10)


def test_columns_that_differences_would_garble_go_the_longer_way() -> None:
    """An answer of probability 1e-15 keeps its digits, of which 1 less all else has none."""
    case = woven(0.8, 0.05)
    marginals, ratio = case.under(["c1"], {"never": np.eye(2)})
    assert_same_number(float(ratio[2]), 1e-15)
    assert_same_distribution(marginals[0][:, 2], marginals[0][:, 0])


def test_differences_are_not_used_where_they_lose_digits() -> None:
    """Of rare findings each draw has the posterior of a case of its own, to the last digits."""
    case = woven(1e-3, 1e-6)
    names = case.net.conditions
    assert case._loss > case_module.DRAWN
    found, log_evidence = case.across(names, lambda n: np.repeat(case.net.theta[:, None], n, axis=1), 3)
    for name, values in zip(names, found, strict=True):
        assert_same_distribution(values[:, 1], case.posterior([name])[name].to_numpy())
    assert_same_number(float(log_evidence[1]), case.log_joint)


def test_what_runs_together_stays_within_the_memory_allowed() -> None:
    """Slopes, draws and answers of a wide case are run in blocks that the bound holds."""
    net = bp.load_network("runner")
    asked = [name for name in net.findings if name not in net.given]
    names = random.Random(1).sample(asked, 20)  # noqa: S311 -- which are known, no secret
    person = bp.sample(net, 1, seed=5).iloc[0]
    case = bp.observe(net, {name: person[name] for name in names}, memory=2**27)
    events = [(name, "present") for name in net.conditions]
    targets = net.conditions
    tasks = (
        lambda: case.slopes(events),
        lambda: case.across(targets, lambda n: np.repeat(net.theta[:, None], n, axis=1), 200),
        lambda: case.under(targets, {"fever": np.eye(2)}),
    )
    for task in tasks:
        task()  # plans are made, and whatever is loaded late
        tracemalloc.start()
        task()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= 2**27
