"""The service: the library's own answers, under the operator's limits, and errors with their facts."""

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import buttpain as bp
from buttpain.analysis.explanation import explain
from buttpain.analysis.information import next_findings
from buttpain.faces import service
from buttpain.faces.schema import USE, Answer, CaseRequest, CohortRequest, InvalidRequest, read
from buttpain.faces.service import Limits, Networks, Refused, UnknownNetwork, WrongVersion
from buttpain.model.network import Table, Variable
from strategies import evidence as evidences
from strategies import networks, networks_with_evidence

SEEN = {"hop_test_pain": "present", "sit_bone_tenderness": {"absent": 0.2, "present": 0.7}}
SHARED = ("network", "evidence")


@pytest.fixture(scope="module")
def on_offer() -> Networks:
    """Return the networks that come with the library."""
    return Networks()


def asked(on_offer: Any, *sections: service.Section, **stated: Any) -> dict[str, Any]:
    """Return an answer as plain data."""
    request = read(CaseRequest, {"network": "five_findings", "evidence": SEEN, **stated})
    found: dict[str, Any] = json.loads(service.answer(on_offer, request, sections).model_dump_json())
    return found


def own(result: Any) -> dict[str, Any]:
    """Return what a result says beside network and evidence."""
    return {key: value for key, value in result.to_dict().items() if key not in SHARED}


def test_every_answer_has_what_must_be_seen(on_offer: Networks) -> None:
    """Red flags, urgency, versions and use are there, whatever was asked, and all else only if it was."""
    found = asked(on_offer)
    case = bp.observe(on_offer["five_findings"], SEEN)
    assert found["triage"] == {**bp.triage(case).to_dict(), "rules": len(case.net.red_flags)}
    assert found["use"] == USE
    assert (found["schema"], found["library"], found["version"]) == ("1", bp.__version__, case.net.version)
    assert found["evidence"] == SEEN
    assert found["given"] == {"buttock_pain": "present"}
    assert found["log_evidence"] == case.log_evidence
    assert [name for name in service.SECTIONS if found[name] is not None] == []


def test_a_section_is_the_result_of_the_library(on_offer: Networks) -> None:
    """Nothing is computed or rounded on the way."""
    case = bp.observe(on_offer["five_findings"], SEEN)
    found = asked(on_offer, "posterior", "explanation", "next")
    assert {key: found[key] for key in ("posterior", "prior")} == own(case.posterior())
    target = next(iter(found["posterior"]))
    assert found["explanation"]["target"] == target
    assert found["explanation"]["summary"] == explain(case).summary
    assert found["next"]["entropy"] == next_findings(case).entropy


def test_options_reach_the_library(on_offer: Networks) -> None:
    """Each option of each section changes what the library is asked, and nothing else does."""
    case = bp.observe(on_offer["five_findings"], SEEN)
    targets = ["lumbar_radicular_pain", "deep_gluteal_syndrome"]
    found = asked(
        on_offer,
        targets=targets,
        uncertainty={"samples": 30, "seed": 5, "ess": 7, "top": 2},
        sensitivity={
            "target": "deep_gluteal_syndrome",
            "state": "absent",
            "covariation": "uniform",
            "top": 3,
        },
        explanation={
            "target": targets[0],
            "state": "absent",
            "against": {"node": targets[1], "state": "present"},
        },
        next={
            "n": 1,
            "target": targets[0],
            "cost": {"burning_pain_past_knee": 3},
            "steps": 2,
            "among": ["burning_pain_past_knee", "pain_running_uphill"],
        },
    )
    u = own(bp.uncertainty(case, targets=targets, samples=30, seed=5, ess=7))
    for target in u["targets"]:
        target["numbers"], target["sources"] = target["numbers"][:2], target["sources"][:2]
    assert found["uncertainty"] == u
    s = own(bp.sensitivity(case, "deep_gluteal_syndrome", state="absent", covariation="uniform"))
    assert found["sensitivity"] == {**s, "parameters": s["parameters"][:3]}
    e = own(explain(case, targets[0], state="absent", against=(targets[1], "present")))
    assert found["explanation"] == e
    n = own(
        next_findings(
            case,
            1,
            targets[0],
            {"burning_pain_past_knee": 3},
            steps=2,
            among=["burning_pain_past_knee", "pain_running_uphill"],
        )
    )
    assert found["next"] == n
    assert found["posterior"] is None


def test_sensitivity_asks_about_the_likeliest_target(on_offer: Networks) -> None:
    """Without a target it is the first of the ranking."""
    found = asked(on_offer, "posterior", "sensitivity")
    assert found["sensitivity"]["target"] == next(iter(found["posterior"]))
    assert len(found["sensitivity"]["parameters"]) == 20


def test_draws_are_limited(on_offer: Networks) -> None:
    """More draws than the operator allows are refused; unasked, as many as there may be are made."""
    request = read(CaseRequest, {"network": "five_findings", "uncertainty": {"samples": 11}})
    with pytest.raises(Refused, match=r"uncertainty.samples is 11; at most 10 are answered here\."):
        service.answer(on_offer, request, limits=Limits(samples=10))
    plain = read(CaseRequest, {"network": "five_findings"})
    found = service.answer(on_offer, plain, ["uncertainty"], Limits(samples=10)).uncertainty
    assert found is not None
    assert found.samples == 10


def test_memory_is_limited(on_offer: Networks) -> None:
    """A query that would take more than allowed is refused before it takes it."""
    request = read(CaseRequest, {"network": "runner"})
    with pytest.raises(bp.NetworkTooComplex, match="more than the 0 MiB allowed"):
        service.answer(on_offer, request, ["posterior"], Limits(memory=1000))
    rows = read(CohortRequest, {"network": "runner", "rows": [{}]})
    with pytest.raises(bp.NetworkTooComplex, match="more than the 0 MiB allowed"):
        service.answers(on_offer, rows, Limits(memory=1000))


def test_the_version_is_checked(on_offer: Networks) -> None:
    """A case meant for another version of the network is refused, and the right one answered."""
    version = on_offer["five_findings"].version
    assert asked(on_offer, version=version)["version"] == version
    with pytest.raises(WrongVersion, match="Network 'five_findings' is of version '1' here, not '0'"):
        asked(on_offer, version="0")
    request = read(CohortRequest, {"network": "five_findings", "version": "0", "rows": [{}]})
    with pytest.raises(WrongVersion, match="not '0'"):
        service.answers(on_offer, request)


def test_a_plain_value_error_is_refused_in_its_words(on_offer: Networks) -> None:
    """What the library says of an odd argument is passed on as an error of its own."""
    with pytest.raises(Refused, match="name each node once"):
        asked(on_offer, "posterior", targets=["hop_test_pain", "hop_test_pain"])


@settings(max_examples=40, deadline=None)
@given(networks_with_evidence(), st.sampled_from(service.SECTIONS))
def test_any_case_is_answered_or_refused(
    drawn: tuple[bp.Network, dict[str, Any]], section: service.Section
) -> None:
    """Every network and evidence gives an answer that is JSON, without NaN, or an error of the library."""
    net, evidence = drawn
    request = read(
        CaseRequest, {"network": net.name, "evidence": evidence, "uncertainty": {"samples": 5, "ess": 9}}
    )
    try:
        found = service.answer({net.name: net}, request, [section])
    except bp.ButtpainError:
        return
    text = found.model_dump_json()
    assert "NaN" not in text
    assert Answer.model_validate_json(text) == found
    told = bp.triage(bp.observe(net, evidence)).to_dict()
    assert found.triage.model_dump() == {**told, "rules": len(net.red_flags)}


# -- cohorts -------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_cohort_is_its_cases_one_by_one(data: st.DataObject) -> None:
    """Rows get the red flags and posteriors that they would get alone; impossible ones are null."""
    net = data.draw(networks())
    rows = data.draw(st.lists(evidences(net), min_size=1, max_size=3))
    offer = {net.name: net}
    request = read(
        CohortRequest, {"network": net.name, "rows": rows, "targets": [net.nodes[0]], "impossible": "null"}
    )
    try:
        found = service.answers(offer, request).rows
    except bp.ImpossibleEvidence:
        # Of the network's own selection, which nothing observed can make impossible.
        with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together"):
            bp.observe(net).posterior()
        return
    for row, told in zip(rows, found, strict=True):
        alone = read(CaseRequest, {"network": net.name, "evidence": row, "targets": [net.nodes[0]]})
        try:
            one = service.answer(offer, alone, ["posterior"])
        except bp.ImpossibleEvidence:
            assert told is None
            continue
        assert told is not None
        assert one.posterior is not None
        assert told.posterior.keys() == one.posterior.keys()
        for node, states in one.posterior.items():
            assert told.posterior[node] == pytest.approx(states, abs=1e-9)
        assert told.triage == one.triage


def test_a_cohort_shows_red_flags(on_offer: Networks) -> None:
    """Flags fire on a posterior that was not asked for, and on what likelihoods leave no doubt of."""
    rows = [
        {},
        {"hop_test_pain": True},
        {"hop_test_pain": {"present": 1, "absent": 0}},
        {"hop_test_pain": None},
    ]
    request = read(
        CohortRequest, {"network": "five_findings", "rows": rows, "targets": ["lumbar_radicular_pain"]}
    )
    found = service.answers(on_offer, request)
    urgencies = [row.triage.urgency for row in found.rows if row]
    assert urgencies == ["routine", "prompt", "prompt", "routine"]
    assert list(found.prior) == ["lumbar_radicular_pain"]
    assert {len(row.posterior) for row in found.rows if row} == {1}


ALL_ZERO = {"hop_test_pain": {"present": 0, "absent": 0}}
SURE = {"hop_test_pain": {"present": 1, "absent": 0}}
CLASHING: dict[str, tuple[list[dict[str, Any]], list[int]]] = {
    "the network's selection": ([{}, {"buttock_pain": False}, SURE], [1]),
    "likelihoods of 0": ([ALL_ZERO, {"hop_test_pain": True}], [0]),
    "both, and alone": ([{"buttock_pain": False}, ALL_ZERO], [0, 1]),
}


@pytest.mark.parametrize(("rows", "lost"), CLASHING.values(), ids=CLASHING.keys())
def test_impossible_rows_do_not_cost_the_others_their_answer(
    on_offer: Networks, rows: list[dict[str, Any]], lost: list[int]
) -> None:
    """They are null where that was asked for, and all named where not; the others keep their places."""
    stated = {"network": "five_findings", "rows": rows}
    found = service.answers(on_offer, read(CohortRequest, {**stated, "impossible": "null"})).rows
    assert [i for i, row in enumerate(found) if row is None] == lost
    for row, told in zip(rows, found, strict=True):
        if told is not None:
            alone = asked(on_offer, "posterior", evidence=row)["posterior"]
            assert told.posterior.keys() == alone.keys()
            for node, states in alone.items():
                assert told.posterior[node] == pytest.approx(states)
    with pytest.raises(bp.ImpossibleEvidence, match=f"cannot hold together in row.* {lost[0]}") as caught:
        service.answers(on_offer, read(CohortRequest, stated))
    assert list(caught.value.rows) == lost
    assert caught.value.evidence.keys() >= rows[lost[0]].keys()


def test_rows_that_clash_in_different_ways_are_named_together() -> None:
    """Those that arithmetic finds stand beside those that need none; the first is the one explained."""
    families = {
        "always": Table((), np.array([0.0, 1.0])),
        "sign": Table(("always",), np.array([[0.5, 0.5], [1.0, 0.0]])),
    }
    net = bp.Network("sure", (Variable("always"), Variable("sign")), families)
    rows = [{}, {"sign": True}, {"sign": {"absent": 0, "present": 0}}, {"sign": False}]
    stated = {"network": "sure", "rows": rows, "targets": ["always"]}
    with pytest.raises(bp.ImpossibleEvidence, match=r"in rows 1, 2: sign=present\.") as caught:
        service.answers({"sure": net}, read(CohortRequest, stated))
    assert caught.value.rows == (1, 2)
    found = service.answers({"sure": net}, read(CohortRequest, {**stated, "impossible": "null"})).rows
    assert [row is None for row in found] == [False, True, True, False]


@pytest.mark.parametrize(
    ("row", "error", "words"),
    [
        ({"hop_tst_pain": True}, bp.UnknownNode, r"Row 2: 'hop_tst_pain' is no node .* Did you mean 'hop_te"),
        ({"hop_test_pain": "maybe"}, bp.UnknownState, "Row 2: 'maybe' is no state of 'hop_test_pain'"),
        ({"hop_test_pain": {"present": 1}}, bp.UnknownState, "Row 2: .*missing: absent"),
    ],
)
def test_an_error_says_which_row_it_is_about(
    on_offer: Networks, row: dict[str, Any], error: type[bp.ButtpainError], words: str
) -> None:
    """In its words, and as facts of the problem beside its own; in one case there is no row to name."""
    stated = {"network": "five_findings", "rows": [{}, {}, row], "impossible": "null"}
    with pytest.raises(error, match=words) as caught:
        service.answers(on_offer, read(CohortRequest, stated))
    found = service.problem(caught.value).model_dump()
    assert (found["row"], found["where"]) == (2, f"rows.2.{next(iter(row))}")
    assert found["known"]
    with pytest.raises(error, match=words.removeprefix("Row 2: ").removeprefix(".*")) as alone:
        asked(on_offer, evidence=row)
    assert "where" not in service.problem(alone.value).model_dump()


def test_that_there_are_no_red_flags_is_said() -> None:
    """Of a network that states none, the answer has a 0, so that silence is not taken for an all-clear."""
    net = bp.Network("plain", (Variable("a"),), {"a": Table((), np.array([0.5, 0.5]))})
    one = service.answer({"plain": net}, read(CaseRequest, {"network": "plain"}))
    many = service.answers({"plain": net}, read(CohortRequest, {"network": "plain", "rows": [{}]}))
    assert many.rows[0] is not None
    assert (one.triage.rules, many.rows[0].triage.rules) == (0, 0)


@pytest.mark.parametrize("kind", [MemoryError, type("ArrayMemoryError", (MemoryError,), {})])
def test_a_machine_without_memory_left_is_a_query_too_complex(
    on_offer: Networks, monkeypatch: pytest.MonkeyPatch, kind: type[MemoryError]
) -> None:
    """The client hears what to ask for instead; it is no fault that needs a report."""

    def greedy(*_: Any, **__: Any) -> None:
        raise kind("Unable to allocate 40 GiB")

    monkeypatch.setitem(service._ANSWERS, "posterior", greedy)
    monkeypatch.setattr(service, "posteriors", greedy)
    with pytest.raises(
        service.OutOfMemory, match=r"though a query may take only 256 MiB\. Observe more"
    ) as one:
        asked(on_offer, "posterior")
    rows = read(CohortRequest, {"network": "five_findings", "rows": [{}]})
    with pytest.raises(service.OutOfMemory, match="ask for fewer targets, samples or rows"):
        service.answers(on_offer, rows)
    found = service.problem(one.value).model_dump()
    assert (found["type"], found["status"]) == ("urn:buttpain:problem:too-complex", 422)
    assert found["bound"] == 2**28


def test_a_finding_observed_is_no_next_one(on_offer: Networks) -> None:
    """The words are about the request, and no advice to call the library."""
    words = "next.among names 'hop_test_pain', which the evidence states: .* Leave it out of next.among"
    with pytest.raises(Refused, match=words) as caught:
        asked(on_offer, next={"among": ["burning_pain_past_knee", "hop_test_pain"]})
    assert "case.observe" not in str(caught.value)
    # What was seen unsurely is refused by the library too.
    with pytest.raises(Refused, match=r"next\.among names 'sit_bone_tenderness'"):
        asked(on_offer, next={"among": ["sit_bone_tenderness"]})


def test_rows_are_limited(on_offer: Networks) -> None:
    """More rows than the operator allows are refused."""
    request = read(CohortRequest, {"network": "five_findings", "rows": [{}] * 3})
    with pytest.raises(Refused, match="3 rows were sent; at most 2 are answered at once here"):
        service.answers(on_offer, request, Limits(rows=2))


# -- networks ------------------------------------------------------------------------------------


def test_what_is_on_offer(on_offer: Networks) -> None:
    """Those of the library, with their sizes."""
    listed = {item.name: item for item in service.listing(on_offer).networks}
    assert list(listed) == bp.available_networks()
    assert listed["five_findings"].findings == 6
    assert listed["five_findings"].parameters == bp.load_network("five_findings").theta.size


def test_the_operator_adds_files(tmp_path: Path) -> None:
    """A file is offered under the name that the network gives itself, and no name is offered twice."""
    path = tmp_path / "mine.toml"
    text = (
        Path(bp.__file__).parent.parent.joinpath("networks", "five_findings.toml").read_text(encoding="utf-8")
    )
    path.write_text(text.replace('"five_findings"', '"mine"', 1), encoding="utf-8")
    assert list(Networks([path])) == [*bp.available_networks(), "mine"]
    with pytest.raises(bp.InvalidNetwork, match="a network named 'mine' is on offer already; rename one"):
        Networks([path, path])


def test_a_path_is_no_name(on_offer: Networks) -> None:
    """Only names on offer are looked up, never files."""
    for name in (
        "../networks/five_findings",
        "networks/five_findings.toml",
        "/etc/passwd",
        "five_findings.toml",
    ):
        with pytest.raises(UnknownNetwork, match="is no network on offer"):
            on_offer[name]


@pytest.mark.parametrize("name", bp.available_networks())
def test_a_form_has_every_node_once(on_offer: Networks, name: str) -> None:
    """Each node stands once in the form, with its states, its question and its cost."""
    net, found = on_offer[name], service.form(on_offer[name])
    findings = [node for group in found.findings for node in group.findings]
    nodes = [*found.risk_factors, *found.conditions, *found.mechanisms, *found.others, *findings]
    assert sorted(node.name for node in nodes) == sorted(net.nodes)
    assert {node.name: tuple(node.states) for node in nodes} == {name: net.states(name) for name in net.nodes}
    for group in found.findings:
        assert {net.variable(node.name).kind for node in group.findings} == {group.kind}
    assert len({group.kind for group in found.findings}) == len(found.findings)
    assert [flag.name for flag in found.red_flags] == [flag.name for flag in net.red_flags]
    assert all(node.question == net.variable(node.name).question for node in nodes)


# -- problems ------------------------------------------------------------------------------------

PROBLEMS: dict[str, tuple[bp.ButtpainError, int, dict[str, Any]]] = {
    "unknown-network": (UnknownNetwork("runer", ["runner"]), 404, {"matches": ["runner"]}),
    "wrong-version": (WrongVersion("a", "1", "2"), 409, {"asked": "1", "found": "2"}),
    "unknown-node": (bp.UnknownNode("hop", ["hops"]), 422, {"name": "hop", "matches": ["hops"]}),
    "unknown-state": (bp.UnknownState("hop", "mabe", ["no", "maybe"]), 422, {"known": ["no", "maybe"]}),
    "impossible-evidence": (
        bp.ImpossibleEvidence({"a": "b"}, "n", [3]),
        422,
        {"evidence": {"a": "b"}, "rows": [3]},
    ),
    "too-complex": (bp.NetworkTooComplex(9, 10, 11, 12, "n"), 422, {"width": 9, "memory": 11, "bound": 12}),
    "unknown-uncertainty": (bp.UnknownUncertainty(2, 5, "n"), 422, {"missing": 2, "parameters": 5}),
    "invalid-request": (
        InvalidRequest([("a.b", "is wrong")]),
        422,
        {"errors": [{"where": "a.b", "message": "is wrong"}]},
    ),
    "refused": (Refused("No."), 422, {}),
}


@pytest.mark.parametrize(
    ("name", "error", "status", "facts"), [(name, *item) for name, item in PROBLEMS.items()]
)
def test_a_problem_has_the_words_and_facts_of_its_error(
    name: str, error: bp.ButtpainError, status: int, facts: dict[str, Any]
) -> None:
    """Each error of the library has its own type, status and extension members."""
    found = json.loads(service.problem(error).model_dump_json())
    assert found["type"] == f"urn:buttpain:problem:{name}"
    assert (found["status"], found["detail"]) == (status, str(error))
    assert {key: found[key] for key in facts} == facts


def test_a_fact_that_is_no_plain_data_is_told_in_words() -> None:
    """An odd key or value of an error does not break its report."""
    error = bp.UnknownState("hop", MappingProxyType({1: (2, object)}), ["no"])
    found = json.loads(service.problem(error).model_dump_json())
    assert found["state"] == {"1": [2, "<class 'object'>"]}
