"""The runner network: loading, one case by how much is known, and what an explanation costs beside it.

Run it with ``python -m benchmarks.runner`` (with ``PYTHONPATH=tests``), and with the word
``pyagrum`` after it to have pyAgrum answer the same cases, which takes many minutes.  Cases are
drawn from the network, and the findings that are known of each at random, so that every case is
a new pattern.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from statistics import median
from time import process_time

import buttpain as bp

CASES = 9


def seconds(work: Callable[..., object], *given: object) -> float:
    """Return the processor time of one call."""
    start = process_time()
    work(*given)
    return process_time() - start


def answered(net: bp.Network, row: Mapping[str, str], verb: Callable[[bp.Case], object]) -> object:
    """Apply a verb to a case that has made no passes yet."""
    return verb(bp.observe(net, row))


def _peer(net: bp.Network) -> Callable[[dict[str, str]], object]:
    """Return pyAgrum's way to answer a case."""
    from benchmarks.inference import Agrum

    return Agrum(net, net.conditions)


def main() -> None:
    """Print the table."""
    print(f"load {1e3 * seconds(lambda: bp.load_network('runner')):.0f} ms")
    net = bp.load_network("runner")
    print(f"first posterior {1e3 * seconds(lambda: bp.observe(net).posterior()):.0f} ms")
    people = bp.sample(net, CASES, seed=3)
    names = [name for name in net.findings if name not in net.given]
    draw = random.Random(0)  # noqa: S311 -- which findings are known, no secret
    verbs: dict[str, Callable[[bp.Case], object]] = {
        "explain": bp.explain,
        "next_findings": bp.next_findings,
        "uncertainty, 500 draws": lambda case: bp.uncertainty(case, samples=500),
    }
    peer = _peer(net) if "pyagrum" in sys.argv else None
    for known in (3, 8, 12, 20, 40, len(names)):
        rows = [
            {name: people.iloc[i][name] for name in draw.sample(names, known)} for i in range(len(people))
        ]
        first = median(seconds(answered, net, row, bp.Case.posterior) for row in rows)
        print(f"{known:3} findings: {1e3 * first:7.1f} ms", end="")
        if peer is not None:
            print(
                f" | pyAgrum {median(seconds(peer, row) for row in rows) / first:.0f} times",
                end="",
                flush=True,
            )
        for name, verb in verbs.items():
            if known <= 20:
                took = median(seconds(answered, net, row, verb) for row in rows)
                print(f" | {name} {took / first:.1f} times", end="")
        print()


if __name__ == "__main__":
    main()
