"""The network: variables, their families of numbers, and where each number comes from.

A `Network` is frozen and validated once.  Its numbers stand in one read-only
vector `theta` in one order, that of `Network.parameters`; everything computed
about parameters elsewhere is an array aligned with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import product
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.display.layers import Arrow, Diagram, Node, by_depth
from buttpain.display.tables import Grid, wrapped
from buttpain.errors import InvalidNetwork, UnknownNode, UnknownState, did_you_mean
from buttpain.model.canonical import noisy_or_table
from buttpain.model.priors import (
    Provenance,
    Source,
    beta_interval,
    ess_from_range,
    wilson_interval,
    without_leak,
)

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "ANY",
    "MEASURES",
    "RATIOS",
    "ROLES",
    "URGENCIES",
    "Network",
    "NoisyOr",
    "RedFlag",
    "Study",
    "Table",
    "Variable",
]

Array = NDArray[np.float64]

ROLES = ("risk_factor", "condition", "mechanism", "finding")
"""The roles a node can play, from causes to what is seen."""

URGENCIES = ("routine", "prompt", "same_day", "emergency")
"""From the least to the most urgent."""

MEASURES: Mapping[str, tuple[str, ...]] = {
    "sensitivity": ("finding", "condition"),
    "specificity": ("finding", "condition"),
    "lr_positive": ("finding", "condition"),
    "lr_negative": ("finding", "condition"),
    "odds_ratio": ("finding", "condition"),
    "predictive_value": ("finding", "condition"),
    "frequency": ("finding",),
    "share": ("condition",),
    "main_cause": ("condition",),
    "overlap": (),
}
"""What a study can have measured, and what each measure is about."""

RATIOS = ("lr_positive", "lr_negative", "odds_ratio")
"""Those of them that are ratios, from 0 up; the others are probabilities."""

ANY = "any"
"""In a study: this node was not looked at, although the network observes it in every case."""

ROW_TOLERANCE = 1e-9
_POSITIVE = ("present", "yes", "true")
_NEGATIVE = ("absent", "no", "false")
_UNSTATED = Provenance()


@dataclass(frozen=True, slots=True)
class Variable:
    """A node: its states and what people need to know about it.

    Parameters
    ----------
    name
        Identifier, used everywhere.
    states
        Names of the states; a binary variable puts the absent state first.
    role
        One of `ROLES`, or empty in a network without roles.
    label
        What people read; the name with spaces unless stated.
    description
        One plain line.
    question, kind, cost
        Of a finding: what to ask or do, how it is found, and its cost in minutes.
    icd10, urgency
        Of a condition: its code, and how soon it wants attention.
    """

    name: str
    states: tuple[str, ...] = ("absent", "present")
    role: str = ""
    label: str = ""
    description: str = ""
    question: str = ""
    kind: str = ""
    cost: float = math.nan
    icd10: str = ""
    urgency: str = ""

    @property
    def positive(self) -> str | None:
        """The state that `True` means: present, yes or true; None if there is none such."""
        return self._among(_POSITIVE)

    @property
    def negative(self) -> str | None:
        """The state that `False` means: absent, no or false; None if there is none such."""
        return self._among(_NEGATIVE)

    def _among(self, words: tuple[str, ...]) -> str | None:
        return next((state for state in self.states if state.casefold() in words), None)

    def index(self, state: object) -> int:
        """Return the position of a state given by name, or by True or False.

        Raises
        ------
        UnknownState
        """
        if isinstance(state, bool | np.bool_):
            name = self.positive if state else self.negative
            if name is None:
                raise UnknownState(
                    self.name,
                    bool(state),
                    self.states,
                    f"True and False need states such as present and absent; "
                    f"use one of {', '.join(map(repr, self.states))}.",
                )
            return self.states.index(name)
        if isinstance(state, str) and state in self.states:
            return self.states.index(state)
        raise UnknownState(self.name, state, self.states)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A conditional probability table.

    Parameters
    ----------
    parents
        Names of the parents.
    values
        Shape (*states of the parents, states of the node); each row sums to 1.
    provenance
        One a row, rows in C order; empty when nothing is known.
    """

    parents: tuple[str, ...]
    values: Array
    provenance: tuple[Provenance, ...] = ()

    def __post_init__(self) -> None:
        """Keep a read-only copy: callers may go on using their array."""
        values = np.array(self.values, dtype=np.float64)
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    def __reduce__(self) -> tuple[type[Table], tuple[Any, ...]]:
        """Pickle through the constructor: an unpickled array would be writeable."""
        return Table, (self.parents, self.values, self.provenance)

    def strengths(self) -> list[float]:
        """Return the most that each parent alone can change the node: the largest total variation."""
        by_state = [np.moveaxis(self.values, i, 0) for i in range(len(self.parents))]
        return [float(np.abs(rows[:, None] - rows).sum(axis=-1).max()) / 2 for rows in by_state]


@dataclass(frozen=True, slots=True, eq=False)
class NoisyOr:
    """A leaky noisy-OR; the node has two states, absent first.

    Parameters
    ----------
    parents
        Names of the parents.
    leak
        P(present) when no modelled cause acts.
    links
        One tuple a parent, one entry a state of it: the probability that this state
        alone brings the node about, or None where it does not act.
    provenance
        The leak's, then the links' in their order; empty when nothing is known.
    """

    parents: tuple[str, ...]
    leak: float
    links: tuple[tuple[float | None, ...], ...]
    provenance: tuple[Provenance, ...] = ()

    def numbers(self) -> list[float]:
        """Return the leak, then the links that act, in the order of `theta`."""
        return [self.leak, *(link for links in self.links for link in links if link is not None)]

    def strengths(self) -> list[float]:
        """Return the most that each parent alone can change the node: while all else is quiet."""
        fails = [[1 - (link or 0.0) for link in links] for links in self.links]
        quiet = [max(row) for row in fails]
        others = [math.prod(quiet[:i] + quiet[i + 1 :], start=1 - self.leak) for i in range(len(fails))]
        return [rest * (max(row) - min(row)) for rest, row in zip(others, fails, strict=True)]


@dataclass(frozen=True, slots=True)
class RedFlag:
    """A rule that asks for attention whatever leads the ranking.

    Parameters
    ----------
    name, label
        Identifier, and what people read.
    urgency
        How soon.
    advice, reason, source
        What to do, why, and the key of the source.
    any, all
        Findings of which one, or each, must be observed present; `at_least` asks for
        that many of `any`.  Written as finding names or ``finding=state``.
    condition, above
        A posterior that must lie above a bound.
    """

    name: str
    label: str
    urgency: str
    reason: str
    source: str
    advice: str = ""
    any: tuple[tuple[str, str], ...] = ()
    all: tuple[tuple[str, str], ...] = ()
    at_least: int = 1
    condition: str = ""
    above: float = math.nan


@dataclass(frozen=True, slots=True)
class Study:
    """A result, published or judged, that is no number of the network but follows from them.

    Parameters
    ----------
    name
        Identifier.
    measure
        One of `MEASURES`.
    source
        Key of the source.
    condition
        The condition that it is about; empty if about none.
    finding
        The finding that it is about, or several of which `at_least` so many make a
        positive result.
    state
        State in which a finding counts as positive; the present one if empty.
    among
        What everybody in the study had: for each node a state, likelihoods by state, or
        `ANY`.  Node by node it takes the place of the network's `given`.
    controls
        What those without the condition had beyond that, in the same words.
    value, low, high
        The figure and its 95 % interval, as far as they were stated; of a judgement the
        range.
    events, trials, n
        The counts, or the number of people, as far as they were stated.
    population
        Who was studied.
    note
        What else to know; where the network disagrees, why.
    judged
        Whether an expert's range stands in place of a published figure.

    Examples
    --------
    >>> import buttpain as bp
    >>> study = next(study for study in bp.load_network("five_findings").studies if study.trials)
    >>> study.events, study.trials, round(study.published, 2)
    (7.0, 17.0, 0.41)
    >>> [round(end, 2) for end in study.interval]
    [0.22, 0.64]
    """

    name: str
    measure: str
    source: str
    condition: str = ""
    finding: tuple[str, ...] = ()
    at_least: int = 1
    state: str = ""
    among: Mapping[str, str | Mapping[str, float]] = field(default_factory=dict)
    controls: Mapping[str, str | Mapping[str, float]] = field(default_factory=dict)
    value: float | None = None
    low: float | None = None
    high: float | None = None
    events: float | None = None
    trials: float | None = None
    n: float | None = None
    population: str = ""
    note: str = ""
    judged: bool = False

    @property
    def published(self) -> float:
        """The figure: as stated, the share of the counts, or the middle of a judged range.

        Raises
        ------
        InvalidNetwork
            If none of them was stated.
        """
        if self.value is not None:
            return self.value
        if self.events is not None and self.trials is not None:
            return self.events / self.trials
        if self.low is not None and self.high is not None:
            return (self.low + self.high) / 2
        raise InvalidNetwork(f"study {self.name!r} has no figure; give a value, or events and trials")

    @property
    def size(self) -> float | None:
        """How many people were counted, if that is known."""
        return self.trials if self.n is None else self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, or the judged range: as stated, or Wilson's of the counts.

        Raises
        ------
        InvalidNetwork
            If neither was stated.
        """
        if self.low is not None and self.high is not None:
            return self.low, self.high
        if self.size is None or self.measure in RATIOS:
            raise InvalidNetwork(f"study {self.name!r} has no interval; give low and high")
        return wilson_interval(self.published, self.size)


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A Bayesian network whose numbers name their sources; frozen, safe to share.

    Usually made by `load_network` or `from_pgmpy`.

    Parameters
    ----------
    name
        What it is called.
    variables
        Its nodes, in any order that people find natural.
    families
        For each node, the numbers that tie it to its parents.
    given
        Observations that hold in every case: the population the network is about.
    sources
        By key.
    description, version
        What it is for, and which edition.
    studies
        Results to compare with, see `check_literature`.
    red_flags
        Rules for `triage`.

    Raises
    ------
    InvalidNetwork

    Examples
    --------
    >>> import buttpain as bp
    >>> net = bp.load_network("five_findings")
    >>> net.findings[:2]
    ('sit_bone_tenderness', 'pain_running_uphill')
    >>> net.parents("hop_test_pain")
    ('sacral_stress_fracture', 'proximal_hamstring_tendinopathy', 'lumbar_radicular_pain')
    """

    name: str
    variables: tuple[Variable, ...]
    families: Mapping[str, Table | NoisyOr]
    given: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    description: str = ""
    version: str = ""
    studies: tuple[Study, ...] = ()
    red_flags: tuple[RedFlag, ...] = ()

    def __post_init__(self) -> None:
        for several in ("variables", "studies"):
            object.__setattr__(self, several, tuple(getattr(self, several)))
        for mapping in ("families", "given", "sources"):
            object.__setattr__(self, mapping, MappingProxyType(dict(getattr(self, mapping))))
        _check_variables(self.variables)
        for node in self.families:
            self.variable(node)
        for node in self.nodes:
            _check_family(node, self)
        _ = self.order
        named = {
            node: self.states(node)[self.variable(node).index(state)] for node, state in self.given.items()
        }
        object.__setattr__(self, "given", MappingProxyType(named))

    def __reduce__(self) -> tuple[type[Network], tuple[Any, ...]]:
        """Pickle what was given, not what was derived from it."""
        values = (getattr(self, item.name) for item in fields(self))
        return Network, tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    # -- what there is -------------------------------------------------------------------

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Names of all nodes, in the order of the file."""
        return tuple(variable.name for variable in self.variables)

    @cached_property
    def _by_name(self) -> dict[str, Variable]:
        return {variable.name: variable for variable in self.variables}

    def _with_role(self, role: str) -> tuple[str, ...]:
        return tuple(item.name for item in self.variables if item.role == role)

    @cached_property
    def risk_factors(self) -> tuple[str, ...]:
        """Names of the risk factors."""
        return self._with_role("risk_factor")

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions: what queries are about unless told otherwise."""
        return self._with_role("condition")

    @cached_property
    def mechanisms(self) -> tuple[str, ...]:
        """Names of the latent mechanisms between conditions and findings."""
        return self._with_role("mechanism")

    @cached_property
    def findings(self) -> tuple[str, ...]:
        """Names of the findings."""
        return self._with_role("finding")

    def variable(self, node: str) -> Variable:
        """Return a node's states, role and words.

        Raises
        ------
        UnknownNode
        """
        try:
            return self._by_name[node]
        except (KeyError, TypeError):
            raise UnknownNode(node, self.nodes, f"network {self.name!r}") from None

    def states(self, node: str) -> tuple[str, ...]:
        """Return the names of a node's states."""
        return self.variable(node).states

    def label(self, node: str) -> str:
        """Return what people read for a node."""
        return self.variable(node).label or node.replace("_", " ")

    def parents(self, node: str) -> tuple[str, ...]:
        """Return the names of a node's parents."""
        return self.families[self.variable(node).name].parents

    @cached_property
    def order(self) -> tuple[str, ...]:
        """All nodes, parents before children."""
        sorter = TopologicalSorter({node: self.families[node].parents for node in self.nodes})
        try:
            return tuple(sorter.static_order())
        except CycleError as error:
            cycle = error.args[1]
            raise InvalidNetwork(
                f"the arrows run in a circle: {' -> '.join(cycle)}; remove one of them", cycle[0]
            ) from None

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """The arrows, parents to children, as a networkx graph; nodes carry role and label."""
        import networkx as nx

        graph: nx.DiGraph[str] = nx.DiGraph(name=self.name)
        for variable in self.variables:
            graph.add_node(variable.name, role=variable.role, label=self.label(variable.name))
        graph.add_edges_from((parent, node) for node in self.nodes for parent in self.families[node].parents)
        nx.freeze(graph)
        return graph

    # -- the picture ---------------------------------------------------------------------

    def plot(self, ax: Axes | None = None, *, focus: str | Iterable[str] | None = None) -> Axes:
        """Draw risk factors, conditions, mechanisms and findings with their arrows.

        Parameters
        ----------
        ax
            Matplotlib axes, to which the picture is shrunk; a new figure, as large as it
            has to be, unless given.
        focus
            One node or several, to draw only these with their ancestors and descendants.

        Raises
        ------
        UnknownNode

        Examples
        --------
        >>> import buttpain as bp
        >>> axes = bp.load_network("five_findings").plot(focus="deep_gluteal_syndrome")
        >>> print(axes.get_title(loc="left"))
        five_findings, version 1
        Around: Deep gluteal syndrome
        """
        from buttpain.display.diagram import plot_diagram

        return plot_diagram(self.diagram.around(self.focused(focus)), ax)

    def to_html(self, path: str | PathLike[str] | None = None) -> str | None:
        """Write the network as one HTML file to explore: arrows, numbers and sources of each node.

        The file holds all that it needs and loads nothing.

        Parameters
        ----------
        path
            Where to write it; unless given, the text is returned.

        Examples
        --------
        >>> import buttpain as bp
        >>> text = bp.load_network("five_findings").to_html()
        >>> "Sit-bone tenderness" in text
        True
        """
        return self.write_page(self.diagram, {}, path)

    def write_page(
        self,
        diagram: Diagram,
        answers: Mapping[str, Mapping[str, Sequence[float]]],
        path: str | PathLike[str] | None,
    ) -> str | None:
        """Write a diagram of this network as an HTML file, or return it.

        Parameters
        ----------
        diagram
            Of all nodes.
        answers
            By node that matters to a case: its posterior and, if it was not observed, its
            prior, a probability a state each.  Empty where there is no case.
        path
            Where to write; unless given, the text is returned.
        """
        from buttpain.display.page import page

        numbers = self.parameters.assign(note=[item.note for item in self.provenance])
        sources = {key: asdict(source) for key, source in self.sources.items()}
        text = page(diagram, [asdict(item) for item in self.variables], numbers, sources, answers)
        if path is None:
            return text
        Path(path).write_text(text, encoding="utf-8")
        return None

    def focused(self, focus: str | Iterable[str] | None) -> tuple[str, ...]:
        """Return the names of a focus, checked; all nodes where there is none.

        Raises
        ------
        UnknownNode
        ValueError
            If it is empty.
        """
        if focus is None:
            return self.nodes
        names = (focus,) if isinstance(focus, str) else tuple(focus)
        if not names:
            raise ValueError("focus names no node; leave it out to draw the whole network")
        return tuple(self.variable(node).name for node in names)

    @cached_property
    def diagram(self) -> Diagram:
        """Nodes and arrows as a picture shows them: columns by role, or by depth if there are no roles."""
        headings, column = self._columns
        nodes = (
            Node(
                item.name,
                self.label(item.name),
                column[item.name],
                value=self.given.get(item.name, item.kind if item.role == "finding" else ""),
                mark="given" if item.name in self.given else "",
            )
            for item in self.variables
        )
        arrows = (
            Arrow(parent, node, strength)
            for node in self.nodes
            for parent, strength in zip(self.parents(node), self.families[node].strengths(), strict=True)
        )
        title = f"{self.name}, version {self.version}" if self.version else self.name
        return Diagram(title, headings, tuple(nodes), tuple(arrows))

    @property
    def _columns(self) -> tuple[tuple[str, ...], Mapping[str, int]]:
        roles = [role for role in ROLES if self._with_role(role)]
        if not roles:
            column = by_depth({node: self.parents(node) for node in self.order})
            return ("",) * (1 + max(column.values())), column
        names = [f"{role.replace('_', ' ').capitalize()}s" for role in roles]
        # Nodes without a role stand where most arrows end.
        last = len(roles) - 1
        if self._with_role(""):
            names[last] += " and others"
        return tuple(names), {
            item.name: roles.index(item.role) if item.role else last for item in self.variables
        }

    # -- the numbers ---------------------------------------------------------------------

    @cached_property
    def spans(self) -> Mapping[str, slice]:
        """For each node, the slice of `theta` that holds its family."""
        spans, start = {}, 0
        for node in self.nodes:
            family = self.families[node]
            size = family.values.size if isinstance(family, Table) else len(family.numbers())
            spans[node] = slice(start, start + size)
            start += size
        return spans

    @cached_property
    def theta(self) -> Array:
        """Value of every parameter, in the order of `parameters`; read-only."""
        theta = np.concatenate(
            [
                family.values.ravel() if isinstance(family, Table) else np.array(family.numbers())
                for family in map(self.families.__getitem__, self.nodes)
            ]
        )
        theta.flags.writeable = False
        return theta

    def with_theta(self, theta: Array) -> Network:
        """Return the same network with other numbers.

        Parameters
        ----------
        theta
            Aligned with `parameters`, shape (parameters,).

        Raises
        ------
        InvalidNetwork
            If the numbers are no probabilities or a row does not sum to 1.
        """
        theta = np.asarray(theta, dtype=np.float64)
        if theta.shape != self.theta.shape:
            raise InvalidNetwork(
                f"theta has shape {theta.shape}; it must be {self.theta.shape}, one number for "
                f"each row of net.parameters"
            )
        families = {
            node: _with_numbers(self.families[node], theta[span]) for node, span in self.spans.items()
        }
        return replace(self, families=families)

    def table(self, node: str) -> Array:
        """Return the whole conditional table of a node.

        Returns
        -------
        table
            Shape (*states of the parents, states of the node).  A noisy-OR is multiplied
            out: 2 ** parents entries.
        """
        family = self.families[self.variable(node).name]
        if isinstance(family, Table):
            return family.values
        links = [np.array([link or 0.0 for link in links]) for links in family.links]
        return noisy_or_table(family.leak, links)

    @property
    def parameters(self) -> pd.DataFrame:
        """Every number as its author wrote it, one a row, indexed by parameter id.

        Columns: node, kind (``table``, ``link`` or ``leak``), state, given, value, low and
        high (central 95 % interval of its Beta), ess (effective sample size of that Beta),
        source and grade.  Numbers that came without a measure of certainty have NaN there.
        The frame is the caller's own: the network does not change with it.
        """
        return self._parameters.copy()

    @cached_property
    def _parameters(self) -> pd.DataFrame:
        import pandas as pd

        rows = [row for node in self.nodes for row in self._rows(node)]
        return pd.DataFrame(
            {
                "node": [row[1] for row in rows],
                "kind": [row[2] for row in rows],
                "state": [row[3] for row in rows],
                "given": [row[4] for row in rows],
                "value": self.theta,
                "low": self._interval[0],
                "high": self._interval[1],
                "ess": self.ess,
                "source": [item.source for item in self.provenance],
                "grade": [self._grade(item.source) for item in self.provenance],
            },
            index=pd.Index([row[0] for row in rows], name="parameter"),
        )

    @cached_property
    def provenance(self) -> tuple[Provenance, ...]:
        """What is known of how sure each parameter is, aligned with `theta`."""
        return tuple(item for node in self.nodes for item in self._provenance(node))

    @cached_property
    def ess(self) -> Array:
        """Effective sample size of each parameter's Beta, aligned with `theta`; NaN if unknown."""
        ess = np.array([item.ess for item in self.provenance])
        ranged = {i: stated for i, item in enumerate(self.provenance) if (stated := self._ranged(i, item))}
        if ranged:
            ess[list(ranged)] = ess_from_range(*np.array(list(ranged.values())).T)
        for i in ranged:
            if (alone := self.provenance[i].with_leak) is not None:
                ess[i] = without_leak(alone.value, float(ess[i]), alone.leak)[1]
        ess.flags.writeable = False
        return ess

    def _ranged(self, i: int, item: Provenance) -> tuple[float, float, float] | None:
        """Return value and range of a parameter whose certainty follows from a range, as it was stated."""
        if item.range is not None:
            node = self._node_of[i]
            # The range of a binary row is that of its second state; the first has the mirror image.
            first = isinstance(self.families[node], Table) and (i - self.spans[node].start) % 2 == 0
            return float(self.theta[i + first]), *item.range
        stated = item.with_leak
        if stated is None or stated.range is None or not math.isnan(item.ess):
            return None
        return stated.value, *stated.range

    @cached_property
    def _node_of(self) -> list[str]:
        return [node for node, span in self.spans.items() for _ in range(span.stop - span.start)]

    @cached_property
    def _interval(self) -> tuple[Array, Array]:
        return beta_interval(self.theta, self.ess)

    def _grade(self, source: str) -> str:
        return self.sources[source].grade if source in self.sources else ""

    def _provenance(self, node: str) -> Iterable[Provenance]:
        family, span = self.families[node], self.spans[node]
        if not family.provenance:
            return [_UNSTATED] * (span.stop - span.start)
        if isinstance(family, NoisyOr):
            return family.provenance
        return (item for item in family.provenance for _ in self.states(node))

    def _rows(self, node: str) -> Iterator[tuple[str, str, str, str, str]]:
        """Yield (id, node, kind, state, given) for each parameter of a node."""
        family = self.families[node]
        if isinstance(family, NoisyOr):
            present = self.states(node)[1]
            yield f"{node} <- leak", node, "leak", present, ""
            for parent, links in zip(family.parents, family.links, strict=True):
                for cause in _causes(self.variable(parent), links):
                    yield f"{node} <- {cause}", node, "link", present, cause
            return
        by_name = sorted(range(len(family.parents)), key=family.parents.__getitem__)
        for row in product(*(self.states(parent) for parent in family.parents)):
            given = ", ".join(f"{family.parents[i]}={row[i]}" for i in by_name)
            for state in self.states(node):
                name = f"{node}={state} | {given}" if given else f"{node}={state}"
                yield name, node, "table", state, given

    # -- how it looks --------------------------------------------------------------------

    def __repr__(self) -> str:
        """Return the name and how many nodes of each role; one line, or two where one is too long."""
        counts = [f"{number:,} {what}" for what, number in self._counts()]
        return "\n".join(wrapped(f"<Network {self.name}: {', '.join(counts)}>"))

    def _repr_html_(self) -> str:
        given = "; ".join(f"{self.label(node)} {state}" for node, state in self.given.items())
        title = f"{self.name}, version {self.version}" if self.version else self.name
        lead = [self.description, f"In every case: {given}" if given else ""]
        grades = Counter(self.parameters["grade"])
        rows = [(what, f"{number:,}") for what, number in self._counts()]
        rows += [(f"numbers of grade {grade}", f"{grades[grade]:,}") for grade in sorted(grades) if grade]
        return Grid(title, ("", ">"), rows, lead=[line for line in lead if line]).html()

    def _counts(self) -> Iterator[tuple[str, int]]:
        for role in ROLES:
            if number := len(self._with_role(role)):
                yield f"{role.replace('_', ' ')}{'s' if number != 1 else ''}", number
        yield "nodes", len(self.nodes)
        yield "parameters", self.theta.size


def _causes(parent: Variable, links: Sequence[float | None]) -> Iterator[str]:
    """Yield how each acting state of a parent is called in a link's id."""
    acting = [state for state, link in zip(parent.states, links, strict=True) if link is not None]
    # A parent called leak is always spelled out: the plain name is the leak's own.
    plain = len(parent.states) == 2 and acting == [parent.positive] and parent.name != "leak"
    for state in acting:
        yield parent.name if plain else f"{parent.name}={state}"


def _check_variables(variables: Sequence[Variable]) -> None:
    if not variables:
        raise InvalidNetwork("a network needs at least one node")
    seen: set[str] = set()
    for variable in variables:
        if variable.name in seen:
            raise InvalidNetwork(f"{variable.name!r} is there twice; give each node one name", variable.name)
        seen.add(variable.name)
        if not variable.states or len(set(variable.states)) != len(variable.states):
            raise InvalidNetwork(
                f"the states of {variable.name!r} must be names, each once; they are {variable.states}",
                variable.name,
            )


def _check_family(node: str, net: Network) -> None:
    if node not in net.families:
        raise InvalidNetwork(f"{node!r} has no numbers; give it a table or a noisy-OR", node)
    family = net.families[node]
    for parent in family.parents:
        if parent not in net._by_name:
            raise InvalidNetwork(
                f"{parent!r}, a cause of {node!r}, is no node. {did_you_mean(parent, net.nodes)}", node
            )
    if len(set(family.parents)) != len(family.parents):
        raise InvalidNetwork(f"{node!r} names a parent twice: {', '.join(family.parents)}", node)
    if isinstance(family, Table):
        _check_table(node, family, net)
    else:
        _check_noisy_or(node, family, net)
    expected = family.values[..., 0].size if isinstance(family, Table) else len(family.numbers())
    if family.provenance and len(family.provenance) != expected:
        raise InvalidNetwork(
            f"{node!r} has {expected} numbers to account for and {len(family.provenance)} records", node
        )
    if len(net.states(node)) != 2 and any(record.range is not None for record in family.provenance):
        raise InvalidNetwork(
            f"a range belongs to a node of two states; {node!r} has {len(net.states(node))}. "
            f"Give its rows an ess instead",
            node,
        )


def _check_table(node: str, family: Table, net: Network) -> None:
    shape = (*(len(net.states(parent)) for parent in family.parents), len(net.states(node)))
    if family.values.shape != shape:
        raise InvalidNetwork(
            f"the table of {node!r} has shape {family.values.shape}; its parents "
            f"({', '.join(family.parents) or 'none'}) and states ask for {shape}",
            node,
        )
    _check_probabilities(node, family.values)
    sums = family.values.sum(axis=-1)
    wrong = np.argwhere(np.abs(sums - 1) > ROW_TOLERANCE)
    if len(wrong):  # not `size`: the one row of a node without parents has no indexes
        row = tuple(wrong[0].tolist())
        given = ", ".join(
            f"{parent}={net.states(parent)[i]}" for parent, i in zip(family.parents, row, strict=True)
        )
        raise InvalidNetwork(
            f"the probabilities of {node!r}{f' given {given}' if given else ''} sum to "
            f"{float(sums[row]):.12g}, not 1",
            node,
        )


def _check_noisy_or(node: str, family: NoisyOr, net: Network) -> None:
    if len(net.states(node)) != 2:
        raise InvalidNetwork(
            f"a noisy-OR has two states, absent first; {node!r} has {len(net.states(node))}. "
            f"Give it a table instead",
            node,
        )
    variable = net.variable(node)
    if variable.positive == variable.states[0] or variable.negative == variable.states[1]:
        raise InvalidNetwork(
            f"a noisy-OR has its absent state first; {node!r} has {', '.join(variable.states)}", node
        )
    if len(family.links) != len(family.parents):
        raise InvalidNetwork(
            f"{node!r} has {len(family.parents)} parents and links from {len(family.links)}", node
        )
    for parent, links in zip(family.parents, family.links, strict=True):
        if len(links) != len(net.states(parent)):
            raise InvalidNetwork(
                f"{node!r} has {len(links)} links from {parent!r}, which has "
                f"{len(net.states(parent))} states",
                node,
            )
    _check_probabilities(node, np.array(family.numbers()))


def _check_probabilities(node: str, values: Array) -> None:
    wrong = values[~((values >= 0) & (values <= 1))]
    if wrong.size:
        raise InvalidNetwork(f"{float(wrong[0])} is no probability ({node!r}); it must lie in [0, 1]", node)


def _with_numbers(family: Table | NoisyOr, numbers: Array) -> Table | NoisyOr:
    if isinstance(family, Table):
        return replace(family, values=numbers.reshape(family.values.shape))
    leak, *rest = numbers.tolist()
    remaining = iter(rest)
    links = tuple(
        tuple(None if link is None else next(remaining) for link in links) for links in family.links
    )
    return replace(family, leak=leak, links=links)
