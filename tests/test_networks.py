"""The shipped networks are honest about their numbers, and `five_findings` says what its page says."""

import math
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import buttpain as bp
from buttpain.model.definition import from_toml, to_toml
from buttpain.model.network import NoisyOr, Table, Variable
from buttpain.model.priors import GRADES, Provenance, beta_interval

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "five_findings.md").read_text(encoding="utf-8")
SHIPPED = bp.available_networks()
LINE_LENGTH = 118

TENDINOPATHY = "proximal_hamstring_tendinopathy"
RADICULAR = "lumbar_radicular_pain"
FRACTURE = "sacral_stress_fracture"


@pytest.fixture(scope="module", params=SHIPPED)
def shipped(request: pytest.FixtureRequest) -> bp.Network:
    """Return each network that comes with the library."""
    return bp.load_network(request.param)


@pytest.fixture(scope="module")
def net() -> bp.Network:
    """Return the small network."""
    return bp.load_network("five_findings")


# -- every shipped network -----------------------------------------------------------------------


def without_source(net: bp.Network) -> list[str]:
    """Return the numbers whose source is not in the network, or has no grade."""
    pairs = zip(net.parameters.index, net.provenance, strict=True)
    return [
        name
        for name, item in pairs
        if item.source not in net.sources or net.sources[item.source].kind not in GRADES
    ]


def too_sure(net: bp.Network) -> list[str]:
    """Return the elicited numbers that claim more than a judgement can.

    The central 90 % interval must be at least 0.1 wide or, for a number nearer to 0 or 1
    than that, at least as wide as its distance from the edge: about half as much again
    in either direction.  What holds by definition (an infinite sample size) is no judgement.
    """
    low, high = beta_interval(net.theta, net.ess, 0.90)
    wanted = np.minimum(0.1, np.minimum(net.theta, 1 - net.theta))
    wide = (high - low >= wanted - 1e-6) | np.isposinf(net.ess)
    rows = zip(net.parameters.index, net.provenance, wide, strict=True)
    return [name for name, item, ok in rows if net.sources[item.source].kind == "elicited" and not ok]


def test_a_network_loads_under_its_own_name(shipped: bp.Network, request: pytest.FixtureRequest) -> None:
    """A shipped file defines the network that it is named after."""
    assert shipped.name == request.node.callspec.params["shipped"]


def test_every_number_has_a_graded_source(shipped: bp.Network) -> None:
    """No number of a shipped network lacks a source and a grade."""
    assert without_source(shipped) == []
    assert set(shipped.parameters["grade"]) <= set(GRADES.values())


def test_every_number_says_how_sure_it_is(shipped: bp.Network) -> None:
    """Every number has an effective sample size, and a 95 % interval that holds it."""
    frame = shipped.parameters
    assert (frame["ess"] > 0).all()
    assert ((frame["low"] <= frame["value"]) & (frame["value"] <= frame["high"])).all()


def test_an_elicited_number_has_a_note_and_a_wide_range(shipped: bp.Network) -> None:
    """A judgement says why, and does not claim to be precise."""
    silent = [
        name
        for name, item in zip(shipped.parameters.index, shipped.provenance, strict=True)
        if shipped.sources[item.source].kind == "elicited" and not item.note.strip()
    ]
    assert silent == []
    assert too_sure(shipped) == []


def test_every_source_is_used_and_can_be_found(shipped: bp.Network) -> None:
    """A source supports a number, a red flag or a study; a publication has a DOI or an address."""
    used = {item.source for item in shipped.provenance}
    used |= {flag.source for flag in shipped.red_flags} | {study.source for study in shipped.studies}
    assert set(shipped.sources) == used
    lost = [
        key
        for key, item in shipped.sources.items()
        if item.kind not in {"elicited", "seed_document"} and not (item.doi or item.url)
    ]
    assert lost == []


def test_conditions_and_findings_say_what_people_need(shipped: bp.Network) -> None:
    """A condition has a code, an urgency and a description; a finding a question, a kind and a cost."""
    conditions = map(shipped.variable, shipped.conditions)
    findings = map(shipped.variable, shipped.findings)
    incomplete = [item.name for item in conditions if not (item.icd10 and item.urgency and item.description)]
    incomplete += [
        item.name for item in findings if not (item.question and item.kind) or math.isnan(item.cost)
    ]
    assert incomplete == []


def test_a_network_survives_writing_and_reading(shipped: bp.Network) -> None:
    """Written as TOML and read again, a shipped network has the same numbers, sources, flags and studies."""
    again = from_toml(to_toml(shipped), "again.toml")
    assert again.parameters.equals(shipped.parameters)
    assert again.variables == shipped.variables
    assert again.provenance == shipped.provenance
    assert dict(again.sources) == dict(shipped.sources)
    assert again.red_flags == shipped.red_flags
    assert again.studies == shipped.studies


@pytest.mark.parametrize("name", SHIPPED)
def test_a_file_can_be_read_by_people(name: str) -> None:
    """No line of a shipped file is longer than an editor's window, or ends in blanks."""
    lines = (ROOT / "networks" / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    assert [i for i, line in enumerate(lines, 1) if len(line) > LINE_LENGTH or line != line.rstrip()] == []


BOLD = """
[network]
name = "bold"
[sources.us]
cite = "Our judgement."
kind = "elicited"
[conditions.sprain]
label = "Sprain"
table = { value = 0.5, range = [0.46, 0.54], source = "us", note = "Too sure." }
[conditions.fracture]
label = "Fracture"
table = { value = 0.01, range = [0.008, 0.012], source = "us", note = "Too sure, near an edge." }
[conditions.bruise]
label = "Bruise"
table = { value = 0.01, range = [0.004, 0.016], source = "us", note = "Narrow, but as wide as it is large." }
[findings.pain]
label = "Pain"
leak = { value = 0.0, ess = inf, source = "us", note = "By definition." }
causes.sprain = { value = 0.8, ess = 10, source = "us", note = "Unsure enough." }
"""


def test_a_judgement_that_is_too_sure_is_seen() -> None:
    """The check of the ranges complains about narrow ones only, wherever they stand."""
    complaints = {name.partition("=")[0] for name in too_sure(from_toml(BOLD, "bold.toml"))}
    assert complaints == {"sprain", "fracture"}


def test_a_number_without_a_source_is_seen() -> None:
    """The check of the sources complains about a number that came without one."""
    bare = bp.Network("bare", (Variable("sprain"),), {"sprain": Table((), np.array([0.8, 0.2]))})
    assert without_source(bare) == ["sprain=absent", "sprain=present"]


# -- five_findings: what it says -----------------------------------------------------------------

Evidence = Mapping[str, int]
World = tuple[int, ...]


def worlds(net: bp.Network, evidence: Evidence) -> dict[World, float]:
    """Return P(conditions | evidence, buttock pain), by going through all states of the conditions."""
    seen = {**evidence, "buttock_pain": 1}
    result = {}
    for world in product((0, 1), repeat=len(net.conditions)):
        state = dict(zip(net.conditions, world, strict=True)) | seen
        rows = ((net.table(node)[tuple(state[p] for p in net.parents(node))], node) for node in state)
        result[world] = math.prod(float(row[state[node]]) for row, node in rows)
    total = math.fsum(result.values())
    return {world: weight / total for world, weight in result.items()}


def by_enumeration(net: bp.Network, **evidence: int) -> dict[str, float]:
    """Return P(present | evidence, buttock pain) of each condition."""
    joint = worlds(net, evidence)
    return {
        name: math.fsum(p for world, p in joint.items() if world[i]) for i, name in enumerate(net.conditions)
    }


def test_the_network_has_the_parts_that_were_asked_for(net: bp.Network) -> None:
    """Five findings and the selection, five conditions, in the order in which people name them."""
    assert net.findings == (
        "sit_bone_tenderness",
        "pain_running_uphill",
        "burning_pain_past_knee",
        "hop_test_pain",
        "isometric_hamstring_pain",
        "buttock_pain",
    )
    assert net.conditions == (
        TENDINOPATHY,
        RADICULAR,
        FRACTURE,
        "deep_gluteal_syndrome",
        "gluteal_myofascial_pain",
    )
    assert dict(net.given) == {"buttock_pain": "present"}
    assert net.parents("buttock_pain") == net.conditions


@pytest.mark.parametrize(
    ("evidence", "leader"),
    [
        ({"sit_bone_tenderness": 1, "pain_running_uphill": 1, "burning_pain_past_knee": 0}, TENDINOPATHY),
        ({"burning_pain_past_knee": 1, "sit_bone_tenderness": 0}, RADICULAR),
        ({"isometric_hamstring_pain": 1}, TENDINOPATHY),
        (
            {
                "sit_bone_tenderness": 0,
                "pain_running_uphill": 0,
                "burning_pain_past_knee": 0,
                "isometric_hamstring_pain": 0,
            },
            "gluteal_myofascial_pain",
        ),
    ],
    ids=["hamstring", "nerve root", "hamstring by one test", "nothing but pain"],
)
def test_textbook_pictures_lead_where_they_should(
    net: bp.Network, evidence: dict[str, int], leader: str
) -> None:
    """A textbook picture is led by its own condition."""
    answer = by_enumeration(net, **evidence)
    assert max(answer, key=answer.__getitem__) == leader


def test_a_painful_hop_speaks_for_the_bone(net: bp.Network) -> None:
    """Hop pain away from the sit bone more than trebles the probability of a sacral fracture: a flag."""
    before = by_enumeration(net)[FRACTURE]
    after = by_enumeration(net, hop_test_pain=1, sit_bone_tenderness=0)[FRACTURE]
    (flag,) = net.red_flags
    assert after > 3 * before
    assert (flag.condition, flag.urgency) == (FRACTURE, "prompt")
    assert before < flag.above < after


def test_a_painful_hop_within_a_hamstring_picture_is_not_flagged(net: bp.Network) -> None:
    """Where sit bone, hills and contraction explain the pain, a painful hop alone stays below the bound."""
    picture = {"sit_bone_tenderness": 1, "pain_running_uphill": 1, "isometric_hamstring_pain": 1}
    (flag,) = net.red_flags
    assert by_enumeration(net, hop_test_pain=1, **picture)[FRACTURE] < flag.above


# -- five_findings: what its page says -----------------------------------------------------------

RATES_ADD_UP_TO = 0.562
"""The five base rates and the leak of buttock pain."""

SHARES = {
    TENDINOPATHY: 0.280,
    "gluteal_myofascial_pain": 0.154,
    RADICULAR: 0.095,
    "deep_gluteal_syndrome": 0.069,
    FRACTURE: 0.015,
    "": 0.386,
}
"""Main cause given buttock pain, a runner with two counting half for each; "" is what the network lacks."""

TWO_OR_MORE = 0.223
"""P(two causes or more | buttock pain), everything outside the network counting as one."""

TWO_OR_MORE_OF_THE_FIVE = 0.095

PAIN_IN_THE_BUTTOCK = 0.432
"""P(buttock pain), before it is given."""


class Implied(NamedTuple):
    """What the base rates come to, given buttock pain."""

    shares: dict[str, float]
    two_or_more: float
    two_or_more_of_the_five: float


def implied_by_base_rates(net: bp.Network) -> Implied:
    """Share each world out among its causes: the conditions and, if the leak acted, one from outside."""
    family = net.families["buttock_pain"]
    assert isinstance(family, NoisyOr)
    shares = dict.fromkeys([*net.conditions, ""], 0.0)
    two = two_of_five = 0.0
    for world, p in worlds(net, {}).items():
        outside = family.leak / float(net.table("buttock_pain")[world][1])
        for acted, weight in ((1, p * outside), (0, p * (1 - outside))):
            causes = [name for name, here in zip(shares, (*world, acted), strict=True) if here]
            for name in causes:
                shares[name] += weight / len(causes)
            two += weight * (len(causes) >= 2)
        two_of_five += p * (sum(world) >= 2)
    return Implied(shares, two, two_of_five)


def test_base_rates_imply_the_shares_of_the_page(net: bp.Network) -> None:
    """The shares of the main causes, and how often two causes meet, are those that the page prints."""
    implied = implied_by_base_rates(net)
    assert sum(implied.shares.values()) == pytest.approx(1, abs=1e-12)
    assert implied.shares == pytest.approx(SHARES, abs=5e-4)
    assert implied.two_or_more == pytest.approx(TWO_OR_MORE, abs=5e-4)
    assert implied.two_or_more_of_the_five == pytest.approx(TWO_OR_MORE_OF_THE_FIVE, abs=5e-4)
    for share in SHARES.values():
        assert f"| {share:.1%} |".replace("%", " %") in PAGE
    assert f"in {TWO_OR_MORE:.1%} of".replace("%", " %") in PAGE
    assert f"of the five in {TWO_OR_MORE_OF_THE_FIVE:.1%}".replace("%", " %") in PAGE


def test_base_rates_imply_the_frequency_of_buttock_pain(net: bp.Network) -> None:
    """The sum of the rates, and P(buttock pain) before it is given, are those that the page prints."""
    rates = [float(net.table(name)[1]) for name in net.conditions]
    table = net.table("buttock_pain")
    assert sum(rates) + float(table[0, 0, 0, 0, 0, 1]) == pytest.approx(RATES_ADD_UP_TO, abs=5e-4)
    hurts = math.fsum(
        math.prod(rate if here else 1 - rate for rate, here in zip(rates, world, strict=True))
        * float(table[world][1])
        for world in product((0, 1), repeat=5)
    )
    assert hurts == pytest.approx(PAIN_IN_THE_BUTTOCK, abs=5e-4)
    assert f"add up to {RATES_ADD_UP_TO:.2f}" in PAGE
    assert f"in {PAIN_IN_THE_BUTTOCK:.1%} of".replace("%", " %") in PAGE


def certainty(item: Provenance) -> str:
    """Return how the page says how sure a number is."""
    return f"{item.range[0]:g} to {item.range[1]:g}" if item.range else f"worth {item.ess:g} cases"


def test_the_tables_of_the_page_are_those_of_the_file(net: bp.Network) -> None:
    """Every number stands on the page as it stands in the file, with its range, its p and its source."""
    given = by_enumeration(net)
    rows = []
    for name in net.conditions:
        sure = certainty(net.provenance[net.spans[name].start])
        rows.append(f"| `{name}` | {net.table(name)[1]:g} | {sure} | {given[name]:.3f} |")
    for name in net.findings:
        start = net.spans[name].start
        leak = net.theta[start]
        for i in range(start, net.spans[name].stop):
            value, item = net.theta[i], net.provenance[i]
            p = leak if i == start else 1 - (1 - leak) * (1 - value)
            kind = net.sources[item.source].kind.replace("_", " ")
            rows.append(f"| `{net.parameters.index[i]}` | {value:g} | {certainty(item)} | {p:.2f} | {kind} |")
    assert [row for row in rows if row not in PAGE] == []
    assert len(rows) == 25
    elicited = sum(row.endswith("| elicited |") for row in rows) + len(net.conditions)
    assert f"{elicited} of the {len(rows)} numbers are elicited" in PAGE


WORKED_BY_HAND = 0.681079
"""P(tendinopathy | buttock pain, tender sit bone, no burning past the knee), from docs/five_findings.md.

An absent noisy-OR is a product of one factor a cause, and a present one is the difference of two such
products.  The sit bone has one cause, so tenderness is the factor 0.672 = 1 - 0.82 * 0.40 where the
tendinopathy is present and 0.18 where it is not; the leak of burning cancels.  With S the product over the
other four conditions when burning is absent (0.95607226), and T the same when buttock pain is absent as
well (0.82509000):

    present  0.155 * 0.672 * (S - 0.8 * 0.05 * T) = 0.09614683
    absent   0.845 * 0.18  * (S - 0.8 * T)        = 0.04502164

and 0.09614683 / (0.09614683 + 0.04502164) = 0.681079.
"""


def worked_by_hand() -> float:
    """Return the page's sum in plain floats: no network, no array, only the numbers as printed."""
    burning_absent = (0.935 + 0.065 * 0.55) * 1 * (0.958 + 0.042 * 0.64) * 1
    both_absent = (
        (0.935 + 0.065 * 0.55 * 0.25)
        * (0.99 + 0.01 * 0.20)
        * (0.958 + 0.042 * 0.64 * 0.10)
        * (0.91 + 0.09 * 0.08)
    )
    present = 0.155 * (1 - (1 - 0.18) * (1 - 0.60)) * (burning_absent - 0.8 * 0.05 * both_absent)
    absent = 0.845 * 0.18 * (burning_absent - 0.8 * both_absent)
    return present / (present + absent)


def test_the_answer_worked_by_hand(net: bp.Network) -> None:
    """The sum on the page, enumeration and the library give one and the same probability."""
    by_hand = worked_by_hand()
    assert round(by_hand, 6) == WORKED_BY_HAND
    assert f"= {WORKED_BY_HAND}" in PAGE
    enumerated = by_enumeration(net, sit_bone_tenderness=1, burning_pain_past_knee=0)[TENDINOPATHY]
    assert enumerated == pytest.approx(by_hand, abs=1e-12)
    case = bp.observe(net, sit_bone_tenderness=True, burning_pain_past_knee=False)
    assert case.probability(TENDINOPATHY) == pytest.approx(by_hand, abs=1e-12)


PHI = 0.2
"""Correlation of pain uphill and pain on contraction within each diagnosis, supposed on the page."""

TWO_TESTS = {1: (0.74, 0.67), 0: (0.13, 0.16)}
"""P(tendinopathy | both present, or both absent): as the network says, and with the correlation."""


@pytest.mark.parametrize("seen", TWO_TESTS)
def test_the_price_of_taking_two_tests_as_independent(net: bp.Network, seen: int) -> None:
    """What the page says that independence costs is what a correlation within each world would change."""
    tests = ("pain_running_uphill", "isometric_hamstring_pain")
    sums = {0.0: [0.0, 0.0], PHI: [0.0, 0.0]}
    for world, p in worlds(net, {}).items():
        here = dict(zip(net.conditions, world, strict=True))
        rows = (net.table(test)[tuple(here[name] for name in net.parents(test))] for test in tests)
        first, second = (float(row[seen]) for row in rows)
        together = math.sqrt(first * (1 - first) * second * (1 - second))
        for phi, halves in sums.items():
            halves[here[TENDINOPATHY]] += p * (first * second + phi * together)
    answers = tuple(round(present / (absent + present), 2) for absent, present in sums.values())
    assert answers == TWO_TESTS[seen]
    says, correlated = TWO_TESTS[seen]
    assert {f"{says:.2f}", f"{correlated:.2f}"} <= set(PAGE.replace(",", " ").replace(".\n", " ").split())
