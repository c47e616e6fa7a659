"""An explanation in sentences, made from numbers and labels alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from buttpain.display.tables import percent

__all__ = [
    "DECIDING",
    "DISAGREE",
    "SETTLED",
    "SLIGHT",
    "Said",
    "Story",
    "listed",
    "ratio",
    "sentences",
    "signed",
    "times",
    "verdict",
]

SLIGHT = 0.1
"""Bits below which words pass over a weight: it changes odds by less than a thirteenth."""

DISAGREE = 1.0
"""Bits of conflict from which words speak of it: it makes the findings half as probable together."""

DECIDING = ("decides for", "decides against")
"""Verdicts on a finding that makes the answer certain."""

SETTLED = "decided without it"
"""The verdict where the other findings make the answer certain."""

_NAMED = 3
"""Findings that a sentence names."""

_MOST_BITS = 20
"""Bits beyond which a ratio is only said to be large."""


@dataclass(frozen=True, slots=True)
class Said:
    """A finding as a sentence speaks of it.

    Parameters
    ----------
    name
        What it is called.
    weight, verdict
        What it does, given the others.
    without
        P(target) without it.
    """

    name: str
    weight: float
    verdict: str
    without: float


@dataclass(frozen=True, slots=True)
class Story:
    """What there is to tell.

    Parameters
    ----------
    target, rival
        What is explained, and what it is compared with: empty if with its own absence.
    before, now
        Log-odds in bits without and with the findings.
    prior, posterior, against
        P(target) without and with them, and P(rival) with them.
    findings
        The heaviest first.
    conflict
        Of the findings, in bits.
    clash
        The two that disagree most; empty if no two of them do by themselves.
    resolving
        Conditions that would explain the conflict.
    """

    target: str
    rival: str
    before: float
    now: float
    prior: float
    posterior: float
    against: float
    findings: tuple[Said, ...]
    conflict: float
    clash: tuple[str, ...]
    resolving: tuple[str, ...]


def verdict(weight: float, *, settled: bool) -> str:
    """Say what a finding does.

    Parameters
    ----------
    weight
        In bits.
    settled
        Whether the others make the answer certain.
    """
    if settled:
        return SETTLED
    side = "for" if weight > 0 else "against"
    if math.isinf(weight):
        return f"decides {side}"
    return side if weight else "neither"


def sentences(story: Story) -> str:
    """Tell where the answer stands, what speaks for and against it, and what disagrees."""
    parts = [_opening(story)]
    if not story.findings:
        parts.insert(0, "Nothing was observed, so nothing speaks for or against it.")
    else:
        parts += [_sides(story), _certainty(story) or _heaviest(story), _disagreement(story)]
    return " ".join(filter(None, parts))


def _opening(story: Story) -> str:
    if story.rival:
        return _compared(story)
    now, before = percent(story.posterior), percent(story.prior)
    if now == before:
        return f"{story.target} stands at {now}{', as before the findings' if story.findings else ''}."
    return f"{story.target} is at {now}, {'up' if story.posterior > story.prior else 'down'} from {before}."


def _compared(story: Story) -> str:
    """Say how many times as probable the likelier of the two is, and was."""
    pair = [(story.target, percent(story.posterior)), (story.rival, percent(story.against))]
    (one, p), (other, q) = pair if story.now >= 0 else pair[::-1]
    how = f"{times(story.now)} times as probable as" if abs(story.now) >= SLIGHT else "about as probable as"
    if math.isinf(story.now):
        how = "possible, unlike"
    before = ratio(story.before if story.now >= 0 else -story.before)
    earlier = f"; before the findings the ratio was {before}" if story.findings else ""
    return f"{one} is {how} {other} ({p} against {q}){earlier}."


def _sides(story: Story) -> str:
    """Say which findings speak for and which against."""
    heard = [said for said in story.findings if abs(said.weight) >= SLIGHT and said.verdict != SETTLED]
    if not heard:
        # Where there is no doubt left the next sentence says so.
        return "" if math.isinf(story.now) else "None of the findings says much, given the others."
    objects = (f"for {story.target}", f"for {story.rival}") if story.rival else ("for it", "against it")
    parts = []
    for sign, what in zip((1, -1), objects, strict=True):
        names = [said.name for said in heard if sign * said.weight > 0]
        verb = "speaks" if len(names) == 1 else "speak"
        parts.append(f"{listed(names, _NAMED)} {verb} {what}" if names else f"nothing speaks {what}")
    if len(story.findings) == 1:
        parts = [part for part in parts if not part.startswith("nothing")]
    # What speaks comes before what does not.
    return _sentence("; ".join(sorted(parts, key=lambda part: part.startswith("nothing"))))


def _certainty(story: Story) -> str:
    """Say what leaves no doubt, if there is none."""
    deciding = [said for said in story.findings if said.verdict in DECIDING]
    if len(deciding) == 1:
        return _sentence(f"{deciding[0].name} decides that{_otherwise(story, deciding[0])}")
    if deciding:
        return _sentence(f"each of {listed([said.name for said in deciding], _NAMED)} is needed for that")
    if math.isinf(story.before):
        return "That holds whatever is observed."
    if math.isinf(story.now):
        return "More than one finding decides that, so that none of them alone would change it."
    return ""


def _heaviest(story: Story) -> str:
    """Say what the heaviest finding does."""
    said = story.findings[0]
    if abs(said.weight) < SLIGHT:
        return ""
    several = len(story.findings) > 1
    start = f"{said.name} weighs most: given the others, it" if several else "It"
    often = times(said.weight)
    if story.rival:
        pair = (story.target, story.rival)
        one, other = pair if said.weight > 0 else pair[::-1]
        return _sentence(f"{start} is {often} times as probable with {one} as with {other}")
    verb = "multiplies" if said.weight > 0 else "divides"
    return _sentence(f"{start} {verb} the odds by {often}{_otherwise(story, said)}")


def _otherwise(story: Story, said: Said) -> str:
    return "" if story.rival else f"; without it the probability would be {percent(said.without)}"


def _disagreement(story: Story) -> str:
    """Say how badly the findings fit together, which most of all, and what would explain it."""
    if story.conflict < DISAGREE:
        return ""
    often = times(story.conflict)
    unrelated = f"they would be {often} times as probable had they nothing to do with one another"
    said = [
        f"the findings fit badly together: {unrelated}",
        f"{' and '.join(story.clash)} disagree most" if story.clash else "",
        f"{listed(story.resolving)} would explain it" if story.resolving else "",
    ]
    return " ".join(_sentence(part) for part in said if part)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def listed(names: Sequence[str], most: int = 2) -> str:
    """Write names with commas and an "and"; the rest is counted, unless it is one.

    Examples
    --------
    >>> listed(["A"]), listed(["A", "B"]), listed(["A", "B", "C"]), listed(["A", "B", "C", "D"])
    ('A', 'A and B', 'A, B and C', 'A, B and 2 more')
    """
    told = list(names) if len(names) <= most + 1 else [*names[:most], f"{len(names) - most} more"]
    return f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else "".join(told)


def signed(bits: float) -> str:
    """Write bits with their sign.

    Examples
    --------
    >>> signed(1.234), signed(-0.001), signed(float("-inf"))
    ('+1.23', '0.00', '-inf')
    """
    return f"{bits:+.2f}" if round(bits, 2) else "0.00"


def times(bits: float) -> str:
    """Write the ratio that bits stand for, whichever their sign.

    Examples
    --------
    >>> times(1.9), times(-1.9), times(8), times(30)
    ('3.7', '3.7', '256', 'more than a million')
    """
    if abs(bits) > _MOST_BITS:
        return "more than a million"
    large = 2 ** abs(bits)
    return f"{large:.1f}" if large < 9.95 else f"{large:,.0f}"


def ratio(odds: float) -> str:
    """Write log-odds in bits as a ratio to 1.

    Examples
    --------
    >>> ratio(1), ratio(-2), ratio(float("inf"))
    ('2.0 : 1', '1 : 4.0', '1 : 0')
    """
    if math.isinf(odds):
        return "1 : 0" if odds > 0 else "0 : 1"
    return f"{times(odds)} : 1" if odds >= 0 else f"1 : {times(odds)}"
