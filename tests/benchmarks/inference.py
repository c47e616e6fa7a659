"""How fast posteriors are, beside pgmpy and pyAgrum in one process, as ratios.

    PYTHONPATH=tests python -m benchmarks.inference             # all of it, some minutes
    PYTHONPATH=tests python -m benchmarks.inference one batch   # some sections

Each figure is a median over interleaved runs: what slows the machine slows all alike.
A ratio says how many times faster buttpain is; its range is that of the single runs.
`docs/performance.md` keeps the output.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyagrum as gum
from pgmpy.inference import VariableElimination

import buttpain as bp
import buttpain.inference.cohort as cohort_module
from benchmarks.synthetic import cohort, network
from buttpain.inference.circuit import run
from buttpain.inference.evidence import Observed, to_arrays
from buttpain.inference.plan import Contract, Plan, Sum, _Compiler, plan_for
from buttpain.inference.structure import MEMORY, Pattern, Structure, structure_of
from examples import example_path

Case = dict[str, Any]


Engine = Callable[[Case], list[float]]


def seconds(work: Callable[..., object], *given: Any, **options: Any) -> float:
    """Return how long a call takes, once."""
    start = time.perf_counter()
    work(*given, **options)
    return time.perf_counter() - start


def show(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n### {title}\n", flush=True)
    for row in (headers, ["---"] * len(headers), *rows):
        print(f"| {' | '.join(row)} |", flush=True)


def ms(times: Sequence[float]) -> str:
    """Write a median in milliseconds."""
    return f"{1e3 * statistics.median(times):.3g}" if times else "-"


def ratio(slow: Sequence[float], fast: Sequence[float]) -> str:
    """Write how many times faster the second is: the ratio of medians, and the range pair by pair."""
    pairs = [a / b for a, b in zip(slow, fast, strict=True)]
    return f"{statistics.median(slow) / statistics.median(fast):.3g} ({min(pairs):.2g} to {max(pairs):.2g})"


# -- the engines, each answering all targets of one case -------------------------------------------


def agrum_of(net: bp.Network) -> Any:
    """Return the network in pyAgrum, large noisy-ORs as chains like those we write for pgmpy."""
    model = bp.to_pgmpy(net)
    made = gum.BayesNet()
    for cpd in model.cpds:
        made.add(gum.LabelizedVariable(cpd.variable, "", [str(s) for s in cpd.state_names[cpd.variable]]))
    for cpd in model.cpds:
        for parent in cpd.variables[1:]:
            made.addArc(parent, cpd.variable)
    for cpd in model.cpds:
        table = made.cpt(cpd.variable)
        order = [cpd.variables.index(name) for name in reversed(table.names)]
        table.fillWith(np.transpose(cpd.values, order).ravel().tolist())
    return made


class Agrum:
    """pyAgrum LazyPropagation with its targets set; evidence changes from case to case."""

    def __init__(self, net: bp.Network, targets: Sequence[str]) -> None:
        self.engine = gum.LazyPropagation(agrum_of(net))
        self.given, self.targets = dict(net.given), targets

    def __call__(self, case: Case) -> list[float]:
        """Return the last state's probability of each target."""
        engine = self.engine
        engine.eraseAllEvidence()
        engine.eraseAllTargets()
        engine.setEvidence({**self.given, **case})
        for target in self.targets:
            engine.addTarget(target)
        engine.makeInference()
        return [float(engine.posterior(target).tolist()[-1]) for target in self.targets]


class Pgmpy:
    """pgmpy VariableElimination, target by target: asking for all at once would build their joint."""

    def __init__(self, net: bp.Network, targets: Sequence[str]) -> None:
        self.model = bp.to_pgmpy(net)
        self.given, self.targets = dict(net.given), targets

    def __call__(self, case: Case) -> list[float]:
        """Return the last state's probability of each target."""
        engine = VariableElimination(self.model)
        seen = {**self.given, **case}
        return [
            float(engine.query([target], evidence=seen, show_progress=False).values[-1])
            for target in self.targets
        ]


class Ours:
    """A case of its own for each; the plan is made anew unless the pattern was seen before."""

    def __init__(self, net: bp.Network, targets: Sequence[str]) -> None:
        self.net, self.targets = net, targets

    def __call__(self, case: Case) -> list[float]:
        """Return the last state's probability of each target."""
        return [float(values[-1]) for values in bp.observe(self.net, case).marginals(self.targets)]


def race(engines: Sequence[Engine], cases: Sequence[Case]) -> list[list[float]]:
    """Return the time of each engine on each case, taken in turns; all must agree."""
    times: list[list[float]] = [[] for _ in engines]
    # A garbage collection that falls into one engine's turn is not its work; timeit does the same.
    gc.collect()
    gc.disable()
    for case in cases:
        answers = []
        for engine, taken in zip(engines, times, strict=True):
            start = time.perf_counter()
            answers.append(engine(case))
            taken.append(time.perf_counter() - start)
        for other in answers[1:]:
            np.testing.assert_allclose(other, answers[0], atol=1e-9)
    gc.enable()
    return times


# -- sections --------------------------------------------------------------------------------------


def one() -> None:
    """One case with a pattern never seen before, and with one seen before; all conditions."""
    rows = []
    small = network(risks=8, conditions=16, mechanisms=0, findings=48, parents=5)
    for name, net in (("flagship, 73 nodes", small), ("vocabulary, 134 nodes", network())):
        targets = net.conditions
        engines: list[Engine] = [Agrum(net, targets), Pgmpy(net, targets), Ours(net, targets)]
        race(engines, cohort(net, 2, 5, seed=9))
        for findings in (3, 8, 20):
            cases = cohort(net, 20, findings)
            agrum, new = race([engines[0], engines[2]], cases)
            _, again = race([engines[0], engines[2]], cases)
            # With more findings pgmpy takes minutes a case.
            few = cases[:3] if findings < 20 else []
            pgmpy, _ = race([engines[1], engines[2]], few)
            rows.append(
                [
                    name,
                    str(findings),
                    ms(agrum),
                    ms(pgmpy),
                    ms(new),
                    ms(again),
                    ratio(agrum, new),
                    ratio(agrum, again),
                ]
                + [f"{statistics.median(pgmpy) / statistics.median(new):.0f}" if pgmpy else "-"]
            )
    headers = (
        "network|findings|pyAgrum ms|pgmpy ms|new pattern ms|kept plan ms|pyAgrum/new|pyAgrum/kept|pgmpy/new"
    )
    show("One case, posteriors of all conditions", headers.split("|"), rows)


def batch() -> None:
    """Rows of one pattern, and rows that each bring their own, with and without native code."""
    rows = []
    net = network()
    agrum = Agrum(net, net.conditions)
    rng = np.random.default_rng(4)
    for findings in (3, 8, 20):
        columns = [str(name) for name in rng.choice(net.findings, findings, replace=False)]
        same = pd.DataFrame({name: rng.choice(["absent", "present"], 500) for name in columns})
        mixed = pd.DataFrame(cohort(net, 1000 if findings < 20 else 200, findings))
        for kind, frame, native in (
            ("one pattern", same, False),
            ("own patterns, NumPy", mixed.head(40), False),
            ("own patterns, native", mixed, True),
        ):
            with patch.object(cohort_module, "NATIVE_WORTH", 0 if native else len(frame) + 1):
                bp.posteriors(net, frame.head(2))
                ours = [seconds(bp.posteriors, net, frame) / len(frame) for _ in range(3)]
            records = frame.head(15).to_dict("records")
            cases = [{str(k): v for k, v in row.items() if isinstance(v, str)} for row in records]
            theirs = [seconds(agrum, case) for case in cases]
            pace = statistics.median(theirs) / statistics.median(ours)
            rows.append([kind, str(findings), str(len(frame)), ms(theirs), ms(ours), f"{pace:.1f}"])
    headers = ["rows", "findings", "how many", "pyAgrum ms a row", "buttpain ms a row", "ratio"]
    show("Cohorts, posteriors of all conditions", headers, rows)


def pattern_of(made: Structure, net: bp.Network, case: Case, targets: Sequence[str]) -> tuple[Pattern, Any]:
    """Return the pattern of a case and its evidence as arrays."""
    observed = to_arrays(net, case)
    hard = sum(1 << i for i in observed.hard)
    absent = sum(1 << i for i, states in observed.hard.items() if made.is_absent(i, states))
    mask = sum(1 << made.position[name] for name in targets) & ~hard
    return Pattern(hard=hard, absent=absent, targets=mask), observed


def compile_() -> None:
    """Compare making a plan with running it."""
    rows = []
    for name, net in (("vocabulary", network()), ("alarm", bp.load_network(example_path("alarm")))):
        start = seconds(Structure, net)
        made = structure_of(net)
        for findings in (3, 8, 20):
            pool = net.findings or net.nodes[1::2]
            rng = np.random.default_rng(findings)
            cases = [
                {
                    str(n): net.states(str(n))[0]
                    for n in rng.choice(pool, min(findings, len(pool)), replace=False)
                }
                for _ in range(20)
            ]
            made_in, run_in, widths = [], [], []
            for case in cases:
                targets = net.conditions or net.nodes
                pattern, observed = pattern_of(made, net, case, targets)
                made_in.append(seconds(_Compiler(made, pattern, MEMORY).plan))
                plan = plan_for(made, pattern)
                widths.append(plan.order.width)

                run_in.append(statistics.median(seconds(all_targets, made, plan, observed) for _ in range(5)))
            rows.append(
                [name, f"{1e3 * start:.3g}", str(findings), str(max(widths)), ms(made_in), ms(run_in)]
                + [f"{statistics.median(made_in) / statistics.median(run_in):.2f}"]
            )
    show(
        "Making a plan",
        ["network", "structure ms", "findings", "largest width", "plan ms", "run ms", "plan/run"],
        rows,
    )


def all_targets(made: Structure, plan: Plan, observed: Observed) -> None:
    """Run a plan and read every target."""
    passes = run(plan, made.factors, observed)
    for i in plan.reads:
        passes.marginal(i)


def growth() -> None:
    """How the cost of one case with eight findings grows with the network, and a cohort's with its rows."""
    rows = []
    sizes: list[tuple[str, dict[str, int]]] = [
        (f"{n} findings", {"findings": n}) for n in (10, 30, 100, 300, 1000)
    ]
    sizes += [(f"{n} conditions", {"conditions": n}) for n in (6, 12, 24, 48)]
    sizes += [(f"up to {n} parents", {"parents": n}) for n in (2, 4, 6, 8)]
    for name, size in sizes:
        net = network(**size)
        ours = Ours(net, net.conditions)
        ours(cohort(net, 1, 8, seed=8)[0])
        cases = cohort(net, 15, 8)
        new = [seconds(ours, case) for case in cases]
        again = [seconds(ours, case) for case in cases]
        rows.append([name, str(len(net.nodes)), ms(new), ms(again)])
    show(
        "Growth: one case, 8 findings observed",
        ["network with", "nodes", "new pattern ms", "kept plan ms"],
        rows,
    )
    net = bp.load_network("five_findings")
    rng = np.random.default_rng(0)
    rows = []
    for n in (100, 1_000, 10_000, 100_000, 1_000_000):
        frame = pd.DataFrame(
            {name: rng.choice(np.array(["absent", "present", None]), n) for name in net.findings[:5]}
        )
        taken = seconds(bp.posteriors, net, frame)
        rows.append([f"{n:,}", f"{taken:.3g}", f"{1e6 * taken / n:.3g}"])
    show("Growth: rows of the five findings, with gaps", ["rows", "seconds", "microseconds a row"], rows)


def examples() -> None:
    """All posteriors of pgmpy's example networks, five nodes observed."""
    rows = []
    for name in ("asia", "child", "insurance", "alarm", "hepar2", "win95pts"):
        net = bp.load_network(example_path(name))
        likely = bp.observe(net).most_probable_explanation()[0]
        rng = np.random.default_rng(2)
        size = min(5, len(net.nodes) // 3)
        cases = [
            {str(n): likely[str(n)] for n in rng.choice(net.nodes, size, replace=False)} for _ in range(10)
        ]
        agrum_ms, new_ms, kept_ms = [], [], []
        for case in cases:
            targets = [node for node in net.nodes if node not in case]
            engines: list[Engine] = [Agrum(net, targets), Ours(net, targets)]
            first, second = race(engines, [case])
            agrum_ms += first
            new_ms += second
            kept_ms += [seconds(engines[1], case)]
        batch = [batched(net, list(cases[0]), targets)[1] for _ in range(3)]
        pace = statistics.median(agrum_ms) / statistics.median(batch)
        rows.append(
            [name, str(len(net.nodes)), ms(agrum_ms), ms(new_ms), ms(kept_ms), ratio(agrum_ms, new_ms)]
            + [ratio(agrum_ms, kept_ms), f"{pace:.0f}"]
        )
    show(
        "Example networks, all posteriors",
        [
            "network",
            "nodes",
            "pyAgrum ms",
            "new ms",
            "kept ms",
            "pyAgrum/new",
            "pyAgrum/kept",
            "pyAgrum/row of a batch",
        ],
        rows,
    )


def limit() -> None:
    """Batches against what NumPy reaches on plain arrays: the multiply-adds needed at the plain rate."""
    block = np.random.default_rng(0).random((512, 256))
    other = np.random.default_rng(1).random((512, 256))
    plain = statistics.median(seconds(np.einsum, "aZ,aZ->Z", block, other) for _ in range(50)) / block.size
    rows = []
    for name, net in (("vocabulary", network()), ("alarm", bp.load_network(example_path("alarm")))):
        made = structure_of(net)
        for findings in (3, 8, 20):
            pool = net.findings or net.nodes[1::2]
            columns = [
                str(n)
                for n in np.random.default_rng(findings).choice(pool, min(findings, len(pool)), replace=False)
            ]
            targets = list(net.conditions or [n for n in net.nodes if n not in columns])
            plan, taken = batched(net, columns, targets)
            work = multiply_adds(made, plan)
            rows.append(
                [name, str(findings), f"{work:,}", f"{1e6 * taken:.3g}", f"{1e6 * plain * work:.3g}"]
                + [f"{taken / (plain * work):.1f}"]
            )
    print(f"\nPlain arrays: {1e9 * plain:.2f} ns a multiply-add.")
    show(
        "Distance from the limit, batches of one pattern",
        ["network", "findings", "multiply-adds a row", "microseconds a row", "at the plain rate", "ratio"],
        rows,
    )


def batched(net: bp.Network, columns: Sequence[str], targets: Sequence[str]) -> tuple[Plan, float]:
    """Return the plan of a pattern, and the seconds a case that a block of cases with random states takes."""
    made = structure_of(net)
    states = {made.position[n]: 0 for n in columns}
    hard = sum(1 << made.position[n] for n in (*columns, *net.given))
    plan = plan_for(made, Pattern(hard=hard, targets=sum(1 << made.position[n] for n in targets)))
    rows = int(np.clip(cohort_module.CACHE / (8 * plan.entries), 1, 2**16))
    rng = np.random.default_rng(5)
    observed = {i: rng.integers(made.cards[i], size=rows) for i in states}
    observed |= {made.position[n]: np.array([net.states(n).index(s)]) for n, s in net.given.items()}
    times = [seconds(all_targets, made, plan, Observed(observed, {})) / rows for _ in range(5)]
    return plan, statistics.median(times)


def multiply_adds(made: Structure, plan: Plan) -> int:
    """Return the multiply-adds of one forward pass and the wanted part of the backward pass."""
    total = 0
    sizes = sizes_of(made, plan)
    for step in plan.steps:
        if isinstance(step, Contract):
            passes = 1 + plan.wanted[step.a] + plan.wanted[step.b]
            total += passes * sizes[step.out]
    return total


def sizes_of(made: Structure, plan: Plan) -> dict[int, int]:
    """Return for each contraction the entries of the union of its operands."""
    shapes: dict[int, tuple[int, ...]] = {}
    found = {}
    for number, leaf in plan.leaves.items():
        if leaf.kind == "weights":
            shapes[number] = (made.cards[leaf.node],)
        elif leaf.kind == "indicator":
            shapes[number] = (2,)
        elif leaf.kind == "identity":
            shapes[number] = (2, 2)
        elif leaf.kind == "weight":
            shapes[number] = ()
        else:
            full = list(made.factors.get(leaf.kind, leaf.node, leaf.slot, leaf.form).shape[:-1])
            hard = {axis + (leaf.form == "lifted") for axis, _ in leaf.hard}
            shapes[number] = tuple(size for axis, size in enumerate(full) if axis not in hard)
    for step in plan.steps:
        if isinstance(step, Contract):
            operands, out = step.forward.split("->")
            size: dict[str, int] = {}
            for text, operand in zip(operands.split(","), (step.a, step.b), strict=True):
                size |= dict(zip(text[:-1], shapes[operand], strict=True))
            shapes[step.out] = tuple(size[letter] for letter in out[:-1])
            found[step.out] = int(np.prod(list(size.values())))
        elif isinstance(step, Sum):
            shape = shapes[step.a]
            shapes[step.out] = shape[: step.axis] + shape[step.axis + 1 :]
        else:
            shape = shapes[step.a]
            shapes[step.out] = (2, 2, *shape[: step.axis], *shape[step.axis + 1 :])
    return found


SECTIONS = {
    "one": one,
    "batch": batch,
    "compile": compile_,
    "growth": growth,
    "examples": examples,
    "limit": limit,
}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or SECTIONS:
        SECTIONS[chosen]()
