"""Learning: every number of a network updated from cases, by Bayes' rule.

The prior is what the network says: each row of a table a Dirichlet, each link and each leak of a
noisy-OR a Beta, with its mean and its effective sample size.  Cases may leave out
anything, and mechanisms are never seen, so that what was not observed is summed out.

Notation
--------
theta, size
    Values of all parameters, and the effective sample size of the distribution that each
    belongs to; shape (parameters,).  mean is theta before anything was learned.
x
    One coordinate for each number that can be learned: ln(theta / its mean), less the same of the
    most probable outcome of its row.  A link's is the change of its log-odds.
score
    d ln P(case | selection) / d x: what `Tally` counts for the case, less what it counts for the
    selection alone; shape (coordinates, cases).

What is maximised
-----------------
The posterior density of the coordinates, not of theta.  A Dirichlet(size * mean) has in them the
density prod theta ** (size * mean), whose mode is the mean itself.  So no cases change nothing, to
the last bit, and counts n of rows that were seen whole give (size * mean + n) / (size + sum n),
the posterior mean (MacKay, Machine Learning 1998, on the choice of basis).  The slope is
size * (mean - theta) + sum of the scores, and its zero the fixed point of EM:

    theta = (size * mean + expected counts) / (size + expected opportunities).

EM's steps are short where much is missing.  The same expected counts serve quasi-Newton steps
(Jamshidian and Jennrich, JRSS B 1997), of which a dozen or two do; none lets the density fall.

The selection
-------------
Cases come from people who were selected (who have pain), so each counts P(case, selection) /
P(selection).  For EM that is as if for each case (1 - P(selection)) / P(selection) people more had
been met and turned away (Dempster, Laird and Rubin, JRSS B 1977, section 4.2); for the slope, the
score of the selection is taken from that of each case.  Without it, whatever brings people in
would come out too common.

How sure the numbers are afterwards
-----------------------------------
By Laplace's approximation in x.  With s the score of a case, c that of the selection and v
the value of its number, the observed information about one coordinate is exactly the sum of

    s ** 2 - s * (1 - 2 v - 2 c),

which without a selection is v (1 - v) for a case that shows the outcome and 0 for one that says
nothing (Louis, JRSS B 1982; P(case) is linear in v).  It holds if all other numbers are known.
They are not, and what is shared with those whose scores are correlated with this one's is
taken away, by the products of the scores (Meilijson, JRSS B 1989).  The new effective sample
size is that of the Beta (Dirichlet) with the variance that results, and never below the old one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from buttpain.analysis.ascent import NotConverged, Posterior, Prior
from buttpain.analysis.cases import Cases
from buttpain.analysis.precision import Information
from buttpain.errors import as_number, check_kind, check_whole, did_you_mean
from buttpain.inference.structure import MEMORY
from buttpain.model.network import Network, NoisyOr, Table
from buttpain.model.priors import GRADES, Provenance, Source

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NotConverged", "learn"]

Array = NDArray[np.float64]

ITERATIONS = 200
TOLERANCE = 1e-4

_NOTHING = 1e-9
"""Share of a value, and of a sample size, that counts as no change."""


def learn(  # noqa: PLR0913 -- each is a decision of its own
    net: Network,
    frame: pd.DataFrame,
    *,
    weights: ArrayLike | None = None,
    ignore: Sequence[str] = (),
    ess: float | None = None,
    source: Mapping[str, str] | None = None,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    progress: bool | None = None,
    memory: int = MEMORY,
) -> Network:
    """Return the network after it has seen some cases.

    Every number that says how sure it is is updated: base rates, rows of tables, links and leaks.
    Numbers that hold by definition, and those that are 0 or 1, stay.  Cases are taken to
    come from the network's own population, those that its selection lets through, and to
    leave things out for reasons that have nothing to do with what would have been seen.

    Parameters
    ----------
    net
        What is believed before.
    frame
        One row a case, as in `posteriors`.  Mechanisms may have columns.
    weights
        How many times each row counts; once unless told otherwise.
    ignore
        Columns that are no nodes, or that are not to be looked at.
    ess
        Effective sample size of every number that comes without one, such as those of a BIF
        file: how many cases each row is worth.
    source
        What the cases are, with the fields of a source in a network file and its `key`, as in
        ``{"key": "clinic2026", "cite": "...", "kind": "cohort"}``.  A case series called
        "cases" unless told otherwise.
    iterations
        Most steps to take.
    tolerance
        Stop when no number would move by more than this many of its own standard deviations.
    progress
        Show a bar on standard error; by default only in a terminal and when it takes long.
    memory
        Bytes that the tensors may take.

    Returns
    -------
    network
        With new values and effective sample sizes.  A number's source is whichever of the
        old one and the cases brings more of its sample; its note tells of both.

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex
    UnknownUncertainty
        If a number has no effective sample size and `ess` was not given.
    ValueError
        If the frame has no columns, or an argument is out of range.

    Warns
    -----
    NotConverged
        If the numbers had not settled when the steps were used up.

    Examples
    --------
    >>> import buttpain as bp
    >>> net = bp.load_network("five_findings")
    >>> cases = bp.sample(net, 200, seed=1, missing=0.2)
    >>> learned = bp.learn(net, cases)
    >>> bool(learned.ess[1] > net.ess[1])
    True
    >>> bp.learn(net, cases.iloc[:0]) is net
    True
    """
    check_kind("net", net, Network)
    _check(iterations, tolerance, ess)
    cases = Cases(net, frame, weights, ignore, memory)
    named = _source(net, source, cases.count)
    if not cases.count:
        return net
    prior = Prior(net, ess, cases.relevant)
    if not prior.places.size:
        return net
    _check_room(prior.places.size, memory)
    x = Posterior(prior, cases).climb(iterations, tolerance, progress)
    theta = prior.theta(x)
    sizes = Information(prior, cases, theta).sizes()
    return _Learned(prior, theta, sizes, named).network(net)


def _check(iterations: int, tolerance: float, ess: float | None) -> None:
    check_whole("iterations", iterations, 1)
    for name, value in {"tolerance": tolerance, "ess": 1.0 if ess is None else ess}.items():
        if not as_number(value) > 0:
            raise ValueError(f"{name} must be positive; it is {value!r}")


def _check_room(numbers: int, memory: int) -> None:
    # Products of all pairs of scores, their squares, and what is made of them.
    needed = 10 * 8 * numbers**2
    if needed > memory:
        raise ValueError(
            f"learning {numbers:,} numbers together takes {needed / 2**20:,.0f} MiB, more than the "
            f"{memory / 2**20:,.0f} MiB allowed; raise the bound with memory=, or leave out findings that "
            f"bring numbers in"
        )


# -- the network afterwards --------------------------------------------------------------------


def _source(net: Network, stated: Mapping[str, str] | None, count: float) -> Source:
    """Return what the cases are, as a source of the network."""
    if stated is None:
        keys = ("cases" if i == 1 else f"cases{i}" for i in itertools.count(1))
        key = next(key for key in keys if key not in net.sources)
        return Source(key, f"{count:,.6g} cases of which nothing else was said.", "case_series")
    if not isinstance(stated, Mapping):
        raise TypeError(
            f"source is a mapping, such as {{'key': ..., 'cite': ..., 'kind': 'cohort'}}; it is {stated!r}"
        )
    allowed = [item.name for item in fields(Source)]
    for name in stated:
        if name not in allowed:
            raise ValueError(f"a source has no {name!r}. {did_you_mean(name, allowed)}")
    for name in ("key", "cite", "kind"):
        if not stated.get(name):
            raise ValueError(f"the source of the cases needs a {name}; given was {dict(stated)}")
    if stated["kind"] not in GRADES:
        raise ValueError(
            f"{stated['kind']!r} is no kind of source. {did_you_mean(stated['kind'], list(GRADES))}"
        )
    found = Source(**stated)
    if net.sources.get(found.key, found) != found:
        raise ValueError(f"network {net.name!r} has another source {found.key!r}; give the cases another key")
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """What became of one distribution: its values and its size, before and after."""

    before: Array
    after: Array
    sizes: tuple[float, float]

    @property
    def is_none(self) -> bool:
        room = _NOTHING * self.before * (1 - self.before)
        still = bool((np.abs(self.after - self.before) <= room).all())
        return still and not self.sizes[1] > self.sizes[0] * (1 + _NOTHING)

    def record(self, old: Provenance, source: Source) -> Provenance:
        """Return where the values come from now: whichever brings more of the sample, with a note of both."""
        was, now = (_in_words(values) for values in (self.before, self.after))
        before, after = self.sizes
        told = (
            f"Learned from {source.key}: {was}, worth {before:.3g} cases ({old.source or 'no source'}), "
            f"became {now}, worth {after:.3g}."
        )
        mostly_old = old.source and after - before <= before
        return Provenance(
            source=old.source if mostly_old else source.key, note=f"{old.note} {told}".strip(), ess=after
        )


def _in_words(values: Array) -> str:
    """Return a number, of two states that of the second; or all of a row."""
    shown = values[-1:] if values.size <= 2 else values
    return ", ".join(f"{value:.4g}" for value in shown.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """Values and sizes after the cases, and the source of these."""

    prior: Prior
    theta: Array
    sizes: Array
    source: Source

    def network(self, net: Network) -> Network:
        """Return the network with the numbers of which something was learned, and where they come from."""
        families = {node: self._family(net, node) for node in net.nodes}
        if all(families[node] is net.families[node] for node in net.nodes):
            return net
        return replace(net, families=families, sources={**net.sources, self.source.key: self.source})

    def _family(self, net: Network, node: str) -> Table | NoisyOr:
        """Return one family, itself if nothing was learned of it."""
        family, span = net.families[node], net.spans[node]
        width = len(net.states(node)) if isinstance(family, Table) else 1
        numbers, changed = net.theta[span].copy(), False
        starts = range(span.start, span.stop, width)
        records = list(family.provenance or (Provenance(),) * len(starts))
        for i, start in enumerate(starts):
            change = self._change(slice(start, start + width))
            if change.is_none:
                continue
            changed = True
            # As a file has it: of two states the second, and the first makes up the rest.
            values = [1 - change.after[1], change.after[1]] if width == 2 else change.after
            numbers[start - span.start : start - span.start + width] = values
            records[i] = change.record(records[i], self.source)
        return _rebuilt(family, numbers, tuple(records)) if changed else family

    def _change(self, row: slice) -> _Change:
        sizes = float(self.prior.size[row.start]), float(self.sizes[row.start])
        return _Change(self.prior.mean[row], self.theta[row], sizes)


def _rebuilt(family: Table | NoisyOr, numbers: Array, records: tuple[Provenance, ...]) -> Table | NoisyOr:
    if isinstance(family, Table):
        return Table(family.parents, numbers.reshape(family.values.shape), records)
    leak, *rest = numbers.tolist()
    remaining = iter(rest)
    links = tuple(
        tuple(None if link is None else next(remaining) for link in links) for links in family.links
    )
    return NoisyOr(family.parents, leak, links, records)
