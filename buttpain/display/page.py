"""A network as one HTML file that needs nothing else: columns of nodes, arrows, numbers and sources."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from buttpain.display.layers import Arrow, Diagram, Node, arranged
from buttpain.display.use import USE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["page"]

MOST_NUMBERS = 60
"""Rows of numbers shown of one node; a table of many parents can have thousands."""

_PLAIN = """\
Arrows run from left to right. Of a chosen node, what leads to it is dashed, what it leads to is solid. \
The thicker an arrow is, the more its source can change what it leads to."""
_CASE = """\
Boxes are the darker, the more probable; a heavy frame says observed. A heavy solid arrow makes its \
cause likelier in this case (its effect, if the cause was observed), a heavy dashed one less likely; \
a pale one changes less than one percentage point."""


def page(
    diagram: Diagram,
    variables: Sequence[Mapping[str, Any]],
    parameters: pd.DataFrame,
    sources: Mapping[str, Mapping[str, Any]],
    answers: Mapping[str, Mapping[str, Sequence[float]]],
) -> str:
    """Return the file as text.

    Parameters
    ----------
    diagram
        Nodes, arrows and alerts.
    variables
        What else is known of each node, in the same order: states, description, question,
        role, kind, cost, icd10 and urgency.
    parameters
        Every number, one a row: node, state, given, value, low, high, source, grade and note.
    sources
        By key: cite, doi and url.
    answers
        By node that matters to a case: its posterior and its prior, a probability a state each.
        Empty where there is no case.
    """
    numbers = _numbers(parameters, {node.name: node.label for node in diagram.nodes})
    position = {node.name: i for i, node in enumerate(diagram.nodes)}
    nodes = [
        {
            "name": node.name,
            "label": node.label,
            "column": node.column,
            "facts": _facts(variable),
            "matters": not answers or node.name in answers,
            **{key: variable[key] for key in ("states", "description", "question")},
            **dict(answers.get(node.name, {})),
            "numbers": numbers.get(node.name, [])[:MOST_NUMBERS],
            "more": max(0, len(numbers.get(node.name, [])) - MOST_NUMBERS),
        }
        for node, variable in zip(diagram.nodes, variables, strict=True)
    ]
    data = {
        "nodes": nodes,
        "arrows": [_arrow(arrow, position) for arrow in diagram.arrows],
        "sources": {key: _source(source) for key, source in sources.items()},
    }
    title, *lines = diagram.title.split("\n")
    parts = {
        "title": escape(title),
        "alerts": "\n".join(f'<p class="alert">! {escape(alert)}</p>' for alert in diagram.alerts),
        "use": escape(USE),
        "lines": "\n".join(f"<p>{escape(line)}</p>" for line in lines),
        "columns": "\n".join(_columns(diagram, position)),
        "key": escape(_CASE if diagram.of_case else _PLAIN),
        "data": _json(data),
    }
    text = files("buttpain.display").joinpath("page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], text)


def _columns(diagram: Diagram, position: Mapping[str, int]) -> Iterator[str]:
    """Yield a section a column, its nodes in an order in which few arrows cross."""
    nodes = {node.name: node for node in diagram.nodes}
    for heading, column in zip(diagram.headings, arranged(diagram).columns, strict=True):
        items = "\n".join(_button(nodes[name], position[name]) for _, name, lane in column if not lane)
        yield f"<section>\n<h2>{escape(heading)}</h2>\n<ul>\n{items}\n</ul>\n</section>"


def _button(node: Node, i: int) -> str:
    share = "" if node.shade is None else f' style="--share:{node.shade:.4f}"'
    texts = f'<span>{escape(node.label)}</span> <span class="value">{escape(node.value)}</span>'
    look = f"node {node.mark}".strip()
    return f'<li><button type="button" class="{look}" id="node{i}"{share}>{texts}</button></li>'


def _facts(variable: Mapping[str, Any]) -> str:
    """Return a line of what is known of a node besides its words and numbers."""
    cost = variable["cost"]
    facts = [
        variable["role"].replace("_", " "),
        variable["kind"],
        "" if math.isnan(cost) else f"cost {cost:g}",
        variable["icd10"] and f"ICD-10 {variable['icd10']}",
        variable["urgency"] and f"urgency {variable['urgency'].replace('_', ' ')}",
    ]
    return ", ".join(fact for fact in facts if fact)


def _arrow(arrow: Arrow, position: Mapping[str, int]) -> dict[str, Any]:
    ends = {"from": position[arrow.source], "to": position[arrow.target]}
    return {**ends, "strength": arrow.strength, "move": arrow.move}


def _source(source: Mapping[str, Any]) -> dict[str, str]:
    link = f"https://doi.org/{source['doi']}" if source["doi"] else source["url"]
    # Only what a browser opens as a page: a file could say anything.
    safe = link if link.startswith(("https://", "http://")) else ""
    return {"cite": " ".join(source["cite"].split()), "link": safe, "said": source["doi"] or source["url"]}


def _numbers(parameters: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each node, ready for JSON."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in parameters.to_dict("records"):
        given = _given(row["given"], labels)
        state = f"{row['state']} if {given}" if given else row["state"]
        what = {"leak": "without any of these", "link": f"from {given}", "table": state}[row["kind"]]
        grade = row["grade"] and f"grade {row['grade']}"
        said = ". ".join(filter(None, (", ".join(filter(None, (row["source"], grade))), row["note"])))
        numbers = {key: None if math.isnan(row[key]) else row[key] for key in ("value", "low", "high")}
        entry = {"what": what, **numbers, "source": row["source"], "said": " ".join(said.split())}
        found.setdefault(row["node"], []).append(entry)
    return found


def _given(given: str, labels: Mapping[str, str]) -> str:
    """Return what a number holds under, with labels for names."""
    parts = (part.partition("=") for part in given.split(", "))
    return ", ".join(f"{labels.get(name, name)}{mark and ' '}{state}" for name, mark, state in parts)


def _json(data: Mapping[str, Any]) -> str:
    """Write JSON that cannot end the element in which it stands."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )
