"""The truth of rows: every way to write it, and what is said when it cannot be read."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import buttpain as bp
from buttpain.analysis.truth import read_truth
from buttpain.model.network import Table, Variable

A, B, C = "tendinopathy", "radicular_pain", "fracture"


def network(role: str = "condition") -> bp.Network:
    """Return three conditions, one of them with a third state, and a finding."""
    states = {C: ("absent", "present", "healed")}
    variables = [Variable(name, states.get(name, ("absent", "present")), role=role) for name in (A, B, C)]
    sizes = {variable.name: len(variable.states) for variable in variables}
    families = {name: Table((), np.full(size, 1 / size)) for name, size in sizes.items()}
    variables.append(Variable("side", ("left", "right"), role="finding" if role else ""))
    families["side"] = Table((), np.array([0.5, 0.5]))
    return bp.Network("small", tuple(variables), families)


NET = network()


def present(frame: pd.DataFrame, truth: Any, targets: list[str] | None = None) -> list[list[str]]:
    """Return the names of what is there in each row, ["?"] where nobody says."""
    known = read_truth(NET, frame, truth, targets)
    return [
        ["?"] if missing else [name for name, there in zip(known.targets, row, strict=True) if there]
        for row, missing in zip(known.present, known.missing, strict=True)
    ]


# -- one column ----------------------------------------------------------------------------------


def test_one_column_names_the_condition_or_several() -> None:
    """A cell is a name, or names in any collection; an empty collection is none of the conditions."""
    cells = [A, [A, B], (C,), {B, C}, frozenset({B}), np.array([A, C]), [], ()]
    column = pd.Series(cells, dtype=object)
    assert present(pd.DataFrame({"dx": column}), "dx") == [[A], [A, B], [C], [B, C], [B], [A, C], [], []]


@pytest.mark.parametrize("gap", [None, math.nan, "", pd.NA, pd.NaT, [A, None]])
def test_a_gap_is_a_gap(gap: Any) -> None:
    """Whatever pandas holds where there is nothing is a missing truth, and so is a gap among names."""
    frame = pd.DataFrame({"dx": pd.Series([A, gap], dtype=object)})
    assert present(frame, "dx") == [[A], ["?"]]


def test_columns_of_text_and_of_categories_read_alike() -> None:
    """Pandas' own columns of text and categories hold the same names."""
    for dtype in ("object", "string", "category"):
        assert present(pd.DataFrame({"dx": pd.Series([A, None, B], dtype=dtype)}), "dx") == [[A], ["?"], [B]]


def test_a_true_condition_may_be_no_target() -> None:
    """A row whose condition is not asked for is a row without any of those that are."""
    frame = pd.DataFrame({"dx": [A, B, C]})
    assert present(frame, "dx", [B, A]) == [[A], [B], []]


def test_a_name_may_be_that_of_a_target_with_another_role() -> None:
    """What is asked for may be named, whatever its role; without roles, only that."""
    net = network(role="")
    frame = pd.DataFrame({"dx": [A, B]})
    known = read_truth(net, frame, "dx", [A, B])
    assert known.present.tolist() == [[True, False], [False, True]]
    with pytest.raises(ValueError, match="no conditions; name what to evaluate with targets="):
        read_truth(net, frame, "dx", None)
    with pytest.raises(bp.UnknownNode, match=f"'{B}' is no node"):
        read_truth(net, frame, "dx", [A])


def test_an_unknown_name_is_told_with_its_row_and_what_is_close() -> None:
    """A misspelt condition names its column and row, and the condition that was meant."""
    frame = pd.DataFrame({"dx": [A, "radicular_pian"]}, index=["first", "second"])
    with pytest.raises(bp.UnknownNode, match=r"\(column 'dx', row 'second'\).*Did you mean 'radicular_pain'"):
        read_truth(NET, frame, "dx", None)
    with pytest.raises(bp.UnknownNode, match="'side' is no node"):
        read_truth(NET, pd.DataFrame({"dx": ["side"]}), "dx", None)


@pytest.mark.parametrize("value", [True, 1, 0.0])
def test_yes_and_no_in_a_column_of_names_is_told(value: Any) -> None:
    """A column of True and False without a condition is not guessed at."""
    with pytest.raises(ValueError, match=r"column 'dx', row 0.*give a mapping of the column"):
        read_truth(NET, pd.DataFrame({"dx": [value]}), "dx", None)


# -- several columns -----------------------------------------------------------------------------


def test_columns_say_yes_or_no_in_every_way() -> None:
    """Booleans, numbers, states and pandas' own types say the same."""
    ways: list[Any] = [
        [True, False, None],
        [1, 0, math.nan],
        [1.0, 0.0, ""],
        ["present", "absent", None],
        pd.array([True, False, pd.NA], dtype="boolean"),
        pd.array([1, 0, pd.NA], dtype="Int8"),
        pd.Categorical(["present", "absent", None]),
        np.array([np.bool_(True), np.int8(0), None], dtype=object),
    ]
    for way in ways:
        assert present(pd.DataFrame({A: pd.Series(way)}), [A]) == [[A], [], ["?"]]


def test_columns_are_mapped_to_conditions() -> None:
    """Columns may have names of their own, in any order."""
    frame = pd.DataFrame({"mri": [True, False], "emg": [False, True], "note": ["", ""]})
    assert present(frame, {"emg": B, "mri": A}) == [[A], [B]]
    assert read_truth(NET, frame, {"emg": B, "mri": A}, None).targets == (B, A)


def test_a_column_named_like_a_node_says_whether_it_is_there() -> None:
    """One column that has the name of a condition is no list of names."""
    frame = pd.DataFrame({A: [True, False]})
    assert present(frame, A) == present(frame, [A]) == [[A], []]


def test_states_that_are_not_present_are_absent() -> None:
    """A condition with more states is there in the one that says so."""
    assert present(pd.DataFrame({C: ["absent", "healed", "present"]}), [C]) == [[], [], [C]]


def test_a_gap_in_a_column_that_is_not_asked_for_is_none() -> None:
    """A row is complete if the truth of each target is known."""
    frame = pd.DataFrame({A: [True, None], B: [None, False]})
    assert present(frame, [A, B]) == [["?"], ["?"]]
    assert present(frame, [A, B], [A]) == [[A], ["?"]]
    assert present(frame, [A, B], [B]) == [["?"], []]
    assert read_truth(NET, frame, [A, B], [B]).columns == (A, B)


@pytest.mark.parametrize("value", ["maybe", 2, 0.5, "1", ["present"]])
def test_anything_else_is_told_with_its_row(value: Any) -> None:
    """A cell that is neither yes nor no names column, row and what is allowed."""
    frame = pd.DataFrame({"mri": pd.Series([True, value], index=["x", "y"], dtype=object)})
    with pytest.raises(bp.UnknownState, match=r"1 or 0, or one of 'absent', 'present'.*'mri', row 'y'"):
        read_truth(NET, frame, {"mri": A}, None)


# -- arguments -----------------------------------------------------------------------------------


def test_a_column_that_is_not_there_is_told() -> None:
    """The truth must stand in the frame, once."""
    frame = pd.DataFrame({"diagnosis": [A]})
    with pytest.raises(ValueError, match=r"one column 'diagnoses'.*Did you mean 'diagnosis'"):
        read_truth(NET, frame, "diagnoses", None)
    with pytest.raises(ValueError, match="one column 'diagnosis'"):
        read_truth(NET, pd.concat([frame, frame], axis=1), "diagnosis", None)


@pytest.mark.parametrize(
    ("truth", "targets", "words"),
    [
        ([], None, "truth names no column"),
        ({"x": A, "y": A}, None, "a condition for two columns"),
        ({"x": A}, [B], f"no column for the target '{B}'; it has column 'x'"),
        ({"x": A}, [], "at least one target"),
        ("dx", [A, A], "each node once"),
    ],
)
def test_truth_and_targets_must_fit(truth: Any, targets: list[str] | None, words: str) -> None:
    """Arguments that contradict each other are refused."""
    frame = pd.DataFrame({"x": [True], "y": [True], "dx": [A]})
    with pytest.raises(ValueError, match=words):
        read_truth(NET, frame, truth, targets)


def test_names_of_conditions_are_checked() -> None:
    """A column mapped to no node, and a node that cannot be present, are refused by name."""
    with pytest.raises(bp.UnknownNode, match="Did you mean 'fracture'"):
        read_truth(NET, pd.DataFrame({"x": [True]}), {"x": "fractur"}, None)
    with pytest.raises(bp.UnknownState, match="use one of 'left', 'right'"):
        read_truth(NET, pd.DataFrame({"x": [True]}), {"x": "side"}, None)
    with pytest.raises(bp.UnknownState, match="use one of 'left', 'right'"):
        read_truth(NET, pd.DataFrame({"dx": [A]}), "dx", ["side"])
    with pytest.raises(TypeError, match="targets are a list"):
        read_truth(NET, pd.DataFrame({"dx": [A]}), "dx", A)
