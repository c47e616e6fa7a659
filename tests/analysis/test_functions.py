"""The mathematics below sensitivity: rows that covary, lines, roots and distances."""

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from buttpain.analysis.functions import (
    Covariation,
    Lines,
    covaried,
    nearest_root,
    quotient,
    rest_of,
    row_distance,
    rows_at,
)

Array = NDArray[np.float64]
SCHEMES: tuple[Covariation, ...] = get_args(Covariation)


@st.composite
def rows(draw: st.DrawFn) -> Array:
    """Draw a row of up to five numbers that sum to 1, zeros and equal ones among them."""
    weights = draw(st.lists(st.sampled_from((0.0, 1.0, 1.0, 2.0, 7.0, 1e-9)), min_size=1, max_size=5))
    total = sum(weights)
    return np.array([weights]) / total if total else np.array([[1.0] + [0.0] * (len(weights) - 1)])


@pytest.mark.parametrize("scheme", SCHEMES)
@given(row=rows(), x=st.sampled_from((0.0, 1e-6, 0.2, 0.3, 0.5, 0.9, 1.0)))
def test_a_moved_row_is_a_distribution(scheme: Covariation, row: Array, x: float) -> None:
    """Wherever a covariation is defined the row sums to 1, holds no negative, and has x in its place."""
    n = row.shape[1]
    new = rows_at(covaried(row, scheme), np.full((1, n), x))
    for i in range(n):
        moved = new[0, i]
        if n == 1:
            assert moved.tolist() == [1.0]
        elif not np.isnan(moved).any():
            assert moved[i] == pytest.approx(x, abs=1e-15)
            assert moved.sum() == pytest.approx(1.0)
            assert moved.min() >= 0
        else:
            assert scheme == "order_preserving"


@pytest.mark.parametrize("scheme", ["proportional", "order_preserving"])
@given(row=rows())
def test_a_row_that_does_not_move_stays(scheme: Covariation, row: Array) -> None:
    """At today's value the row is today's; uniform covariation alone does not promise that."""
    new = rows_at(covaried(row, scheme), row)
    np.testing.assert_allclose(new, np.broadcast_to(row[:, None], new.shape), atol=1e-15)


@given(row=rows(), x=st.floats(0, 1))
def test_order_is_preserved(row: Array, x: float) -> None:
    """The larger of two numbers stays at least as large, wherever the covariation is defined."""
    n = row.shape[1]
    moves = covaried(row, "order_preserving")
    for moved in rows_at(moves, np.full((1, n), x))[0]:
        if not np.isnan(moved).any():
            # Numbers that were equal keep the order in which they stand.
            assert (np.diff(moved[np.argsort(row[0], kind="stable")]) >= -1e-12).all()


@pytest.mark.parametrize("scheme", SCHEMES)
@given(row=rows())
def test_a_rate_is_the_change_from_end_to_end(scheme: Covariation, row: Array) -> None:
    """On each piece that is not empty, start plus rate times length is the end."""
    moves = covaried(row, scheme)
    length = (moves.hi - moves.lo)[..., None]
    ends = moves.at_lo + moves.rate * length
    np.testing.assert_allclose(np.where(length > 0, ends - moves.at_hi, 0.0), 0.0, atol=1e-12)


def test_the_largest_of_a_row_has_its_own_rule() -> None:
    """Upwards the others shrink in proportion, downwards all meet at one n-th, and there it ends."""
    moves = covaried(np.array([[0.6, 0.3, 0.1]]), "order_preserving")
    up = rows_at(moves, np.array([[0.8, -1.0, -1.0]]))[0, 0]
    np.testing.assert_allclose(up, [0.8, 0.15, 0.05])
    down = rows_at(moves, np.array([[1 / 3, -1.0, -1.0]]))[0, 0]
    np.testing.assert_allclose(down, [1 / 3, 1 / 3, 1 / 3])
    assert np.isnan(rows_at(moves, np.array([[0.3, -1.0, -1.0]]))[0, 0]).all()


@given(
    numbers=arrays(float, (3, 2, 2), elements=st.sampled_from((0.0, 1e-30, 0.25, 1.0, 3.0))),
)
def test_the_rest_of_a_table_is_added_and_not_subtracted(numbers: Array) -> None:
    """What the other rows hold is exact however small it is beside the row that is left out."""
    slopes, table = numbers, np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]])
    mass = (table[..., None] * slopes).sum(axis=1)
    rest = rest_of(table, slopes, mass.sum(axis=0))
    for row in range(3):
        others = [k for k in range(3) if k != row]
        expected = np.where(mass.sum(axis=0) > 0, mass[others].sum(axis=0), 0.0)
        np.testing.assert_allclose(rest[row], expected, rtol=1e-15)


def line(*pieces: tuple[float, float, float, float]) -> Lines:
    """Return one parameter's lines: P(evidence) is 1, and the event goes from height to height."""
    lo, hi, first, last = (np.array(part)[:, None] for part in zip(*pieces, strict=True))
    width = np.where(hi > lo, hi - lo, 1.0)
    return Lines(
        lo,
        hi,
        np.stack([np.ones_like(first), first], axis=-1),
        np.stack([np.ones_like(last), last], axis=-1),
        np.stack([np.zeros_like(first), (last - first) / width], axis=-1),
    )


ROOTS = {
    "between the ends": (line((0, 1, 0.0, 1.0)), 0.3, 0.25, 0.25),
    "at an end": (line((0, 1, 0.25, 1.0)), 0.3, 0.25, 0.0),
    "nowhere": (line((0, 1, 0.3, 1.0)), 0.3, 0.25, math.nan),
    "everywhere": (line((0, 1, 0.25, 0.25)), 0.3, 0.25, 0.3),
    "the nearer of two": (line((0, 0.4, 0.0, 0.5), (0.4, 1, 0.5, 0.0)), 0.8, 0.25, 0.7),
    "in a piece that is not empty": (line((0, 0, 0.25, 0.25), (0, 1, 0.5, 1.0)), 0.0, 0.25, math.nan),
}


@pytest.mark.parametrize(("lines", "value", "height", "root"), ROOTS.values(), ids=ROOTS.keys())
def test_the_nearest_root(lines: Lines, value: float, height: float, root: float) -> None:
    """The nearest point at which an event has a probability, as read off a drawing."""
    found = nearest_root(lines, np.array([-height, 1.0]), np.array([value]), touching=True)
    assert found[0] == pytest.approx(root, nan_ok=True)


DIPS = {
    "beyond a crossing": (line((0, 1, 0.0, 1.0)), 0.6, 0.25),
    "at once": (line((0, 1, 0.0, 1.0)), 0.1, 0.1),
    "not if it only touches": (line((0, 1, 0.25, 1.0)), 0.6, math.nan),
    "not if it is level": (line((0, 1, 0.25, 0.25)), 0.6, math.nan),
    "from the start of a piece": (line((0, 0.5, 0.5, 0.25), (0.5, 1, 0.25, 0.0)), 0.2, 0.5),
    "before the end of a piece": (line((0, 0.5, 0.0, 0.25), (0.5, 1, 0.25, 0.5)), 0.8, 0.5),
}


@pytest.mark.parametrize(("lines", "value", "root"), DIPS.values(), ids=DIPS.keys())
def test_the_nearest_dip(lines: Lines, value: float, root: float) -> None:
    """The nearest point beyond which an event falls below a probability, as read off a drawing."""
    found = nearest_root(lines, np.array([-0.25, 1.0]), np.array([value]), touching=False)
    assert found[0] == pytest.approx(root, nan_ok=True)


def test_distances_known_beforehand() -> None:
    """The same row is at 0, a new zero at infinity, and 0 beside 0 counts for nothing."""
    old = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    new = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.4, 0.3, 0.3]])
    assert row_distance(old, new).tolist() == pytest.approx([0.0, math.inf, math.log(2 / 0.6)])


def test_a_quotient_by_nothing_is_nan() -> None:
    """A posterior under evidence of probability 0 is no number, and no warning either."""
    assert np.isnan(quotient(np.array([0.0, 1.0]), np.zeros(2))).all()
