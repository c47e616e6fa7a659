"""Networks and evidence for hypothesis: small enough to enumerate, and odd wherever a network may be.

Parents stand after their children as often as before, alphabetical order is yet another, and the
numbers hold zeros, ones, and causes of one in a million million.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import NDArray

from buttpain.model.network import ROLES, Network, NoisyOr, Table, Variable
from buttpain.model.priors import Provenance, Source, jeffreys_mean

__all__ = ["documented_networks", "evidence", "networks", "networks_with_evidence"]

PLAIN = ("absent", "present")
STATES = (
    PLAIN,
    ("no", "yes"),
    ("low", "high"),
    ("none", "some", "much"),
    ("under_30", "30_to_50", "over_50", "unknown"),
)
PROBABILITIES = (0.5, 0.1, 0.75, 0.0, 1.0, 1e-12, 1e-3, 1 - 1e-9)
WEIGHTS = (1.0, 0.0, 0.2, 0.9, 3.0, 1e-9)
ROWS = ("random", "even", "some zeros", "one certain", "tiny")
SOURCES = {
    "smith2020": Source("smith2020", "Smith, A study of runners, 2020", "cohort", doi="10.1000/1"),
    "panel": Source("panel", "Judgement of a panel", "elicited"),
}
NOTES = (
    "a guess",
    'in quotes: "0.75"',
    "two\nlines, a \\ and a tab\t",
    "m\N{LATIN SMALL LETTER U WITH DIAERESIS}de",
)
MOST_JOINT_STATES = 400


def _rows(style: str, seed: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return rows that sum to 1, in one of the styles of `ROWS`."""
    rng = np.random.default_rng(seed)
    if style == "even":
        weights = np.ones(shape)
    elif style == "one certain":
        weights = np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    else:
        weights = rng.exponential(size=shape)
    if style == "some zeros":
        weights *= rng.integers(2, size=shape)
        weights[..., 0] += weights.sum(axis=-1) == 0
    if style == "tiny":
        weights[..., -1] *= 1e-12
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


@st.composite
def _families(
    draw: DrawFn, name: str, known: Mapping[str, Variable], room: int
) -> tuple[Variable, Table | NoisyOr]:
    """Draw a node with parents among the known ones; `room` bounds its number of states."""
    parents = tuple(draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=3))) if known else ()
    sizes = tuple(len(known[parent].states) for parent in parents)
    if draw(st.booleans()):
        links = [[draw(st.sampled_from((None, *PROBABILITIES))) for _ in range(size)] for size in sizes]
        leak = draw(st.sampled_from(PROBABILITIES))
        return Variable(name), NoisyOr(parents, leak, tuple(map(tuple, links)))
    states = draw(st.sampled_from([states for states in STATES if len(states) <= max(room, 2)]))
    values = _rows(draw(st.sampled_from(ROWS)), draw(st.integers(0, 999)), (*sizes, len(states)))
    return Variable(name, states), Table(parents, values)


@st.composite
def networks(draw: DrawFn, *, max_nodes: int = 6, roles: bool | None = None, given: bool = True) -> Network:
    """Draw a network.

    Parameters
    ----------
    draw
        Hypothesis' own.
    max_nodes
        At most 8.
    roles
        Whether the nodes have roles; now and then unless said.
    given
        Whether the network may have a selection of its own, which may be impossible.
    """
    names = draw(st.permutations("abcdefgh"[: draw(st.integers(1, max_nodes))]))
    known: dict[str, Variable] = {}
    families: dict[str, Table | NoisyOr] = {}
    room = MOST_JOINT_STATES
    for i, name in enumerate(names):
        spare = room // 2 ** (len(names) - i - 1)
        known[name], families[name] = draw(_families(name, known, spare))
        room //= len(known[name].states)
    if draw(st.booleans()) if roles is None else roles:
        known = {name: replace(item, role=draw(st.sampled_from(ROLES))) for name, item in known.items()}
    selected = draw(st.lists(st.sampled_from(names), max_size=1)) if given else []
    return Network(
        name="drawn",
        variables=tuple(known[name] for name in draw(st.permutations(names))),
        families=families,
        given={name: draw(st.sampled_from(known[name].states)) for name in selected},
    )


@st.composite
def _likelihoods(draw: DrawFn, states: tuple[str, ...]) -> dict[str, float]:
    weights = {state: draw(st.sampled_from(WEIGHTS)) for state in states}
    return weights if any(weights.values()) else weights | {draw(st.sampled_from(states)): 1.0}


@st.composite
def evidence(draw: DrawFn, net: Network, *, soft: bool = True) -> dict[str, str | dict[str, float]]:
    """Draw evidence on any of the nodes: states, likelihoods if `soft`; it may be impossible."""
    stated: dict[str, str | dict[str, float]] = {}
    for node in draw(st.lists(st.sampled_from(net.nodes), unique=True)):
        states = net.states(node)
        as_likelihoods = soft and draw(st.booleans())
        stated[node] = draw(_likelihoods(states)) if as_likelihoods else draw(st.sampled_from(states))
    return stated


@st.composite
def networks_with_evidence(
    draw: DrawFn, *, max_nodes: int = 6, soft: bool = True, roles: bool | None = None, given: bool = True
) -> tuple[Network, dict[str, str | dict[str, float]]]:
    """Draw a network and evidence on it."""
    net = draw(networks(max_nodes=max_nodes, roles=roles, given=given))
    return net, draw(evidence(net, soft=soft))


# -- networks as the files have them: each number with its source and its certainty ----------


@st.composite
def _numbers(draw: DrawFn, value: float) -> tuple[float, Provenance]:
    """Draw how a number is stated, by counts, range or sample size, and the value it then has."""
    source = draw(st.sampled_from(sorted(SOURCES)))
    note = draw(st.sampled_from(NOTES))
    form = draw(st.sampled_from(("ess", "counts", "range")))
    if form == "counts":
        counts = (draw(st.integers(1, 99)) / 2 + 0.5, float(draw(st.integers(0, 99))))
        mean, ess = jeffreys_mean(counts)
        return float(mean[1]), Provenance(source, note, ess=ess, counts=counts)
    if form == "range" and 0 < value < 1:
        low, high = sorted((value, draw(st.sampled_from((0.0, 1.0, value / 3)))))
        return value, Provenance(source, note, range=(low, high))
    ess = draw(st.sampled_from((math.inf, 2.0, 61.5))) if 0 < value < 1 else math.inf
    return value, Provenance(source, note, ess=ess)


@st.composite
def _distributions(draw: DrawFn, values: list[float]) -> tuple[list[float], Provenance]:
    """Draw how a row is stated, and the values it then has."""
    if len(values) == 2:
        value, record = draw(_numbers(values[1]))
        return [1 - value, value], record
    if draw(st.booleans()):
        counts = tuple(float(draw(st.integers(0, 99))) for _ in values)
        mean, ess = jeffreys_mean(counts)
        return mean.tolist(), Provenance("smith2020", ess=ess, counts=counts)
    ess = draw(st.sampled_from((math.inf, 2.0, 61.5))) if max(values) < 1 else math.inf
    return values, Provenance("smith2020", ess=ess)


@st.composite
def _documented(draw: DrawFn, family: Table | NoisyOr) -> Table | NoisyOr:
    if isinstance(family, Table):
        rows = family.values.reshape(-1, family.values.shape[-1]).tolist()
        drawn = [draw(_distributions(row)) for row in rows]
        values = np.array([row for row, _ in drawn]).reshape(family.values.shape)
        return Table(family.parents, values, tuple(record for _, record in drawn))
    # A parent of which no state acts is no cause, and a file has no way to say it.
    links = [row if any(link is not None for link in row) else (*row[:-1], 0.5) for row in family.links]
    leak, record = draw(_numbers(family.leak))
    stated = [[None if link is None else draw(_numbers(link)) for link in row] for row in links]
    return NoisyOr(
        family.parents,
        leak,
        tuple(tuple(item and item[0] for item in row) for row in stated),
        (record, *(item[1] for row in stated for item in row if item)),
    )


@st.composite
def documented_networks(draw: DrawFn, *, max_nodes: int = 4) -> Network:
    """Draw a network with roles, whose every number has a source and a measure of certainty."""
    net = draw(networks(max_nodes=max_nodes, roles=True))
    by_role = sorted(net.variables, key=lambda variable: ROLES.index(variable.role))
    return replace(
        net,
        name=draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)),
        variables=tuple(
            replace(item, label=draw(st.sampled_from(NOTES)), description=draw(st.sampled_from(("", *NOTES))))
            for item in by_role
        ),
        families={node: draw(_documented(net.families[node])) for node in net.nodes},
        sources=SOURCES,
    )
