"""Sensitivity and uncertainty beside the way peers do it: set the number, infer again.

    PYTHONPATH=tests python -m benchmarks.sensitivity

A sensitivity function is fixed by two points, so a peer needs two inferences a number; they are
timed on some numbers and multiplied up. Each figure is a median over interleaved runs.
"""

import statistics
from typing import Any

import numpy as np
import pyagrum as gum
from pgmpy.factors.discrete import TabularCPD
from pgmpy.inference import VariableElimination

import buttpain as bp
from benchmarks.inference import Agrum, agrum_of, ms, seconds, show
from benchmarks.synthetic import cohort, network
from examples import example_path

SOME = 20
"""Numbers that a peer is timed on."""


def agrum_point(model: Any, node: str, seen: dict[str, str], target: str) -> None:
    """Write one node's table again, as a changed number asks for, and infer the target."""
    table = model.cpt(node)
    table.fillWith(table.toarray().ravel().tolist())
    engine = gum.LazyPropagation(model)
    engine.setEvidence(seen)
    engine.addTarget(target)
    engine.makeInference()
    engine.posterior(target)


def pgmpy_point(model: Any, node: str, seen: dict[str, str], target: str) -> None:
    """Give one node a changed table, and infer the target."""
    cpd = model.get_cpds(node)
    changed = TabularCPD(
        node, cpd.variable_card, cpd.get_values(), cpd.variables[1:], cpd.cardinality[1:], cpd.state_names
    )
    model.add_cpds(changed)
    VariableElimination(model).query([target], evidence=seen, show_progress=False)


def functions() -> None:
    """Time all one-way functions of one posterior."""
    rows = []
    for name in ("alarm", "hepar2"):
        net = bp.load_network(example_path(name))
        likely = bp.observe(net).most_probable_explanation()[0]
        rng = np.random.default_rng(2)
        seen = {str(n): likely[str(n)] for n in rng.choice(net.nodes, 5, replace=False)}
        target = next(node for node in net.nodes if node not in seen)
        model, made = bp.to_pgmpy(net), agrum_of(net)
        ours, agrum, pgmpy = [], [], []
        nodes = [str(node) for node in rng.choice(net.nodes, SOME)]
        for node in nodes:
            case = bp.observe(net, seen)
            ours.append(seconds(bp.sensitivity, case, target, state=net.states(target)[0]))
            agrum.append(seconds(agrum_point, made, node, seen, target))
            pgmpy.append(seconds(pgmpy_point, model, node, seen, target))
        mine, theirs, others = (statistics.median(times) for times in (ours, agrum, pgmpy))
        theirs, others = (2 * net.theta.size * one for one in (theirs, others))
        rows.append(
            [name, f"{net.theta.size:,}", ms(ours), f"{theirs:.3g}", f"{others:.3g}"]
            + [f"{theirs / mine:,.0f}", f"{others / mine:,.0f}"]
        )
    show(
        "All one-way functions of one posterior, five nodes observed",
        ["network", "numbers", "buttpain ms", "pyAgrum s", "pgmpy s", "pyAgrum/buttpain", "pgmpy/buttpain"],
        rows,
    )


def draws() -> None:
    """Time 2,000 draws against 100 pyAgrum queries, on the synthetic network of 134 nodes."""
    net = network()
    agrum = Agrum(net, net.conditions)
    rows = []
    for findings in (3, 8):
        cases = cohort(net, 5, findings)
        ours = [seconds(bp.uncertainty, bp.observe(net, case), samples=2000, ess=50) for case in cases]
        theirs = [100 * seconds(agrum, case) for case in cases]
        pace = statistics.median(theirs) / statistics.median(ours)
        rows.append([str(findings), ms(ours), ms(theirs), f"{pace:.1f}"])
    headers = ["findings", "2,000 draws, buttpain ms", "100 queries, pyAgrum ms", "ratio"]
    show("Intervals of all conditions", headers, rows)


if __name__ == "__main__":
    functions()
    draws()
