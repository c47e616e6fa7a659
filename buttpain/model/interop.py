"""The only door to pgmpy: its models from and to a `Network`, and the file formats of other tools.

Most formats go through pgmpy.  Its readers take some characters of a name for syntax and
skip what they do not know; its writers sort the nodes, rewrite names and round numbers.
So names go through a reversible escape (`_escape`), the writers see only aliases that the
text then exchanges for the names, and the readers see text in the shape they expect.

Two things are done here.  NET files are read here: pgmpy takes four minutes for 724 nodes,
and finds a node `hip` in the words ``lymph_node hip``.  UAI files are read and written here:
pgmpy lets the child's states change slowest where the format has them change fastest, and
its reader takes the parents in no fixed order.

What each format keeps is said in `docs/formats.md`.
"""

from __future__ import annotations

import gzip
import math
import random
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape as xml_escape

import numpy as np
from numpy.typing import NDArray

from buttpain.errors import InvalidNetwork, NetworkFileError
from buttpain.model.canonical import noisy_or_table
from buttpain.model.network import Network, NoisyOr, Table, Variable

__all__ = ["from_pgmpy", "read", "to_pgmpy", "write"]

Array = NDArray[np.float64]

TABLE_PARENTS = 4
"""Most parents of a noisy-OR that is passed on as one table.

With four binary parents the table has 32 numbers and the chain 24; with five it has 64
against 32, and from there on each parent doubles the table and adds 8 to the chain.
"""

SUM_ROUNDING = 1e-14
"""What the sum of a row of floats may miss 1 by though its numbers are right."""

PRINTED_TOLERANCE = 1e-6
"""Rows that miss 1 by no more than this were rounded when their digits were printed."""


def _pgmpy() -> Any:
    """Import pgmpy, which takes seconds."""
    import pgmpy.factors.discrete
    import pgmpy.models
    import pgmpy.readwrite

    return pgmpy


def from_pgmpy(model: Any, *, normalize: bool = False) -> Network:
    """Take over a discrete Bayesian network of pgmpy.

    Nodes and states keep their names and order, parents the order of their CPD; names
    that are no text become text.  The network has no roles, and its numbers no sources.

    Parameters
    ----------
    model
        A ``pgmpy.models.DiscreteBayesianNetwork`` with a CPD for each node.
    normalize
        Divide a row that does not sum to 1 by its sum, however far off it is.  Without
        it, a row may miss 1 by 1e-6 (printed digits) and one that misses it by more is
        refused.

    Raises
    ------
    InvalidNetwork
        Naming the node, its parents' states and what is wrong with the numbers there.
    TypeError
        If the model is no discrete Bayesian network.

    Examples
    --------
    >>> import buttpain as bp
    >>> net = bp.from_pgmpy(bp.to_pgmpy(bp.load_network("five_findings")))
    >>> net.states("hop_test_pain")
    ('absent', 'present')
    """
    if not isinstance(model, _pgmpy().models.DiscreteBayesianNetwork):
        raise TypeError(
            f"from_pgmpy takes a pgmpy DiscreteBayesianNetwork, not {type(model).__name__}; give one "
            f"whose nodes have tables"
        )
    names = _texts(model.nodes, "nodes of the model")
    cpds = {getattr(cpd, "variable", cpd.variables[0]): cpd for cpd in model.cpds}
    for node in names:
        if node not in cpds:
            raise InvalidNetwork(f"{names[node]!r} has no CPD; add one with model.add_cpds", names[node])
    states = {node: _texts(_states(node, cpds[node]), f"states of {names[node]!r}") for node in names}
    variables = {node: Variable(names[node], tuple(states[node].values())) for node in names}
    families = {}
    for node in names:
        parents = _parents(node, cpds[node], model)
        values = _values(node, cpds[node], states)
        families[names[node]] = _table(
            variables[node], [variables[parent] for parent in parents], values, normalize=normalize
        )
    return Network(str(model.name or "pgmpy"), tuple(variables.values()), families)


def _states(node: Any, cpd: Any) -> Sequence[Any]:
    return cpd.state_names.get(node, range(cpd.cardinality[0]))  # type: ignore[no-any-return]


def _texts(items: Iterable[Any], what: str) -> dict[Any, str]:
    """Return each item's text, refusing two items with the same one."""
    texts: dict[Any, str] = {}
    for item in items:
        if str(item) in texts.values():
            raise InvalidNetwork(f"two {what} are both called {str(item)!r} as text; rename one of them")
        texts[item] = str(item)
    return texts


def _parents(node: Any, cpd: Any, model: Any) -> list[Any]:
    parents = list(cpd.variables[1:])
    if set(parents) != set(model.predecessors(node)) or cpd.variables[0] != node:
        raise InvalidNetwork(
            f"the CPD of {str(node)!r} is about {', '.join(map(str, cpd.variables))}; the arrows of the "
            f"model ask for {', '.join(map(str, [node, *model.predecessors(node)]))}",
            str(node),
        )
    return parents


def _values(node: Any, cpd: Any, states: Mapping[Any, Mapping[Any, str]]) -> Array:
    """Return a CPD's numbers, shape (*states of the parents, states of the node).

    A CPD may list a parent's states in another order than the parent does.
    """
    values = np.asarray(cpd.values, dtype=np.float64)
    for axis, variable in enumerate(cpd.variables):
        own = list(states[variable])
        listed = list(cpd.state_names.get(variable, own))
        if set(listed) != set(own) or values.shape[axis] != len(own):
            raise InvalidNetwork(
                f"the CPD of {str(node)!r} has {values.shape[axis]} states {listed} for {str(variable)!r}, "
                f"whose own CPD has {own}; give both the same state names",
                str(node),
            )
        values = values.take([listed.index(state) for state in own], axis=axis)
    return np.moveaxis(values, 0, -1)


def _table(node: Variable, parents: Sequence[Variable], values: Array, *, normalize: bool = False) -> Table:
    """Return a table whose rows sum to 1, putting right what printing has rounded."""
    sums = values.sum(axis=-1)
    off = np.abs(sums - 1)
    # The last term is for the rounding of the sum itself: 0.333333 three times misses 1 by 1e-6.
    allowed = np.inf if normalize else PRINTED_TOLERANCE + 1e-12
    wrong = ~(values >= 0).all(axis=-1) | ~np.isfinite(sums) | (sums == 0) | (off > allowed)
    if wrong.any():
        row = tuple(np.argwhere(wrong)[0].tolist())
        given = ", ".join(f"{parent.name}={parent.states[i]}" for parent, i in zip(parents, row, strict=True))
        raise InvalidNetwork(
            f"the probabilities of {node.name!r}{f' given {given}' if given else ''} are "
            f"{values[row].tolist()}, with the sum {float(sums[row]):.12g}; they must not be negative and "
            f"must sum to 1. Correct them, or let from_pgmpy(model, normalize=True) divide rows by their sum",
            node.name,
        )
    # Rows that sum to 1 but for the rounding of the sum stay as they are, to the last bit.
    mended = (off > SUM_ROUNDING) | (values > 1).any(axis=-1)
    values = np.where(mended[..., None], values / sums[..., None], values)
    return Table(tuple(parent.name for parent in parents), values)


def to_pgmpy(net: Network) -> Any:
    """Return the network as a ``pgmpy.models.DiscreteBayesianNetwork``.

    Tables are passed on exactly.  A noisy-OR of up to four parents becomes its table; a
    larger one becomes a chain of small ORs through auxiliary nodes ``<node>__or1``,
    ``<node>__or2`` and so on, which stand after the network's own nodes: the joint
    distribution of those is the same.  pgmpy has no place for `net.given`, roles and
    sources; pass ``dict(net.given)`` as evidence there.

    Examples
    --------
    >>> import buttpain as bp
    >>> model = bp.to_pgmpy(bp.load_network("five_findings"))
    >>> model.check_model()
    True
    """
    pgmpy = _pgmpy()
    net = _tabled(net)
    model = pgmpy.models.DiscreteBayesianNetwork()
    model.name = net.name
    model.add_nodes_from(net.nodes)
    model.add_edges_from([(parent, node) for node in net.nodes for parent in net.parents(node)])
    model.add_cpds(*(_cpd(node, net, pgmpy.factors.discrete.TabularCPD) for node in net.nodes))
    return model


def _cpd(node: str, net: Network, tabular: Callable[..., Any]) -> Any:
    table, parents = net.table(node), net.parents(node)
    # pgmpy wants shape (states of the node, rows), the first parent changing slowest.
    columns = table.reshape(-1, table.shape[-1]).T
    return tabular(
        node,
        table.shape[-1],
        columns,
        evidence=list(parents),
        evidence_card=list(table.shape[:-1]),
        state_names={variable: list(net.states(variable)) for variable in (node, *parents)},
    )


def _tabled(net: Network) -> Network:
    """Return the network with tables only, large noisy-ORs split into chains."""
    taken = set(net.nodes)
    variables = list(net.variables)
    families: dict[str, Table] = {}
    for node in net.nodes:
        family = net.families[node]
        if isinstance(family, Table):
            families[node] = family
        elif len(family.parents) <= TABLE_PARENTS:
            families[node] = Table(family.parents, net.table(node))
        else:
            links = _chain(node, family, taken)
            variables += [Variable(name, net.states(node)) for name in links if name != node]
            families |= links
    return Network(net.name, tuple(variables), families)


def _chain(node: str, family: NoisyOr, taken: set[str]) -> dict[str, Table]:
    """Return the tables of a chain of two-parent ORs that ends in the node; adds to `taken`."""
    links = [np.array([link or 0.0 for link in links]) for links in family.links]
    names = [*(_free(f"{node}__or{i}", taken) for i in range(1, len(links) - 1)), node]
    tables = {names[0]: Table(family.parents[:2], noisy_or_table(family.leak, links[:2]))}
    either = np.array([0.0, 1.0])
    for i, name in enumerate(names[1:]):
        tables[name] = Table((names[i], family.parents[i + 2]), noisy_or_table(0.0, [either, links[i + 2]]))
    return tables


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4,6})_")
_UNWRITABLE = "[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_NO_IDENTIFIER = "[^A-Za-z0-9_]|^[0-9]"


def _escape(name: str, pattern: str) -> str:
    """Write the characters that match a pattern as ``_xHHHH_``, their code points.

    The scheme is that of .NET's ``XmlConvert.EncodeName``.  An underscore that could
    be taken for the start of an escape is escaped itself, so `_unescape` gives every
    name back.
    """
    pattern = rf"_(?=[xX][0-9A-Fa-f]{{4}})|{pattern}"
    return re.sub(pattern, lambda match: f"_x{ord(match[0]):04X}_", name)


def _unescape(name: str) -> str:
    def character(match: re.Match[str]) -> str:
        code = int(match[1], 16)
        return chr(code) if code <= 0x10FFFF else match[0]

    return _ESCAPED.sub(character, name)


def _aliased(net: Network) -> tuple[Network, dict[str, tuple[str, str]]]:
    """Return the network under aliases that sort in its order, and what each stands for.

    What an alias stands for is (kind, name), the kind ``network``, ``node`` or ``state``.
    """
    alias = {node: f"n{i:06d}" for i, node in enumerate(net.nodes, start=1)}
    meaning = {"n000000": ("network", net.name)}
    variables = []
    for node in net.nodes:
        states = {f"{alias[node]}s{i}": state for i, state in enumerate(net.states(node))}
        meaning[alias[node]] = ("node", node)
        meaning |= {key: ("state", state) for key, state in states.items()}
        variables.append(Variable(alias[node], tuple(states)))
    families = {
        alias[node]: Table(tuple(alias[parent] for parent in net.parents(node)), net.table(node))
        for node in net.nodes
    }
    return Network("n000000", tuple(variables), families), meaning


def _unaliased(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\bn\d{6}(?:s\d+)?(?![0-9A-Za-z_])", lambda match: names[match[0]], text)


def _named_again(net: Network) -> Network:
    """Return a network read from a file under its unescaped names."""
    variables = tuple(
        Variable(_unescape(item.name), tuple(map(_unescape, item.states))) for item in net.variables
    )
    families = {
        _unescape(node): Table(tuple(map(_unescape, net.parents(node))), net.table(node))
        for node in net.nodes
    }
    return Network(_unescape(net.name), variables, families)


def write(net: Network, path: Path, suffix: str) -> None:
    """Write a network in a format of other tools.

    Parameters
    ----------
    net
        A large noisy-OR is written as a chain of small ones (see `to_pgmpy`).
    path
        Where to.
    suffix
        One of `FORMATS`.

    Raises
    ------
    NetworkFileError
        If a name is empty, which no format can hold.
    """
    net = _tabled(net)
    if not all((net.name, *net.nodes, *(state for node in net.nodes for state in net.states(node)))):
        raise NetworkFileError("the network, a node or a state has an empty name; give it one", str(path))
    data = FORMATS[suffix].write(net).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if suffix.endswith(".gz") else data)


def _written(net: Network, text_of: Callable[[Any, Any], str], escapes: Callable[[str, str], str]) -> str:
    """Return what a writer of pgmpy makes of the network, under the names that the format can hold."""
    aliased, meaning = _aliased(net)
    text = text_of(to_pgmpy(aliased), _pgmpy().readwrite)
    return _unaliased(text, {alias: escapes(kind, name) for alias, (kind, name) in meaning.items()})


def _bif_text(net: Network) -> str:
    # pgmpy's reader takes "Age" and "age" for one node, so there the capitals are escaped.
    folded = Counter(node.casefold() for node in net.nodes)

    def name(kind: str, name: str) -> str:
        if kind == "state":
            # "//" would begin a comment.
            return _escape(name, "[^A-Za-z0-9_.<>=+/-]|/(?=/)")
        twins = kind == "node" and folded[name.casefold()] > 1
        return _escape(name, f"{_NO_IDENTIFIER}|[A-Z]" if twins else _NO_IDENTIFIER)

    return _written(net, lambda model, pgmpy: str(pgmpy.BIFWriter(model)), name)


def _xmlbif_text(net: Network) -> str:
    def name(_: str, name: str) -> str:
        return xml_escape(_escape(name, rf"{_UNWRITABLE}|^\s|\s\Z"))

    return _written(net, lambda model, pgmpy: str(pgmpy.XMLBIFWriter(model)), name)


def _net_text(net: Network) -> str:
    def text(model: Any, pgmpy: Any) -> str:
        writer = pgmpy.NETWriter(model)
        # pgmpy prints eight digits.
        writer.net_cpd = lambda node: _bracketed(np.moveaxis(writer.tables[node], 0, -1))
        return str(writer).replace("net {\n", 'net {\n    name = "n000000";\n', 1)

    def name(kind: str, name: str) -> str:
        return _escape(name, _NO_IDENTIFIER if kind == "node" else rf'{_UNWRITABLE}|["\\]')

    return _written(net, text, name)


def _bracketed(values: Any) -> str:
    if not np.ndim(values):
        return repr(float(values))
    return f"({' '.join(map(_bracketed, values))})"


def _xdsl_text(net: Network) -> str:
    def text(model: Any, pgmpy: Any) -> str:
        # pgmpy places the nodes at random; the caller's random numbers are none of its business.
        state = random.getstate()
        root = pgmpy.XDSLWriter(model, network_id=model.name).root
        random.setstate(state)
        for i, position in enumerate(root.iter("position")):
            x, y = 120 * (i % 8), 90 * (i // 8)
            position.text = f"{x} {y} {x + 72} {y + 48}"
        for item in root.iter("cpt"):
            # pgmpy prints sixteen decimals, which leaves 1e-12 four digits.
            columns = model.get_cpds(item.attrib["id"]).get_values()
            item.find("probabilities").text = " ".join(map(repr, columns.T.ravel().tolist()))
        ET.indent(root)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")

    return _written(net, text, lambda _, name: _escape(name, _NO_IDENTIFIER))


def _uai_text(net: Network) -> str:
    index = {node: str(i) for i, node in enumerate(net.nodes)}
    scopes = [[index[name] for name in (*net.parents(node), node)] for node in net.nodes]
    lines = ["BAYES", str(len(index)), " ".join(str(len(net.states(node))) for node in net.nodes)]
    lines += [str(len(scopes)), *(" ".join([str(len(scope)), *scope]) for scope in scopes)]
    for node in net.nodes:
        numbers = net.table(node).ravel().tolist()
        lines += ["", str(len(numbers)), " ".join(map(repr, numbers))]
    return "\n".join(lines) + "\n"


def read(path: Path, suffix: str) -> Network:
    """Read a network in a format of other tools; its numbers come without sources.

    Parameters
    ----------
    path
        Where from.
    suffix
        One of `FORMATS`.

    Raises
    ------
    NetworkFileError
        If the file is no network in this format; it says what is wrong with it.
    """
    try:
        data = path.read_bytes()
        if suffix.endswith(".gz"):
            data = gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NetworkFileError(f"not a whole gzip file: {error}", str(path)) from None
    try:
        return _named_again(FORMATS[suffix].read(data, path.name[: -len(suffix)]))
    except InvalidNetwork as error:
        raise NetworkFileError(_unescape(str(error)), str(path)) from None
    # The readers of pgmpy raise whatever their code runs into: IndexError, AttributeError, pyparsing's own.
    except Exception as error:
        raise NetworkFileError(
            f"it cannot be read as {FORMATS[suffix].title}: {type(error).__name__}, {error}", str(path)
        ) from error


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidNetwork(f"not UTF-8 text: {error}") from None


def _plain(text: str, comment: str) -> str:
    """Return text without comments, and with what is quoted in it escaped to identifiers."""

    def plain(match: re.Match[str]) -> str:
        # Escapes in the file stay as they are, hence no `_escape`.
        inner = re.sub("[^A-Za-z0-9_-]", lambda found: f"_x{ord(found[0]):04X}_", match[1] or "")
        return " " if match[1] is None else f'"{inner}"'

    return re.sub(rf'"([^"]*)"|{comment}', plain, text, flags=re.DOTALL)


_BIF_HEAD = re.compile(r'\s*network\s*"?([^{"]*?)"?\s*\{[^}]*\}')
# A brace that closes a list of states has a semicolon behind it.
_BIF_BLOCK = re.compile(r"\s*\b(variable|probability)\b([^{]*)\{(.*?)\}(?!\s*;)\s*", re.DOTALL)


def _read_bif(data: bytes, stem: str) -> Network:
    text = _plain(_text(data), r"/\*.*?\*/|//[^\n]*")
    head = _BIF_HEAD.match(text)
    body = text[head.end() :] if head else text
    blocks = _BIF_BLOCK.findall(body)
    rest = _BIF_BLOCK.sub("", body).strip()
    if rest or not blocks:
        raise InvalidNetwork(
            f"expected blocks that begin with variable or probability, found {rest[:60] or 'none'!r}"
        )
    names = [header.strip(' "\n').lower() for kind, header, _ in blocks if kind == "variable"]
    _check_once(names, "in one BIF file, capitals or not")
    for kind, _, inner in blocks:
        if kind == "probability":
            _check_bif_rows(inner)
    # pgmpy looks for a header on one line and for a brace at the end of a line.
    tidy = "".join(
        f"{kind} {' '.join(header.split())} {{\n{inner.strip()}\n}}\n" for kind, header, inner in blocks
    )
    reader = _pgmpy().readwrite.BIFReader(string=tidy)
    if len(reader.variable_parents) + len(reader.variable_names) != len(blocks):
        raise InvalidNetwork("the probabilities of a variable stand there twice; remove one")
    return _from_reader(reader, _called(head[1] if head else "", stem))


def _check_bif_rows(inner: str) -> None:
    if re.search(r"(?:^|;)\s*default\b", inner):
        raise InvalidNetwork("'default' in a probability block is not understood; write out each row")
    rows = ["".join(row.split()) for row in re.findall(r"\(([^)]*)\)", inner)]
    for row, count in Counter(rows).items():
        if count > 1:
            raise InvalidNetwork(f"the row ({row}) stands there twice in one probability block; remove one")


def _called(stated: str | None, stem: str) -> str:
    """Return a network's name: the file's stem where none is stated, or only that it is unknown.

    Tools that have no name for a network write "unknown"; the example networks of pgmpy have it.
    """
    return stem if not stated or stated.casefold() == "unknown" else stated


def _from_reader(reader: Any, name: str) -> Network:
    model = reader.get_model()
    model.name = name
    return from_pgmpy(model)


def _xml(data: bytes) -> ET.Element:
    # Expat refuses the expansion attacks that this rule is about, from version 2.4.1 (2021) on.
    return ET.fromstring(data)  # noqa: S314


def _read_xmlbif(data: bytes, stem: str) -> Network:
    root = _xml(data)
    network = root.find("NETWORK")
    if network is None:
        raise InvalidNetwork("expected an element NETWORK")
    for variable in network.findall("VARIABLE"):
        if variable.get("TYPE", "nature") != "nature":
            raise InvalidNetwork(
                f"a variable has the type {variable.get('TYPE')!r}; only nature is understood"
            )
        # pgmpy stumbles over properties that are not of the form "key = value".
        for item in variable.findall("PROPERTY"):
            variable.remove(item)
    for item in network.iter():
        item.text = (item.text or "").strip()
    if network.find("NAME") is None:
        ET.SubElement(network, "NAME")
    names = [item.findtext("NAME", "") for item in network.findall("VARIABLE")]
    # pgmpy would call them None.
    if not all([*names, *(item.text for item in network.iter("OUTCOME"))]):
        raise InvalidNetwork("a VARIABLE or an OUTCOME has no name; give it one")
    _check_once(names)
    _check_once([item.findtext("FOR", "") for item in network.findall("DEFINITION")])
    reader = _pgmpy().readwrite.XMLBIFReader(string=ET.tostring(root, encoding="unicode"))
    return _from_reader(reader, _called(network.findtext("NAME"), stem))


def _check_once(names: Sequence[str], where: str = "") -> None:
    for name, count in Counter(names).items():
        if count > 1:
            place = f" ({where})" if where else ""
            raise InvalidNetwork(f"{name!r} is defined twice{place}; rename or remove one")


def _read_xdsl(data: bytes, stem: str) -> Network:
    root = _xml(data)
    nodes = root.find("nodes")
    if nodes is None:
        raise InvalidNetwork("expected an element nodes")
    if root.find("dynamic") is not None:
        raise InvalidNetwork("it describes a dynamic network; unroll it in GeNIe and save that")
    elements = list(_xdsl_nodes(nodes))
    other = [f"{item.get('id')} ({item.tag})" for item in elements if item.tag != "cpt"]
    if other:
        raise InvalidNetwork(
            f"only nodes with a table (cpt) are understood, not {', '.join(other)}; change their type to "
            f"General in GeNIe"
        )
    _check_once([item.get("id", "") for item in elements])
    # pgmpy splits at single spaces and looks for nodes outside submodels only.
    for item in root.iter():
        item.text = " ".join((item.text or "").split())
    nodes[:] = elements
    root.attrib.setdefault("id", "")
    reader = _pgmpy().readwrite.XDSLReader(string=ET.tostring(root, encoding="unicode"))
    return _from_reader(reader, _called(root.attrib["id"], stem))


def _xdsl_nodes(parent: ET.Element) -> Iterator[ET.Element]:
    for item in parent:
        if item.tag == "submodel":
            yield from _xdsl_nodes(item)
        else:
            yield item


_NET_NODE = re.compile(r"(?:discrete\s+)?\bnode\s+([\w-]+)\s*\{\s*states\s*=\s*\(([^)]*)\)\s*;\s*\}")
_NET_POTENTIAL = re.compile(r"\bpotential\s*\(\s*([\w-]+)\s*\|?([^)]*)\)\s*\{\s*data\s*=([^;]*);\s*\}")


def _read_net(data: bytes, stem: str) -> Network:
    text = _plain(_text(data), r"%[^\n]*|/\*.*?\*/|//[^\n]*")
    head = re.search(r"\bnet\s*\{([^}]*)\}", text)
    name = re.search(r'\bname\s*=\s*"([^"]*)"', head[1]) if head else None
    text = text.replace(head[0], "", 1) if head else text
    # What else a node says (label, position, ...) is for other tools.
    text = re.sub(r"(\w+)\s*=[^;]*;", lambda item: item[0] if item[1] in ("states", "data") else "", text)
    rest = " ".join(_NET_POTENTIAL.sub("", _NET_NODE.sub("", text)).split())
    if rest:
        raise InvalidNetwork(
            f"expected discrete nodes with states and potentials with data, found {rest[:60]!r}"
        )
    _check_once([name for name, _ in _NET_NODE.findall(text)])
    _check_once([node for node, _, _ in _NET_POTENTIAL.findall(text)])
    variables = {
        node: Variable(node, tuple(re.findall(r'[^\s",]+', states)))
        for node, states in _NET_NODE.findall(text)
    }
    families = {
        node: _shaped(node, given.split(), numbers.replace("(", " ").replace(")", " ").split(), variables)
        for node, given, numbers in _NET_POTENTIAL.findall(text)
    }
    return Network(_called(name[1] if name else "", stem), tuple(variables.values()), families)


def _shaped(
    node: str, given: Sequence[str], numbers: Sequence[str], variables: Mapping[str, Variable]
) -> Table:
    """Return the table of a node from its numbers, its own states changing fastest."""
    for name in (*given, node):
        if name not in variables:
            raise InvalidNetwork(f"{name!r} has a part in a table and is no node; declare it", node)
    parents = [variables[name] for name in given]
    shape = [len(item.states) for item in (*parents, variables[node])]
    if len(numbers) != math.prod(shape):
        raise InvalidNetwork(
            f"{node!r} has {len(numbers)} numbers; its states and those of its parents ask for "
            f"{math.prod(shape)}",
            node,
        )
    return _table(variables[node], parents, np.array(list(map(float, numbers))).reshape(shape))


def _read_uai(data: bytes, stem: str) -> Network:
    words = iter(re.sub(r"#[^\n]*", "", _text(data)).split())

    def numbers(count: int) -> list[int]:
        return [int(_word(words)) for _ in range(count)]

    kind = _word(words)
    if kind != "BAYES":
        raise InvalidNetwork(f"expected the word BAYES at the beginning, found {kind!r}")
    cards = numbers(*numbers(1))
    variables = {f"var_{i}": Variable(f"var_{i}", tuple(map(str, range(n)))) for i, n in enumerate(cards)}
    scopes = [[f"var_{i}" for i in numbers(*numbers(1))] for _ in range(*numbers(1))]
    _check_once([scope[-1] for scope in scopes])
    families = {}
    for *given, node in scopes:
        families[node] = _shaped(node, given, [_word(words) for _ in range(*numbers(1))], variables)
    if next(words, None) is not None:
        raise InvalidNetwork("there is more text after the last table")
    return Network(stem, tuple(variables.values()), families)


def _word(words: Iterator[str]) -> str:
    word = next(words, None)
    if word is None:
        raise InvalidNetwork("the file ends before its last table does")
    return word


@dataclass(frozen=True, slots=True)
class _Format:
    """What a format is called, and how it is written and read (with the file's stem as a name)."""

    title: str
    write: Callable[[Network], str]
    read: Callable[[bytes, str], Network]


FORMATS = {
    ".bif": _Format("BIF", _bif_text, _read_bif),
    ".bif.gz": _Format("BIF", _bif_text, _read_bif),
    ".xmlbif": _Format("XMLBIF", _xmlbif_text, _read_xmlbif),
    ".xdsl": _Format("XDSL", _xdsl_text, _read_xdsl),
    ".net": _Format("NET", _net_text, _read_net),
    ".uai": _Format("UAI", _uai_text, _read_uai),
}
"""The formats of other tools, by suffix."""
