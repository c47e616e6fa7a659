"""The choice of a state from its cumulated weights; whole cases are drawn in `test_sampling.py`."""

import numpy as np
import pytest

from buttpain.inference.draws import decide

LAST = np.nextafter(1.0, 0.0)
"""The largest number that a uniform draw can be."""


@pytest.mark.parametrize(
    ("weights", "uniform", "place"),
    [
        ([1.0, 1.0], 0.0, 0),
        ([1.0, 1.0], 0.49, 0),
        ([1.0, 1.0], 0.5, 1),
        ([0.0, 1.0], 0.0, 1),
        ([1.0, 0.0], LAST, 0),
        ([0.2, 0.1, 0.7, 0.0], LAST, 2),
        ([0.0, 0.3, 0.0, 0.7], 0.3, 3),
        ([0.0, 0.3, 0.0, 0.7], 0.29, 1),
        ([1e-300, 3e-300], 0.25, 1),
        ([1e-300, 3e-300], 0.24, 0),
        ([5e-324, 0.0], LAST, 0),
    ],
)
def test_the_place_is_the_first_that_the_share_does_not_pass(
    weights: list[float], uniform: float, place: int
) -> None:
    """Weights need not sum to 1, and what has none is never chosen, not even at the ends."""
    cumulative = np.array([[9.0, 9.0, 9.0, 9.0][: len(weights)], np.cumsum(weights)])
    found = decide(cumulative, np.array([1]), np.array([uniform]))
    assert found.tolist() == [place]


def test_each_row_has_its_own_weights() -> None:
    """Rows are looked up one by one; a lone row serves all."""
    cumulative = np.array([[1.0, 1.0], [0.0, 1.0]])
    uniform = np.array([0.1, 0.9, 0.1])
    assert decide(cumulative, np.array([0, 0, 1]), uniform).tolist() == [0, 0, 1]
    assert decide(cumulative, np.array(1), uniform).tolist() == [1, 1, 1]
