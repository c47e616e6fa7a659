"""The circuit: posteriors and derivatives by one forward and one backward pass.

Compiled from structure alone; `theta` and the evidence are its inputs.

Notation
--------
theta
    Values of all parameters, shape (parameters, draws); draws is 1 unless parameters vary.
value[t]
    Array of tensor t, one axis a variable, the last axis counting cases (or draws).
adjoint[t]
    d ln P(e) / d value[t], of the same shape.

Every tensor of a plan is used once, so that reading its steps backwards gives the
adjoints of all tensors (Darwiche, JACM 2003), and

    P(x = s, e) / P(e) = value[t] * adjoint[t], summed over all but x,

for any tensor t that mentions x.  Nothing is divided by a factor that can be 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.contraction import contract
from buttpain.inference.evidence import Observed
from buttpain.inference.plan import Contract, Plan, Sum
from buttpain.inference.structure import Factors, lift, lower

__all__ = ["Passes", "run"]

Array = NDArray[np.float64]

_LOG_SAFE = math.log(1e-150)
"""ln P(e) above which no term that underflowed can have mattered."""


class Passes:
    """What one forward pass gives, and the backward pass when it is asked for.

    Parameters
    ----------
    plan
        What was run.
    values
        Array of each tensor; where scaled, divided by two to the power of its exponent.
    exponents
        Of each tensor, shape (cases,); empty where nothing was scaled.
    """

    def __init__(self, plan: Plan, values: list[Array], exponents: Mapping[int, Array]) -> None:
        self._plan = plan
        self._values = values
        self._exponents = exponents

    @cached_property
    def log_evidence(self) -> Array:
        """Logarithm of P(e), shape (cases,); minus infinity where the evidence is impossible."""
        roots = [self._values[root] for root in self._plan.roots]
        if self._plan.joint is not None:
            joint = self._values[self._plan.joint[0]]
            roots.append(joint.reshape(-1, joint.shape[-1]).sum(axis=0))
        # By differences, what should be 0 may come out below it; then the logarithm is NaN.
        with np.errstate(divide="ignore", invalid="ignore"):
            total: Array = sum((np.log(root) for root in roots), np.zeros(1))
        doublings: Array = sum(self._exponents.values(), np.zeros(1))
        return total + math.log(2.0) * doublings

    def marginal(self, node: int) -> Array:
        """P(node | e) of a target, shape (states, cases); NaN where e is impossible."""
        tensor, text = self._plan.reads[node]
        with np.errstate(invalid="ignore"):
            joint = contract(text, self._values[tensor], self._adjoints[tensor])
            return np.asarray(joint / joint.sum(axis=0))

    def joint(self) -> tuple[Array, tuple[int, ...]]:
        """P(nodes | e) of the nodes whose joint was asked for, and those nodes in axis order.

        The array has one axis a node, and a last one that counts cases.
        """
        if self._plan.joint is None:
            raise ValueError("this plan was not compiled for a joint distribution")
        number, nodes = self._plan.joint
        value = self._values[number]
        total: Array = value.sum(axis=tuple(range(value.ndim - 1)))
        return value / total, nodes

    def derivatives(self, factors: Factors, observed: Observed, reference: float | None = None) -> Array:
        """Return the derivatives of P(e) by every parameter, shape (parameters, cases).

        Each entry of `theta` varies alone, the other entries of its row staying as they
        are.  Where nothing was observed below a node, its rows sum to 1 by definition and
        the derivative is 0.

        Parameters
        ----------
        factors, observed
            What the plan was run on.
        reference
            The derivatives are divided by exp(reference), so that they stay in range; by
            default by P(e) itself, which gives d ln P(e) / d theta.  Say it where P(e) may
            be 0: the derivative of what is impossible need not be.
        """
        adjoints = self._backward([True] * self._plan.tensors, reference)
        theta_bar = np.zeros((factors.size + 1, self.log_evidence.size))
        for number, leaf in self._plan.leaves.items():
            leaf.pull(adjoints[number], factors, observed, theta_bar)
        return theta_bar[:-1]

    def left_out(self) -> dict[int, Array]:
        """Return P(x = s, e without x) / P(e) for each node x that entered by weights.

        Shapes are (states, cases).
        """
        weights = {leaf.node: n for n, leaf in self._plan.leaves.items() if leaf.kind == "weights"}
        wanted = self._plan.between(weights.values())
        adjoints = self._backward(wanted)
        return {node: adjoints[number] for node, number in weights.items()}

    @cached_property
    def _adjoints(self) -> list[Array]:
        return self._backward(self._plan.wanted)

    def _backward(self, wanted: Sequence[bool], reference: float | None = None) -> list[Array]:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            seeds = self._seeds(reference)
            return _backward(self._plan, self._values, self._exponents, wanted, seeds)

    def _seeds(self, reference: float | None) -> dict[int, Array]:
        """Return the adjoint of each root: the product of the others, relative to the reference."""
        if reference is None:
            # ln P(e) is the sum of the logarithms of its roots.
            return {root: 1.0 / self._values[root] for root in self._plan.roots}
        doublings: Array = sum(self._exponents.values(), np.zeros(1))
        scale = math.log(2.0) * doublings - reference
        logs = {root: np.log(self._values[root]) for root in self._plan.roots}
        return {
            root: np.exp(sum((log for other, log in logs.items() if other != root), scale)) for root in logs
        }


def run(plan: Plan, factors: Factors, observed: Observed) -> Passes:
    """Run a plan forward.

    Where P(e) is too small for its terms to be safe from underflow, the pass is made
    once more with every tensor scaled by a power of two, which rounds nothing.

    Parameters
    ----------
    plan
        Compiled for the pattern of `observed`.
    factors
        The numbers.
    observed
        The evidence, one case or many.
    """
    leaves = {number: leaf.array(factors, observed) for number, leaf in plan.leaves.items()}
    passes = _forward(plan, leaves, scaled=False)
    if passes.log_evidence.min() >= _LOG_SAFE:
        return passes
    return _forward(plan, leaves, scaled=True)


_NOTHING = np.zeros(0)


def _forward(plan: Plan, leaves: Mapping[int, Array], *, scaled: bool) -> Passes:
    values = [_NOTHING] * plan.tensors
    exponents: dict[int, Array] = {}
    for number, array in leaves.items():
        values[number] = array
    for step in plan.steps:
        if isinstance(step, Contract):
            out = contract(step.forward, values[step.a], values[step.b])
        elif isinstance(step, Sum):
            out = values[step.a].sum(axis=step.axis)
        else:
            out = lift(np.moveaxis(values[step.a], step.axis, 0))
        if scaled:
            out, exponents[step.out] = _scale(out)
        values[step.out] = out
    return Passes(plan, values, exponents)


def _scale(array: Array) -> tuple[Array, Array]:
    """Divide by the power of two that brings the largest entry of each case into [1/2, 1)."""
    largest = np.abs(array).reshape(-1, array.shape[-1]).max(axis=0)
    exponent = np.frexp(largest)[1]
    return np.ldexp(array, -exponent), exponent.astype(np.float64)


def _backward(
    plan: Plan,
    values: list[Array],
    exponents: Mapping[int, Array],
    wanted: Sequence[bool],
    seeds: Mapping[int, Array],
) -> list[Array]:
    """Return the adjoint of every wanted tensor from those of the roots."""
    adjoints = [_NOTHING] * plan.tensors
    for root, seed in seeds.items():
        adjoints[root] = seed
    for step in reversed(plan.steps):
        if not wanted[step.out]:
            continue
        adjoint = adjoints[step.out]
        if exponents:
            adjoint = np.ldexp(adjoint, -exponents[step.out].astype(np.intp))
        if isinstance(step, Contract):
            if wanted[step.a]:
                adjoints[step.a] = contract(step.back_a, adjoint, values[step.b])
            if wanted[step.b]:
                adjoints[step.b] = contract(step.back_b, adjoint, values[step.a])
        elif isinstance(step, Sum):
            shape = (*values[step.a].shape[:-1], adjoint.shape[-1])
            adjoints[step.a] = np.broadcast_to(np.expand_dims(adjoint, step.axis), shape)
        else:
            adjoints[step.a] = np.moveaxis(lower(adjoint), 0, step.axis)
    return adjoints
