"""The explorer: a widget for notebooks, in which findings are ticked and the answer follows.

One model with few traits.  The browser writes `observed` and, once nothing has been
ticked for a moment, `wanted`; Python answers in `answers` at once and in `intervals` when
wanted, because the draws take longer than the rest.  What is computed is the library's
own; the script only shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from buttpain.analysis.information import next_findings
from buttpain.analysis.triage import triage
from buttpain.analysis.uncertainty import uncertainty
from buttpain.display.tables import percent
from buttpain.errors import ButtpainError
from buttpain.inference.case import Case
from buttpain.inference.evidence import heading, in_words, read_evidence
from buttpain.inference.flags import Fired, fired
from buttpain.model.network import Network, Variable

__all__ = ["Explorer", "answers_to", "form_of", "intervals_of"]

USE = "For research and decision support; not a diagnosis."

KINDS = ("symptom", "history", "palpation", "test", "imaging", "lab")
"""The order in which a patient is seen."""


class Explorer(anywidget.AnyWidget):
    """Findings to tick, beside what follows from them; made by `explore`.

    Parameters
    ----------
    case
        What it begins with.
    samples, seed, ess
        Of the credible intervals, as in `uncertainty`.

    Attributes
    ----------
    observed
        What is observed now, a state or likelihoods by node.  It can be set: the widget follows.

    Examples
    --------
    >>> import buttpain as bp
    >>> explorer = bp.explore(bp.load_network("five_findings"))
    >>> explorer.observed = {"sit_bone_tenderness": "present"}
    >>> explorer.case
    <Case in five_findings: sit_bone_tenderness=present>
    """

    _esm = Path(__file__).with_name("explorer.js")
    _css = Path(__file__).with_name("explorer.css")

    form = traitlets.Dict(read_only=True).tag(sync=True)
    observed = traitlets.Dict().tag(sync=True)
    answers = traitlets.Dict(read_only=True).tag(sync=True)
    wanted = traitlets.Int(0).tag(sync=True)
    intervals = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(self, case: Case, *, samples: int = 500, seed: int = 0, ess: float | None = None) -> None:
        self._case = case
        self._turn = 0
        self._intervals = partial(intervals_of, samples=samples, seed=seed, ess=ess)
        super().__init__(observed=dict(case.evidence))
        self.set_trait("form", form_of(case.net))
        # A case with evidence has been answered already, when `observed` took it.
        if not self._turn:
            self._answer()

    @property
    def case(self) -> Case:
        """The case as it is ticked now; set it to another one of the same network, and the widget follows."""
        return self._case

    @case.setter
    def case(self, case: Case) -> None:
        if case.net is not self._case.net:
            raise ValueError(
                f"this is a case in another network, or in another copy of it, than the explorer's "
                f"{self._case.net.name!r}; make a new explorer for it"
            )
        self.observed = dict(case.evidence)

    @traitlets.validate("observed")
    def _named(self, proposal: Any) -> dict[str, Any]:
        return dict(read_evidence(self._case.net, proposal["value"]))

    @traitlets.observe("observed")
    def _follow(self, change: Any) -> None:
        gone = dict.fromkeys(set(self._case.evidence) - set(change["new"]))
        self._case = self._case.observe({**gone, **change["new"]})
        self._answer()

    def _answer(self) -> None:
        self._turn += 1
        self.set_trait("answers", {"turn": self._turn, **answers_to(self._case)})

    @traitlets.observe("wanted")
    def _draw(self, change: Any) -> None:
        # What was wanted of an earlier case is not drawn any more.
        if change["new"] == self._turn:
            self.set_trait("intervals", {"turn": self._turn, **self._intervals(self._case)})

    def __repr__(self) -> str:
        """Return the case, for where no widget is shown."""
        return f"Explorer of {self._case!r}"


def form_of(net: Network) -> dict[str, Any]:
    """Return what can be ticked, in groups, as plain data.

    These are findings and risk factors, or every node of a network without roles; by kind, or
    by role where no kind is stated.  What the network observes in every case is not among them.

    Examples
    --------
    >>> import buttpain as bp
    >>> form = form_of(bp.load_network("five_findings"))
    >>> [(group["name"], len(group["items"])) for group in form["groups"]]
    [('symptom', 2), ('palpation', 1), ('test', 2)]
    """
    offered = [*net.findings, *net.risk_factors] or list(net.nodes)
    groups: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for node in offered:
        if node not in net.given:
            variable = net.variable(node)
            groups.setdefault(_group(variable), []).append(_item(net, variable))
    title, *lead = heading(net, {})
    return {
        "title": title,
        "lead": lead[:-1],
        "use": USE,
        "groups": [{"name": name, "items": items} for name, items in groups.items() if items],
    }


def _group(variable: Variable) -> str:
    return variable.kind or variable.role.replace("_", " ") or "node"


def _item(net: Network, variable: Variable) -> dict[str, Any]:
    return {
        "node": variable.name,
        "label": net.label(variable.name),
        "question": variable.question,
        "states": list(variable.states),
        "absent": variable.negative,
    }


def answers_to(case: Case) -> dict[str, Any]:
    """Return what follows from a case, in the words shown, as plain data.

    What is impossible or too complex stands under ``error``; then only the red flags that
    rest on findings alone are answered.

    Examples
    --------
    >>> import buttpain as bp
    >>> case = bp.observe(bp.load_network("five_findings"), burning_pain_past_knee=True)
    >>> found = answers_to(case)
    >>> found["rows"][0]["label"], found["rows"][0]["said"]
    ('Lumbar radicular pain', '43.7 %')
    """
    seen = [
        {"node": node, "said": in_words(case.net, {node: value})} for node, value in case.evidence.items()
    ]
    found: dict[str, Any] = {"seen": seen, "error": "", "urgency": "", "alerts": [], "rows": [], "next": []}
    try:
        found |= {
            "urgency": triage(case).urgency.replace("_", " "),
            "alerts": _alerts(case.red_flags),
            "rows": _rows(case),
            "next": _next(case),
        }
    except ButtpainError as error:
        found["error"] = str(error)
        found["alerts"] = _alerts(fired(case.net, case.evidence, lambda _: 0.0))
    return found


def _alerts(flags: Iterable[Fired]) -> list[dict[str, str]]:
    return [{"text": item.alert, "reason": item.flag.reason} for item in flags]


def _rows(case: Case) -> list[dict[str, Any]]:
    """Return one row a node that can be present, otherwise one a state; the likeliest first."""
    net, found = case.net, case.posterior().to_dict()
    if not found["posterior"]:
        # Every node was observed: nothing is asked, and so nobody has looked whether it can be.
        _ = case.log_evidence
    rows = []
    for node, after in found["posterior"].items():
        present = net.variable(node).positive
        for state in (present,) if present else after:
            before, p = found["prior"][node][state], after[state]
            rows.append(
                {
                    "key": f"{node}={state}",
                    "label": net.label(node) if present else f"{net.label(node)} = {state}",
                    "before": before,
                    "p": p,
                    "said": percent(p),
                    "was": percent(before),
                }
            )
    return rows


def _next(case: Case) -> list[dict[str, Any]]:
    """Return the best questions, each with what its answers would do; none without conditions."""
    if not case.net.conditions:
        return []
    return [
        {
            "node": row["finding"],
            "label": row["label"],
            "question": row["question"],
            "bits": f"{row['information']:.2g} bits",
            "cost": f"cost {row['cost']:g}" if row["cost_known"] else "",
            "answers": [
                {"state": item["answer"], "said": percent(item["probability"]), "would": _would(case, item)}
                for item in row["answers"]
                if item["probability"] > 0
            ],
        }
        for row in next_findings(case, n=3).to_dict()["findings"]
        if row["information"] > 0
    ]


def _would(case: Case, answer: dict[str, Any]) -> str:
    parts = []
    if answer["changes_leader"] and answer["leader"]:
        node, _, state = answer["leader"].partition("=")
        parts.append(f"{case.net.label(node)}{state and f' {state}'} would lead")
    if answer["changes_urgency"]:
        parts.append(f"urgency: {answer['urgency'].replace('_', ' ')}")
    return "; ".join(parts)


def intervals_of(case: Case, *, samples: int, seed: int, ess: float | None) -> dict[str, Any]:
    """Return the central 95 % credible interval of each row of the answers, as plain data.

    Where there is none, ``note`` says why.

    Examples
    --------
    >>> import buttpain as bp
    >>> case = bp.observe(bp.load_network("five_findings"), burning_pain_past_knee=True)
    >>> found = intervals_of(case, samples=500, seed=0, ess=None)
    >>> low, high = found["rows"]["lumbar_radicular_pain=present"]["ends"]
    >>> bool(low < 0.437 < high)
    True
    """
    try:
        frame = uncertainty(case, samples=samples, seed=seed, ess=ess).to_frame()
    except (ButtpainError, ValueError) as error:
        return {"rows": {}, "note": f"No credible intervals: {error}"}
    columns = (frame["node"], frame["state"], frame["q2.5"].tolist(), frame["q97.5"].tolist())
    rows = {
        f"{node}={state}": {"ends": [low, high], "said": f"{percent(low).removesuffix(' %')}–{percent(high)}"}
        for node, state, low, high in zip(*columns, strict=True)
    }
    return {"rows": rows, "note": ""}
