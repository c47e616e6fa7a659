"""What the next answer may be, and what each would make of a case: information, leader, urgency.

Notation
--------
q
    P(state of a target | evidence), shape (states,).
p
    The same under each answer, shape (states, answers).

The mutual information of a target T and a finding F is what an answer is expected to take off
the entropy of T, and also the mean over the answers of the divergence

    sum of p ln(p / q) - p + q,

in which no term is negative.  So an answer that changes nothing is worth exactly nothing, and
rounding cannot make information negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.answers import Answers, answers_of
from buttpain.inference.case import Case, known_targets
from buttpain.inference.flags import Fired, fired
from buttpain.model.network import URGENCIES, Network, Variable

__all__ = ["NOTHING", "Contest", "Outlook", "candidates", "targets_of"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]
Event = tuple[str, str]

NOTHING = 1e-10
"""Bits below which a finding is said to tell nothing; rounding stays far below."""

TIE = 1e-9
"""Share by which another has to be the more probable before it takes the lead."""


def candidates(case: Case, target: str | None, among: Sequence[str] | None) -> tuple[str, ...]:
    """Return what may be asked, in the order of the network.

    Raises
    ------
    UnknownNode
    ValueError
        If something to choose from was observed, is the target, or is named twice.
    """
    net = case.net
    observed = {*case.evidence, *net.given}
    if among is None:
        roles = any(variable.role for variable in net.variables)
        asked = {item.name for item in net.variables if item.role == "risk_factor" and item.question}
        allowed = {*net.findings, *asked} if roles else {*net.nodes}
        return tuple(
            node for node in net.nodes if node in allowed and node not in observed and node != target
        )
    if isinstance(among, str):
        raise TypeError(f"among is a list of names; give [{among!r}]")
    chosen = known_targets(net, among, ())
    if not chosen:
        raise ValueError("among names no finding; name one, or leave it out")
    for node in chosen:
        if node in net.given:
            raise ValueError(f"{node!r} is the network's selection and known in every case")
        if node in observed:
            raise ValueError(f"{node!r} was observed; take it back first with case.observe({node}=None)")
        if node == target:
            raise ValueError(f"{node!r} is the target; it tells all about itself")
    return tuple(node for node in net.nodes if node in chosen)


def targets_of(case: Case, target: str | None) -> tuple[str, ...]:
    """Return what is to be found out: the target, or the conditions.

    Raises
    ------
    UnknownNode
    ValueError
        If there are no conditions, or the target was observed.
    """
    net = case.net
    if target is None:
        if not net.conditions:
            raise ValueError(f"network {net.name!r} has no conditions; name what to find out with target=")
        return net.conditions
    name = net.variable(target).name
    if name in net.given or isinstance(case.evidence.get(name), str):
        raise ValueError(f"the target {name!r} was observed; nothing is left to find out about it")
    return (name,)


@dataclass(frozen=True, eq=False)
class Contest:
    """Who may lead, and who does.

    Parameters
    ----------
    events
        A node and a state each: the present state of every condition that was not observed (if
        it has no such state, each of its states but the absent one), or the states of the target
        in a network without conditions.
    names
        What each of them is called: a node, ``node=state`` where it has no present state, or a
        state of the target.
    """

    events: tuple[Event, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, case: Case, target: str | None) -> Contest:
        """Return that of the conditions, or of a target's states where there are none."""
        net = case.net
        if not net.conditions and target is not None:
            return cls.of_states(net, target)
        certain = {*net.given, *(node for node, seen in case.evidence.items() if isinstance(seen, str))}
        return cls.of_nodes(net, (node for node in net.conditions if node not in certain))

    @classmethod
    def of_nodes(cls, net: Network, nodes: Iterable[str]) -> Contest:
        """Return that of nodes which may be present, in one way or in several."""
        events = tuple((node, state) for node in nodes for state in _present(net.variable(node)))
        names = (node if net.variable(node).positive else f"{node}={state}" for node, state in events)
        return cls(events, tuple(names))

    @classmethod
    def of_states(cls, net: Network, target: str) -> Contest:
        """Return that of a node's states."""
        states = net.states(target)
        return cls(tuple((target, state) for state in states), states)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that are compared."""
        return tuple(dict.fromkeys(node for node, _ in self.events))

    def select(self, net: Network, marginals: Mapping[str, Array]) -> Array:
        """Return the probability of each event, one row each."""
        rows = [marginals[node][net.states(node).index(state)] for node, state in self.events]
        return np.array(rows)

    def today(self, case: Case) -> Array:
        """Return the probability of each event as it stands, shape (events,)."""
        return self.select(case.net, dict(zip(self.nodes, case.marginals(self.nodes), strict=True)))

    def leader(self, before: Array) -> int:
        """Return who leads; of equals the first, -1 if nobody takes part."""
        return int(np.flatnonzero(before >= before.max() * (1 - TIE))[0]) if before.size else -1

    def after(self, leader: int, after: Array, noise: Array | float = 0.0) -> Places:
        """Return who leads then, shape (answers,): today's leader unless another is clearly ahead of it."""
        if leader < 0:
            return np.full(after.shape[-1], leader)
        best = after.argmax(axis=0)
        ahead = after.max(axis=0) > after[leader] * (1 + TIE) + noise
        return np.where(ahead, best, leader)

    def label(self, net: Network, i: int) -> str:
        """Return what people read for one of them."""
        if i < 0:
            return ""
        node, state = self.events[i]
        return net.label(node) if self.names[i] == node else f"{net.label(node)} = {state}"


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the next answer may be, and what each would make of the posteriors.

    Parameters
    ----------
    case
        What is known today.
    targets
        What is to be found out.
    findings
        What may be asked.
    contest
        Who may lead.
    before
        Posteriors today, by node.
    answers
        All answers.
    after
        Posteriors under each answer, by node; shape (states, answers).
    """

    case: Case
    targets: tuple[str, ...]
    findings: tuple[str, ...]
    contest: Contest
    before: Mapping[str, Array]
    answers: Answers
    after: Mapping[str, Array]

    @classmethod
    def of(cls, case: Case, targets: tuple[str, ...], findings: tuple[str, ...]) -> Outlook:
        """Look at every answer."""
        contest = Contest.of(case, targets[0])
        bounded = (flag.condition for flag in case.net.red_flags if flag.condition)
        names = tuple(dict.fromkeys((*targets, *contest.nodes, *bounded)))
        answers = answers_of(case, findings, names)
        before = dict(zip(names, answers.before, strict=True))
        after = {
            # An impossible answer is given today's posteriors; it has no weight.
            node: np.where(answers.probability > 0, marginal, before[node][:, None])
            for node, marginal in zip(names, answers.marginals, strict=True)
        }
        return cls(case, targets, findings, contest, before, answers, after)

    def of_finding(self, finding: str) -> Places:
        """Return the places of the answers to one question."""
        return np.flatnonzero(self.answers.owner == self.findings.index(finding))

    def answer(self, place: int) -> str:
        """Return an answer by name."""
        states = self.case.net.states(self.findings[self.answers.owner[place]])
        return states[int(self.answers.state[place])]

    def by_finding(self, values: Array) -> Array:
        """Return the expectation over the answers of each finding, shape (findings,)."""
        weighed = values * self.answers.probability
        return np.bincount(self.answers.owner, weighed, len(self.findings)).astype(np.float64)

    @cached_property
    def entropy(self) -> float:
        """Bits of uncertainty about the targets today: the sum of their entropies."""
        q = np.concatenate([self.before[node] for node in self.targets])
        # Of equals `max` takes the first: 0 before the -0.0 of what is certain.
        return max(0.0, float(-(q * np.log2(np.where(q > 0, q, 1.0))).sum()))

    @cached_property
    def about(self) -> Array:
        """Mutual information of each target and each finding in bits, shape (targets, findings)."""
        told = [self.by_finding(_divergence(self.before[node], self.after[node])) for node in self.targets]
        return np.array(told).reshape(len(self.targets), len(self.findings))

    @cached_property
    def information(self) -> Array:
        """Bits that each finding is expected to take off, shape (findings,)."""
        total = self.about.sum(axis=0)
        return np.where(total > NOTHING, total, 0.0)

    @cached_property
    def leader(self) -> int:
        """Who leads today, as a position in the contest; -1 if nobody takes part."""
        return self.contest.leader(self.contest.select(self.case.net, self.before))

    @cached_property
    def leaders(self) -> Places:
        """Who leads under each answer, shape (answers,)."""
        if self.leader < 0:
            return np.full(self.answers.owner.size, -1)
        return self.contest.after(self.leader, self.contest.select(self.case.net, self.after))

    @cached_property
    def flags(self) -> tuple[tuple[Fired, ...], ...]:
        """The red flags that fire under each answer."""
        net, today = self.case.net, self.case.red_flags
        named = {sign for flag in net.red_flags for sign in (*flag.any, *flag.all)}
        crosses = self._crosses()
        found = []
        for place, owner in enumerate(self.answers.owner.tolist()):
            finding, answer = self.findings[owner], self.answer(place)
            # Most answers touch no rule; those that may are put to the rules themselves.
            concerns = (finding, answer) in named or crosses[place]
            found.append(self._fired(finding, answer, place) if concerns else today)
        return tuple(found)

    def _crosses(self) -> NDArray[np.bool_]:
        """Return which answers take a posterior across the bound of a red flag."""
        crosses = np.zeros(self.answers.owner.size, dtype=bool)
        for flag in self.case.net.red_flags:
            if flag.condition:
                present = self.case.net.variable(flag.condition).index(True)
                before, after = self.before[flag.condition][present], self.after[flag.condition][present]
                crosses |= (after > flag.above) != (before > flag.above)
        return crosses

    def _fired(self, finding: str, answer: str, place: int) -> tuple[Fired, ...]:
        net = self.case.net

        def probability(node: str) -> float:
            return float(self.after[node][net.variable(node).index(True), place])

        return fired(net, {**self.case.evidence, finding: answer}, probability)

    @cached_property
    def urgency(self) -> str:
        """How urgent the case is today."""
        return _urgency(self.case.red_flags)

    @cached_property
    def urgencies(self) -> tuple[str, ...]:
        """How urgent the case is under each answer."""
        return tuple(map(_urgency, self.flags))

    @cached_property
    def changes_leader(self) -> Array:
        """How probable it is that the answer to each finding changes who leads, shape (findings,)."""
        return self.by_finding((self.leaders != self.leader).astype(np.float64))

    @cached_property
    def changes_urgency(self) -> Array:
        """How probable it is that the answer to each finding changes the urgency, shape (findings,)."""
        return self.by_finding(np.array([float(urgency != self.urgency) for urgency in self.urgencies]))

    def raises_to(self, i: int) -> str:
        """Return the highest urgency that answers to a finding may raise the case to; empty if none does."""
        places = self.of_finding(self.findings[i])
        possible = [self.urgencies[place] for place in places if self.answers.probability[place] > 0]
        highest = max(possible, key=URGENCIES.index)
        return highest if URGENCIES.index(highest) > URGENCIES.index(self.urgency) else ""


def _present(variable: Variable) -> tuple[str, ...]:
    """Return the present state of a node; if it has none, every state but the absent or else the first."""
    if variable.positive:
        return (variable.positive,)
    absent = variable.negative or variable.states[0]
    return tuple(state for state in variable.states if state != absent)


def _divergence(before: Array, after: Array) -> Array:
    """Return the divergence of each answer's posterior from today's in bits, shape (answers,)."""
    q = np.where(before > 0, before, 1.0)[:, None]
    x = np.where(after > 0, (after - before[:, None]) / q, 0.0)
    terms = np.where(after > 0, q * ((1 + x) * np.log1p(x) - x), before[:, None])
    return np.asarray(np.maximum(terms, 0.0).sum(axis=0) / math.log(2))


def _urgency(flags: Sequence[Fired]) -> str:
    return max((item.flag.urgency for item in flags), key=URGENCIES.index, default=URGENCIES[0])
