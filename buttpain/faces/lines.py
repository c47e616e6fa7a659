"""At which line of a TOML file each key stands.

The standard library's reader gives no positions, and no kept package that reads TOML 1.0
gives them without bringing a parser in another language.  The reader has accepted the
text before it comes here, so that one pass over its strings and brackets is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["line_of", "lines_of"]

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""
    (?P<skip>[ \t\r]+|\#[^\n]*)
  | (?P<text>\"\"\"(?:\\.|[^\\])*?\"{3,5}|'''[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
  | (?P<sign>[\[\]{}=,.\n])
  | (?P<bare>[^\s\[\]{}=,.\#"']+)
    """,
    re.VERBOSE | re.DOTALL,
)


def lines_of(text: str) -> dict[Path, int]:
    r"""Return the line of every table, key and list item of valid TOML, the first being 1.

    Examples
    --------
    >>> from buttpain.faces.lines import lines_of
    >>> lines_of("[a.b]\nx = [1,\n 2]\n[[c]]\ny.z = {w = 0}")[("c", 0, "y", "z", "w")]
    5
    """
    return _Scan(text).found


def line_of(found: Mapping[Path, int], path: Path) -> int:
    """Return the line of a path, or of the nearest thing above it that is there; 1 if nothing is.

    Examples
    --------
    >>> from buttpain.faces.lines import line_of
    >>> line_of({("a",): 3, ("a", "b"): 4}, ("a", "b", "missing"))
    4
    """
    for end in range(len(path), 0, -1):
        # A table may have no header of its own, only those of the tables in it.
        there = [line for place, line in found.items() if place[:end] == path[:end]]
        if there:
            return found.get(path[:end], min(there))
    return 1


class _Scan:
    """One pass over a text; short-lived."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0
        self.found: dict[Path, int] = {}
        self.last: dict[Path, int] = {}
        prefix: Path = ()
        while self.at < len(self.tokens):
            if self.sign == "\n":
                self.at += 1
            elif self.sign == "[":
                prefix = self.header()
            else:
                self.pair(prefix)

    @property
    def sign(self) -> str:
        """The next token if it is a sign; otherwise nothing."""
        if self.at >= len(self.tokens):
            return "\n"
        kind, text, _ = self.tokens[self.at]
        return text if kind == "sign" else ""

    def header(self) -> Path:
        line = self.tokens[self.at][2]
        self.at += 1
        several = self.sign == "["
        self.at += several
        path: Path = ()
        keys = self.keys()
        for key in keys[:-1]:
            path = self.into((*path, key))
        path = (*path, keys[-1])
        self.found.setdefault(path, line)
        if several:
            self.last[path] = self.last.get(path, -1) + 1
            path = self.into(path)
        self.found[path] = line
        self.at += 1 + several
        return path

    def into(self, path: Path) -> Path:
        """Return the path of the newest item, if it is a list of tables."""
        return (*path, self.last[path]) if path in self.last else path

    def keys(self) -> list[str]:
        keys = [self.key()]
        while self.sign == ".":
            self.at += 1
            keys.append(self.key())
        return keys

    def key(self) -> str:
        kind, text, _ = self.tokens[self.at]
        self.at += 1
        # JSON and TOML escape the characters of a key alike, but for those that no name here has.
        return text[1:-1] if kind == "text" else text

    def pair(self, prefix: Path) -> None:
        line = self.tokens[self.at][2]
        path = prefix
        for key in self.keys():
            path = (*path, key)
            self.found.setdefault(path, line)
        self.at += 1  # the sign of equality
        self.value(path)

    def value(self, path: Path) -> None:
        if self.sign == "[":
            self.items(path)
        elif self.sign == "{":
            self.at += 1
            while self.sign != "}":
                if self.sign in (",", "\n"):
                    self.at += 1
                else:
                    self.pair(path)
            self.at += 1
        else:
            while self.sign not in (",", "]", "}", "\n"):
                self.at += 1

    def items(self, path: Path) -> None:
        self.at += 1
        number = 0
        while self.sign != "]":
            if self.sign in (",", "\n"):
                self.at += 1
                continue
            self.found[*path, number] = self.tokens[self.at][2]
            self.value((*path, number))
            number += 1
        self.at += 1


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            yield str(match.lastgroup), match[0], line
        line += match[0].count("\n")
