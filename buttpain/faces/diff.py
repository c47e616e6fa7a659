"""`buttpain diff`: what changed between two networks, and what that does to cases."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isclose, isnan
from typing import TYPE_CHECKING, Any

from buttpain.display.tables import Grid, percent
from buttpain.faces.flags import bounded, flagged
from buttpain.faces.rows import chunks, evidence_columns, header, read, refuse_nested
from buttpain.faces.words import USE, UsageError, as_json, counted, say, version
from buttpain.inference.cohort import posteriors
from buttpain.model.files import load_network
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Change", "changes", "command", "effects"]

_GAP = 0.5
"""Share of findings that a drawn case does not tell, as people seldom know them all."""

_FACTS = ("states", "role", "label", "description", "question", "kind", "cost", "icd10", "urgency")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two networks.

    Parameters
    ----------
    what
        node, parents, number, source, study, red flag or network.
    name
        Of what.
    old, new
        What it was and is; empty if it was or is not there.
    """

    what: str
    name: str
    old: str
    new: str


def command(args: Namespace) -> int:
    """Say what changed; 1 if anything did."""
    old, new = load_network(args.old), load_network(args.new)
    found = list(changes(old, new))
    moved = effects(old, new, *_cases(old, args))
    if args.json:
        answer = {
            "library": version(),
            "old": {"network": old.name, "version": old.version},
            "new": {"network": new.name, "version": new.version},
            "changes": [asdict(item) for item in found],
            "effects": moved.to_dict(args.top),
            "use": USE,
        }
        say(as_json(answer))
    else:
        say("\n\n".join([_listed(old, new, found), moved.text(args.top)]))
    return 1 if found else 0


def _listed(old: Network, new: Network, found: Sequence[Change]) -> str:
    title = f"{_edition(old)} -> {_edition(new)}: {counted(len(found), 'change') if found else 'no change'}"
    rows = [(item.what, item.name, item.old or "-", item.new or "-") for item in found]
    return Grid(title, ("", "name", "old", "new"), rows).text()


def _edition(net: Network) -> str:
    return f"{net.name} version {net.version}" if net.version else net.name


# -- what changed ------------------------------------------------------------------------


def changes(old: Network, new: Network) -> Iterator[Change]:
    """Yield every difference: of the network, its nodes, parents, numbers, sources, studies and red flags.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.diff import changes
    >>> net = bp.load_network("five_findings")
    >>> more = net.with_theta(net.parameters["value"].where(net.parameters["kind"] != "leak", 0.3))
    >>> next(changes(net, more)).name
    'sit_bone_tenderness <- leak'
    """
    for key in ("description", "given"):
        before, after = _text(getattr(old, key)), _text(getattr(new, key))
        if before != after:
            yield Change("network", key, before, after)
    yield from _of_nodes(old, new)
    yield from _compared("number", _numbers(old), _numbers(new))
    yield from _compared("source", *(_records(net.sources.items()) for net in (old, new)))
    yield from _compared(
        "study", *(_records((item.name, item) for item in net.studies) for net in (old, new))
    )
    flags = [_records((item.name, item) for item in net.red_flags) for net in (old, new)]
    yield from _compared("red flag", *flags)


def _of_nodes(old: Network, new: Network) -> Iterator[Change]:
    for node in dict.fromkeys((*old.nodes, *new.nodes)):
        if node not in old.nodes or node not in new.nodes:
            there = old if node in old.nodes else new
            said = there.label(node)
            yield Change("node", node, said if there is old else "", said if there is new else "")
            continue
        for fact in _FACTS:
            before, after = (_text(getattr(net.variable(node), fact)) for net in (old, new))
            if before != after:
                yield Change("node", f"{node}, {fact}", before, after)
        if set(old.parents(node)) != set(new.parents(node)):
            gone = [name for name in old.parents(node) if name not in new.parents(node)]
            come = [name for name in new.parents(node) if name not in old.parents(node)]
            yield Change("parents", node, ", ".join(gone), ", ".join(come))


def _numbers(net: Network) -> dict[str, str]:
    """Return each number with its interval and source; of the two in a row of a binary table one."""
    frame = net.parameters
    found = {}
    for name, row in zip(frame.index, frame.to_dict("records"), strict=True):
        if row["kind"] == "table" and row["state"] == net.variable(row["node"]).negative:
            continue
        known = not isnan(row["low"])
        interval = f" ({row['low']:.4g} to {row['high']:.4g})" if known else ""
        found[str(name)] = f"{row['value']:.6g}{interval} {row['source']}".strip()
    return found


def _records(items: Any) -> dict[str, str]:
    return {
        name: _text({key: value for key, value in _plain(item).items() if _is_said(value)})
        for name, item in items
    }


def _plain(item: Any) -> Mapping[str, Any]:
    return {key: getattr(item, key) for key in item.__dataclass_fields__ if key not in ("key", "name")}


def _is_said(value: Any) -> bool:
    empty = value is None or value in ("", (), {})
    return not empty and not (isinstance(value, float) and isnan(value))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}={_text(item)}" for key, item in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(_text(item) if isinstance(item, str) else "=".join(map(str, item)) for item in value)
    return "" if isinstance(value, float) and isnan(value) else str(value)


def _compared(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            yield Change(what, name, *_apart(before, after))


def _apart(before: str, after: str) -> tuple[str, str]:
    """Return two texts shortened to the parts in which they differ."""
    if not (before and after and "; " in before + after):
        return before, after
    old, new = before.split("; "), after.split("; ")
    gone, come = [part for part in old if part not in new], [part for part in new if part not in old]
    return "; ".join(gone), "; ".join(come)


# -- what it does ------------------------------------------------------------------------


def _cases(old: Network, args: Namespace) -> tuple[pd.DataFrame, str]:
    """Return cases, states by name, and where they come from."""
    import pandas as pd

    if args.cases is None:
        from buttpain.analysis.sampling import sample

        drawn = sample(old, args.samples, args.seed, missing=_GAP)
        said = f"{counted(args.samples, 'case')} drawn from the old network (seed {args.seed}), half untold"
        told = [name for name in drawn.columns if old.variable(str(name)).role in ("finding", "risk_factor")]
        return drawn[told].astype(object).set_axis(range(1, len(drawn) + 1)), said
    columns = evidence_columns(old, header(args.cases), (), ignore=True)
    if not columns:
        raise UsageError(f"{args.cases} has no column that names a node of {old.name!r}")
    refuse_nested(args.cases, columns)
    parts, aside = [], 0
    for chunk in chunks(args.cases, 20_000):
        reading = read(old, chunk.frame, columns)
        parts.append(reading.frame)
        aside += len(reading.wrong) + len(chunk.broken)
    frame = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    left = f"; {counted(aside, 'row')} left out that could not be read" if aside else ""
    return frame, f"{counted(len(frame), 'case')} of {args.cases}{left}"


@dataclass(frozen=True, eq=False)
class Effects:
    """What a change of network does to cases; made by `effects`.

    Parameters
    ----------
    old, new
        Answers by both networks: posteriors of the conditions that they share, urgency and
        red flags.
    labels
        Of the conditions.
    source
        Where the cases come from.
    left_out
        Cases that either network finds impossible.
    dropped
        Columns of evidence that the new network does not know.
    """

    old: pd.DataFrame
    new: pd.DataFrame
    labels: Mapping[str, str]
    source: str
    left_out: int
    dropped: tuple[str, ...]

    @cached_property
    def moves(self) -> list[dict[str, Any]]:
        """Each condition: its mean absolute move, and its largest with the case in which it happens."""
        found = []
        for node in self.labels:
            before, after = (frame[node].to_numpy(dtype=float) for frame in (self.old, self.new))
            move = after - before
            if not move.size:
                continue
            row = int(abs(move).argmax())
            found.append(
                {
                    "node": node,
                    "mean": float(abs(move).mean()),
                    "largest": float(move[row]),
                    "case": int(str(self.old.index[row])),
                    "old": float(before[row]),
                    "new": float(after[row]),
                }
            )
        return sorted(found, key=lambda item: -abs(item["largest"]))

    @property
    def new_leaders(self) -> int:
        """Cases in which another condition leads."""
        names = list(self.labels)
        if not (names and len(self.old)):
            return 0
        lead, then = (frame[names].idxmax(axis=1) for frame in (self.old, self.new))
        differ = lead != then
        # A tie that goes the other way by rounding is no new leader.
        return sum(
            not isclose(self.new.loc[row, lead[row]], self.new.loc[row, then[row]], rel_tol=1e-9)
            for row in self.old.index[differ]
        )

    @property
    def new_urgencies(self) -> dict[str, int]:
        """Cases whose urgency changed, by old and new."""
        differ = self.old["urgency"] != self.new["urgency"]
        pairs = (self.old["urgency"] + " -> " + self.new["urgency"])[differ]
        return {str(name): int(count) for name, count in pairs.value_counts().items()}

    def to_dict(self, top: int) -> dict[str, Any]:
        """Return the effects as plain data."""
        return {
            "cases": len(self.old),
            "from": self.source,
            "left_out": self.left_out,
            "dropped": list(self.dropped),
            "new_leaders": self.new_leaders,
            "new_urgencies": self.new_urgencies,
            "moves": self.moves[:top],
        }

    def text(self, top: int) -> str:
        """Return the effects as a table."""
        rows = [
            (
                self.labels[item["node"]],
                f"{100 * item['mean']:.2f}",
                f"{100 * item['largest']:+.1f}",
                f"{percent(item['old'])} -> {percent(item['new'])}",
                str(item["case"]),
            )
            for item in self.moves[:top]
        ]
        total = len(self.old)
        urgent = "; ".join(
            f"{name.replace('_', ' ')}: {count:,}" for name, count in self.new_urgencies.items()
        )
        notes = [
            "Moves in percentage points: the mean over the cases, and the largest with its case.",
            f"Another condition leads in {self.new_leaders:,} of {total:,} cases.",
            f"The urgency changes in {sum(self.new_urgencies.values()):,} of {total:,} cases"
            + (f" ({urgent})." if urgent else "."),
        ]
        if self.left_out:
            notes.append(f"Left out: {counted(self.left_out, 'case')} that one of the two finds impossible.")
        if self.dropped:
            notes.append(f"The new network does not take: {', '.join(self.dropped)}.")
        headers = ("condition", ">mean", ">largest", "old and new", ">case")
        return Grid(f"Effect on {self.source}", headers, rows, notes=[*notes, USE]).text()


def effects(old: Network, new: Network, cases: pd.DataFrame, source: str) -> Effects:
    """Return what both networks answer to the same cases.

    Parameters
    ----------
    old, new
        The networks.
    cases
        States by name, and likelihoods in columns named ``node:state``.
    source
        Where they come from, in words.

    Examples
    --------
    >>> import buttpain as bp, pandas as pd
    >>> from buttpain.faces.diff import effects
    >>> net = bp.load_network("five_findings")
    >>> effects(net, net, pd.DataFrame({"hop_test_pain": ["present"]}, index=[1]), "one case").new_leaders
    0
    """
    shared = [node for node in old.conditions if node in new.conditions]
    shared = [node for node in shared if old.states(node) == new.states(node) and len(old.states(node)) == 2]
    if not shared:
        raise UsageError(f"networks {old.name!r} and {new.name!r} have no condition in common to compare")
    kept: list[str] = []
    dropped: list[str] = []
    for column in cases.columns:
        node = str(column).partition(":")[0]
        same = node in new.nodes and old.states(node) == new.states(node)
        (kept if same else dropped).append(str(column))
    frames = [_answers(old, cases, shared), _answers(new, cases[kept], shared)]
    possible = frames[0][shared].notna().all(axis=1) & frames[1][shared].notna().all(axis=1)
    labels = {node: new.label(node) for node in shared}
    return Effects(
        frames[0][possible], frames[1][possible], labels, source, int((~possible).sum()), tuple(dropped)
    )


def _answers(net: Network, cases: pd.DataFrame, shared: Sequence[str]) -> pd.DataFrame:
    asked = list(dict.fromkeys((*shared, *bounded(net))))
    found = posteriors(net, cases, asked, impossible="nan", progress=False)
    return found.join(flagged(net, cases, found))
