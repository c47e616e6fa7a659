"""What must be said wherever a case is shown: the sentence of use, and that red flags fire."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["USE", "flagged"]

USE = "For research and decision support; it is not a diagnosis."
"""Said by every face and every exported page of itself, once."""


def flagged(alerts: Sequence[str]) -> str:
    """Return one line for a title: how many red flags fire, and how urgent the first is; empty if none does.

    Parameters
    ----------
    alerts
        One line a flag, the most urgent first, beginning with its urgency and a colon.

    Examples
    --------
    >>> flagged(["SAME DAY: a (b). Do c.", "PROMPT: d (e). Do f."])
    '! SAME DAY: 2 red flags fire, see bp.triage'
    >>> flagged([])
    ''
    """
    if not alerts:
        return ""
    fire = "1 red flag fires" if len(alerts) == 1 else f"{len(alerts)} red flags fire"
    return f"! {alerts[0].partition(':')[0]}: {fire}, see bp.triage"
