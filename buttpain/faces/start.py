"""`buttpain serve` and `buttpain mcp`: start a service, or say which extra is missing."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from buttpain.errors import which_comes_with
from buttpain.faces.words import UsageError

__all__ = ["command"]

EXTRAS = {"serve": "server", "mcp": "mcp"}
"""What each command needs, by the name of the extra."""

_MODULES = {"serve": "buttpain.faces.server", "mcp": "buttpain.faces.mcp"}


def command(args: Namespace) -> int:
    """Start a service and stay until it ends."""
    with _extra(args.command):
        module = import_module(_MODULES[args.command])
    if args.command == "mcp":
        module.serve(args.network)
        return 0
    settings = import_module("buttpain.faces.guard").Settings(networks=tuple(args.network))
    module.serve(args.host, args.port, workers=args.workers, settings=settings)
    return 0


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Say which extra brings a package that is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "buttpain").startswith("buttpain"):
            raise  # a mistake of ours
        raise UsageError(
            f"buttpain {name} needs the package {error.name}, {which_comes_with(EXTRAS[name])}"
        ) from None
