"""A network is checked once, frozen for good, and names each of its numbers."""

import copy
import math
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from buttpain.errors import InvalidNetwork, UnknownNode, UnknownState
from buttpain.model.network import Network, NoisyOr, Table, Variable
from buttpain.model.priors import Provenance, Source, jeffreys_mean
from checks import assert_same_distribution, described
from reference import posterior
from strategies import documented_networks, networks

SOURCES = {
    "trial": Source("trial", "A trial", "accuracy_study"),
    "panel": Source("panel", "A panel", "elicited"),
}
AGES = ("under_30", "30_to_50", "over_50")


def table(parents: tuple[str, ...], rows: ArrayLike, *records: Provenance) -> Table:
    """Return a table from rows that need not be an array."""
    return Table(parents, np.asarray(rows, dtype=np.float64), records)


def network(
    families: dict[str, Table | NoisyOr], states: dict[str, tuple[str, ...]] | None = None, **others: Any
) -> Network:
    """Return a network with a node for each family, absent and present unless `states` says otherwise."""
    named = states or {}
    variables = tuple(Variable(node, named.get(node, ("absent", "present"))) for node in families)
    return Network("test", variables, families, **others)


@pytest.fixture
def mixed() -> Network:
    """Return a network with every kind of number, two sources and two kinds of certainty."""
    counts = (17.0, 3.0)
    mean, ess = jeffreys_mean(counts)
    return network(
        {
            "strain": table((), mean, Provenance("trial", ess=ess, counts=counts)),
            "age": table((), [0.5, 0.3, 0.2], Provenance("trial", ess=40.0)),
            "pain": NoisyOr(
                ("strain", "age"),
                0.1,
                ((None, 0.75), (None, 0.2, 0.4)),
                (
                    Provenance("panel", "A guess", range=(0.05, 0.2)),
                    Provenance("trial", ess=20.0),
                    Provenance("panel", "By definition", ess=math.inf),
                    Provenance("trial"),
                ),
            ),
            "rest": table(
                ("strain", "age"),
                np.tile([0.3, 0.7], (2, 3, 1)),
                *[Provenance("panel", "A guess", range=(0.6, 0.85))] * 6,
            ),
        },
        {"age": AGES},
        sources=SOURCES,
        given={"pain": "present"},
    )


# -- the names of the numbers --------------------------------------------------------------


def test_ids_of_a_noisy_or_name_the_leak_and_each_cause(mixed: Network) -> None:
    """A cause of two states goes by its name; of more states, by name and state."""
    named = mixed.parameters.index[mixed.spans["pain"]]
    assert list(named) == ["pain <- leak", "pain <- strain", "pain <- age=30_to_50", "pain <- age=over_50"]


def test_ids_of_a_table_have_the_parents_in_alphabetical_order(mixed: Network) -> None:
    """The order of the parents in the table does not show in the names of its entries."""
    named = mixed.parameters.index[mixed.spans["rest"]]
    assert list(named[:3]) == [
        "rest=absent | age=under_30, strain=absent",
        "rest=present | age=under_30, strain=absent",
        "rest=absent | age=30_to_50, strain=absent",
    ]


def test_ids_of_a_root_have_no_bar(mixed: Network) -> None:
    """A prior is named by node and state alone."""
    named = mixed.parameters.index[mixed.spans["age"]]
    assert list(named) == ["age=under_30", "age=30_to_50", "age=over_50"]


def test_the_id_that_the_design_page_shows() -> None:
    """The chest clinic's shortness of breath reads as documented."""
    even = [0.5, 0.5]
    net = network(
        {
            "either": table((), even),
            "bronc": table((), even),
            "dysp": table(("either", "bronc"), [[even] * 2] * 2),
        },
        dict.fromkeys(("either", "bronc", "dysp"), ("yes", "no")),
    )
    assert "dysp=yes | bronc=no, either=yes" in net.parameters.index


LINK_IDS: dict[str, tuple[str, tuple[str, ...], tuple[float | None, ...], list[str]]] = {
    "absent, present": ("strain", ("absent", "present"), (None, 0.5), ["strain"]),
    "no, yes": ("strain", ("no", "yes"), (None, 0.5), ["strain"]),
    "yes, no": ("strain", ("yes", "no"), (0.5, None), ["strain"]),
    "absence acts": ("strain", ("absent", "present"), (0.5, None), ["strain=absent"]),
    "both states act": ("strain", ("absent", "present"), (0.1, 0.5), ["strain=absent", "strain=present"]),
    "neither state means present": ("sex", ("female", "male"), (None, 0.5), ["sex=male"]),
    "one of three states": ("age", AGES, (None, None, 0.5), ["age=over_50"]),
    "present among three states": ("x", ("absent", "present", "unknown"), (None, 0.5, None), ["x=present"]),
    "a cause called leak": ("leak", ("absent", "present"), (None, 0.5), ["leak=present"]),
}


@pytest.mark.parametrize(("cause", "states", "links", "ids"), LINK_IDS.values(), ids=LINK_IDS.keys())
def test_a_link_is_named_by_what_acts(
    cause: str, states: tuple[str, ...], links: tuple[float | None, ...], ids: list[str]
) -> None:
    """The plain name of a cause means that it is there; anything else is spelled out."""
    row = np.full(len(states), 1 / len(states))
    net = network({cause: table((), row), "pain": NoisyOr((cause,), 0.1, (links,))}, {cause: states})
    assert list(net.parameters.index[net.spans["pain"]]) == [
        "pain <- leak",
        *(f"pain <- {name}" for name in ids),
    ]


@given(networks())
def test_parameters_are_aligned_with_theta(net: Network) -> None:
    """Each number has one row, in the same place, with the value that its words describe."""
    frame = net.parameters
    assert frame.index.is_unique
    assert frame["value"].to_numpy().tolist() == net.theta.tolist()
    assert frame["node"].tolist() == [
        node for node, span in net.spans.items() for _ in range(span.start, span.stop)
    ]
    for (name, row), value in zip(frame.iterrows(), net.theta, strict=True):
        described = f"{row['node']}={row['state']} | {row['given']}".removesuffix(" | ")
        if row["kind"] == "table":
            assert name == described
            states = dict(item.split("=") for item in row["given"].split(", ") if item)
            at = [net.states(parent).index(states[parent]) for parent in net.parents(row["node"])]
            assert value == net.table(row["node"])[(*at, net.states(row["node"]).index(row["state"]))]
        else:
            assert row["state"] == "present"
            assert name == f"{row['node']} <- {row['given'] or 'leak'}"


def test_parameters_have_the_documented_columns(mixed: Network) -> None:
    """The columns, their order and their types are those that callers rely on."""
    frame = mixed.parameters
    assert frame.index.name == "parameter"
    assert list(frame.columns) == [
        "node", "kind", "state", "given", "value", "low", "high", "ess", "source", "grade",
    ]  # fmt: skip
    assert list(frame.select_dtypes("float64").columns) == ["value", "low", "high", "ess"]
    words = frame.drop(columns=["value", "low", "high", "ess"])
    assert {type(cell) for cell in words.to_numpy().ravel()} == {str}
    assert frame["kind"].value_counts().to_dict() == {"table": 17, "link": 3, "leak": 1}


# -- how sure they are ---------------------------------------------------------------------

CERTAINTY = {
    "counts": ("strain=present", 21.0, stats.beta(3.5, 17.5).interval(0.95)),
    "counts, the other state": ("strain=absent", 21.0, stats.beta(17.5, 3.5).interval(0.95)),
    "a sample size": ("pain <- strain", 20.0, stats.beta(15, 5).interval(0.95)),
    "one of several states": ("age=over_50", 40.0, stats.beta(8, 32).interval(0.95)),
    "by definition": ("pain <- age=30_to_50", math.inf, (0.2, 0.2)),
    "unknown": ("pain <- age=over_50", math.nan, (math.nan, math.nan)),
}


@pytest.mark.parametrize(("name", "ess", "interval"), CERTAINTY.values(), ids=CERTAINTY.keys())
def test_the_interval_of_a_number_follows_from_how_it_was_stated(
    mixed: Network, name: str, ess: float, interval: tuple[float, float]
) -> None:
    """Low and high bound the central 95 % of the number's Beta, as scipy has it."""
    row = mixed.parameters.loc[name]
    assert row["ess"] == pytest.approx(ess, nan_ok=True)
    assert (row["low"], row["high"]) == pytest.approx(interval, rel=1e-9, nan_ok=True)


def test_a_range_on_a_binary_row_speaks_of_its_second_state(mixed: Network) -> None:
    """Both entries of the row rest on one Beta, and their intervals mirror each other."""
    present = mixed.parameters.loc["rest=present | age=over_50, strain=present"]
    absent = mixed.parameters.loc["rest=absent | age=over_50, strain=present"]
    beta = stats.beta(0.7 * present["ess"], 0.3 * present["ess"])
    assert beta.ppf(0.95) - beta.ppf(0.05) == pytest.approx(0.85 - 0.6, rel=1e-9)
    assert (present["low"], present["high"]) == pytest.approx(beta.interval(0.95), rel=1e-9)
    assert absent["ess"] == present["ess"]
    assert (absent["low"], absent["high"]) == pytest.approx(
        (1 - present["high"], 1 - present["low"]), rel=1e-9
    )


@given(documented_networks())
def test_the_entries_of_a_row_rest_on_one_sample(net: Network) -> None:
    """Whatever way a row is stated, all its entries have the same effective sample size and source."""
    for node, span in net.spans.items():
        family = net.families[node]
        if isinstance(family, Table):
            ess = net.ess[span].reshape(-1, len(net.states(node)))
            np.testing.assert_allclose(ess, np.repeat(ess[:, :1], ess.shape[1], axis=1), rtol=1e-9)
            assert [net.provenance[span.start + i * ess.shape[1]] for i in range(len(ess))] == list(
                family.provenance
            )


@given(documented_networks())
def test_an_interval_holds_its_value_where_the_doubt_is_moderate(net: Network) -> None:
    """A number of known certainty has an interval, in [0, 1] and with its ends in order."""
    frame = net.parameters
    sure = frame[np.isinf(frame["ess"])]
    assert (sure["low"] == sure["value"]).all()
    known = frame[frame["ess"].notna() & frame["value"].between(0, 1, inclusive="neither")]
    assert ((known["low"] >= 0) & (known["low"] <= known["high"]) & (known["high"] <= 1)).all()


def test_grade_and_source_come_from_the_record(mixed: Network) -> None:
    """A number is graded by its source; without one it has neither."""
    stated = mixed.parameters[["source", "grade"]]
    assert list(stated.loc["pain <- leak"]) == ["panel", "F"]
    assert list(stated.loc["pain <- strain"]) == ["trial", "A"]
    bare = network({"a": table((), [0.4, 0.6])}).parameters
    assert bare[["source", "grade"]].to_numpy().tolist() == [["", ""], ["", ""]]
    assert bare[["low", "high", "ess"]].isna().all(axis=None)


# -- frozen --------------------------------------------------------------------------------


def pickled(net: Network) -> Network:
    """Return a network as another process receives it."""
    again = pickle.loads(pickle.dumps(net))  # noqa: S301 - our own bytes
    assert isinstance(again, Network)
    return again


CHANGES: dict[str, tuple[Callable[[Network], object], type[Exception], str]] = {
    "an attribute": (lambda net: setattr(net, "name", "other"), FrozenInstanceError, "name"),
    "a derived attribute": (lambda net: setattr(net, "theta", 0), FrozenInstanceError, "theta"),
    "theta": (lambda net: net.theta.__setitem__(0, 0.5), ValueError, "read-only"),
    "a sample size": (lambda net: net.ess.__setitem__(0, 5.0), ValueError, "read-only"),
    "a table": (lambda net: net.table("age").__setitem__(0, 0.5), ValueError, "read-only"),
    "the families": (lambda net: vars(net)["families"].clear(), AttributeError, "clear"),
    "the selection": (lambda net: vars(net)["given"].update(age="over_50"), AttributeError, "update"),
    "the sources": (lambda net: vars(net)["sources"].pop("trial"), AttributeError, "pop"),
    "a variable": (lambda net: setattr(net.variable("age"), "role", "x"), FrozenInstanceError, "role"),
    "a family": (lambda net: setattr(net.families["pain"], "leak", 0.9), FrozenInstanceError, "leak"),
    "the graph": (lambda net: net.graph.remove_node("age"), nx.NetworkXError, "[Ff]rozen"),
}


@pytest.mark.parametrize(
    "made", [lambda net: net, copy.deepcopy, pickled], ids=["made", "copied", "unpickled"]
)
@pytest.mark.parametrize(("change", "error", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_nothing_about_a_network_can_be_changed(
    mixed: Network,
    made: Callable[[Network], Network],
    change: Callable[[Network], object],
    error: type[Exception],
    words: str,
) -> None:
    """Every attempt to alter a network, or a copy of it, is refused."""
    with pytest.raises(error, match=words):
        change(made(mixed))


def test_a_network_does_not_share_its_makers_data() -> None:
    """What the caller does to array and dictionaries afterwards does not reach the network."""
    values = np.array([0.4, 0.6])
    families: dict[str, Table | NoisyOr] = {"a": Table((), values)}
    chosen = {"a": "present"}
    net = network(families, given=chosen)
    values[0] = 0.0
    families.clear()
    chosen["a"] = "absent"
    assert net.theta.tolist() == [0.4, 0.6]
    assert net.given == {"a": "present"}
    assert values.flags.writeable


def test_the_frame_of_parameters_is_the_callers_own(mixed: Network) -> None:
    """Editing the frame changes neither the network nor the next frame."""
    frame = mixed.parameters
    frame["value"] = 0.0
    del frame["node"]
    assert mixed.parameters["value"].tolist() == mixed.theta.tolist()
    assert "node" in mixed.parameters


@given(documented_networks())
def test_a_network_survives_pickling(net: Network) -> None:
    """A network that went to another process and back is the same to the last digit."""
    assert described(pickled(net)) == described(net)
    assert described(copy.deepcopy(net)) == described(net)


@given(networks())
def test_threads_that_share_a_fresh_network_see_the_same(net: Network) -> None:
    """What is derived on first use is the same for everybody, whoever comes first."""
    with ThreadPoolExecutor(4) as pool:
        thetas = list(pool.map(lambda _: (net.theta.tolist(), net.order, net.spans), range(8)))
    assert all(seen == thetas[0] for seen in thetas)


# -- other numbers -------------------------------------------------------------------------


@given(networks())
def test_the_same_numbers_make_the_same_network(net: Network) -> None:
    """Putting a network's own numbers in changes nothing."""
    assert described(net.with_theta(net.theta)) == described(net)


def test_other_numbers_go_to_their_places(mixed: Network) -> None:
    """Each number lands where its row in `parameters` says, and the first network stays as it was."""
    theta = mixed.theta.copy()
    names = list(mixed.parameters.index)
    place = [names.index(name) for name in ("pain <- strain", "age=under_30", "age=over_50")]
    theta[place] = 0.9, 0.6, 0.1
    before = described(mixed)
    net = mixed.with_theta(theta)
    theta[:] = 0.0
    assert described(mixed) == before
    assert net.parameters["value"].iloc[place].tolist() == [0.9, 0.6, 0.1]
    assert net.table("age").tolist() == [0.6, 0.3, 0.1]
    assert net.table("pain")[1, 0, 1] == pytest.approx(1 - 0.9 * 0.1, rel=1e-15)
    assert net.provenance == mixed.provenance


WRONG_THETA: dict[str, tuple[Callable[[NDArray[np.float64]], ArrayLike], str]] = {
    "too few": (lambda theta: theta[1:], r"theta has shape \(20,\); it must be \(21,\)"),
    "two axes": (lambda theta: theta[None], r"theta has shape \(1, 21\)"),
    "a row that does not sum to 1": (
        lambda theta: np.concatenate([[0.5], theta[1:]]),
        r"the probabilities of 'strain' sum to 0\.66666666666\d+, not 1",
    ),
    "no probability": (
        lambda theta: np.where(theta == 0.75, 1.5, theta),
        r"1\.5 is no probability \('pain'\)",
    ),
    "nan": (lambda theta: np.where(theta == 0.75, np.nan, theta), r"nan is no probability \('pain'\)"),
}


@pytest.mark.parametrize(("change", "words"), WRONG_THETA.values(), ids=WRONG_THETA.keys())
def test_numbers_that_do_not_fit_are_refused(
    mixed: Network, change: Callable[[NDArray[np.float64]], ArrayLike], words: str
) -> None:
    """The error says which numbers do not fit, and how."""
    with pytest.raises(InvalidNetwork, match=words):
        mixed.with_theta(np.asarray(change(mixed.theta)))


def test_a_mean_moved_to_the_edge_of_its_range_has_no_beta(mixed: Network) -> None:
    """A link put to 0 keeps its record, and has no interval rather than an invented one."""
    theta = mixed.theta.copy()
    theta[mixed.spans["pain"].start] = 0.0
    row = mixed.with_theta(theta).parameters.loc["pain <- leak"]
    assert row[["ess", "low", "high"]].isna().all()


# -- arrows --------------------------------------------------------------------------------


@given(networks())
def test_parents_come_before_their_children_in_the_order(net: Network) -> None:
    """The order holds each node once, after all its parents."""
    assert sorted(net.order) == sorted(net.nodes)
    for i, node in enumerate(net.order):
        assert set(net.parents(node)) <= set(net.order[:i])


@given(networks())
def test_the_graph_has_the_arrows_of_the_families(net: Network) -> None:
    """An edge runs from each parent to its child, and nowhere else."""
    assert set(net.graph.edges) == {(parent, node) for node in net.nodes for parent in net.parents(node)}
    assert tuple(net.graph.nodes) == net.nodes


CIRCLES = {
    "itself": ({"a": ("a",)}, "a -> a"),
    "two": ({"a": ("b",), "b": ("a",)}, "(a -> b -> a|b -> a -> b)"),
    "three": (
        {"a": ("c",), "b": ("a",), "c": ("b",)},
        "(a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)",
    ),
}


@pytest.mark.parametrize(("parents", "circle"), CIRCLES.values(), ids=CIRCLES.keys())
def test_a_circle_is_shown_in_the_direction_of_its_arrows(
    parents: dict[str, tuple[str, ...]], circle: str
) -> None:
    """The error walks the circle from parent to child."""
    families: dict[str, Table | NoisyOr] = {
        node: NoisyOr(causes, 0.1, ((None, 0.5),) * len(causes)) for node, causes in parents.items()
    }
    with pytest.raises(InvalidNetwork, match=rf"in a circle: {circle}; remove one of them"):
        network(families)


# -- what does not fit ---------------------------------------------------------------------

EVEN = table((), [0.5, 0.5])
INVALID: dict[str, tuple[Callable[[], Network], str, str]] = {
    "no nodes": (lambda: network({}), "at least one node", ""),
    "a node twice": (
        lambda: Network("x", (Variable("a"), Variable("a")), {"a": EVEN}),
        "'a' is there twice",
        "a",
    ),
    "a state twice": (
        lambda: network({"a": EVEN}, {"a": ("on", "on")}),
        r"the states of 'a' must be names, each once; they are \('on', 'on'\)",
        "a",
    ),
    "no states": (lambda: network({"a": EVEN}, {"a": ()}), "the states of 'a' must be names", "a"),
    "no numbers": (lambda: Network("x", (Variable("a"),), {}), "'a' has no numbers", "a"),
    "a parent that is no node": (
        lambda: network({"strain": EVEN, "b": NoisyOr(("strian",), 0.1, ((None, 0.5),))}),
        "'strian', a cause of 'b', is no node. Did you mean 'strain'?",
        "b",
    ),
    "a parent twice": (
        lambda: network({"a": EVEN, "b": NoisyOr(("a", "a"), 0.1, ((None, 0.5),) * 2)}),
        "'b' names a parent twice: a, a",
        "b",
    ),
    "a table of the wrong shape": (
        lambda: network({"a": EVEN, "b": table(("a",), [0.5, 0.5])}),
        r"the table of 'b' has shape \(2,\); its parents \(a\) and states ask for \(2, 2\)",
        "b",
    ),
    "a row that does not sum to 1": (
        lambda: network({"a": EVEN, "b": table(("a",), [[0.5, 0.5], [0.5, 0.4]])}),
        "the probabilities of 'b' given a=present sum to 0.9, not 1",
        "b",
    ),
    "a sum wrong by 1e-8": (
        lambda: network({"a": table((), [0.5, 0.5 + 1e-8])}),
        "the probabilities of 'a' sum to 1.00000001, not 1",
        "a",
    ),
    "a negative entry": (
        lambda: network({"a": table((), [-0.5, 1.5])}),
        r"-0\.5 is no probability \('a'\)",
        "a",
    ),
    "an entry that is no number": (
        lambda: network({"a": table((), [math.nan, 1.0])}),
        r"nan is no probability \('a'\)",
        "a",
    ),
    "a leak above 1": (lambda: network({"a": NoisyOr((), 1.1, ())}), r"1\.1 is no probability", "a"),
    "a link below 0": (
        lambda: network({"a": EVEN, "b": NoisyOr(("a",), 0.1, ((None, -0.1),))}),
        r"-0\.1 is no probability \('b'\)",
        "b",
    ),
    "a noisy-OR of three states": (
        lambda: network({"a": NoisyOr((), 0.1, ())}, {"a": AGES}),
        "a noisy-OR has two states, absent first; 'a' has 3. Give it a table instead",
        "a",
    ),
    "a noisy-OR with present first": (
        lambda: network({"a": NoisyOr((), 0.1, ())}, {"a": ("present", "absent")}),
        "a noisy-OR has its absent state first; 'a' has present, absent",
        "a",
    ),
    "a noisy-OR with no last": (
        lambda: network({"a": NoisyOr((), 0.1, ())}, {"a": ("painful", "No")}),
        "its absent state first; 'a' has painful, No",
        "a",
    ),
    "links from fewer parents": (
        lambda: network({"a": EVEN, "b": NoisyOr(("a",), 0.1, ())}),
        "'b' has 1 parents and links from 0",
        "b",
    ),
    "a link too many": (
        lambda: network({"a": EVEN, "b": NoisyOr(("a",), 0.1, ((None, 0.5, 0.6),))}),
        "'b' has 3 links from 'a', which has 2 states",
        "b",
    ),
    "records that do not match": (
        lambda: network({"a": table((), [0.5, 0.5], Provenance(), Provenance())}),
        "'a' has 1 numbers to account for and 2 records",
        "a",
    ),
    "a range over three states": (
        lambda: network({"a": table((), [0.2, 0.3, 0.5], Provenance("x", range=(0.1, 0.3)))}, {"a": AGES}),
        "a range belongs to a node of two states; 'a' has 3",
        "a",
    ),
}


@pytest.mark.parametrize(("make", "words", "node"), INVALID.values(), ids=INVALID.keys())
def test_parts_that_do_not_fit_are_refused(make: Callable[[], Network], words: str, node: str) -> None:
    """The error says what does not fit, and carries the node."""
    with pytest.raises(InvalidNetwork, match=words) as caught:
        make()
    assert caught.value.node == node


def test_a_selection_of_an_unknown_node_is_refused() -> None:
    """The close match is named."""
    with pytest.raises(UnknownNode, match=r"'strian' is no node of network 'test'. Did you mean 'strain'?"):
        network({"strain": EVEN}, given={"strian": "present"})


def test_a_selection_of_an_unknown_state_is_refused() -> None:
    """The states of the node are named."""
    with pytest.raises(UnknownState, match=r"'yes' is no state of 'strain'. Use one of 'absent', 'present'"):
        network({"strain": EVEN}, given={"strain": "yes"})


def test_a_selection_by_true_is_kept_by_its_name() -> None:
    """What is given reads as states, however it was said."""
    assert network({"strain": EVEN}, given={"strain": True}).given == {"strain": "present"}


def test_numbers_for_a_node_that_is_not_there_are_refused() -> None:
    """A family needs its node."""
    with pytest.raises(UnknownNode, match="'b' is no node"):
        Network("x", (Variable("a"),), {"a": EVEN, "b": EVEN})


# -- nodes and states ----------------------------------------------------------------------


@pytest.mark.parametrize("ask", ["variable", "states", "label", "parents", "table"])
def test_an_unknown_node_is_named_with_its_close_match(mixed: Network, ask: str) -> None:
    """Whatever is asked of a misspelt node, the error names the right one."""
    with pytest.raises(UnknownNode, match=r"'strian' is no node of network 'test'. Did you mean 'strain'?"):
        getattr(mixed, ask)("strian")


def test_a_name_that_cannot_be_hashed_is_an_unknown_node(mixed: Network) -> None:
    """A list in the place of a name gets the same error as any other wrong name."""
    with pytest.raises(UnknownNode, match=r"\['age'\] is no node"):
        getattr(mixed, "states")(["age"])  # noqa: B009 - hidden from the type checker, which knows better


STATES: dict[str, tuple[tuple[str, ...], object, int]] = {
    "by name": (("absent", "present"), "present", 1),
    "True": (("absent", "present"), True, 1),
    "False": (("absent", "present"), False, 0),
    "True of yes and no": (("yes", "no"), True, 0),
    "False of yes and no": (("yes", "no"), False, 1),
    "numpy's True": (("No", "Yes"), np.True_, 1),
    "numpy's text": (AGES, np.str_("over_50"), 2),
}


@pytest.mark.parametrize(("states", "state", "position"), STATES.values(), ids=STATES.keys())
def test_a_state_is_found_by_name_or_truth(states: tuple[str, ...], state: object, position: int) -> None:
    """True and False mean present and absent wherever the node has such states."""
    assert Variable("x", states).index(state) == position


WRONG_STATES: dict[str, tuple[tuple[str, ...], object, str]] = {
    "misspelt": (AGES, "over50", "'over50' is no state of 'x'.*Did you mean 'over_50'?"),
    "a number": (("absent", "present"), 1, "1 is no state of 'x'. Use one of 'absent', 'present'"),
    "True without a state for it": (AGES, True, "True and False need states such as present and absent"),
    "a list": (AGES, ["over_50"], r"\['over_50'\] is no state"),
}


@pytest.mark.parametrize(("states", "state", "words"), WRONG_STATES.values(), ids=WRONG_STATES.keys())
def test_a_wrong_state_is_refused(states: tuple[str, ...], state: object, words: str) -> None:
    """The error names the states that there are."""
    with pytest.raises(UnknownState, match=words):
        Variable("x", states).index(state)


def test_nodes_are_listed_by_role() -> None:
    """Each role has its nodes in the order of the file, and a node without one is in none."""
    roles = {"a": "finding", "b": "condition", "c": "finding", "d": "", "e": "risk_factor", "f": "mechanism"}
    net = Network("x", tuple(Variable(n, role=role) for n, role in roles.items()), dict.fromkeys(roles, EVEN))
    assert net.nodes == tuple("abcdef")
    assert (net.findings, net.conditions, net.risk_factors, net.mechanisms) == (
        ("a", "c"),
        ("b",),
        ("e",),
        ("f",),
    )
    assert repr(net).splitlines() == [
        "<Network x: 1 risk factor, 1 condition, 1 mechanism, 2 findings, 6 nodes, 12",
        "  parameters>",
    ]
    page = net._repr_html_()
    assert "2</td>" in page


def test_a_label_is_the_name_with_spaces_unless_stated() -> None:
    """People read words, not identifiers."""
    net = Network(
        "x", (Variable("hop_test"), Variable("b", label="Hamstring")), {"hop_test": EVEN, "b": EVEN}
    )
    assert [net.label(node) for node in net.nodes] == ["hop test", "Hamstring"]
    assert net.graph.nodes["b"] == {"role": "", "label": "Hamstring"}


@given(networks(max_nodes=4, given=False))
def test_the_order_of_the_nodes_does_not_matter(net: Network) -> None:
    """Listing the nodes backwards gives the same beliefs."""
    back = replace(net, variables=net.variables[::-1])
    for node in net.nodes:
        assert_same_distribution(posterior(back, {}, node), posterior(net, {}, node))
