"""Frames of cases as arrays: which column says what, and how each node stands in each row."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.errors import UnknownNode, UnknownState
from buttpain.inference.case import known_targets
from buttpain.inference.evidence import is_missing
from buttpain.inference.structure import structure_of
from buttpain.model.network import Network, Variable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ABSENT", "LIKELY", "MISSING", "SEEN", "Columns", "Rows", "check_frame"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

MISSING, SEEN, ABSENT, LIKELY = range(4)
"""How a node stands in a row: not observed, a state, the absent state of a noisy-OR, likelihoods."""


def check_frame(frame: object) -> None:
    """Raise unless cases come in a frame of pandas, for what has to see all of them at once."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"cases come in a pandas DataFrame, not in {type(frame).__name__}: one row a case, a column for "
            f"each node that was observed; of a dask frame call .compute() first"
        )


class Columns:
    """Which column says what, and where each target's answer goes."""

    def __init__(
        self, net: Network, labels: Any, targets: Sequence[str] | None, extra: str, memory: int
    ) -> None:
        self.net = net
        self.memory = memory
        self.structure = structure_of(net)
        self.hard: dict[str, Any] = {}
        self.soft: dict[str, dict[str, Any]] = {}
        if len(set(labels)) != len(labels):
            raise ValueError(f"column names must differ; given were {', '.join(map(str, labels))}")
        for label in labels:
            self._place(label, extra)
        for node, by_state in self.soft.items():
            missing = [state for state in net.states(node) if state not in by_state]
            if missing:
                raise UnknownState(
                    node,
                    missing[0],
                    net.states(node),
                    f"Likelihoods need a column for each state; missing: "
                    f"{', '.join(f'{node}:{state}' for state in missing)}.",
                )
        self.nodes = tuple(dict.fromkeys((*self.hard, *self.soft)))
        self.targets = known_targets(net, targets, {*self.nodes, *net.given})
        self.slots = self._slots()
        self.width = sum(len(states) for _, states in self.slots)

    def _place(self, label: Any, extra: str) -> None:
        node, colon, state = str(label).partition(":")
        if label in self.net.nodes:
            self.hard[label] = label
        elif colon and node in self.net.nodes:
            self.soft.setdefault(node, {})[self.net.states(node)[self.net.variable(node).index(state)]] = (
                label
            )
        elif extra == "error":
            raise UnknownNode(
                label, self.net.nodes, f"network {self.net.name!r} (extra='ignore' leaves it out)"
            )

    def _slots(self) -> list[tuple[int, list[int]]]:
        """Return for each target its position and the states that the result shows."""
        slots = []
        for name in self.targets:
            variable = self.net.variable(name)
            shown = [variable.positive] if _is_plain(self.net, name) else list(variable.states)
            slots.append((self.structure.position[name], [variable.states.index(str(s)) for s in shown]))
        return slots

    def frame(self, values: Array, index: Any) -> pd.DataFrame:
        """Return answers, shape (rows, width), under the names of the targets."""
        import pandas as pd

        labels: list[Any] = []
        for name, (_, states) in zip(self.targets, self.slots, strict=True):
            named = [(name, self.net.states(name)[i]) for i in states]
            labels += [name] if _is_plain(self.net, name) else named
        return pd.DataFrame(values, index=index, columns=pd.Index(labels, tupleize_cols=False))


def _is_plain(net: Network, name: str) -> bool:
    """Return whether one number says it all: two states, one of them present."""
    variable = net.variable(name)
    return len(variable.states) == 2 and variable.positive is not None


class Rows:
    """Some rows as arrays.

    Attributes
    ----------
    states
        For each node with a column, the position of its state, -1 where there is none; shape (rows,).
    weights
        For each node with likelihood columns, shape (rows, states), NaN where there are none.
    modes
        How each node stands in each row, shape (rows, nodes).
    kinds
        A number for each row, the same for rows of the same modes, shape (rows,).
    """

    def __init__(self, columns: Columns, frame: pd.DataFrame) -> None:
        self.columns = columns
        net, self.size = columns.net, len(frame)
        self.states = {node: _states(net, node, frame[label]) for node, label in columns.hard.items()}
        self.weights = {node: _weights(net, node, frame, by_state) for node, by_state in columns.soft.items()}
        self.modes = np.zeros((self.size, len(columns.nodes)), dtype=np.int8)
        for i, node in enumerate(columns.nodes):
            self._mode(i, node, frame)
        self.kinds: Places = np.unique(self.modes, axis=0, return_inverse=True)[1].ravel()

    def _mode(self, i: int, node: str, frame: pd.DataFrame) -> None:
        modes = self.modes[:, i]
        if node in self.states:
            states = self.states[node]
            modes[states >= 0] = SEEN
            if self.columns.structure.families[self.columns.structure.position[node]].is_or:
                modes[states == 0] = ABSENT
        if node in self.weights:
            likely = ~np.isnan(self.weights[node][:, 0])
            both = np.flatnonzero(likely & (modes != MISSING))
            if both.size:
                raise ValueError(
                    f"row {frame.index[both[0]]!r} has a state and likelihoods for {node!r}; give one"
                )
            modes[likely] = LIKELY

    def as_weights(self, node: str, rows: Places) -> Array:
        """Return a node's weights, shape (states, rows): likelihoods, indicators, or all ones."""
        weights = np.ones((rows.size, len(self.columns.net.states(node))))
        if node in self.states:
            states = self.states[node][rows]
            seen = states >= 0
            weights[seen] = 0.0
            weights[np.flatnonzero(seen), states[seen]] = 1.0
        if node in self.weights:
            stated = self.weights[node][rows]
            likely = ~np.isnan(stated[:, 0])
            weights[likely] = stated[likely]
        return weights.T

    def evidence(self, row: int) -> dict[str, Any]:
        """Return one row as `observe` takes it."""
        net, found = self.columns.net, {}
        for node, mode in zip(self.columns.nodes, self.modes[row], strict=True):
            if mode == LIKELY:
                found[node] = dict(zip(net.states(node), self.weights[node][row].tolist(), strict=True))
            elif mode != MISSING:
                found[node] = net.states(node)[self.states[node][row]]
        return found


def _states(net: Network, node: str, column: pd.Series[Any]) -> Places:
    """Return the position of each row's state, -1 where it is missing."""
    import pandas as pd

    variable = net.variable(node)
    try:
        codes, found = pd.factorize(column, use_na_sentinel=True)
    except TypeError:
        raise UnknownState(
            node,
            column.iloc[0],
            variable.states,
            f"A column holds states by name or booleans; likelihoods go in columns named {node}:state.",
        ) from None
    places = np.full(len(found) + 1, -1, dtype=np.intp)
    for i, value in enumerate(found):
        if is_missing(value):
            continue
        try:
            places[i] = _index(variable, value)
        except UnknownState as error:
            label = column.index[int(np.flatnonzero(codes == i)[0])]
            raise UnknownState(
                node, value, variable.states, f"{error.advice} It stands in row {label!r}."
            ) from None
    return places[codes]


def _index(variable: Variable, value: Any) -> int:
    """Return the position of a state by name, by True or False, or by exactly 1 or 0.

    Tables of cases are full of 1 and 0, which pandas makes 1.0 and 0.0 as soon as a cell is
    empty, and columns of truth take them too.  They mean True and False where these leave
    nothing open: of two states, one that is present and one that is absent.  Of three
    states 1 may be a grade, and states that are called 0 and 1 are to be given by name.  Any
    other number, such as the 2 of a coding by 1 and 2, is refused.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return variable.index(value)
    if len(variable.states) > 2 or variable.positive is None or variable.negative is None:
        known = ", ".join(map(repr, variable.states))
        advice = f"Use one of {known}; a number is read for present or absent alone."
        raise UnknownState(variable.name, value, variable.states, advice)
    if value not in (0, 1):
        known = ", ".join(map(repr, variable.states))
        advice = f"Use one of {known}, True or False, 1 or 0."
        raise UnknownState(variable.name, value, variable.states, advice)
    return variable.index(bool(value))


def _weights(net: Network, node: str, frame: pd.DataFrame, by_state: dict[str, Any]) -> Array:
    """Return likelihoods, shape (rows, states); NaN in rows that have none."""
    stated = frame[[by_state[state] for state in net.states(node)]]
    weights = stated.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(weights)
    wrong = (missing.any(axis=1) & ~missing.all(axis=1)) | (
        ~missing & ~((weights >= 0) & (weights < np.inf))
    ).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"likelihoods of {node!r} must be finite, not negative, and there for each state or for none; "
            f"row {frame.index[row]!r} has {weights[row].tolist()}"
        )
    return weights
