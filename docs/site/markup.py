"""Markdown put together from other people's words: nothing that they contain is taken for markup."""

import re
from collections.abc import Iterable, Sequence

__all__ = ["block", "bullets", "code", "link", "plain", "table", "toctree"]

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|$~^&])")


def plain(text: str) -> str:
    r"""Return words that read as they are, on one line.

    Examples
    --------
    >>> print(plain("a_b | *c* [d](e)"))
    a\_b \| \*c\* \[d\](e)
    """
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return text in the letters of a program.

    Examples
    --------
    >>> print(code("sprain <- age"), code("a`b"))
    `sprain <- age` `` a`b ``
    """
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence}{text}{fence}" if fence == "`" else f"{fence} {text} {fence}"


def link(words: str, target: str) -> str:
    """Return a link whose words are Markdown already."""
    return f"[{words}](<{target}>)"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already, without the columns in which there is nothing.

    Parameters
    ----------
    headers
        One a column; a leading ">" asks for right alignment.
    rows
        Cells.
    """
    rows = [[_cell(text) for text in row] for row in rows]
    kept = [i for i in range(len(headers)) if any(row[i] for row in rows)]
    if not kept:
        return ""
    rule = ["--:" if headers[i].startswith(">") else "---" for i in kept]
    lines = [[headers[i].removeprefix(">") for i in kept], rule, *([row[i] for i in kept] for row in rows)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return text.replace(" %", "\u00a0%")  # a number keeps its percent sign on its line


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def bullets(items: Iterable[str]) -> str:
    """Return a list of items that are Markdown already."""
    return "\n".join(f"- {item}" for item in items)


def block(*parts: str) -> str:
    """Return paragraphs, tables and lists below each other; empty ones fall away."""
    return "\n\n".join(part for part in parts if part)


def toctree(entries: Iterable[str]) -> str:
    """Return a list of pages for the navigation, which is not shown on the page itself."""
    return block("```{toctree}\n:hidden:", "\n".join(entries) + "\n```")
