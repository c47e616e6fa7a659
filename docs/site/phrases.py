"""Figures and facts of a network in words."""

import math
from typing import Any

from buttpain.display.tables import percent
from buttpain.model.network import RATIOS
from buttpain.model.priors import Provenance
from implied import Figure

__all__ = ["GRADES", "MEASURES", "SOON", "between", "chance", "ratio", "shown", "stated"]

SOON = {
    "emergency": "emergency: at once",
    "same_day": "same day",
    "prompt": "prompt: within days",
    "routine": "routine",
    "": "",
}

GRADES = {
    "A": "accuracy study",
    "B": "cohort",
    "C": "case series",
    "D": "review or guideline",
    "E": "text that the network grew from",
    "F": "judgement",
    "": "no source",
}

MEASURES = {
    "lr_positive": "LR+",
    "lr_negative": "LR-",
    "main_cause": "share as main cause",
    "overlap": "share with two conditions or more",
}


def chance(p: float) -> str:
    """Return a probability; a rare one with two digits, since much hangs on rare ones here.

    Examples
    --------
    >>> chance(0.2718), chance(0.00123), chance(0.0)
    ('27.2 %', '0.12 %', '0 %')
    """
    return f"{100 * p:#.2g} %" if 0.00001 < p < 0.01 else percent(p)


def between(figure: Figure) -> str:
    """Return an interval of probabilities; nothing if it is not known, or has no width.

    Examples
    --------
    >>> between(Figure(0.5, 0.4, 0.62))
    '40.0–62.0 %'
    """
    if math.isnan(figure.low) or figure.low == figure.high:
        return ""
    return f"{chance(figure.low).removesuffix(' %')}–{chance(figure.high)}"


def ratio(figure: Figure) -> str:
    """Return a ratio with its interval.

    Examples
    --------
    >>> ratio(Figure(3.73, 1.94, 12.3)), ratio(Figure(0.4))
    ('3.7 (1.9–12)', '0.40')
    """
    interval = "" if math.isnan(figure.low) else f" ({_short(figure.low)}–{_short(figure.high)})"
    return f"{_short(figure.value)}{interval}"


def _short(value: float) -> str:
    """Return two digits, or whole numbers from 10 on."""
    if math.isinf(value):
        return "∞"
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"


def shown(row: dict[str, Any], value: float) -> str:
    """Return a figure of a study: a ratio or a probability."""
    return _short(value) if row["measure"] in RATIOS else chance(value)


def stated(record: Provenance, place: int) -> str:
    """Return how sure a number is, as its author put it."""
    alone = record.with_leak
    if alone is not None:
        return f"{_worth(alone.counts, alone.range, alone.ess, 1)}, leak included"
    return _worth(record.counts, record.range, record.ess, place)


def _worth(counts: tuple[float, ...], limits: tuple[float, float] | None, ess: float, place: int) -> str:
    if counts:
        return f"{counts[place]:g} of {sum(counts):g}"
    if limits:
        return f"90 % range {100 * limits[0]:g}–{100 * limits[1]:g} %"
    if math.isinf(ess):
        return "by definition"
    return "" if math.isnan(ess) else f"worth {ess:g} cases"
