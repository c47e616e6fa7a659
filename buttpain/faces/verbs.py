"""The commands that answer a question about one case or one network, as text and as plain data.

Each takes the parsed arguments and returns what to say; the texts are those that results
show in Python, with red flags first and the sentence on use last.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from buttpain.analysis.explanation import explain
from buttpain.analysis.information import next_findings
from buttpain.analysis.triage import NO_FLAGS, triage
from buttpain.display.tables import wrapped
from buttpain.faces.ask import interview
from buttpain.faces.describe import (
    network_data,
    network_page,
    networks_data,
    networks_page,
    node_data,
    node_page,
)
from buttpain.faces.visit import Visit, load_visit, read_visit
from buttpain.faces.words import (
    DEFAULT_NETWORK,
    USE,
    UsageError,
    answer_of,
    as_json,
    case_of,
    complaints,
    observation,
    of_network,
    say,
)
from buttpain.inference.case import Case
from buttpain.model.files import load_network
from buttpain.model.network import Network

__all__ = ["VERBS"]


def _say(args: Namespace, text: str, answer: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> int:
    say(as_json(answer() if callable(answer) else answer) if args.json else text)
    return 0


def _network(args: Namespace) -> Network:
    return load_network(args.network or DEFAULT_NETWORK)


def _case(args: Namespace) -> Case:
    return case_of(_network(args), args.findings)


def _about(case: Case, result: Any) -> str:
    """Return a result as text: red flags first, if it does not say them itself, and the use last."""
    shown = repr(result).replace("all of them: .to_frame()", "all of them: --json")
    alerts = [line for alert in case.alerts() for line in wrapped(f"! {alert}")]
    return "\n".join([*([] if shown.startswith("! ") else alerts), shown, USE])


def _section(case: Case, name: str, result: Any) -> dict[str, Any]:
    """Return an answer with one section; what its frame says is not said again in it."""
    told = {key: value for key, value in result.to_dict().items() if key not in ("network", "evidence")}
    return answer_of(case, {name: told})


def _leader(case: Case) -> str:
    """Return who leads the ranking, for commands that ask about a target and were given none."""
    with complaints():
        return explain(case).target


@contextmanager
def _options() -> Iterator[None]:
    """Say of an argument of Python's which option it is here."""
    try:
        with complaints():
            yield
    except UsageError as error:
        raise UsageError(str(error).replace("with target=", "with --target NODE")) from None


# -- a case ------------------------------------------------------------------------------


def query(args: Namespace) -> int:
    """Rank the conditions, given findings."""
    case = _case(args)
    if args.json:
        shown = case.posterior().to_dict()
        found = {name: dict(list(shown[name].items())[: args.top]) for name in ("posterior", "prior")}
        say(as_json(answer_of(case, found)))
        return 0
    grid = case.posterior().grid(args.top)
    notes = list(grid.notes)
    if case.net.conditions:
        notes.append("Conditions can be present together, so the figures need not add up to 100 %.")
    if not case.net.red_flags:
        notes.append(NO_FLAGS)
    elif not case.red_flags:
        notes.append("No red flag fires; a finding that was not observed fires none.")
    say(replace(grid, notes=[*notes, USE]).text())
    return 0


def next_(args: Namespace) -> int:
    """Say what to ask or examine next."""
    case = _case(args)
    cost = costs(case.net, args.cost)
    with _options():
        best = next_findings(case, args.top or 5, args.target, cost, steps=args.steps)
    return _say(args, _about(case, best), lambda: _section(case, "next", best))


def costs(net: Network, stated: Sequence[str]) -> Mapping[str, float] | float | None:
    """Return costs from words such as ``3`` or ``finding=3``.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.verbs import costs
    >>> costs(bp.load_network("five_findings"), ["hop_test_pain=3"])
    {'hop_test_pain': 3.0}
    """
    by_node: dict[str, float] = {}
    for text in stated:
        node, equals, number = text.rpartition("=")
        try:
            price = float(number)
        except ValueError:
            raise UsageError(
                f"--cost {text}: {number!r} is no number; write --cost finding=3, or --cost 1 for all alike"
            ) from None
        if not equals:
            if len(stated) > 1:
                raise UsageError(f"--cost {text} is one cost for all, and goes with no other")
            return price
        by_node[net.variable(node.strip()).name] = price
    return by_node or None


def explain_(args: Namespace) -> int:
    """Say which findings speak for and against an answer."""
    case = _case(args)
    with complaints():
        why = explain(case, args.target, state=args.state, against=args.against)
    return _say(args, _about(case, why), lambda: _section(case, "explanation", why))


def sensitivity(args: Namespace) -> int:
    """Say which numbers the answer hangs on."""
    from buttpain.analysis.sensitivity import sensitivity as found

    case = _case(args)
    with complaints():
        result = found(case, args.target or _leader(case), state=args.state)
    return _say(args, _about(case, result), lambda: _section(case, "sensitivity", result))


def uncertainty(args: Namespace) -> int:
    """Give the credible interval of each posterior."""
    from buttpain.analysis.uncertainty import uncertainty as found

    case = _case(args)
    with complaints():
        result = found(case, targets=args.targets, samples=args.samples, seed=args.seed, ess=args.ess)
    return _say(args, _about(case, result), lambda: _section(case, "uncertainty", result))


def triage_(args: Namespace) -> int:
    """Say which red flags fire."""
    case = _case(args)
    result = triage(case)
    return _say(args, f"{result!r}\n{USE}", lambda: answer_of(case, {}))


# -- an interview ------------------------------------------------------------------------


def ask(args: Namespace) -> int:
    """Ask the most telling question, again and again."""
    visit = _begun(args)
    with _options():
        _ = visit.question  # before anything is said or written
    out = sys.stderr if args.json else sys.stdout
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")

    def kept(now: Visit) -> None:
        if args.save:
            now.save(args.save)

    kept(visit)
    ended = interview(visit, sys.stdin.readline, out, echo=not sys.stdin.isatty(), keep=kept)
    if args.save:
        say(f"Saved in {args.save}; buttpain ask --load {args.save} goes on from there.", out)
    if args.json and ended is not None:
        say(as_json(ended.to_dict()))
    return 0


def _begun(args: Namespace) -> Visit:
    """Return the visit as it begins: anew or loaded, with the findings of the command line."""
    named = args.network or (read_visit(args.load)["file"] if args.load else DEFAULT_NETWORK)
    net = load_network(named)
    visit = (
        load_visit(args.load, net, named, any_version=args.any_version) if args.load else Visit(net, named)
    )
    known = {variable.kind for variable in net.variables if variable.kind}
    for kind in args.without:
        if kind not in known:
            raise UsageError(
                f"--without {kind}: no finding is of this kind; choose from {', '.join(sorted(known))}"
            )
    visit = replace(
        visit,
        cost=costs(net, args.cost),
        without=visit.without | set(args.without),
        target=args.target or visit.target,
    )
    case_of(net, args.findings)  # refuses what was said twice
    for text in args.findings:
        visit = visit.answer(*observation(net, text))
    if visit.known:
        raise UsageError(f"--target {visit.target} was observed; nothing is left to find out about it")
    return visit.begun()


# -- a network ---------------------------------------------------------------------------


def literature(args: Namespace) -> int:
    """Compare what a network implies with published results."""
    from buttpain.analysis.literature import check_literature

    net = load_network(args.name or DEFAULT_NETWORK)
    result = check_literature(net)
    return _say(args, repr(result), lambda: of_network(net, result.to_dict()))


def networks(args: Namespace) -> int:
    """List the networks that come with the library."""
    return _say(args, networks_page(), lambda: {"networks": networks_data(), "use": USE})


def describe(args: Namespace) -> int:
    """Show a network, or one of its nodes with its numbers and sources."""
    net = load_network(args.name)
    if args.node is None:
        return _say(args, network_page(net), lambda: network_data(net))
    return _say(args, node_page(net, args.node), lambda: node_data(net, args.node))


VERBS: Mapping[str, Callable[[Namespace], int]] = {
    "query": query,
    "ask": ask,
    "next": next_,
    "explain": explain_,
    "sensitivity": sensitivity,
    "uncertainty": uncertainty,
    "triage": triage_,
    "literature": literature,
    "networks": networks,
    "describe": describe,
}
"""By name of the command."""
