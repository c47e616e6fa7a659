"""Requests answered by the library: a request in, an answer out, no inference and no wire here.

HTTP and other faces call these functions.  A section of an answer is the `.to_dict()` of
the library's result, without the network and the evidence, which stand once at the top;
beside the red flags that fire stands how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from buttpain.analysis.explanation import explain
from buttpain.analysis.information import next_findings
from buttpain.analysis.sensitivity import sensitivity
from buttpain.analysis.triage import Triage
from buttpain.analysis.uncertainty import uncertainty
from buttpain.errors import (
    ButtpainError,
    ImpossibleEvidence,
    InvalidNetwork,
    NetworkTooComplex,
    UnknownNode,
    UnknownState,
    UnknownUncertainty,
    close_matches,
    did_you_mean,
)
from buttpain.faces.schema import (
    SCHEMA,
    USE,
    Answer,
    CaseRequest,
    CohortAnswer,
    CohortRequest,
    Complaint,
    Event,
    ExplanationOptions,
    InvalidRequest,
    NetworkForm,
    NetworkList,
    NextOptions,
    Problem,
    SensitivityOptions,
    UncertaintyOptions,
)
from buttpain.inference.case import Case, observe
from buttpain.inference.cohort import posteriors
from buttpain.inference.flags import Fired, fired
from buttpain.model.files import available_networks, load_network
from buttpain.model.network import Network, Variable

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "LIMITS",
    "SECTIONS",
    "Limits",
    "Networks",
    "OutOfMemory",
    "Refused",
    "Section",
    "UnknownNetwork",
    "WrongVersion",
    "answer",
    "answers",
    "form",
    "listing",
    "problem",
]

Section = Literal["posterior", "uncertainty", "sensitivity", "explanation", "next"]
SECTIONS: tuple[Section, ...] = ("posterior", "uncertainty", "sensitivity", "explanation", "next")
"""What can be asked of a case beside its red flags."""


class UnknownNetwork(ButtpainError, KeyError):
    """A name that is none of the networks on offer.

    Attributes
    ----------
    name, known, matches
        What was given, what there is, and what of it looks alike.
    """

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = tuple(known)
        self.matches = close_matches(name, known)
        super().__init__(f"{name!r} is no network on offer. {did_you_mean(name, self.known)}")


class WrongVersion(ButtpainError, ValueError):
    """A case meant for another version of its network.

    Attributes
    ----------
    network, asked, found
        The network, the version that was asked for, and the one on offer.
    """

    def __init__(self, network: str, asked: str, found: str) -> None:
        self.network = network
        self.asked = asked
        self.found = found
        super().__init__(
            f"Network {network!r} is of version {found!r} here, not {asked!r}. Check that the case still "
            f"means the same in it, then ask for this version or for none."
        )


class Refused(ButtpainError, ValueError):
    """A request of the right form that the library refuses, in its words."""


class OutOfMemory(ButtpainError, MemoryError):
    """An answer for which the machine had not enough memory, whatever the bound on a query.

    Attributes
    ----------
    bound
        Bytes that a query was allowed.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        super().__init__(
            f"The machine ran out of memory over this answer, though a query may take only "
            f"{bound / 2**20:,.0f} MiB. Observe more findings, or ask for fewer targets, samples or rows."
        )


@dataclass(frozen=True)
class Limits:
    """What one request may ask for.

    Parameters
    ----------
    memory
        Bytes that a query may take; time goes with it.
    samples
        Draws for credible intervals.
    rows
        Cases in a cohort.
    """

    memory: int = 2**28
    samples: int = 2000
    rows: int = 2000


LIMITS = Limits()
"""What one request may ask for unless told otherwise."""

DEFAULT_SAMPLES = 500
"""Draws for credible intervals where a request does not say."""


class Networks(Mapping[str, Network]):
    """The networks on offer: those that come with the library, and files that the operator named.

    Parameters
    ----------
    files
        Paths; each network is known by the name that it gives itself.

    Raises
    ------
    NetworkFileError
    InvalidNetwork
        If two have the same name.

    Examples
    --------
    >>> Networks()["five_findings"].name
    'five_findings'
    """

    def __init__(self, files: Iterable[str | Path] = ()) -> None:
        found = {name: load_network(name) for name in available_networks()}
        for path in files:
            net = load_network(Path(path))
            if net.name in found:
                raise InvalidNetwork(f"{path}: a network named {net.name!r} is on offer already; rename one")
            found[net.name] = net
        self._found = MappingProxyType(found)

    def __getitem__(self, name: str) -> Network:
        """Return a network, or raise `UnknownNetwork`."""
        if name not in self._found:
            raise UnknownNetwork(name, tuple(self._found))
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._found)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._found)


# -- cases -------------------------------------------------------------------------------


def answer(
    networks: Mapping[str, Network],
    request: CaseRequest,
    sections: Iterable[Section] = (),
    limits: Limits = LIMITS,
) -> Answer:
    """Return the answer to one case: its red flags, and the sections asked for.

    Parameters
    ----------
    networks
        By name.
    request
        The case.  A section whose options it states is answered too.
    sections
        What to answer, stated or not.
    limits
        What it may ask for.

    Raises
    ------
    ButtpainError

    Examples
    --------
    >>> from buttpain.faces.schema import CaseRequest, read
    >>> case = read(CaseRequest, {"network": "five_findings", "evidence": {"hop_test_pain": True}})
    >>> found = answer(Networks(), case, ["posterior"])
    >>> found.triage.urgency, found.evidence
    ('prompt', {'hop_test_pain': 'present'})
    """
    net = _network(networks, request)
    with _Refusing(limits):
        case = observe(net, request.evidence, memory=limits.memory)
        asked = [name for name in SECTIONS if name in sections or getattr(request, name, None) is not None]
        found = {
            "evidence": dict(case.evidence),
            "triage": _triage(case, case.red_flags),
            "log_evidence": case.log_evidence,
        }
        for name in asked:
            found |= _ANSWERS[name](case, request, limits)
        return Answer.model_validate({**_head(net), **found})


class _Refusing:
    """Says as errors of the library what Python says: plain ValueErrors, and that memory has run out."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Pass on, under another name, what is a ValueError and nothing more special, or a MemoryError."""
        if type(error) is ValueError:
            raise Refused(str(error)) from error
        if isinstance(error, MemoryError):
            raise OutOfMemory(self.limits.memory) from error


def _triage(case: Case, flags: Sequence[Fired]) -> dict[str, Any]:
    """Return the red flags that fire, and how many there are: none of none is no good news."""
    return {**Triage(case, tuple(flags)).to_dict(), "rules": len(case.net.red_flags)}


def _network(networks: Mapping[str, Network], request: CaseRequest | CohortRequest) -> Network:
    net = networks[request.network]
    if request.version is not None and request.version != net.version:
        raise WrongVersion(net.name, request.version, net.version)
    return net


def _signed() -> dict[str, Any]:
    return {"schema": SCHEMA, "library": import_module("buttpain").__version__, "use": USE}


def _head(net: Network) -> dict[str, Any]:
    return {**_signed(), "network": net.name, "version": net.version, "given": dict(net.given)}


def _bare(result: Any) -> dict[str, Any]:
    """Return a result as plain data, without what stands at the top of the answer."""
    return {name: value for name, value in result.to_dict().items() if name not in ("network", "evidence")}


def _posterior(case: Case, request: CaseRequest, _: Limits) -> dict[str, Any]:
    return _bare(case.posterior(request.targets))


def _uncertainty(case: Case, request: CaseRequest, limits: Limits) -> dict[str, Any]:
    options = request.uncertainty or UncertaintyOptions(samples=min(DEFAULT_SAMPLES, limits.samples))
    if options.samples > limits.samples:
        raise Refused(
            f"uncertainty.samples is {options.samples:,}; at most {limits.samples:,} are answered here. "
            f"Ask for fewer, or run bp.uncertainty(case, samples={options.samples}) on your own machine."
        )
    result = uncertainty(
        case, targets=request.targets, samples=options.samples, seed=options.seed, ess=options.ess
    )
    found = _bare(result)
    for target in found["targets"]:
        target |= {name: target[name][: options.top] for name in ("numbers", "sources")}
    return {"uncertainty": found}


def _sensitivity(case: Case, request: CaseRequest, _: Limits) -> dict[str, Any]:
    options = request.sensitivity or SensitivityOptions()
    # The likeliest of the targets stands first.
    target = options.target or next(iter(case.posterior(request.targets).to_dict()["posterior"]))
    found = _bare(sensitivity(case, target, state=options.state, covariation=options.covariation))
    return {"sensitivity": {**found, "parameters": found["parameters"][: options.top]}}


def _explanation(case: Case, request: CaseRequest, _: Limits) -> dict[str, Any]:
    options = request.explanation or ExplanationOptions()
    rival = options.against
    against = (rival.node, rival.state) if isinstance(rival, Event) else rival
    return {"explanation": _bare(explain(case, options.target, state=options.state, against=against))}


def _next(case: Case, request: CaseRequest, _: Limits) -> dict[str, Any]:
    options = request.next or NextOptions()
    for node in options.among or ():
        # The library says to take it back from the case, which only the sender can.
        if node in case.evidence:
            raise Refused(
                f"next.among names {node!r}, which the evidence states: nothing is left to look for. "
                f"Leave it out of next.among, or out of the evidence."
            )
    found = next_findings(
        case, options.n, options.target, options.cost, steps=options.steps, among=options.among
    )
    return {"next": _bare(found)}


_ANSWERS: dict[Section, Callable[[Case, CaseRequest, Limits], dict[str, Any]]] = {
    "posterior": _posterior,
    "uncertainty": _uncertainty,
    "sensitivity": _sensitivity,
    "explanation": _explanation,
    "next": _next,
}


# -- cohorts -----------------------------------------------------------------------------


def answers(networks: Mapping[str, Network], request: CohortRequest, limits: Limits = LIMITS) -> CohortAnswer:
    """Return the answers to many cases: red flags and posteriors of each.

    Parameters
    ----------
    networks
        By name.
    request
        The cases.
    limits
        What it may ask for.

    Raises
    ------
    ButtpainError

    Examples
    --------
    >>> from buttpain.faces.schema import CohortRequest, read
    >>> cases = read(CohortRequest, {"network": "five_findings", "rows": [{}, {"hop_test_pain": True}]})
    >>> [row.triage.urgency for row in answers(Networks(), cases).rows]
    ['routine', 'prompt']
    """
    net = _network(networks, request)
    if len(request.rows) > limits.rows:
        raise Refused(
            f"{len(request.rows):,} rows were sent; at most {limits.rows:,} are answered at once here. "
            f"Send them in parts."
        )
    with _Refusing(limits):
        seen = [_observed(net, i, row, limits) for i, row in enumerate(request.rows)]
        cases = [case for case in seen if case is not None]
        prior = observe(net, memory=limits.memory).posterior(request.targets).to_dict()["posterior"]
        watched = [flag.condition for flag in net.red_flags if flag.condition]
        names = tuple(dict.fromkeys((*prior, *watched)))
        frame = posteriors(net, _frame(cases), names, impossible="nan", progress=False, memory=limits.memory)
        columns = {label: frame[label].tolist() for label in frame.columns}
        told = (
            _row(net, case, _distributions(net, names, columns, i), prior) for i, case in enumerate(cases)
        )
        rows = [None if case is None else next(told) for case in seen]
        lost = [i for i, row in enumerate(rows) if row is None]
        if lost and request.impossible == "error":
            raise _clash(net, request.rows[lost[0]], lost, limits)
        return CohortAnswer.model_validate({**_head(net), "prior": prior, "rows": rows})


def _observed(net: Network, i: int, row: Mapping[str, Any], limits: Limits) -> Case | None:
    """Return a row as a case, or None if it takes no arithmetic to see that it is impossible."""
    try:
        return observe(net, row, memory=limits.memory)
    except ImpossibleEvidence:
        return None
    except (UnknownNode, UnknownState) as error:
        node = error.name if isinstance(error, UnknownNode) else error.node
        error.args = (f"Row {i}: {error}",)
        vars(error).update(row=i, where=f"rows.{i}.{node}")
        raise


def _clash(net: Network, row: Mapping[str, Any], lost: Sequence[int], limits: Limits) -> ImpossibleEvidence:
    """Return the error that names the rows that cannot be; it explains the first."""
    clash = dict(row)
    try:
        observe(net, row, memory=limits.memory).posterior()
    except ImpossibleEvidence as error:
        clash = error.evidence
    return ImpossibleEvidence(clash, net.name, lost)


def _frame(cases: Sequence[Case]) -> pd.DataFrame:
    """Return cases as the cohort takes them; what is unsure in one row stands as likelihoods in all."""
    import pandas as pd

    soft = {node for case in cases for node, seen in case.evidence.items() if not isinstance(seen, str)}
    table: dict[str, list[Any]] = {}
    for i, case in enumerate(cases):
        for node, seen in case.evidence.items():
            if node in soft:
                for state in case.net.states(node):
                    weight = float(seen == state) if isinstance(seen, str) else seen[state]
                    table.setdefault(f"{node}:{state}", [None] * len(cases))[i] = weight
            else:
                table.setdefault(node, [None] * len(cases))[i] = seen
    return pd.DataFrame(table, index=range(len(cases)))


def _distributions(
    net: Network, names: Sequence[str], columns: Mapping[Any, Sequence[float]], i: int
) -> dict[str, dict[str, float]]:
    """Return one row of a cohort's answer by node and state."""
    found = {}
    for name in names:
        states, positive = net.states(name), net.variable(name).positive
        if name in columns:
            likely = columns[name][i]
            found[name] = {state: likely if state == positive else 1 - likely for state in states}
        else:
            found[name] = {state: columns[name, state][i] for state in states}
    return found


def _row(
    net: Network, case: Case, posterior: dict[str, dict[str, float]], targets: Iterable[str]
) -> dict[str, Any] | None:
    if any(math.isnan(p) for states in posterior.values() for p in states.values()):
        return None

    def probability(condition: str) -> float:
        return posterior[condition][net.variable(condition).positive or ""]

    flags = fired(net, case.evidence, probability)
    return {
        "triage": _triage(case, flags),
        "posterior": {name: posterior[name] for name in targets},
    }


# -- networks ----------------------------------------------------------------------------


def listing(networks: Mapping[str, Network]) -> NetworkList:
    """Return what networks there are.

    Examples
    --------
    >>> "five_findings" in [item.name for item in listing(Networks()).networks]
    True
    """
    found = [
        {
            "name": net.name,
            "version": net.version,
            "description": net.description,
            "nodes": len(net.nodes),
            "conditions": len(net.conditions),
            "findings": len(net.findings),
            "parameters": net.theta.size,
        }
        for net in networks.values()
    ]
    return NetworkList.model_validate({**_signed(), "networks": found})


def form(net: Network) -> NetworkForm:
    """Return what a client needs to build a form for a network.

    Examples
    --------
    >>> found = form(Networks()["five_findings"])
    >>> found.findings[0].kind, found.findings[0].findings[0].states
    ('palpation', ['absent', 'present'])
    """
    kinds: dict[str, list[dict[str, Any]]] = {}
    by_role: dict[str, list[dict[str, Any]]] = {}
    for variable in net.variables:
        if variable.role == "finding":
            kinds.setdefault(variable.kind, []).append(_node(net, variable))
        else:
            by_role.setdefault(variable.role, []).append(_node(net, variable))
    flags = ("name", "label", "urgency", "advice", "reason", "source")
    found = {
        **_head(net),
        "description": net.description,
        "risk_factors": by_role.get("risk_factor", []),
        "findings": [{"kind": kind, "findings": nodes} for kind, nodes in kinds.items()],
        "conditions": by_role.get("condition", []),
        "mechanisms": by_role.get("mechanism", []),
        "others": by_role.get("", []),
        "red_flags": [{name: getattr(flag, name) for name in flags} for flag in net.red_flags],
    }
    return NetworkForm.model_validate(found)


def _node(net: Network, variable: Variable) -> dict[str, Any]:
    names = ("name", "description", "positive", "negative", "question", "icd10", "urgency")
    return {
        **{name: getattr(variable, name) for name in names},
        "label": net.label(variable.name),
        "states": list(variable.states),
        "cost": None if math.isnan(variable.cost) else variable.cost,
    }


# -- problems ----------------------------------------------------------------------------

_PROBLEMS: tuple[tuple[type[ButtpainError], str, str, int], ...] = (
    (InvalidRequest, "invalid-request", "The request is not of the form that the schema asks for", 422),
    (UnknownNetwork, "unknown-network", "No such network", 404),
    (WrongVersion, "wrong-version", "The network is of another version", 409),
    (UnknownNode, "unknown-node", "No such node in the network", 422),
    (UnknownState, "unknown-state", "No such state of the node", 422),
    (ImpossibleEvidence, "impossible-evidence", "The observations cannot hold together", 422),
    (NetworkTooComplex, "too-complex", "An exact answer would take more than is allowed here", 422),
    (OutOfMemory, "too-complex", "An exact answer would take more than is allowed here", 422),
    (UnknownUncertainty, "unknown-uncertainty", "Nobody said how sure the numbers are", 422),
    (ButtpainError, "refused", "The request cannot be answered", 422),
)
_FACTS = {
    UnknownNetwork: ("name", "known", "matches"),
    WrongVersion: ("network", "asked", "found"),
    UnknownNode: ("name", "known", "matches"),
    UnknownState: ("node", "state", "known"),
    ImpossibleEvidence: ("evidence", "rows"),
    NetworkTooComplex: ("width", "entries", "memory", "bound"),
    OutOfMemory: ("bound",),
    UnknownUncertainty: ("missing", "parameters"),
}


def problem(error: ButtpainError) -> Problem:
    """Return an error of the library as RFC 9457 has it, with its words and its facts.

    Examples
    --------
    >>> found = problem(UnknownNetwork("five_finding", ["five_findings", "runner"]))
    >>> found.status, found.type, found.detail
    (404, 'urn:buttpain:problem:unknown-network',
     "'five_finding' is no network on offer. Did you mean 'five_findings'?")
    """
    kind, name, title, status = next(item for item in _PROBLEMS if isinstance(error, item[0]))
    facts = {fact: getattr(error, fact) for fact in _FACTS.get(kind, ())}
    # Of a cohort: stated on errors that concern one row of it.
    facts |= {fact: vars(error)[fact] for fact in ("row", "where") if fact in vars(error)}
    errors = error.errors if isinstance(error, InvalidRequest) else ()
    return Problem(
        type=f"urn:buttpain:problem:{name}",
        title=title,
        status=status,
        detail=str(error),
        errors=[Complaint(where=where, message=said) for where, said in errors],
        **{fact: _plain(value) for fact, value in facts.items()},
    )


def _plain(value: Any) -> Any:
    """Return a fact as JSON has it; what is no plain data is told in words."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
