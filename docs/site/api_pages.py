"""The pages of the Python interface: one for each public name, and one for the types that those lead to."""

import inspect
import typing
from collections.abc import Iterable, Iterator
from types import ModuleType

import buttpain as bp
from markup import block, code, link, plain, table, toctree

__all__ = ["api_pages", "led_to"]

INTRODUCTION = """\
Two nouns, `Network` (what is believed) and `Case` (a network with what was observed), and verbs that are
functions on them:

```python
>>> import buttpain as bp
>>> net = bp.load_network("five_findings")
>>> case = bp.observe(net, sit_bone_tenderness=True)
>>> bp.uncertainty(case).to_frame().loc[0, "label"]
'Proximal hamstring tendinopathy'
```

Everything here is a name of `buttpain` itself, and keeps its meaning from one minor version to the next.
Import no deeper, but for the few names at the end of this page: the modules inside may change."""

DEEPER = {
    "buttpain.faces.server": (("Settings", "application", "serve"), "[the HTTP service](<../service.md>)"),
    "buttpain.faces.service": (("Networks", "answer"), "[cases as JSON](<../schema.md>)"),
    "buttpain.faces.schema": (("CaseRequest", "read"), "[cases as JSON](<../schema.md>)"),
    "buttpain.faces.fhir": (
        ("case_from_response", "questionnaire", "risk_assessment"),
        "[FHIR](<../fhir.md>)",
    ),
    "buttpain.faces.mcp": (("server",), "[MCP](<../mcp.md>)"),
    "buttpain.faces.ask": (("interview",), "[the interview](<../ask.md>)"),
    "buttpain.faces.visit": (("Visit",), "[the interview](<../ask.md>)"),
    "buttpain.model.network": (("Study",), "[literature](<../literature.md>)"),
}
"""What may be imported from the modules inside, for tools that are built on the library, and its page."""

INNER = {
    "Posterior": ("grid",),
    "Network": ("diagram", "focused", "write_page"),
    "Case": (
        "across",
        "alerts",
        "carried",
        "diagram",
        "heading",
        "log_joint",
        "marginals",
        "relevant",
        "seen",
        "slopes",
        "under",
    ),
}
"""Members that only other modules of the package call; they are no part of the interface."""


def api_pages(package: ModuleType = bp) -> dict[str, str]:
    """Return the pages of a package's public names by their place, as Markdown."""
    names = [name for name in package.__all__ if not name.startswith("_")]
    kinds: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": []}
    for name in names:
        kinds[kind_of(getattr(package, name))].append(name)
    others = led_to(package)
    pages = {f"{name}.md": page(package.__name__, name, getattr(package, name)) for name in names}
    pages["types.md"] = types_page(others)
    pages["index.md"] = block(
        "# Python interface",
        INTRODUCTION,
        *(
            block(f"## {kind}", table(("name", "what it is"), [row(package, name) for name in members]))
            for kind, members in kinds.items()
        ),
        "## Further types",
        f"What the results above are made of stands under {link('further types', 'types.md')}.",
        "## For tools built on the library",
        "These names stand in modules inside, most of them because they need an extra. They are kept as "
        "those above are.",
        table(
            ("import from", "names", "told under"),
            [(code(module), ", ".join(map(code, inner)), where) for module, (inner, where) in DEEPER.items()],
        ),
        toctree([*(name for members in kinds.values() for name in members), "types"]),
    )
    return pages


def kind_of(value: object) -> str:
    """Return under which heading a public name stands."""
    if inspect.isclass(value):
        return "Errors" if issubclass(value, Exception) else "Classes"
    return "Functions"


def row(package: ModuleType, name: str) -> tuple[str, str]:
    """Return a name as a link, and the first line of its docstring."""
    summary = (inspect.getdoc(getattr(package, name)) or "").partition("\n\n")[0]
    return link(code(name), f"{name}.md"), plain(summary).replace("\\`", "`")


def page(module: str, name: str, value: object) -> str:
    """Return the page of one name."""
    return block(f"# {name}", directive(f"{module}.{name}", value))


def directive(path: str, value: object) -> str:
    """Return what makes Sphinx write down a function or a class from its docstring."""
    if not inspect.isclass(value):
        return f"```{{eval-rst}}\n.. autofunction:: {path}\n```"
    special = ", ".join(name for name in ("__call__", "__getitem__") if name in vars(value))
    without = ", ".join(("__init__", "__new__", *INNER.get(value.__name__, ())))
    options = [":members:", ":inherited-members: Mapping, Exception, KeyError, ValueError"]
    options += [f":exclude-members: {without}"]
    options += [f":special-members: {special}"] if special else []
    return f"```{{eval-rst}}\n.. autoclass:: {path}\n" + "\n".join(f"   {line}" for line in options) + "\n```"


def types_page(others: Iterable[type]) -> str:
    """Return the page of the types that no public name makes directly."""
    parts = [
        block(f"## {kind.__name__}", directive(f"{kind.__module__}.{kind.__qualname__}", kind))
        for kind in others
    ]
    return block(
        "# Further types",
        "What results and networks are made of. You meet them, but need not name them.",
        *parts,
    )


def led_to(package: ModuleType) -> list[type]:
    """Return the classes of the package that its public names give back or hold, and are not public names."""
    public = {getattr(package, name) for name in package.__all__ if inspect.isclass(getattr(package, name))}
    waiting = [getattr(package, name) for name in package.__all__ if callable(getattr(package, name))]
    found: dict[type, None] = {}
    while waiting:
        for kind in classes_in(waiting.pop(0)):
            if (
                kind.__module__.startswith(f"{package.__name__}.")
                and kind not in public
                and kind not in found
            ):
                found[kind] = None
                waiting.append(kind)
    return sorted(found, key=lambda kind: kind.__name__)


def classes_in(value: object) -> Iterator[type]:
    """Yield the classes that a function gives back, or that the public parts of a class hold or give back."""
    if not inspect.isclass(value):
        yield from mentioned(value, "return")
        return
    yield from mentioned(value)
    for name, member in vars(value).items():
        shown = not name.startswith("_") or name in {"__call__", "__getitem__"}
        if shown and name not in INNER.get(value.__name__, ()):
            function = getattr(member, "fget", None) or getattr(member, "func", None) or member
            if inspect.isfunction(function):
                yield from mentioned(function, "return")


def mentioned(value: object, only: str = "") -> Iterator[type]:
    """Yield the classes in the annotations of a function or a class."""
    for name, hint in getattr(value, "__annotations__", {}).items():
        if not name.startswith("_") and only in ("", name):
            yield from parts_of(resolved(hint, value))


def resolved(hint: object, value: object) -> object:
    """Return an annotation as an object; None if it names what is loaded late, such as a pandas frame."""
    if not isinstance(hint, str):
        return hint
    names = vars(inspect.getmodule(value))
    try:
        return eval(hint, dict(names))  # noqa: S307 - annotations of our own package
    except (NameError, AttributeError):
        return None


def parts_of(hint: object) -> Iterator[type]:
    """Yield the classes inside an annotation."""
    if inspect.isclass(hint) and not typing.get_args(hint):
        yield hint
    for part in typing.get_args(hint):
        yield from parts_of(part)
