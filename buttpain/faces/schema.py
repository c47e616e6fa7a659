"""What the faces take and give as JSON, in one place and one version.

A `CaseRequest` or `CohortRequest` comes in, an `Answer` or `CohortAnswer` goes out; the
sections of an answer are what the library's results give by `.to_dict()`.  The same as JSON
Schema stands in `schemas/v1`, written by ``python -m buttpain.faces.schema``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from buttpain.display.use import USE
from buttpain.errors import ButtpainError, did_you_mean
from buttpain.inference.evidence import Observation

__all__ = [
    "PUBLISHED",
    "SCHEMA",
    "USE",
    "Answer",
    "CaseRequest",
    "Choices",
    "CohortAnswer",
    "CohortRequest",
    "Complaint",
    "Event",
    "ExplanationOptions",
    "ExplanationSection",
    "InvalidRequest",
    "NetworkForm",
    "NetworkList",
    "NetworkSummary",
    "NextOptions",
    "NextSection",
    "Problem",
    "SensitivityOptions",
    "SensitivitySection",
    "TriageSection",
    "UncertaintyOptions",
    "UncertaintySection",
    "is_utf8",
    "json_schemas",
    "read",
]

SCHEMA = "1"
"""Version of the schema; it changes when a client would have to."""

PUBLISHED = Path(__file__).parent / "schemas" / f"v{SCHEMA}"
"""Where the JSON Schemas stand."""

Model = TypeVar("Model", bound=BaseModel)


def _said(message: str) -> WrapValidator:
    """Return a validator with one sentence for all that a union did not like."""

    def validate(value: Any, inner: Callable[[Any], Any]) -> Any:
        try:
            return inner(value)
        except ValidationError:
            raise PydanticCustomError("one_of", "{message}", {"message": message}) from None

    return WrapValidator(validate)


Urgency = Literal["routine", "prompt", "same_day", "emergency"]
Probability = Annotated[float, Field(ge=-1e-9, le=1 + 1e-9)]
Distribution = dict[str, Probability]
Amount = Annotated[float, Field(ge=0, le=1e9)]
Stated = Annotated[
    bool | str | dict[str, Amount] | None,
    _said("must be a state by name, true or false, likelihoods from 0 to 1e9 by state, or null"),
]
Bits = float | Literal["inf", "-inf"]
Count = Annotated[int, Field(ge=1, le=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class InvalidRequest(ButtpainError, ValueError):
    """A request that is not of the form that the schema asks for.

    Attributes
    ----------
    errors
        Where and what, one each: pairs of a path such as ``uncertainty.samples`` and a sentence.
    """

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{where}: {said}" if where else said for where, said in errors))


class _Given(BaseModel):
    """What comes in: strict, frozen, and nothing that has no name here."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_by_name=False
    )


def _open(schema: dict[str, Any]) -> None:
    schema.pop("additionalProperties", None)


class _Told(BaseModel):
    """What goes out; a client should expect more keys to come, and so does this."""

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=False,
        serialize_by_alias=True,
        json_schema_extra=_open,
    )


# -- what comes in -----------------------------------------------------------------------


class UncertaintyOptions(_Given):
    """Credible intervals of the targets."""

    samples: int = Field(default=500, ge=2, description="Draws; the server may allow fewer than you ask for.")
    seed: int = Field(default=0, ge=0, lt=2**32)
    ess: float | None = Field(
        default=None, gt=0, le=1e9, description="Cases that a number without a size is worth."
    )
    top: Count = Field(default=10, description="Numbers and sources to name for each target.")


class SensitivityOptions(_Given):
    """How one posterior depends on the network's numbers."""

    target: Name | None = Field(
        default=None, description="The most probable of the case's targets unless given."
    )
    state: Name | None = None
    covariation: Literal["proportional", "uniform", "order_preserving"] = "proportional"
    top: Count = Field(default=20, description="Numbers to return, the most influential first.")


class Event(_Given):
    """A node and one of its states."""

    node: Name
    state: Name


class ExplanationOptions(_Given):
    """Which findings speak for and against an answer."""

    target: Name | None = Field(default=None, description="The leader of the ranking unless given.")
    state: Name | None = None
    against: Annotated[Name | Event | None, _said("must be a node, or an object of node and state")] = Field(
        default=None, description="What to compare the target with."
    )


class NextOptions(_Given):
    """What to ask or examine next."""

    n: Count = Field(default=5, description="How many to return.")
    target: Name | None = Field(
        default=None, description="What to find out about; the conditions unless given."
    )
    cost: Annotated[
        dict[str, Amount] | Amount | None, _said("must be a number from 0 to 1e9, or such numbers by finding")
    ] = Field(
        default=None, description="Of each finding, or one for all; what the network states unless given."
    )
    steps: Literal[1, 2] = 1
    among: list[Name] | None = Field(default=None, description="Findings to choose from.")


class _Request(_Given):
    schema_: Literal["1"] = Field(default="1", alias="schema", description="Version of this schema.")
    network: Name = Field(description="One of the networks that the server lists.")
    version: str | None = Field(
        default=None, description="Refuse the case unless the network is of this version."
    )
    targets: list[Name] | None = Field(
        default=None, min_length=1, description="Nodes to answer; the conditions unless given."
    )


_EVIDENCE = (
    "What was observed, by node: a state by name, true or false for present or absent, or likelihoods by "
    "state (how probable what was seen is under each). null, or no entry, says that nobody looked. "
    "Never send absent for not asked."
)


class CaseRequest(_Request):
    """One case, and what is asked about it.

    Examples
    --------
    >>> case = read(CaseRequest, {"network": "runner", "evidence": {"hop_test_pain": True}})
    >>> case.evidence, case.uncertainty
    ({'hop_test_pain': True}, None)
    """

    evidence: dict[str, Stated] = Field(default_factory=dict, description=_EVIDENCE)
    uncertainty: UncertaintyOptions | None = None
    sensitivity: SensitivityOptions | None = None
    explanation: ExplanationOptions | None = None
    next: NextOptions | None = None


class CohortRequest(_Request):
    """Many cases of one network.

    Examples
    --------
    >>> len(read(CohortRequest, {"network": "runner", "rows": [{}, {"hop_test_pain": True}]}).rows)
    2
    """

    rows: list[dict[str, Stated]] = Field(min_length=1, description=f"One a case. {_EVIDENCE}")
    impossible: Literal["error", "null"] = Field(
        default="error",
        description="Refuse rows whose observations cannot hold together, or answer them null.",
    )


# -- what goes out -----------------------------------------------------------------------


class RedFlagFired(_Told):
    """A red flag that fires, and on what."""

    name: str
    label: str
    urgency: Urgency
    because: str
    advice: str
    reason: str
    source: str


class TriageSection(_Told):
    """The red flags that fire; a finding not observed fires none, so silence is no all-clear."""

    urgency: Urgency
    red_flags: list[RedFlagFired]
    rules: int | None = Field(
        default=None, description="Red flags that the network states, firing or not; of 0 none can ever fire."
    )


class Share(_Told):
    """A number's part in the variance of a posterior."""

    parameter: str
    share: float


class SourceShare(_Told):
    """A source's part in the variance of a posterior."""

    source: str
    share: float


class Interval(_Told):
    """How far one posterior may be off; q2.5 to q97.5 is the 95 % credible interval."""

    node: str
    state: str
    label: str
    posterior: Probability
    mean: Probability
    sd: float
    q2_5: Probability = Field(alias="q2.5")
    q25: Probability
    q50: Probability
    q75: Probability
    q97_5: Probability = Field(alias="q97.5")
    mc_error: float
    q2_5_error: float = Field(alias="q2.5_error")
    q97_5_error: float = Field(alias="q97.5_error")
    low: Probability
    high: Probability
    first_order: float
    leads: Probability | None
    numbers: list[Share]
    sources: list[SourceShare]


class UncertaintySection(_Told):
    """Credible intervals, and which numbers make them wide."""

    samples: int
    seed: int
    ess: float | Literal["infinite"] | None
    impossible: int
    targets: list[Interval]


class Influence(_Told):
    """How one posterior depends on one number of the network."""

    parameter: str
    node: str
    kind: str
    state: str
    given: str
    value: Probability
    low: float | None
    high: float | None
    derivative: float
    posterior_low: float | None
    posterior_high: float | None
    swing: float | None
    flips_at: float | None
    overtaken_at: float | None
    overtaken_by: str
    source: str
    grade: str


class SensitivitySection(_Told):
    """How one posterior depends on the network's numbers, the most influential first."""

    target: str
    state: str
    covariation: str
    posterior: Probability
    leader: str
    parameters: list[Influence]


class Weight(_Told):
    """What one finding says, in bits: above 0 for the target, below 0 against it."""

    finding: str
    label: str
    observed: str
    weight: Bits
    alone: Bits
    overlap: Bits
    without: Probability
    verdict: str
    conflict: Bits
    path: str
    competitors: str
    against_without: Probability | None = None
    against_path: str | None = None


class Step(_Told):
    """What one finding adds when they enter one after another."""

    finding: str
    label: str
    observed: str
    weight: Bits
    log_odds_before: Bits
    log_odds_after: Bits
    posterior: Probability


class RareCase(_Told):
    """Whether one more condition would resolve the conflict among the findings."""

    node: str
    state: str
    label: str
    prior: Probability
    posterior: Probability
    gain: Bits
    conflict: Bits
    resolves: bool


class TargetState(_Told):
    """A node and one of its states."""

    node: str
    state: str


class ExplanationSection(_Told):
    """Which findings speak for and against an answer; what is infinite is "inf" or "-inf"."""

    target: str
    state: str
    against: TargetState | None
    prior: Probability
    posterior: Probability
    summary: str
    findings: list[Weight]
    steps: list[Step]
    conflict: Bits
    rare_cases: list[RareCase]


class Reply(_Told):
    """What one answer to a question would do; nothing but probability 0 if it is impossible."""

    answer: str
    probability: Probability
    leader: str
    changes_leader: bool
    urgency: Urgency | Literal[""]
    changes_urgency: bool
    red_flags: list[str]
    posterior: dict[str, Probability | None]


class NextFinding(_Told):
    """A finding worth looking for: expected information in bits, cost, and what each answer would do."""

    finding: str
    label: str
    question: str
    kind: str
    cost: float
    cost_known: bool
    information: float
    per_cost: float | None
    about: str
    changes_leader: Probability
    changes_urgency: Probability
    raises_to: Urgency | Literal[""]
    answers: list[Reply]
    information_2: float | None = None
    cost_2: float | None = None
    per_cost_2: float | None = None
    then: dict[str, str] | None = None


class NextSection(_Told):
    """What to ask or examine next, the most worthwhile first."""

    target: str | None
    entropy: float
    leader: str | None
    urgency: Urgency
    findings: list[NextFinding]


class _Signed(_Told):
    schema_: Literal["1"] = Field(alias="schema")
    library: str = Field(description="Version of the library.")
    use: str = Field(description="What the answer is for; show it with the answer.")


class _FromNetwork(_Signed):
    network: str
    version: str = Field(description="Of the network; empty if it states none.")
    given: dict[str, str] = Field(description="What the network takes as observed in every case.")


class Answer(_FromNetwork):
    """What follows from one case; a section is null unless it was asked for."""

    evidence: dict[str, Observation] = Field(description="As it was understood, states by name.")
    triage: TriageSection
    log_evidence: float = Field(description="ln P(evidence) in the network's population.")
    posterior: dict[str, Distribution] | None = Field(
        default=None, description="By node and state, likeliest first."
    )
    prior: dict[str, Distribution] | None = None
    uncertainty: UncertaintySection | None = None
    sensitivity: SensitivitySection | None = None
    explanation: ExplanationSection | None = None
    next: NextSection | None = None


class Row(_Told):
    """What follows from one case of many."""

    triage: TriageSection
    posterior: dict[str, Distribution]


class CohortAnswer(_FromNetwork):
    """What follows from many cases, in their order; null where the observations cannot hold together."""

    prior: dict[str, Distribution]
    rows: list[Row | None]


# -- networks ----------------------------------------------------------------------------


class NetworkSummary(_Told):
    """A network that the server answers from."""

    name: str
    version: str
    description: str
    nodes: int
    conditions: int
    findings: int
    parameters: int


class NetworkList(_Signed):
    """The networks that the server answers from."""

    networks: list[NetworkSummary]


class Node(_Told):
    """A node, with what a form needs to ask about it."""

    name: str
    label: str
    description: str
    states: list[str]
    positive: str | None = Field(description="The state that true means; null if there is none such.")
    negative: str | None = Field(description="The state that false means; null if there is none such.")
    question: str
    cost: float | None = Field(description="Minutes; null if nobody said.")
    icd10: str
    urgency: Urgency | Literal[""]


class Choices(_Told):
    """Findings of one kind, such as symptom or test."""

    kind: str
    findings: list[Node]


class FlagRule(_Told):
    """A red flag that the network knows."""

    name: str
    label: str
    urgency: Urgency
    advice: str
    reason: str
    source: str


class NetworkForm(_FromNetwork):
    """A network, with what a client needs to build a form."""

    description: str
    risk_factors: list[Node]
    findings: list[Choices] = Field(description="By kind, in the order of the network.")
    conditions: list[Node]
    mechanisms: list[Node]
    others: list[Node] = Field(description="Nodes without a role.")
    red_flags: list[FlagRule]


# -- complaints --------------------------------------------------------------------------


class Complaint(_Told):
    """What is wrong with one part of a request."""

    where: str
    message: str


class Problem(BaseModel):
    """Why there is no answer, as RFC 9457 has it; the facts of the library's error stand beside."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    type: str
    title: str
    status: int
    detail: str
    errors: list[Complaint] = Field(default_factory=list)


def is_utf8(stated: Any) -> bool:
    r"""Return whether every text in plain data can be written; an escape in JSON may make half a character.

    Examples
    --------
    >>> is_utf8({"a": "\u00e4"}), is_utf8({"a": ["\ud800"]})
    (True, False)
    """
    try:
        json.dumps(stated, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def read(model: type[Model], stated: Any) -> Model:
    """Return a request read from plain data.

    Raises
    ------
    InvalidRequest

    Examples
    --------
    >>> read(CaseRequest, {"network": "runner", "evidense": {}})
    Traceback (most recent call last):
    ...
    buttpain.faces.schema.InvalidRequest: evidense: is no field here. Did you mean 'evidence'?
    """
    try:
        return model.model_validate(stated)
    except ValidationError as error:
        raise InvalidRequest(list(_complaints(model, error))) from None


_WORDS = {
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "finite_number": "must be finite",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be an array",
    "missing": "is missing",
    "model_type": "must be an object",
    "string_too_short": "must not be empty",
    "string_type": "must be a text",
    "too_short": "must not be empty",
}
_MOST_COMPLAINTS = 20


def _complaints(model: type[BaseModel], error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield where and what, in the library's words, without repeating what was sent at length."""
    for item in error.errors(include_url=False)[:_MOST_COMPLAINTS]:
        place, kind = item["loc"], item["type"]
        if kind == "extra_forbidden":
            known = _fields(model, place[:-1])
            said = f"is no field here. {did_you_mean(place[-1], known)}"
        else:
            said = _WORDS.get(kind) or item["msg"].replace("Input should", "must")
        yield ".".join(map(str, place)), said if place else f"the request {said}"


def _fields(model: type[BaseModel], place: Sequence[Any]) -> list[str]:
    """Return the names that the object at this place of a request may have."""
    for part in place:
        within = next(
            (item for name, item in model.model_fields.items() if part == (item.alias or name)), None
        )
        options = () if within is None else (within.annotation, *get_args(within.annotation))
        inner = [item for item in options if isinstance(item, type) and issubclass(item, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return [item.alias or name for name, item in model.model_fields.items()]


# -- JSON Schema -------------------------------------------------------------------------

_FILES: dict[str, type[BaseModel]] = {
    "answer": Answer,
    "case": CaseRequest,
    "cohort": CohortRequest,
    "cohort_answer": CohortAnswer,
    "network": NetworkForm,
    "networks": NetworkList,
    "problem": Problem,
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of what comes in and goes out, by the name of its file.

    Examples
    --------
    >>> json_schemas()["case"]["required"]
    ['network']
    """
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:buttpain:schema:v{SCHEMA}:{name}",
            **model.model_json_schema(mode="validation" if issubclass(model, _Given) else "serialization"),
        }
        for name, model in _FILES.items()
    }


def _publish() -> None:
    for name, schema in json_schemas().items():
        (PUBLISHED / f"{name}.json").write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _publish()
