"""The public names and how they are called: what a caller may rely on, and so what may not change unseen."""

import inspect
import subprocess
import sys

import pytest

import buttpain as bp

FUNCTIONS = {
    "available_networks": "()",
    "check_literature": "(net, *, memory=2147483648)",
    "evaluate": "(net, frame, truth, *, targets=None, bootstrap=1000, seed=0, level=0.95, k=(1, "
    "3), missing='error', impossible='error', extra='error', progress=None, "
    "memory=2147483648)",
    "explain": "(case, target=None, *, state=None, against=None)",
    "explore": "(case_or_net, *, samples=500, seed=0, ess=None)",
    "from_pgmpy": "(model, *, normalize=False)",
    "learn": "(net, frame, *, weights=None, ignore=(), ess=None, source=None, iterations=200, "
    "tolerance=0.0001, progress=None, memory=2147483648)",
    "load_network": "(name_or_path)",
    "next_findings": "(case, n=5, target=None, cost=None, *, steps=1, among=None)",
    "observe": "(net, evidence=None, *, memory=2147483648, **findings)",
    "posteriors": "(net, frame, targets=None, *, extra='error', impossible='error', progress=None, "
    "memory=2147483648)",
    "same_decision": "(case, k=8, *, among=None, target=None, state=None, threshold=None, "
    "samples=2000, seed=0)",
    "sample": "(net, n, seed=0, *, evidence=None, missing=None, latent=False, memory=2147483648)",
    "save_network": "(net, path)",
    "sensitivity": "(case, target, *, state=None, covariation='proportional')",
    "to_pgmpy": "(net)",
    "triage": "(case)",
    "uncertainty": "(case, *, targets=None, samples=2000, seed=0, ess=None)",
}

CLASSES = {
    "Network": {
        "conditions": "",
        "findings": "",
        "graph": "",
        "mechanisms": "",
        "nodes": "",
        "parameters": "",
        "parents": "(node)",
        "plot": "(ax=None, *, focus=None)",
        "risk_factors": "",
        "states": "(node)",
        "to_html": "(path=None)",
    },
    "Case": {
        "evidence": "",
        "joint": "(nodes)",
        "log_evidence": "",
        "most_probable_explanation": "()",
        "observe": "(evidence=None, /, **findings)",
        "plot": "(ax=None, *, focus=None)",
        "posterior": "(targets=None)",
        "probability": "(node, state=True)",
        "red_flags": "",
        "to_html": "(path=None)",
    },
    "Posterior": {
        "__getitem__": "(node)",
        "_repr_html_": "()",
        "plot": "(ax=None)",
        "ranked": "()",
        "to_dict": "()",
        "to_frame": "()",
    },
    "Sensitivity": {
        "_repr_html_": "()",
        "admissible_deviation": "()",
        "changes_to": "(p)",
        "changes_to_rank": "()",
        "distance": "(parameter, x)",
        "evidence": "(*, most=2000)",
        "function": "(parameter=None, *, node=None, state=None, given=None)",
        "leader": "",
        "plot": "(ax=None, *, n=10)",
        "posterior": "",
        "row": "(parameter, x)",
        "to_dict": "()",
        "to_frame": "()",
        "two_way": "(p, q)",
    },
    "Evaluation": {
        "_repr_html_": "()",
        "bootstrap": "",
        "by_pattern": "(*, edges=(0, 1, 3, 6, 11, 21))",
        "calibration": "(target=None, *, bins=10, strategy='quantile')",
        "decision_curve": "(target, *, thresholds=None)",
        "impossible": "",
        "level": "",
        "missing": "",
        "net": "",
        "observed": "",
        "plot": "(ax=None, *, target=None, bins=10, strategy='quantile')",
        "plot_decision": "(target, ax=None, *, thresholds=None)",
        "rows": "",
        "seed": "",
        "targets": "",
        "to_dict": "()",
        "to_frame": "(*, by='condition')",
        "truth": "",
        "undefined": "()",
    },
    "Explanation": {
        "_repr_html_": "()",
        "against": "",
        "case": "",
        "conflict": "",
        "conflicts": "()",
        "plot": "(ax=None, *, n=12)",
        "posterior": "",
        "prior": "",
        "rare_cases": "()",
        "sources": "(*, ess=None)",
        "state": "",
        "steps": "()",
        "summary": "",
        "target": "",
        "to_dict": "()",
        "to_frame": "()",
    },
    "NextFindings": {
        "_repr_html_": "()",
        "answers": "(finding, top=3)",
        "case": "",
        "entropy": "",
        "findings": "",
        "plot": "(ax=None)",
        "target": "",
        "to_dict": "()",
        "to_frame": "()",
    },
    "SameDecision": {
        "_repr_html_": "()",
        "case": "",
        "decision": "",
        "findings": "",
        "interval": "",
        "method": "",
        "plot": "(ax=None)",
        "probability": "",
        "samples": "",
        "standard_error": "",
        "to_dict": "()",
        "to_frame": "()",
    },
    "LiteratureCheck": {
        "_repr_html_": "()",
        "compared": "",
        "net": "",
        "outside": "",
        "plot": "(ax=None, *, condition=None, everything=False)",
        "share_inside": "",
        "summary": "()",
        "to_dict": "()",
        "to_frame": "()",
    },
    "Triage": {
        "red_flags": "",
        "to_dict": "()",
        "to_frame": "()",
        "urgency": "",
    },
    "Uncertainty": {
        "_repr_html_": "()",
        "contributions": "(target, *, state=None, by='parameter')",
        "draws": "",
        "impossible": "",
        "log_evidence": "",
        "plot": "(ax=None)",
        "rank_probability": "()",
        "to_dict": "()",
        "to_frame": "()",
    },
}
"""Members that are called, with how; an empty string for one that is only read."""

WARNINGS = ("NotConverged",)

ERRORS: dict[str, tuple[type[Exception], ...]] = {
    "ButtpainError": (Exception,),
    "ImpossibleEvidence": (ValueError,),
    "InvalidNetwork": (ValueError,),
    "NetworkFileError": (ValueError,),
    "NetworkTooComplex": (ValueError,),
    "UnknownNode": (KeyError,),
    "UnknownParameter": (KeyError,),
    "UnknownState": (KeyError, ValueError),
    "UnknownUncertainty": (ValueError,),
}

MEMBERS = [(owner, member, how) for owner, members in CLASSES.items() for member, how in members.items()]


def bare_signature(function: object) -> str:
    """Return how a function is called: names, kinds and defaults; mypy holds the types."""
    assert callable(function)
    signature = inspect.signature(function)
    plain = [item.replace(annotation=item.empty) for item in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def test_the_public_names() -> None:
    """`__all__` lists exactly the names of the tables above, in order."""
    assert bp.__all__ == sorted(bp.__all__)
    assert set(bp.__all__) == {*FUNCTIONS, *CLASSES, *ERRORS, *WARNINGS, "__version__"}


def test_dir_shows_the_public_names_only() -> None:
    """Completion in a notebook offers the public names, not rooms nor imported modules."""
    shown = dir(bp)
    assert {name for name in shown if not name.startswith("__")} == set(bp.__all__) - {"__version__"}
    assert "__version__" in shown


@pytest.mark.parametrize("name", bp.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    """Every public name can be had, comes from this library and has a docstring."""
    value = getattr(bp, name)
    if name != "__version__":
        assert value.__module__.startswith("buttpain.")
        assert value.__name__ == name
        assert inspect.getdoc(value)


def test_another_name_is_refused_with_its_name() -> None:
    """A name that is not public is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="module 'buttpain' has no attribute 'diagnose'"):
        bp.diagnose  # noqa: B018 - it is the looking that is tried


def test_star_import_gives_the_public_names() -> None:
    """`from buttpain import *` works, the late names among them."""
    code = "before = set(dir())\nfrom buttpain import *\nprint(*sorted(set(dir()) - before - {'before'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted(bp.__all__)


@pytest.mark.parametrize(("name", "how"), FUNCTIONS.items(), ids=FUNCTIONS)
def test_how_a_function_is_called(name: str, how: str) -> None:
    """Names, order, kinds and defaults of the arguments are as listed."""
    assert bare_signature(getattr(bp, name)) == how


@pytest.mark.parametrize(("owner", "member", "how"), MEMBERS, ids=lambda part: part or "read")
def test_what_an_object_offers(owner: str, member: str, how: str) -> None:
    """Each member of the contract is there: a method called as listed, or something to read."""
    found = inspect.getattr_static(getattr(bp, owner), member, None)
    if how:
        plain = bare_signature(found).replace("(self, ", "(").replace("(self)", "()")
        assert plain == how
    else:
        fields = getattr(getattr(bp, owner), "__dataclass_fields__", {})
        assert member in fields or (found is not None and not inspect.isfunction(found))


@pytest.mark.parametrize(("name", "bases"), ERRORS.items(), ids=ERRORS)
def test_an_error_is_also_what_a_caller_would_catch(name: str, bases: tuple[type[Exception], ...]) -> None:
    """Every error is a `ButtpainError` and the builtin of its kind."""
    error = getattr(bp, name)
    assert issubclass(error, bp.ButtpainError)
    assert all(issubclass(error, base) for base in bases)


def test_the_table_sees_a_changed_signature() -> None:
    """A renamed argument or another default would not go unnoticed."""

    def observe(net: object, seen: object = None, *, memory: int = 5) -> None: ...

    assert bare_signature(observe) == "(net, seen=None, *, memory=5)"
