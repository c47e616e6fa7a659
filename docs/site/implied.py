"""What a network implies about its findings and conditions: what its numbers come to, taken together.

Every figure is exact; its interval is that of draws of all numbers together, made with one
seed, so that ratios of figures are ratios of draws.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import buttpain as bp

__all__ = ["Figure", "Implied", "Sign", "routes"]

Array = NDArray[np.float64]
Event = tuple[str, str]

SAMPLES = 1000


class Figure(NamedTuple):
    """A figure and its 95 % credible interval; NaN where the network does not say how sure it is."""

    value: float
    low: float = math.nan
    high: float = math.nan


class Sign(NamedTuple):
    """What a finding says about a condition, in the population of the network.

    The probability of the finding with and without the condition, that of the condition with and
    without the finding, and the two likelihood ratios.
    """

    present: Figure
    absent: Figure
    after: Figure
    after_not: Figure
    ratio: Figure
    ratio_not: Figure


@dataclass(frozen=True)
class _Answer:
    """P(condition | evidence) and P(evidence), as exact figures (row 0) and as draws (the other rows)."""

    conditions: Mapping[str, Array]
    evidence: Array


class Implied:
    """What follows from the numbers of a network."""

    def __init__(self, net: bp.Network) -> None:
        self.net = net
        self.conditions = tuple(name for name in net.conditions if net.variable(name).positive)
        frame = net.parameters
        self.sure = bool(frame["ess"].notna().all())
        self._kept: dict[Event, _Answer | None] = {}

    def events(self, node: str) -> tuple[str, ...]:
        """Return the states worth a line: the present one, or all where there is no such state."""
        variable = self.net.variable(node)
        return (variable.positive,) if variable.positive and len(variable.states) == 2 else variable.states

    @cached_property
    def _base(self) -> _Answer:
        """The population itself; an error if the network is about nobody."""
        return self._asked(None)

    @cached_property
    def prior(self) -> dict[str, Figure]:
        """How probable each condition is before anything is observed."""
        return {name: _figure(p) for name, p in self._base.conditions.items()}

    def after(self, node: str, state: str) -> dict[str, Figure]:
        """Return how probable each condition is with one more node observed; empty if that cannot be."""
        answer = self._answer((node, state))
        return {} if answer is None else {name: _figure(p) for name, p in answer.conditions.items()}

    def sign(self, condition: str, finding: str, state: str) -> Sign | None:
        """Return what a finding says about a condition; None where one of them cannot be, or always is."""
        answer, base = self._answer((finding, state)), self._base
        if answer is None:
            return None
        size = min(len(answer.evidence), len(base.evidence))  # 1 where draws are missing
        prior, after = base.conditions[condition][:size], answer.conditions[condition][:size]
        share = answer.evidence[:size] / base.evidence[:size]
        both = after * share
        if not (0 < prior[0] < 1 and 0 < share[0] < 1):
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            present, absent = both / prior, (share - both) / (1 - prior)
            after_not = (prior - both) / (1 - share)
            ratios = present / absent, (1 - present) / (1 - absent)
        parts = present, absent, after, after_not, *ratios
        return Sign(*map(_figure, parts))

    def _answer(self, event: Event) -> _Answer | None:
        if event not in self._kept:
            try:
                self._kept[event] = self._asked(event)
            except bp.ImpossibleEvidence:
                self._kept[event] = None
        return self._kept[event]

    def _asked(self, event: Event | None) -> _Answer:
        case = bp.observe(self.net, dict([event]) if event else {})
        post = case.posterior(self.conditions).to_dict()["posterior"] if self.conditions else {}
        exact = {name: post[name][self.net.variable(name).positive] for name in self.conditions}
        log_evidence = np.array([case.log_evidence])
        draws: dict[str, Any] = dict.fromkeys(exact, ())
        if self.sure and self.conditions:
            asked = bp.uncertainty(case, targets=self.conditions, samples=SAMPLES, seed=0)
            if not asked.impossible:  # draws left out would no longer stand beside those of other events
                draws = {name: asked.draws[name] for name in exact}
                log_evidence = np.append(log_evidence, asked.log_evidence)
        return _Answer(
            {name: np.append(p, np.asarray(draws[name], float)) for name, p in exact.items()},
            np.exp(log_evidence),
        )


def _figure(values: Array) -> Figure:
    drawn = values[1:][np.isfinite(values[1:])]
    ends = np.quantile(drawn, (0.025, 0.975)) if len(drawn) else (math.nan, math.nan)
    return Figure(float(values[0]), float(ends[0]), float(ends[1]))


def routes(net: bp.Network, cause: str, effect: str) -> Iterator[tuple[str, ...]]:
    """Yield what lies between a cause and an effect, once for each way along the arrows; shortest first."""
    from networkx import all_simple_paths

    found = {tuple(path[1:-1]) for path in all_simple_paths(net.graph, cause, effect)}
    yield from sorted(found, key=lambda way: (len(way), way))
