"""One forward and one backward pass against enumeration."""

import math
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from buttpain import Network, NetworkTooComplex
from buttpain.inference import circuit, structure
from buttpain.inference.circuit import Passes, run
from buttpain.inference.evidence import Observed, read_evidence, to_arrays
from buttpain.inference.order import bits
from buttpain.inference.plan import PLANS_KEPT, plan_for
from buttpain.inference.structure import Factors, Pattern, Structure
from buttpain.model.network import NoisyOr, Table, Variable
from checks import assert_same_derivative, assert_same_distribution, assert_same_number, slope
from reference import joint_posterior, posterior, probability_of
from strategies import networks_with_evidence

DRAWN = networks_with_evidence()


def pattern_of(made: Structure, observed: Observed, **asked: int) -> Pattern:
    """Return the pattern of some evidence, all else free."""
    return Pattern(
        hard=sum(1 << i for i in observed.hard),
        absent=sum(1 << i for i, s in observed.hard.items() if made.is_absent(i, s)),
        soft=sum(1 << i for i in observed.soft),
        **asked,
    )


def passes_of(
    net: Network, evidence: dict[str, Any], *, loose: bool = False, differences: int = 0
) -> tuple[Passes, Structure, Observed]:
    """Run a fresh structure with every free node a target; `loose` turns states into weights."""
    made = Structure(net)
    observed = to_arrays(net, read_evidence(net, evidence))
    if loose:
        eye = {i: np.eye(made.cards[i])[:, states] for i, states in observed.hard.items()}
        eye |= {i: weights * eye.get(i, 1.0) for i, weights in observed.soft.items()}
        observed = Observed({}, eye)
    free = ((1 << made.size) - 1) & ~sum(1 << i for i in observed.hard)
    plan = plan_for(made, pattern_of(made, observed, targets=free, differences=differences))
    return run(plan, made.factors, observed), made, observed


def possible(net: Network, evidence: dict[str, Any]) -> float:
    """Return P(evidence, given), and let hypothesis draw again where it is 0."""
    consistent = all(evidence.get(n, s) == s or isinstance(evidence[n], dict) for n, s in net.given.items())
    assume(consistent)
    probability = probability_of(net, evidence)
    assume(probability > 0)
    return probability


@pytest.mark.parametrize("parents", [0, 1, 3])
@pytest.mark.parametrize("loose", [False, True])
@given(drawn=DRAWN)
def test_forward_pass_gives_the_probability_of_the_evidence(
    parents: int, loose: bool, drawn: tuple[Network, dict[str, Any]]
) -> None:
    """P(e) is that of enumeration, with noisy-ORs as tables or through deputies, states fixed or weighed."""
    net, evidence = drawn
    probability = possible(net, evidence)
    with patch.object(structure, "MOST_PARENTS", parents):
        passes, _, _ = passes_of(net, evidence, loose=loose)
        assert_same_number(float(np.exp(passes.log_evidence[0])), probability)


@pytest.mark.parametrize("parents", [0, 3])
@given(drawn=DRAWN)
def test_backward_pass_gives_every_posterior(parents: int, drawn: tuple[Network, dict[str, Any]]) -> None:
    """Every free node's posterior is that of enumeration, to 1e-12."""
    net, evidence = drawn
    possible(net, evidence)
    with patch.object(structure, "MOST_PARENTS", parents):
        passes, made, observed = passes_of(net, evidence)
        for i in set(range(made.size)) - set(observed.hard):
            assert_same_distribution(passes.marginal(i)[:, 0], posterior(net, evidence, net.nodes[i]))


@pytest.mark.parametrize("parents", [0, 3])
@given(drawn=networks_with_evidence(max_nodes=5))
def test_backward_pass_gives_every_derivative(parents: int, drawn: tuple[Network, dict[str, Any]]) -> None:
    """The derivative of P(e) by each number of a relevant family is that of the polynomial itself."""
    net, evidence = drawn
    probability = possible(net, evidence)
    with patch.object(structure, "MOST_PARENTS", parents):
        passes, made, observed = passes_of(net, evidence)
        relevant = made.relevant(pattern_of(made, observed))
        found = passes.derivatives(made.factors, observed)[:, 0]
        plan = plan_for(made, pattern_of(made, observed))
        found = run(plan, made.factors, observed).derivatives(made.factors, observed)[:, 0]
    for i, node in enumerate(net.nodes):
        places = range(net.spans[node].start, net.spans[node].stop)
        wanted = [slope(net, evidence, p) / probability if relevant >> i & 1 else 0.0 for p in places]
        assert_same_derivative(found[net.spans[node]], wanted, tolerance=1e-10)


@given(drawn=DRAWN, differences=st.integers(-1, 63), loose=st.booleans())
def test_joining_by_differences_gives_the_same(
    differences: int, loose: bool, drawn: tuple[Network, dict[str, Any]]
) -> None:
    """Whichever nodes join by differences, P(e) and posteriors are enumeration's but for rounding."""
    net, evidence = drawn
    probability = possible(net, evidence)
    with patch.object(structure, "MOST_PARENTS", 0):
        passes, made, observed = passes_of(net, evidence, loose=loose, differences=differences)
        assert abs(float(np.exp(passes.log_evidence[0])) - probability) <= 1e-14
        for i in set(range(made.size)) - set(observed.hard):
            apart = np.abs(passes.marginal(i)[:, 0] - posterior(net, evidence, net.nodes[i])).max()
            assert apart * probability <= 1e-14


@given(drawn=networks_with_evidence(max_nodes=5), differences=st.integers(-1, 31))
def test_derivatives_by_differences_are_the_same(
    differences: int, drawn: tuple[Network, dict[str, Any]]
) -> None:
    """The derivatives of P(e), relative to it, are those of the plan without differences."""
    net, evidence = drawn
    probability = possible(net, evidence)
    with patch.object(structure, "MOST_PARENTS", 0):
        made, observed = Structure(net), to_arrays(net, read_evidence(net, evidence))
        found, wanted = (
            run(
                plan_for(made, pattern_of(made, observed, differences=which)), made.factors, observed
            ).derivatives(made.factors, observed)[:, 0]
            * probability
            for which in (differences, 0)
        )
    np.testing.assert_allclose(found, wanted, atol=1e-13)


@given(drawn=networks_with_evidence(max_nodes=5), seed=st.integers(0, 99))
def test_derivatives_agree_with_finite_differences_along_random_directions(
    drawn: tuple[Network, dict[str, Any]], seed: int
) -> None:
    """A small step of all numbers together changes ln P(e) by its inner product with the derivatives."""
    net, evidence = drawn
    possible(net, evidence)
    made = Structure(net)
    observed = to_arrays(net, read_evidence(net, evidence))
    plan = plan_for(made, pattern_of(made, observed))
    inside = np.clip(net.theta, 0.01, 0.99)
    direction = np.random.default_rng(seed).normal(size=inside.size)
    ends = np.stack([inside - 1e-6 * direction, inside + 1e-6 * direction], axis=1)
    low, high = np.broadcast_to(run(plan, Factors(made, ends), observed).log_evidence, 2)
    factors = Factors(made, inside[:, None])
    exact = float(run(plan, factors, observed).derivatives(factors, observed)[:, 0] @ direction)
    assert (high - low) / 2e-6 == pytest.approx(exact, rel=1e-5, abs=1e-5)


@given(drawn=DRAWN)
def test_left_out_gives_the_evidence_without_each_finding(drawn: tuple[Network, dict[str, Any]]) -> None:
    """For each weighed node, P(node = s, all other evidence) comes from the same backward pass."""
    net, evidence = drawn
    probability = possible(net, evidence)
    passes, _, _ = passes_of(net, evidence, loose=True)
    for i, ratios in passes.left_out().items():
        node = net.nodes[i]
        if node in net.given:
            continue
        for state, ratio in zip(net.states(node), ratios[:, 0], strict=True):
            wanted = probability_of(net, {**evidence, node: state}) / probability
            assert ratio == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@given(drawn=DRAWN)
def test_scaling_changes_nothing(drawn: tuple[Network, dict[str, Any]]) -> None:
    """The scaled pass, meant for tiny P(e), gives the same answers where none is needed."""
    net, evidence = drawn
    possible(net, evidence)
    plain, made, observed = passes_of(net, evidence)
    with patch.object(circuit, "_LOG_SAFE", math.inf):
        scaled, _, _ = passes_of(net, evidence)
    assert scaled.log_evidence[0] == pytest.approx(plain.log_evidence[0], rel=1e-13, abs=1e-13)
    assert_same_derivative(
        scaled.derivatives(made.factors, observed), plain.derivatives(made.factors, observed), tolerance=1e-12
    )
    for i in set(range(made.size)) - set(observed.hard):
        assert_same_distribution(scaled.marginal(i)[:, 0], plain.marginal(i)[:, 0])


@given(drawn=DRAWN, seed=st.integers(0, 99))
def test_parameter_draws_run_together_as_one_by_one(drawn: tuple[Network, dict[str, Any]], seed: int) -> None:
    """A batch of parameter vectors gives what each gives alone."""
    net, evidence = drawn
    possible(net, evidence)
    made = Structure(net)
    observed = to_arrays(net, read_evidence(net, evidence))
    plan = plan_for(made, pattern_of(made, observed))
    draws = np.random.default_rng(seed).uniform(0.01, 0.99, size=(net.theta.size, 4))
    together = np.broadcast_to(run(plan, Factors(made, draws), observed).log_evidence, 4)
    alone = [run(plan, Factors(made, draws[:, [i]]), observed).log_evidence[0] for i in range(4)]
    assert together.tolist() == pytest.approx(alone, rel=1e-12, abs=1e-12)


@given(drawn=networks_with_evidence(max_nodes=6), data=st.data())
def test_joint_is_that_of_enumeration(drawn: tuple[Network, dict[str, Any]], data: st.DataObject) -> None:
    """The joint of any free nodes is that of enumeration, axis by axis."""
    net, evidence = drawn
    possible(net, evidence)
    made = Structure(net)
    observed = to_arrays(net, read_evidence(net, evidence))
    free = [i for i in range(made.size) if i not in observed.hard]
    assume(free)
    asked = data.draw(st.lists(st.sampled_from(free), min_size=1, max_size=3, unique=True))
    plan = plan_for(made, pattern_of(made, observed, joint=sum(1 << i for i in asked)))
    array, nodes = run(plan, made.factors, observed).joint()
    wanted = joint_posterior(net, evidence, [net.nodes[i] for i in nodes])
    assert_same_distribution(array[..., 0].ravel(), wanted.ravel())


def fan(leaves: int, leak: float, link: float) -> Network:
    """Return one cause and many findings of it."""
    findings = [f"f{i}" for i in range(leaves)]
    families: dict[str, Table | NoisyOr] = {"c": Table((), np.array([0.9, 0.1]))}
    families |= {name: NoisyOr(("c",), leak, ((None, link),)) for name in findings}
    return Network("fan", tuple(map(Variable, ["c", *findings])), families)


def test_a_thousand_findings_have_a_finite_log_evidence() -> None:
    """P(e) far below the smallest float has the logarithm of the closed form."""
    net = fan(1000, 0.01, 0.011)
    passes, _, _ = passes_of(net, {f"f{i}": True for i in range(1000)})
    present = 0.01 + 0.99 * 0.011
    wanted = np.logaddexp(math.log(0.9) + 1000 * math.log(0.01), math.log(0.1) + 1000 * math.log(present))
    assert passes.log_evidence[0] == pytest.approx(wanted, rel=1e-14)
    assert passes.marginal(0)[0, 0] == pytest.approx(math.exp(math.log(0.9) + 1000 * math.log(0.01) - wanted))


def test_rare_causes_keep_their_digits() -> None:
    """Three rare findings of shared rare causes: no subtraction loses what 1e-12 links leave."""
    causes = [f"c{i}" for i in range(6)]
    families: dict[str, Table | NoisyOr] = {c: Table((), np.array([1 - 1e-6, 1e-6])) for c in causes}
    links = tuple((None, 1e-12 * (i + 1)) for i in range(6))
    families |= {f"f{i}": NoisyOr(tuple(causes), 1e-15, links) for i in range(3)}
    net = Network("rare", tuple(map(Variable, families)), families)
    evidence = {f"f{i}": "present" for i in range(3)}
    passes, made, _ = passes_of(net, evidence)
    assert_same_number(float(np.exp(passes.log_evidence[0])), probability_of(net, evidence))
    for i in range(6):
        assert_same_distribution(passes.marginal(i)[:, 0], posterior(net, evidence, made_name(made, net, i)))


def test_differences_lose_rare_causes_but_take_fewer_products() -> None:
    """Four rare findings of six causes: the digits that lifting keeps are gone, and so is most work."""
    causes = [f"c{i}" for i in range(6)]
    families: dict[str, Table | NoisyOr] = {c: Table((), np.array([0.9, 0.1])) for c in causes}
    links = tuple((None, 1e-9) for _ in causes)
    families |= {f"f{i}": NoisyOr(tuple(causes), 1e-12, links) for i in range(4)}
    net = Network("rare", tuple(map(Variable, families)), families)
    evidence = {f"f{i}": "present" for i in range(4)}
    exact, made, observed = passes_of(net, evidence)
    short, _, _ = passes_of(net, evidence, differences=-1)
    assert_same_number(float(np.exp(exact.log_evidence[0])), probability_of(net, evidence))
    assert not abs(float(np.exp(short.log_evidence[0])) / probability_of(net, evidence) - 1) < 0.1
    free = made.everything & ~sum(1 << i for i in observed.hard)
    work = [
        plan_for(made, pattern_of(made, observed, targets=free, differences=which)).work for which in (0, -1)
    ]
    assert work[1] < work[0] / 3


def made_name(made: Structure, net: Network, i: int) -> str:
    """Return the name of a position."""
    return next(name for name, place in made.position.items() if place == i and name in net.nodes)


def grid(side: int) -> Network:
    """Return a grid, whose width grows with its side."""
    families: dict[str, Table | NoisyOr] = {}
    for row in range(side):
        for column in range(side):
            parents = [f"n{row - 1}_{column}"] * (row > 0) + [f"n{row}_{column - 1}"] * (column > 0)
            values: NDArray[np.float64] = np.full((2,) * len(parents) + (2,), 0.5)
            families[f"n{row}_{column}"] = Table(tuple(parents), values)
    return Network("grid", tuple(map(Variable, families)), families)


def test_too_complex_a_query_is_refused_before_memory_is_taken() -> None:
    """A grid of 60 by 60 is refused by its width; the message says how much it would take and what to do."""
    net = grid(60)
    made = Structure(net)
    pattern = Pattern(targets=1 << made.size - 1)
    with pytest.raises(
        NetworkTooComplex, match=r"induced width \d+.*MiB allowed. Observe more findings"
    ) as caught:
        plan_for(made, pattern)
    assert caught.value.memory > caught.value.bound
    assert caught.value.entries >= 2**caught.value.width


def test_the_bound_can_be_set() -> None:
    """The same query passes or not by the memory allowed, whether its plan is cached or not."""
    net = grid(5)
    made = Structure(net)
    pattern = Pattern(targets=1)
    with pytest.raises(NetworkTooComplex, match="raise the bound with memory="):
        plan_for(made, Pattern(targets=1 << 24), memory=100)
    plan_for(made, pattern)
    with pytest.raises(NetworkTooComplex, match="raise the bound with memory="):
        plan_for(made, pattern, memory=10)


def test_what_nothing_depends_on_is_left_out() -> None:
    """Findings nobody observed make no tensors."""
    net = fan(50, 0.1, 0.5)
    made = Structure(net)
    one = plan_for(made, Pattern(hard=1 << 3, targets=1))
    assert one.tensors <= 5
    assert set(bits(made.relevant(Pattern(hard=1 << 3, targets=1)))) == {0, 3}


def test_absent_findings_couple_nothing() -> None:
    """However many causes the absent findings share, the width stays that of the causes."""
    causes = [f"c{i}" for i in range(12)]
    families: dict[str, Table | NoisyOr] = {c: Table((), np.array([0.9, 0.1])) for c in causes}
    links = tuple((None, 0.5) for _ in causes)
    families |= {f"f{i}": NoisyOr(tuple(causes), 0.1, links) for i in range(30)}
    made = Structure(Network("absent", tuple(map(Variable, families)), families))
    findings = sum(1 << i for i in range(12, 42))
    quiet = plan_for(made, Pattern(hard=findings, absent=findings, targets=(1 << 12) - 1))
    assert quiet.order.width == 0


def test_plans_are_kept_and_the_oldest_go_first() -> None:
    """A repeated pattern gives the same plan; the cache does not grow without bound."""
    made = Structure(fan(10, 0.1, 0.5))
    first = plan_for(made, Pattern(hard=0b110, targets=1))
    assert plan_for(made, Pattern(hard=0b110, targets=1)) is first
    for mask in range(4, 5 + PLANS_KEPT):
        plan_for(made, Pattern(hard=mask << 1, targets=1))
    assert plan_for(made, Pattern(hard=0b110, targets=1)) is not first
