"""How far an answer hangs on each finding: without it, with another state of it, and without several."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from buttpain.display.tables import Grid, percent
from buttpain.errors import ImpossibleEvidence
from buttpain.inference.case import Case
from buttpain.inference.evidence import Observation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_SETS", "Event", "EvidenceImpact", "evidence_impact", "leader_of"]

MOST_SETS = 2000
"""Sets of findings to try, unless told otherwise."""

Event = tuple[str, str]
"""A node and a state of it."""

_COLUMNS = ("finding", "observed", "instead", "posterior", "change", "leader")


@dataclass(frozen=True, eq=False, repr=False)
class EvidenceImpact:
    """What each finding does to one posterior, and which of them keep the leader in front.

    Made by `Sensitivity.evidence`.

    Parameters
    ----------
    case
        The case.
    target
        Node and state.
    leader
        Who leads today.
    posterior
        Today's.
    dethroning
        The smallest set of findings without which another leads: of several of the same
        size the one that leaves the leader furthest behind.  None if no set that was tried
        does.
    successor
        Who leads then; an empty string if nobody else.
    tried
        Findings up to which all sets were tried.
    """

    case: Case
    target: Event
    leader: str
    posterior: float
    dethroning: tuple[str, ...] | None
    successor: str
    tried: int
    _rows: tuple[tuple[str, str, str, float, float, str], ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a change of one finding, the largest effect first.

        Columns: finding, observed, instead (another state, or empty where the finding is
        taken back), posterior, change, leader.  NaN and an empty leader where the evidence
        would be impossible.
        """
        import pandas as pd

        return pd.DataFrame(list(self._rows), columns=list(_COLUMNS))

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data, ready for JSON; NaN is None there."""
        return {
            "target": {"node": self.target[0], "state": self.target[1]},
            "posterior": self.posterior,
            "leader": self.leader,
            "changes": [
                {name: _plain(value) for name, value in zip(_COLUMNS, row, strict=True)} for row in self._rows
            ],
            "dethroning": None if self.dethroning is None else list(self.dethroning),
            "successor": self.successor,
            "tried": self.tried,
        }

    def _grid(self) -> Grid:
        net = self.case.net
        rows = [
            (
                f"{net.label(finding)} {observed}",
                instead or "taken back",
                "impossible" if math.isnan(posterior) else percent(posterior),
                _named(self.case, leader),
            )
            for finding, observed, instead, posterior, _, leader in self._rows
        ]
        said = f"P({net.label(self.target[0])} = {self.target[1]}) is {percent(self.posterior)}"
        title = f"{net.name} | {said}; {_named(self.case, self.leader)} leads"
        headers = ("finding", "instead", ">posterior", "then leads")
        return Grid(title, headers, rows, alerts=self.case.alerts(), notes=[self._verdict()])

    def _verdict(self) -> str:
        leads = f"{_named(self.case, self.leader)} leads whichever"
        if self.dethroning is not None:
            names = " and ".join(self.case.net.label(name) for name in self.dethroning)
            return f"Without {names}, {_named(self.case, self.successor)} leads; no smaller set does that."
        if self.tried >= len(self.case.evidence):
            return f"{leads} findings are taken back."
        return f"{leads} {self.tried} findings or fewer are taken back; larger sets were not tried."

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()


def evidence_impact(
    case: Case, target: Event, contenders: Sequence[Event], names: Sequence[str], *, most: int = MOST_SETS
) -> EvidenceImpact:
    """Return what each finding does to a posterior and to who leads.

    Parameters
    ----------
    case
        The case.
    target
        Node and state.
    contenders
        Events of which one leads.
    names
        What each of them is called.
    most
        Sets of findings to try; sets are tried by size, each size as a whole.

    Raises
    ------
    ImpossibleEvidence, NetworkTooComplex
    """
    posterior = case.probability(*target)
    leader = leader_of(case, contenders, names)
    rows = [
        (finding, observed, instead, new, new - posterior, then)
        for finding, observed, instead, changed in _changed(case)
        for new, then in [_answer(changed, target, contenders, names)]
    ]
    rows.sort(key=lambda row: math.inf if math.isnan(row[4]) else -abs(row[4]))
    dethroning, successor, tried = _smallest(case, contenders, names, leader, most)
    return EvidenceImpact(case, target, leader, posterior, dethroning, successor, tried, tuple(rows))


def leader_of(case: Case, contenders: Sequence[Event], names: Sequence[str]) -> str:
    """Return the name of the likeliest contender; of equals the first."""
    probabilities = _probabilities(case, contenders)
    return names[probabilities.index(max(probabilities))]


def _probabilities(case: Case, contenders: Sequence[Event]) -> list[float]:
    nodes = list(dict.fromkeys(node for node, _ in contenders))
    marginals = dict(zip(nodes, case.marginals(nodes), strict=True))
    return [float(marginals[node][case.net.variable(node).index(state)]) for node, state in contenders]


def _changed(case: Case) -> Iterator[tuple[str, str, str, Case]]:
    """Yield (finding, observed, instead, case): each finding taken back, then in each other state."""
    for finding, observed in case.evidence.items():
        yield finding, _said(observed), "", case.observe({finding: None})
        for state in case.net.states(finding):
            if state != observed and not isinstance(observed, Mapping):
                yield finding, observed, state, _with(case, finding, state)


def _with(case: Case, finding: str, state: str) -> Case:
    evidence: dict[str, Observation] = {**case.evidence, finding: state}
    return Case(case.net, evidence, case.memory)


def _answer(
    case: Case, target: Event, contenders: Sequence[Event], names: Sequence[str]
) -> tuple[float, str]:
    try:
        return case.probability(*target), leader_of(case, contenders, names)
    except ImpossibleEvidence:
        return math.nan, ""


def _smallest(
    case: Case, contenders: Sequence[Event], names: Sequence[str], leader: str, most: int
) -> tuple[tuple[str, ...] | None, str, int]:
    """Try sets by size; return the best of the first size that dethrones, who follows, and the size tried."""
    place, left = names.index(leader), most
    for size in range(1, len(case.evidence) + 1):
        if (left := left - math.comb(len(case.evidence), size)) < 0:
            return None, "", size - 1
        found: list[tuple[float, tuple[str, ...], str]] = []
        for some in combinations(case.evidence, size):
            now = _probabilities(case.observe(dict.fromkeys(some)), contenders)
            best = max(now)
            if best > now[place] * (1 + 1e-12):
                found.append((best - now[place], some, names[now.index(best)]))
        if found:
            _, some, successor = max(found, key=lambda item: item[0])
            return some, successor, size
    return None, "", len(case.evidence)


def _said(observation: Observation) -> str:
    if isinstance(observation, str):
        return observation
    return ", ".join(f"{state} {weight:g}" for state, weight in observation.items())


def _named(case: Case, name: str) -> str:
    return case.net.label(name) if name in case.net.nodes else name


def _plain(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
