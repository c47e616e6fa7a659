"""The command `buttpain`: reads the arguments, runs one command, and sets the exit code.

`docs/cli.md` shows each command with its output.  Tables are `Grid`s, as in a
notebook; the arguments are read with argparse, which is enough and costs no
dependency.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

from buttpain.errors import ButtpainError, did_you_mean
from buttpain.faces.verbs import VERBS
from buttpain.faces.words import DEFAULT_NETWORK, USE, UsageError, say, version

__all__ = ["main"]

NOT_ALL, FAILED, NO_MEMORY, INTERRUPTED, PIPE_CLOSED = 1, 2, 70, 130, 141
"""Exit codes other than 0; the last two are 128 and the signal's number, as a shell reports them."""

MOST_DRAWS = 1_000_000
"""Draws that one command makes at most; of the runner network they take a minute or two."""

_EXAMPLES = f"""\
examples:
  buttpain query sit_bone_tenderness=present hop_test_pain=absent
  buttpain query burning_pain_past_knee=present:0.7,absent:0.2 --json
  buttpain ask
  buttpain explain sit_bone_tenderness=yes hop_test_pain=no
  buttpain describe {DEFAULT_NETWORK} sit_bone_tenderness
  buttpain batch cases.csv answers.csv --id patient

{USE}
"""
_HIDDEN = "_complete"
"""What the shell asks when somebody presses Tab."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises, so that every complaint looks alike."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv
        The arguments after the name of the command; those of the process unless given.

    Returns
    -------
    code
        0 if it was answered; 1 if it was and something wants attention (`check` complains,
        `batch` set rows aside, `diff` found a difference); 2 if the arguments, a file or the
        evidence were wrong (the reason is then on stderr); 70 if the memory did not suffice,
        130 if it was interrupted, and 141 if the reader of its output went away.
    """
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ButtpainError, UsageError, OSError) as error:
        say(f"buttpain: error: {error}", sys.stderr)
        return FAILED
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        say(f"buttpain: error: out of memory{what}; ask for less at a time, or free memory", sys.stderr)
        return NO_MEMORY
    return code


def _run(argv: Sequence[str]) -> int:
    if argv and argv[0] == _HIDDEN:
        from buttpain.faces.completion import candidates

        parsers = commands_of(_parser())
        found = candidates(argv[1:], {name: _options(item) for name, item in parsers.items()})
        if found:  # An empty line would be a word to fish, and no file would be offered.
            say("\n".join(found))
        return 0
    try:
        args = _arguments(argv)
    except SystemExit as done:  # --help and --version have printed what was asked for
        return int(done.code or 0)
    code: int = args.run(args)
    return code


# -- arguments ---------------------------------------------------------------------------


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    known = commands_of(parser)
    if not argv:
        raise UsageError(f"name a command: {', '.join(known)}; buttpain --help says more")
    if not argv[0].startswith("-") and argv[0] not in known:
        raise UsageError(f"{argv[0]!r} is no command. {did_you_mean(argv[0], tuple(known))}")
    args, rest = parser.parse_known_args(argv)
    # argparse cannot take findings before an option and after it; it hands the later ones back.
    if hasattr(args, "findings"):
        args.findings += [item for item in rest if not item.startswith("-")]
        rest = [item for item in rest if item.startswith("-")]
    if rest:
        hint = did_you_mean(rest[0], _options(known[args.command])) if rest[0].startswith("-") else ""
        raise UsageError(f"{rest[0]!r} is nothing that buttpain {args.command} takes. {hint}".rstrip())
    return args


def commands_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of each command.

    Examples
    --------
    >>> from buttpain.faces.cli import _parser, commands_of
    >>> "query" in commands_of(_parser())
    True
    """
    (found,) = (item for item in parser._actions if isinstance(item, argparse._SubParsersAction))
    return dict(found.choices)


def _options(parser: argparse.ArgumentParser) -> tuple[str, ...]:
    return tuple(name for item in parser._actions for name in item.option_strings if name.startswith("--"))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="buttpain",
        description="Ask a Bayesian network about a runner's buttock pain.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"buttpain {version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _case_commands(commands)
    _network_commands(commands)
    _file_commands(commands)
    _service_commands(commands)
    return parser


def _case_commands(commands: Any) -> None:
    query = _of_case(commands, "query", "rank the conditions, given findings", "hop_test_pain=no")
    query.add_argument("--top", metavar="K", type=_count, help="show only the first K")

    ask = _of_case(commands, "ask", "ask the most telling question, again and again", "--save visit.json")
    ask.add_argument("--save", metavar="FILE", help="keep the visit in a JSON file, after each answer")
    ask.add_argument("--load", metavar="FILE", help="go on with a visit that was kept")
    ask.add_argument("--any-version", action="store_true", help="load it even if the network has changed")
    ask.add_argument(
        "--without", metavar="KIND", action="append", default=[], help="do not ask for findings of this kind"
    )
    ask.add_argument("--target", metavar="NODE", help="find out about this node alone")
    _costs(ask)

    best = _of_case(commands, "next", "say what to ask or examine next", "hop_test_pain=no --top 3")
    best.add_argument("--top", metavar="K", type=_count, help="how many (default: 5)")
    best.add_argument("--target", metavar="NODE", help="find out about this node alone")
    best.add_argument("--steps", type=int, choices=(1, 2), default=1, help="2: with the best follow-up")
    _costs(best)

    why = _of_case(
        commands, "explain", "say which findings speak for and against an answer", "hop_test_pain=no"
    )
    why.add_argument("--target", metavar="NODE", help="what to explain (default: the leader)")
    why.add_argument("--state", metavar="STATE", help="one of its states (default: present)")
    why.add_argument("--against", metavar="NODE", help="explain why the target rather than this one")

    numbers = _of_case(commands, "sensitivity", "say which numbers the answer hangs on", "hop_test_pain=no")
    numbers.add_argument("--target", metavar="NODE", help="whose posterior (default: the leader)")
    numbers.add_argument("--state", metavar="STATE", help="one of its states (default: present)")

    unsure = _of_case(commands, "uncertainty", "give the credible interval of each posterior", "--seed 1")
    unsure.add_argument("--targets", metavar="A,B", type=_names, help="nodes (default: the conditions)")
    unsure.add_argument("--samples", metavar="N", type=_draws, default=2000, help="draws (default: 2000)")
    unsure.add_argument("--seed", metavar="N", type=_seed, default=0, help="of the draws (default: 0)")
    unsure.add_argument(
        "--ess", metavar="N", type=float, help="cases that a number of unknown certainty is worth"
    )
    _of_case(commands, "triage", "say which red flags fire", "hop_test_pain=yes")


def _network_commands(commands: Any) -> None:
    check = _add(commands, "check", "look a network file over for mistakes", "my_network.toml")
    check.add_argument("file", metavar="FILE", help="a network file")

    studies = _add(commands, "literature", "compare what a network implies with published results", "")
    studies.add_argument("name", metavar="NETWORK", nargs="?", help=_NETWORK)

    diff = _add(
        commands, "diff", "say what changed between two networks, and what it does", "old.toml new.toml"
    )
    diff.add_argument("old", metavar="OLD", help=_NETWORK)
    diff.add_argument("new", metavar="NEW", help=_NETWORK)
    diff.add_argument("--cases", metavar="FILE", help="cases to compare the answers on, as CSV or Parquet")
    diff.add_argument(
        "--samples", metavar="N", type=_draws, default=1000, help="else draw so many (default: 1000)"
    )
    diff.add_argument("--seed", metavar="N", type=_seed, default=0, help="of the draw (default: 0)")
    diff.add_argument(
        "--top", metavar="K", type=_count, default=10, help="largest moves to show (default: 10)"
    )

    _add(commands, "networks", "list the networks that come with buttpain", "")

    describe = _add(
        commands,
        "describe",
        "show a network, or one of its nodes with its numbers and sources",
        f"{DEFAULT_NETWORK} hop_test_pain",
    )
    describe.add_argument("name", metavar="NETWORK", help=_NETWORK)
    describe.add_argument("node", metavar="NODE", nargs="?", help="one node, in full")


def _file_commands(commands: Any) -> None:
    batch = _add(commands, "batch", "answer many cases, from a table into a table", "cases.csv answers.csv")
    batch.add_argument("source", metavar="IN", help="cases, one a row: .csv, .csv.gz or .parquet")
    batch.add_argument("into", metavar="OUT", help="where the answers go: .csv or .parquet")
    batch.add_argument("--network", metavar="N", help=f"{_NETWORK} (default: {DEFAULT_NETWORK})")
    batch.add_argument("--id", metavar="A,B", type=_names, default=[], help="columns to carry through")
    batch.add_argument("--ignore", action="store_true", help="leave out other columns that name no node")
    batch.add_argument("--targets", metavar="A,B", type=_names, help="nodes (default: the conditions)")
    batch.add_argument("--aside", metavar="FILE", help="where rows go that cannot be answered (CSV)")
    batch.add_argument("--resume", action="store_true", help="go on where an earlier run broke off")
    batch.add_argument("--force", action="store_true", help="write over files that are there")
    batch.add_argument(
        "--chunk", metavar="N", type=_chunk, default=20_000, help="rows at a time (default: 20000)"
    )

    export = _add(commands, "export", "write a network in another format", f"{DEFAULT_NETWORK} five.bif")
    export.add_argument("name", metavar="NETWORK", help=_NETWORK)
    export.add_argument(
        "into", metavar="OUT", help="ends in .toml, .bif, .bif.gz, .xmlbif, .xdsl, .net or .uai"
    )
    export.add_argument("--force", action="store_true", help="write over a file that is there")


def _service_commands(commands: Any) -> None:
    serve = _add(commands, "serve", "answer over HTTP", "--port 8000")
    serve.add_argument("--host", metavar="H", default="127.0.0.1", help="address (default: 127.0.0.1)")
    serve.add_argument("--port", metavar="P", type=_port, default=8000, help="port (default: 8000)")
    serve.add_argument("--workers", metavar="N", type=_count, default=1, help="processes (default: 1)")
    mcp = _add(commands, "mcp", "answer a language model, by the Model Context Protocol on stdio", "")
    for service in (serve, mcp):
        service.add_argument(
            "--network",
            metavar="FILE",
            action="append",
            default=[],
            help="a file to offer beside the shipped networks; may be given again",
        )
    completion = _add(commands, "completion", "print the script that completes words in a shell", "bash")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")


_NETWORK = "a name from `buttpain networks`, or a file"
_JSON = {"check", "diff", "literature", "networks", "describe", "export", "batch"}
"""Commands beside those about a case that take --json."""


def _add(commands: Any, name: str, purpose: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=f"example:\n  buttpain {name} {example}".rstrip() + f"\n\n{USE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=VERBS.get(name) or _later(name))
    if name in _JSON:
        parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _of_case(commands: Any, name: str, purpose: str, example: str) -> argparse.ArgumentParser:
    parser = _add(commands, name, purpose, example)
    parser.add_argument(
        "findings",
        metavar="FINDING=STATE",
        nargs="*",
        help="a state by name, yes or no, or likelihoods as in finding=present:0.7,absent:0.2",
    )
    parser.add_argument("--network", metavar="N", help=f"{_NETWORK} (default: {DEFAULT_NETWORK})")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _costs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cost",
        metavar="C",
        action="append",
        default=[],
        help="finding=3 in place of what the file states, or 1 for all alike",
    )


def _later(name: str) -> Callable[[argparse.Namespace], int]:
    """Return a command whose module is read only when it is run."""

    def run(args: argparse.Namespace) -> int:
        found = import_module(_MODULES[name]).command
        code: int = found(args)
        return code

    return run


_MODULES = {
    "batch": "buttpain.faces.batch",
    "check": "buttpain.faces.check",
    "completion": "buttpain.faces.completion",
    "diff": "buttpain.faces.diff",
    "export": "buttpain.faces.export",
    "mcp": "buttpain.faces.start",
    "serve": "buttpain.faces.start",
}


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def _at_most(text: str, most: int) -> int:
    # Python does not even read a number of thousands of digits.
    if text.isdecimal() and (len(text.lstrip("0")) > len(str(most)) or int(text) > most):
        raise argparse.ArgumentTypeError(f"expected at most {most:,}, found {text!r}; ask for fewer")
    return _count(text)


def _draws(text: str) -> int:
    return _at_most(text, MOST_DRAWS)


def _chunk(text: str) -> int:
    return _at_most(text, 10_000_000)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, found {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected a port, 0 to 65535, found {text!r}")
    return int(text)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected names with commas between them, found {text!r}")
    return names
