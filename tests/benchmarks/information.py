"""What to ask next, beside one posterior of the case and beside trying each answer in pyAgrum.

    PYTHONPATH=tests python -m benchmarks.information             # a few minutes
    PYTHONPATH=tests python -m benchmarks.information questions   # one section

A ratio says how many posteriors of the case (all conditions) the whole comparison costs.  A new
pattern observes nodes that no case before has observed in this way; a kept plan was used before.
pyAgrum is timed on some answers and multiplied up.
"""

import statistics
import sys
from typing import Any

import buttpain as bp
from benchmarks.inference import Agrum, ms, ratio, seconds, show
from benchmarks.synthetic import cohort, network
from buttpain.analysis.information import next_findings
from buttpain.analysis.robustness import same_decision

SOME = 8
"""Answers that pyAgrum is timed on."""

NETWORKS = {
    "flagship, 73 nodes": {"risks": 8, "conditions": 16, "mechanisms": 0, "findings": 48},
    "vocabulary, 134 nodes": {},
}


def posterior(net: bp.Network, seen: dict[str, Any]) -> None:
    """Answer one case."""
    bp.observe(net, seen).posterior()


def asked(net: bp.Network, seen: dict[str, Any], steps: int = 1) -> None:
    """Compare all questions of one case."""
    next_findings(bp.observe(net, seen), steps=steps)


def questions() -> None:
    """Time one step over all findings, and two steps over the best five, with 8 findings observed."""
    rows = []
    for name, size in NETWORKS.items():
        net = network(**size)
        agrum = Agrum(net, net.conditions)
        new, first, kept, again, two, trying = [], [], [], [], [], []
        for seen in cohort(net, 8, 8):
            new.append(seconds(posterior, net, seen))
            first.append(seconds(asked, net, seen))
            kept.append(min(seconds(posterior, net, seen) for _ in range(5)))
            again.append(min(seconds(asked, net, seen) for _ in range(5)))
            two.append(seconds(asked, net, seen, steps=2))
            left = [finding for finding in net.findings if finding not in seen]
            some = [
                {**seen, finding: state} for finding in left[: SOME // 2] for state in ("absent", "present")
            ]
            trying.append(2 * len(left) * statistics.mean(seconds(agrum, case) for case in some))
        cells = [ms(new), ms(first), ratio(first, new), ms(kept), ms(again), ratio(again, kept)]
        rows.append([name, str(len(left)), *cells, ms(two), ms(trying), ratio(trying, first)])
    show(
        "All findings that were not observed, 8 observed",
        [
            "network",
            "findings left",
            "posterior, new ms",
            "all questions, new ms",
            "ratio",
            "posterior, kept ms",
            "all questions, kept ms",
            "ratio",
            "two steps ms",
            "each answer in pyAgrum ms",
            "pyAgrum/new",
        ],
        rows,
    )


def decisions() -> None:
    """Time the same-decision probability: exact for up to ten findings, sampled for more."""
    net = network(**NETWORKS["flagship, 73 nodes"])
    rows = []
    same_decision(bp.observe(net, cohort(net, 1, 8, seed=2)[0]), 10)  # native code, if it is there, starts
    for k in (5, 10, 15):
        cases = [bp.observe(net, seen) for seen in cohort(net, 3, 8)]
        results = [same_decision(case, k) for case in cases]
        times = [seconds(same_decision, case, k) for case in cases]
        rows.append([str(k), results[0].method, f"{statistics.median(times):.3g}"])
    show(
        "Same-decision probability, flagship network, 8 findings observed", ["findings", "method", "s"], rows
    )


if __name__ == "__main__":
    sections = {"questions": questions, "decisions": decisions}
    for section in sys.argv[1:] or sections:
        sections[section]()
