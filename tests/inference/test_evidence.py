"""Evidence as people give it."""

import math

import numpy as np
import pandas as pd
import pytest

from buttpain import ImpossibleEvidence, Network, UnknownNode, UnknownState
from buttpain.inference.evidence import is_missing, read_evidence, to_arrays
from buttpain.model.network import Table, Variable

TERNARY = ("low", "middle", "high")
NET = Network(
    name="small",
    variables=(Variable("cause"), Variable("sign", ("no", "yes")), Variable("level", TERNARY)),
    families={
        "cause": Table((), np.array([0.7, 0.3])),
        "sign": Table(("cause",), np.array([[0.8, 0.2], [0.1, 0.9]])),
        "level": Table((), np.array([0.2, 0.3, 0.5])),
    },
    given={"cause": "present"},
)


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ({"sign": "yes"}, {"sign": "yes"}),
        ({"sign": True, "level": "low"}, {"sign": "yes", "level": "low"}),
        ({"sign": np.False_}, {"sign": "no"}),
        ({"sign": {True: 0.5, False: 2}}, {"sign": {"no": 2.0, "yes": 0.5}}),
        (
            {"level": pd.Series({"high": 1, "low": 0, "middle": 3})},
            {"level": {"low": 0.0, "middle": 3.0, "high": 1.0}},
        ),
        ({"sign": None, "level": math.nan}, {}),
        ({"sign": "", "level": pd.NA}, {}),
        ({"cause": True}, {"cause": "present"}),
    ],
)
def test_evidence_is_read_in_each_form(stated: dict[str, object], read: dict[str, object]) -> None:
    """States, booleans, likelihoods in any order and missing values are all understood."""
    assert read_evidence(NET, stated) == read


@pytest.mark.parametrize(
    ("stated", "error", "words"),
    [
        ({"sing": True}, UnknownNode, r"'sing' is no node of network 'small'. Did you mean 'sign'\?"),
        ({"sing": None}, UnknownNode, "'sing' is no node"),
        (
            {"sign": "yess"},
            UnknownState,
            r"'yess' is no state of 'sign'. Use one of 'no', 'yes'. Did you mean 'yes'\?",
        ),
        ({"sign": 1}, UnknownState, "1 is no state of 'sign'"),
        ({"level": True}, UnknownState, "True and False need states such as present and absent"),
        ({"sign": {"yes": 1}}, UnknownState, "missing: no"),
        ({"sign": {"yes": 1, True: 2, "no": 1}}, UnknownState, "name each state of 'sign' once"),
        ({"sign": {"yes": -1, "no": 1}}, ValueError, "must be finite and not negative"),
        ({"sign": {"yes": math.inf, "no": 1}}, ValueError, "must be finite and not negative"),
        ({"sign": {"yes": 0, "no": 0}}, ImpossibleEvidence, "sign="),
        ({"cause": "absent"}, ImpossibleEvidence, r"cause=absent, cause \(given\)=present"),
    ],
)
def test_wrong_evidence_is_refused_with_what_to_do(
    stated: dict[str, object], error: type[Exception], words: str
) -> None:
    """Each mistake has its own error, which names what was given and what is allowed."""
    with pytest.raises(error, match=words):
        read_evidence(NET, stated)


@pytest.mark.parametrize("value", [None, math.nan, "", pd.NA, pd.NaT, np.float32("nan")])
def test_missing_values_are_recognised(value: object) -> None:
    """Each way to write "not observed" counts as such."""
    assert is_missing(value)


@pytest.mark.parametrize("value", [False, 0, "absent", 0.0, {}])
def test_other_values_are_not_missing(value: object) -> None:
    """What is falsy is not therefore missing."""
    assert not is_missing(value)


def test_arrays_hold_the_selection_and_the_observations() -> None:
    """Hard evidence becomes positions, likelihoods weights, and the network's selection stands with them."""
    observed = to_arrays(NET, {"sign": {"no": 2.0, "yes": 0.5}, "level": "high"})
    assert {node: states.tolist() for node, states in observed.hard.items()} == {0: [0 + 1], 2: [2]}
    assert {node: weights.tolist() for node, weights in observed.soft.items()} == {1: [[2.0], [0.5]]}
