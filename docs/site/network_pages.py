"""The pages of a network: a first page, a list for each role, a page for each node, and the sources.

They are written anew at each build, from what `bp.load_network` gives and nothing else.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator

import buttpain as bp
from book import FOLDERS, USE, Book, words
from buttpain.display.tables import percent
from buttpain.model.network import URGENCIES
from markup import block, code, link, plain, table, toctree
from node_pages import NodePage
from phrases import GRADES, SOON

__all__ = ["PICTURE", "network_pages"]

PICTURE = "picture.html"
"""A page of its own, which `Network.to_html` writes beside the first page."""

TITLES = {
    "condition": "Conditions",
    "finding": "Findings",
    "risk_factor": "Risk factors",
    "mechanism": "Mechanisms",
    "": "Other nodes",
}


def network_pages(net: bp.Network) -> dict[str, str]:
    """Return the pages of a network by their place in its folder, as Markdown."""
    return dict(_pages(Book(net)))


def _pages(book: Book) -> Iterator[tuple[str, str]]:
    roles = [role for role in FOLDERS if book.nodes(role)]
    yield "index.md", first_page(book, roles)
    for role in roles:
        yield f"{FOLDERS[role]}/index.md", role_page(book, role)
    for node in book.net.nodes:
        yield book.place(node), NodePage(book, node).text()
    if book.net.sources:
        yield "sources.md", sources_page(book)


def first_page(book: Book, roles: list[str]) -> str:
    """Return the first page of a network."""
    net = book.net
    edition = f", version {plain(net.version)}" if net.version else ""
    counts = ", ".join(f"{len(book.nodes(role))} {TITLES[role].lower()}" for role in roles)
    numbers = sum(1 for node in net.nodes for _ in book.authored(node))
    lines = len(net.parameters)
    twice = (
        f" ({code('net.parameters')} has {lines:,} lines, since a probability in a row of two states stands "
        f"there twice, as p and as 1 - p.)"
    )
    lists = [f"{TITLES[role]} <{FOLDERS[role]}/index>" for role in roles]
    return block(
        f"# The network {code(net.name)}",
        plain(net.description),
        f"{code(net.name)}{edition} has {counts}, and {numbers:,} numbers from {len(net.sources):,} sources. "
        f"It is about {book.population}.{twice if lines != numbers else ''}",
        f'<a href="{PICTURE}">See the whole network as a picture</a>, to be searched and explored.',
        USE,
        "## Conditions, the most common first" if book.implied.prior else "",
        _one_up(book.ranking()),
        "## Red flags" if net.red_flags else "",
        _one_up(flags(book)),
        *grades(book),
        toctree([*lists, *(["Sources <sources>"] if net.sources else [])]),
    )


def _one_up(text: str) -> str:
    """Return Markdown with links that lead from one folder higher."""
    return text.replace("](<../", "](<")


def flags(book: Book) -> str:
    """Return a table of the red flags, the most urgent first."""
    ordered = sorted(book.net.red_flags, key=lambda flag: -URGENCIES.index(flag.urgency))
    rows = [(plain(flag.label), SOON[flag.urgency], book.fires_on(flag)) for flag in ordered]
    return table(("red flag", "urgency", "fires on"), rows)


def grades(book: Book) -> Iterator[str]:
    """Yield what the numbers rest on, and how they compare with published results."""
    net = book.net
    if not net.sources:
        return
    frame = net.parameters.iloc[[i for node in net.nodes for i in book.authored(node)]]
    counts = Counter(frame["grade"])
    rows = [
        (plain(grade) or "none", GRADES[grade], f"{counts[grade]:,}", percent(counts[grade] / counts.total()))
        for grade in GRADES
        if counts[grade]
    ]
    yield "## What the numbers rest on"
    yield table(("grade", "kind of source", ">numbers", ">share"), rows)
    if book.literature:
        inside = sum(row["inside"] for row in book.literature)
        yield (
            f"Of {len(book.literature)} published and judged results that are no numbers of the network, "
            f"{inside} agree with what it implies; the pages of the nodes compare each."
        )


def role_page(book: Book, role: str) -> str:
    """Return the list of the nodes of a role."""
    nodes = book.nodes(role)
    kinds = dict.fromkeys(book.net.variable(node).kind for node in nodes)
    lists = []
    for kind in kinds:
        rows = [role_row(book, node) for node in nodes if book.net.variable(node).kind == kind]
        title = f"## {words(kind).capitalize()}" if kind and len(kinds) > 1 else ""
        lists += [title, table((TITLES[role][:-1].lower(), "ask or do", "what it is", ">min"), rows)]
    return block(
        f"# {TITLES[role]} of {code(book.net.name)}",
        *([book.ranking()] if role == "condition" and book.implied.prior else lists),
        toctree([f"{plain(book.net.label(node))} <{node}>" for node in nodes]),
    )


def role_row(book: Book, node: str) -> tuple[str, ...]:
    """Return the line of a node in the list of its role."""
    variable = book.net.variable(node)
    cost = "" if math.isnan(variable.cost) else f"{variable.cost:g}"
    return book.named(node), plain(variable.question), plain(variable.description), cost


def sources_page(book: Book) -> str:
    """Return every source in full, with the nodes whose numbers rest on it."""
    resting: dict[str, Counter[str]] = defaultdict(Counter)
    for node in book.net.nodes:
        resting_here = (book.net.provenance[i].source for i in book.authored(node))
        for key in resting_here:
            resting[key][node] += 1
    entries = [
        block(f"## {plain(key)}", book.citation(key), rests(book, resting[key])) for key in book.net.sources
    ]
    return block(f"# Sources of {code(book.net.name)}", *entries)


def rests(book: Book, nodes: Counter[str]) -> str:
    """Return which nodes have numbers from a source."""
    if not nodes:
        return "No number rests on it: it stands behind a red flag, or is compared with."
    said = [
        f"{link(plain(book.net.label(node)), book.place(node))}{f' ({count})' if count > 1 else ''}"
        for node, count in nodes.items()
    ]
    return f"Numbers of: {', '.join(said)}."
