"""Compiling: variable elimination written down as a list of two-operand contractions.

A plan depends on structure and on which nodes are observed, not on numbers.

Noisy-OR families stay factored.  With few parents a family is a small table.  With
many, each cause contributes a factor on a *deputy* variable "some cause so far has
acted" (Zhang and Poole, JAIR 1996), and contributions meet by

    absent = absent1 * absent2,   present = present1 * (absent2 + present2) + absent1 * present2,

written as a contraction with one operand *lifted* to a matrix over (after, before).
All terms are non-negative: nothing cancels.  A finding observed absent is a product of
one factor a parent and couples nothing.

A plan may join by *differences* instead (Heckerman 1989; Diez and Galan 2003): over
(absent, absent or present) contributions meet as plain products, and present is what the
first leaves of the second.  Two large tensors that share k deputies then take 2^k products
where lifting takes 4^k, and deputies may go in any order; but on a few rare findings all
digits are lost.  It is for many columns at once, where the loss can be measured first.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import combinations
from string import ascii_letters

import numpy as np
from numpy.typing import NDArray

from buttpain.errors import NetworkTooComplex
from buttpain.inference.evidence import Observed
from buttpain.inference.order import Order, best_order, bits
from buttpain.inference.structure import MEMORY, PULLS, Factors, Form, Pattern, Structure

__all__ = ["Contract", "Leaf", "Lift", "Plan", "Sum", "plan_for", "plans_for"]

Array = NDArray[np.float64]

PLANS_KEPT = 512
"""Plans that each network keeps; the one used longest ago goes first."""

ONE_PLAN = 3 * 10**5
"""Table entries up to which one plan for all targets is not worth splitting."""

_EVIDENCE = ("weights", "weight", "indicator", "identity")
_MEANING: dict[Form, Array] = {
    "plain": np.eye(2),
    "cumulated": np.array([[1.0, -1.0], [0.0, 1.0]]),
}
"""What the entries of a deputy, in rows, are worth for each state of its node."""
_LETTERS, _CASES = ascii_letters[:-1], ascii_letters[-1]


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a leaf's array comes from: a factor with the observed axes taken, or evidence.

    Parameters
    ----------
    kind
        ``table``, ``link``, ``leak``, ``quiet``, ``quiet_leak`` (see `Factors`); ``weights``
        and ``weight`` (likelihoods, and that of the selected state), ``indicator`` (of the
        observed state), ``identity`` (a deputy is its node).
    node, slot
        Whose, and of which parent.
    hard
        Axes of the factor whose node was observed, as (axis, node).
    form
        How the deputy's axis stands.
    """

    kind: str
    node: int
    slot: int = 0
    hard: tuple[tuple[int, int], ...] = ()
    form: Form = "plain"

    def array(self, factors: Factors, observed: Observed) -> Array:
        """Return the array; its last axis counts cases or draws."""
        if self.kind == "weights":
            return observed.soft[self.node]
        if self.kind == "indicator":
            indicator: Array = _MEANING[self.form][:, observed.hard[self.node]]
            return indicator
        if self.kind == "identity":
            return _MEANING[self.form][:, :, None]
        if self.kind == "weight":
            weights, states = observed.soft[self.node], observed.hard[self.node]
            return np.asarray(np.take_along_axis(weights, states[None, :], axis=0)[0])
        factor = factors.get(self.kind, self.node, self.slot, self.form)
        more = self.form == "lifted"
        return _take(factor, [(axis + more, observed.hard[node]) for axis, node in self.hard])

    def pull(self, adjoint: Array, factors: Factors, observed: Observed, theta_bar: Array) -> None:
        """Add what an adjoint of this leaf says about `theta`.

        Parameters
        ----------
        adjoint
            Of the leaf's array.
        factors, observed
            As in `array`.
        theta_bar
            Shape (parameters + 1, cases); the last row takes what belongs to no parameter.
        """
        if self.kind in _EVIDENCE:
            return
        adjoint = PULLS[self.form](adjoint)
        shape = factors.get(self.kind, self.node, self.slot).shape[:-1]
        spread = _spread(adjoint, shape, [(axis, observed.hard[node]) for axis, node in self.hard])
        factors.pull(self.kind, self.node, self.slot, spread, theta_bar)


def _take(factor: Array, hard: Sequence[tuple[int, NDArray[np.intp]]]) -> Array:
    """Take the observed state along each observed axis; cases become the last axis."""
    if not hard:
        return factor
    if all(states.size == 1 for _, states in hard):
        index: list[slice | int] = [slice(None)] * factor.ndim
        for axis, states in hard:
            index[axis] = int(states[0])
        return factor[tuple(index)]
    if factor.shape[-1] != 1:
        raise ValueError("parameters and cases cannot both vary in one run")
    taken = [axis for axis, _ in hard]
    free = [axis for axis in range(factor.ndim - 1) if axis not in taken]
    rows = factor[..., 0].transpose(*taken, *free)[tuple(states for _, states in hard)]
    return np.ascontiguousarray(np.moveaxis(rows, 0, -1))


def _spread(adjoint: Array, shape: tuple[int, ...], hard: Sequence[tuple[int, NDArray[np.intp]]]) -> Array:
    """Put an adjoint back where `_take` took the values from; zero elsewhere."""
    if not hard:
        return adjoint
    cases = adjoint.shape[-1]
    spread = np.zeros((*shape, cases))
    taken = [axis for axis, _ in hard]
    free = [axis for axis in range(len(shape)) if axis not in taken]
    by_case = np.moveaxis(spread, -1, 0).transpose(0, *(axis + 1 for axis in (*taken, *free)))
    states = [np.broadcast_to(states, cases) for _, states in hard]
    by_case[(np.arange(cases), *states)] = np.moveaxis(adjoint, -1, 0)
    return spread


@dataclass(frozen=True, slots=True)
class Contract:
    """out = a * b, summed over the labels that out lacks; the strings are einsum's."""

    out: int
    a: int
    b: int
    forward: str
    back_a: str
    back_b: str


@dataclass(frozen=True, slots=True)
class Sum:
    """out = a summed along one axis."""

    out: int
    a: int
    axis: int


@dataclass(frozen=True, slots=True)
class Lift:
    """out = a with the axis of a deputy moved to the front and lifted."""

    out: int
    a: int
    axis: int


Step = Contract | Sum | Lift


@dataclass(frozen=True, eq=False)
class Plan:
    """A compiled query; tensors are numbered in the order in which they are made.

    Parameters
    ----------
    leaves
        Tensors that come from `theta` or the evidence, by number.
    steps
        The others, in order.
    roots
        Tensors that remain; P(e) is the product of those without labels.
    joint
        The root that holds the joint distribution asked for, and its labels.
    reads
        For each target, a tensor that mentions it and the einsum that reads it.
    order
        The elimination order and its cost.
    entries
        Entries of all tensors together, a case.
    work
        Products of all contractions together, a case.
    """

    leaves: Mapping[int, Leaf]
    steps: tuple[Step, ...]
    roots: tuple[int, ...]
    joint: tuple[int, tuple[int, ...]] | None
    reads: Mapping[int, tuple[int, str]]
    order: Order
    entries: float
    work: float

    @property
    def tensors(self) -> int:
        """How many tensors there are."""
        return len(self.leaves) + len(self.steps)

    @cached_property
    def wanted(self) -> tuple[bool, ...]:
        """Tensors whose adjoint the targets need."""
        return self.between(tensor for tensor, _ in self.reads.values())

    def between(self, ends: Iterable[int]) -> tuple[bool, ...]:
        """Return, for each tensor, whether it lies on the way from one of these to a root."""
        wanted = [False] * self.tensors
        for tensor in ends:
            wanted[tensor] = True
        for step in self.steps:
            wanted[step.out] |= wanted[step.a] or (isinstance(step, Contract) and wanted[step.b])
        return tuple(wanted)


@dataclass(slots=True)
class _Tensor:
    """A tensor while compiling: its number, its labels in axis order, and their mask."""

    number: int
    labels: tuple[int, ...]
    mask: int


class _Compiler:
    """Compiles one pattern; short-lived.

    Labels 0..n-1 are the nodes, n..2n-1 the deputies of noisy-OR nodes, and 2n..3n-1 the
    deputies before a contribution joins.  `deputies` are those that join by lifting.
    """

    def __init__(self, structure: Structure, pattern: Pattern, memory: int) -> None:
        self.structure = structure
        self.pattern = pattern
        self.memory = memory
        self.domain = structure.domain
        self.deputies = (structure.everything & ~pattern.differences) << structure.size
        self.leaves: dict[int, Leaf] = {}
        self.steps: list[Step] = []
        self.entries = 0.0
        self.work = 0.0
        self.reads: dict[int, tuple[int, str]] = {}

    def plan(self) -> Plan:
        n = self.structure.size
        relevant = self.structure.relevant(self.pattern)
        free = relevant & ~self.pattern.hard
        tensors = [tensor for node in bits(relevant) for tensor in self.declare(node)]
        deputies = 0
        for tensor in tensors:
            deputies |= tensor.mask >> n << n
        after = {node: node + n for node in bits(deputies >> n & free & ~self.pattern.differences)}
        scopes = [tensor.mask for tensor in tensors]
        scopes += [1 << late | 1 << early for late, early in after.items()]
        eliminable = (free & ~self.pattern.joint) | deputies
        order = best_order(scopes, eliminable, self.domain, after)
        self.structure.check(order, self.memory)
        roots = self.eliminate(tensors, order.variables)
        joint = self.outer(roots) if self.pattern.joint else None
        return Plan(
            leaves=self.leaves,
            steps=tuple(self.steps),
            roots=tuple(root.number for root in roots if not root.labels),
            joint=(joint.number, joint.labels) if joint else None,
            reads=self.reads,
            order=order,
            entries=self.entries,
            work=self.work,
        )

    # What factors there are ---------------------------------------------------------------

    def declare(self, node: int) -> Iterator[_Tensor]:
        """Yield the factors of a node's family and of its evidence."""
        family, hard = self.structure.families[node], self.pattern.hard >> node & 1
        if self.pattern.absent >> node & 1:
            yield self.factor("quiet_leak", node, 0, ())
            for slot, parent in enumerate(family.parents):
                yield self.factor("quiet", node, slot, (parent,))
        elif family.is_small:
            yield self.factor("table", node, 0, (*family.parents, node))
        else:
            deputy = node + self.structure.size
            by_differences = self.pattern.differences >> node & 1
            form: Form = "cumulated" if by_differences else "plain"
            yield self.factor("leak", node, 0, (deputy,), form)
            for slot, parent in enumerate(family.parents):
                yield self.factor("link", node, slot, (deputy, parent), form)
            if by_differences:
                yield self.meaning(deputy, hard=bool(hard), form=form)
        if self.pattern.soft >> node & 1:
            labels = () if hard else (node,)
            yield self.leaf(Leaf("weight" if hard else "weights", node), labels)

    def factor(self, kind: str, node: int, slot: int, axes: tuple[int, ...], form: Form = "plain") -> _Tensor:
        hard = tuple((i, v) for i, v in enumerate(axes) if self.pattern.hard >> v & 1)
        labels = tuple(v for v in axes if not self.pattern.hard >> v & 1)
        return self.leaf(Leaf(kind, node, slot, hard, form), labels)

    def meaning(self, deputy: int, *, hard: bool, form: Form = "plain") -> _Tensor:
        """Return what a deputy says once all causes have spoken: it is its node, or was observed."""
        node = deputy - self.structure.size
        if hard:
            return self.leaf(Leaf("indicator", node, form=form), (deputy,))
        return self.leaf(Leaf("identity", node, form=form), (deputy, node))

    def leaf(self, leaf: Leaf, labels: tuple[int, ...]) -> _Tensor:
        tensor = self.tensor(labels)
        self.leaves[tensor.number] = leaf
        return tensor

    def tensor(self, labels: tuple[int, ...]) -> _Tensor:
        mask = 0
        for label in labels:
            mask |= 1 << label
        self.entries += 2.0 ** self.domain.log2_size(mask)
        return _Tensor(len(self.leaves) + len(self.steps), labels, mask)

    # Which contractions -------------------------------------------------------------------

    def eliminate(self, tensors: Iterable[_Tensor], order: Sequence[int]) -> list[_Tensor]:
        """Sum the variables out in order; return the tensors that remain."""
        turn = {variable: i for i, variable in enumerate(order)}
        never = len(order)
        buckets: list[list[_Tensor]] = [[] for _ in range(never + 1)]
        for tensor in tensors:
            buckets[min((turn.get(v, never) for v in tensor.labels), default=never)].append(tensor)
        for variable, bucket in zip(order, buckets, strict=False):
            if bucket:
                tensor = self.sum_out(variable, bucket)
                buckets[min((turn.get(v, never) for v in tensor.labels), default=never)].append(tensor)
        return buckets[never]

    def sum_out(self, variable: int, bucket: list[_Tensor]) -> _Tensor:
        if self.deputies >> variable & 1:
            return self.settle(variable, self.product(bucket, most=1)[0])
        first, *second = self.product(bucket, most=2)
        out = self.contract(first, second[0], variable) if second else self.sum(first, variable)
        if self.pattern.targets >> variable & 1:
            self.read(variable)
        return out

    def product(self, bucket: list[_Tensor], most: int) -> list[_Tensor]:
        """Multiply tensors until at most `most` remain: first those alike, then the smallest unions."""
        alike: dict[int, list[_Tensor]] = {}
        for tensor in bucket:
            alike.setdefault(tensor.mask, []).append(tensor)
        if len(alike) == 1 and len(bucket) >= most:
            return [reduce(self.contract, bucket[most - 1 :]), *bucket[: most - 1]]
        rest = [reduce(self.contract, group) for group in alike.values()]
        while len(rest) > most:
            a, b = min(combinations(rest, 2), key=self.union)
            rest = [tensor for tensor in rest if tensor is not a and tensor is not b]
            rest.append(self.contract(a, b))
        return rest

    def union(self, pair: tuple[_Tensor, _Tensor]) -> float:
        return self.domain.log2_size(pair[0].mask | pair[1].mask)

    def settle(self, deputy: int, tensor: _Tensor) -> _Tensor:
        """All causes have spoken: the deputy is its node, or was observed."""
        node = deputy - self.structure.size
        hard = bool(self.pattern.hard >> node & 1)
        if hard or tensor.mask >> node & 1:
            return self.pick(tensor, self.meaning(deputy, hard=hard), deputy)
        labels = tuple(node if v == deputy else v for v in tensor.labels)
        return _Tensor(tensor.number, labels, tensor.mask ^ (1 << deputy) | 1 << node)

    def contract(self, a: _Tensor, b: _Tensor, drop: int = -1) -> _Tensor:
        """Multiply two tensors, joining the deputies that both carry, and sum `drop` out."""
        if len(a.labels) < len(b.labels):
            a, b = b, a
        n = self.structure.size
        shared = list(bits(a.mask & b.mask & self.deputies))
        b_labels = b.labels
        for deputy in shared:
            b, b_labels = self.lift(b, b_labels, deputy)
        a_labels = tuple(v + n if v in shared else v for v in a.labels)
        return self.emit(a, a_labels, b, b_labels, drop)

    def pick(self, a: _Tensor, b: _Tensor, drop: int) -> _Tensor:
        return self.emit(a, a.labels, b, b.labels, drop)

    def lift(self, b: _Tensor, labels: tuple[int, ...], deputy: int) -> tuple[_Tensor, tuple[int, ...]]:
        axis = labels.index(deputy)
        lifted = (deputy, deputy + self.structure.size, *labels[:axis], *labels[axis + 1 :])
        leaf = self.leaves.get(b.number)
        if leaf is not None and leaf.kind in ("leak", "link"):
            self.leaves[b.number] = replace(leaf, form="lifted")
            return b, lifted
        out = _Tensor(len(self.leaves) + len(self.steps), b.labels, b.mask)
        lifted_before = len(labels) - len(b.labels)
        self.entries += 2.0 ** (self.domain.log2_size(b.mask) + lifted_before + 1)
        self.steps.append(Lift(out.number, b.number, axis))
        return out, lifted

    def emit(
        self, a: _Tensor, a_labels: tuple[int, ...], b: _Tensor, b_labels: tuple[int, ...], drop: int
    ) -> _Tensor:
        n = self.structure.size
        kept = [v - n if v >= 2 * n else v for v in (*a_labels, *b_labels) if v != drop]
        out = self.tensor(tuple(dict.fromkeys(kept)))
        lifted = sum(v >= 2 * n for v in a_labels)
        self.work += 2.0 ** (self.domain.log2_size(a.mask | b.mask) + lifted)
        letters = dict(zip(dict.fromkeys((*a_labels, *b_labels)), _LETTERS, strict=False))
        in_a, in_b, in_out = (
            "".join([letters[v] for v in labels]) + _CASES for labels in (a_labels, b_labels, out.labels)
        )
        self.steps.append(
            Contract(
                out.number,
                a.number,
                b.number,
                f"{in_a},{in_b}->{in_out}",
                f"{in_out},{in_b}->{in_a}",
                f"{in_out},{in_a}->{in_b}",
            )
        )
        self.last = b, b_labels
        return out

    def sum(self, a: _Tensor, variable: int) -> _Tensor:
        out = self.tensor(tuple(v for v in a.labels if v != variable))
        self.steps.append(Sum(out.number, a.number, a.labels.index(variable)))
        self.last = a, a.labels
        return out

    def read(self, variable: int) -> None:
        """Read the variable from the smaller operand of the step that summed it out."""
        tensor, labels = self.last
        text = "".join(_LETTERS[: len(labels)]) + _CASES
        letter = text[labels.index(variable)]
        self.reads[variable] = tensor.number, f"{text},{text}->{letter}{_CASES}"

    def outer(self, roots: list[_Tensor]) -> _Tensor:
        return self.product([root for root in roots if root.labels], most=1)[0]


class _Plans:
    """A bounded cache of plans by network and pattern."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Pattern, Plan] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, pattern: Pattern) -> Plan | None:
        with self._lock:
            plan = self._kept.get(pattern)
            if plan is not None:
                self._kept.move_to_end(pattern)
            return plan

    def put(self, pattern: Pattern, plan: Plan) -> None:
        with self._lock:
            self._kept[pattern] = plan
            while len(self._kept) > PLANS_KEPT:
                self._kept.popitem(last=False)


_plans: weakref.WeakKeyDictionary[Structure, _Plans] = weakref.WeakKeyDictionary()
_plans_lock = threading.Lock()


def plan_for(structure: Structure, pattern: Pattern, memory: int = MEMORY) -> Plan:
    """Return the plan of a pattern, from the cache if it was compiled before.

    Parameters
    ----------
    structure
        Of the network.
    pattern
        What is observed and asked.
    memory
        Bytes that the tensors of one case may take.

    Raises
    ------
    NetworkTooComplex
        If they would take more; nothing is allocated.
    """
    with _plans_lock:
        kept = _plans.setdefault(structure, _Plans())
    plan = kept.get(pattern)
    if plan is None:
        plan = _Compiler(structure, pattern, memory).plan()
        kept.put(pattern, plan)
    structure.check(plan.order, memory, plan.entries)
    return plan


def is_wide(structure: Structure, pattern: Pattern, memory: int = MEMORY) -> bool:
    """Return whether one plan for all targets is large, so that answering them apart may be less work."""
    if pattern.targets.bit_count() < 2:
        return False
    try:
        return plan_for(structure, pattern, memory).entries > ONE_PLAN
    except NetworkTooComplex:
        return True


def plans_for(structure: Structure, pattern: Pattern, memory: int = MEMORY) -> list[Plan]:
    """Return plans that together answer all targets: one, or several where that is less work.

    Many unobserved findings asked for at once couple causes that nothing else couples; in
    halves they may cost thousands of times less.

    Raises
    ------
    NetworkTooComplex
        If a single target would take more memory.
    """
    if not is_wide(structure, pattern, memory):
        return [plan_for(structure, pattern, memory)]
    try:
        whole = [plan_for(structure, pattern, memory)]
    except NetworkTooComplex:
        whole = []
    targets = list(bits(pattern.targets))
    middle = len(targets) // 2
    parts = [
        replace(pattern, targets=sum(1 << i for i in half)) for half in (targets[:middle], targets[middle:])
    ]
    if whole and sum(plan_for(structure, part, memory).entries for part in parts) > whole[0].entries / 2:
        return whole
    return [plan for part in parts for plan in plans_for(structure, part, memory)]
