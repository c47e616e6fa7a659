"""How sure an answer is: a credible interval on each posterior, traced to the numbers behind it.

Every number of a network is the mean of a Beta or a Dirichlet distribution.  All of
them are drawn together, and each draw is a parameter vector for which the posteriors
are computed exactly.  Beside it stands the first-order analysis, from derivatives alone
(the delta method; Van Allen, Singh, Greiner and Hooper, Artificial Intelligence 2008).

Notation
--------
theta
    Values of all parameters, the means, shape (parameters,).
size
    Effective sample size of the distribution that each belongs to, shape (parameters,);
    infinite where a number does not vary.
slope
    dP(event | evidence) / d theta, less its mean over the row where it belongs to a row,
    shape (parameters, events): what is left when the row keeps its sum.

A table row v with Dirichlet(size * v) has covariance (diag(v) - v v') / (size + 1).  The
variance g' Sigma g of a first-order answer is therefore a sum over the entries of the
row, sum of v * (g - mean of g)^2 / (size + 1), none of them negative; a noisy-OR number v,
a Beta, has v (1 - v) g^2 / (size + 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from buttpain.display.tables import Grid, percent
from buttpain.errors import UnknownNode, UnknownUncertainty
from buttpain.inference.case import Case, known_targets
from buttpain.model.network import Network, Table
from buttpain.model.priors import beta_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Uncertainty", "uncertainty"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)
"""The central 95 % and 50 % intervals, and the median."""

_NORMAL = 1.959963984540054
"""Quantile 0.975 of the normal distribution."""

_NOISE = 1e-12
"""Share of the terms of a difference below which it is rounding."""

_SHOWN = {"50 % interval": ("q25", "q75"), "95 % interval": ("q2.5", "q97.5")}
"""Columns of the table that is shown."""

_TOLD = 3
"""Numbers that the table's note names."""

Event = tuple[str, str]


def uncertainty(
    case: Case,
    *,
    targets: Sequence[str] | None = None,
    samples: int = 2000,
    seed: int = 0,
    ess: float | None = None,
) -> Uncertainty:
    """Return how far each posterior may be off, given how sure the network's numbers are.

    All numbers are drawn together, each from its Beta (links and leaks) or Dirichlet (rows
    of tables), and every draw is answered exactly.  Numbers that hold by definition, and
    those that are 0 or 1, stay as they are.

    The interval speaks of the numbers, given the structure and the selection of the network.
    The findings of the case itself do not make the numbers any surer.

    Parameters
    ----------
    case
        The case.
    targets
        Nodes; the conditions unless told otherwise, or every unobserved node of a network
        without roles.
    samples
        How many draws.  The first draws of a longer run are those of a shorter one.
    seed
        Of the random numbers.  What is drawn for a number does not depend on the targets or
        the evidence, nor on how many vectors are run together.
    ess
        Effective sample size of every number that comes without one, such as those of a
        BIF file: how many cases each row is worth.

    Raises
    ------
    UnknownUncertainty
        If a number has no effective sample size and `ess` was not given.
    UnknownNode, ImpossibleEvidence, NetworkTooComplex
    ValueError
        If hardly any draw leaves the evidence possible, or an argument is out of range.

    Examples
    --------
    >>> import buttpain as bp
    >>> case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
    >>> u = bp.uncertainty(case, samples=500)
    >>> leader = u.to_frame().iloc[0]
    >>> bool(leader["q2.5"] < leader["posterior"] < leader["q97.5"])
    True
    >>> u.contributions("proximal_hamstring_tendinopathy").index[0]
    'sit_bone_tenderness <- leak'
    """
    if samples < 2:
        raise ValueError(f"samples must be at least 2; it is {samples}")
    sizes = _sample_sizes(case.net, ess)
    first_order = _first_order(case, _events(case, targets), sizes)
    draws, linear, log_evidence = _drawn(case, first_order, samples, seed)
    possible = np.isfinite(log_evidence)
    if possible.sum() < 2:
        raise ValueError(
            f"the evidence has no probability in {(~possible).sum():,} of {samples:,} draws: a number near 0 "
            f"or 1 has so small an effective sample size that it is drawn as 0 or 1; state it more surely"
        )
    return Uncertainty(
        case=case,
        samples=samples,
        seed=seed,
        ess=ess,
        impossible=int((~possible).sum()),
        log_evidence=_frozen(log_evidence[possible]),
        _draws=_frozen(draws[:, possible]),
        _linear=_frozen(linear[:, possible]),
        _first_order=first_order,
    )


def _drawn(case: Case, first_order: _FirstOrder, samples: int, seed: int) -> tuple[Array, Array, Array]:
    """Return the posteriors and their first-order parts, shape (events, samples), and ln P(evidence)."""
    net, linear = case.net, []
    nodes = list(dict.fromkeys(node for node, _ in first_order.events))
    numbers = _Numbers(net, case.relevant(nodes), first_order.sizes, seed)

    def draw(count: int) -> Array:
        theta = numbers.draw(count)
        # Not by BLAS, whose threads cost more than so small a product.
        linear.append(np.einsum("pe,pd->ed", first_order.slope, theta - net.theta[:, None]))
        return theta

    marginals, log_evidence = case.across(nodes, draw, samples)
    found = dict(zip(nodes, marginals, strict=True))
    draws = [found[node][net.variable(node).index(state)] for node, state in first_order.events]
    return np.array(draws), np.hstack(linear), log_evidence


def _events(case: Case, targets: Sequence[str] | None) -> list[Event]:
    """Return the present state of each target, or all states of one that has none such."""
    events: list[Event] = []
    for node in known_targets(case.net, targets, {*case.evidence, *case.net.given}):
        variable = case.net.variable(node)
        states = variable.states if variable.positive is None else (variable.positive,)
        events += [(node, state) for state in states]
    if not events:
        raise ValueError("name at least one target; every node of this network was observed")
    return events


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


# -- the distributions of the numbers ----------------------------------------------------------


def _sample_sizes(net: Network, ess: float | None) -> Array:
    """Return the effective sample size of each parameter, infinite where it does not vary."""
    if ess is not None and not ess > 0:
        raise ValueError(f"ess must be positive; it is {ess}")
    # A row that sums to 1 only within tolerance may hold a 1 and a number beside it.
    certain = (net.theta <= 0) | (_Rows.of_network(net).sums(net.theta >= 1) > 0)
    sizes = np.where(certain, math.inf, net.ess)
    missing = np.isnan(sizes)
    if missing.any() and ess is None:
        raise UnknownUncertainty(int(missing.sum()), sizes.size, net.name)
    sizes[missing] = ess
    return sizes


@dataclass(frozen=True)
class _Rows:
    """Which parameters belong to one distribution: the entries of a row, or a noisy-OR number alone.

    Parameters
    ----------
    starts
        First parameter of each row, shape (rows,).
    of
        The row of each parameter, shape (parameters,).
    is_table
        Whether each parameter is the entry of a table, shape (parameters,).
    """

    starts: Places
    of: Places
    is_table: NDArray[np.bool_]

    @classmethod
    def of_network(cls, net: Network) -> _Rows:
        starts, is_table = [], np.zeros(net.theta.size, dtype=bool)
        for node, span in net.spans.items():
            family = net.families[node]
            width = family.values.shape[-1] if isinstance(family, Table) else 1
            starts.append(np.arange(span.start, span.stop, width))
            is_table[span] = isinstance(family, Table)
        firsts = np.concatenate(starts)
        of = np.repeat(np.arange(firsts.size), np.diff(firsts, append=net.theta.size))
        return cls(firsts, of, is_table)

    def sums(self, values: NDArray[Any]) -> Array:
        """Return the sum over its row for every parameter; the first axis counts parameters."""
        totals: Array = np.add.reduceat(values.astype(np.float64), self.starts, axis=0)[self.of]
        return totals


class _NodeNumbers:
    """Gamma variates for the numbers of one node, from random streams of its own.

    A Dirichlet is a vector of gamma variates divided by their sum, a Beta the same with
    two.  Their logarithms are drawn, G(a) = G(a + 1) U^(1/a) (Marsaglia and Tsang, ACM
    TOMS 2000), so that shapes far below 1 give tiny numbers and not 0 / 0.

    Parameters
    ----------
    theta, sizes
        Means and effective sample sizes of all parameters, shape (parameters,).
    rows
        Which of them belong together.
    own
        The parameters that are drawn here, all of one node.
    seed
        Of the streams, one a kind of variate: so the draws do not depend on how many are
        made at a time.
    """

    def __init__(self, theta: Array, sizes: Array, rows: _Rows, own: Places, seed: Sequence[int]) -> None:
        self.places, self.rows, self.shapes = own, rows.of[own], theta[own] * sizes[own]
        if not rows.is_table[own[0]]:
            # Beside each number of a noisy-OR its complement, which is no parameter: place -1.
            self.places = np.stack([own, np.full(own.size, -1)], axis=-1).ravel()
            self.rows = np.repeat(self.rows, 2)
            self.shapes = np.stack([self.shapes, (1 - theta[own]) * sizes[own]], axis=-1).ravel()
        self._gammas, self._exponentials = (np.random.default_rng([*seed, kind]) for kind in range(2))

    def logs(self, count: int) -> Array:
        """Return the logarithms of the next variates, shape (count, variates)."""
        size = count, self.shapes.size
        with np.errstate(over="ignore"):
            boost = self._exponentials.standard_exponential(size) / self.shapes  # -ln U is exponential
        return np.asarray(np.log(self._gammas.standard_gamma(self.shapes + 1, size)) - boost)


class _Numbers:
    """Parameter vectors from the Betas and Dirichlets of a network.

    Parameters
    ----------
    net
        Whose numbers.
    nodes
        Those whose numbers are drawn; the others stay at their means.
    sizes
        Effective sample sizes, shape (parameters,).
    seed
        Of all streams.
    """

    def __init__(self, net: Network, nodes: Sequence[str], sizes: Array, seed: int) -> None:
        self._theta, self._nodes, drawn = net.theta, [], set(nodes)
        rows = _Rows.of_network(net)
        for position, node in enumerate(net.nodes):
            own = np.arange(net.spans[node].start, net.spans[node].stop)
            own = own[np.isfinite(sizes[own])]
            if own.size and node in drawn:
                self._nodes.append(_NodeNumbers(net.theta, sizes, rows, own, [seed, position]))
        nothing = np.empty(0, np.intp)
        places = np.concatenate([nothing, *(node.places for node in self._nodes)])
        of_row = np.concatenate([nothing, *(node.rows for node in self._nodes)])
        self._kept = places >= 0
        self._places = places[self._kept]
        self._starts = np.flatnonzero(np.diff(of_row, prepend=-1))
        self._widths = np.diff(self._starts, append=of_row.size)

    def draw(self, count: int) -> Array:
        """Return the next parameter vectors, shape (parameters, count)."""
        theta = np.repeat(self._theta[:, None], count, axis=1)
        if self._nodes:
            theta[self._places] = self._fractions(count)[:, self._kept].T
        return theta

    def _fractions(self, count: int) -> Array:
        """Return gamma variates divided by their row's sum, shape (count, variates)."""
        logs = np.hstack([node.logs(count) for node in self._nodes])
        logs -= self._spread(np.maximum.reduceat(logs, self._starts, axis=1))
        fractions = np.exp(logs, out=logs)
        fractions /= self._spread(np.add.reduceat(fractions, self._starts, axis=1))
        return fractions

    def _spread(self, by_row: Array) -> Array:
        return np.repeat(by_row, self._widths, axis=1)


# -- first order -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _FirstOrder:
    """What derivatives alone say of the variance of each posterior.

    Parameters
    ----------
    net, rows, sizes
        Whose numbers, which of them belong together, and how sure they are.
    events
        The most probable first.
    posterior
        At the means, shape (events,).
    slope
        Shape (parameters, events).
    variance
        The part of each parameter, shape (parameters, events).
    """

    net: Network
    rows: _Rows
    sizes: Array
    events: tuple[Event, ...]
    posterior: Array
    slope: Array
    variance: Array

    def interval(self) -> tuple[Array, Array]:
        """Return the 95 % interval that is normal on the logit, shape (events,) each.

        d logit(p) = dp / (p (1 - p)); a posterior of 0 or 1 has an interval of no width.
        """
        p = self.posterior
        inside = (p > 0) & (p < 1)
        odds = np.where(inside, p, 0.5) / np.where(inside, 1 - p, 0.5)
        both = np.where(inside, p * (1 - p), 1.0)
        reach = np.where(inside, _NORMAL * np.sqrt(self.variance.sum(axis=0)) / both, 0.0)
        with np.errstate(over="ignore"):
            low, high = 1 / (1 + np.exp(reach) / odds), 1 / (1 + np.exp(-reach) / odds)
        return np.where(inside, low, p), np.where(inside, high, p)

    def shares(self, event: int) -> Array:
        """Return the share of each parameter in the variance, shape (parameters,); all 0 if there is none."""
        part = self.variance[:, event]
        total = part.sum()
        return part / total if total > 0 else np.zeros_like(part)

    def derivatives(self, event: int) -> Array:
        """Return the derivative by each parameter, its row's other entries shrinking in proportion."""
        value = self.net.theta
        others = np.where(self.rows.is_table & (value < 1), 1 - value, 1.0)
        return self.slope[:, event] / others


def _first_order(case: Case, events: Sequence[Event], sizes: Array) -> _FirstOrder:
    """Return the first-order analysis of some events, the most probable first."""
    posterior, evidence_slope, event_slopes = case.slopes(events)
    order = np.argsort(-posterior, kind="stable")
    posterior, event_slopes = np.clip(posterior[order], 0, 1), event_slopes[:, order]
    net, rows = case.net, _Rows.of_network(case.net)
    theta, table = net.theta[:, None], rows.is_table[:, None]
    through_evidence = posterior * evidence_slope[:, None]
    slope = event_slopes - through_evidence
    slope -= np.where(table, rows.sums(theta * slope), 0.0)
    # What is left of two equal terms is rounding: that number cannot matter.
    terms = np.abs(event_slopes) + np.abs(through_evidence)
    slope[np.abs(slope) <= _NOISE * np.maximum.reduceat(terms, rows.starts)[rows.of]] = 0.0
    variance = theta * np.where(table, 1.0, 1.0 - theta) * slope**2 / (sizes[:, None] + 1)
    named = tuple(events[i] for i in order)
    return _FirstOrder(net, rows, sizes, named, posterior, slope, variance)


def _narrowing(share: Array) -> Array:
    """Return by how much the interval narrows when so much of its variance goes."""
    return 1 - np.sqrt(np.clip(1 - share, 0, 1))


# -- the result --------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class Uncertainty:
    """Credible intervals of posteriors, and which numbers make them wide; made by `uncertainty`.

    Parameters
    ----------
    case
        The case.
    samples, seed, ess
        As they were asked for.
    impossible
        Draws left out, because a number so close to 0 or 1 was drawn that the evidence has
        no probability in floating point.  0 unless numbers near 0 or 1 are very unsure.
    log_evidence
        ln P(evidence and selection) under each draw, shape (draws,).  The mean of the draws
        weighted by exp(log_evidence) tends to the posterior at the means.
    """

    case: Case
    samples: int
    seed: int
    ess: float | None
    impossible: int
    log_evidence: Array
    _draws: Array
    _linear: Array
    _first_order: _FirstOrder

    @property
    def _events(self) -> tuple[Event, ...]:
        return self._first_order.events

    @property
    def draws(self) -> pd.DataFrame:
        """The sampled posteriors, one row a draw; a new frame each time.

        A column is a node (its present state), or (node, state) for a node without one.
        """
        import pandas as pd

        columns = pd.Index([self._column(i) for i in range(len(self._events))], tupleize_cols=False)
        return pd.DataFrame(self._draws.T.copy(), columns=columns)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a target, the most probable first; a row a state where none is "present".

        Columns
        -------
        node, state, label
            Which posterior.
        posterior
            At the means of all numbers: what `Case.probability` gives.
        mean, sd, q2.5, q25, q50, q75, q97.5
            Of the draws.  ``q2.5`` to ``q97.5`` is the 95 % credible interval.
        mc_error, q2.5_error, q97.5_error
            Standard errors of the mean and of the ends of the interval: how far they may move
            with another seed.  Those of the ends come from the order statistics one binomial
            standard deviation to each side.
        low, high
            The 95 % interval of the delta method: first order, normal on the logit.
        first_order
            How much of the variance of the draws the first-order part explains: their squared
            correlation; 1 where nothing varies.  Near 1 the shares of `contributions` can be trusted.
        """
        import pandas as pd

        low, high = self._first_order.interval()
        columns = {
            "node": [node for node, _ in self._events],
            "state": [state for _, state in self._events],
            "label": [self._label(i) for i in range(len(self._events))],
            "posterior": self._first_order.posterior,
            **self._summary(),
            "low": low,
            "high": high,
            "first_order": self._explained(),
        }
        return pd.DataFrame(columns)

    def _summary(self) -> dict[str, Array]:
        draws, count = self._draws, self._draws.shape[1]
        quantiles = np.quantile(draws, QUANTILES, axis=1)
        sd = draws.std(axis=1, ddof=1)
        found = {"mean": draws.mean(axis=1), "sd": sd}
        found |= {f"q{100 * q:g}": row for q, row in zip(QUANTILES, quantiles, strict=True)}
        found["mc_error"] = sd / math.sqrt(count)
        for q in (QUANTILES[0], QUANTILES[-1]):
            step = math.sqrt(q * (1 - q) / count)
            before, after = np.quantile(draws, np.clip([q - step, q + step], 0, 1), axis=1)
            found[f"q{100 * q:g}_error"] = (after - before) / 2
        return found

    def _explained(self) -> Array:
        """Return the squared correlation of the draws with their first-order part."""
        real = self._draws - self._draws.mean(axis=1, keepdims=True)
        linear = self._linear - self._linear.mean(axis=1, keepdims=True)
        still = np.ptp(self._draws, axis=1) <= _NOISE
        both = (real**2).sum(axis=1) * (linear**2).sum(axis=1)
        squared = np.where(both > 0, (real * linear).sum(axis=1) ** 2 / np.where(both > 0, both, 1.0), 0.0)
        return np.where(still, 1.0, squared)

    def rank_probability(self) -> pd.Series[float]:
        """Return how probable each target is to lead: the share of draws in which it is the most probable.

        Of the targets that can be present; states, if none of them can.  Targets that lead
        together share the draw.
        """
        import pandas as pd

        leads = self._leads()
        index = pd.Index([self._column(i) for i in leads], tupleize_cols=False, name="node")
        found = pd.Series(list(leads.values()), index=index, name="probability", dtype=float)
        return found.sort_values(ascending=False, kind="stable")

    def _leads(self) -> dict[int, float]:
        present = [i for i in range(len(self._events)) if self._is_present(i)]
        rivals = present or list(range(len(self._events)))
        highest = self._draws[rivals] == self._draws[rivals].max(axis=0)
        return dict(zip(rivals, (highest / highest.sum(axis=0)).mean(axis=1).tolist(), strict=True))

    def contributions(
        self, target: str, *, state: str | None = None, by: Literal["parameter", "source"] = "parameter"
    ) -> pd.DataFrame:
        """Return which numbers, or which sources, make the interval of a target wide, the widest first.

        A share is a part of the first-order variance.  The entries of a row of a table are
        drawn together, and the row's part is the sum over its entries of
        value * (slope - mean slope)^2 / (ess + 1), which is each entry's own derivative^2 *
        variance, times 1 - value.  All shares sum to 1; if no unsure number matters, they are 0.

        Parameters
        ----------
        target
            One of the targets.
        state
            Of the target; needed where none is "present".
        by
            One line a parameter, in which `row_share` is that of its whole row: what a study
            of that row could take away.  Or one line a source.

        Returns
        -------
        contributions
            By parameter: node, state, given, value, low, high (its own 95 % interval), ess,
            derivative (the other entries of its row shrinking in proportion), share, row_share,
            narrowing (by how much of its width the interval would narrow if the row were known
            for certain), source, grade.  By source: cite, grade, numbers (how many
            distributions rest on it that can matter here), share, narrowing.

        Raises
        ------
        UnknownNode
            If it is not one of the targets.
        UnknownState

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), isometric_hamstring_pain=True)
        >>> u = bp.uncertainty(case, samples=100)
        >>> by_source = u.contributions("proximal_hamstring_tendinopathy", by="source")
        >>> by_source["share"].round(2).to_dict()
        {'elicited2026': 0.64, 'benazzo2013': 0.36}
        """
        event = self._event(target, state)
        if by == "parameter":
            return self._by_parameter(event)
        if by == "source":
            return self._by_source(event)
        raise ValueError(f"by is 'parameter' or 'source', not {by!r}")

    def _by_parameter(self, event: int) -> pd.DataFrame:
        import pandas as pd

        first_order, parameters = self._first_order, self.case.net.parameters
        share, row_share = self._shares(event)
        low, high = beta_interval(first_order.net.theta, first_order.sizes)
        columns = {
            **parameters[["node", "state", "given", "value"]],
            "low": low,
            "high": high,
            "ess": first_order.sizes,
            "derivative": first_order.derivatives(event),
            "share": share,
            "row_share": row_share,
            "narrowing": _narrowing(row_share),
            **parameters[["source", "grade"]],
        }
        return pd.DataFrame(columns, index=parameters.index).iloc[self._ranked(event)]

    def _by_source(self, event: int) -> pd.DataFrame:
        share, sources = self._first_order.shares(event), self.case.net.sources
        frame = self.case.net.parameters.assign(row=self._first_order.rows.of, share=share)
        by_source = frame[share > 0].groupby("source", sort=False)
        found = by_source.agg(grade=("grade", "first"), numbers=("row", "nunique"), share=("share", "sum"))
        found.insert(0, "cite", [sources[key].cite if key in sources else "" for key in found.index])
        found["narrowing"] = _narrowing(found["share"].to_numpy())
        return found.sort_values("share", ascending=False, kind="stable")

    def _widest(self, event: int) -> list[tuple[str, float]]:
        """Return each row that matters, named by its foremost entry, with its share, the largest first."""
        share, row_share = self._shares(event)
        ids, seen = self.case.net.parameters.index, dict[int, tuple[str, float]]()
        for i in self._ranked(event).tolist():
            if share[i] > 0:
                seen.setdefault(int(self._first_order.rows.of[i]), (ids[i], float(row_share[i])))
        return list(seen.values())

    def _shares(self, event: int) -> tuple[Array, Array]:
        share = self._first_order.shares(event)
        return share, self._first_order.rows.sums(share)

    def _ranked(self, event: int) -> Places:
        """Return the parameters in the order of their row's share, then of their own; rows stay together."""
        share, row_share = self._shares(event)
        return np.lexsort((-share, self._first_order.rows.of, -row_share))

    # -- which event -----------------------------------------------------------------------

    def _event(self, target: str, state: str | None) -> int:
        nodes = tuple(dict.fromkeys(node for node, _ in self._events))
        if target not in nodes:
            raise UnknownNode(target, nodes, "this analysis")
        variable = self.case.net.variable(target)
        wanted = variable.states[variable.index(True if state is None else state)]
        if (target, wanted) not in self._events:
            raise ValueError(f"this analysis is about {target}={self._state_of(target)}; ask for that state")
        return self._events.index((target, wanted))

    def _state_of(self, target: str) -> str:
        return next(state for node, state in self._events if node == target)

    def _is_present(self, i: int) -> bool:
        node, state = self._events[i]
        return self.case.net.variable(node).positive == state

    def _column(self, i: int) -> Any:
        return self._events[i][0] if self._is_present(i) else self._events[i]

    def _label(self, i: int) -> str:
        node, state = self._events[i]
        label = self.case.net.label(node)
        return label if self._is_present(i) else f"{label} = {state}"

    # -- how it looks ----------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data, ready for JSON."""
        leads = self._leads()
        rows = self.to_frame().to_dict("records")
        targets = [{**row, "leads": leads.get(i), **self._of(i)} for i, row in enumerate(rows)]
        return {
            "network": self.case.net.name,
            "evidence": dict(self.case.evidence),
            "samples": self.samples,
            "seed": self.seed,
            "ess": "infinite" if self.ess == math.inf else self.ess,
            "impossible": self.impossible,
            "targets": targets,
        }

    def _of(self, event: int) -> dict[str, Any]:
        """Return what makes an interval wide, as plain data."""
        sources = self._by_source(event)
        return {
            "numbers": [{"parameter": name, "share": share} for name, share in self._widest(event)],
            "sources": [
                {"source": key, "share": share}
                for key, share in zip(sources.index, sources["share"].tolist(), strict=True)
            ],
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw a forest plot: the 95 % interval thin, the 50 % interval thick, the posterior as a mark.

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        """
        from buttpain.display.plots import plot_intervals

        title = f"{self.case.net.name}: {self.case.seen or 'nothing observed'}"
        return plot_intervals(self.to_frame(), title, ax)

    def _grid(self) -> Grid:
        title, *lead = self.case.heading
        leads, summary = self._leads(), self._summary()
        rows = [
            [
                self._label(i),
                percent(float(self._first_order.posterior[i])),
                *(_interval(summary[low][i], summary[high][i]) for low, high in _SHOWN.values()),
            ]
            for i in range(len(self._events))
        ]
        headers = ["", ">posterior", *(f">{name}" for name in _SHOWN)]
        if len(leads) > 1:
            headers.append(">leads")
            rows = [[*row, percent(leads[i]) if i in leads else ""] for i, row in enumerate(rows)]
        return Grid(title, headers, rows, alerts=self.case.alerts(), notes=list(self._notes()), lead=lead)

    def _notes(self) -> Iterator[str]:
        yield (
            f"Intervals of {self._draws.shape[1]:,} draws of all numbers together (seed {self.seed}), "
            f"given the network's structure."
        )
        if len(self._leads()) > 1:
            yield "Leads: in how many of the draws it is the most probable."
        widest = self._widest(0)
        if widest:
            named = ", ".join(f"{name} ({percent(share)})" for name, share in widest[:_TOLD])
            yield f"Most of the first-order variance for {self._label(0)}: {named}."
        if self.impossible:
            yield f"{self.impossible:,} more draws had numbers with which the evidence cannot be; left out."

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()


def _interval(low: float, high: float) -> str:
    ends = percent(float(low)), percent(float(high))
    return ends[0] if ends[0] == ends[1] else f"{ends[0].removesuffix(' %')}–{ends[1]}"
