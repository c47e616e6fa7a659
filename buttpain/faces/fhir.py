"""HL7 FHIR R4: a network as a Questionnaire, its answers as a case, a case as a RiskAssessment.

What goes out is plain data, ready for JSON, and needs no package.  What comes in is checked
by `fhir.resources` (the extra ``fhir``).  It has models of R4B, in which these three
resources are those of R4.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

from buttpain.analysis.explanation import explain
from buttpain.display.tables import percent
from buttpain.errors import ButtpainError, UnknownNode, which_comes_with
from buttpain.faces.words import USE, version
from buttpain.inference.case import Case, observe
from buttpain.model.network import Network, Variable

__all__ = [
    "ICD10",
    "InvalidResource",
    "case_from_response",
    "questionnaire",
    "questionnaire_response",
    "risk_assessment",
]

ICD10 = "http://hl7.org/fhir/sid/icd-10"
"""The code system of a condition's code."""

_USAGE = "http://terminology.hl7.org/CodeSystem/usage-context-type"
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_MOST_COMPLAINTS = 20

_DEEPEST = 100
"""Objects and arrays in one another; a questionnaire has a few, and the models recurse."""

_STATUSES = ("in-progress", "completed", "amended", "entered-in-error", "stopped")
"""R4's value set questionnaire-answers-status; the models take any code."""


class InvalidResource(ButtpainError, ValueError):
    """A FHIR resource that cannot be read as a case.

    Attributes
    ----------
    errors
        Where and what, one each: pairs of a path such as ``item.0.answer`` and a sentence.
    """

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{where}: {said}" if where else said for where, said in errors))


# -- Questionnaire -----------------------------------------------------------------------


def questionnaire(net: Network) -> dict[str, Any]:
    """Return a network's risk factors and findings as a FHIR R4 Questionnaire.

    An item's linkId is the name of its node; the answers are its states.  Of a network
    without roles every node is asked, and never one that the network takes as given.

    Parameters
    ----------
    net
        The network.

    Returns
    -------
    resource
        Plain data.  The ICD-10 codes of the conditions stand as its foci (``useContext``).

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.fhir import questionnaire
    >>> form = questionnaire(bp.load_network("five_findings"))
    >>> item = form["item"][0]["item"][0]
    >>> item["linkId"], [option["valueCoding"]["code"] for option in item["answerOption"]]
    ('sit_bone_tenderness', ['absent', 'present'])
    """
    about = " ".join(filter(None, (net.description, _selection(net), USE)))
    return _filled(
        resourceType="Questionnaire",
        url=_url(net, "questionnaire"),
        version=net.version,
        title=net.name,
        status="active",
        subjectType=["Patient"],
        description=f"{about} Leave out what nobody looked for; never answer absent for not asked.",
        useContext=[
            {
                "code": {"system": _USAGE, "code": "focus"},
                "valueCodeableConcept": _condition(net, net.variable(node)),
            }
            for node in net.conditions
        ],
        item=[
            {
                "linkId": group,
                "text": title,
                "type": "group",
                "item": [_question(net, node) for node in nodes],
            }
            for group, title, nodes in _groups(net)
        ],
    )


def _filled(**fields: Any) -> dict[str, Any]:
    """Return the fields that say something: FHIR knows no empty text and no empty list."""
    return {name: value for name, value in fields.items() if value not in ("", [], {}, None)}


def _url(net: Network, kind: str) -> str:
    return f"urn:buttpain:{kind}:{quote(net.name, safe='')}"


def _canonical(net: Network) -> str:
    url = _url(net, "questionnaire")
    return f"{url}|{net.version}" if net.version else url


def _selection(net: Network) -> str:
    given = "; ".join(f"{net.label(node)} {state}" for node, state in net.given.items())
    return f"In every case: {given}." if given else ""


def _condition(net: Network, variable: Variable) -> dict[str, Any]:
    coding = [{"system": ICD10, "code": variable.icd10}] if variable.icd10 else []
    return _filled(coding=coding, text=net.label(variable.name))


def _asked(net: Network) -> list[Variable]:
    """Return what the questionnaire asks, in its order."""
    free = [variable for variable in net.variables if variable.name not in net.given]
    factors = [variable for variable in free if variable.role == "risk_factor"]
    return [*factors, *(variable for variable in free if variable.role == "finding")] or free


def _groups(net: Network) -> Iterator[tuple[str, str, list[str]]]:
    """Yield linkId, title and nodes of each group: one for the risk factors, one a kind of finding."""
    groups: dict[str, list[str]] = {}
    for variable in _asked(net):
        kind = variable.kind if variable.role == "finding" else variable.role
        groups.setdefault(kind or variable.role or "node", []).append(variable.name)
    for kind, nodes in groups.items():
        group = f"group.{kind}"
        while group in net.nodes:
            group += "."
        yield group, kind.replace("_", " ").capitalize(), nodes


def _question(net: Network, node: str) -> dict[str, Any]:
    variable = net.variable(node)
    return {
        "linkId": node,
        "code": [{"system": _url(net, "node"), "code": node, "display": net.label(node)}],
        "text": variable.question or net.label(node),
        "type": "choice",
        "required": False,
        "repeats": False,
        "answerOption": [{"valueCoding": _state(net, state)} for state in variable.states],
    }


def _state(net: Network, state: str) -> dict[str, str]:
    return {"system": _url(net, "state"), "code": state, "display": state.replace("_", " ")}


# -- QuestionnaireResponse ---------------------------------------------------------------


def questionnaire_response(case: Case, *, subject: str = "") -> dict[str, Any]:
    """Return what was observed for certain as a FHIR R4 QuestionnaireResponse.

    Likelihoods, and what the questionnaire does not ask, have no place in it.

    Parameters
    ----------
    case
        The case.
    subject
        Whom it is about, such as ``Patient/17``.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.fhir import questionnaire_response
    >>> case = bp.observe(bp.load_network("five_findings"), hop_test_pain=True)
    >>> questionnaire_response(case)["item"][0]["item"][0]["linkId"]
    'hop_test_pain'
    """
    net = case.net
    groups = []
    for group, title, nodes in _groups(net):
        seen = {node: case.evidence[node] for node in nodes if isinstance(case.evidence.get(node), str)}
        items = [
            {"linkId": node, "answer": [{"valueCoding": _state(net, str(state))}]}
            for node, state in seen.items()
        ]
        groups += [{"linkId": group, "text": title, "item": items}] if items else []
    return _filled(
        resourceType="QuestionnaireResponse",
        questionnaire=_canonical(net),
        status="completed",
        subject={"reference": subject} if subject else {},
        item=groups,
    )


def case_from_response(net: Network, resource: Any) -> Case:
    """Return the case that a FHIR R4 QuestionnaireResponse describes.

    Parameters
    ----------
    net
        The network whose questionnaire was answered.
    resource
        The resource as a mapping, as JSON text, or as an object of `fhir.resources`.
        An answer is a coding of a state, or a boolean where the states are present and
        absent.  A question without an answer was not looked for.

    Raises
    ------
    InvalidResource
        If it is no valid resource, has a modifierExtension, was entered in error, answers
        another questionnaire or version, answers a question twice, or carries an answer of
        another kind.
    UnknownNode, UnknownState
        If a linkId or a state is none of the questionnaire's; close matches are named.
    ImpossibleEvidence
        If an answer contradicts the network's own selection.
    ImportError
        Without the extra ``fhir``.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.fhir import case_from_response
    >>> net = bp.load_network("five_findings")
    >>> item = {"linkId": "hop_test_pain", "answer": [{"valueBoolean": True}]}
    >>> found = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]}
    >>> dict(case_from_response(net, found).evidence)
    {'hop_test_pain': 'present'}
    """
    stated = _checked(resource)
    _check_head(net, stated)
    return observe(net, dict(_evidence(net, stated)))


def _checked(resource: Any) -> dict[str, Any]:
    """Return a QuestionnaireResponse as plain data, if that is what it is."""
    try:
        from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
    except ImportError:
        raise ImportError(
            f"reading FHIR needs the package fhir.resources, {which_comes_with('fhir')}"
        ) from None
    from pydantic import ValidationError

    stated = _plain(resource)
    kind = stated.get("resourceType")
    if kind != "QuestionnaireResponse":
        raise InvalidResource([("resourceType", f"must be 'QuestionnaireResponse', not {kind!r}")])
    _check_tree(stated)
    try:
        QuestionnaireResponse.model_validate(stated)
    except ValidationError as error:
        found = error.errors(include_url=False)[:_MOST_COMPLAINTS]
        raise InvalidResource([(".".join(map(str, item["loc"])), item["msg"]) for item in found]) from None
    return stated


def _plain(resource: Any) -> dict[str, Any]:
    if hasattr(resource, "model_dump_json"):
        resource = resource.model_dump_json()
    if isinstance(resource, str | bytes):
        try:
            resource = json.loads(resource)
        except ValueError as error:
            raise InvalidResource([("", f"this is no JSON: {error}")]) from None
        except RecursionError:
            raise _too_deep() from None
    if not isinstance(resource, Mapping):
        raise InvalidResource([("", f"a resource is a JSON object; this is a {type(resource).__name__}")])
    return dict(resource)


def _check_tree(stated: Mapping[str, Any]) -> None:
    """Refuse, at any depth, what the models let pass and nobody may read: nulls, and other meanings."""
    left: list[tuple[str, Any, int]] = [("", stated, 1)]
    while left:
        where, parent, depth = left.pop()
        if depth > _DEEPEST:
            raise _too_deep()
        within = parent.items() if isinstance(parent, Mapping) else enumerate(parent)
        for name, value in within:
            path = f"{where}.{name}" if where else str(name)
            if name == "modifierExtension":
                said = "may turn what it stands on into its opposite, and none is understood here"
                raise InvalidResource([(path, f"{said}; resolve it before sending")])
            # In arrays null may keep the place of an extension; the models see to that.
            if value is None and isinstance(parent, Mapping):
                raise InvalidResource([(path, "is null; FHIR leaves out what has no value")])
            if isinstance(value, Mapping | list | tuple):
                left.append((path, value, depth + 1))


def _too_deep() -> InvalidResource:
    said = f"objects and arrays stand more than {_DEEPEST} deep in one another; send the items flat"
    return InvalidResource([("", said)])


def _check_head(net: Network, stated: Mapping[str, Any]) -> None:
    if stated.get("status") not in _STATUSES:
        known = ", ".join(map(repr, _STATUSES))
        raise InvalidResource([("status", f"must be one of {known}; it is {stated.get('status')!r}")])
    if stated["status"] == "entered-in-error":
        raise InvalidResource([("status", "these answers were entered in error; they are no evidence")])
    url, _, edition = stated.get("questionnaire", "").partition("|")
    ours, said = _url(net, "questionnaire"), ""
    if url and url != ours:
        said = f"{url!r} was answered; network {net.name!r} asks {ours!r}"
    elif edition and edition != net.version:
        said = (
            f"version {edition!r} was answered; network {net.name!r} is of version {net.version!r}. "
            f"Check that the answers still mean the same, then leave the version out"
        )
    if said:
        raise InvalidResource([("questionnaire", said)])


def _evidence(net: Network, stated: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield node and state of each answer."""
    groups = {group for group, _, _ in _groups(net)}
    known = [variable.name for variable in _asked(net)]
    met = set()
    for where, item in _items(stated, ""):
        node, answers = item["linkId"], item.get("answer", [])
        if node in groups and not answers:
            continue
        # What the network takes as given may be confirmed; denied, it is impossible evidence.
        if node not in known and node not in net.given:
            raise UnknownNode(node, known, f"the questionnaire of network {net.name!r}")
        if node in met:
            raise InvalidResource([(where, f"{node!r} is answered twice")])
        met.add(node)
        if len(answers) > 1:
            raise InvalidResource([(where, f"{node!r} has {len(answers)} answers; it takes one")])
        if answers:
            yield node, _answer(net, net.variable(node), answers[0], f"{where}.answer.0")


def _items(parent: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every item below an item or an answer, with the path to it."""
    for i, item in enumerate(parent.get("item", [])):
        path = f"{where}item.{i}"
        yield path, item
        yield from _items(item, f"{path}.")
        for j, answer in enumerate(item.get("answer", [])):
            yield from _items(answer, f"{path}.answer.{j}.")


def _answer(net: Network, variable: Variable, answer: Mapping[str, Any], where: str) -> object:
    """Return the state that an answer names."""
    if "valueBoolean" in answer:
        state = answer["valueBoolean"]
        # The models read the texts "true" and "false" too, of which both are true to Python.
        if not isinstance(state, bool):
            raise InvalidResource([(f"{where}.valueBoolean", f"must be true or false; it is {state!r}")])
    elif "valueCoding" in answer:
        state = _coded(net, answer["valueCoding"], where)
    else:
        given = ", ".join(name for name in answer if name.startswith("value")) or "nothing"
        raise InvalidResource(
            [(where, f"{variable.name!r} takes a valueCoding of one of its states; this answer has {given}")]
        )
    return variable.states[variable.index(state)]


def _coded(net: Network, coding: Mapping[str, Any], where: str) -> Any:
    ours, system = _url(net, "state"), coding.get("system")
    if system not in (None, ours):
        raise InvalidResource([(f"{where}.valueCoding.system", f"must be {ours!r}, not {system!r}")])
    return coding.get("code", "")


# -- RiskAssessment ----------------------------------------------------------------------


def risk_assessment(  # noqa: PLR0913 - the resource has as many fields that only the caller knows
    case: Case,
    targets: Sequence[str] | None = None,
    *,
    subject: str = "",
    basis: Iterable[str] = (),
    occurrence: datetime | None = None,
    explained: int = 1,
) -> dict[str, Any]:
    """Return what follows from a case as a FHIR R4 RiskAssessment.

    One prediction a condition, the likeliest first: its probability between 0 and 1, its
    ratio to the prior, its ICD-10 code, and the reason.  Notes say what it is for, and name
    the red flags that fire; their advice is the mitigation.

    Parameters
    ----------
    case
        The case.
    targets
        Nodes to predict; the conditions unless given.
    subject
        Whom it is about, such as ``Patient/17``; marked as unknown unless given.
    basis
        References to what it rests on.  Without any, the answers observed are contained.
    occurrence
        When the assessment was made.
    explained
        How many of the likeliest conditions are given with the findings that speak for
        and against them; each takes some times as long as the posteriors.

    Raises
    ------
    UnknownNode, ImpossibleEvidence, NetworkTooComplex
    ValueError
        If the occurrence has no time zone.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.fhir import risk_assessment
    >>> case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
    >>> first = risk_assessment(case)["prediction"][0]
    >>> first["outcome"]["coding"][0]["code"], round(first["probabilityDecimal"], 3)
    ('M76.8', 0.665)
    """
    if occurrence is not None and occurrence.tzinfo is None:
        raise ValueError(f"occurrence needs a time zone; it is {occurrence.isoformat()}")
    net = case.net
    predictions = list(_predictions(case, targets, explained))
    answers = questionnaire_response(case, subject=subject)
    references = list(basis)
    contained = [] if references or "item" not in answers else [{**answers, "id": "answers"}]
    notes = [USE, *_notes(case)]
    advice = dict.fromkeys(item.flag.advice for item in case.red_flags if item.flag.advice)
    return _filled(
        resourceType="RiskAssessment",
        text={"status": "generated", "div": _narrative(notes, predictions)},
        contained=contained,
        status="preliminary",
        method={"text": f"buttpain {version()}: exact posterior, {_edition(net)}"},
        subject={"reference": subject} if subject else _unknown(),
        occurrenceDateTime=occurrence.isoformat(timespec="seconds") if occurrence else "",
        reasonCode=[{"text": f"{net.label(node)} {state}"} for node, state in net.given.items()],
        basis=[{"reference": item} for item in references or ["#answers"] * len(contained)],
        prediction=predictions,
        mitigation=" ".join(advice),
        note=[{"text": line} for line in notes],
    )


def _edition(net: Network) -> str:
    return f"network {net.name}, version {net.version}" if net.version else f"network {net.name}"


def _unknown() -> dict[str, Any]:
    return {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]}


def _notes(case: Case) -> Iterator[str]:
    silent = "No red flag fires." if case.net.red_flags else "The network states no red flags: none can fire."
    yield from case.alerts() or (silent,)
    yield "A finding not observed fires no red flag, so silence is no all-clear."
    yield ". ".join(case.heading)


def _predictions(case: Case, targets: Sequence[str] | None, explained: int) -> Iterator[dict[str, Any]]:
    net = case.net
    found = case.posterior(targets).to_dict()
    for rank, (node, after) in enumerate(found["posterior"].items()):
        variable = net.variable(node)
        # The absent state of a condition needs no prediction of its own.
        states = [variable.positive] if variable.positive else list(after)
        for state in states:
            outcome = _condition(net, variable)
            if not variable.positive:
                outcome["text"] += f" {state}"
            prior, posterior = found["prior"][node][state], after[state]
            said = f"{percent(posterior)}; {percent(prior)} before the findings."
            if rank < explained and case.evidence and node not in case.evidence:
                said = explain(case, node, state=state).summary
            yield _filled(
                outcome=outcome,
                probabilityDecimal=_decimal(posterior),
                relativeRisk=_decimal(posterior / prior) if prior > 0 else None,
                rationale=said,
            )


def _decimal(value: float) -> float:
    """Return a number of six digits: no more are meant, and rounding errors are no risk."""
    return float(f"{max(value, 0.0):.6g}")


def _narrative(notes: Iterable[str], predictions: Iterable[Mapping[str, Any]]) -> str:
    """Return what a person must be able to read, as the XHTML that FHIR asks for."""
    lines = "".join(f"<p>{escape(line)}</p>" for line in notes)
    rows = "".join(
        f"<tr><td>{escape(item['outcome']['text'])}</td><td>{escape(percent(item['probabilityDecimal']))}</td></tr>"
        for item in predictions
    )
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{lines}{table}</div>'
