"""Red flags: which of a network's rules fire on what was observed, and on what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from buttpain.display.tables import percent
from buttpain.inference.evidence import Observation
from buttpain.model.network import URGENCIES, Network, RedFlag

__all__ = ["Fired", "fired"]


@dataclass(frozen=True, slots=True)
class Fired:
    """A red flag that fires, and on what.

    Parameters
    ----------
    flag
        The rule.
    because
        The observations, or the posterior, that fired it.
    """

    flag: RedFlag
    because: str

    @property
    def alert(self) -> str:
        """One line for the head of any result about the case."""
        urgency = self.flag.urgency.replace("_", " ").upper()
        return f"{urgency}: {self.flag.label} ({self.because}). {self.flag.advice}".strip()


def fired(
    net: Network, evidence: Mapping[str, Observation], probability: Callable[[str], float]
) -> tuple[Fired, ...]:
    """Return the red flags that fire, most urgent first.

    Parameters
    ----------
    net
        The network whose rules they are.
    evidence
        What was observed; only what was observed for certain counts.
    probability
        Called with a condition, returns the probability that it is present.
    """
    found = [
        Fired(flag, because)
        for flag in net.red_flags
        if (because := _because(flag, net, evidence, probability))
    ]
    return tuple(sorted(found, key=lambda item: -URGENCIES.index(item.flag.urgency)))


def _because(
    flag: RedFlag, net: Network, evidence: Mapping[str, Observation], probability: Callable[[str], float]
) -> str:
    """Return what fires the flag, or nothing."""
    certain = {node: state for node, value in evidence.items() if (state := _certain(value))}
    some = [sign for sign in flag.any if certain.get(sign[0]) == sign[1]]
    every = [sign for sign in flag.all if certain.get(sign[0]) == sign[1]]
    if (flag.any and len(some) < flag.at_least) or len(every) < len(flag.all):
        return ""
    reasons = [f"{net.label(node)} {state}" for node, state in dict.fromkeys((*some, *every))]
    if not math.isnan(flag.above):
        likely = probability(flag.condition)
        if not likely > flag.above:
            return ""
        reasons.append(f"P({net.label(flag.condition)}) = {percent(likely)}")
    return ", ".join(reasons)


def _certain(observation: Observation) -> str:
    """Return the state that was observed beyond doubt, or nothing."""
    if isinstance(observation, str):
        return observation
    possible = [state for state, weight in observation.items() if weight > 0]
    return possible[0] if len(possible) == 1 else ""
