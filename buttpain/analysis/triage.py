"""Red flags: which of the network's rules fire on a case, and how soon it wants attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buttpain.display.tables import Grid
from buttpain.inference.case import Case
from buttpain.inference.flags import Fired
from buttpain.model.network import URGENCIES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NO_FLAGS", "Triage", "triage"]

COLUMNS = ("name", "label", "urgency", "because", "advice", "reason", "source")
"""What is said of a flag that fires."""

NO_FLAGS = "This network states no red flags, so none can fire."
"""What is said in place of an urgency that nobody has thought about."""


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

    def _grid(self) -> Grid:
        name = self.case.net.name
        if not self.case.net.red_flags:
            return Grid(f"{name} | urgency: not stated", (), [], notes=[NO_FLAGS])
        notes = [] if self.red_flags else ["No red flag fires."]
        notes.append("A finding not observed fires none, so silence is no all-clear.")
        title = f"{name} | urgency: {self.urgency.replace('_', ' ')}"
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
    return Triage(case, case.red_flags)
