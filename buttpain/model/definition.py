"""TOML to `Network` and back: the format of the shipped networks.

`docs/network-file.md` describes the format for authors.  Everything the reader
does not know is refused, and each complaint names the file, the table and the key.
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from buttpain.errors import InvalidNetwork, NetworkFileError, did_you_mean
from buttpain.model.network import (
    ANY,
    MEASURES,
    RATIOS,
    URGENCIES,
    Network,
    NoisyOr,
    RedFlag,
    Study,
    Table,
    Variable,
)
from buttpain.model.priors import GRADES, Provenance, Source, WithLeak, certain_enough, jeffreys_mean

__all__ = ["from_toml", "to_toml"]

_ROLE_TABLES = {
    "risk_factors": "risk_factor",
    "conditions": "condition",
    "mechanisms": "mechanism",
    "findings": "finding",
}
_TOP = ("network", "sources", *_ROLE_TABLES, "studies", "red_flags")
_NETWORK_KEYS = ("name", "description", "version", "given")
_SOURCE_KEYS = ("cite", "kind", "doi", "url")
_NUMBERS = ("leak", "causes", "table")
_WORDS = ("label", "states", "description")
_NODE_KEYS = {
    "risk_factor": (*_WORDS, "question", "kind", "cost", *_NUMBERS),
    "condition": (*_WORDS, "icd10", "urgency", *_NUMBERS),
    "mechanism": (*_WORDS, *_NUMBERS),
    "finding": (*_WORDS, "question", "kind", "cost", *_NUMBERS),
}
_FORMS = ({"events", "trials"}, {"value", "ess"}, {"value", "range"})
_ROW_FORMS = ({"counts"}, {"values", "ess"})
_SAID = ("source", "note")
_INCLUDES = "includes"
_A_NUMBER = "a number with its certainty and its source, { value = ..., range = [..., ...], source = ... }"
_RED_FLAG_KEYS = (
    "name", "label", "urgency", "reason", "source", "advice", "any", "all", "at_least",
    "condition", "above",
)  # fmt: skip
_CONTROLLED = ("specificity", "lr_positive", "lr_negative", "odds_ratio")
_SUBJECTS = ("condition", "finding", "at_least", "state", "controls")
_FIGURES = ("value", "low", "high", "events", "trials", "n")
_STUDY_KEYS = (
    "name", "measure", "condition", "finding", "at_least", "state", "among", "controls", *_FIGURES,
    "source", "population", "note", "judged",
)  # fmt: skip
_FIGURE_FORMS = ({"value", "low", "high"}, {"value", "n"}, {"events", "trials"})
_MOST_FINDINGS = 10
_DEEPEST = 20
"""Tables and lists in one another; no network needs half of it, and readers further on call themselves."""
_TOO_DEEP = f"tables and lists stand in one another more than {_DEEPEST} deep; a network needs a few"
KINDS = ("symptom", "history", "palpation", "test", "imaging", "lab")


def from_toml(text: str, file: str) -> Network:
    """Read a network from TOML text.

    Parameters
    ----------
    text
        The file's contents.
    file
        What to call it in complaints.

    Raises
    ------
    NetworkFileError
        Naming the file, the table and the key, what was found and what was expected.
    """
    return _Reader(parsed(text, file), file).network()


def parsed(text: str, file: str) -> dict[str, Any]:
    """Return the document that TOML text holds, whatever it says.

    Raises
    ------
    NetworkFileError
        If it is no TOML, or nested deeper than any network is.

    Examples
    --------
    >>> from buttpain.model.definition import parsed
    >>> parsed("x = [1]", "net.toml")
    {'x': [1]}
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NetworkFileError(f"not valid TOML: {error}", file) from None
    except ValueError:
        # The one thing that the reader leaves to Python; its own words name a setting of Python's.
        raise NetworkFileError(
            f"a whole number has more than {sys.get_int_max_str_digits():,} digits; write a shorter one", file
        ) from None
    except RecursionError:
        raise NetworkFileError(_TOO_DEEP, file) from None
    if _is_deep(document):
        raise NetworkFileError(_TOO_DEEP, file)
    return document


def _is_deep(document: dict[str, Any]) -> bool:
    level: list[Any] = [document]
    for _ in range(_DEEPEST):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
    return bool(level)


@dataclass(frozen=True)
class _Place:
    """Where in the file we are; complaints are raised from here."""

    file: str
    table: str
    key: str = ""
    said_of: str = ""

    def at(self, key: str) -> _Place:
        return replace(self, key=f"{self.key}.{key}" if self.key else key)

    def error(self, message: str) -> NetworkFileError:
        section, _, name = self.table.partition(".")
        node = name if section in _ROLE_TABLES else ""
        said_of = f"{self.said_of}: " if self.said_of else ""
        return NetworkFileError(said_of + message, self.file, self.table, self.key, node)

    def table_of(self, value: object, expected: str = "a table") -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self.error(f"expected {expected}, found {value!r}")
        return value

    def keys(self, value: Mapping[str, Any], allowed: Iterable[str]) -> None:
        allowed = tuple(allowed)
        for key in value:
            if key not in allowed:
                raise self.at(key).error(f"unknown key. {did_you_mean(key, allowed)}")

    def text(self, table: Mapping[str, Any], key: str, default: str | None = None) -> str:
        if key not in table and default is not None:
            return default
        value = table.get(key)
        if not isinstance(value, str) or not (value or default == ""):
            raise self.at(key).error(f"expected text, found {'nothing' if value is None else repr(value)}")
        return value

    def choice(
        self, table: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str | None
    ) -> str:
        value = self.text(table, key, default)
        if value not in allowed and value != default:
            raise self.at(key).error(f"{value!r} is not allowed. {did_you_mean(value, allowed)}")
        return value

    def real(self, table: Mapping[str, Any], key: str, low: float, high: float = sys.float_info.max) -> float:
        value = table.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.at(key).error(
                f"expected a number, found {'nothing' if value is None else repr(value)}"
            )
        if not low <= value <= high:
            bounded = high != sys.float_info.max
            allowed = (
                f"it must lie in [{low:g}, {high:g}]"
                if bounded
                else f"it must be finite and at least {low:g}"
            )
            raise self.at(key).error(f"{value} is out of bounds; {allowed}")
        return float(value)

    def names(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.at(key).error(f"expected a list of names, found {value!r}")
        if len(set(value)) != len(value):
            raise self.at(key).error(f"a name stands there twice: {', '.join(value)}")
        return tuple(value)


class _Reader:
    """Reads one document; short-lived."""

    def __init__(self, document: Mapping[str, Any], file: str) -> None:
        self.document = document
        self.file = file
        self.sources: dict[str, Source] = {}
        self.variables: dict[str, Variable] = {}
        self.bodies: dict[str, tuple[_Place, Mapping[str, Any]]] = {}
        self.given: Mapping[str, str] = {}

    def place(self, table: str) -> _Place:
        return _Place(self.file, table)

    def section(self, name: str) -> Mapping[str, Any]:
        return self.place(name).table_of(self.document.get(name, {}))

    def network(self) -> Network:
        self.place("").keys(self.document, _TOP)
        head, place = self.section("network"), self.place("network")
        place.keys(head, _NETWORK_KEYS)
        self.read_sources()
        for table, role in _ROLE_TABLES.items():
            for name, body in self.section(table).items():
                self.read_variable(self.place(f"{table}.{name}"), name, role, body)
        families = {name: self.family(name) for name in self.variables}
        self.given = self.observations(place.at("given"), head.get("given", {}))
        try:
            return Network(
                name=place.text(head, "name"),
                variables=tuple(self.variables.values()),
                families=families,
                given=self.given,
                sources=self.sources,
                description=place.text(head, "description", ""),
                version=place.text(head, "version", ""),
                studies=tuple(self.studies()),
                red_flags=tuple(self.red_flags()),
            )
        except NetworkFileError:
            raise
        except InvalidNetwork as error:
            table = self.bodies[error.node][0].table if error.node in self.bodies else ""
            raise NetworkFileError(str(error), self.file, table, node=error.node) from None

    def read_sources(self) -> None:
        for key, stated in self.section("sources").items():
            place = self.place(f"sources.{key}")
            body = place.table_of(stated)
            place.keys(body, _SOURCE_KEYS)
            self.sources[key] = Source(
                key=key,
                cite=place.text(body, "cite"),
                kind=place.choice(body, "kind", tuple(GRADES), None),
                doi=place.text(body, "doi", ""),
                url=place.text(body, "url", ""),
            )

    def read_variable(self, place: _Place, name: str, role: str, body: object) -> None:
        body = place.table_of(body)
        place.keys(body, _NODE_KEYS[role])
        if not name.isidentifier():
            raise place.error("a node's name is made of letters, digits and _, as in sit_bone_tenderness")
        if name in self.variables:
            other = self.bodies[name][0].table
            raise place.error(f"{name!r} is defined twice; it also stands under [{other}]")
        states = place.names(body, "states") or ("absent", "present")
        if len(states) < 2:
            raise place.at("states").error(f"expected at least two states, found {', '.join(states)}")
        self.bodies[name] = (place, body)
        variable = Variable(
            name=name,
            states=states,
            role=role,
            label=place.text(body, "label"),
            description=place.text(body, "description", ""),
            question=place.text(body, "question", ""),
            kind=place.choice(body, "kind", KINDS, ""),
            cost=place.real(body, "cost", 0.0) if "cost" in body else math.nan,
            icd10=place.text(body, "icd10", ""),
            urgency=place.choice(body, "urgency", URGENCIES, ""),
        )
        if len(states) == 2 and (variable.positive == states[0] or variable.negative == states[1]):
            raise place.at("states").error(
                f"a number is the probability of the second of two states; "
                f"put {states[1]!r} before {states[0]!r}"
            )
        self.variables[name] = variable

    # -- numbers -------------------------------------------------------------------------

    def family(self, name: str) -> Table | NoisyOr:
        place, body = self.bodies[name]
        if ("table" in body) == ("leak" in body):
            found = "both" if "table" in body else "neither"
            raise place.error(f"expected either a table, or a leak with causes; found {found}")
        if "table" in body:
            if "causes" in body:
                raise place.at("causes").error("causes go with a leak; this node has a table")
            return self.table(place.at("table"), self.variables[name], body["table"])
        return self.noisy_or(place, body)

    def noisy_or(self, place: _Place, body: Mapping[str, Any]) -> NoisyOr:
        leak, record = self.number(place.at("leak"), body["leak"])
        records, links = [record], []
        causes = place.at("causes").table_of(body.get("causes", {}))
        for parent, stated in causes.items():
            at = place.at(f"causes.{parent}")
            by_state = self.links(at, parent, stated, leak)
            links.append(
                tuple(by_state[s][0] if s in by_state else None for s in self.variables[parent].states)
            )
            records += [by_state[s][1] for s in self.variables[parent].states if s in by_state]
        return NoisyOr(tuple(causes), leak, tuple(links), tuple(records))

    def links(
        self, at: _Place, parent: str, stated: object, leak: float
    ) -> dict[str, tuple[float, Provenance]]:
        """Return the link of each acting state: one number for "present", or one a state."""
        variable = self.known(at, parent)
        stated = at.table_of(stated, _A_NUMBER)
        if not any(isinstance(item, Mapping) for item in stated.values()):
            if variable.positive is None:
                raise at.error(
                    f"{parent!r} has no state 'present'; give a number for each state that acts, "
                    f"as in causes.{parent}.{variable.states[-1]} = {{ ... }}"
                )
            return {variable.positive: self.link(at, stated, leak)}
        at.keys(stated, variable.states)
        return {state: self.link(at.at(state), number, leak) for state, number in stated.items()}

    def link(self, at: _Place, stated: object, leak: float) -> tuple[float, Provenance]:
        """Return a link, after taking the leak out of a number that includes it."""
        body = dict(at.table_of(stated, _A_NUMBER))
        if _INCLUDES not in body:
            return self.number(at, body, is_link=True)
        if (included := body.pop(_INCLUDES)) != "leak":
            raise at.at(_INCLUDES).error(
                f'a link can include the "leak" and nothing else; found {included!r}'
            )
        value, record = self.number(at, body, is_link=True)
        if not value > leak:
            drawn = " (the counts with Jeffreys' prior)" if record.counts else ""
            raise at.error(
                f"{value:.6g}{drawn} includes the leak, {leak:.6g}, and so must lie above it: "
                f"write no cause, or lower the leak"
            )
        alone = WithLeak(value, leak, record.ess, record.range, record.counts)
        if not certain_enough(alone):
            raise at.error(
                f"a leak of {leak:.6g} leaves too little of {value:.6g}, as unsure as it is, for a Beta: "
                f"state the number more surely (worth more than {leak / (value - leak):.3g} cases), "
                f"write no cause, or lower the leak"
            )
        link, ess = alone.link
        return link, Provenance(record.source, record.note, ess=ess, with_leak=alone)

    def known(self, at: _Place, name: str) -> Variable:
        if name not in self.variables:
            raise at.error(f"{name!r} is no node of this file. {did_you_mean(name, tuple(self.variables))}")
        return self.variables[name]

    def table(self, at: _Place, variable: Variable, stated: object) -> Table:
        rows = stated if isinstance(stated, list) else [stated]
        read = [
            self.row(at, variable, row, i if isinstance(stated, list) else None) for i, row in enumerate(rows)
        ]
        if not read:
            raise at.error("expected at least one row")
        parents = tuple(read[0][0])
        by_given: dict[tuple[str, ...], tuple[list[float], Provenance]] = {}
        for given, values, record in read:
            if set(given) != set(parents):
                raise at.error(
                    f"each row must say the state of {', '.join(parents) or 'no parent'}; found {given}"
                )
            key = tuple(given[parent] for parent in parents)
            if key in by_given:
                raise at.error(f"the row given {given} stands there twice")
            by_given[key] = (values, record)
        states = [self.variables[parent].states for parent in parents]
        for key in product(*states):
            if key not in by_given:
                raise at.error(f"the row given {dict(zip(parents, key, strict=True))} is missing")
        ordered = [by_given[key] for key in product(*states)]
        shape = (*map(len, states), len(variable.states))
        stacked = np.array([values for values, _ in ordered]).reshape(shape)
        return Table(parents, stacked, tuple(record for _, record in ordered))

    def row(
        self, at: _Place, variable: Variable, stated: object, index: int | None
    ) -> tuple[dict[str, str], list[float], Provenance]:
        at = at if index is None else replace(at, key=f"{at.key}[{index}]")
        body = dict(at.table_of(stated, _A_NUMBER))
        given = self.observations(at.at("given"), body.pop("given", {}))
        if "values" in body or "counts" in body:
            return given, *self.distribution(at, variable, body)
        if len(variable.states) != 2:
            raise at.error(
                f"{variable.name!r} has {len(variable.states)} states; give counts, or values and ess"
            )
        value, record = self.number(at, body)
        return given, [1 - value, value], record

    def distribution(
        self, at: _Place, variable: Variable, body: Mapping[str, Any]
    ) -> tuple[list[float], Provenance]:
        form = self.form(at, body, _ROW_FORMS)
        key = "counts" if form == {"counts"} else "values"
        stated = at.at(key).table_of(body[key])
        at.at(key).keys(stated, variable.states)
        high = sys.float_info.max if key == "counts" else 1.0
        numbers = [at.at(key).real(stated, state, 0.0, high) for state in variable.states]
        if key == "counts":
            mean, ess = jeffreys_mean(numbers)
            return mean.tolist(), self.record(at, body, ess=ess, counts=tuple(numbers))
        if abs(math.fsum(numbers) - 1) > 1e-9:
            raise at.at(key).error(f"the values sum to {math.fsum(numbers):.12g}, not 1")
        ess = at.real(body, "ess", 0.0, math.inf)
        # A 0 among several is a state ruled out; a 1 leaves none of the doubt that a finite ess speaks of.
        self.uncertain(at, max(numbers), ess)
        return numbers, self.record(at, body, ess=ess)

    def number(self, at: _Place, stated: object, *, is_link: bool = False) -> tuple[float, Provenance]:
        body = at.table_of(stated, _A_NUMBER)
        form = self.form(at, body, _FORMS, is_link=is_link)
        if "trials" in form:
            trials = at.real(body, "trials", 1.0)
            events = at.real(body, "events", 0.0, trials)
            counts = (trials - events, events)
            mean, ess = jeffreys_mean(counts)
            return float(mean[1]), self.record(at, body, ess=ess, counts=counts)
        value = at.real(body, "value", 0.0, 1.0)
        if "ess" in form:
            ess = at.real(body, "ess", 0.0, math.inf)
            self.uncertain(at, value, ess)
            return value, self.record(at, body, ess=ess)
        low, high = self.range(at, body["range"], value)
        self.uncertain(at, value, 1.0)
        return value, self.record(at, body, range=(low, high))

    def form(
        self, at: _Place, body: Mapping[str, Any], forms: tuple[set[str], ...], *, is_link: bool = False
    ) -> set[str]:
        if _INCLUDES in body:
            raise at.at(_INCLUDES).error(
                "only a link of a noisy-OR, a number under causes, can include the leak; take this key out"
            )
        known = (*sorted(set().union(*forms)), *_SAID)
        at.keys(body, (*known, _INCLUDES) if is_link else known)
        stated = set(body) - set(_SAID)
        if stated not in forms:
            allowed = " or ".join("{" + ", ".join(sorted(form)) + "}" for form in forms)
            raise at.error(
                f"expected {allowed}, so that the number says how sure it is; "
                f"found {{{', '.join(sorted(stated))}}}"
            )
        return stated

    def range(self, at: _Place, stated: object, value: float) -> tuple[float, float]:
        if not (isinstance(stated, list) and len(stated) == 2):
            raise at.at("range").error(f"expected [low, high], found {stated!r}")
        low, high = (at.real({"range": end}, "range", 0.0, 1.0) for end in stated)
        if not low < high:
            raise at.at("range").error(f"[{low:g}, {high:g}] is no interval; the lower end comes first")
        if not low <= value <= high:
            raise at.at("range").error(f"the range [{low:g}, {high:g}] does not hold the value {value:g}")
        return low, high

    def uncertain(self, at: _Place, value: float, ess: float) -> None:
        """Refuse a mean of 0 or 1 with a finite sample size: no Beta has it."""
        if value in (0.0, 1.0) and math.isfinite(ess):
            raise at.error(
                f"a value of {value:g} leaves no room for doubt: give events and trials, a value "
                f"off the edge, or ess = inf if it holds by definition"
            )
        if ess == 0:
            raise at.at("ess").error("an effective sample size must be above 0")

    def record(self, at: _Place, body: Mapping[str, Any], **facts: Any) -> Provenance:
        if "source" not in body:
            raise at.error("this number has no source; name a key of [sources]")
        source = self.cited(at, body)
        if self.sources[source].kind == "elicited" and not str(body.get("note", "")).strip():
            raise at.error("an elicited number must carry a note that says why")
        return Provenance(source=source, note=at.text(body, "note", ""), **facts)

    # -- the rest ------------------------------------------------------------------------

    def observations(self, at: _Place, stated: object) -> dict[str, str]:
        given = {}
        for name, state in at.table_of(stated).items():
            variable = self.known(at, name)
            if state not in variable.states:
                raise at.error(f"{state!r} is no state of {name!r}. {did_you_mean(state, variable.states)}")
            given[name] = state
        return given

    def array(self, name: str) -> list[tuple[_Place, Mapping[str, Any]]]:
        stated = self.document.get(name, [])
        if not isinstance(stated, list):
            raise self.place(name).error(f"expected an array of tables, written [[{name}]]")
        places = [self.place(f"{name}[{i}]") for i in range(len(stated))]
        return [(place, place.table_of(body)) for place, body in zip(places, stated, strict=True)]

    def cited(self, place: _Place, body: Mapping[str, Any]) -> str:
        source = place.text(body, "source")
        if source not in self.sources:
            raise place.at("source").error(
                f"{source!r} is no key of [sources]. {did_you_mean(source, tuple(self.sources))}"
            )
        return source

    def studies(self) -> Iterable[Study]:
        seen: dict[str, str] = {}
        for place, body in self.array("studies"):
            place.keys(body, _STUDY_KEYS)
            name = place.text(body, "name")
            if name in seen:
                raise place.at("name").error(
                    f"{name!r} stands there twice; it is also the name of [{seen[name]}]"
                )
            seen[name] = place.table
            yield self.study(replace(place, said_of=f"study {name!r}"), body)

    def study(self, place: _Place, body: Mapping[str, Any]) -> Study:
        measure = place.choice(body, "measure", tuple(MEASURES), None)
        for key in MEASURES[measure]:
            if key not in body:
                raise place.at(key).error(f"{measure} is about a {key}; found nothing")
        for key in _SUBJECTS:
            if key in body and key not in _subjects(measure):
                raise place.at(key).error(f"{measure} takes no {key}; take this key out")
        judged = body.get("judged", False)
        if not isinstance(judged, bool):
            raise place.at("judged").error(f"expected true or false, found {judged!r}")
        finding, at_least, state = self.positives(place, body)
        among, controls = (self.group(place.at(key), body.get(key, {})) for key in ("among", "controls"))
        condition = place.text(body, "condition", "")
        self.check_subjects(place, measure, condition, finding)
        for node in (*finding, *([condition] if condition else [])):
            self.check_open(place, node, among, controls if node != condition else {})
        if condition in controls:
            raise place.at(f"controls.{condition}").error(
                "controls are without the condition; take this key out"
            )
        study = Study(
            name=place.text(body, "name"),
            measure=measure,
            source=self.cited(place, body),
            condition=condition,
            finding=finding,
            at_least=at_least,
            state=state,
            among=among,
            controls=controls,
            population=place.text(body, "population", "" if judged else None),
            note=place.text(body, "note", ""),
            judged=judged,
            **self.figures(place, measure, body, judged=judged),
        )
        low, high = study.interval
        if not low <= study.published <= high:
            raise place.at("low").error(
                f"the interval [{low:g}, {high:g}] does not hold the value {study.published:g}"
            )
        return study

    def positives(self, place: _Place, body: Mapping[str, Any]) -> tuple[tuple[str, ...], int, str]:
        """Return the findings of a study, how many make a positive result, and the state that counts."""
        stated, at = body.get("finding", []), place.at("finding")
        finding = place.names({"finding": [stated] if isinstance(stated, str) else stated}, "finding")
        if ("finding" in body and not finding) or len(finding) > _MOST_FINDINGS:
            raise at.error(f"expected 1 to {_MOST_FINDINGS} names, found {len(finding)}")
        state = place.text(body, "state", "")
        for name in finding:
            variable = self.known(at, name)
            if state and state not in variable.states:
                raise place.at("state").error(
                    f"{state!r} is no state of {name!r}. {did_you_mean(state, variable.states)}"
                )
            if not state and variable.positive is None:
                raise place.at("state").error(
                    f"{name!r} has no state 'present'; say which of {', '.join(variable.states)} is positive"
                )
        at_least = place.real(body, "at_least", 1, len(finding)) if "at_least" in body else 1
        if at_least != int(at_least):
            raise place.at("at_least").error(f"expected a whole number, found {at_least:g}")
        return finding, int(at_least), state

    def group(self, at: _Place, stated: object) -> dict[str, str | dict[str, float]]:
        """Return what a group of people had: for each node a state, likelihoods, or that nobody looked."""
        group: dict[str, str | dict[str, float]] = {}
        for name, value in at.table_of(stated).items():
            variable = self.known(at, name)
            if isinstance(value, Mapping):
                group[name] = self.likelihoods(at.at(name), variable, value)
            elif value == ANY or value in variable.states:
                group[name] = value
            else:
                raise at.error(
                    f"{value!r} is no state of {name!r}. {did_you_mean(value, (*variable.states, ANY))}"
                )
        return group

    def likelihoods(self, at: _Place, variable: Variable, stated: Mapping[str, Any]) -> dict[str, float]:
        at.keys(stated, variable.states)
        weights = {state: at.real(stated, state, 0.0) for state in variable.states}
        if not any(weights.values()):
            raise at.error("all likelihoods are 0, so that nobody could be in this group")
        return weights

    def check_subjects(self, place: _Place, measure: str, condition: str, finding: tuple[str, ...]) -> None:
        """Refuse what cannot be present or absent, or is no condition where conditions are counted."""
        at = place.at("condition")
        conditions = [variable for variable in self.variables.values() if variable.role == "condition"]
        counted = measure in ("main_cause", "overlap")
        if condition and len(self.known(at, condition).states) != 2:
            states = self.variables[condition].states
            raise at.error(f"a condition is present or absent; {condition!r} has {len(states)} states")
        if condition in finding:
            raise at.error(f"{condition!r} is also the finding; a study relates two nodes")
        if counted and condition and self.variables[condition] not in conditions:
            names = tuple(variable.name for variable in conditions)
            raise at.error(
                f"{measure} counts the conditions of the file, and {condition!r} is none. "
                f"{did_you_mean(condition, names)}"
            )
        manifold = [variable.name for variable in conditions if len(variable.states) != 2]
        if counted and (manifold or not conditions):
            found = f"{manifold[0]!r} has more than two states" if manifold else "there is no condition"
            raise place.at("measure").error(
                f"{measure} counts conditions that are present or absent; {found}"
            )

    def check_open(
        self,
        place: _Place,
        node: str,
        among: Mapping[str, str | dict[str, float]],
        controls: Mapping[str, str | dict[str, float]],
    ) -> None:
        """Refuse to measure what everybody has by definition."""
        for key, group in (("among", {**self.given, **among}), ("controls", controls)):
            state = group.get(node)
            if isinstance(state, str) and state != ANY:
                where = key if node in (among if key == "among" else controls) else "given of the network"
                raise place.at(key).error(
                    f"{node!r} is {state!r} in everybody ({where}), so there is nothing to measure; "
                    f'write {key} = {{ {node} = "{ANY}" }} for people in whom it was not fixed'
                )

    def figures(
        self, place: _Place, measure: str, body: Mapping[str, Any], *, judged: bool
    ) -> dict[str, float]:
        stated = {key for key in _FIGURES if key in body}
        if judged:
            fits, forms = (
                stated in ({"low", "high"}, {"value", "low", "high"}),
                "{low, high} or {value, low, high}",
            )
        elif measure in RATIOS:
            fits, forms = stated - {"n"} == {"value", "low", "high"}, "{value, low, high}"
        else:
            fits = stated - {"n"} == _FIGURE_FORMS[0] or stated in (
                *_FIGURE_FORMS,
                {*_FIGURE_FORMS[2], "low", "high"},
            )
            forms = "{value, low, high}, {value, n} or {events, trials}"
        if not fits:
            raise place.error(
                f"expected {forms}, so that this {'judged ' * judged}{measure} says how sure it is; "
                f"found {{{', '.join(sorted(stated))}}}"
            )
        high = sys.float_info.max if measure in RATIOS else 1.0
        figures = {key: place.real(body, key, 0.0, high) for key in ("value", "low", "high") if key in body}
        figures |= {key: place.real(body, key, 1.0) for key in ("trials", "n") if key in body}
        if "events" in body:
            figures["events"] = place.real(body, "events", 0.0, figures["trials"])
        return figures

    def red_flags(self) -> Iterable[RedFlag]:
        for place, body in self.array("red_flags"):
            place.keys(body, _RED_FLAG_KEYS)
            if ("condition" in body) != ("above" in body):
                raise place.error(
                    "condition and above go together: the posterior, and the bound it must pass"
                )
            if not (body.get("any") or body.get("all") or "condition" in body):
                raise place.error(
                    "a red flag fires on any or all of some findings, or on a condition above a bound"
                )
            condition = place.text(body, "condition", "")
            if condition and self.known(place.at("condition"), condition).positive is None:
                raise place.at("condition").error(f"{condition!r} has no state 'present' to be above a bound")
            any_ = self.signs(place.at("any"), place.names(body, "any"))
            at_least = place.real(body, "at_least", 1, max(len(any_), 1)) if "at_least" in body else 1
            if at_least != int(at_least):
                raise place.at("at_least").error(f"expected a whole number, found {at_least:g}")
            yield RedFlag(
                name=place.text(body, "name"),
                label=place.text(body, "label"),
                urgency=place.choice(body, "urgency", URGENCIES, None),
                reason=place.text(body, "reason"),
                source=self.cited(place, body),
                advice=place.text(body, "advice", ""),
                any=any_,
                all=self.signs(place.at("all"), place.names(body, "all")),
                at_least=int(at_least),
                condition=condition,
                above=place.real(body, "above", 0.0, 1.0) if condition else math.nan,
            )

    def signs(self, at: _Place, stated: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        signs = []
        for sign in stated:
            name, _, state = sign.partition("=")
            variable = self.known(at, name)
            state = state or variable.positive or ""
            if state not in variable.states:
                raise at.error(f"{state!r} is no state of {name!r}. {did_you_mean(state, variable.states)}")
            signs.append((name, state))
        return tuple(signs)


def _subjects(measure: str) -> tuple[str, ...]:
    """Return the keys that say what a measure is about."""
    named = MEASURES[measure]
    of_finding = ("at_least", "state") if "finding" in named else ()
    optional = ("condition",) if measure == "frequency" else ()
    return (*named, *of_finding, *optional, *(("controls",) if measure in _CONTROLLED else ()))


# -- and back ----------------------------------------------------------------------------


def to_toml(net: Network) -> str:
    """Write a network as TOML text that `from_toml` reads back to the same network.

    Raises
    ------
    InvalidNetwork
        If a number has no source or no measure of certainty, or a node no role: such a
        file would be refused on reading.
    """
    import tomli_w

    head = {
        "name": net.name,
        "description": net.description,
        "version": net.version,
        "given": dict(net.given),
    }
    document: dict[str, Any] = {"network": _said(head)}
    document["sources"] = {
        key: _said({"cite": item.cite, "kind": item.kind, "doi": item.doi, "url": item.url})
        for key, item in net.sources.items()
    }
    for table, role in _ROLE_TABLES.items():
        members = [variable for variable in net.variables if variable.role == role]
        if members:
            document[table] = {item.name: _node(net, item) for item in members}
    roleless = [variable.name for variable in net.variables if not variable.role]
    if roleless:
        raise InvalidNetwork(
            f"a TOML network gives each node a role (risk factor, condition, mechanism, finding); "
            f"{', '.join(roleless[:5])} {'has' if len(roleless) == 1 else 'have'} none",
            roleless[0],
        )
    if net.studies:
        document["studies"] = [_study(study) for study in net.studies]
    if net.red_flags:
        document["red_flags"] = [_red_flag(flag) for flag in net.red_flags]
    return tomli_w.dumps(document)


def _said(table: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not said: empty text, empty tables, NaN."""
    return {key: value for key, value in table.items() if value not in ("", {}, []) and not _is_nan(value)}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _node(net: Network, variable: Variable) -> dict[str, Any]:
    states = [] if variable.states == ("absent", "present") else list(variable.states)
    words = {
        key: getattr(variable, key) for key in _NODE_KEYS[variable.role] if key not in (*_NUMBERS, "states")
    }
    node = _said({"states": states, **words, "label": net.label(variable.name)})
    family = net.families[variable.name]
    if not family.provenance:
        raise InvalidNetwork(
            f"the numbers of {variable.name!r} have no source; a TOML network needs one", variable.name
        )
    if isinstance(family, Table):
        rows = [_row(net, variable, family, i) for i in range(len(family.provenance))]
        return {**node, "table": rows if family.parents else rows[0]}
    leak, *stated = (_link(net, variable, family, i) for i in range(len(family.provenance)))
    node["leak"], numbers = leak, iter(stated)
    node["causes"] = {
        parent: _links(net.variable(parent), links, numbers.__next__)
        for parent, links in zip(family.parents, family.links, strict=True)
    }
    return node


def _links(
    parent: Variable, links: tuple[float | None, ...], number: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    by_state = {state: number() for state, link in zip(parent.states, links, strict=True) if link is not None}
    return by_state[parent.positive] if [parent.positive] == list(by_state) and parent.positive else by_state


def _link(net: Network, variable: Variable, family: NoisyOr, i: int) -> dict[str, Any]:
    """Return the leak or a link: with the leak in it, where it was stated so and neither has changed."""
    value, record = family.numbers()[i], family.provenance[i]
    alone = record.with_leak
    if alone is None:
        return _number(variable, value, record)
    link, ess = alone.link
    follows = record.ess == ess or (math.isnan(record.ess) and alone.range is not None)
    if follows and (value, family.leak) == (link, alone.leak):
        as_stated = replace(record, ess=alone.ess, range=alone.range, counts=alone.counts)
        return {**_number(variable, alone.value, as_stated), _INCLUDES: "leak"}
    return _number(variable, value, replace(record, ess=float(net.ess[net.spans[variable.name]][i])))


def _row(net: Network, variable: Variable, family: Table, i: int) -> dict[str, Any]:
    shape = family.values.shape[:-1]
    key = np.unravel_index(i, shape) if shape else ()
    given = {parent: net.states(parent)[int(k)] for parent, k in zip(family.parents, key, strict=True)}
    values, record = family.values[key].tolist(), family.provenance[i]
    if len(values) == 2:
        stated = _number(variable, values[1], record)
    elif record.counts and jeffreys_mean(record.counts)[0].tolist() == values:
        counts = dict(zip(variable.states, map(_plain, record.counts), strict=True))
        stated = {"counts": counts, **_cited(record)}
    else:
        by_state = dict(zip(variable.states, values, strict=True))
        stated = {"values": by_state, "ess": _ess(variable, record), **_cited(record)}
    return {**({"given": given} if given else {}), **stated}


def _number(variable: Variable, value: float, record: Provenance) -> dict[str, Any]:
    # Counts stand for the value they imply; where another has taken its place, the value is written.
    if record.counts and jeffreys_mean(record.counts)[0][1] == value:
        absent, events = record.counts
        return {"events": _plain(events), "trials": _plain(absent + events), **_cited(record)}
    if record.range is not None:
        return {"value": value, "range": list(record.range), **_cited(record)}
    return {"value": value, "ess": _ess(variable, record), **_cited(record)}


def _cited(record: Provenance) -> dict[str, Any]:
    return _said({"source": record.source, "note": record.note})


def _ess(variable: Variable, record: Provenance) -> float:
    if math.isnan(record.ess):
        raise InvalidNetwork(
            f"a number of {variable.name!r} does not say how sure it is; a TOML network needs that",
            variable.name,
        )
    return record.ess


def _plain(count: float) -> float:
    """Return a count as people write it: 59, not 59.0."""
    return int(count) if count == int(count) else count


def _study(study: Study) -> dict[str, Any]:
    table = {key: getattr(study, key) for key in _STUDY_KEYS}
    table |= {key: _plain(table[key]) for key in ("events", "trials", "n") if table[key] is not None}
    table["finding"] = study.finding[0] if len(study.finding) == 1 else list(study.finding)
    for key in ("among", "controls"):
        table[key] = {
            node: value if isinstance(value, str) else dict(value) for node, value in table[key].items()
        }
    said = {key: value for key, value in _said(table).items() if value is not None}
    return {
        key: value for key, value in said.items() if (key, value) not in (("judged", False), ("at_least", 1))
    }


def _red_flag(flag: RedFlag) -> dict[str, Any]:
    table = {key: getattr(flag, key) for key in _RED_FLAG_KEYS}
    table["any"] = [f"{name}={state}" for name, state in flag.any]
    table["all"] = [f"{name}={state}" for name, state in flag.all]
    return _said(table)
