"""What the network implies for results that are not its own numbers, beside what was published.

A study reports a ratio of probabilities: a sensitivity is P(positive, condition, e) /
P(condition, e), where e is what everybody in the study had.  Each measure is put together
from P(row) of a few rows of evidence, one forward pass for all rows of a group:

- A positive result of several findings, `at_least` so many of them, is a sum over the
  joint outcomes of the findings.  Positives and negatives are summed apart, so that no
  small probability is the difference of two large ones.
- A main cause counts 1 / N for each of the N conditions a person has.  With t as the weight
  of every other condition, P is a polynomial E[t^(N-1); condition], whose integral over
  [0, 1] is E[1/N; condition]; Gauss and Legendre's points give it exactly.
- An overlap of two conditions or more is what is left after none and exactly one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.display.plots import plot_literature, written
from buttpain.display.tables import Grid
from buttpain.errors import ButtpainError, ImpossibleEvidence, InvalidNetwork, did_you_mean
from buttpain.inference.case import Case
from buttpain.inference.circuit import run
from buttpain.inference.evidence import Observed
from buttpain.inference.plan import plan_for
from buttpain.inference.structure import MEMORY, Pattern, structure_of
from buttpain.model.network import ANY, MEASURES, RATIOS, Network, Study, Variable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Compared", "LiteratureCheck", "check_literature"]

Array = NDArray[np.float64]
Evidence = Mapping[str, str | Mapping[str, float]]
Row = Mapping[str, Array]
"""For each node the weight of each of its states."""

COLUMNS = (
    "published", "low", "high", "implied", "inside", "condition", "finding", "measure", "source",
    "name", "grade", "population", "n", "note", "judged", "distance",
)  # fmt: skip
"""What is said of a study."""

_SLACK = 1e-9
"""Rounding by which an implied figure may miss the end of an interval, relative to it."""

_EDGE = 1e-6
"""Probability nearer to 0 or 1 than this counts as this, so that every distance is finite."""

_SHOWN = 10
"""Studies that the printed table shows."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One study, and what the network implies for it.

    Parameters
    ----------
    study
        The study.
    implied
        The same figure according to the network; infinite for a ratio by 0.
    """

    study: Study
    implied: float

    @property
    def inside(self) -> bool:
        """Whether the implied figure lies within the study's interval, its ends included."""
        return self.distance == 0.0

    @property
    def distance(self) -> float:
        """How far the implied figure lies outside the interval; 0 inside.

        In logits for a probability, in natural logarithms for a ratio, which comes to the
        same: the logarithm of the factor by which odds are off.
        """
        low, high = self.study.interval
        if low * (1 - _SLACK) <= self.implied <= high * (1 + _SLACK):
            return 0.0
        end = low if self.implied < low else high
        # The implied figure may be so close to 0 or 1 that it counts as the end itself.
        return max(abs(self._scaled(self.implied) - self._scaled(end)), math.ulp(1.0))

    @property
    def difference(self) -> float:
        """By how much the implied figure exceeds the published one; a ratio r counts as r / (1 + r).

        So all figures are between 0 and 1, and those of one condition have a mean.
        """
        here, there = self.implied, self.study.published
        if self.study.measure in RATIOS:
            return 1 / (1 + there) - 1 / (1 + here)  # an infinite ratio is 1
        return here - there

    @property
    def margin(self) -> float:
        """How far the nearer end of the interval is, negative if it lies outside."""
        if not self.inside:
            return -self.distance
        here = self._scaled(self.implied)
        return min(abs(here - self._scaled(end)) for end in self.study.interval)

    def _scaled(self, figure: float) -> float:
        if self.study.measure in RATIOS:
            return math.log(min(max(figure, _EDGE), 1 / _EDGE))
        clipped = min(max(figure, _EDGE), 1 - _EDGE)
        return math.log(clipped / (1 - clipped))


def check_literature(net: Network, *, memory: int = MEMORY) -> LiteratureCheck:
    """Compare what the network implies with the published results that stand in its file.

    The results are the `[[studies]]` of a network file: figures that are not parameters,
    such as a sensitivity against named controls or a diagnosis's share in a clinic.  Each
    is worked out exactly for the people whom the study describes.

    Parameters
    ----------
    net
        What is believed; `net.studies` are the results.
    memory
        Bytes that a query may take before it is refused as too complex.

    Raises
    ------
    ImpossibleEvidence
        If a study is about people who cannot exist in this network; it names the study.
    UnknownNode, UnknownState, InvalidNetwork
        If a study that was not read from a file does not fit the network.
    NetworkTooComplex

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.analysis.literature import check_literature
    >>> check = check_literature(bp.load_network("five_findings"))
    >>> row = check.to_frame().set_index("name").loc["benazzo2013_tenderness"]
    >>> round(float(row["published"]), 2), round(float(row["implied"]), 2), bool(row["inside"])
    (0.41, 0.67, False)
    """
    asked = _Asked(net, memory)
    compared = [_compared(asked, study) for study in net.studies]
    return LiteratureCheck(net, tuple(sorted(compared, key=lambda item: item.margin)))


def _compared(asked: _Asked, study: Study) -> Compared:
    """Compare one study; what goes wrong names it."""
    try:
        if study.measure not in MEASURES:
            hint = did_you_mean(study.measure, tuple(MEASURES))
            raise InvalidNetwork(f"{study.measure!r} is no measure. {hint}")
        for key in MEASURES[study.measure]:
            if not getattr(study, key):
                raise InvalidNetwork(f"{study.measure} is about a {key}, and none is named")
        _ = study.published, study.interval
        return Compared(study, float(_IMPLIED[study.measure](asked, study)))
    except ButtpainError as error:
        error.args = (f"study {study.name!r}: {error}",)
        raise


# -- measures ----------------------------------------------------------------------------------


class _Asked:
    """P(row) of rows of evidence in a network, whatever its own selection."""

    def __init__(self, net: Network, memory: int) -> None:
        self.net = net
        self.memory = memory
        self._structure = structure_of(net)

    def rows(self, evidence: Evidence, rows: Sequence[Row]) -> Array:
        """Return P(evidence, row) of each row, all divided by the same number, shape (rows,).

        Parameters
        ----------
        evidence
            What every row has.
        rows
            Weights of the same nodes in each.

        Raises
        ------
        ImpossibleEvidence, NetworkTooComplex
        """
        structure, position = self._structure, self._structure.position
        soft = {node: np.stack([row[node] for row in rows], axis=-1) for node in rows[0]}
        hard = {}
        for node, seen in evidence.items():
            if isinstance(seen, str) and node not in soft:
                hard[position[node]] = np.array([self.net.variable(node).index(seen)], dtype=np.intp)
            else:
                soft[node] = soft.get(node, 1.0) * _weights(self.net.variable(node), seen)[:, None]
        pattern = Pattern(
            hard=sum(1 << i for i in hard),
            absent=sum(1 << i for i, state in hard.items() if structure.is_absent(i, state)),
            soft=sum(1 << position[node] for node in soft),
        )
        observed = Observed(hard, {position[node]: weights for node, weights in soft.items()})
        plan = plan_for(structure, pattern, self.memory)
        logs = np.broadcast_to(run(plan, structure.factors, observed).log_evidence, len(rows))
        if np.isneginf(logs).all():
            raise self._impossible(evidence, rows)
        return np.asarray(np.exp(logs - logs.max()))

    def _impossible(self, evidence: Evidence, rows: Sequence[Row]) -> ImpossibleEvidence:
        """Name a smallest set of what cannot hold together."""
        stated = {node: seen if isinstance(seen, str) else dict(seen) for node, seen in evidence.items()}
        for node in rows[0]:
            states = self.net.states(node)
            possible = np.max([row[node] for row in rows], axis=0) > 0
            if possible.sum() == 1 and node not in stated:
                stated[node] = states[int(possible.argmax())]
        try:
            # A study has a selection of its own.
            _ = Case(replace(self.net, given={}), MappingProxyType(stated), self.memory).log_joint
        except ImpossibleEvidence as found:
            return found
        return ImpossibleEvidence(stated, self.net.name)


def _one(variable: Variable, state: int) -> Array:
    """Return 1 for one state and 0 for the others, shape (states,)."""
    return np.asarray(np.eye(len(variable.states))[state])


def _weights(variable: Variable, seen: str | Mapping[str, float]) -> Array:
    """Return the weight of each state, shape (states,)."""
    if isinstance(seen, str):
        return _one(variable, variable.index(seen))
    return np.array([seen[state] for state in variable.states])


def _group(net: Network, *stated: Evidence) -> Evidence:
    """Return what a group of people had: the network's selection, and what is stated in its place."""
    seen = {node: value for evidence in (net.given, *stated) for node, value in evidence.items()}
    return {net.variable(node).name: value for node, value in seen.items() if value != ANY}


def _present(net: Network, condition: str) -> Array:
    """Return 1 for the state in which a condition is present: its positive one, or the second of two."""
    variable = net.variable(condition)
    if len(variable.states) != 2:
        raise InvalidNetwork(
            f"a condition is present or absent; {condition!r} has {len(variable.states)} states", condition
        )
    return _weights(variable, variable.positive or variable.states[1])


def _outcomes(net: Network, study: Study) -> tuple[list[Row], NDArray[np.bool_]]:
    """Return every joint outcome of the findings as a row, and whether it is a positive result."""
    by_finding: list[tuple[Array, Array]] = []
    for finding in study.finding:
        variable = net.variable(finding)
        positive = _one(variable, variable.index(study.state or True))
        by_finding.append((1.0 - positive, positive))
    choices = list(product((0, 1), repeat=len(by_finding)))
    rows: list[Row] = [
        {node: either[k] for node, either, k in zip(study.finding, by_finding, choice, strict=True)}
        for choice in choices
    ]
    return rows, np.array([sum(choice) >= study.at_least for choice in choices])


def _result(asked: _Asked, study: Study, evidence: Evidence, fixed: Row) -> tuple[float, float]:
    """Return P(positive) and P(not positive) in a group of people."""
    rows, positive = _outcomes(asked.net, study)
    found = asked.rows(evidence, [{**fixed, **row} for row in rows])
    return found[positive].sum() / found.sum(), found[~positive].sum() / found.sum()


def _with_condition(asked: _Asked, study: Study) -> tuple[float, float]:
    # A frequency may be that of everybody.
    fixed = {study.condition: _present(asked.net, study.condition)} if study.condition else {}
    return _result(asked, study, _group(asked.net, study.among), fixed)


def _without_condition(asked: _Asked, study: Study) -> tuple[float, float]:
    absent = 1.0 - _present(asked.net, study.condition)
    controls = _group(asked.net, study.among, study.controls)
    return _result(asked, study, controls, {study.condition: absent})


def _ratio(above: float, below: float) -> float:
    if above == below == 0.0:
        raise InvalidNetwork(
            "the network makes this ratio 0 / 0: the result that it is about never happens, or always does"
        )
    return above / below if below else math.inf


def _lr_positive(asked: _Asked, study: Study) -> float:
    return _ratio(_with_condition(asked, study)[0], _without_condition(asked, study)[0])


def _lr_negative(asked: _Asked, study: Study) -> float:
    return _ratio(_with_condition(asked, study)[1], _without_condition(asked, study)[1])


def _odds_ratio(asked: _Asked, study: Study) -> float:
    ill, well = _with_condition(asked, study), _without_condition(asked, study)
    return _ratio(ill[0] * well[1], ill[1] * well[0])


def _predictive_value(asked: _Asked, study: Study) -> float:
    present = _present(asked.net, study.condition)
    outcomes, positive = _outcomes(asked.net, study)
    rows = [
        {study.condition: weights, **row}
        for weights in (present, 1.0 - present)
        for row, counts in zip(outcomes, positive, strict=True)
        if counts
    ]
    found = asked.rows(_group(asked.net, study.among), rows)
    return float(found[: len(rows) // 2].sum() / found.sum())


def _share(asked: _Asked, study: Study) -> float:
    present = _present(asked.net, study.condition)
    rows = [{study.condition: weights} for weights in (present, 1.0 - present)]
    found = asked.rows(_group(asked.net, study.among), rows)
    return float(found[0] / found.sum())


def _main_cause(asked: _Asked, study: Study) -> float:
    net = asked.net
    present = {name: _present(net, name) for name in net.conditions}
    if study.condition not in present:
        raise InvalidNetwork(f"main_cause counts conditions; {study.condition!r} is none", study.condition)
    # Exact to the degree 2 points - 1, and the polynomial has at most one degree less than conditions.
    points, weights = np.polynomial.legendre.leggauss(len(present) // 2 + 1)
    rows: list[Row] = [{name: np.ones(2) for name in present}]
    for t in (points + 1) / 2:
        row = {name: np.where(found > 0, t, 1.0) for name, found in present.items()}
        rows.append({**row, study.condition: present[study.condition]})
    found = asked.rows(_group(net, study.among), rows)
    return float(weights @ found[1:] / 2 / found[0])


def _overlap(asked: _Asked, study: Study) -> float:
    net = asked.net
    absent = {name: 1.0 - _present(net, name) for name in net.conditions}
    if not absent:
        raise InvalidNetwork("overlap counts conditions, and this network has none")
    alone = [{**absent, name: 1.0 - absent[name]} for name in absent]
    rows = [{name: np.ones(2) for name in absent}, absent, *alone]
    found = asked.rows(_group(net, study.among), rows)
    return max(0.0, 1.0 - float(found[1:].sum() / found[0]))


_IMPLIED: Mapping[str, Callable[[_Asked, Study], float]] = {
    "sensitivity": lambda asked, study: _with_condition(asked, study)[0],
    "specificity": lambda asked, study: _without_condition(asked, study)[1],
    "lr_positive": _lr_positive,
    "lr_negative": _lr_negative,
    "odds_ratio": _odds_ratio,
    "predictive_value": _predictive_value,
    "frequency": lambda asked, study: _with_condition(asked, study)[0],
    "share": _share,
    "main_cause": _main_cause,
    "overlap": _overlap,
}


# -- the result --------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class LiteratureCheck:
    """What a network implies for each of its studies; made by `check_literature`.

    Parameters
    ----------
    net
        The network.
    compared
        Its studies: those outside their interval first, the farthest on top, then those
        inside, the nearest to an end on top.
    """

    net: Network
    compared: tuple[Compared, ...]

    @property
    def share_inside(self) -> float | None:
        """Share of the studies whose implied figure lies within the interval; None without studies."""
        if not self.compared:
            return None
        return sum(item.inside for item in self.compared) / len(self.compared)

    @property
    def outside(self) -> pd.DataFrame:
        """The studies outside whose interval the network lies, the farthest first; as `to_frame`."""
        frame = self.to_frame()
        return frame[~frame["inside"]]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a study, the worst disagreement first.

        Columns: published, low, high (the figure and its 95 % interval, or a judged range),
        implied, inside, condition and finding (empty where a study is about none), measure,
        source, name, grade (of the source), population, n (how many people, NaN if unknown),
        note, judged, and distance: how far the implied figure lies outside the interval, in
        logits (ratios: natural logarithms), 0 inside.
        """
        import pandas as pd

        frame = pd.DataFrame([self._row(item) for item in self.compared], columns=list(COLUMNS))
        numbers = ("published", "low", "high", "implied", "n", "distance")
        kinds = dict.fromkeys(numbers, "float64") | dict.fromkeys(("inside", "judged"), "bool")
        return frame.astype(kinds)

    def summary(self) -> pd.DataFrame:
        """Return one row a condition: how many of its studies the network agrees with.

        Columns: rows, inside, share_inside, and mean_difference, the mean of implied less
        published, for which a ratio r counts as r / (1 + r).  Studies about no condition
        stand under an empty name.  The share over all of them is `share_inside`.
        """
        import pandas as pd

        frame = self.to_frame().assign(difference=[item.difference for item in self.compared])
        groups = frame.groupby("condition")
        return pd.DataFrame(
            {
                "rows": groups.size(),
                "inside": groups["inside"].sum(),
                "share_inside": groups["inside"].mean(),
                "mean_difference": groups["difference"].mean(),
            }
        ).sort_values(["share_inside", "rows"], ascending=[True, False], kind="stable")

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data, ready for JSON; null for what is unknown or infinite."""
        return {
            "network": self.net.name,
            "studies": len(self.compared),
            "inside": sum(item.inside for item in self.compared),
            "share_inside": self.share_inside,
            "rows": [_plain(self._row(item)) for item in self.compared],
        }

    def _row(self, item: Compared) -> dict[str, Any]:
        study = item.study
        low, high = study.interval
        facts = {
            "published": study.published,
            "low": low,
            "high": high,
            "implied": item.implied,
            "inside": item.inside,
            "finding": ", ".join(study.finding),
            "grade": self.net.sources[study.source].grade if study.source in self.net.sources else "",
            "n": math.nan if study.size is None else study.size,
            "distance": item.distance,
        }
        return {name: facts[name] if name in facts else getattr(study, name) for name in COLUMNS}

    # -- how it looks --------------------------------------------------------------------

    def plot(self, ax: Axes | None = None, *, condition: str | None = None, everything: bool = False) -> Axes:
        """Draw published intervals and what the network implies, by condition.

        Drawn are the studies outside whose interval the network lies; all of them if there is
        none such.

        Parameters
        ----------
        ax
            Where to draw; a new figure, as high as it needs to be, unless given.
        condition
            Draw the studies of this condition alone, those inside their interval too.
        everything
            Draw every study.

        Raises
        ------
        UnknownNode
        ValueError
            If there is no study to draw.
        """
        import pandas as pd

        chosen = self.compared
        if condition is not None:
            name = self.net.variable(condition).name
            chosen = tuple(item for item in chosen if item.study.condition == name)
        if not chosen:
            about = f" about {condition!r}" if condition else ""
            raise ValueError(f"network {self.net.name!r} has no studies{about}, so there is nothing to draw")
        title = f"{self.net.name} | {_counted(chosen)}"
        outside = tuple(item for item in chosen if not item.inside)
        if condition is None and not everything and 0 < len(outside) < len(chosen):
            chosen, title = outside, f"{title}; drawn: the {len(outside)} outside"
        labels = [(item.study.condition, _short(self.net, item.study)) for item in chosen]
        rows = [
            {
                # Where several studies measured the same, the source tells them apart.
                "label": label[1] + f", {item.study.source}" * (labels.count(label) > 1),
                "group": self._group(item.study),
                "published": item.study.published,
                "low": item.study.interval[0],
                "high": item.study.interval[1],
                "implied": item.implied,
                "inside": item.inside,
                "ratio": item.study.measure in RATIOS,
                "judged": item.study.judged,
            }
            for item, label in zip(chosen, labels, strict=True)
        ]
        return plot_literature(pd.DataFrame(rows), title, ax)

    def _group(self, study: Study) -> str:
        return self.net.label(study.condition) if study.condition else "Any condition"

    @cached_property
    def _grid(self) -> Grid:
        title = f"{self.net.name} | {_counted(self.compared)}"
        if not self.compared:
            return Grid(title, (), ())
        off = [item for item in self.compared if not item.inside]
        rows = [self._shown(item) for item in off[:_SHOWN]]
        notes = []
        if len(off) > _SHOWN:
            notes.append(f"{_SHOWN} of {len(off)} outside, the farthest first; all of them: .outside")
        notes.append("Outside says that they differ, not who is wrong; each note says more.")
        return Grid(title, ("outside", ">published", ">interval", ">network", "source"), rows, notes=notes)

    def _shown(self, item: Compared) -> tuple[str, ...]:
        study = item.study
        figures = (study.published, *study.interval, item.implied)
        published, low, high, implied = (written(figure, study.measure in RATIOS) for figure in figures)
        between = f"{low.removesuffix(' %')}–{high}"
        return _said(self.net, study), "judged" if study.judged else published, between, implied, study.source

    def __repr__(self) -> str:
        """Return the summary and the studies outside as text of at most 80 columns."""
        return self._grid.text()

    def _repr_html_(self) -> str:
        return self._grid.html()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row that JSON can hold."""
    unknown = {key for key, value in row.items() if isinstance(value, float) and not math.isfinite(value)}
    return {key: None if key in unknown else value for key, value in row.items()}


def _counted(compared: Sequence[Compared]) -> str:
    if not compared:
        return "no published results to compare with"
    inside = sum(item.inside for item in compared)
    plural = "s" if len(compared) > 1 else ""
    return f"{inside} of {len(compared)} published or judged result{plural} inside the interval"


_WORDS = {
    "sensitivity": "Sensitivity of {finding} for {condition}",
    "specificity": "Specificity of {finding} for {condition}",
    "lr_positive": "LR+ of {finding} for {condition}",
    "lr_negative": "LR- of {finding} for {condition}",
    "odds_ratio": "Odds ratio of {finding} and {condition}",
    "predictive_value": "{condition} after {finding}",
    "frequency": "{finding} in {condition}",
    "share": "Share with {condition}",
    "main_cause": "{condition} as main cause",
    "overlap": "Two conditions or more",
}


def _said(net: Network, study: Study) -> str:
    """Return what a study measured, in words."""
    if study.measure == "frequency" and not study.condition:
        return _finding(net, study)
    condition = net.label(study.condition) if study.condition else ""
    return _WORDS[study.measure].format(finding=_finding(net, study), condition=condition)


_SHORT = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "lr_positive": "LR+",
    "lr_negative": "LR-",
    "odds_ratio": "odds ratio",
    "predictive_value": "predictive value",
    "frequency": "frequency",
    "share": "Share",
    "main_cause": "Main cause",
    "overlap": "Two conditions or more",
}


def _short(net: Network, study: Study) -> str:
    """Return what a study measured, in words, its condition being named already."""
    measured = _SHORT[study.measure]
    return f"{_finding(net, study)}: {measured}" if study.finding else measured


def _finding(net: Network, study: Study) -> str:
    state = study.state and f" {study.state}"
    names = ", ".join(net.label(name) for name in study.finding)
    if len(study.finding) == 1:
        return f"{names}{state}"
    return f"{study.at_least} of {len(study.finding)} ({names}){state}"
