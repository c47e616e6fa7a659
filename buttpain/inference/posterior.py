"""Posteriors as people look at them: beside their priors, ranked, as frames, tables and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.display.tables import Bar, Grid, percent
from buttpain.display.use import flagged
from buttpain.errors import UnknownNode
from buttpain.inference.evidence import Observation, heading, in_words
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Posterior"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Posterior(Mapping[str, "pd.Series[float]"]):
    """Posteriors of several nodes, beside what they were without the evidence.

    A mapping: `posterior[node]` is a pandas Series over the states of the node.  Made by
    `Case.posterior`.
    """

    net: Network
    evidence: Mapping[str, Observation]
    _after: Mapping[str, Array]
    _before: Mapping[str, Array]
    _alerts: Callable[[], Sequence[str]]

    def __getitem__(self, node: str) -> pd.Series[float]:
        """Return P(state | evidence) for each state of a node."""
        import pandas as pd

        if node not in self._after:
            raise UnknownNode(node, tuple(self._after), "this posterior")
        index = pd.Index(self.net.states(node), name=node)
        return pd.Series(self._after[node].copy(), index=index, name="posterior")

    def __iter__(self) -> Iterator[str]:
        """Iterate over the nodes."""
        return iter(self._after)

    def __len__(self) -> int:
        """Return how many nodes there are."""
        return len(self._after)

    def ranked(self) -> pd.Series[float]:
        """Return P(present) of each node that has such a state, highest first.

        Nodes without one, such as none, mild and severe, are left out; `to_frame` has them.

        Examples
        --------
        >>> import buttpain as bp
        >>> case = bp.observe(bp.load_network("five_findings"), burning_pain_past_knee=True)
        >>> case.posterior().ranked().idxmax()
        'lumbar_radicular_pain'
        """
        import pandas as pd

        return pd.Series(self._ranking(), name="posterior", dtype=float).rename_axis("node")

    def to_frame(self) -> pd.DataFrame:
        """Return a tidy frame: node, state, label, prior, posterior; the likeliest nodes first."""
        import pandas as pd

        net = self.net
        rows = [
            (node, state, net.label(node), float(self._before[node][i]), float(self._after[node][i]))
            for node in self._by_rank()
            for i, state in enumerate(net.states(node))
        ]
        return pd.DataFrame(rows, columns=["node", "state", "label", "prior", "posterior"])

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain data, ready for JSON."""
        net = self.net
        return {
            "network": net.name,
            "evidence": dict(self.evidence),
            "posterior": {
                node: dict(zip(net.states(node), self._after[node].tolist(), strict=True))
                for node in self._by_rank()
            },
            "prior": {
                node: dict(zip(net.states(node), self._before[node].tolist(), strict=True))
                for node in self._by_rank()
            },
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw P(present) of each node as a bar, with its prior as a mark; the title says if red flags fire.

        Parameters
        ----------
        ax
            Matplotlib axes; a new figure unless given.
        """
        import pandas as pd

        from buttpain.display.plots import plot_ranking

        frame = pd.DataFrame(self._bars(self._by_rank()), columns=["label", "prior", "posterior"])
        frame = frame if self.evidence else frame.drop(columns="posterior")
        said = f"{self.net.name}: {in_words(self.net, self.evidence) or 'nothing observed'}"
        return plot_ranking(frame, "\n".join(filter(None, (flagged(self._alerts()), said))), ax)

    def grid(self, top: int | None = None) -> Grid:
        """Return the table that a terminal and a notebook show.

        Parameters
        ----------
        top
            Nodes to show; all unless given.
        """
        nodes = self._by_rank()
        bars = self._bars(nodes[:top])
        rows: list[tuple[str | Bar, ...]]
        if self.evidence:
            headers = ["", ">prior", ">posterior", "│ prior"]
            rows = [(label, percent(b), percent(a), Bar(a, b)) for label, b, a in bars]
        else:
            headers = ["", ">prior", ""]
            rows = [(label, percent(a), Bar(a)) for label, _, a in bars]
        more = len(nodes) - len(nodes[:top])
        notes = [f"and {more} more"] if more else []
        title, *lead = heading(self.net, self.evidence)
        return Grid(title, headers, rows, alerts=self._alerts(), notes=notes, lead=lead)

    def _bars(self, nodes: Sequence[str]) -> list[tuple[str, float, float]]:
        """Return (label, before, after): one a node that can be present, else one a state."""
        bars = []
        for node in nodes:
            label, present = self.net.label(node), self._present(node)
            triples = zip(self.net.states(node), self._before[node], self._after[node], strict=True)
            states = [(f"{label} = {state}", float(b), float(a)) for state, b, a in triples]
            bars += [(label, *present)] if present else states
        return bars

    def _present(self, node: str) -> tuple[float, float] | None:
        variable = self.net.variable(node)
        if variable.positive is None:
            return None
        i = variable.states.index(variable.positive)
        return float(self._before[node][i]), float(self._after[node][i])

    def _ranking(self) -> dict[str, float]:
        # Without pandas, which takes longer to import than the command line to answer.
        found = {node: pair[1] for node in self._after if (pair := self._present(node))}
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _by_rank(self) -> list[str]:
        ranked = self._ranking()
        return [*ranked, *(node for node in self._after if node not in ranked)]

    def __repr__(self) -> str:
        """Return the table as text of at most 80 columns."""
        return self.grid().text()

    def _repr_html_(self) -> str:
        return self.grid().html()
