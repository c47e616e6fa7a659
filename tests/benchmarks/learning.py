"""Drawing cases and learning from them: how long, how many passes, and how often the intervals hold.

    PYTHONPATH=tests python -m benchmarks.learning

The numbers of the truth are drawn from the network's own Betas and Dirichlets, cases from the truth; the
network then learns from the cases. An interval holds if it covers the number that the truth had.
"""

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from unittest.mock import patch

import numpy as np
import pandas as pd

import buttpain as bp
from benchmarks.inference import show
from benchmarks.synthetic import network
from buttpain.analysis.ascent import Point, Posterior
from buttpain.analysis.learning import learn
from buttpain.analysis.sampling import sample
from buttpain.model.network import Table
from buttpain.model.priors import Provenance, beta_interval

CASES = 5000
"""Cases that are learned from."""

RUNS = 15
"""Truths for each line about intervals."""


def unsure(net: bp.Network, ess: float) -> bp.Network:
    """Return the network with every number worth so many cases."""
    families = {}
    for node, family in net.families.items():
        count = family.values[..., 0].size if isinstance(family, Table) else len(family.numbers())
        families[node] = replace(family, provenance=(Provenance(ess=ess),) * count)
    return replace(net, families=families)


def truth(net: bp.Network, seed: int) -> bp.Network:
    """Return the network with numbers drawn from its Betas; its tables have two states."""
    rng = np.random.default_rng(seed)
    theta = rng.beta(net.theta * net.ess, (1 - net.theta) * net.ess)
    for node, span in net.spans.items():
        if isinstance(net.families[node], Table):
            theta[span.start : span.stop : 2] = 1 - theta[span.start + 1 : span.stop : 2]
    return net.with_theta(theta)


def frames(net: bp.Network) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield cohorts that observe more or less."""
    rng = np.random.default_rng(0)
    whole = sample(net, CASES, seed=1)
    findings = [node for node in net.findings if node not in net.given]

    def some(k: int) -> pd.DataFrame:
        kept = rng.permuted(np.arange(CASES * len(findings)).reshape(CASES, -1) % len(findings) < k, axis=1)
        return whole[findings].where(kept).join(whole[list(net.risk_factors)])

    conditions = whole[list(net.conditions)]
    yield "nine in ten of all entries", sample(net, CASES, seed=1, missing=0.1)
    yield "20 findings each, and all conditions", some(20).join(conditions)
    yield "20 findings each, no condition", some(20)
    yield "8 findings each, no condition", some(8)


def times() -> None:
    """Time drawing and learning on the shipped network of full size."""
    net, real, rows = bp.load_network("runner"), Posterior.at, []
    start = perf_counter()
    sample(net, 100_000)
    print(f"100,000 cases drawn in {perf_counter() - start:.2f} s\n")
    for name, frame in frames(net):
        passes = 0

        def at(self: Posterior, x: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Point:
            nonlocal passes
            passes += 1
            return real(self, x)

        start = perf_counter()
        with patch.object(Posterior, "at", at):
            learn(net, frame)
        # One pass more tells how sure the numbers are.
        total = perf_counter() - start
        rows.append([name, str(passes + 1), f"{total / (passes + 1):.2f}", f"{total:.1f}"])
    show(f"{CASES:,} cases of the network runner", ["observed", "passes", "s a pass", "s in all"], rows)


def intervals() -> None:
    """Count how often the 95 % intervals of learned numbers hold those of the truth."""
    net, rows = unsure(network(risks=4, conditions=6, mechanisms=3, findings=14, parents=3), 20.0), []
    second = [
        i
        for node, span in net.spans.items()
        for i in range(span.start, span.stop)
        if not isinstance(net.families[node], Table) or (i - span.start) % 2
    ]
    for n in (100, 1000):
        for name, hidden in (("mechanisms", ()), ("mechanisms and conditions", net.conditions)):
            held, sizes = [], []
            for seed in range(RUNS):
                real = truth(net, seed)
                gaps = {**dict.fromkeys(net.findings, 0.1), **dict.fromkeys(hidden, 1.0)}
                learned = learn(net, sample(real, n, seed=seed, missing=gaps))
                low, high = beta_interval(learned.theta, learned.ess)
                held.append(((low <= real.theta) & (real.theta <= high))[second].mean())
                sizes.append(np.median(learned.ess[second]))
            rows.append([f"{n:,}", name, f"{np.mean(held):.1%}", f"{np.mean(sizes):.0f}"])
    show("How often 95 % intervals hold", ["cases", "never seen", "held", "median size"], rows)


if __name__ == "__main__":
    times()
    intervals()
