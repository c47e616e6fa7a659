"""Networks of the shape that the library is made for, in any size, and cases on them."""

from typing import Any

import numpy as np

from buttpain.model.network import Network, NoisyOr, Table, Variable

__all__ = ["cohort", "network"]


def network(
    *,
    risks: int = 20,
    conditions: int = 23,
    mechanisms: int = 13,
    findings: int = 77,
    parents: int = 4,
    seed: int = 3,
) -> Network:
    """Return risk factors, conditions, mechanisms and findings, and a selection that every condition causes.

    Parameters
    ----------
    risks, conditions, mechanisms, findings
        How many of each.
    parents
        Most parents of a finding; each has 2 to this many.
    seed
        Of the random links and numbers.
    """
    rng = np.random.default_rng(seed)
    made: dict[str, tuple[str, Table | NoisyOr]] = {}

    def some(names: list[str], low: int, high: int) -> tuple[str, ...]:
        size = min(len(names), int(rng.integers(low, high + 1)))
        return tuple(names[i] for i in rng.choice(len(names), size, replace=False))

    def noisy_or(causes: tuple[str, ...], leak: tuple[float, float], link: tuple[float, float]) -> NoisyOr:
        return NoisyOr(
            causes, float(rng.uniform(*leak)), tuple((None, float(rng.uniform(*link))) for _ in causes)
        )

    for i in range(risks):
        present = float(rng.uniform(0.1, 0.5))
        made[f"r{i}"] = "risk_factor", Table((), np.array([1 - present, present]))
    early = list(made)
    for i in range(conditions):
        made[f"c{i}"] = "condition", noisy_or(some(early, 1, 3), (0.01, 0.08), (0.02, 0.2))
    late = [name for name in made if name.startswith("c")]
    selected = noisy_or(tuple(late), (0.05, 0.1), (0.7, 0.95))
    for i in range(mechanisms):
        made[f"m{i}"] = "mechanism", noisy_or(some(late[:conditions], 2, 4), (0.01, 0.1), (0.3, 0.9))
        late.append(f"m{i}")
    for i in range(findings):
        made[f"f{i}"] = "finding", noisy_or(some(late, 2, parents), (0.02, 0.2), (0.3, 0.9))
    made["selection"] = "", selected
    variables = tuple(Variable(name, role=role) for name, (role, _) in made.items())
    return Network(
        "synthetic", variables, {name: family for name, (_, family) in made.items()}, {"selection": "present"}
    )


def cohort(net: Network, rows: int, findings: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """Return cases that each observe other findings, as likely present as absent."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(rows):
        chosen = rng.choice(len(net.findings), min(findings, len(net.findings)), replace=False)
        cases.append({net.findings[i]: ("absent", "present")[int(rng.integers(2))] for i in chosen})
    return cases
