"""Cohorts: a frame of cases gives what each case gives alone."""

import subprocess
import sys
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import buttpain as bp
from buttpain.inference import cohort
from buttpain.model.network import Table, Variable
from checks import assert_same_distribution
from strategies import networks

FIVE = ["sit_bone_tenderness", "pain_running_uphill", "burning_pain_past_knee", "hop_test_pain"]


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[bp.Network, pd.DataFrame]:
    """Draw a network and rows of states, likelihoods and gaps on its nodes."""
    net = draw(networks(max_nodes=5))
    rows = draw(st.integers(1, 12))
    columns: dict[str, list[Any]] = {}
    for node in draw(st.lists(st.sampled_from(net.nodes), unique=True)):
        if draw(st.booleans()):
            columns[node] = [draw(st.sampled_from((None, *net.states(node)))) for _ in range(rows)]
        else:
            weights = [draw(st.sampled_from((None, 0.0, 0.3, 2.0))) for _ in range(rows)]
            for i, state in enumerate(net.states(node)):
                columns[f"{node}:{state}"] = [None if w is None else w if i else 1.0 for w in weights]
    labels = draw(st.permutations(range(100, 100 + rows)))
    return net, pd.DataFrame(columns, index=labels)


def evidence_of(net: bp.Network, row: "pd.Series[Any]") -> dict[str, Any]:
    """Return a row as one case has it."""
    evidence: dict[str, Any] = {node: row[node] for node in net.nodes if node in row.index}
    for node in net.nodes:
        weights = {state: row.get(f"{node}:{state}") for state in net.states(node)}
        if all(weight is not None and not np.isnan(weight) for weight in weights.values()):
            evidence[node] = weights
    return evidence


@pytest.mark.parametrize(
    ("few", "worth", "cache", "native"),
    [(8, 10**6, 2**24, 500), (1, 1, 1, 500), (1, 50, 500, 500), (2, 10**6, 1, 500), (8, 10**6, 2**24, 0)],
    ids=["shared", "own plans", "small blocks", "single rows", "native"],
)
@given(drawn=cohorts())
def test_each_row_gets_what_its_case_gets(
    few: int, worth: int, cache: int, native: int, drawn: tuple[bp.Network, pd.DataFrame]
) -> None:
    """However rows are grouped and cut into blocks, each gets its own case's posteriors, or NaN."""
    net, frame = drawn
    with patch.multiple(cohort, FEW_PLANS=few, PLAN_WORTH=worth, CACHE=cache, NATIVE_WORTH=native):
        found = cohort.posteriors(net, frame, targets=net.nodes, impossible="nan")
    assert found.index.tolist() == frame.index.tolist()
    for place, (_, row) in enumerate(frame.iterrows()):
        answers = found.iloc[place]
        try:
            case = bp.observe(net, evidence_of(net, row))
            alone = case.posterior(net.nodes)
        except bp.ImpossibleEvidence:
            assert answers.isna().all()
            continue
        for node in net.nodes:
            states = net.states(node)
            if node in answers.index:
                present = float(answers[node])
                both = {True: present, False: 1 - present}
                named = [both[state == net.variable(node).positive] for state in states]
            else:
                named = [float(answers[answers.index == (node, state)].iloc[0]) for state in states]
            assert_same_distribution(named, alone[node])


def test_cells_are_read_in_every_way_pandas_holds_them() -> None:
    """Text, booleans, categoricals, nullable booleans and each kind of gap mean the same."""
    net = bp.load_network("five_findings")
    plain = pd.DataFrame(
        {"sit_bone_tenderness": ["present", "absent", None], "hop_test_pain": ["", "present", np.nan]}
    )
    other = pd.DataFrame(
        {
            "sit_bone_tenderness": pd.array([True, False, pd.NA], dtype="boolean"),
            "hop_test_pain": pd.Categorical([None, "present", None], categories=["absent", "present"]),
        }
    )
    pd.testing.assert_frame_equal(bp.posteriors(net, plain), bp.posteriors(net, other))


def test_targets_that_are_observed_and_multi_state_targets_have_their_columns() -> None:
    """A binary target has one column, another one for each state; an observed target its indicator."""
    net = bp.Network(
        "small",
        (Variable("level", ("low", "middle", "high")), Variable("sign")),
        {
            "level": Table((), np.array([0.2, 0.3, 0.5])),
            "sign": Table(("level",), np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])),
        },
    )
    found = bp.posteriors(net, pd.DataFrame({"sign": [True, None]}), targets=["level", "sign"])
    assert found.columns.tolist() == [("level", "low"), ("level", "middle"), ("level", "high"), "sign"]
    assert found.iloc[0].tolist() == pytest.approx([0.02 / 0.57, 0.15 / 0.57, 0.4 / 0.57, 1.0])
    assert found.iloc[1].tolist() == pytest.approx([0.2, 0.3, 0.5, 0.57])


def test_without_targets_the_conditions_are_answered() -> None:
    """The columns are the conditions, in the network's order."""
    net = bp.load_network("five_findings")
    assert bp.posteriors(net, pd.DataFrame({"hop_test_pain": [True]})).columns.tolist() == list(
        net.conditions
    )


def test_no_rows_and_no_columns_are_no_error() -> None:
    """An empty frame gives an empty answer; rows without columns give the priors."""
    net = bp.load_network("five_findings")
    assert bp.posteriors(net, pd.DataFrame({"hop_test_pain": []})).shape == (0, 5)
    priors = bp.posteriors(net, pd.DataFrame(index=["x", "y"]))
    assert priors.loc["x"].to_dict() == pytest.approx(dict(bp.observe(net).posterior().ranked()))


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (pd.DataFrame({"hop_tst_pain": [1]}), bp.UnknownNode, r"Did you mean 'hop_test_pain'\?"),
        (pd.DataFrame({"age": [1]}), bp.UnknownNode, r"extra='ignore' leaves it out"),
        (
            pd.DataFrame({"hop_test_pain": [True, "maybe"]}, index=["x", "y"]),
            bp.UnknownState,
            "stands in row 'y'",
        ),
        (
            pd.DataFrame({"hop_test_pain": [{"present": 1}]}),
            bp.UnknownState,
            "columns named hop_test_pain:state",
        ),
        (pd.DataFrame({"hop_test_pain:present": [0.3]}), bp.UnknownState, "missing: hop_test_pain:absent"),
        (pd.DataFrame({"hop_test_pain:perhaps": [0.3]}), bp.UnknownState, "'perhaps' is no state"),
        (
            pd.DataFrame({"hop_test_pain:present": [0.3], "hop_test_pain:absent": [None]}, index=["z"]),
            ValueError,
            "row 'z' has",
        ),
        (
            pd.DataFrame({"hop_test_pain:present": [-0.3], "hop_test_pain:absent": [0.5]}),
            ValueError,
            "must be finite, not negative",
        ),
        (
            pd.DataFrame(
                {"hop_test_pain": [True], "hop_test_pain:present": [1.0], "hop_test_pain:absent": [0.5]}
            ),
            ValueError,
            "a state and likelihoods for 'hop_test_pain'",
        ),
        (
            pd.DataFrame([[True, False]], columns=["hop_test_pain"] * 2),
            ValueError,
            "column names must differ",
        ),
    ],
    ids=range(10),
)
def test_frames_that_cannot_be_read_are_refused(
    frame: pd.DataFrame, error: type[Exception], words: str
) -> None:
    """Each mistake names the column, the row and what to do."""
    with pytest.raises(error, match=words):
        bp.posteriors(bp.load_network("five_findings"), frame)


def test_extra_columns_are_left_out_on_request() -> None:
    """`extra="ignore"` answers from the columns that name nodes."""
    net = bp.load_network("five_findings")
    frame = pd.DataFrame({"hop_test_pain": [True], "patient": ["a"]})
    expected = bp.posteriors(net, frame[["hop_test_pain"]])
    pd.testing.assert_frame_equal(bp.posteriors(net, frame, extra="ignore"), expected)


def test_impossible_rows_are_named_or_answered_nan() -> None:
    """By default an error names the rows and explains the first; on request they are NaN."""
    net = bp.load_network("five_findings")
    frame = pd.DataFrame(
        {"hop_test_pain": [True, False, True], "buttock_pain": ["present", "absent", "absent"]},
        index=["p", "q", "r"],
    )
    with pytest.raises(bp.ImpossibleEvidence, match="in rows 'q', 'r': buttock_pain=absent") as caught:
        bp.posteriors(net, frame)
    assert caught.value.rows == ("q", "r")
    found = bp.posteriors(net, frame, impossible="nan")
    assert found.isna().all(axis=1).tolist() == [False, True, True]


def test_rows_are_answered_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame longer than a chunk gives the same answers in the same order."""
    net = bp.load_network("five_findings")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.choice(np.array(["present", "absent", None]), 50) for name in FIVE})
    whole = bp.posteriors(net, frame)
    monkeypatch.setattr(cohort, "CHUNK", 7)
    pd.testing.assert_frame_equal(bp.posteriors(net, frame), whole, check_exact=False, rtol=1e-12)


def test_order_of_rows_and_columns_does_not_matter() -> None:
    """Shuffled rows and columns give the same answers by label."""
    net = bp.load_network("five_findings")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({name: rng.choice(np.array(["present", "absent", None]), 40) for name in FIVE})
    shuffled = frame.sample(frac=1, random_state=1)[FIVE[::-1]]
    found = bp.posteriors(net, shuffled).loc[frame.index]
    pd.testing.assert_frame_equal(found, bp.posteriors(net, frame), check_exact=False, rtol=1e-12)


def test_progress_is_shown_only_when_asked_or_in_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed into a pipe; a bar is drawn when asked for."""
    net = bp.load_network("five_findings")
    frame = pd.DataFrame({"hop_test_pain": [True] * 10})
    bp.posteriors(net, frame)
    assert capsys.readouterr().err == ""
    with patch("tqdm.auto.tqdm") as bar:
        bp.posteriors(net, frame, progress=True)
    assert bar.call_args.kwargs["disable"] is False
    assert bar.call_args.kwargs["total"] == 10


def test_a_million_rows_stay_below_two_gibibytes() -> None:
    """A process of its own answers a million rows with gaps, and never holds 2 GiB."""
    script = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd
import buttpain as bp
net = bp.load_network("five_findings")
codes = np.random.default_rng(0).integers(-1, 2, size=(1_000_000, 5), dtype=np.int8)
names = ["absent", "present"]
columns = {f: pd.Categorical.from_codes(codes[:, i], names) for i, f in enumerate(net.findings[:5])}
frame = pd.DataFrame(columns)
found = bp.posteriors(net, frame)
assert found.shape == (1_000_000, 5) and found.notna().all(axis=None)
status = Path("/proc/self/status")
if status.exists():  # Linux counts what the parent held before it started this process into ru_maxrss
    peak = 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(peak)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2 * 2**30
