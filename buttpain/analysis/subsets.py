"""What some of the findings say without the others: many choices of findings, run as one batch.

A finding that nothing else hangs on is left out of a case by giving its family the
number 1 for what was seen, whatever its parents: that is what summing it out leaves.
P(evidence) is linear in each row of a family, so the circuit does not mind that such
rows are no distributions.  Every choice of findings thus has the plan of the whole
case, in which observed findings couple little; as weights, which is what leave-one-out
by one backward pass needs, they would couple their causes like findings not observed.
Likelihoods, and nodes that others hang on, are left out by weights of 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.circuit import run
from buttpain.inference.evidence import Observation, Observed
from buttpain.inference.order import bits
from buttpain.inference.plan import plan_for
from buttpain.inference.structure import MEMORY, Factors, Pattern, Structure, structure_of
from buttpain.model.network import Network, NoisyOr

__all__ = ["Subsets", "subsets"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BLOCK = 2**27
"""Bytes that choices run together may take; smaller blocks were slower."""


@dataclass(frozen=True, eq=False)
class Subsets:
    """What each choice of findings says.

    Parameters
    ----------
    log_evidence
        ln P(findings kept, and the selection), shape (choices,).
    marginals
        P(node | findings kept) of each node asked for, shape (states, choices); NaN where
        the findings kept are impossible.
    """

    log_evidence: Array
    marginals: Mapping[str, Array]


def subsets(
    net: Network,
    evidence: Mapping[str, Observation],
    names: Sequence[str],
    kept: Mask,
    memory: int = MEMORY,
) -> Subsets:
    """Return P(findings) and posteriors under many choices of the findings.

    Parameters
    ----------
    net
        The network; its own selection is never left out.
    evidence
        All findings, checked.
    names
        Nodes whose posteriors are wanted, observed or not.
    kept
        Which findings each choice keeps, shape (findings, choices), in the order of `evidence`.
    memory
        Bytes that a query may take.

    Raises
    ------
    NetworkTooComplex
    """
    structure = structure_of(net)
    asked = [structure.position[name] for name in names]
    batch = _Batch(net, structure, evidence, frozenset(asked))
    plan = plan_for(structure, batch.pattern, memory)
    choices = kept.shape[1]
    block = max(1, int(min(BLOCK, memory) / (16 * (plan.entries + structure.factors.size))))
    log_evidence = np.empty(choices)
    found = {name: np.empty((len(net.states(name)), choices)) for name in names}
    for start in range(0, choices, block):
        part = slice(start, start + block)
        passes = run(plan, batch.factors(kept[:, part]), batch.observed(kept[:, part]))
        log_evidence[part] = passes.log_evidence
        for name, i in zip(names, asked, strict=True):
            found[name][:, part] = passes.marginal(i)
    return Subsets(log_evidence, found)


class _Batch:
    """The inputs of a run in which each case keeps other findings.

    Parameters
    ----------
    net, structure
        The network.
    evidence
        All findings.
    asked
        Positions of the nodes whose posteriors are wanted.
    """

    def __init__(
        self, net: Network, structure: Structure, evidence: Mapping[str, Observation], asked: frozenset[int]
    ) -> None:
        self.net, self.structure, self.asked = net, structure, sum(1 << i for i in asked)
        self.hard: dict[int, NDArray[np.intp]] = {}
        # For each node that enters by weights: those of the selection, those seen, and the row of `kept`.
        self.weighed: dict[int, tuple[Array, Array, int]] = {}
        # Findings left out by their numbers: node, and the row of `kept`.
        self.numbered: list[tuple[str, int]] = []
        row = {node: place for place, node in enumerate(evidence)}
        shared = self._hung_on({*net.given, *evidence})
        for node in {**net.given, **evidence}:
            i, states = structure.position[node], net.states(node)
            seen, given = evidence.get(node), net.given.get(node)
            certain = given or (seen if isinstance(seen, str) else None)
            if certain and i not in asked and (given or i not in shared):
                self.hard[i] = np.array([states.index(certain)], dtype=np.intp)
                if not given:
                    self.numbered.append((node, row[node]))
            if i not in self.hard or isinstance(seen, dict):
                selected = np.array([float(given in (None, state)) for state in states])
                self.weighed[i] = selected, _weights(states, seen), row.get(node, -1)

    def _hung_on(self, observed: set[str]) -> set[int]:
        """Return the parents of all that matters to what was observed or asked."""
        seen = sum(1 << self.structure.position[node] for node in observed)
        relevant = self.structure.relevant(Pattern(hard=seen, targets=self.asked))
        return {parent for node in bits(relevant) for parent in self.structure.families[node].parents}

    @property
    def pattern(self) -> Pattern:
        """What the plan depends on."""
        return Pattern(
            hard=sum(1 << i for i in self.hard),
            absent=sum(1 << i for i, state in self.hard.items() if self.structure.is_absent(i, state)),
            soft=sum(1 << i for i in self.weighed),
            targets=self.asked,
        )

    def factors(self, kept: Mask) -> Factors:
        """Return the numbers, one column a choice."""
        if not self.numbered:
            return self.structure.factors
        theta = np.repeat(self.net.theta[:, None], kept.shape[1], axis=1)
        for node, row in self.numbered:
            state = int(self.hard[self.structure.position[node]][0])
            span, out = self.net.spans[node], ~kept[row]
            theta[span, out] = _certain(self.net, node, state)[:, None]
        return Factors(self.structure, theta)

    def observed(self, kept: Mask) -> Observed:
        """Return the evidence, one column a choice."""
        soft = {
            i: selected[:, None] * np.where(kept[row] if row >= 0 else False, seen[:, None], 1.0)
            for i, (selected, seen, row) in self.weighed.items()
        }
        return Observed(self.hard, soft)


def _weights(states: Sequence[str], seen: Observation | None) -> Array:
    if isinstance(seen, dict):
        return np.array(list(seen.values()))
    return np.array([float(seen in (None, state)) for state in states])


def _certain(net: Network, node: str, state: int) -> Array:
    """Return numbers of a node under which a state has probability 1, whatever its parents."""
    span = net.spans[node]
    if not isinstance(net.families[node], NoisyOr):
        # Of a table only the entries of the observed state are looked at.
        return np.ones(span.stop - span.start)
    numbers = np.zeros(span.stop - span.start)
    numbers[0] = state
    return numbers
