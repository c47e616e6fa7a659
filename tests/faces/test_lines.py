"""The lines of a TOML file: every key has one, and it is the right one."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from buttpain.faces.lines import line_of, lines_of

NETWORKS = Path(__file__).resolve().parent.parent.parent / "networks"


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every path below a value, with what stands there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key), item
        yield from paths(item, (*path, key))


@pytest.mark.parametrize("name", ["five_findings", "runner"])
def test_every_key_of_a_network_has_its_line(name: str) -> None:
    """The paths found are those that the standard library reads, and each key stands in its line."""
    text = (NETWORKS / f"{name}.toml").read_text(encoding="utf-8")
    document, found, rows = tomllib.loads(text), lines_of(text), text.split("\n")
    wanted = dict(paths(document))
    assert set(found) <= set(wanted)
    # A section that has no header of its own stands nowhere.
    assert {path for path in set(wanted) - set(found) if len(path) > 1} == set()
    for path, line in found.items():
        key = next(part for part in reversed(path) if isinstance(part, str))
        if isinstance(path[-1], str):
            assert key in rows[line - 1]


TRICKY = '''
a = "not = a key # nor a comment" # "nor = this"
"quoted key" = 1
b.c = { d = [1, { e = 2 }], f = "}" }
[t]
g = """
h = 1
[i]
"""""
j = \'\'\'
k = "\'\'\'
l = 1979-05-27 07:32:00
[[u]]
m = 1
[u.n]
o = [ # [
  "]",
  3.5,
]
[[u]]
m = 2
'''

WANTED = {
    ("a",): 2,
    ("quoted key",): 3,
    ("b", "c", "d", 1, "e"): 4,
    ("b", "c", "f"): 4,
    ("t", "g"): 6,
    ("t", "j"): 10,
    ("t", "l"): 12,
    ("u", 0, "m"): 14,
    ("u", 0, "n", "o", 1): 18,
    ("u", 1): 20,
    ("u", 1, "m"): 21,
}


def test_strings_comments_and_brackets() -> None:
    """What looks like a key inside a string or a comment is none."""
    found = lines_of(TRICKY)
    assert {path: found[path] for path in WANTED} == WANTED
    assert set(found) == {path for path, _ in paths(tomllib.loads(TRICKY))}


def test_what_is_missing_stands_with_what_is_above_it() -> None:
    """A key that is not there is told at its table; where there is nothing at all, at the first line."""
    assert line_of(lines_of(TRICKY), ("u", 1, "x", "y")) == 20
    assert line_of({}, ("x",)) == 1
