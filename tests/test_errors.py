"""Every error says what was wrong and what to do, carries its facts, and travels between processes."""

import copy
import pickle

import numpy as np
import pytest

from buttpain.errors import (
    ButtpainError,
    ImpossibleEvidence,
    InvalidNetwork,
    NetworkFileError,
    NetworkTooComplex,
    UnknownNode,
    UnknownState,
    check_kind,
    check_whole,
    close_matches,
    did_you_mean,
)

CASES: dict[str, tuple[ButtpainError, type[Exception], str, dict[str, object]]] = {
    "unknown node": (
        UnknownNode("sit_bone_tendernes", ["hop_test_pain", "sit_bone_tenderness"], "network 'runner'"),
        KeyError,
        "'sit_bone_tendernes' is no node of network 'runner'. Did you mean 'sit_bone_tenderness'?",
        {
            "name": "sit_bone_tendernes",
            "known": ("hop_test_pain", "sit_bone_tenderness"),
            "matches": ("sit_bone_tenderness",),
        },
    ),
    "unknown state": (
        UnknownState("hop_test_pain", "presnt", ("absent", "present")),
        ValueError,
        "'presnt' is no state of 'hop_test_pain'. Use one of 'absent', 'present'. Did you mean 'present'?",
        {"node": "hop_test_pain", "state": "presnt", "known": ("absent", "present")},
    ),
    "unknown state, as a key": (
        UnknownState("age", 3, ("under_30", "over_50")),
        KeyError,
        "3 is no state of 'age'. Use one of 'under_30', 'over_50'.",
        {"node": "age", "state": 3},
    ),
    "unknown state with advice": (
        UnknownState("age", True, ("under_30", "over_50"), "True needs a state such as present."),
        ValueError,
        "True is no state of 'age'. True needs a state such as present.",
        {"state": True},
    ),
    "impossible evidence": (
        ImpossibleEvidence({"lung": "yes", "either": "no"}, "asia"),
        ValueError,
        (
            "These observations cannot hold together: lung=yes, either=no. Their joint probability under "
            "network 'asia' is 0; retract or correct one of them."
        ),
        {"evidence": {"lung": "yes", "either": "no"}, "rows": ()},
    ),
    "impossible evidence in one row": (
        ImpossibleEvidence({"lung": "yes"}, "asia", rows=["patient 7"]),
        ValueError,
        (
            "These observations cannot hold together in row 'patient 7': lung=yes. Their joint probability "
            "under network 'asia' is 0; retract or correct one of them."
        ),
        {"rows": ("patient 7",)},
    ),
    "impossible evidence in many rows": (
        ImpossibleEvidence({"lung": "yes"}, "asia", rows=range(15)),
        ValueError,
        (
            "These observations cannot hold together in rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more:"
            " lung=yes. Their joint probability under network 'asia' is 0; retract or correct one of them."
        ),
        {"rows": tuple(range(15))},
    ),
    "invalid network": (
        InvalidNetwork("the arrows run in a circle: a -> b -> a; remove one of them", "a"),
        ValueError,
        "the arrows run in a circle: a -> b -> a; remove one of them",
        {"node": "a"},
    ),
    "network file": (
        NetworkFileError("1.5 is out of bounds", "runner.toml", "findings.pain", "leak.value", "pain"),
        ValueError,
        "runner.toml, [findings.pain], key 'leak.value': 1.5 is out of bounds",
        {"file": "runner.toml", "table": "findings.pain", "key": "leak.value", "node": "pain"},
    ),
    "network file as a whole": (
        NetworkFileError("there is no such file", "runner.toml"),
        InvalidNetwork,
        "runner.toml: there is no such file",
        {"file": "runner.toml", "table": "", "key": "", "node": ""},
    ),
    "too complex": (
        NetworkTooComplex(width=30, entries=2**31, memory=2**35, bound=2**30, network="grid"),
        ValueError,
        (
            "An exact answer in network 'grid' needs a table of 2,147,483,648 entries (induced width 30) and "
            "32,768 MiB, more than the 1,024 MiB allowed. Observe more findings, ask for fewer targets, or "
            "raise the bound with memory=."
        ),
        {"width": 30, "entries": 2**31, "memory": 2**35, "bound": 2**30},
    ),
}
each_case = pytest.mark.parametrize(
    ("error", "builtin", "message", "facts"), CASES.values(), ids=CASES.keys()
)


@each_case
def test_an_error_reads_as_sentences_and_carries_its_facts(
    error: ButtpainError, builtin: type[Exception], message: str, facts: dict[str, object]
) -> None:
    """The message is the whole text, unquoted even from a KeyError, and the facts are attributes."""
    assert str(error) == message
    assert {name: getattr(error, name) for name in facts} == facts
    assert isinstance(error, ButtpainError)
    assert isinstance(error, builtin)


@each_case
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling(
    error: ButtpainError, builtin: type[Exception], message: str, facts: dict[str, object], protocol: int
) -> None:
    """An error raised in a worker process arrives as it was raised."""
    again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert isinstance(again, builtin)
    assert str(again) == message
    assert {name: getattr(again, name) for name in facts} == facts


@each_case
def test_an_error_can_be_copied(
    error: ButtpainError, builtin: type[Exception], message: str, facts: dict[str, object]
) -> None:
    """A deep copy is an error of the same kind with the same words, facts and notes."""
    error = copy.copy(error)
    error.add_note("while reading row 3")
    again = copy.deepcopy(error)
    assert type(again) is type(error)
    assert isinstance(again, builtin)
    assert str(again) == message
    assert vars(again) == vars(error)
    assert facts.keys() <= vars(again).keys()


def test_a_subclass_with_its_own_constructor_survives_pickling() -> None:
    """What is pickled are message and facts, so no constructor has to fit them."""
    again = pickle.loads(pickle.dumps(_Particular(3)))  # noqa: S301 - our own bytes
    assert (str(again), again.number) == ("number 3", 3)


class _Particular(ButtpainError):
    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"number {number}")


def test_a_bare_error_has_an_empty_message() -> None:
    """The base class can be raised without words, as any exception can."""
    assert str(ButtpainError()) == ""


KNOWN = ["hop_test_pain", "sit_bone_tenderness", "Running_Uphill"]
MATCHES = {
    "a missing letter": ("hop_test_pan", ("hop_test_pain",)),
    "another case": ("HOP_TEST_PAIN", ("hop_test_pain",)),
    "a name with capitals": ("running_uphill", ("Running_Uphill",)),
    "nothing alike": ("xyz", ()),
    "no text at all": (7, ()),
}


@pytest.mark.parametrize(("name", "matches"), MATCHES.values(), ids=MATCHES.keys())
def test_close_matches_look_past_case_and_small_slips(name: object, matches: tuple[str, ...]) -> None:
    """A misspelt name finds the one that was meant, as it is spelled."""
    assert close_matches(name, KNOWN) == matches


ADVICE = {
    "one match": ("hop_test_pan", KNOWN, "Did you mean 'hop_test_pain'?"),
    "two matches": ("node_3", ["node_1", "node_2"], "Did you mean 'node_2' or 'node_1'?"),
    "none": ("xyz", ["absent", "present"], "Choose from: absent, present."),
    "none of many": (
        "xyz",
        [f"n{i}" for i in range(14)],
        "Choose from: n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11 and 2 more.",
    ),
    "nothing there": ("xyz", [], "There is nothing to choose from."),
}


@pytest.mark.parametrize(("name", "known", "sentence"), ADVICE.values(), ids=ADVICE.keys())
def test_an_unknown_name_gets_advice(name: str, known: list[str], sentence: str) -> None:
    """The sentence names the close matches or, without any, what is allowed."""
    assert did_you_mean(name, known) == sentence


@pytest.mark.parametrize("value", [0, 3, np.int64(3)])
def test_a_whole_number_passes(value: object) -> None:
    """Those of numpy are whole numbers, too."""
    check_whole("n", value, 0)


@pytest.mark.parametrize("value", [1.0, "1", None, True, np.True_, [1]])
def test_what_is_no_whole_number_is_told(value: object) -> None:
    """Even where it could be taken for one."""
    with pytest.raises(TypeError, match=r"^n must be a whole number, 1 or more; it is "):
        check_whole("n", value, 1)


def test_a_whole_number_may_be_too_small() -> None:
    """The least that is allowed is named."""
    with pytest.raises(ValueError, match=r"^n must be at least 2; it is 1$"):
        check_whole("n", 1, 2)


def test_the_kind_of_an_argument_is_checked() -> None:
    """What is of another kind is told with the way to what is wanted."""

    class Case:
        """Stands for that of the library."""

    check_kind("case", Case(), Case)
    with pytest.raises(TypeError, match=r"^case must be a Case, not int; make one with bp\.observe\(net, "):
        check_kind("case", 5, Case)
