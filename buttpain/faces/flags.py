"""Red flags of many cases at once, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buttpain.model.network import URGENCIES, Network, RedFlag

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["bounded", "flagged"]


def bounded(net: Network) -> tuple[str, ...]:
    """Return the conditions whose posteriors red flags look at.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.flags import bounded
    >>> bounded(bp.load_network("five_findings"))
    ('sacral_stress_fracture',)
    """
    return tuple(dict.fromkeys(flag.condition for flag in net.red_flags if flag.condition))


def flagged(net: Network, seen: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Return urgency and the names of the red flags that fire, one row a case.

    Parameters
    ----------
    net
        The network.
    seen
        What was observed: states by name, likelihoods in columns named ``node:state``.
    answers
        Posteriors, as `posteriors` returns them, of at least the nodes of `bounded`.

    Examples
    --------
    >>> import buttpain as bp, pandas as pd
    >>> from buttpain.faces.flags import bounded, flagged
    >>> net = bp.load_network("five_findings")
    >>> cases = pd.DataFrame({"hop_test_pain": ["present", "absent"]})
    >>> flagged(net, cases, bp.posteriors(net, cases, list(bounded(net))))["urgency"].tolist()
    ['prompt', 'routine']
    """
    import numpy as np
    import pandas as pd

    order = sorted(net.red_flags, key=lambda flag: -URGENCIES.index(flag.urgency))
    urgency = np.zeros(len(seen), dtype=np.intp)
    names = np.full(len(seen), "", dtype=object)
    certain = _Certain(net, seen)
    for flag in order:
        fires = _fires(net, flag, certain, answers)
        urgency[fires] = np.maximum(urgency[fires], URGENCIES.index(flag.urgency))
        names[fires] = [f"{name};{flag.name}" if name else flag.name for name in names[fires]]
    levels = np.array(URGENCIES, dtype=object)
    return pd.DataFrame({"urgency": levels[urgency], "red_flags": names}, index=seen.index)


def _fires(net: Network, flag: RedFlag, certain: _Certain, answers: pd.DataFrame) -> NDArray[np.bool_]:
    import numpy as np

    fires = np.ones(len(answers), dtype=bool)
    if flag.any:
        fires &= sum(certain.is_(*sign).astype(np.intp) for sign in flag.any) >= flag.at_least
    for sign in flag.all:
        fires &= certain.is_(*sign)
    if flag.condition:
        present = net.variable(flag.condition).positive
        column: Any = flag.condition if flag.condition in answers.columns else (flag.condition, present)
        fires &= answers[column].to_numpy() > flag.above
    return fires


class _Certain:
    """What was observed beyond doubt, column by column."""

    def __init__(self, net: Network, seen: pd.DataFrame) -> None:
        self.net = net
        self.seen = seen

    def is_(self, node: str, state: str) -> NDArray[np.bool_]:
        """Return in which rows a node was observed in a state."""
        import numpy as np

        found = np.zeros(len(self.seen), dtype=bool)
        if node in self.seen:
            found |= (self.seen[node] == state).to_numpy()
        if f"{node}:{state}" in self.seen:
            # Likelihoods that leave one state only.
            others = [f"{node}:{name}" for name in self.net.states(node) if name != state]
            found |= ((self.seen[f"{node}:{state}"] > 0) & (self.seen[others] == 0).all(axis=1)).to_numpy()
        return found
