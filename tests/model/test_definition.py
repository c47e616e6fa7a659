"""The TOML reader takes what the format allows, refuses all else by place and reason, and writes it back."""

import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from buttpain.errors import InvalidNetwork, NetworkFileError
from buttpain.model.definition import from_toml, to_toml
from buttpain.model.network import Network, NoisyOr, RedFlag, Table
from buttpain.model.priors import Provenance, Source
from checks import described
from strategies import documented_networks

FILE = "small.toml"
SMALL = """
[network]
name = "small"
description = "Just large enough to hold one of everything"
version = "1"
given = { pain = "present" }

[sources.smith2020]
cite = "Smith, A study of runners, 2020"
kind = "cohort"
doi = "10.1000/1"

[sources.panel]
cite = "Judgement of a panel"
kind = "elicited"

[risk_factors.age]
label = "Age"
states = ["under_30", "30_to_50", "over_50"]
table = [{ counts = { under_30 = 10, 30_to_50 = 7, over_50 = 3 }, source = "smith2020" }]

[conditions.strain]
label = "Muscle strain"
description = "A torn muscle"
icd10 = "S76.1"
table = { events = 30, trials = 100, source = "smith2020" }

[conditions.fracture]
label = "Stress fracture"
urgency = "same_day"
[[conditions.fracture.table]]
given = { age = "over_50" }
value = 0.05
range = [0.01, 0.10]
source = "panel"
note = "Rare"
[[conditions.fracture.table]]
given = { age = "under_30" }
value = 0.01
ess = 50
source = "smith2020"
[[conditions.fracture.table]]
given = { age = "30_to_50" }
events = 1
trials = 60
source = "smith2020"

[mechanisms.load]
label = "Bone load"
leak = { value = 0.0, ess = inf, source = "panel", note = "Nothing else loads it" }
causes.fracture = { value = 1.0, ess = inf, source = "panel", note = "By definition" }

[findings.gait]
label = "Gait"
states = ["normal", "limping", "unable"]
[[findings.gait.table]]
given = { load = "absent" }
values = { normal = 0.9, limping = 0.1, unable = 0 }
ess = 20
source = "smith2020"
[[findings.gait.table]]
given = { load = "present" }
counts = { unable = 3, limping = 5, normal = 0 }
source = "smith2020"

[findings.pain]
label = "Pain"
question = "Does it hurt?"
kind = "symptom"
cost = 0.5
leak = { value = 0.1, range = [0.05, 0.2], source = "panel", note = "Other causes" }
causes.strain = { events = 59, trials = 64, source = "smith2020" }
causes.age.over_50 = { value = 0.2, ess = 10, source = "smith2020" }
causes.age.30_to_50 = { value = 1e-12, range = [0.0, 0.1], source = "panel", note = "Hardly ever" }

[[studies]]
name = "strain_share"
measure = "share"
condition = "strain"
value = 0.3
n = 50
source = "smith2020"
population = "fifty runners"

[[red_flags]]
name = "fracture"
label = "Possible stress fracture"
urgency = "same_day"
reason = "A stress fracture may break through"
advice = "Stop running and have it imaged"
source = "smith2020"
any = ["pain", "gait=limping", "gait=unable"]
at_least = 2

[[red_flags]]
name = "likely_fracture"
label = "Likely stress fracture"
urgency = "prompt"
reason = "The findings fit"
source = "panel"
condition = "fracture"
above = 0.5
"""


@pytest.fixture(scope="module")
def small() -> Network:
    """Return the network of the text above."""
    return from_toml(SMALL, FILE)


# -- what is read --------------------------------------------------------------------------


def test_the_words_of_the_file_are_kept(small: Network) -> None:
    """Name, population, roles, labels and codes are there as written."""
    assert (small.name, small.version, dict(small.given)) == ("small", "1", {"pain": "present"})
    assert small.nodes == ("age", "strain", "fracture", "load", "gait", "pain")
    assert small.risk_factors == ("age",)
    assert small.conditions == ("strain", "fracture")
    assert small.mechanisms == ("load",)
    assert small.findings == ("gait", "pain")
    assert small.states("age") == ("under_30", "30_to_50", "over_50")
    assert small.states("strain") == ("absent", "present")
    strain, fracture, pain = map(small.variable, ("strain", "fracture", "pain"))
    assert (strain.description, strain.icd10, fracture.urgency) == ("A torn muscle", "S76.1", "same_day")
    assert (pain.question, pain.kind, pain.cost) == ("Does it hurt?", "symptom", 0.5)
    assert math.isnan(small.variable("gait").cost)
    assert small.sources["smith2020"] == Source(
        "smith2020", "Smith, A study of runners, 2020", "cohort", "10.1000/1"
    )


def test_rows_are_put_in_the_order_of_the_parents_states(small: Network) -> None:
    """A table may list its rows and states in any order; numbers and records go together."""
    family = small.families["fracture"]
    assert isinstance(family, Table)
    assert family.parents == ("age",)
    assert family.values[:, 1].tolist() == [0.01, 1.5 / 61, 0.05]
    assert family.provenance == (
        Provenance("smith2020", ess=50.0),
        Provenance("smith2020", ess=61.0, counts=(59.0, 1.0)),
        Provenance("panel", "Rare", range=(0.01, 0.10)),
    )
    assert small.table("gait")[1].tolist() == pytest.approx([0.5 / 9.5, 5.5 / 9.5, 3.5 / 9.5], rel=1e-15)


def test_links_are_put_in_the_order_of_the_parents_states(small: Network) -> None:
    """A link belongs to its state whatever the order in the file; a state left out does not act."""
    family = small.families["pain"]
    assert isinstance(family, NoisyOr)
    assert family.parents == ("strain", "age")
    assert family.links == ((None, 59.5 / 65), (None, 1e-12, 0.2))
    assert [item.range or item.counts or item.ess for item in family.provenance] == [
        (0.05, 0.2),
        (5.0, 59.0),
        (0.0, 0.1),
        10.0,
    ]


def test_the_parameters_carry_source_grade_and_interval(small: Network) -> None:
    """From the text to the frame, a count of 59 in 64 arrives with the interval that it deserves."""
    row = small.parameters.loc["pain <- strain"]
    assert [row["kind"], row["source"], row["grade"]] == ["link", "smith2020", "B"]
    assert row["value"] == 59.5 / 65
    assert (row["low"], row["high"]) == pytest.approx(stats.beta(59.5, 5.5).interval(0.95), rel=1e-9)


def test_red_flags_are_read(small: Network) -> None:
    """A sign without a state means that it is present."""
    first, second = small.red_flags
    assert first == replace(
        RedFlag(
            name="fracture",
            label="Possible stress fracture",
            urgency="same_day",
            reason="A stress fracture may break through",
            source="smith2020",
        ),
        advice="Stop running and have it imaged",
        any=(("pain", "present"), ("gait", "limping"), ("gait", "unable")),
        at_least=2,
        above=first.above,
    )
    assert (second.condition, second.above, second.any, second.all) == ("fracture", 0.5, (), ())


# -- what is refused -----------------------------------------------------------------------

REFUSED: dict[str, tuple[str, str, str, str, str]] = {
    # What stands in the text, what stands there instead, and the table, key and words of the complaint.
    # Numbers.
    "a number without a source": (
        'table = { events = 30, trials = 100, source = "smith2020" }',
        "table = { events = 30, trials = 100 }",
        "conditions.strain",
        "table",
        "this number has no source; name a key of [sources]",
    ),
    "a row without a source": (
        'value = 0.01\ness = 50\nsource = "smith2020"',
        "value = 0.01\ness = 50",
        "conditions.fracture",
        "table[1]",
        "this number has no source",
    ),
    "an unknown source": (
        'causes.strain = { events = 59, trials = 64, source = "smith2020" }',
        'causes.strain = { events = 59, trials = 64, source = "smith2022" }',
        "findings.pain",
        "causes.strain.source",
        "'smith2022' is no key of [sources]. Did you mean 'smith2020'?",
    ),
    "a source that is a list": (
        'trials = 64, source = "smith2020"',
        'trials = 64, source = ["smith2020"]',
        "findings.pain",
        "causes.strain.source",
        "expected text, found ['smith2020']",
    ),
    "a judgement without a note": (
        ', note = "Other causes"',
        "",
        "findings.pain",
        "leak",
        "an elicited number must carry a note that says why",
    ),
    "a judgement with a blank note": (
        'note = "Other causes"',
        'note = "  "',
        "findings.pain",
        "leak",
        "an elicited number must carry a note that says why",
    ),
    "a judgement with an empty note": (
        'note = "Other causes"',
        'note = ""',
        "findings.pain",
        "leak",
        "an elicited number must carry a note that says why",
    ),
    "a bare number": (
        'leak = { value = 0.1, range = [0.05, 0.2], source = "panel", note = "Other causes" }',
        "leak = 0.1",
        "findings.pain",
        "leak",
        (
            "expected a number with its certainty and its source, { value = ..., range = [..., ...], "
            "source = ... }, found 0.1"
        ),
    ),
    "a bare cause": (
        'causes.strain = { events = 59, trials = 64, source = "smith2020" }',
        "causes.strain = 0.9",
        "findings.pain",
        "causes.strain",
        "expected a number with its certainty and its source",
    ),
    "a bare table": (
        'table = { events = 30, trials = 100, source = "smith2020" }',
        "table = 0.3",
        "conditions.strain",
        "table",
        "expected a number with its certainty and its source",
    ),
    "a probability above 1": (
        "value = 0.2, ess = 10",
        "value = 1.2, ess = 10",
        "findings.pain",
        "causes.age.over_50.value",
        "1.2 is out of bounds; it must lie in [0, 1]",
    ),
    "a probability below 0": (
        "value = 0.2, ess = 10",
        "value = -0.2, ess = 10",
        "findings.pain",
        "causes.age.over_50.value",
        "-0.2 is out of bounds; it must lie in [0, 1]",
    ),
    "a probability that is no number": (
        "value = 0.2, ess = 10",
        "value = nan, ess = 10",
        "findings.pain",
        "causes.age.over_50.value",
        "nan is out of bounds; it must lie in [0, 1]",
    ),
    "a probability in quotes": (
        "value = 0.2, ess = 10",
        'value = "0.2", ess = 10',
        "findings.pain",
        "causes.age.over_50.value",
        "expected a number, found '0.2'",
    ),
    "true as a probability": (
        "value = 0.2, ess = 10",
        "value = true, ess = 10",
        "findings.pain",
        "causes.age.over_50.value",
        "expected a number, found True",
    ),
    "an interval that does not hold its value": (
        "range = [0.05, 0.2]",
        "range = [0.15, 0.2]",
        "findings.pain",
        "leak.range",
        "the range [0.15, 0.2] does not hold the value 0.1",
    ),
    "an interval the wrong way round": (
        "range = [0.05, 0.2]",
        "range = [0.2, 0.05]",
        "findings.pain",
        "leak.range",
        "[0.2, 0.05] is no interval; the lower end comes first",
    ),
    "an interval of no width": (
        "range = [0.05, 0.2]",
        "range = [0.1, 0.1]",
        "findings.pain",
        "leak.range",
        "[0.1, 0.1] is no interval",
    ),
    "an interval with one end": (
        "range = [0.05, 0.2]",
        "range = [0.05]",
        "findings.pain",
        "leak.range",
        "expected [low, high], found [0.05]",
    ),
    "an interval beyond 1": (
        "range = [0.05, 0.2]",
        "range = [0.05, 2]",
        "findings.pain",
        "leak.range",
        "2 is out of bounds; it must lie in [0, 1]",
    ),
    "an interval with true as an end": (
        "range = [0.05, 0.2]",
        "range = [0.05, true]",
        "findings.pain",
        "leak.range",
        "expected a number, found True",
    ),
    "a value without certainty": (
        "value = 0.2, ess = 10, ",
        "value = 0.2, ",
        "findings.pain",
        "causes.age.over_50",
        (
            "expected {events, trials} or {ess, value} or {range, value}, so that the number says how sure "
            "it is; found {value}"
        ),
    ),
    "a value with two certainties": (
        "value = 0.2, ess = 10",
        "value = 0.2, ess = 10, range = [0.1, 0.3]",
        "findings.pain",
        "causes.age.over_50",
        "found {ess, range, value}",
    ),
    "an unknown key in a number": (
        "value = 0.2, ess = 10",
        "value = 0.2, es = 10",
        "findings.pain",
        "causes.age.over_50.es",
        "unknown key. Did you mean 'ess'?",
    ),
    "a certain value of a finite sample": (
        "value = 1.0, ess = inf",
        "value = 1.0, ess = 100",
        "mechanisms.load",
        "causes.fracture",
        "a value of 1 leaves no room for doubt: give events and trials, a value off the edge, or ess = inf",
    ),
    "zero with a range": (
        "value = 1e-12, range",
        "value = 0, range",
        "findings.pain",
        "causes.age.30_to_50",
        "a value of 0 leaves no room for doubt",
    ),
    "a sample size of 0": (
        "value = 0.2, ess = 10",
        "value = 0.2, ess = 0",
        "findings.pain",
        "causes.age.over_50.ess",
        "an effective sample size must be above 0",
    ),
    "a negative sample size": (
        "value = 0.2, ess = 10",
        "value = 0.2, ess = -1",
        "findings.pain",
        "causes.age.over_50.ess",
        "-1 is out of bounds; it must lie in [0, inf]",
    ),
    "more events than trials": (
        "events = 59, trials = 64",
        "events = 64, trials = 59",
        "findings.pain",
        "causes.strain.events",
        "64 is out of bounds; it must lie in [0, 59]",
    ),
    "no trials": (
        "events = 59, trials = 64",
        "events = 0, trials = 0",
        "findings.pain",
        "causes.strain.trials",
        "0 is out of bounds; it must be finite and at least 1",
    ),
    "endless trials": (
        "events = 59, trials = 64",
        "events = 59, trials = inf",
        "findings.pain",
        "causes.strain.trials",
        "inf is out of bounds; it must be finite and at least 1",
    ),
    "endless counts": (
        "unable = 3, limping = 5",
        "unable = inf, limping = 5",
        "findings.gait",
        "table[1].counts.unable",
        "inf is out of bounds; it must be finite and at least 0",
    ),
    # Tables.
    "a distribution that does not sum to 1": (
        "normal = 0.9, limping = 0.1",
        "normal = 0.9, limping = 0.2",
        "findings.gait",
        "table[0].values",
        "the values sum to 1.1, not 1",
    ),
    "a distribution without a state": (
        "normal = 0.9, limping = 0.1, unable = 0",
        "normal = 0.9, limping = 0.1",
        "findings.gait",
        "table[0].values.unable",
        "expected a number, found nothing",
    ),
    "a distribution with an unknown state": (
        "unable = 3, limping = 5",
        "unabel = 3, limping = 5",
        "findings.gait",
        "table[1].counts.unabel",
        "unknown key. Did you mean 'unable'?",
    ),
    "a certain state of a finite sample": (
        "normal = 0.9, limping = 0.1",
        "normal = 1.0, limping = 0.0",
        "findings.gait",
        "table[0]",
        "a value of 1 leaves no room for doubt",
    ),
    "a distribution of a sample of 0": (
        "unable = 0 }\ness = 20",
        "unable = 0 }\ness = 0",
        "findings.gait",
        "table[0].ess",
        "an effective sample size must be above 0",
    ),
    "one number for three states": (
        "values = { normal = 0.9, limping = 0.1, unable = 0 }\ness = 20",
        "value = 0.9\ness = 20",
        "findings.gait",
        "table[0]",
        "'gait' has 3 states; give counts, or values and ess",
    ),
    "a missing row": (
        (
            '[[conditions.fracture.table]]\ngiven = { age = "30_to_50" }\n'
            'events = 1\ntrials = 60\nsource = "smith2020"\n'
        ),
        "",
        "conditions.fracture",
        "table",
        "the row given {'age': '30_to_50'} is missing",
    ),
    "a row twice": (
        'given = { age = "30_to_50" }',
        'given = { age = "over_50" }',
        "conditions.fracture",
        "table",
        "the row given {'age': 'over_50'} stands there twice",
    ),
    "a row of other parents": (
        'given = { age = "30_to_50" }',
        'given = { strain = "present" }',
        "conditions.fracture",
        "table",
        "each row must say the state of age; found {'strain': 'present'}",
    ),
    "a row without its parents": (
        'given = { load = "present" }\n',
        "",
        "findings.gait",
        "table",
        "each row must say the state of load; found {}",
    ),
    "a row given a node that is not there": (
        'given = { load = "present" }',
        'given = { laod = "present" }',
        "findings.gait",
        "table[1].given",
        "'laod' is no node of this file. Did you mean 'load'?",
    ),
    "a row given a wrong state": (
        'given = { age = "30_to_50" }',
        'given = { age = "30_to_60" }',
        "conditions.fracture",
        "table[2].given",
        "'30_to_60' is no state of 'age'. Did you mean '30_to_50'?",
    ),
    "a table without rows": (
        'table = { events = 30, trials = 100, source = "smith2020" }',
        "table = []",
        "conditions.strain",
        "table",
        "expected at least one row",
    ),
    "no numbers at all": (
        'table = { events = 30, trials = 100, source = "smith2020" }',
        "",
        "conditions.strain",
        "",
        "expected either a table, or a leak with causes; found neither",
    ),
    "a table and a leak": (
        'icd10 = "S76.1"',
        'leak = { events = 1, trials = 2, source = "smith2020" }',
        "conditions.strain",
        "",
        "expected either a table, or a leak with causes; found both",
    ),
    "a table and causes": (
        'icd10 = "S76.1"',
        'causes.age.over_50 = { events = 1, trials = 2, source = "smith2020" }',
        "conditions.strain",
        "causes",
        "causes go with a leak; this node has a table",
    ),
    # Nodes and arrows.
    "a cause that is no node": (
        "causes.strain =",
        "causes.strian =",
        "findings.pain",
        "causes.strian",
        "'strian' is no node of this file. Did you mean 'strain'?",
    ),
    "a cause without the state present": (
        "causes.age.over_50 = {",
        "causes.gait = {",
        "findings.pain",
        "causes.gait",
        "'gait' has no state 'present'; give a number for each state that acts, as in causes.gait.unable",
    ),
    "a cause in an unknown state": (
        "causes.age.over_50 = {",
        "causes.age.over50 = {",
        "findings.pain",
        "causes.age.over50",
        "unknown key. Did you mean 'over_50'?",
    ),
    "a cycle": (
        'table = { events = 30, trials = 100, source = "smith2020" }',
        (
            'leak = { events = 30, trials = 100, source = "smith2020" }\n'
            'causes.pain = { events = 30, trials = 100, source = "smith2020" }'
        ),
        "findings.pain|conditions.strain",
        "",
        "the arrows run in a circle: ",
    ),
    "a noisy-OR of three states": (
        'label = "Pain"',
        'label = "Pain"\nstates = ["none", "some", "much"]',
        "network",
        "given",
        "'present' is no state of 'pain'",
    ),
    "a mechanism of three states": (
        'label = "Bone load"',
        'label = "Bone load"\nstates = ["absent", "present", "much"]',
        "findings.gait",
        "table",
        "the row given {'load': 'much'} is missing",
    ),
    "present before absent": (
        'label = "Pain"',
        'label = "Pain"\nstates = ["present", "absent"]',
        "findings.pain",
        "states",
        "a number is the probability of the second of two states; put 'absent' before 'present'",
    ),
    "yes before no": (
        'label = "Muscle strain"',
        'label = "Muscle strain"\nstates = ["Yes", "No"]',
        "conditions.strain",
        "states",
        "put 'No' before 'Yes'",
    ),
    "a single state": (
        'states = ["normal", "limping", "unable"]',
        'states = ["normal"]',
        "findings.gait",
        "states",
        "expected at least two states, found normal",
    ),
    "a state twice": (
        'states = ["normal", "limping", "unable"]',
        'states = ["normal", "limping", "normal"]',
        "findings.gait",
        "states",
        "a name stands there twice: normal, limping, normal",
    ),
    "states that are numbers": (
        'states = ["normal", "limping", "unable"]',
        "states = [0, 1, 2]",
        "findings.gait",
        "states",
        "expected a list of names, found [0, 1, 2]",
    ),
    "a node in two sections": (
        "[mechanisms.load]",
        '[mechanisms.strain]\nlabel = "x"\n[mechanisms.load]',
        "mechanisms.strain",
        "",
        "'strain' is defined twice; it also stands under [conditions.strain]",
    ),
    "a node that is no table": (
        "[mechanisms.load]",
        "[mechanisms]\nextra = 1\n[mechanisms.load]",
        "mechanisms.extra",
        "",
        "expected a table, found 1",
    ),
    # Words.
    "an unknown key of a node": (
        "cost = 0.5",
        "costs = 0.5",
        "findings.pain",
        "costs",
        "unknown key. Did you mean 'cost'?",
    ),
    "a key of another role": (
        'label = "Bone load"',
        'label = "Bone load"\nicd10 = "M1"',
        "mechanisms.load",
        "icd10",
        "unknown key. Choose from: label, states, description, leak, causes, table.",
    ),
    "an unknown section": (
        "[mechanisms.load]",
        "[mechanism.load]",
        "",
        "mechanism",
        "Did you mean 'mechanisms'?",
    ),
    "no label": ('label = "Gait"', "", "findings.gait", "label", "expected text, found nothing"),
    "an empty label": ('label = "Gait"', 'label = ""', "findings.gait", "label", "expected text, found ''"),
    "a label that is a number": (
        'label = "Gait"',
        "label = 5",
        "findings.gait",
        "label",
        "expected text, found 5",
    ),
    "an unknown kind of finding": (
        'kind = "symptom"',
        'kind = "symptoms"',
        "findings.pain",
        "kind",
        "'symptoms' is not allowed. Did you mean 'symptom'?",
    ),
    "an unknown urgency": (
        'urgency = "same_day"\n[[',
        'urgency = "today"\n[[',
        "conditions.fracture",
        "urgency",
        "'today' is not allowed. Choose from: routine, prompt, same_day, emergency.",
    ),
    "a negative cost": (
        "cost = 0.5",
        "cost = -1",
        "findings.pain",
        "cost",
        "-1 is out of bounds; it must be finite and at least 0",
    ),
    "an endless cost": ("cost = 0.5", "cost = inf", "findings.pain", "cost", "inf is out of bounds"),
    # The head and the sources.
    "no name": ('name = "small"', "", "network", "name", "expected text, found nothing"),
    "an unknown key of the network": (
        'version = "1"',
        'versoin = "1"',
        "network",
        "versoin",
        "unknown key. Did you mean 'version'?",
    ),
    "a version that is a number": (
        'version = "1"',
        "version = 1",
        "network",
        "version",
        "expected text, found 1",
    ),
    "a selection of an unknown node": (
        "given = { pain =",
        "given = { pian =",
        "network",
        "given",
        "'pian' is no node of this file. Did you mean 'pain'?",
    ),
    "a selection of an unknown state": (
        'given = { pain = "present" }',
        "given = { pain = true }",
        "network",
        "given",
        "True is no state of 'pain'. Choose from: absent, present.",
    ),
    "a source without a citation": (
        'cite = "Judgement of a panel"',
        "",
        "sources.panel",
        "cite",
        "expected text, found nothing",
    ),
    "a source of an unknown kind": (
        'kind = "cohort"',
        'kind = "cohorts"',
        "sources.smith2020",
        "kind",
        "'cohorts' is not allowed. Did you mean 'cohort'?",
    ),
    "an unknown key of a source": (
        'doi = "10.1000/1"',
        'doii = "10.1000/1"',
        "sources.smith2020",
        "doii",
        "unknown key. Did you mean 'doi'?",
    ),
    "a source that is text": (
        "[sources.panel]",
        '[sources]\nother = "Smith"\n[sources.panel]',
        "sources.other",
        "",
        "expected a table, found 'Smith'",
    ),
    # Studies and red flags.
    "a study without a source": (
        'n = 50\nsource = "smith2020"',
        "n = 50",
        "studies[0]",
        "source",
        "study 'strain_share': expected text, found nothing",
    ),
    "studies that are no array": (
        "[[studies]]",
        "[studies]",
        "studies",
        "",
        "expected an array of tables, written [[studies]]",
    ),
    "a red flag without a condition to fire": (
        'any = ["pain", "gait=limping", "gait=unable"]\nat_least = 2',
        "",
        "red_flags[0]",
        "",
        "a red flag fires on any or all of some findings, or on a condition above a bound",
    ),
    "a red flag on a posterior that has no present state": (
        'condition = "fracture"',
        'condition = "age"',
        "red_flags[1]",
        "condition",
        "'age' has no state 'present' to be above a bound",
    ),
    "a red flag of no findings": (
        'any = ["pain", "gait=limping", "gait=unable"]\nat_least = 2',
        "any = []",
        "red_flags[0]",
        "",
        "a red flag fires on any or all of some findings",
    ),
    "a red flag without its bound": (
        "above = 0.5",
        "",
        "red_flags[1]",
        "",
        "condition and above go together",
    ),
    "a red flag with a bound on nothing": (
        "at_least = 2",
        "above = 0.5",
        "red_flags[0]",
        "",
        "condition and above go together",
    ),
    "a red flag on an unknown finding": (
        'any = ["pain",',
        'any = ["pian",',
        "red_flags[0]",
        "any",
        "'pian' is no node of this file. Did you mean 'pain'?",
    ),
    "a red flag on an unknown state": (
        '"gait=limping"',
        '"gait=limp"',
        "red_flags[0]",
        "any",
        "'limp' is no state of 'gait'. Did you mean 'limping'?",
    ),
    "a red flag that does not say which state": (
        '"gait=limping"',
        '"gait"',
        "red_flags[0]",
        "any",
        "'' is no state of 'gait'. Choose from: normal, limping, unable.",
    ),
    "a red flag on an unknown condition": (
        'condition = "fracture"',
        'condition = "facture"',
        "red_flags[1]",
        "condition",
        "'facture' is no node of this file. Did you mean 'fracture'?",
    ),
    "a red flag that asks for more than there are": (
        "at_least = 2",
        "at_least = 4",
        "red_flags[0]",
        "at_least",
        "4 is out of bounds; it must lie in [1, 3]",
    ),
    "a red flag that asks for one and a half": (
        "at_least = 2",
        "at_least = 1.5",
        "red_flags[0]",
        "at_least",
        "expected a whole number, found 1.5",
    ),
    "a red flag without an urgency": (
        'urgency = "prompt"',
        "",
        "red_flags[1]",
        "urgency",
        "expected text, found nothing",
    ),
    "a red flag with an unknown key": (
        "at_least = 2",
        "at_last = 2",
        "red_flags[0]",
        "at_last",
        "unknown key. Did you mean 'at_least'?",
    ),
    # TOML itself.
    "a duplicate key": (
        "cost = 0.5",
        "cost = 0.5\ncost = 1",
        "",
        "",
        "not valid TOML: Cannot overwrite a value",
    ),
    "a duplicate node": (
        "[mechanisms.load]",
        '[findings.gait]\nlabel = "x"\n[mechanisms.load]',
        "",
        "",
        "not valid TOML: ",
    ),
    "a missing quote": ('label = "Gait"', 'label = "Gait', "", "", "not valid TOML: "),
}


@pytest.mark.parametrize(("old", "new", "table", "key", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_refused_with_its_place(old: str, new: str, table: str, key: str, words: str) -> None:
    """The complaint names the file, the table and the key, says what is wrong, and carries the place."""
    assert old in SMALL
    with pytest.raises(NetworkFileError, match=re.escape(words)) as caught:
        from_toml(SMALL.replace(old, new, 1), FILE)
    error = caught.value
    assert error.file == FILE
    assert error.table in table.split("|")
    assert error.key == key
    place = f"{FILE}, [{error.table}], key {key!r}: " if key else f"{FILE}, [{error.table}]: "
    assert str(error).startswith(place if error.table else f"{FILE}{f', key {key!r}' if key else ''}: ")
    section, _, name = error.table.partition(".")
    assert error.node == (name if section not in ("", "network", "sources") and name else "")


@pytest.mark.parametrize("name", ["pain.at.night", "pain at night", "pain=night", "pain <- night", ""])
def test_a_name_that_would_make_ids_ambiguous_is_refused(name: str) -> None:
    """Names are made of letters, digits and underscores; the complaint carries the whole name."""
    with pytest.raises(NetworkFileError, match="made of letters, digits and _") as caught:
        from_toml(f'{SMALL}\n[findings."{name}"]\n', FILE)
    assert caught.value.node == name


def test_an_empty_file_asks_for_a_name() -> None:
    """Nothing at all is no network."""
    with pytest.raises(NetworkFileError, match=r"\[network\], key 'name': expected text, found nothing"):
        from_toml("", FILE)


def test_a_network_without_nodes_is_refused() -> None:
    """A name alone is no network."""
    with pytest.raises(NetworkFileError, match=r"small\.toml: a network needs at least one node"):
        from_toml('[network]\nname = "x"', FILE)


def test_a_network_without_a_description_is_fine() -> None:
    """Only what inference and readers need is asked for."""
    bare = SMALL.replace('description = "Just large enough to hold one of everything"\nversion = "1"\n', "")
    assert from_toml(bare, FILE).description == ""


def test_a_cause_called_leak_keeps_an_id_of_its_own() -> None:
    """A node may be called leak; its link is not mistaken for the leak."""
    net = from_toml(SMALL.replace("strain", "leak"), FILE)
    assert net.parameters.index.is_unique
    assert {"pain <- leak", "pain <- leak=present"} <= set(net.parameters.index)


# -- there and back ------------------------------------------------------------------------


def test_the_small_network_comes_back_as_it_was(small: Network) -> None:
    """Words, numbers, records, studies and red flags are all written."""
    assert described(from_toml(to_toml(small), FILE)) == described(small)


@given(documented_networks())
def test_any_network_comes_back_as_it_was(net: Network) -> None:
    """What is written is read back to the same network, to the last digit and letter."""
    text = to_toml(net)
    again = from_toml(text, FILE)
    assert described(again) == described(net)
    assert to_toml(again) == text


def test_numbers_are_written_as_their_author_stated_them(small: Network) -> None:
    """Counts stay counts, without a decimal point; ranges stay ranges."""
    text = to_toml(small)
    assert "events = 59\ntrials = 64\n" in text
    assert "range = [\n    0.05,\n    0.2,\n]" in text
    assert "ess = inf\n" in text


def test_a_changed_number_is_written_instead_of_its_old_counts(small: Network) -> None:
    """Counts that no longer give the number would bring the old one back."""
    theta = small.theta.copy()
    names = list(small.parameters.index)
    theta[names.index("pain <- strain")] = 0.5
    theta[small.spans["age"]] = 0.2, 0.3, 0.5
    changed = small.with_theta(theta)
    again = from_toml(to_toml(changed), FILE)
    assert again.theta.tolist() == changed.theta.tolist()
    assert again.ess.tolist() == pytest.approx(changed.ess.tolist())


def with_family(net: Network, node: str, **changes: object) -> Network:
    """Return the network with one family changed."""
    return replace(net, families={**net.families, node: replace(net.families[node], **changes)})  # type: ignore[arg-type]


UNWRITABLE: dict[str, tuple[Callable[[Network], Network], str, str]] = {
    "a node without a role": (
        lambda net: replace(
            net, variables=tuple(replace(item, role="") for item in net.variables[:1]) + net.variables[1:]
        ),
        "gives each node a role (risk factor, condition, mechanism, finding); age has none",
        "age",
    ),
    "nodes without a role": (
        lambda net: replace(net, variables=tuple(replace(item, role="") for item in net.variables)),
        "age, strain, fracture, load, gait have none",
        "age",
    ),
    "numbers without a record": (
        lambda net: with_family(net, "strain", provenance=()),
        "the numbers of 'strain' have no source; a TOML network needs one",
        "strain",
    ),
    "a number of unknown certainty": (
        lambda net: with_family(net, "strain", provenance=(Provenance("smith2020"),)),
        "a number of 'strain' does not say how sure it is; a TOML network needs that",
        "strain",
    ),
    "a distribution of unknown certainty": (
        lambda net: with_family(net, "age", provenance=(Provenance("smith2020"),)),
        "a number of 'age' does not say how sure it is",
        "age",
    ),
}


@pytest.mark.parametrize(("change", "words", "node"), UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_what_a_file_could_not_say_is_not_written(
    small: Network, change: Callable[[Network], Network], words: str, node: str
) -> None:
    """The writer refuses what the reader would, and names the node."""
    with pytest.raises(InvalidNetwork, match=re.escape(words)) as caught:
        to_toml(change(small))
    assert caught.value.node == node


def test_a_zero_among_several_states_keeps_the_doubt_about_the_others(small: Network) -> None:
    """A state ruled out has no interval; the others have that of their sample."""
    frame = small.parameters
    ruled_out, other = frame.loc["gait=unable | load=absent"], frame.loc["gait=limping | load=absent"]
    assert np.isnan([ruled_out["low"], ruled_out["high"]]).all()
    assert (other["low"], other["high"]) == pytest.approx(stats.beta(2, 18).interval(0.95), rel=1e-9)
