"""Sums of products of two large tensors for few cases, laid out so that long runs of memory are multiplied.

`numpy.einsum` walks the axes as it finds them.  Tables over twenty binary variables have
twenty axes of length 2 in no particular order, so its innermost loop is two entries long:
a microsecond an entry.  Here the labels fall into four groups,

    both    in both operands and the result,      summed  in both operands only,
    first   in the first operand and the result,  second  in the second and the result;

each operand is copied once into three long axes, and the longest group is the innermost.
With many cases the last axis, which counts them, is long, and einsum is as good.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["contract"]

Array = NDArray[np.float64]

SMALL = 2**11
"""Entries of the larger operand below which einsum starts sooner than the copies are made."""

FEW_CASES = 16
"""Cases up to which each is taken by itself; with more, einsum's innermost loop is long enough."""

MANY_TERMS = 64
"""Length of the sum above which a matrix product is quicker than adding up the terms."""


class _Groups(NamedTuple):
    """The labels of a contraction by where they stand; the last label, of the cases, is in none."""

    both: str
    summed: str
    first: str
    second: str


def contract(text: str, a: Array, b: Array) -> Array:
    """Return ``np.einsum(text, a, b)``; the last axis of both counts cases.

    The result may be a view with its axes out of order in memory.
    """
    cases = max(a.shape[-1], b.shape[-1])
    groups = _groups(text)
    if groups is None or cases > FEW_CASES or max(a.size, b.size) < SMALL * cases:
        return np.asarray(np.einsum(text, a, b))
    if cases > 1:
        return np.concatenate([contract(text, _case(a, i), _case(b, i)) for i in range(cases)], axis=-1)
    left, right = text.partition("->")[0].split(",")
    sizes = dict(zip(left + right, a.shape + b.shape, strict=True))
    both, summed, first, second = groups
    n, m, p, q = (_size(group, sizes) for group in groups)
    if m > MANY_TERMS:
        one: Array = _laid_out(a, left, (both, first, summed)).reshape(n, p, m)
        other: Array = _laid_out(b, right, (both, summed, second)).reshape(n, m, q)
        return _named(np.matmul(one, other), both + first + second, text, sizes)
    if n >= max(p, q):
        one = _laid_out(a, left, (summed, first, both)).reshape(m, p, 1, n)
        other = _laid_out(b, right, (summed, second, both)).reshape(m, 1, q, n)
        order = first + second + both
    elif p >= q:
        one = _laid_out(a, left, (summed, both, first)).reshape(m, n, 1, p)
        other = _laid_out(b, right, (summed, both, second)).reshape(m, n, q, 1)
        order = both + second + first
    else:
        one = _laid_out(a, left, (summed, both, first)).reshape(m, n, p, 1)
        other = _laid_out(b, right, (summed, both, second)).reshape(m, n, 1, q)
        order = both + first + second
    out = one[0] * other[0]
    for x, y in zip(one[1:], other[1:], strict=True):
        out += x * y
    return _named(out, order, text, sizes)


@lru_cache(maxsize=2**14)
def _groups(text: str) -> _Groups | None:
    """Return the labels by group; None if an operand has a label that stands nowhere else."""
    operands, _, out = text.partition("->")
    left, right = (operand[:-1] for operand in operands.split(","))
    alone = [label for label in left if label not in right and label not in out]
    alone += [label for label in right if label not in left and label not in out]
    if alone or len(set(left)) < len(left) or len(set(right)) < len(right) or out[-1] != operands[-1]:
        return None
    return _Groups(
        "".join(label for label in left if label in right and label in out),
        "".join(label for label in left if label in right and label not in out),
        "".join(label for label in left if label not in right),
        "".join(label for label in right if label not in left),
    )


def _case(array: Array, i: int) -> Array:
    """Return the array of one case; one that serves all cases is as long as one."""
    return array if array.shape[-1] == 1 else array[..., i : i + 1]


def _size(labels: str, sizes: dict[str, int]) -> int:
    size = 1
    for label in labels:
        size *= sizes[label]
    return size


def _laid_out(array: Array, labels: str, groups: tuple[str, ...]) -> Array:
    """Return the array with its axes in the order of the groups, in one piece of memory."""
    order = [labels.index(label) for label in "".join(groups)]
    return np.ascontiguousarray(array[..., 0].transpose(order))


def _named(array: Array, labels: str, text: str, sizes: dict[str, int]) -> Array:
    """Return the array with one axis a label again, in the order that the text asks for."""
    out = text.partition("->")[2][:-1]
    whole = array.reshape([sizes[label] for label in labels])
    return np.asarray(whole.transpose([labels.index(label) for label in out])[..., None])
