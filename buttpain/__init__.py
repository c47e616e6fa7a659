"""Posterior queries for a runner's buttock pain, with the source of every number.

Two nouns and a few verbs::

    import buttpain as bp

    net = bp.load_network("runner")
    case = bp.observe(net, sit_bone_tenderness=True, hop_test_pain=False)
    case.posterior()            # what is probable
    bp.explain(case)            # why
    bp.next_findings(case)      # what to ask next
    bp.uncertainty(case)        # how sure that is, given the studies
    bp.sensitivity(case, "proximal_hamstring_tendinopathy")

`Network` is what is believed, `Case` a network with what was observed; both are frozen.
Research and decision support, not a diagnosis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from buttpain.errors import (
    ButtpainError,
    ImpossibleEvidence,
    InvalidNetwork,
    NetworkFileError,
    NetworkTooComplex,
    UnknownNode,
    UnknownParameter,
    UnknownState,
    UnknownUncertainty,
)
from buttpain.inference.case import Case, observe
from buttpain.inference.posterior import Posterior
from buttpain.model.files import available_networks, load_network, save_network
from buttpain.model.network import Network

if TYPE_CHECKING:
    from buttpain.analysis.evaluation import Evaluation, evaluate
    from buttpain.analysis.explanation import Explanation, explain
    from buttpain.analysis.information import NextFindings, next_findings
    from buttpain.analysis.learning import NotConverged, learn
    from buttpain.analysis.literature import LiteratureCheck, check_literature
    from buttpain.analysis.robustness import SameDecision, same_decision
    from buttpain.analysis.sampling import sample
    from buttpain.analysis.sensitivity import Sensitivity, sensitivity
    from buttpain.analysis.triage import Triage, triage
    from buttpain.analysis.uncertainty import Uncertainty, uncertainty
    from buttpain.faces.explore import explore
    from buttpain.inference.cohort import posteriors
    from buttpain.model.interop import from_pgmpy, to_pgmpy

__all__ = [
    "ButtpainError",
    "Case",
    "Evaluation",
    "Explanation",
    "ImpossibleEvidence",
    "InvalidNetwork",
    "LiteratureCheck",
    "Network",
    "NetworkFileError",
    "NetworkTooComplex",
    "NextFindings",
    "NotConverged",
    "Posterior",
    "SameDecision",
    "Sensitivity",
    "Triage",
    "Uncertainty",
    "UnknownNode",
    "UnknownParameter",
    "UnknownState",
    "UnknownUncertainty",
    "__version__",
    "available_networks",
    "check_literature",
    "evaluate",
    "explain",
    "explore",
    "from_pgmpy",
    "learn",
    "load_network",
    "next_findings",
    "observe",
    "posteriors",
    "same_decision",
    "sample",
    "save_network",
    "sensitivity",
    "to_pgmpy",
    "triage",
    "uncertainty",
]

__version__ = "0.1.0"

# Loaded when they are first used, so that a posterior does not wait for the rest.
_LATE = {
    "analysis.evaluation": ("Evaluation", "evaluate"),
    "analysis.explanation": ("Explanation", "explain"),
    "analysis.information": ("NextFindings", "next_findings"),
    "analysis.learning": ("NotConverged", "learn"),
    "analysis.literature": ("LiteratureCheck", "check_literature"),
    "analysis.robustness": ("SameDecision", "same_decision"),
    "analysis.sampling": ("sample",),
    "analysis.sensitivity": ("Sensitivity", "sensitivity"),
    "analysis.triage": ("Triage", "triage"),
    "analysis.uncertainty": ("Uncertainty", "uncertainty"),
    "faces.explore": ("explore",),
    "inference.cohort": ("posteriors",),
    "model.interop": ("from_pgmpy", "to_pgmpy"),
}
_HOME = {name: module for module, names in _LATE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        globals()[name] = value = getattr(import_module(f"buttpain.{_HOME[name]}"), name)
        return value
    raise AttributeError(f"module 'buttpain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
