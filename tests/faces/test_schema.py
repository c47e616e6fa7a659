"""The JSON schema: what comes in is checked in the library's words, what goes out is what results give."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import buttpain as bp
from buttpain.analysis.explanation import explain
from buttpain.analysis.information import next_findings
from buttpain.faces import schema
from buttpain.faces.schema import CaseRequest, CohortRequest, InvalidRequest, json_schemas, read

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
STATED = st.one_of(
    st.none(), st.booleans(), NAMES, st.dictionaries(NAMES, st.floats(0, 1e9) | st.integers(0, 9), max_size=3)
)
TARGET = {"target": NAMES | st.none(), "state": NAMES | st.none()}
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "version": st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.none(),
    "schema": st.just("1"),
    "evidence": st.dictionaries(NAMES, STATED, max_size=4),
    "targets": st.lists(NAMES, min_size=1, max_size=3) | st.none(),
    "uncertainty": st.fixed_dictionaries(
        {}, optional={"samples": st.integers(2, 10**9), "top": st.integers(1, 9)}
    ),
    "sensitivity": st.fixed_dictionaries(
        {}, optional={**TARGET, "covariation": st.sampled_from(["proportional", "uniform"])}
    ),
    "explanation": st.fixed_dictionaries(
        {}, optional={**TARGET, "against": NAMES | st.fixed_dictionaries({"node": NAMES, "state": NAMES})}
    ),
    "next": st.fixed_dictionaries(
        {},
        optional={"n": st.integers(1, 99), "cost": st.floats(0, 9) | st.dictionaries(NAMES, st.floats(0, 9))},
    )
    | st.none(),
}


def extras(model: BaseModel) -> Iterator[str]:
    """Yield every key that a model took without having a field for it."""
    yield from model.model_extra or ()
    for _, value in model:
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, BaseModel):
                yield from extras(item)


@pytest.mark.parametrize("name", json_schemas())
def test_what_is_published_is_what_is_used(name: str) -> None:
    """The files in the package are what the models give; `python -m buttpain.faces.schema` writes them."""
    published = json.loads((schema.PUBLISHED / f"{name}.json").read_text(encoding="utf-8"))
    assert published == json_schemas()[name]


def test_nothing_else_is_published() -> None:
    """No file is left over from a model that has gone."""
    assert {path.stem for path in schema.PUBLISHED.iterdir()} == set(json_schemas())


def test_requests_are_closed_and_answers_open() -> None:
    """A misspelt key of a request is refused; an answer may grow."""
    assert json_schemas()["case"]["additionalProperties"] is False
    assert "additionalProperties" not in json_schemas()["answer"]


@given(st.fixed_dictionaries({"network": NAMES}, optional=OPTIONS))
def test_a_request_is_read_and_written_unchanged(stated: dict[str, Any]) -> None:
    """What was stated comes back, through Python and through JSON."""
    request = read(CaseRequest, stated)
    assert request.model_dump(by_alias=True, exclude_unset=True) == stated
    text = request.model_dump_json(by_alias=True, exclude_unset=True)
    assert read(CaseRequest, json.loads(text)) == request


@given(
    st.fixed_dictionaries({"network": NAMES, "rows": st.lists(OPTIONS["evidence"], min_size=1, max_size=3)})
)
def test_a_cohort_is_read_and_written_unchanged(stated: dict[str, Any]) -> None:
    """The same for many cases."""
    assert read(CohortRequest, stated).model_dump(by_alias=True, exclude_unset=True) == stated


COMPLAINTS: dict[str, tuple[Any, str]] = {
    "no object": ([], "the request must be an object"),
    "nothing": ({}, "network: is missing"),
    "a misspelt key": (
        {"network": "a", "evidense": {}},
        "evidense: is no field here. Did you mean 'evidence'?",
    ),
    "a misspelt option": (
        {"network": "a", "uncertainty": {"sample": 9}},
        "uncertainty.sample: is no field here. Did you mean 'samples'?",
    ),
    "another version": ({"network": "a", "schema": "2"}, "schema: must be '1'"),
    "a number as a state": (
        {"network": "a", "evidence": {"x": 1}},
        "evidence.x: must be a state by name, true or",
    ),
    "a negative likelihood": (
        {"network": "a", "evidence": {"x": {"y": -1}}},
        "evidence.x: must be a state by",
    ),
    "an infinite likelihood": (
        {"network": "a", "evidence": {"x": {"y": 1e400}}},
        "evidence.x: must be a state by",
    ),
    "no targets": ({"network": "a", "targets": []}, "targets: must not be empty"),
    "a target alone": ({"network": "a", "targets": "b"}, "targets: must be an array"),
    "a text for a number": ({"network": "a", "next": {"n": "5"}}, "next.n: must be a whole number"),
    "too few draws": (
        {"network": "a", "uncertainty": {"samples": 1}},
        "uncertainty.samples: must be greater than",
    ),
    "an odd rival": (
        {"network": "a", "explanation": {"against": {"node": "x"}}},
        "explanation.against: must be a",
    ),
    "an odd cost": (
        {"network": "a", "next": {"cost": {"x": -1}}},
        "next.cost: must be a number from 0 to 1e9, or",
    ),
    "two wrongs": ({"network": 1, "targets": 2}, "network: must be a text; targets: must be an array"),
}


@pytest.mark.parametrize(("stated", "words"), COMPLAINTS.values(), ids=COMPLAINTS.keys())
def test_a_complaint_says_where_and_what(stated: Any, words: str) -> None:
    """The words are the library's, and name the place."""
    with pytest.raises(InvalidRequest, match=re.escape(words)) as caught:
        read(CaseRequest, stated)
    assert [f"{where}: {said}" if where else said for where, said in caught.value.errors] == str(
        caught.value
    ).split("; ")


RESULTS: dict[str, tuple[type[BaseModel], Callable[[bp.Case], Any]]] = {
    "triage": (schema.TriageSection, bp.triage),
    "uncertainty": (schema.UncertaintySection, lambda case: bp.uncertainty(case, samples=20)),
    "uncertainty, ess": (
        schema.UncertaintySection,
        lambda case: bp.uncertainty(case, samples=20, ess=float("inf")),
    ),
    "sensitivity": (
        schema.SensitivitySection,
        lambda case: bp.sensitivity(case, "lumbar_radicular_pain"),
    ),
    "explanation": (schema.ExplanationSection, explain),
    "explanation, against": (
        schema.ExplanationSection,
        lambda case: explain(case, "lumbar_radicular_pain", against="deep_gluteal_syndrome"),
    ),
    "next": (schema.NextSection, next_findings),
    "next, two steps": (schema.NextSection, lambda case: next_findings(case, 1, steps=2)),
    "next, a free one": (
        schema.NextSection,
        lambda case: next_findings(case, cost={"pain_running_uphill": 0}),
    ),
}


@pytest.mark.parametrize(
    "evidence", [{}, {"hop_test_pain": True, "sit_bone_tenderness": {"present": 2, "absent": 1}}]
)
@pytest.mark.parametrize(("model", "verb"), RESULTS.values(), ids=RESULTS.keys())
def test_a_result_fits_into_its_section(
    model: type[BaseModel], verb: Callable[[bp.Case], Any], evidence: Mapping[str, Any]
) -> None:
    """What `.to_dict()` gives is read, key by key, and written unchanged."""
    case = bp.observe(bp.load_network("five_findings"), evidence)
    stated = {key: value for key, value in verb(case).to_dict().items() if key not in ("network", "evidence")}
    section = model.model_validate(stated)
    assert list(extras(section)) == []
    assert section.model_dump(by_alias=True, exclude_unset=True) == stated
    assert json.loads(section.model_dump_json(by_alias=True, exclude_unset=True)) == stated


def test_a_key_without_a_field_would_be_seen() -> None:
    """The look for keys that no model has does find one, however deep."""
    stated = {"urgency": "routine", "red_flags": [dict.fromkeys(schema.RedFlagFired.model_fields, "prompt")]}
    assert list(extras(schema.TriageSection.model_validate(stated))) == []
    stated["red_flags"][0]["colour"] = "red"  # type: ignore[index]
    assert list(extras(schema.TriageSection.model_validate(stated))) == ["colour"]
