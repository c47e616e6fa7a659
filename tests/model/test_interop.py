"""Models of pgmpy in and out, and the file formats of other tools."""

from __future__ import annotations

import gzip
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pgmpy.factors.discrete import DiscreteFactor, NoisyORCPD, TabularCPD
from pgmpy.inference import VariableElimination
from pgmpy.models import DiscreteBayesianNetwork, DiscreteMarkovNetwork
from pgmpy.readwrite import BIFReader, XDSLReader, XMLBIFReader

from buttpain.errors import InvalidNetwork, NetworkFileError
from buttpain.model.interop import FORMATS, _escape, _unescape, from_pgmpy, read, to_pgmpy, write
from buttpain.model.network import Network, NoisyOr, Table, Variable
from examples import SMALL, example_path

NAMED = (".bif", ".xmlbif", ".xdsl", ".net")
UGLY = (
    "a b", ">=60", "<60", "0-30 km", "mäßig", "x.y", "p,q", "s;t", 'qu"ote', "it's", "9lead", "Age", "age",
    "AGE", "_x0041_", "_x0041", "_", "lymph_node", "node", "data", "states", "potential", "net", "variable",
    "probability", "table", "default", "network", "n000001", "a//b", "/*", "%", "{}", "(x)", "a|b", "<&>",
    " lead", "trail ", "back\\slash", "\t", "\n", "\r", "\x01", "\ud800", "🙂", "nan", "None", "0", "-",
)  # fmt: skip


@cache
def original(name: str) -> Any:
    """Return one of the models that come with pgmpy, as its own reader reads it."""
    return BIFReader(string=gzip.decompress(example_path(name).read_bytes()).decode()).get_model()


@cache
def example(name: str) -> Network:
    """Return the network of such a model, which calls itself unknown, under its own name."""
    return replace(from_pgmpy(original(name)), name=name)


def chain_of_two(values: Sequence[Sequence[float]], *, states: Sequence[Any] = ("no", "yes")) -> Any:
    """Return a pgmpy model a -> b in which b has the given columns."""
    model = DiscreteBayesianNetwork([("a", "b")])
    names = {"a": ["off", "on"], "b": list(states)}
    model.add_cpds(
        TabularCPD("a", 2, [[0.25], [0.75]], state_names={"a": names["a"]}),
        TabularCPD("b", len(states), values, ["a"], [2], state_names=names),
    )
    return model


def noisy(parents: int, *, more: Sequence[str] = ()) -> Network:
    """Return a leaky noisy-OR `pain` of several causes, the last of them with three states."""
    causes = [f"cause{i}" for i in range(parents)]
    cards = [2] * (parents - 1) + [3]
    variables = [
        Variable(name, ("absent", "mild", "severe")[:card]) for name, card in zip(causes, cards, strict=True)
    ]
    families: dict[str, Table | NoisyOr] = {
        name: Table((), np.array([0.8, 0.2]) if card == 2 else np.array([0.5, 0.3, 0.2]))
        for name, card in zip(causes, cards, strict=True)
    }
    links = [(None, 0.1 + 0.8 * i / parents, *[0.9] * (card - 2)) for i, card in enumerate(cards)]
    families["pain"] = NoisyOr(tuple(causes), 0.05, tuple(links))
    variables.append(Variable("pain"))
    for name in more:
        variables.append(Variable(name))
        families[name] = Table((), np.array([0.5, 0.5]))
    return Network("noisy", tuple(variables), families)


def pain_by_formula(net: Network, row: Sequence[int]) -> float:
    """Return P(pain absent | row) as the product of what each cause fails to do."""
    family = net.families["pain"]
    assert isinstance(family, NoisyOr)
    factors = [1 - (links[state] or 0.0) for links, state in zip(family.links, row, strict=True)]
    return float((1 - family.leak) * np.prod(factors))


def assert_same(first: Network, second: Network) -> None:
    """Hold two networks equal: names, orders and every bit of every number."""
    assert first.name == second.name
    assert first.nodes == second.nodes
    for node in first.nodes:
        assert first.states(node) == second.states(node)
        assert first.parents(node) == second.parents(node)
        assert first.table(node).tobytes() == second.table(node).tobytes()


def there_and_back(net: Network, folder: Path, suffix: str) -> Network:
    """Write a network and read it again."""
    path = folder / f"net{suffix}"
    write(net, path, suffix)
    return read(path, suffix)


def read_text(text: str, folder: Path, suffix: str) -> Network:
    """Read a file of the given text."""
    path = folder / f"some{suffix}"
    path.write_bytes(text.encode())
    return read(path, suffix)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that hypothesis may use for all its examples."""
    return tmp_path_factory.mktemp("interop")


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw a small network with ugly names, and with zeros and tiny numbers in its tables."""
    names = st.sampled_from(UGLY) | st.text(min_size=1, max_size=5)
    nodes = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    variables = [
        Variable(node, tuple(draw(st.lists(names, min_size=1, max_size=3, unique=True)))) for node in nodes
    ]
    cards = {item.name: len(item.states) for item in variables}
    families = {}
    for i, node in enumerate(nodes):
        parents = draw(st.lists(st.sampled_from(nodes[:i]), unique=True)) if i else []
        shape = (*(cards[parent] for parent in parents), cards[node])
        seed = draw(st.integers(0, 99))
        values = np.random.default_rng(seed).dirichlet([0.05] * shape[-1], size=shape[:-1])
        families[node] = Table(tuple(parents), values)
    order = draw(st.permutations(variables))
    return Network(draw(names), tuple(order), families)


@pytest.mark.parametrize("name", SMALL)
def test_from_pgmpy_keeps_names_orders_and_numbers(name: str) -> None:
    """Nodes, states, parents and numbers of shipped models arrive as they stand in their CPDs."""
    model, net = original(name), example(name)
    assert net.nodes == tuple(model.nodes)
    for node in net.nodes:
        cpd = model.get_cpds(node)
        assert net.parents(node) == tuple(cpd.variables[1:])
        assert net.states(node) == tuple(cpd.state_names[node])
        columns = net.table(node).reshape(-1, len(net.states(node))).T
        np.testing.assert_allclose(columns, cpd.get_values(), rtol=0, atol=2e-7)
        assert not net.families[node].provenance


def test_from_pgmpy_puts_the_first_parent_first() -> None:
    """A CPD's columns, first parent slowest, become a table with one axis a parent."""
    model = DiscreteBayesianNetwork([("a", "c"), ("b", "c")])
    columns = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]])
    model.add_cpds(
        TabularCPD("a", 2, [[0.5], [0.5]]),
        TabularCPD("b", 3, [[0.5], [0.25], [0.25]]),
        TabularCPD("c", 2, columns, ["a", "b"], [2, 3]),
    )
    net = from_pgmpy(model)
    assert net.parents("c") == ("a", "b")
    assert net.table("c")[1, 0].tolist() == [0.4, 0.6]
    assert net.table("c")[0, 2].tolist() == [0.3, 0.7]


def test_from_pgmpy_follows_state_names_not_positions() -> None:
    """A CPD that lists its parent's states the other way round means the same network."""
    model = chain_of_two([[0.9, 0.2], [0.1, 0.8]])
    turned = chain_of_two([[0.9, 0.2], [0.1, 0.8]])
    names = {"b": ["no", "yes"], "a": ["on", "off"]}
    turned.cpds[1] = TabularCPD("b", 2, [[0.2, 0.9], [0.8, 0.1]], ["a"], [2], state_names=names)
    assert_same(from_pgmpy(model), from_pgmpy(turned))


def test_from_pgmpy_turns_other_names_into_text() -> None:
    """Numbers and truth values as names of nodes and states become text."""
    model = DiscreteBayesianNetwork([(1, 2)])
    model.add_cpds(
        TabularCPD(1, 2, [[0.5], [0.5]], state_names={1: [False, True]}),
        TabularCPD(2, 2, [[0.1, 0.2], [0.9, 0.8]], [1], [2], state_names={2: [10, 20], 1: [False, True]}),
    )
    net = from_pgmpy(model)
    assert net.nodes == ("1", "2")
    assert net.states("1") == ("False", "True")
    assert net.states("2") == ("10", "20")
    assert net.name == "pgmpy"


def test_from_pgmpy_refuses_names_that_are_one_as_text() -> None:
    """The states 1 and "1" cannot both become the text 1, nor can two such nodes."""
    with pytest.raises(InvalidNetwork, match="two states of 'b' are both called '1'"):
        from_pgmpy(chain_of_two([[0.5, 0.5], [0.5, 0.5]], states=[1, "1"]))
    model = DiscreteBayesianNetwork()
    model.add_nodes_from([1, "1"])
    with pytest.raises(InvalidNetwork, match="two nodes of the model are both called '1'"):
        from_pgmpy(model)


def test_from_pgmpy_keeps_the_model_name() -> None:
    """A model that has a name gives it to the network."""
    model = chain_of_two([[0.5, 0.5], [0.5, 0.5]])
    model.name = "two nodes"
    assert from_pgmpy(model).name == "two nodes"


def test_printed_digits_are_put_right() -> None:
    """A row of six printed digits is divided by its sum; an exact one keeps its bits."""
    model = chain_of_two([[0.333333, 0.1], [0.333333, 0.2], [0.333333, 0.7]], states=["x", "y", "z"])
    table = from_pgmpy(model).table("b")
    assert table[0].tolist() == [1 / 3] * 3
    assert table[1].tolist() == [0.1, 0.2, 0.7]


def test_rows_far_off_are_refused_by_name() -> None:
    """A row that sums to 0.99 is refused, naming node, parents' states and sum."""
    model = chain_of_two([[0.5, 0.49], [0.5, 0.5]])
    with pytest.raises(
        InvalidNetwork, match=r"'b' given a=on are \[0.49, 0.5\], with the sum 0.99;"
    ) as caught:
        from_pgmpy(model)
    assert caught.value.node == "b"


def test_rows_far_off_are_normalized_on_request() -> None:
    """With normalize=True rows are divided by their sums."""
    table = from_pgmpy(chain_of_two([[0.5, 30], [0.5, 10]]), normalize=True).table("b")
    assert table.tolist() == [[0.5, 0.5], [0.75, 0.25]]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("column", [(np.nan, 0.5), (-0.5, 1.5), (0.0, 0.0), (np.inf, 0.0)])
def test_numbers_that_are_no_weights_are_refused(column: tuple[float, float], *, normalize: bool) -> None:
    """NaN, infinite, negative numbers and rows of zeros are refused, normalised or not."""
    model = chain_of_two([[0.5, 0.5], [0.5, 0.5]])
    model.get_cpds("b").values[:, 1] = column
    with pytest.raises(InvalidNetwork, match="the probabilities of 'b' given a=on are"):
        from_pgmpy(model, normalize=normalize)


def test_a_number_one_bit_above_one_is_rounding() -> None:
    """A probability of 1 + 2e-16, as sums of floats give it, is taken for 1."""
    model = chain_of_two([[0.0, 0.0], [1.0, 1.0]])
    model.get_cpds("b").values[1, 1] = np.nextafter(1, 2)
    assert from_pgmpy(model).table("b")[1].tolist() == [0.0, 1.0]


def test_noisy_or_cpd_comes_as_its_table() -> None:
    """A NoisyORCPD of pgmpy arrives with the numbers that pgmpy infers with."""
    model = DiscreteBayesianNetwork([("a", "c"), ("b", "c")])
    for node in "ab":
        model.add_cpds(TabularCPD(node, 2, [[0.3], [0.7]], state_names={node: ["True", "False"]}))
    model.add_cpds(NoisyORCPD("c", [0.6, 0.9], ["a", "b"]))
    net = from_pgmpy(model)
    np.testing.assert_allclose(net.table("c")[0, 0], [1 - 0.4 * 0.1, 0.4 * 0.1])
    np.testing.assert_allclose(net.table("c")[1, 0], [0.9, 0.1])


def test_a_plain_factor_serves_as_a_cpd() -> None:
    """A DiscreteFactor whose first variable is the node is read like a CPD."""
    model = chain_of_two([[0.9, 0.2], [0.1, 0.8]])
    expected = from_pgmpy(model)
    cpd = model.cpds[1]
    model.cpds[1] = DiscreteFactor(cpd.variables, cpd.cardinality, cpd.values, state_names=cpd.state_names)
    assert_same(from_pgmpy(model), expected)


@pytest.mark.parametrize("model", [DiscreteMarkovNetwork([("a", "b")]), {"a": 0.5}, None])
def test_other_models_are_refused(model: object) -> None:
    """What is no discrete Bayesian network is a TypeError that says what it was."""
    with pytest.raises(TypeError, match=f"not {type(model).__name__}"):
        from_pgmpy(model)


def test_a_node_without_cpd_is_refused() -> None:
    """A node without numbers is named."""
    with pytest.raises(InvalidNetwork, match="'a' has no CPD"):
        from_pgmpy(DiscreteBayesianNetwork([("a", "b")]))


def test_a_cpd_for_other_parents_is_refused() -> None:
    """A CPD whose evidence is not what the arrows say is refused."""
    model = chain_of_two([[0.9, 0.2], [0.1, 0.8]])
    model.remove_edge("a", "b")
    with pytest.raises(
        InvalidNetwork, match="the CPD of 'b' is about b, a; the arrows of the model ask for b"
    ):
        from_pgmpy(model)


def test_a_cpd_with_foreign_state_names_is_refused() -> None:
    """A CPD that calls its parent's states otherwise than the parent does is refused."""
    model = chain_of_two([[0.9, 0.2], [0.1, 0.8]])
    names = {"b": ["no", "yes"], "a": ["cold", "hot"]}
    model.cpds[1] = TabularCPD("b", 2, [[0.2, 0.9], [0.8, 0.1]], ["a"], [2], state_names=names)
    with pytest.raises(InvalidNetwork, match=r"2 states \['cold', 'hot'\] for 'a'.* \['off', 'on'\]"):
        from_pgmpy(model)


@pytest.mark.parametrize("name", SMALL)
def test_to_pgmpy_and_back_is_the_same_network(name: str) -> None:
    """Tables, names and orders survive the way through pgmpy, and pgmpy's own check passes."""
    net = example(name)
    model = to_pgmpy(net)
    assert model.check_model()
    assert_same(from_pgmpy(model), net)


@pytest.mark.parametrize("name", ["asia", "child"])
def test_to_pgmpy_infers_as_the_original(name: str) -> None:
    """Variable elimination on the model handed over agrees with that on the original."""
    model = to_pgmpy(example(name))
    evidence = {"smoke": "yes"} if name == "asia" else {"Age": "11-30_days"}
    for node in example(name).nodes[-4:]:
        if node not in evidence:
            expected = VariableElimination(original(name)).query([node], evidence, show_progress=False)
            found = VariableElimination(model).query([node], evidence, show_progress=False)
            np.testing.assert_allclose(found.values, expected.values, atol=1e-6)


def test_a_small_noisy_or_becomes_its_table() -> None:
    """Four causes give one table of exactly the numbers of net.table, and no further nodes."""
    net = noisy(4)
    model = to_pgmpy(net)
    assert tuple(model.nodes) == net.nodes
    assert from_pgmpy(model).table("pain").tobytes() == net.table("pain").tobytes()


def test_a_large_noisy_or_becomes_a_chain() -> None:
    """Six causes give four auxiliary nodes behind the others, and no table over more than two parents."""
    net = noisy(6)
    model = to_pgmpy(net)
    assert tuple(model.nodes) == (*net.nodes, *(f"pain__or{i}" for i in range(1, 5)))
    assert max(len(cpd.variables) for cpd in model.cpds) == 3
    assert model.check_model()
    for cpd in model.cpds:
        np.testing.assert_allclose(cpd.get_values().sum(axis=0), 1, rtol=0, atol=1e-15)


def test_the_chain_has_the_same_joint() -> None:
    """Summing the auxiliary nodes out gives the noisy-OR's formula for each of its 96 rows."""
    net = noisy(6)
    causes = net.parents("pain")
    joint = VariableElimination(to_pgmpy(net)).query([*causes, "pain"], show_progress=False)
    values = np.moveaxis(joint.values, [joint.variables.index(name) for name in (*causes, "pain")], range(7))
    for row in product(*(range(len(net.states(cause))) for cause in causes)):
        weight = np.prod([net.table(cause)[state] for cause, state in zip(causes, row, strict=True)])
        np.testing.assert_allclose(values[row][0], weight * pain_by_formula(net, row), rtol=1e-12)
        np.testing.assert_allclose(values[row].sum(), weight, rtol=1e-12)


def test_auxiliary_names_are_unique() -> None:
    """A node that already has an auxiliary's name keeps it."""
    net = noisy(6, more=["pain__or1", "pain__or1_", "pain__or3"])
    model = to_pgmpy(net)
    assert set(net.nodes) < set(model.nodes)
    assert model.get_cpds("pain__or1").get_values().tolist() == [[0.5], [0.5]]
    assert {"pain__or1__", "pain__or3_"} < set(model.nodes)


def test_forty_causes_need_no_large_table() -> None:
    """A noisy-OR of forty causes passes through in forty small tables."""
    model = to_pgmpy(noisy(40))
    assert max(cpd.values.size for cpd in model.cpds) == 12


def test_the_import_is_late_and_silent() -> None:
    """The module does not import pgmpy, and the first use imports it without a warning."""
    code = (
        "import sys, warnings; from buttpain.model import interop; assert 'pgmpy' not in sys.modules; "
        "warnings.simplefilter('error', FutureWarning); interop._pgmpy(); assert 'pgmpy' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@given(st.text() | st.sampled_from(UGLY) | st.from_regex(r"[_xX0-9A-Fa-f é]*", fullmatch=True))
def test_the_escape_is_reversible(name: str) -> None:
    """Any name becomes an identifier, and that becomes the name again."""
    escaped = _escape(name, "[^A-Za-z0-9_]|^[0-9]")
    assert re.fullmatch("([A-Za-z_][A-Za-z0-9_]*)?", escaped)
    assert _unescape(escaped) == name


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True).filter(lambda name: "_x" not in name.lower()))
def test_the_escape_leaves_plain_names(name: str) -> None:
    """An identifier without "_x" in it is written as it is."""
    assert _escape(name, "[^A-Za-z0-9_]|^[0-9]") == name
    assert _unescape(name) == name


def test_what_is_no_code_point_is_no_escape() -> None:
    """The text _xFFFFFF_ from another tool is a name like any other."""
    assert _unescape("a_xFFFFFF_") == "a_xFFFFFF_"


@pytest.mark.parametrize("suffix", NAMED)
@pytest.mark.parametrize("name", SMALL)
def test_formats_with_names_keep_everything(name: str, suffix: str, tmp_path: Path) -> None:
    """Shipped models come back with the same names, orders and bits."""
    assert_same(there_and_back(example(name), tmp_path, suffix), example(name))


def test_gzipped_bif_keeps_everything(tmp_path: Path) -> None:
    """A BIF file may be zipped."""
    assert_same(there_and_back(example("asia"), tmp_path, ".bif.gz"), example("asia"))
    assert gzip.decompress((tmp_path / "net.bif.gz").read_bytes()).startswith(b"network asia {")


@pytest.mark.parametrize("name", SMALL)
def test_uai_keeps_numbers_and_order(name: str, tmp_path: Path) -> None:
    """In UAI the nodes and states are numbered in their order; the rest is the same to the bit."""
    net = example(name)
    back = there_and_back(net, tmp_path, ".uai")
    number = {node: f"var_{i}" for i, node in enumerate(net.nodes)}
    assert back.nodes == tuple(number.values())
    assert back.name == "net"
    for node in net.nodes:
        assert back.states(number[node]) == tuple(map(str, range(len(net.states(node)))))
        assert back.parents(number[node]) == tuple(number[parent] for parent in net.parents(node))
    assert back.theta.tobytes() == net.theta.tobytes()


@pytest.mark.parametrize("suffix", [".xmlbif", ".xdsl", ".net"])
@given(net=networks())
def test_ugly_names_survive(net: Network, suffix: str, folder: Path) -> None:
    """Networks with any names at all come back the same."""
    assert_same(there_and_back(net, folder, suffix), net)


# pgmpy takes half a second for each BIF file, however small.
@settings(max_examples=10)
@given(net=networks())
def test_ugly_names_survive_bif(net: Network, folder: Path) -> None:
    """Networks with any names at all come back the same from BIF."""
    assert_same(there_and_back(net, folder, ".bif"), net)


@pytest.mark.parametrize("suffix", NAMED)
def test_all_ugly_names_at_once(suffix: str, folder: Path) -> None:
    """Names that begin comments, blocks and escapes, or differ in capitals only, live side by side."""
    variables = tuple(Variable(name, (*UGLY[i:], *UGLY)[:7]) for i, name in enumerate(UGLY))
    families = {name: Table((), np.full(7, 1 / 7)) for name in UGLY}
    families["AGE"] = Table(("lymph_node", "age"), np.full((7, 7, 7), 1 / 7))
    net = Network("network of {variable}s", variables, families)
    assert_same(there_and_back(net, folder, suffix), net)


@pytest.mark.parametrize("suffix", FORMATS)
def test_tiny_numbers_keep_their_digits(suffix: str, tmp_path: Path) -> None:
    """1e-12, 1/3 and the smallest float are written in full."""
    values = np.array([[1e-12 / 3, 1 - 1e-12 / 3, 0], [5e-324, 1 / 3, 2 / 3], [1e-7, 1 - 1e-7, 0]])
    parent = Table((), np.array([1 / 3, 1 / 7, 1 - 1 / 3 - 1 / 7]))
    variables = (Variable("b", ("x", "y", "z")), Variable("a", ("x", "y", "z")))
    net = Network("tiny", variables, {"a": parent, "b": Table(("a",), values)})
    assert there_and_back(net, tmp_path, suffix).theta.tobytes() == net.theta.tobytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_chain_is_written_as_it_goes_to_pgmpy(suffix: str, tmp_path: Path) -> None:
    """A large noisy-OR comes back as its chain, with the auxiliary nodes last; `given` is gone."""
    source = noisy(6)
    net = Network(source.name, source.variables, source.families, given={"cause0": "mild"})
    back = there_and_back(net, tmp_path, suffix)
    expected = from_pgmpy(to_pgmpy(net))
    assert back.theta.tobytes() == expected.theta.tobytes()
    assert not back.given
    if suffix != ".uai":
        assert_same(back, expected)


@pytest.mark.parametrize("suffix", FORMATS)
def test_writing_twice_gives_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    """A file depends on nothing but the network, and writing draws no random numbers."""
    random.seed(1)
    before = random.getstate()
    for name in ("one", "two"):
        write(example("asia"), tmp_path / name, suffix)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert random.getstate() == before


@pytest.mark.parametrize("suffix", FORMATS)
def test_empty_names_are_refused(suffix: str, tmp_path: Path) -> None:
    """No format can hold an empty name, so none is written."""
    net = Network("empty", (Variable("a", ("", "b")),), {"a": Table((), np.array([0.5, 0.5]))})
    with pytest.raises(NetworkFileError, match="has an empty name"):
        write(net, tmp_path / "net", suffix)
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (".bif", ["variable age_group {", "{ >=60, 0-3_days, m_x00E4__x00DF_ig };"]),
        (".xmlbif", ["<NAME>age_group</NAME>", "<OUTCOME>&gt;=60</OUTCOME>", "<OUTCOME>mäßig</OUTCOME>"]),
        (".xdsl", ['<cpt id="age_group">', '<state id="_x003E__x003D_60" />', '"_x0030__x002D_3_days"']),
        (".net", ["node age_group{", 'states = (">=60"  "0-3_days"  "mäßig");', 'name = "my net"']),
    ],
)
def test_names_stay_as_they_are_where_the_format_allows(
    suffix: str, expected: Sequence[str], tmp_path: Path
) -> None:
    """Other tools see plain node names, and of the states what the format can hold."""
    variable = Variable("age_group", (">=60", "0-3_days", "mäßig"))
    write(
        Network("my net", (variable,), {"age_group": Table((), np.full(3, 1 / 3))}), tmp_path / "net", suffix
    )
    text = (tmp_path / "net").read_text(encoding="utf-8")
    assert [part for part in expected if part not in text] == []


@pytest.mark.parametrize(
    ("suffix", "reader"), [(".bif", BIFReader), (".xmlbif", XMLBIFReader), (".xdsl", XDSLReader)]
)
def test_pgmpy_reads_what_is_written(suffix: str, reader: Any, tmp_path: Path) -> None:
    """A written model with plain names means the same to pgmpy's own readers."""
    path = tmp_path / f"net{suffix}"
    write(example("survey"), path, suffix)
    expected = VariableElimination(original("survey")).query(["T"], {"A": "old"}, show_progress=False)
    found = VariableElimination(reader(str(path)).get_model()).query(["T"], {"A": "old"}, show_progress=False)
    assert found.state_names == expected.state_names
    np.testing.assert_allclose(found.values, expected.values, atol=1e-12)


def test_uai_text_is_that_of_the_format(tmp_path: Path) -> None:
    """Parents stand before the child in a scope, and the child changes fastest in the table."""
    write(from_pgmpy(chain_of_two([[0.9, 0.2], [0.1, 0.8]])), tmp_path / "net", ".uai")
    lines = (tmp_path / "net").read_text().splitlines()
    assert lines[:6] == ["BAYES", "2", "2 2", "2", "1 0", "2 0 1"]
    assert lines[6:] == ["", "2", "0.25 0.75", "", "4", "0.9 0.1 0.2 0.8"]


DOG_BIF = """// from somewhere else
network "Dog Problem" { property "version 1; {x}" ; }
variable "bowel problem" { type discrete[2] { "true" "false" };
  property "position = (1, 2)" ;
}  variable dog-out
{ type discrete [ 2 ] { >=1, none }; }
/* probability ( nothing ) { } */
probability ( "bowel problem" ) { table 1e-2 0.99 ; }
probability ( dog-out |
  "bowel problem" ) { (true) 0.97 0.03; (false) 0.3, 0.7; }"""

DOG_NET = """% a comment with a "quote
net { node_size = (80 40); name = "Dog Problem"; }
discrete node bowel_node { label = "node x = 1; potential (y)"; states = ("true" "false"); position = (1 2); }
node dog { states = (">=1" "none"); }
potential (bowel_node) { data = (1e-2 0.99); }
potential (dog | bowel_node) % the dog
{ data = ((0.97 0.03) % true
 (0.3 0.7)); }"""

DOG_XMLBIF = """<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE BIF [ <!ELEMENT BIF (NETWORK)> ]>
<BIF VERSION="0.3"><NETWORK><NAME>Dog Problem</NAME>
<VARIABLE TYPE="nature"><NAME> b\xe4 </NAME><OUTCOME>true</OUTCOME><OUTCOME>false</OUTCOME>
<PROPERTY>a free remark</PROPERTY></VARIABLE>
<VARIABLE><NAME>dog</NAME><OUTCOME>&gt;=1</OUTCOME><OUTCOME>none</OUTCOME></VARIABLE>
<DEFINITION><FOR>b\xe4</FOR><TABLE>1e-2 0.99</TABLE></DEFINITION>
<DEFINITION><FOR>dog</FOR><GIVEN>b\xe4</GIVEN><TABLE>0.97 0.03 <!-- true --> 0.3
0.7</TABLE></DEFINITION></NETWORK></BIF>"""

DOG_XDSL = """<smile version="1.0" id="Dog_Problem"><nodes>
<cpt id="bowel"><state id="true"/><state id="false"/><probabilities>1e-2 0.99</probabilities></cpt>
<submodel id="inner"><cpt id="dog"><state id="s1"/><state id="none"/>
<parents> bowel </parents><probabilities>0.97 0.03
 0.3  0.7</probabilities></cpt></submodel></nodes></smile>"""

DOG_UAI = "BAYES 2 2 2 # two nodes\n2\n1 0\n2 0 1\n2 1e-2 0.99\n4 0.97 0.03 0.3 0.7"

DOGS = {".bif": DOG_BIF, ".net": DOG_NET, ".xmlbif": DOG_XMLBIF, ".xdsl": DOG_XDSL, ".uai": DOG_UAI}


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        (".bif", ("Dog Problem", "bowel problem", "dog-out", ">=1")),
        (".net", ("Dog Problem", "bowel_node", "dog", ">=1")),
        (".xmlbif", ("Dog Problem", "b\xe4", "dog", ">=1")),
        (".xdsl", ("Dog_Problem", "bowel", "dog", "s1")),
        (".uai", ("dog", "var_0", "var_1", "0")),
    ],
)
def test_files_of_other_tools_are_read(suffix: str, names: Sequence[str], tmp_path: Path) -> None:
    """Comments, quotes, properties, submodels and free layout do not change what a file says."""
    path = tmp_path / f"dog{suffix}"
    path.write_bytes(DOGS[suffix].encode("latin-1"))
    net = read(path, suffix)
    assert (net.name, *net.nodes, net.states(names[2])[0]) == tuple(names)
    assert net.parents(names[2]) == (names[1],)
    assert net.table(names[1]).tolist() == [0.01, 0.99]
    assert net.table(names[2]).tolist() == [[0.97, 0.03], [0.3, 0.7]]


def test_a_bif_table_has_the_child_slowest(tmp_path: Path) -> None:
    """Numbers behind the word table run through the child's first state for all parents, then the next."""
    rows = "(true) 0.97 0.03; (false) 0.3, 0.7;"
    net = read_text(DOG_BIF.replace(rows, "table 0.97 0.3 0.03 0.7;"), tmp_path, ".bif")
    assert net.table("dog-out").tolist() == [[0.97, 0.03], [0.3, 0.7]]


@pytest.mark.parametrize("suffix", DOGS)
def test_a_file_without_a_name_gives_its_own(suffix: str, tmp_path: Path) -> None:
    """Where the text holds no name, the network is called after the file."""
    text = DOGS[suffix].replace("iso-8859-1", "utf-8")
    for name in ('"Dog Problem" ', 'name = "Dog Problem";', "Dog Problem", ' id="Dog_Problem"'):
        text = text.replace(name, "", 1)
    assert read_text(text, tmp_path, suffix).name == "some"


@pytest.mark.parametrize("suffix", sorted(set(DOGS) - {".uai"}))
@pytest.mark.parametrize("unknown", ["unknown", "Unknown"])
def test_a_network_that_says_unknown_is_called_after_the_file(
    suffix: str, unknown: str, tmp_path: Path
) -> None:
    """Tools that have no name for a network write that it is unknown; that is no name."""
    text = re.sub("Dog[ _]Problem", unknown, DOGS[suffix].replace("iso-8859-1", "utf-8"), count=1)
    assert unknown in text
    assert read_text(text, tmp_path, suffix).name == "some"


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    """A BIF file saved on Windows is read alike."""
    text = "\ufeff" + DOG_BIF.replace("\n", "\r\n")
    assert read_text(text, tmp_path, ".bif").nodes == ("bowel problem", "dog-out")


BROKEN = [
    (".bif", "0.99 ;", "0.98 ;", r"'bowel problem' are \[0.01, 0.98\], with the sum 0.99"),
    (".bif", "(false) 0.3, 0.7;", "", r"'dog-out' given bowel problem=false are \[0.0, 0.0\]"),
    (".bif", "(false)", "default", "'default' in a probability block is not understood"),
    (".bif", "(false)", "( true )", r"the row \(true\) stands there twice"),
    (".bif", "(false)", "(maybe)", "cannot be read as BIF"),
    (".bif", "dog-out", "Bowel_x0020_Problem", "'bowel problem' is defined twice"),
    (
        ".bif",
        "probability ( dog-out |",
        "probability ( dog-out ) { table 1 0; } probability ( dog-out |",
        "twice",
    ),
    (".bif", "variable dog-out", "decision dog-out", "found 'decision dog-out"),
    (".bif", "0.3, 0.7; }", "0.3, 0.7; ", r"found 'probability \( dog-out"),
    (".bif", "probability ( dog-out |", "probability ( cat |", "cannot be read as BIF"),
    (".net", "node dog {", "decision dog {", "found 'decision dog {"),
    (".net", "node dog {", "node bowel_node {", "'bowel_node' is defined twice"),
    (".net", "potential (dog |", "potential (cat |", "'cat' has a part in a table and is no node"),
    (".net", "0.97", "", "'dog' has 3 numbers; .* ask for 4"),
    (".net", "0.97", "much", "cannot be read as NET: ValueError, .*'much'"),
    (".xmlbif", "<VARIABLE>", '<VARIABLE TYPE="decision">', "has the type 'decision'"),
    (".xmlbif", "<FOR>dog</FOR>", "<FOR>b\xe4</FOR>", "'b\xe4' is defined twice"),
    (".xmlbif", "0.97", "", "cannot be read as XMLBIF"),
    (".xmlbif", "<OUTCOME>none</OUTCOME>", "<OUTCOME> </OUTCOME>", "an OUTCOME has no name"),
    (".xmlbif", "NETWORK>", "NET>", "expected an element NETWORK"),
    (".xmlbif", "</BIF>", "", "cannot be read as XMLBIF: ParseError"),
    (".xdsl", "<submodel", '<noisymax id="hip"/><submodel', r"only .* \(cpt\) .* not hip \(noisymax\)"),
    (".xdsl", "</nodes>", "</nodes><dynamic/>", "describes a dynamic network"),
    (".xdsl", 'cpt id="dog"', 'cpt id="bowel"', "'bowel' is defined twice"),
    (".xdsl", "nodes>", "cpts>", "expected an element nodes"),
    (".xdsl", " bowel ", "cat", "cannot be read as XDSL"),
    (".uai", "BAYES", "MARKOV", "expected the word BAYES at the beginning, found 'MARKOV'"),
    (".uai", "0.3 0.7", "0.3", "the file ends before its last table does"),
    (".uai", "0.3 0.7", "0.3 0.7 1", "more text after the last table"),
    (".uai", "2 0 1", "2 1 0", "'var_0' is defined twice"),
    (".uai", "2 0 1", "2 7 1", "'var_7' has a part in a table and is no node"),
    (".uai", "0.99", "-0.99", r"'var_0' are \[0.01, -0.99\]"),
]


@pytest.mark.parametrize(("suffix", "old", "new", "message"), BROKEN)
def test_a_broken_file_says_what_is_wrong(
    suffix: str, old: str, new: str, message: str, tmp_path: Path
) -> None:
    """Files that are no such network are refused with the file's name and the reason."""
    text = DOGS[suffix].replace("iso-8859-1", "utf-8")
    assert old in text
    with pytest.raises(NetworkFileError, match=rf"some\{suffix}: .*{message}") as caught:
        read_text(text.replace(old, new), tmp_path, suffix)
    assert caught.value.file.endswith(f"some{suffix}")


@pytest.mark.parametrize("suffix", DOGS)
def test_a_file_cut_short_is_refused(suffix: str, folder: Path) -> None:
    """A file that lost its end is refused wherever it was cut, or was whole but for its last sign."""
    text = DOGS[suffix].replace("iso-8859-1", "utf-8")
    whole = read_text(text, folder, suffix)
    for end in range(0, len(text), 11):
        with pytest.raises(NetworkFileError, match=rf"some\{suffix}: "):
            read_text(text[:end], folder, suffix)
    assert_same(read_text(text + "\n", folder, suffix), whole)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A BIF file in another encoding than UTF-8 is refused, not guessed at."""
    path = tmp_path / "dog.bif"
    path.write_bytes(DOG_BIF.replace("none", "k\xe4se").encode("latin-1"))
    with pytest.raises(NetworkFileError, match=r"dog\.bif: not UTF-8 text"):
        read(path, ".bif")


@pytest.mark.parametrize("data", [b"network x {", gzip.compress(b"network x { }")[:-9]])
def test_a_broken_gzip_file_is_refused(data: bytes, tmp_path: Path) -> None:
    """What is no gzip file, or only part of one, is refused as such."""
    path = tmp_path / "net.bif.gz"
    path.write_bytes(data)
    with pytest.raises(NetworkFileError, match="not a whole gzip file"):
        read(path, ".bif.gz")


@pytest.mark.parametrize("name", ["asia", "alarm"])
def test_bif_files_of_the_repository_read_as_pgmpy_reads_them(name: str) -> None:
    """The BIF files that ship with pgmpy give the network that pgmpy makes of them."""
    assert_same(read(example_path(name), ".bif.gz"), example(name))
