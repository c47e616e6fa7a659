"""The page of one node: its question, its numbers and their reasons, and what they come to."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from book import FOLDERS, USE, Book, words
from buttpain.model.network import NoisyOr, RedFlag
from implied import Sign, routes
from markup import block, bullets, code, link, plain, table
from phrases import MEASURES, SOON, between, chance, ratio, shown, stated

__all__ = ["NodePage"]

TOP = "../../.."
"""From a node's page to the root of the site."""

RATIOS = link("likelihood ratios", f"{TOP}/concepts/likelihood_ratios.md")

SHOWS = f"""\
How probable each finding is *with* this condition and *without* it, in this population, and the {RATIOS}
with their 95 % credible intervals. *Without* means in the others, whom other causes brought. The ratios hold
while nothing else is known: do not multiply those of several findings."""

SAYS = f"""\
How probable each condition above it is *before* anything is known, *if* this alone is *found*, and *if* it is
looked for and *not* found; and the {RATIOS} with their 95 % credible intervals. Conditions that are not named
here change too, since what one cause explains the others need not."""

NOISY_OR = f"""\
A {link("leaky noisy-OR", f"{TOP}/concepts/noisy_or.md")}: each cause that is present brings it about on its
own, with the probability of its *link*, and the *leak* is the probability when none of them is there. Studies
report a link *with the leak* in it: how often it is present in those who have this cause and no other."""

COMPARED = """\
None of these is a number of the network; the column *network* is what its numbers imply for the people who
were studied. *Outside* says that the two differ, not which of them is wrong."""


class NodePage:
    """Writes the page of one node."""

    def __init__(self, book: Book, node: str) -> None:
        self.book = book
        self.net = book.net
        self.node = node
        self.variable = book.net.variable(node)
        self.family = book.net.families[node]

    def text(self) -> str:
        """Return the page."""
        return block(
            f"# {plain(self.net.label(self.node))}",
            plain(self.variable.description),
            self.facts(),
            self.flags(),
            self.how_common(),
            self.signs(),
            self.says(),
            self.changes(),
            self.numbers(),
            self.effects(),
            self.studies(),
            self.sources(),
            self.colophon(),
        )

    def facts(self) -> str:
        """Return what the file says of the node in a word or two."""
        variable, given = self.variable, self.net.given.get(self.node, "")
        rows = {
            "Name in code": code(self.node),
            "Role": words(variable.role),
            "Ask or do": plain(variable.question),
            "Kind": variable.kind,
            "Cost": "" if math.isnan(variable.cost) else f"{variable.cost:g} min",
            "ICD-10": plain(variable.icd10),
            "Urgency": SOON[variable.urgency],
            "States": ""
            if variable.states == ("absent", "present")
            else ", ".join(map(words, variable.states)),
            "Observed": f"{words(given)} in every case: it is what the network is about" if given else "",
        }
        return table(("", ""), [(name, said) for name, said in rows.items() if said])

    # -- what the numbers come to --------------------------------------------------------

    def how_common(self) -> str:
        """Return the prior of a condition."""
        prior = self.book.implied.prior.get(self.node)
        if prior is None:
            return ""
        said = f"**{chance(prior.value)}** of this network's population have it: {self.book.population}."
        room = (
            f" The numbers leave room for {between(prior)} (95 % credible interval)."
            if between(prior)
            else ""
        )
        return block("## How common it is", said + room)

    def signs(self) -> str:
        """Return what a condition shows: each finding below it, the strongest first."""
        if self.node not in self.book.implied.prior:
            return ""
        found = [sign for finding in self.net.findings for sign in self.between(self.node, finding)]
        rows = [
            (
                self.book.named(finding, state),
                through,
                chance(sign.present.value),
                chance(sign.absent.value),
                ratio(sign.ratio),
                ratio(sign.ratio_not),
            )
            for _, finding, state, through, sign in _strongest(found)
        ]
        shown_as = table(("finding", "through", ">with", ">without", ">LR+", ">LR-"), rows)
        return block("## What it shows", SHOWS, shown_as) if rows else ""

    def says(self) -> str:
        """Return what a finding says about each condition above it, the strongest first."""
        if self.variable.role != "finding":
            return ""
        found = [
            sign for condition in self.book.implied.conditions for sign in self.between(condition, self.node)
        ]
        rows = [
            (
                self.book.named(condition)
                + (f", if {words(state)}" if self.book.tells(self.node, state) else ""),
                through,
                chance(self.book.implied.prior[condition].value),
                chance(sign.after.value),
                chance(sign.after_not.value),
                ratio(sign.ratio),
                ratio(sign.ratio_not),
            )
            for condition, _, state, through, sign in _strongest(found)
        ]
        headers = ("condition", "through", ">before", ">if found", ">if not", ">LR+", ">LR-")
        return block("## What it says", SAYS, table(headers, rows)) if rows else ""

    def between(self, condition: str, finding: str) -> Iterator[tuple[str, str, str, str, Sign]]:
        """Yield what a finding says about a condition above it, a state at a time, with the ways in words."""
        ways = list(routes(self.net, condition, finding))
        for state in self.book.implied.events(finding) if ways else ():
            sign = self.book.implied.sign(condition, finding, state)
            if sign is not None:
                yield condition, finding, state, self.through(ways), sign

    def through(self, ways: Iterable[tuple[str, ...]]) -> str:
        """Return ways along the arrows in words."""
        return "; ".join(", then ".join(map(self.book.named, way)) or "directly" for way in ways)

    def changes(self) -> str:
        """Return how probable the conditions below a risk factor are, for each of its states."""
        from networkx import descendants

        if self.variable.role != "risk_factor":
            return ""
        implied, below = self.book.implied, descendants(self.net.graph, self.node)
        after = {state: implied.after(self.node, state) for state in self.variable.states}
        states = [state for state, found in after.items() if found]
        rows = [
            (self.book.named(name), *(chance(after[state][name].value) for state in states))
            for name in implied.conditions
            if name in below
        ]
        said = "How probable each condition below it is in this population, while nothing else is known."
        headers = ("condition", *(f">{words(state)}" for state in states))
        return block("## What it changes", said, table(headers, rows)) if rows else ""

    # -- the numbers themselves ----------------------------------------------------------

    def numbers(self) -> str:
        """Return the node's own numbers, and below them why they are what they are."""
        rows = [self.number(i) for i in self.book.authored(self.node)]
        headers = ("number", ">with the leak", ">value", ">95 % interval", "stated as", "source")
        notes = {
            name: self.net.provenance[i].note
            for (name, *_), i in zip(rows, self.book.authored(self.node), strict=True)
        }
        reasons = [f"**{name}.** {plain(note)}" for name, note in notes.items() if note]
        return block(
            "## Its numbers",
            self.form(),
            table(headers, rows),
            "### Why these numbers" if reasons else "",
            bullets(reasons),
        )

    def form(self) -> str:
        """Return how the numbers are to be read."""
        if not self.net.parents(self.node):
            return ""
        if not isinstance(self.family, NoisyOr):
            return "A table: a row for each combination of its causes."
        return NOISY_OR

    def number(self, i: int) -> tuple[str, ...]:
        """Return the line of one number."""
        row, record = self.net.parameters.iloc[i], self.net.provenance[i]
        alone = ""
        if row["kind"] == "link":
            leak = self.net.theta[self.net.spans[self.node].start]
            alone = chance(1 - (1 - leak) * (1 - row["value"]))
        return (
            self.number_name(row),
            alone,
            chance(row["value"]),
            self.book.interval(row),
            stated(record, self.variable.states.index(row["state"])),
            self.book.source(record.source),
        )

    def number_name(self, row: Any) -> str:
        """Return what a number is, in words."""
        if row["kind"] == "leak":
            return "Leak" if self.net.parents(self.node) else "Base rate"
        if row["kind"] == "link":
            parent, _, state = row["given"].partition("=")
            return f"Link from {self.book.named(parent, state)}"
        pairs = [pair.partition("=")[::2] for pair in row["given"].split(", ")] if row["given"] else []
        given = ", ".join(f"{self.book.named(parent)} {words(state)}" for parent, state in pairs)
        state = words(row["state"]).capitalize() if self.book.tells(self.node, row["state"]) else ""
        return ", if ".join(filter(None, (state, given))) or "Base rate"

    def effects(self) -> str:
        """Return what the node leads to directly."""
        rows = [row for child in self.book.children[self.node] for row in self.effect(child)]
        if not rows:
            return ""
        return block("## Where its arrows lead", table(("node", "role", ">link", ">95 % interval"), rows))

    def effect(self, child: str) -> Iterator[tuple[str, ...]]:
        """Yield the links to a child; one line without a number where it has a table."""
        role = words(self.net.variable(child).role)
        if not isinstance(self.net.families[child], NoisyOr):
            yield self.book.named(child), role, "in its table", ""
            return
        span = self.net.spans[child]
        for _, row in self.net.parameters.iloc[span.start + 1 : span.stop].iterrows():
            parent, _, state = row["given"].partition("=")
            if parent == self.node:
                said = f", if {words(state)}" if self.book.tells(self.node, state) else ""
                yield self.book.named(child) + said, role, chance(row["value"]), self.book.interval(row)

    # -- rules, results, sources ---------------------------------------------------------

    def flags(self) -> str:
        """Return the red flags that name the node, in full."""
        named = self.book.flags_about(self.node)
        return block("## Red flags that name it", bullets(map(self.flag, named))) if named else ""

    def flag(self, flag: RedFlag) -> str:
        """Return a red flag in full."""
        said = f"**{plain(flag.label)}** ({SOON[flag.urgency]}). Fires on {self.book.fires_on(flag)}."
        why = f"*Why:* {plain(flag.reason)} {self.book.source(flag.source)}"
        return " ".join(filter(None, (said, plain(flag.advice), why)))

    def studies(self) -> str:
        """Return the published and judged results about the node, beside what the network says."""
        found = self.book.studies_about(self.node)
        rows = [
            (
                self.measured(row),
                "judged" if row["judged"] else shown(row, row["published"]),
                f"{shown(row, row['low'])} to {shown(row, row['high'])}",
                f"{shown(row, row['implied'])}{'' if row['inside'] else ' (**outside**)'}",
                plain(row["population"]),
                self.book.source(row["source"]),
            )
            for row in found
        ]
        notes = [
            f"{plain(row['source'])}, {self.measured(row)}: {plain(row['note'])}"
            for row in found
            if row["note"]
        ]
        headers = ("result", ">published", ">interval", ">network", "who", "source")
        return (
            block("## Published and judged results", COMPARED, table(headers, rows), bullets(notes))
            if rows
            else ""
        )

    def measured(self, row: dict[str, Any]) -> str:
        """Return what a study measured, of which nodes other than this one."""
        measure = MEASURES.get(row["measure"], words(row["measure"]))
        others = [self.book.named(name) for name in row["nodes"] if name != self.node]
        return f"{measure[0].upper()}{measure[1:]}{': ' if others else ''}{', '.join(others)}"

    def sources(self) -> str:
        """Return the sources of all that stands on the page, in full."""
        keys = [self.net.provenance[i].source for i in self.book.authored(self.node)]
        keys += [flag.source for flag in self.book.flags_about(self.node)]
        keys += [row["source"] for row in self.book.studies_about(self.node)]
        cited = [
            f"**{self.book.source(key).partition(' (')[0]}**: {self.book.citation(key)}"
            for key in dict.fromkeys(keys)
            if key in self.net.sources
        ]
        return block("## Sources", bullets(cited)) if cited else ""

    def colophon(self) -> str:
        """Return where the numbers stand, and how to better them."""
        title = code(f"[{FOLDERS[self.variable.role]}.{self.node}]")
        better = link("Propose a better number", f"{TOP}/better_number.md")
        file = code(f"networks/{self.net.name}.toml")
        return block("---", f"Written in {file} under {title}. Is something wrong? {better}.", USE)


def _strongest(found: Iterable[tuple[str, str, str, str, Sign]]) -> list[tuple[str, str, str, str, Sign]]:
    return sorted(found, key=lambda item: -item[-1].ratio.value)
