"""FHIR: what goes out is valid and says what the library says; what comes in is read or refused in words."""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
from fhir.resources.R4B.riskassessment import RiskAssessment
from hypothesis import given, reject, settings

import buttpain as bp
from buttpain.faces.fhir import (
    ICD10,
    InvalidResource,
    case_from_response,
    questionnaire,
    questionnaire_response,
    risk_assessment,
)
from buttpain.faces.words import USE
from buttpain.inference.case import Case
from buttpain.model.network import Network, RedFlag, Table, Variable
from strategies import networks_with_evidence

FIVE = bp.load_network("five_findings")
RUNNER = bp.load_network("runner")
SMALL = settings(max_examples=30)


def items(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every item of a resource, groups before what is in them."""
    for item in resource.get("item", []):
        yield item
        yield from items(item)


def answered(*pairs: tuple[str, Any], **head: Any) -> dict[str, Any]:
    """Return a response with these answers, each a linkId and an answer or a list of them."""
    found = [
        {"linkId": link, "answer": answer if isinstance(answer, list) else [answer]} for link, answer in pairs
    ]
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "item": found, **head}


def coded(code: str, **more: str) -> dict[str, Any]:
    """Return an answer that names a state."""
    return {"valueCoding": {"code": code, **more}}


def observed(net: Network, evidence: Mapping[str, Any]) -> Case:
    """Return a drawn case, unless it contradicts the network's own selection."""
    try:
        return bp.observe(net, evidence)
    except bp.ImpossibleEvidence:
        reject()


# -- Questionnaire -------------------------------------------------------------------------------


@pytest.mark.parametrize("net", [FIVE, RUNNER], ids=lambda net: net.name)
def test_the_questionnaire_asks_each_risk_factor_and_finding_once(net: Network) -> None:
    """It is valid, its linkIds are the nodes, its options their states, its foci the conditions' codes."""
    form = json.loads(json.dumps(questionnaire(net)))
    Questionnaire.model_validate(form)
    leaves = [item for item in items(form) if item["type"] == "choice"]
    asked = {*net.risk_factors, *net.findings} - set(net.given)
    assert sorted(item["linkId"] for item in leaves) == sorted(asked)
    for item in leaves:
        codes = tuple(option["valueCoding"]["code"] for option in item["answerOption"])
        assert codes == net.states(item["linkId"])
        assert item["text"] == (net.variable(item["linkId"]).question or net.label(item["linkId"]))
        assert item["code"][0]["code"] == item["linkId"]
    foci = [context["valueCodeableConcept"] for context in form["useContext"]]
    codings = [focus["coding"] for focus in foci]
    expected = [[{"system": ICD10, "code": net.variable(node).icd10}] for node in net.conditions]
    assert codings == expected
    assert USE in form["description"]
    assert (form["version"], form["url"]) == (net.version, f"urn:buttpain:questionnaire:{net.name}")


def test_groups_follow_the_kind() -> None:
    """Findings stand with their kind, risk factors in a group of their own that comes first."""
    form = questionnaire(RUNNER)
    assert [item["linkId"] for item in form["item"]] == [
        "group.risk_factor",
        "group.symptom",
        "group.history",
        "group.palpation",
        "group.test",
        "group.imaging",
    ]
    for group in form["item"][1:]:
        kinds = {RUNNER.variable(item["linkId"]).kind for item in group["item"]}
        assert kinds == {group["linkId"].removeprefix("group.")}


def plain_network(*names: str, name: str = "plain") -> Network:
    """Return a network of independent nodes without roles."""
    families = {node: Table((), np.array([0.75, 0.25])) for node in names}
    return Network(name, tuple(Variable(node) for node in names), families)


def test_a_network_without_roles_is_asked_in_full() -> None:
    """Every node is a question, and no group takes the name of one."""
    net = plain_network("group.node", "b", name="two nodes/1")
    form = questionnaire(net)
    Questionnaire.model_validate(form)
    assert [item["linkId"] for item in items(form)] == ["group.node.", "group.node", "b"]
    assert form["url"] == "urn:buttpain:questionnaire:two%20nodes%2F1"
    assert "version" not in form
    assert dict(case_from_response(net, answered(("group.node", coded("present")))).evidence) == {
        "group.node": "present"
    }


@SMALL
@given(networks_with_evidence())
def test_any_network_makes_a_form_that_keeps_the_rules(drawn: tuple[Network, dict[str, Any]]) -> None:
    """Beyond what the models check: linkIds are unique, groups are not empty, choices have options."""
    form = questionnaire(drawn[0])
    Questionnaire.model_validate(form)
    found = list(items(form))
    links = [item["linkId"] for item in found]
    assert len(set(links)) == len(links)
    assert all(item["item"] for item in found if item["type"] == "group")
    assert all(item["answerOption"] for item in found if item["type"] == "choice")


# -- QuestionnaireResponse -----------------------------------------------------------------------


@SMALL
@given(networks_with_evidence())
def test_a_case_survives_the_way_out_and_in(drawn: tuple[Network, dict[str, Any]]) -> None:
    """What was observed for certain, and is asked, comes back the same, through JSON text."""
    net, evidence = drawn
    case = observed(net, evidence)
    sent = questionnaire_response(case, subject="Patient/17")
    asked = {item["linkId"] for item in items(questionnaire(net)) if item["type"] == "choice"}
    expected = {node: seen for node, seen in case.evidence.items() if isinstance(seen, str) and node in asked}
    assert dict(case_from_response(net, json.dumps(sent)).evidence) == expected


def test_answers_are_read_in_each_form() -> None:
    """Codings with and without a system, booleans, groups or none, and questions left open."""
    response = answered(
        ("age", coded("50_and_over", system="urn:buttpain:state:runner", display="fifty and more")),
        ("fever", coded("absent")),
        ("buttock_pain", coded("present")),
    )
    tests = {
        "linkId": "group.test",
        "item": [{"linkId": "hop_test_pain", "answer": [{"valueBoolean": True}]}],
    }
    response["item"] += [tests, {"linkId": "sit_bone_tenderness"}]
    expected = {
        "age": "50_and_over",
        "fever": "absent",
        "buttock_pain": "present",
        "hop_test_pain": "present",
    }
    for resource in (response, json.dumps(response), QuestionnaireResponse.model_validate(response)):
        assert dict(case_from_response(RUNNER, resource).evidence) == expected


def test_no_answers_are_no_evidence() -> None:
    """A response without items is a case of which nothing is known."""
    response = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}
    assert dict(case_from_response(RUNNER, response).evidence) == {}


OURS = "urn:buttpain:questionnaire:five_findings"
ABSENT = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
HOP = ("hop_test_pain", coded("present"))
WRONG = {
    "unknown linkId": (
        answered(("hop_test_pane", coded("present"))),
        bp.UnknownNode,
        "'hop_test_pane' is no node of the questionnaire of network 'five_findings'. Did you mean 'hop_test",
    ),
    "a condition": (
        answered(("lumbar_radicular_pain", coded("present"))),
        bp.UnknownNode,
        "'lumbar_radicular_pain' is no node of the questionnaire",
    ),
    "an unknown group": (
        {**answered(), "item": [{"linkId": "group.tests", "item": []}]},
        bp.UnknownNode,
        "'group.tests' is no node",
    ),
    "an unknown nested question": (
        {**answered(), "item": [{"linkId": HOP[0], "answer": [{**HOP[1], "item": [{"linkId": "side"}]}]}]},
        bp.UnknownNode,
        "'side' is no node",
    ),
    "unknown state": (
        answered(("hop_test_pain", coded("presnt"))),
        bp.UnknownState,
        "'presnt' is no state of 'hop_test_pain'. .* Did you mean 'present'",
    ),
    "given denied": (
        answered(("buttock_pain", coded("absent"))),
        bp.ImpossibleEvidence,
        "cannot hold together",
    ),
    "another code system": (
        answered(("hop_test_pain", coded("present", system="http://snomed.info/sct"))),
        InvalidResource,
        "item.0.answer.0.valueCoding.system: must be 'urn:buttpain:state:five_findings'",
    ),
    "a text": (
        answered(("hop_test_pain", {"valueString": "present"})),
        InvalidResource,
        "answer.0: 'hop_test_pain' takes a valueCoding of one of its states; this answer has valueString",
    ),
    "an empty answer": (
        answered(("hop_test_pain", {"id": "a"})),
        InvalidResource,
        "this answer has nothing",
    ),
    "two answers": (
        answered(("hop_test_pain", [coded("present"), coded("absent")])),
        InvalidResource,
        "item.0: 'hop_test_pain' has 2 answers; it takes one",
    ),
    "answered twice": (answered(HOP, HOP), InvalidResource, "item.1: 'hop_test_pain' is answered twice"),
    "entered in error": (
        answered(HOP, status="entered-in-error"),
        InvalidResource,
        "status: these answers were entered in error",
    ),
    "another questionnaire": (
        answered(HOP, questionnaire="urn:buttpain:questionnaire:runner"),
        InvalidResource,
        f"'urn:buttpain:questionnaire:runner' was answered; network 'five_findings' asks '{OURS}'",
    ),
    "another version": (
        answered(HOP, questionnaire=f"{OURS}|0"),
        InvalidResource,
        "version '0' was answered; network 'five_findings' is of version",
    ),
    "another resource": (
        {"resourceType": "Patient"},
        InvalidResource,
        "must be 'QuestionnaireResponse', not 'Pat",
    ),
    "no resource": ([1], InvalidResource, "a resource is a JSON object; this is a list"),
    "no JSON": ("{", InvalidResource, "this is no JSON"),
    "no linkId": ({**answered(), "item": [{"text": "?"}]}, InvalidResource, "item.0.linkId"),
    "no status": ({"resourceType": "QuestionnaireResponse"}, InvalidResource, "status"),
    "an unheard-of field": (answered(HOP, mood="good"), InvalidResource, "mood"),
    "an unheard-of status": (
        answered(HOP, status="final"),
        InvalidResource,
        "status: must be one of 'in-progress', 'completed', .*; it is 'final'",
    ),
    "a status that is an extension": (
        {
            **{key: value for key, value in answered(HOP).items() if key != "status"},
            "_status": {"extension": ABSENT},
        },
        InvalidResource,
        "status: must be one of .*; it is None",
    ),
    "no items but null": ({**answered(), "item": None}, InvalidResource, "item: is null; FHIR leaves out"),
    "a null in an answer": (
        answered(("hop_test_pain", {"valueBoolean": None})),
        InvalidResource,
        "item.0.answer.0.valueBoolean: is null",
    ),
    "null answers": (
        {**answered(), "item": [{"linkId": HOP[0], "answer": None}]},
        InvalidResource,
        "item.0.answer: is null",
    ),
    "a boolean as text": (
        answered(("hop_test_pain", {"valueBoolean": "false"})),
        InvalidResource,
        "item.0.answer.0.valueBoolean: must be true or false; it is 'false'",
    ),
}


@pytest.mark.parametrize(("resource", "error", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_read_is_refused(resource: Any, error: type[Exception], words: str) -> None:
    """Each fault is an error of the library that says where and what."""
    with pytest.raises(error, match=words) as caught:
        case_from_response(FIVE, resource)
    assert isinstance(caught.value, bp.ButtpainError)


def test_the_right_version_is_read() -> None:
    """A response that names its questionnaire and version is read, with or without the version."""
    for canonical in (OURS, f"{OURS}|{FIVE.version}"):
        assert case_from_response(FIVE, answered(HOP, questionnaire=canonical)).evidence


NEGATED = {"modifierExtension": [{"url": "http://example.org/negated", "valueBoolean": True}]}
MODIFIED = {
    "resource": ("modifierExtension", answered(HOP, **NEGATED)),
    "group": ("item.0.modif", {**answered(), "item": [{"linkId": "group.test", **NEGATED}]}),
    "item": (
        "item.0.item.0.modif",
        {**answered(), "item": [{"linkId": "group.test", "item": [{"linkId": HOP[0], **NEGATED}]}]},
    ),
    "answer": ("item.0.answer.0.modif", answered((HOP[0], {**HOP[1], **NEGATED}))),
    "below an answer": (
        "item.0.answer.0.item.0.modif",
        answered((HOP[0], {**HOP[1], "item": [{"linkId": "sit_bone_tenderness", **NEGATED}]})),
    ),
    "none, but there": ("modifierExtension", answered(HOP, modifierExtension=[])),
}


@pytest.mark.parametrize(("where", "resource"), MODIFIED.values(), ids=MODIFIED.keys())
def test_what_may_mean_the_opposite_is_refused(where: str, resource: dict[str, Any]) -> None:
    """R4: who does not understand a modifier extension must not process what it stands on."""
    for form in (resource, json.dumps(resource)):
        with pytest.raises(
            InvalidResource, match=f"^{where}.*: may turn what it stands on into its opposite"
        ):
            case_from_response(FIVE, form)


def test_an_extension_that_modifies_nothing_is_read() -> None:
    """Only modifiers are refused."""
    extended = answered(
        (HOP[0], {**HOP[1], "extension": [{"url": "http://example.org/a", "valueBoolean": True}]})
    )
    assert dict(case_from_response(FIVE, extended).evidence) == {"hop_test_pain": "present"}


def nested(depth: int) -> dict[str, Any]:
    """Return a response whose items stand in one another."""
    item: dict[str, Any] = {"linkId": HOP[0], "answer": [HOP[1]]}
    for _ in range(depth):
        item = {"linkId": "group.test", "item": [item]}
    return {**answered(), "item": [item]}


def test_items_too_deep_in_one_another_are_refused() -> None:
    """In words, as data or as text, and not by the end of Python's stack; some depth is read."""
    assert dict(case_from_response(FIVE, nested(40)).evidence) == {"hop_test_pain": "present"}
    for deep in (nested(60), nested(600), json.dumps(nested(150)), '{"item": ' + "[" * 200_000):
        with pytest.raises(
            InvalidResource, match="stand more than 100 deep in one another; send the items flat"
        ):
            case_from_response(FIVE, deep)


@pytest.mark.parametrize("status", ["in-progress", "completed", "amended", "stopped"])
def test_answers_are_read_whatever_their_status(status: str) -> None:
    """Each status of R4's value set but entered-in-error."""
    assert dict(case_from_response(FIVE, answered(HOP, status=status)).evidence) == {
        "hop_test_pain": "present"
    }


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading needs fhir.resources, and says so."""
    monkeypatch.setitem(sys.modules, "fhir.resources.R4B.questionnaireresponse", None)
    with pytest.raises(ImportError, match=r'pip install "\.\[fhir\]"'):
        case_from_response(FIVE, answered(HOP))


# -- RiskAssessment ------------------------------------------------------------------------------


def assessed(case: Case, *args: Any, **options: Any) -> dict[str, Any]:
    """Return an assessment as its reader gets it, once its model has checked it."""
    sent = json.loads(json.dumps(risk_assessment(case, *args, **options), allow_nan=False))
    RiskAssessment.model_validate(sent)
    contained = {f"#{item['id']}" for item in sent.get("contained", [])}
    assert contained <= {item["reference"] for item in sent.get("basis", [])}
    ET.fromstring(sent["text"]["div"])  # noqa: S314 - our own
    return dict(sent)


def test_each_condition_is_predicted() -> None:
    """Probability, ratio to the prior, code and label of each condition, the likeliest first."""
    case = bp.observe(RUNNER, sit_bone_tenderness=True, hop_test_pain=False, age="50_and_over")
    sent = assessed(case)
    ranked = case.posterior().ranked()
    labels = [item["outcome"]["text"] for item in sent["prediction"]]
    assert labels == [RUNNER.label(node) for node in ranked.index]
    for node, item in zip(ranked.index, sent["prediction"], strict=True):
        prior = bp.observe(RUNNER).probability(node)
        assert item["probabilityDecimal"] == pytest.approx(ranked[node], rel=1e-5)
        assert item["relativeRisk"] == pytest.approx(ranked[node] / prior, rel=1e-5)
        assert item["outcome"]["coding"] == [{"system": ICD10, "code": RUNNER.variable(node).icd10}]
    assert "Sit-bone tenderness" in sent["prediction"][0]["rationale"]
    assert sent["reasonCode"] == [{"text": "Buttock pain present"}]


def test_the_answers_are_its_basis() -> None:
    """What was observed is contained, and read again it is the same case."""
    case = bp.observe(RUNNER, age="50_and_over", hop_test_pain=False, fever={"present": 0.5, "absent": 0.1})
    sent = assessed(case, subject="Patient/17")
    (answers,) = sent["contained"]
    assert sent["basis"] == [{"reference": "#answers"}]
    assert (sent["subject"], answers["subject"]) == ({"reference": "Patient/17"},) * 2
    hard = {"age": "50_and_over", "hop_test_pain": "absent"}
    assert dict(case_from_response(RUNNER, answers).evidence) == hard
    assert "Fever absent 0.1, present 0.5" in sent["note"][-1]["text"]


def test_a_basis_of_ones_own_takes_their_place() -> None:
    """References given are the basis, and nothing is contained."""
    when = datetime(2026, 3, 1, 12, tzinfo=UTC)
    sent = assessed(
        bp.observe(FIVE, hop_test_pain=True), basis=["QuestionnaireResponse/5"], occurrence=when, explained=0
    )
    assert "contained" not in sent
    assert sent["basis"] == [{"reference": "QuestionnaireResponse/5"}]
    assert sent["occurrenceDateTime"] == "2026-03-01T12:00:00+00:00"
    assert "before the findings" in sent["prediction"][0]["rationale"]
    with pytest.raises(ValueError, match="occurrence needs a time zone; it is 2026-03-01"):
        risk_assessment(bp.observe(FIVE), occurrence=datetime(2026, 3, 1))  # noqa: DTZ001 - on purpose


def test_nothing_observed_says_the_priors() -> None:
    """Without evidence nothing is contained, the ratios are 1, and the subject is marked as unknown."""
    sent = assessed(bp.observe(FIVE))
    assert "contained" not in sent
    assert "basis" not in sent
    assert {item["relativeRisk"] for item in sent["prediction"]} == {1.0}
    assert sent["subject"]["extension"][0]["valueCode"] == "unknown"
    assert sent["note"][1]["text"] == "No red flag fires."
    assert "mitigation" not in sent


def test_a_network_without_red_flags_says_so() -> None:
    """Nothing fires where nothing can; that is another sentence than that nothing fired."""
    sent = assessed(bp.observe(plain_network("a", "b"), a=True))
    assert sent["note"][1]["text"] == "The network states no red flags: none can fire."
    assert "none can fire" in sent["text"]["div"]


def test_red_flags_and_the_use_are_always_said() -> None:
    """The sentence on use comes first, then the red flags, in notes and narrative; advice is mitigation."""
    case = bp.observe(RUNNER, saddle_anaesthesia=True)
    sent = assessed(case, ["proximal_hamstring_tendinopathy"], explained=0)
    notes = [note["text"] for note in sent["note"]]
    assert notes[0] == USE
    assert tuple(notes[1 : 1 + len(case.alerts())]) == case.alerts()
    assert notes[1].startswith("EMERGENCY")
    assert "".join(ET.fromstring(sent["text"]["div"]).itertext()).startswith(f"{USE}EMERGENCY")  # noqa: S314
    assert all(item.flag.advice in sent["mitigation"] for item in case.red_flags)
    assert len(sent["prediction"]) == 1
    assert sent["status"] == "preliminary"


def test_labels_are_escaped_and_states_named() -> None:
    """A label with signs of XML is text, and a node without a present state has a prediction a state."""
    variables = (Variable("size", ("<5", ">=5"), label="Size & form"), Variable("sign"))
    families = {
        "size": Table((), np.array([1.0, 0.0])),
        "sign": Table(("size",), np.array([[0.5, 0.5], [0.1, 0.9]])),
    }
    flag = RedFlag("f", "A & B", "prompt", "r", "s", advice="Do <this>", any=(("sign", "present"),))
    net = Network("odd", variables, families, red_flags=(flag,))
    sent = assessed(bp.observe(net, sign=True))
    assert [(item["outcome"]["text"], item["probabilityDecimal"]) for item in sent["prediction"]] == [
        ("Size & form <5", 1.0),
        ("Size & form >=5", 0.0),
    ]
    assert "relativeRisk" not in sent["prediction"][1]
    assert sent["mitigation"] == "Do <this>"


@SMALL
@given(networks_with_evidence())
def test_any_case_makes_a_valid_assessment(drawn: tuple[Network, dict[str, Any]]) -> None:
    """Whatever was observed: valid, no probability out of bounds, and the posterior's own numbers."""
    net, evidence = drawn
    case = observed(net, evidence)
    try:
        posterior = case.posterior()
    except bp.ImpossibleEvidence:
        with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together"):
            risk_assessment(case)
        return
    sent = assessed(case)
    found = [item["probabilityDecimal"] for item in sent.get("prediction", [])]
    frame = posterior.to_frame()
    rows = zip(frame["node"], frame["state"], frame["posterior"], strict=True)
    wanted = [value for node, state, value in rows if net.variable(node).positive in (None, state)]
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-12)
    assert all(0 <= value <= 1 for value in found)
