"""How robust a decision is: whether it would stand once more findings were known.

The same-decision probability (Choi, Xue and Darwiche, Int J Approx Reasoning 2012) is the
probability, given what was observed, of those answers to further questions that would leave
the decision as it is.  It measures readiness to decide, not correctness: a decision that no
further finding can change may still be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.outlook import Contest, Outlook, candidates, targets_of
from buttpain.analysis.sampling import sample
from buttpain.display.tables import Bar, Grid, percent
from buttpain.errors import UnknownState, as_number, check_kind, check_whole
from buttpain.inference.answers import NOISE, joint_answers
from buttpain.inference.case import Case
from buttpain.inference.cohort import posteriors
from buttpain.model.priors import wilson_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["SameDecision", "same_decision"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

_DEVIATIONS = 1.959963984540054
"""Standard errors that a 95 % interval reaches to either side."""

_SHOWN = 8
"""Findings that the table names."""


def same_decision(  # noqa: PLR0913 -- what is known, what is decided, and how exactly
    case: Case,
    k: int | None = 8,
    *,
    among: Sequence[str] | None = None,
    target: str | None = None,
    state: str | None = None,
    threshold: float | None = None,
    samples: int = 2000,
    seed: int = 0,
) -> SameDecision:
    """Return how probable it is that today's decision would stand if more findings were known.

    The decision is who leads: the condition with the highest posterior.  With `target` and
    `threshold` it is whether the posterior of the target lies above the threshold.

    Exact if the findings have no more joint answers than `samples`: then every one of them is
    looked at, but for those less probable than 1e-12.  Otherwise joint answers are drawn from
    their distribution given what was observed, each is answered exactly, and the result comes
    with its standard error.

    Parameters
    ----------
    case
        What is known.
    k
        How many more findings will be known: those that, one by one, tell most, whatever they
        cost.  All of those that may be asked if None.
    among
        The findings to choose from, as in `next_findings`.
    target, state
        Whose posterior is compared with the threshold; `state` is the present one unless given,
        and must be given where the target has none.
    threshold
        The posterior above which one would act.
    samples
        How many joint answers to draw, and how many may be looked at exactly.
    seed
        Of the random numbers.

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex
    ValueError
        If target and threshold do not come together, or an argument is out of range.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.analysis.robustness import same_decision
    >>> case = bp.observe(bp.load_network("five_findings"), burning_pain_past_knee=True)
    >>> robust = same_decision(case, k=2)
    >>> robust.decision, robust.method, round(robust.probability, 3)
    ('lumbar_radicular_pain', 'exact', 0.838)
    >>> robust.to_frame()["probability"].round(3).to_dict()
    {'lumbar_radicular_pain': 0.838, 'proximal_hamstring_tendinopathy': 0.162}
    """
    check_kind("case", case, Case)
    if k is not None:
        check_whole("k, which is how many more findings will be known, or None for all,", k, 1)
    check_whole("samples", samples, 1)
    check_whole("seed", seed, 0)
    decision = _Decision.of(case, target, state, threshold)
    findings = _most_informative(case, k, target, candidates(case, target, among))
    answers = math.prod(len(case.net.states(finding)) for finding in findings)
    exact = answers <= samples
    made, weights = (
        _of_every(case, findings, decision) if exact else _of_some(case, findings, decision, samples, seed)
    )
    shares = np.bincount(made, weights, len(decision.names))
    return SameDecision(
        case=case,
        findings=findings,
        decision=decision.names[decision.today],
        method="exact" if exact else "sampled",
        samples=answers if exact else samples,
        _rule=decision,
        _shares=tuple((shares / shares.sum()).tolist()),
    )


@dataclass(frozen=True, eq=False)
class _Decision:
    """What is decided, and how it follows from posteriors.

    Parameters
    ----------
    contest
        The events that are compared.
    names, labels
        Of the possible decisions.
    threshold
        What the first event is compared with; None if the events are compared with one another.
    before
        Posteriors of the events today, shape (events,).
    """

    contest: Contest
    names: tuple[str, ...]
    labels: tuple[str, ...]
    threshold: float | None
    before: Array

    @classmethod
    def of(cls, case: Case, target: str | None, state: str | None, threshold: float | None) -> _Decision:
        if threshold is not None:
            return cls.by_threshold(case, target, state, threshold)
        if state is not None:
            raise ValueError("a state is compared with a threshold; give threshold= too, or leave state= out")
        targets_of(case, target)
        contest = Contest.of(case, None) if target is None else Contest.of_states(case.net, target)
        if not contest.events:
            raise ValueError("every condition was observed, so that nothing is left to decide")
        labels = tuple(contest.label(case.net, i) for i in range(len(contest.events)))
        return cls(contest, contest.names, labels, None, contest.today(case))

    @classmethod
    def by_threshold(cls, case: Case, target: str | None, state: str | None, threshold: float) -> _Decision:
        if target is None:
            raise ValueError("a threshold belongs to a target; say which with target=")
        if not 0 <= as_number(threshold) <= 1:
            raise ValueError(f"threshold is a probability, from 0 to 1; it is {threshold!r}")
        (node,) = targets_of(case, target)
        variable = case.net.variable(node)
        if state is None and variable.positive is None:
            known = ", ".join(map(repr, variable.states))
            advice = f"Its states are {known}, none of them the present one; say which with state=."
            raise UnknownState(node, "present", variable.states, advice)
        wanted = variable.states[variable.index(True if state is None else state)]
        contest = Contest(((node, wanted),), (node if wanted == variable.positive else wanted,))
        said = f"P({contest.label(case.net, 0)})"
        labels = (f"{said} above {percent(threshold)}", f"{said} at most {percent(threshold)}")
        return cls(contest, ("above", "at_most"), labels, threshold, contest.today(case))

    @cached_property
    def today(self) -> int:
        """The decision today."""
        if self.threshold is None:
            return self.contest.leader(self.before)
        return int(self.made(self.before[:, None])[0])

    def made(self, after: Array, noise: Array | float = 0.0) -> Places:
        """Return the decisions under posteriors of the events, shape (events, columns), and their noise."""
        if self.threshold is None:
            return self.contest.after(self.today, after, noise)
        return np.where(after[0] > self.threshold + noise, 0, 1)


def _most_informative(
    case: Case, k: int | None, target: str | None, findings: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the k findings that tell most one by one, the first the most; all if k is None."""
    if not findings:
        return ()
    told = Outlook.of(case, targets_of(case, target), findings).information
    return tuple(findings[i] for i in np.argsort(-told, kind="stable")[:k])


def _of_every(case: Case, findings: Sequence[str], decision: _Decision) -> tuple[Places, Array]:
    """Return the decision under every joint answer, and how probable that answer is."""
    if not findings:
        return np.array([decision.today]), np.ones(1)
    nodes = decision.contest.nodes
    chances, joint = joint_answers(case, findings, nodes)
    # What is no more than noise is impossible as far as anybody can tell.
    weights = np.where(chances > NOISE, chances, 0.0).ravel()
    sure = np.maximum(weights, NOISE)
    after = {node: both.reshape(len(both), -1) / sure for node, both in zip(nodes, joint, strict=True)}
    return decision.made(decision.contest.select(case.net, after), NOISE / sure), weights


def _of_some(
    case: Case, findings: Sequence[str], decision: _Decision, samples: int, seed: int
) -> tuple[Places, Array]:
    """Return the decision under each joint answer that was drawn, and how often it was."""
    drawn = sample(case.net, samples, seed, evidence=dict(case.evidence), latent=True, memory=case.memory)
    codes = np.stack([drawn[finding].cat.codes.to_numpy() for finding in findings], axis=1)
    rows, counts = np.unique(codes.astype(np.intp), axis=0, return_counts=True)
    answered = _answered(case, findings, rows, decision.contest.nodes)
    return decision.made(decision.contest.select(case.net, answered)), counts.astype(np.float64)


def _answered(case: Case, findings: Sequence[str], rows: Places, nodes: Sequence[str]) -> dict[str, Array]:
    """Return posteriors under joint answers, shape (states, rows) a node.

    Parameters
    ----------
    case
        What is known besides.
    findings
        What is answered.
    rows
        Positions of states, shape (rows, findings).
    nodes
        Whose posteriors.
    """
    import pandas as pd

    net = case.net
    columns: dict[str, Any] = {
        finding: np.array(net.states(finding), dtype=object)[row]
        for finding, row in zip(findings, rows.T, strict=True)
    }
    for node, seen in case.evidence.items():
        stated = {node: seen} if isinstance(seen, str) else {f"{node}:{s}": w for s, w in seen.items()}
        columns |= {name: [value] * len(rows) for name, value in stated.items()}
    answered = posteriors(net, pd.DataFrame(columns), list(nodes), memory=case.memory)
    return {node: _states(answered, node, net.states(node)) for node in nodes}


def _states(answered: pd.DataFrame, node: str, states: Sequence[str]) -> Array:
    """Return the posteriors of a node, shape (states, rows)."""
    if node not in answered.columns:
        return np.stack([answered[node, state].to_numpy() for state in states])
    present = answered[node].to_numpy()
    return np.stack([1.0 - present, present])


# -- the result ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class SameDecision:
    """How probable it is that a decision stands once more is known; made by `same_decision`.

    Parameters
    ----------
    case
        What is known today.
    findings
        What will be known besides, the most informative first.
    decision
        Today's: the name of who leads, or ``above`` or ``at_most`` the threshold.
    method
        ``exact``, or ``sampled``.
    samples
        How many joint answers were looked at, or drawn.
    """

    case: Case
    findings: tuple[str, ...]
    decision: str
    method: Literal["exact", "sampled"]
    samples: int
    _rule: _Decision
    _shares: tuple[float, ...]

    @property
    def probability(self) -> float:
        """The same-decision probability."""
        return self._shares[self._rule.today]

    @property
    def standard_error(self) -> float:
        """Of the probability: how far another seed may move it; 0 if, and only if, it is exact.

        Half the width of Wilson's interval, by the 1.96 standard errors that it stands for.  The
        usual sqrt(p (1 - p) / n) would be 0 as soon as all draws agree, however few they are.
        """
        return self._error(self.probability)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the probability, for the drawing alone; no width if it is exact."""
        return self._interval(self.probability)

    def _error(self, share: float) -> float:
        low, high = self._interval(share)
        return (high - low) / (2 * _DEVIATIONS)

    def _interval(self, share: float) -> tuple[float, float]:
        return (share, share) if self.method == "exact" else wilson_interval(share, self.samples)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a decision that may come out, today's first, then the likeliest.

        Columns: label, today, probability, standard_error, low and high (95 % interval, for the
        drawing alone); indexed by decision.
        """
        import pandas as pd

        frame = pd.DataFrame(self._rows())
        return frame.set_index("decision")

    def _rows(self) -> list[dict[str, Any]]:
        today = self._rule.today
        order = sorted(range(len(self._shares)), key=lambda i: (i != today, -self._shares[i]))
        rows = []
        for i in order:
            share = self._shares[i]
            if share > 0 or i == today:
                low, high = self._interval(share)
                rows.append(
                    {
                        "decision": self._rule.names[i],
                        "label": self._rule.labels[i],
                        "today": i == today,
                        "probability": share,
                        "standard_error": self._error(share),
                        "low": low,
                        "high": high,
                    }
                )
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, ready for JSON."""
        low, high = self.interval
        return {
            "network": self.case.net.name,
            "evidence": dict(self.case.evidence),
            "findings": list(self.findings),
            "decision": self.decision,
            "threshold": self._rule.threshold,
            "probability": self.probability,
            "standard_error": self.standard_error,
            "low": low,
            "high": high,
            "method": self.method,
            "samples": self.samples,
            "decisions": self._rows(),
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how often each decision comes out, today's on top.

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        """
        from buttpain.display.plots import plot_same_decision

        title = f"{self.case.net.name}: {self.case.seen or 'nothing observed'}"
        return plot_same_decision(self.to_frame(), title, f"probability, {self._once}", ax)

    @property
    def _once(self) -> str:
        """When the decision is made again, in words."""
        count = len(self.findings)
        return f"once {count} more finding{'s are' if count != 1 else ' is'} known"

    def _grid(self) -> Grid:
        title, *lead = self.case.heading
        lead.append(f"Today: {self._rule.labels[self._rule.today]} ({percent(self._now)})")
        rows = [
            (
                f"{row['label']} (today)" if row["today"] else row["label"],
                percent(row["probability"]),
                *([] if self.method == "exact" else [_span(row["low"], row["high"])]),
                Bar(row["probability"]),
            )
            for row in self._rows()
        ]
        interval = [] if self.method == "exact" else [">95 % interval"]
        headers = [f"{'Leads' if self._rule.threshold is None else 'Decision'} {self._once}"]
        return Grid(
            title,
            [*headers, ">probability", *interval, ""],
            rows,
            alerts=self.case.alerts(),
            notes=list(self._notes()),
            lead=lead,
        )

    @property
    def _now(self) -> float:
        """Today's posterior of what leads, or of what is compared with the threshold."""
        return float(self._rule.before[self._rule.today if self._rule.threshold is None else 0])

    def _notes(self) -> list[str]:
        if not self.findings:
            return ["Nothing is left to ask, so that the decision stands."]
        named = ", ".join(map(self.case.net.label, self.findings[:_SHOWN]))
        more = len(self.findings) - _SHOWN
        notes = [f"Known then: {named}{f' and {more} more' if more > 0 else ''}."]
        if self.method == "exact":
            return [*notes, f"Exact: all {self.samples:,} joint answers."]
        return [*notes, f"{self.samples:,} joint answers drawn; the interval is that of the drawing alone."]

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()


def _span(low: float, high: float) -> str:
    return f"{percent(low).removesuffix(' %')}–{percent(high)}"
