"""By which way a finding bears on a target: the open paths of the graph between them, and in words.

A path is open or blocked as d-separation says (Pearl, Probabilistic Reasoning in
Intelligent Systems, 1988): what was observed for certain blocks a path through it, and
opens one on which two arrows meet in it or in an ancestor of it.  Likelihoods open and
do not block.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from buttpain.analysis.wording import listed
from buttpain.model.network import Network

__all__ = ["Paths", "Tie"]

Route = tuple[str, ...]
"""The nodes between two others on a path."""

MOST_ROUTES = 100
"""Directed paths between two nodes to look at; the shortest of them are told."""


@dataclass(frozen=True, slots=True)
class Tie:
    """How a finding and a target hang together, given what else was observed.

    Parameters
    ----------
    itself
        Whether the finding is about the target.
    down
        Ways by which the target brings the finding about; an empty route is an arrow.
    up
        Ways by which the finding brings the target about.
    rivals
        If neither: other hypotheses that the finding is about and that would explain the
        same observations as the target.
    competes
        If neither, and no rival stands between: whether the finding itself explains the same
        observations as the target.
    common
        If neither: unobserved causes that both share.
    trail
        If none of these: the nodes of a shortest open path; None if there is none, so that
        the finding says nothing about the target.
    competitors
        Other hypotheses that bring the finding about.
    """

    itself: bool = False
    down: tuple[Route, ...] = ()
    up: tuple[Route, ...] = ()
    rivals: tuple[str, ...] = ()
    competes: bool = False
    common: tuple[str, ...] = ()
    trail: Route | None = None
    competitors: tuple[str, ...] = ()

    def in_words(self, label: Callable[[str], str], order: Callable[[str], float]) -> str:
        """Say it.

        Parameters
        ----------
        label
            What a node is called.
        order
            Rivals are told in the order of this number.
        """
        if self.itself:
            return "the target itself"
        parts = [_by(self.down, label)] if self.down else []
        parts += [f"as a cause, {_by(self.up, label)}"] if self.up else []
        if self.rivals:
            names = [label(node) for node in sorted(self.rivals, key=order)]
            parts.append(f"through {listed(names)}, which compete{'s' * (len(names) == 1)} with it")
        if self.competes:
            parts.append("as a competing explanation")
        if self.common:
            names = [label(node) for node in self.common]
            what = "a cause of both" if len(names) == 1 else "causes of both"
            parts.append(f"through {listed(names)}, {what}")
        if not parts and self.trail is not None:
            parts.append(f"by way of {listed([label(node) for node in self.trail], most=4)}")
        return "; ".join(parts) or "not at all"


def _by(routes: Sequence[Route], label: Callable[[str], str]) -> str:
    through = [", then ".join(label(node) for node in route) for route in routes if route]
    direct = ["directly"] if () in routes else []
    return " and ".join([*direct, *([f"through {listed(through)}"] if through else [])])


class Paths:
    """The paths of a network, given what was observed.

    Parameters
    ----------
    net
        The network.
    hypotheses
        Nodes that can rival a target; every unobserved node unless there are any.
    certain
        Nodes observed for certain, the network's selection among them.
    likely
        Nodes observed by likelihoods.
    """

    def __init__(
        self, net: Network, hypotheses: Collection[str], certain: Collection[str], likely: Collection[str]
    ) -> None:
        self.net, self.certain = net, frozenset(certain)
        self.observed = self.certain | frozenset(likely)
        self.hypotheses = frozenset(hypotheses or net.nodes) - self.certain

    @cached_property
    def children(self) -> Mapping[str, Sequence[str]]:
        """Children of each node."""
        found: dict[str, list[str]] = {node: [] for node in self.net.nodes}
        for node in self.net.nodes:
            for parent in self.net.parents(node):
                found[parent].append(node)
        return found

    def tie(self, finding: str, target: str) -> Tie:
        """Return how a finding and a target hang together, given all other findings."""
        if finding == target:
            return Tie(itself=True)
        if finding in self.net.given:
            return Tie()
        blocked = self.certain - {finding, target}
        # Competitors are those that are met first, going up from the finding.
        fence = blocked | self.hypotheses | {target}
        above = self._reached(finding, self.net.parents, fence)
        competitors = self._named(above - {target, finding})
        down, up = (self._routes(*ends, blocked) for ends in ((target, finding), (finding, target)))
        if down or up:
            return Tie(down=down, up=up, competitors=competitors)
        below = self._reached(finding, self.children.__getitem__, fence)
        explained = self._effects(target)
        met = self._named((above | below) - {target, finding})
        rivals = tuple(node for node in met if self._effects(node) & explained)
        competes = not rivals and bool(self._effects(finding) & explained)
        common = self._common(finding, target, blocked)
        trail = None if rivals or competes or common else self._trail(finding, target)
        return Tie(rivals=rivals, competes=competes, common=common, trail=trail, competitors=competitors)

    def _named(self, nodes: Collection[str]) -> tuple[str, ...]:
        """Return the hypotheses among some nodes, in the order of the network."""
        return tuple(node for node in self.net.nodes if node in nodes and node in self.hypotheses)

    def _reached(
        self, start: str, step: Callable[[str], Sequence[str]], blocked: Collection[str]
    ) -> frozenset[str]:
        """Return the nodes that directed paths lead to; those blocked are reached, and not left again."""
        seen, queue = {start}, [start]
        while queue:
            for node in step(queue.pop()):
                if node not in seen:
                    seen.add(node)
                    if node not in blocked:
                        queue.append(node)
        return frozenset(seen - {start})

    def _routes(self, start: str, end: str, blocked: Collection[str]) -> tuple[Route, ...]:
        """Return directed paths between two nodes, the shortest first, without detours on one of them."""
        corridor = self._reached(end, self.net.parents, blocked)
        if start not in corridor:
            return ()

        def walk(node: str, route: Route) -> Iterator[Route]:
            for child in self.children[node]:
                if child == end:
                    yield route
                elif child in corridor and child not in blocked:
                    yield from walk(child, (*route, child))

        found: list[Route] = []
        for route in sorted(islice(walk(start, ()), MOST_ROUTES), key=len):
            # A detour on a way that was told already says nothing new.
            if not any(known and set(known) <= set(route) for known in found):
                found.append(route)
        return tuple(found)

    def _effects(self, node: str) -> frozenset[str]:
        """Return the observed nodes that a node may have brought about, and not through another of them."""
        return self._reached(node, self.children.__getitem__, self.certain) & self.observed

    def _common(self, finding: str, target: str, blocked: Collection[str]) -> tuple[str, ...]:
        """Return the unobserved nodes that bring both about, without those that do so through another one."""
        both = self._reached(finding, self.net.parents, blocked) & self._reached(
            target, self.net.parents, blocked
        )
        shared = both - self.certain
        through = {node: self._reached(node, self.children.__getitem__, blocked) for node in shared}
        return tuple(node for node in self.net.nodes if node in shared and not through[node] & shared)

    def _trail(self, start: str, end: str) -> Route | None:
        """Return the nodes on a shortest open path, by the rules of Bayes-ball (Shachter, UAI 1998)."""
        opened = self.observed - {start}
        first = (start, True)
        came: dict[tuple[str, bool], tuple[str, bool] | None] = {first: None}
        queue = deque([first])
        while queue:
            here = queue.popleft()
            for step in self._moves(here, start, opened):
                if step not in came:
                    came[step] = here
                    queue.append(step)
                    if step[0] == end:
                        return self._between(came, step)
        return None

    def _moves(
        self, here: tuple[str, bool], start: str, opened: Collection[str]
    ) -> Iterator[tuple[str, bool]]:
        """Yield (node, whether it is reached from a child) for each step that the rules allow.

        Where two arrows meet in an ancestor of what was observed, the way leads down to that
        and up again.
        """
        node, from_child = here
        passes = node not in self.certain or node == start
        if passes:
            yield from ((child, False) for child in self.children[node])
        if (from_child and passes) or (not from_child and node in opened):
            yield from ((parent, True) for parent in self.net.parents(node))

    def _between(
        self, came: Mapping[tuple[str, bool], tuple[str, bool] | None], last: tuple[str, bool]
    ) -> Route:
        route, step = [], came[last]
        while step is not None:
            route.append(step[0])
            step = came[step]
        return tuple(dict.fromkeys(route[:-1]))
