"""What the network implies for a study is what walking through all joint states says, and is shown well."""

import json
import math
import pickle
import time
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Text

import buttpain as bp
from benchmarks.synthetic import network as of_flagship_size
from buttpain.analysis.literature import COLUMNS, Compared, LiteratureCheck, check_literature
from buttpain.errors import ImpossibleEvidence, InvalidNetwork, NetworkTooComplex, UnknownNode, UnknownState
from buttpain.model.definition import from_toml
from buttpain.model.network import ANY, MEASURES, RATIOS, Network, NoisyOr, Study, Table, Variable
from reference import joint
from strategies import evidence, networks

Group = Mapping[str, str | Mapping[str, float]]


@pytest.fixture(scope="module")
def net() -> Network:
    """Return the small shipped network."""
    return bp.load_network("five_findings")


@pytest.fixture(scope="module")
def check(net: Network) -> LiteratureCheck:
    """Return its check."""
    return check_literature(net)


# -- the slow and obvious twin -------------------------------------------------------------------


def second(net: Network, node: str) -> int:
    """Return the position of the state in which a node of two states is present."""
    variable = net.variable(node)
    return variable.states.index(variable.positive or variable.states[1])


class Everyone:
    """All joint states of a network with their probability in a group, and what is so in each."""

    def __init__(self, net: Network, *groups: Group) -> None:
        self.net = net
        seen = {node: state for group in (net.given, *groups) for node, state in group.items()}
        observed = {node: state for node, state in seen.items() if state != ANY}
        weights = joint(replace(net, given={}), observed)
        self.worlds = [
            (dict(zip(net.nodes, world, strict=True)), float(weights[world]))
            for world in product(*map(range, weights.shape))
        ]

    def sum(self, value: Any) -> float:
        """Return the sum of a function of the world, each world by its probability."""
        return math.fsum(p * value(world) for world, p in self.worlds if p)

    def has(self, world: Mapping[str, int], node: str) -> bool:
        """Return whether a condition is present."""
        return world[node] == second(self.net, node)

    def is_positive(self, world: Mapping[str, int], study: Study) -> bool:
        """Return whether enough findings are in the state that counts."""
        count = 0
        for finding in study.finding:
            variable = self.net.variable(finding)
            count += world[finding] == variable.index(study.state or True)
        return count >= study.at_least

    def several(self, world: Mapping[str, int]) -> int:
        """Return how many conditions are present."""
        return sum(self.has(world, name) for name in self.net.conditions)


def by_enumeration(net: Network, study: Study) -> float:
    """Return a study's figure; ZeroDivisionError where nobody is in a group."""
    ill = Everyone(net, study.among)
    well = Everyone(net, study.among, study.controls)

    def sick(world: Mapping[str, int]) -> bool:
        return not study.condition or ill.has(world, study.condition)

    def positive(world: Mapping[str, int]) -> bool:
        return ill.is_positive(world, study)

    def among_all(value: Any) -> float:
        return ill.sum(value) / ill.sum(lambda _: 1)

    def among_ill(is_so: bool) -> float:
        return ill.sum(lambda w: sick(w) and positive(w) == is_so) / ill.sum(sick)

    def among_well(is_so: bool) -> float:
        without = well.sum(lambda w: not sick(w))
        return well.sum(lambda w: not sick(w) and positive(w) == is_so) / without

    return {
        "share": lambda: among_all(sick),
        "main_cause": lambda: among_all(lambda w: sick(w) and 1 / ill.several(w)),
        "overlap": lambda: among_all(lambda w: ill.several(w) >= 2),
        "predictive_value": lambda: ill.sum(lambda w: sick(w) and positive(w)) / ill.sum(positive),
        "sensitivity": lambda: among_ill(True),
        "frequency": lambda: among_ill(True),
        "specificity": lambda: among_well(False),
        "lr_positive": lambda: ratio(among_ill(True), among_well(True)),
        "lr_negative": lambda: ratio(among_ill(False), among_well(False)),
        "odds_ratio": lambda: ratio(among_ill(True) * among_well(False), among_ill(False) * among_well(True)),
    }[study.measure]()


def ratio(above: float, below: float) -> float:
    """Return a ratio, infinite where something is divided by nothing."""
    return math.inf if above and not below else above / below


@st.composite
def groups(draw: DrawFn, net: Network, closed: tuple[str, ...]) -> Group:
    """Draw what a group had; of the closed nodes nothing is said, or that nobody looked."""
    stated = draw(evidence(net))
    some: dict[str, Any] = {node: seen for node, seen in stated.items() if node not in closed}
    return some | dict.fromkeys(draw(st.lists(st.sampled_from(net.nodes), max_size=2)), ANY)


@st.composite
def networks_with_a_study(draw: DrawFn) -> Network:
    """Draw a network and one study that a file could hold on it, with findings of any states."""
    net = draw(networks(max_nodes=5, roles=True))
    binary = [node for node in net.nodes if len(net.states(node)) == 2]
    measure = draw(st.sampled_from(sorted(MEASURES)))
    condition, state = "", ""
    finding: tuple[str, ...] = ()
    if "condition" in MEASURES[measure] or (measure == "frequency" and draw(st.booleans())):
        candidates = [n for n in binary if measure != "main_cause" or n in net.conditions]
        assume(candidates)
        condition = draw(st.sampled_from(candidates))
    if "finding" in MEASURES[measure]:
        others = [node for node in net.nodes if node != condition]
        assume(others)
        first = draw(st.sampled_from(others))
        state = draw(st.sampled_from(net.states(first)))
        alike = [node for node in others if state in net.states(node)]
        finding = tuple(draw(st.lists(st.sampled_from(alike), min_size=1, max_size=3, unique=True)))
    if measure in ("main_cause", "overlap"):
        assume(net.conditions and set(net.conditions) <= set(binary))
    controlled = measure in ("specificity", *RATIOS)
    study = Study(
        name="drawn",
        measure=measure,
        source="smith2020",
        condition=condition,
        finding=finding,
        at_least=draw(st.integers(1, max(len(finding), 1))),
        state=state,
        among=draw(groups(net, (condition, *finding))),
        controls=draw(groups(net, (condition, *finding))) if controlled and draw(st.booleans()) else {},
        value=0.5,
        low=0.1,
        high=0.9,
    )
    return replace(net, studies=(study,))


@settings(max_examples=200)
@given(networks_with_a_study())
def test_every_measure_is_what_enumeration_says(net: Network) -> None:
    """Whatever the measure, the groups and the findings, all joint states give the same figure."""
    (study,) = net.studies
    try:
        expected = by_enumeration(net, study)
    except ZeroDivisionError:
        with pytest.raises((ImpossibleEvidence, InvalidNetwork), match="study 'drawn': "):
            check_literature(net)
        return
    (compared,) = check_literature(net).compared
    assert compared.implied == pytest.approx(expected, rel=1e-9, abs=1e-13)


def studied(net: Network, measure: str, **about: Any) -> Network:
    """Return the network with one study, whose interval does not matter."""
    study = Study("one", measure, "benazzo2013", **({"value": 0.5, "low": 0.1, "high": 0.9} | about))
    return replace(net, studies=(study,))


def implied(net: Network, measure: str, **about: Any) -> float:
    """Return what the network implies for one study."""
    (compared,) = check_literature(studied(net, measure, **about)).compared
    return compared.implied


TENDINOPATHY = "proximal_hamstring_tendinopathy"
EVERYBODY = {"buttock_pain": ANY}


def test_a_sensitivity_by_hand(net: Network) -> None:
    """The only cause of the finding, and the leak: 1 - (1 - 0.18) (1 - 0.60)."""
    found = implied(net, "sensitivity", condition=TENDINOPATHY, finding=("sit_bone_tenderness",))
    assert found == pytest.approx(1 - 0.82 * 0.40, rel=1e-14)


def test_a_share_at_large_by_hand(net: Network) -> None:
    """Without the selection, a condition without causes has its base rate."""
    assert implied(net, "share", condition=TENDINOPATHY, among=EVERYBODY) == pytest.approx(0.155, rel=1e-14)


def test_controls_take_the_place_of_the_selection(net: Network) -> None:
    """Free of pain, hardly anybody has another cause, so the leak is nearly all that is left."""
    about: dict[str, Any] = {"condition": TENDINOPATHY, "finding": ("burning_pain_past_knee",)}
    free = implied(net, "specificity", controls={"buttock_pain": "absent"}, **about)
    ill = implied(net, "specificity", controls={"lumbar_radicular_pain": "present"}, **about)
    assert implied(net, "specificity", **about) < free < 1 - 0.06
    assert ill < 1 - 0.48


def test_likelihoods_among_are_those_of_a_case(net: Network) -> None:
    """A study of people with uncertain findings is a case with likelihood evidence."""
    among = {"sit_bone_tenderness": {"present": 0.7, "absent": 0.2}, "hop_test_pain": "absent"}
    expected = bp.observe(net, among).probability(TENDINOPATHY)
    assert implied(net, "share", condition=TENDINOPATHY, among=among) == pytest.approx(expected, rel=1e-12)


def test_main_causes_and_nobody_share_out_everyone(net: Network) -> None:
    """Each person with a condition counts one in all, so the shares and P(none) add up to 1."""
    shares = sum(implied(net, "main_cause", condition=name) for name in net.conditions)
    prior = bp.observe(net).joint(net.conditions)
    assert shares + float(prior.iloc[0]) == pytest.approx(1, abs=1e-13)


def test_an_overlap_is_that_of_the_joint_distribution(net: Network) -> None:
    """docs/five_findings.md counts the same from the joint distribution."""
    together = bp.observe(net).joint(net.conditions)
    several = [states.count("present") >= 2 for states in together.index]
    assert implied(net, "overlap") == pytest.approx(float(together[several].sum()), rel=1e-12)


@pytest.mark.parametrize("conditions", [1, 2, 3, 7, 12])
def test_the_points_are_enough_for_any_number_of_conditions(conditions: int) -> None:
    """With independent conditions at 1/2, a main cause of n is (1 - 2^-n) / n, whatever n is."""
    names = [f"c{i}" for i in range(conditions)]
    coin = Table((), np.array([0.5, 0.5]))
    net = Network("coins", tuple(Variable(n, role="condition") for n in names), dict.fromkeys(names, coin))
    expected = (1 - 0.5**conditions) / conditions
    assert implied(net, "main_cause", condition="c0") == pytest.approx(expected, rel=1e-12)


def test_positives_of_rare_findings_keep_their_digits() -> None:
    """A probability of one in a million million is not the difference of two that are nearly 1."""
    rare = 1e-12
    net = Network(
        "rare",
        (Variable("ill", role="condition"), Variable("sign", role="finding"), Variable("other")),
        {
            "ill": Table((), np.array([0.5, 0.5])),
            "sign": NoisyOr(("ill",), rare, ((None, 3 * rare),)),
            "other": NoisyOr((), rare, ()),
        },
    )
    about: dict[str, Any] = {"condition": "ill", "finding": ("sign",)}
    assert implied(net, "lr_positive", **about) == pytest.approx(4, rel=1e-9)
    both = implied(net, "sensitivity", condition="ill", finding=("sign", "other"), at_least=2)
    assert both == pytest.approx(4 * rare * rare, rel=1e-9)


def test_a_network_at_large_is_asked_whatever_its_selection(net: Network) -> None:
    """A network with a selection, and one without, agree where the study says who was in it."""
    about: dict[str, Any] = {"condition": TENDINOPATHY, "finding": ("hop_test_pain",), "among": EVERYBODY}
    for measure in ("sensitivity", "specificity", "predictive_value", "odds_ratio"):
        free = implied(replace(net, given={}), measure, **{**about, "among": {}})
        assert implied(net, measure, **about) == pytest.approx(free, rel=1e-13)


# -- what cannot be compared ---------------------------------------------------------------------

SURE = """
[network]
name = "sure"
[sources.us]
cite = "Us"
kind = "cohort"
[conditions.ill]
label = "Ill"
table = { value = 0.5, ess = 9, source = "us" }
[findings.sign]
label = "Sign"
leak = { value = 0, ess = inf, source = "us" }
causes.ill = { value = 1, ess = inf, source = "us" }
[findings.never]
label = "Never"
leak = { value = 0, ess = inf, source = "us" }
"""


@pytest.fixture(scope="module")
def sure() -> Network:
    """Return a network in which one finding means the condition, and another never happens."""
    return from_toml(SURE, "sure.toml")


def test_people_who_cannot_exist_are_named_with_their_study(sure: Network) -> None:
    """The error names the study, and a smallest set of what cannot hold together."""
    words = (
        r"^study 'one': These observations cannot hold together: sign=present, ill=absent\. Their joint "
        r"probability under network 'sure' is 0"
    )
    with pytest.raises(ImpossibleEvidence, match=words) as caught:
        implied(sure, "specificity", condition="ill", finding=("never",), among={"sign": "present"})
    assert caught.value.evidence == {"sign": "present", "ill": "absent"}
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args  # noqa: S301 - our own


def test_a_clash_is_not_blamed_on_a_selection_that_was_set_aside() -> None:
    """The network's selection is no part of a study that says "any", nor of its error."""
    twin = """
[findings.twin]
label = "Twin"
leak = { value = 0, ess = inf, source = "us" }
causes.ill = { value = 1, ess = inf, source = "us" }
"""
    net = replace(from_toml(SURE + twin, "sure.toml"), given={"twin": "present"})
    among = {"twin": ANY, "sign": "present"}
    with pytest.raises(ImpossibleEvidence, match="study 'one': These") as caught:
        implied(net, "specificity", condition="ill", finding=("never",), among=among)
    assert caught.value.evidence == {"sign": "present", "ill": "absent"}


def test_a_predictive_value_of_what_never_happens_is_impossible(sure: Network) -> None:
    """Nobody has the finding, so nobody with it has the condition."""
    with pytest.raises(ImpossibleEvidence, match=r"study 'one': .* never=present"):
        implied(sure, "predictive_value", condition="ill", finding=("never",))


def test_a_ratio_by_nothing_is_infinite(sure: Network) -> None:
    """Without a single false alarm, the likelihood ratio has no end; JSON has no word for it."""
    check = check_literature(
        studied(sure, "lr_positive", condition="ill", finding=("sign",), value=20.0, low=5.0, high=80.0)
    )
    (compared,) = check.compared
    assert (compared.implied, compared.inside) == (math.inf, False)
    assert compared.difference == pytest.approx(1 / 21)
    assert math.isfinite(compared.distance)
    assert json.loads(json.dumps(check.to_dict(), allow_nan=False))["rows"][0]["implied"] is None
    assert "inf" in repr(check)
    check.plot()


def test_a_ratio_of_nothing_by_nothing_is_refused(sure: Network) -> None:
    """There is no ratio of 0 to 0, and no NaN either."""
    with pytest.raises(InvalidNetwork, match="study 'one': the network makes this ratio 0 / 0: the result"):
        implied(sure, "lr_positive", condition="ill", finding=("never",))


UNFIT: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "an unknown measure": ({"measure": "accuracy"}, InvalidNetwork, "'accuracy' is no measure. Choose from:"),
    "no finding": ({"finding": ()}, InvalidNetwork, "sensitivity is about a finding, and none is named"),
    "no condition": (
        {"condition": ""},
        InvalidNetwork,
        "sensitivity is about a condition, and none is named",
    ),
    "an unknown finding": ({"finding": ("hop",)}, UnknownNode, "'hop' is no node of network 'five_findings'"),
    "an unknown condition": (
        {"condition": "hop"},
        UnknownNode,
        "'hop' is no node of network 'five_findings'",
    ),
    "an unknown state": ({"state": "maybe"}, UnknownState, "'maybe' is no state of 'hop_test_pain'"),
    "an unknown node among": (
        {"among": {"x": "y"}},
        UnknownNode,
        "'x' is no node of network 'five_findings'",
    ),
    "no figure": ({"value": None, "low": None}, InvalidNetwork, "study 'one' has no figure"),
    "no interval": ({"low": None}, InvalidNetwork, "study 'one' has no interval"),
    "a main cause that is no condition": (
        {"measure": "main_cause", "condition": "hop_test_pain"},
        InvalidNetwork,
        "main_cause counts conditions; 'hop_test_pain' is none",
    ),
}


@pytest.mark.parametrize(("changes", "error", "words"), UNFIT.values(), ids=UNFIT.keys())
def test_a_study_made_by_hand_that_does_not_fit_is_named(
    net: Network, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    """What the reader of files would have refused is refused here, too."""
    about = {"measure": "sensitivity", "condition": TENDINOPATHY, "finding": ("hop_test_pain",), **changes}
    with pytest.raises(error, match=f"^study 'one': {words}"):
        implied(net, about.pop("measure"), **about)


def test_a_condition_of_three_states_is_refused() -> None:
    """It is neither present nor absent."""
    variables = Variable("age", ("young", "middle", "old"), "condition"), Variable("pain", role="finding")
    three = Table((), np.full(3, 1 / 3))
    net = Network("ages", variables, {"age": three, "pain": NoisyOr((), 0.5, ())})
    with pytest.raises(
        InvalidNetwork, match="study 'one': a condition is present or absent; 'age' has 3 states"
    ):
        implied(net, "share", condition="age")


def test_an_overlap_without_conditions_is_refused(net: Network) -> None:
    """There is nothing to count."""
    bare = replace(net, variables=tuple(replace(item, role="") for item in net.variables))
    with pytest.raises(InvalidNetwork, match="overlap counts conditions, and this network has none"):
        implied(bare, "overlap")


def test_a_query_that_would_not_fit_is_refused(net: Network) -> None:
    """The bound on memory holds here, too."""
    with pytest.raises(NetworkTooComplex, match="study 'benazzo2013_tenderness': An exact answer in network"):
        check_literature(net, memory=100)


# -- inside, outside and how far -----------------------------------------------------------------


def compared(found: float, low: float, high: float, measure: str = "share") -> Compared:
    """Return a study of an interval with what the network implies."""
    return Compared(Study("x", measure, "us", value=(low + high) / 2, low=low, high=high), found)


@pytest.mark.parametrize(
    ("found", "inside"),
    [(0.2, True), (0.3, True), (0.25, True), (0.3 + 1e-12, True), (0.1999, False), (0.3001, False)],
)
def test_the_ends_belong_to_the_interval(found: float, inside: bool) -> None:
    """Nothing is rounded in the network's favour, but a last bit is no disagreement."""
    assert compared(found, 0.2, 0.3).inside == inside
    assert (compared(found, 0.2, 0.3).distance == 0) == inside


def test_the_distance_is_the_factor_by_which_odds_are_off() -> None:
    """For a probability the logarithm of a ratio of odds, for a ratio its own logarithm."""
    assert compared(0.5, 0.6, 0.8).distance == pytest.approx(math.log(0.6 / 0.4))
    assert compared(0.9, 0.6, 0.8).distance == pytest.approx(math.log(9 / 4))
    assert compared(8.0, 1.0, 4.0, "odds_ratio").distance == pytest.approx(math.log(2))
    assert compared(0.0, 0.1, 0.2).distance == pytest.approx(math.log((1 / 9) / 1e-6), rel=1e-5)
    assert compared(0.0, 1e-7, 0.2).distance > 0


def test_a_difference_of_ratios_is_between_0_and_1() -> None:
    """A ratio counts as the probability that it makes of even odds."""
    assert compared(4.0, 1.0, 1.0, "lr_positive").difference == pytest.approx(0.8 - 0.5)
    assert compared(0.7, 0.4, 0.6).difference == pytest.approx(0.2)


def test_the_worst_come_first_and_the_nearest_to_an_end_next(net: Network) -> None:
    """Outside by distance, then inside by how near they are to leaving."""
    intervals = {"far": (0.9, 0.99), "off": (0.7, 0.8), "tight": (0.66, 0.8), "safe": (0.3, 0.9)}
    about: dict[str, Any] = {"condition": TENDINOPATHY, "finding": ("sit_bone_tenderness",)}  # implied: 0.672
    studies = tuple(
        Study(name, "sensitivity", "benazzo2013", low=low, high=high, **about)
        for name, (low, high) in reversed(intervals.items())
    )
    check = check_literature(replace(net, studies=studies))
    assert check.to_frame()["name"].tolist() == list(intervals)
    assert check.outside["name"].tolist() == ["far", "off"]


# -- the result ----------------------------------------------------------------------------------


def test_the_frame_has_the_columns_of_the_contract(check: LiteratureCheck) -> None:
    """Names, kinds and facts are those that the page promises."""
    frame = check.to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert list(COLUMNS)[:9] == [
        "published", "low", "high", "implied", "inside", "condition", "finding", "measure", "source",
    ]  # fmt: skip
    assert frame.dtypes.map(str).loc[["inside", "judged", "implied", "n"]].tolist() == [
        "bool", "bool", "float64", "float64",
    ]  # fmt: skip
    row = frame.set_index("name").loc["benazzo2013_tenderness"]
    assert (row["published"], row["n"], row["grade"], row["judged"]) == (7 / 17, 17, "C", False)
    assert row["finding"] == "sit_bone_tenderness"
    assert not frame.drop(columns="n").isna().any(axis=None)
    assert len(frame) == len(check.net.studies)


def test_the_summary_counts_by_condition(check: LiteratureCheck) -> None:
    """Rows, those inside, their share and the mean difference are those of the frame."""
    frame, summary = check.to_frame(), check.summary()
    assert summary["rows"].sum() == len(frame)
    for condition, row in summary.iterrows():
        some = frame[frame["condition"] == condition]
        assert row["inside"] == some["inside"].sum()
        assert row["share_inside"] == some["inside"].mean()
        assert row["mean_difference"] == pytest.approx((some["implied"] - some["published"]).mean())
    assert summary["share_inside"].is_monotonic_increasing
    assert check.share_inside == frame["inside"].mean()
    assert len(check.outside) == (~frame["inside"]).sum()


def test_the_result_is_ready_for_json(check: LiteratureCheck) -> None:
    """Plain data, with null where the number of people is unknown."""
    data = json.loads(json.dumps(check.to_dict(), allow_nan=False))
    assert (data["network"], data["studies"], data["share_inside"]) == (
        "five_findings",
        10,
        check.share_inside,
    )
    assert [row["name"] for row in data["rows"]] == check.to_frame()["name"].tolist()
    assert {row["n"] for row in data["rows"] if row["judged"]} == {None}


class _Text(HTMLParser):
    """Collects the words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        """Take a piece of text."""
        self.words += data.split()


def test_text_and_html_say_the_same(check: LiteratureCheck) -> None:
    """The summary stands first, those outside below it; nobody needs more than 80 columns."""
    lines = repr(check).splitlines()
    assert lines[0] == "five_findings | 4 of 10 published or judged results inside the interval"
    assert max(map(len, lines)) <= 80
    assert "76.7 %  73.4–79.7 %   15.5 %  longo2021" in lines[2]
    assert "judged" in repr(check)
    shown = " ".join(_Text(check._repr_html_()).words)
    assert "Share with Proximal hamstring tendinopathy" in shown
    assert "4 of 10 published or judged results inside the interval" in shown


def test_many_are_counted_and_not_all_shown(net: Network) -> None:
    """The table stops at ten, and says how many there are and where."""
    wrong: dict[str, Any] = {
        "condition": TENDINOPATHY,
        "finding": ("hop_test_pain",),
        "value": 0.9,
        "low": 0.8,
        "high": 0.95,
    }
    many = tuple(Study(f"s{i}", "sensitivity", "benazzo2013", **wrong) for i in range(12))
    text = repr(check_literature(replace(net, studies=many)))
    assert text.count("Sensitivity of") == 10
    assert "10 of 12 outside, the farthest first; all of them: .outside" in text


def test_ratios_and_counts_of_findings_are_written_in_words(net: Network) -> None:
    """A ratio has no percent sign, and several findings say how many are asked for."""
    about: dict[str, Any] = {
        "condition": TENDINOPATHY,
        "finding": ("hop_test_pain", "sit_bone_tenderness"),
        "at_least": 2,
    }
    check = check_literature(studied(net, "lr_positive", value=123.0, low=99.7, high=2000.0, **about))
    words = " ".join(_Text(check._repr_html_()).words)
    assert "LR+ of 2 of 2 (Pain on the hop test, Sit-bone tenderness) for Proximal hamstring" in words
    assert " 123 100–2,000 " in words


def test_a_network_without_studies_says_so(net: Network) -> None:
    """An empty check has empty frames and one line."""
    check = check_literature(replace(net, studies=()))
    assert repr(check) == "five_findings | no published results to compare with"
    assert "no published results" in check._repr_html_()
    assert (len(check.to_frame()), len(check.outside), len(check.summary())) == (0, 0, 0)
    assert list(check.to_frame().columns) == list(COLUMNS)
    assert list(check.summary().columns) == ["rows", "inside", "share_inside", "mean_difference"]
    assert check.share_inside is None
    assert check.to_dict() == {
        "network": "five_findings", "studies": 0, "inside": 0, "share_inside": None, "rows": [],
    }  # fmt: skip
    with pytest.raises(
        ValueError, match="network 'five_findings' has no studies, so there is nothing to draw"
    ):
        check.plot()


def test_a_large_check_takes_seconds_at_most() -> None:
    """Ten studies of each kind on a network of the flagship's size are far from a minute's work."""
    net = of_flagship_size()
    rng = np.random.default_rng(0)
    studies = []
    for i in range(60):
        measure = list(MEASURES)[i % len(MEASURES)]
        findings = tuple(f"f{j}" for j in rng.choice(77, 2, replace=False))
        studies.append(
            Study(
                name=f"s{i}",
                measure=measure,
                source="",
                condition=f"c{rng.integers(23)}" if "condition" in MEASURES[measure] else "",
                finding=findings if "finding" in MEASURES[measure] else (),
                controls={"selection": "absent"} if measure in ("specificity", *RATIOS) else {},
                low=0.2,
                high=0.8,
            )
        )
    start = time.perf_counter()
    check = check_literature(replace(net, studies=tuple(studies)))
    assert time.perf_counter() - start < 20
    assert len(check.compared) == 60


# -- the picture ---------------------------------------------------------------------------------


@pytest.fixture
def mixed(net: Network) -> LiteratureCheck:
    """Return a check with a ratio, a long name and a source that measured the same as another."""
    about: dict[str, Any] = {"condition": TENDINOPATHY, "finding": ("isometric_hamstring_pain",)}
    more = (
        Study("ratio", "lr_positive", "benazzo2013", value=9.0, low=3.0, high=27.0, **about),
        Study("again", "sensitivity", "lesher2008", value=0.5, low=0.4, high=0.6, **about),
        Study("twice", "sensitivity", "saleem", value=0.9, low=0.8, high=0.95, **about),
    )
    return check_literature(replace(net, studies=(*net.studies, *more)))


def drawn(axes: Axes) -> Axes:
    """Have matplotlib lay out the picture."""
    axes.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]
    return axes


def labels(axes: Axes) -> list[str]:
    """Return the labels of the rows, from the top down."""
    return [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]


def test_the_picture_has_a_row_for_each_study_under_its_condition(mixed: LiteratureCheck) -> None:
    """Headings, then the studies; ratios come last; what would read alike names its source."""
    shown = labels(drawn(mixed.plot(everything=True)))
    assert shown[0] == "Proximal hamstring tendinopathy"
    assert shown[-2:] == [
        "Proximal hamstring tendinopathy, ratios",
        "Pain on isometric hamstring contraction: LR+",
    ]
    assert "Pain on isometric hamstring contraction: sensitivity, saleem" in shown
    assert "Sit-bone tenderness: sensitivity" in shown
    assert len(shown) == 13 + 7


def test_marks_stand_where_the_figures_are(mixed: LiteratureCheck) -> None:
    """The network's marks are at its figures, a ratio r at r / (1 + r)."""
    axes = drawn(mixed.plot(everything=True))
    expected: dict[bool, list[float]] = {True: [], False: []}
    for item in mixed.compared:
        ratio = item.study.measure in RATIOS
        expected[item.inside].append(item.implied / (1 + item.implied) if ratio else item.implied)
    for line in axes.lines:
        if str(line.get_label()).startswith("network"):
            inside = line.get_label() == "network, inside"
            assert sorted(np.asarray(line.get_xdata())) == pytest.approx(sorted(expected.pop(inside)))
    assert expected == {}


def test_unless_all_are_asked_for_those_outside_are_drawn(mixed: LiteratureCheck) -> None:
    """What disagrees is what one looks for; the title counts both, and where none disagrees all are drawn."""
    axes = drawn(mixed.plot())
    off = len(mixed.outside)
    assert 0 < off < len(mixed.compared)
    (marks,) = (line for line in axes.lines if str(line.get_label()).startswith("network"))
    assert (marks.get_label(), len(np.asarray(marks.get_xdata()))) == ("network, outside", off)
    assert axes.get_title(loc="left").replace("\n", " ").endswith(f"; drawn: the {off} outside")
    agreed = replace(mixed, compared=tuple(item for item in mixed.compared if item.inside))
    assert len(labels(agreed.plot())) == len(labels(agreed.plot(everything=True)))


def test_scales_and_legend_stand_by_what_they_belong_to(mixed: LiteratureCheck) -> None:
    """Probabilities are read on top, beside the first rows, and ratios at the bottom, beside the last."""
    axes = drawn(mixed.plot(everything=True))
    legend: Any = axes.get_legend()
    frame = axes.get_window_extent()
    assert legend.get_window_extent().y0 > axes.xaxis.get_label().get_window_extent().y1 > frame.y1
    (scale,) = axes.child_axes
    assert scale.xaxis.get_label().get_window_extent().y1 < frame.y0


def test_inside_and_outside_differ_in_shape(mixed: LiteratureCheck) -> None:
    """Colour alone says nothing."""
    marks = {line.get_label(): line.get_marker() for line in mixed.plot(everything=True).lines}
    assert marks["network, inside"] != marks["network, outside"]


def test_no_text_covers_another_or_leaves_the_page(mixed: LiteratureCheck) -> None:
    """Labels, figures, scales and legend have room of their own."""
    axes = drawn(mixed.plot(everything=True))
    figure = axes.get_figure(root=True)
    assert figure is not None
    texts: list[Any] = axes.findobj(Text)
    boxes = [
        (text.get_text(), text.get_window_extent())
        for text in texts
        if text.get_text() and text.get_visible()
    ]
    assert len(boxes) > 40
    page = figure.bbox
    for text, box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1, text  # noqa: PT018
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not a.padded(-1).overlaps(b.padded(-1)), (one, other)


def test_one_condition_can_be_drawn_alone(mixed: LiteratureCheck) -> None:
    """Its studies, its count, and a picture no higher than they need."""
    axes = drawn(mixed.plot(condition="deep_gluteal_syndrome"))
    assert labels(axes) == ["Deep gluteal syndrome", "Share", "Main cause"]
    assert axes.get_title(loc="left").startswith("five_findings | 1 of 2 ")
    whole, part = mixed.plot(everything=True).get_figure(root=True), axes.get_figure(root=True)
    assert whole is not None
    assert part is not None
    assert part.get_figheight() < whole.get_figheight() / 2


def test_a_condition_without_studies_is_refused(mixed: LiteratureCheck) -> None:
    """An unknown name is told from one that nobody studied."""
    with pytest.raises(UnknownNode, match="'deep_gluteal' is no node of network"):
        mixed.plot(condition="deep_gluteal")
    with pytest.raises(ValueError, match="has no studies about 'hop_test_pain', so there is nothing to draw"):
        mixed.plot(condition="hop_test_pain")


def test_a_picture_goes_where_it_is_told(mixed: LiteratureCheck) -> None:
    """Axes that were given are drawn on and returned; only ratios leave the lower scale empty."""
    _, axes = plt.subplots()
    assert mixed.plot(axes) is axes
    ratios = check_literature(replace(mixed.net, studies=mixed.net.studies[-3:-2]))
    assert len(ratios.plot().get_xticks()) == 0
