"""A link may be stated with the leak in it: the leak is taken out, and the words come back as they were."""

import math
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from buttpain.errors import NetworkFileError
from buttpain.model.definition import from_toml, to_toml
from buttpain.model.network import Network, NoisyOr
from buttpain.model.priors import (
    Provenance,
    WithLeak,
    beta_interval,
    certain_enough,
    ess_from_range,
    jeffreys_mean,
    without_leak,
)
from checks import described

FILE = "leaky.toml"
LEAKY = """
[network]
name = "leaky"

[sources.study]
cite = "A study"
kind = "cohort"

[risk_factors.age]
label = "Age"
states = ["young", "middle", "old"]
table = { counts = { young = 3, middle = 4, old = 5 }, source = "study" }

[conditions.strain]
label = "Strain"
table = { value = 0.2, ess = 10, source = "study" }

[conditions.tear]
label = "Tear"
table = { value = 0.1, ess = 20, source = "study" }

[findings.pain]
label = "Pain"
leak = { value = 0.18, range = [0.08, 0.30], source = "study" }
causes.strain = { value = 0.67, range = [0.40, 0.85], includes = "leak", source = "study", note = "As p" }
causes.tear = { events = 59, trials = 64, includes = "leak", source = "study" }
causes.age.middle = { value = 0.4, ess = 10, includes = "leak", source = "study" }
causes.age.old = { value = 0.5, ess = 30, source = "study" }
"""


@pytest.fixture(scope="module")
def leaky() -> Network:
    """Return the network of the text above."""
    return from_toml(LEAKY, FILE)


def pain(net: Network) -> NoisyOr:
    """Return the family that the tests are about."""
    family = net.families["pain"]
    assert isinstance(family, NoisyOr)
    return family


# -- what is read --------------------------------------------------------------------------------


def test_the_link_brings_the_finding_back_to_what_was_stated(leaky: Network) -> None:
    """With one cause and no other, the finding is as probable as the file says, to the last digit or two."""
    table = leaky.table("pain")  # strain, tear, age, pain
    assert table[1, 0, 0, 1] == pytest.approx(0.67, rel=1e-15)
    assert table[0, 1, 0, 1] == pytest.approx(59.5 / 65, rel=1e-15)
    assert table[0, 0, 1, 1] == pytest.approx(0.4, rel=1e-15)
    assert table[0, 0, 2, 1] == pytest.approx(1 - 0.5 * 0.82, rel=1e-15)  # stated as a link
    assert leaky.parameters.loc["pain <- strain", "value"] == (0.67 - 0.18) / (1 - 0.18)


def test_the_beta_of_a_link_has_the_variance_of_what_was_stated(leaky: Network) -> None:
    """The leak being fixed, the link is linear in p: mean and variance follow (moment matching)."""
    frame = leaky.parameters
    ess = ess_from_range(np.array([0.67]), np.array([0.40]), np.array([0.85]))[0]
    for link, p, ess_of_p in (("strain", 0.67, ess), ("tear", 59.5 / 65, 65.0), ("age=middle", 0.4, 10.0)):
        row = frame.loc[f"pain <- {link}"]
        stated = stats.beta(p * ess_of_p, (1 - p) * ess_of_p)
        taken = stats.beta(row["value"] * row["ess"], (1 - row["value"]) * row["ess"])
        assert taken.mean() == pytest.approx((stated.mean() - 0.18) / 0.82, rel=1e-12)
        assert taken.std() == pytest.approx(stated.std() / 0.82, rel=1e-9)
        assert (row["low"], row["high"]) == pytest.approx(taken.interval(0.95), rel=1e-9)


def test_the_record_keeps_what_was_stated(leaky: Network) -> None:
    """The authored number stands in the record; the link's own certainty beside it."""
    records = pain(leaky).provenance
    assert records[1] == Provenance("study", "As p", with_leak=WithLeak(0.67, 0.18, range=(0.40, 0.85)))
    assert records[2].with_leak == WithLeak(59.5 / 65, 0.18, ess=65.0, counts=(5.0, 59.0))
    assert records[2].ess == (1 - 0.18 / (59.5 / 65)) * 66 - 1
    assert records[3].with_leak == WithLeak(0.4, 0.18, ess=10.0)
    assert records[4] == Provenance("study", ess=30.0)


def test_what_holds_by_definition_still_does() -> None:
    """A certain p of 1 is a certain link of 1, whatever the leak."""
    text = LEAKY.replace("value = 0.67, range = [0.40, 0.85]", "value = 1.0, ess = inf")
    row = from_toml(text, FILE).parameters.loc["pain <- strain"]
    assert (row["value"], row["ess"], row["low"]) == (1.0, math.inf, 1.0)


def test_without_a_leak_nothing_changes() -> None:
    """A leak of 0 leaves a number what it was."""
    text = LEAKY.replace("value = 0.18, range = [0.08, 0.30]", "value = 0.0, ess = inf")
    plain = from_toml(text.replace(' includes = "leak",', ""), FILE)
    net = from_toml(text, FILE)
    assert net.theta.tolist() == plain.theta.tolist()
    assert net.ess.tolist() == pytest.approx(plain.ess.tolist(), rel=1e-12)


# -- what is refused -----------------------------------------------------------------------------

REFUSED = {
    "another word": (
        'range = [0.40, 0.85], includes = "leak"',
        'range = [0.40, 0.85], includes = "leek"',
        "findings.pain",
        "causes.strain.includes",
        "a link can include the \"leak\" and nothing else; found 'leek'",
    ),
    "no word": (
        'range = [0.40, 0.85], includes = "leak"',
        "range = [0.40, 0.85], includes = true",
        "findings.pain",
        "causes.strain.includes",
        'a link can include the "leak" and nothing else; found True',
    ),
    "a misspelt key": (
        'ess = 10, includes = "leak"',
        'ess = 10, include = "leak"',
        "findings.pain",
        "causes.age.middle.include",
        "unknown key. Did you mean 'includes'?",
    ),
    "on the leak": (
        "range = [0.08, 0.30],",
        'range = [0.08, 0.30], includes = "leak",',
        "findings.pain",
        "leak.includes",
        "only a link of a noisy-OR, a number under causes, can include the leak; take this key out",
    ),
    "in a table": (
        "value = 0.2, ess = 10,",
        'value = 0.2, ess = 10, includes = "leak",',
        "conditions.strain",
        "table.includes",
        "only a link of a noisy-OR, a number under causes, can include the leak",
    ),
    "in a row of counts": (
        'old = 5 }, source = "study"',
        'old = 5 }, includes = "leak", source = "study"',
        "risk_factors.age",
        "table.includes",
        "only a link of a noisy-OR, a number under causes, can include the leak",
    ),
    "below the leak": (
        "value = 0.4, ess = 10",
        "value = 0.1, ess = 10",
        "findings.pain",
        "causes.age.middle",
        "0.1 includes the leak, 0.18, and so must lie above it: write no cause, or lower the leak",
    ),
    "at the leak": (
        "value = 0.4, ess = 10",
        "value = 0.18, ess = 10",
        "findings.pain",
        "causes.age.middle",
        "0.18 includes the leak, 0.18, and so must lie above it: write no cause, or lower the leak",
    ),
    "counts below the leak": (
        "events = 59, trials = 64",
        "events = 3, trials = 64",
        "findings.pain",
        "causes.tear",
        "0.0538462 (the counts with Jeffreys' prior) includes the leak, 0.18, and so must lie above it",
    ),
    "a leak of 1": (
        "value = 0.18, range = [0.08, 0.30]",
        "value = 1.0, ess = inf",
        "findings.pain",
        "causes.strain",
        "0.67 includes the leak, 1, and so must lie above it",
    ),
    "too few cases for what is left": (
        "value = 0.4, ess = 10",
        "value = 0.2, ess = 8.9",
        "findings.pain",
        "causes.age.middle",
        (
            "a leak of 0.18 leaves too little of 0.2, as unsure as it is, for a Beta: state the number more "
            "surely (worth more than 9 cases), write no cause, or lower the leak"
        ),
    ),
    "too wide a range for what is left": (
        "value = 0.67, range = [0.40, 0.85]",
        "value = 0.2, range = [0.05, 0.60]",
        "findings.pain",
        "causes.strain",
        "a leak of 0.18 leaves too little of 0.2, as unsure as it is, for a Beta",
    ),
    "a child with more states": (
        'label = "Pain"',
        'label = "Pain"\nstates = ["none", "some", "much"]',
        "findings.pain",
        "",
        "a noisy-OR has two states, absent first; 'pain' has 3. Give it a table instead",
    ),
}


@pytest.mark.parametrize(("old", "new", "table", "key", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_refused_with_its_place(old: str, new: str, table: str, key: str, words: str) -> None:
    """The complaint names the file, the table and the key, both numbers, and what to do."""
    assert old in LEAKY
    with pytest.raises(NetworkFileError, match=re.escape(words)) as caught:
        from_toml(LEAKY.replace(old, new, 1), FILE)
    assert (caught.value.file, caught.value.table, caught.value.key) == (FILE, table, key)


def test_one_more_case_is_enough() -> None:
    """The bound that the complaint names is the bound."""
    net = from_toml(LEAKY.replace("value = 0.4, ess = 10", "value = 0.2, ess = 9.001"), FILE)
    assert 0 < net.ess[-2] < 0.001


@given(p=st.floats(0.001, 0.999), below=st.floats(0, 1), above=st.floats(0.001, 1), part=st.floats(0, 0.999))
def test_the_quick_look_at_a_range_agrees_with_the_fit(
    p: float, below: float, above: float, part: float
) -> None:
    """A range is enough exactly if the Beta fitted to it leaves the link a positive sample size."""
    leak, low, high = part * p, p - below * p, p + above * (1 - p)
    stated = WithLeak(p, leak, range=(low, high))
    fitted = float(ess_from_range(np.array([p]), np.array([low]), np.array([high]))[0])
    assert certain_enough(stated) == (without_leak(p, fitted, leak)[1] > 0)


@pytest.mark.parametrize("value", [1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999])
def test_the_normal_estimate_is_never_four_times_too_large(value: float) -> None:
    """What the quick look relies on: a quarter of the estimate lies below the fit of every Beta."""
    rarer = min(value, 1 - value)
    ess = np.geomspace(max(0.5, 0.0877 / rarer - 1.35), 1e7, 300)
    low, high = beta_interval(np.full(ess.size, value), ess, 0.90)
    estimate = value * (1 - value) / ((high - low) / 3.29) ** 2
    assert (estimate / 4 < ess + 1).all()


def test_a_range_that_only_looks_sure_enough_is_not() -> None:
    """Near the widest Beta of a rare event, a normal distribution would pass what the fit does not."""
    p, ess = 1e-3, 86.4
    low, high = beta_interval(np.array([p]), np.array([ess]), 0.90)
    leak = p * (1 - 1 / (2 * (ess + 1)))  # half of what a Beta would need is left
    assert not certain_enough(WithLeak(p, leak, range=(0.0, float(high[0] - low[0]))))


# -- there and back ------------------------------------------------------------------------------


def test_the_file_comes_back_as_it_was(leaky: Network) -> None:
    """Numbers to the last bit, records to the letter, and the authored form in the text."""
    text = to_toml(leaky)
    again = from_toml(text, FILE)
    assert again.theta.tolist() == leaky.theta.tolist()
    assert again.ess.tolist() == leaky.ess.tolist()
    assert again.provenance == leaky.provenance
    assert to_toml(again) == text
    assert text.count('includes = "leak"') == 3
    assert "events = 59\ntrials = 64\n" in text
    assert "value = 0.67\nrange = [\n    0.4,\n    0.85,\n]" in text


def test_a_pickled_network_is_written_alike(leaky: Network) -> None:
    """A NaN that has travelled is another NaN; the authored form stays."""
    assert to_toml(pickle.loads(pickle.dumps(leaky))) == to_toml(leaky)  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("changed", "kept"),
    [("pain <- strain", 2), ("pain <- age=old", 3), ("pain <- leak", 0)],
    ids=["a link that included the leak", "a plain link", "the leak itself"],
)
def test_what_was_changed_is_written_as_a_plain_link(leaky: Network, changed: str, kept: int) -> None:
    """A new link or a new leak makes the authored number untrue; others keep it, and all keep their Beta."""
    theta = leaky.theta.copy()
    theta[list(leaky.parameters.index).index(changed)] = 0.25
    net = leaky.with_theta(theta)
    text = to_toml(net)
    again = from_toml(text, FILE)
    assert text.count('includes = "leak"') == kept
    assert again.theta.tolist() == net.theta.tolist()
    assert again.ess.tolist() == pytest.approx(net.ess.tolist(), rel=1e-12)


def test_a_new_certainty_is_written_in_place_of_the_old(leaky: Network) -> None:
    """Whoever learns how sure a link is says so in the record, and that is what counts and is written."""
    family = pain(leaky)
    records = tuple(replace(record, ess=99.0) if record.with_leak else record for record in family.provenance)
    net = replace(leaky, families={**leaky.families, "pain": replace(family, provenance=records)})
    assert net.ess[-4:].tolist() == [99.0, 99.0, 99.0, 30.0]
    text = to_toml(net)
    assert "includes" not in text
    assert from_toml(text, FILE).ess[-4:].tolist() == [99.0, 99.0, 99.0, 30.0]


@st.composite
def leaky_texts(draw: st.DrawFn) -> str:
    """Draw files with one link of each form that includes the leak."""
    leak = draw(st.floats(0.0, 0.5))
    p = draw(st.floats(0.0, 1.0).filter(lambda p: leak + 0.01 < p < 0.99))
    low, high = draw(st.floats(max(0.0, p - 0.15), p)), draw(st.floats(p + 0.01, min(p + 0.15, 1.0)))
    trials = draw(st.integers(20, 400))
    events = draw(st.integers(math.ceil((leak + 0.02) * (trials + 1)), trials))
    mean = float(jeffreys_mean((trials - events, events))[0][1])
    ess = draw(st.floats(1, 500)) + leak / (p - leak)
    assume(certain_enough(WithLeak(p, leak, range=(low, high))))
    assume(
        certain_enough(WithLeak(mean, leak, ess=trials + 1.0)) and certain_enough(WithLeak(p, leak, ess=ess))
    )
    return (
        LEAKY.replace(
            "value = 0.18, range = [0.08, 0.30]", f"value = {leak!r}, ess = {'inf' if leak == 0 else 7}"
        )
        .replace("value = 0.67, range = [0.40, 0.85]", f"value = {p!r}, range = [{low!r}, {high!r}]")
        .replace("events = 59, trials = 64", f"events = {events}, trials = {trials}")
        .replace("value = 0.4, ess = 10", f"value = {p!r}, ess = {ess!r}")
    )


@given(leaky_texts())
def test_any_such_file_comes_back_as_it_was(text: str) -> None:
    """Whatever the numbers, writing and reading leaves nothing changed, and the leak goes back in."""
    net = from_toml(text, FILE)
    again = from_toml(to_toml(net), FILE)
    assert described(again) == described(net)
    assert again.ess.tolist() == net.ess.tolist()
    assert to_toml(again) == to_toml(net)
    for record, p in zip(
        pain(net).provenance[1:4], net.table("pain")[[1, 0, 0], [0, 1, 0], [0, 0, 1], 1], strict=True
    ):
        assert record.with_leak is not None
        assert p == pytest.approx(record.with_leak.value, rel=1e-12)
