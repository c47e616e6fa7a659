"""The checks that numbers must pass; `test_referees.py` shows that each of them can fail."""

import numpy as np
from numpy.typing import ArrayLike

from buttpain.model.network import Network, Table
from reference import Evidence, probability_of

TOLERANCE = 1e-12


def slope(net: Network, evidence: Evidence, parameter: int) -> float:
    """Return the derivative of P(evidence, given) by one number of `theta`, the others staying.

    The polynomial has degree 1 in it, so the rise between 0 and 1 is no approximation.
    """
    ends = np.tile(net.theta, (2, 1))
    ends[:, parameter] = 0.0, 1.0
    return probability_of(net, evidence, ends[1]) - probability_of(net, evidence, ends[0])


def described(net: Network) -> str:
    """Return all that a network holds as one text, numbers to the last digit."""
    families = []
    for node in net.nodes:
        family, numbers = net.families[node], net.theta[net.spans[node]].tolist()
        shape = family.values.shape if isinstance(family, Table) else family.links
        families.append((type(family).__name__, family.parents, shape, numbers, family.provenance))
    words = (net.name, net.description, net.version, dict(net.given), dict(net.sources))
    return repr((words, net.variables, families, net.studies, net.red_flags))


def assert_same_distribution(actual: ArrayLike, expected: ArrayLike, tolerance: float = TOLERANCE) -> None:
    """Demand the same probabilities in the same places, and that they are probabilities that sum to 1."""
    found, wanted = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == wanted.shape, f"shape {found.shape}, expected {wanted.shape}"
    assert np.isfinite(found).all(), f"not finite: {found}"
    assert found.min() >= 0, f"negative: {found}"
    assert abs(found.sum() - 1) <= tolerance * max(found.size, 1), f"sums to {found.sum()!r}"
    apart = np.abs(found - wanted).max()
    assert apart <= tolerance, f"{apart:.3g} apart: {found}, expected {wanted}"


def assert_same_number(actual: float, expected: float, tolerance: float = TOLERANCE) -> None:
    """Demand the same number to a relative tolerance; 0 only for 0, and never NaN."""
    apart = abs(actual - expected)
    assert apart <= tolerance * abs(expected), f"{actual!r}, expected {expected!r}"


def assert_same_derivative(
    actual: ArrayLike, expected: ArrayLike, tolerance: float = TOLERANCE, scale: float = 1.0
) -> None:
    """Demand the same derivatives to `tolerance` times the larger of `scale` and the derivative itself."""
    found, wanted = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == wanted.shape, f"shape {found.shape}, expected {wanted.shape}"
    assert np.isfinite(found).all(), f"not finite: {found}"
    apart = np.abs(found - wanted) / np.maximum(np.abs(wanted), scale)
    assert (apart <= tolerance).all(), f"{apart.max():.3g} apart: {found}, expected {wanted}"
