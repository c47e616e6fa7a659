"""Whether a decision stands: against every joint answer by enumeration, and sampled against exact."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from statistics import NormalDist
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

import buttpain as bp
from benchmarks.synthetic import network as synthetic
from buttpain.analysis import robustness as module
from buttpain.analysis.information import next_findings
from buttpain.analysis.robustness import SameDecision, same_decision
from buttpain.model.network import Table, Variable
from reference import Evidence, joint_posterior, posterior, probability_of
from strategies import networks_with_evidence

FIVE = bp.load_network("five_findings")
KNEE = {"burning_pain_past_knee": "present"}
LEADER = "lumbar_radicular_pain"


def table(*present: float, parents: Sequence[str] = ()) -> Table:
    """Return a table of two states from P(present), one number a row."""
    values = np.array([[1 - p, p] for p in present]).reshape(*(2,) * len(parents), 2)
    return Table(tuple(parents), values)


def network(roles: dict[str, str], families: dict[str, Table]) -> bp.Network:
    """Return a network of binary nodes; those without a role are findings."""
    variables = tuple(Variable(name, role=roles.get(name, "finding")) for name in families)
    return bp.Network("made", variables, families)


def enumerated(
    net: bp.Network, evidence: Evidence, findings: Sequence[str], rivals: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], float]:
    """Return how probable it is that each rival leads once the findings are known; today's keeps ties."""

    def chances(known: Evidence) -> list[float]:
        return [float(posterior(net, known, node)[net.states(node).index(state)]) for node, state in rivals]

    today, found = chances(evidence), dict.fromkeys(rivals, 0.0)
    leader = next(i for i, p in enumerate(today) if p >= max(today) * (1 - 1e-9))
    whole = probability_of(net, evidence)
    for answers in product(*map(net.states, findings)):
        known = {**evidence, **dict(zip(findings, answers, strict=True))}
        share = probability_of(net, known) / whole
        if share > 0:
            then = chances(known)
            stays = max(then) <= then[leader] * (1 + 1e-9)
            found[rivals[leader if stays else then.index(max(then))]] += share
    return found


# -- exact -----------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(networks_with_evidence(max_nodes=5, soft=False), st.data())
def test_as_enumerated(drawn: tuple[bp.Network, Evidence], data: st.DataObject) -> None:
    """The probability that each state of a target leads is that of the joint answers under which it does."""
    net, evidence = drawn
    try:
        case = bp.observe(net, dict(evidence))
        case.marginals(net.nodes)
    except bp.ImpossibleEvidence:
        assume(False)
    free = [node for node in net.nodes if node not in {*case.evidence, *net.given}]
    assume(len(free) > 1)
    target, *findings = data.draw(st.permutations(free))
    result = same_decision(case, None, target=target, among=findings)
    wanted = enumerated(net, case.evidence, findings, [(target, state) for state in net.states(target)])
    found = result.to_frame()["probability"].to_dict()
    assert result.method == "exact"
    assert sum(found.values()) == pytest.approx(1)
    for (_, state), share in wanted.items():
        assert found.get(state, 0.0) == pytest.approx(share, abs=1e-9)


def test_the_leader_among_conditions_as_enumerated() -> None:
    """In a network of conditions, mechanism and findings, with conditions that no answer brings forward."""
    net = synthetic(risks=1, conditions=3, mechanisms=1, findings=3, seed=4)
    conditions = [(name, "present") for name in net.conditions]
    for evidence in ({}, {"f0": "present"}, {"f1": "present", "f2": "absent"}):
        findings = [name for name in net.findings if name not in evidence]
        found = same_decision(bp.observe(net, evidence)).to_frame()["probability"].to_dict()
        for (name, _), share in enumerated(net, evidence, findings, conditions).items():
            assert found.get(name, 0.0) == pytest.approx(share, abs=1e-12)


def test_by_hand() -> None:
    """A disease of 0.3, two tests of it, and a rival of 0.25: the disease leads unless both are negative."""
    accuracy = {"one": (0.2, 0.8), "two": (0.1, 0.6)}
    families = {"disease": table(0.3), "rival": table(0.25)}
    families |= {name: table(*numbers, parents=["disease"]) for name, numbers in accuracy.items()}
    case = bp.observe(network({"disease": "condition", "rival": "condition"}, families))
    # Negative, the first leaves 0.06 / 0.62 < 0.25; a positive second brings 0.036 / 0.092 > 0.25.
    both_negative = 0.3 * 0.2 * 0.4 + 0.7 * 0.8 * 0.9
    result = same_decision(case)
    assert result.decision == "disease"
    assert result.probability == pytest.approx(1 - both_negative, rel=1e-12)
    assert result.to_frame()["probability"].to_dict()["rival"] == pytest.approx(both_negative)
    assert (result.samples, result.standard_error) == (4, 0.0)
    assert result.interval == (result.probability, result.probability)


def test_a_threshold() -> None:
    """The decision is on which side of a threshold a posterior lies; at the threshold is not above it."""
    families = {"disease": table(0.3), "test": table(0.2, 0.8, parents=["disease"])}
    case = bp.observe(network({"disease": "condition"}, families))
    positive = 0.3 * 0.8 + 0.7 * 0.2
    result = same_decision(case, target="disease", threshold=0.5)
    assert result.decision == "at_most"
    assert result.probability == pytest.approx(1 - positive)
    assert result.to_frame()["probability"].to_dict()["above"] == pytest.approx(positive)
    assert same_decision(case, target="disease", threshold=0.05).probability == 1
    assert same_decision(case, target="disease", threshold=0.7).probability == 1
    other = same_decision(case, target="disease", state="absent", threshold=0.5)
    assert other.decision == "above"
    assert other.probability == pytest.approx(1 - positive)
    assert "Today: P(disease = absent) above 50.0 % (70.0 %)" in repr(other)
    exactly = bp.observe(network({"d": "condition"}, {"d": table(0.5), "f": table(0.5)}))
    assert same_decision(exactly, target="d", threshold=0.5).decision == "at_most"


def graded(*states: str) -> bp.Case:
    """Return a disease of three grades, with two findings that tell the third from the others."""
    likely = np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9]])
    families = {
        "grade": Table((), np.array([0.5, 0.3, 0.2])),
        "f": Table(("grade",), likely),
        "g": Table(("grade",), likely),
    }
    variables = (Variable("grade", states, role="condition", label="Grade"), Variable("f"), Variable("g"))
    findings = tuple(replace(item, role="finding") for item in variables[1:])
    return bp.observe(bp.Network("graded", (variables[0], *findings), families))


@pytest.mark.parametrize("samples", [2000, 3])
def test_a_condition_without_a_present_state(samples: int) -> None:
    """It is decided which of its states but the first leads, by every joint answer and by drawn ones."""
    case = graded("none", "mild", "severe")
    result = same_decision(case, samples=samples)
    rivals = [("grade", "mild"), ("grade", "severe")]
    wanted = enumerated(case.net, case.evidence, ["f", "g"], rivals)
    assert result.decision == "grade=mild"
    assert "Today: Grade = mild (30.0 %)" in repr(result)
    found = result.to_frame()
    assert (
        found["label"].to_dict().items()
        <= {"grade=mild": "Grade = mild", "grade=severe": "Grade = severe"}.items()
    )
    if result.method == "exact":
        assert found["probability"].tolist() == pytest.approx([wanted[event] for event in rivals])
    else:
        assert found["probability"].sum() == pytest.approx(1)


def test_a_threshold_without_a_present_state() -> None:
    """Which state is compared has to be said, and the message says which there are."""
    case = graded("none", "mild", "severe")
    words = (
        "'present' is no state of 'grade'. Its states are 'none', 'mild', 'severe', none of them the present "
        "one; say which with state=."
    )
    with pytest.raises(bp.UnknownState, match=words):
        same_decision(case, target="grade", threshold=0.25)
    result = same_decision(case, target="grade", state="severe", threshold=0.25)
    assert (result.decision, 0 < result.probability < 1) == ("at_most", True)


def test_the_likeliest_state_of_a_target() -> None:
    """Without a threshold the states of the target compete, in a network without roles too."""
    families = {"colour": Table((), np.array([0.2, 0.3, 0.5]))}
    families["sign"] = Table(("colour",), np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]))
    variables = (Variable("colour", ("red", "green", "blue")), Variable("sign"))
    case = bp.observe(bp.Network("plain", variables, families))
    result = same_decision(case, target="colour")
    assert result.decision == "blue"
    assert result.probability == pytest.approx(0.2 * 0.1 + 0.3 * 0.5 + 0.5 * 0.9)
    assert result.to_frame().index.tolist() == ["blue", "red"]
    assert result.to_frame()["label"].tolist() == ["colour = blue", "colour = red"]
    with pytest.raises(
        ValueError, match="network 'plain' has no conditions; name what to find out with target="
    ):
        same_decision(case)


def test_likelihoods_are_kept() -> None:
    """What was observed with likelihoods stays observed when more is known."""
    families = {"d": table(0.3), "r": table(0.4)}
    families |= {"f": table(0.2, 0.8, parents=["d"]), "g": table(0.1, 0.7, parents=["d"])}
    net = network({"d": "condition", "r": "condition"}, families)
    evidence: Evidence = {"f": {"absent": 0.5, "present": 2.0}}
    result = same_decision(bp.observe(net, dict(evidence)))
    wanted = enumerated(net, evidence, ["g"], [("d", "present"), ("r", "present")])
    assert result.probability == pytest.approx(wanted["d", "present"])
    assert 0 < result.probability < 1
    sampled = same_decision(bp.observe(net, dict(evidence)), samples=1)
    assert sampled.method == "sampled"
    assert sampled.probability in (0, 1)


def test_what_tells_nothing_changes_nothing() -> None:
    """Findings of something else leave the decision as it is, and so does having nothing left to ask."""
    families = {"d": table(0.3), "r": table(0.3), "x": table(0.5), "f": table(0.1, 0.9, parents=["x"])}
    net = network({"d": "condition", "r": "condition", "x": "mechanism"}, families)
    assert same_decision(bp.observe(net)).probability == 1
    done = same_decision(bp.observe(net, f=True))
    assert (done.probability, done.findings, done.method) == (1, (), "exact")
    assert "Nothing is left to ask, so that the decision stands." in repr(done)


def test_more_findings_are_the_most_informative() -> None:
    """The k that are known next are the first k by information, whatever they cost; at most all."""
    case = bp.observe(FIVE, KNEE)
    best = next_findings(case, None, cost=1).findings
    for k in (1, 2, 3):
        assert same_decision(case, k).findings == best[:k]
    assert same_decision(case, 99).findings == same_decision(case, None).findings == best
    narrowed = same_decision(case, 1, among=["hop_test_pain", "pain_running_uphill"])
    assert narrowed.findings == ("pain_running_uphill",)
    about = next_findings(case, 2, LEADER, 1).findings
    assert same_decision(case, 2, target=LEADER, threshold=0.3).findings == about


def test_both_ways_agree_on_every_joint_answer() -> None:
    """All joint answers in one batch give the decisions that a cohort of them gives, and their weights."""
    case = bp.observe(FIVE, KNEE)
    decision = module._Decision.of(case, None, None, None)
    findings = same_decision(case).findings
    made, weights = module._of_every(case, findings, decision)
    rows = np.array(list(np.ndindex(*(2,) * 4)))
    after = decision.contest.select(FIVE, module._answered(case, findings, rows, decision.contest.nodes))
    assert made.tolist() == decision.made(after).tolist()
    np.testing.assert_allclose(weights, joint_posterior(FIVE, case.evidence, findings).ravel(), rtol=1e-11)
    np.testing.assert_allclose(after @ weights, decision.before, rtol=1e-12)


def test_what_is_no_more_than_noise_decides_nothing() -> None:
    """Joint answers that rounding alone makes possible have no weight; nor does it break ties."""
    families = {"d": table(0.5), "r": table(0.5)}
    families |= {f"f{i}": table(0.1 + i / 20, 0.3 + i / 15, parents=["d"]) for i in range(3)}
    families |= {f"g{i}": table(0.1 + i / 20, 0.3 + i / 15, parents=["r"]) for i in range(3)}
    net = network({"d": "condition", "r": "condition"}, families)
    result = same_decision(bp.observe(net))
    findings = [name for name in families if len(name) == 2]
    wanted = enumerated(net, {}, findings, [("d", "present"), ("r", "present")])
    assert result.probability == pytest.approx(wanted["d", "present"], abs=1e-12)
    case = bp.observe(network({"d": "condition", "r": "condition"}, {**families, "f": table(0.5)}))
    chances = np.array([1 - 1e-10, 1e-10])
    both = [np.stack([chances / 2, chances / 2]), np.stack([chances / 2, chances / 2 + [0, 1e-14]])]
    with patch.object(module, "joint_answers", lambda *_: (chances, both)):
        made, weights = module._of_every(case, ["f"], module._Decision.of(case, None, None, None))
    assert made.tolist() == [0, 0]
    assert weights.tolist() == chances.tolist()
    sure = network({"d": "condition"}, {"d": table(0.0), "f": table(0.0), "g": table(1.0)})
    assert same_decision(bp.observe(sure), target="d", threshold=0.5).probability == 1


# -- sampled ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nine() -> tuple[bp.Case, SameDecision]:
    """Return a case with nine findings to come, and its exact result."""
    net = synthetic(risks=2, conditions=4, mechanisms=1, findings=10, seed=8)
    case = bp.observe(net, f0="present")
    return case, same_decision(case, None)


def test_sampled_agrees_with_exact(nine: tuple[bp.Case, SameDecision]) -> None:
    """Over seeds, the deviations from the exact result are as large as the standard error says."""
    case, exact = nine
    assert exact.method == "exact"
    assert 0.05 < exact.probability < 0.95
    deviations = []
    for seed in range(12):
        found = same_decision(case, None, samples=200, seed=seed)
        assert (found.method, found.samples) == ("sampled", 200)
        assert found.findings == exact.findings
        share = exact.probability
        spread = found.probability * (1 - found.probability) / 200
        z = NormalDist().inv_cdf(0.975)
        wilson = math.sqrt(spread + (z / 400) ** 2) / (1 + z**2 / 200)
        assert found.standard_error == pytest.approx(wilson)
        assert found.standard_error == pytest.approx(math.sqrt(spread), rel=0.05)
        deviations.append((found.probability - share) / math.sqrt(share * (1 - share) / 200))
    assert abs(np.mean(deviations)) < 3 / math.sqrt(12)
    assert 0.4 < np.std(deviations) < 1.8


def test_sampled_shares_agree_too(nine: tuple[bp.Case, SameDecision]) -> None:
    """Who would lead instead, and how often, agrees with exact within four standard errors."""
    case, exact = nine
    wanted = exact.to_frame()["probability"]
    found = same_decision(case, None, samples=500, seed=3).to_frame()
    assert found["probability"].sum() == pytest.approx(1)
    for row in found.reset_index().to_dict("records"):
        share = wanted[row["decision"]]
        assert abs(row["probability"] - share) <= 4 * math.sqrt(share * (1 - share) / 500)
        assert row["low"] < row["probability"] < row["high"]


def test_draws_that_are_alike_count_as_often_as_they_came() -> None:
    """Of many findings one decides and the others are nearly always absent: most draws are one of two."""
    families = {"d": table(0.5), "r": table(0.4), "test": table(0.05, 0.4, parents=["d"])}
    families |= {f"rare{i}": table(0.02) for i in range(10)}
    case = bp.observe(network({"d": "condition", "r": "condition"}, families))
    found = same_decision(case, None, samples=1000)
    share = 0.5 * 0.05 + 0.5 * 0.4
    assert found.method == "sampled"
    # Without the sign 0.3 / 0.775 < 0.4.
    assert abs(found.probability - share) < 4 * math.sqrt(share * (1 - share) / 1000)


def test_the_seed_decides(nine: tuple[bp.Case, SameDecision]) -> None:
    """The same seed draws the same answers."""
    case, _ = nine
    shares = [same_decision(case, None, samples=50, seed=seed).probability for seed in (1, 1, 2, 3)]
    assert shares[0] == shares[1]
    assert len(set(shares)) > 1


def test_a_certain_share_still_has_an_interval() -> None:
    """If all of few draws agree, interval and standard error say how little that is."""
    result = same_decision(bp.observe(FIVE, KNEE), target=LEADER, threshold=0.99, samples=10)
    assert result.method == "sampled"
    assert result.probability == 1
    assert result.interval == pytest.approx((0.7225, 1), abs=1e-3)
    assert result.standard_error == pytest.approx((1 - 0.7225) / 2 / 1.96, abs=1e-4)
    assert result.to_dict()["standard_error"] == result.to_frame()["standard_error"].iloc[0] > 0
    more = same_decision(bp.observe(FIVE, KNEE), k=None, target=LEADER, threshold=0.99, samples=15)
    assert 0 < more.standard_error < result.standard_error
    whole = same_decision(bp.observe(FIVE, KNEE), target=LEADER, threshold=0.99)
    assert (whole.method, whole.probability, whole.standard_error) == ("exact", 1, 0)


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        (
            {"k": 0},
            ValueError,
            "k, which is how many more findings will be known, or None for all, must be at least 1; it is 0",
        ),
        ({"k": "2"}, TypeError, "k, which is .* must be a whole number, 1 or more; it is '2'"),
        ({"k": True}, TypeError, "must be a whole number, 1 or more; it is True"),
        ({"samples": 1.5}, TypeError, "samples must be a whole number, 1 or more; it is 1.5"),
        ({"seed": -1}, ValueError, "seed must be at least 0; it is -1"),
        (
            {"target": LEADER, "threshold": "x"},
            ValueError,
            "threshold is a probability, from 0 to 1; it is 'x'",
        ),
        ({"samples": 0}, ValueError, "samples must be at least 1; it is 0"),
        ({"threshold": 0.5}, ValueError, "a threshold belongs to a target; say which with target="),
        (
            {"target": LEADER, "threshold": 1.5},
            ValueError,
            "threshold is a probability, from 0 to 1; it is 1.5",
        ),
        ({"target": LEADER, "threshold": math.nan}, ValueError, "threshold is a probability, from 0 to 1"),
        ({"state": "present"}, ValueError, "a state is compared with a threshold; give threshold= too"),
        ({"target": "lumbar"}, bp.UnknownNode, "'lumbar' is no node"),
        (
            {"target": LEADER, "state": "gone", "threshold": 0.5},
            bp.UnknownState,
            "'gone' is no state of 'lumbar_radicular_pain'",
        ),
        (
            {"target": "burning_pain_past_knee"},
            ValueError,
            "the target 'burning_pain_past_knee' was observed",
        ),
        ({"among": ["burning_pain_past_knee"]}, ValueError, "was observed; take it back first"),
        ({"among": ["hop"]}, bp.UnknownNode, "'hop' is no node"),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], kind: type[Exception], words: str) -> None:
    """What is out of range, unknown or does not go together is refused with what to do."""
    with pytest.raises(kind, match=words):
        same_decision(bp.observe(FIVE, KNEE), **options)


@pytest.mark.parametrize("given", [FIVE, {"hop_test_pain": True}])
def test_what_is_no_case_is_refused(given: Any) -> None:
    """A network or findings by themselves are no case, and the error says how to make one."""
    kind = type(given).__name__
    with pytest.raises(TypeError, match=rf"case must be a Case, not {kind}; make one with bp\.observe\("):
        same_decision(given)


def test_where_nothing_is_to_be_decided() -> None:
    """If every condition is known there is no leader to ask about."""
    case = bp.observe(network({"d": "condition"}, {"d": table(0.3), "f": table(0.5)}), d=True)
    with pytest.raises(ValueError, match="every condition was observed, so that nothing is left to decide"):
        same_decision(case)


def test_impossible_evidence() -> None:
    """A case that cannot be has no decision."""
    families = {"d": table(0.3), "f": table(0.0, 1.0, parents=["d"]), "g": table(0.5)}
    case = bp.observe(network({"d": "condition"}, families), d="absent", f="present")
    with pytest.raises(bp.ImpossibleEvidence, match="d=absent, f=present"):
        same_decision(case, target="g", threshold=0.2, among=["g"])


# -- how it looks ----------------------------------------------------------------------------------


@pytest.fixture
def two() -> SameDecision:
    """Return whether two more findings change who leads."""
    return same_decision(bp.observe(FIVE, KNEE), 3)


def test_as_plain_data(two: SameDecision) -> None:
    """JSON takes it as it is, and it says what the frame says."""
    told = two.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["decision"] == LEADER
    assert told["probability"] == two.probability
    assert told["threshold"] is None
    assert told["findings"] == list(two.findings)
    frame = two.to_frame().reset_index().to_dict("records")
    assert told["decisions"] == frame
    assert [row["today"] for row in frame] == [True] + [False] * (len(frame) - 1)


def test_as_text(two: SameDecision) -> None:
    """The text fits a terminal: today's decision first, how often it stands, and what else would come out."""
    sampled = same_decision(bp.observe(FIVE, KNEE), samples=10)
    threshold = same_decision(bp.observe(FIVE, KNEE), target=LEADER, threshold=0.4)
    for result in (two, sampled, threshold):
        assert max(map(len, repr(result).splitlines())) <= 80
        assert "<script" not in result._repr_html_()
    said = " ".join(repr(two).split())
    assert "Today: Lumbar radicular pain (43.7 %) Leads once 3 more findings are known probability" in said
    assert f"Lumbar radicular pain (today) {100 * two.probability:.1f} %" in said
    assert "Exact: all 8 joint answers." in said
    assert "95 % interval" not in said
    assert "95 % interval" in repr(sampled)
    assert "10 joint answers drawn; the interval is that of the drawing alone." in " ".join(
        repr(sampled).split()
    )
    assert "Today: P(Lumbar radicular pain) above 40.0 % (43.7 %)" in repr(threshold)
    assert "Decision once 4 more findings are known" in " ".join(repr(threshold).split())
    assert "once 1 more finding is known" in repr(same_decision(bp.observe(FIVE, KNEE), 1))


def test_many_findings_are_counted() -> None:
    """A long list of findings is cut, with how many more there are."""
    net = synthetic(risks=2, conditions=3, mechanisms=0, findings=11, seed=1)
    assert "and 3 more." in " ".join(repr(same_decision(bp.observe(net), None, samples=3)).split())


def test_red_flags_come_first() -> None:
    """What fires today heads the answer."""
    result = same_decision(bp.observe(FIVE, hop_test_pain=True), 1)
    assert repr(result).startswith("! PROMPT: Sacral stress fracture not excluded")


def test_as_a_picture(two: SameDecision) -> None:
    """A bar a decision as long as its probability, today's on top; whiskers only where it was sampled."""
    axes = two.plot()
    bars = sorted(axes.patches, key=lambda bar: -bar.get_xy()[1])  # type: ignore[attr-defined]
    assert [bar.get_width() for bar in bars] == two.to_frame()["probability"].tolist()  # type: ignore[attr-defined]
    assert axes.get_xlabel() == "probability, once 3 more findings are known"
    assert len(axes.collections) == 0
    sampled = same_decision(bp.observe(FIVE, KNEE), samples=10)
    _, own = plt.subplots()
    assert sampled.plot(own) is own
    (whiskers,) = own.collections
    ends = [segment[:, 0].tolist() for segment in whiskers.get_segments()]  # type: ignore[attr-defined]
    assert ends == sampled.to_frame()[["low", "high"]].to_numpy().tolist()
