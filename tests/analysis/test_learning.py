"""Learning: against counts, expectation-maximisation over all joint states, differences, and the truth."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations_with_replacement, product
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

import buttpain as bp
from buttpain.analysis.learning import NotConverged, learn
from buttpain.analysis.sampling import sample
from buttpain.inference import counts
from buttpain.model.network import NoisyOr, Table, Variable
from buttpain.model.priors import Provenance, Source
from reference import joint, probability_of

Array = NDArray[np.float64]

KNOWN = math.inf
SOURCES = {"panel": Source("panel", "Judgement of a panel", "elicited")}
CLINIC = {"key": "clinic", "cite": "A clinic's runners, 2026", "kind": "cohort"}


def worth(*ess: float) -> tuple[Provenance, ...]:
    """Return records of numbers worth so many cases."""
    return tuple(Provenance("panel", "a guess", ess=size) for size in ess)


def table(present: ArrayLike, *ess: float, parents: tuple[str, ...] = ()) -> Table:
    """Return a table of two states, each row worth so many cases."""
    second = np.asarray(present, dtype=float)
    return Table(parents, np.stack([1 - second, second], axis=-1), worth(*ess))


def network(
    families: Mapping[str, Table | NoisyOr],
    given: Mapping[str, str] | None = None,
    roles: Mapping[str, str] | None = None,
    **states: tuple[str, ...],
) -> bp.Network:
    """Return a network of these families, binary findings unless told otherwise."""
    roles = roles or {}
    variables = tuple(
        Variable(name, states.get(name, ("absent", "present")), role=roles.get(name, "finding"))
        for name in families
    )
    return bp.Network("made", variables, families, given or {}, SOURCES)


def mixed() -> bp.Network:
    """Return seven nodes of every kind: a selection, a latent mechanism, three states, links of states."""
    return network(
        {
            "risk": table(0.4, 10),
            "a": table([0.1, 0.3], 12, 8, parents=("risk",)),
            "b": NoisyOr(("risk",), 0.15, ((None, 0.2),), worth(9, 7)),
            "latent": NoisyOr(("a", "b"), 0.1, ((None, 0.6), (None, 0.5)), worth(9, 11, 6)),
            "level": Table(("latent",), np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]]), worth(15, 9)),
            "sign": NoisyOr(("latent", "level"), 0.1, ((None, 0.5), (None, 0.2, 0.4)), worth(10, 5, 6, 7)),
            "pain": NoisyOr(
                ("a", "b", "risk"), 0.1, ((None, 0.9), (None, 0.8), (0.1, None)), worth(20, 10, 12, 9)
            ),
        },
        {"pain": "present"},
        {"risk": "risk_factor", "a": "condition", "b": "condition", "latent": "mechanism"},
        level=("low", "middle", "high"),
    )


def shifted(net: bp.Network, seed: int) -> bp.Network:
    """Return the network with numbers drawn from its own prior."""
    rng, theta = np.random.default_rng(seed), net.theta.copy()
    for node, span in net.spans.items():
        family, sizes = net.families[node], net.ess[span]
        width = family.values.shape[-1] if isinstance(family, Table) else 1
        for start in range(0, span.stop - span.start, width):
            own, size = theta[span][start : start + width], sizes[start]
            if math.isfinite(size):
                own[:] = rng.dirichlet(own * size) if width > 1 else rng.beta(own * size, (1 - own) * size)
    return net.with_theta(theta)


# -- nothing to learn --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"sign": []}),
        pd.DataFrame({"sign": [None, np.nan, ""]}),
        pd.DataFrame({"pain": ["present"] * 3}),
    ],
    ids=["no rows", "nothing observed", "the selection alone"],
)
def test_cases_that_say_nothing_change_nothing(frame: pd.DataFrame) -> None:
    """The very network comes back, its numbers, sizes and sources to the last bit."""
    net = mixed()
    assert learn(net, frame) is net


def test_rows_of_weight_zero_say_nothing() -> None:
    """They are not even looked at: one of them could not be."""
    net = mixed()
    frame = pd.DataFrame({"sign": ["present", "present"], "pain": ["present", "absent"]})
    assert learn(net, frame, weights=[0.0, 0.0]) is net
    assert learn(net, frame, weights=[1.0, 0.0]) is not net


def test_what_no_case_speaks_of_stays_as_it_was() -> None:
    """Numbers below what was observed keep values, sizes and records, bit by bit."""
    net = mixed()
    learned = learn(net, pd.DataFrame({"b": ["present", "absent"]}))
    for node in ("latent", "level", "sign"):
        assert learned.families[node] is net.families[node]
    assert learned.families["b"] is not net.families["b"]


def test_numbers_that_hold_by_definition_stay() -> None:
    """An infinite size, and a number of 0 or 1, are not for learning; their neighbours are."""
    net = network(
        {
            "cause": table(0.3, KNOWN),
            "sign": NoisyOr(("cause",), 0.0, ((None, 0.5),), worth(KNOWN, 4)),
            "level": Table(("sign",), np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]), worth(KNOWN, 6)),
        },
        level=("low", "middle", "high"),
    )
    frame = pd.DataFrame(
        {"cause": ["present"] * 4, "sign": ["present"] * 3 + ["absent"], "level": ["high"] * 3 + ["low"]}
    )
    learned = learn(net, frame, tolerance=1e-9)
    assert learned.families["cause"] is net.families["cause"]
    assert learned.theta[net.spans["sign"]].tolist() == pytest.approx([0.0, 5 / 8], abs=1e-9)
    assert learned.theta[net.spans["level"]].tolist() == pytest.approx([1, 0, 0, 0, 3 / 9, 6 / 9], abs=1e-9)
    certain = network({"cause": table(0.3, KNOWN)})
    assert learn(certain, pd.DataFrame({"cause": ["present"]})) is certain


# -- cases seen whole --------------------------------------------------------------------------


def test_whole_cases_add_their_counts_to_the_prior() -> None:
    """Rows of tables become (size * mean + counts) / (size + n), and size becomes size + n."""
    net = network(
        {
            "level": Table((), np.array([0.2, 0.3, 0.5]), worth(10)),
            "sign": table([0.1, 0.4, 0.8], 5, 8, 20, parents=("level",)),
        },
        level=("low", "middle", "high"),
    )
    cells = {("low", "absent"): 7, ("low", "present"): 1, ("middle", "present"): 4, ("high", "absent"): 9}
    rows = [cell for cell, count in cells.items() for _ in range(count)]
    learned = learn(net, pd.DataFrame(rows, columns=["level", "sign"]), tolerance=1e-9)
    assert learned.theta[:3] == pytest.approx(np.array([2 + 8, 3 + 4, 5 + 9]) / 31, abs=1e-9)
    assert learned.ess[:3] == pytest.approx([31.0] * 3, rel=1e-7)
    assert learned.theta[4::2] == pytest.approx([1.5 / 13, 7.2 / 12, 16 / 29], abs=1e-9)
    assert learned.ess[4::2] == pytest.approx([13.0, 12.0, 29.0], rel=1e-7)


@given(st.lists(st.sampled_from(("present", "absent", None)), min_size=1, max_size=40))
@settings(max_examples=40)
def test_a_lone_number_is_a_beta_updated(seen: list[str | None]) -> None:
    """Of one node, whose cases are seen or not at all."""
    net = network({"sign": table(0.3, 4.0)})
    events, trials = seen.count("present"), len(seen) - seen.count(None)
    learned = learn(net, pd.DataFrame({"sign": seen}), tolerance=1e-9)
    assert learned.theta[1] == pytest.approx((1.2 + events) / (4 + trials), abs=1e-9)
    assert learned.ess[1] == pytest.approx(4 + trials, rel=1e-7)


# -- the referee: all joint states -------------------------------------------------------------


def maximised(net: bp.Network, frame: pd.DataFrame, steps: int = 5000) -> Array:
    """Return the numbers by expectation-maximisation over all joint states, one step after another.

    A person's complete data are the states of all nodes, and for each noisy-OR which causes acted.
    For each case, (1 - P(selection)) / P(selection) people were turned away and never seen.
    """
    shape = [range(len(net.states(node))) for node in net.nodes]
    worlds = np.array(list(product(*shape)))
    selected = agrees(net, worlds, net.given)
    cases = [agrees(net, worlds, row) & selected for row in rows_of(frame)]
    theta, prior = net.theta.copy(), net.theta * net.ess
    for _ in range(steps):
        people = joint(replace(net.with_theta(theta), given={})).ravel()
        weights = sum(people * case / (people @ case) for case in cases)
        weights = weights + len(cases) / (people @ selected) * people * ~selected
        came, could = counted(net, worlds, weights, theta)
        before, theta = theta, (prior + came) / (net.ess + could)
        if np.abs(theta - before).max() < 1e-12:
            return theta
    raise AssertionError("more steps are needed")


def rows_of(frame: pd.DataFrame) -> list[dict[str, str]]:
    """Return what was seen in each case."""
    columns = [str(column) for column in frame.columns]
    rows = frame.astype(object).to_numpy().tolist()
    return [{k: v for k, v in zip(columns, row, strict=True) if isinstance(v, str)} for row in rows]


def agrees(net: bp.Network, worlds: NDArray[np.intp], seen: Mapping[str, str]) -> NDArray[np.bool_]:
    """Return which joint states hold what was seen."""
    found = np.ones(len(worlds), dtype=bool)
    for node, state in seen.items():
        found &= worlds[:, net.nodes.index(node)] == net.states(node).index(state)
    return found


def counted(net: bp.Network, worlds: NDArray[np.intp], weights: Array, theta: Array) -> tuple[Array, Array]:
    """Return how often each outcome came, and could have come, among weighted joint states."""
    came, could = np.zeros(theta.size), np.zeros(theta.size)
    for node, span in net.spans.items():
        family, state = net.families[node], worlds[:, net.nodes.index(node)]
        parents = [worlds[:, net.nodes.index(parent)] for parent in family.parents]
        if isinstance(family, Table):
            row = np.zeros(len(worlds), dtype=np.intp)
            for parent, size in zip(parents, family.values.shape, strict=False):
                row = row * size + parent
            width = family.values.shape[-1]
            np.add.at(came, span.start + row * width + state, weights)
            for entry in range(width):
                np.add.at(could, span.start + row * width + entry, weights)
            continue
        acting = [(span.start, np.ones(len(worlds), dtype=bool))]
        for links, parent in zip(family.links, parents, strict=True):
            for place, link in enumerate(links):
                if link is not None:
                    acting.append((span.start + len(acting), parent == place))
        quiet = np.prod([np.where(there, 1 - theta[i], 1.0) for i, there in acting], axis=0)
        for i, there in acting:
            acted = there & (state == 1)
            came[i] = (weights[acted] * theta[i] / (1 - quiet[acted])).sum()
            could[i] = weights[there].sum()
    return came, could


GAPS = (
    {"latent": 1.0},
    {"latent": 1.0, "a": 0.5, "b": 0.7, "risk": 0.2, "level": 0.3, "sign": 0.1},
    {"latent": 1.0, "a": 1.0, "b": 1.0},
)


@pytest.mark.parametrize("gaps", GAPS, ids=["latent mechanism", "gaps everywhere", "no condition known"])
def test_the_numbers_are_those_of_expectation_maximisation(gaps: Mapping[str, float]) -> None:
    """Under a selection, with noisy-ORs, three states, links of states, and a mechanism never seen."""
    net = mixed()
    frame = sample(shifted(net, 1), 60, seed=3, missing=gaps, latent=True).drop(columns="pain")
    learned = learn(net, frame, tolerance=1e-8)
    assert np.abs(learned.theta - maximised(net, frame)).max() < 1e-7


@pytest.mark.parametrize("threshold", [0, 10**9], ids=["native", "circuit"])
def test_engines_learn_the_same(threshold: int) -> None:
    """Native code and the circuit end at the numbers of the other."""
    net = mixed()
    frame = sample(shifted(net, 2), 80, seed=4, missing=0.3)
    wanted = learn(net, frame, tolerance=1e-8)
    with patch.object(counts, "NATIVE_WORTH", threshold):
        found = learn(net, frame, tolerance=1e-8)
    assert np.abs(found.theta - wanted.theta).max() < 1e-8
    assert found.ess == pytest.approx(wanted.ess, rel=1e-6)


def log_posterior(net: bp.Network, frame: pd.DataFrame, theta: Array) -> float:
    """Return the log density of the coordinates, up to a constant, by all joint states."""
    under, value = net.with_theta(theta), 0.0
    for node, span in net.spans.items():
        weights, values = net.ess[span] * net.theta[span], theta[span]
        value += float(weights @ np.log(values))
        if isinstance(net.families[node], NoisyOr):
            value += float((net.ess[span] * (1 - net.theta[span])) @ np.log(1 - values))
    selection = probability_of(under, {})
    kinds: dict[str, float] = {}
    for row in rows_of(frame):
        if repr(row) not in kinds:
            kinds[repr(row)] = math.log(probability_of(under, row) / selection)
        value += kinds[repr(row)]
    return value


def small() -> bp.Network:
    """Return a cause, two signs and a selection: few numbers, each entangled with the others."""
    return network(
        {
            "cause": table(0.3, 8),
            "sign": NoisyOr(("cause",), 0.2, ((None, 0.5),), worth(6, 9)),
            "other": table([0.2, 0.6], 10, 7, parents=("cause",)),
            "pain": NoisyOr(("cause", "sign"), 0.3, ((None, 0.6), (None, 0.4)), worth(12, 11, 5)),
        },
        {"pain": "present"},
    )


def moved(net: bp.Network, theta: Array, i: int, by: float) -> Array:
    """Return the numbers with the log-odds of one moved, the other of its row making up for it."""
    found = theta.copy()
    odds = theta[i] / (1 - theta[i]) * math.exp(by)
    found[i] = odds / (1 + odds)
    span = next(span for span in net.spans.values() if span.start <= i < span.stop)
    if isinstance(net.families[next(n for n, s in net.spans.items() if s == span)], Table):
        found[i - 1] = 1 - found[i]
    return found


FREE = (1, 2, 3, 5, 7, 8, 9, 10)
"""One number of each distribution of `small`."""


def test_no_difference_leads_further_up() -> None:
    """At the learned numbers the log posterior is flat in every direction: central differences of it."""
    net = small()
    frame = sample(shifted(net, 5), 40, seed=6, missing={"cause": 0.6, "sign": 0.3}).drop(columns="pain")
    learned = learn(net, frame, tolerance=1e-8)
    assert [learned.parameters["kind"].iloc[i] for i in FREE].count("table") == 3
    for i in FREE:
        ends = [log_posterior(net, frame, moved(net, learned.theta, i, by)) for by in (1e-4, -1e-4)]
        assert abs(ends[0] - ends[1]) / 2e-4 < 1e-5
        before = [log_posterior(net, frame, moved(net, net.theta, i, by)) for by in (1e-4, -1e-4)]
        assert abs(before[0] - before[1]) / 2e-4 > 1e-3


@pytest.mark.parametrize("seed", [0, 3], ids=["full steps", "steps that go too far"])
def test_the_log_posterior_never_falls(seed: int) -> None:
    """Step after step, from the prior to the mode, also where the prior is far off and steps are halved."""
    net = small()
    truth = shifted(shifted(net, seed), seed + 100)
    frame = sample(truth, 2000, seed=seed, missing=0.3)
    values = [log_posterior(net, frame, net.theta)]
    for steps in range(1, 12):
        with pytest.warns(NotConverged, match=f"stopped after {steps} step"):
            stopped = learn(net, frame, iterations=steps, tolerance=1e-9)
        values.append(log_posterior(net, frame, stopped.theta))
    values.append(log_posterior(net, frame, learn(net, frame, tolerance=1e-6).theta))
    assert (np.diff(values) > -1e-7).all()
    assert values[-1] > values[0] + 10


# -- the truth ---------------------------------------------------------------------------------


def clinic(base: float, ess: float) -> bp.Network:
    """Return a condition that brings people to the clinic, as other things do, which are known."""
    return network(
        {
            "cause": table(base, ess),
            "sign": NoisyOr(("cause",), 0.1, ((None, 0.6),), worth(10, 10)),
            "pain": NoisyOr(("cause",), 0.1, ((None, 0.8),), worth(KNOWN, KNOWN)),
        },
        {"pain": "present"},
        {"cause": "condition"},
    )


def test_base_rates_are_those_of_everybody_not_of_the_selected() -> None:
    """One in twenty has the cause, but one in three of those in the clinic; one in twenty is learned."""
    frame = sample(clinic(0.05, KNOWN), 20_000, seed=1, missing={"cause": 0.3})
    among_cases = float((frame["cause"].dropna() == "present").mean())
    assert among_cases == pytest.approx(0.05 * 0.82 / (0.05 * 0.82 + 0.95 * 0.1), abs=0.02)
    learned = learn(clinic(0.2, 5), frame)
    _, present = learned.theta[learned.spans["cause"]]
    error = math.sqrt(present * (1 - present) / learned.ess[1])
    assert abs(present - 0.05) < 4 * error
    assert error < 0.002
    assert bp.observe(learned).probability("cause") == pytest.approx(among_cases, abs=0.005)


def test_the_error_falls_with_the_root_of_the_number_of_cases() -> None:
    """Four times the cases, half the error: the slope of one logarithm over the other is about -1/2."""
    # The links of the selection are known: who was turned away is never seen, and they hang on that.
    families = {**mixed().families, "pain": replace(mixed().families["pain"], provenance=worth(*[KNOWN] * 4))}
    net = replace(mixed(), families=families)
    truth = shifted(net, 3)
    sizes, errors = (100, 400, 1600, 6400), list[float]()
    for n in sizes:
        apart = [
            learn(net, sample(truth, n, seed=seed, missing=0.2, latent=True)).theta - truth.theta
            for seed in range(4)
        ]
        errors.append(float(np.sqrt(np.mean(np.square(apart)))))
    slope = float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])
    assert -0.6 < slope < -0.4, errors


def test_a_mechanism_that_nobody_sees_is_learned_from_what_it_brings_about() -> None:
    """Its links are not known apart, but how often each condition shows each sign is."""
    signs = {
        f"sign{i}": NoisyOr(("latent",), leak, ((None, link),), worth(4, 4))
        for i, (leak, link) in enumerate(((0.1, 0.8), (0.05, 0.6), (0.2, 0.7)))
    }
    families: dict[str, Table | NoisyOr] = {
        "cause": table(0.4, 4),
        "latent": NoisyOr(("cause",), 0.05, ((None, 0.7),), worth(4, 4)),
        **signs,
    }
    truth = network(families, roles={"latent": "mechanism"})
    begun = truth.with_theta(np.where(truth.theta < 0.5, truth.theta + 0.15, truth.theta - 0.15))
    learned = learn(begun, sample(truth, 4000, seed=2))
    for sign in signs:
        for present in (True, False):
            found, wanted, before = (
                bp.observe(net, cause=present).probability(sign) for net in (learned, truth, begun)
            )
            assert abs(found - wanted) < 0.03
            assert abs(before - wanted) > 0.03 or present


# -- laws --------------------------------------------------------------------------------------


@given(st.randoms(use_true_random=False), st.integers(0, 5))
@settings(max_examples=8)
def test_neither_the_order_of_rows_nor_that_of_columns_matters(random: st.DataObject, seed: int) -> None:
    """Cases are a set: the same numbers to the last bit in any order of rows, nearly so of columns."""
    net = small()
    frame = sample(net, 60, seed=seed, missing=0.4)
    order = list(range(60))
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    learned, other = learn(net, frame), learn(net, frame.iloc[order])
    assert (learned.theta == other.theta).all()
    assert (learned.ess == other.ess).all()
    turned = learn(net, frame[frame.columns[::-1]])
    assert turned.theta == pytest.approx(learned.theta, abs=1e-4)


def test_a_weight_is_so_many_rows() -> None:
    """Weights of whole numbers do what repeating the rows does; a series of them is taken by its index."""
    net = small()
    frame = sample(net, 12, seed=1, missing=0.3)
    weights = np.array([1, 2, 3, 0, 5, 1, 1, 4, 2, 1, 1, 2])
    weighed = learn(net, frame, weights=weights, tolerance=1e-7)
    repeated = learn(net, frame.iloc[np.repeat(np.arange(12), weights)], tolerance=1e-7)
    assert weighed.theta == pytest.approx(repeated.theta, abs=1e-8)
    assert weighed.ess == pytest.approx(repeated.ess, rel=1e-5)
    series = learn(net, frame, weights=pd.Series(weights, index=frame.index), tolerance=1e-7)
    assert (series.theta == weighed.theta).all()


def test_two_halves_of_whole_cases_teach_what_all_of_them_do() -> None:
    """Where nothing is left out, what was learned first is the prior of what comes next."""
    net = network({"cause": table(0.3, 8), "sign": table([0.2, 0.7], 6, 9, parents=("cause",))})
    frame = sample(net, 200, seed=4)
    at_once = learn(net, frame, tolerance=1e-9)
    in_turn = learn(learn(net, frame.iloc[:70], tolerance=1e-9), frame.iloc[70:], tolerance=1e-9)
    assert in_turn.theta == pytest.approx(at_once.theta, abs=1e-8)
    assert in_turn.ess == pytest.approx(at_once.ess, rel=1e-6)


def test_a_likelihood_of_one_state_alone_is_that_state() -> None:
    """Columns of likelihoods are read as in `posteriors`, and their scale does not matter."""
    net = small()
    hard = pd.DataFrame({"sign": ["present", "absent", "present"]})
    soft = pd.DataFrame({"sign:present": [0.3, 0.0, 7.0], "sign:absent": [0.0, 2.0, 0.0]})
    assert learn(net, soft, tolerance=1e-7).theta == pytest.approx(
        learn(net, hard, tolerance=1e-7).theta, abs=1e-8
    )
    even = pd.DataFrame({"sign:present": [0.5], "sign:absent": [0.5]})
    assert learn(net, even).theta == pytest.approx(net.theta, abs=1e-9)


# -- how sure ----------------------------------------------------------------------------------


def hessian(net: bp.Network, frame: pd.DataFrame, theta: Array, free: tuple[int, ...]) -> Array:
    """Return minus the second derivatives of the log posterior by the log-odds of some numbers."""

    def value(*steps: tuple[int, float]) -> float:
        there = theta
        for i, by in steps:
            there = moved(net, there, i, by)
        return log_posterior(net, frame, there)

    h, found = 1e-3, np.empty((len(free), len(free)))
    for j, k in combinations_with_replacement(range(len(free)), 2):
        corners = [(a, b, value((free[j], a * h), (free[k], b * h))) for a in (1, -1) for b in (1, -1)]
        found[j, k] = found[k, j] = -sum(a * b * corner for a, b, corner in corners) / (4 * h * h)
    return found


@pytest.mark.parametrize("unknown", ["cause", "sign", "other"])
def test_a_lone_unknown_number_has_the_exact_information(unknown: str) -> None:
    """With all other numbers known the new size is the curvature over value (1 - value); gaps or not."""
    sizes = {"cause": (KNOWN,), "sign": (KNOWN, KNOWN), "other": (KNOWN, KNOWN), "pain": (KNOWN,) * 3}
    sizes[unknown] = {"cause": (8.0,), "sign": (KNOWN, 9.0), "other": (KNOWN, 7.0)}[unknown]
    families = {
        node: replace(family, provenance=worth(*sizes[node])) for node, family in small().families.items()
    }
    net = replace(small(), families=families)
    frame = sample(shifted(net, 2), 80, seed=9, missing={"cause": 0.6, "sign": 0.3, "other": 0.4})
    learned = learn(net, frame.drop(columns="pain"), tolerance=1e-8)
    i = {"cause": 1, "sign": 3, "other": 7}[unknown]
    (curvature,) = hessian(small(), frame.drop(columns="pain"), learned.theta, (i,))[0]
    expected = curvature / (learned.theta[i] * (1 - learned.theta[i]))
    before = small().ess[i]
    assert learned.ess[i] == pytest.approx(expected, rel=1e-3)
    assert before < learned.ess[i]


def test_numbers_learned_together_are_less_sure_by_about_what_the_hessian_says() -> None:
    """Against the inverse of all second derivatives; taking each number alone would be far off."""
    net = small()
    for hidden, off, off_alone in ((0.7, 0.2, 0.5), (1.0, 0.7, 3.0)):
        frame = sample(shifted(net, 2), 1000, seed=9, missing={"cause": hidden}).drop(columns="pain")
        learned = learn(net, frame, tolerance=1e-6)
        free = list(FREE)
        full = hessian(net, frame, learned.theta, FREE)
        spread = learned.theta[free] * (1 - learned.theta[free])
        together, alone = 1 / np.diag(np.linalg.inv(full)) / spread, np.diag(full) / spread
        assert (np.abs(np.log(learned.ess[free] / together)) < off).all()
        assert np.log(alone / together).max() > off_alone


@given(st.integers(0, 10**6), st.integers(1, 30))
@settings(max_examples=15)
def test_no_number_becomes_less_sure(seed: int, n: int) -> None:
    """Sizes grow or stay, and without a selection by no more than the number of cases."""
    net = replace(mixed(), given={})
    learned = learn(net, sample(shifted(net, seed), n, seed=seed, missing=0.5))
    assert (learned.ess >= net.ess * (1 - 1e-12)).all()
    assert (learned.ess <= (net.ess + n) * (1 + 1e-9)).all()


# -- where numbers come from -------------------------------------------------------------------


def test_a_number_rests_on_whatever_brings_more_of_its_sample() -> None:
    """Ten cases outweigh a guess worth five and not one worth fifty; notes tell of both."""
    net = network({"rare": table(0.5, 5), "common": table(0.5, 50)})
    learned = learn(net, pd.DataFrame({"rare": [True] * 10, "common": [True] * 10}), source=CLINIC)
    rare, common = (learned.families[node].provenance[0] for node in ("rare", "common"))
    assert (rare.source, common.source) == ("clinic", "panel")
    assert learned.parameters.loc["rare=present", "grade"] == "B"
    assert learned.parameters.loc["common=present", "grade"] == "F"
    assert rare.note == ("a guess Learned from clinic: 0.5, worth 5 cases (panel), became 0.8333, worth 15.")
    assert "worth 50 cases (panel)" in common.note
    assert learned.sources == {**SOURCES, "clinic": Source(**CLINIC)}


def test_cases_without_a_word_are_a_series_and_each_time_another() -> None:
    """They get a key of their own, a grade that claims little, and their number."""
    net = network({"sign": table(0.5, 5)})
    frame = pd.DataFrame({"sign": [True] * 1200})
    once = learn(net, frame)
    assert once.sources["cases"] == Source(
        "cases", "1,200 cases of which nothing else was said.", "case_series"
    )
    twice = learn(once, frame.iloc[:2000])
    assert set(twice.sources) == {"panel", "cases", "cases2"}
    assert twice.families["sign"].provenance[0].source == "cases"
    assert "(cases)" in twice.families["sign"].provenance[0].note


@pytest.mark.parametrize("name", ["five_findings", "mixed"])
def test_a_learned_network_goes_through_a_file(name: str, tmp_path: Any) -> None:
    """Values, sizes, sources and notes come back as they were, to the last bit."""
    net = mixed() if name == "mixed" else bp.load_network(name)
    learned = learn(net, sample(net, 100, seed=1, missing=0.3), source=CLINIC)
    bp.save_network(learned, tmp_path / "learned.toml")
    back = bp.load_network(tmp_path / "learned.toml")
    assert (back.theta == learned.theta).all()
    assert np.array_equal(back.ess, learned.ess)
    assert back.provenance == learned.provenance
    assert dict(back.sources) == dict(learned.sources)


def test_numbers_without_a_size_need_one() -> None:
    """A network of plain tables is refused until `ess` says what its rows are worth; then sources begin."""
    net = bp.Network("plain", (Variable("sign"),), {"sign": Table((), np.array([0.5, 0.5]))})
    frame = pd.DataFrame({"sign": [True, True]})
    with pytest.raises(bp.UnknownUncertainty, match="2 of the 2 parameters"):
        learn(net, frame)
    learned = learn(net, frame, ess=2, tolerance=1e-9)
    assert learned.theta[1] == pytest.approx(0.75, abs=1e-9)
    assert learned.provenance[1].source == "cases"
    assert "worth 2 cases (no source)" in learned.provenance[1].note


# -- what is refused, and what is said ---------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "options", "error", "words"),
    [
        (
            pd.DataFrame({"sgn": [True]}),
            {},
            bp.UnknownNode,
            r"ignore=\['sgn'\] leaves the column out.*'sign'\?",
        ),
        (pd.DataFrame({"sign": [True, "x"]}, index=["k", "l"]), {}, bp.UnknownState, "stands in row 'l'"),
        (pd.DataFrame(index=range(3)), {}, ValueError, "has no columns to learn from"),
        (pd.DataFrame(), {}, ValueError, "has no columns to learn from"),
        (pd.DataFrame({"age": [1]}), {"ignore": ["age"]}, ValueError, "has no columns to learn from"),
        (pd.DataFrame([[True, True]], columns=["sign", "sign"]), {}, ValueError, "column names must differ"),
        (pd.DataFrame({"pain": [True, False]}), {}, bp.ImpossibleEvidence, r"in row 1: .*pain \(given\)"),
        (pd.DataFrame({"sign": [1, 2.0]}), {}, bp.UnknownState, "2.0 is no state of 'sign'.*in row 1"),
        (pd.DataFrame({"sign": [True]}), {"weights": [1, 2]}, ValueError, "one number for each of 1 rows"),
        (pd.DataFrame({"sign": [True]}), {"weights": [-1]}, ValueError, "that of row 0 is -1.0"),
        (
            pd.DataFrame({"sign": [True]}),
            {"weights": pd.Series([1.0], index=["z"])},
            ValueError,
            "another index than the frame",
        ),
        (pd.DataFrame({"sign": [True]}), {"ignore": ["sgn"]}, ValueError, "is not there: 'sgn'.*'sign'"),
        (pd.DataFrame({"sign": [True]}), {"ignore": "sign"}, TypeError, r"give \['sign'\]"),
        (pd.DataFrame({"sign": [True]}), {"iterations": 0}, ValueError, "at least 1; it is 0"),
        (pd.DataFrame({"sign": [True]}), {"tolerance": 0.0}, ValueError, "positive; it is 0"),
        (pd.DataFrame({"sign": [True]}), {"ess": -1.0}, ValueError, "positive; it is -1"),
        (pd.DataFrame({"sign": [True]}), {"memory": 100}, ValueError, "raise the bound with memory="),
        (pd.DataFrame({"sign": [True]}), {"source": {"key": "x"}}, ValueError, "needs a cite"),
        (
            pd.DataFrame({"sign": [True]}),
            {"source": {"kye": "x"}},
            ValueError,
            r"no 'kye'. Did you mean 'key'",
        ),
        (
            pd.DataFrame({"sign": [True]}),
            {"source": {**CLINIC, "kind": "cohrt"}},
            ValueError,
            "Did you mean 'cohort'",
        ),
        (
            pd.DataFrame({"sign": [True]}),
            {"source": {**CLINIC, "key": "panel"}},
            ValueError,
            "another source 'panel'",
        ),
        ({"sign": [True]}, {}, TypeError, "in a pandas DataFrame, not in dict"),
        (
            pd.DataFrame({"sign": [True]}),
            {"weights": ["x"]},
            TypeError,
            r"weights are numbers, one for each of 1 rows; they are \['x'\]",
        ),
        (
            pd.DataFrame({"sign": [True]}),
            {"source": "clinic"},
            TypeError,
            "source is a mapping, such as .*'kind'.*; it is 'clinic'",
        ),
        (
            pd.DataFrame({"sign": [True]}),
            {"iterations": 1.5},
            TypeError,
            "whole number, 1 or more; it is 1.5",
        ),
        (pd.DataFrame({"sign": [True]}), {"ess": "x"}, ValueError, "ess must be positive; it is 'x'"),
    ],
    ids=range(26),
)
def test_what_cannot_be_learned_from_is_refused(
    frame: Any, options: Mapping[str, Any], error: type[Exception], words: str
) -> None:
    """Each mistake is named, with the row or the column, and what to do."""
    with pytest.raises(error, match=words):
        learn(small(), frame, **options)


def test_what_is_no_network_does_not_learn() -> None:
    """The error says how to come by one."""
    with pytest.raises(TypeError, match=r"net must be a Network, not NoneType; bp\.load_network"):
        learn(None, pd.DataFrame({"sign": [True]}))  # type: ignore[arg-type]


def test_ones_and_zeros_teach_what_states_teach() -> None:
    """Tables of 1, 0 and gaps are read; see the tests of frames for what is not."""
    named = pd.DataFrame({"sign": ["present", "absent", None, "present"]})
    coded = pd.DataFrame({"sign": [1.0, 0.0, math.nan, 1.0]})
    assert learn(small(), coded).theta.tolist() == learn(small(), named).theta.tolist()
    assert learn(small(), coded).theta.tolist() != small().theta.tolist()


def test_cases_that_cannot_be_are_named_all() -> None:
    """Observations that exclude each other, in every row that has them, under their own labels."""
    net = network({"cause": table(0.5, 5), "sign": NoisyOr(("cause",), 0.0, ((None, 0.5),), worth(KNOWN, 4))})
    frame = pd.DataFrame(
        {
            "cause": ["absent", "present", "absent", "absent"],
            "sign": ["present", "present", "absent", "present"],
        },
        index=["p", "q", "r", "s"],
    )
    with pytest.raises(bp.ImpossibleEvidence, match=r"rows 'p', 's': .*cause=absent") as caught:
        learn(net, frame)
    assert caught.value.rows == ("p", "s")


def test_ignored_columns_say_nothing() -> None:
    """Neither those that are no nodes nor nodes that are not to be looked at."""
    net = small()
    frame = pd.DataFrame({"sign": [True, False], "name": ["x", "y"], "other": [True, True]})
    assert (learn(net, frame, ignore=["name", "other"]).theta == learn(net, frame[["sign"]]).theta).all()


def test_stopping_early_is_said() -> None:
    """The warning says after how many steps, and how far the numbers were from settling."""
    net = small()
    with pytest.warns(
        NotConverged, match=r"after 1 step while .* more than the tolerance of 1e-06; allow more"
    ):
        learn(net, sample(net, 50, missing=0.5), iterations=1, tolerance=1e-6)


def test_nothing_is_printed_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """No bar where nobody watches; with `progress=True` one comes on standard error."""
    net = small()
    frame = sample(net, 50, missing=0.5)
    learn(net, frame)
    assert capsys.readouterr() == ("", "")
    with patch("tqdm.auto.tqdm", wraps=tqdm) as bar:
        learn(net, frame, progress=True)
    assert bar.call_args.kwargs["disable"] is False
    assert bar.call_args.kwargs["total"] == 200
