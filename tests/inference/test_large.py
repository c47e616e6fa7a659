"""Larger networks that come with pgmpy: each is answered exactly, or refused at once."""

import numpy as np
import pytest

import buttpain as bp
from checks import assert_same_distribution
from examples import example_path


@pytest.mark.parametrize("name", ["hailfinder", "hepar2", "win95pts", "andes", "water"])
def test_large_examples_are_answered_as_pgmpy_answers_them(name: str) -> None:
    """All posteriors come from one call, and those looked at are pgmpy's."""
    from pgmpy.inference import VariableElimination

    net = bp.load_network(example_path(name))
    likely = bp.observe(net).most_probable_explanation()[0] if name != "water" else {}
    seen = {node: likely[node] for node in net.nodes[-4:-1] if node in likely}
    posterior = bp.observe(net, seen).posterior()
    assert set(posterior) == set(net.nodes) - set(seen)
    model = bp.to_pgmpy(net)
    for node in np.random.default_rng(1).choice(list(posterior), 2, replace=False).tolist():
        factor = VariableElimination(model).query([node], evidence=seen, show_progress=False)
        wanted = [factor.get_value(**{node: state}) for state in net.states(node)]
        assert_same_distribution(posterior[node], wanted)


def test_a_bound_too_small_for_the_network_is_said_at_once() -> None:
    """What would take more than the bound is refused with its width and size, and nothing is allocated."""
    case = bp.observe(bp.load_network(example_path("andes")), memory=2**20)
    with pytest.raises(bp.NetworkTooComplex, match=r"network '.*' needs a table of [\d,]+ entries"):
        case.most_probable_explanation()
    single = bp.observe(case.net, memory=2**12)
    with pytest.raises(bp.NetworkTooComplex, match=r"network '.*' needs a table of [\d,]+ entries"):
        single.posterior()


def test_targets_that_do_not_fit_the_bound_together_are_answered_apart() -> None:
    """All nodes at once take more than the bound; in groups they fit, with the same result."""
    net = bp.load_network(example_path("andes"))
    free, bounded = bp.observe(net).posterior(), bp.observe(net, memory=2**20).posterior()
    for node in net.nodes:
        np.testing.assert_allclose(bounded[node], free[node], rtol=1e-12)
