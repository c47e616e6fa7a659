"""Cells of a frame as states: by name, by True and False, and by exactly 1 and 0."""

import re
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import buttpain as bp
from buttpain.inference.frames import Columns, Rows, check_frame
from buttpain.model.network import Table, Variable

NET = bp.Network(
    "small",
    (
        Variable("level", ("absent", "healed", "present")),
        Variable("sign"),
        Variable("answer", ("yes", "no")),
        Variable("side", ("left", "right")),
        Variable("digit", ("0", "1")),
    ),
    {"level": Table((), np.array([0.2, 0.3, 0.5]))}
    | {name: Table((), np.array([0.4, 0.6])) for name in ("sign", "answer", "side", "digit")},
)


def read(node: str, column: Any) -> list[int]:
    """Return the positions of the states that a column holds."""
    frame = pd.DataFrame({node: column})
    found: list[int] = Rows(Columns(NET, frame.columns, (), "error", 2**30), frame).states[node].tolist()
    return found


CODED = {
    "whole numbers": (np.array([1, 0, 1]), [1, 0, 1]),
    "bytes": (np.array([1, 0, 1], dtype=np.int8), [1, 0, 1]),
    "floats with a gap": (np.array([1.0, np.nan, 0.0]), [1, -1, 0]),
    "short floats with a gap": (np.array([1.0, np.nan, 0.0], dtype=np.float32), [1, -1, 0]),
    "objects": (np.array([1, None, 0.0, True, "absent", ""], dtype=object), [1, -1, 0, 1, 0, -1]),
    "nullable": (pd.array([1, pd.NA, 0], dtype="Int64"), [1, -1, 0]),
    "categories": (pd.Categorical([1, None, 0], categories=[0, 1]), [1, -1, 0]),
}


@pytest.mark.parametrize(("column", "states"), CODED.values(), ids=CODED.keys())
def test_one_is_present_and_zero_absent(column: Any, states: list[int]) -> None:
    """However pandas holds them; a gap is a gap."""
    assert read("sign", column) == states


def test_one_is_what_true_is() -> None:
    """Whichever state comes first."""
    assert read("answer", [1, 0]) == read("answer", [True, False]) == [0, 1]


@pytest.mark.parametrize("value", [2, -1, 0.5, 1.0000001, np.inf, 10**30])
def test_any_other_number_is_refused(value: float) -> None:
    """Such as the 2 of a coding by 1 and 2, of which the 1 alone would mislead."""
    words = re.escape(
        f"{value!r} is no state of 'sign'. Use one of 'absent', 'present', True or False, 1 or 0"
    )
    with pytest.raises(bp.UnknownState, match=f"{words}.*row 1"):
        read("sign", pd.Series([1, value], dtype=object))


@pytest.mark.parametrize("text", ["1", "0", "1.0"])
def test_text_is_a_name(text: str) -> None:
    """And no state is called so here."""
    with pytest.raises(bp.UnknownState, match=f"'{text}' is no state of 'sign'"):
        read("sign", [text])
    assert read("digit", ["1", "0"]) == [1, 0]


@pytest.mark.parametrize("node", ["level", "side", "digit"])
@pytest.mark.parametrize("value", [0, 1, 1.0])
def test_a_number_says_nothing_where_present_and_absent_are_not_all(node: str, value: float) -> None:
    """Of three states, of left and right, and of states called 0 and 1 the name is asked for."""
    known = ", ".join(map(repr, NET.states(node)))
    words = f"is no state of '{node}'. Use one of {known}; a number is read for present or absent alone"
    with pytest.raises(bp.UnknownState, match=words):
        read(node, [value])


def test_answers_are_the_same_however_states_are_written() -> None:
    """In pandas, and in dask with partitions of their own."""
    net = bp.load_network("five_findings")
    names = ["present", "absent", None, "present", None, "absent"]
    codes = [{"present": 1.0, "absent": 0.0, None: np.nan}[name] for name in names]
    named = pd.DataFrame({"hop_test_pain": names, "sit_bone_tenderness": names[::-1]})
    coded = pd.DataFrame({"hop_test_pain": codes, "sit_bone_tenderness": codes[::-1]})
    wanted = bp.posteriors(net, named)
    assert len(wanted.drop_duplicates()) > 2
    pd.testing.assert_frame_equal(bp.posteriors(net, coded), wanted)
    pd.testing.assert_frame_equal(bp.posteriors(net, coded.astype("Int64")), wanted)
    with dask.config.set(scheduler="synchronous"):
        for frame in (coded, coded.astype("Int64")):
            lazy = bp.posteriors(net, dd.from_pandas(frame, npartitions=2))
            found: Any = lazy
            pd.testing.assert_frame_equal(found.compute(), wanted)


def test_cases_come_in_a_frame() -> None:
    """Lists are told what is wanted, and frames of dask how to get there."""
    frame = pd.DataFrame({"sign": [1]})
    check_frame(frame)
    with pytest.raises(TypeError, match=r"in a pandas DataFrame, not in list: one row a case"):
        check_frame([1])
    with pytest.raises(TypeError, match=r"of a dask frame call \.compute\(\) first"):
        check_frame(dd.from_pandas(frame, npartitions=1))
