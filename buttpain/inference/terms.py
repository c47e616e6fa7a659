"""Factors on unasked nodes, carried upwards to the nodes that bear on a case.

Where neither evidence nor target lies below a node, a factor on it can be carried upwards
before anything is run, until it stands on nodes that bear on the case anyway.  There it is a
column of weights in the case's own plan, and couples nothing.  Upwards, a factor w on a node
with family P(node | parents)

- that is a table with one free parent becomes the vector `table @ w` on that parent;
- that is a noisy-OR becomes a constant and a product with one factor a parent,

      P(absent | parents)  = (1 - leak) (1 - link1) (1 - link2) ...,
      P(present | parents) = leak + (1 - leak) link1 + (1 - leak) (1 - link1) link2 + ...,

  so that no term is negative and nothing cancels.

So a factor is a sum of few *terms*, each a number times one vector a node, and factors share
terms.  A table with more free parents lets none through; a node below it is weighed where it
stands, in a plan of its own.

Of the two states of a noisy-OR, absent has the shorter sum, and

    P(target, present) = P(target) - P(target, absent),

unless present is so improbable that the difference would lose digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from buttpain.model.network import Network, NoisyOr, Table

__all__ = ["Columns", "Joints", "Key", "Sums", "Term", "Under", "merged"]

Array = NDArray[np.float64]

RARE = 1e-3
"""P(present) below which it is summed on its own; the difference would lose three digits and more."""

MOST_TERMS = 64
"""Terms of one factor above which its node gets a plan of its own."""

Key = tuple[str, int]
"""A node, and the position of a state."""

Term = tuple[float, dict[str, Array]]
"""A number, and the vectors that it multiplies, by node."""

Under = Callable[[Mapping[str, Array]], tuple[list[Array], Array]]
"""Answers as `Case.under` does for some targets: P(target | evidence, column), P(column | evidence)."""


class _StoppedError(Exception):
    """A factor that a table does not let through, or that becomes too many terms."""


class Sums:
    """Carries factors upwards to the nodes that bear on a case.

    Parameters
    ----------
    net
        The network.
    hard
        The position of the state of each node observed for certain.
    relevant
        Nodes whose numbers matter to the evidence and the targets.
    """

    def __init__(self, net: Network, hard: Mapping[str, int], relevant: Collection[str]) -> None:
        self.net = net
        self.hard = hard
        self.bearing = set(relevant) - hard.keys()
        self.rank = {node: i for i, node in enumerate(net.order)}

    def of_node(self, node: str) -> dict[Key, list[Term]] | None:
        """Return the sums of a node's answers, of a noisy-OR only that of absent; None if one is missing."""
        short = node not in self.bearing and isinstance(self.net.families[node], NoisyOr)
        keys = [(node, state) for state in range(1 if short else len(self.net.states(node)))]
        found = {key: terms for key in keys if (terms := self.of(key)) is not None}
        return found if len(found) == len(keys) else None

    def factors(self, node: str, *, leaf: bool) -> tuple[list[Term], bool]:
        """Return a factor for each state of a node, and whether the second is that of both states.

        Parameters
        ----------
        node
            Any.
        leaf
            Whether nothing else that was asked lies below it.
        """
        family, vectors = self.net.families[node], list(np.eye(len(self.net.states(node))))
        if leaf and node not in self.bearing:
            if isinstance(family, NoisyOr):
                (absent,) = self.quiet(family, 1.0)
                return [absent, (1.0, {})], True
            found = [self.up_table(family, vector) for vector in vectors]
            return [terms[0] if terms else (0.0, {}) for terms in found], False
        return [(1.0, {node: vector}) for vector in vectors], False

    def of(self, key: Key) -> list[Term] | None:
        """Return the sum of one answer, or None if it does not come through or is too long."""
        node, state = key
        try:
            return self.carried((1.0, {node: np.eye(len(self.net.states(node)))[state]}), MOST_TERMS)
        except _StoppedError:
            return None

    def carried(self, product: Term, most: float = math.inf) -> list[Term]:
        """Return the sum that a product becomes upwards."""
        todo, done = [product], list[Term]()
        while todo:
            scale, vectors = todo.pop()
            below = [node for node in vectors if node not in self.bearing]
            if not below:
                done.append((scale, vectors))
                continue
            # The last one first: by then all its children have spoken.
            node = max(below, key=self.rank.__getitem__)
            terms = self.up(node, vectors[node])
            if len(todo) + len(done) + len(terms) > most:
                raise _StoppedError
            rest = {other: vector for other, vector in vectors.items() if other != node}
            todo += [(scale * number, merged(rest, more)) for number, more in terms]
        return done

    def up(self, node: str, vector: Array) -> list[Term]:
        """Return the sum over a node's states of a vector on it, as terms on its parents."""
        family = self.net.families[node]
        if isinstance(family, Table):
            return self.up_table(family, vector)
        absent, present = vector.tolist()
        (quiet, acted), free = self.causes(family)
        if len(free) == 1:
            ((parent, links),) = free.items()
            return _kept(
                [(1.0, {parent: absent * quiet * (1.0 - links) + present * (acted + quiet * links)})]
            )
        if absent >= present:
            return _kept([(present, {}), *self.quiet(family, absent - present)])
        return _kept([(absent, {}), *self.loud(family, present - absent)])

    def up_table(self, family: Table, vector: Array) -> list[Term]:
        """Return the same for a table; more than one free parent stops it."""
        places = tuple(self.hard.get(parent, slice(None)) for parent in family.parents)
        left = (family.values @ vector)[places]
        free = [parent for parent in family.parents if parent not in self.hard]
        if len(free) > 1:
            raise _StoppedError
        return _kept([(1.0, {free[0]: left})] if free else [(float(left), {})])

    def quiet(self, family: NoisyOr, scale: float) -> Iterator[Term]:
        """Yield P(absent | parents), times a number."""
        (quiet, _), free = self.causes(family)
        yield scale * quiet, {parent: 1.0 - links for parent, links in free.items()}

    def loud(self, family: NoisyOr, scale: float) -> Iterator[Term]:
        """Yield P(present | parents), times a number: the first cause that acts is each in turn."""
        (quiet, acted), free = self.causes(family)
        yield scale * acted, {}
        before: dict[str, Array] = {}
        for parent, links in free.items():
            yield scale * quiet, {**before, parent: links}
            before[parent] = 1.0 - links

    def causes(self, family: NoisyOr) -> tuple[tuple[float, float], dict[str, Array]]:
        """Return whether leak or observed parents act, as P(none), P(some), and the other parents' links."""
        quiet, acted, free = 1.0 - family.leak, family.leak, {}
        for parent, stated in zip(family.parents, family.links, strict=True):
            links = np.array([link or 0.0 for link in stated])
            if parent in self.hard:
                # Each is kept by itself: where one is nearly 1, the other is not what is left of it.
                link = float(links[self.hard[parent]])
                quiet, acted = quiet * (1.0 - link), acted + quiet * link
            else:
                free[parent] = links
        return (quiet, acted), free


def merged(one: Mapping[str, Array], other: Mapping[str, Array]) -> dict[str, Array]:
    """Return the product of two products of vectors, each by node."""
    return {**one, **{node: one[node] * vector if node in one else vector for node, vector in other.items()}}


def _kept(terms: Sequence[Term]) -> list[Term]:
    """Return terms without those that are 0 and without vectors that are the same for all states."""
    kept = []
    for scale, vectors in terms:
        number, varying = scale, {}
        for node, vector in vectors.items():
            largest = float(vector.max())
            number *= largest
            if vector.min() < largest:
                varying[node] = vector / largest
        if number > 0:
            kept.append((number, varying))
    return kept


class Joints:
    """P(target, state | evidence) for every state of some nodes, all in one batch.

    Parameters
    ----------
    sums
        Of the case and the targets.
    under
        Answers for the targets.
    sizes
        How many states each target has.
    nodes
        Nodes that were not observed.

    Attributes
    ----------
    place
        The column of each node's states.
    before
        P(target | evidence) of each target, shape (states,).
    probability
        P(state | evidence), shape (columns,).
    joint
        P(target, state | evidence) of each target, shape (states of the target, columns).
    """

    def __init__(self, sums: Sums, under: Under, sizes: Sequence[int], nodes: Sequence[str]) -> None:
        self.sums, self.under = sums, under
        states = {node: len(sums.net.states(node)) for node in nodes}
        keys = [(node, state) for node, size in states.items() for state in range(size)]
        self.place = {key: i for i, key in enumerate(keys)}
        self.before: list[Array] = []
        self.probability = np.zeros(len(self.place))
        self.joint = [np.zeros((size, len(self.place))) for size in sizes]
        through = {node: some for node in nodes if (some := sums.of_node(node)) is not None}
        self.run({key: terms for some in through.values() for key, terms in some.items()})
        rare = self.complete([node for node, some in through.items() if len(some) < states[node]])
        longer = {(node, 1): terms for node in rare if (terms := sums.of((node, 1))) is not None}
        if longer:
            self.run(longer)
        for node in nodes:
            if node not in through or (node in rare and (node, 1) not in longer):
                self.run_alone(node)

    def run(self, terms: Mapping[Key, Sequence[Term]]) -> None:
        """Run the distinct terms as columns of one batch, and add them up."""
        columns = Columns()
        parts = [(key, i, scale) for key, some in terms.items() for i, scale in columns.add(some)]
        ratio, joints = self.columns(columns.weights(self.sums.net.states))
        share = np.zeros((ratio.size, len(self.place)))
        for key, i, scale in parts:
            share[i, self.place[key]] += scale
        places = [self.place[key] for key in terms]
        self.fill(places, ratio @ share[:, places], [joint @ share[:, places] for joint in joints])
        self.before = [joint[:, 0] for joint in joints]

    def columns(self, weights: Mapping[str, Array]) -> tuple[Array, list[Array]]:
        """Return P(column) and P(target, column); the first column is the evidence alone."""
        marginals, ratio = self.under(weights)
        return ratio, [ratio * np.where(ratio > 0, after, 0.0) for after in marginals]

    def fill(self, places: Sequence[int], probability: Array, joints: Sequence[Array]) -> None:
        """Write what was found for some columns."""
        self.probability[places] = probability
        for total, joint in zip(self.joint, joints, strict=True):
            total[:, places] = joint

    def complete(self, nodes: Sequence[str]) -> list[str]:
        """Fill in what absent leaves for present; return the nodes of which present is rare."""
        absent, present = ([self.place[node, state] for node in nodes] for state in (0, 1))
        for total, before in zip(self.joint, self.before, strict=True):
            total[:, present] = np.maximum(before[:, None] - total[:, absent], 0.0)
        self.probability[present] = np.maximum(1.0 - self.probability[absent], 0.0)
        return [node for node, place in zip(nodes, present, strict=True) if self.probability[place] < RARE]

    def run_alone(self, node: str) -> None:
        """Weigh a node where it stands."""
        size = len(self.sums.net.states(node))
        ratio, joints = self.columns({node: np.eye(size)})
        places = [self.place[node, state] for state in range(size)]
        self.fill(places, ratio[1:], [joint[:, 1:] for joint in joints])


class Columns:
    """The distinct products of vectors among many terms; column 0 is the empty product."""

    def __init__(self) -> None:
        self.found: dict[frozenset[tuple[str, bytes]], int] = {frozenset(): 0}
        self.vectors: list[Mapping[str, Array]] = [{}]

    def add(self, terms: Sequence[Term]) -> Iterator[tuple[int, float]]:
        """Yield the columns whose sum, each times a number, is that of the terms."""
        for scale, vectors in terms:
            if len(vectors) != 1:
                yield self.place(vectors), scale
                continue
            # A vector on one node is a sum over its states, which many questions share.
            ((node, vector),) = vectors.items()
            least = float(vector.min())
            yield 0, scale * least
            for state in np.flatnonzero(vector > least):
                yield self.place({node: np.eye(vector.size)[state]}), scale * float(vector[state] - least)

    def place(self, vectors: Mapping[str, Array]) -> int:
        """Return the column of a product; a new one if there was none like it."""
        key = frozenset((node, vector.tobytes()) for node, vector in vectors.items())
        if key not in self.found:
            self.found[key] = len(self.vectors)
            self.vectors.append(vectors)
        return self.found[key]

    def weights(self, states: Callable[[str], Sequence[str]]) -> dict[str, Array]:
        """Return the columns but the first as weights, shape (states, columns) a node."""
        nodes = dict.fromkeys(node for vectors in self.vectors for node in vectors)
        weights = {node: np.ones((len(states(node)), len(self.vectors) - 1)) for node in nodes}
        for i, vectors in enumerate(self.vectors[1:]):
            for node, vector in vectors.items():
                weights[node][:, i] = vector
        return weights
