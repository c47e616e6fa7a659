"""What an arrow carries in a case: the same evidence with the arrow cut.

A child whose arrow from a parent is cut has the mean of its numbers over the parent's states
(after Boerlage, Link strength in Bayesian networks, 1992, and van Engelen, IEEE Trans. Pattern
Analysis and Machine Intelligence 1997, who weigh and remove arrows).  What that does to the parent
follows from the derivatives of P(evidence), so that one pass answers for all arrows:

- P(parent, evidence) is the sum of the table's entries, each times its derivative;
- in a noisy-OR with h(s) = 1 - link(s) it is a(s) + h(s) z(s), where z(s) is minus the derivative
  by the link.  States without a link differ in nothing, and are taken together.

If the parent was observed, in a state s, it is asked what the cut does to the child: every world
in which a noisy-OR is absent then has the factor h(s).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from buttpain.model.network import NoisyOr, Table, Variable

__all__ = ["Cut", "gain"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """An arrow to be cut.

    Parameters
    ----------
    parent, child
        Where it comes from and where it leads to.
    family
        The numbers of the child.
    weights
        P(parent) without evidence, shape (states,).
    slopes
        d ln P(evidence) by the numbers of the family, shape (numbers,).
    """

    parent: Variable
    child: Variable
    family: Table | NoisyOr
    weights: Array
    slopes: Array

    @property
    def _axis(self) -> int:
        return self.family.parents.index(self.parent.name)

    def parent_gain(self, posterior: Array) -> float:
        """Return how much likelier the parent is with the arrow than without.

        Parameters
        ----------
        posterior
            P(parent | evidence), shape (states,).
        """
        groups, changes = self._changes()
        before = np.array([posterior[group].sum() for group in groups])
        after = before + changes
        return gain(self.parent, before - after / after.sum(), groups)

    def child_without(self, state: int, posterior: Array) -> Array | None:
        """Return P(child | evidence) without the arrow, shape (states,), the parent being observed.

        None says that these numbers do not tell: in its state the parent alone brings a noisy-OR
        about for certain, so that nothing is known of worlds in which the child is absent.

        Parameters
        ----------
        state
            The position of the parent's state.
        posterior
            P(child | evidence), shape (states,).
        """
        if isinstance(self.family, Table):
            after = posterior + self._weighed(self.family).reshape(-1, posterior.size).sum(axis=0)
            return np.asarray(after / after.sum())
        fails = self._fails(self.family)
        if fails[state] == 0:
            return None
        _, changes = self._changes()
        absent = posterior[0] * (self.weights @ fails) / fails[state] / (1 + changes.sum())
        return np.array([absent, 1 - absent])

    def numbers(self) -> Array:
        """Return the numbers of a noisy-OR without the arrow, as in `theta`: its mean is the leak's."""
        assert isinstance(self.family, NoisyOr)  # noqa: S101 - the only kind that is asked
        links = list(self.family.links)
        links[self._axis] = tuple(link and 0.0 for link in links[self._axis])
        leak = 1 - (1 - self.family.leak) * float(self.weights @ self._fails(self.family))
        return np.array(replace(self.family, leak=leak, links=tuple(links), provenance=()).numbers())

    def _changes(self) -> tuple[list[list[int]], Array]:
        """Return groups of the parent's states, and what the cut adds to P(group, evidence) / P(evidence)."""
        if isinstance(self.family, Table):
            by_state = np.moveaxis(self._weighed(self.family), self._axis, 0)
            return [[s] for s in range(len(by_state))], by_state.reshape(len(by_state), -1).sum(axis=1)
        links, fails = self.family.links[self._axis], self._fails(self.family)
        acting = [s for s, link in enumerate(links) if link is not None]
        quiet = [s for s, link in enumerate(links) if link is None]
        first = 1 + sum(link is not None for row in self.family.links[: self._axis] for link in row)
        products = -self.slopes[first : first + len(acting)]
        mean = self.weights @ fails
        changes = products * (mean - fails[acting])
        if not quiet:
            return [[s] for s in acting], changes
        rest = -(1 - self.family.leak) * self.slopes[0] - fails[acting] @ products
        return [*([s] for s in acting), quiet], np.append(changes, rest * (mean - 1))

    def _weighed(self, family: Table) -> Array:
        """Return how each entry changes by the cut, times its slope."""
        mean = np.tensordot(self.weights, family.values, axes=(0, self._axis))
        change = np.expand_dims(mean, self._axis) - family.values
        return np.asarray(change * self.slopes.reshape(change.shape))

    def _fails(self, family: NoisyOr) -> Array:
        """Return P(the parent does not act) in each of its states."""
        return np.array([1 - (link or 0.0) for link in family.links[self._axis]])


def gain(variable: Variable, gained: Array, groups: Sequence[Sequence[int]] | None = None) -> float:
    """Return what the present state gained, or the most that any has if there is none.

    Parameters
    ----------
    variable
        Of which node.
    gained
        By each state, or by each group of states.
    groups
        Positions of the states in each group.
    """
    for group, amount in zip(groups or [[s] for s in range(gained.size)], gained, strict=True):
        if [variable.states[s] for s in group] == [variable.positive]:
            return float(amount)
    return float(gained.max())
