"""Red flags: which of the network's rules fire on a case, and how soon it wants attention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buttpain.display.tables import Grid, percent
from buttpain.inference.case import Case
from buttpain.model.network import URGENCIES, RedFlag

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fired", "Triage", "triage"]

COLUMNS = ("name", "label", "urgency", "because", "advice", "reason", "source")
"""What is said of a flag that fires."""


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


@dataclass(frozen=True, repr=False, eq=False)
class Triage:
    """The red flags that fire on a case, most urgent first.

    Parameters
    ----------
    case
        The case.
    red_flags
        Those that fire.
    """

    case: Case
    red_flags: tuple[Fired, ...]

    @property
    def urgency(self) -> str:
        """The highest urgency among the flags that fire; ``routine`` if none does."""
        return max((fired.flag.urgency for fired in self.red_flags), key=URGENCIES.index, default="routine")

    def to_frame(self) -> pd.DataFrame:
        """Return one row a flag: name, label, urgency, because, advice, reason, source."""
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=list(COLUMNS))

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data, ready for JSON."""
        return {"urgency": self.urgency, "red_flags": self._rows()}

    def _rows(self) -> list[dict[str, str]]:
        return [
            {name: fired.because if name == "because" else getattr(fired.flag, name) for name in COLUMNS}
            for fired in self.red_flags
        ]

    def alerts(self) -> tuple[str, ...]:
        """Return one line a flag, for the head of any result about this case."""
        return tuple(
            f"{fired.flag.urgency.replace('_', ' ').upper()}: {fired.flag.label} ({fired.because}). "
            f"{fired.flag.advice}".strip()
            for fired in self.red_flags
        )

    def _grid(self) -> Grid:
        notes = [] if self.red_flags else ["No red flag fires."]
        notes.append("A finding not observed fires none, so silence is no all-clear.")
        title = f"{self.case.net.name} | urgency: {self.urgency.replace('_', ' ')}"
        rows = [
            (fired.flag.label, fired.flag.urgency.replace("_", " "), fired.because, fired.flag.advice)
            for fired in self.red_flags
        ]
        return Grid(title, ("red flag", "urgency", "because", "advice"), rows, notes=notes)

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self._grid().text()

    def _repr_html_(self) -> str:
        return self._grid().html()


def triage(case: Case) -> Triage:
    """Return the red flags that fire on a case, whatever leads the ranking.

    A flag fires on findings observed for certain, or on a posterior above the bound that
    its network states; an unobserved finding fires nothing.

    Raises
    ------
    ImpossibleEvidence, NetworkTooComplex

    Examples
    --------
    >>> import buttpain as bp
    >>> bp.triage(bp.observe(bp.load_network("five_findings"))).urgency
    'routine'
    """
    fired = [Fired(flag, because) for flag in case.net.red_flags if (because := _because(flag, case))]
    ordered = sorted(fired, key=lambda item: -URGENCIES.index(item.flag.urgency))
    return Triage(case, tuple(ordered))


def _because(flag: RedFlag, case: Case) -> str:
    """Return what fires the flag, or nothing."""
    reasons = []
    if flag.any:
        seen = _seen(flag.any, case)
        if len(seen) < flag.at_least:
            return ""
        reasons += seen
    if flag.all:
        seen = _seen(flag.all, case)
        if len(seen) < len(flag.all):
            return ""
        reasons += [item for item in seen if item not in reasons]
    if not math.isnan(flag.above):
        probability = case.probability(flag.condition)
        if not probability > flag.above:
            return ""
        reasons.append(f"P({case.net.label(flag.condition)}) = {percent(probability)}")
    return ", ".join(reasons)


def _seen(signs: tuple[tuple[str, str], ...], case: Case) -> list[str]:
    return [f"{case.net.label(node)} {state}" for node, state in signs if _certain(case, node) == state]


def _certain(case: Case, node: str) -> str:
    """Return the state in which a node was observed beyond doubt, or nothing."""
    observation = case.evidence.get(node, "")
    if isinstance(observation, str):
        return observation
    possible = [state for state, weight in observation.items() if weight > 0]
    return possible[0] if len(possible) == 1 else ""
