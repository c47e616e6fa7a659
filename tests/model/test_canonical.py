"""The noisy-OR as a table and as factors, judged by exact arithmetic on fractions."""

from fractions import Fraction
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from buttpain.model.canonical import noisy_or_pullback, noisy_or_table, or_combine
from buttpain.model.network import Network, NoisyOr
from checks import assert_same_derivative, assert_same_number
from reference import conditional
from strategies import networks

Array = NDArray[np.float64]

probabilities = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5, 1e-12, 1e-300, 1 - 1e-12]),
    st.floats(0, 1, allow_subnormal=False),
)


def exact(leak: float, acting: list[float]) -> tuple[Fraction, Fraction]:
    """Return P(absent) and P(present) without any rounding."""
    absent = (1 - Fraction(leak)) * prod(1 - Fraction(link) for link in acting)
    return absent, 1 - absent


@given(
    leak=probabilities,
    links=st.lists(st.lists(probabilities, min_size=2, max_size=4), max_size=4),
)
def test_a_table_is_that_of_the_definition_to_the_last_digits(leak: float, links: list[list[float]]) -> None:
    """Every entry, however small, has a relative error below 1e-12; a true 0 is 0."""
    table = noisy_or_table(leak, [np.array(link) for link in links])
    assert table.shape == (*map(len, links), 2)
    for row in product(*(range(len(link)) for link in links)):
        absent, present = exact(leak, [link[i] for link, i in zip(links, row, strict=True)])
        assert_same_number(float(table[(*row, 0)]), float(absent))
        assert_same_number(float(table[(*row, 1)]), float(present))


@pytest.mark.parametrize("link", [1e-12, 1e-17, 1e-300])
def test_a_tiny_link_keeps_all_its_digits(link: float) -> None:
    """What 1 - (1 - link) would forget is kept: two such links double the probability."""
    table = noisy_or_table(0.0, [np.array([0.0, link]), np.array([0.0, link])])
    assert_same_number(float(table[1, 0, 1]), link)
    assert_same_number(float(table[1, 1, 1]), 2 * link)


def test_the_fever_table_of_russell_and_norvig() -> None:
    """The textbook's table of fever from cold, flu and malaria (inhibitions 0.6, 0.2 and 0.1)."""
    table = noisy_or_table(0.0, [np.array([0, 0.4]), np.array([0, 0.8]), np.array([0, 0.9])])
    assert table[..., 0].ravel().tolist() == pytest.approx([1, 0.1, 0.2, 0.02, 0.6, 0.06, 0.12, 0.012])


def test_a_parent_with_more_states_has_a_link_for_each() -> None:
    """The state of the parent chooses its link."""
    table = noisy_or_table(0.1, [np.array([0.0, 0.2, 0.5])])
    assert table[:, 1].tolist() == pytest.approx([0.1, 0.28, 0.55], rel=1e-15)


def test_without_parents_only_the_leak_is_left() -> None:
    """A noisy-OR of nothing is the leak."""
    assert noisy_or_table(0.25, []).tolist() == [0.75, 0.25]


def test_a_batch_is_the_same_as_one_at_a_time() -> None:
    """Trailing axes run over draws of the numbers."""
    rng = np.random.default_rng(0)
    leak, links = rng.random(5), [rng.random((2, 5)), rng.random((3, 5))]
    batch = noisy_or_table(leak, links)
    assert batch.shape == (2, 3, 2, 5)
    for i in range(5):
        alone = noisy_or_table(leak[i], [link[:, i] for link in links])
        np.testing.assert_array_equal(batch[..., i], alone)


@given(st.lists(probabilities, min_size=3, max_size=3))
def test_combining_does_not_mind_the_order(numbers: list[float]) -> None:
    """Whichever causes are joined first, the result is the same."""
    first, second, third = (np.array([1 - number, number]) for number in numbers)
    left = or_combine(or_combine(first, second), third)
    right = or_combine(third, or_combine(second, first))
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=0)


@given(probabilities)
def test_a_cause_that_never_acts_changes_nothing(number: float) -> None:
    """(1, 0) is the neutral element and (0, 1) the absorbing one."""
    factor = np.array([1 - number, number])
    np.testing.assert_array_equal(or_combine(factor, np.array([1.0, 0.0])), factor)
    np.testing.assert_allclose(or_combine(factor, np.array([0.0, 1.0])), [0, 1], rtol=1e-15)


@pytest.mark.parametrize("draws", [1, 3])
@given(
    leak=probabilities,
    links=st.lists(st.lists(probabilities, min_size=2, max_size=3), max_size=3),
    seed=st.integers(0, 99),
)
def test_the_pullback_is_the_slope_along_each_number(
    draws: int, leak: float, links: list[list[float]], seed: int
) -> None:
    """A table is linear in each number, so its rise from 0 to 1 is the slope, at edges as elsewhere."""
    rng = np.random.default_rng(seed)
    scale = np.linspace(1, 0.5, draws)
    numbers = [np.array([leak]) * scale, *(np.multiply.outer(np.array(link), scale) for link in links)]
    adjoint = rng.normal(size=(*map(len, links), 2, 3))

    def result(which: int, state: int, value: float) -> Array:
        """Return the sum of adjoint times table, shape (cases,), with one number put to a value."""
        changed = [number.copy() for number in numbers]
        np.atleast_2d(changed[which])[state] = value
        table = noisy_or_table(changed[0], changed[1:])
        return np.asarray((table * adjoint).sum(axis=tuple(range(len(links) + 1))))

    slopes = noisy_or_pullback(numbers[0], numbers[1:], adjoint)
    for which, found in enumerate([slopes[0][None], *slopes[1]]):
        for state, slope in enumerate(found):
            assert_same_derivative(slope, result(which, state, 1.0) - result(which, state, 0.0))


@given(networks())
def test_a_network_multiplies_out_what_its_definition_says(net: Network) -> None:
    """The table of each node, noisy-OR or not, has the entries that the referee computes one by one."""
    for node in net.nodes:
        table, numbers = net.table(node), net.theta[net.spans[node]]
        noisy = isinstance(net.families[node], NoisyOr)
        for *parents, state in np.ndindex(table.shape):
            expected = conditional(net, node, (state, *parents), numbers)
            found = float(table[(*parents, state)])
            assert_same_number(found, expected, 1e-12 if noisy else 0)
