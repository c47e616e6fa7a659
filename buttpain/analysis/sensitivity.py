"""How far an answer would move if a number of the network, or a finding, were another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.bundle import Bundle, Event, bundled
from buttpain.analysis.curves import SensitivityFunction, TwoWay
from buttpain.analysis.functions import SCHEMES, Covariation
from buttpain.analysis.retraction import MOST_SETS, EvidenceImpact, evidence_impact
from buttpain.display.plots import short
from buttpain.display.tables import Grid, percent
from buttpain.errors import UnknownParameter, UnknownState
from buttpain.inference.case import Case
from buttpain.model.network import NoisyOr, Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Sensitivity", "sensitivity"]

_SHOWN = 10
"""Parameters that a terminal and a picture show."""


def sensitivity(
    case: Case, target: str, *, state: str | None = None, covariation: Covariation = "proportional"
) -> Sensitivity:
    """How the posterior of one state depends on every number of the network.

    P(target | evidence) is a ratio of two straight lines in any single number, so four
    coefficients give it exactly at every value in [0, 1] (Castillo, Gutierrez and Hadi,
    IEEE Trans. SMC 1997).  One forward and one backward pass for the evidence, and one for
    each event, give them for all numbers at once (Darwiche, JACM 2003).

    Parameters
    ----------
    case
        What was observed.
    target
        A node.
    state
        One of its states; the present one unless given.
    covariation
        What the others of a distribution do when one of its numbers changes:
        ``"proportional"`` keeps their ratios (where all of them are 0 they share evenly);
        ``"uniform"`` has them share evenly whatever they were, so that the function need
        not pass through today's posterior; ``"order_preserving"`` keeps the order of the
        distribution by size, where that can be done (Renooij, IJAR 2014).  In a
        distribution of two states the other one takes the rest in any case.  Links and
        leaks change alone.

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex
    ValueError
        If there is no such covariation.

    Examples
    --------
    >>> import buttpain as bp
    >>> case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
    >>> s = bp.sensitivity(case, "proximal_hamstring_tendinopathy")
    >>> f = s.function("sit_bone_tenderness <- leak")
    >>> round(f(0.18), 3), round(f(0.30), 3)
    (0.665, 0.56)
    """
    if covariation not in SCHEMES:
        raise ValueError(f"{covariation!r} is no covariation; choose from {', '.join(map(repr, SCHEMES))}")
    variable = case.net.variable(target)
    if state is None and variable.positive is None:
        raise UnknownState(
            target, state, variable.states, f"Say state=, one of {', '.join(map(repr, variable.states))}."
        )
    name = variable.states[variable.index(True if state is None else state)]
    bundle = bundled(case, (target, name), _contenders(case, target), covariation)
    return Sensitivity(case, target, name, covariation, bundle.posterior, bundle)


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity:
    """How one posterior depends on every number of the network.

    Parameters
    ----------
    case
        The case.
    target, state
        Whose posterior.
    covariation
        What the others of a distribution do when one of its numbers changes.
    posterior
        Today's.
    """

    case: Case
    target: str
    state: str
    covariation: Covariation
    posterior: float
    _bundle: Bundle

    # -- all numbers ---------------------------------------------------------------------

    @property
    def leader(self) -> str:
        """Who leads today: a condition, or a state of the target if that is no condition in question."""
        return self._names[0]

    def to_frame(self) -> pd.DataFrame:
        """Return every parameter, most influential first.

        Returns
        -------
        frame
            Indexed by parameter id.  Columns: node, kind, state, given, value, low and high
            (95 % interval); derivative, the slope at the value; posterior_low and
            posterior_high, the posterior at the ends of the interval, and swing, their
            distance; flips_at, the value at which the posterior is 1/2; overtaken_at and
            overtaken_by, where and by whom the leader is overtaken: the values nearest to
            today's, NaN where there is none in [0, 1]; source and grade.  Sorted by swing;
            parameters without an interval follow, by the size of their slope.
        """
        about, bundle = self._about, self._bundle
        low, high = (bundle.at(about[end].to_numpy(dtype=np.float64)) for end in ("low", "high"))
        at, by = self._overtaking
        frame = about.drop(columns=["ess", "source", "grade"]).assign(
            derivative=bundle.derivative,
            posterior_low=low,
            posterior_high=high,
            swing=np.abs(high - low),
            flips_at=bundle.reaching(0.5),
            overtaken_at=at,
            overtaken_by=by,
            source=about["source"],
            grade=about["grade"],
        )
        swing, slope = np.abs(high - low), np.abs(bundle.derivative)
        # Rounded, so that what is the same number seen from two sides stays in the order of the network.
        keys = (-np.nan_to_num(slope).round(12), -np.nan_to_num(swing).round(12), np.isnan(swing))
        return frame.iloc[np.lexsort(keys)]

    def function(
        self,
        parameter: str | None = None,
        *,
        node: str | None = None,
        state: str | None = None,
        given: Mapping[str, str] | None = None,
    ) -> SensitivityFunction:
        """Return the posterior as a function of one parameter.

        Parameters
        ----------
        parameter
            Its id; or else:
        node, state, given
            The entry of a table by node, state and the states of all parents; of a
            noisy-OR the link by the parent's state, and the leak by no `given`.

        Raises
        ------
        UnknownParameter, UnknownNode, UnknownState

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), sit_bone_tenderness=True)
        >>> s = bp.sensitivity(case, "proximal_hamstring_tendinopathy")
        >>> f = s.function(node="proximal_hamstring_tendinopathy", state="present")
        >>> round(f.value, 3), round(f.solve(0.5), 3)
        (0.155, 0.085)
        """
        if (parameter is None) == (node is None):
            raise TypeError("name one parameter: by its id, or by node=, state= and given=")
        i = self._place(parameter if node is None else self._id(node, state, given or {}))
        at, by = self._overtaking
        log_scale = self.case.log_joint
        natural = log_scale > _LOG_TINY
        return SensitivityFunction(
            self._ids[i],
            float(self._bundle.theta[i]),
            self._interval(i),
            self._said,
            0.0 if natural else log_scale,
            self._bundle.lines.take(i),
            math.exp(log_scale) if natural else 1.0,
            (float(at[i]), self._label(by[i])),
            self._described(self._ids[i]),
        )

    def row(self, parameter: str, x: float) -> NDArray[np.float64]:
        """Return the distribution that a parameter belongs to, were the parameter x.

        NaN where the covariation is not defined.  A link and a leak have their own: of not
        acting, and of acting.

        Raises
        ------
        UnknownParameter
        """
        return self._bundle.row(self._place(parameter), x)

    def distance(self, parameter: str, x: float) -> float:
        """Return how much setting a parameter to x disturbs the network: Chan and Darwiche's distance.

        The log-odds of no event, given any evidence, move further than this (IJAR 2005).
        For a link or a leak it is the distance between acting and not acting.

        Raises
        ------
        UnknownParameter
        """
        i = self._place(parameter)
        asked = np.full(self._bundle.theta.size, np.nan)
        asked[i] = x
        return float(self._bundle.distances(asked)[i])

    # -- changes that matter -------------------------------------------------------------

    def changes_to(self, p: float) -> pd.DataFrame:
        """Return, for each parameter that can, the nearest value that brings the posterior to p.

        Returns
        -------
        changes
            Indexed by parameter id, the least disturbing change first.  Columns: node,
            kind, state, given, value, low, high; change_to, the value that does it; inside,
            whether that lies in the 95 % interval (NA where there is none); distance, that
            of Chan and Darwiche (IJAR 2005) between the networks before and after: the
            log-odds of no event, given any evidence, move further.  For a link or a leak it
            is that between acting and not acting; source and grade.

        Raises
        ------
        ValueError
            If p is no probability.
        """
        if not 0 <= p <= 1:
            raise ValueError(f"{p!r} is no probability; it must lie in [0, 1]")
        return self._changes(self._bundle.reaching(p))

    def changes_to_rank(self) -> pd.DataFrame:
        """Return, for each parameter that can, the nearest value at which the leader is dethroned.

        Columns as in `changes_to`, and overtaken_by.  At the value itself the two are
        equal; beyond it the other one leads.
        """
        at, by = self._overtaking
        return self._changes(at, overtaken_by=by)

    def admissible_deviation(self) -> pd.DataFrame:
        """Return how far each parameter may go down and up without another taking the lead.

        Columns value, down and up, indexed by parameter id; infinite where it may go all
        the way (van der Gaag and Renooij, UAI 2001).  The least room comes first.
        """
        import pandas as pd

        down, up = (self._bundle.deviation(upwards=upwards) for upwards in (False, True))
        frame = pd.DataFrame({"value": self._bundle.theta, "down": down, "up": up}, index=self._about.index)
        return frame.iloc[np.argsort(np.minimum(down, up), kind="stable")]

    def two_way(self, p: str, q: str) -> TwoWay:
        """Return the posterior as a function of two parameters.

        Of one distribution, both vary freely as long as their sum leaves something to the
        others, which share the rest by the covariation.

        Parameters
        ----------
        p, q
            Their ids.

        Raises
        ------
        UnknownParameter
        ValueError
            If both are the same, or the two sides of one number, or if they belong to one
            distribution whose order is to be preserved.
        """
        i, j = self._place(p), self._place(q)
        together = self._together(i, j)
        even = self.covariation == "uniform"
        knots, grid = self._bundle.triangle(i, j, even=even) if together else self._bundle.grid(i, j)
        theta = self._bundle.theta
        return TwoWay(
            (p, q),
            (float(theta[i]), float(theta[j])),
            (self._interval(i), self._interval(j)),
            self._said,
            self._label(self.leader),
            knots,
            grid,
            together,
            (self._described(p), self._described(q)),
        )

    def evidence(self, *, most: int = MOST_SETS) -> EvidenceImpact:
        """Return what each finding does: without it, in another state, and which of them hold up the leader.

        Parameters
        ----------
        most
            Sets of findings to try in search of the smallest without which another leads.
        """
        event, *contenders = self._bundle.events
        return evidence_impact(self.case, event, contenders, self._names, most=most)

    # -- how it looks --------------------------------------------------------------------

    def plot(self, ax: Axes | None = None, *, n: int = _SHOWN) -> Axes:
        """Draw a tornado: how far each parameter's 95 % interval moves the posterior.

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        n
            Parameters to show.
        """
        from buttpain.display.plots import plot_tornado

        frame = self._shown(n)
        frame = frame[frame["swing"].notna()]
        frame.insert(0, "label", [self._described(name) for name in frame.index])
        title = f"{self.case.net.name}: {self.case.seen or 'nothing observed'}"
        return plot_tornado(frame, self.posterior, (title, self._said), ax)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, ready for JSON; NaN is None there."""
        frame = self.to_frame().reset_index()
        rows = [{name: _plain(row[name]) for name in frame.columns} for _, row in frame.iterrows()]
        return {
            "network": self.case.net.name,
            "evidence": {k: v if isinstance(v, str) else dict(v) for k, v in self.case.evidence.items()},
            "target": self.target,
            "state": self.state,
            "covariation": self.covariation,
            "posterior": self.posterior,
            "leader": self.leader,
            "parameters": rows,
        }

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()

    def _grid(self) -> Grid:
        shown = self._shown(_SHOWN)
        known = bool(shown["swing"].notna().any())
        rows = [self._line(str(name), row, known=known) for name, row in shown.iterrows()]
        middle = ["95 % interval", "answer then"] if known else [">slope", ">50 % at"]
        headers = ["number", ">value", *middle, ">overtaken", "grade" if known else ""]
        size = len(self._ids)
        notes = [f"{len(rows)} of {size} numbers; all of them: .to_frame()"] if size > len(rows) else []
        lead = [f"Observed: {self.case.seen or 'nothing'}", f"{self._label(self.leader)} leads"]
        said = f"{self._said} = {percent(self.posterior)}"
        return Grid(said, headers, rows, alerts=self.case.alerts(), notes=notes, lead=lead)

    def _line(self, name: str, row: pd.Series[Any], *, known: bool) -> tuple[str, ...]:
        """Return what the table says of a parameter: its interval if any has one, else its slope."""
        span = _span(row["low"], row["high"]), _span(row["posterior_low"], row["posterior_high"], percent)
        slope = f"{row['derivative']:.2g}", _short(row["flips_at"])
        middle = span if known else slope
        value = f"{row['value']:.3g}"
        return self._described(name), value, *middle, _short(row["overtaken_at"]), str(row["grade"])

    def _shown(self, n: int) -> pd.DataFrame:
        """Return the first n; of a distribution of two states only the second, which says all."""
        frame = self.to_frame()
        return frame[~np.isin(frame.index, self._mirrors)].head(n)

    @cached_property
    def _mirrors(self) -> list[str]:
        net = self.case.net
        two = [
            n for n, family in net.families.items() if isinstance(family, Table) and len(net.states(n)) == 2
        ]
        return [self._ids[i] for node in two for i in range(net.spans[node].start, net.spans[node].stop, 2)]

    def _described(self, name: str) -> str:
        row = self._about.loc[name]
        label = self._label(str(row["node"]))
        if row["kind"] == "leak":
            return f"{label}: leak"
        if row["kind"] == "link":
            cause, _, at = str(row["given"]).partition("=")
            return f"{label} from {self._label(cause)}{f' {at}' if at else ''}"
        parts = (part.split("=", 1) for part in str(row["given"]).split(", ") if part)
        given = ", ".join(f"{self._label(parent)} {at}" for parent, at in parts)
        return f"{label} {row['state']}{f' if {given}' if given else ''}"

    @property
    def _said(self) -> str:
        return f"P({self._label(self.target)} {self.state})"

    def _label(self, name: str) -> str:
        return self.case.net.label(name) if name in self.case.net.nodes else name

    # -- names ---------------------------------------------------------------------------

    @cached_property
    def _about(self) -> pd.DataFrame:
        return self.case.net.parameters

    @cached_property
    def _ids(self) -> list[str]:
        return list(self._about.index)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """What the contenders are called: by their states if they are states of the target."""
        contenders = self._bundle.events[1:]
        by_state = len({node for node, _ in contenders}) < len(contenders)
        return tuple(state if by_state else node for node, state in contenders)

    @cached_property
    def _overtaking(self) -> tuple[NDArray[np.float64], list[str]]:
        at, by = self._bundle.overtaking
        return at, ["" if math.isnan(x) else self._names[i - 1] for x, i in zip(at, by, strict=True)]

    def _changes(self, x: NDArray[np.float64], **more: list[str]) -> pd.DataFrame:
        about = self._about
        inside = ((about["low"] <= x) & (x <= about["high"])).astype("boolean").mask(about["low"].isna())
        frame = about.drop(columns=["ess", "source", "grade"]).assign(
            change_to=x,
            inside=inside,
            distance=self._bundle.distances(x),
            **more,
            source=about["source"],
            grade=about["grade"],
        )
        return frame[frame["change_to"].notna()].sort_values("distance", kind="stable")

    def _together(self, i: int, j: int) -> bool:
        """Return whether both parameters are of one row; refuse pairs that cannot vary."""
        if i == j:
            raise ValueError(f"{self._ids[i]!r} is named twice; name two different parameters")
        one, other = self._bundle.place(i), self._bundle.place(j)
        if one is None or other is None or one[:2] != other[:2]:
            return False
        if len(self.case.net.states(one[0])) == 2:
            raise ValueError(
                f"{self._ids[i]!r} and {self._ids[j]!r} are two sides of one number: they sum to 1. "
                f"Use function({self._ids[i]!r})"
            )
        if self.covariation == "order_preserving":
            raise ValueError(
                f"{self._ids[i]!r} and {self._ids[j]!r} belong to one distribution, in which they cannot "
                f"both vary and keep its order; use covariation='proportional' or 'uniform'"
            )
        return True

    def _place(self, parameter: object) -> int:
        try:
            return int(self._positions[parameter])
        except (KeyError, TypeError):
            raise UnknownParameter(parameter, self._ids, f"network {self.case.net.name!r}") from None

    @cached_property
    def _positions(self) -> dict[object, int]:
        return {name: i for i, name in enumerate(self._ids)}

    def _interval(self, i: int) -> tuple[float, float]:
        return float(self._about["low"].iloc[i]), float(self._about["high"].iloc[i])

    def _id(self, node: str, state: str | None, given: Mapping[str, str]) -> str:
        """Return the id of the parameter described, checked name by name."""
        net = self.case.net
        variable = net.variable(node)
        at = {
            parent: net.states(parent)[net.variable(parent).index(value)] for parent, value in given.items()
        }
        name = variable.states[variable.index(True if state is None else state)]
        if isinstance(net.families[node], NoisyOr):
            cause = ", ".join(f"{parent}={value}" for parent, value in at.items())
            plain = {f"{parent}={net.variable(parent).positive}": parent for parent in at}
            acting = name == variable.positive
            spelled = [f"{node} <- {cause or 'leak'}", f"{node} <- {plain.get(cause, cause)}"]
            found = [one for one in spelled if one in self._positions and acting]
            return found[0] if found else f"{node}={name} <- {cause}"
        row = ", ".join(f"{parent}={at[parent]}" for parent in sorted(at))
        return f"{node}={name} | {row}" if row else f"{node}={name}"


_LOG_TINY = math.log(1e-290)
"""ln P(evidence) above which coefficients are given on the natural scale."""


def _contenders(case: Case, target: str) -> list[Event]:
    """Return who is compared: conditions not observed, if the target is one of them; else its states."""
    net = case.net
    certain = {*net.given, *(node for node, value in case.evidence.items() if isinstance(value, str))}
    asked = [net.variable(node) for node in net.conditions if node not in certain]
    named = [(variable.name, variable.positive) for variable in asked if variable.positive]
    if target in (node for node, _ in named) and len(named) > 1:
        return named
    return [(target, state) for state in net.states(target)]


def _short(number: float) -> str:
    return "" if math.isnan(number) else short(number)


def _span(low: float, high: float, written: Callable[[float], str] = short) -> str:
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{written(low).removesuffix(' %')}–{written(high)}"


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
