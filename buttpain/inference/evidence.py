"""Evidence as people give it, checked, and as the circuit takes it.

An observation is a state by name, `True` or `False` for present or absent, or
likelihoods by state: how probable what was seen is under each state (virtual
evidence, Pearl 1988).  Likelihoods multiply; they are not a distribution to be
reached, and only their ratios matter to posteriors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from buttpain.errors import ImpossibleEvidence, UnknownState
from buttpain.model.network import Network

__all__ = ["Observation", "Observed", "heading", "in_words", "is_missing", "read_evidence", "to_arrays"]

Array = NDArray[np.float64]

Observation = str | dict[str, float]
"""A state by name, or likelihoods by state."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Evidence as arrays; the last axis counts cases.

    Parameters
    ----------
    hard
        For each node (by position) observed for certain: the position of its state, shape (cases,).
    soft
        For each node with likelihoods: its weights, shape (states, cases).  A node of the
        network's own selection can stand in both.
    """

    hard: Mapping[int, NDArray[np.intp]]
    soft: Mapping[int, Array]


def is_missing(value: object) -> bool:
    """Return whether a value says "not observed": None, NaN, NA or an empty text."""
    if value is None or (isinstance(value, str) and value == ""):
        return True
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return type(value).__name__ in ("NAType", "NaTType")


def read_evidence(net: Network, stated: Mapping[str, Any]) -> dict[str, Observation]:
    """Check evidence and return it with states by name.

    Missing values are left out.

    Raises
    ------
    UnknownNode, UnknownState
    ImpossibleEvidence
        If an observation contradicts the network's own selection, or all likelihoods are 0.
    ValueError
        If likelihoods are negative, infinite or incomplete.
    """
    for node in stated:
        net.variable(node)
    return {node: _read(net, node, value) for node, value in stated.items() if not is_missing(value)}


def _read(net: Network, node: str, value: Any) -> Observation:
    variable = net.variable(node)
    if isinstance(value, Mapping) or hasattr(value, "to_dict"):
        return _likelihoods(net, node, dict(value.items()))
    state = variable.states[variable.index(value)]
    if net.given.get(node, state) != state:
        raise ImpossibleEvidence({node: state, f"{node} (given)": net.given[node]}, net.name)
    return state


def _likelihoods(net: Network, node: str, weights: dict[Any, Any]) -> dict[str, float]:
    variable = net.variable(node)
    named = {variable.states[variable.index(state)]: float(weight) for state, weight in weights.items()}
    missing = [state for state in variable.states if state not in named]
    if missing or len(named) != len(weights):
        raise UnknownState(
            node,
            weights,
            variable.states,
            f"Likelihoods name each state of {node!r} once; missing: {', '.join(missing) or 'none'}.",
        )
    if not all(math.isfinite(weight) and weight >= 0 for weight in named.values()):
        raise ValueError(f"likelihoods of {node!r} must be finite and not negative: {weights}")
    if not any(named.values()):
        raise ImpossibleEvidence({node: weights}, net.name)
    return {state: named[state] for state in variable.states}


def to_arrays(net: Network, evidence: Mapping[str, Observation]) -> Observed:
    """Return checked evidence, the network's own selection included, as arrays of one case."""
    position = {node: i for i, node in enumerate(net.nodes)}
    hard, soft = {}, {}
    # Likelihoods on the selected node stand beside its state; they do not replace it.
    for node, observation in (*net.given.items(), *evidence.items()):
        if isinstance(observation, str):
            hard[position[node]] = np.array([net.states(node).index(observation)], dtype=np.intp)
        else:
            soft[position[node]] = np.array([[weight] for weight in observation.values()])
    return Observed(hard, soft)


def heading(net: Network, evidence: Mapping[str, Observation]) -> tuple[str, ...]:
    """Return the lines that head what is shown of a case: the network, its selection, what was observed."""
    title = f"{net.name}, version {net.version}" if net.version else net.name
    given = "; ".join(f"{net.label(node)} {state}" for node, state in net.given.items())
    selection = [f"In every case: {given}"] if given else []
    return title, *selection, f"Observed: {in_words(net, evidence) or 'nothing'}"


def in_words(net: Network, evidence: Mapping[str, Observation]) -> str:
    """Return what was observed, by label; empty if nothing was."""
    return "; ".join(f"{net.label(node)} {_in_words(value)}" for node, value in evidence.items())


def _in_words(observation: Observation) -> str:
    if isinstance(observation, str):
        return observation
    return ", ".join(f"{state} {weight:g}" for state, weight in observation.items())
