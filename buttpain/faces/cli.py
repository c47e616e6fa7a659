"""The command `buttpain`: the only place that prints and that sets an exit code.

`docs/cli.md` shows each command with its output.  Tables are `Grid`s, as in a
notebook; the arguments are read with argparse, which is enough and costs no
dependency.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from math import isinf, isnan
from typing import Any, NoReturn

from buttpain.analysis.triage import triage
from buttpain.display.tables import Grid, percent, wrapped
from buttpain.errors import ButtpainError, did_you_mean
from buttpain.inference.case import Case, observe
from buttpain.model.files import available_networks, load_network
from buttpain.model.network import ROLES, Network, RedFlag, Table, Variable
from buttpain.model.priors import Provenance

__all__ = ["main"]

DEFAULT_NETWORK = "five_findings"
"""What `query` asks unless told otherwise."""

USE = "For research and decision support; it is not a diagnosis."
"""What every answer says of itself."""

FAILED, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
"""Exit codes other than 0; the last two are 128 and the signal's number, as a shell reports them."""

_NOTHING = ""
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_OPTIONS = {"networks": (), "describe": (), "query": ("--network", "--top", "--json")}
_ASCII = str.maketrans(
    {"█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "", "▎": "", "▏": "", "│": "|", "–": "-"}
)
_EXAMPLES = f"""\
examples:
  buttpain networks
  buttpain describe {DEFAULT_NETWORK}
  buttpain describe {DEFAULT_NETWORK} sit_bone_tenderness
  buttpain query sit_bone_tenderness=present hop_test_pain=absent
  buttpain query burning_pain_past_knee=present:0.7,absent:0.2 --json

{USE}
"""


class UsageError(Exception):
    """Arguments that make no sense, and what would."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises, so that every complaint looks alike."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv
        The arguments after the name of the command; those of the process unless given.

    Returns
    -------
    code
        0 if it was answered, 2 if the arguments, a file or the evidence were wrong
        (the reason is then on stderr), 130 if it was interrupted, and 141 if the
        reader of its output went away.
    """
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ButtpainError, UsageError, OSError) as error:
        print(f"buttpain: error: {error}", file=sys.stderr)
        return FAILED
    return code


def _run(argv: Sequence[str]) -> int:
    try:
        args = _arguments(argv)
    except SystemExit as done:  # --help and --version have printed what was asked for
        return int(done.code or 0)
    pages = {"networks": _networks, "describe": _describe, "query": _query}
    _say(pages[args.command](args))
    return 0


def _say(text: str) -> None:
    try:
        print(text)
    except UnicodeEncodeError:
        print(text.translate(_ASCII).encode("ascii", "replace").decode())


# -- arguments ---------------------------------------------------------------------------


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    if not argv:
        raise UsageError(f"name a command: {', '.join(_OPTIONS)}; buttpain --help says more")
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    # argparse cannot take findings before an option and after it; it hands the later ones back.
    if args.command == "query":
        args.findings += [item for item in rest if not item.startswith("-")]
        rest = [item for item in rest if item.startswith("-")]
    if rest:
        hint = did_you_mean(rest[0], _OPTIONS[args.command])
        raise UsageError(f"{rest[0]!r} is nothing that buttpain {args.command} takes. {hint}")
    return args


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="buttpain",
        description="Ask a Bayesian network about a runner's buttock pain.",
        epilog=_EXAMPLES,
        formatter_class=raw,
        allow_abbrev=False,
    )
    version = f"buttpain {import_module('buttpain').__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add(commands, "networks", "list the networks that come with buttpain")

    describe = _add(commands, "describe", "show a network, or one of its nodes with its numbers and sources")
    describe.add_argument("network", metavar="NETWORK", help="a name from `buttpain networks`, or a file")
    describe.add_argument("node", metavar="NODE", nargs="?", help="one node, in full")

    query = _add(commands, "query", "rank the conditions, given findings", epilog=USE)
    query.add_argument(
        "findings",
        metavar="FINDING=STATE",
        nargs="*",
        help="a state by name, yes or no, or likelihoods as in finding=present:0.7,absent:0.2; "
        "without any, the priors are shown",
    )
    query.add_argument(
        "--network",
        metavar="N",
        default=DEFAULT_NETWORK,
        help=f"a name from `buttpain networks`, or a file (default: {DEFAULT_NETWORK})",
    )
    query.add_argument("--top", metavar="K", type=_count, help="show only the first K")
    query.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add(commands: Any, name: str, purpose: str, **options: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=purpose, description=f"{purpose.capitalize()}.", allow_abbrev=False, **options
    )
    return parser


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


# -- networks ----------------------------------------------------------------------------


def _networks(_: argparse.Namespace) -> str:
    rows = []
    for name in available_networks():
        net = load_network(name)
        counts = (len(net.nodes), len(net.conditions), len(net.findings), net.theta.size)
        rows.append((name, net.description, *map(str, counts)))
    headers = ("network", "what it is", ">nodes", ">conditions", ">findings", ">numbers")
    return Grid("", headers, rows).text()


# -- describe ----------------------------------------------------------------------------


def _describe(args: argparse.Namespace) -> str:
    net = load_network(args.network)
    return _page(_node_page(net, args.node) if args.node else _network_page(net))


def _page(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block)


def _network_page(net: Network) -> Iterator[str]:
    yield _lines(_edition(net), net.description)
    given = "; ".join(f"{net.label(node)} {state} ({node}={state})" for node, state in net.given.items())
    counts = (
        _counted(len(net.nodes), "node", "nodes"),
        _counted(net.theta.size, "number", "numbers"),
        _counted(len(net.sources), "source", "sources"),
        _counted(len(net.studies), "published result to compare with", "published results to compare with"),
        _counted(len(net.red_flags), "red flag", "red flags"),
    )
    yield _lines(f"In every case: {given}." if given else "", f"{', '.join(filter(None, counts))}.")
    for role in (*ROLES, ""):
        rows = [_node_row(item) for item in net.variables if item.role == role]
        yield _table((role.replace("_", " ") or "node", "what it is", "states"), rows)
    rows = [(flag.label, flag.urgency.replace("_", " "), _fires_on(flag, net)) for flag in net.red_flags]
    yield _table(("red flag", "urgency", "fires on"), rows)


def _edition(net: Network) -> str:
    return f"{net.name}, version {net.version}" if net.version else net.name


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}" if number else ""


def _node_row(variable: Variable) -> tuple[str, str, str]:
    words = [variable.label, variable.question or variable.description]
    return variable.name, ". ".join(filter(None, words)) or _NOTHING, ", ".join(variable.states)


def _fires_on(flag: RedFlag, net: Network) -> str:
    parts = []
    if flag.any:
        number = "any" if flag.at_least == 1 else f"at least {flag.at_least}"
        parts.append(f"{number} of {_signs(flag.any)}")
    if flag.all:
        parts.append(f"all of {_signs(flag.all)}")
    if not isnan(flag.above):
        parts.append(f"P({net.label(flag.condition)}) above {percent(flag.above)}")
    return ", and ".join(parts)


def _signs(signs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{node}={state}" for node, state in signs)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table without the columns in which there is nothing."""
    kept = [i for i in range(len(headers)) if any(row[i] != _NOTHING for row in rows)]
    return Grid("", [headers[i] for i in kept], [[row[i] for i in kept] for row in rows]).text()


def _lines(*texts: str) -> str:
    return "\n".join(line for text in texts for line in wrapped(text, indent=""))


# -- describe one node -------------------------------------------------------------------


def _node_page(net: Network, node: str) -> Iterator[str]:
    variable = net.variable(node)
    yield _lines(f"{node}: {variable.label}" if variable.label else node, variable.description)
    facts = {
        "role": variable.role.replace("_", " "),
        "states": ", ".join(variable.states),
        "question": variable.question,
        "kind": variable.kind,
        "cost": _NOTHING if isnan(variable.cost) else f"{variable.cost:g}",
        "ICD-10": variable.icd10,
        "urgency": variable.urgency.replace("_", " "),
        "given": net.given.get(node, _NOTHING),
        "causes": ", ".join(net.parents(node)),
        "effects": ", ".join(name for name in net.nodes if node in net.parents(name)),
    }
    yield _table(("", ""), [(name, fact) for name, fact in facts.items() if fact])
    records = dict(_records(net, node))
    headers = ("number", ">value", ">95 % interval", "stated as", "source")
    yield _table(headers, list(_numbers(net, node, records)))
    notes = dict.fromkeys(f"{name}: {record.note}" for name, record in records.items() if record.note)
    yield "\n".join(line for note in notes for line in wrapped(note))
    sources = dict.fromkeys(record.source for record in records.values())
    yield "\n".join(line for key in sources if key in net.sources for line in _source(net, key))


def _records(net: Network, node: str) -> Iterator[tuple[str, Provenance]]:
    """Yield id and record of each number; of the two in a row of a binary table, the second."""
    family = net.families[node]
    step = 2 if isinstance(family, Table) and len(net.states(node)) == 2 else 1
    names, span = net.parameters.index, net.spans[node]
    for i in range(span.start + step - 1, span.stop, step):
        yield names[i], net.provenance[i]


def _numbers(net: Network, node: str, records: Mapping[str, Provenance]) -> Iterator[tuple[str, ...]]:
    rows: dict[Any, dict[Any, Any]] = net.parameters.loc[list(records)].to_dict("index")
    for name, record in records.items():
        row = rows[name]
        interval = _NOTHING if isnan(row["low"]) else _between(row["low"], row["high"])
        place = net.states(node).index(row["state"])
        yield _short(name, node), percent(row["value"]), interval, _stated(record, place), record.source


def _short(name: str, node: str) -> str:
    """Return the id of a parameter without what the page is about."""
    return name.removeprefix(f"{node} <- ").removeprefix(f"{node}=")


def _between(low: float, high: float) -> str:
    return f"{percent(low).removesuffix(' %')}–{percent(high)}"


def _stated(record: Provenance, place: int) -> str:
    """Return how sure a number is, as its author put it."""
    if record.counts:
        return f"{record.counts[place]:g} of {sum(record.counts):g}"
    if record.range:
        low, high = record.range
        return f"range {100 * low:g}–{100 * high:g} %"
    if isinf(record.ess):
        return "by definition"
    return _NOTHING if isnan(record.ess) else f"worth {record.ess:g} cases"


def _source(net: Network, key: str) -> list[str]:
    source = net.sources[key]
    where = f" https://doi.org/{source.doi}" if source.doi else f" {source.url}" if source.url else ""
    kind = source.kind.replace("_", " ")
    return wrapped(f"[{key}] {source.cite}{where} ({kind}, grade {source.grade})")


# -- query -------------------------------------------------------------------------------


def _query(args: argparse.Namespace) -> str:
    net = load_network(args.network)
    case = _case(net, args.findings)
    return _as_json(case, args.top) if args.json else _as_text(case, args.top)


def _case(net: Network, findings: Sequence[str]) -> Case:
    stated = [_finding(net, text) for text in findings]
    twice = [node for node, number in Counter(node for node, _ in stated).items() if number > 1]
    if twice:
        raise UsageError(f"{twice[0]!r} is given more than once; say each finding once")
    try:
        return observe(net, dict(stated))
    except ButtpainError:
        raise
    except ValueError as error:  # likelihoods below 0 or infinite
        raise UsageError(str(error)) from None


def _finding(net: Network, text: str) -> tuple[str, Any]:
    """Return node and observation of one argument."""
    node, equals, stated = (part.strip() for part in text.partition("="))
    variable = net.variable(node)
    if not equals or not stated:
        raise UsageError(
            f"{text!r} does not say what was seen; write finding=state, here {node}={variable.states[-1]} "
            f"(states: {', '.join(variable.states)})"
        )
    if stated in variable.states:
        return node, stated
    if ":" in stated:
        return node, _likelihoods(text, stated)
    return node, _WORDS.get(stated.casefold(), stated) if variable.positive or variable.negative else stated


def _likelihoods(text: str, stated: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in stated.split(","):
        state, _, weight = (item.strip() for item in part.rpartition(":"))
        if state in weights:
            raise UsageError(f"{text!r} names {state!r} twice")
        try:
            weights[state] = float(weight)
        except ValueError:
            raise UsageError(
                f"{text!r}: {weight!r} is no number; likelihoods are written finding=present:0.7,absent:0.2"
            ) from None
    return weights


def _as_text(case: Case, top: int | None) -> str:
    grid = case.posterior().grid(top)
    notes = list(grid.notes)
    if case.net.conditions:
        notes.append("Conditions can be present together, so the figures need not add up to 100 %.")
    if case.net.red_flags and not case.red_flags:
        notes.append("No red flag fires; a finding that was not observed fires none.")
    return replace(grid, notes=[*notes, USE]).text()


def _as_json(case: Case, top: int | None) -> str:
    shown = case.posterior().to_dict()
    answer = {
        "network": case.net.name,
        "version": case.net.version,
        "evidence": shown["evidence"],
        "posterior": dict(list(shown["posterior"].items())[:top]),
        "prior": dict(list(shown["prior"].items())[:top]),
        "triage": triage(case).to_dict(),
        "log_evidence": case.log_evidence,
        "use": USE,
    }
    return json.dumps(answer, indent=2, allow_nan=False)
