"""How well the runner network ranks textbook pictures and published cases, beside naive Bayes.

Run it with ``python -m benchmarks.cases`` (with ``PYTHONPATH=tests``).  Naive Bayes has the
same numbers: the network's own P(condition) and P(finding | condition) among runners with
buttock pain.  What it lacks is the structure: mechanisms, and causes that explain each other
away.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import buttpain as bp

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True)
class Vignette:
    """A description or a published case."""

    name: str
    accepted: tuple[str, ...]
    findings: Mapping[str, str]
    leads: str = ""
    urgency: str = "routine"
    title: str = ""


def pictures() -> list[Vignette]:
    """Return the textbook pictures that the library was asked for."""
    rows = tomllib.loads((DATA / "pictures.toml").read_text(encoding="utf-8"))["pictures"]
    return [
        Vignette(
            row["id"],
            tuple(row["expected"]),
            row["findings"],
            row.get("leads", ""),
            row.get("urgency", "routine"),
        )
        for row in rows
    ]


def published() -> list[Vignette]:
    """Return the published cases."""
    rows = tomllib.loads((DATA / "cases.toml").read_text(encoding="utf-8"))["cases"]
    return [Vignette(row["id"], tuple(row["accepted"]), row["findings"], title=row["title"]) for row in rows]


def ranks(vignettes: list[Vignette], frame: pd.DataFrame) -> list[int]:
    """Return the rank of the best accepted diagnosis, 1 the highest; one row of `frame` a vignette."""
    found = []
    for case, row in zip(vignettes, frame.to_numpy(), strict=True):
        order = np.argsort(-row, kind="stable")
        places = {frame.columns[j]: place for place, j in enumerate(order, start=1)}
        found.append(min(places[name] for name in case.accepted))
    return found


def by_network(net: bp.Network, vignettes: list[Vignette]) -> pd.DataFrame:
    """Return the posteriors, one row a vignette."""
    return bp.posteriors(net, pd.DataFrame([dict(case.findings) for case in vignettes]))


def by_naive_bayes(net: bp.Network, vignettes: list[Vignette]) -> pd.DataFrame:
    """Return the log odds of each condition: its prior's and its findings' added up one by one."""
    prior = bp.observe(net).posterior().ranked()
    present = prior.reindex(list(net.conditions)).to_numpy(dtype=float)
    start = np.log(present / (1 - present))
    odds = pd.DataFrame(np.tile(start, (len(vignettes), 1)), columns=list(net.conditions))
    for node in sorted(set(_nodes(vignettes))):
        weight = _weights(net, node)
        for i, case in enumerate(vignettes):
            if node in case.findings:
                odds.loc[i] += weight[case.findings[node]]
    return odds


def _weights(net: bp.Network, node: str) -> pd.DataFrame:
    """Return ln P(state | condition) / P(state | no condition): a row a condition, a column a state."""
    conditions = list(net.conditions)
    states = pd.Series({state: net.variable(node).index(state) for state in net.states(node)})
    rows = pd.DataFrame([{name: present} for present in (True, False) for name in conditions])
    found = bp.posteriors(net, rows, [node])
    if len(found.columns) == 1:  # a binary target has one column, P(present)
        found = pd.DataFrame({"absent": 1 - found.iloc[:, 0], "present": found.iloc[:, 0]})
    values = np.log(found.to_numpy())[:, states]
    ratio = values[: len(conditions)] - values[len(conditions) :]
    return pd.DataFrame(ratio, index=conditions, columns=states.index)


def _nodes(vignettes: list[Vignette]) -> Iterator[str]:
    for case in vignettes:
        yield from case.findings


def summary(vignettes: list[Vignette], frame: pd.DataFrame) -> dict[str, float]:
    """Return how often an accepted diagnosis leads, and how sure the leaders are that are wrong."""
    found = ranks(vignettes, frame)
    wrong = [float(row.max()) for row, rank in zip(frame.to_numpy(), found, strict=True) if rank > 1]
    return {
        "first": sum(rank == 1 for rank in found) / len(found),
        "among the first three": sum(rank <= 3 for rank in found) / len(found),
        "mean rank": sum(found) / len(found),
        "wrong leaders above 0.5": sum(value > 0.5 for value in wrong),
        "mean posterior of wrong leaders": float(np.mean(wrong)) if wrong else 0.0,
    }


def main() -> None:
    """Print the ranks by the network and by naive Bayes."""
    net = bp.load_network("runner")
    for title, vignettes in (("Textbook pictures", pictures()), ("Published cases", published())):
        network = by_network(net, vignettes)
        odds = by_naive_bayes(net, vignettes)
        naive = pd.DataFrame(1 / (1 + np.exp(-odds.to_numpy())), columns=odds.columns)
        table = pd.DataFrame(
            {
                "case": [case.name for case in vignettes],
                "findings": [len(case.findings) for case in vignettes],
                "accepted": [", ".join(case.accepted) for case in vignettes],
                "posterior": [network.loc[i, list(case.accepted)].max() for i, case in enumerate(vignettes)],
                "leader": network.idxmax(axis=1),
                "rank": ranks(vignettes, network),
                "naive Bayes": ranks(vignettes, naive),
                "urgency": [bp.triage(bp.observe(net, case.findings)).urgency for case in vignettes],
            }
        )
        print(f"\n{title}\n{table.round(3).to_string(index=False)}")
        both = {"network": summary(vignettes, network), "naive Bayes": summary(vignettes, naive)}
        print(pd.DataFrame(both).round(3).to_string())


if __name__ == "__main__":
    main()
