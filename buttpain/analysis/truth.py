"""The truth of each row of a frame, from one column that names it or from several that say yes or no."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.errors import UnknownNode, UnknownState, did_you_mean
from buttpain.inference.case import known_targets
from buttpain.inference.evidence import is_missing
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Known", "listed", "read_truth"]

Truths = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of each row.

    Parameters
    ----------
    columns
        That say it.
    targets
        Of which they say it.
    present
        Shape (rows, targets).
    missing
        Rows of which they do not, shape (rows,).
    """

    columns: tuple[Any, ...]
    targets: tuple[str, ...]
    present: Truths
    missing: Truths


def read_truth(net: Network, frame: pd.DataFrame, truth: Any, targets: Sequence[str] | None) -> Known:
    """Return the truth of each row; arguments as in `evaluate`."""
    _check_names(truth)
    named = isinstance(truth, str) and truth not in net.nodes
    if not named and not isinstance(truth, Mapping):
        truth = {column: column for column in ([truth] if isinstance(truth, str) else truth)}
    for column in (truth,) if named else tuple(truth):
        if list(frame.columns).count(column) != 1:
            raise ValueError(
                f"the frame must have one column {column!r}, which truth names. "
                f"{did_you_mean(column, list(map(str, frame.columns)))}"
            )
    if named:
        return _by_name(net, frame, truth, targets)
    return _by_column(net, frame, truth, targets)


def _check_names(truth: Any) -> None:
    """Raise unless truth names columns; what stands in them is not it."""
    import pandas as pd

    if isinstance(truth, pd.Series | pd.DataFrame) or not isinstance(truth, str | Iterable):
        raise TypeError(
            f"truth names columns of the frame: one, a list of them, or a mapping of columns to conditions; "
            f"given was {type(truth).__name__}. Put what it holds into the frame, as in "
            f"frame.assign(diagnosis=...), and give truth='diagnosis'"
        )


def _by_name(net: Network, frame: pd.DataFrame, column: str, targets: Sequence[str] | None) -> Known:
    """Read one column that names the conditions of each row."""
    chosen = known_targets(net, net.conditions if targets is None else targets, ())
    if not chosen:
        raise ValueError(f"network {net.name!r} has no conditions; name what to evaluate with targets=")
    _check_targets(net, chosen)
    known = tuple(dict.fromkeys((*net.conditions, *chosen)))
    place = {name: i for i, name in enumerate(chosen)}
    present = np.zeros((len(frame), len(chosen)), dtype=bool)
    missing = np.zeros(len(frame), dtype=bool)
    labels = frame.index.tolist()
    for row, cell in enumerate(frame[column].tolist()):
        several = isinstance(cell, list | tuple | set | frozenset | np.ndarray)
        names = list(cell) if several else [cell]
        missing[row] = any(is_missing(name) for name in names)
        if missing[row]:
            continue
        for name in names:
            if name not in known:
                raise _unknown_condition(net, name, known, f"column {column!r}, row {labels[row]!r}")
            if name in place:
                present[row, place[name]] = True
    return Known((column,), chosen, present, missing)


def _unknown_condition(net: Network, name: Any, known: Sequence[str], where: str) -> Exception:
    if isinstance(name, str):
        return UnknownNode(name, known, f"network {net.name!r} that may be the truth ({where})")
    return ValueError(
        f"{name!r} ({where}) names no condition. Truth in a single column is the condition of each row; if "
        f"the column says whether one condition is there, give a mapping of the column to that condition"
    )


def _by_column(
    net: Network, frame: pd.DataFrame, truth: Mapping[Any, str], targets: Sequence[str] | None
) -> Known:
    """Read several columns that say of one condition each whether it is there."""
    if not truth:
        raise ValueError("truth names no column; name one, or several")
    columns = {node: column for column, node in truth.items()}
    if len(columns) != len(truth):
        raise ValueError(f"truth names a condition for two columns: {', '.join(map(str, truth.values()))}")
    known_targets(net, tuple(columns), ())
    chosen = known_targets(net, tuple(columns) if targets is None else targets, ())
    for node in chosen:
        if node not in columns:
            raise ValueError(f"truth has no column for the target {node!r}; it has {listed(tuple(truth))}")
    _check_targets(net, chosen)
    asked = np.column_stack([_presence(net, node, frame[columns[node]]) for node in chosen])
    return Known(tuple(truth), chosen, asked == 1, np.asarray(np.isnan(asked).any(axis=1)))


def _check_targets(net: Network, targets: Sequence[str]) -> None:
    if not targets:
        raise ValueError("name at least one target")
    for node in targets:
        net.variable(node).index(True)  # raises where no state means that it is there


def _presence(net: Network, node: str, column: pd.Series[Any]) -> list[float]:
    """Return 1 where the node is present, 0 where it is not, NaN where nobody says."""
    variable = net.variable(node)
    found = []
    for label, stated in zip(column.index.tolist(), column.tolist(), strict=True):
        value = stated.item() if isinstance(stated, np.generic) else stated
        if is_missing(value):
            found.append(math.nan)
        elif isinstance(value, int | float) and value in (0, 1):  # True and False are integers too
            found.append(float(value))
        elif isinstance(value, str) and value in variable.states:
            found.append(float(value == variable.positive))
        else:
            raise UnknownState(
                node,
                value,
                variable.states,
                f"Truth is True or False, 1 or 0, or one of {', '.join(map(repr, variable.states))}. "
                f"It stands in column {column.name!r}, row {label!r}.",
            )
    return found


def listed(names: Sequence[object]) -> str:
    """Return columns by name, for a sentence."""
    return f"column{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"
