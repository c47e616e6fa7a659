"""Contractions of large tensors against `numpy.einsum`, which they stand in for."""

from string import ascii_lowercase
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buttpain.inference import contraction
from buttpain.inference.contraction import contract


@st.composite
def contractions(draw: st.DrawFn) -> tuple[str, np.ndarray, np.ndarray]:
    """Draw two operands that share some labels, and what is left of them; a last axis counts cases."""
    labels = ascii_lowercase[: draw(st.integers(1, 8))]
    sizes = {label: draw(st.integers(1, 3)) for label in labels}
    places = {label: draw(st.sampled_from(["a", "b", "ab"])) for label in labels}
    kept = [label for label in labels if places[label] != "ab" or draw(st.booleans())]
    one = draw(st.permutations([label for label in labels if "a" in places[label]]))
    other = draw(st.permutations([label for label in labels if "b" in places[label]]))
    out = draw(st.permutations(kept))
    cases = draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shapes = [
        (*(sizes[label] for label in operand), cases if draw(st.booleans()) else 1)
        for operand in (one, other)
    ]
    text = f"{''.join(one)}Z,{''.join(other)}Z->{''.join(out)}Z"
    return text, rng.random(shapes[0]), rng.random(shapes[1])


@pytest.mark.parametrize("many_terms", [0, 64])
@given(contractions())
def test_it_is_einsum(many_terms: int, drawn: tuple[str, np.ndarray, np.ndarray]) -> None:
    """Whatever the groups and their order, and whether terms are added up or a matrix product is taken."""
    text, a, b = drawn
    with patch.object(contraction, "SMALL", 0), patch.object(contraction, "MANY_TERMS", many_terms):
        found = contract(text, a, b)
    expected = np.einsum(text, a, b)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_operands_may_be_views() -> None:
    """Axes out of order in memory, or repeated without being stored, are read as einsum reads them."""
    rng = np.random.default_rng(0)
    a = rng.random((3, 16, 16, 4, 1)).transpose(2, 0, 3, 1, 4)
    b = np.broadcast_to(rng.random((1, 3, 1, 16, 1)), (16, 3, 5, 16, 1))
    text = "abcdZ,abedZ->ecaZ"
    np.testing.assert_allclose(contract(text, a, b), np.einsum(text, a, b), rtol=1e-12)


def test_a_label_that_only_one_operand_has_and_the_result_lacks() -> None:
    """Such a sum is left to einsum."""
    rng = np.random.default_rng(1)
    a, b = rng.random((64, 64, 1)), rng.random((64, 1))
    np.testing.assert_allclose(contract("abZ,aZ->aZ", a, b), np.einsum("abZ,aZ->aZ", a, b), rtol=1e-12)
