"""Cases to learn from: a frame read, those that are alike taken together, the selection counted out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from buttpain.errors import UnknownNode, did_you_mean
from buttpain.inference.cohort import _clash, _distinct
from buttpain.inference.counts import Tally
from buttpain.inference.frames import Columns, Rows, check_frame
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cases", "Told"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

BATCH = 512
"""Cases whose scores are multiplied together."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What some cases say.

    Parameters
    ----------
    weights
        How often each counts, shape (cases,).
    log_evidence
        ln P(case | selection), shape (cases,).
    scores
        Its derivatives, shape (numbers asked for, cases).
    """

    weights: Array
    log_evidence: Array
    scores: Array


class Cases:
    """The cases, those that are alike taken together, and the selection that all of them passed.

    Parameters
    ----------
    net
        The network.
    frame, weights, ignore, memory
        As in `learn`.

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence
    ValueError
    """

    def __init__(
        self, net: Network, frame: pd.DataFrame, weights: ArrayLike | None, ignore: Sequence[str], memory: int
    ) -> None:
        check_frame(frame)
        weight = _weights(frame, weights)
        self._frame = frame.drop(columns=_ignored(frame, ignore))
        self._columns = _columns(net, self._frame, memory)
        self._rows = Rows(self._columns, self._frame)
        self._counted = np.flatnonzero(weight > 0)
        self._places, self._like = _distinct(self._rows, self._counted)
        self._refuse(self._unselected())
        self._weights = np.zeros(self._rows.size)
        self._weights[self._places] = np.bincount(self._like, weight[self._counted], self._places.size)
        self._tally = Tally(self._columns, self._rows, self._places)
        self._selection = _everybody(net, memory)

    @cached_property
    def count(self) -> float:
        """How many cases there are."""
        return float(self._weights.sum())

    @property
    def relevant(self) -> int:
        """Mask of the nodes about whose numbers some case may say something."""
        return self._tally.relevant

    def selection(self, theta: Array, places: Places) -> Array:
        """Return the score of having been selected, which is counted out of every case's own."""
        (selection,) = self._selection.scores(theta)
        return np.asarray(selection.by_number[places, 0])

    def told(self, theta: Array, places: Places) -> Iterator[Told]:
        """Yield what the cases say, the selection counted out, enough of them at a time for matrices.

        Parameters
        ----------
        theta
            All numbers, shape (parameters,).
        places
            Those whose scores are asked for.
        """
        (selection,) = self._selection.scores(theta)
        held = list[Told]()
        for item in self._tally.scores(theta):
            with np.errstate(invalid="ignore"):  # a selection that cannot be leaves NaN
                log_evidence = item.log_evidence - selection.log_evidence
                scores = item.by_number[places] - selection.by_number[places]
            held.append(Told(self._weights[item.cases], log_evidence, scores))
            if sum(each.weights.size for each in held) >= BATCH:
                yield _joined(held)
                held = []
        if held:
            yield _joined(held)

    def _unselected(self) -> NDArray[np.bool_]:
        """Return which rows contradict the network's selection."""
        wrong = np.zeros(self._rows.size, dtype=bool)
        for node, state in self._columns.net.given.items():
            if node in self._rows.states:
                states = self._rows.states[node]
                wrong |= (states >= 0) & (states != self._columns.net.states(node).index(state))
        return wrong

    def refuse_impossible(self, theta: Array) -> None:
        """Raise if there are cases that these numbers rule out, naming them."""
        wrong = np.zeros(self._rows.size, dtype=bool)
        for item in self._tally.scores(theta):
            wrong[item.cases] = ~np.isfinite(item.log_evidence)
        self._refuse(wrong)

    def _refuse(self, wrong: NDArray[np.bool_]) -> None:
        """Raise for rows that cannot be, and those like them."""
        rows = self._counted[wrong[self._places][self._like]]
        if rows.size:
            raise _clash(self._columns, self._frame, rows.tolist())


def _everybody(net: Network, memory: int) -> Tally:
    """Return the selection as a case of which nothing else is known."""
    import pandas as pd

    columns = Columns(net, (), (), "error", memory)
    return Tally(columns, Rows(columns, pd.DataFrame(index=[0])), np.zeros(1, dtype=np.intp))


def _columns(net: Network, frame: pd.DataFrame, memory: int) -> Columns:
    if not len(frame.columns):
        raise ValueError(
            f"the frame has no columns to learn from; name them for nodes of network {net.name!r}"
        )
    try:
        return Columns(net, frame.columns, (), "error", memory)
    except UnknownNode as error:
        where = f"network {net.name!r} (ignore=[{error.name!r}] leaves the column out)"
        raise UnknownNode(error.name, net.nodes, where) from None


def _ignored(frame: pd.DataFrame, ignore: Sequence[str]) -> list[str]:
    if isinstance(ignore, str):
        raise TypeError(f"ignore is a list of columns; give [{ignore!r}]")
    columns = list(frame.columns)
    for name in ignore:
        if name not in columns:
            hint = did_you_mean(name, [str(column) for column in columns])
            raise ValueError(f"ignore names a column that is not there: {name!r}. {hint}")
    return list(ignore)


def _weights(frame: pd.DataFrame, weights: ArrayLike | None) -> Array:
    """Return how often each row counts."""
    import pandas as pd

    if weights is None:
        return np.ones(len(frame))
    if isinstance(weights, pd.Series) and not frame.index.equals(weights.index):
        raise ValueError("weights have another index than the frame; give them in the frame's own")
    try:
        found = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"weights are numbers, one for each of {len(frame)} rows; they are {weights!r}"
        ) from None
    if found.shape != (len(frame),):
        raise ValueError(f"weights have shape {found.shape}; give one number for each of {len(frame)} rows")
    wrong = np.flatnonzero(~((found >= 0) & (found < math.inf)))
    if wrong.size:
        label = frame.index[wrong[0]]
        raise ValueError(f"weights are finite and not negative; that of row {label!r} is {found[wrong[0]]}")
    return found


def _joined(told: Sequence[Told]) -> Told:
    weights, log_evidence = ([getattr(item, name) for item in told] for name in ("weights", "log_evidence"))
    return Told(
        np.concatenate(weights), np.concatenate(log_evidence), np.hstack([item.scores for item in told])
    )
