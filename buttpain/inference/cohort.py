"""Posteriors of many cases at once: a data frame in, a data frame out.

Rows are computed together wherever one plan serves them.  A plan that leaves a
finding open (weights of 1 where it was not observed) serves more rows, but couples
more; so rows are split, on whether a finding was observed and then on whether it was
absent, until sharing costs less than another plan.  Where nearly every row brings a
pattern of its own, even one plan a row costs too much; then the rows go to native code
(`kernel`), if numba is installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from buttpain.display.progress import progress_bar
from buttpain.errors import ImpossibleEvidence, NetworkTooComplex
from buttpain.inference.case import observe
from buttpain.inference.circuit import run
from buttpain.inference.evidence import Observed
from buttpain.inference.frames import ABSENT, LIKELY, MISSING, SEEN, Columns, Rows
from buttpain.inference.plan import Plan, plan_for
from buttpain.inference.structure import MEMORY, Pattern
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["posteriors"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

CHUNK = 2**16
"""Rows that are read and computed before the next are looked at."""

CACHE = 2**24
"""Bytes of all tensors of a block of rows; the few in use at a time then stay in the processor's cache."""

PLAN_WORTH = 2 * 10**5
"""Table entries that take about as long to run as another plan takes to make and start."""

FEW_PLANS = 8
"""Patterns below which looking for a plan that serves them all costs more than it saves."""

NATIVE_WORTH = 500
"""Patterns whose plans take longer to make than native code takes to start, if numba is installed."""


def posteriors(  # noqa: PLR0913 -- the public contract, and one option a decision
    net: Network,
    frame: pd.DataFrame,
    targets: Sequence[str] | None = None,
    *,
    extra: Literal["error", "ignore"] = "error",
    impossible: Literal["error", "nan"] = "error",
    progress: bool | None = None,
    memory: int = MEMORY,
) -> pd.DataFrame:
    """Return the posteriors of many cases.

    Parameters
    ----------
    net
        What is believed.
    frame
        One row a case.  A column named for a node holds states by name, or booleans; None,
        NaN and "" mean that it was not observed.  Columns named ``node:state``, one for each
        state of the node, hold likelihoods.  Pandas, or dask, which stays lazy (dask turns
        columns of Python objects into text unless told otherwise: use pandas' nullable
        "boolean", or states by name).
    targets
        As in `Case.posterior`: the conditions unless told otherwise.
    extra
        What to do about columns that name no node: refuse them, or leave them out.
    impossible
        What to do about rows whose observations cannot hold together: refuse them by their
        labels, or answer NaN.
    progress
        Show a bar on standard error; by default only in a terminal and when it takes long.
    memory
        Bytes that the tensors may take.

    Returns
    -------
    posteriors
        The same index.  A column for each binary target, P(present); otherwise one for each
        state, named (node, state).

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex

    Examples
    --------
    >>> import buttpain as bp, pandas as pd
    >>> net = bp.load_network("five_findings")
    >>> cases = pd.DataFrame({"sit_bone_tenderness": [True, None], "hop_test_pain": ["absent", "present"]})
    >>> bp.posteriors(net, cases, targets=["sacral_stress_fracture"]).shape
    (2, 1)
    """
    columns = Columns(net, frame.columns, targets, extra, memory)
    if type(frame).__module__.startswith("dask"):
        options = {"extra": extra, "impossible": impossible, "progress": False, "memory": memory}
        lazy: pd.DataFrame = _lazily(columns, frame, options)
        return lazy
    result = np.full((len(frame), columns.width), np.nan)
    clashing: list[int] = []
    with _bar(len(frame), progress) as bar:
        for start in range(0, len(frame), CHUNK):
            chunk = slice(start, start + CHUNK)
            rows = Rows(columns, frame.iloc[chunk])
            clashing += [start + row for row in _fill(columns, rows, result[chunk], bar)]
    if clashing and impossible == "error":
        raise _clash(columns, frame, clashing)
    return columns.frame(result, frame.index)


def _lazily(columns: Columns, frame: Any, options: dict[str, Any]) -> Any:
    """Return the same for a dask frame: one call a partition, when somebody computes it."""
    meta = columns.frame(np.empty((0, columns.width)), frame._meta.index)
    return frame.map_partitions(_partition, columns.net, list(columns.targets), options, meta=meta)


def _partition(frame: pd.DataFrame, net: Network, targets: Sequence[str], options: Any) -> pd.DataFrame:
    return posteriors(net, frame, targets, **options)


def _bar(rows: int, progress: bool | None) -> Any:
    return progress_bar(rows, "case", hidden=None if progress is None else not progress)


def _clash(columns: Columns, frame: pd.DataFrame, rows: list[int]) -> ImpossibleEvidence:
    """Return the error for the rows that cannot be; it explains the first."""
    first = Rows(columns, frame.iloc[[rows[0]]])
    try:
        observe(columns.net, first.evidence(0), memory=columns.memory).posterior()
        clash = first.evidence(0)
    except ImpossibleEvidence as error:
        clash = error.evidence
    return ImpossibleEvidence(clash, columns.net.name, [frame.index[row] for row in sorted(rows)])


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Rows that one plan serves."""

    rows: Places
    pattern: Pattern
    plan: Plan


def _fill(columns: Columns, rows: Rows, result: Array, bar: Any) -> list[int]:
    """Write the answers of some rows into `result`; return the rows that are impossible."""
    contradicted = _contradicted(columns, rows)
    possible = np.flatnonzero(~contradicted)
    # Rows that are alike are computed once.
    distinct, like = _distinct(rows, possible)
    engine = _natively if _is_worth_native(rows.kinds[distinct]) else _by_parts
    impossible = np.zeros(rows.size, dtype=bool)
    impossible[engine(columns, rows, distinct, result)] = True
    result[possible] = result[distinct][like]
    impossible[possible] = impossible[distinct][like]
    bar.update(rows.size)
    return [int(row) for row in np.flatnonzero(impossible | contradicted)]


def _distinct(rows: Rows, some: Places) -> tuple[Places, Places]:
    """Return one row of each kind, and for each of these rows the place of the one like it."""
    if not some.size:
        return some, some
    stated = [rows.states[node][some, None] for node in rows.states]
    weighed = [rows.weights[node][some] for node in rows.weights]
    table = np.concatenate([np.zeros((some.size, 1)), *stated, *weighed], axis=1)
    # NaN differs from itself; a likelihood is never negative.
    _, first, like = np.unique(np.nan_to_num(table, nan=-1.0), axis=0, return_index=True, return_inverse=True)
    return some[first], like.ravel()


def _is_worth_native(kinds: Places) -> bool:
    """Return whether plans for so many patterns take longer than starting native code, if it is there."""
    return np.unique(kinds).size >= NATIVE_WORTH and find_spec("numba") is not None


def _natively(columns: Columns, rows: Rows, some: Places, result: Array) -> Places:
    """Answer rows one by one in native code; return those that are impossible."""
    from buttpain.inference import kernel

    structure, net = columns.structure, columns.net
    hard = np.full((some.size, structure.size), -1, dtype=np.int32)
    for node, states in rows.states.items():
        hard[:, structure.position[node]] = states[some]
    for node, state in net.given.items():
        hard[:, structure.position[node]] = net.states(node).index(state)
    soft = None
    if rows.weights:
        first = np.full(structure.size, -1, dtype=np.int64)
        sizes = [weights.shape[1] for weights in rows.weights.values()]
        first[[structure.position[node] for node in rows.weights]] = np.cumsum([0, *sizes])[:-1]
        soft = np.concatenate([weights[some] for weights in rows.weights.values()], axis=1), first
    asked = [i for i, _ in columns.slots]
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    _, found, status = kernel.posteriors_of_rows(structure, hard, soft, asked, columns.memory, threads)
    starts = np.cumsum([0, *(structure.cards[i] for i in asked)])
    shown = [
        start + state for start, (_, states) in zip(starts, columns.slots, strict=False) for state in states
    ]
    result[some] = found[:, shown]
    impossible = some[status == kernel.IMPOSSIBLE]
    # The other engine tries more orders, and says how large what remains is.
    large = some[status == kernel.TOO_COMPLEX]
    return np.concatenate([impossible, _by_parts(columns, rows, large, result)])


def _by_parts(columns: Columns, rows: Rows, some: Places, result: Array) -> Places:
    """Answer rows in groups that share a plan; return those that are impossible."""
    impossible = [np.zeros(0, dtype=np.intp)]
    for part in _parts(columns, rows, some):
        block = int(np.clip(min(CACHE, columns.memory) / (8 * max(1.0, part.plan.entries)), 1, CHUNK))
        blocks = (part.rows[start : start + block] for start in range(0, part.rows.size, block))
        impossible += [_block(columns, rows, part, places, result) for places in blocks]
    return np.concatenate(impossible)


def _contradicted(columns: Columns, rows: Rows) -> NDArray[np.bool_]:
    """Return which rows contradict the network's own selection."""
    wrong = np.zeros(rows.size, dtype=bool)
    for node, state in columns.net.given.items():
        if node in rows.states:
            states = rows.states[node]
            wrong |= (states >= 0) & (states != columns.net.states(node).index(state))
    return wrong


def _parts(columns: Columns, rows: Rows, some: Places) -> Iterator[_Part]:
    """Yield rows in groups that one plan serves well."""
    if not some.size:
        return
    modes = rows.modes[some]
    patterns = np.unique(rows.kinds[some]).size
    if patterns == 1 or (patterns >= FEW_PLANS and _is_compact(modes)):
        pattern = _pattern(columns, modes)
        plan = _affordable(columns, pattern, PLAN_WORTH * patterns / some.size, only=patterns == 1)
        if plan is not None:
            yield _Part(some, pattern, plan)
            return
    split = _split(modes)
    yield from _parts(columns, rows, some[split])
    yield from _parts(columns, rows, some[~split])


def _is_compact(modes: NDArray[np.int8]) -> bool:
    """Return whether the rows observe much the same nodes, so that one plan for all may be cheap."""
    observed = modes != MISSING
    return bool(observed.any(axis=0).sum() <= 4 + 2 * observed.sum(axis=1).mean())


def _affordable(columns: Columns, pattern: Pattern, entries: float, *, only: bool) -> Plan | None:
    """Return the plan of a pattern if it is the only one left or costs no more than `entries` a row."""
    if only:
        return plan_for(columns.structure, pattern, columns.memory)
    try:
        return plan_for(columns.structure, pattern, int(min(8 * entries, columns.memory)))
    except NetworkTooComplex:
        return None


def _pattern(columns: Columns, modes: NDArray[np.int8]) -> Pattern:
    """Return the pattern that serves all these rows."""
    structure, net = columns.structure, columns.net
    hard = absent = soft = 0
    for node, state in net.given.items():
        i = structure.position[node]
        hard |= 1 << i
        absent |= structure.is_absent(i, np.array([net.states(node).index(state)])) << i
    for node, column in zip(columns.nodes, modes.T, strict=True):
        i = structure.position[node]
        bit, found = 1 << i, set(np.unique(column).tolist())
        if hard & bit:
            soft |= bit if LIKELY in found else 0
        elif found <= {SEEN, ABSENT}:
            hard |= bit
            absent |= bit if found == {ABSENT} else 0
        elif found != {MISSING}:
            soft |= bit
    targets = sum(1 << i for i, _ in columns.slots if not hard >> i & 1)
    return Pattern(hard=hard, absent=absent, soft=soft, targets=targets)


def _split(modes: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return where the column stands apart that divides the rows most evenly."""
    size = len(modes)
    for apart in ((modes == MISSING), (modes == ABSENT), (modes == LIKELY)):
        counts = apart.sum(axis=0)
        even = np.minimum(counts, size - counts)
        if even.max(initial=0) > 0:
            return np.asarray(apart[:, int(even.argmax())])
    raise AssertionError("rows of different patterns differ somewhere")


def _block(columns: Columns, rows: Rows, part: _Part, some: Places, result: Array) -> Places:
    """Run one block of rows and write its answers; return the rows that are impossible."""
    structure, net, pattern = columns.structure, columns.net, part.pattern
    hard = {structure.position[n]: np.array([net.states(n).index(s)]) for n, s in net.given.items()}
    soft = {}
    for node in columns.nodes:
        i = structure.position[node]
        if pattern.soft >> i & 1:
            soft[i] = rows.as_weights(node, some)
        elif pattern.hard >> i & 1 and i not in hard:
            hard[i] = rows.states[node][some]
    passes = run(part.plan, structure.factors, Observed(hard, soft))
    start = 0
    for i, states in columns.slots:
        value = np.eye(structure.cards[i])[:, hard[i]] if i in hard else passes.marginal(i)
        result[some, start : start + len(states)] = np.broadcast_to(value[states].T, (some.size, len(states)))
        start += len(states)
    impossible = ~np.isfinite(np.broadcast_to(passes.log_evidence, some.shape))
    result[some[impossible]] = np.nan
    return some[impossible]
