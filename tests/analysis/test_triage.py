"""Red flags: what fires them, what does not, and how they are told."""

import json
import math
from typing import Any

import numpy as np
import pytest

import buttpain as bp
from buttpain.model.network import RedFlag, Table, Variable

SIGNS = ("fever", "night_pain", "weight_loss")


def flag(name: str, **rule: Any) -> RedFlag:
    """Return a red flag with the words that a file would give it."""
    rule = {"urgency": "prompt", **rule}
    return RedFlag(
        name, f"The flag {name}", reason="It is rare.", source="book", advice="Look again.", **rule
    )


def network(*flags: RedFlag) -> bp.Network:
    """Return three signs and a condition that fever makes likely, with these flags."""
    variables = [Variable("tumour", role="condition", label="Tumour")]
    variables += [Variable(name, role="finding", label=name.replace("_", " ").capitalize()) for name in SIGNS]
    families = {
        "tumour": Table((), np.array([0.9, 0.1])),
        "fever": Table(("tumour",), np.array([[0.8, 0.2], [0.1, 0.9]])),
        "night_pain": Table((), np.array([0.5, 0.5])),
        "weight_loss": Table((), np.array([0.5, 0.5])),
    }
    return bp.Network("signs", tuple(variables), families, red_flags=flags)


def fired(rule: RedFlag, **evidence: Any) -> list[str]:
    """Return why the one flag of a network fires, or an empty list."""
    return [item.because for item in bp.triage(bp.observe(network(rule), evidence)).red_flags]


PRESENT = tuple((name, "present") for name in SIGNS)


# -- what fires ----------------------------------------------------------------------------------


def test_any_of_several_findings_is_enough() -> None:
    """A flag on any of some findings fires on each of them, and names the ones seen."""
    rule = flag("any", any=PRESENT)
    assert fired(rule, night_pain=True) == ["Night pain present"]
    assert fired(rule, weight_loss=True, fever=True) == ["Fever present, Weight loss present"]


def test_at_least_k_needs_k() -> None:
    """A flag on at least two findings is silent on one."""
    rule = flag("two", any=PRESENT, at_least=2)
    assert fired(rule, fever=True, night_pain=False) == []
    assert fired(rule, fever=True, night_pain=True) == ["Fever present, Night pain present"]


def test_all_needs_all() -> None:
    """A flag on all of some findings is silent until the last of them."""
    rule = flag("all", all=PRESENT[:2])
    assert fired(rule, fever=True, weight_loss=True) == []
    assert fired(rule, fever=True, night_pain=True) == ["Fever present, Night pain present"]


def test_any_and_all_are_both_needed() -> None:
    """A flag with both kinds of list needs both, and names a finding that is on both once."""
    rule = flag("both", any=PRESENT[:2], all=PRESENT[1:])
    assert fired(rule, fever=True) == []
    assert fired(rule, night_pain=True) == []
    assert fired(rule, night_pain=True, weight_loss=True) == ["Night pain present, Weight loss present"]


def test_a_finding_may_have_to_be_absent() -> None:
    """A flag may ask for a state other than present, and says which."""
    rule = flag("silent", all=(("fever", "absent"),))
    assert fired(rule, fever=False) == ["Fever absent"]
    assert fired(rule, fever=True) == []


def test_what_was_not_observed_fires_nothing() -> None:
    """Neither presence nor absence is assumed of a finding that nobody looked for."""
    for state in ("present", "absent"):
        rule = flag("unseen", any=tuple((name, state) for name in SIGNS))
        assert fired(rule) == []
        assert fired(rule, fever=None) == []


def test_likelihoods_fire_no_finding() -> None:
    """A finding that may have been there is not one that was seen, however likely."""
    rule = flag("soft", any=PRESENT)
    assert fired(rule, fever={"present": 0.999, "absent": 0.001}) == []


def test_likelihoods_that_leave_one_state_are_certain() -> None:
    """Likelihoods that rule out all states but one say the same as that state."""
    rule = flag("sure", any=PRESENT)
    assert fired(rule, fever={"present": 0.3, "absent": 0}) == ["Fever present"]
    assert fired(rule, fever={"present": 0, "absent": 1}) == []


def test_a_posterior_above_its_bound_fires() -> None:
    """A flag on a posterior fires above its bound, not at it, and tells the posterior."""
    net = network()
    posterior = bp.observe(net, fever=True).probability("tumour")
    assert posterior == pytest.approx(1 / 3)
    below, above = math.nextafter(posterior, 0), math.nextafter(posterior, 1)
    assert fired(flag("b", condition="tumour", above=below), fever=True) == ["P(Tumour) = 33.3 %"]
    assert fired(flag("b", condition="tumour", above=posterior), fever=True) == []
    assert fired(flag("b", condition="tumour", above=above), fever=True) == []


def test_a_posterior_fires_without_evidence_and_with_likelihoods() -> None:
    """A bound on a posterior is about the posterior alone, whatever it came from."""
    rule = flag("b", condition="tumour", above=0.09)
    assert fired(rule) == ["P(Tumour) = 10.0 %"]
    assert fired(rule, fever={"present": 0.5, "absent": 0.5}) == ["P(Tumour) = 10.0 %"]


def test_findings_and_bound_are_both_needed() -> None:
    """A flag with a finding and a bound fires when both hold, and gives both reasons."""
    rule = flag("both", any=PRESENT[:2], condition="tumour", above=0.3)
    assert fired(rule, night_pain=True) == []
    assert fired(rule, fever=True) == ["Fever present, P(Tumour) = 33.3 %"]


def test_a_flag_does_not_care_who_leads() -> None:
    """A condition far down the ranking still raises its flag."""
    net = bp.load_network("five_findings")
    case = bp.observe(net, hop_test_pain=True)
    assert case.posterior().ranked().index[-1] == "sacral_stress_fracture"
    assert [item.flag.name for item in bp.triage(case).red_flags] == ["sacral_bone_stress"]


# -- order and urgency ---------------------------------------------------------------------------


@pytest.fixture
def several() -> bp.Triage:
    """Return what two of each urgency give, in an order that is neither rising nor falling."""
    order = ("prompt", "emergency", "routine", "same_day")
    flags = [flag(f"{urgency}_{i}", urgency=urgency, any=PRESENT) for i in (1, 2) for urgency in order]
    return bp.triage(bp.observe(network(*flags), fever=True))


def test_the_most_urgent_comes_first(several: bp.Triage) -> None:
    """Flags are listed by urgency, and in the order of the file where they are equally urgent."""
    assert [item.flag.name for item in several.red_flags] == [
        "emergency_1",
        "emergency_2",
        "same_day_1",
        "same_day_2",
        "prompt_1",
        "prompt_2",
        "routine_1",
        "routine_2",
    ]


def test_urgency_is_the_highest_that_fires() -> None:
    """A case is as urgent as its most urgent flag that fires, and routine when none does."""
    net = network(
        flag("low", urgency="prompt", any=PRESENT[:1]), flag("high", urgency="emergency", any=PRESENT[1:])
    )
    assert bp.triage(bp.observe(net)).urgency == "routine"
    assert bp.triage(bp.observe(net, fever=True)).urgency == "prompt"
    assert bp.triage(bp.observe(net, fever=True, night_pain=True)).urgency == "emergency"


# -- how it is told ------------------------------------------------------------------------------


def test_as_plain_data(several: bp.Triage) -> None:
    """Each flag is told with its words, its reason and its source, ready for JSON."""
    told = several.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["urgency"] == "emergency"
    assert told["red_flags"][0] == {
        "name": "emergency_1",
        "label": "The flag emergency_1",
        "urgency": "emergency",
        "because": "Fever present",
        "advice": "Look again.",
        "reason": "It is rare.",
        "source": "book",
    }
    assert several.to_frame().to_dict("records") == told["red_flags"]


def test_as_a_frame_without_flags() -> None:
    """An empty frame still has its columns."""
    frame = bp.triage(bp.observe(network())).to_frame()
    assert len(frame) == 0
    assert "urgency" in frame.columns


def test_as_a_line(several: bp.Triage) -> None:
    """The head of a result gives urgency, flag, cause and advice in one line each."""
    assert several.case.alerts()[2] == "SAME DAY: The flag same_day_1 (Fever present). Look again."
    assert len(several.case.alerts()) == 8


def test_as_text_and_html(several: bp.Triage) -> None:
    """Terminal and notebook show the urgency and every flag with its cause and advice."""
    text, page = repr(several), several._repr_html_()
    assert text.startswith("signs | urgency: emergency\n")
    assert text.count("Look again.") == page.count("Look again.") == 8
    assert text.count("same day") == page.count("same day") == 2
    assert "No red flag" not in text + page


def test_no_flag_is_told_and_is_no_all_clear() -> None:
    """When nothing fires the result says so, and that it says nothing of what was not looked for."""
    told = bp.triage(bp.observe(network(flag("f", any=PRESENT))))
    assert repr(told).splitlines() == [
        "signs | urgency: routine",
        "No red flag fires.",
        "A finding not observed fires none, so silence is no all-clear.",
    ]
    assert "silence is no all-clear" in told._repr_html_()


def test_every_result_about_a_case_shows_its_red_flags_first() -> None:
    """Whatever is asked of a case, its red flags head the answer, in text and in HTML."""
    case = bp.observe(bp.load_network("five_findings"), hop_test_pain=True)
    (alert,) = case.alerts()
    assert alert.startswith("PROMPT: Sacral stress fracture not excluded (P(Sacral stress fracture) = ")
    target = "sacral_stress_fracture"
    results: list[Any] = [case.posterior(), case.posterior([target]), bp.sensitivity(case, target)]
    for result in results:
        assert repr(result).startswith("! PROMPT: Sacral stress fracture not excluded")
        page = result._repr_html_()
        assert page.index("PROMPT: Sacral") < page.index("<table")


def test_red_flags_are_those_of_the_case(several: bp.Triage) -> None:
    """Triage shows what the case itself found; a case without a rule has none."""
    assert several.red_flags == several.case.red_flags
    assert bp.observe(network()).red_flags == ()
