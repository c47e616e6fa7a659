"""What each case says about every number: scores, from expected counts.

A number is the chance of an outcome: of a state in a row of a table, or of a cause (a link
or the leak of a noisy-OR) that acts.  The score of a case e,

    score = E[times the outcome came | e] - value * E[times it could have come | e],

is the derivative of ln P(e) by ln value, the other outcomes of the row shrinking in
proportion to their own values: Fisher's identity (Dempster, Laird and Rubin, JRSS B 1977).
It follows from D = d ln P(e) / d value, each number by itself, as `Passes.derivatives` has it:

    value_k * (D_k - sum over the row of value_l * D_l)    for entry k of a row of a table,
    value * (1 - value) * D                                for a link or a leak.

For the latter, P(e) = A value + B (1 - value) + C, where C is the part in which the cause is
not there.  The cause acted with probability A value / P(e), and did not with
B (1 - value) / P(e); the score is value * (1 - value) * (A - B) / P(e), and D is (A - B) / P(e).

Where nothing was observed below a node, the score of its numbers is 0.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.circuit import run
from buttpain.inference.cohort import CACHE, _parts
from buttpain.inference.evidence import Observed
from buttpain.inference.frames import MISSING, Columns, Rows
from buttpain.inference.plan import Plan
from buttpain.inference.structure import Factors, Family, Pattern, Structure

__all__ = ["Distributions", "Scores", "Tally"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

SCORES = 2**21
"""Scores that are held at a time: 16 MiB."""

NATIVE_WORTH = 50
"""Patterns whose plans take longer, run again and again, than native code takes to start."""


class Distributions:
    """Which numbers belong to one distribution: the entries of a row of a table, or one of a noisy-OR alone.

    Parameters
    ----------
    structure
        Of the network.

    Attributes
    ----------
    starts
        First number of each distribution, shape (distributions,).
    of
        The distribution of each number, shape (parameters,).
    alone
        Whether a number belongs to a noisy-OR, shape (parameters,): the rest of its
        distribution, that the cause does not act, is no number.
    """

    def __init__(self, structure: Structure) -> None:
        widths = [width for family in structure.families for width in _widths(family)]
        self.starts: Places = np.cumsum([0, *widths[:-1]])
        self.of: Places = np.repeat(np.arange(len(widths)), widths)
        sizes = [sum(_widths(family)) for family in structure.families]
        self.alone = np.repeat([family.is_or for family in structure.families], sizes)

    def sums(self, values: Array) -> Array:
        """Return the sum over its distribution for each number; the first axis counts parameters."""
        totals: Array = np.add.reduceat(values, self.starts, axis=0)
        return totals[self.of]

    def scores(self, theta: Array, slopes: Array) -> Array:
        """Return scores from the derivatives of ln P(e); shapes (parameters,) and (parameters, cases)."""
        value = theta[:, None]
        alone = self.alone[:, None]
        # Not slope - value * slope for the former: near 1 that would lose the digits of 1 - value.
        return np.asarray(np.where(alone, (1 - value) * slopes, slopes - self.sums(value * slopes)) * value)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What some cases say.

    Parameters
    ----------
    cases
        Which, shape (cases,).
    log_evidence
        ln P(case and selection), shape (cases,); minus infinity where it is impossible.
    by_number
        Shape (parameters, cases).
    """

    cases: Places
    log_evidence: Array
    by_number: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Cases that are run together."""

    cases: Places
    plan: Plan
    observed: Observed


class Tally:
    """Scores of the same cases under any numbers.

    Cases are run together wherever one plan serves them, as in `cohort`.  Where nearly every
    one brings a pattern of its own they go to native code, if numba is installed.

    Parameters
    ----------
    columns
        How the cases are read.
    rows
        The cases.
    some
        Those of them to look at.
    """

    def __init__(self, columns: Columns, rows: Rows, some: Places) -> None:
        self._columns, self._rows, self._structure = columns, rows, columns.structure
        self._distributions = Distributions(columns.structure)
        native = np.unique(rows.kinds[some]).size >= NATIVE_WORTH and find_spec("numba") is not None
        self._one_by_one = some if native else some[:0]
        self._blocks = [] if native else self._planned(some)

    @cached_property
    def relevant(self) -> int:
        """Mask of the nodes about whose numbers some case may say something."""
        seen = [
            node for i, node in enumerate(self._columns.nodes) if (self._rows.modes[:, i] != MISSING).any()
        ]
        mask = 0
        for node in (*self._columns.net.given, *seen):
            mask |= self._structure.ancestors[self._structure.position[node]]
        return mask

    def scores(self, theta: Array) -> Iterator[Scores]:
        """Yield what the cases say, some of them at a time.

        Parameters
        ----------
        theta
            The numbers, shape (parameters,).
        """
        yield from self._together(self._blocks, theta)
        large = [self._one_by_one[:0]]
        for cases in _pieces(self._one_by_one, SCORES // theta.size):
            found, left = self._natively(cases, theta)
            large.append(left)
            yield found
        # The other engine tries more orders, and says how large what remains is.
        if (left := np.concatenate(large)).size:
            self._one_by_one = np.setdiff1d(self._one_by_one, left)
            blocks = self._planned(left)
            self._blocks = [*self._blocks, *blocks]
            yield from self._together(blocks, theta)

    def _planned(self, some: Places) -> list[_Block]:
        blocks = []
        for part in _parts(self._columns, self._rows, some):
            fits = min(CACHE, self._columns.memory) / (8 * max(1.0, part.plan.entries))
            for cases in _pieces(part.rows, int(min(fits, SCORES / self._structure.factors.size))):
                observed = _observed(self._columns, self._rows, part.pattern, cases)
                blocks.append(_Block(cases, part.plan, observed))
        return blocks

    def _together(self, blocks: Sequence[_Block], theta: Array) -> Iterator[Scores]:
        factors = Factors(self._structure, theta[:, None])
        for block in blocks:
            passes = run(block.plan, factors, block.observed)
            with np.errstate(invalid="ignore", over="ignore"):  # what is impossible has no score
                slopes = passes.derivatives(factors, block.observed)
                scores = self._distributions.scores(theta, slopes)
            yield Scores(
                block.cases,
                np.broadcast_to(passes.log_evidence, block.cases.shape),
                np.broadcast_to(scores, (theta.size, block.cases.size)),
            )

    def _natively(self, cases: Places, theta: Array) -> tuple[Scores, Places]:
        """Score cases one by one; return those that are too large for it too."""
        from buttpain.inference import kernel, kernel_scores

        log_evidence, scores, status = kernel_scores.scores_of_rows(
            self._structure, theta, *self._arrays(cases), self._columns.memory, _processors()
        )
        done = status != kernel.TOO_COMPLEX
        return Scores(cases[done], log_evidence[done], scores[done].T), cases[~done]

    def _arrays(self, cases: Places) -> tuple[NDArray[np.int32], tuple[Array, NDArray[np.int64]] | None]:
        """Return states and likelihoods by position, as the kernel takes them."""
        net, position, rows = self._columns.net, self._structure.position, self._rows
        hard = np.full((cases.size, self._structure.size), -1, dtype=np.int32)
        for node, states in rows.states.items():
            hard[:, position[node]] = states[cases]
        for node, state in net.given.items():
            hard[:, position[node]] = net.states(node).index(state)
        if not rows.weights:
            return hard, None
        first = np.full(self._structure.size, -1, dtype=np.int64)
        sizes = [weights.shape[1] for weights in rows.weights.values()]
        first[[position[node] for node in rows.weights]] = np.cumsum([0, *sizes])[:-1]
        return hard, (np.concatenate([weights[cases] for weights in rows.weights.values()], axis=1), first)


def _pieces(cases: Places, size: int) -> list[Places]:
    """Return the cases in pieces of at most so many, or of one."""
    size = max(1, size)
    return [cases[start : start + size] for start in range(0, cases.size, size)]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _observed(columns: Columns, rows: Rows, pattern: Pattern, cases: Places) -> Observed:
    """Return what was observed in some cases, as their plan takes it."""
    structure, net = columns.structure, columns.net
    hard = {structure.position[n]: np.array([net.states(n).index(s)]) for n, s in net.given.items()}
    soft = {}
    for node in columns.nodes:
        i = structure.position[node]
        if pattern.soft >> i & 1:
            soft[i] = rows.as_weights(node, cases)
        elif pattern.hard >> i & 1 and i not in hard:
            hard[i] = rows.states[node][cases]
    return Observed(hard, soft)


def _widths(family: Family) -> list[int]:
    """Return how many numbers each distribution of a family has in `theta`."""
    if family.is_or:
        return [1] * (1 + sum(int((places >= 0).sum()) for places in family.links))
    return [family.shape[-1]] * math.prod(family.shape[:-1])
