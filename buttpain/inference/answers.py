"""What each possible answer to unasked questions would make of the posteriors, all in one batch.

The evidence of an answer is a factor on its node, which is carried upwards (`terms`).

For joint answers to several questions the factors multiply before they are carried on, and all
that are present are differences (Heckerman 1989).  The terms of those lie in [0, 1], so that
what they leave is right to some 1e-14, however improbable it is itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from buttpain.inference.case import Case
from buttpain.inference.terms import Columns, Joints, Term, merged

__all__ = ["NOISE", "Answers", "answers_of", "joint_answers"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

NOISE = 1e-12
"""How far the probability of a joint answer may be off; in truth a hundredth of it."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Posteriors under every answer to every question.

    Parameters
    ----------
    findings
        What may be asked.
    before
        P(target | evidence) of each target, shape (states,).
    owner, state
        Of each answer: the position of what is asked and of the state; shape (answers,).
    probability
        P(answer | evidence), shape (answers,).
    marginals
        P(target | evidence, answer) of each target, shape (states, answers); NaN where the
        answer is impossible.
    """

    findings: tuple[str, ...]
    before: tuple[Array, ...]
    owner: Places
    state: Places
    probability: Array
    marginals: tuple[Array, ...]


def answers_of(case: Case, findings: Sequence[str], targets: Sequence[str]) -> Answers:
    """Return what each answer would make of the posteriors, exactly.

    Parameters
    ----------
    case
        What is known.
    findings
        Nodes that were not observed.
    targets
        Nodes whose posteriors are wanted.

    Raises
    ------
    UnknownNode, ImpossibleEvidence, NetworkTooComplex
    """
    sizes = [len(case.net.states(node)) for node in targets]
    joints = Joints(case.sums(targets), partial(case.under, targets), sizes, findings)
    position = {node: i for i, node in enumerate(findings)}
    with np.errstate(invalid="ignore"):
        marginals = tuple(total / total.sum(axis=0) for total in joints.joint)
    return Answers(
        findings=tuple(findings),
        before=tuple(joints.before),
        owner=np.array([position[node] for node, _ in joints.place], dtype=np.intp),
        state=np.array([state for _, state in joints.place], dtype=np.intp),
        probability=joints.probability,
        marginals=marginals,
    )


def joint_answers(
    case: Case, findings: Sequence[str], targets: Sequence[str]
) -> tuple[Array, tuple[Array, ...]]:
    """Return how probable every joint answer to some questions is, alone and with each target.

    Parameters
    ----------
    case
        What is known.
    findings
        Nodes that were not observed, one at least.
    targets
        Nodes whose posteriors are wanted.

    Returns
    -------
    probability
        P(answers | evidence), one axis a finding; right to `NOISE`.
    joint
        P(target, answers | evidence) of each target, the states of the target first.

    Raises
    ------
    UnknownNode, ImpossibleEvidence, NetworkTooComplex
    """
    net, sums = case.net, case.sums(targets)
    stopped = [finding for finding in findings if sums.of_node(finding) is None]
    if stopped:
        sums = case.sums([*targets, *stopped])
    above = set(case.relevant([parent for finding in findings for parent in net.parents(finding)]))
    terms: list[Term] = [(1.0, {})]
    differences = []
    for axis, finding in enumerate(findings, start=-len(findings)):
        factors, is_difference = sums.factors(finding, leaf=finding not in above)
        differences += [axis] * is_difference
        terms = [
            (scale * number, merged(vectors, more)) for scale, vectors in terms for number, more in factors
        ]
    columns = Columns()
    parts = [
        (place, column, number)
        for place, term in enumerate(terms)
        for column, number in columns.add(sums.carried(term))
    ]
    places, taken, numbers = (np.array(part) for part in zip(*parts, strict=True))
    marginals, ratio = case.under(targets, columns.weights(net.states))
    sizes = [len(net.states(finding)) for finding in findings]

    def added(values: Array) -> Array:
        total = np.bincount(places, numbers * values[taken], len(terms))
        return _difference(np.asarray(total, dtype=np.float64).reshape(sizes), differences)

    joint = [ratio * np.where(ratio > 0, after, 0.0) for after in marginals]
    return added(ratio), tuple(np.array([added(row) for row in rows]) for rows in joint)


def _difference(joint: Array, axes: Sequence[int]) -> Array:
    """Put what the first of two answers leaves of both in place of both, on these axes."""
    for axis in axes:
        by_answer = np.moveaxis(joint, axis, 0)
        by_answer[1] -= by_answer[0]
    return np.maximum(joint, 0.0)
