"""Columns: every item in its place, few crossings, nothing over anything else."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, isotonic_regression, minimize

from buttpain.display.layers import Arrow, Diagram, Item, Layers, Node, arranged, by_depth, placed, settled
from buttpain.model.network import Network
from strategies import networks

SIZES = st.lists(st.tuples(st.floats(-50, 50), st.floats(0.5, 9)), min_size=1, max_size=9)


def diagram(columns: str, arrows: str) -> Diagram:
    """Return a diagram from words: letters of each column, and pairs of letters."""
    nodes = [Node(name, name.upper(), i) for i, names in enumerate(columns.split()) for name in names]
    headings = ("",) * len(columns.split())
    return Diagram("drawn", headings, tuple(nodes), tuple(Arrow(*pair) for pair in arrows.split()))


def crossings(layers: Layers) -> int:
    """Count crossings pair by pair: what the fast count must equal."""
    place = {item: k for column in layers.columns for k, item in enumerate(column)}
    return sum(
        a[0] == c[0] and (place[a] - place[c]) * (place[b] - place[d]) < 0
        for (a, b), (c, d) in combinations(layers.lines, 2)
    )


def as_given(picture: Diagram) -> Layers:
    """Return the columns in the order of the nodes, lanes below them."""
    lines = arranged(picture).lines
    columns: list[list[Item]] = [[] for _ in picture.headings]
    for node in picture.nodes:
        columns[node.column].append((node.column, node.name, ""))
    for item in dict.fromkeys(item for pair in lines for item in pair):
        if item not in columns[item[0]]:
            columns[item[0]].append(item)
    return Layers(tuple(map(tuple, columns)), lines)


@given(networks())
def test_each_item_has_one_place_and_crossings_never_grow(net: Network) -> None:
    """The order keeps all items of each column, counts crossings right, and never has more of them."""
    layers, before = arranged(net.diagram), as_given(net.diagram)
    assert [sorted(column) for column in layers.columns] == [sorted(column) for column in before.columns]
    assert layers.crossings() == crossings(layers) <= crossings(before)
    assert before.crossings() == crossings(before)
    assert arranged(net.diagram) == layers


@given(networks())
def test_lines_run_from_each_parent_to_each_child(net: Network) -> None:
    """Along the lines that carry it an arrow gets from parent to child; only within a column it has none."""
    column = {node.name: node.column for node in net.diagram.nodes}
    lines = arranged(net.diagram).lines
    for arrow in net.diagram.arrows:
        start, end = (column[arrow.source], arrow.source, ""), (column[arrow.target], arrow.target, "")
        way: nx.Graph[Item] = nx.Graph(pair for pair, arrows in lines.items() if arrow in arrows)
        assert len(way) == (abs(start[0] - end[0]) + 1) * (start[0] != end[0])
        assert start[0] == end[0] or nx.has_path(way, start, end)
        assert all(item[0] in range(min(start[0], end[0]), max(start[0], end[0]) + 1) for item in way)


def test_arrows_of_one_node_share_a_lane() -> None:
    """Two arrows that skip a column run there as one; one that runs back has a lane of its own."""
    lines = arranged(diagram("a b cd", "ac ad ca bc")).lines
    lanes = [(a, b) for a, b in lines if b[2]]
    assert lanes == [((0, "a", ""), (1, "a", "out")), ((0, "a", ""), (1, "a", "in"))]
    assert [arrow.target for arrow in lines[lanes[0]]] == ["c", "d"]


@pytest.mark.parametrize(
    ("columns", "arrows", "before", "least"),
    [
        ("abcdef uvwxyz", "az by cx dw ev fu", 15, 0),
        ("abc uvw xyz", "aw bv cu wx vy uz", 6, 0),
        ("ab xy", "ax ay bx by", 1, 1),
        # Here the barycentre method alone stays at 2.
        ("abcd xyz", "ax by cx cz dx dy", 4, 0),
        # And here switching from the order given or from the barycentres stays at 1.
        ("abcd wxyz", "ax bz cy dw dx dz", 6, 0),
        ("abcd e wxyz", "az by cx dw ez ey", 11, 0),
    ],
    ids=[
        "reversed",
        "three columns",
        "cannot be less",
        "by switching",
        "from another start",
        "through lanes",
    ],
)
def test_known_least_crossings_are_found(columns: str, arrows: str, before: int, least: int) -> None:
    """Where the least number of crossings is known, it is reached."""
    picture = diagram(columns, arrows)
    assert as_given(picture).crossings() == before
    assert arranged(picture).crossings() == least


@given(SIZES, st.floats(0, 60))
def test_settling_is_a_regression(wanted: list[tuple[float, float]], spare: float) -> None:
    """Centres are those of scipy's isotonic regression, held to the room there is."""
    centres, sizes = np.array(wanted).T
    found = np.array(settled(centres.tolist(), sizes.tolist(), float(sizes.sum()) + spare))
    starts = np.cumsum(sizes) - sizes / 2
    np.testing.assert_allclose(found, starts + isotonic_regression(centres - starts).x.clip(0, spare))


@settings(max_examples=10)
@given(SIZES, st.floats(0, 60))
def test_settling_is_the_best_there_is(wanted: list[tuple[float, float]], spare: float) -> None:
    """No other centres that keep order and room, as a general optimiser finds them, are nearer."""
    centres, sizes = np.array(wanted).T
    room = float(sizes.sum()) + spare
    found = np.array(settled(centres.tolist(), sizes.tolist(), room))
    steps = np.diff(np.eye(len(sizes) + 2), axis=0)[:, 1:-1]  # from 0 to the first, and so on, to the room
    least = (np.append(sizes, 0) + np.append(0, sizes)) / 2 - np.append(np.zeros(len(sizes)), room)
    start = np.cumsum(sizes) - sizes / 2
    limits = LinearConstraint(steps, least)

    def distance(x: NDArray[np.float64]) -> float:
        return float(((x - centres) ** 2).sum())

    best = minimize(distance, start, constraints=limits, method="SLSQP")
    assert distance(found) <= best.fun + 1e-6 * (1 + best.fun)


@given(networks(), st.floats(0, 30))
def test_nothing_lies_over_anything_else(net: Network, spare: float) -> None:
    """Items of a column keep their order and their room, within the page."""
    layers = arranged(net.diagram)
    sizes = {item: 3.0 if item[2] else 9.0 for column in layers.columns for item in column}
    room = spare + max(sum(sizes[item] for item in column) for column in layers.columns)
    middle = placed(layers, sizes, room)
    for column in layers.columns:
        ends = [(middle[item] - sizes[item] / 2, middle[item] + sizes[item] / 2) for item in column]
        edges = [0.0, *(end for pair in ends for end in pair), room]
        assert np.diff(edges).min() > -1e-9


def test_a_column_stands_beside_what_it_is_joined_to() -> None:
    """A node with one neighbour has its height."""
    layers = arranged(diagram("abcde x", "dx"))
    middle = placed(layers, dict.fromkeys((i for c in layers.columns for i in c), 10.0), 100.0)
    assert middle[1, "x", ""] == pytest.approx(middle[0, "d", ""])
    assert [middle[0, name, ""] for name in "abcde"] == pytest.approx([10, 30, 50, 70, 90])


@given(networks(), st.data())
def test_a_focus_is_its_ancestors_and_descendants(net: Network, data: st.DataObject) -> None:
    """What is drawn around nodes is what networkx reaches from them; every column left has a node."""
    focus = data.draw(st.lists(st.sampled_from(net.nodes), min_size=1, unique=True))
    part = net.diagram.around(focus)
    kept = set(focus).union(*(nx.ancestors(net.graph, n) | nx.descendants(net.graph, n) for n in focus))
    kept = kept if len(focus) < len(net.nodes) else set(net.nodes)
    assert {node.name for node in part.nodes} == kept
    assert {(a.source, a.target) for a in part.arrows} == set(net.graph.subgraph(kept).edges)
    assert {node.column for node in part.nodes} == set(range(len(part.headings)))
    before = {node.name: node.column for node in net.diagram.nodes}
    pairs = combinations(part.nodes, 2)
    assert all((a.column < b.column) == (before[a.name] < before[b.name]) for a, b in pairs)


def test_a_long_focus_is_counted() -> None:
    """The title names the first few nodes of a focus."""
    title = diagram("abcdefgh x", "ax").around("bcdefgh").title
    assert title == "drawn\nAround: B, C, D, E, F, 2 more"


@given(networks(roles=False))
def test_without_roles_a_column_is_a_depth(net: Network) -> None:
    """A node's column is its longest way from a root; a root stands just before its first child."""
    column = by_depth({node: net.parents(node) for node in net.order})
    assert all(column[parent] < column[node] for parent, node in net.graph.edges)
    assert set(column.values()) == set(range(max(column.values()) + 1))
    for node in net.nodes:
        children = list(net.graph.successors(node))
        if net.parents(node):
            above = net.graph.subgraph({node} | nx.ancestors(net.graph, node))
            assert column[node] == nx.dag_longest_path_length(above)
        else:
            assert column[node] == min((column[child] for child in children), default=1) - 1


@given(networks(roles=True))
def test_columns_go_by_role(net: Network) -> None:
    """Each column holds the nodes of one role, in the order from causes to findings."""
    by_role = [net.risk_factors, net.conditions, net.mechanisms, net.findings]
    found = [
        tuple(n.name for n in net.diagram.nodes if n.column == i) for i in range(len(net.diagram.headings))
    ]
    assert found == [names for names in by_role if names]
