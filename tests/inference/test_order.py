"""Elimination orders against a plain re-computation of what they cost."""

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buttpain.inference import order as order_module
from buttpain.inference.order import Domain, best_order, bits


def cliques_of(order: tuple[int, ...], scopes: list[int]) -> list[set[int]]:
    """Return the clique that each elimination joins, with sets and loops."""
    neighbours: dict[int, set[int]] = {}
    for scope in scopes:
        for a in bits(scope):
            neighbours.setdefault(a, set()).update(set(bits(scope)) - {a})
    cliques = []
    for variable in order:
        around = neighbours.pop(variable, set())
        cliques.append({variable, *around})
        for a in around:
            neighbours[a] = (neighbours[a] | around) - {a, variable}
    return cliques


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """Draw sizes, factor scopes and the variables to sum out."""
    cards = draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    everything = (1 << len(cards)) - 1
    scopes = draw(st.lists(st.integers(1, everything), min_size=1, max_size=10))
    return cards, scopes, draw(st.integers(0, everything))


def test_bits_are_yielded_lowest_first() -> None:
    """The positions of set bits come in rising order, also beyond 64."""
    assert list(bits(1 | 1 << 5 | 1 << 100)) == [0, 5, 100]


@given(problems())
def test_order_sums_each_variable_out_once_at_the_stated_cost(
    problem: tuple[list[int], list[int], int],
) -> None:
    """An order holds just the variables asked for, and its figures are those of its cliques."""
    cards, scopes, eliminable = problem
    found = best_order(scopes, eliminable, Domain(cards), {})
    assert sorted(found.variables) == list(bits(eliminable))
    cliques = cliques_of(found.variables, scopes)
    sizes = [math.prod(cards[v] for v in clique) for clique in cliques]
    assert found.width == max(map(len, cliques), default=1) - 1
    assert found.entries == pytest.approx(sum(sizes))
    assert found.largest == pytest.approx(max(sizes, default=1))


@given(problems(), st.data())
def test_order_keeps_late_variables_late(
    problem: tuple[list[int], list[int], int], data: st.DataObject
) -> None:
    """A variable that must wait for another comes after it."""
    cards, scopes, _ = problem
    everything = (1 << len(cards)) - 1
    pairs = list(combinations(range(len(cards)), 2))
    chosen = (
        data.draw(st.lists(st.sampled_from(pairs), unique_by=(lambda p: p[0], lambda p: p[1])))
        if pairs
        else []
    )
    after = {late: early for early, late in chosen if early not in {late for _, late in chosen}}
    found = best_order(scopes, everything, Domain(cards), after).variables
    assert all(found.index(late) > found.index(early) for late, early in after.items())


@pytest.mark.parametrize(
    ("scopes", "width"),
    [
        ([0b011, 0b110], 1),
        ([0b0011, 0b0110, 0b1100, 0b1001], 2),
        ([0b11111], 4),
        ([1 << i | 1 << 9 for i in range(9)], 1),
    ],
    ids=["chain", "ring", "clique", "star"],
)
def test_order_finds_the_known_width(scopes: list[int], width: int) -> None:
    """Chains, rings, cliques and stars have their textbook widths."""
    everything = 0
    for scope in scopes:
        everything |= scope
    found = best_order(scopes, everything, Domain([2] * everything.bit_length()), {})
    assert found.width == width


def test_order_takes_the_cheaper_heuristic_when_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fewest missing edges beats the smallest clique, it is tried above the bound, and only there."""
    scopes = [0b0100101, 0b1010000, 0b0001010, 0b0011001, 0b1100010, 0b1000100, 0b0010001, 0b0011000]
    domain = Domain([4, 2, 4, 4, 3, 2, 4])
    assert best_order(scopes, 0b1111111, domain, {}).entries == pytest.approx(576)
    monkeypatch.setattr(order_module, "CHEAP", 0.0)
    assert best_order(scopes, 0b1111111, domain, {}).entries == pytest.approx(424)
