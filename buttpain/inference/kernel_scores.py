# ruff: noqa: C901, PLR0913, PLR0917 - native code has no closures: what a loop needs, it is given
"""Scores of rows in native code: what `counts` has from the circuit, one row at a time.

The passes are those of `kernel`.  Where they leave value and adjoint of a tensor, their product
is the joint posterior of its variables, up to a factor; so the leaf of a family gives the
expected counts of its numbers.  A finding seen absent needs the posterior of each parent alone.

Notation
--------
n_k, n
    Expected number of times that an outcome came, and that it could have come.
score[i]
    n_k - theta[i] n, for number i of `theta`.
"""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.kernel import (
    _EXPONENT,
    _NO_ROOM,
    _ROWS,
    _TENSORS,
    _TOP,
    IMPOSSIBLE,
    OK,
    TOO_COMPLEX,
    Net,
    Work,
    _backward,
    _declare,
    _deputy_leaves,
    _eliminate,
    _file,
    _flatten,
    _fold,
    _free_parents,
    _jit,
    _order,
    _read,
    _relevant,
    _settle_places,
    _settled_causes,
    _sort,
    _table_leaf,
    _unary_leaf,
    _work_for,
    with_more_room,
)
from buttpain.inference.structure import MEMORY, Factors, Structure

__all__ = ["scores_of_rows"]

Array = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]
Masks = NDArray[np.uint64]


class Numbers(NamedTuple):
    """Where the numbers of `theta` belong.

    Parameters
    ----------
    theta
        Shape (parameters,).
    start
        First number of each node's family: of its table, or its leak.
    link
        For each parent of a noisy-OR, edges in the order of `Net.parents`, where `place` begins.
    place
        The number of each state's link, -1 where it does not act.
    """

    theta: Array
    start: Ints
    link: Ints
    place: Ints


class Room(NamedTuple):
    """What one thread works in, besides `Work`.

    Parameters
    ----------
    leaf
        First leaf of each node's family, -1 for none.
    posterior
        Of each free node that matters, shape (nodes, states).
    states
        State of each member of a family: its parents, then itself.
    """

    leaf: Ints
    posterior: Array
    states: Ints


# -- one row ---------------------------------------------------------------------------------


@_jit
def _leaves(
    net: Net,
    work: Work,
    room: Room,
    hard: Ints,
    weights: Array,
    columns: Ints,
    count: int,
    m: int,
    words: int,
) -> Any:
    """Make all leaves and note whose they are; return a status."""
    for i in range(count):
        if not _fold(net, work, work.nodes[i], hard, weights, columns):
            return IMPOSSIBLE
    for i in range(count):
        node = work.nodes[i]
        first = work.used[_TENSORS]
        if net.is_or[node] and hard[node] == 0:
            made = True
        elif work.deputy[node] >= 0:
            made = _deputy_leaves(net, work, node, hard, words)
        else:
            made = _table_leaf(net, work, node, hard, words)
        if not made:
            return _NO_ROOM
        room.leaf[node] = first if work.used[_TENSORS] > first else -1
    for v in range(m):
        if work.variables[v].pending:
            t = _unary_leaf(work, v, words)
            if t < 0:
                return _NO_ROOM
            _file(work, t, words)
    for t in range(work.used[_TENSORS]):
        work.tensors[t].wanted = 1
    return OK


@_jit
def _passes(
    net: Net, work: Work, room: Room, hard: Ints, weights: Array, columns: Ints, asked: Masks, limit: float
) -> tuple[int, int]:
    """Run both passes; return a status and how many nodes matter."""
    count = _relevant(net, work, hard, weights, columns, asked)
    m = _declare(net, work, hard, count)
    words = (m + 63) >> 6
    if _order(work, m, words) > limit:
        return TOO_COMPLEX, count
    _settle_places(net, work, count, m, words)
    work.value[:2] = 1.0
    work.used[:] = 0
    work.used[_TOP] = 2
    status = _leaves(net, work, room, hard, weights, columns, count, m, words)
    if status != OK:
        return status, count
    for v in range(m):
        work.scratch[6, work.variables[v].place] = v
    for p in range(m - 1, -1, -1):
        status = _eliminate(net, work, p, work.places[p].node >= 0, work.scratch[6, p], words)
        if status != OK:
            return status, count
    _backward(work)
    for i in range(count):
        node = work.nodes[i]
        if hard[node] < 0:
            _read(work, work.variables[work.local[node]].place, room.posterior[node, : net.cards[node]])
    return OK, count


# -- what a family says ----------------------------------------------------------------------


@_jit
def _members(net: Net, work: Work, room: Room, node: int, hard: Ints) -> int:
    """Write the free members of a family to scratch[0] and which they are to scratch[1]; count them."""
    count, first = 0, net.first[node]
    size = net.first[node + 1] - first
    for j in range(size + 1):
        i = node if j == size else net.parents[first + j]
        room.states[j] = hard[i]
        if hard[i] < 0:
            work.scratch[0, count], work.scratch[1, count] = work.local[i], j
            count += 1
    _sort(work, count)
    return count


@_jit
def _entry(net: Net, room: Room, node: int) -> Any:
    """Return which entry of a family's table the states stand for."""
    entry, first = 0, net.first[node]
    size = net.first[node + 1] - first
    for j in range(size):
        entry = entry * net.cards[net.parents[first + j]] + room.states[j]
    return entry * net.cards[node] + room.states[size]


@_jit
def _add_causes(
    net: Net, numbers: Numbers, room: Room, node: int, p: float, present: float, score: Array
) -> None:
    """Add what a noisy-OR in one joint state says; `present` is P(present) in it, 0 where it is absent."""
    leak = numbers.start[node]
    acted = p / present if present > 0.0 else 0.0
    score[leak] += numbers.theta[leak] * (acted - p)
    for j in range(net.first[node + 1] - net.first[node]):
        i = numbers.place[numbers.link[net.first[node] + j] + room.states[j]]
        if i >= 0:
            score[i] += numbers.theta[i] * (acted - p)


@_jit
def _add_state(net: Net, numbers: Numbers, room: Room, node: int, p: float, score: Array) -> None:
    """Add what one joint state of a family says, with probability p."""
    entry = _entry(net, room, node)
    if not net.is_or[node]:
        score[numbers.start[node] + entry] += p
    elif room.states[net.first[node + 1] - net.first[node]] == 0:
        _add_causes(net, numbers, room, node, p, 0.0, score)
    elif p > 0.0:
        _add_causes(net, numbers, room, node, p, net.numbers[net.table[node] + entry], score)


@_jit
def _add_absent(net: Net, numbers: Numbers, room: Room, node: int, hard: Ints, score: Array) -> None:
    """Add what a noisy-OR that was seen absent says: no cause acted."""
    leak = numbers.start[node]
    score[leak] -= numbers.theta[leak]
    for e in range(net.first[node], net.first[node + 1]):
        parent = net.parents[e]
        for s in range(net.cards[parent]):
            i = numbers.place[numbers.link[e] + s]
            if i >= 0 and hard[parent] < 0:
                score[i] -= numbers.theta[i] * room.posterior[parent, s]
            elif i >= 0 and hard[parent] == s:
                score[i] -= numbers.theta[i]


@_jit
def _add_settled(net: Net, numbers: Numbers, room: Room, node: int, hard: Ints, score: Array) -> None:
    """Add what a noisy-OR of many parents says, all of which are known."""
    _, present = _settled_causes(net, node, hard)
    for j in range(net.first[node + 1] - net.first[node]):
        room.states[j] = hard[net.parents[net.first[node] + j]]
    if hard[node] >= 0:
        _add_causes(net, numbers, room, node, 1.0, present, score)
    else:
        _add_causes(net, numbers, room, node, room.posterior[node, 0], 0.0, score)
        _add_causes(net, numbers, room, node, room.posterior[node, 1], present, score)


@_jit
def _add_deputy(
    net: Net, work: Work, numbers: Numbers, room: Room, node: int, hard: Ints, score: Array
) -> None:
    """Add what a noisy-OR of many parents says, from the leaf of each free parent.

    The first leaf also holds the leak and the known parents: it acted if one of them did.
    """
    quiet, acted = _settled_causes(net, node, hard)
    place = work.variables[work.deputy[node]].place
    for k in range(_free_parents(net, work, node)):
        u, e = work.scratch[0, k], work.scratch[1, k]
        tensor = work.tensors[room.leaf[node] + k]
        card = work.variables[u].card
        outer = place > work.variables[u].place
        of_state, of_deputy = (1, card) if outer else (2, 1)
        total = 0.0
        for at in range(tensor.start, tensor.start + tensor.size):
            total += work.value[at] * work.adjoint[at]
        for s in range(card):
            at = tensor.start + s * of_state
            p_quiet = work.value[at] * work.adjoint[at] / total
            p_acted = work.value[at + of_deputy] * work.adjoint[at + of_deputy] / total
            i, link = numbers.place[numbers.link[e] + s], net.numbers[net.link[e] + s]
            came = acted + quiet * link
            share = p_acted / came if came > 0.0 else 0.0
            if i >= 0:
                score[i] += numbers.theta[i] * (share - p_quiet - p_acted)
            if k == 0:
                leak = numbers.start[node]
                score[leak] += numbers.theta[leak] * (share - p_quiet - p_acted)
                for known in range(net.first[node], net.first[node + 1]):
                    state = hard[net.parents[known]]
                    if state >= 0 and numbers.place[numbers.link[known] + state] >= 0:
                        j = numbers.place[numbers.link[known] + state]
                        score[j] += numbers.theta[j] * (share - p_quiet - p_acted)
        quiet, acted = 1.0, 0.0


@_jit
def _add_small(
    net: Net, work: Work, numbers: Numbers, room: Room, node: int, hard: Ints, score: Array
) -> None:
    """Add what a family says that has a table."""
    first = net.first[node]
    size = net.first[node + 1] - first
    count = _members(net, work, room, node, hard)
    if count == 0:
        _add_state(net, numbers, room, node, 1.0, score)
    elif count == 1:
        j = work.scratch[1, 0]
        free = node if j == size else net.parents[first + j]
        for s in range(net.cards[free]):
            room.states[j] = s
            _add_state(net, numbers, room, node, room.posterior[free, s], score)
    else:
        tensor = work.tensors[room.leaf[node]]
        total = 0.0
        for at in range(tensor.start, tensor.start + tensor.size):
            total += work.value[at] * work.adjoint[at]
        for at in range(tensor.size):
            rest = at
            for k in range(count):
                card = work.variables[work.scratch[0, k]].card
                room.states[work.scratch[1, k]] = rest % card
                rest //= card
            p = work.value[tensor.start + at] * work.adjoint[tensor.start + at] / total
            _add_state(net, numbers, room, node, p, score)


@_jit
def _take_chances(net: Net, numbers: Numbers, node: int, score: Array) -> None:
    """Turn the counts of a table into scores: take its values times the counts of each row away."""
    card = net.cards[node]
    rows = 1
    for e in range(net.first[node], net.first[node + 1]):
        rows *= net.cards[net.parents[e]]
    at = numbers.start[node]
    for _ in range(rows):
        total = 0.0
        for s in range(card):
            total += score[at + s]
        for s in range(card):
            score[at + s] -= numbers.theta[at + s] * total
        at += card


@_jit
def _row(
    net: Net,
    work: Work,
    numbers: Numbers,
    room: Room,
    hard: Ints,
    weights: Array,
    columns: Ints,
    asked: Masks,
    limit: float,
    score: Array,
) -> tuple[int, float]:
    """Score one row; return its status and ln P(e)."""
    status, count = _passes(net, work, room, hard, weights, columns, asked, limit)
    score[:] = 0.0
    if status != OK:
        return status, -np.inf
    for i in range(count):
        node = work.nodes[i]
        if net.is_or[node] and hard[node] == 0:
            _add_absent(net, numbers, room, node, hard, score)
        elif work.deputy[node] >= 0:
            _add_deputy(net, work, numbers, room, node, hard, score)
        elif net.table[node] < 0:
            _add_settled(net, numbers, room, node, hard, score)
        else:
            _add_small(net, work, numbers, room, node, hard, score)
            if not net.is_or[node]:
                _take_chances(net, numbers, node, score)
    return OK, np.log(work.value[0]) + work.used[_EXPONENT] * np.log(2.0)


@_jit
def _rows(
    net: Net,
    work: Work,
    numbers: Numbers,
    room: Room,
    rows: Ints,
    hard: Ints,
    weights: Array,
    columns: Ints,
    asked: Masks,
    limit: float,
    log_evidence: Array,
    scores: Array,
    status: Ints,
) -> None:
    """Score some rows."""
    for k in range(rows.shape[0]):
        row = rows[k]
        status[row], log_evidence[row] = _row(
            net, work, numbers, room, hard[row], weights[row], columns, asked, limit, scores[row]
        )


# -- from Python -----------------------------------------------------------------------------


def _numbers_of(structure: Structure, theta: Array) -> Numbers:
    link, place = list[int](), list[NDArray[np.intp]]()
    for family in structure.families:
        for slot in range(len(family.parents)):
            link.append(sum(places.size for places in place))
            if family.is_or:
                place.append(family.links[slot])
    return Numbers(
        theta=np.ascontiguousarray(theta),
        start=np.array([family.start for family in structure.families], dtype=np.int64),
        link=np.array(link, dtype=np.int64),
        place=np.concatenate([*place, np.zeros(1, np.intp)]).astype(np.int64),
    )


def _room_for(net: Net) -> Room:
    nodes = len(net.cards)
    return Room(
        leaf=np.empty(nodes, np.int64),
        posterior=np.empty((nodes, int(net.cards.max()))),
        states=np.empty(int(np.diff(net.first).max()) + 1, np.int64),
    )


def scores_of_rows(
    structure: Structure,
    theta: Array,
    hard: NDArray[np.integer[Any]],
    soft: tuple[Array, Ints] | None,
    memory: int = MEMORY,
    threads: int = 1,
) -> tuple[Array, Array, NDArray[np.int8]]:
    """Return what each row says about every number, planned anew for each.

    Parameters
    ----------
    structure
        Of the network.
    theta
        The numbers, shape (parameters,).
    hard, soft, memory, threads
        As in `kernel.posteriors_of_rows`.

    Returns
    -------
    log_evidence
        ln P(e), the network's own selection not counted out; shape (rows,).
    scores
        Shape (rows, parameters).
    status
        `OK`, `IMPOSSIBLE` or `TOO_COMPLEX`; the scores of the last two are 0.
    """
    under = copy.copy(structure)
    under.factors = Factors(structure, theta[:, None])
    net, numbers = _flatten(under), _numbers_of(structure, theta)
    rows, limit = len(hard), memory / 8
    hard = np.ascontiguousarray(hard, dtype=np.int32)
    weights, columns = soft or (np.empty((rows, 0)), np.full(structure.size, -1, dtype=np.int64))
    asked = np.zeros(net.ancestors.shape[1], dtype=np.uint64)
    log_evidence, scores = np.empty(rows), np.empty((rows, theta.size))
    status = np.empty(rows, dtype=np.int8)

    def answer(left: Ints, arena: int) -> None:
        chunks = iter(np.array_split(left, -(-len(left) // _ROWS)))
        lock = threading.Lock()

        def take() -> Ints | None:
            with lock:
                return next(chunks, None)

        def thread() -> None:
            work, room = _work_for(net, arena), _room_for(net)
            while (chunk := take()) is not None:
                _rows(
                    net,
                    work,
                    numbers,
                    room,
                    chunk,
                    hard,
                    weights,
                    columns,
                    asked,
                    limit,
                    log_evidence,
                    scores,
                    status,
                )

        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(thread) for _ in range(threads)]:
                future.result()

    with_more_room(answer, status, limit)
    return log_evidence, scores, status
