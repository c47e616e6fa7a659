"""A visit: what was asked and answered so far, what to ask next, and why one may stop; kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from buttpain.analysis.information import NextFindings, next_findings
from buttpain.analysis.outlook import Contest
from buttpain.errors import ButtpainError
from buttpain.faces.words import UsageError, as_json, complaints, of_case
from buttpain.inference.case import Case, observe
from buttpain.inference.evidence import Observation
from buttpain.inference.posterior import Posterior
from buttpain.model.network import URGENCIES, Network

__all__ = ["Question", "Visit", "load_visit"]

FORMAT = "buttpain visit 1"
"""What a file of a visit says of itself."""


@dataclass(frozen=True)
class Question:
    """What to ask next, and what for.

    Parameters
    ----------
    finding
        A node.
    for_whom
        ``leader`` if some answer may change who leads, ``urgency`` if some answer may only
        change how soon the case wants attention, ``neither`` if none may.
    row
        What `next_findings` says of it, as plain data.
    """

    finding: str
    for_whom: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Leader:
    """Who leads: a node in one of its states, what people read for it, and its posterior."""

    node: str
    state: str
    label: str
    posterior: float


@dataclass(frozen=True, eq=False)
class Visit:
    """What was asked and answered, in order; frozen: an answer makes a new one.

    Parameters
    ----------
    net
        The network.
    file
        How it was named: a shipped network or a path.
    steps
        Finding and what was observed, in the order of asking; None where nobody knows.
    cost
        As `next_findings` takes it.
    without
        Kinds of findings that are not asked for, such as imaging.
    target
        A node to find out about, in place of the conditions; needed where there are none.
    before
        The visit before the last answer; None at the beginning.
    """

    net: Network
    file: str
    steps: tuple[tuple[str, Observation | None], ...] = ()
    cost: Mapping[str, float] | float | None = None
    without: frozenset[str] = frozenset()
    target: str | None = None
    before: Visit | None = field(default=None, repr=False)

    @cached_property
    def case(self) -> Case:
        """The case as it stands."""
        return observe(self.net, dict(self.steps))

    def answer(self, finding: str, seen: Any) -> Visit:
        """Return the visit with one more answer; None says that nobody knows.

        Raises
        ------
        UnknownNode, UnknownState, ImpossibleEvidence, UsageError

        Examples
        --------
        >>> import buttpain as bp
        >>> from buttpain.faces.visit import Visit
        >>> visit = Visit(bp.load_network("five_findings"), "five_findings")
        >>> visit.answer("hop_test_pain", True).answer("sit_bone_tenderness", None).steps
        (('hop_test_pain', 'present'), ('sit_bone_tenderness', None))
        """
        with complaints():
            observed = observe(self.net, {finding: seen}).evidence.get(finding)
        kept = tuple(step for step in self.steps if step[0] != finding)
        more = replace(self, steps=(*kept, (finding, observed)), before=self)
        _ = more.case.log_evidence  # refuses what cannot hold together
        return more

    def back(self) -> Visit:
        """Return the visit as it was before its last answer; what it began with stays.

        Examples
        --------
        >>> import buttpain as bp
        >>> from buttpain.faces.visit import Visit
        >>> visit = Visit(bp.load_network("five_findings"), "five_findings")
        >>> visit.answer("hop_test_pain", True).back().steps
        ()
        """
        return self.before or self

    def begun(self) -> Visit:
        """Return the visit with all that is known so far as its beginning.

        Examples
        --------
        >>> import buttpain as bp
        >>> from buttpain.faces.visit import Visit
        >>> visit = Visit(bp.load_network("five_findings"), "five_findings")
        >>> visit.answer("hop_test_pain", True).begun().back().steps
        (('hop_test_pain', 'present'),)
        """
        return self if self.before is None else replace(self, before=None)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Findings that were asked for and that nobody knows."""
        return tuple(finding for finding, seen in self.steps if seen is None)

    # -- where it stands -----------------------------------------------------------------

    @property
    def posterior(self) -> Posterior:
        """The posteriors of what is to be found out: the target, or the conditions."""
        return self.case.posterior(None if self.target is None else [self.target])

    @property
    def known(self) -> bool:
        """Whether the target was observed for certain, so that nothing is to be found out."""
        return self.target is not None and isinstance(self.case.evidence.get(self.target), str)

    @cached_property
    def leader(self) -> Leader | None:
        """Who leads; None if nobody is left who may."""
        contest = Contest.of(self.case, self.target)
        before = contest.today(self.case)
        place = contest.leader(before)
        if place < 0:
            return None
        return Leader(*contest.events[place], contest.label(self.net, place), float(before[place]))

    # -- what to ask ---------------------------------------------------------------------

    @cached_property
    def outlook(self) -> NextFindings:
        """Everything that may be asked, the most telling for its cost first."""
        with complaints():
            return next_findings(self.case, None, self.target, self.cost)

    @cached_property
    def rows(self) -> tuple[Mapping[str, Any], ...]:
        """What may be asked and was not, as plain data, the most telling for its cost first."""
        rows = [] if self.known else self.outlook.to_dict()["findings"]
        out = {*self.unknown}
        return tuple(row for row in rows if row["finding"] not in out and row["kind"] not in self.without)

    @cached_property
    def question(self) -> Question | None:
        """What to ask; None if nothing is left.

        As long as the answer to one more question may change who leads: the most telling
        for its cost.  Then what is the most likely, for its cost, to change the urgency.
        """
        if not self.rows:
            return None
        if any(row["changes_leader"] > 0 for row in self.rows):
            return Question(self.rows[0]["finding"], "leader", self.rows[0])
        urgent = [row for row in self.rows if row["changes_urgency"] > 0]
        if urgent:
            best = max(urgent, key=lambda row: row["changes_urgency"] / (row["cost"] or 1e-9))
            return Question(best["finding"], "urgency", best)
        return Question(self.rows[0]["finding"], "neither", self.rows[0])

    @property
    def settled(self) -> str:
        """Why one may stop; empty while an answer may change the decision."""
        if self.known:
            return f"{self.net.label(self.target or '')} was to be found out, and was observed."
        if self.question is None:
            return "Nothing is left to ask."
        if self.urgency == URGENCIES[-1]:
            return "A red flag says emergency: act on it before asking on."
        if self.question.for_whom == "neither":
            return (
                "None of the answers still to be had would by itself change who leads or how soon it wants "
                "attention; two or more together still may."
            )
        return ""

    # -- what is kept --------------------------------------------------------------------

    @property
    def urgency(self) -> str:
        """How soon the case wants attention, by its red flags."""
        flags = (item.flag.urgency for item in self.case.red_flags)
        return max(flags, key=URGENCIES.index, default=URGENCIES[0])

    def to_dict(self) -> dict[str, Any]:
        """Return the visit and where it stands, as plain data, ready for JSON."""
        shown = self.posterior.to_dict()
        steps = [{"finding": finding, "observed": _plain(seen)} for finding, seen in self.steps]
        found = {
            "format": FORMAT,
            "file": self.file,
            "steps": steps,
            "without": sorted(self.without),
            "target": self.target,
            "unknown": list(self.unknown),
            "posterior": shown["posterior"],
            "prior": shown["prior"],
            "settled": self.settled,
            "next": self.question.finding if self.question else None,
        }
        return of_case(self.case, found)

    def save(self, path: str | Path) -> None:
        """Write the visit; a crash on the way leaves the file as it was.

        Raises
        ------
        OSError
            If it cannot be written there.

        Examples
        --------
        >>> import buttpain as bp, tempfile, pathlib
        >>> from buttpain.faces.visit import Visit, load_visit
        >>> net = bp.load_network("five_findings")
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "visit.json"
        >>> Visit(net, "five_findings").answer("hop_test_pain", False).save(path)
        >>> load_visit(path, net, "five_findings").steps
        (('hop_test_pain', 'absent'),)
        """
        beside = Path(f"{path}.part")
        text = as_json(self.to_dict()) + "\n"
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise _refused(path, "written", error, "give a file in a folder that you may write to") from None


def _refused(path: str | Path, done: str, error: OSError, advice: str) -> OSError:
    """Return the same error in words, about the file that was named."""
    return type(error)(f"{path} cannot be {done}: {error.strerror or error}; {advice}")


def _plain(seen: Observation | None) -> Any:
    return seen if seen is None or isinstance(seen, str) else dict(seen)


def read_visit(path: str | Path) -> Mapping[str, Any]:
    """Return the contents of a file that `Visit.save` wrote.

    Raises
    ------
    OSError
        If it cannot be read.
    UsageError
        If it is none.
    """
    try:
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise _refused(path, "read", error, "a visit is written by buttpain ask --save FILE") from None
    except ValueError as error:
        raise UsageError(f"{path} is no saved visit: {error}") from None
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        raise UsageError(f"{path} is no saved visit; one is written by buttpain ask --save FILE")
    steps = kept.get("steps")
    whole = isinstance(steps, list) and all(
        isinstance(step, dict) and isinstance(step.get("finding"), str) and "observed" in step
        for step in steps
    )
    whole = whole and isinstance(kept.get("target"), str | None)
    if not whole or not all(isinstance(kept.get(key), str) for key in ("network", "version", "file")):
        raise UsageError(
            f"{path} is damaged: network, version, file, target or steps are missing or of another kind"
        )
    return kept


def load_visit(path: str | Path, net: Network, file: str, *, any_version: bool = False) -> Visit:
    """Return a saved visit, which must have been made with this edition of this network.

    Parameters
    ----------
    path
        What `Visit.save` wrote.
    net, file
        The network, and how it was named.
    any_version
        Take the answers even if the network has another version now.

    Raises
    ------
    OSError
        If the file cannot be read.
    UsageError
        If it is no visit, or was made with another network or version.
    """
    kept = read_visit(path)
    if kept["network"] != net.name:
        raise UsageError(f"{path} was made with network {kept['network']!r}, and this is {net.name!r}")
    if kept["version"] != net.version and not any_version:
        raise UsageError(
            f"{path} was made with version {kept['version'] or 'unknown'} of {net.name!r}, and this is "
            f"{net.version or 'unknown'}: its answers may mean something else now. Start anew, or take them "
            f"as they are with --any-version"
        )
    visit = Visit(net, file, without=frozenset(kept.get("without", ())), target=kept.get("target"))
    for step in kept["steps"]:
        try:
            visit = visit.answer(step["finding"], step["observed"])
        except ButtpainError as error:
            raise UsageError(f"{path} does not fit the network: {error}") from None
    return visit.begun()
