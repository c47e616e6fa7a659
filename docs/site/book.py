"""What all pages of a network share: where things stand, what they are called, what they come to."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import buttpain as bp
from buttpain.analysis.literature import check_literature
from buttpain.model.network import RedFlag, Table
from implied import Figure, Implied
from markup import link, plain, table
from phrases import SOON, between, chance

__all__ = ["FOLDERS", "USE", "Book"]

USE = "*For research and decision support; it is not a diagnosis.*"

FOLDERS = {
    "condition": "conditions",
    "finding": "findings",
    "risk_factor": "risk_factors",
    "mechanism": "mechanisms",
    "": "nodes",
}
"""Where the pages of each role stand; also the name of their table in a network file."""


class Book:
    """A network, and how its pages speak of it.

    Links are those of a page that stands one folder below the network's first page.
    """

    def __init__(self, net: bp.Network) -> None:
        self.net = net
        self.implied = Implied(net)

    @cached_property
    def children(self) -> Mapping[str, list[str]]:
        """For each node, those that arrows lead to from it."""
        found: dict[str, list[str]] = defaultdict(list)
        for node in self.net.nodes:
            for parent in self.net.parents(node):
                found[parent].append(node)
        return found

    @cached_property
    def literature(self) -> list[dict[str, Any]]:
        """Published and judged results, and what the network implies; `nodes` are those that it is about."""
        rows = check_literature(self.net).to_frame().to_dict("records")
        return [
            {
                **{str(key): value for key, value in row.items()},
                "nodes": _nodes(row["condition"], row["finding"]),
            }
            for row in rows
        ]

    def nodes(self, role: str) -> list[str]:
        """Return the nodes of a role, in the order of the file."""
        return [item.name for item in self.net.variables if item.role == role]

    def place(self, node: str) -> str:
        """Return where the page of a node stands."""
        return f"{FOLDERS[self.net.variable(node).role]}/{node}.md"

    def named(self, node: str, state: str = "") -> str:
        """Return the label of a node as a link, with the state if that says more."""
        label = link(plain(self.net.label(node)), f"../{self.place(node)}")
        return f"{label}: {words(state)}" if self.tells(node, state) else label

    def tells(self, node: str, state: str) -> bool:
        """Return whether a state has to be named: it is not the present one of two."""
        variable = self.net.variable(node)
        return bool(state) and not (state == variable.positive and len(variable.states) == 2)

    def authored(self, node: str) -> Iterator[int]:
        """Yield the positions of a node's numbers; of the two in a row of a binary table, the second."""
        span, family = self.net.spans[node], self.net.families[node]
        step = 2 if isinstance(family, Table) and len(self.net.states(node)) == 2 else 1
        yield from range(span.start + step - 1, span.stop, step)

    def flags_about(self, node: str) -> list[RedFlag]:
        """Return the red flags that name a node."""
        return [
            flag
            for flag in self.net.red_flags
            if node in {flag.condition, *(name for name, _ in (*flag.any, *flag.all))}
        ]

    def studies_about(self, node: str) -> list[dict[str, Any]]:
        """Return the published and judged results about a node."""
        return [row for row in self.literature if node in row["nodes"]]

    # -- in words ------------------------------------------------------------------------

    @cached_property
    def population(self) -> str:
        """Whom the network is about."""
        given = [f"{plain(self.net.label(node))} {words(state)}" for node, state in self.net.given.items()]
        return f"people with {' and '.join(given)}" if given else "everybody, as nothing is given"

    def source(self, key: str) -> str:
        """Return a source's key as a link, with its grade."""
        if key not in self.net.sources:
            return plain(key) or "none"
        return f"{link(plain(key), f'../sources.md#{slug(key)}')} ({self.net.sources[key].grade})"

    def citation(self, key: str) -> str:
        """Return a source in full, with its grade."""
        source = self.net.sources[key]
        address = f"https://doi.org/{source.doi}" if source.doi else source.url
        where = (
            f" {link(plain(f'doi:{source.doi}') if source.doi else 'Read it', address)}" if address else ""
        )
        return f"{plain(source.cite)}{where} (grade {source.grade}: {words(source.kind)})"

    def fires_on(self, flag: RedFlag) -> str:
        """Return what makes a red flag fire."""
        parts = []
        if flag.any:
            count = "any" if flag.at_least == 1 else f"at least {flag.at_least}"
            parts.append(f"{count} of: {self.observed(flag.any)}")
        if flag.all:
            parts.append(f"{'all of: ' if len(flag.all) > 1 else ''}{self.observed(flag.all)}")
        if not math.isnan(flag.above):
            parts.append(f"{self.named(flag.condition)} with a probability above {chance(flag.above)}")
        return "; and ".join(parts)

    def observed(self, pairs: Iterable[tuple[str, str]]) -> str:
        """Return findings with their states, as links."""
        return ", ".join(self.named(node, state) for node, state in pairs)

    def ranking(self) -> str:
        """Return a table of the conditions, the most common first."""
        rows = [
            (
                self.named(name),
                chance(figure.value),
                between(figure),
                SOON[self.net.variable(name).urgency],
                plain(self.net.variable(name).icd10),
            )
            for name, figure in sorted(self.implied.prior.items(), key=lambda item: -item[1].value)
        ]
        return table(("condition", ">P(present)", ">95 % interval", "urgency", "ICD-10"), rows)

    def interval(self, row: Any) -> str:
        """Return the 95 % interval of a row of `Network.parameters`."""
        return between(Figure(row["value"], row["low"], row["high"]))


def words(name: str) -> str:
    """Return an identifier or a state as words."""
    return plain(name.replace("_", " "))


def slug(key: str) -> str:
    """Return the anchor that a heading gets."""
    return key.lower().replace(" ", "-")


def _nodes(condition: str, finding: str) -> tuple[str, ...]:
    return tuple(name for name in (condition, *finding.split(", ")) if name)
