"""The noisy-OR as small factors and, on request, as a table.

Each cause acts on its own: the effect is absent only if the leak and every
present cause fail to bring it about (Pearl 1988; Henrion 1989 for the leak),

    P(absent | parents) = (1 - leak) * prod_i (1 - link_i[state of parent i]).

A parent with more states has one link a state; a state without a link has
link 0.  Nothing here subtracts nearly equal numbers: the probability of
*present* is added up over the causes that could have been the first to act, so
a link of 1e-12 keeps all its digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["noisy_or_pullback", "noisy_or_table", "or_combine"]

Array = NDArray[np.float64]


def or_combine(first: Array, second: Array) -> Array:
    """Return the factor of "either acted" from two factors of "this one acted".

    Parameters
    ----------
    first, second
        Broadcastable arrays of shape (2, ...): the leading axis is absent, present.
    """
    absent = first[0] * second[0]
    present = first[1] * (second[0] + second[1]) + first[0] * second[1]
    return np.stack([absent, present])


def noisy_or_table(leak: float | Array, links: Sequence[Array]) -> Array:
    """Return the whole conditional table of a noisy-OR.

    Parameters
    ----------
    leak
        P(present) when no modelled cause acts; shape (...).
    links
        One array a parent, shape (states of the parent, ...): the probability that this
        parent alone, in this state, brings the effect about.

    Returns
    -------
    table
        Shape (*states of the parents, 2, ...), the axis of length 2 absent, present.

    Examples
    --------
    >>> import numpy as np
    >>> noisy_or_table(0.1, [np.array([0.0, 0.8])]).round(2).tolist()
    [[0.9, 0.1], [0.18, 0.82]]
    """
    leak = np.asarray(leak, dtype=np.float64)
    result = np.stack([1.0 - leak, leak])
    for i, link in enumerate(links):
        acted = np.stack([1.0 - link, link]).reshape(2, *(1,) * i, *link.shape)
        result = or_combine(np.expand_dims(result, i + 1), acted)
    return np.moveaxis(result, 0, len(links))


def noisy_or_pullback(leak: Array, links: Sequence[Array], adjoint: Array) -> tuple[Array, list[Array]]:
    """Pull an adjoint of the table back to the leak and the links.

    Each number moves probability from absent to present by the product of the chances
    that all others fail, so the others are multiplied and nothing is divided.

    Parameters
    ----------
    leak, links
        As given to `noisy_or_table`: shapes (draws,) and (states of the parent, draws).
    adjoint
        d result / d table, shape (*states of the parents, 2, cases).

    Returns
    -------
    leak, links
        d result / d each of them: shapes (cases,) and (states of the parent, cases).
    """
    n = len(links)
    gain = np.moveaxis(adjoint, n, 0)
    gain = gain[1] - gain[0]
    fails = [1.0 - leak[(None,) * n]]
    fails += [
        (1.0 - link).reshape([link.shape[0] if i == axis else 1 for axis in range(n)] + [-1])
        for i, link in enumerate(links)
    ]
    bars = []
    for i in range(n + 1):
        others = gain
        for j, fail in enumerate(fails):
            others = others * fail if j != i else others
        summed = tuple(axis for axis in range(n) if axis != i - 1)
        bars.append(others.sum(axis=summed))
    return bars[0], bars[1:]
