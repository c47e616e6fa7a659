"""An explanation in sentences: each turn that the numbers can take."""

import math
from typing import Any

import pytest

from buttpain.analysis.wording import Said, Story, sentences, verdict


def story(*findings: tuple[str, float, str], **more: Any) -> str:
    """Tell a story about X, the findings being (name, weight, verdict)."""
    facts = {"target": "X", "rival": "", "before": 0.0, "now": 1.0, "prior": 0.5, "posterior": 2 / 3}
    facts |= {"against": 0.0, "conflict": 0.0, "clash": (), "resolving": ()}
    said = tuple(Said(*finding, 0.25) for finding in findings)
    return sentences(Story(**{**facts, "findings": said, **more}))


STORIES: dict[str, tuple[str, str]] = {
    "one finding": (
        story(("A", 1.0, "for")),
        """
            X is at 66.7 %, up from 50.0 %. A speaks for it. It multiplies the odds by 2.0; without it the
            probability would be 25.0 %.
        """,
    ),
    "all on one side": (
        story(("A", -2.0, "against"), ("B", -1.0, "against"), posterior=0.2, now=-2.0),
        """
            X is at 20.0 %, down from 50.0 %. A and B speak against it; nothing speaks for it. A weighs
            most: given the others, it divides the odds by 4.0; without it the probability would be 25.0 %.
        """,
    ),
    "many findings": (
        story(*((name, 1.0, "for") for name in "ABCDEF")),
        """
            X is at 66.7 %, up from 50.0 %. A, B, C and 3 more speak for it; nothing speaks against it. A
            weighs most: given the others, it multiplies the odds by 2.0; without it the probability would
            be 25.0 %.
        """,
    ),
    "slight findings": (
        story(("A", 0.05, "for"), ("B", 0.0, "neither"), posterior=0.5),
        """
            X stands at 50.0 %, as before the findings. None of the findings says much, given the others.
        """,
    ),
    "one that decides": (
        story(("A", math.inf, "decides for"), ("B", 1.0, "for"), posterior=1.0, now=math.inf),
        """
            X is at 100 %, up from 50.0 %. A and B speak for it; nothing speaks against it. A decides that;
            without it the probability would be 25.0 %.
        """,
    ),
    "two that decide together": (
        story(*((name, -math.inf, "decides against") for name in "AB"), posterior=0.0, now=-math.inf),
        """
            X is at 0 %, down from 50.0 %. A and B speak against it; nothing speaks for it. Each of A and B
            is needed for that.
        """,
    ),
    "two that decide alone": (
        story(*((name, 0.0, "decided without it") for name in "AB"), posterior=0.0, now=-math.inf),
        """
            X is at 0 %, down from 50.0 %. More than one finding decides that, so that none of them alone
            would change it.
        """,
    ),
    "certain before": (
        story(("A", 0.0, "decided without it"), prior=1.0, posterior=1.0, before=math.inf, now=math.inf),
        """
            X stands at 100 %, as before the findings. That holds whatever is observed.
        """,
    ),
    "a comparison": (
        story(("A", -1.0, "against"), rival="Y", now=-3.0, before=2.0, posterior=0.1, against=0.8),
        """
            Y is 8.0 times as probable as X (80.0 % against 10.0 %); before the findings the ratio was 1 :
            4.0. A speaks for Y. It is 2.0 times as probable with Y as with X.
        """,
    ),
    "a tie": (
        story(("A", 0.0, "neither"), rival="Y", now=0.05, posterior=0.4, against=0.4),
        """
            X is about as probable as Y (40.0 % against 40.0 %); before the findings the ratio was 1.0 : 1.
            None of the findings says much, given the others.
        """,
    ),
    "a comparison with nothing observed": (
        story(rival="Y", before=1.0, posterior=0.4, against=0.2),
        """
            Nothing was observed, so nothing speaks for or against it. X is 2.0 times as probable as Y (40.0
            % against 20.0 %).
        """,
    ),
    "a conflict": (
        story(("A", 0.0, "neither"), conflict=1.25, clash=("A", "the absence of B"), resolving=("Z",)),
        """
            X is at 66.7 %, up from 50.0 %. None of the findings says much, given the others. The findings
            fit badly together: they would be 2.4 times as probable had they nothing to do with one another.
            A and the absence of B disagree most. Z would explain it.
        """,
    ),
    "a conflict without culprit": (
        story(("A", 0.0, "neither"), conflict=1.25),
        """
            X is at 66.7 %, up from 50.0 %. None of the findings says much, given the others. The findings
            fit badly together: they would be 2.4 times as probable had they nothing to do with one another.
        """,
    ),
    "a slight conflict": (
        story(("A", 0.0, "neither"), conflict=0.9, clash=("A", "B"), resolving=("Z",)),
        """
            X is at 66.7 %, up from 50.0 %. None of the findings says much, given the others.
        """,
    ),
}


@pytest.mark.parametrize(("told", "words"), STORIES.values(), ids=STORIES)
def test_how_it_is_told(told: str, words: str) -> None:
    """Each turn that the numbers can take has its sentence."""
    assert told == " ".join(words.split())


@pytest.mark.parametrize(
    ("weight", "settled", "word"),
    [
        (1.0, False, "for"),
        (-1.0, False, "against"),
        (0.0, False, "neither"),
        (math.inf, False, "decides for"),
        (-math.inf, False, "decides against"),
        (0.0, True, "decided without it"),
    ],
)
def test_verdicts(weight: float, settled: bool, word: str) -> None:
    """What a weight means in a word."""
    assert verdict(weight, settled=settled) == word
