"""How good the answers are on cases whose truth is known: discrimination, calibration, net benefit.

Each row of a frame is answered as `posteriors` answers it, without the columns that hold
the truth, and what was said is held against what was true.  The interval of each measure
comes from drawing the rows anew, with replacement.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from buttpain.analysis.scores import (
    ALL,
    BINS,
    DECIMALS,
    Cases,
    Key,
    Resampling,
    binned,
    by_sklearn,
    mean_score,
    measures,
    net_benefit,
    times_drawn,
    wilson,
)
from buttpain.analysis.truth import listed, read_truth
from buttpain.display.tables import Grid, percent
from buttpain.errors import UnknownNode, as_number, check_kind, check_whole
from buttpain.inference.cohort import posteriors
from buttpain.inference.frames import MISSING, Columns, Rows, check_frame
from buttpain.inference.structure import MEMORY
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Evaluation", "evaluate"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]
Truths = NDArray[np.bool_]

EDGES = (0, 1, 3, 6, 11, 21)
"""Least numbers of observed findings of the groups by pattern."""

THRESHOLDS = tuple(round(0.01 * i, 2) for i in range(1, 100))
"""Of a decision curve."""

_FEWEST = 100
"""Resamples below which 2.5 % of them are no tail."""

_FEW = 10
"""Cases below which resampled intervals are too narrow to stand without a warning."""

_MOST_ROWS = 12
"""Rows that a message names."""

BY_CONDITION = (
    "auc",
    "average_precision",
    "brier",
    "brier_skill",
    "log_loss",
    "ece",
    "ece_by_chance",
    "calibration_in_the_large",
    "calibration_slope",
)
"""Measures of each condition, in the order in which they are told."""


def evaluate(  # noqa: PLR0913 -- one option a decision
    net: Network,
    frame: pd.DataFrame,
    truth: str | Sequence[str] | Mapping[str, str],
    *,
    targets: Sequence[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    k: Sequence[int] = (1, 3),
    missing: Literal["error", "drop"] = "error",
    impossible: Literal["error", "drop"] = "error",
    extra: Literal["error", "ignore"] = "error",
    progress: bool | None = None,
    memory: int = MEMORY,
) -> Evaluation:
    """Return how good the network's answers are on cases whose truth is known.

    Parameters
    ----------
    net
        What is believed.
    frame
        One row a case, as `posteriors` takes it, and the truth in columns of its own.
    truth
        Either one column that names the condition of each row, or a list, tuple or set of
        them (an empty one: none of the conditions).  Or several columns that say of one
        condition each whether it is there (True or False, 1 or 0, or states by name): a list
        of columns named like the conditions, or a mapping of columns to conditions.  What
        stands in these columns is never evidence.
    targets
        The conditions to evaluate: all of them, or those that columns speak of, unless told
        otherwise.
    bootstrap
        How many times the rows are drawn anew, with replacement, for the intervals.
    seed
        Of the random numbers.
    level
        Of the intervals.
    k
        For each of them, in how many rows a true condition is among so many of the highest.
    missing
        What to do about rows without truth: refuse them by their labels, or leave them out,
        which the result tells.
    impossible
        The same for rows whose observations the network holds to be impossible together.
    extra
        As in `posteriors`.
    progress
        Show bars on standard error; by default only in a terminal and when it takes long.
    memory
        Bytes that the tensors may take.

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex
    ValueError
        If a row has no truth, a target is observed, or an argument is out of range.

    Examples
    --------
    >>> import buttpain as bp, pandas as pd
    >>> net = bp.load_network("five_findings")
    >>> cases = pd.DataFrame({
    ...     "sit_bone_tenderness": [True, True, False, None],
    ...     "burning_pain_past_knee": [False, None, True, False],
    ...     "diagnosis": ["proximal_hamstring_tendinopathy", "gluteal_myofascial_pain",
    ...                   "lumbar_radicular_pain", "proximal_hamstring_tendinopathy"],
    ... })
    >>> bp.evaluate(net, cases, "diagnosis").to_frame()[["metric", "value", "n"]].head(3)
          metric  value  n
    0      top_1   0.75  4
    1      top_3   1.00  4
    2  mean_rank   1.25  4
    """
    check_kind("net", net, Network)
    check_frame(frame)
    check_whole("bootstrap", bootstrap, _FEWEST)
    check_whole("seed", seed, 0)
    _check_options(level, k, {"missing": missing, "impossible": impossible})
    known = read_truth(net, frame, truth, targets)
    without = np.flatnonzero(known.missing)
    if without.size and missing == "error":
        raise ValueError(
            f"{without.size:,} of {len(frame):,} rows have no truth in {listed(known.columns)}: "
            f"{_some_rows(frame, without)}; fill it in, or leave these rows out with missing='drop'"
            f"{_no_conditions(net, known.targets)}"
        )
    asked = frame[~known.missing].drop(columns=list(known.columns))
    columns = Columns(net, asked.columns, known.targets, extra, memory)
    _check_no_target_is_observed(columns)
    found = _posteriors(columns, asked, impossible, progress)
    possible = np.asarray(np.isfinite(found).all(axis=1))
    if not possible.any():
        raise ValueError(f"of {len(frame):,} rows none is left to evaluate")
    cases = Cases(
        targets=known.targets,
        truth=known.present[~known.missing][possible],
        posterior=np.clip(found[possible], 0.0, 1.0),
        findings=_observed_findings(columns, asked)[possible],
        k=tuple(map(int, k)),
    )
    resampling = Resampling(bootstrap, seed, level, progress)
    return Evaluation(
        net=net,
        truth=known.columns,
        targets=known.targets,
        rows=int(possible.sum()),
        missing=tuple(frame.index[without]),
        impossible=tuple(asked.index[~possible]),
        observed=columns.nodes,
        bootstrap=bootstrap,
        seed=seed,
        level=level,
        _cases=cases,
        _scores=_scored(cases.in_order(), resampling),
    )


def _check_options(level: float, k: object, choices: Mapping[str, str]) -> None:
    if not 0 < as_number(level) < 1:
        raise ValueError(f"level must lie between 0 and 1, as 0.95 does; it is {level!r}")
    some = list(k) if isinstance(k, Iterable) else []
    whole = all(isinstance(item, Integral) and int(item) >= 1 for item in some)
    if not some or not whole or len(set(some)) != len(some):
        alone = f"; for one alone give ({k},)" if isinstance(k, Integral) else ""
        raise ValueError(f"k must be whole numbers from 1 on, each once, as (1, 3) is; it is {k!r}{alone}")
    for name, choice in choices.items():
        if choice not in ("error", "drop"):
            raise ValueError(f"{name} is 'error' or 'drop', not {choice!r}")


def _no_conditions(net: Network, targets: Sequence[str]) -> str:
    """Return what to say if truth was read from columns of findings, whose gaps are no mistake."""
    other = [node for node in targets if net.conditions and net.variable(node).role != "condition"]
    if not other:
        return ""
    roles = {node: (net.variable(node).role or "node").replace("_", " ") for node in other}
    named = ", ".join(f"{node!r} is a {role}" for node, role in roles.items())
    return f". In this network {named}, not a condition: truth= names the column that says what people had"


def _check_no_target_is_observed(columns: Columns) -> None:
    both = [node for node in columns.nodes if node in columns.targets]
    if both:
        raise ValueError(
            f"the frame observes {', '.join(map(repr, both))}, which is to be evaluated; name the column in "
            f"truth, or take it out of the frame"
        )


def _posteriors(columns: Columns, asked: pd.DataFrame, impossible: str, progress: bool | None) -> Array:
    """Return P(present) of each target, shape (rows, targets), NaN in rows that cannot be."""
    net, inner = columns.net, "error" if impossible == "error" else "nan"
    options: dict[str, Any] = {"impossible": inner, "progress": progress, "memory": columns.memory}
    found = posteriors(net, asked, columns.targets, extra="ignore", **options)
    place: dict[Any, int] = {label: i for i, label in enumerate(found.columns)}
    # A target of more than two states has a column for each.
    wanted = [name if name in place else (name, net.variable(name).positive) for name in columns.targets]
    return found.to_numpy(dtype=np.float64)[:, np.array([place[label] for label in wanted])]


def _observed_findings(columns: Columns, asked: pd.DataFrame) -> Places:
    """Return how many findings each row observes; nodes, in a network without findings."""
    net = columns.net
    counted = [i for i, node in enumerate(columns.nodes) if node in (net.findings or net.nodes)]
    counted = [i for i in counted if columns.nodes[i] not in net.given]
    return np.asarray((Rows(columns, asked).modes[:, counted] != MISSING).sum(axis=1))


def _some_rows(frame: pd.DataFrame, places: Places) -> str:
    shown = ", ".join(map(repr, frame.index[places[:_MOST_ROWS]].tolist()))
    more = places.size - _MOST_ROWS
    return f"rows {shown}{f' and {more:,} more' if more > 0 else ''}"


@dataclass(frozen=True, slots=True)
class _Score:
    """A measure with its interval, over n rows of which some are cases."""

    metric: str
    condition: str
    value: float
    low: float
    high: float
    n: int
    cases: int
    why_not: str = ""

    def row(self) -> tuple[Any, ...]:
        return self.metric, self.condition, self.value, self.low, self.high, self.n, self.cases


def _scored(cases: Cases, resampling: Resampling) -> tuple[_Score, ...]:
    """Return every measure, all conditions first."""
    everything = np.arange(len(cases.truth))[None]
    ours = {key: float(value[0]) for key, value in measures(cases, everything).items()}
    theirs = by_sklearn(cases)
    values = ours | theirs
    # What stands for all conditions is to be the mean of what stands for each.
    for name in ("auc", "average_precision", "brier", "log_loss"):
        each = [theirs[name, target] for target in cases.targets if (name, target) in theirs]
        values[name, ALL] = math.fsum(each) / len(each) if each else math.nan
    resampled = resampling.of(cases, lambda drawn: measures(cases, drawn))
    chance = resampling.chance(cases)
    values |= {key: float(value.mean()) for key, value in chance.items()}
    resampled |= chance
    keys = [(name, ALL) for name in cases.of_rows if name not in BY_CONDITION]
    keys += [(name, condition) for condition in (ALL, *cases.targets) for name in BY_CONDITION]
    ends = {key: resampling.ends(resampled[key]) for key in keys}
    for condition in (ALL, *cases.targets):
        key, noise = ("ece", condition), ends["ece_by_chance", condition][1]
        ends[key] = _error_ends(values[key], ends[key], float(resampled[key].mean()), noise)
    return tuple(_score(cases, key, values[key], ends[key]) for key in keys)


def _error_ends(value: float, drawn: tuple[float, float], mean: float, noise: float) -> tuple[float, float]:
    """Return an interval of a calibration error that holds the true one at least as often as it says.

    Neither the percentiles of resamples nor their mirror image do: chance makes an error of what
    is right, and in a resample once more.  What holds are two inequalities, for one condition and
    for the mean over conditions alike, since an error is a mean of distances.  It differs from the
    true one by no more than an error that chance alone makes (triangle inequality), so that the
    low end lies below the value by as much as such errors reach (Broecker and Smith 2007 draw
    them so), and is 0 where the value lies within them.  And it is on average no smaller than
    the true one (Jensen's inequality), so that the high end lies above it by no more than the
    resamples scatter.

    Parameters
    ----------
    value
        The error of these rows.
    drawn, mean
        Percentiles and mean of the errors of resamples.
    noise
        The high percentile of errors by chance alone.
    """
    # Posteriors that are far from the truth, such as 0, may leave less to chance than the rows do.
    reach = max(noise, drawn[1] - mean)
    return max(0.0, value - reach), max(value, min(1.0, value + mean - drawn[0]))


def _score(cases: Cases, key: Key, value: float, ends: tuple[float, float]) -> _Score:
    name, condition = key
    about = cases.truth if condition == ALL else cases.truth[:, cases.targets.index(condition)][:, None]
    some = np.asarray(about.any(axis=1))
    n = int(some.sum()) if name in cases.of_rows and np.isnan(cases.of_rows[name]).any() else len(some)
    why = ""
    if not np.isfinite([value, *ends]).all():
        why = _why_not(cases, key, about, value)
    return _Score(name, condition, value, *ends, n, int(some.sum()), why)


def _why_not(cases: Cases, key: Key, about: Truths, value: float) -> str:
    """Return why a measure is not told."""
    name, condition = key
    ranked = len(cases.targets)
    reasons = {
        "only one condition is ranked": name == "mean_rank" and ranked == 1,
        f"not below the number of conditions, {ranked}": name.startswith("top_")
        and int(name.removeprefix("top_")) >= ranked,
        "no cases": not about.any(),
        "no row without": bool(about.all()),
        "each condition is there in all rows or in none": key == ("brier_skill", ALL),
        "no condition has it": condition == ALL and name != "calibration_slope",
        "the posterior never varies": math.isnan(value),
        "cases and others lie apart": math.isinf(value),
        "too few cases for an interval": True,
    }
    return next(reason for reason, holds in reasons.items() if holds)


# -- the result --------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation:
    """How good a network's answers are on cases whose truth is known; made by `evaluate`.

    Parameters
    ----------
    net
        The network.
    truth
        The columns that held the truth.
    targets
        The conditions that were evaluated, and ranked among each other.
    rows
        How many cases were evaluated.
    missing, impossible
        Labels of the rows that were left out, because their truth is not known or because the
        network holds their observations to be impossible.
    observed
        Nodes that columns of the frame spoke of as evidence.
    bootstrap, seed, level
        As they were asked for.
    """

    net: Network
    truth: tuple[Any, ...]
    targets: tuple[str, ...]
    rows: int
    missing: tuple[Any, ...]
    impossible: tuple[Any, ...]
    observed: tuple[str, ...]
    bootstrap: int
    seed: int
    level: float
    _cases: Cases
    _scores: tuple[_Score, ...]

    def to_frame(self, *, by: Literal["condition", "pattern"] = "condition") -> pd.DataFrame:
        """Return one row a measure: of all conditions together ("all"), then of each.

        Parameters
        ----------
        by
            "pattern" is the same as `by_pattern`.

        Columns
        -------
        metric
            ``top_k``: the share of rows in which a true condition is among the k highest
            posteriors; ``mean_rank``: of the highest true condition (both over rows that have
            one; among equal posteriors the order is taken as random).  ``auc``,
            ``average_precision``, ``brier``, ``log_loss``: scikit-learn's.  ``brier_skill``:
            the share by which the Brier score lies below that of saying the base rate of these
            rows to everybody.  ``ece``: the expected calibration error, mean over ten groups of
            equal size by posterior of |share true - mean posterior|, weighted by size.
            ``ece_by_chance``: what it would be if the posteriors were right, since small groups
            differ by chance.  ``calibration_in_the_large``: share true - mean posterior; ideal is 0.
            ``calibration_slope``: of a logistic regression of the truth on the log odds of the
            posterior; ideal is 1, below it the posteriors are too extreme.
        condition
            Of "all", Brier score, log loss, calibration in the large, ``auc``, ``average_precision``
            and ``ece`` are means over conditions; skill and slope are of all conditions pooled.
        value, low, high
            With the percentile interval of the resamples.  Of ``ece``, which chance raises: from
            the value less the ``high`` of ``ece_by_chance`` (0 where it is no greater) to the value
            plus the scatter of the resamples below their mean; this holds the true error at least
            as often as `level` says, mostly more often.  Of ``ece_by_chance``: where chance alone
            would leave it.
        n, cases
            Rows, and rows in which the condition (of "all", any) is there.

        See Also
        --------
        undefined : measures that do not stand here, and why.
        """
        import pandas as pd

        if by == "pattern":
            return self.by_pattern()
        if by != "condition":
            raise ValueError(f"by is 'condition' or 'pattern', not {by!r}")
        columns = ["metric", "condition", "value", "low", "high", "n", "cases"]
        return pd.DataFrame([item.row() for item in self._scores if not item.why_not], columns=columns)

    def undefined(self) -> pd.DataFrame:
        """Return the measures that these cases do not have: metric, condition, reason."""
        import pandas as pd

        rows = [(item.metric, item.condition, item.why_not) for item in self._scores if item.why_not]
        return pd.DataFrame(rows, columns=["metric", "condition", "reason"])

    def calibration(
        self,
        target: str | None = None,
        *,
        bins: int = BINS,
        strategy: Literal["quantile", "uniform"] = "quantile",
    ) -> pd.DataFrame:
        """Return how often what was said came true: groups of rows by posterior.

        Parameters
        ----------
        target
            One condition; otherwise all pooled ("all"), then each.
        bins
            How many groups at most; rows of one posterior stay together.
        strategy
            Groups of equal size, or of equal width.

        Returns
        -------
        calibration
            condition, least, most, posterior (least, greatest and mean in the group), observed (share
            true), low, high (Wilson's interval of that share), n, cases.  Pooled, a row counts
            once for each condition, and the interval takes these for independent.
        """
        import pandas as pd

        if bins < 1:
            raise ValueError(f"bins must be at least 1; it is {bins}")
        if strategy not in ("quantile", "uniform"):
            raise ValueError(f"strategy is 'quantile' or 'uniform', not {strategy!r}")
        places = [None, *range(len(self.targets))] if target is None else [self._place(target)]
        rows = [row for place in places for row in self._curve(place, bins, strategy)]
        names = ["condition", "least", "most", "posterior", "observed", "low", "high", "n", "cases"]
        return pd.DataFrame(rows, columns=names)

    def _curve(self, place: int | None, bins: int, strategy: str) -> Iterator[tuple[Any, ...]]:
        cases = self._cases
        chosen = slice(None) if place is None else slice(place, place + 1)
        posterior, truth = cases.compared[:, chosen].ravel(), cases.truth[:, chosen].ravel()
        group = binned(posterior, bins, strategy)
        for i in np.unique(group):
            said, true = posterior[group == i], int(truth[group == i].sum())
            yield (
                ALL if place is None else self.targets[place],
                float(said.min()),
                float(said.max()),
                float(np.clip(said.mean(), said.min(), said.max())),  # rounding may put it beyond
                true / said.size,
                *wilson(true, said.size, self.level),
                said.size,
                true,
            )

    def decision_curve(self, target: str, *, thresholds: Sequence[float] | None = None) -> pd.DataFrame:
        """Return the net benefit of treating those whose posterior reaches a threshold.

        Net benefit is (true positives - false positives * t / (1 - t)) / rows (Vickers and
        Elkin 2006): true positives, less false ones at the price that choosing the threshold t
        puts on them.  Treating nobody has 0.

        Parameters
        ----------
        target
            A condition.
        thresholds
            Between 0 and 1; every hundredth unless given.

        Returns
        -------
        decision_curve
            threshold, net_benefit, low, high, treat_all, treat_none, gain (over the better of
            treating all and none), gain_low, gain_high, n.
        """
        import pandas as pd

        place = self._place(target)
        wanted = np.asarray(THRESHOLDS if thresholds is None else thresholds, dtype=np.float64)
        if not wanted.size or not ((wanted > 0) & (wanted < 1)).all():
            raise ValueError(f"thresholds must lie between 0 and 1; they are {wanted.tolist()}")
        cases = self._cases.in_order()
        groups = cases.groups[place]
        at, odds = np.searchsorted(groups.values, np.round(wanted, DECIMALS)), wanted / (1 - wanted)

        def measured(drawn: Places) -> dict[str, Array]:
            model, everybody = net_benefit(*groups.count(drawn), at, odds)
            return {"net_benefit": model, "treat_all": everybody, "gain": model - np.maximum(everybody, 0.0)}

        value = {name: array[0] for name, array in measured(np.arange(self.rows)[None]).items()}
        resampled = self._resampling.of(cases, measured)
        ends = {
            name: np.array([self._resampling.ends(column) for column in resampled[name].T]).T
            for name in ("net_benefit", "gain")
        }
        columns = {
            "threshold": wanted,
            "net_benefit": value["net_benefit"],
            "low": ends["net_benefit"][0],
            "high": ends["net_benefit"][1],
            "treat_all": value["treat_all"],
            "treat_none": 0.0,
            "gain": value["gain"],
            "gain_low": ends["gain"][0],
            "gain_high": ends["gain"][1],
            "n": self.rows,
        }
        return pd.DataFrame(columns)

    def by_pattern(self, *, edges: Sequence[int] = EDGES) -> pd.DataFrame:
        """Return the measures of all conditions together by how many findings were observed.

        Parameters
        ----------
        edges
            The least number of findings of each group, rising from 0.

        Returns
        -------
        by_pattern
            findings, metric, value, low, high, n: for each group that has rows ``top_k``,
            ``mean_rank``, ``brier`` and ``log_loss``, where they are defined.
        """
        import pandas as pd

        if not edges or edges[0] != 0 or any(np.diff(edges) < 1):
            raise ValueError(f"edges must rise from 0, as {EDGES} do; they are {tuple(edges)}")
        cases = self._cases.in_order()
        group = np.searchsorted(edges, cases.findings, side="right") - 1
        parts = {
            (int(i), name): np.where(group == i, score, math.nan)
            for i in np.unique(group)
            for name, score in cases.of_rows.items()
        }
        parts = {key: score for key, score in parts.items() if np.isfinite(score).any()}

        def measured(drawn: Places) -> dict[tuple[int, str], Array]:
            times = times_drawn(drawn)
            return {key: mean_score(times, score) for key, score in parts.items()}

        resampled = self._resampling.of(cases, measured)
        rows = []
        for (i, name), score in parts.items():
            known = score[np.isfinite(score)]
            ends = self._resampling.ends(resampled[i, name])
            rows.append((_span(edges, i), name, float(known.mean()), *ends, known.size))
        return pd.DataFrame(rows, columns=["findings", "metric", "value", "low", "high", "n"])

    @property
    def _resampling(self) -> Resampling:
        return Resampling(self.bootstrap, self.seed, self.level)

    def _place(self, target: str) -> int:
        if target not in self.targets:
            raise UnknownNode(target, self.targets, "this evaluation")
        return self.targets.index(target)

    # -- how it looks ----------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data, ready for JSON."""
        return {
            "network": self.net.name,
            "truth": list(map(str, self.truth)),
            "targets": list(self.targets),
            "observed": list(self.observed),
            "rows": self.rows,
            "missing": len(self.missing),
            "impossible": len(self.impossible),
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "level": self.level,
            "metrics": self.to_frame().to_dict("records"),
            "undefined": self.undefined().to_dict("records"),
            "calibration": self.calibration().to_dict("records"),
            "by_pattern": self.by_pattern().to_dict("records"),
        }

    def plot(
        self,
        ax: Axes | None = None,
        *,
        target: str | None = None,
        bins: int = BINS,
        strategy: Literal["quantile", "uniform"] = "quantile",
    ) -> Axes:
        """Draw the calibration curve of all conditions pooled, or of one.

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        target
            A condition.
        bins, strategy
            As in `calibration`.
        """
        from buttpain.display.plots import plot_calibration

        frame = self.calibration(target, bins=bins, strategy=strategy)
        shown = frame[frame["condition"] == (ALL if target is None else target)]
        name = self._pooled if target is None else self.net.label(target)
        return plot_calibration(shown, f"{self.net.name}: {name}, {_cases(self.rows)}", self.level, ax)

    def plot_decision(
        self, target: str, ax: Axes | None = None, *, thresholds: Sequence[float] | None = None
    ) -> Axes:
        """Draw the decision curve of a condition.

        Parameters
        ----------
        target
            A condition.
        ax
            Matplotlib axes; a new figure unless given.
        thresholds
            As in `decision_curve`.
        """
        from buttpain.display.plots import plot_decision

        frame = self.decision_curve(target, thresholds=thresholds)
        return plot_decision(
            frame, f"{self.net.name}: {self.net.label(target)}, {_cases(self.rows)}", self.level, ax
        )

    @property
    def _pooled(self) -> str:
        """What is pooled in the curve of "all", in words."""
        if len(self.targets) == 1:
            return self.net.label(self.targets[0])
        if set(self.targets) == {*self.net.conditions}:
            return "all conditions pooled"
        if {*self.targets} < {*self.net.conditions}:
            return f"{len(self.targets)} of {len(self.net.conditions)} conditions pooled"
        return f"{len(self.targets)} nodes pooled"

    def _grid(self) -> Grid:
        named = f"{self.net.name}, version {self.net.version}" if self.net.version else self.net.name
        where = f"column {self.truth[0]!r}" if len(self.truth) == 1 else f"{len(self.truth)} columns"
        title = f"{named}: {_cases(self.rows)}, {'its' if self.rows == 1 else 'their'} truth in {where}"
        scores = {(item.metric, item.condition): item for item in self._scores}
        rows = []
        for i, target in enumerate(self.targets):
            expected = float(self._cases.posterior[:, i].sum())
            cells = [_told(scores[name, target]) for name in ("auc", "brier_skill")]
            row = (self.net.label(target), f"{scores['auc', target].cases:,}", f"{expected:,.1f}", *cells)
            rows.append(row)
        headers = ("", ">cases", ">expected", ">AUC", ">Brier skill")
        return Grid(title, headers, rows, self._alerts(), list(self._notes()), list(self._lead(scores)))

    def _alerts(self) -> list[str]:
        alerts = []
        if self.impossible:
            alerts.append(
                f"Left out, as this network holds them to be impossible: {_counted(self.impossible)}. No "
                f"measure below holds that against it."
            )
        if self.missing:
            alerts.append(f"Left out, as their truth is missing: {_counted(self.missing)}.")
        inner = [
            self.net.label(node)
            for node in self.observed
            if self.net.variable(node).role in ("condition", "mechanism")
        ]
        if inner:
            alerts.append(f"Not findings, and yet observed in the frame: {', '.join(inner)}.")
        return alerts

    def _lead(self, scores: Mapping[Key, _Score]) -> Iterator[str]:
        rank = scores["mean_rank", ALL]
        if not rank.why_not:
            told = [(k, scores[f"top_{k}", ALL]) for k in self._cases.k]
            where = [
                f"{'first' if k == 1 else f'among the first {k}'} in {_told(score)}"
                for k, score in told
                if not score.why_not
            ]
            where.append(f"mean rank {_told(rank)} of {len(self.targets)}")
            some = f"{_cases(rank.n)} {'has' if rank.n == 1 else 'have'} one"
            yield f"True condition ({some}): {', '.join(where)}"
        yield (
            f"Brier score {_told(scores['brier', ALL])}, skill {_or_undefined(scores['brier_skill', ALL])}; "
            f"log loss {_told(scores['log_loss', ALL])}"
        )
        chance = scores["ece_by_chance", ALL]
        yield (
            f"Calibration slope {_or_undefined(scores['calibration_slope', ALL])}, observed minus "
            f"expected {_told(scores['calibration_in_the_large', ALL])}, expected calibration error "
            f"{scores['ece', ALL].value:.3f} (by chance alone {chance.low:.3f}–{chance.high:.3f})"
        )

    def _notes(self) -> Iterator[str]:
        yield (
            f"In brackets {100 * self.level:g} % intervals of {self.bootstrap:,} resamples of the cases "
            f"(seed {self.seed}). Expected: cases that the posteriors add up to."
        )
        true = self._cases.truth.sum(axis=0)
        few = np.minimum(true, self.rows - true) < _FEW
        if few.any():
            named = ", ".join(self.net.label(self.targets[i]) for i in np.flatnonzero(few))
            named = "every condition" if few.all() and few.size > 1 else named
            yield f"Fewer than {_FEW} cases or others, so that intervals are too narrow: {named}."

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()


def _counted(rows: Sequence[Any]) -> str:
    return f"{len(rows):,} row{'s' if len(rows) > 1 else ''}"


def _cases(count: int) -> str:
    return f"{count:,} case{'' if count == 1 else 's'}"


def _span(edges: Sequence[int], i: int) -> str:
    """Return in words which numbers a group holds."""
    if i + 1 == len(edges):
        return f"{edges[i]}+"
    last = edges[i + 1] - 1
    return f"{edges[i]}" if last == edges[i] else f"{edges[i]}-{last}"


def _or_undefined(score: _Score) -> str:
    """Write a measure for a sentence, in which a bare reason would read like a value."""
    return f"undefined ({score.why_not})" if score.why_not else _told(score)


def _told(score: _Score) -> str:
    """Write a measure with its interval, or why there is none."""
    if score.why_not:
        return score.why_not
    if score.metric.startswith("top_"):
        ends = percent(score.low).removesuffix(" %"), percent(score.high)
        return f"{percent(score.value)} ({ends[0]}–{ends[1]})"
    digits = 2 if score.metric in ("auc", "mean_rank", "calibration_slope", "brier_skill") else 3
    numbers = (round(number, digits) + 0.0 for number in (score.value, score.low, score.high))  # no -0.00
    value, low, high = (f"{number:.{digits}f}" for number in numbers)
    return f"{value} ({low}, {high})"
