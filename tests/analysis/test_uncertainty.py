"""Credible intervals: against Betas, written-out covariances, Sobol' indices and plain repetition."""

import itertools
import json
import math
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Text
from numpy.typing import ArrayLike, NDArray
from scipy import stats

import buttpain as bp
from buttpain.analysis import uncertainty as module
from buttpain.inference import case as case_module
from buttpain.model.network import NoisyOr, Table, Variable
from buttpain.model.priors import Provenance, Source
from checks import slope
from reference import Evidence, probability_of
from strategies import networks_with_evidence

Array = NDArray[np.float64]

QUANTILES = ("q2.5", "q25", "q50", "q75", "q97.5")
PROBABILITIES = (0.025, 0.25, 0.5, 0.75, 0.975)
CERTAIN = Provenance("book", ess=math.inf)
SOURCES = {
    "book": Source("book", "A book", "review"),
    "clinic": Source("clinic", "A count in a clinic", "cohort"),
}


def binary(present: ArrayLike, ess: float, parents: tuple[str, ...] = (), source: str = "clinic") -> Table:
    """Return a table of two states, each row worth so many cases."""
    second = np.asarray(present, dtype=float)
    rows = (Provenance(source, ess=ess),) * second.size
    return Table(parents, np.stack([1 - second, second], axis=-1), rows)


def network(families: Mapping[str, Table | NoisyOr], **states: tuple[str, ...]) -> bp.Network:
    """Return a network of these families, binary unless told otherwise."""
    variables = tuple(Variable(name, states.get(name, ("absent", "present"))) for name in families)
    return bp.Network("made", variables, families, sources=SOURCES)


def disease(
    base: float = 0.2,
    ess: float = 20.0,
    *,
    accuracy: tuple[float, float] = (0.1, 0.8),
    sure: float = math.inf,
) -> bp.Network:
    """Return a disease and a sign of it: P(sign) without and with the disease, worth `sure` cases each."""
    return network({"disease": binary(base, ess), "sign": binary(accuracy, sure, ("disease",), "book")})


def row_of(result: bp.Uncertainty, node: str) -> "pd.Series[Any]":
    """Return the line of a node in a result's frame."""
    return result.to_frame().set_index("node").T[node]


def assert_quantiles(found: "pd.Series[Any]", wanted: ArrayLike, times: float = 4.0) -> None:
    """Demand the quantiles of a distribution, to so many standard errors taken from both sides of each."""
    expected = np.asarray(wanted, dtype=float)
    error = np.array([found["q2.5_error"], *[1.6 * found["mc_error"]] * 3, found["q97.5_error"]])
    apart = np.abs(found[list(QUANTILES)].to_numpy(dtype=float) - expected)
    assert (apart <= times * error + 1e-12).all(), f"{apart / error} standard errors apart"


@pytest.fixture(scope="module")
def five() -> bp.Uncertainty:
    """Return the analysis of a case of the shipped network."""
    net = bp.load_network("five_findings")
    seen = {"sit_bone_tenderness": True, "isometric_hamstring_pain": True, "burning_pain_past_knee": False}
    return bp.uncertainty(bp.observe(net, seen))


LEADER = "proximal_hamstring_tendinopathy"


# -- closed forms ------------------------------------------------------------------------------


def test_a_single_beta_has_the_quantiles_of_scipy() -> None:
    """With nothing observed a posterior is its own Beta: mean, sd and every quantile."""
    found = row_of(
        bp.uncertainty(bp.observe(disease(0.2, 20)), targets=["disease"], samples=40_000), "disease"
    )
    beta = stats.beta(4, 16)
    assert_quantiles(found, beta.ppf(PROBABILITIES))
    assert found["mean"] == pytest.approx(0.2, abs=4 * found["mc_error"])
    assert found["sd"] == pytest.approx(beta.std(), rel=0.02)
    assert found["posterior"] == pytest.approx(0.2, rel=1e-15)


@pytest.mark.parametrize("size", [16.0, 25.0])
def test_a_wrong_variance_is_caught(size: float) -> None:
    """A Beta a fifth or a quarter surer or less sure than it should be does not pass for it."""
    case = bp.observe(disease(0.2, size))
    found = row_of(bp.uncertainty(case, targets=["disease"], samples=40_000), "disease")
    with pytest.raises(AssertionError, match="standard errors apart"):
        assert_quantiles(found, stats.beta(4, 16).ppf(PROBABILITIES))


def test_bayes_rule_moves_the_quantiles_of_the_base_rate() -> None:
    """With a test known for certain the posterior rises with the base rate, and so do its quantiles."""
    case = bp.observe(disease(0.2, 20, accuracy=(0.1, 0.8)), sign=True)
    found = row_of(bp.uncertainty(case, targets=["disease"], samples=40_000), "disease")
    base = stats.beta(4, 16).ppf(PROBABILITIES)
    assert_quantiles(found, base * 0.8 / (base * 0.8 + (1 - base) * 0.1))


def test_a_deterministic_finding_makes_the_posterior_a_constant() -> None:
    """A sign that is there just when the disease is leaves nothing unsure, though the base rate is."""
    case = bp.observe(disease(0.2, 20, accuracy=(0.0, 1.0)), sign=True)
    found = row_of(bp.uncertainty(case, targets=["disease"], samples=100), "disease")
    assert found[[*QUANTILES, "mean", "posterior", "low", "high"]].tolist() == [1.0] * 9
    assert found[["sd", "mc_error", "q2.5_error", "q97.5_error"]].tolist() == [0.0] * 4
    assert found["first_order"] == 1.0


def test_the_numbers_of_a_noisy_or_are_betas() -> None:
    """A leak and a link each have their own Beta, seen where nothing else can act."""
    records = (Provenance("clinic", ess=30.0), Provenance("clinic", ess=12.0))
    net = network(
        {
            "cause": binary(0.5, math.inf),
            "sign": NoisyOr(("cause",), 0.1, ((None, 0.7),), records),
        }
    )
    leak = bp.uncertainty(bp.observe(net, cause=False), targets=["sign"], samples=40_000)
    assert_quantiles(row_of(leak, "sign"), stats.beta(3, 27).ppf(PROBABILITIES))
    both = bp.uncertainty(bp.observe(net, cause=True), targets=["sign"], samples=40_000)
    quiet = stats.beta(27, 3).rvs(400_000, random_state=1) * stats.beta(3.6, 8.4).rvs(400_000, random_state=2)
    assert_quantiles(row_of(both, "sign"), np.quantile(1 - quiet, PROBABILITIES), times=5.0)


def test_a_row_of_three_states_is_a_dirichlet() -> None:
    """Each state has its Beta, they are correlated as a Dirichlet's are, and an entry of 0 stays 0."""
    value = np.array([0.5, 0.0, 0.2, 0.3])
    states = ("none", "never", "some", "much")
    net = network({"level": Table((), value, (Provenance("clinic", ess=10.0),))}, level=states)
    result = bp.uncertainty(bp.observe(net), samples=40_000)
    frame = result.to_frame().set_index("state")
    assert frame.index.tolist() == ["none", "much", "some", "never"]
    assert frame["label"].tolist()[:2] == ["level = none", "level = much"]
    for state, mean in zip(states, value.tolist(), strict=True):
        wanted = stats.beta(10 * mean, 10 - 10 * mean).ppf(PROBABILITIES) if mean else np.zeros(5)
        assert_quantiles(frame.T[state], wanted)
    draws = result.draws[[("level", state) for state in states]].to_numpy()
    assert np.abs(draws.sum(axis=1) - 1).max() < 1e-14
    assert draws[:, 1].max() == 0
    covariance = (np.diag(value) - np.outer(value, value)) / 11
    assert np.cov(draws.T) == pytest.approx(covariance, abs=6e-4)


@pytest.mark.parametrize("size", [0.8, 3.0])
def test_shapes_below_one_are_drawn_well(size: float) -> None:
    """A Beta that piles up at its ends has its distribution throughout, by Kolmogorov and Smirnov."""
    case = bp.observe(network({"a": binary(0.35, size)}))
    draws = bp.uncertainty(case, samples=40_000).draws["a"]
    assert stats.kstest(draws, stats.beta(0.35 * size, 0.65 * size).cdf).pvalue > 0.01


def test_numbers_are_drawn_independently() -> None:
    """Two base rates, and two numbers of one noisy-OR, do not go together."""
    records = (Provenance("clinic", ess=20.0), Provenance("clinic", ess=20.0))
    sign = NoisyOr(("a",), 0.3, ((None, 0.3),), records)
    net = network({"a": binary(0.3, 20), "b": binary(0.3, 20), "sign": sign})
    theta = drawn_numbers(bp.observe(net), list(net.nodes), 20_000, 1.0)
    correlation = np.corrcoef(theta[:, [1, 3, 4, 5]].T)
    assert np.abs(correlation - np.eye(4)).max() < 4 / math.sqrt(20_000)


def test_the_posterior_at_the_means_is_the_weighted_mean_of_the_draws(five: bp.Uncertainty) -> None:
    """P(target, e) is linear in each number, so E[P(target, e)] / E[P(e)] is the posterior at the means."""
    result = bp.uncertainty(five.case, samples=40_000, seed=1)
    weight = np.exp(result.log_evidence)[:, None]
    draws = result.draws.to_numpy()
    mean = (draws * weight).sum(axis=0) / weight.sum()
    error = np.sqrt((((draws - mean) * weight) ** 2).sum(axis=0)) / weight.sum()
    frame = result.to_frame()
    assert (np.abs(mean - frame["posterior"]) < 4 * error).all()
    assert (np.abs(frame["mean"] - frame["posterior"]) > 4 * frame["mc_error"]).any()


# -- the batch is the loop ---------------------------------------------------------------------


def drawn_numbers(case: bp.Case, targets: list[str], count: int, ess: float) -> Array:
    """Return the parameter vectors of an analysis with seed 0, shape (count, parameters)."""
    sizes = module._sample_sizes(case.net, ess)
    return module._Numbers(case.net, case.relevant(targets), sizes, 0).draw(count).T


@settings(max_examples=60)
@given(drawn=networks_with_evidence())
def test_each_draw_is_an_inference_of_its_own(drawn: tuple[bp.Network, dict[str, Any]]) -> None:
    """Setting the numbers of a draw in the network and asking again gives the same posteriors."""
    net, evidence = drawn
    assume(
        all(evidence.get(n, s) == s for n, s in net.given.items() if not isinstance(evidence.get(n), dict))
    )
    assume(probability_of(net, evidence) > 1e-6)
    case = bp.observe(net, evidence)
    nodes = list(net.nodes)
    result = bp.uncertainty(case, targets=nodes, samples=4, ess=30.0)
    assert result.impossible == 0
    assert np.isfinite(result.draws.to_numpy()).all()
    for theta, (_, draw) in zip(drawn_numbers(case, nodes, 4, 30.0), result.draws.iterrows(), strict=True):
        again = bp.observe(net.with_theta(theta), evidence)
        for column, found in draw.items():
            node, state = column if isinstance(column, tuple) else (column, True)
            assert found == pytest.approx(again.probability(node, state), abs=1e-12)


def test_numbers_that_cannot_matter_are_not_drawn(five: bp.Uncertainty) -> None:
    """What was not observed, nor lies above it, stays at its mean."""
    net = five.case.net
    theta = drawn_numbers(five.case, [LEADER], 3, 1.0)
    for node, span in net.spans.items():
        moved = bool((theta[:, span] != net.theta[span]).any())
        assert moved == (node not in ("hop_test_pain", "pain_running_uphill"))


def test_numbers_known_for_certain_stay() -> None:
    """An infinite sample size, a value of 0 or 1, and what stands beside a 1 in a row are not drawn."""
    almost = Table((), np.array([1e-12, 1.0]), (Provenance("clinic", ess=5.0),))
    net = network({"disease": binary(0.2, math.inf), "certain": almost, "never": NoisyOr((), 0.0, ())})
    case = bp.observe(net)
    assert (drawn_numbers(case, list(net.nodes), 5, 3.0) == net.theta).all()
    result = bp.uncertainty(case, samples=5, ess=3.0)
    assert result.to_frame()["sd"].max() < 1e-15
    assert result.contributions("disease")["share"].tolist() == [0.0] * 5
    assert result.contributions("disease", by="source").empty


# -- first order -------------------------------------------------------------------------------


def covariance(net: bp.Network, ess: float) -> Array:
    """Return the covariance of all numbers, written out from the definition of Beta and Dirichlet."""
    matrix = np.zeros((net.theta.size, net.theta.size))
    for node, span in net.spans.items():
        family, values = net.families[node], net.theta[span]
        width = family.values.shape[-1] if isinstance(family, Table) else 1
        for start in range(0, values.size, width):
            row, place = values[start : start + width], span.start + start
            block = np.diag(row) - np.outer(row, row)
            matrix[place : place + width, place : place + width] = block / (ess + 1)
    return matrix


def gradient(net: bp.Network, evidence: Evidence, node: str, state: str) -> Array:
    """Return the derivative of P(node = state | evidence) by every number, from enumeration."""
    both = {**evidence, node: state}
    whole, part = probability_of(net, evidence), probability_of(net, both)
    slopes = [[slope(net, seen, i) for i in range(net.theta.size)] for seen in (evidence, both)]
    evidence_slope, event_slope = np.array(slopes)
    return np.asarray((event_slope * whole - part * evidence_slope) / whole**2)


@settings(max_examples=60)
@given(drawn=networks_with_evidence(max_nodes=4, soft=False, given=False))
def test_the_first_order_variance_is_gradient_covariance_gradient(
    drawn: tuple[bp.Network, dict[str, Any]],
) -> None:
    """Shares, and the analytic interval, are those of derivatives by enumeration and a written-out matrix."""
    net, evidence = drawn
    assume(probability_of(net, evidence) > 1e-3)
    nodes = [node for node in net.nodes if node not in evidence]
    assume(nodes)
    result = bp.uncertainty(bp.observe(net, evidence), targets=nodes, samples=2, ess=40.0)
    matrix = covariance(net, 40.0)
    for _, row in result.to_frame().iterrows():
        by_number, p = gradient(net, evidence, row["node"], row["state"]), row["posterior"]
        variance = float(by_number @ matrix @ by_number)
        found = result.contributions(row["node"], state=row["state"])
        share = found["share"].reindex(net.parameters.index).to_numpy()
        assert share.min() >= 0
        if variance < 1e-20:
            continue
        assert share.sum() == pytest.approx(1.0, rel=1e-12)
        for i in np.flatnonzero(matrix.diagonal()).tolist():
            own = matrix[i] != 0
            part = float(by_number[own] @ matrix[np.ix_(own, own)] @ by_number[own])
            row_share = found["row_share"][net.parameters.index[i]]
            assert row_share == pytest.approx(part / variance, abs=1e-7)
        if 1e-6 < p < 1 - 1e-6:
            reach = 1.959963984540054 * math.sqrt(variance) / (p * (1 - p))
            ends = 1 / (1 + np.exp(-(math.log(p / (1 - p)) + np.array([-reach, reach]))))
            assert row[["low", "high"]].tolist() == pytest.approx(ends.tolist(), rel=1e-6)


@settings(max_examples=60)
@given(drawn=networks_with_evidence())
def test_shares_are_shares(drawn: tuple[bp.Network, dict[str, Any]]) -> None:
    """They are not negative and sum to 1, or to 0 if nothing matters; what cannot matter has none."""
    net, evidence = drawn
    assume(
        all(evidence.get(n, s) == s for n, s in net.given.items() if not isinstance(evidence.get(n), dict))
    )
    assume(probability_of(net, evidence) > 1e-6)
    case = bp.observe(net, evidence)
    result = bp.uncertainty(case, targets=[net.nodes[0]], samples=2, ess=30.0)
    node, state = result.to_frame()[["node", "state"]].iloc[0]
    found = result.contributions(node, state=state)
    assert found["share"].min() >= 0
    assert min(abs(found["share"].sum() - 1), abs(found["share"].sum())) < 1e-12
    idle = ~found["node"].isin(case.relevant([node])) | found["value"].isin([0.0, 1.0])
    assert not found.loc[idle, "share"].any()
    by_source = result.contributions(node, state=state, by="source")
    assert by_source["share"].sum() == pytest.approx(found["share"].sum(), abs=1e-12)


def test_rounding_has_no_share() -> None:
    """Numbers that cannot matter have a share of 0 even where nothing else matters either."""
    links = ((None, 0.37), (None, 0.83))
    records = (Provenance("clinic", ess=7.0),) * 3
    net = network(
        {
            "disease": binary(0.23, math.inf),
            "a": binary(0.31, 20),
            "b": binary(0.19, 9),
            "sign": NoisyOr(("a", "b"), 0.07, links, records),
            "other": binary((0.11, 0.77), 30, ("a",)),
        }
    )
    result = bp.uncertainty(bp.observe(net, sign=True, other=False), targets=["disease"], samples=10)
    assert result.contributions("disease")["share"].max() == 0
    assert row_of(result, "disease")["low"] == pytest.approx(0.23, rel=1e-15)


def test_the_share_of_an_entry_is_its_own_part_times_one_less_its_value() -> None:
    """With D the derivative under proportional covariation it is (1 - v) D^2 variance, over the total."""
    values = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    level = Table(("disease",), values, (Provenance("clinic", ess=9.0), Provenance("book", ess=25.0)))
    net = network({"disease": binary(0.2, 20), "level": level}, level=("low", "middle", "high"))
    case = bp.observe(net, level="middle")
    found = bp.uncertainty(case, samples=2, targets=["disease"]).contributions("disease")
    parts = found["derivative"] ** 2 * found["value"] * (1 - found["value"]) / (found["ess"] + 1)
    parts *= 1 - found["value"]
    assert found["share"].to_numpy() == pytest.approx((parts / parts.sum()).to_numpy(), rel=1e-9)
    place, step = net.parameters.index.tolist().index("level=middle | disease=present"), 1e-6
    ends = []
    for value in (0.3 - step, 0.3 + step):
        theta = net.theta.copy()
        theta[place - 1 : place + 2] *= (1 - value) / 0.7
        theta[place] = value
        ends.append(bp.observe(net.with_theta(theta), level="middle").probability("disease"))
    assert found["derivative"]["level=middle | disease=present"] == pytest.approx(
        (ends[1] - ends[0]) / (2 * step), rel=1e-6
    )


def test_shares_agree_with_sobol_indices() -> None:
    """On a nearly linear case they are the first-order Sobol' indices that scipy estimates."""
    links = ((None, 0.7), (None, 0.4))
    records = tuple(Provenance("clinic", ess=size) for size in (160.0, 120.0, 180.0))
    net = network(
        {
            "a": binary(0.3, 120),
            "b": binary(0.2, 180),
            "sign": NoisyOr(("a", "b"), 0.1, links, records),
            "test": binary((0.2, 0.7), 100, ("a",)),
        }
    )
    case = bp.observe(net, sign=True, test=True)
    result = bp.uncertainty(case, targets=["a"])
    places = [1, 3, 4, 5, 6, 8, 10]
    means, sizes = net.theta[places], net.ess[places]

    def posterior(numbers: Array) -> Array:
        theta = np.repeat(net.theta[:, None], numbers.shape[1], axis=1)
        theta[places] = numbers
        for place in (1, 3, 8, 10):
            theta[place - 1] = 1 - theta[place]
        (found,), _ = case.across(["a"], lambda _: theta, numbers.shape[1])
        return np.asarray(found[1])

    with patch.object(case_module, "BLOCK", 2**40):
        indices = stats.sobol_indices(
            func=posterior,
            n=2**12,
            dists=[stats.beta(m * s, (1 - m) * s) for m, s in zip(means, sizes, strict=True)],
            rng=np.random.default_rng(1),
        )
    found = result.contributions("a")["row_share"][net.parameters.index[places]]
    assert indices.first_order.sum() == pytest.approx(1.0, abs=0.05)
    assert found.to_numpy() == pytest.approx(indices.first_order, abs=0.03)
    assert row_of(result, "a")["first_order"] == pytest.approx(indices.first_order.sum(), abs=0.05)
    assert row_of(result, "a")["first_order"] > 0.95


def test_the_analytic_interval_is_near_the_sampled_one() -> None:
    """Where the numbers are fairly sure the two intervals agree; where they are not they still overlap."""
    case = bp.observe(disease(0.3, 300, accuracy=(0.2, 0.7), sure=300), sign=True)
    found = row_of(bp.uncertainty(case, targets=["disease"], samples=20_000), "disease")
    assert found["low"] == pytest.approx(found["q2.5"], abs=0.006)
    assert found["high"] == pytest.approx(found["q97.5"], abs=0.006)
    assert found["first_order"] > 0.98


def test_first_order_falls_where_the_answer_bends() -> None:
    """With a base rate that nobody knows, less of the variance is of first order."""
    sure, unsure = (
        row_of(
            bp.uncertainty(bp.observe(disease(0.1, size, sure=size), sign=True), targets=["disease"]),
            "disease",
        )
        for size in (500.0, 3.0)
    )
    assert sure["first_order"] > 0.98
    assert unsure["first_order"] < 0.85


# -- Monte Carlo -------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_answer(five: bp.Uncertainty) -> None:
    """Twice the same, and another seed another."""
    again = bp.uncertainty(five.case)
    assert again.draws.equals(five.draws)
    assert again.to_frame().equals(five.to_frame())
    assert not bp.uncertainty(five.case, seed=1).draws.equals(five.draws)


@pytest.mark.parametrize("block", [1, 2**12, 2**16])
def test_the_answer_does_not_depend_on_the_block(five: bp.Uncertainty, block: int) -> None:
    """However few vectors are run together, the draws are the same to the last digits."""
    with patch.object(case_module, "BLOCK", block):
        found = bp.uncertainty(five.case, samples=100)
    assert found.draws.to_numpy() == pytest.approx(five.draws.to_numpy()[:100], rel=1e-13)


def test_a_small_memory_bound_is_kept_by_small_blocks(five: bp.Uncertainty) -> None:
    """The bound of the case holds for the whole run: never more vectors at once than fit."""
    small = bp.observe(five.case.net, five.case.evidence, memory=30_000)
    counts: list[int] = []
    draw = module._Numbers.draw

    def counted(numbers: Any, count: int) -> Array:
        counts.append(count)
        return draw(numbers, count)

    with patch.object(module._Numbers, "draw", counted):
        found = bp.uncertainty(small, samples=200)
    assert max(counts) * five.case.net.theta.size * 8 < 30_000
    assert sum(counts) == 200
    assert found.draws.to_numpy() == pytest.approx(five.draws.to_numpy()[:200], rel=1e-13)


def test_the_answer_does_not_depend_on_what_else_is_asked(five: bp.Uncertainty) -> None:
    """One target alone, or among others in any order, has the same draws."""
    alone = bp.uncertainty(five.case, targets=[LEADER])
    assert alone.draws[LEADER].to_numpy() == pytest.approx(five.draws[LEADER].to_numpy(), rel=1e-12)
    more = bp.uncertainty(five.case, targets=["hop_test_pain", LEADER])
    assert more.draws[LEADER].to_numpy() == pytest.approx(five.draws[LEADER].to_numpy(), rel=1e-12)


def test_the_error_is_as_large_as_it_says_and_falls_with_the_root_of_the_draws() -> None:
    """Over many seeds means and ends scatter as reported, four times less with sixteen times the draws."""
    case = bp.observe(disease(0.2, 20, accuracy=(0.1, 0.8), sure=30), sign=True)
    scatter, reported = [], []
    columns, errors = ["mean", "q2.5", "q97.5"], ["mc_error", "q2.5_error", "q97.5_error"]
    for samples in (100, 1600):
        rows = [
            row_of(bp.uncertainty(case, targets=["disease"], samples=samples, seed=seed), "disease")
            for seed in range(80)
        ]
        frame = pd.DataFrame(rows)
        scatter.append(frame[columns].astype(float).std().to_numpy())
        reported.append(frame[errors].astype(float).mean().to_numpy())
    assert scatter[0] / scatter[1] == pytest.approx(np.full(3, 4.0), rel=0.3)
    assert scatter[1] / reported[1] == pytest.approx(np.ones(3), rel=0.3)
    assert scatter[0] / reported[0] == pytest.approx(np.ones(3), rel=0.4)


def test_draws_in_which_the_evidence_cannot_be_are_counted() -> None:
    """A number near 1 that is very unsure is drawn as 1; such draws are left out, and said to be."""
    record = (Provenance("clinic", ess=0.5),)
    net = network({"a": binary(0.2, 20), "sign": NoisyOr((), 0.98, (), record)})
    result = bp.uncertainty(bp.observe(net, sign=False), targets=["a"], samples=500)
    assert 0 < result.impossible < 500
    assert len(result.draws) == result.log_evidence.size == 500 - result.impossible
    assert np.isfinite(result.to_frame().drop(columns=["node", "state", "label"]).to_numpy(dtype=float)).all()
    assert f"{result.impossible} more draws" in repr(result)


def test_when_hardly_a_draw_is_possible_it_says_so() -> None:
    """No answer is made of nothing."""
    record = (Provenance("clinic", ess=0.5),)
    net = network({"a": binary(0.2, 20), "sign": NoisyOr((), 1 - 1e-12, (), record)})
    with pytest.raises(ValueError, match=r"no probability in 50 of 50 draws.*state it more surely"):
        bp.uncertainty(bp.observe(net, sign=False), samples=50)


def test_rows_with_tiny_entries_are_drawn_whole() -> None:
    """Shapes far below 1 give no 0 / 0: a row of rare states and small size still sums to 1."""
    value = np.array([1e-6, 1e-6, 1 - 2e-6])
    net = network({"level": Table((), value, (Provenance("clinic", ess=0.5),))}, level=("a", "b", "c"))
    draws = bp.uncertainty(bp.observe(net), samples=1000).draws.to_numpy()
    assert np.abs(draws.sum(axis=1) - 1).max() < 1e-14


# -- who leads ---------------------------------------------------------------------------------


def test_the_leader_is_the_argmax_of_each_draw() -> None:
    """How often each leads is counted over the draws, and all together it is 1."""
    case = bp.observe(bp.load_network("five_findings"), hop_test_pain=True, sit_bone_tenderness=False)
    result = bp.uncertainty(case)
    counted = result.draws.idxmax(axis=1).value_counts(normalize=True)
    found = result.rank_probability()
    assert found.sum() == pytest.approx(1.0, rel=1e-12)
    assert found.is_monotonic_decreasing
    assert set(found.index) == set(case.net.conditions)
    for node, share in found.items():
        assert share == pytest.approx(counted.get(node, 0.0), abs=1e-12)
    assert found.iloc[0] < 0.5


def test_those_that_lead_together_share_the_draw() -> None:
    """Two nodes that are always equally probable lead half the time each."""
    net = network({"a": binary(0.3, math.inf), "b": binary(0.3, math.inf), "c": binary(0.1, 50)})
    found = bp.uncertainty(bp.observe(net), samples=50).rank_probability()
    assert found.to_dict() == {"a": 0.5, "b": 0.5, "c": 0.0}


def test_states_lead_where_nothing_is_present() -> None:
    """A node that cannot be present has its states ranked, unless another node can be."""
    rows = (Provenance("clinic", ess=8.0),)
    level = Table((), np.array([0.4, 0.35, 0.25]), rows)
    net = network({"level": level, "disease": binary(0.1, 20)}, level=("low", "middle", "high"))
    alone = bp.uncertainty(bp.observe(net), targets=["level"])
    found = alone.rank_probability()
    assert found.sum() == pytest.approx(1.0, rel=1e-12)
    assert found.index[0] == ("level", "low")
    assert found[("level", "high")] > 0.1
    both = bp.uncertainty(bp.observe(net)).rank_probability()
    assert both.to_dict() == {"disease": 1.0}


# -- what is asked, and what is refused --------------------------------------------------------


def test_numbers_without_a_sample_size_need_one() -> None:
    """A network such as a BIF file's is refused with the count and the remedy, or takes one size for all."""
    tables = {"disease": Table((), np.array([0.8, 0.2])), "sign": binary((0.0, 0.8), 40, ("disease",))}
    case = bp.observe(network(tables), sign=True)
    with pytest.raises(bp.UnknownUncertainty, match=r"2 of the 6 parameters .* with ess=") as caught:
        bp.uncertainty(case)
    assert (caught.value.missing, caught.value.parameters) == (2, 6)
    result = bp.uncertainty(bp.observe(network(tables)), targets=["disease"], samples=40_000, ess=20)
    assert_quantiles(row_of(result, "disease"), stats.beta(4, 16).ppf(PROBABILITIES))
    sizes = result.contributions("disease")["ess"]
    assert sizes["disease=present"] == 20
    assert sizes["sign=present | disease=present"] == 40


def test_all_numbers_may_be_called_certain() -> None:
    """An infinite size is a size: nothing varies."""
    case = bp.observe(network({"disease": Table((), np.array([0.8, 0.2]))}))
    found = row_of(bp.uncertainty(case, samples=3, ess=math.inf), "disease")
    assert found[["q2.5", "q97.5", "low", "high"]].tolist() == pytest.approx([0.2] * 4, rel=1e-15)
    assert bp.uncertainty(case, samples=3, ess=math.inf).to_dict()["ess"] == "infinite"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"samples": 1}, ValueError, "samples must be at least 2; it is 1"),
        ({"ess": 0}, ValueError, "ess must be positive; it is 0"),
        ({"ess": math.nan}, ValueError, "ess must be positive; it is nan"),
        ({"targets": ["diseas"]}, bp.UnknownNode, "Did you mean 'disease'"),
        ({"targets": "disease"}, TypeError, r"targets are a list of names; give \['disease'\]"),
        ({"targets": []}, ValueError, "name at least one target"),
    ],
    ids=["samples", "ess", "nan", "unknown", "a text", "none"],
)
def test_a_question_that_makes_no_sense_is_refused(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """What was given, and what is allowed."""
    with pytest.raises(error, match=words):
        bp.uncertainty(bp.observe(disease()), **options)


def test_impossible_evidence_is_an_error() -> None:
    """What cannot hold together has no posterior and no interval."""
    case = bp.observe(disease(accuracy=(0.0, 0.8)), disease=False, sign=True)
    with pytest.raises(bp.ImpossibleEvidence, match="disease=absent, sign=present"):
        bp.uncertainty(case, targets=["disease"])


def test_contributions_are_asked_of_a_target_and_a_state_of_it(five: bp.Uncertainty) -> None:
    """Another node, another state, a node without a present state, and another `by` are refused."""
    with pytest.raises(bp.UnknownNode, match="'hop_test_pain' is no node of this analysis"):
        five.contributions("hop_test_pain")
    with pytest.raises(ValueError, match=f"about {LEADER}=present; ask for that state"):
        five.contributions(LEADER, state="absent")
    with pytest.raises(bp.UnknownState, match="Use one of 'absent', 'present'"):
        five.contributions(LEADER, state="perhaps")
    with pytest.raises(ValueError, match="by is 'parameter' or 'source', not 'grade'"):
        five.contributions(LEADER, by="grade")  # type: ignore[arg-type]
    level = Table((), np.array([0.4, 0.6]), (Provenance("clinic", ess=8.0),))
    result = bp.uncertainty(bp.observe(network({"level": level}, level=("low", "high"))), samples=5)
    with pytest.raises(bp.UnknownState, match="True and False need states such as present"):
        result.contributions("level")
    assert result.contributions("level", state="low")["row_share"].tolist() == [1.0, 1.0]


def test_one_target_leads_nobody() -> None:
    """Where there is nothing to lead before, the table does not speak of it."""
    assert "ead" not in repr(
        bp.uncertainty(bp.observe(disease(), sign=True), targets=["disease"], samples=50)
    )


def test_an_observed_target_is_sure() -> None:
    """What was seen has an interval of no width, at 1, and nothing contributes to it."""
    result = bp.uncertainty(bp.observe(disease(), sign=True), targets=["sign", "disease"], samples=50)
    assert row_of(result, "sign")[["q2.5", "q97.5", "low", "high"]].tolist() == [1.0] * 4
    assert result.contributions("sign")["share"].max() == 0.0


def test_likelihoods_count_as_evidence() -> None:
    """A finding told by likelihoods moves the interval as its state does by Bayes' rule."""
    case = bp.observe(disease(0.2, 20, accuracy=(0.0, 1.0)), sign={"present": 0.8, "absent": 0.1})
    found = row_of(bp.uncertainty(case, targets=["disease"], samples=40_000), "disease")
    base = stats.beta(4, 16).ppf(PROBABILITIES)
    assert_quantiles(found, base * 0.8 / (base * 0.8 + (1 - base) * 0.1))


# -- which study -------------------------------------------------------------------------------


def test_sources_are_told_with_citation_and_grade(five: bp.Uncertainty) -> None:
    """By source the shares are the sums over its numbers, the largest first."""
    by_source = five.contributions(LEADER, by="source")
    by_number = five.contributions(LEADER)
    assert by_source.index.tolist() == ["elicited2026", "benazzo2013"]
    assert by_source["share"].sum() == pytest.approx(1.0, rel=1e-12)
    assert by_source["grade"].tolist() == ["F", "C"]
    assert by_source["cite"]["benazzo2013"].startswith("Benazzo F et al.")
    assert by_source["numbers"]["benazzo2013"] == 1
    own = by_number[by_number["source"] == "benazzo2013"]["share"].sum()
    assert by_source["share"]["benazzo2013"] == pytest.approx(own, rel=1e-12)
    assert by_source["narrowing"]["benazzo2013"] == pytest.approx(1 - math.sqrt(1 - own), rel=1e-12)


def test_knowing_a_number_narrows_the_interval_as_much_as_said() -> None:
    """With a row made certain, the analytic interval is narrower by its `narrowing` on the logit."""

    def width(net: bp.Network) -> tuple[float, bp.Uncertainty]:
        result = bp.uncertainty(bp.observe(net, sign=True), targets=["disease"], samples=2)
        low, high = row_of(result, "disease")[["low", "high"]]
        return math.log(high / (1 - high)) - math.log(low / (1 - low)), result

    unsure, result = width(disease(0.3, 40, sure=60))
    known, _ = width(disease(0.3, math.inf, sure=60))
    narrowing = result.contributions("disease")["narrowing"]["disease=present"]
    assert known / unsure == pytest.approx(1 - narrowing, rel=1e-9)


def test_the_rows_of_a_table_stay_together_in_the_ranking(five: bp.Uncertainty) -> None:
    """Lines are in the order of their row's share, and the entries of a row follow each other."""
    found = five.contributions(LEADER)
    assert found["row_share"].is_monotonic_decreasing
    rows = list(zip(found["node"], found["given"], strict=True))
    firsts = [row for i, row in enumerate(rows) if i == 0 or rows[i - 1] != row]
    assert len(firsts) == len(set(firsts))
    assert len(found) == five.case.net.theta.size


# -- how it is told ----------------------------------------------------------------------------


def test_the_frame_has_a_row_a_target_the_most_probable_first(five: bp.Uncertainty) -> None:
    """Columns as documented, intervals that hold each other, and the case's own posteriors."""
    frame = five.to_frame()
    assert frame.columns.tolist() == [
        *("node", "state", "label", "posterior", "mean", "sd", *QUANTILES),
        *("mc_error", "q2.5_error", "q97.5_error", "low", "high", "first_order"),
    ]
    assert frame["posterior"].is_monotonic_decreasing
    for node, posterior in zip(frame["node"], frame["posterior"], strict=True):
        assert posterior == pytest.approx(five.case.probability(node), rel=1e-12)
    assert (np.diff(frame[list(QUANTILES)].to_numpy()) > 0).all()
    assert frame["sd"].tolist() == pytest.approx(five.draws.std().tolist(), rel=1e-12)
    assert frame["label"][0] == "Proximal hamstring tendinopathy"


def test_what_is_handed_out_can_be_changed_without_harm(five: bp.Uncertainty) -> None:
    """Frames are the caller's own."""
    frame, draws = five.to_frame(), five.draws
    frame.loc[:, "posterior"] = 0.0
    draws.iloc[:, :] = 0.0
    assert five.to_frame()["posterior"].max() > 0.5
    assert five.draws.to_numpy().max() > 0.5


def test_it_is_ready_for_json(five: bp.Uncertainty) -> None:
    """Plain data without NaN, with what was asked, every target, and what makes its interval wide."""
    told = json.loads(json.dumps(five.to_dict(), allow_nan=False))
    assert (told["network"], told["samples"], told["seed"], told["ess"]) == ("five_findings", 2000, 0, None)
    assert told["evidence"]["burning_pain_past_knee"] == "absent"
    first = told["targets"][0]
    assert first["node"] == LEADER
    assert first["q97.5"] == five.to_frame()["q97.5"][0]
    assert first["leads"] == five.rank_probability()[LEADER]
    assert sum(item["share"] for item in first["numbers"]) == pytest.approx(1.0, rel=1e-12)
    assert first["numbers"][0]["parameter"] == five.contributions(LEADER).index[0]
    assert [item["source"] for item in first["sources"]] == ["elicited2026", "benazzo2013"]


def test_the_terminal_shows_it_in_80_columns(five: bp.Uncertainty) -> None:
    """Intervals, how often each leads, and the numbers that widen the leader's interval."""
    text = repr(five)
    assert max(map(len, text.splitlines())) <= 80
    assert "Observed: Sit-bone tenderness present; Pain on isometric" in text
    assert "2,000 draws of all numbers together (seed 0)" in text
    assert "Most of the first-order variance for Proximal hamstring tendinopathy" in text.replace("\n  ", " ")
    assert five.contributions(LEADER).index[0] in text.replace("\n  ", " ")
    assert "Leads:" in text
    html = five._repr_html_()
    assert "95 % interval" in html
    assert "<script" not in html


# -- pictures ----------------------------------------------------------------------------------

LONG = "A condition whose label is far too long to stand on one line, or on two"


@pytest.fixture
def axes() -> Axes:
    """Return a forest plot with a long label, a wide interval and one that hardly has a width."""
    names = {"a": LONG, "b": "Rare", "c": "Sure"}
    variables = tuple(Variable(name, label=label, role="condition") for name, label in names.items())
    tables = {"a": binary(0.6, 4), "b": binary(0.002, 900), "c": binary(0.97, 500)}
    made = bp.uncertainty(bp.observe(bp.Network("made", variables, tables))).plot()
    made.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]
    return made


def lines(axes: Axes) -> list[Array]:
    """Return the ends of the thin and of the thick lines, from the top down, shape (rows, 2) each."""
    collections: list[Any] = list(axes.collections)
    return [np.array([segment[:, 0] for segment in drawn.get_segments()]) for drawn in collections]


def test_a_forest_plot_draws_the_intervals(five: bp.Uncertainty) -> None:
    """Thin lines are the 95 % intervals, thick ones the 50 %, and marks the posteriors, from the top down."""
    frame, axes = five.to_frame(), five.plot()
    thin, thick = lines(axes)
    assert thin == pytest.approx(frame[["q2.5", "q97.5"]].to_numpy())
    assert thick == pytest.approx(frame[["q25", "q75"]].to_numpy())
    collections: list[Any] = list(axes.collections)
    widths = [drawn.get_linewidth()[0] for drawn in collections]
    assert widths[1] > 3 * widths[0]
    (marks,) = axes.lines
    assert np.asarray(marks.get_xdata()).tolist() == frame["posterior"].tolist()
    assert np.asarray(marks.get_ydata()).tolist() == [4, 3, 2, 1, 0]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["posterior", "50 % interval", "95 % interval"]
    assert axes.get_title(loc="left").startswith("five_findings: Sit-bone tenderness present")


def test_no_text_of_a_forest_plot_covers_another_or_leaves_the_page(axes: Axes) -> None:
    """Labels, numbers, legend and title have room of their own, and the legend covers no interval."""
    figure: Any = axes.get_figure(root=True)
    texts: list[Any] = axes.findobj(Text)
    found = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text() and t.get_visible()]
    assert len(found) > 15
    for text, box in found:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
    for (one, first), (other, second) in itertools.combinations(found, 2):
        assert not first.overlaps(second), (one, other)
    legend: Any = axes.get_legend()
    assert legend.get_window_extent().y0 > axes.transData.transform((0, 2))[1] + 15 / 2


def test_a_forest_plot_goes_where_it_is_told(five: bp.Uncertainty) -> None:
    """On somebody's own axes, and no figure is made beside."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 4), layout="constrained")
    assert five.plot(left) is left
    assert len(right.collections) == 0
    assert plt.get_fignums() == [figure.number]
