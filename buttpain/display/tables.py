"""Tables with bars, as text that fits a terminal and as HTML without script.

Every result shows itself through these two, so that a notebook and a terminal say
the same in the same order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import zip_longest
from textwrap import wrap

__all__ = ["WIDTH", "Bar", "Grid", "percent", "wrapped"]

WIDTH = 80
"""Columns of a terminal that every text table fits."""

_GAP = "  "
_INDENT = "  "
_BAR_CELLS = 20
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MARK = "│"
_TIE = "\u00a0"  # a space at which no line breaks

# In text that is escaped already.
_INTERVAL = re.compile(r"(?:&[lg]t;)?\d[\de.,+-]*–(?:&[lg]t;)?\d[\de.,+-]*(?:&nbsp;%)?")

# The mark takes the colour of the page's own text, so it stands out from fill and ground in light and dark.
_STYLE = """
<style>
.buttpain{font-variant-numeric:tabular-nums;color:inherit}
.buttpain .title{font-weight:600}
.buttpain .lead{max-width:56em}
.buttpain table{border-collapse:collapse;background:transparent;margin:.3em 0}
.buttpain table th,.buttpain table td{text-align:left;vertical-align:top;padding:.15em 1em .15em 0;
 background:transparent;color:inherit;max-width:32em;white-space:normal}
.buttpain th{border-bottom:1px solid currentColor;font-weight:600}
.buttpain table td.number,.buttpain table th.number{text-align:right;white-space:nowrap}
.buttpain .whole{white-space:nowrap}
.buttpain .track{display:inline-block;position:relative;width:10em;height:.8em;
 background:rgba(128,128,128,.25);vertical-align:baseline}
.buttpain .fill{position:absolute;left:0;top:0;bottom:0;background:#0072b2}
.buttpain .mark{position:absolute;top:-.2em;bottom:-.2em;width:2px;margin-left:-1px;background:currentColor}
.buttpain .alert{border-left:4px solid #d55e00;padding:.1em .6em;margin:.3em 0;font-weight:600;max-width:56em}
.buttpain .note{opacity:.8;font-size:.92em;margin:.2em 0;max-width:56em}
</style>
"""


def percent(value: float) -> str:
    """Write a probability as a percentage that never rounds to 0 or 100 what is neither.

    Examples
    --------
    >>> [percent(p) for p in (0, 0.00004, 0.1234, 0.99999, 1)]
    ['0 %', '<0.1 %', '12.3 %', '>99.9 %', '100 %']
    """
    if math.isnan(value):
        return "unknown"
    if value in (0, 1):
        return f"{100 * value:.0f} %"
    if value < 0.0005:
        return "<0.1 %"
    return ">99.9 %" if value >= 0.9995 else f"{100 * value:.1f} %"


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of 1 to draw, and another to mark on it (what it was before)."""

    value: float
    mark: float | None = None

    def text(self) -> str:
        """Draw with block characters, to an eighth of one; the mark takes the place of a block."""
        whole, part = divmod(round(_clipped(self.value) * _BAR_CELLS * 8), 8)
        drawn = "█" * whole + (_EIGHTHS[part] if part else "")
        if self.mark is None:
            return drawn
        at = min(int(_clipped(self.mark) * _BAR_CELLS), _BAR_CELLS - 1)
        return f"{drawn[:at]:{at}}{_MARK}{drawn[at + 1 :]}"

    def html(self) -> str:
        """Draw as a filled track, with the numbers for those who cannot see it."""
        said, mark = percent(self.value), ""
        if self.mark is not None:
            said += f", before {percent(self.mark)}"
            mark = f'<span class="mark" style="left:{100 * _clipped(self.mark):.2f}%"></span>'
        fill = f'<span class="fill" style="width:{100 * _clipped(self.value):.2f}%"></span>'
        said = escape(said)
        return f'<span class="track" role="img" aria-label="{said}" title="{said}">{fill}{mark}</span>'


def _clipped(share: float) -> float:
    return min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Grid:
    """A table to show.

    Parameters
    ----------
    title
        What it is.
    headers
        One a column; a leading ">" asks for right alignment.
    rows
        Cells are text or a `Bar`.
    alerts
        What must be seen first.
    notes
        What stands below.
    lead
        What stands between title and table, one item a line.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str | Bar]]
    alerts: Sequence[str] = field(default_factory=tuple)
    notes: Sequence[str] = field(default_factory=tuple)
    lead: Sequence[str] = field(default_factory=tuple)

    def text(self, width: int = WIDTH) -> str:
        """Return lines of at most `width` characters; cells of words go on below one another."""
        lines = [part for alert in self.alerts for part in wrapped(f"! {alert}", width)]
        for said in (self.title, *self.lead):
            lines += wrapped(said, width)
        if self.rows:
            lines += self._table(width)
        lines += [part for note in self.notes for part in wrapped(note, width)]
        return "\n".join(lines)

    def _table(self, width: int) -> list[str]:
        names = [header.removeprefix(">") for header in self.headers]
        shown = [names, *self.rows] if any(names) else self.rows
        columns = list(zip(*shown, strict=True))
        whole = [max(_least(cell, not i) for cell in column) for i, column in enumerate(columns)]
        broken = [max(_BAR_CELLS if isinstance(cell, Bar) else 3 for cell in column) for column in columns]
        sizes = _fitted([max(map(_most, column)) for column in columns], (whole, broken), width)
        return [line for row in shown for line in self._line(row, sizes)]

    def _line(self, row: Sequence[str | Bar], sizes: Sequence[int]) -> list[str]:
        """Return the lines of one row; each after the first holds what did not fit in a cell."""
        indents = (_INDENT, *[""] * (len(row) - 1))
        parts = [_cut(cell, size, indent) for cell, size, indent in zip(row, sizes, indents, strict=True)]
        lines = []
        for line in zip_longest(*parts, fillvalue=""):
            cells = [
                cell.rjust(size) if header.startswith(">") else cell.ljust(size)
                for header, cell, size in zip(self.headers, line, sizes, strict=True)
            ]
            lines.append(_GAP.join(cells).rstrip())
        return lines

    def html(self) -> str:
        """Return HTML that needs no script and follows the page's own colours."""
        alerts = "".join(f'<div class="alert">{_unbroken(alert)}</div>' for alert in self.alerts)
        lead = "".join(f'<div class="lead">{_unbroken(said)}</div>' for said in self.lead)
        notes = "".join(f'<div class="note">{_unbroken(note)}</div>' for note in self.notes)
        head = "".join(
            f'<th scope="col"{_kind(header)}>{escape(header.removeprefix(">"))}</th>'
            for header in self.headers
        )
        body = "".join(f"<tr>{self._cells(row)}</tr>" for row in self.rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.rows else ""
        title = f'<div class="title">{_unbroken(self.title)}</div>' if self.title else ""
        return f'{_STYLE}<div class="buttpain">{alerts}{title}{lead}{table}{notes}</div>'

    def _cells(self, row: Sequence[str | Bar]) -> str:
        return "".join(
            f"<td{_kind(header)}>{cell.html() if isinstance(cell, Bar) else _unbroken(cell)}</td>"
            for header, cell in zip(self.headers, row, strict=True)
        )


def _kind(header: str) -> str:
    return ' class="number"' if header.startswith(">") else ""


def _most(cell: str | Bar) -> int:
    return _BAR_CELLS if isinstance(cell, Bar) else len(cell)


def _least(cell: str | Bar, first: bool) -> int:
    """Return the width below which a cell breaks a bar or a word."""
    if isinstance(cell, Bar):
        return _BAR_CELLS
    words = _tied(cell).split(" ")
    return min(len(cell), max(map(len, words)) + first * len(_INDENT))


def _fitted(sizes: list[int], floors: Sequence[Sequence[int]], width: int) -> list[int]:
    """Return widths that fit: the widest column gives way, down to one floor before any goes to the next."""
    excess = sum(sizes) + len(_GAP) * (len(sizes) - 1) - width
    for floor in floors:
        while excess > 0 and (able := [i for i, size in enumerate(sizes) if size > floor[i]]):
            sizes[max(able, key=sizes.__getitem__)] -= 1
            excess -= 1
    return sizes


def _cut(cell: str | Bar, size: int, indent: str) -> list[str]:
    if isinstance(cell, Bar):
        return [cell.text()]
    return [cell] if len(cell) <= size and "\n" not in cell else wrapped(cell, size, indent)


def wrapped(text: str, width: int = WIDTH, indent: str = _INDENT) -> list[str]:
    """Return text as lines of at most `width` characters; a number keeps its per cent sign."""
    return [line.replace(_TIE, " ") for line in wrap(_tied(text), width, subsequent_indent=indent)]


def _tied(text: str) -> str:
    return text.replace(" %", f"{_TIE}%")


def _unbroken(text: str) -> str:
    """Return text for HTML in which a number keeps its percent sign, and an interval its ends."""
    return _INTERVAL.sub(r'<span class="whole">\g<0></span>', escape(text).replace(" %", "&nbsp;%"))
