"""What every command shares: how findings are written, how answers are said, and the frame of its JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TextIO

from buttpain.analysis.triage import triage
from buttpain.display.tables import wrapped
from buttpain.display.use import USE
from buttpain.errors import ButtpainError
from buttpain.inference.case import Case, observe
from buttpain.model.network import Network, Variable

__all__ = [
    "DEFAULT_NETWORK",
    "SCHEMA",
    "USE",
    "UsageError",
    "answer_of",
    "as_json",
    "case_of",
    "complaints",
    "counted",
    "lines",
    "observation",
    "of_case",
    "of_network",
    "said",
    "say",
    "version",
]

DEFAULT_NETWORK = "five_findings"
"""What is asked unless told otherwise."""

WORDS = {
    **dict.fromkeys(("yes", "y", "true", "1"), True),
    **dict.fromkeys(("no", "n", "false", "0"), False),
}
"""Words for present and absent, in any case; a state of that very name goes first."""

_ASCII = str.maketrans(
    {"█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "", "▎": "", "▏": "", "│": "|", "–": "-"}
)


SCHEMA = "1"
"""Version of the schema of answers: that of `buttpain.faces.schema`, which takes too long to import here."""

SECTIONS = ("posterior", "prior", "uncertainty", "sensitivity", "explanation", "next")
"""What may have been asked of a case; null in its JSON where it was not."""


class UsageError(Exception):
    """Arguments that make no sense, and what would."""


def version() -> str:
    """Return the version of the library.

    Examples
    --------
    >>> from buttpain.faces.words import version
    >>> version().count(".")
    2
    """
    return str(import_module("buttpain").__version__)


@contextmanager
def complaints() -> Iterator[None]:
    """Turn what the library says of a wrong argument into a complaint about the command.

    Examples
    --------
    >>> from buttpain.faces.words import complaints
    >>> with complaints():
    ...     raise ValueError("samples must be at least 2; it is 1")
    Traceback (most recent call last):
    buttpain.faces.words.UsageError: samples must be at least 2; it is 1
    """
    try:
        yield
    except ButtpainError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from None


# -- findings ----------------------------------------------------------------------------


def case_of(net: Network, findings: Sequence[str]) -> Case:
    """Return the case that arguments such as ``finding=state`` describe.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.words import case_of
    >>> dict(case_of(bp.load_network("five_findings"), ["hop_test_pain=no"]).evidence)
    {'hop_test_pain': 'absent'}
    """
    stated = [observation(net, text) for text in findings]
    twice = [node for node, number in Counter(node for node, _ in stated).items() if number > 1]
    if twice:
        raise UsageError(f"{twice[0]!r} is given more than once; say each finding once")
    with complaints():  # likelihoods below 0 or infinite
        return observe(net, dict(stated))


def observation(net: Network, text: str) -> tuple[str, Any]:
    """Return node and observation of one argument.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.words import observation
    >>> observation(bp.load_network("five_findings"), "hop_test_pain=present:0.7,absent:0.2")
    ('hop_test_pain', {'present': 0.7, 'absent': 0.2})
    """
    node, equals, stated = (part.strip() for part in text.partition("="))
    variable = net.variable(node)
    if not equals or not stated:
        raise UsageError(
            f"{text!r} does not say what was seen; write finding=state, here {node}={variable.states[-1]} "
            f"(states: {', '.join(variable.states)})"
        )
    return node, _likelihoods(text, stated) if _is_likely(variable, stated) else said(variable, stated)


def said(variable: Variable, stated: str) -> Any:
    """Return what a word says of a node: a state by name, or True or False; unknown words come back.

    Examples
    --------
    >>> from buttpain.faces.words import said
    >>> from buttpain.model.network import Variable
    >>> said(Variable("pain"), "Yes"), said(Variable("answer", ("no", "yes")), "yes")
    (True, 'yes')
    """
    if stated in variable.states or not (variable.positive or variable.negative):
        return stated
    return WORDS.get(stated.casefold(), stated)


def _is_likely(variable: Variable, stated: str) -> bool:
    return ":" in stated and stated not in variable.states


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


# -- answers -----------------------------------------------------------------------------


def say(text: str, stream: TextIO | None = None) -> None:
    """Write a line, in signs that the stream can hold.

    Examples
    --------
    >>> from buttpain.faces.words import say
    >>> say("34.7 %")
    34.7 %
    """
    stream = sys.stdout if stream is None else stream
    try:
        stream.write(f"{text}\n")
    except UnicodeEncodeError:
        plain = text.translate(_ASCII).encode("ascii", "replace").decode()
        stream.write(f"{plain}\n")


def lines(*texts: str) -> str:
    r"""Return texts as lines that fit a terminal, without those that are empty.

    Examples
    --------
    >>> from buttpain.faces.words import lines
    >>> lines("one", "", "two")
    'one\ntwo'
    """
    return "\n".join(line for text in texts for line in wrapped(text, indent=""))


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> from buttpain.faces.words import counted
    >>> counted(1, "row"), counted(2500, "row")
    ('1 row', '2,500 rows')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def answer_of(case: Case, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a case as the schema has it: its frame, what was found, null for the rest.

    Parameters
    ----------
    case
        The case.
    found
        By section; what it says of network and evidence stands in the frame and is left out.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.words import answer_of
    >>> told = answer_of(bp.observe(bp.load_network("five_findings")), {"next": {"entropy": 1.0}})
    >>> told["schema"], told["next"], told["sensitivity"]
    ('1', {'entropy': 1.0}, None)
    """
    net = case.net
    return {
        "schema": SCHEMA,
        "network": net.name,
        "version": net.version,
        "library": version(),
        "given": dict(net.given),
        "evidence": _evidence(case),
        "triage": {**triage(case).to_dict(), "rules": len(net.red_flags)},
        "log_evidence": case.log_evidence,
        **dict.fromkeys(SECTIONS),
        **found,
        "use": USE,
    }


def _evidence(case: Case) -> dict[str, Any]:
    return {node: seen if isinstance(seen, str) else dict(seen) for node, seen in case.evidence.items()}


def of_case(case: Case, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON says of a case: whose answer it is, the evidence, the result, red flags, the use.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.words import of_case
    >>> list(of_case(bp.observe(bp.load_network("five_findings")), {"bits": 1.0}))
    ['network', 'version', 'library', 'evidence', 'bits', 'triage', 'use']
    """
    return _of(case.net, {"evidence": _evidence(case), **result}, {"triage": triage(case).to_dict()})


def of_network(net: Network, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON says of a network: whose answer it is, the result, the use.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.words import of_network
    >>> list(of_network(bp.load_network("five_findings"), {"studies": 3}))
    ['network', 'version', 'library', 'studies', 'use']
    """
    return _of(net, result, {})


def _of(net: Network, result: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    head = {"network": net.name, "version": net.version, "library": version()}
    return {**head, **{key: value for key, value in result.items() if key not in head}, **last, "use": USE}


def as_json(answer: Mapping[str, Any] | Sequence[Any]) -> str:
    """Return plain data as JSON text, in ASCII.

    Examples
    --------
    >>> from buttpain.faces.words import as_json
    >>> print(as_json({"posterior": 0.5}))
    {
      "posterior": 0.5
    }
    """
    return json.dumps(answer, indent=2, allow_nan=False)
