"""Studies are read with all their names checked, refused by place and reason, and written back."""

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from buttpain.errors import InvalidNetwork, NetworkFileError
from buttpain.model.definition import from_toml, to_toml
from buttpain.model.network import ANY, MEASURES, RATIOS, Network, Study
from buttpain.model.priors import wilson_interval

FILE = "studied.toml"
NETWORK = """
[network]
name = "studied"
given = { ache = "present" }

[sources.smith]
cite = "Smith"
kind = "cohort"

[risk_factors.sex]
label = "Sex"
states = ["male", "female"]
table = { value = 0.5, ess = 100, source = "smith" }

[risk_factors.age]
label = "Age"
states = ["young", "middle", "old"]
table = { counts = { young = 3, middle = 4, old = 5 }, source = "smith" }

[conditions.strain]
label = "Strain"
table = { value = 0.2, ess = 10, source = "smith" }

[conditions.tear]
label = "Tear"
table = { value = 0.1, ess = 20, source = "smith" }

[findings.ache]
label = "Ache"
leak = { value = 0.1, ess = 10, source = "smith" }
causes.strain = { value = 0.9, ess = 10, source = "smith" }
causes.tear = { value = 0.9, ess = 10, source = "smith" }

[findings.limp]
label = "Limp"
leak = { value = 0.1, ess = 10, source = "smith" }
causes.tear = { value = 0.5, ess = 10, source = "smith" }

[findings.sore]
label = "Sore"
leak = { value = 0.2, ess = 10, source = "smith" }

[findings.gait]
label = "Gait"
states = ["normal", "limping", "unable"]
table = [
    { given = { limp = "absent" }, counts = { normal = 9, limping = 1, unable = 0 }, source = "smith" },
    { given = { limp = "present" }, counts = { normal = 0, limping = 5, unable = 3 }, source = "smith" },
]
"""
FULL = {
    "name": "tests_of_tear",
    "measure": "specificity",
    "condition": "tear",
    "finding": ["limp", "sore"],
    "at_least": 2,
    "state": "present",
    "among": {"sex": "female", "age": {"young": 0.2, "middle": 1, "old": 0}},
    "controls": {"ache": "any", "strain": "present"},
    "value": 0.8,
    "low": 0.7,
    "high": 0.9,
    "n": 46,
    "source": "smith",
    "population": "women who run",
    "note": "two tests",
}
PLAIN = {
    "name": "limp_in_tear",
    "measure": "sensitivity",
    "condition": "tear",
    "finding": "limp",
    "events": 40,
    "trials": 46,
    "source": "smith",
    "population": "46 runners",
}


def written(value: Any) -> str:
    """Return a value in TOML's words."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {written(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def with_studies(*studies: Mapping[str, Any]) -> Network:
    """Read the network with these studies."""
    tables = [
        "\n".join(["[[studies]]", *(f"{k} = {written(v)}" for k, v in study.items())]) for study in studies
    ]
    return from_toml("\n\n".join([NETWORK, *tables]), FILE)


def the_study(**changes: Any) -> Study:
    """Read the plain study with some keys changed, or left out where None."""
    body = {key: value for key, value in {**PLAIN, **changes}.items() if value is not None}
    (study,) = with_studies(body).studies
    return study


# -- what is read --------------------------------------------------------------------------------


def test_every_key_is_read() -> None:
    """What the file says stands in the study, names as tuples and groups as mappings."""
    assert with_studies(FULL).studies == (
        Study(
            name="tests_of_tear",
            measure="specificity",
            source="smith",
            condition="tear",
            finding=("limp", "sore"),
            at_least=2,
            state="present",
            among={"sex": "female", "age": {"young": 0.2, "middle": 1.0, "old": 0.0}},
            controls={"ache": ANY, "strain": "present"},
            value=0.8,
            low=0.7,
            high=0.9,
            n=46.0,
            population="women who run",
            note="two tests",
        ),
    )


def test_what_is_left_out_has_a_plain_meaning() -> None:
    """One finding, positive when present, in the network's own population."""
    study = the_study()
    assert (study.finding, study.at_least, study.state) == (("limp",), 1, "")
    assert (study.among, study.controls, study.note, study.judged) == ({}, {}, "", False)


@pytest.mark.parametrize(
    ("figures", "published", "interval", "size"),
    [
        ({"events": 40, "trials": 46}, 40 / 46, wilson_interval(40 / 46, 46), 46),
        ({"value": 0.87, "n": 46}, 0.87, wilson_interval(0.87, 46), 46),
        ({"value": 0.87, "low": 0.74, "high": 0.94}, 0.87, (0.74, 0.94), None),
        ({"value": 0.87, "low": 0.74, "high": 0.94, "n": 46}, 0.87, (0.74, 0.94), 46),
        ({"events": 40, "trials": 46, "low": 0.7, "high": 0.95}, 40 / 46, (0.7, 0.95), 46),
        ({"low": 0.5, "high": 0.9, "judged": True}, 0.7, (0.5, 0.9), None),
        ({"value": 0.8, "low": 0.5, "high": 0.9, "judged": True}, 0.8, (0.5, 0.9), None),
    ],
    ids=["counts", "size", "interval", "interval and size", "counts and interval", "judged", "judged value"],
)
def test_a_figure_may_be_stated_in_several_ways(
    figures: dict[str, Any], published: float, interval: tuple[float, float], size: float | None
) -> None:
    """Each way gives the figure, its interval and the number of people, as far as that is known."""
    study = the_study(**{"events": None, "trials": None, **figures})
    assert study.published == pytest.approx(published, rel=1e-15)
    assert (study.interval, study.size) == (interval, size)


@pytest.mark.parametrize(("events", "n"), [(0, 12), (1, 12), (40, 46), (12, 12), (1, 1)])
def test_the_interval_of_counts_is_wilsons(events: int, n: int) -> None:
    """Scipy's own interval is the same, but for its rounding at the ends."""
    theirs = stats.binomtest(events, n).proportion_ci(method="wilson")
    low, high = wilson_interval(events / n, n)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= low <= events / n <= high <= 1


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_an_interval_of_counts_holds_its_value(value: float, n: float) -> None:
    """Rounding never puts a figure outside of its own interval."""
    low, high = wilson_interval(value, n)
    assert 0 <= low <= value <= high <= 1


BY_MEASURE: dict[str, dict[str, Any]] = {
    "sensitivity": {},
    "specificity": {},
    "predictive_value": {},
    "lr_positive": {"value": 4.0, "low": 2.0, "high": 9.0},
    "lr_negative": {"value": 0.4, "low": 0.2, "high": 0.9},
    "odds_ratio": {"value": 4.0, "low": 2.0, "high": 9.0},
    "frequency": {"condition": None},
    "share": {"finding": None},
    "main_cause": {"finding": None},
    "overlap": {"condition": None, "finding": None},
}


def of_measure(measure: str, **changes: Any) -> Study:
    """Read a study of a measure, which has what that needs."""
    counted = {"events": None, "trials": None} if measure in RATIOS else {}
    return the_study(**{"measure": measure, **counted, **BY_MEASURE[measure], **changes})


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_is_read(measure: str) -> None:
    """Each measure is read with what it is about, and asks for it by name."""
    assert of_measure(measure).measure == measure
    for key in MEASURES[measure]:
        with pytest.raises(NetworkFileError, match=f"{measure} is about a {key}; found nothing"):
            of_measure(measure, **{key: None})


def test_a_frequency_may_be_that_of_people_with_a_condition() -> None:
    """Its condition may be stated or left out."""
    assert of_measure("frequency", condition="tear").condition == "tear"
    assert of_measure("frequency").condition == ""


def test_any_node_of_two_states_may_be_the_condition() -> None:
    """Risk factors and findings relate to each other as well."""
    study = of_measure("odds_ratio", condition="sex", finding="gait", state="unable")
    assert (study.condition, study.finding, study.state) == ("sex", ("gait",), "unable")


def test_a_network_without_studies_has_none() -> None:
    """Studies are not needed."""
    assert with_studies().studies == ()


# -- what is refused -----------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    # What is changed in the plain study (None: left out), and the key and words of the complaint.
    "no name": ({"name": None}, "name", "expected text, found nothing"),
    "no measure": ({"measure": None}, "measure", "study 'limp_in_tear': expected text, found nothing"),
    "an unknown measure": (
        {"measure": "sensitivty"},
        "measure",
        "study 'limp_in_tear': 'sensitivty' is not allowed. Did you mean 'sensitivity'",
    ),
    "an unknown key": ({"amongst": {}}, "amongst", "unknown key. Did you mean 'among'?"),
    "no source": ({"source": None}, "source", "study 'limp_in_tear': expected text, found nothing"),
    "an unknown source": (
        {"source": "smit"},
        "source",
        "'smit' is no key of [sources]. Did you mean 'smith'?",
    ),
    "no population": ({"population": None}, "population", "expected text, found nothing"),
    "an unknown finding": (
        {"finding": "limb"},
        "finding",
        "study 'limp_in_tear': 'limb' is no node of this file. Did you mean 'limp'?",
    ),
    "an unknown condition": ({"condition": "tearr"}, "condition", "'tearr' is no node of this file. Did you"),
    "a finding twice": ({"finding": ["limp", "limp"]}, "finding", "a name stands there twice: limp, limp"),
    "no finding in the list": ({"finding": []}, "finding", "expected 1 to 10 names, found 0"),
    "a finding that is a number": ({"finding": 3}, "finding", "expected a list of names, found 3"),
    "a finding without a present state": (
        {"finding": "gait"},
        "state",
        "'gait' has no state 'present'; say which of normal, limping, unable is positive",
    ),
    "an unknown state": (
        {"state": "presnt"},
        "state",
        "'presnt' is no state of 'limp'. Did you mean 'present'?",
    ),
    "a state that one finding lacks": (
        {"finding": ["gait", "limp"], "state": "unable"},
        "state",
        "'unable' is no state of 'limp'. Choose from: absent, present.",
    ),
    "more than there are": ({"at_least": 2}, "at_least", "2 is out of bounds; it must lie in [1, 1]"),
    "one and a half": (
        {"finding": ["limp", "sore"], "at_least": 1.5},
        "at_least",
        "expected a whole number, found 1.5",
    ),
    "a condition of three states": (
        {"condition": "age"},
        "condition",
        "a condition is present or absent; 'age' has 3 states",
    ),
    "a condition that is the finding": (
        {"finding": "tear"},
        "condition",
        "'tear' is also the finding; a study relates two nodes",
    ),
    "a main cause that is no condition": (
        {"measure": "main_cause", "condition": "sore", "finding": None},
        "condition",
        "main_cause counts the conditions of the file, and 'sore' is none. Choose from: strain, tear.",
    ),
    "a finding of a share": (
        {"measure": "share"},
        "finding",
        "share takes no finding; take this key out",
    ),
    "a condition of an overlap": (
        {"measure": "overlap", "finding": None},
        "condition",
        "overlap takes no condition; take this key out",
    ),
    "controls of a sensitivity": (
        {"controls": {"ache": "absent"}},
        "controls",
        "sensitivity takes no controls; take this key out",
    ),
    "a state of nothing": (
        {"measure": "share", "finding": None, "state": "present"},
        "state",
        "share takes no state; take this key out",
    ),
    "an unknown node among": (
        {"among": {"acke": "present"}},
        "among",
        "'acke' is no node of this file. Did you mean 'ache'?",
    ),
    "an unknown state among": (
        {"among": {"age": "odl"}},
        "among",
        "'odl' is no state of 'age'. Did you mean 'old'?",
    ),
    "true among": (
        {"among": {"sore": True}},
        "among",
        "True is no state of 'sore'. Choose from: absent, present, any.",
    ),
    "likelihoods of an unknown state": (
        {"among": {"sore": {"present": 1, "absnt": 2}}},
        "among.sore.absnt",
        "unknown key. Did you mean 'absent'?",
    ),
    "likelihoods that leave one out": (
        {"among": {"sore": {"present": 1}}},
        "among.sore.absent",
        "expected a number, found nothing",
    ),
    "negative likelihoods": (
        {"among": {"sore": {"present": 1, "absent": -1}}},
        "among.sore.absent",
        "-1 is out of bounds; it must be finite and at least 0",
    ),
    "likelihoods of nobody": (
        {"among": {"sore": {"present": 0, "absent": 0}}},
        "among.sore",
        "all likelihoods are 0, so that nobody could be in this group",
    ),
    "a group that is a list": ({"among": ["sore"]}, "among", "expected a table, found ['sore']"),
    "a finding that everybody has": (
        {"finding": "ache"},
        "among",
        (
            "'ache' is 'present' in everybody (given of the network), so there is nothing to measure; "
            'write among = { ache = "any" } for people in whom it was not fixed'
        ),
    ),
    "a finding that everybody has by design": (
        {"among": {"limp": "present"}},
        "among",
        "'limp' is 'present' in everybody (among), so there is nothing to measure",
    ),
    "a condition that everybody has": (
        {"among": {"tear": "present"}},
        "among",
        "'tear' is 'present' in everybody (among)",
    ),
    "a finding that all controls have": (
        {"measure": "specificity", "controls": {"limp": "absent"}},
        "controls",
        "'limp' is 'absent' in everybody (controls)",
    ),
    "controls that say the condition": (
        {"measure": "specificity", "controls": {"tear": "absent"}},
        "controls.tear",
        "controls are without the condition; take this key out",
    ),
    "no figure": (
        {"events": None, "trials": None},
        "",
        (
            "study 'limp_in_tear': expected {value, low, high}, {value, n} or {events, trials}, so that "
            "this sensitivity says how sure it is; found {}"
        ),
    ),
    "a bare value": (
        {"events": None, "trials": None, "value": 0.5},
        "",
        "says how sure it is; found {value}",
    ),
    "an interval with one end": (
        {"events": None, "trials": None, "value": 0.5, "low": 0.4},
        "",
        "found {low, value}",
    ),
    "value and counts": ({"value": 0.5}, "", "found {events, trials, value}"),
    "a ratio with a size alone": (
        {"measure": "lr_positive", "events": None, "trials": None, "value": 3, "n": 40},
        "",
        "expected {value, low, high}, so that this lr_positive says how sure it is; found {n, value}",
    ),
    "a judged count": (
        {"judged": True},
        "",
        "expected {low, high} or {value, low, high}, so that this judged sensitivity says",
    ),
    "judged by a word": ({"judged": "yes"}, "judged", "expected true or false, found 'yes'"),
    "more events than trials": ({"events": 50}, "events", "50 is out of bounds; it must lie in [0, 46]"),
    "no trials": ({"trials": 0, "events": 0}, "trials", "0 is out of bounds"),
    "a probability above 1": (
        {"events": None, "trials": None, "value": 87, "n": 46},
        "value",
        "87 is out of bounds; it must lie in [0, 1]",
    ),
    "a negative ratio": (
        {"measure": "odds_ratio", "events": None, "trials": None, "value": 3, "low": -1, "high": 4},
        "low",
        "-1 is out of bounds; it must be finite and at least 0",
    ),
    "an interval beside its value": (
        {"events": None, "trials": None, "value": 0.5, "low": 0.6, "high": 0.7},
        "low",
        "the interval [0.6, 0.7] does not hold the value 0.5",
    ),
    "an interval the wrong way round": (
        {"events": None, "trials": None, "value": 0.5, "low": 0.6, "high": 0.4},
        "low",
        "the interval [0.6, 0.4] does not hold the value 0.5",
    ),
    "a judged interval the wrong way round": (
        {"events": None, "trials": None, "low": 0.6, "high": 0.4, "judged": True},
        "low",
        "the interval [0.6, 0.4] does not hold the value 0.5",
    ),
}


@pytest.mark.parametrize(("changes", "key", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_refused_with_its_place(changes: dict[str, Any], key: str, words: str) -> None:
    """The complaint names the file, the number of the study, its name and key, and what was expected."""
    with pytest.raises(NetworkFileError, match=re.escape(words)) as caught:
        the_study(**changes)
    error = caught.value
    assert (error.file, error.table, error.key, error.node) == (FILE, "studies[0]", key, "")
    assert str(error).startswith(f"{FILE}, [studies[0]]{f', key {key!r}' if key else ''}: ")


def test_a_name_may_stand_once() -> None:
    """The second study of a name is refused, and told where the first is."""
    words = "'limp_in_tear' stands there twice; it is also the name of [studies[0]]"
    with pytest.raises(NetworkFileError, match=re.escape(words)) as caught:
        with_studies(PLAIN, FULL, PLAIN)
    assert (caught.value.table, caught.value.key) == ("studies[2]", "name")


def test_conditions_of_more_states_are_not_counted() -> None:
    """Nobody can say how many conditions are present where one has three states, or where there are none."""
    studied = {"measure": "overlap", "condition": None, "finding": None}
    body = "\n".join(f"{k} = {written(v)}" for k, v in (PLAIN | studied).items() if v is not None)
    text = f"{NETWORK}\n[[studies]]\n{body}"
    several = text.replace("[risk_factors.age]", "[conditions.age]")
    with pytest.raises(
        NetworkFileError, match="overlap counts conditions that are present or absent; 'age' has"
    ):
        from_toml(several, FILE)
    with pytest.raises(NetworkFileError, match="present or absent; there is no condition"):
        from_toml(text.replace("[conditions.", "[mechanisms."), FILE)


# -- there and back ------------------------------------------------------------------------------


def test_studies_come_back_as_they_were() -> None:
    """Every form is written in its own words, and reads back equal."""
    forms = [
        {**PLAIN, "name": "none", "events": 0},
        {**FULL, "name": "one", "finding": ["limp"], "at_least": 1},
        {**PLAIN, "name": "judged", "events": None, "trials": None, "low": 0.5, "high": 0.9, "judged": True},
        {**PLAIN, "name": "sized", "events": None, "trials": None, "value": 0.5, "n": 40},
    ]
    bodies = [
        {key: value for key, value in form.items() if value is not None} for form in (PLAIN, FULL, *forms)
    ]
    net = with_studies(*bodies)
    text = to_toml(net)
    again = from_toml(text, FILE)
    assert again.studies == net.studies
    assert to_toml(again) == text
    assert "events = 40\ntrials = 46\n" in text
    assert text.count("judged") == 2  # the name, and the key
    assert text.count("at_least") == 1
    assert 'finding = "limp"' in text


def test_a_network_with_studies_travels() -> None:
    """Pickled and restored, the studies are the same."""
    net = with_studies(PLAIN, FULL)
    assert pickle.loads(pickle.dumps(net)).studies == net.studies  # noqa: S301 - our own


# -- studies made by hand ------------------------------------------------------------------------


def test_a_study_without_a_figure_says_so() -> None:
    """What a file could not hold is an error when it is asked for."""
    bare = Study("bare", "sensitivity", "smith", "tear", ("limp",))
    with pytest.raises(
        InvalidNetwork, match="study 'bare' has no figure; give a value, or events and trials"
    ):
        _ = bare.published
    with pytest.raises(InvalidNetwork, match="study 'bare' has no interval; give low and high"):
        _ = replace(bare, value=0.5).interval
    with pytest.raises(InvalidNetwork, match="study 'bare' has no interval; give low and high"):
        _ = replace(bare, measure="odds_ratio", value=3.0, n=40).interval
