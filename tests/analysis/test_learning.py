"""Learning: against counts, expectation-maximisation over all joint states, differences, and the truth."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

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
    return net.with_theta(np.clip(theta, 1e-4, 1 - 1e-4)) if theta.min() < 1e-4 else net.with_theta(theta)


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


def test_the_log_posterior_never_falls() -> None:
    """Step after step, from the prior on, until the last."""
    net = small()
    frame = sample(shifted(net, 7), 300, seed=8, missing={"cause": 1.0, "sign": 0.3}).drop(columns="pain")
    values = [log_posterior(net, frame, net.theta)]
    for steps in range(1, 5):
        with pytest.warns(NotConverged, match=f"stopped after {steps} step"):
            stopped = learn(net, frame, iterations=steps, tolerance=1e-9)
        values.append(log_posterior(net, frame, stopped.theta))
    values.append(log_posterior(net, frame, learn(net, frame, tolerance=1e-6).theta))
    assert (np.diff(values) > -1e-9).all()
    assert values[-1] > values[0] + 0.1
