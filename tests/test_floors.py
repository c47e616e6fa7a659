"""Who may import whom: every module has a floor, and sees only the floors below it.

The imports are read from the source, so an import inside a function counts as
much as one at the top.  One under ``if TYPE_CHECKING`` counts for the floors;
it costs nothing when the library runs, so it does not count as use of a package
from elsewhere.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "buttpain"


@dataclass(frozen=True)
class Rule:
    """Where a module stands, and what it may import from elsewhere."""

    floor: int
    top: frozenset[str] = frozenset({"numpy"})
    """At the top of the module, so that importing the module loads it."""
    inside: frozenset[str] = frozenset()
    """Also inside a function, so that only calling the function loads it."""


def _rule(floor: int, *, top: str = "numpy", inside: str = "") -> Rule:
    return Rule(floor, frozenset(top.split()), frozenset(inside.split()))


RULES = {
    "errors": _rule(0, top=""),
    "display.tables": _rule(0, top=""),
    "display.layers": _rule(0, top=""),
    "display.use": _rule(0, top=""),
    "display.progress": _rule(0, top="", inside="tqdm"),
    "display.diagram": _rule(1, top="", inside="matplotlib"),
    "display.page": _rule(1, top="", inside="pandas"),
    "display.sheet": _rule(1, inside="matplotlib"),
    "display.plots": _rule(2, inside="matplotlib pandas"),
    "model.priors": _rule(1, inside="scipy"),
    "model.canonical": _rule(1),
    "model.network": _rule(2, inside="networkx pandas"),
    "model.definition": _rule(3, inside="tomli_w"),
    "model.interop": _rule(3, inside="pgmpy"),
    "model.files": _rule(4, top=""),
    "inference.evidence": _rule(4, inside="pandas"),
    "inference.order": _rule(4),
    "inference.contraction": _rule(4),
    "inference.arrows": _rule(4),
    "inference.structure": _rule(5),
    "inference.flags": _rule(5, top=""),
    "inference.plan": _rule(6),
    "inference.posterior": _rule(6, inside="pandas"),
    "inference.maximum": _rule(6),
    "inference.circuit": _rule(7),
    "inference.terms": _rule(7),
    "inference.case": _rule(8, inside="pandas"),
    "inference.kernel": _rule(6, top="numpy numba"),
    "inference.kernel_scores": _rule(7, top="numpy numba"),
    "inference.draws": _rule(7),
    "inference.answers": _rule(9),
    "inference.frames": _rule(9, inside="pandas"),
    "inference.cohort": _rule(10, inside="pandas"),
    "inference.counts": _rule(11),
    "analysis.functions": _rule(8),
    "analysis.bundle": _rule(9),
    "analysis.curves": _rule(9),
    "analysis.retraction": _rule(9, inside="pandas"),
    "analysis.wording": _rule(7, top=""),
    "analysis.influence": _rule(8),
    "analysis.paths": _rule(8, top=""),
    "analysis.subsets": _rule(8),
    "analysis.weights": _rule(9),
    "analysis.explanation": _rule(10, inside="pandas"),
    "analysis.outlook": _rule(10),
    "analysis.information": _rule(11, inside="pandas"),
    "analysis.sampling": _rule(9, inside="pandas"),
    "analysis.robustness": _rule(11, inside="pandas"),
    "analysis.cases": _rule(12, inside="pandas"),
    "analysis.ascent": _rule(13),
    "analysis.precision": _rule(14),
    "analysis.learning": _rule(15, inside="pandas"),
    "analysis.literature": _rule(9, inside="pandas scipy"),
    "analysis.sensitivity": _rule(10, inside="pandas"),
    "analysis.triage": _rule(9, inside="pandas"),
    "analysis.uncertainty": _rule(9, inside="pandas scipy tqdm"),
    "analysis.scores": _rule(8, inside="sklearn"),
    "analysis.truth": _rule(9, inside="pandas"),
    "analysis.evaluation": _rule(11, inside="pandas"),
    "faces.schema": _rule(16, top="pydantic pydantic_core"),
    "faces.service": _rule(17, top="", inside="pandas"),
    "faces.guard": _rule(18, top="prometheus_client starlette"),
    "faces.server": _rule(19, top="h11 pydantic starlette uvicorn"),
    "faces.fhir": _rule(18, top="", inside="fhir pydantic"),
    "faces.mcp": _rule(18, top="anyio mcp pydantic"),
    "faces.widget": _rule(18, top="anywidget traitlets"),
    "faces.explore": _rule(19, top="", inside="anywidget"),
    "faces.words": _rule(17, top=""),
    "faces.lines": _rule(17, top=""),
    "faces.visit": _rule(18, top=""),
    "faces.describe": _rule(18, top=""),
    "faces.completion": _rule(18, top=""),
    "faces.check": _rule(18, top="", inside="tomli_w"),
    "faces.export": _rule(18, top=""),
    "faces.start": _rule(18, top=""),
    "faces.rows": _rule(18, top="", inside="numpy pandas"),
    "faces.flags": _rule(18, top="", inside="numpy pandas"),
    "faces.batch": _rule(19, top="", inside="pandas tqdm"),
    "faces.diff": _rule(19, top="", inside="pandas"),
    "faces.ask": _rule(19, top=""),
    "faces.verbs": _rule(20, top=""),
    "faces.cli": _rule(21, top=""),
    "__main__": _rule(22, top=""),
}
ROOMS = frozenset({"display", "model", "inference", "analysis", "faces"})
"""Packages; their `__init__` holds a docstring and nothing else."""

GUARDS = frozenset({"TYPE_CHECKING", "typing.TYPE_CHECKING"})
"""Conditions that hold for a type checker alone."""


class Import(NamedTuple):
    """One imported module as it is written."""

    line: int
    name: str
    at_top: bool
    for_types: bool


def imports(tree: ast.Module) -> Iterator[Import]:
    """Yield every import of a module, whatever it stands in."""

    def walk(nodes: Iterable[ast.AST], *, at_top: bool, for_types: bool) -> Iterator[Import]:
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(node.lineno, alias.name, at_top, for_types)
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                for alias in node.names:
                    yield Import(node.lineno, _target(base, alias.name), at_top, for_types)
            elif isinstance(node, ast.If) and ast.unparse(node.test) in GUARDS:
                yield from walk(node.body, at_top=at_top, for_types=True)
                yield from walk(node.orelse, at_top=at_top, for_types=for_types)
            else:
                inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                yield from walk(ast.iter_child_nodes(node), at_top=at_top and not inside, for_types=for_types)

    yield from walk(tree.body, at_top=True, for_types=False)


def _target(base: str, name: str) -> str:
    """Return the module that ``from base import name`` reads: the name itself if it is one of ours."""
    inner = f"{base}.{name}".removeprefix("buttpain.")
    return f"buttpain.{inner}" if inner in RULES or inner in ROOMS else base


def complaints(module: str, source: str) -> list[str]:
    """Return what is wrong with the imports of one module, given by its name below `buttpain`."""
    if module not in RULES:
        return [f"{module}: give it a floor in RULES of tests/test_floors.py"]
    found = []
    for item in imports(ast.parse(source)):
        wrong = _complaint(RULES[module], item)
        if wrong:
            found.append(f"{module}, line {item.line}: {wrong}")
    return found


def _complaint(rule: Rule, item: Import) -> str:
    package, _, inner = item.name.partition(".")
    if not package:
        return "write imports in full, from buttpain on"
    if package == "buttpain":
        return _complaint_at_home(rule, item.name, inner)
    if package in sys.stdlib_module_names or item.for_types or package in rule.top:
        return ""
    if package not in rule.inside:
        return f"{package} is not allowed here"
    return f"{package} may be imported only inside a function" if item.at_top else ""


def _complaint_at_home(rule: Rule, name: str, inner: str) -> str:
    if inner in ROOMS or not inner:
        return f"import from the module that has the name, not from {name}"
    if inner not in RULES:
        return f"{name} has no floor"
    if RULES[inner].floor >= rule.floor:
        return f"floor {rule.floor} may not import {inner} of floor {RULES[inner].floor}"
    return ""


def modules() -> dict[str, Path]:
    """Return the path of every module of the package, by its name below `buttpain`."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__init__.py"
    }


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_its_floor_allows(module: str) -> None:
    """A module sees lower floors and the outside packages that its rule names."""
    assert complaints(module, modules()[module].read_text(encoding="utf-8")) == []


def test_the_package_is_found() -> None:
    """The search for modules reaches every room that has one."""
    assert {"errors", "model.network", "model.definition"} <= modules().keys()


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_has_an_empty_front_door(room: str) -> None:
    """The `__init__` of a room is a docstring, so importing one module loads no other."""
    tree = ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def test_every_room_is_named() -> None:
    """A new folder of modules must be given a place here."""
    assert {path.parent.name for path in PACKAGE.glob("*/*.py")} == ROOMS


BAD = {
    "a higher floor": (
        "model.network",
        "from buttpain.inference.case import Case",
        "floor 2 may not import inference.case of floor 8",
    ),
    "a sibling": (
        "model.interop",
        "from buttpain.model import definition",
        "floor 3 may not import model.definition of floor 3",
    ),
    "a higher floor in a function": (
        "model.network",
        "def f():\n    import buttpain.model.files",
        "floor 2 may not import model.files of floor 4",
    ),
    "a higher floor for types": (
        "model.network",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from buttpain.inference.case import Case",
        "floor 2 may not import inference.case of floor 8",
    ),
    "the library's face": ("faces.cli", "import buttpain as bp", "not from buttpain"),
    "a name from the face": ("faces.cli", "from buttpain import Network", "not from buttpain"),
    "a room": ("faces.cli", "from buttpain.model import Network", "not from buttpain.model"),
    "a relative import": ("model.files", "from .definition import from_toml", "write imports in full"),
    "a module unheard of": ("faces.cli", "import buttpain.gossip", "buttpain.gossip has no floor"),
    "pgmpy outside the door": (
        "model.files",
        "def f():\n    import pgmpy.models",
        "pgmpy is not allowed here",
    ),
    "pgmpy at the top": ("model.interop", "import pgmpy", "only inside a function"),
    "matplotlib at the top": ("display.plots", "from matplotlib import pyplot", "only inside a function"),
    "matplotlib under try": (
        "display.plots",
        "try:\n    import matplotlib\nexcept ImportError:\n    pass",
        "only inside a function",
    ),
    "pandas at the top": ("model.network", "import pandas as pd", "only inside a function"),
    "pandas in a class body": ("model.network", "class A:\n    import pandas", "only inside a function"),
    "pandas where the types are not checked": (
        "model.network",
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import pandas",
        "only inside a function",
    ),
    "pandas when types are not wanted": (
        "model.network",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import pandas",
        "only inside a function",
    ),
    "a package on no list": ("model.network", "import requests", "requests is not allowed here"),
    "a new module": ("analysis.gossip", "", "give it a floor"),
}


@pytest.mark.parametrize(("module", "source", "words"), BAD.values(), ids=BAD.keys())
def test_the_check_sees_a_bad_import(module: str, source: str, words: str) -> None:
    """Each kind of forbidden import is found once, and named."""
    (found,) = complaints(module, source)
    assert words in found


GOOD = {
    "the standard library": ("errors", "import json\nfrom collections.abc import Mapping"),
    "a lower floor": ("faces.cli", "from buttpain.errors import ButtpainError"),
    "a lower module by its room": ("model.files", "def f():\n    from buttpain.model import interop"),
    "pandas late": ("model.network", "def f():\n    import pandas"),
    "pandas for types": (
        "model.network",
        "import typing\nif typing.TYPE_CHECKING:\n    import pandas",
    ),
}


@pytest.mark.parametrize(("module", "source"), GOOD.values(), ids=GOOD.keys())
def test_the_check_lets_a_good_import_pass(module: str, source: str) -> None:
    """What the rules allow is not complained about."""
    assert complaints(module, source) == []
