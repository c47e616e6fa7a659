"""The referees are themselves put to the test: on numbers known beforehand, and on wrong answers."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import ArrayLike

from buttpain.model.network import Network, NoisyOr, Table, Variable
from checks import assert_same_derivative, assert_same_distribution, assert_same_number, slope
from reference import Evidence, joint, joint_posterior, most_probable, posterior, probability_of
from strategies import networks, networks_with_evidence

NO_YES = ("no", "yes")


def binary(parents: tuple[str, ...], yes: ArrayLike) -> Table:
    """Return the table of a node of two states from the probabilities of the second."""
    second = np.asarray(yes, dtype=float)
    return Table(parents, np.stack([1 - second, second], axis=-1))


@pytest.fixture(scope="module")
def asia() -> Network:
    """Return the chest clinic of Lauritzen and Spiegelhalter (JRSS B 1988)."""
    families: dict[str, Table | NoisyOr] = {
        "asia": binary((), 0.01),
        "tub": binary(("asia",), [0.01, 0.05]),
        "smoke": binary((), 0.5),
        "lung": binary(("smoke",), [0.01, 0.1]),
        "bronc": binary(("smoke",), [0.3, 0.6]),
        "either": binary(("tub", "lung"), [[0, 1], [1, 1]]),
        "xray": binary(("either",), [0.05, 0.98]),
        "dysp": binary(("either", "bronc"), [[0.1, 0.8], [0.7, 0.9]]),
    }
    return Network("asia", tuple(Variable(node, NO_YES) for node in families), families)


@pytest.fixture(scope="module")
def small() -> Network:
    """Return two nodes: an even chance of a cause, and its effect with leak 0.1 and link 0.8."""
    families: dict[str, Table | NoisyOr] = {
        "cause": binary((), 0.5),
        "effect": NoisyOr(("cause",), 0.1, ((None, 0.8),)),
    }
    return Network("small", (Variable("effect"), Variable("cause")), families)


@pytest.mark.parametrize(
    ("node", "yes"),
    [
        ("tub", 0.0104),
        ("lung", 0.055),
        ("bronc", 0.45),
        ("either", 0.064828),
        ("xray", 0.11029004),
        ("dysp", 0.4359706),
    ],
)
def test_the_reference_gives_the_margins_of_asia(asia: Network, node: str, yes: float) -> None:
    """Enumeration finds the prior probabilities of the chest clinic, known to all their digits."""
    assert_same_distribution(posterior(asia, {}, node), [1 - yes, yes], 1e-15)


ASIA_QUERIES: dict[str, tuple[Evidence, str, float]] = {
    "down an arrow": ({"asia": "yes"}, "tub", 0.05),
    # P(either | smoker) = 1 - 0.9896 * 0.9 = 0.10936, so P(x-ray | smoker) = 0.1517048.
    "against the arrows": ({"smoke": "yes", "xray": "yes"}, "lung", 0.1 * 0.98 / 0.1517048),
    "explained away": ({"either": "yes", "lung": "yes"}, "tub", 0.0104),
    "by likelihood": ({"smoke": {"no": 1.0, "yes": 3.0}}, "bronc", 0.25 * 0.3 + 0.75 * 0.6),
    "by the ratio of likelihoods alone": ({"smoke": {"no": 0.1, "yes": 0.3}}, "smoke", 0.75),
}


@pytest.mark.parametrize(("seen", "node", "yes"), ASIA_QUERIES.values(), ids=ASIA_QUERIES.keys())
def test_the_reference_gives_posteriors_worked_out_by_hand(
    asia: Network, seen: Evidence, node: str, yes: float
) -> None:
    """Enumeration agrees with Bayes' rule on paper."""
    assert_same_distribution(posterior(asia, seen, node), [1 - yes, yes], 1e-15)


def test_the_reference_gives_a_joint_in_the_order_asked(asia: Network) -> None:
    """The axes of a joint posterior follow the nodes as they are named."""
    both = 0.5 * 0.01 * 0.3 + 0.5 * 0.1 * 0.6
    wanted = np.array([[0.55 - (0.055 - both), 0.055 - both], [0.45 - both, both]])
    assert_same_distribution(joint_posterior(asia, {}, ["bronc", "lung"]), wanted, 1e-15)
    assert_same_distribution(joint_posterior(asia, {}, ["lung", "bronc"]), wanted.T, 1e-15)


def test_the_reference_finds_the_most_probable_state_of_asia(asia: Network) -> None:
    """The likeliest patient has nothing, and its probability is the product of eight numbers."""
    states, probability = most_probable(asia, {})
    assert states == dict.fromkeys(asia.nodes, "no")
    assert_same_number(probability, 0.99 * 0.99 * 0.5 * 0.99 * 0.7 * 0.95 * 0.9)


def test_the_reference_works_a_noisy_or_from_its_definition(small: Network) -> None:
    """The effect is absent only if both the leak and the link fail."""
    present_if_caused = 1 - 0.9 * 0.2
    assert_same_number(probability_of(small, {"effect": "present"}), (0.1 + present_if_caused) / 2)
    assert_same_number(
        float(posterior(small, {"effect": "present"}, "cause")[1]),
        present_if_caused / (0.1 + present_if_caused),
    )


def test_the_reference_always_adds_what_is_given(small: Network) -> None:
    """A network's own selection counts as observed, whatever else is."""
    selected = Network("selected", small.variables, small.families, given={"cause": "present"})
    assert_same_number(probability_of(selected, {"effect": "present"}), 0.5 * 0.82)
    assert_same_distribution(posterior(selected, {}, "effect"), [0.18, 0.82])


def test_the_reference_says_that_evidence_is_impossible(asia: Network) -> None:
    """A contradiction has no posterior."""
    with pytest.raises(ZeroDivisionError, match="probability 0"):
        posterior(asia, {"lung": "yes", "either": "no"}, "smoke")


def test_the_slope_is_that_worked_out_by_hand(asia: Network, small: Network) -> None:
    """The slope along a table entry is the probability of its row; along a link, of what it decides."""
    entry = asia.parameters.index.get_loc("xray=yes | either=yes")
    link = small.parameters.index.get_loc("effect <- cause")
    assert isinstance(entry, int)
    assert isinstance(link, int)
    assert_same_derivative(slope(asia, {"xray": "yes"}, entry), 0.064828)
    assert_same_derivative(slope(small, {"effect": "present"}, link), 0.5 * 0.9)


@given(networks())
def test_the_joint_states_of_any_network_sum_to_the_probability_of_its_selection(net: Network) -> None:
    """Without a selection the joint probabilities sum to 1; with one, to at most 1."""
    total = joint(net).sum()
    assert total <= 1 + 1e-12
    if not net.given:
        assert_same_number(total, 1.0)


@given(networks_with_evidence(max_nodes=4))
def test_the_reference_agrees_with_a_network_without_its_selection(
    drawn: tuple[Network, dict[str, str | dict[str, float]]],
) -> None:
    """A selection is the same as one more observation."""
    net, seen = drawn
    free = Network(net.name, net.variables, net.families)
    if not set(net.given) & set(seen):
        assert probability_of(net, seen) == probability_of(free, {**net.given, **seen})


WRONG_DISTRIBUTIONS: dict[str, tuple[ArrayLike, str]] = {
    "off by 1e-9": ([0.3 + 1e-9, 0.7 - 1e-9], "apart"),
    "states swapped": ([0.7, 0.3], "apart"),
    "not normalised": ([0.3, 0.7 + 1e-9], "sums to"),
    "all nan": ([np.nan, np.nan], "not finite"),
    "negative": ([-0.3, 1.3], "negative"),
    "one state too many": ([0.3, 0.7, 0.0], "shape"),
    "one value for all states": (0.3, "shape"),
}


@pytest.mark.parametrize(("actual", "words"), WRONG_DISTRIBUTIONS.values(), ids=WRONG_DISTRIBUTIONS.keys())
def test_a_wrong_distribution_is_caught(actual: ArrayLike, words: str) -> None:
    """The check of a distribution fails on each kind of wrong answer."""
    with pytest.raises(AssertionError, match=words):
        assert_same_distribution(actual, [0.3, 0.7])


WRONG_NUMBERS = {
    "off by 1e-9 of itself": (1e-20 * (1 + 1e-9), 1e-20),
    "a tiny number rounded to 0": (0.0, 1e-20),
    "not quite 0": (1e-300, 0.0),
    "nan": (np.nan, 0.5),
}


@pytest.mark.parametrize(("actual", "expected"), WRONG_NUMBERS.values(), ids=WRONG_NUMBERS.keys())
def test_a_wrong_number_is_caught(actual: float, expected: float) -> None:
    """The check of a number is relative, so it fails on tiny ones as well."""
    with pytest.raises(AssertionError, match="expected"):
        assert_same_number(actual, expected)


WRONG_DERIVATIVES: dict[str, tuple[ArrayLike, ArrayLike, str]] = {
    "2.001 for 2": (2.001, 2.0, "apart"),
    "one wrong among many": ([1.0, 2.0, 3.0 + 1e-9], [1.0, 2.0, 3.0], "apart"),
    "the wrong sign": (-0.25, 0.25, "apart"),
    "nan": (np.nan, 0.0, "not finite"),
    "too few": ([1.0], [1.0, 1.0], "shape"),
}


@pytest.mark.parametrize(
    ("actual", "expected", "words"), WRONG_DERIVATIVES.values(), ids=WRONG_DERIVATIVES.keys()
)
def test_a_wrong_derivative_is_caught(actual: ArrayLike, expected: ArrayLike, words: str) -> None:
    """The check of derivatives fails on each kind of wrong answer."""
    with pytest.raises(AssertionError, match=words):
        assert_same_derivative(actual, expected)


RIGHT: dict[str, Callable[[], None]] = {
    "a distribution": lambda: assert_same_distribution([0.3, 0.7], [0.3 + 1e-14, 0.7 - 1e-14]),
    "a number": lambda: assert_same_number(0.0, 0.0),
    "derivatives": lambda: assert_same_derivative([2.0 + 1e-13, 0.0], [2.0, 1e-14]),
}


@pytest.mark.parametrize("check", RIGHT.values(), ids=RIGHT.keys())
def test_rounding_is_forgiven(check: Callable[[], None]) -> None:
    """The checks pass on answers that differ by rounding alone."""
    check()
