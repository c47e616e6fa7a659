# ruff: noqa: C901, PLR0912, PLR0913, PLR0917 - native code has no closures: what a loop needs, it is given
"""A compiled row: plan and passes of one evidence pattern in one native call.

The NumPy circuit compiles a pattern once and runs it over many cases.  In a cohort
where nearly every row brings a new pattern, the compiling is what costs, so here
order, elimination and backward pass of a row are one function without allocation,
run by several threads at once.  Importing this module needs numba.

Method
------
Bucket elimination (Zhang and Poole, JAIR 1996) on what is relevant to the row, in the
order of the smallest clique first, and a backward pass over the same steps for all
posteriors (Darwiche, JACM 2003).  A noisy-OR of more than `MOST_PARENTS` parents
has a *deputy* "some cause so far has acted"; its contributions meet by

    absent = absent1 * absent2,   present = present1 * (absent2 + present2) + absent1 * present2,

so that nothing is ever subtracted.  A finding observed absent is one vector a free parent.

Notation
--------
variable
    A free relevant node, or a deputy; numbered anew for each row.
place
    Turn of a variable, counted from the end: 0 is summed out last.  The set of a tensor's
    variables is a bit mask by place (`masks`), and its axes run from place 0, innermost,
    outwards.  So the variable of a bucket is always the outermost axis, and the
    variables that large cliques share are the innermost.
value[start : start + size]
    A tensor.  `adjoint` at the same place is d P(e) / d value, up to a factor.
axes[i] = (size, stride in a, stride in b, stride in out)
    One loop of the step out += a * b, innermost first.

Magnitudes are kept by powers of two, which round nothing.  A factor common to a whole
adjoint does not matter: posteriors are normalised one by one.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from buttpain.inference.structure import MEMORY, Structure

__all__ = ["IMPOSSIBLE", "OK", "TOO_COMPLEX", "posteriors_of_rows", "with_more_room"]

Array = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]
Masks = NDArray[np.uint64]
Records = NDArray[np.void]

OK, IMPOSSIBLE, TOO_COMPLEX, _NO_ROOM = 0, 1, 2, 3

MOST_PARENTS = 3
"""Parents up to which a noisy-OR is a table."""

_ROWS = 64
"""Rows that a thread takes at a time, at most."""
_ARENA = 2**18
"""Entries of a thread's arena at first; it grows for the rows that need more."""
_LONG = 16
"""Runs from this length on are looped over as they are; shorter ones through a table of places."""
_TABLE = 256
"""Entries of such a table."""

_SIZE, _A, _B, _OUT = 0, 1, 2, 3
_TOP, _TENSORS, _STEPS, _AXES, _EXPONENT = 0, 1, 2, 3, 4
_TINY = 2.0**-200

_VARIABLE = np.dtype([("card", "i8"), ("clique", "f8"), ("early", "i8"), ("place", "i8"), ("pending", "i8")])
_TENSOR = np.dtype([("start", "i8"), ("size", "i8"), ("next", "i8"), ("wanted", "i8")])
_STEP = np.dtype([("out", "i8"), ("a", "i8"), ("b", "i8"), ("first", "i8"), ("count", "i8")])
_PLACE = np.dtype(
    [("card", "i8"), ("node", "i8"), ("head", "i8"), ("settle", "i8"), ("read", "i8"), ("inner", "i8")]
)


class Net(NamedTuple):
    """A network as flat arrays; shared by all rows.

    Parameters
    ----------
    cards
        States of each node.
    is_or
        1 where the node is a noisy-OR.
    parents, first
        Parents of all nodes in one list; those of node i are ``first[i]:first[i + 1]``.
    numbers, table, link, leak
        Tables and links in one vector; where each node's table (-1 for a noisy-OR too
        large to be one) and each parent's links (one a state) begin; the leaks.
    ancestors
        Mask of each node's ancestors and itself, shape (nodes, words).
    kinds, log2
        For each node, which of the different numbers of states it has; their logarithms.
    """

    cards: Ints
    is_or: Ints
    parents: Ints
    first: Ints
    numbers: Array
    table: Ints
    link: Ints
    leak: Array
    ancestors: Masks
    kinds: Ints
    log2: Array


class Work(NamedTuple):
    """What one thread works in.

    Parameters
    ----------
    nodes, local, deputy
        The relevant nodes; the variable of each node and of its deputy, -1 for none.
    variables, unary
        Records by variable, and the product of the vectors on each that wait for a tensor.
    graph
        Neighbours of each variable and itself, as masks by variable.
    places, kinds, deputies
        Records by place; masks by place of each number of states, and of the deputies.
    tensors, masks, steps, axes
        The plan.
    value, adjoint
        The arenas.
    used
        How much of each is taken; the binary exponent of P(e).
    scratch
        Counters and short lists, shape (6, ...).
    """

    nodes: Ints
    local: Ints
    deputy: Ints
    variables: Records
    unary: Array
    graph: Masks
    places: Records
    kinds: Masks
    deputies: Masks
    tensors: Records
    masks: Masks
    steps: Records
    axes: Ints
    value: Array
    adjoint: Array
    used: Ints
    scratch: Ints
    loops: Ints
    table: Ints


_F = TypeVar("_F", bound=Callable[..., Any])


def _jit(function: _F) -> _F:
    # Without the reference counting of numba's run time, which would take half of the time here (and
    # with it, nothing can be allocated by mistake).  Sums may be reordered so that they vectorise; NaN,
    # infinities and signed zeros stay what they are.
    compiled: _F = numba.njit(  # type: ignore[call-overload]  # its types do not know _nrt
        cache=True,
        nogil=True,
        _nrt=False,
        forceinline=True,
        error_model="numpy",
        fastmath={"reassoc", "contract"},
    )(function)
    return compiled


# -- bits ------------------------------------------------------------------------------------

_ONE = np.uint64(1)


@_jit
def _count(x: Any) -> Any:
    """Set bits; the compiler knows this pattern as one instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@_jit
def _lowest(x: Any) -> Any:
    """Position of the lowest set bit."""
    return _count(~x & (x - _ONE))


@_jit
def _bit(i: int) -> Any:
    return _ONE << np.uint64(i & 63)


@_jit
def _highest(mask: Masks, words: int) -> Any:
    """Position of the highest set bit of a mask; -1 if none."""
    for w in range(words - 1, -1, -1):
        x = mask[w]
        if x != np.uint64(0):
            for shift in (1, 2, 4, 8, 16, 32):
                x |= x >> np.uint64(shift)
            return 64 * w + _count(x) - 1
    return -1


@_jit
def _at(i: int) -> Any:
    """Return an index as one known not to be negative, so that nothing wraps round."""
    return np.uint64(i)


# -- what is relevant, and its graph ---------------------------------------------------------


@_jit
def _is_soft(weights: Array, columns: Ints, node: int) -> bool:
    """Whether the row has likelihoods of a node: columns that do not begin with NaN."""
    return columns[node] >= 0 and not np.isnan(weights[columns[node]])


@_jit
def _relevant(net: Net, work: Work, hard: Ints, weights: Array, columns: Ints, asked: Masks) -> int:
    """List the ancestors of what was observed or asked; return how many they are."""
    words = net.ancestors.shape[1]
    seen = work.deputies
    for w in range(words):
        seen[w] = asked[w]
    for node in range(hard.shape[0]):
        if hard[node] >= 0 or _is_soft(weights, columns, node):
            for w in range(words):
                seen[w] |= net.ancestors[node, w]
    count = 0
    for w in range(words):
        rest = seen[w]
        while rest:
            work.nodes[count] = 64 * w + _lowest(rest)
            rest &= rest - _ONE
            count += 1
    return count


@_jit
def _add_variable(work: Work, m: int, card: int, early: int) -> int:
    variable = work.variables[m]
    variable.card = card
    variable.early = early
    variable.pending = 0
    for s in range(card):
        work.unary[m, s] = 1.0
    return m + 1


@_jit
def _free_parents(net: Net, work: Work, node: int) -> int:
    """Write the free parents of a node to scratch[0], where they stand to scratch[1]; count them."""
    count = 0
    for e in range(net.first[node], net.first[node + 1]):
        if work.local[net.parents[e]] >= 0:
            work.scratch[0, count] = work.local[net.parents[e]]
            work.scratch[1, count] = e
            count += 1
    return count


@_jit
def _declare(net: Net, work: Work, hard: Ints, count: int) -> int:
    """Give each variable a number and join those that share a factor; return how many there are."""
    m = 0
    for i in range(count):
        node = work.nodes[i]
        work.deputy[node] = work.local[node] = -1
        if hard[node] < 0:
            work.local[node] = m
            m = _add_variable(work, m, net.cards[node], -1)
    for i in range(count):
        node = work.nodes[i]
        if net.table[node] < 0 and hard[node] != 0 and _free_parents(net, work, node) > 0:
            work.deputy[node] = m
            if hard[node] < 0:
                work.variables[work.local[node]].early = m
            m = _add_variable(work, m, 2, -1)
    words = (m + 63) >> 6
    for v in range(m):
        for w in range(words):
            work.graph[v, w] = 0
        work.graph[v, v >> 6] = _bit(v)
    for i in range(count):
        _connect(net, work, work.nodes[i], hard)
    return m


@_jit
def _connect(net: Net, work: Work, node: int, hard: Ints) -> None:
    """Join the variables of each factor of a family."""
    if net.is_or[node] and hard[node] == 0:
        return
    members = work.scratch[0]
    count = _free_parents(net, work, node)
    if hard[node] < 0:
        members[count] = work.local[node]
        count += 1
    hub = work.deputy[node]
    for i in range(count):
        v = members[i]
        if hub >= 0:
            work.graph[v, hub >> 6] |= _bit(hub)
            work.graph[hub, v >> 6] |= _bit(v)
        else:
            for j in range(count):
                u = members[j]
                work.graph[v, u >> 6] |= _bit(u)


# -- the order -------------------------------------------------------------------------------


@_jit
def _clique(work: Work, v: int, words: int) -> float:
    """Entries of the table over a variable and its neighbours."""
    size = 1.0
    for w in range(words):
        rest = work.graph[v, w]
        while rest:
            size *= work.variables[64 * w + _lowest(rest)].card
            rest &= rest - _ONE
    return size


@_jit
def _order(work: Work, m: int, words: int) -> float:
    """Give each variable its place, the smallest clique first; return the entries of all cliques."""
    alive = work.scratch[0]
    for v in range(m):
        alive[v] = v
        work.variables[v].clique = _clique(work, v, words)
    entries = 0.0
    for place in range(m - 1, -1, -1):
        best, smallest = 0, np.inf
        for i in range(place + 1):
            variable = work.variables[alive[i]]
            if variable.clique < smallest and variable.early < 0:
                best, smallest = i, variable.clique
        v = alive[best]
        alive[best] = alive[place]
        work.variables[v].place = place
        entries += smallest
        _remove(work, v, words)
        for i in range(place):
            if work.variables[alive[i]].early == v:
                work.variables[alive[i]].early = -1
    return entries


@_jit
def _remove(work: Work, v: int, words: int) -> None:
    """Take a variable out and join its neighbours."""
    graph = work.graph
    graph[v, v >> 6] ^= _bit(v)
    card = work.variables[v].card
    for w in range(words):
        rest = graph[v, w]
        while rest:
            u = 64 * w + _lowest(rest)
            rest &= rest - _ONE
            grown = work.variables[u].clique / card
            for k in range(words):
                new = graph[v, k] & ~graph[u, k]
                graph[u, k] |= new
                while new:
                    grown *= work.variables[64 * k + _lowest(new)].card
                    new &= new - _ONE
            graph[u, v >> 6] &= ~_bit(v)
            work.variables[u].clique = grown


@_jit
def _settle_places(net: Net, work: Work, count: int, m: int, words: int) -> None:
    """Write the records and masks by place."""
    work.deputies[:words] = 0
    work.kinds[:, :words] = 0
    for p in range(m):
        work.places[p].head = -1
        work.places[p].settle = -1
        work.places[p].node = -1
        work.places[p].read = -1
    for i in range(count):
        node = work.nodes[i]
        if work.local[node] >= 0:
            p = work.variables[work.local[node]].place
            work.places[p].card = net.cards[node]
            work.places[p].node = node
            work.kinds[net.kinds[node], p >> 6] |= _bit(p)
        if work.deputy[node] >= 0:
            p = work.variables[work.deputy[node]].place
            work.places[p].card = 2
            work.deputies[p >> 6] |= _bit(p)
            work.kinds[0, p >> 6] |= _bit(p)


# -- loops -----------------------------------------------------------------------------------


@_jit
def _loop(loops: Ints, first: int, top: int, size: int, a: int, b: int, out: int) -> int:
    """Add a loop, sorted by the stride of what it writes and merged with the one before if it can be."""
    at = top
    while at > first and loops[at - 1, _OUT] > out:
        for k in range(4):
            loops[at, k] = loops[at - 1, k]
        at -= 1
    if at == top and at > first:
        n = loops[at - 1, _SIZE]
        if loops[at - 1, _A] * n == a and loops[at - 1, _B] * n == b and loops[at - 1, _OUT] * n == out:
            loops[at - 1, _SIZE] = n * size
            return top
    loops[at, _SIZE] = size
    loops[at, _A] = a
    loops[at, _B] = b
    loops[at, _OUT] = out
    return top + 1


@_jit
def _table_of(loops: Ints, first: int, last: int, column: int, table: Ints) -> int:
    """Write where the entries of some nested loops stand; return how many they are."""
    table[0] = 0
    n = 1
    for k in range(first, last):
        stride = loops[k, column]
        at = n
        for s in range(1, loops[k, _SIZE]):
            for i in range(n):
                table[at] = table[i] + s * stride
                at += 1
        n = at
    return n


@_jit
def _add_products(
    n: int,
    flat: bool,
    x: Array,
    px: int,
    x0: int,
    ix: Ints,
    y: Array,
    py: int,
    y0: int,
    iy: Ints,
    z: Array,
    pz: int,
) -> None:
    """Add x * y to z, for entries next to each other in z."""
    if flat and x0 == 1 and y0 == 1:
        for i in range(n):
            z[_at(pz + i)] += x[_at(px + i)] * y[_at(py + i)]
    elif flat and x0 == 1:
        c = y[py]
        for i in range(n):
            z[_at(pz + i)] += x[_at(px + i)] * c
    elif flat and y0 == 1:
        c = x[px]
        for i in range(n):
            z[_at(pz + i)] += c * y[_at(py + i)]
    else:
        for i in range(n):
            z[_at(pz + i)] += x[_at(px + ix[i])] * y[_at(py + iy[i])]


@_jit
def _sum_products(
    n: int, flat: bool, x: Array, px: int, x0: int, ix: Ints, y: Array, py: int, y0: int, iy: Ints
) -> float:
    """Sum of x * y."""
    total = 0.0
    if flat and x0 == 1 and y0 == 1:
        for i in range(n):
            total += x[_at(px + i)] * y[_at(py + i)]
    elif flat and x0 == 1:
        for i in range(n):
            total += x[_at(px + i)]
        total *= y[py]
    elif flat and y0 == 1:
        for i in range(n):
            total += y[_at(py + i)]
        total *= x[px]
    else:
        for i in range(n):
            total += x[_at(px + ix[i])] * y[_at(py + iy[i])]
    return total


@_jit
def _multiply_add(
    axes: Ints,
    loops: Ints,
    ix: Ints,
    iy: Ints,
    x: Array,
    px: int,
    kx: int,
    y: Array,
    py: int,
    ky: int,
    z: Array,
    pz: int,
    kz: int,
) -> None:
    """Add x * y to z over all axes; kx, ky and kz say which column of `axes` has the strides of each."""
    written, summed = 1, 1
    for i in range(axes.shape[0]):
        if axes[i, kz] != 0:
            written *= axes[i, _SIZE]
        else:
            summed *= axes[i, _SIZE]
    adds = written >= 4 or written >= summed
    count, inner = 0, 0
    for turn in range(2):
        first = count
        for i in range(axes.shape[0]):
            if (axes[i, kz] != 0) == (adds if turn == 0 else not adds):
                count = _loop(loops, first, count, axes[i, _SIZE], axes[i, kx], axes[i, ky], axes[i, kz])
        if turn == 0:
            group = count
    n, x0, y0 = loops[0, _SIZE], loops[0, _A], loops[0, _B]
    flat = group > 0 and n >= _LONG and x0 <= 1 and y0 <= 1 and x0 + y0 > 0
    if flat:
        inner = 1
    else:
        n = 1
        while inner < group and n * loops[inner, _SIZE] <= _TABLE:
            n *= loops[inner, _SIZE]
            inner += 1
        _table_of(loops, 0, inner, _A, ix)
        _table_of(loops, 0, inner, _B, iy)
    for k in range(inner, count):
        loops[k, 4] = 0
    while True:
        if adds:
            _add_products(n, flat, x, px, x0, ix, y, py, y0, iy, z, pz)
        else:
            z[pz] += _sum_products(n, flat, x, px, x0, ix, y, py, y0, iy)
        k = inner
        while k < count:
            loops[k, 4] += 1
            px += loops[k, _A]
            py += loops[k, _B]
            pz += loops[k, _OUT]
            if loops[k, 4] < loops[k, _SIZE]:
                break
            loops[k, 4] = 0
            px -= loops[k, _A] * loops[k, _SIZE]
            py -= loops[k, _B] * loops[k, _SIZE]
            pz -= loops[k, _OUT] * loops[k, _SIZE]
            k += 1
        if k >= count:
            return


@_jit
def _rescale(x: Array, start: int, size: int) -> int:
    """Bring a tensor with only tiny entries back by a power of two; return its exponent."""
    largest = 0.0
    for i in range(start, start + size):
        if x[i] > _TINY:
            return 0
        largest = max(largest, x[i])
    if largest == 0.0:
        return 0
    exponent = math.frexp(largest)[1]
    for i in range(start, start + size):
        x[i] = math.ldexp(x[i], -exponent)
    return exponent


@_jit
def _scale_axis(x: Array, start: int, size: int, inner: int, card: int, factor: Array) -> None:
    """Multiply a vector into one axis of a tensor."""
    at = start
    while at < start + size:
        for s in range(card):
            for _ in range(inner):
                x[at] *= factor[s]
                at += 1


# -- tensors ---------------------------------------------------------------------------------


@_jit
def _new_tensor(work: Work, size: int, words: int) -> Any:
    """Take room for a tensor without variables yet; return -1 if there is none."""
    start, t = work.used[_TOP], work.used[_TENSORS]
    if start + size > work.value.shape[0] or t >= work.tensors.shape[0]:
        return -1
    work.used[_TOP] = start + size
    work.used[_TENSORS] = t + 1
    tensor = work.tensors[t]
    tensor.start = start
    tensor.size = size
    tensor.wanted = 0
    for w in range(words):
        work.masks[t, w] = 0
    return t


@_jit
def _file(work: Work, t: int, words: int) -> None:
    """Put a tensor into the bucket of the first of its variables to go."""
    p = _highest(work.masks[t], words)
    work.tensors[t].next = work.places[p].head
    work.places[p].head = t


@_jit
def _push_axis(axes: Ints, top: int, size: int, a: int, b: int, out: int) -> int:
    """Add an axis; return the new top."""
    axes[top, _SIZE] = size
    axes[top, _A] = a
    axes[top, _B] = b
    axes[top, _OUT] = out
    return top + 1


@_jit
def _constant(work: Work, x: float) -> Any:
    """Multiply P(e) by a number; return whether it is still possible."""
    work.value[0] *= x
    if work.value[0] < _TINY:
        work.used[_EXPONENT] += _rescale(work.value, 0, 1)
    return work.value[0] > 0.0


# -- factors ---------------------------------------------------------------------------------


@_jit
def _await(work: Work, v: int) -> None:
    """Note that a variable's vector waits for a tensor; keep it from underflow."""
    work.variables[v].pending = 1
    work.used[_EXPONENT] += _rescale(work.unary[v], 0, work.variables[v].card)


@_jit
def _fold(net: Net, work: Work, node: int, hard: Ints, weights: Array, columns: Ints) -> Any:
    """Fold what says something about at most one variable into its vector, or into P(e).

    Returns whether the evidence is still possible.
    """
    v = work.local[node]
    if _is_soft(weights, columns, node) and not _fold_soft(
        work, v, hard[node], weights, columns[node], net.cards[node]
    ):
        return False
    free = _free_parents(net, work, node)
    if net.is_or[node] and (hard[node] == 0 or net.table[node] < 0):
        return _fold_or(net, work, node, hard, free)
    if free + (v >= 0) > 1:
        return True
    base, stride, step = net.table[node], 1, 0
    variable = -1
    for e in range(net.first[node + 1], net.first[node] - 1, -1):
        i = node if e == net.first[node + 1] else net.parents[e]
        if hard[i] >= 0:
            base += hard[i] * stride
        else:
            variable, step = work.local[i], stride
        stride *= net.cards[i]
    if variable < 0:
        return _constant(work, net.numbers[base])
    for s in range(work.variables[variable].card):
        work.unary[variable, s] *= net.numbers[base + s * step]
    _await(work, variable)
    return True


@_jit
def _fold_soft(work: Work, v: int, state: int, weights: Array, column: int, card: int) -> Any:
    """Fold the likelihoods of a node, scaled to at most 1 by a power of two."""
    if v < 0:
        return _constant(work, weights[column + state])
    largest = 0.0
    for s in range(card):
        largest = max(largest, weights[column + s])
    if largest == 0.0:
        return False
    exponent = math.frexp(largest)[1]
    work.used[_EXPONENT] += exponent
    for s in range(card):
        work.unary[v, s] *= math.ldexp(weights[column + s], -exponent)
    _await(work, v)
    return True


@_jit
def _settled_causes(net: Net, node: int, hard: Ints) -> tuple[float, float]:
    """Return P(absent) and P(present) by the leak and the observed parents alone."""
    quiet, acted = 1.0 - net.leak[node], net.leak[node]
    for e in range(net.first[node], net.first[node + 1]):
        state = hard[net.parents[e]]
        if state >= 0:
            link = net.numbers[net.link[e] + state]
            acted += quiet * link
            quiet *= 1.0 - link
    return quiet, acted


@_jit
def _fold_or(net: Net, work: Work, node: int, hard: Ints, free: int) -> Any:
    quiet, acted = _settled_causes(net, node, hard)
    v, state = work.local[node], hard[node]
    if state == 0:
        for i in range(free):
            u, links = work.scratch[0, i], net.link[work.scratch[1, i]]
            for s in range(work.variables[u].card):
                work.unary[u, s] *= 1.0 - net.numbers[links + s]
            _await(work, u)
        return _constant(work, quiet)
    if free == 0 and state == 1:
        return _constant(work, acted)
    if free == 0:
        work.unary[v, 0] *= quiet
        work.unary[v, 1] *= acted
        _await(work, v)
    return True


@_jit
def _sort(work: Work, count: int) -> None:
    """Sort the lists scratch[0] (variables) and scratch[1] by place, innermost first."""
    members, extra = work.scratch[0], work.scratch[1]
    for i in range(1, count):
        v, e, j = members[i], extra[i], i
        while j > 0 and work.variables[members[j - 1]].place > work.variables[v].place:
            members[j], extra[j] = members[j - 1], extra[j - 1]
            j -= 1
        members[j], extra[j] = v, e


@_jit
def _finish_leaf(work: Work, t: int, count: int) -> None:
    """Note the variables of a leaf (in scratch[0], innermost first); multiply in vectors that wait."""
    tensor = work.tensors[t]
    inner = 1
    for i in range(count):
        v = work.scratch[0, i]
        variable = work.variables[v]
        work.masks[t, variable.place >> 6] |= _bit(variable.place)
        if variable.pending:
            _scale_axis(work.value, tensor.start, tensor.size, inner, variable.card, work.unary[v])
            variable.pending = 0
        inner *= variable.card


@_jit
def _table_leaf(net: Net, work: Work, node: int, hard: Ints, words: int) -> Any:
    """Make the leaf of a table, its observed axes taken; return False without room."""
    count, base, stride = 0, net.table[node], 1
    for e in range(net.first[node + 1], net.first[node] - 1, -1):
        i = node if e == net.first[node + 1] else net.parents[e]
        if hard[i] >= 0:
            base += hard[i] * stride
        else:
            work.scratch[0, count], work.scratch[1, count] = work.local[i], stride
            count += 1
        stride *= net.cards[i]
    if count < 2:
        return True
    _sort(work, count)
    first = top = work.used[_AXES]
    if top + count > work.axes.shape[0]:
        return False
    size = 1
    for i in range(count):
        card = work.variables[work.scratch[0, i]].card
        top = _push_axis(work.axes, top, card, work.scratch[1, i], 0, size)
        size *= card
    t = _new_tensor(work, size, words)
    if t < 0:
        return False
    start = work.tensors[t].start
    work.value[start : start + size] = 0.0
    _multiply_add(
        work.axes[first:top],
        work.loops,
        work.table[0],
        work.table[1],
        net.numbers,
        base,
        _A,
        work.value,
        1,
        _B,
        work.value,
        start,
        _OUT,
    )
    _finish_leaf(work, t, count)
    _file(work, t, words)
    return True


@_jit
def _deputy_leaves(net: Net, work: Work, node: int, hard: Ints, words: int) -> bool:
    """Make the leaves of a noisy-OR of many free parents; return False without room."""
    free, deputy, v = _free_parents(net, work, node), work.deputy[node], work.local[node]
    place = work.variables[deputy].place
    quiet, acted = _settled_causes(net, node, hard)
    for i in range(free):
        u, links = work.scratch[0, i], net.link[work.scratch[1, i]]
        card = work.variables[u].card
        t = _new_tensor(work, 2 * card, words)
        if t < 0:
            return False
        start = work.tensors[t].start
        outer = place > work.variables[u].place
        of_state, of_deputy = (1, card) if outer else (2, 1)
        vector = work.unary[u]
        for s in range(card):
            link = net.numbers[links + s]
            weight = vector[s] if work.variables[u].pending else 1.0
            work.value[start + s * of_state] = quiet * (1.0 - link) * weight
            work.value[start + s * of_state + of_deputy] = (acted + quiet * link) * weight
        work.variables[u].pending = 0
        quiet, acted = 1.0, 0.0
        work.masks[t, place >> 6] |= _bit(place)
        p = work.variables[u].place
        work.masks[t, p >> 6] |= _bit(p)
        _file(work, t, words)
    t = _new_tensor(work, 4 if v >= 0 else 2, words)
    if t < 0:
        return False
    start = work.tensors[t].start
    work.places[place].settle = t
    work.masks[t, place >> 6] |= _bit(place)
    work.value[start : start + work.tensors[t].size] = 0.0
    if v < 0:
        work.value[start + 1] = 1.0
        return True
    p = work.variables[v].place
    work.masks[t, p >> 6] |= _bit(p)
    work.value[start] = work.unary[v, 0] if work.variables[v].pending else 1.0
    work.value[start + 3] = work.unary[v, 1] if work.variables[v].pending else 1.0
    work.variables[v].pending = 0
    return True


@_jit
def _unary_leaf(work: Work, v: int, words: int) -> Any:
    """Make a leaf of a variable's own vector (of ones if none waits); return it, -1 without room."""
    variable = work.variables[v]
    t = _new_tensor(work, variable.card, words)
    if t >= 0:
        work.value[work.tensors[t].start : work.tensors[t].start + variable.card] = 1.0
        work.scratch[0, 0] = v
        _finish_leaf(work, t, 1)
    return t


@_jit
def _leaves(
    net: Net, work: Work, hard: Ints, weights: Array, columns: Ints, count: int, m: int, words: int
) -> Any:
    """Make all leaves; return a status."""
    for i in range(count):
        if not _fold(net, work, work.nodes[i], hard, weights, columns):
            return IMPOSSIBLE
    for i in range(count):
        node = work.nodes[i]
        if net.is_or[node] and hard[node] == 0:
            continue
        if work.deputy[node] >= 0:
            made = _deputy_leaves(net, work, node, hard, words)
        else:
            made = _table_leaf(net, work, node, hard, words)
        if not made:
            return _NO_ROOM
    for v in range(m):
        if work.variables[v].pending:
            t = _unary_leaf(work, v, words)
            if t < 0:
                return _NO_ROOM
            _file(work, t, words)
    return OK


# -- forward ---------------------------------------------------------------------------------


@_jit
def _lift(work: Work, a: int, b: int, words: int) -> Any:
    """Make each deputy that b shares with a a matrix over before (outermost) and after.

    Returns the lifted tensor (or b if none is shared), or -1 without room.
    """
    shares = np.uint64(0)
    for w in range(words):
        shares |= work.masks[a, w] & work.masks[b, w] & work.deputies[w]
    if not shares:
        return b
    first = top = work.used[_AXES]
    inner = 1
    for w in range(words):
        rest = work.masks[b, w]
        both = work.masks[a, w] & rest & work.deputies[w]
        while rest:
            p = 64 * w + _lowest(rest)
            if both & _bit(p):
                work.axes[top, _SIZE] = inner
                top += 1
            rest &= rest - _ONE
            inner *= work.places[p].card
    size = work.tensors[b].size
    t = _new_tensor(work, size << (top - first), words)
    if t < 0:
        return -1
    for w in range(words):
        work.masks[t, w] = work.masks[b, w]
    source, start = work.tensors[b].start, work.tensors[t].start
    value = work.value
    for i in range(size):
        value[start + i] = value[source + i]
    for k in range(first, top):
        inner = work.axes[k, _SIZE]
        for block in range(0, size, 2 * inner):
            for i in range(start + block, start + block + inner):
                value[size + i] = 0.0
                value[size + i + inner] = value[i] + value[i + inner]
        size *= 2
    _add_step(work, t, b, -1, first, top - first)
    return t


@_jit
def _lower(value: Array, start: int, size: int, axes: Ints) -> int:
    """Pull the adjoint of a lifted tensor back, in place; return the size that is left."""
    for k in range(axes.shape[0] - 1, -1, -1):
        inner = axes[k, _SIZE]
        size //= 2
        for block in range(0, size, 2 * inner):
            for i in range(start + block, start + block + inner):
                value[i] += value[size + i + inner]
                value[i + inner] += value[size + i + inner]
    return size


@_jit
def _add_step(work: Work, out: int, a: int, b: int, first: int, count: int) -> None:
    step = work.steps[work.used[_STEPS]]
    step.out = out
    step.a = a
    step.b = b
    step.first = first
    step.count = count
    work.used[_STEPS] += 1
    work.used[_AXES] = first + count
    tensors = work.tensors
    tensors[out].wanted |= tensors[a].wanted
    if b >= 0:
        tensors[out].wanted |= tensors[b].wanted


@_jit
def _contract(work: Work, a: int, b: int, drop: int, settle: bool, words: int) -> Any:
    """Multiply two tensors, the larger first; join the deputies of both, and sum `drop` out.

    Where b settles a deputy it is no contribution, and nothing is joined.
    Returns the result, or -1 without room.
    """
    masks, axes = work.masks, work.axes
    if work.used[_AXES] + 3 * work.places.shape[0] > axes.shape[0]:
        return -1
    plain = work.tensors[b].size
    if not settle:
        b = _lift(work, a, b, words)
        if b < 0:
            return -1
    lifted = work.tensors[b].size > plain
    first = top = work.used[_AXES]
    in_a, in_b, size, shared = 1, 1, 1, 0
    for w in range(words):
        of_a, of_b = masks[a, w], masks[b, w]
        rest = of_a | of_b
        both = of_a & of_b & work.deputies[w] if lifted else np.uint64(0)
        while rest:
            bit = rest & (~rest + _ONE)
            rest ^= bit
            p = 64 * w + _lowest(bit)
            card = work.places[p].card
            a_stride = in_a if of_a & bit else 0
            b_stride = in_b if of_b & bit else 0
            out_stride = 0 if p == drop else size
            if both & bit:
                work.scratch[3, shared] = a_stride
                shared += 1
                a_stride = 0
            top = _push_axis(axes, top, card, a_stride, b_stride, out_stride)
            in_a *= card if of_a & bit else 1
            in_b *= card if of_b & bit else 1
            size *= 1 if p == drop else card
    for k in range(shared):
        top = _push_axis(axes, top, 2, work.scratch[3, k], plain << k, 0)
    out = _new_tensor(work, size, words)
    if out < 0:
        return -1
    for w in range(words):
        masks[out, w] = masks[a, w] | masks[b, w]
    start = work.tensors[out].start
    work.value[start : start + size] = 0.0
    _multiply_add(
        axes[first:top],
        work.loops,
        work.table[0],
        work.table[1],
        work.value,
        work.tensors[a].start,
        _A,
        work.value,
        work.tensors[b].start,
        _B,
        work.value,
        start,
        _OUT,
    )
    work.used[_EXPONENT] += _rescale(work.value, start, size)
    _add_step(work, out, a, b, first, top - first)
    return out


@_jit
def _union(net: Net, work: Work, a: int, b: int, words: int) -> float:
    """Return log2 of the entries of a table over the variables of two tensors."""
    total = 0.0
    for w in range(words):
        both = work.masks[a, w] | work.masks[b, w]
        for k in range(net.log2.shape[0]):
            total += _count(both & work.kinds[k, w]) * net.log2[k]
    return total


@_jit
def _gather(net: Net, work: Work, p: int, most: int, words: int) -> Any:
    """Multiply the tensors of a bucket, smallest unions first, until `most` remain in scratch[5].

    Returns how many there are, or -1 without room.
    """
    bucket = work.scratch[5]
    count, t = 0, work.places[p].head
    while t >= 0:
        bucket[count] = t
        count += 1
        t = work.tensors[t].next
    while count > most:
        best_i, best_j, smallest = 0, 1, np.inf
        for i in range(count):
            for j in range(i):
                size = _union(net, work, bucket[i], bucket[j], words)
                if size < smallest:
                    best_i, best_j, smallest = j, i, size
        a, b = bucket[best_i], bucket[best_j]
        if work.tensors[a].size < work.tensors[b].size:
            a, b = b, a
        joined = _contract(work, a, b, -1, False, words)
        if joined < 0:
            return -1
        bucket[best_i] = joined
        count -= 1
        bucket[best_j] = bucket[count]
    return count


@_jit
def _eliminate(net: Net, work: Work, p: int, target: bool, variable: int, words: int) -> Any:
    """Sum the variable at a place out; return a status."""
    place = work.places[p]
    settle = place.settle
    count = _gather(net, work, p, 1 if settle >= 0 else 2, words)
    if count < 0:
        return _NO_ROOM
    a = work.scratch[5, 0]
    b = settle
    if settle < 0:
        b = work.scratch[5, 1] if count == 2 else _unary_leaf(work, variable, words)
        if b < 0:
            return _NO_ROOM
        if work.tensors[a].size < work.tensors[b].size:
            a, b = b, a
    if target:
        x = a if work.tensors[a].wanted and not work.tensors[b].wanted else b
        work.tensors[x].wanted = 1
        place.read = x
        place.inner = work.tensors[x].size // place.card
    out = _contract(work, a, b, p, settle >= 0, words)
    if out < 0:
        return _NO_ROOM
    for w in range(words):
        work.masks[out, w] &= ~(_bit(p) if w == p >> 6 else np.uint64(0))
    if _highest(work.masks[out], words) >= 0:
        _file(work, out, words)
        return OK
    start = work.tensors[out].start
    work.adjoint[start] = 1.0
    return OK if _constant(work, work.value[start]) else IMPOSSIBLE


# -- backward --------------------------------------------------------------------------------


@_jit
def _backward(work: Work) -> None:
    """Give every wanted tensor its adjoint, up to a factor."""
    value, adjoint = work.value, work.adjoint
    for i in range(work.used[_STEPS] - 1, -1, -1):
        step = work.steps[i]
        out, a = work.tensors[step.out], work.tensors[step.a]
        if not out.wanted:
            continue
        axes = work.axes[step.first : step.first + step.count]
        if step.b < 0:
            size = _lower(adjoint, out.start, out.size, axes)
            for k in range(size):
                adjoint[a.start + k] = adjoint[out.start + k]
            continue
        b = work.tensors[step.b]
        if a.wanted:
            adjoint[a.start : a.start + a.size] = 0.0
            _multiply_add(
                axes,
                work.loops,
                work.table[0],
                work.table[1],
                adjoint,
                out.start,
                _OUT,
                value,
                b.start,
                _B,
                adjoint,
                a.start,
                _A,
            )
            _rescale(adjoint, a.start, a.size)
        if b.wanted:
            adjoint[b.start : b.start + b.size] = 0.0
            _multiply_add(
                axes,
                work.loops,
                work.table[0],
                work.table[1],
                adjoint,
                out.start,
                _OUT,
                value,
                a.start,
                _A,
                adjoint,
                b.start,
                _B,
            )
            _rescale(adjoint, b.start, b.size)


@_jit
def _read(work: Work, p: int, out: Array) -> None:
    """Write the posterior of the variable at a place."""
    tensor, inner, card = work.tensors[work.places[p].read], work.places[p].inner, work.places[p].card
    out[:] = 0.0
    at = tensor.start
    while at < tensor.start + tensor.size:
        for s in range(card):
            total = 0.0
            for i in range(at, at + inner):
                total += work.value[i] * work.adjoint[i]
            out[s] += total
            at += inner
    whole = 0.0
    for s in range(card):
        whole += out[s]
    for s in range(card):
        out[s] /= whole


# -- rows ------------------------------------------------------------------------------------


@_jit
def _row(
    net: Net,
    work: Work,
    hard: Ints,
    weights: Array,
    columns: Ints,
    targets: Ints,
    asked: Masks,
    limit: float,
    posterior: Array,
) -> tuple[int, float]:
    """Answer one row; return its status and ln P(e)."""
    count = _relevant(net, work, hard, weights, columns, asked)
    m = _declare(net, work, hard, count)
    words = (m + 63) >> 6
    if _order(work, m, words) > limit:
        return TOO_COMPLEX, np.nan
    _settle_places(net, work, count, m, words)
    # The arena begins with P(e) so far, and a 1 for tables to be copied with.
    work.value[:2] = 1.0
    work.used[:] = 0
    work.used[_TOP] = 2
    status = _leaves(net, work, hard, weights, columns, count, m, words)
    if status != OK:
        return status, -np.inf
    for v in range(m):
        work.scratch[6, work.variables[v].place] = v
    for p in range(m - 1, -1, -1):
        node = work.places[p].node
        target = node >= 0 and targets[node] >= 0
        status = _eliminate(net, work, p, target, work.scratch[6, p], words)
        if status != OK:
            return status, -np.inf
    _backward(work)
    for node in range(targets.shape[0]):
        if targets[node] >= 0:
            out = posterior[targets[node] : targets[node] + net.cards[node]]
            if hard[node] >= 0:
                out[:] = 0.0
                out[hard[node]] = 1.0
            else:
                _read(work, work.variables[work.local[node]].place, out)
    return OK, np.log(work.value[0]) + work.used[_EXPONENT] * np.log(2.0)


@_jit
def _rows(
    net: Net,
    work: Work,
    rows: Ints,
    hard: Ints,
    weights: Array,
    columns: Ints,
    targets: Ints,
    asked: Masks,
    limit: float,
    log_evidence: Array,
    posterior: Array,
    status: Ints,
) -> None:
    """Answer some rows."""
    for i in range(rows.shape[0]):
        row = rows[i]
        status[row], log_evidence[row] = _row(
            net, work, hard[row], weights[row], columns, targets, asked, limit, posterior[row]
        )
        if status[row] != OK:
            posterior[row, :] = np.nan


# -- from Python -----------------------------------------------------------------------------

_nets: weakref.WeakKeyDictionary[Structure, Net] = weakref.WeakKeyDictionary()
_nets_lock = threading.Lock()


def _net_of(structure: Structure) -> Net:
    with _nets_lock:
        if structure not in _nets:
            _nets[structure] = _flatten(structure)
        return _nets[structure]


def _flatten(structure: Structure) -> Net:
    numbers: list[Array] = []
    table, link, leak = [], [], []
    size = 0

    def add(values: Array) -> int:
        nonlocal size
        numbers.append(values.ravel())
        size += values.size
        return size - values.size

    for family in structure.families:
        get = partial(structure.factors.get, node=family.node)
        small = not family.is_or or len(family.parents) <= MOST_PARENTS
        table.append(add(get("table", slot=0)) if small else -1)
        leak.append(float(get("leak", slot=0)[1, 0]) if family.is_or else 0.0)
        link += [
            add(get("link", slot=slot)[1]) if family.is_or else -1 for slot in range(len(family.parents))
        ]
    cards = np.array(structure.cards, dtype=np.int64)
    different = sorted({2, *structure.cards}, key=lambda card: (card != 2, card))
    words = (structure.size + 63) // 64
    masks = [[mask >> 64 * w & 2**64 - 1 for w in range(words)] for mask in structure.ancestors]
    return Net(
        cards=cards,
        is_or=np.array([family.is_or for family in structure.families], dtype=np.int64),
        parents=np.array([p for family in structure.families for p in family.parents], dtype=np.int64),
        first=np.cumsum([0, *(len(family.parents) for family in structure.families)], dtype=np.int64),
        numbers=np.concatenate(numbers or [np.zeros(1)]),
        table=np.array(table, dtype=np.int64),
        link=np.array(link, dtype=np.int64),
        leak=np.array(leak),
        ancestors=np.array(masks, dtype=np.uint64).reshape(structure.size, words),
        kinds=np.array([different.index(card) for card in structure.cards], dtype=np.int64),
        log2=np.log2(np.array(different, dtype=np.float64)),
    )


def _work_for(net: Net, arena: int) -> Work:
    n, edges = len(net.cards), len(net.parents)
    m = n + int((net.table < 0).sum())
    words = (m + 63) // 64
    most = 3 * (edges + 3 * n + m) + m
    return Work(
        nodes=np.empty(n, np.int64),
        local=np.empty(n, np.int64),
        deputy=np.empty(n, np.int64),
        variables=np.empty(m, _VARIABLE),
        unary=np.empty((m, int(net.cards.max()))),
        graph=np.empty((m, words), np.uint64),
        places=np.empty(m, _PLACE),
        kinds=np.empty((len(net.log2), words), np.uint64),
        deputies=np.empty(words, np.uint64),
        tensors=np.empty(most, _TENSOR),
        masks=np.empty((most, words), np.uint64),
        steps=np.empty(most, _STEP),
        axes=np.empty((24 * most, 4), np.int64),
        value=np.empty(arena),
        adjoint=np.empty(arena),
        used=np.empty(5, np.int64),
        scratch=np.empty((7, most), np.int64),
        loops=np.empty((3 * m + 2, 5), np.int64),
        table=np.empty((2, _TABLE), np.int64),
    )


def posteriors_of_rows(
    structure: Structure,
    hard: NDArray[np.integer[Any]],
    soft: tuple[Array, Ints] | None,
    targets: Sequence[int],
    memory: int = MEMORY,
    threads: int = 1,
) -> tuple[Array, Array, NDArray[np.int8]]:
    """Return what each row says, planned anew for each.

    Parameters
    ----------
    structure
        Of the network.
    hard
        Observed states by position, -1 where a node was not observed; shape (rows, nodes).
    soft
        Likelihoods, shape (rows, columns), and for each node the column of its first
        state, -1 if it has none.  NaN in that column says that a row has none.
    targets
        Positions of the nodes asked for.
    memory
        Bytes that the tensors of one row may take; each thread has its own, and as much
        again for their adjoints.
    threads
        How many rows to work on at once.

    Returns
    -------
    log_evidence
        ln P(e), the network's own selection not counted out; shape (rows,).
    marginals
        P(state | e) of each state of each target in turn; shape (rows, states).
    status
        `OK`, `IMPOSSIBLE` or `TOO_COMPLEX`; the marginals of the last two are NaN.
    """
    net = _net_of(structure)
    rows = len(hard)
    hard = np.ascontiguousarray(hard, dtype=np.int32)
    weights, columns = soft or (np.empty((rows, 0)), np.full(structure.size, -1, dtype=np.int64))
    offsets = np.full(structure.size, -1, dtype=np.int64)
    offsets[list(targets)] = np.cumsum([0, *(structure.cards[i] for i in targets)])[:-1]
    asked = np.zeros(net.ancestors.shape[1], dtype=np.uint64)
    for i in targets:
        asked |= net.ancestors[i]
    log_evidence = np.empty(rows)
    posterior = np.empty((rows, sum(structure.cards[i] for i in targets)))
    status = np.empty(rows, dtype=np.int8)
    limit = memory / 8

    def answer(left: Ints, arena: int) -> None:
        size = min(_ROWS, -(-len(left) // (8 * threads)))
        chunks = iter(np.array_split(left, -(-len(left) // size)))
        lock = threading.Lock()

        def take() -> Ints | None:
            with lock:
                return next(chunks, None)

        def thread() -> None:
            work = _work_for(net, arena)
            while (chunk := take()) is not None:
                _rows(
                    net,
                    work,
                    chunk,
                    hard,
                    weights,
                    columns,
                    offsets,
                    asked,
                    limit,
                    log_evidence,
                    posterior,
                    status,
                )

        if threads == 1 or len(left) <= 1:
            thread()
            return
        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(thread) for _ in range(threads)]:
                future.result()

    with_more_room(answer, status, limit)
    return log_evidence, posterior, status


def with_more_room(answer: Callable[[Ints, int], None], status: Ints, limit: float) -> None:
    """Answer all rows, and those that found no room again with eight times as much, up to the limit.

    Parameters
    ----------
    answer
        Called with rows and the entries that each thread may take; sets their status.
    status
        Of each row; those that the limit does not hold end as `TOO_COMPLEX`.
    limit
        Entries that a thread may take at most.
    """
    left, arena = np.arange(status.size), _ARENA
    while len(left):
        answer(left, arena)
        left = np.flatnonzero(status == _NO_ROOM)
        if arena >= limit:
            status[left] = TOO_COMPLEX
            break
        arena = min(8 * arena, int(limit))
