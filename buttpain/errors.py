"""The errors of the library.

Each derives from `ButtpainError` and from the builtin a caller would already
catch, says what was given, what is allowed and what to do, and carries those
facts as attributes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

__all__ = [
    "ButtpainError",
    "ImpossibleEvidence",
    "InvalidNetwork",
    "NetworkFileError",
    "NetworkTooComplex",
    "UnknownNode",
    "UnknownParameter",
    "UnknownState",
    "UnknownUncertainty",
]

_MOST_NAMES = 12

_MADE_BY = {
    "Case": "make one with bp.observe(net, {...})",
    "Network": "bp.load_network(...) reads one",
}
"""How to come by what the functions take first."""


def close_matches(name: object, known: Iterable[str]) -> tuple[str, ...]:
    """Return the known names that look like `name`, the likeliest first."""
    folded = {item.casefold(): item for item in known}
    found = get_close_matches(str(name).casefold(), list(folded), n=3, cutoff=0.6)
    return tuple(folded[item] for item in found)


def did_you_mean(name: object, known: Sequence[str]) -> str:
    """Return the sentence that ends an unknown-name message: close matches, or what is allowed."""
    matches = close_matches(name, known)
    if matches:
        return f"Did you mean {' or '.join(repr(item) for item in matches)}?"
    if not known:
        return "There is nothing to choose from."
    shown = ", ".join(known[:_MOST_NAMES])
    more = len(known) - _MOST_NAMES
    return f"Choose from: {shown}{f' and {more} more' if more > 0 else ''}."


def which_comes_with(extra: str) -> str:
    """Return the clause that ends a message about a package that is missing: which extra has it, and how."""
    return (
        f"which comes with the extra {extra!r}. In a copy of the repository: "
        f'python -m pip install ".[{extra}]"'
    )


def check_kind(name: str, value: object, kind: type) -> None:
    """Raise unless an argument is a Case, or a Network, whichever is wanted."""
    if not isinstance(value, kind):
        raise TypeError(
            f"{name} must be a {kind.__name__}, not {type(value).__name__}; {_MADE_BY[kind.__name__]}"
        )


def check_whole(name: str, value: object, least: int) -> None:
    """Raise unless an argument is a whole number, and not too small."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, {least} or more; it is {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}; it is {value}")


def as_number(value: object) -> float:
    """Return a number, or NaN, which lies in no range, for what is none."""
    return float(value) if isinstance(value, Real) else math.nan


class ButtpainError(Exception):
    """Base class of every error that the library raises on purpose."""

    # KeyError prints the repr of its argument; a message made of sentences must print as it is.
    def __str__(self) -> str:
        """Return the message."""
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle message and facts: the constructors take the facts alone, and workers send errors home."""
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: type[ButtpainError], args: tuple[Any, ...]) -> ButtpainError:
    return kind.__new__(kind, *args)


class UnknownNode(ButtpainError, KeyError):
    """A name that is no node of the network.

    Attributes
    ----------
    name
        What was given.
    known
        Names that would have been accepted.
    matches
        Those of them that look like `name`.
    """

    def __init__(self, name: object, known: Sequence[str], where: str = "the network") -> None:
        self.name = name
        self.known = tuple(known)
        self.matches = close_matches(name, known)
        super().__init__(f"{name!r} is no node of {where}. {did_you_mean(name, self.known)}")


class UnknownParameter(ButtpainError, KeyError):
    """A name that is the id of no parameter of the network.

    Attributes
    ----------
    name
        What was given.
    known
        Ids that would have been accepted.
    matches
        Those of them that look like `name`.
    """

    def __init__(self, name: object, known: Sequence[str], where: str = "the network") -> None:
        self.name = name
        self.known = tuple(known)
        self.matches = close_matches(name, known)
        super().__init__(f"{name!r} is no parameter of {where}. {did_you_mean(name, self.known)}")


class UnknownState(ButtpainError, KeyError, ValueError):
    """A state that its node does not have.

    Attributes
    ----------
    node, state
        What was given.
    known
        The states of the node.
    advice
        What to do.
    """

    def __init__(self, node: str, state: object, known: Sequence[str], advice: str = "") -> None:
        self.node = node
        self.state = state
        self.known = tuple(known)
        hint = advice or f"Use one of {', '.join(map(repr, known))}."
        matches = close_matches(state, known)
        if matches and not advice:
            hint += f" Did you mean {matches[0]!r}?"
        self.advice = hint
        super().__init__(f"{state!r} is no state of {node!r}. {hint}")


class ImpossibleEvidence(ButtpainError, ValueError):
    """Observations that the network says cannot hold together.

    Attributes
    ----------
    evidence
        A smallest set of the observations that already has probability zero:
        without any one of them the others are possible.
    rows
        In a batch, the index labels of the rows concerned.
    """

    def __init__(self, evidence: Mapping[str, object], network: str, rows: Sequence[object] = ()) -> None:
        self.evidence = dict(evidence)
        self.rows = tuple(rows)
        listed = ", ".join(f"{node}={state}" for node, state in self.evidence.items())
        where = ""
        if self.rows:
            shown = ", ".join(map(repr, self.rows[:_MOST_NAMES]))
            more = len(self.rows) - _MOST_NAMES
            where = f" in row{'s' if len(self.rows) > 1 else ''} {shown}"
            where += f" and {more} more" if more > 0 else ""
        super().__init__(
            f"These observations cannot hold together{where}: {listed}. Their joint probability "
            f"under network {network!r} is 0; retract or correct one of them."
        )


class InvalidNetwork(ButtpainError, ValueError):
    """A network whose parts do not fit: a cycle, a row that does not sum to 1, an unknown cause.

    Attributes
    ----------
    node
        The node concerned, or an empty string.
    """

    def __init__(self, message: str, node: str = "") -> None:
        self.node = node
        super().__init__(message)


class NetworkFileError(InvalidNetwork):
    """A network file that cannot be read as a network.

    Attributes
    ----------
    file, table, key
        Where: the file, the table in it and the key in that table.
    """

    def __init__(self, message: str, file: str, table: str = "", key: str = "", node: str = "") -> None:
        self.file = file
        self.table = table
        self.key = key
        where = ", ".join(
            part for part in (file, f"[{table}]" if table else "", f"key {key!r}" if key else "") if part
        )
        super().__init__(f"{where}: {message}", node)


class NetworkTooComplex(ButtpainError, ValueError):
    """A query whose exact answer would need more memory than allowed.

    Attributes
    ----------
    width
        Induced width: variables in the largest table, less one.
    entries
        Entries of the largest table.
    memory
        Bytes that the query would hold at once.
    bound
        Bytes allowed.
    """

    def __init__(self, width: int, entries: int, memory: int, bound: int, network: str) -> None:
        self.width = width
        self.entries = entries
        self.memory = memory
        self.bound = bound
        super().__init__(
            f"An exact answer in network {network!r} needs a table of {entries:,} entries "
            f"(induced width {width}) and {memory / 2**20:,.0f} MiB, more than the "
            f"{bound / 2**20:,.0f} MiB allowed. Observe more findings, ask for fewer targets, "
            f"or raise the bound with memory=."
        )


class UnknownUncertainty(ButtpainError, ValueError):
    """Numbers of which nobody said how sure they are.

    Attributes
    ----------
    missing, parameters
        How many parameters have no effective sample size, of how many.
    """

    def __init__(self, missing: int, parameters: int, network: str) -> None:
        self.missing = missing
        self.parameters = parameters
        super().__init__(
            f"{missing:,} of the {parameters:,} parameters of network {network!r} come without an "
            f"effective sample size, so nobody knows how sure they are. Say how many cases each is "
            f"worth with ess=, for example ess=100."
        )
