"""The most probable joint state of all nodes, exactly.

Max-product elimination in logarithms, traced back.  A noisy-OR with many parents is
no product of small factors when its node is present, so it is bounded by 1 at first
and the search completed best first: each subspace is split around its own best
state (Lawler 1972), until no subspace can hold anything better.

What was observed, or is held in a subspace, is sliced off.  A noisy-OR that is absent, or
that nothing hangs on and that is absent rather than present whatever acts on it, couples
nothing.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.evidence import Observed
from buttpain.inference.order import best_order
from buttpain.inference.structure import Family, Structure

__all__ = ["maximum"]

Array = NDArray[np.float64]

MOST_ENTRIES = 2**12
"""Entries up to which a noisy-OR is multiplied out."""


@dataclass(frozen=True, slots=True, eq=False)
class _Factor:
    """Log values over some nodes, one axis a node."""

    nodes: tuple[int, ...]
    values: Array


def maximum(structure: Structure, observed: Observed, memory: int) -> tuple[list[int], float]:
    """Return the best state of every node, and ln of its probability times the evidence's.

    Parameters
    ----------
    structure
        Of the network.
    observed
        One case.
    memory
        Bytes allowed.

    Raises
    ------
    NetworkTooComplex
    """
    search = _Search(structure, observed, memory)
    with np.errstate(divide="ignore"):
        return search.best()


class _Search:
    """Best-first search over subspaces; short-lived."""

    def __init__(self, structure: Structure, observed: Observed, memory: int) -> None:
        self.structure = structure
        families = structure.families
        self.large = [family for family in families if self.is_large(family)]
        with np.errstate(divide="ignore"):
            self.of_family = {family.node: list(self.family(family)) for family in families}
            self.factors = [factor for some in self.of_family.values() for factor in some]
            self.allowed = self.evidence(observed)
        inner = {parent for family in families for parent in family.parents}
        self.leaves = {f.node for f in families if f.is_or and f.node not in inner}
        self.memory = memory

    def is_large(self, family: Family) -> bool:
        entries = 2 * np.prod([float(self.structure.cards[parent]) for parent in family.parents])
        return family.is_or and bool(entries > MOST_ENTRIES)

    def family(self, family: Family) -> Iterator[_Factor]:
        """Yield the factors of a family; of a large noisy-OR those of its upper bound.

        Absent is a product over the parents; present is at most 1.
        """
        factors = self.structure.factors
        if not self.is_large(family):
            table = factors.get("table", family.node, 0)[..., 0]
            yield _Factor((*family.parents, family.node), np.log(table))
            return
        leak, parts = self.quiet(family)
        yield _Factor((family.node,), np.array([leak, 0.0]))
        for parent, part in zip(family.parents, parts, strict=True):
            yield _Factor((parent, family.node), np.stack([part, np.zeros_like(part)], axis=1))

    def quiet(self, family: Family) -> tuple[float, list[Array]]:
        """Return ln P(absent) of a noisy-OR as the leak's part and that of each parent by its states."""
        factors = self.structure.factors
        parts = [np.log(factors.get("quiet", family.node, i)[:, 0]) for i in range(len(family.parents))]
        return float(np.log(factors.get("quiet_leak", family.node, 0)[0])), parts

    def evidence(self, observed: Observed) -> list[Array]:
        """Return the log weight of each state of each node."""
        weights = [np.zeros(card) for card in self.structure.cards]
        for node, states in observed.hard.items():
            weights[node] = np.log(np.eye(self.structure.cards[node])[states[0]])
        for node, likelihoods in observed.soft.items():
            weights[node] = weights[node] + np.log(likelihoods[:, 0])
        return weights

    def best(self) -> tuple[list[int], float]:
        tie = count()
        found, value = [0] * self.structure.size, -np.inf
        queue: list[tuple[float, int, list[Array], list[int]]] = []
        self.push(queue, tie, self.allowed)
        while queue and -queue[0][0] > value:
            _, _, allowed, states = heapq.heappop(queue)
            exact = self.bounded(states, allowed) + self.correction(states)
            if exact > value:
                found, value = states, exact
            for part in self.split(allowed, states):
                self.push(queue, tie, part)
        return found, float(value)

    def push(
        self, queue: list[tuple[float, int, list[Array], list[int]]], tie: Iterator[int], allowed: list[Array]
    ) -> None:
        states, value = self.solve(allowed)
        bound = value + self.ceiling(allowed)
        if bound > -np.inf:
            heapq.heappush(queue, (-bound, next(tie), allowed, states))

    def split(self, allowed: list[Array], states: Sequence[int]) -> Iterator[list[Array]]:
        """Yield subspaces that share nothing and leave out just these states of the large families."""
        held = list(allowed)
        for node in sorted({node for family in self.large for node in (*family.parents, family.node)}):
            other = allowed[node].copy()
            other[states[node]] = -np.inf
            yield [*held[:node], other, *held[node + 1 :]]
            only = np.full_like(other, -np.inf)
            only[states[node]] = allowed[node][states[node]]
            held[node] = only

    def correction(self, states: Sequence[int]) -> float:
        """Return ln P(present) of the large families present, which the bound took as 0."""
        return sum(
            self.present(family, [[states[p]] for p in family.parents], states[family.node])
            for family in self.large
        )

    def ceiling(self, allowed: Sequence[Array]) -> float:
        """Return the most that `correction` can be within a subspace."""
        total = 0.0
        for family in self.large:
            open_ = [np.flatnonzero(allowed[parent] > -np.inf) for parent in family.parents]
            only_present = allowed[family.node][0] == -np.inf
            total += self.present(family, open_, int(only_present))
        return total

    def present(
        self, family: Family, states: Sequence[Sequence[int] | NDArray[np.intp]], present: int
    ) -> float:
        if not present:
            return 0.0
        factors = self.structure.factors
        acted = factors.get("leak", family.node, 0)[1, 0]
        for slot, open_ in enumerate(states):
            link = factors.get("link", family.node, slot)[1][open_, 0].max(initial=0.0)
            acted = acted + (1.0 - acted) * link
        return float(np.log(acted))

    def bounded(self, states: Sequence[int], allowed: Sequence[Array]) -> float:
        total = sum(float(weights[state]) for weights, state in zip(allowed, states, strict=True))
        return total + sum(float(f.values[tuple(states[node] for node in f.nodes)]) for f in self.factors)

    def solve(self, allowed: Sequence[Array]) -> tuple[list[int], float]:
        """Max-product elimination under the bound; the best states and their log value."""
        held = {node: int(weights.argmax()) for node, weights in enumerate(allowed) if _is_held(weights)}
        factors = [_Factor((node,), weights) for node, weights in enumerate(allowed)]
        for family in self.structure.families:
            factors += self.coupled(family, allowed, held)
        factors = [_sliced(factor, held) for factor in factors]
        free = sum(1 << node for node in range(self.structure.size) if node not in held)
        scopes = [sum(1 << node for node in factor.nodes) for factor in factors if factor.nodes]
        order = best_order(scopes, free, self.structure.domain, {})
        self.structure.check(order, self.memory)
        turn = {node: i for i, node in enumerate(order.variables)}
        buckets: list[list[_Factor]] = [[] for _ in order.variables]
        joined, value = [], 0.0
        for factor in factors:
            if factor.nodes:
                buckets[min(turn[node] for node in factor.nodes)].append(factor)
            else:
                value += float(factor.values)
        for i, node in enumerate(order.variables):
            union = _join(node, buckets[i])
            joined.append(union)
            message = _Factor(union.nodes[1:], union.values.max(axis=0))
            if message.nodes:
                buckets[min(turn[other] for other in message.nodes)].append(message)
            else:
                value += float(message.values)
        return self.trace(joined, held), value

    def coupled(self, family: Family, allowed: Sequence[Array], held: Mapping[int, int]) -> list[_Factor]:
        """Return the factors of a family in a subspace; of one that is absent in any case one a parent."""
        absent_anyway = held.get(family.node) == 0 or self.is_quiet(family, allowed)
        if not family.is_or or self.is_large(family) or not absent_anyway:
            return self.of_family[family.node]
        leak, parts = self.quiet(family)
        # Absent is best even where it is not held: the others are left out.
        absent = _Factor((family.node,), np.array([leak, -np.inf]))
        return [absent, *(_Factor((p,), part) for p, part in zip(family.parents, parts, strict=True))]

    def is_quiet(self, family: Family, allowed: Sequence[Array]) -> bool:
        """Return whether a noisy-OR that nothing hangs on is absent at best in the whole subspace."""
        weights = allowed[family.node]
        if family.node not in self.leaves or weights[0] < weights[1]:
            return False
        leak, parts = self.quiet(family)
        open_ = [part[allowed[p] > -np.inf] for p, part in zip(family.parents, parts, strict=True)]
        return leak + sum(float(part.min(initial=0.0)) for part in open_) >= -math.log(2.0)

    def trace(self, joined: Sequence[_Factor], held: Mapping[int, int]) -> list[int]:
        states = [held.get(node, 0) for node in range(self.structure.size)]
        for factor in reversed(joined):
            node, *rest = factor.nodes
            column = np.moveaxis(factor.values, 0, -1)[tuple(states[other] for other in rest)]
            states[node] = int(column.argmax())
        return states


def _is_held(weights: Array) -> bool:
    """Return whether one state alone is allowed."""
    return int((weights > -np.inf).sum()) == 1


def _sliced(factor: _Factor, held: Mapping[int, int]) -> _Factor:
    """Return a factor at the states of the nodes that are held."""
    index = tuple(held.get(node, slice(None)) for node in factor.nodes)
    return _Factor(tuple(node for node in factor.nodes if node not in held), factor.values[index])


def _join(node: int, bucket: Sequence[_Factor]) -> _Factor:
    """Add the factors of a bucket over the union of their nodes, the bucket's own first."""
    nodes = (node, *sorted({other for factor in bucket for other in factor.nodes} - {node}))
    total: Array = np.zeros(())
    for factor in bucket:
        by_axis = np.argsort([nodes.index(other) for other in factor.nodes])
        values = factor.values.transpose(by_axis)
        held = iter(values.shape)
        total = total + values.reshape([next(held) if other in factor.nodes else 1 for other in nodes])
    return _Factor(nodes, total)
