"""What a network says, as pages of a terminal and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isinf, isnan
from typing import Any

from buttpain.display.tables import Grid, percent, wrapped
from buttpain.faces.words import counted, lines, of_network
from buttpain.model.files import available_networks, load_network
from buttpain.model.network import ROLES, Network, RedFlag, Table, Variable
from buttpain.model.priors import Provenance

__all__ = ["network_data", "network_page", "networks_data", "networks_page", "node_data", "node_page"]

COUNTS = ("nodes", "conditions", "findings", "numbers")
"""What the list of networks counts."""

NOTHING = ""


# -- networks ----------------------------------------------------------------------------


def networks_page() -> str:
    """Return the table of the networks that come with the library.

    Examples
    --------
    >>> from buttpain.faces.describe import networks_page
    >>> "five_findings" in networks_page()
    True
    """
    rows = [
        (item["network"], item["description"], *(str(item[key]) for key in COUNTS))
        for item in networks_data()
    ]
    return Grid("", ("network", "what it is", *(f">{key}" for key in COUNTS)), rows).text()


def networks_data() -> list[dict[str, Any]]:
    """Return the networks that come with the library, as plain data.

    Examples
    --------
    >>> from buttpain.faces.describe import networks_data
    >>> networks_data()[0]["network"]
    'five_findings'
    """
    return [_counts(load_network(name)) for name in available_networks()]


def _counts(net: Network) -> dict[str, Any]:
    sizes = (len(net.nodes), len(net.conditions), len(net.findings), net.theta.size)
    head = {"network": net.name, "version": net.version, "description": net.description}
    return {**head, **dict(zip(COUNTS, map(int, sizes), strict=True))}


# -- describe ----------------------------------------------------------------------------


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block)


def network_page(net: Network) -> str:
    """Return a network's nodes by role, and its red flags.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.describe import network_page
    >>> "sit_bone_tenderness" in network_page(bp.load_network("five_findings"))
    True
    """
    return _joined(_network_page(net))


def network_data(net: Network) -> dict[str, Any]:
    """Return what a network says of its nodes and red flags, as plain data.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.describe import network_data
    >>> network_data(bp.load_network("five_findings"))["nodes"][0]["role"]
    'condition'
    """
    flags = [
        {
            "name": flag.name,
            "label": flag.label,
            "urgency": flag.urgency,
            "fires_on": _fires_on(flag, net),
            "advice": flag.advice,
            "reason": flag.reason,
            "source": flag.source,
        }
        for flag in net.red_flags
    ]
    nodes = [_facts(net, item) for item in net.variables]
    counts = {key: value for key, value in _counts(net).items() if key not in ("network", "version")}
    return of_network(net, {**counts, "given": dict(net.given), "nodes": nodes, "red_flags": flags})


def node_page(net: Network, node: str) -> str:
    """Return one node in full: its facts, its numbers, and on whose word they stand.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.describe import node_page
    >>> print(node_page(bp.load_network("five_findings"), "hop_test_pain").splitlines()[0])
    hop_test_pain: Pain on the hop test
    """
    return _joined(_node_page(net, node))


def node_data(net: Network, node: str) -> dict[str, Any]:
    """Return the same as plain data.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.describe import node_data
    >>> node_data(bp.load_network("five_findings"), "hop_test_pain")["numbers"][0]["parameter"]
    'hop_test_pain <- leak'
    """
    records = dict(_records(net, node))
    rows: dict[Any, dict[Any, Any]] = net.parameters.loc[list(records)].to_dict("index")
    numbers = [
        {
            "parameter": name,
            **{key: _known(row[key]) for key in ("kind", "value", "low", "high", "ess", "source", "grade")},
            "note": records[name].note,
        }
        for name, row in rows.items()
    ]
    cited = dict.fromkeys(record.source for record in records.values() if record.source in net.sources)
    sources = {key: net.sources[key].cite for key in cited}
    return of_network(net, {**_facts(net, net.variable(node)), "numbers": numbers, "sources": sources})


def _facts(net: Network, variable: Variable) -> dict[str, Any]:
    words = ("role", "description", "question", "kind", "icd10", "urgency")
    return {
        "name": variable.name,
        "label": net.label(variable.name),
        "states": list(variable.states),
        **{word: getattr(variable, word) for word in words},
        "cost": _known(variable.cost),
        "parents": list(net.parents(variable.name)),
    }


def _known(value: Any) -> Any:
    """Return a value for JSON: None for what nobody knows, text for what has no end."""
    if not isinstance(value, float):
        return value
    return None if isnan(value) else "inf" if isinf(value) else value


def _network_page(net: Network) -> Iterator[str]:
    yield lines(_edition(net), net.description)
    given = "; ".join(f"{net.label(node)} {state} ({node}={state})" for node, state in net.given.items())
    published = ("published result to compare with", "published results to compare with")
    sizes = (
        (len(net.nodes), "node", ""),
        (int(net.theta.size), "number", ""),
        (len(net.sources), "source", ""),
        (len(net.studies), *published),
        (len(net.red_flags), "red flag", ""),
    )
    there = ", ".join(counted(*size) for size in sizes if size[0])
    yield lines(f"In every case: {given}." if given else "", f"{there}.")
    for role in (*ROLES, ""):
        rows = [_node_row(item) for item in net.variables if item.role == role]
        yield _table((role.replace("_", " ") or "node", "what it is", "states"), rows)
    rows = [(flag.label, flag.urgency.replace("_", " "), _fires_on(flag, net)) for flag in net.red_flags]
    yield _table(("red flag", "urgency", "fires on"), rows)


def _edition(net: Network) -> str:
    return f"{net.name}, version {net.version}" if net.version else net.name


def _node_row(variable: Variable) -> tuple[str, str, str]:
    words = [variable.label, variable.question or variable.description]
    return variable.name, ". ".join(filter(None, words)) or NOTHING, ", ".join(variable.states)


def _fires_on(flag: RedFlag, net: Network) -> str:
    parts = []
    if flag.any:
        number = "any" if flag.at_least == 1 else f"at least {flag.at_least}"
        parts.append(f"{number} of {_signs(flag.any)}")
    if flag.all:
        parts.append(f"all of {_signs(flag.all)}")
    if not isnan(flag.above):
        parts.append(f"P({net.label(flag.condition)}) above {percent(flag.above)}")
    return ", and ".join(parts)


def _signs(signs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{node}={state}" for node, state in signs)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table without the columns in which there is nothing."""
    kept = [i for i in range(len(headers)) if any(row[i] != NOTHING for row in rows)]
    return Grid("", [headers[i] for i in kept], [[row[i] for i in kept] for row in rows]).text()


# -- describe one node -------------------------------------------------------------------


def _node_page(net: Network, node: str) -> Iterator[str]:
    variable = net.variable(node)
    yield lines(f"{node}: {variable.label}" if variable.label else node, variable.description)
    facts = {
        "role": variable.role.replace("_", " "),
        "states": ", ".join(variable.states),
        "question": variable.question,
        "kind": variable.kind,
        "cost": NOTHING if isnan(variable.cost) else f"{variable.cost:g}",
        "ICD-10": variable.icd10,
        "urgency": variable.urgency.replace("_", " "),
        "given": net.given.get(node, NOTHING),
        "causes": ", ".join(net.parents(node)),
        "effects": ", ".join(name for name in net.nodes if node in net.parents(name)),
    }
    yield _table(("", ""), [(name, fact) for name, fact in facts.items() if fact])
    records = dict(_records(net, node))
    headers = ("number", ">value", ">95 % interval", "stated as", "source")
    yield _table(headers, list(_numbers(net, node, records)))
    notes = dict.fromkeys(f"{name}: {record.note}" for name, record in records.items() if record.note)
    yield "\n".join(line for note in notes for line in wrapped(note))
    sources = dict.fromkeys(record.source for record in records.values())
    yield "\n".join(line for key in sources if key in net.sources for line in _source(net, key))


def _records(net: Network, node: str) -> Iterator[tuple[str, Provenance]]:
    """Yield id and record of each number; of the two in a row of a binary table, the second."""
    family = net.families[node]
    step = 2 if isinstance(family, Table) and len(net.states(node)) == 2 else 1
    names, span = net.parameters.index, net.spans[node]
    for i in range(span.start + step - 1, span.stop, step):
        yield names[i], net.provenance[i]


def _numbers(net: Network, node: str, records: Mapping[str, Provenance]) -> Iterator[tuple[str, ...]]:
    rows: dict[Any, dict[Any, Any]] = net.parameters.loc[list(records)].to_dict("index")
    for name, record in records.items():
        row = rows[name]
        interval = NOTHING if isnan(row["low"]) else _between(row["low"], row["high"])
        place = net.states(node).index(row["state"])
        yield _short(name, node), percent(row["value"]), interval, _stated(record, place), record.source


def _short(name: str, node: str) -> str:
    """Return the id of a parameter without what the page is about."""
    return name.removeprefix(f"{node} <- ").removeprefix(f"{node}=")


def _between(low: float, high: float) -> str:
    return f"{percent(low).removesuffix(' %')}–{percent(high)}"


def _stated(record: Provenance, place: int) -> str:
    """Return how sure a number is, as its author put it."""
    if record.counts:
        return f"{record.counts[place]:g} of {sum(record.counts):g}"
    if record.range:
        low, high = record.range
        return f"range {100 * low:g}–{100 * high:g} %"
    if isinf(record.ess):
        return "by definition"
    return NOTHING if isnan(record.ess) else f"worth {record.ess:g} cases"


def _source(net: Network, key: str) -> list[str]:
    source = net.sources[key]
    where = f" https://doi.org/{source.doi}" if source.doi else f" {source.url}" if source.url else ""
    kind = source.kind.replace("_", " ")
    return wrapped(f"[{key}] {source.cite}{where} ({kind}, grade {source.grade})")
