"""Why an answer is what it is: the weight of each finding, how it bears on the target, and what disagrees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.influence import by_number, by_source, influence
from buttpain.analysis.paths import Paths, Tie
from buttpain.analysis.subsets import Subsets, subsets
from buttpain.analysis.weights import (
    ALL,
    FIRST,
    NONE,
    Event,
    Weights,
    choices,
    gain,
    probability,
    unless_noise,
)
from buttpain.analysis.wording import (
    DISAGREE,
    SETTLED,
    SLIGHT,
    Said,
    Story,
    listed,
    ratio,
    sentences,
    signed,
    verdict,
)
from buttpain.display.tables import Grid, percent
from buttpain.errors import UnknownState, check_kind
from buttpain.inference.case import Case
from buttpain.inference.evidence import Observation
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Explanation", "explain"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_NOISE = 1e-12
"""Share of its terms below which a slope is rounding."""

_SHOWN = 12
"""Findings that a table and a picture show one by one."""


def explain(
    case: Case, target: str | None = None, *, state: str | None = None, against: str | Event | None = None
) -> Explanation:
    """Say which findings speak for and against an answer, how strongly, and by which way.

    The weight of a finding is log2 of how much more probable it is with the target than
    without, given all other findings (Good, Probability and the Weighing of Evidence,
    1950): by so many bits it moves the log-odds.  Exact, from the odds with and without it.

    Parameters
    ----------
    case
        What was observed.
    target
        A node; the leader of the ranking unless given.
    state
        One of its states; the present one unless given.
    against
        Another node (its present state), or a pair of node and state: the weights then say
        why the target rather than this one.  The two need not exclude each other.

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex
    ValueError
        If there is nothing to explain: no leader, a target against itself, or two that are
        both impossible.

    Examples
    --------
    >>> import buttpain as bp
    >>> net = bp.load_network("five_findings")
    >>> case = bp.observe(net, sit_bone_tenderness=True, hop_test_pain=False)
    >>> why = bp.explain(case, "proximal_hamstring_tendinopathy")
    >>> why.to_frame()[["finding", "weight", "verdict"]].round(2).to_dict("split")["data"]
    [['sit_bone_tenderness', 1.9, 'for'], ['hop_test_pain', -0.05, 'against']]
    """
    check_kind("case", case, Case)
    net, contenders = case.net, _contenders(case)
    if target is None and state is not None:
        raise ValueError(f"state {state!r} belongs to a target; name the target too")
    event = None if target is None else _event(net, target, state)
    rival = None if against is None else _rival(net, against)
    if event is None and not contenders:
        raise ValueError(f"no node of network {net.name!r} leads a ranking here; name a target")
    asked = contenders if net.conditions or event is None else []
    nodes = dict.fromkeys(node for node, _ in [*asked, *filter(None, (event, rival))])
    findings = {node: case.evidence[node] for node in net.nodes if node in case.evidence}
    found = subsets(net, findings, list(nodes), choices(len(findings)), case.memory)
    if not np.isfinite(found.log_evidence[ALL]):
        _ = case.log_joint  # raises, and names the observations that clash
    if event is None:
        event = max(contenders, key=lambda item: float(probability(net, found, item)[ALL]))
    _check_pair(net, found, event, rival)
    return Explanation(case, *event, rival, Weights(net, findings, found, event, rival))


def _contenders(case: Case) -> list[Event]:
    """Return the present states of the conditions not observed; of all nodes where none is a condition."""
    net = case.net
    certain = {*net.given, *(node for node, seen in case.evidence.items() if isinstance(seen, str))}
    free = [net.variable(node) for node in net.conditions or net.nodes if node not in certain]
    return [(variable.name, variable.positive) for variable in free if variable.positive]


def _event(net: Network, node: str, state: str | None) -> Event:
    variable = net.variable(node)
    if state is None and variable.positive is None:
        known = ", ".join(map(repr, variable.states))
        raise UnknownState(node, "present", variable.states, f"Name one of its states: {known}.")
    return variable.name, variable.states[variable.index(True if state is None else state)]


def _rival(net: Network, against: object) -> Event:
    if isinstance(against, str):
        return _event(net, against, None)
    if not isinstance(against, Sequence) or len(against) != 2:
        kind = ValueError if isinstance(against, Sequence) else TypeError
        raise kind(f"against= takes a node, or a pair of node and state; not {against!r}")
    return _event(net, *against)


def _check_pair(net: Network, found: Subsets, event: Event, rival: Event | None) -> None:
    if rival is None:
        return
    if event == rival:
        raise ValueError(f"{'='.join(event)} is compared with itself; name another one in against=")
    if not any(probability(net, found, item)[ALL] for item in (event, rival)):
        raise ValueError(
            f"neither {'='.join(event)} nor {'='.join(rival)} is possible given what was observed; "
            f"compare two of which one is"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Which findings speak for and against an answer; made by `explain`.

    Weights are in bits: one bit doubles the odds, and minus one halves them.

    Parameters
    ----------
    case
        The case.
    target, state
        What is explained.
    against
        Node and state of what it is compared with; None if with its own absence.
    """

    case: Case
    target: str
    state: str
    against: Event | None
    _weights: Weights

    # -- numbers -------------------------------------------------------------------------

    @property
    def prior(self) -> float:
        """P(target) before anything was observed, in the network's population."""
        return self._at(NONE)

    @property
    def posterior(self) -> float:
        """P(target | all findings)."""
        return self._at(ALL)

    @property
    def conflict(self) -> float:
        """Conflict of the findings in bits: log2 of the product of P(finding) over P(findings).

        Above 0 they are less probable together than if they had nothing to do with each
        other (Jensen, Chamberlain, Nordahl and Jensen, UAI 1990).
        """
        return self._weights.conflict

    def to_frame(self) -> pd.DataFrame:
        """Return one row a finding, the heaviest first.

        Returns
        -------
        frame
            Columns: finding, label, observed.

            weight: bits for (above 0) or against the target, given all other findings.
            Infinite where the finding makes the answer certain.  0 where the others make it
            certain anyway.

            alone: the same if nothing else were observed.

            overlap: alone less weight.  Of the same sign as the weight: so much of it the other
            findings say already; of the other sign: they make it weigh more, or turn it round.

            without: P(target) without the finding.

            verdict: "for", "against", "neither"; "decides for" and "decides against" where
            the weight is infinite; "decided without it" where the others leave no doubt.

            conflict: bits by which the finding disagrees with all others together.

            path: by which way it bears on the target, in words; also what else a finding is a
            sign of, if it speaks against a target that brings it about.

            competitors: other conditions that bring the finding about.

            If something else was named to compare with, also against_without and
            against_path, the same for that one.
        """
        import pandas as pd

        return pd.DataFrame(self._rows, columns=list(self._columns))

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        return [self._row(i, finding) for i, finding in self._ordered]

    @property
    def _ordered(self) -> list[tuple[int, str]]:
        names = list(self._weights.findings)
        return [(i, names[i]) for i in self._weights.order]

    @property
    def _columns(self) -> tuple[str, ...]:
        return _COLUMNS if self.against is None else (*_COLUMNS, "against_without", "against_path")

    def _row(self, i: int, finding: str) -> dict[str, Any]:
        weights, label = self._weights, self.case.net.label
        tie = self._ties[finding]
        row = {
            "finding": finding,
            "label": label(finding),
            "observed": _observed(weights.findings[finding]),
            "weight": float(weights.weight[i]),
            "alone": float(weights.alone[i]),
            "overlap": float(gain(weights.alone[i], weights.weight[i])),
            "without": float(weights.without(self._event)[i]),
            "verdict": verdict(float(weights.weight[i]), settled=bool(weights.settled[i])),
            "conflict": float(weights.partial[i]),
            "path": self._said(i, tie) + self._instead(i, finding, tie),
            "competitors": "; ".join(map(label, tie.competitors)),
        }
        if self.against is not None:
            row["against_without"] = float(weights.without(self.against)[i])
            row["against_path"] = self._said(i, self._paths.tie(finding, self.against[0]))
        return row

    def steps(self) -> pd.DataFrame:
        """Return what each finding adds when they enter one after another, the heaviest first.

        These weights, unlike those of `to_frame`, add up: each is given the findings that
        entered before it, and the last step ends in the posterior.

        Returns
        -------
        steps
            Columns: finding, label, observed, weight, log_odds_before, log_odds_after
            (bits), and posterior, P(target) after it.
        """
        import pandas as pd

        return pd.DataFrame(self._steps, columns=list(_STEPS))

    @cached_property
    def _steps(self) -> list[dict[str, Any]]:
        weights = self._weights
        entered = np.zeros((len(weights.findings), len(weights.findings) + 1), dtype=bool)
        for rank, i in enumerate(weights.order):
            entered[i, rank + 1 :] = True
        found = self._run(entered)
        odds = weights.odds(found)
        after = probability(self.case.net, found, self._event)[1:]
        weight = gain(odds[1:], odds[:-1])
        return [
            {
                "finding": finding,
                "label": self.case.net.label(finding),
                "observed": _observed(weights.findings[finding]),
                "weight": float(weight[rank]),
                "log_odds_before": float(odds[rank]),
                "log_odds_after": float(odds[rank + 1]),
                "posterior": float(after[rank]),
            }
            for rank, (_, finding) in enumerate(self._ordered)
        ]

    # -- what disagrees ------------------------------------------------------------------

    def conflicts(self) -> pd.DataFrame:
        """Return which findings disagree with which: the conflict of each pair by itself.

        Returns
        -------
        conflicts
            Columns: finding, other, conflict (bits), the worst first.  Below 0 the two
            support each other.
        """
        import pandas as pd

        return pd.DataFrame(self._pairs, columns=["finding", "other", "conflict"])

    @cached_property
    def _pairs(self) -> list[tuple[str, str, float]]:
        weights, names = self._weights, list(self._weights.findings)
        pairs = list(combinations(range(len(names)), 2))
        kept = np.zeros((len(names), len(pairs)), dtype=bool)
        for choice, pair in enumerate(pairs):
            kept[pair, choice] = True
        together = (self._run(kept).log_evidence - weights.found.log_evidence[NONE]) / math.log(2.0)
        alone = weights.bits[weights.single]
        found = [
            (names[i], names[j], unless_noise(alone[i] + alone[j] - both))
            for (i, j), both in zip(pairs, together.tolist(), strict=True)
        ]
        return sorted(found, key=lambda row: -round(row[2], 12))

    def rare_cases(self) -> pd.DataFrame:
        """Return which conditions would explain a conflict away, were they present.

        Findings may disagree because one of them is wrong, or because the case is a rare
        one.  If P(condition | findings) / P(condition) is at least as large as the conflict
        (on the scale of log2), the findings together with the condition are in no conflict
        (Jensen and others 1990).

        Returns
        -------
        rare_cases
            Columns: node, state, label, prior, posterior, gain (bits), conflict (that is left
            with it), resolves (whether there is a conflict now, and none with it); the largest
            gain first.  In a network without conditions, the states of the target.
        """
        import pandas as pd

        return pd.DataFrame(self._rare, columns=list(_RARE))

    @cached_property
    def _rare(self) -> list[dict[str, Any]]:
        net, found = self.case.net, self._weights.found
        events = [event for event in _contenders(self.case) if event[0] in found.marginals]
        if not net.conditions:
            events = [(self.target, state) for state in net.states(self.target)]
        rows = []
        for event in events:
            before, after = (float(probability(net, found, event)[choice]) for choice in (NONE, ALL))
            gained = unless_noise(_log2(after) - _log2(before)) if before else -math.inf
            left = unless_noise(self.conflict - gained)
            resolves = self.conflict > 0 >= left
            values = (*event, net.label(event[0]), before, after, gained, left, resolves)
            rows.append(dict(zip(_RARE, values, strict=True)))
        return sorted(rows, key=lambda row: -row["gain"])

    # -- where it comes from -------------------------------------------------------------

    def sources(self, *, ess: float | None = None) -> pd.DataFrame:
        """Return which studies stand behind this answer, the most influential first.

        The influence of a number is the size of its derivative times the width of its 90 %
        interval: how far the answer moves, to first order, as the number goes through it
        (the other numbers of its distribution shrink or grow in proportion).  A distribution
        counts once: half the sum over its numbers, which of two are the same.

        Parameters
        ----------
        ess
            Effective sample size of every number that comes without one, such as those of a
            BIF file: how many cases each row is worth.

        Returns
        -------
        sources
            Columns: source, cite, doi_or_url, grade, parameters (how many of its numbers
            matter here, the row of a table counting as one), share (of the influence of all
            numbers) and foremost, the most influential of its numbers.  No rows if no unsure
            number matters.

        Raises
        ------
        UnknownUncertainty
            If a number has no effective sample size and `ess` was not given.
        ValueError
            If `ess` is not positive.

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), isometric_hamstring_pain=True)
        >>> bp.explain(case).sources()[["source", "grade", "share"]].round(2).to_dict("split")["data"]
        [['elicited2026', 'F', 0.74], ['benazzo2013', 'C', 0.26]]
        """
        net = self.case.net
        return by_source(net, influence(net, self._slope(), ess))

    def numbers(self, *, ess: float | None = None) -> pd.DataFrame:
        """Return the numbers that this answer hangs on, the most influential first, and what they rest on.

        Parameters
        ----------
        ess
            As in `sources`.

        Returns
        -------
        numbers
            Indexed by parameter.  Columns: value, low and high (95 % interval), share (of the
            influence of all numbers, see `sources`), source, cite, note (why this number) and
            results: what the network's `[[studies]]` report of the target and this finding,
            or of what was observed below this mechanism.

        Raises
        ------
        UnknownUncertainty, ValueError
            As in `sources`.

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), isometric_hamstring_pain=True)
        >>> bp.explain(case).numbers().index[0]
        'isometric_hamstring_pain <- proximal_hamstring_tendinopathy'
        """
        net = self.case.net
        size = influence(net, self._slope(), ess)
        return by_number(net, size, self.target, {*self.case.evidence})

    def _slope(self) -> Array:
        """Return the derivative of P(target) / (P(target) + P(rival)), shape (parameters,).

        With the target's own absence as the rival, that is the posterior.
        """
        events = [self._event, *([self.against] if self.against else [])]
        joint, evidence_slope, event_slopes = self.case.slopes(events)
        a, da = joint[0], event_slopes[:, 0]
        # P(target) + P(rival), and its slope.
        whole, rise = (
            (1.0, evidence_slope) if self.against is None else (joint.sum(), event_slopes.sum(axis=1))
        )
        terms = [da / whole, a / whole * rise / whole]
        slope = terms[0] - terms[1]
        # What is left of two equal terms is rounding.
        return np.where(np.abs(slope) <= _NOISE * np.abs(terms).max(axis=0), 0.0, slope)

    # -- in words ------------------------------------------------------------------------

    @property
    def summary(self) -> str:
        """What a clinician would say, in a few sentences."""
        net, weights = self.case.net, self._weights
        events = [self._event, *([self.against] if self.against else [])]
        names = [_name(net, event) for event in events]
        worst = self._pairs[0] if self.conflict >= DISAGREE else None
        story = Story(
            target=names[0],
            rival=names[-1] if self.against else "",
            before=float(weights.whole[NONE]),
            now=float(weights.whole[ALL]),
            prior=self.prior,
            posterior=self.posterior,
            against=float(probability(net, weights.found, events[-1])[ALL]),
            findings=tuple(
                Said(self._called(row["finding"]), row["weight"], row["verdict"], row["without"])
                for row in self._rows
            ),
            conflict=self.conflict,
            clash=tuple(map(self._called, worst[:2])) if worst and worst[2] >= SLIGHT else (),
            resolving=tuple(_name(net, (row["node"], row["state"])) for row in self._rare if row["resolves"]),
        )
        return sentences(story)

    def _called(self, finding: str) -> str:
        """Return what a finding is called inside a sentence: its label, or its absence."""
        net, seen = self.case.net, self._weights.findings[finding]
        variable, label = net.variable(finding), net.label(finding)
        if not isinstance(seen, str):
            return f"{label} (uncertain)"
        if seen == variable.positive:
            return label
        return f"the absence of {label}" if seen == variable.negative else f"{label} ({seen})"

    def plot(self, ax: Axes | None = None, *, n: int = _SHOWN) -> Axes:
        """Draw a waterfall: how the findings lead from the prior to the posterior, one after another.

        They enter by weight, the heaviest first, and the steps are those of `steps`.  The
        axis counts log-odds, on which a step is as long as its weight wherever it starts;
        its marks are probabilities (or, against another event, how many times as probable).

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        n
            Findings to show one by one; the rest enter together.
        """
        import pandas as pd

        from buttpain.display.plots import plot_waterfall

        frame = pd.DataFrame(self._drawn(n), columns=["label", "before", "after", "bits", "then"])
        if self.against is None:
            said = f"P({_name(self.case.net, self._event, always=True)})"
        else:
            names = [_name(self.case.net, event, always=True) for event in (self._event, self.against)]
            said = f"P({names[0]}) : P({names[1]})"
        return plot_waterfall(frame, f"{self.case.net.name}: {said}", ax, ratio=self.against is not None)

    def _drawn(self, n: int) -> list[tuple[str, float, float, str, str]]:
        """Return label, log-odds before and after, weight and outcome of each row of the picture."""
        start, end = (float(self._weights.whole[choice]) for choice in (NONE, ALL))
        first = ("before the findings", start, start, "", self._stands(start, self.prior))
        if not self._steps:
            return [first]
        rows = [
            (
                f"{row['label']} {row['observed']}",
                row["log_odds_before"],
                row["log_odds_after"],
                signed(row["weight"]),
                self._stands(row["log_odds_after"], row["posterior"]),
            )
            for row in self._steps
        ]
        last = self._stands(end, self.posterior)
        if len(rows) > n:
            before, rest = rows[n][1], len(rows) - n
            rows = [*rows[:n], (f"{rest} more", before, end, signed(float(gain(end, before))), last)]
        return [first, *rows, ("with all findings", end, end, "", last)]

    def _stands(self, odds: float, target: float) -> str:
        """Write a probability, or a ratio if two events are compared."""
        return percent(target) if self.against is None else ratio(odds)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, ready for JSON.

        What is infinite is the text "inf" or "-inf" there, and `verdict` says what it means.
        """
        against = self.against and dict(zip(("node", "state"), self.against, strict=True))
        evidence = self.case.evidence.items()
        return {
            "network": self.case.net.name,
            "evidence": {node: seen if isinstance(seen, str) else dict(seen) for node, seen in evidence},
            "target": self.target,
            "state": self.state,
            "against": against,
            "prior": self.prior,
            "posterior": self.posterior,
            "summary": self.summary,
            "findings": [_plain(row) for row in self._rows],
            "steps": [_plain(row) for row in self._steps],
            "conflict": self.conflict,
            "rare_cases": [_plain(row) for row in self._rare],
        }

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()

    def _grid(self) -> Grid:
        net = self.case.net
        asked = [_name(net, event, always=True) for event in (self._event, self.against) if event]
        title = f"{net.name} | why {' rather than '.join(asked)}"
        alone = self.against is None
        last = (">without it", "bears on it") if alone else (">ratio without it", "bears on the first")
        headers = ("finding", ">bits", ">alone", *last)
        pairs = zip(self._ordered[:_SHOWN], self._rows, strict=False)
        rows = [self._line(i, row) for (i, _), row in pairs]
        return Grid(
            title,
            headers,
            rows,
            alerts=self.case.alerts(),
            notes=list(self._notes()),
            lead=[self.summary],
        )

    def _line(self, i: int, row: Mapping[str, Any]) -> tuple[str, ...]:
        without = percent(row["without"])
        if self.against is not None:
            without = ratio(float(self._weights.whole[FIRST + i]))
        weight = "settled" if row["verdict"] == SETTLED else signed(row["weight"])
        return f"{row['label']} {row['observed']}", weight, signed(row["alone"]), without, row["path"]

    def _notes(self) -> Iterator[str]:
        if not self._rows:
            return
        if len(self._rows) > _SHOWN:
            yield f"{_SHOWN} of {len(self._rows)} findings; all of them: .to_frame()"
        yield _BITS if self.against is None else _BITS_OF_TWO
        if len(self._rows) > 1:
            yield (
                f"Conflict of the findings: {signed(self.conflict)} bits. Above 0 they disagree, below 0 "
                f"they support one another."
            )

    # -- parts ---------------------------------------------------------------------------

    @property
    def _event(self) -> Event:
        return self.target, self.state

    def _at(self, choice: int) -> float:
        return float(probability(self.case.net, self._weights.found, self._event)[choice])

    def _run(self, kept: Mask) -> Subsets:
        weights = self._weights
        nodes = list(dict.fromkeys([self.target, *([self.against[0]] if self.against else [])]))
        return subsets(self.case.net, weights.findings, nodes, kept, self.case.memory)

    @cached_property
    def _paths(self) -> Paths:
        net, evidence = self.case.net, self.case.evidence
        certain = {*net.given, *(node for node, seen in evidence.items() if isinstance(seen, str))}
        return Paths(net, net.conditions, certain, set(evidence) - certain)

    @cached_property
    def _ties(self) -> dict[str, Tie]:
        return {finding: self._paths.tie(finding, self.target) for finding in self._weights.findings}

    def _said(self, i: int, tie: Tie) -> str:
        """Say a tie; of rivals that one first whose posterior the finding moves most."""
        return tie.in_words(self.case.net.label, self._moving(i))

    def _instead(self, i: int, finding: str, tie: Tie) -> str:
        """Name competitors where a finding that is there speaks against a target that brings it about."""
        net, seen = self.case.net, self._weights.findings[finding]
        there = seen == net.variable(finding).positive
        if not (
            tie.down and tie.competitors and there and self.against is None and self._weights.weight[i] < 0
        ):
            return ""
        names = [net.label(node) for node in sorted(tie.competitors, key=self._moving(i))]
        return f"; more a sign of {listed(names)}"

    def _moving(self, i: int) -> Callable[[str], float]:
        """Return a key that sorts conditions by how far a finding moves them, the farthest first."""
        marginals = self._weights.found.marginals

        def key(node: str) -> float:
            if node not in marginals:
                return 0.0
            return -float(np.abs(marginals[node][:, ALL] - marginals[node][:, FIRST + i]).max())

        return key


_COLUMNS = (
    "finding",
    "label",
    "observed",
    "weight",
    "alone",
    "overlap",
    "without",
    "verdict",
    "conflict",
    "path",
    "competitors",
)
_STEPS = ("finding", "label", "observed", "weight", "log_odds_before", "log_odds_after", "posterior")
_RARE = ("node", "state", "label", "prior", "posterior", "gain", "conflict", "resolves")

_BITS = (
    "Bits: how strongly a finding speaks for the target, given all the others; 1 doubles the odds, -1 "
    "halves them. Alone: if nothing else were observed."
)
_BITS_OF_TWO = (
    "Bits: how much more strongly a finding speaks for the first than for the second, given all the others; "
    "1 doubles their ratio, -1 halves it. Alone: if nothing else were observed."
)


def _name(net: Network, event: Event, *, always: bool = False) -> str:
    """Return the label of a node, with its state unless that goes without saying."""
    node, state = event
    plain = state == net.variable(node).positive and not always
    return net.label(node) if plain else f"{net.label(node)} {state}"


def _observed(observation: Observation) -> str:
    if isinstance(observation, str):
        return observation
    return ", ".join(f"{state} {weight:g}" for state, weight in observation.items())


def _log2(value: float) -> float:
    return math.log2(value) if value > 0 else -math.inf


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _finite(value) for name, value in row.items()}


def _finite(value: Any) -> Any:
    return str(value) if isinstance(value, float) and math.isinf(value) else value
