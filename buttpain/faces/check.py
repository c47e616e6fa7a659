"""`buttpain check`: every complaint about a network file with its line, and what else looks wrong."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from buttpain.analysis.literature import check_literature
from buttpain.display.tables import wrapped
from buttpain.errors import ButtpainError, NetworkFileError
from buttpain.faces.lines import line_of, lines_of
from buttpain.faces.words import UsageError, as_json, counted, say, version
from buttpain.model.definition import from_toml, parsed
from buttpain.model.files import available_networks, load_network, read_text
from buttpain.model.network import Network

__all__ = ["Finding", "check", "command"]

MOST = 50
"""Complaints after which looking on would only repeat itself."""

_STUB = "checked_later"
_NODES = ("risk_factors", "conditions", "mechanisms", "findings")
_LISTS = ("studies", "red_flags")
_OPTIONAL = ("description", "question", "kind", "cost", "icd10", "urgency")
"""Keys of a node that can be left out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at in a file.

    Parameters
    ----------
    kind
        ``error`` if the file cannot be read as it is, ``warning`` otherwise.
    line
        Where; 0 if it is in no one place.
    table, key
        Where by name.
    message
        What is the matter.
    """

    kind: str
    line: int
    table: str
    key: str
    message: str

    def said(self, file: str) -> str:
        """Return it as compilers do: file, line, kind, message."""
        where = f"[{self.table}]" * bool(self.table) + f" {self.key}" * bool(self.key)
        place = f"{file}:{self.line}" if self.line else file
        return f"{place}: {self.kind}: {where.strip() + ': ' if where else ''}{self.message}"


def command(args: Namespace) -> int:
    """Look a network file over; 1 if it cannot be read as it is."""
    found = check(args.file)
    errors = [item for item in found if item.kind == "error"]
    if args.json:
        said = {"file": args.file, "library": version(), "valid": not errors}
        say(as_json({**said, "findings": [asdict(item) for item in found]}))
    else:
        for item in found:
            say("\n".join(wrapped(item.said(args.file))))
        say("\n".join(wrapped(_verdict(args.file, errors, len(found) - len(errors)))))
    return 1 if errors else 0


def _verdict(file: str, errors: list[Finding], warnings: int) -> str:
    warned = f", {counted(warnings, 'warning')}" if warnings else ""
    if errors:
        return f"{counted(len(errors), 'error')}{warned}"
    net = load_network(file)
    size = f"{counted(len(net.nodes), 'node')} and {counted(int(net.theta.size), 'number')}"
    return f"{file} is a network of {size}{warned}"


def check(file: str) -> list[Finding]:
    r"""Return what is wrong with a network file, and what looks wrong, by line.

    Raises
    ------
    UsageError
        If there is no such file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from buttpain.faces.check import check
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.toml"
    >>> _ = path.write_text("[network]\nname = 1\n")
    >>> check(str(path))[-1].line
    2
    """
    _refuse_absent(file)
    if not file.lower().endswith(".toml"):
        try:
            net = load_network(file)
        except ButtpainError as error:
            return [Finding("error", 0, "", "", str(error))]
        return list(_lonely(net, {}))
    text = ""
    try:
        text = read_text(Path(file), file)
        document = parsed(text, file)
    except NetworkFileError as error:
        return [_unread(_without_place(error), text)]
    places = lines_of(text)
    found = list(_errors(document, places, file))
    if not found:
        net = from_toml(text, file)
        found = [*_unused(net, places), *_lonely(net, places), *_outside(net, places)]
    return sorted(found, key=lambda item: item.line)


def _refuse_absent(file: str) -> None:
    if Path(file).is_dir():
        raise UsageError(f"{file} is a folder; name a network file in it")
    if not Path(file).exists() and file not in available_networks():
        raise UsageError(f"No such file: {file}; name a network file, or a network of the library")


def _unread(message: str, text: str) -> Finding:
    """Return the complaint about text that is no document; TOML that breaks off does so in its last line."""
    stated = re.search(r"at line (\d+)", message)
    last = text.count("\n") + 1 if "at end of document" in message else 0
    return Finding("error", int(stated[1]) if stated else last, "", "", message)


# -- complaints of the reader --------------------------------------------------------------


def _errors(document: dict[str, Any], places: Mapping[Any, int], file: str) -> Iterator[Finding]:
    """Yield the reader's complaints one after another, each time with the last cause taken out of the way.

    A node is replaced by one that says nothing and a study or a red flag is left out, so that
    what hangs on them does not complain in turn.
    """
    import tomli_w

    mending = _Mending(document)
    seen: set[tuple[str, str]] = set()
    for _ in range(MOST):
        try:
            from_toml(tomli_w.dumps(mending.document), file)
        except NetworkFileError as error:
            table, message = mending.table(error.table), _without_place(error)
            if (table, message) in seen:
                yield Finding("error", 0, "", "", "what follows could not be read; mend these first")
                return
            seen.add((table, message))
            path = _path(table, error.key)
            yield Finding("error", line_of(places, path), table, error.key, message)
            if not mending.mend(error.table, error.key, spare=message.startswith("unknown key")):
                return
        else:
            return


def _without_place(error: NetworkFileError) -> str:
    """Return a complaint without the file, table and key that it begins with."""
    named = (error.file, f"[{error.table}]" * bool(error.table), f"key {error.key!r}" * bool(error.key))
    return str(error).removeprefix(", ".join(filter(None, named))).removeprefix(": ")


def _path(table: str, key: str) -> tuple[str | int, ...]:
    steps = [step for part in (table, key) if part for step in part.split(".")]
    path: list[str | int] = []
    for step in steps:
        name, *numbers = re.split(r"\[(\d+)\]", step)
        path += [name, *(int(number) for number in numbers if number.isdecimal())]
    return tuple(item for item in path if item != "")


class _Mending:
    """A document from which causes of complaint are taken out."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = dict(document)
        self.kept = {
            name: list(range(len(items)))
            for name in _LISTS
            if isinstance(items := self.document.get(name), list)
        }

    def table(self, stated: str) -> str:
        """Return the name of a table in the file, where items may have been left out since."""
        match = re.fullmatch(r"(\w+)\[(\d+)\]", stated)
        if not match or match[1] not in self.kept:
            return stated
        return f"{match[1]}[{self.kept[match[1]][int(match[2])]}]"

    def mend(self, table: str, key: str, *, spare: bool) -> bool:
        """Take the cause of a complaint out; return whether there was one to take out."""
        section, _, name = table.partition(".")
        item = re.fullmatch(r"(\w+)\[(\d+)\]", table)
        if item and item[1] in self.kept:
            place = int(item[2])
            self.kept[item[1]].pop(place)
            rows = self.document[item[1]]
            self.document[item[1]] = rows[:place] + rows[place + 1 :]
        elif section in _NODES and name:
            return self.replace(section, name, self.node(section, name, key, spare=spare))
        elif section == "sources" and name:
            return self.replace(section, name, {"cite": _STUB, "kind": "elicited"})
        elif section == "network":
            head = self.document.get("network")
            stated = head.get("name") if isinstance(head, Mapping) else None
            self.document["network"] = {"name": stated if isinstance(stated, str) and stated else _STUB}
        else:
            return self.document.pop(table or key, None) is not None
        return True

    def node(self, section: str, name: str, key: str, *, spare: bool) -> dict[str, Any]:
        """Return a node without a key that can be left out, or else one that says nothing."""
        body = self.document[section].get(name)
        if isinstance(body, Mapping) and (key in _OPTIONAL or (spare and key in body)):
            return {word: value for word, value in body.items() if word != key}
        return self.stub(section, name)

    def replace(self, section: str, name: str, body: dict[str, Any]) -> bool:
        members = self.document.get(section)
        if not isinstance(members, Mapping) or name not in members:
            return False
        kept = {key: value for key, value in members.items() if key != name}
        # A name that is none, or that stands there twice, goes.
        twice = sum(name in self.document.get(other, ()) for other in _NODES) > 1
        self.document[section] = kept if twice or not name.isidentifier() else {**members, name: body}
        return True

    def stub(self, section: str, name: str) -> dict[str, Any]:
        """Return a node with these states and no causes."""
        body = self.document[section].get(name)
        states: Any = body.get("states") if isinstance(body, Mapping) else None
        good = (
            isinstance(states, list)
            and len(states) > 1
            and all(isinstance(state, str) and state for state in states)
            and len(set(states)) == len(states)
        )
        states = list(states) if good and states else ["absent", "present"]
        share = 1 / len(states)
        values = dict.fromkeys(states[1:], share)
        values[states[0]] = 1 - sum(values.values())
        return {
            "label": name,
            **({"states": states} if good else {}),
            "table": {"values": values, "ess": 1.0, "source": self.source(), "note": _STUB},
        }

    def source(self) -> str:
        """Return a source that can be named."""
        sources = self.document.get("sources")
        if not (isinstance(sources, Mapping) and sources):
            self.document["sources"] = {_STUB: {"cite": _STUB, "kind": "elicited"}}
            return _STUB
        return str(next(iter(sources)))


# -- what else looks wrong -----------------------------------------------------------------


def _unused(net: Network, places: Mapping[Any, int]) -> Iterator[Finding]:
    used = {record.source for record in net.provenance}
    used |= {study.source for study in net.studies} | {flag.source for flag in net.red_flags}
    for key in net.sources:
        if key not in used:
            yield Finding(
                "warning",
                line_of(places, ("sources", key)),
                f"sources.{key}",
                "",
                "no number names this source",
            )


def _lonely(net: Network, places: Mapping[Any, int]) -> Iterator[Finding]:
    tied = {name for node in net.nodes if net.parents(node) for name in (node, *net.parents(node))}
    roles = {"risk_factor": "risk_factors", "condition": "conditions", "mechanism": "mechanisms"}
    for variable in net.variables:
        if variable.name not in tied and len(net.nodes) > 1:
            table = roles.get(variable.role, "findings") if variable.role else ""
            line = line_of(places, (table, variable.name)) if places else 0
            name = f"{table}.{variable.name}" if table else variable.name
            yield Finding("warning", line, name, "", "this node has neither causes nor effects")


def _outside(net: Network, places: Mapping[Any, int]) -> Iterator[Finding]:
    if not net.studies:
        return
    try:
        compared = check_literature(net).compared
    except ButtpainError as error:
        yield Finding("warning", 0, "studies", "", f"could not be compared: {error}")
        return
    position = {study.name: i for i, study in enumerate(net.studies)}
    for item in compared:
        if not item.inside:
            low, high = item.study.interval
            place = position[item.study.name]
            yield Finding(
                "warning",
                line_of(places, ("studies", place)),
                f"studies[{place}]",
                "",
                f"{item.study.name}: the network implies {item.implied:.3g}, outside {low:.3g} to {high:.3g}",
            )
