"""How findings bear on targets: by graphs drawn by hand, and against d-separation by networkx."""

from collections.abc import Collection
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buttpain.analysis.paths import Paths, Tie
from buttpain.model.network import Network, NoisyOr, Table, Variable
from strategies import networks_with_evidence


def network(arrows: str, conditions: Collection[str] = (), **more: Any) -> Network:
    """Return a network of these arrows, "ab bc" for a -> b -> c; all numbers are one half."""
    pairs = [(pair[0], pair[1]) for pair in arrows.split()]
    nodes = sorted({node for pair in pairs for node in pair})
    families: dict[str, Table | NoisyOr] = {}
    for node in nodes:
        parents = tuple(one for one, other in pairs if other == node)
        families[node] = Table(parents, np.full((2,) * (len(parents) + 1), 0.5))
    roles = ["condition" if node in conditions else "" for node in nodes]
    variables = tuple(Variable(node, role=role) for node, role in zip(nodes, roles, strict=True))
    return Network("drawn by hand", variables, families, **more)


def tie(
    arrows: str, ends: str, *, conditions: Collection[str] = "", certain: str = "", likely: str = ""
) -> Tie:
    """Return how the first of two nodes, the finding, hangs together with the second, the target."""
    net = network(arrows, conditions)
    return Paths(net, net.conditions, {*certain, ends[0]}, likely).tie(ends[0], ends[1])


def said(*args: str, **more: Any) -> str:
    """Say it, with names as labels and rivals in the order of the alphabet."""
    return tie(*args, **more).in_words(str.upper, ord)


@pytest.mark.parametrize(
    ("arrows", "words"),
    [
        ("tf", "directly"),
        ("tm mf", "through M"),
        ("tf tm mf", "directly and through M"),
        ("tm mf tn nf", "through M and N"),
        ("tm mn nf", "through M, then N"),
        ("tm mf tn nf to of tp pf", "through M, N and 2 more"),
        ("tm mf tb bm", "through M"),
        ("tm mf tb bm mn nf", "through M"),
        ("ft", "as a cause, directly"),
        ("fm mt", "as a cause, through M"),
        ("at af", "through A, a cause of both"),
        ("at ab bf", "through A, a cause of both"),
        ("at af bt bf", "through A and B, causes of both"),
        ("tx fa", "not at all"),
    ],
)
def test_without_other_findings(arrows: str, words: str) -> None:
    """Arrows down, arrows up and common causes are named by what stands between."""
    assert said(arrows, "ft") == words


def test_the_target_itself() -> None:
    """A finding about the target needs no path."""
    net = network("tf")
    assert Paths(net, (), "t", ()).tie("t", "t").in_words(str, ord) == "the target itself"


def test_what_was_observed_for_certain_blocks() -> None:
    """A mechanism that was observed lets nothing pass; likelihoods of it do."""
    assert said("tm mf", "ft", certain="m") == "not at all"
    assert said("tm mf", "ft", likely="m") == "through M"
    assert said("tm mf tn nf", "ft", certain="m") == "through N"
    assert said("at af", "ft", certain="a") == "not at all"


@pytest.mark.parametrize("seen", ["certain", "likely"])
def test_a_rival_explains_away(seen: str) -> None:
    """A finding of another condition bears on the target where both would explain what was observed."""
    arrows = "tx cx cf"
    assert said(arrows, "ft", conditions="tc", **{seen: "x"}) == "through C, which competes with it"
    assert said(arrows, "ft", conditions="tc") == "not at all"


def test_a_rival_through_mechanisms() -> None:
    """Mechanisms between a rival and what was observed are not named; the rival is."""
    arrows = "tm cm mx cn nf"
    assert said(arrows, "ft", conditions="tc", certain="x") == "through C, which competes with it"


def test_rivals_come_in_the_order_asked_for() -> None:
    """Of several rivals two are named, by the number given, and the rest is counted."""
    arrows = "tx ax bx cx dx af bf cf df"
    found = tie(arrows, "ft", conditions="tabcd", certain="x")
    assert found.rivals == ("a", "b", "c", "d")
    assert found.in_words(str, ord) == "through a, b and 2 more, which compete with it"
    assert found.in_words(str, lambda node: -ord(node)) == "through d, c and 2 more, which compete with it"


def test_a_risk_factor_of_a_rival() -> None:
    """What makes a rival likelier bears on the target through the rival."""
    assert said("tx cx fc", "ft", conditions="tc", certain="x") == "through C, which competes with it"


def test_an_observed_rival_competes_itself() -> None:
    """A rival that was observed bears on the target by what both would explain."""
    assert said("tx fx", "ft", conditions="tf", certain="x") == "as a competing explanation"


def test_a_rival_and_a_common_cause() -> None:
    """Where both are there both are named."""
    words = "through C, which competes with it; through R, a cause of both"
    assert said("tx cx cf rt rc", "ft", conditions="tc", certain="x") == words


@pytest.mark.parametrize("seen", ["certain", "likely"])
def test_a_longer_way(seen: str) -> None:
    """Where no simple pattern fits, the nodes of a shortest open path are named."""
    words = said("af ax bx by ty", "ft", conditions="t", **{seen: "xy"})
    assert words == "by way of Y, B, X and A"


def test_a_longer_way_over_a_descendant() -> None:
    """Two arrows that meet let pass if something below them was observed, and only then."""
    arrows = "af ax bx by ty xz"
    assert said(arrows, "ft", conditions="t", certain="yz") == "by way of Y, B, X, Z and A"
    assert said(arrows, "ft", conditions="t", certain="y") == "not at all"


def test_competitors_are_the_conditions_met_first() -> None:
    """Conditions that bring the finding about compete; the target and what lies behind them do not."""
    net = network("tf cf dm mf ec", "tcde")
    assert Paths(net, net.conditions, "f", ()).tie("f", "t").competitors == ("c", "d")
    assert Paths(net, net.conditions, "fm", ()).tie("f", "t").competitors == ("c",)


def test_the_selection_says_nothing() -> None:
    """A finding that holds in every case bears on nothing."""
    net = network("tf", given={"f": "present"})
    assert Paths(net, (), "f", ()).tie("f", "t") == Tie()


def test_a_great_many_routes() -> None:
    """Of very many paths some are counted, and it takes no time to speak of."""
    arrows, layer = [], "t"
    for pair in ("ab", "cd", "eg", "hi", "jk", "lm", "no", "pq", "rs"):
        arrows += [one + other for one in layer for other in pair]
        layer = pair
    assert "and 98 more" in said(" ".join([*arrows, *(node + "f" for node in layer)]), "ft")


def witnessed(net: Network, seen: dict[str, Any], finding: str) -> tuple[Any, set[str]]:
    """Return the graph with a child for each likelihood, and what is observed in it but for a finding."""
    graph: Any = nx.DiGraph(net.graph)
    observed = set(net.given)
    for node, value in seen.items():
        if node != finding and node not in net.given:
            observed.add(node if isinstance(value, str) else f"seen {node}")
            if not isinstance(value, str):
                graph.add_edge(node, f"seen {node}")
    return graph, observed


@given(drawn=networks_with_evidence(max_nodes=7), data=st.data())
@settings(max_examples=150)
def test_not_at_all_means_d_separated(drawn: tuple[Network, dict[str, Any]], data: st.DataObject) -> None:
    """A way is named if and only if the two are not d-separated by everything else that was observed."""
    net, seen = drawn
    finding = data.draw(st.sampled_from(net.nodes))
    target = data.draw(st.sampled_from(net.nodes))
    if finding == target or {finding, target} & set(net.given) or isinstance(seen.get(target), str):
        return
    certain = {*net.given, finding, *(node for node, value in seen.items() if isinstance(value, str))}
    found = Paths(net, net.conditions, certain, set(seen) - certain).tie(finding, target)
    graph, observed = witnessed(net, seen, finding)
    apart = nx.is_d_separator(graph, {finding}, {target}, observed)
    assert (found.in_words(str, lambda _: 0.0) == "not at all") == apart
