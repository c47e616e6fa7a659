"""Weights of evidence and conflicts, from one batch of choices of findings.

Notation
--------
A choice is a set of findings that is kept.  Choice 0 keeps all findings, choice 1 none,
choice 2 + i all but finding i, and choice 2 + n + i finding i alone, of n findings.

odds
    log2 P(target | kept) - log2 P(rival | kept) of each choice, in bits; the rival is the
    absence of the target unless another event was named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.subsets import Subsets
from buttpain.inference.evidence import Observation
from buttpain.model.network import Network

__all__ = ["ALL", "FIRST", "NONE", "Event", "Weights", "choices", "gain", "probability", "unless_noise"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

Event = tuple[str, str]
"""A node and a state of it."""

ALL, NONE, FIRST = 0, 1, 2
"""Places of choices; `FIRST` is where those without one finding begin."""

NOISE = 1e-12
"""Bits below which a weight is rounding."""


def choices(count: int) -> Mask:
    """Return which findings each choice keeps, shape (findings, choices)."""
    without = ~np.eye(count, dtype=bool)
    ends = np.repeat([[True, False]], count, axis=0)
    return np.hstack([ends, without, ~without])


def probability(net: Network, found: Subsets, event: Event) -> Array:
    """Return P(event | kept) of each choice."""
    node, state = event
    return np.asarray(found.marginals[node][net.variable(node).index(state)])


def gain(after: Array | float, before: Array | float) -> Array:
    """Subtract log-odds; what is infinite before and after has not moved."""
    with np.errstate(invalid="ignore"):
        moved = np.where(np.equal(after, before), 0.0, np.subtract(after, before))
    return np.where(np.abs(moved) < NOISE, 0.0, moved)


def unless_noise(value: float) -> float:
    """Return a number of bits, or 0 where it is rounding."""
    return 0.0 if abs(value) < NOISE else float(value)


@dataclass(frozen=True, eq=False)
class Weights:
    """What each finding weighs; arrays have one entry a finding.

    Parameters
    ----------
    net
        The network.
    findings
        What was observed.
    found
        Of each choice.
    event, rival
        What is compared; None stands for the absence of the event.
    """

    net: Network
    findings: Mapping[str, Observation]
    found: Subsets
    event: Event
    rival: Event | None

    @property
    def others(self) -> slice:
        """Places of the choices that leave out one finding."""
        return slice(FIRST, FIRST + len(self.findings))

    @property
    def single(self) -> slice:
        """Places of the choices that keep one finding alone."""
        return slice(FIRST + len(self.findings), None)

    def odds(self, found: Subsets) -> Array:
        """Log-odds of each choice, in bits."""
        node, state = self.event
        place = self.net.variable(node).index(state)
        # Added up rather than taken from 1, which would lose a small number.
        others = np.delete(found.marginals[node], place, axis=0).sum(axis=0)
        other = others if self.rival is None else probability(self.net, found, self.rival)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log2(probability(self.net, found, self.event)) - np.log2(other))

    @cached_property
    def whole(self) -> Array:
        """Log-odds of the choices of `found`."""
        return self.odds(self.found)

    def without(self, event: Event) -> Array:
        """P(event) without each finding, shape (findings,)."""
        return probability(self.net, self.found, event)[self.others]

    @cached_property
    def weight(self) -> Array:
        """Of each finding given the others, shape (findings,)."""
        return gain(self.whole[ALL], self.whole[self.others])

    @cached_property
    def alone(self) -> Array:
        """Weight of each finding by itself, shape (findings,)."""
        return gain(self.whole[self.single], self.whole[NONE])

    @cached_property
    def settled(self) -> Mask:
        """Whether the answer is certain without each finding, shape (findings,)."""
        return np.asarray(np.isinf(self.whole[self.others]))

    @cached_property
    def bits(self) -> Array:
        """log2 P(kept | selection) of each choice."""
        logs = self.found.log_evidence
        return np.asarray((logs - logs[NONE]) / math.log(2.0))

    @cached_property
    def conflict(self) -> float:
        """Jensen's measure: log2 of the product of P(finding) over P(findings)."""
        return unless_noise(self.bits[self.single].sum() - self.bits[ALL])

    @cached_property
    def partial(self) -> Array:
        """Conflict of each finding with all the others together, shape (findings,)."""
        parts = self.bits[self.others] + self.bits[self.single] - self.bits[ALL]
        return np.where(np.abs(parts) < NOISE, 0.0, parts)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Places of the findings, the heaviest first; of equals that which is heavier alone."""
        keys = [np.abs(array).round(12) for array in (self.alone, self.weight)]
        return tuple(np.lexsort([-key for key in keys]).tolist())
