"""What to ask or examine next: how much each finding is expected to tell, and what each answer would do.

Myopic value of information (Lindley 1956) per cost, as diagnostic programs have ordered their
questions since Gorry and Barnett (1968); on request one step further.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.outlook import Contest, Outlook, candidates, targets_of
from buttpain.display.tables import Grid, percent
from buttpain.errors import UnknownNode, check_kind, check_whole
from buttpain.inference.case import Case
from buttpain.model.network import URGENCIES, Network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["NextFindings", "next_findings"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

_LEADING = 3
"""How many of the likeliest an answer is described by, unless told otherwise."""

_DIGITS = 12
"""Decimals to which the worth of two findings has to differ for one to come first."""

_UNLISTED = 5
"""Findings beside the best that are named because they may raise the urgency."""


def next_findings(  # noqa: PLR0913 -- the public contract, and one option a decision
    case: Case,
    n: int | None = 5,
    target: str | None = None,
    cost: Mapping[str, float] | float | None = None,
    *,
    steps: int = 1,
    among: Sequence[str] | None = None,
) -> NextFindings:
    """Return what to ask or examine next, the most worthwhile first, and what each answer would do.

    The information of a finding is how many bits of uncertainty its answer is expected to take
    away, given what was observed: of one target, its mutual information with the finding; of
    the conditions, the sum of their mutual informations, which is the expected fall of the sum
    of their entropies.  What the answer says about several conditions together, beyond what it
    says of each, is not counted.  Findings are ordered by information per cost.  All of it is
    exact.

    Parameters
    ----------
    case
        What is known.
    n
        How many to return; all if None.
    target
        A node to find out about; all conditions unless given.  Needed in a network without
        conditions.
    cost
        Of each finding, in place of what the network file states (minutes), as a mapping or a
        pandas Series; or one number for all, so that cost does not count.  A finding of unknown
        cost is taken to cost as much as the dearest of the others, or 1 if none is known.
    steps
        With 2, the `n` best are ordered anew by what they tell together with the best
        follow-up after each answer.
    among
        The findings to choose from; otherwise the findings that were not observed, and the risk
        factors that carry a question.  In a network without roles, every node but the target.

    Raises
    ------
    UnknownNode, ImpossibleEvidence, NetworkTooComplex
    ValueError
        If a finding to choose from or the target was observed, or an argument is out of range.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.analysis.information import next_findings
    >>> case = bp.observe(bp.load_network("five_findings"), burning_pain_past_knee=True)
    >>> best = next_findings(case, n=2, cost=1)
    >>> best.findings
    ('sit_bone_tenderness', 'pain_running_uphill')
    >>> best.answers("sit_bone_tenderness")["leader"].to_dict()
    {'absent': 'lumbar_radicular_pain', 'present': 'proximal_hamstring_tendinopathy'}
    """
    check_kind("case", case, Case)
    if n is not None:
        check_whole("n, which is how many findings to return, or None for all,", n, 1)
    if steps not in (1, 2):
        raise ValueError(f"steps is 1 or 2; it is {steps}")
    targets = targets_of(case, target)
    findings = candidates(case, target, among)
    prices = _Prices.of(case.net, findings, cost)
    now = Outlook.of(case, targets, findings)
    order = _by_worth(now.information, prices.of_each(findings))[:n]
    pairs = {findings[i]: _follow_up(now, i, prices) for i in order} if steps == 2 else {}
    if pairs:
        told = np.array([pairs[findings[i]].information for i in order])
        order = order[_by_worth(told, np.array([pairs[findings[i]].cost for i in order]))]
    return NextFindings(case, target, tuple(findings[i] for i in order), now.entropy, now, prices, pairs)


def _by_worth(information: Array, cost: Array) -> Places:
    """Return the order by information per cost; of equals the more informative, then the first."""
    # Rounded, so that equals are not ordered by their last digits.
    return np.lexsort((-information.round(_DIGITS), -_per_cost(information, cost).round(_DIGITS)))


def _per_cost(information: Array, cost: Array) -> Array:
    """Return bits per cost; infinite for what costs nothing, 0 for what tells nothing."""
    free = np.where(information > 0, math.inf, 0.0)
    return np.where(cost > 0, information / np.where(cost > 0, cost, 1.0), free)


# -- costs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Prices:
    """What each finding costs.

    Parameters
    ----------
    known
        By finding, as far as somebody said.
    otherwise
        What the others are taken to cost.
    """

    known: Mapping[str, float]
    otherwise: float

    @classmethod
    def of(cls, net: Network, findings: Sequence[str], cost: Any) -> _Prices:
        if not isinstance(cost, bool) and isinstance(cost, Real):
            price = float(cost)
            if not 0 < price < math.inf:
                raise ValueError(f"one cost for all must be positive and finite; it is {cost}")
            return cls(dict.fromkeys(findings, price), price)
        own = _by_finding(net, {} if cost is None else cost)
        stated = {node: own.get(node, net.variable(node).cost) for node in findings}
        known = {node: price for node, price in stated.items() if not math.isnan(price)}
        return cls(known, max(known.values(), default=0.0) or 1.0)

    def __getitem__(self, finding: str) -> float:
        return self.known.get(finding, self.otherwise)

    def of_each(self, findings: Sequence[str]) -> Array:
        return np.array([self[finding] for finding in findings], dtype=np.float64)


def _by_finding(net: Network, cost: Any) -> dict[str, float]:
    """Return costs by finding, of a mapping or of a Series."""
    # A Series is no Mapping, and to ask for its class would be to import pandas.
    if not (hasattr(cost, "keys") and hasattr(cost, "items")):
        raise TypeError(f"cost is a mapping from findings to numbers, or one number; it is {cost!r}")
    stated = [(net.variable(node).name, price) for node, price in cost.items()]
    own = {node: _checked(node, price) for node, price in stated}
    if len(own) < len(stated):
        twice = next(node for i, (node, _) in enumerate(stated) if node in dict(stated[:i]))
        raise ValueError(f"cost names {twice!r} more than once; give each finding one cost")
    return own


def _checked(node: str, price: Any) -> float:
    if isinstance(price, bool) or not isinstance(price, Real) or not 0 <= float(price) < math.inf:
        raise ValueError(f"the cost of {node!r} must be a finite number, 0 or more; it is {price!r}")
    return float(price)


# -- two steps -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pair:
    """A finding and the best follow-up after each of its answers.

    Parameters
    ----------
    information, cost
        Expected, of both together.
    then
        By answer, what to ask next; an empty text where nothing tells any more.
    """

    information: float
    cost: float
    then: Mapping[str, str]

    @property
    def per_cost(self) -> float:
        """Bits of both together per cost of both together."""
        return float(_per_cost(np.array(self.information), np.array(self.cost)))


def _follow_up(now: Outlook, i: int, prices: _Prices) -> _Pair:
    finding = now.findings[i]
    information, cost, then = float(now.information[i]), prices[finding], {}
    left = tuple(node for node in now.findings if node != finding)
    for place in map(int, now.of_finding(finding)):
        probability, answer = float(now.answers.probability[place]), now.answer(place)
        then[answer] = ""
        if probability == 0 or not left:
            continue
        later = Outlook.of(now.case.observe({finding: answer}), now.targets, left)
        best = int(_by_worth(later.information, prices.of_each(left))[0])
        if later.information[best] > 0:
            then[answer] = left[best]
            information += probability * float(later.information[best])
            cost += probability * prices[left[best]]
    return _Pair(information, cost, then)


# -- the result ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class NextFindings:
    """What to ask or examine next; made by `next_findings`.

    Parameters
    ----------
    case
        What is known.
    target
        What is to be found out; None if that is the conditions.
    findings
        The most worthwhile first.
    entropy
        Bits of uncertainty today: of the target, or of the conditions each by itself.
    """

    case: Case
    target: str | None
    findings: tuple[str, ...]
    entropy: float
    _outlook: Outlook
    _prices: _Prices
    _pairs: Mapping[str, _Pair]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a finding, the most worthwhile first.

        Columns
        -------
        finding, label, question, kind
            What it is.
        cost, cost_known
            What it costs, and whether anybody said so.
        information
            Expected, in bits; 0 for a finding that tells nothing here.
        per_cost
            Bits per cost; infinite for what costs nothing and tells something.
        about
            The target it tells most about; empty if it tells nothing.
        changes_leader, changes_urgency
            How probable it is that its answer does.
        raises_to
            The highest urgency that an answer may raise the case to; empty if none does.
        information_2, cost_2, per_cost_2, then
            With two steps: what it tells and costs together with the best follow-up, and that
            follow-up by answer.
        """
        import pandas as pd

        return pd.DataFrame([self._row(finding) for finding in self.findings], columns=self._columns)

    @property
    def _columns(self) -> list[str]:
        columns = ["finding", "label", "question", "kind", "cost", "cost_known", "information", "per_cost"]
        columns += ["about", "changes_leader", "changes_urgency", "raises_to"]
        return columns + ["information_2", "cost_2", "per_cost_2", "then"] * bool(self._pairs)

    def _row(self, finding: str) -> dict[str, Any]:
        variable, cost, i = self.case.net.variable(finding), self._prices[finding], self._place(finding)
        information, about = float(self._outlook.information[i]), self._outlook.about[:, i]
        row = {
            "finding": finding,
            "label": self.case.net.label(finding),
            "question": variable.question,
            "kind": variable.kind,
            "cost": cost,
            "cost_known": finding in self._prices.known,
            "information": information,
            "per_cost": float(_per_cost(np.array(information), np.array(cost))),
            "about": self._outlook.targets[int(about.argmax())] if information else "",
            "changes_leader": float(self._outlook.changes_leader[i]),
            "changes_urgency": float(self._outlook.changes_urgency[i]),
            "raises_to": self._outlook.raises_to(i),
        }
        if finding in self._pairs:
            pair = self._pairs[finding]
            row |= {"information_2": pair.information, "cost_2": pair.cost}
            row |= {"per_cost_2": pair.per_cost, "then": dict(pair.then)}
        return row

    def _place(self, finding: str) -> int:
        if finding not in self._outlook.findings:
            raise UnknownNode(finding, self._outlook.findings, "this comparison")
        return self._outlook.findings.index(finding)

    def answers(self, finding: str, top: int = _LEADING) -> pd.DataFrame:
        """Return what each answer to a question would do, indexed by answer.

        Parameters
        ----------
        finding
            Any that was looked at, among the `n` best or not.
        top
            How many of the likeliest to follow, besides the target.

        Returns
        -------
        answers
            Columns: probability (of the answer); leader, changes_leader; urgency,
            changes_urgency; red_flags (those that fire then and not today); then the posterior
            under the answer of the target, if there is one, and of each of today's likeliest.
            The column of a node without a present state is called ``node=state``.  An impossible
            answer has probability 0, no leader, and NaN as posterior.

        Raises
        ------
        UnknownNode

        Examples
        --------
        >>> import buttpain as bp
        >>> from buttpain.analysis.information import next_findings
        >>> best = next_findings(bp.observe(bp.load_network("five_findings")))
        >>> best.answers("hop_test_pain", top=1).iloc[:, [0, -1]].round(3)
                 probability  proximal_hamstring_tendinopathy
        answer
        absent         0.758                            0.339
        present        0.242                            0.373
        """
        import pandas as pd

        if top < 0:
            raise ValueError(f"top is how many of the likeliest to follow, 0 or more; it is {top}")
        rows = [self._answer(place) for place in self._answer_places(finding)]
        names = self._named(top)
        table = [{**row, **{name: _number(row["posterior"][name]) for name in names}} for row in rows]
        columns = ["probability", "leader", "changes_leader", "urgency", "changes_urgency", "red_flags"]
        index = pd.Index([row["answer"] for row in rows], name="answer")
        return pd.DataFrame(table, index=index, columns=[*columns, *names])

    def _answer_places(self, finding: str) -> list[int]:
        self._place(finding)
        return [int(place) for place in self._outlook.of_finding(finding)]

    def _answer(self, place: int) -> dict[str, Any]:
        """Return what one answer would do, as plain data."""
        look, probability = self._outlook, float(self._outlook.answers.probability[place])
        names, possible = self._followed.names, probability > 0
        after = self._then[:, place] if names else np.zeros(0)
        leader, urgency = int(look.leaders[place]), look.urgencies[place]
        today = {item.flag.name for item in self.case.red_flags}
        return {
            "answer": look.answer(place),
            "probability": probability,
            "leader": look.contest.names[leader] if possible and leader >= 0 else "",
            "changes_leader": possible and leader != look.leader,
            "urgency": urgency if possible else "",
            "changes_urgency": possible and urgency != look.urgency,
            "red_flags": [
                item.flag.name for item in look.flags[place] if possible and item.flag.name not in today
            ],
            "posterior": {name: float(p) if possible else None for name, p in zip(names, after, strict=True)},
        }

    @property
    def followed(self) -> tuple[tuple[str, str, float], ...]:
        """What each answer is described by: name, label and posterior today.

        The target first, if there is one, then who may lead, the likeliest first.
        """
        net, followed = self.case.net, self._followed
        today = followed.select(net, self._outlook.before).tolist()
        labels = [followed.label(net, i) for i in range(len(today))]
        return tuple(zip(followed.names, labels, today, strict=True))

    @cached_property
    def _followed(self) -> Contest:
        contest = self._outlook.contest
        before = contest.select(self.case.net, self._outlook.before)
        named = dict(zip(self._own.names, self._own.events, strict=True))
        named |= {contest.names[i]: contest.events[i] for i in np.argsort(-before, kind="stable")}
        return Contest(tuple(named.values()), tuple(named))

    @cached_property
    def _own(self) -> Contest:
        """What the target itself is followed by; nothing where its states are the contest."""
        apart = (self.target,) if self.target is not None and self.case.net.conditions else ()
        return Contest.of_nodes(self.case.net, apart)

    @cached_property
    def _then(self) -> Array:
        """Posteriors of what is followed, shape (followed, answers)."""
        return self._followed.select(self.case.net, self._outlook.after)

    def _named(self, top: int) -> list[str]:
        return [*self._followed.names[: len(self._own.names) + top]]

    # -- how it looks ----------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, ready for JSON; a cost of nothing makes `per_cost` None."""
        look = self._outlook
        return {
            "network": self.case.net.name,
            "evidence": dict(self.case.evidence),
            "target": self.target,
            "entropy": self.entropy,
            "leader": look.contest.names[look.leader] if look.leader >= 0 else None,
            "urgency": look.urgency,
            "findings": [
                {
                    **{name: _plain(value) for name, value in self._row(finding).items()},
                    "answers": [self._answer(place) for place in self._answer_places(finding)],
                }
                for finding in self.findings
            ],
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the expected information of each finding as a bar, the most worthwhile on top.

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        """
        from buttpain.display.plots import plot_information

        title = f"{self.case.net.name}: {self.case.seen or 'nothing observed'}"
        return plot_information(self.to_frame(), title, f"expected information about {self._subject}", ax)

    @property
    def _subject(self) -> str:
        return "the conditions, each by itself" if self.target is None else self.case.net.label(self.target)

    def _grid(self) -> Grid:
        title, *lead = self.case.heading
        rows = [self._row(finding) for finding in self.findings]
        priced = len({row["cost"] for row in rows}) > 1
        step = "_2" if self._pairs else ""
        columns = {"ask or examine": [_asked(row) for row in rows]}
        if priced:
            columns[">cost"] = [f"{row['cost']:g}" for row in rows]
        columns[">bits"] = [_bits(row["information"]) for row in rows]
        if step:
            columns[">in two"] = [_bits(row["information_2"]) for row in rows]
        if priced:
            columns[">bits/cost"] = [_bits(row[f"per_cost{step}"]) for row in rows]
        columns[">new leader"] = [percent(row["changes_leader"]) for row in rows]
        if self.case.net.red_flags:
            columns[">urgency"] = [percent(row["changes_urgency"]) for row in rows]
        cells = list(zip(*columns.values(), strict=True))
        lead += [self._who_leads] if self._who_leads else []
        return Grid(
            title, list(columns), cells, alerts=self.case.alerts(), notes=list(self._notes(priced)), lead=lead
        )

    @property
    def _who_leads(self) -> str:
        look = self._outlook
        if look.leader < 0:
            return ""
        before = look.contest.select(self.case.net, look.before)
        return f"Leads now: {look.contest.label(self.case.net, look.leader)}, {percent(before[look.leader])}"

    def _notes(self, priced: bool) -> Iterator[str]:
        if not self.findings:
            yield "Nothing is left to ask."
            return
        yield f"Bits: what the answer is expected to tell about {self._subject}; {self.entropy:.2f} are open."
        if self._pairs:
            yield "In two: together with the best follow-up after each answer, which sets the order."
        yield from self._first()
        silent = self._unlisted()
        if silent:
            yield f"Not listed, but may raise the urgency: {silent}."
        unknown = [finding for finding in self.findings if finding not in self._prices.known]
        if priced and unknown:
            names = ", ".join(map(self.case.net.label, unknown))
            yield f"Nobody stated a cost for {names}; taken as {self._prices.otherwise:g}."

    def _first(self) -> Iterator[str]:
        """Yield what the answers to the first question would do."""
        finding, net = self.findings[0], self.case.net
        labels = {name: label for name, label, _ in self.followed}
        for place in self._answer_places(finding):
            told = self._answer(place)
            if told["probability"] == 0:
                continue
            new = [told["leader"]] if told["changes_leader"] else []
            shown = dict.fromkeys([*self._named(_LEADING), *new])
            likely = ", ".join(f"{labels[name]} {percent(told['posterior'][name])}" for name in shown)
            then = self._pairs[finding].then[told["answer"]] if finding in self._pairs else ""
            follow = f" Then: {net.label(then)}." if then else ""
            answer = f"{net.label(finding)} {told['answer']} ({percent(told['probability'])})"
            yield f"{answer}{': ' if likely else ''}{likely}.{follow}"

    def _unlisted(self) -> str:
        """Return findings that are not among the best and may raise the urgency, the most urgent first."""
        look = self._outlook
        raising = [
            (-URGENCIES.index(to), -float(look.changes_urgency[i]), i, to)
            for i, finding in enumerate(look.findings)
            if finding not in self.findings and (to := look.raises_to(i))
        ]
        named = [
            f"{self.case.net.label(look.findings[i])} ({to.replace('_', ' ')}, {percent(-changes)})"
            for _, changes, i, to in sorted(raising)
        ]
        more = f" and {len(named) - _UNLISTED} more" if len(named) > _UNLISTED else ""
        return ", ".join(named[:_UNLISTED]) + more

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()


def _asked(row: Mapping[str, Any]) -> str:
    said = row["question"] or row["label"]
    return said if row["information"] else f"{said} (tells nothing here)"


def _bits(bits: float) -> str:
    if math.isinf(bits):
        return "free"
    return "<0.001" if 0 < bits < 0.0005 else f"{bits:.3f}"


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
