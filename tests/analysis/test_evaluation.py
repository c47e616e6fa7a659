"""Evaluation on cases with known truth: against loops over enumerated posteriors, and known answers."""

import json
import math
from functools import cache, partial
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.stats import binom
from sklearn.calibration import calibration_curve  # type: ignore[import-untyped]

import buttpain as bp
from buttpain.analysis.evaluation import Evaluation, _error_ends, _Score, _scored, _told, evaluate
from buttpain.analysis.scores import Cases, Resampling, measures
from buttpain.model.network import Network, NoisyOr, Table, Variable
from reference import joint, posterior

CONDITIONS = ("tendinopathy", "radicular", "fracture")
FINDINGS = ("tender", "burning", "hop")


def network(*, links: float = 0.7) -> Network:
    """Return a risk factor, three conditions and three findings."""
    roles = {
        "age": "risk_factor",
        **dict.fromkeys(CONDITIONS, "condition"),
        **dict.fromkeys(FINDINGS, "finding"),
    }
    return Network(
        "small",
        tuple(Variable(name, role=role) for name, role in roles.items()),
        {
            "age": Table((), np.array([0.6, 0.4])),
            "tendinopathy": Table(("age",), np.array([[0.7, 0.3], [0.5, 0.5]])),
            "radicular": Table((), np.array([0.8, 0.2])),
            "fracture": Table((), np.array([0.7, 0.3])),
            "tender": NoisyOr(("tendinopathy",), 0.2, ((None, links),)),
            "burning": NoisyOr(("radicular", "tendinopathy"), 0.05, ((None, links), (None, 0.1))),
            "hop": NoisyOr(("fracture", "radicular"), 0.1, ((None, links), (None, 0.2))),
        },
    )


NET = network()


def simulated(net: Network, rows: int, *, seed: int = 0, unseen: float = 0.3) -> pd.DataFrame:
    """Return cases drawn from the enumerated joint distribution, with gaps in what was observed."""
    rng = np.random.default_rng(seed)
    worlds = joint(net)
    drawn = np.unravel_index(rng.choice(worlds.size, rows, p=worlds.ravel() / worlds.sum()), worlds.shape)
    named = {
        node: [net.states(node)[i] for i in states] for node, states in zip(net.nodes, drawn, strict=True)
    }
    frame = pd.DataFrame(named, index=[f"case {i}" for i in range(rows)], dtype=object)
    for node in (*net.risk_factors, *net.findings):
        frame.loc[rng.random(rows) < unseen, node] = None
    return frame


FRAME = simulated(NET, 60)
EVALUATION = evaluate(NET, FRAME, CONDITIONS, bootstrap=200)


@cache
def believed(evidence: tuple[tuple[str, str], ...], target: str) -> float:
    """Return P(present) by enumeration."""
    return float(posterior(NET, dict(evidence), target)[1])


def enumerated(frame: pd.DataFrame) -> list[dict[str, tuple[float, bool]]]:
    """Return posterior and truth of each condition in each row."""
    rows = []
    for _, row in frame.iterrows():
        seen = {node: row[node] for node in (*NET.risk_factors, *FINDINGS) if isinstance(row[node], str)}
        evidence = tuple(seen.items())
        rows.append({name: (believed(evidence, name), row[name] == "present") for name in CONDITIONS})
    return rows


def rows_of(frame: pd.DataFrame, *keys: str) -> dict[Any, Any]:
    """Return the rows of a frame by some of its columns."""
    return {tuple(row[key] for key in keys): row for row in frame.to_dict("records")}


def values(found: Evaluation) -> dict[tuple[str, str], float]:
    """Return every value by measure and condition."""
    return {key: row["value"] for key, row in rows_of(found.to_frame(), "metric", "condition").items()}


def reasons(found: Evaluation, condition: str) -> dict[str, str]:
    """Return why measures of a condition are not told."""
    return {
        row["metric"]: row["reason"]
        for row in found.undefined().to_dict("records")
        if row["condition"] == condition
    }


# -- against loops -------------------------------------------------------------------------------


def test_every_measure_is_that_of_enumerated_posteriors() -> None:
    """Posteriors by walking through all joint states, measures by walking through all rows."""
    rows, found = enumerated(FRAME), values(EVALUATION)
    ranks = []
    for row in rows:
        true = [said for said, there in row.values() if there]
        if true:
            ranks.append(1 + sum(said > max(true) for said, _ in row.values()))
    assert found["top_1", "all"] == pytest.approx(fmean(rank <= 1 for rank in ranks))
    assert found["mean_rank", "all"] == pytest.approx(fmean(ranks))
    skills = []
    for name in CONDITIONS:
        pairs = [row[name] for row in rows]
        base = fmean(there for _, there in pairs)
        brier = fmean((said - there) ** 2 for said, there in pairs)
        wins = [
            1.0 if said > other + 1e-12 else 0.5 if abs(said - other) <= 1e-12 else 0.0
            for said, there in pairs
            if there
            for other, rival in pairs
            if not rival
        ]
        assert found["auc", name] == pytest.approx(fmean(wins))
        assert found["brier", name] == pytest.approx(brier)
        assert found["brier_skill", name] == pytest.approx(1 - brier / (base * (1 - base)))
        assert found["log_loss", name] == pytest.approx(
            fmean(-math.log(said if there else 1 - said) for said, there in pairs)
        )
        assert found["calibration_in_the_large", name] == pytest.approx(
            base - fmean(said for said, _ in pairs)
        )
        skills.append((brier, base * (1 - base)))
    assert found["brier", "all"] == pytest.approx(fmean(brier for brier, _ in skills))
    assert found["brier_skill", "all"] == pytest.approx(
        1 - sum(brier for brier, _ in skills) / sum(base for _, base in skills)
    )
    for name in ("auc", "log_loss", "average_precision", "ece", "calibration_in_the_large"):
        assert found[name, "all"] == pytest.approx(fmean(found[name, target] for target in CONDITIONS))


def test_the_frame_is_tidy() -> None:
    """A row a measure, all conditions first; rows and cases are counted, and nothing is missing."""
    frame = EVALUATION.to_frame()
    assert list(frame.columns) == ["metric", "condition", "value", "low", "high", "n", "cases"]
    assert frame["metric"].tolist()[:2] == ["top_1", "mean_rank"]
    assert frame["condition"].unique().tolist() == ["all", *CONDITIONS]
    assert not frame.isna().to_numpy().any()
    assert not frame.duplicated(["metric", "condition"]).any()
    for name in CONDITIONS:
        own = frame[frame["condition"] == name]
        assert (own["cases"] == (FRAME[name] == "present").sum()).all()
        assert (own["n"] == 60).all()
    some = (FRAME[list(CONDITIONS)] == "present").any(axis=1).sum()
    assert (frame.loc[frame["condition"] == "all", "cases"] == some).all()
    assert frame.loc[frame["metric"].isin(["top_1", "mean_rank"]), "n"].tolist() == [some, some]
    assert (frame["low"] <= frame["value"]).all()
    assert (frame["value"] <= frame["high"]).all()


def test_groups_of_the_calibration_curve_are_those_of_scikit_learn() -> None:
    """Each condition's groups, and those of all pooled, are scikit-learn's points, and add up."""
    frame = EVALUATION.calibration(bins=4)
    rows = enumerated(FRAME)
    for name in ("all", *CONDITIONS):
        own = frame[frame["condition"] == name]
        chosen = CONDITIONS if name == "all" else (name,)
        pairs = [row[target] for row in rows for target in chosen]
        said, there = (np.round(np.array(part, dtype=float), 12) for part in zip(*pairs, strict=True))
        share, mean = calibration_curve(there, said, n_bins=4, strategy="quantile")
        assert own["observed"].tolist() == pytest.approx(share.tolist())
        assert own["posterior"].tolist() == pytest.approx(mean.tolist())
        assert own["n"].sum() == len(pairs)
        assert own["cases"].sum() == there.sum()
        assert (own["least"] <= own["posterior"]).all()
        assert (own["posterior"] <= own["most"]).all()
        assert (own["low"] <= own["observed"]).all()
        assert (own["observed"] <= own["high"]).all()
    alone = EVALUATION.calibration("fracture", bins=4)
    pd.testing.assert_frame_equal(alone, frame[frame["condition"] == "fracture"].reset_index(drop=True))


def test_the_calibration_error_is_that_of_the_curve() -> None:
    """The error follows from the frame of ten groups."""
    frame, found = EVALUATION.calibration(), values(EVALUATION)
    for name in CONDITIONS:
        own = frame[frame["condition"] == name]
        gap = (own["n"] * (own["observed"] - own["posterior"]).abs()).sum() / own["n"].sum()
        assert found["ece", name] == pytest.approx(gap)


def test_the_decision_curve_counts() -> None:
    """Net benefit at each threshold is counted row by row."""
    frame = EVALUATION.decision_curve("radicular", thresholds=[0.05, 0.2, 0.5, 0.95])
    pairs = [row["radicular"] for row in enumerated(FRAME)]
    for row in frame.to_dict("records"):
        price = row["threshold"] / (1 - row["threshold"])
        treated = [there for said, there in pairs if round(said, 12) >= row["threshold"]]
        wanted = (sum(treated) - price * sum(not there for there in treated)) / 60
        everybody = fmean(1.0 if there else -price for _, there in pairs)
        assert row["net_benefit"] == pytest.approx(wanted)
        assert row["treat_all"] == pytest.approx(everybody)
        assert row["gain"] == pytest.approx(wanted - max(everybody, 0))
        assert row["low"] <= row["net_benefit"] <= row["high"]
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]
        assert (row["treat_none"], row["n"]) == (0, 60)


def test_a_threshold_that_a_posterior_meets_is_reached() -> None:
    """Who stands exactly at the threshold is treated."""
    half = Network("half", (Variable("a", role="condition"),), {"a": Table((), np.array([0.5, 0.5]))})
    found = evaluate(half, pd.DataFrame({"a": [True, False, True]}), "a", bootstrap=100)
    frame = found.decision_curve("a", thresholds=[0.5, 0.51])
    assert frame["net_benefit"].tolist() == pytest.approx([1 / 3, 0])


def test_rows_by_pattern_are_evaluated_apart() -> None:
    """Each group by number of findings has the values of an evaluation of its rows alone."""
    counts = FRAME[list(FINDINGS)].notna().sum(axis=1)
    frame = EVALUATION.by_pattern(edges=(0, 2, 3))
    assert frame["findings"].unique().tolist() == ["0-1", "2", "3+"]
    for name, chosen in (("0-1", counts < 2), ("2", counts == 2), ("3+", counts == 3)):
        alone = evaluate(NET, FRAME[chosen], CONDITIONS, bootstrap=100).to_frame()
        alone = alone[alone["condition"] == "all"].set_index("metric")
        own = frame[frame["findings"] == name].set_index("metric")
        assert own.index.tolist() == ["top_1", "mean_rank", "brier", "log_loss"]
        assert own["value"].tolist() == pytest.approx(alone.loc[own.index, "value"].tolist())
        assert own["n"].tolist() == alone.loc[own.index, "n"].tolist()
        assert (own["low"] <= own["value"]).all()
        assert (own["value"] <= own["high"]).all()
    pd.testing.assert_frame_equal(EVALUATION.to_frame(by="pattern"), EVALUATION.by_pattern())


def test_findings_are_what_is_counted() -> None:
    """Risk factors and the network's selection are no findings; likelihoods observe as states do."""
    net = bp.load_network("five_findings")
    frame = pd.DataFrame(
        {
            "buttock_pain": ["present", "present"],
            "hop_test_pain": ["absent", None],
            "sit_bone_tenderness:absent": [0.2, math.nan],
            "sit_bone_tenderness:present": [0.8, math.nan],
            "dx": ["deep_gluteal_syndrome", "deep_gluteal_syndrome"],
        }
    )
    found = evaluate(net, frame, "dx", bootstrap=100).by_pattern(edges=(0, 1, 2, 3))
    assert found["findings"].unique().tolist() == ["0", "2"]
    assert EVALUATION.by_pattern(edges=(0, 4))["findings"].unique().tolist() == ["0-3"]


# -- known answers -------------------------------------------------------------------------------


def certain() -> Network:
    """Return two conditions that a finding each gives away."""
    return Network(
        "certain",
        (
            *(Variable(name, role="condition") for name in "ab"),
            *(Variable(name, role="finding") for name in "xy"),
        ),
        {
            "a": Table((), np.array([0.5, 0.5])),
            "b": Table((), np.array([0.75, 0.25])),
            "x": Table(("a",), np.eye(2)),
            "y": Table(("b",), np.eye(2)),
        },
    )


SEEN = pd.DataFrame({"x": [1, 1, 0, 0, 1], "y": [0, 0, 1, 0, 0]}).replace({0: "absent", 1: "present"})


def test_a_perfect_predictor() -> None:
    """Who knows the truth ranks it first, is never wrong, and gains all there is at each threshold."""
    frame = SEEN.assign(a=SEEN["x"], b=SEEN["y"])
    result = evaluate(certain(), frame, ["a", "b"], bootstrap=100)
    found = values(result)
    assert found["top_1", "all"] == found["mean_rank", "all"] == 1
    for name in ("a", "b"):
        assert found["auc", name] == found["average_precision", name] == found["brier_skill", name] == 1
        assert found["brier", name] == found["ece", name] == found["calibration_in_the_large", name] == 0
        assert found["log_loss", name] == pytest.approx(0, abs=1e-15)
    assert result.decision_curve("a")["net_benefit"].tolist() == pytest.approx([0.6] * 99)
    assert reasons(result, "a") == {"calibration_slope": "cases and others lie apart"}


def test_the_worst_predictor() -> None:
    """Who is always certain of the contrary is as wrong as the measures allow, and finite."""
    other = {"absent": "present", "present": "absent"}
    frame = SEEN.assign(a=SEEN["x"].map(other), b=SEEN["y"].map(other))
    result = evaluate(certain(), frame, ["a", "b"], bootstrap=100)
    found = values(result)
    assert found["auc", "a"] == 0
    assert found["brier", "a"] == found["ece", "a"] == 1
    assert found["brier_skill", "a"] == pytest.approx(1 - 1 / 0.24)
    assert found["log_loss", "a"] == pytest.approx(-math.log(np.finfo(float).eps))
    assert found["calibration_in_the_large", "a"] == pytest.approx(0.4 - 0.6)
    # One row has both conditions and is told neither: whichever comes first is right.
    assert found["top_1", "all"] == pytest.approx(1 / 5)
    assert (result.decision_curve("a")["net_benefit"] <= 0).all()


def test_a_constant_predictor() -> None:
    """Who says the same of everybody tells nobody apart, and treats all or none."""
    frame = pd.DataFrame({"dx": [["a"], ["a"], [], ["b"]]})
    result = evaluate(certain(), frame, "dx", bootstrap=100)
    found = values(result)
    assert found["auc", "a"] == found["auc", "b"] == 0.5
    assert found["average_precision", "a"] == 0.5
    assert found["brier_skill", "a"] == pytest.approx(0)
    assert found["brier", "a"] == pytest.approx(0.25)
    assert found["ece", "a"] == found["ece", "b"] == pytest.approx(0)
    assert found["top_1", "all"] == pytest.approx(2 / 3)
    assert found["mean_rank", "all"] == pytest.approx(4 / 3)
    assert reasons(result, "a") == {"calibration_slope": "the posterior never varies"}
    curve = result.decision_curve("b", thresholds=[0.2, 0.25, 0.3])
    assert curve["net_benefit"].tolist() == pytest.approx([*curve["treat_all"][:2], 0])


def test_ties_are_shared() -> None:
    """Among equal posteriors every order counts the same."""
    net = Network(
        "tied",
        tuple(Variable(name, role="condition") for name in "abcd"),
        {name: Table((), np.array([0.5, 0.5])) for name in "abcd"},
    )
    found = values(evaluate(net, pd.DataFrame({"dx": ["a", "c"]}), "dx", k=(1, 2, 3), bootstrap=100))
    assert [found[f"top_{k}", "all"] for k in (1, 2, 3)] == pytest.approx([1 / 4, 2 / 4, 3 / 4])
    assert found["mean_rank", "all"] == pytest.approx(2.5)
    found = values(evaluate(net, pd.DataFrame({"dx": [["a", "c"]] * 2}), "dx", k=(1, 2), bootstrap=100))
    assert [found[f"top_{k}", "all"] for k in (1, 2)] == pytest.approx([1 / 2, 5 / 6])
    assert found["mean_rank", "all"] == pytest.approx(5 / 3)


def test_a_right_network_is_calibrated() -> None:
    """On cases from the network itself what is said comes true, within what chance leaves."""
    found = evaluate(NET, simulated(NET, 3000, seed=5), CONDITIONS, bootstrap=200, level=0.99)
    rows = rows_of(found.to_frame(), "metric", "condition")
    for name in ("all", *CONDITIONS):
        slope, large = rows["calibration_slope", name], rows["calibration_in_the_large", name]
        assert slope["low"] < 1 < slope["high"]
        assert large["low"] < 0 < large["high"]
        assert rows["ece", name]["value"] < rows["ece_by_chance", name]["high"]
    curve = found.calibration()
    inside = (curve["low"] <= curve["posterior"]) & (curve["posterior"] <= curve["high"])
    assert inside.mean() >= 0.95
    assert len(curve) > 20


def test_the_interval_of_a_calibration_error_allows_for_chance() -> None:
    """It reaches as far below the value as chance alone goes, above it as far as resamples scatter."""
    cases = EVALUATION._cases.in_order()
    resampling = Resampling(200, 0, 0.95)
    found = resampling.of(cases, partial(measures, cases))
    rows = rows_of(EVALUATION.to_frame(), "metric", "condition")
    for name in ("all", *CONDITIONS):
        by_chance = resampling.chance(cases)["ece_by_chance", name]
        row = rows["ece_by_chance", name]
        assert row["value"] == pytest.approx(by_chance.mean())
        assert (row["low"], row["high"]) == pytest.approx(resampling.ends(by_chance))
        noise = resampling.ends(by_chance)[1]
        drawn = found["ece", name]
        low, high = resampling.ends(drawn)
        row = rows["ece", name]
        assert row["high"] == pytest.approx(row["value"] + drawn.mean() - low)
        assert row["low"] == pytest.approx(max(0.0, row["value"] - max(noise, high - drawn.mean())))
        assert drawn.mean() > row["value"]


def test_the_ends_of_a_calibration_error() -> None:
    """They stand where the two inequalities put them, hold the value, and stay between 0 and 1."""
    assert _error_ends(0.3, (0.28, 0.36), 0.32, 0.1) == pytest.approx((0.2, 0.34))
    assert _error_ends(0.3, (0.28, 0.36), 0.32, 0.01) == pytest.approx((0.26, 0.34))
    assert _error_ends(0.05, (0.04, 0.1), 0.07, 0.05) == pytest.approx((0, 0.08))
    assert _error_ends(0.99, (0.9, 1.0), 0.98, 0.0) == pytest.approx((0.97, 1))
    assert _error_ends(1.0, (1.0, 1.0), 1.0, 0.0) == (1, 1)


@pytest.mark.parametrize("off", [0.0, 0.02, 0.1, 0.3])
def test_the_interval_of_a_calibration_error_covers_from_right_to_wrong(off: float) -> None:
    """Whether what is said is right or off by a little or a lot, 19 in 20 intervals hold the error."""
    rng = np.random.default_rng(7)
    names, cohorts, rows = tuple("abcde"), 40, 300
    held = dict.fromkeys(("all", *names), 0)
    for i in range(cohorts):
        said = rng.beta(0.6, 3, (rows, len(names)))
        chance = said + off * (1 - said) * np.array([1, 1, 1, 0, 0])
        cases = Cases(names, rng.random(said.shape) < chance, said, np.zeros(rows, np.intp), (1,))
        errors = [np.abs((chance - said)[:, j] @ cases.bins[j]).sum() / rows for j in range(len(names))]
        truth = dict(zip(names, errors, strict=True)) | {"all": fmean(errors)}
        for score in _scored(cases, Resampling(100, i, 0.95)):
            if score.metric == "ece":
                held[score.condition] += score.low <= truth[score.condition] <= score.high
    assert binom.cdf(held.pop("all"), cohorts, 0.95) > 0.01
    assert binom.cdf(sum(held.values()), cohorts * len(names), 0.95) > 0.01


def test_the_interval_of_a_calibration_error_covers() -> None:
    """Of samples from a population that is far from what is said, most intervals hold its error."""
    rng = np.random.default_rng(0)
    levels = np.arange(0.05, 1, 0.1)
    inside = 0
    for i in range(60):
        said = np.repeat(levels, 40)[:, None]
        truth = rng.random(said.shape) < np.where(said > 0.5, said - 0.25, said)
        cases = Cases(("a",), truth, said, np.zeros(400, dtype=np.intp), (1,))
        scores = {score.metric: score for score in _scored(cases, Resampling(200, i, 0.9))}
        inside += scores["ece"].low <= 0.125 <= scores["ece"].high
    assert inside >= 45


def test_a_network_that_is_too_sure_is_seen() -> None:
    """With links far too strong the slope falls below 1 and the error above chance."""
    found = evaluate(network(links=0.98), simulated(NET, 3000, seed=5), CONDITIONS, bootstrap=200)
    rows = rows_of(found.to_frame(), "metric", "condition")
    assert rows["calibration_slope", "all"]["high"] < 1
    for name in CONDITIONS[:2]:
        assert rows["ece", name]["value"] > rows["ece_by_chance", name]["high"]


# -- laws ----------------------------------------------------------------------------------------


def assert_same(one: Evaluation, other: Evaluation) -> None:
    """Demand the same numbers everywhere, intervals included."""
    for first, second in (
        (one.to_frame(), other.to_frame()),
        (one.by_pattern(), other.by_pattern()),
        (one.calibration(), other.calibration()),
        (one.decision_curve("radicular"), other.decision_curve("radicular")),
    ):
        pd.testing.assert_frame_equal(first, second, rtol=1e-9, atol=1e-12)


def test_the_order_of_rows_and_columns_does_not_matter() -> None:
    """Shuffled cases give the same values, and the same intervals."""
    shuffled = FRAME.sample(frac=1, random_state=3).loc[:, FRAME.columns[::-1]]
    assert not shuffled.index.equals(FRAME.index)
    assert_same(EVALUATION, evaluate(NET, shuffled, CONDITIONS, bootstrap=200))


def test_truth_is_no_evidence() -> None:
    """The posteriors are the same whatever the truth, and wherever it stands."""
    names = {f"true {name}": name for name in CONDITIONS}
    renamed = FRAME.rename(columns={name: column for column, name in names.items()})
    assert_same(EVALUATION, evaluate(NET, renamed, names, bootstrap=200))
    true = [[name for name in CONDITIONS if row[name] == "present"] for _, row in FRAME.iterrows()]
    named = FRAME.drop(columns=list(CONDITIONS)).assign(dx=pd.Series(true, FRAME.index, dtype=object))
    assert_same(EVALUATION, evaluate(NET, named, "dx", bootstrap=200))
    denied = evaluate(NET, FRAME.assign(**dict.fromkeys(CONDITIONS, "absent")), CONDITIONS, bootstrap=100)
    columns = ["condition", "least", "most", "posterior", "n"]
    pd.testing.assert_frame_equal(denied.calibration()[columns], EVALUATION.calibration()[columns])


def test_an_observed_target_is_refused() -> None:
    """What is to be evaluated may not stand among the evidence in any form; others may, and are told."""
    one = FRAME.drop(columns=["tendinopathy", "fracture"]).assign(dx="radicular")
    with pytest.raises(ValueError, match="the frame observes 'radicular', which is to be evaluated"):
        evaluate(NET, one, "dx")
    soft = one.drop(columns="radicular").assign(**{"fracture:absent": 1.0, "fracture:present": 0.5})
    with pytest.raises(ValueError, match="the frame observes 'fracture'"):
        evaluate(NET, soft, "dx")
    other = evaluate(NET, FRAME.drop(columns="fracture"), ["radicular"], bootstrap=100)
    assert "Not findings, and yet observed in the frame: tendinopathy." in repr(other)
    assert "observed in the frame" not in repr(EVALUATION)


def test_the_seed_draws_the_intervals_and_nothing_else() -> None:
    """The same seed gives the same intervals, another seed others; values stay but for those of chance."""
    again, other = (evaluate(NET, FRAME, CONDITIONS, bootstrap=200, seed=seed) for seed in (0, 1))
    pd.testing.assert_frame_equal(again.to_frame(), EVALUATION.to_frame())
    one, two = (found.to_frame().query("metric != 'ece_by_chance'") for found in (EVALUATION, other))
    pd.testing.assert_series_equal(one["value"], two["value"])
    assert (one["low"] != two["low"]).mean() > 0.7


def test_a_higher_level_is_wider() -> None:
    """An interval of 99 % holds that of 80 %."""
    wide, narrow = (
        evaluate(NET, FRAME, CONDITIONS, bootstrap=200, level=level).to_frame() for level in (0.99, 0.8)
    )
    assert (wide["low"] <= narrow["low"]).all()
    assert (wide["high"] >= narrow["high"]).all()
    assert (wide["high"] > narrow["high"]).mean() > 0.7


# -- rows that are left out ----------------------------------------------------------------------


def test_rows_without_truth_are_refused_or_counted() -> None:
    """Missing truth is an error that names the rows; asked to, it leaves them out and says so."""
    frame = FRAME.copy()
    frame.loc[["case 3", "case 7"], "fracture"] = None
    with pytest.raises(ValueError, match=r"2 of 60 rows have no truth.*rows 'case 3', 'case 7'; fill it in"):
        evaluate(NET, frame, CONDITIONS)
    found = evaluate(NET, frame, CONDITIONS, missing="drop", bootstrap=200)
    assert (found.rows, found.missing) == (58, ("case 3", "case 7"))
    assert "! Left out, as their truth is missing: 2 rows." in repr(found)
    assert found.to_dict()["missing"] == 2
    assert_same(found, evaluate(NET, FRAME.drop(["case 3", "case 7"]), CONDITIONS, bootstrap=200))
    with pytest.raises(ValueError, match=r"rows 'case 0', .*'case 11' and 48 more; fill it in"):
        evaluate(NET, FRAME.assign(fracture=None), CONDITIONS)


def test_impossible_rows_are_refused_or_counted() -> None:
    """Rows that the network rules out are an error that names them, or left out with a warning."""
    net = Network(
        "strict",
        (Variable("a", role="condition"), Variable("x", role="finding"), Variable("y", role="finding")),
        {
            "a": Table((), np.array([0.5, 0.5])),
            "x": Table(("a",), np.array([[1.0, 0.0], [0.4, 0.6]])),
            "y": Table(("a",), np.array([[0.4, 0.6], [1.0, 0.0]])),
        },
    )
    frame = pd.DataFrame(
        {"x": [True, False, True], "y": [True, True, False], "a": [1, 0, 1]}, index=[5, 6, 7]
    )
    with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together in row") as caught:
        evaluate(net, frame, "a")
    assert caught.value.rows == (5,)
    found = evaluate(net, frame, "a", impossible="drop", bootstrap=100)
    assert (found.rows, found.impossible, found.missing) == (2, (5,), ())
    assert repr(found).startswith(
        "! Left out, as this network holds them to be impossible: 1 row. No measure"
    )
    assert found.to_dict()["impossible"] == 1
    assert values(found)["brier", "a"] == pytest.approx(0)
    with pytest.raises(ValueError, match="of 1 rows none is left"):
        evaluate(net, frame[:1], "a", impossible="drop")


def test_nothing_is_left() -> None:
    """No rows, or none with truth, cannot be evaluated."""
    with pytest.raises(ValueError, match="of 0 rows none is left"):
        evaluate(NET, FRAME[:0], CONDITIONS)
    with pytest.raises(ValueError, match="of 60 rows none is left"):
        evaluate(NET, FRAME.assign(fracture=None), CONDITIONS, missing="drop")


def test_extra_columns_are_refused_or_left_out() -> None:
    """Columns that name no node are an error unless told otherwise."""
    frame = FRAME.assign(clinic="north")
    with pytest.raises(bp.UnknownNode, match=r"'clinic'.*extra='ignore' leaves it out"):
        evaluate(NET, frame, CONDITIONS)
    assert_same(EVALUATION, evaluate(NET, frame, CONDITIONS, extra="ignore", bootstrap=200))


# -- what cannot be told -------------------------------------------------------------------------


def test_a_condition_without_cases_has_no_auc() -> None:
    """Never or always there: the measures that need both are missing from the frame, with the reason."""
    frame = FRAME.assign(fracture="absent", radicular="present")
    found = evaluate(NET, frame, CONDITIONS, bootstrap=100)
    assert not found.to_frame().isna().to_numpy().any()
    need_both = {"auc", "average_precision", "brier_skill", "calibration_slope"}
    for name, reason in (("fracture", "no cases"), ("radicular", "no row without")):
        assert reasons(found, name) == dict.fromkeys(need_both, reason)
        assert not need_both & set(found.to_frame().query("condition == @name")["metric"])
    told = values(found)
    assert told["auc", "all"] == pytest.approx(told["auc", "tendinopathy"])
    assert "fracture" in repr(found)
    assert "no cases" in repr(found)
    nobody = evaluate(NET, FRAME.assign(**dict.fromkeys(CONDITIONS, False)), CONDITIONS, bootstrap=100)
    assert reasons(nobody, "all") == {
        "top_3": "not below the number of conditions, 3",
        **dict.fromkeys(["top_1", "mean_rank", *need_both], "no cases"),
    }
    mixed = evaluate(NET, frame, ["fracture", "radicular"], bootstrap=100)
    assert reasons(mixed, "all")["auc"] == "no condition has it"
    assert reasons(mixed, "all")["brier_skill"] == "each condition is there in all rows or in none"
    shown = " ".join(repr(mixed).split())
    assert "skill undefined (each condition is there in all rows or in none); log loss" in shown
    assert "Calibration slope undefined (no cases), observed minus" in " ".join(repr(nobody).split())


def test_ranks_among_too_few_are_not_told() -> None:
    """Being among the first three of three says nothing, nor does being first of one."""
    assert EVALUATION.undefined().to_dict("records") == [
        {"metric": "top_3", "condition": "all", "reason": "not below the number of conditions, 3"}
    ]
    alone = evaluate(NET, FRAME, CONDITIONS, targets=["radicular"], bootstrap=100)
    assert not {"top_1", "mean_rank"} & set(alone.to_frame()["metric"])
    assert alone.undefined()["reason"].tolist()[2] == "only one condition is ranked"
    assert "mean rank" not in repr(alone)


def test_few_cases_leave_a_slope_without_an_end() -> None:
    """Where one resample in ten lies apart the slope has no interval, and is not told."""
    seen = {"tender": [1, 1, 0, 0, 1, 0, 0, 0], "burning": [0, 1, 0, 1, 1, 0, 1, 0]}
    frame = pd.DataFrame(seen).astype(bool).assign(tendinopathy=[True] * 3 + [False] * 5)
    found = evaluate(NET, frame, "tendinopathy", bootstrap=200)
    assert reasons(found, "tendinopathy") == {"calibration_slope": "too few cases for an interval"}
    assert ("auc", "tendinopathy") in values(found)


# -- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bootstrap": 99}, "bootstrap must be at least 100; it is 99"),
        ({"level": 95}, "level must lie between 0 and 1, as 0.95 does; it is 95"),
        ({"k": ()}, "k must be whole numbers"),
        ({"k": (0, 1)}, "k must be whole numbers"),
        ({"k": (1, 1)}, "k must be whole numbers"),
        ({"k": (1.5,)}, "k must be whole numbers"),
        ({"k": 2}, r"k must be whole numbers .* it is 2; for one alone give \(2,\)"),
        ({"k": "2"}, "k must be whole numbers .* it is '2'"),
        ({"seed": -1}, "seed must be at least 0; it is -1"),
        ({"level": "0.9"}, "level must lie between 0 and 1, as 0.95 does; it is '0.9'"),
        ({"missing": "ignore"}, "missing is 'error' or 'drop', not 'ignore'"),
        ({"impossible": "nan"}, "impossible is 'error' or 'drop', not 'nan'"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    """Each option says what it allows."""
    with pytest.raises(ValueError, match=words):
        evaluate(NET, FRAME, CONDITIONS, **options)


def test_options_of_the_frames_are_checked() -> None:
    """So do those of the tables made from a result."""
    with pytest.raises(ValueError, match="by is 'condition' or 'pattern', not 'row'"):
        EVALUATION.to_frame(by="row")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bins must be at least 1; it is 0"):
        EVALUATION.calibration(bins=0)
    with pytest.raises(ValueError, match="strategy is 'quantile' or 'uniform', not 'equal'"):
        EVALUATION.calibration(strategy="equal")  # type: ignore[arg-type]
    with pytest.raises(bp.UnknownNode, match="'hop' is no node of this evaluation"):
        EVALUATION.calibration("hop")
    with pytest.raises(bp.UnknownNode, match="Did you mean 'fracture'"):
        EVALUATION.decision_curve("fractur")
    for thresholds in ([], [0.0], [0.5, 1.0], [math.nan]):
        with pytest.raises(ValueError, match="thresholds must lie between 0 and 1"):
            EVALUATION.decision_curve("fracture", thresholds=thresholds)
    for edges in ((), (1, 2), (0, 2, 2)):
        with pytest.raises(ValueError, match="edges must rise from 0"):
            EVALUATION.by_pattern(edges=edges)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"net": None}, r"net must be a Network, not NoneType; bp\.load_network\(\.\.\.\) reads one"),
        ({"frame": [1]}, "cases come in a pandas DataFrame, not in list: one row a case"),
        ({"seed": "a"}, "seed must be a whole number, 0 or more; it is 'a'"),
        ({"bootstrap": 200.0}, "bootstrap must be a whole number, 100 or more; it is 200.0"),
        ({"truth": FRAME["fracture"]}, r"truth names columns .* given was Series\. Put what it holds into"),
        ({"truth": FRAME[list(CONDITIONS)]}, "truth names columns .* given was DataFrame"),
        ({"truth": 5}, "truth names columns .* given was int"),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused(given: dict[str, Any], words: str) -> None:
    """Each mistake is told in the words of the caller."""
    with pytest.raises(TypeError, match=words):
        evaluate(**{"net": NET, "frame": FRAME, "truth": CONDITIONS, **given})


def test_truth_that_is_a_finding_is_told() -> None:
    """Gaps in a finding that was named as truth are no gaps in the truth."""
    with pytest.raises(ValueError, match=r"rows have no truth .*'hop' is a finding, not a condition: truth="):
        evaluate(NET, FRAME, "hop")
    with pytest.raises(ValueError, match="'age' is a risk factor, not a condition"):
        evaluate(NET, FRAME, ["age", "fracture"])
    with pytest.raises(ValueError, match=r"missing='drop'$"):
        evaluate(NET, FRAME.assign(fracture=None), CONDITIONS)


def test_columns_of_ones_and_zeros_are_evidence() -> None:
    """A table of 1, 0 and gaps, which pandas holds as floats, says what one of states says."""
    coded = FRAME.assign(**{name: FRAME[name].map({"present": 1, "absent": 0}) for name in FINDINGS})
    assert coded["hop"].dtype == float
    assert_same(EVALUATION, evaluate(NET, coded, CONDITIONS, bootstrap=200))


def test_a_dask_frame_is_refused() -> None:
    """The truth has to be read whole."""
    dask = pytest.importorskip("dask.dataframe")
    with pytest.raises(TypeError, match=r"call \.compute\(\)"):
        evaluate(NET, dask.from_pandas(FRAME, npartitions=2), CONDITIONS)


def test_a_target_with_more_than_two_states() -> None:
    """What is evaluated is whether it is present."""
    net = Network(
        "three",
        (Variable("a", ("absent", "healed", "present"), role="condition"), Variable("x", role="finding")),
        {
            "a": Table((), np.array([0.5, 0.3, 0.2])),
            "x": Table(("a",), np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])),
        },
    )
    frame = pd.DataFrame({"x": [True, False, None], "a": ["present", "healed", "absent"]})
    found = evaluate(net, frame, ["a"], bootstrap=100).calibration("a")
    wanted = sorted(float(posterior(net, seen, "a")[2]) for seen in ({"x": "present"}, {"x": "absent"}, {}))
    assert found["posterior"].tolist() == pytest.approx(wanted)


# -- how it looks --------------------------------------------------------------------------------


def test_the_table_fits_a_terminal() -> None:
    """No line is longer than 80 characters; the headline numbers and their intervals are there."""
    shown = repr(EVALUATION)
    assert max(map(len, shown.splitlines())) <= 80
    rows = rows_of(EVALUATION.to_frame(), "metric", "condition")
    first, auc = rows["top_1", "all"], rows["auc", "radicular"]
    assert f"first in {100 * first['value']:.1f} % ({100 * first['low']:.1f}–" in shown
    assert f"{auc['value']:.2f} ({auc['low']:.2f}, {auc['high']:.2f})" in shown
    assert "60 cases, their truth in 3 columns" in shown
    assert "top_3" not in shown


def test_numbers_are_rounded_without_a_sign_on_zero() -> None:
    """What rounds to 0 is 0, from either side."""
    assert _told(_Score("brier_skill", "a", -0.001, -0.004, 0.002, 9, 3)) == "0.00 (0.00, 0.00)"
    assert _told(_Score("brier_skill", "a", -0.006, -1.0, 0.002, 9, 3)) == "-0.01 (-1.00, 0.00)"
    assert _told(_Score("top_1", "all", 0.5, 0.25, 1.0, 9, 3)) == "50.0 % (25.0–100 %)"
    assert _told(_Score("auc", "a", 0.5, 0.25, 1.0, 9, 0, "no cases")) == "no cases"


def test_few_cases_are_told_to_be_few() -> None:
    """A condition with hardly any case, or hardly any row without it, is named below the table."""
    assert "Fewer than" not in repr(EVALUATION)
    rare = np.where(np.arange(60) < 9, "present", "absent")
    common = np.where(np.arange(60) < 51, "present", "absent")
    enough = np.where(np.arange(60) < 50, "present", "absent")
    found = evaluate(NET, FRAME.assign(tendinopathy=rare, radicular=common, fracture=enough), CONDITIONS)
    told = " ".join(repr(found).split())
    assert "Fewer than 10 cases or others, so that intervals are too narrow: tendinopathy, radicular." in told
    everything = evaluate(NET, FRAME[:12], CONDITIONS, bootstrap=100)
    assert "intervals are too narrow: every condition." in " ".join(repr(everything).split())


def test_html_shows_the_same_without_script() -> None:
    """What is said in HTML is escaped, and runs nothing."""
    named = Network(
        "<b>",
        (Variable("a", role="condition", label="<script>x</script>"),),
        {"a": Table((), np.array([0.5, 0.5]))},
    )
    html = evaluate(named, pd.DataFrame({"a": [1, 0]}), "a", bootstrap=100)._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;x" in html
    assert "Brier skill" in html


def test_plain_data_is_ready_for_json() -> None:
    """All numbers are finite, and what is told is what the frames hold."""
    data = json.loads(json.dumps(EVALUATION.to_dict(), allow_nan=False))
    assert data["rows"] == 60
    assert data["truth"] == data["targets"] == list(CONDITIONS)
    assert data["metrics"] == EVALUATION.to_frame().to_dict("records")
    assert data["calibration"] == EVALUATION.calibration().to_dict("records")
    assert data["by_pattern"] == EVALUATION.by_pattern().to_dict("records")
    assert [item["metric"] for item in data["undefined"]] == ["top_3"]


def texts(axes: Any) -> list[str]:
    """Return what the legend says."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def assert_no_text_covers_another(axes: Any) -> None:
    """Demand that title, names of the axes and legend have room of their own on the page."""
    figure = axes.get_figure(root=True)
    figure.canvas.draw()
    title = next(text for text in axes.findobj(Text) if text.get_text() == axes.get_title(loc="left"))
    boxes = [
        item.get_window_extent()
        for item in (title, axes.xaxis.label, axes.yaxis.label, *axes.get_legend().get_texts())
    ]
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)


def test_the_title_tells_what_was_pooled() -> None:
    """Some of the conditions are not all of them, and one is called by its name."""
    net, row = bp.load_network("five_findings"), pd.DataFrame({"dx": ["deep_gluteal_syndrome"]})
    for targets, words in (
        (None, "five_findings: all conditions pooled, 1 case"),
        (net.conditions[:2], "five_findings: 2 of 5 conditions pooled, 1 case"),
        (["deep_gluteal_syndrome"], "five_findings: Deep gluteal syndrome, 1 case"),
    ):
        found = evaluate(net, row, "dx", targets=targets, bootstrap=100)
        assert found.plot().get_title(loc="left") == words
    assert "1 case, its truth in column 'dx'" in repr(found)
    found = evaluate(net, row, "dx", bootstrap=100)
    assert "True condition (1 case has one): " in repr(found)
    assert "(60 cases have one)" not in repr(EVALUATION)


@pytest.mark.parametrize("target", [None, "fracture"])
def test_the_calibration_curve_is_drawn(target: str | None) -> None:
    """Points stand at mean posterior and share, with the ideal beside them, whole on the page."""
    axes = EVALUATION.plot(target=target, bins=5)
    frame = EVALUATION.calibration(target, bins=5).query(f"condition == '{target or 'all'}'")
    points = next(line for line in axes.lines if line.get_marker() == "o")
    assert np.asarray(points.get_xdata()).tolist() == frame["posterior"].tolist()
    assert np.asarray(points.get_ydata()).tolist() == frame["observed"].tolist()
    ideal = np.asarray(axes.lines[0].get_xdata()), np.asarray(axes.lines[0].get_ydata())
    assert np.array_equal(*ideal)
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_ylim()[1] >= frame["high"].max()
    bars: list[Any] = list(axes.collections)
    spread, reach = (np.array([ends[:, i] for ends in bars[i].get_segments()]) for i in range(2))
    assert spread == pytest.approx(frame[["least", "most"]].to_numpy())
    assert reach == pytest.approx(frame[["low", "high"]].to_numpy())
    least, most = frame["n"].min(), frame["n"].max()
    size = f"{least}" if least == most else f"{least} to {most}"
    assert f"groups of {size}, 95 % interval" in texts(axes)
    assert ("all conditions" if target is None else "fracture") in axes.get_title(loc="left")
    assert_no_text_covers_another(axes)


def test_the_decision_curve_is_drawn() -> None:
    """Three lines stand at their numbers, the band at the interval; the fall of treating all is cut off."""
    axes = EVALUATION.plot_decision("tendinopathy")
    frame = EVALUATION.decision_curve("tendinopathy")
    model, everybody, nobody = axes.lines
    assert np.asarray(model.get_ydata()).tolist() == frame["net_benefit"].tolist()
    assert np.asarray(everybody.get_ydata()).tolist() == frame["treat_all"].tolist()
    assert set(np.asarray(nobody.get_ydata()).tolist()) == {0}
    band = axes.collections[0].get_paths()[0].vertices
    assert {round(y, 9) for y in frame["low"]} <= {round(float(y), 9) for y in np.asarray(band)[:, 1]}
    assert texts(axes) == ["95 % interval", "treat above the threshold", "treat all", "treat none"]
    assert axes.get_ylim()[0] > -0.3
    assert_no_text_covers_another(axes)


def test_pictures_go_on_axes_that_are_given() -> None:
    """Somebody's own axes are drawn on."""
    from matplotlib import pyplot as plt

    _, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    assert EVALUATION.plot(left) is left
    assert EVALUATION.plot_decision("fracture", right) is right
