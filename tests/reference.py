"""The referee: every question answered by walking through all joint states, slow and obvious.

It takes structure and numbers from a network and nothing else from the code it judges.  Evidence
maps a node to a state, or to a likelihood for each state; the network's `given` always comes on top.
`theta` replaces its numbers; they need not be probabilities: P(evidence) is linear in each of them.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from buttpain.model.network import Network, Table

Array = NDArray[np.float64]
Evidence = Mapping[str, str | Mapping[str, float]]


def conditional(net: Network, node: str, world: Sequence[int], numbers: Array) -> float:
    """Return P(node | parents) in a world: the position of the node's state, then of each parent's."""
    family, (state, *parents) = net.families[node], world
    if isinstance(family, Table):
        return float(numbers.reshape(family.values.shape)[(*parents, state)])
    leak, *rest = numbers.tolist()
    links = iter(rest)
    by_state = [[0.0 if link is None else next(links) for link in row] for row in family.links]
    absent, present = 1.0, 0.0
    for cause in [leak, *(row[parent] for row, parent in zip(by_state, parents, strict=True))]:
        present += absent * cause  # the first to act; 1 - absent would forget a cause of 1e-20
        absent *= 1.0 - cause
    return (absent, present)[state]


def joint(net: Network, evidence: Evidence | None = None, theta: Array | None = None) -> Array:
    """Return P(joint state, evidence, given) of every joint state, one axis a node, as in `net.nodes`."""
    numbers = net.theta if theta is None else theta
    shape = [len(net.states(node)) for node in net.nodes]
    axes = {node: [net.nodes.index(name) for name in (node, *net.parents(node))] for node in net.nodes}
    table = {
        (node, world): conditional(net, node, world, numbers[net.spans[node]])
        for node in net.nodes
        for world in product(*(range(shape[i]) for i in axes[node]))
    }
    result = np.empty(shape)
    for world in product(*map(range, shape)):
        result[world] = math.prod(table[node, tuple(world[i] for i in axes[node])] for node in net.nodes)
    for node, seen in [*net.given.items(), *(evidence or {}).items()]:
        likelihood = [float(s == seen) if isinstance(seen, str) else seen[s] for s in net.states(node)]
        result *= np.reshape(likelihood, [-1 if name == node else 1 for name in net.nodes])
    return result


def probability_of(net: Network, evidence: Evidence, theta: Array | None = None) -> float:
    """Return P(evidence and given); divided by ``probability_of(net, {})`` it is P(evidence | given)."""
    return float(joint(net, evidence, theta).sum())


def joint_posterior(net: Network, evidence: Evidence, nodes: Sequence[str]) -> Array:
    """Return P(nodes | evidence, given), one axis a node; ZeroDivisionError if they cannot hold together."""
    weights = joint(net, evidence)
    if not weights.any():
        raise ZeroDivisionError("the evidence has probability 0")
    kept = [net.nodes.index(node) for node in nodes]
    others = tuple(i for i in range(weights.ndim) if i not in kept)
    return np.asarray(weights.sum(axis=others).transpose(np.argsort(np.argsort(kept))) / weights.sum())


def posterior(net: Network, evidence: Evidence, node: str) -> Array:
    """Return P(node | evidence, given), shape (states,)."""
    return joint_posterior(net, evidence, [node])


def most_probable(net: Network, evidence: Evidence) -> tuple[dict[str, str], float]:
    """Return a most probable joint state of all nodes, and its probability given the evidence."""
    weights = joint_posterior(net, evidence, net.nodes)
    best = np.unravel_index(int(weights.argmax()), weights.shape)
    return {node: net.states(node)[i] for node, i in zip(net.nodes, best, strict=True)}, weights.max()
