"""What compiling and running need of a network: positions, ancestors, numbers as arrays.

Everything here follows from the network alone and is made once for it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from buttpain.errors import NetworkTooComplex
from buttpain.inference.order import Domain, Order, bits
from buttpain.model.canonical import noisy_or_pullback, noisy_or_table
from buttpain.model.network import Network, NoisyOr

__all__ = [
    "FORMS",
    "MEMORY",
    "PULLS",
    "Factors",
    "Family",
    "Form",
    "Pattern",
    "Structure",
    "lift",
    "lower",
    "structure_of",
]

Array = NDArray[np.float64]

MEMORY = 2**31
"""Bytes that the tensors of one query may take, unless told otherwise."""

MOST_PARENTS = 3
"""Parents up to which a noisy-OR is a table: no larger than what its deputy would couple."""

_BYTES = 8


@dataclass(frozen=True, eq=False)
class Family:
    """One node's family by position.

    `links` holds, for each parent of a noisy-OR, the place in `theta` of each state's
    link, -1 where the state does not act.  `shape` is that of the table, () for a noisy-OR.
    """

    node: int
    parents: tuple[int, ...]
    start: int
    shape: tuple[int, ...]
    links: tuple[NDArray[np.intp], ...]

    @property
    def is_or(self) -> bool:
        """Whether this is a noisy-OR."""
        return self.shape == ()

    @property
    def is_small(self) -> bool:
        """Whether the family is used as a table."""
        return not self.is_or or len(self.parents) <= MOST_PARENTS


class Structure:
    """What compiling needs of a network, by position; holds its bounded cache of plans."""

    def __init__(self, net: Network) -> None:
        self.name = net.name
        self.size = len(net.nodes)
        self.everything = (1 << self.size) - 1
        self.cards = tuple(len(variable.states) for variable in net.variables)
        self.position = position = {node: i for i, node in enumerate(net.nodes)}
        self.families = tuple(_family(net, node, position) for node in net.nodes)
        self.domain = Domain((*self.cards, *(2,) * self.size))
        self.ancestors = [0] * self.size
        for node in map(position.__getitem__, net.order):
            parents = self.families[node].parents
            self.ancestors[node] = 1 << node
            for parent in parents:
                self.ancestors[node] |= self.ancestors[parent]
        self.factors = Factors(self, net.theta[:, None])
        # Marginals without evidence, by position; every case of the network compares itself with them.
        self.prior: dict[int, Array] = {}

    def check(self, order: Order, memory: int, entries: float = 0.0) -> None:
        """Refuse an order whose tensors, of so many entries together if they are known, would not fit."""
        # Known, they are held with their adjoints.
        needed = int(max(order.entries, 2 * entries) * _BYTES)
        if needed > memory:
            raise NetworkTooComplex(order.width, int(order.largest), needed, memory, self.name)

    def is_absent(self, node: int, states: NDArray[np.intp]) -> bool:
        """Return whether a noisy-OR node was seen absent in every case."""
        return self.families[node].is_or and not states.any()

    def relevant(self, pattern: Pattern) -> int:
        """Return the ancestors of what was observed or asked; all else sums to 1."""
        mask = 0
        for node in bits(pattern.hard | pattern.soft | pattern.targets | pattern.joint):
            mask |= self.ancestors[node]
        return mask


def _family(net: Network, node: str, position: Mapping[str, int]) -> Family:
    family = net.families[node]
    start = net.spans[node].start
    parents = tuple(position[parent] for parent in family.parents)
    if not isinstance(family, NoisyOr):
        return Family(position[node], parents, start, family.values.shape, ())
    places, at = [], start + 1
    for links in family.links:
        acts = np.array([link is not None for link in links])
        places.append(np.where(acts, at + np.cumsum(acts) - 1, -1).astype(np.intp))
        at += int(acts.sum())
    return Family(position[node], parents, start, (), tuple(places))


_structures: weakref.WeakKeyDictionary[Network, Structure] = weakref.WeakKeyDictionary()
_structures_lock = threading.Lock()


def structure_of(net: Network) -> Structure:
    """Return the structure of a network, made once."""
    with _structures_lock:
        if net not in _structures:
            _structures[net] = Structure(net)
        return _structures[net]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which nodes are observed, and what is asked: all that a plan depends on.

    Masks of node positions.  `absent` marks those of `hard` that are noisy-OR nodes seen
    absent in every case; `joint` the nodes whose joint distribution is asked for;
    `differences` those whose causes join by differences if they are noisy-ORs, see `plan`.
    """

    hard: int = 0
    absent: int = 0
    soft: int = 0
    targets: int = 0
    joint: int = 0
    differences: int = 0


class Factors:
    """The numbers of each family as arrays, made when first asked for and kept.

    Parameters
    ----------
    structure
        Whose families.
    theta
        Shape (parameters, draws).
    """

    def __init__(self, structure: Structure, theta: Array) -> None:
        self.size = theta.shape[0]
        self._families = structure.families
        self._theta = np.concatenate([theta, np.zeros((1, theta.shape[1]))])
        self._kept: dict[tuple[str, int, int, Form], Array] = {}

    def get(self, kind: str, node: int, slot: int, form: Form = "plain") -> Array:
        """Return the array of one leaf in some form; the last axis counts draws."""
        key = (kind, node, slot, form)
        if key not in self._kept:
            array = getattr(self, f"_{kind}")(self._families[node], slot)
            self._kept[key] = FORMS[form](array)
        return self._kept[key]

    def _link_values(self, family: Family, slot: int) -> Array:
        values: Array = self._theta[family.links[slot]]
        return values

    def _table(self, family: Family, _: int) -> Array:
        """Shape (*states of the parents, states, draws)."""
        if family.is_or:
            links = [self._link_values(family, slot) for slot in range(len(family.parents))]
            return noisy_or_table(self._theta[family.start], links)
        size = int(np.prod(family.shape))
        return self._theta[family.start : family.start + size].reshape(*family.shape, -1)

    def _leak(self, family: Family, _: int) -> Array:
        """Shape (acted, draws)."""
        return _two(self._theta[family.start])

    def _link(self, family: Family, slot: int) -> Array:
        """Shape (acted, states of the parent, draws)."""
        return _two(self._link_values(family, slot))

    def _quiet(self, family: Family, slot: int) -> Array:
        """Shape (states of the parent, draws): the parent does not act."""
        return 1.0 - self._link_values(family, slot)

    def _quiet_leak(self, family: Family, _: int) -> Array:
        """Shape (draws,): the leak does not act."""
        return np.asarray(1.0 - self._theta[family.start])

    def pull(self, kind: str, node: int, slot: int, adjoint: Array, theta_bar: Array) -> None:
        """Add to `theta_bar` what the adjoint of a leaf's array says about `theta`.

        Parameters
        ----------
        kind, node, slot
            Which array, as in `get`, in its plain form.
        adjoint
            Shape of the array; the last axis counts cases or draws.
        theta_bar
            Shape (parameters + 1, cases); the last row takes what belongs to no parameter.
        """
        family = self._families[node]
        if kind == "table" and family.is_or:
            links = [self._link_values(family, i) for i in range(len(family.parents))]
            leak_bar, link_bars = noisy_or_pullback(self._theta[family.start], links, adjoint)
            theta_bar[family.start] += leak_bar
            for places, bar in zip(family.links, link_bars, strict=True):
                theta_bar[places] += bar
        elif kind == "table":
            size = int(np.prod(family.shape))
            theta_bar[family.start : family.start + size] += adjoint.reshape(size, -1)
        elif kind in ("leak", "quiet_leak"):
            theta_bar[family.start] += adjoint[1] - adjoint[0] if kind == "leak" else -adjoint
        else:
            theta_bar[family.links[slot]] += adjoint[1] - adjoint[0] if kind == "link" else -adjoint


def _two(acted: Array) -> Array:
    return np.stack([1.0 - acted, acted])


def lift(contribution: Array) -> Array:
    """Turn a contribution (acted, ...) into the matrix (after, before, ...) that joins it."""
    lifted = np.zeros((2, *contribution.shape))
    lifted[0, 0] = contribution[0]
    lifted[1, 0] = contribution[1]
    lifted[1, 1] = contribution[0] + contribution[1]
    return lifted


def lower(lifted: Array) -> Array:
    """Pull an adjoint back through `lift`."""
    return np.stack([lifted[0, 0] + lifted[1, 1], lifted[1, 0] + lifted[1, 1]])


def cumulate(contribution: Array) -> Array:
    """Turn a contribution (acted, ...) into (absent or whatever, ...), which joins as a plain product."""
    return np.stack([contribution[0], contribution[0] + contribution[1]])


def decumulate(cumulated: Array) -> Array:
    """Pull an adjoint back through `cumulate`."""
    return np.stack([cumulated[0] + cumulated[1], cumulated[1]])


def _same(array: Array) -> Array:
    return array


Form = Literal["plain", "lifted", "cumulated"]
"""How the array of a leaf enters a plan."""

FORMS: dict[Form, Callable[[Array], Array]] = {"plain": _same, "lifted": lift, "cumulated": cumulate}
PULLS: dict[Form, Callable[[Array], Array]] = {"plain": _same, "lifted": lower, "cumulated": decumulate}
