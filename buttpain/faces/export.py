"""`buttpain export`: a network in another format, and what that format cannot hold."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from buttpain.display.tables import wrapped
from buttpain.faces.words import UsageError, as_json, counted, of_network, say
from buttpain.model.files import load_network, save_network
from buttpain.model.network import Network, NoisyOr

__all__ = ["command", "losses"]

WIDEST = 4
"""Parents up to which a noisy-OR is written as one table."""


def command(args: Namespace) -> int:
    """Write a network in the format that the suffix names."""
    net = load_network(args.name)
    if Path(args.into).exists() and not args.force:
        raise UsageError(f"{args.into} is there already; write over it with --force")
    save_network(net, args.into)
    lost = list(losses(net, args.into))
    if args.json:
        say(as_json(of_network(net, {"file": args.into, "lost": lost})))
        return 0
    say(f"Wrote {args.into}.")
    if lost:
        say(
            "\n".join(
                ["This format does not keep", *(line for item in lost for line in wrapped(f"- {item}"))]
            )
        )
    else:
        say("It keeps everything.")
    return 0


def losses(net: Network, path: str) -> Iterator[str]:
    """Yield what a format does not keep of a network; `docs/formats.md` says it at length.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.export import losses
    >>> list(losses(bp.load_network("five_findings"), "five.toml"))
    []
    """
    if path.lower().endswith(".toml"):
        return
    if path.lower().endswith(".uai"):
        yield "names: nodes are var_0, var_1, ... and states 0, 1, ... in the order of the network"
    if any(variable.role for variable in net.variables):
        yield "roles, labels, questions, costs and urgencies of the nodes"
    if any(record.source for record in net.provenance):
        numbers = counted(int(net.theta.size), "number")
        yield f"sources and certainty of the {numbers}: each is of unknown certainty when read again"
    for node, state in net.given.items():
        yield f"the selection {node}={state}: observe it in the other program, or its answers differ"
    wide = [
        node
        for node, family in net.families.items()
        if isinstance(family, NoisyOr) and len(family.parents) > WIDEST
    ]
    narrow = sum(isinstance(family, NoisyOr) for family in net.families.values()) - len(wide)
    if narrow:
        yield f"the noisy-OR of {counted(narrow, 'node')}, written as tables"
    if wide:
        listed = ", ".join(wide[:3]) + (f" and {len(wide) - 3} more" if len(wide) > 3 else "")
        yield f"the noisy-OR of {listed}, written as chains of small ORs with nodes of their own"
    kept = [
        counted(len(items), one, many)
        for items, one, many in ((net.studies, "study", "studies"), (net.red_flags, "red flag", "red flags"))
        if items
    ]
    if kept:
        yield " and ".join(kept)
