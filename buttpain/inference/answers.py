"""What each possible answer to unasked questions would make of the posteriors, all in one batch.

The evidence of an answer is a factor on its node.  Where neither evidence nor target lies
below the node, the factor can be carried upwards before anything is run, until it stands on
nodes that bear on the case anyway.  There it is a column of weights in the case's own plan,
and couples nothing.  Upwards, a factor w on a node with family P(node | parents)

- that is a table with one free parent becomes the vector `table @ w` on that parent;
- that is a noisy-OR becomes a constant and a product with one factor a parent,

      P(absent | parents)  = (1 - leak) (1 - link1) (1 - link2) ...,
      P(present | parents) = leak + (1 - leak) link1 + (1 - leak) (1 - link1) link2 + ...,

  so that no term is negative and nothing cancels.

So an answer is a sum of few *terms*, each a number times one vector a node, and questions
share terms.  A table with more free parents lets no factor through; a node below it is
weighed where it stands, in a plan of its own.

Of the two answers to a noisy-OR, absent has the shorter sum, and

    P(target, present) = P(target) - P(target, absent),

unless present is so improbable that the difference would lose digits.

For joint answers to several questions the factors multiply before they are carried on, and all
that are present are differences (Heckerman 1989).  The terms of those lie in [0, 1], so that
what they leave is right to some 1e-14, however improbable it is itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.case import Case
from buttpain.model.network import NoisyOr, Table

__all__ = ["NOISE", "Answers", "answers_of", "joint_answers"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

RARE = 1e-3
"""P(present) below which it is summed on its own; the difference would lose three digits and more."""

NOISE = 1e-12
"""How far the probability of a joint answer may be off; in truth a hundredth of it."""

MOST_TERMS = 64
"""Terms of one answer above which its node gets a plan of its own."""

Key = tuple[str, int]
"""An answer: a node, and the position of a state."""

Term = tuple[float, dict[str, Array]]
"""A number, and the vectors that it multiplies, by node."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Posteriors under every answer to every question.

    Parameters
    ----------
    findings
        What may be asked.
    before
        P(target | evidence) of each target, shape (states,).
    owner, state
        Of each answer: the position of what is asked and of the state; shape (answers,).
    probability
        P(answer | evidence), shape (answers,).
    marginals
        P(target | evidence, answer) of each target, shape (states, answers); NaN where the
        answer is impossible.
    """

    findings: tuple[str, ...]
    before: tuple[Array, ...]
    owner: Places
    state: Places
    probability: Array
    marginals: tuple[Array, ...]


def answers_of(case: Case, findings: Sequence[str], targets: Sequence[str]) -> Answers:
    """Return what each answer would make of the posteriors, exactly.

    Parameters
    ----------
    case
        What is known.
    findings
        Nodes that were not observed.
    targets
        Nodes whose posteriors are wanted.

    Raises
    ------
    UnknownNode, ImpossibleEvidence, NetworkTooComplex
    """
    net, sums = case.net, _Sums(case, targets)
    joints = _Joints(case, targets, [(node, i) for node in findings for i in range(len(net.states(node)))])
    through = {node: some for node in findings if (some := sums.of_node(node)) is not None}
    joints.run({key: terms for some in through.values() for key, terms in some.items()})
    rare = joints.complete([node for node, some in through.items() if len(some) < len(net.states(node))])
    longer = {(node, 1): terms for node in rare if (terms := sums.of((node, 1))) is not None}
    if longer:
        joints.run(longer)
    for node in findings:
        if node not in through or (node in rare and (node, 1) not in longer):
            joints.run_alone(node)
    return joints.answers(findings)


def joint_answers(
    case: Case, findings: Sequence[str], targets: Sequence[str]
) -> tuple[Array, tuple[Array, ...]]:
    """Return how probable every joint answer to some questions is, alone and with each target.

    Parameters
    ----------
    case
        What is known.
    findings
        Nodes that were not observed, one at least.
    targets
        Nodes whose posteriors are wanted.

    Returns
    -------
    probability
        P(answers | evidence), one axis a finding; right to `NOISE`.
    joint
        P(target, answers | evidence) of each target, the states of the target first.

    Raises
    ------
    UnknownNode, ImpossibleEvidence, NetworkTooComplex
    """
    net, sums = case.net, _Sums(case, targets)
    stopped = [finding for finding in findings if sums.of_node(finding) is None]
    if stopped:
        sums = _Sums(case, [*targets, *stopped])
    above = set(case.relevant([parent for finding in findings for parent in net.parents(finding)]))
    products: list[Term] = [(1.0, {})]
    differences = []
    for axis, finding in enumerate(findings, start=-len(findings)):
        factors, is_difference = sums.factors(finding, leaf=finding not in above)
        differences += [axis] * is_difference
        products = [
            (scale * number, _product(vectors, more))
            for scale, vectors in products
            for number, more in factors
        ]
    columns = _Columns()
    parts = [
        (place, column, number)
        for place, product in enumerate(products)
        for column, number in columns.add(sums.carried(product))
    ]
    places, taken, numbers = (np.array(part) for part in zip(*parts, strict=True))
    marginals, ratio = case.under(targets, columns.weights(net.states))
    sizes = [len(net.states(finding)) for finding in findings]

    def added(values: Array) -> Array:
        total = np.bincount(places, numbers * values[taken], len(products))
        return _difference(np.asarray(total, dtype=np.float64).reshape(sizes), differences)

    joint = [ratio * np.where(ratio > 0, after, 0.0) for after in marginals]
    return added(ratio), tuple(np.array([added(row) for row in rows]) for rows in joint)


def _difference(joint: Array, axes: Sequence[int]) -> Array:
    """Put what the first of two answers leaves of both in place of both, on these axes."""
    for axis in axes:
        by_answer = np.moveaxis(joint, axis, 0)
        by_answer[1] -= by_answer[0]
    return np.maximum(joint, 0.0)


class _StoppedError(Exception):
    """A factor that a table does not let through, or that becomes too many terms."""


class _Sums:
    """Carries the factor of an answer upwards to the nodes that bear on a case."""

    def __init__(self, case: Case, targets: Sequence[str]) -> None:
        self.net = net = case.net
        certain = {
            **net.given,
            **{node: seen for node, seen in case.evidence.items() if isinstance(seen, str)},
        }
        self.hard = {node: net.variable(node).index(state) for node, state in certain.items()}
        self.bearing = set(case.relevant(targets)) - self.hard.keys()
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
            todo += [(scale * number, _product(rest, more)) for number, more in terms]
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


def _product(one: Mapping[str, Array], other: Mapping[str, Array]) -> dict[str, Array]:
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


class _Joints:
    """P(target, answer | evidence) of every answer, as far as it is known.

    Parameters
    ----------
    case, targets
        As in `answers_of`.
    keys
        All answers.
    """

    def __init__(self, case: Case, targets: Sequence[str], keys: Sequence[Key]) -> None:
        self.case, self.targets = case, targets
        self.place = {key: i for i, key in enumerate(keys)}
        self.before: list[Array] = []
        self.probability = np.zeros(len(keys))
        self.joint = [np.zeros((len(case.net.states(node)), len(keys))) for node in targets]

    def run(self, sums: Mapping[Key, Sequence[Term]]) -> None:
        """Run the distinct terms as columns of one batch, and add them up."""
        columns = _Columns()
        parts = [(key, i, scale) for key, terms in sums.items() for i, scale in columns.add(terms)]
        ratio, joints = self.under(columns.weights(self.case.net.states))
        share = np.zeros((ratio.size, len(self.place)))
        for key, i, scale in parts:
            share[i, self.place[key]] += scale
        places = [self.place[key] for key in sums]
        self.fill(places, ratio @ share[:, places], [joint @ share[:, places] for joint in joints])
        self.before = [joint[:, 0] for joint in joints]

    def under(self, weights: Mapping[str, Array]) -> tuple[Array, list[Array]]:
        """Return P(column) and P(target, column); the first column is the evidence alone."""
        marginals, ratio = self.case.under(self.targets, weights)
        return ratio, [ratio * np.where(ratio > 0, after, 0.0) for after in marginals]

    def fill(self, places: Sequence[int], probability: Array, joints: Sequence[Array]) -> None:
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
        size = len(self.case.net.states(node))
        ratio, joints = self.under({node: np.eye(size)})
        places = [self.place[node, state] for state in range(size)]
        self.fill(places, ratio[1:], [joint[:, 1:] for joint in joints])

    def answers(self, findings: Sequence[str]) -> Answers:
        """Divide by P(answer)."""
        position = {node: i for i, node in enumerate(findings)}
        with np.errstate(invalid="ignore"):
            marginals = tuple(total / total.sum(axis=0) for total in self.joint)
        return Answers(
            findings=tuple(findings),
            before=tuple(self.before),
            owner=np.array([position[node] for node, _ in self.place], dtype=np.intp),
            state=np.array([state for _, state in self.place], dtype=np.intp),
            probability=self.probability,
            marginals=marginals,
        )


class _Columns:
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
