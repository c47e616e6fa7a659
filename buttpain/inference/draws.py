"""Joint states drawn from P(all relevant nodes | evidence), by reading a plan backwards.

A forward pass leaves at each step the product of two tensors before a variable was summed
out of it.  Backwards, the variables that the step's result has are known by then, and that
product, at their states, is the distribution of the one summed out, up to a factor: so every
variable is drawn exactly, and from nothing but what the forward pass multiplied (Dawid,
Statistics and Computing 1992).  Magnitudes do not matter, so tensors are scaled freely.

Notation
--------
value[t]
    Array of tensor t, one axis a variable.
states[t]
    For each axis of tensor t, the drawn positions, shape (rows,).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from string import ascii_letters

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.evidence import Observed
from buttpain.inference.plan import Contract, Leaf, Plan, Step, Sum
from buttpain.inference.structure import Factors, Structure, lift

__all__ = ["Backwards", "decide"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

_NO_NODE = _NO_TENSOR = -1
_LETTERS = ascii_letters[:-2]


class Backwards:
    """Draws the nodes that matter to some evidence, together, any number of times.

    Parameters
    ----------
    structure
        Of the network.
    plan
        Compiled for the pattern of `observed`, without targets or joint.
    observed
        The evidence of one case, which must be possible.
    """

    def __init__(self, structure: Structure, plan: Plan, observed: Observed) -> None:
        self._plan = plan
        self._axes = {number: _nodes(structure, leaf) for number, leaf in plan.leaves.items()}
        value = _forward(plan, structure.factors, observed)
        self._choices = [_choice(step, value) for step in plan.steps]

    def draw(self, uniforms: Callable[[int], Array]) -> dict[int, Places]:
        """Return the states of the free nodes of the plan, by position; each of shape (rows,).

        Parameters
        ----------
        uniforms
            Called with the number of a step, returns what decides there: numbers from
            [0, 1), shape (rows,).
        """
        states: dict[int, Sequence[Places]] = dict.fromkeys(self._plan.roots, ())
        for number in reversed(range(len(self._choices))):
            choice, out = self._choices[number], self._plan.steps[number].out
            states.update(choice.draw(states.pop(out), uniforms, number))
        found: dict[int, Places] = {}
        for number, nodes in self._axes.items():
            found |= {
                node: drawn for node, drawn in zip(nodes, states[number], strict=True) if node != _NO_NODE
            }
        return found


def _forward(plan: Plan, factors: Factors, observed: Observed) -> list[Array]:
    """Return the arrays of all tensors, the last axis taken off; each scaled as it comes."""
    value = [np.zeros(0)] * (len(plan.leaves) + len(plan.steps))
    for number, leaf in plan.leaves.items():
        value[number] = leaf.array(factors, observed)[..., 0]
    for step in plan.steps:
        if isinstance(step, Contract):
            a, b, out = _letters(step)
            result = np.einsum(f"{a},{b}->{out}", value[step.a], value[step.b])
        elif isinstance(step, Sum):
            result = value[step.a].sum(axis=step.axis)
        else:
            result = lift(np.moveaxis(value[step.a], step.axis, 0))
        largest = result.max()
        value[step.out] = result / largest if largest > 0 else result
    return value


def _letters(step: Contract) -> tuple[str, str, str]:
    """Return the letters of both operands and of the result, without the one that counts cases."""
    operands, out = step.forward.split("->")
    a, b = operands.split(",")
    return a[:-1], b[:-1], out[:-1]


def _nodes(structure: Structure, leaf: Leaf) -> list[int]:
    """Return the node that each axis of a leaf stands for; none for a deputy."""
    family = structure.families[leaf.node]
    parent = family.parents[leaf.slot : leaf.slot + 1]
    nodes = {
        "table": (*family.parents, leaf.node),
        "link": (_NO_NODE, *parent),
        "leak": (_NO_NODE,),
        "quiet": parent,
        "weights": (leaf.node,),
        "indicator": (_NO_NODE,),
        "identity": (_NO_NODE, leaf.node),
    }.get(leaf.kind, ())
    taken = {axis for axis, _ in leaf.hard}
    free = [node for axis, node in enumerate(nodes) if axis not in taken]
    return [_NO_NODE] * (leaf.form == "lifted") + free


@dataclass(frozen=True, eq=False)
class _Choice:
    """What one step draws: the variables that its result lacks, given those that it has.

    Parameters
    ----------
    inputs
        The operands, with the letters of their axes.
    out
        The letters of the result.
    drawn
        The letters drawn, with their sizes.
    known
        The letters that they depend on, with their sizes.
    cumulative
        Cumulated weights, shape (states of `known`, states of `drawn`).
    """

    inputs: tuple[tuple[int, str], ...]
    out: str
    drawn: tuple[tuple[str, int], ...]
    known: tuple[tuple[str, int], ...]
    cumulative: Array

    def draw(
        self, states: Sequence[Places], uniforms: Callable[[int], Array], number: int
    ) -> dict[int, Sequence[Places]]:
        """Return the states of the operands' axes from those of the result's."""
        at = dict(zip(self.out, states, strict=True))
        if self.drawn:
            row = np.zeros((), dtype=np.intp)
            for letter, size in self.known:
                row = row * size + at[letter]
            place = decide(self.cumulative, row, uniforms(number))
            for letter, size in reversed(self.drawn):
                place, at[letter] = np.divmod(place, size)
        return {tensor: [at[letter] for letter in letters] for tensor, letters in self.inputs}


def decide(cumulative: Array, row: Places, uniform: Array) -> Places:
    """Return the first place where the cumulated weights of each row pass the uniform's share of them."""
    total = cumulative[row, -1]
    # Below the total even where the product rounds up to it: a last place of weight 0 is never chosen.
    share = np.minimum(uniform * total, np.nextafter(total, 0.0))
    place = np.zeros(uniform.shape, dtype=np.intp)
    for end in range(cumulative.shape[1] - 1):
        place += share >= cumulative[row, end]
    return place


def _choice(step: Step, value: Sequence[Array]) -> _Choice:
    """Return what a step draws; its operands, multiplied, have all letters."""
    if isinstance(step, Contract):
        a, b, out = _letters(step)
        return _made(((step.a, a), (step.b, b)), (value[step.a], value[step.b]), out)
    letters = _LETTERS[: value[step.a].ndim]
    if isinstance(step, Sum):
        out = letters[: step.axis] + letters[step.axis + 1 :]
        return _made(((step.a, letters),), (value[step.a],), out)
    acted, rest = letters[step.axis], letters[: step.axis] + letters[step.axis + 1 :]
    # Some cause has acted after this contribution if one had before it, or if this one acts.
    joins = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 1.0]]])
    choice = _made(((_NO_TENSOR, f"YZ{acted}"), (step.a, letters)), (joins, value[step.a]), f"YZ{rest}")
    return replace(choice, inputs=choice.inputs[1:])


def _made(inputs: tuple[tuple[int, str], ...], arrays: tuple[Array, ...], out: str) -> _Choice:
    texts = [letters for _, letters in inputs]
    sizes = {
        letter: size
        for letters, array in zip(texts, arrays, strict=True)
        for letter, size in zip(letters, array.shape, strict=True)
    }
    drawn = tuple((letter, size) for letter, size in sizes.items() if letter not in out)
    known = tuple((letter, sizes[letter]) for letter in out)
    order = "".join(letter for letter, _ in (*known, *drawn))
    product = np.einsum(f"{','.join(texts)}->{order}", *arrays) if drawn else np.ones(1)
    width = math.prod(size for _, size in drawn)
    return _Choice(inputs, out, drawn, known, product.reshape(-1, width).cumsum(axis=1))
