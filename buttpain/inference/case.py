"""A case: a network with what was observed, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.display.layers import Diagram, Node
from buttpain.display.tables import percent, wrapped
from buttpain.errors import ImpossibleEvidence, NetworkTooComplex
from buttpain.inference.arrows import Cut, gain
from buttpain.inference.circuit import Passes, run
from buttpain.inference.evidence import Observation, Observed, heading, in_words, read_evidence, to_arrays
from buttpain.inference.flags import Fired, fired
from buttpain.inference.maximum import maximum
from buttpain.inference.order import bits
from buttpain.inference.plan import Plan, is_wide, plan_for, plans_for
from buttpain.inference.posterior import Posterior
from buttpain.inference.structure import MEMORY, Factors, Pattern, Structure, structure_of
from buttpain.inference.terms import Joints, Sums
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Case", "known_targets", "observe"]

Array = NDArray[np.float64]

BLOCK = 2**26
"""Bytes that parameter vectors run together may take; larger blocks were no faster."""

SHOWN = 10
"""Rows of the ranking that a notebook shows of a case."""

DRAWN = 1e-10
"""What joining by differences may lose where numbers are drawn; sampling leaves a millionfold more."""

ANSWERED = 1e-12
"""What it may lose where answers are foreseen."""

RARE = 1e-6
"""How improbable, relative to the case, a column may be before it is not left to differences."""

COLUMNS = 64
"""Cases that are run together even if they take more: below this the arithmetic is in too small pieces."""


def observe(
    net: Network, evidence: Mapping[str, Any] | None = None, *, memory: int = MEMORY, **findings: Any
) -> Case:
    """Return a case: the network with these observations.

    Nothing is computed yet; the passes are made when a result is asked for, and kept.

    Parameters
    ----------
    net
        What is believed.
    evidence
        For each node observed: a state by name, True or False for present or absent, or
        likelihoods by state (`{"present": 0.7, "absent": 0.2}`: how probable what was seen
        is under each).  None, NaN and "" say that a node was not observed.
    memory
        Bytes that a query may take before it is refused as too complex.
    **findings
        The same, by keyword.

    Raises
    ------
    UnknownNode, UnknownState
        If a name is not one of the network's; close matches are named.
    ImpossibleEvidence
        If an observation contradicts the network's own selection.

    Examples
    --------
    >>> import buttpain as bp
    >>> net = bp.load_network("five_findings")
    >>> case = bp.observe(net, {"sit_bone_tenderness": True, "hop_test_pain": "absent"})
    >>> dict(case.evidence)
    {'sit_bone_tenderness': 'present', 'hop_test_pain': 'absent'}
    """
    return Case(net, MappingProxyType(read_evidence(net, {**(evidence or {}), **findings})), memory)


@dataclass(frozen=True, eq=False, repr=False)
class Case:
    """A network with what was observed; frozen, safe to share; keeps the passes it has made.

    Made by `observe`.
    """

    net: Network
    evidence: Mapping[str, Observation]
    memory: int = MEMORY
    _kept: dict[int, Array] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what was observed, not what follows from it."""
        return _restore, (self.net, dict(self.evidence), self.memory)

    def observe(self, evidence: Mapping[str, Any] | None = None, /, **findings: Any) -> Case:
        """Return a new case with more observations.

        A repeated name replaces the earlier observation, and None retracts it.

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
        >>> more = case.observe(hop_test_pain=False)
        >>> dict(more.observe(sit_bone_tenderness=None).evidence)
        {'hop_test_pain': 'absent'}
        """
        stated = {**(evidence or {}), **findings}
        new = read_evidence(self.net, stated)
        kept = {node: value for node, value in self.evidence.items() if node not in stated}
        return Case(self.net, MappingProxyType({**kept, **new}), self.memory)

    @property
    def seen(self) -> str:
        """What was observed, in words; empty if nothing was."""
        return in_words(self.net, self.evidence)

    @property
    def heading(self) -> tuple[str, ...]:
        """Lines that head what is shown of the case: the network, its selection, what was observed."""
        return heading(self.net, self.evidence)

    @cached_property
    def red_flags(self) -> tuple[Fired, ...]:
        """The network's red flags that fire, most urgent first, each with what fired it.

        Raises
        ------
        ImpossibleEvidence, NetworkTooComplex
        """
        bounded = [flag.condition for flag in self.net.red_flags if flag.condition]
        self.marginals(bounded)
        return fired(self.net, self.evidence, self.probability)

    def alerts(self) -> tuple[str, ...]:
        """Return one line a red flag, for the head of any result about this case."""
        return tuple(item.alert for item in self.red_flags)

    # -- answers -------------------------------------------------------------------------

    def probability(self, node: str, state: object = True) -> float:
        """Return P(node = state | evidence).

        Parameters
        ----------
        node
            Any node, observed or not.
        state
            A state by name, or True (default) for the present one.

        Raises
        ------
        UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex

        Examples
        --------
        >>> import buttpain as bp
        >>> net = bp.load_network("five_findings")
        >>> case = bp.observe(net, sit_bone_tenderness=True)
        >>> before = bp.observe(net).probability("proximal_hamstring_tendinopathy")
        >>> case.probability("proximal_hamstring_tendinopathy") > before
        True
        """
        index = self.net.variable(node).index(state)
        return float(self.marginals([node])[0][index])

    def posterior(self, targets: Sequence[str] | None = None) -> Posterior:
        """Return the posterior of several nodes.

        Parameters
        ----------
        targets
            Names; the conditions unless told otherwise, or every unobserved node of a
            network without roles.

        Raises
        ------
        UnknownNode, ImpossibleEvidence, NetworkTooComplex

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), burning_pain_past_knee=True)
        >>> case.posterior().ranked().index[0]
        'lumbar_radicular_pain'
        """
        names = self._targets(targets)
        if not names:
            self._passes(())  # nothing is asked, but evidence that cannot be is refused all the same
        return Posterior(
            self.net,
            self.evidence,
            MappingProxyType(dict(zip(names, self.marginals(names), strict=True))),
            MappingProxyType(dict(zip(names, self._unobserved.marginals(names), strict=True))),
            self.alerts,
        )

    def joint(self, nodes: Sequence[str]) -> pd.Series[float]:
        """Return the joint posterior of several nodes.

        Returns
        -------
        joint
            Indexed by a MultiIndex of states, one level a node in the order given; an
            observed node has its observed state with probability 1.

        Raises
        ------
        UnknownNode, ImpossibleEvidence, NetworkTooComplex

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
        >>> joint = case.joint(["proximal_hamstring_tendinopathy", "lumbar_radicular_pain"])
        >>> float(joint.sum().round(12))
        1.0
        """
        import pandas as pd

        names = known_targets(self.net, nodes, ())
        if not names:
            raise ValueError("name at least one node")
        index = pd.MultiIndex.from_product([self.net.states(name) for name in names], names=names)
        return pd.Series(self._joint(names).ravel(), index=index, name="probability")

    @cached_property
    def log_evidence(self) -> float:
        """Natural logarithm of P(evidence) in the network's population; 0.0 without evidence.

        Likelihoods enter as they were given, so that only differences between cases with
        likelihoods on the same scale mean something.
        """
        if not self.evidence:
            return 0.0
        return self.log_joint - self._unobserved.log_joint

    def most_probable_explanation(self) -> tuple[dict[str, str], float]:
        """Return the most probable joint state of all nodes, and its log probability.

        Returns
        -------
        states, log_probability
            The state of each node, in the order of the network; ln P(states | evidence).

        Raises
        ------
        ImpossibleEvidence, NetworkTooComplex
        """
        states, value = maximum(self._structure, self._observed, self.memory)
        if not np.isfinite(value):
            raise self._impossible()
        named = zip(self.net.variables, states, strict=True)
        explanation = {variable.name: variable.states[i] for variable, i in named}
        return explanation, value - float(self._run().log_evidence[0])

    # -- the picture ---------------------------------------------------------------------

    def plot(self, ax: Axes | None = None, *, focus: str | Iterable[str] | None = None) -> Axes:
        """Draw the network with what was observed, the posteriors, and what the arrows carry.

        Parameters
        ----------
        ax
            Matplotlib axes, to which the picture is shrunk; a new figure, as large as it
            has to be, unless given.
        focus
            One node or several, to draw these with their ancestors and descendants.  Unless
            given, what bears on the default targets is drawn: them, what was observed, and
            the ancestors of both.

        Raises
        ------
        UnknownNode, ImpossibleEvidence, NetworkTooComplex

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), burning_pain_past_knee=True)
        >>> print(case.plot().get_title(loc="left"))
        five_findings, version 1
        In every case: Buttock pain present
        Observed: Burning pain past the knee present
        Not shown: 4 nodes that do not matter to the case
        """
        from buttpain.display.diagram import plot_diagram

        shown = self._mattering if focus is None else self.diagram.around(self.net.focused(focus))
        return plot_diagram(replace(shown, alerts=self.alerts()), ax)

    def to_html(self, path: str | PathLike[str] | None = None) -> str | None:
        """Write the case as one HTML file to explore: the network's, with posteriors and what arrows carry.

        The file holds all that it needs and loads nothing.  Red flags that fire head it.

        Parameters
        ----------
        path
            Where to write it; unless given, the text is returned.

        Raises
        ------
        ImpossibleEvidence, NetworkTooComplex

        Examples
        --------
        >>> import buttpain as bp
        >>> text = bp.observe(bp.load_network("five_findings"), hop_test_pain=True).to_html()
        >>> "Observed: Pain on the hop test present" in text
        True
        """
        names = [node.name for node in self._mattering.nodes]
        both = zip(names, self._unobserved.marginals(names), self.marginals(names), strict=True)
        answers = {
            name: {"prior": before.tolist(), "posterior": after.tolist()} for name, before, after in both
        }
        return self.net.write_page(replace(self.diagram, alerts=self.alerts()), answers, path)

    @property
    def _mattering(self) -> Diagram:
        """What bears on the default targets; the title says what holds in every case."""
        parents = {parent for node in self.net.nodes for parent in self.net.parents(node)}
        said = set(self.net.given) - set(self.evidence) - parents
        shown = self.diagram.only(set(self.relevant(self._targets(None))) - said)
        if not shown.nodes:
            return self.diagram
        left_out = len(self.net.nodes) - len(shown.nodes) - len(said)
        if not left_out:
            return shown
        nodes = "1 node that does" if left_out == 1 else f"{left_out} nodes that do"
        return replace(shown, title=f"{shown.title}\nNot shown: {nodes} not matter to the case")

    @cached_property
    def diagram(self) -> Diagram:
        """The network's diagram with what was observed, posteriors, and what the arrows carry."""
        plain = self.net.diagram
        posterior = dict(zip(self._bearing, self.marginals(self._bearing), strict=True))
        nodes = tuple(self._drawn(node, posterior.get(node.name)) for node in plain.nodes)
        arrows = tuple(
            replace(item, move=self.carried.get((item.source, item.target), 0.0)) for item in plain.arrows
        )
        return replace(plain, title="\n".join(self.heading), nodes=nodes, arrows=arrows)

    def _drawn(self, node: Node, posterior: Array | None) -> Node:
        variable, seen = self.net.variable(node.name), self.evidence.get(node.name)
        if isinstance(seen, str):
            return replace(node, value=seen, mark="observed")
        if posterior is None:
            return node
        mark = "likelihood" if seen else ""
        if variable.positive:
            share = float(posterior[variable.index(True)])
            return replace(node, value=percent(share), shade=share, mark=mark)
        i = int(posterior.argmax())
        return replace(node, value=f"{variable.states[i]} {percent(float(posterior[i]))}", mark=mark)

    @cached_property
    def _bearing(self) -> tuple[str, ...]:
        """Nodes not observed for certain whose numbers may matter to the default targets."""
        names = self.relevant(self._targets(None))
        return tuple(name for name in names if self._position(name) not in self._observed.hard)

    @cached_property
    def carried(self) -> Mapping[tuple[str, str], float]:
        """How much likelier each arrow, by parent and child, makes its parent in this case.

        An arrow is cut by giving the child the mean over the parent's states, weighed as they
        are without evidence.  What it carries is how much more probable the parent is with the
        arrow than without: in its present state or, if it has none, in the state that gains
        most (states in which it does not act on the child count as one).  If the parent was
        observed, it is how much more probable the child is, and 0 if that was observed, too.
        Arrows that cannot bear on the default targets are left out, as are those into what
        holds in every case.
        """
        net = self.net
        into = [node for node in self.relevant(self._targets(None)) if node not in net.given]
        arrows = [(parent, node) for node in into for parent in net.parents(node)]
        parents = list(dict.fromkeys(parent for parent, _ in arrows))
        weights = dict(zip(parents, self._unobserved.marginals(parents), strict=True))
        ends = list(dict.fromkeys([*parents, *into]))
        self.marginals(ends)  # all in one pass, and kept
        free = [i for i in map(self._position, ends) if i not in self._observed.hard]
        slopes = self._passes(free).derivatives(self._structure.factors, self._observed)[:, 0]
        cuts = (
            Cut(net.variable(p), net.variable(n), net.families[n], weights[p], slopes[net.spans[n]])
            for p, n in arrows
        )
        return MappingProxyType({(cut.parent.name, cut.child.name): self._gained(cut) for cut in cuts})

    def _gained(self, cut: Cut) -> float:
        """Return what an arrow carries, from its cut."""
        observed = self._observed.hard.get(self._position(cut.parent.name))
        if observed is None:
            return cut.parent_gain(*self.marginals([cut.parent.name]))
        (before,) = self.marginals([cut.child.name])
        after = cut.child_without(int(observed[0]), before)
        if after is None:
            theta = self.net.theta.copy()
            theta[self.net.spans[cut.child.name]] = cut.numbers()
            ((without,), _) = self.across([cut.child.name], lambda _: theta[:, None], 1)
            after = without[:, 0]
        return gain(cut.child, before - after)

    # -- passes --------------------------------------------------------------------------

    def slopes(
        self, events: Sequence[tuple[str, str]], theta: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """Return how P(evidence) and P(event, evidence) depend on every parameter.

        All of them are polynomials of degree 1 in each parameter, so that value and slope
        say all (Darwiche, JACM 2003).  They are divided by P(evidence), which keeps them in
        range.  Each entry of a table varies alone: what its siblings do is the caller's.

        Parameters
        ----------
        events
            Pairs of a node and a state of it.
        theta
            Numbers at which to take the slopes, shape (parameters,); the network's own
            unless given.  The division is by P(evidence) under its own all the same, so
            that the evidence may be impossible under these.

        Returns
        -------
        probability
            P(event, evidence) / P(evidence), shape (events,).
        evidence_slope
            dP(evidence) / d theta / P(evidence), shape (parameters,).
        event_slopes
            dP(event, evidence) / d theta / P(evidence), shape (parameters, events).

        Raises
        ------
        UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex
        """
        structure, observed = self._structure, self._observed
        variables = [(self.net.variable(node), state) for node, state in events]
        places = [(self._position(item.name), item.index(state)) for item, state in variables]
        whole = self._run([])
        if not np.isfinite(whole.log_evidence[0]):
            raise self._impossible()
        reference = float(whole.log_evidence[0])
        factors = structure.factors
        if theta is not None:
            factors = Factors(structure, np.asarray(theta, dtype=np.float64)[:, None])
            whole = self._run([], factors=factors)
        evidence_slope = whole.derivatives(factors, observed, reference)[:, 0]
        clamped = self._clamped(places)
        plan = self._plan((), observed=clamped)
        probability = np.empty(len(events))
        event_slopes = np.empty((evidence_slope.size, len(events)))
        for part in self._blocks(plan, len(events)):
            some = _columns(clamped, part)
            passes = run(plan, factors, some)
            probability[part] = np.exp(passes.log_evidence - reference)
            event_slopes[:, part] = passes.derivatives(factors, some, reference)
        return probability, evidence_slope, event_slopes

    def across(
        self, names: Sequence[str], draw: Callable[[int], Array], draws: int
    ) -> tuple[list[Array], Array]:
        """Return posteriors under many parameter vectors, run in blocks of bounded memory.

        Parameters
        ----------
        names
            Nodes, observed or not.
        draw
            Called with a number, returns that many more vectors, shape (parameters, number).
            Only the numbers of `relevant` nodes are looked at.
        draws
            How many in all.

        Returns
        -------
        marginals
            P(node | evidence) of each node, shape (states, draws); NaN where the evidence
            is impossible.  Joined by differences where that is much less work and loses
            less than `DRAWN`.
        log_evidence
            ln P(evidence and selection), shape (draws,); minus infinity where it is impossible.

        Raises
        ------
        UnknownNode, NetworkTooComplex
        """
        structure, observed = self._structure, self._observed
        positions = [self._position(self.net.variable(name).name) for name in names]
        pattern = self._pattern([i for i in positions if i not in observed.hard])
        plan = plan_for(structure, pattern, self.memory)
        short = self._short(pattern, plan, DRAWN)
        found = [np.empty((structure.cards[i], draws)) for i in positions]
        log_evidence = np.empty(draws)

        def fill(plan: Plan, theta: Array, columns: slice) -> bool:
            """Run some draws, and return whether all of them are probable enough for differences."""
            for part in self._blocks(plan, theta.shape[1], more=structure.factors.size):
                passes = run(plan, Factors(structure, theta[:, part]), observed)
                place = slice(columns.start + part.start, columns.start + part.stop)
                log_evidence[place] = passes.log_evidence
                for i, values in zip(positions, found, strict=True):
                    fixed = i in observed.hard
                    values[:, place] = self._indicator(i)[:, None] if fixed else passes.marginal(i)
            return plan is not short or bool((log_evidence[columns] > self.log_joint + math.log(RARE)).all())

        for columns in self._blocks(short or plan, draws, more=structure.factors.size):
            theta = draw(columns.stop - columns.start)
            if not fill(short or plan, theta, columns):
                fill(plan, theta, columns)
        return found, log_evidence

    def under(self, names: Sequence[str], weights: Mapping[str, Array]) -> tuple[list[Array], Array]:
        """Return posteriors as they are and under many further likelihoods, all in one batch.

        Parameters
        ----------
        names
            Nodes, observed or not.
        weights
            For each node concerned its likelihoods, shape (states, columns); those of a column
            multiply one another and the evidence.  Nodes that are `relevant` to the names make
            the plan no larger.

        Returns
        -------
        marginals
            P(node | evidence, likelihoods) of each name, shape (states, 1 + columns); the
            first is that of the evidence alone.  NaN where the likelihoods are impossible.
            Joined by differences where that is much less work and loses less than `ANSWERED`.
        ratio
            P(likelihoods, evidence) / P(evidence), shape (1 + columns,); the first is 1.

        Raises
        ------
        UnknownNode, ImpossibleEvidence, NetworkTooComplex
        """
        structure, observed = self._structure, self._observed
        positions = [self._position(self.net.variable(name).name) for name in names]
        soft = dict(observed.soft)
        for name, columns in weights.items():
            one = np.ones((len(columns), 1))
            i = self._position(self.net.variable(name).name)
            soft[i] = soft.get(i, one) * np.hstack([one, columns])
        count = max((columns.shape[1] for columns in soft.values()), default=1)
        hard = observed.hard
        pattern = self._pattern([i for i in positions if i not in hard], observed=Observed(hard, soft))
        plan = plan_for(structure, pattern, self.memory)
        short = self._short(pattern, plan, ANSWERED)
        found = [np.empty((structure.cards[i], count)) for i in positions]
        log_evidence = np.empty(count)

        def fill(plan: Plan, columns: NDArray[np.intp]) -> None:
            for block in self._blocks(plan, columns.size):
                part = columns[block]
                passes = run(plan, structure.factors, _columns(Observed(hard, soft), part))
                log_evidence[part] = passes.log_evidence
                for i, values in zip(positions, found, strict=True):
                    values[:, part] = self._indicator(i)[:, None] if i in hard else passes.marginal(i)

        fill(short or plan, np.arange(count))
        if short:
            fill(plan, np.flatnonzero(~(log_evidence > log_evidence[0] + math.log(RARE))))
        if not np.isfinite(log_evidence[0]):
            raise self._impossible()
        for values in found:
            values[:, ~np.isfinite(log_evidence)] = np.nan
        return found, np.exp(log_evidence - log_evidence[0])

    def _blocks(self, plan: Plan, columns: int, more: int = 0) -> Iterator[slice]:
        """Yield columns that run together: what a block holds, with `more` entries each, is bounded."""
        each = 16 * (max(1.0, plan.entries) + more)  # values and adjoints
        size = max(1, int(min(max(BLOCK, COLUMNS * each), self.memory // 2) / each))
        for start in range(0, columns, size):
            yield slice(start, min(start + size, columns))

    def _short(self, pattern: Pattern, plan: Plan, most: float) -> Plan | None:
        """Return the plan by differences if that is much less work and loses no more than `most`."""
        if all(family.is_small for family in self._structure.families):
            return None
        by_differences = replace(pattern, differences=self._structure.everything)
        try:
            short = plan_for(self._structure, by_differences, self.memory)
        except NetworkTooComplex:
            return None
        return short if 2 * short.work < plan.work and self._loss <= most else None

    @cached_property
    def _loss(self) -> float:
        """How far off P(evidence), relatively, and the default targets' posteriors are by differences."""
        free = [i for i in map(self._position, self._targets(None)) if i not in self._observed.hard]
        pattern = self._pattern(free)
        patterns = (pattern, replace(pattern, differences=self._structure.everything))
        try:
            exact, short = (
                run(plan_for(self._structure, item, self.memory), self._structure.factors, self._observed)
                for item in patterns
            )
        except NetworkTooComplex:
            return math.inf
        off = [np.abs(exact.marginal(i) - short.marginal(i)).max() for i in free]
        off.append(np.abs(np.expm1(short.log_evidence - exact.log_evidence)).max())
        worst = float(np.max(off))
        return worst if math.isfinite(worst) else math.inf

    def relevant(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the nodes whose numbers may matter to these: ancestors of them and of what was observed."""
        positions = [self._position(self.net.variable(name).name) for name in names]
        mask = self._structure.relevant(self._pattern(positions))
        return tuple(self.net.nodes[i] for i in bits(mask))

    def sums(self, targets: Sequence[str]) -> Sums:
        """Return what carries factors upwards to the nodes that bear on the evidence and these targets."""
        hard = {self.net.nodes[i]: int(states[0]) for i, states in self._observed.hard.items()}
        return Sums(self.net, hard, self.relevant(targets))

    def _clamped(self, places: Sequence[tuple[int, int]]) -> Observed:
        """Return the evidence once for each event, with the event in it; events are weights of 0 and 1."""
        observed = self._observed
        soft = {i: np.repeat(weights, len(places), axis=1) for i, weights in observed.soft.items()}
        weighed = {node for node, _ in places}
        for node in weighed:
            # A node that was observed for certain is weighed instead, so that each row can differ.
            before = self._indicator(node) if node in observed.hard else np.ones(self._structure.cards[node])
            rows = soft.get(node, 1.0) * np.repeat(before[:, None], len(places), axis=1)
            for case, (other, state) in enumerate(places):
                if other == node:
                    rows[np.arange(len(rows)) != state, case] = 0.0
            soft[node] = rows
        return Observed({i: states for i, states in observed.hard.items() if i not in weighed}, soft)

    def marginals(self, names: Sequence[str]) -> list[Array]:
        """Return P(node | evidence) of each node, shape (states,), in the order given."""
        missing = [name for name in names if self._position(name) not in self._kept]
        if missing:
            self._kept.update(self._marginals(missing))
        return [self._kept[self._position(name)] for name in names]

    def _marginals(self, names: Sequence[str]) -> dict[int, Array]:
        default = self._targets(None)
        asked = default if set(names) <= set(default) else names
        positions = [self._position(name) for name in asked]
        hard = self._observed.hard
        found = {i: self._indicator(i) for i in positions if i in hard}
        free = [i for i in positions if i not in hard]
        if is_wide(self._structure, self._pattern(free), self.memory):
            found |= self._carried(free)
        left = self._pattern([i for i in free if i not in found])
        for plan in plans_for(self._structure, left, self.memory):
            passes = run(plan, self._structure.factors, self._observed)
            if not np.isfinite(passes.log_evidence[0]):
                raise self._impossible()
            found |= {i: passes.marginal(i)[:, 0] for i in plan.reads}
        for array in found.values():
            array.flags.writeable = False
        return found

    def _carried(self, free: Sequence[int]) -> dict[int, Array]:
        """Return P(node | evidence) of those that nothing observed lies below and whose factors come through.

        However many they are, they couple nothing.
        """
        sums = self.sums(())
        names = [name for name in (self.net.nodes[i] for i in free) if name not in sums.bearing]
        names = [name for name in names if sums.of_node(name) is not None]
        if not names:
            return {}
        joints = Joints(sums, partial(self.under, ()), (), names)
        return {
            self._position(name): joints.probability[[joints.place[name, j] for j in range(len(states))]]
            for name, states in ((name, self.net.states(name)) for name in names)
        }

    def _joint(self, names: Sequence[str]) -> Array:
        """Return P(nodes | evidence), one axis a node; observed nodes multiply in as indicators."""
        positions = [self._position(name) for name in names]
        hard = self._observed.hard
        free = sorted(i for i in positions if i not in hard)
        passes = self._passes((), joint=free)
        values, axes = passes.joint() if free else (np.ones(1), ())
        values = values[..., 0]
        for i in positions:
            if i in hard:
                values = np.multiply.outer(values, self._indicator(i))
        axes = (*axes, *(i for i in positions if i in hard))
        return np.asarray(values.transpose([axes.index(i) for i in positions]))

    def _indicator(self, i: int) -> Array:
        return np.asarray(np.eye(len(self.net.variables[i].states))[self._observed.hard[i][0]])

    @cached_property
    def log_joint(self) -> float:
        """Natural logarithm of P(evidence and the selection of the network's population)."""
        return float(self._passes(()).log_evidence[0])

    @cached_property
    def _unobserved(self) -> Case:
        """Return the same network's case without evidence; its passes are made once for all cases."""
        if not self.evidence:
            return self
        return Case(self.net, MappingProxyType({}), self.memory, self._structure.prior)

    @cached_property
    def _observed(self) -> Observed:
        return to_arrays(self.net, self.evidence)

    @property
    def _structure(self) -> Structure:
        return structure_of(self.net)

    def _passes(self, targets: Iterable[int], joint: Iterable[int] = ()) -> Passes:
        passes = self._run(targets, joint)
        if not np.isfinite(passes.log_evidence[0]):
            raise self._impossible()
        return passes

    def _run(
        self,
        targets: Iterable[int] = (),
        joint: Iterable[int] = (),
        observed: Observed | None = None,
        factors: Factors | None = None,
    ) -> Passes:
        plan = self._plan(targets, joint, observed)
        return run(plan, factors or self._structure.factors, observed or self._observed)

    def _plan(
        self, targets: Iterable[int], joint: Iterable[int] = (), observed: Observed | None = None
    ) -> Plan:
        return plan_for(self._structure, self._pattern(targets, joint, observed), self.memory)

    def _pattern(
        self, targets: Iterable[int], joint: Iterable[int] = (), observed: Observed | None = None
    ) -> Pattern:
        structure, observed = self._structure, observed or self._observed
        return Pattern(
            hard=sum(1 << i for i in observed.hard),
            absent=sum(1 << i for i, state in observed.hard.items() if structure.is_absent(i, state)),
            soft=sum(1 << i for i in observed.soft),
            targets=sum(1 << i for i in set(targets)),
            joint=sum(1 << i for i in set(joint)),
        )

    def _impossible(self) -> ImpossibleEvidence:
        """Name a smallest clashing set: drop each observation that the clash does not need."""
        clash = dict(self.evidence)
        for node in self.evidence:
            fewer = {name: value for name, value in clash.items() if name != node}
            if not np.isfinite(Case(self.net, fewer, self.memory)._run().log_evidence[0]):
                clash = fewer
        # The selection is named only if the observations could hold together outside it.
        anybody = Case(replace(self.net, given={}), clash, self.memory)
        selected = {f"{node} (given)": state for node, state in self.net.given.items()}
        if not np.isfinite(anybody._run().log_evidence[0]):
            selected = {}
        return ImpossibleEvidence({**clash, **selected}, self.net.name)

    # -- names ---------------------------------------------------------------------------

    def _position(self, name: str) -> int:
        return self._structure.position[name]

    def _targets(self, targets: Sequence[str] | None) -> tuple[str, ...]:
        return known_targets(self.net, targets, {*self.evidence, *self.net.given})

    def __repr__(self) -> str:
        """Return the red flags that findings alone fire, the network and what was observed, in 80 columns.

        Flags with a bound on a posterior are left to the results: nothing is computed for a repr.
        """
        seen = ", ".join(f"{node}={value}" for node, value in self.evidence.items())
        flags = fired(self.net, self.evidence, lambda _: math.nan)
        said = (
            *(f"! {item.alert}" for item in flags),
            f"<Case in {self.net.name}: {seen or 'nothing observed'}>",
        )
        return "\n".join(line for text in said for line in wrapped(text))

    def _repr_html_(self) -> str:
        return self.posterior().grid(SHOWN).html()


def _columns(observed: Observed, part: slice | NDArray[np.intp]) -> Observed:
    """Return the evidence of some columns; what serves all of them stays as it is."""
    soft = {i: value[:, part] if value.shape[1] > 1 else value for i, value in observed.soft.items()}
    return Observed(observed.hard, soft)


def _restore(net: Network, evidence: Mapping[str, Observation], memory: int) -> Case:
    return Case(net, MappingProxyType(dict(evidence)), memory)


def known_targets(net: Network, targets: Sequence[str] | None, observed: Collection[str]) -> tuple[str, ...]:
    """Return the targets that were named, checked; otherwise the conditions, or what was not observed.

    Raises
    ------
    UnknownNode
    ValueError
        If a node is named twice.
    """
    if targets is None:
        return net.conditions or tuple(node for node in net.nodes if node not in observed)
    if isinstance(targets, str):
        raise TypeError(f"targets are a list of names; give [{targets!r}]")
    known = tuple(net.variable(name).name for name in targets)
    if len(set(known)) != len(known):
        raise ValueError(f"name each node once; given were {', '.join(known)}")
    return known
